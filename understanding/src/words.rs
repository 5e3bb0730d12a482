//! The words of a text, in the form in which they are compared.

/// Longer messages are no small talk; the rest is not looked at.
pub(crate) const LONGEST: usize = 40;

/// Signs of emotion that are written with punctuation, and the emoji they stand for.
const SMILEYS: [(&str, &str); 10] = [
    (":-)", "🙂"),
    (":)", "🙂"),
    (":-d", "🙂"),
    (":d", "🙂"),
    (";-)", "🙂"),
    (";)", "🙂"),
    ("^^", "🙂"),
    ("<3", "❤"),
    (":(", "🙁"),
    (":-(", "🙁"),
];

/// The folded words of a text and its emoji, each emoji a word; at most [`LONGEST`] and one more.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut folded = exact_index::text::fold(text);
    for (smiley, emoji) in SMILEYS {
        folded = folded.replace(smiley, &format!(" {emoji} "));
    }
    let mut words: Vec<String> = vec![];
    let mut word = String::new();
    let end = |word: &mut String, words: &mut Vec<String>| {
        if !word.is_empty() {
            words.push(calm(squeeze(word)));
            word.clear();
        }
    };
    for c in folded.chars() {
        match c {
            _ if words.len() > LONGEST => break,
            '\'' | '’' | '‘' | '`' | '´' => {}
            c if c.is_alphanumeric() => word.push(c),
            c => {
                end(&mut word, &mut words);
                if is_emoji(c) && words.last().is_none_or(|last| *last != c.to_string()) {
                    words.push(c.to_string());
                }
            }
        }
    }
    end(&mut word, &mut words);
    words
}

/// Each run of one letter as one letter. Digits stay as they are.
pub(crate) fn squeeze(word: &str) -> String {
    let mut squeezed = String::with_capacity(word.len());
    for c in word.chars() {
        if c.is_numeric() || !squeezed.ends_with(c) {
            squeezed.push(c);
        }
    }
    squeezed
}

/// Laughter and the like, `hahahaha` and `jsjsjsj`, as its first syllable twice.
fn calm(word: String) -> String {
    let letters: Vec<char> = word.chars().collect();
    let repeats = letters.len() > 4 && letters.iter().zip(&letters[2..]).all(|(a, b)| a == b);
    if repeats { letters[..4].iter().collect() } else { word }
}

/// True for a picture; not for skin tones, joiners, and signs of gender that only change one, nor for a question mark.
pub(crate) fn is_emoji(c: char) -> bool {
    let is_modifier = matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{2640}' | '\u{2642}' | '\u{2753}'..='\u{2755}');
    !is_modifier && matches!(c, '\u{2600}'..='\u{27bf}' | '\u{2b50}' | '\u{1f000}'..='\u{1faff}')
}

/// True when two neighbouring letters of one word are exchanged in the other.
pub(crate) fn is_exchanged(a: &str, b: &str) -> bool {
    a.len() == b.len() && a != b && is_typo_of(a, b) && {
        let mut letters = [a, b].map(|word| word.chars().collect::<Vec<_>>());
        letters.iter_mut().for_each(|letters| letters.sort_unstable());
        letters[0] == letters[1]
    }
}

/// True when one of the words is the other with one letter added, left out, changed, or two exchanged.
pub(crate) fn is_typo_of(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let Some(at) = short.iter().zip(long).position(|(a, b)| a != b) else { return true };
    let same = |a: usize, b: usize| short.get(a..) == long.get(b..);
    if short.len() < long.len() {
        return same(at, at + 1);
    }
    let exchanged = short.get(at) == long.get(at + 1) && short.get(at + 1) == long.get(at) && same(at + 2, at + 2);
    same(at + 1, at + 1) || exchanged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_squeezed_and_emoji_stand_alone() {
        assert_eq!(words("TEŞEKKÜRLERRR!!👍🏽👍 :)"), ["tesekurler", "👍", "🙂"]);
        assert_eq!(words("don't, 30 gün"), ["dont", "30", "gun"]);
        assert_eq!(words("hahahahah jajaja jsjsjs"), ["haha", "jaja", "jsjs"]);
        assert!(words("?!…  ").is_empty());
        assert!(words(&"a ".repeat(10_000)).len() <= LONGEST + 1);
    }

    #[test]
    fn one_typing_error_is_seen() {
        for (typed, word) in
            [("thnaks", "thanks"), ("merahba", "merhaba"), ("tesekurle", "tesekurler"), ("dankke", "danke")]
        {
            assert!(is_typo_of(typed, word) && is_typo_of(word, typed), "{typed}");
        }
        assert!(is_exchanged("dnake", "danke") && !is_exchanged("danke", "dankt") && !is_exchanged("danke", "danke"));
        assert!(!is_typo_of("tamamla", "tamam"));
        assert!(!is_typo_of("abcd", "badc"));
    }
}
