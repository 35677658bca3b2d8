//! Fixes of `ruff check --output-format json`: rows and columns in code points; only those it calls safe.

use serde::Deserialize;

use super::lines::Lines;
use super::read::{File, array};
use super::suggestion::Suggestion;
use crate::patch::Edit;
use crate::workspace::Encoding;

#[derive(Deserialize)]
struct Finding {
    filename: String,
    message: String,
    location: Place,
    end_location: Place,
    fix: Option<Fix>,
}

#[derive(Deserialize)]
struct Fix {
    applicability: String,
    edits: Vec<Replacement>,
}

#[derive(Deserialize)]
struct Replacement {
    content: String,
    location: Place,
    end_location: Place,
}

#[derive(Deserialize)]
struct Place {
    row: usize,
    column: usize,
}

pub(super) fn read(output: &str, file: File<'_>) -> Option<Vec<Suggestion>> {
    let lines = Lines::new(file.text);
    let byte = |place: &Place| lines.byte(place.row, place.column, Encoding::Utf32);
    let suggestion = |finding: Finding| {
        let fix = finding.fix.filter(|fix| fix.applicability == "safe")?;
        let edits = fix.edits.into_iter().map(|edit| {
            let range = byte(&edit.location)?..byte(&edit.end_location)?;
            Some(Edit { range, text: edit.content })
        });
        let edits = edits.collect::<Option<_>>()?;
        let place = byte(&finding.location)?..byte(&finding.end_location)?;
        let here = file.path.as_os_str() == finding.filename.as_str();
        here.then_some(Suggestion { place, message: finding.message, is_error: false, edits })
    };
    Some(array(output)?.into_iter().filter_map(suggestion).collect())
}
