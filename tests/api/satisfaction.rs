//! Why conversations were closed, and how content those were who asked.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    people::{Person, Site, Visitor, text},
    ws::Ws,
};

const CLOSE: &str = "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { status closing { reason note assignee { name } } } } }";
const REOPEN: &str =
    "mutation R($i: ReopenConversationInput!) { reopenConversation(input: $i) { conversation { status } } }";
const RATE: &str = "mutation R($i: RateConversationInput!) { rateConversation(input: $i) { conversation { rating { score comment ratedAt editableUntil } } } }";
const READ: &str = "query C($c: ID!) { conversation(conversationId: $c) { cursor status closing { reason note closedAt assignee { id } } rating { score comment } } }";
const FIGURES: &str = "query S($s: ID!, $f: DateTime, $t: DateTime, $a: ID) { satisfaction(siteId: $s, from: $f, to: $t, agentId: $a) { \
 closed rated responseRate mean distribution { score count } agents { agentId agent { name } closed rated mean } \
 ratings(first: 10) { totalCount nodes { rating { score comment } conversation { id } } } } }";
const EVENTS: &str = "subscription E($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { __typename \
 ... on ConversationChanged { conversationChange closeReason conversation { closing { reason note } rating { score } } } } }";
const HOUR: u64 = 3_600;

struct Desk {
    app: TestApp,
    site: Site,
    agent: Person,
}

impl Desk {
    async fn new() -> Self {
        let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
        let site = app.site("acme").await;
        let agent = app.agent(&site, "Ayşe").await;
        Self { app, site, agent }
    }

    /// A conversation that was given to somebody and closed.
    async fn closed(&self, assignee: Option<&Person>) -> (Visitor, String) {
        let visitor = self.app.visitor(&self.site).await;
        let conversation = self.app.conversation(&visitor).await;
        self.assign(&conversation, assignee).await;
        self.close(&self.agent.token, json!({ "conversationId": conversation })).await;
        (visitor, conversation)
    }

    /// The same visitor with a new token.
    async fn back(&self, visitor: &Visitor) -> Visitor {
        let start = "mutation V($i: StartVisitorSessionInput!) { startVisitorSession(input: $i) { token visitorId } }";
        let input = json!({ "i": { "siteKey": self.site.key, "visitorToken": visitor.token } });
        let session = self.app.run(None, start, input).await["startVisitorSession"].clone();
        assert_eq!(session["visitorId"], json!(visitor.id));
        Visitor { id: visitor.id.clone(), token: text(&session["token"]) }
    }

    async fn assign(&self, conversation: &str, assignee: Option<&Person>) {
        let assign = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { __typename } }";
        let id = assignee.map(|person| &person.id);
        let input = json!({ "i": { "conversationId": conversation, "assigneeId": id } });
        self.app.run(Some(&self.agent.token), assign, input).await;
    }

    async fn close(&self, token: &str, input: Value) -> Value {
        self.app.run(Some(token), CLOSE, json!({ "i": input })).await["closeConversation"]["conversation"].clone()
    }

    async fn rate(&self, visitor: &Visitor, conversation: &str, score: i32, comment: Option<&str>) -> Value {
        let input = json!({ "i": { "conversationId": conversation, "score": score, "comment": comment } });
        self.app.run(Some(&visitor.token), RATE, input).await["rateConversation"]["conversation"]["rating"].clone()
    }

    async fn refused(&self, token: &str, conversation: &str, score: i32) -> String {
        let input = json!({ "i": { "conversationId": conversation, "score": score } });
        self.app.refused(Some(token), RATE, input).await
    }

    async fn read(&self, token: &str, conversation: &str) -> Value {
        self.app.run(Some(token), READ, json!({ "c": conversation })).await["conversation"].clone()
    }

    async fn figures(&self, more: Value) -> Value {
        let mut variables = json!({ "s": self.site.id });
        variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.app.run(Some(&self.site.admin.token), FIGURES, variables).await["satisfaction"].clone()
    }
}

