//! What people ask anybody: the topics of a business that has every article, and of one that has nothing to do with it.
//!
//! A site with three articles has no other article that a far question could be closer to, so its best one seems far
//! ahead. These topics stand in for the articles that are not there: the best article must be ahead of them, too, but
//! for those that it is about itself. They were made with the built-in embedder and mean nothing beside another.

use std::sync::LazyLock;

use super::agreement::cosine;

/// The vectors of `texts.txt`, a line each; written by the embedder's example `vectors`.
static BYTES: &[u8] = include_bytes!("vectors.i8");

static VECTORS: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| {
    let number = |byte: &u8| f32::from(byte.cast_signed()) / 254.0;
    BYTES.chunks_exact(embedder::DIMENSION).map(|vector| vector.iter().map(number).collect()).collect()
});

/// An article that is so close to a topic is about it.
const ABOUT: f32 = 0.45;
/// Topics are keywords, to which questions are closer than to sentences; the fewer other articles a site has, the more
/// they count.
const LEEWAY: f32 = 0.05;
const LEEWAY_OF_EACH: f32 = 0.0125;
/// Other articles from which on a site has enough of its own.
const ENOUGH: usize = 8;

/// How close a question is to the closest topic that the best passage is not about, as if that were an article beside
/// `others` of the site's own.
pub(super) fn closest(question: &[f32], best: &[f32], others: usize) -> Option<f32> {
    if question.len() != embedder::DIMENSION || best.len() != embedder::DIMENSION {
        return None;
    }
    let foreign = VECTORS.iter().filter(|topic| cosine(best, topic) < ABOUT);
    let closest = foreign.map(|topic| cosine(question, topic)).max_by(f32::total_cmp)?;
    Some(closest - LEEWAY - LEEWAY_OF_EACH * others.min(ENOUGH) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_its_vector() {
        let texts = include_str!("texts.txt");
        assert_eq!(VECTORS.len(), texts.lines().count());
        let embedder = embedder::Embedder::load().unwrap();
        for (text, vector) in texts.lines().zip(VECTORS.iter()).step_by(17) {
            let fresh = embedder.embed(embedder::Kind::Passage, text);
            assert!(cosine(&fresh, vector) > 0.99, "{text}: run the embedder's example `vectors`");
        }
    }

    #[test]
    fn a_far_question_is_closer_to_a_topic_than_one_about_the_article() {
        let embedder = embedder::Embedder::load().unwrap();
        let article = embedder.embed(embedder::Kind::Passage, "Kargo ücreti. Kargo ücreti 49 liradır.");
        let closeness = |question: &str| {
            let question = embedder.embed(embedder::Kind::Query, question);
            cosine(&question, &article) - closest(&question, &article, 2).unwrap()
        };
        assert!(closeness("Dolar kuru bugün kaç lira?") < 0.05);
        assert!(closeness("Kargo ücreti ne kadar?") > 0.2);
    }
}
