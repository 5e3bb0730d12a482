//! Fits passages into a budget of characters, and the rules for cutting a text so that a reader does not notice.

use super::answer::Source;

/// The passages, best first, that together have at most `max` characters (Unicode scalars).
///
/// A passage that does not fit ends them; only the very first one is cut, at a sentence, else at a space, else before a
/// character that surely stands for itself. It stays a literal part of its version's body.
pub(super) fn within(passages: &[Source], max: usize) -> Vec<Source> {
    let mut room = max;
    let fits = |source: &&Source| {
        let length = source.text.chars().count();
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    };
    let held: Vec<Source> = passages.iter().take_while(fits).cloned().collect();
    match passages.first() {
        Some(first) if held.is_empty() => shortened(first, max).into_iter().collect(),
        _ => held,
    }
}

/// The beginning of a passage that fits; nothing when not one character does.
fn shortened(source: &Source, max: usize) -> Option<Source> {
    let text = cut(&source.text, max).trim_end();
    let length = i32::try_from(text.len()).ok().filter(|length| *length > 0)?;
    Some(Source { text: text.to_owned(), end_byte: source.start_byte + length, sentences: vec![], ..source.clone() })
}

/// The longest beginning of at most `max` characters that ends with a sentence, else before a space, else between two
/// characters that surely do not belong together. Empty when there is no such place.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let Some((limit, _)) = text.char_indices().nth(max) else { return text };
    let sentence =
        exact_index::text::sentences(text).into_iter().map(|range| range.end).take_while(|end| *end <= limit).last();
    if let Some(end) = sentence {
        return &text[..end];
    }
    let fits = text.char_indices().take_while(|(at, _)| *at <= limit);
    if let Some((end, _)) = fits.clone().filter(|(at, c)| *at > 0 && c.is_whitespace() && is_boundary(text, *at)).last()
    {
        return &text[..end];
    }
    let end = fits.map(|(at, _)| at).filter(|at| is_boundary(text, *at)).last().unwrap_or(0);
    &text[..end]
}

/// True where a cut certainly does not split what a reader sees as one character.
///
/// Grapheme clusters are joined by marks that follow (accents, variation selectors, skin tones, joiners), by pairs
/// (flags, jamo) and by CR LF (Unicode Annex 29). Instead of the table of all that joins, this knows letters that never
/// do: a cut before one of them is safe, and where none is near, the cut comes earlier.
fn is_boundary(text: &str, at: usize) -> bool {
    let Some(next) = text[at..].chars().next() else { return true };
    let stands_alone = match next {
        '\n' => !text[..at].ends_with('\r'),
        '\r' | '\t' | ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' => true,
        // Greek and Cyrillic but for their combining marks; kana but for theirs; Han; dashes and quotation marks
        '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}' | '\u{2010}'..='\u{2027}' => true,
        '\u{3041}'..='\u{3096}' | '\u{30a0}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' => true,
        other => other.is_whitespace(),
    };
    // A few format characters (U+0600 … and the like) join to what follows; those scripts are not in the list above.
    stands_alone
        && !text[..at]
            .chars()
            .next_back()
            .is_some_and(|before| matches!(before, '\u{600}'..='\u{8ff}' | '\u{110bd}' | '\u{110cd}'))
}

/// True for a Markdown heading: one to six `#`, a space, text, on one line.
pub(super) fn is_heading(line: &str) -> bool {
    let rest = line.trim_start_matches('#');
    (1..=6).contains(&(line.len() - rest.len())) && rest.starts_with([' ', '\t']) && !line.contains('\n')
}

#[cfg(test)]
mod tests {
    use ::entity::ids::{ArticleId, ChunkId};
    use uuid::Uuid;

    use super::*;

    fn source(text: &str) -> Source {
        Source {
            article: ArticleId(Uuid::nil()),
            version: 1,
            chunk: ChunkId(Uuid::nil()),
            title: "İade".into(),
            slug: "iade".into(),
            language: "tr".into(),
            text: text.into(),
            header: None,
            start_byte: 7,
            end_byte: 7 + text.len() as i32,
            score: 0.5,
            dense: 0.5,
            lexical: 0.0,
            sentences: vec![],
        }
    }

    fn texts(passages: &[&str], max: usize) -> Vec<String> {
        let passages: Vec<Source> = passages.iter().map(|text| source(text)).collect();
        within(&passages, max).into_iter().map(|source| source.text).collect()
    }

    #[test]
    fn whole_passages_fill_the_budget_and_what_does_not_fit_ends_it() {
        let [a, b, c] = [900, 600, 400].map(|length| "x".repeat(length));
        assert_eq!(texts(&[&a, &b, &c], 1_500), [a.clone(), b.clone()]);
        assert_eq!(texts(&[&a, &b, &c], 1_499), [a]);
        assert!(texts(&[], 1_500).is_empty());
    }

    #[test]
    fn letters_are_counted_not_bytes() {
        let text = "ş".repeat(1_500);
        let whole = std::slice::from_ref(&text);
        assert_eq!(texts(&[&text], 1_500), whole);
        assert_eq!(texts(&["ş".repeat(1_501).as_str()], 1_500), whole);
    }

    #[test]
    fn a_first_passage_that_is_too_long_ends_with_a_sentence_and_stays_literal() {
        assert_eq!(texts(&["Bir gün. İki gün. Üç gün."], 20), ["Bir gün. İki gün."]);
        assert_eq!(texts(&["Uzun bir cümle olsun"], 11), ["Uzun bir"]);
        let short = &within(&[source("Bir gün. İki gün.")], 9)[0];
        assert_eq!((short.text.as_str(), short.start_byte, short.end_byte), ("Bir gün.", 7, 16));
    }

    #[test]
    fn what_is_seen_as_one_character_is_not_split() {
        for one in ["👩‍👩‍👧‍👦", "🇹🇷", "e\u{301}\u{323}", "각", "👍🏽", "\r\n", "नि"] {
            let text = format!("ab{}", one.repeat(3));
            for max in 0..text.chars().count() {
                let part = cut(&text, max);
                let rest = &part[part.len().min(2)..];
                assert!(rest.replace(one, "").is_empty() || rest.trim().is_empty(), "{one:?} {max}: {part:?}");
            }
        }
    }
}
