//! The function around a place, found from the lines nearby.
//!
//! A menu has milliseconds, and parsing or reparsing a whole large file takes longer than that. So a
//! few kilobytes are cut out at the boundaries of items and parsed alone, under the headers of the
//! blocks that enclose them (a method is a method only inside its class).

use std::ops::Range;
use std::time::Duration;

use baton_grammars::{Item, ItemKind, Language};
use ropey::{Rope, RopeSlice};

/// A text of at most this many bytes is parsed whole.
const WHOLE: usize = 8 * 1024;
/// The same for a language in which others are written.
const WHOLE_WITH_OTHERS: usize = 64 * 1024;
/// Bytes on either side of the place that are taken when the text is larger.
const REACH: usize = 8 * 1024;
/// Bytes on either side where the first try found nothing.
const FAR: usize = 32 * 1024;
/// Lines that are looked through for an enclosing block.
const LOOK_BACK: usize = 5_000;
/// Lines of decorators, attributes and comments that may stand before a header.
const PREAMBLE: usize = 40;
/// Longest header line, in bytes, that is repeated above an excerpt.
const HEADER: usize = 400;
/// Longest line, in bytes, that can be part of an excerpt: what is longer was written by a program.
const LINE: usize = 4 * 1024;
/// The longest that one parse may take. Code takes two milliseconds; what takes this long was made to.
const PATIENCE: Duration = Duration::from_millis(100);

/// The innermost function or method around a byte, else the innermost type.
pub fn item_near(text: &Rope, language: &'static Language, byte: usize) -> Option<Item> {
    let line = text.byte_to_line(byte);
    if text.line(line).len_bytes() > LINE {
        return None;
    }
    let at = byte.max(text.line_to_byte(line) + indent_bytes(text.line(line)));
    let blocks = Blocks::around(text, language, line);
    let small = text.len_bytes() <= WHOLE;
    let whole = || Excerpt { text: String::from(text), start: 0, head: 0 };
    let (near, clean) = if small { whole() } else { blocks.excerpt(REACH) }.item(language, at);
    // Where an inner language begins is not seen from within it.
    let inside = !near.as_ref().is_some_and(|item| matches!(item.kind, ItemKind::Function | ItemKind::Method));
    if inside && !small && language.holds_others() && text.len_bytes() <= WHOLE_WITH_OTHERS {
        return whole().item(language, at).0;
    }
    let function = |item: &Item| item.kind != ItemKind::Type;
    if clean || near.as_ref().is_some_and(function) {
        return near;
    }
    // Broken code while someone types is more common than text that looks like a header and is none.
    let named = by_headers(text, language, line);
    if named.is_some() || small || blocks.enclosing.is_empty() {
        return named.or(near);
    }
    far(text, line).item(language, at).0.filter(function).or(near)
}

/// Part of a text, made fit to be parsed alone.
struct Excerpt {
    text: String,
    /// Where the part begins in the whole text, in bytes.
    start: usize,
    /// Bytes before the part that were put there for the parser.
    head: usize,
}

impl Excerpt {
    /// The item around a byte of the whole text, and whether all of the excerpt could be parsed.
    fn item(&self, language: &'static Language, at: usize) -> (Option<Item>, bool) {
        let Some(tree) = language.parse_within(&self.text, PATIENCE) else { return (None, false) };
        let clean = !tree.root_node().has_error();
        let moved = |range: Range<usize>| {
            Some(range.start.checked_sub(self.head)? + self.start..range.end - self.head + self.start)
        };
        let found = || {
            let inside = (at + self.head).checked_sub(self.start)?;
            let item = language.item_at(&tree, &self.text, inside)?;
            let (range, name_range) = (moved(item.range)?, moved(item.name_range)?);
            let outer = moved(item.outer).unwrap_or_else(|| range.clone());
            Some(Item { range, name_range, outer, doc: item.doc.and_then(moved), ..item })
        };
        (found(), clean)
    }
}

/// The blocks that enclose a line, by indentation.
struct Blocks<'a> {
    text: &'a Rope,
    comment: &'a str,
    line: usize,
    /// Header lines, from the innermost outwards.
    enclosing: Vec<usize>,
}

