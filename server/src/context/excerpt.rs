//! The part of a file that fits: all of it, else the focus whole with what surrounds it and the rest in outline.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use baton_grammars::Item;

use super::{secrets, tokens};
use crate::workspace::RelPath;

/// Most share of the room, one in this many, that the outline may take.
const OUTLINE: usize = 4;
/// Bytes that a token of code stands for at most, on average.
const LONG_TOKEN: usize = 5;

/// A file to be shown.
pub(super) struct Subject<'a> {
    text: Arc<str>,
    path: &'a RelPath,
    /// Where the text begins, after a byte order mark.
    body: usize,
    focus: Option<Range<usize>>,
    /// What the focus is in, and everything else that has a name.
    item: Option<Item>,
    items: Vec<Item>,
}

/// What is shown of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The text.
    pub(super) text: String,
    /// Which lines it is, empty for all.
    pub(super) part: String,
    /// What was kept back.
    pub(super) withheld: Vec<String>,
}

impl<'a> Subject<'a> {
    /// Reads the file's items; a focus that is no place in the text counts as none.
    pub(super) fn new(text: Arc<str>, path: &'a RelPath, focus: Option<Range<usize>>) -> Self {
        let body = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let focus = focus.map(|focus| focus.start.clamp(body, text.len())..focus.end.clamp(body, text.len()));
        let focus = focus.filter(|focus| text.is_char_boundary(focus.start) && text.is_char_boundary(focus.end));
        let items = || {
            let language = baton_grammars::by_path(Path::new(path.as_str()))?;
            let tree = language.parse(&text)?;
            let item = focus.as_ref().and_then(|focus| language.item_at(&tree, &text, focus.start));
            Some((item, language.items(&tree, &text)))
        };
        let (item, items) = items().unwrap_or_default();
        Self { text, path, body, focus, item, items }
    }

    /// What the task is about, in words; empty for the whole file.
    pub(super) fn about(&self) -> String {
        let Some(focus) = &self.focus else { return String::new() };
        let item = self.item.as_ref().filter(|item| item.range.end >= focus.end);
        let named = item.map_or(String::new(), |item| format!(" (`{}`)", item.name));
        format!("{}{named}", lines(&self.text, focus))
    }

    /// Bytes of the item that the focus is in, else of the focus, else of everything.
    pub(super) fn range(&self) -> Range<usize> {
        let item = self.item.as_ref().map(|item| item.range.clone());
        item.or(self.focus.clone()).unwrap_or(self.body..self.text.len())
    }

    /// Shows it in at most `room` tokens. The item that the task is about is whole, unless it may be `cut`; then
    /// the focus is whole, unless it alone is too large. `None`: there is not enough room.
    pub(super) fn within(&self, room: usize, cut: bool) -> Option<Excerpt> {
        let mut bytes = self.text.len() - self.body;
        if bytes <= room.saturating_mul(LONG_TOKEN) {
            let whole = self.shown(self.body..self.text.len(), String::new());
            if tokens::fit(&whole.text, room) {
                return Some(whole);
            }
        }
        bytes = bytes.min(room.saturating_mul(LONG_TOKEN));
        // Each round takes an eighth off; what a token stands for at least is one byte.
        while bytes * 2 > room {
            let core = self.core(bytes);
            if core.is_none() && !cut {
                return None;
            }
            let excerpt = self.cut(core, bytes);
            let left = room.checked_sub(tokens::count(&excerpt.part));
            if left.is_some_and(|left| tokens::fit(&excerpt.text, left)) {
                return Some(excerpt);
            }
            bytes -= bytes.div_ceil(8);
        }
        None
    }

    /// The item around the focus, if it fits.
    fn core(&self, bytes: usize) -> Option<Range<usize>> {
        let focus = self.focus.clone().unwrap_or(self.body..self.body);
        match &self.item {
            None => Some(focus).filter(|focus| focus.len() <= bytes),
            Some(item) => {
                let core = item.range.start.min(focus.start)..item.range.end.max(focus.end);
                Some(core).filter(|core| core.len() <= bytes - bytes / OUTLINE)
            }
        }
    }

    fn cut(&self, core: Option<Range<usize>>, bytes: usize) -> Excerpt {
        let core = core.or(self.focus.clone()).unwrap_or(self.body..self.body);
        let shown = grown(&self.text, core, bytes - bytes / OUTLINE, self.body);
        let part = format!(", {} of {}", lines(&self.text, &shown), self.text.lines().count());
        let mut excerpt = self.shown(shown.clone(), part);
        self.outline(&mut excerpt, &shown, bytes / OUTLINE);
        excerpt
    }

    fn shown(&self, range: Range<usize>, part: String) -> Excerpt {
        let mut withheld = Vec::new();
        let text = secrets::masked(&self.text, range, self.path.as_str(), &mut withheld);
        Excerpt { text: plain(&text), part, withheld }
    }

    /// Adds the first line of each item that is not shown.
    fn outline(&self, excerpt: &mut Excerpt, shown: &Range<usize>, room: usize) {
        let mut outline = String::new();
        for item in self.items.iter().filter(|item| !shown.contains(&item.range.start)) {
            let end = signature(&self.text, &item.range);
            let line = secrets::masked(&self.text, item.range.start..end, self.path.as_str(), &mut excerpt.withheld);
            let line: String = line.trim_end().chars().take(120).collect();
            if outline.len() + line.len() + 3 > room {
                outline.push_str("; …");
                break;
            }
            outline.push_str(if outline.is_empty() { "; elsewhere in it: " } else { "; " });
            outline.push_str(&line);
        }
        excerpt.part.push_str(&outline);
    }
}

