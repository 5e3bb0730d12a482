//! Answers: from a visitor's question to a message with sources, whoever watches, whatever dies.

use serde_json::{Value, json};
use yanit::ports::ai::{Cause, Finish, ModelError, Models, Scripted};

use crate::harness::{
    app::{Options, TestApp},
    people::{Site, Visitor, text},
    ws::Ws,
};

const EVENTS: &str = "subscription E($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { __typename \
 ... on MessageChanged { cursor message { body authorKind citations { quote title } interrupted } } \
 ... on ConversationChanged { cursor conversationChange } \
 ... on RunStarted { eventCursor runId attempt } ... on SourcesFound { eventCursor sources { quote } } \
 ... on Chunk { runId index start text } \
 ... on RunFinished { eventCursor runId message { body interrupted } citations { quote articleId version } usage { promptTokens completionTokens } } \
 ... on RunFailed { eventCursor runId reason } } }";
const RUN: &str = "subscription R($r: ID!, $a: RunCursor) { assistantRun(runId: $r, after: $a) { __typename \
 ... on RunStarted { runCursor attempt } ... on SourcesFound { runCursor sources { quote } } \
 ... on Chunk { runCursor index start text } ... on RunFinished { message { body interrupted } } ... on RunFailed { reason } } }";

/// A site whose assistant asks a model that the test plays.
async fn with_model(options: Options) -> (TestApp, Site, Visitor, String) {
    let app = TestApp::with(options).await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({ "provider": "OPENAI_COMPATIBLE" })).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    (app, site, visitor, conversation)
}

fn models(model: Scripted) -> Options {
    Options { models: Some(Models::with_openai_compatible(std::sync::Arc::new(model))), ..Options::default() }
}

async fn cursor(app: &TestApp, token: &str, conversation: &str) -> Value {
    let query = "query C($c: ID!) { conversation(conversationId: $c) { cursor } }";
    app.run(Some(token), query, json!({ "c": conversation })).await["conversation"]["cursor"].clone()
}

fn kind(event: &Value) -> &str {
    event["conversationEvents"]["__typename"].as_str().unwrap_or_default()
}

/// The text that a widget shows after these chunks.
fn shown(events: &[Value], root: &str) -> String {
    let mut text: Vec<char> = Vec::new();
    for event in events {
        let event = &event[root];
        if event["__typename"] == "Chunk" {
            text.truncate(event["start"].as_u64().expect("a start") as usize);
            text.extend(event["text"].as_str().expect("a text").chars());
        }
    }
    text.into_iter().collect()
}

#[tokio::test]
async fn a_question_is_answered_from_an_article_with_a_literal_quote() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({})).await;
    app.article(&site, "İade koşulları", "Ürünleri teslim aldıktan sonra 14 gün içinde ücretsiz iade edebilirsiniz. İade için hesabınızdan bir iade kodu alın.").await;
    app.article(
        &site,
        "Kargo süreleri",
        "Siparişler iki iş günü içinde kargoya verilir. Kargo takip numarası e-posta ile gönderilir.",
    )
    .await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let from = cursor(&app, &visitor.token, &conversation).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, "Aldığım ürünü kaç gün içinde iade edebilirim?").await;
    let events = ws.until("e", |event| kind(event) == "RunFinished").await;
    let kinds: Vec<&str> = events.iter().map(kind).collect();
    assert_eq!(kinds.first(), Some(&"MessageChanged"), "{kinds:?}");
    assert!(kinds.contains(&"RunStarted") && kinds.contains(&"SourcesFound"), "{kinds:?}");
    let last = &events[events.len() - 1]["conversationEvents"];
    let body = text(&last["message"]["body"]);
    assert!(body.contains("14 gün"), "{body}");
    assert_eq!(shown(&events, "conversationEvents"), body);
    let quote = text(&last["citations"][0]["quote"]);
    assert!("Ürünleri teslim aldıktan sonra 14 gün içinde ücretsiz iade edebilirsiniz. İade için hesabınızdan bir iade kodu alın.".contains(&quote), "{quote}");
}

