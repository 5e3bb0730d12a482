//! The demo page: what it loads, where it is off, and what it asks.

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    wire,
};

const SCRIPT: &str = include_str!("../../src/server/demo/demo.js");

/// What it asks.
pub(crate) fn documents() -> Vec<&'static str> {
    SCRIPT.split("gql`").skip(1).filter_map(|rest| rest.split('`').next()).collect()
}

async fn get(app: &TestApp, path: &str, accept: &str) -> wire::Answer {
    wire::send(&app.url(), "GET", path, &[("accept", accept)], b"").await
}

#[tokio::test]
async fn the_demo_page_loads_nothing_but_its_own_files_and_is_off_where_graphiql_is() {
    let app = TestApp::start().await;
    let page = get(&app, "/demo", "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap_or_default();
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"] {
        assert!(policy.split("; ").any(|one| one == rule), "{rule} is not in {policy}");
    }
    // The policy lets nothing run that stands in the page itself.
    for inline in ["<script>", "<style", " style=", " onclick=", " onsubmit=", "javascript:", "https://"] {
        assert!(!page.body.contains(inline), "{inline}");
    }
    let mut paths: Vec<String> =
        page.body.split('"').filter(|text| text.starts_with("demo/")).map(Into::into).collect();
    assert_eq!(paths.len(), 2, "a script and its style");
    let mut seen = 0;
    while let Some(path) = paths.get(seen).cloned() {
        let file = get(&app, &format!("/{path}"), "*/*").await;
        let kind = if path.ends_with(".js") { "text/javascript" } else { "text/css" };
        let found = file.header("content-type").unwrap_or_default().to_owned();
        assert!(file.status == 200 && found.starts_with(kind), "{path}: {} {found}", file.status);
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "https://"] {
            assert!(!file.body.contains(markup), "{markup} in {path}");
        }
        // A script may need others.
        let imports = file.body.split(" from \"./").skip(1).filter_map(|rest| rest.split('"').next());
        paths.extend(imports.map(|name| format!("demo/{name}")));
        seen += 1;
    }
    assert_eq!(get(&app, "/demo/index.html", "*/*").await.status, 404);

    let nothing = get(&app, "/demo/site", "*/*").await.json();
    assert_eq!(nothing, json!({ "siteKey": null, "agent": null }));
    let demo = yanit::seed::demo(&app.app).await.expect("it can be made").expect("there was no site");
    let site = get(&app, "/demo/site", "*/*").await.json();
    assert_eq!(site, json!({ "siteKey": demo.site_key, "agent": demo.agent.0 }));
    assert_eq!(get(&app, "/", "*/*").await.json()["links"]["demo"], "/demo");

    let closed =
        TestApp::with(Options { configure: Some(Box::new(|config| config.graphiql = false)), ..Options::default() })
            .await;
    for path in ["/demo", "/demo/demo.js", "/demo/site"] {
        assert_eq!(get(&closed, path, "text/html,*/*").await.status, 404, "{path}");
    }
    let links = get(&closed, "/", "*/*").await.json()["links"].clone();
    assert!(links["demo"].is_null() && links["graphiql"].is_null() && links["graphql"] == "/graphql", "{links}");
}

#[tokio::test]
async fn what_it_asks_fits_the_schema() {
    let app = TestApp::start().await;
    let documents = documents();
    assert!(documents.len() >= 15, "{documents:?}");
    for document in documents {
        // What is valid is refused for the name, and nothing runs.
        let body = json!({ "query": document, "operationName": "ThereIsNoSuchOperation" });
        let answer: Value = wire::post(&app.url(), &[], &body).await.json();
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains("no operation with the name"), "{answer}\nin {document}");
    }
}
