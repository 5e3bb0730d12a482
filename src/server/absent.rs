//! Variables that were given no value: what is written with one counts as not written, so that a change leaves alone what
//! it does not speak of, and an argument has its default (`CoerceArgumentValues` of the specification). The library takes
//! such a variable for null (async-graphql 7.2.1, `VariableDefinition::default_value`).

use async_graphql::{
    Name, Variables,
    parser::types::{OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// Leaves out what is written with variables that have neither a value nor a default.
pub(super) fn leave_out(operation: &mut OperationDefinition, given: &Variables) {
    let absent: Vec<Name> = operation
        .variable_definitions
        .iter()
        .map(|variable| &variable.node)
        .filter(|variable| variable.default_value.is_none() && !given.contains_key(&variable.name.node))
        .map(|variable| variable.name.node.clone())
        .collect();
    if !absent.is_empty() {
        in_selection(&mut operation.selection_set.node, &absent);
    }
}

fn in_selection(set: &mut SelectionSet, absent: &[Name]) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                field.node.arguments.retain_mut(|(_, value)| keep(&mut value.node, absent));
                in_selection(&mut field.node.selection_set.node, absent);
            }
            Selection::InlineFragment(fragment) => in_selection(&mut fragment.node.selection_set.node, absent),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// False for a variable without a value; takes such fields out of objects and makes such items of lists null.
fn keep(value: &mut Value, absent: &[Name]) -> bool {
    match value {
        Value::Variable(name) => return !absent.contains(name),
        Value::Object(fields) => fields.retain(|_, value| keep(value, absent)),
        Value::List(items) => {
            for item in items {
                if !keep(item, absent) {
                    *item = Value::Null;
                }
            }
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => {}
    }
    true
}
