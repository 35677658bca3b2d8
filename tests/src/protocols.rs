//! What a whole answer looks like in the protocols other than OpenAI's, by the path that a call came to.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The answer with this text; 404 at a path of no protocol.
pub fn said(path: &str, text: &str, tokens_in: usize) -> Response {
    let tokens_out = text.len().div_ceil(4);
    let pieces: Vec<String> = text.chars().collect::<Vec<_>>().chunks(7).map(String::from_iter).collect();
    if path.ends_with("/v1/messages") {
        let begin = [
            json!({"type": "message_start", "message": {"usage": {"input_tokens": tokens_in, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ];
        let delta = |piece: &String| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}});
        let end = [
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": tokens_out}}),
            json!({"type": "message_stop"}),
        ];
        return events(begin.into_iter().chain(pieces.iter().map(delta)).chain(end));
    }
    if path.ends_with(":streamGenerateContent") {
        let part = |piece: &String| json!({"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}}]});
        let usage = json!({"promptTokenCount": tokens_in, "candidatesTokenCount": tokens_out, "totalTokenCount": tokens_in + tokens_out});
        let end = json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage});
        return events(pieces.iter().map(part).chain([end]));
    }
    if path.ends_with("/api/chat") {
        let part = |piece: &String| json!({"message": {"role": "assistant", "content": piece}, "done": false});
        let end = json!({"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop",
            "prompt_eval_count": tokens_in, "eval_count": tokens_out});
        let lines: String = pieces.iter().map(part).chain([end]).map(|line| format!("{line}\n")).collect();
        return ([("content-type", "application/x-ndjson")], lines).into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}

fn events(events: impl Iterator<Item = Value>) -> Response {
    let body: String = events.map(|event| format!("data: {event}\n\n")).collect();
    ([("content-type", "text/event-stream")], body).into_response()
}
