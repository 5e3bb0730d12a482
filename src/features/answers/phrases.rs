//! What visitors say to an assistant that is no question: that they want a person, a greeting, thanks.
//!
//! Words are compared folded (small letters without accents), as whole words or, where Turkish and German add endings, by
//! their beginning. The lists are short on purpose: what they miss a model or the visitor's button catches; what they
//! take wrongly costs somebody an answer.

use exact_index::text::fold;

/// What is said besides questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SmallTalk {
    /// Hello.
    Greeting,
    /// Thank you.
    Thanks,
}

/// Persons that somebody may ask for. `*` stands for any ending.
const PERSONS: &[&str] = &[
    "temsilci*",
    "yetkili*",
    "insan",
    "insana",
    "insanla",
    "insanlarla",
    "operator*",
    "canli dest*",
    "gercek kisi*",
    "gercek bir*",
    "musteri hizmetleri*",
    "musteri temsilci*",
    "human",
    "humans",
    "person",
    "agent",
    "representative",
    "operator",
    "live chat",
    "live support",
    "somebody",
    "someone",
    "customer service",
    "customer support",
    "support team",
    "mitarbeiter*",
    "mensch",
    "menschen",
    "echte person",
    "echten person",
    "ansprechpartner*",
    "kundendienst*",
    "kundenservice*",
    "kundenberater*",
    "jemand",
    "jemandem",
    "jemanden",
    "biriyle",
    "birine",
];
/// What one wants of them, said near.
const WISHES: &[&str] = &[
    "bagla*",
    "gorus*",
    "konus*",
    "aktar*",
    "yonlendir*",
    "ulas*",
    "istiyorum",
    "isterim",
    "lazim",
    "talk",
    "talking",
    "speak",
    "speaking",
    "chat",
    "connect",
    "connected",
    "transfer",
    "transferred",
    "put me",
    "reach",
    "want",
    "need",
    "get me",
    "give me",
    "sprechen",
    "reden",
    "verbinden",
    "verbinde",
    "verbindung",
    "weiterleiten",
    "erreichen",
    "mochte",
    "will",
    "brauche",
    "chatten",
];
/// Persons that anybody may be: they are asked for only where talking is spoken of.
const VAGUE: &[&str] = &["somebody", "someone", "person", "jemand", "jemandem", "jemanden", "biriyle", "birine"];
const TALKING: &[&str] = &[
    "bagla*",
    "gorus*",
    "konus*",
    "talk",
    "talking",
    "speak",
    "speaking",
    "chat",
    "connect",
    "connected",
    "transfer",
    "sprechen",
    "reden",
    "verbinden",
    "verbinde",
    "chatten",
];
/// What may stand beside a person who is asked for in a word.
const POLITE: &[&str] = &[
    "please", "now", "a", "an", "the", "real", "live", "lutfen", "hemen", "bir", "canli", "gercek", "bitte", "sofort",
    "einen", "ein", "musteri",
];
/// What turns the wish round, or means somebody else.
const AGAINST: &[&str] = &[
    "istemiyorum",
    "istemem",
    "degil",
    "don't",
    "dont",
    "not",
    "no",
    "never",
    "nicht",
    "kein*",
    "insan kaynaklari*",
    "human resources",
    "user agent",
    "estate agent",
    "travel agent",
];
/// A wish is at most so many words from the person.
const NEAR: usize = 4;
/// More words than this are a story, not a wish.
const LONGEST: usize = 25;

/// True when a visitor asks for a person in Turkish, English or German.
pub(super) fn asks_for_person(text: &str) -> bool {
    let words = words(text);
    if words.is_empty() || words.len() > LONGEST || find(&words, AGAINST).next().is_some() {
        return false;
    }
    let polite = find(&words, POLITE).count();
    find(&words, PERSONS).any(|(person, entry)| {
        let vague = VAGUE.contains(&entry);
        let alone = !vague && polite + entry.split(' ').count() >= words.len();
        let wishes = if vague { TALKING } else { WISHES };
        alone || find(&words, wishes).any(|(wish, _)| wish.abs_diff(person) <= NEAR)
    })
}

const GREETINGS: &[&str] = &[
    "merhaba*",
    "selam*",
    "slm",
    "mrb",
    "gunaydin",
    "iyi gunler",
    "iyi aksamlar",
    "iyi geceler",
    "kolay gelsin",
    "hi",
    "hello",
    "hey",
    "good morning",
    "good afternoon",
    "good evening",
    "hallo",
    "guten tag",
    "guten morgen",
    "guten abend",
    "moin",
    "servus",
];
const THANKS: &[&str] = &[
    "tesekkur*",
    "sagol*",
    "sag ol*",
    "saol",
    "eyvallah",
    "thanks",
    "thank you",
    "thx",
    "danke*",
    "vielen dank",
    "merci",
];
/// Words that may stand beside either.
const BESIDE: &[&str] = &[
    "cok", "ederim", "ederiz", "tamam", "peki", "size", "herkese", "there", "all", "so", "very", "much", "a", "lot",
    "ok", "okay", "great", "super", "sehr", "schon", "dir", "ihnen", "gunler", "aksamlar", "iyi",
];

