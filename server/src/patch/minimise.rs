//! The smallest edits, in whole lines, that make the same change: what a person reviews and an editor merges.

use imara_diff::{Algorithm, Diff, InternedInput};

use super::{Change, Edit, Patch, apply};
use crate::workspace::Snapshot;

/// Lines left around what differs.
const AROUND: usize = 50;

/// `patch` with the edits of each file reduced to the lines that really change; files it leaves as they are
/// fall out. Edits that do not fit their file stay as they were: refusing them is the gate's work.
pub fn minimise(patch: &Patch, snapshot: &Snapshot) -> Patch {
    let mut small = Patch::default();
    for (path, change) in patch.files() {
        let old = change.before(path, snapshot).ok();
        let reduced = old.and_then(|old| Some(edits(&old, &apply(&old, &change.edits)?)));
        let edits = reduced.unwrap_or_else(|| change.edits.clone());
        let kept = small.insert(path.clone(), Change { edits, fate: change.fate.clone() });
        debug_assert!(kept.is_ok(), "hunks are in order");
    }
    small
}

/// The changed lines between two texts.
pub fn edits(old: &str, new: &str) -> Vec<Edit> {
    let (start, end) = same(old, new);
    let (before, after) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let starts = |tokens: &[imara_diff::Token]| {
        let mut at = start;
        let ends = tokens.iter().map(|&token| {
            at += input.interner[token].len();
            at
        });
        std::iter::once(start).chain(ends.collect::<Vec<usize>>()).collect::<Vec<usize>>()
    };
    let (before, after) = (starts(&input.before), starts(&input.after));
    diff.hunks()
        .map(|hunk| Edit {
            range: before[hunk.before.start as usize]..before[hunk.before.end as usize],
            text: new[after[hunk.after.start as usize]..after[hunk.after.end as usize]].to_owned(),
        })
        .collect()
}

/// The bytes at the start and at the end that the texts share, in whole lines, less some lines: a change between
/// like lines can be shown in several places, and which one reads best depends on what stands around it.
fn same(old: &str, new: &str) -> (usize, usize) {
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let ends = old[..head].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let start = ends.map(|(at, _)| at + 1).nth(AROUND).unwrap_or(0);
    let (old, new) = (&old[start..], &new[start..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut ends = old[old.len() - tail..].iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let end = ends.nth(AROUND).map_or(0, |(at, _)| tail - at - 1);
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::edits;
    use crate::patch::{Edit, apply};

    #[test]
    fn only_changed_lines_are_touched() {
        let (old, new) = ("a\r\nb\r\nc\r\nd", "a\r\nB\r\nc\r\nd\r\ne");
        let expected = [Edit { range: 3..6, text: "B\r\n".into() }, Edit { range: 9..10, text: "d\r\ne".into() }];
        assert_eq!(edits(old, new), expected);
        assert_eq!(apply(old, &edits(old, new)).as_deref(), Some(new));
        assert!(edits(old, old).is_empty());
    }

    #[test]
    fn a_change_in_a_long_text_is_found_where_it_is() {
        let lines: Vec<String> = (0..500).map(|i| format!("é {}\n", i % 7)).collect();
        let (old, at) = (lines.concat(), lines[..250].concat().len());
        for (range, text) in
            [(at..at, "ü\n"), (at..at + lines[250].len(), ""), (0..0, "ü\n"), (old.len()..old.len(), "ü")]
        {
            let edit = Edit { range, text: text.into() };
            let new = apply(&old, std::slice::from_ref(&edit)).expect("it fits");
            let found = edits(&old, &new);
            assert_eq!((found.len(), apply(&old, &found)), (1, Some(new)), "{edit:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_change_survives(old in "([ab]?\r?\n){0,12}[ab]?", new in "([ab]?\r?\n){0,12}[ab]?") {
            proptest::prop_assert_eq!(apply(&old, &edits(&old, &new)), Some(new));
        }
    }
}
