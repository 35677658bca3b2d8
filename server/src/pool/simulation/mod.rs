//! The pool in a world that fails as one seed says: paused clock, network in memory, and rules that must hold whatever
//! servers, clocks and users do.
//!
//! `BATON_SEED=n cargo test --release -p baton --lib simulation` makes scenario `n` again, and shows it;
//! `BATON_SEEDS=n` plays so many in place of the usual ones.

mod act;
mod dice;
mod drive;
mod heard;
mod invariant;
mod scenario;
mod stream;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::health::REST;
use super::{Bounds, Budget, Llm};
use crate::config::{PolicyOptions, WorkerOptions};
use act::{ACTS, Act, Ending, Served};
use dice::Dice;
use drive::{Drive, How, Told};
use invariant::{Broken, Rule, Seen, broken};
use scenario::Scenario;
use stream::Piece;
use world::{Place, World};

/// How many scenarios are played.
const SEEDS: u64 = 100_000;

/// A defence that is switched off, to see that its rule notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// The network ends every answer that broke off as if it were whole.
    FakeEnd,
    /// The network holds whole answers to have been thrown away.
    Waste,
    /// Calls get an hour more than the run has.
    NoDeadline,
    /// Nobody tells the calls that the run was stopped.
    DeafToCancel,
    /// Workers wait an hour longer than they are told.
    Patient,
    /// Calls have money without end.
    NoBudget,
    /// What was spent is forgotten.
    NothingBooked,
    /// The run ends twice.
    TwoEnds,
    /// Workers know neither the policy nor what the task leaves out.
    NoPolicy,
    /// Servers repeat a key that the worker does not know.
    UnknownKey,
    /// Connections are not closed.
    Leak,
    /// Nobody waits until a worker has rested.
    NoRest,
}

/// How a scenario went.
#[derive(Default)]
struct Played {
    broken: Vec<Broken>,
    acts: Vec<Act>,
    ends: Vec<How>,
    replies: usize,
    story: String,
}

fn play(seed: u64, sabotage: Option<Sabotage>) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(staged(&Scenario::of(seed), sabotage))
}

async fn staged(scenario: &Scenario, sabotage: Option<Sabotage>) -> Played {
    let world = World::new(scenario.seed, Box::new(act::drawn), scenario.jumps.clone(), sabotage);
    world.tell(scenario.read(), scenario.keys.clone());
    let policy = if sabotage == Some(Sabotage::NoPolicy) { PolicyOptions::default() } else { scenario.policy.clone() };
    let pool: Vec<Llm> = (0..scenario.workers.len())
        .map(|worker| {
            let mut options = scenario.workers[worker].clone();
            if sabotage == Some(Sabotage::Patient) {
                options.timeout_seconds += 3600.0;
            }
            let (network, outside) = (Place { world: world.clone(), worker }, Place { world: world.clone(), worker });
            let key = &scenario.keys[worker];
            Llm::simulated(&options, &policy, Box::new(network), Box::new(outside), key)
        })
        .collect();
    let budget = Budget::new(scenario.cap);
    let drive = Drive::new(&world, scenario, &pool, &budget);
    drive.run().await;
    let mut told = drive.into_told();
    if sabotage == Some(Sabotage::Waste) {
        let cause =
            |usd| super::CallError::Failed { why: "wasted".into(), usage: super::Usage { usd, ..Default::default() } };
        for told in &mut told {
            if let Told::Returned { result, usd, .. } = told {
                *result = Err(cause(*usd));
            }
        }
    }
    let words: Vec<String> = pool.iter().map(|llm| format!("{llm:?} {:?} {:?}", llm.facts(), llm.resting())).collect();
    let worst: Vec<f64> = pool.iter().map(|llm| llm.worst_case(&scenario.prompt)).collect();
    let booked = if sabotage == Some(Sabotage::NothingBooked) { 0.0 } else { budget.booked() };
    let mut broken = broken(&Seen { scenario, world: &world, told: &told, booked, worst: &worst, words: &words });
    let acts = world.exchanges(|exchanges| exchanges.iter().map(|exchange| exchange.act).collect());
    let story = world.exchanges(|exchanges| format!("{scenario:#?}\n{exchanges:#?}\n{told:#?}"));
    broken.extend(recovers(scenario, &world, &pool, sabotage).await);
    let replies = told.iter().filter(|told| matches!(told, Told::Returned { result: Ok(_), .. })).count();
    let ends = told.iter().filter_map(|told| if let Told::Ended { how, .. } = told { Some(*how) } else { None });
    Played { broken, acts, ends: ends.collect(), replies, story }
}

