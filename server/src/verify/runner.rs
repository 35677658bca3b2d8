//! Which test runner a command line starts, and what makes that runner name every test.

use std::path::Path;

use super::evidence::is_example;

/// A test runner, by the format of its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerKind {
    /// pytest.
    Pytest,
    /// Python's unittest with `-v`.
    Unittest,
    /// `cargo test`.
    Cargo,
    /// `go test -v`.
    Go,
    /// `node --test`, or what `npm test` prints.
    Node,
    /// jest, with a reporter of ours.
    Jest,
    /// vitest, with its JUnit reporter.
    Vitest,
    /// mocha, with its xunit reporter.
    Mocha,
    /// RSpec, with a formatter of ours; minitest and test-unit, alone or started by rake.
    Ruby,
    /// PHPUnit, with its JUnit log on standard output.
    Phpunit,
    /// bats, with its JUnit formatter.
    Bats,
    /// busted, with its JUnit output.
    Busted,
    /// Maven, Gradle, sbt, Meson, Swift and JUnit's own launcher: they leave JUnit reports in files, which the
    /// command that is run prints.
    Reports,
    /// CTest.
    Ctest,
    /// `dotnet test`, with its detailed console logger.
    Dotnet,
    /// Examples of documentation and tasks, run by a program of ours that prints what unittest does.
    Examples,
    /// Unknown: only the exit status counts.
    Opaque,
}

/// Where the sandbox shows our own plugins.
pub(super) const PLUGIN_DIR: &str = "/run/baton";

/// The plugins, by file name: the first makes a test of pytest that hangs fail alone, jest.cjs and rspec.rb name tests, and
/// the others call functions: for examples, and to see what they do.
pub(super) const PLUGINS: [(&str, &str); 10] = [
    ("baton_limit.py", include_str!("pytest_limit.py")),
    ("jest.cjs", include_str!("reporters/jest.cjs")),
    ("rspec.rb", include_str!("reporters/rspec.rb")),
    ("baton_examples.py", concat!(include_str!("evidence/load.py"), include_str!("evidence/examples.py"))),
    ("examples.cjs", include_str!("evidence/javascript/examples.cjs")),
    ("observe.cjs", include_str!("evidence/javascript/observe.cjs")),
    ("calls.cjs", include_str!("evidence/javascript/calls.cjs")),
    ("load.cjs", include_str!("evidence/javascript/load.cjs")),
    ("types.cjs", include_str!("evidence/javascript/types.cjs")),
    ("values.cjs", include_str!("evidence/javascript/values.cjs")),
];

/// Stands between what a command printed and the reports that it left.
pub(super) const REPORTS_MARK: &str = "[the reports of the tests]";

/// Runs its arguments between removing old JUnit reports and printing the new ones. What the tests printed, stacks and
/// the properties of the machine, which reports hold too, are left out.
const PRINT_REPORTS: &str = r#"
reports() {
    find . -type f \( -path '*/surefire-reports/TEST-*.xml' -o -path '*/failsafe-reports/TEST-*.xml' \
        -o -path '*/test-results/*.xml' -o -path '*/test-reports/TEST-*.xml' -o -path '*/junit-reports/TEST-*.xml' \
        -o -path '*/meson-logs/testlog.junit.xml' -o -path '*/.build/xunit*.xml' \) "$@"
}
reports -delete
"$@"
status=$?
printf '\n%s\n' '[the reports of the tests]'
reports -exec sed -e '/<properties>.*<\/properties>/d' -e '/<properties>/,/<\/properties>/d' \
    -e '/<system-\(out\|err\)>.*<\/system-/d' -e '/<system-\(out\|err\)>/,/<\/system-\(out\|err\)>/d' \
    -e '/^[[:space:]]*at /d' {} +
exit $status
"#;

