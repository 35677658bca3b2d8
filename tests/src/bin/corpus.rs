//! Runs `baton fix` with the built-in `repair` alone over a corpus of bugs in QuixBugs' layout
//! (`python_programs/X.py`, `python_testcases/test_X.py`) and prints fixed or not per program and a total.
//!
//! A program counts as fixed when Baton says `verified` and its tests then pass outside Baton too.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

const MAX_SECONDS: &str = "60";

fn main() -> ExitCode {
    match std::env::args().nth(1).context("name the corpus folder").and_then(|dir| run(Path::new(&dir))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("corpus: {problem:#}");
            ExitCode::from(2)
        }
    }
}

fn run(corpus: &Path) -> Result<()> {
    let programs = programs(corpus)?;
    let python = std::env::current_dir()?.join(".tools/venv/bin/python");
    ensure!(python.exists(), "{} is missing; run `make corpus`", python.display());
    let only: Vec<String> = std::env::args().skip(2).collect();
    let home = tempfile::tempdir()?;
    let (mut fixed, mut wrong, mut count) = (0, 0, 0);
    for program in programs.iter().filter(|name| only.is_empty() || only.contains(name)) {
        count += 1;
        let copy = tempfile::tempdir()?;
        copy_tree(corpus, copy.path())?;
        let test =
            [python.display().to_string(), "-m".into(), "pytest".into(), format!("python_testcases/test_{program}.py")];
        let started = Instant::now();
        let output = Command::new(baton_tests::binary())
            .args(["fix", &format!("python_programs/{program}.py"), "--json", "--trust", "--apply"])
            .args(["--max-seconds", MAX_SECONDS, "--root"])
            .arg(copy.path())
            .args(["--test", &test.join(" ")])
            .env("XDG_CONFIG_HOME", home.path().join("config"))
            .env("XDG_STATE_HOME", home.path().join("state"))
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .env("XDG_DATA_HOME", home.path().join("data"))
            .current_dir(copy.path())
            .output()?;
        let seconds = started.elapsed().as_secs_f64();
        let reply: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{program}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let verified = reply["outcome"] == "verified";
        // pytest has no limit of its own; a wrong fix may hang.
        let passes = verified
            && Command::new("timeout").arg("60").args(&test).current_dir(copy.path()).output()?.status.success();
        fixed += usize::from(passes);
        wrong += usize::from(verified && !passes);
        let word = if passes {
            "fixed"
        } else if verified {
            "WRONG"
        } else {
            "not fixed"
        };
        let line = if passes { changed_line(&reply) } else { reply["message"].as_str().unwrap_or("").to_owned() };
        println!("{program:28} {word:9} {seconds:5.1} s  {line}");
    }
    println!("total: {fixed} of {count} fixed, {wrong} verified that fail their tests");
    Ok(())
}

fn programs(corpus: &Path) -> Result<Vec<String>> {
    let tests = corpus.join("python_testcases");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&tests).with_context(|| format!("{}", tests.display()))? {
        let file = entry?.file_name().into_string().unwrap_or_default();
        let name = file.strip_prefix("test_").and_then(|name| name.strip_suffix(".py")).map(str::to_owned);
        names.extend(name.filter(|name| corpus.join(format!("python_programs/{name}.py")).exists()));
    }
    names.sort();
    Ok(names)
}

fn changed_line(reply: &Value) -> String {
    let diff = reply["diff"].as_str().unwrap_or("");
    diff.lines().find(|line| line.starts_with('+') && !line.starts_with("+++")).unwrap_or("").trim().to_owned()
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::write(&target, std::fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
