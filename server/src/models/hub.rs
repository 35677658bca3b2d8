//! A hub of models, Hugging Face or one like it: which files a repository has, and the bytes of one.
//!
//! A hub is as little trusted as a model: bodies are bounded, redirects counted, and its token goes to it alone.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE, LOCATION, RANGE,
};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use super::Name;
use crate::pool::{Reach, client, loopback, plain};

/// Where models come from unless the user says otherwise.
pub const ENDPOINT: &str = "https://huggingface.co";

/// Most bytes of the list of a repository's files.
const LIST: usize = 8 << 20;
const REDIRECTS: usize = 5;
/// How long a hub may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A hub. Making one contacts nothing.
#[derive(Debug)]
pub struct Hub {
    endpoint: Url,
    token: Option<HeaderValue>,
    client: Client,
}

/// A file as it comes.
pub(super) struct Download {
    /// The first byte that comes; 0: all of it comes.
    pub from: u64,
    /// Bytes of the whole file, where the hub says so.
    pub total: Option<u64>,
    /// Names this version of the file for a later request.
    pub etag: Option<String>,
    /// Of the whole file, where the hub says so.
    pub sha256: Option<String>,
    pub body: Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>,
}

/// The beginning of a file that is there already, and the version it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    pub bytes: u64,
    pub etag: String,
}

#[derive(Deserialize)]
struct List {
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Hub {
    /// The hub at `endpoint`; `token` opens what is not for everybody. An error is a sentence.
    pub fn new(endpoint: &str, token: Option<&str>) -> Result<Self, String> {
        let wrong = || format!("the hub's address must look like {ENDPOINT}, not `{}`", plain(endpoint));
        let endpoint = Url::parse(endpoint).map_err(|_| wrong())?;
        let is_safe = endpoint.scheme() == "https" || endpoint.scheme() == "http" && loopback(&endpoint);
        if !is_safe || !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(wrong());
        }
        let token = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| "HF_TOKEN has characters that no token has".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        });
        let client = client(&endpoint, &Reach::default())?;
        Ok(Self { endpoint, token: token.transpose()?, client })
    }

    /// The names of the files that a repository has, as it writes them.
    pub(super) async fn files(&self, name: &Name) -> Result<Vec<String>, String> {
        let url = self.at(&["api", "models"], name, &[]);
        let (response, _) = self.get(url, &HeaderMap::new()).await?;
        let response = self.found(response, name)?;
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = patiently(chunks.next()).await? {
            body.extend_from_slice(&chunk.map_err(|error| broken(&error))?);
            if body.len() > LIST {
                return Err(format!("the hub's list of the files of {name} is too long"));
            }
        }
        let list: List = serde_json::from_slice(&body)
            .map_err(|_| format!("the hub's list of the files of {name} cannot be read; check its address"))?;
        Ok(list.siblings.into_iter().map(|sibling| sibling.rfilename).collect())
    }

    /// Opens a file, from where it was begun if it is still the same.
    pub(super) async fn open(&self, name: &Name, file: &str, begun: Option<&Begun>) -> Result<Download, String> {
        let parts: Vec<&str> = ["resolve", "main"].into_iter().chain(file.split('/')).collect();
        let mut headers = HeaderMap::new();
        if let Some((begun, etag)) = begun.and_then(|begun| Some((begun, HeaderValue::from_str(&begun.etag).ok()?))) {
            let range = HeaderValue::from_str(&format!("bytes={}-", begun.bytes)).ok();
            headers.extend(range.map(|range| (RANGE, range)));
            headers.insert(IF_RANGE, etag);
        }
        let (response, sha256) = self.get(self.at(&[], name, &parts), &headers).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && begun.is_some() {
            return Box::pin(self.open(name, file, None)).await;
        }
        let response = self.found(response, name)?;
        let text = |header: HeaderName| Some(response.headers().get(header)?.to_str().ok()?.to_owned());
        let (from, total) = if response.status() == StatusCode::PARTIAL_CONTENT {
            let range = text(CONTENT_RANGE).and_then(|range| continued(&range));
            range.ok_or_else(|| format!("the hub sent a part of {file} without saying which"))?
        } else {
            // By the header: a stream that a client has begun to read no longer knows its length.
            (0, text(CONTENT_LENGTH).and_then(|length| length.parse().ok()))
        };
        let etag = text(ETAG).filter(|etag| !etag.starts_with("W/"));
        let body = response.bytes_stream().map(|chunk| chunk.map_err(|error| broken(&error)));
        Ok(Download { from, total, etag, sha256, body: Box::pin(body) })
    }

    fn at(&self, before: &[&str], name: &Name, after: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(before).extend(name.parts()).extend(after);
        }
        url
    }

    /// Follows redirects, and gathers what they say of the file's SHA-256: the store behind a hub does not repeat it.
    async fn get(&self, mut url: Url, headers: &HeaderMap) -> Result<(Response, Option<String>), String> {
        let mut sha256 = None;
        for _ in 0..=REDIRECTS {
            let mut request = self.client.get(url.clone()).headers(headers.clone());
            if let Some(token) = self.token.as_ref().filter(|_| url.origin() == self.endpoint.origin()) {
                request = request.header(AUTHORIZATION, token.clone());
            }
            let at = url.origin().ascii_serialization();
            let response = patiently(request.send()).await?.map_err(|error| {
                let said = plain(&format!("{:#}", anyhow::Error::new(error.without_url())));
                format!("{at} cannot be reached: {said}; check the network, HTTPS_PROXY and HF_ENDPOINT")
            })?;
            sha256 = sha256.or_else(|| linked(response.headers()));
            if !response.status().is_redirection() {
                return Ok((response, sha256));
            }
            let to = response.headers().get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
            let to = to.ok_or_else(|| format!("{at} redirects to nowhere"))?;
            if to.scheme() != "https" && !(to.scheme() == "http" && loopback(&to) && loopback(&self.endpoint)) {
                return Err(format!("{at} redirects to an address without encryption; nothing was fetched"));
            }
            url = to;
        }
        Err(format!("{} redirects without end", self.endpoint))
    }

    fn found(&self, response: Response, name: &Name) -> Result<Response, String> {
        let status = response.status();
        match status {
            _ if status.is_success() => Ok(response),
            StatusCode::NOT_FOUND => Err(format!("{name}, or this file of it, is not there ({status})")),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(format!(
                "{name} is not there or not for everybody ({status}); check its name, or accept its terms on the \
                 hub's page and set HF_TOKEN"
            )),
            _ => Err(format!("the hub does not give {name} ({status})")),
        }
    }
}

