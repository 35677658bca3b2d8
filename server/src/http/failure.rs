//! What a client is told that gets no answer: OpenAI's shape of errors, with a status that says whose turn it is.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A request without an answer. Its words say what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub status: StatusCode,
    pub kind: &'static str,
    pub code: &'static str,
    /// The parameter that is wrong.
    pub param: Option<String>,
    pub message: String,
}

impl Failure {
    pub fn new(status: StatusCode, kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code, param: None, message: message.into() }
    }

    /// A parameter that cannot be honoured.
    pub fn of_param(param: &str, message: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_value", message);
        Self { param: Some(param.to_owned()), ..failure }
    }

    /// A request that cannot be understood.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_request", message)
    }

    /// Nobody of those who were asked answered.
    pub fn upstream(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "server_error", "worker_failed", message)
    }

    /// The prompt is longer than anybody takes.
    pub fn too_long(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "context_length_exceeded", message)
    }

    /// An answer could cost more than may be spent.
    pub fn too_expensive(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYMENT_REQUIRED, "invalid_request_error", "budget_exceeded", message)
    }

    /// There was no answer in the time that it may take.
    pub fn late(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "server_error", "timeout", message)
    }

    /// As clients of OpenAI read it.
    pub fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}})
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}
