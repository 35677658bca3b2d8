//! A patch in the protocol's words: one edit of the workspace. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use ropey::Rope;
use tower_lsp_server::ls_types::{
    DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit, Uri, WorkspaceEdit,
};

use super::abilities::Abilities;
use super::session::lsp_range;
use crate::patch::Edit;

/// The edits of one file and the text they are for.
pub struct FileEdits {
    /// The file, as the client names it.
    pub uri: Uri,
    /// The client's number for the text; `None` for a file that is not open.
    pub version: Option<i32>,
    /// The text as the client has it.
    pub text: Arc<str>,
    /// In order and apart from each other.
    pub edits: Vec<Edit>,
}

/// All files in one edit, as this client can take it.
pub fn workspace_edit(files: Vec<FileEdits>, abilities: Abilities) -> WorkspaceEdit {
    let edits = |file: &FileEdits| -> Vec<TextEdit> {
        let rope = Rope::from_str(&file.text);
        let place = |byte| abilities.encoding.position(&rope, byte);
        let trimmed = file.edits.iter().map(|edit| trim(&file.text, edit));
        trimmed
            .map(|e| TextEdit { range: lsp_range(place(e.range.start), place(e.range.end)), new_text: e.text })
            .collect()
    };
    if abilities.document_changes {
        let changes = files.into_iter().map(|file| TextDocumentEdit {
            edits: edits(&file).into_iter().map(OneOf::Left).collect(),
            text_document: OptionalVersionedTextDocumentIdentifier {
                // Clients take 0 for no version at all, and some that begin there check nothing then.
                version: file.version.filter(|version| *version != 0),
                uri: file.uri,
            },
        });
        let document_changes = Some(DocumentChanges::Edits(changes.collect()));
        return WorkspaceEdit { document_changes, ..WorkspaceEdit::default() };
    }
    let changes: HashMap<Uri, Vec<TextEdit>> = files.into_iter().map(|file| (file.uri.clone(), edits(&file))).collect();
    WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
}

/// The edit without the text at either end that it does not change, so that carets and marks stay.
fn trim(text: &str, edit: &Edit) -> Edit {
    let (mut old, mut new) = (&text[edit.range.clone()], edit.text.as_str());
    let same = |(a, b): &(char, char)| a == b;
    let head: usize = old.chars().zip(new.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    (old, new) = (&old[head..], &new[head..]);
    let tail: usize = old.chars().rev().zip(new.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (mut start, mut end) = (edit.range.start + head, edit.range.end - tail);
    let mut new = new[..new.len() - tail].to_owned();
    // A place between `\r` and `\n` is none: the whole line break belongs to the edit.
    let inside_break = |at: usize| text[..at].ends_with('\r') && text[at..].starts_with('\n');
    if inside_break(start) {
        start -= 1;
        new.insert(0, '\r');
    }
    if inside_break(end) {
        end += 1;
        new.push('\n');
    }
    Edit { range: start..end, text: new }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{FileEdits, trim, workspace_edit};
    use crate::lsp::abilities::Abilities;
    use crate::patch::{Edit, apply};

    fn sent(version: Option<i32>, document_changes: bool) -> serde_json::Value {
        let file = FileEdits {
            uri: "file:///a.py".parse().unwrap(),
            version,
            text: "a𝒇 = 1\nb = 2\n".into(),
            edits: vec![Edit { range: 0..16, text: "a𝒇 = 3\nb = 2\n".into() }],
        };
        let abilities = Abilities { document_changes, ..Abilities::default() };
        serde_json::to_value(workspace_edit(vec![file], abilities)).unwrap()
    }

    #[test]
    fn a_client_gets_what_it_can_take_and_never_version_0() {
        let range = json!({"start": {"line": 0, "character": 6}, "end": {"line": 0, "character": 7}});
        let edits = json!([{"range": range, "newText": "3"}]);
        for (version, named) in [(Some(7), json!(7)), (Some(0), json!(null)), (None, json!(null))] {
            let document = json!({"uri": "file:///a.py", "version": named});
            let wanted = json!({"documentChanges": [{"textDocument": document, "edits": edits}]});
            assert_eq!(sent(version, true), wanted);
        }
        assert_eq!(sent(Some(7), false), json!({"changes": {"file:///a.py": edits}}));
    }

    #[test]
    fn trimming_keeps_the_result_and_whole_line_breaks() {
        for (text, new) in [("a\r\nb", "a\nb"), ("a\nb", "a\r\nb"), ("a\r\nb", "a\r\r\nb"), ("é", "è"), ("xx", "x")] {
            let edit = trim(text, &Edit { range: 0..text.len(), text: new.into() });
            assert_eq!(apply(text, std::slice::from_ref(&edit)).as_deref(), Some(new), "{text:?}");
            for at in [edit.range.start, edit.range.end] {
                assert!(!(text[..at].ends_with('\r') && text[at..].starts_with('\n')), "{text:?} {at}");
            }
        }
    }
}
