//! How many of the labelled utterances are understood: fails when the rules get worse.

#![expect(clippy::unwrap_used, reason = "a file of utterances that cannot be read fails the test")]

use understanding::{
    Complaint, Kind, Language, asking_part, asks_for_a_person, asks_how_much, beside_who_writes, complaint, core,
    goes_on, is_nonsense, questions, understand,
};

struct Utterance {
    kind: Kind,
    language: &'static str,
    text: &'static str,
}

fn read(file: &'static str) -> Vec<Utterance> {
    let utterance = |line: &'static str| {
        let mut parts = line.split('\t');
        let (kind, language, text) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap();
        Utterance { kind, language, text }
    };
    file.lines().filter(|line| !line.starts_with('#')).map(utterance).collect()
}

/// Asserts the share in percent that is understood: of all, and of each kind.
fn assert_right(file: &'static str, of_all: f64, of_each: f64) {
    let utterances = read(file);
    let share = |of: &[&Utterance]| {
        let wrong: Vec<_> = of.iter().filter(|known| understand(known.text).kind != known.kind).collect();
        let texts: Vec<&str> = wrong.iter().map(|known| known.text).collect();
        (100.0 * (1.0 - wrong.len() as f64 / of.len() as f64), texts)
    };
    let (right, wrong) = share(&utterances.iter().collect::<Vec<_>>());
    assert!(right >= of_all, "{right:.1} % are right; wrong: {wrong:?}");
    for kind in Kind::ALL {
        let (right, wrong) = share(&utterances.iter().filter(|known| known.kind == kind).collect::<Vec<_>>());
        assert!(right >= of_each, "{}: {right:.1} % are right; wrong: {wrong:?}", kind.name());
    }
}

#[test]
fn what_the_rules_were_written_for_is_understood() {
    assert_right(include_str!("../utterances/train.tsv"), 99.5, 97.0);
}

#[test]
fn utterances_that_were_held_back_are_understood() {
    assert_right(include_str!("../utterances/test.tsv"), 98.5, 95.0);
}

#[test]
fn later_utterances_are_understood() {
    assert_right(include_str!("../utterances/later.tsv"), 99.0, 97.0);
}

#[test]
fn utterances_written_without_the_rules_in_view_are_understood() {
    assert_right(include_str!("../utterances/held.tsv"), 99.0, 97.0);
    assert_right(include_str!("../utterances/fresh.tsv"), 99.0, 95.0);
    assert_right(include_str!("../utterances/sight.tsv"), 98.5, 95.0);
}

#[test]
fn what_is_wrong_or_was_not_understood_is_a_question() {
    for text in [
        "I don't understand",
        "sağol da bu cevap değil",
        "Danke aber das war nicht meine Frage",
        "thanks, still not working",
        "tamam ama olmadı",
        "ok klappt nicht",
        "😀❓",
        "🤔?",
    ] {
        assert_eq!(understand(text).kind, Kind::Question, "{text}");
    }
    assert_eq!(understand("you don't understand, give me a human").kind, Kind::Person);
}

#[test]
fn pictures_are_no_questions_and_agreement_takes_up_an_offer() {
    for text in ["😢", "🤔", "🐶🚀", "👍🏽", "😂😂"] {
        assert_eq!(understand(text).kind, Kind::Acknowledgement, "{text}");
    }
    assert!(!understand("🐶").consents);
    for text in ["aynen", "hı hı", "mhm", "doğru", "genau", "na klar", "ja okay", "olr", "sounds great"] {
        assert!(understand(text).consents, "{text}");
    }
    for text in ["Hayır, tamam", "Nein, ok", "tamam boşver", "ok bye", "yok kalsın", "nö passt schon", ""] {
        assert!(!understand(text).consents, "{text}");
    }
}

