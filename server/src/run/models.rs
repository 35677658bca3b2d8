//! The models that a run could ask, as `baton models` lists and tries them. Keys are never shown, nor fetched to list.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, WorkerKind, WorkerOptions};
use crate::models;
use crate::pool::{Llm, Usage, probe};

/// Most tokens of the answer to a probe; some servers refuse fewer.
const TOKENS: usize = 16;

/// A model, and what is known of it without asking it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Its worker's name; of a file, the file's.
    pub name: String,
    /// `openai`, `anthropic`, `gemini`, `ollama`, or `gguf` for a file on this machine.
    pub kind: &'static str,
    /// Its name at its provider; of a file, its size.
    pub model: String,
    /// Where it is.
    pub address: String,
    /// US dollars for a million tokens read.
    pub usd_in: f64,
    /// US dollars for a million tokens written.
    pub usd_out: f64,
    /// Tokens that fit in one call; `None` where nobody said.
    pub context: Option<usize>,
    /// Whether there is a key, and from where: never the key.
    pub key: String,
    /// The variable that holds its key; `None` where it is configured otherwise, or not at all.
    pub key_env: Option<String>,
    /// Whether that variable holds one.
    pub key_set: bool,
    /// Why it cannot be used as it is configured.
    pub problem: Option<String>,
}

/// A worker that is about to be tried.
pub struct Trial {
    llm: Llm,
    /// US dollars that it costs at most.
    pub worst: f64,
}

/// What became of trying one worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// The worker.
    pub name: String,
    /// Why it did not answer, in one sentence; `None`: it did.
    pub problem: Option<String>,
    /// What that used.
    #[serde(flatten)]
    pub usage: Usage,
    /// Milliseconds.
    pub ms: u64,
}

/// The configured workers in their order and the conductor behind an API, then the files: the conductor's, the
/// workers' and what was pulled.
pub fn models(config: &Config) -> Vec<Model> {
    let workers = behind_apis(config).map(|options| Model {
        name: options.name.clone(),
        kind: kind(options.kind),
        model: options.model.clone(),
        address: options.address().to_owned(),
        usd_in: options.usd_in,
        usd_out: options.usd_out,
        context: Some(options.context),
        key: key(options),
        key_env: options.key_env.clone(),
        key_set: options.key_env.as_deref().is_some_and(is_set),
        problem: Llm::new(options, &config.policy).err().map(|problem| problem.0),
    });
    let mut files = models::local(&models::folder(&config.places.cache_dir));
    let of_workers = config.workers.iter().filter_map(|worker| worker.path.as_ref());
    let used = [&config.conductor.generator, &config.conductor.encoder].into_iter().flatten().chain(of_workers);
    for path in used {
        if files.iter().all(|file| file.path != *path) {
            let bytes = path.metadata().map_or(0, |meta| meta.len());
            files.insert(0, models::Local { path: path.clone(), bytes });
        }
    }
    let files = files.into_iter().map(|file| Model {
        name: file.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        kind: "gguf",
        model: format!("{:.1} MB", file.bytes as f64 / 1e6),
        address: file.path.display().to_string(),
        usd_in: 0.0,
        usd_out: 0.0,
        context: None,
        key: "none needed".into(),
        key_env: None,
        key_set: false,
        problem: (!file.path.is_file()).then(|| format!("{} is not there", file.path.display())),
    });
    workers.chain(files).collect()
}

/// What a probe of each worker says, and the probes; a worker that cannot be used is one that was tried in vain.
pub fn trials(config: &Config) -> (String, Vec<Result<Trial, Tried>>) {
    let trial = |options: &WorkerOptions| {
        let short = WorkerOptions { max_output: TOKENS.min(options.max_output), ..options.clone() };
        match Llm::new(&short, &config.policy) {
            Ok(llm) => Ok(Trial { worst: llm.worst_case(&probe()), llm }),
            Err(problem) => {
                Err(Tried { name: options.name.clone(), problem: Some(problem.0), usage: Usage::default(), ms: 0 })
            }
        }
    };
    (probe().user, behind_apis(config).map(trial).collect())
}

fn behind_apis(config: &Config) -> impl Iterator<Item = &WorkerOptions> {
    let served = config.workers.iter().filter(|worker| worker.kind != WorkerKind::Gguf);
    served.chain(&config.conductor.remote)
}

impl Trial {
    /// The worker's name.
    pub fn name(&self) -> &str {
        self.llm.name()
    }

    /// Asks the worker for one word.
    pub async fn run(&self, patience: Duration, cancel: &CancellationToken) -> Tried {
        let started = Instant::now();
        let tried = tokio::time::timeout(patience, self.llm.probe(cancel)).await;
        let name = self.name().to_owned();
        let (problem, usage) = match tried {
            Ok(Ok(usage)) => (None, usage),
            Ok(Err(error)) => (Some(error.to_string()), error.usage()),
            Err(_) => {
                let seconds = patience.as_secs_f64();
                (Some(format!("worker `{name}` had not answered after {seconds} s")), Usage::default())
            }
        };
        Tried { name, problem, usage, ms: started.elapsed().as_millis() as u64 }
    }
}

fn kind(kind: WorkerKind) -> &'static str {
    match kind {
        WorkerKind::Openai => "openai",
        WorkerKind::Anthropic => "anthropic",
        WorkerKind::Gemini => "gemini",
        WorkerKind::Ollama => "ollama",
        WorkerKind::Gguf => "gguf",
    }
}

fn key(options: &WorkerOptions) -> String {
    match (&options.key_env, &options.key_command) {
        (Some(name), _) => format!("{name} is {}", if is_set(name) { "set" } else { "not set" }),
        (None, Some(argv)) => format!("printed by `{}`", argv.first().map_or("", String::as_str)),
        (None, None) => "none configured".into(),
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|key| !key.trim().is_empty())
}
