//! Whatever an id names in an input, it is looked for in the site that the input is about: what belongs to another site is
//! answered as what does not exist.
//!
//! A new field that takes an id fails here until it is in a rule of `permissions` or has a line in [`NAMED`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    introspected, list, name,
    permissions::{RULES, Root, roomy, roots},
    type_named, written,
};
use crate::harness::{
    app::TestApp,
    people::{Site, Visitor, text},
};

/// Operations that name something besides what they are about: with `$` a thing of the own site, with `@` the thing in
/// question, once of the own site, once of another, and once of none.
const NAMED: &[(&str, &str)] = &[
    ("agents", r#"{"siteId":"$site","departmentId":"@department"}"#),
    ("answerFeedback", r#"{"siteId":"$site","assistantId":"@assistant"}"#),
    ("articles", r#"{"siteId":"$site","filter":{"authorId":"@agent"}}"#),
    ("businessHours", r#"{"siteId":"$site","departmentId":"@department"}"#),
    ("businessHoursStatus", r#"{"siteKey":"$key","departmentId":"@department"}"#),
    ("contactRequests", r#"{"siteId":"$site","filter":{"assigneeId":"@agent"}}"#),
    ("contactRequests", r#"{"siteId":"$site","filter":{"departmentId":"@department"}}"#),
    ("conversations", r#"{"siteId":"$site","filter":{"assigneeId":"@agent"}}"#),
    ("conversations", r#"{"siteId":"$site","filter":{"assistantId":"@assistant"}}"#),
    ("conversations", r#"{"siteId":"$site","filter":{"visitorId":"@visitor"}}"#),
    ("conversations", r#"{"siteId":"$site","filter":{"customerId":"@agent"}}"#),
    ("conversations", r#"{"siteId":"$site","filter":{"departmentId":"@department"}}"#),
    ("inboxEvents", r#"{"siteId":"$site","filter":{"customerId":"@agent"}}"#),
    ("inboxEvents", r#"{"siteId":"$site","filter":{"departmentId":"@department"}}"#),
    ("inboxCounts", r#"{"siteId":"@site","filters":[]}"#),
    ("inboxCounts", r#"{"siteId":"$site","filters":[{"assigneeId":"@agent"}]}"#),
    ("inboxCounts", r#"{"siteId":"$site","filters":[{"assistantId":"@assistant"}]}"#),
    ("inboxCounts", r#"{"siteId":"$site","filters":[{"visitorId":"@visitor"}]}"#),
    ("inboxCounts", r#"{"siteId":"$site","filters":[{"customerId":"@agent"}]}"#),
    ("inboxCounts", r#"{"siteId":"$site","filters":[{"departmentId":"@department"}]}"#),
    ("exportArticles", r#"{"siteId":"$site","format":"MARKDOWN","filter":{"authorId":"@agent"}}"#),
    ("previewRouting", r#"{"input":{"siteId":"$site","assistantId":"@assistant"}}"#),
    ("previewRouting", r#"{"input":{"siteId":"$site","conversationId":"@conversation"}}"#),
    ("satisfaction", r#"{"siteId":"$site","agentId":"@agent"}"#),
    ("specialDays", r#"{"siteId":"$site","departmentId":"@department"}"#),
    ("addNote", r#"{"conversationId":"$conversation","body":"Not","mentionIds":["@agent"]}"#),
    ("assignContactRequest", r#"{"contactRequestId":"$contact","assigneeId":"@agent"}"#),
    ("assignConversation", r#"{"conversationId":"$conversation","assigneeId":"@agent"}"#),
    ("createDepartment", r#"{"siteId":"$site","name":"Satış","memberIds":["@agent"]}"#),
    ("createTeam", r#"{"siteId":"$site","name":"Gece","departmentId":"@department"}"#),
    ("createTeam", r#"{"siteId":"$site","name":"Gündüz","memberIds":["@agent"]}"#),
    (
        "createGoldenQuestion",
        r#"{"assistantId":"$assistant","question":"İade?","language":"tr","expectedArticleId":"@article"}"#,
    ),
    (
        "importGoldenQuestions",
        r#"{"assistantId":"$assistant","questions":[{"question":"Süre?","language":"tr","expectedArticleId":"@article"}]}"#,
    ),
    ("updateGoldenQuestion", r#"{"goldenQuestionId":"$golden","expectedArticleId":"@article"}"#),
    ("setSpecialDay", r#"{"siteId":"$site","date":"2026-10-29","name":"Bayram","departmentId":"@department"}"#),
    ("updateBusinessHours", r#"{"siteId":"$site","week":[],"departmentId":"@department"}"#),
    ("deleteBusinessHours", r#"{"siteId":"$site","departmentId":"@department"}"#),
    ("importHolidays", r#"{"siteId":"$site","ics":"$holidays","departmentId":"@department"}"#),
    ("leaveMessage", r#"{"conversationId":"@conversation","message":"Merhaba","email":"a@example.com"}"#),
    ("leaveMessage", r#"{"message":"Merhaba","email":"a@example.com","departmentId":"@department"}"#),
    ("requestCallback", r#"{"conversationId":"@conversation","phone":"+90 212 555 00 00"}"#),
    ("requestCallback", r#"{"phone":"+90 212 555 00 00","departmentId":"@department"}"#),
    ("renderCannedResponse", r#"{"cannedResponseId":"$canned","conversationId":"@conversation"}"#),
    ("transferConversation", r#"{"conversationId":"$conversation","to":{"agentId":"@agent"}}"#),
    ("transferConversation", r#"{"conversationId":"$conversation","to":{"departmentId":"@department"}}"#),
    ("updateAgent", r#"{"siteId":"$site","userId":"@agent","maxChats":4}"#),
    ("updateDepartment", r#"{"departmentId":"$department","memberIds":["@agent"]}"#),
    ("updateTeam", r#"{"teamId":"$team","memberIds":["@agent"]}"#),
    (
        "updateRoutingSettings",
        r#"{"siteId":"$site","expectedVersion":0,"rules":[{"name":"a","strategy":"LEAST_BUSY","when":{},"departmentId":"@department"}]}"#,
    ),
    (
        "updateRoutingSettings",
        r#"{"siteId":"$site","expectedVersion":1,"rules":[{"name":"a","strategy":"LEAST_BUSY","when":{"assistantIds":["@assistant"]}}]}"#,
    ),
];

/// Conditions that are compared with rows within reach and never looked up, of a subscription and of one's own things.
const CONDITIONS: &[&str] = &[
    "inboxEvents filter.assigneeId",
    "inboxEvents filter.assistantId",
    "inboxEvents filter.visitorId",
    "myConversations assistantId",
];

/// What visitors ask for; members do not.
const OF_VISITORS: &[&str] = &["leaveMessage", "requestCallback"];

const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n\
     DTSTART;VALUE=DATE:20261029\r\nSUMMARY:Bayram\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

type Things = BTreeMap<&'static str, String>;

struct Place {
    site: Site,
    visitor: Visitor,
    things: Things,
}

async fn place(app: &TestApp, name: &str) -> Place {
    let site = app.site(name).await;
    let agent = app.agent(&site, "agent").await;
    let visitor = app.visitor(&site).await;
    let admin = Some(site.admin.token.as_str());
    let make = async |field: &str, thing: &str, token: Option<&str>, input: Value| {
        let kind = format!("{}{}", field[..1].to_uppercase(), &field[1..]);
        let document = format!("mutation($i: {kind}Input!) {{ {field}(input: $i) {{ {thing} {{ id }} }} }}");
        text(&app.run(token, &document, json!({ "i": input })).await[field][thing]["id"])
    };
    let assistant = app.assistant(&site, json!({})).await;
    let id = &site.id;
    let department = make("createDepartment", "department", admin, json!({ "siteId": id, "name": "Destek" })).await;
    let team = make("createTeam", "team", admin, json!({ "siteId": id, "name": "A" })).await;
    let contact = json!({ "message": "Merhaba", "email": "a@example.com" });
    let contact = make("leaveMessage", "contactRequest", Some(&visitor.token), contact).await;
    let canned = json!({ "siteId": id, "scope": "SITE", "shortcut": "/a", "title": "A", "text": "A" });
    let canned = make("createCannedResponse", "cannedResponse", admin, canned).await;
    let golden = json!({ "assistantId": assistant, "question": "Ne?", "language": "tr", "answerContains": "x" });
    let golden = make("createGoldenQuestion", "goldenQuestion", admin, golden).await;
    let things = BTreeMap::from([
        ("site", site.id.clone()),
        ("key", site.key.clone()),
        ("agent", agent.id),
        ("visitor", visitor.id.clone()),
        ("assistant", assistant),
        ("article", app.article(&site, "İade", "# İade\n\nOn dört gün.").await),
        ("department", department),
        ("team", team),
        ("contact", contact),
        ("canned", canned),
        ("golden", golden),
        ("holidays", HOLIDAYS.to_owned()),
        ("conversation", app.conversation(&visitor).await),
    ]);
    Place { site, visitor, things }
}

/// The arguments with the things of the own site, and what is in question as `asked` has it.
fn filled(template: &str, own: &Things, asked: &Things) -> Value {
    let put = |text: String, sign: char, things: &Things| {
        things.iter().fold(text, |text, (word, id)| text.replace(&format!("\"{sign}{word}\""), &json!(id).to_string()))
    };
    serde_json::from_str(&put(put(template.to_owned(), '$', own), '@', asked)).expect("arguments are JSON")
}

/// Ids of the same kinds that nothing has.
fn unknown(things: &Things) -> Things {
    let other = |id: &String| match id.rsplit_once('_') {
        Some((prefix, _)) => format!("{prefix}_{}", uuid::Uuid::from_u128(rand::random()).simple()),
        None => id.clone(),
    };
    things.iter().map(|(word, id)| (*word, other(id))).collect()
}

/// The answer, in which it does not matter which ids were asked for.
async fn ask(app: &TestApp, own: &Place, root: &Root<'_>, template: &str, asked: &Things) -> Value {
    let arguments = filled(template, &own.things, asked);
    let token = match OF_VISITORS.contains(&name(root.field)) {
        // How much one visitor sends is limited.
        true if !template.contains("@conversation") => app.visitor(&own.site).await.token,
        true => own.visitor.token.clone(),
        false => own.site.admin.token.clone(),
    };
    let variables = if root.kind == "mutation" { json!({ "input": arguments }) } else { arguments };
    let document = root.document(&variables);
    let answer = app.post(Some(&token), &document, variables).await.to_string();
    let answer = asked.values().filter(|id| id.contains('_')).fold(answer, |text, id| text.replace(id.as_str(), "@"));
    let mut answer: Value = serde_json::from_str(&answer).expect("it is JSON");
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        error["extensions"]["requestId"] = Value::Null;
    }
    answer
}

#[tokio::test]
async fn what_belongs_to_another_site_is_answered_as_what_does_not_exist() {
    let schema = introspected().await;
    let roots = roots(&schema);
    let app = roomy(|_| {}).await;
    let (own, other) = (place(&app, "own").await, place(&app, "other").await);
    let mut wrong = Vec::new();
    for (field, template) in NAMED {
        let root = roots.iter().find(|root| name(root.field) == *field).expect("it is in the schema");
        let foreign = ask(&app, &own, root, template, &other.things).await;
        let nothing = ask(&app, &own, root, template, &unknown(&other.things)).await;
        let there = ask(&app, &own, root, template, &own.things).await;
        let code = foreign["errors"][0]["extensions"]["code"].as_str();
        if root.kind == "mutation" && !matches!(code, Some("NOT_FOUND" | "BAD_USER_INPUT")) {
            wrong.push(format!("{field}{template} takes what belongs to another site: {foreign}"));
        }
        if foreign != nothing {
            wrong.push(format!("{field}{template} tells {foreign} from {nothing}"));
        }
        // Else it would be refused for another reason than this law is about.
        let refused = there["errors"][0]["extensions"]["code"].as_str();
        if matches!(refused, Some("NOT_FOUND" | "BAD_USER_INPUT" | "INTERNAL_SERVER_ERROR")) {
            wrong.push(format!("{field}{template} refuses what is the site's own: {there}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}

/// Where in an input there are ids, below `path`.
fn ids(schema: &Value, reference: &Value, path: &str, within: &mut Vec<String>) -> Vec<String> {
    let of_type = written(reference).replace(['[', ']', '!'], "");
    if of_type == "ID" {
        return vec![path.to_owned()];
    }
    let Some(kind) = type_named(schema, &of_type).filter(|kind| kind["kind"] == "INPUT_OBJECT") else { return vec![] };
    if within.contains(&of_type) {
        return vec![];
    }
    within.push(of_type);
    let found = list(&kind["inputFields"])
        .iter()
        .flat_map(|field| ids(schema, &field["type"], &format!("{path}.{}", name(field)), within))
        .collect();
    within.pop();
    found
}

/// The places of a template at which there is a thing, as `ids` writes them.
fn places(template: &Value, path: &str, signs: &[char]) -> Vec<String> {
    match template {
        Value::String(text) if text.starts_with(signs) => vec![path.to_owned()],
        Value::Array(items) => items.iter().flat_map(|item| places(item, path, signs)).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                places(value, &path, signs)
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    }
}

#[tokio::test]
async fn every_id_that_an_operation_takes_is_asked_for_here_or_in_a_rule() {
    let schema = introspected().await;
    let asked = |(field, template): (&str, &str), signs: &[char]| {
        let template: Value = serde_json::from_str(template).expect("arguments are JSON");
        places(&template, "", signs).into_iter().map(|path| format!("{field} {path}")).collect::<Vec<_>>()
    };
    let mut covered: BTreeSet<String> = CONDITIONS.iter().map(|place| (*place).to_owned()).collect();
    covered.extend(NAMED.iter().flat_map(|named| asked(*named, &['@'])));
    covered.extend(RULES.iter().flat_map(|(field, template, _)| asked((field, template), &['$'])));
    let mut missing = Vec::new();
    for root in roots(&schema) {
        for argument in list(&root.field["args"]) {
            for path in ids(&schema, &argument["type"], name(argument), &mut vec![]) {
                let path = if root.kind == "mutation" { path.trim_start_matches("input.") } else { &path };
                let place = format!("{} {path}", name(root.field));
                if !covered.contains(&place) {
                    missing.push(place);
                }
            }
        }
    }
    assert!(missing.is_empty(), "nothing asks for a thing of another site at {missing:?}; add lines to NAMED");
}
