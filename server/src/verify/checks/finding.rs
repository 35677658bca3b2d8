//! One thing that a check found, and the comparison of what it found before a patch and after it.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::super::results::shortened;

/// One thing that a check found, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// The file, relative to the workspace where it lies in it; empty where the tool names none.
    pub file: String,
    /// Its line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Its column as the tool counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Whether the tool calls it an error.
    pub severity: Severity,
    /// The tool's code for it, such as `E0308` or `no-undef`; may be empty.
    pub code: String,
    /// What the tool says.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is allowed, and better changed.
    Warning,
    /// It is not allowed.
    Error,
}

/// What two runs of a check have and do not have in common.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Found only after.
    pub(super) new: Vec<Finding>,
    /// Found only before.
    pub(super) gone: Vec<Finding>,
    /// Found in both, as after.
    pub(super) kept: Vec<Finding>,
}

impl Finding {
    /// A line for people: `src/lib.rs:3: E0308: mismatched types`.
    pub(super) fn line(&self) -> String {
        let place = match (self.file.as_str(), self.line) {
            ("", _) => String::new(),
            (file, Some(line)) => format!("{file}:{line}: "),
            (file, None) => format!("{file}: "),
        };
        let code = if self.code.is_empty() { String::new() } else { format!("{}: ", self.code) };
        format!("{place}{code}{}", self.message.replace('\n', "\n    "))
    }

    /// Whether a diagnostic of an editor says this: it has the finding's words, or the finding has its.
    pub(super) fn is_said_by(&self, diagnostic: &str) -> bool {
        let first = |text: &str| text.lines().next().unwrap_or_default().trim().to_lowercase();
        let (own, said) = (first(&self.message), first(diagnostic));
        // A word or two could be in any message.
        let has = |long: &str, short: &str| short.len() >= 6 && long.contains(short);
        own == said && !own.is_empty() || has(&said, &own) || has(&own, &said)
    }

    /// What stays of it when lines are put in or taken out above it.
    fn identity(&self) -> (&str, &str, String) {
        (&self.file, &self.code, without_lines(&self.message))
    }
}

/// Compares by file, code and message, each as often as it was found; lines shift with every edit.
pub(super) fn compare(before: &[Finding], after: &[Finding]) -> Comparison {
    let mut left: HashMap<_, Vec<&Finding>> = HashMap::new();
    before.iter().for_each(|finding| left.entry(finding.identity()).or_default().push(finding));
    let mut found = Comparison::default();
    // Of several that are equal but for their lines, those in new places are the likelier new ones.
    let places: HashSet<(&str, Option<u32>)> = before.iter().map(|old| (old.file.as_str(), old.line)).collect();
    let (old_places, others): (Vec<&Finding>, Vec<&Finding>) =
        after.iter().partition(|finding| places.contains(&(finding.file.as_str(), finding.line)));
    for finding in old_places.into_iter().chain(others) {
        match left.get_mut(&finding.identity()).and_then(Vec::pop) {
            Some(_) => found.kept.push(finding.clone()),
            None => found.new.push(finding.clone()),
        }
    }
    let mut gone: Vec<Finding> = left.into_values().flatten().cloned().collect();
    gone.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Comparison { gone, ..found }
}

/// Each finding as a line, as many as fit into `most` bytes; the rest as a number.
pub(super) fn list(findings: &[Finding], most: usize) -> (String, usize) {
    let mut text = String::new();
    for (index, finding) in findings.iter().enumerate() {
        let line = format!("- {}\n", shortened(&finding.line(), 400));
        if text.len() + line.len() > most {
            text.push_str(&format!("and {} more\n", findings.len() - index));
            return (text.trim_end().to_owned(), index);
        }
        text.push_str(&line);
    }
    (text.trim_end().to_owned(), findings.len())
}

/// `2 errors`, `1 finding`.
pub(super) fn count(findings: &[Finding]) -> String {
    let is_error = findings.iter().all(|finding| finding.severity == Severity::Error);
    let word = if is_error { "error" } else { "finding" };
    if findings.len() == 1 { format!("1 {word}") } else { format!("{} {word}s", findings.len()) }
}

/// The text without the numbers that follow `line ` or a colon: tools name other places in their messages.
fn without_lines(message: &str) -> String {
    let mut plain = String::with_capacity(message.len());
    for c in message.chars() {
        let follows = plain.ends_with(':') || plain.ends_with("line ") || plain.ends_with("lines ");
        if !(c.is_ascii_digit() && follows) {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Finding, Severity, compare, list, without_lines};

    /// `a.rs:3 E1 the message`
    pub fn finding(written: &str) -> Finding {
        let mut words = written.splitn(3, ' ');
        let (file, line) = words.next().unwrap().split_once(':').unwrap();
        Finding {
            file: file.into(),
            line: line.parse().ok(),
            column: None,
            severity: Severity::Error,
            code: words.next().unwrap().into(),
            message: words.next().unwrap_or_default().into(),
        }
    }

    fn compared(before: &[&str], after: &[&str]) -> String {
        let findings = |written: &[&str]| written.iter().map(|line| finding(line)).collect::<Vec<_>>();
        let found = compare(&findings(before), &findings(after));
        let shown = |findings: &[Finding]| findings.iter().map(Finding::line).collect::<Vec<_>>().join(", ");
        format!("new [{}] gone [{}] kept {}", shown(&found.new), shown(&found.gone), found.kept.len())
    }

    #[test]
    fn what_only_moved_is_not_new() {
        assert_eq!(compared(&["a:3 E x"], &["a:9 E x"]), "new [] gone [] kept 1");
        assert_eq!(compared(&["a:3 E see line 12"], &["a:9 E see line 1"]), "new [] gone [] kept 1");
        assert_eq!(compared(&["a:3 E got 2"], &["a:3 E got 3"]), "new [a:3: E: got 3] gone [a:3: E: got 2] kept 0");
        assert_eq!(compared(&["a:3 E x"], &["b:3 E x"]), "new [b:3: E: x] gone [a:3: E: x] kept 0");
        assert_eq!(compared(&["a:3 E x"], &[]), "new [] gone [a:3: E: x] kept 0");
    }

    #[test]
    fn one_more_of_the_same_is_new_and_its_place_is_named() {
        assert_eq!(compared(&["a:3 E x"], &["a:3 E x", "a:7 E x"]), "new [a:7: E: x] gone [] kept 1");
        assert_eq!(compared(&["a:5 E x"], &["a:3 E x", "a:5 E x"]), "new [a:3: E: x] gone [] kept 1");
        assert_eq!(compared(&["a:3 E x", "a:5 E x"], &["a:4 E x"]).split(" gone").next(), Some("new []"));
    }

    #[test]
    fn a_list_stays_within_its_bytes() {
        let many: Vec<Finding> = (0..500).map(|n| finding(&format!("a:{n} E {}", "x".repeat(1000)))).collect();
        let (text, named) = list(&many, 1500);
        assert!(text.len() < 1600 && text.ends_with(&format!("and {} more", 500 - named)), "{text}");
    }

    #[test]
    fn a_diagnostic_is_recognised_by_its_words() {
        let finding = finding("a:3 E0308 mismatched types");
        assert!(finding.is_said_by("Mismatched types\nexpected `i32`"));
        assert!(finding.is_said_by("E0308: mismatched types"));
        assert!(!finding.is_said_by("unused variable"));
        assert!(!finding.is_said_by("") && !finding.is_said_by("types"));
        assert_eq!(without_lines("closure at a.rs:31:5, line 40 of 2"), "closure at a.rs::, line  of 2");
    }
}
