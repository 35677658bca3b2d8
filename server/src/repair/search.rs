//! The search: candidates in order of their chance, judged on every lane at once, until one passes all tests.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use baton_grammars::Language;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use super::judge::{Judge, Judgement};
use super::localise;
use super::templates::{Candidate, candidates};
use crate::patch::{Edit, apply};

/// How long a test may take that was once too slow, and one that was twice.
const PATIENCE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(6)];
/// The share of the time that second chances for slow candidates may take.
const SLOW_SHARE: f64 = 0.25;
/// Candidates that are judged before any gets a second chance.
const SLOW_AFTER: usize = 60;
/// Most pairs of edits that are tried.
const MAX_PAIRS: usize = 4000;
/// Candidates between two reports of progress.
const REPORT_EVERY: usize = 20;

/// The program to repair.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its language.
    pub language: &'a Language,
    /// The text of the file.
    pub text: &'a str,
    /// Bytes of the text that the task points at: they count for more, the rest is not left out.
    pub focus: Option<&'a Range<usize>>,
}

/// What a search may use up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When it must have ended.
    pub deadline: Instant,
}

/// How far a search is. `Display` is the line that people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Candidates judged.
    pub tried: usize,
    /// Candidates known of.
    pub of: usize,
    /// The most failing tests that one candidate mended.
    pub best: usize,
    /// Tests that failed before.
    pub failing: usize,
}

/// A repair that passed all tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The edits, in order of the text.
    pub edits: Vec<Edit>,
    /// Candidates judged.
    pub tried: usize,
    /// What it is and how it was found, in words.
    pub why: String,
}

/// A search without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// Candidates judged.
    pub tried: usize,
    /// Why there is no result, in words.
    pub why: String,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tried, of, best, failing } = self;
        write!(f, "tried {tried} of {of}, best: {best} of {failing} failing tests pass")
    }
}

/// Looks for the edit of `target` that makes `judge` accept it. `progress` is told how far it is. It ends at the
/// deadline or when `cancel` is cancelled, giving up the judgements that are then under way.
pub async fn search<J: Judge>(
    target: Target<'_>,
    judge: &J,
    limits: Limits,
    mut progress: impl FnMut(&Progress) + Send,
    cancel: &CancellationToken,
) -> Result<Found, NotFound> {
    let failing = judge.trace().tests.iter().filter(|test| !test.passed).count();
    let nothing = |why: String| Err(NotFound { tried: 0, why });
    if failing == 0 {
        return nothing("no test that reaches this file fails, so there is nothing to search by".to_owned());
    }
    let lines = localise::lines(target.text, judge.trace(), target.focus);
    let singles = match candidates(target.text, target.language, &lines, judge.trace()) {
        Ok(singles) => singles,
        Err(why) => return nothing(why),
    };
    let mut hunt = Hunt::new(target, judge, limits.deadline, failing, singles);
    let until = tokio::time::Instant::from_std(limits.deadline);
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Err("cancelled".to_owned()),
        () = tokio::time::sleep_until(until) => Err("the time was over".to_owned()),
        best = hunt.run(&mut progress) => best.ok_or_else(|| "no edit that it knows makes all tests pass".to_owned()),
    };
    progress(&hunt.progress());
    match ended {
        Ok(best) => Ok(hunt.found(best)),
        Err(why) => Err(NotFound { tried: hunt.tried, why: format!("{why} after {} candidates", hunt.tried) }),
    }
}

struct Hunt<'a, J> {
    target: Target<'a>,
    judge: &'a J,
    deadline: Instant,
    started: Instant,
    failing: usize,
    candidates: Vec<Candidate>,
    next: usize,
    singles: usize,
    slow: [VecDeque<usize>; 2],
    slow_time: Duration,
    improvers: Vec<(usize, usize)>,
    seen: HashSet<String>,
    errors: usize,
    tried: usize,
}

impl<'a, J: Judge> Hunt<'a, J> {
    fn new(target: Target<'a>, judge: &'a J, deadline: Instant, failing: usize, candidates: Vec<Candidate>) -> Self {
        let errors = syntax_errors(&target, target.text).unwrap_or(0);
        Self {
            target,
            judge,
            deadline,
            started: Instant::now(),
            failing,
            singles: candidates.len(),
            candidates,
            next: 0,
            slow: Default::default(),
            slow_time: Duration::ZERO,
            improvers: Vec::new(),
            seen: HashSet::from([target.text.to_owned()]),
            errors,
            tried: 0,
        }
    }

    fn progress(&self) -> Progress {
        let best = self.improvers.iter().map(|(_, mended)| *mended).max().unwrap_or(0);
        Progress { tried: self.tried, of: self.candidates.len(), best, failing: self.failing }
    }

