//! The ledger on real files and a real server: kept, compared, shared, broken.

use std::sync::LazyLock;

use rusqlite::Connection;

use super::*;
use crate::pool::Usage;
use crate::run::{ConductorRecord, Kind, StepRecord};
use crate::task::{Goal, Tier};
use crate::verify::{Level, Report, Verdict};
use crate::workflow::{Access, Role, Step, Workflow};

#[path = "../../../tests/src/postgres.rs"]
#[allow(dead_code)]
mod server;

/// One for all tests: each has a database of its own.
pub(super) static SERVER: LazyLock<server::Postgres> = LazyLock::new(server::Postgres::start);
pub(super) use server::Postgres;

/// Where a test's ledger is.
enum Place {
    File(tempfile::TempDir),
    Server(String),
}

impl Place {
    /// Another handle to it, as another process has.
    fn ledger(&self) -> Ledger {
        match self {
            Self::File(folder) => ledger(folder),
            Self::Server(url) => on_server(url),
        }
    }
}

/// The same test, on a file and on a server.
fn on_both(test: impl Fn(&Place)) {
    test(&Place::File(tempfile::tempdir().unwrap()));
    eprintln!("it holds of a file; and of a server:");
    test(&Place::Server(SERVER.database()));
}

pub(super) fn on_server(url: &str) -> Ledger {
    Ledger::shared(url, &LedgerOptions::default(), PATIENCE).unwrap()
}

pub(super) fn step(worker: &str, status: &str) -> StepRecord {
    let usage = Usage { tokens_in: 900, tokens_cached: 300, tokens_out: 80, usd: 0.25 };
    StepRecord { ms: 1_500, usage, status: status.into(), ..StepRecord::planned(&plan(worker), 0) }
}

fn plan(worker: &str) -> Step {
    Step { worker: worker.into(), role: Role::Worker, subtask: "Fix it.".into(), access: Access::None }
}

pub(super) fn run(id: &str, started: u64, vector: Option<[f32; 2]>, steps: Vec<StepRecord>) -> RunRecord {
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
        policy: String::new(),
        workflow: Workflow { steps: vec![plan("a")] },
        steps,
        planning: Usage::default(),
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
    on_both(|place| {
        let mut first = run("abc1", 1_000, Some([1.0, 0.0]), vec![step("a", "rejected"), step("b", "verified")]);
        let mut second = run("abd2", 2_000, None, vec![]);
        {
            let ledger = place.ledger();
            ledger.record(&mut first).unwrap();
            ledger.record(&mut second).unwrap();
        }
        let ledger = place.ledger();
        let shown = |run: &RunRecord| RunRecord { embedding: None, ..run.clone() };
        assert_eq!(ledger.list(10).unwrap(), [shown(&second), shown(&first)], "newest first");
        assert_eq!(ledger.list(1).unwrap(), [shown(&second)]);
        assert_eq!(ledger.get("abc1").unwrap(), Some(shown(&first)));
        assert_eq!(ledger.get("abd").unwrap(), Some(shown(&second)), "a beginning is enough");
        ledger.record(&mut run("abd23", 3_000, None, vec![])).unwrap();
        assert_eq!(ledger.get("abd2").unwrap(), Some(shown(&second)), "and the whole is no beginning of another");
        assert_eq!(ledger.get("x%").unwrap(), None);
        assert_eq!(ledger.get("ab").unwrap_err().to_string(), "several runs begin with `ab`; `baton runs` lists them");
    });
}

