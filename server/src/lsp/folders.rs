//! The workspace folders, and which of them a file belongs to.

use std::path::{Path, PathBuf};

use tower_lsp_server::ls_types::{InitializeParams, Uri, WorkspaceFolder};

use crate::workspace::RelPath;

/// A folder that the editor has open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// As the editor names it; URIs are made from this.
    pub named: PathBuf,
    /// In canonical form; paths are compared by this.
    pub root: PathBuf,
}

/// Every open folder.
#[derive(Debug, Default)]
pub struct Folders(Vec<Folder>);

/// The path of a `file:` URI.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    uri.scheme().as_str().eq_ignore_ascii_case("file").then_some(())?;
    uri.to_file_path().map(|path| path.into_owned()).filter(|path| path.is_absolute())
}

impl Folder {
    fn at(named: PathBuf) -> Self {
        let root = named.canonicalize().unwrap_or_else(|_| named.clone());
        Self { named, root }
    }

    /// The URI of a file in it.
    pub fn uri(&self, path: &RelPath) -> Option<Uri> {
        Uri::from_file_path(path.under(&self.named))
    }

    /// The path within it of a file that the editor names.
    pub fn contains(&self, file: &Path) -> Option<RelPath> {
        RelPath::within(&self.named, file).or_else(|_| RelPath::within(&self.root, file)).ok()
    }
}

impl Folders {
    /// Those of the initialize request: the folders, else the one root that older clients name.
    #[expect(deprecated, reason = "older clients send only these")]
    pub fn of(params: &InitializeParams) -> Self {
        let mut folders = Self::default();
        match &params.workspace_folders {
            Some(open) if !open.is_empty() => folders.change(open, &[]),
            _ => {
                let root = params.root_uri.as_ref().and_then(path_of);
                let root = root.or_else(|| params.root_path.as_ref().map(PathBuf::from));
                folders.0.extend(root.filter(|root| root.is_absolute()).map(Folder::at));
            }
        }
        folders
    }

    /// Takes folders in and out.
    pub fn change(&mut self, added: &[WorkspaceFolder], removed: &[WorkspaceFolder]) {
        let paths =
            |list: &[WorkspaceFolder]| -> Vec<PathBuf> { list.iter().filter_map(|f| path_of(&f.uri)).collect() };
        let removed = paths(removed);
        self.0.retain(|folder| !removed.contains(&folder.named));
        self.0.extend(paths(added).into_iter().map(Folder::at));
    }

    /// The innermost open folder around a file, else the file's own directory.
    pub fn around(&self, file: &Path) -> Option<(Folder, RelPath)> {
        let open = self.0.iter().filter_map(|folder| Some((folder, folder.contains(file)?)));
        let innermost = open.max_by_key(|(folder, _)| folder.root.components().count());
        match innermost {
            Some((folder, path)) => Some((folder.clone(), path)),
            None => {
                let own = Folder::at(file.parent()?.to_owned());
                let path = own.contains(file)?;
                Some((own, path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;
    use tower_lsp_server::ls_types::{InitializeParams, WorkspaceFolder};

    use super::Folders;

    fn around(params: serde_json::Value, file: &str) -> String {
        let params: InitializeParams = serde_json::from_value(params).unwrap();
        let (folder, path) = Folders::of(&params).around(Path::new(file)).unwrap();
        format!("{} {path}", folder.named.display())
    }

    #[test]
    fn a_file_belongs_to_the_innermost_folder_or_to_its_own_directory() {
        let folder = |path: &str| json!({"uri": format!("file://{path}"), "name": "x"});
        let both =
            json!({"capabilities": {}, "workspaceFolders": [folder("/p/a"), folder("/p/a/b%20c"), folder("/q")]});
        assert_eq!(around(both.clone(), "/p/a/x.py"), "/p/a x.py");
        assert_eq!(around(both.clone(), "/p/a/b c/d/x.py"), "/p/a/b c d/x.py");
        assert_eq!(around(both, "/p/abc/x.py"), "/p/abc x.py");
        let root = json!({"capabilities": {}, "rootUri": "file:///r", "workspaceFolders": null});
        assert_eq!(around(root, "/r/s/x.py"), "/r s/x.py");
        assert_eq!(around(json!({"capabilities": {}, "rootPath": "/r"}), "/r/s/x.py"), "/r s/x.py");
        assert_eq!(around(json!({"capabilities": {}}), "/r/s/x.py"), "/r/s x.py");
    }

    #[test]
    fn folders_come_and_go() {
        let folder = |path: &str| -> WorkspaceFolder {
            serde_json::from_value(json!({"uri": format!("file://{path}"), "name": "x"})).unwrap()
        };
        let mut folders = Folders::default();
        folders.change(&[folder("/p"), folder("/p/q")], &[]);
        folders.change(&[], &[folder("/p/q")]);
        assert_eq!(folders.around(Path::new("/p/q/x.py")).unwrap().1.as_str(), "q/x.py");
    }
}
