//! What was found out of this machine's sandbox since the machine started, so that not every command finds it out
//! again: trying it takes longer than what is run in it.
//!
//! Kept is only that something works, with all that could change it; where any of that is different, it is tried anew.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::probe;

/// What may be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// None of our own attempts to get out of bubblewrap's sandbox succeeds.
    Holds,
    /// Overlays work in it, on the file system of the state directory.
    Overlays,
}

impl Fact {
    fn line(self) -> &'static str {
        match self {
            Self::Holds => "bubblewrap holds",
            Self::Overlays => "overlays work",
        }
    }
}

/// The record of one state directory.
#[derive(Debug)]
pub struct Known {
    file: PathBuf,
    surroundings: String,
}

/// Settings of the kernel that decide who may make name spaces.
const SETTINGS: [&str; 5] = [
    "kernel/random/boot_id",
    "user/max_user_namespaces",
    "user/max_mnt_namespaces",
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
];
/// What confines this process already, of `/proc/self/status`.
const CONFINED: [&str; 6] = ["Uid:", "Gid:", "CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:"];
/// The name spaces that it is in.
const SPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];
/// Longest record, in bytes.
const MOST: u64 = 16 * 1024;

impl Known {
    /// What is kept in `state_dir`, made if absent; `None` where nothing can be.
    pub fn here(state_dir: &Path) -> Option<Self> {
        probe::known(state_dir)
    }

    /// The same for these programs.
    pub(super) fn of(state_dir: &Path, programs: &[&Path]) -> Option<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(state_dir).ok()?;
        let mut lines =
            vec!["What Baton found of its sandbox, and where; it tries again where this changes.".to_owned()];
        let text = |path: &Path| fs::read_to_string(path).map_or("-".to_owned(), |text| text.trim().replace('\n', " "));
        lines.extend(SETTINGS.map(|name| format!("{name} {}", text(&Path::new("/proc/sys").join(name)))));
        lines.push(format!("confined {}", text(Path::new("/proc/self/attr/current"))));
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let confined = status.lines().filter(|line| CONFINED.iter().any(|name| line.starts_with(name)));
        lines.extend(confined.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")));
        for name in SPACES {
            lines.push(fs::read_link(Path::new("/proc/self/ns").join(name)).ok()?.display().to_string());
        }
        for program in programs {
            let m = fs::metadata(program).ok()?;
            let times = (m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
            lines.push(format!("{} {} {} {} {times:?}", program.display(), m.dev(), m.ino(), m.size()));
        }
        lines.push(format!("{} {}", state_dir.display(), fs::metadata(state_dir).ok()?.dev()));
        Some(Self { file: state_dir.join("sandbox"), surroundings: lines.join("\n") + "\n" })
    }

    /// Whether this was found before, where everything is as it is now.
    pub fn says(&self, fact: Fact) -> bool {
        self.facts().is_some_and(|facts| facts.lines().any(|line| line == fact.line()))
    }

    /// Keeps it. Where it cannot be kept it will be tried again.
    pub fn note(&self, fact: Fact) {
        if !self.says(fact) {
            let facts = self.facts().unwrap_or_default() + fact.line() + "\n";
            if let Err(problem) = self.write(&facts) {
                tracing::debug!(%problem, "what was found of the sandbox is not kept");
            }
        }
    }

    fn facts(&self) -> Option<String> {
        let file =
            OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&self.file).ok()?;
        let found = file.metadata().ok()?;
        let is_ours =
            found.is_file() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0;
        let mut text = String::new();
        (is_ours && file.take(MOST).read_to_string(&mut text).is_ok()).then_some(())?;
        text.strip_prefix(&self.surroundings).map(str::to_owned)
    }

    fn write(&self, facts: &str) -> io::Result<()> {
        let next = self.file.with_extension(format!("{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(self.surroundings.as_bytes()).and_then(|()| file.write_all(facts.as_bytes()))?;
        fs::rename(&next, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::{Fact, Known};

    #[test]
    fn it_is_known_until_anything_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (state, program) = (dir.path().join("state"), dir.path().join("bwrap"));
        fs::create_dir(&state).unwrap();
        fs::write(&program, "one").unwrap();
        let known = || Known::of(&state, &[&program]).unwrap();
        assert!(!known().says(Fact::Holds));
        known().note(Fact::Holds);
        known().note(Fact::Holds);
        assert!(known().says(Fact::Holds) && !known().says(Fact::Overlays));
        known().note(Fact::Overlays);
        assert!(known().says(Fact::Holds) && known().says(Fact::Overlays));

        // The program is another one.
        fs::write(&program, "two").unwrap();
        assert!(!known().says(Fact::Holds));
        known().note(Fact::Holds);
        assert!(!known().says(Fact::Overlays));
        // The machine was started again.
        let file = state.join("sandbox");
        let written = fs::read_to_string(&file).unwrap();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        fs::write(&file, written.replace(boot.trim(), "another")).unwrap();
        assert!(!known().says(Fact::Holds));
        fs::remove_file(&program).unwrap();
        assert!(Known::of(&state, &[&program]).is_none());
    }

    #[test]
    fn what_somebody_else_may_have_written_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let known = || Known::of(dir.path(), &[]).unwrap();
        let file = dir.path().join("sandbox");
        known().note(Fact::Holds);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(!known().says(Fact::Holds));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(known().says(Fact::Holds));
        fs::rename(&file, dir.path().join("elsewhere")).unwrap();
        symlink(dir.path().join("elsewhere"), &file).unwrap();
        assert!(!known().says(Fact::Holds));
    }
}
