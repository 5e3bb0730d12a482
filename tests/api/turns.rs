//! A visitor's turn: everything that they write until they are answered. Each question of it is answered, or named as not
//! answered, in its newest words.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use yanit::ports::ai::{Call, Calls, Finish, Models, Scripted, Speaker};

use crate::harness::{
    app::{Options, TestApp},
    people::{Site, Visitor, text},
};

const READ: &str = "query C($c: ID!) { conversation(conversationId: $c) { attention \
 messages(last: 60) { nodes { id seq body authorKind interrupted } } } }";
const EDIT: &str = "mutation E($i: EditMessageInput!) { editMessage(input: $i) { message { id body } } }";

/// Questions, and the words of the article that answers each.
const ARTICLES: [(&str, &str, &str, &str); 8] = [
    ("İade süresi kaç gün?", "İade süresi", "İade süresi teslimden sonra 30 gündür.", "30 gün"),
    ("Kargo ücreti ne kadar?", "Kargo ücreti", "Kargo ücreti 49 liradır.", "49 lira"),
    ("Mağazanız nerede?", "Mağaza adresi", "Mağazamız Kadıköy Moda Caddesi 12 numaradadır.", "Moda Caddesi"),
    ("Taksit yapıyor musunuz?", "Taksit", "Kredi kartına 9 taksit yapıyoruz.", "9 taksit"),
    ("Garanti kaç yıl?", "Garanti süresi", "Garanti süresi 2 yıldır.", "2 yıl"),
    ("Hediye paketi var mı?", "Hediye paketi", "Hediye paketi 15 liraya hazırlanır.", "15 lira"),
    (
        "Şifremi nasıl sıfırlarım?",
        "Şifre sıfırlama",
        "Şifrenizi giriş sayfasındaki bağlantıyla sıfırlarsınız.",
        "giriş sayfasındaki",
    ),
    ("Fatura nasıl alırım?", "Fatura", "Faturanız sipariş sonrası e-posta ile gönderilir.", "e-posta ile"),
];

struct Talk {
    app: TestApp,
    visitor: Visitor,
    conversation: String,
}

impl Talk {
    async fn new(options: Options, assistant: Value) -> Self {
        let app = TestApp::with(options).await;
        let site = app.site("acme").await;
        Self::on(app, &site, assistant).await
    }

    async fn on(app: TestApp, site: &Site, assistant: Value) -> Self {
        app.assistant(site, assistant).await;
        let visitor = app.visitor(site).await;
        let conversation = app.conversation(&visitor).await;
        Self { app, visitor, conversation }
    }

    /// A site that knows [`ARTICLES`].
    async fn with_articles(options: Options, debounce: i32) -> Self {
        let app = TestApp::with(options).await;
        let site = app.site("acme").await;
        for (_, title, body, _) in ARTICLES {
            app.article(&site, title, body).await;
        }
        Self::on(app, &site, json!({ "debounceMs": debounce })).await
    }

    /// One whose assistant asks a model that the test plays.
    async fn with_model(debounce: i32) -> (Self, Calls) {
        let (model, calls) = Scripted::stepped();
        let models = Some(Models::with_openai_compatible(Arc::new(model)));
        let assistant = json!({ "provider": "OPENAI_COMPATIBLE", "debounceMs": debounce });
        (Self::new(Options { models, ..Options::default() }, assistant).await, calls)
    }

    async fn say(&self, body: &str) -> String {
        text(&self.app.say(&self.visitor.token, &self.conversation, body).await["id"])
    }

    async fn edit(&self, message: &str, body: &str) {
        let input = json!({ "i": { "messageId": message, "body": body } });
        self.app.run(Some(&self.visitor.token), EDIT, input).await;
    }

    async fn delete(&self, message: &str) {
        let delete = "mutation D($i: DeleteMessageInput!) { deleteMessage(input: $i) { message { id } } }";
        self.app.run(Some(&self.visitor.token), delete, json!({ "i": { "messageId": message } })).await;
    }

    async fn messages(&self) -> Vec<Value> {
        let read = self.app.run(Some(&self.visitor.token), READ, json!({ "c": self.conversation })).await;
        read["conversation"]["messages"]["nodes"].as_array().expect("a list").clone()
    }

    /// What the assistant has said.
    async fn answers(&self) -> Vec<String> {
        let said = self.messages().await;
        said.iter().filter(|one| one["authorKind"] == "ASSISTANT").map(|one| text(&one["body"])).collect()
    }

