//! Tier mini's decision: whom to ask next. Pure: the same figures give the same decision, so a
//! recorded run can be replayed.
//!
//! Every task has a difficulty, read off its words and made surer by every refusal; every worker two numbers, which begin at
//! its declared strength and follow its own results. From both comes its chance, and from the verifier's reliability how
//! often what is accepted is right. An order of calls is worth what its right answers are worth, less money and time; the
//! best order is looked for to its end, its first call is made, and where no call is worth its price there is none.
//! The language's own tools come before all of that, where they may know the fix: they cost nothing, and say at once when
//! they know none.

mod estimate;
mod lookahead;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dice::Dice;
use super::heads::Heads;
use super::heads::able::Able;
use super::heads::belief::Belief;
use crate::ledger::Neighbour;
use crate::pool::{Facts, REPAIR, TOOLCHAIN, UNDECLARED};
use crate::task::Goal;

pub use estimate::MODEL_SECONDS;
use estimate::{Estimate, TOKENS_OUT, after, money, percent, verifier};
use lookahead::{Caller, Lookahead};

/// Attempts of one worker at one task.
pub const ATTEMPTS: usize = 3;

/// Most turns of one run (TRINITY, arXiv 2512.04695: at most five).
pub const MAX_TURNS: usize = 5;

/// The verifier of a run, by its name in recordings and in heads.
pub const TESTS: &str = "tests";

/// What the decision goes by besides the workers.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// What kind of answer is wanted.
    pub goal: Goal,
    /// Whether tests fail now.
    pub failing_tests: bool,
    /// Whether anything can tell a right answer from a wrong one.
    pub judged: bool,
    /// What that is, by its name in recordings and in heads: [`TESTS`] in a run.
    pub verifier: String,
    /// Whether the language's own tools may know the fix.
    pub tools_may_know: bool,
    /// Tokens of the prompt at its shortest.
    pub prompt_tokens: usize,
    /// Who was asked in this run and failed, in order.
    pub failed: Vec<String>,
    /// Places in `failed` of those that gave no answer at all: that says something of them, and nothing of the task.
    pub unanswered: Vec<usize>,
    /// How many steps of this run were thinking aloud.
    pub thoughts: usize,
    /// Attempts that are left, this one included.
    pub turns_left: usize,
    /// How often one worker may be asked in all; [`ATTEMPTS`], or 1 where it would answer the same again.
    pub attempts: usize,
    /// US dollars that are left.
    pub usd_left: f64,
}

/// What is known of the task and of the workers.
#[derive(Debug, Clone)]
pub struct Known {
    /// The figures.
    pub heads: Arc<Heads>,
    /// How hard the task is, before anybody tried it in this run.
    pub belief: Belief,
    /// What workers can do, by their names. Whoever is not among them begins at its declared strength.
    pub able: BTreeMap<String, Able>,
    /// What was done with similar tasks: what it cost and how long it took, and for people to read.
    pub neighbours: Vec<Neighbour>,
}

impl Default for Known {
    fn default() -> Self {
        let heads = Heads::shipped();
        Self { belief: heads.anything(), heads, able: BTreeMap::new(), neighbours: Vec::new() }
    }
}

impl Known {
    /// What this worker can do, by what is known or else by what is declared of it.
    pub fn able_of(&self, worker: &str, declared: Option<f64>) -> Able {
        self.able.get(worker).copied().unwrap_or_else(|| self.heads.begin(declared.unwrap_or(UNDECLARED)))
    }
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
    Facts {
        name: name.into(),
        strength: Some(strength),
        usd_out: usd * 1e6 / TOKENS_OUT,
        context: usize::MAX,
        ..Facts::repair()
    }
}

/// Everybody that is worth asking now, the best first; nobody when it is time to stop.
pub fn rank(pool: &[Facts], need: &Need, known: &Known) -> Vec<Choice> {
    judge(pool, need, known).0
}

/// As [`rank`], and why each of the others is not worth asking.
pub fn judge(pool: &[Facts], need: &Need, known: &Known) -> (Vec<Choice>, Vec<String>) {
    let table = Table::of(pool, need, known);
    let gains = table.gains();
    let mut order: Vec<usize> = (0..gains.len()).collect();
    order.sort_by(|a, b| {
        let tools = |at: &usize| table.estimates[*at].name == TOOLCHAIN;
        let first = tools(b).cmp(&tools(a));
        let name = |at: &usize| table.estimates[*at].name;
        first.then_with(|| gains[*b].total_cmp(&gains[*a])).then_with(|| name(a).cmp(name(b)))
    });
    let explained = |at: usize| choice(&table, &gains, &order[at..]);
    ((0..order.len()).map(explained).collect(), table.excluded.clone())
}

