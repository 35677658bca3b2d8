//! An open document: the editor's text, kept in step change by change.

use std::ops::Range;
use std::sync::Arc;

use ropey::Rope;

use super::{Encoding, Position};

/// The text of an open document as the editor has it, or the knowledge that it is lost.
#[derive(Debug, Clone)]
pub struct Document {
    text: Rope,
    version: i32,
    lost: Option<InvalidChange>,
}

/// One change, in the order in which the editor made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is replaced; `None`: everything.
    pub range: Option<Range<Position>>,
    /// What stands there afterwards.
    pub text: String,
}

/// A change that does not fit the text: the editor and Baton no longer have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChange {
    /// The text has no such place.
    #[error("a change began or ended at line {}, column {}, where the text has no such place", .0.line + 1, .0.column)]
    NoSuchPlace(Position),
    /// It ends before it starts.
    #[error("a change ended before it began, at line {}", .0.line + 1)]
    Reversed(Position),
    /// It could not be read at all.
    #[error("a change could not be read")]
    Unreadable,
}

impl Document {
    /// A document as it was opened.
    pub fn open(text: &str, version: i32) -> Self {
        Self { text: Rope::from_str(text), version, lost: None }
    }

    /// Makes the changes. One that does not fit loses the document until a whole new text comes:
    /// a text that is only nearly the editor's would put edits in the wrong place.
    pub fn change(&mut self, changes: &[Change], version: i32, encoding: Encoding) -> Result<(), InvalidChange> {
        self.version = version;
        for change in changes {
            match &change.range {
                None => {
                    self.text = Rope::from_str(&change.text);
                    self.lost = None;
                }
                Some(_) if self.lost.is_some() => {}
                Some(range) => match bounds(&self.text, range, encoding) {
                    Ok(at) => {
                        self.text.remove(at.clone());
                        self.text.insert(at.start, &change.text);
                    }
                    Err(problem) => self.lost = Some(problem),
                },
            }
        }
        self.lost.map_or(Ok(()), Err)
    }

    /// Gives the text up, because a change came that could not be read.
    pub fn lose(&mut self) {
        self.lost = Some(InvalidChange::Unreadable);
    }

    /// The text, unless it was lost.
    pub fn text(&self) -> Result<&Rope, InvalidChange> {
        self.lost.map_or(Ok(&self.text), Err)
    }

    /// The whole text in one piece: a copy.
    pub fn whole(&self) -> Result<Arc<str>, InvalidChange> {
        Ok(String::from(self.text()?).into())
    }

    /// The editor's number for this state.
    pub fn version(&self) -> i32 {
        self.version
    }
}

fn bounds(text: &Rope, range: &Range<Position>, encoding: Encoding) -> Result<Range<usize>, InvalidChange> {
    let place = |position| encoding.exact(text, position).ok_or(InvalidChange::NoSuchPlace(position));
    let (start, end) = (place(range.start)?, place(range.end)?);
    if start > end { Err(InvalidChange::Reversed(range.start)) } else { Ok(start..end) }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::{Change, Document, InvalidChange};
    use crate::workspace::{Encoding, Position};

    fn at(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    fn change(range: Range<Position>, text: &str) -> Change {
        Change { range: Some(range), text: text.into() }
    }

    #[test]
    fn a_change_that_does_not_fit_loses_the_document_until_a_whole_text_comes() {
        for (range, problem) in [
            (at(0, 3)..at(0, 3), InvalidChange::NoSuchPlace(at(0, 3))),
            (at(7, 0)..at(7, 0), InvalidChange::NoSuchPlace(at(7, 0))),
            (at(0, 0)..at(1, 2), InvalidChange::NoSuchPlace(at(1, 2))),
            (at(1, 0)..at(0, 1), InvalidChange::Reversed(at(1, 0))),
        ] {
            let mut document = Document::open("ab\n𝒇\n", 1);
            let fits = change(at(0, 0)..at(0, 1), "x");
            assert_eq!(document.change(&[change(range, "?"), fits.clone()], 2, Encoding::Utf32), Err(problem));
            assert_eq!(document.change(&[fits], 3, Encoding::Utf32), Err(problem));
            assert_eq!(document.text(), Err(problem));
            let whole = Change { range: None, text: "new".into() };
            assert_eq!(document.change(&[whole], 4, Encoding::Utf32), Ok(()));
            assert_eq!((&*document.whole().unwrap(), document.version()), ("new", 4));
        }
    }

    #[test]
    fn half_a_character_is_no_place() {
        let mut document = Document::open("𝒇", 1);
        let inside = change(at(0, 1)..at(0, 2), "");
        assert_eq!(document.change(&[inside], 2, Encoding::Utf16), Err(InvalidChange::NoSuchPlace(at(0, 1))));
    }
}
