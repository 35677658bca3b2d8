//! Configuration: [`Options`] as people write them, [`Config`] as the program uses it.
//!
//! The user's file may set everything. What an editor sends can come from a workspace that somebody
//! else wrote, so [`Config::narrowed`] takes from it only what lowers a limit or turns something off.

#[cfg(test)]
mod documentation;
mod editor;
mod options;
mod places;
pub mod trust;

pub use editor::{EditorOptions, from_editor};
pub use options::{
    BudgetOptions, CheckOptions, ConductorOptions, LedgerOptions, ModelsOptions, Options, PolicyOptions, RepairOptions,
    ServeOptions, ShadowOptions, ToolchainOptions, VerifyOptions, WorkerKind, WorkerOptions,
};
pub use places::Places;
pub use trust::Trust;

use std::collections::BTreeMap;
use std::path::Path;

use crate::task::Tier;

/// Configuration as used: complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The tier for tasks that do not name one.
    pub tier: Tier,
    /// Limits of one run.
    pub budget: BudgetOptions,
    /// The models that may be asked.
    pub workers: Vec<WorkerOptions>,
    /// Which of them may be sent anything.
    pub policy: PolicyOptions,
    /// The built-in `repair`.
    pub repair: RepairOptions,
    /// The built-in `toolchain`.
    pub toolchain: ToolchainOptions,
    /// The conductor.
    pub conductor: ConductorOptions,
    /// Where models are fetched from.
    pub models: ModelsOptions,
    /// How patches are judged.
    pub verify: VerifyOptions,
    /// The private copies.
    pub shadow: ShadowOptions,
    /// The record of runs.
    pub ledger: LedgerOptions,
    /// The endpoint that `baton serve` opens.
    pub serve: ServeOptions,
    /// What the user says of checks, by their names.
    pub checks: BTreeMap<String, CheckOptions>,
    /// Where files are.
    pub places: Places,
}

/// A configuration that cannot be used; the text names the file, the place in it and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads the user's file; a missing one means the defaults.
    pub fn load(places: Places) -> Result<Self, ConfigError> {
        let file = &places.config_file;
        let options = match std::fs::read_to_string(file) {
            Ok(text) => read(&text, file)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Options::default(),
            Err(e) => return Err(ConfigError(format!("{}: cannot be read: {e}", file.display()))),
        };
        Self::from_options(options, places)
    }

    /// Checks what has been written.
    pub fn from_options(mut options: Options, places: Places) -> Result<Self, ConfigError> {
        let at = |what: String| ConfigError(format!("{}: {what}", places.config_file.display()));
        for (index, worker) in options.worker.iter().enumerate() {
            if let Some(problem) = worker_problem(worker, &options.worker[..index]) {
                return Err(at(format!("worker `{}`: {problem}", worker.name)));
            }
        }
        if let Some(problem) = conductor_problem(&mut options.conductor) {
            return Err(at(format!("`conductor`: {problem}")));
        }
        if let Some(problem) = ledger_problem(&options.ledger) {
            return Err(at(format!("`ledger`: {problem}")));
        }
        for (name, check) in &options.checks {
            if let Some(problem) = check_problem(name, check) {
                return Err(at(format!("`checks.{name}`: {problem}")));
            }
        }
        for (key, value) in [
            ("budget.max_seconds", options.budget.max_seconds),
            ("budget.max_usd", options.budget.max_usd),
            ("repair.max_seconds", options.repair.max_seconds),
            ("conductor.idle_minutes", options.conductor.idle_minutes),
            ("shadow.max_gb", options.shadow.max_gb),
            ("verify.max_seconds", options.verify.max_seconds),
            ("serve.max_body_mb", options.serve.max_body_mb),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(at(format!("`{key}` must be a number of at least 0, not {value}")));
            }
        }
        Ok(Self {
            tier: options.tier.unwrap_or_default(),
            budget: options.budget,
            workers: options.worker,
            policy: options.policy,
            repair: options.repair,
            toolchain: options.toolchain,
            conductor: options.conductor,
            models: options.models,
            verify: options.verify,
            shadow: options.shadow,
            ledger: options.ledger,
            serve: options.serve,
            checks: options.checks,
            places,
        })
    }

    /// This configuration with what an editor sent: a tier, lower limits, fewer workers, fewer checks.
    pub fn narrowed(&self, editor: &EditorOptions) -> Self {
        let mut config = self.clone();
        config.tier = editor.tier.unwrap_or(self.tier);
        let lower = |own: f64, sent: Option<f64>| sent.map_or(own, |sent| own.min(sent));
        config.budget.max_seconds = lower(self.budget.max_seconds, editor.max_seconds);
        config.budget.max_usd = lower(self.budget.max_usd, editor.max_usd);
        if let Some(allowed) = &editor.workers {
            config.workers.retain(|worker| allowed.contains(&worker.name));
            if !allowed.iter().any(|name| name == "conductor") {
                config.conductor.strength = 0.0;
            }
            config.repair.enabled &= allowed.iter().any(|name| name == "repair");
            config.toolchain.enabled &= allowed.iter().any(|name| name == "toolchain");
        }
        let sent = PolicyOptions {
            regions: editor.regions.clone(),
            providers: editor.providers.clone(),
            allow_keeping: editor.allow_keeping.unwrap_or(true),
        };
        config.policy = self.policy.and(&sent);
        let without = editor.without_workers.iter().flatten();
        for name in without {
            config.workers.retain(|worker| worker.name != *name && !worker.tags.contains(name));
            config.repair.enabled &= name != "repair";
            config.toolchain.enabled &= name != "toolchain";
        }
        for name in editor.without_checks.iter().flatten() {
            config.checks.entry(name.clone()).or_default().enabled = false;
        }
        config
    }
}

