//! What is no language at all: a hand that ran over the keys.

/// The rows of a keyboard, without accents.
const ROWS: [&str; 4] = ["qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm"];
/// The row of which longer runs occur in words: `property`, `Wert`.
const WORDLY: [&str; 2] = ["qwertyuiop", "qwertzuiop"];
/// More words than this are a text.
const WORDS: usize = 6;
/// The shortest run of neighbouring keys that is no word, and in a row of which there are words.
const RUN: (usize, usize) = (4, 5);
/// The shortest run when the word is made of nothing else: `asdasd`.
const REPEATED: usize = 3;
/// The shortest word without any vowel.
const VOWELLESS: usize = 5;

/// True where none of the words can be one.
pub(crate) fn is_nonsense(words: &[String], is_known: impl Fn(&str) -> bool) -> bool {
    let is_short =
        |word: &String| word.chars().count() < RUN.0 && !is_known(word) && word.chars().all(char::is_alphabetic);
    let is_wrong = |word: &String| !is_known(word) && is_no_word(word);
    words.len() <= WORDS && words.iter().any(is_wrong) && words.iter().all(|word| is_wrong(word) || is_short(word))
}

/// Of folded letters.
fn is_no_word(word: &str) -> bool {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < RUN.0 || !letters.iter().all(char::is_ascii_lowercase) {
        return false;
    }
    let runs = runs(&letters);
    let is_long = |&(length, is_wordly): &(usize, bool)| length >= if is_wordly { RUN.1 } else { RUN.0 };
    let is_of_runs = letters.len() >= 2 * REPEATED && runs.iter().all(|(length, _)| *length >= REPEATED);
    runs.iter().any(is_long)
        || is_of_runs
        || !letters.iter().any(|c| is_vowel(*c)) && letters.len() >= VOWELLESS
        || is_unspeakable(&letters)
}

fn is_vowel(letter: char) -> bool {
    "aeiouy".contains(letter)
}

/// Runs of neighbouring keys in one direction, which together are the word: their lengths, and whether words have such.
fn runs(letters: &[char]) -> Vec<(usize, bool)> {
    let mut runs = vec![];
    let mut at = 0;
    while at < letters.len() {
        let of_row = |row: &&str| {
            let step = |a: char, b: char| Some(row.find(b)? as isize - row.find(a)? as isize);
            let direction =
                letters.get(at + 1).and_then(|next| step(letters[at], *next)).filter(|step| step.abs() == 1);
            let followed =
                letters[at..].windows(2).take_while(|pair| direction.is_some() && step(pair[0], pair[1]) == direction);
            (1 + followed.count(), WORDLY.contains(row))
        };
        let (length, is_wordly) = ROWS.iter().map(of_row).max().unwrap_or((1, true));
        runs.push((length, is_wordly));
        at += length;
    }
    runs
}

/// Few vowels, and a `j` or `q` beside consonants where no language has one.
fn is_unspeakable(letters: &[char]) -> bool {
    let vowels = letters.iter().filter(|c| is_vowel(**c)).count();
    let is_odd = |pair: &[char]| match (pair[0], pair[1]) {
        ('j', next) => !is_vowel(next),
        (before, 'j') => "bcfghkmpqvwxz".contains(before),
        ('q', next) => !is_vowel(next),
        _ => false,
    };
    letters.len() > VOWELLESS && vowels * 4 <= letters.len() && letters.windows(2).any(is_odd)
}

#[cfg(test)]
mod tests {
    use super::{super::words::words, *};

    #[test]
    fn keys_that_were_run_over_are_no_words() {
        for text in
            ["asdfgh", "ASDASD", "qwerty", "sdfsdf sdf", "askdjhf", "zxcvb", "hjkl", "fdsa", "bcdfg", "lkjh asd"]
        {
            assert!(is_nonsense(&words(text), |_| false), "{text}");
        }
    }

    #[test]
    fn words_of_any_kind_are_words() {
        for text in [
            "Wert",
            "property",
            "Strumpf",
            "schwarz",
            "iade",
            "KDV",
            "https",
            "şifre",
            "Rhythmus",
            "poverty",
            "kargo takip",
            "asdfgh kargo",
            "banjo",
            "fjord",
            "12345",
            "tskrlr",
            "TV",
            "",
        ] {
            assert!(!is_nonsense(&words(text), |word| ["tskrlr", "https"].contains(&word)), "{text}");
        }
    }
}
