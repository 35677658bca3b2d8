//! How fast a worker may be asked: so many calls at once, and so many begun in a minute.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The pace of one worker. Calls wait in the order in which they came.
#[derive(Debug)]
pub(super) struct Pace {
    at_once: Semaphore,
    per_minute: Option<u32>,
    /// When the calls of the last minute began, and when those that wait will; in order.
    starts: Mutex<VecDeque<Instant>>,
}

/// The right to make one call; the next one may begin when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

/// A place in the row of starts; given back by who does not wait for it.
struct Place<'a> {
    pace: &'a Pace,
    start: Instant,
    taken: bool,
}

impl Pace {
    /// `at_once` calls at the same time; `per_minute` begun within any minute.
    pub(super) fn new(at_once: usize, per_minute: Option<u32>) -> Self {
        let at_once = Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS));
        Self { at_once, per_minute, starts: Mutex::default() }
    }

    /// Waits for a turn. Dropping the future gives up the wait and whatever was reserved for it.
    pub(super) async fn turn(&self) -> Turn<'_> {
        // Nothing closes the semaphore; if something did, calls would go unlimited instead of never.
        let permit = self.at_once.acquire().await.ok();
        if let Some(mut place) = self.place() {
            tokio::time::sleep_until(place.start).await;
            place.taken = true;
        }
        Turn { _permit: permit }
    }

    /// The next start that leaves no minute with too many.
    fn place(&self) -> Option<Place<'_>> {
        let most = self.per_minute?.max(1) as usize;
        let now = Instant::now();
        let mut starts = self.starts();
        while starts.front().is_some_and(|start| now.saturating_duration_since(*start) >= MINUTE) {
            starts.pop_front();
        }
        let before = starts.len().checked_sub(most).and_then(|at| starts.get(at));
        let start = before.map_or(now, |before| (*before + MINUTE).max(now));
        starts.push_back(start);
        Some(Place { pace: self, start, taken: false })
    }

    fn starts(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.taken {
            let mut starts = self.pace.starts();
            if let Some(at) = starts.iter().rposition(|start| *start == self.start) {
                starts.remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MINUTE, Pace};
    use std::time::Duration;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_no_more() {
        let pace = Pace::new(2, None);
        let (first, _second) = (pace.turn().await, pace.turn().await);
        assert!(tokio::time::timeout(MINUTE, pace.turn()).await.is_err(), "the third waits");
        drop(first);
        tokio::time::timeout(Duration::ZERO, pace.turn()).await.expect("the first has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_a_minute_and_no_more() {
        let (pace, began) = (Pace::new(9, Some(2)), Instant::now());
        let mut starts = Vec::new();
        for _ in 0..5 {
            drop(pace.turn().await);
            starts.push(began.elapsed().as_secs());
        }
        assert_eq!(starts, [0, 0, 60, 60, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_gives_the_place_back() {
        let (pace, began) = (Pace::new(9, Some(1)), Instant::now());
        drop(pace.turn().await);
        let waited = tokio::time::timeout(Duration::from_secs(1), pace.turn()).await;
        assert!(waited.is_err(), "it would have been a minute");
        drop(pace.turn().await);
        assert_eq!(began.elapsed().as_secs(), 60, "not 120");
    }
}
