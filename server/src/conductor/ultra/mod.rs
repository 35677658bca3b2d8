//! Tier ultra's decision: a generative model writes the whole workflow at once (arXiv 2512.04388). It is shown the
//! workers as numbers with facts, and after a failure its last reply and what the checks said of it.

mod brief;
mod grammar;
mod planner;
mod prompt;
mod sheet;

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::mini::{self, Choice, Need, Stakes};
use super::{Conductor, Reading};
use crate::pool::{Budget, Facts, Prompt, Usage};
use crate::workflow::{Bounds, Workflow};

pub use crate::workflow::Plan;
pub use planner::Planner;

use brief::Brief;
use planner::{Blank, Limits};
use sheet::Sheet;

/// How warm each try is: the likeliest plan first, then others.
const TRIES: [f32; 3] = [0.0, 0.7, 1.0];

/// How often a prompt that is too long is halved.
const SHRINKS: u32 = 4;

/// What is to be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The task, as [`super::describe`]d.
    pub description: String,
    /// Who can be asked; plans name them by their places here.
    pub workers: Vec<Facts>,
    /// Steps at most.
    pub max_steps: usize,
    /// What tier mini would decide by.
    pub need: Need,
    /// What came of the plan before, if there was one.
    pub before: Option<Before>,
}

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The final reply.
    pub reply: String,
    /// What the checks say of it.
    pub report: String,
}

/// A plan, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The model that wrote it.
    pub model: String,
    /// Which model, after how many tries, with how many tokens, in what time.
    pub why: String,
    /// What all tries used.
    pub usage: Usage,
}

/// Why there is no plan; a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// As was asked.
    #[error("cancelled")]
    Cancelled,
    /// There is no model, or it does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// It answered, and every try was no valid plan.
    #[error("{0}")]
    Invalid(String),
}

impl Conductor {
    /// A workflow for `question`, or after a failure that what there is be accepted. An invalid plan is drawn again, twice
    /// at most. What it costs comes out of `money`, also where there is no plan.
    pub async fn plan(
        &self,
        question: &Question,
        reading: &Reading,
        money: &Budget,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Planned, NoPlan> {
        let Some(planner) = &self.planner else {
            return Err(NoPlan::Unavailable(
                "tier ultra has no generative model: set conductor.generator to a GGUF, or conductor.remote".into(),
            ));
        };
        if question.workers.is_empty() {
            return Err(NoPlan::Unavailable("there is nobody to ask: configure a model under [[worker]]".into()));
        }
        if !planner.reads_briefs() {
            let form = Form::Full(Sheet::of(question, &reading.neighbours));
            return planner.plan(question, form, &Limits { money, deadline, cancel }).await;
        }
        let need = Need { turns_left: question.max_steps.max(1), ..question.need.clone() };
        let known = reading.known(&question.workers);
        let (choices, excluded) = mini::judge(&question.workers, &need, &known);
        let stakes = mini::stakes(&question.workers, &need, &known);
        if choices.is_empty() {
            let why = format!("nobody is left who is worth asking: {}", excluded.join(", "));
            return Err(NoPlan::Unavailable(why));
        }
        planner.plan_over(question, choices, stakes, deadline, cancel).await
    }
}

impl Planner {
    /// A workflow for `question` over whom tier mini would choose, the best first; only the embedded conductor is asked so. It
    /// costs no money.
    pub async fn plan_over(
        &self,
        question: &Question,
        choices: Vec<Choice>,
        stakes: Stakes,
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Planned, NoPlan> {
        let nobody = || NoPlan::Unavailable("nobody is left who is worth asking".into());
        let brief = Brief::of(question, choices, stakes).ok_or_else(nobody)?;
        self.plan(question, Form::Brief(brief), &Limits { money: &Budget::new(0.0), deadline, cancel }).await
    }

    async fn plan(&self, question: &Question, form: Form, limits: &Limits<'_>) -> Result<Planned, NoPlan> {
        let started = Instant::now();
        let (names, bounds) = form.named(question);
        let grammar = grammar::gbnf(names.len(), &bounds, question.before.is_some());
        let (mut usage, mut problem, mut shrink) = (Usage::default(), None::<String>, 0);
        for (at, temperature) in TRIES.into_iter().enumerate() {
            let draft = loop {
                let prompt = form.prompt(question, shrink, problem.as_deref());
                match self.draft(&prompt, &grammar, (temperature, at as u64), limits).await {
                    Ok(draft) => break draft,
                    Err(Blank::Length(_)) if shrink < SHRINKS => shrink += 1,
                    Err(Blank::Length(why)) => {
                        return Err(NoPlan::Unavailable(format!("{why}; raise conductor.context")));
                    }
                    Err(Blank::Never(no)) => return Err(no),
                }
            };
            usage.add(draft.usage);
            match Workflow::read(&draft.text, &names, &bounds) {
                Ok(Plan::Accept) if question.before.is_none() => problem = Some("it has no steps".into()),
                Ok(plan) => {
                    let model = self.name().to_owned();
                    let why = why(&model, at + 1, usage, started);
                    return Ok(Planned { plan, model, why, usage });
                }
                Err(wrong) => problem = Some(wrong.0),
            }
        }
        let problem = problem.unwrap_or_default();
        Err(NoPlan::Invalid(format!(
            "{} wrote no valid plan in {} tries ({problem}); use a stronger model under conductor",
            self.name(),
            TRIES.len()
        )))
    }
}

/// How the question is put.
enum Form {
    /// In the words that the embedded conductor was trained on.
    Brief(Brief),
    /// In words that any model that follows instructions understands.
    Full(Sheet),
}

impl Form {
    /// Who has which number, and what a plan must keep to.
    fn named<'a>(&'a self, question: &'a Question) -> (Vec<&'a str>, Bounds) {
        match self {
            Self::Brief(brief) => (brief.names(), brief.bounds()),
            Self::Full(sheet) => {
                (question.workers.iter().map(|facts| facts.name.as_str()).collect(), sheet.bounds.clone())
            }
        }
    }

    fn prompt(&self, question: &Question, shrink: u32, problem: Option<&str>) -> Prompt {
        match self {
            Self::Brief(brief) => Prompt::of("", brief.written()),
            Self::Full(sheet) => prompt::render(question, sheet, shrink, problem),
        }
    }
}

fn why(model: &str, tries: usize, usage: Usage, started: Instant) -> String {
    let tries = if tries == 1 { String::new() } else { format!(" in {tries} tries") };
    let known = match usage.tokens_cached {
        0 => String::new(),
        known => format!(" ({known} of them known from before)"),
    };
    let price = if usage.usd > 0.0 { format!(", ${:.4}", usage.usd) } else { String::new() };
    format!(
        "{model} planned{tries}: {} tokens read{known}, {} written, {} ms{price}",
        usage.tokens_in,
        usage.tokens_out,
        started.elapsed().as_millis()
    )
}

#[cfg(test)]
mod tests;
