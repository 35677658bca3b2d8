//! Writing a patch to disk: every file or none, and only over the text it was made for.

use std::io::Write;
use std::path::PathBuf;

use super::{ReadError, RelPath, Snapshot};
use crate::patch::{Patch, apply};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file on disk is no longer what the patch was made for.
    #[error("{0} was changed meanwhile")]
    Stale(RelPath),
    /// The file could not be read again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The system refused, for want of space or permission.
    #[error("{path}: {source}")]
    Io {
        /// Within the workspace.
        path: RelPath,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Writes every file of the patch. New texts are complete on disk beside the old ones before the
/// first is renamed over, so a full disk or a read-only folder leaves everything as it was. A file that has
/// another name (a hard link), which may be outside the workspace, loses it: there the old text stays.
pub fn write_all(snapshot: &Snapshot, patch: &Patch) -> Result<(), WriteError> {
    let mut ready: Vec<(RelPath, PathBuf, tempfile::NamedTempFile)> = Vec::new();
    for (path, edits) in patch.files() {
        let old = snapshot.read(path)?;
        let now = Snapshot::new(snapshot.root().to_owned(), Default::default()).read(path)?;
        let new = apply(&old, edits).filter(|_| now == old).ok_or_else(|| WriteError::Stale(path.clone()))?;
        let failed = |source| WriteError::Io { path: path.clone(), source };
        // Through links, so that a linked file stays a link.
        let target = path.under(snapshot.root()).canonicalize().map_err(failed)?;
        let folder = target.parent().unwrap_or(snapshot.root());
        let mut file = tempfile::Builder::new().prefix(".baton-").tempfile_in(folder).map_err(failed)?;
        file.write_all(new.as_bytes()).map_err(failed)?;
        let permissions = std::fs::metadata(&target).map_err(failed)?.permissions();
        if permissions.readonly() {
            let reason = std::io::Error::new(std::io::ErrorKind::PermissionDenied, "the file is read-only");
            return Err(failed(reason));
        }
        file.as_file().set_permissions(permissions).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        ready.push((path.clone(), target, file));
    }
    let mut done: Vec<(PathBuf, RelPath)> = Vec::new();
    for (path, target, file) in ready {
        if let Err(e) = file.persist(&target) {
            for (target, path) in done {
                // The rename before this one worked in the same way, so undoing it does too.
                let _ = snapshot.read(&path).map(|old| std::fs::write(target, old.as_bytes()));
            }
            return Err(WriteError::Io { path, source: e.error });
        }
        done.push((target, path));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{WriteError, write_all};
    use crate::patch::{Edit, Patch};
    use crate::workspace::{RelPath, Snapshot};

    fn project() -> (tempfile::TempDir, Snapshot, Patch) {
        let dir = tempfile::tempdir().unwrap();
        let mut patch = Patch::default();
        for name in ["a.py", "b.py"] {
            std::fs::write(dir.path().join(name), "x = 1\n").unwrap();
            patch.insert(RelPath::new(name).unwrap(), vec![Edit { range: 4..5, text: "2".into() }]).unwrap();
        }
        let snapshot = Snapshot::new(dir.path().to_owned(), Default::default());
        for path in patch.files().keys() {
            snapshot.read(path).unwrap();
        }
        (dir, snapshot, patch)
    }

    fn texts(dir: &tempfile::TempDir) -> [String; 2] {
        ["a.py", "b.py"].map(|name| std::fs::read_to_string(dir.path().join(name)).unwrap())
    }

    #[test]
    fn all_files_are_written_and_keep_their_mode() {
        let (dir, snapshot, patch) = project();
        std::fs::set_permissions(dir.path().join("a.py"), std::fs::Permissions::from_mode(0o750)).unwrap();
        write_all(&snapshot, &patch).unwrap();
        assert_eq!(texts(&dir), ["x = 2\n", "x = 2\n"]);
        let mode = std::fs::metadata(dir.path().join("a.py")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o750);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn another_name_of_a_file_keeps_the_old_text() {
        let (dir, snapshot, patch) = project();
        let outside = tempfile::tempdir().unwrap();
        std::fs::hard_link(dir.path().join("a.py"), outside.path().join("a.py")).unwrap();
        write_all(&snapshot, &patch).unwrap();
        assert_eq!(texts(&dir), ["x = 2\n", "x = 2\n"]);
        assert_eq!(std::fs::read_to_string(outside.path().join("a.py")).unwrap(), "x = 1\n");
    }

    #[test]
    fn a_change_to_one_file_stops_all() {
        let (dir, snapshot, patch) = project();
        std::fs::write(dir.path().join("b.py"), "x = 3\n").unwrap();
        assert!(matches!(write_all(&snapshot, &patch), Err(WriteError::Stale(_))));
        assert_eq!(texts(&dir), ["x = 1\n", "x = 3\n"]);
    }

    #[test]
    fn a_read_only_file_stops_all() {
        let (dir, snapshot, patch) = project();
        std::fs::set_permissions(dir.path().join("b.py"), std::fs::Permissions::from_mode(0o440)).unwrap();
        let problem = write_all(&snapshot, &patch).unwrap_err();
        assert_eq!(problem.to_string(), "b.py: the file is read-only");
        assert_eq!(texts(&dir), ["x = 1\n", "x = 1\n"]);
    }
}
