//! Whether a worker is still the one that it was: who is called by a name may change, and nobody says so. A cumulative sum on both
//! sides of what was expected (Page, 1954), which also says since when.

use super::able::{Able, Result};
use super::belief::Belief;

/// A result's surprise, in standard deviations, by which a sum falls back again: half of the change that is looked for.
const ALLOWED: f64 = 0.25;
/// A sum that is above this is chance once in some 1,000 results (Siegmund, Sequential Analysis, 1985).
const CHANGED: f64 = 10.0;
/// No single result is taken for more surprising than this.
const MOST: f64 = 3.0;

/// What one worker's results sum up to.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    better: Side,
    worse: Side,
}

#[derive(Debug, Clone, Default)]
struct Side {
    sum: f64,
    /// The results since the sum was 0, and what others said of their tasks.
    since: Vec<(Belief, Result)>,
}

impl Watch {
    /// Takes in a result that was expected to be accepted with this chance, and adds it to what is `known`. If the worker has
    /// changed, what is known of it begins anew, with the results since it did.
    pub fn learn(&mut self, known: &mut Able, begins: &Able, expected: f64, task: &Belief, result: Result) {
        let expected = expected.clamp(0.01, 0.99);
        let off = f64::from(u8::from(result.accepted)) - expected;
        let surprise = (off / (expected * (1.0 - expected)).sqrt()).clamp(-MOST, MOST);
        self.better.add(surprise, task, result);
        self.worse.add(-surprise, task, result);
        let changed = [&self.better, &self.worse].into_iter().find(|side| side.sum > CHANGED);
        let Some(side) = changed else { return known.learn(task, result) };
        *known = *begins;
        side.since.iter().for_each(|(task, result)| known.learn(task, *result));
        *self = Self::default();
    }
}

impl Side {
    fn add(&mut self, surprise: f64, task: &Belief, result: Result) {
        self.sum = (self.sum + surprise - ALLOWED).max(0.0);
        if self.sum == 0.0 {
            self.since.clear();
        } else {
            self.since.push((task.clone(), result));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conductor::dice::Dice;
    use crate::conductor::heads::Reliability;

    const TESTS: Reliability = Reliability { right: 0.98, wrong: 0.15 };

    /// After how many results of a worker that solves this share it is known to solve no more than `below`; before that it solved
    /// 80 of 100, 200 times.
    fn found(share: f64, below: f64, seed: u64) -> Option<usize> {
        let (mut dice, task) = (Dice::of(seed), Belief::normal(0.0, 1.5));
        let begins = Able::about((2.0, 1.2), (1.2, 0.3));
        let (mut known, mut watch) = (begins, Watch::default());
        let mut next = |known: &mut Able, share: f64| {
            let right = dice.share() < share;
            let accepted = dice.share() < if right { TESTS.right } else { TESTS.wrong };
            let expected = TESTS.likelihood(task.chance(known, 0.0), true);
            let result = Result { accepted, verifier: TESTS, harder: 0.0, weight: 1.0 };
            watch.learn(known, &begins, expected, &task, result);
        };
        (0..200).for_each(|_| next(&mut known, 0.8));
        (0..120).find(|_| {
            next(&mut known, share);
            task.chance(&known, 0.0) < below
        })
    }

    fn middle(share: f64, below: f64) -> Option<usize> {
        let mut after: Vec<usize> = (0..21).map(|seed| found(share, below, seed).unwrap_or(usize::MAX)).collect();
        after.sort_unstable();
        Some(after[10]).filter(|after| *after < usize::MAX)
    }

    #[test]
    fn who_became_much_worse_is_found_out_at_once_and_who_became_worse_soon() {
        let (much, somewhat) = (middle(0.2, 0.5), middle(0.55, 0.68));
        assert!(much.is_some_and(|after| after <= 14), "{much:?}");
        assert!(somewhat.is_some_and(|after| after <= 50), "{somewhat:?}");
        assert_eq!(middle(0.8, 0.6), None, "who is as it was is known as it was");
    }
}
