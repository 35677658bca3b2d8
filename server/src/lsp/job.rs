//! A run on behalf of the editor: shown while it goes on, cancellable, with exactly one end.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::{MessageActionItem, MessageType, Uri, notification::Notification};

use super::delivery::{Approved, Delivery};
use super::edit;
use super::folders::Folder;
use super::memory;
use super::progress::Progress;
use super::review::{self, Review};
use super::session::Shared;
use crate::patch::Asks;
use crate::run::{Engine, Kind, Outcome};
use crate::task::{Goal, Task};

/// What is offered for an edit that came without words: an editor has no way to ask for them.
const WISHES: [&str; 3] = ["Handle its errors", "Document it", "Accept more kinds of input"];
const REFACTORINGS: [&str; 3] = ["Simplify it", "Make it faster", "Split it into smaller parts"];
/// The answers to the question about files that only the user can allow.
const APPLY: &str = "Apply";
const CANCEL: &str = "Cancel";
/// The user's word that an edit nothing could judge is wanted.
const APPLY_ANYWAY: &str = "Apply unverified edit";

/// Jobs have threads of their own, begun with the first: the protocol never waits for them, and an
/// idle server has none.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("job")
        .enable_all()
        .build()
        .expect("the system gives a process its event queue")
});

/// One task of the user's.
pub struct Job {
    /// Its name: also the token of its progress.
    pub id: String,
    /// What it is about, for people: the function or the file.
    pub subject: String,
    /// What is asked.
    pub task: Task,
    /// Who does it.
    pub engine: Arc<Engine>,
    /// Where its files are.
    pub folder: Folder,
    /// How it is stopped.
    pub cancel: CancellationToken,
}

/// How a job ended, in words.
struct End {
    kind: MessageType,
    text: String,
    say: Say,
}

/// When an end is also said in a message.
enum Say {
    /// Nothing else would tell the user.
    Always,
    /// Where no progress display says it.
    Instead,
    /// The user knows: it was their doing.
    Never,
}

impl End {
    fn known(text: &str) -> Self {
        Self { kind: MessageType::INFO, text: text.to_owned(), say: Say::Never }
    }

    fn shown(text: String) -> Self {
        Self { kind: MessageType::INFO, text, say: Say::Instead }
    }

    fn said(kind: MessageType, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), say: Say::Always }
    }
}

/// An answer, for clients that have a place for it.
enum Answer {}

impl Notification for Answer {
    type Params = serde_json::Value;
    const METHOD: &'static str = "baton/answer";
}

impl Job {
    /// Begins the job on threads of its own.
    pub fn start(self, session: Shared, client: Client) {
        RUNTIME.spawn(async move {
            let can = session.state().abilities.progress;
            let title = match self.task.goal {
                Goal::Fix => format!("Baton: fix {}", self.subject),
                Goal::Edit => format!("Baton: edit {}", self.subject),
                Goal::Refactor => format!("Baton: refactor {}", self.subject),
                Goal::Ask => "Baton: answer".to_owned(),
            };
            let id = self.id.clone();
            let mut progress = Progress::begin(&client, can, &id, &title).await;
            let work = AssertUnwindSafe(self.work(&session, &client, &mut progress)).catch_unwind().await;
            let end = work.unwrap_or_else(|_| {
                End::said(MessageType::ERROR, "Baton failed unexpectedly and changed nothing; please report this.")
            });
            memory::return_freed();
            let shut_down = {
                let mut state = session.state();
                state.jobs.remove(&id);
                state.changed.notify_one();
                state.shut_down
            };
            if shut_down {
                return;
            }
            let say = match end.say {
                Say::Always => true,
                Say::Instead => !progress.is_shown(),
                Say::Never => false,
            };
            progress.end(first_line(&end.text)).await;
            if say {
                client.show_message(end.kind, end.text).await;
            }
        });
    }

    async fn work(mut self, session: &Shared, client: &Client, progress: &mut Progress) -> End {
        let wishes = match self.task.goal {
            Goal::Edit => &WISHES[..],
            Goal::Refactor => &REFACTORINGS[..],
            Goal::Fix | Goal::Ask => &[],
        };
        if !wishes.is_empty() && self.task.instruction.is_empty() {
            let question = format!("What is Baton to do with {}?", self.subject);
            match self.choose(client, question, wishes).await {
                Ok(Some(wish)) => self.task.instruction = wish,
                Ok(None) => return End::known("nothing was chosen"),
                Err(()) => {
                    let text = "this needs an `instruction`, and this editor cannot be asked for one.";
                    return End::said(MessageType::WARNING, text);
                }
            }
        }
        let outcome = self.run(progress).await;
        self.finish(outcome, session, client, progress).await
    }

