//! What is wrong with a request, said so that it can be put right: which entry of which list, which limit, by how much.

use serde_json::{Value, json};

use crate::harness::{
    app::{TestApp, refusal},
    people::text,
    wire,
    ws::Ws,
};

/// The field that an error names, and what it says.
fn told(answer: &Value) -> (String, String) {
    let error = &answer["errors"][0];
    (error["extensions"]["field"].as_str().unwrap_or_default().to_owned(), text(&error["message"]))
}

#[tokio::test]
async fn an_error_in_an_entry_of_a_list_names_the_entry() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let other = app.person("other").await;
    let agent = app.agent(&site, "Ada").await;
    let admin = Some(site.admin.token.as_str());
    let visitor = app.visitor(&site).await;
    let assistant = app.assistant(&site, json!({})).await;
    let conversation = app.conversation(&visitor).await;
    let article = app.article(&site, "Kargo", "İki günde gelir.").await;
    let long = "x".repeat(600);
    let rule = |more: Value| {
        let mut rule = json!({ "name": "Kural", "strategy": "LEAST_BUSY", "when": {} });
        rule.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        rule
    };
    let rules =
        |more: Value| json!({ "siteId": site.id, "expectedVersion": 0, "rules": [rule(json!({})), rule(more)] });
    for (operation, input, field) in [
        (
            "createAssistant",
            json!({ "siteId": site.id, "name": "A", "suggestedQuestions": ["Bir?", "İki?", ""] }),
            "input.suggestedQuestions[2]",
        ),
        (
            "updateAssistant",
            json!({ "assistantId": assistant, "suggestedQuestions": ["Bir?", long] }),
            "input.suggestedQuestions[1]",
        ),
        (
            "updateAssistant",
            json!({ "assistantId": assistant, "provider": "OLLAMA", "fallbacks": [{ "provider": "BUILT_IN" }] }),
            "input.fallbacks[0].provider",
        ),
        (
            "createArticle",
            json!({ "siteId": site.id, "title": "A", "body": "B", "language": "tr", "tags": ["a", "b\nc"] }),
            "input.tags[1]",
        ),
        ("updateArticle", json!({ "articleId": article, "tags": ["a", long] }), "input.tags[1]"),
        ("createSite", json!({ "name": "A", "allowedOrigins": ["https://a.example", "b"] }), "input.allowedOrigins[1]"),
        (
            "updateSite",
            json!({ "siteId": site.id, "allowedOrigins": ["b", "https://a.example"] }),
            "input.allowedOrigins[0]",
        ),
        ("updateSite", json!({ "siteId": site.id, "complexityTerms": ["a", "b", " "] }), "input.complexityTerms[2]"),
        (
            "updateAgent",
            json!({ "siteId": site.id, "userId": agent.id, "languages": ["tr", "türkçe"] }),
            "input.languages[1]",
        ),
        (
            "updateAgent",
            json!({ "siteId": site.id, "userId": agent.id, "skills": [{ "name": "a", "level": 1 }, { "name": "b", "level": 9 }] }),
            "input.skills[1].level",
        ),
        (
            "updateAgent",
            json!({ "siteId": site.id, "userId": agent.id, "skills": [{ "name": "a", "level": 1 }, { "name": "A", "level": 1 }] }),
            "input.skills[1].name",
        ),
        (
            "createTeam",
            json!({ "siteId": site.id, "name": "T", "memberIds": [agent.id, other.id] }),
            "input.memberIds[1]",
        ),
        (
            "createDepartment",
            json!({ "siteId": site.id, "name": "D", "memberIds": [other.id, agent.id] }),
            "input.memberIds[0]",
        ),
        (
            "addNote",
            json!({ "conversationId": conversation, "body": "bak", "mentionIds": [agent.id, other.id] }),
            "input.mentionIds[1]",
        ),
        ("tagConversation", json!({ "conversationId": conversation, "add": ["a", ""] }), "input.add[1]"),
        ("tagConversation", json!({ "conversationId": conversation, "remove": ["", "a"] }), "input.remove[0]"),
        ("updateRoutingSettings", rules(json!({ "name": "" })), "input.rules[1].name"),
        ("updateRoutingSettings", rules(json!({ "when": { "tags": ["a", ""] } })), "input.rules[1].when.tags[1]"),
        ("updateRoutingSettings", rules(json!({ "when": { "languages": ["?"] } })), "input.rules[1].when.languages[0]"),
        (
            "updateRoutingSettings",
            rules(json!({ "when": { "attributes": [{ "name": "a", "value": "b" }, { "name": "", "value": "b" }] } })),
            "input.rules[1].when.attributes[1].name",
        ),
        (
            "updateRoutingSettings",
            rules(json!({ "strategy": "SKILL_BASED", "skills": [{ "name": "a", "level": 9 }] })),
            "input.rules[1].skills[0].level",
        ),
        ("updateRoutingSettings", rules(json!({ "strategy": "SKILL_BASED" })), "input.rules[1].skills"),
        (
            "updateWidgetSettings",
            json!({ "siteId": site.id, "translations": [{ "language": "tr" }, { "language": "en", "title": long }] }),
            "input.translations[1].title",
        ),
        (
            "updateWidgetSettings",
            json!({ "siteId": site.id, "translations": [{ "language": "tr" }, { "language": "TR" }] }),
            "input.translations[1].language",
        ),
        (
            "importArticles",
            json!({ "siteId": site.id, "files": [{ "name": "a.md", "text": "x" }, { "name": "", "text": "x" }] }),
            "input.files[1].name",
        ),
        (
            "importGoldenQuestions",
            json!({ "assistantId": assistant, "questions": [{ "question": "", "language": "tr", "unanswerable": true }] }),
            "input.questions[0].question",
        ),
        (
            "updateBusinessHours",
            json!({ "siteId": site.id, "week": [{ "day": "MONDAY", "intervals": [{ "from": "09:00", "to": "9" }] }] }),
            "input.week[0].intervals[0].to",
        ),
    ] {
        let kind = format!("{}{}Input", operation[..1].to_uppercase(), &operation[1..]);
        let document = format!("mutation($i: {kind}!) {{ {operation}(input: $i) {{ __typename }} }}");
        let answer = app.post(admin, &document, json!({ "i": input })).await;
        let (found, message) = told(&answer);
        assert_eq!(found, field, "{operation}: {answer:#}");
        // What names the list in the text names the entry there, too.
        let list = field.split('[').next().unwrap_or_default();
        assert!(!message.contains(&format!("`{list}`")) && !message.contains(&format!("`{list}.")), "{message}");
    }
    let results = "mutation($i: CreateArticlesInput!) { createArticles(input: $i) { results { error { field } } } }";
    let one = |tags: Value| json!({ "title": "A", "body": "B", "language": "tr", "tags": tags });
    let input = json!({ "i": { "siteId": site.id, "articles": [one(json!([])), one(json!(["a", ""]))] } });
    let made = app.run(admin, results, input).await;
    assert_eq!(made["createArticles"]["results"][1]["error"]["field"], "input.articles[1].tags[1]");
}

