//! What visitors are told when no person comes, in the languages of this product. Others get English.

use ::entity::widget_settings::Features;

/// A sentence, and what can be done instead: with both ways, with a message that is left, and with a call back.
struct AbsenceWords {
    nobody_free: &'static str,
    closed: &'static str,
    both: &'static str,
    message: &'static str,
    call: &'static str,
}

const TURKISH: AbsenceWords = AbsenceWords {
    nobody_free: "Şu anda müsait bir temsilcimiz yok.",
    closed: "Şu anda kapalıyız.",
    both: "Bize mesaj bırakabilir ya da sizi aramamızı isteyebilirsiniz.",
    message: "Bize mesaj bırakabilirsiniz.",
    call: "Sizi aramamızı isteyebilirsiniz.",
};

const ENGLISH: AbsenceWords = AbsenceWords {
    nobody_free: "Nobody is free at the moment.",
    closed: "We are closed at the moment.",
    both: "You can leave a message or ask to be called back.",
    message: "You can leave a message.",
    call: "You can ask to be called back.",
};

const GERMAN: AbsenceWords = AbsenceWords {
    nobody_free: "Im Moment ist leider niemand frei.",
    closed: "Wir haben gerade geschlossen.",
    both: "Sie können eine Nachricht hinterlassen oder um einen Rückruf bitten.",
    message: "Sie können eine Nachricht hinterlassen.",
    call: "Sie können um einen Rückruf bitten.",
};

fn words(language: &str) -> &'static AbsenceWords {
    match language.split('-').next() {
        Some("tr") => &TURKISH,
        Some("de") => &GERMAN,
        _ => &ENGLISH,
    }
}

/// Everybody has enough to do, or nobody is there.
pub(super) fn nobody_free(language: &str, features: &Features) -> String {
    let words = words(language);
    instead(words.nobody_free, words, features)
}

/// Nobody works now.
pub(super) fn closed(language: &str, features: &Features) -> String {
    let words = words(language);
    instead(words.closed, words, features)
}

/// Only ways that the site's widget has are named.
fn instead(why: &str, words: &AbsenceWords, features: &Features) -> String {
    let way = match (features.tickets, features.callbacks) {
        (true, true) => words.both,
        (true, false) => words.message,
        (false, true) => words.call,
        (false, false) => return why.to_owned(),
    };
    format!("{why} {way}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_is_named() {
        let features = |tickets, callbacks| Features { tickets, callbacks, ..Features::default() };
        let said = |tickets, callbacks| nobody_free("en-GB", &features(tickets, callbacks));
        assert_eq!(said(true, true), "Nobody is free at the moment. You can leave a message or ask to be called back.");
        assert_eq!(said(true, false), "Nobody is free at the moment. You can leave a message.");
        assert_eq!(said(false, true), "Nobody is free at the moment. You can ask to be called back.");
        assert_eq!(said(false, false), "Nobody is free at the moment.");
        assert_eq!(closed("tr", &features(true, false)), "Şu anda kapalıyız. Bize mesaj bırakabilirsiniz.");
    }
}
