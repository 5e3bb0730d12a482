//! The schema is written down, explained, and regular.

use serde_json::Value;
use yanit::{config::Config, schema::Api};

use super::{here, introspected, list, name, read, type_named, written};

/// Arguments that are ids of any kind of thing, or whose field says of what.
const OF_ANY_KIND: &[&str] = &["Query.node.id", "Query.nodes.ids", "Conversation.messages.around"];

/// All types but those of introspection itself.
fn of_this_api(schema: &Value) -> impl Iterator<Item = &Value> {
    list(&schema["types"]).iter().filter(|kind| !name(kind).starts_with("__"))
}

/// Every argument and input field as `Type.field.argument` or `Input.field`.
fn inputs(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for kind in of_this_api(schema) {
        for field in list(&kind["fields"]) {
            for argument in list(&field["args"]) {
                found.push((format!("{}.{}.{}", name(kind), name(field), name(argument)), argument));
            }
        }
        for field in list(&kind["inputFields"]) {
            found.push((format!("{}.{}", name(kind), name(field)), field));
        }
    }
    found
}

fn is_explained(thing: &Value) -> bool {
    thing["description"].as_str().is_some_and(|text| !text.trim().is_empty())
}

fn is_camel_case(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn nothing(complaints: Vec<String>, what: &str) {
    assert!(complaints.is_empty(), "{what}:\n  {}", complaints.join("\n  "));
}

#[test]
fn the_schema_file_is_what_the_code_says() {
    let written = read(&here("schema.graphql"));
    let code = Api::build(&Config::default()).sdl();
    if written.trim_end() == code.trim_end() {
        return;
    }
    let differs = written.lines().zip(code.lines()).position(|(file, code)| file != code);
    let line = differs.unwrap_or_else(|| written.lines().count().min(code.lines().count()));
    panic!(
        "schema.graphql is not what the code says, from line {} on:\n  file  {}\n  code  {}\nWrite it anew: cargo run -q -- schema > schema.graphql",
        line + 1,
        written.lines().nth(line).unwrap_or("(ends)"),
        code.lines().nth(line).unwrap_or("(ends)"),
    );
}

#[tokio::test]
async fn everything_in_the_schema_is_explained() {
    let schema = introspected().await;
    let mut silent = Vec::new();
    for kind in of_this_api(&schema) {
        if !is_explained(kind) {
            silent.push(name(kind).to_owned());
        }
        for part in list(&kind["fields"]).iter().chain(list(&kind["enumValues"])) {
            if !is_explained(part) {
                silent.push(format!("{}.{}", name(kind), name(part)));
            }
        }
    }
    silent.extend(inputs(&schema).into_iter().filter(|(_, input)| !is_explained(input)).map(|(path, _)| path));
    for directive in list(&schema["directives"]) {
        let arguments = list(&directive["args"]).iter();
        silent.extend(
            arguments
                .filter(|argument| !is_explained(argument))
                .map(|argument| format!("@{}.{}", name(directive), name(argument))),
        );
        if !is_explained(directive) {
            silent.push(format!("@{}", name(directive)));
        }
    }
    nothing(silent, "these have no description");
}

#[tokio::test]
async fn names_have_the_form_of_their_kind() {
    let schema = introspected().await;
    let mut odd = Vec::new();
    for kind in of_this_api(&schema) {
        let own = name(kind);
        if !own.starts_with(|first: char| first.is_ascii_uppercase()) || own.contains('_') {
            odd.push(format!("{own}: types are written LikeThis"));
        }
        for field in list(&kind["fields"]).iter().filter(|field| !is_camel_case(name(field))) {
            odd.push(format!("{own}.{}: fields are written likeThis", name(field)));
        }
        for value in list(&kind["enumValues"]) {
            if !name(value).chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
                odd.push(format!("{own}.{}: values of enums are written LIKE_THIS", name(value)));
            }
        }
    }
    for (path, _) in inputs(&schema).into_iter().filter(|(_, input)| !is_camel_case(name(input))) {
        odd.push(format!("{path}: arguments are written likeThis"));
    }
    nothing(odd, "names of another form");
}

#[tokio::test]
async fn ids_that_are_asked_for_say_of_what_they_are() {
    let schema = introspected().await;
    let mut vague = Vec::new();
    for (path, input) in inputs(&schema) {
        let own = name(input);
        let says = (own.len() > 2 && own.ends_with("Id")) || (own.len() > 3 && own.ends_with("Ids"));
        let of_type = written(&input["type"]).replace(['[', ']', '!'], "");
        let allowed = OF_ANY_KIND.contains(&path.as_str());
        match of_type.as_str() {
            "ID" if !says && !allowed => vague.push(format!("{path}: an id of what?")),
            "ID" => {}
            "UUID" if own == "clientId" => {}
            other if says => vague.push(format!("{path}: named like an id, but a {other}")),
            _ => {}
        }
    }
    nothing(vague, "ids that do not say of what they are");
}

#[tokio::test]
async fn a_mutation_takes_one_input_and_gives_one_payload_named_after_it() {
    let schema = introspected().await;
    let mutations = type_named(&schema, name(&schema["mutationType"])).expect("there are mutations");
    let mut odd = Vec::new();
    for mutation in list(&mutations["fields"]) {
        let own = name(mutation);
        let takes: Vec<String> = list(&mutation["args"])
            .iter()
            .map(|input| format!("{}: {}", name(input), written(&input["type"])))
            .collect();
        let wanted = format!("input: {}Input!", capitalised(own));
        if takes != [wanted.as_str()] {
            odd.push(format!("{own} takes ({}), not ({wanted})", takes.join(", ")));
        }
        let (gives, payload) = (written(&mutation["type"]), format!("{}Payload!", capitalised(own)));
        if gives != payload {
            odd.push(format!("{own} gives {gives}, not {payload}"));
        }
    }
    nothing(odd, "mutations of another form");
}

/// A type as overlapping fields are compared: what it is, but for objects, of which any may stand for any.
fn shape(reference: &Value) -> String {
    match reference["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", shape(&reference["ofType"])),
        Some("LIST") => format!("[{}]", shape(&reference["ofType"])),
        Some("SCALAR" | "ENUM") => name(reference).to_owned(),
        _ => "{}".to_owned(),
    }
}

/// `Node` is no union: whoever asks for a node knows of which kind it is.
#[tokio::test]
async fn members_of_a_union_can_be_asked_for_side_by_side() {
    let schema = introspected().await;
    let mut complaints = Vec::new();
    for union in of_this_api(&schema).filter(|kind| kind["kind"] == "UNION") {
        let mut seen: std::collections::HashMap<&str, (String, &str)> = std::collections::HashMap::new();
        for member in list(&union["possibleTypes"]).iter().filter_map(|member| type_named(&schema, name(member))) {
            for field in list(&member["fields"]) {
                let shape = shape(&field["type"]);
                let first = seen.entry(name(field)).or_insert_with(|| (shape.clone(), name(member)));
                if first.0 != shape {
                    complaints.push(format!(
                        "{}: `{}` is {} in {} and {shape} in {}",
                        name(union),
                        name(field),
                        first.0,
                        first.1,
                        name(member)
                    ));
                }
            }
        }
    }
    nothing(complaints, "these need aliases");
}
