//! The same test command for the tests of some files alone: what is known of a runner's command line that lets it run
//! fewer tests under the names that they have in the whole run.
//!
//! Names of files come from the repository and become words of a command line, so only plain ones are taken.

mod options;

use std::path::{Component, Path};

use super::command::TestCommand;
use super::runner::RunnerKind;
use crate::workspace::RelPath;
use options::{BATS, BUSTED, CARGO, DISCOVER, GO, JAVASCRIPT, Options, PHPUNIT, PYTEST, RSPEC, RUBY, UNITTEST};

impl TestCommand {
    /// The same command for the tests of these files alone, paths relative to the workspace; `None` where its runner
    /// cannot, or where the command names what cannot be replaced. It starts where the whole one does, and its tests
    /// have the names that they have there.
    pub(super) fn only(&self, files: &[RelPath]) -> Option<Self> {
        let wanted = self.named_here(files)?;
        let (before, own) = self.argv.split_at(self.program()? + 1);
        let name = before.last()?.rsplit('/').next()?;
        let own = match self.runner {
            RunnerKind::Pytest => named(own, PYTEST, &wanted),
            RunnerKind::Unittest => unittest(own, &wanted),
            RunnerKind::Cargo => cargo(own, &wanted),
            RunnerKind::Go => go(own, &wanted),
            RunnerKind::Node | RunnerKind::Jest | RunnerKind::Vitest | RunnerKind::Mocha => match name {
                "npm" | "pnpm" | "yarn" | "bun" => script(name, own, &wanted),
                "vitest" => vitest(own, &wanted),
                _ => named(own, JAVASCRIPT, &wanted),
            },
            RunnerKind::Ruby => match name {
                "rspec" => named(own, RSPEC, &wanted),
                "ruby" => ruby(own, &wanted),
                "rake" => rake(own, &wanted),
                _ => None,
            },
            // Not every version takes two.
            RunnerKind::Phpunit => named(own, PHPUNIT, &wanted).filter(|_| wanted.len() == 1),
            RunnerKind::Bats => named(own, BATS, &wanted),
            RunnerKind::Busted => named(own, BUSTED, &wanted),
            RunnerKind::Reports => classes(name, own, &wanted),
            RunnerKind::Dotnet => dotnet(own, &wanted),
            RunnerKind::Ctest | RunnerKind::Examples | RunnerKind::Opaque => None,
        }?;
        Some(Self { argv: [before, &own].concat(), ..self.clone() })
    }

    /// The same command for the tests that import one of these files, or what imports it, as the runner itself finds them;
    /// `None` where it does not.
    pub(super) fn related(&self, files: &[RelPath]) -> Option<Self> {
        let wanted = self.named_here(files)?;
        let (before, own) = self.argv.split_at(self.program()? + 1);
        let own = match (self.runner, before.last()?.rsplit('/').next()?) {
            (RunnerKind::Jest, name @ ("npm" | "pnpm" | "yarn" | "bun")) => {
                script(name, own, &[&["--findRelatedTests"], &wanted[..]].concat())?
            }
            (RunnerKind::Jest, "jest") => {
                let (kept, _) = JAVASCRIPT.divide(own).filter(|(_, names)| names.is_empty())?;
                let files = std::iter::once("--findRelatedTests").chain(wanted).map(str::to_owned);
                kept.into_iter().chain(files).collect()
            }
            (RunnerKind::Vitest, "vitest") => {
                let own = own.strip_prefix(&["run".to_owned()]).unwrap_or(own);
                let (kept, _) = JAVASCRIPT.divide(own).filter(|(_, names)| names.is_empty())?;
                let files = wanted.into_iter().map(str::to_owned);
                ["related", "--run"].map(str::to_owned).into_iter().chain(kept).chain(files).collect()
            }
            _ => return None,
        };
        Some(Self { argv: [before, &own].concat(), ..self.clone() })
    }

