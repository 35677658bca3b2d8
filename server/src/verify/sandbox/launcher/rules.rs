//! The rules of Landlock: which files, no TCP, no signals and no sockets of others.

use std::io;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, Scope,
};

use super::super::wall::{Wall, Walls};
use super::Plan;

/// What is needed: since Linux 6.12 signals and abstract sockets can be kept inside.
const NEEDED: ABI = ABI::V6;

/// Devices that hold nothing of anybody.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Files of `/proc` that say what the machine is. The rest tells of other people's processes.
const MACHINE: [&str; 9] = [
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/vm/overcommit_memory",
];

/// The rules, ready to be put around a process.
pub(super) fn ruleset(plan: &Plan, walls: Walls) -> io::Result<RulesetCreated> {
    let old = |_| io::Error::other("the kernel has no Landlock, or an old one: Linux 6.12 or newer is needed");
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    if walls.stands(Wall::Files) {
        ruleset = ruleset.handle_access(AccessFs::from_all(NEEDED)).map_err(old)?;
    }
    let mut scopes: BitFlags<Scope> = Scope::Signal.into();
    if walls.stands(Wall::Network) {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEEDED)).map_err(old)?;
        scopes |= Scope::AbstractUnixSocket;
    }
    let mut ruleset = ruleset.scope(scopes).map_err(old)?.create().map_err(old)?;
    if !walls.stands(Wall::Files) {
        return Ok(ruleset);
    }
    let reading = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute;
    let unwanted = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    let writing = AccessFs::from_all(NEEDED) & !unwanted;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let readable = plan.read.iter().map(|path| (path.as_path(), reading));
    let writable = plan.write.iter().chain([&plan.scratch]).map(|path| (path.as_path(), writing));
    let devices = DEVICES.iter().map(|path| (Path::new(path), device));
    let machine = MACHINE.iter().map(|path| (Path::new(path), AccessFs::ReadFile.into()));
    for (path, access) in readable.chain(writable).chain(devices).chain(machine) {
        let Ok(found) = path.metadata() else { continue };
        let access = if found.is_dir() { access } else { access & AccessFs::from_file(NEEDED) };
        let opened = PathFd::new(path).map_err(io::Error::other)?;
        ruleset = ruleset.add_rule(PathBeneath::new(opened, access)).map_err(io::Error::other)?;
    }
    Ok(ruleset)
}
