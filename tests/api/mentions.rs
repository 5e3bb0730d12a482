//! Members who are mentioned in internal notes.

use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Person, Site, Visitor, new_id, text},
    ws::Ws,
};

const NOTE: &str = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id mentions { id name } } } }";
const MENTIONS: &str = "query M($s: ID, $u: Boolean, $f: Int, $a: String) { mentions(siteId: $s, unread: $u, first: $f, after: $a) { \
 totalCount pageInfo { endCursor } nodes { readAt createdAt message { id body author { name } mentions { name } } conversation { id } } } }";
const MARK: &str =
    "mutation R($i: MarkMentionsReadInput!) { markMentionsRead(input: $i) { mentions { readAt message { id } } } }";
const EVENTS: &str = "subscription E($s: ID!, $a: EventCursor) { mentionEvents(siteId: $s, after: $a) { __typename \
 ... on MentionChanged { cursor mentionChange mention { readAt message { body } } } } }";

struct Desk {
    app: TestApp,
    site: Site,
    visitor: Visitor,
    conversation: String,
    ayse: Person,
    bora: Person,
}

impl Desk {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let site = app.site("acme").await;
        let (ayse, bora) = (app.agent(&site, "Ayşe").await, app.agent(&site, "Bora").await);
        let visitor = app.visitor(&site).await;
        let conversation = app.conversation(&visitor).await;
        Self { app, site, visitor, conversation, ayse, bora }
    }

    fn new_note(&self, body: &str, mentions: &[&Person]) -> Value {
        let ids: Vec<&str> = mentions.iter().map(|person| person.id.as_str()).collect();
        json!({ "i": { "conversationId": self.conversation, "body": body, "mentionIds": ids, "clientId": new_id() } })
    }

    /// Ayşe writes a note; its id.
    async fn note(&self, body: &str, mentions: &[&Person]) -> String {
        let data = self.app.run(Some(&self.ayse.token), NOTE, self.new_note(body, mentions)).await;
        text(&data["addNote"]["message"]["id"])
    }

    async fn mentions(&self, who: &Person, variables: Value) -> Value {
        self.app.run(Some(&who.token), MENTIONS, variables).await["mentions"].clone()
    }
}

#[tokio::test]
async fn who_is_mentioned_finds_the_note_once_and_marks_it_as_read() {
    let desk = Desk::new().await;
    let app = &desk.app;
    let input = desk.new_note("@[user] bakar mısın?", &[&desk.bora, &desk.site.admin, &desk.bora]);
    let first = app.run(Some(&desk.ayse.token), NOTE, input.clone()).await;
    assert_eq!(app.run(Some(&desk.ayse.token), NOTE, input.clone()).await, first, "a retry is the same note");
    let mut other = input;
    other["i"]["mentionIds"] = json!([desk.bora.id]);
    assert_eq!(app.refused(Some(&desk.ayse.token), NOTE, other).await, "CONFLICT/IDEMPOTENCY_MISMATCH");
    let mut names: Vec<String> =
        first["addNote"]["message"]["mentions"].as_array().unwrap().iter().map(|it| text(&it["name"])).collect();
    names.sort();
    assert_eq!(names, ["Bora", "acme-admin"]);
    let note = text(&first["addNote"]["message"]["id"]);

    let unread = desk.mentions(&desk.bora, json!({ "u": true })).await;
    assert_eq!((&unread["totalCount"], &unread["nodes"][0]["readAt"]), (&json!(1), &Value::Null));
    let found = &unread["nodes"][0];
    assert_eq!((&found["message"]["id"], &found["message"]["author"]["name"]), (&json!(note), &json!("Ayşe")));
    assert_eq!(found["conversation"]["id"], json!(desk.conversation));
    assert_eq!(desk.mentions(&desk.ayse, json!({})).await["totalCount"], 0, "who writes is not mentioned");

    let mark = json!({ "i": { "messageIds": [note] } });
    let marked = app.run(Some(&desk.bora.token), MARK, mark.clone()).await;
    assert!(marked["markMentionsRead"]["mentions"][0]["readAt"].is_string());
    assert_eq!(app.run(Some(&desk.bora.token), MARK, mark.clone()).await, marked, "twice changes nothing");
    assert_eq!(desk.mentions(&desk.bora, json!({ "u": true })).await["totalCount"], 0);
    assert_eq!(desk.mentions(&desk.bora, json!({ "u": false })).await["totalCount"], 1);
    assert_eq!(desk.mentions(&desk.site.admin, json!({ "u": true })).await["totalCount"], 1, "each reads for themself");
    assert_eq!(app.refused(Some(&desk.ayse.token), MARK, mark).await, "NOT_FOUND");
    let none = json!({ "i": { "messageIds": [] } });
    assert_eq!(app.refused(Some(&desk.bora.token), MARK, none).await, "BAD_USER_INPUT/OUT_OF_RANGE");
}