#[test]
fn haste_is_understood() {
    for (text, kind) in [
        ("brauch ich grad nicht", Kind::No),
        ("allesklar", Kind::Acknowledgement),
        ("botmusunuz", Kind::Robot),
        ("dnake", Kind::Thanks),
        ("tşkkrlr", Kind::Thanks),
        ("nslsnz", Kind::Greeting),
        ("hahahahaha", Kind::Acknowledgement),
        ("temsilcye bağlayın", Kind::Person),
        ("I", Kind::Question),
        ("total", Kind::Question),
        ("Guthaben", Kind::Question),
        ("kdv", Kind::Question),
        ("png", Kind::Question),
        ("açık mı", Kind::Question),
        ("check in", Kind::Question),
        ("my name is wrong", Kind::Question),
        ("hi im stuck", Kind::Question),
        ("merhaba ben mağdurum", Kind::Question),
        ("hallo ich bin gesperrt", Kind::Question),
        ("pdf", Kind::Question),
    ] {
        assert_eq!(understand(text).kind, kind, "{text}");
    }
}

#[test]
fn no_question_is_taken_for_small_talk() {
    let files = [
        include_str!("../utterances/train.tsv"),
        include_str!("../utterances/test.tsv"),
        include_str!("../utterances/later.tsv"),
        include_str!("../utterances/held.tsv"),
        include_str!("../utterances/fresh.tsv"),
        include_str!("../utterances/sight.tsv"),
    ];
    for question in files.into_iter().flat_map(read).filter(|known| known.kind == Kind::Question) {
        assert_eq!(understand(question.text).kind, Kind::Question, "{}", question.text);
    }
}

#[test]
fn a_language_that_is_told_is_nearly_always_right() {
    let known = read(include_str!("../utterances/test.tsv"));
    let told: Vec<_> = known
        .iter()
        .filter_map(|known| understand(known.text).languages.only().map(|language| (language.tag(), known)))
        .collect();
    let wrong: Vec<_> =
        told.iter().filter(|(tag, known)| *tag != known.language).map(|(_, known)| known.text).collect();
    assert!(told.len() > 200 && wrong.len() <= 2, "{} told, wrong: {wrong:?}", told.len());
    for (text, language) in [
        ("Hello", Some(Language::English)),
        ("Merhaba", Some(Language::Turkish)),
        ("Guten Tag", Some(Language::German)),
        ("Danke dir", Some(Language::German)),
        ("Hi", None),
        ("👍", None),
        ("ok", None),
        ("ok süper", None),
    ] {
        assert_eq!(understand(text).languages.only(), language, "{text}");
    }
    assert!(!understand("Hi").languages.contains(Language::Turkish));
}

#[test]
fn what_greets_and_parts_alike_is_open() {
    for (text, kind, is_open) in [
        ("iyi günler", Kind::Greeting, true),
        ("😀", Kind::Greeting, true),
        ("merhaba, iyi günler", Kind::Greeting, false),
        ("teşekkürler, iyi günler", Kind::Goodbye, false),
    ] {
        let understood = understand(text);
        assert_eq!((understood.kind, understood.is_open), (kind, is_open), "{text}");
    }
}

#[test]
fn several_questions_are_told_apart() {
    for (text, expected) in [
        ("Kargo ücreti ne kadar? Mağazanız nerede?", vec!["Kargo ücreti ne kadar?", "Mağazanız nerede?"]),
        ("Kargo ücreti ne kadar?\nMağazanız nerede?", vec!["Kargo ücreti ne kadar?", "Mağazanız nerede?"]),
        ("Merhaba. Where do you ship?", vec!["Merhaba. Where do you ship?"]),
        (
            "Hi! I bought a cup. How do I return it? And what does shipping cost? Thanks",
            vec!["Hi! I bought a cup. How do I return it?", "And what does shipping cost? Thanks"],
        ),
        ("Do you ship abroad? Really?", vec!["Do you ship abroad? Really?"]),
        ("nasılsınız? kargo ücreti ne kadar?", vec!["nasılsınız? kargo ücreti ne kadar?"]),
        ("kargom nerede", vec!["kargom nerede"]),
        ("", vec![""]),
        ("kargo ne zaman gelir\nadresinizi yazar mısınız", vec!["kargo ne zaman gelir", "adresinizi yazar mısınız"]),
        ("Kargo ücreti ne kadar ve iade süresi kaç gün?", vec!["Kargo ücreti ne kadar", "iade süresi kaç gün?"]),
        ("How much is shipping and where is your shop?", vec!["How much is shipping", "where is your shop?"]),
        ("Was kostet der Versand und wo ist euer Laden?", vec!["Was kostet der Versand", "wo ist euer Laden?"]),
        ("I want to know how and where I can return it", vec!["I want to know how and where I can return it"]),
        ("Kargo ücreti ne kadar, iade süresi kaç gün?", vec!["Kargo ücreti ne kadar", "iade süresi kaç gün?"]),
        ("Was kostet der Versand, wo ist euer Laden?", vec!["Was kostet der Versand", "wo ist euer Laden?"]),
        (
            "How much is shipping, and how long do returns take, and where is your shop?",
            vec!["How much is shipping", "how long do returns take", "where is your shop?"],
        ),
    ] {
        assert_eq!(questions(text), expected, "{text}");
    }
}

