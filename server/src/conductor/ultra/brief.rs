//! The question as the embedded conductor was trained to read it: a line for the task, a line for each worker with its chance and its
//! cost as two digits, the head of the description. `training/question.py` writes the same; `training/questions.jsonl` holds both to it.

use super::Question;
use crate::conductor::mini::{Choice, Stakes};
use crate::pool::{REPAIR, TOOLCHAIN};
use crate::task::Goal;
use crate::workflow::Bounds;

/// Workers at most: it never saw more.
const WORKERS: usize = 8;

/// Bytes of the description that are shown.
const DESCRIPTION: usize = 320;

/// Cost levels: what a solved task is worth has this one, each halving takes so many.
const TOP: f64 = 99.0;
const HALVING: f64 = 8.0;

/// A question in brief.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(super) struct Brief {
    goal: String,
    workers: Vec<Shown>,
    description: String,
    judged: bool,
    wrongly_accepted: f64,
    max_steps: usize,
    failed: Vec<usize>,
}

/// A worker in brief.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(serde::Deserialize))]
struct Shown {
    #[cfg_attr(test, serde(default))]
    name: String,
    kind: String,
    /// 0 to 1.
    chance: f64,
    /// In shares of what a solved task is worth.
    cost: f64,
}

impl Brief {
    /// Of the workers that tier mini would ask, the best first, with the chances that it gives them; `None`: it would ask nobody.
    pub fn of(question: &Question, choices: Vec<Choice>, stakes: Stakes) -> Option<Self> {
        let need = &question.need;
        let mut workers: Vec<(usize, Shown)> = Vec::new();
        for choice in choices.into_iter().take(WORKERS) {
            let Some(place) = question.workers.iter().position(|facts| facts.name == choice.worker) else { continue };
            let kind = match choice.worker.as_str() {
                REPAIR => "repair",
                TOOLCHAIN => "tools",
                _ => "model",
            };
            let cost = choice.usd / stakes.usd_solved;
            workers.push((place, Shown { name: choice.worker, kind: kind.into(), chance: choice.probability, cost }));
        }
        workers.sort_by_key(|(place, _)| *place);
        let workers: Vec<Shown> = workers.into_iter().map(|(_, shown)| shown).collect();
        let number = |name: &String| workers.iter().position(|shown| shown.name == *name);
        let failed: Vec<usize> = need.failed.iter().filter_map(number).collect();
        let goal = match need.goal {
            Goal::Fix => "fix",
            Goal::Edit => "edit",
            Goal::Refactor => "refactor",
            Goal::Ask => "ask",
        };
        (!workers.is_empty()).then(|| Self {
            goal: goal.into(),
            failed,
            description: question.description.clone(),
            judged: need.judged && need.goal != Goal::Ask,
            wrongly_accepted: stakes.wrongly_accepted,
            max_steps: question.max_steps.clamp(1, 5),
            workers,
        })
    }

    /// The workers' names, by their numbers.
    pub fn names(&self) -> Vec<&str> {
        self.workers.iter().map(|shown| shown.name.as_str()).collect()
    }

    /// What a plan must keep to.
    pub fn bounds(&self) -> Bounds {
        let rounded = |shown: &Shown| (shown.chance * 1e9).round();
        let (low, high) = self
            .workers
            .iter()
            .map(rounded)
            .fold((f64::MAX, f64::MIN), |(low, high), chance| (low.min(chance), high.max(chance)));
        // All alike: none is the weakest.
        let weakest = |at: &usize| low < high && rounded(&self.workers[*at]) <= low;
        Bounds { max_steps: self.max_steps, never_last: (0..self.workers.len()).filter(weakest).collect() }
    }

    /// The text.
    pub fn written(&self) -> String {
        let judge = match self.judged {
            true => format!("tests v{:02}", percent(self.wrongly_accepted)),
            false => "unjudged".to_owned(),
        };
        let mut text = format!("{} {judge} m{}\n", self.goal, self.max_steps);
        for (number, shown) in self.workers.iter().enumerate() {
            let (kind, chance, cost) = (&shown.kind, percent(shown.chance), level(shown.cost));
            text += &format!("{number} {kind} p{chance:02} c{cost:02}\n");
        }
        if !self.failed.is_empty() {
            let numbers: Vec<String> = self.failed.iter().map(usize::to_string).collect();
            text += &format!("failed {}\n", numbers.join(" "));
        }
        text + &format!("\n{}\n\nplan\n", head(&self.description))
    }
}

/// A share as two digits.
fn percent(share: f64) -> u32 {
    (share * 100.0 + 0.5).floor().clamp(0.0, 99.0) as u32
}

/// A cost as two digits.
fn level(cost: f64) -> u32 {
    match cost > 0.0 {
        true => (TOP + HALVING * cost.log2() + 0.5).floor().clamp(1.0, TOP) as u32,
        false => 0,
    }
}

/// The first bytes, in whole characters, every run of white space one blank.
fn head(text: &str) -> String {
    let words: Vec<&str> = text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    let end = (0..=DESCRIPTION.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].trim_end_matches(' ').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conductor::mini::{self, Known};
    use crate::conductor::ultra::tests::question;

    fn of(question: &Question) -> Option<Brief> {
        let known = Known::default();
        let (choices, stakes) = weighed(question, &known);
        Brief::of(question, choices, stakes)
    }

    fn weighed(question: &Question, known: &Known) -> (Vec<Choice>, Stakes) {
        let (workers, need) = (&question.workers, &question.need);
        (mini::rank(workers, need, known), mini::stakes(workers, need, known))
    }

    #[test]
    fn it_is_written_as_in_training() {
        let examples = include_str!("../../../../training/questions.jsonl");
        for line in examples.lines() {
            let text = serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].clone();
            let brief: Brief = serde_json::from_str(line).unwrap();
            assert_eq!(brief.written(), text);
        }
        assert!(examples.lines().count() > 20);
    }

    #[test]
    fn a_question_comes_down_to_numbers() {
        let brief = of(&question()).unwrap();
        insta::assert_snapshot!(brief.written(), @r"
        fix tests v19 m5
        0 model p63 c58
        1 repair p21 c00
        2 model p10 c00
        failed 2

        Fix a bug. merge sort returns the list in the wrong order sorting.py

        plan
        ");
        assert_eq!(brief.names(), ["secret-name", "repair", "small"]);
        assert_eq!(brief.bounds(), Bounds { max_steps: 5, never_last: vec![2] });
        let alone = Question { workers: question().workers[..1].to_vec(), ..question() };
        assert_eq!(of(&alone).unwrap().bounds().never_last, [] as [usize; 0], "the only one is not the weakest");
    }

    #[test]
    fn who_is_not_worth_asking_is_not_shown() {
        let mut question = question();
        question.need.usd_left = 0.0;
        assert_eq!(of(&question).unwrap().names(), ["repair", "small"], "the money is used up");
        question.workers.truncate(1);
        assert_eq!(of(&question), None);
    }
}
