//! What is asked for twice under one `clientId` is made once, and what was changed by somebody else meanwhile is not
//! overwritten unseen by whoever says which version they read.
//!
//! A new operation that makes something fails here until it takes a `clientId` and has a line in [`MADE`]; one that
//! changes settings until it takes an `expectedVersion` and has a line in [`CHANGED`]; one with a new verb until it is said
//! which of the two it does.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::{
    introspected, list, name,
    permissions::{roomy, superadmin},
    type_named, written,
};
use crate::{
    feedback::answered,
    harness::{
        app::{TestApp, refusal},
        people::{new_id, text},
    },
};

/// First words of operations that make something.
const MAKE: &[&str] = &[
    "add", "create", "grant", "import", "invite", "leave", "propose", "register", "request", "run", "send", "start",
    "suggest",
];

/// First words of operations that change, end or move what is there. Done twice they do what they do once.
const CHANGE: &[&str] = &[
    "accept", "archive", "assign", "cancel", "change", "close", "decline", "delete", "discard", "dismiss", "edit",
    "login", "logout", "mark", "pause", "publish", "rate", "rebuild", "refresh", "remove", "rename", "render",
    "reopen", "resolve", "restore", "resume", "retry", "revoke", "rotate", "set", "stop", "tag", "take", "test",
    "transfer", "update",
];

/// What makes something once by its nature, and why.
const ONCE_ANYWAY: &[(&str, &str)] = &[
    ("addReaction", "a person's reaction to a message is there or not"),
    ("register", "an address has one account; `login` goes on after a lost answer"),
    ("requestHuman", "a conversation waits once"),
    ("sendDraft", "a draft is sent once, and a repetition finds the message"),
    ("startVisitorSession", "nothing is stored, and the earlier token brings the same visitor back"),
];

/// Changes of what nobody else changes, and why that needs no version.
const NOBODY_ELSE: &[(&str, &str)] = &[("updateVisitor", "what a visitor tells about themself")];

/// Changes that are not called `update…` of what several people change.
const SETTINGS_TOO: &[&str] = &["renameConversation", "setEmergency", "setEvaluationGate", "setSpecialDay"];

/// Something that is made.
struct Made {
    field: &'static str,
    who: &'static str,
    /// `$` stands before things, `%` is another number for each new `clientId`.
    input: &'static str,
    /// What of the input is different when it comes with other content.
    other: &'static str,
    selection: &'static str,
    /// What there is one more of.
    counted: &'static str,
}

