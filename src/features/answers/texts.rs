//! What the server itself says in place of an assistant, in the languages of this product. Others get English.

/// It has no answer, and offers a person where there is one to be had.
pub(super) fn no_answer(language: &str, offers_person: bool) -> &'static str {
    match language {
        "tr" if !offers_person => "Bunun cevabını bilgi bankamda bulamadım. Başka türlü sorar mısınız?",
        "de" if !offers_person => {
            "Darauf habe ich in meiner Wissensbasis keine Antwort gefunden. Können Sie anders fragen?"
        }
        _ if !offers_person => "I couldn't find the answer to that in my knowledge base. Could you ask in other words?",
        "tr" => "Bunun cevabını bilgi bankamızda bulamadım. Sizi bir temsilciye bağlayayım mı?",
        "de" => {
            "Darauf habe ich in unserer Wissensbasis keine Antwort gefunden. Soll ich Sie mit einer Person verbinden?"
        }
        _ => "I couldn't find the answer to that in our knowledge base. Shall I connect you with a person?",
    }
}

/// The answer to words that an answer did not help.
pub(super) fn sorry(language: &str, offers_person: bool) -> &'static str {
    match language {
        "tr" if !offers_person => "Üzgünüm, cevabım işinize yaramadı. Sorunuzu başka türlü yazar mısınız?",
        "de" if !offers_person => "Es tut mir leid, dass meine Antwort nicht geholfen hat. Können Sie anders fragen?",
        _ if !offers_person => "I'm sorry that my answer didn't help. Could you ask in other words?",
        "tr" => {
            "Üzgünüm, cevabım işinize yaramadı. Sorunuzu başka türlü yazabilirsiniz; ya da sizi bir temsilciye bağlayayım mı?"
        }
        "de" => {
            "Es tut mir leid, dass meine Antwort nicht geholfen hat. Sie können anders fragen; oder soll ich Sie mit einer Person verbinden?"
        }
        _ => "I'm sorry that my answer didn't help. You can ask in other words; or shall I connect you with a person?",
    }
}

/// The answer to words that an answer was not understood.
pub(super) fn what_is_unclear(language: &str, offers_person: bool) -> &'static str {
    match language {
        "tr" if !offers_person => "Kusura bakmayın. Hangi kısmı başka türlü anlatayım?",
        "de" if !offers_person => "Entschuldigung. Was soll ich mit anderen Worten erklären?",
        _ if !offers_person => "Sorry about that. Which part shall I put in other words?",
        "tr" => "Kusura bakmayın. Hangi kısmı başka türlü anlatayım? Dilerseniz sizi bir temsilciye de bağlayabilirim.",
        "de" => {
            "Entschuldigung. Was soll ich mit anderen Worten erklären? Gern verbinde ich Sie auch mit einer Person."
        }
        _ => "Sorry about that. Which part shall I put in other words? I can also connect you with a person.",
    }
}

/// The answer to words of which nobody can know what they are about.
pub(super) fn what_is_it(language: &str) -> &'static str {
    match language {
        "tr" => "Size yardımcı olabilmem için konuyu biraz daha açar mısınız?",
        "de" => "Können Sie mir etwas mehr dazu sagen, damit ich helfen kann?",
        _ => "Could you tell me a little more, so that I can help?",
    }
}

/// What stands before titles of articles that may or may not be meant, and after them.
pub(super) fn did_you_mean(language: &str, offers_person: bool) -> (&'static str, &'static str) {
    match language {
        "tr" if !offers_person => ("Tam cevabı bulamadım; bunlardan birinde yazıyor olabilir:", ""),
        "de" if !offers_person => ("Ich bin mir nicht sicher. Vielleicht steht es hier:", ""),
        _ if !offers_person => ("I'm not sure. It may be in one of these:", ""),
        "tr" => (
            "Tam cevabı bulamadım; bunlardan birinde yazıyor olabilir:",
            "İstediğiniz bunlar değilse sizi bir temsilciye bağlayayım mı?",
        ),
        "de" => (
            "Ich bin mir nicht sicher. Vielleicht steht es hier:",
            "Wenn es das nicht ist: Soll ich Sie mit einer Person verbinden?",
        ),
        _ => (
            "I'm not sure. It may be in one of these:",
            "If it isn't what you meant, shall I connect you with a person?",
        ),
    }
}

/// What stands before a question of several that was not answered.
pub(super) fn no_answer_to(language: &str) -> &'static str {
    match language {
        "tr" => "Bu sorunuzun cevabını bulamadım:",
        "de" => "Darauf habe ich keine Antwort gefunden:",
        _ => "I couldn't find an answer to this:",
    }
}

