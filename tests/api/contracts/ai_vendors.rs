//! What `ports::ai` promises, on every vendor's wire format with every fault we know: one suite for all.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Value, json};
use yanit::ports::ai::{Cause, Finish, ModelError, Patience, Piece, Prompt, Reply, Speaker, Turn, Usage};

use crate::harness::{
    openai::{ANSWER, Request},
    vendors::{ALL, Ending, Fault, KEY, MODEL, REASONING, Vendor},
};

const COST: Usage = Usage { prompt_tokens: 12, completion_tokens: 2 };

type Ended = Result<(Finish, Option<Usage>), ModelError>;

fn patience() -> Patience {
    let long = Duration::from_secs(10);
    Patience { first_byte: long, gap: long, backoff: Duration::ZERO, health: long, ..Patience::default() }
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
async fn read(mut reply: Reply) -> (String, Ended) {
    let mut text = String::new();
    loop {
        match reply.next().await.expect("a last piece or an error") {
            Ok(Piece::Text(words)) => {
                assert!(!words.is_empty());
                text.push_str(&words);
            }
            Ok(Piece::Withdrawn) => text.clear(),
            Ok(Piece::Done { finish, usage }) => return (text, Ok((finish, usage))),
            Err(error) => return (text, Err(error)),
        }
    }
}

/// What comes of a body that is sent whole.
async fn sent(vendor: Vendor, body: impl AsRef<[u8]>) -> (String, Ended) {
    let server = vendor.start().await;
    server.plays(vendor.begun().raw(body).end_without_done());
    read(vendor.model(&server, KEY, patience()).reply(prompt())).await
}

/// The request that each vendor documents for [`prompt`].
fn documented(vendor: Vendor) -> (String, &'static str, Value) {
    let openai = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": "Hello!" },
        { "role": "user", "content": "Şifremi unuttum" },
    ]);
    let mut turns = openai.clone();
    turns.as_array_mut().unwrap().remove(0);
    let bearer = "authorization";
    let chat = "POST /v1/chat/completions".to_owned();
    let options = json!({ "include_usage": true });
    match vendor {
        Vendor::Openai | Vendor::Azure => {
            let body = json!({ "model": MODEL, "messages": openai, "temperature": 0.5, "max_completion_tokens": 400,
                "stream": true, "stream_options": options });
            let azure = format!("POST /openai/deployments/{MODEL}/chat/completions?api-version=2024-10-21");
            if vendor == Vendor::Azure { (azure, "api-key", body) } else { (chat, bearer, body) }
        }
        Vendor::Compatible => {
            let body = json!({ "model": MODEL, "messages": openai, "temperature": 0.5, "max_tokens": 400,
                "stream": true, "stream_options": options });
            (chat, bearer, body)
        }
        Vendor::Mistral => {
            let body =
                json!({ "model": MODEL, "messages": openai, "temperature": 0.5, "max_tokens": 400, "stream": true });
            (chat, bearer, body)
        }
        Vendor::Ollama => {
            let options = json!({ "temperature": 0.5, "num_predict": 400, "num_ctx": 4096 });
            let body = json!({ "model": MODEL, "messages": openai, "stream": true, "options": options });
            ("POST /api/chat".to_owned(), bearer, body)
        }
        Vendor::Anthropic => {
            let body = json!({ "model": MODEL, "system": "Be brief.", "messages": turns, "temperature": 0.5,
                "max_tokens": 400, "stream": true });
            ("POST /v1/messages".to_owned(), "x-api-key", body)
        }
        Vendor::Gemini => {
            let body = json!({
                "system_instruction": { "parts": [{ "text": "Be brief." }] },
                "contents": [
                    { "role": "user", "parts": [{ "text": "Hi" }] },
                    { "role": "model", "parts": [{ "text": "Hello!" }] },
                    { "role": "user", "parts": [{ "text": "Şifremi unuttum" }] },
                ],
                "generationConfig": { "temperature": 0.5, "maxOutputTokens": 400 },
            });
            (format!("POST /v1beta/models/{MODEL}:streamGenerateContent?alt=sse"), "x-goog-api-key", body)
        }
    }
}

#[tokio::test]
async fn the_request_is_the_one_that_the_vendor_documents() {
    for vendor in ALL {
        let server = vendor.start().await;
        let answer = read(vendor.model(&server, KEY, patience()).reply(prompt())).await;
        assert_eq!(answer, (ANSWER.to_owned(), Ok((Finish::Stop, Some(COST)))), "{vendor:?}");
        let Request { line, headers, body } = server.requests().remove(0);
        let (expected, key, fields) = documented(vendor);
        assert_eq!((line, body), (expected, fields), "{vendor:?}");
        assert!(headers[key].ends_with(KEY), "{vendor:?}");
        assert_eq!(headers["content-type"], "application/json");
        assert!(headers["user-agent"].starts_with("Yanit/"));
    }
}

