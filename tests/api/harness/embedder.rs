//! An embedding server in the test's process: speaks Ollama's `/api/embed` and OpenAI's `/v1/embeddings`, and fails in
//! the ways that such servers do.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use yanit::kernel::task::Tasks;

/// How an answer goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// This status, with an error as the server words it.
    Status(u16),
    /// One vector is missing.
    Short,
    /// Nothing comes.
    Hang,
    /// It is no JSON.
    Unreadable,
    /// A number is too large to be one.
    NotFinite,
    /// A vector is null.
    Null,
}

/// A running server; ends with the test.
pub(crate) struct FakeEmbedder {
    pub(crate) url: String,
    state: Shared,
    _tasks: Tasks,
}

type Shared = Arc<Mutex<Kept>>;

struct Kept {
    dimension: usize,
    asked: usize,
    /// Texts of the requests that were answered.
    batches: Vec<Vec<String>>,
    faults: VecDeque<Fault>,
    /// Texts that hold this go wrong like this, and with them their batch.
    refused: Option<(&'static str, Fault)>,
}

impl FakeEmbedder {
    pub(crate) async fn start(dimension: usize) -> Self {
        let kept = Kept { dimension, asked: 0, batches: vec![], faults: VecDeque::new(), refused: None };
        let state: Shared = Arc::new(Mutex::new(kept));
        let router = Router::new()
            .route("/api/embed", post(ollama))
            .route("/v1/embeddings", post(openai))
            .with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let tasks = Tasks::default();
        tasks.spawn_until_shutdown(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, state, _tasks: tasks }
    }

    /// The next answers go wrong like this.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().expect("a lock").faults.extend(faults);
    }

    /// Texts that hold `part` go wrong like this, whenever they come.
    pub(crate) fn refuse(&self, part: &'static str, fault: Fault) {
        self.state.lock().expect("a lock").refused = Some((part, fault));
    }

    /// Answers go well again.
    pub(crate) fn recover(&self) {
        self.state.lock().expect("a lock").faults.clear();
    }

    pub(crate) fn set_dimension(&self, dimension: usize) {
        self.state.lock().expect("a lock").dimension = dimension;
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().expect("a lock").asked
    }

    pub(crate) fn batches(&self) -> Vec<Vec<String>> {
        self.state.lock().expect("a lock").batches.clone()
    }

    /// What is answered for a text.
    pub(crate) fn vector(&self, text: &str) -> Vec<f32> {
        vector(text, self.state.lock().expect("a lock").dimension)
    }
}

/// Words are directions: texts that share words are close.
fn vector(text: &str, dimension: usize) -> Vec<f32> {
    let mut vector = vec![0.01; dimension];
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = word.to_lowercase().bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31) + usize::from(byte));
        vector[hash % dimension] += 1.0 + (hash / dimension % 7) as f32;
    }
    vector
}

async fn ollama(state: State<Shared>, headers: HeaderMap, body: Json<Value>) -> Response {
    let error = |word: &str| json!({ "error": word });
    let (vectors, model) = match answer(&state, &headers, &body, error).await {
        Ok(answered) => answered,
        Err(failed) => return failed,
    };
    Json(json!({ "model": model, "embeddings": vectors, "total_duration": 1, "load_duration": 1, "prompt_eval_count": 1 }))
        .into_response()
}

async fn openai(state: State<Shared>, headers: HeaderMap, body: Json<Value>) -> Response {
    let error = |word: &str| json!({ "error": { "message": word, "type": "server_error", "code": null } });
    let (vectors, model) = match answer(&state, &headers, &body, error).await {
        Ok(answered) => answered,
        Err(failed) => return failed,
    };
    let item = |(index, vector): (usize, Value)| json!({ "object": "embedding", "index": index, "embedding": vector });
    // The order is not promised.
    let data: Vec<Value> = vectors.into_iter().enumerate().map(item).rev().collect();
    let usage = json!({ "prompt_tokens": 1, "total_tokens": 1 });
    Json(json!({ "object": "list", "data": data, "model": model, "usage": usage })).into_response()
}

async fn answer(
    State(state): &State<Shared>,
    headers: &HeaderMap,
    Json(body): &Json<Value>,
    error: impl Fn(&str) -> Value,
) -> Result<(Vec<Value>, Value), Response> {
    let (fault, dimension, poison) = {
        let mut kept = state.lock().expect("a lock");
        kept.asked += 1;
        (kept.faults.pop_front(), kept.dimension, kept.refused)
    };
    let refused =
        |status: u16, word: &str| (StatusCode::from_u16(status).expect("a status"), Json(error(word))).into_response();
    let known = headers.get("authorization").is_some_and(|key| key == "Bearer test-key");
    let texts: Option<Vec<String>> = serde_json::from_value(body["input"].clone()).ok();
    let (Some(texts), true, true) = (texts, known, body["model"].is_string()) else {
        return Err(refused(400, "a wrong request"));
    };
    let mut vectors: Vec<Value> = texts.iter().map(|text| json!(vector(text, dimension))).collect();
    let poisoned = poison.filter(|(part, _)| texts.iter().any(|text| text.contains(part))).map(|(_, fault)| fault);
    match fault.or(poisoned) {
        Some(Fault::Null) => vectors[0] = Value::Null,
        Some(Fault::Status(status)) => return Err(refused(status, "failed")),
        Some(Fault::Hang) => tokio::time::sleep(Duration::from_secs(60)).await,
        Some(Fault::Unreadable) => return Err((StatusCode::OK, "<html>").into_response()),
        Some(Fault::Short) => drop(vectors.pop()),
        Some(Fault::NotFinite) => vectors[0][0] = json!(1e300),
        None => state.lock().expect("a lock").batches.push(texts),
    }
    Ok((vectors, body["model"].clone()))
}