/// Where the first line of an item ends, without what opens its body.
fn signature(text: &str, item: &Range<usize>) -> usize {
    text[item.start..].find(['\n', '{']).map_or(item.end, |at| item.start + at)
}

/// Line ends as models know them; the file's own are put back when an edit is read.
pub(super) fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end_matches('\n').to_owned()
}

fn lines(text: &str, range: &Range<usize>) -> String {
    let number = |byte: usize| text.as_bytes()[..byte].iter().filter(|b| **b == b'\n').count() + 1;
    match (number(range.start), number(range.end.max(range.start + 1) - 1)) {
        (first, last) if first == last => format!("line {first}"),
        (first, last) => format!("lines {first}-{last}"),
    }
}

/// `core` with whole lines added before and after it in turn, up to `room` bytes.
fn grown(text: &str, core: Range<usize>, room: usize, body: usize) -> Range<usize> {
    let start_of = |byte: usize| text.as_bytes()[..byte].iter().rposition(|b| *b == b'\n').map_or(body, |at| at + 1);
    let end_of = |byte: usize| text[byte..].find('\n').map_or(text.len(), |at| byte + at + 1);
    let mut shown = start_of(core.start)..if core.end > core.start && text[..core.end].ends_with('\n') {
        core.end
    } else {
        end_of(core.end)
    };
    if shown.len() > room {
        return shown.start..start_of(shown.start + room).max(end_of(shown.start));
    }
    loop {
        let before = if shown.start > body { start_of(shown.start - 1) } else { shown.start };
        let after = if shown.end < text.len() { end_of(shown.end) } else { shown.end };
        let (fits_before, fits_after) = (shown.end - before <= room, after - shown.start <= room);
        match (fits_before && before < shown.start, fits_after && after > shown.end) {
            (false, false) => return shown,
            (up, down) => {
                if up {
                    shown.start = before;
                }
                if down && after - shown.start <= room {
                    shown.end = after;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Excerpt, Subject};
    use crate::context::tokens;
    use crate::workspace::RelPath;

    fn file(functions: usize) -> String {
        (0..functions).map(|n| format!("def f{n}(x):\n    y = x + {n}\n    return y\n\n")).collect()
    }

    fn shown(text: &str, focus: std::ops::Range<usize>, room: usize, cut: bool) -> (Option<Excerpt>, String) {
        let path = RelPath::new("a.py").expect("a path");
        let subject = Subject::new(text.into(), &path, Some(focus));
        (subject.within(room, cut), subject.about())
    }

    #[test]
    fn a_small_file_is_shown_whole() {
        let text = "\u{feff}a = 1\r\n\r\ndef f():\r\n    return a\r\n";
        let at = text.find("return").expect("there");
        let (excerpt, about) = shown(text, at..at + 6, 1000, false);
        let excerpt = excerpt.expect("there is room");
        assert_eq!(excerpt.text, "a = 1\n\ndef f():\n    return a");
        assert_eq!((excerpt.part.as_str(), about.as_str()), ("", "line 4 (`f`)"));
    }

    #[test]
    fn of_a_large_file_the_focus_is_whole_and_the_rest_an_outline() {
        let text = file(100);
        let at = text.find("x + 50").expect("there");
        let (excerpt, about) = shown(&text, at..at + 1, 150, false);
        let excerpt = excerpt.expect("there is room");
        assert!(excerpt.text.contains("def f50(x):\n    y = x + 50\n    return y"), "{}", excerpt.text);
        assert!(tokens::count(&excerpt.text) <= 150 && text.contains(&excerpt.text), "{}", excerpt.text);
        assert!(excerpt.part.starts_with(", lines ") && excerpt.part.contains("of 400; elsewhere in it: def f0(x):; "));
        assert!(excerpt.part.len() < 200 && excerpt.part.ends_with('…'), "{}", excerpt.part);
        assert_eq!(about, "line 202 (`f50`)");
    }

    #[test]
    fn an_item_that_is_too_large_is_cut_only_if_it_may_be() {
        let text = format!("def f():\n{}", "    x = 1\n".repeat(500));
        assert_eq!(shown(&text, 200..201, 100, false).0, None);
        assert!(shown(&text, 200..201, 100, true).0.is_some());
        let line = format!("x = [{}]\n", "1, ".repeat(9000));
        assert_eq!(shown(&line, 0..1, 100, true).0, None, "half a line is of no use");
    }

    proptest::proptest! {
        #[test]
        fn any_place_and_room_will_do(start in 0usize..500, length in 0usize..300, room in 0usize..300) {
            let text = format!("\u{feff}ä{}", file(9)).replace('\n', "\r\n");
            let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (start, end) = (boundary(start), boundary(start + length));
            if let Some(excerpt) = shown(&text, start..end, room, true).0 {
                proptest::prop_assert!(text.replace("\r\n", "\n").contains(&excerpt.text));
                proptest::prop_assert!(tokens::count(&excerpt.text) + tokens::count(&excerpt.part) <= room.max(1));
            }
        }
    }
}
