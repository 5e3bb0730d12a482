//! What visitors say against an answer, and to whom they say thanks: in Turkish, English and German.

use understanding::{
    Complaint, Kind, Language, asks_for_a_person, complaint, goes_on, goes_on_plainly, is_nonsense, questions, thing,
    understand,
};

/// Asserts of all at once, so that a failure shows each that is wrong.
fn assert_each<T: std::fmt::Debug + PartialEq>(texts: &[&str], expected: &T, found: impl Fn(&str) -> T) {
    let wrong: Vec<_> = texts.iter().map(|text| (text, found(text))).filter(|(_, it)| it != expected).collect();
    assert!(wrong.is_empty(), "not {expected:?}: {wrong:?}");
}

#[test]
fn an_answer_that_was_of_no_use_is_told_so() {
    let texts = [
        "that didn't help",
        "This is wrong",
        "wrong",
        "Wrong answer!",
        "not helpful at all",
        "Sorry, but that doesn't answer my question",
        "that's not what I asked",
        "your answer is completely wrong",
        "this does not help me",
        "you didn't answer my question",
        "useless",
        "it still doesn't work",
        "that's the same answer again",
        "no, that's not right",
        "You misunderstood my question.",
        "that has nothing to do with my question",
        "yanlış cevap",
        "bu cevap yanlış",
        "Yardımcı olmadı",
        "bu bana hiç yardımcı olmadı",
        "işime yaramadı maalesef",
        "sorduğum bu değil",
        "Sorumun cevabı bu değil",
        "alakası yok",
        "saçma sapan",
        "yanlış anladınız",
        "bu bilgi doğru değil",
        "hayır bu yanlış",
        "ben bunu sormadım",
        "sorunum çözülmedi",
        "denedim olmadı",
        "hep aynı cevap!!",
        "verdiğiniz cevap yetersiz",
        "das hilft mir nicht",
        "Das hilft mir leider gar nicht weiter.",
        "das ist falsch",
        "Falsche Antwort",
        "stimmt nicht",
        "das war nicht meine Frage",
        "danach habe ich nicht gefragt",
        "hat nicht geholfen",
        "Das ist nicht das, was ich wissen wollte",
        "schon wieder die gleiche Antwort",
        "nein, das ist Quatsch",
        "Sie haben mich falsch verstanden",
        "das beantwortet meine Frage nicht",
        "das bringt mir nichts",
        "funktioniert leider nicht",
    ];
    assert_each(&texts, &Some(Complaint::Unhelped), complaint);
    assert_each(&texts, &false, goes_on);
}

#[test]
fn what_was_not_understood_is_no_question() {
    let texts = [
        "I don't understand",
        "i dont get it",
        "Sorry, I didn't understand that",
        "what do you mean?",
        "What does that mean?",
        "huh?",
        "what?",
        "that's not clear",
        "could you rephrase that?",
        "can you explain that in other words",
        "I'm confused",
        "???",
        "?",
        "anlamadım",
        "hiçbir şey anlamadım",
        "ne demek istiyorsun",
        "Ne demek istediniz?",
        "nasıl yani?",
        "ne?",
        "bu ne demek",
        "Dediğinizi anlamadım.",
        "anlamıyorum ki",
        "daha açık yazar mısınız?",
        "cevabınızı anlamadım",
        "başka türlü anlatır mısınız",
        "kafam karıştı",
        "ich verstehe nicht",
        "Das verstehe ich nicht",
        "ich verstehe kein Wort",
        "nicht verstanden",
        "was meinen Sie damit?",
        "Was heißt das?",
        "wie bitte?",
        "Hä?",
        "können Sie das bitte genauer erklären?",
        "das ist mir nicht klar",
        "wie meinst du das?",
    ];
    assert_each(&texts, &Some(Complaint::Unclear), complaint);
    assert_each(&texts, &false, goes_on);
}

