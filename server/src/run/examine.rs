//! What this machine and this configuration offer to a run, for `baton doctor`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use baton_grammars::Check;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::config::{Config, Trust};
use crate::ledger::Ledger;
use crate::verify::{Sandbox, overlays_work};

/// One thing that a run uses, and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    mark: Mark,
    what: String,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    Note,
    Bad,
}

impl Finding {
    /// It is there and works.
    pub fn good(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { mark: Mark::Good, what: what.into(), detail: detail.into() }
    }

    /// It could be there, and Baton works without it.
    pub fn note(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { mark: Mark::Note, what: what.into(), detail: detail.into() }
    }

    /// It is needed and does not work.
    pub fn bad(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { mark: Mark::Bad, what: what.into(), detail: detail.into() }
    }

    /// Whether nothing that is needed is missing.
    pub fn is_sound(&self) -> bool {
        self.mark != Mark::Bad
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Good => "ok     ",
            Mark::Note => "note   ",
            Mark::Bad => "missing",
        };
        write!(f, "{mark} {:14} {}", self.what, self.detail)
    }
}

/// Looks at everything that a run would use; the conductor's model is really loaded, no worker is contacted.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![match Sandbox::probe() {
        Ok(sandbox) => {
            let found = format!("confined by {}: tests can be run", sandbox.level());
            match sandbox.refused() {
                None => Finding::good("sandbox", found),
                Some(why) => Finding::note("sandbox", format!("{found}, without any network; {why}")),
            }
        }
        Err(reason) => Finding::bad("sandbox", format!("{reason}; until then patches are parsed only")),
    }];
    if let Ok(sandbox) = Sandbox::probe() {
        findings.push(match overlays_work(&sandbox, &config.places.cache_dir, None).await {
            Ok(()) => Finding::good("private copy", "overlays work: checks share one, and none can change it"),
            Err(why) => Finding::note(
                "private copy",
                format!(
                    "no overlays here ({why}): each check has a whole one, looked over before use, which is slower"
                ),
            ),
        });
    }
    let engine = Engine::new(config.clone(), Trust::default());
    let memory = engine.memory();
    let model = memory.conductor.host().model_name();
    let started = Instant::now();
    findings.push(match memory.conductor.host().embed("a bug in a loop", &CancellationToken::new()).await {
        Ok(vector) => {
            let ms = started.elapsed().as_millis();
            Finding::good(
                "conductor",
                format!("{model} started, loaded and read a sentence in {ms} ms ({} numbers)", vector.len()),
            )
        }
        Err(reason) => {
            Finding::bad("conductor", format!("{reason}; until then workers are ordered by what you declared"))
        }
    });
    findings.push(match memory.conductor.heads() {
        Ok(name) => Finding::good("heads", name),
        Err(why) => Finding::note("heads", why),
    });
    findings.push(match &memory.ledger {
        Some(ledger) => read(ledger.clone()).await,
        None => Finding::bad("ledger", memory.problems.join("; ")),
    });
    findings.extend(engine.problems().into_iter().map(|problem| Finding::bad("worker", problem)));
    findings.extend(tools());
    if config.toolchain.enabled {
        findings.push(fixers());
    }
    if config.repair.enabled {
        findings.push(Finding::good("repair", "built in: needs failing tests, no key, no network"));
    }
    for worker in &config.workers {
        let key = match (&worker.key_env, &worker.key_command) {
            (Some(name), _) if std::env::var_os(name).is_none() => {
                findings.push(Finding::bad(
                    &worker.name,
                    format!("the variable {name} that should hold its key is not set"),
                ));
                continue;
            }
            (Some(name), _) => format!("key from ${name}"),
            (None, Some(_)) => "key from a command".to_owned(),
            (None, None) => "no key".to_owned(),
        };
        findings.push(Finding::good(&worker.name, format!("{} at {} ({key})", worker.model, worker.address())));
    }
    if config.workers.is_empty() {
        let file = config.places.config_file.display();
        findings
            .push(Finding::note("models", format!("none: add a [[worker]] to {file} for questions and larger fixes")));
    }
    findings
}

/// Which ledger it is, and whether it can be read: a server is there or not, whatever the configuration says.
async fn read(ledger: Arc<Ledger>) -> Finding {
    let started = Instant::now();
    let place = ledger.place();
    match tokio::task::spawn_blocking(move || ledger.count()).await {
        Ok(Ok(runs)) => {
            let ms = started.elapsed().as_millis();
            Finding::good("ledger", format!("{place}: {runs} runs, counted in {ms} ms"))
        }
        Ok(Err(problem)) => Finding::bad("ledger", format!("{problem:#}")),
        Err(_) => Finding::bad("ledger", format!("{place} could not be read")),
    }
}

/// Whose own fixes the built-in `toolchain` can ask for on this machine; a project may have others of its own.
fn fixers() -> Finding {
    let fixers = baton_grammars::all().iter().flat_map(|language| &language.facts.fixer);
    let (mut here, mut missing) = (Vec::new(), Vec::new());
    for fixer in fixers {
        let list = if program(&fixer.command[0]).is_some() { &mut here } else { &mut missing };
        if !list.contains(&fixer.name.as_str()) {
            list.push(fixer.name.as_str());
        }
    }
    let missing = if missing.is_empty() { String::new() } else { format!("; not found: {}", missing.join(", ")) };
    Finding::good("toolchain", format!("built in: asks for the fixes of {}{missing}", here.join(", ")))
}

/// The program of that name on this machine.
fn program(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The programs that tests and checks start with.
fn tools() -> Vec<Finding> {
    let mut programs: Vec<(&str, Vec<String>)> = Vec::new();
    for language in baton_grammars::all() {
        let facts = &language.facts;
        let runners = facts.runner.iter().flat_map(|runner| runner.programs());
        let tests = runners.map(|program| (program, format!("tests of {}", facts.name)));
        let named = facts.check.iter().filter(|check| !check.command[0].starts_with('{'));
        // What goes through a shell is what the check needs.
        let needed = |check: &'static Check| match (check.command[0].as_str(), check.needs.first()) {
            ("sh" | "cargo", Some(needed)) => needed.as_str(),
            (program, _) => program,
        };
        let checks = named.map(|check| (needed(check), format!("{} of {}", check.name, facts.name)));
        for (program, use_) in tests.chain(checks) {
            match programs.iter_mut().find(|(name, _)| *name == program) {
                Some((_, uses)) => uses.push(use_),
                None => programs.push((program, vec![use_])),
            }
        }
    }
    programs
        .into_iter()
        .map(|(name, mut uses)| {
            uses.dedup();
            let uses = uses.join(", ");
            match program(name) {
                Some(path) => Finding::good(name, format!("{} ({uses})", path.display())),
                None => Finding::note(name, format!("not found: no {uses}, unless a project brings its own")),
            }
        })
        .collect()
}
