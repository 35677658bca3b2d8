//! What the server and the child process say to each other: one JSON object a line, over the
//! child's stdin and stdout. A request has a number; its reply has the same one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One line to the child.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the sender; comes back with the reply.
    pub id: u64,
    /// What is wanted.
    #[serde(flatten)]
    pub op: Op,
}

/// What can be asked of the child.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Load the encoder; once in the life of a process. Answered by [`Body::Loaded`].
    Load {
        /// A GGUF file; absent: the embedded one.
        model: Option<PathBuf>,
        /// Where the embedded one is laid down, because llama.cpp loads files only.
        cache_dir: PathBuf,
    },
    /// Load a generative model; once in the life of a process. Answered by [`Body::Ready`].
    LoadGenerator {
        /// A GGUF file; absent: the embedded one.
        model: Option<PathBuf>,
        /// Tokens that it shall hold, prompt and answer together; fewer if the model holds fewer.
        context: usize,
        /// Where the state of prompts is kept.
        cache_dir: PathBuf,
    },
    /// Continue a conversation. Answered by [`Body::Reading`] and [`Body::Piece`] on the way, and [`Body::Written`].
    Write(Chat),
    /// Turn a text into a vector. Answered by [`Body::Embedding`].
    Embed {
        /// Any text; what exceeds the model's context is cut off at the end.
        text: String,
    },
    /// Do not begin request `target` if it has not begun, and go on no further if it writes; it is then answered by
    /// [`Body::Cancelled`].
    Cancel {
        /// The request's number.
        target: u64,
    },
    /// Answered at once, even while something is being computed, by [`Body::Stats`].
    Stats,
}

/// A conversation to be continued, and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// In order; the model answers the last one.
    pub messages: Vec<Message>,
    /// How many of the first messages are the same each time: what they come to is kept on disk.
    pub fixed: usize,
    /// What may be written, as GBNF with a rule `root`; the answer ends where it first may. `None`: anything.
    pub grammar: Option<String>,
    /// 0: always the likeliest token; 1: by the model's own odds.
    pub temperature: f32,
    /// The same seed gives the same answer.
    pub seed: u64,
    /// Tokens of the answer at most.
    pub max_tokens: usize,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

impl Message {
    /// A message of `role`.
    pub fn new(role: &str, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }
}

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// All of it.
    pub text: String,
    /// Whether it came to its end; else `max_tokens` cut it off.
    pub whole: bool,
    /// Tokens of the prompt.
    pub tokens_in: usize,
    /// How many of them were known from before, in memory or on disk, and not read again.
    pub reused: usize,
    /// Tokens written.
    pub tokens_out: usize,
    /// Milliseconds until the first token was drawn.
    pub first_ms: f64,
    /// Milliseconds in all.
    pub ms: f64,
}

/// One line from the child.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The request's number; 0 for what nobody asked.
    pub id: u64,
    /// The answer.
    #[serde(flatten)]
    pub body: Body,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Body {
    /// The model is ready.
    Loaded {
        /// Numbers in a vector.
        dimensions: usize,
        /// Tokens of a text that are read.
        context: usize,
    },
    /// The generative model is ready.
    Ready {
        /// Tokens that it holds, prompt and answer together.
        context: usize,
    },
    /// So many tokens of the prompt have been read: a sign of life.
    Reading {
        /// Tokens.
        tokens: usize,
    },
    /// The next characters of an answer.
    Piece {
        /// Whole characters; what was no UTF-8 is replaced.
        text: String,
    },
    /// The whole answer.
    Written(Written),
    /// A text as a vector.
    Embedding {
        /// Of length 1.
        vector: Vec<f32>,
        /// Tokens that were read.
        tokens: usize,
    },
    /// It was not done, as asked.
    Cancelled,
    /// How the process is.
    Stats(Stats),
    /// It could not be done.
    Failed {
        /// What stood in the way.
        fault: Fault,
        /// In words.
        message: String,
    },
}

