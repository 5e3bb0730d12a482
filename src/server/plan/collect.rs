//! `CollectFields` and `MergeSelectionSets`: from selections with repetitions, fragments and conditions to fields.

use std::{cell::Cell, collections::HashSet};

use apollo_compiler::{
    Node, Schema,
    collections::IndexMap,
    executable::{DirectiveList, ExecutableDocument, Operation, Selection, SelectionSet},
    schema::ExtendedType,
};
use async_graphql::{Name, Positioned, parser::types as parsed};

use super::{
    Field, Fields, Plan, Source,
    emit::{self, Emit, TYPE_NAME},
    positions::Positions,
};
use crate::{
    kernel::error::{Error, ErrorCode, Result},
    server::lexer::too_large,
};

/// The fields of one object by their response keys, in the order in which they were first asked for.
type Groups<'a> = IndexMap<&'a str, Vec<&'a Node<apollo_compiler::executable::Field>>>;

/// The fields, and the selections that ask the schema for them.
type Planned = (Fields, Vec<Positioned<parsed::Selection>>);

/// Plans an operation of a valid document.
///
/// `variable` says which truth a variable has in a condition; a plan may look at `limit` selections.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` where the selections, repeated for each type that they can be about, are too many, or
/// where nothing is left of a subscription; `BAD_USER_INPUT` for a condition without a truth.
pub(in crate::server) fn plan(
    types: &Schema,
    document: &ExecutableDocument,
    operation: &Node<Operation>,
    variable: &dyn Fn(&str) -> Option<bool>,
    limit: usize,
) -> Result<Plan> {
    let source = operation.location().and_then(|span| document.sources.get(&span.file_id()));
    let mut planner = Planner {
        types,
        document,
        variable,
        emit: Emit { positions: Positions::of(source.map_or("", |source| source.source_text())) },
        limit,
        left: limit,
        size: 0,
    };
    let (root, items) = planner.selection(&operation.selection_set.ty, &[&operation.selection_set])?;
    if operation.is_subscription() && !matches!(&root, Fields::Same(fields) if fields.len() == 1) {
        return Err(Error::new(
            ErrorCode::GraphqlValidationFailed,
            "A subscription selects exactly one field, which no condition leaves out.",
        ));
    }
    let operation = planner.emit.operation(operation, items)?;
    Ok(Plan { operation, root, size: planner.size })
}

/// Plans an operation in which no variable decides what is selected; `None` for one in which one does.
///
/// # Errors
/// As [`plan`].
pub(in crate::server) fn fixed_plan(
    types: &Schema,
    document: &ExecutableDocument,
    operation: &Node<Operation>,
    limit: usize,
) -> Result<Option<Plan>> {
    let asked = Cell::new(false);
    let undecided = |_: &str| {
        asked.set(true);
        None
    };
    match plan(types, document, operation, &undecided, limit) {
        _ if asked.get() => Ok(None),
        planned => planned.map(Some),
    }
}

struct Planner<'a> {
    types: &'a Schema,
    document: &'a ExecutableDocument,
    variable: &'a dyn Fn(&str) -> Option<bool>,
    emit: Emit,
    limit: usize,
    /// Selections that may still be looked at.
    left: usize,
    size: usize,
}

