//! What an editor may send: initializationOptions, `workspace/configuration`, `didChangeConfiguration`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::task::Tier;

/// Settings of an editor. All of them narrow what the user's own file allows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EditorOptions {
    /// The tier for tasks that do not name one: `mini` or `ultra`.
    pub tier: Option<Tier>,
    /// Seconds of wall clock for one run; cannot exceed the user's own limit.
    pub max_seconds: Option<f64>,
    /// US dollars for one run; cannot exceed the user's own limit.
    pub max_usd: Option<f64>,
    /// Names of the only workers that may take part.
    pub workers: Option<Vec<String>>,
    /// Names or tags of workers that may not take part.
    pub without_workers: Option<Vec<String>>,
    /// The only regions that a worker may be in, of those that the user's own policy allows.
    pub regions: Option<Vec<String>>,
    /// The only providers that a worker may be from, of those that the user's own policy allows.
    pub providers: Option<Vec<String>>,
    /// Whether a worker may keep what it is sent; cannot allow what the user's own policy does not.
    pub allow_keeping: Option<bool>,
    /// Names of compilers and linters that are not to be run.
    pub without_checks: Option<Vec<String>>,
}

/// Reads settings one by one, so that a wrong one costs a message and the others still hold.
/// They may stand under a `baton` key, as editors send their sections.
pub fn from_editor(sent: &Value) -> (EditorOptions, Vec<String>) {
    let mut options = EditorOptions::default();
    let mut problems = Vec::new();
    let settings = match sent.get("baton").unwrap_or(sent) {
        Value::Null => return (options, problems),
        Value::Object(settings) => settings,
        other => {
            problems.push(format!("Baton's settings must be an object, not `{other}`; they are ignored."));
            return (options, problems);
        }
    };
    for (key, value) in settings {
        if value.is_null() {
            continue;
        }
        let problem = match key.as_str() {
            "tier" => set(&mut options.tier, value, "`mini` or `ultra`"),
            "maxSeconds" => set(&mut options.max_seconds, value, "a number of seconds")
                .or_else(|| at_least_0(&mut options.max_seconds)),
            "maxUsd" => {
                set(&mut options.max_usd, value, "an amount in US dollars").or_else(|| at_least_0(&mut options.max_usd))
            }
            "workers" => set(&mut options.workers, value, "a list of worker names"),
            "withoutWorkers" => set(&mut options.without_workers, value, "a list of worker names"),
            "regions" => set(&mut options.regions, value, "a list of regions"),
            "providers" => set(&mut options.providers, value, "a list of providers"),
            "allowKeeping" => set(&mut options.allow_keeping, value, "true or false"),
            "withoutChecks" => set(&mut options.without_checks, value, "a list of names of checks"),
            _ => Some(
                "is not a setting of Baton; keys, addresses, commands and new workers belong in the user's config.toml"
                    .into(),
            ),
        };
        if let Some(problem) = problem {
            problems.push(format!("Baton ignores the setting `{key}`: it {problem}."));
        }
    }
    (options, problems)
}

fn set<T: serde::de::DeserializeOwned>(slot: &mut Option<T>, value: &Value, wanted: &str) -> Option<String> {
    match serde_json::from_value(value.clone()) {
        Ok(read) => {
            *slot = Some(read);
            None
        }
        Err(_) => Some(format!("must be {wanted}, not `{value}`")),
    }
}

fn at_least_0(slot: &mut Option<f64>) -> Option<String> {
    let negative = slot.take_if(|number| *number < 0.0)?;
    Some(format!("must be at least 0, not {negative}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_wrong_setting_costs_one_message() {
        let (options, problems) = super::from_editor(&json!({"baton": {
            "tier": "maxi", "maxUsd": 0.1, "maxSeconds": -1, "workers": "a", "base_url": "http://evil", "nothing": null,
        }}));
        assert_eq!(options.max_usd, Some(0.1));
        assert_eq!((options.max_seconds, options.workers, options.tier), (None, None, None));
        insta::assert_snapshot!(problems.join("\n"));
    }
}
