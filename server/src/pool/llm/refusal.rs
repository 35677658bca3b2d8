//! Why a server did not answer a call, in words that say what to do.

use std::sync::PoisonError;
use std::time::Duration;

use reqwest::StatusCode;

use super::super::answer::plain;
use super::super::key::Key;
use super::super::transport::{Incoming, Unreached, explanation};
use super::super::{overlong, retry};
use super::{Llm, Trouble};

/// How long a server may take to explain why it refuses.
const EXPLAINING: Duration = Duration::from_secs(5);

/// Whether it is the key that is refused. Gemini's own interface says so with the status of a wrong request.
fn is_about_key(status: StatusCode, said: &str) -> bool {
    let is_geminis = status == StatusCode::BAD_REQUEST && said.contains("API key not valid");
    is_geminis || [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status)
}

impl Llm {
    pub(super) fn unreachable(&self, unreached: Unreached) -> Trouble {
        let (what, cause) = match unreached {
            Unreached::Unable(why) => return Trouble::Lasting(format!("cannot be asked: {why}")),
            Unreached::Connection(cause) => ("cannot be reached", cause),
            Unreached::Broken(cause) => ("broke the connection", cause),
        };
        let address = self.address();
        Trouble::Passing(format!("{what} at {address}: {cause}; check that it runs and base_url"), None)
    }

    pub(super) async fn refusal(&self, response: Incoming, key: Option<&Key>, patience: Duration) -> Trouble {
        let status = response.status;
        let wait = retry::asked(&response.headers, self.outside.time_of_day());
        let patience = EXPLAINING.min(patience);
        let said = tokio::time::timeout(patience, explanation(response)).await.unwrap_or_default();
        let said = key.map_or_else(|| said.clone(), |key| key.hidden_in(&said));
        let too_long = overlong::said(status, &said);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        if retry::passes(status) {
            return Trouble::Passing(format!("is not able to answer now ({status}){said}"), wait);
        }
        if too_long {
            return Trouble::TooLong(format!("says that the prompt is too long ({status}); check context{said}"));
        }
        match status {
            _ if is_about_key(status, &said) => {
                // Perhaps it was renewed: the next call fetches it again.
                *self.key.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Trouble::Lasting(format!("refused the key ({status}); {}{said}", self.source.hint()))
            }
            StatusCode::NOT_FOUND => {
                let model = plain(&self.options.model);
                Trouble::Lasting(format!("was not found ({status}); {} and model `{model}`{said}", self.check_url()))
            }
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
                Trouble::Unusable(format!("refused the request ({status}); check model, context and max_output{said}"))
            }
            _ if status.is_redirection() => {
                Trouble::Lasting(format!("has moved ({status}); a key follows no redirect, {}", self.check_url()))
            }
            _ => Trouble::Lasting(format!("refused the request ({status}){said}")),
        }
    }

    pub(super) fn check_url(&self) -> String {
        format!("check base_url ({}, {})", self.options.address(), self.protocol.usual())
    }

    pub(super) fn address(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}
