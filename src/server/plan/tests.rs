use std::fmt::Write;

use apollo_compiler::{ExecutableDocument as Document, Schema, validation::Valid};
use async_graphql::{
    Positioned,
    parser::types::{Selection, SelectionSet},
};

use super::*;
use crate::kernel::error::{ErrorCode, ErrorReason, Result};

const SDL: &str = "
    type Query { me: Person!  node(id: ID): Node  pet: Pet  nodes: [Node!]!  sum(of: [Int!], as: In): Int! }
    type Mutation { send(text: String): Sent! }
    type Subscription { happened: Happened! }
    interface Node { id: ID!  near: Node  label: String }
    type Person implements Node { id: ID!  near: Node  label: String  name: String  best: Person!  friends: [Person!] }
    type Dog implements Node { id: ID!  near: Node  label: String!  barks: Boolean!  name: String! }
    type Sent { id: ID!  text: String }
    type Chunk { text: String! }
    type Gap { at: ID! }
    union Pet = Dog | Person
    union Happened = Chunk | Gap
    enum Kind { BIG SMALL }
    input In { kind: Kind  size: Float }
";

fn planned_within(text: &str, truths: &[(&str, bool)], limit: usize) -> Result<Plan> {
    let types = Schema::parse_and_validate(SDL, "schema.graphql").unwrap();
    let document: Valid<Document> = Document::parse_and_validate(&types, text, "document.graphql").unwrap();
    let operation = document.operations.get(None).unwrap();
    let truth = |name: &str| truths.iter().find(|(known, _)| *known == name).map(|(_, truth)| *truth);
    plan(&types, &document, operation, &truth, limit)
}

fn is_fixed(text: &str) -> bool {
    let types = Schema::parse_and_validate(SDL, "schema.graphql").unwrap();
    let document = Document::parse_and_validate(&types, text, "document.graphql").unwrap();
    fixed_plan(&types, &document, document.operations.get(None).unwrap(), 1_000).unwrap().is_some()
}

fn planned(text: &str, truths: &[(&str, bool)]) -> Plan {
    planned_within(text, truths, 1_000).unwrap()
}

/// What the schema runs, as text.
fn run(text: &str) -> String {
    run_with(text, &[])
}

fn run_with(text: &str, truths: &[(&str, bool)]) -> String {
    let plan = planned(text, truths);
    let mut out = String::new();
    write_set(&plan.operation().selection_set.node, &mut out);
    out
}

fn write_set(set: &SelectionSet, out: &mut String) {
    out.push('{');
    for (at, Positioned { node, .. }) in set.items.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        match node {
            Selection::Field(field) => {
                if let Some(alias) = &field.node.alias {
                    write!(out, "{}:", alias.node).unwrap();
                }
                out.push_str(&field.node.name.node);
                for (name, value) in &field.node.arguments {
                    write!(out, "({}:{})", name.node, value.node).unwrap();
                }
                if !field.node.selection_set.node.items.is_empty() {
                    write_set(&field.node.selection_set.node, out);
                }
            }
            Selection::InlineFragment(fragment) => {
                write!(out, "..{}", fragment.node.type_condition.as_ref().unwrap().node.on.node).unwrap();
                write_set(&fragment.node.selection_set.node, out);
            }
            Selection::FragmentSpread(_) => panic!("fragments are resolved"),
        }
    }
    out.push('}');
}

/// What the answer has, as text.
fn answered(text: &str) -> String {
    let mut out = String::new();
    write_fields(&planned(text, &[]).root, &mut out);
    out
}

fn write_fields(fields: &Fields, out: &mut String) {
    let write_all = |fields: &[Field], out: &mut String| {
        out.push('{');
        for field in fields {
            out.push_str(&field.json);
            match &field.source {
                Source::Known(json) => out.push_str(json),
                Source::Run { ty, below, .. } => {
                    write!(out, "{ty}").unwrap();
                    if let Some(below) = below {
                        write_fields(below, out);
                    }
                }
            }
            out.push(' ');
        }
        out.push('}');
    };
    match fields {
        Fields::Same(fields) => write_all(fields, out),
        Fields::ByType { key, types } => {
            write!(out, "[{key}").unwrap();
            for (ty, fields) in types {
                write!(out, " {ty}").unwrap();
                write_all(fields, out);
            }
            out.push(']');
        }
    }
}

