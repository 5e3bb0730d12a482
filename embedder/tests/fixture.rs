//! Compares the engine with vectors of the reference engine, and feeds it odd text.

#![expect(clippy::unwrap_used, reason = "test helpers: a panic is how they fail")]

use std::sync::LazyLock;

use embedder::{DIMENSION, Embedder, Kind, MAX_TOKENS};
use serde_json::Value;

static EMBEDDER: LazyLock<Embedder> = LazyLock::new(|| Embedder::load().unwrap());
static FIXTURE: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("fixture.json")).unwrap());

fn items() -> impl Iterator<Item = (Kind, &'static str, Vec<f32>)> {
    FIXTURE["items"].as_array().unwrap().iter().map(|item| {
        let kind = if item["kind"] == "query" { Kind::Query } else { Kind::Passage };
        (kind, item["text"].as_str().unwrap(), numbers(&item["vector"]))
    })
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn assert_unit(vector: &[f32], what: &str) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert_eq!(vector.len(), DIMENSION, "{what:?}");
    assert!((length - 1.0).abs() < 1e-4, "{what:?}: length {length}");
}

/// Largest difference of our queries × passages cosines to the fixture's table.
fn worst_difference(table: &str, embed: impl Fn(Kind, &str) -> Vec<f32>) -> f32 {
    let of = |kind, count| {
        items().filter(move |item| item.0 == kind).take(count).map(|item| embed(kind, item.1)).collect::<Vec<_>>()
    };
    let (queries, passages) = (of(Kind::Query, 12), of(Kind::Passage, 4));
    let rows = FIXTURE[table].as_array().unwrap();
    assert_eq!(rows.len(), queries.len());
    let differences = queries.iter().zip(rows).flat_map(|(query, row)| {
        passages.iter().zip(numbers(row)).map(|(passage, expected)| (cosine(query, passage) - expected).abs())
    });
    differences.fold(0.0, f32::max)
}

#[test]
fn raw_vectors_equal_the_reference() {
    for (kind, text, expected) in items() {
        let vector = EMBEDDER.embed_raw(kind, text);
        assert_unit(&vector, text);
        let cosine = cosine(&vector, &expected);
        assert!(cosine >= 0.999, "{text:?}: {cosine}");
    }
}

#[test]
fn similarities_equal_the_reference() {
    let raw = worst_difference("raw_similarity", |kind, text| EMBEDDER.embed_raw(kind, text));
    let centred = worst_difference("centred_similarity", |kind, text| EMBEDDER.embed(kind, text));
    assert!(raw < 0.004, "raw cosines differ by {raw}");
    assert!(centred < 0.008, "centred cosines differ by {centred}");
}

#[test]
fn a_question_finds_its_answer_in_another_language() {
    let question = EMBEDDER.embed(Kind::Query, "How long do I have to return an item?");
    let score = |text| cosine(&question, &EMBEDDER.embed(Kind::Passage, text));
    let right = score("İade. Ürünü teslim aldıktan sonra 14 gün içinde iade edebilirsiniz.");
    let wrong = score("Password. Click on the link on the login page if you forgot it.");
    assert!(right > wrong + 0.15, "{right} {wrong}");
}

#[test]
fn odd_text_has_a_vector() {
    let long_word = "a".repeat(1_500);
    let odd = [
        "",
        " \n\t",
        "\0",
        "a\0b",
        "\u{301}",
        "\u{301}\u{327}\u{308}",
        "😀",
        "👨‍👩‍👧‍👦🏳️‍🌈",
        "日本語のみ",
        "\u{feff}\u{200b}",
        "\u{10ffff}",
        "</s><pad>",
        "\u{2581}",
        "\u{fdfa}",
        &long_word,
    ];
    for text in odd {
        for kind in [Kind::Query, Kind::Passage] {
            assert_unit(&EMBEDDER.embed(kind, text), text);
            assert_unit(&EMBEDDER.embed_raw(kind, text), text);
        }
    }
}

#[test]
fn text_beyond_the_limit_is_not_read() {
    let sentence = "Bu bir deneme cümlesidir. ";
    let long = sentence.repeat(100_000 / sentence.len());
    assert!(EMBEDDER.count_tokens(&long) > MAX_TOKENS);
    let vector = EMBEDDER.embed(Kind::Passage, &long);
    assert_unit(&vector, "long");
    assert_eq!(vector, EMBEDDER.embed(Kind::Passage, &(long.clone() + "Tamamen başka bir konu.")));
}

#[test]
fn tokens_are_counted_without_additions() {
    assert_eq!(EMBEDDER.count_tokens(""), 0);
    assert_eq!(EMBEDDER.count_tokens("return"), 1);
    let text = "Ürünü teslim aldıktan sonra 14 gün içinde iade edebilirsiniz.";
    let one = EMBEDDER.count_tokens(text);
    assert!((10..=25).contains(&one), "{one}");
    assert_eq!(EMBEDDER.count_tokens(&[text; 50].join(" ")), one * 50);
}
