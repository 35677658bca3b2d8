//! From a tool's line and column to a byte. Every tool counts in units of its own, and none counts a byte order mark.

use std::ops::Range;

use ropey::Rope;

use crate::workspace::{Encoding, Position};

/// The mark some editors write before a text.
const MARK: char = '\u{feff}';

/// A text as tools see it.
pub(super) struct Lines {
    rope: Rope,
    /// Bytes of the mark before it.
    before: usize,
}

impl Lines {
    pub fn new(text: &str) -> Self {
        let rest = text.strip_prefix(MARK).unwrap_or(text);
        Self { rope: Rope::from_str(rest), before: text.len() - rest.len() }
    }

    /// Whether a mark stands before the text.
    pub fn is_marked(&self) -> bool {
        self.before > 0
    }

    /// The byte at a line and column, both counted from 1; `None` where the text has no such place.
    pub fn byte(&self, line: usize, column: usize, unit: Encoding) -> Option<usize> {
        let counted = |number: usize| u32::try_from(number.checked_sub(1)?).ok();
        let position = Position { line: counted(line)?, column: counted(column)? };
        let at = unit.exact(&self.rope, position)?;
        Some(self.before + self.rope.char_to_byte(at))
    }

    /// The byte that so many units of UTF-16 stand before.
    pub fn utf16(&self, units: usize) -> Option<usize> {
        let at = self.rope.try_utf16_cu_to_char(units).ok()?;
        (self.rope.char_to_utf16_cu(at) == units).then(|| self.before + self.rope.char_to_byte(at))
    }

    /// A line with its line break, counted from 1.
    pub fn line(&self, line: usize) -> Option<Range<usize>> {
        let line = line.checked_sub(1).filter(|line| *line < self.rope.len_lines())?;
        let bounds = [line, line + 1].map(|line| self.before + self.rope.line_to_byte(line));
        Some(bounds[0]..bounds[1])
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::workspace::Encoding;

    #[test]
    fn places_are_exact_or_none() {
        let text = "\u{feff}aé🧺z\r\nb\n";
        let lines = Lines::new(text);
        let at = |line, column, unit| lines.byte(line, column, unit).map(|byte| &text[byte..]);
        assert_eq!(at(1, 4, Encoding::Utf32), Some("z\r\nb\n"));
        assert_eq!(at(1, 5, Encoding::Utf16), Some("z\r\nb\n"));
        assert_eq!(at(1, 4, Encoding::Utf16), None, "inside a character");
        assert_eq!(at(1, 8, Encoding::Utf8), Some("z\r\nb\n"));
        assert_eq!((at(2, 1, Encoding::Utf8), at(3, 1, Encoding::Utf8)), (Some("b\n"), Some("")));
        for (line, column) in [(0, 1), (1, 0), (1, 99), (4, 1), (usize::MAX, usize::MAX)] {
            assert_eq!(at(line, column, Encoding::Utf8), None, "{line}:{column}");
        }
        assert_eq!([lines.utf16(0), lines.utf16(2), lines.utf16(3), lines.utf16(99)], [Some(3), Some(6), None, None]);
        assert_eq!(lines.line(2).map(|range| &text[range]), Some("b\n"));
        assert_eq!((lines.line(0), lines.line(4)), (None, None));
    }
}
