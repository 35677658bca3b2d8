//! Workflows that no conductor thought about: what a user may ask for by name, and what conductors are compared with on
//! the same engine. Pure: the same pool gives the same workflow.

use crate::pool::{Facts, REPAIR, TOOLCHAIN};
use crate::task::{Goal, Policy};
use crate::workflow::{Access, Role, Step};

/// Steps of one workflow (arXiv 2512.04388: at most five).
pub const MAX_STEPS: usize = 5;
/// Proposers of a mixture, besides who puts their proposals together.
const PROPOSERS: usize = 3;

/// The steps of a policy and why these workers, in words; an error says what is missing.
pub fn steps(policy: &Policy, pool: &[Facts], goal: Goal) -> Result<(Vec<Step>, String), String> {
    if let Policy::Fixed(workflow) = policy {
        return Ok((workflow.steps.clone(), "it was given as it is".into()));
    }
    let mut models: Vec<&Facts> =
        pool.iter().filter(|facts| ![REPAIR, TOOLCHAIN].contains(&facts.name.as_str())).collect();
    models.sort_by(|a, b| b.supposed().total_cmp(&a.supposed()).then_with(|| a.name.cmp(&b.name)));
    let Some(strongest) = models.first() else {
        return Err(format!(
            "policy {} needs a model that may take part; configure one under [[worker]]",
            policy.name()
        ));
    };
    let own = super::first_subtask(goal);
    let step = |facts: &Facts, role, subtask: &str, access| Step {
        worker: facts.name.clone(),
        role,
        subtask: subtask.to_owned(),
        access,
    };
    let price = |facts: &Facts| facts.usd_in + facts.usd_out;
    let declared = format!("{} is declared the strongest", strongest.name);
    Ok(match policy {
        Policy::Fixed(_) => unreachable!("returned above"),
        Policy::Single => (vec![step(strongest, Role::Worker, own, Access::None)], declared),
        Policy::BestOf(n) => {
            let n = (*n).clamp(1, MAX_STEPS);
            let tries = (0..n).map(|_| step(strongest, Role::Worker, own, Access::None)).collect();
            (tries, format!("{declared}, and tries {n} times at once"))
        }
        Policy::Cascade => {
            // Of two that cost the same the stronger comes first, and stays in that order.
            models.sort_by(|a, b| price(a).total_cmp(&price(b)));
            let from = models.len().saturating_sub(MAX_STEPS);
            let first = |at: usize| if at == 0 { Access::None } else { Access::All };
            let steps = models[from..].iter().enumerate().map(|(at, facts)| step(facts, Role::Worker, own, first(at)));
            (steps.collect(), "one after the other, the cheapest first, until a change passes".into())
        }
        Policy::Mixture => {
            let others = if models.len() > 1 { &models[1..] } else { &models[..] };
            let proposers = others.iter().cycle().take(PROPOSERS.min(others.len().max(2)));
            let mut steps: Vec<Step> = proposers.map(|facts| step(facts, Role::Worker, own, Access::None)).collect();
            steps.push(step(strongest, Role::Worker, AGGREGATE, Access::All));
            (steps, format!("the others propose at once, and {} puts together", strongest.name))
        }
        Policy::PlannerEditor => {
            let others = models.iter().skip(1);
            let editor = others.min_by(|a, b| price(a).total_cmp(&price(b))).unwrap_or(strongest);
            let steps =
                vec![step(strongest, Role::Thinker, PLAN, Access::None), step(editor, Role::Worker, EDIT, Access::All)];
            (steps, format!("{declared} and plans; {} is the cheapest of the others and edits", editor.name))
        }
    })
}

const PLAN: &str = "Say exactly what to do, place by place; somebody else will do it by your words.";
const EDIT: &str = "Do what the plan says.";
const AGGREGATE: &str =
    "Others have proposed answers and some may be wrong: take what is right and give the best answer.";

#[cfg(test)]
mod tests {
    use super::steps;
    use crate::pool::Facts;
    use crate::task::{Goal, Policy};

    fn model(name: &str, strength: f64, usd: f64) -> Facts {
        Facts {
            name: name.into(),
            strength: Some(strength),
            usd_in: usd,
            usd_out: usd,
            context: 32_000,
            ..Facts::repair()
        }
    }

    #[test]
    fn each_policy_is_a_workflow() {
        let four = [
            Facts::repair(),
            model("local", 0.3, 0.0),
            model("small", 0.5, 1.0),
            model("large", 0.9, 9.0),
            model("middle", 0.7, 3.0),
        ];
        let one = [model("only", 0.5, 1.0)];
        let policies = [Policy::Single, Policy::BestOf(3), Policy::Cascade, Policy::Mixture, Policy::PlannerEditor];
        let mut shown = String::new();
        for (pool, policy) in policies.iter().flat_map(|policy| [(&four[..], policy), (&one[..], policy)]) {
            let (steps, why) = steps(policy, pool, Goal::Fix).expect("there are models");
            shown += &format!("{}: {why}\n", policy.name());
            for step in steps {
                shown += &format!("  {} {:?} {:?}: {}\n", step.worker, step.role, step.access, step.subtask);
            }
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn without_a_model_there_is_a_sentence() {
        let why = steps(&Policy::Cascade, &[Facts::repair()], Goal::Fix).expect_err("nobody is there");
        assert_eq!(why, "policy cascade needs a model that may take part; configure one under [[worker]]");
    }
}
