//! Finding the lines that a reply quotes: exactly, or with differences that cannot change which lines are meant.

use std::ops::Range;

/// A text as lines, without its byte order mark.
pub(super) struct Lines<'a> {
    /// The whole text.
    pub(super) text: &'a str,
    /// Each line's bytes without its end.
    spans: Vec<Range<usize>>,
}

/// Where quoted lines stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The first of them, counted from 0.
    pub(super) first: usize,
    /// How their indentation differs from the quote.
    pub(super) shift: Shift,
    /// Blank lines at the start and the end of the quote that the file does not have.
    pub(super) dropped: (usize, usize),
}

/// What must be done to the indentation of a quote to make it the file's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shift {
    /// Nothing.
    None,
    /// Put this in front.
    Add(String),
    /// Take this away.
    Remove(String),
}

/// Why quoted lines have no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// They are blank.
    Blank,
    /// They are nowhere.
    Absent,
    /// They are at each of these lines, counted from 0.
    Ambiguous(Vec<usize>),
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut spans = Vec::new();
        let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        while start < text.len() {
            let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
            let line = text[start..end].strip_suffix('\n').unwrap_or(&text[start..end]);
            spans.push(start..start + line.strip_suffix('\r').unwrap_or(line).len());
            start = end;
        }
        Self { text, spans }
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn get(&self, line: usize) -> &'a str {
        &self.text[self.spans[line].clone()]
    }

    /// The byte where a line starts; past the last line, the end of the text.
    pub(super) fn start(&self, line: usize) -> usize {
        self.spans.get(line).map_or(self.text.len(), |span| span.start)
    }

    /// The byte after a line's text, before its end-of-line characters.
    pub(super) fn text_end(&self, line: usize) -> usize {
        self.spans[line].end
    }

    /// What ends most lines.
    pub(super) fn eol(&self) -> &'static str {
        let crlf = self.text.matches("\r\n").count();
        if crlf * 2 > self.text.matches('\n').count() { "\r\n" } else { "\n" }
    }

    /// The one place where `quote` stands. `hint` is a line that the quote claims, counted from 0: it decides
    /// only between places that fit equally.
    pub(super) fn find(&self, quote: &[String], hint: Option<usize>) -> Result<Place, Miss> {
        let blank = |line: &&String| line.trim().is_empty();
        let head = quote.iter().take_while(blank).count();
        if head == quote.len() {
            return Err(Miss::Blank);
        }
        let tail = quote.iter().rev().take_while(blank).count();
        let mut tries = vec![(quote, (0, 0))];
        if head + tail > 0 {
            tries.push((&quote[head..quote.len() - tail], (head, tail)));
        }
        for (quote, dropped) in tries {
            let exact = |at: usize| self.same(at, quote, |file, quoted| file == quoted).then_some(Shift::None);
            let trimmed = |file: &str, quoted: &str| file.trim_end() == quoted.trim_end();
            let loose = |at: usize| self.same(at, quote, trimmed).then_some(Shift::None);
            let shifted = |at: usize| self.shift(at, quote);
            let found = [self.all(quote, exact), self.all(quote, loose), self.all(quote, shifted)];
            let Some(mut places) = found.into_iter().find(|places| !places.is_empty()) else { continue };
            if let Some(hinted) = places.iter().position(|(at, _)| Some(*at) == hint.map(|hint| hint + dropped.0)) {
                places.swap(0, hinted);
                places.truncate(1);
            }
            return match (places.len(), places.pop()) {
                (1, Some((first, shift))) => Ok(Place { first, shift, dropped }),
                (_, last) => {
                    let lines = places.iter().chain(&last).map(|(at, _)| *at).collect();
                    Err(Miss::Ambiguous(lines))
                }
            };
        }
        Err(Miss::Absent)
    }

    fn all(&self, quote: &[String], fits: impl Fn(usize) -> Option<Shift>) -> Vec<(usize, Shift)> {
        let last = self.len().checked_sub(quote.len());
        last.map_or_else(Vec::new, |last| (0..=last).filter_map(|at| Some((at, fits(at)?))).collect())
    }

    fn same(&self, at: usize, quote: &[String], equal: impl Fn(&str, &str) -> bool) -> bool {
        quote.iter().enumerate().all(|(offset, quoted)| equal(self.get(at + offset), quoted))
    }

    /// The one difference of indentation between `quote` and the lines at `at`, if they differ in nothing else.
    fn shift(&self, at: usize, quote: &[String]) -> Option<Shift> {
        let mut shift = None;
        for (offset, quoted) in quote.iter().enumerate() {
            let (file, quoted) = (self.get(at + offset).trim_end(), quoted.trim_end());
            if file.is_empty() && quoted.is_empty() {
                continue;
            }
            let margin = |text: &str| !text.is_empty() && text.chars().all(|c| c == ' ' || c == '\t');
            let this = match (file.strip_suffix(quoted), quoted.strip_suffix(file)) {
                _ if file.is_empty() || quoted.is_empty() => return None,
                (Some(added), _) if margin(added) => Shift::Add(added.to_owned()),
                (_, Some(removed)) if margin(removed) => Shift::Remove(removed.to_owned()),
                _ => return None,
            };
            match &shift {
                None => shift = Some(this),
                Some(before) if *before == this => {}
                Some(_) => return None,
            }
        }
        shift
    }

    /// The lines that look most like `quote`, for a message: their numbers from 1 and their text.
    pub(super) fn nearest(&self, quote: &[String]) -> Vec<String> {
        let quote: Vec<&str> = quote.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        let Some(longest) = quote.iter().max_by_key(|line| line.len()) else { return Vec::new() };
        let score = |at: usize| {
            let window = at..(at + quote.len()).min(self.len());
            window.zip(&quote).filter(|(line, quoted)| self.get(*line).trim() == **quoted).count()
        };
        let best = (0..self.len()).map(|at| (score(at), std::cmp::Reverse(at))).max();
        let first = match best {
            Some((same, std::cmp::Reverse(at))) if same > 0 => at,
            _ => {
                let alike = |at: &usize| (likeness(self.get(*at).trim(), longest) * 1000.0) as u32;
                let Some(at) = (0..self.len().min(20_000)).max_by_key(alike) else { return Vec::new() };
                at.saturating_sub(1)
            }
        };
        let cut = |line: &str| line.chars().take(160).collect::<String>();
        let last = (first + quote.len().clamp(3, 8)).min(self.len());
        (first..last).map(|line| format!("{}| {}", line + 1, cut(self.get(line)))).collect()
    }
}

