//! Embedding models on a server: Ollama's `POST /api/embed` and OpenAI's `POST /v1/embeddings`, which many servers speak.
//!
//! A batch is one request. What may pass by itself (429, 5xx, a broken connection, silence, an answer that is short of
//! vectors) is tried again after a wait that doubles, or as long as `Retry-After` says; what cannot is not. Answers are
//! bounded in size and checked: as many vectors as texts, of finite numbers.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::Purpose;
use crate::{
    kernel::{Error, Result},
    ports::http::{self, Refusal, describe, may_pass},
};

/// Largest answer that is read: 256 vectors of 4,096 numbers as text.
const ANSWER_MAX: usize = 32 * 1024 * 1024;

/// What is spoken to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `POST {url}/api/embed`.
    Ollama,
    /// `POST {url}/embeddings`, where the address ends with `/v1` or what stands in its place.
    Openai,
}

/// How long to wait for a server, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the vector of a question; asked once.
    pub question: Duration,
    /// For the vectors of a batch of passages, each time.
    pub passages: Duration,
    /// Tries of a batch of passages.
    pub tries: u32,
    /// Before the second try; twice as long before each further one.
    pub wait: Duration,
    /// Longest wait, whatever the server says.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            question: Duration::from_secs(4),
            passages: Duration::from_secs(60),
            tries: 4,
            wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
        }
    }
}

/// A model on a server.
#[derive(Clone, Debug)]
pub struct RemoteEmbedder {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is, such as `http://127.0.0.1:11434` or `https://api.openai.com/v1`.
    pub url: String,
    /// Sent as `Authorization: Bearer …`.
    pub api_key: Option<String>,
    /// The server's name of the model.
    pub model: String,
    /// Texts of a request.
    pub batch: usize,
    /// Requests at once, of questions and of passages.
    pub concurrency: usize,
    /// Waiting times.
    pub patience: Patience,
}

impl RemoteEmbedder {
    /// Names what the vectors mean: the same model on another server gives the same vectors.
    pub(super) fn name(&self) -> String {
        match self.protocol {
            Protocol::Ollama => format!("ollama/{}", self.model),
            Protocol::Openai => format!("openai/{}", self.model),
        }
    }

    /// What the model was trained to see before a text.
    fn prefix(&self, purpose: Purpose) -> &'static str {
        let (question, passage) = if self.model.contains("nomic-embed-text") {
            ("search_query: ", "search_document: ")
        } else if self.model.contains("e5-") {
            ("query: ", "passage: ")
        } else {
            ("", "")
        };
        match purpose {
            Purpose::Question => question,
            Purpose::Passage | Purpose::Suspect => passage,
        }
    }
}

/// The client of such a server.
pub(super) struct Remote {
    http: Client,
    url: Url,
    settings: RemoteEmbedder,
}

/// A try that failed.
pub(super) struct Failed {
    pub(super) what: String,
    passes: bool,
    after: Option<Duration>,
    /// The texts may be the reason, and not the server.
    pub(super) for_texts: bool,
}

impl Failed {
    /// For which no text is to blame.
    pub(super) fn of_server(what: String) -> Self {
        Self { what, passes: false, after: None, for_texts: false }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        self::failed(failed.what, failed.after)
    }
}

impl Remote {
    pub(super) fn new(settings: RemoteEmbedder) -> Result<Self> {
        let path: &[&str] = match settings.protocol {
            Protocol::Ollama => &["api", "embed"],
            Protocol::Openai => &["embeddings"],
        };
        let mut url = Url::parse(&settings.url).map_err(Error::internal)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(Self { http: http::client().map_err(Error::internal)?, url, settings })
    }

