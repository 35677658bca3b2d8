//! Tier mini's decision: whom to ask next. Pure: the same figures give the same decision, so a
//! recorded run can be replayed.
//!
//! Each worker's chance is its declared strength corrected by what it did with similar tasks. Workers
//! are tried one after the other until the tests accept a change. Tests accept a wrong one now and then,
//! and from a weak worker they get many: so what an accepted change costs is the attempts it takes and
//! the risk that it is wrong. Trying in the order of that cost gains most on average, and that is the order.
//!
//! It is departed from where it would go wrong: after a failure nobody weaker is asked while somebody
//! stronger is left, the last turn belongs to the strongest, and where no check can tell right from
//! wrong the first answer is the last, so the best is asked. Before all of them come the language's own tools, where
//! they may know the fix: they cost nothing, and say at once when they know none.

use crate::ledger::Neighbour;
use crate::pool::{Facts, REPAIR, TOOLCHAIN};
use crate::task::Goal;

/// How many observed attempts a declared strength is worth.
const PRIOR: f64 = 4.0;

/// What a second of the user's waiting is worth, in US dollars.
const USD_SECOND: f64 = 0.0005;

/// What a solved task is worth, in US dollars: an attempt whose expected gain is below its cost is not made.
pub const USD_SOLVED: f64 = 0.5;

/// The share of wrong changes that tests accept.
pub const WRONGLY_ACCEPTED: f64 = 0.05;

/// Attempts of one worker at one task.
const ATTEMPTS: usize = 3;

/// Tokens that a model writes for one change, before anything is known.
const TOKENS_OUT: f64 = 900.0;

/// Seconds that a model takes for one change, before anything is known.
pub const MODEL_SECONDS: f64 = 20.0;

/// Most turns of one run (TRINITY, arXiv 2512.04695: at most five).
pub const MAX_TURNS: usize = 5;

/// What the decision goes by besides the workers.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// What kind of answer is wanted.
    pub goal: Goal,
    /// Whether tests fail now.
    pub failing_tests: bool,
    /// Whether tests can tell a right answer from a wrong one.
    pub judged: bool,
    /// Whether the language's own tools may know the fix.
    pub tools_may_know: bool,
    /// Tokens of the prompt at its shortest.
    pub prompt_tokens: usize,
    /// Who was asked in this run and failed, in order.
    pub failed: Vec<String>,
    /// How many steps of this run were thinking aloud.
    pub thoughts: usize,
    /// Attempts that are left, this one included.
    pub turns_left: usize,
    /// US dollars that are left.
    pub usd_left: f64,
}

/// A worker that could be asked now.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name.
    pub worker: String,
    /// Its chance, 0 to 1, of solving this task now.
    pub probability: f64,
    /// US dollars that it will probably cost.
    pub usd: f64,
    /// Why it stands where it stands, with the figures.
    pub why: String,
}

/// A worker of which it is known what a call costs, whatever its tokens cost. It is asked with a [`Need`] whose prompt has no tokens.
pub fn priced(name: &str, strength: f64, usd: f64) -> Facts {
    Facts { name: name.into(), strength, usd_out: usd * 1e6 / TOKENS_OUT, context: usize::MAX, ..Facts::repair() }
}

/// Everybody that is worth asking now, the best first; nobody when it is time to stop.
pub fn rank(pool: &[Facts], need: &Need, neighbours: &[Neighbour]) -> Vec<Choice> {
    judge(pool, need, neighbours).0
}

/// As [`rank`], and why each of the others is not worth asking.
pub fn judge(pool: &[Facts], need: &Need, neighbours: &[Neighbour]) -> (Vec<Choice>, Vec<String>) {
    let mut estimates = Vec::new();
    let mut excluded = Vec::new();
    if need.turns_left > 0 {
        for facts in pool {
            let estimate = estimate(facts, need, neighbours);
            match objection(facts, need, &estimate) {
                Some(objection) => excluded.push(format!("{} ({objection})", facts.name)),
                None => estimates.push(estimate),
            }
        }
    }
    let strongest_failed = need.failed.iter().filter_map(|name| pool.iter().find(|facts| facts.name == *name));
    let strongest_failed = strongest_failed.map(|facts| chance(facts, neighbours).0).fold(0.0, f64::max);
    // Downwards, and back to who failed, only when there is no way up.
    let down = |e: &Estimate| e.attempts > 0 || !need.failed.is_empty() && e.before <= strongest_failed;
    let order = order(need);
    estimates.sort_by(|a, b| {
        let first = (b.name == TOOLCHAIN).cmp(&(a.name == TOOLCHAIN));
        first
            .then_with(|| down(a).cmp(&down(b)))
            .then_with(|| order.key(a).total_cmp(&order.key(b)))
            .then_with(|| a.name.cmp(b.name))
    });
    let choices = (0..estimates.len()).map(|at| choice(&estimates[at..], order, &excluded)).collect();
    (choices, excluded)
}

