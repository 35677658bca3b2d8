//! The second sandbox, where bubblewrap cannot be used: this program starts itself again, puts Landlock and seccomp
//! around itself and becomes the command's keeper; see `launcher`. Nothing can be shown at another path here: the
//! command sees the private tree where it is, so paths are translated on the way in and back in what it prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::surroundings::{ETC, TOPS, environment, toolchains};
use super::wall::Walls;
use super::{Cell, Limits};

/// The program that is started: Baton itself.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    pub(super) program: PathBuf,
}

impl Fence {
    /// The command line of the outer process.
    pub(super) fn command_line(&self, cell: &Cell, argv: &[String], limits: &Limits, walls: Walls) -> Vec<OsString> {
        let toolchains = toolchains(cell, argv);
        let scratch = scratch(cell);
        let mut line: Vec<OsString> = vec![self.program.clone().into(), "sandbox-run".into()];
        let mut give = |name: &str, value: OsString| line.extend([name.into(), value]);
        give("--parent", std::process::id().to_string().into());
        give("--scratch", scratch.clone().into());
        give("--cwd", outside(cell, &cell.cwd).into());
        for (name, value) in [
            ("--cpu", limits.cpu.as_secs().max(1)),
            ("--memory", limits.memory),
            ("--processes", limits.processes),
            ("--file", limits.file),
        ] {
            give(name, value.to_string().into());
        }
        let system = ["/usr"].into_iter().chain(TOPS).map(PathBuf::from);
        let etc = ETC.iter().map(|name| Path::new("/etc").join(name));
        let tools = toolchains.parts();
        let readable = cell.readable.iter().map(|(host, _)| host.clone());
        system.chain(etc).chain(tools).chain(readable).for_each(|path| give("--read", path.into()));
        let writable = cell.writable.iter().map(|(host, _)| host.clone());
        [cell.tree.clone()].into_iter().chain(writable).for_each(|path| give("--write", path.into()));
        for (host, inside) in cell.readable.iter().chain(&cell.writable) {
            if let Ok(below) = inside.strip_prefix(&cell.at) {
                give("--link", cell.tree.join(below).into());
                give("--link", host.into());
            }
        }
        let mut env = toolchains.places();
        env.extend(environment(cell, &toolchains, scratch.join("home"), scratch.join("tmp")));
        for (name, value) in env {
            let value = value.into_string().map_or_else(|value| value, |value| translated(cell, &value).into());
            let mut set = OsString::from(name);
            set.push("=");
            set.push(value);
            give("--env", set);
        }
        #[cfg(test)]
        walls.gone().for_each(|wall| give("--without", wall.into()));
        #[cfg(not(test))]
        let _ = walls;
        line.push("--".into());
        line.extend(argv.iter().map(|word| OsString::from(translated(cell, word))));
        line
    }
}

/// Where home and temporary files of the command are; made anew for each.
fn scratch(cell: &Cell) -> PathBuf {
    cell.tree.with_file_name("scratch")
}

/// Where on this machine a path inside is.
pub(super) fn outside(cell: &Cell, inside: &Path) -> PathBuf {
    let found = cell.shown().into_iter().find_map(|(host, shown)| Some(host.join(inside.strip_prefix(shown).ok()?)));
    // Joining nothing leaves a slash at the end, which a file cannot have.
    found.map_or_else(|| inside.to_owned(), |path| path.components().collect())
}

/// A word of a command line or the value of a variable, with paths inside as paths of this machine.
fn translated(cell: &Cell, word: &str) -> String {
    let path = |text: &str| {
        let path = Path::new(text);
        let shown = path.is_absolute() && cell.shown().iter().any(|(_, inside)| path.starts_with(inside));
        shown.then(|| outside(cell, path).to_str().map(str::to_owned)).flatten()
    };
    if let Some(path) = path(word) {
        return path;
    }
    // A script is no list of paths, whatever is in it.
    if word.contains(char::is_whitespace) {
        return word.to_owned();
    }
    let piece = |piece: &str| {
        let (text, end) = piece.split_at(piece.trim_end_matches([':', '=']).len());
        path(text).unwrap_or_else(|| text.to_owned()) + end
    };
    word.split_inclusive([':', '=']).map(piece).collect()
}

/// What the command printed, with the paths that it would see elsewhere.
pub(super) fn untranslated(cell: &Cell, text: String) -> String {
    let mut text = text;
    for (host, inside) in cell.shown() {
        if let (Some(host), Some(inside)) = (host.to_str(), inside.to_str())
            && host != inside
        {
            text = text.replace(host, inside);
        }
    }
    match scratch(cell).to_str() {
        Some(scratch) => text.replace(scratch, ""),
        None => text,
    }
}
