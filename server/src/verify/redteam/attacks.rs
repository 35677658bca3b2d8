//! Attacks of code that runs in the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, Sign};
use super::{carry_out, classes, judge};
use crate::verify::shadow::{Base, Leaves, Shadow};
use crate::verify::walk::CACHES;
use crate::verify::{Cell, Limits, Sandbox, SandboxLevel, Texts, overlay};

/// A class of attacks: what they are after, and what keeps them from it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    #[expect(dead_code, reason = "for who reads the data")]
    attacks: String,
    /// How success shows.
    canary: Sign,
    /// The walls of the sandbox that are taken away, and beside them: `copy`, what is not copied into the tree;
    /// `restore`, the comparison before each use; `discard`, that what a run builds and caches goes with it; `clean`, what
    /// is taken out of output; `limits`.
    walls: Vec<String>,
    /// Where they can be taken away without harm to the machine.
    #[serde(default = "both")]
    off: Vec<String>,
    #[serde(default)]
    limits: Tight,
    /// Whether the sandbox is started from a terminal.
    #[serde(default)]
    terminal: bool,
    /// Whether there is a tool's cache, at `$CACHE`, and the tree is a layer where it can be.
    #[serde(default)]
    warm: bool,
    #[serde(default)]
    files: BTreeMap<String, String>,
    variant: Vec<Variant>,
}

/// One way to attack. Exactly one of the programs is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    name: String,
    sh: Option<String>,
    bash: Option<String>,
    py: Option<String>,
    node: Option<String>,
    argv: Option<Vec<String>>,
    /// A script that runs before, as an earlier check.
    first: Option<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    links: BTreeMap<String, String>,
    walls: Option<Vec<String>>,
    canary: Option<Sign>,
}

/// Limits below the usual ones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tight {
    wall_ms: Option<u64>,
    cpu_ms: Option<u64>,
    memory: Option<u64>,
    processes: Option<u64>,
    file: Option<u64>,
    disk: Option<u64>,
    output: Option<usize>,
}

fn both() -> Vec<String> {
    ["bubblewrap", "landlock"].map(str::to_owned).into()
}

impl Tight {
    fn limits(&self) -> Limits {
        let loose = loose();
        Limits {
            wall: self.wall_ms.map_or(loose.wall, Duration::from_millis),
            cpu: self.cpu_ms.map_or(loose.cpu, Duration::from_millis),
            memory: self.memory.unwrap_or(loose.memory),
            processes: self.processes.unwrap_or(loose.processes),
            file: self.file.unwrap_or(loose.file),
            disk: self.disk.unwrap_or(loose.disk),
            output: self.output.unwrap_or(loose.output),
        }
    }
}

fn loose() -> Limits {
    Limits { wall: Duration::from_secs(60), output: 64 << 20, ..Limits::default() }
}

impl Variant {
    fn argv(&self, ground: &Ground) -> Vec<String> {
        let programs = [
            ("/bin/sh", "-c", &self.sh),
            ("/bin/bash", "-c", &self.bash),
            ("/usr/bin/python3", "-c", &self.py),
            ("/usr/bin/node", "-e", &self.node),
        ];
        let scripts = programs
            .into_iter()
            .filter_map(|(program, flag, script)| Some(vec![program.to_owned(), flag.to_owned(), script.clone()?]));
        let all: Vec<Vec<String>> = scripts.chain(self.argv.clone()).collect();
        assert_eq!(all.len(), 1, "{}: one program", self.name);
        all[0].iter().map(|word| ground.filled(word)).collect()
    }
}

/// An attack with or without the defence.
struct Attempt<'a> {
    class: &'a Class,
    variant: &'a Variant,
    gone: &'a [&'a str],
}

impl Attempt<'_> {
    /// Carries it out in this sandbox; what came of it, and what it printed.
    fn signs(&self, sandbox: &Sandbox) -> (BTreeSet<Sign>, String) {
        let is_gone = |what: &str| self.gone.contains(&what);
        let mut files = self.class.files.clone();
        files.extend(self.variant.files.clone());
        let mut ground = Ground::new(&files, &self.variant.links);
        let walls: Vec<&str> = self.gone.iter().copied().filter(|wall| wall.starts_with(char::is_uppercase)).collect();
        let sandbox = sandbox.without(&walls);
        let limits = if is_gone("limits") { loose() } else { self.class.limits.limits() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let state = ground.state();
        let mut shadow = match self.class.warm && runtime.block_on(overlay::works(&sandbox, &state, None)).is_ok() {
            true => Shadow::over(&Base::open(&ground.project(), &state, Arc::default()).unwrap()),
            false => Shadow::open(&ground.project(), &state, 0).unwrap(),
        };
        shadow.sync(&Texts::new()).unwrap();
        let start = |shadow: &Shadow| match self.class.warm {
            true => {
                let leaves = if is_gone("discard") { Leaves::Warmth } else { Leaves::Nothing };
                shadow.cell_with("".as_ref(), Some(("check", CACHES)), leaves).env("CACHE", CACHES)
            }
            false => shadow.cell("".as_ref()),
        };
        let mut cell = start(&shadow);
        if is_gone("copy") {
            cell.tree = ground.project();
        }
        let run = |cell: &Cell, argv: &[String]| {
            runtime.block_on(sandbox.run(cell, argv, &limits, &CancellationToken::new())).output
        };
        if let Some(first) = &self.variant.first {
            run(&cell, &["/bin/sh".to_owned(), "-c".to_owned(), ground.filled(first)]);
            if !is_gone("restore") {
                // A layer must not change while something looks through it.
                cell.overlay = None;
                shadow.sync(&Texts::new()).unwrap();
                cell = start(&shadow);
            }
        }
        let argv = self.variant.argv(&ground);
        let output = if self.class.terminal {
            at_a_terminal(&sandbox, &cell, &argv, &limits)
        } else if is_gone("clean") {
            let _inside = runtime.enter();
            let output = sandbox.command(&cell, &argv, &limits).as_std_mut().output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        } else {
            run(&cell, &argv)
        };
        (ground.signs(&output), output)
    }
}

