//! Whether a check alone, where no test can be run, proves that a patch does what was asked.
//!
//! That code compiles says little of what it does: recorded runs show that a compiler rejects almost no wrong
//! program. So a check that only stays content proves nothing, and a patch without tests stays unverified. But where
//! the check itself said what is wrong, its silence is the answer to that task: an error that was there before and is
//! gone, with none in its place. It proves nothing where the silence was bought: by taking out the code it was
//! about, by a mark that silences the check, by another configuration; nor if the file still has such errors.

use std::collections::BTreeMap;

use baton_grammars::{Check, CheckKind};

use super::applied::signs;
use super::finding::{Comparison, Finding, list};
use crate::patch::{self, Patch};
use crate::workspace::{RelPath, Snapshot};

/// What the check proves, as a sentence; else why it could seem to and does not.
pub(super) fn of(
    check: &Check,
    found: &Comparison,
    patch: &Patch,
    snapshot: &Snapshot,
    diagnostics: &[String],
) -> Result<String, Option<String>> {
    if found.gone.is_empty() || !found.new.is_empty() {
        return Err(None);
    }
    let about = |finding: &&Finding| diagnostics.iter().any(|diagnostic| finding.is_said_by(diagnostic));
    let mut changed = patch.files().iter().flat_map(|(path, change)| change.names(path));
    // Without a word of what the task is about it is the errors, never the taste of a linter.
    let (asked, left): (Vec<&Finding>, bool) = match diagnostics {
        [] if check.kind == CheckKind::Lint => return Err(None),
        [] => {
            let is_left = |path: &RelPath| found.kept.iter().any(|finding| finding.file == path.as_str());
            (found.gone.iter().collect(), changed.any(is_left))
        }
        _ => (found.gone.iter().filter(about).collect(), found.kept.iter().any(|finding| about(&finding))),
    };
    if asked.is_empty() || left {
        return Err(None);
    }
    if let Some(why) = bought(check, patch, snapshot) {
        return Err(Some(why));
    }
    let asked: Vec<Finding> = asked.into_iter().cloned().collect();
    Ok(format!("{} no longer finds what it found before:\n{}", check.name, list(&asked, 1000).0))
}

/// Why the silence of the check says nothing.
fn bought(check: &Check, patch: &Patch, snapshot: &Snapshot) -> Option<String> {
    let mut items: BTreeMap<String, isize> = BTreeMap::new();
    for (path, change) in patch.files() {
        if let Some(name) = change.names(path).find(|name| signs(check).include(name)) {
            return Some(format!("the change touches {name}, which configures {}", check.name));
        }
        let old = change.before(path, snapshot).ok();
        let Some((old, new)) = old.and_then(|old| Some((old.clone(), patch::apply(&old, &change.edits)?))) else {
            return Some(format!("{path} cannot be read any more"));
        };
        let rises = |mark: &&String| new.matches(mark.as_str()).count() > old.matches(mark.as_str()).count();
        if let Some(mark) = check.silenced_by.iter().find(rises) {
            return Some(format!("the change silences {} (`{}`)", check.name, mark.trim()));
        }
        count_items(path.as_str(), &old, -1, &mut items);
        if let Some(name) = change.name(path) {
            count_items(name.as_str(), &new, 1, &mut items);
        }
    }
    let lost = items.into_iter().find(|(_, count)| *count < 0);
    lost.map(|(name, _)| format!("the change takes out `{name}`"))
}

fn count_items(path: &str, text: &str, step: isize, items: &mut BTreeMap<String, isize>) {
    let Some(language) = baton_grammars::by_path(path.as_ref()) else { return };
    let Some(tree) = language.parse(text) else { return };
    for item in language.items(&tree, text) {
        *items.entry(item.name).or_default() += step;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::finding::tests::finding;
    use super::super::finding::{Comparison, Finding};
    use super::of;
    use crate::patch::{Edit, Patch};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    const OLD: &str = "def f():\n    return missing\n\ndef g():\n    return 1\n";

    /// What mypy's silence proves of a file that gets this text.
    fn proof(new: &str, gone: &[&str], kept: &[&str], diagnostics: &[&str]) -> String {
        let path = RelPath::new("a.py").unwrap();
        let buffer = Buffer { text: OLD.into(), version: 1 };
        let snapshot = Snapshot::new("/nowhere".into(), BTreeMap::from([(path.clone(), buffer)]));
        let mut patch = Patch::default();
        patch.insert(path, vec![Edit { range: 0..OLD.len(), text: new.to_owned() }]).unwrap();
        let findings = |written: &[&str]| written.iter().map(|line| finding(line)).collect::<Vec<Finding>>();
        let found = Comparison { new: vec![], gone: findings(gone), kept: findings(kept) };
        let check = baton_grammars::by_id("python").unwrap().facts.check.iter().find(|check| check.name == "mypy");
        let diagnostics: Vec<String> = diagnostics.iter().map(|said| (*said).to_owned()).collect();
        match of(check.unwrap(), &found, &patch, &snapshot, &diagnostics) {
            Ok(sentence) => sentence.replace('\n', " / "),
            Err(why) => format!("nothing: {}", why.unwrap_or_default()),
        }
    }

    #[test]
    fn an_error_that_is_gone_is_proof_unless_its_silence_was_bought() {
        let error = "a.py:2 name-defined Name 'missing' is not defined";
        let (other, elsewhere) = ("a.py:5 misc another thing", "b.py:5 misc another thing");
        let fixed = OLD.replace("missing", "2");
        let shown = [
            proof(&fixed, &[error], &[], &[]),
            proof(&fixed, &[error], &[elsewhere], &[]),
            proof(&fixed, &[error], &[other], &[]),
            proof(&fixed, &[error], &[other], &["Name 'missing' is not defined"]),
            proof(&fixed, &[other], &[error], &["Name 'missing' is not defined"]),
            proof(&fixed, &[], &[], &[]),
            proof(&OLD.replace("missing", "missing  # type: ignore"), &[error], &[], &[]),
            proof("def g():\n    return 1\n", &[error], &[], &[]),
        ];
        insta::assert_snapshot!(shown.join("\n"));
    }
}