async fn patiently<F: Future>(future: F) -> Result<F::Output, String> {
    let silent = |_| format!("the hub said nothing for {} s; run the same again to go on", PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, future).await.map_err(silent)
}

fn broken(error: &reqwest::Error) -> String {
    format!("the connection broke ({}); run the same again to go on", plain(&error.to_string()))
}

/// What comes next, within the hub's patience.
pub(super) async fn next(download: &mut Download) -> Result<Option<Bytes>, String> {
    patiently(download.body.next()).await?.transpose()
}

/// Where a part begins and how long the whole is, from `bytes 5-9/10`.
fn continued(range: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = span.split_once('-')?;
    Some((from.parse().ok()?, total.parse().ok()))
}

/// The SHA-256 that a hub tells of a large file.
fn linked(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get("x-linked-etag")?.to_str().ok()?.trim_matches('"').to_lowercase();
    (etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(etag)
}

#[cfg(test)]
mod tests {
    use super::{Hub, continued, linked};
    use reqwest::header::{HeaderMap, HeaderValue};

    #[test]
    fn a_hub_is_encrypted_or_on_this_machine() {
        assert!(Hub::new("http://127.0.0.1:1", Some("hf_x")).is_ok());
        for endpoint in ["http://hub.example", "ftp://hub.example", "hub", "https://me:pw@hub.example"] {
            assert!(Hub::new(endpoint, None).is_err(), "{endpoint}");
        }
        let hub = Hub::new("http://127.0.0.1:1", Some("hf_secret")).expect("a hub");
        assert!(!format!("{hub:?}").contains("hf_secret"));
    }

    #[test]
    fn only_well_formed_headers_say_something() {
        assert_eq!(continued("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(continued("bytes 5-9/*"), Some((5, None)));
        for range in ["", "bytes */10", "5-9/10", "bytes -1-9/10", "bytes 5/10"] {
            assert_eq!(continued(range), None, "{range}");
        }
        let of = |etag: String| {
            let etag = HeaderValue::from_str(&etag).expect("a header");
            linked(&HeaderMap::from_iter([("x-linked-etag".parse().expect("a name"), etag)]))
        };
        assert_eq!(of(format!("\"{}\"", "A".repeat(64))), Some("a".repeat(64)));
        assert_eq!(of("\"686897696a7c876b7e\"".into()), None, "a short hash is git's, not the file's");
    }
}
