//! The part of a file that fits: all of it, else the focus whole with what surrounds it and the rest in outline.

use std::ops::Range;
use std::path::Path;

use baton_grammars::Item;

use super::secrets;
use crate::workspace::RelPath;

/// What is shown of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The text.
    pub(super) text: String,
    /// Which lines it is, empty for all.
    pub(super) part: String,
    /// What the task is about, in words; empty for the whole file.
    pub(super) focus: String,
}

/// Most share of the room, one in this many, that the outline may take.
const OUTLINE: usize = 4;

/// Shows `text` in about `room` bytes; a focus is never cut unless it alone is larger than the room.
pub(super) fn of(
    text: &str,
    path: &RelPath,
    focus: Option<Range<usize>>,
    room: usize,
    withheld: &mut Vec<String>,
) -> Excerpt {
    let body = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let focus = focus.map(|focus| focus.start.clamp(body, text.len())..focus.end.clamp(body, text.len()));
    let focus = focus.filter(|focus| text.is_char_boundary(focus.start) && text.is_char_boundary(focus.end));
    let items = || {
        let language = baton_grammars::by_path(Path::new(path.as_str()))?;
        let tree = language.parse(text, None);
        let item = focus.as_ref().and_then(|focus| language.item_at(&tree, text, focus.start));
        Some((item, language.items(&tree, text)))
    };
    let (item, items) = items().unwrap_or_default();
    let named = item.as_ref().map_or(String::new(), |item| format!(" (`{}`)", item.name));
    let about = focus.as_ref().map_or(String::new(), |focus| {
        let named = if item.as_ref().is_some_and(|item| item.range.end >= focus.end) { named } else { String::new() };
        format!("{}{named}", lines(text, focus))
    });
    if text.len() - body <= room {
        let text = secrets::masked(text, body..text.len(), path.as_str(), withheld);
        return Excerpt { text: plain(&text), part: String::new(), focus: about };
    }
    let focus = focus.unwrap_or(body..body);
    let mut core = focus.clone();
    if let Some(item) = item.filter(|item| item.range.end.max(focus.end) - item.range.start.min(focus.start) <= room) {
        core = item.range.start.min(core.start)..item.range.end.max(core.end);
    }
    let shown = grown(text, core, room - room / OUTLINE, body);
    let outline = outline(text, &items, &shown, room / OUTLINE, path, withheld);
    let part = format!(", {} of {}{outline}", lines(text, &shown), text.lines().count());
    let text = secrets::masked(text, shown, path.as_str(), withheld);
    Excerpt { text: plain(&text), part, focus: about }
}

/// Line ends as models know them; the file's own are put back when an edit is read.
fn plain(text: &str) -> String {
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

/// The first line of each item that is not shown.
fn outline(
    text: &str,
    items: &[Item],
    shown: &Range<usize>,
    room: usize,
    path: &RelPath,
    withheld: &mut Vec<String>,
) -> String {
    let mut outline = String::new();
    for item in items {
        if shown.contains(&item.range.start) {
            continue;
        }
        let end = text[item.range.start..].find(['\n', '{']).map_or(item.range.end, |at| item.range.start + at);
        let line = secrets::masked(text, item.range.start..end, path.as_str(), withheld);
        let line: String = line.trim_end().chars().take(120).collect();
        if outline.len() + line.len() + 3 > room {
            outline.push_str("; …");
            break;
        }
        outline.push_str(if outline.is_empty() { "; elsewhere in it: " } else { "; " });
        outline.push_str(&line);
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::workspace::RelPath;

    fn file(functions: usize) -> String {
        (0..functions).map(|n| format!("def f{n}(x):\n    y = x + {n}\n    return y\n\n")).collect()
    }

    #[test]
    fn a_small_file_is_shown_whole() {
        let text = "\u{feff}a = 1\r\n\r\ndef f():\r\n    return a\r\n";
        let path = RelPath::new("a.py").expect("a path");
        let at = text.find("return").expect("there");
        let excerpt = of(text, &path, Some(at..at + 6), 1000, &mut Vec::new());
        assert_eq!(excerpt.text, "a = 1\n\ndef f():\n    return a");
        assert_eq!((excerpt.part.as_str(), excerpt.focus.as_str()), ("", "line 4 (`f`)"));
    }

    #[test]
    fn of_a_large_file_the_focus_is_whole_and_the_rest_an_outline() {
        let text = file(100);
        let path = RelPath::new("a.py").expect("a path");
        let at = text.find("x + 50").expect("there");
        let excerpt = of(&text, &path, Some(at..at + 1), 400, &mut Vec::new());
        assert!(excerpt.text.contains("def f50(x):\n    y = x + 50\n    return y"), "{}", excerpt.text);
        assert!(excerpt.text.len() <= 400 && text.contains(&excerpt.text), "{}", excerpt.text);
        assert!(excerpt.part.starts_with(", lines ") && excerpt.part.contains("of 400; elsewhere in it: def f0(x):; "));
        assert!(excerpt.part.len() < 200 && excerpt.part.ends_with('…'), "{}", excerpt.part);
        assert_eq!(excerpt.focus, "line 202 (`f50`)");
    }

    proptest::proptest! {
        #[test]
        fn any_place_and_room_will_do(start in 0usize..500, length in 0usize..300, room in 0usize..900) {
            let text = format!("\u{feff}ä{}", file(9)).replace('\n', "\r\n");
            let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (start, end) = (boundary(start), boundary(start + length));
            let path = RelPath::new("a.py").expect("a path");
            let excerpt = of(&text, &path, Some(start..end), room, &mut Vec::new());
            proptest::prop_assert!(text.replace("\r\n", "\n").contains(&excerpt.text));
            proptest::prop_assert!(excerpt.text.len() <= room.max(40));
        }
    }
}
