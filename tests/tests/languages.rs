//! A sample project for each test runner, with one bug, fixed by the real binary: a scripted model answers wrongly first,
//! which the project's own tests must refuse, then rightly. Where the toolchain is not installed, Baton must say so.

use std::path::{Path, PathBuf};

use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};
use serde_json::Value;

/// Every sample is a calendar that takes each fourth year for a leap year.
struct Sample {
    /// Below `tests/samples`.
    folder: &'static str,
    /// The file with the bug.
    focus: &'static str,
    /// The text of the bug.
    bug: &'static str,
    /// A plausible change that breaks another test.
    wrong: &'static str,
    /// The fix.
    right: &'static str,
    /// Without any of these, the first of them is reported.
    needs: &'static [&'static str],
    /// The test that the fix makes pass, as the verdict calls it.
    fixed: &'static str,
    /// How many pass then.
    passed: u64,
}

/// The rule without its exception, and whole, in C's operators.
const BUG: &str = "year % 4 == 0";
const WRONG: &str = "year % 4 == 0 && year % 100 != 0";
const RIGHT: &str = "(year % 4 == 0 && year % 100 != 0) || year % 400 == 0";
/// The same where equality has three signs.
const BUG_3: &str = "year % 4 === 0";
const WRONG_3: &str = "year % 4 === 0 && year % 100 !== 0";
const RIGHT_3: &str = "(year % 4 === 0 && year % 100 !== 0) || year % 400 === 0";
/// The same in words.
const WRONG_WORDS: &str = "year % 4 == 0 and year % 100 != 0";
const RIGHT_WORDS: &str = "(year % 4 == 0 and year % 100 != 0) or year % 400 == 0";

impl Sample {
    const fn c_like(
        folder: &'static str,
        focus: &'static str,
        needs: &'static [&'static str],
        fixed: &'static str,
    ) -> Self {
        Self { folder, focus, bug: BUG, wrong: WRONG, right: RIGHT, needs, fixed, passed: 3 }
    }

    const fn javascript(folder: &'static str, focus: &'static str, fixed: &'static str) -> Self {
        Self { folder, focus, bug: BUG_3, wrong: WRONG_3, right: RIGHT_3, needs: &["npm"], fixed, passed: 3 }
    }

    /// The sample in a workspace of its own, the packages of `tests/setup.sh` in reach.
    fn project(&self) -> Project {
        let project = Project::copy_of(&format!("tests/samples/{}", self.folder));
        let packages = match self.folder {
            "jest" | "mocha" | "vitest" => Some(("node/node_modules", "node_modules")),
            "pytest" => Some(("venv", ".venv")),
            _ => None,
        };
        if let Some((installed, place)) = packages {
            let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools").join(installed);
            assert!(installed.is_dir(), "{} is not there; run tests/setup.sh test", installed.display());
            copy_links(&installed, &project.root().join(place));
        }
        project
    }

    fn reply(&self, text: &str, new: &str) -> Act {
        let line = text.lines().find(|line| line.contains(self.bug)).expect("the bug is there");
        Act::Say(block(self.focus, line, &line.replace(self.bug, new)))
    }

    /// Runs `baton fix` and gives what it said, with the text of the file after it.
    fn fix(&self) -> (i32, Value, String, String) {
        let project = self.project();
        let before = project.read(self.focus);
        let server = OpenAi::start([self.reply(&before, self.wrong), self.reply(&before, self.right)]);
        project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "")));
        let (code, said) = project.json(&["fix", self.focus, "--apply"]);
        (code, said, before, project.read(self.focus))
    }

    fn check(&self) {
        let (code, said, before, after) = self.fix();
        if let Some(program) = self.needs.iter().find(|program| !is_installed(program)) {
            assert_eq!((code, &said["outcome"]), (1, &Value::from("unverified")), "{said:#}");
            let report = format!("{program} is not installed: its tests were not run");
            assert_eq!(said["verdict"]["report"], report.as_str(), "{said:#}");
            assert_eq!(after, before, "what is not verified is not applied");
            return;
        }
        let steps = said["steps"].as_array().into_iter().flatten();
        // Where the build may be broken, the language's own tools are asked first.
        let statuses: Vec<&str> =
            steps.filter_map(|step| step["status"].as_str()).filter(|status| *status != "declined").collect();
        assert_eq!((code, statuses), (0, vec!["rejected", "verified"]), "{said:#}");
        let verdict = &said["verdict"];
        assert_eq!(
            (&verdict["level"], &verdict["passed"], &verdict["failed"]),
            (&Value::from("tested"), &Value::from(self.passed), &Value::from(0)),
            "{said:#}"
        );
        let report = verdict["report"].as_str().expect("a report");
        assert_eq!(report, format!("1 test that failed before passes now: {}", self.fixed), "{said:#}");
        assert_eq!(after, before.replace(self.bug, self.right));
    }
}

