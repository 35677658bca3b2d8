//! What one run of a check said, made comparable: its findings, or why they cannot be believed.

use baton_grammars::{Check, CheckKind};

use super::super::results::shortened;
use super::super::sandbox::{End, Ran};
use super::finding::{Finding, Severity};
use super::reader::{self, MOST, Place};

/// What one run said, over all files that it was run for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// What it found.
    pub(super) findings: Vec<Finding>,
    /// Why the run as a whole is no answer: it failed and named nothing, it did not end, it said too much.
    pub(super) broken: Option<String>,
    /// Whether it was still running when its time was over.
    pub(super) hung: bool,
    /// Why it cannot be run at all: it, or a part of it, is not installed, or does not start.
    pub(super) absent: Option<&'static str>,
    /// Milliseconds.
    pub(super) ms: u64,
}

impl Said {
    /// Reads a run. Output and exit status must agree: where they do not, the run as a whole has failed.
    pub(super) fn read(check: &Check, place: Place<'_>, ran: &Ran) -> Self {
        let mut findings = reader::read(check.format, place, &ran.output);
        let is_full = findings.len() >= MOST;
        if check.kind == CheckKind::Compile {
            findings.retain(|finding| finding.severity == Severity::Error);
        }
        let last = ran.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing");
        let lacks_a_part = check.absent.as_ref().is_some_and(|text| ran.output.contains(text.as_str()));
        let (mut broken, mut absent) = (None, None);
        match ran.end {
            End::TimedOut => broken = Some(format!("it did not end within {} s", (ran.ms + 500) / 1000)),
            End::Signalled | End::Cancelled => broken = Some(format!("it was killed: {}", shortened(last, 200))),
            End::Exited(0) => {}
            End::Exited(126 | 127) if findings.is_empty() => absent = Some("cannot be started"),
            End::Exited(_) if findings.is_empty() && lacks_a_part => absent = Some("not installed"),
            End::Exited(code) if findings.is_empty() => {
                broken = Some(format!("it ended with status {code}: {}", ends(&ran.output)));
            }
            // What is left out of a flood could be anything.
            End::Exited(_) if ran.output.contains(" bytes of output left out]") => {
                broken = Some("it printed more than can be read".to_owned());
            }
            End::Exited(_) => {}
        }
        if is_full {
            broken = Some(format!("it found more than {MOST} things"));
        }
        Self { findings, broken, hung: ran.end == End::TimedOut, absent, ms: ran.ms }
    }

    /// Adds what the same check said of another file.
    pub(super) fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.broken = self.broken.take().or(other.broken);
        self.hung |= other.hung;
        self.absent = self.absent.or(other.absent);
        self.ms += other.ms;
    }
}

/// The first and the last lines with anything in them, where tools say what went wrong.
fn ends(output: &str) -> String {
    let lines: Vec<String> =
        output.lines().filter(|line| !line.trim().is_empty()).map(|line| shortened(line.trim(), 120)).collect();
    match lines.as_slice() {
        [] => "it printed nothing".to_owned(),
        [first @ .., _, _, _] if first.len() > 3 => {
            format!("{}\n…\n{}", first[..3].join("\n"), lines[lines.len() - 3..].join("\n"))
        }
        all => all.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Said;
    use crate::verify::checks::reader::Place;
    use crate::verify::sandbox::{End, Ran};

    fn said(end: End, output: &str) -> String {
        let facts = &baton_grammars::by_id("rust").unwrap().facts;
        let mut check = facts.check.iter().find(|check| check.name == "clippy").unwrap().clone();
        check.format = baton_grammars::Format::Gcc;
        let place = Place { root: Path::new("/w"), directory: Path::new("") };
        let said = Said::read(&check, place, &Ran { end, output: output.to_owned(), ms: 900 });
        format!("{} found, broken {:?}, absent {:?}", said.findings.len(), said.broken, said.absent)
    }

    #[test]
    fn output_and_status_must_agree() {
        let found = "a.c:1:1: warning: x\n";
        let cases = [
            (End::Exited(0), ""),
            (End::Exited(0), found),
            (End::Exited(1), found),
            (End::Exited(1), "something went wrong\n"),
            (End::Exited(127), ""),
            (End::Exited(1), "error: 'cargo-clippy' is not installed for the toolchain 'stable'\n"),
            (End::TimedOut, found),
            (End::Signalled, "[stopped: too much memory]\n"),
            (End::Exited(1), "a.c:1:1: warning: x\n[99 bytes of output left out]\n"),
        ];
        let lines: Vec<String> = cases.iter().map(|(end, output)| format!("{end:?} {}", said(*end, output))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        Exited(0) 0 found, broken None, absent None
        Exited(0) 1 found, broken None, absent None
        Exited(1) 1 found, broken None, absent None
        Exited(1) 0 found, broken Some("it ended with status 1: something went wrong"), absent None
        Exited(127) 0 found, broken None, absent Some("cannot be started")
        Exited(1) 0 found, broken None, absent Some("not installed")
        TimedOut 1 found, broken Some("it did not end within 1 s"), absent None
        Signalled 0 found, broken Some("it was killed: [stopped: too much memory]"), absent None
        Exited(1) 1 found, broken Some("it printed more than can be read"), absent None
        "#);
    }
}
