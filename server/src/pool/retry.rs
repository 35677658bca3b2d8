//! When to ask again, and how long to wait before that.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Calls made at most for one answer.
pub(super) const TRIES: u32 = 3;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);

/// Whether a status speaks of a state that passes.
pub(super) fn passes(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY)
}

/// How long the server asks us to wait: seconds, or the date until which.
pub(super) fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let written = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = written.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = httpdate::parse_http_date(written).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

/// How long to wait after failure number `failed` (from 1): a random share of a span that doubles, so that
/// many clients that failed together do not come back together. `share` is drawn from 0..1.
pub(super) fn backoff(failed: u32, share: f64) -> Duration {
    let span = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST);
    span.mul_f64(share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::{asked, backoff, passes};
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
    use std::time::{Duration, SystemTime};

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (written, wait) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("soon", None),
            ("-3", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(written))]);
            assert_eq!(asked(&headers, now), wait.map(Duration::from_secs), "{written}");
        }
        assert_eq!(asked(&HeaderMap::new(), now), None);
    }

    #[test]
    fn the_span_doubles_up_to_a_limit() {
        let spans: Vec<u128> = (1..8).map(|failed| backoff(failed, 1.0).as_millis()).collect();
        assert_eq!(spans, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(backoff(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn only_states_that_pass_are_tried_again() {
        for (status, again) in [(429, true), (408, true), (500, true), (503, true), (529, true)] {
            assert_eq!(StatusCode::from_u16(status).map(passes).ok(), Some(again), "{status}");
        }
        for status in [400, 401, 403, 404, 422, 501] {
            assert_eq!(StatusCode::from_u16(status).map(passes).ok(), Some(false), "{status}");
        }
    }
}
