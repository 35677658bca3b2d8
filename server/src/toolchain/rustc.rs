//! Suggestions of rustc and clippy in Cargo's JSON messages: bytes of the file as it is on disk; only those that the
//! compiler calls machine-applicable, and nothing that a macro wrote.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::read::File;
use super::suggestion::Suggestion;
use crate::patch::Edit;

#[derive(Deserialize)]
struct Line {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
    level: String,
    spans: Vec<Span>,
    children: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: PathBuf,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
    expansion: Option<serde::de::IgnoredAny>,
    suggested_replacement: Option<String>,
    suggestion_applicability: Option<String>,
}

pub(super) fn read(output: &str, file: File<'_>) -> Option<Vec<Suggestion>> {
    let lines = output.lines().filter(|line| line.starts_with('{'));
    let mut lines = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok()).peekable();
    lines.peek()?;
    let messages = lines.filter(|line| line.reason == "compiler-message");
    Some(messages.flat_map(|line| suggestions(line, file).unwrap_or_default()).collect())
}

/// One suggestion for each help of a diagnostic in the file.
fn suggestions(line: Line, file: File<'_>) -> Option<Vec<Suggestion>> {
    let Line { manifest_path, message: Some(Message { message, level, spans, children }), .. } = line else {
        return None;
    };
    let within = |span: &Span| {
        let is_here = span.expansion.is_none() && is_file(&span.file_name, &manifest_path, file.path);
        is_here.then_some(span.byte_start..span.byte_end)
    };
    let place: Range<usize> = spans.iter().find(|span| span.is_primary).and_then(within)?;
    let edits = |child: &Child| {
        let replacing = child.spans.iter().filter(|span| span.suggested_replacement.is_some());
        let edit = |span: &Span| {
            let applicable = span.suggestion_applicability.as_deref() == Some("MachineApplicable");
            let text = span.suggested_replacement.clone().filter(|_| applicable)?;
            Some(Edit { range: within(span)?, text })
        };
        replacing.map(edit).collect::<Option<Vec<Edit>>>()
    };
    let is_error = level.starts_with("error");
    let suggestion = |edits| Suggestion { place: place.clone(), message: message.clone(), is_error, edits };
    Some(children.iter().filter_map(edits).map(suggestion).collect())
}

/// Whether a span's name means the file: it is written from the root of the package or of the workspace around it,
/// so from the folder of the manifest or one above.
fn is_file(name: &Path, manifest: &Path, file: &Path) -> bool {
    name == file || manifest.ancestors().skip(1).any(|folder| folder.join(name) == file)
}