#[test]
fn fields_of_one_key_are_one_field() {
    assert_eq!(
        run("{ me { id } me { name id } ...f } fragment f on Query { me { best { id } } }"),
        "{me{id name best{id}}}"
    );
    assert_eq!(run("{ a: me { id } a: me { b: id } }"), "{a:me{id b:id}}");
    let twice = "mutation { send(text: \"a\") { id } send(text: \"a\") { text } }";
    assert_eq!(run(twice), "{send(text:\"a\"){id text}}");
    let nine_hundred = format!("{{ {} }}", "me { id } ".repeat(900));
    assert_eq!(run_within(&nine_hundred, 2_000), "{me{id}}");
}

fn run_within(text: &str, limit: usize) -> String {
    let mut out = String::new();
    write_set(&planned_within(text, &[], limit).unwrap().operation().selection_set.node, &mut out);
    out
}

#[test]
fn keys_have_the_order_in_which_they_are_first_asked_for() {
    let text = "{ me { name } sum(of: [1]) ... on Query { pet { __typename } me { id } } }";
    assert_eq!(
        answered(text),
        "{\"me\":Person!{\"name\":String \"id\":ID! } \"sum\":Int! \"pet\":Pet{\"__typename\":String! } }"
    );
}

#[test]
fn conditions_are_decided() {
    let text = "query($y: Boolean!, $n: Boolean = false) {
        me @include(if: $y) { id name @skip(if: true) }
        ... @include(if: $n) { pet { __typename } }
        ...f @skip(if: $y)
        sum @skip(if: $n) @include(if: $y)
    } fragment f on Query { node { id } }";
    assert_eq!(run_with(text, &[("y", true), ("n", false)]), "{me{id} sum}");
    assert_eq!(run_with(text, &[("y", false), ("n", true)]), "{pet{__typename} node{id}}");
    assert!(!is_fixed(text));
    assert!(is_fixed("{ me { id @include(if: false) } }"));
    let error = planned_within(text, &[("y", true)], 100).unwrap_err();
    assert_eq!(error.code, ErrorCode::BadUserInput);
}

#[test]
fn a_field_of_which_nothing_is_asked_is_run() {
    assert_eq!(run("{ me { id @skip(if: true) } }"), "{me{__typename}}");
    assert_eq!(run("{ me @skip(if: true) { id } }"), "{__typename}");
    assert_eq!(answered("{ me { id @skip(if: true) } }"), "{\"me\":Person!{} }");
    let other = "{ pet { ... on Person { name } } }";
    assert_eq!(run(other), "{pet{__typename ..Person{name}}}");
    assert_eq!(answered(other), "{\"pet\":Pet[__typename Dog{} Person{\"name\":String }] }");
}

#[test]
fn known_types_are_not_asked_for() {
    assert_eq!(run("{ __typename me { __typename t: __typename id } }"), "{me{id}}");
    assert_eq!(
        answered("{ __typename me { t: __typename id } }"),
        "{\"__typename\":\"Query\" \"me\":Person!{\"t\":\"Person\" \"id\":ID! } }"
    );
    assert_eq!(run("{ me { __typename: id } }"), "{me{__typename:id}}");
}

#[test]
fn each_type_has_its_fields() {
    let text = "{ node {
        id
        ... on Person { name near { id } }
        ... on Node { near { __typename } }
        ... on Dog { t: __typename barks }
    } }";
    assert_eq!(run(text), "{node{__typename ..Person{id name near{id __typename}} ..Dog{id near{__typename} barks}}}");
    assert_eq!(
        answered(text),
        "{\"node\":Node[__typename \
         Dog{\"id\":ID! \"near\":Node{\"__typename\":String! } \"t\":\"Dog\" \"barks\":Boolean! } \
         Person{\"id\":ID! \"name\":String \"near\":Node{\"id\":ID! \"__typename\":String! } }] }"
    );
}

