//! What belongs to a task in other files: the definitions that its code uses, and the code that uses it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::map::{COMMON, Definition, FileId, Map, Tagged};
use super::source::Source;
use super::{Part, language};
use crate::task::Task;
use crate::workspace::RelPath;

/// Most definitions that are shown, and the most bytes of them together.
const DEFINITIONS: usize = 12;
const DEFINITION_BYTES: usize = 2400;
/// Most files whose calls are shown, most calls of each, and the most bytes of them together.
const CALLERS: usize = 4;
const CALLS_EACH: usize = 2;
const CALLER_BYTES: usize = 1600;
/// A definition of at most this many bytes is shown whole: its signature alone would be hardly shorter.
const SMALL: usize = 320;
/// Most lines of a signature.
const SIGNATURE_LINES: usize = 6;

/// The neighbours of a task in the map.
pub(super) struct Related<'a> {
    task: &'a Task,
    map: &'a Map,
    file: FileId,
    own: Source<'a>,
    /// Bytes of the code that the task is about.
    focus: Range<usize>,
    rank: HashMap<FileId, f32>,
}

impl<'a> Related<'a> {
    /// `None` where the map does not know the file. `words`: what else is said of the task; files that it names count.
    pub(super) fn new(task: &'a Task, map: &'a Map, focus: Range<usize>, words: &[&str]) -> Option<Self> {
        let file = map.id(&task.focus.path)?;
        let mut seeds: BTreeMap<FileId, f32> = words.iter().flat_map(|words| named(map, words)).collect();
        seeds.insert(file, 1.0);
        let own = Source::read(map, file, &task.snapshot)?;
        Some(Self { task, map, file, own, focus, rank: map.rank(&seeds) })
    }

    /// The nearest files, the task's own left out.
    pub(super) fn nearest(&self) -> Vec<FileId> {
        let files = self.rank.keys().copied().filter(|id| *id != self.file).collect();
        self.ordered(files, |_| 1.0).into_iter().map(|(_, id)| id).collect()
    }

    /// The definitions in other files that the code uses, as one part for each file.
    pub(super) fn definitions(&self, withheld: &mut Vec<String>) -> Vec<Part> {
        let mut found: Vec<(f32, FileId, u64)> = Vec::new();
        for (name, times) in used(&self.own, &self.focus) {
            let definers = self.map.definers(name, self.file);
            if definers.len() > COMMON || definers.contains(&self.file) {
                continue;
            }
            let weight = (times as f32).sqrt() / definers.len() as f32;
            found.extend(self.ordered(definers, |_| weight).first().map(|(score, id)| (*score, *id, name)));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| self.path(a.1).cmp(self.path(b.1))));
        found.truncate(DEFINITIONS);
        let mut files: Vec<(FileId, Vec<u64>)> = Vec::new();
        for (_, id, name) in found {
            match files.iter_mut().find(|(other, _)| *other == id) {
                Some((_, names)) => names.push(name),
                None => files.push((id, vec![name])),
            }
        }
        self.parts(files, "It uses, from", DEFINITION_BYTES, withheld, |source, names| {
            let is_meant = |definition: &&Definition| names.contains(&definition.name);
            source.tagged.definitions.iter().filter(is_meant).map(|found| short(source, &found.range())).collect()
        })
    }

    /// The code in other files that uses what the task is about; tests do not count.
    pub(super) fn callers(&self, withheld: &mut Vec<String>) -> Vec<Part> {
        let names = about(&self.own.tagged, &self.focus, self.own.text.len());
        let mut users: Vec<FileId> = Vec::new();
        for name in &names {
            // All but a few of very many users have a rank.
            let is_own =
                |user: &FileId| self.rank.contains_key(user) && self.map.definers(*name, *user).contains(&self.file);
            if self.map.definers(*name, self.file).len() <= COMMON {
                users.extend(self.map.users(*name).iter().copied().filter(is_own));
            }
        }
        users.sort_unstable();
        users.dedup();
        users.retain(|id| *id != self.file && calls(&self.map.file(*id).tagged, &names).next().is_some());
        let nearest = self.ordered(users, |_| 1.0).into_iter().take(CALLERS);
        let files = nearest.map(|(_, id)| (id, names.clone())).collect();
        self.parts(files, "It is used in", CALLER_BYTES, withheld, |source, names| {
            let each = calls(&source.tagged, names).take(CALLS_EACH);
            let around = |at: usize| Some((at, source.tagged.around(at)?.range()));
            each.filter_map(around)
                .flat_map(|(at, around)| match around.len() {
                    ..=SMALL => vec![around],
                    _ => vec![signature(source, &around), Range { start: at, end: at + 1 }],
                })
                .collect()
        })
    }

    /// One part for each file, as long as all together are short enough.
    fn parts(
        &self,
        files: Vec<(FileId, Vec<u64>)>,
        heading: &str,
        most: usize,
        withheld: &mut Vec<String>,
        places: impl Fn(&Source<'_>, &[u64]) -> Vec<Range<usize>>,
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut bytes = 0;
        for (id, names) in files {
            let Some(source) = Source::read(self.map, id, &self.task.snapshot) else { continue };
            let mut kept = Vec::new();
            let text = source.pieces(places(&source, &names), &mut kept);
            if text.is_empty() || bytes + text.len() > most {
                continue;
            }
            bytes += text.len();
            withheld.append(&mut kept);
            let path = source.path;
            parts.push(Part::new(format!("{heading} {path}:"), language(path), text));
        }
        parts
    }

    /// The files by rank times weight, the highest first; those without a rank last.
    fn ordered(&self, files: Vec<FileId>, weight: impl Fn(FileId) -> f32) -> Vec<(f32, FileId)> {
        let score = |id: FileId| self.rank.get(&id).copied().unwrap_or(0.0) * weight(id);
        let mut scored: Vec<(f32, FileId)> = files.into_iter().map(|id| (score(id), id)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| self.path(a.1).cmp(self.path(b.1))));
        scored
    }

    fn path(&self, id: FileId) -> &RelPath {
        &self.map.file(id).path
    }
}

