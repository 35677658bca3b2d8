//! Changing a private tree without following anything that foreign code may have left in it: every step goes
//! from one open directory to the next, and a link is never a directory.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::walk::Stamp;

/// An open directory, below which everything is reached without following a link.
pub(super) struct Place {
    root: OwnedFd,
    /// The directory used last: most uses come in the order of the tree.
    last: Option<(PathBuf, OwnedFd)>,
}

/// An open private tree, with the place where what is removed from it waits for deletion.
pub(super) struct Tree {
    place: Place,
    trash: OwnedFd,
    thrown: u64,
}

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A directory.
    Directory,
    /// A regular file.
    File(Stamp),
    /// A symbolic link, changed last at that time.
    Link(Stamp),
    /// Anything else; never opened.
    Other,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Place {
    /// Opens a directory that exists.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { root: rustix::fs::open(path, DIRECTORY, Mode::empty())?, last: None })
    }

    /// The same once more, for another thread.
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(Self { root: self.root.try_clone()?, last: None })
    }

    /// Opens a regular file to read it.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<File> {
        let (parent, name) = self.parent_of(path)?;
        open_regular(parent, name)
    }

    /// What a link says.
    pub(super) fn link(&mut self, path: &Path) -> io::Result<PathBuf> {
        let (parent, name) = self.parent_of(path)?;
        let target = rustix::fs::readlinkat(parent, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    fn parent_of<'a>(&mut self, path: &'a Path) -> io::Result<(&OwnedFd, &'a OsStr)> {
        let name = path.file_name().ok_or_else(|| io::Error::other("a name is missing"))?;
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() {
            return Ok((&self.root, name));
        }
        if self.last.as_ref().is_none_or(|(last, _)| last != parent) {
            let mut at = None;
            for part in parent.components() {
                at = Some(rustix::fs::openat(
                    at.as_ref().unwrap_or(&self.root),
                    part.as_os_str(),
                    DIRECTORY,
                    Mode::empty(),
                )?);
            }
            self.last = at.map(|at| (parent.to_owned(), at));
        }
        let (_, open) = self.last.as_ref().ok_or_else(|| io::Error::other("no directory"))?;
        Ok((open, name))
    }
}

impl Tree {
    /// Opens the tree and its trash, two directories that exist.
    pub(super) fn open(tree: &Path, trash: &Path) -> io::Result<Self> {
        let trash = rustix::fs::open(trash, DIRECTORY, Mode::empty())?;
        // Names of another start's leftovers are not met again.
        let thrown = std::time::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_nanos() as u64);
        Ok(Self { place: Place::open(tree)?, trash, thrown })
    }

    /// The same tree for the `n`-th thread beside this one.
    pub(super) fn again(&self, n: u64) -> io::Result<Self> {
        // Names apart from those that the others give.
        let thrown = self.thrown + ((n + 1) << 50);
        Ok(Self { place: self.place.again()?, trash: self.trash.try_clone()?, thrown })
    }

    /// Forgets the directory used last: what ran in the tree may have put another in its place.
    pub(super) fn forget(&mut self) {
        self.place.last = None;
    }

    /// Calls `see` with everything in the tree, a directory before what it holds; a directory is entered only
    /// where `see` says so.
    pub(super) fn scan(&self, see: &mut dyn FnMut(&Path, Seen) -> bool) -> io::Result<()> {
        scan(&self.place.root, &mut PathBuf::new(), see)
    }

    /// Removes whatever stands there; nothing is followed and nothing is opened but directories.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.place.last = None;
        let (parent, name) = self.place.parent_of(path)?;
        match see(parent, name)? {
            None => Ok(()),
            Some(Seen::Directory) => {
                // Moving a directory changes its `..`, for which its owner needs the right to write to it.
                chmod(parent, name, 0o700)?;
                let number = self.thrown.to_string();
                rustix::fs::renameat(parent, name, &self.trash, number.as_str())?;
                self.thrown += 1;
                Ok(())
            }
            Some(_) => Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?),
        }
    }

    /// Makes a directory, or gives its owner back the rights to one that is there.
    pub(super) fn directory(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name) = self.place.parent_of(path)?;
        match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
            Err(rustix::io::Errno::EXIST) => chmod(parent, name, 0o755),
            other => Ok(other?),
        }
    }

    /// Makes a link, which is never followed from here.
    pub(super) fn link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        self.remove(path)?;
        let (parent, name) = self.place.parent_of(path)?;
        Ok(rustix::fs::symlinkat(target, parent, name)?)
    }

    /// A new, empty file in place of what stands there. Always a new one: the old may have other names.
    pub(super) fn create(&mut self, path: &Path, permissions: u32) -> io::Result<File> {
        let new = |place: &mut Place| -> io::Result<File> {
            let (parent, name) = place.parent_of(path)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(permissions))?.into())
        };
        match new(&mut self.place) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other,
        }
        self.remove(path)?;
        new(&mut self.place)
    }

    /// Lays a mark in the upper directory of an overlay that hides what stands at that name in the lower one.
    pub(super) fn hide(&mut self, path: &Path) -> io::Result<()> {
        self.remove(path)?;
        let (parent, name) = self.place.parent_of(path)?;
        // A character device of number 0, which needs no privilege: the kernel's own sign.
        Ok(rustix::fs::mknodat(parent, name, FileType::CharacterDevice, Mode::empty(), 0)?)
    }

    /// Opens a regular file to read it.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<File> {
        self.place.read(path)
    }

    /// What stands there.
    pub(super) fn see(&mut self, path: &Path) -> io::Result<Option<Seen>> {
        let (parent, name) = self.place.parent_of(path)?;
        see(parent, name)
    }

    /// Deletes what was removed.
    pub(super) fn empty_trash(&mut self) -> io::Result<()> {
        empty(&self.trash, &mut self.thrown)
    }
}

