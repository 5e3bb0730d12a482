//! What tests stand on: a whole server, and clients that speak to it as users do.

pub(crate) mod app;
pub(crate) mod desk;
pub(crate) mod embedder;
pub(crate) mod graphql_js;
pub(crate) mod live;
pub(crate) mod openai;
pub(crate) mod people;
pub(crate) mod raw;
pub(crate) mod vendors;
pub(crate) mod wire;
pub(crate) mod ws;