#[test]
fn a_ledger_of_version_1_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    // Written by that version: a verified fix, then a question that nobody could answer.
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ledger/version-1.sqlite"), &path).unwrap();
    let ledger = Ledger::open(&path).unwrap();
    let runs = ledger.list(10).unwrap();
    let seen: Vec<_> = runs.iter().map(|run| (run.id.as_str(), run.outcome, run.steps.len())).collect();
    assert_eq!(seen, [("mwxq3uzkvv", Kind::Failed, 0), ("mwxq3sqqfe", Kind::Verified, 1)]);
    let rows = runs[1].rows();
    assert_eq!((rows[0].number, rows[0].worker, rows[0].depth), (1, "repair", 0));
    assert!(rows[0].planned.is_some() && rows[0].done.is_some_and(|done| done.began_ms.is_none()));
    assert_eq!(ledger.texts("mwxq3sqqfe").unwrap(), []);
    let mut vector = [0.0; 384];
    vector[0] = 1.0;
    let task = Embedding { model: "minilm-l6-v2.q8_0.gguf".into(), vector: vector.into() };
    assert_eq!(ledger.neighbours(&task, 9).unwrap().len(), 1, "what was learnt stays");
    let mut new = run("new", 1_900_000_000_000, None, vec![step("w", "verified")]);
    ledger.record(&mut new).unwrap();
    assert_eq!(Ledger::open(&path).unwrap().list(1).unwrap(), [new]);
}

