//! Heads for one user: those that are there, adapted to the user's own runs. Nobody knows which accepted answers were right, so
//! what a verifier is worth and what a policy weighs stay as they are; workers are placed, and kinds of tasks and languages
//! are found to be harder or easier than was read.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::Training;
use crate::conductor::heads::Heads;
use crate::conductor::heads::able::Able;
use crate::conductor::heads::belief::Belief;
use crate::conductor::heads::declared::Declared;
use crate::conductor::heads::telling::{Group, Telling};
use crate::conductor::recorded;
use crate::ledger::PastRun;

/// With fewer attempts than this what comes out would be what went in.
const ENOUGH: usize = 10;

/// `heads` as these runs have it, which are in the order of time. `declared`: of the workers.
pub fn adapted(runs: Vec<PastRun>, heads: &Heads, declared: &Declared) -> Result<Training> {
    let attempts: usize = runs.iter().map(|run| run.attempts.len()).sum();
    if attempts < ENOUGH {
        bail!("the ledger has {attempts} judged attempts, and at least {ENOUGH} are needed to learn from");
    }
    let learned_until = runs.last().map_or(0, |run| run.started).max(heads.learned_until);
    let tasks = runs.len();
    let counted = count(&runs);
    let record = recorded(runs, heads);
    let (able, difficulties) = record.learn(heads, declared, |_| 1.0);
    let mut adapted = heads.clone();
    adapted.learned_until = learned_until;
    adapted.trained.on = match heads.workers.is_empty() {
        true => format!("{} and this ledger", heads.trained.on),
        false => heads.trained.on.clone(),
    };
    let read: Vec<(&Telling, &Belief)> = record.tellings().collect();
    regroup(&mut adapted.difficulty.kinds, &read, &difficulties, |telling| telling.sort.kind().to_owned());
    // What is left once kinds are taken for what they are.
    let kinds = adapted.difficulty.kinds.clone();
    let harder = |telling: &Telling| {
        let of = |kinds: &BTreeMap<String, Group>| kinds.get(telling.sort.kind()).map_or(0.0, |group| group.harder);
        of(&kinds) - of(&heads.difficulty.kinds)
    };
    let rest: Vec<Belief> = difficulties
        .iter()
        .zip(&read)
        .map(|(belief, (telling, _))| {
            let (mean, variance) = belief.moments();
            Belief::normal(mean - harder(telling), variance.sqrt().max(0.05))
        })
        .collect();
    regroup(&mut adapted.difficulty.languages, &read, &rest, |telling| telling.sort.language.clone());
    let report = report(&adapted, heads, &able, declared, &counted, tasks);
    adapted.workers.extend(able);
    Ok(Training { heads: adapted, report })
}

/// Attempts of each worker, and how many were accepted.
fn count(runs: &[PastRun]) -> BTreeMap<String, (usize, usize)> {
    let mut counted: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for attempt in runs.iter().flat_map(|run| &run.attempts) {
        let (all, accepted) = counted.entry(attempt.worker.clone()).or_default();
        *all += 1;
        *accepted += usize::from(attempt.accepted);
    }
    counted
}

/// Moves each group by what its tasks were harder than was read, as far as they are many.
fn regroup(
    groups: &mut BTreeMap<String, Group>,
    read: &[(&Telling, &Belief)],
    found: &[Belief],
    name: impl Fn(&Telling) -> String,
) {
    let mut sums: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for ((telling, read), found) in read.iter().zip(found) {
        let (tasks, harder) = sums.entry(name(telling)).or_default();
        *tasks += 1;
        *harder += found.moments().0 - read.moments().0;
    }
    for (name, (tasks, harder)) in sums {
        let group = groups.entry(name).or_default();
        group.harder += Group::of(tasks, harder).harder;
    }
}

fn report(
    adapted: &Heads,
    before: &Heads,
    able: &BTreeMap<String, Able>,
    declared: &Declared,
    counted: &BTreeMap<String, (usize, usize)>,
    tasks: usize,
) -> String {
    let mut report = format!("{tasks} runs with judged attempts\n");
    let ordinary = before.anything();
    for (name, able) in able {
        let (all, accepted) = counted.get(name).copied().unwrap_or_default();
        let declared =
            declared.strength(name).map_or("nothing declared".into(), |of| format!("declared {:.0} %", 100.0 * of));
        report += &format!(
            "  {name}: {declared}, {accepted} of {all} accepted; solves {:.0} % of ordinary tasks\n",
            100.0 * ordinary.chance(able, 0.0)
        );
    }
    let groups = |what: &str, groups: &BTreeMap<String, Group>| {
        let said = groups.iter().filter(|(name, group)| !name.is_empty() && group.harder.abs() >= 0.005);
        said.map(|(name, group)| format!("  {what} {name}: harder by {:+.2}\n", group.harder)).collect::<String>()
    };
    report += &groups("kind", &adapted.difficulty.kinds);
    report + &groups("language", &adapted.difficulty.languages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::PastAttempt;
    use crate::task::Goal;

    fn run(started: u64, goal: Goal, attempts: &[(&str, bool)]) -> PastRun {
        let attempt =
            |(worker, accepted): &(&str, bool)| PastAttempt { worker: (*worker).into(), accepted: *accepted, again: 0 };
        let attempts = attempts.iter().map(attempt).collect();
        PastRun { started, path: "a.py".into(), goal, model: "m".into(), vector: vec![1.0], attempts }
    }

    #[test]
    fn workers_are_placed_and_kinds_of_tasks_too() {
        let shipped = Heads::shipped();
        let mut runs = Vec::new();
        for at in 0..40 {
            runs.push(run(2 * at, Goal::Fix, &[("good", true), ("bad", at % 8 == 0)]));
            runs.push(run(2 * at + 1, Goal::Refactor, &[("good", false), ("bad", false)]));
        }
        let Training { heads, report } = adapted(runs.clone(), &shipped, &Declared::default()).unwrap();
        let ordinary = shipped.anything();
        let chance = |heads: &Heads, name: &str| ordinary.chance(&heads.workers[name], 0.0);
        assert!(chance(&heads, "good") > chance(&heads, "bad") + 0.1, "{report}");
        let kinds = &heads.difficulty.kinds;
        assert!(kinds["refactor"].harder > kinds["fix"].harder + 0.5, "{report}");
        assert_eq!(heads.learned_until, 79);
        assert_eq!((heads.policy, &heads.verifiers), (shipped.policy, &shipped.verifiers));
        // What is written is read again, and goes on from where it was.
        let again = Heads::read(&heads.written().unwrap()).unwrap();
        let more: Vec<PastRun> = (100..130).map(|at| run(at, Goal::Fix, &[("bad", true)])).collect();
        let later = adapted(more, &again, &Declared::default()).unwrap().heads;
        assert!(chance(&later, "bad") > chance(&heads, "bad"));
        assert_eq!(chance(&later, "good"), chance(&heads, "good"));
        assert_eq!(adapted(runs, &shipped, &Declared::default()).unwrap().heads, heads, "and the same again");
    }

    #[test]
    fn too_little_is_a_sentence() {
        let error =
            adapted(vec![run(1, Goal::Fix, &[("w", true)])], &Heads::shipped(), &Declared::default()).err().unwrap();
        assert_eq!(error.to_string(), "the ledger has 1 judged attempts, and at least 10 are needed to learn from");
    }
}
