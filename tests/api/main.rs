//! The behaviour of the whole server, seen through its API.

mod harness;

mod contracts {
    mod ai;
    mod bus;
    mod scratch;
    mod vectors;
}

mod accounts;
mod answers;
mod conversations;
mod knowledge;
mod sites;
mod visitors;
