//! What checking through a shadow costs beside the bare tool: the project's own command after one file has changed,
//! run in the project itself and by the verifier, in turn. A word on the command line measures the samples with it in
//! their names only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use baton::config::CheckOptions;
use baton::patch::{Edit, Patch};
use baton::task::Goal;
use baton::verify::{Limits, Request, RungEnd, Verifier};
use baton::workspace::{RelPath, Snapshot};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 11;

/// What changes in a file.
const MARK: &str = "MARK";

/// A project, the file of it that changes, and its command.
struct Sample {
    name: &'static str,
    files: Vec<(String, String)>,
    changing: &'static str,
    command: Vec<String>,
    /// A package of npm that it brings along, with its compiler.
    package: Option<PathBuf>,
    /// The check that does the same as the command; `None`: the command is the project's tests.
    check: Option<&'static str>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system gives a process its event queue");
    // Cargo's own begins with a hyphen.
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    for sample in samples().into_iter().filter(|sample| sample.name.contains(&wanted)) {
        let program = &sample.command[0];
        let is_there = Command::new("sh").args(["-c", "command -v \"$0\" > /dev/null", program]).status();
        if is_there.is_ok_and(|status| status.success()) {
            runtime.block_on(measure(&sample));
        } else {
            println!("{:28} not measured: {program} is not installed", sample.name);
        }
    }
}

async fn measure(sample: &Sample) {
    let dir = tempfile::tempdir_in("/var/tmp").expect("a temporary directory can be made");
    let root = dir.path().join("project");
    for (path, text) in &sample.files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("it is writable");
        fs::write(path, text).expect("it is writable");
    }
    if let Some(package) = &sample.package {
        let packages = root.join("node_modules");
        fs::create_dir_all(packages.join(".bin")).expect("it is writable");
        let copied = Command::new("cp").arg("-a").args([package, &packages]).status().expect("cp starts");
        assert!(copied.success(), "{} cannot be copied", package.display());
        std::os::unix::fs::symlink("../typescript/bin/tsc", packages.join(".bin/tsc")).expect("it is writable");
    }
    let changing = root.join(sample.changing);
    let original = fs::read_to_string(&changing).expect("it was written");
    bare(&root, &sample.command);
    let request = || Request {
        snapshot: Snapshot::new(root.clone(), Default::default()),
        focus: RelPath::new(sample.changing).expect("it is relative"),
        goal: Goal::Edit,
        instruction: String::new(),
        diagnostics: Vec::new(),
        checks: only(sample.check),
        evidence: false,
        test: sample.check.is_none().then(|| sample.command.clone()),
        state_dir: dir.path().join("state"),
        limits: Limits::default(),
    };
    let cancel = CancellationToken::new();
    // An earlier run, as there is on every day but the first. Go does not cache what it knows of a directory that is
    // younger than two seconds.
    let first = opened(request(), sample).await;
    drop(first);
    tokio::time::sleep(Duration::from_secs(3)).await;
    bare(&root, &sample.command);
    let verifier = opened(request(), sample).await;
    let (mut alone, mut checked) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let new = round.to_string();
        fs::write(&changing, original.replace(MARK, &new)).expect("it is writable");
        alone.push(bare(&root, &sample.command));
        // The check must not find the change on disk.
        fs::write(&changing, &original).expect("it is writable");
        let mut patch = Patch::default();
        let at = original.find(MARK).expect("it has the mark");
        let edit = Edit { range: at..at + MARK.len(), text: new };
        patch.insert(RelPath::new(sample.changing).expect("it is relative"), vec![edit]).expect("one edit");
        let started = Instant::now();
        let verdict = verifier.check(&patch, &cancel).await;
        checked.push(started.elapsed());
        // Without a test nothing is verified, whatever a check says.
        let passed = match sample.check {
            None => verdict.verified.is_some(),
            Some(name) => {
                verdict.verdict.report().rungs.iter().any(|rung| rung.name == name && rung.end == RungEnd::Passed)
            }
        };
        assert!(passed, "{:?}", verdict.verdict);
    }
    let (alone, checked) = (median(alone), median(checked));
    let ratio = checked.as_secs_f64() / alone.as_secs_f64();
    println!(
        "{:28} bare {:8.1} ms, through the shadow {:8.1} ms, ratio {ratio:.2} (target 1.15)",
        sample.name,
        alone.as_secs_f64() * 1000.0,
        checked.as_secs_f64() * 1000.0,
    );
}

/// A verifier with its baselines taken.
async fn opened(request: Request, sample: &Sample) -> Verifier {
    let cancel = CancellationToken::new();
    let verifier = Verifier::open(request, &cancel).await.expect("it opens");
    match sample.check {
        None => {
            let before = verifier.baseline(&cancel).await.expect("the command runs");
            assert_eq!(before.failed, 0, "{}", before.output);
        }
        Some(_) => assert_eq!(verifier.complaints(&cancel).await, None),
    }
    verifier
}