#[tokio::test]
async fn limits_that_differ_are_kept() {
    for vendor in ALL {
        let server = vendor.start().await;
        // Begins with the assistant, is hotter than some take, and has no system text.
        let mut odd = Prompt { system: String::new(), temperature: 2.0, ..prompt() };
        odd.turns.insert(0, Turn { speaker: Speaker::Assistant, text: "Welcome!".into() });
        let (text, ended) = read(vendor.model(&server, KEY, patience()).reply(odd)).await;
        assert_eq!((text.as_str(), ended.is_ok()), (ANSWER, true), "{vendor:?}: {ended:?}");
    }
}

#[tokio::test]
async fn words_arrive_as_they_are_made() {
    for vendor in ALL {
        let server = vendor.start().await;
        let script = vendor.begun().raw(vendor.opening() + &vendor.thought() + &vendor.word("Mer")).wait();
        server.plays(script.raw(vendor.word("haba") + &vendor.closing(Ending::Stop)).end_without_done());
        let mut reply = vendor.model(&server, KEY, patience()).reply(prompt());
        assert_eq!(reply.next().await, Some(Ok(Piece::Text("Mer".into()))), "{vendor:?}");
        server.go();
        assert_eq!(reply.next().await, Some(Ok(Piece::Text("haba".into()))), "{vendor:?}");
        assert_eq!(reply.next().await, Some(Ok(Piece::Done { finish: Finish::Stop, usage: Some(COST) })), "{vendor:?}");
        assert_eq!(reply.next().await, None);
    }
}

#[tokio::test]
async fn the_end_is_named() {
    for vendor in ALL {
        for (ending, finish) in
            [(Ending::Stop, Finish::Stop), (Ending::Length, Finish::Length), (Ending::Filter, Finish::ContentFilter)]
        {
            if vendor == Vendor::Ollama && ending == Ending::Filter {
                continue;
            }
            let answer = sent(vendor, vendor.body(&["a"], ending)).await;
            assert_eq!(answer, ("a".to_owned(), Ok((finish, Some(COST)))), "{vendor:?}");
        }
    }
}

