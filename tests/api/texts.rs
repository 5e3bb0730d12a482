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
    let answer = app.post(admin, rename, name(&format!("a{}", "\u{301}".repeat(480)))).await;
    assert_eq!(refusal(&answer).as_deref(), Some("BAD_USER_INPUT/TOO_LONG"));
    assert!(text(&answer["errors"][0]["message"]).contains("code points"), "{answer}");
}