#[test]
fn a_step_is_recorded_with_when_it_began_what_it_saw_and_how_deep_it_was() {
    on_both(|place| {
        let ledger = place.ledger();
        let first = StepRecord { began_ms: Some(20), ..step("a", "rejected") };
        let second = StepRecord {
            depth: 1,
            began_ms: Some(1_600),
            why: "the best of those left".into(),
            prompt_hash: hash("prompt"),
            ..step("b", "verified")
        };
        let mut run = run("r", 1, None, vec![first, second]);
        run.policy = "best-of-2".into();
        run.workflow.steps.push(Step { access: Access::Steps(vec![0]), ..plan("b") });
        ledger.record(&mut run).unwrap();
        assert_eq!(ledger.get("r").unwrap().as_ref(), Some(&run));
        let sql = "SELECT number || ' ' || worker || ' ' || depth || ' ' || began_ms || ' ' || tokens_cached || ' ' ||
                          prompt_hash || ' ' || access || ' ' || policy
                   FROM steps JOIN runs ON id = run ORDER BY number";
        let rows = ledger.reading(|on| on.rows(sql, &[])).unwrap();
        let rows: Vec<String> = rows.into_iter().map(|mut row| row.text(0).unwrap()).collect();
        let second = format!("2 b 1 1600 300 {} [0] best-of-2", hash("prompt"));
        assert_eq!(rows, [r#"1 a 0 20 300  "none" best-of-2"#, &second]);
    });
}

#[test]
fn a_row_is_a_plan_and_what_became_of_it() {
    let rows = |planned: &[&str], steps: Vec<StepRecord>| {
        let mut run = run("r", 1, None, steps);
        run.workflow.steps = planned.iter().map(|worker| plan(worker)).collect();
        let row = |row: Row<'_>| {
            let (planned, done) = (row.planned.is_some(), row.done.is_some());
            format!("{} {} level {} planned={planned} done={done}", row.number, row.worker, row.depth)
        };
        run.rows().into_iter().map(row).collect::<Vec<_>>()
    };
    let deeper = |status| StepRecord { depth: 1, ..step("b", status) };
    assert_eq!(
        rows(&["a", "b", "c"], vec![step("a", "rejected"), deeper("not begun")]),
        [
            "1 a level 0 planned=true done=true",
            "2 b level 1 planned=true done=false",
            "3 c level 1 planned=true done=false",
        ]
    );
    assert_eq!(rows(&[], vec![step("a", "no_fix")]), ["1 a level 0 planned=false done=true"]);
    assert_eq!(rows(&[], vec![]), Vec::<String>::new());
}

#[test]
fn texts_are_kept_beside_the_record() {
    on_both(|place| {
        let ledger = place.ledger();
        let texts = Texts { prompt: "Fix it.".into(), reply: "Done.".into() };
        let kept = StepRecord { texts: Some(texts.clone()), ..step("w", "verified") };
        ledger.record(&mut run("a", 1, None, vec![step("w", "no_fix"), kept])).unwrap();
        assert_eq!(ledger.texts("a").unwrap(), [(2, texts)]);
        let json = serde_json::to_string(&ledger.get("a").unwrap()).unwrap();
        assert!(!json.contains("Done."), "{json}");
        ledger.record(&mut run("b", 1, None, vec![step("w", "verified")])).unwrap();
        assert_eq!(ledger.texts("b").unwrap(), []);
    });
}

#[test]
fn any_number_that_a_server_claims_can_be_written() {
    on_both(|place| {
        let ledger = place.ledger();
        let mut huge = step("w", "verified");
        huge.usage = Usage { tokens_in: u64::MAX, tokens_cached: u64::MAX, tokens_out: u64::MAX, usd: 1e300 };
        huge.ms = u64::MAX;
        ledger.record(&mut run("a", 1, None, vec![huge.clone()])).unwrap();
        assert_eq!(ledger.list(1).unwrap()[0].steps, [huge]);
    });
}

#[test]
fn a_run_whose_identifier_is_taken_gets_another() {
    on_both(|place| {
        let id = new_id(1_700_000_000_000);
        let mut first = run(&id, 1_700_000_000_000, Some([1.0, 0.0]), vec![step("first", "verified")]);
        let mut second = run(&id, 1_700_000_000_000, Some([0.0, 1.0]), vec![step("second", "verified")]);
        place.ledger().record(&mut first).unwrap();
        place.ledger().record(&mut second).unwrap();
        assert_eq!(first.id, id);
        assert_ne!(second.id, id);
        let ledger = place.ledger();
        assert_eq!(ledger.count().unwrap(), 2);
        assert_eq!(ledger.get(&second.id).unwrap().unwrap().steps, second.steps);
        let task = Embedding { model: "m.gguf".into(), vector: vec![0.0, 1.0] };
        let workers: Vec<_> = ledger.neighbours(&task, 9).unwrap().into_iter().map(|n| n.worker).collect();
        assert_eq!(workers, ["second", "first"], "each has its own steps and its own vector");
    });
}

#[test]
fn what_cannot_be_written_whole_is_not_written() {
    on_both(|place| {
        let ledger = place.ledger();
        let mut endless = run("a", 1, Some([1.0, 0.0]), vec![step("w", "verified")]);
        let model = "two embeddings of one run".to_owned();
        let twice = |on: &mut dyn Statements| {
            write::write(on, &mut endless)?;
            on.change(
                "INSERT INTO embeddings (run, model, vector) VALUES ('a', $1, $2)",
                &[model.as_str().into(), vec![0_u8].into()],
            )
        };
        let failed = match &ledger.0 {
            Store::File(file) => file.writing(twice),
            Store::Server(server) => server.writing(twice),
        };
        let error = format!("{:#}", failed.unwrap_err()).to_lowercase();
        assert!(error.contains("unique"), "{error}");
        assert_eq!((ledger.count().unwrap(), ledger.stats(0).unwrap().workers.len()), (0, 0));
    });
}

#[test]
fn neighbours_are_the_nearest_tasks_and_only_what_says_something_of_a_worker() {
    on_both(|place| {
        let ledger = place.ledger();
        let all = ["verified", "rejected", "refused", "no_fix", "cancelled", "unverified", "error: no route to host"];
        ledger.record(&mut run("near", 1, Some([0.8, 0.6]), all.map(|status| step(status, status)).to_vec())).unwrap();
        ledger.record(&mut run("far", 2, Some([0.0, 1.0]), vec![step("far", "verified")])).unwrap();
        ledger
            .record(&mut run("nearest", 3, Some([1.0, 0.0]), vec![step("w", "no_fix"), step("w", "verified")]))
            .unwrap();
        let other = Embedding { model: "other.gguf".into(), vector: vec![1.0, 0.0] };
        let mut foreign = run("foreign", 4, None, vec![step("foreign", "verified")]);
        foreign.embedding = Some(other.clone());
        ledger.record(&mut foreign).unwrap();
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
                "0.8 refused solved=false after=1",
                "0.8 no_fix solved=false after=2",
            ]
        );
        let longer = Embedding { model: "m.gguf".into(), vector: vec![1.0, 0.0, 0.0] };
        assert_eq!(ledger.neighbours(&longer, 9).unwrap(), [], "vectors of another size are not compared");
    });
}

