//! Difficulties and workers that explain who solved what: an item response model with two numbers a worker (Birnbaum, 1968),
//! fitted by expectation and maximisation over where each task may lie (Bock & Aitkin, 1981). Where it is expected to lie is
//! read off its words at the same time, by a regression that leaves the task itself out.

use std::collections::BTreeMap;

use super::ridge::Ridge;
use crate::conductor::heads::able::{Able, sigmoid};
use crate::conductor::heads::telling::{Group, Reader, Telling};

/// Rounds; more change nothing that is shown.
const ROUNDS: usize = 15;
/// Where a task may lie.
const PLACES: usize = 57;
const FARTHEST: f64 = 7.0;
/// Slopes are drawn towards 1 and eases towards 0, as so many squared differences weigh.
const SLOPE: f64 = 2.0;
const EASE: f64 = 0.05;

/// Who solved what of some tasks, by task, then by worker.
pub struct Solved<'a> {
    /// The tasks' words.
    pub tellings: Vec<&'a Telling>,
    /// All workers were given all tasks.
    pub solved: Vec<Vec<bool>>,
}

/// What was found.
pub struct Explained {
    /// What reads difficulties.
    pub reader: Reader,
    /// The workers of each recording, with the precision that so many tasks give.
    pub able: Vec<Vec<Able>>,
}

