//! The strongest sandbox: bubblewrap around one command, with namespaces of its own for everything.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::toolchains::system_program;
use super::surroundings::{ETC, TOPS, environment, toolchains};
use super::wall::{Wall, Walls};
use super::{Cell, Limits};

/// The programs that it takes.
#[derive(Debug, Clone)]
pub(super) struct Bubblewrap {
    bwrap: PathBuf,
    prlimit: PathBuf,
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
const FIRST_PROCESS: [&str; 4] = ["/bin/sh", "-c", "\"$@\"; exit $?", "sh"];

/// Bytes of each scratch file system in memory: the home directory, `/tmp`, `/dev/shm`.
const SCRATCH_BYTES: &str = "536870912";

impl Bubblewrap {
    /// Finds the programs among the system's own; otherwise one sentence with what to do.
    pub(super) fn find() -> Result<Self, String> {
        let bwrap = system_program("bwrap").ok_or("bubblewrap is not installed (apt-get install bubblewrap)")?;
        let prlimit = system_program("prlimit").ok_or("prlimit is not installed (apt-get install util-linux)")?;
        Ok(Self { bwrap, prlimit })
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
        if walls.stands(Wall::Files) {
            line.extend(["--remount-ro", "/"].map(OsString::from));
        }
        line.extend(["--chdir".into(), cell.cwd.clone().into()]);
        for (name, value) in environment(cell, &toolchains, toolchains.home().to_owned(), "/tmp".into()) {
            line.extend(["--setenv".into(), name.into(), value]);
        }
        line.push("--".into());
        line.extend(FIRST_PROCESS.map(OsString::from));
        line.extend(self.limits(limits));
        line.extend(argv.iter().map(OsString::from));
        line
    }

    /// The prefix that sets the limits of each process. They are set inside the namespaces, where a count of
    /// processes is the sandbox's own. Memory is RLIMIT_DATA: what a process may write to, not the address
    /// space, of which node and the JVM reserve far more than they use.
    fn limits(&self, limits: &Limits) -> Vec<OsString> {
        let limit = |name: &str, value: u64| OsString::from(format!("--{name}={value}"));
        vec![
            self.prlimit.clone().into(),
            limit("core", 0),
            limit("cpu", limits.cpu.as_secs().max(1)),
            limit("fsize", limits.file),
            limit("data", limits.memory),
            limit("nproc", limits.processes),
            limit("nofile", 4096),
        ]
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
    for name in ETC {
        let path = format!("/etc/{name}");
        args.extend(["--ro-bind-try".into(), path.clone().into(), path.into()]);
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
