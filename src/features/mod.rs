//! What the product does, a folder each. A feature may call those before it in this order, never those after it:
//! accounts, sites, spending, visitors, knowledge, assistants, conversations, agents, calendars, widgets,
//! contact_requests, canned_responses, routing, answers, questions, evaluation, desk, upkeep, nodes.

pub mod accounts;
pub mod agents;
pub mod answers;
pub mod assistants;
pub mod calendars;
pub mod canned_responses;
pub mod contact_requests;
pub mod conversations;
pub mod desk;
pub mod evaluation;
pub mod knowledge;
pub mod nodes;
pub mod questions;
pub mod routing;
pub mod sites;
pub mod spending;
pub mod upkeep;
pub mod visitors;
pub mod widgets;
