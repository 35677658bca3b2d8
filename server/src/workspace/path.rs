//! A path inside the workspace. Constructing one is the first wall against paths that models write.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A path relative to the workspace root: `/`-separated, without `.`, `..`, a drive or a leading slash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

/// Why text is not a path inside the workspace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is empty or has a component that leaves the workspace or hides where it leads.
    #[error("`{0}` is not a plain path inside the workspace")]
    NotInside(String),
}

impl RelPath {
    /// Reads a relative path as a person or a model wrote it. It touches no disk.
    pub fn new(written: &str) -> Result<Self, PathError> {
        let refuse = || PathError::NotInside(written.escape_debug().to_string());
        if written.chars().any(|c| c.is_control() || c == '\\' || c == ':') {
            return Err(refuse());
        }
        let mut parts = Vec::new();
        for component in Path::new(written).components() {
            match component {
                Component::Normal(part) => parts.push(part.to_str().ok_or_else(refuse)?),
                Component::CurDir => {}
                _ => return Err(refuse()),
            }
        }
        if parts.is_empty() { Err(refuse()) } else { Ok(Self(parts.join("/"))) }
    }

    /// The path of `absolute` within `root`; both must already be in canonical form.
    pub fn within(root: &Path, absolute: &Path) -> Result<Self, PathError> {
        let outside = || PathError::NotInside(absolute.display().to_string());
        let relative = absolute.strip_prefix(root).map_err(|_| outside())?;
        Self::new(relative.to_str().ok_or_else(outside)?)
    }

    /// As written in diffs and messages.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same place below `root`.
    pub fn under(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl TryFrom<String> for RelPath {
    type Error = PathError;
    fn try_from(written: String) -> Result<Self, PathError> {
        Self::new(&written)
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::RelPath;

    #[test]
    fn only_plain_relative_paths_are_taken() {
        for (written, taken) in [
            ("src/lib.rs", Some("src/lib.rs")),
            ("./src//lib.rs", Some("src/lib.rs")),
            ("../etc/passwd", None),
            ("src/../../x", None),
            ("/etc/passwd", None),
            ("", None),
            (".", None),
            ("C:\\x", None),
            ("a\\..\\b", None),
            ("a\nb", None),
        ] {
            assert_eq!(RelPath::new(written).ok().as_ref().map(RelPath::as_str), taken, "{written:?}");
        }
    }
}
