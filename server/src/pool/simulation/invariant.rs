//! What must hold of every scenario, whatever servers do. Each is checked against the record of the world alone.

use std::time::Duration;

use super::act::Act;
use super::drive::{How, Told};
use super::heard::{Heard, hear};
use super::scenario::{Scenario, Stop};
use super::world::{Exchange, World};
use crate::pool::llm::{ANSWER, TOKEN};

/// How exact timers are.
const TICK: Duration = Duration::from_millis(5);
/// How long the count of tokens is waited for, and an explanation.
const TAIL: Duration = Duration::from_secs(2);
const EXPLAINING: Duration = Duration::from_secs(5);
/// The shortest part of a key that tells something of it, in bytes.
const TELLING: usize = 8;

/// A rule, and where it was broken.
pub(super) type Broken = (Rule, String);

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// No answer is used that is not whole.
    WholeAnswers,
    /// No answer is thrown away that is whole.
    NothingWasted,
    /// Nothing goes on past the deadline.
    Deadline,
    /// Nothing goes on after the run was stopped.
    Stopped,
    /// Silence ends a call, however many signs of life there are.
    Silence,
    /// No more is spent than the cap and what was set aside for the calls in flight.
    Cap,
    /// What servers charge is booked.
    Booked,
    /// A run has one end.
    OneEnd,
    /// No worker sees what it may not see.
    Policy,
    /// No key is in any message, or goes to another worker.
    Keys,
    /// No connection is left open.
    Connections,
    /// A worker that works again is asked again.
    Recovery,
}

/// What was seen of a scenario.
pub(super) struct Seen<'a> {
    pub scenario: &'a Scenario,
    pub world: &'a World,
    pub told: &'a [Told],
    /// What the budget says was spent.
    pub booked: f64,
    /// What a call of each worker costs at worst.
    pub worst: &'a [f64],
    /// Whatever was written of the workers besides.
    pub words: &'a [String],
}

/// Every rule that was broken.
pub(super) fn broken(seen: &Seen<'_>) -> Vec<Broken> {
    let mut broken: Vec<Broken> = Vec::new();
    seen.world.exchanges(|exchanges| {
        let heard = exchanges.iter().map(|exchange| {
            // What is more than a reader takes is not its concern.
            let limit = ANSWER + TOKEN * seen.scenario.workers[exchange.worker].max_output;
            let taken = exchange.taken.iter().map(|(_, length)| *length).take_while(|length| *length <= limit);
            hear(&exchange.bytes[..taken.last().unwrap_or(0)])
        });
        let heard: Vec<Heard> = heard.collect();
        answers(seen, exchanges, &heard, &mut broken);
        times(seen, exchanges, &heard, &mut broken);
        money(seen, exchanges, &heard, &mut broken);
        for exchange in
            exchanges.iter().filter(|exchange| !seen.scenario.may_see(&seen.scenario.workers[exchange.worker]))
        {
            broken.push((Rule::Policy, format!("w{} was asked", exchange.worker)));
        }
    });
    let ends = seen.told.iter().filter(|told| matches!(told, Told::Ended { .. })).count();
    if ends != 1 {
        broken.push((Rule::OneEnd, format!("{ends} ends")));
    }
    keys(seen, &mut broken);
    if seen.world.open() > 0 {
        broken.push((Rule::Connections, format!("{} are open", seen.world.open())));
    }
    broken
}

fn answers(seen: &Seen<'_>, exchanges: &[Exchange], heard: &[Heard], broken: &mut Vec<Broken>) {
    for told in seen.told {
        let Told::Returned { worker, exchange, result, at, .. } = told else { continue };
        let Some(exchange) = *exchange else {
            if result.is_ok() {
                broken.push((Rule::WholeAnswers, format!("w{worker} answered without being asked")));
            }
            continue;
        };
        let (said, act) = (&heard[exchange], exchanges[exchange].act);
        match result {
            Ok(text) => {
                let least = &said.text[..said.text_at_finish];
                if !(said.is_whole() && text.starts_with(least) && said.text.starts_with(text)) {
                    broken.push((Rule::WholeAnswers, format!("w{worker}, {act:?}: {text:?} of {said:?}")));
                }
            }
            Err(error) => {
                let was_cancelled = matches!(error, crate::pool::CallError::Cancelled { .. });
                // Who writes twice what he may need not be heard to the end.
                let is_short = said.tokens() <= 2 * seen.scenario.workers[*worker].max_output;
                if said.is_beyond_doubt() && is_short && !was_cancelled && *at < seen.scenario.time {
                    broken
                        .push((Rule::NothingWasted, format!("w{worker}, {act:?}: {error} instead of {:?}", said.text)));
                }
            }
        }
    }
}

