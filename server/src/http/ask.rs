//! What both kinds of requests have in common: which model is wanted, within which limits, and what of whom.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::fields::Fields;
use crate::config::PolicyOptions;
use crate::conversation::{Choice, Conversation, Format, Speaker, Tool};
use crate::task::{Allowed, Tier};

/// Begins the model names that leave the conductor out: the worker's name follows.
pub(super) const DIRECT: &str = "baton-direct:";

/// One request, understood.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// The model's name, as the client wrote it.
    pub model: String,
    pub conversation: Arc<Conversation>,
    pub limits: Extras,
    /// The mark of the worker whose calls of tools the conversation holds: it stays with it.
    pub stays_with: Option<String>,
}

/// What the `baton` extension of a request says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Extras {
    pub tier: Option<Tier>,
    pub depth: Option<usize>,
    pub max_usd: Option<f64>,
    pub max_seconds: Option<f64>,
    pub allowed: Allowed,
    pub policy: PolicyOptions,
    /// How long to think, in OpenAI's word.
    pub effort: Option<String>,
}

/// What a request wants, besides its conversation.
pub(super) struct Wanted {
    model: String,
    extras: Extras,
}

impl Wanted {
    /// Takes what both kinds of requests call the same.
    pub fn take(fields: &mut Fields) -> Result<Self, Failure> {
        let model = fields.need("model")?;
        let mut extras = Extras { policy: PolicyOptions::default(), ..Extras::default() };
        if let Some(own) = fields.take::<Value>("baton")? {
            extras = Extras::read(own)?;
        }
        extras.effort = effort(fields.take("reasoning_effort")?, "reasoning_effort")?;
        Ok(Self { model, extras })
    }

    /// The same with this word for how long to think.
    pub fn thinking(mut self, word: Option<String>, at: &str) -> Result<Self, Failure> {
        self.extras.effort = effort(word, at)?.or(self.extras.effort);
        Ok(self)
    }

    /// The whole, with this conversation.
    pub fn ask(self, mut conversation: Conversation) -> Result<Ask, Failure> {
        let speaks = |message: &crate::conversation::Message| matches!(message.speaker, Speaker::User | Speaker::Tool);
        if !conversation.messages.iter().any(speaks) {
            return Err(Failure::of_param("messages", "a conversation needs a message of the user"));
        }
        if conversation.wishes.choice.is_some() && conversation.wishes.tools.is_empty() {
            return Err(Failure::of_param("tool_choice", "`tool_choice` needs `tools`"));
        }
        if self.model.starts_with(DIRECT) {
            conversation.wishes.effort.clone_from(&self.extras.effort);
        }
        let mut stays_with = None;
        for message in &mut conversation.messages {
            let ids = message.calls.iter_mut().map(|call| &mut call.id).chain(&mut message.answers);
            for id in ids {
                if let Some((mark, own)) = unmarked(id) {
                    (stays_with, *id) = (Some(mark), own);
                }
            }
        }
        Ok(Ask { model: self.model, conversation: Arc::new(conversation), limits: self.extras, stays_with })
    }
}

impl Extras {
    fn read(value: Value) -> Result<Self, Failure> {
        let mut fields = Fields::of(value, "baton")?;
        let depth: Option<usize> = fields.take("depth")?;
        if depth.is_some_and(|depth| depth > 4) {
            return Err(Failure::of_param("baton.depth", "`baton.depth` is 0 to 4"));
        }
        let extras = Self {
            tier: fields.take("tier")?,
            depth,
            max_usd: fields.number("max_usd", 0.0, f64::MAX)?,
            max_seconds: fields.number("max_seconds", 0.0, 86_400.0)?,
            allowed: Allowed {
                only: fields.take("only_workers")?.unwrap_or_default(),
                never: fields.take("not_workers")?.unwrap_or_default(),
            },
            policy: PolicyOptions {
                regions: fields.take("regions")?,
                providers: fields.take("providers")?,
                allow_keeping: fields.take("allow_keeping")?.unwrap_or(true),
            },
            effort: None,
        };
        fields.end()?;
        Ok(extras)
    }
}

fn effort(word: Option<String>, at: &str) -> Result<Option<String>, Failure> {
    match word.as_deref() {
        None | Some("none" | "minimal" | "low" | "medium" | "high" | "xhigh") => Ok(word),
        Some(_) => Err(Failure::of_param(at, format!("`{at}` is none, minimal, low, medium, high or xhigh"))),
    }
}

/// A limit of tokens.
pub(super) fn number_of_tokens(number: Option<i64>, name: &str) -> Result<Option<usize>, Failure> {
    match number {
        None => Ok(None),
        Some(number @ 1..) => Ok(Some(number as usize)),
        Some(_) => Err(Failure::of_param(name, format!("`{name}` is at least 1"))),
    }
}

/// A function that the model may call.
pub(super) fn tool_named(mut function: Fields) -> Result<Tool, Failure> {
    let tool = Tool {
        name: function.need("name")?,
        description: function.take("description")?,
        parameters: function.take("parameters")?,
        strict: function.take("strict")?,
    };
    function.end()?;
    Ok(tool)
}

/// A choice of tools that is one word.
pub(super) fn choice(word: &str) -> Result<Choice, Failure> {
    match word {
        "auto" => Ok(Choice::Auto),
        "none" => Ok(Choice::None),
        "required" => Ok(Choice::Required),
        _ => Err(Failure::of_param("tool_choice", "`tool_choice` is auto, none, required or names a function")),
    }
}

/// The form of an answer; `schema`: the fields that describe one.
pub(super) fn format(kind: &str, schema: Option<Fields>, at: &str) -> Result<Option<Format>, Failure> {
    match (kind, schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(Format::Json)),
        ("json_schema", Some(mut schema)) => {
            let format = Format::Schema {
                name: schema.need("name")?,
                schema: schema.take("schema")?.unwrap_or_else(|| json!({})),
                strict: schema.take("strict")?,
            };
            schema.without(&["description"]);
            schema.end()?;
            Ok(Some(format))
        }
        _ => Err(Failure::of_param(at, format!("`{at}` is text, json_object or json_schema"))),
    }
}

/// A worker's mark in the identifiers of its calls, by which a conversation finds back to it without anybody remembering it.
pub(super) fn mark(worker: &str) -> String {
    Sha256::digest(worker).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The identifier of a call as clients see it.
pub(super) fn marked(worker: &str, id: &str) -> String {
    format!("bt-{}-{id}", mark(worker))
}

/// The mark in an identifier, and the worker's own identifier; `None`: not one of ours.
fn unmarked(id: &str) -> Option<(String, String)> {
    let (mark, own) = id.strip_prefix("bt-")?.split_once('-')?;
    let is_mark = mark.len() == 8 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_mark.then(|| (mark.to_owned(), own.to_owned()))
}
