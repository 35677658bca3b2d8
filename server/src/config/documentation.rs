//! Holds README's tables of settings to the schema: a table that is out of date is rewritten, and the test fails once.

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

#[test]
fn readme_documents_every_setting() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let written = std::fs::read_to_string(&readme).unwrap();
    let mut text = written.clone();
    for (name, table) in [("settings", table::<EditorOptions>()), ("options", table::<Options>())] {
        let (begin, end) = (format!("<!-- {name}: written by a test -->\n"), format!("<!-- end of {name} -->"));
        let from = text.find(&begin).expect("README.md has the mark") + begin.len();
        let to = text.find(&end).expect("README.md has the mark of the end");
        text.replace_range(from..to, &table);
    }
    if text != written {
        std::fs::write(&readme, text).unwrap();
        panic!("README.md did not show the settings as they are; it has been rewritten, look at it and commit it");
    }
}
