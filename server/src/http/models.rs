//! The models that clients can name, and what is behind each.

use serde_json::{Value, json};

use super::ask::DIRECT;
use super::failure::Failure;
use super::state::State;
use crate::task::Tier;

/// The day of the heads and of the conductor that are compiled in: the pin in a dated name. A release that ships others
/// has another day.
const PINNED: &str = "2026-11-27";

/// What a request's `model` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Model {
    /// The conductor of this tier decides.
    Conducted(Tier),
    /// Nobody does: this worker answers.
    Direct(String),
}

impl Model {
    pub fn named(name: &str, state: &State) -> Result<Self, Failure> {
        let missing = |why: String| {
            let failure = Failure::of_param("model", why);
            Failure { status: axum::http::StatusCode::NOT_FOUND, code: "model_not_found", ..failure }
        };
        if let Some(worker) = name.strip_prefix(DIRECT) {
            let known = state.talkers();
            return match known.iter().any(|known| known == worker) {
                true => Ok(Self::Direct(worker.to_owned())),
                false => Err(missing(format!("there is no worker `{worker}`; there are {}", known.join(", ")))),
            };
        }
        let (base, dated) = match name.strip_suffix(PINNED).and_then(|base| base.strip_suffix('-')) {
            Some(base) => (base, true),
            None => (name, false),
        };
        let tier = match base {
            "baton" if !dated => state.engine.config().tier,
            "baton-mini" => Tier::Mini,
            "baton-ultra" => Tier::Ultra,
            _ => {
                let why = format!(
                    "there is no model `{name}`; there are baton-mini and baton-ultra, each also with -{PINNED}, and {DIRECT}NAME for each worker"
                );
                return Err(missing(why));
            }
        };
        match (dated, is_as_shipped(state)) {
            (true, Err(why)) => Err(missing(format!("`{name}` is what Baton ships with, and {why}; ask for `{base}`"))),
            _ => Ok(Self::Conducted(tier)),
        }
    }
}

/// Whether what decides is what the dated names stand for.
fn is_as_shipped(state: &State) -> Result<(), &'static str> {
    let config = state.engine.config();
    if config.conductor.encoder.is_some() || config.conductor.generator.is_some() || config.conductor.remote.is_some() {
        return Err("this configuration has another conductor");
    }
    if config.places.heads_file.exists() {
        return Err("the heads were trained anew here");
    }
    Ok(())
}

/// `/v1/models`.
pub(super) fn list(state: &State) -> Value {
    let workers = state.engine.talkers();
    let [encoder, heads, planner] = state.engine.deciders();
    let behind: Vec<Value> = workers
        .iter()
        .map(|facts| {
            json!({"name": facts.name, "strength": facts.strength, "usd_in": facts.usd_in, "usd_out": facts.usd_out,
                   "context": facts.context, "provider": facts.terms.provider, "region": facts.terms.region})
        })
        .collect();
    let model = |id: String, baton: Value| json!({"id": id, "object": "model", "created": 0, "owned_by": "baton", "baton": baton});
    let mini = json!({"tier": "mini", "encoder": encoder, "heads": heads, "workers": behind});
    let ultra = json!({"tier": "ultra", "planner": planner, "encoder": encoder, "heads": heads, "workers": behind});
    let mut models = Vec::new();
    for (name, baton) in [("baton-mini", mini), ("baton-ultra", ultra)] {
        models.push(model(name.into(), baton.clone()));
        if is_as_shipped(state).is_ok() {
            models.push(model(format!("{name}-{PINNED}"), baton));
        }
    }
    for facts in &workers {
        let baton =
            json!({"worker": facts.name, "usd_in": facts.usd_in, "usd_out": facts.usd_out, "context": facts.context});
        models.push(model(format!("{DIRECT}{}", facts.name), baton));
    }
    json!({"object": "list", "data": models})
}

/// `/v1/models/{id}`.
pub(super) fn one(state: &State, id: &str) -> Result<Value, Failure> {
    Model::named(id, state)?;
    let listed = list(state);
    let models = listed["data"].as_array().cloned().unwrap_or_default();
    let found = models.into_iter().find(|model| model["id"] == id);
    // `baton` is a name for whichever tier is configured.
    found.ok_or_else(|| Failure::bad(format!("`{id}` stands for baton-mini or baton-ultra, as configured")))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::PINNED;

    /// Whoever ships other heads or another conductor gives the dated names another day, and says here for what.
    #[test]
    fn a_dated_name_stands_for_what_is_shipped() {
        let mut sum = Sha256::new();
        sum.update(include_bytes!("../../../models/heads.json"));
        sum.update(include_bytes!("../../../models/baton-conductor-nano.gguf"));
        let sum: String = sum.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((PINNED, sum.as_str()), ("2026-11-27", "622622d0"));
    }
}
