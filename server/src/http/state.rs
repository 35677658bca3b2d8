//! What all requests share.

use std::sync::Arc;

use super::guard::Gate;
use super::metrics::Metrics;
use crate::run::Engine;

/// See there.
pub(super) struct State {
    pub engine: Arc<Engine>,
    pub gate: Gate,
    pub metrics: Metrics,
}

impl State {
    /// The workers that hold conversations.
    pub fn talkers(&self) -> Vec<String> {
        self.engine.talkers().into_iter().map(|facts| facts.name).collect()
    }
}
