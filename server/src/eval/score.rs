//! What decisions were worth. The only code that opens what is hidden.

use anyhow::{Result, bail};

use super::recorded::{Hidden, Recording};
use super::replay::Decision;

/// The right to open what is hidden; made here and nowhere else.
pub struct Scoring(());

/// What came of one task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// 1 for a right answer, 0 for a wrong one; between them where it is an expectation.
    pub right: f64,
    /// US dollars.
    pub usd: f64,
    /// Calls of workers.
    pub calls: f64,
}

/// Scores decisions, which are in the order of the test tasks.
pub fn score(decisions: &[Decision], test: &Recording<Hidden>) -> Result<Vec<Scored>> {
    let mut scored = Vec::new();
    for (task, decision) in decisions.iter().enumerate() {
        let mut usd = 0.0;
        for worker in &decision.calls {
            usd += test.outcome(task, test.worker(worker)?).usd;
        }
        let right = right(test, task, test.worker(&decision.answer)?)?;
        scored.push(Scored { right, usd, calls: decision.calls.len() as f64 });
    }
    Ok(scored)
}

/// What calling anybody by chance is expected to be worth.
pub fn chance(test: &Recording<Hidden>) -> Result<Vec<Scored>> {
    let all = test.workers.len() as f64;
    let each = each_task(test)?.into_iter();
    Ok(each.map(|(right, usd)| Scored { right: right.iter().sum::<f64>() / all, usd: usd / all, calls: 1.0 }).collect())
}

/// Calling everybody and knowing who is right: more than any policy can reach.
pub fn oracle(test: &Recording<Hidden>) -> Result<Vec<Scored>> {
    let calls = test.workers.len() as f64;
    let each = each_task(test)?.into_iter();
    Ok(each.map(|(right, usd)| Scored { right: right.into_iter().fold(0.0, f64::max), usd, calls }).collect())
}

/// Of every task: who was right, and what all cost together.
fn each_task(test: &Recording<Hidden>) -> Result<Vec<(Vec<f64>, f64)>> {
    let workers = 0..test.workers.len();
    let of = |task| {
        let right: Result<Vec<f64>> = workers.clone().map(|worker| right(test, task, worker)).collect();
        Ok((right?, workers.clone().map(|worker| test.outcome(task, worker).usd).sum()))
    };
    (0..test.tasks.len()).map(of).collect()
}

fn right(test: &Recording<Hidden>, task: usize, worker: usize) -> Result<f64> {
    match test.outcome(task, worker).solved.open(&Scoring(())) {
        Some(right) => Ok(f64::from(u8::from(right))),
        None => bail!(
            "{} does not say whether {} solved task {}, so nothing can be scored",
            test.folder.join("outcomes.csv").display(),
            test.workers[worker],
            test.tasks[task].id
        ),
    }
}
