//! Conversations: exactly once, in order, visible to whom they should be, and followed without a gap.

use serde_json::{Value, json};

use yanit::kernel::journal::{self, Cursor, Scope};

use crate::harness::{
    app::{Options, TestApp},
    people::{SEND, Site, Visitor, new_id, text},
    ws::Ws,
};

const MESSAGES: &str = "query M($c: ID!, $f: Int, $a: String) { conversation(conversationId: $c) { unreadCount cursor messages(first: $f, after: $a) { totalCount pageInfo { hasNextPage endCursor } nodes { id seq body audience deliveryStatus editedAt deletedAt reactions { emoji count } revisions { body } } } } }";
const FOLLOW: &str = "subscription F($c: ID!, $a: EventCursor) { messages(conversationId: $c, after: $a) { __typename ... on MessageChanged { cursor change message { seq body audience } } ... on Gap { cursor from refetch } } }";

async fn messages(app: &TestApp, token: &str, conversation: &str) -> Vec<Value> {
    let data = app.run(Some(token), MESSAGES, json!({ "c": conversation, "f": 100 })).await;
    data["conversation"]["messages"]["nodes"].as_array().expect("a list").clone()
}

/// A visitor's conversation that somebody has. Its first message says so, and the server adds no other by itself.
async fn attended(app: &TestApp, site: &Site, visitor: &Visitor) -> String {
    let conversation = app.conversation(visitor).await;
    let take = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
    app.run(Some(&site.admin.token), take, json!({ "i": { "conversationId": conversation } })).await;
    conversation
}

#[tokio::test]
async fn two_starts_at_once_give_one_conversation() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let starts = (0..10).map(|_| app.conversation(&visitor));
    let mut ids = futures_util::future::join_all(starts).await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn fifty_retries_of_one_message_are_one_message() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = attended(&app, &site, &visitor).await;
    let client = new_id();
    let sends = (0..50).map(|_| app.say_as(&visitor.token, &conversation, "merhaba", &client));
    let answers = futures_util::future::join_all(sends).await;
    assert!(answers.iter().all(|answer| answer == &answers[0]), "equal answers");
    assert_eq!(messages(&app, &visitor.token, &conversation).await.len(), 2);
    let other = json!({ "i": { "conversationId": conversation, "body": "something else", "clientId": client } });
    assert_eq!(app.refused(Some(&visitor.token), SEND, other).await, "CONFLICT/IDEMPOTENCY_MISMATCH");
}

#[tokio::test]
async fn messages_are_numbered_in_the_order_in_which_they_are_stored() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = attended(&app, &site, &visitor).await;
    let bodies: Vec<String> = (0..40).map(|number| format!("message {number}")).collect();
    let sends = bodies.iter().map(|body| app.say(&visitor.token, &conversation, body));
    let sent = futures_util::future::join_all(sends).await;
    let mut seqs: Vec<i64> = sent.iter().filter_map(|message| message["seq"].as_i64()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (2..=41).collect::<Vec<_>>());
    let listed = messages(&app, &visitor.token, &conversation).await;
    let listed: Vec<i64> = listed.iter().filter_map(|message| message["seq"].as_i64()).collect();
    assert_eq!(listed[1..], seqs);
}

#[tokio::test]
async fn pages_of_messages_join_without_gap_or_double() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = attended(&app, &site, &visitor).await;
    for number in 0..7 {
        app.say(&visitor.token, &conversation, &format!("{number}")).await;
    }
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let data = app.run(Some(&visitor.token), MESSAGES, json!({ "c": conversation, "f": 3, "a": after })).await;
        let page = &data["conversation"]["messages"];
        assert_eq!(page["totalCount"], 8);
        seen.extend(page["nodes"].as_array().expect("nodes").iter().map(|node| text(&node["body"])));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seen[1..], ["0", "1", "2", "3", "4", "5", "6"]);
    for (first, expected) in
        [(0, "BAD_USER_INPUT/OUT_OF_RANGE"), (-1, "BAD_USER_INPUT/OUT_OF_RANGE"), (101, "BAD_USER_INPUT/OUT_OF_RANGE")]
    {
        assert_eq!(
            app.refused(Some(&visitor.token), MESSAGES, json!({ "c": conversation, "f": first })).await,
            expected
        );
    }
}

