use apollo_compiler::{ExecutableDocument as Document, Schema};
use async_graphql::Pos;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::server::plan;

const SDL: &str = "
    type Query { a: A  must: A!  all: [A!]!  some: [A]  grid: [[A!]]!  pet: Pet  pets: [Pet!]  n: Int!  text: String }
    type A { id: ID!  a: A  must: A!  many: [A!]  few: [A]!  text: String  n: Int! }
    type Dog { barks: Boolean!  a: A }
    type Cat { id: ID!  a: A! }
    union Pet = Dog | Cat
";

fn plan_of(text: &str) -> Plan {
    let types = Schema::parse_and_validate(SDL, "schema.graphql").unwrap();
    let document = Document::parse_and_validate(&types, text, "document.graphql").unwrap();
    plan::plan(&types, &document, document.operations.get(None).unwrap(), &|_| None, 10_000).unwrap()
}

fn path(segments: serde_json::Value) -> Vec<PathSegment> {
    let serde_json::Value::Array(segments) = segments else { panic!("a path is a list") };
    segments
        .into_iter()
        .map(|segment| match segment.as_str() {
            Some(name) => PathSegment::Field(name.to_owned()),
            None => PathSegment::Index(usize::try_from(segment.as_u64().unwrap()).unwrap()),
        })
        .collect()
}

fn failed(at: serde_json::Value) -> ServerError {
    ServerError::new("failed", None).with_path(path(at))
}

/// The data and the errors that were added.
fn shaped(text: &str, data: serde_json::Value, errors: &[serde_json::Value]) -> (String, Vec<ServerError>) {
    let mut all: Vec<_> = errors.iter().cloned().map(failed).collect();
    let mut out = Vec::new();
    write(&plan_of(text), &Value::from_json(data).unwrap(), &mut all, &mut out);
    (String::from_utf8(out).unwrap(), all.split_off(errors.len()))
}

fn data(text: &str, data: serde_json::Value, errors: &[serde_json::Value]) -> String {
    let (data, added) = shaped(text, data, errors);
    assert!(added.is_empty(), "{added:?}");
    data
}

