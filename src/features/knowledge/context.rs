//! Fits passages into a budget of characters, and the rules for cutting a text so that a reader does not notice.

/// Joins passages, best first, with one line break between, as long as the whole stays within `max` characters.
///
/// A passage that does not fit ends the text; only the very first one is cut, at a sentence, else at a space, else
/// before a character that surely stands for itself. Characters are Unicode scalars.
pub fn fit_context<'a>(passages: impl IntoIterator<Item = &'a str>, max: usize) -> String {
    let mut text = String::new();
    let mut used = 0;
    for passage in passages {
        let length = passage.chars().count();
        let needed = if text.is_empty() { length } else { length + 1 };
        if used + needed > max {
            if text.is_empty() {
                text.push_str(cut(passage, max).trim_end());
            }
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(passage);
        used += needed;
    }
    text
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
    use super::*;

    #[test]
    fn whole_passages_fill_the_budget() {
        let [a, b, c] = [900, 500, 400].map(|length| "x".repeat(length));
        let text = fit_context([a.as_str(), &b, &c], 1_500);
        assert_eq!(text, format!("{a}\n{b}"));
        assert_eq!(text.chars().count(), 1_401);
    }

    #[test]
    fn letters_are_counted_not_bytes() {
        let text = "ş".repeat(1_500);
        assert_eq!(fit_context([text.as_str()], 1_500), text);
        assert_eq!(fit_context(["ş".repeat(1_501).as_str()], 1_500), text);
    }

    #[test]
    fn a_first_passage_that_is_too_long_ends_with_a_sentence() {
        assert_eq!(fit_context(["Bir gün. İki gün. Üç gün."], 20), "Bir gün. İki gün.");
        assert_eq!(fit_context(["Uzun bir cümle olsun"], 11), "Uzun bir");
        assert_eq!(fit_context(["Bir.", "İki."], 4), "Bir.");
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