impl<'a> Blocks<'a> {
    fn around(text: &'a Rope, language: &'a Language, line: usize) -> Self {
        let comment = language.facts.line_comment.as_str();
        let mut enclosing = Vec::new();
        // A blank line belongs to whatever the code before it belongs to, a closing one to what it closes.
        let own = text.line(line);
        let mut inner = indent(own).map_or(usize::MAX, |columns| columns + usize::from(goes_on(own)));
        let mut lines = text.lines_at(line);
        for back in 1..=LOOK_BACK.min(line) {
            let (Some(slice), true) = (lines.prev(), inner > 0) else { break };
            let Some(own) = indent(slice) else { continue };
            if own < inner && !goes_on(slice) && !starts_with(slice, comment) {
                enclosing.push(line - back);
                inner = own;
            }
        }
        Self { text, comment, line, enclosing }
    }

    /// The widest enclosing block that begins within `reach` bytes, below the headers of those outside it.
    fn excerpt(&self, reach: usize) -> Excerpt {
        let byte = self.text.line_to_byte(self.line);
        let inside = |header: &usize| byte - self.text.line_to_byte(*header) <= reach;
        let taken = self.enclosing.iter().take_while(|header| inside(header)).count();
        let header = if taken == 0 { self.line } else { self.enclosing[taken - 1] };
        let start = self.text.line_to_byte(self.preamble(header));
        let end = self.end(header, byte + reach);
        let outside: Vec<String> = self.enclosing[taken..].iter().rev().map(|line| self.header(*line)).collect();
        let mut text: String = outside.iter().map(String::as_str).collect();
        let head = text.len();
        text.extend(self.text.byte_slice(start..end).chunks());
        close(&mut text, &outside);
        Excerpt { text, start, head }
    }

    /// The first line of the decorators, attributes, comments and earlier lines of a header.
    fn preamble(&self, header: usize) -> usize {
        let mut first = header;
        let mut lines = self.text.lines_at(header);
        while let Some(slice) = lines.prev() {
            let too_long = header - first == PREAMBLE || slice.len_bytes() > LINE;
            if too_long || indent(slice).is_none() || only_closes(slice) {
                break;
            }
            first -= 1;
        }
        first
    }

    /// Where the block that `header` begins is over, in bytes; at most `limit`.
    fn end(&self, header: usize, limit: usize) -> usize {
        let depth = indent(self.text.line(header)).unwrap_or(0);
        let mut end = self.text.line_to_byte(self.line) + self.text.line(self.line).len_bytes();
        let mut after_break = false;
        for slice in self.text.lines_at(self.line + 1) {
            let own = indent(slice);
            let comment = starts_with(slice, self.comment);
            let outside = own.is_some_and(|own| own <= depth) && !goes_on(slice) && !comment;
            if end >= limit || slice.len_bytes() > LINE || (outside && after_break) {
                break;
            }
            end += slice.len_bytes();
            after_break = own.is_none() || only_closes(slice) || (after_break && comment);
        }
        end
    }

    fn header(&self, line: usize) -> String {
        let slice = self.text.line(line);
        let kept = slice.len_bytes().min(HEADER);
        let mut header = String::from(slice.slice(..slice.byte_to_char(kept)));
        if !header.ends_with(['\n', '\r']) {
            header.push('\n');
        }
        header
    }
}

/// The function whose header is nearest among the lines that enclose `line`, from these lines alone:
/// what still works where the body does not parse.
fn by_headers(text: &Rope, language: &'static Language, line: usize) -> Option<Item> {
    let blocks = Blocks::around(text, language, line);
    // With the line itself as a header, else without it, because it may be what does not parse.
    [true, false].into_iter().find_map(|own| {
        let mut lines: Vec<usize> = blocks.enclosing.iter().rev().copied().collect();
        lines.extend(own.then_some(line));
        let headers: Vec<String> = lines.iter().map(|line| blocks.header(*line)).collect();
        let mut skeleton: String = headers.iter().map(String::as_str).collect();
        close(&mut skeleton, &headers);
        let tree = language.parse_within(&skeleton, PATIENCE)?;
        let item = language.items(&tree, &skeleton).into_iter().rev().find(|item| item.kind != ItemKind::Type)?;
        let (mut row, mut before) = (0, 0);
        while before + headers.get(row)?.len() <= item.name_range.start {
            before += headers[row].len();
            row += 1;
        }
        let begin = text.line_to_byte(lines[row]);
        let start = begin + indent_bytes(text.line(lines[row]));
        let name = begin + item.name_range.start - before..begin + item.name_range.end - before;
        let end = blocks.end(lines[row], text.line_to_byte(line) + REACH);
        Some(Item { range: start..end, name_range: name, outer: start..end, doc: None, ..item })
    })
}

