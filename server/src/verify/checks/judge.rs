//! The judgement of one check: what it says with a patch beside what it said without it. Pure.

use std::collections::BTreeMap;

use super::super::verdict::{Level, MOST_REPORT, Rung, RungEnd};
use super::finding::{Comparison, Finding, Severity, compare, count, list};
use super::said::Said;
use crate::patch::{Fate, Patch};

/// A judged check.
pub(super) struct Judged {
    name: String,
    end: RungEnd,
    reason: String,
    /// What it found before and after.
    pub(super) found: Comparison,
}

impl Judged {
    /// Judges by what is new. A run that failed as a whole counts as one finding; where it did so before the patch
    /// already, only a run without any finding is better, and everything else cannot be compared.
    pub(super) fn new(name: &str, patch: &Patch, before: &Said, after: &Said) -> Self {
        let judged = |end, reason: String, found| Self { name: name.to_owned(), end, reason, found };
        let absent = after.absent.map(|why| format!("it {why}"));
        match (&before.broken, after.broken.clone().or(absent)) {
            (Some(why), Some(_)) => {
                let why = why.lines().next().unwrap_or_default();
                judged(RungEnd::NotRun, format!("it fails without the change too: {why}"), Comparison::default())
            }
            (Some(_), None) if !after.findings.is_empty() => {
                let why = format!("it failed before the change, so {} cannot be compared", count(&after.findings));
                judged(RungEnd::NotRun, why, Comparison::default())
            }
            (Some(why), None) => {
                let found = Comparison { gone: vec![whole(why)], ..Comparison::default() };
                judged(RungEnd::Passed, "it failed before".to_owned(), found)
            }
            (None, Some(why)) => {
                let found = Comparison { new: vec![whole(&why)], ..Comparison::default() };
                judged(RungEnd::Failed, String::new(), found)
            }
            (None, None) => {
                let found = compare(&renamed(&before.findings, patch), &after.findings);
                let end = if found.new.is_empty() { RungEnd::Passed } else { RungEnd::Failed };
                let mut words = Vec::new();
                if !found.gone.is_empty() {
                    words.push(format!("{} gone", count(&found.gone)));
                }
                if !found.kept.is_empty() {
                    words.push(format!("{} as before", count(&found.kept)));
                }
                judged(end, words.join(", "), found)
            }
        }
    }

    /// What it says now of the diagnostics that the task is about.
    pub(super) fn remarks(&self, diagnostics: &[String]) -> Vec<String> {
        let about = |finding: &&Finding| diagnostics.iter().any(|diagnostic| finding.is_said_by(diagnostic));
        let line = |word: &str, finding: &Finding| format!("{} {word} {}", self.name, finding.line());
        let gone = self.found.gone.iter().filter(about).map(|finding| line("no longer finds", finding));
        gone.chain(self.found.kept.iter().filter(about).map(|finding| line("still finds", finding))).collect()
    }

    /// The rung, and the report of a refusal.
    pub(super) fn into_rung(self, level: Level, ms: u64) -> (Rung, Option<String>) {
        let rung = Rung::new(&self.name, level, self.end, ms).because(self.reason);
        if self.end != RungEnd::Failed {
            return (rung, None);
        }
        let new = &self.found.new;
        let were = if new.len() == 1 { "was" } else { "were" };
        let head = match new.as_slice() {
            [only] if only.file.is_empty() && only.line.is_none() => format!("{} fails with the change:", self.name),
            _ => format!("{} finds {} that {were} not there before:", self.name, count(new)),
        };
        let (text, named) = list(new, MOST_REPORT - 300);
        let findings = new[..named].to_vec();
        (Rung { findings, ..rung }, Some(format!("{head}\n{text}")))
    }
}

/// A run that failed and named no place.
fn whole(why: &str) -> Finding {
    Finding {
        file: String::new(),
        line: None,
        column: None,
        severity: Severity::Error,
        code: String::new(),
        message: why.to_owned(),
    }
}

/// The findings under the names that the patch gives their files.
fn renamed(findings: &[Finding], patch: &Patch) -> Vec<Finding> {
    let moved: BTreeMap<&str, &str> = patch
        .files()
        .iter()
        .filter_map(|(path, change)| match &change.fate {
            Fate::Moved(to) => Some((path.as_str(), to.as_str())),
            _ => None,
        })
        .collect();
    let mut findings = findings.to_vec();
    for finding in &mut findings {
        if let Some(to) = moved.get(finding.file.as_str()) {
            finding.file = (*to).to_owned();
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::tests::finding;
    use super::super::said::Said;
    use super::{Judged, Level};
    use crate::patch::{Change, Fate, Patch};
    use crate::workspace::RelPath;

    /// `!why` is a run that broke; otherwise findings, separated by `|`.
    fn said(written: &str) -> Said {
        if let Some(why) = written.strip_prefix('!') {
            return Said { broken: Some(why.to_owned()), ..Said::default() };
        }
        let findings = written.split('|').filter(|line| !line.is_empty()).map(finding).collect();
        Said { findings, ..Said::default() }
    }

    fn judged(before: &str, after: &str, patch: &Patch) -> String {
        let judged = Judged::new("cc", patch, &said(before), &said(after));
        let remarks = judged.remarks(&["the asked one".to_owned()]).join(", ");
        let (rung, refused) = judged.into_rung(Level::Checked, 1);
        format!("{:?} ({}) {} {remarks}", rung.end, rung.reason, refused.unwrap_or_default().replace('\n', " / "))
    }

    #[test]
    fn a_check_is_judged_by_what_is_new() {
        let cases = [
            ("", ""),
            ("", "a:1 E x"),
            ("a:1 E x", "a:2 E x"),
            ("a:1 E x", "a:2 E x|a:3 E y|b:3 E y"),
            ("a:1 E x|a:4 E the asked one", "a:2 E x"),
            ("a:4 E the asked one", "a:9 E the asked one"),
            ("", "!it did not end within 30 s"),
            ("!it ended with status 2: no such option", "!it ended with status 2: no such option"),
            ("!it ended with status 2: no manifest", ""),
            ("!it ended with status 2: no manifest", "a:1 E x"),
        ];
        let patch = Patch::default();
        let shown =
            |(before, after): &(&str, &str)| format!("{before} -> {after}\n  {}", judged(before, after, &patch));
        insta::assert_snapshot!(cases.iter().map(shown).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_file_that_is_moved_keeps_its_findings() {
        let path = |path: &str| RelPath::new(path).unwrap();
        let mut patch = Patch::default();
        patch.insert(path("a"), Change { edits: vec![], fate: Fate::Moved(path("b")) }).unwrap();
        assert!(judged("a:1 E x", "b:1 E x", &patch).starts_with("Passed (1 error as before)"));
        assert!(judged("a:1 E x", "b:1 E x", &Patch::default()).starts_with("Failed"));
    }
}