#[tokio::test]
async fn a_list_is_answered_whole_or_not_at_all() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({})).await;
    let steps = "Siparişinizi kargoya verilmeden önce iki yoldan iptal edebilirsiniz.\n\n1. **Hesabım** sayfasında siparişi açın.\n2. *Siparişi iptal et* düğmesine basın.\n3. E-postadaki onayı bekleyin.";
    app.article(&site, "Sipariş iptali", &format!("Bu sayfa size yol gösterir.\n\n{steps}\n\nİyi günler.")).await;
    let english = "To reset your password, follow these steps:\n\n- open the sign-in page\n- press *Forgot password*\n- choose a new password within one hour";
    app.article(&site, "Resetting your password", english).await;
    // No part of it is short enough to be quoted as a whole.
    let long: String = (1..=12)
        .map(|step| format!("{step}. Turn the lid of the red cup to mark {step} and wait for the beep.\n"))
        .collect();
    app.article(&site, "Opening the red cup", &format!("To open the lid of the red cup, do this:\n\n{long}")).await;
    for (question, answer) in [("Siparişimi nasıl iptal edebilirim?", steps), ("How do I reset my password?", english)]
    {
        let (body, quotes) = asked(&app, &site, question).await;
        assert!(body.contains(answer), "{question} {body}");
        assert!(quotes.contains(&answer.to_owned()), "{quotes:?}");
    }
    let (body, _) = asked(&app, &site, "How do I open the lid of the red cup?").await;
    assert!(!body.contains("Turn the lid") && body.contains("Opening the red cup"), "{body}");
}

/// What a new visitor is answered, and what is quoted.
async fn asked(app: &TestApp, site: &Site, question: &str) -> (String, Vec<String>) {
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let from = cursor(app, &visitor.token, &conversation).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, question).await;
    let events = ws.until("e", |event| kind(event) == "RunFinished").await;
    let last = &events[events.len() - 1]["conversationEvents"];
    let quotes = last["citations"].as_array().expect("a list").iter().map(|citation| text(&citation["quote"]));
    (text(&last["message"]["body"]), quotes.collect())
}

#[tokio::test]
async fn without_an_answer_a_person_is_offered_in_the_visitors_language() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.assistant(&site, json!({})).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let from = cursor(&app, &visitor.token, &conversation).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, "Uzay mekiğiniz ne zaman kalkıyor?").await;
    let events = ws.until("e", |event| kind(event) == "RunFinished").await;
    let body = text(&events[events.len() - 1]["conversationEvents"]["message"]["body"]);
    assert!(body.contains("temsilci"), "{body}");
}

#[tokio::test]
async fn a_late_watcher_gets_the_text_so_far_and_then_the_rest() {
    let (model, mut calls) = Scripted::stepped();
    let (app, _, visitor, conversation) = with_model(models(model)).await;
    let mut first = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let from = cursor(&app, &visitor.token, &conversation).await;
    first.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, "hi").await;
    let call = calls.next().await.expect("the model is asked");
    call.say("Good ");
    call.say("morning");
    let seen = first
        .until("e", |event| event["conversationEvents"]["text"].as_str().is_some_and(|text| text.contains("morning")))
        .await;
    let run = seen.iter().find_map(|event| event["conversationEvents"]["runId"].as_str()).expect("a run").to_owned();

    let mut late = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    late.subscribe("r", RUN, json!({ "r": run })).await;
    let so_far = late.until("r", |event| event["assistantRun"]["__typename"] == "Chunk").await;
    assert_eq!(shown(&so_far, "assistantRun"), "Good morning");
    let place = so_far[so_far.len() - 1]["assistantRun"]["runCursor"].clone();
    drop(late);
    call.say(", Ada");
    first.until("e", |event| event["conversationEvents"]["text"] == ", Ada").await;
    let mut back = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    back.subscribe("r", RUN, json!({ "r": run, "a": place })).await;
    let next = back.next("r").await;
    assert_eq!(next["assistantRun"]["text"], ", Ada", "nothing is repeated");
    assert_eq!(next["assistantRun"]["start"], 12);
    // Everybody leaves; the answer is completed all the same.
    drop(back);
    drop(first);
    call.say("!");
    call.finish(Finish::Stop, None);
    let answer = wait_for_answer(&app, &visitor.token, &conversation).await;
    assert_eq!(answer["body"], "Good morning, Ada!");
}

