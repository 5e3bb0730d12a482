//! What README shows is true.

use serde_json::json;

use crate::harness::{
    app::{TestApp, refusal},
    people::{PASSWORD, text},
    ws::Ws,
};

const README: &str = include_str!("../../README.md");

pub(crate) fn documents() -> Vec<&'static str> {
    README.split("```graphql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[tokio::test]
async fn every_document_in_readme_fits_the_schema() {
    let app = TestApp::start().await;
    let documents = documents();
    assert!(documents.len() >= 8);
    for document in documents {
        let answer = if document.contains("subscription ") {
            let body = json!({ "query": document });
            let request =
                app.http.post(format!("http://{}/graphql/stream", app.address)).header("accept", "text/event-stream");
            let text = request.json(&body).send().await.unwrap().text().await.unwrap();
            let data =
                text.split("data: ").nth(1).map_or(text.as_str(), |rest| rest.split('\n').next().unwrap_or_default());
            serde_json::from_str(data).unwrap()
        } else {
            app.post(None, document, json!({})).await
        };
        let refusal = refusal(&answer).unwrap_or_default();
        assert!(!refusal.starts_with("GRAPHQL"), "{refusal} {answer}\nin {document}");
    }
}

#[test]
fn the_tabs_of_graphiql_are_the_documents_of_readme() {
    let documents = documents();
    for tab in yanit::server::graphiql::TABS {
        assert!(documents.iter().any(|document| document.trim() == tab.query.trim()), "{} is not in README", tab.title);
    }
}

/// The walk through GraphiQL, with what its page fills in.
#[tokio::test]
async fn the_walk_runs_as_printed() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let agent = app.agent(&site, "Ayşe").await;
    app.assistant(&site, json!({})).await;
    app.article(&site, "İade koşulları", "Ürünleri 14 gün içinde ücretsiz iade edebilirsiniz.").await;
    app.article(&site, "Kargo", "Kargo ücreti 49,90 TL'dir.").await;
    let mut known = vec![
        ("PASTE_SITE_KEY", site.key.clone()),
        ("PASTE_PASSWORD", PASSWORD.to_owned()),
        ("temsilci@mavifincan.example", agent.email.clone()),
    ];
    let mut token: Option<String> = None;
    for document in yanit::server::graphiql::TABS.iter().map(|tab| tab.query) {
        let filled = known.iter().fold(document.to_owned(), |text, (name, value)| text.replace(name, value));
        if !filled.contains("subscription ") {
            let sent = if filled.contains("mutation SignIn") { None } else { token.as_deref() };
            let data = app.run(sent, &filled, json!({})).await;
            let tokens = [&data["startVisitorSession"]["token"], &data["login"]["accessToken"]];
            token = tokens.into_iter().find(|it| it.is_string()).map(text).or(token);
            for (name, value) in [
                ("PASTE_SITE_ID", &data["startVisitorSession"]["site"]["id"]),
                ("PASTE_CONVERSATION_ID", &data["startConversation"]["conversation"]["id"]),
            ] {
                known.extend(value.as_str().map(|value| (name, value.to_owned())));
            }
            assert!(!filled.contains("awaitAnswer") || data.to_string().contains("49,90"), "{data}");
        } else {
            let mut ws = Ws::signed_in(&app.ws_url(), token.as_deref()).await;
            ws.subscribe("walk", &filled, json!({})).await;
            if filled.contains("conversationEvents") {
                let events = ws.until("walk", |event| event.to_string().contains("RunFinished")).await;
                assert!(json!(events).to_string().contains("14 gün"), "{events:?}");
            } else {
                // The next document moves it.
                let take_over = yanit::server::graphiql::TABS.last().expect("it is there").query;
                let take_over =
                    known.iter().fold(take_over.to_owned(), |text, (name, value)| text.replace(name, value));
                let event = ws.provoke("walk", || app.run(token.as_deref(), &take_over, json!({}))).await;
                assert_eq!(event["inboxEvents"]["__typename"], "InboxEntry", "{event}");
            }
        }
    }
}

/// G2: what is to be filled in stands where it is used, and is not explained by its own name, which would be filled in, too.
#[test]
fn no_comment_of_an_example_holds_what_is_filled_in() {
    let tabs = yanit::server::graphiql::TABS.iter().map(|tab| tab.query);
    for document in documents().into_iter().chain(tabs) {
        for line in document.lines() {
            let comment = line.split_once('#').map_or("", |(_, comment)| comment);
            assert!(!comment.contains("PASTE_"), "{line}");
        }
    }
}
