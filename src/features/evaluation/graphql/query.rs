//! Questions about golden questions and evaluations.

use ::entity::{
    evaluation,
    evaluation_gate::Gate,
    golden_question,
    ids::{ArticleId, AssistantId, EvaluationId},
};
use async_graphql::{Context, Object};
use futures_util::FutureExt;

use super::{
    super::{assistant_of, preview, store},
    types::{Evaluation, EvaluationSettings, GoldenQuestion, PublishEffect, PublishPreview},
};
use crate::{
    features::sites::reach_to,
    kernel::{
        CtxExt, Permission, Result,
        page::{List, Paging, Place},
    },
};

/// Questions about how assistants are measured.
#[derive(Default)]
pub struct EvaluationQuery;

#[Object]
impl EvaluationQuery {
    /// An assistant's golden questions, oldest first. For the admins of its site.
    #[expect(clippy::too_many_arguments, reason = "the four arguments of a Relay list")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn golden_questions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The assistant.")] assistant_id: AssistantId,
        #[graphql(desc = "Only those of this kind, exactly as it was given.")] kind: Option<String>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<GoldenQuestion>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let id = assistant_of(&cx, assistant_id).await?.id;
        let page = store::list_golden(&cx.db(), id, kind.as_deref(), &paging).await?;
        let place = |row: &golden_question::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, GoldenQuestion::from, move || {
            let (cx, kind) = (cx.clone(), kind.clone());
            async move { store::count_golden_of(&cx.db(), id, kind.as_deref()).await }.boxed()
        }))
    }

    /// An evaluation; ask again to see how it gets on. For the admins of the assistant's site.
    async fn evaluation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] evaluation_id: EvaluationId,
    ) -> Result<Evaluation> {
        let cx = ctx.cx();
        let reach = reach_to(cx, Permission::EvaluationsManage, "evaluation")?;
        Ok(store::find_run(&cx.db(), &reach, evaluation_id).await?.into())
    }

    /// The evaluations of an assistant, newest first. For the admins of its site.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn evaluations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The assistant.")] assistant_id: AssistantId,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<Evaluation>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let id = assistant_of(&cx, assistant_id).await?.id;
        let reach = cx.reach(Permission::EvaluationsManage)?;
        let page = store::list_runs(&cx.db(), &reach, id, &paging).await?;
        let place = |row: &evaluation::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, Evaluation::from, move || {
            let (cx, reach) = (cx.clone(), reach.clone());
            async move { store::count_runs(&cx.db(), &reach, id).await }.boxed()
        }))
    }

    /// Whether an assistant's golden questions are asked before an article is published: `WARN` unless it was switched
    /// off. For the admins of its site.
    async fn evaluation_gate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The assistant.")] assistant_id: AssistantId,
    ) -> Result<Gate> {
        let cx = ctx.cx();
        let assistant = assistant_of(cx, assistant_id).await?;
        Ok(store::gate(&cx.db(), &assistant).await?.gate)
    }

    /// How an assistant is measured by its golden questions. For the admins of its site.
    async fn evaluation_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The assistant.")] assistant_id: AssistantId,
    ) -> Result<EvaluationSettings> {
        let cx = ctx.cx();
        let assistant = assistant_of(cx, assistant_id).await?;
        Ok(store::gate(&cx.db(), &assistant).await?.into())
    }

    /// What publishing an article as it is now would do to the golden questions of the site's assistants. Tried on a
    /// copy: nothing of it can be found on the site, and `publishArticle` is not kept from anything. Of an assistant
    /// whose answers a model writes only retrieval is measured: the expected article among the first three. For admins
    /// of the site.
    #[graphql(complexity = "500 + 10 * child_complexity")]
    async fn preview_publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The article.")] article_id: ArticleId,
    ) -> Result<PublishPreview> {
        let found = Box::pin(preview::preview(ctx.cx(), article_id)).await?;
        let mut shown = PublishPreview { asked: found.asked, worse: vec![], better: vec![] };
        for change in found.changes {
            let effect = PublishEffect { assistant_id: change.assistant.id, golden_question: change.golden.into() };
            if change.better { shown.better.push(effect) } else { shown.worse.push(effect) }
        }
        Ok(shown)
    }
}
