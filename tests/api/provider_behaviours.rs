//! Providers as they really answer: whatever an endpoint that calls itself compatible sends, the visitor reads the right
//! text whole, or what the built-in answerer says, and never machinery; and what it cost is counted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp},
    openai::{Openai as Server, Request, Script},
    people::Site,
    vendors::{KEY, MODEL, Vendor},
    ws::Ws,
};

/// The right text.
const A: &str = "İade süresi 30 gündür [1].";
const ARTICLE: &str = "İade süresi teslimden sonra 30 gündür.";
const QUESTION: &str = "İade süresi kaç gündür?";

const ANSWERED: &str = "subscription E($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") { \
 __typename ... on Chunk { text } ... on RunFinished { runId message { body interrupted } citations { quote } } \
 ... on RunFailed { runId reason } } }";
const USAGE: &str = "query U($s: ID!) { aiUsage(siteId: $s) { totals { calls failedCalls estimatedCalls promptTokens completionTokens } } }";

/// What the visitor reads in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// The right text, as an answer with its source.
    A,
    /// What the built-in answerer quotes.
    BuiltIn,
    /// What had come of it, marked as broken off.
    Broken(&'static str),
    /// That nothing was found.
    Nothing,
}

async fn start() -> TestApp {
    let configure = |config: &mut yanit::config::Config| config.allow_private_models = true;
    TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await
}

/// A site with the article and an assistant at this vendor.
async fn site(app: &TestApp, vendor: Vendor, name: &str, server: &Server, model: &str) -> Site {
    let site = app.site("acme").await;
    app.article(&site, "İade", ARTICLE).await;
    let settings = json!({ "provider": name, "baseUrl": vendor.base_url(server), "apiKey": KEY, "model": model });
    app.assistant(&site, settings).await;
    site
}

/// How a new visitor's question ended, and all that was shown on the way.
async fn asked(app: &TestApp, site: &Site) -> (Value, Vec<String>) {
    let visitor = app.visitor(site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", ANSWERED, json!({ "c": conversation })).await;
    app.say(&visitor.token, &conversation, QUESTION).await;
    let kind = |event: &Value| event["conversationEvents"]["__typename"].as_str().unwrap_or_default().to_owned();
    let events = ws.until("e", |event| kind(event).starts_with("RunFi") || kind(event) == "RunFailed").await;
    let chunks = events.iter().filter_map(|event| event["conversationEvents"]["text"].as_str());
    (events[events.len() - 1]["conversationEvents"].clone(), chunks.map(ToOwned::to_owned).collect())
}

fn check(name: &str, ended: &Value, reads: Reads) {
    let body = ended["message"]["body"].as_str().unwrap_or_default().trim();
    let message = &ended["message"];
    match reads {
        Reads::A => {
            assert_eq!((body, &message["interrupted"]), (A, &json!(false)), "{name}");
            assert_eq!(ended["citations"], json!([{ "quote": ARTICLE }]), "{name}");
        }
        Reads::BuiltIn => {
            assert!(body.contains("30 gündür") && body != A, "{name}: {ended}");
            assert_eq!(message["interrupted"], false, "{name}");
        }
        Reads::Broken(text) => assert_eq!((body, &message["interrupted"]), (text, &json!(true)), "{name}"),
        Reads::Nothing => {
            assert_eq!((&ended["citations"], &message["interrupted"]), (&json!([]), &json!(false)), "{name}: {ended}");
            assert!(!body.is_empty() && !body.contains("NO_ANSWER"), "{name}: {ended}");
        }
    }
}

async fn counted(app: &TestApp, site: &Site) -> Value {
    app.run(Some(&site.admin.token), USAGE, json!({ "s": site.id })).await["aiUsage"]["totals"].clone()
}

/// An event of OpenAI's protocol.
fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}

fn delta(delta: Value, reason: Option<&str>) -> String {
    event(&json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] }))
}

/// Pieces of text, an end, and the end mark.
fn says(pieces: &[&str]) -> String {
    let said: String = pieces.iter().map(|piece| delta(json!({ "content": piece }), None)).collect();
    said + &delta(json!({}), Some("stop")) + "data: [DONE]\n\n"
}

fn ends(pieces: &[&str], reason: &str) -> String {
    let said: String = pieces.iter().map(|piece| delta(json!({ "content": piece }), None)).collect();
    said + &delta(json!({}), Some(reason)) + "data: [DONE]\n\n"
}

fn with_usage(usage: Value) -> String {
    delta(json!({ "content": A }), None)
        + &delta(json!({}), Some("stop"))
        + &event(&json!({ "choices": [], "usage": usage }))
        + "data: [DONE]\n\n"
}

