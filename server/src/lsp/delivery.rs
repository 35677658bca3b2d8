//! From a patch to the editor's buffers: only over the text that was verified, in one edit.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::{ApplyWorkspaceEditParams, ApplyWorkspaceEditResponse, Uri, request};

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

    /// What the checks said of it, in one line.
    pub fn climbed(&self) -> String {
        match self {
            Self::Verified(verified) => verified.verdict().report().climbed(),
            Self::ByUser(_) => self.report().to_owned(),
        }
    }

    /// What the checks said of it, for a client that shows it with the edit.
    pub fn report(&self) -> &str {
        match self {
            Self::Verified(verified) => &verified.verdict().report().report,
            Self::ByUser(_) => "nothing could verify it",
        }
    }
}

/// Has a client compare texts and apply an edit (editors/README.md).
enum Apply {}

impl request::Request for Apply {
    type Params = Value;
    type Result = ApplyWorkspaceEditResponse;
    const METHOD: &'static str = "baton/apply";
}

/// The way from a run to the editor.
pub struct Delivery<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The edit's name, for the user.
    pub label: &'a str,
    /// What the checks said, in one line.
    pub verdict: &'a str,
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
    pub async fn deliver(&self, mut task: Task, mut approved: Approved) -> Result<(), String> {
        for _ in 0..ATTEMPTS {
            let now = self.now(approved.patch())?;
            let changed = changed(&task.snapshot, &now, approved.patch());
            let Some(first) = changed.first() else { return self.apply(&now, &approved).await };
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

    async fn apply(&self, now: &Snapshot, approved: &Approved) -> Result<(), String> {
        if self.cancel.is_cancelled() {
            return Err("it was cancelled".into());
        }
        let files = self.files(approved.patch(), now)?;
        let abilities = self.session.state().abilities;
        let texts: Vec<Value> = files.iter().flat_map(texts).collect();
        let edit = workspace_edit(files, abilities, &Note { label: self.label, verdict: approved.report() });
        let answer = if abilities.reviews {
            let Self { job, label, verdict, .. } = self;
            let params = json!({"job": job, "label": label, "verdict": verdict, "edit": edit, "texts": texts});
            self.client.send_request::<Apply>(params).await
        } else {
            let params = ApplyWorkspaceEditParams { label: Some(self.label.to_owned()), edit };
            self.client.send_request::<request::ApplyWorkspaceEdit>(params).await
        };
        match answer {
            Ok(answer) if answer.applied => Ok(()),
            Ok(answer) => {
                let why = answer.failure_reason.unwrap_or_else(|| "it gave no reason".into());
                Err(format!("the editor did not apply the edit: {why}"))
            }
            Err(e) => Err(format!("the editor did not apply the edit: {}", e.message)),
        }
    }

    /// The changes of the files with the texts that they are for.
    pub fn files(&self, patch: &Patch, now: &Snapshot) -> Result<Vec<FileChange>, String> {
        let named = |path: &RelPath| self.uri(path).ok_or_else(|| format!("{path} has no URI"));
        let files = patch.files().iter().map(|(path, change)| {
            let text = change.before(path, now).map_err(|e| e.to_string())?;
            let to = if let Fate::Moved(to) = &change.fate { Some(named(to)?) } else { None };
            let asked = change.names(path).filter_map(|name| self.asks.get(name)).last();
            let (uri, version, asked) = (named(path)?, now.version(path), asked.cloned());
            Ok(FileChange { uri, version, text, change: change.clone(), to, asked })
        });
        files.collect()
    }

    /// As the client named an open document, else by its path.
    fn uri(&self, path: &RelPath) -> Option<Uri> {
        let state = self.session.state();
        let open = state
            .documents
            .keys()
            .find(|uri| path_of(uri).and_then(|file| self.folder.contains(&file)).as_ref() == Some(path));
        open.cloned().or_else(|| self.folder.uri(path))
    }
}

/// What the client is to find before it applies: the hash of the text, or no file.
fn texts(file: &FileChange) -> impl Iterator<Item = Value> {
    let hash = |text: &str| -> String { Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect() };
    let text = (file.change.fate != Fate::Created).then(|| hash(&file.text));
    let own = json!({"uri": file.uri, "sha256": text});
    std::iter::once(own).chain(file.to.iter().map(|to| json!({"uri": to, "sha256": null})))
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
