//! The GraphQL specification, as its reference implementation reads it.

mod documents;
mod inputs;
mod mutations;
mod validation;