#[tokio::test]
async fn an_internal_note_reaches_members_of_the_site_only() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "ada").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut as_visitor = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    let cursor =
        app.run(Some(&visitor.token), MESSAGES, json!({ "c": conversation })).await["conversation"]["cursor"].clone();
    as_visitor.subscribe("v", FOLLOW, json!({ "c": conversation, "a": cursor })).await;
    let mut as_agent = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    as_agent.subscribe("a", FOLLOW, json!({ "c": conversation, "a": cursor })).await;

    let note = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id audience } } }";
    let input = json!({ "i": { "conversationId": conversation, "body": "difficult customer" } });
    app.run(Some(&agent.token), note, input.clone()).await;
    assert_eq!(app.refused(Some(&visitor.token), note, input).await, "FORBIDDEN");
    app.say(&visitor.token, &conversation, "hello").await;

    assert_eq!(as_agent.next("a").await["messages"]["message"]["audience"], "STAFF");
    assert_eq!(as_agent.next("a").await["messages"]["message"]["body"], "hello");
    assert_eq!(as_visitor.next("v").await["messages"]["message"]["body"], "hello", "no trace of the note");
    let seen = messages(&app, &visitor.token, &conversation).await;
    assert_eq!(seen.len(), 1);
    assert!(!json!(seen).to_string().contains("difficult"));
}

#[tokio::test]
async fn a_message_can_be_changed_for_five_minutes_and_its_history_is_kept() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let message = text(&app.say(&visitor.token, &conversation, "helo").await["id"]);
    let edit =
        "mutation E($i: EditMessageInput!) { editMessage(input: $i) { message { body editedAt revisions { body } } } }";
    let input = |body: &str| json!({ "i": { "messageId": message, "body": body } });
    app.clock.advance(std::time::Duration::from_secs(300));
    let edited = app.run(Some(&visitor.token), edit, input("hello")).await;
    assert_eq!(edited["editMessage"]["message"]["body"], "hello");
    assert_eq!(edited["editMessage"]["message"]["revisions"], json!([]), "not for visitors");
    app.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(app.refused(Some(&visitor.token), edit, input("late")).await, "CONFLICT/EDIT_WINDOW_EXPIRED");
    let delete = "mutation D($i: DeleteMessageInput!) { deleteMessage(input: $i) { message { body } } }";
    let refused = app.refused(Some(&visitor.token), delete, json!({ "i": { "messageId": message } })).await;
    assert_eq!(refused, "CONFLICT/EDIT_WINDOW_EXPIRED");
    let seen = messages(&app, &site.admin.token, &conversation).await;
    assert_eq!(seen[0]["revisions"], json!([{ "body": "helo" }]));
}

#[tokio::test]
async fn receipts_move_forward_only_and_bring_the_unread_count_down() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "ada").await;
    let visitor = app.visitor(&site).await;
    let conversation = attended(&app, &site, &visitor).await;
    for body in ["one", "two", "three"] {
        app.say(&visitor.token, &conversation, body).await;
    }
    let read = "mutation R($i: MarkReadInput!) { markRead(input: $i) { conversation { unreadCount receipts { kind readSeq deliveredSeq } } } }";
    let unread = |data: &Value| data["markRead"]["conversation"]["unreadCount"].clone();
    let input = |seq: i64| json!({ "i": { "conversationId": conversation, "seq": seq } });
    assert_eq!(unread(&app.run(Some(&agent.token), read, input(3)).await), 1);
    let back = app.run(Some(&agent.token), read, input(2)).await;
    assert_eq!(unread(&back), 1, "a receipt never moves back");
    assert_eq!(back["markRead"]["conversation"]["receipts"][0]["readSeq"], 3);
    assert_eq!(app.refused(Some(&agent.token), read, input(99)).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    let seen = messages(&app, &visitor.token, &conversation).await;
    let statuses: Vec<&str> = seen[1..].iter().filter_map(|message| message["deliveryStatus"].as_str()).collect();
    assert_eq!(statuses, ["READ", "READ", "SENT"]);
}

