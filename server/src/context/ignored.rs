//! What git or a `.batonignore` ignores stays here: it is often generated, private or secret.

use std::path::Path;

use ignore::WalkBuilder;

use crate::workspace::RelPath;

/// The user's own list beside git's, in the same syntax, in any folder.
const OWN: &str = ".batonignore";

/// Makes a walk leave out what is ignored. It never follows links.
pub(super) fn rules(walk: &mut WalkBuilder) -> &mut WalkBuilder {
    walk.standard_filters(false)
        .parents(true)
        .git_ignore(true)
        .git_exclude(true)
        .git_global(true)
        .require_git(false)
        .add_custom_ignore_filename(OWN)
        .follow_links(false)
}

/// Whether the file is ignored, by any ignore file on the way to it. A file that is not on disk yet is not ignored.
pub(super) fn is(root: &Path, path: &RelPath) -> bool {
    let file = path.under(root);
    if !file.is_file() {
        return false;
    }
    // Only the folders on the way to the file are entered, so the size of the workspace does not matter.
    let way = file.clone();
    let mut walk = WalkBuilder::new(top(root));
    rules(&mut walk).filter_entry(move |entry| way.starts_with(entry.path()));
    !walk.build().any(|entry| entry.is_ok_and(|entry| entry.path() == file))
}

/// Where the rules begin that can ignore the workspace itself: its repository, or the highest folder with a list.
fn top(root: &Path) -> &Path {
    let repository = root.ancestors().find(|folder| folder.join(".git").exists());
    let own = root.ancestors().filter(|folder| folder.join(OWN).is_file()).last();
    [repository, own].into_iter().flatten().min_by_key(|folder| folder.as_os_str().len()).unwrap_or(root)
}

#[cfg(test)]
mod tests {
    use super::is;
    use crate::workspace::RelPath;

    #[test]
    fn ignore_files_on_the_way_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        for (path, text) in [
            (".gitignore", "/build/\n*.log\n"),
            (".batonignore", "/private/\nb.py\n"),
            ("a/.gitignore", "local.py\n!kept.log\n"),
            ("a/local.py", ""),
            ("a/kept.log", ""),
            ("b/local.py", ""),
            ("b/x.log", ""),
            ("b/b.py", ""),
            ("build/out.py", ""),
            ("private/key.py", ""),
            (".hidden.py", ""),
        ] {
            std::fs::create_dir_all(root.join(path).parent().expect("a parent")).expect("made");
            std::fs::write(root.join(path), text).expect("written");
        }
        let ignored = |path: &str| is(&root, &RelPath::new(path).expect("a path"));
        assert!(ignored("a/local.py") && ignored("b/x.log") && ignored("build/out.py"));
        let below = |path: &str| is(&root.join("private"), &RelPath::new(path).expect("a path"));
        assert!(below("key.py"), "a workspace in an ignored folder");
        assert!(ignored("private/key.py") && ignored("b/b.py"));
        assert!(!ignored("a/kept.log") && !ignored("b/local.py") && !ignored(".hidden.py") && !ignored("none.py"));
    }
}