const MADE: &[Made] = &[
    Made {
        field: "addNote",
        who: "admin",
        input: r#"{"conversationId":"$conversation","body":"Not %"}"#,
        other: r#"{"body":"Başka"}"#,
        selection: "message { id body }",
        counted: "SELECT COUNT(*) FROM message WHERE audience = 'STAFF'",
    },
    Made {
        field: "createArticle",
        who: "admin",
        input: r#"{"siteId":"$site","title":"İade %","body":"On dört gün.","language":"tr","slug":"iade-%"}"#,
        other: r#"{"body":"Otuz gün."}"#,
        selection: "article { id title slug version }",
        counted: "SELECT COUNT(*) FROM article",
    },
    Made {
        field: "createArticles",
        who: "admin",
        input: r#"{"siteId":"$site","articles":[{"title":"Kargo %","body":"İki gün.","language":"tr","slug":"kargo-%","clientId":"$client"}]}"#,
        other: r#"{"articles":[{"title":"Kargo","body":"Üç gün.","language":"tr","clientId":"$client"}]}"#,
        selection: "createdCount results { index article { id title slug } error { code reason field } }",
        counted: "SELECT COUNT(*) FROM article",
    },
    Made {
        field: "createAssistant",
        who: "admin",
        input: r#"{"siteId":"$site","name":"Fincan %"}"#,
        other: r#"{"temperature":0.1}"#,
        selection: "assistant { id name version }",
        counted: "SELECT COUNT(*) FROM assistant",
    },
    Made {
        field: "createCannedResponse",
        who: "admin",
        input: r#"{"siteId":"$site","scope":"SITE","shortcut":"/a%","title":"A","text":"A"}"#,
        other: r#"{"text":"B"}"#,
        selection: "cannedResponse { id shortcut version }",
        counted: "SELECT COUNT(*) FROM canned_response",
    },
    Made {
        field: "createDepartment",
        who: "admin",
        input: r#"{"siteId":"$site","name":"Destek %","memberIds":["$agent"]}"#,
        other: r#"{"memberIds":[]}"#,
        selection: "department { id name version members { id } }",
        counted: "SELECT COUNT(*) FROM department",
    },
    Made {
        field: "createGoldenQuestion",
        who: "admin",
        input: r#"{"assistantId":"$assistant","question":"Kaç gün? %","language":"tr","answerContains":"14"}"#,
        other: r#"{"answerContains":"15"}"#,
        selection: "goldenQuestion { id question version }",
        counted: "SELECT COUNT(*) FROM golden_question",
    },
    Made {
        field: "createSite",
        who: "admin",
        input: r#"{"name":"Dükkân %"}"#,
        other: r#"{"locale":"de"}"#,
        selection: "site { id name publicKey myRole version }",
        counted: "SELECT COUNT(*) FROM site",
    },
    Made {
        field: "createTeam",
        who: "admin",
        input: r#"{"siteId":"$site","name":"Gece %","departmentId":"$department"}"#,
        other: r#"{"departmentId":null}"#,
        selection: "team { id name departmentId version }",
        counted: "SELECT COUNT(*) FROM team",
    },
    Made {
        field: "grantCredits",
        who: "superadmin",
        input: r#"{"userId":"$agent","amount":3}"#,
        other: r#"{"amount":4}"#,
        selection: "user { id }",
        counted: r#"SELECT CAST(SUM(credits_granted) AS BIGINT) FROM "user""#,
    },
    Made {
        field: "importArticles",
        who: "admin",
        input: r##"{"siteId":"$site","files":[{"name":"a.md","text":"# A %\n\nB"}]}"##,
        other: r##"{"files":[{"name":"a.md","text":"# C\n\nB"}]}"##,
        selection: "articleImport { id filesTotal }",
        counted: "SELECT COUNT(*) FROM article_import",
    },
    Made {
        field: "importGoldenQuestions",
        who: "admin",
        input: r#"{"assistantId":"$assistant","questions":[{"question":"Bir? %","language":"tr","answerContains":"1"},{"question":"İki? %","language":"tr","answerContains":"2"}]}"#,
        other: r#"{"questions":[{"question":"Üç?","language":"tr","answerContains":"3"}]}"#,
        selection: "goldenQuestions { id question }",
        counted: "SELECT COUNT(*) FROM golden_question",
    },
    Made {
        field: "importHolidays",
        who: "admin",
        input: r#"{"siteId":"$site","ics":"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a%\nDTSTART;VALUE=DATE:2027010%\nSUMMARY:Tatil %\nEND:VEVENT\nBEGIN:VEVENT\nUID:b%\nSUMMARY:Günsüz\nEND:VEVENT\nEND:VCALENDAR\n"}"#,
        other: r#"{"ics":"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:c\nDTSTART;VALUE=DATE:20270209\nSUMMARY:Tatil\nEND:VEVENT\nEND:VCALENDAR\n"}"#,
        selection: "created updated unchanged specialDays { id name } problems { reason message }",
        counted: "SELECT COUNT(*) FROM special_day",
    },
    Made {
        field: "inviteMember",
        who: "admin",
        input: r#"{"siteId":"$site","email":"yeni%@example.com","role":"AGENT"}"#,
        other: r#"{"role":"ADMIN"}"#,
        selection: "invitationToken invitation { id email role }",
        counted: "SELECT COUNT(*) FROM invitation",
    },
    Made {
        field: "leaveMessage",
        who: "visitor",
        input: r#"{"message":"Merhaba %","email":"a@example.com"}"#,
        other: r#"{"message":"Başka"}"#,
        selection: "contactRequest { id }",
        counted: "SELECT COUNT(*) FROM contact_request",
    },
    Made {
        field: "proposeArticle",
        who: "admin",
        input: r#"{"groupId":"$group%"}"#,
        other: r#"{"groupId":"$group3"}"#,
        selection: "created group { id } article { id title body }",
        counted: "SELECT COUNT(*) FROM article",
    },
    Made {
        field: "requestCallback",
        who: "visitor",
        input: r#"{"phone":"+90 212 555 00 0%"}"#,
        other: r#"{"note":"Başka"}"#,
        selection: "contactRequest { id }",
        counted: "SELECT COUNT(*) FROM contact_request",
    },
    Made {
        field: "runEvaluation",
        who: "admin",
        input: r#"{"assistantId":"$measured%"}"#,
        other: r#"{"assistantId":"$assistant"}"#,
        selection: "evaluation { id total }",
        counted: "SELECT COUNT(*) FROM evaluation",
    },
    Made {
        field: "sendMessage",
        who: "visitor",
        input: r#"{"conversationId":"$conversation","body":"Merhaba %"}"#,
        other: r#"{"body":"Başka"}"#,
        selection: "message { id seq body }",
        counted: "SELECT COUNT(*) FROM message WHERE author_kind = 'VISITOR'",
    },
    Made {
        field: "startConversation",
        who: "customer",
        input: r#"{"assistantId":"$open","title":"Sohbet %"}"#,
        other: r#"{"title":"Başka"}"#,
        selection: "started conversation { id title }",
        counted: "SELECT COUNT(*) FROM conversation",
    },
    Made {
        field: "suggestReply",
        who: "admin",
        input: r#"{"conversationId":"$conversation"}"#,
        other: r#"{"conversationId":"$another"}"#,
        selection: "run { id }",
        counted: "SELECT COUNT(*) FROM run WHERE requested_by IS NOT NULL",
    },
];

