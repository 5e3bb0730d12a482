use unicode_normalization::UnicodeNormalization as _;

/// Search key of a text: lower case without diacritics.
///
/// The four Turkish letters `İ I ı i` become `i`; `ç ğ ö ş ü ä é …`, composed or written with
/// combining marks, become their base letter; `ß æ œ þ` become `ss ae oe th`; `ø đ ł …`, which have
/// no decomposition, become the letter they resemble; ligatures, full-width and other
/// compatibility forms become plain ones. Marks of other scripts that carry meaning (Indic vowels,
/// Japanese voicing) stay. Folding twice changes nothing. Keep the original for display.
///
/// ```
/// use exact_index::text::fold;
/// assert_eq!(fold("IĞDIR İli, Straße"), "igdir ili, strasse");
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().flat_map(char::to_lowercase).nfkd() {
        match c {
            _ if is_dropped(c) => {}
            'ı' | 'ȷ' | 'ɨ' | 'ɩ' => folded.push(if c == 'ȷ' { 'j' } else { 'i' }),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ð' | 'đ' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ŧ' => folded.push('t'),
            'ŋ' => folded.push('n'),
            'ə' => folded.push('e'),
            'ƀ' => folded.push('b'),
            'ς' => folded.push('σ'),
            _ => folded.push(c),
        }
    }
    folded.nfc().collect()
}

/// Combining marks of the Latin, Greek and Cyrillic scripts, and characters without width.
fn is_dropped(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}'
        | '\u{00AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turkish_i_has_one_key() {
        assert_eq!(fold("İIıi"), "iiii");
        assert_eq!(fold("i\u{307}"), "i");
    }

    #[test]
    fn letters_of_the_three_languages() {
        assert_eq!(fold("ÇĞIÖŞÜ çğıöşü"), "cgiosu cgiosu");
        assert_eq!(fold("ÄÖÜß äöüẞ"), "aouss aouss");
        assert_eq!(fold("hâlâ kâğıt résumé"), "hala kagit resume");
    }

    #[test]
    fn composed_and_combining_forms_are_equal() {
        assert_eq!(fold("gu\u{308}ncelles\u{327}me"), fold("güncelleşme"));
        assert_eq!(fold("gu\u{308}n"), "gun");
    }

    #[test]
    fn other_forms() {
        assert_eq!(fold("ﬁrma Ｔｅｓｔ №"), "firma test no");
        assert_eq!(fold("Øre Łódź đ æ œ þ"), "ore lodz d ae oe th");
        assert_eq!(fold("zu\u{ad}sam\u{200b}men"), "zusammen");
        assert_eq!(fold("ΟΔΟΣ οδός Й"), "οδοσ οδοσ и");
        assert_eq!(fold("한국어 が"), "한국어 が");
    }

    #[test]
    fn every_character_folds_to_a_fixed_point() {
        for c in '\0'..=char::MAX {
            let once = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&once), once, "{c:?} U+{:04X}", u32::from(c));
        }
    }
}