/// Whether a sandboxed command would find the program.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

/// The same tree out of links to the same files, where the file system allows it.
fn copy_links(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a readable folder").flatten() {
        let (kind, to) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_links(&entry.path(), &to);
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path()).expect("a link");
            std::os::unix::fs::symlink(target, to).expect("a new link");
        } else if std::fs::hard_link(entry.path(), &to).is_err() {
            std::fs::copy(entry.path(), to).expect("a new file");
        }
    }
}

#[test]
fn javascript_with_node() {
    Sample::javascript("node", "calendar.js", "isLeap > leaves out centuries").check();
}

#[test]
fn javascript_with_jest() {
    Sample::javascript("jest", "src/calendar.js", "__tests__/calendar.js > isLeap > leaves out centuries").check();
}

#[test]
fn javascript_with_mocha() {
    Sample::javascript("mocha", "src/calendar.js", "isLeap > leaves out centuries").check();
}

#[test]
fn typescript_with_vitest() {
    let fixed = "test/calendar.test.ts > isLeap > leaves out centuries";
    Sample::javascript("vitest", "src/calendar.ts", fixed).check();
}

#[test]
fn python_with_pytest() {
    let fixed = "tests/test_calendars.py::test_leaves_out_centuries";
    let sample = Sample::c_like("pytest", "calendars.py", &["python3"], fixed);
    Sample { wrong: WRONG_WORDS, right: RIGHT_WORDS, ..sample }.check();
}

#[test]
fn python_with_unittest() {
    let fixed = "test_calendars.IsLeap.test_leaves_out_centuries";
    let sample = Sample::c_like("unittest", "calendars.py", &["python3"], fixed);
    Sample { wrong: WRONG_WORDS, right: RIGHT_WORDS, ..sample }.check();
}

#[test]
fn rust_with_cargo() {
    Sample::c_like("cargo", "src/lib.rs", &["cargo"], "calendar tests/calendar.rs::leaves_out_centuries").check();
}

#[test]
fn go() {
    let sample = Sample::c_like("go", "calendar.go", &["go"], "example.com/calendar TestLeavesOutCenturies");
    let (bug, wrong) = ("year%4 == 0", "year%4 == 0 && year%100 != 0");
    Sample { bug, wrong, right: "year%4 == 0 && year%100 != 0 || year%400 == 0", ..sample }.check();
}

#[test]
fn java_with_maven() {
    let fixed = "org.example.CalendarTest > leavesOutCenturies";
    Sample::c_like("maven", "src/main/java/org/example/Calendar.java", &["mvn"], fixed).check();
}

#[test]
fn java_with_gradle() {
    let fixed = "org.example.CalendarTest > leavesOutCenturies";
    Sample::c_like("gradle", "src/main/java/org/example/Calendar.java", &["gradle"], fixed).check();
}

#[test]
fn java_with_junit_alone() {
    Sample::c_like("junit", "Calendar.java", &["javac", "java"], "CalendarTest > leavesOutCenturies()").check();
}

