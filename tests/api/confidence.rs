//! How sure an answer is: what agrees, what is far, and what is quoted.

use serde_json::{Value, json};

use crate::{
    harness::{
        app::{Options, TestApp},
        people::{Site, text},
        ws::Ws,
    },
    typed_answers::EVENTS,
};

const RETURNS: (&str, &str) = (
    "İade koşulları",
    "Ürünleri teslim aldıktan sonra 14 gün içinde ücretsiz iade edebilirsiniz. İade için hesabınızdan bir iade kodu alın.",
);

async fn site(articles: &[(&str, &str)]) -> (TestApp, Site) {
    let app = TestApp::with(Options::default()).await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({})).await;
    for (title, body) in articles {
        app.article(&site, title, body).await;
    }
    (app, site)
}

async fn ask(app: &TestApp, site: &Site, question: &str) -> Value {
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    app.say(&visitor.token, &conversation, question).await;
    let events = ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
    events[events.len() - 1]["conversationEvents"]["answer"].clone()
}

/// An article in another language than Turkish.
async fn in_language(app: &TestApp, site: &Site, language: &str, id: &str) {
    let change = "mutation U($i: UpdateArticleInput!) { updateArticle(input: $i) { article { id } } }";
    app.run(Some(&site.admin.token), change, json!({ "i": { "articleId": id, "language": language } })).await;
}

fn number(answer: &Value) -> f64 {
    answer["confidence"].as_f64().unwrap_or_default()
}

#[tokio::test]
async fn an_article_that_agrees_makes_an_answer_surer() {
    let question = "Aldığım ürünü kaç gün içinde iade edebilirim?";
    let shipping = ("Kargo süreleri", "Siparişler iki iş günü içinde kargoya verilir.");
    let (app, alone) = site(&[RETURNS, shipping]).await;
    let before = ask(&app, &alone, question).await;
    app.article(&alone, RETURNS.0, RETURNS.1).await;
    let after = ask(&app, &alone, question).await;
    assert_eq!((&before["action"], &after["action"]), (&json!("ANSWER"), &json!("ANSWER")), "{before} {after}");
    assert!(number(&after) >= number(&before), "{before} {after}");
}

#[tokio::test]
async fn a_small_site_abstains_from_far_questions() {
    let (app, site) = site(&[
        RETURNS,
        ("Kargo ücreti", "Kargo ücreti 49 liradır. 500 liranın üzerindeki siparişlerde ücretsizdir."),
        ("Mağaza adresi", "Mağazamız Kadıköy'de, Moda Caddesi 12 numaradadır."),
    ])
    .await;
    for far in [
        "Dolar kuru bugün kaç lira?",
        "Yarın hava nasıl olacak?",
        "Who won the match last night?",
        "Kek nasıl yapılır?",
        "Kannst du mir ein Gedicht schreiben?",
    ] {
        let answer = ask(&app, &site, far).await;
        assert_ne!(answer["action"], "ANSWER", "{far} {answer}");
    }
    for (near, words) in [
        ("Kargo ücreti ne kadar?", "49"),
        ("Ürünü kaç gün içinde iade edebilirim?", "14 gün"),
        ("Mağazanız nerede?", "Kadıköy"),
    ] {
        let answer = ask(&app, &site, near).await;
        assert!(answer["action"] == "ANSWER" && text(&answer["text"]).contains(words), "{near} {answer}");
    }
}

#[tokio::test]
async fn of_articles_that_say_the_same_the_visitors_language_comes_first() {
    let (app, site) = site(&[RETURNS, ("Kargo süreleri", "Siparişler iki iş günü içinde kargoya verilir.")]).await;
    let english = app
        .article(
            &site,
            "Return conditions",
            "You can return products free of charge within 14 days of delivery. Get a return code from your account.",
        )
        .await;
    in_language(&app, &site, "en", &english).await;
    for (question, words) in [
        ("Aldığım ürünü kaç gün içinde iade edebilirim?", "14 gün"),
        ("Within how many days can I return a product?", "14 days"),
        ("Innerhalb wie vieler Tage kann ich ein Produkt zurückgeben?", "14 days"),
    ] {
        let answer = ask(&app, &site, question).await;
        assert!(text(&answer["text"]).contains(words), "{question} {answer}");
    }
}

#[tokio::test]
async fn code_and_tables_are_quoted_whole() {
    let code = "Eklentiyi kurmak için şu komutu çalıştırın.\n\n```sh\nnpm install @acme/widget\nnpx acme init\n```";
    let table = "Paketlerin aylık fiyatları şöyledir.\n\n| Paket | Fiyat |\n| --- | --- |\n| Başlangıç | 99 TL |\n| Kurumsal | 499 TL |";
    let (app, site) = site(&[("Eklentinin kurulumu", code), ("Paket fiyatları", table), RETURNS]).await;
    let said = text(&ask(&app, &site, "Eklentiyi hangi komutla kurarım?").await["text"]);
    assert!(said.contains("```sh\nnpm install @acme/widget\nnpx acme init\n```"), "{said}");
    let said = text(&ask(&app, &site, "Kurumsal paketin aylık fiyatı ne kadar?").await["text"]);
    assert!(said.contains("| Paket | Fiyat |") && said.contains("| Kurumsal | 499 TL |"), "{said}");
}

#[tokio::test]
async fn who_asks_how_long_is_told_a_number() {
    let body = "You can return a cup that you do not like. Pack it well, so that it arrives in one piece. We take it back for 30 days. The return of a cup is free.";
    let (app, site) = site(&[("Returning a cup", body), ("Opening hours", "We are open from Monday to Friday.")]).await;
    let answer = ask(&app, &site, "How long do I have to return a cup?").await;
    assert!(text(&answer["text"]).contains("30 days"), "{answer}");
}

#[tokio::test]
async fn a_complaint_with_a_question_in_it_is_answered() {
    let (app, site) =
        site(&[RETURNS, ("Kargo süreleri", "Siparişler iki iş günü içinde kargoya verilir ve beş günde gelir.")]).await;
    let told =
        "Gerçekten çok kötü bir firmasınız, annemin doğum gününü mahvettiniz! Ürünü kaç gün içinde iade edebilirim?";
    let answer = ask(&app, &site, told).await;
    assert!(answer["action"] == "ANSWER" && text(&answer["text"]).contains("14 gün"), "{answer}");
}
