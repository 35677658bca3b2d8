//! The heads of tier mini: the few numbers between what the encoder gives and a decision. How hard a task is, what a declared
//! strength is worth, how reliable a verifier is, what a solved task may cost. Trained by `baton train heads`; those that are
//! compiled in are described in models/HEADS.md. Pure but for [`Heads::load`].

pub mod able;
pub mod belief;
pub mod declared;
pub mod record;
pub mod telling;
pub mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use able::Able;
use belief::Belief;
use telling::Reader;

/// The version of the file's form.
const FORMAT: u32 = 2;

static SHIPPED: LazyLock<Arc<Heads>> = LazyLock::new(|| {
    let heads = Heads::read(include_str!("../../../../models/heads.json"));
    Arc::new(heads.unwrap_or_else(|problem| unreachable!("a test reads the heads that are compiled in: {problem}")))
});

/// All of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heads {
    /// [`FORMAT`].
    pub format: u32,
    /// Where they come from.
    pub trained: Trained,
    /// How hard a task is.
    pub difficulty: Reader,
    /// What is known of a worker before its first result.
    pub beginning: Beginning,
    /// How reliable a verifier is, by its name in recordings.
    pub verifiers: BTreeMap<String, Reliability>,
    /// What a decision weighs.
    pub policy: Policy,
    /// Workers by their names, as the user's own ledger has placed them; empty in heads that are for everybody.
    #[serde(default)]
    pub workers: BTreeMap<String, Able>,
    /// Runs that started until then are in `workers` already: milliseconds since 1970, UTC.
    #[serde(default)]
    pub learned_until: u64,
}

/// What they were trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// The recordings, in words.
    pub on: String,
    /// How many tasks these had.
    pub tasks: usize,
    /// And how many workers.
    pub workers: usize,
    /// The date of the newest task.
    pub until: String,
    /// The file name of the encoder whose vectors are read.
    pub encoder: String,
    /// The seed of the search for the policy's numbers.
    pub seed: u64,
}

/// What is known of a worker before its first result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beginning {
    /// The slope of an ordinary worker.
    pub slope: f64,
    /// How far slopes lie apart, as a standard deviation.
    pub slope_spread: f64,
    /// How many attempts a declared strength is worth.
    pub worth: f64,
    /// By how much the log odds fall with each failure of one's own at the same task, beyond what it says of the task.
    pub again: f64,
    /// How much a result counts at a task that does not resemble the one at hand; at the same one it counts 1.
    pub elsewhere: f64,
    /// After so many results of its own, what an earlier one says of a worker has halved.
    pub half_life: f64,
}

/// How reliable a verifier is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reliability {
    /// The share of right answers that it accepts.
    pub right: f64,
    /// The share of wrong answers that it accepts.
    pub wrong: f64,
}

impl Reliability {
    /// Of nobody: the first answer stands.
    pub const NOBODY: Self = Self { right: 1.0, wrong: 1.0 };
    /// Of who knows.
    pub const TRUTH: Self = Self { right: 1.0, wrong: 0.0 };

    /// How likely what it said is, of an answer that is right with this chance.
    pub fn likelihood(self, chance: f64, accepted: bool) -> f64 {
        let accepts = chance * self.right + (1.0 - chance) * self.wrong;
        if accepted { accepts } else { 1.0 - accepts }
    }
}

/// What a decision weighs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What a solved task is worth at least, in US dollars.
    pub usd_solved: f64,
    /// What it is worth in calls of the strongest worker, where that is more.
    pub calls_solved: f64,
    /// What a second of the user's waiting is worth, in US dollars.
    pub usd_second: f64,
    /// What a wrong answer that the verifier accepts costs, in solved tasks.
    pub harm: f64,
    /// By this factor a difficulty is taken to be less sure than it was found to be.
    pub wider: f64,
    /// By this factor wrong answers are taken to be accepted more often than was found.
    pub doubt: f64,
}

impl Heads {
    /// Those that are compiled in.
    pub fn shipped() -> Arc<Self> {
        SHIPPED.clone()
    }

