//! What a tool made of a file in place: its text afterwards, compared line by line with the text before.

use super::read::File;
use super::suggestion::Suggestion;
use crate::patch;

/// `output` is the text afterwards, with `\n` for every line break, as everything that leaves the sandbox.
pub(super) fn read(output: &str, file: File<'_>) -> Option<Vec<Suggestion>> {
    let plain = file.text.replace("\r\n", "\n");
    // Other control characters do not leave the sandbox: the text afterwards is not known then.
    if plain.contains(|c: char| c.is_control() && c != '\n' && c != '\t') || output.is_empty() {
        return None;
    }
    let breaks = file.text.matches("\r\n").count();
    let after = match breaks {
        0 => output.to_owned(),
        all if all == file.text.matches('\n').count() => output.replace('\n', "\r\n"),
        // Which of its line breaks are which is not known.
        _ => return None,
    };
    let edits = patch::edits(file.text, &after).into_iter();
    Some(
        edits
            .map(|edit| Suggestion { place: edit.range.clone(), edits: vec![edit], ..Suggestion::default() })
            .collect(),
    )
}
