//! Which questions were not answered.

use ::entity::{
    ids::SiteId,
    question_group::{self, QuestionStatus},
};
use async_graphql::{Context, InputObject, Object};
use futures_util::FutureExt;

use super::{
    super::store::{self, Wanted},
    types::QuestionGroup,
};
use crate::{
    features::sites::reach_in,
    kernel::{
        CtxExt, Permission, Result,
        page::{List, Paging, Place},
        text,
    },
};

/// Which groups to list; all that is left out is any.
#[derive(Default, InputObject)]
struct UnansweredQuestionsFilter {
    /// In this state.
    status: Option<QuestionStatus>,
    /// First asked in this language, `tr`, `en` or `de`.
    language: Option<String>,
}

/// Questions about unanswered questions.
#[derive(Default)]
pub struct QuestionsQuery;

#[Object]
impl QuestionsQuery {
    /// What assistants of a site could not answer, or answered to no help, grouped by meaning; asked last first. For
    /// members of the site. A question is in its group some seconds after it was asked.
    #[expect(clippy::too_many_arguments, reason = "the four arguments of a Relay list")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn unanswered_questions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "Which of them; all without it.")] filter: Option<UnansweredQuestionsFilter>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<QuestionGroup>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::KnowledgeRead, site_id)?;
        let UnansweredQuestionsFilter { status, language } = filter.unwrap_or_default();
        let language = language.map(|tag| text::language("filter.language", &tag)).transpose()?;
        let wanted = Wanted { status, language };
        let page = store::list(&cx.db(), &reach, site_id, &wanted, &paging).await?;
        let place = |row: &question_group::Model| Place(row.last_asked_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, QuestionGroup::from, move || {
            let (cx, reach, wanted) = (cx.clone(), reach.clone(), wanted.clone());
            async move { store::count(&cx.db(), &reach, site_id, &wanted).await }.boxed()
        }))
    }
}