#[tokio::test]
async fn a_visitors_message_reopens_a_closed_conversation_and_an_agents_does_not() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "ada").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let close =
        "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { status closedAt } } }";
    let input = json!({ "i": { "conversationId": conversation } });
    app.run(Some(&agent.token), close, input.clone()).await;
    assert_eq!(app.refused(Some(&agent.token), close, input).await, "CONFLICT/CONVERSATION_CLOSED");
    let send = json!({ "i": { "conversationId": conversation, "body": "anything else?" } });
    assert_eq!(app.refused(Some(&agent.token), SEND, send).await, "CONFLICT/CONVERSATION_CLOSED");
    app.say(&visitor.token, &conversation, "one more thing").await;
    let data = app
        .run(
            Some(&agent.token),
            "query C($c: ID!) { conversation(conversationId: $c) { status } }",
            json!({ "c": conversation }),
        )
        .await;
    assert_eq!(data["conversation"]["status"], "OPEN");
}

#[tokio::test]
async fn what_is_another_sites_is_not_there() {
    let app = TestApp::start().await;
    let (one, two) = (app.site("one").await, app.site("two").await);
    let visitor = app.visitor(&one).await;
    let conversation = app.conversation(&visitor).await;
    let stranger = app.visitor(&one).await;
    for token in [&two.admin.token, &stranger.token] {
        let send = json!({ "i": { "conversationId": conversation, "body": "hi" } });
        assert_eq!(app.refused(Some(token), SEND, send).await, "NOT_FOUND");
        assert_eq!(app.refused(Some(token), MESSAGES, json!({ "c": conversation })).await, "NOT_FOUND");
        let node = app
            .run(Some(token), "query N($i: ID!) { node(id: $i) { __typename } }", json!({ "i": conversation }))
            .await;
        assert_eq!(node["node"], Value::Null);
    }
    let wrong = app.refused(Some(&visitor.token), MESSAGES, json!({ "c": visitor.id })).await;
    assert_eq!(wrong, "BAD_USER_INPUT/WRONG_ID_KIND");
}

#[tokio::test]
async fn a_follower_that_comes_back_gets_what_it_missed_once() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = attended(&app, &site, &visitor).await;
    let cursor =
        app.run(Some(&visitor.token), MESSAGES, json!({ "c": conversation })).await["conversation"]["cursor"].clone();
    app.say(&visitor.token, &conversation, "1").await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("s", FOLLOW, json!({ "c": conversation, "a": cursor })).await;
    let first = ws.next("s").await;
    assert_eq!(first["messages"]["message"]["body"], "1");
    drop(ws);
    for body in ["2", "3"] {
        app.say(&visitor.token, &conversation, body).await;
    }
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("s", FOLLOW, json!({ "c": conversation, "a": first["messages"]["cursor"] })).await;
    for expected in ["2", "3"] {
        assert_eq!(ws.next("s").await["messages"]["message"]["body"], expected);
    }
    app.say(&visitor.token, &conversation, "4").await;
    assert_eq!(ws.next("s").await["messages"]["message"]["body"], "4");
}

#[tokio::test]
async fn a_trimmed_journal_is_told_as_a_gap() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let cursor =
        app.run(Some(&visitor.token), MESSAGES, json!({ "c": conversation })).await["conversation"]["cursor"].clone();
    app.say(&visitor.token, &conversation, "old").await;
    app.clock.advance(std::time::Duration::from_secs(31 * 86_400));
    app.app.order_upkeep().await.expect("it is ordered");
    let own = site.id.parse().expect("an id");
    // A worker may have taken the job already. What happens by now, as that nobody came in time, is not old.
    let month_ago = app.clock.now() - std::time::Duration::from_secs(30 * 86_400);
    loop {
        let db = app.app.cx();
        let oldest = journal::read(&db.db(), own, Scope::Site, Cursor::BEGINNING, 1).await.expect("it can be read");
        if oldest.first().is_none_or(|line| line.at >= month_ago) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // The visitor's token has run out meanwhile; a new one for the same visitor.
    let again = app
        .run(
            None,
            "mutation V($i: StartVisitorSessionInput!) { startVisitorSession(input: $i) { token visitorId returning } }",
            json!({ "i": { "siteKey": site.key, "visitorToken": visitor.token } }),
        )
        .await["startVisitorSession"]
        .clone();
    assert_eq!((text(&again["visitorId"]), &again["returning"]), (visitor.id.clone(), &json!(true)));
    let mut ws = Ws::signed_in(&app.ws_url(), again["token"].as_str()).await;
    ws.subscribe("s", FOLLOW, json!({ "c": conversation, "a": cursor })).await;
    let gap = ws.next("s").await;
    assert_eq!(gap["messages"]["__typename"], "Gap");
    assert_eq!(gap["messages"]["refetch"], "conversation(conversationId:)");
    app.say(again["token"].as_str().expect("a token"), &conversation, "new").await;
    ws.until("s", |event| event["messages"]["message"]["body"] == "new").await;
}

