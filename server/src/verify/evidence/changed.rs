//! What a patch changed, in the terms that evidence is gathered in: functions that can be called, and lines to mutate.

use std::ops::Range;
use std::path::Path;

use baton_grammars::ItemKind;

use super::examples::is_outermost;
use super::interpreter::Interpreter;
use super::mutants::{Mutant, mutants as mutants_of};
use crate::patch::{Edit, Patch, is_test};
use crate::verify::Texts;
use crate::workspace::{RelPath, Snapshot};

/// Most functions that are called.
const MOST: usize = 8;

/// The file and the names of its outermost functions that the patch changed, where they can be called by themselves: in the
/// one file with an interpreter that it changes, and there before and after.
pub(super) fn functions(patch: &Patch, snapshot: &Snapshot, texts: &Texts) -> Option<(RelPath, Vec<String>)> {
    let mut found = None;
    for (path, change) in patch.files() {
        let Some((_, language)) = Interpreter::of(path) else { continue };
        if is_test(path) || change.name(path) != Some(path) {
            continue;
        }
        let (old, new) = (snapshot.read(path).ok()?, texts.get(path)?.clone()?);
        let (before, after) = (language.parse(&old)?, language.parse(&new)?);
        let ranges = ranges(&change.edits, &new);
        let known: Vec<String> = language.items(&before, &old).into_iter().map(|item| item.name).collect();
        let names = language.items(&after, &new).into_iter().filter(|item| {
            let is_touched = ranges.iter().any(|range| range.start < item.range.end && range.end > item.range.start);
            item.kind == ItemKind::Function && is_touched && is_outermost(item, &new) && known.contains(&item.name)
        });
        let mut names: Vec<String> = names.map(|item| item.name).collect();
        // What is overloaded is declared several times.
        names.dedup();
        names.truncate(MOST);
        if !names.is_empty() && found.replace((path.clone(), names)).is_some() {
            return None;
        }
    }
    found
}

/// Mutants of the lines that the patch changed, at most `most` over all files.
pub(super) fn mutants(patch: &Patch, snapshot: &Snapshot, texts: &Texts, most: usize) -> Vec<(RelPath, Mutant)> {
    let mut all = Vec::new();
    for (path, change) in patch.files() {
        let Some(name) = change.name(path).filter(|name| !is_test(name)) else { continue };
        let Some(language) = baton_grammars::by_path(Path::new(name.as_str())) else { continue };
        let Some(Some(new)) = texts.get(name) else { continue };
        let old = snapshot.read(path).unwrap_or_default();
        let found = mutants_of(language, new, &ranges(&change.edits, new), most);
        // To undo the change is no mutant: that the tests passed before is known.
        all.extend(found.into_iter().filter(|mutant| *mutant.text != *old).map(|mutant| (name.clone(), mutant)));
    }
    all.truncate(most);
    all
}

/// Whole lines of the new text that the edits touch; where they only take away, the lines around.
fn ranges(edits: &[Edit], new: &str) -> Vec<Range<usize>> {
    let mut shift = 0_isize;
    let mut found = Vec::new();
    for edit in edits {
        let start = edit.range.start.saturating_add_signed(shift).min(new.len());
        let end = (start + edit.text.len()).min(new.len());
        shift += edit.text.len() as isize - edit.range.len() as isize;
        let (first, last) = if edit.text.is_empty() { (start.saturating_sub(1), end) } else { (start, end.max(1) - 1) };
        let (first, last) = (floor(new, first), floor(new, last));
        let line_start = new[..first].rfind('\n').map_or(0, |at| at + 1);
        let line_end = new[last..].find('\n').map_or(new.len(), |at| last + at);
        found.push(line_start..line_end.max(line_start));
    }
    found
}

fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::ranges;
    use crate::patch::{Edit, apply};

    #[test]
    fn lines_that_an_edit_touches_are_those_of_the_new_text() {
        let old = "a = 1\nb = 2\nc = 3\nd = 4\n";
        let edit = |range: std::ops::Range<usize>, text: &str| Edit { range, text: text.to_owned() };
        for (edits, lines) in [
            (vec![edit(6..12, "b = 20\nx = 1\n")], vec!["b = 20\nx = 1"]),
            (vec![edit(4..5, "é")], vec!["a = é"]),
            (vec![edit(6..12, "")], vec!["a = 1\nc = 3"]),
            (vec![edit(0..6, ""), edit(16..17, "5")], vec!["b = 2", "c = 5"]),
            (vec![edit(24..24, "e = 5\n")], vec!["e = 5"]),
        ] {
            let new = apply(old, &edits).unwrap();
            let found: Vec<&str> = ranges(&edits, &new).into_iter().map(|range| &new[range]).collect();
            assert_eq!(found, lines, "{edits:?}");
        }
    }
}
