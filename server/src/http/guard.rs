//! Who may come in. Everything is refused unless all is right: the name by which this server was called, the page that a
//! browser comes from, the token, and for what is sent its kind. Pure, and the only place where that is decided.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use sha2::{Digest, Sha256};

use super::failure::Failure;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request must bring.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    token: [u8; 32],
    /// `name:port` or a name with any port.
    hosts: Vec<String>,
    /// Pages that may ask from a browser.
    origins: Vec<String>,
}

impl Gate {
    /// `port`: where it listens; by the names of this machine it can always be called. `hosts`: further names; `origins`: of
    /// pages, such as `https://chat.example.org`.
    pub fn new(token: &str, port: u16, hosts: &[String], origins: &[String]) -> Self {
        let local = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        let hosts = local.into_iter().chain(hosts.iter().map(|host| host.to_ascii_lowercase())).collect();
        Self { token: digest(token), hosts, origins: origins.to_vec() }
    }

    /// Why a request stays outside.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
        self.host(uri, headers)?;
        self.origin(headers)?;
        self.bearer(headers)?;
        let mut kinds = headers.get_all(CONTENT_TYPE).iter();
        let kind = kinds.next().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if method == Method::POST && !(is_json && kinds.next().is_none()) {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_request_error",
                "unsupported_media_type",
                "what is sent must be of content type application/json",
            ));
        }
        Ok(())
    }

    /// A page that makes a name of its own point here (DNS rebinding) calls this server by that name.
    fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
        let refused = || {
            let why = "this server is not known by the name in the Host header; add it to serve.hosts";
            Failure::new(StatusCode::MISDIRECTED_REQUEST, "invalid_request_error", "wrong_host", why)
        };
        let mut named = headers.get_all(HOST).iter();
        let host = named.next().and_then(|host| host.to_str().ok()).ok_or_else(refused)?;
        let called = uri.authority().map_or(host, |authority| authority.as_str());
        let is_known = |called: &str| {
            let called = called.to_ascii_lowercase();
            let name = called.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map(|(name, _)| name);
            self.hosts.iter().any(|host| *host == called || name == Some(host))
        };
        if named.next().is_some() || !is_known(host) || !is_known(called) { Err(refused()) } else { Ok(()) }
    }

    /// A browser says which page asks; a program that is none says nothing.
    fn origin(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let refused = || {
            let why = "no page may ask from a browser unless serve.origins names it";
            Failure::new(StatusCode::FORBIDDEN, "permission_error", "wrong_origin", why)
        };
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next().map(|origin| origin.to_str()), origins.next()) {
            (None, _) => match headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes()) {
                None | Some(b"same-origin" | b"none") => Ok(()),
                Some(_) => Err(refused()),
            },
            (Some(Ok(origin)), None) if self.allows(origin) => Ok(()),
            _ => Err(refused()),
        }
    }

    /// Whether a page of this origin may ask.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }

    fn bearer(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let refused =
            |why: &str| Failure::new(StatusCode::UNAUTHORIZED, "invalid_request_error", "invalid_api_key", why);
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let token = sent.next().and_then(|value| value.to_str().ok()).and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match token {
            // Of digests nothing can be learnt from how long a comparison takes.
            Some(token) if sent.next().is_none() && digest(token) == self.token => Ok(()),
            Some(_) => Err(refused("the token is not the one of this server, which is in its file serve-token")),
            None => Err(refused("send the token of this server as `Authorization: Bearer TOKEN`")),
        }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: (&str, Option<&str>, Option<&str>, &str, Option<&str>) =
        ("127.0.0.1:4141", None, Some("Bearer secret"), "POST", Some("application/json"));

    fn status((host, origin, token, method, kind): (&str, Option<&str>, Option<&str>, &str, Option<&str>)) -> u16 {
        let gate = Gate::new("secret", 4141, &["baton.example.org".into()], &["https://chat.example.org".into()]);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a header"));
        for (name, value) in [(ORIGIN, origin), (AUTHORIZATION, token), (CONTENT_TYPE, kind)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().expect("a header"));
            }
        }
        let method = method.parse().expect("a method");
        gate.check(&method, &Uri::from_static("/v1/models"), &headers).map_or_else(|no| no.status.as_u16(), |()| 200)
    }

    #[test]
    fn everything_must_be_right() {
        let hosts = [
            ("127.0.0.1:4141", true),
            ("localhost:4141", true),
            ("baton.example.org", true),
            ("evil.example:4141", false),
            ("127.0.0.1:80", false),
        ];
        let origins = [
            (None, true),
            (Some("https://chat.example.org"), true),
            (Some("http://127.0.0.1:4141"), false),
            (Some("null"), false),
        ];
        let tokens = [
            (Some("Bearer secret"), true),
            (Some("Bearer secre"), false),
            (Some("Basic secret"), false),
            (None, false),
        ];
        let kinds = [
            (("POST", Some("application/json; charset=utf-8")), true),
            (("POST", Some("text/plain")), false),
            (("POST", None), false),
            (("GET", None), true),
        ];
        let (mut tried, mut in_all) = (0, 0);
        for (host, host_ok) in hosts {
            for (origin, origin_ok) in origins {
                for (token, token_ok) in tokens {
                    for ((method, kind), kind_ok) in kinds {
                        let request = (host, origin, token, method, kind);
                        let all = host_ok && origin_ok && token_ok && kind_ok;
                        assert_eq!(status(request) == 200, all, "{request:?}");
                        (tried, in_all) = (tried + 1, in_all + usize::from(all));
                    }
                }
            }
        }
        assert_eq!((tried, in_all), (320, 12));
    }

    #[test]
    fn each_wall_is_needed() {
        assert_eq!(status(RIGHT), 200);
        let (_, origin, token, method, kind) = RIGHT;
        assert_eq!(status(("rebound.example:4141", origin, token, method, kind)), 421);
        assert_eq!(status((RIGHT.0, Some("https://evil.example"), token, method, kind)), 403);
        assert_eq!(status((RIGHT.0, origin, Some("Bearer other"), method, kind)), 401);
        assert_eq!(status((RIGHT.0, origin, token, method, Some("text/plain"))), 415);
    }

    #[test]
    fn a_second_header_of_a_kind_opens_nothing() {
        let gate = Gate::new("secret", 4141, &[], &[]);
        for (name, first, second) in [
            (HOST, "127.0.0.1:4141", "evil.example"),
            (AUTHORIZATION, "Bearer secret", "Bearer other"),
            (ORIGIN, "https://a.example", "https://a.example"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "127.0.0.1:4141".parse().expect("a header"));
            headers.insert(AUTHORIZATION, "Bearer secret".parse().expect("a header"));
            assert!(gate.check(&Method::GET, &Uri::from_static("/"), &headers).is_ok());
            headers.insert(name.clone(), first.parse().expect("a header"));
            headers.append(name.clone(), second.parse().expect("a header"));
            assert!(gate.check(&Method::GET, &Uri::from_static("/"), &headers).is_err(), "{name}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "127.0.0.1:4141".parse().expect("a header"));
        headers.insert(AUTHORIZATION, "Bearer secret".parse().expect("a header"));
        headers.insert(SEC_FETCH_SITE, "cross-site".parse().expect("a header"));
        assert!(
            gate.check(&Method::GET, &Uri::from_static("/"), &headers).is_err(),
            "a page elsewhere, without Origin"
        );
        headers.remove(SEC_FETCH_SITE);
        let absolute = Uri::from_static("http://evil.example/v1/models");
        assert!(gate.check(&Method::GET, &absolute, &headers).is_err(), "the name in the request line");
    }
}
