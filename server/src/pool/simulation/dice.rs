//! Chance that can be repeated: everything in a scenario is drawn from one seed.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// A seeded source of chance.
#[derive(Debug)]
pub(super) struct Dice(SmallRng);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.0.random()
    }

    /// A number below this one; 0 below 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// One of them, by its weight.
    pub fn weighted<T: Copy>(&mut self, from: &[(T, u32)]) -> T {
        let mut at = self.0.random_range(0..from.iter().map(|(_, weight)| weight).sum());
        for (what, weight) in from {
            match at.checked_sub(*weight) {
                Some(left) => at = left,
                None => return *what,
            }
        }
        unreachable!("the weights add up")
    }

    /// A time between the two, in milliseconds; short and long ones come equally often.
    pub fn time(&mut self, least: u64, most: u64) -> Duration {
        let (least, most) = ((least.max(1) as f64).ln(), (most.max(1) as f64).ln());
        Duration::from_millis((least + (most - least) * self.share()).exp() as u64)
    }
}
