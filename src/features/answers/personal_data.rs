//! Personal data that a cloud provider does not need to see: replaced before a prompt leaves, put back in the answer.
//!
//! Found is what has a form that can be checked: e-mail addresses, IBANs (ISO 13616, modulo 97), card numbers (Luhn,
//! ISO/IEC 7812-1), Turkish identity numbers (both check digits), phone numbers, and the visitor's own name where it is
//! known. One value has one placeholder in a whole prompt, so that a model can still tell two of them apart.

use std::sync::LazyLock;

use exact_index::text::fold;
use regex::Regex;

#[expect(clippy::unwrap_used, reason = "the patterns are constants, and a test uses each")]
static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\p{L}\d._%+-]+@[\p{L}\d-]+(?:\.[\p{L}\d-]+)*\.\p{L}{2,}").unwrap());
#[expect(clippy::unwrap_used, reason = "as above")]
static IBAN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z\d]){11,30}\b").unwrap());
#[expect(clippy::unwrap_used, reason = "as above")]
static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[+(]?\d[\d ()./-]{5,24}\d").unwrap());

/// The personal data of one prompt and what stands in its place.
#[derive(Debug, Default)]
pub(super) struct Masks {
    name: Option<String>,
    /// Placeholder and value, in the order they were found.
    found: Vec<(String, String)>,
}

impl Masks {
    /// With the visitor's name, where it is known. A name of fewer than three letters would hide half of all words.
    pub(super) fn new(name: Option<&str>) -> Self {
        let name = name.map(str::trim).filter(|name| name.chars().count() >= 3);
        Self { name: name.map(str::to_owned), found: vec![] }
    }

    /// The text with placeholders such as `[EMAIL_1]`.
    pub(super) fn mask(&mut self, text: &str) -> String {
        let text = self.replace(&EMAIL, text, |_| Some("EMAIL"));
        let text = self.replace(&IBAN, &text, |found| is_iban(found).then_some("IBAN"));
        let text = self.replace(&NUMBER, &text, number);
        self.mask_name(text)
    }

    /// Puts the values back where the model wrote placeholders, as its text comes.
    pub(super) fn restore(self) -> Restore {
        Restore { found: self.found, held: String::new() }
    }

    fn replace(&mut self, pattern: &Regex, text: &str, kind: impl Fn(&str) -> Option<&'static str>) -> String {
        let masked = pattern.replace_all(text, |found: &regex::Captures<'_>| match kind(&found[0]) {
            Some(kind) => self.placeholder(kind, &found[0]),
            None => found[0].to_owned(),
        });
        masked.into_owned()
    }

    fn mask_name(&mut self, text: String) -> String {
        let Some(name) = self.name.clone() else { return text };
        let mut masked = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((at, length)) = find_word(rest, &name) {
            masked.push_str(&rest[..at]);
            let value = &rest[at..at + length];
            masked.push_str(&self.placeholder("NAME", value));
            rest = &rest[at + length..];
        }
        masked.push_str(rest);
        masked
    }

    fn placeholder(&mut self, kind: &str, value: &str) -> String {
        if let Some((known, _)) = self.found.iter().find(|(_, other)| other == value) {
            return known.clone();
        }
        let nth = self.found.iter().filter(|(known, _)| known[1..].starts_with(kind)).count() + 1;
        let placeholder = format!("[{kind}_{nth}]");
        self.found.push((placeholder.clone(), value.to_owned()));
        placeholder
    }
}

/// Puts values back into a text that comes in pieces.
pub(super) struct Restore {
    found: Vec<(String, String)>,
    held: String,
}

impl Restore {
    /// What can be told of the text so far; the beginning of a placeholder waits for its end.
    pub(super) fn push(&mut self, piece: &str) -> String {
        let mut text = std::mem::take(&mut self.held) + piece;
        for (placeholder, value) in &self.found {
            if text.contains(placeholder.as_str()) {
                text = text.replace(placeholder.as_str(), value);
            }
        }
        if let Some(at) = text.rfind('[')
            && self.found.iter().any(|(placeholder, _)| placeholder.starts_with(&text[at..]))
        {
            self.held = text.split_off(at);
        }
        text
    }