#[tokio::test]
async fn only_members_who_may_read_notes_are_mentioned_and_at_most_twenty() {
    let desk = Desk::new().await;
    let app = &desk.app;
    let stranger = app.person("stranger").await;
    let other = app.site("other").await;
    for outsider in [&stranger, &other.admin] {
        let input = desk.new_note("psst", &[&desk.bora, outsider]);
        let answer = app.post(Some(&desk.ayse.token), NOTE, input).await;
        let error = &answer["errors"][0];
        assert_eq!(
            (&error["extensions"]["reason"], &error["extensions"]["field"]),
            (&json!("NOT_MEMBER"), &json!("input.mentionIds[1]"))
        );
        assert!(text(&error["message"]).contains(&outsider.id), "{error}");
    }
    assert_eq!(desk.mentions(&desk.bora, json!({})).await["totalCount"], 0, "all or nothing");
    let mut many = desk.new_note("psst", &[]);
    many["i"]["mentionIds"] = (1..=21).map(|id| json!(format!("user_{id:032x}"))).collect();
    assert_eq!(app.refused(Some(&desk.ayse.token), NOTE, many).await, "BAD_USER_INPUT/TOO_LONG");

    // A member who asks on their own site as a customer does not learn what is noted about them.
    let input = json!({ "openToCustomers": true });
    let assistant = app.assistant(&desk.site, input).await;
    let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    let own = app.run(Some(&desk.bora.token), start, json!({ "i": { "assistantId": assistant } })).await;
    let own = &own["startConversation"]["conversation"]["id"];
    let about_them = json!({ "i": { "conversationId": own, "body": "psst", "mentionIds": [desk.bora.id] } });
    assert_eq!(app.refused(Some(&desk.ayse.token), NOTE, about_them).await, "BAD_USER_INPUT/NOT_MEMBER");
    assert_eq!(app.refused(Some(&desk.visitor.token), MENTIONS, json!({})).await, "FORBIDDEN");
}

