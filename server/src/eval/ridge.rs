//! Ridge regression from texts' vectors to a number, in its dual form, for tasks are few and
//! vectors long.

/// How strongly the weights are held to 0. The one that leaves out one task at a time with the least error is taken.
const HOLDS: [f64; 5] = [0.3, 1.0, 3.0, 10.0, 100.0];

/// A fitted regression.
#[derive(Debug, Clone)]
pub struct Ridge {
    mean: f64,
    weights: Vec<f64>,
    error: f64,
}

impl Ridge {
    /// Of as many vectors as numbers.
    pub fn fit(vectors: &[Vec<f32>], numbers: &[f64]) -> Self {
        let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
        let centred: Vec<f64> = numbers.iter().map(|number| number - mean).collect();
        let likeness: Vec<Vec<f64>> = vectors.iter().map(|a| vectors.iter().map(|b| product(a, b)).collect()).collect();
        let fits = HOLDS.iter().map(|hold| {
            let inverse = inverse(&likeness, *hold);
            let dual: Vec<f64> = inverse.iter().map(|row| row.iter().zip(&centred).map(|(x, y)| x * y).sum()).collect();
            // The error at a task that is left out, without fitting anew.
            let left_out = dual.iter().enumerate().map(|(at, dual)| (dual / inverse[at][at]).powi(2));
            ((left_out.sum::<f64>() / centred.len().max(1) as f64).sqrt(), dual)
        });
        let (error, dual) = fits.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
        let mut weights = vec![0.0; vectors.first().map_or(0, Vec::len)];
        for (vector, dual) in vectors.iter().zip(&dual) {
            weights.iter_mut().zip(vector).for_each(|(weight, number)| *weight += dual * f64::from(*number));
        }
        Self { mean, weights, error }
    }

    /// What it makes of a text.
    pub fn read(&self, vector: &[f32]) -> f64 {
        self.mean + self.weights.iter().zip(vector).map(|(weight, number)| weight * f64::from(*number)).sum::<f64>()
    }

    /// How far off it is, as a standard deviation, at texts that it was not fitted to.
    pub fn error(&self) -> f64 {
        self.error
    }
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Of a matrix that is its own mirror image, with `hold` added along its diagonal: by elimination, which needs no pivots then.
fn inverse(of: &[Vec<f64>], hold: f64) -> Vec<Vec<f64>> {
    let size = of.len();
    let mut left: Vec<Vec<f64>> = of.to_vec();
    left.iter_mut().enumerate().for_each(|(at, row)| row[at] += hold);
    let mut right: Vec<Vec<f64>> =
        (0..size).map(|row| (0..size).map(|at| f64::from(u8::from(at == row))).collect()).collect();
    for at in 0..size {
        let by = left[at][at];
        left[at].iter_mut().chain(&mut right[at]).for_each(|number| *number /= by);
        let (pivot_left, pivot_right) = (left[at].clone(), right[at].clone());
        for row in (0..size).filter(|row| *row != at) {
            let times = left[row][at];
            left[row].iter_mut().zip(&pivot_left).for_each(|(number, pivot)| *number -= times * pivot);
            right[row].iter_mut().zip(&pivot_right).for_each(|(number, pivot)| *number -= times * pivot);
        }
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::dice::Dice;

    /// Vectors of length 1, and a number that is the first of each vector, times two, plus noise.
    fn noisy(tasks: usize, noise: f64) -> (Vec<Vec<f32>>, Vec<f64>) {
        let mut dice = Dice::of(1);
        let mut share = || dice.below(2_001) as f64 / 1_000.0 - 1.0;
        let vectors = (0..tasks).map(|_| {
            let raw: Vec<f64> = (0..6).map(|_| share()).collect();
            let length = raw.iter().map(|number| number * number).sum::<f64>().sqrt();
            raw.iter().map(|number| (number / length) as f32).collect::<Vec<_>>()
        });
        let vectors: Vec<_> = vectors.collect();
        let numbers = vectors.iter().map(|vector| 2.0 * f64::from(vector[0]) + noise * share() + 1.0);
        (vectors.clone(), numbers.collect())
    }

    #[test]
    fn an_inverse_is_one() {
        let of = vec![vec![2.0, 0.5, 0.1], vec![0.5, 1.0, 0.0], vec![0.1, 0.0, 3.0]];
        let inverse = inverse(&of, 1.0);
        for (at, row) in of.iter().enumerate() {
            let held = row.iter().enumerate().map(|(to, number)| number + f64::from(u8::from(to == at)));
            let held: Vec<f64> = held.collect();
            for to in 0..3 {
                let sum: f64 = held.iter().zip(&inverse).map(|(number, column)| number * column[to]).sum();
                assert!((sum - f64::from(u8::from(to == at))).abs() < 1e-12, "{at} {to}: {sum}");
            }
        }
    }

    #[test]
    fn what_can_be_read_is_read_and_noise_is_not() {
        let (vectors, numbers) = noisy(120, 0.1);
        let ridge = Ridge::fit(&vectors[..100], &numbers[..100]);
        assert!(ridge.error() < 0.1, "{}", ridge.error());
        for (vector, number) in vectors.iter().zip(&numbers).skip(100) {
            assert!((ridge.read(vector) - number).abs() < 0.3, "{number}");
        }
        // Numbers that have nothing to do with the vectors: no better than their own spread.
        let (_, shuffled) = noisy(37, 1.0);
        let unrelated = Ridge::fit(&vectors[..37], &shuffled.iter().rev().copied().collect::<Vec<_>>());
        assert!(unrelated.error() > 0.5, "{}", unrelated.error());
    }

    #[test]
    fn nothing_to_learn_from_is_no_reason_to_panic() {
        let empty = Ridge::fit(&[], &[]);
        assert_eq!(empty.read(&[1.0]), 0.0);
    }
}
