//! Which private copies this machine keeps, for which workspace, and when they go: nobody misses them but the disk.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};

use super::tree;

/// What is kept when nobody is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    /// How long after its last use a workspace's copies are kept.
    pub age: Duration,
    /// Bytes on disk of all copies together; those not used for the longest time go first.
    pub bytes: u64,
}

impl Keep {
    /// From what a user writes: days and gigabytes.
    pub fn new(days: u32, gigabytes: f64) -> Self {
        Self { age: Duration::from_secs(u64::from(days) * 24 * 60 * 60), bytes: (gigabytes * 1e9) as u64 }
    }
}

/// What a cleaning did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Workspaces whose copies are gone.
    pub removed: usize,
    /// Bytes on disk that they took.
    pub bytes: u64,
    /// Workspaces that have copies still.
    pub kept: usize,
    /// Those of them that stay because they are in use.
    pub in_use: usize,
}

/// Time between two cleanings that nobody asked for.
const INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Claims a copy called `name` for `root`, making its directories if they are absent: where it is, and its lock.
/// `None`: it is in use.
pub(super) fn claim(root: &Path, state_dir: &Path, name: &str) -> io::Result<Option<(PathBuf, File)>> {
    let digest: String =
        Sha256::digest(root.as_os_str().as_encoded_bytes())[..8].iter().map(|b| format!("{b:02x}")).collect();
    let base = state_dir.join("shadow").join(digest);
    let dir = base.join(name);
    loop {
        private_dir(&state_dir.join("shadow"))?;
        private_dir(&base)?;
        let file = match File::create(dir.with_extension("lock")) {
            // A cleaning took the directory away in between.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        if lock(&file, &dir)? {
            // Its age is that of the last use; its text says what it was a copy of.
            fs::write(base.join("workspace"), root.as_os_str().as_encoded_bytes())?;
            return Ok(Some((dir, file)));
        }
        if !is_gone(&file, &dir) {
            return Ok(None);
        }
    }
}

/// Takes the lock of the copy in `dir`; `false`: it is in use, or a cleaning has removed the lock.
pub(super) fn lock(file: &File, dir: &Path) -> io::Result<bool> {
    Ok(rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok() && !is_gone(file, dir))
}

fn is_gone(file: &File, dir: &Path) -> bool {
    let named = fs::metadata(dir.with_extension("lock")).map(|found| (found.dev(), found.ino()));
    let open = file.metadata().map(|found| (found.dev(), found.ino()));
    !matches!((named, open), (Ok(named), Ok(open)) if named == open)
}

/// Removes the copies of workspaces that are gone, were not used for long or are too much together; with `None` all
/// of them. What is in use stays.
pub fn clean(state_dir: &Path, keep: Option<Keep>) -> io::Result<Cleaned> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(state_dir.join("shadow")).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            let used = fs::metadata(path.join("workspace")).and_then(|found| found.modified());
            copies.push((used.unwrap_or(SystemTime::UNIX_EPOCH), size(&path), path));
        }
    }
    copies.sort();
    let mut total: u64 = copies.iter().map(|(_, bytes, _)| bytes).sum();
    let mut cleaned = Cleaned::default();
    for (used, bytes, path) in copies {
        let goes = keep.is_none_or(|keep| {
            let is_old = used.elapsed().is_ok_and(|age| age > keep.age);
            is_old || total > keep.bytes || is_orphan(&path)
        });
        if goes && remove(&path)? {
            total -= bytes;
            cleaned.removed += 1;
            cleaned.bytes += bytes;
        } else {
            cleaned.kept += 1;
            cleaned.in_use += usize::from(goes);
        }
    }
    Ok(cleaned)
}

/// Cleans if that was not done for a day.
pub fn clean_now_and_then(state_dir: &Path, keep: Keep) -> io::Result<()> {
    let shadow = state_dir.join("shadow");
    let stamp = shadow.join("cleaned");
    let is_fresh = |found: fs::Metadata| found.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age < INTERVAL));
    if !shadow.exists() || fs::metadata(&stamp).is_ok_and(is_fresh) {
        return Ok(());
    }
    // Before it begins, so that two starts at once do not both clean.
    fs::write(stamp, "")?;
    clean(state_dir, Some(keep)).map(drop)
}

/// Whether what these are copies of is no directory any more.
fn is_orphan(copies: &Path) -> bool {
    fs::read(copies.join("workspace"))
        .is_ok_and(|root| !root.is_empty() && !PathBuf::from(OsString::from_vec(root)).is_dir())
}

/// Removes the copies of one workspace, those that are in use excepted; whether none is left.
pub(super) fn remove(copies: &Path) -> io::Result<bool> {
    let names: Vec<PathBuf> = fs::read_dir(copies)?.flatten().map(|entry| entry.path()).collect();
    let mut locks = Vec::new();
    for path in names.iter().filter(|path| path.extension().is_some_and(|extension| extension == "lock")) {
        let (file, dir) = (File::open(path)?, path.with_extension(""));
        if lock(&file, &dir)? {
            if dir.exists() {
                // First what says what is there: this may be cut short.
                let _ = fs::remove_file(dir.join("manifest"));
                tree::delete(&dir)?;
            }
            locks.push((path, file));
        }
    }
    for (path, _) in &locks {
        fs::remove_file(path)?;
    }
    let is_used = names.iter().any(|path| path.extension().is_some_and(|e| e == "lock") && path.exists());
    if is_used {
        return Ok(false);
    }
    // A copy that is claimed just now makes it stay.
    let _ = fs::remove_file(copies.join("workspace"));
    Ok(fs::remove_dir(copies).is_ok())
}

