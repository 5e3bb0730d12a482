//! How hard a question is: simple ones are for local models, hard ones for cloud models.

/// What a text of more than [`LONG`] characters counts.
const OF_LENGTH: u32 = 3;
const LONG: usize = 200;
/// What two or more question marks count.
const OF_QUESTIONS: u32 = 2;
/// What a term counts; several count once.
const OF_TERMS: u32 = 4;
/// From here on a question is a hard one.
const HARD: u32 = 5;

/// The usual terms, in Turkish, English and German; each in any case, with or without accents.
pub(super) const TERMS: &[&str] = &[
    "api",
    "webhook",
    "sdk",
    "oauth",
    "sso",
    "saml",
    "graphql",
    "json",
    "ssl",
    "dns",
    "timeout",
    "log",
    "logs",
    "sql",
    "sla",
    "kvkk",
    "gdpr",
    "dsgvo",
    "entegrasyon",
    "entegrasyonu",
    "hata kodu",
    "veritabanı",
    "yapılandırma",
    "sözleşme",
    "hukuki",
    "integration",
    "error code",
    "database",
    "configuration",
    "migration",
    "contract",
    "legal",
    "schnittstelle",
    "fehlercode",
    "datenbank",
    "konfiguration",
    "vertrag",
    "rechtlich",
];

/// How hard a question is: 0 to 9.
pub(super) fn complexity<T: AsRef<str>>(question: &str, terms: &[T]) -> u32 {
    let length = if question.chars().count() > LONG { OF_LENGTH } else { 0 };
    let marks = question.chars().filter(|c| matches!(c, '?' | '？' | '؟')).count();
    let questions = if marks >= 2 { OF_QUESTIONS } else { 0 };
    let words = words(question);
    let named = terms.iter().any(|term| holds(&words, &self::words(term.as_ref())));
    length + questions + if named { OF_TERMS } else { 0 }
}

/// True for a question that is for a cloud model.
pub(super) fn is_hard<T: AsRef<str>>(question: &str, terms: &[T]) -> bool {
    complexity(question, terms) >= HARD
}

/// The words of a text: folded, so that `API`, `Apı` and `api` are one.
fn words(text: &str) -> Vec<String> {
    let folded = exact_index::text::fold(text);
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(ToOwned::to_owned).collect()
}

/// True where the words of a term stand next to each other; a part of a word is none.
fn holds(words: &[String], term: &[String]) -> bool {
    !term.is_empty() && words.windows(term.len()).any(|window| window == term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_count_in_any_case() {
        let of = |question| complexity(question, TERMS);
        assert_eq!(of("KAPI KOLU KIRIK"), 0);
        assert_eq!(of("API nasıl? Limit ne?"), 6);
        assert_eq!(of("apı'nin limiti ne?"), 4);
        assert_eq!(of("HATA KODU 17"), 4);
        assert_eq!(of("hata mı, kodu mu"), 0);
        assert_eq!(of("API, SDK, webhook"), 4, "several terms count once");
        assert_eq!(of("?"), 0);
        assert_eq!(of("Neden?? "), 2);
    }

    #[test]
    fn long_questions_count_by_characters() {
        assert_eq!(complexity(&"ğ".repeat(200), TERMS), 0);
        assert_eq!(complexity(&"ğ".repeat(201), TERMS), 3);
        assert_eq!(complexity(&format!("API? Ne? {}", "ğ".repeat(201)), TERMS), 9);
    }

    #[test]
    fn five_is_hard() {
        assert!(!is_hard("API nasıl?", TERMS) && is_hard("API nasıl? Limit ne?", TERMS));
        assert!(is_hard(&format!("??{}", "x".repeat(200)), TERMS));
        assert!(!is_hard("API nasıl? Limit ne?", &["iade", " ", ""]) && is_hard("İADE? Ne?", &["iade"]));
    }
}
