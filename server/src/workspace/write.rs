//! Writing a patch to disk: every file or none, and only over the text it was made for.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::{NamedTempFile, TempDir};

use super::{ReadError, RelPath, Snapshot};
use crate::patch::{Change, Fate, Patch, apply};

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
        source: io::Error,
    },
}

/// Writes every file of the patch. New texts are complete on disk beside the old ones before the first takes its
/// place, so a full disk or a read-only folder leaves everything as it was; whatever fails later is undone. Nothing is
/// ever put over a file that appeared meanwhile. A file that has another name (a hard link), which may be outside the
/// workspace, loses it: there the old text stays.
pub fn write_all(snapshot: &Snapshot, patch: &Patch) -> Result<(), WriteError> {
    write(snapshot, patch, &mut || Ok(()))
}

/// Before each step that changes the disk, `may` is asked whether it fails.
fn write(snapshot: &Snapshot, patch: &Patch, may: &mut dyn FnMut() -> io::Result<()>) -> Result<(), WriteError> {
    let mut done = Done { steps: Vec::new(), may };
    let written = done.write_all(snapshot, patch);
    if written.is_err() {
        done.undo();
    }
    written
}

/// What has been done so far.
struct Done<'a> {
    steps: Vec<Step>,
    may: &'a mut dyn FnMut() -> io::Result<()>,
}

/// One thing that was done, with what it takes to undo it.
enum Step {
    /// A folder was made.
    Folder(PathBuf),
    /// A file was made.
    Made(PathBuf),
    /// A file got another text.
    Replaced(PathBuf, Arc<str>),
    /// A file was put aside, into a folder that goes in the end.
    Aside(PathBuf, TempDir),
}

/// One file of the patch, ready to take its place.
struct Ready<'a> {
    path: &'a RelPath,
    old: Arc<str>,
    /// The file as it is on disk, through links, so that a linked file stays a link; `None` if it is a new one.
    from: Option<PathBuf>,
    /// The new text and where it goes; `None` if the file goes.
    to: Option<(NamedTempFile, PathBuf)>,
}

