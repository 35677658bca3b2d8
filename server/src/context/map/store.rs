//! A map on disk, so that the next start reads only what changed. It is a cache: whatever is wrong with it,
//! the map is built again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::walk::Stamp;
use super::{File, Map, Skipped, Tagged, hash};
use crate::workspace::RelPath;

/// What every file of this format begins with: the format's number, and the version, whose queries named the names.
const MAGIC: &[u8] = concat!("baton map 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
/// Bytes of the hash of what follows it.
const SUM: usize = size_of::<u64>();

/// One file as it is kept.
type Kept = (RelPath, Stamp, u64, Option<Skipped>, Tagged);

/// Where the map of a workspace is kept.
pub(in crate::context) fn place(cache_dir: &Path, root: &Path) -> PathBuf {
    cache_dir.join("maps").join(format!("{:016x}", hash(root.as_os_str().as_encoded_bytes())))
}

impl Map {
    /// The map as it was kept, else an empty one.
    pub(in crate::context) fn load(place: &Path) -> Self {
        std::fs::read(place).ok().and_then(|bytes| Self::read(&bytes)).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (sum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<SUM>()?;
        (u64::from_le_bytes(*sum) == hash(body)).then_some(())?;
        let mut map = Self::default();
        // One at a time: a length that lies cannot ask for more memory than there are bytes.
        let mut rest = body;
        while !rest.is_empty() {
            let ((path, stamp, hash, skipped, tagged), after) = postcard::take_from_bytes::<Kept>(rest).ok()?;
            map.insert(File { path, stamp: Some(stamp), hash, skipped, tagged });
            rest = after;
        }
        map.changed = AtomicBool::new(false);
        Some(map)
    }

    /// Keeps the map, if it is not as it was kept. That it cannot be written costs the next start its time, nothing else.
    pub(in crate::context) fn save(&self, place: &Path) -> std::io::Result<()> {
        if !self.changed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let written = write(place, &self.bytes());
        self.changed.fetch_or(written.is_err(), Ordering::Relaxed);
        written
    }

    fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for File { path, stamp, hash, skipped, tagged } in self.files.iter().flatten() {
            // What only an editor has is not on disk to be compared with.
            let Some(stamp) = stamp else { continue };
            let kept = (path, stamp, hash, skipped, tagged);
            body =
                postcard::to_extend(&kept, body).unwrap_or_else(|error| unreachable!("memory takes it all: {error}"));
        }
        [MAGIC, &hash(&body).to_le_bytes(), &body].concat()
    }
}

fn write(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(place)?;
    Ok(())
}
