//! One run as a web page of its own: what it did as a picture, with everything that the record knows. All of its text
//! may come from models, tools and repositories, so nothing reaches the page but through one place that escapes it,
//! and the page itself forbids scripts and whatever is elsewhere.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, escape_formatter};
use serde::Serialize;

use super::graph::Graph;
use super::text::{deciders, seconds, seeing, usd, word};
use super::timeline::Timeline;
use crate::cli::visible::{in_line, visible};
use crate::ledger::{Row, RunRecord, Texts};
use crate::run::{CANCELLED, Kind, NOT_BEGUN};
use crate::verify::{Rung, RungEnd, Verdict};
use crate::workflow::Role;

/// Most letters of a worker's name and of a status in a picture; the lists have them whole.
const NAME: usize = 19;
const STATUS: usize = 15;
/// The last time that can be written as a date, in the year 9999; later ones are no times of runs.
const LAST: u64 = 253_402_300_799_000;
/// Most letters of the task in a picture.
const TASK: usize = 34;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    let lines = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(lines.unwrap_or_else(|error| unreachable!("the syntax is Jinja's own: {error}")));
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    // The one place: text is made visible and escaped, whatever a template says of it.
    templates.set_formatter(|out, state, value| match value.as_str() {
        Some(text) => escape_formatter(out, state, &Value::from(visible(text).into_owned())),
        None => escape_formatter(out, state, value),
    });
    let page = templates.add_template("page.html", include_str!("page.html"));
    page.unwrap_or_else(|error| unreachable!("page.html is ours: {error}"));
    templates
});

#[derive(Serialize)]
struct Whole<'a> {
    run: Head<'a>,
    steps: Vec<Taken<'a>>,
    planning: Option<Planning>,
    graph: Graph,
    drawn: Vec<Drawn>,
    timeline: Option<Timeline>,
    version: &'a str,
}

#[derive(Serialize)]
struct Head<'a> {
    id: &'a str,
    goal: String,
    path: &'a str,
    task_short: String,
    root: &'a str,
    instruction_hash: &'a str,
    outcome: String,
    class: &'static str,
    message: &'a str,
    conductor: String,
    why: &'a str,
    verdict: Option<Judgement<'a>>,
    usd: String,
    seconds: String,
    began: String,
    tokens_in: u64,
    tokens_out: u64,
    tokens_cached: u64,
}

/// A box of the picture: a step, or of a run without steps a check.
#[derive(Serialize)]
struct Drawn {
    class: &'static str,
    /// All of it, for who points at it.
    title: String,
    name: String,
    status: String,
    cost: String,
}

#[derive(Serialize)]
struct Planning {
    tokens_in: u64,
    tokens_cached: u64,
    tokens_out: u64,
    usd: String,
}

#[derive(Serialize)]
struct Judgement<'a> {
    climbed: String,
    report: &'a str,
    rungs: Vec<Stood<'a>>,
}

#[derive(Serialize)]
struct Stood<'a> {
    name: &'a str,
    level: String,
    end: String,
    class: &'static str,
    reason: &'a str,
    seconds: String,
}

#[derive(Serialize)]
struct Taken<'a> {
    number: usize,
    worker: &'a str,
    worker_short: String,
    role: String,
    sees: String,
    asked: &'a str,
    why: &'a str,
    depth: usize,
    done: bool,
    status: &'a str,
    status_short: String,
    status_word: String,
    status_rest: &'a str,
    class: &'static str,
    began: String,
    seconds: String,
    tokens_in: u64,
    tokens_cached: u64,
    tokens_out: u64,
    usd: String,
    prompt_hash: &'a str,
    texts: Option<&'a Texts>,
}

