//! The user's look at an edit before it is applied, in a client that has a place for it (editors/README.md).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::{TextEdit, Uri, notification::Notification, request::Request};

use crate::patch::{Change, Fate, Patch, edits, minimise};
use crate::workspace::{RelPath, Snapshot};

/// What is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Review<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The whole edit.
    pub label: &'a str,
    /// Whether the project's own checks accepted it.
    pub verified: bool,
    /// What they said, in one line.
    pub verdict: &'a str,
    /// What the run says of its end.
    pub message: &'a str,
    /// US dollars.
    pub usd: f64,
    /// Milliseconds.
    pub ms: u64,
    /// The run's name in the ledger.
    pub run: &'a str,
    /// Every file of the edit.
    pub files: Vec<File>,
}

/// One file of an edit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// As the client names it.
    pub uri: Uri,
    /// `kept`, `created`, `deleted` or `moved`.
    pub fate: &'static str,
    /// Where it goes, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_uri: Option<Uri>,
    /// Its text; empty for a new file.
    pub before: String,
    /// Its text afterwards; empty for one that goes.
    pub after: String,
    /// From the one to the other, in order.
    pub hunks: Vec<TextEdit>,
    /// Why the user must be asked about it in particular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

/// What the user wants of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wanted {
    files: Vec<WantedFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WantedFile {
    uri: Uri,
    text: Option<String>,
}

enum Show {}

impl Request for Show {
    type Params = Value;
    type Result = Option<Wanted>;
    const METHOD: &'static str = "baton/review";
}

enum Dismiss {}

impl Notification for Dismiss {
    type Params = Value;
    const METHOD: &'static str = "baton/dismiss";
}

impl Review<'_> {
    /// Shows it and waits for the user: `None` if they want nothing of it, or if the job is cancelled meanwhile.
    /// The error says what is wrong with the client's answer.
    pub async fn show(&self, client: &Client, cancel: &CancellationToken) -> Result<Option<Wanted>, String> {
        let shown = serde_json::to_value(self).expect("a review is plain data");
        match cancel.run_until_cancelled(client.send_request::<Show>(shown)).await {
            Some(answer) => answer.map_err(|e| format!("the editor did not show the edit: {}", e.message)),
            None => {
                client.send_notification::<Dismiss>(serde_json::json!({"job": self.job})).await;
                Ok(None)
            }
        }
    }
}

impl Wanted {
    /// What is wanted as a patch for the same texts. `None`: all of it, as it was proposed; an empty one: nothing.
    pub fn part(
        self,
        proposed: &Patch,
        then: &Snapshot,
        named: impl Fn(&Uri) -> Option<RelPath>,
    ) -> Result<Option<Patch>, String> {
        let mut part = Patch::default();
        for WantedFile { uri, text } in self.files {
            let change = named(&uri).and_then(|path| proposed.files().get(&path).map(|change| (path, change)));
            let (path, change) =
                change.ok_or_else(|| format!("the editor wants an edit of {}, which is not in it", uri.as_str()))?;
            let wanted = match text {
                Some(text) if change.fate != Fate::Deleted => {
                    let before = change.before(&path, then).map_err(|e| e.to_string())?;
                    Change { edits: edits(&before, &text), fate: change.fate.clone() }
                }
                _ => change.clone(),
            };
            part.insert(path, wanted).map_err(|problem| problem.to_string())?;
        }
        let (part, proposed) = (minimise(&part, then), minimise(proposed, then));
        Ok((part != proposed).then_some(part))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use tower_lsp_server::ls_types::Uri;

    use super::Wanted;
    use crate::patch::{Change, Edit, Fate, Patch};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    const TEXT: &str = "a = 1\nb = 2\nc = 3\n";

    fn path(name: &str) -> RelPath {
        RelPath::new(name).unwrap()
    }

    fn part(wanted: Value) -> Result<Option<Patch>, String> {
        let mut proposed = Patch::default();
        let edits = vec![Edit { range: 4..5, text: "9".into() }, Edit { range: 16..17, text: "7".into() }];
        proposed.insert(path("a.py"), Change { edits, fate: Fate::Kept }).unwrap();
        let edits = vec![Edit { range: 0..0, text: "new\n".into() }];
        proposed.insert(path("b.py"), Change { edits, fate: Fate::Created }).unwrap();
        let buffer = Buffer { text: TEXT.into(), version: 1 };
        let then = Snapshot::new("/p".into(), BTreeMap::from([(path("a.py"), buffer)]));
        let wanted: Wanted = serde_json::from_value(json!({"files": wanted})).unwrap();
        wanted.part(&proposed, &then, |uri: &Uri| RelPath::new(uri.as_str().strip_prefix("file:///p/")?).ok())
    }

    #[test]
    fn all_of_it_in_either_form_is_what_was_proposed() {
        let (a, b) = (json!({"uri": "file:///p/a.py"}), json!({"uri": "file:///p/b.py"}));
        assert_eq!(part(json!([a, b])), Ok(None));
        let text = json!({"uri": "file:///p/a.py", "text": "a = 9\nb = 2\nc = 7\n"});
        assert_eq!(part(json!([text, b])), Ok(None));
    }

    #[test]
    fn a_part_is_a_patch_of_its_own() {
        assert_eq!(part(json!([])), Ok(Some(Patch::default())));
        let text = json!({"uri": "file:///p/a.py", "text": "a = 9\nb = 2\nc = 3\n"});
        let mut wanted = Patch::default();
        wanted.insert(path("a.py"), vec![Edit { range: 0..6, text: "a = 9\n".into() }]).unwrap();
        assert_eq!(part(json!([text])), Ok(Some(wanted)));
        let unchanged = json!({"uri": "file:///p/a.py", "text": TEXT});
        assert_eq!(part(json!([unchanged])), Ok(Some(Patch::default())));
        let own = json!({"uri": "file:///p/b.py", "text": "mine\n"});
        let created = part(json!([own])).unwrap().unwrap();
        assert_eq!((created.files().len(), &created.files()[&path("b.py")].fate), (1, &Fate::Created));
        assert_eq!(created.files()[&path("b.py")].edits[0].text, "mine\n");
    }

    #[test]
    fn a_file_that_was_not_proposed_is_refused() {
        let other = json!({"uri": "file:///p/secret.py", "text": "x"});
        let says = "the editor wants an edit of file:///p/secret.py, which is not in it";
        assert_eq!(part(json!([other])), Err(says.into()));
        assert!(part(json!([{"uri": "file:///etc/passwd"}])).is_err());
    }
}
