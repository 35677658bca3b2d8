//! The lines of a file that look most like a quote that is not in it: what a worker needs to quote again.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::anchor::Lines;

/// Most lines of a quote that are looked at, and of a file that are compared character by character.
const LOOKED_AT: (usize, usize) = (60, 10_000);
/// Most lines that are shown, and the characters of each.
const SHOWN: (usize, usize) = (8, 160);

/// The lines that look most like `quote`: their numbers from 1 and their text.
pub(super) fn nearest(lines: &Lines<'_>, quote: &[String]) -> Vec<String> {
    let quote: Vec<&str> =
        quote.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).take(LOOKED_AT.0).collect();
    let Some(longest) = quote.iter().max_by_key(|line| line.len()) else { return Vec::new() };
    let first = most_in_common(lines, &quote).or_else(|| most_alike(lines, longest));
    let Some(first) = first else { return Vec::new() };
    let last = (first + quote.len().clamp(3, SHOWN.0)).min(lines.len());
    let cut = |line: &str| line.chars().take(SHOWN.1).collect::<String>();
    (first..last).map(|line| format!("{}| {}", line + 1, cut(lines.get(line)))).collect()
}

/// Where the quote would have to begin for most of its lines to stand where they should.
fn most_in_common(lines: &Lines<'_>, quote: &[&str]) -> Option<usize> {
    let offsets: HashMap<&str, usize> = quote.iter().enumerate().map(|(offset, line)| (*line, offset)).collect();
    let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
    for at in 0..lines.len() {
        if let Some(offset) = offsets.get(lines.get(at).trim()) {
            *votes.entry(at.saturating_sub(*offset)).or_default() += 1;
        }
    }
    votes.into_iter().max_by_key(|(at, votes)| (*votes, std::cmp::Reverse(*at))).map(|(at, _)| at)
}

/// The line before the one that is most like `wanted`.
fn most_alike(lines: &Lines<'_>, wanted: &str) -> Option<usize> {
    let wanted = pairs(wanted);
    let alike = |at: &usize| (likeness(&pairs(lines.get(*at).trim()), &wanted) * 1000.0) as u32;
    let mut seen = HashSet::new();
    let different = (0..lines.len().min(LOOKED_AT.1)).filter(|at| seen.insert(lines.get(*at).trim()));
    different.max_by_key(alike).map(|at| at.saturating_sub(1))
}

/// Neighbouring characters, in order of their values.
fn pairs(text: &str) -> Vec<(char, char)> {
    let chars = || text.chars().take(200);
    let mut pairs: Vec<(char, char)> = chars().zip(chars().skip(1)).collect();
    pairs.sort_unstable();
    pairs
}

/// How many of their pairs two lines have in common, 0 to 1.
fn likeness(one: &[(char, char)], other: &[(char, char)]) -> f64 {
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    let (mut at, mut common) = (0, 0);
    for pair in one {
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
    use super::nearest;
    use crate::patch::anchor::Lines;

    #[test]
    fn the_nearest_lines_are_shown() {
        let text =
            "class A:\r\n    def f(self):  \r\n        return 1\r\n\r\n    def g(self):\r\n        return 1\r\nend";
        let near = |quote: &str| nearest(&Lines::of(text), &quote.split('\n').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(near("def g(self):\n    return 2")[0], "5|     def g(self):");
        assert_eq!(near("def gg(this):")[1], "5|     def g(self):");
        assert!(nearest(&Lines::of(""), &["x".to_owned()]).is_empty());
        assert!(near(" ").is_empty());
    }
}
