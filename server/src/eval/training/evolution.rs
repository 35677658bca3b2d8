//! Separable CMA-ES (Ros & Hansen, 2008): finds numbers that score high where nothing is known but scores. The covariance is
//! kept to its diagonal, as TRINITY does it (arXiv 2512.04695), so that few scores are enough.

use crate::conductor::dice::Dice;

/// A search.
pub struct Evolution {
    dice: Dice,
    mean: Vec<f64>,
    step: f64,
    /// By number: the variance, and the paths of the mean, in steps.
    variance: Vec<f64>,
    path: Vec<f64>,
    step_path: Vec<f64>,
    weights: Vec<f64>,
    population: usize,
    rounds: usize,
}

impl Evolution {
    /// From these numbers on, whose ordinary change is about `step`.
    pub fn new(seed: u64, from: &[f64], step: f64, population: usize) -> Self {
        let half = population / 2;
        let raw: Vec<f64> = (1..=half).map(|rank| (half as f64 + 0.5).ln() - (rank as f64).ln()).collect();
        let all: f64 = raw.iter().sum();
        Self {
            dice: Dice::of(seed),
            mean: from.to_vec(),
            step,
            variance: vec![1.0; from.len()],
            path: vec![0.0; from.len()],
            step_path: vec![0.0; from.len()],
            weights: raw.iter().map(|weight| weight / all).collect(),
            population,
            rounds: 0,
        }
    }

    /// Numbers to be scored.
    pub fn ask(&mut self) -> Vec<Vec<f64>> {
        let mut one = || -> Vec<f64> {
            let moved = self.mean.iter().zip(&self.variance);
            moved.map(|(mean, variance)| mean + self.step * variance.sqrt() * self.dice.normal()).collect()
        };
        (0..self.population).map(|_| one()).collect()
    }

    /// Learns from the scores of what was asked; more is better.
    pub fn tell(&mut self, asked: &[Vec<f64>], scores: &[f64]) {
        self.rounds += 1;
        let size = self.mean.len() as f64;
        let mut order: Vec<usize> = (0..asked.len()).collect();
        // Of equals the earlier, so that the same scores make the same search.
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        let effective = 1.0 / self.weights.iter().map(|weight| weight * weight).sum::<f64>();
        let for_step = (effective + 2.0) / (size + effective + 5.0);
        let damping = 1.0 + 2.0 * (((effective - 1.0) / (size + 1.0)).sqrt() - 1.0).max(0.0) + for_step;
        let for_path = (4.0 + effective / size) / (size + 4.0 + 2.0 * effective / size);
        let rank_one = 2.0 / ((size + 1.3).powi(2) + effective);
        let rank_all =
            (2.0 * (effective - 2.0 + 1.0 / effective) / ((size + 2.0).powi(2) + effective)).min(1.0 - rank_one);
        // A diagonal has fewer numbers to learn than a matrix, and learns them sooner.
        let sooner = (size + 2.0) / 3.0;
        let (rank_one, rank_all) = {
            let sum = (rank_one + rank_all) * sooner;
            let most = sum.min(0.9) / sum;
            (rank_one * sooner * most, rank_all * sooner * most)
        };
        let expected = size.sqrt() * (1.0 - 1.0 / (4.0 * size) + 1.0 / (21.0 * size * size));
        let steps = |at: usize| {
            let best = self.weights.iter().zip(&order);
            let moved = best.map(|(weight, rank)| (weight, (asked[*rank][at] - self.mean[at]) / self.step));
            moved.fold((0.0, 0.0), |(sum, squares), (weight, moved)| {
                (sum + weight * moved, squares + weight * moved * moved)
            })
        };
        let moved: Vec<(f64, f64)> = (0..self.mean.len()).map(steps).collect();
        for (at, (by, _)) in moved.iter().enumerate() {
            let kept = 1.0 - for_step;
            self.step_path[at] = kept * self.step_path[at]
                + (for_step * (2.0 - for_step) * effective).sqrt() * by / self.variance[at].sqrt();
        }
        let length = self.step_path.iter().map(|path| path * path).sum::<f64>().sqrt();
        let settled = 1.0 - (1.0 - for_step).powi(2 * self.rounds as i32);
        let stalled = if length / settled.sqrt() < (1.4 + 2.0 / (size + 1.0)) * expected { 1.0 } else { 0.0 };
        for (at, (by, squares)) in moved.iter().enumerate() {
            self.path[at] =
                (1.0 - for_path) * self.path[at] + stalled * (for_path * (2.0 - for_path) * effective).sqrt() * by;
            let lost = (1.0 - stalled) * for_path * (2.0 - for_path);
            self.variance[at] = (1.0 - rank_one - rank_all) * self.variance[at]
                + rank_one * (self.path[at].powi(2) + lost * self.variance[at])
                + rank_all * squares;
            self.variance[at] = self.variance[at].clamp(1e-12, 1e12);
            self.mean[at] += self.step * by;
        }
        self.step *= ((for_step / damping) * (length / expected - 1.0)).exp().clamp(0.2, 5.0);
    }

    /// Where it is now.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(seed: u64, score: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut search = Evolution::new(seed, &[0.0; 6], 0.5, 32);
        for _ in 0..60 {
            let asked = search.ask();
            let scores: Vec<f64> = asked.iter().map(|numbers| score(numbers)).collect();
            search.tell(&asked, &scores);
        }
        search.mean().to_vec()
    }

    #[test]
    fn what_scores_highest_is_found_though_numbers_are_of_different_scale() {
        let target = [1.0, -2.0, 0.3, 4.0, -1.0, 0.01];
        let scale = [1.0, 100.0, 0.1, 1.0, 10.0, 1000.0];
        let score =
            |numbers: &[f64]| -> f64 { -(0..6).map(|at| scale[at] * (numbers[at] - target[at]).powi(2)).sum::<f64>() };
        let numbers = found(1, score);
        assert!(score(&numbers) > -0.01, "{numbers:?}");
        assert_eq!(found(1, score), numbers, "the same seed finds the same");
        assert_ne!(found(2, score), numbers);
    }

    #[test]
    fn steps_and_noise_do_not_lead_astray() {
        // Scores as a share of solved tasks has them: in steps.
        let score = |numbers: &[f64]| -> f64 {
            let far = numbers.iter().map(|number| (number - 0.7).powi(2)).sum::<f64>();
            -(far * 4.0).round() / 4.0
        };
        assert!(score(&found(3, score)) > -0.6);
    }
}