#[test]
fn keys_come_in_the_order_of_the_document() {
    let text = "{ text a { n id text } b: text }";
    let values = json!({ "b": "2", "a": { "text": null, "id": "x", "n": 1 }, "text": "1" });
    assert_eq!(data(text, values, &[]), r#"{"text":"1","a":{"n":1,"id":"x","text":null},"b":"2"}"#);
}

#[test]
fn objects_of_which_nothing_is_asked_are_empty() {
    let text = "{ a { id @skip(if: true) } pets { ... on Dog { barks } } }";
    let values = json!({ "a": { "__typename": "A" }, "pets": [
        { "__typename": "Cat" }, { "__typename": "Dog", "barks": true },
    ] });
    assert_eq!(data(text, values, &[]), r#"{"a":{},"pets":[{},{"barks":true}]}"#);
    assert_eq!(data("{ a @skip(if: true) { id } }", json!({ "__typename": "Query" }), &[]), "{}");
}

#[test]
fn a_null_goes_up_to_where_it_may_be() {
    let text = "{ text a { text must { id } } }";
    let values = json!({ "text": "t", "a": { "text": "x" } });
    assert_eq!(data(text, values.clone(), &[json!(["a", "must"])]), r#"{"text":"t","a":null}"#);
    let values = json!({ "text": "t", "must": {} });
    assert_eq!(data("{ text must { n id } }", values, &[json!(["must", "n"])]), "null");
    let values = json!({ "all": [{ "n": 1 }, null] });
    assert_eq!(data("{ all { n } }", values, &[json!(["all", 1, "n"])]), "null");
    let values = json!({ "some": [{ "n": 1 }, null, { "n": 2 }] });
    assert_eq!(data("{ some { n } }", values, &[json!(["some", 1, "n"])]), r#"{"some":[{"n":1},null,{"n":2}]}"#);
    let values = json!({ "grid": [[{ "n": 1 }], [{ "n": 1 }, null]] });
    assert_eq!(data("{ grid { n } }", values, &[json!(["grid", 1, 1, "n"])]), r#"{"grid":[[{"n":1}],null]}"#);
}

#[test]
fn a_field_that_failed_is_null_though_it_was_left_out() {
    let text = "{ a { id text } text }";
    assert_eq!(
        data(text, json!({ "a": { "id": "1" } }), &[json!(["a", "text"]), json!(["text"])]),
        r#"{"a":{"id":"1","text":null},"text":null}"#
    );
    // Nothing is left of an object of which everything failed.
    let text = "{ a { text a { id } } }";
    let errors = [json!(["a", "text"]), json!(["a", "a"])];
    assert_eq!(data(text, json!({ "a": null }), &errors), r#"{"a":{"text":null,"a":null}}"#);
    assert_eq!(data(text, json!({ "a": null }), &[json!(["a"])]), r#"{"a":null}"#);
    assert_eq!(data(text, serde_json::Value::Null, &[json!(["a"])]), r#"{"a":null}"#);
}

#[test]
fn a_null_that_nobody_explained_is_an_error() {
    let (data, added) = shaped("{\n  a { n } text }", json!({ "a": { "n": null }, "text": "t" }), &[json!(["text"])]);
    assert_eq!(data, r#"{"a":null,"text":"t"}"#);
    assert_eq!(added.len(), 1);
    assert_eq!(added[0].path, path(json!(["a", "n"])));
    assert_eq!(added[0].locations, [Pos { line: 2, column: 7 }]);
    let source = added[0].source::<Error>().unwrap().source.as_ref().unwrap().to_string();
    assert!(source.starts_with("A.n gave nothing"), "{source}");
    // One of several is enough, and another form than the type's is none.
    let (data, added) = shaped("{ all { id } n }", json!({ "all": [{ "id": "1" }, null], "n": 1 }), &[]);
    assert_eq!((data.as_str(), added.len()), ("null", 1));
    let (data, added) = shaped("{ pet { ... on Cat { id } } }", json!({ "pet": { "__typename": "Fish" } }), &[]);
    assert_eq!((data.as_str(), added.len()), (r#"{"pet":null}"#, 1));
}

#[test]
fn leaves_are_written_as_they_are() {
    let values = json!({ "text": "ş \"\\\n\u{1}", "n": 1.5 });
    assert_eq!(data("{ text n }", values, &[]), "{\"text\":\"ş \\\"\\\\\\n\\u0001\",\"n\":1.5}");
}

#[test]
fn an_answer_of_nulls_is_told_apart() {
    let holds = |text: &str, data: serde_json::Value| {
        write(&plan_of(text), &Value::from_json(data).unwrap(), &mut Vec::new(), &mut Vec::new())
    };
    assert!(!holds("{ a { id } text }", json!({ "a": null, "text": null })));
    assert!(!holds("{ n }", json!({ "n": null })));
    assert!(holds("{ a { id } text }", json!({ "a": null, "text": "" })));
    assert!(holds("{ a @skip(if: true) { id } }", json!({ "__typename": "Query" })));
}

const LAW: &str = "{
    all { id n } n
    a { text few { n } must { id many { id text } } }
    some { n a { n } }
    grid { id }
    pets { ... on Cat { id a { n } } ... on Dog { barks d: a { n text } } }
}";

/// What the specification says, word for word, over a tree of values.
mod model {
    use super::*;

    #[derive(Clone, Debug)]
    pub(super) enum Node {
        Leaf,
        Null,
        List(Vec<Node>),
        /// The number of the type, where there are several.
        Object(usize, Vec<Node>),
    }

    /// `CompleteValue` and the handling of errors: the JSON, or a null that goes up; and the places of errors.
    pub(super) fn complete(
        ty: &Type,
        below: Option<&Fields>,
        node: &Node,
        at: &[PathSegment],
        errors: &mut Vec<Vec<PathSegment>>,
    ) -> Option<String> {
        if ty.is_non_null() {
            let completed = complete(&ty.clone().nullable(), below, node, at, errors).filter(|json| json != "null");
            let known = errors.iter().any(|error| error.starts_with(at));
            if completed.is_none() && !known {
                errors.push(at.to_vec());
            }
            return completed;
        }
        let json = match (ty, node) {
            (_, Node::Null) => "null".to_owned(),
            (Type::List(item) | Type::NonNullList(item), Node::List(nodes)) => {
                let items = nodes.iter().enumerate().map(|(index, node)| {
                    let here = [at, &[PathSegment::Index(index)]].concat();
                    complete(item, below, node, &here, errors)
                });
                // All of them, so that all errors are there; then the first null that goes up decides.
                let items: Vec<_> = take_until_none(items);
                match items.into_iter().collect::<Option<Vec<_>>>() {
                    Some(items) => format!("[{}]", items.join(",")),
                    None => "null".to_owned(),
                }
            }
            (_, Node::Object(number, nodes)) => {
                object(below.unwrap(), *number, nodes, at, errors).unwrap_or_else(|| "null".to_owned())
            }
            (_, Node::Leaf) => "1".to_owned(),
            (_, Node::List(_)) => panic!("no list"),
        };
        Some(json)
    }

    pub(super) fn object(
        fields: &Fields,
        number: usize,
        nodes: &[Node],
        at: &[PathSegment],
        errors: &mut Vec<Vec<PathSegment>>,
    ) -> Option<String> {
        let fields = of_number(fields, number);
        let members = fields.iter().zip(nodes).map(|(field, node)| {
            let Source::Run { ty, below, .. } = &field.source else { panic!("only what is run") };
            let here = [at, &[PathSegment::Field(field.key.to_string())]].concat();
            complete(ty, below.as_ref(), node, &here, errors).map(|json| format!("{}{json}", field.json))
        });
        let members: Option<Vec<_>> = take_until_none(members).into_iter().collect();
        members.map(|members| format!("{{{}}}", members.join(",")))
    }

    fn take_until_none(items: impl Iterator<Item = Option<String>>) -> Vec<Option<String>> {
        let mut taken = Vec::new();
        for item in items {
            let ends = item.is_none();
            taken.push(item);
            if ends {
                break;
            }
        }
        taken
    }

    pub(super) fn of_number(fields: &Fields, number: usize) -> &[Field] {
        match fields {
            Fields::Same(fields) => fields,
            Fields::ByType { types, .. } => &types[number % types.len()].1,
        }
    }

    /// The same tree as the library would give it.
    pub(super) fn value(fields: Option<&Fields>, node: &Node) -> Value {
        match node {
            Node::Null => Value::Null,
            Node::Leaf => Value::from(1),
            Node::List(nodes) => Value::List(nodes.iter().map(|node| value(fields, node)).collect()),
            Node::Object(number, nodes) => {
                let fields = fields.unwrap();
                let mut map: IndexMap<Name, Value> = of_number(fields, *number)
                    .iter()
                    .zip(nodes)
                    // Another order than the document's.
                    .rev()
                    .map(|(field, node)| {
                        let Source::Run { below, .. } = &field.source else { panic!("only what is run") };
                        (field.key.clone(), value(below.as_ref(), node))
                    })
                    .collect();
                if let Fields::ByType { key, types } = fields {
                    map.insert(key.clone(), Value::from(types[number % types.len()].0.to_string()));
                }
                Value::Object(map)
            }
        }
    }

    pub(super) fn any(ty: &Type, below: Option<&Fields>) -> BoxedStrategy<Node> {
        let filled = match ty {
            Type::List(item) | Type::NonNullList(item) => {
                prop::collection::vec(any(item, below), 0..4).prop_map(Node::List).boxed()
            }
            Type::Named(_) | Type::NonNullNamed(_) => match below {
                None => Just(Node::Leaf).boxed(),
                Some(Fields::Same(_)) => any_object(below.unwrap(), 0),
                Some(Fields::ByType { types, .. }) => {
                    let each: Vec<_> = (0..types.len()).map(|number| any_object(below.unwrap(), number)).collect();
                    prop::strategy::Union::new(each).boxed()
                }
            },
        };
        prop_oneof![12 => filled, 1 => Just(Node::Null)].boxed()
    }

    pub(super) fn any_object(fields: &Fields, number: usize) -> BoxedStrategy<Node> {
        let each: Vec<_> = of_number(fields, number)
            .iter()
            .map(|field| match &field.source {
                Source::Run { ty, below, .. } => any(ty, below.as_ref()),
                Source::Known(_) => panic!("only what is run"),
            })
            .collect();
        each.prop_map(move |nodes| Node::Object(number, nodes)).boxed()
    }
}

#[test]
fn nulls_are_where_the_specification_has_them() {
    let plan = plan_of(LAW);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&model::any_object(&plan.root, 0), |tree| {
            let model::Node::Object(_, nodes) = &tree else { panic!("the root is an object") };
            let mut expected_errors = Vec::new();
            let expected =
                model::object(&plan.root, 0, nodes, &[], &mut expected_errors).unwrap_or_else(|| "null".to_owned());
            let (mut out, mut errors) = (Vec::new(), Vec::new());
            write(&plan, &model::value(Some(&plan.root), &tree), &mut errors, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
            let places: Vec<_> = errors.into_iter().map(|error| error.path).collect();
            prop_assert_eq!(places, expected_errors);
            Ok(())
        })
        .unwrap();
}
