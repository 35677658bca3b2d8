//! Writing what a private tree lacks, with all processors where it is much.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::manifest::{Entry, Source, Want};
use super::tree::{Place, Seen, Tree};
use super::walk::Stamp;

/// Files that one thread writes before it takes the next ones; they are neighbours.
const BATCH: usize = 64;

/// A file up to this size is read and written at once; the kernel copies larger ones, and shares their blocks where
/// the file system can.
const SMALL: u64 = 128 << 10;

/// Writes what is wanted, a directory before what it holds; for each what it has become, `None` where the source has
/// gone meanwhile or may not be read.
pub(super) fn all(source: &Place, tree: &mut Tree, missing: &[(String, Want<'_>)]) -> io::Result<Vec<Option<Entry>>> {
    let mut made: Vec<Option<Entry>> = Vec::with_capacity(missing.len());
    for (path, want) in missing {
        let is_dir = matches!(want, Want::Directory);
        if is_dir {
            tree.directory(Path::new(path))?;
        }
        made.push(is_dir.then_some(Entry::Directory));
    }
    let files: Vec<usize> = (0..missing.len()).filter(|at| made[*at].is_none()).collect();
    let batches = files.len().div_ceil(BATCH);
    // Finding out how many processors there are takes longer than writing a file.
    let threads = if batches > 1 { std::thread::available_parallelism().map_or(2, usize::from) } else { 1 };
    let threads = threads.min(8).min(batches);
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let work = |n: usize| -> io::Result<Vec<(usize, Option<Entry>)>> {
        let (mut source, mut tree, mut buffer) = (source.again()?, tree.again(n as u64)?, Vec::new());
        let mut done = Vec::new();
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            for at in files.iter().skip(first).take(BATCH) {
                let (path, want) = &missing[*at];
                done.push((*at, one(&mut source, &mut tree, Path::new(path), *want, &mut buffer)?));
            }
            if first >= files.len() {
                return Ok(done);
            }
        }
    };
    let keep = |result: io::Result<Vec<(usize, Option<Entry>)>>| {
        result.unwrap_or_else(|e| {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
            Vec::new()
        })
    };
    let done: Vec<_> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|n| scope.spawn(move || keep(work(n)))).collect();
        let mut done = keep(work(0));
        for other in others {
            done.extend(other.join().unwrap_or_default());
        }
        done
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(e) => return Err(e),
        None => done.into_iter().for_each(|(at, entry)| made[at] = entry),
    }
    Ok(made)
}

/// Writes one file or link.
fn one(
    source: &mut Place,
    tree: &mut Tree,
    path: &Path,
    want: Want<'_>,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Entry>> {
    Ok(Some(match want {
        Want::Directory => {
            tree.directory(path)?;
            Entry::Directory
        }
        Want::Link(target) => {
            tree.link(path, target)?;
            match tree.see(path)? {
                Some(Seen::Link(copy)) => Entry::Link { target: target.to_path_buf(), copy },
                _ => return Ok(None),
            }
        }
        Want::Text(text, permissions) => self::text(tree, path, text, permissions)?,
        Want::Disk(_) => {
            let Ok(mut from) = source.read(path) else {
                tree.remove(path)?;
                return Ok(None);
            };
            let source = Stamp::from(&from.metadata()?);
            let mut to = tree.create(path, source.permissions())?;
            if source.size() <= SMALL {
                buffer.clear();
                from.take(SMALL + 1).read_to_end(buffer)?;
                to.write_all(buffer)?;
            } else {
                io::copy(&mut from, &mut to)?;
            }
            Entry::File { source: Source::Disk(source), copy: stamp(&to)?, settled: false }
        }
    }))
}

/// Writes one text.
pub(super) fn text(tree: &mut Tree, path: &Path, text: &str, permissions: u32) -> io::Result<Entry> {
    let mut file = tree.create(path, permissions)?;
    file.write_all(text.as_bytes())?;
    Ok(Entry::File { source: Source::text(text), copy: stamp(&file)?, settled: false })
}

fn stamp(file: &File) -> io::Result<Stamp> {
    Ok(Stamp::from(&file.metadata()?))
}
