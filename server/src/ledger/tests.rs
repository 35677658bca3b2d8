//! The ledger on real files: kept, compared, shared, broken.

use super::*;
use crate::pool::Usage;
use crate::run::{ConductorRecord, Kind, StepRecord};
use crate::task::{Goal, Tier};
use crate::verify::{Level, Report, Verdict};
use crate::workflow::{Access, Role, Step, Workflow};

fn step(worker: &str, status: &str) -> StepRecord {
    let usage = Usage { tokens_in: 900, tokens_cached: 0, tokens_out: 80, usd: 0.25 };
    StepRecord { worker: worker.into(), role: Role::Worker, ms: 1_500, usage, status: status.into(), depth: 0 }
}

fn run(id: &str, started: u64, vector: Option<[f32; 2]>, steps: Vec<StepRecord>) -> RunRecord {
    let plan = Step { worker: "a".into(), role: Role::Worker, subtask: "Fix it.".into(), access: Access::None };
    let report = Report { level: Level::Tested, passed: 3, failed: 0, report: "3 passed".into(), rungs: vec![] };
    RunRecord {
        id: id.into(),
        started,
        root: "/home/u/project".into(),
        path: "src/gcd.py".into(),
        goal: Goal::Fix,
        instruction_hash: hash("make it right"),
        tier: Tier::Mini,
        conductor: ConductorRecord { name: "mini".into(), model: "m.gguf".into(), why: "cheap".into() },
        workflow: Workflow { steps: vec![plan] },
        steps,
        verdict: Some(Verdict::Passed(report)),
        outcome: Kind::Verified,
        message: "fixed".into(),
        usd: 0.5,
        ms: 2_000,
        embedding: vector.map(|vector| Embedding { model: "m.gguf".into(), vector: vector.into() }),
    }
}

fn ledger(folder: &tempfile::TempDir) -> Ledger {
    Ledger::open(&folder.path().join("state/ledger.sqlite")).unwrap()
}

#[test]
fn what_is_recorded_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = run("abc1", 1_000, Some([1.0, 0.0]), vec![step("a", "rejected"), step("b", "verified")]);
    let second = run("abd2", 2_000, None, vec![]);
    {
        let ledger = ledger(&folder);
        ledger.record(&first).unwrap();
        ledger.record(&second).unwrap();
    }
    let ledger = ledger(&folder);
    let shown = |run: &RunRecord| RunRecord { embedding: None, ..run.clone() };
    assert_eq!(ledger.list(10).unwrap(), [shown(&second), shown(&first)], "newest first");
    assert_eq!(ledger.list(1).unwrap(), [shown(&second)]);
    assert_eq!(ledger.get("abc1").unwrap(), Some(shown(&first)));
    assert_eq!(ledger.get("abd").unwrap(), Some(shown(&second)), "a beginning is enough");
    assert_eq!(ledger.get("x%").unwrap(), None);
    assert_eq!(ledger.get("ab").unwrap_err().to_string(), "several runs begin with `ab`; `baton runs` lists them");
}

#[test]
fn a_run_recorded_again_replaces_itself() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    ledger.record(&run("a", 1, Some([1.0, 0.0]), vec![step("w", "rejected"), step("w", "verified")])).unwrap();
    ledger.record(&run("a", 1, Some([0.0, 1.0]), vec![step("w", "no_fix")])).unwrap();
    assert_eq!(ledger.list(10).unwrap().len(), 1);
    let task = Embedding { model: "m.gguf".into(), vector: vec![0.0, 1.0] };
    let neighbours = ledger.neighbours(&task, 10).unwrap();
    assert_eq!(neighbours.len(), 1);
    assert_eq!((neighbours[0].cosine, neighbours[0].solved), (1.0, false));
}

#[test]
fn neighbours_are_the_nearest_tasks_and_only_what_says_something_of_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let all = ["verified", "rejected", "prose", "no_fix", "cancelled", "unverified", "error: no route to host"];
    ledger.record(&run("near", 1, Some([0.8, 0.6]), all.map(|status| step(status, status)).to_vec())).unwrap();
    ledger.record(&run("far", 2, Some([0.0, 1.0]), vec![step("far", "verified")])).unwrap();
    ledger.record(&run("nearest", 3, Some([1.0, 0.0]), vec![step("w", "no_fix"), step("w", "verified")])).unwrap();
    let other = Embedding { model: "other.gguf".into(), vector: vec![1.0, 0.0] };
    let mut foreign = run("foreign", 4, None, vec![step("foreign", "verified")]);
    foreign.embedding = Some(other.clone());
    ledger.record(&foreign).unwrap();
    let task = Embedding { model: "m.gguf".into(), vector: vec![1.0, 0.0] };
    let seen: Vec<_> = ledger
        .neighbours(&task, 2)
        .unwrap()
        .into_iter()
        .map(|n| format!("{:.1} {} solved={} after={}", n.cosine, n.worker, n.solved, n.after))
        .collect();
    assert_eq!(
        seen,
        [
            "1.0 w solved=false after=0",
            "1.0 w solved=true after=1",
            "0.8 verified solved=true after=0",
            "0.8 rejected solved=false after=0",
            "0.8 prose solved=false after=1",
            "0.8 no_fix solved=false after=2",
        ]
    );
    let longer = Embedding { model: "m.gguf".into(), vector: vec![1.0, 0.0, 0.0] };
    assert_eq!(ledger.neighbours(&longer, 9).unwrap(), [], "vectors of another size are not compared");
}

#[test]
fn only_today_is_counted_as_today() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    assert_eq!(ledger.spent_today().unwrap(), 0.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    ledger.record(&run("now", now, None, vec![])).unwrap();
    ledger.record(&run("days ago", now - 3 * 86_400_000, None, vec![])).unwrap();
    assert_eq!(ledger.spent_today().unwrap(), 0.5);
}

#[test]
fn many_windows_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|threads| {
        for window in 0..8 {
            let (folder, start) = (&folder, &start);
            threads.spawn(move || {
                // All of them find no file, and each has a connection of its own, as processes have.
                start.wait();
                let ledger = ledger(folder);
                for n in 0..10 {
                    let id = format!("{window}-{n}");
                    ledger.record(&run(&id, n, Some([1.0, 0.0]), vec![step("w", "verified")])).unwrap();
                    ledger.list(5).unwrap();
                }
            });
        }
    });
    let ledger = ledger(&folder);
    assert_eq!((ledger.count().unwrap(), ledger.list(1_000).unwrap().len()), (80, 80));
    let task = Embedding { model: "m.gguf".into(), vector: vec![1.0, 0.0] };
    assert_eq!(ledger.neighbours(&task, 1_000).unwrap().len(), 80);
}

#[test]
fn a_ledger_that_cannot_be_used_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.sqlite");
    std::fs::write(&path, "this is no database, but it is long enough to be taken for one at first sight").unwrap();
    let error = format!("{:#}", Ledger::open(&path).unwrap_err());
    assert!(error.starts_with(&format!("the ledger {} cannot be used; ", path.display())), "{error}");
    assert!(error.contains("not a database"), "{error}");
    assert!(std::fs::read(&path).unwrap().starts_with(b"this is no"), "and is left as it was");
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(Ledger::open(&folder.path().join("file/ledger.sqlite")).is_err());
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    ledger.record(&run("a", 1, None, vec![])).unwrap();
    for entry in std::fs::read_dir(folder.path().join("state")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}
