//! Fixes of `eslint --format json`: ranges in units of UTF-16 from the start of the text, the byte order mark not
//! counted. What it only suggests for a person to choose is not read.

use serde::Deserialize;

use super::lines::Lines;
use super::read::{File, array};
use super::suggestion::Suggestion;
use crate::patch::Edit;
use crate::workspace::Encoding;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    file_path: String,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message: String,
    // A finding about the whole file has no place, and an old plugin's may have an odd one.
    #[serde(default)]
    line: f64,
    #[serde(default)]
    column: f64,
    end_line: Option<f64>,
    end_column: Option<f64>,
    fix: Option<Fix>,
}

#[derive(Deserialize)]
struct Fix {
    // The start is -1 where the mark itself is to go.
    range: [i64; 2],
    text: String,
}

pub(super) fn read(output: &str, file: File<'_>) -> Option<Vec<Suggestion>> {
    let lines = Lines::new(file.text);
    let reports: Vec<Report> = array(output)?;
    let here = reports.into_iter().filter(|report| file.path.as_os_str() == report.file_path.as_str());
    let suggestion = |message: Message| {
        let fix = message.fix?;
        let byte = |units: i64| lines.utf16(usize::try_from(units).ok()?);
        let range = byte(fix.range[0])?..byte(fix.range[1])?;
        let place = |line: f64, column: f64| lines.byte(line as usize, column as usize, Encoding::Utf16);
        let start = place(message.line, message.column).unwrap_or(range.start);
        let end = message.end_line.zip(message.end_column).and_then(|(line, column)| place(line, column));
        let place = start..end.unwrap_or(range.end).max(start);
        let edits = vec![Edit { range, text: fix.text }];
        Some(Suggestion { place, message: message.message, is_error: false, edits })
    };
    Some(here.flat_map(|report| report.messages).filter_map(suggestion).collect())
}
