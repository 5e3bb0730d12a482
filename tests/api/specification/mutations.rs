//! Ways to break a document, each against a rule of validation.

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::documents::{Directive, Document, Field, Fragment, Operation, Selection, Value, Variable};

/// Values that fit few places.
const ODD: &[&str] = &[
    "1",
    "1.5",
    "-0",
    "2147483648",
    "1e3",
    "\"x\"",
    "\"1\"",
    "true",
    "null",
    "OPEN",
    "ADMIN",
    "[]",
    "[1]",
    "[null]",
    "[[\"x\"]]",
    "{}",
    "{ id: 1 }",
    "{ a: 1, a: 1 }",
    "$missing",
    "[$missing]",
    "\"\"\"x\"\"\"",
    "\"2026-10-29T09:00:00Z\"",
];

const TYPES: &[&str] = &[
    "ID",
    "ID!",
    "String",
    "String!",
    "Int",
    "Int!",
    "[ID!]",
    "[ID!]!",
    "[[Int]]",
    "Boolean",
    "Boolean!",
    "DateTime",
    "DateTime!",
    "LoginInput",
    "Conversation",
    "Node",
    "ConversationEvent",
    "Missing",
    "MessageVisibility",
    "JSON",
    "UUID",
];

const DIRECTIVES: &[&str] = &["skip", "include", "deprecated", "specifiedBy", "oneOf", "missing"];

