//! A plan as models write it: JSON steps, or the three Python lists of the Conductor paper (arXiv 2512.04388). Found in
//! whatever stands around it, checked, and put right where only one meaning is possible.

use serde_json::{Value, json};

use super::{Access, Role, Step, Workflow, loose};

/// Bytes of a reply that are looked at: its end, where the plan is.
const LONGEST: usize = 64 * 1024;

/// Places of a reply at which a plan may begin.
const PLACES: usize = 256;

/// Bytes of a subtask at most.
const SUBTASK: usize = 2_000;

/// What a plan must keep to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Steps at most.
    pub max_steps: usize,
    /// Workers, by number, that must not have the last step: the weakest.
    pub never_last: Vec<usize>,
}

/// What a conductor wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// These steps.
    Workflow(Workflow),
    /// What there is, as it is.
    Accept,
}

/// Why a reply is no plan, as a sentence that the model could be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanProblem(pub String);

/// What is written of one step.
#[derive(Debug)]
struct Written<'a> {
    worker: &'a Value,
    role: Option<&'a Value>,
    subtask: &'a Value,
    access: Option<&'a Value>,
}

impl Workflow {
    /// The plan in `text`, whose workers are numbers from 0 into `workers`.
    pub fn read(text: &str, workers: &[&str], bounds: &Bounds) -> Result<Plan, PlanProblem> {
        let from = text.len().saturating_sub(LONGEST);
        let text = (from..=text.len()).find_map(|at| text.get(at..)).unwrap_or_default();
        if let Some(steps) = steps(text) {
            let written: Option<Vec<Written>> = steps.iter().map(of_object).collect();
            let written = written.ok_or_else(|| problem("every step needs `worker` and `subtask`"))?;
            return plan(&written, workers, bounds);
        }
        let list = |names: &[&str]| names.iter().find_map(|name| assigned(text, name));
        match (list(&["model_id", "model_ids"]), list(&["subtasks", "subtask"]), list(&["access_list", "access_lists"]))
        {
            (Some(models), Some(subtasks), access) => {
                let access = access.unwrap_or_else(|| vec![json!("all"); models.len()]);
                if models.len() != subtasks.len() || models.len() != access.len() {
                    let lengths = [models.len(), subtasks.len(), access.len()].map(|length| length.to_string());
                    let why = format!("the three lists must be equally long, not {}", lengths.join(", "));
                    return Err(PlanProblem(why));
                }
                let parts = models.iter().zip(&subtasks).zip(&access);
                let written: Vec<Written> = parts
                    .map(|((worker, subtask), access)| Written { worker, role: None, subtask, access: Some(access) })
                    .collect();
                plan(&written, workers, bounds)
            }
            _ => Err(problem("there is no plan in the answer; it must be a JSON object with `steps`")),
        }
    }

    /// The plan as [`Workflow::read`] reads it.
    pub fn written(&self, workers: &[&str]) -> String {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                let worker = workers.iter().position(|name| *name == step.worker);
                json!({"worker": worker, "role": step.role, "subtask": step.subtask, "access": step.access})
            })
            .collect();
        json!({"steps": steps}).to_string()
    }
}

fn problem(what: &str) -> PlanProblem {
    PlanProblem(what.to_owned())
}

/// The steps of the last object that has some: models think before they answer. What stands inside an object's texts is
/// no object.
fn steps(text: &str) -> Option<Vec<Value>> {
    let mut found = None;
    let mut at = 0;
    for _ in 0..PLACES {
        let Some(next) = text[at..].find('{') else { break };
        at += next;
        let Some((value, length)) = loose::value(&text[at..]) else {
            at += 1;
            continue;
        };
        at += length;
        let inner = value.as_object().into_iter().flat_map(|fields| fields.values());
        let mut lists = std::iter::once(&value).chain(inner).filter_map(|value| value.get("steps")?.as_array());
        found = lists.next_back().cloned().or(found);
    }
    found
}

/// The list that `name` is last set to, with `=` or `:`.
fn assigned(text: &str, name: &str) -> Option<Vec<Value>> {
    text.rmatch_indices(name).take(PLACES).find_map(|(at, _)| {
        let after = text[at + name.len()..].trim_start_matches(['"', '\'', '`', '*', ' ']);
        // It may be annotated: `model_id: list[int] = [0]`.
        let line = after.lines().next().unwrap_or_default();
        let value = match (line.find('='), after.strip_prefix(':')) {
            (Some(sign), _) => &after[sign + 1..],
            (None, Some(value)) => value,
            (None, None) => return None,
        };
        match loose::value(value)?.0 {
            Value::Array(items) => Some(items),
            _ => None,
        }
    })
}