/// Once servers work again and every rest is over, each worker answers.
async fn recovers(scenario: &Scenario, world: &Arc<World>, pool: &[Llm], sabotage: Option<Sabotage>) -> Vec<Broken> {
    world.follow(Box::new(|dice, asked| Served { before: Duration::ZERO, ..quick(act::good(dice, asked)) }));
    if sabotage != Some(Sabotage::NoRest) {
        tokio::time::sleep(REST + Duration::from_secs(1)).await;
    }
    let mut broken = Vec::new();
    let (cancel, budget) = (CancellationToken::new(), Budget::new(1.0));
    for (llm, options) in pool.iter().zip(&scenario.workers) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(300);
        let bounds = Bounds { deadline, cancel: &cancel, budget: &budget, allowed: &scenario.allowed };
        let fits = super::overlong::fits(&scenario.prompt, llm.prompt_budget());
        if !(scenario.may_see(options) && fits) {
            continue;
        }
        if let Err(error) = llm.call(&scenario.prompt, |_| {}, bounds).await {
            broken.push((Rule::Recovery, error.to_string()));
        }
    }
    broken
}

/// The same without pauses.
fn quick(mut served: Served) -> Served {
    served.pieces.iter_mut().for_each(|piece| piece.after = Duration::ZERO);
    served
}

/// A worker whose server answers every request with this, again and again, so long after each other.
pub(super) fn worker(options: &WorkerOptions, sign: &'static str, after: Duration) -> Llm {
    let script = move |dice: &mut Dice, asked: &act::Asked| {
        let again = Piece { after, bytes: Bytes::from_static(sign.as_bytes()) };
        let (pieces, ending) = (Vec::new(), Ending::Again(again));
        Served { act: Act::KeepAlives, before: Duration::ZERO, pieces, ending, ..act::good(dice, asked) }
    };
    let world = World::new(0, Box::new(script), Vec::new(), None);
    let place = || Place { world: world.clone(), worker: 0 };
    Llm::simulated(options, &PolicyOptions::default(), Box::new(place()), Box::new(place()), "")
}

/// Plays all seeds of a range on all processors; the first failure ends it.
fn play_all(seeds: std::ops::Range<u64>) -> (BTreeMap<String, usize>, Option<(u64, String)>) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut counts = BTreeMap::<String, usize>::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (counts, None);
            }
            let played = match catch_unwind(AssertUnwindSafe(|| play(seed, None))) {
                Ok(played) => played,
                Err(_) => return (counts, Some((seed, "it panicked".to_owned()))),
            };
            if !played.broken.is_empty() {
                next.store(seeds.end, Ordering::Relaxed);
                return (counts, Some((seed, format!("{:?}", played.broken))));
            }
            let names = played.acts.iter().map(|act| format!("{act:?}"));
            for name in names.chain(played.ends.iter().map(|end| format!("{end:?}"))) {
                *counts.entry(name).or_default() += 1;
            }
            *counts.entry("replies".into()).or_default() += played.replies;
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let parts: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().expect("failures are caught")).collect()
    });
    let mut counts = BTreeMap::new();
    let mut failure: Option<(u64, String)> = None;
    for (part, failed) in parts {
        part.into_iter().for_each(|(name, count)| *counts.entry(name).or_default() += count);
        failure = failure.into_iter().chain(failed).min();
    }
    (counts, failure)
}

#[test]
fn every_rule_holds_in_every_scenario() {
    if let Some(seed) = std::env::var("BATON_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let played = play(seed, None);
        assert!(played.broken.is_empty(), "{}\n{:#?}", played.story, played.broken);
        return;
    }
    let seeds = std::env::var("BATON_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let (counts, failure) = play_all(0..seeds);
    if let Some((seed, what)) = failure {
        panic!("scenario {seed}: {what}\nBATON_SEED={seed} plays it again");
    }
    // Scenarios in which nothing happens prove nothing, and a few need not have everything.
    let least = if seeds < SEEDS { 0 } else { 100 };
    let ends = [How::Accepted, How::NobodyLeft, How::TurnsUsedUp, How::OutOfTime, How::Cancelled, How::Abandoned];
    let names = ACTS.iter().map(|(act, _)| format!("{act:?}")).chain(ends.map(|end| format!("{end:?}")));
    for name in names.chain(["replies".to_owned()]) {
        assert!(counts.get(&name).copied().unwrap_or(0) >= least, "{name} is too rare: {counts:?}");
    }
}

#[test]
fn a_scenario_is_the_same_each_time() {
    for seed in 0..200 {
        assert!(play(seed, None).story == play(seed, None).story, "scenario {seed}");
    }
}

#[test]
fn each_rule_notices_when_its_defence_is_off() {
    for (sabotage, rule) in [
        (Sabotage::FakeEnd, Rule::WholeAnswers),
        (Sabotage::Waste, Rule::NothingWasted),
        (Sabotage::NoDeadline, Rule::Deadline),
        (Sabotage::DeafToCancel, Rule::Stopped),
        (Sabotage::Patient, Rule::Silence),
        (Sabotage::NoBudget, Rule::Cap),
        (Sabotage::NothingBooked, Rule::Booked),
        (Sabotage::TwoEnds, Rule::OneEnd),
        (Sabotage::NoPolicy, Rule::Policy),
        (Sabotage::UnknownKey, Rule::Keys),
        (Sabotage::Leak, Rule::Connections),
        (Sabotage::NoRest, Rule::Recovery),
    ] {
        let noticed =
            (0..2_000).any(|seed| play(seed, Some(sabotage)).broken.iter().any(|(broken, _)| *broken == rule));
        assert!(noticed, "{rule:?} does not notice {sabotage:?}");
    }
}