/// Everything nearby, from one blank line before unindented code to another.
fn far(text: &Rope, line: usize) -> Excerpt {
    let byte = text.line_to_byte(line);
    let mut first = text.byte_to_line(byte.saturating_sub(FAR));
    while first > 0 && first < line && !(indent(text.line(first)) == Some(0) && indent(text.line(first - 1)).is_none())
    {
        first += 1;
    }
    let last = text.byte_to_line((byte + FAR).min(text.len_bytes()));
    // Lines that are too long stand outside.
    let long = |line: usize| usize::from(text.line(line).len_bytes() > LINE);
    let (first, after) = (first + long(first), (last + 1).min(text.len_lines()) - long(last));
    let (start, end) = (text.line_to_byte(first), text.line_to_byte(after.max(first)));
    Excerpt { text: String::from(text.byte_slice(start..end)), start, head: 0 }
}

/// Closes the brackets that headers leave open, in the reverse order.
fn close(text: &mut String, headers: &[String]) {
    for header in headers.iter().rev() {
        let closer = match header.trim_end().chars().next_back() {
            Some('{') => "\n}",
            Some('(') => "\n)",
            Some('[') => "\n]",
            _ => continue,
        };
        text.push_str(closer);
    }
}

/// Columns before the first visible character; `None` for a blank line.
fn indent(line: RopeSlice<'_>) -> Option<usize> {
    let mut columns = 0;
    for c in line.chars() {
        match c {
            '\t' => columns += 4,
            ' ' => columns += 1,
            c if c.is_whitespace() => return None,
            _ => return Some(columns),
        }
    }
    None
}

fn indent_bytes(line: RopeSlice<'_>) -> usize {
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).count()
}

/// Whether a line goes on with what an earlier line began, such as `) -> u8 {` or `where`.
fn goes_on(line: RopeSlice<'_>) -> bool {
    let visible = line.chars().skip_while(|c| c.is_whitespace());
    let word: String = visible.take_while(|c| c.is_alphabetic() || ")]}{".contains(*c)).take(8).collect();
    word.starts_with([')', ']', '}', '{'])
        || matches!(&*word, "where" | "else" | "elif" | "except" | "finally" | "catch" | "case")
}

/// Whether a line only closes brackets, so that what follows it begins something new.
fn only_closes(line: RopeSlice<'_>) -> bool {
    let mut closes = false;
    line.chars().all(|c| {
        closes |= ")]}".contains(c);
        c.is_whitespace() || ")]},;".contains(c)
    }) && closes
}

fn starts_with(line: RopeSlice<'_>, comment: &str) -> bool {
    let mut visible = line.chars().skip_while(|c| c.is_whitespace());
    !comment.is_empty() && comment.chars().all(|c| visible.next() == Some(c))
}

#[cfg(test)]
mod tests {
    use baton_grammars::by_id;
    use ropey::Rope;

    use super::{WHOLE, item_near};

    /// What is found at every `|` of `part`, alone and deep inside a large file.
    fn names(id: &str, before: &str, part: &str, after: &str) -> Vec<Option<String>> {
        let mut clean = before.to_owned();
        let mut places = Vec::new();
        for (i, piece) in part.split('|').enumerate() {
            if i > 0 {
                places.push(clean.len());
            }
            clean.push_str(piece);
        }
        clean.push_str(after);
        let (text, language) = (Rope::from_str(&clean), by_id(id).unwrap());
        places
            .into_iter()
            .map(|at| {
                item_near(&text, language, at).map(|item| {
                    assert_eq!(&clean[item.name_range], item.name);
                    item.name
                })
            })
            .collect()
    }

    fn check(id: &str, filler: &str, part: &str, expected: &[&str]) {
        let filler: String = (0..40 * WHOLE / filler.len()).map(|i| filler.replace('#', &i.to_string())).collect();
        for (before, after) in [("", ""), (&*filler, ""), ("", &*filler), (&*filler, &*filler)] {
            let found = names(id, before, part, after);
            let found: Vec<&str> = found.iter().map(|name| name.as_deref().unwrap_or("")).collect();
            assert_eq!(found, expected, "{id}, {} bytes before, {} after", before.len(), after.len());
        }
    }