/// A second tab comes in the middle of an answer, with the same document: it is told what there is, then both are told
/// the same, and the next answer, too.
#[tokio::test]
async fn who_comes_to_a_conversation_while_it_is_answered_gets_the_text_so_far() {
    let (model, mut calls) = Scripted::stepped();
    let (app, _, visitor, conversation) = with_model(models(model)).await;
    let live = EVENTS.replace(", after: $a", "").replace(", $a: EventCursor", "");
    let mut tabs = vec![Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await];
    let from = cursor(&app, &visitor.token, &conversation).await;
    tabs[0].subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, "hi").await;
    let call = calls.next().await.expect("the model is asked");
    call.say("Good ");
    tabs[0].until("e", |event| kind(event) == "Chunk").await;
    for document in [EVENTS, EVENTS, &live] {
        let mut tab = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
        tab.subscribe("e", document, json!({ "c": conversation })).await;
        let event = tab.next("e").await;
        assert_eq!((kind(&event), event["conversationEvents"]["text"].as_str()), ("Chunk", Some("Good ")));
        tabs.push(tab);
    }
    call.say("morning");
    for tab in &mut tabs {
        let event = tab.next("e").await;
        assert_eq!((kind(&event), event["conversationEvents"]["text"].as_str()), ("Chunk", Some("morning")));
    }
    call.finish(Finish::Stop, None);
    for tab in &mut tabs {
        let events = tab.until("e", |event| kind(event) == "RunFinished").await;
        assert!(events.iter().all(|event| kind(event) != "Chunk"), "{events:?}");
    }
    app.say(&visitor.token, &conversation, "and now?").await;
    let call = calls.next().await.expect("the model is asked");
    call.say("Now ");
    call.say("this.");
    call.finish(Finish::Stop, None);
    for tab in &mut tabs {
        let events = tab.until("e", |event| kind(event) == "RunFinished").await;
        assert_eq!(shown(&events, "conversationEvents"), "Now this.");
        assert_eq!(events.iter().filter(|event| kind(event) == "RunStarted").count(), 1, "{events:?}");
    }
}

#[tokio::test]
async fn a_stopped_run_keeps_its_text_marked_as_interrupted() {
    let (model, mut calls) = Scripted::stepped();
    let (app, _, visitor, conversation) = with_model(models(model)).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let from = cursor(&app, &visitor.token, &conversation).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, "tell me everything").await;
    let call = calls.next().await.expect("the model is asked");
    call.say("Once upon a time, long ago");
    let seen = ws.until("e", |event| kind(event) == "Chunk").await;
    let run = text(&seen[seen.len() - 1]["conversationEvents"]["runId"]);
    let stop = "mutation S($i: StopRunInput!) { stopRun(input: $i) { run { status } } }";
    let stopped = app.run(Some(&visitor.token), stop, json!({ "i": { "runId": run } })).await;
    assert_eq!(stopped["stopRun"]["run"]["status"], "STOPPED");
    let end = ws.until("e", |event| kind(event) == "RunFinished").await;
    let message = &end[end.len() - 1]["conversationEvents"]["message"];
    assert_eq!(message, &json!({ "body": "Once upon a time, long ago", "interrupted": true }));
    call.cancelled().await;
}

#[tokio::test]
async fn the_assistant_never_speaks_over_a_human() {
    let (model, mut calls) = Scripted::stepped();
    let (app, site, visitor, conversation) = with_model(models(model)).await;
    let agent = app.agent(&site, "ada").await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let from = cursor(&app, &visitor.token, &conversation).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, "hello?").await;
    let call = calls.next().await.expect("the model is asked");
    call.say("I am an assistant and I");
    ws.until("e", |event| kind(event) == "Chunk").await;
    app.say(&agent.token, &conversation, "Ada here, how can I help?").await;
    call.cancelled().await;
    let events = ws.until("e", |event| kind(event) == "RunFailed").await;
    assert_eq!(events[events.len() - 1]["conversationEvents"]["reason"], "HUMAN_TOOK_OVER");
    // While a human is here, questions go to the human.
    app.say(&visitor.token, &conversation, "thanks").await;
    app.app.drain().await.expect("nothing fails");
    let resume =
        "mutation R($i: ResumeAssistantInput!) { resumeAssistant(input: $i) { conversation { assistantPaused } } }";
    app.run(Some(&agent.token), resume, json!({ "i": { "conversationId": conversation } })).await;
    app.say(&visitor.token, &conversation, "and now?").await;
    let call = calls.next().await.expect("the model is asked");
    assert!(call.prompt.turns.iter().any(|turn| turn.text.contains("and now?")));
    let messages = all_messages(&app, &visitor.token, &conversation).await;
    assert!(messages.iter().all(|message| message["authorKind"] != "ASSISTANT"), "{messages:?}");
}

#[tokio::test]
async fn an_answer_and_an_agent_at_once_never_end_with_the_assistant_last() {
    for _ in 0..10 {
        let (model, mut calls) = Scripted::stepped();
        let (app, site, visitor, conversation) = with_model(models(model)).await;
        app.say(&visitor.token, &conversation, "hello?").await;
        let call = calls.next().await.expect("the model is asked");
        call.say("An answer.");
        let finish = async { call.finish(Finish::Stop, None) };
        let agent = app.say(&site.admin.token, &conversation, "A human.");
        tokio::join!(agent, finish);
        app.app.drain().await.expect("nothing fails");
        let messages = all_messages(&app, &visitor.token, &conversation).await;
        let kinds: Vec<&str> = messages.iter().filter_map(|message| message["authorKind"].as_str()).collect();
        assert_eq!(kinds.last(), Some(&"AGENT"), "{kinds:?}");
    }
}

