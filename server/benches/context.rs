//! What a worker sees, in a repository of 20,000 files: the first map, a prompt with a map that is ready, a prompt
//! after one file has changed; and how much memory all of that took at most.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::time::Duration;

use baton::context::{Map, Request, prompt, refresh};
use baton::task::{Allowed, Budget, Focus, Goal, Task, Tier};
use baton::workflow::{Access, Role, Step};
use baton::workspace::{RelPath, Snapshot};
use divan::Bencher;

const FILES: usize = 20_000;
const FOLDERS: usize = 400;

fn main() {
    divan::main();
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it counts memory");
    println!("peak memory of all of this: {}", peak.trim());
}

/// A repository in four languages, about a hundred lines a file; every file calls some of its neighbours.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().expect("a temporary directory can be made"));
        for number in 0..FILES {
            let path = repository.root().join(path(number));
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it is writable");
            fs::write(path, text(number)).expect("it is writable");
        }
        repository
    }

    fn root(&self) -> PathBuf {
        self.0.path().canonicalize().expect("it is there")
    }

    fn task(&self) -> Task {
        let snapshot = Snapshot::new(self.root(), Default::default());
        let path = RelPath::new(&path(4000)).expect("it is inside");
        let text = snapshot.read(&path).expect("it is text");
        let start = text.find("step_4000_3").expect("it is there");
        Task {
            goal: Goal::Fix,
            focus: Focus { path, range: Some(start..start + 11), diagnostics: vec![] },
            instruction: String::new(),
            test: None,
            tier: Tier::Mini,
            policy: None,
            depth: None,
            run: None,
            conversation: None,
            budget: Budget { time: Duration::ZERO, usd: 0.0 },
            allowed: Allowed::default(),
            snapshot,
        }
    }
}

fn path(number: usize) -> String {
    let extension = ["py", "js", "rs", "go"][number % 4];
    format!("packages/area_{}/module_{}/file_{number}.{extension}", number % 20, number % FOLDERS)
}

/// Eight functions of some twelve lines.
fn text(number: usize) -> String {
    let mut text = String::new();
    for part in 0..8 {
        let own = format!("step_{number}_{part}");
        // Of the same language: a multiple of four away.
        let used = |far: usize| format!("step_{}_{}", (number + 4 * far) % FILES, (part + far) % 8);
        let calls: String = (1..6).map(|far| format!("    total = {}(total, values)", used(far * (part + 1)))).fold(
            String::new(),
            |mut calls, call| {
                let end = if number.is_multiple_of(4) || number % 4 == 3 { "" } else { ";" };
                writeln!(calls, "{call}{end}").expect("memory takes it");
                calls
            },
        );
        let (head, tail) = match number % 4 {
            0 => (
                format!("def {own}(total, values):\n    \"\"\"One step of the work.\"\"\"\n"),
                "    return total\n\n\n",
            ),
            1 => (
                format!("/** One step of the work. */\nexport function {own}(total, values) {{\n"),
                "    return total;\n}\n\n",
            ),
            2 => (
                format!("/// One step of the work.\npub fn {own}(mut total: u64, values: &[u64]) -> u64 {{\n"),
                "    total\n}\n\n",
            ),
            _ => (
                format!("// One step of the work.\nfunc {own}(total int, values []int) int {{\n"),
                "    return total\n}\n\n",
            ),
        };
        let more = match number % 4 {
            0 => "    for value in values:\n        total.append(len(value))\n",
            2 => "    for value in values {\n        total += value.count_ones();\n    }\n",
            1 => "    for (const value of values) {\n        total.push(value.length);\n    }\n",
            _ => "    for _, value := range values {\n        total = total + len(value)\n    }\n",
        };
        write!(text, "{head}{calls}{more}{tail}").expect("memory takes it");
    }
    text
}

fn ask(task: &Task, map: &RwLock<Map>) -> usize {
    let step = Step { worker: "w".into(), role: Role::Worker, subtask: "Fix it.".into(), access: Access::None };
    let map = map.read().expect("nobody panicked");
    let request = Request { task, step: &step, report: None, earlier: &[], tokens: 28_672, map: &map, tests: None };
    let user = prompt(request).expect("it may be sent").prompt.user;
    assert!(user.contains("It uses, from") && user.contains("It is used in"), "{user}");
    user.len()
}

fn mapped(task: &Task) -> RwLock<Map> {
    let map = RwLock::default();
    assert!(refresh(&map, &task.snapshot, || false));
    map
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn first_map_of_20_000_files(bencher: Bencher<'_, '_>) {
    let repository = Repository::new();
    let task = repository.task();
    bencher.bench_local(|| mapped(&task));
}

/// A snapshot of its own each time, so that files are read again.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn prompt_with_a_ready_map(bencher: Bencher<'_, '_>) {
    let repository = Repository::new();
    let map = mapped(&repository.task());
    bencher.with_inputs(|| repository.task()).bench_local_refs(|task| ask(task, &map));
}

/// The walk that finds the change, the file's new names and the prompt.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn map_and_prompt_after_one_changed_file(bencher: Bencher<'_, '_>) {
    let repository = Repository::new();
    let map = mapped(&repository.task());
    let mut number = 0;
    let change = |root: &Path, number: usize| {
        fs::write(root.join(path(4004)), text(4004) + &format!("\ndef changed_{number}(): pass\n"))
            .expect("it is writable");
    };
    bencher
        .with_inputs(|| {
            number += 1;
            change(&repository.root(), number);
            repository.task()
        })
        .bench_local_refs(|task| {
            assert!(refresh(&map, &task.snapshot, || false));
            ask(task, &map)
        });
}

/// The first prompt that needs to count its tokens reads the vocabulary.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn prompt_that_has_to_count(bencher: Bencher<'_, '_>) {
    let repository = Repository::new();
    let task = repository.task();
    let map = mapped(&task);
    let step = Step { worker: "w".into(), role: Role::Worker, subtask: "Fix it.".into(), access: Access::None };
    bencher.bench_local(|| {
        let map = map.read().expect("nobody panicked");
        prompt(Request { task: &task, step: &step, report: None, earlier: &[], tokens: 2000, map: &map, tests: None })
            .expect("it may be sent")
    });
}
