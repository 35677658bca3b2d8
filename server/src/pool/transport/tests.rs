//! Reaching a server through a proxy, behind an authority of one's own, and not at all.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Http, Incoming, Network, Outgoing, Reach, Unreached};
use crate::config::WorkerOptions;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls");

fn options(written: &str) -> WorkerOptions {
    toml::from_str(&format!("name = 'w'\nmodel = 'm'\n{written}")).expect("options")
}

fn reach(url: &str, written: &str, has_key: bool) -> Result<Reach, &'static str> {
    Reach::of(&options(written), &Url::parse(url).expect("a URL"), has_key)
}

async fn post(url: &str, written: &str) -> Result<Incoming, Unreached> {
    let url = Url::parse(url).expect("a URL");
    let http = Http::to(url.clone(), Reach::of(&options(written), &url, false).expect("usable"));
    http.post(Outgoing { url, headers: HeaderMap::new(), body: b"{}".to_vec() }).await
}

/// Reads a request, answers 200 and gives the request's first line.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n{}") {
        read.push(stream.read_u8().await.expect("a request"));
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("written");
    stream.flush().await.expect("written");
    String::from_utf8_lossy(&read).lines().next().unwrap_or_default().to_owned()
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

#[tokio::test]
async fn a_proxy_is_asked_in_the_place_of_the_server() {
    let (listener, address) = listener().await;
    let serve = async { answer(listener.accept().await.expect("a client").0).await };
    let proxy = format!("proxy = 'http://{address}'");
    let (line, answered) = tokio::join!(serve, post("http://models.example/v1", &proxy));
    assert!(answered.is_ok());
    assert_eq!(line, "POST http://models.example/v1 HTTP/1.1");
}

async fn encrypted(stream: TcpStream) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = CertificateDer::from_pem_file(format!("{FIXTURES}/server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(format!("{FIXTURES}/server.key")).expect("a key");
    let server = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    match TlsAcceptor::from(Arc::new(server.expect("they belong together"))).accept(stream).await {
        Ok(stream) => answer(stream).await,
        Err(refused) => refused.to_string(),
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_if_the_user_says_so() {
    let (listener, address) = listener().await;
    let url = format!("https://{address}/v1");
    let serve = || async { encrypted(listener.accept().await.expect("a client").0).await };
    let trusting = format!("ca_file = '{FIXTURES}/ca.pem'");
    let (line, answered) = tokio::join!(serve(), post(&url, &trusting));
    assert!(answered.is_ok(), "{:?}", answered.err());
    assert_eq!(line, "POST /v1 HTTP/1.1");
    // A file with another authority: the handshake ends without a request.
    let doubting = format!("ca_file = '{FIXTURES}/server.pem'");
    let (line, answered) = tokio::join!(serve(), post(&url, &doubting));
    assert!(matches!(answered.err(), Some(Unreached::Connection(_))) && !line.starts_with("POST"), "{line}");
}

#[tokio::test]
async fn a_file_without_certificates_is_named() {
    for (file, says) in [("/nowhere/ca.pem", "cannot be read"), (&format!("{FIXTURES}/server.key"), "no certificate")] {
        let refused = post("https://127.0.0.1:9/v1", &format!("ca_file = '{file}'")).await.err();
        let Some(Unreached::Unable(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains(file) && why.contains(says), "{why}");
    }
}

#[tokio::test]
async fn connections_are_kept_only_as_long_as_configured() {
    let (listener, address) = listener().await;
    let url = Url::parse(&format!("http://{address}/v1")).expect("a URL");
    for (written, connections) in [("idle_seconds = 0.0", 2), ("idle_seconds = 60.0", 1)] {
        let http = Http::to(url.clone(), Reach::of(&options(written), &url, false).expect("usable"));
        let ask = async {
            for _ in 0..2 {
                let request = Outgoing { url: url.clone(), headers: HeaderMap::new(), body: b"{}".to_vec() };
                assert!(http.post(request).await.is_ok());
            }
        };
        let serve = async {
            for _ in 0..connections {
                let (mut stream, _) = listener.accept().await.expect("a client");
                for _ in 0..(2 / connections) {
                    answer(&mut stream).await;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(ask, serve) }).await.expect("answered");
    }
}

#[test]
fn a_reach_that_cannot_be_used_says_what_to_change() {
    let proxy = "proxy = 'http://proxy.example:3128'";
    assert!(reach("https://models.example", proxy, true).is_ok());
    assert!(reach("http://127.0.0.1:1", "", true).is_ok());
    for (url, written, says) in [
        ("https://models.example", "proxy = 'proxy.example'", "must look like"),
        ("https://models.example", "proxy = 'socks5://proxy.example'", "must look like"),
        ("https://models.example", "proxy = 'http://me:pw@proxy.example'", "HTTPS_PROXY"),
        ("http://127.0.0.1:1", proxy, "unencrypted to the proxy"),
        ("https://models.example", "ca_file = 'ca.pem'", "absolute"),
        ("https://models.example", "connect_seconds = 0.0", "connect_seconds"),
        ("https://models.example", "idle_seconds = -1.0", "idle_seconds"),
        ("https://models.example", "idle_seconds = nan", "idle_seconds"),
    ] {
        assert!(reach(url, written, true).expect_err(written).contains(says), "{written}");
    }
}
