//! Where a line and a column are in a text, for the three ways in which editors count columns. Pure.

use ropey::{Rope, RopeSlice};

/// A place as editors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Counted from 0; lines end with `\n`, `\r\n` or `\r`.
    pub line: u32,
    /// Units of the [`Encoding`] from the start of the line.
    pub column: u32,
}

/// What one column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// A byte of UTF-8.
    Utf8,
    /// A code unit of UTF-16: two for characters outside the basic plane.
    #[default]
    Utf16,
    /// A code point.
    Utf32,
}

impl Encoding {
    /// The character index of `position`, if the text has exactly that place: not past the end of its
    /// line, not inside a character and not between `\r` and `\n`.
    pub fn exact(self, text: &Rope, position: Position) -> Option<usize> {
        let line = position.line as usize;
        if line >= text.len_lines() {
            return None;
        }
        let (start, end) = line_bounds(text, line);
        let column = position.column as usize;
        let at = match self {
            Self::Utf32 => start.checked_add(column)?,
            Self::Utf8 => {
                let byte = text.char_to_byte(start).checked_add(column)?;
                let at = text.try_byte_to_char(byte).ok()?;
                (text.char_to_byte(at) == byte).then_some(at)?
            }
            Self::Utf16 => {
                let unit = text.char_to_utf16_cu(start).checked_add(column)?;
                let at = text.try_utf16_cu_to_char(unit).ok()?;
                (text.char_to_utf16_cu(at) == unit).then_some(at)?
            }
        };
        (at <= end).then_some(at)
    }

    /// The character index nearest to `position`. Only for questions, where a client may point past
    /// the end; a change goes through [`Self::exact`].
    pub fn nearest(self, text: &Rope, position: Position) -> usize {
        let line = position.line as usize;
        if line >= text.len_lines() {
            return text.len_chars();
        }
        let (start, end) = line_bounds(text, line);
        let column = position.column as usize;
        let at = match self {
            Self::Utf32 => start.saturating_add(column),
            Self::Utf8 => text.byte_to_char(text.char_to_byte(start).saturating_add(column).min(text.len_bytes())),
            Self::Utf16 => {
                let unit = text.char_to_utf16_cu(start).saturating_add(column);
                text.utf16_cu_to_char(unit.min(text.len_utf16_cu()))
            }
        };
        at.min(end)
    }

    /// The position of a byte that is on a character's boundary.
    pub fn position(self, text: &Rope, byte: usize) -> Position {
        let at = text.byte_to_char(byte);
        let line = text.char_to_line(at);
        let start = text.line_to_char(line);
        let column = match self {
            Self::Utf32 => at - start,
            Self::Utf8 => byte - text.char_to_byte(start),
            Self::Utf16 => text.char_to_utf16_cu(at) - text.char_to_utf16_cu(start),
        };
        Position { line: line as u32, column: column as u32 }
    }
}

/// First character of a line, and the place after its last one before the line break.
fn line_bounds(text: &Rope, line: usize) -> (usize, usize) {
    let start = text.line_to_char(line);
    let slice = text.line(line);
    (start, start + slice.len_chars() - break_chars(slice))
}

/// How many characters the line break at the end of `line` has.
fn break_chars(line: RopeSlice<'_>) -> usize {
    let mut end = line.chars_at(line.len_chars());
    match end.prev() {
        Some('\n') => 1 + usize::from(end.prev() == Some('\r')),
        Some('\r') => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::{Encoding, Position};

    const TEXT: &str = "aé𝒇z\r\nb\rc\n";

    #[test]
    fn each_encoding_counts_its_own_units() {
        let text = Rope::from_str(TEXT);
        for (encoding, columns) in [
            (Encoding::Utf8, [Some(0), Some(1), None, Some(2), None, None, None, Some(3), Some(4), None]),
            (Encoding::Utf16, [Some(0), Some(1), Some(2), None, Some(3), Some(4), None, None, None, None]),
            (Encoding::Utf32, [Some(0), Some(1), Some(2), Some(3), Some(4), None, None, None, None, None]),
        ] {
            let exact: Vec<_> = (0..10).map(|column| encoding.exact(&text, Position { line: 0, column })).collect();
            assert_eq!(exact, columns, "{encoding:?}");
        }
    }

    #[test]
    fn questions_past_the_end_get_the_end() {
        let text = Rope::from_str(TEXT);
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let nearest = |line, column| encoding.nearest(&text, Position { line, column });
            assert_eq!([nearest(0, u32::MAX), nearest(1, 9), nearest(9, 0)], [4, 7, 10], "{encoding:?}");
        }
    }

    #[test]
    fn positions_come_back_as_they_were() {
        let text = Rope::from_str(TEXT);
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            for at in (0..=text.len_chars()).filter(|at| *at != 5) {
                let byte = text.char_to_byte(at);
                let position = encoding.position(&text, byte);
                assert_eq!(encoding.exact(&text, position), Some(at), "{encoding:?} {position:?}");
            }
        }
    }
}
