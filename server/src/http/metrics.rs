//! What is counted, for Prometheus. Nothing of a request's content is in it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::run::Usage;

type Labels = Vec<(&'static str, String)>;
type Times = Family<Labels, Histogram, fn() -> Histogram>;

/// See there. A clone counts into the same.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Times,
    first_words: Times,
    tokens: Family<Labels, Counter>,
    usd: Family<Labels, Counter<f64, AtomicU64>>,
    /// Answers that are being written.
    pub open: Gauge,
}

fn times() -> Histogram {
    // From a millisecond to some nine minutes.
    Histogram::new(exponential_buckets(0.001, 3.0, 13))
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("baton");
        let of: fn() -> Histogram = times;
        let (requests, tokens, usd, open) = (Family::default(), Family::default(), Family::default(), Gauge::default());
        let (seconds, first_words) = (Family::new_with_constructor(of), Family::new_with_constructor(of));
        registry.register("requests", "Requests by path, model and status", requests.clone());
        registry.register_with_unit("request", "Time until the whole answer", Unit::Seconds, seconds.clone());
        registry.register_with_unit(
            "first_words",
            "Time until the first words of a stream",
            Unit::Seconds,
            first_words.clone(),
        );
        registry.register("tokens", "Tokens by worker, read or written", tokens.clone());
        registry.register("usd", "US dollars by worker, by the configured prices", usd.clone());
        registry.register("open_answers", "Answers that are being written", open.clone());
        Self { registry, requests, seconds, first_words, tokens, usd, open }
    }

    /// A request has its status. `model`: only names that exist, so that nobody can fill the memory with labels.
    pub fn requested(&self, path: &'static str, model: &str, status: u16) {
        let labels = vec![("path", path.to_owned()), ("model", model.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
    }

    /// An answer is whole.
    pub fn took(&self, model: &str, time: Duration) {
        self.seconds.get_or_create(&vec![("model", model.to_owned())]).observe(time.as_secs_f64());
    }

    /// The first words of an answer came.
    pub fn began(&self, model: &str, time: Duration) {
        self.first_words.get_or_create(&vec![("model", model.to_owned())]).observe(time.as_secs_f64());
    }

    /// A worker was used.
    pub fn used(&self, worker: &str, usage: Usage) {
        for (direction, tokens) in [("read", usage.tokens_in), ("written", usage.tokens_out)] {
            let labels = vec![("worker", worker.to_owned()), ("direction", direction.to_owned())];
            self.tokens.get_or_create(&labels).inc_by(tokens);
        }
        if usage.usd > 0.0 {
            self.usd.get_or_create(&vec![("worker", worker.to_owned())]).inc_by(usage.usd);
        }
    }

    /// All of it in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
