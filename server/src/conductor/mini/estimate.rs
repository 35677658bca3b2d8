//! What is expected of one worker at the task at hand, and what speaks against asking it.

use super::{Known, Need};
use crate::conductor::heads::able::Able;
use crate::conductor::heads::belief::Belief;
use crate::conductor::heads::{Heads, Reliability};
use crate::conductor::mini::lookahead::{Caller, Try};
use crate::ledger::Neighbour;
use crate::pool::{Facts, REPAIR, TOOLCHAIN};
use crate::task::Goal;

/// How many observed calls a declared price is worth, and how many an ordinary time.
const PRIOR: f64 = 4.0;

/// Tokens that a model writes for one change, before anything is known.
pub(super) const TOKENS_OUT: f64 = 900.0;

/// Seconds that a model takes for one change, before anything is known.
pub const MODEL_SECONDS: f64 = 20.0;

/// What is expected of one worker.
#[derive(Clone)]
pub(super) struct Estimate<'a> {
    pub name: &'a str,
    pub declared: Option<f64>,
    /// Chance at a task like this one, before anybody tried it in this run.
    pub before: f64,
    /// Chance now.
    pub now: f64,
    /// Of similar tasks.
    pub solved: usize,
    pub seen: usize,
    /// In this run.
    pub attempts: usize,
    pub usd: f64,
    pub seconds: f64,
    pub able: Able,
}

/// What those that failed in this run tell of the task.
pub(super) fn after(need: &Need, known: &Known) -> Belief {
    let mut belief = known.belief.clone();
    for (at, name) in need.failed.iter().enumerate().filter(|(at, _)| !need.unanswered.contains(at)) {
        let before = need.failed[..at].iter().filter(|other| *other == name).count();
        let able = known.able_of(name, None);
        // Where nothing can judge an answer, one could not be used: then too the task is none of the easy ones.
        let verifier = known.heads.verifier(&need.verifier);
        belief.learn(&able, harder(&known.heads, before), verifier, false, 1.0);
    }
    belief
}

/// How reliable what judges this run is taken to be.
pub(super) fn verifier(need: &Need, heads: &Heads) -> Reliability {
    if !need.judged || need.goal == Goal::Ask {
        return Reliability::NOBODY;
    }
    let found = heads.verifier(&need.verifier);
    Reliability { wrong: (found.wrong * heads.policy.doubt).min(0.9 * found.right), ..found }
}

fn harder(heads: &Heads, failures: usize) -> f64 {
    heads.beginning.again * failures as f64
}

impl<'a> Estimate<'a> {
    /// `now`: from [`after`].
    pub fn of(facts: &'a Facts, need: &Need, known: &Known, now: &Belief) -> Self {
        let (heads, neighbours) = (&known.heads, &known.neighbours);
        let able = known.able_of(&facts.name, facts.strength);
        let attempts = need.failed.iter().filter(|name| **name == facts.name).count();
        let similar = || neighbours.iter().filter(|neighbour| neighbour.worker == facts.name);
        let declared_usd = (facts.usd_in * need.prompt_tokens as f64 + facts.usd_out * TOKENS_OUT) / 1e6;
        let usual_seconds = match facts.name.as_str() {
            TOOLCHAIN => 3.0,
            REPAIR => 10.0,
            _ => MODEL_SECONDS,
        };
        Self {
            name: &facts.name,
            declared: facts.strength,
            before: known.belief.chance(&able, 0.0),
            now: now.chance(&able, harder(heads, attempts)),
            solved: similar().filter(|neighbour| neighbour.solved).count(),
            seen: similar().count(),
            attempts,
            // What is free stays free, whatever it cost when it had a price.
            usd: if declared_usd > 0.0 { corrected(declared_usd, facts, neighbours, |n| n.usd) } else { 0.0 },
            seconds: corrected(usual_seconds, facts, neighbours, |neighbour| neighbour.ms / 1000.0),
            able,
        }
    }

    /// Money, with the user's time as money.
    pub fn cost(&self, heads: &Heads) -> f64 {
        self.usd + self.seconds * heads.policy.usd_second
    }

    /// As the lookahead takes it.
    pub fn caller(&self, need: &Need, heads: &Heads, now: &Belief, verifier: Reliability) -> Caller {
        let tries = self.attempts..self.most(need);
        let tried = |attempts: usize| {
            let chances = now.places().map(|at| self.able.chance(at, harder(heads, attempts)));
            Try {
                accepted: chances.map(|chance| verifier.likelihood(chance, true)),
                right: chances.map(|chance| chance * verifier.right),
            }
        };
        Caller { cost: self.cost(heads), usd: self.usd, tries: tries.map(tried).collect() }
    }

    /// Attempts at one task.
    fn most(&self, need: &Need) -> usize {
        if [REPAIR, TOOLCHAIN].contains(&self.name) { 1 } else { need.attempts }
    }

    /// Why it is not worth asking now.
    pub fn objection(&self, facts: &Facts, need: &Need, heads: &Heads, worth: f64) -> Option<String> {
        if facts.name == REPAIR && !(need.goal == Goal::Fix && need.failing_tests) {
            return Some("it needs failing tests".into());
        }
        if facts.name == TOOLCHAIN && !need.tools_may_know {
            return Some("no tool of the language may know the fix".into());
        }
        if facts.name == REPAIR && self.attempts > 0 {
            return Some("it would search the same again".into());
        }
        if self.attempts >= self.most(need) {
            let times = if self.attempts == 1 { "once".into() } else { format!("{} times", self.attempts) };
            return Some(format!("it failed {times}"));
        }
        if need.prompt_tokens >= facts.context {
            return Some(format!("{} tokens do not fit its {}", need.prompt_tokens, facts.context));
        }
        if self.usd > need.usd_left {
            return Some(format!("{} is more than the {} left", money(self.usd), money(need.usd_left)));
        }
        let cost = self.cost(heads);
        (self.now * worth < cost).then(|| format!("{} likely, not worth {}", percent(self.now), money(cost)))
    }
}

fn corrected(expected: f64, facts: &Facts, neighbours: &[Neighbour], seen: impl Fn(&Neighbour) -> f64) -> f64 {
    let of_worker = neighbours.iter().filter(|neighbour| neighbour.worker == facts.name);
    let (sum, all) = of_worker.fold((expected * PRIOR, PRIOR), |(sum, all), neighbour| {
        let weight = neighbour.cosine.clamp(0.0, 1.0).powi(2);
        (sum + weight * seen(neighbour), all + weight)
    });
    sum / all
}

pub(super) fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

pub(super) fn money(usd: f64) -> String {
    match usd {
        0.0 => "free".into(),
        ..0.0 => format!("-{}", money(-usd)),
        ..0.1 => format!("${usd:.4}"),
        _ => format!("${usd:.2}"),
    }
}
