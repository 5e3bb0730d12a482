//! What visitors say besides questions, and in what language they are answered.

use serde_json::{Value, json};

use crate::{
    harness::{
        app::{Options, TestApp},
        people::{Site, Visitor, text},
        ws::Ws,
    },
    typed_answers::EVENTS,
};

struct Shop {
    app: TestApp,
    site: Site,
}

impl Shop {
    async fn new() -> Self {
        let app = TestApp::with(Options::default()).await;
        let site = app.site("acme").await;
        app.assistant(&site, json!({})).await;
        app.article(&site, "İade koşulları", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
        app.article(&site, "Kargo ücreti", "Kargo ücreti 49 liradır. 500 liranın üzerinde ücretsizdir.").await;
        app.article(&site, "Mağaza adresi", "Mağazamız Kadıköy'de, Moda Caddesi 12 numaradadır.").await;
        Self { app, site }
    }

    async fn talk(&self) -> Talk<'_> {
        let visitor = self.app.visitor(&self.site).await;
        let conversation = self.app.conversation(&visitor).await;
        let mut ws = Ws::signed_in(&self.app.ws_url(), Some(&visitor.token)).await;
        ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
        Talk { app: &self.app, visitor, conversation, ws }
    }
}

struct Talk<'a> {
    app: &'a TestApp,
    visitor: Visitor,
    conversation: String,
    ws: Ws,
}

impl Talk<'_> {
    /// The answer to a message.
    async fn ask(&mut self, body: &str) -> Value {
        self.app.say(&self.visitor.token, &self.conversation, body).await;
        let events = self.ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
        events[events.len() - 1]["conversationEvents"]["answer"].clone()
    }

    async fn action(&mut self, body: &str) -> String {
        text(&self.ask(body).await["action"])
    }
}

#[tokio::test]
async fn small_talk_gets_a_few_words_and_no_article() {
    let shop = Shop::new().await;
    let mut talk = shop.talk().await;
    assert_eq!(talk.action("Kargo ücreti ne kadar?").await, "ANSWER");
    for said in [
        "tamam",
        "görüşürüz",
        "👍",
        "süper, çok işime yaradı",
        "Thanks, that worked!",
        "Thanks a lot, that helped",
        "hayır",
        "naber",
        "evet",
    ] {
        let answer = talk.ask(said).await;
        assert_eq!((&answer["action"], &answer["citations"]), (&json!("CLARIFY"), &json!([])), "{said} {answer}");
        assert!(text(&answer["text"]).chars().count() < 90, "{answer}");
    }
    let answer = shop.talk().await.ask("😀").await;
    assert_eq!((&answer["action"], &answer["citations"]), (&json!("CLARIFY"), &json!([])), "{answer}");
}

#[tokio::test]
async fn who_writes_is_told_in_every_language() {
    let shop = Shop::new().await;
    for (asked, told) in [
        ("Siz robot musunuz?", "yapay zekâ"),
        ("Are you a robot?", "AI assistant"),
        ("Bist du ein Mensch?", "KI-Assistent"),
    ] {
        let mut talk = shop.talk().await;
        let answer = talk.ask(asked).await;
        assert!(text(&answer["text"]).contains(told), "{answer}");
        assert_eq!(talk.action("ok").await, "HANDOFF");
    }
}

#[tokio::test]
async fn a_no_is_no_yes() {
    let shop = Shop::new().await;
    for no in ["Hayır, tamam", "Nein, ok", "tamam boşver", "ok bye"] {
        let mut talk = shop.talk().await;
        assert_eq!(talk.action("Uzay mekiğiniz ne zaman kalkıyor?").await, "ABSTAIN");
        assert_eq!(talk.action(no).await, "CLARIFY", "{no}");
    }
    for yes in ["evet bağlayın", "tamam", "Ja, gerne"] {
        let mut talk = shop.talk().await;
        assert_eq!(talk.action("Uzay mekiğiniz ne zaman kalkıyor?").await, "ABSTAIN");
        assert_eq!(talk.action(yes).await, "HANDOFF", "{yes}");
    }
    let wish = shop.talk().await.action("Ekibime yeni bir agent eklemek istiyorum").await;
    assert_ne!(wish, "HANDOFF");
}

