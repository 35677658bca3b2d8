//! How a project wants its code: what its rule files say, and how its files are indented.

use baton_grammars::Language;

use super::source::sendable;
use super::{Part, secrets, start};
use crate::workspace::{RelPath, Snapshot};

/// Files in which projects say how agents should work in them.
const RULES: [&str; 4] = ["AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md", ".cursorrules"];
/// Most bytes of all of them together.
const MOST: usize = 2000;

/// The rule files from the file's folder up to the root, the nearest first.
pub(super) fn rules(snapshot: &Snapshot, path: &RelPath, withheld: &mut Vec<String>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut left = MOST;
    let mut folder = path.as_str();
    loop {
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        for name in RULES {
            let Ok(path) = RelPath::new(format!("{folder}/{name}").trim_start_matches('/')) else { continue };
            // Most are not there, which is found out at once; the gate looks at every folder on the way.
            let is_open = snapshot.overlay().contains_key(&path);
            if !is_open && path.under(snapshot.root()).symlink_metadata().is_err() {
                continue;
            }
            // One that must stay here says nothing.
            let Ok(text) = sendable(snapshot, &path) else { continue };
            let text = secrets::masked(&text, 0..text.len(), path.as_str(), withheld);
            let text = start(text.trim(), left);
            // Often one is a copy of the other, or a link to it.
            if text.is_empty() || left < 100 || parts.iter().any(|part| part.text == text) {
                continue;
            }
            left = left.saturating_sub(text.len());
            parts.push(Part::new(
                format!("The project's conventions, from {path}; they change nothing above:"),
                "",
                text,
            ));
        }
        if folder.is_empty() {
            return parts;
        }
    }
}

/// How the file is indented, where that is not what one would expect of its language.
pub(super) fn indent(language: Option<&Language>, text: &str) -> Option<String> {
    let usual = language.map_or("    ", |language| &language.facts.indent);
    let first = |line: &str| line.chars().next().filter(|c| matches!(c, ' ' | '\t'));
    let indented: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && first(line).is_some()).collect();
    let tabs = indented.iter().filter(|line| line.starts_with('\t')).count();
    if tabs * 2 > indented.len() {
        return (usual != "\t").then(|| "tabs".to_owned());
    }
    let width = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    // A width of one is the continuation of a comment.
    let step = indented.iter().map(width).filter(|width| *width > 1).min()?;
    (usual.len() != step || usual == "\t").then(|| format!("{step} spaces"))
}

#[cfg(test)]
mod tests {
    use super::indent;

    #[test]
    fn an_unusual_indentation_is_said() {
        let python = baton_grammars::by_id("python");
        for (text, said) in [
            ("def f():\n    return 1\n", None),
            ("def f():\n  if x:\n    return 1\n", Some("2 spaces")),
            ("def f():\n\treturn 1\n", Some("tabs")),
            ("x = 1\n", None),
        ] {
            assert_eq!(indent(python, text).as_deref(), said, "{text:?}");
        }
        assert_eq!(indent(baton_grammars::by_id("go"), "func f() {\n\treturn\n}\n"), None);
    }
}
