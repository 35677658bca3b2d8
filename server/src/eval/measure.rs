//! Means, differences, and how sure they are.

use crate::conductor::dice::Dice;

/// How often the tasks are drawn anew.
const DRAWS: usize = 2_000;
/// Of the sorted draws those between which 95 in 100 lie.
const LOW: usize = DRAWS / 40;
const HIGH: usize = DRAWS - DRAWS / 40 - 1;

/// What is smaller is rounding.
const NOTHING: f64 = 1e-9;

/// A mean with its 95 % interval, by the bootstrap over tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The mean.
    pub mean: f64,
    /// Where the interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

impl Measured {
    /// Of one figure a task; for two policies, the differences task by task.
    pub fn of(figures: &[f64]) -> Self {
        let all = figures.len() as f64;
        // The same seed each time: what is added to a report changes no other line of it.
        let mut dice = Dice::of(0);
        let mut draw = || figures.iter().map(|_| figures[dice.below(figures.len())]).sum::<f64>() / all;
        let mut draws: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
        draws.sort_by(f64::total_cmp);
        Self { mean: mean(figures), low: draws[LOW], high: draws[HIGH] }
    }

    /// Whether it can be told from zero. Sums of fractions differ by less than anything costs.
    pub fn told(&self) -> bool {
        self.low > NOTHING || self.high < -NOTHING
    }
}

/// Their sum by their number.
pub fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Differences of two policies of which one solves `more` tasks of a hundred that the other does not, and not `fewer`.
    fn differences(more: usize, fewer: usize) -> Vec<f64> {
        (0..100).map(|at| f64::from(u8::from(at < more)) - f64::from(u8::from(at >= 100 - fewer))).collect()
    }

    #[test]
    fn an_interval_lies_where_theory_has_it() {
        let Measured { mean, low, high } = Measured::of(&differences(20, 0));
        // The normal approximation: 1.96 times the square root of 0.2 · 0.8 / 100 is 0.078.
        assert_eq!(mean, 0.2);
        assert!((low - 0.122).abs() < 0.012 && (high - 0.278).abs() < 0.012, "{low} {high}");
    }

    #[test]
    fn only_what_cannot_be_chance_is_told() {
        assert!(Measured::of(&differences(20, 0)).told() && Measured::of(&differences(0, 20)).told());
        for (more, fewer) in [(0, 0), (10, 10), (12, 10), (1, 0)] {
            assert!(!Measured::of(&differences(more, fewer)).told(), "{more} more, {fewer} fewer");
        }
    }

    #[test]
    fn the_same_figures_have_the_same_interval() {
        assert_eq!(Measured::of(&differences(13, 5)), Measured::of(&differences(13, 5)));
    }
}
