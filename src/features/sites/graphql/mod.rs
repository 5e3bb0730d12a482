//! Sites in the API.

mod mutation;
mod query;
mod types;

pub use self::{
    mutation::SitesMutation,
    query::SitesQuery,
    types::{Invitation, Site, SiteMember},
};
