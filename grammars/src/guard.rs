//! Texts that would end the process: three grammars keep what is open in a buffer of 1024 bytes and do not check
//! that it fits; tree-sitter then aborts, or memory is overwritten. What goes beyond is rewritten, byte for
//! byte, before the parser sees it. Whether the next version of a grammar still needs this, `hostile` in the
//! tests shows.

use crate::Language;

/// Columns of YAML within which a block may begin. Each holds two blocks at most, a mapping and the sequence
/// directly in it, of four bytes each.
const COLUMNS: usize = 100;
/// Blanks before a line of Python, so also levels of indentation. A level takes two bytes, and up to 255 are kept for
/// the strings that are open.
const BLANKS: usize = 380;
/// Longest end word of a here-document in Ruby, which keeps the length in one byte.
const WORD: usize = 100;

/// What makes a text safe for the grammar of this language.
pub fn of(language: &Language) -> Option<fn(&mut [u8])> {
    match language.id {
        "yaml" => Some(yaml),
        "python" => Some(python),
        "ruby" => Some(ruby),
        _ => None,
    }
}

/// Takes away the indicators that begin a block beyond [`COLUMNS`]: all dashes and question marks, and the
/// colons of lines whose first word stands there; in other lines a colon begins a block where the line begins.
fn yaml(text: &mut [u8]) {
    let is_white = |byte: Option<&u8>| byte.is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0));
    let (mut column, mut word) = (0, None);
    for at in 0..text.len() {
        let indicator = matches!(text[at], b'-' | b'?' | b':') && is_white(text.get(at + 1));
        match text[at] {
            b'\r' | b'\n' => (column, word) = (0, None),
            b' ' | b'\t' => column += 1,
            byte => {
                if word.is_none() && !indicator {
                    word = Some(column);
                }
                if indicator && column >= COLUMNS && (byte != b':' || word.is_none_or(|word| word >= COLUMNS)) {
                    text[at] = b'x';
                }
                column += 1;
            }
        }
    }
}

/// Makes a comment of every line that is indented further than [`BLANKS`].
fn python(text: &mut [u8]) {
    let mut blanks = Some(0);
    for byte in text {
        blanks = match (*byte, blanks) {
            (b'\n' | b'\r', _) => Some(0),
            (b' ' | b'\t' | b'\x0c', Some(BLANKS)) => {
                *byte = b'#';
                None
            }
            (b' ' | b'\t' | b'\x0c', Some(count)) => Some(count + 1),
            _ => None,
        };
    }
}

/// Makes an addition of a here-document whose end word is longer than [`WORD`]. It seldom is one: what is
/// appended without a blank, as in `out <<"…"`, looks the same.
fn ruby(text: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = text[at..].windows(2).position(|two| two == b"<<") {
        at += found;
        let mut word = at + 2;
        word += usize::from(matches!(text.get(word), Some(b'-' | b'~')));
        let rest = &text[word..];
        let length = match rest.first() {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                rest[1..].iter().take(WORD + 1).take_while(|byte| *byte != quote).count()
            }
            _ => rest
                .iter()
                .take(WORD + 1)
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii())
                .count(),
        };
        if length > WORD {
            text[at..at + 2].copy_from_slice(b"+ ");
        }
        at += 1;
    }
}
