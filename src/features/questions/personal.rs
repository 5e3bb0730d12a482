//! Leaves out of a text what tells who somebody is, for good. It takes rather too much than too little: what is left may be
//! published as an article. (What goes to a model for an answer is masked otherwise: there it must be put back.)

use exact_index::text::fold;

/// Digits in a row, with the usual signs between them, from which on a number may name a person: telephones, cards,
/// accounts, identity cards, orders. Prices, days and years are shorter.
const DIGITS: usize = 6;
/// Letters of a name below which it is as likely another word.
const NAME: usize = 3;

/// The text without e-mail addresses, long numbers (account numbers that begin with letters, too) and the names that are
/// known. What was there is said by `[…]`.
pub(super) fn mask(text: &str, names: &[&str]) -> String {
    let names: Vec<String> = names
        .iter()
        .flat_map(|name| name.split_whitespace())
        .map(|name| fold(name).trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
        .filter(|name| name.chars().count() >= NAME)
        .collect();
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let end = word.trim_end().len();
        (hidden(&word[..end], &names), &word[end..])
    });
    let joined: String = words.flat_map(|(word, space)| [word, space.to_owned()]).collect();
    numbers(&joined)
}

/// A word, or what stands for it.
fn hidden(word: &str, names: &[String]) -> String {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.is_empty() {
        return word.to_owned();
    }
    let is_address = word.contains('@') && bare.contains('@');
    // A Turkish name carries its case after an apostrophe: Ayşe'nin.
    let stem = fold(bare.split(['\'', '’']).next().unwrap_or(bare));
    let letters_then_number = bare.chars().take(2).all(|c| c.is_ascii_uppercase())
        && bare.chars().filter(char::is_ascii_digit).count() >= DIGITS;
    if is_address || letters_then_number || names.contains(&stem) {
        word.replacen(bare, "[…]", 1)
    } else {
        word.to_owned()
    }
}

/// The text without runs of many digits, in which spaces, dots, dashes, slashes and brackets may stand.
fn numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+') {
        let run = &rest[start..];
        let stop = run.find(|c: char| !(c.is_ascii_digit() || " +-./()".contains(c))).unwrap_or(run.len());
        let number = run[..stop].trim_end_matches(|c: char| !c.is_ascii_digit());
        masked.push_str(&rest[..start]);
        if number.is_empty() {
            masked.push_str(&run[..stop]);
            rest = &run[stop..];
            continue;
        }
        let digits = number.chars().filter(char::is_ascii_digit).count();
        masked.push_str(if digits >= DIGITS && !is_date(number) { "[…]" } else { number });
        rest = &run[number.len()..];
    }
    masked.push_str(rest);
    masked
}

/// `31.12.2026`, `2026-12-31`: when something is tells nobody who it is about.
fn is_date(number: &str) -> bool {
    let parts: Vec<&str> = number.split(['.', '-', '/']).collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let are_digits = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    are_digits && matches!(lengths[..], [1 | 2, 1 | 2, 4] | [4, 1 | 2, 1 | 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_long_numbers_and_known_names_are_left_out() {
        let names = ["Ayşe Yılmaz"];
        for (text, masked) in [
            ("Ben Ayşe, numaram 0532 123 45 67.", "Ben […], numaram […]."),
            ("AYŞE'NİN siparişi (TR12 0006 2000 1234) nerede?", "[…] siparişi (TR[…]) nerede?"),
            ("Mail me at ayse.y@example.com, please", "Mail me at […], please"),
            ("Meine IBAN ist DE89370400440532013000", "Meine IBAN ist […]"),
            ("order #1234567-89?", "order #[…]?"),
            ("+49 (30) 1234567", "[…]"),
        ] {
            assert_eq!(mask(text, &names), masked);
        }
    }

    #[test]
    fn what_tells_nothing_about_a_person_stays() {
        for text in ["14 gün içinde, 31.12.2026'ya kadar 500 TL", "What costs 1,299.90 in 2026?", "a @ b + c", ""] {
            assert_eq!(mask(text, &["Al"]), text);
        }
    }
}