fn read(text: &str, file: &Path) -> Result<Options, ConfigError> {
    toml::from_str(text).map_err(|e| {
        let line = 1 + e.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count());
        let message = e.message().lines().collect::<Vec<_>>().join(" ");
        ConfigError(format!("{} line {line}: {message}", file.display()))
    })
}

fn check_problem(name: &str, check: &CheckOptions) -> Option<String> {
    if check.command.as_ref().is_some_and(Vec::is_empty) {
        return Some("`command` names a program and its arguments".into());
    }
    if let Some(language) = &check.language
        && baton_grammars::by_alias(language).is_none()
    {
        return Some(format!("there is no language `{language}`"));
    }
    let mut known = baton_grammars::all().iter().flat_map(|language| &language.facts.check);
    let is_own = !known.any(|known| known.name == name);
    match (is_own, &check.language) {
        (true, None) => Some("Baton knows no such check; one of your own needs `language` and `command`".into()),
        (true, Some(_)) if check.command.is_none() => Some("a check of your own needs a `command`".into()),
        (false, Some(_)) => Some("Baton knows its language; leave `language` out".into()),
        _ => None,
    }
}

/// Also names the remote conductor: it is known by its place.
fn conductor_problem(conductor: &mut ConductorOptions) -> Option<String> {
    if conductor.depth > 4 {
        return Some(format!("`depth` is 0 to 4, not {}", conductor.depth));
    }
    if !(0.0..=1.0).contains(&conductor.strength) {
        return Some(format!("`strength` is a chance between 0 and 1, not {}", conductor.strength));
    }
    if !(0.0..=1.0).contains(&conductor.exploration) {
        return Some(format!("`exploration` is a share between 0 and 1, not {}", conductor.exploration));
    }
    if !(1024..=1 << 20).contains(&conductor.context) {
        return Some(format!("`context` is between 1024 and 1048576 tokens, not {}", conductor.context));
    }
    if let Some(path) = conductor.generator.as_ref().filter(|path| !path.is_absolute()) {
        return Some(format!("`generator` must be an absolute path, not `{}`", path.display()));
    }
    let remote = conductor.remote.as_mut()?;
    if remote.kind == WorkerKind::Gguf {
        return Some("a model file goes to `generator`, not to `remote`".into());
    }
    if !remote.name.is_empty() {
        return Some("`remote` has no `name`".into());
    }
    remote.name = "conductor.remote".into();
    worker_problem(remote, &[]).map(|problem| format!("`remote`: {problem}"))
}