#[tokio::test]
async fn counts_of_an_inbox_name_the_filter_that_is_wrong() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let counts = "query($s: ID!, $f: [ConversationFilter!]!) { inboxCounts(siteId: $s, filters: $f) }";
    for (filter, field) in [
        (json!({ "text": "a" }), "filters[1].text"),
        (json!({ "assigneeId": site.admin.id, "unassigned": true }), "filters[1].unassigned"),
        (json!({ "tags": ["a", ""] }), "filters[1].tags[1]"),
        (json!({ "tag": "" }), "filters[1].tag"),
        (json!({ "activeFrom": "2026-01-02T00:00:00Z", "activeTo": "2026-01-01T00:00:00Z" }), "filters[1].activeTo"),
    ] {
        let answer = app.post(Some(&site.admin.token), counts, json!({ "s": site.id, "f": [{}, filter] })).await;
        let (found, message) = told(&answer);
        assert_eq!(found, field, "{answer:#}");
        assert!(!message.contains("`filter.") && !message.contains("`filter`"), "{message}");
    }
    let list = "query($s: ID!, $f: ConversationFilter) { conversations(siteId: $s, filter: $f) { totalCount } }";
    let answer = app.post(Some(&site.admin.token), list, json!({ "s": site.id, "f": { "tags": ["a", ""] } })).await;
    assert_eq!(told(&answer).0, "filter.tags[1]", "{answer:#}");
}

