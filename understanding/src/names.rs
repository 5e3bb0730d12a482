//! To whom small talk is said: `Danke Frau Meier`, `teşekkürler Ayşe Hanım`, `Thanks Anna!`.

use super::words::words;

/// What stands before a name.
const BEFORE: [&str; 10] = ["frau", "her", "hern", "mr", "mrs", "ms", "mis", "dr", "prof", "sayin"];
/// What stands after one.
const AFTER: [&str; 8] = ["bey", "beye", "hanim", "hanima", "hanimcim", "beyefendi", "hanimefendi", "abi"];
/// Names in a row: `Herr Dr. Müller-Lüdenscheidt`.
const NAMES: usize = 3;

/// A message without the names in it that have a title, and without a name at its end that has none; absent where there
/// is no such name.
///
/// A name without a title begins with a capital, as other words do: it must end what is said, and only thanks and
/// goodbyes are said to a bare name.
pub(crate) fn without_names(text: &str, is_known: impl Fn(&str) -> bool) -> Option<(String, bool)> {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let folded: Vec<Option<String>> = tokens.iter().map(|token| only(words(token))).collect();
    let is_any = |at: usize, of: &[&str]| folded.get(at).and_then(Option::as_deref).is_some_and(|it| of.contains(&it));
    let is_unknown = |at: usize| folded.get(at).and_then(Option::as_deref).is_some_and(|it| !is_known(it));
    let mut is_name = vec![false; tokens.len()];
    let mut has_title = false;
    for at in 0..tokens.len() {
        if is_any(at, &BEFORE) && at > 0 {
            is_name[at] = true;
            let named = (at + 1..tokens.len())
                .take_while(|next| is_any(*next, &BEFORE) || is_unknown(*next) || *next == at + 1);
            let named: Vec<usize> = named.take(NAMES).collect();
            // "Danke Frau meier": of what is not written with a capital one word only.
            let names = named.iter().enumerate().filter(|(nth, next)| *nth == 0 || is_capital(tokens[**next]));
            names.for_each(|(_, next)| is_name[*next] = true);
            has_title |= !named.is_empty();
        }
        if is_any(at, &AFTER) && at > 1 && is_unknown(at - 1) {
            is_name[at] = true;
            is_name[at - 1] = true;
            has_title = true;
        }
    }
    let has_bare = !has_title && {
        let ends = |at: usize| {
            let next = tokens[at + 1..].iter().find(|next| !words(next).is_empty());
            tokens[at].ends_with(['.', ',', '!', ';'])
                || next.is_none_or(|next| words(next).iter().all(|it| is_drawn(it)))
        };
        let mut bare = (1..tokens.len()).filter(|at| is_unknown(*at) && is_capital(tokens[*at]) && ends(*at));
        bare.next().inspect(|at| is_name[*at] = true).is_some()
    };
    let left: Vec<&str> = tokens.iter().zip(&is_name).filter(|(_, is_name)| !**is_name).map(|(it, _)| *it).collect();
    (has_title || has_bare).then(|| (left.join(" "), has_title))
}

fn is_drawn(word: &str) -> bool {
    word.chars().all(super::words::is_emoji)
}

fn only(mut words: Vec<String>) -> Option<String> {
    if words.len() == 1 { words.pop() } else { None }
}

/// True for `Anna` and `Ayşe'ye`, not for `ANNA` or `anna`.
fn is_capital(token: &str) -> bool {
    let mut letters = token.chars().filter(|c| c.is_alphabetic());
    letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out() {
        let without =
            |text| without_names(text, |word| ["danke", "ok", "iyi", "gunler", "thanks", "bye"].contains(&word));
        for (text, left, has_title) in [
            ("ok danke Frau Meier", "ok danke", true),
            ("ok danke frau meier", "ok danke", true),
            ("danke Herr Dr. Müller", "danke", true),
            ("danke Ayşe Hanım iyi günler", "danke iyi günler", true),
            ("Thanks Anna!", "Thanks", false),
            ("Thanks Anna, bye", "Thanks bye", false),
        ] {
            assert_eq!(without(text), Some((left.to_owned(), has_title)), "{text}");
        }
        for text in ["thanks anna", "Danke Paket da", "danke", "DANKE ANNA", "Frau", "", "Anna!"] {
            assert_eq!(without(text), None, "{text}");
        }
    }
}