/// Breaks something, or changes it in a way that breaks nothing; says what.
pub(crate) fn change(document: &mut Document, names: &[String], rng: &mut StdRng) -> &'static str {
    let name = |rng: &mut StdRng| names.choose(rng).cloned().unwrap_or_default();
    let odd = |rng: &mut StdRng| Value::Plain((*ODD.choose(rng).expect("values")).to_owned());
    let ty = |rng: &mut StdRng| (*TYPES.choose(rng).expect("types")).to_owned();
    let directive = |rng: &mut StdRng| {
        let name = (*DIRECTIVES.choose(rng).expect("names")).to_owned();
        let arguments = match rng.random_range(0..4) {
            0 => Vec::new(),
            1 => vec![("if".to_owned(), Value::Plain("true".into()))],
            2 => vec![("if".to_owned(), Value::Plain((*ODD.choose(rng).expect("values")).to_owned()))],
            _ => vec![("reason".to_owned(), Value::Plain("\"x\"".into()))],
        };
        Directive { name, arguments }
    };
    match rng.random_range(0..37) {
        0 => on_field(document, rng, |field, rng| field.name = name(rng), "another field"),
        1 => on_field(document, rng, |field, _| field.name.push('x'), "an unknown field"),
        2 => on_field(document, rng, |field, rng| field.alias = Some(name(rng)), "an alias"),
        3 => on_field(document, rng, |field, _| field.alias = Some("a".into()), "a common alias"),
        4 => on_field(document, rng, |field, _| field.selection.clear(), "no selection"),
        5 => on_field(document, rng, |field, rng| field.selection.push(leaf(&name(rng))), "one field more"),
        6 => on_field(document, rng, |field, _| field.selection.push(leaf("__typename")), "its type"),
        7 => on_arguments(document, rng, |arguments, _| drop(arguments.pop()), "an argument less"),
        8 => on_arguments(document, rng, |arguments, rng| arguments.push((name(rng), odd(rng))), "an argument more"),
        9 => on_arguments(
            document,
            rng,
            |arguments, _| arguments.extend(arguments.first().cloned()),
            "an argument twice",
        ),
        10 => on_arguments(
            document,
            rng,
            |arguments, rng| {
                if let Some(argument) = arguments.first_mut() {
                    argument.0 = name(rng);
                }
            },
            "an argument of another name",
        ),
        11..=13 => on_value(document, rng, |value, rng| *value = odd(rng), "an odd value"),
        14 => on_value(
            document,
            rng,
            |value, _| *value = Value::List(vec![value.clone(), value.clone()]),
            "a list of the value",
        ),
        15 => on_object(document, rng, |fields, _| fields.extend(fields.first().cloned()), "a field of an input twice"),
        16 => on_object(document, rng, |fields, _| drop(fields.pop()), "a field of an input less"),
        17 => on_object(document, rng, |fields, rng| fields.push((name(rng), odd(rng))), "a field of an input more"),
        18 => on_field(document, rng, |field, rng| field.directives.push(directive(rng)), "a directive"),
        19 => on_field(
            document,
            rng,
            |field, _| {
                let skip =
                    || Directive { name: "skip".into(), arguments: vec![("if".into(), Value::Plain("false".into()))] };
                field.directives.extend([skip(), skip()]);
            },
            "a directive twice",
        ),
        20 => {
            on_operation(document, rng, |operation, rng| operation.directives.push(directive(rng)), "a directive there")
        }
        21 => on_variable(document, rng, |variable, rng| variable.ty = ty(rng), "a variable of another type"),
        22 => on_variable(
            document,
            rng,
            |variable, _| {
                variable.ty = variable.ty.trim_end_matches('!').to_owned();
            },
            "a variable that may be null",
        ),
        23 => on_variable(document, rng, |variable, rng| variable.default = Some(odd(rng)), "a default"),
        24 => on_variable(
            document,
            rng,
            |variable, _| {
                variable.ty = variable.ty.trim_end_matches('!').to_owned();
                variable.default = Some(Value::Plain("null".into()));
            },
            "a variable that is null by default",
        ),
        25 => on_variable(
            document,
            rng,
            |variable, rng| variable.directives.push(directive(rng)),
            "a variable's directive",
        ),
        26 => on_operation(
            document,
            rng,
            |operation, rng| {
                let name = (*["v0", "unused"].choose(rng).expect("names")).to_owned();
                operation.variables.push(Variable { name, ty: ty(rng), default: None, directives: Vec::new() });
            },
            "a variable more",
        ),
        27 => on_operation(document, rng, |operation, _| drop(operation.variables.pop()), "a variable less"),
        28 => on_selection(
            document,
            rng,
            |selection, _| selection.push(Selection::Spread { name: "F0".into(), directives: Vec::new() }),
            "a spread",
        ),
        29 => on_selection(
            document,
            rng,
            |selection, rng| {
                let on = Some(
                    (*["Query", "User", "Node", "ID", "LoginInput", "Missing"].choose(rng).expect("types")).to_owned(),
                );
                selection.push(Selection::Inline { on, directives: Vec::new(), selection: vec![leaf("__typename")] });
            },
            "a fragment on another type",
        ),
        30 => on_selection(
            document,
            rng,
            |selection, _| selection.extend(selection.first().cloned()),
            "a selection twice",
        ),
        31 => {
            let (name, on) = ((*["F0", "F9"].choose(rng).expect("names")).to_owned(), ty(rng));
            let selection = vec![leaf("__typename")];
            document.fragments.push(Fragment { name, on, directives: Vec::new(), selection });
            "a fragment more"
        }
        32 => {
            let count = document.fragments.len();
            if count == 0 {
                return "nothing";
            }
            let index = rng.random_range(0..count);
            if rng.random_bool(0.5) {
                document.fragments.remove(index);
                return "a fragment less";
            }
            let name = format!("F{}", rng.random_range(0..count));
            document.fragments[index].selection.push(Selection::Spread { name, directives: Vec::new() });
            "a fragment within a fragment"
        }
        33 => {
            let mut copy = document.operations[0].clone();
            if rng.random_bool(0.5) {
                copy.name = None;
            }
            document.operations.push(copy);
            "an operation twice"
        }
        34 => on_operation(
            document,
            rng,
            |operation, rng| operation.kind = *["query", "mutation", "subscription"].choose(rng).expect("kinds"),
            "another kind of operation",
        ),
        35 => {
            document.rest.push_str(
                ["type X { a: Int }", "extend type Query { a: Int }", "scalar X"].choose(rng).expect("texts"),
            );
            "a definition of a type"
        }
        _ => on_selection(
            document,
            rng,
            |selection, rng| selection.push(leaf(["__schema", "__type", "__typename"].choose(rng).expect("names"))),
            "a field that every root has",
        ),
    }
}

fn leaf(name: &str) -> Selection {
    Selection::Field(Field {
        alias: None,
        name: name.to_owned(),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection: Vec::new(),
    })
}

type Change<'a, T> = &'a mut dyn FnMut(&mut T);

