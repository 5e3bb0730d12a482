//! What `ports::embedding` promises of servers: Ollama's and OpenAI's wire formats, and what happens when they fail.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail the test")]

use std::time::Duration;

use yanit::{
    kernel::error::ErrorCode,
    ports::embedding::{Embeddings, Patience, Protocol, RemoteEmbedder},
};

use crate::harness::embedder::{FakeEmbedder, Fault};

/// An embedder on a server, with short waits.
fn on(server: &FakeEmbedder, protocol: Protocol, model: &str) -> Embeddings {
    let url = match protocol {
        Protocol::Ollama => server.url.clone(),
        Protocol::Openai => format!("{}/v1", server.url),
    };
    let patience = Patience {
        question: Duration::from_millis(300),
        passages: Duration::from_millis(300),
        tries: 3,
        wait: Duration::from_millis(5),
        longest_wait: Duration::from_millis(20),
    };
    let (api_key, model) = (Some("test-key".to_owned()), model.to_owned());
    Embeddings::remote(RemoteEmbedder { protocol, url, api_key, model, batch: 3, concurrency: 2, patience }).unwrap()
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

const BOTH: [Protocol; 2] = [Protocol::Ollama, Protocol::Openai];

#[tokio::test]
async fn vectors_come_in_batches_in_order_and_of_length_one() {
    for protocol in BOTH {
        let server = FakeEmbedder::start(4).await;
        let embedder = on(&server, protocol, "model");
        assert_eq!(embedder.known_dimension(), None);
        let vectors = embedder.passages(texts(7)).await.unwrap();
        assert_eq!((vectors.len(), embedder.known_dimension()), (7, Some(4)));
        for (vector, text) in vectors.iter().zip(texts(7)) {
            let length: f32 = vector.iter().map(|number| number * number).sum();
            assert!((length - 1.0).abs() < 1e-5);
            let expected = server.vector(&text);
            let cosine: f32 = vector.iter().zip(&expected).map(|(a, b)| a * b).sum::<f32>()
                / expected.iter().map(|number| number * number).sum::<f32>().sqrt();
            assert!((cosine - 1.0).abs() < 1e-5, "the vectors are in the order of the texts");
        }
        let sizes: Vec<usize> = server.batches().iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 3, 1]);
        // A question that was asked lately is not asked again.
        for _ in 0..3 {
            embedder.query(" kargo ").await.unwrap();
        }
        assert_eq!(server.batches().len(), 4);
    }
}

#[tokio::test]
async fn models_get_the_prefixes_they_were_trained_with() {
    for (model, question, passage) in [
        ("nomic-embed-text", "search_query: kargo", "search_document: kargo"),
        ("multilingual-e5-small", "query: kargo", "passage: kargo"),
        ("text-embedding-3-small", "kargo", "kargo"),
    ] {
        let server = FakeEmbedder::start(4).await;
        let embedder = on(&server, Protocol::Ollama, model);
        embedder.query("kargo").await.unwrap();
        embedder.passages(vec!["kargo".into()]).await.unwrap();
        assert_eq!(server.batches(), [vec![question.to_owned()], vec![passage.to_owned()]]);
        assert_eq!(**embedder.model(), *format!("ollama/{model}"));
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    for protocol in BOTH {
        for fault in [Fault::Status(429), Fault::Status(500), Fault::Short, Fault::Hang, Fault::Unreadable] {
            let server = FakeEmbedder::start(4).await;
            let embedder = on(&server, protocol, "model");
            server.fail([fault, fault]);
            assert_eq!(embedder.passages(texts(2)).await.unwrap().len(), 2, "{fault:?}");
            assert_eq!(server.asked(), 3);
            server.fail([fault, fault, fault]);
            let error = embedder.passages(texts(2)).await.unwrap_err();
            assert!(error.code == ErrorCode::Unavailable && error.is_transient(), "{fault:?}");
            assert_eq!(server.asked(), 6);
        }
    }
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for protocol in BOTH {
        for fault in [Fault::Status(401), Fault::Status(404), Fault::NotFinite] {
            let server = FakeEmbedder::start(4).await;
            let embedder = on(&server, protocol, "model");
            server.fail([fault]);
            assert_eq!(embedder.passages(texts(2)).await.unwrap_err().code, ErrorCode::Unavailable, "{fault:?}");
            assert_eq!(server.asked(), 1, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn vectors_of_another_dimension_are_refused() {
    let server = FakeEmbedder::start(4).await;
    let embedder = on(&server, Protocol::Openai, "model");
    embedder.passages(texts(1)).await.unwrap();
    server.set_dimension(5);
    assert_eq!(embedder.passages(texts(1)).await.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(embedder.known_dimension(), Some(4));
}

#[tokio::test]
async fn a_server_that_failed_is_left_alone_by_questions_for_a_moment() {
    let server = FakeEmbedder::start(4).await;
    let embedder = on(&server, Protocol::Ollama, "model");
    embedder.health().unwrap();
    server.fail([Fault::Hang]);
    assert_eq!(embedder.query("kargo").await.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(embedder.query("iade").await.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!((server.asked(), embedder.health().unwrap_err().code), (1, ErrorCode::Unavailable));
    // Whoever finds it well again tells everybody.
    embedder.passages(texts(1)).await.unwrap();
    embedder.health().unwrap();
    embedder.query("kargo").await.unwrap();
}
