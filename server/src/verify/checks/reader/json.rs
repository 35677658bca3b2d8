//! Tools that print JSON, each document on a line of its own: cargo and rustc, ruff, ESLint.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Named, Severity};

/// The documents of this shape, one a line; other lines are none.
fn documents<T: DeserializeOwned>(output: &str, first: char) -> impl Iterator<Item = T> {
    output.lines().filter(move |line| line.starts_with(first)).filter_map(|line| serde_json::from_str(line).ok())
}

#[derive(Deserialize)]
struct Cargo {
    message: Rustc,
}

#[derive(Deserialize)]
struct Rustc {
    message: String,
    level: String,
    code: Option<RustcCode>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct RustcCode {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u32,
    column_start: u32,
    is_primary: bool,
    label: Option<String>,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Span,
}

impl Span {
    /// The place in a file of the project that led here: a macro's own text may lie in the compiler.
    fn written(&self) -> &Self {
        match &self.expansion {
            Some(expansion) if self.file_name.starts_with(['<', '/']) => expansion.span.written(),
            _ => self,
        }
    }
}

/// `cargo … --message-format json`. What names no place is a summary, unless it is an error of its own.
pub(super) fn rustc(output: &str, note: &mut dyn FnMut(Named<'_>)) {
    for Cargo { message } in documents(output, '{') {
        let primary = message.spans.iter().find(|span| span.is_primary);
        let severity = match message.level.as_str() {
            "warning" if primary.is_some() => Severity::Warning,
            "error" | "error: internal compiler error" if !message.message.starts_with("aborting due to") => {
                Severity::Error
            }
            _ => continue,
        };
        let label = primary.and_then(|span| span.label.as_ref()).map_or(String::new(), |label| format!(": {label}"));
        let place = primary.map(Span::written);
        note(Named {
            file: place.map_or("", |span| &span.file_name),
            line: place.map(|span| span.line_start),
            column: place.map(|span| span.column_start),
            severity,
            code: message.code.as_ref().map_or("", |code| &code.code),
            message: format!("{}{label}", message.message),
        });
    }
}

#[derive(Deserialize)]
struct Ruff {
    code: Option<String>,
    filename: String,
    location: Location,
    message: String,
}

#[derive(Deserialize)]
struct Location {
    row: u32,
    column: u32,
}

/// `ruff check --output-format json-lines`.
pub(super) fn ruff(output: &str, note: &mut dyn FnMut(Named<'_>)) {
    for Ruff { code, filename, location, message } in documents(output, '{') {
        note(Named {
            file: &filename,
            line: Some(location.row),
            column: Some(location.column),
            severity: Severity::Error,
            code: code.as_deref().unwrap_or_default(),
            message,
        });
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EslintFile {
    file_path: String,
    messages: Vec<EslintMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EslintMessage {
    rule_id: Option<String>,
    severity: u8,
    message: String,
    line: Option<u32>,
    column: Option<u32>,
}

/// `eslint --format json`. Of its two severities only the one that fails counts: the project chose which rule has it.
pub(super) fn eslint(output: &str, note: &mut dyn FnMut(Named<'_>)) {
    for EslintFile { file_path, messages } in documents::<Vec<EslintFile>>(output, '[').flatten() {
        for EslintMessage { rule_id, severity, message, line, column } in messages {
            if severity >= 2 {
                let code = rule_id.as_deref().unwrap_or_default();
                note(Named { file: &file_path, line, column, severity: Severity::Error, code, message });
            }
        }
    }
}