#[tokio::test]
async fn borders_of_packets_and_line_ends_make_no_difference() {
    for vendor in ALL {
        let lf = vendor.body(&["Şif", "re 🙂\n", "ğ"], Ending::Stop).replace("\r\n", "\n");
        let expected = ("Şifre 🙂\nğ".to_owned(), Ok((Finish::Stop, Some(COST))));
        for body in [lf.clone(), lf.replace('\n', "\r\n"), lf.replace('\n', "\r")] {
            assert_eq!(sent(vendor, &body).await, expected, "{vendor:?}");
            // Each byte by itself, and with it each letter cut in two.
            let server = vendor.start().await;
            let script = body.as_bytes().iter().fold(vendor.begun(), |script, byte| script.raw([*byte]));
            server.plays(script.end_without_done());
            assert_eq!(read(vendor.model(&server, KEY, patience()).reply(prompt())).await, expected, "{vendor:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_is_never_a_short_success() {
    for vendor in ALL {
        let server = vendor.start().await;
        let model = vendor.model(&server, KEY, patience());
        let body = vendor.body(&["Şif", "re"], Ending::Length);
        let mut complete = 0;
        for cut in 0..=body.len() {
            server.plays(vendor.begun().raw(&body.as_bytes()[..cut]).end_without_done());
            let (text, ended) = read(model.reply(prompt())).await;
            match ended {
                Ok((finish, _)) => {
                    assert_eq!((text.as_str(), finish), ("Şifre", Finish::Length), "{vendor:?} cut at {cut}");
                    complete += 1;
                }
                Err(error) => {
                    assert!(matches!(error, ModelError::Truncated { .. }), "{vendor:?} cut at {cut}: {error:?}");
                    assert!("Şifre".starts_with(&text));
                }
            }
        }
        assert!((1..body.len()).contains(&complete), "{vendor:?}");
        assert_eq!(server.requests().len(), body.len() + 1, "what was said is not said again");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_truncates_the_answer() {
    for vendor in ALL {
        let server = vendor.start().await;
        server.plays(vendor.begun().raw(vendor.opening() + &vendor.word("Tamam")).wait().reset());
        let mut reply = vendor.model(&server, KEY, patience()).reply(prompt());
        assert!(reply.next().await.unwrap().is_ok());
        server.go();
        let (_, ended) = read(reply).await;
        assert!(matches!(ended, Err(ModelError::Truncated { cause: Cause::Unreachable, .. })), "{vendor:?}: {ended:?}");
    }
}

#[tokio::test]
async fn dropping_the_answer_hangs_up_at_the_vendor() {
    for vendor in ALL {
        let server = vendor.start().await;
        server.plays(vendor.begun().raw(vendor.opening() + &vendor.word("Tamam")).wait());
        let mut reply = vendor.model(&server, KEY, patience()).reply(prompt());
        assert!(reply.next().await.unwrap().is_ok());
        drop(reply);
        server.hung_up().await;
    }
}

#[tokio::test]
async fn failures_that_may_pass_are_tried_once_more_and_the_waiting_time_is_kept() {
    for vendor in ALL {
        for (fault, cause) in [
            (Fault::RateLimited, Cause::RateLimited),
            (Fault::Overloaded, Cause::Failing),
            (Fault::Broken, Cause::Failing),
        ] {
            let server = vendor.start().await;
            let model = vendor.model(&server, KEY, patience());
            server.plays(vendor.refuses(fault));
            let (text, ended) = read(model.reply(prompt())).await;
            assert_eq!((text.as_str(), ended.is_ok()), (ANSWER, true), "{vendor:?} {fault:?}: {ended:?}");
            assert_eq!(server.requests().len(), 2);
            server.plays(vendor.refuses(fault).header("retry-after", "7"));
            let began = Instant::now();
            let (_, ended) = read(model.reply(prompt())).await;
            let Err(ModelError::Retry { cause: found, after, what }) = ended else { panic!("{vendor:?}: {ended:?}") };
            assert_eq!((found, after), (cause, Some(Duration::from_secs(7))), "{vendor:?} {fault:?}");
            assert!(!what.contains("secret") && !what.contains(KEY), "{what}");
            assert_eq!(server.requests().len(), 3, "too long to wait for");
            assert!(began.elapsed() < Duration::from_secs(7));
        }
    }
}

#[tokio::test]
async fn gemini_names_the_waiting_time_in_the_body() {
    let server = Vendor::Gemini.start().await;
    let detail = json!([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s" }]);
    let body =
        json!([{ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "secret", "details": detail } }]);
    server.plays(crate::harness::openai::Script::responds(429, "application/json", &body.to_string()));
    let (_, ended) = read(Vendor::Gemini.model(&server, KEY, patience()).reply(prompt())).await;
    let Err(ModelError::Retry { cause: Cause::RateLimited, after, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(after, Some(Duration::from_millis(34_500)));
}

#[tokio::test]
async fn what_would_fail_again_is_given_up_at_once_with_its_cause() {
    for vendor in ALL {
        for (fault, cause) in [
            (Fault::KeyRefused, Cause::KeyRefused),
            (Fault::ModelUnknown, Cause::ModelUnknown),
            (Fault::Invalid, Cause::Refused),
        ] {
            let server = vendor.start().await;
            server.plays(vendor.refuses(fault));
            let (_, ended) = read(vendor.model(&server, KEY, patience()).reply(prompt())).await;
            let Err(ModelError::GiveUp { cause: found, what }) = ended else { panic!("{vendor:?}: {ended:?}") };
            assert_eq!(found, cause, "{vendor:?} {fault:?}: {what}");
            assert!(!what.contains("secret") && !what.contains(KEY), "{what}");
            assert_eq!(server.requests().len(), 1);
        }
    }
}

#[tokio::test]
async fn the_vendors_own_checks_are_passed_on() {
    for vendor in ALL {
        let server = vendor.start().await;
        let unknown = Prompt { model: Some("large-9".into()), ..prompt() };
        let (_, ended) = read(vendor.model(&server, KEY, patience()).reply(unknown)).await;
        assert_eq!(ended.map_err(|error| error.cause()), Err(Cause::ModelUnknown), "{vendor:?}");
        if vendor != Vendor::Ollama {
            let stranger = vendor.model(&server, "sk-wrong", patience());
            let (_, ended) = read(stranger.reply(prompt())).await;
            assert_eq!(ended.map_err(|error| error.cause()), Err(Cause::KeyRefused), "{vendor:?}");
            assert_eq!(stranger.health().await.map_err(|error| error.cause()), Err(Cause::KeyRefused), "{vendor:?}");
        }
        assert_eq!(vendor.model(&server, KEY, patience()).health().await, Ok(()), "{vendor:?}");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_is_tried_again_before_the_first_word_and_cuts_after_it() {
    for vendor in ALL {
        let server = vendor.start().await;
        let model = vendor.model(&server, KEY, patience());
        server.plays(vendor.begun().raw(vendor.opening() + &vendor.error_event()).end_without_done());
        let (text, ended) = read(model.reply(prompt())).await;
        assert_eq!((text.as_str(), ended.is_ok()), (ANSWER, true), "{vendor:?}: {ended:?}");
        assert_eq!(server.requests().len(), 2);
        let (text, ended) = sent(vendor, vendor.opening() + &vendor.word("a") + &vendor.error_event()).await;
        let Err(ModelError::Truncated { cause: Cause::Failing, what }) = ended else { panic!("{vendor:?}: {ended:?}") };
        assert_eq!(text, "a");
        assert!(!what.contains("secret"), "{what}");
    }
}

#[tokio::test]
async fn a_chunk_that_cannot_be_read_ends_the_answer_unquoted() {
    for vendor in ALL {
        let (_, ended) = sent(vendor, vendor.opening() + vendor.malformed() + &vendor.word("a")).await;
        let Err(ModelError::GiveUp { cause: Cause::NotUnderstood, what }) = ended else {
            panic!("{vendor:?}: {ended:?}")
        };
        assert!(!what.contains("secret"), "{what}");
        let (text, ended) = sent(vendor, vendor.opening() + &vendor.word("a") + vendor.malformed()).await;
        assert_eq!(text, "a");
        assert!(matches!(ended, Err(ModelError::Truncated { .. })), "{vendor:?}: {ended:?}");
        let page = crate::harness::openai::Script::responds(200, "text/html", "<p>secret");
        let server = vendor.start().await;
        server.plays(page);
        let (_, ended) = read(vendor.model(&server, KEY, patience()).reply(prompt())).await;
        assert_eq!(ended.map_err(|error| error.cause()), Err(Cause::NotUnderstood), "{vendor:?}");
    }
}

#[tokio::test]
async fn silence_is_waited_for_only_so_long() {
    let short = Duration::from_millis(100);
    for vendor in ALL {
        let server = vendor.start().await;
        let hasty = vendor.model(&server, KEY, Patience { first_byte: short, ..patience() });
        server.plays(vendor.begun().wait());
        let (_, ended) = read(hasty.reply(prompt())).await;
        assert!(matches!(ended, Err(ModelError::Retry { cause: Cause::Silent, .. })), "{vendor:?}: {ended:?}");
        assert_eq!(server.requests().len(), 1);
        let hasty = vendor.model(&server, KEY, Patience { gap: short, ..patience() });
        server.plays(vendor.begun().raw(vendor.opening() + &vendor.word("a")).wait());
        let (text, ended) = read(hasty.reply(prompt())).await;
        assert_eq!(text, "a");
        assert!(matches!(ended, Err(ModelError::Truncated { cause: Cause::Silent, .. })), "{vendor:?}: {ended:?}");
    }
}

#[tokio::test]
async fn what_a_model_refuses_is_learnt_once() {
    for vendor in [Vendor::Openai, Vendor::Compatible, Vendor::Azure, Vendor::Anthropic] {
        let server = vendor.start().await;
        let model = vendor.model(&server, KEY, patience());
        let asked = || Prompt { model: Some(REASONING.into()), ..prompt() };
        assert_eq!(read(model.reply(asked())).await.0, ANSWER, "{vendor:?}");
        let tries = server.requests().len();
        let expected = if vendor == Vendor::Compatible { 3 } else { 2 };
        assert_eq!(tries, expected, "{vendor:?}");
        assert_eq!(read(model.reply(asked())).await.0, ANSWER);
        let last = server.requests().pop().unwrap().body;
        assert_eq!(server.requests().len(), tries + 1, "{vendor:?}");
        assert!(last.get("temperature").is_none());
        // Other models are asked as before.
        assert_eq!(read(model.reply(prompt())).await.0, ANSWER);
        assert_eq!(server.requests().pop().unwrap().body["temperature"], 0.5);
    }
}

#[tokio::test]
async fn a_blocked_question_is_given_up() {
    let blocked =
        "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":12}}\r\n\r\n";
    let (_, ended) = sent(Vendor::Gemini, blocked).await;
    assert!(matches!(ended, Err(ModelError::GiveUp { cause: Cause::Filtered, .. })), "{ended:?}");
    let server = Vendor::Azure.start().await;
    let body = json!({ "error": { "message": "secret", "type": null, "param": "prompt", "code": "content_filter",
        "status": 400, "innererror": { "code": "ResponsibleAIPolicyViolation" } } });
    server.plays(crate::harness::openai::Script::responds(400, "application/json", &body.to_string()));
    let (_, ended) = read(Vendor::Azure.model(&server, KEY, patience()).reply(prompt())).await;
    assert!(matches!(ended, Err(ModelError::GiveUp { cause: Cause::Filtered, .. })), "{ended:?}");
}

#[test]
fn what_is_printed_of_an_endpoint_holds_no_key() {
    use yanit::ports::ai::{ApiKey, Endpoint, Openai};
    let http = yanit::ports::http::client().unwrap();
    let endpoint = Endpoint::new(http, Openai::URL.parse().unwrap(), ApiKey::new(KEY), None);
    assert!(!format!("{:?}", Openai::new(endpoint)).contains(KEY));
}
