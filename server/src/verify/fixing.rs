//! Running the language's own tools for their fixes: in the private copy, of which only what they print leaves it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_grammars::{FixFormat, Fixer};
use tokio_util::sync::CancellationToken;

use super::compilation::Compilation;
use super::tool::{self, Signs};
use super::toolchains::normal;
use super::{End, Limits, Verifier};
use crate::toolchain::{Runner, Tool};
use crate::workspace::{RelPath, Snapshot};

/// Bytes of output that are kept: a compiler says much of a large package.
const OUTPUT: usize = 16 << 20;

/// Runs the tool, then prints the file; the first status tells whether there is such a tool.
const IN_PLACE: &str =
    r#"file=$1; shift; "$@" >/dev/null 2>&1; status=$?; [ $status -lt 126 ] || exit $status; exec cat "$file""#;

/// Runs tools over the file that the task is about.
pub struct Fixing<'a> {
    verifier: &'a Verifier,
    file: PathBuf,
    deadline: Instant,
    cancel: &'a CancellationToken,
}

impl Verifier {
    /// The tools that can mend the file that the task is about and that the project, or one of the diagnostics,
    /// shows signs of; none where nothing can be run. No tool is run for this.
    pub fn tools(&self, diagnostics: &[String]) -> Vec<Tool> {
        let path = &self.request.focus;
        let Some(language) = baton_grammars::by_path(Path::new(path.as_str())) else { return Vec::new() };
        if self.sandbox().is_none() {
            return Vec::new();
        }
        let place = Place { snapshot: self.snapshot(), path };
        language.facts.fixer.iter().filter_map(|fixer| place.tool(fixer, diagnostics)).collect()
    }

    /// What runs them, until the deadline.
    pub fn fixing<'a>(&'a self, deadline: Instant, cancel: &'a CancellationToken) -> Fixing<'a> {
        Fixing { verifier: self, file: self.request.focus.under(self.root()), deadline, cancel }
    }
}

impl Runner for Fixing<'_> {
    fn path(&self) -> &Path {
        &self.file
    }

    async fn run(&self, tool: &Tool, text: &str) -> Result<String, String> {
        let Self { verifier, deadline, cancel, .. } = self;
        let name = &tool.name;
        let sandbox = verifier.sandbox().ok_or("there is no sandbox to run it in")?;
        let mut texts = (*verifier.unsaved).clone();
        texts.insert(verifier.request.focus.clone(), Some(text.into()));
        let shadow = verifier.take(&Arc::new(texts)).await.map_err(|problem| problem.to_string())?;
        let cell = shadow.cell(Path::new(verifier.request.focus.as_str()).parent().unwrap_or(Path::new("")));
        let left = deadline.saturating_duration_since(Instant::now());
        let limits = Limits { wall: verifier.limits().wall.min(left), output: OUTPUT, ..verifier.limits() };
        let ran = sandbox.run(&cell, &tool.argv, &limits, cancel).await;
        verifier.give_back(shadow);
        match ran.end {
            End::Exited(126 | 127) => Err(format!("{name} is not installed, so it was not asked")),
            End::Exited(_) => Ok(ran.output),
            End::Signalled => Err(format!("{name} was killed: it used more than it may")),
            End::TimedOut => Err(format!("{name} did not end within {} s", Duration::from_millis(ran.ms).as_secs())),
            End::Cancelled => Err("cancelled".to_owned()),
        }
    }
}

/// A file, for which tools are looked up.
struct Place<'a> {
    snapshot: &'a Snapshot,
    path: &'a RelPath,
}

impl Place<'_> {
    fn tool(&self, fixer: &Fixer, diagnostics: &[String]) -> Option<Tool> {
        let signs = Signs { when: &fixer.when, inside: &fixer.when_inside };
        let sign = self.folders().find_map(|folder| signs.first(self.snapshot, folder));
        let is_said = |word: &String| diagnostics.iter().any(|said| said.to_lowercase().contains(word.as_str()));
        if sign.is_none() && !fixer.when_said.as_ref().is_some_and(is_said) {
            return None;
        }
        let under = |path: &Path| self.snapshot.root().join(path).display().to_string();
        let file = under(Path::new(self.path.as_str()));
        let folder = self.folders().next().unwrap_or(Path::new(""));
        let program = fixer.command.first()?;
        // One that is not there says so when it is run.
        let mut argv = vec![tool::program(self.snapshot.root(), folder, program).unwrap_or_else(|| program.clone())];
        for word in &fixer.command[1..] {
            match word.as_str() {
                "{flags}" => argv.extend(self.flags()),
                word => argv.push(
                    word.replace("{path}", &file)
                        .replace("{sign}", &under(Path::new(sign.as_ref().map_or("", RelPath::as_str)))),
                ),
            }
        }
        if fixer.format == FixFormat::InPlace {
            argv.splice(0..0, ["sh", "-c", IN_PLACE, "sh", &file].map(str::to_owned));
        }
        Some(Tool { name: fixer.name.clone(), argv, format: fixer.format, compiles: fixer.compiles })
    }

    /// The folder of the file and those above it, in the workspace.
    fn folders(&self) -> impl Iterator<Item = &Path> {
        Path::new(self.path.as_str()).ancestors().skip(1)
    }

    /// Where the file's headers are and what is defined, as the project compiles it.
    fn flags(&self) -> Vec<String> {
        let compiled = Compilation::find(self.snapshot, self.folders(), self.path);
        compiled.and_then(flags).unwrap_or_default()
    }
}