impl Done<'_> {
    fn write_all(&mut self, snapshot: &Snapshot, patch: &Patch) -> Result<(), WriteError> {
        let mut ready = Vec::new();
        for (path, change) in patch.files() {
            ready.push(self.prepare(snapshot, path, change)?);
        }
        for Ready { path, old, from, to } in ready {
            let failed = |source: io::Error| match source.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidData => WriteError::Stale(path.clone()),
                _ => WriteError::Io { path: path.clone(), source },
            };
            self.put(old, from, to).map_err(failed)?;
        }
        Ok(())
    }

    /// Reads the file again and writes its new text beside the place where it belongs.
    fn prepare<'a>(
        &mut self,
        snapshot: &Snapshot,
        path: &'a RelPath,
        change: &Change,
    ) -> Result<Ready<'a>, WriteError> {
        let stale = || WriteError::Stale(path.clone());
        let failed = |source| WriteError::Io { path: path.clone(), source };
        let on_disk = Snapshot::new(snapshot.root().to_owned(), Default::default());
        let old = change.before(path, snapshot)?;
        let new = apply(&old, &change.edits).ok_or_else(stale)?;
        if change.before(path, &on_disk)? != old {
            return Err(stale());
        }
        let new_name = matches!(change.fate, Fate::Created | Fate::Moved(_));
        let from = match change.fate {
            Fate::Created => None,
            _ => Some(path.under(snapshot.root()).canonicalize().map_err(failed)?),
        };
        let Some(name) = change.name(path) else { return Ok(Ready { path, old, from, to: None }) };
        if new_name && on_disk.namesake(name).is_some() {
            return Err(WriteError::Stale(name.clone()));
        }
        on_disk.real(name)?;
        let target = if new_name { name.under(snapshot.root()) } else { from.clone().unwrap_or_default() };
        let folder = target.parent().unwrap_or(snapshot.root());
        self.folders(folder).map_err(failed)?;
        let mut file = tempfile::Builder::new().prefix(".baton-").tempfile_in(folder).map_err(failed)?;
        file.write_all(new.as_bytes()).map_err(failed)?;
        let permissions = match &from {
            Some(old) => fs::metadata(old).map_err(failed)?.permissions(),
            None => usual(folder).map_err(failed)?,
        };
        if permissions.readonly() {
            return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only")));
        }
        file.as_file().set_permissions(permissions).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        Ok(Ready { path, old, from, to: Some((file, target)) })
    }

    /// Makes a folder and those above it, where they are missing.
    fn folders(&mut self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        folder.parent().map_or(Ok(()), |above| self.folders(above))?;
        (self.may)()?;
        fs::create_dir(folder)?;
        self.steps.push(Step::Folder(folder.to_owned()));
        Ok(())
    }

    /// Puts one file where it belongs.
    fn put(&mut self, old: Arc<str>, from: Option<PathBuf>, to: Option<(NamedTempFile, PathBuf)>) -> io::Result<()> {
        match (from, to) {
            (Some(from), Some((file, to))) if from == to => {
                (self.may)()?;
                file.persist(&to).map_err(|e| e.error)?;
                self.steps.push(Step::Replaced(to, old));
            }
            (from, to) => {
                if let Some((file, to)) = to {
                    (self.may)()?;
                    file.persist_noclobber(&to).map_err(|e| e.error)?;
                    self.steps.push(Step::Made(to));
                }
                if let Some(from) = from {
                    self.aside(&from, &old)?;
                }
            }
        }
        Ok(())
    }

    /// Puts a file aside if it still has this text.
    fn aside(&mut self, file: &Path, text: &str) -> io::Result<()> {
        (self.may)()?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        let aside = tempfile::Builder::new().prefix(".baton-").tempdir_in(folder)?;
        let kept = aside.path().join("file");
        fs::rename(file, &kept)?;
        self.steps.push(Step::Aside(file.to_owned(), aside));
        let same = fs::read(&kept)? == text.as_bytes();
        if same { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "it was changed meanwhile")) }
    }

    /// Undoes every step, the last first. Each worked in the other direction a moment ago.
    fn undo(self) {
        for step in self.steps.into_iter().rev() {
            let undone = match step {
                Step::Folder(folder) => fs::remove_dir(folder),
                Step::Made(file) => fs::remove_file(file),
                Step::Replaced(file, old) => fs::write(file, old.as_bytes()),
                Step::Aside(file, aside) => match fs::hard_link(aside.path().join("file"), &file) {
                    // What stands there now is somebody else's, so both are kept.
                    Err(problem) => {
                        let _ = aside.keep();
                        Err(problem)
                    }
                    done => done,
                },
            };
            if let Err(problem) = undone {
                tracing::error!("a change that failed could not be undone: {problem}");
            }
        }
    }
}

