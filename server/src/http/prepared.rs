//! What a request comes to, once it is known who can take part; nothing is sent to anybody before.

use std::time::Duration;

use axum::http::StatusCode;

use super::ask::{Ask, DIRECT, mark};
use super::failure::Failure;
use super::models::Model;
use super::state::State;
use crate::task::{Allowed, Budget, Tier};

/// What a request comes to, once it is known who can take part.
pub(super) struct Prepared {
    pub model: Model,
    pub budget: Budget,
    pub tier: Tier,
    pub depth: usize,
    pub allowed: Allowed,
}

impl Prepared {
    pub fn of(state: &State, ask: &Ask) -> Result<Self, Failure> {
        let engine = &state.engine;
        let config = engine.config();
        let mut model = Model::named(&ask.model, state)?;
        let limits = &ask.limits;
        let known = engine.worker_names();
        if let Some(name) = limits.allowed.only.iter().chain(&limits.allowed.never).find(|name| !known.contains(name)) {
            return Err(Failure::of_param(
                "baton",
                format!("there is no worker `{name}`; there are {}", known.join(", ")),
            ));
        }
        let (mut tier, mut depth) = match model {
            Model::Conducted(tier) => (tier, limits.depth.unwrap_or(0)),
            Model::Direct(_) => (Tier::Mini, 0),
        };
        match limits.effort.as_deref() {
            Some("none" | "minimal" | "low") => tier = Tier::Mini,
            Some("high") => tier = Tier::Ultra,
            Some("xhigh") => (tier, depth) = (Tier::Ultra, depth.max(1)),
            _ => {}
        }
        tier = limits.tier.unwrap_or(tier);
        if let Model::Conducted(wanted) = &mut model {
            *wanted = tier;
        }
        let mut allowed = limits.allowed.clone();
        if let Some(stays) = &ask.stays_with
            && let Some(name) = engine.declared().names().find(|name| mark(name) == *stays).cloned()
        {
            // Who called the tools reads what they gave.
            allowed.only = vec![name];
        }
        if let Model::Direct(worker) = &model {
            allowed.only = vec![worker.clone()];
        }
        let unfit = engine.unfit(&ask.conversation, &limits.policy, &allowed);
        if unfit.len() == engine.declared().names().len() {
            return Err(nobody(state, &unfit, &allowed));
        }
        allowed.never.extend(unfit.into_iter().map(|(name, _)| name));
        let lower = |own: f64, wanted: Option<f64>| wanted.map_or(own, |wanted| own.min(wanted));
        let seconds = lower(config.budget.max_seconds, limits.max_seconds);
        let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let budget = Budget { time, usd: lower(config.budget.max_usd, limits.max_usd) };
        Ok(Self { model, budget, tier, depth, allowed })
    }
}

/// Why nobody can take part: of those who could be meant, where somebody is.
fn nobody(state: &State, unfit: &[(String, String)], allowed: &Allowed) -> Failure {
    let talkers = state.talkers();
    if talkers.is_empty() {
        let file = state.engine.config().places.config_file.display();
        let why = format!("there is no model to ask: add a [[worker]] to {file} and start `baton serve` again");
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", "no_worker", why);
    }
    let meant = |name: &String| talkers.contains(name) && (allowed.only.is_empty() || allowed.only.contains(name));
    let whys: Vec<String> =
        unfit.iter().filter(|(name, _)| meant(name)).map(|(name, why)| format!("{name}: {why}")).collect();
    let why = if whys.is_empty() { "there is nobody to ask".to_owned() } else { whys.join("; ") };
    let rests = unfit.iter().any(|(_, why)| why.contains("left alone for"));
    if rests {
        return Failure { status: StatusCode::SERVICE_UNAVAILABLE, ..Failure::upstream(why) };
    }
    Failure::bad(format!("no worker can take this request: {why}"))
}

impl Model {
    /// As it is waited for.
    pub fn waited_for(&self) -> String {
        match self {
            Self::Conducted(_) => "the conductor reads the question".into(),
            Self::Direct(worker) => format!("{DIRECT}{worker} was asked"),
        }
    }
}
