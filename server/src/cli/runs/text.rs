//! Runs as text: a line each, or one of them whole. Words of models and names of files are shown as they are, without
//! what would move the cursor.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::visible::{in_line, visible};
use crate::ledger::{Row, RunRecord};
use crate::workflow::Access;

/// The value's word, as it is recorded.
pub(super) fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A run in the list.
pub(super) fn line(run: &RunRecord) -> String {
    let ago = ago(run.started);
    let workers: Vec<&str> = run.rows().iter().filter(|row| row.done.is_some()).map(|row| row.worker).collect();
    let workers = if workers.is_empty() { "-".to_owned() } else { workers.join(" → ") };
    let (goal, outcome, seconds) = (word(run.goal), word(run.outcome), run.ms as f64 / 1000.0);
    let by = if run.policy.is_empty() { word(run.tier) } else { run.policy.clone() };
    let rest = format!("{by:5} {goal:8} {outcome:10} {seconds:6.1} s  ${:.4}  {}  {workers}", run.usd, run.path);
    format!("{}  {ago:>8}  {}", run.id, in_line(&rest))
}

/// One run with all that is recorded of it.
pub(super) fn whole(run: &RunRecord) -> String {
    let mut text = format!("{}\nin {}\n{}\n", line(run), in_line(&run.root), in_line(&deciders(run)));
    let rows = run.rows();
    let deep = rows.iter().any(|row| row.depth > 0);
    let mut depth = None;
    for row in &rows {
        if deep && depth != Some(row.depth) {
            depth = Some(row.depth);
            text += &match row.depth {
                0 => "level 0: the first plan\n".to_owned(),
                depth => format!("level {depth}: planned anew after what came before\n"),
            };
        }
        text += &step(row);
    }
    let planning = run.planning;
    if planning.tokens_in > 0 || planning.tokens_out > 0 {
        text += &format!(
            "planning: {} tokens in, {} out, {}\n",
            planning.tokens_in,
            planning.tokens_out,
            usd(planning.usd)
        );
    }
    // The last step says the same, where steps say why.
    if rows.iter().all(|row| row.done.is_none_or(|done| done.why.is_empty())) && !run.conductor.why.is_empty() {
        text += &format!("why: {}\n", indented(&run.conductor.why));
    }
    if let Some(verdict) = &run.verdict {
        let report = verdict.report();
        text += &format!("verdict ({}): {}\n", word(report.level), indented(&report.climbed()));
        text.extend(report.report.lines().map(|line| format!("  {line}\n")));
    }
    text += &format!("{}: {}\n", word(run.outcome), indented(&run.message));
    visible(&text).into_owned()
}

fn step(row: &Row<'_>) -> String {
    let mut text = format!("step {}: {} as {}", row.number, in_line(row.worker), word(row.role));
    if let Some(planned) = row.planned {
        text += &format!(", seeing {}\n  asked: {}", seeing(&planned.access), indented(&planned.subtask));
    }
    text += "\n";
    let Some(done) = row.done else { return text + "  not begun\n" };
    if !done.why.is_empty() {
        text += &format!("  why: {}\n", indented(&done.why));
    }
    let usage = &done.usage;
    let cached = if usage.tokens_cached == 0 { String::new() } else { format!(" ({} cached)", usage.tokens_cached) };
    let began = done.began_ms.map_or(String::new(), |began| format!("after {} ", seconds(began)));
    text + &format!(
        "  {began}{} in {}, {} tokens in{cached}, {} out, {}\n",
        indented(&done.status),
        seconds(done.ms),
        usage.tokens_in,
        usage.tokens_out,
        usd(usage.usd)
    )
}

/// Text of several lines, none of which can be taken for one of ours.
fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

/// Who decided: a conductor with its model, or a policy.
pub(super) fn deciders(run: &RunRecord) -> String {
    let conductor = &run.conductor;
    match (run.policy.as_str(), conductor.name.as_str()) {
        ("", "") => "nobody was asked".into(),
        ("", name) => format!("conductor {name} ({})", conductor.model),
        (policy, _) => format!("policy {policy}, no conductor"),
    }
}

/// Which earlier steps a step sees.
pub(super) fn seeing(access: &Access) -> String {
    let numbers =
        |numbers: &[usize]| numbers.iter().map(|at| format!("step {}", at + 1)).collect::<Vec<_>>().join(", ");
    match access {
        Access::All => "all earlier steps".into(),
        Access::Steps(steps) if !steps.is_empty() => numbers(steps),
        Access::None | Access::Steps(_) => "no earlier step".into(),
    }
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

/// US dollars.
pub(super) fn usd(usd: f64) -> String {
    format!("${usd:.4}")
}

fn ago(started: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = (now.as_millis() as u64).saturating_sub(started) / 1000;
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86400),
    }
}