/// Bodies of an OpenAI-compatible endpoint and what is read of them.
fn bodies() -> Vec<(&'static str, String, Reads)> {
    let half = "İade süresi 30";
    let whole = json!({ "choices": [{ "index": 0, "message": { "role": "assistant", "content": A }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 3 } });
    vec![
        ("thoughts", says(&["<think>plan</think>", A]), Reads::A),
        ("thoughts in pieces", says(&["<th", "ink>pl", "an</thi", "nk>\n\nİade süresi ", "30 gündür [1]."]), Reads::A),
        ("thoughts that end only", says(&["plan", " more</think>", A]), Reads::A),
        ("<thought>", says(&["<thought>plan</thought>\n", A]), Reads::A),
        ("<reasoning>", says(&["<reasoning>plan</reasoning>", A]), Reads::A),
        ("[THINK]", says(&["[THINK]plan[/THINK]", A]), Reads::A),
        ("harmony", says(&["<|channel|>analysis<|message|>plan<|end|><|start|>assistant<|channel|>final<|mess", "age|>", A, "<|return|>"]), Reads::A),
        ("harmony without its tokens", says(&["analysis", "We plan.", "assistant", "final", A]), Reads::A),
        ("thoughts before NO_ANSWER", says(&["<think>plan</think>", "NO_ANSWER"]), Reads::Nothing),
        ("thoughts, then nothing", says(&["<think>plan</think>"]), Reads::BuiltIn),
        ("thoughts until the limit", ends(&["<think>plan"], "length"), Reads::BuiltIn),
        ("thoughts apart until the limit", delta(json!({ "reasoning_content": "plan" }), None) + &ends(&[], "length"), Reads::BuiltIn),
        ("the limit at once", ends(&[], "length"), Reads::BuiltIn),
        ("the limit in other words", ends(&[], "max_tokens"), Reads::BuiltIn),
        ("nothing at all", ends(&[], "stop"), Reads::BuiltIn),
        ("white space", ends(&[" \n"], "stop"), Reads::BuiltIn),
        ("a call of a tool", delta(json!({ "tool_calls": [{ "index": 0, "function": { "name": "x", "arguments": "{}" } }] }), None) + &ends(&[], "tool_calls"), Reads::BuiltIn),
        ("a call of a tool as text", says(&["<tool_call>{\"name\": \"x\"}</tool_call>"]), Reads::BuiltIn),
        ("a refusal beside the content", delta(json!({ "content": null, "refusal": "I cannot" }), None) + &ends(&[], "stop"), Reads::BuiltIn),
        ("a filter in mid-sentence", ends(&[half], "content_filter"), Reads::Broken(half)),
        ("a filter in other words", ends(&[half], "SAFETY"), Reads::Broken(half)),
        ("a filter at once", ends(&[], "content_filter"), Reads::BuiltIn),
        ("the limit in mid-sentence", ends(&[half], "length"), Reads::Broken(half)),
        ("data: null", format!("data: null\n\n{}", says(&[A])), Reads::A),
        ("empty data", format!("data:\n\ndata: \n\n{}", says(&[A])), Reads::A),
        ("no objects", format!("data: 1\n\ndata: \"x\"\n\ndata: true\n\ndata: []\n\n{}", says(&[A])), Reads::A),
        ("heartbeats", format!("data: ping\n\n: OPENROUTER PROCESSING\n\nevent: ping\ndata: keep-alive\n\n{}", says(&[A])), Reads::A),
        ("odd types", event(&json!({ "choices": [{ "index": 0, "delta": { "content": 5 }, "finish_reason": 0 }], "usage": [] })) + &event(&json!({ "choices": [null], "error": null })) + &says(&[A]), Reads::A),
        ("choices that are an object", event(&json!({ "choices": {} })) + &says(&[A]), Reads::A),
        ("chunks in a list", format!("data: {}\n\n", json!([{ "choices": [{ "delta": { "content": A }, "finish_reason": "stop" }] }])), Reads::A),
        ("usage of nothing", with_usage(json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 })), Reads::A),
        ("usage in total only", with_usage(json!({ "total_tokens": 14 })), Reads::A),
        ("usage of the prompt only", with_usage(json!({ "prompt_tokens": 12 })), Reads::A),
        ("usage with a point", with_usage(json!({ "prompt_tokens": 10.0, "completion_tokens": 4.0 })), Reads::A),
        ("usage below nothing", with_usage(json!({ "prompt_tokens": -1, "completion_tokens": -1 })), Reads::A),
        ("usage as text", with_usage(json!({ "prompt_tokens": "12", "completion_tokens": "4" })), Reads::A),
        ("usage that is none", with_usage(json!("free")), Reads::A),
        ("usage beyond belief", with_usage(json!({ "prompt_tokens": 1e30, "completion_tokens": 4_000_000_000_u64 })), Reads::A),
        ("marks in other brackets", says(&["İade süresi 30 gündür 【1†L1-L3】."]), Reads::A),
        ("marks in other brackets, in pieces", says(&["İade süresi 30 gündür 【", "1", "】."]), Reads::A),
        ("marks in words", says(&["İade süresi 30 gündür [Source 1, Source 1]."]), Reads::Broken("")),
        ("an end token", says(&[A, "<|im_end|>"]), Reads::A),
        ("an end token in pieces", says(&[A, "<|eot", "_id|>"]), Reads::A),
        ("</s>", says(&[A, "</s>"]), Reads::A),
        ("an end token of DeepSeek", says(&[A, "<｜end▁of▁sentence｜>"]), Reads::A),
        ("the next turn as well", says(&[A, "<|im_end|>\n<|im_start|>user\nNext?"]), Reads::A),
        ("the role first", says(&["<|im_start|>assistant\n", A]), Reads::A),
        ("an empty error", event(&json!({ "choices": [{ "delta": { "content": A } }], "error": "" })) + &ends(&[], "stop"), Reads::A),
        ("an error without fields", event(&json!({ "choices": [{ "delta": { "content": A } }], "error": {} })) + &ends(&[], "stop"), Reads::A),
        ("halves of a letter", "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"\\ude00\"}}]}\n\n".to_owned() + &says(&[" ", A]), Reads::A),
        ("a whole answer in JSON", whole.to_string(), Reads::A),
        ("a whole answer over many lines", serde_json::to_string_pretty(&whole).unwrap_or_default(), Reads::A),
        ("a whole answer as an event", event(&whole) + "data: [DONE]\n\n", Reads::A),
        ("lines of JSON", format!("{}\n{}\n", json!({ "choices": [{ "delta": { "content": "İade süresi 30 " } }] }), json!({ "choices": [{ "delta": { "content": "gündür [1]." }, "finish_reason": "stop" }] })), Reads::A),
        ("no reason but [DONE]", delta(json!({ "content": A }), None) + "data: [DONE]\n\n", Reads::A),
        ("a reason with each chunk", delta(json!({ "content": "İade süresi 30 " }), Some("stop")) + &says(&["gündür [1]."]), Reads::A),
        ("the whole again at the end", delta(json!({ "content": A }), None) + &event(&json!({ "choices": [{ "message": { "content": A }, "finish_reason": "stop" }] })), Reads::A),
        ("other choices", event(&json!({ "choices": [{ "index": 1, "delta": { "content": "Other" } }] })) + &says(&[A]), Reads::A),
        ("content in parts", delta(json!({ "content": [{ "type": "thinking", "thinking": "plan" }, { "type": "reasoning", "text": "plan" }, { "type": "text", "text": A }] }), None) + &ends(&[], "stop"), Reads::A),
        ("texts of completions", event(&json!({ "choices": [{ "text": "İade süresi ", "index": 0 }] })) + &event(&json!({ "choices": [{ "text": "30 gündür [1].", "index": 0, "finish_reason": "stop" }] })), Reads::A),
        ("words in tags", says(&["<think>plan</think><answer>", A, "</answer>"]), Reads::A),
        ("no empty lines between events", says(&["İade süresi ", "30 gündür [1]."]).replace("\n\n", "\n"), Reads::A),
        ("events with other fields", format!("event: message\nid: 7\nretry: 100\n{}", says(&[A])), Reads::A),
        ("an error object with status 200", json!({ "error": { "message": "secret", "code": "invalid_api_key" } }).to_string(), Reads::BuiltIn),
        ("another JSON with status 200", json!({ "detail": "secret" }).to_string(), Reads::BuiltIn),
        ("roles only, again and again", delta(json!({ "role": "assistant" }), None) + &delta(json!({ "role": "assistant", "content": "" }), None) + &says(&[A]), Reads::A),
        ("the role with each piece", delta(json!({ "role": "assistant", "content": "İade süresi " }), None) + &delta(json!({ "role": "assistant", "content": "30 gündür [1]." }), None) + &ends(&[], "stop"), Reads::A),
        ("the last chunk twice", delta(json!({ "content": A }), None) + &delta(json!({}), Some("stop")) + &ends(&[], "stop"), Reads::A),
        ("the end with the last words", delta(json!({ "content": "İade süresi " }), None) + &ends(&[], "stop").replace("\"delta\":{}", "\"delta\":{\"content\":\"30 gündür [1].\"}"), Reads::A),
        ("words behind [DONE]", says(&[A]) + &says(&["Other"]), Reads::A),
        ("[DONE] without a space", says(&[A]).replace("data: ", "data:"), Reads::A),
        ("[DONE] alone", "data: [DONE]\n\n".to_owned(), Reads::BuiltIn),
        ("usage with each chunk", event(&json!({ "choices": [{ "delta": { "content": A } }], "usage": { "prompt_tokens": 9, "completion_tokens": 1 } })) + &event(&json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }], "usage": { "prompt_tokens": 9, "completion_tokens": 4 } })), Reads::A),
        ("usage null with each chunk", event(&json!({ "choices": [{ "delta": { "content": A } }], "usage": null })) + &event(&json!({ "choices": [], "usage": null })) + &ends(&[], "stop"), Reads::A),
        ("usage elsewhere", event(&json!({ "choices": [{ "delta": { "content": A }, "finish_reason": "stop" }], "x_groq": { "usage": { "prompt_tokens": 9, "completion_tokens": 4 } } })), Reads::A),
        ("usage within the choice", event(&json!({ "choices": [{ "delta": { "content": A }, "finish_reason": "stop", "usage": { "prompt_tokens": 9, "completion_tokens": 4 } }] })), Reads::A),
        ("usage first", event(&json!({ "choices": [], "usage": { "prompt_tokens": 9, "completion_tokens": 0 } })) + &says(&[A]), Reads::A),
        ("probabilities", event(&json!({ "choices": [{ "delta": { "content": A }, "logprobs": { "content": [{ "token": "plan", "logprob": -0.1, "bytes": null, "top_logprobs": [] }] } }] })) + &ends(&[], "stop"), Reads::A),
        ("another model's name", event(&json!({ "id": 7, "model": "secret-2026", "created": "now", "object": null, "choices": [{ "delta": { "content": A } }] })) + &event(&json!({ "model": null, "choices": [{ "delta": {}, "finish_reason": "stop" }] })), Reads::A),
        ("results of filters", event(&json!({ "choices": [], "prompt_filter_results": [{ "content_filter_results": { "hate": { "filtered": false } } }] })) + &event(&json!({ "choices": [{ "delta": { "content": A }, "content_filter_results": { "hate": { "filtered": false, "severity": "safe" } } }] })) + &event(&json!({ "choices": [{ "delta": {}, "content_filter_offsets": { "check_offset": 1 } }] })) + &ends(&[], "stop"), Reads::A),
        ("null among the content", delta(json!({ "content": null }), None) + &delta(json!({ "content": A, "refusal": null, "tool_calls": null, "function_call": null, "audio": null }), None) + &delta(json!({ "content": null }), Some("stop")), Reads::A),
        ("no calls of tools in lists", delta(json!({ "content": A, "tool_calls": [], "annotations": [] }), None) + &ends(&[], "stop"), Reads::A),
        ("a call of a function", delta(json!({ "function_call": { "name": "x", "arguments": "{}" } }), None) + &ends(&[], "function_call"), Reads::BuiltIn),
        ("thoughts in other fields", delta(json!({ "reasoning": "plan" }), None) + &delta(json!({ "reasoning_content": "plan", "content": null }), None) + &delta(json!({ "reasoning_details": [{ "type": "reasoning.text", "text": "plan" }], "content": "" }), None) + &delta(json!({ "thinking": "plan" }), None) + &says(&[A]), Reads::A),
        ("thoughts beside the content", delta(json!({ "reasoning": "plan", "content": A }), None) + &ends(&[], "stop"), Reads::A),
        ("padding against eavesdroppers", event(&json!({ "choices": [{ "delta": { "content": A } }], "obfuscation": "secret" })) + &ends(&[], "stop"), Reads::A),
        ("the end in capitals", ends(&[A], "STOP"), Reads::A),
        ("the end as others say it", ends(&[A], "end_turn"), Reads::A),
        ("the end by a token", ends(&[A], "eos_token"), Reads::A),
        ("the end by a word", ends(&[A], "stop_sequence"), Reads::A),
        ("the end for no reason", ends(&[A], "unknown"), Reads::A),
        ("the end as a number", delta(json!({ "content": A }), None) + &event(&json!({ "choices": [{ "delta": {}, "finish_reason": 1 }] })) + "data: [DONE]\n\n", Reads::A),
        ("no index", event(&json!({ "choices": [{ "delta": { "content": A }, "finish_reason": "stop" }] })), Reads::A),
        ("the index as text", event(&json!({ "choices": [{ "index": "0", "delta": { "content": A }, "finish_reason": "stop" }] })), Reads::A),
        ("a warning before it begins", event(&json!({ "warning": "secret" })) + &event(&json!({ "object": "chat.completion.chunk" })) + &says(&[A]), Reads::A),
        ("an event that is an error", "event: error\ndata: {\"message\":\"secret\"}\n\n".to_owned(), Reads::BuiltIn),
        ("an error that says what it is", event(&json!({ "object": "error", "message": "secret", "type": "BadRequestError", "code": 400 })), Reads::BuiltIn),
        ("errors in a list", event(&json!({ "errors": [{ "message": "secret" }] })), Reads::BuiltIn),
        ("a page of HTML in the stream", "<html><body>secret</body></html>".to_owned(), Reads::BuiltIn),
        ("an event over several lines", "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"".to_owned() + A + "\"},\ndata: \"finish_reason\":\"stop\"}]}\n\n", Reads::A),
        ("the role in words", says(&["Assis", "tant: ", A]), Reads::A),
        ("the role as a heading", says(&["### Response:\n", A]), Reads::A),
        ("the role on a line of its own", says(&["assistant", "\n\n", A]), Reads::A),
        ("the visitor's turn as well", says(&[A, "\n\nUser: Peki kargo?\n", "Assistant: Kargo 2 gün."]), Reads::A),
        ("the visitor's turn alone", says(&[A, "\n\nUser: Peki kargo?"]), Reads::A),
        ("the visitor's turn as Human", says(&[A, "\n\nHuman", ": Peki kargo?"]), Reads::A),
        ("the visitor's turn as an instruction", says(&[A, "\n\n### Instruction:\nPeki kargo?"]), Reads::A),
        ("the visitor's turn in Turkish", says(&[A, "\n\nKullanıcı: Peki kargo?\nAsistan: Kargo 2 gün."]), Reads::A),
        ("an answer in an object", says(&["{\"answer\": \"", A, "\"}"]), Reads::A),
        ("an answer in an object in a fence", says(&["```json\n{\"response\": \"", A, "\", \"sources\": [1]}\n```"]), Reads::A),
        ("an answer in a fence", says(&["```mark", "down\n", A, "\n```"]), Reads::A),
        ("thoughts under a heading", says(&["Thinking Process:\n1. plan\n\n", "Final Answer: ", A]), Reads::A),
        ("thoughts in bold", says(&["**Reasoning:** plan ", "**Answer:** ", A]), Reads::A),
        ("thoughts in passing", says(&["*thinking: visitor wants plan*", "\n\n", A]), Reads::A),
        ("words in <output>", says(&["<output>", A, "</output>"]), Reads::A),
        ("words in a box", says(&["\\boxed{", A, "}"]), Reads::A),
        ("colours", says(&["\u{1b}[32m", A, "\u{1b}[0m"]), Reads::A),
        ("marks of direction", says(&["\u{202e}", A, "\u{202c}"]), Reads::A),
        ("marks as elements", says(&["İade süresi 30 gündür <ref>", "1</ref>."]), Reads::A),
        ("marks that are raised", says(&["İade süresi 30 gündür ^[1]", "^."]), Reads::A),
        ("NO_ANSWER behind an answer", says(&[A, "\n\nNO_", "ANSWER"]), Reads::A),
        ("HANDOFF behind an answer", says(&[A, "\n\nHANDOFF"]), Reads::A),
        ("NO ANSWER", says(&["NO", " ANSWER"]), Reads::Nothing),
        ("NO\\_ANSWER", says(&["NO\\_ANSWER"]), Reads::Nothing),
        ("no_answer.", says(&["no_answer", "."]), Reads::Nothing),
        ("the whole with each piece", says(&["İade", "İade süresi", "İade süresi 30", A]), Reads::A),
        ("the whole with each letter", says(&["İ", "İa", "İad", "İade", "İade süresi", A]), Reads::A),
        ("the whole again as a piece", says(&["İade süresi ", "30 gündür [1].", A]), Reads::A),
        ("an error as text", says(&["Error: upstream ", "connect error, request id: secret"]), Reads::BuiltIn),
        ("an error as text in brackets", says(&["[Error] The model is overloaded: secret"]), Reads::BuiltIn),
        ("null as text", says(&["null"]), Reads::BuiltIn),
        ("None as text", says(&["None"]), Reads::BuiltIn),
        ("undefined as text", says(&["undef", "ined"]), Reads::BuiltIn),
        ("a call of a tool as JSON", says(&["{\"name\": \"plan\", ", "\"parameters\": {\"q\": \"secret\"}}"]), Reads::BuiltIn),
        ("a vendor's failure in the stream", event(&json!({ "error": { "message": "secret", "code": 403 } })), Reads::BuiltIn),
    ]
}

