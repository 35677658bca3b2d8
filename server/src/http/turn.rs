//! One turn of a conversation while it goes on: what happens in it, bit by bit, and its end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::answer::{Answer, conducted, direct};
use super::ask::Ask;
use super::failure::Failure;
use super::models::Model;
use super::prepared::Prepared;
use super::state::State;
use crate::ledger::new_id;

/// How long nothing may happen before it is said what is waited for.
const SILENCE: Duration = Duration::from_secs(8);

/// What happens in a turn.
#[derive(Debug)]
pub(super) enum Happening {
    /// Something that is no part of the answer, in a line.
    Progress(String),
    /// A worker thinks aloud.
    Thought(String),
    /// Words of the answer, as they come.
    Words(String),
    /// It is over.
    End(Box<Result<Answer, Failure>>),
}

/// A turn that goes on. Dropped, it is called off, with every connection that was made for it.
pub(super) struct Turn {
    /// The identifier of its run.
    pub run: String,
    happenings: mpsc::UnboundedReceiver<Happening>,
    /// What comes to the answer; gone once it has.
    work: Option<Work>,
    waits_for: String,
    speaks: bool,
    since: tokio::time::Instant,
    _called_off: DropGuard,
}

type Work = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

impl Turn {
    /// Starts what is asked for; nothing is sent to anybody if that is not possible.
    pub fn start(state: &Arc<State>, ask: Ask) -> Result<Self, Failure> {
        let prepared = Prepared::of(state, &ask)?;
        let run = new_id(super::now_ms());
        let (sender, happenings) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let called_off = cancel.clone().drop_guard();
        let (state, id, waits_for) = (state.clone(), run.clone(), prepared.model.waited_for());
        let work: Work = match prepared.model.clone() {
            // Without a task of its own: handing every word from one to the other takes longer than the rest of it.
            Model::Direct(worker) => {
                Box::pin(async move { direct(&state, &worker, &prepared, ask, &id, &sender, &cancel).await })
            }
            // It goes on when the client has left, to its end and into the ledger.
            Model::Conducted(_) => {
                let run = tokio::spawn(async move { conducted(&state, prepared, ask, id, &sender, cancel).await });
                Box::pin(async move { run.await.unwrap_or_else(|_| Err(Failure::upstream("Baton gave this turn up"))) })
            }
        };
        Ok(Self {
            run,
            happenings,
            work: Some(work),
            waits_for,
            speaks: false,
            since: tokio::time::Instant::now(),
            _called_off: called_off,
        })
    }

    /// What happens next; nothing more after the end. Where nothing does for long, that is said.
    pub async fn next(&mut self) -> Option<Happening> {
        let until = tokio::time::Instant::now() + SILENCE;
        loop {
            let happening = match tokio::time::timeout_at(until, self.happened()).await {
                Ok(happening) => happening,
                Err(_) => {
                    let (seconds, last) = (self.since.elapsed().as_secs(), &self.waits_for);
                    return Some(Happening::Progress(format!("{seconds} s so far; the last that happened: {last}")));
                }
            };
            match &happening {
                Some(Happening::Progress(line)) => {
                    line.lines().next().unwrap_or_default().clone_into(&mut self.waits_for);
                    // Who reads the answer wants to know no more of how it came about.
                    if self.speaks {
                        continue;
                    }
                }
                Some(Happening::Words(_)) => self.speaks = true,
                _ => {}
            }
            return happening;
        }
    }

    /// The whole answer, once it is there.
    pub async fn whole(self) -> Result<Answer, Failure> {
        let Self { work, happenings, _called_off, .. } = self;
        // Nobody wants to know how it comes about.
        drop(happenings);
        match work {
            Some(work) => work.await,
            None => Err(Failure::upstream("Baton gave this turn up")),
        }
    }

    async fn happened(&mut self) -> Option<Happening> {
        let work = self.work.as_mut()?;
        let ended = tokio::select! {
            biased;
            Some(happening) = self.happenings.recv() => return Some(happening),
            ended = work => ended,
        };
        // What happened before the end comes before it.
        match self.happenings.try_recv() {
            Ok(happening) => {
                self.work = Some(Box::pin(std::future::ready(ended)));
                Some(happening)
            }
            Err(_) => {
                self.work = None;
                Some(Happening::End(Box::new(ended)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn() -> (mpsc::UnboundedSender<Happening>, Turn) {
        let (sender, happenings) = mpsc::unbounded_channel();
        let turn = Turn {
            run: "r".into(),
            happenings,
            work: Some(Box::pin(std::future::pending())),
            waits_for: "w was asked".into(),
            speaks: false,
            since: tokio::time::Instant::now(),
            _called_off: CancellationToken::new().drop_guard(),
        };
        (sender, turn)
    }

    async fn said(turn: &mut Turn) -> String {
        match turn.next().await {
            Some(Happening::Progress(line)) => format!("- {line}"),
            Some(Happening::Words(text) | Happening::Thought(text)) => text,
            other => format!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_silence_is_longer_than_ten_seconds() {
        let (sender, mut turn) = turn();
        let started = tokio::time::Instant::now();
        assert_eq!(said(&mut turn).await, "- 8 s so far; the last that happened: w was asked");
        assert_eq!(started.elapsed(), SILENCE);
        sender.send(Happening::Progress("step 1: w begins".into())).expect("it listens");
        assert_eq!(said(&mut turn).await, "- step 1: w begins");
        assert_eq!(said(&mut turn).await, "- 16 s so far; the last that happened: step 1: w begins");
    }

    #[tokio::test(start_paused = true)]
    async fn between_the_words_of_an_answer_only_silence_is_broken() {
        let (sender, mut turn) = turn();
        for happening in
            [Happening::Words("a".into()), Happening::Progress("step 1: answered".into()), Happening::Words("b".into())]
        {
            sender.send(happening).expect("it listens");
        }
        assert_eq!([said(&mut turn).await, said(&mut turn).await], ["a", "b"]);
        assert_eq!(said(&mut turn).await, "- 8 s so far; the last that happened: step 1: answered");
    }
}
