//! A model on this machine as a worker. It is asked in this process and answers as an OpenAI-compatible server streams, so
//! that everything about a call, from its deadline to how it is counted, is the same for every worker.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::transport::{Incoming, Network, Outgoing, Unreached};

/// A model that needs no server.
pub trait Local: std::fmt::Debug + Send + Sync {
    /// Begins an answer of at most `max_output` tokens. The stream gives it as it comes and ends with [`Part::End`];
    /// dropped, it calls the model off. An error is a clause that says why there is no answer.
    fn answer(self: Arc<Self>, said: Vec<Turn>, max_output: usize) -> BoxStream<'static, Result<Part, String>>;
}

/// What was said so far, one message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Turn {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The words.
    pub content: String,
}

/// What comes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All that there is so far.
    SoFar(String),
    /// The whole answer.
    End {
        /// Its text.
        text: String,
        /// Whether it came to its end; else the limit of tokens cut it off.
        whole: bool,
        /// Tokens read.
        tokens_in: usize,
        /// How many of them were known from before.
        tokens_cached: usize,
        /// Tokens written.
        tokens_out: usize,
    },
}

/// The way to such a model.
#[derive(Debug)]
pub(super) struct InProcess(pub(super) Arc<dyn Local>);

/// What is sent, as far as a model on this machine needs it.
#[derive(Deserialize)]
struct Request {
    messages: Vec<Turn>,
    max_tokens: usize,
}

impl Network for InProcess {
    fn post(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Unreached>> {
        Box::pin(async move {
            let unable = |why: &str| Unreached::Unable(why.to_owned());
            let request: Request =
                serde_json::from_slice(&request.body).map_err(|error| Unreached::Unable(error.to_string()))?;
            let mut parts = self.0.clone().answer(request.messages, request.max_tokens);
            // What goes wrong before the first word would go wrong again.
            let first = match parts.next().await {
                Some(Ok(first)) => first,
                Some(Err(why)) => return Err(Unreached::Unable(why)),
                None => return Err(unable("it ended without an answer")),
            };
            let mut said = String::new();
            let body = stream::iter([Ok(first)]).chain(parts).map(move |part| events(part?, &mut said));
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))]);
            Ok(Incoming { status: StatusCode::OK, headers, body: Box::pin(body) })
        })
    }
}

/// The events that tell of `part`, where `said` was told before.
fn events(part: Part, said: &mut String) -> Result<Bytes, String> {
    let event = |value: Value| format!("data: {value}\n\n");
    match part {
        Part::SoFar(text) => match text.strip_prefix(said.as_str()) {
            Some(new) if !new.is_empty() => {
                let told = event(json!({"choices": [{"index": 0, "delta": {"content": new}}]}));
                *said = text;
                Ok(told.into())
            }
            // It was started anew, and is not as far yet as it had been.
            _ => Ok(Bytes::new()),
        },
        Part::End { text, whole, tokens_in, tokens_cached, tokens_out } => {
            let rest = text.strip_prefix(said.as_str());
            let rest = rest.ok_or("was started anew and wrote something else; what came is not used")?;
            let finish = if whole { "stop" } else { "length" };
            let end = event(json!({
                "choices": [{"index": 0, "delta": {"content": rest}, "finish_reason": finish}],
                "usage": {
                    "prompt_tokens": tokens_in,
                    "completion_tokens": tokens_out,
                    "prompt_tokens_details": {"cached_tokens": tokens_cached},
                },
            }));
            Ok(format!("{end}data: [DONE]\n\n").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::{PolicyOptions, RepairOptions, ToolchainOptions, WorkerOptions};
    use crate::pool::{Bounds, Budget, CallError, Pool, Prompt, Reply, words};
    use crate::task::Allowed;

    /// Says what it is told to, once.
    #[derive(Debug)]
    struct Scripted(Mutex<Vec<Result<Part, String>>>);

    impl Local for Scripted {
        fn answer(self: Arc<Self>, said: Vec<Turn>, max_output: usize) -> BoxStream<'static, Result<Part, String>> {
            let said: Vec<(&str, &str)> = said.iter().map(|turn| (&*turn.role, &*turn.content)).collect();
            assert_eq!((said.as_slice(), max_output), (&[("system", "rules"), ("user", "task")][..], 512));
            stream::iter(std::mem::take(&mut *self.0.lock().unwrap())).boxed()
        }
    }

    async fn called(parts: Vec<Result<Part, String>>) -> (String, Result<Reply, CallError>) {
        let options: WorkerOptions =
            toml::from_str("name = 'l'\nkind = 'gguf'\npath = '/m.gguf'\nmax_output = 512").unwrap();
        let nothing = ToolchainOptions { enabled: false };
        let any = PolicyOptions::default();
        let (mut pool, problems) = Pool::new(std::slice::from_ref(&options), &any, &RepairOptions::default(), &nothing);
        assert_eq!(problems, []);
        pool.add_local(&options, Arc::new(Scripted(Mutex::new(parts)))).unwrap();
        let llm = pool.llm("l").unwrap();
        let prompt = Prompt::of("rules", "task");
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut heard = String::new();
        let (cancel, budget, allowed) = (CancellationToken::new(), Budget::new(0.0), Allowed::default());
        let bounds = Bounds { deadline, cancel: &cancel, budget: &budget, allowed: &allowed };
        let reply = llm.call(&prompt, words(|text| heard.push_str(text)), bounds).await;
        (heard, reply)
    }

    fn so_far(text: &str) -> Result<Part, String> {
        Ok(Part::SoFar(text.into()))
    }

    fn end(text: &str, whole: bool) -> Result<Part, String> {
        Ok(Part::End { text: text.into(), whole, tokens_in: 90, tokens_cached: 60, tokens_out: 7 })
    }

    #[tokio::test]
    async fn it_is_called_as_every_worker_is() {
        let (heard, reply) = called(vec![so_far("a"), so_far("a b"), end("a b c", true)]).await;
        let reply = reply.unwrap();
        assert_eq!((heard.as_str(), reply.text.as_str(), reply.estimated), ("a b c", "a b c", false));
        assert_eq!((reply.usage.tokens_in, reply.usage.tokens_cached, reply.usage.tokens_out), (90, 60, 7));
        assert_eq!(reply.usage.usd, 0.0);
    }

    #[tokio::test]
    async fn one_that_is_started_anew_goes_on_where_it_was_or_not_at_all() {
        let (heard, reply) = called(vec![so_far("a b"), so_far("a"), so_far("a b c"), end("a b c", true)]).await;
        assert_eq!((heard.as_str(), reply.unwrap().text.as_str()), ("a b c", "a b c"));
        let (_, reply) = called(vec![so_far("a b"), so_far("x"), end("x y", true)]).await;
        assert!(reply.unwrap_err().to_string().contains("wrote something else"));
    }

    #[tokio::test]
    async fn what_goes_wrong_is_said() {
        let failed = async |parts| called(parts).await.1.unwrap_err().to_string();
        let messages = [
            failed(vec![Err("there is no such file".into())]).await,
            failed(vec![so_far("a"), Err("was ended by signal 9".into())]).await,
            failed(vec![so_far("a"), end("a b", false)]).await,
            failed(vec![]).await,
        ];
        insta::assert_snapshot!(messages.join("\n"), @r"
        worker `l` cannot be asked: there is no such file
        worker `l` broke the connection: was ended by signal 9
        worker `l` stopped at its limit of 512 tokens (length); raise max_output
        worker `l` cannot be asked: it ended without an answer
        ");
    }
}