    /// The files as the command names them, each once; `None` without any, and where one lies elsewhere or has a name
    /// that could mean something else.
    fn named_here<'a>(&self, files: &'a [RelPath]) -> Option<Vec<&'a str>> {
        let mut wanted: Vec<&str> = Vec::new();
        for file in files {
            let file = Path::new(file.as_str()).strip_prefix(&self.directory).ok()?.to_str()?;
            if !wanted.contains(&file) {
                wanted.push(file);
            }
        }
        (!wanted.is_empty() && wanted.iter().all(|file| is_plain(file))).then_some(wanted)
    }

    /// Where the runner's own name stands: what stands before it starts it.
    fn program(&self) -> Option<usize> {
        let names: &[&str] = match self.runner {
            RunnerKind::Pytest => &["pytest", "py.test"],
            RunnerKind::Unittest => &["unittest"],
            RunnerKind::Cargo => &["cargo"],
            RunnerKind::Go => &["go"],
            RunnerKind::Node | RunnerKind::Jest | RunnerKind::Vitest | RunnerKind::Mocha => {
                &["npm", "pnpm", "yarn", "bun", "node", "jest", "vitest", "mocha"]
            }
            RunnerKind::Ruby => &["rspec", "ruby", "rake"],
            RunnerKind::Phpunit => &["phpunit"],
            RunnerKind::Bats => &["bats"],
            RunnerKind::Busted => &["busted"],
            RunnerKind::Reports => &["mvn", "mvnw", "gradle", "gradlew", "sbt"],
            RunnerKind::Dotnet => &["dotnet"],
            RunnerKind::Ctest | RunnerKind::Examples | RunnerKind::Opaque => &[],
        };
        self.argv.iter().position(|word| word.rsplit('/').next().is_some_and(|name| names.contains(&name)))
    }
}

/// The files in place of the names of files and folders; each has to lie in one of these, where there are any.
fn named(own: &[String], options: Options, wanted: &[&str]) -> Option<Vec<String>> {
    let (mut kept, names) = options.divide(own)?;
    kept.extend(within(&names, wanted)?);
    Some(kept)
}

/// What of the names is wanted: a file below one, or of one that goes on with `::` this itself.
fn within(names: &[&str], wanted: &[&str]) -> Option<Vec<String>> {
    if names.is_empty() {
        return Some(wanted.iter().map(|file| (*file).to_owned()).collect());
    }
    let mut found = Vec::new();
    for file in wanted {
        let mut covers = names.iter().filter(|name| {
            let place = name.split("::").next().unwrap_or(name);
            let place = place.strip_prefix("./").unwrap_or(place).trim_end_matches('/');
            place == "." || Path::new(file).starts_with(place)
        });
        let first = covers.next()?;
        if !first.contains("::") {
            found.push((*file).to_owned());
            continue;
        }
        found.extend(std::iter::once(first).chain(covers).map(|name| (*name).to_owned()));
    }
    Some(found)
}

