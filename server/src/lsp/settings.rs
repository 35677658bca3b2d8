//! Configuration as it comes in, and the engine made from it.
//!
//! The user's own file is read again for every job, so that what is written there holds without a
//! restart. A setting that is wrong costs one message; the others hold.

use std::path::Path;
use std::sync::{Arc, Weak};

use serde_json::Value;

use crate::config::{Config, EditorOptions, Places, Trust, from_editor};
use crate::run::Engine;

/// What the editor sent, and the engine of the last job.
#[derive(Default)]
pub struct Settings {
    editor: EditorOptions,
    said: String,
    made: Option<(Config, Trust, Arc<Engine>)>,
    /// Every engine that was made, as long as a job has it.
    engines: Vec<Weak<Engine>>,
}

impl Settings {
    /// Takes what the editor sent. Gives what is to be told the user: each list of problems once.
    pub fn receive(&mut self, sent: &Value) -> Option<String> {
        let mut sent = sent.clone();
        if let Value::Object(keys) = &mut sent {
            // What the client can do is no setting; `Abilities` reads it.
            keys.remove("client");
        }
        if sent.is_null() {
            return None;
        }
        let (options, problems) = from_editor(&sent);
        self.editor = options;
        // What was taken away is taken from the jobs that run, too. A file that is wrong takes nothing away.
        if let Ok(config) = self.config() {
            self.narrow(&config);
        }
        let said = std::mem::replace(&mut self.said, problems.join(" "));
        (!self.said.is_empty() && self.said != said).then(|| self.said.clone())
    }

    /// What is wrong with the user's own file, if anything.
    pub fn problem(&self) -> Option<String> {
        self.config().err()
    }

    /// The engine for the configuration of this moment.
    pub fn engine(&mut self) -> Result<Arc<Engine>, String> {
        let config = self.config()?;
        let trust = Trust::load(&config.places.trust_file);
        match &self.made {
            Some((with, trusting, engine)) if (with, trusting) == (&config, &trust) => Ok(engine.clone()),
            _ => {
                self.narrow(&config);
                let engine = Arc::new(Engine::new(config.clone(), trust.clone()));
                self.engines.push(Arc::downgrade(&engine));
                self.made = Some((config, trust, engine.clone()));
                Ok(engine)
            }
        }
    }

    fn narrow(&mut self, config: &Config) {
        // An engine that has lost a worker is not used again, even if these settings return.
        self.made = self.made.take().filter(|(with, ..)| with == config);
        self.engines.retain(|engine| match engine.upgrade() {
            Some(engine) => {
                engine.keep(config);
                true
            }
            None => false,
        });
    }

    /// The configuration of this moment.
    pub fn config(&self) -> Result<Config, String> {
        let own = Places::of_user().and_then(Config::load).map_err(|e| e.to_string())?;
        Ok(own.narrowed(&self.editor))
    }
}

/// Whether the user trusts this folder (canonical). Asked every time: trust can be given in a shell.
pub fn trusted(root: &Path) -> bool {
    Places::of_user().is_ok_and(|places| Trust::load(&places.trust_file).covers(root))
}

/// Trusts the folder from now on.
pub fn trust(root: &Path) -> Result<(), String> {
    let places = Places::of_user().map_err(|e| e.to_string())?;
    let file = &places.trust_file;
    Trust::add(file, root).map(drop).map_err(|e| format!("{}: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Settings;

    #[test]
    fn problems_are_said_once() {
        let mut settings = Settings::default();
        assert_eq!(settings.receive(&json!(null)), None);
        let wrong = json!({"tier": "maxi", "client": {"answers": true}});
        assert!(settings.receive(&wrong).unwrap().contains("tier"));
        assert_eq!(settings.receive(&wrong), None);
        assert_eq!(settings.receive(&json!({"tier": "mini"})), None);
        assert!(settings.receive(&wrong).unwrap().contains("tier"));
    }
}
