//! The workers that a conductor may delegate to, and what is known of each.

mod answer;
mod budget;
mod call;
mod health;
mod key;
mod llm;
mod local;
mod outside;
mod overlong;
mod pace;
mod policy;
mod price;
mod protocol;
mod retry;
#[cfg(test)]
mod simulation;
mod transport;

pub(crate) use answer::plain;
pub use budget::{Budget, Hold, TooExpensive};
pub use call::{Bounds, CallError, Ending, Prompt, Reply, Said, words};
pub use llm::{Llm, probe};
pub use local::{Local, Part, Turn};
pub use policy::{LOCAL, Terms, why_not};
pub(crate) use transport::{Reach, client, loopback};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::{PolicyOptions, RepairOptions, ToolchainOptions, WorkerKind, WorkerOptions};
use crate::task::Allowed;

/// The name of the built-in worker that searches for a repair.
pub const REPAIR: &str = "repair";

/// The name of the built-in worker that asks the language's own tools for their fixes.
pub const TOOLCHAIN: &str = "toolchain";

/// The chance that is supposed of a worker of which nothing is declared or known.
pub const UNDECLARED: f64 = 0.5;

/// What the conductor may know of a worker: never its key, its URL or how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Unique in the pool.
    pub name: String,
    /// Declared chance, 0 to 1, of solving an ordinary task. `None`: nothing is declared.
    pub strength: Option<f64>,
    /// US dollars for a million tokens read.
    pub usd_in: f64,
    /// US dollars for a million tokens written.
    pub usd_out: f64,
    /// Tokens that fit in one call, prompt and answer together.
    pub context: usize,
    /// Where what it is sent goes.
    pub terms: Terms,
}

impl Facts {
    /// The built-in search for a repair: free, good at small bugs, useless without a failing test.
    pub fn repair() -> Self {
        // Measured on small one-line bugs it solves two in five; what the ledger says of real tasks corrects this.
        Self::built_in(REPAIR, 0.4)
    }

    /// The language's own tools: free, right about what they found themselves, useless for anything else.
    pub fn toolchain() -> Self {
        // Few of all bugs are of a kind that they have a fix for; what they find, it nearly always mends.
        Self::built_in(TOOLCHAIN, 0.1)
    }

    /// The declared chance; where nothing is declared, [`UNDECLARED`].
    pub fn supposed(&self) -> f64 {
        self.strength.unwrap_or(UNDECLARED)
    }

    fn built_in(name: &str, strength: f64) -> Self {
        let strength = Some(strength);
        Self { name: name.into(), strength, usd_in: 0.0, usd_out: 0.0, context: usize::MAX, terms: Terms::default() }
    }
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read, those from a cache included.
    pub tokens_in: u64,
    /// Of the tokens read, those that the server had in its cache.
    #[serde(default)]
    pub tokens_cached: u64,
    /// Tokens written, thoughts included.
    pub tokens_out: u64,
    /// US dollars.
    pub usd: f64,
}

impl Usage {
    /// Adds what another call used.
    pub fn add(&mut self, other: Self) {
        self.tokens_in = self.tokens_in.saturating_add(other.tokens_in);
        self.tokens_cached = self.tokens_cached.saturating_add(other.tokens_cached);
        self.tokens_out = self.tokens_out.saturating_add(other.tokens_out);
        self.usd += other.usd;
    }
}

/// Why a worker cannot be used as it is configured, and what to change; one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigProblem(pub String);

/// The configured workers and the built-in ones.
#[derive(Debug)]
pub struct Pool {
    llms: Vec<Llm>,
    built_in: Vec<Facts>,
    policy: PolicyOptions,
}

impl Pool {
    /// The workers that can be used and, for each that cannot, why: one wrong entry never costs the others. Those of kind
    /// `gguf` come with [`Pool::add_local`].
    pub fn new(
        workers: &[WorkerOptions],
        policy: &PolicyOptions,
        repair: &RepairOptions,
        toolchain: &ToolchainOptions,
    ) -> (Self, Vec<ConfigProblem>) {
        let mut problems = Vec::new();
        let mut llms: Vec<Llm> = Vec::new();
        for options in workers {
            let taken = [REPAIR, TOOLCHAIN].contains(&options.name.as_str())
                || llms.iter().any(|llm| llm.name() == options.name);
            let made = if taken {
                Err(ConfigProblem(format!("worker `{}`: this name is taken; give it another", options.name)))
            } else {
                Llm::new(options, policy)
            };
            match made {
                Ok(_) if options.kind == WorkerKind::Gguf => {}
                Ok(llm) => llms.push(llm),
                Err(problem) => problems.push(problem),
            }
        }
        let toolchain = toolchain.enabled.then(Facts::toolchain);
        let repair = repair.enabled.then(Facts::repair);
        let built_in = toolchain.into_iter().chain(repair).collect();
        (Self { llms, built_in, policy: policy.clone() }, problems)
    }

    /// Adds a worker that needs no server.
    pub fn add_local(&mut self, options: &WorkerOptions, model: Arc<dyn Local>) -> Result<(), ConfigProblem> {
        self.llms.push(Llm::over(options, &self.policy, |_, _| Box::new(local::InProcess(model)))?);
        Ok(())
    }

