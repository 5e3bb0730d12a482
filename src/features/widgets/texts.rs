//! What widgets say: the site's own texts, and the built-in ones in the languages of this product.

use ::entity::widget_settings::Translation;
use async_graphql::SimpleObject;
use serde::Serialize;

use super::mode::Reason;

/// All texts of a widget, in the language that was asked for as far as there are any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, SimpleObject)]
#[graphql(name = "WidgetTexts")]
pub(super) struct Texts {
    /// What stands at the top.
    title: String,
    /// The first words to a visitor.
    greeting: String,
    /// What is shown while nobody is free.
    busy: String,
    /// What is shown while the site is closed.
    offline: String,
    /// What stands beside the launcher.
    launcher: String,
    /// What stands in the empty field for messages.
    placeholder: String,
    /// With what visitors are spoken to first.
    proactive: String,
}

/// A sentence in each language of this product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sentence {
    tr: String,
    de: String,
    en: String,
}

impl Sentence {
    /// Says it in each language.
    pub(super) fn new(say: impl Fn(&str) -> String) -> Self {
        Self { tr: say("tr"), de: say("de"), en: say("en") }
    }

    /// The sentence in a language; in English where it is not spoken.
    pub(super) fn in_language(&self, language: &str) -> &str {
        match base(language).to_ascii_lowercase().as_str() {
            "tr" => &self.tr,
            "de" => &self.de,
            _ => &self.en,
        }
    }
}

struct Words {
    title: &'static str,
    greeting: &'static str,
    busy: &'static str,
    offline: &'static str,
    launcher: &'static str,
    placeholder: &'static str,
    proactive: &'static str,
    available: &'static str,
    at_capacity: &'static str,
    no_agent: &'static str,
    emergency: &'static str,
}

const TURKISH: Words = Words {
    title: "Canlı destek",
    greeting: "Merhaba, size nasıl yardımcı olabiliriz?",
    busy: "Şu anda herkes meşgul. Bekleyebilir ya da bize yazabilirsiniz.",
    offline: "Şu anda kapalıyız. Bize yazın, döndüğümüzde yanıtlayalım.",
    launcher: "Bize yazın",
    placeholder: "Mesajınızı yazın…",
    proactive: "Yardımcı olabileceğimiz bir şey var mı?",
    available: "Şu anda size yardımcı olabiliriz.",
    at_capacity: "Bütün temsilcilerimiz şu anda görüşmede.",
    no_agent: "Şu anda müsait temsilcimiz yok.",
    emergency: "Beklenmedik bir durum nedeniyle şu anda canlı destek veremiyoruz.",
};

const GERMAN: Words = Words {
    title: "Live-Support",
    greeting: "Hallo, wie können wir Ihnen helfen?",
    busy: "Gerade sind alle im Gespräch. Sie können warten oder uns schreiben.",
    offline: "Wir haben gerade geschlossen. Schreiben Sie uns, wir melden uns.",
    launcher: "Schreiben Sie uns",
    placeholder: "Ihre Nachricht …",
    proactive: "Können wir Ihnen helfen?",
    available: "Wir sind für Sie da.",
    at_capacity: "Gerade sind alle im Gespräch.",
    no_agent: "Gerade ist niemand frei.",
    emergency: "Wegen einer Störung sind wir im Moment nicht im Chat erreichbar.",
};

const ENGLISH: Words = Words {
    title: "Live support",
    greeting: "Hello, how can we help you?",
    busy: "Everybody is in a conversation right now. You can wait, or leave us a message.",
    offline: "We are closed at the moment. Leave us a message and we will come back to you.",
    launcher: "Write to us",
    placeholder: "Write a message…",
    proactive: "Is there anything we can help you with?",
    available: "We are here for you.",
    at_capacity: "Everybody is in a conversation right now.",
    no_agent: "Nobody is free at the moment.",
    emergency: "Because of an incident we cannot talk to you at the moment.",
};

/// The language itself, without its region: `en` of `en-GB`.
fn base(language: &str) -> &str {
    language.split('-').next().unwrap_or_default()
}

