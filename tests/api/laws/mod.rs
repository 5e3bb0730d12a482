//! What holds for the whole program and is easily broken by one careless line: each law reads the schema, the sources or
//! the database and names what breaks it.

mod ids;
mod imports;
mod migrations;
mod permissions;
mod quotas;
mod repetitions;
mod results;
mod schema;
mod settings;
mod sharing;

use std::path::{Path, PathBuf};

use async_graphql::Request;
use serde_json::Value;
use yanit::{config::Config, schema::Api};

pub(crate) use self::permissions::superadmin;

const INTROSPECTION: &str = "{ __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    directives { name description args { ...I } }
    types { name kind description
        fields(includeDeprecated: true) { name description args { ...I } type { ...T } }
        inputFields { ...I }
        enumValues(includeDeprecated: true) { name description }
        possibleTypes { name } } } }
fragment I on __InputValue { name description type { ...T } }
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The schema as its clients see it: `__schema` of the standard introspection.
async fn introspected() -> Value {
    let answer = Api::build(&Config::default()).execute(Request::new(INTROSPECTION)).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    answer.data.into_json().expect("JSON")["__schema"].take()
}

/// The entries of a JSON list; none of null.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A name in the introspection; nothing of null.
fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

/// The type of this name.
fn type_named<'a>(schema: &'a Value, wanted: &str) -> Option<&'a Value> {
    list(&schema["types"]).iter().find(|kind| name(kind) == wanted)
}

/// A reference to a type as it is written: `[Thing!]!`.
fn written(reference: &Value) -> String {
    match reference["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&reference["ofType"])),
        Some("LIST") => format!("[{}]", written(&reference["ofType"])),
        _ => name(reference).to_owned(),
    }
}

/// A file or folder of the repository.
fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}
