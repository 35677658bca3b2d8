//! What a run says while it runs: a line that renews itself on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::run::{Event, Kind, Outcome};

/// Runs `start` and prints its events to standard error if `shown`. Ctrl-C and SIGTERM cancel it.
pub async fn watch<R>(start: impl FnOnce(UnboundedSender<Event>, CancellationToken) -> R, shown: bool) -> Outcome
where
    R: Future<Output = Outcome>,
{
    let (sender, mut events) = unbounded_channel();
    let run = start(sender, cancelled_by_signals());
    let screen = Screen::new(shown);
    let print = async {
        while let Some(event) = events.recv().await {
            screen.show(&event);
        }
    };
    let (outcome, ()) = tokio::join!(run, print);
    screen.close();
    outcome
}

/// A token that is cancelled by Ctrl-C or SIGTERM.
fn cancelled_by_signals() -> CancellationToken {
    use tokio::signal::unix::{SignalKind, signal};
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        cancel.cancel();
    });
    token
}

enum Screen {
    Silent,
    Lines,
    Terminal(ProgressBar),
}

impl Screen {
    fn new(shown: bool) -> Self {
        if !shown {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(
            ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}").expect("the template is well-formed"),
        );
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Terminal(bar)
    }

    fn show(&self, event: &Event) {
        match self {
            Self::Silent => {}
            // Progress within a step would flood a log; its end says what came of it.
            Self::Lines if matches!(event, Event::StepProgress { .. }) => {}
            Self::Lines => eprintln!("{event}"),
            Self::Terminal(bar) => match event {
                Event::StepProgress { .. } | Event::Preparing(_) | Event::Checking(_) => {
                    bar.set_message(event.to_string())
                }
                _ => bar.println(event.to_string()),
            },
        }
    }

    fn close(&self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The last lines of a run: the verdict in words, what it cost and under which name it is kept.
pub fn summary(outcome: &Outcome) -> String {
    let judged = outcome.verdict.as_ref().map_or(String::new(), |verdict| format!(" · {}", verdict.report().climbed()));
    let word = match outcome.kind {
        Kind::Verified => "verified",
        Kind::Unverified => "not verified",
        Kind::NoChange => "no change",
        Kind::Failed => "no verified fix",
        Kind::Cancelled => "cancelled",
        Kind::Stale => "stale",
    };
    let seconds = outcome.ms as f64 / 1000.0;
    let usage = outcome.usage;
    format!(
        "{word}{judged}: {}\n${:.4} · {} tokens in, {} out · {seconds:.1} s · run {}",
        outcome.message, usage.usd, usage.tokens_in, usage.tokens_out, outcome.run
    )
}
