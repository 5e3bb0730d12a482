//! Drafts of replies: for the agent who asks, until they are sent.

use std::sync::Arc;

use serde_json::{Value, json};
use yanit::ports::ai::{Calls, Finish, Models, Scripted};

use crate::harness::{
    app::{Options, TestApp},
    people::{Person, Site, Visitor, text},
    ws::Ws,
};

const SUGGEST: &str = "mutation S($i: SuggestReplyInput!) { suggestReply(input: $i) { run { id isDraft } } }";
const SEND: &str = "mutation S($i: SendDraftInput!) { sendDraft(input: $i) { message { id body authorKind author { name } } run { draftOutcome messageId } } }";
const DISCARD: &str = "mutation D($i: DiscardDraftInput!) { discardDraft(input: $i) { run { status draftOutcome } } }";
const STATISTICS: &str =
    "query Q($s: ID!) { draftStatistics(siteId: $s) { suggested sent edited discarded failed superseded open } }";
const FOLLOW: &str = "subscription R($r: ID!) { assistantRun(runId: $r) { __typename \
 ... on SourcesFound { sources { quote } } ... on Chunk { start text } ... on RunFailed { reason } \
 ... on DraftReady { run { id text status action confidence citations { number quote } } } } }";
const EVENTS: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { __typename \
 ... on MessageChanged { message { body authorKind } } ... on RunStarted { runId } ... on Chunk { runId text } ... on RunFinished { runId } } }";
const RETURNS: &str = "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.";

struct Talk {
    app: TestApp,
    site: Site,
    visitor: Visitor,
    conversation: String,
    agent: Person,
}

impl Talk {
    /// A conversation that an agent has taken.
    async fn new(options: Options, assistant: Value) -> Self {
        let app = TestApp::with(options).await;
        let site = app.site("acme").await;
        app.assistant(&site, assistant).await;
        app.article(&site, "İade koşulları", RETURNS).await;
        let agent = app.agent(&site, "Ayşe").await;
        let visitor = app.visitor(&site).await;
        let conversation = app.conversation(&visitor).await;
        let take = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
        app.run(Some(&agent.token), take, json!({ "i": { "conversationId": conversation } })).await;
        Self { app, site, visitor, conversation, agent }
    }

    async fn ask(&self, body: &str) {
        self.app.say(&self.visitor.token, &self.conversation, body).await;
    }

    /// Asks for a draft.
    async fn suggest(&self) -> String {
        let input = json!({ "i": { "conversationId": self.conversation } });
        let data = self.app.run(Some(&self.agent.token), SUGGEST, input).await;
        assert_eq!(data["suggestReply"]["run"]["isDraft"], true);
        text(&data["suggestReply"]["run"]["id"])
    }

    /// What the agent sees of a draft from its beginning to its end.
    async fn followed(&self, run: &str) -> Vec<Value> {
        let mut ws = Ws::signed_in(&self.app.ws_url(), Some(&self.agent.token)).await;
        ws.subscribe("r", FOLLOW, json!({ "r": run })).await;
        let is_last = |kind: &Value| kind == "DraftReady" || kind == "RunFailed";
        let events = ws.until("r", |event| is_last(&event["assistantRun"]["__typename"])).await;
        events.into_iter().map(|event| event["assistantRun"].clone()).collect()
    }

    async fn send(&self, run: &str, body: Option<&str>) -> Value {
        let data = self.app.run(Some(&self.agent.token), SEND, json!({ "i": { "runId": run, "body": body } })).await;
        data["sendDraft"].clone()
    }

    async fn refused(&self, document: &str, input: Value) -> String {
        self.app.refused(Some(&self.agent.token), document, json!({ "i": input })).await
    }

    async fn counted(&self) -> Value {
        let asked = self.app.run(Some(&self.site.admin.token), STATISTICS, json!({ "s": self.site.id })).await;
        asked["draftStatistics"].clone()
    }
}

async fn with_model() -> (Talk, Calls) {
    let (model, calls) = Scripted::stepped();
    let options = Options { models: Some(Models::with_openai_compatible(Arc::new(model))), ..Options::default() };
    (Talk::new(options, json!({ "provider": "OPENAI_COMPATIBLE" })).await, calls)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["__typename"].as_str().unwrap_or_default()).collect()
}

fn last(events: &[Value]) -> &Value {
    events.last().expect("an event")
}