/// The page. `texts`: what was kept of prompts and replies, by the steps' numbers.
pub(super) fn page(run: &RunRecord, texts: &[(usize, Texts)]) -> Result<String> {
    let rows = run.rows();
    let steps: Vec<Taken<'_>> = rows.iter().map(|row| taken(row, texts)).collect();
    let rungs = run.verdict.as_ref().map_or(&[][..], |verdict| &verdict.report().rungs);
    let (graph, drawn) = match &steps[..] {
        [] => (Graph::of_checks(rungs.len()), rungs.iter().map(|rung| Drawn::check(&stood(rung))).collect()),
        steps => (Graph::of(&rows), steps.iter().map(Drawn::step).collect()),
    };
    let whole = Whole {
        run: head(run, &steps),
        planning: planning(run),
        steps,
        graph,
        drawn,
        timeline: Timeline::of(run, &rows),
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(TEMPLATES.get_template("page.html")?.render(Serde(&whole))?)
}

impl Drawn {
    fn step(step: &Taken<'_>) -> Self {
        let asked = if step.asked.is_empty() { String::new() } else { format!(": {}", step.asked) };
        Self {
            class: step.class,
            title: format!("{} · {} · {} · {}{asked}", step.number, step.worker, step.role, step.status),
            name: format!("{} · {}", step.number, step.worker_short),
            status: format!("{}: {}", step.role, step.status_short),
            cost: if step.done { format!("{} · {}", step.seconds, step.usd) } else { String::new() },
        }
    }

    fn check(rung: &Stood<'_>) -> Self {
        let because = if rung.reason.is_empty() { String::new() } else { format!(": {}", rung.reason) };
        Self {
            class: rung.class,
            title: format!("{} · {}{because}", rung.name, rung.end),
            name: shortened(&in_line(rung.name), NAME),
            status: rung.end.clone(),
            cost: rung.seconds.clone(),
        }
    }
}

fn head<'a>(run: &'a RunRecord, steps: &[Taken<'a>]) -> Head<'a> {
    let goal = capital(&word(run.goal));
    let began = UNIX_EPOCH + Duration::from_millis(run.started.min(LAST));
    Head {
        id: &run.id,
        task_short: shortened(&format!("{goal} {}", in_line(&run.path)), TASK),
        goal,
        path: &run.path,
        root: &run.root,
        instruction_hash: &run.instruction_hash,
        outcome: word(run.outcome).replace('_', " "),
        class: match run.outcome {
            Kind::Verified => "ok",
            Kind::Unverified | Kind::Stale => "doubt",
            Kind::NoChange => "info",
            Kind::Failed => "bad",
            Kind::Cancelled => "off",
        },
        message: &run.message,
        conductor: deciders(run),
        // The last step says the same, where steps say why.
        why: if steps.iter().any(|step| !step.why.is_empty()) { "" } else { &run.conductor.why },
        verdict: run.verdict.as_ref().map(judgement),
        usd: usd(run.usd),
        seconds: seconds(run.ms),
        began: httpdate::fmt_http_date(began),
        tokens_in: steps.iter().map(|step| step.tokens_in).fold(run.planning.tokens_in, u64::saturating_add),
        tokens_out: steps.iter().map(|step| step.tokens_out).fold(run.planning.tokens_out, u64::saturating_add),
        tokens_cached: steps
            .iter()
            .map(|step| step.tokens_cached)
            .fold(run.planning.tokens_cached, u64::saturating_add),
    }
}

fn planning(run: &RunRecord) -> Option<Planning> {
    let used = run.planning;
    let nothing = used.tokens_in == 0 && used.tokens_out == 0;
    let (tokens_in, tokens_cached, tokens_out) = (used.tokens_in, used.tokens_cached, used.tokens_out);
    (!nothing).then(|| Planning { tokens_in, tokens_cached, tokens_out, usd: usd(used.usd) })
}

fn judgement(verdict: &Verdict) -> Judgement<'_> {
    let report = verdict.report();
    Judgement { climbed: report.climbed(), report: &report.report, rungs: report.rungs.iter().map(stood).collect() }
}

fn stood(rung: &Rung) -> Stood<'_> {
    let class = match rung.end {
        RungEnd::Passed => "ok",
        RungEnd::Failed => "bad",
        RungEnd::Doubted => "doubt",
        RungEnd::Missing | RungEnd::NotRun => "off",
    };
    Stood {
        name: &rung.name,
        level: word(rung.level),
        end: word(rung.end).replace('_', " "),
        class,
        reason: &rung.reason,
        seconds: seconds(rung.ms),
    }
}

fn taken<'a>(row: &Row<'a>, texts: &'a [(usize, Texts)]) -> Taken<'a> {
    let done = row.done;
    let status = done.map_or(NOT_BEGUN, |done| &done.status);
    let (status_word, status_rest) = status.split_once(": ").unwrap_or((status, ""));
    let usage = done.map(|done| done.usage).unwrap_or_default();
    Taken {
        number: row.number,
        worker: row.worker,
        worker_short: shortened(&in_line(row.worker), NAME),
        role: word(row.role),
        sees: row.planned.map(|step| seeing(&step.access)).unwrap_or_default(),
        asked: row.planned.map_or("", |step| &step.subtask),
        why: done.map_or("", |done| &done.why),
        depth: row.depth,
        done: done.is_some(),
        status,
        status_short: shortened(&in_line(&status_word.replace('_', " ")), STATUS),
        status_word: status_word.replace('_', " "),
        status_rest,
        class: class(status, row.role),
        began: done.and_then(|done| done.began_ms).map(seconds).unwrap_or_default(),
        seconds: done.map(|done| seconds(done.ms)).unwrap_or_default(),
        tokens_in: usage.tokens_in,
        tokens_cached: usage.tokens_cached,
        tokens_out: usage.tokens_out,
        usd: done.map(|_| usd(usage.usd)).unwrap_or_default(),
        prompt_hash: done.map_or("", |done| &done.prompt_hash),
        texts: texts.iter().find(|(number, _)| *number == row.number).map(|(_, texts)| texts),
    }
}

/// How a status looks.
fn class(status: &str, role: Role) -> &'static str {
    match status {
        "verified" => "ok",
        CANCELLED | "declined" | NOT_BEGUN => "off",
        "rejected" | "refused" | "no_fix" => "bad",
        // Of who thinks or judges words are what was wanted.
        "prose" if role == Role::Worker => "bad",
        error if error.starts_with("error") => "bad",
        "unverified" => "doubt",
        _ => "info",
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// At most so many letters; pictures have no second line.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
