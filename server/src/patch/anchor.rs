//! Finding the lines that a reply quotes: exactly, or with differences that cannot change which lines are meant.

use std::ops::Range;

/// A text as lines, without its byte order mark.
pub(super) struct Lines<'a> {
    /// The whole text.
    pub(super) text: &'a str,
    /// Each line's bytes without its end.
    spans: Vec<Range<usize>>,
    /// What ends most lines.
    eol: &'static str,
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

/// Where a reply says that quoted lines stand. It is often wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// The line of the first of them, counted from 0.
    pub line: Option<usize>,
    /// Lines above them, each below the one before, that open what they belong to.
    pub under: Vec<String>,
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
        let (mut ends, mut returns) = (0, 0);
        while start < text.len() {
            let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
            let line = text[start..end].strip_suffix('\n').unwrap_or(&text[start..end]);
            let bare = line.strip_suffix('\r').unwrap_or(line);
            ends += usize::from(start + line.len() < end);
            returns += usize::from(bare.len() < line.len());
            spans.push(start..start + bare.len());
            start = end;
        }
        Self { text, spans, eol: if returns * 2 > ends { "\r\n" } else { "\n" } }
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

    /// The line that a byte belongs to.
    pub(super) fn at(&self, byte: usize) -> usize {
        self.spans.partition_point(|span| span.start <= byte).saturating_sub(1)
    }

    /// The byte after a line's text, before its end-of-line characters.
    pub(super) fn text_end(&self, line: usize) -> usize {
        self.spans[line].end
    }

    /// What ends most lines.
    pub(super) fn eol(&self) -> &'static str {
        self.eol
    }

    /// The one place where `quote` stands; `hint` decides only between places that fit equally.
    pub(super) fn find(&self, quote: &[String], hint: &Hint) -> Result<Place, Miss> {
        let quote: Vec<&str> = quote.iter().map(String::as_str).collect();
        let blank = |line: &&&str| line.trim().is_empty();
        let head = quote.iter().take_while(blank).count();
        if head == quote.len() {
            return Err(Miss::Blank);
        }
        let tail = quote.iter().rev().take_while(blank).count();
        let lines: Vec<&str> = (0..self.len()).map(|line| self.get(line)).collect();
        let mut tries = vec![(&quote[..], (0, 0))];
        if head + tail > 0 {
            tries.push((&quote[head..quote.len() - tail], (head, tail)));
        }
        for (quote, dropped) in tries {
            let mut found = unshifted(places(&lines, quote));
            if found.is_empty() {
                found = unshifted(places(&trimmed(&lines), &trimmed(quote)));
            }
            if found.is_empty() {
                found = shifted(&lines, quote);
            }
            if found.is_empty() {
                continue;
            }
            if found.len() > 1 {
                self.narrow(&mut found, hint, dropped.0);
            }
            return match (found.len(), found.pop()) {
                (1, Some((first, shift))) => Ok(Place { first, shift, dropped }),
                (_, last) => Err(Miss::Ambiguous(found.iter().chain(&last).map(|(at, _)| *at).collect())),
            };
        }
        Err(Miss::Absent)
    }

    /// Leaves of several places the one that the hint means, if it means one of them.
    fn narrow(&self, found: &mut Vec<(usize, Shift)>, hint: &Hint, dropped: usize) {
        let claimed = hint.line.map(|line| line + dropped);
        let meant: Vec<usize> = match found.iter().position(|(at, _)| Some(*at) == claimed) {
            Some(exact) => vec![exact],
            None => {
                let Some(within) = self.below(&hint.under) else { return };
                (0..found.len()).filter(|&place| within.contains(&found[place].0)).collect()
            }
        };
        if let [only] = meant.as_slice() {
            found.swap(0, *only);
            found.truncate(1);
        }
    }

    /// The lines that belong to the last of `headings` by their indentation; each stands below the one before it.
    fn below(&self, headings: &[String]) -> Option<Range<usize>> {
        let mut within = (!headings.is_empty()).then_some(0..self.len())?;
        for heading in headings {
            let mut same = within.clone().filter(|&line| self.get(line).trim() == heading.trim());
            let (line, None) = (same.next()?, same.next()) else { return None };
            let own = margin(self.get(line)).len();
            let closes = |line: &str| line.trim_start().starts_with([')', ']', '}', '{']);
            let ends = |&line: &usize| {
                let text = self.get(line);
                !text.trim().is_empty() && margin(text).len() <= own && !closes(text)
            };
            within = line + 1..(line + 1..within.end).find(ends).unwrap_or(within.end);
        }
        Some(within)
    }
}