/// Bytes on disk of what is below a directory; links are not followed.
fn size(dir: &Path) -> u64 {
    let mut bytes = 0;
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            bytes += found.blocks() * 512;
            if found.is_dir() {
                open.push(entry.path());
            }
        }
    }
    bytes
}

/// Makes a directory for the user alone; one that is there must be a real one, and the user's.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!("{} is not a directory of yours; remove it", path.display())));
    }
    if found.mode() & 0o077 != 0 {
        rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use super::{Cleaned, Keep, claim, clean, clean_now_and_then};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn state(&self) -> PathBuf {
            self.dir.path().join("state")
        }

        /// A workspace with a copy of 100 kB that was used so many days ago; where the copy is, and its lock.
        fn copy(&self, name: &str, days: u32) -> (PathBuf, File) {
            let root = self.dir.path().join(name);
            fs::create_dir_all(&root).unwrap();
            let (dir, lock) = claim(&root, &self.state(), "base").unwrap().unwrap();
            fs::create_dir_all(dir.join("tree/d")).unwrap();
            fs::write(dir.join("tree/d/file"), vec![b'x'; 100_000]).unwrap();
            let used = File::options().write(true).open(dir.parent().unwrap().join("workspace")).unwrap();
            used.set_modified(SystemTime::now() - DAY * days).unwrap();
            (dir, lock)
        }

        /// The same, and given up. Closing the lock would not do: a process that another test starts may hold it.
        fn unused(&self, name: &str, days: u32) -> PathBuf {
            let (dir, lock) = self.copy(name, days);
            lock.unlock().unwrap();
            dir
        }

        fn clean(&self, keep: Option<Keep>) -> (usize, usize, usize) {
            let Cleaned { removed, kept, in_use, .. } = clean(&self.state(), keep).unwrap();
            (removed, kept, in_use)
        }
    }

    fn place() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn keep(days: u32, bytes: u64) -> Option<Keep> {
        Some(Keep { age: DAY * days, bytes })
    }

    #[test]
    fn what_is_old_goes_and_what_is_in_use_stays() {
        let place = place();
        let (old, lock_of_old) = place.copy("old", 20);
        let (_, lock_of_new) = place.copy("new", 1);
        let (used, lock_of_used) = place.copy("used", 30);
        lock_of_old.unlock().unwrap();
        lock_of_new.unlock().unwrap();
        assert_eq!(place.clean(keep(10, u64::MAX)), (1, 2, 1));
        assert!(!old.parent().unwrap().exists() && used.join("tree/d/file").exists());
        assert_eq!(place.clean(None), (1, 1, 1));
        lock_of_used.unlock().unwrap();
        let all = clean(&place.state(), None).unwrap();
        assert!(all.bytes > 100_000 && all.bytes < 200_000, "{all:?}");
        assert_eq!(place.clean(None), (0, 0, 0));
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_makes_room() {
        let place = place();
        let copies: Vec<PathBuf> = [5, 7, 3].iter().map(|days| place.unused(&format!("w{days}"), *days)).collect();
        assert_eq!(place.clean(keep(10, 150_000)), (2, 1, 0));
        assert_eq!(copies.iter().map(|copy| copy.exists()).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn copies_of_what_is_gone_go() {
        let place = place();
        place.unused("here", 1);
        place.unused("gone", 1);
        fs::remove_dir(place.dir.path().join("gone")).unwrap();
        assert_eq!(place.clean(keep(10, u64::MAX)), (1, 1, 0));
    }

    #[test]
    fn links_in_a_copy_lead_nowhere() {
        let place = place();
        fs::create_dir(place.dir.path().join("victim")).unwrap();
        fs::write(place.dir.path().join("victim/file"), "x").unwrap();
        let dir = place.unused("a", 1);
        symlink(place.dir.path().join("victim"), dir.join("tree/link")).unwrap();
        symlink(place.dir.path().join("victim"), place.state().join("shadow/link")).unwrap();
        assert_eq!(place.clean(None), (1, 0, 0));
        assert!(place.dir.path().join("victim/file").exists());
    }

    #[test]
    fn a_lock_that_a_cleaning_removed_is_none() {
        let place = place();
        let dir = place.unused("a", 1);
        let late = File::create(dir.with_extension("lock")).unwrap();
        assert_eq!(place.clean(None), (1, 0, 0));
        assert!(!super::lock(&late, &dir).unwrap());
        assert!(place.copy("a", 1).0.exists());
    }

    #[test]
    fn unasked_it_cleans_once_a_day() {
        let place = place();
        let unasked = || clean_now_and_then(&place.state(), Keep { age: DAY, bytes: u64::MAX }).unwrap();
        unasked();
        assert!(!place.state().exists());
        let is_there = |path: &Path| path.exists();
        let first = place.unused("a", 2);
        unasked();
        assert!(!is_there(&first));
        let second = place.unused("b", 2);
        unasked();
        assert!(is_there(&second), "it was done just now");
        let stamp = File::options().write(true).open(place.state().join("shadow/cleaned")).unwrap();
        stamp.set_modified(SystemTime::now() - DAY * 2).unwrap();
        unasked();
        assert!(!is_there(&second));
    }
}
