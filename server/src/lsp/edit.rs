//! A patch in the protocol's words: one edit of the workspace. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use ropey::Rope;
use tower_lsp_server::ls_types::{
    AnnotatedTextEdit, ChangeAnnotation, CreateFile, CreateFileOptions, DeleteFile, DeleteFileOptions,
    DocumentChangeOperation, DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier, RenameFile,
    RenameFileOptions, ResourceOp, TextDocumentEdit, TextEdit, Uri, WorkspaceEdit,
};

use super::abilities::Abilities;
use super::review;
use super::session::lsp_range;
use crate::patch::{Change, Edit, Fate, Patch, apply};
use crate::workspace::Encoding;

/// The change of one file and the text it is for.
pub struct FileChange {
    /// The file, as the client names it.
    pub uri: Uri,
    /// The client's number for the text; `None` for a file that is not open.
    pub version: Option<i32>,
    /// The text as the client has it.
    pub text: Arc<str>,
    /// What becomes of it.
    pub change: Change,
    /// Its new name as the client will know it, if it gets one.
    pub to: Option<Uri>,
    /// Why the user must confirm it, if they must.
    pub asked: Option<String>,
}

impl FileChange {
    /// For the user to look at.
    pub fn shown(self, encoding: Encoding) -> review::File {
        let hunks = self.text_edits(encoding);
        let after = apply(&self.text, &self.change.edits).unwrap_or_else(|| self.text.to_string());
        let fate = match self.change.fate {
            Fate::Kept => "kept",
            Fate::Created => "created",
            Fate::Deleted => "deleted",
            Fate::Moved(_) => "moved",
        };
        let (uri, before, new_uri, asked) = (self.uri, self.text.to_string(), self.to, self.asked);
        review::File { uri, fate, new_uri, before, after, hunks, asked }
    }

    /// Its edits in the protocol's words, in order.
    pub fn text_edits(&self, encoding: Encoding) -> Vec<TextEdit> {
        let rope = Rope::from_str(&self.text);
        let place = |byte| encoding.position(&rope, byte);
        let trimmed = self.change.edits.iter().map(|edit| trim(&self.text, edit));
        trimmed
            .map(|e| TextEdit { range: lsp_range(place(e.range.start), place(e.range.end)), new_text: e.text })
            .collect()
    }
}

/// What a client that shows changes says of them.
pub struct Note<'a> {
    /// The whole edit.
    pub label: &'a str,
    /// What the checks said.
    pub verdict: &'a str,
}

/// Annotations by these names: of the edit as a whole, and of each file that must be confirmed.
const WHOLE: &str = "baton";

/// Why this client cannot be given the patch: the first file that it cannot handle.
pub fn refusal(patch: &Patch, abilities: Abilities) -> Option<String> {
    patch.files().iter().find_map(|(path, change)| {
        let (can, what) = match &change.fate {
            Fate::Kept => (true, String::new()),
            Fate::Created => (abilities.create_files, "created".to_owned()),
            Fate::Deleted => (abilities.delete_files, "deleted".to_owned()),
            Fate::Moved(to) => (abilities.rename_files, format!("renamed to {to}")),
        };
        (!can).then(|| format!("{path} would be {what}, which this editor does not do for a language server"))
    })
}

