//! As many suggestions as go together, as one list of edits.

use std::ops::Range;

use super::suggestion::Suggestion;
use crate::patch::Edit;

/// The edits of the suggestions in order of the text, and which suggestions they are. Of those that touch the same
/// text the first wins; the tool is asked again about the others.
pub(super) fn merged(suggestions: &[Suggestion]) -> (Vec<Edit>, Vec<&Suggestion>) {
    let (mut edits, mut taken) = (Vec::<Edit>::new(), Vec::new());
    for suggestion in suggestions {
        let mut own = suggestion.edits.clone();
        own.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let is_apart = own.windows(2).all(|pair| is_apart(&pair[0].range, &pair[1].range))
            && own.iter().all(|edit| edits.iter().all(|other| is_apart_from(edit, other)));
        if is_apart {
            edits.extend(own);
            taken.push(suggestion);
        }
    }
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    (edits, taken)
}

fn is_apart_from(one: &Edit, other: &Edit) -> bool {
    is_apart(&one.range, &other.range) || is_apart(&other.range, &one.range)
}

/// Whether `one` ends before `other`, so that it is plain what stands where afterwards: what is put in at the edge of
/// another edit could stand on either side.
fn is_apart(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.end < other.start || one.end == other.start && !one.is_empty() && !other.is_empty()
}

/// Where a range is after the edits; it grows with what is put in at its edges.
pub(super) fn moved(range: &Range<usize>, edits: &[Edit]) -> Range<usize> {
    let shift = |at: usize, is_end: bool| {
        let mut new = at;
        for edit in edits {
            let is_before = edit.range.end < at || edit.range.end == at && is_end;
            if is_before {
                new = new + edit.text.len() - edit.range.len();
            } else if edit.range.start < at {
                // The edge itself is replaced: all of what stands there now belongs to the range.
                let replaced = at - edit.range.start;
                new = new - replaced + if is_end { edit.text.len() } else { 0 };
            }
        }
        new
    };
    shift(range.start, false)..shift(range.end, true)
}

#[cfg(test)]
mod tests {
    use super::{merged, moved};
    use crate::patch::{Edit, apply};
    use crate::toolchain::suggestion::Suggestion;

    fn edit(range: std::ops::Range<usize>, text: &str) -> Edit {
        Edit { range, text: text.into() }
    }

    fn suggestion(edits: &[Edit]) -> Suggestion {
        Suggestion { edits: edits.to_vec(), ..Suggestion::default() }
    }

    #[test]
    fn what_touches_waits() {
        let suggestions = [
            suggestion(&[edit(8..9, "H"), edit(0..1, "A")]),
            // Beside another edit, over one, within itself, put in where another ends, put in twice at a place.
            suggestion(&[edit(1..2, "B")]),
            suggestion(&[edit(4..5, "E"), edit(7..9, "")]),
            suggestion(&[edit(4..6, "E"), edit(5..6, "F")]),
            suggestion(&[edit(2..2, "-")]),
            suggestion(&[edit(6..6, "+")]),
            suggestion(&[edit(6..6, "*")]),
        ];
        let (edits, taken) = merged(&suggestions);
        assert_eq!(apply("abcdefghi", &edits).as_deref(), Some("ABcdef+ghH"));
        assert_eq!(taken.len(), 3);
    }

    #[test]
    fn a_range_stays_with_its_text() {
        let text = "0123456789";
        for (edits, before, after) in [
            (vec![edit(0..1, "abc")], 4..6, "45"),
            (vec![edit(8..9, "")], 4..6, "45"),
            (vec![edit(4..4, "<"), edit(6..6, ">")], 4..6, "<45>"),
            (vec![edit(3..5, "x")], 4..6, "x5"),
            (vec![edit(5..8, "xyz")], 4..6, "4xyz"),
            (vec![edit(2..9, "x")], 4..6, "x"),
            (vec![edit(4..6, "")], 4..6, ""),
            (vec![edit(0..2, ""), edit(3..4, "abc"), edit(5..5, "-")], 4..6, "abc4-5"),
        ] {
            let new = apply(text, &edits).expect("edits fit");
            assert_eq!(&new[moved(&before, &edits)], after, "{edits:?}");
        }
    }
}