    /// Runs the engine to its end and shows what happens.
    async fn run(&self, progress: &mut Progress) -> Outcome {
        let (sender, mut events) = mpsc::unbounded_channel();
        let (engine, task, cancel) = (self.engine.clone(), self.task.clone(), self.cancel.clone());
        let mut running = tokio::spawn(async move { engine.run(task, sender, cancel).await });
        let outcome = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => progress.show(&event).await,
                outcome = &mut running => break outcome,
            }
        };
        while let Ok(event) = events.try_recv() {
            progress.show(&event).await;
        }
        outcome.unwrap_or_else(|_| Outcome::failed("Baton failed unexpectedly; please report this"))
    }

    async fn finish(self, outcome: Outcome, session: &Shared, client: &Client, progress: &mut Progress) -> End {
        let Outcome { kind, verdict, verified, proposal, asks, answer, mut message, usage, ms, run, .. } = outcome;
        if let Some(answer) = answer {
            if session.state().abilities.answers {
                let answered = json!({"job": self.id, "question": self.task.instruction, "answer": answer});
                client.send_notification::<Answer>(answered).await;
                return End::known("answered");
            }
            return End::said(MessageType::INFO, answer);
        }
        let approved = match (kind, verified, proposal) {
            (_, Some(verified), _) => Approved::Verified(verified),
            (Kind::Unverified, _, Some(proposal)) => Approved::ByUser(proposal),
            (Kind::Cancelled, ..) => return End::known("cancelled"),
            (Kind::NoChange, ..) => return End::said(MessageType::INFO, message),
            _ => return End::said(MessageType::WARNING, message),
        };
        let verdict = verdict.map(|verdict| verdict.report().climbed()).unwrap_or_default();
        let abilities = session.state().abilities;
        if let Some(why) = edit::refusal(approved.patch(), abilities) {
            return End::said(MessageType::WARNING, format!("Baton changed nothing: {why}."));
        }
        let label = match (self.task.goal, &approved) {
            (_, Approved::ByUser(_)) => format!("Baton: unverified edit of {}", self.subject),
            (Goal::Fix, _) => format!("Baton: fix {}", self.subject),
            (Goal::Refactor, _) => format!("Baton: refactor {}", self.subject),
            _ => format!("Baton: edit {}", self.subject),
        };
        let Self { id, task, engine, folder, cancel, .. } = &self;
        let (label, verdict, asks) = (&*label, &*verdict, &asks);
        let delivery = Delivery { job: id, label, verdict, session, client, engine, folder, asks, cancel };
        let approved = if abilities.reviews {
            progress.say("look at the edit, and say what you want of it".into()).await;
            let verified = matches!(approved, Approved::Verified(_));
            let (usd, message, run) = (usage.usd, &*message, &*run);
            let review = |files| Review { job: id, label, verified, verdict, message, usd, ms, run, files };
            self.reviewed(&delivery, approved, review, progress).await
        } else {
            self.consent(client, approved, asks, &message, verdict).await.map(|approved| (approved, false))
        };
        let (approved, in_part) = match approved {
            Ok(approved) => approved,
            Err(end) => return end,
        };
        // What was said of the whole does not hold of a part.
        let own = in_part.then(|| approved.climbed());
        if in_part {
            message = approved.report().to_owned();
        }
        let verdict = own.as_deref().unwrap_or(verdict);
        let delivery = Delivery { verdict, ..delivery };
        if !verdict.is_empty() {
            // The first line is what a progress display ends with.
            let (first, rest) = message.split_once('\n').unwrap_or((&message, ""));
            message = format!("{first} ({verdict})\n{rest}").trim_end().to_owned();
        }
        match delivery.deliver(task.clone(), approved).await {
            Ok(()) => End::shown(message),
            Err(_) if cancel.is_cancelled() => End::known("cancelled"),
            Err(why) => End::said(MessageType::WARNING, format!("Baton changed nothing: {why}.")),
        }
    }

    /// Asks the user, once, for what only they can allow; the error is the end that comes of it.
    async fn consent(
        &self,
        client: &Client,
        approved: Approved,
        asks: &Asks,
        message: &str,
        verdict: &str,
    ) -> Result<Approved, End> {
        let files: String = asks.values().map(|why| format!("\n- {why}")).collect();
        let message = format!("{message} ({verdict})");
        let (question, choices, word) = match &approved {
            Approved::Verified(_) if asks.is_empty() => return Ok(approved),
            Approved::Verified(_) => {
                let question = format!("Baton's edit for {} is verified and needs your word:{files}", self.subject);
                (question, &[APPLY, CANCEL][..], "edit")
            }
            Approved::ByUser(_) => {
                let question = format!("Baton has an edit for {} that it could not verify: {message}", self.subject);
                (question + &files, &[APPLY_ANYWAY][..], "unverified edit")
            }
        };
        match self.choose(client, question, choices).await {
            Ok(Some(choice)) if choice == choices[0] => Ok(approved),
            Ok(_) => Err(End::shown(format!("the {word} was not applied"))),
            Err(()) if asks.is_empty() => {
                Err(End::said(MessageType::WARNING, format!("Nothing was changed, not verified: {message}")))
            }
            Err(()) => {
                let text = format!("Nothing was changed; this editor cannot ask you about the {word}:{files}");
                Err(End::said(MessageType::WARNING, text))
            }
        }
    }

    /// Has the user look at the edit. What they want of it is what is applied: all of it as it is, a part once it is
    /// verified anew, or once they have said again that they want it unverified; whether it is a part.
    async fn reviewed<'a>(
        &self,
        delivery: &Delivery<'_>,
        approved: Approved,
        review: impl FnOnce(Vec<review::File>) -> Review<'a>,
        progress: &mut Progress,
    ) -> Result<(Approved, bool), End> {
        let (proposed, then) = (approved.patch(), &self.task.snapshot);
        let wrong = |why| End::said(MessageType::WARNING, format!("Baton changed nothing: {why}."));
        let encoding = delivery.session.state().abilities.encoding;
        let files = delivery.files(proposed, then).map_err(wrong)?;
        let names: HashMap<_, _> = files.iter().map(|file| file.uri.clone()).zip(proposed.files().keys()).collect();
        let shown = files.into_iter().map(|file| file.shown(encoding)).collect();
        let wanted = review(shown).show(delivery.client, &self.cancel).await.map_err(wrong)?;
        let Some(wanted) = wanted else {
            return Err(End::known(if self.cancel.is_cancelled() { "cancelled" } else { "the edit was not applied" }));
        };
        let named = |uri: &Uri| names.get(uri).map(|path| (*path).clone());
        let part = match wanted.part(proposed, then, named).map_err(wrong)? {
            None => return Ok((approved, false)),
            Some(part) if part.is_empty() => return Err(End::known("the edit was not applied")),
            Some(part) => part,
        };
        progress.say("checking what you want of it".into()).await;
        let (unheard, _) = mpsc::unbounded_channel();
        let outcome = self.engine.verify(self.task.clone(), part.clone(), unheard, self.cancel.clone()).await;
        match (outcome.verified, outcome.kind) {
            (Some(verified), _) => Ok((Approved::Verified(verified), true)),
            (None, Kind::Cancelled) => Err(End::known("cancelled")),
            (None, _) => {
                let said = outcome.verdict.map_or(outcome.message, |verdict| verdict.report().report.clone());
                let question = format!("What you want of the edit for {} is not verified: {said}", self.subject);
                match self.choose(delivery.client, question, &[APPLY_ANYWAY]).await {
                    Ok(Some(choice)) if choice == APPLY_ANYWAY => Ok((Approved::ByUser(part), true)),
                    _ => Err(End::known("the edit was not applied")),
                }
            }
        }
    }

    /// Asks the user; `Err` if the client cannot ask.
    async fn choose(&self, client: &Client, question: String, choices: &[&str]) -> Result<Option<String>, ()> {
        let actions = choices
            .iter()
            .map(|title| MessageActionItem { title: (*title).to_owned(), properties: Default::default() });
        let asked = client.show_message_request(MessageType::INFO, question, Some(actions.collect()));
        let chosen = self.cancel.run_until_cancelled(asked).await;
        match chosen {
            None => Ok(None),
            Some(Ok(item)) => Ok(item.map(|item| item.title)),
            Some(Err(_)) => Err(()),
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
