//! Tier `ultra`: a generative model writes a whole workflow, sees what came of it, and writes a better one or accepts.

use std::ops::Range;

use super::course::{Course, End, cancelled};
use super::delegate::Checks;
use super::judge::Judge;
use super::{ConductorRecord, Event, Kind};
use crate::conductor::Reading;
use crate::conductor::baseline::MAX_STEPS;
use crate::conductor::ultra::{Before, NoPlan, Plan, Question};
use crate::task::Goal;

impl Course<'_> {
    /// Workflow after workflow until a patch passes, the conductor accepts what there is, or the depth that is allowed is
    /// reached. `Err`: there is no plan and nothing came of an earlier one; the sentence says why.
    pub async fn levels(
        &self,
        description: &str,
        reading: &Reading,
        checks: Option<Checks<'_>>,
        judge: Option<&Judge<'_>>,
    ) -> Result<End, String> {
        let conductor = &self.engine.memory().conductor;
        let (mut before, mut last) = (None, None);
        for depth in 0..=self.depth() {
            let need = self.need(checks);
            let question = Question {
                description: description.to_owned(),
                workers: self.workers(&need, checks),
                max_steps: MAX_STEPS,
                need,
                before: before.take(),
            };
            if let Some(name) = conductor.planner_name() {
                self.tell(Event::Preparing(format!("{name} plans")));
            }
            let deadline = self.started + self.task.budget.time;
            let left = self.money.left();
            let planned = match conductor.plan(&question, reading, &self.money, deadline, &self.stop).await {
                Ok(planned) => planned,
                Err(NoPlan::Cancelled) => return Ok(cancelled()),
                Err(NoPlan::Unavailable(why) | NoPlan::Invalid(why)) => {
                    // What was tried in vain is paid all the same; nothing else was asked meanwhile.
                    self.outcome(|outcome| outcome.usage.usd += left - self.money.left());
                    let Some((kind, message)) = last else { return Err(why) };
                    return Ok((kind, format!("{message}; there is no further plan: {why}")));
                }
            };
            self.outcome(|outcome| outcome.usage.add(planned.usage));
            let Plan::Workflow(workflow) = planned.plan else {
                self.tell(Event::Preparing(format!("{} accepts what there is: {}", planned.model, planned.why)));
                break;
            };
            let record = ConductorRecord { name: "ultra".into(), model: planned.model, why: planned.why };
            let steps = self.plan(record, depth, workflow.steps);
            let end = self.execute(steps.clone(), checks, judge).await;
            if let Some(end @ (Kind::Verified | Kind::Cancelled, _)) = end {
                return Ok(end);
            }
            if end.is_none() && self.task.conversation.is_some() && !self.has_spoken() {
                return Err("nobody of its plan answered".into());
            }
            before = Some(self.came_of(steps, end.as_ref()));
            last = end.or(last).or_else(|| Some((Kind::Failed, "nothing that was planned passed".into())));
        }
        Ok(last.unwrap_or_else(|| (Kind::Failed, "nothing was planned".into())))
    }

    /// What the conductor is shown of the steps that it planned.
    fn came_of(&self, steps: Range<usize>, end: Option<&End>) -> Before {
        let reply = self.last_reply(steps.clone()).and_then(|(_, made)| made.reply.clone()).unwrap_or_default();
        let mut lines = Vec::new();
        for (number, at) in (1..).zip(steps) {
            let (step, status) = (self.step(at), self.outcome(|outcome| outcome.steps[at].status.clone()));
            lines.push(format!("step {number} ({:?} {}): {status}", step.role, step.worker));
            lines.extend(self.report(at));
        }
        lines.push(match (self.task.goal, end) {
            (Goal::Ask, Some(_)) => "Nothing can check an answer.".into(),
            (_, Some((Kind::Unverified, report))) => format!("Nothing can check the change: {report}"),
            _ => "No change passed.".into(),
        });
        Before { reply, report: lines.join("\n") }
    }
}