#[test]
fn a_question_with_a_comma_in_it_stays_one() {
    for text in [
        "If my mug is broken, what should I do?",
        "Do you know, when you open on Sundays?",
        "Können Sie mir sagen, wann mein Paket kommt?",
        "Was kostet es, wenn ich nach Österreich bestelle, und wie lange dauert es?",
        "Hangi renkler var, mavi, kırmızı, siyah?",
        "Which roles are there: admin, agent, manager?",
        "Yaz okulu kaç hafta sürüyor, zorunlu mu?",
        "Paketim şu an nerede, nasıl öğrenirim?",
        "Do you have a live agent plan, what does it cost?",
        "You ship to Austria, right?",
        "Ürün kırık geldi, ne yapmalıyım?",
        "Where is my order, it is two weeks now?",
    ] {
        assert_eq!(questions(text), [text], "{text}");
    }
}

#[test]
fn what_is_said_around_a_question_is_left_out() {
    for (text, expected) in [
        ("merhaba iade nasıl yapılır", "iade nasıl yapılır"),
        ("Danke, aber wie lange dauert der Versand?", "wie lange dauert der Versand?"),
        ("tamam teşekkürler peki kargo ücreti ne kadar", "kargo ücreti ne kadar"),
        ("slm iade suresi kac gun tşk", "iade suresi kac gun"),
        ("Guten Tag, was kostet der Versand? Vielen Dank und schönen Abend", "was kostet der Versand?"),
        ("hi there, how long are gift cards valid? thanks in advance", "how long are gift cards valid?"),
        ("ok thanks, and how long is a gift card valid", "how long is a gift card valid"),
        ("kargo ne kadar lütfen", "kargo ne kadar"),
        ("Who won the match last night?", "Who won the match last night?"),
        ("How do I cancel my booking?", "How do I cancel my booking?"),
        ("What should I do?", "What should I do?"),
        ("İç giyim iade edilir mi?", "İç giyim iade edilir mi?"),
        ("gute Nacht", "gute Nacht"),
        ("", ""),
    ] {
        assert_eq!(core(text), expected, "{text}");
    }
}

#[test]
fn marks_and_odd_texts_are_no_trouble() {
    for text in [
        "* kargo nerede",
        "- merhaba, kargo nerede -",
        "— wo ist mein Paket? —",
        "( ) ? , ; . !",
        ", , ,",
        " ve ve and und ",
        "🙂 kargo nerede 🙂",
        "…teşekkürler… kargo… nerede…",
        "a, b, c, d?",
        "ı İ ß é",
        "\n\n?\n",
    ] {
        let (part, whole) = (core(text), questions(text).concat());
        assert!(text.contains(part) && whole.len() <= text.len(), "{text}");
        let _ = (asks_for_a_person(text), is_nonsense(text), asking_part(text), goes_on(text), understand(text));
    }
    assert_eq!(core("* kargo nerede"), "* kargo nerede");
}

