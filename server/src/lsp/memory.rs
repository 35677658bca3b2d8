//! Memory that is no longer needed goes back to the system: a server is idle for most of its life.

/// Returns freed memory, which the allocator would keep for later.
pub fn return_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer and touches only what is free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Unmaps the pages of program code that have been used so far: most of them only the start needs. What
/// runs again is mapped again from the system's cache of files, a fault for every 64 KiB.
pub fn forget_code() {
    #[cfg(target_os = "linux")]
    for (start, length) in code(&std::fs::read_to_string("/proc/self/maps").unwrap_or_default()) {
        // SAFETY: the range is a mapping of a file that is never written to through it, so that its pages
        // come back from the file as they were.
        let _ = unsafe { rustix::mm::madvise(start as *mut _, length, rustix::mm::Advice::LinuxDontNeed) };
    }
}

/// Address and length of the mappings of files that can be executed and not written to.
#[cfg(target_os = "linux")]
fn code(maps: &str) -> Vec<(usize, usize)> {
    let mapping = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (range, permissions, path) = (fields.next()?, fields.next()?, fields.nth(3)?);
        let (start, end) = range.split_once('-')?;
        let address = |digits| usize::from_str_radix(digits, 16).ok();
        (permissions == "r-xp" && path.starts_with('/')).then_some(())?;
        Some((address(start)?, address(end)? - address(start)?))
    };
    maps.lines().filter_map(mapping).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::code;

    #[test]
    fn only_code_from_files_is_forgotten() {
        let maps = "\
55d0a000-55d0c000 r--p 00000000 fe:00 12 /usr/bin/baton
55d0c000-55d0f000 r-xp 00002000 fe:00 12 /usr/bin/baton
55d0f000-55d10000 r--p 00005000 fe:00 12 /usr/bin/baton
55d10000-55d11000 rw-p 00006000 fe:00 12 /usr/bin/baton
7ffc1000-7ffc3000 r-xp 00000000 00:00 0 [vdso]
7ffc4000-7ffc5000 r-xp 00000000 00:00 0
";
        assert_eq!(code(maps), [(0x55d0_c000, 0x3000)]);
    }
}
