//! Whether answers helped, by the word of those who asked.

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Site, Visitor, text},
    ws::Ws,
};

const RATE: &str = "mutation R($i: RateAnswerInput!) { rateAnswer(input: $i) { message { id feedback { helpful comment ratedAt } } } }";
const SUMMARY: &str = "query S($s: ID!, $f: DateTime, $t: DateTime, $a: ID) { answerFeedback(siteId: $s, from: $f, to: $t, assistantId: $a) { \
 answers helpful unhelpful assistants { assistantId helpful unhelpful assistant { name } } \
 ratings(first: 10) { totalCount nodes { feedback { helpful comment } message { id body } } } } }";
const MESSAGES: &str = "query M($c: ID!) { conversation(conversationId: $c) { messages(first: 50) { nodes { id authorKind feedback { helpful comment } } } } }";

/// Asks and waits for the answer: the conversation and the assistant's message.
pub(crate) async fn answered(app: &TestApp, visitor: &Visitor, question: &str) -> (String, String) {
    let conversation = app.conversation(visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let events = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { \
                  __typename ... on RunFinished { message { id } } } }";
    ws.subscribe("e", events, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, question).await;
    let seen = ws.until("e", |event| event["conversationEvents"]["message"]["id"].is_string()).await;
    (conversation, text(&seen[seen.len() - 1]["conversationEvents"]["message"]["id"]))
}

async fn with_answer(app: &TestApp) -> (Site, String, Visitor, String, String) {
    let site = app.site("acme").await;
    let assistant = app.assistant(&site, json!({})).await;
    app.article(&site, "İade koşulları", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
    let visitor = app.visitor(&site).await;
    let (conversation, answer) = answered(app, &visitor, "Kaç gün içinde iade edebilirim?").await;
    (site, assistant, visitor, conversation, answer)
}

#[tokio::test]
async fn who_asked_rates_the_answer_once_and_may_think_again() {
    let app = TestApp::start().await;
    let (site, assistant, visitor, conversation, answer) = with_answer(&app).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&site.admin.token)).await;
    let cursor = "query C($c: ID!) { conversation(conversationId: $c) { cursor } }";
    let from =
        app.run(Some(&site.admin.token), cursor, json!({ "c": conversation })).await["conversation"]["cursor"].clone();
    let events = "subscription E($c: ID!, $a: EventCursor) { conversationEvents(conversationId: $c, after: $a) { __typename \
                  ... on MessageChanged { change message { id feedback { helpful } } } } }";
    ws.subscribe("e", events, json!({ "c": conversation, "a": from })).await;
    let rate = |helpful: bool, comment: Option<&str>| json!({ "i": { "messageId": answer, "helpful": helpful, "comment": comment } });
    let first = app.run(Some(&visitor.token), RATE, rate(false, Some(" Kargo ücreti?  "))).await;
    let feedback = &first["rateAnswer"]["message"]["feedback"];
    assert_eq!((&feedback["helpful"], &feedback["comment"]), (&json!(false), &json!("Kargo ücreti?")));
    let again = app.run(Some(&visitor.token), RATE, rate(false, Some("Kargo ücreti?"))).await;
    assert_eq!(again, first, "the same rating again changes nothing");
    app.run(Some(&visitor.token), RATE, rate(true, None)).await;
    let rated = |event: &Value| {
        event["conversationEvents"]["change"] == "RATED"
            && event["conversationEvents"]["message"]["feedback"]["helpful"] == true
    };
    let seen = ws.until("e", rated).await;
    assert!(seen.iter().all(|event| event["conversationEvents"]["message"]["id"] == json!(answer)), "{seen:?}");

    let messages = app.run(Some(&site.admin.token), MESSAGES, json!({ "c": conversation })).await;
    let messages = messages["conversation"]["messages"]["nodes"].as_array().unwrap().clone();
    let rated: Vec<&Value> = messages.iter().filter(|message| !message["feedback"].is_null()).collect();
    assert_eq!(rated.len(), 1);
    assert_eq!(rated[0]["feedback"], json!({ "helpful": true, "comment": null }));

    let all = app.run(Some(&site.admin.token), SUMMARY, json!({ "s": site.id })).await["answerFeedback"].clone();
    assert_eq!((&all["answers"], &all["helpful"], &all["unhelpful"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(all["assistants"][0]["assistantId"], json!(assistant));
    assert_eq!(all["ratings"]["totalCount"], 1);
    assert_eq!(all["ratings"]["nodes"][0]["message"]["id"], json!(answer));
}

#[tokio::test]
async fn ratings_are_of_answers_and_of_those_who_asked() {
    let app = TestApp::start().await;
    let (site, _, visitor, conversation, answer) = with_answer(&app).await;
    let rate = |id: &str| json!({ "i": { "messageId": id, "helpful": true } });
    let own = text(&app.say(&visitor.token, &conversation, "Teşekkürler").await["id"]);
    assert_eq!(app.refused(Some(&visitor.token), RATE, rate(&own)).await, "CONFLICT/NOT_AN_ANSWER");
    assert_eq!(app.refused(Some(&site.admin.token), RATE, rate(&answer)).await, "FORBIDDEN");
    let other = app.visitor(&site).await;
    assert_eq!(app.refused(Some(&other.token), RATE, rate(&answer)).await, "NOT_FOUND");
    assert_eq!(app.refused(None, RATE, rate(&answer)).await, "UNAUTHENTICATED");
    let long = json!({ "i": { "messageId": answer, "helpful": true, "comment": "x".repeat(1_001) } });
    assert_eq!(app.refused(Some(&visitor.token), RATE, long).await, "BAD_USER_INPUT/TOO_LONG");
}

#[tokio::test]
async fn admins_see_the_ratings_of_a_time_and_of_an_assistant() {
    let app = TestApp::start().await;
    let (site, assistant, visitor, conversation, answer) = with_answer(&app).await;
    let rate = json!({ "i": { "messageId": answer, "helpful": false, "comment": "Nein" } });
    app.run(Some(&visitor.token), RATE, rate).await;
    let admin = Some(site.admin.token.as_str());
    let of = async |variables: Value| app.run(admin, SUMMARY, variables).await["answerFeedback"].clone();
    let past = of(json!({ "s": site.id, "t": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(
        (&past["answers"], &past["unhelpful"], &past["ratings"]["totalCount"]),
        (&json!(0), &json!(0), &json!(0))
    );
    let since = of(json!({ "s": site.id, "f": "2020-01-01T00:00:00Z", "a": assistant })).await;
    assert_eq!((&since["answers"], &since["unhelpful"]), (&json!(1), &json!(1)));
    let another = app.assistant(&site, json!({ "name": "Other" })).await;
    let of_another = of(json!({ "s": site.id, "a": another })).await;
    assert_eq!((&of_another["answers"], &of_another["unhelpful"]), (&json!(0), &json!(0)));
    let turned = json!({ "s": site.id, "f": "2021-01-01T00:00:00Z", "t": "2020-01-01T00:00:00Z" });
    assert_eq!(app.refused(admin, SUMMARY, turned).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    let agent = app.agent(&site, "bob").await;
    assert_eq!(app.refused(Some(&agent.token), SUMMARY, json!({ "s": site.id })).await, "FORBIDDEN");
    // What is deleted with its conversation is rated no longer.
    let delete = "mutation D($i: DeleteConversationInput!) { deleteConversation(input: $i) { __typename } }";
    app.run(admin, delete, json!({ "i": { "conversationId": conversation } })).await;
    let after = of(json!({ "s": site.id })).await;
    assert_eq!((&after["answers"], &after["unhelpful"]), (&json!(0), &json!(0)));
}
