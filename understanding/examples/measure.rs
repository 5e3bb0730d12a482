//! Measures both candidates on a file of utterances: the rules, and the nearest labelled utterances by the built-in
//! embedder. `cargo run -p understanding --release --example measure -- test`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement prints and may end early"
)]

use embedder::{Embedder, Kind as Text};
use understanding::{Kind, understand};

struct Utterance {
    kind: Kind,
    language: String,
    text: String,
    vector: Vec<f32>,
}

fn read(name: &str, embedder: Option<&Embedder>) -> Vec<Utterance> {
    let path = format!("{}/utterances/{name}.tsv", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read_to_string(path).expect("a file of utterances");
    let utterance = |line: &str| {
        let mut parts = line.split('\t');
        let (kind, language, text) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).expect("a kind");
        let vector = embedder.map(|embedder| embedder.embed(Text::Query, text)).unwrap_or_default();
        Utterance { kind, language: language.to_owned(), text: text.to_owned(), vector }
    };
    file.lines().filter(|line| !line.starts_with('#')).map(utterance).collect()
}

/// The kind that most of the five nearest labelled utterances have, weighed by closeness.
fn nearest(train: &[Utterance], vector: &[f32]) -> Kind {
    let mut near: Vec<(f32, Kind)> =
        train.iter().map(|known| (known.vector.iter().zip(vector).map(|(a, b)| a * b).sum(), known.kind)).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let weight = |kind: Kind| {
        near.iter().take(5).filter(|(_, other)| *other == kind).map(|(near, _)| near.max(0.0)).sum::<f32>()
    };
    Kind::ALL.into_iter().max_by(|a, b| weight(*a).total_cmp(&weight(*b))).unwrap()
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_else(|| "test".to_owned());
    let with_neighbours = std::env::args().nth(2).as_deref() != Some("rules");
    let embedder = with_neighbours.then(|| Embedder::load().unwrap());
    let train = read("train", embedder.as_ref());
    let all = read(&name, embedder.as_ref());
    // The rules are read at the first call.
    let _ = understand("");
    let begun = std::time::Instant::now();
    all.iter().for_each(|found| _ = std::hint::black_box(understand(&found.text)));
    println!("{:?} each", begun.elapsed() / u32::try_from(all.len()).unwrap());
    println!("{:<18}{:>5}{:>8}{:>12}", "", "n", "rules", "neighbours");
    let row = |label: &str, of: &[&Utterance]| {
        let rules = of.iter().filter(|found| understand(&found.text).kind == found.kind).count();
        let near = of.iter().filter(|found| with_neighbours && nearest(&train, &found.vector) == found.kind).count();
        println!("{label:<18}{:>5}{rules:>8}{near:>12}", of.len());
    };
    row("all", &all.iter().collect::<Vec<_>>());
    for language in ["tr", "en", "de"] {
        row(language, &all.iter().filter(|found| found.language == language).collect::<Vec<_>>());
    }
    for kind in Kind::ALL {
        row(kind.name(), &all.iter().filter(|found| found.kind == kind).collect::<Vec<_>>());
    }
    for wrong in all.iter().filter(|found| understand(&found.text).kind != found.kind) {
        println!(
            "{} is {}, not {}: {}",
            wrong.language,
            wrong.kind.name(),
            understand(&wrong.text).kind.name(),
            wrong.text
        );
    }
    for odd in all.iter().filter(|found| found.kind != Kind::Question) {
        let language = understand(&odd.text).languages.only().map(|language| language.tag());
        if language.is_some_and(|language| language != odd.language) {
            println!("{} taken for {}: {}", odd.language, language.unwrap_or("-"), odd.text);
        }
    }
}
