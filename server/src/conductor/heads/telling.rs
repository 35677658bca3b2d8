//! What a task's words tell of its difficulty: the encoder's vector and a few cheap facts, weighed by a ridge regression;
//! less where tasks of its language and kind were never seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::belief::Belief;
use crate::task::Goal;

/// How many facts there are.
pub const FACTS: usize = 8;
/// A fact is never further from the mean, in standard deviations: what was never seen is no reason to be sure.
const FAR: f64 = 3.0;
/// Facts are weighed against a vector of length 1.
const SCALE: f64 = 0.4;
/// How many tasks of a kind or a language it takes until what was learned of others counts half.
const POOLED: f64 = 25.0;

/// The words of one task, as far as they are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// The encoder's, of length 1; empty where there is none.
    pub vector: Vec<f32>,
    /// From [`facts`]; `None` where the text is not kept, as of past runs.
    pub facts: Option<[f64; FACTS]>,
    /// The kind and the language.
    pub sort: Sort,
}

/// What kind of task it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// What is wanted.
    pub goal: Goal,
    /// The language's identifier; empty where it is not known.
    pub language: String,
}

impl Sort {
    /// The name of what is wanted, as it stands in files.
    pub fn kind(&self) -> &'static str {
        match self.goal {
            Goal::Fix => "fix",
            Goal::Edit => "edit",
            Goal::Refactor => "refactor",
            Goal::Ask => "ask",
        }
    }
}

/// Facts of a text: how long it is in letters and lines, examples, digits, bounds such as `10^5`, how much of it looks like
/// code, lines that speak of errors (which is where diagnostics and reports stand), mentions of tests.
pub fn facts(text: &str) -> [f64; FACTS] {
    let letters = text.chars().count().max(1) as f64;
    let share = |of: fn(char) -> bool| text.chars().filter(|letter| of(*letter)).count() as f64 / letters;
    let often = |count: usize| (count as f64).ln_1p();
    let error = |line: &&str| ["rror", "xception", "Traceback", "panic"].iter().any(|word| line.contains(word));
    [
        letters.ln(),
        often(text.lines().count()),
        often(text.matches("xample").count()),
        share(|letter| letter.is_ascii_digit()),
        often(text.matches("10^").count() + text.matches("10**").count()),
        share(|letter| "{}()[];=<>".contains(letter)),
        often(text.lines().filter(error).count()),
        often(text.matches("test").count()),
    ]
}

/// A fitted reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// What a text of which nothing can be told is given.
    pub mean: f64,
    /// By the numbers of the encoder's vector.
    pub vector: Vec<f32>,
    /// By the facts.
    pub facts: [f32; FACTS],
    /// The facts' means where it was fitted, and their standard deviations.
    pub seen: [(f32, f32); FACTS],
    /// How far off it is, as a standard deviation, at texts that it was not fitted to.
    pub error: f64,
    /// How far difficulties lie apart, as a standard deviation.
    pub spread: f64,
    /// By kind and by language: tasks that it was fitted to, and how much harder they are than was read.
    pub kinds: BTreeMap<String, Group>,
    /// By language.
    pub languages: BTreeMap<String, Group>,
}

/// Tasks that have something in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How many it was fitted to.
    pub tasks: usize,
    /// Difficulty more than read, drawn towards 0 where tasks are few.
    pub harder: f64,
}

impl Group {
    /// Of tasks that were harder by this sum than was read.
    pub fn of(tasks: usize, harder: f64) -> Self {
        Self { tasks, harder: harder / (tasks as f64 + POOLED) }
    }

    fn trust(self) -> f64 {
        self.tasks as f64 / (self.tasks as f64 + POOLED)
    }
}

impl Reader {
    /// What a regression is made from: the vector, and the facts as they are weighed.
    pub fn row(telling: &Telling, seen: &[(f32, f32); FACTS]) -> Vec<f32> {
        let facts = telling.facts.map_or([0.0; FACTS], |facts| weighed(&facts, seen));
        telling.vector.iter().copied().chain(facts.map(|fact| fact as f32)).collect()
    }

