//! What a client shows of Baton while nothing else is shown (editors/README.md).

use std::time::Duration;

use serde_json::{Value, json};
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::notification::Notification;

use super::session::Shared;
use crate::ledger::Ledger;

/// How long the record may take to say what was spent today.
const PATIENCE: Duration = Duration::from_secs(1);

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
    let mut spent = 0.0;
    loop {
        let config = session.state().settings.config();
        let (tier, problem) = match config {
            Ok(config) => {
                let tier = config.tier;
                // Without a record nothing was spent; one that cannot be read is a matter of the next run's.
                let counted = move || match Ledger::existing(&config) {
                    Ok(None) => Some(0.0),
                    Ok(Some(ledger)) => ledger.spent_today().ok(),
                    Err(_) => None,
                };
                // What jobs there are is not kept back for a server that does not answer.
                let counted = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(counted)).await;
                spent = counted.ok().and_then(Result::ok).flatten().unwrap_or(spent);
                (Some(tier), None)
            }
            Err(problem) => (None, Some(problem)),
        };
        let jobs = session.state().jobs.len();
        let mut status = json!({"tier": tier, "jobs": jobs, "spentTodayUsd": spent});
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