#[tokio::test]
async fn an_inbox_tells_what_enters_changes_and_leaves_its_filter() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "ada").await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    let cursor = app
        .run(Some(&agent.token), "query C($s: ID!) { inboxCursor(siteId: $s) }", json!({ "s": site.id }))
        .await["inboxCursor"]
        .clone();
    let follow = "subscription I($s: ID!, $a: EventCursor, $f: ConversationFilter) { inboxEvents(siteId: $s, after: $a, filter: $f) { ... on InboxEntry { move conversationId conversation { unreadCount assignee { id } } } } }";
    ws.subscribe(
        "mine",
        follow,
        json!({ "s": site.id, "a": cursor, "f": { "assigneeId": agent.id, "status": "OPEN" } }),
    )
    .await;

    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let assign = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { assignee { name } } } }";
    app.run(Some(&agent.token), assign, json!({ "i": { "conversationId": conversation, "assigneeId": agent.id } }))
        .await;
    app.say(&visitor.token, &conversation, "hello").await;
    app.run(
        Some(&agent.token),
        "mutation C($i: CloseConversationInput!) { closeConversation(input: $i) { conversation { id } } }",
        json!({ "i": { "conversationId": conversation } }),
    )
    .await;
    let moved = ws.until("mine", |event| event["inboxEvents"]["move"] == "LEFT").await;
    let mut moves: Vec<String> = moved.iter().map(|event| text(&event["inboxEvents"]["move"])).collect();
    moves.dedup();
    assert_eq!(moves, ["ENTERED", "CHANGED", "LEFT"]);
    // Who catches up later is told of nothing before it enters: the visitor wrote first, then it was assigned.
    let visitor = app.visitor(&site).await;
    let earlier = app.conversation(&visitor).await;
    app.say(&visitor.token, &earlier, "selam").await;
    app.run(Some(&agent.token), assign, json!({ "i": { "conversationId": earlier, "assigneeId": agent.id } })).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&agent.token)).await;
    ws.subscribe(
        "late",
        follow,
        json!({ "s": site.id, "a": cursor, "f": { "assigneeId": agent.id, "status": "OPEN" } }),
    )
    .await;
    let of_earlier = ws.until("late", |event| event["inboxEvents"]["conversationId"] == earlier.as_str()).await;
    assert_eq!(of_earlier[of_earlier.len() - 1]["inboxEvents"]["move"], "ENTERED");
    let other = app.site("other").await;
    let list = "query L($s: ID!, $f: ConversationFilter) { conversations(siteId: $s, filter: $f) { totalCount nodes { id unreadCount lastMessage { body } visitor { id } } } }";
    let refused = app.refused(Some(&other.admin.token), list, json!({ "s": site.id })).await;
    assert_eq!(refused, "NOT_FOUND");
    let found = app.run(Some(&agent.token), list, json!({ "s": site.id, "f": { "text": "HELLO" } })).await;
    assert_eq!(found["conversations"]["totalCount"], 1);
    assert_eq!(found["conversations"]["nodes"][0]["lastMessage"]["body"], "hello");
}

#[tokio::test]
async fn typing_passes_with_the_name_and_is_not_kept() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let (agent, other) = (app.agent(&site, "Ada").await, app.agent(&site, "Banu").await);
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let follow = "subscription T($c: ID!) { conversationEvents(conversationId: $c) { __typename ... on TypingChanged { authorName isTyping preview } } }";
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&other.token)).await;
    ws.subscribe("t", follow, json!({ "c": conversation })).await;
    let typing = "mutation T($i: SetTypingInput!) { setTyping(input: $i) { conversationId } }";
    let input = json!({ "i": { "conversationId": conversation, "isTyping": true, "preview": "Let me l" } });
    let event = ws.provoke("t", || app.run(Some(&agent.token), typing, input.clone())).await;
    assert_eq!(
        event["conversationEvents"],
        json!({ "__typename": "TypingChanged", "authorName": "Ada", "isTyping": true, "preview": "Let me l" })
    );
}