    /// The means and standard deviations of facts.
    pub fn of_facts(facts: &[[f64; FACTS]]) -> [(f32, f32); FACTS] {
        let all = facts.len().max(1) as f64;
        std::array::from_fn(|at| {
            let mean = facts.iter().map(|row| row[at]).sum::<f64>() / all;
            let variance = facts.iter().map(|row| (row[at] - mean).powi(2)).sum::<f64>() / all;
            (mean as f32, variance.sqrt() as f32)
        })
    }

    /// What is believed of a task's difficulty. `wider`: by this factor the error is taken for more than it was found to be.
    pub fn read(&self, telling: &Telling, wider: f64) -> Belief {
        let kind = self.kinds.get(telling.sort.kind()).copied().unwrap_or_default();
        let language = self.languages.get(&telling.sort.language).copied().unwrap_or_default();
        // Another language says half as much as the same one; of another kind of task nothing is known.
        let readable = telling.vector.len() == self.vector.len();
        let trust = if readable { kind.trust() * (1.0 + language.trust()) / 2.0 } else { 0.0 };
        let by_vector = telling.vector.iter().zip(&self.vector).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        let facts = telling.facts.map_or([0.0; FACTS], |facts| weighed(&facts, &self.seen));
        let by_facts = facts.iter().zip(self.facts).map(|(fact, weight)| fact * f64::from(weight)).sum::<f64>();
        let read = if readable { trust * (by_vector + by_facts) } else { 0.0 };
        let told = (self.spread.powi(2) - self.error.powi(2)).max(0.0);
        let variance = self.spread.powi(2) - trust * trust * told;
        Belief::normal(self.mean + read + kind.harder + language.harder, (variance.sqrt() * wider).max(0.05))
    }
}

fn weighed(facts: &[f64; FACTS], seen: &[(f32, f32); FACTS]) -> [f64; FACTS] {
    std::array::from_fn(|at| {
        let (mean, deviation) = (f64::from(seen[at].0), f64::from(seen[at].1));
        if deviation > 1e-6 { SCALE * ((facts[at] - mean) / deviation).clamp(-FAR, FAR) } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        Reader {
            mean: 0.0,
            vector: vec![2.0, 0.0],
            facts: [0.0; FACTS],
            seen: [(0.0, 0.0); FACTS],
            error: 1.0,
            spread: 2.0,
            kinds: BTreeMap::from([("edit".into(), Group { tasks: 975, harder: 0.0 })]),
            languages: BTreeMap::from([("python".into(), Group { tasks: 975, harder: 0.0 })]),
        }
    }

    fn telling(goal: Goal, language: &str) -> Telling {
        Telling { vector: vec![1.0, 0.0], facts: None, sort: Sort { goal, language: language.into() } }
    }

    #[test]
    fn what_was_never_seen_is_read_with_less_trust() {
        let moments = |goal, language| reader().read(&telling(goal, language), 1.0).moments();
        let (known, elsewhere, unknown) =
            (moments(Goal::Edit, "python"), moments(Goal::Edit, "rust"), moments(Goal::Fix, "python"));
        assert!(known.0 > 1.8 && known.1 < 1.3, "{known:?}");
        assert!(elsewhere.0 < known.0 / 1.5 && elsewhere.1 > known.1, "{elsewhere:?}");
        assert!(unknown.0.abs() < 1e-9 && unknown.1 > 3.5, "{unknown:?}");
        let wordless = Telling { vector: vec![], ..telling(Goal::Edit, "python") };
        assert!(reader().read(&wordless, 1.0).moments().0.abs() < 1e-9);
    }

    #[test]
    fn a_group_of_few_tasks_moves_little() {
        assert!(Group::of(1, 2.0).harder < 0.1 && Group::of(500, 1000.0).harder > 1.9);
    }

    #[test]
    fn facts_tell_texts_apart() {
        let bug = facts("Fix a bug.\ngcd.py\nE  RecursionError: maximum depth\ndef gcd(a, b):\n    return gcd(b, a)\n");
        let puzzle = facts("Change code. Return the sum.\nExample 1: 3\nExample 2: 4\n1 <= n <= 10^5");
        assert!(bug[6] > 0.0 && puzzle[6] == 0.0 && puzzle[2] > 1.0 && puzzle[4] > 0.0);
        assert!(facts("").iter().all(|fact| fact.is_finite()));
    }
}
