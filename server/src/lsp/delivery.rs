//! From a patch to the editor's buffers: only over the text that was verified, in one edit.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::{ApplyWorkspaceEditParams, request};

use super::edit::{FileChange, Note, workspace_edit};
use super::folders::{Folder, path_of};
use super::merge::carried;
use super::session::Session;
use crate::patch::{Asks, Fate, Patch};
use crate::run::Engine;
use crate::task::Task;
use crate::verify::VerifiedPatch;
use crate::workspace::{RelPath, Snapshot};

/// How often a patch is carried over to texts that change while it is verified.
const ATTEMPTS: usize = 3;

/// A patch that may leave.
pub enum Approved {
    /// The project's own checks accepted it.
    Verified(VerifiedPatch),
    /// Nothing could judge it, and the user said to apply it all the same.
    ByUser(Patch),
}

impl Approved {
    /// The patch.
    pub fn patch(&self) -> &Patch {
        match self {
            Self::Verified(verified) => verified.patch(),
            Self::ByUser(patch) => patch,
        }
    }

    /// What the checks said of it.
    fn verdict(&self) -> &str {
        match self {
            Self::Verified(verified) => &verified.verdict().report().report,
            Self::ByUser(_) => "nothing could verify it",
        }
    }
}

/// The way from a run to the editor.
pub struct Delivery<'a> {
    /// What the client told us.
    pub session: &'a Session,
    /// The client.
    pub client: &'a Client,
    /// Judges a patch again.
    pub engine: &'a Engine,
    /// Where the files are.
    pub folder: &'a Folder,
    /// What the user was asked for and allowed, with why.
    pub asks: &'a Asks,
    /// The user's way to stop it.
    pub cancel: &'a CancellationToken,
}

impl Delivery<'_> {
    /// Puts the patch into the editor. A patch that is verified is carried over to texts that were
    /// edited meanwhile, if it passes there too; one that is not is refused then.
    /// The error is a sentence that says why nothing was applied.
    pub async fn deliver(&self, mut task: Task, mut approved: Approved, label: &str) -> Result<(), String> {
        for _ in 0..ATTEMPTS {
            let now = self.now(approved.patch())?;
            let changed = changed(&task.snapshot, &now, approved.patch());
            let Some(first) = changed.first() else { return self.apply(&now, &approved, label).await };
            let Approved::Verified(verified) = approved else {
                return Err(format!("{first} was edited meanwhile; run it again"));
            };
            let patch =
                carried(verified.patch(), &task.snapshot, &now).map_err(|why| format!("{why}; run it again"))?;
            task.snapshot = now;
            let (unheard, _) = mpsc::unbounded_channel();
            let outcome = self.engine.verify(task.clone(), patch, unheard, self.cancel.clone()).await;
            approved = Approved::Verified(outcome.verified.ok_or_else(|| {
                format!("{first} was edited meanwhile, and the fix does not hold there: {}", outcome.message)
            })?);
        }
        Err("the files are still being edited; run it again when they rest".into())
    }

    /// The workspace as it is now, if every text that the patch changes is known.
    fn now(&self, patch: &Patch) -> Result<Snapshot, String> {
        let state = self.session.state();
        for (uri, open) in &state.documents {
            let path = path_of(uri).and_then(|file| self.folder.contains(&file));
            if let (Some(path), Err(problem)) = (path, open.document.text())
                && patch.files().contains_key(&path)
            {
                return Err(format!("the text of {path} was lost ({problem}); close and open it"));
            }
        }
        Ok(state.snapshot(self.folder))
    }

    async fn apply(&self, now: &Snapshot, approved: &Approved, label: &str) -> Result<(), String> {
        if self.cancel.is_cancelled() {
            return Err("it was cancelled".into());
        }
        let named = |path: &RelPath| self.uri(path).ok_or_else(|| format!("{path} has no URI"));
        let files = approved.patch().files().iter().map(|(path, change)| {
            let text = change.before(path, now).map_err(|e| e.to_string())?;
            let to = if let Fate::Moved(to) = &change.fate { Some(named(to)?) } else { None };
            let asked = change.names(path).filter_map(|name| self.asks.get(name)).last();
            let (uri, version, asked) = (named(path)?, now.version(path), asked.cloned());
            Ok(FileChange { uri, version, text, change: change.clone(), to, asked })
        });
        let files = files.collect::<Result<Vec<_>, String>>()?;
        let note = Note { label, verdict: approved.verdict() };
        let edit = workspace_edit(files, self.session.state().abilities, &note);
        let params = ApplyWorkspaceEditParams { label: Some(label.to_owned()), edit };
        match self.client.send_request::<request::ApplyWorkspaceEdit>(params).await {
            Ok(answer) if answer.applied => Ok(()),
            Ok(answer) => {
                let why = answer.failure_reason.unwrap_or_else(|| "it gave no reason".into());
                Err(format!("the editor did not apply the edit: {why}"))
            }
            Err(e) => Err(format!("the editor did not apply the edit: {}", e.message)),
        }
    }

    /// As the client named an open document, else by its path.
    fn uri(&self, path: &RelPath) -> Option<tower_lsp_server::ls_types::Uri> {
        let state = self.session.state();
        let open = state
            .documents
            .keys()
            .find(|uri| path_of(uri).and_then(|file| self.folder.contains(&file)).as_ref() == Some(path));
        open.cloned().or_else(|| self.folder.uri(path))
    }
}

/// What the run saw and what is different now: names that are taken, then the patch's own files, then others.
fn changed(then: &Snapshot, now: &Snapshot, patch: &Patch) -> Vec<RelPath> {
    let own: Vec<RelPath> = patch.files().keys().cloned().collect();
    let mut others: BTreeSet<RelPath> = then.read_from_disk().into_keys().collect();
    others.extend(then.overlay().keys().chain(now.overlay().keys()).cloned());
    others.retain(|path| !own.contains(path));
    let text = |snapshot: &Snapshot, path: &RelPath| -> Option<Arc<str>> { snapshot.read(path).ok() };
    let edited = own.into_iter().chain(others).filter(|path| text(then, path) != text(now, path));
    patch.new_names().filter_map(|name| now.namesake(name)).chain(edited).collect()
}
