//! Finding out what a question means, outside any transaction; the [`reader`](super::reader) then groups it.

use ::entity::{chunk::pack_vectors, ids::QuestionExampleId};
use serde::{Deserialize, Serialize};

use super::{facts::QuestionFact, reader, store};
use crate::kernel::{
    Ctx, Result, Tx,
    error::ErrorCode,
    jobs::{Failure, Job, Lane, Lease},
};

/// Works out the vector of an unanswered question.
#[derive(Debug, Serialize, Deserialize)]
pub struct EmbedQuestion {
    pub(super) example: QuestionExampleId,
}

impl Job for EmbedQuestion {
    const KIND: &'static str = "questions.embed";
    const LANE: Lane = Lane::Background;

    fn key(&self) -> Option<String> {
        Some(self.example.to_string())
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        match embed(&cx, self.example).await {
            Err(error) if error.code == ErrorCode::Unavailable => Err(Failure::Later(error)),
            other => Ok(other?),
        }
    }

    async fn failed(self, tx: &mut Tx) -> Result<()> {
        reader::leave_alone(tx, self.example).await
    }
}

async fn embed(cx: &Ctx, id: QuestionExampleId) -> Result<()> {
    // Gone with its conversation, or done already.
    let Some(row) = store::lookup_example(&cx.db(), id).await?.filter(|row| row.vector.is_none()) else {
        return Ok(());
    };
    let vector = cx.embeddings.query_in_background(&row.text).await?;
    let mut tx = cx.begin().await?;
    if store::set_vector(&tx.db(), id, cx.embeddings.model(), pack_vectors(&[vector.to_vec()])).await? {
        tx.record(row.site_id, id.0, &QuestionFact::Embedded { example: id })?;
        tx.commit().await?;
    }
    Ok(())
}
