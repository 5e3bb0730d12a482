//! What an operation asks for, put in order before it runs: fields of one response key are one field, fragments and
//! conditions are resolved (`CollectFields` and `MergeSelectionSets` of the specification, section 6.3.2).
//!
//! A plan has two sides that agree with each other: the document that the schema runs ([`Plan::document`]), and the
//! fields by which [`super::shape`] writes the result ([`Plan::root`]).
//!
//! What always holds:
//! - In the document each response key of each object stands once, so each field is resolved once.
//! - Every selection of the document asks for something, if only for an internal `__typename`: a field of which nothing
//!   is asked is resolved all the same, and the schema tells an object without fields from null.
//! - Where the fields depend on the type of an object, the document asks for that type, under a key that is nobody's.
//! - What stands in the document has the position it has in the client's.

mod collect;
mod emit;
mod positions;

use std::collections::HashMap;

use apollo_compiler::ast::Type;
use async_graphql::{
    Name, Pos, Positioned, Variables,
    parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition},
};

pub(super) use self::{
    collect::{fixed_plan, plan},
    positions::Positions,
};
use super::absent::leave_out;

/// A plan may look at this many times the selections that a document may have: fields of interfaces count for each type.
pub(super) const FACTOR: usize = 4;

/// An operation, ready to be run and to be answered.
#[derive(Debug)]
pub(super) struct Plan {
    /// What the schema runs.
    operation: OperationDefinition,
    /// What the answer's `data` has.
    pub(super) root: Fields,
    /// How many fields it has, each counted for every type whose field it is.
    pub(super) size: usize,
}

/// What is asked of an object.
#[derive(Debug)]
pub(super) enum Fields {
    /// The same of each object that can stand here.
    Same(Vec<Field>),
    /// It depends on the object's type, which is found under `key`; sorted by the names of the types.
    ByType { key: Name, types: Vec<(Box<str>, Vec<Field>)> },
}

/// A field of an answer.
#[derive(Debug)]
pub(super) struct Field {
    /// Under which key its value is found.
    pub(super) key: Name,
    /// The key as the answer has it, with its quotes and the colon.
    pub(super) json: Box<str>,
    pub(super) source: Source,
    /// Where the document asks for it first.
    pub(super) pos: Pos,
}

/// Where a field's value comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// It is known before anything runs: `__typename` of a known type. Its JSON.
    Known(Box<str>),
    /// The field was run.
    Run {
        /// Which lists it is made of and where it can be null.
        ty: Type,
        /// What is asked of its objects; leaves have none.
        below: Option<Fields>,
        /// Type and field, as in `Query.me`.
        origin: Box<str>,
    },
}

impl Plan {
    /// What the schema runs with these variables, alone in a document.
    pub(super) fn document(&self, variables: &Variables) -> ExecutableDocument {
        let mut operation = self.operation.clone();
        leave_out(&mut operation, variables);
        ExecutableDocument {
            operations: DocumentOperations::Single(Positioned::new(operation, Pos::default())),
            fragments: HashMap::new(),
        }
    }

    /// What the schema runs.
    pub(super) fn operation(&self) -> &OperationDefinition {
        &self.operation
    }

    /// True when it asks for exactly one thing.
    pub(super) fn is_alone(&self) -> bool {
        matches!(&self.root, Fields::Same(fields) if fields.len() == 1)
    }
}

#[cfg(test)]
mod tests;
