//! Ten million changes against the specification's own words, as slowly as possible: UTF-16 code units in a row.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::{Change, Document};
use crate::workspace::{Encoding, Position};

/// Changes in all; one in this many names a place that the text does not have.
const EVENTS: u64 = 10_000_000;
const WRONG: u32 = 200;
/// Changes of one document before the next seed.
const EACH: u64 = 5_000;
/// Code units above which a text is cut down again.
const LONG: usize = 160;
const PIECES: [&str; 14] =
    ["\n", "\r\n", "\r", "a", "é", "𝒇", "\u{2028}", "\u{85}", "\u{b}", "", "word ", "\n\r", "🙂\r", "def f():\n"];

/// The text as the specification counts it.
struct Naive {
    units: Vec<u16>,
    encoding: Encoding,
}

impl Naive {
    /// First unit and the unit after the last one, without its break, of every line.
    fn lines(&self) -> Vec<(usize, usize)> {
        let (mut lines, mut start, mut at) = (Vec::with_capacity(32), 0, 0);
        while at < self.units.len() {
            let width = match (self.units[at], self.units.get(at + 1)) {
                (13, Some(10)) => 2,
                (13 | 10, _) => 1,
                _ => 0,
            };
            if width > 0 {
                lines.push((start, at));
                start = at + width;
            }
            at += width.max(1);
        }
        lines.push((start, self.units.len()));
        lines
    }

    /// How many columns the units before `end` take; `None` inside a character.
    fn columns(&self, start: usize, end: usize) -> Option<u32> {
        let mut columns = 0;
        for c in char::decode_utf16(self.units[start..end].iter().copied()) {
            let c = c.ok()?;
            columns += match self.encoding {
                Encoding::Utf8 => c.len_utf8(),
                Encoding::Utf16 => c.len_utf16(),
                Encoding::Utf32 => 1,
            };
        }
        Some(columns as u32)
    }

    /// A place that an editor can name, and its unit.
    fn place(&self, random: &mut StdRng) -> (Position, usize) {
        let lines = self.lines();
        let line = random.random_range(0..lines.len());
        let (start, end) = lines[line];
        loop {
            let at = random.random_range(start..=end);
            if let Some(column) = self.columns(start, at) {
                return (Position { line: line as u32, column }, at);
            }
        }
    }

    /// A place that the text does not have: past the end of a line or of the text, or inside a character.
    fn nowhere(&self, random: &mut StdRng) -> Position {
        let lines = self.lines();
        let line = random.random_range(0..lines.len());
        let (start, end) = lines[line];
        let width = self.columns(start, end).expect("a line ends between characters");
        let inside = (start..end).find(|at| self.columns(start, *at).is_none());
        match (random.random_range(0..3), inside) {
            (0, _) => Position { line: (lines.len() + random.random_range(0..3)) as u32, column: 0 },
            // The second half of a pair; in UTF-8 the second byte of the same character.
            (1, Some(at)) if self.encoding != Encoding::Utf32 => {
                Position { line: line as u32, column: self.columns(start, at - 1).expect("a pair begins there") + 1 }
            }
            _ => Position { line: line as u32, column: width + random.random_range(1..9) },
        }
    }
}

/// One document's life; the error says after how many changes it differs.
fn follow(seed: u64) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let encoding = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32][(seed % 3) as usize];
    let mut naive = Naive { units: Vec::new(), encoding };
    let mut document = Document::open("", 0);
    for event in 0..EACH {
        let pieces = random.random_range(0..4);
        let new: String = (0..pieces).map(|_| *PIECES.choose(&mut random).expect("there are pieces")).collect();
        let wrong = random.random_ratio(1, WRONG);
        let range = if wrong {
            let at = naive.nowhere(&mut random);
            document.change(&[Change { range: Some(at..at), text: new.clone() }], 1, encoding).err();
            if document.text().is_ok() {
                return Err(format!("change {event} was at {at:?}, which is no place, and was made"));
            }
            None
        } else if naive.units.len() > LONG {
            None
        } else {
            let (a, b) = (naive.place(&mut random), naive.place(&mut random));
            // Most changes of a person are at one place.
            let b = if random.random_ratio(1, 2) { a } else { b };
            Some(if a.1 <= b.1 { (a, b) } else { (b, a) })
        };
        let change = match range {
            Some((start, end)) => {
                naive.units.splice(start.1..end.1, new.encode_utf16());
                Change { range: Some(start.0..end.0), text: new }
            }
            None => {
                naive.units = new.encode_utf16().collect();
                Change { range: None, text: new }
            }
        };
        let done = document.change(std::slice::from_ref(&change), 2, encoding);
        let same = document.text().is_ok_and(|text| {
            let mut units = [0; 2];
            let mut expected = naive.units.iter();
            text.chars().all(|c| c.encode_utf16(&mut units).iter().all(|unit| expected.next() == Some(unit)))
                && expected.next().is_none()
        });
        if !same {
            return Err(format!("change {event}, {change:?} in {encoding:?}, ended in another text: {done:?}"));
        }
    }
    Ok(())
}

#[test]
fn ten_million_changes_never_differ_from_the_naive_model() {
    let documents = EVENTS / EACH;
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64).min(4);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for seed in (thread..documents).step_by(threads as usize) {
                    follow(seed).unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
                }
            });
        }
    });
}
