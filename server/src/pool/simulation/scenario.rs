//! One seed, one scenario: the pool, its policy, the task, its limits and what a user does meanwhile.

use std::sync::LazyLock;
use std::time::Duration;

use super::dice::Dice;
use crate::config::{PolicyOptions, WorkerOptions};
use crate::pool::Prompt;
use crate::task::Allowed;

/// Everything that is decided before the first call.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub seed: u64,
    pub workers: Vec<WorkerOptions>,
    pub keys: Vec<String>,
    pub policy: PolicyOptions,
    pub allowed: Allowed,
    pub prompt: Prompt,
    /// US dollars of the run.
    pub cap: f64,
    /// How long the run may take.
    pub time: Duration,
    /// Whether the run itself ends then; if not, only its calls do.
    pub framed: bool,
    pub stop: Option<(Duration, Stop)>,
    pub order: Order,
    /// How many workers are asked at once.
    pub at_once: usize,
    /// How likely a reply is accepted.
    pub accepts: f64,
    /// Jumps of the time of day.
    pub jumps: Vec<(Duration, i64)>,
}

/// How a user ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// By cancelling it.
    Cancel,
    /// By dropping everything, as when the process that asked is gone.
    Abandon,
}

/// Who is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By the decision of tier `mini`.
    Ranked,
    /// One after the other, as somebody might who does not know the policy.
    Blind,
}

impl Scenario {
    pub fn of(seed: u64) -> Self {
        let dice = &mut Dice::of(seed ^ 0x5eed);
        let count = dice.between(1, 5);
        let prompt = Prompt::of("Fix it. ".repeat(dice.below(4)), "x = naïve(1)\n".repeat(dice.between(1, 40)));
        let time = match dice.below(10) {
            0 if dice.chance(0.2) => Duration::ZERO,
            1 => dice.time(86_400_000, 5 * 86_400_000),
            _ => dice.time(200, 600_000),
        };
        let how = dice.pick(&[Stop::Cancel, Stop::Cancel, Stop::Abandon]);
        let stop = dice.chance(0.3).then(|| (dice.time(1, 120_000), how));
        let workers: Vec<WorkerOptions> = (0..count).map(|at| worker(dice, at)).collect();
        let worst = worst_case(dice, &workers, &prompt);
        let jump = |dice: &mut Dice| (dice.time(1, 300_000), dice.between(0, 200_000) as i64 - 100_000);
        Self {
            seed,
            keys: (0..count)
                .map(|at| format!("sk-{at}-{:08x}{:08x}", dice.below(1 << 32), dice.below(1 << 32)))
                .collect(),
            policy: policy(dice),
            allowed: Allowed { only: names(dice, count, 0.08), never: names(dice, count, 0.1) },
            cap: worst * dice.pick(&[0.0, 0.5, 1.0, 1.5, 2.5, 5.0, 20.0, 100.0, 100.0, 100.0]),
            order: if dice.chance(0.7) { Order::Ranked } else { Order::Blind },
            at_once: dice.pick(&[1, 1, 1, 2, 3]),
            framed: dice.chance(0.5),
            accepts: dice.pick(&[0.0, 0.3, 0.8]),
            jumps: (0..dice.below(3)).map(|_| jump(dice)).collect(),
            workers,
            prompt,
            time,
            stop,
        }
    }

    /// Tokens of the prompt, as the servers count them.
    pub fn read(&self) -> usize {
        (self.prompt.system.chars().count() + self.prompt.user.chars().count()).div_ceil(4)
    }

    /// Whether a worker may see the task: the policy once more, in other words than the product's.
    pub fn may_see(&self, worker: &WorkerOptions) -> bool {
        let names = |list: &[String]| list.contains(&worker.name) || worker.tags.iter().any(|tag| list.contains(tag));
        let listed = |list: &Option<Vec<String>>, own: &Option<String>| match (list, own) {
            (None, _) => true,
            (Some(list), Some(own)) => list.contains(own),
            (Some(_), None) => false,
        };
        let policy = worker.region.as_deref() == Some("local")
            || listed(&self.policy.regions, &worker.region)
                && listed(&self.policy.providers, &worker.provider)
                && (self.policy.allow_keeping || worker.keeps_data == Some(false));
        policy && !names(&self.allowed.never) && (self.allowed.only.is_empty() || names(&self.allowed.only))
    }
}

fn worker(dice: &mut Dice, at: usize) -> WorkerOptions {
    let some = |dice: &mut Dice, words: &[&str]| dice.chance(0.7).then(|| dice.pick(words).to_owned());
    let max_output = dice.pick(&[16, 64, 256]);
    // Beyond the threshold no provider is cheaper.
    let (long, usd_in) = (dice.chance(0.2), dice.pick(&[0.0, 0.1, 2.0, 15.0]));
    WorkerOptions {
        name: format!("w{at}"),
        base_url: format!("https://w{at}.test/v1"),
        strength: Some(dice.share()),
        usd_in,
        usd_out: dice.pick(&[0.0, 0.4, 8.0, 75.0]),
        long_context_from: long.then(|| dice.between(0, 100)),
        long_usd_in: long.then(|| usd_in * dice.pick(&[1.0, 2.0])),
        context: max_output + dice.pick(&[20, 200, 8_000, 8_000, 8_000, 8_000, 8_000, 8_000]),
        max_output,
        timeout_seconds: dice.pick(&[0.5, 5.0, 30.0, 60.0, 900.0]),
        concurrency: dice.between(1, 4),
        requests_per_minute: dice.chance(0.1).then(|| dice.pick(&[1, 10])),
        provider: some(dice, &["acme", "other"]),
        region: some(dice, &["eu", "us", "local"]),
        keeps_data: dice.pick(&[None, Some(true), Some(false)]),
        tags: if dice.chance(0.3) { vec!["fast".into()] } else { Vec::new() },
        ..PLAIN.clone()
    }
}

/// What every worker has alike.
static PLAIN: LazyLock<WorkerOptions> =
    LazyLock::new(|| toml::from_str("name = 'w'\nbase_url = ''\nmodel = 'm'").expect("options"));

fn policy(dice: &mut Dice) -> PolicyOptions {
    let mut list = |words: &[&str]| {
        let few = words.iter().filter(|_| dice.chance(0.7)).map(|word| (*word).to_owned()).collect();
        dice.chance(0.12).then_some(few)
    };
    let (regions, providers) = (list(&["eu", "us"]), list(&["acme", "other"]));
    PolicyOptions { regions, providers, allow_keeping: dice.chance(0.92) }
}

fn names(dice: &mut Dice, count: usize, probability: f64) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if dice.chance(probability) {
        names.extend((0..dice.between(1, 2)).map(|_| format!("w{}", dice.below(count))));
        if dice.chance(0.3) {
            names.push("fast".into());
        }
    }
    names
}

/// What a call of one of them costs at worst, or another small sum.
fn worst_case(dice: &mut Dice, workers: &[WorkerOptions], prompt: &Prompt) -> f64 {
    let worker = &workers[dice.below(workers.len())];
    let tokens = (prompt.system.len() + prompt.user.len()) as f64 / 2.0 + 64.0;
    let usd = (tokens * worker.usd_in + worker.max_output as f64 * worker.usd_out) / 1e6;
    if usd > 0.0 { usd * 1.001 } else { 0.001 }
}