/// What stood in the way of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The processor lacks instructions that llama.cpp was compiled with.
    Processor,
    /// The model's file.
    Model,
    /// The cache directory.
    Storage,
    /// The prompt is longer than the model's context.
    Length,
    /// The request itself.
    Request,
}

/// How the child process is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Its process number.
    pub pid: u32,
    /// Bytes of memory that are resident; 0 where the system does not tell.
    pub resident: u64,
    /// Texts embedded so far.
    pub embeddings: u64,
    /// Tokens read and written so far by the generative model.
    pub decoded: u64,
    /// Whether it computes at this moment.
    pub busy: bool,
    /// Whether it was cut off from the network.
    pub offline: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_as_documented() {
        let lines = [
            serde_json::to_string(&Request { id: 1, op: Op::Load { model: None, cache_dir: "c".into() } }),
            serde_json::to_string(&Request { id: 2, op: Op::Embed { text: "a\nb".into() } }),
            serde_json::to_string(&Request { id: 3, op: Op::Cancel { target: 2 } }),
            serde_json::to_string(&Request { id: 4, op: Op::Stats }),
            serde_json::to_string(&Request {
                id: 5,
                op: Op::LoadGenerator { model: Some("m".into()), context: 8192, cache_dir: "c".into() },
            }),
            serde_json::to_string(&Request {
                id: 6,
                op: Op::Write(Chat { messages: vec![Message::new("user", "hi")], max_tokens: 9, ..Chat::default() }),
            }),
            serde_json::to_string(&Reply { id: 1, body: Body::Loaded { dimensions: 384, context: 256 } }),
            serde_json::to_string(&Reply { id: 2, body: Body::Embedding { vector: vec![0.6, 0.8], tokens: 5 } }),
            serde_json::to_string(&Reply { id: 6, body: Body::Reading { tokens: 64 } }),
            serde_json::to_string(&Reply { id: 6, body: Body::Piece { text: "é\n".into() } }),
            serde_json::to_string(&Reply {
                id: 6,
                body: Body::Written(Written {
                    text: "é\n".into(),
                    whole: true,
                    tokens_in: 4,
                    reused: 1,
                    tokens_out: 2,
                    first_ms: 1.5,
                    ms: 2.5,
                }),
            }),
            serde_json::to_string(&Reply {
                id: 3,
                body: Body::Failed { fault: Fault::Model, message: "it is empty".into() },
            }),
        ]
        .map(|line| line.unwrap());
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"id":1,"op":"load","model":null,"cache_dir":"c"}
        {"id":2,"op":"embed","text":"a\nb"}
        {"id":3,"op":"cancel","target":2}
        {"id":4,"op":"stats"}
        {"id":5,"op":"load_generator","model":"m","context":8192,"cache_dir":"c"}
        {"id":6,"op":"write","messages":[{"role":"user","content":"hi"}],"fixed":0,"grammar":null,"temperature":0.0,"seed":0,"max_tokens":9}
        {"id":1,"reply":"loaded","dimensions":384,"context":256}
        {"id":2,"reply":"embedding","vector":[0.6,0.8],"tokens":5}
        {"id":6,"reply":"reading","tokens":64}
        {"id":6,"reply":"piece","text":"é\n"}
        {"id":6,"reply":"written","text":"é\n","whole":true,"tokens_in":4,"reused":1,"tokens_out":2,"first_ms":1.5,"ms":2.5}
        {"id":3,"reply":"failed","fault":"model","message":"it is empty"}
        "#);
    }

    #[test]
    fn a_vector_survives_the_line_exactly() {
        let vector: Vec<f32> = (1..385).map(|n| (n as f32).sin() / 7.0).collect();
        let line = serde_json::to_string(&Reply { id: 1, body: Body::Embedding { vector: vector.clone(), tokens: 1 } });
        let Body::Embedding { vector: read, .. } = serde_json::from_str::<Reply>(&line.unwrap()).unwrap().body else {
            panic!("not an embedding");
        };
        assert_eq!(read, vector);
    }
}
