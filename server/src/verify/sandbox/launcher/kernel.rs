//! The calls that have no safe form in Rust, each in one: nothing else here needs `unsafe`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::Pid;
use rustix::thread::{CapabilitySet, CapabilitySets};

/// Signals that the keeper reads instead of suffering them: requests to end, and the end of a child.
pub(super) struct Signals(OwnedFd);

impl Signals {
    /// Blocks them for this process and opens them for reading. What it starts has to unblock them for itself.
    pub(super) fn take() -> io::Result<Self> {
        // SAFETY: the set is made by `sigemptyset` before anything reads it, and lives through all calls.
        let number = unsafe {
            let mut set = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigemptyset(set.as_mut_ptr());
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD] {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        descriptor(number.into()).map(Self)
    }

    /// Reads what came; whether one of them was a request to end.
    pub(super) fn asked_to_end(&self) -> io::Result<bool> {
        let mut asked = false;
        let mut bytes = [0; size_of::<libc::signalfd_siginfo>()];
        loop {
            match rustix::io::read(&self.0, &mut bytes) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(asked),
                other => other?,
            };
            // The signal's number is the first field.
            let number = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            asked |= number != libc::SIGCHLD as u32;
        }
    }
}

/// Lets every signal through again, in a new process before its program is loaded: a blocked one stays blocked in the
/// program, and a shell would wait for ever for the end of its children.
pub(super) fn unblock_signals() -> io::Result<()> {
    // SAFETY: the set is made by `sigemptyset` before it is read.
    let done = unsafe {
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Makes a second process of this one; `None` in the new one.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: this process has one thread (it is `baton sandbox-run`), so the new one finds no lock held by another.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        number => Ok(Pid::from_raw(number)),
    }
}

/// Has `confine` run in the new process, before the program is loaded.
pub(super) fn before_exec(command: &mut Command, confine: impl FnMut() -> io::Result<()> + Send + Sync + 'static) {
    // SAFETY: the same: with one thread, everything that is allowed before a fork is allowed after it.
    unsafe { command.pre_exec(confine) };
}

/// Gives up every capability, for good: also those that a program owned by root would bring.
pub(super) fn drop_capabilities() -> io::Result<()> {
    for number in 0..64 {
        // SAFETY: plain numbers; one that the kernel does not know, or that we may not drop, changes nothing.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number as libc::c_ulong, 0, 0, 0) };
    }
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// Makes a namespace of users, if that is possible; for the canary.
pub(in crate::verify::sandbox) fn new_user_namespace() -> bool {
    // SAFETY: only a share of the table of open files would need care.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER).is_ok() }
}

/// Two connected sockets.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends a descriptor to whoever has the other socket.
pub(super) fn send(socket: &OwnedFd, descriptor: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut buffer = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    buffer.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(socket, &[IoSlice::new(b"x")], &mut buffer, SendFlags::empty())?;
    Ok(())
}

/// The descriptor that was sent; `None` if the other side closed without sending one.
pub(super) fn receive(socket: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut buffer = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut buffer, RecvFlags::CMSG_CLOEXEC)?;
    Ok(buffer.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }))
}

/// Installs a filter of system calls that asks whoever holds the returned descriptor.
pub(super) fn filter_with_listener(filter: &mut [libc::sock_filter]) -> io::Result<OwnedFd> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and the instructions it points to live through the call, which copies them.
    let number = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            std::ptr::from_ref(&program),
        )
    };
    descriptor(number)
}

/// The next question of a filter.
pub(super) fn next_question(listener: BorrowedFd<'_>) -> io::Result<libc::seccomp_notif> {
    // SAFETY: all zero is a value of this structure, and what the kernel asks for; it fills it in.
    unsafe {
        let mut question = MaybeUninit::<libc::seccomp_notif>::zeroed();
        match libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, question.as_mut_ptr()) {
            0 => Ok(question.assume_init()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Whether who asked still waits for the answer, so that its number is still its own.
pub(super) fn still_asks(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the kernel reads one number.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, std::ptr::from_ref(&id)) == 0 }
}

/// Answers a question: 0, or the number of an error.
pub(super) fn answer(listener: BorrowedFd<'_>, id: u64, error: i32) {
    let reply = libc::seccomp_notif_resp { id, val: 0, error: -error, flags: 0 };
    // SAFETY: the kernel reads one structure. Who asked may have died; then nobody needs the answer.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, std::ptr::from_ref(&reply)) };
}

fn descriptor(number: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(number) {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(number) if number >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
        _ => Err(io::Error::last_os_error()),
    }
}
