//! Tier `mini`: turn by turn the conductor decides, a worker tries, the verifier judges.

use super::course::{Course, End};
use super::delegate::Checks;
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
                Decision::Stop { why } => return (Kind::Failed, why),
            };
            let steps = self.plan(ConductorRecord::mini(reading, why), 0, vec![step]);
            if let Some(end) = self.execute(steps, checks, judge).await {
                return end;
            }
        }
    }
}
