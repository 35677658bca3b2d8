//! What a run starts from that may keep nothing, where there are no overlays: a copy of what runs of the workspace
//! built and cached. The original is never written to, so nothing that a candidate leaves can answer for another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::storage::private_dir;
use super::tree::{self, Place, Seen, Tree};

/// Most files and bytes that are copied. Where there is more, the run starts from nothing.
const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 1 << 30;

/// Deepest nesting of directories that is followed.
const DEEPEST: usize = 64;

/// Makes `to` a copy of `from`, whatever stood there, and tells whether it is one; otherwise it is empty. Both were
/// written by foreign code: no link in them is followed. Files keep their times, by which tools know what is fresh.
pub(super) fn sow(from: &Path, to: &Path) -> io::Result<bool> {
    let clear = || match tree::delete(to) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => private_dir(to),
    };
    clear()?;
    match copy(from, to) {
        Ok(true) => Ok(true),
        _ => clear().map(|()| false),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<bool> {
    let trash = to.with_extension("trash");
    private_dir(&trash)?;
    let (source, mut tree) = (Tree::open(from, &trash)?, Tree::open(to, &trash)?);
    fs::remove_dir(&trash)?;
    let mut found: Vec<(PathBuf, Seen)> = Vec::new();
    let mut bytes = 0;
    let mut fits = true;
    source.scan(&mut |path, seen| {
        bytes += if let Seen::File(stamp) = seen { stamp.size() } else { 0 };
        fits &= found.len() < MOST_FILES && bytes <= MOST_BYTES && path.components().count() <= DEEPEST;
        if fits {
            found.push((path.to_owned(), seen));
        }
        fits
    })?;
    if !fits {
        return Ok(false);
    }
    let mut place = Place::open(from)?;
    for (path, seen) in &found {
        match seen {
            Seen::Directory => tree.directory(path)?,
            Seen::Link(_) => tree.link(path, &place.link(path)?)?,
            Seen::File(stamp) => {
                let mut original = place.read(path)?;
                let mut file = tree.create(path, stamp.permissions())?;
                io::copy(&mut original, &mut file)?;
                let found = original.metadata()?;
                let times = fs::FileTimes::new().set_modified(found.modified()?).set_accessed(found.accessed()?);
                file.set_times(times)?;
            }
            Seen::Other => {}
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{DEEPEST, sow};

    #[test]
    fn a_copy_is_whole_follows_nothing_and_leaves_the_original_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("d/e")).unwrap();
        fs::write(from.join("d/e/f"), "warm").unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        symlink("../secret", from.join("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, from.join("pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let old = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        fs::File::options().write(true).open(from.join("d/e/f")).unwrap().set_times(old).unwrap();
        assert!(sow(&from, &to).unwrap());
        assert_eq!(fs::read_to_string(to.join("d/e/f")).unwrap(), "warm");
        assert_eq!(fs::metadata(to.join("d/e/f")).unwrap().modified().unwrap(), std::time::UNIX_EPOCH);
        assert_eq!(fs::read_link(to.join("link")).unwrap().to_str(), Some("../secret"));
        assert!(!to.join("pipe").exists());
        // What a candidate leaves goes with the next copy.
        fs::write(to.join("d/e/f"), "poison").unwrap();
        fs::write(to.join("more"), "poison").unwrap();
        assert!(sow(&from, &to).unwrap());
        assert_eq!(fs::read_to_string(to.join("d/e/f")).unwrap(), "warm");
        assert!(!to.join("more").exists());
        assert_eq!(fs::read_to_string(from.join("d/e/f")).unwrap(), "warm");
    }

    #[test]
    fn what_cannot_be_copied_is_not_started_from() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let mut deep = from.clone();
        (0..=DEEPEST).for_each(|_| deep.push("d"));
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(to.join("left"), "poison").unwrap();
        assert!(!sow(&from, &to).unwrap());
        assert!(!sow(&dir.path().join("absent"), &to).unwrap());
        assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
    }
}