/// `tests/test_a.py`; below `discover` one file by its name.
fn unittest(own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    let is_module = |file: &&str| file.strip_suffix(".py").is_some_and(|path| path.split('/').all(is_identifier));
    if !wanted.iter().all(is_module) {
        return None;
    }
    if own.first().is_none_or(|word| word != "discover") {
        let (mut kept, names) = UNITTEST.divide(own)?;
        if names.iter().all(|name| name.ends_with(".py")) {
            kept.extend(within(&names, wanted)?);
            return Some(kept);
        }
        for file in wanted {
            let module = file.trim_end_matches(".py").replace('/', ".");
            let is_of =
                |name: &str| name.strip_prefix(&*module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            let mut of = names.iter().filter(|name| is_of(name) || *name == file).peekable();
            of.peek()?;
            kept.extend(of.map(|name| (*name).to_owned()));
        }
        return Some(kept);
    }
    let [file] = wanted else { return None };
    let (kept, names) = DISCOVER.divide(&own[1..])?;
    let value = |names: [&str; 2]| kept.iter().position(|word| names.contains(&word.as_str())).map(|at| &kept[at + 1]);
    let start = value(["-s", "--start-directory"]).map_or(".", |dir| dir.trim_start_matches("./"));
    if !names.is_empty() || !(start == "." || Path::new(file).starts_with(start)) {
        return None;
    }
    let pattern = ["-p", file.rsplit('/').next()?].map(str::to_owned);
    Some([own[..1].to_vec(), kept, pattern.to_vec()].concat())
}

/// `tests/a.rs` is a target, a file below `src` a module of the library or of a program.
fn cargo(own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    let (options, names) = CARGO.divide(own)?;
    let chooses = ["--lib", "--bin", "--bins", "--test", "--tests", "--doc", "--all-targets", "--example", "--bench"];
    let is_chosen = options.iter().any(|word| chooses.contains(&word.split('=').next().unwrap_or(word)));
    if is_chosen || names.iter().any(|name| !["test", "t"].contains(name) && !name.starts_with('+')) {
        return None;
    }
    let (mut targets, mut modules) = (Vec::new(), Vec::new());
    for file in wanted {
        let parts: Vec<&str> = file.strip_suffix(".rs")?.split('/').collect();
        if !parts.iter().all(|part| is_identifier(&part.replace('-', "_"))) {
            return None;
        }
        let at = parts.iter().rposition(|part| ["src", "tests"].contains(part))?;
        match (parts[at], &parts[at + 1..]) {
            ("tests", [name] | [name, "main"]) => targets.push(format!("--test={name}")),
            ("src", ["lib"]) => targets.push("--lib".to_owned()),
            ("src", ["main"]) => targets.push("--bins".to_owned()),
            ("src", ["bin", name] | ["bin", name, "main"]) => targets.push(format!("--bin={name}")),
            ("src", [module @ .., "mod"] | module @ [.., _]) if !module.is_empty() => {
                modules.push(format!("{}::", module.join("::")));
            }
            _ => return None,
        }
    }
    // A name holds for every target, and a module is not in those of other files.
    match (targets.is_empty(), modules.is_empty()) {
        (false, true) => Some([own.to_vec(), targets].concat()),
        (true, false) => Some([own.to_vec(), vec!["--".to_owned()], modules].concat()),
        _ => None,
    }
}

/// The packages of the files.
fn go(own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    let (mut kept, mut names) = GO.divide(own.get(1..).filter(|_| own[0] == "test")?)?;
    let mut packages: Vec<String> = Vec::new();
    if names.is_empty() {
        names.push(".");
    }
    for file in wanted {
        let home = Path::new(file).parent()?;
        let covers = |name: &&str| {
            let place = name.strip_prefix("./").unwrap_or(name);
            match place.strip_suffix("...") {
                Some(above) => home.starts_with(above.trim_end_matches('/')),
                None => home == Path::new(place.trim_end_matches('/')) || (place == "." && home == Path::new("")),
            }
        };
        names.iter().any(covers).then_some(())?;
        let package = if home == Path::new("") { ".".to_owned() } else { format!("./{}", home.display()) };
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    kept.insert(0, own[0].clone());
    kept.extend(packages);
    Some(kept)
}

/// npm gives to the script what stands after `--`; the others give it all.
fn script(program: &str, own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    let plain = |words: &[String]| {
        words.iter().all(|word| ["run", "test", "t"].contains(&word.as_str()) || word.starts_with('-'))
    };
    let files = wanted.iter().map(|file| (*file).to_owned());
    if !plain(own) {
        return None;
    }
    let mut own = own.to_vec();
    if program == "npm" && !own.iter().any(|word| word == "--") {
        own.push("--".to_owned());
    }
    own.extend(files);
    Some(own)
}

fn vitest(own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    let at = usize::from(own.first().is_some_and(|word| word == "run"));
    Some([own[..at].to_vec(), named(&own[at..], JAVASCRIPT, wanted)?].concat())
}

/// One file as the script; where a text loads them all, each is loaded instead.
fn ruby(own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    if let Some(at) = own.iter().position(|word| word == "-e") {
        let loads_all = own.get(at + 1).is_some_and(|code| code.starts_with("Dir['./test/**/"));
        let tail = own.get(at + 2..).filter(|rest| rest.iter().all(|word| word == "--"))?;
        let loads = wanted.iter().map(|file| format!("-r./{file}"));
        let is_below = wanted.iter().all(|file| file.starts_with("test/"));
        let code = ["-e", "nil"].map(str::to_owned);
        return (loads_all && is_below)
            .then(|| own[..at].iter().cloned().chain(loads).chain(code).chain(tail.iter().cloned()).collect());
    }
    let (kept, names) = RUBY.divide(own)?;
    // More than the first are arguments of that.
    let [file] = within(&names, wanted)?.try_into().ok().filter(|_| names.len() == 1)?;
    Some(kept.into_iter().chain([file]).collect())
}

/// The tasks that Rake's own libraries make read a list of files from a variable.
fn rake(own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    let [task] = own.iter().filter(|word| !word.starts_with('-')).collect::<Vec<_>>().try_into().ok()?;
    let variable = match task.as_str() {
        "test" => "TEST",
        "spec" => "SPEC",
        _ => return None,
    };
    let files = if let [file] = wanted { (*file).to_owned() } else { format!("{{{}}}", wanted.join(",")) };
    Some([own.to_vec(), vec![format!("{variable}={files}")]].concat())
}

/// Test classes of the JVM, which have the names of their files.
fn classes(program: &str, own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    let names: Vec<&str> = wanted.iter().map(|file| class(file, &["java", "kt", "scala"])).collect::<Option<_>>()?;
    let mut own = own.to_vec();
    match program {
        "mvn" | "mvnw" => {
            if own.iter().any(|word| word.starts_with("-Dtest") || word.starts_with("-Dit.test")) {
                return None;
            }
            own.push(format!("-Dtest={}", names.join(",")));
            // The second is what older versions of Surefire read.
            own.extend(["-Dsurefire.failIfNoSpecifiedTests=false", "-DfailIfNoTests=false"].map(str::to_owned));
        }
        "gradle" | "gradlew" => {
            let [at] = tasks(&own).try_into().ok()?;
            let is_test = own[at].rsplit(':').next() == Some("test") && !own.iter().any(|word| word == "--tests");
            let filters = names.iter().flat_map(|name| ["--tests".to_owned(), (*name).to_owned()]);
            own.splice(is_test.then_some(at + 1)?..at + 1, filters);
        }
        "sbt" => {
            let [at] = tasks(&own).try_into().ok().filter(|[at]: &[usize; 1]| own[*at] == "test")?;
            let names: Vec<String> = names.iter().map(|name| format!("*{name}")).collect();
            own[at] = format!("testOnly {}", names.join(" "));
        }
        _ => return None,
    }
    Some(own)
}

fn tasks(own: &[String]) -> Vec<usize> {
    own.iter().enumerate().filter(|(_, word)| !word.starts_with('-')).map(|(at, _)| at).collect()
}

fn dotnet(own: &[String], wanted: &[&str]) -> Option<Vec<String>> {
    if own.iter().any(|word| word.starts_with("--filter") || word == "--") {
        return None;
    }
    let names = wanted.iter().map(|file| Some(format!("FullyQualifiedName~{}", class(file, &["cs"])?)));
    let filter = names.collect::<Option<Vec<_>>>()?.join("|");
    Some([own.to_vec(), vec!["--filter".to_owned(), filter]].concat())
}

/// The class that a file of one of these languages is named after.
fn class<'a>(file: &'a str, extensions: &[&str]) -> Option<&'a str> {
    let (stem, extension) = file.rsplit('/').next()?.rsplit_once('.')?;
    (extensions.contains(&extension) && is_identifier(stem)).then_some(stem)
}