/// A response from its first byte on.
fn response(head: &str, body: impl AsRef<[u8]>) -> Vec<Vec<u8>> {
    vec![[format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body.as_ref()].concat()]
}

/// What stands on the way to an endpoint, or is its server, and what is read of it.
fn wires() -> Vec<(&'static str, Vec<Vec<u8>>, Reads)> {
    const STREAM: &str = "content-type: text/event-stream";
    let said = says(&["İade süresi ", "30 gündür [1]."]);
    let other = |status: &str, head: &str, body: &str| {
        let length = body.len();
        vec![format!("HTTP/1.1 {status}\r\n{head}content-length: {length}\r\n\r\n{body}").into_bytes()]
    };
    let page = "<html><head><title>502 Bad Gateway</title></head><body>secret</body></html>";
    let html = "content-type: text/html\r\n";
    let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, said.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let bytewise = |body: &str| {
        let mut writes = response(STREAM, "");
        writes.extend(body.bytes().map(|byte| vec![byte]));
        writes
    };
    let chunked = |body: &str, more: &str| {
        let parts = body.as_bytes().chunks(7);
        let parts: Vec<u8> =
            parts.flat_map(|part| [format!("{:X}{more}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()).collect();
        [parts.as_slice(), b"0\r\nx-trailer: secret\r\n\r\n"].concat()
    };
    vec![
        ("HTTP/1.0", vec![format!("HTTP/1.0 200 OK\r\n{STREAM}\r\n\r\n{said}").into_bytes()], Reads::A),
        (
            "a length instead of chunks",
            response(&format!("{STREAM}\r\ncontent-length: {}", said.len()), &said),
            Reads::A,
        ),
        (
            "chunks of a few bytes with extensions and a trailer",
            response(&format!("{STREAM}\r\ntransfer-encoding: chunked"), chunked(&said, ";x=y")),
            Reads::A,
        ),
        ("byte by byte", bytewise(&said), Reads::A),
        ("byte by byte with CRLF", bytewise(&said.replace('\n', "\r\n")), Reads::A),
        ("a mark of the encoding", response(STREAM, format!("\u{feff}{said}")), Reads::A),
        ("CRLF", response(STREAM, said.replace('\n', "\r\n")), Reads::A),
        ("CR alone", response(STREAM, said.replace('\n', "\r")), Reads::A),
        ("padding for proxies", response(STREAM, format!(":{}\n\n{said}", " ".repeat(4_096))), Reads::A),
        ("comments between lines of an event", response(STREAM, format!(": a\nid: 1\n: b\n{said}")), Reads::A),
        ("text/plain", response("content-type: text/plain", &said), Reads::A),
        ("octets", response("content-type: application/octet-stream", &said), Reads::A),
        ("no type", response("x-nothing: 1", &said), Reads::A),
        ("a stream that calls itself JSON", response("content-type: application/json", &said), Reads::A),
        (
            "a type with a charset in capitals",
            response("Content-Type: Text/Event-Stream; Charset=UTF-8", &said),
            Reads::A,
        ),
        (
            "early hints",
            [b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec(), response(STREAM, &said).concat()].to_vec(),
            Reads::A,
        ),
        (
            "packed though nobody asked",
            response(&format!("{STREAM}\r\ncontent-encoding: gzip"), &packed),
            Reads::BuiltIn,
        ),
        ("nothing", response(STREAM, ""), Reads::BuiltIn),
        ("no content", vec![b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()], Reads::BuiltIn),
        ("a page of HTML with status 200", other("200 OK", html, page), Reads::BuiltIn),
        ("a proxy's page", other("502 Bad Gateway", html, page), Reads::BuiltIn),
        ("a gateway's timeout", other("504 Gateway Timeout", html, page), Reads::BuiltIn),
        (
            "overloaded, as Anthropic says it",
            other(
                "529 Overloaded",
                "",
                "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"secret\"}}",
            ),
            Reads::BuiltIn,
        ),
        ("overloaded, as Cloudflare says it", other("524 A Timeout Occurred", html, page), Reads::BuiltIn),
        (
            "too often, for an hour",
            other("429 Too Many Requests", "retry-after: 3600\r\n", "{\"error\":{\"message\":\"secret\"}}"),
            Reads::BuiltIn,
        ),
        (
            "too often, until a day",
            other("429 Too Many Requests", "retry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n", "secret"),
            Reads::BuiltIn,
        ),
        ("too often, until nobody knows", other("429 Too Many Requests", "retry-after: soon\r\n", ""), Reads::BuiltIn),
        ("elsewhere", other("307 Temporary Redirect", "location: http://127.0.0.1:1/secret\r\n", ""), Reads::BuiltIn),
        ("elsewhere for good", other("301 Moved Permanently", "location: /secret\r\n", page), Reads::BuiltIn),
        ("payment", other("402 Payment Required", "", "{\"error\":{\"message\":\"secret\"}}"), Reads::BuiltIn),
        ("what is no HTTP", vec![b"SSH-2.0-secret\r\n".to_vec()], Reads::BuiltIn),
        (
            "a head without end",
            vec![format!("HTTP/1.1 200 OK\r\nx-long: {}", "x".repeat(600_000)).into_bytes()],
            Reads::BuiltIn,
        ),
    ]
}

#[tokio::test]
async fn whatever_stands_on_the_way_to_an_endpoint_the_right_text_or_a_fallback_is_read() {
    let app = start().await;
    let mut wrong = vec![];
    for (name, writes, reads) in wires() {
        let server = Vendor::Compatible.start().await;
        for _ in 0..3 {
            server.plays(Script::wire(writes.clone()));
        }
        let site = site(&app, Vendor::Compatible, "OPENAI_COMPATIBLE", &server, MODEL).await;
        let began = Instant::now();
        let (ended, chunks) = asked(&app, &site).await;
        let took = began.elapsed();
        let counted = counted(&app, &site).await;
        let looked = std::panic::catch_unwind(|| {
            look_at(name, reads, &ended, &chunks, &counted);
            assert!(took < Duration::from_secs(20), "{name}: {took:?}");
        });
        wrong.extend(looked.is_err().then_some(name));
    }
    assert_eq!(wrong, Vec::<&str>::new());
}

/// What is to be true of one behaviour.
fn look_at(name: &str, reads: Reads, ended: &Value, chunks: &[String], counted: &Value) {
    let text = match name {
        "marks in words" => Some("İade süresi 30 gündür [1][1].".to_owned()),
        "halves of a letter" => Some(format!("😀 {A}")),
        _ => None,
    };
    match text {
        Some(text) => assert_eq!(ended["message"]["body"], text, "{name}"),
        None => check(name, ended, reads),
    }
    let shown = chunks.concat();
    for machinery in [
        "plan",
        "<think",
        "</think",
        "<|",
        "secret",
        "【",
        "Next?",
        "Other",
        "tool_call",
        "Assistant",
        "User:",
        "Human:",
        "Answer:",
        "NO_ANSWER",
        "HANDOFF",
        "boxed",
    ] {
        assert!(!shown.contains(machinery), "{name}: {shown}");
    }
    if reads == Reads::A {
        assert!(counted["completionTokens"].as_i64() > Some(0), "{name}: {counted}");
        assert!(counted["promptTokens"].as_i64() > Some(0), "{name}: {counted}");
        assert!(counted["completionTokens"].as_i64() < Some(1_000), "{name}: {counted}");
    }
}

#[tokio::test]
async fn whatever_a_compatible_endpoint_sends_the_right_text_or_a_fallback_is_read() {
    let app = start().await;
    let mut wrong = vec![];
    for (name, body, reads) in bodies() {
        let server = Vendor::Compatible.start().await;
        let kind = if body.starts_with('{') { "application/json" } else { "text/event-stream" };
        server.plays(Script::streams(kind).raw(&body).end_without_done());
        server.plays(Script::streams(kind).raw(&body).end_without_done());
        let site = site(&app, Vendor::Compatible, "OPENAI_COMPATIBLE", &server, MODEL).await;
        let (ended, chunks) = asked(&app, &site).await;
        let counted = counted(&app, &site).await;
        // All that are wrong are named at once.
        let looked = std::panic::catch_unwind(|| look_at(name, reads, &ended, &chunks, &counted));
        wrong.extend(looked.is_err().then_some(name));
    }
    assert_eq!(wrong, Vec::<&str>::new());
}

#[tokio::test]
async fn other_vendors_machinery_is_not_shown_either() {
    let app = start().await;
    let line = |message: Value, more: Value| {
        let mut line = json!({ "model": MODEL, "message": message, "done": false });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{line}\n")
    };
    let content = |text: &str| json!({ "role": "assistant", "content": text });
    let done = |reason: &str| json!({ "done": true, "done_reason": reason, "eval_count": 4 });
    let gemini = |parts: Value, reason: Option<&str>| {
        format!(
            "data: {}\n\n",
            json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": reason }],
            "usageMetadata": { "promptTokenCount": 12, "totalTokenCount": 16 } })
        )
    };
    let anthropic = |text: &str, reason: &str| {
        Vendor::Anthropic.opening()
            + &(if text.is_empty() { String::new() } else { Vendor::Anthropic.word(text) })
            + &format!(
                "data: {}\n\n",
                json!({ "type": "message_delta", "delta": { "stop_reason": reason }, "usage": { "output_tokens": 2 } })
            )
            + "data: {\"type\":\"message_stop\"}\n\n"
    };
    let half = "İade süresi 30";
    for (name, vendor, provider, body, reads) in [
        ("Ollama thinks aloud", Vendor::Ollama, "OLLAMA", line(content("<think>plan</think>"), json!({})) + &line(content(A), done("stop")), Reads::A),
        ("Ollama thinks until the limit", Vendor::Ollama, "OLLAMA", line(json!({ "content": "", "thinking": "plan" }), json!({})) + &line(content(""), done("length")), Reads::BuiltIn),
        ("Ollama loads only", Vendor::Ollama, "OLLAMA", line(content(""), done("load")), Reads::BuiltIn),
        ("Ollama's lines as events", Vendor::Ollama, "OLLAMA", format!("data: {}\ndata: {}", line(content(A), json!({})), line(content(""), done("stop"))), Reads::A),
        ("Ollama in one line", Vendor::Ollama, "OLLAMA", line(content(A), done("stop")), Reads::A),
        ("Gemini's limit", Vendor::Gemini, "GEMINI", gemini(json!([{ "text": "plan", "thought": true }]), Some("MAX_TOKENS")), Reads::BuiltIn),
        ("Gemini without parts", Vendor::Gemini, "GEMINI", gemini(Value::Null, Some("STOP")), Reads::BuiltIn),
        ("Gemini's SAFETY", Vendor::Gemini, "GEMINI", gemini(json!([{ "text": half }]), None) + &gemini(json!([]), Some("SAFETY")), Reads::Broken(half)),
        ("Gemini's RECITATION", Vendor::Gemini, "GEMINI", gemini(json!([{ "text": half }]), Some("RECITATION")), Reads::Broken(half)),
        ("Gemini's list without alt=sse", Vendor::Gemini, "GEMINI", json!([{ "candidates": [{ "content": { "parts": [{ "text": A }] }, "finishReason": "STOP" }] }]).to_string(), Reads::A),
        ("Anthropic's refusal", Vendor::Anthropic, "ANTHROPIC", anthropic(half, "refusal"), Reads::Broken(half)),
        ("Anthropic's refusal at once", Vendor::Anthropic, "ANTHROPIC", anthropic("", "refusal"), Reads::BuiltIn),
        ("Anthropic's limit", Vendor::Anthropic, "ANTHROPIC", anthropic("", "max_tokens"), Reads::BuiltIn),
        ("Anthropic's whole answer", Vendor::Anthropic, "ANTHROPIC", json!({ "type": "message", "content": [{ "type": "thinking", "thinking": "plan" }, { "type": "text", "text": A }], "stop_reason": "end_turn", "usage": { "input_tokens": 9, "output_tokens": 2 } }).to_string(), Reads::A),
        ("Mistral's thoughts in brackets", Vendor::Mistral, "MISTRAL", says(&["[THINK]plan[/THINK]", A]), Reads::A),
        ("Azure's filter", Vendor::Azure, "AZURE_OPENAI", ends(&[half], "content_filter"), Reads::Broken(half)),
    ] {
        let server = vendor.start().await;
        server.plays(vendor.begun().raw(&body).end_without_done());
        let site = site(&app, vendor, provider, &server, MODEL).await;
        let (ended, chunks) = asked(&app, &site).await;
        check(name, &ended, reads);
        assert!(!chunks.concat().contains("plan"), "{name}");
        let counted = counted(&app, &site).await;
        if reads != Reads::BuiltIn || name.contains("limit") {
            assert!(counted["completionTokens"].as_i64() > Some(0), "{name}: {counted}");
        }
    }
}

/// A compatible server that refuses requests for what they are, until they are right.
async fn choosy(refuses: fn(&Request) -> Option<Script>) -> Server {
    let check = move |request: &Request| (!request.line.starts_with("GET")).then(|| refuses(request)).flatten();
    Server::speaking(Box::new(check), || Script::streams("text/event-stream").raw(says(&[A])).end_without_done()).await
}

fn bad(status: u16, body: &str) -> Option<Script> {
    Some(Script::responds(status, "application/json", body))
}

#[tokio::test]
async fn what_a_server_does_not_take_is_left_out_and_remembered() {
    fn has(request: &Request, name: &str) -> bool {
        request.body.get(name).is_some()
    }
    fn roles(request: &Request) -> Vec<String> {
        let messages = request.body["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().filter_map(|message| message["role"].as_str().map(ToOwned::to_owned)).collect()
    }
    /// What is said instead of an answer, to a request that the server does not take.
    type Refusal = fn(&Request) -> Option<Script>;
    let app = start().await;
    let kinds: [(&str, Refusal); 17] = [
        ("stream_options, 400", |r| {
            has(r, "stream_options")
                .then(|| {
                    bad(400, r#"{"error":{"message":"Unknown field: stream_options","type":"invalid_request_error"}}"#)
                })
                .flatten()
        }),
        ("stream_options, 422", |r| {
            has(r, "stream_options").then(|| bad(422, r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#)).flatten()
        }),
        ("stream_options, text", |r| {
            has(r, "stream_options")
                .then(|| bad(400, "unknown field `stream_options`, expected one of `model`, `messages`"))
                .flatten()
        }),
        ("stream_options, 500", |r| {
            has(r, "stream_options")
                .then(|| bad(500, r#"{"error":"unexpected keyword argument 'stream_options'"}"#))
                .flatten()
        }),
        ("temperature", |r| {
            has(r, "temperature")
                .then(|| bad(400, r#"{"message":"temperature is not supported by this model"}"#))
                .flatten()
        }),
        ("a temperature's value", |r| {
            has(r, "temperature")
                .then(|| bad(400, r#"{"error":{"message":"Temperature must be 1","type":"invalid_request_error"}}"#))
                .flatten()
        }),
        ("max_tokens", |r| {
            has(r, "max_tokens").then(|| bad(400, r#"{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}"#)).flatten()
        }),
        ("both limits", |r| {
            (has(r, "max_tokens") || has(r, "max_completion_tokens"))
                .then(|| bad(422, r#"{"detail":"max_tokens and max_completion_tokens are not allowed"}"#))
                .flatten()
        }),
        ("a limit that is too large", |r| {
            has(r, "max_tokens").then(|| bad(400, r#"{"error":{"message":"max_tokens is too large: 500. This model's maximum context length is 4096 tokens"}}"#)).flatten()
        }),
        ("everything, one by one", |r| {
            ["temperature", "stream_options", "max_tokens", "max_completion_tokens"]
                .into_iter()
                .find(|name| has(r, name))
                .and_then(|name| {
                    bad(
                        400,
                        &format!("{{\"error\":{{\"message\":\"Unrecognized request argument supplied: {name}\"}}}}"),
                    )
                })
        }),
        ("it does not say what", |r| {
            (has(r, "stream_options") || has(r, "temperature")).then(|| bad(400, "")).flatten()
        }),
        ("streams", |r| {
            (r.body["stream"] == true)
                .then(|| bad(400, r#"{"error":{"message":"Streaming is not supported by this model"}}"#))
                .flatten()
        }),
        ("system role", |r| {
            roles(r)
                .contains(&"system".to_owned())
                .then(|| bad(400, r#"{"error":{"message":"System role not supported"}}"#))
                .flatten()
        }),
        ("system role, in the stream", |r| {
            roles(r).contains(&"system".to_owned()).then(|| {
                Script::streams("text/event-stream")
                    .raw(event(&json!({ "error": { "message": "System role not supported", "code": 400 } })))
                    .end_without_done()
            })
        }),
        ("system role, 500 of a template", |r| {
            roles(r).contains(&"system".to_owned()).then(|| bad(500, r#"{"error":{"code":500,"message":"Jinja Exception: System role not supported","type":"server_error"}}"#)).flatten()
        }),
        ("only user and assistant", |r| {
            roles(r).contains(&"system".to_owned()).then(|| bad(422, r#"{"detail":[{"loc":["body","messages",0,"role"],"msg":"Input should be 'user' or 'assistant'"}]}"#)).flatten()
        }),
        ("roles that alternate", |r| {
            (roles(r).first().is_some_and(|role| role != "user") || roles(r).windows(2).any(|pair| pair[0] == pair[1])).then(|| bad(400, r#"{"error":{"message":"Conversation roles must alternate user/assistant/user/assistant/..."}}"#)).flatten()
        }),
    ];
    for (name, refuses) in kinds {
        let server = choosy(refuses).await;
        let site = site(&app, Vendor::Compatible, "OPENAI_COMPATIBLE", &server, MODEL).await;
        check(name, &asked(&app, &site).await.0, Reads::A);
        let tries = server.requests().len();
        check(name, &asked(&app, &site).await.0, Reads::A);
        assert_eq!(server.requests().len(), tries + 1, "{name}: it is remembered");
        let last = server.requests().pop().unwrap();
        assert!(last.body["messages"].to_string().contains("NO_ANSWER"), "{name}: the instructions are told");
    }
}

#[tokio::test]
async fn a_long_conversation_begins_with_the_visitor_and_takes_turns() {
    let app = start().await;
    let server = choosy(|_| None).await;
    let site = site(&app, Vendor::Compatible, "OPENAI_COMPATIBLE", &server, MODEL).await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
    ws.subscribe("e", ANSWERED, json!({ "c": conversation })).await;
    for turn in 0..8 {
        app.say(&visitor.token, &conversation, &format!("{QUESTION} ({turn})")).await;
        ws.until("e", |event| event["conversationEvents"]["__typename"] == "RunFinished").await;
    }
    let messages = server.requests().pop().unwrap().body["messages"].as_array().cloned().unwrap();
    let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles[..2], ["system", "user"]);
    assert!(roles.windows(2).all(|pair| pair[0] != pair[1]) && roles.last() == Some(&"user"), "{roles:?}");
}

#[tokio::test]
async fn an_answer_with_its_end_does_not_wait_for_the_connection() {
    let app = start().await;
    let server = Vendor::Compatible.start().await;
    let body = delta(json!({ "content": A }), None) + &delta(json!({}), Some("stop"));
    server.plays(Script::streams("text/event-stream").raw(body).wait());
    let site = site(&app, Vendor::Compatible, "OPENAI_COMPATIBLE", &server, MODEL).await;
    let began = Instant::now();
    check("left open", &asked(&app, &site).await.0, Reads::A);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_model_that_thinks_from_the_start_is_known_after_its_first_answer() {
    let app = start().await;
    let server = Vendor::Compatible.start().await;
    let site = site(&app, Vendor::Compatible, "OPENAI_COMPATIBLE", &server, MODEL).await;
    let slow = || {
        let thought = delta(json!({ "content": "plan" }), None);
        Script::streams("text/event-stream")
            .raw(thought)
            .rest(Duration::from_millis(1_500))
            .raw(says(&["</think>", A]))
            .end_without_done()
    };
    server.plays(slow());
    let (ended, chunks) = asked(&app, &site).await;
    check("first", &ended, Reads::A);
    // What came before is withdrawn by a new attempt.
    assert_eq!(chunks.concat(), format!("plan{A}"));
    server.plays(slow());
    let (ended, chunks) = asked(&app, &site).await;
    check("second", &ended, Reads::A);
    assert!(!chunks.concat().contains("plan"), "{chunks:?}");
}

/// P8: what is said about usage may be odd; that it cost something is not.
#[tokio::test]
async fn an_answer_with_odd_usage_is_paid_for() {
    const COST: &str =
        "query U($s: ID!) { aiUsage(siteId: $s) { totals { calls estimatedCalls unpricedCalls costUsd } } }";
    let configure = |config: &mut yanit::config::Config| {
        config.allow_private_models = true;
        config.model_prices = format!("OPENAI_COMPATIBLE/{MODEL}=1000/1000");
    };
    let app = TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await;
    for (usage, is_guessed) in [
        (json!({ "prompt_tokens": 12, "completion_tokens": 4 }), Some(false)),
        (json!({ "prompt_tokens": 12.0, "completion_tokens": 4.0 }), Some(false)),
        (json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 }), Some(true)),
        (json!({ "prompt_tokens": -1, "completion_tokens": -1 }), Some(true)),
        (json!("free"), Some(true)),
        (json!({ "total_tokens": 14 }), None),
        (json!({ "prompt_tokens": 12 }), None),
    ] {
        let server = Vendor::Compatible.start().await;
        server.plays(Script::streams("text/event-stream").raw(with_usage(usage.clone())).end_without_done());
        let site = site(&app, Vendor::Compatible, "OPENAI_COMPATIBLE", &server, MODEL).await;
        let (ended, _) = asked(&app, &site).await;
        check(&usage.to_string(), &ended, Reads::A);
        let totals = app.run(Some(&site.admin.token), COST, json!({ "s": site.id })).await["aiUsage"]["totals"].clone();
        assert_eq!((&totals["calls"], &totals["unpricedCalls"]), (&json!(1), &json!(0)), "{usage}: {totals}");
        assert!(totals["costUsd"].as_f64().unwrap_or_default() > 0.0, "{usage}: {totals}");
        if let Some(is_guessed) = is_guessed {
            assert_eq!(totals["estimatedCalls"], i32::from(is_guessed), "{usage}: {totals}");
        }
    }
}
