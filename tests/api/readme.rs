//! What README shows is true.

use serde_json::json;

use crate::harness::app::{TestApp, refusal};

const README: &str = include_str!("../../README.md");

pub(crate) fn documents() -> Vec<&'static str> {
    README.split("```graphql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[tokio::test]
async fn every_document_in_readme_fits_the_schema() {
    let app = TestApp::start().await;
    let documents = documents();
    assert!(documents.len() >= 9);
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