impl RunnerKind {
    /// What a command line's output will look like.
    pub fn of(argv: &[String]) -> Self {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let Some(program) = words.first().map(|word| word.rsplit('/').next().unwrap_or(word)) else {
            return Self::Opaque;
        };
        let rest = &words[1..];
        let plain = || rest.iter().filter(|word| !word.starts_with(['-', '+']));
        let first = plain().next().copied();
        let asks = |words: &[&str]| rest.iter().any(|word| words.contains(word));
        match program {
            "pytest" | "py.test" => Self::Pytest,
            python if python.starts_with("python") || python.starts_with("pypy") => {
                match rest.windows(2).find(|pair| pair[0] == "-m").map(|pair| pair[1]) {
                    Some("pytest") => Self::Pytest,
                    Some("unittest") => Self::Unittest,
                    _ => Self::Opaque,
                }
            }
            "uv" | "poetry" | "pipenv" | "hatch" | "pdm" if rest.first() == Some(&"run") => Self::of(&argv[2..]),
            "bundle" if rest.first() == Some(&"exec") => Self::of(&argv[2..]),
            "env" | "npx" | "sh" | "bash" | "php" => {
                let at = rest.iter().position(|word| !word.contains('=') && !word.starts_with('-'));
                // What follows `-c` is no command line of ours to read.
                at.filter(|_| !rest.contains(&"-c")).map_or(Self::Opaque, |at| Self::of(&argv[1 + at..]))
            }
            "cargo" if first.is_some_and(|word| ["test", "t"].contains(&word)) => Self::Cargo,
            "go" if rest.first() == Some(&"test") => Self::Go,
            "npm" | "pnpm" | "yarn" | "bun" if asks(&["test", "t"]) => Self::Node,
            "node" if asks(&["--test"]) => Self::Node,
            "jest" => Self::Jest,
            "vitest" => Self::Vitest,
            "mocha" => Self::Mocha,
            "rspec" => Self::Ruby,
            "rake" | "rails" if plain().any(|word| word.starts_with("test") || *word == "spec") => Self::Ruby,
            "ruby" if rest.iter().any(|word| word.contains("test")) => Self::Ruby,
            "phpunit" => Self::Phpunit,
            "bats" => Self::Bats,
            "busted" => Self::Busted,
            "mvn" | "mvnw" if asks(&["test", "package", "verify", "install"]) => Self::Reports,
            "gradle" | "gradlew" if plain().any(|word| word.to_lowercase().contains("test") || *word == "check") => {
                Self::Reports
            }
            "sbt" if plain().any(|word| word.to_lowercase().contains("test")) => Self::Reports,
            "meson" if first == Some("test") => Self::Reports,
            "swift" if first == Some("test") && asks(&["--xunit-output"]) => Self::Reports,
            "ctest" => Self::Ctest,
            "dotnet" if first == Some("test") => Self::Dotnet,
            _ => Self::Opaque,
        }
    }

