//! What is believed of one task's difficulty: places and how likely each is. Difficulty has no unit of its own; a worker's
//! odds fall by the power e for each `1 / slope` of it, and the tasks that were trained on have 0 as their mean.

use super::Reliability;
use super::able::{Able, sigmoid};

/// Places of a belief, evenly over [`SPREAD`] standard deviations on both sides of the mean.
pub const PLACES: usize = 33;
const SPREAD: f64 = 3.5;

/// A distribution over places.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    at: [f64; PLACES],
    likely: [f64; PLACES],
}

impl Belief {
    /// The normal distribution of this mean and standard deviation, which is above 0.
    pub fn normal(mean: f64, deviation: f64) -> Self {
        let mut belief = Self { at: [0.0; PLACES], likely: [0.0; PLACES] };
        for place in 0..PLACES {
            let deviations = SPREAD * (2.0 * place as f64 / (PLACES - 1) as f64 - 1.0);
            belief.at[place] = mean + deviations * deviation;
            belief.likely[place] = (-0.5 * deviations * deviations).exp();
        }
        belief.whole();
        belief
    }

    /// The places.
    pub fn places(&self) -> &[f64; PLACES] {
        &self.at
    }

    /// How likely each place is; they sum to 1.
    pub fn likely(&self) -> &[f64; PLACES] {
        &self.likely
    }

    /// The mean of what is given for each place.
    pub fn mean_of(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.at.iter().zip(&self.likely).map(|(at, likely)| likely * of(*at)).sum()
    }

    /// The mean, and the variance about it.
    pub fn moments(&self) -> (f64, f64) {
        let mean = self.mean_of(|at| at);
        (mean, self.mean_of(|at| (at - mean).powi(2)))
    }

    /// A worker's chance, by these log odds less than at a first attempt.
    pub fn chance(&self, able: &Able, harder: f64) -> f64 {
        self.mean_of(able.chances(harder))
    }

    /// Once the verifier accepted or refused what a worker made; `weight` is 1 for a whole observation, less for one that
    /// says less.
    pub fn learn(&mut self, able: &Able, harder: f64, verifier: Reliability, accepted: bool, weight: f64) {
        let (before, chance) = (self.likely, able.chances(harder));
        for (at, likely) in self.at.iter().zip(&mut self.likely) {
            let told = verifier.likelihood(chance(*at), accepted);
            *likely *= if weight == 1.0 { told } else { told.powf(weight) };
        }
        if !self.whole() {
            // What cannot have happened teaches nothing.
            self.likely = before;
        }
    }

    /// As if that had not been learned: what others say of the task, for the worker to be judged by.
    pub fn without(&self, able: &Able, harder: f64, verifier: Reliability, accepted: bool) -> Self {
        let (mut rest, chance) = (self.clone(), able.chances(harder));
        for (at, likely) in rest.at.iter().zip(&mut rest.likely) {
            *likely /= verifier.likelihood(chance(*at), accepted).max(1e-6);
        }
        rest.whole();
        rest
    }

    /// Has the likelihoods sum to 1; whether that can be done.
    fn whole(&mut self) -> bool {
        let all: f64 = self.likely.iter().sum();
        self.likely.iter_mut().for_each(|likely| *likely /= all);
        all > 0.0
    }
}

/// The ease at which a worker of this slope solves this share of tasks whose difficulty is so distributed.
pub fn ease(share: f64, slope: f64, belief: &Belief) -> f64 {
    let (mut low, mut high) = (-30.0, 30.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if belief.mean_of(|at| sigmoid(middle - slope * at)) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normal_belief_has_its_moments() {
        let (mean, variance) = Belief::normal(1.5, 2.0).moments();
        assert!((mean - 1.5).abs() < 1e-9 && (variance - 4.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn a_refusal_makes_a_task_harder_for_everybody_and_can_be_taken_back() {
        let able = Able::sure(0.5, 1.2);
        let tests = Reliability { right: 0.98, wrong: 0.15 };
        let before = Belief::normal(0.2, 1.7);
        let mut after = before.clone();
        after.learn(&Able::sure(2.0, 1.5), 0.0, tests, false, 1.0);
        assert!(after.chance(&able, 0.0) < before.chance(&able, 0.0) - 0.1);
        let back = after.without(&Able::sure(2.0, 1.5), 0.0, tests, false);
        assert!((back.chance(&able, 0.0) - before.chance(&able, 0.0)).abs() < 1e-9);
        let mut half = before.clone();
        half.learn(&Able::sure(2.0, 1.5), 0.0, tests, false, 0.5);
        assert!(
            half.chance(&able, 0.0) < before.chance(&able, 0.0) && half.chance(&able, 0.0) > after.chance(&able, 0.0)
        );
        let never = Reliability { right: 1.0, wrong: 1.0 };
        after.learn(&able, 0.0, never, false, 1.0);
        assert!(after.chance(&able, 0.0).is_finite(), "what cannot be does no harm");
    }

    #[test]
    fn the_ease_of_a_share_gives_that_share() {
        let belief = Belief::normal(0.0, 2.0);
        for share in [0.02, 0.3, 0.5, 0.9] {
            let ease = ease(share, 1.3, &belief);
            assert!((belief.chance(&Able::sure(ease, 1.3), 0.0) - share).abs() < 1e-6, "{share}");
        }
    }
}