/// What is changed: an operation, its input without what changes, three contents, and what shows them.
struct Changed(&'static str, &'static str, [&'static str; 3], &'static str);

const CHANGED: &[Changed] = &[
    Changed(
        "renameConversation",
        r#"{"conversationId":"$conversation"}"#,
        [r#"{"title":"A"}"#, r#"{"title":"B"}"#, r#"{"title":null}"#],
        "conversation { version title }",
    ),
    Changed(
        "setEmergency",
        r#"{"siteId":"$site"}"#,
        [
            r#"{"enabled":true,"message":"A"}"#,
            r#"{"enabled":true,"message":"B"}"#,
            r#"{"enabled":false,"message":"C","allowAi":false}"#,
        ],
        "emergency { version enabled message allowAi }",
    ),
    Changed(
        "setEvaluationGate",
        r#"{"assistantId":"$assistant"}"#,
        [r#"{"gate":"WARN"}"#, r#"{"gate":"OFF"}"#, r#"{"gate":"WARN"}"#],
        "settings { version gate }",
    ),
    Changed(
        "setSpecialDay",
        r#"{"siteId":"$site","date":"2027-10-29"}"#,
        [r#"{"name":"A"}"#, r#"{"name":"B"}"#, r#"{"name":"C","message":"D"}"#],
        "specialDay { version name message }",
    ),
    Changed(
        "updateAgent",
        r#"{"siteId":"$site","userId":"$agent"}"#,
        [r#"{"maxChats":4}"#, r#"{"maxChats":5}"#, r#"{"maxChats":6,"languages":["de"]}"#],
        "agent { version maxChats languages }",
    ),
    Changed(
        "updateArticle",
        r#"{"articleId":"$article"}"#,
        [r#"{"title":"A"}"#, r#"{"title":"B"}"#, r#"{"title":"C","tags":["d"]}"#],
        "article { version title tags }",
    ),
    Changed(
        "updateAssistant",
        r#"{"assistantId":"$assistant"}"#,
        [r#"{"name":"A"}"#, r#"{"name":"B"}"#, r#"{"name":"C","temperature":0.1}"#],
        "assistant { version name temperature }",
    ),
    Changed(
        "updateBusinessHours",
        r#"{"siteId":"$site"}"#,
        [
            r#"{"week":[{"day":"MONDAY","intervals":[{"from":"09:00","to":"17:00"}]}]}"#,
            r#"{"week":[{"day":"MONDAY","intervals":[{"from":"10:00","to":"17:00"}]}]}"#,
            r#"{"week":[],"timeZone":"Europe/Berlin"}"#,
        ],
        "businessHours { version timeZone week { day intervals { from to } } }",
    ),
    Changed(
        "updateBusinessHours",
        r#"{"siteId":"$site","departmentId":"$department"}"#,
        [r#"{"week":[],"timeZone":"UTC"}"#, r#"{"week":[]}"#, r#"{"week":[],"timeZone":"Europe/Berlin"}"#],
        "businessHours { version timeZone inherited }",
    ),
    Changed(
        "updateCannedResponse",
        r#"{"cannedResponseId":"$canned"}"#,
        [r#"{"title":"B"}"#, r#"{"title":"C"}"#, r#"{"title":"D","text":"E"}"#],
        "cannedResponse { version title text }",
    ),
    Changed(
        "updateDepartment",
        r#"{"departmentId":"$department"}"#,
        [r#"{"description":"A"}"#, r#"{"description":"B"}"#, r#"{"description":"C","memberIds":["$agent"]}"#],
        "department { version description members { id } }",
    ),
    Changed(
        "updateGoldenQuestion",
        r#"{"goldenQuestionId":"$golden"}"#,
        [r#"{"question":"A?"}"#, r#"{"question":"B?"}"#, r#"{"question":"C?","kind":"D"}"#],
        "goldenQuestion { version question kind }",
    ),
    Changed(
        "updateKnowledgeSettings",
        r#"{"siteId":"$site"}"#,
        [r#"{"minScore":0.1}"#, r#"{"minScore":0.2}"#, r#"{"minScore":0.3,"contextCharacters":900}"#],
        "settings { version minScore contextCharacters }",
    ),
    Changed(
        "updateMe",
        r#"{}"#,
        [r#"{"name":"A"}"#, r#"{"name":"B"}"#, r#"{"name":"C","avatarUrl":"/c.png"}"#],
        "user { version name avatarUrl }",
    ),
    Changed(
        "updateSite",
        r#"{"siteId":"$site"}"#,
        [r#"{"name":"A"}"#, r#"{"name":"B"}"#, r#"{"name":"C","locale":"de"}"#],
        "site { version name locale }",
    ),
    Changed(
        "updateTeam",
        r#"{"teamId":"$team"}"#,
        [r#"{"description":"A"}"#, r#"{"description":"B"}"#, r#"{"description":"C","memberIds":["$agent"]}"#],
        "team { version description members { id } }",
    ),
    Changed(
        "updateWidgetSettings",
        r#"{"siteId":"$site"}"#,
        [r##"{"customCss":"a{}"}"##, r##"{"customCss":"b{}"}"##, r##"{"customCss":"c{}","look":{"zIndex":7}}"##],
        "widgetSettings { version customCss look { zIndex } }",
    ),
];

/// The first word of an operation's name.
fn verb(field: &str) -> &str {
    field.split(|c: char| c.is_ascii_uppercase()).next().unwrap_or_default()
}

fn why<'a>(exceptions: &[(&str, &'a str)], field: &str) -> Option<&'a str> {
    exceptions.iter().find(|(own, _)| *own == field).map(|(_, why)| *why)
}

/// The field of this name in an input, also in what it has lists of.
fn field_in<'a>(schema: &'a Value, input: &'a Value, wanted: &str) -> Option<&'a Value> {
    let fields = list(&input["inputFields"]);
    fields.iter().find(|field| name(field) == wanted).or_else(|| {
        let of_type = |field: &Value| written(&field["type"]).starts_with('[').then(|| written(&field["type"]));
        let within = fields.iter().filter_map(of_type).map(|list| list.replace(['[', ']', '!'], ""));
        within
            .filter_map(|kind| type_named(schema, &kind))
            .find_map(|kind| list(&kind["inputFields"]).iter().find(|field| name(field) == wanted))
    })
}

struct Operation<'a> {
    field: &'a str,
    input: &'a Value,
    payload: &'a Value,
}

fn operations<'a>(schema: &'a Value) -> Vec<Operation<'a>> {
    let mutations = type_named(schema, name(&schema["mutationType"])).expect("there are mutations");
    let bare = |reference: &Value| written(reference).replace('!', "");
    let of = |mutation: &'a Value| {
        let takes = list(&mutation["args"]).first();
        let input = takes.and_then(|input| type_named(schema, &bare(&input["type"])));
        let payload = type_named(schema, &bare(&mutation["type"])).expect("it is in the schema");
        Operation { field: name(mutation), input: input.unwrap_or(&Value::Null), payload }
    };
    list(&mutations["fields"]).iter().map(of).collect()
}

#[tokio::test]
async fn what_makes_something_takes_an_id_of_the_callers() {
    let schema = introspected().await;
    let tried: BTreeSet<&str> = MADE.iter().map(|made| made.field).collect();
    let mut wrong = Vec::new();
    for Operation { field, input, .. } in operations(&schema) {
        let makes = MAKE.contains(&verb(field));
        if makes == CHANGE.contains(&verb(field)) {
            wrong.push(format!("{field}: add `{}` to MAKE or to CHANGE", verb(field)));
        }
        let client = field_in(&schema, input, "clientId").map(|client| written(&client["type"]));
        match (&client, why(ONCE_ANYWAY, field)) {
            (Some(kind), None) if kind == "UUID" && tried.contains(field) => {}
            (None, Some(_)) => {}
            (None, None) if !makes => {}
            (client, why) => {
                wrong.push(format!(
                    "{field}: clientId {client:?}, in MADE {}, without because {why:?}",
                    tried.contains(field)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[tokio::test]
async fn what_changes_settings_takes_the_version_that_was_read() {
    let schema = introspected().await;
    // Routing's has to be given; its own tests are in `routing`.
    let tried: BTreeSet<&str> = CHANGED.iter().map(|changed| changed.0).chain(["updateRoutingSettings"]).collect();
    let mut wrong = Vec::new();
    for Operation { field, input, payload } in operations(&schema) {
        let needs = (verb(field) == "update" || SETTINGS_TOO.contains(&field)) && why(NOBODY_ELSE, field).is_none();
        let expected = field_in(&schema, input, "expectedVersion").map(|expected| written(&expected["type"]));
        if !needs && expected.is_none() {
            continue;
        }
        let shows = list(&payload["fields"]).iter().any(|part| {
            let kind = type_named(&schema, &written(&part["type"]).replace('!', "")).unwrap_or(&Value::Null);
            list(&kind["fields"]).iter().any(|own| name(own) == "version" && written(&own["type"]) == "Int!")
        });
        let takes = matches!(expected.as_deref(), Some("Int" | "Int!"));
        if !(needs && takes && shows && tried.contains(field)) {
            let is_tried = tried.contains(field);
            wrong.push(format!("{field}: expectedVersion {expected:?}, shows it {shows}, in CHANGED {is_tried}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}

struct World {
    app: TestApp,
    tokens: BTreeMap<&'static str, String>,
    things: BTreeMap<&'static str, String>,
}

impl World {
    async fn new() -> Self {
        let app = roomy(|_| {}).await;
        let site = app.site("own").await;
        let (agent, customer, visitor) =
            (app.agent(&site, "agent").await, app.person("customer").await, app.visitor(&site).await);
        let admin = site.admin.token.as_str();
        let make = async |field: &str, thing: &str, input: Value| {
            let answer = post(&app, admin, field, &format!("{thing} {{ id }}"), input).await;
            text(&answer["data"][field][thing]["id"])
        };
        let id = &site.id;
        let conversation = app.conversation(&visitor).await;
        app.say(&visitor.token, &conversation, "Merhaba").await;
        let elsewhere = app.visitor(&site).await;
        let another = app.conversation(&elsewhere).await;
        let mut things = BTreeMap::from([
            ("site", site.id.clone()),
            ("agent", agent.id),
            ("assistant", app.assistant(&site, json!({})).await),
            ("open", app.assistant(&site, json!({ "openToCustomers": true })).await),
            (
                "article",
                make(
                    "createArticle",
                    "article",
                    json!({ "siteId": id, "title": "İade", "body": "On dört gün.", "language": "tr" }),
                )
                .await,
            ),
            ("department", make("createDepartment", "department", json!({ "siteId": id, "name": "Satış" })).await),
            ("team", make("createTeam", "team", json!({ "siteId": id, "name": "Gündüz" })).await),
            (
                "canned",
                make(
                    "createCannedResponse",
                    "cannedResponse",
                    json!({ "siteId": id, "scope": "SITE", "shortcut": "/b", "title": "A", "text": "A" }),
                )
                .await,
            ),
            ("conversation", conversation),
            ("another", another),
        ]);
        let question = |assistant: &str| json!({ "assistantId": assistant, "question": "Ne?", "language": "tr", "answerContains": "x" });
        for word in ["measured1", "measured2"] {
            let assistant = app.assistant(&site, json!({})).await;
            make("createGoldenQuestion", "goldenQuestion", question(&assistant)).await;
            things.insert(word, assistant);
        }
        let words = ["group1", "group2", "group3"];
        for question in ["Hediye paketi yapıyor musunuz?", "Öğrenci indirimi var mı?", "Bayilik veriyor musunuz?"] {
            let asks = app.visitor(&site).await;
            answered(&app, &asks, question).await;
        }
        let groups = "query Q($s: ID!) { unansweredQuestions(siteId: $s) { nodes { id } } }";
        // Grouping is work in the background.
        let mut found = vec![];
        while found.len() < words.len() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let data = app.run(Some(admin), groups, json!({ "s": id })).await;
            found = list(&data["unansweredQuestions"]["nodes"]).to_vec();
        }
        things.extend(words.into_iter().zip(found.iter().map(|group| text(&group["id"]))));
        things.insert("golden", make("createGoldenQuestion", "goldenQuestion", question(&things["assistant"])).await);
        let tokens = BTreeMap::from([
            ("admin", site.admin.token.clone()),
            ("superadmin", superadmin(&app).await.token),
            ("customer", customer.token),
            ("visitor", visitor.token),
        ]);
        Self { app, tokens, things }
    }

    /// Templates as one input.
    fn input(&self, templates: &[&str], number: &str, client: &str) -> Value {
        let mut whole = serde_json::Map::new();
        for template in templates {
            let template = template.replace('%', number).replace("$client", client);
            let filled = self
                .things
                .iter()
                .fold(template, |text, (word, id)| text.replace(&format!("\"${word}\""), &json!(id).to_string()));
            let filled: Value = serde_json::from_str(&filled).expect("inputs are JSON");
            whole.extend(filled.as_object().expect("inputs are objects").clone());
        }
        Value::Object(whole)
    }

    async fn count(&self, sql: &str) -> i64 {
        let db = self.app.app.ports.database.db();
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("it is SQL");
        row.expect("there is a row").try_get_by_index(0).expect("a number")
    }
}

async fn post(app: &TestApp, token: &str, field: &str, selection: &str, input: Value) -> Value {
    let kind = format!("{}{}", field[..1].to_uppercase(), &field[1..]);
    let document = format!("mutation($i: {kind}Input!) {{ {field}(input: $i) {{ {selection} }} }}");
    app.post(Some(token), &document, json!({ "i": input })).await
}

/// Where the payload or the only error of a list says why.
fn mismatch(answer: &Value, field: &str) -> (Value, Value) {
    let item = &answer["data"][field]["results"][0]["error"];
    if item.is_object() {
        return (item["reason"].clone(), item["field"].clone());
    }
    let error = &answer["errors"][0]["extensions"];
    (error["reason"].clone(), error["field"].clone())
}

#[tokio::test]
async fn what_is_asked_for_twice_is_made_once() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for Made { field, who, input, other, selection, counted } in MADE {
        let token = &world.tokens[who];
        let ask = async |templates: &[&str], number: &str, client: &str| {
            let mut input = world.input(templates, number, client);
            if *field != "createArticles" {
                input["clientId"] = json!(client);
            }
            post(&world.app, token, field, selection, input).await
        };
        let client = new_id();
        let before = world.count(counted).await;
        let first = ask(&[input], "1", &client).await;
        let one = world.count(counted).await - before;
        if first["errors"].is_array() || one == 0 {
            wrong.push(format!("{field} makes nothing: {first}"));
            continue;
        }
        for _ in 0..2 {
            let again = ask(&[input], "1", &client).await;
            if again != first {
                wrong.push(format!("{field} answers {again} and not {first}"));
            }
        }
        let answer = ask(&[input, other], "1", &client).await;
        let place = if *field == "createArticles" { "input.articles[0].clientId" } else { "input.clientId" };
        if mismatch(&answer, field) != (json!("IDEMPOTENCY_MISMATCH"), json!(place)) {
            wrong.push(format!("{field} takes other content: {answer}"));
        }
        let (only, at_once) = ([*input], new_id());
        let answers = join_all((0..6).map(|_| ask(&only, "2", &at_once))).await;
        if answers.iter().any(|answer| answer != &answers[0] || answer["errors"].is_array()) {
            wrong.push(format!("{field} at once: {answers:?}"));
        }
        let now = world.count(counted).await - before;
        if now != 2 * one {
            wrong.push(format!("{field} made {now} of what {} are two", 2 * one));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[tokio::test]
async fn nobody_overwrites_what_they_did_not_read() {
    let world = World::new().await;
    let token = &world.tokens["admin"];
    let mut wrong = Vec::new();
    for Changed(field, about, [first, second, third], selection) in CHANGED {
        let ask = async |content: &str, expected: Option<i64>| {
            let mut input = world.input(&[about, content], "", "");
            if let Some(expected) = expected {
                input["expectedVersion"] = json!(expected);
            }
            post(&world.app, token, field, selection, input).await
        };
        let shown = |answer: &Value| answer["data"][field].as_object().and_then(|data| data.values().next().cloned());
        let version = |answer: &Value| shown(answer).and_then(|shown| shown["version"].as_i64());
        let answer = ask(first, None).await;
        let Some(read) = version(&answer) else {
            wrong.push(format!("{field}{about} is refused: {answer}"));
            continue;
        };
        let changed = ask(second, Some(read)).await;
        if version(&changed) != Some(read + 1) {
            wrong.push(format!("{field}{about} of version {read}: {changed}"));
        }
        let stale = ask(third, Some(read)).await;
        let error = &stale["errors"][0];
        let says = error["message"].as_str().is_some_and(|message| message.contains(&(read + 1).to_string()));
        let refused = refusal(&stale).as_deref() == Some("CONFLICT/VERSION_CONFLICT");
        if !(says && refused && error["extensions"]["field"] == "input.expectedVersion") {
            wrong.push(format!("{field}{about} of an earlier version: {stale}"));
        }
        // The same as before, so that what is shown is all that there is.
        let same = ask(second, Some(read + 1)).await;
        let without_version = |answer: &Value| {
            shown(answer).map(|mut shown| {
                shown["version"] = Value::Null;
                shown
            })
        };
        if shown(&same).is_none() || without_version(&same) != without_version(&changed) {
            wrong.push(format!("{field}{about} was changed all the same: {changed} {same}"));
        }
        let newest = version(&same).unwrap_or_default();
        let both = join_all([ask(first, Some(newest)), ask(third, Some(newest))]).await;
        let passed = both.iter().filter(|answer| version(answer) == Some(newest + 1)).count();
        let refused =
            both.iter().filter(|answer| refusal(answer).as_deref() == Some("CONFLICT/VERSION_CONFLICT")).count();
        if (passed, refused) != (1, 1) {
            wrong.push(format!("{field}{about} at once: {both:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}
