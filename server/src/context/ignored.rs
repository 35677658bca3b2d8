//! What git ignores stays here: it is often generated, private or secret.

use std::path::Path;

use ignore::WalkBuilder;

use crate::workspace::RelPath;

/// Whether git would ignore the file, by any of its ignore files. A file that is not on disk yet is not ignored.
pub(super) fn by_git(root: &Path, path: &RelPath) -> bool {
    let file = path.under(root);
    if !file.is_file() {
        return false;
    }
    // Only the folders on the way to the file are entered, so the size of the workspace does not matter.
    let way = file.clone();
    let mut walk = WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .require_git(false)
        .filter_entry(move |entry| way.starts_with(entry.path()))
        .build();
    !walk.any(|entry| entry.is_ok_and(|entry| entry.path() == file))
}

#[cfg(test)]
mod tests {
    use super::by_git;
    use crate::workspace::RelPath;

    #[test]
    fn ignore_files_on_the_way_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        for (path, text) in [
            (".gitignore", "/build/\n*.log\n"),
            ("a/.gitignore", "local.py\n!kept.log\n"),
            ("a/local.py", ""),
            ("a/kept.log", ""),
            ("b/local.py", ""),
            ("b/x.log", ""),
            ("build/out.py", ""),
            (".hidden.py", ""),
        ] {
            std::fs::create_dir_all(root.join(path).parent().expect("a parent")).expect("made");
            std::fs::write(root.join(path), text).expect("written");
        }
        let ignored = |path: &str| by_git(&root, &RelPath::new(path).expect("a path"));
        assert!(ignored("a/local.py") && ignored("b/x.log") && ignored("build/out.py"));
        assert!(!ignored("a/kept.log") && !ignored("b/local.py") && !ignored(".hidden.py") && !ignored("none.py"));
    }
}