/// Who should think aloud before `next` tries again: after two models' failures another one's view is worth its price,
/// once. Thinking is a turn too. `None`: nobody, let `next` try.
pub fn thinker(pool: &[Facts], need: &Need, neighbours: &[Neighbour], next: &str) -> Option<Choice> {
    let is_model = |name: &str| ![REPAIR, TOOLCHAIN].contains(&name);
    let failures = need.failed.iter().filter(|name| is_model(name)).count();
    if need.goal == Goal::Ask || need.thoughts > 0 || need.turns_left < 2 || failures < 2 || !is_model(next) {
        return None;
    }
    let others = pool.iter().filter(|facts| is_model(&facts.name) && facts.name != next);
    let able = others.filter(|facts| need.prompt_tokens < facts.context);
    let affordable = able.map(|facts| estimate(facts, need, neighbours)).filter(|e| 2.0 * e.usd <= need.usd_left);
    let best = affordable.max_by(|a, b| a.before.total_cmp(&b.before).then_with(|| b.name.cmp(a.name)))?;
    let why = format!(
        "{failures} attempts of models failed, so {} thinks about it before {next} tries again: the strongest of the others, {}",
        best.name,
        money(best.usd)
    );
    Some(Choice { worker: best.name.to_owned(), probability: best.before, usd: best.usd, why })
}

/// What is expected of one worker.
#[derive(Clone)]
struct Estimate<'a> {
    name: &'a str,
    declared: f64,
    /// Chance at a task like this one, before anybody tried it in this run.
    before: f64,
    /// Chance now.
    now: f64,
    solved: u32,
    seen: u32,
    attempts: usize,
    usd: f64,
    seconds: f64,
}

impl Estimate<'_> {
    /// Money, with the user's time as money.
    fn cost(&self) -> f64 {
        self.usd + self.seconds * USD_SECOND
    }

    /// The chance that the tests accept what it makes.
    fn accepted(&self) -> f64 {
        self.now + (1.0 - self.now) * WRONGLY_ACCEPTED
    }

    /// The chance that what the tests accept is wrong.
    fn risk(&self) -> f64 {
        (1.0 - self.now) * WRONGLY_ACCEPTED / self.accepted()
    }

    /// The cost of attempts that an accepted change takes.
    fn price(&self) -> f64 {
        self.cost() / self.accepted()
    }
}

fn estimate<'a>(facts: &'a Facts, need: &Need, neighbours: &[Neighbour]) -> Estimate<'a> {
    let (before, solved, seen) = chance(facts, neighbours);
    let attempts = need.failed.iter().filter(|name| **name == facts.name).count();
    // A task that defeated somebody is harder than it looked, and more so for whoever it defeated:
    // each failure halves the odds, one's own once more.
    let odds = before / (1.0 - before) / 2f64.powi((need.failed.len() + attempts) as i32);
    let declared_usd = (facts.usd_in * need.prompt_tokens as f64 + facts.usd_out * TOKENS_OUT) / 1e6;
    let usual_seconds = match facts.name.as_str() {
        TOOLCHAIN => 3.0,
        REPAIR => 10.0,
        _ => MODEL_SECONDS,
    };
    Estimate {
        name: &facts.name,
        declared: facts.strength,
        before,
        now: odds / (1.0 + odds),
        solved,
        seen,
        attempts,
        // What is free stays free, whatever it cost when it had a price.
        usd: if declared_usd > 0.0 { corrected(declared_usd, facts, neighbours, |n| n.usd) } else { 0.0 },
        seconds: corrected(usual_seconds, facts, neighbours, |neighbour| neighbour.ms / 1000.0),
    }
}

/// The mean of a Beta distribution that begins at the declared strength and has seen what the worker
/// did with similar tasks, each counting by the square of its similarity. Also how many it solved, of how many.
fn chance(facts: &Facts, neighbours: &[Neighbour]) -> (f64, u32, u32) {
    let (mut good, mut all) = (facts.strength.clamp(0.02, 0.98) * PRIOR, PRIOR);
    let (mut solved, mut seen) = (0, 0);
    for neighbour in neighbours.iter().filter(|neighbour| neighbour.worker == facts.name) {
        let weight = weight(neighbour);
        if neighbour.solved {
            good += weight;
            all += weight;
        } else {
            // Whoever is asked last gets the hard tasks: failing where others had failed says less.
            all += weight / 2f64.powi(neighbour.after.min(8) as i32);
        }
        solved += u32::from(neighbour.solved);
        seen += 1;
    }
    (good / all, solved, seen)
}