impl<'a> Planner<'a> {
    /// What several selections together ask of a value of a type.
    fn selection(&mut self, ty: &str, sets: &[&'a SelectionSet]) -> Result<Planned> {
        let possible = match self.types.types.get(ty) {
            Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => self.possible(ty),
            Some(
                ExtendedType::Object(_)
                | ExtendedType::Scalar(_)
                | ExtendedType::Enum(_)
                | ExtendedType::InputObject(_),
            )
            | None => {
                let groups = self.collect(ty, sets)?;
                let (fields, items) = self.object(ty, &groups, true)?;
                return Ok((Fields::Same(fields), or_type_name(items, &groups)));
            }
        };
        let mut by_type = Vec::with_capacity(possible.len());
        for object in possible {
            by_type.push((object, self.collect(object, sets)?));
        }
        if self.is_uniform(ty, &by_type) {
            let groups = by_type.pop().map(|(_, groups)| groups).unwrap_or_default();
            let (fields, items) = self.object(ty, &groups, false)?;
            return Ok((Fields::Same(fields), or_type_name(items, &groups)));
        }
        let key = unused(by_type.iter().map(|(_, groups)| groups));
        let mut items = vec![emit::type_name(&key)];
        let mut types: Vec<(Box<str>, Vec<Field>)> = Vec::with_capacity(by_type.len());
        for (object, groups) in &by_type {
            let (fields, of_object) = self.object(object, groups, true)?;
            if !of_object.is_empty() {
                items.push(emit::of_type(object, of_object));
            }
            types.push(((*object).into(), fields));
        }
        types.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok((Fields::ByType { key: Name::new(key), types }, items))
    }

    /// The fields of a type, of which `is_known` says whether it is the type of the object itself.
    fn object(
        &mut self,
        ty: &str,
        groups: &Groups<'a>,
        is_known: bool,
    ) -> Result<(Vec<Field>, Vec<Positioned<parsed::Selection>>)> {
        let mut fields = Vec::with_capacity(groups.len());
        let mut items = Vec::with_capacity(groups.len());
        for (key, nodes) in groups {
            let Some(first) = nodes.first() else { continue };
            let source = if is_known && first.name == TYPE_NAME {
                Source::Known(format!("\"{ty}\"").into())
            } else {
                let definition = self
                    .types
                    .type_field(ty, &first.name)
                    .map_err(|_| Error::internal(format!("the valid document asks for {ty}.{}", first.name)))?;
                let inner = definition.ty.inner_named_type();
                let (below, of_field) = if first.selection_set.is_empty() && is_leaf(self.types.types.get(inner)) {
                    (None, Vec::new())
                } else {
                    let sets: Vec<_> = nodes.iter().map(|node| &node.selection_set).collect();
                    let (below, of_field) = self.selection(inner, &sets)?;
                    (Some(below), of_field)
                };
                items.push(self.emit.field(first, of_field)?);
                Source::Run { ty: definition.ty.clone(), below, origin: format!("{ty}.{}", first.name).into() }
            };
            self.size += 1;
            fields.push(Field {
                key: Name::new(key),
                json: format!("\"{key}\":").into(),
                source,
                pos: self.emit.pos(first.response_key()),
            });
        }
        Ok((fields, items))
    }

    /// The fields that selections ask of an object of a type.
    fn collect(&mut self, object: &str, sets: &[&'a SelectionSet]) -> Result<Groups<'a>> {
        let mut groups = Groups::default();
        let mut visited = HashSet::new();
        for set in sets {
            self.collect_into(object, set, &mut visited, &mut groups)?;
        }
        Ok(groups)
    }

    fn collect_into(
        &mut self,
        object: &str,
        set: &'a SelectionSet,
        visited: &mut HashSet<&'a str>,
        groups: &mut Groups<'a>,
    ) -> Result<()> {
        for selection in &set.selections {
            self.left = self.left.checked_sub(1).ok_or_else(|| {
                let limit = self.limit;
                too_large(format!(
                    "The document selects more than {limit} fields, counted for each type they can have, which is the most \
                     that is allowed. Ask for them in several requests."
                ))
            })?;
            if !self.is_included(selection.directives())? {
                continue;
            }
            match selection {
                Selection::Field(field) => groups.entry(field.response_key().as_str()).or_default().push(field),
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|condition| self.applies(condition, object)) {
                        self.collect_into(object, &fragment.selection_set, visited, groups)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let document = self.document;
                    if visited.insert(&spread.fragment_name)
                        && let Some(fragment) = document.fragments.get(&spread.fragment_name)
                        && self.applies(&fragment.selection_set.ty, object)
                    {
                        self.collect_into(object, &fragment.selection_set, visited, groups)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn applies(&self, condition: &str, object: &str) -> bool {
        condition == object || self.types.is_subtype(condition, object)
    }

    fn is_included(&self, directives: &DirectiveList) -> Result<bool> {
        for (name, wanted) in [("skip", false), ("include", true)] {
            let Some(directive) = directives.get(name) else { continue };
            let truth = match directive.specified_argument_by_name("if").map(|value| &**value) {
                Some(apollo_compiler::ast::Value::Boolean(truth)) => *truth,
                Some(apollo_compiler::ast::Value::Variable(variable)) => {
                    (self.variable)(variable).ok_or_else(|| {
                        Error::new(
                            ErrorCode::BadUserInput,
                            format!("The variable `${variable}` decides what is selected: it must be true or false."),
                        )
                    })?
                }
                _ => {
                    return Err(Error::new(
                        ErrorCode::GraphqlValidationFailed,
                        format!("`@{name}` needs `if: true` or `if: false`, or a variable."),
                    ));
                }
            };
            if truth != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The object types that a value of an interface or a union can have.
    fn possible(&self, ty: &str) -> Vec<&'a str> {
        match self.types.types.get(ty) {
            Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.name.as_str()).collect(),
            _ => self
                .types
                .types
                .iter()
                .filter(|(name, kind)| matches!(kind, ExtendedType::Object(_)) && self.types.is_subtype(ty, name))
                .map(|(name, _)| name.as_str())
                .collect(),
        }
    }

    /// True when the same is asked of every type, and the interface itself has it, with the same types of values.
    fn is_uniform(&self, ty: &str, by_type: &[(&str, Groups<'a>)]) -> bool {
        let Some(((_, first), others)) = by_type.split_first() else { return true };
        let same_nodes = others.iter().all(|(_, other)| {
            other.len() == first.len()
                && other.iter().zip(first).all(|((key, nodes), (first_key, first_nodes))| {
                    key == first_key
                        && nodes.len() == first_nodes.len()
                        && nodes.iter().zip(first_nodes).all(|(node, first)| std::ptr::eq(*node, *first))
                })
        });
        same_nodes
            && first.values().filter_map(|nodes| nodes.first()).all(|node| {
                let type_of = |parent: &str| self.types.type_field(parent, &node.name).map(|field| &field.ty).ok();
                let of_interface = type_of(ty);
                of_interface.is_some() && by_type.iter().all(|(object, _)| type_of(object) == of_interface)
            })
    }
}

fn is_leaf(ty: Option<&ExtendedType>) -> bool {
    matches!(ty, Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_)))
}

/// A selection that asks for nothing asks for the type.
fn or_type_name(items: Vec<Positioned<parsed::Selection>>, groups: &Groups<'_>) -> Vec<Positioned<parsed::Selection>> {
    if items.is_empty() { vec![emit::type_name(&unused([groups]))] } else { items }
}

/// A response key that is not asked for.
fn unused<'g, 'a: 'g>(groups: impl IntoIterator<Item = &'g Groups<'a>> + Clone) -> String {
    let mut key = TYPE_NAME.to_owned();
    while groups
        .clone()
        .into_iter()
        .any(|groups| groups.get(key.as_str()).is_some_and(|nodes| nodes.iter().any(|node| node.name != TYPE_NAME)))
    {
        key.push('_');
    }
    key
}
