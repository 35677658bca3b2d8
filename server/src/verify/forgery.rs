//! Changes with which the code under test could decide what its tests say. Tests of most languages run in one process
//! with what they test, so whoever can write that code can end the process with a good status, print results, or
//! change the runner itself. No reading of the results can tell; that a change reaches for the means can be told. A
//! language lists them (`reaches_tests`).

use std::path::Path;

use super::verdict::{Report, Verdict};
use baton_grammars::Language;

use crate::patch::{self, Patch};
use crate::workspace::Snapshot;

/// The verdict, but not Passed for a change that brings one of the means.
pub(super) fn doubted(verdict: Verdict, patch: &Patch, snapshot: &Snapshot) -> Verdict {
    let Verdict::Passed(report) = verdict else { return verdict };
    let Some((path, means)) = brought(patch, snapshot) else { return Verdict::Passed(report) };
    let why = format!(
        "the tests pass, but the change of {path} brings `{means}`, with which code can decide what its own tests say: read it before you use it"
    );
    Verdict::Unknown(Report { report: why, ..report })
}

/// The first file that gets more of a means than it has.
fn brought(patch: &Patch, snapshot: &Snapshot) -> Option<(String, String)> {
    patch.files().iter().find_map(|(path, change)| {
        let name = change.name(path)?;
        let language = baton_grammars::by_path(Path::new(name.as_str()))?;
        let old = change.before(path, snapshot).ok()?;
        let new = patch::apply(&old, &change.edits)?;
        let more = |means: &&String| count(&new, means) > count(&old, means);
        let means = language.facts.reaches_tests.iter().find(more)?;
        Some((name.to_string(), means.clone()))
    })
}

/// Those means that a text of the language has.
pub(super) fn means<'a>(language: &'a Language, text: &str) -> impl Iterator<Item = &'a String> {
    language.facts.reaches_tests.iter().filter(move |means| count(text, means) > 0)
}

/// How often `word` stands in the text by itself, not as a part of a longer name.
fn count(text: &str, word: &str) -> usize {
    let is_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let stands = |(at, _): &(usize, &str)| {
        !is_name(text[..*at].chars().next_back()) && !is_name(text[at + word.len()..].chars().next())
    };
    text.match_indices(word).filter(stands).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::doubted;
    use crate::patch::{Edit, Patch};
    use crate::verify::verdict::{Level, Report, Verdict};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    #[test]
    fn who_brings_the_means_is_not_believed() {
        for (path, old, new, means) in [
            ("a.py", "x = 1\n", "x = 2\n", None),
            ("a.py", "x = 1\n", "import atexit\n", Some("atexit")),
            ("a.py", "import atexit\n", "import atexit  # still\n", None),
            ("a.py", "import atexit\n", "import atexit\natexit.register(f)\n", Some("atexit")),
            ("a.py", "x = 1\n", "my_unittest_x = 1\n", None),
            ("a.rs", "fn f() {}\n", "fn f() { std::process::exit(0) }\n", Some("process::exit")),
            ("a.mjs", "f()\n", "process.exit(0)\n", Some("process.exit")),
            ("a.txt", "x\n", "atexit\n", None),
        ] {
            let path = RelPath::new(path).unwrap();
            let buffer = Buffer { text: old.into(), version: 1 };
            let snapshot = Snapshot::new("/nowhere".into(), BTreeMap::from([(path.clone(), buffer)]));
            let mut patch = Patch::default();
            patch.insert(path, vec![Edit { range: 0..old.len(), text: new.to_owned() }]).unwrap();
            let report = Report { passed: 1, ..Report::new(Level::Tested, "good".to_owned()) };
            let verdict = doubted(Verdict::Passed(report.clone()), &patch, &snapshot);
            match means {
                None => assert_eq!(verdict, Verdict::Passed(report), "{new}"),
                Some(means) => {
                    assert!(
                        matches!(&verdict, Verdict::Unknown(report) if report.report.contains(&format!("`{means}`"))),
                        "{verdict:?}"
                    );
                }
            }
        }
    }
}