#[tokio::test]
async fn an_earlier_question_does_not_leak_into_the_next() {
    let shop = Shop::new().await;
    let mut talk = shop.talk().await;
    assert!(text(&talk.ask("Kargo ücreti ne kadar?").await["text"]).contains("49"));
    let answer = talk.ask("Mağazanız nerede?").await;
    assert!(!text(&answer["text"]).contains("49 lira"), "{answer}");
}

#[tokio::test]
async fn two_questions_get_two_answers() {
    let shop = Shop::new().await;
    let both = "Kargo ücreti ne kadar? Ürünü kaç gün içinde iade edebilirim?";
    let answer = shop.talk().await.ask(both).await;
    let said = text(&answer["text"]);
    assert!(said.contains("49") && said.contains("14 gün"), "{said}");
    assert_eq!(
        answer["citations"].as_array().map(Vec::len),
        Some(answer["citations"].as_array().map_or(0, |all| {
            all.iter().map(|one| one["number"].clone()).collect::<std::collections::HashSet<_>>().len()
        }))
    );
    let half = "Kargo ücreti ne kadar? Uzay mekiğiniz ne zaman kalkıyor?";
    let said = text(&shop.talk().await.ask(half).await["text"]);
    assert!(said.contains("49") && said.contains("Uzay mekiğiniz"), "{said}");
}

#[tokio::test]
async fn the_language_is_the_visitors() {
    let shop = Shop::new().await;
    let hello = |body: &'static str, locale: Option<&'static str>| {
        let shop = &shop;
        async move {
            let mut talk = shop.talk().await;
            if let Some(locale) = locale {
                let set = "mutation U($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
                shop.app.run(Some(&talk.visitor.token), set, json!({ "i": { "locale": locale } })).await;
            }
            text(&talk.ask(body).await["text"])
        }
    };
    assert!(hello("Hi", None).await.contains("Hello"));
    assert!(hello("Guten Tag", None).await.contains("Hallo"));
    assert!(hello("👋", Some("de-AT")).await.contains("Hallo"));
    assert!(hello("👋", None).await.contains("Merhaba"));
}

#[tokio::test]
async fn small_talk_beside_a_question_does_not_spoil_it() {
    let app = TestApp::with(Options::default()).await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({})).await;
    app.article(&site, "İade koşulları", "Ürünleri teslim aldıktan sonra 14 gün içinde ücretsiz iade edebilirsiniz. İade için hesabınızdan bir iade kodu alın.").await;
    app.article(&site, "Kargo ücreti", "Kargo ücreti 49 liradır. 500 liranın üzerindeki siparişlerde ücretsizdir.")
        .await;
    app.article(
        &site,
        "Versand",
        "Der Versand innerhalb Deutschlands dauert zwei bis drei Werktage und kostet 4,90 Euro.",
    )
    .await;
    app.article(&site, "Gift cards", "Gift cards cost between 10 and 200 euros. They are valid for three years.").await;
    let shop = Shop { app, site };
    for (asked, words) in [
        ("merhaba iade nasıl yapılır", "14 gün"),
        ("Selam, kolay gelsin. Kargo ücreti ne kadar acaba? Teşekkürler şimdiden", "49"),
        ("tamam teşekkürler peki kargo ücreti ne kadar", "49"),
        ("iyi günler kargo ücreti ne kadar", "49"),
        ("slm iade suresi kac gun tşk", "14 gün"),
        ("Danke, aber wie lange dauert der Versand?", "Werktage"),
        ("Guten Tag, was kostet der Versand? Vielen Dank und schönen Abend", "4,90"),
        ("hallo wie lange dauert der versand", "Werktage"),
        ("Super danke! Und was kostet der Versand?", "4,90"),
        ("hi there, how long are gift cards valid? thanks in advance", "three years"),
        ("ok thanks, and how long is a gift card valid", "three years"),
    ] {
        let answer = shop.talk().await.ask(asked).await;
        assert!(answer["action"] == "ANSWER" && text(&answer["text"]).contains(words), "{asked} {answer}");
    }
}

