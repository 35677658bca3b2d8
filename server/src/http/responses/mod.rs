//! `/v1/responses`, without a memory: what was said before comes with the request.

mod events;
mod request;

pub(super) use request::Request;
