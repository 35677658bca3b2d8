//! A conversation that a client holds with a model, and what its next turn must keep to: values, without IO. The words are
//! those of OpenAI's chat completions, which every client speaks.

use serde_json::Value;

/// What was said, and how the answer is to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation {
    /// In order; at least one is of the user or answers a tool's call.
    pub messages: Vec<Message>,
    /// What the next turn must keep to.
    pub wishes: Wishes,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who says it.
    pub speaker: Speaker,
    /// The speaker's name, where several speak.
    pub name: Option<String>,
    /// What is said.
    pub parts: Vec<Part>,
    /// Tools that the assistant calls.
    pub calls: Vec<Call>,
    /// Of a tool's message: the call that it answers.
    pub answers: Option<String>,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Whoever set the rules: `system` or `developer`.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Image {
        /// Where it is, or itself as a `data:` URL.
        url: String,
        /// How closely to look: `auto`, `low` or `high`.
        detail: Option<String>,
    },
}

/// The model calls a tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Call {
    /// By which the answer names it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
    /// What its provider wants to see again with it, such as a signature of the thoughts before it.
    pub extra: Option<Value>,
}

/// How the answer is to be. What is absent is the worker's to choose.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes {
    /// Most tokens of the answer.
    pub max_tokens: Option<usize>,
    /// How freely words are drawn.
    pub temperature: Option<f64>,
    /// The share of likely words that is drawn from.
    pub top_p: Option<f64>,
    /// Less of what was mentioned.
    pub presence_penalty: Option<f64>,
    /// Less of what was said often.
    pub frequency_penalty: Option<f64>,
    /// For the same answer again.
    pub seed: Option<i64>,
    /// Texts before which the answer ends.
    pub stop: Vec<String>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether and which it must.
    pub choice: Option<Choice>,
    /// Whether it may call several at once.
    pub parallel: Option<bool>,
    /// The form of the answer.
    pub format: Option<Format>,
    /// How long to think, in the provider's word.
    pub effort: Option<String>,
}

/// What the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its arguments as a JSON schema.
    pub parameters: Option<Value>,
    /// Whether the arguments must follow the schema to the letter.
    pub strict: Option<bool>,
}

/// Whether and which tool must be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// The one of this name.
    Named(String),
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Some JSON object.
    Json,
    /// JSON of this schema.
    Schema {
        /// Its name.
        name: String,
        /// The schema.
        schema: Value,
        /// Whether to the letter.
        strict: Option<bool>,
    },
}

/// A feature that not every worker has, as a client names it.
pub type Feature = &'static str;

impl Conversation {
    /// A question, with rules for the answer where there are any.
    pub fn of(system: &str, user: &str) -> Self {
        let rules = (!system.is_empty()).then(|| Message::of(Speaker::System, system));
        let messages = rules.into_iter().chain([Message::of(Speaker::User, user)]).collect();
        Self { messages, wishes: Wishes::default() }
    }

