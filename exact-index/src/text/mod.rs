//! Text analysis: what a word is, when two words are the same, where a sentence ends.
//!
//! One analyser serves Turkish, English and German at once. It needs no language detection: words
//! are folded to unaccented lower case and indexed by a five-character prefix, which stands in for
//! stemming in languages that inflect at the end, and by their 4-grams, which reach the inside of
//! German compounds and survive typing errors.

mod fold;
mod sentences;
mod sparse;
mod stop;

pub use fold::fold;
pub use sentences::{is_list_item, sentences};
pub use sparse::{B, K1, document_length, sparse_document, sparse_query, term_id};
pub(crate) use sparse::{TermCounts, saturation};

/// Characters of a word kept as its prefix term.
const PREFIX: usize = 5;
/// Length of the n-grams taken from a word between its boundary marks.
const GRAM: usize = 4;
/// Longer runs of letters are no words (keys, hashes); the rest of the run is ignored.
const WORD_MAX: usize = 64;

/// Index terms of a text, in order, with repetitions.
///
/// Each word that is no stop word yields its first five characters, then `#` + every four
/// consecutive characters of `_word_`. A word is a maximal run of letters and digits of the folded
/// text; an apostrophe separates (`Ankara'dan` is `ankara` and the stop word `dan`).
///
/// ```
/// assert_eq!(exact_index::text::terms("İade"), ["iade", "#_iad", "#iade", "#ade_"]);
/// ```
#[must_use]
pub fn terms(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for_each_term(text, |term| out.push(term.to_owned()));
    out
}

/// Calls `visit` with every term of [`terms`] without allocating each.
pub(crate) fn for_each_term(text: &str, mut visit: impl FnMut(&str)) {
    let folded = fold(text);
    let mut ends = Vec::with_capacity(WORD_MAX + 3);
    let mut marked = String::new();
    for word in folded.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() || stop::is_stop_word(word) {
            continue;
        }
        let word = prefix(word, WORD_MAX);
        visit(prefix(word, PREFIX));

        marked.clear();
        marked.push('_');
        marked.push_str(word);
        marked.push('_');
        ends.clear();
        ends.extend(marked.char_indices().map(|(at, _)| at));
        ends.push(marked.len());
        let mut term = String::with_capacity(4 * GRAM + 1);
        for gram in ends.windows(GRAM + 1) {
            let (Some(&from), Some(&to)) = (gram.first(), gram.last()) else {
                continue;
            };
            term.clear();
            term.push('#');
            term.push_str(&marked[from..to]);
            visit(&term);
        }
    }
}

/// The first `count` characters of `word`.
fn prefix(word: &str, count: usize) -> &str {
    match word.char_indices().nth(count) {
        Some((end, _)) => &word[..end],
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_yields_its_prefix_and_its_marked_grams() {
        assert_eq!(
            terms("Kargo ücretleri"),
            [
                "kargo", "#_kar", "#karg", "#argo", "#rgo_", "ucret", "#_ucr", "#ucre", "#cret", "#retl", "#etle",
                "#tler", "#leri", "#eri_"
            ]
        );
    }

    #[test]
    fn short_words_have_no_or_one_gram() {
        assert_eq!(terms("7"), ["7"]);
        assert_eq!(terms("TL"), ["tl", "#_tl_"]);
    }

    #[test]
    fn stop_words_of_three_languages_are_dropped() {
        assert!(terms("ve ile bir, the and of; und der die nasıl NASIL").is_empty());
    }

    #[test]
    fn the_same_word_typed_in_any_case_or_without_diacritics_is_one_term() {
        let expected = terms("ısıtıcı");
        for typed in ["ISITICI", "isitici", "İSİTİCİ", "ISITICI".to_lowercase().as_str()] {
            assert_eq!(terms(typed), expected);
        }
        assert_eq!(terms("Rückgabe"), terms("RUCKGABE"));
    }

    #[test]
    fn endless_words_are_cut() {
        assert!(terms(&"x".repeat(100_000)).len() <= WORD_MAX + 1);
    }
}