#[tokio::test]
async fn after_a_model_that_fails_the_built_in_answerer_speaks() {
    let model = Scripted::playing(vec![vec![Err(ModelError::give_up(Cause::KeyRefused, "401"))]]);
    let (app, _, visitor, conversation) = with_model(models(model)).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let from = cursor(&app, &visitor.token, &conversation).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
    app.say(&visitor.token, &conversation, "Uzay mekiğiniz ne zaman kalkıyor?").await;
    let events = ws.until("e", |event| kind(event) == "RunFinished").await;
    let body = text(&events[events.len() - 1]["conversationEvents"]["message"]["body"]);
    assert!(body.contains("temsilci"), "{body}");
}

async fn all_messages(app: &TestApp, token: &str, conversation: &str) -> Vec<Value> {
    let query =
        "query M($c: ID!) { conversation(conversationId: $c) { messages(first: 100) { nodes { body authorKind } } } }";
    let data = app.run(Some(token), query, json!({ "c": conversation })).await;
    data["conversation"]["messages"]["nodes"].as_array().expect("nodes").clone()
}

async fn wait_for_answer(app: &TestApp, token: &str, conversation: &str) -> Value {
    let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": "beginning" })).await;
    let events = ws.until("e", |event| kind(event) == "RunFinished").await;
    events[events.len() - 1]["conversationEvents"]["message"].clone()
}

#[tokio::test]
async fn a_visitor_who_keeps_writing_is_answered_after_three_restarts() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    app.article(&site, "İade", "İade süresi teslimden sonra 30 gündür.").await;
    app.assistant(&site, json!({ "debounceMs": 1000 })).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let events = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { __typename \
                  ... on RunFinished { message { seq body } } ... on RunFailed { reason } } }";
    ws.subscribe("e", events, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, "iade süresi kaç gün acaba").await;
    let writing = async {
        for _ in 0..12 {
            tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            app.say(&visitor.token, &conversation, "merak ettim").await;
        }
    };
    let answered = ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished");
    let (events, ()) = tokio::join!(answered, writing);
    let restarts = events.iter().filter(|event| event["conversationEvents"]["reason"] == "SUPERSEDED").count();
    assert!((1..=3).contains(&restarts), "{restarts}");
    let seq = events[events.len() - 1]["conversationEvents"]["message"]["seq"].as_i64().unwrap();
    assert!(seq < 13, "it came while the visitor was still writing: {seq}");
}

/// C7: what was closed or taken back while the answer was being written gets no more of it.
#[tokio::test]
async fn an_answer_ends_with_its_conversation_or_question() {
    for closes in [true, false] {
        let (model, mut calls) = Scripted::stepped();
        let (app, _, visitor, conversation) = with_model(models(model)).await;
        let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
        let from = cursor(&app, &visitor.token, &conversation).await;
        ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": from })).await;
        let asked = app.say(&visitor.token, &conversation, "Tell me a story?").await;
        let call = calls.next().await.expect("the model is asked");
        call.say("Once upon a time");
        ws.until("e", |event| kind(event) == "Chunk").await;
        let (document, input) = if closes {
            let close =
                "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }";
            (close, json!({ "conversationId": conversation }))
        } else {
            let delete = "mutation D($i: DeleteMessageInput!) { deleteMessage(input: $i) { message { id } } }";
            (delete, json!({ "messageId": asked["id"] }))
        };
        app.run(Some(&visitor.token), document, json!({ "i": input })).await;
        call.cancelled().await;
        let events = ws.until("e", |event| kind(event) == "RunFailed").await;
        let reason = if closes { "CONVERSATION_CLOSED" } else { "QUESTION_DELETED" };
        assert_eq!(events[events.len() - 1]["conversationEvents"]["reason"], reason);
        let more = events.iter().filter(|event| kind(event) == "Chunk").count();
        assert_eq!(more, 0, "{events:?}");
        let list = "query M($c: ID!) { conversation(conversationId: $c) { messages { nodes { authorKind } } } }";
        let read = app.run(Some(&visitor.token), list, json!({ "c": conversation })).await;
        assert!(!read.to_string().contains("ASSISTANT"), "{read}");
    }
}