/// A message that is nothing but a greeting or thanks.
pub(super) fn small_talk(text: &str) -> Option<SmallTalk> {
    let words = words(text);
    if words.len() > 6 || text.contains('?') {
        return None;
    }
    let whole = |list: &[&'static str]| {
        let mut covered = vec![false; words.len()];
        let mut any = false;
        for (at, entry) in find(&words, list) {
            any = true;
            covered[at..].iter_mut().take(entry.split(' ').count()).for_each(|word| *word = true);
        }
        find(&words, BESIDE).for_each(|(at, _)| covered[at] = true);
        any && covered.into_iter().all(|word| word)
    };
    if whole(THANKS) {
        Some(SmallTalk::Thanks)
    } else if whole(GREETINGS) {
        Some(SmallTalk::Greeting)
    } else {
        None
    }
}

/// What takes up an offer.
const AGREEMENTS: &[&str] = &[
    "evet",
    "olur",
    "tabii",
    "tabi",
    "tamam",
    "lutfen",
    "baglayin",
    "bagla",
    "bagla lutfen",
    "isterim",
    "istiyorum",
    "yes",
    "yeah",
    "yep",
    "sure",
    "ok",
    "okay",
    "please",
    "please do",
    "ja",
    "gern",
    "gerne",
    "bitte",
    "ja bitte",
];

/// A message of few words that says yes, in answer to "shall I connect you with a person?".
pub(super) fn agrees(text: &str) -> bool {
    let words = words(text);
    let covered = find(&words, AGREEMENTS).map(|(at, _)| at).collect::<std::collections::BTreeSet<_>>().len();
    (1..=4).contains(&words.len())
        && covered > 0
        && covered + 1 >= words.len()
        && find(&words, AGAINST).next().is_none()
}

fn words(text: &str) -> Vec<String> {
    fold(text)
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_matches('\'').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Where entries of a list stand among words.
fn find<'a>(words: &'a [String], list: &'a [&'static str]) -> impl Iterator<Item = (usize, &'static str)> + 'a {
    let matches = |word: &str, part: &str| match part.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => word == part,
    };
    (0..words.len()).flat_map(move |at| {
        list.iter()
            .copied()
            .filter(move |entry| {
                let mut parts = entry.split(' ').enumerate();
                parts.all(|(nth, part)| words.get(at + nth).is_some_and(|word| matches(word, part)))
            })
            .map(move |entry| (at, entry))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_for_a_person_are_recognised() {
        for text in [
            "temsilci",
            "Canlı desteğe bağlanmak istiyorum",
            "canli destek",
            "Beni bir temsilciye bağlar mısınız?",
            "Bir insanla konuşmak istiyorum!!",
            "yetkili biriyle görüşebilir miyim",
            "MÜŞTERİ TEMSİLCİSİ",
            "Müşteri hizmetlerine bağla",
            "biriyle konuşmak istiyorum",
            "human please",
            "I want to talk to a human",
            "Can I speak with a real person?",
            "connect me to an agent",
            "can someone talk to me",
            "Ich möchte mit einem Mitarbeiter sprechen",
            "Kann ich mit einem Menschen reden?",
            "Mitarbeiter bitte",
        ] {
            assert!(asks_for_person(text), "{text}");
        }
    }

    #[test]
    fn questions_about_persons_are_no_wishes() {
        for text in [
            "İnsan kaynakları bölümü nerede?",
            "Temsilci istemiyorum, sadece iade süresini söyle",
            "Do your agents work on Sundays, and where can I see their hours of work?",
            "How do I change the person who receives my parcel at home?",
            "I need the address of your travel agent",
            "Kargom birine teslim edilmiş görünüyor",
            "Kann jemand anderes mein Paket annehmen?",
            "Siparişimi nasıl iptal ederim?",
            "Wie viele Mitarbeiter kann ich in Tempora zu einem Projekt hinzufügen?",
            "Agent komisyonu nedir?",
            "",
        ] {
            assert!(!asks_for_person(text), "{text}");
        }
    }

    #[test]
    fn an_offer_is_taken_up_in_few_words() {
        for text in ["Evet", "evet lütfen", "Yes please!", "sure", "Ja, gerne", "olur bağlayın"] {
            assert!(agrees(text), "{text}");
        }
        for text in ["Hayır", "no thanks", "evet ama önce iade süresini söyle", "nein", "", "why not ok"] {
            assert!(!agrees(text), "{text}");
        }
    }

    #[test]
    fn greetings_and_thanks_are_no_questions() {
        for text in ["Merhaba", "merhabalar!", "İyi günler", "Hi there", "Guten Tag", "selam, kolay gelsin"] {
            assert_eq!(small_talk(text), Some(SmallTalk::Greeting), "{text}");
        }
        for text in ["teşekkürler", "Çok teşekkür ederim", "ok thanks", "Vielen Dank!", "thank you so much"] {
            assert_eq!(small_talk(text), Some(SmallTalk::Thanks), "{text}");
        }
        for text in ["Merhaba, iade süresi nedir", "thanks but it does not work", "iyi mi bu", "hi?", ""] {
            assert_eq!(small_talk(text), None, "{text}");
        }
    }
}