/// All files in one edit, as this client can take it; what it cannot take, [`refusal`] has refused. Files are made
/// before the texts are edited, and moved and deleted after: so versions and places are those of the names known.
pub fn workspace_edit(files: Vec<FileChange>, abilities: Abilities, note: &Note<'_>) -> WorkspaceEdit {
    let edits = |file: &FileChange| file.text_edits(abilities.encoding);
    if !abilities.document_changes {
        let changes = files.into_iter().map(|file| (file.uri.clone(), edits(&file))).collect::<HashMap<_, _>>();
        return WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() };
    }
    let mut annotations = HashMap::new();
    let (mut made, mut edited, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    for file in files {
        let annotation_id = abilities.annotations.then(|| {
            let id = file.asked.as_ref().map_or(WHOLE, |_| file.uri.as_str()).to_owned();
            let annotation = ChangeAnnotation {
                label: note.label.to_owned(),
                needs_confirmation: Some(file.asked.is_some()),
                description: Some(file.asked.clone().unwrap_or_else(|| note.verdict.to_owned())),
            };
            annotations.insert(id.clone(), annotation);
            id
        });
        let texts = if file.change.fate == Fate::Deleted { Vec::new() } else { edits(&file) };
        let annotated = texts.into_iter().map(|text_edit| match &annotation_id {
            Some(id) => OneOf::Right(AnnotatedTextEdit { text_edit, annotation_id: id.clone() }),
            None => OneOf::Left(text_edit),
        });
        let annotated: Vec<_> = annotated.collect();
        if !annotated.is_empty() {
            // Clients take 0 for no version at all, and some that begin there check nothing then.
            let version = file.version.filter(|version| *version != 0);
            let text_document = OptionalVersionedTextDocumentIdentifier { version, uri: file.uri.clone() };
            edited.push(DocumentChangeOperation::Edit(TextDocumentEdit { edits: annotated, text_document }));
        }
        let (uri, no) = (file.uri, Some(false));
        match (file.change.fate, file.to) {
            (Fate::Created, _) => {
                let options = Some(CreateFileOptions { overwrite: no, ignore_if_exists: no });
                made.push(DocumentChangeOperation::Op(ResourceOp::Create(CreateFile { uri, options, annotation_id })));
            }
            (Fate::Deleted, _) => {
                let options = Some(DeleteFileOptions { recursive: no, ignore_if_not_exists: no });
                ended.push(DocumentChangeOperation::Op(ResourceOp::Delete(DeleteFile { uri, options, annotation_id })));
            }
            (Fate::Moved(_), Some(new_uri)) => {
                let options = Some(RenameFileOptions { overwrite: no, ignore_if_exists: no });
                let rename = RenameFile { old_uri: uri, new_uri, options, annotation_id };
                ended.push(DocumentChangeOperation::Op(ResourceOp::Rename(rename)));
            }
            (Fate::Kept | Fate::Moved(_), _) => {}
        }
    }
    let all = [made, edited, ended].concat();
    let document_changes = Some(DocumentChanges::Operations(all));
    let change_annotations = abilities.annotations.then_some(annotations);
    WorkspaceEdit { document_changes, change_annotations, ..WorkspaceEdit::default() }
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

    use super::{FileChange, Note, refusal, trim, workspace_edit};
    use crate::lsp::abilities::Abilities;
    use crate::patch::{Change, Edit, Fate, Patch, apply};
    use crate::workspace::RelPath;

    const TEXT: &str = "a𝒇 = 1\nb = 2\n";
    const NOTE: Note<'_> = Note { label: "Baton: fix", verdict: "4 tests pass" };

    fn file(version: Option<i32>, fate: Fate) -> FileChange {
        let edits = vec![Edit { range: 0..16, text: "a𝒇 = 3\nb = 2\n".into() }];
        FileChange {
            uri: "file:///a.py".parse().unwrap(),
            version,
            text: TEXT.into(),
            change: Change { edits, fate },
            to: None,
            asked: None,
        }
    }

    fn sent(version: Option<i32>, document_changes: bool) -> serde_json::Value {
        let abilities = Abilities { document_changes, ..Abilities::default() };
        serde_json::to_value(workspace_edit(vec![file(version, Fate::Kept)], abilities, &NOTE)).unwrap()
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
    fn files_are_made_first_and_moved_and_deleted_last() {
        let text = |uri: &str, fate, text: &str, edits| FileChange {
            uri: uri.parse().unwrap(),
            text: text.into(),
            change: Change { edits, fate },
            ..file(None, Fate::Kept)
        };
        let to = RelPath::new("z.py").unwrap();
        let asked = Some("a.py would become z.py".to_owned());
        let moved = FileChange { to: "file:///z.py".parse().ok(), asked, ..file(Some(7), Fate::Moved(to)) };
        let deleted = text("file:///b.py", Fate::Deleted, "b", vec![Edit { range: 0..1, text: String::new() }]);
        let created = text("file:///c.py", Fate::Created, "", vec![Edit { range: 0..0, text: "c\n".into() }]);
        let empty = text("file:///d.py", Fate::Created, "", vec![]);
        let abilities = Abilities { document_changes: true, annotations: true, ..Abilities::default() };
        let edit = workspace_edit(vec![moved, deleted, created, empty], abilities, &NOTE);
        insta::assert_json_snapshot!(serde_json::to_value(edit).unwrap());
    }

    #[test]
    fn what_a_client_does_not_do_is_refused_by_name() {
        let path = |path| RelPath::new(path).unwrap();
        let mut patch = Patch::default();
        patch.insert(path("a.py"), vec![Edit { range: 0..0, text: "a".into() }]).unwrap();
        assert_eq!(refusal(&patch, Abilities::default()), None);
        patch.insert(path("b.py"), Change { edits: vec![], fate: Fate::Moved(path("c.py")) }).unwrap();
        let said = refusal(&patch, Abilities { create_files: true, delete_files: true, ..Abilities::default() });
        assert!(said.unwrap().starts_with("b.py would be renamed to c.py, which this editor does not do"));
        assert_eq!(refusal(&patch, Abilities { rename_files: true, ..Abilities::default() }), None);
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