#[tokio::test]
async fn reactions_count_once_per_person() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let message = text(&app.say(&visitor.token, &conversation, "thanks").await["id"]);
    let react =
        "mutation R($i: AddReactionInput!) { addReaction(input: $i) { message { reactions { emoji count } } } }";
    let input = |emoji: &str| json!({ "i": { "messageId": message, "emoji": emoji } });
    for token in [&visitor.token, &visitor.token, &site.admin.token] {
        app.run(Some(token), react, input("👍")).await;
    }
    let seen = messages(&app, &visitor.token, &conversation).await;
    assert_eq!(seen[0]["reactions"], json!([{ "emoji": "👍", "count": 2 }]));
    assert_eq!(app.refused(Some(&visitor.token), react, input("hello")).await, "BAD_USER_INPUT/INVALID_FORMAT");
}

/// Notes about somebody who asks as a customer are found by others of the staff, and not by themself.
#[tokio::test]
async fn a_search_does_not_look_into_notes_about_oneself() {
    const NOTE: &str = "mutation N($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
    const START: &str =
        "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
    const SEARCH: &str =
        "query I($s: ID!, $t: String!) { conversations(siteId: $s, filter: { text: $t }) { nodes { id } } }";
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let ada = app.agent(&site, "Ada").await;
    let assistant = app.assistant(&site, json!({ "openToCustomers": true })).await;
    let started = app.run(Some(&ada.token), START, json!({ "i": { "assistantId": assistant } })).await;
    let conversation = text(&started["startConversation"]["conversation"]["id"]);
    app.say(&ada.token, &conversation, "My parcel is late.").await;
    let note = json!({ "i": { "conversationId": conversation, "body": "She always complains." } });
    app.run(Some(&site.admin.token), NOTE, note).await;
    let found = async |token: &str, words: &str| {
        let found = app.run(Some(token), SEARCH, json!({ "s": site.id, "t": words })).await;
        found["conversations"]["nodes"].as_array().expect("a list").len()
    };
    assert_eq!((found(&site.admin.token, "complains").await, found(&ada.token, "complains").await), (1, 0));
    assert_eq!(found(&ada.token, "parcel").await, 1);
}

#[tokio::test]
async fn what_nobody_sees_is_no_message_and_one_emoji_is_one_reaction() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let send = "mutation S($i: SendMessageInput!) { sendMessage(input: $i) { message { id } } }";
    for blank in ["\u{200b}", "\u{2800}", "\u{3164}", "\u{feff}", "\u{ad}", " \u{2060}\u{200d}\n", "\u{fe0f}"] {
        let input = json!({ "i": { "conversationId": conversation, "body": blank } });
        assert_eq!(app.refused(Some(&visitor.token), send, input).await, "BAD_USER_INPUT/TOO_SHORT", "{blank:?}");
    }
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
    let message = app.say(&visitor.token, &conversation, &format!("{}{family}!", "a".repeat(44))).await["id"].clone();
    let shown = "query C($c: ID!) { conversation(conversationId: $c) { description } }";
    let shown = app.run(Some(&site.admin.token), shown, json!({ "c": conversation })).await;
    assert_eq!(shown["conversation"]["description"], format!("{}{family}", "a".repeat(44)));
    let react =
        "mutation R($i: AddReactionInput!) { addReaction(input: $i) { message { reactions { emoji count } } } }";
    let input = |emoji: &str| json!({ "i": { "messageId": message, "emoji": emoji } });
    for emoji in ["❤", "❤\u{fe0f}"] {
        app.run(Some(&visitor.token), react, input(emoji)).await;
    }
    let seen = app.run(Some(&site.admin.token), react, input("❤")).await["addReaction"]["message"]["reactions"].clone();
    assert_eq!(seen, json!([{ "emoji": "❤\u{fe0f}", "count": 2 }]));
    for no in ["👍👍", "\u{200d}", "🇹", "👩\u{200d}"] {
        assert_eq!(
            app.refused(Some(&visitor.token), react, input(no)).await,
            "BAD_USER_INPUT/INVALID_FORMAT",
            "{no:?}"
        );
    }
}