#[test]
fn the_wish_for_a_person_is_seen_beside_a_question() {
    for text in [
        "Ich möchte einen Menschen sprechen, was kostet der Versand?",
        "Was kostet der Versand, und kann ich bitte mit einem Mitarbeiter sprechen?",
        "was kostet der versand ich will einen menschen",
        "Mitarbeiter bitte, was kostet der Versand?",
        "Bir temsilciyle görüşmek istiyorum, kargo ücreti ne kadar?",
        "kargo ücreti ne kadar bir insanla konuşmak istiyorum",
        "temsilci lütfen, kargo ne kadar",
        "I want to talk to a human, how much is shipping?",
        "where is your shop and can I speak to a real person",
        "human please, what does shipping cost",
        "siparişim gelmedi, müşteri temsilcisine bağlar mısınız",
        "my order never arrived, let me talk to a person",
        "mein Paket fehlt, bitte einen Mitarbeiter",
    ] {
        assert!(asks_for_a_person(text), "{text}");
    }
    for text in [
        "How do I talk to my team about shipping?",
        "Ekibime yeni bir temsilci eklemek istiyorum, nasıl yapılır?",
        "Ich möchte keinen Menschen sprechen, was kostet der Versand?",
        "Which roles are there: admin, agent, manager?",
        "When my customers want to talk to a human, how do I set that up?",
        "how do I hand a chat over to a human agent, and how much does it cost",
        "Can I invite a colleague, or an agent?",
        "insanla konuşmama gerek yok, kargo ne kadar?",
        "Can I connect the widget to Slack, and what does it cost?",
        "what happens when a visitor wants to talk to a human",
        "wenn Besucher mit einem Menschen sprechen möchten, was passiert dann?",
        "temsilci ekleme ücreti ne kadar, kaç kişi ekleyebilirim?",
    ] {
        assert!(!asks_for_a_person(text), "{text}");
    }
}

#[test]
fn keys_that_were_run_over_are_nonsense() {
    assert!(["asdfgh", "qweqwe asd", "sdfkjh"].into_iter().all(is_nonsense));
    assert!(!["kargo", "Wert", "tşkkrlr", "ok", "👍", "", "asdfgh kargo nerede"].into_iter().any(is_nonsense));
}

#[test]
fn a_good_night_is_open_and_a_bye_is_everybodys() {
    for text in ["good night", "iyi geceler hocam", "Gute Nacht!", "iyi çalışmalar dilerim"] {
        let understood = understand(text);
        assert!(understood.kind == Kind::Goodbye && understood.is_open, "{text}");
    }
    for text in ["good night, bye", "görüşürüz iyi geceler", "bye"] {
        assert!(!understand(text).is_open, "{text}");
    }
    assert!(understand("bye bye").is_borrowed && !understand("tschüss").is_borrowed);
    assert_eq!(understand("bye bye").languages.only(), Some(Language::English));
}

#[test]
fn what_goes_on_needs_the_question_before_it() {
    for text in
        ["and abroad?", "ne zaman?", "Peki yurt dışına?", "How long?", "Und nach Österreich?", "yurt dışı?", "why"]
    {
        assert!(goes_on(text), "{text}");
    }
    for text in [
        "Mağazanız nerede?",
        "Where is your shop?",
        "Kargo ücreti ne kadar?",
        "Wo ist euer Laden?",
        "İade süresi kaç gün?",
        "Can I pay by card?",
    ] {
        assert!(!goes_on(text), "{text}");
    }
}

#[test]
fn the_part_that_asks_is_found_in_a_complaint() {
    let text = "Siparişim iki haftadır gelmedi, çok sinirliyim! Kargom ne zaman gelir?";
    assert_eq!(asking_part(text), Some("Kargom ne zaman gelir?"));
    assert_eq!(asking_part("Kargom ne zaman gelir?"), None);
    assert_eq!(asking_part("Berbat bir hizmet. Çok kötü."), None);
    assert!(asks_how_much("How long do I have to return a cup?") && asks_how_much("iade kaç gün"));
    assert!(!asks_how_much("Where is my parcel?"));
}