    /// One vector a text, of length 1, in order.
    pub(super) async fn embed(&self, purpose: Purpose, texts: &[String]) -> Result<Vec<Vec<f32>>, Failed> {
        let Patience { question, passages, tries, wait, longest_wait } = self.settings.patience;
        let (limit, tries) = match purpose {
            Purpose::Question => (question, 1),
            Purpose::Passage => (passages, tries.max(1)),
            Purpose::Suspect => (passages, 1),
        };
        let prefix = self.settings.prefix(purpose);
        let texts: Vec<String> = texts.iter().map(|text| format!("{prefix}{text}")).collect();
        let mut wait = wait;
        for left in (0..tries).rev() {
            let silent =
                Failed { what: format!("nothing came for {limit:?}"), passes: true, after: None, for_texts: false };
            let failed = match timeout(limit, self.attempt(&texts)).await.unwrap_or(Err(silent)) {
                Ok(vectors) => return Ok(vectors),
                Err(failed) => failed,
            };
            if left == 0 || !failed.passes {
                return Err(failed);
            }
            tracing::debug!(what = failed.what, "an embedding failed and is tried again");
            sleep(failed.after.unwrap_or(wait).min(longest_wait)).await;
            wait *= 2;
        }
        Err(Failed { what: "it was not asked".into(), passes: true, after: None, for_texts: false })
    }

    async fn attempt(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Failed> {
        let response = self.request(texts).send().await.map_err(broken)?;
        if !response.status().is_success() {
            let refusal = Refusal::read(response).await;
            let passes = may_pass(refusal.status);
            let for_texts = matches!(refusal.status.as_u16(), 400 | 413 | 422 | 500);
            return Err(Failed { what: refusal.to_string(), passes, after: refusal.retry_after, for_texts });
        }
        let body = read(response).await?;
        let vectors =
            self.vectors(&body).map_err(|what| Failed { what, passes: true, after: None, for_texts: true })?;
        if vectors.len() != texts.len() {
            let what = format!("{} vectors came for {} texts", vectors.len(), texts.len());
            return Err(Failed { what, passes: true, after: None, for_texts: true });
        }
        if vectors.iter().any(|vector| vector.is_empty() || vector.iter().any(|number| !number.is_finite())) {
            let what = "a vector is empty or not of finite numbers".to_owned();
            return Err(Failed { what, passes: false, after: None, for_texts: true });
        }
        Ok(vectors.into_iter().map(unit).collect())
    }

    fn request(&self, texts: &[String]) -> RequestBuilder {
        let model = &self.settings.model;
        let body: Value = match self.settings.protocol {
            Protocol::Ollama => json!({ "model": model, "input": texts, "truncate": true }),
            Protocol::Openai => json!({ "model": model, "input": texts, "encoding_format": "float" }),
        };
        let request = self.http.post(self.url.clone()).json(&body);
        match &self.settings.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The vectors of an answer, in the order of the texts.
    fn vectors(&self, body: &[u8]) -> Result<Vec<Vec<f32>>, String> {
        #[derive(Deserialize)]
        struct Ollama {
            embeddings: Vec<Vec<f32>>,
        }
        #[derive(Deserialize)]
        struct Openai {
            data: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            index: Option<usize>,
            embedding: Vec<f32>,
        }
        // The error's text may quote the answer.
        let unreadable = |error: serde_json::Error| format!("the answer is unreadable at column {}", error.column());
        match self.settings.protocol {
            Protocol::Ollama => Ok(serde_json::from_slice::<Ollama>(body).map_err(unreadable)?.embeddings),
            Protocol::Openai => {
                let mut items = serde_json::from_slice::<Openai>(body).map_err(unreadable)?.data;
                items.sort_by_key(|item| item.index);
                Ok(items.into_iter().map(|item| item.embedding).collect())
            }
        }
    }
}

/// The failure of an embedder, for callers; what happened is for the log.
pub(super) fn failed(what: String, after: Option<Duration>) -> Error {
    let error = Error::unavailable("embedder");
    Error {
        source: Some(std::sync::Arc::new(std::io::Error::other(what))),
        retry_after: after.or(error.retry_after),
        ..error
    }
}

fn broken(error: reqwest::Error) -> Failed {
    Failed { passes: !error.is_builder(), what: describe(error), after: None, for_texts: false }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failed> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(broken)? {
        body.extend_from_slice(&bytes);
        if body.len() > ANSWER_MAX {
            return Err(Failed {
                what: "the answer is too large".into(),
                passes: false,
                after: None,
                for_texts: false,
            });
        }
    }
    Ok(body)
}

/// The vector with length 1; one of zeros stays.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    }
    vector
}
