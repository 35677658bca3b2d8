//! The editor's process: when it is gone, so is the reason to run.

/// Calls `gone` once the process has ended. Never for one that cannot be watched: an editor in another
/// container or on another machine has a number that means nothing here, and then the end of standard
/// input has to do.
#[cfg(target_os = "linux")]
pub fn watch(process: u32, gone: impl FnOnce() + Send + 'static) {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    let Some(handle) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return };
    // A thread that sleeps until the process ends: nothing polls meanwhile.
    let watch = move || {
        while poll(&mut [PollFd::new(&handle, PollFlags::IN)], None) == Err(rustix::io::Errno::INTR) {}
        gone();
    };
    // Without the thread the end of standard input still ends the server.
    let _ = std::thread::Builder::new().name("parent".into()).stack_size(super::stdio::STACK).spawn(watch);
}

/// Elsewhere the end of standard input has to do.
#[cfg(not(target_os = "linux"))]
pub fn watch(_: u32, _: impl FnOnce() + Send + 'static) {}
