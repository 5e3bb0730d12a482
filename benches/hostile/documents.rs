//! Requests that cost more to look at than to send.

use std::fmt::Display;

use serde_json::{Value, json};

use crate::server::body;

type Bodies = Vec<(&'static str, String)>;

/// Just below the largest body.
const LARGE: usize = 2_000_000;

fn document(text: &str) -> String {
    body(text, &json!({}))
}

/// The same part with a number in it, so many times.
fn many<T: Display>(count: usize, part: impl Fn(usize) -> T) -> String {
    (0..count).map(|number| part(number).to_string()).collect()
}

/// Two megabytes each, far above what a document may have.
pub(crate) fn large() -> Bodies {
    let fields = many(LARGE / 15, |n| format!("unknown{n} "));
    let aliases = many(LARGE / 20, |n| format!("a{n}: __typename "));
    let fragments = many(LARGE / 60, |n| format!("fragment f{n} on Query {{ x: me {{ ...f{} }} }} ", n + 1));
    let variables = many(LARGE / 15, |n| format!("$v{n}: Int "));
    let inputs = "email: \"\" ".repeat(LARGE / 12);
    let values = |value: &str| format!("{{\"query\":\"{{ __typename }}\",\"variables\":{{\"v\":[{value}0]}}}}");
    vec![
        ("fields", document(&format!("{{ {fields} }}"))),
        ("nesting", document(&"{a".repeat(LARGE / 2))),
        ("aliases", document(&format!("{{ {aliases} }}"))),
        ("fragments", document(&format!("{{ ...f0 }} {fragments}"))),
        ("directives", document(&format!("{{ __typename {} }}", "@skip(if: false) ".repeat(LARGE / 17)))),
        ("string", document(&format!("{{ verifyToken(token: \"{}\") {{ valid }} }}", "x".repeat(LARGE - 100)))),
        ("number", document(&format!("{{ node(id: {}) {{ id }} }}", "1".repeat(LARGE - 100)))),
        ("variables", document(&format!("query({variables}) {{ __typename }}"))),
        ("inputs", document(&format!("mutation {{ login(input: {{ {inputs} }}) {{ accessToken }} }}"))),
        ("values", values(&"0,".repeat(LARGE / 2 - 100))),
        ("lists", values(&"[],".repeat(LARGE / 3 - 100))),
        ("objects", values(&"{\"a\":0},".repeat(LARGE / 8 - 100))),
    ]
}

/// Just below the limits of a document: 128 kB, 5,000 words and signs, 2,000 fields, 30 aliases, 50 directives.
pub(crate) fn at_limits() -> Bodies {
    let fields = many(1_900, |n| format!("unknown{n} "));
    let long = "u".repeat(60);
    let long_fields = many(1_900, |n| format!("{long}{n} "));
    let aliases = many(30, |n| format!("a{n}: verifyToken(token: \"x\") {{ valid reason }} "));
    let same = "me { name } ".repeat(990);
    let conflicting = many(490, |n| format!("me {{ name(x: {n}) }} "));
    let spread = many(29, |n| format!("...f{n} "));
    let fragments = many(29, |n| format!("fragment f{n} on Query {{ {} }} ", "me { name email } ".repeat(20)));
    let variables = many(1_200, |n| format!("$v{n}: Int "));
    let used = many(30, |n| format!("$v{n}: Boolean! = true "));
    let skips = many(30, |n| format!("__typename @skip(if: $v{n}) "));
    let inputs = "email: \"\" ".repeat(1_600);
    let objects = "{a: 1} ".repeat(900);
    vec![
        ("fields", document(&format!("{{ {fields} }}"))),
        ("long fields", document(&format!("{{ {long_fields} }}"))),
        ("nesting", document(&format!("{}__typename{}", "{ ... ".repeat(97), "}".repeat(97)))),
        ("aliases", document(&format!("{{ {aliases} }}"))),
        ("same fields", document(&format!("{{ {same} }}"))),
        ("conflicts", document(&format!("{{ {conflicting} }}"))),
        ("fragments", document(&format!("{{ {spread} }} {fragments}"))),
        ("directives", document(&format!("{{ __typename {} }}", "@skip(if: false) ".repeat(50)))),
        ("string", document(&format!("{{ verifyToken(token: \"{}\") {{ valid }} }}", "x".repeat(125_000)))),
        ("block", document(&format!("{{ verifyToken(token: \"\"\"{}\"\"\") {{ valid }} }}", " \n".repeat(60_000)))),
        ("number", document(&format!("{{ node(id: {}) {{ id }} }}", "1".repeat(125_000)))),
        ("variables", document(&format!("query({variables}) {{ __typename }}"))),
        ("used variables", document(&format!("query({used}) {{ {skips} }}"))),
        ("inputs", document(&format!("mutation {{ login(input: {{ {inputs} }}) {{ accessToken }} }}"))),
        ("objects", document(&format!("{{ verifyToken(token: [{objects}]) {{ valid }} }}"))),
    ]
}

/// Everything about the schema, and chains through it.
pub(crate) fn introspection() -> Bodies {
    let of_type = format!("{}name{}", "ofType { ".repeat(40), " }".repeat(40));
    let levels = |part: &str, count: usize, end: &str| {
        format!("{{ __schema {{ types {{ {}name{} }} }} }}", part.repeat(count), end.repeat(count))
    };
    let descriptions = many(25, |n| format!("d{n}: description "));
    let operation: Value = json!({ "operationName": "IntrospectionQuery",
        "query": include_str!("../../tests/fixtures/introspection.graphql") });
    vec![
        ("standard", operation.to_string()),
        (
            "names",
            document("{ __schema { types { name fields { name type { name } args { name type { name } } } } } }"),
        ),
        ("ofType", document(&format!("{{ __schema {{ types {{ fields {{ type {{ {of_type} }} }} }} }} }}"))),
        ("fields 1", document(&levels("fields { type { ", 1, " } }"))),
        ("fields 2", document(&levels("fields { type { ", 2, " } }"))),
        ("fields 5", document(&levels("fields { type { ", 5, " } }"))),
        ("interfaces", document(&levels("possibleTypes { interfaces { ", 2, " } }"))),
        ("descriptions", document(&format!("{{ __schema {{ types {{ fields {{ {descriptions} }} }} }} }}"))),
        ("repeated", document(&format!("{{ {} }}", "__schema { types { name fields { name } } } ".repeat(20)))),
    ]
}
