//! The strongest sandbox: bubblewrap around one command, with namespaces of its own for everything.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::process::Resource;

use super::super::toolchains::{normal, system_program};
use super::limits::at_most;
use super::surroundings::{ETC, TOPS, environment, toolchains};
use super::wall::{Wall, Walls};
use super::{Cell, Limits};

/// The program that it takes.
#[derive(Debug, Clone)]
pub(super) struct Bubblewrap {
    bwrap: PathBuf,
}

/// The walls: new namespaces of every kind, no way to make more, no capabilities, no terminal, no environment.
const WALLS: [(Wall, &[&str]); 7] = [
    (Wall::Network, &["--unshare-net"]),
    (Wall::Processes, &["--unshare-pid", "--as-pid-1"]),
    (Wall::Memory, &["--unshare-ipc"]),
    (Wall::Namespaces, &["--disable-userns"]),
    (Wall::Privileges, &["--cap-drop", "ALL"]),
    (Wall::Terminal, &["--new-session"]),
    (Wall::Environment, &["--clearenv"]),
];

/// What stands whichever wall is tried.
const ALWAYS: [&str; 4] = ["--unshare-user", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent"];

/// The first process inside: a shell that waits for the command, and for what its daemons leave. bubblewrap's own
/// would report the end before the rest is dead; as the shell is the namespace's first process, the end of
/// bubblewrap means that nothing is left.
///
/// It also sets the most processes, its first argument: within the namespaces the count is the sandbox's own. Shells
/// differ in how they call that limit. `exec` takes programs only, nothing that is built into a shell.
const FIRST_PROCESS: [&str; 4] =
    ["/bin/sh", "-c", r#"ulimit -u "$1" 2>/dev/null || ulimit -p "$1" || exit 126; shift; (exec "$@"); exit $?"#, "sh"];

/// Bytes of each scratch file system in memory: the home directory, `/tmp`, `/dev/shm`.
const SCRATCH_BYTES: &str = "536870912";

impl Bubblewrap {
    /// Finds the program among the system's own; otherwise one sentence with what to do.
    pub(super) fn find() -> Result<Self, String> {
        let bwrap = system_program("bwrap").ok_or("bubblewrap is not installed (apt-get install bubblewrap)")?;
        Ok(Self { bwrap })
    }

    /// The program.
    pub(super) fn program(&self) -> &Path {
        &self.bwrap
    }

    /// Why bubblewrap could not make the sandbox, from what it said.
    pub(super) fn explain(said: &str) -> String {
        if said.contains("disable-userns") || said.contains("nknown option") {
            format!("bubblewrap is too old, 0.8 or newer is needed (apt-get install bubblewrap): {said}")
        } else {
            format!("bubblewrap cannot make a sandbox here (user namespaces may be switched off): {said}")
        }
    }

    /// The command line of the outer process.
    pub(super) fn command_line(&self, cell: &Cell, argv: &[String], limits: &Limits, walls: Walls) -> Vec<OsString> {
        let toolchains = toolchains(cell, argv);
        let mut line: Vec<OsString> = vec![self.bwrap.clone().into()];
        line.extend(ALWAYS.map(OsString::from));
        let standing = WALLS.iter().filter(|(wall, _)| walls.stands(*wall));
        line.extend(standing.flat_map(|(_, flags)| flags.iter().map(OsString::from)));
        line.extend(base_mounts(walls));
        if walls.stands(Wall::Files) {
            line.extend(["--size", SCRATCH_BYTES, "--tmpfs"].map(OsString::from));
            line.push(toolchains.home().into());
        }
        let readable = if walls.stands(Wall::Files) { "--ro-bind" } else { "--bind" };
        let mut mounts: Vec<Mount> = Vec::new();
        mounts.extend(toolchains.paths().iter().map(|path| Mount::new("--ro-bind-try", path, path)));
        mounts.push(Mount::new("--bind", &cell.tree, &cell.at));
        mounts.extend(cell.readable.iter().map(|(host, inside)| Mount::new(readable, host, inside)));
        mounts.extend(cell.writable.iter().map(|(host, inside)| Mount::new("--bind", host, inside)));
        // What lies inside another mount must be mounted after it.
        mounts.sort_by_key(|mount| mount.inside.components().count());
        for mount in mounts {
            line.extend([mount.flag.into(), mount.host.into(), mount.inside.into()]);
        }
        for hidden in toolchains.hidden() {
            line.extend(["--tmpfs".into(), hidden.into(), "--remount-ro".into(), hidden.into()]);
        }
        if walls.stands(Wall::Files) {
            line.extend(["--remount-ro", "/"].map(OsString::from));
        }
        line.extend(["--chdir".into(), cell.cwd.clone().into()]);
        for (name, value) in environment(cell, &toolchains, toolchains.home().to_owned(), "/tmp".into()) {
            line.extend(["--setenv".into(), name.into(), value]);
        }
        line.push("--".into());
        line.extend(FIRST_PROCESS.map(OsString::from));
        line.push(at_most(Resource::Nproc, limits.processes).to_string().into());
        line.extend(argv.iter().map(OsString::from));
        line
    }
}

/// One thing shown inside.
struct Mount {
    flag: &'static str,
    host: PathBuf,
    inside: PathBuf,
}

impl Mount {
    fn new(flag: &'static str, host: &Path, inside: &Path) -> Self {
        Self { flag, host: host.to_owned(), inside: inside.to_owned() }
    }
}

fn base_mounts(walls: Walls) -> Vec<OsString> {
    if !walls.stands(Wall::Files) {
        return ["--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"].map(OsString::from).into();
    }
    let mut args: Vec<OsString> = ["--ro-bind", "/usr", "/usr"].map(OsString::from).into();
    for top in TOPS {
        match std::fs::read_link(top) {
            Ok(target) => args.extend(["--symlink".into(), target.into(), top.into()]),
            Err(_) => args.extend(["--ro-bind-try", top, top].map(OsString::from)),
        }
    }
    for path in ETC.map(|name| Path::new("/etc").join(name)) {
        match std::fs::read_link(&path) {
            // A link takes no mount, and its end is shown already.
            Ok(target) if normal(&Path::new("/etc").join(&target)).starts_with("/usr") => {
                args.extend(["--symlink".into(), target.into(), path.into()]);
            }
            _ => args.extend(["--ro-bind-try".into(), path.clone().into(), path.into()]),
        }
    }
    let processes: &[&str] =
        if walls.stands(Wall::Processes) { &["--proc", "/proc"] } else { &["--bind", "/proc", "/proc"] };
    args.extend(processes.iter().chain(&["--dev", "/dev"]).map(OsString::from));
    for place in ["/dev/shm", "/tmp"] {
        args.extend(["--size", SCRATCH_BYTES, "--perms", "1777", "--tmpfs", place].map(OsString::from));
    }
    args.extend(["--remount-ro", "/dev"].map(OsString::from));
    args
}
