//! Writes what a plan's execution gave as the `data` of an answer, in one pass over fields, types and values: in the
//! order of the document, and with nulls where the specification has them (section 6.4.4).
//!
//! A null where the schema allows none goes up to the nearest place that may be null. What is missing in the values is a
//! field that failed (async-graphql 7.2.1, `do_resolve_container`). Where a field failed without saying so, an error is
//! added.

use std::cmp::Ordering;

use apollo_compiler::ast::Type;
use async_graphql::{Name, PathSegment, ServerError, Value, indexmap::IndexMap};

use super::{
    answer::server_error,
    plan::{Field, Fields, Plan, Source},
};
use crate::kernel::error::Error;

/// Writes `data` and adds the errors that it shows to be missing. True when something is in it that is not null, or
/// nothing was asked for.
pub(super) fn write(plan: &Plan, data: &Value, errors: &mut Vec<ServerError>, out: &mut Vec<u8>) -> bool {
    let mut paths: Vec<&[PathSegment]> = errors.iter().map(|error| error.path.as_slice()).collect();
    paths.sort_unstable_by(|one, other| compare(one, other));
    let mut shape = Shape { out, paths, added: Vec::new(), holds_any: false };
    let begin = shape.out.len();
    let root = if let Value::Object(fields) = data { Some(fields) } else { None };
    let fields = of_object(&plan.root, root).unwrap_or_default();
    let has_any = match shape.object(fields, root, None) {
        Ok(()) => shape.holds_any || fields.is_empty(),
        Err(Nothing) => {
            shape.out.truncate(begin);
            shape.out.extend_from_slice(NULL);
            false
        }
    };
    let added = shape.added;
    errors.extend(added);
    has_any
}

/// A null that has to go up.
struct Nothing;

const NULL: &[u8] = b"null";

/// A place in the answer.
struct At<'a> {
    above: Option<&'a At<'a>>,
    segment: Segment<'a>,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Key(&'a Name),
    Index(usize),
}

struct Shape<'a> {
    out: &'a mut Vec<u8>,
    /// Where errors are, sorted.
    paths: Vec<&'a [PathSegment]>,
    added: Vec<ServerError>,
    /// A field of the root is not null.
    holds_any: bool,
}

