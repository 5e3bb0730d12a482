//! Asking an assistant without a conversation: the same retrieval, prompt and model, and nothing is stored.

use ::entity::{
    ai_usage::Purpose,
    assistant::{self, Provider},
    ids::{ConversationId, MessageId},
    message::{self, AnswerAction, Audience, AuthorKind},
};
use futures_util::StreamExt;
use uuid::Uuid;

use super::generate;
use crate::{
    features::conversations::{self, Citation},
    kernel::{Ctx, Result},
    ports::ai::{Finish, Piece},
};

/// What an assistant would say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trial {
    /// The whole text; empty when its provider failed.
    pub(crate) text: String,
    /// What it rests on.
    pub(crate) citations: Vec<Citation>,
    /// What it is; absent when its provider failed.
    pub(crate) action: Option<AnswerAction>,
}

/// What an assistant would say to the first question of somebody.
pub(crate) async fn try_question(cx: &Ctx, assistant: &assistant::Model, question: &str) -> Result<Trial> {
    let history = [said(cx, assistant, question)];
    let conversation = conversations::blank(cx);
    let (mut prepared, mut reply) =
        Box::pin(generate::prepare(cx, Purpose::Evaluation, None, assistant, &conversation, &history)).await?;
    let (mut text, mut failed) = (String::new(), false);
    while let Some(piece) = reply.next().await {
        match piece {
            Ok(Piece::Text(more)) => text.push_str(&prepared.shown(&more)),
            Ok(Piece::Withdrawn) => {
                prepared.withdrawn();
                text.clear();
            }
            Ok(Piece::Done { finish, .. }) => {
                text.push_str(&prepared.rest());
                if finish == Finish::Stop
                    && let Some(closing) = prepared.closing(&text)
                {
                    text.push_str(&closing);
                }
                break;
            }
            Err(error) => {
                tracing::warn!(assistant.id = %assistant.id, error = %error, "a question that was tried was not answered");
                failed = true;
                break;
            }
        }
    }
    drop(reply);
    let tx = cx.begin().await?;
    prepared.account.book(&tx).await?;
    tx.commit().await?;
    // Where no model answers, visitors get the built-in answerer; for measuring a model that is a failure.
    let answerer = prepared.account.answerer();
    let stands_in = answerer.is_none_or(|answerer| answerer.provider == Provider::BuiltIn);
    if failed || stands_in && !prepared.account.attempts().is_empty() {
        return Ok(Trial::default());
    }
    let written = prepared.complete(text);
    Ok(Trial { text: written.text, citations: written.citations, action: Some(written.verdict.action) })
}

/// The question as a message of a conversation that is not there.
fn said(cx: &Ctx, assistant: &assistant::Model, question: &str) -> message::Model {
    message::Model {
        id: MessageId(Uuid::nil()),
        site_id: assistant.site_id,
        conversation_id: ConversationId(Uuid::nil()),
        seq: 1,
        author_kind: AuthorKind::Visitor,
        author_id: None,
        audience: Audience::Everyone,
        body: question.to_owned(),
        folded: String::new(),
        client_id: None,
        content_hash: None,
        run_id: None,
        citations: None,
        action: None,
        confidence: None,
        interrupted: false,
        created_at: cx.clock.now(),
        edited_at: None,
        deleted_at: None,
    }
}
