//! A strict editor: every message from the server must be claimed by the test, everything on standard
//! output must be protocol, and every request must be answered exactly once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Methods that a server may send.
const KNOWN: [&str; 14] = [
    "$/progress",
    "baton/answer",
    "baton/apply",
    "baton/dismiss",
    "baton/review",
    "baton/status",
    "client/registerCapability",
    "window/logMessage",
    "window/showMessage",
    "window/showMessageRequest",
    "window/workDoneProgress/create",
    "workspace/applyEdit",
    "workspace/configuration",
    "textDocument/publishDiagnostics",
];

/// An editor's connection to one server.
pub struct Client {
    process: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Result<Value, String>>,
    unclaimed: VecDeque<Value>,
    answers: BTreeMap<i64, Value>,
    asked: BTreeSet<i64>,
    next: i64,
    ended: bool,
}

/// A request of the server's that the test must answer.
#[must_use]
#[derive(Debug)]
pub struct Asked {
    id: Value,
    /// What it asks.
    pub params: Value,
}

impl Client {
    /// Starts `command lsp` style programs: the command is run as it is, with pipes.
    pub fn start(mut command: Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut process = spawned.unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let output = process.stdout.take().unwrap();
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read_message(&mut output).transpose() {
                let last = message.is_err();
                if sender.send(message).is_err() || last {
                    break;
                }
            }
        });
        Self {
            input: process.stdin.take(),
            process,
            messages,
            unclaimed: VecDeque::new(),
            answers: BTreeMap::new(),
            asked: BTreeSet::new(),
            next: 0,
            ended: false,
        }
    }

    /// The server's process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Initializes with these parameters laid over the least that is allowed; gives the result.
    pub fn initialize(&mut self, params: Value) -> Value {
        let mut all = json!({"processId": std::process::id(), "rootUri": null, "capabilities": {}});
        for (key, value) in params.as_object().expect("parameters are an object") {
            all[key] = value.clone();
        }
        let result = self.call("initialize", all);
        self.notify("initialized", json!({}));
        result
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request; its answer is to be claimed with [`Self::answer`].
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        self.asked.insert(self.next);
        let mut message = json!({"jsonrpc": "2.0", "id": self.next, "method": method});
        if !params.is_null() {
            message["params"] = params;
        }
        self.send(&message);
        self.next
    }

    /// Expects an answer to a request that the test writes itself.
    pub fn expect(&mut self, id: i64) {
        self.asked.insert(id);
    }

    /// The answer to a request: `Ok(result)` or `Err(error)`.
    pub fn answer(&mut self, id: i64) -> Result<Value, Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(mut answer) = self.answers.remove(&id) {
                return match answer.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(answer["result"].take()),
                };
            }
            self.receive(deadline, &format!("the answer to request {id}"));
        }
    }

    /// Sends a request and gives its result.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends a request and gives its error.
    pub fn call_error(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id).expect_err(method)
    }

    /// Claims the next notification of this method, which may have come already.
    pub fn claim(&mut self, method: &str) -> Value {
        let mut message = self.take(method);
        assert!(message.get("id").is_none(), "{method} is a request here: {message}");
        message["params"].take()
    }

    /// Claims the next request of this method.
    pub fn claim_request(&mut self, method: &str) -> Asked {
        let mut message = self.take(method);
        let id = message["id"].take();
        assert!(!id.is_null(), "{method} is a notification here: {message}");
        Asked { id, params: message["params"].take() }
    }

    /// Claims the next message, whatever it is: its method, and its id if it is a request.
    pub fn claim_any(&mut self) -> (String, Option<Asked>, Value) {
        let deadline = Instant::now() + PATIENCE;
        while self.unclaimed.is_empty() {
            self.receive(deadline, "any message");
        }
        let mut message = self.unclaimed.pop_front().unwrap();
        let (id, params) = (message["id"].take(), message["params"].take());
        let method = message["method"].as_str().unwrap().to_owned();
        let asked = (!id.is_null()).then(|| Asked { id, params: params.clone() });
        (method, asked, params)
    }

    /// Answers a request of the server's.
    pub fn respond(&mut self, asked: Asked, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": asked.id, "result": result}));
    }

    /// Refuses a request of the server's.
    pub fn refuse(&mut self, asked: Asked, message: &str) {
        self.send(&json!({"jsonrpc": "2.0", "id": asked.id, "error": {"code": -32601, "message": message}}));
    }

    /// Opens a document.
    pub fn open(&mut self, uri: &str, language: &str, version: i32, text: &str) {
        let item = json!({"uri": uri, "languageId": language, "version": version, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": item}));
    }

    /// Sends one change of a document; `range` is `[line, column, line, column]`.
    pub fn change(&mut self, uri: &str, version: i32, range: [u32; 4], text: &str) {
        let change = json!({"range": lsp_range(range), "text": text});
        let document = json!({"uri": uri, "version": version});
        self.notify("textDocument/didChange", json!({"textDocument": document, "contentChanges": [change]}));
    }

    /// Writes bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.input.as_mut().expect("the input is open").write_all(bytes).expect("the server reads");
    }

    /// A message in its frame.
    pub fn frame(message: &Value) -> Vec<u8> {
        let body = message.to_string();
        format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// Shuts down politely; everything must have been claimed, and the exit code must be 0.
    pub fn shutdown(mut self) {
        assert_eq!(self.call("shutdown", Value::Null), Value::Null);
        self.notify("exit", Value::Null);
        let status = self.end();
        assert_eq!(status.code(), Some(0), "{status}");
    }

    /// Sends `exit` without `shutdown`; gives the exit code.
    pub fn exit(mut self) -> Option<i32> {
        self.notify("exit", Value::Null);
        self.end().code()
    }

    /// Closes the server's input; gives the exit code.
    pub fn hang_up(mut self) -> Option<i32> {
        drop(self.input.take());
        self.end().code()
    }

    /// Waits for a server that ends for a reason of its own; gives the exit code.
    pub fn wait(mut self) -> Option<i32> {
        self.end().code()
    }

    /// Waits for the end of the output and the process; nothing may be left over.
    fn end(&mut self) -> ExitStatus {
        self.ended = true;
        let deadline = Instant::now() + PATIENCE;
        while self.accept(deadline, "the end of the output") {}
        let status = self.process.wait().expect("the server was not waited for");
        assert_eq!(self.unclaimed, VecDeque::new(), "messages that the test did not claim");
        assert_eq!(self.answers, BTreeMap::new(), "answers that the test did not claim");
        assert_eq!(self.asked, BTreeSet::new(), "requests without an answer");
        status
    }

    fn take(&mut self, method: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.unclaimed.iter().position(|message| message["method"] == method) {
                return self.unclaimed.remove(at).unwrap();
            }
            self.receive(deadline, method);
        }
    }

    fn receive(&mut self, deadline: Instant, awaited: &str) {
        assert!(self.accept(deadline, awaited), "the server ended before {awaited}; unclaimed: {:?}", self.unclaimed);
    }

    /// Takes in one message; false at the end of the output.
    fn accept(&mut self, deadline: Instant, awaited: &str) -> bool {
        let message = match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(message)) => message,
            Ok(Err(problem)) => panic!("the server broke the protocol: {problem}"),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{awaited} did not come within {PATIENCE:?}; unclaimed: {:?}", self.unclaimed)
            }
        };
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        match message["method"].as_str() {
            Some(method) => {
                assert!(KNOWN.contains(&method), "unknown method: {message}");
                self.unclaimed.push_back(message);
            }
            None if message["id"].is_null() => {
                // The only message that is no answer to anything: what was sent could not be read.
                assert!(message["error"].is_object(), "neither request nor answer: {message}");
                self.answers.insert(0, message);
            }
            None => {
                let id = message["id"].as_i64().unwrap_or_else(|| panic!("an id that was not sent: {message}"));
                let one = message.get("result").is_some() != message.get("error").is_some();
                assert!(one, "an answer has a result or an error: {message}");
                assert!(self.asked.remove(&id), "an answer to nothing, or the second one: {message}");
                self.answers.insert(id, message);
            }
        }
        true
    }

    fn send(&mut self, message: &Value) {
        self.send_raw(&Self::frame(message));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.process.kill();
            let _ = self.process.wait();
            assert!(thread::panicking(), "the test forgot to end the server");
        }
    }
}

/// A range in the protocol's words.
pub fn lsp_range([line, column, end_line, end_column]: [u32; 4]) -> Value {
    json!({"start": {"line": line, "character": column}, "end": {"line": end_line, "character": end_column}})
}

/// One message; `None` at the end of the output between two messages.
fn read_message(output: &mut impl BufRead) -> Result<Option<Value>, String> {
    let mut header = String::new();
    match output.read_line(&mut header) {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        Err(e) => return Err(format!("a header that is not text: {e}")),
    }
    let length = header.strip_prefix("Content-Length: ").and_then(|rest| rest.strip_suffix("\r\n"));
    let length: usize = length.and_then(|l| l.parse().ok()).ok_or(format!("{header:?} is not a header"))?;
    let mut blank = [0; 2];
    output.read_exact(&mut blank).map_err(|e| e.to_string())?;
    if blank != *b"\r\n" {
        return Err(format!("more than one header: {blank:?}"));
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).map_err(|e| format!("a body that breaks off: {e}"))?;
    serde_json::from_slice(&body).map(Some).map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&body)))
}
