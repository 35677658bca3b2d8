//! Which text a worker sees, within a token budget, and which it never does.

mod excerpt;
mod ignored;
mod secrets;

use std::path::Path;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, context};

use crate::patch::{Problem, holds_secrets};
use crate::pool::Prompt;
use crate::task::{Goal, Task};
use crate::workflow::{Access, Role, Step};
use crate::workspace::{ReadError, RelPath};
use excerpt::Excerpt;

/// Bytes that a token stands for at least; prose has four, code less.
const TOKEN: usize = 3;
/// Most bytes of a failing test report.
const REPORT: usize = 2048;
/// Most bytes of an earlier reply: its end, where the conclusions are.
const REPLY: usize = 16 * 1024;
/// Most bytes of a reply, and of what is wrong with it, in a correction.
const WRONG: usize = 3 * 1024;

/// What a worker is sent, and what was kept back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The prompt.
    pub prompt: Prompt,
    /// Each thing that looked like a secret, as `a.py line 3: an AWS access key`.
    pub withheld: Vec<String>,
}

/// Why nothing can be sent about a task.
#[derive(Debug, thiserror::Error)]
pub enum Unsendable {
    /// The file has no text.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is there to hold secrets.
    #[error("{0} is a place for keys; its text is never sent to a model")]
    Secret(RelPath),
    /// Git ignores the file.
    #[error("{0} is ignored by git; its text is never sent to a model")]
    Ignored(RelPath),
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    let lines = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(lines.unwrap_or_else(|error| unreachable!("the syntax is Jinja's own: {error}")));
    for (name, source) in [
        ("system", include_str!("system.txt")),
        ("user", include_str!("user.txt")),
        ("correction", include_str!("correction.txt")),
    ] {
        templates.add_template(name, source).unwrap_or_else(|error| unreachable!("{name}.txt is ours: {error}"));
    }
    templates
});

/// The prompt of one step. `report`: what the tests say now. `earlier`: subtask and reply of each step before it;
/// whether they are shown is the step's `access`. `token_budget`: tokens that the prompt may have.
pub fn prompt(
    task: &Task,
    step: &Step,
    report: Option<&str>,
    earlier: &[(&str, &str)],
    token_budget: usize,
) -> Result<Context, Unsendable> {
    let path = &task.focus.path;
    // A link is judged by its own name and by where it leads.
    for path in [path, &task.snapshot.real(path)?] {
        if holds_secrets(path) {
            return Err(Unsendable::Secret(path.clone()));
        }
        if ignored::by_git(task.snapshot.root(), path) {
            return Err(Unsendable::Ignored(path.clone()));
        }
    }
    let text = task.snapshot.read(path)?;
    let mut withheld = Vec::new();
    let mut clean = |name: &str, text: &str| secrets::masked(text, 0..text.len(), name, &mut withheld);
    let report = report.map(|report| clean("the test report", &end(report, REPORT)));
    let diagnostics: Vec<String> =
        task.focus.diagnostics.iter().take(8).map(|said| clean("a diagnostic", &start(said, 400))).collect();
    let shown = if step.access == Access::All { earlier } else { &[] };
    // Together they leave at least half of the prompt to the file.
    let each = REPLY.min(token_budget * TOKEN / 2 / shown.len().max(1));
    let earlier: Vec<_> = shown
        .iter()
        .map(|(subtask, reply)| {
            let reply = clean("an earlier reply", &end(reply, each));
            context! { subtask => clean("a subtask", subtask), fence => fence(&reply), reply }
        })
        .collect();
    let fixed = context! {
        goal => goal(task.goal),
        role => role(step),
        path => path.as_str(),
        language => language(path),
        instruction => clean("the instruction", &task.instruction),
        subtask => clean("the subtask", &step.subtask),
        diagnostics_fence => fence(&diagnostics.concat()),
        report_fence => fence(report.as_deref().unwrap_or_default()),
        diagnostics,
        report,
        earlier,
    };
    let system = render("system", fixed.clone());
    let around = system.len() + render("user", fixed.clone()).len();
    // A correction has to fit too.
    let room = (token_budget * TOKEN).saturating_sub(around + (2 * WRONG).min(token_budget * TOKEN / 4));
    let Excerpt { text, part, focus } = excerpt::of(&text, path, task.focus.range.clone(), room, &mut withheld);
    let user = render("user", context! { fence => fence(&text), text, part, focus, ..fixed });
    Ok(Context { prompt: Prompt { system, user }, withheld })
}

/// The same prompt again with the reply that could not be used and why not; sent once.
pub fn correction(first: &Prompt, reply: &str, problems: &[Problem]) -> Prompt {
    let reply = end(reply, WRONG);
    let problems: Vec<&str> = problems.iter().map(|problem| problem.0.as_str()).collect();
    let said = start(&problems.join("\n"), WRONG);
    let values = context! {
        first => first.user.as_str(), fence => fence(&reply), reply,
        problems_fence => fence(&said), problems => said,
    };
    Prompt { system: first.system.clone(), user: render("correction", values) }
}

fn render(name: &str, values: minijinja::Value) -> String {
    let template = TEMPLATES.get_template(name);
    let rendered = template.and_then(|template| template.render(values));
    rendered.unwrap_or_else(|error| unreachable!("{name}.txt is ours: {error}")).trim().to_owned() + "\n"
}

fn goal(goal: Goal) -> &'static str {
    match goal {
        Goal::Fix => "fix",
        Goal::Edit => "edit",
        Goal::Ask => "ask",
    }
}

fn role(step: &Step) -> &'static str {
    match step.role {
        Role::Thinker => "thinker",
        Role::Worker => "worker",
        Role::Verifier => "verifier",
    }
}

fn language(path: &RelPath) -> &'static str {
    baton_grammars::by_path(Path::new(path.as_str())).map_or("", |language| language.id)
}

/// A fence that nothing inside can close: text of the repository stays data.
fn fence(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(3.max(longest + 1))
}

fn start(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.trim_end().to_owned();
    }
    let cut = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..cut])
}

fn end(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.trim_end().to_owned();
    }
    let cut = (text.len() - bytes..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("…{}", text[cut..].trim_end())
}

#[cfg(test)]
mod tests;
