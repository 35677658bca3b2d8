//! A worker that keeps failing is left alone for a while instead of costing every run its time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which a worker rests.
const PATIENCE: u32 = 3;
/// How long it rests. Afterwards one failure is enough to rest again.
const REST: Duration = Duration::from_secs(60);

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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rests_until?.checked_duration_since(now)
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It was not there, refused us, or broke off.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures += 1;
        if state.failures >= PATIENCE {
            state.rests_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, PATIENCE, REST};
    use std::time::{Duration, Instant};

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
        let back = start + REST + Duration::from_secs(1);
        assert_eq!(health.rests_for(back), None);
        health.failed(back);
        assert_eq!(health.rests_for(back), Some(REST));
    }
}
