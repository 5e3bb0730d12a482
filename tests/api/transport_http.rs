//! GraphQL over HTTP: statuses, forms of answers, what may execute, and slow or too many connections.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::harness::{
    app::{Options, TestApp},
    wire,
};

const JSON: (&str, &str) = ("content-type", "application/json");
const LEGACY: (&str, &str) = ("accept", "application/json");

fn configured(change: impl FnOnce(&mut yanit::config::Config) + Send + 'static) -> Options {
    Options { configure: Some(Box::new(change)), ..Options::default() }
}

async fn get(app: &TestApp, path: &str, accept: &str) -> wire::Answer {
    wire::send(&app.url(), "GET", path, &[("accept", accept)], b"").await
}

#[tokio::test]
async fn refused_documents_have_a_code_and_no_data() {
    let app = TestApp::start().await;
    for (body, code) in [
        (json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nothing }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query A { __typename } query B { __typename }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query A { __typename }", "operationName": "B" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query($t: String!) { verifyToken(token: $t) { __typename } }" }), "BAD_USER_INPUT"),
    ] {
        let answer = wire::post(&app.url(), &[], &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body} {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/graphql-response+json; charset=utf-8"));
        assert!(answer.json().get("data").is_none(), "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["extensions"]["requestId"].as_str(), answer.header("x-request-id"));
        // By the specification, a well-formed request gets 200 where the answer is plain JSON.
        assert_eq!(wire::post(&app.url(), &[LEGACY], &body).await.status, 200, "{body}");
    }
}

#[tokio::test]
async fn malformed_requests_are_400_in_every_form() {
    let app = TestApp::start().await;
    for body in [
        json!({}),
        json!({ "query": 1 }),
        json!({ "query": ["{ __typename }"] }),
        json!({ "query": "{ __typename }", "variables": "x" }),
        json!({ "query": "{ __typename }", "variables": [1] }),
        json!({ "query": "{ __typename }", "operationName": 1 }),
        json!({ "query": "{ __typename }", "extensions": [] }),
        json!([{ "query": "{ __typename }" }]),
        json!("x"),
    ] {
        let answer = wire::post(&app.url(), &[LEGACY], &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_USER_INPUT"), "{body} {answer:?}");
    }
    let nulls = json!({ "query": "{ __typename }", "variables": null, "operationName": null, "extensions": null });
    assert_eq!(wire::post(&app.url(), &[], &nulls).await.status, 200);
}

#[tokio::test]
async fn the_accept_header_decides_the_form() {
    let app = TestApp::start().await;
    let query = "/graphql?query=%7B__typename%7D";
    for (accept, form) in [
        ("*/*", "application/json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        (
            "application/graphql-response+json, application/json;q=0.9",
            "application/graphql-response+json; charset=utf-8",
        ),
    ] {
        let answer = get(&app, query, accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(form)));
        assert!(answer.json()["data"]["__typename"].is_string());
    }
    assert_eq!(get(&app, query, "text/plain").await.status, 406);
}

#[tokio::test]
async fn only_what_a_page_cannot_send_unasked_is_executed() {
    let app = TestApp::start().await;
    let body = json!({ "query": "{ __typename }" });
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/graphql", "application/json; charset=latin1"]
    {
        assert_eq!(wire::post(&app.url(), &[("content-type", kind)], &body).await.status, 415, "{kind}");
    }
    let untyped = wire::send(&app.url(), "POST", "/graphql", &[], body.to_string().as_bytes()).await;
    assert_eq!(untyped.status, 415);

    let form = "--b\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"{ __typename }\"}\r\n\
                --b\r\ncontent-disposition: form-data; name=\"map\"\r\n\r\n{}\r\n--b--\r\n";
    let kind = ("content-type", "multipart/form-data; boundary=b");
    assert_eq!(wire::send(&app.url(), "POST", "/graphql", &[kind], form.as_bytes()).await.status, 415);
    for name in ["GraphQL-Preflight", "Apollo-Require-Preflight", "X-Requested-With"] {
        let answer = wire::send(&app.url(), "POST", "/graphql", &[kind, (name, "1")], form.as_bytes()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let broken = wire::send(&app.url(), "POST", "/graphql", &[kind, ("GraphQL-Preflight", "1")], b"--b\r\nx").await;
    assert_eq!((broken.status, broken.code().as_str()), (400, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn get_is_for_queries() {
    let app = TestApp::start().await;
    let answer = get(&app, "/graphql?query=mutation%7Blogout(input:%7B%7D)%7B__typename%7D%7D", "*/*").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(get(&app, "/graphql", "*/*").await.status, 400);
    assert_eq!(get(&app, "/graphql?query=%7B__typename%7D&variables=%5B%5D", "*/*").await.status, 400);
    assert_eq!(wire::send(&app.url(), "DELETE", "/graphql", &[], b"").await.status, 405);
    let subscription =
        wire::post(&app.url(), &[], &json!({ "query": "subscription { assistantRun(runId: \"x\") { __typename } }" }))
            .await;
    assert_eq!(subscription.status, 400, "{subscription:?}");
}

#[tokio::test]
async fn tokens_are_bearer_tokens() {
    let app = TestApp::start().await;
    for header in ["Bearer nonsense", "Basic eDp5"] {
        let answer = wire::post(&app.url(), &[("authorization", header)], &json!({ "query": "{ __typename }" })).await;
        assert_eq!(
            (answer.status, answer.code().as_str(), answer.reason().as_str()),
            (401, "UNAUTHENTICATED", "INVALID_TOKEN")
        );
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_ask_without_credentials() {
    let app = TestApp::start().await;
    let origin = ("origin", "https://shop.example");
    let asked = [origin, ("access-control-request-method", "POST"), ("access-control-request-headers", "content-type")];
    let preflight = wire::send(&app.url(), "OPTIONS", "/graphql", &asked, b"").await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-headers").is_some_and(|names| names.contains("authorization")));
    let answer =
        wire::post(&app.url(), &[origin, ("x-request-id", "my-id.1")], &json!({ "query": "{ __typename }" })).await;
    for answer in [&preflight, &answer] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    assert_eq!(answer.header("x-request-id"), Some("my-id.1"));
    let odd = wire::post(&app.url(), &[("x-request-id", "<b>")], &json!({ "query": "{ __typename }" })).await;
    assert_ne!(odd.header("x-request-id"), Some("<b>"));
}

/// The body as the server sent it, and the headers that a cache looks at.
async fn file(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (u16, Vec<u8>, reqwest::header::HeaderMap) {
    let mut request = app.http.get(format!("http://{}{path}", app.address)).header("accept", "text/html, */*;q=0.8");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, answer.bytes().await.unwrap().to_vec(), headers)
}

#[tokio::test]
async fn graphiql_is_compressed_for_who_accepts_it_and_not_sent_to_who_has_it() {
    let app = TestApp::start().await;
    for path in ["/graphql", "/graphql/assets/graphiql.min.js", "/graphql/assets/graphiql.min.css"] {
        let (_, plain, of_plain) = file(&app, path, &[("accept-encoding", "br, gzip;q=0")]).await;
        assert!(!of_plain.contains_key("content-encoding"), "{path}");
        let gzip = ("accept-encoding", "gzip, deflate, br");
        let wants = [gzip];
        // Two at once wait for one compression.
        let both = tokio::join!(file(&app, path, &wants), file(&app, path, &wants));
        for (status, packed, of_packed) in [both.0, both.1] {
            assert_eq!((status, of_packed["content-encoding"].as_bytes()), (200, &b"gzip"[..]), "{path}");
            assert_eq!(of_packed["content-type"], of_plain["content-type"], "{path}");
            // The fonts inside the styles are compressed already.
            assert!(packed.len() * 4 < plain.len() * 3, "{path}: {} of {}", packed.len(), plain.len());
            let mut unpacked = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
            assert_eq!(unpacked, plain, "{path}");
            assert_ne!(of_packed["etag"], of_plain["etag"], "{path}");
            let known = of_packed["etag"].to_str().unwrap();
            let (status, body, of_same) = file(&app, path, &[gzip, ("if-none-match", known)]).await;
            assert_eq!((status, body.len(), &of_same["etag"]), (304, 0, &of_packed["etag"]), "{path}");
            assert_eq!(file(&app, path, &[("if-none-match", known)]).await.0, 200, "{path}: it has the other form");
            for headers in [&of_plain, &of_packed, &of_same] {
                let vary = headers.get_all("vary").iter().any(|value| value == "accept-encoding");
                assert!(vary, "{path} {headers:?}");
            }
        }
        let known = format!("W/{}, \"x\"", of_plain["etag"].to_str().unwrap());
        assert_eq!(file(&app, path, &[("if-none-match", &known)]).await.0, 304, "{path}");
    }
}

#[tokio::test]
async fn graphiql_comes_from_the_binary_and_can_be_switched_off() {
    let app = TestApp::start().await;
    let page = get(&app, "/graphql", "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    assert!(!page.body.contains("https://"), "nothing comes from elsewhere");
    for path in page.body.split(['"', '\'']).filter(|text| text.starts_with("graphql/assets/")) {
        let file = get(&app, &format!("/{path}"), "*/*").await;
        assert_eq!(file.status, 200, "{path}");
        let again = wire::send(
            &app.url(),
            "GET",
            &format!("/{path}"),
            &[("if-none-match", file.header("etag").unwrap_or_default())],
            b"",
        )
        .await;
        assert_eq!(again.status, 304, "{path}");
    }
    let closed = TestApp::with(configured(|config| config.graphiql = false)).await;
    assert_eq!(get(&closed, "/graphql", "text/html").await.status, 404);
    assert_eq!(get(&closed, "/graphql/assets/boot.js", "*/*").await.status, 404);
}

#[tokio::test]
async fn where_nothing_is_one_is_told_where_something_is() {
    let app = TestApp::start().await;
    for path in ["/nichts", "/api/graphql", "/health/nope", "/demo/a/b", "/graphql/nope", "/%ff", "/graphql/"] {
        let answer = get(&app, path, "*/*").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"), "{path}: {answer:?}");
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{answer:?}");
        let told = answer.json();
        assert_eq!((&told["links"]["graphql"], &told["links"]["health"]), (&json!("/graphql"), &json!("/health")));
        assert!(told["errors"][0]["extensions"]["requestId"].is_string(), "{told}");
        let page = get(&app, path, "text/html,*/*;q=0.8").await;
        assert_eq!(page.status, 404);
        assert!(page.body.contains("href=\"/graphql\"") && page.body.contains("nothing at this address"), "{page:?}");
    }
    let posted = wire::send(&app.url(), "POST", "/query", &[JSON], b"{}").await;
    assert_eq!((posted.status, posted.code().as_str()), (404, "NOT_FOUND"));
    for (method, path, allowed) in [
        ("POST", "/", "GET"),
        ("POST", "/health", "GET"),
        ("DELETE", "/metrics", "GET"),
        ("PUT", "/demo", "GET"),
        ("PATCH", "/graphql", "POST"),
        ("DELETE", "/graphql/stream", "POST"),
    ] {
        let answer = wire::send(&app.url(), method, path, &[JSON], b"{}").await;
        assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains(allowed)), "{method} {path}: {answer:?}");
        assert!(answer.json()["errors"][0]["message"].is_string(), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn operators_see_health_and_numbers() {
    let app = TestApp::start().await;
    assert_eq!(get(&app, "/health/live", "*/*").await.status, 200);
    assert_eq!(get(&app, "/health", "*/*").await.json()["status"], "ok");
    let front = get(&app, "/", "*/*").await.json();
    assert_eq!((&front["name"], &front["links"]["graphql"]), (&json!("Yanıt"), &json!("/graphql")));
    let page = get(&app, "/", "text/html,*/*;q=0.8").await.body;
    assert!(page.contains("<title>Yanıt</title>") && page.contains("href=\"/graphql\""), "{page}");
    let ready = get(&app, "/health/ready", "*/*").await;
    assert_eq!(ready.status, 200);
    for service in ["database", "bus", "scratch", "vectors"] {
        assert_eq!(ready.json()["services"][service], "ok", "{ready:?}");
    }
    wire::post(&app.url(), &[], &json!({ "query": "{ __typename }" })).await;
    let metrics = get(&app, "/metrics", "*/*").await.body;
    for name in [
        "yanit_requests_total{kind=\"query\",code=\"OK\"}",
        "yanit_request_seconds_bucket",
        "yanit_sockets",
        "yanit_subscriptions",
    ] {
        assert!(metrics.contains(name), "{name} is missing:\n{metrics}");
    }
}

#[tokio::test]
async fn slow_headers_and_bodies_are_cut() {
    let app = TestApp::with(configured(|config| config.read_timeout_seconds = 1)).await;
    let began = Instant::now();
    for start in ["", "POST /graphql HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = wire::open(&app.url()).await;
        stream.write_all(start.as_bytes()).await.expect("it is open");
        wire::finish(stream).await;
    }
    let mut stream = wire::open(&app.url()).await;
    let head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head).await.expect("it is open");
    let answer = wire::finish(stream).await;
    assert_eq!((answer.status, answer.reason().as_str()), (408, "TIMEOUT"));
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let app = TestApp::with(configured(|config| config.max_connections = 2)).await;
    let held = (wire::open(&app.url()).await, wire::open(&app.url()).await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ask = || async { wire::post(&app.url(), &[], &json!({ "query": "{ __typename }" })).await };
    let answer = ask().await;
    assert_eq!((answer.status, answer.reason().as_str()), (503, "TOO_MANY_CONNECTIONS"));
    assert_eq!(get(&app, "/health/ready", "*/*").await.status, 200);
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let app = TestApp::with(configured(|config| config.anonymous_rate_per_minute = 3)).await;
    let from = app.from.to_string();
    let ask = |from: String| {
        let url = app.url();
        async move { wire::post(&url, &[("x-forwarded-for", &from)], &json!({ "query": "{ __typename }" })).await }
    };
    for _ in 0..3 {
        assert_eq!(ask(from.clone()).await.status, 200);
    }
    let answer = ask(from).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "RATE_LIMITED"));
    let seconds: u64 = answer.header("retry-after").and_then(|value| value.parse().ok()).expect("a number of seconds");
    assert!((1..=60).contains(&seconds));
    assert_eq!(ask("192.0.2.7".into()).await.status, 200, "others are not affected");
}

#[tokio::test]
async fn a_body_too_large_is_refused() {
    let app = TestApp::with(configured(|config| config.max_body_bytes = 10_000)).await;
    let answer = wire::send(&app.url(), "POST", "/graphql", &[JSON], &vec![b' '; 20_000]).await;
    assert_eq!((answer.status, answer.reason().as_str()), (413, "BODY_TOO_LARGE"));
}
#[tokio::test]
async fn clients_of_persisted_queries_are_told_to_send_the_document() {
    let app = TestApp::start().await;
    let hash = json!({ "persistedQuery": { "version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38" } });
    let told = |answer: &wire::Answer| {
        assert_eq!(answer.code(), "PERSISTED_QUERY_NOT_SUPPORTED", "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["message"], "PersistedQueryNotSupported");
    };
    told(&wire::post(&app.url(), &[], &json!({ "extensions": hash })).await);
    let hash_as_text = hash.to_string();
    let url = reqwest::Url::parse_with_params(&app.url(), [("extensions", hash_as_text.as_str())]).unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    told(&wire::send(&app.url(), "GET", &path, &[], b"").await);
    let both = wire::post(&app.url(), &[], &json!({ "query": "{ __typename }", "extensions": hash })).await;
    assert_eq!(both.json(), json!({ "data": { "__typename": "Query" } }));
}