#[tokio::test]
async fn the_wish_for_a_person_is_heard_beside_a_question() {
    let shop = Shop::new().await;
    for asked in [
        "Ich möchte einen Menschen sprechen, was kostet der Versand?",
        "Was kostet der Versand, und kann ich bitte mit einem Mitarbeiter sprechen?",
        "Bir temsilciyle görüşmek istiyorum, kargo ücreti ne kadar?",
        "Kargo ücreti ne kadar, bir de beni temsilciye bağlar mısınız",
        "kargo ücreti ne kadar bir insanla konuşmak istiyorum",
        "I want to talk to a human, how much is shipping?",
        "How much is shipping? Connect me to an agent please",
        "where is your shop and can I speak to a real person",
    ] {
        assert_eq!(shop.talk().await.action(asked).await, "HANDOFF", "{asked}");
    }
    for asked in [
        "How do I talk to my team about shipping?",
        "Ekibime yeni bir temsilci eklemek istiyorum, nasıl yapılır?",
        "Ich möchte keinen Menschen sprechen, was kostet der Versand?",
    ] {
        assert_ne!(shop.talk().await.action(asked).await, "HANDOFF", "{asked}");
    }
}

#[tokio::test]
async fn two_questions_of_one_sentence_get_two_answers() {
    let shop = Shop::new().await;
    for both in [
        "Kargo ücreti ne kadar, iade süresi kaç gün?",
        "Kargo ücreti ne kadar ve ürünü kaç gün içinde iade edebilirim?",
        "kargo ücreti ne kadar, iade süresi kaç gün",
    ] {
        let said = text(&shop.talk().await.ask(both).await["text"]);
        assert!(said.contains("49") && said.contains("14 gün"), "{both} {said}");
    }
}

#[tokio::test]
async fn what_is_no_word_is_not_looked_up() {
    let shop = Shop::new().await;
    for said in ["asdfgh", "qweqwe asd", "sdfkjh"] {
        let answer = shop.talk().await.ask(said).await;
        assert_eq!((&answer["action"], &answer["citations"]), (&json!("ABSTAIN"), &json!([])), "{said} {answer}");
    }
}

#[tokio::test]
async fn a_good_night_greets_first_and_parts_later() {
    let shop = Shop::new().await;
    for (said, hello, goodbye) in [
        ("good night", "Hello", "Goodbye"),
        ("iyi geceler", "Merhaba", "iyi günler"),
        ("gute Nacht", "Hallo", "Wiedersehen"),
    ] {
        let mut talk = shop.talk().await;
        assert!(text(&talk.ask(said).await["text"]).contains(hello), "{said}");
        assert!(text(&talk.ask(said).await["text"]).contains(goodbye), "{said}");
    }
    // What all of them say is answered in the language of the conversation.
    for (first, goodbye) in [("Guten Tag", "Wiedersehen"), ("Merhaba", "iyi günler"), ("Hello", "Goodbye")] {
        let mut talk = shop.talk().await;
        talk.ask(first).await;
        assert!(text(&talk.ask("bye bye").await["text"]).contains(goodbye), "{first}");
    }
    assert!(text(&shop.talk().await.ask("bye bye").await["text"]).contains("Goodbye"));
}

/// The answer before must not come again, nor any other article.
#[tokio::test]
async fn words_against_an_answer_get_an_apology_and_no_article() {
    let shop = Shop::new().await;
    for (question, said, told) in [
        ("Kargo ücreti ne kadar?", "yanlış cevap", "Üzgünüm"),
        ("Kargo ücreti ne kadar?", "bu cevap yanlış", "Üzgünüm"),
        ("Mağazanız nerede?", "işime yaramadı", "Üzgünüm"),
        ("Kargo ücreti ne kadar?", "that didn't help", "I'm sorry"),
        ("Kargo ücreti ne kadar?", "this is wrong", "I'm sorry"),
        ("Kargo ücreti ne kadar?", "das hilft mir nicht", "Es tut mir leid"),
        ("Kargo ücreti ne kadar?", "Das ist falsch!", "Es tut mir leid"),
    ] {
        let mut talk = shop.talk().await;
        assert_eq!(talk.action(question).await, "ANSWER", "{question}");
        let answer = talk.ask(said).await;
        assert_eq!((&answer["action"], &answer["citations"]), (&json!("ABSTAIN"), &json!([])), "{said} {answer}");
        assert!(text(&answer["text"]).starts_with(told), "{said} {answer}");
        assert_eq!(talk.action("ok").await, "HANDOFF", "{said}");
    }
}

