//! What `ports::ai` promises, on an OpenAI-compatible endpoint with every fault we know, and on the script.

use std::time::Duration;

use entity::assistant::Provider;
use futures_util::{StreamExt, poll};
use serde_json::{Value, json};
use yanit::{
    config::Config,
    ports::{
        ai::{
            ApiKey, Cause, ChatModel, Endpoint, Finish, ModelError, Models, OpenaiCompatible, Patience, Piece, Prompt,
            Reply, Scripted, Speaker, Target, Turn, Usage,
        },
        http,
    },
};

use crate::harness::openai::{ANSWER, Openai, Script};

const KEY: &str = "sk-test";
const COST: Option<Usage> = Some(Usage { prompt_tokens: 12, completion_tokens: 2 });

type Ending = Result<(Finish, Option<Usage>), Failure>;

/// A failure without its cause, which the suite of all vendors looks at.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Retry { after: Option<Duration>, what: String },
    GiveUp { what: String },
    Truncated { what: String },
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Retry { after, what, .. } => Self::Retry { after, what },
            ModelError::GiveUp { what, .. } => Self::GiveUp { what },
            ModelError::Truncated { what, .. } => Self::Truncated { what },
            ModelError::Wordless { what, .. } => Self::GiveUp { what },
        }
    }
}

fn patience() -> Patience {
    let long = Duration::from_secs(10);
    Patience { first_byte: long, gap: long, backoff: Duration::ZERO, health: long, ..Patience::default() }
}

fn model_at(url: &str, key: Option<&str>) -> OpenaiCompatible {
    patient(url, key, patience())
}

#[expect(clippy::unwrap_used, reason = "a test fails loudly")]
fn patient(url: &str, key: Option<&str>, patience: Patience) -> OpenaiCompatible {
    let (http, key) = (http::client().unwrap(), key.and_then(ApiKey::new));
    let endpoint = Endpoint::new(http, url.parse().unwrap(), key, Some("gpt-test".into()));
    OpenaiCompatible::new(endpoint.patience(patience))
}

async fn vendor() -> (Openai, OpenaiCompatible) {
    let openai = Openai::start(Some(KEY)).await;
    let model = model_at(&openai.url(), Some(KEY));
    (openai, model)
}

fn prompt() -> Prompt {
    let turn = |speaker, text: &str| Turn { speaker, text: text.into() };
    let turns = vec![
        turn(Speaker::Visitor, "Hi"),
        turn(Speaker::Assistant, "Hello!"),
        turn(Speaker::Visitor, "Şifremi unuttum"),
    ];
    Prompt { system: "Be brief.".into(), turns, model: None, temperature: 0.5, max_tokens: 400 }
}

/// Reads an answer to its end: its text, and how it ended.
async fn read(mut reply: Reply) -> (String, Ending) {
    let mut text = String::new();
    while let Some(piece) = reply.next().await {
        let ending = match piece {
            Ok(Piece::Text(words)) => {
                assert!(!words.is_empty());
                text.push_str(&words);
                continue;
            }
            Ok(Piece::Withdrawn) => {
                text.clear();
                continue;
            }
            Ok(Piece::Done { finish, usage }) => Ok((finish, usage)),
            Err(error) => Err(error.into()),
        };
        assert!(reply.next().await.is_none(), "nothing follows the end");
        return (text, ending);
    }
    panic!("the stream ended without a last piece or an error, after {text:?}")
}

/// What comes of one script. Anything beyond it is answered with [`ANSWER`].
async fn played(script: Script) -> (String, Ending) {
    let (openai, model) = vendor().await;
    openai.plays(script);
    read(model.reply(prompt())).await
}

fn retry(after: Option<u64>, what: &str) -> Ending {
    Err(Failure::Retry { after: after.map(Duration::from_secs), what: what.into() })
}

fn truncated(what: &str) -> Ending {
    Err(Failure::Truncated { what: what.into() })
}

fn give_up(what: &str) -> Ending {
    Err(Failure::GiveUp { what: what.into() })
}

