//! What a sandbox costs, of each kind: finding out that it holds, starting a command, and from a cancel until
//! everything in it is dead, daemons included.

use std::time::{Duration, Instant};

use baton::verify::{Cell, Limits, Sandbox, SandboxLevel, Shadow, Texts};
use tokio_util::sync::CancellationToken;

const TIMES: usize = 20;

/// Fifty daemons in sessions of their own that hear no signal but one, and a command that waits.
const CROWD: &str = "trap '' TERM HUP INT; n=0; while [ $n -lt 50 ]; do setsid sleep 600.5 & n=$((n+1)); done; touch started; sleep 600.5";

fn main() {
    let dir = tempfile::tempdir_in("/var/tmp").expect("a temporary directory can be made");
    let root = dir.path().join("project");
    std::fs::create_dir(&root).expect("it is writable");
    let mut shadow = Shadow::open(&root, &dir.path().join("state"), 0).expect("the state directory is writable");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("an event queue");
    for level in [SandboxLevel::Bubblewrap, SandboxLevel::Landlock] {
        let probe = || runtime.block_on(async { Sandbox::of_level(level) });
        let sandbox = match probe() {
            Ok(sandbox) => sandbox,
            Err(why) => {
                println!("{level}: {why}");
                continue;
            }
        };
        report(level, "trying whether it holds", || {
            let started = Instant::now();
            assert!(probe().is_ok());
            started.elapsed()
        });
        let cell = shadow.cell("".as_ref());
        report(level, "starting and ending `true`", || {
            let started = Instant::now();
            let argv = ["/bin/true".to_owned()];
            runtime.block_on(sandbox.run(&cell, &argv, &Limits::default(), &CancellationToken::new()));
            started.elapsed()
        });
        report(level, "cancelling a command with 50 daemons", || {
            shadow.sync(&Texts::new()).expect("the private copy can be restored");
            runtime.block_on(cancelled(&sandbox, &shadow.cell("".as_ref()), dir.path()))
        });
    }
}

fn report(level: SandboxLevel, what: &str, mut once: impl FnMut() -> Duration) {
    let mut times: Vec<Duration> = (0..TIMES).map(|_| once()).collect();
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("{level}: {what}: median {:.1} ms, longest {:.1} ms", ms(times[TIMES / 2]), ms(times[TIMES - 1]));
}

/// From the cancel until the run is over, when nothing of it is alive.
async fn cancelled(sandbox: &Sandbox, cell: &Cell, dir: &std::path::Path) -> Duration {
    let cancel = CancellationToken::new();
    let argv = ["/bin/sh", "-c", CROWD].map(str::to_owned);
    let wait_and_cancel = async {
        while !has(dir, "started") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
        Instant::now()
    };
    let limits = Limits::default();
    let (_, since) = tokio::join!(sandbox.run(cell, &argv, &limits, &cancel), wait_and_cancel);
    let took = since.elapsed();
    let alive = std::process::Command::new("pgrep").args(["-fx", "sleep 600.5"]).output().expect("pgrep is installed");
    assert!(alive.stdout.is_empty(), "something outlived its sandbox");
    took
}

/// Whether a file of that name is in the directory or below.
fn has(dir: &std::path::Path, name: &str) -> bool {
    std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| {
        entry.file_name() == name || (entry.path().is_dir() && !entry.path().is_symlink() && has(&entry.path(), name))
    })
}
