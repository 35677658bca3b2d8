//! A bound on the number of processes where the kernel's own limit does not hold: it never holds for root.

use std::fs;
use std::path::{Path, PathBuf};

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
        // One that a killed Baton left is empty by now, and only an empty one can be removed.
        for entry in fs::read_dir(&parent).ok()?.flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| name.strip_prefix("baton-")?.split('-').next());
            if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
                let _ = fs::remove_dir(entry.path());
            }
        }
        let _ = fs::write(parent.join("cgroup.subtree_control"), "+pids");
        let prefix = format!("baton-{}-", std::process::id());
        let pen = Self(tempfile::Builder::new().prefix(&prefix).tempdir_in(&parent).ok()?.keep());
        fs::write(pen.0.join("pids.max"), MOST.to_string()).ok()?;
        Some(pen)
    }

    /// The file that takes in whoever writes to it.
    pub(super) fn entrance(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