#[test]
fn who_refuses_a_person_asks_something_else() {
    for text in [
        "I don't want to talk to a person, just tell me the warranty",
        "I don't want to talk to a human, how long is the warranty?",
        "I do not want to speak with an agent, just tell me the price",
        "I don't wanna talk to anyone, just tell me how returns work",
        "without talking to a human, how can I cancel?",
        "you don't have to connect me to a human, just tell me the price",
        "bir insanla konuşmak istemiyorum, garanti ne kadar?",
        "yetkiliye gerek yok, iade süresi kaç gün?",
        "beni birine bağlamadan söyle, garanti kaç yıl?",
        "Ich will nicht mit einem Menschen sprechen, wie lange ist die Garantie?",
        "ohne mit einem Menschen zu reden, wie kann ich kündigen?",
        "Ich möchte nicht an einen Mitarbeiter weitergeleitet werden, was kostet der Versand?",
    ] {
        assert!(understand(text).kind == Kind::Question && !asks_for_a_person(text), "{text}");
    }
    for text in ["I don't want to talk to a bot, give me a person", "I don't want to talk to you, I want a human"] {
        assert!(asks_for_a_person(text), "{text}");
    }
}

#[test]
fn a_question_beside_who_writes_is_found() {
    for (text, expected) in [
        ("Bot musun? Kargo ücreti ne kadar?", &["Kargo ücreti ne kadar?"][..]),
        ("Hi are you a bot?? How long is the warranty?", &["How long is the warranty?"]),
        ("Bist du ein Roboter? Wie kann ich bezahlen?", &["Wie kann ich bezahlen?"]),
        ("Hi are you a bot? I need to return a cup, how many days?", &["I need to return a cup, how many days?"]),
        ("are you a robot, what does shipping cost?", &["what does shipping cost?"]),
        ("bot musun kargo ücreti ne kadar", &["kargo ücreti ne kadar"]),
        ("Was kostet der Versand? Bist du ein Mensch?", &["Was kostet der Versand?"]),
        ("Kargo ücreti ne kadar?", &[]),
        ("are you a bot? yes or no?", &[]),
        ("are you an actual person or a bot", &[]),
        ("siz insan mısınız yoksa yapay zeka mı", &[]),
        ("Bist du ein Mensch oder antwortet hier ein Computer?", &[]),
    ] {
        assert_eq!(beside_who_writes(text), expected, "{text}");
    }
}

#[test]
fn what_is_asked_of_a_thing_is_not_who_writes() {
    for text in
        ["peki kim ödüyor?", "makine mi?", "otomatik mi?", "yazılım mı", "is it automated?", "ist das automatisch?"]
    {
        assert_eq!(understand(text).kind, Kind::Question, "{text}");
    }
    for text in
        ["robot mu?", "bu makine mi", "makine misin", "Ist hier ein Computer dran?", "do the answers come from a bot?"]
    {
        assert_eq!(understand(text).kind, Kind::Robot, "{text}");
    }
    assert_eq!(understand("do I get answers from a machine or a person?").kind, Kind::Robot);
}

#[test]
fn further_wishes_for_a_person_are_heard() {
    for text in [
        "I need help from a real human being",
        "with a colleague of yours please",
        "Can I talk to your boss?",
        "can someone get back to me",
        "birisi bana dönebilir mi",
        "biri bana geri dönsün",
        "Kann sich jemand bei mir melden?",
        "Kann ich mit deinem Chef reden?",
    ] {
        assert_eq!(understand(text).kind, Kind::Person, "{text}");
    }
    for text in ["how do I email your manager", "iade param bana ne zaman döner", "when will someone get back to me?"]
    {
        assert_eq!(understand(text).kind, Kind::Question, "{text}");
    }
}

#[test]
fn what_was_tried_in_vain_is_a_complaint_and_anger_beside_a_wish_is_not() {
    for text in [
        "not good",
        "iyi değil",
        "nicht gut",
        "Hab ich schon versucht, geht nicht",
        "denedim olmadı",
        "zaten denedim, olmadı",
        "already tried, doesn't work",
        "tried it, not working",
    ] {
        assert_eq!(complaint(text), Some(Complaint::Unhelped), "{text}");
    }
    let text = "I want a refund NOW!!! this is unacceptable";
    assert_eq!((complaint(text), asking_part(text)), (None, Some("I want a refund NOW!")));
    for text in ["my card is not good", "Rückgabe geht nicht", "sipariş vermeyi denedim olmadı"] {
        assert_eq!(complaint(text), None, "{text}");
    }
}
