//! What the client shows while a job runs.

use std::time::{Duration, Instant};

use tower_lsp_server::Client;
use tower_lsp_server::ls_types::{
    NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressEnd,
    WorkDoneProgressReport, notification,
};

use crate::run::Event;

/// Shortest time between two lines of the same step.
const BETWEEN: Duration = Duration::from_millis(100);
/// How long a client may take to agree to a progress display; a job does not depend on one.
const AGREE: Duration = Duration::from_secs(5);

/// One progress display; silent where the client shows none.
pub struct Progress {
    client: Client,
    token: Option<NumberOrString>,
    last: Option<Instant>,
    /// US dollars so far.
    usd: f64,
}

impl Progress {
    /// Asks the client for a display and begins it.
    pub async fn begin(client: &Client, can: bool, job: &str, title: &str) -> Self {
        let token = NumberOrString::String(job.to_owned());
        let agreed = can
            && tokio::time::timeout(AGREE, client.create_work_done_progress(token.clone()))
                .await
                .is_ok_and(|a| a.is_ok());
        let progress = Self { client: client.clone(), token: agreed.then_some(token), last: None, usd: 0.0 };
        let begin = WorkDoneProgressBegin { title: title.to_owned(), cancellable: Some(true), ..Default::default() };
        progress.send(WorkDoneProgress::Begin(begin)).await;
        progress
    }

    /// Whether anything is shown.
    pub fn is_shown(&self) -> bool {
        self.token.is_some()
    }

    /// Shows an event; lines that follow each other faster than can be read are left out.
    pub async fn show(&mut self, event: &Event) {
        let passing = matches!(event, Event::StepProgress { .. });
        if passing && self.last.is_some_and(|last| last.elapsed() < BETWEEN) {
            return;
        }
        self.last = Some(Instant::now());
        if let Event::StepEnded { usage, .. } = event {
            self.usd += usage.usd;
        }
        let so_far = if self.usd > 0.0 { format!(" · ${:.4} so far", self.usd) } else { String::new() };
        self.say(format!("{event}{so_far}")).await;
    }

    /// Shows a line.
    pub async fn say(&self, line: String) {
        let report = WorkDoneProgressReport { message: Some(line), cancellable: Some(true), ..Default::default() };
        self.send(WorkDoneProgress::Report(report)).await;
    }

    /// Ends the display with a last line.
    pub async fn end(self, line: String) {
        self.send(WorkDoneProgress::End(WorkDoneProgressEnd { message: Some(line) })).await;
    }

    async fn send(&self, value: WorkDoneProgress) {
        if let Some(token) = self.token.clone() {
            let value = ProgressParamsValue::WorkDone(value);
            self.client.send_notification::<notification::Progress>(ProgressParams { token, value }).await;
        }
    }
}
