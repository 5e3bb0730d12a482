//! Doing something about unanswered questions.

use ::entity::ids::QuestionGroupId;
use async_graphql::{Context, InputObject, Object, SimpleObject};
use uuid::Uuid;

use super::{
    super::{actions, propose},
    types::QuestionGroup,
};
use crate::{
    features::knowledge::Article,
    kernel::{CtxExt, Once, Result},
};

/// From what to make an article.
#[derive(Debug, InputObject)]
struct ProposeArticleInput {
    /// The group of questions it is to answer.
    group_id: QuestionGroupId,
    /// Your own id of the draft, a UUID you make: sending it again within 7 days, for example after a lost connection, gives
    /// the same draft, whatever became of the group. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// A draft that may answer questions.
#[derive(SimpleObject)]
struct ProposeArticlePayload {
    /// The draft: check it, change it, publish it.
    article: Article,
    /// The group it is made from.
    group: QuestionGroup,
    /// True when it is new, false when the group had one already.
    created: bool,
}

/// What needs no article.
#[derive(Debug, InputObject)]
struct DismissUnansweredQuestionsInput {
    /// The groups, 1 to 100.
    group_ids: Vec<QuestionGroupId>,
}

/// What was dismissed.
#[derive(SimpleObject)]
struct DismissUnansweredQuestionsPayload {
    /// The groups as they are now.
    groups: Vec<QuestionGroup>,
}

/// Doing something about unanswered questions.
#[derive(Default)]
pub struct QuestionsMutation;

#[Object]
impl QuestionsMutation {
    /// Makes a draft article from a group of questions: its title is the question, its text what agents replied where it
    /// was asked, without personal data (written by the model of the site's first assistant that has one, otherwise as it
    /// was said). For those who may write articles; the draft is theirs. Publishing it resolves the group.
    async fn propose_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From what.")] input: ProposeArticleInput,
    ) -> Result<ProposeArticlePayload> {
        let once = Once::new(ctx.cx(), "proposeArticle", input.client_id, &input);
        let made = Box::pin(propose::propose(ctx.cx(), input.group_id, &once)).await?;
        Ok(ProposeArticlePayload { article: made.article.into(), group: made.group.into(), created: made.created })
    }

    /// Says that groups of questions need no article. They stay so when they are asked again. For those who may write
    /// articles; all groups or none.
    async fn dismiss_unanswered_questions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which groups.")] input: DismissUnansweredQuestionsInput,
    ) -> Result<DismissUnansweredQuestionsPayload> {
        let rows = actions::dismiss(ctx.cx(), input.group_ids).await?;
        Ok(DismissUnansweredQuestionsPayload { groups: rows.into_iter().map(QuestionGroup::from).collect() })
    }
}
