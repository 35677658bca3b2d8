//! A worker that keeps failing, or asks for it, is left alone for a while instead of costing every run its time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which a worker rests.
const PATIENCE: u32 = 3;
/// How long it rests. Afterwards one failure is enough to rest again.
pub(super) const REST: Duration = Duration::from_secs(60);

/// How a worker has been doing.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Health {
    /// How much longer the worker is left alone.
    pub(super) fn rests_for(&self, now: Instant) -> Option<Duration> {
        self.state().rests_until?.checked_duration_since(now).filter(|rest| !rest.is_zero())
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// It was not there, refused us, or broke off.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= PATIENCE {
            state.rests_until = Some(now + REST);
        }
    }

    /// It asked to be left alone, for longer than a call can wait. That is done, but never for longer than after
    /// failures: it may be mistaken, and others may wait for it.
    pub(super) fn asked_for_rest(&self, now: Instant, wait: Duration) {
        let mut state = self.state();
        let until = now + wait.min(REST);
        state.rests_until = state.rests_until.max(Some(until));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, PATIENCE, REST};
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn rests_after_failures_in_a_row_and_after_the_first_one_on_return() {
        let (health, start) = (Health::default(), Instant::now());
        health.failed(start);
        health.succeeded();
        for _ in 1..PATIENCE {
            health.failed(start);
        }
        assert_eq!(health.rests_for(start), None, "a success between starts the count again");
        health.failed(start);
        assert_eq!(health.rests_for(start), Some(REST));
        let back = start + REST;
        assert_eq!(health.rests_for(back), None);
        health.failed(back);
        assert_eq!(health.rests_for(back), Some(REST));
    }

    #[test]
    fn rests_as_long_as_it_asks_for_within_reason() {
        let (health, start) = (Health::default(), Instant::now());
        health.asked_for_rest(start, Duration::from_secs(20));
        assert_eq!(health.rests_for(start), Some(Duration::from_secs(20)));
        health.asked_for_rest(start, Duration::from_secs(5));
        assert_eq!(health.rests_for(start), Some(Duration::from_secs(20)), "a shorter wait shortens nothing");
        health.asked_for_rest(start, Duration::from_secs(86_400));
        assert_eq!(health.rests_for(start), Some(REST));
        health.succeeded();
        assert_eq!(health.rests_for(start), None);
    }
}
