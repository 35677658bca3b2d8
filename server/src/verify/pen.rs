//! A bound on the number of processes where the kernel's own limit does not hold: it never holds for root.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Mode, OFlags};

/// Most processes and threads of all sandboxes together. The finer limit of one run is watched from outside; this
/// one keeps a fork bomb from outrunning the watch.
const MOST: u64 = 1024;

/// A control group of our own. It goes when it is dropped.
#[derive(Debug)]
pub(super) struct Pen(PathBuf);

impl Pen {
    /// Makes one, if Baton runs as root and may; an ordinary user has the kernel's limit and needs none.
    pub(super) fn make() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let parent = groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, group) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            match controllers {
                "" => {
                    Some(Path::new("/sys/fs/cgroup").join(group)).filter(|dir| dir.join("cgroup.controllers").exists())
                }
                list => list.split(',').any(|c| c == "pids").then(|| Path::new("/sys/fs/cgroup/pids").join(group)),
            }
        })?;
        let groups = parent.clone();
        // Beside everything else: the kernel takes tens of milliseconds for each. Without a thread the next one does it.
        let _ = std::thread::Builder::new().name("pens".into()).spawn(move || remove_left(&groups));
        let _ = fs::write(parent.join("cgroup.subtree_control"), "+pids");
        let prefix = format!("baton-{}-", std::process::id());
        let pen = Self(tempfile::Builder::new().prefix(&prefix).tempdir_in(&parent).ok()?.keep());
        fs::write(pen.0.join("pids.max"), MOST.to_string()).ok()?;
        Some(pen)
    }

    /// Has the process that becomes `command` counted here, with all that it starts.
    pub(super) fn take_in(&self, command: &mut Command) {
        // The first kind of control groups takes threads in too. A process of one thread that writes its own number there
        // waits for nobody, while moving a process waits for all processors (10 ms).
        let entrances = ["tasks", "cgroup.procs"].map(|name| self.0.join(name));
        let Some(entrance) = entrances.into_iter().find(|entrance| entrance.exists()) else { return };
        let Ok(entrance) = CString::new(entrance.into_os_string().into_vec()) else { return };
        let enter = move || {
            // Where the group is gone, the watch from outside is left.
            if let Ok(open) = rustix::fs::open(entrance.as_c_str(), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
                // Zero stands for the process that writes it.
                let _ = rustix::io::write(&open, b"0");
            }
            Ok(())
        };
        // SAFETY: between fork and exec only system calls are made, with a text that was made before.
        unsafe { command.pre_exec(enter) };
    }
}

/// Removes those that ended Batons have left: they are empty by now, and only an empty one can be removed.
fn remove_left(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("baton-")?.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