/// Fits one reader to the tasks of all recordings, which have no workers in common.
pub fn explain(recordings: &[Solved<'_>]) -> Explained {
    let tellings: Vec<&Telling> = recordings.iter().flat_map(|of| of.tellings.iter().copied()).collect();
    let facts: Vec<_> = tellings.iter().filter_map(|telling| telling.facts).collect();
    let seen = Reader::of_facts(&facts);
    let ridge = Ridge::of(tellings.iter().map(|telling| Reader::row(telling, &seen)).collect());
    let mut able: Vec<Vec<Able>> = recordings.iter().map(beginning).collect();
    let (mut read, mut error) = (vec![0.0; tellings.len()], 1.5);
    let (mut means, mut weights) = (vec![0.0; tellings.len()], Vec::new());
    for _ in 0..ROUNDS {
        let mut variances = Vec::new();
        let mut first = 0;
        for (recording, able) in recordings.iter().zip(&mut able) {
            let beliefs: Vec<[f64; PLACES]> = (0..recording.solved.len())
                .map(|task| believed(&recording.solved[task], able, read[first + task], error))
                .collect();
            for (task, belief) in beliefs.iter().enumerate() {
                let mean: f64 = (0..PLACES).map(|at| belief[at] * place(at)).sum();
                means[first + task] = mean;
                variances.push((0..PLACES).map(|at| belief[at] * (place(at) - mean).powi(2)).sum::<f64>());
            }
            for (worker, able) in able.iter_mut().enumerate() {
                *able = place_worker(*able, &beliefs, |task| recording.solved[task][worker]);
            }
            first += recording.solved.len();
        }
        let all = tellings.len().max(1) as f64;
        // Where difficulty 0 lies is nobody's doing but ours.
        let middle = means.iter().sum::<f64>() / all;
        means.iter_mut().for_each(|mean| *mean -= middle);
        able.iter_mut().flatten().for_each(|able| able.ease -= able.slope * middle);
        let fitted = ridge.fit(&means);
        let wrong = means.iter().zip(&fitted.left_out).zip(&variances);
        error = (wrong.map(|((mean, read), variance)| (mean - read).powi(2) + variance).sum::<f64>() / all).sqrt();
        (read, weights) = (fitted.left_out, fitted.weights);
    }
    let told = read.iter().map(|read| read * read).sum::<f64>() / tellings.len().max(1) as f64;
    let vector = tellings.first().map_or(0, |telling| telling.vector.len());
    let weights: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
    let group = |name: fn(&Telling) -> String| {
        let mut groups: BTreeMap<String, (usize, f64)> = BTreeMap::new();
        for (telling, (mean, read)) in tellings.iter().zip(means.iter().zip(&read)) {
            let group = groups.entry(name(telling)).or_default();
            *group = (group.0 + 1, group.1 + mean - read);
        }
        let one = groups.len() == 1;
        // All there is is no group beside others.
        groups
            .into_iter()
            .map(|(name, (tasks, harder))| (name, Group::of(tasks, if one { 0.0 } else { harder })))
            .collect()
    };
    let reader = Reader {
        mean: 0.0,
        vector: weights.get(..vector).unwrap_or_default().to_vec(),
        facts: std::array::from_fn(|at| weights.get(vector + at).copied().unwrap_or_default()),
        seen,
        error,
        spread: (told + error * error).sqrt(),
        kinds: group(|telling| telling.sort.kind().to_owned()),
        languages: group(|telling| telling.sort.language.clone()),
    };
    Explained { reader, able }
}

fn place(at: usize) -> f64 {
    FARTHEST * (2.0 * at as f64 / (PLACES - 1) as f64 - 1.0)
}

fn beginning(recording: &Solved<'_>) -> Vec<Able> {
    let tasks = recording.solved.len() as f64;
    let workers = recording.solved.first().map_or(0, Vec::len);
    let of = |worker: usize| {
        let solved = recording.solved.iter().filter(|row| row[worker]).count() as f64;
        Able::sure(((solved + 1.0) / (tasks - solved + 1.0)).ln(), 1.0)
    };
    (0..workers).map(of).collect()
}

/// Where a task lies, by who solved it.
fn believed(solved: &[bool], able: &[Able], read: f64, error: f64) -> [f64; PLACES] {
    let mut belief = std::array::from_fn(|at| {
        let logs = solved.iter().zip(able).map(|(right, able)| {
            let chance = sigmoid(able.ease - able.slope * place(at)).clamp(1e-9, 1.0 - 1e-9);
            if *right { chance.ln() } else { (1.0 - chance).ln() }
        });
        logs.sum::<f64>() - 0.5 * ((place(at) - read) / error).powi(2)
    });
    let most = belief.iter().fold(f64::MIN, |most, log| most.max(*log));
    belief.iter_mut().for_each(|log| *log = (*log - most).exp());
    let all: f64 = belief.iter().sum();
    belief.iter_mut().for_each(|likely| *likely /= all);
    belief
}

/// A worker's numbers that make what it solved likeliest, by Newton's method.
fn place_worker(mut able: Able, beliefs: &[[f64; PLACES]], solved: impl Fn(usize) -> bool) -> Able {
    let (mut tasks, mut right) = ([0.0; PLACES], [0.0; PLACES]);
    for (task, belief) in beliefs.iter().enumerate() {
        for at in 0..PLACES {
            tasks[at] += belief[at];
            right[at] += if solved(task) { belief[at] } else { 0.0 };
        }
    }
    for _ in 0..4 {
        let (mut slopes, mut squares) = ([EASE * able.ease, SLOPE * (able.slope - 1.0)], [EASE, 0.0, SLOPE]);
        for at in 0..PLACES {
            let chance = sigmoid(able.ease - able.slope * place(at));
            let (wrong, bend) = (tasks[at] * chance - right[at], tasks[at] * chance * (1.0 - chance));
            slopes[0] += wrong;
            slopes[1] -= wrong * place(at);
            squares[0] += bend;
            squares[1] -= bend * place(at);
            squares[2] += bend * place(at).powi(2);
        }
        let [ease, both, slope] = squares;
        let determinant = ease * slope - both * both;
        able.ease -= (slope * slopes[0] - both * slopes[1]) / determinant;
        able.slope = (able.slope - (ease * slopes[1] - both * slopes[0]) / determinant).clamp(0.2, 5.0);
        able.precision = squares;
    }
    able
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conductor::dice::Dice;
    use crate::conductor::heads::telling::Sort;
    use crate::task::Goal;

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
        let truth = [(-2.0, 1.0), (0.0, 1.5), (0.5, 0.8), (2.0, 1.5), (-1.0, 1.2), (1.0, 1.0), (1.5, 0.9), (3.0, 1.3)];
        let truth = truth.map(|(ease, slope)| Able::sure(ease, slope));
        let mut dice = Dice::of(3);
        // Half of the difficulty can be read off the first number of the vector.
        let sort = Sort { goal: Goal::Edit, language: "python".into() };
        let told: Vec<(Telling, f64)> = (0..400)
            .map(|_| {
                let angle = dice.share() * std::f64::consts::PI;
                let vector = vec![angle.cos() as f32, angle.sin() as f32];
                (Telling { vector, facts: Some([0.0; 8]), sort: sort.clone() }, 2.0 * angle.cos() + dice.normal())
            })
            .collect();
        let solved: Vec<Vec<bool>> =
            told.iter().map(|(_, d)| truth.iter().map(|able| dice.share() < able.chance(*d, 0.0)).collect()).collect();
        let tellings = || told.iter().map(|(telling, _)| telling).collect::<Vec<_>>();
        let found = explain(&[Solved { tellings: tellings(), solved: solved.clone() }]);
        let difficulties: Vec<f64> = told.iter().map(|(_, difficulty)| *difficulty).collect();
        let eases = |of: &[Able]| of.iter().map(|able| able.ease).collect::<Vec<_>>();
        assert!(correlation(&eases(&truth), &eases(&found.able[0])) > 0.98, "{:?}", found.able);
        let read: Vec<f64> = told.iter().map(|(telling, _)| found.reader.read(telling, 1.0).moments().0).collect();
        assert!(correlation(&difficulties, &read) > 0.7, "{}", correlation(&difficulties, &read));
        assert!(found.reader.error < 0.8 * found.reader.spread, "{:?}", found.reader);
        let again = explain(&[Solved { tellings: tellings(), solved }]);
        assert_eq!(again.reader, found.reader, "and the same again");
    }
}