fn selections(set: &mut Vec<Selection>, visit: Change<'_, Vec<Selection>>) {
    visit(set);
    for selection in set {
        match selection {
            Selection::Field(field) if !field.selection.is_empty() => selections(&mut field.selection, visit),
            Selection::Inline { selection, .. } => selections(selection, visit),
            Selection::Field(_) | Selection::Spread { .. } => {}
        }
    }
}

fn all_selections(document: &mut Document, visit: Change<'_, Vec<Selection>>) {
    for operation in &mut document.operations {
        selections(&mut operation.selection, visit);
    }
    for fragment in &mut document.fragments {
        selections(&mut fragment.selection, visit);
    }
}

fn all_fields(document: &mut Document, visit: Change<'_, Field>) {
    all_selections(document, &mut |set| {
        for selection in set {
            if let Selection::Field(field) = selection {
                visit(field);
            }
        }
    });
}

fn values(value: &mut Value, visit: Change<'_, Value>) {
    visit(value);
    match value {
        Value::Plain(_) => {}
        Value::List(items) => items.iter_mut().for_each(|item| values(item, visit)),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| values(value, visit)),
    }
}

/// Changes one of those that `all` visits.
fn on_one<T>(
    document: &mut Document,
    rng: &mut StdRng,
    all: fn(&mut Document, Change<'_, T>),
    mut change: impl FnMut(&mut T, &mut StdRng),
    what: &'static str,
) -> &'static str {
    let mut count = 0_usize;
    all(document, &mut |_| count += 1);
    if count == 0 {
        return "nothing";
    }
    let mut left = rng.random_range(0..count) + 1;
    all(document, &mut |it| {
        left = left.wrapping_sub(1);
        if left == 0 {
            change(it, rng);
        }
    });
    what
}

fn on_field(
    document: &mut Document,
    rng: &mut StdRng,
    change: impl FnMut(&mut Field, &mut StdRng),
    what: &'static str,
) -> &'static str {
    on_one(document, rng, all_fields, change, what)
}

fn on_selection(
    document: &mut Document,
    rng: &mut StdRng,
    change: impl FnMut(&mut Vec<Selection>, &mut StdRng),
    what: &'static str,
) -> &'static str {
    on_one(document, rng, all_selections, change, what)
}

fn on_arguments(
    document: &mut Document,
    rng: &mut StdRng,
    mut change: impl FnMut(&mut Vec<(String, Value)>, &mut StdRng),
    what: &'static str,
) -> &'static str {
    on_one(document, rng, all_fields, |field: &mut Field, rng| change(&mut field.arguments, rng), what)
}

fn on_value(
    document: &mut Document,
    rng: &mut StdRng,
    change: impl FnMut(&mut Value, &mut StdRng),
    what: &'static str,
) -> &'static str {
    fn all(document: &mut Document, visit: Change<'_, Value>) {
        all_fields(document, &mut |field| {
            for (_, value) in
                field.arguments.iter_mut().chain(field.directives.iter_mut().flat_map(|it| &mut it.arguments))
            {
                values(value, visit);
            }
        });
    }
    on_one(document, rng, all, change, what)
}

fn on_object(
    document: &mut Document,
    rng: &mut StdRng,
    change: impl FnMut(&mut Vec<(String, Value)>, &mut StdRng),
    what: &'static str,
) -> &'static str {
    fn all(document: &mut Document, visit: Change<'_, Vec<(String, Value)>>) {
        all_fields(document, &mut |field| {
            for (_, value) in &mut field.arguments {
                values(value, &mut |value| {
                    if let Value::Object(fields) = value {
                        visit(fields);
                    }
                });
            }
        });
    }
    on_one(document, rng, all, change, what)
}

fn on_operation(
    document: &mut Document,
    rng: &mut StdRng,
    change: impl FnMut(&mut Operation, &mut StdRng),
    what: &'static str,
) -> &'static str {
    on_one(document, rng, |document, visit| document.operations.iter_mut().for_each(visit), change, what)
}

fn on_variable(
    document: &mut Document,
    rng: &mut StdRng,
    change: impl FnMut(&mut Variable, &mut StdRng),
    what: &'static str,
) -> &'static str {
    fn all(document: &mut Document, visit: Change<'_, Variable>) {
        document.operations.iter_mut().flat_map(|operation| &mut operation.variables).for_each(visit);
    }
    on_one(document, rng, all, change, what)
}