#[tokio::test]
async fn members_say_why_they_close_and_only_members_see_it() {
    let desk = Desk::new().await;
    let (app, agent) = (&desk.app, desk.agent.token.as_str());
    let visitor = app.visitor(&desk.site).await;
    let conversation = app.conversation(&visitor).await;
    desk.assign(&conversation, Some(&desk.agent)).await;
    let with =
        |reason: Value, note: Value| json!({ "i": { "conversationId": conversation, "reason": reason, "note": note } });
    for (reason, note) in [(json!("RESOLVED"), Value::Null), (Value::Null, json!("x"))] {
        assert_eq!(app.refused(Some(&visitor.token), CLOSE, with(reason, note)).await, "FORBIDDEN");
    }
    let note_only = with(Value::Null, json!("x"));
    assert_eq!(app.refused(Some(agent), CLOSE, note_only).await, "BAD_USER_INPUT/INVALID_COMBINATION");
    let long = with(json!("OTHER"), json!("x".repeat(1_001)));
    assert_eq!(app.refused(Some(agent), CLOSE, long).await, "BAD_USER_INPUT/TOO_LONG");
    assert_eq!(desk.read(agent, &conversation).await["status"], "OPEN");

    let cursor = desk.read(agent, &conversation).await["cursor"].clone();
    let closed = app.run(Some(agent), CLOSE, with(json!("SPAM"), json!("  Reklam "))).await;
    let closing = json!({ "reason": "SPAM", "note": "Reklam", "assignee": { "name": "Ayşe" } });
    assert_eq!(closed["closeConversation"]["conversation"]["closing"], closing);
    let of_others = desk.read(&visitor.token, &conversation).await;
    assert_eq!((&of_others["status"], &of_others["closing"]), (&json!("CLOSED"), &Value::Null));

    // Told in the event, to members only.
    for (token, reason, note) in [
        (agent, json!("SPAM"), json!({ "reason": "SPAM", "note": "Reklam" })),
        (&visitor.token, Value::Null, Value::Null),
    ] {
        let mut ws = Ws::signed_in(&app.ws_url(), Some(token)).await;
        ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": cursor })).await;
        let event = ws.next("e").await["conversationEvents"].clone();
        assert_eq!((&event["conversationChange"], &event["closeReason"]), (&json!("CLOSED"), &reason));
        assert_eq!(event["conversation"]["closing"], note);
    }

    // Reopening clears it; the visitor closes without a reason.
    app.run(Some(agent), REOPEN, json!({ "i": { "conversationId": conversation } })).await;
    assert_eq!(desk.read(agent, &conversation).await["closing"], Value::Null);
    desk.close(&visitor.token, json!({ "conversationId": conversation })).await;
    let again = desk.read(agent, &conversation).await["closing"].clone();
    assert_eq!((&again["reason"], &again["note"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn who_asked_rates_once_after_closing_and_may_think_again_for_a_day() {
    let desk = Desk::new().await;
    let app = &desk.app;
    let visitor = app.visitor(&desk.site).await;
    let conversation = app.conversation(&visitor).await;
    assert_eq!(desk.refused(&visitor.token, &conversation, 5).await, "CONFLICT/CONVERSATION_OPEN");
    desk.close(&desk.agent.token, json!({ "conversationId": conversation })).await;
    for score in [0, 6, -1] {
        assert_eq!(desk.refused(&visitor.token, &conversation, score).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    }
    let long = json!({ "i": { "conversationId": conversation, "score": 5, "comment": "x".repeat(1_001) } });
    assert_eq!(app.refused(Some(&visitor.token), RATE, long).await, "BAD_USER_INPUT/TOO_LONG");
    assert_eq!(desk.refused(&desk.agent.token, &conversation, 5).await, "FORBIDDEN");
    let other = app.visitor(&desk.site).await;
    assert_eq!(desk.refused(&other.token, &conversation, 5).await, "NOT_FOUND");
    assert_eq!(desk.read(&desk.agent.token, &conversation).await["rating"], Value::Null);

    let cursor = desk.read(&desk.agent.token, &conversation).await["cursor"].clone();
    let first = desk.rate(&visitor, &conversation, 2, Some(" Çok bekledim ")).await;
    assert_eq!((&first["score"], &first["comment"]), (&json!(2), &json!("Çok bekledim")));
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&desk.agent.token)).await;
    ws.subscribe("e", EVENTS, json!({ "c": conversation, "a": cursor })).await;
    let event = ws.next("e").await["conversationEvents"].clone();
    assert_eq!((&event["conversationChange"], &event["conversation"]["rating"]["score"]), (&json!("RATED"), &json!(2)));

    app.clock.advance(Duration::from_secs(24 * HOUR));
    let visitor = desk.back(&visitor).await;
    let second = desk.rate(&visitor, &conversation, 4, None).await;
    assert_eq!((&second["score"], &second["comment"]), (&json!(4), &Value::Null));
    assert_eq!((&second["ratedAt"], &second["editableUntil"]), (&first["ratedAt"], &first["editableUntil"]));
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(desk.refused(&visitor.token, &conversation, 5).await, "CONFLICT/RATING_FINAL");
    assert_eq!(desk.rate(&visitor, &conversation, 4, None).await, second, "the same again is no change");
}

#[tokio::test]
async fn a_rating_survives_reopening_and_a_conversation_closed_again_is_rated_again() {
    let desk = Desk::new().await;
    let (visitor, conversation) = desk.closed(Some(&desk.agent)).await;
    desk.rate(&visitor, &conversation, 1, None).await;
    // A visitor's message brings the conversation back.
    desk.app.say(&visitor.token, &conversation, "Bir şey daha").await;
    assert_eq!(desk.refused(&visitor.token, &conversation, 5).await, "CONFLICT/CONVERSATION_OPEN");
    assert_eq!(desk.read(&visitor.token, &conversation).await["rating"]["score"], 1);
    desk.assign(&conversation, Some(&desk.site.admin)).await;
    desk.close(&desk.agent.token, json!({ "conversationId": conversation })).await;
    desk.rate(&visitor, &conversation, 5, Some("Şimdi oldu")).await;
    assert_eq!(
        desk.read(&visitor.token, &conversation).await["rating"],
        json!({ "score": 5, "comment": "Şimdi oldu" })
    );
    let figures = desk.figures(json!({})).await;
    assert_eq!((&figures["closed"], &figures["rated"], &figures["mean"]), (&json!(2), &json!(2), &json!(3.0)));
    for (agent, mean) in [(&desk.agent.id, 1.0), (&desk.site.admin.id, 5.0)] {
        assert_eq!(desk.figures(json!({ "a": agent })).await["mean"], mean);
    }
}

#[tokio::test]
async fn admins_see_distribution_mean_and_response_rate_of_a_time_and_of_who_had_the_conversation() {
    let desk = Desk::new().await;
    let admin = &desk.site.admin;
    let none = desk.figures(json!({})).await;
    assert_eq!((&none["closed"], &none["mean"], &none["responseRate"]), (&json!(0), &Value::Null, &Value::Null));
    let start = desk.app.clock.now();
    for (assignee, score) in
        [(Some(&desk.agent), Some(5)), (Some(&desk.agent), Some(4)), (Some(&desk.agent), None), (Some(admin), Some(1))]
    {
        let (visitor, conversation) = desk.closed(assignee).await;
        if let Some(score) = score {
            desk.rate(&visitor, &conversation, score, Some("Yorum")).await;
        }
        // Who has it later does not count.
        desk.assign(&conversation, None).await;
    }
    // Closed, and reopened without a rating: it is not over.
    let (_, going_on) = desk.closed(Some(&desk.agent)).await;
    desk.app.run(Some(&desk.agent.token), REOPEN, json!({ "i": { "conversationId": going_on } })).await;
    desk.app.clock.advance(Duration::from_secs(60));
    let (later, last) = desk.closed(None).await;
    desk.rate(&later, &last, 3, None).await;

    let all = desk.figures(json!({})).await;
    assert_eq!((&all["closed"], &all["rated"], &all["mean"]), (&json!(5), &json!(4), &json!(3.25)));
    assert_eq!(all["responseRate"], 0.8);
    let counts: Vec<(i64, i64)> = all["distribution"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["score"].as_i64().unwrap(), entry["count"].as_i64().unwrap()))
        .collect();
    assert_eq!(counts, [(1, 1), (2, 0), (3, 1), (4, 1), (5, 1)]);
    let best = &all["agents"][0];
    assert_eq!(
        (&best["agent"]["name"], &best["closed"], &best["rated"], &best["mean"]),
        (&json!("Ayşe"), &json!(3), &json!(2), &json!(4.5))
    );
    assert_eq!(all["agents"].as_array().unwrap().len(), 2, "nobody had the last one");
    assert_eq!(all["ratings"]["totalCount"], 4);
    let newest = &all["ratings"]["nodes"][0];
    assert_eq!((&newest["rating"]["score"], &newest["conversation"]["id"]), (&json!(3), &json!(last)));

    let until = (start + Duration::from_secs(60)).to_rfc3339();
    let early = desk.figures(json!({ "t": until })).await;
    assert_eq!((&early["closed"], &early["rated"]), (&json!(4), &json!(3)), "`to` is not part of it");
    let late = desk.figures(json!({ "f": until })).await;
    assert_eq!((&late["closed"], &late["mean"]), (&json!(1), &json!(3.0)), "`from` is");
    let of_agent = desk.figures(json!({ "a": desk.agent.id })).await;
    assert_eq!((&of_agent["closed"], &of_agent["mean"]), (&json!(3), &json!(4.5)));

    let turned = json!({ "s": desk.site.id, "f": until, "t": start.to_rfc3339() });
    assert_eq!(desk.app.refused(Some(&admin.token), FIGURES, turned).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    let of_site = json!({ "s": desk.site.id });
    assert_eq!(desk.app.refused(Some(&desk.agent.token), FIGURES, of_site).await, "FORBIDDEN");
}
