//! When to ask again, and how long to wait before that.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Calls made at most for one answer.
pub(super) const TRIES: u32 = 3;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
/// The longest wait that is believed: whoever asks for more is asked again no sooner than whoever asks for this.
const MOST: Duration = Duration::from_secs(86_400);

/// Whether a status speaks of a state that passes.
pub(super) fn passes(status: StatusCode) -> bool {
    use StatusCode as S;
    status.is_server_error() && status != S::NOT_IMPLEMENTED
        || matches!(status, S::TOO_MANY_REQUESTS | S::REQUEST_TIMEOUT | S::TOO_EARLY | S::CONFLICT)
}

/// How long the server asks us to wait: milliseconds, seconds, or the date until which; the longest where it says
/// several. A date is read by the server's own clock if it shows it, else by ours, which says `now`.
pub(super) fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let all = |name: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.map(|written| written.trim().to_owned()).collect::<Vec<_>>()
    };
    let date = |written: &String| httpdate::parse_http_date(written).ok();
    let now = all(DATE.as_str()).iter().find_map(date).unwrap_or(now);
    let until = |written: &String| Some(date(written)?.duration_since(now).unwrap_or_default());
    let exact = all("retry-after-ms").iter().filter_map(|written| span(written, 1e-3)).max();
    let asked =
        || all(RETRY_AFTER.as_str()).iter().filter_map(|written| span(written, 1.0).or_else(|| until(written))).max();
    exact.or_else(asked).map(|wait| wait.min(MOST))
}

/// A number without sign, of units of so many seconds.
fn span(written: &str, unit: f64) -> Option<Duration> {
    let number = written.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.then(|| written.parse().ok())??;
    Some(Duration::try_from_secs_f64(number * unit).unwrap_or(MOST))
}

/// How long to wait after failure number `failed` (from 1): a random share of a span that doubles, so that
/// many clients that failed together do not come back together. `share` is drawn from 0..1.
pub(super) fn backoff(failed: u32, share: f64) -> Duration {
    let span = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST);
    span.mul_f64(share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::{MOST, asked, backoff, passes};
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use std::time::{Duration, SystemTime};

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<u128> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        asked(&map, now).map(|wait| wait.as_millis())
    }

    #[test]
    fn retry_after_is_read_in_every_shape() {
        for (written, expected) in [
            ("7", Some(7000)),
            (" 7 ", Some(7000)),
            ("1.5", Some(1500)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(MOST.as_millis())),
            ("99999999999999999999999", Some(MOST.as_millis())),
            ("soon", None),
            ("-3", None),
            ("", None),
            (".", None),
            ("inf", None),
            ("1e9", None),
        ] {
            assert_eq!(wait(&[("retry-after", written)]), expected, "{written}");
        }
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn of_several_waits_the_exact_one_counts_and_then_the_longest() {
        assert_eq!(wait(&[("retry-after", "1"), ("retry-after-ms", "250")]), Some(250));
        assert_eq!(wait(&[("retry-after", "1"), ("retry-after-ms", "soon")]), Some(1000));
        assert_eq!(wait(&[("retry-after", "1"), ("retry-after", "nonsense"), ("retry-after", "20")]), Some(20_000));
    }

    #[test]
    fn a_date_is_read_by_the_servers_own_clock_if_it_shows_it() {
        let until = ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT");
        assert_eq!(wait(&[until, ("date", "Sun, 06 Nov 1994 08:49:44 GMT")]), Some(3000));
        assert_eq!(wait(&[until, ("date", "yesterday")]), Some(10_000));
    }

    #[test]
    fn the_span_doubles_up_to_a_limit() {
        let spans: Vec<u128> = (1..8).map(|failed| backoff(failed, 1.0).as_millis()).collect();
        assert_eq!(spans, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(backoff(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn only_states_that_pass_are_tried_again() {
        for status in [408, 409, 425, 429, 500, 502, 503, 504, 529] {
            assert_eq!(StatusCode::from_u16(status).map(passes).ok(), Some(true), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 413, 422, 501] {
            assert_eq!(StatusCode::from_u16(status).map(passes).ok(), Some(false), "{status}");
        }
    }
}
