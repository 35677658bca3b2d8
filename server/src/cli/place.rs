//! From `FILE:LINE:COL` to a focus in a workspace.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::cli::Usage;
use crate::task::Focus;
use crate::workspace::{RelPath, Snapshot};

/// Entries that mark the root of a workspace whatever its language.
const MARKERS: [&str; 3] = [".git", ".hg", ".baton"];

/// Reads the place; gives the workspace as it is on disk and the focus in it.
pub fn locate(written: &str, root: Option<&Path>) -> Result<(Snapshot, Focus), Usage> {
    let (file, position) = split(written, |file| in_root(file, root).is_file());
    let path = in_root(&file, root);
    let file = path.canonicalize().map_err(|e| Usage(format!("{}: cannot be opened: {e}", path.display())))?;
    if !file.is_file() {
        return Err(Usage(format!("{} is not a file; name the file to work on", file.display())));
    }
    let root = match root {
        Some(dir) => dir.canonicalize().map_err(|e| Usage(format!("--root {}: {e}", dir.display())))?,
        None => root_of(&file),
    };
    let path = RelPath::within(&root, &file)
        .map_err(|_| Usage(format!("{} is not inside --root {}", file.display(), root.display())))?;
    let snapshot = Snapshot::new(root, Default::default());
    let text = snapshot.read(&path)?;
    let range = position.map(|(line, column)| focus_range(&path, &text, line, column)).transpose()?;
    Ok((snapshot, Focus { path, range, diagnostics: Vec::new() }))
}

fn in_root(file: &Path, root: Option<&Path>) -> PathBuf {
    match root {
        // A file named from where the user stands wins over one named from the root.
        Some(root) if !file.exists() => root.join(file),
        _ => file.to_owned(),
    }
}

/// Splits trailing `:LINE[:COL]` off, unless a file of the whole name exists.
fn split(written: &str, is_file: impl Fn(&Path) -> bool) -> (PathBuf, Option<(usize, Option<usize>)>) {
    let whole = (PathBuf::from(written), None);
    if is_file(&whole.0) {
        return whole;
    }
    let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n > 0);
    let Some((head, last)) = written.rsplit_once(':') else { return whole };
    let Some(last) = number(last) else { return whole };
    if let Some((file, line)) = head.rsplit_once(':')
        && let Some(line) = number(line)
    {
        return (file.into(), Some((line, Some(last))));
    }
    (head.into(), Some((last, None)))
}

/// The item around the position, else its line.
fn focus_range(path: &RelPath, text: &str, line: usize, column: Option<usize>) -> Result<Range<usize>, Usage> {
    let mut start = 0;
    let mut lines = text.split_inclusive('\n');
    for _ in 1..line {
        start += lines.next().map_or(0, str::len);
    }
    let Some(current) = lines.next() else {
        return Err(Usage(format!("{path} has no line {line}; it has {}", text.lines().count())));
    };
    let content = current.trim_end_matches(['\n', '\r']);
    let indent = content.len() - content.trim_start().len();
    let offset = match column {
        None => indent,
        Some(column) => content.char_indices().nth(column - 1).map_or(content.len(), |(at, _)| at),
    };
    let item = baton_grammars::by_path(Path::new(path.as_str()))
        .and_then(|language| language.item_at(&language.parse(text)?, text, start + offset));
    Ok(item.map_or(start..start + content.len(), |item| item.range))
}

/// The nearest folder above `file` that is marked as a workspace, else as a project, else its own.
fn root_of(file: &Path) -> PathBuf {
    let own = file.parent().unwrap_or(file);
    let markers = baton_grammars::by_path(file).map_or(&[][..], |language| &language.facts.markers);
    let marked = |folder: &Path, marker: &str| folder.join(marker).exists();
    own.ancestors()
        .find(|folder| MARKERS.iter().any(|marker| marked(folder, marker)))
        .or_else(|| own.ancestors().find(|folder| markers.iter().any(|marker| marked(folder, marker))))
        .unwrap_or(own)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{locate, split};

    #[test]
    fn a_place_is_split_from_its_end() {
        let never = |_: &Path| false;
        assert_eq!(split("a.py", never), (PathBuf::from("a.py"), None));
        assert_eq!(split("a.py:3", never), (PathBuf::from("a.py"), Some((3, None))));
        assert_eq!(split("a.py:3:5", never), (PathBuf::from("a.py"), Some((3, Some(5)))));
        assert_eq!(split("a:3.py", never), (PathBuf::from("a:3.py"), None));
        assert_eq!(split("a.py:0", never), (PathBuf::from("a.py:0"), None));
        assert_eq!(split("a.py:3", |_| true), (PathBuf::from("a.py:3"), None));
    }

    #[test]
    fn the_focus_is_the_item_around_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join(".git")).unwrap();
        std::fs::create_dir(root.join("src")).unwrap();
        std::fs::write(root.join("src/a.py"), "x = 1\ndef f():\n    return x\n").unwrap();
        let written = root.join("src/a.py");
        let place = |suffix: &str| locate(&format!("{}{suffix}", written.display()), None);
        let (snapshot, focus) = place(":3").ok().unwrap();
        assert_eq!((snapshot.root(), focus.path.as_str()), (root.as_path(), "src/a.py"));
        assert_eq!(focus.range, Some(6..27));
        assert_eq!(place(":1").ok().unwrap().1.range, Some(0..5));
        assert_eq!(place("").ok().unwrap().1.range, None);
        assert!(place(":9").err().unwrap().0.contains("has no line 9; it has 3"));
    }
}
