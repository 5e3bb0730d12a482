//! The tables: one file each, with columns, keys and the enums that columns hold. No rules, no API types.

pub mod ai_day;
pub mod ai_reservation;
pub mod ai_usage;
pub mod article;
pub mod article_version;
pub mod assistant;
pub mod chunk;
pub mod conversation;
pub mod conversation_tag;
pub mod ids;
pub mod index_head;
pub mod invitation;
pub mod job;
pub mod journal;
pub mod journal_head;
pub mod membership;
pub mod message;
pub mod message_revision;
pub mod participant;
pub mod reaction;
pub mod reader;
pub mod run;
pub mod session;
pub mod site;
pub mod user;
pub mod visitor;
