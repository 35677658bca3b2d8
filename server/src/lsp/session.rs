//! The one mutable thing: what the client has told us so far. Everyone else gets a [`Snapshot`] of it.
//! No method waits, and the lock is never held across an await.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower_lsp_server::ls_types::{
    DidChangeTextDocumentParams, Position as LspPosition, Range as LspRange, TextDocumentItem, Uri,
};

use super::abilities::Abilities;
use super::folders::{Folder, Folders, path_of};
use super::settings::Settings;
use crate::workspace::{Buffer, Change, Document, Position, Snapshot};

/// What the client has told us.
#[derive(Default)]
pub struct Session(Mutex<State>);

/// The parts of a session.
#[derive(Default)]
pub struct State {
    /// What the client can do.
    pub abilities: Abilities,
    /// The open folders.
    pub folders: Folders,
    /// The open documents by their URI.
    pub documents: HashMap<Uri, Open>,
    /// Configuration, and the engine made from it.
    pub settings: Settings,
    /// How to cancel each running job.
    pub jobs: HashMap<String, CancellationToken>,
    /// Jobs begun so far.
    pub begun: u64,
    /// Told when the configuration or the jobs have changed.
    pub changed: Arc<Notify>,
    /// The client understands what [`super::tags`] adds to code actions.
    pub tags: bool,
    /// The client asked to shut down.
    pub shut_down: bool,
}

/// An open document.
pub struct Open {
    /// Its text.
    pub document: Document,
    /// What the client calls its language.
    pub language: String,
}

impl Session {
    /// Everything, for as long as it is looked at.
    pub fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics in the middle of a change of state, so a poisoned one is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A document was opened.
    pub fn open(&self, item: TextDocumentItem) {
        let document = Document::open(&item.text, item.version);
        self.state().documents.insert(item.uri, Open { document, language: item.language_id });
    }

    /// A document was closed; whether it was the last one.
    pub fn close(&self, uri: &Uri) -> bool {
        let mut state = self.state();
        state.documents.remove(uri);
        state.documents.is_empty()
    }

    /// A document was changed. A change that does not fit loses the document; see [`Document::change`].
    pub fn change(&self, params: DidChangeTextDocumentParams) {
        let mut state = self.state();
        let encoding = state.abilities.encoding;
        let Some(open) = state.documents.get_mut(&params.text_document.uri) else { return };
        let changes: Vec<Change> = params
            .content_changes
            .into_iter()
            .map(|change| Change { range: change.range.map(|r| place(r.start)..place(r.end)), text: change.text })
            .collect();
        if let Err(problem) = open.document.change(&changes, params.text_document.version, encoding) {
            tracing::warn!("{}: {problem}", params.text_document.uri.as_str());
        }
    }

    /// A change came that could not be read.
    pub fn lose(&self, uri: &str) {
        let mut state = self.state();
        match uri.parse::<Uri>().ok().and_then(|uri| state.documents.get_mut(&uri)) {
            Some(open) => open.document.lose(),
            // Which one was meant is unknown, so none can be relied on.
            None => state.documents.values_mut().for_each(|open| open.document.lose()),
        }
    }

    /// Ends every job.
    pub fn cancel_all(&self) {
        self.state().jobs.values().for_each(CancellationToken::cancel);
    }
}

impl State {
    /// Takes settings; gives what is to be told the user.
    pub fn receive(&mut self, sent: &Value) -> Option<String> {
        self.changed.notify_one();
        self.settings.receive(sent)
    }

    /// The folder as the user sees it now: open documents over the disk. A document whose text was
    /// lost is left out; nothing may be based on it.
    pub fn snapshot(&self, folder: &Folder) -> Snapshot {
        let mut overlay = BTreeMap::new();
        for (uri, open) in &self.documents {
            let path = path_of(uri).and_then(|file| folder.contains(&file));
            if let (Some(path), Ok(text)) = (path, open.document.whole()) {
                overlay.insert(path, Buffer { text, version: open.document.version() });
            }
        }
        Snapshot::new(folder.root.clone(), overlay)
    }
}

/// From the protocol's words to ours.
pub fn place(position: LspPosition) -> Position {
    Position { line: position.line, column: position.character }
}

/// From our words to the protocol's.
pub fn lsp_range(start: Position, end: Position) -> LspRange {
    let position = |p: Position| LspPosition { line: p.line, character: p.column };
    LspRange { start: position(start), end: position(end) }
}

/// A session that handlers and jobs share.
pub type Shared = Arc<Session>;