/// Deletes everything in a directory, however deep it is nested, and the directory. What was killed a moment ago may
/// still write to it, and another thread delete in it, so it is tried for a while.
pub(super) fn delete(dir: &Path) -> io::Result<()> {
    let open = rustix::fs::open(dir, DIRECTORY, Mode::empty())?;
    // Above every name that Baton gives.
    let mut next = u64::MAX / 2;
    for _ in 0..DELETE_TRIES {
        let deleted = empty(&open, &mut next).and_then(|()| std::fs::remove_dir(dir));
        match deleted {
            Err(e)
                if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) && dir.exists() =>
            {
                std::thread::sleep(DELETE_PAUSE);
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            deleted => return deleted,
        }
    }
    std::fs::remove_dir(dir)
}

/// How often, and how long apart.
const DELETE_TRIES: u32 = 100;
const DELETE_PAUSE: Duration = Duration::from_millis(20);

/// Deletes everything in `dir`. Directories are brought up before they are emptied, under numbers from `next` on, so
/// that neither paths nor descriptors run out.
fn empty(dir: &OwnedFd, next: &mut u64) -> io::Result<()> {
    loop {
        let entries = entries(dir)?;
        if entries.is_empty() {
            return Ok(());
        }
        for name in entries {
            if !matches!(see(dir, &name)?, Some(Seen::Directory)) {
                rustix::fs::unlinkat(dir, &name, AtFlags::empty())?;
                continue;
            }
            chmod(dir, &name, 0o700)?;
            let inner = rustix::fs::openat(dir, &name, DIRECTORY, Mode::empty())?;
            for below in self::entries(&inner)? {
                if matches!(see(&inner, &below)?, Some(Seen::Directory)) {
                    chmod(&inner, &below, 0o700)?;
                    rustix::fs::renameat(&inner, &below, dir, format!("{next}").as_str())?;
                    *next += 1;
                } else {
                    rustix::fs::unlinkat(&inner, &below, AtFlags::empty())?;
                }
            }
            rustix::fs::unlinkat(dir, &name, AtFlags::REMOVEDIR)?;
        }
    }
}

/// Opens a regular file below an open directory, or fails: a link is not followed, a pipe not waited for.
pub(super) fn open_regular(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file: File = rustix::fs::openat(parent, name, flags, Mode::empty())?.into();
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

fn scan(dir: &OwnedFd, at: &mut PathBuf, see_it: &mut dyn FnMut(&Path, Seen) -> bool) -> io::Result<()> {
    for name in entries(dir)? {
        let Some((seen, mode)) = stat(dir, &name)? else { continue };
        at.push(&name);
        if see_it(at, seen) && seen == Seen::Directory {
            // A test may have taken its owner's rights away.
            if mode & 0o700 != 0o700 {
                chmod(dir, &name, 0o755)?;
            }
            let inner = rustix::fs::openat(dir, &name, DIRECTORY, Mode::empty())?;
            scan(&inner, at, see_it)?;
        }
        at.pop();
    }
    Ok(())
}

fn entries(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            found.push(OsString::from_vec(name.to_owned()));
        }
    }
    Ok(found)
}

fn see(parent: impl AsFd, name: &OsStr) -> io::Result<Option<Seen>> {
    Ok(stat(parent, name)?.map(|(seen, _)| seen))
}

fn stat(parent: impl AsFd, name: &OsStr) -> io::Result<Option<(Seen, u32)>> {
    let stat = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        other => other?,
    };
    let changed = stat.st_ctime as i64 * 1_000_000_000 + stat.st_ctime_nsec as i64;
    let stamp = Stamp::new(stat.st_ino, stat.st_size as u64, changed, stat.st_mode);
    let seen = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Seen::Directory,
        FileType::RegularFile => Seen::File(stamp),
        FileType::Symlink => Seen::Link(stamp),
        _ => Seen::Other,
    };
    Ok(Some((seen, stat.st_mode)))
}

/// Sets the rights of a directory, and of nothing else: the name is opened first, without following it, and
/// without needing the rights that are about to be set.
fn chmod(parent: impl AsFd, name: &OsStr, mode: u32) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    Ok(rustix::fs::chmod(format!("/proc/self/fd/{}", open.as_raw_fd()), Mode::from_raw_mode(mode))?)
}
