//! How often the verifier accepts right and wrong programs: `make acceptance CORPUS=dir`, where `dir` holds HumanEvalFix's
//! `python.jsonl`. The visible examples are the project's tests, the hidden tests are the truth; the programs are the fixed
//! solution and single edits of the buggy and of the fixed one (`variants.py`), those that pass the visible examples.
//!
//! An example of this crate, not a binary of the tests crate, which stays outside the library that it drives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use baton::patch::{self, Edit, Patch};
use baton::task::Goal;
use baton::verify::{Limits, Request, RungEnd, Verdict, Verifier, Written};
use baton::workspace::{RelPath, Snapshot};
use futures::{StreamExt, stream};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

/// Edits of each solution that are tried.
const TRIED: &str = "60";
const SEED: &str = "1";
/// Right programs of a kind that are judged of one task; the wrong ones are judged all, as they are few and not alike.
const RIGHT: usize = 2;

/// One line of `variants.py`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Task { name: String, visible: String, hidden: String, buggy: String, fixed: String },
    Program { origin: String, text: String, right: bool },
    Count { tried: usize, wrong: usize },
}

/// A task and the programs to judge.
#[derive(Debug)]
struct Task {
    name: String,
    visible: String,
    hidden: String,
    buggy: String,
    /// What each is, its text, and whether it is right.
    programs: Vec<(String, String, bool)>,
}

/// What became of the programs of one kind.
#[derive(Debug, Default)]
struct Count {
    all: usize,
    /// By what alone refused or doubted it.
    stopped: BTreeMap<String, usize>,
    accepted: usize,
    /// Accepted where the hidden tests are those that another worker writes: what a tester without fault would bring.
    with_tests: usize,
}

/// By whether they are right, and by what they are.
type Counts = BTreeMap<(bool, String), Count>;

#[tokio::main]
async fn main() -> ExitCode {
    let corpus = std::env::args().nth(1).context("name the corpus folder");
    match async { run(Path::new(&corpus?)).await }.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("acceptance: {problem:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(corpus: &Path) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acceptance/variants.py");
    let mut child = Command::new("python3")
        .arg(script)
        .arg(corpus.join("python.jsonl"))
        .args([TRIED, SEED])
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(child.stdout.take().context("it is piped")?);
    let (mut tried, mut wrong, mut without) = (0, 0, 0);
    let mut all: Vec<Task> = Vec::new();
    for line in output.lines() {
        match serde_json::from_str(&line?)? {
            Line::Task { name, visible, hidden, buggy, fixed } => {
                let programs = vec![("the fixed solution".to_owned(), fixed, true)];
                all.push(Task { name, visible, hidden, buggy, programs });
            }
            Line::Program { origin, text, right } => {
                let task = all.last_mut().context("a task begins with itself")?;
                task.programs.push((format!("an edit of the {origin} one"), text, right));
            }
            Line::Count { .. } if all.pop_if(|task| !task.visible.contains("assert")).is_some() => without += 1,
            Line::Count { tried: more, wrong: more_wrong } => {
                tried += more;
                wrong += more_wrong;
            }
        }
    }
    ensure!(child.wait()?.success(), "variants.py failed");
    let tasks = all.len();
    let programs = all.iter().flat_map(|task| &task.programs);
    let plausible = programs.filter(|(_, _, right)| !right).count();
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut judged = stream::iter(all).map(|task| async move { judge(&task).await }).buffer_unordered(at_once);
    let mut counts = Counts::new();
    while let Some(of_task) = judged.next().await {
        for (kind, count) in of_task? {
            let sum = counts.entry(kind).or_default();
            sum.all += count.all;
            sum.accepted += count.accepted;
            sum.with_tests += count.with_tests;
            for (rung, times) in count.stopped {
                *sum.stopped.entry(rung).or_default() += times;
            }
        }
    }
    println!("{tasks} tasks ({without} more have no visible example), {tried} edits tried, {wrong} of them wrong");
    println!("the visible examples accept {plausible} of {wrong} wrong ones: {:.1} %", percent(plausible, wrong));
    for ((right, kind), count) in &counts {
        let word = if *right { "right" } else { "wrong" };
        let Count { all, accepted, stopped, with_tests } = count;
        println!(
            "{word}, {kind}: {accepted} of {all} accepted ({:.1} %), {with_tests} with the hidden tests as another worker's; stopped by {stopped:?}",
            percent(*accepted, *all)
        );
    }
    for right in [true, false] {
        let of = |number: fn(&Count) -> usize| {
            counts.iter().filter(|((r, _), _)| *r == right).map(|(_, c)| number(c)).sum::<usize>()
        };
        let (all, accepted) = (of(|count| count.all), of(|count| count.accepted));
        println!(
            "{}: {accepted} of {all} = {:.1} %",
            if right { "true acceptance" } else { "false acceptance of those" },
            percent(accepted, all)
        );
    }
    Ok(())
}

