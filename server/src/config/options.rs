//! Configuration as written, in `~/.config/baton/config.toml` or sent by an editor.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use baton_grammars::Format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task::Tier;

/// Everything that can be set. Absent means the default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The tier for tasks that do not name one: `mini` or `ultra`.
    pub tier: Option<Tier>,
    /// Limits of one run.
    pub budget: BudgetOptions,
    /// The models that may be asked, besides the built-in workers.
    pub worker: Vec<WorkerOptions>,
    /// Which workers may be sent anything at all, whatever a task says.
    pub policy: PolicyOptions,
    /// The built-in worker that searches for a repair.
    pub repair: RepairOptions,
    /// The built-in worker that asks the language's own tools for their fixes.
    pub toolchain: ToolchainOptions,
    /// The local model that conducts.
    pub conductor: ConductorOptions,
    /// Where `baton models pull` fetches from.
    pub models: ModelsOptions,
    /// How patches are judged, beyond the project's own checks and tests.
    pub verify: VerifyOptions,
    /// The private copies of workspaces in which checks run.
    pub shadow: ShadowOptions,
    /// The record of runs.
    pub ledger: LedgerOptions,
    /// The endpoint that `baton serve` opens.
    pub serve: ServeOptions,
    /// What is run between parsing and the tests, by name: `[checks.clippy]`. `baton doctor` lists the names.
    pub checks: BTreeMap<String, CheckOptions>,
}

/// Limits of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetOptions {
    /// Seconds of wall clock.
    pub max_seconds: f64,
    /// US dollars.
    pub max_usd: f64,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { max_seconds: 300.0, max_usd: 0.5 }
    }
}

/// A model behind an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerOptions {
    /// Your name for it; unique.
    #[serde(default)]
    pub name: String,
    /// The protocol it speaks: `openai`, `anthropic`, `gemini` or `ollama`; or `gguf`, a model file that Baton runs itself.
    #[serde(default)]
    pub kind: WorkerKind,
    /// Where it is, such as `http://127.0.0.1:8080/v1`. Absent: Anthropic's or Google's own address, or Ollama on this machine; a worker of kind `openai` needs it.
    #[serde(default)]
    pub base_url: String,
    /// The model's name there; a worker of kind `gguf` has none.
    #[serde(default)]
    pub model: String,
    /// The file of a worker of kind `gguf`.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// The environment variable that holds the key.
    #[serde(default)]
    pub key_env: Option<String>,
    /// A command whose first line of output is the key, as program and arguments.
    #[serde(default)]
    pub key_command: Option<Vec<String>>,
    /// Your estimate of its chance, 0 to 1, to solve an ordinary task. Absent: it is taken for one like the others, until its own results tell.
    #[serde(default)]
    pub strength: Option<f64>,
    /// US dollars for a million tokens read.
    #[serde(default)]
    pub usd_in: f64,
    /// US dollars for a million tokens written.
    #[serde(default)]
    pub usd_out: f64,
    /// US dollars for a million tokens read from the provider's cache. Absent: as `usd_in`.
    #[serde(default)]
    pub usd_cached_in: Option<f64>,
    /// Tokens read beyond which the long prices hold for the whole call.
    #[serde(default)]
    pub long_context_from: Option<usize>,
    /// US dollars for a million tokens read by a long call; cached ones cost the same share of it as of `usd_in`. Absent: as `usd_in`.
    #[serde(default)]
    pub long_usd_in: Option<f64>,
    /// US dollars for a million tokens written by a long call. Absent: as `usd_out`.
    #[serde(default)]
    pub long_usd_out: Option<f64>,
    /// Tokens that fit in one call, prompt and answer together; Ollama is told to make room for so many.
    #[serde(default = "context")]
    pub context: usize,
    /// Most tokens of one answer.
    #[serde(default = "max_output")]
    pub max_output: usize,
    /// Seconds without any output after which a call has failed.
    #[serde(default = "timeout")]
    pub timeout_seconds: f64,
    /// Calls that it answers at the same time; more wait for their turn.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// Calls that may begin within any minute; more wait. Absent: as many as there are.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// An HTTP proxy on the way to it, such as `http://proxy.example:3128`. Absent: as the environment says, and none on this machine.
    #[serde(default)]
    pub proxy: Option<String>,
    /// A file of certificates, in PEM and by its absolute path, that are trusted besides the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Seconds in which a connection must come about.
    #[serde(default = "connect")]
    pub connect_seconds: f64,
    /// Seconds for which a connection is kept for a next call; 0: not at all.
    #[serde(default = "idle")]
    pub idle_seconds: f64,
    /// How long Ollama keeps the model loaded after a call, such as `30m`; `-1` for ever. Absent: as Ollama does by itself.
    #[serde(default)]
    pub keep_alive: Option<String>,
    /// Whether it looks at images; `baton serve` passes them on to those that do.
    #[serde(default)]
    pub images: bool,
    /// Who runs it, a word of your own that `policy.providers` can name.
    #[serde(default)]
    pub provider: Option<String>,
    /// Where it runs, such as `eu`; `local`: on this machine, which every policy allows.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether what it is sent is kept beyond the call, for training or in logs.
    #[serde(default)]
    pub keeps_data: Option<bool>,
    /// Words by which `--only-worker` and `--not-worker` can name it, besides its name.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Which workers may be sent anything. What a worker does not declare is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyOptions {
    /// The only regions that a worker may be in.
    pub regions: Option<Vec<String>>,
    /// The only providers that a worker may be from.
    pub providers: Option<Vec<String>>,
    /// Whether a worker may keep what it is sent.
    pub allow_keeping: bool,
}