    /// What is known of every worker, the built-in ones first.
    pub fn facts(&self) -> Vec<Facts> {
        self.built_in.iter().cloned().chain(self.members().map(Llm::facts)).collect()
    }

    /// The workers that a task may go to, the built-in ones first.
    pub fn eligible(&self, allowed: &Allowed) -> Vec<Facts> {
        self.facts().into_iter().filter(|facts| why_not(facts, &self.policy, allowed).is_none()).collect()
    }

    /// The workers that a task may not go to: the name, and why as a clause about it.
    pub fn passed_over(&self, allowed: &Allowed) -> Vec<(String, String)> {
        let facts = self.facts().into_iter();
        facts.filter_map(|facts| Some((facts.name.clone(), why_not(&facts, &self.policy, allowed)?))).collect()
    }

    /// The language model of this name. It still refuses what its task or the policy does not allow.
    pub fn llm(&self, name: &str) -> Option<&Llm> {
        self.members().find(|llm| llm.name() == name)
    }

    /// Removes every language model that is not among these any more, or is elsewhere now: who works with this pool asks it
    /// no more, and a call that is under way is broken off.
    pub fn keep(&self, workers: &[WorkerOptions]) {
        let gone = self.members().filter(|llm| !workers.iter().any(|options| llm.is_of(options)));
        gone.for_each(|llm| llm.removed().cancel());
    }

    fn members(&self) -> impl Iterator<Item = &Llm> {
        self.llms.iter().filter(|llm| !llm.removed().is_cancelled())
    }

    /// The names of workers that are left alone for now because they kept failing or asked for it.
    pub fn resting(&self) -> Vec<String> {
        self.members().filter(|llm| llm.resting().is_some()).map(|llm| llm.name().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigProblem, Pool};
    use crate::config::{PolicyOptions, RepairOptions, ToolchainOptions, WorkerOptions};
    use crate::task::Allowed;

    fn worker(name: &str, base_url: &str) -> WorkerOptions {
        let written = format!("name = {name:?}\nbase_url = {base_url:?}\nmodel = \"m\"");
        toml::from_str(&written).expect("a worker")
    }

    fn pool(workers: &[WorkerOptions], policy: &PolicyOptions) -> (Pool, Vec<ConfigProblem>) {
        Pool::new(workers, policy, &RepairOptions::default(), &ToolchainOptions::default())
    }

    #[test]
    fn one_wrong_worker_never_costs_the_others() {
        let workers =
            [worker("a", "http://127.0.0.1:1/v1"), worker("b", "ftp://x"), worker("a", "http://127.0.0.1:2/v1")];
        let (pool, problems) = pool(&workers, &PolicyOptions::default());
        let names: Vec<String> = pool.facts().into_iter().map(|facts| facts.name).collect();
        assert_eq!(names, ["toolchain", "repair", "a"]);
        assert_eq!(problems.len(), 2);
        assert!(problems[0].0.contains("`b`") && problems[1].0.contains("taken"), "{problems:?}");
    }

    #[test]
    fn who_is_not_kept_is_a_member_no_more() {
        let (a, b) = (worker("a", "http://127.0.0.1:1/v1"), worker("b", "http://127.0.0.1:2/v1"));
        let (pool, _) = pool(&[a.clone(), b], &PolicyOptions::default());
        let removed = pool.llm("b").expect("a member").removed().clone();
        // Of the same name, and somewhere else.
        pool.keep(&[a, worker("b", "http://127.0.0.1:3/v1")]);
        assert!(removed.is_cancelled() && pool.llm("b").is_none() && pool.llm("a").is_some());
        assert_eq!(pool.facts().len(), 3);
    }

    #[test]
    fn what_is_built_in_can_be_switched_off() {
        let repair = RepairOptions { enabled: false, ..RepairOptions::default() };
        let (pool, _) = Pool::new(&[], &PolicyOptions::default(), &repair, &ToolchainOptions { enabled: false });
        assert!(pool.facts().is_empty());
    }

    #[test]
    fn whom_a_task_may_not_go_to_is_passed_over_and_said() {
        let mut abroad = worker("abroad", "http://127.0.0.1:1/v1");
        abroad.region = Some("us".into());
        let mut here = worker("here", "http://127.0.0.1:2/v1");
        here.region = Some("eu".into());
        let policy = PolicyOptions { regions: Some(vec!["eu".into()]), ..PolicyOptions::default() };
        let (pool, _) = pool(&[abroad, here], &policy);
        let never = Allowed { never: vec!["repair".into()], ..Allowed::default() };
        let names: Vec<String> = pool.eligible(&never).into_iter().map(|facts| facts.name).collect();
        assert_eq!(names, ["toolchain", "here"]);
        let (names, whys): (Vec<_>, Vec<_>) = pool.passed_over(&never).into_iter().unzip();
        assert_eq!(names, ["repair", "abroad"]);
        assert_eq!(whys, ["this task may not go to it", "its region is us, and policy.regions allows only: eu"]);
    }
}
