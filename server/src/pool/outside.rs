//! What a call goes by besides its arguments: the time of day, and chance. Both in one place, so that a test can set them.
//!
//! How long something takes is measured by tokio's clock, which never jumps; the time of day may, and only dates
//! that servers write are read by it.

use std::fmt::Debug;
use std::time::SystemTime;

/// The time of day, and chance.
pub(super) trait Outside: Debug + Send + Sync {
    /// The time of day, right or wrong.
    fn time_of_day(&self) -> SystemTime;
    /// A number from 0 to 1, 1 excluded.
    fn share(&self) -> f64;
}

/// This machine's own.
#[derive(Debug)]
pub(super) struct Machine;

impl Outside for Machine {
    fn time_of_day(&self) -> SystemTime {
        SystemTime::now()
    }

    fn share(&self) -> f64 {
        rand::random()
    }
}
