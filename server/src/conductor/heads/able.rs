//! A worker's two numbers, how sure they are, and what one more result makes of them.

use serde::{Deserialize, Serialize};

use super::Reliability;
use super::belief::Belief;
use crate::conductor::dice::Dice;

/// A slope is never below this: nobody gets better at what is harder.
const LEAST_SLOPE: f64 = 0.2;

/// At a task of difficulty `d` its odds of success are the power e to `ease - slope * d`. Both numbers are known as a
/// normal distribution is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Able {
    /// The log odds at difficulty 0.
    pub ease: f64,
    /// By how much they fall with difficulty.
    pub slope: f64,
    /// The inverse of their covariance: of ease, of both, of slope.
    pub precision: [f64; 3],
}

/// One result of a worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Result {
    /// Whether the verifier accepted it.
    pub accepted: bool,
    /// How reliable that is.
    pub verifier: Reliability,
    /// Log odds that the attempt was harder by than a first one.
    pub harder: f64,
    /// 1: it counts whole.
    pub weight: f64,
}

/// 1 / (1 + e^-x).
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl Able {
    /// Of numbers that are known.
    pub fn sure(ease: f64, slope: f64) -> Self {
        Self { ease, slope, precision: [1e6, 0.0, 1e6] }
    }

    /// Of independent numbers with these standard deviations.
    pub fn about(ease: (f64, f64), slope: (f64, f64)) -> Self {
        Self { ease: ease.0, slope: slope.0, precision: [ease.1.powi(-2), 0.0, slope.1.powi(-2)] }
    }

    /// Its chance at this difficulty; what is not known of it draws the chance towards one half (MacKay, 1992).
    pub fn chance(&self, difficulty: f64, harder: f64) -> f64 {
        self.chances(harder)(difficulty)
    }

    /// As [`Able::chance`], for many difficulties.
    pub fn chances(&self, harder: f64) -> impl Fn(f64) -> f64 {
        let [ease, both, slope] = self.covariance();
        let (own, falls) = (self.ease - harder, self.slope);
        move |difficulty| {
            let variance = ease - 2.0 * difficulty * both + difficulty * difficulty * slope;
            sigmoid((own - falls * difficulty) / (1.0 + std::f64::consts::PI / 8.0 * variance).sqrt())
        }
    }

    /// One step of Fisher scoring for one result at a task of which the others say this (assumed-density filtering: what
    /// comes out is taken for normal again).
    pub fn learn(&mut self, task: &Belief, result: Result) {
        let Result { accepted, verifier, harder, weight } = result;
        let (mut all, mut slopes, mut squares) = (0.0, [0.0; 2], [0.0; 3]);
        for (at, likely) in task.places().iter().zip(task.likely()) {
            let chance = sigmoid(self.ease - self.slope * at - harder).clamp(1e-6, 1.0 - 1e-6);
            let accepts = verifier.likelihood(chance, true).clamp(1e-6, 1.0 - 1e-6);
            let likely = likely * if accepted { accepts } else { 1.0 - accepts };
            // Of the log likelihood by the log odds, and what is to be learned at this place.
            let turn = (verifier.right - verifier.wrong) * chance * (1.0 - chance);
            let towards = if accepted { turn / accepts } else { -turn / (1.0 - accepts) };
            let told = turn * turn / (accepts * (1.0 - accepts));
            all += likely;
            slopes[0] += likely * towards;
            slopes[1] -= likely * towards * at;
            squares[0] += likely * told;
            squares[1] -= likely * told * at;
            squares[2] += likely * told * at * at;
        }
        if all <= 0.0 {
            return;
        }
        for (precision, square) in self.precision.iter_mut().zip(squares) {
            *precision += weight * square / all;
        }
        let [ease, both, slope] = self.covariance();
        let (by_ease, by_slope) = (weight * slopes[0] / all, weight * slopes[1] / all);
        self.ease += ease * by_ease + both * by_slope;
        self.slope = (self.slope + both * by_ease + slope * by_slope).max(LEAST_SLOPE);
    }

    /// Of what is known, beyond what was known to begin with, this share is kept: who is called by a name may change.
    pub fn forget(&mut self, beginning: &Self, keep: f64) {
        let weighed = |own: &Self| {
            let [ease, both, slope] = own.precision;
            [ease * own.ease + both * own.slope, both * own.ease + slope * own.slope]
        };
        let (own, first) = (weighed(self), weighed(beginning));
        let mix = |own: f64, first: f64| keep * own + (1.0 - keep) * first;
        for (own, first) in self.precision.iter_mut().zip(beginning.precision) {
            *own = mix(*own, first);
        }
        let [ease, both, slope] = self.covariance();
        let (by_ease, by_slope) = (mix(own[0], first[0]), mix(own[1], first[1]));
        self.ease = ease * by_ease + both * by_slope;
        self.slope = (both * by_ease + slope * by_slope).max(LEAST_SLOPE);
    }

    /// Numbers as they could be, taken for known.
    pub fn drawn(&self, dice: &mut Dice) -> Self {
        let [ease, both, slope] = self.covariance();
        let root = ease.max(0.0).sqrt();
        let across = if root > 0.0 { both / root } else { 0.0 };
        let (first, second) = (dice.normal(), dice.normal());
        let by_slope = across * first + (slope - across * across).max(0.0).sqrt() * second;
        Self::sure(self.ease + root * first, (self.slope + by_slope).max(LEAST_SLOPE))
    }

    /// How far off `ease` may be, as a standard deviation.
    pub fn deviation(&self) -> f64 {
        self.covariance()[0].sqrt()
    }

    fn covariance(&self) -> [f64; 3] {
        let [ease, both, slope] = self.precision;
        let determinant = ease * slope - both * both;
        [slope / determinant, -both / determinant, ease / determinant]
    }

    /// Whether it can be reckoned with.
    pub fn is_sound(&self) -> bool {
        let [ease, both, slope] = self.precision;
        let finite = [self.ease, self.slope, ease, both, slope].iter().all(|number| number.is_finite());
        finite && self.slope > 0.0 && ease > 0.0 && slope > 0.0 && ease * slope > both * both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: Reliability = Reliability { right: 0.98, wrong: 0.15 };

    fn unknown() -> Able {
        Able::about((0.0, 1.5), (1.2, 0.3))
    }

    /// Results of a worker of these numbers at tasks of which little is known.
    fn taught(mut able: Able, truth: Able, tasks: usize, seed: u64) -> Able {
        let mut dice = Dice::of(seed);
        for _ in 0..tasks {
            let difficulty = 2.0 * dice.normal();
            let solved = dice.share() < truth.chance(difficulty, 0.0);
            let accepted = dice.share() < if solved { TESTS.right } else { TESTS.wrong };
            let task = Belief::normal(difficulty + 0.8 * dice.normal(), 0.8);
            able.learn(&task, Result { accepted, verifier: TESTS, harder: 0.0, weight: 1.0 });
        }
        able
    }

    #[test]
    fn a_worker_is_placed_by_its_results() {
        for (ease, slope) in [(-1.5, 1.2), (0.5, 1.0), (2.5, 1.4)] {
            let able = taught(unknown(), Able::sure(ease, slope), 150, 3);
            assert!((able.ease - ease).abs() < 0.6, "{ease}: {able:?}");
            assert!(able.deviation() < 0.4 && able.is_sound(), "{able:?}");
        }
    }

    #[test]
    fn what_says_less_moves_less() {
        let task = Belief::normal(0.0, 1.0);
        let result = Result { accepted: true, verifier: TESTS, harder: 0.0, weight: 1.0 };
        let after = |result: Result| {
            let mut able = unknown();
            able.learn(&task, result);
            able.ease
        };
        assert!(after(result) > 0.2);
        assert!(after(Result { weight: 0.3, ..result }) < after(result));
        let blind = Reliability { right: 0.6, wrong: 0.5 };
        assert!(after(Result { verifier: blind, ..result }) < after(result) / 2.0);
        assert!(after(Result { accepted: false, ..result }) < -0.2);
    }

    #[test]
    fn who_changed_is_seen_to_have_changed_sooner_when_the_old_is_forgotten() {
        let good = taught(unknown(), Able::sure(3.0, 1.2), 300, 1);
        let (mut stubborn, mut forgetful) = (good, good);
        let (mut dice, task) = (Dice::of(2), Belief::normal(0.0, 1.0));
        for _ in 0..40 {
            let result = Result { accepted: dice.share() < 0.3, verifier: TESTS, harder: 0.0, weight: 1.0 };
            stubborn.learn(&task, result);
            forgetful.forget(&unknown(), 0.98);
            forgetful.learn(&task, result);
        }
        assert!(forgetful.ease < stubborn.ease - 0.2, "{forgetful:?} {stubborn:?}");
        let mut all = good;
        all.forget(&unknown(), 0.0);
        assert!((all.ease - unknown().ease).abs() < 1e-9 && (all.slope - unknown().slope).abs() < 1e-9);
    }

    #[test]
    fn numbers_that_are_drawn_are_spread_as_they_are_known() {
        let able = taught(unknown(), Able::sure(1.0, 1.2), 20, 7);
        let mut dice = Dice::of(9);
        let drawn: Vec<f64> = (0..4_000).map(|_| able.drawn(&mut dice).ease).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let spread = (drawn.iter().map(|ease| (ease - mean).powi(2)).sum::<f64>() / drawn.len() as f64).sqrt();
        assert!(
            (mean - able.ease).abs() < 0.05 && (spread - able.deviation()).abs() < 0.05,
            "{mean} {spread} {able:?}"
        );
    }
}
