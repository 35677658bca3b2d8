//! Fetching one model file: from where an earlier try broke off, compared with what it was the first time, and put in
//! its place only when it is whole.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::hub::{Begun, Download, next};
use super::pins::Pins;
use super::{Hub, Name};

/// How every GGUF file begins.
const MAGIC: &[u8] = b"GGUF";
/// Most bytes of a file; the largest models are split into smaller ones.
const LARGEST: u64 = 200_000_000_000;

/// A model file that is whole and what it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pulled {
    /// Where it is.
    pub path: PathBuf,
    /// Of all its bytes.
    pub sha256: String,
    /// How many those are.
    pub bytes: u64,
    /// Whether it was fetched now; else it was there already.
    pub fetched: bool,
    /// Whether it is the same as at an earlier time; else that is what it is compared with from now on.
    pub known: bool,
}

/// What a file is while it comes: the bytes, and beside them which version they are of.
struct Part {
    file: File,
    path: PathBuf,
    etag_path: PathBuf,
    hash: Sha256,
    bytes: u64,
}

/// Fetches a model into `folder` unless it is there. `progress` gets the bytes that are there and, if known, all.
/// An error is a sentence; what came is kept for the next time where it is of use.
pub async fn pull(
    hub: &Hub,
    folder: &Path,
    name: &Name,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<Pulled, String> {
    let file = match name.file() {
        Some(file) => file.to_owned(),
        None => name.choose(&hub.files(name).await?)?.to_owned(),
    };
    let (key, path) = (format!("{name}/{file}"), folder.join(name.place(&file)));
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    let mut pins = Pins::of(folder)?;
    if path.is_file() {
        let (sha256, bytes) = hashed(&path)?;
        let known = pins.agree(&key, &sha256)?;
        if !known {
            pins.pin(&key, &sha256)?;
        }
        return Ok(Pulled { path, sha256, bytes, fetched: false, known });
    }
    let mut part = Part::open(&path)?;
    let mut download = hub.open(name, &file, part.begun().as_ref()).await?;
    if let Some(sha256) = &download.sha256 {
        pins.agree(&key, sha256)?;
    }
    part.take(&mut download, &file, &mut progress).await?;
    let sha256 = hex(&part.hash.clone().finalize());
    if download.sha256.as_ref().is_some_and(|said| *said != sha256) {
        part.discard();
        return Err(format!("{key} arrived damaged and was thrown away; run the same again"));
    }
    let known = pins.agree(&key, &sha256).inspect_err(|_| part.discard())?;
    if !known {
        pins.pin(&key, &sha256)?;
    }
    part.keep(&path)?;
    Ok(Pulled { bytes: part.bytes, path, sha256, fetched: true, known })
}

impl Part {
    /// The part of the file at `path`, for this process alone.
    fn open(path: &Path) -> Result<Self, String> {
        let beside = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (part, etag_path) = (beside(".part"), beside(".part.etag"));
        let file = OpenOptions::new().create(true).append(true).read(true).open(&part);
        let file = file.map_err(|error| unwritable(&part, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path: part, etag_path, hash: Sha256::new(), bytes: 0 }),
            Err(TryLockError::WouldBlock) => Err(format!("{} is being pulled already", path.display())),
            Err(TryLockError::Error(error)) => Err(unwritable(&part, &error)),
        }
    }

    /// What an earlier try left, if it is known of which version.
    fn begun(&self) -> Option<Begun> {
        let bytes = self.file.metadata().ok()?.len();
        let etag = std::fs::read_to_string(&self.etag_path).ok()?;
        (bytes > 0 && !etag.is_empty()).then_some(Begun { bytes, etag })
    }

    /// Takes what comes until it is whole.
    async fn take(
        &mut self,
        download: &mut Download,
        file: &str,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<(), String> {
        self.prepare(download)?;
        let total = download.total;
        if total.is_some_and(|total| total > LARGEST) {
            return Err(format!("{file} has more than {} GB; that is no model file", LARGEST / 1_000_000_000));
        }
        let mut head = if self.bytes == 0 { Vec::new() } else { MAGIC.to_vec() };
        progress(self.bytes, total);
        while let Some(chunk) = next(download).await? {
            if head.len() < MAGIC.len() {
                head.extend(chunk.iter().take(MAGIC.len() - head.len()));
                if !MAGIC.starts_with(&head) {
                    self.discard();
                    return Err(format!("{file} is no GGUF file; nothing of it was kept"));
                }
            }
            self.file.write_all(&chunk).map_err(|error| unwritable(&self.path, &error))?;
            self.hash.update(&chunk);
            self.bytes += chunk.len() as u64;
            if self.bytes > total.unwrap_or(LARGEST) {
                self.discard();
                return Err(format!("the hub sent more of {file} than there is; nothing of it was kept"));
            }
            progress(self.bytes, total);
        }
        match total {
            Some(total) if self.bytes < total => {
                Err(format!("the connection broke after {} of {total} bytes; run the same again to go on", self.bytes))
            }
            _ if self.bytes < MAGIC.len() as u64 => {
                self.discard();
                Err(format!("{file} is empty"))
            }
            _ => Ok(self.file.sync_data().map_err(|error| unwritable(&self.path, &error))?),
        }
    }

    /// Begins where the download does: after the part that is there, or anew.
    fn prepare(&mut self, download: &Download) -> Result<(), String> {
        let there = self.file.metadata().map_err(|error| unwritable(&self.path, &error))?.len();
        if download.from > 0 && download.from == there {
            let (hash, bytes) = digest(&mut File::open(&self.path).map_err(|error| unwritable(&self.path, &error))?)
                .map_err(|error| unwritable(&self.path, &error))?;
            (self.hash, self.bytes) = (hash, bytes);
            return Ok(());
        }
        if download.from > 0 {
            self.discard();
            return Err("the hub goes on at another place than it was asked to; run the same again".into());
        }
        self.file.set_len(0).map_err(|error| unwritable(&self.path, &error))?;
        let etag = download.etag.as_deref().unwrap_or_default();
        std::fs::write(&self.etag_path, etag).map_err(|error| unwritable(&self.etag_path, &error))
    }

    /// Puts the whole file in its place.
    fn keep(&self, path: &Path) -> Result<(), String> {
        std::fs::rename(&self.path, path).map_err(|error| unwritable(path, &error))?;
        // Left behind it does no harm: without a part nothing is read from it.
        let _ = std::fs::remove_file(&self.etag_path);
        Ok(())
    }

    /// Throws away what came; what cannot be removed begins anew the next time, for it has no version.
    fn discard(&self) {
        let _ = std::fs::remove_file(&self.etag_path);
        let _ = std::fs::remove_file(&self.path);
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("no space for {}; free some and run the same again to go on", path.display())
        }
        _ => format!("{} cannot be written: {error}", path.display()),
    }
}

fn hashed(path: &Path) -> Result<(String, u64), String> {
    let read = || digest(&mut File::open(path)?);
    let (hash, bytes) = read().map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok((hex(&hash.finalize()), bytes))
}

fn digest(file: &mut File) -> std::io::Result<(Sha256, u64)> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hash, bytes)),
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