/// Every place where `quote` stands in `tokens`, those that overlap too. The work is linear in both, whatever a
/// reply repeats (Knuth, Morris and Pratt 1977).
pub(super) fn places<T: PartialEq>(tokens: &[T], quote: &[T]) -> Vec<usize> {
    // For each length of a part that fits, the longest shorter start of the quote that fits there too.
    let mut shorter = vec![0; quote.len() + 1];
    let mut fits = 0;
    for at in 1..quote.len() {
        while fits > 0 && quote[at] != quote[fits] {
            fits = shorter[fits];
        }
        fits += usize::from(quote[at] == quote[fits]);
        shorter[at + 1] = fits;
    }
    if quote.is_empty() {
        return (0..=tokens.len()).collect();
    }
    let mut found = Vec::new();
    fits = 0;
    for (at, token) in tokens.iter().enumerate() {
        while fits > 0 && (fits == quote.len() || *token != quote[fits]) {
            fits = shorter[fits];
        }
        fits += usize::from(*token == quote[fits]);
        if fits == quote.len() {
            found.push(at + 1 - fits);
        }
    }
    found
}

fn unshifted(found: Vec<usize>) -> Vec<(usize, Shift)> {
    found.into_iter().map(|at| (at, Shift::None)).collect()
}

/// The lines without blanks at their ends.
fn trimmed<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    lines.iter().map(|line| line.trim_end()).collect()
}

/// Every place where `quote` stands with one and the same difference of indentation.
fn shifted(lines: &[&str], quote: &[&str]) -> Vec<(usize, Shift)> {
    let Some(first) = quote.iter().position(|line| !line.trim().is_empty()) else { return Vec::new() };
    // After the first full line, what counts is how each is indented against the one before it.
    let rest = &steps(quote)[first + 1..];
    let before = |at: usize| {
        let start = at.checked_sub(first + 1)?;
        let shift = shift(lines[at - 1], quote[first])?;
        lines[start..at - 1].iter().all(|line| line.trim().is_empty()).then_some((start, shift))
    };
    places(&steps(lines), rest).into_iter().filter_map(before).collect()
}

/// Each line without its indentation, and what of its own and of the last full line's indentation they do not
/// share. The same in two texts that differ by one margin only.
fn steps<'a>(lines: &[&'a str]) -> Vec<(&'a str, &'a str, &'a str)> {
    let mut last = "";
    let step = |line: &&'a str| {
        let bare = line.trim();
        if bare.is_empty() {
            return ("", "", "");
        }
        let own = margin(line);
        let shared = own.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        let step = (line[own.len()..].trim_end(), &own[shared..], &last[shared..]);
        last = own;
        step
    };
    lines.iter().map(step).collect()
}

/// The difference of indentation between a line and its quote, if they differ in nothing else.
fn shift(line: &str, quoted: &str) -> Option<Shift> {
    let (there, here) = (margin(line), margin(quoted));
    if line[there.len()..].trim_end() != quoted[here.len()..].trim_end() {
        return None;
    }
    if let Some(added) = there.strip_suffix(here) {
        return Some(Shift::Add(added.to_owned()));
    }
    here.strip_suffix(there).map(|removed| Shift::Remove(removed.to_owned()))
}

fn margin(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

#[cfg(test)]
mod tests {
    use super::{Hint, Lines, Miss, Shift, places};

    const TEXT: &str =
        "\u{feff}class A:\r\n    def f(self):  \r\n        return 1\r\n\r\n    def g(self):\r\n        return 1\r\nend";

    fn quote(text: &str) -> Vec<String> {
        text.split('\n').map(str::to_owned).collect()
    }

    fn find(text: &str) -> Result<(usize, Shift), Miss> {
        Lines::of(TEXT).find(&quote(text), &Hint::default()).map(|place| (place.first, place.shift))
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
        assert_eq!(Lines::of("").find(&quote("x"), &Hint::default()), Err(Miss::Absent));
    }

    #[test]
    fn a_claim_decides_only_between_equals() {
        let lines = Lines::of(TEXT);
        let at = |line, under: &[&str]| {
            let under = under.iter().map(|line| (*line).to_owned()).collect();
            lines.find(&quote("        return 1"), &Hint { line, under }).map(|place| place.first)
        };
        let both = Err(Miss::Ambiguous(vec![2, 5]));
        assert_eq!(at(Some(5), &[]), Ok(5));
        assert_eq!(at(Some(3), &[]), both);
        assert_eq!(at(None, &["def f(self):"]), Ok(2));
        assert_eq!(at(None, &["class A:", "def g(self):"]), Ok(5));
        for wrong in [&["class A:"][..], &["return 1"], &["def h():"], &["def f(self):", "def g(self):"]] {
            assert_eq!(at(None, wrong), both, "{wrong:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn places_are_all_there_are(text in "[ab]{0,24}", quote in "[ab]{0,4}") {
            let (text, quote) = (text.as_bytes(), quote.as_bytes());
            let naive = (0..=text.len()).filter(|&at| text[at..].starts_with(quote)).collect::<Vec<_>>();
            proptest::prop_assert_eq!(places(text, quote), naive);
        }

        #[test]
        fn a_shifted_quote_is_found(lines in proptest::collection::vec("[ \\t]{0,3}[xyz]?", 1..8), margin in "[ \\t]{0,3}") {
            proptest::prop_assume!(lines.iter().any(|line| !line.trim().is_empty()));
            let text: String = lines.iter().map(|line| format!("{margin}{line}\n")).collect();
            proptest::prop_assert!(!matches!(Lines::of(&text).find(&lines, &Hint::default()), Err(Miss::Absent | Miss::Blank)));
        }
    }
}