fn of_object(value: &Value) -> Option<Written<'_>> {
    Some(Written {
        worker: value.get("worker")?,
        role: value.get("role"),
        subtask: value.get("subtask")?,
        access: value.get("access"),
    })
}

fn plan(written: &[Written], workers: &[&str], bounds: &Bounds) -> Result<Plan, PlanProblem> {
    if written.is_empty() {
        return Ok(Plan::Accept);
    }
    if written.len() > bounds.max_steps {
        let why = format!("there must be at most {} steps, not {}", bounds.max_steps, written.len());
        return Err(PlanProblem(why));
    }
    let mut numbers = Vec::new();
    let mut steps = Vec::new();
    for (at, one) in written.iter().enumerate() {
        let number = worker(one.worker, workers).ok_or_else(|| {
            let last = workers.len().saturating_sub(1);
            PlanProblem(format!("step {at} names worker {}, and they are numbered 0 to {last}", shown(one.worker)))
        })?;
        let subtask = subtask(one.subtask)
            .ok_or_else(|| PlanProblem(format!("the subtask of step {at} must be a text of 1 to {SUBTASK} bytes")))?;
        let role = match one.role {
            None => Role::Worker,
            Some(role) => self::role(role)
                .ok_or_else(|| PlanProblem(format!("the role of step {at} must be thinker, worker or verifier")))?,
        };
        let access = match one.access {
            None => Access::All,
            Some(access) => self::access(access, at)
                .ok_or_else(|| PlanProblem(format!("the access of step {at} must be all, none or earlier steps")))?,
        };
        numbers.push(number);
        steps.push(Step { worker: workers[number].to_owned(), role, subtask, access });
    }
    if steps.last().is_some_and(|step| step.role != Role::Worker) {
        return Err(problem("the last step must have the role worker: its reply is the answer"));
    }
    strongest_last(&numbers, &mut steps, bounds)?;
    Ok(Plan::Workflow(Workflow { steps }))
}

/// Untrained conductors put the weakest worker last (DESIGN §1): it changes places with whoever comes before.
fn strongest_last(numbers: &[usize], steps: &mut [Step], bounds: &Bounds) -> Result<(), PlanProblem> {
    let Some((last, earlier)) = numbers.split_last() else { return Ok(()) };
    if !bounds.never_last.contains(last) {
        return Ok(());
    }
    let other = earlier.iter().rposition(|number| !bounds.never_last.contains(number));
    let other = other.ok_or_else(|| PlanProblem(format!("the last step must not go to worker {last}, the weakest")))?;
    let end = steps.len() - 1;
    let (before, after) = steps.split_at_mut(end);
    std::mem::swap(&mut before[other].worker, &mut after[0].worker);
    Ok(())
}

fn worker(value: &Value, workers: &[&str]) -> Option<usize> {
    let number = match value {
        Value::String(name) => match workers.iter().position(|worker| worker == name) {
            Some(at) => Some(at),
            None => name.trim().parse().ok(),
        },
        value => value.as_u64().and_then(|number| usize::try_from(number).ok()),
    };
    number.filter(|number| *number < workers.len())
}

fn subtask(value: &Value) -> Option<String> {
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let text: String = value.as_str()?.chars().filter(kept).collect();
    let text = text.trim();
    (!text.is_empty() && text.len() <= SUBTASK).then(|| text.to_owned())
}

fn role(value: &Value) -> Option<Role> {
    match value.as_str()?.to_lowercase().as_str() {
        "thinker" => Some(Role::Thinker),
        "worker" => Some(Role::Worker),
        "verifier" => Some(Role::Verifier),
        _ => None,
    }
}

/// What step `at` may see.
fn access(value: &Value, at: usize) -> Option<Access> {
    let word = |word: &str| match word.to_lowercase().as_str() {
        "all" => Some(Access::All),
        "none" => Some(Access::None),
        _ => None,
    };
    match value {
        Value::Null => Some(Access::None),
        Value::String(text) => word(text),
        Value::Array(items) => match items.as_slice() {
            [] => Some(Access::None),
            [Value::String(text)] if word(text).is_some() => word(text),
            items => {
                let number = |item: &Value| match item {
                    Value::String(text) => text.trim().parse().ok(),
                    item => item.as_u64().and_then(|number| usize::try_from(number).ok()),
                };
                let numbers: Option<Vec<usize>> = items.iter().map(number).collect();
                let mut numbers = numbers.filter(|numbers| numbers.iter().all(|number| *number < at))?;
                numbers.sort_unstable();
                numbers.dedup();
                Some(Access::Steps(numbers))
            }
        },
        _ => None,
    }
}

/// A value of a model, short enough for a sentence.
fn shown(value: &Value) -> String {
    value.to_string().chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests;
