//! Which passages say the same, and what a name in a question is worth.

use std::collections::HashSet;

use ::entity::ids::ArticleId;
use exact_index::text::fold;

/// Passages of different articles that are so close say the same, perhaps in another language. Measured with the
/// built-in embedder: different articles of one business stay below 0.64.
const SAME: f32 = 0.70;
/// The same in two languages, which are a little farther from each other.
const SAME_ABROAD: f32 = 0.64;

/// A passage, as far as it is compared with others.
pub(super) struct Compared<'a> {
    pub(super) article: ArticleId,
    /// The article's language, BCP 47.
    pub(super) language: &'a str,
    pub(super) text: &'a str,
    /// None where it has no vector of the embedder in use, or that is not the built-in one.
    pub(super) vector: Option<Vec<f32>>,
}

/// The numbers in a text.
fn numbers(text: &str) -> HashSet<&str> {
    text.split(|char: char| !char.is_ascii_digit()).filter(|digits| !digits.is_empty()).collect()
}

/// True where each of two texts has numbers that the other one lacks: "14 days" and "30 days" are about the same and say
/// something else, however close they are.
fn contradict(one: &str, other: &str) -> bool {
    let (one, other) = (numbers(one), numbers(other));
    !one.is_subset(&other) && !other.is_subset(&one)
}

/// The articles that say what the first passage says.
pub(super) fn agreeing(passages: &[Compared<'_>]) -> HashSet<ArticleId> {
    let Some((best, others)) = passages.split_first() else { return HashSet::new() };
    let says = fold(best.text);
    let is_same = |other: &&Compared<'_>| {
        let least = if primary(other.language) == primary(best.language) { SAME } else { SAME_ABROAD };
        let is_close = best.vector.as_ref().zip(other.vector.as_ref()).is_some_and(|(a, b)| cosine(a, b) >= least);
        other.article != best.article && (is_close && !contradict(best.text, other.text) || fold(other.text) == says)
    };
    others.iter().filter(is_same).map(|other| other.article).collect()
}

/// `en` of `en-GB`.
fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or_default()
}

/// The question without names that a passage has, too: what is left must fit as well. A name draws to wherever it
/// stands, whatever is asked about it. None where there is no such name.
pub(super) fn without_names(question: &str, passage: &str, language: &str) -> Option<String> {
    // German writes every noun with a capital.
    if language.starts_with("de") {
        return None;
    }
    let bare = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.split(['\'', '’', '-']).next().unwrap_or_default().to_owned()
    };
    let known: HashSet<String> = passage.split_whitespace().map(bare).collect();
    let is_name = |word: &&str| {
        let word = bare(word);
        let mut letters = word.chars();
        letters.next().is_some_and(char::is_uppercase)
            && word.chars().count() > 2
            && letters.all(char::is_lowercase)
            && known.contains(&word)
            && !exact_index::text::terms(&word).is_empty()
    };
    let words: Vec<&str> = question.split_whitespace().collect();
    let left: Vec<&str> = words.iter().copied().filter(|word| !is_name(word)).collect();
    (left.len() < words.len()).then(|| left.join(" "))
}

/// Of vectors of length 1.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_close_or_of_the_same_words_agrees() {
        let passage = |article: u128, text: &'static str, vector: Option<Vec<f32>>| Compared {
            article: ArticleId(Uuid::from_u128(article)),
            language: if text.starts_with("Returns") { "en" } else { "tr" },
            text,
            vector,
        };
        let passages = [
            passage(1, "İade 14 gündür.", Some(vec![1.0, 0.0])),
            passage(2, "Returns take 14 days.", Some(vec![0.8, 0.6])),
            passage(3, "Kargo ücretlidir.", Some(vec![0.6, 0.8])),
            passage(4, "iade 14 gündür.", None),
            passage(1, "Kutu gerekir.", Some(vec![1.0, 0.0])),
            passage(5, "İade 30 gündür.", Some(vec![1.0, 0.0])),
            passage(6, "İade 14 gündür, kargo 3 gün sürer.", Some(vec![1.0, 0.0])),
            passage(7, "Returns are free for 14 days.", Some(vec![0.65, 0.76])),
            passage(8, "14 gün içinde iade edilir.", Some(vec![0.65, 0.76])),
        ];
        let found = agreeing(&passages);
        assert_eq!(found, [2, 4, 6, 7].map(|id| ArticleId(Uuid::from_u128(id))).into());
    }

    #[test]
    fn names_of_the_passage_are_taken_out_of_the_question() {
        let passage = "Tempora has four roles.";
        let without = |question| without_names(question, passage, "en");
        assert_eq!(without("Can Tempora's app track employees?").as_deref(), Some("Can app track employees?"));
        assert_eq!(without("Which roles are there?"), None);
        assert_eq!(without_names("Was kostet Versand?", "Versand kostet 5 Euro.", "de"), None);
    }
}