#[tokio::test]
async fn a_draft_is_streamed_to_the_agent_who_asked_and_sent_in_their_name() {
    let (talk, mut calls) = with_model().await;
    talk.ask("Aldığım ürünü kaç gün içinde iade edebilirim?").await;
    let run = talk.suggest().await;
    let (events, ()) = tokio::join!(talk.followed(&run), async {
        let call = calls.next().await.expect("the model is asked");
        assert!(call.prompt.system.contains("draft"), "{}", call.prompt.system);
        call.say("İade için 14 gününüz var [1]");
        call.say(". Sevgiler");
        call.finish(Finish::Stop, None);
    });
    assert_eq!((kinds(&events)[0], last(&events)["__typename"].as_str()), ("RunStarted", Some("DraftReady")));
    let shown: String = events.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(shown, "İade için 14 gününüz var [1]. Sevgiler");
    let ready = &last(&events)["run"];
    assert_eq!((&ready["text"], &ready["action"]), (&json!(shown), &json!("ANSWER")));
    assert_eq!(ready["citations"], json!([{ "number": 1, "quote": RETURNS }]));

    // Nobody else may see it.
    for token in [&talk.visitor.token, &talk.site.admin.token] {
        let run = json!({ "r": run });
        assert_eq!(
            talk.app.refused(Some(token), "query R($r: ID!) { run(runId: $r) { text } }", run).await,
            "NOT_FOUND"
        );
    }

    let sent = talk.send(&run, None).await;
    assert_eq!(sent["message"]["body"], "İade için 14 gününüz var. Sevgiler");
    assert_eq!((&sent["message"]["authorKind"], &sent["message"]["author"]["name"]), (&json!("AGENT"), &json!("Ayşe")));
    assert_eq!((&sent["run"]["draftOutcome"], &sent["run"]["messageId"]), (&json!("SENT"), &sent["message"]["id"]));
    assert_eq!(talk.send(&run, Some("something else")).await["message"], sent["message"], "a draft is sent once");

    // All that the visitor saw is the question and the agent's message.
    let mut ws = Ws::signed_in(&talk.app.ws_url(), Some(&talk.visitor.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": talk.conversation })).await;
    let seen = ws.until("e", |event| event["conversationEvents"]["message"]["authorKind"] == "AGENT").await;
    let seen: Vec<Value> = seen.iter().map(|event| event["conversationEvents"].clone()).collect();
    assert!(!kinds(&seen).iter().any(|kind| kind.starts_with("Run") || *kind == "Chunk"), "{seen:?}");
}

#[tokio::test]
async fn drafts_are_edited_discarded_and_counted() {
    let talk = Talk::new(Options::default(), json!({})).await;
    talk.ask("Aldığım ürünü kaç gün içinde iade edebilirim?").await;
    let edited = talk.suggest().await;
    let events = talk.followed(&edited).await;
    assert_eq!(last(&events)["run"]["text"], RETURNS, "the built-in answerer quotes");
    let sent = talk.send(&edited, Some("Elbette: 14 gün.")).await;
    assert_eq!(
        (&sent["message"]["body"], &sent["run"]["draftOutcome"]),
        (&json!("Elbette: 14 gün."), &json!("EDITED"))
    );
    assert_eq!(talk.refused(DISCARD, json!({ "runId": edited })).await, "CONFLICT/DRAFT_CLOSED");

    let discarded = talk.suggest().await;
    talk.followed(&discarded).await;
    for _ in 0..2 {
        let data = talk.app.run(Some(&talk.agent.token), DISCARD, json!({ "i": { "runId": discarded } })).await;
        assert_eq!(data["discardDraft"]["run"]["draftOutcome"], "DISCARDED");
    }
    assert_eq!(talk.refused(SEND, json!({ "runId": discarded })).await, "CONFLICT/DRAFT_CLOSED");

    talk.followed(&talk.suggest().await).await;
    let counted =
        json!({ "suggested": 3, "sent": 0, "edited": 1, "discarded": 1, "failed": 0, "superseded": 0, "open": 1 });
    assert_eq!(talk.counted().await, counted);
}

#[tokio::test]
async fn a_draft_replies_to_the_question_and_not_to_the_wish_for_a_person() {
    let talk = Talk::new(Options::default(), json!({})).await;
    assert_eq!(
        talk.refused(SUGGEST, json!({ "conversationId": talk.conversation })).await,
        "CONFLICT/NOTHING_TO_ANSWER"
    );
    talk.ask("Aldığım ürünü kaç gün içinde iade edebilirim?").await;
    talk.ask("Bir temsilciyle görüşmek istiyorum").await;
    let events = talk.followed(&talk.suggest().await).await;
    assert_eq!(last(&events)["run"]["text"], RETURNS);
}

#[tokio::test]
async fn where_nothing_is_found_the_draft_asks_back() {
    let talk = Talk::new(Options::default(), json!({})).await;
    talk.ask("Uzay mekiğiniz ne zaman kalkıyor?").await;
    let run = talk.suggest().await;
    let events = talk.followed(&run).await;
    assert!(kinds(&events).contains(&"Chunk"), "{events:?}");
    assert_ne!(last(&events)["__typename"], "RunFailed", "{events:?}");
    assert_eq!(talk.counted().await["failed"], 0);
}

#[tokio::test]
async fn a_newer_draft_takes_the_place_of_one_that_is_being_written_and_a_stopped_one_stays() {
    let (talk, mut calls) = with_model().await;
    talk.ask("Aldığım ürünü kaç gün içinde iade edebilirim?").await;
    let first = talk.suggest().await;
    let call = calls.next().await.expect("the model is asked");
    call.say("İade ");
    assert_eq!(talk.refused(SEND, json!({ "runId": first })).await, "CONFLICT/DRAFT_NOT_READY");
    let second = talk.suggest().await;
    call.cancelled().await;
    let events = talk.followed(&first).await;
    assert_eq!(last(&events)["reason"], "SUPERSEDED");

    let call = calls.next().await.expect("the model is asked again");
    let (events, ()) = tokio::join!(talk.followed(&second), async {
        let mut ws = Ws::signed_in(&talk.app.ws_url(), Some(&talk.agent.token)).await;
        ws.subscribe("r", FOLLOW, json!({ "r": second })).await;
        call.say("14 gün [1] içinde iade");
        ws.until("r", |event| event["assistantRun"]["__typename"] == "Chunk").await;
        let stop = "mutation S($i: StopRunInput!) { stopRun(input: $i) { run { status } } }";
        talk.app.run(Some(&talk.agent.token), stop, json!({ "i": { "runId": second } })).await;
        call.cancelled().await;
    });
    let ready = &last(&events)["run"];
    assert_eq!((&ready["status"], &ready["text"]), (&json!("STOPPED"), &json!("14 gün [1] içinde iade")));
    assert_eq!(talk.send(&second, None).await["message"]["body"], "14 gün içinde iade");
    let counted = talk.counted().await;
    assert_eq!((&counted["superseded"], &counted["sent"]), (&json!(1), &json!(1)));
}