#[test]
fn a_long_record_is_read_from_its_newest_end() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    let sql = format!("EXPLAIN QUERY PLAN SELECT run, vector {}", past::EMBEDDED);
    let plan = ledger.reading(|on| on.rows(&sql, &["m".into(), 0_i64.into(), 9_i64.into()])).unwrap();
    let steps: Vec<String> = plan.into_iter().map(|mut row| row.text(3).unwrap()).collect();
    assert!(
        steps[0].contains("USING INDEX runs_started") && !steps.iter().any(|step| step == "SCAN embeddings"),
        "{steps:?}"
    );
}

#[test]
fn steps_at_once_do_not_come_after_each_others_failures() {
    on_both(|place| {
        let ledger = place.ledger();
        let at = |began: u64, worker: &str, status: &str| StepRecord { began_ms: Some(began), ..step(worker, status) };
        // Two at once, of a second and a half each; one begins when both have ended, and one while it goes on.
        let steps = vec![
            at(0, "a", "rejected"),
            at(10, "a", "rejected"),
            at(1_600, "a", "rejected"),
            at(2_000, "b", "rejected"),
            at(3_600, "a", "verified"),
        ];
        ledger.record(&mut run("r", 1, Some([1.0, 0.0]), steps)).unwrap();
        let task = Embedding { model: "m.gguf".into(), vector: vec![1.0, 0.0] };
        let after: Vec<u32> = ledger.neighbours(&task, 1).unwrap().iter().map(|neighbour| neighbour.after).collect();
        assert_eq!(after, [0, 0, 2, 2, 4]);
        let again: Vec<u32> =
            ledger.history("m.gguf", 0).unwrap()[0].attempts.iter().map(|attempt| attempt.again).collect();
        assert_eq!(again, [0, 0, 2, 0, 3]);
    });
}

#[test]
fn the_history_is_in_the_order_of_time_and_of_one_encoder() {
    on_both(|place| {
        let ledger = place.ledger();
        let statuses = ["verified", "rejected", "cancelled"].map(|status| step(status, status)).to_vec();
        ledger.record(&mut run("late", 20, Some([0.0, 1.0]), statuses)).unwrap();
        ledger
            .record(&mut run("early", 10, Some([1.0, 0.0]), vec![step("w", "no_fix"), step("w", "verified")]))
            .unwrap();
        ledger.record(&mut run("nobody", 15, Some([1.0, 0.0]), vec![step("w", "cancelled")])).unwrap();
        ledger.record(&mut run("blind", 16, None, vec![step("w", "verified")])).unwrap();
        let of = |worker: &str, accepted, again| PastAttempt { worker: worker.into(), accepted, again };
        let past = |started, vector: [f32; 2], attempts| PastRun {
            started,
            path: "src/gcd.py".into(),
            goal: Goal::Fix,
            model: "m.gguf".into(),
            vector: vector.into(),
            attempts,
        };
        let early = past(10, [1.0, 0.0], vec![of("w", false, 0), of("w", true, 1)]);
        let late = past(20, [0.0, 1.0], vec![of("verified", true, 0), of("rejected", false, 0)]);
        assert_eq!(ledger.history("m.gguf", 0).unwrap(), [early, late.clone()]);
        assert_eq!(ledger.history("m.gguf", 10).unwrap(), [late], "what was learned already is not learned again");
        assert_eq!(ledger.history("other.gguf", 0).unwrap(), []);
    });
}

#[test]
fn only_today_is_counted_as_today() {
    on_both(|place| {
        let ledger = place.ledger();
        assert_eq!(ledger.spent_today().unwrap(), 0.0);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        ledger.record(&mut run("now", now, None, vec![])).unwrap();
        ledger.record(&mut run("days ago", now - 3 * 86_400_000, None, vec![])).unwrap();
        assert_eq!(ledger.spent_today().unwrap(), 0.5);
    });
}

