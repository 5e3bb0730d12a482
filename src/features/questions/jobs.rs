//! Finding out what a question means, outside any transaction; the [`reader`](super::reader) then groups it.

use ::entity::{chunk::pack_vectors, ids::QuestionExampleId};
use serde::{Deserialize, Serialize};

use super::{facts::QuestionFact, store};
use crate::kernel::{
    Ctx, Result,
    jobs::{Failure, Job},
};

/// Works out the vector of an unanswered question.
#[derive(Debug, Serialize, Deserialize)]
pub struct EmbedQuestion {
    pub(super) example: QuestionExampleId,
}

impl Job for EmbedQuestion {
    const KIND: &'static str = "questions.embed";

    async fn run(self, cx: Ctx) -> Result<(), Failure> {
        Ok(embed(&cx, self.example).await?)
    }
}

async fn embed(cx: &Ctx, id: QuestionExampleId) -> Result<()> {
    // Gone with its conversation, or done already.
    let Some(row) = store::lookup_example(&cx.db(), id).await?.filter(|row| row.vector.is_none()) else {
        return Ok(());
    };
    let vector = cx.embeddings.query(&row.text).await?;
    let mut tx = cx.begin().await?;
    if store::set_vector(&tx.db(), id, cx.embeddings.model(), pack_vectors(&[vector.to_vec()])).await? {
        tx.record(row.site_id, id.0, &QuestionFact::Embedded { example: id })?;
        tx.commit().await?;
    }
    Ok(())
}