    /// What the assistant has said, once it is so.
    async fn until(&self, fits: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut answers = vec![];
        for _ in 0..600 {
            answers = self.answers().await;
            if fits(&answers) {
                return answers;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("it stays so: {answers:#?}\n{:#?}", self.messages().await);
    }

    /// What is wrong with what the visitor can read: questions that are neither answered nor named.
    async fn missed(&self, asked: &[(&str, &str, &str, &str)]) -> Vec<String> {
        let said = self.answers().await.join("\n");
        let is_missed = |(question, _, _, answer): &&(&str, &str, &str, &str)| {
            !said.contains(answer) && !said.contains(&format!("**{question}**"))
        };
        asked.iter().filter(is_missed).map(|(question, ..)| (*question).to_owned()).collect()
    }

    async fn until_nothing_is_missed(&self, asked: &[(&str, &str, &str, &str)]) {
        for _ in 0..400 {
            if self.missed(asked).await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{:?} of {:#?}", self.missed(asked).await, self.messages().await);
    }
}

async fn next(calls: &mut Calls) -> Call {
    tokio::time::timeout(Duration::from_secs(20), calls.next()).await.expect("in time").expect("the model is asked")
}

/// What a model is asked: the visitor's last turn.
fn asked(call: &Call) -> String {
    let last = call.prompt.turns.last().expect("a turn");
    assert_eq!(last.speaker, Speaker::Visitor, "{:?}", call.prompt.turns);
    last.text.clone()
}

#[tokio::test]
async fn a_question_that_is_edited_before_it_is_answered_is_answered_in_its_new_words() {
    let options = Options { manual_clock: true, ..Options::default() };
    let talk = Talk::with_articles(options, 5_000).await;
    let message = talk.say("iade süresi").await;
    talk.app.app.drain().await.unwrap();
    talk.edit(&message, "kargo ücreti").await;
    talk.app.clock.advance(Duration::from_secs(6));
    let answers = talk.until(|answers| !answers.is_empty()).await;
    assert!(answers.len() == 1 && answers[0].contains("49 lira") && !answers[0].contains("30 gün"), "{answers:?}");
}

#[tokio::test]
async fn a_question_that_is_edited_while_it_is_answered_is_answered_anew() {
    let (talk, mut calls) = Talk::with_model(0).await;
    let message = talk.say("Tell me a story?").await;
    let call = next(&mut calls).await;
    call.say("Once upon a time");
    talk.edit(&message, "Tell me a joke?").await;
    tokio::time::timeout(Duration::from_secs(10), call.cancelled()).await.expect("nobody wants the story any more");
    let call = next(&mut calls).await;
    assert_eq!(asked(&call), "Tell me a joke?");
    call.say("Knock knock.");
    call.finish(Finish::Stop, None);
    let answers = talk.until(|answers| !answers.is_empty()).await;
    assert!(answers.len() == 1 && answers[0].starts_with("Knock knock."), "{answers:?}");
}

/// Whatever comes first: the last answer is to the newest words.
#[tokio::test]
async fn an_edit_at_the_moment_of_the_answer_leaves_no_stale_one_as_the_last() {
    let (talk, mut calls) = Talk::with_model(0).await;
    for round in 0..6 {
        let message = talk.say(&format!("What is {round}?")).await;
        let call = next(&mut calls).await;
        call.say("The old one.");
        let finish = async {
            tokio::time::sleep(Duration::from_millis(round * 3)).await;
            call.finish(Finish::Stop, None);
        };
        let words = format!("What is {round} plus one?");
        tokio::join!(talk.edit(&message, &words), finish);
        let call = next(&mut calls).await;
        assert!(asked(&call).contains(&words), "{}", asked(&call));
        call.say(&format!("It is {}.", round + 1));
        call.finish(Finish::Stop, None);
        let expected = format!("It is {}.", round + 1);
        talk.until(|answers| answers.last().is_some_and(|last| last.starts_with(&expected))).await;
    }
}

/// An answered question that is edited into another one is asked again; a typing error is not.
#[tokio::test]
async fn an_answered_question_that_becomes_another_one_is_answered_again() {
    let talk = Talk::with_articles(Options::default(), 0).await;
    let message = talk.say("İade süresi kaç gün?").await;
    talk.until(|answers| answers.len() == 1).await;
    talk.edit(&message, "İade süresi kaç gün??").await;
    talk.edit(&message, "Kargo ücreti ne kadar?").await;
    let answers = talk.until(|answers| answers.len() == 2).await;
    assert!(answers[1].contains("49 lira"), "{answers:?}");
    // What somebody has gone on from is history.
    talk.say("Garanti kaç yıl?").await;
    talk.until(|answers| answers.len() == 3).await;
    talk.edit(&message, "Taksit yapıyor musunuz?").await;
    talk.app.app.drain().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(talk.answers().await.len(), 3);
}

/// A part of a turn that is taken back while the rest is answered.
#[tokio::test]
async fn what_is_taken_back_from_a_turn_is_not_answered() {
    let (talk, mut calls) = Talk::with_model(0).await;
    talk.say("Tell me a story?").await;
    let first = next(&mut calls).await;
    let second = talk.say("And my card number is 1234?").await;
    tokio::time::timeout(Duration::from_secs(10), first.cancelled()).await.expect("it is begun anew");
    let call = next(&mut calls).await;
    assert!(asked(&call).contains("1234"));
    call.say("Once");
    talk.delete(&second).await;
    tokio::time::timeout(Duration::from_secs(10), call.cancelled()).await.expect("it is begun anew");
    let call = next(&mut calls).await;
    assert_eq!(asked(&call), "Tell me a story?");
}

#[tokio::test]
async fn each_of_seven_questions_in_a_row_is_answered_or_named() {
    for debounce in [0, 800] {
        for pause in [None, Some(0), Some(40), Some(150)] {
            let talk = Talk::with_articles(Options::default(), debounce).await;
            let asked = &ARTICLES[..7];
            match pause {
                None => {
                    futures_util::future::join_all(asked.iter().map(|(question, ..)| talk.say(question))).await;
                }
                Some(pause) => {
                    for (question, ..) in asked {
                        talk.say(question).await;
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                }
            }
            talk.until_nothing_is_missed(asked).await;
        }
    }
}

/// After three restarts the visitor is answered; what was written since is the next turn, all of it and nothing else.
#[tokio::test]
async fn what_is_written_while_an_answer_must_come_is_the_next_turn() {
    let (talk, mut calls) = Talk::with_model(0).await;
    let mut current = None::<Call>;
    for number in 1..=4 {
        talk.say(&format!("Question {number}?")).await;
        if let Some(call) = current.take() {
            tokio::time::timeout(Duration::from_secs(10), call.cancelled()).await.expect("it is begun anew");
        }
        current = Some(next(&mut calls).await);
    }
    let call = current.expect("a call");
    assert_eq!(asked(&call), "Question 1?\nQuestion 2?\nQuestion 3?\nQuestion 4?");
    call.say("Four");
    talk.say("Question 5?").await;
    talk.say("Question 6?").await;
    talk.app.app.drain().await.unwrap();
    assert!(call.say(" answers."), "it is not begun anew");
    call.finish(Finish::Stop, None);
    // More comes right with the answer.
    talk.until(|answers| answers.len() == 1).await;
    talk.say("Question 7?").await;
    let mut last = next(&mut calls).await;
    for _ in 0..2 {
        if asked(&last).contains("Question 7?") {
            break;
        }
        last = next(&mut calls).await;
    }
    assert_eq!(asked(&last), "Question 5?\nQuestion 6?\nQuestion 7?");
    let before = &last.prompt.turns[last.prompt.turns.len() - 2];
    assert!(before.speaker == Speaker::Assistant && before.text.contains("Four answers."), "{:?}", last.prompt.turns);
    last.say("Three answers.");
    last.finish(Finish::Stop, None);
    talk.until(|answers| answers.len() == 2).await;
}

/// More than a model is told at once.
#[tokio::test]
async fn none_of_twenty_messages_is_lost() {
    let talk = Talk::with_articles(Options::default(), 800).await;
    talk.say(ARTICLES[0].0).await;
    for number in 0..18 {
        talk.say(&format!("bir de şunu söyleyeyim {number}")).await;
    }
    talk.say(ARTICLES[1].0).await;
    talk.until_nothing_is_missed(&ARTICLES[..2]).await;
}

/// Where nothing is found for any of them, each is named.
#[tokio::test]
async fn several_questions_without_an_answer_are_each_named() {
    let talk = Talk::with_articles(Options::default(), 0).await;
    let unknown = [
        "Uzay mekiği ne zaman kalkıyor?",
        "Kedim neden miyavlıyor?",
        "Dolar kuru bugün kaç lira?",
        "Yarın yağmur yağacak mı?",
    ];
    talk.say(&unknown.join("\n")).await;
    let answers = talk.until(|answers| !answers.is_empty()).await;
    for question in unknown {
        assert!(answers[0].contains(question), "{question} in {answers:?}");
    }
}

/// Whoever takes a question over and goes away leaves it to the assistant.
#[tokio::test]
async fn a_question_that_a_person_took_over_and_left_is_answered() {
    let (app, site) = TestApp::still().await;
    app.article(&site, ARTICLES[0].1, ARTICLES[0].2).await;
    app.article(&site, ARTICLES[1].1, ARTICLES[1].2).await;
    let agent = app.limited(&site, "Ayşe", 1).await;
    let desk = app.dashboard(&site, &agent).await;
    let talk = Talk::on(app, &site, json!({ "debounceMs": 5000 })).await;
    talk.say("iade süresi").await;
    talk.app.app.drain().await.unwrap();
    let take = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
    talk.app.run(Some(&agent.token), take, json!({ "i": { "conversationId": talk.conversation } })).await;
    talk.app.clock.advance(Duration::from_secs(6));
    talk.app.app.drain().await.unwrap();
    assert_eq!(talk.answers().await, Vec::<String>::new());
    drop(desk);
    talk.app.until_gone(&site, &agent).await;
    for _ in 0..20 {
        talk.app.clock.advance(Duration::from_secs(6));
        talk.app.app.drain().await.unwrap();
        if !talk.answers().await.is_empty() {
            break;
        }
    }
    let answers = talk.answers().await;
    assert!(answers.len() == 1 && answers[0].contains("30 gün"), "{answers:?}");
}
