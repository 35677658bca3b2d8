//! Fix-its of clang and gcc with `-fdiagnostics-parseable-fixits`: lines, and columns in bytes. A note's are choices
//! for a person; those of an error or a warning are what the compiler goes on with.

use std::sync::LazyLock;

use regex::Regex;

use super::lines::Lines;
use super::read::File;
use super::suggestion::Suggestion;
use crate::patch::Edit;
use crate::workspace::Encoding;

static DIAGNOSTIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(.+?):(\d+):(?:\d+:)? (fatal error|error|warning|note|remark): (.*?)(?: \[-W[^\]]*\])?$")
        .expect("the pattern is well-formed")
});
static FIX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^fix-it:"((?:[^"\\]|\\.)*)":\{(\d+):(\d+)-(\d+):(\d+)\}:"((?:[^"\\]|\\.)*)"$"#)
        .expect("the pattern is well-formed")
});

pub(super) fn read(output: &str, file: File<'_>) -> Option<Vec<Suggestion>> {
    // These compilers print nothing when there is nothing to say; whether they ran, their status told.
    let lines = Lines::new(file.text);
    let mut found = Vec::new();
    // The diagnostic that fix-its belong to, unless it is a note, or in another file.
    let mut open: Option<Suggestion> = None;
    for line in output.lines() {
        if let Some([_, path, row, level, message]) = captured(&DIAGNOSTIC, line) {
            found.extend(open.take());
            let here = file.path.as_os_str() == path && level != "note";
            let place = row.parse().ok().and_then(|row| lines.line(row)).filter(|_| here);
            let is_error = level.ends_with("error");
            open = place.map(|place| Suggestion { place, message: message.to_owned(), is_error, edits: Vec::new() });
        } else if let (Some(fix), Some(suggestion)) = (captured(&FIX, line), &mut open) {
            match edit(fix, &lines, file) {
                Some(edit) => suggestion.edits.push(edit),
                // Half of a fix is none.
                None => open = None,
            }
        }
    }
    found.extend(open);
    Some(found)
}

fn captured<'a, const N: usize>(pattern: &Regex, line: &'a str) -> Option<[&'a str; N]> {
    let captures = pattern.captures(line)?;
    Some(std::array::from_fn(|group| captures.get(group).map_or("", |found| found.as_str())))
}

fn edit([_, path, row, column, end_row, end_column, text]: [&str; 7], lines: &Lines, file: File<'_>) -> Option<Edit> {
    let byte = |row: &str, column: &str| {
        let row = row.parse().ok()?;
        // clang counts a byte order mark as a part of the first line, gcc does not.
        let is_plain = row > 1 || !lines.is_marked();
        lines.byte(row, column.parse().ok()?, Encoding::Utf8).filter(|_| is_plain)
    };
    let range = byte(row, column)?..byte(end_row, end_column)?;
    let here = file.path.as_os_str() == unescaped(path)?.as_str();
    // What is removed or put in ends as the lines of the file do.
    let crlf = file.text.contains("\r\n");
    let text = unescaped(text)?;
    here.then(|| Edit { range, text: if crlf { text.replace('\n', "\r\n") } else { text } })
}

/// A string as C writes it: bytes as octal or hexadecimal numbers among it.
fn unescaped(written: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&escape, after) = rest.split_first()?;
        let digits = |radix: u32, most: usize, of: &[u8]| {
            of.iter().take(most).take_while(|digit| char::from(**digit).is_digit(radix)).count()
        };
        let (radix, from, count) = match escape {
            b'0'..=b'7' => (8, rest, digits(8, 3, rest)),
            b'x' => (16, after, digits(16, 2, after)),
            other => {
                rest = after;
                bytes.push(match other {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => other,
                });
                continue;
            }
        };
        bytes.push(u8::from_str_radix(std::str::from_utf8(&from[..count]).ok()?, radix).ok()?);
        rest = &from[count..];
    }
    String::from_utf8(bytes).ok()
}
