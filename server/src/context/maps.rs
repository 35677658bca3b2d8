//! The maps of the workspaces that were worked on: kept between runs, brought up to date behind them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::map::{Map, place, refresh};
use crate::workspace::Snapshot;

/// Every map of this process.
#[derive(Debug)]
pub struct Maps {
    cache_dir: PathBuf,
    open: Mutex<HashMap<PathBuf, Arc<Open>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// One workspace's.
#[derive(Debug)]
struct Open {
    map: Arc<RwLock<Map>>,
    /// Held by the thread that brings it up to date; a second one would do the same work.
    turn: Mutex<bool>,
}

/// A map that is being brought up to date.
#[derive(Debug, Clone)]
pub struct Mapping {
    map: Arc<RwLock<Map>>,
    done: watch::Receiver<bool>,
}

impl Maps {
    /// No map yet; they will be cached below `cache_dir`.
    pub fn new(cache_dir: PathBuf) -> Self {
        Self { cache_dir, open: Mutex::default(), threads: Mutex::default(), stop: CancellationToken::new() }
    }

    /// Begins to bring the map of the snapshot's workspace up to date, on threads of its own; `cancel` stops it,
    /// and what is known by then is kept.
    pub fn refresh(&self, snapshot: &Snapshot, cancel: CancellationToken) -> Mapping {
        let open = self.open(snapshot.root());
        let (send, done) = watch::channel(false);
        let map = open.map.clone();
        let (snapshot, stop) = (snapshot.clone(), self.stop.clone());
        let place = place(&self.cache_dir, snapshot.root());
        let work = move || {
            let mut is_loaded = open.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if !*is_loaded {
                let loaded = Map::load(&place);
                *open.map.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                *is_loaded = true;
            }
            let whole = refresh(&open.map, &snapshot, || cancel.is_cancelled() || stop.is_cancelled());
            // Nobody waits any more: then nobody needs to know.
            let _ = send.send(whole);
            if let Err(problem) = open.map.read().unwrap_or_else(PoisonError::into_inner).save(&place) {
                tracing::warn!("the map of the workspace could not be kept in {}: {problem}", place.display());
            }
        };
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        match std::thread::Builder::new().name("map".into()).spawn(work) {
            Ok(thread) => threads.push(thread),
            Err(problem) => tracing::warn!("no thread could be had for the map: {problem}"),
        }
        Mapping { map, done }
    }

    fn open(&self, root: &Path) -> Arc<Open> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.entry(root.to_owned())
            .or_insert_with(|| Arc::new(Open { map: Arc::default(), turn: Mutex::new(false) }))
            .clone()
    }
}

impl Drop for Maps {
    /// Stops what is still going on. The shell, which ends next, waits until what is known by then is kept; a
    /// server goes on, and must not be held up.
    fn drop(&mut self) {
        self.stop.cancel();
        if tokio::runtime::Handle::try_current().is_ok() {
            return;
        }
        for thread in std::mem::take(self.threads.get_mut().unwrap_or_else(PoisonError::into_inner)) {
            // A thread that panicked has nothing to keep.
            let _ = thread.join();
        }
    }
}

impl Mapping {
    /// Waits until the map is up to date, at most this long; says whether it is.
    pub async fn ready(&self, within: Duration) -> bool {
        let mut done = self.done.clone();
        matches!(tokio::time::timeout(within, done.wait_for(|done| *done)).await, Ok(Ok(_)))
    }

    /// Lets `look` see the map as far as it is, with what the snapshot's editor has open.
    pub fn look<R>(&self, snapshot: &Snapshot, look: impl FnOnce(&Map) -> R) -> R {
        let read = || self.map.read().unwrap_or_else(PoisonError::into_inner);
        let map = read();
        if map.knows(snapshot.overlay()) {
            return look(&map);
        }
        drop(map);
        self.map.write().unwrap_or_else(PoisonError::into_inner).lay(snapshot.overlay());
        look(&read())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::Maps;
    use crate::workspace::Snapshot;

    #[test]
    fn a_map_outlives_its_run_and_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let (root, cache) = (folder.path().canonicalize().unwrap().join("p"), folder.path().join("cache"));
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("a.py"), "def f(): pass\n").unwrap();
        let snapshot = Snapshot::new(root.clone(), Default::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let defined = |maps: &Maps, cancel: CancellationToken| {
            let mapping = maps.refresh(&snapshot, cancel);
            let is_ready = runtime.block_on(mapping.ready(Duration::MAX));
            (is_ready, mapping.look(&snapshot, |map| (map.defining("f").len(), map.defining("g").len())))
        };
        let stopped = CancellationToken::new();
        stopped.cancel();
        let maps = Maps::new(cache.clone());
        assert_eq!(defined(&maps, stopped.clone()), (false, (0, 0)));
        assert_eq!(defined(&maps, CancellationToken::new()), (true, (1, 0)));
        std::fs::write(root.join("b.py"), "def g(): pass\n").unwrap();
        assert_eq!(defined(&maps, CancellationToken::new()), (true, (1, 1)));
        drop(maps);
        // What is not read again was kept.
        assert_eq!(defined(&Maps::new(cache), stopped), (false, (1, 1)));
    }
}
