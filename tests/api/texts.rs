//! What text is: what is refused, what is left out, and how characters are counted.

use serde_json::json;

use crate::harness::{
    app::{TestApp, refusal},
    people::text,
};

/// Nothing of it is text: control characters and what Unicode says is no character.
const NO_TEXT: [char; 8] = ['\0', '\u{1b}', '\u{7}', '\u{7f}', '\u{9b}', '\u{fffe}', '\u{fdd0}', '\u{1ffff}'];

#[tokio::test]
async fn what_is_no_text_is_refused_wherever_it_is_given() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    let visitor = app.visitor(&site).await;
    let assistant = app.assistant(&site, json!({})).await;
    let conversation = app.conversation(&visitor).await;
    for bad in NO_TEXT {
        let words = format!("Mer{bad}haba");
        for (token, operation, input, field) in [
            (
                Some(visitor.token.as_str()),
                "sendMessage",
                json!({ "conversationId": conversation, "body": words }),
                "input.body",
            ),
            (admin, "addNote", json!({ "conversationId": conversation, "body": words }), "input.body"),
            (Some(visitor.token.as_str()), "updateVisitor", json!({ "name": words }), "input.name"),
            (
                Some(visitor.token.as_str()),
                "updateVisitor",
                json!({ "customData": { "k": words } }),
                "input.customData",
            ),
            (admin, "renameConversation", json!({ "conversationId": conversation, "title": words }), "input.title"),
            (
                admin,
                "createArticle",
                json!({ "siteId": site.id, "title": words, "body": "B", "language": "tr" }),
                "input.title",
            ),
            (
                admin,
                "createArticle",
                json!({ "siteId": site.id, "title": "A", "body": words, "language": "tr" }),
                "input.body",
            ),
            (
                admin,
                "createArticle",
                json!({ "siteId": site.id, "title": "A", "body": "B", "language": "tr", "tags": [words] }),
                "input.tags[0]",
            ),
            (
                admin,
                "updateAssistant",
                json!({ "assistantId": assistant, "instructions": words }),
                "input.instructions",
            ),
            (admin, "updateAssistant", json!({ "assistantId": assistant, "name": words }), "input.name"),
            (admin, "createTeam", json!({ "siteId": site.id, "name": words }), "input.name"),
            (admin, "updateMe", json!({ "name": words }), "input.name"),
            (
                admin,
                "updateWidgetSettings",
                json!({ "siteId": site.id, "customCss": format!("/* {words} */") }),
                "input.customCss",
            ),
            (
                admin,
                "createCannedResponse",
                json!({ "siteId": site.id, "shortcut": "/a", "title": "A", "text": words }),
                "input.text",
            ),
        ] {
            let kind = format!("{}{}Input", operation[..1].to_uppercase(), &operation[1..]);
            let document = format!("mutation($i: {kind}!) {{ {operation}(input: $i) {{ __typename }} }}");
            let answer = app.post(token, &document, json!({ "i": input })).await;
            assert_eq!(
                refusal(&answer).as_deref(),
                Some("BAD_USER_INPUT/INVALID_FORMAT"),
                "{operation} {bad:?}: {answer:#}"
            );
            assert_eq!(answer["errors"][0]["extensions"]["field"], field, "{operation} {bad:?}");
            let message = text(&answer["errors"][0]["message"]);
            assert!(message.contains(&format!("U+{:04X}", u32::from(bad))), "{message}");
        }
    }
    // White space of every kind is text.
    let fine = "Bir\r\niki\tüç\u{b}dört\u{c}beş\u{85}altı\u{2028}yedi";
    let said = app.say(&visitor.token, &conversation, fine).await;
    assert_eq!(said["body"], fine, "{said}");
}

#[tokio::test]
async fn characters_are_counted_as_readers_count_them() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
    let rename = "mutation($i: UpdateMeInput!) { updateMe(input: $i) { user { name } } }";
    let name = |name: &str| json!({ "i": { "name": name } });
    let admin = Some(site.admin.token.as_str());
    // 120 are allowed: 115 letters, a family, a flag, an accent, a hand with a tone of skin, and a heart.
    let most = format!("{}{family}🇹🇷e\u{301}👍🏽❤\u{fe0f}", "a".repeat(115));
    assert_eq!(app.run(admin, rename, name(&most)).await["updateMe"]["user"]["name"], most);
    let answer = app.post(admin, rename, name(&format!("{most}b"))).await;
    assert_eq!(refusal(&answer).as_deref(), Some("BAD_USER_INPUT/TOO_LONG"));
    assert!(text(&answer["errors"][0]["message"]).contains("121 characters; at most 120"), "{answer}");
    // What looks like a few characters may not be a heap of code points.
    let answer = app.post(admin, rename, name(&"👨\u{200d}".repeat(241))).await;
    assert_eq!(refusal(&answer).as_deref(), Some("BAD_USER_INPUT/TOO_LONG"));
    assert!(text(&answer["errors"][0]["message"]).contains("code points"), "{answer}");
}

/// What cannot stand by itself is no text, and what is heaped upon a character buries what stands around it.
#[tokio::test]
async fn half_characters_heaps_of_marks_and_what_only_looks_right_are_refused() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let admin = Some(site.admin.token.as_str());
    let visitor = app.visitor(&site).await;
    let token = Some(visitor.token.as_str());
    let conversation = app.conversation(&visitor).await;
    let heap = format!("Ay{}se", "\u{301}".repeat(200));
    let post = async |token: Option<&str>, operation: &str, input: serde_json::Value| {
        let kind = format!("{}{}Input", operation[..1].to_uppercase(), &operation[1..]);
        let document = format!("mutation($i: {kind}!) {{ {operation}(input: $i) {{ __typename }} }}");
        app.post(token, &document, json!({ "i": input })).await
    };
    let say = |body: &str| json!({ "conversationId": conversation, "body": body });
    for (token, operation, input, reason) in [
        (token, "sendMessage", say("\u{301}"), "TOO_SHORT"),
        (token, "sendMessage", say("🇹"), "TOO_SHORT"),
        (token, "sendMessage", say("🏽 \u{20e3}"), "TOO_SHORT"),
        (token, "sendMessage", say(&heap), "TOO_LONG"),
        (token, "updateVisitor", json!({ "name": heap }), "TOO_LONG"),
        (token, "updateVisitor", json!({ "email": "mailto:a@b.co" }), "INVALID_FORMAT"),
        (token, "updateVisitor", json!({ "locale": "xx-YY-zz-q" }), "INVALID_FORMAT"),
        (admin, "updateSite", json!({ "siteId": site.id, "locale": "tr-TR-TR" }), "INVALID_FORMAT"),
        (admin, "updateMe", json!({ "name": "🇹" }), "TOO_SHORT"),
    ] {
        let answer = post(token, operation, input.clone()).await;
        assert_eq!(refusal(&answer), Some(format!("BAD_USER_INPUT/{reason}")), "{input}: {answer}");
    }
    for fine in ["🇹🇷", "👍🏽", "e\u{301}", "1\u{fe0f}\u{20e3}", "क्ष्म्य"] {
        assert_eq!(refusal(&post(token, "sendMessage", say(fine)).await), None, "{fine}");
    }
    let update = "mutation U($i: UpdateMeInput!) { updateMe(input: $i) { user { name } } }";
    let named = app.run(admin, update, json!({ "i": { "name": "Ah\u{ad}met\u{200b} \u{202e}Can" } })).await;
    assert_eq!(named["updateMe"]["user"]["name"], "Ahmet Can");
}
