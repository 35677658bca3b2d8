//! What a private copy of a workspace of 50,000 files costs: the first one, beside `cp -a` of the same files, and
//! bringing it up to date after one file has changed.

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton::verify::{Base, Shadow, Texts};

const DIRECTORIES: usize = 1_000;
const FILES_EACH: usize = 50;
const FIRST_ROUNDS: usize = 5;
const ROUNDS: usize = 50;

struct Workspace {
    dir: tempfile::TempDir,
}

impl Workspace {
    fn new() -> Self {
        // On the disk, as workspaces are; /tmp may be memory.
        let dir = tempfile::tempdir_in("/var/tmp").expect("a temporary directory can be made");
        let workspace = Self { dir };
        for directory in 0..DIRECTORIES {
            let path = workspace.root().join(format!("package_{}/module_{directory}", directory % 20));
            fs::create_dir_all(&path).expect("it is writable");
            for file in 0..FILES_EACH {
                let text = format!("def function_{file}(x):\n    return x + {directory}\n").repeat(20);
                fs::write(path.join(format!("file_{file}.py")), text).expect("it is writable");
            }
        }
        workspace
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("workspace")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// One that nothing can change, with layers over it; and one that is a whole copy of its own.
    fn shadow(&self, state: &str, is_layer: bool) -> Shadow {
        let (root, state) = (self.root(), self.path(state));
        if is_layer {
            Shadow::over(&Base::open(&root, &state, Arc::default()).expect("the state directory is writable"))
        } else {
            Shadow::open(&root, &state, 0).expect("the state directory is writable")
        }
    }

    fn change(&self, number: usize) {
        let file = self.root().join("package_7/module_7/file_7.py");
        fs::write(file, format!("x = {number}\n")).expect("it is writable");
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Prints the median and the slowest; returns the median.
fn say(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what:60} median {:8.2} ms, slowest {:8.2} ms, {} times", ms(median), ms(slowest), times.len());
    ms(median)
}

fn main() {
    let workspace = Workspace::new();
    println!("{} files in {} directories", DIRECTORIES * FILES_EACH, DIRECTORIES + 20);
    let (mut copied, mut first) = (Vec::new(), Vec::new());
    for round in 0..FIRST_ROUNDS {
        let (from, to) = (workspace.root(), workspace.path("copied"));
        copied.push(timed(|| {
            let status = Command::new("cp").args(["-a", "--reflink=auto"]).args([&from, &to]).status();
            assert!(status.expect("cp is installed").success());
        }));
        fs::remove_dir_all(to).expect("it is ours");
        let state = format!("state-{round}");
        let mut shadow = workspace.shadow(&state, true);
        first.push(timed(|| {
            black_box(shadow.sync(&Texts::new()).expect("it is copied"));
        }));
        drop(shadow);
        if round > 0 {
            fs::remove_dir_all(workspace.path(&state)).expect("it is ours");
        }
    }
    let ratio = say("cp -a --reflink=auto", copied);
    let ratio = say("first shadow", first) / ratio;
    println!("{:60} {ratio:.2} (target 1.2)", "first shadow / cp");

    for (is_layer, what) in [(true, "one changed file, layer"), (false, "one changed file, whole copy")] {
        let started = Instant::now();
        let mut shadow = workspace.shadow("state-0", is_layer);
        workspace.change(0);
        shadow.sync(&Texts::new()).expect("it is copied");
        println!("{:60} {:.2} ms", format!("{what}: of a new process, or first"), ms(started.elapsed()));
        let times = (1..=ROUNDS).map(|round| {
            workspace.change(round);
            timed(|| assert_eq!(shadow.sync(&Texts::new()).expect("it is copied"), 1))
        });
        say(what, times.collect());
    }
}