/// Like is compared with like: the bare command has no other compiler or linter before it either.
fn only(wanted: Option<&str>) -> BTreeMap<String, CheckOptions> {
    let all = baton_grammars::all().iter().flat_map(|language| &language.facts.check);
    let option = |name: &str| CheckOptions { enabled: wanted == Some(name), ..CheckOptions::default() };
    all.map(|check| (check.name.clone(), option(&check.name))).collect()
}

fn bare(root: &Path, command: &[String]) -> Duration {
    let started = Instant::now();
    let output = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(root)
        .env_remove("CARGO_TARGET_DIR")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn samples() -> Vec<Sample> {
    let sample = |name, files: fn() -> Vec<(String, String)>, changing, command: &str| Sample {
        name,
        files: files(),
        changing,
        command: command.split(' ').map(str::to_owned).collect(),
        package: None,
        check: None,
    };
    // Those that `make` installs.
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools");
    let pytest =
        tools.join("venv/bin/pytest").canonicalize().map_or("pytest".into(), |path| path.display().to_string());
    let typescript_package = tools.join("node/node_modules/typescript").canonicalize().ok();
    let tsc = typescript_package.as_ref().map_or("tsc".into(), |package| package.join("bin/tsc").display().to_string());
    vec![
        sample("true", python, "module_3.py", "true"),
        sample("cargo check", rust, "src/module_3.rs", "cargo check --offline"),
        sample("cargo test", rust, "src/module_3.rs", "cargo test --offline"),
        sample("pytest, one file", python, "module_3.py", &format!("{pytest} test_module_3.py")),
        sample("unittest, one file", python, "module_3.py", "python3 -m unittest test_module_3"),
        sample("go build", go, "module_3/code.go", "go build ./..."),
        sample("go test, one package", go, "module_3/code.go", "go test ./module_3"),
        Sample {
            check: Some("tsc"),
            package: typescript_package,
            ..sample(
                "tsc --incremental",
                typescript,
                "src/module_3.ts",
                &format!("{tsc} --noEmit --pretty false --incremental --tsBuildInfoFile build/tsbuildinfo -p ."),
            )
        },
    ]
}

/// Enough of them that a full build and an incremental one differ clearly.
const MODULES: usize = 40;

fn rust() -> Vec<(String, String)> {
    let manifest = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    let list: String = (0..MODULES).map(|n| format!("pub mod module_{n};\n")).collect();
    let mut files = vec![("Cargo.toml".to_owned(), manifest.to_owned()), ("src/lib.rs".to_owned(), list)];
    for n in 0..MODULES {
        let functions: String = (0..40)
            .map(|f| format!("pub fn f{f}(items: &[u64]) -> Vec<String> {{\n    let mut out: Vec<String> = items.iter().filter(|x| **x > {f}).map(|x| format!(\"{{x:?}}\")).collect();\n    out.sort();\n    out\n}}\n"))
            .collect();
        let test = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn works() {\n        assert_eq!(super::f1(&[3, 2]).len(), 2);\n    }\n}\n";
        files.push((format!("src/module_{n}.rs"), format!("pub const WORD: &str = \"MARK\";\n{functions}{test}")));
    }
    files
}

fn python() -> Vec<(String, String)> {
    let code = |n: usize| format!("WORD = 'MARK'\n\ndef f(x):\n    return x + {n}\n");
    let test = |n: usize| {
        format!(
            "import unittest\nimport json, decimal, asyncio\nfrom module_{n} import f\n\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(1), {})\n",
            n + 1
        )
    };
    let both = |n| [(format!("module_{n}.py"), code(n)), (format!("test_module_{n}.py"), test(n))];
    (0..MODULES).flat_map(both).collect()
}

fn go() -> Vec<(String, String)> {
    let mut files = vec![("go.mod".to_owned(), "module sample\n\ngo 1.18\n".to_owned())];
    for n in 0..MODULES {
        let code = format!(
            "package module_{n}\n\nimport \"fmt\"\n\nconst Word = \"MARK\"\n\nfunc F(x int) string {{ return fmt.Sprint(x + {n}) }}\n"
        );
        let test = format!(
            "package module_{n}\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {{\n\tif F(0) != \"{n}\" {{\n\t\tt.Fatal(F(0))\n\t}}\n}}\n"
        );
        files.push((format!("module_{n}/code.go"), code));
        files.push((format!("module_{n}/code_test.go"), test));
    }
    files
}

fn typescript() -> Vec<(String, String)> {
    let config = "{\"compilerOptions\": {\"strict\": true, \"rootDir\": \"src\"}, \"include\": [\"src\"]}\n";
    let code = |n: usize| {
        format!("export const word = \"MARK\";\nexport function f(x: number): string {{ return String(x + {n}); }}\n")
    };
    let modules = (0..MODULES).map(|n| (format!("src/module_{n}.ts"), code(n)));
    let both = [("tsconfig.json".to_owned(), config.to_owned()), ("package.json".to_owned(), "{}\n".to_owned())];
    both.into_iter().chain(modules).collect()
}
