//! What a server does with one request: everything that servers have been seen to do, and a few things more.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::dice::Dice;
use super::stream::{Count, Piece, WRONG, byte_by_byte, delta, event, finish, pieces, speech, written};
use crate::pool::transport::Unreached;

/// A kind of behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Good,
    Dns,
    Refused,
    Tls,
    Reset,
    NeverAnswers,
    SlowHead,
    Status,
    Html,
    Json,
    Empty,
    KeepAlives,
    EmptyEvents,
    HalfOpen,
    Truncated,
    OtherEnd,
    Malformed,
    Duplicated,
    Reordered,
    BadText,
    Slowloris,
    EndlessTokens,
    EndlessLine,
    HugeEvent,
    ManyHeaders,
    WrongCount,
    LateCount,
    TalksOn,
    BreaksAfterEnd,
    ErrorEvent,
}

/// Each with its weight.
pub(super) const ACTS: [(Act, u32); 30] = [
    (Act::Good, 300),
    (Act::Dns, 20),
    (Act::Refused, 20),
    (Act::Tls, 20),
    (Act::Reset, 30),
    (Act::NeverAnswers, 30),
    (Act::SlowHead, 30),
    (Act::Status, 250),
    (Act::Html, 15),
    (Act::Json, 15),
    (Act::Empty, 20),
    (Act::KeepAlives, 30),
    (Act::EmptyEvents, 30),
    (Act::HalfOpen, 40),
    (Act::Truncated, 120),
    (Act::OtherEnd, 40),
    (Act::Malformed, 40),
    (Act::Duplicated, 30),
    (Act::Reordered, 30),
    (Act::BadText, 20),
    (Act::Slowloris, 10),
    (Act::EndlessTokens, 5),
    (Act::EndlessLine, 5),
    (Act::HugeEvent, 5),
    (Act::ManyHeaders, 3),
    (Act::WrongCount, 60),
    (Act::LateCount, 20),
    (Act::TalksOn, 30),
    (Act::BreaksAfterEnd, 30),
    (Act::ErrorEvent, 20),
];

const STATUSES: [u16; 23] =
    [204, 301, 302, 307, 308, 400, 401, 403, 404, 408, 409, 413, 418, 422, 425, 429, 429, 429, 500, 501, 502, 503, 529];

/// What one request gets.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub act: Act,
    /// How long until there is a head.
    pub before: Duration,
    pub head: Head,
    pub pieces: Vec<Piece>,
    pub ending: Ending,
}

/// The beginning of an answer.
#[derive(Debug, Clone)]
pub(super) enum Head {
    Unreached(Unreached),
    Never,
    Answer(StatusCode, HeaderMap),
}

/// What comes after the last piece.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    Close,
    Break,
    /// The connection stays open and silent.
    Open,
    /// The same again and again.
    Again(Piece),
}

/// What a server knows of a request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Tokens of its prompt, as this server counts them.
    pub read: usize,
    /// What the worker's key is, or another word that must never be shown.
    pub secret: String,
    /// The time of day, as the server knows it.
    pub now: SystemTime,
}

/// An answer in good order.
pub(super) fn good(dice: &mut Dice, asked: &Asked) -> Served {
    let words = dice.between(1, 12);
    let events = speech(dice, words).end("stop", Count::Right, asked.read);
    let bytes = written(dice, &events);
    streamed(dice, Act::Good, bytes, Ending::Close)
}