#[test]
fn kotlin_with_gradle_and_without_its_plugin() {
    let sample = Sample::c_like("kotlin", "src/main/kotlin/Calendar.kt", &["gradle"], "");
    if is_installed("gradle") {
        // Nothing is fetched for a check, so what the build lacks is reported.
        let (code, said, _, _) = sample.fix();
        assert_eq!((code, &said["outcome"]), (1, &Value::from("unverified")), "{said:#}");
        let report = said["verdict"]["report"].as_str().expect("a report");
        assert!(report.starts_with("what the tests depend on is not on this machine: Plugin"), "{said:#}");
    } else {
        sample.check();
    }
}

#[test]
fn c_with_make() {
    Sample { passed: 1, ..Sample::c_like("make", "src/calendar.c", &["make"], "<the test command>") }.check();
}

#[test]
fn c_with_meson() {
    Sample::c_like("meson", "src/calendar.c", &["meson", "ninja"], "calendar > of 1900").check();
}

#[test]
fn cpp_with_cmake() {
    Sample::c_like("cmake", "src/calendar.cpp", &["cmake", "ctest"], "leaves_out_centuries").check();
}

#[test]
fn csharp_with_dotnet() {
    Sample::c_like("dotnet", "Calendar.cs", &["dotnet"], "CalendarTests.LeavesOutCenturies").check();
}

#[test]
fn ruby_with_minitest() {
    Sample::c_like("minitest", "lib/calendar.rb", &["rake"], "CalendarTest#test_leaves_out_centuries").check();
}

#[test]
fn ruby_with_rspec() {
    let fixed = "spec/calendar_spec.rb > Calendar > .leap? > leaves out centuries";
    Sample::c_like("rspec", "lib/calendar.rb", &["rspec"], fixed).check();
}

#[test]
fn php_with_phpunit() {
    let sample = Sample::javascript("phpunit", "src/Calendar.php", "CalendarTest > testLeavesOutCenturies");
    let (bug, wrong) = ("$year % 4 === 0", "$year % 4 === 0 && $year % 100 !== 0");
    let right = "($year % 4 === 0 && $year % 100 !== 0) || $year % 400 === 0";
    Sample { bug, wrong, right, needs: &["phpunit"], ..sample }.check();
}

/// Lua's inequality has a sign of its own.
const LUA: Sample = Sample {
    folder: "busted",
    focus: "src/calendar.lua",
    bug: BUG,
    wrong: "year % 4 == 0 and year % 100 ~= 0",
    right: "(year % 4 == 0 and year % 100 ~= 0) or year % 400 == 0",
    needs: &["busted"],
    fixed: "spec/calendar_spec.lua > is_leap leaves out centuries",
    passed: 3,
};

#[test]
fn lua_with_busted() {
    LUA.check();
}

#[test]
fn lua_alone() {
    let (folder, focus, fixed) = ("lua", "calendar.lua", "<the test command>");
    Sample { folder, focus, fixed, needs: &["lua"], passed: 1, ..LUA }.check();
}

#[test]
fn bash_with_bats() {
    let sample = Sample::c_like("bats", "calendar.sh", &["bats"], "calendar.bats > leaves out centuries");
    let (bug, wrong) = ("$1 % 4 == 0", "$1 % 4 == 0 && $1 % 100 != 0");
    Sample { bug, wrong, right: "$1 % 4 == 0 && $1 % 100 != 0 || $1 % 400 == 0", ..sample }.check();
}

#[test]
fn scala_with_sbt() {
    let fixed = "CalendarSuite > leaves out centuries";
    Sample::c_like("scala", "src/main/scala/Calendar.scala", &["sbt"], fixed).check();
}

#[test]
fn swift() {
    let fixed = "CalendarTests.CalendarTests > testLeavesOutCenturies";
    Sample::c_like("swift", "Sources/Calendar/Calendar.swift", &["swift"], fixed).check();
}