#[test]
fn what_tells_or_asks_more_is_no_mere_complaint() {
    let texts = [
        "Ürünün kırık geldiğini anlamadım, iade edebilir miyim?",
        "Yanlış ürün geldi",
        "yanlış adres yazdım",
        "Faturadaki tutarı anlamadım",
        "kargo süresini anlamadım",
        "kupon çalışmıyor",
        "ödeme olmadı",
        "Bu ürün yanlış beden",
        "şifre yenileme işe yaramadı",
        "Merci Şekerleri var mı?",
        "I don't understand the invoice",
        "I received the wrong item",
        "My coupon doesn't work",
        "the lamp is wrong",
        "What does VAT mean?",
        "That didn't help. How do I return it?",
        "Is this the wrong size?",
        "Tell me a joke?",
        "Ein Witz bitte",
        "I don't understand how returns work",
        "Ich verstehe die Rechnung nicht",
        "Falsche Größe bekommen",
        "Mein Gutschein funktioniert nicht",
        "Was heißt Vorkasse?",
        "Die Lieferung ist falsch",
        "Das hilft mir nicht, wie kann ich kündigen?",
        "asdfgh",
        "teşekkürler",
        "yes",
        "",
        "👍",
    ];
    assert_each(&texts, &None, complaint);
}

#[test]
fn nonsense_goes_on_with_nothing() {
    let texts = [
        "asdfgh",
        "qwertz",
        "sdfsdf",
        "lkjhgf",
        "asdasdasd",
        "zxcvbn",
        "hjkl",
        "fghfgh",
        "dfgdfg",
        "ASDFG",
        "asd asdf",
        "...",
        "!!!",
        "bcdfg",
    ];
    assert_each(&texts, &false, goes_on);
    assert!(is_nonsense("fghfgh") && is_nonsense("dfgdfg"));
}

#[test]
fn what_goes_on_is_plain_or_a_mere_thing() {
    for text in [
        "and for kitchens?",
        "what about abroad",
        "how long?",
        "why",
        "And on Sundays?",
        "ya yurtdışı?",
        "peki hafta sonu",
        "Peki ya mutfaklar?",
        "ne zaman?",
        "kaç gün",
        "und nach Österreich?",
        "Und am Sonntag",
        "wie lange?",
        "wann",
        "was ist mit Küchen?",
    ] {
        assert!(goes_on(text) && goes_on_plainly(text), "{text}");
    }
    for text in ["yurt dışı", "kitchens", "nach Österreich"] {
        assert!(goes_on(text) && !goes_on_plainly(text), "{text}");
    }
}

#[test]
fn thanks_and_goodbyes_may_name_whom_they_are_said_to() {
    for (kind, texts) in [
        (
            Kind::Thanks,
            &[
                "Teşekkürler Deniz Hanım",
                "teşekkür ederim Mehmet bey",
                "sağ olun Zeynep Hanım",
                "Çok teşekkürler Elif",
                "Thanks Anna!",
                "thank you so much, Mr. Brown",
                "Thank you, Sarah 🙏",
                "ok danke Frau Meier",
                "Vielen Dank, Herr Dr. Schulz!",
                "danke dir frau meier",
                "Danke Anna",
                "merci",
                "merci vielmals",
                "vielen lieben dank",
                "Merci beaucoup",
            ][..],
        ),
        (
            Kind::Goodbye,
            &["teşekkürler Ayşe Bey iyi günler", "görüşürüz Mehmet Bey", "Bye Tom!", "Tschüss Frau Özdemir", "bye"],
        ),
        (
            Kind::Acknowledgement,
            &["size de", "sana da", "tamam Ahmet Bey", "you too", "gleichfalls", "Ihnen auch", "dir auch"],
        ),
        (Kind::No, &["hayır teşekkürler", "no", "Danke, das war’s", "Danke, das war's", "nein danke, Frau Meier"]),
        (Kind::Greeting, &["Merhaba Deniz Hanım", "Guten Tag Frau Meier", "hayırlı cumalar", "hayırlı günler"]),
    ] {
        assert_each(texts, &kind, |text| understand(text).kind);
    }
    for text in [
        "Merci Şekerleri var mı?",
        "Thanks Shipping?",
        "Hello Refund",
        "Danke, Paket nicht da",
        "Deniz Hanım burada mı çalışıyor",
        "Is Frau Meier your boss?",
        "Thanks for the Ikea Gutschein",
        "teşekkürler ama kargo gelmedi",
    ] {
        assert_eq!(understand(text).kind, Kind::Question, "{text}");
    }
    assert_eq!(understand("merci").languages.only(), Some(Language::German));
    assert!(understand("merci").is_borrowed);
}