impl Shape<'_> {
    /// An object, of which `None` says that all of its fields failed.
    fn object(
        &mut self,
        fields: &[Field],
        values: Option<&IndexMap<Name, Value>>,
        at: Option<&At<'_>>,
    ) -> Result<(), Nothing> {
        self.out.push(b'{');
        let mut next = 0;
        for (number, field) in fields.iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(field.json.as_bytes());
            let begin = self.out.len();
            match &field.source {
                Source::Known(json) => self.out.extend_from_slice(json.as_bytes()),
                Source::Run { ty, below, .. } => {
                    let value = values.and_then(|values| find(values, &field.key, &mut next));
                    let here = At { above: at, segment: Segment::Key(&field.key) };
                    self.value(field, ty, below.as_ref(), value, &here)?;
                }
            }
            if at.is_none() {
                self.holds_any |= self.out.get(begin..) != Some(NULL);
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn value(
        &mut self,
        field: &Field,
        ty: &Type,
        below: Option<&Fields>,
        value: Option<&Value>,
        at: &At<'_>,
    ) -> Result<(), Nothing> {
        let begin = self.out.len();
        match self.complete(field, ty, below, value, at) {
            Err(Nothing) if !ty.is_non_null() => {
                self.out.truncate(begin);
                self.out.extend_from_slice(NULL);
                Ok(())
            }
            completed => completed,
        }
    }

    fn complete(
        &mut self,
        field: &Field,
        ty: &Type,
        below: Option<&Fields>,
        value: Option<&Value>,
        at: &At<'_>,
    ) -> Result<(), Nothing> {
        match (ty, value, below) {
            (Type::Named(_) | Type::NonNullNamed(_), None | Some(Value::Null), Some(Fields::Same(below)))
                if self.has_begun(at) =>
            {
                self.object(below, None, Some(at))
            }
            (_, None | Some(Value::Null), _) => {
                if ty.is_non_null() {
                    self.explain(field, at);
                }
                Err(Nothing)
            }
            (Type::List(item) | Type::NonNullList(item), Some(Value::List(items)), _) => {
                self.out.push(b'[');
                for (index, value) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    let here = At { above: Some(at), segment: Segment::Index(index) };
                    self.value(field, item, below, Some(value), &here)?;
                }
                self.out.push(b']');
                Ok(())
            }
            (Type::Named(_) | Type::NonNullNamed(_), Some(Value::Object(values)), Some(below)) => {
                match of_object(below, Some(values)) {
                    Some(below) => self.object(below, Some(values), Some(at)),
                    None => {
                        self.explain(field, at);
                        Err(Nothing)
                    }
                }
            }
            (Type::Named(_) | Type::NonNullNamed(_), Some(leaf), None) => serde_json::to_writer(&mut *self.out, leaf)
                .map_err(|_| {
                    self.explain(field, at);
                    Nothing
                }),
            // A value of another form than its type has.
            (_, Some(_), _) => {
                self.explain(field, at);
                Err(Nothing)
            }
        }
    }

    /// True for an object of which fields failed: where all did, its value is null.
    fn has_begun(&self, at: &At<'_>) -> bool {
        if self.paths.is_empty() {
            return false;
        }
        let path = path_of(at);
        self.errors_from(&path).any(|error| matches!(error.get(path.len()), Some(PathSegment::Field(_))))
    }

    /// Adds an error for a null that nobody explained.
    fn explain(&mut self, field: &Field, at: &At<'_>) {
        let path = path_of(at);
        if self.errors_from(&path).next().is_some() {
            return;
        }
        let origin = match &field.source {
            Source::Run { origin, .. } => origin,
            Source::Known(_) => "",
        };
        let error = server_error(Error::internal(format!("{origin} gave nothing where the schema promises a value")));
        self.added.push(ServerError { path, locations: vec![field.pos], ..error });
    }

    /// The paths of errors at a place or below it.
    fn errors_from<'p>(&'p self, path: &'p [PathSegment]) -> impl Iterator<Item = &'p [PathSegment]> {
        let first = self.paths.partition_point(|error| compare(error, path) == Ordering::Less);
        self.paths.iter().skip(first).copied().take_while(move |error| error.starts_with(path))
    }
}

/// What is asked of an object, by its type where it depends on it.
fn of_object<'f>(fields: &'f Fields, values: Option<&IndexMap<Name, Value>>) -> Option<&'f [Field]> {
    match fields {
        Fields::Same(fields) => Some(fields),
        Fields::ByType { key, types } => {
            let Some(Value::String(ty)) = values?.get(key) else { return None };
            let at = types.binary_search_by(|(name, _)| (**name).cmp(ty)).ok()?;
            types.get(at).map(|(_, fields)| fields.as_slice())
        }
    }
}

/// Values mostly come in the order in which they were asked for.
fn find<'v>(values: &'v IndexMap<Name, Value>, key: &Name, next: &mut usize) -> Option<&'v Value> {
    let (at, _, value) = match values.get_index(*next) {
        Some((name, value)) if name == key => (*next, name, value),
        _ => values.get_full(key)?,
    };
    *next = at + 1;
    Some(value)
}

fn path_of(at: &At<'_>) -> Vec<PathSegment> {
    let mut path = Vec::new();
    let mut here = Some(at);
    while let Some(At { above, segment }) = here {
        path.push(match segment {
            Segment::Key(key) => PathSegment::Field(key.to_string()),
            Segment::Index(index) => PathSegment::Index(*index),
        });
        here = *above;
    }
    path.reverse();
    path
}

fn compare(one: &[PathSegment], other: &[PathSegment]) -> Ordering {
    let differing = one.iter().zip(other).map(|pair| match pair {
        (PathSegment::Field(one), PathSegment::Field(other)) => one.cmp(other),
        (PathSegment::Index(one), PathSegment::Index(other)) => one.cmp(other),
        (PathSegment::Field(_), PathSegment::Index(_)) => Ordering::Less,
        (PathSegment::Index(_), PathSegment::Field(_)) => Ordering::Greater,
    });
    differing.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| one.len().cmp(&other.len()))
}

#[cfg(test)]
mod tests;