    /// The kind of a runner of `language.toml` whose command is a script, by its name.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "ctest" => Self::Ctest,
            "junit" | "meson" => Self::Reports,
            _ => Self::Opaque,
        }
    }

    /// What the `test` script of a `package.json` starts last: what is added to the script's line goes there.
    pub(super) fn of_script(script: &str) -> Self {
        let last = script.rsplit(['&', ';', '|']).next().unwrap_or(script);
        let starters = ["npx", "node", "cross-env", "c8", "nyc", "exec", "pnpm", "yarn"];
        let is_program = |word: &&str| !word.contains('=') && !word.starts_with('-') && !starters.contains(word);
        let program = last.split_whitespace().find(is_program).and_then(|word| Path::new(word).file_stem()?.to_str());
        match program {
            Some("jest") => Self::Jest,
            Some("vitest") => Self::Vitest,
            Some("mocha" | "_mocha") => Self::Mocha,
            _ => Self::Node,
        }
    }

    /// Whether tests are JavaScript: a file that cannot be loaded is then named as a test.
    pub(super) fn is_javascript(self) -> bool {
        matches!(self, Self::Node | Self::Jest | Self::Vitest | Self::Mocha)
    }

    /// Whether such a command may be anything, so that its exit status speaks where no test is named.
    pub(super) fn is_script(self) -> bool {
        matches!(self, Self::Node | Self::Ruby | Self::Opaque)
    }

    /// The command line with the options that make it name every test, and go on after a failure.
    pub(super) fn as_run(self, argv: &[String]) -> Vec<String> {
        let mut argv = argv.to_vec();
        match self {
            Self::Pytest => drop_words(&["-q", "-qq", "-qqq", "--quiet"], &mut argv),
            Self::Unittest | Self::Examples => {
                drop_words(&["-q", "--quiet"], &mut argv);
                argv.push("-v".to_owned());
            }
            Self::Cargo => {
                drop_words(&["-q", "--quiet", "--no-fail-fast"], &mut argv);
                add(&["--no-fail-fast"], &mut argv);
            }
            Self::Go => {
                if let Some(at) = argv.iter().position(|word| word == "test")
                    && !argv.iter().any(|word| word == "-v" || word == "-json")
                {
                    argv.insert(at + 1, "-v".to_owned());
                }
            }
            Self::Jest => add(&["--reporters=/run/baton/jest.cjs"], &mut argv),
            Self::Vitest => add(&["--reporter=junit"], &mut argv),
            Self::Mocha => add(&["--reporter=xunit"], &mut argv),
            Self::Phpunit => add(&["--log-junit", "php://stdout"], &mut argv),
            Self::Bats => add(&["--formatter", "junit"], &mut argv),
            Self::Busted => add(&["-o", "junit"], &mut argv),
            Self::Dotnet => add(&["--logger", "console;verbosity=detailed"], &mut argv),
            // rake reads a variable instead.
            Self::Ruby if argv[0].ends_with("ruby") || argv[0].ends_with("rails") => argv.push("-v".to_owned()),
            Self::Reports => {
                let shell = ["sh", "-c", PRINT_REPORTS, "sh"].map(str::to_owned);
                argv.splice(0..0, shell);
            }
            Self::Ruby | Self::Node | Self::Ctest | Self::Opaque => {}
        }
        argv
    }

    /// Variables that make it name every test.
    pub(super) fn env(self, argv: &[String]) -> Vec<(String, String)> {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self {
            Self::Pytest => {
                // An isolated interpreter would not find the plugin, and pytest would stop there.
                let isolated =
                    argv.iter().take_while(|word| *word != "-m").any(|word| ["-I", "-E"].contains(&word.as_str()));
                let options = "-vv -rfE --tb=short -p no:cacheprovider --continue-on-collection-errors --color=no";
                if isolated {
                    vec![set("PYTEST_ADDOPTS", options)]
                } else {
                    vec![set("PYTEST_ADDOPTS", &format!("{options} -p baton_limit")), set("PYTHONPATH", PLUGIN_DIR)]
                }
            }
            Self::Cargo => vec![set("RUST_BACKTRACE", "0")],
            Self::Ruby => vec![
                set("TESTOPTS", "-v"),
                set("SPEC_OPTS", &format!("--require {PLUGIN_DIR}/rspec.rb --format BatonTap")),
            ],
            Self::Ctest => vec![set("CTEST_OUTPUT_ON_FAILURE", "1")],
            _ => Vec::new(),
        }
    }

    /// What a test belongs to: tests there have to pass together.
    pub(super) fn group(self, name: &str) -> String {
        let before = |separator: &str| name.rsplit_once(separator).map_or("", |(group, _)| group).to_owned();
        // A parameter may hold the separator.
        let plain = |bracket: char| name.split(bracket).next().unwrap_or(name);
        match self {
            _ if is_example(name) => before("."),
            Self::Pytest => plain('[').rsplit_once("::").map_or(name, |(group, _)| group).to_owned(),
            Self::Unittest | Self::Examples => before("."),
            Self::Cargo => before("::"),
            Self::Go => name.split(' ').next().unwrap_or("").to_owned(),
            Self::Dotnet => plain('(').rsplit_once('.').map_or("", |(group, _)| group).to_owned(),
            // minitest's `Class#test`; everything else is joined by us.
            Self::Ruby if !name.contains(" > ") => before("#"),
            // A test of CTest is a program of its own.
            Self::Ctest => name.to_owned(),
            Self::Opaque => String::new(),
            _ => before(" > "),
        }
    }
}

/// Drops words from the command's own options, not from what stands after `--`.
fn drop_words(words: &[&str], argv: &mut Vec<String>) {
    let own = own_options(argv);
    let mut at = 0;
    argv.retain(|word| {
        at += 1;
        at > own || !words.contains(&word.as_str())
    });
}

/// Adds options: to npm's script after `--`, else before it.
fn add(options: &[&str], argv: &mut Vec<String>) {
    let mut at = own_options(argv);
    if argv.iter().any(|word| word == "npm") {
        if at == argv.len() {
            argv.push("--".to_owned());
        }
        at = argv.len();
    }
    argv.splice(at..at, options.iter().map(|word| (*word).to_owned()));
}

fn own_options(argv: &[String]) -> usize {
    argv.iter().position(|word| word == "--").unwrap_or(argv.len())
}

