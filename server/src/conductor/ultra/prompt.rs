//! What a generative conductor is asked, as text. Pure: the same question gives the same prompt.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, context};

use super::{Question, Sheet};
use crate::pool::Prompt;

/// Bytes of the task's description.
const DESCRIPTION: usize = 8 * 1024;

/// Bytes of an earlier reply: its last 4,096 tokens (arXiv 2512.04388), at four bytes a token.
const REPLY: usize = 4 * 4096;

/// Bytes of a report.
const REPORT: usize = 4 * 1024;

/// Worked examples, from another domain than code and of different lengths: without them, or with ones of the same
/// domain, plans are worth 6 to 9 points less (arXiv 2512.04388).
static EXAMPLES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("examples.txt").split("---\n").map(str::trim_end).collect());

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    let lines = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(lines.unwrap_or_else(|error| unreachable!("the syntax is Jinja's own: {error}")));
    for (name, source) in [("system", include_str!("system.txt")), ("user", include_str!("user.txt"))] {
        templates.add_template(name, source).unwrap_or_else(|error| unreachable!("{name}.txt is ours: {error}"));
    }
    templates
});

/// The prompt. Its system part is the same for every question with as many steps. `shrink`: how often what is long is
/// halved; `problem`: what was wrong with the plan before.
pub(super) fn render(question: &Question, sheet: &Sheet, shrink: u32, problem: Option<&str>) -> Prompt {
    let cut = |bytes: usize| bytes >> shrink;
    let before = question.before.as_ref().map(|before| {
        context! {
            reply => tail(&before.reply, cut(REPLY)),
            report => head(&before.report, cut(REPORT)),
        }
    });
    let filled = |name: &str, values| {
        let rendered = TEMPLATES.get_template(name).and_then(|template| template.render(values));
        rendered.unwrap_or_else(|error| unreachable!("{name}.txt needs nothing that may be missing: {error}"))
    };
    Prompt::of(
        filled("system", context! { max_steps => sheet.bounds.max_steps, examples => &*EXAMPLES }),
        filled(
            "user",
            context! {
                workers => &sheet.lines,
                description => head(&question.description, cut(DESCRIPTION)),
                before,
                problem,
            },
        ),
    )
}

/// The first bytes of a text, in whole characters.
fn head(text: &str, bytes: usize) -> &str {
    let text = text.trim();
    (0..=bytes.min(text.len())).rev().find_map(|at| text.get(..at)).unwrap_or_default().trim_end()
}

/// The last bytes of a text, in whole characters.
fn tail(text: &str, bytes: usize) -> &str {
    let text = text.trim();
    (text.len().saturating_sub(bytes)..=text.len()).find_map(|at| text.get(at..)).unwrap_or_default().trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conductor::ultra::tests::question;
    use crate::workflow::{Bounds, Plan, Workflow};

    #[test]
    fn there_are_four_examples_that_keep_to_the_rules_they_teach() {
        let steps: Vec<usize> = EXAMPLES
            .iter()
            .map(|example| {
                let (given, plan) = example.split_once("\nPlan:\n").unwrap();
                let strengths: Vec<u32> =
                    given.split(": strength ").skip(1).map(|rest| rest[..2].parse().unwrap()).collect();
                let weakest = (0..strengths.len()).min_by_key(|at| strengths[*at]).unwrap();
                let workers = &["0", "1", "2"][..strengths.len()];
                let bounds = Bounds { max_steps: 5, never_last: vec![weakest] };
                let Ok(Plan::Workflow(workflow)) = Workflow::read(plan, workers, &bounds) else { panic!("{plan}") };
                let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                assert_eq!(value(&workflow.written(workers)), value(plan), "complete, the weakest not last");
                workflow.steps.len()
            })
            .collect();
        assert_eq!(steps, [1, 3, 2, 4]);
    }

    #[test]
    fn the_question_follows_the_rules() {
        let question = question();
        let prompt = render(&question, &Sheet::of(&question, &[]), 0, None);
        insta::assert_snapshot!(prompt.user);
        assert!(
            prompt.system.contains("At most 5 steps")
                && prompt.system.contains("Example 4\nWorkers:\n0: strength 40 %")
        );
        assert!(!prompt.system.contains("{{") && !prompt.system.contains("{%"), "{}", prompt.system);
        assert!(prompt.system.len() < 7_500, "{}", prompt.system.len());
    }

    #[test]
    fn what_is_long_is_cut_to_its_telling_end() {
        let mut question = question();
        question.description = format!("the task {}", "é".repeat(20_000));
        let reply = format!("{} the conclusion", "x".repeat(100_000));
        question.before = Some(super::super::Before { reply, report: "r".repeat(100_000) });
        let sheet = Sheet::of(&question, &[]);
        let user = render(&question, &sheet, 0, Some("it has no steps")).user;
        assert!(user.len() < DESCRIPTION + REPLY + REPORT + 1_000);
        assert!(user.contains("the task é") && user.contains("x the conclusion\n"));
        assert!(
            user.ends_with("could not be used: it has no steps.\n\nPlan:\n") || user.ends_with("Plan:"),
            "{user:.100}"
        );
        assert!(render(&question, &sheet, 2, None).user.len() < user.len() / 3);
    }
}
