//! Accounts in the API.

mod mutation;
mod query;
mod types;

pub use self::{
    mutation::AccountsMutation,
    query::AccountsQuery,
    types::{AuthPayload, Session, User, by},
};
