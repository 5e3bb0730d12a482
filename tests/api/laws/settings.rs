//! `.env.example` lists every setting with its default, and nothing else.

use std::collections::BTreeMap;

use serde_json::Value;
use yanit::config::Config;

use super::{here, read};

/// Settings that other programs know by these names, too.
const WITHOUT_PREFIX: &[&str] = &["database_url", "redis_url", "qdrant_url"];

/// What the code knows: the name in the environment, and the default as it is written there.
fn known() -> BTreeMap<String, String> {
    let defaults = serde_json::to_value(Config::default()).expect("settings are data");
    let defaults = defaults.as_object().expect("settings have names");
    let shown = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    defaults.iter().map(|(field, value)| (name_of(field), shown(value))).collect()
}

fn name_of(field: &str) -> String {
    let upper = field.to_uppercase();
    if WITHOUT_PREFIX.contains(&field) { upper } else { format!("YANIT_{upper}") }
}

/// What a file lists: lines like `NAME=value` or, commented out, `# NAME=value`.
fn listed(text: &str) -> Vec<(String, String)> {
    let setting = |line: &str| {
        let line = line.strip_prefix("# ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        is_name.then(|| (name.to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(setting).collect()
}

#[test]
fn the_example_lists_every_setting_with_its_default_and_nothing_else() {
    let mut known = known();
    let mut complaints = Vec::new();
    for (name, value) in listed(&read(&here(".env.example"))) {
        match known.remove(&name) {
            None => complaints.push(format!("{name} is no setting, or is listed twice")),
            Some(default) if default != value => {
                complaints.push(format!("{name} is {value:?}; its default {default:?}"))
            }
            Some(_) => {}
        }
    }
    complaints
        .extend(known.into_iter().map(|(name, default)| format!("{name} is missing; its default is {default:?}")));
    assert!(complaints.is_empty(), ".env.example:\n  {}", complaints.join("\n  "));
}

#[test]
fn explanations_are_not_taken_for_settings() {
    let text = "# Like A=1 in a shell.\n# YANIT_A=1\nDATABASE_URL=\n#   set -a; . ./.env\n";
    let found = listed(text);
    assert_eq!(found, [("YANIT_A".to_owned(), "1".to_owned()), ("DATABASE_URL".to_owned(), String::new())]);
}
