//! The parameters of a request, taken one by one, so that none is ignored in silence.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::failure::Failure;

/// What is left of an object. `null` counts as absent.
pub(super) struct Fields {
    map: Map<String, Value>,
    /// Where the object is, for messages: `messages[0].`
    within: String,
}

impl Fields {
    /// The fields of an object that stands at `within`; the outermost stands nowhere.
    pub fn of(value: Value, within: &str) -> Result<Self, Failure> {
        match value {
            Value::Object(map) => {
                let within = if within.is_empty() { String::new() } else { format!("{within}.") };
                Ok(Self { map, within })
            }
            _ => Err(Failure::of_param(within, format!("`{within}` must be an object"))),
        }
    }

    /// The full name of a field.
    pub fn name(&self, field: &str) -> String {
        format!("{}{field}", self.within)
    }

    /// Takes a field of this type.
    pub fn take<T: DeserializeOwned>(&mut self, field: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.map.remove(field).filter(|value| !value.is_null()) else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|error| {
            let name = self.name(field);
            Failure::of_param(&name, format!("`{name}` cannot be understood: {error}"))
        })
    }

    /// Takes a field that must be there.
    pub fn need<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, Failure> {
        let name = self.name(field);
        self.take(field)?.ok_or_else(|| Failure::of_param(&name, format!("`{name}` is missing")))
    }

    /// Takes a number that must be finite and within these bounds.
    pub fn number(&mut self, field: &str, least: f64, most: f64) -> Result<Option<f64>, Failure> {
        let number: Option<f64> = self.take(field)?;
        match number {
            Some(number) if !(least..=most).contains(&number) => {
                let name = self.name(field);
                Err(Failure::of_param(&name, format!("`{name}` is a number from {least} to {most}")))
            }
            number => Ok(number),
        }
    }

    /// Takes a field that Baton can honour only if it has one of these values.
    pub fn only(&mut self, field: &str, values: &[Value]) -> Result<(), Failure> {
        match self.map.remove(field) {
            Some(value) if !value.is_null() && !values.contains(&value) => {
                let name = self.name(field);
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                let than = if values.is_empty() {
                    "; leave it out".into()
                } else {
                    format!(" other than {}", values.join(" or "))
                };
                Err(Failure::of_param(&name, format!("Baton cannot honour `{name}`{than}")))
            }
            _ => Ok(()),
        }
    }

    /// Takes fields that change nothing about the answer, whatever they are.
    pub fn without(&mut self, fields: &[&str]) {
        for field in fields {
            self.map.remove(*field);
        }
    }

    /// Whatever is left is not known.
    pub fn end(self) -> Result<(), Failure> {
        match self.map.iter().find(|(_, value)| !value.is_null()) {
            Some((field, _)) => {
                let name = self.name(field);
                let mut failure =
                    Failure::of_param(&name, format!("Baton does not know the parameter `{name}`; leave it out"));
                failure.code = "unknown_parameter";
                Err(failure)
            }
            None => Ok(()),
        }
    }
}