/// How much two lines have in common, 0 to 1: their pairs of neighbouring characters.
fn likeness(one: &str, other: &str) -> f64 {
    let pairs = |text: &str| {
        let chars: Vec<char> = text.chars().take(200).collect();
        let mut pairs: Vec<(char, char)> = chars.windows(2).map(|pair| (pair[0], pair[1])).collect();
        pairs.sort_unstable();
        pairs
    };
    let (one, other) = (pairs(one), pairs(other));
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    let (mut at, mut common) = (0, 0);
    for pair in &one {
        while other.get(at).is_some_and(|other| other < pair) {
            at += 1;
        }
        if other.get(at) == Some(pair) {
            common += 1;
            at += 1;
        }
    }
    2.0 * f64::from(common) / (one.len() + other.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::{Lines, Miss, Shift};

    const TEXT: &str =
        "\u{feff}class A:\r\n    def f(self):  \r\n        return 1\r\n\r\n    def g(self):\r\n        return 1\r\nend";

    fn quote(text: &str) -> Vec<String> {
        text.split('\n').map(str::to_owned).collect()
    }

    fn find(text: &str) -> Result<(usize, Shift), Miss> {
        Lines::of(TEXT).find(&quote(text), None).map(|place| (place.first, place.shift))
    }

    #[test]
    fn lines_know_their_places() {
        let lines = Lines::of(TEXT);
        assert_eq!((lines.len(), lines.eol(), lines.get(0), lines.get(6)), (7, "\r\n", "class A:", "end"));
        assert_eq!(&TEXT[lines.start(2)..lines.text_end(2)], "        return 1");
        assert_eq!(lines.start(7), TEXT.len());
    }

    #[test]
    fn differences_that_do_not_matter_are_bridged() {
        assert_eq!(find("class A:"), Ok((0, Shift::None)), "byte order mark and CRLF");
        assert_eq!(find("    def f(self):\n        return 1"), Ok((1, Shift::None)), "blanks at the end of a line");
        assert_eq!(find("def g(self):\n    return 1"), Ok((4, Shift::Add("    ".into()))));
        assert_eq!(find("      def g(self):\n          return 1"), Ok((4, Shift::Remove("  ".into()))));
        assert_eq!(find("\n\nend\n"), Ok((6, Shift::None)), "blank lines around");
    }

    #[test]
    fn nothing_is_guessed() {
        assert_eq!(find("        return 1"), Err(Miss::Ambiguous(vec![2, 5])));
        assert_eq!(find("def g(self):\n      return 1"), Err(Miss::Absent), "the shift is not uniform");
        assert_eq!(find("def g(me):"), Err(Miss::Absent));
        assert_eq!(find(" \n"), Err(Miss::Blank));
        assert_eq!(Lines::of("").find(&quote("x"), None), Err(Miss::Absent));
    }

    #[test]
    fn a_claimed_line_decides_only_between_equals() {
        let lines = Lines::of(TEXT);
        let at = |hint| lines.find(&quote("        return 1"), Some(hint)).map(|place| place.first);
        assert_eq!(at(5), Ok(5));
        assert_eq!(at(3), Err(Miss::Ambiguous(vec![2, 5])));
    }

    #[test]
    fn the_nearest_lines_are_shown() {
        let lines = Lines::of(TEXT);
        assert_eq!(lines.nearest(&quote("def g(self):\n    return 2"))[0], "5|     def g(self):");
        assert_eq!(lines.nearest(&quote("def gg(this):"))[1], "5|     def g(self):");
        assert!(Lines::of("").nearest(&quote("x")).is_empty());
    }
}