#[tokio::test]
async fn the_request_is_the_one_that_openai_documents() {
    let (openai, model) = vendor().await;
    assert_eq!(read(model.reply(Prompt { model: Some("gpt-other".into()), ..prompt() })).await.0, ANSWER);
    let request = openai.requests().remove(0);
    assert_eq!(request.line, "POST /v1/chat/completions");
    assert_eq!(request.headers["authorization"], "Bearer sk-test");
    assert_eq!(request.headers["content-type"], "application/json");
    assert!(request.headers["user-agent"].starts_with("Yanit/"));
    let expected = json!({
        "model": "gpt-other",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": "Hello!" },
            { "role": "user", "content": "Şifremi unuttum" },
        ],
        "temperature": 0.5,
        "max_tokens": 400,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    assert_eq!(request.body, expected);
}

#[tokio::test]
async fn a_local_server_needs_neither_key_nor_system_text() {
    let openai = Openai::start(None).await;
    let model = model_at(&format!("{}/", openai.url()), Some("  "));
    assert_eq!(read(model.reply(Prompt { system: String::new(), ..prompt() })).await.0, ANSWER);
    let request = openai.requests().remove(0);
    assert!(!request.headers.contains_key("authorization"));
    assert_eq!(request.body["model"], "gpt-test");
    assert_eq!(request.body["messages"][0]["role"], "user");
}

#[tokio::test]
async fn words_arrive_as_they_are_made_and_the_last_piece_tells_end_and_cost() {
    let (openai, model) = vendor().await;
    openai.plays(Script::answer().text("Mer").wait().text("haba").finish("stop").usage(12, 2).end());
    let mut reply = model.reply(prompt());
    assert_eq!(reply.next().await, Some(Ok(Piece::Text("Mer".into()))));
    openai.go();
    assert_eq!(reply.next().await, Some(Ok(Piece::Text("haba".into()))));
    assert_eq!(reply.next().await, Some(Ok(Piece::Done { finish: Finish::Stop, usage: COST })));
    assert_eq!(reply.next().await, None);
}

#[tokio::test]
async fn dropping_the_answer_hangs_up_at_the_vendor() {
    let (openai, model) = vendor().await;
    openai.plays(Script::answer().text("Mer").wait());
    let mut reply = model.reply(prompt());
    assert!(reply.next().await.unwrap().is_ok());
    drop(reply);
    openai.hung_up().await;
}

#[tokio::test]
async fn a_letter_cut_in_two_by_the_network_stays_whole() {
    let (openai, model) = vendor().await;
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"ğ🙂\"}}]}\n\n".as_bytes();
    for cut in 1..event.len() {
        let script = Script::answer().text("Tamam").wait().raw(&event[..cut]).wait().raw(&event[cut..]);
        openai.plays(script.finish("stop").end());
        let mut reply = model.reply(prompt());
        assert_eq!(reply.next().await, Some(Ok(Piece::Text("Tamam".into()))));
        openai.go();
        // Turns of the runtime in which the first part arrives by itself.
        for _ in 0..20 {
            let early = poll!(reply.next());
            assert!(early.is_pending(), "cut at {cut}: {early:?}");
            tokio::task::yield_now().await;
        }
        openai.go();
        assert_eq!(read(reply).await, ("ğ🙂".into(), Ok((Finish::Stop, None))));
    }
}

#[tokio::test]
async fn vendors_oddities_do_no_harm() {
    let odd = Script::answer()
        .raw(": keep-alive\r\n\r\nevent: ping\r\ndata:{\"usage\":null}\r\n\r\n")
        .crlf()
        .choices(Value::Null)
        .choices(json!([]))
        .raw("data: {\"prompt_filter_results\":[],\"error\":null}\n\n")
        .delta(json!({ "content": null, "reasoning_content": "Let me think" }))
        .choices(json!([{ "delta": null, "finish_reason": "" }]))
        .raw("data:{\"choices\":\ndata: [{\"delta\":{\"content\":\"Selam \"}}]}\n\n")
        .choices(json!([{ "delta": { "content": "dünya" }, "finish_reason": "stop" }]))
        .usage(12, 2)
        .end();
    assert_eq!(played(odd).await, ("Selam dünya".into(), Ok((Finish::Stop, COST))));
}

#[tokio::test]
async fn the_end_is_named() {
    for (reason, finish) in [
        ("stop", Finish::Stop),
        ("length", Finish::Length),
        ("model_length", Finish::Length),
        ("content_filter", Finish::ContentFilter),
        ("eos", Finish::Stop),
    ] {
        assert_eq!(played(Script::answer().text("a").finish(reason).end()).await, ("a".into(), Ok((finish, None))));
    }
}

#[tokio::test]
async fn an_answer_with_its_end_is_complete_whatever_follows() {
    let complete = || Script::answer().text("a ").text("b").finish("stop").usage(12, 2);
    for script in [
        complete().end_without_done(),
        complete().raw("data: [DONE]").end_without_done(),
        complete(),
        Script::answer().text("a ").text("b").usage(12, 2).end(),
        complete().raw("data: {\n\n").end(),
        complete().raw("data: {\"error\":{\"type\":\"server_error\"}}\n\n").end(),
    ] {
        assert_eq!(played(script).await, ("a b".into(), Ok((Finish::Stop, COST))));
    }
}

#[tokio::test]
async fn an_answer_without_its_end_is_truncated() {
    let begun = || Script::answer().text("a ").text("b");
    let no_end = "the stream ended without a finish_reason";
    for (script, what) in [
        (begun().end_without_done(), no_end),
        (begun().raw("data: {\"choices\":[{\"delta\":{\"con").end_without_done(), "a chunk is malformed at column 26"),
        (begun().raw("data: secret\n\n").end(), "a chunk is malformed at column 1"),
        (
            begun().raw("data: {\"error\":{\"type\":\"server_error\"}}\n\n"),
            "the vendor failed within the stream (server_error)",
        ),
        (begun().finish("error").end(), "the vendor failed within the stream"),
    ] {
        assert_eq!(played(script).await, ("a b".into(), truncated(what)));
    }
    for (script, what) in [
        (Script::answer().end(), no_end),
        (Script::answer().finish("").end(), no_end),
        (Script::answer().raw("data: {\"choices\":").end_without_done(), "a chunk is malformed at column 11"),
    ] {
        assert_eq!(played(script).await, (String::new(), truncated(what)));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_truncates_the_answer() {
    for script in [Script::answer().text("a").wait().reset(), Script::answer().text("a").wait()] {
        let (openai, model) = vendor().await;
        openai.plays(script);
        let mut reply = model.reply(prompt());
        assert!(reply.next().await.unwrap().is_ok());
        openai.go();
        let (text, ending) = read(reply).await;
        assert!(text.is_empty() && matches!(ending, Err(Failure::Truncated { .. })), "{ending:?}");
        assert_eq!(openai.requests().len(), 1, "what was said is not said again");
    }
}

#[tokio::test]
async fn a_chunk_that_cannot_be_read_is_not_asked_for_again() {
    for bad in ["data: secret\n\n", "data: {\"choices\":\"secret\"}\n\n"] {
        let (_, ending) = played(Script::answer().raw(bad).end()).await;
        let Err(Failure::GiveUp { what }) = ending else { panic!("{ending:?}") };
        assert!(what.starts_with("a chunk is malformed") && !what.contains("secret"), "{what}");
    }
    let endless = format!("data: {}", "x".repeat(1 << 20));
    assert_eq!(played(Script::answer().raw(endless).wait()).await.1, give_up("an event is too long"));
}

#[tokio::test]
async fn a_failure_before_the_first_word_is_tried_once_more() {
    let error = |kind| format!("data: {{\"error\":{{\"type\":\"{kind}\",\"message\":\"secret\"}}}}\n\n");
    let mut scripts = vec![
        Script::answer().reset(),
        Script::answer().raw(error("server_error")).end(),
        Script::answer().raw("data: {\"error\":{\"code\":429}}\n\n").end(),
        Script::answer().raw("data: {\"error\":\"busy\"}\n\n").end(),
        Script::answer().finish("error").end(),
    ];
    scripts.extend([408, 409, 425, 429, 500, 502, 503, 529].map(|status| Script::refuses(status, "x", "y", "secret")));
    for script in scripts {
        let (openai, model) = vendor().await;
        openai.plays(script);
        let (text, ending) = read(model.reply(prompt())).await;
        assert_eq!((text.as_str(), ending.is_ok(), openai.requests().len()), (ANSWER, true, 2));
    }
}

#[tokio::test]
async fn what_fails_twice_is_left_to_the_caller() {
    let (openai, model) = vendor().await;
    let busy = || Script::refuses(503, "server_error", "overloaded", "secret").header("retry-after", "0");
    openai.plays(busy());
    openai.plays(busy());
    let what = "status 503 (server_error, overloaded)";
    assert_eq!(read(model.reply(prompt())).await, (String::new(), retry(Some(0), what)));
    assert_eq!(openai.requests().len(), 2);
}

#[tokio::test]
async fn the_vendors_own_waiting_time_is_kept() {
    let (openai, _) = vendor().await;
    // The backoff would take an hour: what is waited is the vendor's zero.
    let model = patient(&openai.url(), Some(KEY), Patience { backoff: Duration::from_secs(3_600), ..patience() });
    for zero in ["0", "Tue, 04 Nov 2025 07:59:00 GMT"] {
        openai.plays(Script::refuses(429, "requests", "rate_limit_exceeded", "").header("retry-after", zero));
        assert_eq!(read(model.reply(prompt())).await.0, ANSWER);
    }
    for (long, seconds) in [("7", 7), ("Tue, 04 Nov 2025 08:01:30 GMT", 90)] {
        let before = openai.requests().len();
        openai.plays(Script::refuses(429, "requests", "rate_limit_exceeded", "").header("retry-after", long));
        let (_, ending) = read(model.reply(prompt())).await;
        assert_eq!(ending, retry(Some(seconds), "status 429 (requests, rate_limit_exceeded)"));
        assert_eq!(openai.requests().len(), before + 1);
    }
}

#[tokio::test]
async fn what_would_fail_again_is_given_up_at_once() {
    let in_stream = |error: &str| Script::answer().raw(format!("data: {{\"error\":{error}}}\n\n")).end();
    for (script, what) in [
        (
            Script::refuses(400, "invalid_request_error", "context_length_exceeded", "secret"),
            "status 400 (invalid_request_error, context_length_exceeded)",
        ),
        (Script::refuses(403, "a sentence, not a name", "", "secret"), "status 403"),
        (
            Script::refuses(429, "insufficient_quota", "insufficient_quota", "secret"),
            "status 429 (insufficient_quota, insufficient_quota)",
        ),
        (Script::responds(307, "text/plain", "").header("location", "http://127.0.0.1:1/"), "status 307"),
        (Script::responds(404, "text/html", "<p>secret"), "status 404"),
        (Script::responds(200, "text/html", "<p>secret"), "the answer is text/html, not an event stream"),
        (Script::responds(200, "application/json", "{}"), "the answer is application/json, not an event stream"),
        (
            in_stream("{\"type\":\"invalid_request_error\"}"),
            "the vendor failed within the stream (invalid_request_error)",
        ),
        (in_stream("{\"code\":403}"), "the vendor failed within the stream (403)"),
    ] {
        let (openai, model) = vendor().await;
        openai.plays(script);
        assert_eq!(read(model.reply(prompt())).await, (String::new(), give_up(what)));
        assert_eq!(openai.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_vendors_checks_are_passed_on() {
    let (openai, model) = vendor().await;
    let invalid = |status: u16, code: &str| give_up(&format!("status {status} (invalid_request_error, {code})"));
    let unknown = Prompt { model: Some("gpt-5000".into()), ..prompt() };
    assert_eq!(read(model.reply(unknown)).await.1, invalid(404, "model_not_found"));
    let empty = Prompt { system: String::new(), turns: Vec::new(), ..prompt() };
    assert_eq!(read(model.reply(empty)).await.1, invalid(400, "invalid_value"));
    assert_eq!(
        read(model.reply(Prompt { temperature: 3.0, ..prompt() })).await.1,
        invalid(400, "decimal_above_max_value")
    );
    assert_eq!(
        read(model.reply(Prompt { max_tokens: 0, ..prompt() })).await.1,
        invalid(400, "integer_below_min_value")
    );
    let stranger = model_at(&openai.url(), Some("sk-wrong"));
    assert_eq!(read(stranger.reply(prompt())).await.1, invalid(401, "invalid_api_key"));
    let lost = model_at(&openai.url().replace("/v1", "/v2"), Some(KEY));
    assert_eq!(read(lost.reply(prompt())).await.1, invalid(404, "unknown_url"));
}

#[tokio::test]
async fn without_any_models_name_nothing_is_sent() {
    let openai = Openai::start(None).await;
    let endpoint = Endpoint::new(http::client().unwrap(), openai.url().parse().unwrap(), None, None);
    let model = OpenaiCompatible::new(endpoint);
    let (_, ending) = read(model.reply(prompt())).await;
    assert!(matches!(ending, Err(Failure::GiveUp { .. })), "{ending:?}");
    assert!(openai.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    let openai = Openai::start(None).await;
    let url = openai.url();
    drop(openai);
    let model = model_at(&url, Some("sk-secret"));
    for ending in [read(model.reply(prompt())).await.1.map(drop), model.health().await.map_err(Failure::from)] {
        let Err(Failure::Retry { after: None, what }) = ending else { panic!("{ending:?}") };
        assert!(what.contains("refused") && !what.contains("sk-secret") && !what.contains("/v1"), "{what}");
    }
}

#[tokio::test]
async fn silence_is_waited_for_only_so_long() {
    let (openai, _) = vendor().await;
    let short = Duration::from_millis(200);
    let hasty = patient(&openai.url(), Some(KEY), Patience { first_byte: short, ..patience() });
    openai.plays(Script::silence());
    assert_eq!(read(hasty.reply(prompt())).await.1, retry(None, "nothing came for 200ms"));
    assert_eq!(openai.requests().len(), 1, "silence is not waited for twice");
    let hasty = patient(&openai.url(), Some(KEY), Patience { gap: short, ..patience() });
    openai.plays(Script::answer().text("a").wait());
    assert_eq!(read(hasty.reply(prompt())).await, ("a".into(), truncated("nothing came for 200ms")));
    openai.plays(Script::answer().text("a").finish("stop").wait());
    assert_eq!(read(hasty.reply(prompt())).await, ("a".into(), Ok((Finish::Stop, None))));
}

#[tokio::test]
async fn health_checks_address_and_key() {
    let (openai, model) = vendor().await;
    assert_eq!(model.health().await, Ok(()));
    assert_eq!(openai.requests()[0].line, "GET /v1/models");
    let wrong = model_at(&openai.url(), None).health().await;
    assert!(matches!(wrong, Err(ModelError::GiveUp { .. })), "{wrong:?}");
    let listless = model_at(&openai.url().replace("/v1", "/v2"), Some(KEY));
    assert_eq!(listless.health().await, Ok(()), "an endpoint without a list of models is fine");
}

#[tokio::test]
async fn a_script_keeps_the_same_promises() {
    let scripted = Scripted::saying("You can change it.");
    assert_eq!(read(scripted.reply(prompt())).await.0, "You can change it.");
    assert_eq!(scripted.prompts(), [prompt()]);

    let cut = vec![Ok(Piece::Text("a".into())), Err(ModelError::truncated(Cause::Cut, "cut"))];
    let scripted = Scripted::playing([cut]);
    assert_eq!(read(scripted.reply(prompt())).await, ("a".into(), truncated("cut")));
    assert_eq!(read(scripted.reply(prompt())).await.1, give_up("the script has ended"));

    let (scripted, mut calls) = Scripted::stepped();
    let (first, second, third) = (scripted.reply(prompt()), scripted.reply(prompt()), scripted.reply(prompt()));
    let call = calls.next().await.unwrap();
    assert!(call.prompt == prompt() && call.say("a"));
    call.finish(Finish::Length, COST);
    assert_eq!(read(first).await, ("a".into(), Ok((Finish::Length, COST))));
    calls.next().await.unwrap().fail(ModelError::give_up(Cause::Refused, "no"));
    assert_eq!(read(second).await.1, give_up("no"));
    let call = calls.next().await.unwrap();
    drop(third);
    call.cancelled().await;
    assert!(!call.say("b"));
}

#[tokio::test]
async fn models_come_from_the_settings() {
    let config = Config::default();
    let compatible = Target { provider: Provider::OpenaiCompatible, base_url: None, key: None };
    assert!(Models::from_config(&config).unwrap().model(&compatible).is_err());
    let openai = Openai::start(None).await;
    let config = Config { openai_url: Some(openai.url()), openai_model: Some("gpt-test".into()), ..config };
    let model = Models::from_config(&config).unwrap().model(&compatible).ok().unwrap();
    assert_eq!(read(model.reply(prompt())).await.0, ANSWER);
    let error = Models::from_config(&Config { openai_url: Some("http://[".into()), ..config }).unwrap_err();
    assert!(error.0.starts_with("YANIT_OPENAI_URL"), "{error}");
}

#[test]
fn what_is_printed_of_a_prompt_holds_no_text() {
    let printed = format!("{:?}", prompt());
    assert!(printed.contains("Visitor(2 bytes)"), "{printed}");
    assert!(!printed.contains("Hi") && !printed.contains("brief"), "{printed}");
}
