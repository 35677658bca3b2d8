//! `baton serve` as it runs, and requests to it written byte by byte, so that nothing is put right on the way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Project;

/// The running endpoint; it is ended when dropped.
pub struct Endpoint {
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    /// What its requests must bring.
    pub token: String,
    child: Child,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head without its first line, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body, put together again if it came in chunks.
    pub body: String,
}

/// A request that is being written.
#[derive(Debug, Clone)]
pub struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Endpoint {
    /// Starts it at a free port, in this project's home, and waits until it listens.
    pub fn start(project: &Project) -> Self {
        let mut command = project.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary is built");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let token = std::fs::read_to_string(project.home().join("state/baton/serve-token")).expect("it made a token");
        let address = said["listening"].as_str().expect("an address").to_owned();
        Self { address, token: token.trim().to_owned(), child }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    pub fn stop(mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        let asked = std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill is everywhere");
        assert!(asked.success());
        self.child.wait().expect("it ends")
    }

    /// A request as a program makes it that has the token.
    pub fn request(&self, method: &str, path: &str, body: &Value) -> Request {
        let headers = [
            ("Host", self.address.clone()),
            ("Authorization", format!("Bearer {}", self.token)),
            ("Connection", "close".into()),
        ];
        let request = Request {
            line: format!("{method} {path} HTTP/1.1"),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: if body.is_null() { String::new() } else { body.to_string() },
        };
        if body.is_null() { request } else { request.with("Content-Type", "application/json") }
    }

    /// Asks for a chat completion.
    pub fn chat(&self, body: &Value) -> Answer {
        self.send(&self.request("POST", "/v1/chat/completions", body))
    }

    /// Sends a request and reads its answer to the end.
    pub fn send(&self, request: &Request) -> Answer {
        let mut stream = self.open(request);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer that ends");
        Answer::read(&bytes)
    }

    /// Sends a request; its answer is still to be read.
    pub fn open(&self, request: &Request) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        stream.write_all(request.bytes().as_bytes()).expect("it reads");
        stream
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Request {
    /// With this header, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    fn bytes(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length =
            if self.body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", self.body.len()) };
        format!("{}\r\n{headers}{length}\r\n{}", self.line, self.body)
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers: Vec<_> = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if chunked { together(body) } else { body.to_owned() };
        Self { status: status.unwrap_or_else(|| panic!("no status: {head:?}")), headers, body }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The data of the events of a stream, without its last one, `[DONE]`.
    pub fn events(&self) -> Vec<Value> {
        let data =
            self.body.split("\n\n").filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")));
        let data = data.filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))).collect()
    }

    /// The words of a streamed chat completion.
    pub fn words(&self) -> String {
        self.deltas("content")
    }

    /// What a streamed chat completion says besides its words.
    pub fn asides(&self) -> String {
        self.deltas("reasoning_content")
    }

    fn deltas(&self, field: &str) -> String {
        let deltas = self.events();
        deltas.iter().filter_map(|event| event["choices"][0]["delta"][field].as_str()).collect()
    }
}

/// The text of chunks.
fn together(mut chunks: &str) -> String {
    let mut whole = Vec::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let Ok(length @ 1..) = usize::from_str_radix(length, 16) else { break };
        // Lengths are of bytes, and text was made of the whole: what is no character boundary is cut elsewhere.
        let Some(chunk) = rest.as_bytes().get(..length) else { break };
        whole.extend_from_slice(chunk);
        chunks = rest.get(length + 2..).unwrap_or_default();
    }
    String::from_utf8_lossy(&whole).into_owned()
}
