//! Which workers a task's text may go to: what the user allows in general, and what for this task.

use serde::Serialize;

use super::{Facts, REPAIR, TOOLCHAIN};
use crate::config::PolicyOptions;
use crate::task::Allowed;

/// The region of what works on this machine: text that goes there goes nowhere.
pub const LOCAL: &str = "local";

/// Where the text that a worker is sent goes, as the user declared it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Terms {
    /// Who runs it.
    pub provider: Option<String>,
    /// Where it runs, such as `eu`, or [`LOCAL`].
    pub region: Option<String>,
    /// Whether what it is sent is kept beyond the call; `None`: nobody said.
    pub keeps_data: Option<bool>,
    /// Words by which a task can name it, besides its name.
    pub tags: Vec<String>,
}

/// Why a worker may not see this task, as a clause about it; `None`: it may. What is not declared is not allowed.
pub fn why_not(worker: &Facts, policy: &PolicyOptions, allowed: &Allowed) -> Option<String> {
    let Terms { provider, region, keeps_data, tags } = &worker.terms;
    let named = |names: &[String]| names.iter().any(|name| *name == worker.name || tags.contains(name));
    if named(&allowed.never) {
        return Some("this task may not go to it".into());
    }
    if !allowed.only.is_empty() && !named(&allowed.only) {
        return Some(format!("this task may go only to {}", allowed.only.join(", ")));
    }
    let is_local = region.as_deref().is_some_and(|region| region.eq_ignore_ascii_case(LOCAL));
    if is_local || [REPAIR, TOOLCHAIN].contains(&worker.name.as_str()) {
        return None;
    }
    for (what, declared, list) in [("region", region, &policy.regions), ("provider", provider, &policy.providers)] {
        let Some(list) = list else { continue };
        let allows = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
        match declared {
            None => return Some(format!("its {what} is not declared, and policy.{what}s allows only: {allows}")),
            Some(declared) if !list.iter().any(|listed| listed.eq_ignore_ascii_case(declared)) => {
                return Some(format!("its {what} is {declared}, and policy.{what}s allows only: {allows}"));
            }
            Some(_) => {}
        }
    }
    match keeps_data {
        _ if policy.allow_keeping => None,
        Some(false) => None,
        Some(true) => Some("it keeps what it is sent, and policy.allow_keeping is off".into()),
        None => Some(
            "whether it keeps what it is sent is not declared (keeps_data), and policy.allow_keeping is off".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Terms, why_not};
    use crate::config::PolicyOptions;
    use crate::pool::Facts;
    use crate::task::Allowed;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn worker(provider: Option<&str>, region: Option<&str>, keeps_data: Option<bool>) -> Facts {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let terms = Terms { provider: own(provider), region: own(region), keeps_data, tags: list(&["fast"]) };
        Facts { name: "w".into(), terms, ..Facts::repair() }
    }

    #[test]
    fn only_what_is_declared_and_allowed_may_see_a_task() {
        let eu = PolicyOptions { regions: Some(list(&["eu", "ch"])), ..PolicyOptions::default() };
        let one = PolicyOptions { providers: Some(list(&["acme"])), ..PolicyOptions::default() };
        let nobody = PolicyOptions { providers: Some(Vec::new()), ..PolicyOptions::default() };
        let forgetful = PolicyOptions { allow_keeping: false, ..PolicyOptions::default() };
        let any = PolicyOptions::default();
        for (worker, policy, says) in [
            (worker(None, None, None), &any, ""),
            (worker(None, None, Some(true)), &any, ""),
            (worker(None, Some("EU"), None), &eu, ""),
            (worker(None, Some("us"), None), &eu, "its region is us, and policy.regions allows only: eu, ch"),
            (worker(None, None, None), &eu, "its region is not declared, and policy.regions allows only: eu, ch"),
            (worker(Some("acme"), None, None), &one, ""),
            (worker(Some("other"), None, None), &one, "its provider is other, and policy.providers allows only: acme"),
            (worker(Some("acme"), None, None), &nobody, "its provider is acme, and policy.providers allows only: none"),
            (worker(None, None, Some(false)), &forgetful, ""),
            (worker(None, None, Some(true)), &forgetful, "it keeps what it is sent, and policy.allow_keeping is off"),
            (worker(None, Some("local"), None), &eu, ""),
            (worker(None, Some("local"), None), &nobody, ""),
            (worker(None, Some("local"), None), &forgetful, ""),
            (Facts::repair(), &nobody, ""),
        ] {
            let why = why_not(&worker, policy, &Allowed::default());
            assert_eq!(why.unwrap_or_default(), says, "{worker:?} {policy:?}");
        }
        assert!(why_not(&worker(None, None, None), &forgetful, &Allowed::default()).is_some());
    }

    #[test]
    fn a_task_chooses_by_name_and_tag() {
        let any = PolicyOptions::default();
        let w = worker(None, None, None);
        for (only, never, may) in [
            (list(&[]), list(&[]), true),
            (list(&["w"]), list(&[]), true),
            (list(&["fast"]), list(&[]), true),
            (list(&["other"]), list(&[]), false),
            (list(&[]), list(&["w"]), false),
            (list(&["w"]), list(&["fast"]), false),
        ] {
            let allowed = Allowed { only, never };
            assert_eq!(why_not(&w, &any, &allowed).is_none(), may, "{allowed:?}");
        }
        let never = Allowed { never: list(&["repair"]), ..Allowed::default() };
        assert!(why_not(&Facts::repair(), &any, &never).is_some());
    }
}