    /// Every text that is sent, tools and schemas included.
    pub fn texts(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        let said = self.messages.iter().flat_map(|message| {
            let parts = message.parts.iter().filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str().into()),
                Part::Image { .. } => None,
            });
            parts.chain(message.calls.iter().flat_map(|call| [(&*call.name).into(), (&*call.arguments).into()]))
        });
        let tools = self.wishes.tools.iter().flat_map(|tool| {
            let parameters = tool.parameters.as_ref().map(|schema| schema.to_string().into());
            [Some((&*tool.name).into()), tool.description.as_deref().map(Into::into), parameters].into_iter().flatten()
        });
        let format = self.wishes.format.iter().filter_map(|format| match format {
            Format::Json => None,
            Format::Schema { schema, .. } => Some(schema.to_string().into()),
        });
        said.chain(tools).chain(format)
    }

    /// How many pictures are in it.
    pub fn images(&self) -> usize {
        let parts = self.messages.iter().flat_map(|message| &message.parts);
        parts.filter(|part| matches!(part, Part::Image { .. })).count()
    }

    /// What it needs of a worker beyond answering in words.
    pub fn features(&self) -> Vec<Feature> {
        let Wishes { temperature, top_p, presence_penalty, frequency_penalty, seed, stop, .. } = &self.wishes;
        let Wishes { tools, format, effort, parallel, .. } = &self.wishes;
        let calls = self.messages.iter().any(|message| !message.calls.is_empty() || message.answers.is_some());
        let named = self.messages.iter().any(|message| message.name.is_some());
        [
            (temperature.is_some(), "temperature"),
            (top_p.is_some(), "top_p"),
            (presence_penalty.is_some(), "presence_penalty"),
            (frequency_penalty.is_some(), "frequency_penalty"),
            (seed.is_some(), "seed"),
            (!stop.is_empty(), "stop"),
            (!tools.is_empty() || calls, "tools"),
            (parallel.is_some(), "parallel_tool_calls"),
            (format.is_some(), "response_format"),
            (effort.is_some(), "reasoning_effort"),
            (self.images() > 0, "images"),
            (named, "name"),
        ]
        .into_iter()
        .filter_map(|(needed, feature)| needed.then_some(feature))
        .collect()
    }

    /// What the user said last, or the whole where that was a tool.
    pub fn question(&self) -> String {
        let last = self.messages.iter().rev().find(|message| message.speaker == Speaker::User);
        last.map_or_else(String::new, Message::text)
    }

    /// Without its oldest turns, so that about `share` of its bytes stay; the rules and the last turn always do. `None` where
    /// there is nothing to leave out.
    pub fn shortened(&self, share: f64) -> Option<Self> {
        let length = |message: &Message| message.parts.iter().map(Part::length).sum::<usize>();
        let total: usize = self.messages.iter().map(length).sum();
        let last = self.messages.iter().rposition(|message| message.speaker == Speaker::User)?;
        let mut excess = total as f64 * (1.0 - share);
        let mut kept = Vec::new();
        let mut leaving = true;
        for (at, message) in self.messages.iter().enumerate() {
            // A turn begins with the user: a tool's answer without its call would be refused.
            if at >= last || (message.speaker == Speaker::User && excess <= 0.0) {
                leaving = false;
            }
            if leaving && message.speaker != Speaker::System {
                excess -= length(message) as f64;
            } else {
                kept.push(message.clone());
            }
        }
        let shorter = kept.len() < self.messages.len();
        shorter.then(|| Self { messages: kept, wishes: self.wishes.clone() })
    }
}

impl Message {
    /// One of words alone.
    pub fn of(speaker: Speaker, text: impl Into<String>) -> Self {
        Self { speaker, name: None, parts: vec![Part::Text(text.into())], calls: Vec::new(), answers: None }
    }

    /// Its words.
    pub fn text(&self) -> String {
        let words = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Image { .. } => None,
        });
        words.collect::<Vec<_>>().join("\n")
    }
}

impl Part {
    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Image { url, .. } => url.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(said: &[(Speaker, &str)]) -> Conversation {
        let messages = said.iter().map(|(speaker, text)| Message::of(*speaker, *text)).collect();
        Conversation { messages, wishes: Wishes::default() }
    }

    #[test]
    fn the_oldest_turns_go_first_and_whole() {
        use Speaker::{Assistant, System, Tool, User};
        let long = conversation(&[
            (System, "rules"),
            (User, "first question"),
            (Assistant, ""),
            (Tool, "what the tool said of it"),
            (Assistant, "first answer"),
            (User, "second question"),
            (Assistant, "second answer"),
            (User, "third"),
        ]);
        let words = |shorter: Conversation| shorter.messages.iter().map(Message::text).collect::<Vec<_>>();
        let shorter = long.shortened(0.6).map(words);
        assert_eq!(
            shorter.as_deref(),
            Some(&["rules", "second question", "second answer", "third"].map(String::from)[..])
        );
        let shortest = long.shortened(0.0).expect("there is more");
        assert_eq!(words(shortest.clone()), ["rules", "third"]);
        assert_eq!(shortest.shortened(0.5), None);
    }

    #[test]
    fn what_is_asked_beyond_words_is_named() {
        let mut asked = Conversation::of("be brief", "hello");
        assert_eq!(asked.features(), Vec::<Feature>::new());
        asked.wishes.stop = vec!["END".into()];
        asked.messages[1].parts.push(Part::Image { url: "data:image/png;base64,".into(), detail: None });
        asked.messages.push(Message { answers: Some("c1".into()), ..Message::of(Speaker::Tool, "3") });
        assert_eq!(asked.features(), ["stop", "tools", "images"]);
    }
}