#[test]
fn somebody_real_is_a_person() {
    let texts = [
        "bana canlı birini bağla",
        "canlı desteğe bağla",
        "gerçek biriyle konuşayım",
        "beni gerçek birine bağlar mısınız",
        "canlı biriyle görüşmek istiyorum",
        "bana bir temsilci bağla",
        "connect me to someone real",
        "let me talk to someone real",
        "get me somebody real please",
        "ich will mit jemand echtem reden",
        "verbinden Sie mich mit einem echten Menschen",
        "kann ich mit jemandem reden",
    ];
    assert_each(&texts, &true, asks_for_a_person);
}

#[test]
fn of_several_questions_none_is_a_part_of_another() {
    for (text, expected) in [
        (
            "Fincanım kırık geldi. Ne yapmalıyım? Param ne zaman döner?",
            ["Fincanım kırık geldi. Ne yapmalıyım?", "Param ne zaman döner?"],
        ),
        ("Beden uymadı. Ne yapabilirim? Değişim ücretli mi?", ["Beden uymadı. Ne yapabilirim?", "Değişim ücretli mi?"]),
        (
            "Siparişim gecikti. Nereye başvurmalıyım? İptal edebilir miyim?",
            ["Siparişim gecikti. Nereye başvurmalıyım?", "İptal edebilir miyim?"],
        ),
        (
            "Kargom gelmedi. Neyi beklemem gerekiyor? Param iade olur mu?",
            ["Kargom gelmedi. Neyi beklemem gerekiyor?", "Param iade olur mu?"],
        ),
        (
            "My cup came broken. What should I do? When do I get my money back?",
            ["My cup came broken. What should I do?", "When do I get my money back?"],
        ),
        (
            "The size is wrong. Whom do I write to? Will the exchange cost anything?",
            ["The size is wrong. Whom do I write to?", "Will the exchange cost anything?"],
        ),
        (
            "Meine Tasse kam kaputt an. Was soll ich tun? Wann bekomme ich mein Geld zurück?",
            ["Meine Tasse kam kaputt an. Was soll ich tun?", "Wann bekomme ich mein Geld zurück?"],
        ),
        (
            "Die Größe passt nicht. Kann ich umtauschen? Kostet der Rückversand Geld?",
            ["Die Größe passt nicht. Kann ich umtauschen?", "Kostet der Rückversand Geld?"],
        ),
    ] {
        assert_eq!(questions(text), expected, "{text}");
    }
    for text in ["Do you ship abroad? Really?", "Kargo ne kadar? Anlamadım?", "Was kostet der Versand? Wie bitte?"] {
        assert_eq!(questions(text), [text], "{text}");
    }
}

#[test]
fn the_thing_is_found_of_which_a_price_or_a_time_is_asked() {
    for (text, expected) in [
        ("What are the library's opening hours?", Some("library's")),
        ("When does the post office close?", Some("office")),
        ("How much are braces?", Some("braces?")),
        ("What does teeth whitening cost?", Some("whitening")),
        ("How much are batteries for watches?", Some("batteries")),
        ("Kütüphane kaçta açılıyor?", Some("Kütüphane")),
        ("Kütüphanenin çalışma saatleri nedir?", Some("Kütüphanenin")),
        ("Diş teli ne kadar?", Some("teli")),
        ("Kadınlar için kesim fiyatı nedir?", Some("kesim")),
        ("Wann hat die Bibliothek geöffnet?", Some("Bibliothek")),
        ("Wann macht die Post zu?", Some("Post")),
        ("Was kostet eine Zahnspange für Kinder?", Some("Zahnspange")),
        ("How much is shipping to Austria?", None),
        ("Almanya'ya kargo ne kadar?", None),
        ("Was kostet der Versand nach Österreich?", None),
        ("When are you open?", None),
        ("What are your opening hours on Sundays?", None),
        ("When does the shop open?", None),
        ("How much is it?", None),
        ("Pazar günü açık mısınız?", None),
        ("Mağaza kaçta kapanıyor?", None),
        ("Fiyatınız nedir?", None),
        ("Wann habt ihr auf?", None),
        ("Wann macht das Geschäft auf?", None),
        ("Habt ihr an Feiertagen geöffnet?", None),
        ("How do I return a cup?", None),
        ("İade nasıl yapılır?", None),
        ("Wie kündige ich?", None),
    ] {
        assert_eq!(thing(text), expected, "{text}");
    }
}