/// Says nothing of what the address is: there may be a password in it.
fn ledger_problem(ledger: &LedgerOptions) -> Option<String> {
    let Some(url) = &ledger.url else {
        return ledger
            .password_env
            .is_some()
            .then(|| "`password_env` is for the server of `url`, which is missing".into());
    };
    let after = |scheme| url.strip_prefix(scheme);
    let Some(address) = after("postgres://").or_else(|| after("postgresql://")) else {
        return Some("`url` is the address of a PostgreSQL server, such as postgres://user@host/database".into());
    };
    // A `/` in a password would end it, and what follows it would be taken for the database's name and shown.
    let rest = address.find(['/', '?', '#']).map_or("", |at| &address[at..]);
    rest.contains('@').then(|| "in a password of `url`, write %2F for /, %3F for ?, %23 for # and %40 for @".into())
}

fn worker_problem(worker: &WorkerOptions, earlier: &[WorkerOptions]) -> Option<String> {
    let built_in = ["repair", "toolchain", "conductor"].contains(&worker.name.as_str());
    if worker.name.is_empty() || built_in || earlier.iter().any(|w| w.name == worker.name) {
        return Some(
            "give every worker a name of its own (`repair`, `toolchain` and `conductor` are the built-in ones)".into(),
        );
    }
    match (worker.kind, &worker.path) {
        (WorkerKind::Gguf, Some(path)) if path.is_absolute() => {}
        (WorkerKind::Gguf, _) => return Some("a worker of kind `gguf` needs the absolute `path` of its file".into()),
        (_, Some(_)) => return Some("`path` is for workers of kind `gguf`".into()),
        (_, None) if worker.model.is_empty() => return Some("`model` is missing: the model's name there".into()),
        _ => {}
    }
    if worker.kind == WorkerKind::Gguf && !worker.base_url.is_empty() {
        return Some("a worker of kind `gguf` has no `base_url`".into());
    }
    let address = worker.address();
    if address.is_empty() {
        return Some("a worker of kind `openai` needs a `base_url`, such as http://127.0.0.1:8080/v1".into());
    }
    if !(address.starts_with("http://") || address.starts_with("https://")) {
        return Some(format!("`base_url` must start with http:// or https://, not `{address}`"));
    }
    if let Some(strength) = worker.strength.filter(|strength| !(0.0..=1.0).contains(strength)) {
        return Some(format!("`strength` is a chance between 0 and 1, not {strength}"));
    }
    if !(worker.usd_in >= 0.0 && worker.usd_out >= 0.0) {
        return Some("`usd_in` and `usd_out` are prices of at least 0".into());
    }
    if worker.max_output == 0 || worker.context <= worker.max_output {
        return Some("`context` must be larger than `max_output`, and both above 0".into());
    }
    if worker.timeout_seconds.is_nan() || worker.timeout_seconds <= 0.0 {
        return Some("`timeout_seconds` must be above 0".into());
    }
    if worker.key_command.as_ref().is_some_and(Vec::is_empty) {
        return Some("`key_command` names a program and its arguments".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Config, EditorOptions, Places};

    const WORKER: &str = "[[worker]]\nname = 'a'\nbase_url = 'http://127.0.0.1:1/v1'\nmodel = 'm'\n";

    fn load(text: &str) -> Result<Config, String> {
        let options = super::read(text, Path::new("config.toml")).map_err(|e| e.to_string())?;
        let places = Places::below(Path::new("/home/u"));
        Config::from_options(options, places).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let broken = [
            "tier = 'maxi'".to_owned(),
            "teir = 'mini'".to_owned(),
            "[budget]\nmax_usd = -1".to_owned(),
            format!("{WORKER}strength = 2.0"),
            format!("{WORKER}{WORKER}"),
            WORKER.replace("http:", "ftp:"),
            format!("{WORKER}context = 100"),
            "tier = ".to_owned(),
            "[conductor]\nstrength = 2".to_owned(),
            "[conductor]\ncontext = 10".to_owned(),
            "[conductor]\ngenerator = 'model.gguf'".to_owned(),
            "[conductor]\nidle_minutes = -1".to_owned(),
            "[conductor.remote]\nmodel = 'm'".to_owned(),
            "[conductor.remote]\nmodel = 'm'\nbase_url = 'ftp://x'".to_owned(),
            "[conductor.remote]\nname = 'a'\nmodel = 'm'\nbase_url = 'http://x'".to_owned(),
            WORKER.replace("name = 'a'\n", ""),
            WORKER.replace("'a'", "'conductor'"),
            "[conductor.remote]\nkind = 'gguf'\npath = '/m.gguf'".to_owned(),
            "[[worker]]\nname = 'a'\nkind = 'gguf'\npath = 'm.gguf'".to_owned(),
            "[[worker]]\nname = 'a'\nkind = 'gguf'\npath = '/m.gguf'\nbase_url = 'http://x'".to_owned(),
            format!("{WORKER}path = '/m.gguf'"),
            WORKER.replace("model = 'm'", ""),
            "[checks.clipy]\nenabled = false".to_owned(),
            "[checks.own]\nlanguage = 'rust'".to_owned(),
            "[checks.own]\nlanguage = 'brainfuck'\ncommand = ['x']".to_owned(),
            "[checks.clippy]\ncommand = []".to_owned(),
            "[checks.clippy]\nformat = 'xml'".to_owned(),
            "[conductor]\ndepth = 5".to_owned(),
            "[conductor]\nexploration = 1.5".to_owned(),
            "[ledger]\nurl = 'mysql://u:secret@h/db'".to_owned(),
            "[ledger]\nurl = 'postgres://u:12/secret@h/db'".to_owned(),
            "[ledger]\npassword_env = 'X'".to_owned(),
        ];
        let messages: Vec<String> = broken.iter().map(|text| load(text).unwrap_err()).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn an_editor_can_only_narrow() {
        let config = load(&format!("[budget]\nmax_usd = 0.2\n{WORKER}")).unwrap();
        let sent = EditorOptions { max_usd: Some(9.0), max_seconds: Some(5.0), ..EditorOptions::default() };
        let narrowed = config.narrowed(&sent);
        assert_eq!((narrowed.budget.max_usd, narrowed.budget.max_seconds), (0.2, 5.0));
        assert_eq!(narrowed.workers.len(), 1);
        let sent = EditorOptions { workers: Some(vec!["repair".into(), "b".into()]), ..EditorOptions::default() };
        let narrowed = config.narrowed(&sent);
        assert!(narrowed.workers.is_empty() && narrowed.repair.enabled && !narrowed.toolchain.enabled);
        let sent =
            EditorOptions { without_workers: Some(vec!["a".into(), "repair".into()]), ..EditorOptions::default() };
        let narrowed = config.narrowed(&sent);
        assert!(narrowed.workers.is_empty() && !narrowed.repair.enabled && narrowed.toolchain.enabled);
        let sent = EditorOptions { without_checks: Some(vec!["clippy".into()]), ..EditorOptions::default() };
        assert!(!config.narrowed(&sent).checks["clippy"].enabled);
    }

    #[test]
    fn an_editor_can_only_narrow_where_text_goes() {
        let own = "[policy]\nregions = ['eu', 'ch']\nallow_keeping = false\n";
        let list = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let sent = EditorOptions {
            regions: list(&["us", "EU"]),
            providers: list(&["acme"]),
            allow_keeping: Some(true),
            ..EditorOptions::default()
        };
        let narrowed = load(own).unwrap().narrowed(&sent).policy;
        assert_eq!((narrowed.regions, narrowed.providers), (list(&["eu"]), list(&["acme"])));
        assert!(!narrowed.allow_keeping);
        let nothing =
            load(own).unwrap().narrowed(&EditorOptions { regions: list(&["us"]), ..EditorOptions::default() });
        assert_eq!(nothing.policy.regions, list(&[]), "nothing is left, which is not everything");
    }
}
