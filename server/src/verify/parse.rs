//! The lowest rung: whether a patch fits its files and parses no worse than before; and whether it leaves the tests be.

use std::path::Path;

use baton_grammars::Language;

use super::command::TestCommand;
use super::manifest::Texts;
use super::verdict::{Level, Report, Verdict};
use crate::patch::{self, Edit, Fate, Patch};
use crate::workspace::Snapshot;

/// The patched texts, or the verdict that ends it here.
pub(super) fn parse(patch: &Patch, snapshot: &Snapshot) -> Result<Texts, Verdict> {
    let refuse = |why: String| Verdict::Failed(Report::new(Level::Parsed, why));
    if patch.is_empty() {
        return Err(refuse("the patch changes nothing".to_owned()));
    }
    let mut texts = Texts::new();
    for (path, change) in patch.files() {
        let old = change.before(path, snapshot).map_err(|e| refuse(e.to_string()))?;
        let Some(new) = patch::apply(&old, &change.edits) else {
            return Err(refuse(format!("the patch does not fit the text of {path}")));
        };
        texts.insert(path.clone(), None);
        let Some(name) = change.name(path) else { continue };
        if let Some(language) = baton_grammars::by_path(Path::new(name.as_str()))
            && let Some(worse) = parses_worse(language, &old, &new)
        {
            return Err(refuse(format!("{name} does not parse after the change: {worse}")));
        }
        texts.insert(name.clone(), Some(new.into()));
    }
    Ok(texts)
}

/// The first new syntax error, in words, if there are more than before.
fn parses_worse(language: &Language, old: &str, new: &str) -> Option<String> {
    let Some(tree) = language.parse(new) else { return Some("it takes too long".to_owned()) };
    let after = language.syntax_errors(&tree);
    let before = || language.parse(old).map_or(usize::MAX, |tree| language.syntax_errors(&tree).len());
    if after.is_empty() || after.len() <= before() {
        return None;
    }
    let first = &after[0];
    let what = match &first.missing {
        Some(missing) => format!("{missing} is missing"),
        None => "unexpected text".to_owned(),
    };
    Some(format!("line {}: {what}", first.row + 1))
}

/// The first file of the patch whose change is a change of the tests, with why; they cannot verify it.
pub(super) fn touches_tests(patch: &Patch, snapshot: &Snapshot, command: &TestCommand) -> Option<String> {
    patch.files().iter().find_map(|(path, change)| {
        for name in change.names(path) {
            if command.names(name) {
                return Some(format!("{name} is named by the test command"));
            }
            if patch::is_test(name) {
                return Some(format!("{name} is a test"));
            }
            if patch::is_loaded_by_tests(name) {
                return Some(format!("{name} is loaded by tests by itself"));
            }
        }
        let language = baton_grammars::by_path(Path::new(path.as_str()))?;
        let text = change.before(path, snapshot).ok()?;
        let ranges = language.tests_in(&text);
        let touched =
            |edit: &Edit| ranges.iter().any(|range| edit.range.start <= range.end && range.start <= edit.range.end);
        // Tests that move with their file get other names.
        let moved = matches!(change.fate, Fate::Moved(_)) && !ranges.is_empty();
        (moved || change.edits.iter().any(touched)).then(|| format!("{path} is changed within its tests"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{parse, touches_tests};
    use crate::patch::{Change, Edit, Fate, Patch};
    use crate::verify::command::TestCommand;
    use crate::workspace::{Buffer, RelPath, Snapshot};

    fn snapshot(path: &str, text: &str) -> Snapshot {
        let buffer = Buffer { text: text.into(), version: 1 };
        Snapshot::new("/nowhere".into(), BTreeMap::from([(RelPath::new(path).unwrap(), buffer)]))
    }

    fn replacing(path: &str, text: &str, old: &str, new: &str) -> Patch {
        let start = text.find(old).unwrap();
        let mut patch = Patch::default();
        patch
            .insert(RelPath::new(path).unwrap(), vec![Edit { range: start..start + old.len(), text: new.to_owned() }])
            .unwrap();
        patch
    }

    #[test]
    fn a_patch_must_not_parse_worse_than_what_was_there() {
        let good = "def f(x):\n    return x\n";
        for (text, old, new, refused) in [
            (good, "x\n", "x + 1\n", None),
            (good, "return x", "return (x", Some("a.py does not parse after the change: line 2:")),
            ("def f(:\n  pass\n\ndef g():\n    return 1\n", "1", "2", None),
        ] {
            let outcome = parse(&replacing("a.py", text, old, new), &snapshot("a.py", text));
            match (outcome, refused) {
                (Ok(texts), None) => assert_eq!(texts.len(), 1),
                (Err(verdict), Some(why)) => assert!(verdict.report().report.starts_with(why), "{verdict:?}"),
                (outcome, _) => panic!("{new}: {outcome:?}"),
            }
        }
        assert!(parse(&Patch::default(), &snapshot("a.py", good)).is_err());
        let past_the_end = replacing("a.py", &format!("{good}{good}X"), "X", "");
        assert!(parse(&past_the_end, &snapshot("a.py", good)).is_err());
    }

    #[test]
    fn a_change_of_the_tests_is_recognised() {
        let command = TestCommand::given(&["pytest".into(), "check/all.py".into()]);
        let rust = "pub fn f() -> u8 { 1 }\n\n#[cfg(test)]\nmod t {\n    #[test]\n    fn x() { assert_eq!(super::f(), 2); }\n}\n";
        for (path, text, old, why) in [
            ("a.py", "x = 1\n", "1", None),
            ("tests/test_a.py", "x = 1\n", "1", Some("tests/test_a.py is a test")),
            ("check/all.py", "x = 1\n", "1", Some("check/all.py is named by the test command")),
            ("src/a.test.ts", "x = 1\n", "1", Some("src/a.test.ts is a test")),
            ("tests/data.json", "1", "1", Some("tests/data.json is a test")),
            ("src/lib.rs", rust, "{ 1 }", None),
            ("src/lib.rs", rust, "2);", Some("src/lib.rs is changed within its tests")),
            ("src/lib.rs", rust, "#[cfg(test)]", Some("src/lib.rs is changed within its tests")),
        ] {
            let patch = replacing(path, text, old, "3");
            assert_eq!(touches_tests(&patch, &snapshot(path, text), &command).as_deref(), why, "{path}: {old}");
        }
        let moved = |to| Fate::Moved(RelPath::new(to).unwrap());
        for (path, text, fate, why) in [
            ("a.py", "x = 1\n", Fate::Deleted, None),
            ("a.py", "", Fate::Created, None),
            ("a.py", "x = 1\n", moved("b.py"), None),
            ("a.py", "x = 1\n", moved("test_b.py"), Some("test_b.py is a test")),
            ("test_a.py", "x = 1\n", moved("a.py"), Some("test_a.py is a test")),
            ("test_a.py", "x = 1\n", Fate::Deleted, Some("test_a.py is a test")),
            ("check/all.py", "x = 1\n", moved("a.py"), Some("check/all.py is named by the test command")),
            ("a.pth", "", Fate::Created, Some("a.pth is loaded by tests by itself")),
            ("src/lib.rs", rust, moved("src/other.rs"), Some("src/lib.rs is changed within its tests")),
        ] {
            let mut patch = Patch::default();
            patch.insert(RelPath::new(path).unwrap(), Change { edits: vec![], fate: fate.clone() }).unwrap();
            assert_eq!(touches_tests(&patch, &snapshot(path, text), &command).as_deref(), why, "{path}: {fate:?}");
        }
    }
}
