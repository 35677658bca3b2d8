//! A workflow's steps, done: at once where they do not depend on each other, in order where they do, until a patch
//! passes.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

use futures::future::{Fuse, FusedFuture};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Kind;
use super::course::{Course, End, cancelled};
use super::delegate::{Checks, Delegation, Made};
use super::judge::{Judge, Judged};
use crate::task::Goal;

impl Course<'_> {
    /// Does the planned steps at these places. A step begins once all that it may see has ended and is judged. The first
    /// patch that passes ends all others; only what they have used until then is paid. `None`: nothing came of them that
    /// could be the end of the run.
    pub async fn execute(
        &self,
        steps: Range<usize>,
        checks: Option<Checks<'_>>,
        judge: Option<&Judge<'_>>,
    ) -> Option<End> {
        let stop = self.stop.child_token();
        let mut waiting: Vec<usize> = steps.clone().collect();
        let mut running = FuturesUnordered::new();
        let mut unjudged = VecDeque::new();
        let mut judging = Box::pin(Fuse::terminated());
        let mut verified = None;
        loop {
            if stop.is_cancelled() {
                waiting.clear();
                // Nobody needs them any more.
                unjudged.drain(..).for_each(|(at, made)| self.brought(at, made));
            }
            waiting.retain(|at| {
                let is_ready = self.is_ready(*at);
                if is_ready {
                    running.push(self.work(*at, checks, &stop));
                }
                !is_ready
            });
            if judging.is_terminated()
                && let (Some(judge), Some((at, made))) = (judge, unjudged.pop_front())
            {
                judging.set(judge.of_step(at, made).fuse());
            }
            tokio::select! {
                Some((at, made)) = running.next(), if !running.is_empty() => match made.patch {
                    Some(_) => unjudged.push_back((at, made)),
                    None => self.brought(at, made),
                },
                (at, made, judged) = &mut judging, if !judging.is_terminated() => {
                    self.brought(at, made);
                    if let Judged::Verified(report) = judged {
                        verified = Some((Kind::Verified, report));
                        stop.cancel();
                    }
                }
                else => break,
            }
        }
        if verified.is_some() || self.stop.is_cancelled() {
            return verified.or_else(|| Some(cancelled()));
        }
        match self.task.goal {
            Goal::Ask => {
                let (at, made) = self.last_reply(steps)?;
                let worker = self.outcome(|outcome| {
                    (outcome.answer, outcome.answered) = (made.reply.clone(), Some(at));
                    outcome.turn = made.turn.clone();
                    outcome.workflow.steps[at].worker.clone()
                });
                Some((Kind::NoChange, format!("answered by {worker}")))
            }
            _ => self.outcome(|outcome| {
                let report = outcome.verdict.as_ref().map(|verdict| verdict.report().report.clone());
                outcome.proposal.as_ref().map(|_| (Kind::Unverified, report.unwrap_or_default()))
            }),
        }
    }

    /// One step, from its start to what it brought.
    async fn work(&self, at: usize, checks: Option<Checks<'_>>, stop: &CancellationToken) -> (usize, Made) {
        self.begin(at);
        let started = Instant::now();
        let step = self.step(at);
        let made = Delegation { course: self, step: &step, at, checks, stop }.run().await;
        self.end(at, &made.status, made.usage, started.elapsed().as_millis() as u64);
        self.keep(at, &made);
        (at, made)
    }
}
