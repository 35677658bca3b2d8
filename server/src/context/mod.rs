//! Which text a worker sees, within a token budget, and which it never does.
//!
//! A prompt is the task, the file in question and parts in order of their value: the tests that fail, what they
//! say, earlier steps, diagnostics, the definitions that the code uses, who uses it, the project's conventions.
//! What does not fit is left out from the end; the item that the task is about is the last to be cut.

mod conventions;
mod excerpt;
mod failing;
mod ignored;
mod map;
mod maps;
mod related;
mod secrets;
mod source;
mod tokens;

use std::path::Path;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

use crate::patch::Problem;
use crate::pool::Prompt;
use crate::task::{Goal, Task};
use crate::workflow::{Role, Step};
use crate::workspace::{ReadError, RelPath};
use excerpt::Subject;
pub use map::{Map, Summary, refresh};
pub use maps::{Mapping, Maps};
use related::Related;

/// Most bytes of a failing test report.
const REPORT: usize = 2048;
/// Most diagnostics, and the most bytes of one.
const DIAGNOSTICS: usize = 8;
const DIAGNOSTIC: usize = 400;
/// Most bytes of an earlier reply: its end, where the conclusions are.
const REPLY: usize = 16 * 1024;
/// Most bytes of a test that new ones should look like.
const LIKE: usize = 4 * 1024;
/// Most bytes of a reply, and of what is wrong with it, in a correction.
const WRONG: usize = 3 * 1024;
/// Tokens that are kept free for a correction, if a quarter of the prompt is not less.
const CORRECTION: usize = 2 * WRONG / 3;

/// What a worker is sent, and what was kept back.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The prompt.
    pub prompt: Prompt,
    /// Each thing that looked like a secret, as `a.py line 3: an AWS access key`, and each part that did not fit.
    pub withheld: Vec<String>,
    /// What the prompt consists of, in its order: what it is, and its text.
    parts: Vec<(String, String)>,
}

impl Context {
    /// Tokens of each part of the prompt, in its order, and of the whole.
    pub fn costs(&self) -> (Vec<(&str, usize)>, usize) {
        let parts = self.parts.iter().map(|(what, text)| (what.as_str(), tokens::count(text))).collect();
        (parts, tokens::count(&self.prompt.system) + tokens::count(&self.prompt.user))
    }
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
    /// Git or a `.batonignore` ignores the file.
    #[error("{0} is ignored by git or .batonignore; its text is never sent to a model")]
    Ignored(RelPath),
    /// Not even what the task is about fits.
    #[error("what the task is about in {path} does not fit in the {budget} tokens that the prompt may have")]
    TooLarge {
        /// The file.
        path: RelPath,
        /// The tokens.
        budget: usize,
    },
}

/// One text of the prompt, in a fence.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    heading: String,
    language: &'static str,
    text: String,
    fence: String,
}

impl Part {
    fn new(heading: String, language: &'static str, text: String) -> Self {
        let fence = fence(&text);
        Self { heading, language, text, fence }
    }

    /// As the prompt has it.
    fn rendered(&self) -> String {
        let Self { heading, language, text, fence } = self;
        format!("\n{heading}\n{fence}{language}\n{text}\n{fence}\n")
    }
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

/// Makes ready what the first prompt needs, which takes some milliseconds.
pub fn warm() {
    LazyLock::force(&TEMPLATES);
    secrets::warm();
}

/// What a prompt is made from.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What the user asked.
    pub task: &'a Task,
    /// The step that the worker is to do.
    pub step: &'a Step,
    /// What the checks say now.
    pub report: Option<&'a str>,
    /// The steps that it may see.
    pub earlier: &'a [Earlier<'a>],
    /// Tokens that the prompt may have.
    pub tokens: usize,
    /// Of the snapshot's workspace, as far as it is known.
    pub map: &'a Map,
    /// The tests that are to be written in place of an edit.
    pub tests: Option<NewTests<'a>>,
}

/// A step that came before, and that the worker may see.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// Its number in the run, from 1.
    pub number: usize,
    /// What it was asked to do.
    pub subtask: &'a str,
    /// What it wrote.
    pub reply: &'a str,
}

/// A file of tests that does not exist yet.
#[derive(Debug, Clone, Copy)]
pub struct NewTests<'a> {
    /// Where it will be.
    pub path: &'a RelPath,
    /// What will run it, as a line.
    pub command: &'a str,
    /// A test of the project that it should look like.
    pub like: Option<&'a RelPath>,
}