/// The answer to "are you a robot?". `offers_person` where there is one to be had.
pub(super) fn who_writes(language: &str, offers_person: bool) -> &'static str {
    match (language, offers_person) {
        ("tr", true) => {
            "Ben bir yapay zekâ asistanıyım, insan değilim. Dilerseniz sizi bir temsilciye bağlayabilirim; istiyor musunuz?"
        }
        ("tr", false) => "Ben bir yapay zekâ asistanıyım, insan değilim. Size nasıl yardımcı olabilirim?",
        ("de", true) => {
            "Ich bin ein KI-Assistent, kein Mensch. Auf Wunsch verbinde ich Sie mit einer Person. Möchten Sie das?"
        }
        ("de", false) => "Ich bin ein KI-Assistent, kein Mensch. Wie kann ich Ihnen helfen?",
        (_, true) => {
            "I'm an AI assistant, not a human. I can connect you with a person if you like. Would you like that?"
        }
        (_, false) => "I'm an AI assistant, not a human. How can I help you?",
    }
}

/// Who writes, where more is answered than that.
pub(super) fn an_assistant_writes(language: &str) -> &'static str {
    match language {
        "tr" => "Ben bir yapay zekâ asistanıyım, insan değilim.",
        "de" => "Ich bin ein KI-Assistent, kein Mensch.",
        _ => "I'm an AI assistant, not a human.",
    }
}

/// The answer to "all right".
pub(super) fn at_your_service(language: &str) -> &'static str {
    match language {
        "tr" => "Başka bir sorunuz olursa buradayım.",
        "de" => "Wenn Sie noch etwas wissen möchten, bin ich da.",
        _ => "I'm here if you need anything else.",
    }
}

/// The answer to a yes that nothing was asked for.
pub(super) fn go_ahead(language: &str) -> &'static str {
    match language {
        "tr" => "Elbette. Ne öğrenmek istiyorsunuz?",
        "de" => "Gern. Was möchten Sie wissen?",
        _ => "Sure. What would you like to know?",
    }
}

/// The answer to a no.
pub(super) fn as_you_wish(language: &str) -> &'static str {
    match language {
        "tr" => "Peki. Başka bir sorunuz olursa buradayım.",
        "de" => "In Ordnung. Wenn Sie noch etwas wissen möchten, bin ich da.",
        _ => "All right. I'm here if you need anything else.",
    }
}

/// The answer to a goodbye.
pub(super) fn goodbye(language: &str) -> &'static str {
    match language {
        "tr" => "Rica ederim, iyi günler dilerim!",
        "de" => "Gern geschehen. Auf Wiedersehen!",
        _ => "You're welcome. Goodbye!",
    }
}

/// A draft where no article fits: asks back in the team's name.
pub(super) fn ask_back(language: &str) -> &'static str {
    match language {
        "tr" => "Mesajınız için teşekkürler. Size doğru bilgi verebilmem için konuyu biraz daha açar mısınız?",
        "de" => {
            "Danke für Ihre Nachricht. Können Sie mir dazu noch etwas mehr sagen, damit ich richtig antworten kann?"
        }
        _ => "Thanks for your message. Could you tell me a little more, so that I can give you the right answer?",
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
pub(super) fn unverified(language: &str, offers_person: bool) -> &'static str {
    match language {
        "tr" if !offers_person => "Bunu kaynaklarımla doğrulayamadım.",
        "de" if !offers_person => "Das konnte ich mit meinen Quellen nicht belegen.",
        _ if !offers_person => "I couldn't verify this with my sources.",
        "tr" => "Bunu kaynaklarımızla doğrulayamadım. Sizi bir temsilciye bağlayayım mı?",
        "de" => "Das konnte ich mit unseren Quellen nicht belegen. Soll ich Sie mit einer Person verbinden?",
        _ => "I couldn't verify this with our sources. Shall I connect you with a person?",
    }
}

/// A person is asked for where there is none.
pub(super) fn nobody_else(language: &str) -> &'static str {
    match language {
        "tr" => "Burada yalnızca bu asistan cevap veriyor.",
        "de" => "Hier antwortet nur dieser Assistent.",
        _ => "Only this assistant answers here.",
    }
}

/// Names a question that there was no room for.
pub(super) fn ask_again(language: &str) -> &'static str {
    match language {
        "tr" => "Hepsine birden cevap veremedim; lütfen bunu ayrıca sorun:",
        "de" => "Das war zu viel auf einmal; bitte fragen Sie dies noch einmal:",
        _ => "That was too much at once; please ask this again:",
    }
}

/// Offers a person, or asks to ask otherwise, after questions that were not answered.
pub(super) fn instead(language: &str, offers_person: bool) -> &'static str {
    match language {
        "tr" if !offers_person => "Başka türlü sorar mısınız?",
        "de" if !offers_person => "Können Sie anders fragen?",
        _ if !offers_person => "Could you ask in other words?",
        "tr" => "Sizi bir temsilciye bağlayayım mı?",
        "de" => "Soll ich Sie mit einer Person verbinden?",
        _ => "Shall I connect you with a person?",
    }
}

/// An assistant does not answer, and there is nobody else.
pub(super) fn does_not_answer(language: &str) -> &'static str {
    match language.split(['-', '_']).next() {
        Some("tr") => "Bu asistan şu anda kapalı ya da yanıt veremiyor. Sorunuzu daha sonra yeniden yazar mısınız?",
        Some("de") => {
            "Dieser Assistent ist gerade ausgeschaltet oder kann nicht antworten. Bitte fragen Sie später noch einmal."
        }
        _ => "This assistant is switched off or can't answer at the moment. Please ask again later.",
    }
}