/// The options of a command that say how a file's text is read; what else it does, such as writing files, is left out.
/// Relative places are those of the command's own folder.
fn flags(compiled: Compilation) -> Option<Vec<String>> {
    let mut flags = Vec::new();
    let mut words = compiled.words.into_iter();
    while let Some(word) = words.next() {
        let is_place = ["-I", "-isystem", "-iquote"].into_iter().find(|flag| word.starts_with(flag));
        match is_place {
            Some(flag) => {
                let rest = word[flag.len()..].to_owned();
                let place = if rest.is_empty() { words.next()? } else { rest };
                flags.extend([flag.to_owned(), normal(&compiled.directory.join(place)).display().to_string()]);
            }
            None if word == "-D" || word == "-U" => flags.push(word + &words.next()?),
            None if ["-D", "-U", "-std="].iter().any(|flag| word.starts_with(flag)) => flags.push(word),
            None => {}
        }
    }
    Some(flags)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{Compilation, Place, flags};
    use crate::workspace::{RelPath, Snapshot};

    #[test]
    fn only_what_says_how_a_text_is_read_is_taken_from_a_database() {
        let database = r#"[
            {"directory": "/p/build", "file": "/p/other.c", "command": "cc -DOTHER"},
            {"directory": "/p/build", "file": "../src/a.c",
             "command": "cc -I../include -isystem /opt/x -I '/p/a b' -D A=1 -DB '-DC=\"c d\"' -UD -std=c17 -O2 -Wp,-MD,x -fplugin=evil.so -o a.o -c ../src/a.c"},
            {"directory": "/p", "file": "b.c", "arguments": ["cc", "-iquote", ".", "-D"]}
        ]"#;
        let of = |file: &str| Some(flags(Compilation::read(database, Path::new(file))?)?.join(" "));
        let expected = "-I /p/include -isystem /opt/x -I /p/a b -DA=1 -DB -DC=\"c d\" -UD -std=c17";
        assert_eq!(of("/p/src/a.c").as_deref(), Some(expected));
        assert_eq!((of("/p/b.c"), of("/p/c.c")), (None, None));
    }

    #[test]
    fn a_tool_is_in_use_where_the_project_or_a_diagnostic_shows_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let files = [
            ("plain/src/a.py", ""),
            ("with/ruff.toml", ""),
            ("with/src/a.py", ""),
            ("with/.venv/bin/ruff", "#!/bin/sh\n"),
            ("inside/pyproject.toml", "[tool.ruff.lint]\n"),
            ("inside/a.py", ""),
            ("other/pyproject.toml", "[tool.black]\n"),
            ("other/a.py", ""),
            ("rust/Cargo.toml", "[lints.clippy]\n"),
            ("rust/src/a.rs", ""),
            ("bare/Cargo.toml", ""),
            ("bare/src/a.rs", ""),
        ];
        for (path, text) in files {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        let program = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(root.join("with/.venv/bin/ruff"), program).unwrap();
        let snapshot = Snapshot::new(root.clone(), Default::default());
        let tools = |path: &str, said: &str| {
            let language = baton_grammars::by_path(Path::new(path)).unwrap();
            let path = RelPath::new(path).unwrap();
            let place = Place { snapshot: &snapshot, path: &path };
            let tools = language.facts.fixer.iter().filter_map(|fixer| place.tool(fixer, &[said.to_owned()]));
            let line = |argv: Vec<String>| argv.join(" ").replace(&root.display().to_string(), "ROOT");
            tools.map(|tool| line(tool.argv)).collect::<Vec<_>>()
        };
        let ruff =
            |program: &str, path: &str| vec![format!("{program} check --output-format json --no-cache ROOT/{path}")];
        assert_eq!(tools("plain/src/a.py", "`os` imported but unused"), [""; 0]);
        assert_eq!(tools("plain/src/a.py", "`os` imported but unused (Ruff F401)"), ruff("ruff", "plain/src/a.py"));
        assert_eq!(tools("with/src/a.py", ""), ruff("ROOT/with/.venv/bin/ruff", "with/src/a.py"));
        assert_eq!(tools("inside/a.py", ""), ruff("ruff", "inside/a.py"));
        assert_eq!(tools("other/a.py", ""), [""; 0]);
        let cargo = |what: &str| format!("cargo {what} --offline --all-targets --message-format json");
        assert_eq!(tools("rust/src/a.rs", ""), [cargo("clippy"), cargo("check")]);
        assert_eq!(tools("bare/src/a.rs", ""), [cargo("check")]);
        assert_eq!(
            tools("bare/src/a.rs", "needless `return` (clippy needless_return)"),
            [cargo("clippy"), cargo("check")]
        );
    }
}
