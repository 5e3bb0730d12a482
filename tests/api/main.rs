//! The behaviour of the whole server, seen through its API.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod contracts {
    mod ai;
    mod ai_vendors;
    mod bus;
    mod embedding;
    mod jobs;
    mod journal;
    mod scratch;
    mod vectors;
}

mod resilience {
    mod client;
    mod crashes;
    mod crowd;
    mod disconnects;
    mod drains;
    mod nodes;
    pub(crate) mod processes;
    mod restarts;
    mod starts;
    mod untold;
}

mod accounts;
mod agents;
mod answers;
mod article_files;
mod articles;
mod assistants;
mod attention;
mod calendars;
mod calendars_of_departments;
mod canned_responses;
mod confidence;
mod contact_requests;
mod conversations;
mod counted;
mod credits;
mod desk;
mod drafts;
mod evaluate;
mod evaluation;
mod exactly_once;
mod feedback;
mod fixture;
mod front_ends;
mod handoff;
mod holidays;
mod hostile_connections;
mod inbox;
mod input_errors;
mod jobs;
mod knowledge;
mod knowledge_index;
mod laws;
mod mentions;
mod own_articles;
mod passwords;
mod provider_behaviours;
mod provider_events;
mod providers;
mod proxies;
mod questions;
mod queue;
mod quotas;
mod readme;
mod restores;
mod results;
mod retrieval;
mod routing;
mod satisfaction;
mod scenarios;
mod sign_in_limits;
mod simulation;
mod sites;
mod small_talk;
mod specification;
mod switches;
mod texts;
mod told;
mod transport_http;
mod transport_limits;
mod transport_sse;
mod transport_ws;
mod try_it;
mod turns;
mod typed_answers;
mod viewers;
mod visitors;
mod widget_settings;
mod widgets;