/// The permissions that a new file gets here.
fn usual(folder: &Path) -> io::Result<fs::Permissions> {
    let probe = tempfile::Builder::new().prefix(".baton-").tempdir_in(folder)?;
    Ok(fs::File::create(probe.path().join("file"))?.metadata()?.permissions())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{WriteError, write, write_all};
    use crate::patch::{Change, Edit, Fate, Patch};
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

    /// All there is below a folder: files with their text and mode, and folders.
    fn tree(root: &std::path::Path) -> std::collections::BTreeMap<String, (String, u32)> {
        let mut found = std::collections::BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let text = if path.is_dir() { String::new() } else { std::fs::read_to_string(&path).unwrap() };
                let mode = path.metadata().unwrap().permissions().mode();
                found.insert(path.strip_prefix(root).unwrap().display().to_string(), (text, mode));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        found
    }

    fn path(path: &str) -> RelPath {
        RelPath::new(path).unwrap()
    }

    /// A patch with every kind of change, for a project that has the files.
    fn every_kind(dir: &tempfile::TempDir) -> (Snapshot, Patch) {
        for (name, text) in [("a.py", "a = 1\n"), ("gone.py", "gone\n"), ("tool.sh", "run\n")] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        std::fs::set_permissions(dir.path().join("tool.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let edit = |range, text: &str| vec![Edit { range, text: text.into() }];
        let mut patch = Patch::default();
        for (name, edits, fate) in [
            ("a.py", edit(4..5, "2"), Fate::Kept),
            ("gone.py", edit(0..5, ""), Fate::Deleted),
            ("new/deep/b.py", edit(0..0, "b\n"), Fate::Created),
            ("tool.sh", edit(0..3, "walk"), Fate::Moved(path("bin/tool.sh"))),
        ] {
            patch.insert(path(name), Change { edits, fate }).unwrap();
        }
        let snapshot = Snapshot::new(dir.path().to_owned(), Default::default());
        for (path, change) in patch.files() {
            change.before(path, &snapshot).unwrap();
        }
        (snapshot, patch)
    }

    #[test]
    fn files_are_made_moved_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (snapshot, patch) = every_kind(&dir);
        write_all(&snapshot, &patch).unwrap();
        let after = tree(dir.path());
        let files: Vec<(&str, &str)> = after
            .iter()
            .filter(|(name, _)| name.contains('.'))
            .map(|(name, (text, _))| (name.as_str(), text.as_str()))
            .collect();
        assert_eq!(files, [("a.py", "a = 2\n"), ("bin/tool.sh", "walk\n"), ("new/deep/b.py", "b\n")]);
        assert_eq!(after["bin/tool.sh"].1 & 0o777, 0o755);
        assert_eq!(after["new/deep/b.py"].1, after["a.py"].1, "a new file is as readable as any");
    }

    #[test]
    fn a_step_that_fails_leaves_everything_as_it_was() {
        let mut steps = 0;
        loop {
            let dir = tempfile::tempdir().unwrap();
            let (snapshot, patch) = every_kind(&dir);
            let before = tree(dir.path());
            let mut left = steps;
            let mut may = || {
                if left == 0 {
                    return Err(std::io::Error::other("a fault"));
                }
                left -= 1;
                Ok(())
            };
            let written = write(&snapshot, &patch, &mut may);
            if written.is_ok() {
                break;
            }
            assert_eq!(tree(dir.path()), before, "the fault was at step {steps}");
            steps += 1;
        }
        assert_eq!(steps, 8, "three folders, three files, two put aside");
    }

    #[test]
    fn what_appeared_or_changed_meanwhile_stops_all() {
        for (name, text) in [("new/deep/b.py", "mine\n"), ("BIN/Tool.sh", "mine\n"), ("gone.py", "edited\n")] {
            let dir = tempfile::tempdir().unwrap();
            let (snapshot, patch) = every_kind(&dir);
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), text).unwrap();
            let before = tree(dir.path());
            assert!(matches!(write_all(&snapshot, &patch), Err(WriteError::Stale(_))), "{name}");
            assert_eq!(tree(dir.path()), before, "{name}");
        }
    }

    /// The patch that undoes `patch`.
    fn inverse(patch: &Patch, before: &Snapshot) -> Patch {
        let mut back = Patch::default();
        for (path, change) in patch.files() {
            let old = change.before(path, before).unwrap();
            let new = crate::patch::apply(&old, &change.edits).unwrap();
            let fate = match &change.fate {
                Fate::Kept => Fate::Kept,
                Fate::Created => Fate::Deleted,
                Fate::Deleted => Fate::Created,
                Fate::Moved(_) => Fate::Moved(path.clone()),
            };
            let edits = vec![Edit { range: 0..new.len(), text: old.to_string() }];
            back.insert(change.name(path).unwrap_or(path).clone(), Change { edits, fate }).unwrap();
        }
        back
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
        #[test]
        fn a_patch_and_its_inverse_change_nothing(files in proptest::collection::vec(("[a-c]{0,3}", 0..5usize, "[x-z]{0,3}"), 1..6)) {
            let dir = tempfile::tempdir().unwrap();
            let mut patch = Patch::default();
            for (at, (old, kind, new)) in files.iter().enumerate() {
                let name = path(&format!("d/{at}"));
                std::fs::create_dir_all(dir.path().join("d/moved")).unwrap();
                let there = *kind != 1;
                if there {
                    std::fs::write(name.under(dir.path()), old).unwrap();
                }
                let old = if there { old.len() } else { 0 };
                let edits = |text: &str| vec![Edit { range: 0..old, text: text.into() }];
                let change = match kind {
                    0 => Change::from(edits(new)),
                    1 => Change { edits: edits(new), fate: Fate::Created },
                    2 => Change { edits: edits(""), fate: Fate::Deleted },
                    _ => Change { edits: edits(new), fate: Fate::Moved(path(&format!("d/moved/{at}"))) },
                };
                patch.insert(name, change).unwrap();
            }
            let before = tree(dir.path());
            let snapshot = Snapshot::new(dir.path().to_owned(), Default::default());
            let back = inverse(&patch, &snapshot);
            write_all(&snapshot, &patch).unwrap();
            write_all(&Snapshot::new(dir.path().to_owned(), Default::default()), &back).unwrap();
            proptest::prop_assert_eq!(tree(dir.path()), before);
        }
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
