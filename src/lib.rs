//! Yanıt: a self-hosted, AI-first customer-support server behind one typed GraphQL API.
//!
//! Where things are:
//! - [`config`] reads the settings, [`app`] wires the program, [`schema`] merges the features' GraphQL roots.
//! - [`server`] is transport: HTTP, WebSocket, SSE. It may use everything; nothing uses it.
//! - [`features`] are what the product does, a folder each.
//! - [`kernel`] is what all features use in the same way: context, access, transaction, journal, jobs, errors, pages.
//! - [`seed`] fills an empty database: the demo site, and data for black-box tests.
//! - [`evaluate`] measures retrieval and answers on a folder of questions, for `yanit evaluate`.
//! - [`ports`] are the outside: database, bus, scratch, vectors, embeddings, models.
//!
//! `server → features → kernel → entity`; the kernel's context carries the ports. A feature calls only earlier ones, in
//! the order of [`features`], and reacts to the journal where an earlier one must not know it.

pub mod app;
pub mod config;
pub mod evaluate;
pub mod features;
pub mod kernel;
pub mod ports;
pub mod schema;
pub mod seed;
pub mod server;
