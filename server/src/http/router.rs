//! Which request gets which answer.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State as Shared};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::answer::Answer;
use super::failure::Failure;
use super::models::{self, Model};
use super::state::State;
use super::stream::{self, Asked, Rendered};
use super::turn::Turn;
use super::{chat, responses};

const RUN: HeaderName = HeaderName::from_static("x-baton-run");
const USD: HeaderName = HeaderName::from_static("x-baton-usd");
const WORKER: HeaderName = HeaderName::from_static("x-baton-worker");

/// The whole of it, behind the guard. `most`: bytes of a body.
pub(super) fn router(state: Arc<State>, most: usize) -> Router {
    Router::new()
        .route("/v1/models", get(list))
        .route("/v1/models/{id}", get(one))
        .route("/v1/chat/completions", post(completions))
        .route("/v1/responses", post(respond))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .fallback(async || {
            Failure::new(
                StatusCode::NOT_FOUND,
                "invalid_request_error",
                "not_found",
                "there is nothing at this address",
            )
        })
        .method_not_allowed_fallback(async || {
            let why = "this address takes another method";
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", "method_not_allowed", why)
        })
        .layer(DefaultBodyLimit::max(most))
        .layer(middleware::from_fn_with_state(state.clone(), guarded))
        .with_state(state)
}

async fn guarded(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let page = origin.filter(|origin| origin.to_str().is_ok_and(|origin| state.gate.allows(origin)));
    // A browser asks first, without the token, whether a page may ask; only pages that may are told so.
    if request.method() == Method::OPTIONS && page.is_some() {
        return allowing(StatusCode::NO_CONTENT.into_response(), page);
    }
    let response = match state.gate.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    allowing(response, page)
}

fn allowing(mut response: Response, page: Option<HeaderValue>) -> Response {
    if let Some(page) = page {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    response
}

async fn list(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    Json(models::list(&state))
}

async fn one(Shared(state): Shared<Arc<State>>, Path(id): Path<String>) -> Result<Json<Value>, Failure> {
    models::one(&state, &id).map(Json)
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

async fn metrics(Shared(state): Shared<Arc<State>>) -> Response {
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(CONTENT_TYPE, kind)], state.metrics.text()).into_response()
}

type Sent = Result<Bytes, axum::extract::rejection::BytesRejection>;

async fn completions(Shared(state): Shared<Arc<State>>, body: Sent) -> Response {
    answered::<chat::Request>(state, "/v1/chat/completions", body).await
}

async fn respond(Shared(state): Shared<Arc<State>>, body: Sent) -> Response {
    answered::<responses::Request>(state, "/v1/responses", body).await
}

async fn answered<R: Asked>(state: Arc<State>, path: &'static str, body: Sent) -> Response {
    let started = Instant::now();
    let request = match read(body).and_then(R::read) {
        Ok(request) => request,
        Err(failure) => return refused(&state, path, "", failure),
    };
    let counted = counted(&request.ask().model, &state);
    let turn = match Turn::start(&state, request.ask().clone()) {
        Ok(turn) => turn,
        Err(failure) => return refused(&state, path, &counted, failure),
    };
    let run = turn.run.clone();
    let rendering = request.rendering(&run);
    if request.streams() {
        state.metrics.requested(path, &counted, 200);
        return of_run(stream::response(state, turn, counted, rendering), &run);
    }
    finished(&state, path, counted, &run, started, turn.whole().await, |answer| rendering.whole(answer))
}

/// A body as JSON.
fn read(body: Sent) -> Result<Value, Failure> {
    let body = body.map_err(|rejected| {
        let (status, why) = (rejected.status(), rejected.body_text());
        Failure { status, ..Failure::bad(format!("what was sent cannot be read: {why}")) }
    })?;
    serde_json::from_slice(&body).map_err(|error| Failure::bad(format!("what was sent is no JSON: {error}")))
}

fn finished(
    state: &State,
    path: &'static str,
    model: String,
    run: &str,
    started: Instant,
    ended: Result<Answer, Failure>,
    whole: impl FnOnce(&Answer) -> Value,
) -> Response {
    state.metrics.took(&model, started.elapsed());
    let answer = match ended {
        Ok(answer) => answer,
        Err(failure) => return of_run(refused(state, path, &model, failure), run),
    };
    state.metrics.requested(path, &model, 200);
    let mut response = Json(whole(&answer)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [(USD, format!("{:.6}", answer.usd())), (WORKER, answer.worker)] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    of_run(response, run)
}

fn refused(state: &State, path: &'static str, model: &str, failure: Failure) -> Response {
    state.metrics.requested(path, model, failure.status.as_u16());
    failure.into_response()
}

fn of_run(mut response: Response<Body>, run: &str) -> Response {
    if let Ok(run) = run.parse() {
        response.headers_mut().insert(RUN, run);
    }
    response
}

/// The model's name as it is counted: one that exists.
fn counted(model: &str, state: &State) -> String {
    Model::named(model, state).map_or_else(|_| "unknown".into(), |_| model.to_owned())
}
