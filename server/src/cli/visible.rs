//! Foreign text on a screen. Models, tools and file names may hold what moves the cursor, reorders a line or is not
//! seen at all; it is written out, so that what is read is what is there.

use std::borrow::Cow;

/// The text with each such character as `⟨U+202E⟩`; lines and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    written_out(text, |c| is_hidden(c) && !"\n\t".contains(c))
}

/// The same in one line.
pub fn in_line(text: &str) -> Cow<'_, str> {
    written_out(text, is_hidden)
}

fn written_out(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for c in text.replace("\r\n", "\n").chars() {
        if hidden(c) {
            plain += &format!("⟨U+{:04X}⟩", u32::from(c));
        } else {
            plain.push(c);
        }
    }
    plain.into()
}

/// Controls, marks of direction, what has no width, other ends of lines, tags, and what is no character.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::{in_line, visible};

    #[test]
    fn what_is_not_seen_is_written_out() {
        for (text, shown) in [
            ("plain text, even ünïcödé and 漢字", "plain text, even ünïcödé and 漢字"),
            ("two\n\tlines", "two\n\tlines"),
            ("two\r\nlines", "two\nlines"),
            ("over\rwritten", "over⟨U+000D⟩written"),
            ("\u{1b}[31mred\u{0}", "⟨U+001B⟩[31mred⟨U+0000⟩"),
            ("\u{9b}2J\u{7f}", "⟨U+009B⟩2J⟨U+007F⟩"),
            ("a\u{202e}b\u{2066}c\u{200f}d", "a⟨U+202E⟩b⟨U+2066⟩c⟨U+200F⟩d"),
            ("in\u{200b}visible\u{feff}\u{e0041}\u{ffff}", "in⟨U+200B⟩visible⟨U+FEFF⟩⟨U+E0041⟩⟨U+FFFF⟩"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(in_line("two\n\tlines"), "two⟨U+000A⟩⟨U+0009⟩lines");
    }
}