    /// Keeps every lane busy; the best candidate that passed.
    async fn run(&mut self, progress: &mut (impl FnMut(&Progress) + Send)) -> Option<usize> {
        let judge = self.judge;
        let mut lanes: Vec<usize> = (0..judge.lanes().max(1)).collect();
        let mut under_way = FuturesUnordered::new();
        let mut best: Option<usize> = None;
        loop {
            while best.is_none()
                && let Some(lane) = lanes.pop()
            {
                let Some((at, text, patience)) = self.draw(under_way.is_empty()) else {
                    lanes.push(lane);
                    break;
                };
                under_way.push(async move {
                    let began = Instant::now();
                    let judgement = judge.judge(lane, &text, patience).await;
                    (lane, at, patience, judgement, began.elapsed())
                });
            }
            let Some((lane, at, patience, judgement, took)) = under_way.next().await else { return best };
            lanes.push(lane);
            self.tried += 1;
            match judgement {
                // Those that were under way at the same time may still win: the likelier one does.
                Judgement::Passed => best = Some(best.map_or(at, |other: usize| self.better(other, at))),
                Judgement::Failed { mended } if mended > 0 && at < self.singles => self.improvers.push((at, mended)),
                Judgement::Slow => self.postpone(at, patience),
                _ => {}
            }
            if patience.is_some() {
                self.slow_time += took;
            }
            if self.tried.is_multiple_of(REPORT_EVERY) {
                progress(&self.progress());
            }
        }
    }

    fn postpone(&mut self, at: usize, patience: Option<Duration>) {
        match patience {
            None => self.slow[0].push_back(at),
            Some(patience) if patience < PATIENCE[1] => self.slow[1].push_back(at),
            Some(_) => {}
        }
    }

    fn better(&self, one: usize, other: usize) -> usize {
        if self.candidates[other].chance > self.candidates[one].chance { other } else { one }
    }

    /// The next candidate that is worth judging, as text; `None` when there is none (any more, if `is_idle`).
    fn draw(&mut self, is_idle: bool) -> Option<(usize, String, Option<Duration>)> {
        let is_done = self.next >= self.candidates.len();
        let share = self.slow_time.as_secs_f64() / self.started.elapsed().as_secs_f64().max(0.1);
        // Second chances come between the others, within their share of the time; third ones when all else is done.
        for (nth, patience) in PATIENCE.into_iter().enumerate() {
            let is_due = is_done || (nth == 0 && share < SLOW_SHARE && self.tried > SLOW_AFTER);
            if is_due && let Some(at) = self.slow[nth].pop_front() {
                let text = apply(self.target.text, &self.candidates[at].edits)?;
                let left = self.deadline.saturating_duration_since(Instant::now());
                return Some((at, text, Some(patience.min(left))));
            }
        }
        loop {
            if self.next == self.candidates.len() && is_idle && self.candidates.len() == self.singles {
                self.pair();
            }
            let candidate = self.candidates.get(self.next)?;
            self.next += 1;
            if let Some(text) = apply(self.target.text, &candidate.edits)
                && self.seen.insert(text.clone())
                && self.parses(&text)
            {
                return Some((self.next - 1, text, None));
            }
        }
    }

    fn parses(&self, text: &str) -> bool {
        syntax_errors(&self.target, text).is_some_and(|errors| errors <= self.errors)
    }

    /// Adds pairs of edits: those that mended something, each with another of them or with a likely single one.
    fn pair(&mut self) {
        self.improvers.sort_by_key(|(at, mended)| (std::cmp::Reverse(*mended), *at));
        let mut pairs = Vec::new();
        for (nth, (one, mended)) in self.improvers.iter().take(60).enumerate() {
            let others = self.improvers[nth + 1..].iter().take(60).map(|(at, _)| *at);
            for other in others.chain(0..self.singles.min(200)) {
                let (a, b) = (&self.candidates[*one], &self.candidates[other]);
                if let Some(edits) = joined(&a.edits, &b.edits) {
                    let chance = *mended as f32 * a.chance * b.chance;
                    pairs.push(Candidate { edits, template: "pair", chance });
                }
            }
        }
        pairs.sort_by(|a, b| b.chance.total_cmp(&a.chance));
        pairs.truncate(MAX_PAIRS);
        self.candidates.append(&mut pairs);
    }

    fn found(&self, best: usize) -> Found {
        let candidate = &self.candidates[best];
        let edits: Vec<Edit> = candidate.edits.iter().filter_map(|edit| shrink(self.target.text, edit)).collect();
        let first = edits.first().map_or(0, |edit| edit.range.start);
        let line = self.target.text[..first].matches('\n').count() + 1;
        let seconds = self.started.elapsed().as_secs_f32();
        let why = format!(
            "{} at line {line}, the {}. of {} candidates, after {seconds:.1} s",
            candidate.template,
            best + 1,
            self.candidates.len()
        );
        Found { edits, tried: self.tried, why }
    }
}

/// Two lists of edits as one, unless they touch the same text.
fn joined(one: &[Edit], other: &[Edit]) -> Option<Vec<Edit>> {
    let mut edits: Vec<Edit> = one.iter().chain(other).cloned().collect();
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let apart = edits.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start && pair[0].range != pair[1].range);
    apart.then_some(edits)
}

/// The edit without what it leaves as it is at both ends.
fn shrink(text: &str, edit: &Edit) -> Option<Edit> {
    let old = &text[edit.range.clone()];
    let same = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
    };
    let start = same(&mut old.chars().zip(edit.text.chars()));
    let end = same(&mut old[start..].chars().rev().zip(edit.text[start..].chars().rev()));
    let range = edit.range.start + start..edit.range.end - end;
    let new = edit.text[start..edit.text.len() - end].to_owned();
    (!range.is_empty() || !new.is_empty()).then_some(Edit { range, text: new })
}

/// How many syntax errors a text has; `None` where it takes too long to parse.
fn syntax_errors(target: &Target<'_>, text: &str) -> Option<usize> {
    Some(target.language.syntax_errors(&target.language.parse(text)?).len())
}

#[cfg(test)]
mod tests;
