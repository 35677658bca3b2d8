//! Tier `mini`: turn by turn the conductor decides, a worker tries, the verifier judges.

use super::course::{Course, End};
use super::delegate::{Checks, out_of_reach};
use super::judge::Judge;
use super::{ConductorRecord, Kind};
use crate::conductor::{Decision, Reading};

impl Course<'_> {
    /// One step at a time until a patch passes or nobody is left who is worth asking.
    pub async fn turns(&self, reading: &Reading, checks: Option<Checks<'_>>, judge: Option<&Judge<'_>>) -> End {
        loop {
            let need = self.need(checks);
            let (step, why) = match reading.decide(&self.workers(&need, checks), &need) {
                Decision::Delegate { step, why } => (step, why),
                Decision::Stop { why } => {
                    // What was still wanted, and could not be had, says more than that nothing else is.
                    let wanted = self.outcome(|outcome| {
                        let last = outcome.steps.last()?;
                        out_of_reach(&last.status).map(str::to_owned)
                    });
                    return (Kind::Failed, wanted.unwrap_or(why));
                }
            };
            let steps = self.plan(ConductorRecord::mini(reading, why), 0, vec![step]);
            let at = steps.start;
            if let Some(end) = self.execute(steps, checks, judge).await {
                return end;
            }
            if self.has_spoken() {
                return (Kind::Failed, self.outcome(|outcome| outcome.steps[at].status.clone()));
            }
        }
    }
}