/// The same id may stand in several places of a request, and be wrong in one of them.
#[tokio::test]
async fn an_error_about_an_id_names_the_place_that_it_is_about() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let token = Some(site.admin.token.as_str());
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let assistant = app.assistant(&site, json!({})).await;
    let fields = async |document: &str, variables: Value| {
        let answer = app.post(token, document, variables).await;
        let mut errors: Vec<(String, String)> = answer["errors"]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .iter()
            .map(|error| (text(&error["path"][0]), text(&error["extensions"]["field"])))
            .collect();
        errors.sort();
        assert!(errors.iter().all(|(_, field)| !field.is_empty()), "{answer:#}");
        errors
    };
    let pairs = |expected: &[(&str, &str)]| {
        expected.iter().map(|(path, field)| ((*path).to_owned(), (*field).to_owned())).collect::<Vec<_>>()
    };
    let (s, a, c) = (&site.id, &assistant, &conversation);
    let two = format!(
        "{{ a: inboxCounts(siteId: \"{s}\", filters: [{{ visitorId: \"{a}\" }}]) \
         b: inboxCounts(siteId: \"{s}\", filters: [{{}}, {{ visitorId: \"{a}\" }}]) \
         c: inboxCounts(siteId: \"{s}\", filters: [{{}}, {{}}, {{ assigneeId: \"{a}\" }}]) }}"
    );
    let expected = [("a", "filters[0].visitorId"), ("b", "filters[1].visitorId"), ("c", "filters[2].assigneeId")];
    assert_eq!(fields(&two, Value::Null).await, pairs(&expected));
    let two = "query($s: ID!, $f: [ConversationFilter!]!, $g: [ConversationFilter!]!) { \
               a: inboxCounts(siteId: $s, filters: $f) b: inboxCounts(siteId: $s, filters: $g) }";
    let variables = json!({ "s": s, "f": [{ "visitorId": c }], "g": [{}, {}, { "visitorId": c }] });
    let expected = [("a", "variables.f[0].visitorId"), ("b", "variables.g[2].visitorId")];
    assert_eq!(fields(two, variables).await, pairs(&expected));
    // Right in one place and wrong in another.
    let one = "query($s: ID!, $f: [ConversationFilter!]!) { inboxCounts(siteId: $s, filters: $f) }";
    for (filters, field) in [
        (json!([{ "assistantId": a }, { "visitorId": a }]), "variables.f[1].visitorId"),
        (json!([{ "assistantId": a }, { "assistantId": a, "departmentId": a }]), "variables.f[1].departmentId"),
        (json!([{ "visitorId": visitor.id }, { "customerId": visitor.id }]), "variables.f[1].customerId"),
        (json!([{ "visitorId": "x" }, { "customerId": "x" }]), "variables.f[0].visitorId"),
    ] {
        let found = fields(one, json!({ "s": s, "f": filters })).await;
        assert_eq!(found, pairs(&[("inboxCounts", field)]), "{filters}");
    }
    // Literals with variables in them, and the same variable twice.
    let mixed = "query($s: ID!, $v: ID) { a: inboxCounts(siteId: $s, filters: [{}, { visitorId: $v }]) \
                 b: conversation(conversationId: \"x\") { id } }";
    let expected = [("a", "variables.v"), ("b", "conversationId")];
    assert_eq!(fields(mixed, json!({ "s": s, "v": "x" })).await, pairs(&expected));
}

#[tokio::test]
async fn limits_of_documents_are_told_with_what_was_found_and_what_to_do() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let token = Some(site.admin.token.as_str());
    // 1 for each field, as often as its lists may have entries; by hand: 100 * (1 + 100 * (1 + 1)) and what is around.
    let page = "query Q($s: ID!, $n: Int) { conversations(siteId: $s, first: $n) { nodes { messages(first: $n) { nodes { id } } } } }";
    let answer = app.post(token, page, json!({ "s": site.id, "n": 100 })).await;
    assert_eq!(refusal(&answer).as_deref(), Some("GRAPHQL_VALIDATION_FAILED/TOO_COMPLEX"));
    let message = told(&answer).1;
    let number = |message: &str, after: &str| {
        let rest = message.split_once(after).map(|(_, rest)| rest).unwrap_or_default();
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap_or_default()
    };
    let found = number(&message, "costs ");
    assert!(found > 20_000 && number(&message, "at most ") == 5_000, "{message}");
    assert!(message.contains("`first`") && message.contains("several requests"), "{message}");
    // The number is the one that is compared: shorter pages cost less, and fit in the end.
    let answer = app.post(token, page, json!({ "s": site.id, "n": 80 })).await;
    let less = number(&told(&answer).1, "costs ");
    assert!(less < found && less > 5_000, "{less} {found}");
    app.run(token, page, json!({ "s": site.id, "n": 20 })).await;
    // Over a socket the same is said.
    let pages: String = (0..20).map(|n| format!("m{n}: messages(first: 100) {{ nodes {{ id seq body }} }} ")).collect();
    let follow = format!(
        "subscription F($s: ID!) {{ inboxEvents(siteId: $s) {{ ... on InboxEntry {{ conversation {{ {pages} }} }} }} }}"
    );
    let mut ws = Ws::signed_in(&app.ws_url(), token).await;
    ws.send(json!({ "type": "subscribe", "id": "f", "payload": { "query": follow, "variables": { "s": site.id } } }))
        .await;
    let refused = ws.next_json().await;
    assert_eq!(refused["type"], "error", "{refused}");
    let message = text(&refused["payload"][0]["message"]);
    assert!(number(&message, "costs ") > 5_000 && message.contains("at most 5000"), "{message}");
    for (document, found, most, fix) in [
        (
            format!("{{ {} }}", (0..40).map(|n| format!("a{n}: __typename ")).collect::<String>()),
            "40 aliases",
            "at most 30",
            "several requests",
        ),
        (
            format!("{{ __typename {} }}", "@skip(if: false)".repeat(60)),
            "60 directives",
            "at most 50",
            "several requests",
        ),
        (format!("{}{}", "{ a ".repeat(17), "}".repeat(17)), "17 levels", "at most 15", "several requests"),
        (format!("{{ {} }}", "__typename ".repeat(3_000)), "3000 fields", "at most", "several requests"),
    ] {
        let answer = wire::post(&app.url(), &[], &json!({ "query": document })).await.json();
        let message = told(&answer).1;
        for part in [found, most, fix] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}
