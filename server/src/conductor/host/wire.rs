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
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Load the encoder; once in the life of a process. Answered by [`Body::Loaded`].
    Load {
        /// A GGUF file; absent: the embedded one.
        model: Option<PathBuf>,
        /// Where the embedded one is laid down, because llama.cpp loads files only.
        cache_dir: PathBuf,
    },
    /// Turn a text into a vector. Answered by [`Body::Embedding`].
    Embed {
        /// Any text; what exceeds the model's context is cut off at the end.
        text: String,
    },
    /// Do not begin request `target` if it has not begun; it is then answered by [`Body::Cancelled`].
    Cancel {
        /// The request's number.
        target: u64,
    },
    /// Answered at once, even while something is being computed, by [`Body::Stats`].
    Stats,
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
            serde_json::to_string(&Reply { id: 1, body: Body::Loaded { dimensions: 384, context: 256 } }),
            serde_json::to_string(&Reply { id: 2, body: Body::Embedding { vector: vec![0.6, 0.8], tokens: 5 } }),
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
        {"id":1,"reply":"loaded","dimensions":384,"context":256}
        {"id":2,"reply":"embedding","vector":[0.6,0.8],"tokens":5}
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
