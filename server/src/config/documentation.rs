//! Holds README's tables of settings and the VS Code extension's list of them to the schema: what is out of date is
//! rewritten, and the test fails once.

use std::path::Path;

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use super::{EditorOptions, Options};

/// `| setting | what |` for every leaf of the schema, in order of the names.
fn table<T: JsonSchema>() -> String {
    let schema = schema_for!(T).to_value();
    let mut rows = Vec::new();
    collect(&schema, &schema, "", &mut rows);
    format!("| setting | what |\n|---|---|\n{}\n", rows.join("\n"))
}

fn collect(node: &Value, whole: &Value, prefix: &str, rows: &mut Vec<String>) {
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        let refers = |key: &str| property.get(key).filter(|below| below.get("$ref").is_some());
        let (below, suffix) = match (refers("items"), refers("additionalProperties")) {
            (Some(items), _) => (resolve(items, whole), "[]"),
            (_, Some(values)) => (resolve(values, whole), ".NAME"),
            _ => (resolve(property, whole), ""),
        };
        let path = format!("{prefix}{name}{suffix}");
        if below.get("properties").is_some() {
            collect(below, whole, &format!("{path}."), rows);
            continue;
        }
        let description = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let default = match &property["default"] {
            Value::Null => String::new(),
            default => format!(" Default: `{default}`."),
        };
        rows.push(format!("| `{path}` | {description}{default} |"));
    }
}

fn resolve<'a>(node: &'a Value, whole: &'a Value) -> &'a Value {
    match node["$ref"].as_str() {
        Some(reference) => whole.pointer(reference.trim_start_matches('#')).unwrap_or(node),
        None => node,
    }
}

/// What stands in the extension's `package.json`: a line for each setting.
fn properties() -> String {
    let schema = schema_for!(EditorOptions).to_value();
    let lines = schema["properties"].as_object().into_iter().flatten().map(|(name, property)| {
        let mut shown = serde_json::Map::new();
        let other = |of: &Value| of.as_array().and_then(|of| of.iter().find(|one| one["type"] != "null")).cloned();
        let kinds = property.get("anyOf").and_then(other).map(|reference| resolve(&reference, &schema).clone());
        match kinds.as_ref().and_then(|kinds| kinds["oneOf"].as_array()) {
            Some(kinds) => {
                let all = |key: &str| kinds.iter().map(|kind| kind[key].clone()).collect::<Vec<_>>();
                shown.insert("enum".into(), [all("const"), vec![Value::Null]].concat().into());
                let unset = vec!["As the user's own configuration says.".into()];
                shown.insert("enumDescriptions".into(), [all("description"), unset].concat().into());
            }
            None => {
                shown.insert("type".into(), property["type"].clone());
                shown.extend(property.get("items").map(|items| ("items".to_owned(), items.clone())));
            }
        }
        shown.insert("default".into(), Value::Null);
        shown.insert("markdownDescription".into(), property["description"].clone());
        format!("          \"baton.{name}\": {}", Value::Object(shown))
    });
    lines.collect::<Vec<_>>().join(",\n") + "\n"
}

/// The text between two marks is made what it should be; whether it was.
fn holds(file: &str, parts: &[(&str, &str, String)]) -> bool {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let written = std::fs::read_to_string(&file).unwrap();
    let mut text = written.clone();
    for (begin, end, part) in parts {
        let from =
            text.find(begin).unwrap_or_else(|| panic!("{begin:?} is missing in {}", file.display())) + begin.len();
        let to = from + text[from..].find(end).unwrap_or_else(|| panic!("{end:?} is missing in {}", file.display()));
        text.replace_range(from..to, part);
    }
    let held = text == written;
    if !held {
        std::fs::write(&file, text).unwrap();
    }
    held
}

#[test]
fn every_setting_is_documented() {
    let settings = ("<!-- settings: written by a test -->\n", "<!-- end of settings -->", table::<EditorOptions>());
    let options = ("<!-- options: written by a test -->\n", "<!-- end of options -->", table::<Options>());
    let listed = ("\"title\": \"Limits\",\n        \"properties\": {\n", "        }\n", properties());
    let held = [holds("README.md", &[settings, options]), holds("editors/vscode/package.json", &[listed])];
    assert_eq!(
        held,
        [true, true],
        "a list of settings was out of date; it has been rewritten, look at it and commit it"
    );
}
