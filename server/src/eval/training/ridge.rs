//! Ridge regression from texts' vectors to a number, in its dual form, for tasks are few and
//! vectors long.

/// How strongly the weights are held to 0. The one that leaves out one task at a time with the least error is taken.
const HOLDS: [f64; 5] = [0.3, 1.0, 3.0, 10.0, 100.0];

/// A regression that is ready for any numbers at these vectors.
pub struct Ridge {
    vectors: Vec<Vec<f32>>,
    inverses: Vec<Vec<Vec<f64>>>,
}

/// A fitted regression.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fitted {
    /// What a vector's numbers count.
    pub weights: Vec<f64>,
    /// What is read off each vector by a regression that was not fitted to it.
    pub left_out: Vec<f64>,
}

impl Ridge {
    /// Of these vectors.
    pub fn of(vectors: Vec<Vec<f32>>) -> Self {
        let likeness: Vec<Vec<f64>> = vectors.iter().map(|a| vectors.iter().map(|b| product(a, b)).collect()).collect();
        let inverses = HOLDS.iter().map(|hold| inverse(&likeness, *hold)).collect();
        Self { vectors, inverses }
    }

    /// To as many numbers, of mean 0, held so strongly that what is left out is read best.
    pub fn fit(&self, numbers: &[f64]) -> Fitted {
        let fits = self.inverses.iter().map(|inverse| {
            let dual = inverse.iter().map(|row| row.iter().zip(numbers).map(|(x, y)| x * y).sum());
            let dual: Vec<f64> = dual.collect();
            // The error at a vector that is left out, without fitting anew.
            let wrong: Vec<f64> = dual.iter().enumerate().map(|(at, dual)| dual / inverse[at][at]).collect();
            (wrong.iter().map(|wrong| wrong * wrong).sum::<f64>(), wrong, dual)
        });
        let (_, wrong, dual) = fits.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
        let mut weights = vec![0.0; self.vectors.first().map_or(0, Vec::len)];
        for (vector, dual) in self.vectors.iter().zip(&dual) {
            weights.iter_mut().zip(vector).for_each(|(weight, number)| *weight += dual * f64::from(*number));
        }
        let left_out = numbers.iter().zip(wrong).map(|(number, wrong)| number - wrong).collect();
        Fitted { weights, left_out }
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
    use crate::conductor::dice::Dice;

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
        let centred = |numbers: &[f64]| {
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            numbers.iter().map(|number| number - mean).collect::<Vec<_>>()
        };
        let error = |numbers: &[f64], fitted: &Fitted| {
            let wrong = numbers.iter().zip(&fitted.left_out).map(|(number, read)| (number - read).powi(2));
            (wrong.sum::<f64>() / numbers.len() as f64).sqrt()
        };
        let ridge = Ridge::of(vectors[..100].to_vec());
        let numbers = centred(&numbers);
        let fitted = ridge.fit(&numbers[..100]);
        assert!(error(&numbers[..100], &fitted) < 0.15);
        for (vector, number) in vectors.iter().zip(&numbers).skip(100) {
            let read: f64 = vector.iter().zip(&fitted.weights).map(|(x, y)| f64::from(*x) * y).sum();
            assert!((read - number).abs() < 0.4, "{number} {read}");
        }
        // Numbers that have nothing to do with the vectors: no better than their own spread.
        let (_, shuffled) = noisy(37, 1.0);
        let shuffled = centred(&shuffled.iter().rev().copied().collect::<Vec<_>>());
        let unrelated = Ridge::of(vectors[..37].to_vec()).fit(&shuffled);
        assert!(error(&shuffled, &unrelated) > 0.5);
    }

    #[test]
    fn nothing_to_learn_from_is_no_reason_to_panic() {
        assert_eq!(Ridge::of(vec![]).fit(&[]), Fitted::default());
    }
}