/// What the command prints in a sandbox that is started from a terminal, as from an editor's.
fn at_a_terminal(sandbox: &Sandbox, cell: &Cell, argv: &[String], limits: &Limits) -> String {
    let command = sandbox.command(cell, argv, limits);
    let command = command.as_std();
    let words = [command.get_program()].into_iter().chain(command.get_args()).map(|word| word.to_str().unwrap());
    let mut line = shlex::try_join(words).unwrap();
    // Here a shell asks for the sandbox, not we; and it waits.
    line = line.replace(&format!("--parent {}", std::process::id()), "--parent $$") + "; exit $?";
    let mut script = std::process::Command::new("/usr/bin/script");
    let output = script.args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn nothing_gets_out_of_any_sandbox() {
    let classes: BTreeMap<String, Class> = classes("sandbox");
    let name = |sandbox: &Sandbox| match sandbox.level() {
        SandboxLevel::Bubblewrap => "bubblewrap",
        SandboxLevel::Landlock => "landlock",
    };
    let sandboxes: Vec<_> = Sandbox::of_each_level().into_iter().map(|sandbox| (name(&sandbox), sandbox)).collect();
    // What is not started achieves nothing either.
    for (level, sandbox) in &sandboxes {
        let ground = Ground::new(&BTreeMap::new(), &BTreeMap::new());
        let cell = Shadow::open(&ground.project(), &ground.state(), 0).unwrap().cell("".as_ref());
        let printed = at_a_terminal(sandbox, &cell, &["echo".to_owned(), "started".to_owned()], &loose());
        assert_eq!(printed.trim(), "started", "{level}");
    }
    let variants =
        classes.iter().flat_map(|(name, class)| class.variant.iter().map(move |variant| (name, class, variant)));
    let attacks = variants.map(|(name, class, variant)| (name.clone(), (name, class, variant))).collect();
    let again = Mutex::new(Vec::new());
    let mut tallies = carry_out(attacks, |(name, class, variant), tally| {
        let walls = variant.walls.as_ref().unwrap_or(&class.walls);
        tally.walls = class.walls.join("+");
        for (level, sandbox) in &sandboxes {
            let what = format!("{name}, {}, {level}", variant.name);
            let (signs, output) = Attempt { class, variant, gone: &[] }.signs(sandbox);
            let signs: Vec<_> = signs.into_iter().filter(|sign| !(class.terminal && *sign == Sign::Control)).collect();
            tally.tried += 1;
            if !signs.is_empty() {
                tally.escapes.push(format!("{what} escaped: {signs:?}\n{}", end_of(&output)));
            }
            if !class.off.iter().any(|name| name == level) {
                continue;
            }
            let gone: Vec<&str> = walls.iter().map(String::as_str).collect();
            let canary = variant.canary.unwrap_or(class.canary);
            let (signs, _) = Attempt { class, variant, gone: &gone }.signs(sandbox);
            // The attacks beside it may have left it no process and no memory.
            if signs.contains(&canary) {
                tally.live += 1;
            } else {
                again.lock().unwrap().push((*name, *class, *variant, level, sandbox));
            }
        }
    });
    // With nothing beside them.
    for (name, class, variant, level, sandbox) in again.into_inner().unwrap() {
        let gone: Vec<&str> = variant.walls.as_ref().unwrap_or(&class.walls).iter().map(String::as_str).collect();
        let (signs, output) = Attempt { class, variant, gone: &gone }.signs(sandbox);
        let tally = tallies.get_mut(name).unwrap();
        if signs.contains(&variant.canary.unwrap_or(class.canary)) {
            tally.live += 1;
        } else {
            let what = format!("{name}, {}, {level}", variant.name);
            tally.dead.push(format!("{what} achieves nothing without {gone:?}: {signs:?}\n{}", end_of(&output)));
        }
    }
    judge("attacks", &tallies);
}

fn end_of(output: &str) -> &str {
    let start = output.len().saturating_sub(600);
    &output[(start..=output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(output.len())..]
}