/// The built-in words of a language.
fn spoken(language: &str) -> Option<&'static Words> {
    match base(language).to_ascii_lowercase().as_str() {
        "tr" => Some(&TURKISH),
        "de" => Some(&GERMAN),
        "en" => Some(&ENGLISH),
        _ => None,
    }
}

/// The texts of a language, or of the same language in another region.
fn of<'a>(translations: &'a [Translation], language: &str) -> Option<&'a Translation> {
    let same = |own: &str, other: &str| own.eq_ignore_ascii_case(other);
    let exact = translations.iter().find(|texts| same(&texts.language, language));
    let general = || translations.iter().find(|texts| same(&texts.language, base(language)));
    exact.or_else(general)
}

/// The language in which a widget is shown: the one that was asked for where the site has texts in it or the product
/// speaks it, else the site's.
pub(super) fn language<'a>(translations: &[Translation], asked: Option<&'a str>, locale: &'a str) -> &'a str {
    asked.filter(|asked| of(translations, asked).is_some() || spoken(asked).is_some()).unwrap_or(locale)
}

/// The texts of a widget in a language: the site's own in it, else those in the site's language, else built-in ones.
pub(super) fn texts(translations: &[Translation], language: &str, locale: &str) -> Texts {
    let (wanted, usual) = (of(translations, language), of(translations, locale));
    let words = spoken(language).or_else(|| spoken(locale)).unwrap_or(&ENGLISH);
    let pick = |field: fn(&Translation) -> &Option<String>, built_in: &str| {
        let own = [wanted, usual].into_iter().flatten().find_map(|texts| field(texts).clone());
        own.unwrap_or_else(|| built_in.to_owned())
    };
    Texts {
        title: pick(|it| &it.title, words.title),
        greeting: pick(|it| &it.greeting, words.greeting),
        busy: pick(|it| &it.busy, words.busy),
        offline: pick(|it| &it.offline, words.offline),
        launcher: pick(|it| &it.launcher, words.launcher),
        placeholder: pick(|it| &it.placeholder, words.placeholder),
        proactive: pick(|it| &it.proactive, words.proactive),
    }
}

/// A sentence about a mode, where it is not the calendar that says it.
pub(super) fn about(reason: Reason, language: &str) -> Option<&'static str> {
    let words = spoken(language).unwrap_or(&ENGLISH);
    match reason {
        Reason::Available => Some(words.available),
        Reason::AtCapacity => Some(words.at_capacity),
        Reason::NoAgent => Some(words.no_agent),
        Reason::Emergency => Some(words.emergency),
        Reason::Break | Reason::Closed | Reason::Holiday | Reason::NoWorkingTime => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(language: &str, title: Option<&str>, greeting: Option<&str>) -> Translation {
        Translation {
            language: language.into(),
            title: title.map(Into::into),
            greeting: greeting.map(Into::into),
            ..Translation::default()
        }
    }

    #[test]
    fn texts_are_those_of_the_language_then_of_the_site_then_built_in() {
        let own = [written("tr", Some("Mavi"), Some("Selam")), written("fr", Some("Bleu"), None)];
        let french = texts(&own, "fr-CA", "tr");
        assert_eq!((french.title.as_str(), french.greeting.as_str()), ("Bleu", "Selam"));
        assert_eq!(french.offline, TURKISH.offline, "nobody speaks French here");
        assert_eq!(texts(&own, "de", "tr").busy, GERMAN.busy);
        assert_eq!(texts(&[], "en-GB", "tr").title, ENGLISH.title);
        assert_eq!(texts(&[], "ja", "ja").title, ENGLISH.title);
    }

    #[test]
    fn a_language_that_nobody_speaks_is_the_sites() {
        let own = [written("fr", None, None)];
        assert_eq!(language(&own, Some("FR-ca"), "tr"), "FR-ca");
        assert_eq!(language(&own, Some("de-AT"), "tr"), "de-AT");
        assert_eq!(language(&own, Some("ja"), "tr"), "tr");
        assert_eq!(language(&own, None, "tr"), "tr");
    }
}
