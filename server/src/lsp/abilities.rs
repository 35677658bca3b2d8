//! What the client can do, and what it is offered in return.

use serde_json::Value;
use tower_lsp_server::ls_types::{
    CodeActionOptions, CodeActionProviderCapability, ExecuteCommandOptions, InitializeParams, OneOf,
    PositionEncodingKind, ResourceOperationKind, ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};

use super::command::Verb;
use super::menu;
use crate::workspace::Encoding;

/// What the client announced, as far as it matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// How columns are counted from now on.
    pub encoding: Encoding,
    /// Takes edits from the server.
    pub apply_edit: bool,
    /// Takes edits that name the version they are for.
    pub document_changes: bool,
    /// Makes new files for the server.
    pub create_files: bool,
    /// Renames files for the server.
    pub rename_files: bool,
    /// Deletes files for the server.
    pub delete_files: bool,
    /// Shows what a change is about, and asks before those that need it.
    pub annotations: bool,
    /// Takes code actions, not only commands.
    pub code_actions: bool,
    /// Shows progress that the server begins.
    pub progress: bool,
    /// Answers questions about settings.
    pub configuration: bool,
    /// Wants to be asked before it tells of changed settings.
    pub register_configuration: bool,
    /// Takes answers as `baton/answer` in place of a message (`client.answers` in the options).
    pub answers: bool,
    /// Shows an edit before it is applied, and compares texts when it applies it (`client.reviews`).
    pub reviews: bool,
    /// Wants to be told of jobs and spending (`client.status`).
    pub status: bool,
}

impl Abilities {
    /// Reads the initialize request.
    pub fn of(params: &InitializeParams) -> Self {
        let can = &params.capabilities;
        let workspace = can.workspace.as_ref();
        let edits = workspace.and_then(|w| w.workspace_edit.as_ref());
        let operations = edits.and_then(|e| e.resource_operations.as_deref()).unwrap_or_default();
        let operates = |kind| edits.and_then(|e| e.document_changes) == Some(true) && operations.contains(&kind);
        let actions = can.text_document.as_ref().and_then(|t| t.code_action.as_ref());
        let encodings = can.general.as_ref().and_then(|g| g.position_encodings.as_deref());
        let options = params.initialization_options.as_ref().unwrap_or(&Value::Null);
        Self {
            encoding: encoding(encodings.unwrap_or_default()),
            apply_edit: workspace.and_then(|w| w.apply_edit) == Some(true),
            document_changes: edits.and_then(|e| e.document_changes) == Some(true),
            create_files: operates(ResourceOperationKind::Create),
            rename_files: operates(ResourceOperationKind::Rename),
            delete_files: operates(ResourceOperationKind::Delete),
            annotations: edits.is_some_and(|e| e.change_annotation_support.is_some()),
            code_actions: actions.is_some_and(|a| a.code_action_literal_support.is_some()),
            progress: can.window.as_ref().and_then(|w| w.work_done_progress) == Some(true),
            configuration: workspace.and_then(|w| w.configuration) == Some(true),
            register_configuration: workspace
                .and_then(|w| w.did_change_configuration.as_ref())
                .and_then(|d| d.dynamic_registration)
                == Some(true),
            answers: options["client"]["answers"] == true,
            reviews: options["client"]["reviews"] == true,
            status: options["client"]["status"] == true,
        }
    }

    /// What the server offers this client.
    pub fn offer(&self) -> ServerCapabilities {
        ServerCapabilities {
            position_encoding: Some(match self.encoding {
                Encoding::Utf8 => PositionEncodingKind::UTF8,
                Encoding::Utf16 => PositionEncodingKind::UTF16,
                Encoding::Utf32 => PositionEncodingKind::UTF32,
            }),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                ..TextDocumentSyncOptions::default()
            })),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(menu::KINDS.to_vec()),
                ..CodeActionOptions::default()
            })),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: Verb::ALL.iter().map(|verb| verb.command().to_owned()).collect(),
                ..ExecuteCommandOptions::default()
            }),
            workspace: Some(WorkspaceServerCapabilities {
                workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                    supported: Some(true),
                    change_notifications: Some(OneOf::Left(true)),
                }),
                ..WorkspaceServerCapabilities::default()
            }),
            ..ServerCapabilities::default()
        }
    }
}

/// The client lists what it can count in by preference; a client that lists nothing counts in UTF-16.
fn encoding(offered: &[PositionEncodingKind]) -> Encoding {
    let known = |kind: &PositionEncodingKind| match kind.as_str() {
        "utf-8" => Some(Encoding::Utf8),
        "utf-16" => Some(Encoding::Utf16),
        "utf-32" => Some(Encoding::Utf32),
        _ => None,
    };
    offered.iter().find_map(known).unwrap_or_default()
}