/// The prompt of one step.
pub fn prompt(request: Request<'_>) -> Result<Context, Unsendable> {
    let Request { task, step, .. } = request;
    let path = &task.focus.path;
    let text = source::sendable(&task.snapshot, path)?;
    let limit = tokens::safe(request.tokens);
    let limit = limit - CORRECTION.min(limit / 4);
    let subject = Subject::new(text.clone(), path, task.focus.range.clone());
    let mut withheld = Vec::new();
    let parts = parts(request, &subject, &mut withheld);
    let mut clean = |name: &str, text: &str| secrets::masked(text, 0..text.len(), name, &mut withheld);
    let values = context! {
        goal => goal(task.goal),
        role => role(step),
        path => path.as_str(),
        instruction => clean("the instruction", &task.instruction),
        subtask => clean("the subtask", &step.subtask),
        focus => subject.about(),
        tests => request.tests.is_some(),
        test_path => request.tests.map(|tests| tests.path.as_str()),
        test_command => request.tests.map(|tests| tests.command),
        indent => conventions::indent(baton_grammars::by_path(path.as_str().as_ref()), &text),
    };
    let system = render("system", values.clone());
    let frame = render("user", values.clone());
    for kept in (0..=parts.len()).rev() {
        let around: String = parts[..kept].iter().map(Part::rendered).collect();
        let heading = format!("\n{path}:\n``````\n``````\n");
        let Some(room) = room(limit, &[&system, &frame, &around, &heading], text.len()) else { continue };
        let Some(excerpt) = subject.within(room, kept == 0) else { continue };
        let file = Part::new(format!("{path}{}:", excerpt.part), language(path), excerpt.text);
        let shown: Vec<&Part> = [&file].into_iter().chain(&parts[..kept]).collect();
        let rendered: String = shown.iter().map(|part| part.rendered()).collect();
        let user = render("user", context! { parts => rendered, ..values });
        let name = |part: &Part| part.heading.trim_end_matches(':').to_owned();
        withheld.extend(excerpt.withheld);
        withheld.extend(parts[kept..].iter().map(|part| format!("{}: it does not fit", name(part))));
        let mut costs = vec![("the system prompt".to_owned(), system.clone()), ("the task".to_owned(), frame)];
        costs.extend(shown.into_iter().map(|part| (name(part), part.rendered())));
        return Ok(Context { prompt: Prompt::of(system, user), withheld, parts: costs });
    }
    Err(Unsendable::TooLarge { path: path.clone(), budget: request.tokens })
}

/// The tokens that are left of the limit after these texts, if any; where all of the file fits by its bytes,
/// nothing is counted.
fn room(limit: usize, texts: &[&str], file: usize) -> Option<usize> {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let used = if bytes + file <= limit { bytes } else { texts.iter().map(|text| tokens::count(text)).sum() };
    limit.checked_sub(used).filter(|room| *room > 0)
}

/// All that may stand beside the file, in order of value.
fn parts(request: Request<'_>, subject: &Subject<'_>, withheld: &mut Vec<String>) -> Vec<Part> {
    let Request { task, report, earlier, tokens, map, tests, .. } = request;
    let mut parts = Vec::new();
    if let Some(like) = tests.and_then(|tests| tests.like)
        && let Ok(text) = source::sendable(&task.snapshot, like)
    {
        let shown = (0..=LIKE.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let text = secrets::masked(&text, 0..shown, like.as_str(), withheld);
        parts.push(Part::new(format!("A test of the project, {like}:"), language(like), text));
    }
    let words: Vec<&str> = [task.instruction.as_str(), report.unwrap_or_default()]
        .into_iter()
        .chain(task.focus.diagnostics.iter().map(String::as_str))
        .collect();
    let related = Related::new(task, map, subject.range(), &words);
    if let Some(report) = report {
        let near = related.as_ref().map(Related::nearest).unwrap_or_default();
        parts.extend(failing::parts(report, map, &task.snapshot, &near, withheld));
    }
    let mut clean = |name: &str, text: &str| secrets::masked(text, 0..text.len(), name, withheld);
    if let Some(report) = report {
        let said = clean("the test report", &end(report, REPORT));
        parts.push(Part::new("What the checks say now:".into(), "", said));
    }
    // Together they leave at least half of the prompt to the file.
    let each = REPLY.min(tokens * 3 / 2 / earlier.len().max(1));
    for Earlier { number, subtask, reply } in earlier {
        let reply = clean("an earlier reply", &end(reply, each));
        let subtask = clean("a subtask", subtask);
        let asked = if subtask.is_empty() { String::new() } else { format!(": {subtask}") };
        parts.push(Part::new(format!("Earlier step {number}{asked}"), "", reply));
    }
    let said = task.focus.diagnostics.iter().take(DIAGNOSTICS);
    let said: Vec<String> = said.map(|said| clean("a diagnostic", &start(said, DIAGNOSTIC))).collect();
    if !said.is_empty() {
        parts.push(Part::new("Diagnostics there:".into(), "", said.join("\n")));
    }
    if let Some(related) = related {
        parts.extend(related.definitions(withheld));
        parts.extend(related.callers(withheld));
    }
    parts.extend(conventions::rules(&task.snapshot, &task.focus.path, withheld));
    parts
}

/// The same prompt again with the reply that could not be used and why not; sent once. Of both as much is shown
/// as fits in the budget.
pub fn correction(first: &Prompt, reply: &str, problems: &[Problem], token_budget: usize) -> Prompt {
    let problems: Vec<&str> = problems.iter().map(|problem| problem.0.as_str()).collect();
    let problems = problems.join("\n");
    let limit = tokens::safe(token_budget).saturating_sub(tokens::count(&first.system));
    let mut most = WRONG;
    loop {
        let (reply, said) = (end(reply, most), start(&problems, most));
        let values = context! {
            first => first.user.as_str(), fence => fence(&reply), reply,
            problems_fence => fence(&said), problems => said,
        };
        let user = render("correction", values);
        if tokens::fit(&user, limit) || most < 64 {
            return Prompt::of(first.system.clone(), user);
        }
        most /= 2;
    }
}

fn render(name: &str, values: Value) -> String {
    let template = TEMPLATES.get_template(name);
    let rendered = template.and_then(|template| template.render(values));
    rendered.unwrap_or_else(|error| unreachable!("{name}.txt is ours: {error}")).trim().to_owned() + "\n"
}

fn goal(goal: Goal) -> &'static str {
    match goal {
        Goal::Fix => "fix",
        Goal::Edit => "edit",
        Goal::Refactor => "refactor",
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
