//! The handle of one kept child process: cheap, shared, and the only way to its keeper.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::keeper::{Ask, Keeper, Launch};
use super::wire::{Body, Op, Stats};
use super::{HostError, cpu};

/// One child, which is started by the first request and ended with this.
#[derive(Debug)]
pub struct Kept {
    launch: Launch,
    keeper: Mutex<Option<mpsc::UnboundedSender<Ask>>>,
}

impl Kept {
    /// Nothing is started, read or written yet.
    pub fn new(launch: Launch) -> Self {
        Self { launch, keeper: Mutex::default() }
    }

    /// What the model answers to `op`; `on_text` gets all that has come of it so far, each time that there is more. Dropping
    /// the future or cancelling calls it off. Must be called within a tokio runtime.
    pub async fn ask(
        &self,
        op: Op,
        mut on_text: impl FnMut(&str),
        cancel: &CancellationToken,
    ) -> Result<Body, HostError> {
        if cancel.is_cancelled() {
            return Err(HostError::Cancelled);
        }
        if let Some(problem) = cpu::problem() {
            return Err(HostError::Processor(problem));
        }
        let (reply, mut answer) = oneshot::channel();
        let (pieces, mut written) = mpsc::unbounded_channel();
        self.keeper(true).and_then(|keeper| keeper.send(Ask::Do { op, pieces, reply }).ok());
        let (mut so_far, mut of) = (String::new(), 0);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(HostError::Cancelled),
                Some((attempt, piece)) = written.recv() => {
                    // The child died and was started anew: so was the text.
                    if std::mem::replace(&mut of, attempt) != attempt {
                        so_far.clear();
                    }
                    so_far += &piece;
                    on_text(&so_far);
                }
                answer = &mut answer => {
                    return answer.unwrap_or_else(|_| Err(HostError::Process("the local model is shutting down".into())));
                }
            }
        }
    }

    /// How the child is; `None` while there is none.
    pub async fn stats(&self) -> Option<Stats> {
        let (reply, answer) = oneshot::channel();
        self.keeper(false)?.send(Ask::Stats { reply }).ok()?;
        answer.await.ok().flatten()
    }

    /// The queue of the task that keeps the child, which is started if `start` and there is none.
    fn keeper(&self, start: bool) -> Option<mpsc::UnboundedSender<Ask>> {
        let mut slot = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        // It is closed where the runtime that it lived in has ended.
        let alive = slot.as_ref().is_some_and(|keeper| !keeper.is_closed());
        if !alive && start {
            let (keeper, inbox) = mpsc::unbounded_channel();
            tokio::spawn(Keeper::new(self.launch.clone()).run(inbox));
            *slot = Some(keeper);
        }
        slot.clone()
    }
}