/// The files that a text names, each half as much as the task's own.
fn named(map: &Map, words: &str) -> Vec<(FileId, f32)> {
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let words = words.split(|c| !is_path(c)).filter(|word| word.contains(['/', '.']));
    words.filter_map(|word| Some((map.id(&RelPath::new(word).ok()?)?, 0.5))).collect()
}

/// The names that the code in focus uses, with how often: those that the grammar sees used in it, and what the
/// file imports and the code only mentions, such as a constant.
fn used(own: &Source<'_>, focus: &Range<usize>) -> Vec<(u64, usize)> {
    let mut used = own.tagged.used(focus.clone());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: HashSet<&str> = own
        .text
        .get(focus.clone())
        .unwrap_or_default()
        .split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
        .collect();
    let imported = own.tagged.uses.iter().filter(|found| own.tagged.around(found.at()).is_none());
    for found in imported {
        let word = own.text[found.at()..].split(|c| !is_word(c)).next().unwrap_or_default();
        if words.contains(word) && !used.iter().any(|(name, _)| *name == found.name) {
            used.push((found.name, 1));
        }
    }
    used
}

/// The names that the code in focus gives others to use: that of the item, or all of a whole file.
fn about(tagged: &Tagged, focus: &Range<usize>, length: usize) -> Vec<u64> {
    if focus.start <= '\u{feff}'.len_utf8() && focus.end >= length {
        return tagged.definitions.iter().filter(|found| found.holds).map(|found| found.name).collect();
    }
    tagged.around(focus.start).map(|found| found.name).into_iter().collect()
}

/// Where a file uses the names outside of its tests.
fn calls<'t>(tagged: &'t Tagged, names: &'t [u64]) -> impl Iterator<Item = usize> + 't {
    let uses = tagged.uses.iter().filter(|used| names.contains(&used.name)).map(|used| used.at());
    // An import says less than the call that it is for.
    uses.filter(|at| !tagged.is_test(*at) && tagged.around(*at).is_some())
}

/// A definition, as short as it can be said.
fn short(source: &Source<'_>, definition: &Range<usize>) -> Range<usize> {
    if definition.len() <= SMALL { definition.clone() } else { signature(source, definition) }
}

/// The lines of a definition up to the one that opens its body.
fn signature(source: &Source<'_>, definition: &Range<usize>) -> Range<usize> {
    let mut end = definition.start;
    for line in source.text[definition.clone()].split_inclusive('\n').take(SIGNATURE_LINES) {
        end += line.len();
        if line.trim_end().ends_with(['{', ':', '=', '>', ';']) {
            break;
        }
    }
    definition.start..end
}
