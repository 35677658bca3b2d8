//! Training on a recording that is made up: two kinds of tasks, of which one is hard and says so, and workers from cheap and
//! weak to dear and strong.

use std::cell::Cell;
use std::path::Path;

use super::*;
use crate::conductor::dice::Dice;
use crate::eval::conducted::Conducted;
use crate::eval::headed::Headed;
use crate::eval::recorded::Source;
use crate::eval::replay::play;
use crate::eval::score::score;

const TASKS: usize = 90;
const LEARNED: usize = 60;

fn write(folder: &Path) {
    let mut dice = Dice::of(5);
    let (mut tasks, mut outcomes) =
        (String::new(), "task,worker,solved,cost_usd,accept_tests,accept_perfect\n".to_owned());
    for task in 0..TASKS {
        let (hard, text) = if task.is_multiple_of(3) { (1.0, "hard 10^9") } else { (0.0, "easy") };
        tasks += &format!(
            "{{\"id\": \"t{task}\", \"date\": \"2024-01-01\", \"language\": \"python\", \"kind\": \"write\", \"text\": \"{text}\"}}\n"
        );
        let difficulty = 3.0 * hard - 1.0 + 0.7 * dice.normal();
        for (worker, ease, usd) in [("small", 0.0, 0.001), ("fair", 1.0, 0.01), ("large", 2.5, 0.1)] {
            let solved = dice.share() < 1.0 / (1.0 + (difficulty - ease).exp());
            let accepted = solved && dice.share() < 0.98 || !solved && dice.share() < 0.15;
            let bit = u8::from;
            outcomes += &format!("t{task},{worker},{},{usd},{},{}\n", bit(solved), bit(accepted), bit(solved));
        }
    }
    std::fs::write(folder.join("tasks.jsonl"), tasks).unwrap();
    std::fs::write(folder.join("outcomes.csv"), outcomes).unwrap();
}

fn vectors() -> Vectors {
    let vector = |task: usize| if task.is_multiple_of(3) { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
    (0..TASKS).map(|task| (format!("t{task}"), vector(task))).collect()
}

fn settings(seed: u64) -> Settings {
    Settings { seed, cost: 0.5, rounds: 4, verifier: "tests".into(), encoder: "e.gguf".into() }
}

fn trained(folder: &Path, seed: u64) -> Training {
    let recorded = [Recorded::read(folder, "tests", Some(LEARNED)).unwrap()];
    let verifiers = reliabilities(&[folder.to_owned()], Some(LEARNED)).unwrap();
    train(&recorded, verifiers, &vectors(), &settings(seed), |_| {}).unwrap()
}

#[test]
fn what_made_the_recording_is_learned_and_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let Training { heads, report } = trained(folder.path(), 1);
    assert_eq!(heads.written().unwrap(), trained(folder.path(), 1).heads.written().unwrap());
    assert_ne!(heads.policy, trained(folder.path(), 2).heads.policy, "another seed searches elsewhere");
    assert_eq!((heads.trained.tasks, heads.trained.workers, heads.trained.until.as_str()), (60, 3, "2024-01-01"));
    let (tests, perfect) = (heads.verifier("tests"), heads.verifier("perfect"));
    assert!((tests.wrong - 0.15).abs() < 0.08 && tests.right > 0.95 && perfect.wrong < 0.02, "{:?}", heads.verifiers);
    assert!(heads.difficulty.vector[0] > heads.difficulty.vector[1] + 0.3, "hard tasks look hard: {report}");
    assert_eq!(heads.difficulty.kinds["edit"].tasks, 60);
    assert!(heads.workers.is_empty());
    assert_eq!(Heads::read(&heads.written().unwrap()), Ok(heads));

    // On tasks that came later it keeps to the cost, and does not fall behind the cheapest.
    let (train, test) = (folder.path().to_owned(), folder.path().to_owned());
    let source =
        Source { train, test, train_before: Some(LEARNED), test_from: Some(LEARNED), verifier: "tests".into() };
    let split = source.read().unwrap();
    let heads = std::sync::Arc::new(trained(folder.path(), 1).heads);
    let headed = Headed::new(&split.train, vectors(), heads, "tests").unwrap();
    let decisions = play(&mut Conducted::by(headed, &split.train, "tests"), &split.test).unwrap();
    let scored = score(&decisions, &split.test).unwrap();
    let mean = |of: fn(&crate::eval::score::Scored) -> f64| scored.iter().map(of).sum::<f64>() / scored.len() as f64;
    assert!(mean(|task| task.usd) < 0.09 && mean(|task| task.right) > 0.6, "{report}");
}

#[test]
fn every_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let recorded = [Recorded::read(folder.path(), "tests", Some(LEARNED)).unwrap()];
    let (fitted, searched) = (Cell::new(0), Cell::new(0));
    let verifiers = reliabilities(&[folder.path().to_owned()], None).unwrap();
    train(&recorded, verifiers, &vectors(), &settings(1), |stage| match stage {
        Stage::Fitted(of) => {
            assert_eq!(of, 10);
            fitted.set(fitted.get() + 1);
        }
        Stage::Searched(right, cost) => {
            assert!((0.0..=1.0).contains(&right) && cost > 0.0);
            searched.set(searched.get() + 1);
        }
    })
    .unwrap();
    assert_eq!((fitted.get(), searched.get()), (10, 4));
}

#[test]
fn too_few_tasks_are_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let recorded = [Recorded::read(folder.path(), "tests", Some(7)).unwrap()];
    let error = train(&recorded, BTreeMap::new(), &vectors(), &settings(1), |_| {}).err().unwrap();
    assert_eq!(error.to_string(), "7 tasks are too few to train on; at least 20 are needed");
}