    /// Reads a file's text. An `Err` is the end of a sentence about the file.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let form: Form = serde_json::from_str(text).map_err(|_| "is no file of heads".to_owned())?;
        if form.format != FORMAT {
            return Err(format!("has form {}, and this Baton knows form {FORMAT}", form.format));
        }
        let heads: Self = serde_json::from_str(text).map_err(|error| format!("cannot be understood: {error}"))?;
        heads.check().map_or(Ok(heads), |problem| Err(format!("cannot be used: {problem}")))
    }

    /// The user's own, or those that are compiled in where there are none, and then, where there should have been some, why:
    /// a sentence.
    pub fn load(file: &Path) -> (Arc<Self>, Option<String>) {
        let problem = match std::fs::read_to_string(file) {
            Ok(text) => match Self::read(&text) {
                Ok(heads) => return (Arc::new(heads), None),
                Err(problem) => problem,
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (Self::shipped(), None),
            Err(error) => format!("cannot be read: {error}"),
        };
        let file = file.display();
        let sentence = format!(
            "{file} {problem}; the heads that Baton came with decide; `baton train heads --ledger` writes it anew"
        );
        (Self::shipped(), Some(sentence))
    }

    /// The file's text.
    pub fn written(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Which they are, in words.
    pub fn name(&self) -> String {
        let Trained { on, tasks, until, .. } = &self.trained;
        format!("heads of {on} until {until} ({tasks} tasks)")
    }

    /// How tasks lie where nothing is known of them.
    pub fn anything(&self) -> Belief {
        Belief::normal(self.difficulty.mean, self.difficulty.spread)
    }

    /// What a worker of this declared strength, 0 to 1, begins with.
    pub fn begin(&self, strength: f64) -> Able {
        let Beginning { slope, slope_spread, worth, .. } = self.beginning;
        let strength = strength.clamp(0.02, 0.98);
        let ordinary = self.anything();
        let ease = belief::ease(strength, slope, &ordinary);
        // As sure as so many results at ordinary tasks make it.
        let told = ordinary.mean_of(|at| {
            let chance = able::sigmoid(ease - slope * at);
            chance * (1.0 - chance)
        });
        Able::about((ease, (worth * told).sqrt().recip()), (slope, slope_spread))
    }

    /// How reliable this verifier is; as one that nobody knows where it has no name here.
    pub fn verifier(&self, name: &str) -> Reliability {
        self.verifiers.get(name).copied().unwrap_or(Reliability { right: 0.95, wrong: 0.25 })
    }

    fn check(&self) -> Option<String> {
        let Self { difficulty, beginning, policy, .. } = self;
        let above =
            |name: &str, number: f64| (!number.is_finite() || number <= 0.0).then(|| format!("`{name}` is {number}"));
        let least =
            |name: &str, number: f64| (!number.is_finite() || number < 0.0).then(|| format!("`{name}` is {number}"));
        let weights = difficulty.vector.iter().chain(&difficulty.facts);
        let weights = weights.chain(difficulty.seen.iter().flat_map(|(mean, deviation)| [mean, deviation]));
        let mut groups = difficulty.kinds.values().chain(difficulty.languages.values());
        if !difficulty.mean.is_finite() || weights.copied().any(|weight| !weight.is_finite()) {
            return Some("`difficulty` holds what is no number".into());
        }
        if groups.any(|group| !group.harder.is_finite()) {
            return Some("a group's `harder` is no number".into());
        }
        let sure = self.verifiers.iter().find(|(_, of)| {
            let share = |share: f64| (0.0..=1.0).contains(&share);
            !share(of.right) || !share(of.wrong) || of.right <= of.wrong
        });
        if let Some((name, _)) = sure {
            return Some(format!("verifier `{name}` does not accept right answers more often than wrong ones"));
        }
        if let Some((name, _)) = self.workers.iter().find(|(_, able)| !able.is_sound()) {
            return Some(format!("worker `{name}` has numbers that cannot be"));
        }
        above("error", difficulty.error)
            .or_else(|| above("spread", difficulty.spread))
            .or_else(|| above("slope", beginning.slope))
            .or_else(|| above("slope_spread", beginning.slope_spread))
            .or_else(|| above("worth", beginning.worth))
            .or_else(|| least("again", beginning.again))
            .or_else(|| least("elsewhere", beginning.elsewhere))
            .or_else(|| above("half_life", beginning.half_life))
            .or_else(|| least("usd_solved", policy.usd_solved))
            .or_else(|| least("calls_solved", policy.calls_solved))
            .or_else(|| least("usd_second", policy.usd_second))
            .or_else(|| least("harm", policy.harm))
            .or_else(|| above("wider", policy.wider))
            .or_else(|| least("doubt", policy.doubt))
    }
}

#[cfg(test)]
mod tests;