/// Whether a path means itself to every runner, to a shell, and as a pattern of one.
fn is_plain(path: &str) -> bool {
    let is_plain_part = |part: Component<'_>| {
        let part = part.as_os_str().to_str().unwrap_or("-");
        !part.starts_with('-') && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    !path.is_empty() && Path::new(path).components().all(is_plain_part)
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::command::TestCommand;
    use super::super::runner::RunnerKind;
    use crate::workspace::RelPath;

    /// The line for these files, in a directory of the workspace; `-` where there is none.
    fn only(line: &str, directory: &str, files: &str) -> String {
        let words: Vec<String> = shlex::split(line).unwrap();
        let command = TestCommand { directory: PathBuf::from(directory), ..TestCommand::given(&words) };
        let files: Vec<RelPath> = files.split_whitespace().map(|file| RelPath::new(file).unwrap()).collect();
        command.only(&files).map_or("-".to_owned(), |command| command.line())
    }

    #[test]
    fn every_runner_runs_the_tests_of_some_files_alone() {
        let cases = [
            ("pytest -q", "", "tests/test_a.py tests/test_b.py"),
            ("pytest tests -k 'a or b'", "", "tests/test_a.py"),
            ("pytest tests/unit", "", "tests/test_a.py"),
            ("pytest tests/test_a.py::test_x ./tests/test_a.py::test_y tests/test_b.py", "", "tests/test_a.py"),
            ("pytest --unknown tests", "", "tests/test_a.py"),
            ("pytest -n4 tests", "", "tests/test_a.py"),
            (".venv/bin/python -m pytest", "sub", "sub/tests/test_a.py"),
            ("uv run pytest", "sub", "tests/test_a.py"),
            ("python3 -m unittest", "", "tests/test_a.py test_b.py"),
            ("python3 -m unittest -v tests.test_a.T test_b.py tests.test_a tests.test_ab", "", "tests/test_a.py"),
            ("python3 -m unittest tests", "", "tests/test_a.py"),
            ("python3 -m unittest", "", "my-tests/test_a.py"),
            ("python3 -m unittest discover -s tests", "", "tests/test_a.py"),
            ("python3 -m unittest discover -s tests", "", "tests/test_a.py tests/test_b.py"),
            ("python3 -m unittest discover -s tests", "", "test/test_a.py"),
            ("python3 -m unittest discover -p '*_test.py'", "", "a_test.py"),
            ("cargo test --offline", "", "tests/cart.rs tests/users/main.rs"),
            ("cargo +nightly test -p shop", "", "crates/shop/src/cart/total.rs crates/shop/src/users/mod.rs"),
            ("cargo test", "", "src/lib.rs"),
            ("cargo test", "", "src/lib.rs tests/cart.rs"),
            ("cargo test", "", "src/bin/tool.rs"),
            ("cargo test", "", "src/cart.rs tests/cart.rs"),
            ("cargo test", "", "tests/common/mod.rs"),
            ("cargo test total", "", "tests/cart.rs"),
            ("cargo test -- --nocapture", "", "tests/cart.rs"),
            ("cargo test --lib", "", "src/cart.rs"),
            ("go test -v ./...", "", "a_test.go shop/cart_test.go shop/total_test.go"),
            ("go test -run Total ./shop/...", "", "shop/deep/cart_test.go"),
            ("go test ./shop", "", "users/a_test.go"),
            ("go test example.com/x", "", "a_test.go"),
            ("node --test", "", "test/a.test.js"),
            ("npm test --silent", "", "test/a.test.js test/b.test.js"),
            ("npm test -- --ci", "", "test/a.test.js"),
            ("npm test -- src", "", "test/a.test.js"),
            ("pnpm test", "", "test/a.test.js"),
            ("npx --no-install vitest run", "", "src/a.test.ts"),
            ("npx --no-install vitest related src/a.ts", "", "src/a.test.ts"),
            ("npx --no-install jest --config jest.config.js test", "", "test/a.test.js"),
            ("mocha --recursive", "", "test/a.js"),
            ("rspec --no-color", "", "spec/a_spec.rb"),
            ("bundle exec rspec", "", "spec/a_spec.rb spec/b_spec.rb"),
            ("ruby -Itest test/a_test.rb", "", "test/a_test.rb"),
            ("ruby -Itest test/a_test.rb", "", "test/b_test.rb"),
            (
                "ruby -Ilib -Itest -e \"Dir['./test/**/*.rb'].each { |file| require file }\" --",
                "",
                "test/a_test.rb test/b_test.rb",
            ),
            ("ruby -e test", "", "test/a_test.rb"),
            ("rake test", "", "test/a_test.rb"),
            ("bundle exec rake spec", "", "spec/a_spec.rb spec/b_spec.rb"),
            ("rake test lint", "", "test/a_test.rb"),
            ("php vendor/bin/phpunit --colors=never", "", "tests/CartTest.php"),
            ("phpunit", "", "tests/CartTest.php tests/UserTest.php"),
            ("bats test", "", "test/a.bats test/b.bats"),
            ("busted", "", "spec/a_spec.lua"),
            ("mvn --offline test", "", "src/test/java/org/x/CartTest.java src/test/java/org/x/UserTest.java"),
            ("mvn -Dtest=CartTest test", "", "src/test/java/org/x/CartTest.java"),
            ("sh gradlew --offline --continue test", "", "src/test/kotlin/CartTest.kt"),
            ("gradle check", "", "src/test/java/CartTest.java"),
            ("sbt -Dsbt.color=false test", "", "src/test/scala/CartTest.scala src/test/scala/UserTest.scala"),
            ("dotnet test", "", "Shop.Tests/CartTests.cs Shop.Tests/UserTests.cs"),
            ("dotnet test --filter Name=x", "", "CartTests.cs"),
            ("ctest --test-dir build", "", "tests/a.c"),
            ("make test", "", "tests/a.c"),
        ];
        let shown = cases.map(|(line, directory, files)| {
            let place = if directory.is_empty() { String::new() } else { format!(" (in {directory})") };
            format!("{line}{place} | {files}\n  {}", only(line, directory, files))
        });
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn runners_that_know_what_imports_a_file_find_its_tests() {
        let npm = |runner| TestCommand { runner, ..TestCommand::given(&["npm".to_owned(), "test".to_owned()]) };
        let given = |line: &str| TestCommand::given(&shlex::split(line).unwrap());
        let files = ["src/a.ts", "src/b.ts"].map(|path| RelPath::new(path).unwrap());
        for (command, line) in [
            (given("npx --no-install jest --ci"), "npx --no-install jest --ci --findRelatedTests src/a.ts src/b.ts"),
            (given("jest src"), "-"),
            (npm(RunnerKind::Jest), "npm test -- --findRelatedTests src/a.ts src/b.ts"),
            (given("npx --no-install vitest run"), "npx --no-install vitest related --run src/a.ts src/b.ts"),
            (given("vitest run --root sub"), "vitest related --run --root sub src/a.ts src/b.ts"),
            (npm(RunnerKind::Vitest), "-"),
            (given("mocha"), "-"),
            (given("pytest"), "-"),
        ] {
            let found = command.related(&files).map_or("-".to_owned(), |command| command.line());
            assert_eq!(found, line, "{command:?}");
        }
    }

    #[test]
    fn a_file_with_an_odd_name_is_refused() {
        for name in ["-x.py", "tests/--collect-only.py", "a b.py", "$(id).py", "a;b.py", "[a].py", "té.py", "a*.py"] {
            let command = TestCommand::given(&["pytest".to_owned()]);
            assert_eq!(command.only(&[RelPath::new(name).unwrap()]), None, "{name}");
        }
        assert_eq!(TestCommand::given(&["pytest".to_owned()]).only(&[]), None);
    }
}