impl Default for PolicyOptions {
    fn default() -> Self {
        Self { regions: None, providers: None, allow_keeping: true }
    }
}

impl PolicyOptions {
    /// What both allow.
    pub fn and(&self, other: &Self) -> Self {
        let both = |own: &Option<Vec<String>>, others: &Option<Vec<String>>| match (own, others) {
            (Some(own), Some(others)) => {
                let in_both = own.iter().filter(|word| others.iter().any(|other| other.eq_ignore_ascii_case(word)));
                Some(in_both.cloned().collect())
            }
            (own, others) => own.as_ref().or(others.as_ref()).cloned(),
        };
        Self {
            regions: both(&self.regions, &other.regions),
            providers: both(&self.providers, &other.providers),
            allow_keeping: self.allow_keeping && other.allow_keeping,
        }
    }
}

impl WorkerOptions {
    /// The generative model of a conductor as a worker; `None` where there is none or it takes no part.
    pub fn conductor(conductor: &ConductorOptions) -> Option<Self> {
        let path = conductor.generator.as_ref().filter(|_| conductor.strength > 0.0)?;
        let written = serde_json::json!({
            "name": "conductor",
            "kind": "gguf",
            "path": path,
            "strength": conductor.strength,
            "context": conductor.context,
            "max_output": conductor.context / 4,
        });
        serde_json::from_value(written).ok()
    }

    /// `base_url`, or where workers of this kind are if it is absent.
    pub fn address(&self) -> &str {
        match self.kind {
            _ if !self.base_url.is_empty() => &self.base_url,
            WorkerKind::Openai => "",
            WorkerKind::Anthropic => "https://api.anthropic.com",
            WorkerKind::Gemini => "https://generativelanguage.googleapis.com",
            WorkerKind::Ollama => "http://127.0.0.1:11434",
            // Not an address that anything is sent to.
            WorkerKind::Gguf => "http://localhost",
        }
    }
}

/// The protocol that a worker speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerKind {
    /// OpenAI's chat completions, as llama-server, vLLM and most providers offer them.
    #[default]
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Ollama's own protocol, which sets the model's context.
    Ollama,
    /// None: a model file that Baton runs itself.
    Gguf,
}

/// The built-in worker that searches for a repair, with the tests as judge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepairOptions {
    /// Whether it takes part.
    pub enabled: bool,
    /// Seconds of one search.
    pub max_seconds: f64,
}

impl Default for RepairOptions {
    fn default() -> Self {
        Self { enabled: true, max_seconds: 60.0 }
    }
}

/// The built-in worker that asks the language's own tools for their fixes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolchainOptions {
    /// Whether it takes part.
    pub enabled: bool,
}

impl Default for ToolchainOptions {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The local model that conducts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConductorOptions {
    /// An encoder GGUF in place of the embedded one.
    pub encoder: Option<PathBuf>,
    /// A generative GGUF, any that follows instructions: it plans for tier `ultra` in place of the embedded one.
    pub generator: Option<PathBuf>,
    /// How often tier `ultra` may look at what came of its workflow and write a corrective one, 0 to 4: each time costs a plan and the work it plans.
    pub depth: usize,
    /// The share, 0 to 1, of what runs cost that may go to trying out workers of which little is known yet; 0: none.
    pub exploration: f64,
    /// Tokens that the generative model holds, prompt and answer together; fewer if it was made for fewer.
    pub context: usize,
    /// Your estimate of its chance, 0 to 1, to solve an ordinary task itself, as a worker called `conductor`; 0: it is not asked to.
    pub strength: f64,
    /// Minutes after which the memory of an idle generative model is freed.
    pub idle_minutes: f64,
    /// A model behind an API that plans in place of a GGUF; it takes what a `[[worker]]` takes, without a name.
    pub remote: Option<WorkerOptions>,
}

impl Default for ConductorOptions {
    fn default() -> Self {
        Self {
            encoder: None,
            generator: None,
            depth: 1,
            exploration: 0.05,
            context: 8192,
            strength: 0.1,
            idle_minutes: 10.0,
            remote: None,
        }
    }
}

/// Where `baton models pull` fetches from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelsOptions {
    /// A hub of models in place of https://huggingface.co; the environment variable HF_ENDPOINT goes before it.
    pub endpoint: Option<String>,
}

