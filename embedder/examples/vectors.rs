//! Writes the vectors of a file's lines, as passages, in bytes: each number times 254, rounded.
//! `cargo run -p embedder --example vectors -- TEXTS VECTORS`

#![expect(clippy::expect_used, reason = "a tool that may end early")]

use embedder::{Embedder, Kind};

fn main() {
    let mut paths = std::env::args().skip(1);
    let texts = std::fs::read_to_string(paths.next().expect("a file of texts")).expect("texts");
    let embedder = Embedder::load().expect("the built-in model");
    let vectors = texts.lines().flat_map(|text| embedder.embed(Kind::Passage, text));
    let bytes: Vec<u8> =
        vectors.map(|number| ((number * 254.0).round().clamp(-127.0, 127.0) as i8).cast_unsigned()).collect();
    std::fs::write(paths.next().expect("a file for vectors"), bytes).expect("the vectors can be written");
}
