//! What has to be written to a private tree, and what has to go, so that it is what is wanted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::listing::Scope;
use super::manifest::{Entry, Kept, Manifest, Source, Texts, Want, above};
use super::tree::{Place, Tree};
use super::walk::{Found, Item};

/// What has to be done to a tree.
pub(super) struct Plan<'a> {
    /// What has to go, in order; of a directory also what it holds.
    pub(super) gone: Vec<String>,
    /// What has to be written, a directory before what it holds.
    pub(super) missing: Vec<(String, Want<'a>)>,
}

impl<'a> Plan<'a> {
    /// For the paths of `scope`: from what was found, and the texts over it, to what stands in the tree.
    pub(super) fn new(
        found: &'a Found,
        manifest: &Manifest,
        source: &mut Place,
        tree: &mut Tree,
        scope: &Scope,
        texts: &'a Texts,
    ) -> Self {
        let laid = laid(found, texts);
        let wanted = |path: &str| match laid.get(path) {
            Some(laid) => *laid,
            None => found.items.get(path).map(Want::from),
        };
        let is_gone = |path: &str, kept: &Kept| !wanted(path).is_some_and(|want| want.is_kind_of(&kept.entry));
        let mut is_missing = |path: &str, want: Want<'a>| {
            let kept = manifest.get(path).filter(|kept| kept.intact);
            !kept.is_some_and(|kept| is_kept(&kept.entry, Path::new(path), want, source, tree))
        };
        let (mut gone, mut missing) = (Vec::new(), Vec::new());
        match scope {
            Scope::All => {
                gone.extend(manifest.iter().filter(|(path, kept)| is_gone(path, kept)).map(|(path, _)| path.clone()));
                let others = found.items.iter().filter(|(path, _)| !laid.contains_key(path.as_str()));
                let others = others.map(|(path, item)| (path.as_str(), Want::from(item)));
                let all = others.chain(laid.iter().filter_map(|(path, want)| Some((path.as_str(), (*want)?))));
                missing.extend(
                    all.filter(|(path, want)| is_missing(path, *want)).map(|(path, want)| (path.to_owned(), want)),
                );
                missing.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            }
            Scope::Only(paths) => {
                for path in paths {
                    if manifest.get(path).is_some_and(|kept| is_gone(path, kept)) {
                        gone.push(path.clone());
                    }
                    if let Some(want) = wanted(path).filter(|want| is_missing(path, *want)) {
                        missing.push((path.clone(), want));
                    }
                }
            }
        }
        Self { gone, missing }
    }
}

/// Whether what stands there is what is wanted.
fn is_kept(entry: &Entry, path: &Path, want: Want<'_>, source: &mut Place, tree: &mut Tree) -> bool {
    match (want, entry) {
        (Want::Directory, Entry::Directory) => true,
        (Want::Link(target), Entry::Link { target: written, .. }) => target == written,
        (Want::Disk(stamp), Entry::File { source: from, settled, .. }) => {
            *from == Source::Disk(stamp) && (*settled || same(read_all(source.read(path)), read_all(tree.read(path))))
        }
        (Want::Text(text, _), Entry::File { source: from, settled, .. }) => {
            *from == Source::text(text) && (*settled || same(Ok(text.as_bytes().to_vec()), read_all(tree.read(path))))
        }
        _ => false,
    }
}

fn same(a: io::Result<Vec<u8>>, b: io::Result<Vec<u8>>) -> bool {
    matches!((a, b), (Ok(a), Ok(b)) if a == b)
}

fn read_all(file: io::Result<File>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the texts put in place of what is on disk, with the directories that they need.
fn laid<'a>(found: &Found, texts: &'a Texts) -> BTreeMap<String, Option<Want<'a>>> {
    let removed = texts.iter().filter(|(_, text)| text.is_none());
    let mut laid: BTreeMap<_, _> = removed.map(|(path, _)| (path.as_str().to_owned(), None)).collect();
    for (path, text) in texts.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?))) {
        let permissions = match found.items.get(path) {
            Some(Item::File(stamp)) => stamp.permissions(),
            _ => 0o644,
        };
        laid.extend(above(path).map(|dir| (dir.to_owned(), Some(Want::Directory))));
        laid.insert(path.to_owned(), Some(Want::Text(text, permissions)));
    }
    laid
}