/// What a server does that may do anything.
pub(super) fn drawn(dice: &mut Dice, asked: &Asked) -> Served {
    let act = dice.weighted(&ACTS);
    let words = dice.between(1, 12);
    let cut_ending = dice.pick(&[Ending::Close, Ending::Break]);
    let unreached = |dice: &mut Dice, reason: Unreached| Served {
        act,
        before: dice.time(1, 30_000),
        head: Head::Unreached(reason),
        pieces: Vec::new(),
        ending: Ending::Close,
    };
    let said = |dice: &mut Dice| speech(dice, words).end("stop", Count::Right, asked.read);
    match act {
        Act::Good => good(dice, asked),
        Act::Dns => unreached(dice, Unreached::Connection("failed to lookup address information".into())),
        Act::Refused => unreached(dice, Unreached::Connection("Connection refused (os error 111)".into())),
        Act::Tls => unreached(dice, Unreached::Connection("invalid peer certificate: Expired".into())),
        Act::Reset => unreached(dice, Unreached::Broken("connection closed before message completed".into())),
        Act::NeverAnswers => Served { head: Head::Never, ..streamed(dice, act, Vec::new(), Ending::Open) },
        Act::SlowHead => {
            let served = good(dice, asked);
            Served { act, before: dice.time(1_000, 3 * 86_400_000), ..served }
        }
        Act::Status => refusal(dice, asked),
        Act::Html => {
            let served =
                streamed(dice, act, b"<!doctype html><html><body>Welcome</body></html>".to_vec(), Ending::Close);
            let kind = dice.pick(&["text/html; charset=utf-8", "text/html", "text/plain"]);
            typed(served, kind)
        }
        Act::Json => {
            let body = br#"{"choices":[{"message":{"content":"whole"},"finish_reason":"stop"}]}"#;
            let kind = dice.pick(&["application/json", "text/event-stream"]);
            typed(streamed(dice, act, body.to_vec(), Ending::Close), kind)
        }
        Act::Empty => {
            let ending = dice.pick(&[Ending::Close, Ending::Break, Ending::Open]);
            streamed(dice, act, Vec::new(), ending)
        }
        Act::KeepAlives => {
            let begun = if dice.chance(0.5) { speech(dice, words).events } else { Vec::new() };
            let bytes = written(dice, &begun);
            let sign = dice.pick(&[": OPENROUTER PROCESSING\n\n", ":\n", "event: ping\n\n", "\n\n"]);
            let again = Piece { after: dice.time(200, 20_000), bytes: Bytes::from(sign) };
            streamed(dice, act, bytes, Ending::Again(again))
        }
        Act::EmptyEvents => {
            let sign = dice.pick(&[event("{}"), event(r#"{"choices":[]}"#), delta("content", ""), event(" ")]);
            let again = Piece { after: dice.time(200, 20_000), bytes: Bytes::from(sign) };
            streamed(dice, act, Vec::new(), Ending::Again(again))
        }
        Act::HalfOpen => {
            let events = said(dice);
            let mut bytes = written(dice, &events);
            bytes.truncate(dice.below(bytes.len()));
            streamed(dice, act, bytes, Ending::Open)
        }
        Act::Truncated => {
            let events = said(dice);
            let mut bytes = written(dice, &events);
            bytes.truncate(dice.below(bytes.len()));
            streamed(dice, act, bytes, cut_ending)
        }
        Act::OtherEnd => {
            let reason = dice.pick(&["length", "content_filter", "tool_calls", "function_call"]);
            let events = speech(dice, words).end(reason, Count::Right, asked.read);
            let bytes = written(dice, &events);
            streamed(dice, act, bytes, Ending::Close)
        }
        Act::Malformed => {
            let mut events = said(dice);
            let at = dice.below(events.len());
            let nonsense = [
                "{\"choices\": [",
                "null",
                "[]",
                "\"text\"",
                "{\"choices\":{}}",
                "{\"choices\":[{\"delta\":7}]}",
                "\u{0}",
            ];
            events.insert(at, event(dice.pick(&nonsense)));
            let bytes = written(dice, &events);
            streamed(dice, act, bytes, Ending::Close)
        }
        Act::Duplicated => {
            let mut events = said(dice);
            let at = dice.below(events.len());
            events.insert(at, events[at].clone());
            let bytes = written(dice, &events);
            streamed(dice, act, bytes, Ending::Close)
        }
        Act::Reordered => {
            let mut events = said(dice);
            let (one, other) = (dice.below(events.len()), dice.below(events.len()));
            events.swap(one, other);
            let bytes = written(dice, &events);
            streamed(dice, act, bytes, Ending::Close)
        }
        Act::BadText => {
            let events = said(dice);
            let mut bytes = written(dice, &events);
            let at = dice.below(bytes.len());
            bytes[at] = dice.pick(&[0xff, 0xc0, 0x80, 0xe2]);
            streamed(dice, act, bytes, Ending::Close)
        }
        Act::Slowloris => {
            let events = said(dice);
            let bytes = written(dice, &events);
            let served = streamed(dice, act, Vec::new(), Ending::Close);
            let after = Duration::from_millis(dice.pick(&[0, 1, 1000]));
            Served { pieces: byte_by_byte(bytes, after), ..served }
        }
        Act::EndlessTokens => {
            let words: String = (0..200).map(|_| delta("content", "on and on ")).collect();
            let after = Duration::from_millis(dice.pick(&[0, 20]));
            streamed(dice, act, Vec::new(), Ending::Again(Piece { after, bytes: words.into() }))
        }
        Act::EndlessLine => {
            let line = dice.pick(&["x", " ", ":", "\u{0}"]).repeat(16 * 1024);
            let begin = dice.pick(&["data: ", ":", "event: ", ""]);
            let again = Piece { after: Duration::ZERO, bytes: line.into() };
            streamed(dice, act, begin.as_bytes().to_vec(), Ending::Again(again))
        }
        Act::HugeEvent => {
            let bytes = delta("content", &"word ".repeat(dice.pick(&[20_000, 400_000])));
            let mut events = vec![bytes];
            events.extend(said(dice));
            streamed(dice, act, events.concat().into_bytes(), Ending::Close)
        }
        Act::ManyHeaders => {
            let mut served = good(dice, asked);
            served.act = act;
            if let Head::Answer(_, headers) = &mut served.head {
                for number in 0..2_000 {
                    let name = HeaderName::try_from(format!("x-{number}")).expect("a name");
                    headers.append(name, HeaderValue::from_static("x"));
                    headers.append(RETRY_AFTER, HeaderValue::from_static("1"));
                }
            }
            served
        }
        Act::WrongCount => {
            let count = dice.pick(&WRONG);
            let events = speech(dice, words).end("stop", count, asked.read);
            let bytes = written(dice, &events);
            streamed(dice, act, bytes, Ending::Close)
        }
        Act::LateCount => {
            let count = dice.pick(&[Count::Right, Count::Huge]);
            let mut events = speech(dice, words).end("stop", count, asked.read);
            let late = events.split_off(events.len() - 2).concat();
            let bytes = written(dice, &events);
            let ending = any_ending(dice);
            let mut served = streamed(dice, act, bytes, ending);
            served.pieces.push(Piece { after: dice.time(500, 60_000), bytes: late.into() });
            served
        }
        Act::TalksOn => {
            let mut speech = speech(dice, words);
            speech.events.push(finish("stop"));
            let bytes = written(dice, &speech.events);
            let sign =
                dice.pick(&[event(r#"{"choices":[]}"#), ":\n".into(), delta("content", "more"), delta("role", "x")]);
            let again = Piece { after: dice.time(100, 5_000), bytes: sign.into() };
            streamed(dice, act, bytes, Ending::Again(again))
        }
        Act::BreaksAfterEnd => {
            let events =
                if dice.chance(0.5) { said(dice) } else { [speech(dice, words).events, vec![finish("stop")]].concat() };
            let bytes = written(dice, &events);
            streamed(dice, act, bytes, Ending::Break)
        }
        Act::ErrorEvent => {
            let mut events = speech(dice, words).events;
            events.truncate(dice.between(0, events.len()));
            let said = explained(dice, &asked.secret);
            events.push(event(&serde_json::json!({"error": {"message": said}}).to_string()));
            let bytes = written(dice, &events);
            let ending = any_ending(dice);
            streamed(dice, act, bytes, ending)
        }
    }
}

fn any_ending(dice: &mut Dice) -> Ending {
    dice.pick(&[Ending::Close, Ending::Break, Ending::Open])
}

/// A stream that begins soon.
fn streamed(dice: &mut Dice, act: Act, bytes: Vec<u8>, ending: Ending) -> Served {
    let pause = dice.pick(&[5, 300, 300, 5_000, 120_000]);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))]);
    let pieces = if bytes.is_empty() { Vec::new() } else { pieces(dice, bytes, pause) };
    Served { act, before: dice.time(1, 2_000), head: Head::Answer(StatusCode::OK, headers), pieces, ending }
}

fn typed(mut served: Served, kind: &'static str) -> Served {
    if let Head::Answer(_, headers) = &mut served.head {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    served
}

fn refusal(dice: &mut Dice, asked: &Asked) -> Served {
    let status = StatusCode::from_u16(dice.pick(&STATUSES)).expect("a status");
    let said = match dice.below(6) {
        0 => "This model's maximum context length is 8192 tokens.".to_owned(),
        _ => explained(dice, &asked.secret),
    };
    let body = match dice.below(6) {
        0 => String::new(),
        1 => serde_json::json!({"error": said}).to_string(),
        2 => said,
        3 => format!("<html>{said}</html>"),
        4 => said.repeat(400),
        _ => serde_json::json!({"error": {"message": said, "code": 7}}).to_string(),
    };
    let mut served = streamed(dice, Act::Status, body.into_bytes(), Ending::Close);
    if dice.chance(0.1) {
        served.ending = Ending::Open;
    }
    if let Head::Answer(is, headers) = &mut served.head {
        *is = status;
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(dice.pick(&["application/json", "text/html", "text/plain"])),
        );
        if dice.chance(0.6) {
            wait(dice, headers, asked.now);
        }
    }
    served
}

/// An explanation of up to 350 characters that may have the key anywhere in it.
fn explained(dice: &mut Dice, secret: &str) -> String {
    let before = "so it is ".repeat(dice.below(40)) + &".".repeat(dice.below(9));
    match dice.below(3) {
        0 => before,
        1 => format!("{before}{secret}"),
        _ => format!("{before} Incorrect API key provided: {secret}. Look it up."),
    }
}

/// One or more `Retry-After` in any shape.
fn wait(dice: &mut Dice, headers: &mut HeaderMap, now: SystemTime) {
    for _ in 0..dice.pick(&[1, 1, 1, 2, 3]) {
        let ahead = dice.time(100, 86_400_000);
        let written = match dice.below(12) {
            0 => "-3".to_owned(),
            1 => "99999999999999999999".to_owned(),
            2 => "soon".to_owned(),
            3 => String::new(),
            4 => "0".to_owned(),
            5 => format!("{:.3}", dice.share() * 20.0),
            6 => httpdate::fmt_http_date(now + ahead),
            7 => httpdate::fmt_http_date(now - ahead),
            8 => "Fri, 31 Dec 9999 23:59:59 GMT".to_owned(),
            9 => "NaN".to_owned(),
            _ => dice.between(0, 40).to_string(),
        };
        let name = if dice.chance(0.2) { HeaderName::from_static("retry-after-ms") } else { RETRY_AFTER };
        headers.append(name, HeaderValue::try_from(written).expect("a value"));
    }
    if dice.chance(0.3) {
        headers.insert(DATE, HeaderValue::try_from(httpdate::fmt_http_date(now)).expect("a value"));
    }
}
