//! The checks of a language as the user wants them: those of its facts, less what is switched off, with commands
//! replaced and checks added.

use std::collections::BTreeMap;

use baton_grammars::{Check, CheckKind, Format, Language};

use crate::config::CheckOptions;

/// What the user said of checks, by their names.
pub type Choices = BTreeMap<String, CheckOptions>;

/// The checks of a language, in order; those that the user added come last.
pub(super) fn chosen(language: &Language, choices: &Choices) -> Vec<Check> {
    let mut checks = language.facts.check.clone();
    for check in &mut checks {
        let Some(choice) = choices.get(&check.name) else { continue };
        if let Some(command) = &choice.command {
            check.command.clone_from(command);
            check.needs.clear();
        }
        check.format = choice.format.unwrap_or(check.format);
    }
    let is_known = |name: &str| language.facts.check.iter().any(|check| check.name == name);
    for (name, choice) in choices.iter().filter(|(name, _)| !is_known(name)) {
        let is_of_language = choice.language.as_deref().and_then(baton_grammars::by_alias).map(|of| of.id);
        let Some(command) = choice.command.clone().filter(|_| is_of_language == Some(language.id)) else { continue };
        checks.push(Check {
            name: name.clone(),
            kind: if choice.lint { CheckKind::Lint } else { CheckKind::Compile },
            when: Vec::new(),
            when_inside: BTreeMap::new(),
            files: Vec::new(),
            last_resort: false,
            command,
            env: BTreeMap::new(),
            format: choice.format.unwrap_or(Format::Gcc),
            needs: Vec::new(),
            absent: None,
            silenced_by: Vec::new(),
        });
    }
    checks.retain(|check| choices.get(&check.name).is_none_or(|choice| choice.enabled));
    checks
}

#[cfg(test)]
mod tests {
    use super::{Choices, chosen};

    fn names(written: &str, language: &str) -> Vec<String> {
        let choices: Choices = toml::from_str(written).unwrap();
        let checks = chosen(baton_grammars::by_id(language).unwrap(), &choices);
        checks.iter().map(|check| format!("{}: {}", check.name, check.command.join(" "))).collect()
    }

    #[test]
    fn the_user_replaces_switches_off_and_adds() {
        assert!(names("", "go").iter().any(|line| line.starts_with("go vet: go vet ./...")));
        let changed = names("['go vet']\nenabled = false\n['go build']\ncommand = ['make', 'check']", "go");
        assert_eq!(changed, ["go build: make check"]);
        let own = "[fast]\nlanguage = 'golang'\ncommand = ['fast', '{paths}']\nlint = true\nformat = 'plain'";
        assert_eq!(names(own, "go").last().unwrap(), "fast: fast {paths}");
        assert!(!names(own, "rust").iter().any(|line| line.starts_with("fast")));
    }
}