fn corrected(expected: f64, facts: &Facts, neighbours: &[Neighbour], seen: impl Fn(&Neighbour) -> f64) -> f64 {
    let of_worker = neighbours.iter().filter(|neighbour| neighbour.worker == facts.name);
    let (sum, all) = of_worker.fold((expected * PRIOR, PRIOR), |(sum, all), neighbour| {
        (sum + weight(neighbour) * seen(neighbour), all + weight(neighbour))
    });
    sum / all
}

fn weight(neighbour: &Neighbour) -> f64 {
    neighbour.cosine.clamp(0.0, 1.0).powi(2)
}

/// Why a worker is not worth asking now.
fn objection(facts: &Facts, need: &Need, estimate: &Estimate) -> Option<String> {
    if facts.name == REPAIR && !(need.goal == Goal::Fix && need.failing_tests) {
        return Some("it needs failing tests".into());
    }
    if facts.name == TOOLCHAIN && !need.tools_may_know {
        return Some("no tool of the language may know the fix".into());
    }
    if facts.name == REPAIR && estimate.attempts > 0 {
        return Some("it would search the same again".into());
    }
    if estimate.attempts >= ATTEMPTS {
        return Some(format!("it failed {} times", estimate.attempts));
    }
    if need.prompt_tokens >= facts.context {
        return Some(format!("{} tokens do not fit its {}", need.prompt_tokens, facts.context));
    }
    if estimate.usd > need.usd_left {
        return Some(format!("{} is more than the {} left", money(estimate.usd), money(need.usd_left)));
    }
    (estimate.now * USD_SOLVED < estimate.cost())
        .then(|| format!("{} likely, not worth {}", percent(estimate.now), money(estimate.cost())))
}

/// What comes first.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// A check tells us when to stop.
    Cheapest,
    /// There is no further turn.
    Strongest,
    /// The first answer is the last, for nothing can refute it.
    BestGain,
}

fn order(need: &Need) -> Order {
    match need {
        Need { judged: false, .. } | Need { goal: Goal::Ask, .. } => Order::BestGain,
        Need { turns_left: 1, .. } => Order::Strongest,
        _ => Order::Cheapest,
    }
}

impl Order {
    /// Smaller is earlier.
    fn key(self, estimate: &Estimate) -> f64 {
        match self {
            Self::Cheapest => estimate.price() + estimate.risk() * USD_SOLVED,
            Self::Strongest => -estimate.now,
            Self::BestGain => estimate.cost() - estimate.now * USD_SOLVED,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Cheapest => "the cheapest likely solver",
            Self::Strongest => "the strongest, for this is the last turn",
            Self::BestGain => "the best, for no test can tell whether the answer is right",
        }
    }

    /// What it goes by.
    fn figures(self, e: &Estimate) -> String {
        match self {
            Self::BestGain => format!("{} with the time", money(e.cost())),
            _ => format!("{} per accepted change, {} of them wrong", money(e.price()), percent(e.risk())),
        }
    }
}

/// The first of `rest`, explained.
fn choice(rest: &[Estimate], order: Order, excluded: &[String]) -> Choice {
    let first = &rest[0];
    let evidence = match (first.seen, first.attempts) {
        (0, 0) => format!("declared {}, no similar task recorded", percent(first.declared)),
        (0, _) => format!("declared {}, tried before in this run", percent(first.declared)),
        (seen, _) => {
            format!("declared {}, solved {} of {seen} similar tasks", percent(first.declared), first.solved)
        }
    };
    let place = if first.name == TOOLCHAIN { "first, for it costs nothing to ask" } else { order.words() };
    let mut why = format!(
        "{} is {place}: {} likely ({evidence}), {}, about {:.0} s; {}",
        first.name,
        percent(first.now),
        money(first.usd),
        first.seconds,
        order.figures(first),
    );
    let others: Vec<String> = rest[1..]
        .iter()
        .map(|e| format!("{} ({}, {}; {})", e.name, percent(e.now), money(e.usd), order.figures(e)))
        .collect();
    if !others.is_empty() {
        why += &format!("; then {}", others.join(", "));
    }
    if !excluded.is_empty() {
        why += &format!("; not asked: {}", excluded.join(", "));
    }
    Choice { worker: first.name.to_string(), probability: first.now, usd: first.usd, why }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

fn money(usd: f64) -> String {
    match usd {
        0.0 => "free".into(),
        ..0.1 => format!("${usd:.4}"),
        _ => format!("${usd:.2}"),
    }
}

#[cfg(test)]
mod tests;
