//! System calls that no test needs and that reach past the other walls.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::super::wall::{Wall, Walls};
use super::kernel;

/// Refused whatever their arguments are.
const REFUSED: &[(Wall, &[c_long])] = &[
    // Landlock knows TCP only, and no socket that has a path.
    (
        Wall::Network,
        &[libc::SYS_socket, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register],
    ),
    (
        Wall::Processes,
        &[
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_process_madvise,
            libc::SYS_process_mrelease,
            libc::SYS_pidfd_getfd,
            libc::SYS_kcmp,
        ],
    ),
    (Wall::Namespaces, &[libc::SYS_unshare, libc::SYS_setns]),
    (
        Wall::Privileges,
        &[
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_open_tree,
            libc::SYS_move_mount,
            libc::SYS_mount_setattr,
            libc::SYS_fsopen,
            libc::SYS_fsconfig,
            libc::SYS_fsmount,
            libc::SYS_fspick,
            libc::SYS_swapon,
            libc::SYS_swapoff,
            libc::SYS_reboot,
            libc::SYS_kexec_load,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_delete_module,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_syslog,
            libc::SYS_acct,
            libc::SYS_quotactl,
            libc::SYS_name_to_handle_at,
            libc::SYS_open_by_handle_at,
            libc::SYS_fanotify_init,
            libc::SYS_sethostname,
            libc::SYS_setdomainname,
            libc::SYS_settimeofday,
            libc::SYS_clock_settime,
            libc::SYS_clock_adjtime,
            libc::SYS_adjtimex,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_keyctl,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_kexec_file_load,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_iopl,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_ioperm,
        ],
    ),
    // Also by the number of what another program has made already.
    (
        Wall::Memory,
        &[
            libc::SYS_shmget,
            libc::SYS_shmat,
            libc::SYS_shmctl,
            libc::SYS_msgget,
            libc::SYS_msgctl,
            libc::SYS_msgsnd,
            libc::SYS_msgrcv,
            libc::SYS_semget,
            libc::SYS_semctl,
            libc::SYS_semop,
            libc::SYS_semtimedop,
            libc::SYS_mq_open,
            libc::SYS_mq_unlink,
        ],
    ),
    // Landlock lets everybody change these, and watch names come and go, in places that cannot even be read.
    (
        Wall::Attributes,
        &[
            libc::SYS_fchown,
            libc::SYS_fchownat,
            libc::SYS_setxattr,
            libc::SYS_lsetxattr,
            libc::SYS_fsetxattr,
            libc::SYS_removexattr,
            libc::SYS_lremovexattr,
            libc::SYS_fremovexattr,
            libc::SYS_inotify_add_watch,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chown,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_lchown,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_utime,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_utimes,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_futimesat,
            SETXATTRAT,
            REMOVEXATTRAT,
            FILE_SETATTR,
        ],
    ),
];

/// Newer than the C library's list; the numbers are the same on all machines.
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const FILE_SETATTR: c_long = 469;
const FCHMODAT2: c_long = 452;

/// Asked of the keeper, which does them where the command may write.
const ASKED: &[c_long] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
];

/// Flags of `clone` that make a namespace. Time has none: its bit is a part of the signal's number there.
const NEW_NAMESPACE: [u64; 7] = [
    libc::CLONE_NEWUSER as u64,
    libc::CLONE_NEWNS as u64,
    libc::CLONE_NEWPID as u64,
    libc::CLONE_NEWNET as u64,
    libc::CLONE_NEWIPC as u64,
    libc::CLONE_NEWUTS as u64,
    libc::CLONE_NEWCGROUP as u64,
];

/// Calls that name another process by a number, and which argument that is; 0 is the caller.
const ABOUT_A_PROCESS: [(c_long, u8); 7] = [
    (libc::SYS_prlimit64, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
];

/// The filters, to be applied one after the other.
pub(super) fn filters(walls: Walls) -> io::Result<Vec<BpfProgram>> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut refused: BTreeMap<c_long, Vec<SeccompRule>> = BTreeMap::new();
    for (_, calls) in REFUSED.iter().filter(|(wall, _)| walls.stands(*wall)) {
        refused.extend(calls.iter().map(|call| (*call, Vec::new())));
    }
    let mut refuse = |call: c_long, argument: u8, is: SeccompCmpOp, value: u64| -> io::Result<()> {
        let condition =
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value).map_err(io::Error::other)?;
        refused.entry(call).or_default().push(SeccompRule::new(vec![condition]).map_err(io::Error::other)?);
        Ok(())
    };
    if walls.stands(Wall::Namespaces) {
        for flag in NEW_NAMESPACE {
            refuse(libc::SYS_clone, 0, MaskedEq(flag), flag)?;
        }
    }
    if walls.stands(Wall::Network) {
        // A pair is connected to itself for good, but not one of datagrams.
        refuse(libc::SYS_socketpair, 0, Ne, libc::AF_UNIX as u64)?;
        refuse(libc::SYS_socketpair, 1, MaskedEq(0xf), libc::SOCK_DGRAM as u64)?;
        refuse(libc::SYS_socketpair, 1, MaskedEq(0xf), libc::SOCK_RAW as u64)?;
    }
    if walls.stands(Wall::Processes) {
        for (call, argument) in ABOUT_A_PROCESS {
            refuse(call, argument, Ne, 0)?;
        }
    }
    if walls.stands(Wall::Terminal) {
        for request in [libc::TIOCSTI, libc::TIOCLINUX, libc::TIOCSETD] {
            refuse(libc::SYS_ioctl, 1, Eq, request)?;
        }
    }
    let mut filters = vec![filter(refused, libc::EPERM)?];
    if walls.stands(Wall::Namespaces) {
        // Its flags lie in memory where no filter sees them; without it, programs use the older call.
        filters.push(filter(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?);
    }
    Ok(filters)
}

fn filter(refused: BTreeMap<c_long, Vec<SeccompRule>>, error: i32) -> io::Result<BpfProgram> {
    let machine = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let action = SeccompAction::Errno(error as u32);
    let filter = SeccompFilter::new(refused, SeccompAction::Allow, action, machine).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

/// Has the changes of attributes asked of whoever holds what is returned. The library above has no such action.
pub(super) fn ask_for_attributes() -> io::Result<OwnedFd> {
    let jump = |code: u32, k: u32, jt: u8| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let load_number = jump(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0);
    let end = |action: u32| jump(libc::BPF_RET | libc::BPF_K, action, 0);
    let mut program = vec![load_number];
    // The second set of numbers that one kernel in two knows: under those, every call would pass the filters.
    if cfg!(target_arch = "x86_64") {
        program.push(libc::sock_filter { jf: 1, ..jump(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0x4000_0000, 0) });
        program.push(end(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32));
    }
    for (index, call) in ASKED.iter().enumerate() {
        let over_the_rest = (ASKED.len() - index) as u8;
        program.push(jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32, over_the_rest));
    }
    program.extend([end(libc::SECCOMP_RET_ALLOW), end(libc::SECCOMP_RET_USER_NOTIF)]);
    kernel::filter_with_listener(&mut program)
}
