//! The smallest edits, in whole lines, that make the same change: what a person reviews and an editor merges.

use imara_diff::{Algorithm, Diff, InternedInput};

use super::{Edit, Patch, apply};
use crate::workspace::Snapshot;

/// `patch` with the edits of each file reduced to the lines that really change; files it leaves as they are
/// fall out. Edits that do not fit their file stay as they were: refusing them is the gate's work.
pub fn minimise(patch: &Patch, snapshot: &Snapshot) -> Patch {
    let mut small = Patch::default();
    for (path, written) in patch.files() {
        let old = snapshot.read(path).ok();
        let reduced = old.and_then(|old| Some(edits(&old, &apply(&old, written)?)));
        let kept = small.insert(path.clone(), reduced.unwrap_or_else(|| written.clone()));
        debug_assert!(kept.is_ok(), "hunks are in order");
    }
    small
}

/// The changed lines between two texts.
pub(super) fn edits(old: &str, new: &str) -> Vec<Edit> {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let starts = |tokens: &[imara_diff::Token]| {
        let mut at = 0;
        let ends = tokens.iter().map(|&token| {
            at += input.interner[token].len();
            at
        });
        std::iter::once(0).chain(ends.collect::<Vec<usize>>()).collect::<Vec<usize>>()
    };
    let (before, after) = (starts(&input.before), starts(&input.after));
    diff.hunks()
        .map(|hunk| Edit {
            range: before[hunk.before.start as usize]..before[hunk.before.end as usize],
            text: new[after[hunk.after.start as usize]..after[hunk.after.end as usize]].to_owned(),
        })
        .collect()
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

    proptest::proptest! {
        #[test]
        fn any_change_survives(old in "([ab]?\r?\n){0,12}[ab]?", new in "([ab]?\r?\n){0,12}[ab]?") {
            proptest::prop_assert_eq!(apply(&old, &edits(&old, &new)), Some(new));
        }
    }
}