async fn judge(task: &Task) -> Result<Counts> {
    let Task { name, visible, hidden, buggy, programs } = task;
    let mut counts = Counts::new();
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("project");
    std::fs::create_dir(&root)?;
    std::fs::write(root.join("solution.py"), format!("{buggy}\n"))?;
    let body = visible.replace('\n', "\n        ");
    let test = format!(
        "import unittest\nfrom solution import *\nfrom solution import {name}\n\n\nclass Visible(unittest.TestCase):\n    def test_visible(self):\n        {body}\n"
    );
    std::fs::write(root.join("test_visible.py"), test)?;
    let path = RelPath::new("solution.py")?;
    let cancel = CancellationToken::new();
    let request = Request {
        snapshot: Snapshot::new(root, BTreeMap::new()),
        focus: path.clone(),
        goal: Goal::Fix,
        instruction: String::new(),
        evidence: true,
        test: Some(["python3", "-m", "unittest"].map(str::to_owned).to_vec()),
        diagnostics: Vec::new(),
        checks: Default::default(),
        state_dir: dir.path().join("state"),
        limits: Limits::default(),
    };
    let verifier = Verifier::open(request, &cancel).await?;
    let place = verifier.place_for_tests().map_err(anyhow::Error::msg)?;
    let body = hidden.trim().replace('\n', "\n        ");
    let reply = format!(
        "```python\nimport unittest\nfrom solution import *\nfrom solution import {name}\n\n\nclass Hidden(unittest.TestCase):\n    def test_hidden(self):\n        {body}\n```\n"
    );
    let written = Written::read("a tester without fault", &place, &reply).ok();
    let mut judged: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    for (kind, text, right) in programs {
        let seen = judged.entry((*right, kind)).or_default();
        *seen += 1;
        if *right && *seen > RIGHT {
            continue;
        }
        let mut patch = Patch::default();
        let edit = Edit { range: 0..buggy.len() + 1, text: format!("{text}\n") };
        patch.insert(path.clone(), vec![edit]).ok().context("a whole file")?;
        let patch = patch::minimise(&patch, verifier.snapshot());
        let checked = verifier.check(&patch, &cancel).await;
        let verdict = checked.verdict.clone();
        let count = counts.entry((*right, kind.clone())).or_default();
        count.all += 1;
        count.accepted += usize::from(matches!(verdict, Verdict::Passed(_)));
        let checked = match &written {
            Some(written) if checked.lacks_tests => verifier.judge_by(written, &patch, checked, &cancel).await,
            _ => checked,
        };
        count.with_tests += usize::from(checked.verified.is_some());
        for rung in &verdict.report().rungs {
            if matches!(rung.end, RungEnd::Failed | RungEnd::Doubted) {
                *count.stopped.entry(rung.name.clone()).or_default() += 1;
            }
        }
        if *right != matches!(verdict, Verdict::Passed(_)) {
            eprintln!(
                "  {name}: {kind}, right {right}: {}",
                verdict.report().report.lines().next().unwrap_or_default()
            );
        }
    }
    eprintln!("{name}: {} programs", programs.len());
    Ok(counts)
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