#[cfg(test)]
mod tests {
    use super::{PRINT_REPORTS, REPORTS_MARK, RunnerKind};

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_output_of_a_given_command_is_recognised() {
        for (line, kind) in [
            ("pytest -q tests", RunnerKind::Pytest),
            (".venv/bin/python -m pytest", RunnerKind::Pytest),
            ("uv run pytest", RunnerKind::Pytest),
            ("env A=1 python3.11 -m pytest", RunnerKind::Pytest),
            ("python3 -m unittest", RunnerKind::Unittest),
            ("python3 tests.py", RunnerKind::Opaque),
            ("cargo +nightly test -p x", RunnerKind::Cargo),
            ("cargo build", RunnerKind::Opaque),
            ("npm run test", RunnerKind::Node),
            ("node --test", RunnerKind::Node),
            ("npx --no-install vitest run", RunnerKind::Vitest),
            ("node_modules/.bin/jest src", RunnerKind::Jest),
            ("go test ./...", RunnerKind::Go),
            ("bundle exec rspec", RunnerKind::Ruby),
            ("bundle exec rake test", RunnerKind::Ruby),
            ("ruby -Itest test/a_test.rb", RunnerKind::Ruby),
            ("php vendor/bin/phpunit", RunnerKind::Phpunit),
            ("php run.php", RunnerKind::Opaque),
            ("sh gradlew --offline test", RunnerKind::Reports),
            ("mvn -o verify", RunnerKind::Reports),
            ("mvn compile", RunnerKind::Opaque),
            ("sbt testOnly x", RunnerKind::Reports),
            ("swift test", RunnerKind::Opaque),
            ("ctest --test-dir build", RunnerKind::Ctest),
            ("dotnet test", RunnerKind::Dotnet),
            ("bash -c pytest", RunnerKind::Opaque),
            ("make test", RunnerKind::Opaque),
        ] {
            assert_eq!(RunnerKind::of(&words(line)), kind, "{line}");
        }
    }

    #[test]
    fn a_script_is_known_by_the_program_that_it_ends_with() {
        for (script, kind) in [
            ("vitest", RunnerKind::Vitest),
            ("tsc && NODE_ENV=test vitest run", RunnerKind::Vitest),
            ("npx jest --ci", RunnerKind::Jest),
            ("node --experimental-vm-modules node_modules/jest/bin/jest.js", RunnerKind::Jest),
            ("c8 mocha test/**", RunnerKind::Mocha),
            ("mocha | tap-spec", RunnerKind::Node),
            ("jest && eslint .", RunnerKind::Node),
            ("node --test", RunnerKind::Node),
        ] {
            assert_eq!(RunnerKind::of_script(script), kind, "{script}");
        }
    }

    #[test]
    fn a_command_is_run_so_that_it_names_every_test() {
        for (line, run) in [
            ("pytest -q tests", "pytest tests"),
            ("python3 -m unittest", "python3 -m unittest -v"),
            ("cargo test -q x -- -q", "cargo test x --no-fail-fast -- -q"),
            ("go test ./...", "go test -v ./..."),
            ("vitest run", "vitest run --reporter=junit"),
            ("phpunit tests", "phpunit tests --log-junit php://stdout"),
            ("ruby -Itest test/a.rb", "ruby -Itest test/a.rb -v"),
            ("rake test", "rake test"),
            ("make -q test", "make -q test"),
        ] {
            assert_eq!(RunnerKind::of(&words(line)).as_run(&words(line)).join(" "), run);
        }
        let npm = |line| RunnerKind::Mocha.as_run(&words(line)).join(" ");
        assert_eq!(npm("npm test --silent"), "npm test --silent -- --reporter=xunit");
        assert_eq!(npm("npm test -- a.js"), "npm test -- a.js --reporter=xunit");
        assert_eq!(npm("pnpm test"), "pnpm test --reporter=xunit");
        assert!(PRINT_REPORTS.contains(REPORTS_MARK));
        let maven = RunnerKind::Reports.as_run(&words("mvn test"));
        assert_eq!((maven[0].as_str(), maven[3..].join(" ")), ("sh", "sh mvn test".to_owned()));
    }

    #[test]
    fn tests_belong_to_what_holds_them() {
        for (kind, name, group) in [
            (RunnerKind::Pytest, "a.py::T::test_x[1::2]", "a.py::T"),
            (RunnerKind::Unittest, "a.T.test_x", "a.T"),
            (RunnerKind::Cargo, "x src/lib.rs::tests::a", "x src/lib.rs::tests"),
            (RunnerKind::Go, "example.com/x TestA/b", "example.com/x"),
            (RunnerKind::Jest, "a.js > suite > adds", "a.js > suite"),
            (RunnerKind::Reports, "org.example.ATest > adds", "org.example.ATest"),
            (RunnerKind::Ruby, "ATest#test_x", "ATest"),
            (RunnerKind::Ruby, "spec/a.rb > A > #each", "spec/a.rb > A"),
            (RunnerKind::Dotnet, "N.C.Adds(text: \"a.b\")", "N.C"),
            (RunnerKind::Ctest, "adds", "adds"),
            (RunnerKind::Opaque, "<the test command>", ""),
        ] {
            assert_eq!(kind.group(name), group, "{name}");
        }
    }
}
