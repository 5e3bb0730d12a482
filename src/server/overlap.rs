//! What the validator leaves out of two rules about fields that share a response key (apollo-compiler 1.33): it takes
//! lists of different lengths for the same argument, and a subscription's one field for several where it stands twice.

use std::collections::{BTreeMap, HashSet};

use apollo_compiler::{
    ExecutableDocument, Node, Schema as Types,
    ast::Value,
    executable::{Field, Operation, Selection, SelectionSet},
};

use super::{inputs::Problem, lexer::too_large};
use crate::kernel::error::{Error, Result};

/// How many fields may be compared.
const MOST: usize = 20_000;

/// A field and the type of which it is selected.
type Selected<'a> = (&'a str, &'a Node<Field>);

/// True for an operation whose root has one response key.
pub(super) fn has_one_root(document: &ExecutableDocument, operation: &Operation) -> bool {
    let mut fields = Vec::new();
    flatten(document, &operation.selection_set, &mut HashSet::new(), &mut fields);
    let keys: HashSet<&str> = fields.iter().map(|(_, field)| field.response_key().as_str()).collect();
    keys.len() == 1
}

/// Fields of one response key whose arguments have lists of different lengths.
///
/// # Errors
/// `DOCUMENT_TOO_LARGE` where there is too much to compare.
pub(super) fn check(types: &Types, document: &ExecutableDocument) -> Result<Option<Problem>> {
    let mut walk = Walk { types, document, left: MOST };
    for operation in document.operations.iter() {
        if let Some(problem) = walk.merged(&[&operation.selection_set])? {
            return Ok(Some(problem));
        }
    }
    Ok(None)
}

struct Walk<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    left: usize,
}

impl<'a> Walk<'a> {
    fn merged(&mut self, sets: &[&'a SelectionSet]) -> Result<Option<Problem>> {
        let (mut fields, mut seen) = (Vec::new(), HashSet::new());
        for set in sets {
            flatten(self.document, set, &mut seen, &mut fields);
        }
        self.left = self.left.checked_sub(fields.len()).ok_or_else(too_much)?;
        let mut keys: BTreeMap<&str, Vec<Selected<'a>>> = BTreeMap::new();
        for (parent, field) in fields {
            keys.entry(field.response_key()).or_default().push((parent, field));
        }
        for group in keys.values() {
            for fields in self.of_one_object(group) {
                let Some((first, rest)) = fields.split_first() else { continue };
                if let Some(other) = rest.iter().find(|other| !same_lengths(first, other)) {
                    return Ok(Some(conflict(other)));
                }
                let sets: Vec<&SelectionSet> =
                    fields.iter().map(|field| &field.selection_set).filter(|set| !set.selections.is_empty()).collect();
                if !sets.is_empty()
                    && let Some(problem) = self.merged(&sets)?
                {
                    return Ok(Some(problem));
                }
            }
        }
        Ok(None)
    }

    /// Those that can be asked of the same object: of one object type, with those of interfaces and unions.
    fn of_one_object(&self, group: &[Selected<'a>]) -> Vec<Vec<&'a Node<Field>>> {
        let is_object = |parent: &str| self.types.get_object(parent).is_some();
        let objects: HashSet<&str> = group.iter().map(|(parent, _)| *parent).filter(|it| is_object(it)).collect();
        let of = |object: Option<&str>| {
            let belongs = |parent: &str| !is_object(parent) || object.is_some_and(|object| object == parent);
            group.iter().filter(|(parent, _)| belongs(parent)).map(|(_, field)| *field).collect()
        };
        if objects.is_empty() { vec![of(None)] } else { objects.into_iter().map(|object| of(Some(object))).collect() }
    }
}

/// The fields of a selection, those of its fragments among them.
fn flatten<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a str>,
    fields: &mut Vec<Selected<'a>>,
) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => fields.push((&set.ty, field)),
            Selection::InlineFragment(fragment) => flatten(document, &fragment.selection_set, seen, fields),
            Selection::FragmentSpread(spread) => {
                if seen.insert(&spread.fragment_name)
                    && let Some(fragment) = document.fragments.get(&spread.fragment_name)
                {
                    flatten(document, &fragment.selection_set, seen, fields);
                }
            }
        }
    }
}

fn same_lengths(one: &Field, other: &Field) -> bool {
    one.arguments.iter().all(|argument| {
        other.arguments.iter().find(|it| it.name == argument.name).is_none_or(|it| same(&argument.value, &it.value))
    })
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => one.iter().all(|(name, value)| {
            other.iter().find(|(other, _)| other == name).is_none_or(|(_, other)| same(value, other))
        }),
        _ => true,
    }
}

fn conflict(field: &Node<Field>) -> Problem {
    let key = field.response_key();
    Problem {
        path: key.to_string(),
        message: format!("`{key}` is asked for twice with different arguments. Give one of them an alias of its own."),
        plain: "A field is asked for twice with different arguments. Give one of them an alias of its own.",
        reason: None,
        at: field.location(),
    }
}

fn too_much() -> Error {
    too_large(format!(
        "The document has more than {MOST} fields that share a key with others, which is the most that is allowed. Ask for each \
         field once."
    ))
}