#[test]
fn the_figures_are_of_the_steps_that_were_taken_since_then() {
    on_both(|place| {
        let ledger = place.ledger();
        ledger.record(&mut run("old", 1_000, None, vec![step("a", "verified")])).unwrap();
        let steps = ["rejected", "verified", "declined", "not begun", "cancelled", "error: no route to host"];
        ledger.record(&mut run("new", 2_000, None, steps.map(|status| step("a", status)).to_vec())).unwrap();
        ledger.record(&mut run("question", 3_000, None, vec![step("b", "answered")])).unwrap();
        ledger.record(&mut run("nobody", 4_000, None, vec![])).unwrap();
        let stats = ledger.stats(2_000).unwrap();
        let seen: Vec<_> = stats.workers.iter().map(|w| (w.worker.as_str(), w.attempts, w.solved, w.others)).collect();
        assert_eq!(seen, [("a", 2, 1, 2), ("b", 0, 0, 1)]);
        assert_eq!((stats.workers[0].usd, stats.workers[0].tokens_cached), (1.0, 1_200));
        assert_eq!((stats.runs, stats.runs_with_attempts, stats.usd, stats.usd_with_attempts), (3, 1, 1.5, 0.5));
        assert_eq!(ledger.stats(0).unwrap().runs, 4);
        assert_eq!(ledger.stats(u64::MAX).unwrap().runs, 0);
    });
}

#[test]
fn many_processes_at_once_lose_nothing() {
    on_both(|place| {
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|threads| {
            for window in 0..8 {
                let start = &start;
                threads.spawn(move || {
                    // All of them find no tables, and each has a connection of its own, as processes have.
                    start.wait();
                    let ledger = place.ledger();
                    for n in 0..10 {
                        let id = format!("{window}-{n}");
                        let steps = vec![step("w", "verified")];
                        ledger.record(&mut run(&id, n, Some([1.0, 0.0]), steps)).unwrap();
                        ledger.list(5).unwrap();
                    }
                });
            }
        });
        let ledger = place.ledger();
        assert_eq!((ledger.count().unwrap(), ledger.list(1_000).unwrap().len()), (80, 80));
        let task = Embedding { model: "m.gguf".into(), vector: vec![1.0, 0.0] };
        assert_eq!(ledger.neighbours(&task, 1_000).unwrap().len(), 80);
    });
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

#[test]
fn a_damaged_ledger_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/ledger.sqlite");
    let runs = |ledger: &Ledger| (0..200).try_for_each(|n| ledger.record(&mut run(&n.to_string(), n, None, vec![])));
    runs(&ledger(&folder)).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // Its first page, with what the tables are, stays as it was.
    bytes[4096..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let ledger = ledger(&folder);
    for error in [ledger.list(5).unwrap_err(), ledger.record(&mut run("a", 1, None, vec![])).unwrap_err()] {
        let error = format!("{error:#}");
        assert!(error.contains("it is damaged; move the file away to begin a new one"), "{error}");
    }
    drop(ledger);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "and is left as it was");
}

#[test]
fn a_ledger_that_another_program_holds_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let waiting = || Ledger::open_within(&path, Duration::from_millis(20));
    let ledger = waiting().unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = format!("{:#}", ledger.record(&mut run("a", 1, None, vec![])).unwrap_err());
    let held = "another program has held it for more than 0.02 s; end that one";
    assert_eq!(error, format!("the run was not recorded in {}: {held}", path.display()));
    assert_eq!(ledger.list(5).unwrap(), [], "who only reads need not wait");
    drop(ledger);
    other.execute_batch("ROLLBACK; PRAGMA locking_mode = exclusive; BEGIN IMMEDIATE; COMMIT").unwrap();
    let error = format!("{:#}", waiting().unwrap_err());
    assert!(error.contains("Baton works without it") && error.ends_with(held), "{error}");
    drop(other);
    waiting().unwrap().record(&mut run("a", 1, None, vec![])).unwrap();
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder);
    ledger.record(&mut run("a", 1, None, vec![])).unwrap();
    for entry in std::fs::read_dir(folder.path().join("state")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}