    const PYTHON: &str =
        "def filler_#(values):\n    \"\"\"Text.\"\"\"\n    if values:\n        return #\n    return 0\n\n\n";
    const RUST: &str = "/// Text.\npub fn filler_#(values: &[u64]) -> usize {\n    if values.is_empty() {\n        return #;\n    }\n    0\n}\n";
    const TYPESCRIPT: &str = "export function filler_#(values: number[]): number {\n  return #;\n}\n\n";

    #[test]
    fn functions_are_found_in_files_of_any_size() {
        let part = "|def |one(a,\n        b|):\n    x| = 1\n\n|    return x|\n\n\n@cache\ndef two():\n# note\n    pass|\n\n|\n|x = 1\n";
        check("python", PYTHON, part, &["one", "one", "one", "one", "one", "one", "two", "", ""]);
        let part = "|pub fn |one<T>(\n    a: T,|\n) -> u8\nwhere\n    T: Copy,\n{|\n    if a {\n        1|\n    }\n}|\n\nconst X: u8 = |1;\n";
        check("rust", RUST, part, &["one", "one", "one", "one", "one", "one", ""]);
        let part = "function |one(a: number) {\n  if (a) {|\n    return 1;\n  }\n}|\n\nconst x = |1;\n";
        check("typescript", TYPESCRIPT, part, &["one", "one", "one", ""]);
    }

    #[test]
    fn methods_are_found_in_types_too_large_to_parse() {
        for (id, head, method, tail) in [
            (
                "python",
                "class Large:\n",
                "    def method_#(self):\n        if self:\n            return #|\n        return 0\n\n",
                "",
            ),
            (
                "rust",
                "impl Large {\n",
                "    fn method_#(&self) -> usize {\n        if self.x {\n            return #;|\n        }\n        0\n    }\n",
                "}\n",
            ),
            (
                "typescript",
                "class Large {\n",
                "  method_#(a: number) {\n    if (a) {\n      return #;|\n    }\n    return 0;\n  }\n\n",
                "}\n",
            ),
        ] {
            let method = |i: usize, mark: &str| method.replace('#', &i.to_string()).replace('|', mark);
            let before: String = head.to_owned() + &(0..600).map(|i| method(i, "")).collect::<String>();
            let after: String = (601..1200).map(|i| method(i, "")).collect::<String>() + tail;
            assert_eq!(names(id, &before, &method(600, "|"), &after), [Some("method_600".into())], "{id}");
        }
    }

    #[test]
    fn a_language_inside_another_has_its_own_functions() {
        let filler = "<p>text</p>\n".repeat(2 * WHOLE / 12);
        let page =
            format!("<body>\n{filler}<script>\nfunction greet(name) {{\n  return name;\n}}\n</script>\n</body>\n");
        let notes = "# Notes\n\n```python\ndef twice(n):\n    return n * 2\n```\n";
        for (id, text, place, name) in [
            ("html", page.as_str(), "return", "greet"),
            ("markdown", notes, "return", "twice"),
            ("markdown", notes, "# N", "Notes"),
        ] {
            let item = item_near(&Rope::from_str(text), by_id(id).unwrap(), text.find(place).unwrap()).unwrap();
            assert_eq!((item.name.as_str(), &text[item.name_range]), (name, name), "{id}");
        }
    }

    #[test]
    fn a_line_that_a_program_wrote_has_no_name_and_hides_no_other() {
        let long: String = (0..40_000).map(|i| format!("function f{i}(a){{return a+{i}}}")).collect();
        let (head, tail) = ("function one() {\n  return 1;\n}\n\n", "\n\nfunction two() {\n  return 2;\n}\n");
        let text = Rope::from_str(&format!("{head}{long}{tail}"));
        let name = |at| item_near(&text, by_id("javascript").unwrap(), at).map(|item| item.name);
        let end = text.len_bytes();
        assert_eq!(
            [name(20), name(head.len() + 500_000), name(end - 9)],
            [Some("one".into()), None, Some("two".into())]
        );
    }

    #[test]
    fn the_name_is_found_where_the_body_does_not_parse() {
        for bracket in ["(", "{", "[", "\""] {
            let part = format!("def |one(a):\n    x = 1{bracket}\n|    return x\n");
            check("python", PYTHON, &part, &["one", "one"]);
            let part = format!("fn |one(a: u8) {{\n    let x = 1;{bracket}\n|    x\n}}\n");
            check("rust", RUST, &part, &["one", "one"]);
        }
    }
}