#[tokio::test]
async fn mentions_are_told_to_the_one_who_is_mentioned_and_to_nobody_else() {
    let desk = Desk::new().await;
    let app = &desk.app;
    let start = "query C($s: ID!) { inboxCursor(siteId: $s) }";
    let start = app.run(Some(&desk.bora.token), start, json!({ "s": desk.site.id })).await["inboxCursor"].clone();
    desk.note("missed", &[&desk.bora]).await;
    desk.note("for the admin", &[&desk.site.admin]).await;

    let mut bora = Ws::signed_in(&app.ws_url(), Some(&desk.bora.token)).await;
    bora.subscribe("m", EVENTS, json!({ "s": desk.site.id, "a": start })).await;
    // The same document by somebody of the same role is another stream.
    let mut ayse = Ws::signed_in(&app.ws_url(), Some(&desk.ayse.token)).await;
    ayse.subscribe("m", EVENTS, json!({ "s": desk.site.id, "a": start })).await;
    let missed = bora.next("m").await["mentionEvents"].clone();
    assert_eq!((&missed["mentionChange"], &missed["mention"]["message"]["body"]), (&json!("ADDED"), &json!("missed")));

    let live = desk.note("live", &[&desk.bora]).await;
    let event = bora.next("m").await["mentionEvents"].clone();
    assert_eq!((&event["mentionChange"], &event["mention"]["message"]["body"]), (&json!("ADDED"), &json!("live")));
    app.run(Some(&desk.bora.token), MARK, json!({ "i": { "messageIds": [live] } })).await;
    let read = bora.next("m").await["mentionEvents"].clone();
    assert_eq!((&read["mentionChange"], read["mention"]["readAt"].is_string()), (&json!("READ"), true));

    // Resumed, nothing comes twice.
    let mut again = Ws::signed_in(&app.ws_url(), Some(&desk.bora.token)).await;
    again.subscribe("m", EVENTS, json!({ "s": desk.site.id, "a": event["cursor"] })).await;
    assert_eq!(again.next("m").await["mentionEvents"]["cursor"], read["cursor"]);

    let input = desk.new_note("for Ayşe", &[&desk.ayse]);
    app.run(Some(&desk.bora.token), NOTE, input).await;
    let first = ayse.next("m").await["mentionEvents"].clone();
    assert_eq!(first["mention"]["message"]["body"], "for Ayşe", "nothing of Bora's came before");
    let visitor = app.post(Some(&desk.visitor.token), MENTIONS, json!({})).await;
    assert!(visitor["data"].is_null(), "{visitor}");
}

#[tokio::test]
async fn mentions_go_with_the_note_and_with_the_membership() {
    let desk = Desk::new().await;
    let app = &desk.app;
    let first = desk.note("first", &[&desk.bora]).await;
    desk.note("second", &[&desk.bora]).await;
    let third = desk.note("third", &[&desk.bora]).await;
    let bodies = async |variables: Value| {
        let page = desk.mentions(&desk.bora, variables).await;
        let nodes = page["nodes"].as_array().unwrap().clone();
        let bodies = nodes.iter().map(|node| text(&node["message"]["body"])).collect::<Vec<_>>();
        (bodies, page["pageInfo"]["endCursor"].clone())
    };
    let (newest, end) = bodies(json!({ "f": 2, "s": desk.site.id })).await;
    assert_eq!(newest, ["third", "second"], "newest first");
    assert_eq!(bodies(json!({ "f": 2, "a": end })).await.0, ["first"]);

    let delete = "mutation D($i: DeleteMessageInput!) { deleteMessage(input: $i) { message { mentions { id } } } }";
    let deleted = app.run(Some(&desk.ayse.token), delete, json!({ "i": { "messageId": third } })).await;
    assert_eq!(deleted["deleteMessage"]["message"]["mentions"], json!([]));
    assert_eq!(bodies(json!({})).await.0, ["second", "first"]);

    // Another site's are not in the list of this one.
    let other = app.site("other").await;
    let answer = app.refused(Some(&desk.bora.token), MENTIONS, json!({ "s": other.id })).await;
    assert_eq!(answer, "NOT_FOUND");

    let members = "query S($s: ID!) { siteMembers(siteId: $s, first: 10) { nodes { id user { id } } } }";
    let members = app.run(Some(&desk.site.admin.token), members, json!({ "s": desk.site.id })).await;
    let members = members["siteMembers"]["nodes"].as_array().unwrap().clone();
    let member = members.iter().find(|member| member["user"]["id"] == json!(desk.bora.id)).expect("they are one");
    let remove = "mutation R($i: RemoveMemberInput!) { removeMember(input: $i) { __typename } }";
    app.run(Some(&desk.site.admin.token), remove, json!({ "i": { "memberId": member["id"] } })).await;
    assert_eq!(app.refused(Some(&desk.bora.token), MENTIONS, json!({})).await, "FORBIDDEN");
    let mark = json!({ "i": { "messageIds": [first] } });
    assert_eq!(app.refused(Some(&desk.bora.token), MARK, mark).await, "NOT_FOUND");
}
