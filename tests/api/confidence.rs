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
async fn a_small_site_does_not_offer_what_has_nothing_to_do_with_the_question() {
    let (app, first) = site(&[
        RETURNS,
        ("Kargo ücreti", "Kargo ücreti 49 liradır. 500 liranın üzerindeki siparişlerde ücretsizdir."),
        ("Mağaza adresi", "Mağazamız Kadıköy'de, Moda Caddesi 12 numaradadır."),
    ])
    .await;
    for far in [
        "Mağaza kaçta kapanıyor?",
        "Dolar kuru bugün kaç lira?",
        "Bana bir şiir yazar mısın?",
        "Şifremi unuttum",
        "Galatasaray maçı kaç kaç bitti?",
        "What is the capital of Australia?",
    ] {
        let answer = ask(&app, &first, far).await;
        assert_eq!(answer["action"], "ABSTAIN", "{far} {answer}");
    }
    let other = app.site("mugs").await;
    app.assistant(&other, json!({ "language": "en" })).await;
    for (title, body) in [
        ("Gift cards", "Gift cards cost between 10 and 200 euros. They are valid for three years and arrive by email."),
        ("Opening hours", "Our studio is open from Monday to Friday, 10 am to 6 pm."),
        ("Washing your mug", "All mugs go into the dishwasher. Mugs with a gold rim must be washed by hand."),
    ] {
        let id = app.article(&other, title, body).await;
        in_language(&app, &other, "en", &id).await;
    }
    for far in ["Where is my order?", "How much is shipping?", "I forgot my password", "Who won the match last night?"]
    {
        let answer = ask(&app, &other, far).await;
        assert_eq!(answer["action"], "ABSTAIN", "{far} {answer}");
    }
    for (near, words) in [("do gift cards expire", "three years"), ("are you open on saturday", "Friday")] {
        let answer = ask(&app, &other, near).await;
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
async fn code_and_tables_are_quoted_where_they_were_asked_for() {
    let table = "Ürünlerimizin fiyatları:\n\n| Ürün | Fiyat |\n| --- | --- |\n| Vazo | 300 TL |\n| Tabak | 150 TL |";
    let code = "Geliştiriciler için:\n\n```sh\ncurl https://acme.example/api\n```";
    let body = format!("Fincanlar bulaşık makinesinde yıkanabilir.\n\n{table}\n\n{code}");
    let (app, site) = site(&[("Fincanlar", &body), ("Ödeme", "Kredi kartı ve havale kabul ediyoruz.")]).await;
    let answer = ask(&app, &site, "Fincanlar bulaşık makinesinde yıkanır mı?").await;
    let said = text(&answer["text"]);
    assert!(said.contains("yıkanabilir") && !said.contains('|') && !said.contains("```"), "{answer}");
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
async fn indented_code_is_quoted_whole() {
    let code = "Eklentiyi kurmak için şu komutu çalıştırın.\n\n    npm install @acme/widget\n\n    # bir kez\n    npx acme init\n\nSonra sayfayı yenileyin.";
    let tabbed = "Yedek almak için şunu çalıştırın.\n\n\tyanit backup\n\tyanit verify\n";
    let (app, site) = site(&[("Eklentinin kurulumu", code), ("Yedek alma", tabbed), RETURNS]).await;
    let answer = ask(&app, &site, "Eklentiyi hangi komutla kurarım?").await;
    let said = text(&answer["text"]);
    assert!(said.contains("    npm install @acme/widget\n\n    # bir kez\n    npx acme init"), "{answer}");
    let answer = ask(&app, &site, "Nasıl yedek alırım?").await;
    assert!(text(&answer["text"]).contains("\tyanit backup\n\tyanit verify"), "{answer}");
}

#[tokio::test]
async fn steps_with_code_in_them_are_quoted_whole() {
    let much = "npx acme verify --with-all-the-options --that-there-are --and-some-more\n".repeat(6);
    let body = format!(
        "Sunucuyu kurmak için şu adımları izleyin.\n\n1. Paketi indirin:\n\n```sh\n# bir kez\ncurl -O https://acme.example/server.tar.gz\n```\n\n\
         2. Kurulumu denetleyin:\n\n```sh\n{much}```\n\n3. Sunucuyu başlatın."
    );
    let (app, site) = site(&[("Sunucunun kurulumu", &body), RETURNS]).await;
    let answer = ask(&app, &site, "Sunucuyu kurmak için hangi adımları izlemeliyim?").await;
    let said = text(&answer["text"]);
    assert_eq!(answer["action"], "ANSWER", "{answer}");
    for part in ["# bir kez\ncurl -O", "npx acme verify", "3. Sunucuyu başlatın."] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// The header says what a row means, however far from it the row stands; other rows say nothing about it.
#[tokio::test]
async fn a_row_far_from_its_header_is_quoted_below_it() {
    let cities = [
        "Adana",
        "Bursa",
        "Çorum",
        "Denizli",
        "Edirne",
        "Fethiye",
        "Giresun",
        "Hatay",
        "Iğdır",
        "Kars",
        "Lüleburgaz",
        "Manisa",
        "Niğde",
        "Ordu",
        "Polatlı",
        "Rize",
        "Sivas",
        "Tokat",
        "Uşak",
        "Van",
        "Yozgat",
        "Zonguldak",
        "Ağrı",
        "Bolu",
        "Düzce",
        "Elazığ",
        "Gaziantep",
        "Isparta",
        "Kayseri",
        "Muş",
    ];
    let row = |(place, city): (usize, &&str)| format!("| {city} | {} iş günü | {} TL |\n", place % 7 + 1, 40 + place);
    let rows: String = cities.iter().enumerate().map(row).collect();
    let table = format!(
        "Teslimat süreleri ve ücretleri şehre göre değişir.\n\n| Şehir | Süre | Ücret |\n| --- | --- | --- |\n{rows}"
    );
    let (app, site) = site(&[("Şehirlere teslimat", &table), RETURNS]).await;
    for city in ["Sivas", "Kayseri"] {
        let answer = ask(&app, &site, &format!("{city} şehrine teslimat kaç gün sürer?")).await;
        let said = text(&answer["text"]);
        assert_eq!(answer["action"], "ANSWER", "{answer}");
        assert!(said.contains("| Şehir | Süre | Ücret |\n| --- | --- | --- |\n| "), "{said}");
        assert!(said.contains(&format!("\n| {city} |")), "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("| ")).count(), 3, "{said}");
    }
}

#[tokio::test]
async fn steps_for_one_thing_are_not_joined_with_those_for_another() {
    let body = "## iPhone\n\nUygulamayı iPhone'dan silmek için:\n\n1. Simgeye basılı tutun.\n2. Uygulamayı Kaldır'a dokunun.\n\n\
                ## Android\n\nUygulamayı Android'den silmek için:\n\n1. Ayarlar'ı açın.\n2. Uygulamalar'a girin.\n3. Kaldır'a dokunun.";
    let (app, site) = site(&[("Uygulamayı silmek", body), RETURNS]).await;
    let answer = ask(&app, &site, "Uygulamayı Android'den nasıl silerim?").await;
    let said = text(&answer["text"]);
    assert!(said.contains("3. Kaldır'a dokunun.") && !said.contains("Simgeye"), "{answer}");
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

/// A3: who says something else makes it less sure, and who says the same does not.
#[tokio::test]
async fn an_article_that_says_something_else_makes_an_answer_less_sure() {
    let question = "Aldığım ürünü kaç gün içinde iade edebilirim?";
    let shipping = ("Kargo süreleri", "Siparişler iki iş günü içinde kargoya verilir.");
    let (app, site) = site(&[RETURNS, shipping]).await;
    let alone = ask(&app, &site, question).await;
    let other = "Ürünleri teslim aldıktan sonra 30 gün içinde ücretsiz iade edebilirsiniz. İade için hesabınızdan bir iade kodu alın.";
    app.article(&site, "İade süreleri", other).await;
    let torn = ask(&app, &site, question).await;
    assert!(number(&torn) < number(&alone), "{alone} {torn}");
}
