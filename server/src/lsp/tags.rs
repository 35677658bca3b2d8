//! Which code actions ask a language model: `tags` of LSP 3.18, which the library's types do not know yet, so they are read and
//! written in the messages themselves.

use serde_json::{Value, json};
use tower_lsp_server::jsonrpc::Response;

use super::command::Verb;
use crate::task::Goal;

/// `CodeActionTag.LLMGenerated`.
const LLM_GENERATED: u8 = 1;

/// Whether the client understands the tag, by the parameters of `initialize`.
pub fn understood(initialize: &Value) -> bool {
    let known = &initialize["capabilities"]["textDocument"]["codeAction"]["tagSupport"]["valueSet"];
    known.as_array().is_some_and(|tags| tags.contains(&json!(LLM_GENERATED)))
}

/// The answer to `textDocument/codeAction` with the tag on every action that does nothing without a model. A fix is none of
/// these: the search for a repair and the language's own tools come first, and need none.
pub fn added(answer: Response) -> Value {
    let mut answer = serde_json::to_value(answer).expect("a message is plain data");
    let needs_model = [Goal::Edit, Goal::Refactor].map(|goal| Verb::Do(goal).command());
    for action in answer["result"].as_array_mut().into_iter().flatten() {
        if needs_model.iter().any(|command| action["command"]["command"] == **command) {
            action["tags"] = json!([LLM_GENERATED]);
        }
    }
    answer
}