/// How patches are judged, beyond the project's own checks and tests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VerifyOptions {
    /// Whether examples in documentation and in the task become tests, refactored functions are called before and after, and small changes of the changed lines must be noticed by a test.
    pub evidence: bool,
    /// Seconds that one run of the tests may take. Where the whole suite takes longer, only the tests that reach the change are run, and the verdict says so.
    pub max_seconds: f64,
    /// Whether a worker is asked to write tests where nothing else can judge a change: another than the one that made it, within the budget.
    pub written_tests: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { evidence: true, max_seconds: 120.0, written_tests: true }
    }
}

/// The private copies of workspaces in which checks run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShadowOptions {
    /// Days after its last use when a workspace's copies are removed.
    pub keep_days: u32,
    /// Gigabytes that all copies may take together; those not used for the longest time are removed.
    pub max_gb: f64,
}

impl Default for ShadowOptions {
    fn default() -> Self {
        Self { keep_days: 14, max_gb: 20.0 }
    }
}

/// The record of runs.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerOptions {
    /// A PostgreSQL database in place of the file on this machine, for processes that share one ledger: `postgres://user@host/database`. What it leaves out comes from libpq's variables (`PGPASSWORD`, `PGSSLMODE` …) and `~/.pgpass`; `?sslmode=verify-full` proves whose server it is.
    pub url: Option<String>,
    /// The environment variable that holds the password for `ledger.url`.
    pub password_env: Option<String>,
    /// Whether prompts and replies are kept as texts too, without what looks like a secret; else only their hashes are. `baton runs ID --html` shows them.
    pub keep_texts: bool,
}

/// The endpoint that `baton serve` opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServeOptions {
    /// Where it listens. Any address but one of this machine alone needs `hosts`.
    pub listen: String,
    /// Further names by which clients may call it, such as `baton.example.org`, or `name:port`.
    pub hosts: Vec<String>,
    /// Pages that may ask it from a browser, such as `https://chat.example.org`; none unless named.
    pub origins: Vec<String>,
    /// Connections at the same time; more wait.
    pub max_connections: usize,
    /// Megabytes of one request.
    pub max_body_mb: f64,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:4141".into(),
            hosts: Vec::new(),
            origins: Vec::new(),
            max_connections: 4096,
            max_body_mb: 32.0,
        }
    }
}

/// Without the address: there may be a password in it.
impl fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, password_env, keep_texts } = self;
        let url = url.as_ref().map(|_| "…");
        let mut shown = f.debug_struct("LedgerOptions");
        shown.field("url", &url).field("password_env", password_env).field("keep_texts", keep_texts).finish()
    }
}

/// A compiler, type checker or linter: one that Baton knows, changed, or one of your own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckOptions {
    /// Whether it is run.
    pub enabled: bool,
    /// Program and arguments; `{paths}` stands for the changed files, `{path}` for one of them, `{cache}` for a directory that is kept.
    pub command: Option<Vec<String>>,
    /// Of a check of your own: the language whose files it is for.
    pub language: Option<String>,
    /// Of a check of your own: whether its warnings count too.
    pub lint: bool,
    /// What its output looks like: `gcc` (path:line:column: error: message), `plain` (path:line:column: message), `rustc`, `ruff`, `eslint`, `javac`, `msbuild`, `maven`, `kotlin`, `bash`, `php` or `node`. Of your own: `gcc` unless you say so.
    #[schemars(with = "Option<String>")]
    pub format: Option<Format>,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { enabled: true, command: None, language: None, lint: false, format: None }
    }
}

fn context() -> usize {
    32_768
}
fn max_output() -> usize {
    4_096
}
fn timeout() -> f64 {
    60.0
}
fn concurrency() -> usize {
    4
}
fn connect() -> f64 {
    10.0
}
fn idle() -> f64 {
    90.0
}
