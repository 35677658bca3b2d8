//! What a conductor is shown of the workers: numbers in place of names, with what is declared of each and what the
//! ledger knows. A pool may change without anything being learned anew.

use super::Question;
use crate::ledger::Neighbour;
use crate::pool::{Facts, REPAIR, TOOLCHAIN};
use crate::workflow::Bounds;

/// How many observed attempts a declared strength is worth.
const PRIOR: f64 = 4.0;

/// The workers of one question.
pub(super) struct Sheet {
    /// A line for each, in order of their numbers.
    pub lines: Vec<String>,
    /// What a plan for them must keep to.
    pub bounds: Bounds,
}

impl Sheet {
    pub(super) fn of(question: &Question, neighbours: &[Neighbour]) -> Self {
        let chances: Vec<f64> = question.workers.iter().map(|facts| chance(facts, neighbours)).collect();
        let (weakest, strongest) =
            chances.iter().fold((f64::MAX, f64::MIN), |(low, high), chance| (low.min(*chance), high.max(*chance)));
        let never_last = match weakest < strongest {
            true => (0..chances.len()).filter(|at| chances[*at] <= weakest).collect(),
            // All alike: none is the weakest.
            false => Vec::new(),
        };
        Self {
            lines: question.workers.iter().map(|facts| line(facts, neighbours)).collect(),
            bounds: Bounds { max_steps: question.max_steps.max(1), never_last },
        }
    }
}

fn of_worker<'a>(facts: &'a Facts, neighbours: &'a [Neighbour]) -> impl Iterator<Item = &'a Neighbour> {
    neighbours.iter().filter(|neighbour| neighbour.worker == facts.name)
}

/// The declared strength, corrected by what it did with similar tasks, each counting by its similarity.
fn chance(facts: &Facts, neighbours: &[Neighbour]) -> f64 {
    let (good, all) = of_worker(facts, neighbours).fold((facts.supposed() * PRIOR, PRIOR), |(good, all), neighbour| {
        let weight = neighbour.cosine.clamp(0.0, 1.0);
        (good + if neighbour.solved { weight } else { 0.0 }, all + weight)
    });
    good / all
}

fn line(facts: &Facts, neighbours: &[Neighbour]) -> String {
    let seen = of_worker(facts, neighbours).count();
    let solved = of_worker(facts, neighbours).filter(|neighbour| neighbour.solved).count();
    let record = match seen {
        0 => "no similar task recorded".to_owned(),
        _ => format!("solved {solved} of {seen} similar tasks"),
    };
    let price = match facts.usd_in + facts.usd_out > 0.0 {
        true => format!("${:.2} in and ${:.2} out per million tokens", facts.usd_in, facts.usd_out),
        false => "free".to_owned(),
    };
    let kind = match facts.name.as_str() {
        REPAIR => ", no model: it searches for small repairs until the failing tests pass".to_owned(),
        TOOLCHAIN => ", no model: it applies the fixes that the language's own tools know".to_owned(),
        _ => format!(", context {} tokens", facts.context),
    };
    format!("strength {:.0} %, {record}, {price}{kind}", facts.supposed() * 100.0)
}