#[tokio::test]
async fn what_was_not_understood_is_asked_about_and_nonsense_is_not_answered() {
    let shop = Shop::new().await;
    for (question, said, told) in [
        ("Kargo ücreti ne kadar?", "anlamadım", "Hangi kısmı"),
        ("Kargo ücreti ne kadar?", "ne demek istiyorsun", "Hangi kısmı"),
        ("Kargo ücreti ne kadar?", "???", "Hangi kısmı"),
        ("Kargo ücreti ne kadar?", "I don't understand", "Which part"),
        ("Kargo ücreti ne kadar?", "Ich verstehe nicht", "Was soll ich"),
    ] {
        let mut talk = shop.talk().await;
        assert_eq!(talk.action(question).await, "ANSWER", "{question}");
        let answer = talk.ask(said).await;
        assert_eq!((&answer["action"], &answer["citations"]), (&json!("CLARIFY"), &json!([])), "{said} {answer}");
        assert!(text(&answer["text"]).contains(told), "{said} {answer}");
        assert_eq!(talk.action("evet bağlayın").await, "HANDOFF", "{said}");
    }
    for said in ["asdfgh", "qweqwe", "dfgdfg dfg", "rezalet", "of ya"] {
        let mut talk = shop.talk().await;
        assert_eq!(talk.action("Kargo ücreti ne kadar?").await, "ANSWER");
        assert_ne!(talk.action(said).await, "ANSWER", "{said}");
    }
    for said in ["anlamadım", "???", "wrong"] {
        assert_eq!(shop.talk().await.action(said).await, "CLARIFY", "{said}");
    }
}

#[tokio::test]
async fn a_follow_up_still_takes_up_the_question_before_it() {
    let shop = Shop::new().await;
    for (question, further) in [
        ("Kargo ücreti ne kadar?", "peki 500 üstü?"),
        ("Kargo ücreti ne kadar?", "and over 500?"),
        ("Kargo ücreti ne kadar?", "und über 500?"),
    ] {
        let mut talk = shop.talk().await;
        assert_eq!(talk.action(question).await, "ANSWER", "{question}");
        assert!(text(&talk.ask(further).await["text"]).contains("500"), "{further}");
    }
}

#[tokio::test]
async fn names_and_borrowed_words_are_small_talk_in_the_right_language() {
    let shop = Shop::new().await;
    for (said, told) in [
        ("bye", "Goodbye"),
        ("merci vielmals", "Gern geschehen"),
        ("Merci!", "Gern geschehen"),
        ("vielen lieben dank", "Gern geschehen"),
        ("Thanks Anna!", "You're welcome"),
        ("Teşekkürler Deniz Hanım", "Rica ederim"),
        ("ok danke Frau Meier", "Gern geschehen"),
    ] {
        let answer = shop.talk().await.ask(said).await;
        assert_eq!((&answer["action"], &answer["citations"]), (&json!("CLARIFY"), &json!([])), "{said} {answer}");
        assert!(text(&answer["text"]).contains(told), "{said} {answer}");
    }
    for said in ["bana canlı birini bağla", "gerçek biriyle konuşayım", "connect me to someone real"] {
        assert_eq!(shop.talk().await.action(said).await, "HANDOFF", "{said}");
    }
}

#[tokio::test]
async fn of_two_questions_after_a_story_each_is_answered_or_named() {
    let shop = Shop::new().await;
    for (said, named) in [
        ("Fincanım kırık geldi. Ne yapmalıyım? Param ne zaman döner?", "Param ne zaman döner?"),
        ("Fincanım kırık geldi. Ne yapmalıyım? Kargo ücreti ne kadar?", "Kargo ücreti ne kadar?"),
        ("My cup came broken. What should I do? How much is shipping?", "How much is shipping?"),
        ("Meine Tasse kam kaputt an. Was soll ich tun? Was kostet der Versand?", "Was kostet der Versand?"),
    ] {
        let answer = shop.talk().await.ask(said).await;
        assert!(text(&answer["text"]).contains(&format!("**{named}**")), "{answer}");
    }
}

#[tokio::test]
async fn who_writes_is_told_beside_the_answer() {
    let shop = Shop::new().await;
    let answer = shop.talk().await.ask("Bot musun? Kargo ücreti ne kadar?").await;
    let said = text(&answer["text"]);
    assert!(answer["action"] == "ANSWER" && said.contains("yapay zekâ") && said.contains("49"), "{answer}");
    let answer = shop.talk().await.ask("Robot musun? Uzay mekiğiniz ne zaman kalkıyor?").await;
    assert!(answer["action"] == "ABSTAIN" && text(&answer["text"]).contains("yapay zekâ"), "{answer}");
}
