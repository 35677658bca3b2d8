//! What a tool printed, as suggestions: one reader for each format.

use std::path::Path;

use baton_grammars::FixFormat;

use super::suggestion::Suggestion;
use super::{clang, eslint, rewritten, ruff, rustc};

/// Most suggestions that are read of one output.
const MOST: usize = 1000;

/// The file that a tool was asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    /// Its path as the tool sees it.
    pub path: &'a Path,
    /// Its text as the tool read it.
    pub text: &'a str,
}

/// The suggestions for `file` in an output; `None` where there is nothing of that format in it, so that the tool
/// did not do its work. All edits of all suggestions lie within the text and on its characters' bounds.
pub(super) fn read(format: FixFormat, output: &str, file: File<'_>) -> Option<Vec<Suggestion>> {
    let mut found = match format {
        FixFormat::Rustc => rustc::read(output, file),
        FixFormat::Ruff => ruff::read(output, file),
        FixFormat::Eslint => eslint::read(output, file),
        FixFormat::Clang => clang::read(output, file),
        FixFormat::InPlace => rewritten::read(output, file),
    }?;
    found.truncate(MOST);
    let mut kept: Vec<Suggestion> = Vec::with_capacity(found.len());
    for suggestion in found {
        let fits = suggestion.edits.iter().all(|edit| file.text.get(edit.range.clone()).is_some());
        // A file that is a part of several programs is spoken of as often.
        if fits && !suggestion.edits.is_empty() && !kept.contains(&suggestion) {
            kept.push(suggestion);
        }
    }
    Some(kept)
}

/// The JSON array in an output: from a line that begins with a bracket to the end of the array, whatever a tool says
/// before and after it.
pub(super) fn array<T: serde::de::DeserializeOwned>(output: &str) -> Option<Vec<T>> {
    let starts = std::iter::once(0).chain(output.match_indices('\n').map(|(at, _)| at + 1));
    let mut arrays = starts.filter(|start| output[*start..].starts_with('[')).take(20);
    arrays.find_map(|start| serde_json::Deserializer::from_str(&output[start..]).into_iter().next()?.ok())
}

#[cfg(test)]
mod tests;
