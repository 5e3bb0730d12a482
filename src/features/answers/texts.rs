//! What the server itself says in place of an assistant, in the languages of this product. Others get English.

/// It has no answer and offers a person.
pub(super) fn no_answer(language: &str) -> &'static str {
    match language {
        "tr" => "Bunun cevabını bilgi bankamızda bulamadım. Sizi bir temsilciye bağlayayım mı?",
        "de" => {
            "Darauf habe ich in unserer Wissensbasis keine Antwort gefunden. Soll ich Sie mit einer Person verbinden?"
        }
        _ => "I couldn't find the answer to that in our knowledge base. Shall I connect you with a person?",
    }
}

/// What stands before titles of articles that may or may not be meant.
pub(super) fn did_you_mean(language: &str) -> &'static str {
    match language {
        "tr" => "Tam cevabı bulamadım. Bunlardan birini mi arıyordunuz? Değilse sizi bir temsilciye bağlayabilirim.",
        "de" => "Ich bin mir nicht sicher. Meinten Sie eines davon? Sonst verbinde ich Sie gern mit einer Person.",
        _ => "I'm not sure. Did you mean one of these? If not, I can connect you with a person.",
    }
}

/// The answer to a greeting.
pub(super) fn hello(language: &str) -> &'static str {
    match language {
        "tr" => "Merhaba! Size nasıl yardımcı olabilirim?",
        "de" => "Hallo! Wie kann ich Ihnen helfen?",
        _ => "Hello! How can I help you?",
    }
}

/// The answer to thanks.
pub(super) fn you_are_welcome(language: &str) -> &'static str {
    match language {
        "tr" => "Rica ederim! Başka bir konuda yardımcı olabilir miyim?",
        "de" => "Gern geschehen! Kann ich sonst noch helfen?",
        _ => "You're welcome! Is there anything else I can help with?",
    }
}

/// What follows a model's words that rest on no source.
pub(super) fn unverified(language: &str) -> &'static str {
    match language {
        "tr" => "Bunu kaynaklarımızla doğrulayamadım. Sizi bir temsilciye bağlayayım mı?",
        "de" => "Das konnte ich mit unseren Quellen nicht belegen. Soll ich Sie mit einer Person verbinden?",
        _ => "I couldn't verify this with our sources. Shall I connect you with a person?",
    }
}