/// Somebody to try out instead of whom it would be best to ask first: the best by numbers that are drawn as they could be
/// (Thompson, 1933), and so often that what it costs more is expected to be no more than this share of all. It teaches
/// nothing where nothing can judge.
pub fn tried_out(pool: &[Facts], need: &Need, known: &Known, share: f64, dice: &mut Dice) -> Option<Choice> {
    if !need.judged || need.goal == Goal::Ask || !need.failed.is_empty() || share <= 0.0 {
        return None;
    }
    let table = Table::of(pool, need, known);
    let (order, usd) = table.order();
    let best = table.estimates.get(*order.first()?)?.name;
    let could_be =
        |estimate: &Estimate| (estimate.name.to_owned(), known.able_of(estimate.name, estimate.declared).drawn(dice));
    let drawn: BTreeMap<String, Able> = table.estimates.iter().map(could_be).collect();
    let drawn = Known { able: known.able.clone().into_iter().chain(drawn).collect(), ..known.clone() };
    let by_chance = Table::of(pool, need, &drawn);
    let first = by_chance.estimates.get(*by_chance.order().0.first()?)?.name;
    let estimate = table.estimates.iter().find(|estimate| estimate.name == first)?;
    if first == best || [best, first].contains(&TOOLCHAIN) {
        return None;
    }
    // What follows once it is refused is the same as before, so what it costs more is less than its price.
    let more = table.spent(first)? - usd;
    (dice.share() * more < share * usd).then(|| Choice {
        worker: first.to_owned(),
        probability: estimate.now,
        usd: estimate.usd,
        why: format!(
            "{first} is tried out, for it may be better than is known: {} likely ({}), {}; {best} would be asked otherwise \
             (conductor.exploration is {}); by the {}",
            percent(estimate.now),
            evidence(estimate),
            money(estimate.usd),
            percent(share),
            known.heads.name()
        ),
    })
}

/// What a decision weighs chances and money with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stakes {
    /// What a solved task is worth, in US dollars.
    pub usd_solved: f64,
    /// The share of wrong answers that are taken to be accepted.
    pub wrongly_accepted: f64,
}

/// What this decision weighs them with.
pub fn stakes(pool: &[Facts], need: &Need, known: &Known) -> Stakes {
    let table = Table::of(pool, need, known);
    Stakes { usd_solved: table.worth, wrongly_accepted: verifier(need, table.heads).wrong }
}

/// Whom it would be best to ask one after the other, if everybody were refused, as places in the pool.
pub fn order(pool: &[Facts], need: &Need, known: &Known) -> Vec<usize> {
    let table = Table::of(pool, need, known);
    let place = |at: &usize| pool.iter().position(|facts| facts.name == table.estimates[*at].name);
    table.order().0.iter().filter_map(place).collect()
}

/// What a call of each is expected to cost, in US dollars.
pub fn prices(pool: &[Facts], need: &Need, known: &Known) -> Vec<f64> {
    pool.iter().map(|facts| Estimate::of(facts, need, known, &known.belief).usd).collect()
}

/// Who should think aloud before `next` tries again: after two models' failures another one's view is worth its price,
/// once. Thinking is a turn too. `None`: nobody, let `next` try.
pub fn thinker(pool: &[Facts], need: &Need, known: &Known, next: &str) -> Option<Choice> {
    let is_model = |name: &str| ![REPAIR, TOOLCHAIN].contains(&name);
    let failures = need.failed.iter().filter(|name| is_model(name)).count();
    if need.goal == Goal::Ask || need.thoughts > 0 || need.turns_left < 2 || failures < 2 || !is_model(next) {
        return None;
    }
    let others = pool.iter().filter(|facts| is_model(&facts.name) && facts.name != next);
    let able = others.filter(|facts| need.prompt_tokens < facts.context);
    let now = after(need, known);
    let affordable = able.map(|facts| Estimate::of(facts, need, known, &now)).filter(|e| 2.0 * e.usd <= need.usd_left);
    let best = affordable.max_by(|a, b| a.before.total_cmp(&b.before).then_with(|| b.name.cmp(a.name)))?;
    let why = format!(
        "{failures} attempts of models failed, so {} thinks about it before {next} tries again: the strongest of the others, {}",
        best.name,
        money(best.usd)
    );
    Some(Choice { worker: best.name.to_owned(), probability: best.before, usd: best.usd, why })
}