fn times(seen: &Seen<'_>, exchanges: &[Exchange], heard: &[Heard], broken: &mut Vec<Broken>) {
    let Scenario { time, stop, workers, .. } = seen.scenario;
    for told in seen.told {
        let (Told::Returned { at, .. } | Told::Ended { at, .. }) = told;
        if *at > *time + TICK {
            broken.push((Rule::Deadline, format!("{told:?}, {:?} late", *at - *time)));
        }
    }
    let stopped = stop.filter(|(at, how)| {
        let ended = |how: How| seen.told.iter().any(|told| matches!(told, Told::Ended { how: by, .. } if *by == how));
        at < time && ended(if *how == Stop::Cancel { How::Cancelled } else { How::Abandoned })
    });
    for (exchange, heard) in exchanges.iter().zip(heard) {
        let named = || format!("w{}, {:?}, begun at {:?}", exchange.worker, exchange.act, exchange.begun);
        let closed = exchange.closed.unwrap_or(Duration::MAX);
        for (rule, limit) in [(Rule::Deadline, Some(*time)), (Rule::Stopped, stopped.map(|(at, _)| at))] {
            let Some(limit) = limit else { continue };
            if exchange.begun > limit + TICK || (closed > limit + TICK && closed != Duration::MAX) {
                broken.push((rule, format!("{}, closed at {closed:?} instead of {limit:?}", named())));
            }
        }
        let patience = Duration::from_secs_f64(workers[exchange.worker].timeout_seconds);
        let (head, status) = exchange.answered.unwrap_or((closed, 0));
        let mut quiet = vec![(exchange.begun, head, patience)];
        if status == 200 {
            let at = |end: usize| exchange.taken.iter().find(|(_, length)| *length >= end).map_or(head, |(at, _)| *at);
            let mut last = head;
            for output in &heard.output {
                quiet.push((last, at(*output), patience));
                last = at(*output);
            }
            let patience = if heard.finish.is_some() { TAIL.min(patience) } else { patience };
            quiet.push((last, closed, patience));
        } else if status > 0 {
            quiet.push((head, closed, EXPLAINING.min(patience)));
        }
        for (from, to, patience) in quiet {
            if to != Duration::MAX && to.saturating_sub(from) > patience + TICK {
                broken.push((Rule::Silence, format!("{}: silent from {from:?} to {to:?}", named())));
            }
        }
    }
}

fn money(seen: &Seen<'_>, exchanges: &[Exchange], heard: &[Heard], broken: &mut Vec<Broken>) {
    let Scenario { workers, cap, at_once, .. } = seen.scenario;
    let most = seen.worst.iter().copied().fold(0.0, f64::max);
    let near = 1e-9;
    let said_before = |begun: Duration| -> f64 {
        let calls = seen.told.iter().filter_map(|told| match told {
            Told::Returned { at, usd, .. } if *at < begun => Some(*usd),
            _ => None,
        });
        calls.sum()
    };
    if seen.booked.max(said_before(Duration::MAX)) > cap + *at_once as f64 * most + near {
        broken.push((Rule::Cap, format!("{} booked of {cap}, with {most} for a call", seen.booked)));
    }
    for exchange in exchanges {
        let (spent, worst) = (said_before(exchange.begun), seen.worst[exchange.worker]);
        if worst > 0.0 && spent + worst > cap + near {
            broken.push((Rule::Cap, format!("{worst} risked, with {spent} of {cap} spent")));
        }
    }
    let bill = |exchange: &Exchange, heard: &Heard| {
        let worker = &workers[exchange.worker];
        let (read, written) = (seen.scenario.read(), heard.tokens().min(worker.max_output));
        let is_long = worker.long_context_from.is_some_and(|from| read > from);
        let usd_in = worker.long_usd_in.filter(|_| is_long).unwrap_or(worker.usd_in);
        (read as f64 * usd_in + written as f64 * worker.usd_out) / 1e6
    };
    // What is no stream of events is no answer of a model, and nobody charges for it; what comes twice is charged once.
    let charges = |exchange: &Exchange, heard: &Heard| exchange.act != Act::Duplicated && !heard.output.is_empty();
    let begun = exchanges.iter().zip(heard).filter(|(exchange, heard)| charges(exchange, heard));
    let charged: f64 = begun.map(|(exchange, heard)| bill(exchange, heard)).sum();
    if charged > seen.booked + near {
        broken.push((Rule::Booked, format!("{charged} charged, {} booked", seen.booked)));
    }
}

fn keys(seen: &Seen<'_>, broken: &mut Vec<Broken>) {
    if seen.world.stray_keys() > 0 {
        broken.push((Rule::Keys, format!("{} went to another worker", seen.world.stray_keys())));
    }
    let said = seen.told.iter().filter_map(|told| match told {
        Told::Returned { result: Err(error), .. } => Some(format!("{error} {error:?}")),
        _ => None,
    });
    for words in said.chain(seen.words.iter().cloned()) {
        for secret in seen.scenario.keys.iter().map(String::as_str).chain(["sk-of-somebody-else"]) {
            let parts = (0..=secret.len() - TELLING).map(|at| &secret[at..at + TELLING]);
            if let Some(part) = parts.into_iter().find(|part| words.contains(part)) {
                broken.push((Rule::Keys, format!("{part} of {secret} is in: {words}")));
            }
        }
    }
}