#[test]
fn the_internal_key_is_nobodys() {
    let text = "{ pet { ... on Person { __typename: id } ... on Dog { __typename_: barks } } }";
    assert_eq!(run(text), "{pet{__typename__:__typename ..Dog{__typename_:barks} ..Person{__typename:id}}}");
}

#[test]
fn what_an_interface_has_is_asked_of_it() {
    assert_eq!(run("{ node { id near { id } } }"), "{node{id near{id}}}");
    assert_eq!(run("{ node { ... on Node { id } __typename } }"), "{node{id __typename}}");
    // One of the types promises more.
    assert_eq!(
        answered("{ node { label } }"),
        "{\"node\":Node[__typename Dog{\"label\":String! } Person{\"label\":String }] }"
    );
}

#[test]
fn introspection_is_planned_like_everything_else() {
    let text = "{ __schema { types { name } types { kind } } __type(name: \"Dog\") { name name } }";
    assert_eq!(run(text), "{__schema{types{name kind}} __type(name:\"Dog\"){name}}");
    assert!(answered(text).starts_with("{\"__schema\":__Schema!{\"types\":[__Type!]!{\"name\":String "));
}

#[test]
fn values_are_the_same() {
    let text = "query($k: Kind = BIG, $n: [Int!]) {
        sum(of: $n, as: { kind: $k, size: -1.5e3 })
        b: sum(of: [1, 20], as: null)
        node(id: \"a\\n\\u00e7\") { id }
    }";
    assert_eq!(
        run(text),
        "{sum(of:$n)(as:{kind: $k, size: -1500.0}) b:sum(of:[1, 20])(as:null) node(id:\"a\\nç\"){id}}"
    );
}

#[test]
fn positions_are_those_of_the_document() {
    let plan = planned("query {\n  # ş\n  me { id }\n\n  a: pet {\n ... on Dog { barks } }\n  me { name }\n}", &[]);
    let positions: Vec<_> =
        plan.operation().selection_set.node.items.iter().map(|item| (item.pos.line, item.pos.column)).collect();
    assert_eq!(positions, [(3, 3), (5, 3)]);
    let Fields::Same(fields) = &plan.root else { panic!() };
    assert_eq!((fields[1].pos.line, fields[1].pos.column), (5, 3));
}

#[test]
fn what_is_repeated_for_each_type_is_bounded() {
    // The types of each level multiply those of the level above it.
    let fragments = (0..14).map(|level| {
        let next = if level == 13 { "id".to_owned() } else { format!("near {{ ...f{} }}", level + 1) };
        format!(" fragment f{level} on Node {{ ... on Dog {{ {next} }} ... on Person {{ p: id {next} }} }}")
    });
    let text = format!("{{ node {{ ...f0 }} }}{}", fragments.collect::<String>());
    let error = planned_within(&text, &[], 20_000).unwrap_err();
    assert_eq!(error.reason, Some(ErrorReason::DocumentTooLarge));
}

#[test]
fn a_subscription_has_one_field() {
    let text = "subscription($y: Boolean!) { happened @include(if: $y) { ... on Chunk { text } } }";
    let types = Schema::parse_and_validate(SDL, "schema.graphql").unwrap();
    // Later editions of the specification forbid such conditions in the document already.
    let Ok(document) = Document::parse_and_validate(&types, text, "document.graphql") else { return };
    let operation = document.operations.get(None).unwrap();
    let decided = |truth: bool| plan(&types, &document, operation, &|_| Some(truth), 100);
    assert!(decided(true).unwrap().is_alone());
    assert_eq!(decided(false).unwrap_err().code, ErrorCode::GraphqlValidationFailed);
}