    /// The rest, when nothing follows.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Where `word` stands in `text` as a word of its own, whatever the case and accents, and how long it is there.
fn find_word(text: &str, word: &str) -> Option<(usize, usize)> {
    let word = fold(word);
    let mut before = None;
    for (at, c) in text.char_indices() {
        let begins = !before.is_some_and(char::is_alphanumeric);
        before = Some(c);
        if !begins {
            continue;
        }
        let end = text[at..]
            .char_indices()
            .map(|(i, c)| at + i + c.len_utf8())
            .find(|end| fold(&text[at..*end]).len() >= word.len());
        if let Some(end) = end
            && fold(&text[at..end]) == word
            && !text[end..].chars().next().is_some_and(char::is_alphanumeric)
        {
            return Some((at, end - at));
        }
    }
    None
}

/// What a number with spaces or dashes in it is, if it is anybody's.
fn number(found: &str) -> Option<&'static str> {
    let digits: Vec<u32> = found.chars().filter_map(|c| c.to_digit(10)).collect();
    if (13..=19).contains(&digits.len()) && luhn(&digits) {
        return Some("CARD");
    }
    if found.bytes().all(|b| b.is_ascii_digit()) && is_identity_number(&digits) {
        return Some("ID");
    }
    // A date or an amount has no leading plus, zero or bracket, and fewer digits.
    let dialled = found.starts_with(['+', '(']) || found.starts_with('0');
    let mobile = digits.len() == 10 && digits[0] == 5;
    ((dialled && (10..=15).contains(&digits.len())) || mobile).then_some("PHONE")
}

/// The check digit of card numbers.
fn luhn(digits: &[u32]) -> bool {
    let doubled = |(nth, digit): (usize, &u32)| match nth % 2 {
        0 => *digit,
        _ if *digit > 4 => digit * 2 - 9,
        _ => digit * 2,
    };
    digits.iter().rev().enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
}

/// Turkish identity numbers: eleven digits, the last two of which check the others.
fn is_identity_number(digits: &[u32]) -> bool {
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let odd: u32 = digits[..9].iter().step_by(2).sum();
    let even: u32 = digits[1..8].iter().step_by(2).sum();
    let tenth = (odd * 7 + 100 - even) % 10;
    let eleventh = digits[..10].iter().sum::<u32>() % 10;
    digits[9] == tenth && digits[10] == eleventh
}

/// True when the number, its first four characters put last and letters read as 10 … 35, leaves 1 modulo 97.
fn is_iban(found: &str) -> bool {
    let plain: Vec<char> = found.chars().filter(char::is_ascii_alphanumeric).collect();
    if !(15..=34).contains(&plain.len()) {
        return false;
    }
    let rest = plain[4..].iter().chain(&plain[..4]).try_fold(0_u32, |rest, c| {
        let value = c.to_digit(36)?;
        Some((rest * if value > 9 { 100 } else { 10 } + value) % 97)
    });
    rest == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        Masks::new(Some("Ayşe Işık")).mask(text)
    }

    #[test]
    fn what_identifies_somebody_is_masked() {
        for (text, expected) in [
            ("Bana ayse.isik+x@posta.com.tr yazın.", "Bana [EMAIL_1] yazın."),
            ("IBAN: TR33 0006 1005 1978 6457 8413 26, hızlı", "IBAN: [IBAN_1], hızlı"),
            ("DE89370400440532013000", "[IBAN_1]"),
            ("Kartım 4242 4242 4242 4242.", "Kartım [CARD_1]."),
            ("T.C. 10000000146", "T.C. [ID_1]"),
            ("Ara: 0532 123 45 67 veya +49 (30) 1234567", "Ara: [PHONE_1] veya [PHONE_2]"),
            ("5321234567", "[PHONE_1]"),
            ("Adım AYŞE IŞIK, Ayşe Işıklı değil", "Adım [NAME_1], Ayşe Işıklı değil"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn what_identifies_nobody_stays() {
        for text in [
            "Sipariş 20261121-4711, 1.250,00 TL, 12.03.2026, 14:30",
            "Kart 4242 4242 4242 4241, no 10000000147",
            "TR00 0006 1005 1978 6457 8413 26",
            "a@b, %50, 3-5 gün",
        ] {
            assert!(!masked(text).contains("CARD") && !masked(text).contains("ID_"), "{}", masked(text));
            assert!(!masked(text).contains("IBAN_") && !masked(text).contains("EMAIL"), "{}", masked(text));
        }
        assert_eq!(masked("Sipariş 4711, 1.250,00 TL, 12.03.2026"), "Sipariş 4711, 1.250,00 TL, 12.03.2026");
    }

    #[test]
    fn one_value_has_one_placeholder_and_comes_back() {
        let mut masks = Masks::new(None);
        assert_eq!(masks.mask("a@x.com b@x.com"), "[EMAIL_1] [EMAIL_2]");
        assert_eq!(masks.mask("yine b@x.com"), "yine [EMAIL_2]");
        let mut restore = masks.restore();
        let pieces = ["We wrote to [EMA", "IL_2", "] and [1", "] not [EMAIL_9] [EM"];
        let mut text: String = pieces.iter().map(|piece| restore.push(piece)).collect();
        text.push_str(&restore.finish());
        assert_eq!(text, "We wrote to b@x.com and [1] not [EMAIL_9] [EM");
    }
}
