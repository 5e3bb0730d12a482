//! What the product does, a folder each, in the order in which one may call another.

pub mod accounts;
pub mod answers;
pub mod assistants;
pub mod conversations;
pub mod knowledge;
pub mod nodes;
pub mod sites;
pub mod upkeep;
pub mod visitors;
