//! What people ask anybody: the matters of a business that has every article, and of one that has nothing to do with it.
//!
//! A site with three articles has no other article that a far question could be closer to, so its best one seems far
//! ahead. These matters stand in for the articles that are not there: the best article must be ahead of them, too, but
//! for those that it is about itself. Each is told in three languages, so that an article is about it in whatever language
//! it is written. They were made with the built-in embedder and mean nothing beside another.

use std::sync::LazyLock;

use super::{agreement::cosine, answer::Matters};

/// The vectors of `texts.txt`, a line each; written by the embedder's example `vectors`.
static BYTES: &[u8] = include_bytes!("vectors.i8");

static VECTORS: LazyLock<Vec<Vec<f32>>> = LazyLock::new(|| {
    let number = |byte: &u8| f32::from(byte.cast_signed()) / 254.0;
    BYTES.chunks_exact(embedder::DIMENSION).map(|vector| vector.iter().map(number).collect()).collect()
});

/// Lines of a matter: Turkish, English, German.
const LANGUAGES: usize = 3;
/// An article that is so close to a matter is about it; and it is about the closest even where that is farther.
const ABOUT: f32 = 0.45;
const MOSTLY_ABOUT: f32 = 0.35;

/// How close a question is to the matters that the best passage is about, and is not.
pub(super) fn matters(question: &[f32], best: &[f32]) -> Option<Matters> {
    if question.len() != embedder::DIMENSION || best.len() != embedder::DIMENSION {
        return None;
    }
    let closest = |vector: &[f32], matter: &[Vec<f32>]| matter.iter().map(|text| cosine(vector, text)).reduce(f32::max);
    let all = VECTORS.chunks(LANGUAGES).filter_map(|matter| Some((closest(best, matter)?, closest(question, matter)?)));
    let all: Vec<(f32, f32)> = all.collect();
    let (most, own) = all.iter().copied().max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let about = if most >= MOSTLY_ABOUT { most.min(ABOUT) } else { ABOUT };
    let foreign = all.iter().filter(|(close, _)| *close < about).map(|(_, asked)| *asked).reduce(f32::max)?;
    Some(Matters { foreign, own })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_matter_has_its_vectors() {
        let texts = include_str!("texts.txt");
        assert_eq!(VECTORS.len(), texts.lines().count());
        assert_eq!(VECTORS.len() % LANGUAGES, 0);
        let embedder = embedder::Embedder::load().unwrap();
        for (text, vector) in texts.lines().zip(VECTORS.iter()).step_by(17) {
            let fresh = embedder.embed(embedder::Kind::Passage, text);
            assert!(cosine(&fresh, vector) > 0.99, "{text}: run the embedder's example `vectors`");
        }
    }

    #[test]
    fn a_far_question_is_closer_to_another_matter_than_one_about_the_article() {
        let embedder = embedder::Embedder::load().unwrap();
        let article = embedder.embed(embedder::Kind::Passage, "Kargo ücreti. Kargo ücreti 49 liradır.");
        let closeness = |question: &str| {
            let question = embedder.embed(embedder::Kind::Query, question);
            cosine(&question, &article) - matters(&question, &article).unwrap().foreign
        };
        assert!(closeness("Dolar kuru bugün kaç lira?") < 0.0);
        assert!(closeness("Kargo ücreti ne kadar?") > 0.15);
    }

    #[test]
    fn an_article_is_about_a_matter_in_any_language() {
        let embedder = embedder::Embedder::load().unwrap();
        let article =
            embedder.embed(embedder::Kind::Passage, "Öffnungszeiten. Wir haben täglich von 9 bis 18 Uhr geöffnet.");
        for asked in ["When do you close?", "Saat kaçta kapanıyorsunuz?", "Wann macht ihr zu?"] {
            let found = matters(&embedder.embed(embedder::Kind::Query, asked), &article).unwrap();
            assert!(found.own > found.foreign, "{asked} {found:?}");
        }
    }
}
