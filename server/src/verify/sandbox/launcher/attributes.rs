//! Changes of rights and times: Landlock cannot confine them, so the command asks its keeper, which makes them where
//! the command may write and nowhere else. What was checked is what is changed: both are one open file.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, openat};
use rustix::io::Errno;

use super::kernel;

/// What answers the questions of one command.
pub(super) struct Attributes {
    listener: Option<OwnedFd>,
    writable: Vec<PathBuf>,
}

/// Longest path, as the kernel has it.
const LONGEST_PATH: usize = 4096;

impl Attributes {
    /// `writable`: real paths below which changes are made.
    pub(super) fn new(listener: Option<OwnedFd>, writable: Vec<PathBuf>) -> Self {
        Self { listener, writable }
    }

    /// Where questions come from.
    pub(super) fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(OwnedFd::as_fd)
    }

    /// Answers one question.
    pub(super) fn answer(&self) {
        let Some(listener) = self.listener() else { return };
        let Ok(question) = kernel::next_question(listener) else { return };
        let done = self.change(listener, &question);
        kernel::answer(listener, question.id, done.err().map_or(0, Errno::raw_os_error));
    }

    fn change(&self, listener: BorrowedFd<'_>, question: &libc::seccomp_notif) -> Result<(), Errno> {
        let asker = Asker { pid: question.pid };
        let a = question.data.args;
        let (place, what) = match i64::from(question.data.nr) {
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chmod => (Place::of(libc::AT_FDCWD as u64, a[0], 0), What::Mode(a[1])),
            libc::SYS_fchmod => (Place::of(a[0], 0, 0), What::Mode(a[1])),
            // The older call takes no flags: what stands there is left over.
            libc::SYS_fchmodat => (Place::of(a[0], a[1], 0), What::Mode(a[2])),
            libc::SYS_utimensat => (Place::of(a[0], a[1], a[3]), What::Times(asker.times(a[2])?)),
            _ => (Place::of(a[0], a[1], a[3]), What::Mode(a[2])),
        };
        let target = asker.open(&place)?;
        // From here on its memory and descriptors are known to have been those of who asked.
        if !kernel::still_asks(listener, question.id) {
            return Err(Errno::INTR);
        }
        let name = format!("/proc/self/fd/{}", target.as_raw_fd());
        let real = std::fs::read_link(&name).map_err(|_| Errno::PERM)?;
        if !self.writable.iter().any(|place| real.starts_with(place)) {
            return Err(Errno::PERM);
        }
        match what {
            What::Times(times) => rustix::fs::utimensat(CWD, name, &times, AtFlags::empty()),
            // Nobody needs to become the owner of what a test wrote.
            What::Mode(mode) => rustix::fs::chmod(name, Mode::from_raw_mode(mode as u32 & 0o1777)),
        }
    }
}

/// What is to be changed of a file.
enum What {
    Mode(u64),
    Times(Timestamps),
}

/// A file as a call names it: below an open directory, by a path in the caller's memory; 0: the open file itself.
struct Place {
    directory: i32,
    path: u64,
    flags: AtFlags,
}

impl Place {
    fn of(directory: u64, path: u64, flags: u64) -> Self {
        Self { directory: directory as i32, path, flags: AtFlags::from_bits_retain(flags as u32) }
    }
}

/// The thread that asks, by its number.
struct Asker {
    pid: u32,
}

impl Asker {
    /// Opens what it names, without rights to read or write it.
    fn open(&self, place: &Place) -> Result<OwnedFd, Errno> {
        let own = OFlags::PATH | OFlags::CLOEXEC;
        let start = match place.directory {
            libc::AT_FDCWD => format!("/proc/{}/cwd", self.pid),
            number if number >= 0 => format!("/proc/{}/fd/{number}", self.pid),
            _ => return Err(Errno::BADF),
        };
        let start = openat(CWD, start, own, Mode::empty()).map_err(|_| Errno::BADF)?;
        if place.path == 0 {
            return Ok(start);
        }
        let path = self.text(place.path)?;
        if path.is_empty() {
            return if place.flags.contains(AtFlags::EMPTY_PATH) { Ok(start) } else { Err(Errno::NOENT) };
        }
        // These would be the keeper's own.
        let path = match path.strip_prefix(b"/proc/self/") {
            Some(rest) => [format!("/proc/{}/", self.pid).as_bytes(), rest].concat(),
            None => path,
        };
        let link = if place.flags.contains(AtFlags::SYMLINK_NOFOLLOW) { OFlags::NOFOLLOW } else { OFlags::empty() };
        openat(start, path, own | link, Mode::empty())
    }

    fn text(&self, at: u64) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; LONGEST_PATH];
        let count = self.memory()?.read_at(&mut bytes, at).map_err(|_| Errno::FAULT)?;
        let end = bytes[..count].iter().position(|byte| *byte == 0).ok_or(Errno::NAMETOOLONG)?;
        bytes.truncate(end);
        Ok(bytes)
    }

    /// Two times as the call has them; none means now.
    fn times(&self, at: u64) -> Result<Timestamps, Errno> {
        let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        if at == 0 {
            return Ok(Timestamps { last_access: now, last_modification: now });
        }
        let mut bytes = [0; 32];
        self.memory()?.read_exact_at(&mut bytes, at).map_err(|_| Errno::FAULT)?;
        let number = |at: usize| i64::from_ne_bytes(std::array::from_fn(|n| bytes[at + n]));
        let time = |at: usize| Timespec { tv_sec: number(at), tv_nsec: number(at + 8) as _ };
        Ok(Timestamps { last_access: time(0), last_modification: time(16) })
    }

    fn memory(&self) -> Result<File, Errno> {
        File::open(Path::new("/proc").join(self.pid.to_string()).join("mem")).map_err(|_: io::Error| Errno::PERM)
    }
}
