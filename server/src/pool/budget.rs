//! Money: what a call could cost is set aside before it is made, and what it did cost is booked after it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// US dollars that a run may spend. Shared by the calls of one run.
#[derive(Debug)]
pub struct Budget {
    /// Below 0 where a server charged more than the worst case.
    left: Mutex<f64>,
    limit: f64,
}

/// A call that could cost more than is left; it was not made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("its answer could cost ${worst:.4} and ${left:.4} of ${limit:.4} are left; raise max_usd or lower max_output")]
pub struct TooExpensive {
    /// What the call could cost.
    pub worst: f64,
    /// What is left and not set aside.
    pub left: f64,
    /// The whole budget.
    pub limit: f64,
}

/// Money set aside for one call. Dropped without [`Hold::settle`], all of it counts as spent: what a call
/// that was broken off has cost is not known.
#[derive(Debug)]
#[must_use]
pub struct Hold<'a> {
    budget: &'a Budget,
    usd: f64,
}

impl Budget {
    /// `usd` to spend; nothing when negative or not a number.
    pub fn new(usd: f64) -> Self {
        let limit = usd.max(0.0);
        Self { left: Mutex::new(limit), limit }
    }

    /// Sets aside what a call could cost at worst.
    pub fn reserve(&self, worst: f64) -> Result<Hold<'_>, TooExpensive> {
        let mut hold = Hold { budget: self, usd: 0.0 };
        hold.cover(worst)?;
        Ok(hold)
    }

    /// Dollars that are neither spent nor set aside.
    pub fn left(&self) -> f64 {
        self.lock().max(0.0)
    }

    /// Dollars that are spent or set aside.
    #[cfg(test)]
    pub(super) fn booked(&self) -> f64 {
        self.limit - *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, f64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold<'_> {
    /// Sets aside more, so that all of it covers `total`: for a call that is made again after it had cost something.
    pub fn cover(&mut self, total: f64) -> Result<(), TooExpensive> {
        let mut left = self.budget.lock();
        let more = (total - self.usd).max(0.0);
        if total.is_nan() || more > left.max(0.0) {
            return Err(TooExpensive { worst: more, left: left.max(0.0), limit: self.budget.limit });
        }
        *left -= more;
        self.usd += more;
        Ok(())
    }

    /// Books what the call did cost and gives back the rest. A server that charged more than the worst
    /// case leaves that much less for the next call.
    pub fn settle(self, spent: f64) {
        *self.budget.lock() += self.usd - spent.max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn calls_in_flight_count_at_their_worst() {
        let budget = Budget::new(1.0);
        let first = budget.reserve(0.7).expect("fits");
        let refused = budget.reserve(0.4).expect_err("only 0.3 are left");
        assert!((refused.left - 0.3).abs() < 1e-9);
        first.settle(0.1);
        assert!((budget.left() - 0.9).abs() < 1e-9);
        drop(budget.reserve(0.4).expect("fits now"));
        assert!((budget.left() - 0.5).abs() < 1e-9, "a call broken off counts whole");
    }

    #[test]
    fn a_call_that_is_made_again_is_covered_again() {
        let budget = Budget::new(1.0);
        let mut hold = budget.reserve(0.5).expect("fits");
        hold.cover(0.8).expect("0.3 more");
        hold.cover(0.1).expect("is covered");
        assert!((budget.left() - 0.2).abs() < 1e-9);
        assert!(hold.cover(1.1).is_err());
        hold.settle(0.6);
        assert!((budget.left() - 0.4).abs() < 1e-9);
    }

    #[test]
    fn free_calls_need_no_money_and_overcharging_leaves_nothing() {
        let budget = Budget::new(0.1);
        budget.reserve(0.0).expect("free").settle(0.5);
        assert_eq!(budget.left(), 0.0);
        budget.reserve(0.0).expect("still free").settle(0.0);
        assert!(budget.reserve(f64::MIN_POSITIVE).is_err());
        assert!(budget.reserve(f64::NAN).is_err());
        assert!(Budget::new(f64::NAN).reserve(0.1).is_err());
    }
}
