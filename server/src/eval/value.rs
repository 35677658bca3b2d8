//! A model of what asking is worth: every task has one difficulty, shared by all workers, and every worker two numbers, how
//! hard a task it solves half of the time and how sharply that turns. Difficulties of past tasks come from who solved them;
//! that of a new one is read off its vector by ridge regression, with how wrong such readings are.

use super::ridge::Ridge;

/// Steps of the descent. It is convex enough that more change nothing that is shown.
const STEPS: usize = 600;
/// How far a step goes.
const RATE: f64 = 0.05;
/// Difficulties are drawn towards 0, sharpnesses towards 1, skills hardly: observations that each of them is worth.
const DIFFICULTY: f64 = 1.0;
const SHARPNESS: f64 = 4.0;
const SKILL: f64 = 0.05;
/// Where a difficulty may lie: this many standard deviations about what was read, at so many places.
const SPREAD: f64 = 3.0;
const PLACES: usize = 25;

/// A worker's two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Able {
    /// The difficulty that it solves half of the time.
    pub skill: f64,
    /// How sharply its chance falls about there.
    pub sharpness: f64,
}

impl Able {
    /// Its chance at a task of this difficulty.
    pub fn chance(self, difficulty: f64) -> f64 {
        1.0 / (1.0 + (-self.sharpness * (self.skill - difficulty)).exp())
    }
}

/// Workers and difficulties that explain who solved what, by task, then by worker.
pub fn explain(solved: &[Vec<bool>]) -> (Vec<Able>, Vec<f64>) {
    let workers = solved.first().map_or(0, Vec::len);
    // In order: difficulties, skills, sharpnesses.
    let (skills, sharp) = (solved.len(), solved.len() + workers);
    let mut numbers = vec![0.0; sharp + workers];
    numbers[sharp..].fill(1.0);
    let (mut mean, mut square) = (vec![0.0; numbers.len()], vec![0.0; numbers.len()]);
    for step in 1..=STEPS {
        let mut slope = vec![0.0; numbers.len()];
        for (task, row) in solved.iter().enumerate() {
            for (worker, right) in row.iter().enumerate() {
                let able = Able { skill: numbers[skills + worker], sharpness: numbers[sharp + worker] };
                let wrong = able.chance(numbers[task]) - f64::from(u8::from(*right));
                slope[task] -= wrong * able.sharpness;
                slope[skills + worker] += wrong * able.sharpness;
                slope[sharp + worker] += wrong * (able.skill - numbers[task]);
            }
        }
        for at in 0..numbers.len() {
            slope[at] += match at {
                _ if at < skills => DIFFICULTY * numbers[at],
                _ if at < sharp => SKILL * numbers[at],
                _ => SHARPNESS * (numbers[at] - 1.0),
            };
            // Adam: each number goes by its own measure.
            mean[at] = 0.9 * mean[at] + 0.1 * slope[at];
            square[at] = 0.999 * square[at] + 0.001 * slope[at] * slope[at];
            let (mean, square) =
                (mean[at] / (1.0 - 0.9f64.powi(step as i32)), square[at] / (1.0 - 0.999f64.powi(step as i32)));
            numbers[at] -= RATE * mean / (square.sqrt() + 1e-9);
        }
        numbers[sharp..].iter_mut().for_each(|sharpness| *sharpness = sharpness.max(0.05));
    }
    let able = (0..workers).map(|at| Able { skill: numbers[skills + at], sharpness: numbers[sharp + at] });
    (able.collect(), numbers[..skills].to_vec())
}

/// What is known of one task's difficulty.
#[derive(Debug, Clone)]
pub struct Belief {
    /// Places and how likely each is; the likelihoods sum to 1.
    places: Vec<(f64, f64)>,
}

impl Belief {
    /// From the task's words alone.
    pub fn read(ridge: &Ridge, vector: &[f32]) -> Self {
        let (mean, error) = (ridge.read(vector), ridge.error());
        let place = |at: usize| {
            let deviations = SPREAD * (2.0 * at as f64 / (PLACES - 1) as f64 - 1.0);
            (mean + deviations * error, (-0.5 * deviations * deviations).exp())
        };
        Self { places: (0..PLACES).map(place).collect() }.whole()
    }

    /// A worker's chance.
    pub fn chance(&self, able: Able) -> f64 {
        self.places.iter().map(|(difficulty, likely)| likely * able.chance(*difficulty)).sum()
    }

    /// Once the verifier refused what a worker made. It refuses this share of right and that share of wrong answers.
    pub fn refused(&mut self, able: Able, right: f64, wrong: f64) {
        for (difficulty, likely) in &mut self.places {
            let chance = able.chance(*difficulty);
            *likely *= chance * right + (1.0 - chance) * wrong;
        }
        *self = Self { places: std::mem::take(&mut self.places) }.whole();
    }

    fn whole(mut self) -> Self {
        let all: f64 = self.places.iter().map(|(_, likely)| likely).sum();
        // A verifier that refuses nothing cannot have refused: then nothing was learned.
        let even = 1.0 / self.places.len() as f64;
        self.places.iter_mut().for_each(|(_, likely)| *likely = if all > 0.0 { *likely / all } else { even });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::dice::Dice;

    /// Tasks of known difficulty, and who solved them by chances of known numbers.
    fn made_up(tasks: usize) -> (Vec<Able>, Vec<f64>, Vec<Vec<bool>>) {
        let able =
            [(-1.5, 1.0), (0.0, 1.5), (0.5, 0.7), (2.0, 1.5)].map(|(skill, sharpness)| Able { skill, sharpness });
        let able = [able, able.map(|worker| Able { skill: worker.skill + 0.4, ..worker })].concat();
        let mut dice = Dice::of(3);
        let mut share = || dice.below(10_000) as f64 / 10_000.0;
        let difficulties: Vec<f64> = (0..tasks).map(|_| 4.0 * share() - 2.0).collect();
        let solved =
            difficulties.iter().map(|d| able.iter().map(|worker| share() < worker.chance(*d)).collect()).collect();
        (able, difficulties, solved)
    }

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let (of_a, of_b) = (mean(a), mean(b));
        let product = |x: &[f64], of_x: f64, y: &[f64], of_y: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (x - of_x) * (y - of_y)).sum()
        };
        product(a, of_a, b, of_b) / (product(a, of_a, a, of_a) * product(b, of_b, b, of_b)).sqrt()
    }

    #[test]
    fn what_made_the_outcomes_is_found_again() {
        let (able, difficulties, solved) = made_up(400);
        let (found, read) = explain(&solved);
        assert!(correlation(&difficulties, &read) > 0.75, "{}", correlation(&difficulties, &read));
        let skills = |of: &[Able]| of.iter().map(|worker| worker.skill).collect::<Vec<_>>();
        assert!(correlation(&skills(&able), &skills(&found)) > 0.98, "{found:?}");
        assert_eq!(explain(&solved), (found, read), "and the same again");
    }

    #[test]
    fn a_refusal_makes_a_task_harder_for_everybody() {
        let ridge = Ridge::fit(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]], &[-0.5, 1.0, 0.3]);
        let able = Able { skill: 0.5, sharpness: 1.0 };
        let mut belief = Belief::read(&ridge, &[0.6, 0.8]);
        let before = belief.chance(able);
        belief.refused(Able { skill: 2.0, sharpness: 1.5 }, 0.02, 0.85);
        let after = belief.chance(able);
        assert!(after < before, "{before} {after}");
        belief.refused(able, 0.0, 0.0);
        assert!(belief.chance(able).is_finite(), "what cannot be does no harm");
    }
}
