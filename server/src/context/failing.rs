//! The source of the tests that fail, found by their names in the report.

use std::ops::Range;

use super::map::{Definition, FileId, Map, Tagged, hash};
use super::source::Source;
use super::{Part, language};
use crate::workspace::Snapshot;

/// Most failing tests that are shown.
const TESTS: usize = 2;
/// Most bytes of one; of a larger class only the test itself is shown.
const MOST: usize = 800;
/// Files that are searched for a test whose name is a text.
const SEARCHED: usize = 12;

/// A part for each failing test that is found. `near`: where to look for a test that has a title instead of a
/// name, the most likely file first.
pub(super) fn parts(
    report: &str,
    map: &Map,
    snapshot: &Snapshot,
    near: &[FileId],
    withheld: &mut Vec<String>,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for name in names(report) {
        if parts.len() == TESTS {
            break;
        }
        let Some((source, place)) = by_title(name, map, snapshot, near).or_else(|| by_identifier(name, map, snapshot))
        else {
            continue;
        };
        let text = source.pieces(vec![place], withheld);
        if !parts.iter().any(|part| part.text == text) {
            parts.push(Part::new(format!("A failing test, in {}:", source.path), language(source.path), text));
        }
    }
    parts
}

/// The names of failing tests: `- name: what it said`, a line each.
fn names(report: &str) -> impl Iterator<Item = &str> {
    let items = report.lines().filter_map(|line| line.strip_prefix("- "));
    items.map(|item| item.split(": ").next().unwrap_or(item)).filter(|name| !name.starts_with('<'))
}

/// A test that is a function: the one of that name whose file and surroundings say the most of the rest.
fn by_identifier<'m>(name: &str, map: &'m Map, snapshot: &Snapshot) -> Option<(Source<'m>, Range<usize>)> {
    // What stands in brackets is a parameter, what comes after a slash in Go's a part of the test.
    let name = name.split('[').next().unwrap_or(name);
    let words: Vec<&str> = name.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).collect();
    words.iter().rev().find_map(|word| {
        let named = |tagged: &Tagged| tests(tagged, word, &words).next();
        let says = |id: &FileId| {
            let file = map.file(*id);
            let parts: Vec<&str> = file.path.as_str().split(['/', '.']).collect();
            let is_there =
                |word: &&&str| parts.contains(word) || file.tagged.defined().contains(&hash(word.as_bytes()));
            words.iter().filter(is_there).count()
        };
        let defining = map.defining(word).iter().filter(|id| named(&map.file(**id).tagged).is_some());
        let id =
            defining.max_by(|a, b| says(a).cmp(&says(b)).then_with(|| map.file(**b).path.cmp(&map.file(**a).path)))?;
        let source = Source::read(map, *id, snapshot)?;
        let found = named(&source.tagged)?;
        let mut around = source.tagged.tests.iter().map(|(start, end)| *start as usize..*end as usize);
        let whole = around.find(|around| around.contains(&found.start) && around.len() <= MOST);
        Some((source, whole.unwrap_or(found)))
    })
}

/// The tests of a name, those first that stand in something whose name is one of the words.
fn tests(tagged: &Tagged, name: &str, words: &[&str]) -> impl Iterator<Item = Range<usize>> {
    let is_meant = |at: usize| {
        let around = at.checked_sub(1).and_then(|before| tagged.around(before));
        around.is_some_and(|around| words.iter().any(|word| hash(word.as_bytes()) == around.name))
    };
    let named = tagged.definitions.iter().filter(|found| found.name == hash(name.as_bytes())).map(Definition::range);
    let mut tests: Vec<Range<usize>> = named.filter(|range| tagged.is_test(range.start)).collect();
    tests.sort_by_key(|range| !is_meant(range.start));
    tests.into_iter()
}

/// A test with a title, as in JavaScript: `suite > what it should do`.
fn by_title<'m>(name: &str, map: &'m Map, snapshot: &Snapshot, near: &[FileId]) -> Option<(Source<'m>, Range<usize>)> {
    let title = name.rsplit(" > ").next().unwrap_or(name).trim();
    let tested = near.iter().filter(|id| !map.file(**id).tagged.tests.is_empty()).take(SEARCHED);
    tested.filter(|_| !title.is_empty()).find_map(|id| {
        let source = Source::read(map, *id, snapshot)?;
        let quoted = ['\'', '"', '`'].map(|quote| format!("{quote}{title}{quote}"));
        let at = quoted.iter().filter_map(|quoted| source.text.find(quoted)).find(|at| source.tagged.is_test(*at))?;
        let place = block(&source, at);
        Some((source, place))
    })
}

/// The line of a place with the lines that are indented more than it, and the one that closes them.
fn block(source: &Source<'_>, at: usize) -> Range<usize> {
    let first = source.lines(&(at..at));
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(&source.text[first.clone()]);
    let mut end = first.end;
    for line in source.text[first.end..].split_inclusive('\n') {
        if !line.trim().is_empty() && indent(line) <= own {
            // A bracket closes the block; anything else begins the next.
            return first.start..if line.trim_start().starts_with(['}', ')', ']']) { end + line.len() } else { end };
        }
        if end + line.len() - first.start > MOST {
            break;
        }
        end += line.len();
    }
    first.start..end
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_are_read_from_a_report() {
        let report = "3 tests fail:\n- t.py::test_a[x: y]: E\n    more - b\n- lib m::tests::b\n- <the build>: no\n- s > adds: a: b";
        assert_eq!(names(report).collect::<Vec<_>>(), ["t.py::test_a[x", "lib m::tests::b", "s > adds"]);
    }
}