/// Everything that one decision weighs.
struct Table<'a> {
    need: &'a Need,
    heads: &'a Heads,
    estimates: Vec<Estimate<'a>>,
    excluded: Vec<String>,
    callers: Vec<Caller>,
    now: Belief,
    worth: f64,
}

impl<'a> Table<'a> {
    fn of(pool: &'a [Facts], need: &'a Need, known: &'a Known) -> Self {
        let (heads, now) = (&*known.heads, after(need, known));
        let all: Vec<Estimate> = pool.iter().map(|facts| Estimate::of(facts, need, known, &now)).collect();
        // What the user would gladly pay is seen by what they pay for the strongest.
        let strongest = all.iter().max_by(|a, b| a.before.total_cmp(&b.before));
        let policy = &heads.policy;
        let worth = strongest.map_or(0.0, |e| e.usd * policy.calls_solved).max(policy.usd_solved);
        let (mut estimates, mut excluded) = (Vec::new(), Vec::new());
        for (facts, estimate) in pool.iter().zip(all).filter(|_| need.turns_left > 0) {
            match estimate.objection(facts, need, heads, worth) {
                Some(objection) => excluded.push(format!("{} ({objection})", facts.name)),
                None => estimates.push(estimate),
            }
        }
        let verifier = verifier(need, heads);
        let callers = estimates.iter().map(|estimate| estimate.caller(need, heads, &now, verifier)).collect();
        Self { need, heads, estimates, excluded, callers, now, worth }
    }

    fn ahead(&self) -> (Lookahead<'_>, lookahead::Point) {
        let ahead = Lookahead::new(&self.callers, self.worth, self.worth * self.heads.policy.harm);
        let start = ahead.start(self.now.likely(), self.need.turns_left, self.need.usd_left);
        (ahead, start)
    }

    /// Of each, what asking it is worth, with what follows.
    fn gains(&self) -> Vec<f64> {
        let (mut ahead, start) = self.ahead();
        (0..self.callers.len()).map(|caller| ahead.asking(&start, caller)).collect()
    }

    fn order(&self) -> (Vec<usize>, f64) {
        let (mut ahead, start) = self.ahead();
        ahead.order(&start)
    }

    /// How many US dollars it is expected to cost to ask this one first and then go on as is best.
    fn spent(&self, name: &str) -> Option<f64> {
        let caller = self.estimates.iter().position(|estimate| estimate.name == name)?;
        let (mut ahead, start) = self.ahead();
        let next = ahead.refused(&start, caller)?;
        Some(self.callers[caller].usd + ahead.order(&next).1)
    }

    /// What makes the first of those that are left the first.
    fn place(&self, name: &str) -> &'static str {
        match self.need {
            _ if name == TOOLCHAIN => "first, for it costs nothing to ask",
            Need { judged: false, .. } | Need { goal: Goal::Ask, .. } => {
                "the best, for no test can tell whether the answer is right"
            }
            Need { turns_left: 1, .. } => "the best for the last turn",
            _ => "the best to ask now",
        }
    }
}

/// The first of `rest`, explained.
fn choice(table: &Table, gains: &[f64], rest: &[usize]) -> Choice {
    let first = &table.estimates[rest[0]];
    let gain = |at: usize| money(gains[at]);
    let mut why = format!(
        "{} is {}: {} likely ({}), {}, about {:.0} s; with what may follow it is worth {}",
        first.name,
        table.place(first.name),
        percent(first.now),
        evidence(first),
        money(first.usd),
        first.seconds,
        gain(rest[0])
    );
    let other = |at: &usize| {
        let e = &table.estimates[*at];
        format!("{} ({}, {}; worth {})", e.name, percent(e.now), money(e.usd), gain(*at))
    };
    let others: Vec<String> = rest[1..].iter().map(other).collect();
    if !others.is_empty() {
        why += &format!("; then {}", others.join(", "));
    }
    if !table.excluded.is_empty() {
        why += &format!("; not asked: {}", table.excluded.join(", "));
    }
    why += &format!("; a solved task counted as {}, by the {}", money(table.worth), table.heads.name());
    Choice { worker: first.name.to_owned(), probability: first.now, usd: first.usd, why }
}

fn evidence(estimate: &Estimate) -> String {
    let declared =
        estimate.declared.map_or("nothing declared".into(), |strength| format!("declared {}", percent(strength)));
    match (estimate.seen, estimate.attempts) {
        (0, 0) => format!("{declared}, no similar task recorded"),
        (0, _) => format!("{declared}, tried before in this run"),
        (seen, _) => format!("{declared}, solved {} of {seen} similar tasks", estimate.solved),
    }
}

#[cfg(test)]
mod tests;
