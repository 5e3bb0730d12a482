//! What the product does, a folder each, in the order in which one may call another.

pub mod accounts;
pub mod sites;
pub mod visitors;
pub mod knowledge;
pub mod assistants;
pub mod conversations;
pub mod answers;
pub mod nodes;
pub mod upkeep;
