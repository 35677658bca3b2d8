//! What a client shows of Baton while nothing else is shown (editors/README.md).

use serde_json::{Value, json};
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::notification::Notification;

use super::session::Shared;
use crate::ledger::Ledger;

enum Status {}

impl Notification for Status {
    type Params = Value;
    const METHOD: &'static str = "baton/status";
}

/// Tells the client now and whenever something has changed; never ends by itself. One task tells, so what is told
/// last is what holds.
pub async fn tell(client: Client, session: Shared) {
    let changed = session.state().changed.clone();
    let mut told = Value::Null;
    loop {
        let config = session.state().settings.config();
        let (tier, spent, problem) = match config {
            Ok(config) => {
                let file = config.places.ledger_file;
                // Without a record nothing was spent; one that cannot be read is a matter of the next run's.
                let spent = move || file.exists().then(|| Ledger::open(&file).ok()?.spent_today().ok()).flatten();
                (Some(config.tier), tokio::task::spawn_blocking(spent).await.ok().flatten(), None)
            }
            Err(problem) => (None, None, Some(problem)),
        };
        let jobs = session.state().jobs.len();
        let mut status = json!({"tier": tier, "jobs": jobs, "spentTodayUsd": spent.unwrap_or_default()});
        if let Some(problem) = problem {
            status["problem"] = json!(problem);
        }
        if told != status {
            told.clone_from(&status);
            client.send_notification::<Status>(status).await;
        }
        changed.notified().await;
    }
}
