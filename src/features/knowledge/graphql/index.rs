//! How a site finds and uses its knowledge.

use ::entity::{
    article,
    ids::{ArticleId, SiteId},
    index_build,
    knowledge_settings::{self, Fusion},
};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    features::knowledge::{fusion::Changes, rebuild, settings},
    kernel::{CtxExt, Result},
};

/// How a site finds and uses its knowledge.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct KnowledgeSettings {
    /// The site.
    site_id: SiteId,
    /// How the scores of words and of meaning become one.
    fusion: Fusion,
    /// Weight of text with the fusion `CUSTOM`.
    text_weight: f64,
    /// Weight of meaning with the fusion `CUSTOM`.
    vector_weight: f64,
    /// Passages with a lower fused score are neither shown nor used in answers; 0 for none.
    min_score: f64,
    /// Most characters of passages that a model is given with a question.
    context_characters: i32,
    /// Grows by one with each change, 0 until the first; `updateKnowledgeSettings` takes it as `expectedVersion`.
    version: i32,
}

impl From<knowledge_settings::Model> for KnowledgeSettings {
    fn from(row: knowledge_settings::Model) -> Self {
        let knowledge_settings::Model {
            site_id,
            fusion,
            text_weight,
            vector_weight,
            min_score,
            context_characters,
            version,
        } = row;
        Self { site_id, fusion, text_weight, vector_weight, min_score, context_characters, version }
    }
}

/// What to change of the settings. What is left out stays; null brings the default back.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct UpdateKnowledgeSettingsInput {
    /// The site.
    site_id: SiteId,
    /// How the scores of words and of meaning become one; `MEASURED` by default.
    fusion: MaybeUndefined<Fusion>,
    /// Weight of text with the fusion `CUSTOM`, 0 to 1; 0.3 by default.
    text_weight: MaybeUndefined<f64>,
    /// Weight of meaning with the fusion `CUSTOM`, 0 to 1; 0.7 by default.
    vector_weight: MaybeUndefined<f64>,
    /// Lowest fused score of a passage that is used, 0 to 1; 0 by default.
    min_score: MaybeUndefined<f64>,
    /// Most characters of passages that a model is given with a question, 200 to 20,000; 1,500 by default.
    context_characters: MaybeUndefined<i32>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when somebody has changed the settings since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// The settings that were changed.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct UpdateKnowledgeSettingsPayload {
    /// The settings as they are now.
    settings: KnowledgeSettings,
}

/// What there is of a site's index: what answers are found by.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct KnowledgeIndex {
    /// The site.
    site_id: SiteId,
    /// The embedder that makes vectors now; its vectors do not compare with those of another.
    model: String,
    /// Numbers in its vectors. Null before it has first answered.
    dimension: Option<i32>,
    /// Published articles.
    articles: i32,
    /// Those of them that are searchable in their present version, by the present embedder.
    indexed: i32,
    /// Those that wait to be.
    pending: i32,
    /// True while something is being indexed or rebuilt.
    running: bool,
    /// True while words alone are compared: the embedder has changed and not everything is made anew yet, or the vector
    /// server is being filled or does not answer.
    words_only: bool,
    /// Published articles of which the embedder does not take everything, the 20 that were changed last.
    problems: Vec<IndexProblem>,
    /// The present or the last rebuild. Null when there never was one.
    rebuild: Option<IndexRebuild>,
}

/// An article of which the embedder does not take everything.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct IndexProblem {
    /// The article.
    article_id: ArticleId,
    /// Its title.
    title: String,
    /// What is not taken, and why.
    reason: String,
}

/// A rebuild of a site's index. Searches go on with what there is.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct IndexRebuild {
    /// Which one of the site: 1, 2, 3 …
    number: i64,
    /// Published articles when it began.
    total: i32,
    /// Articles that are done.
    done: i32,
    /// Articles that could not be indexed.
    failed: i32,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it ended. Null while it is under way.
    finished_at: Option<DateTime<Utc>>,
}

impl From<article::Model> for IndexProblem {
    fn from(row: article::Model) -> Self {
        Self { article_id: row.id, title: row.title, reason: row.index_problem.unwrap_or_default() }
    }
}

impl From<index_build::Model> for IndexRebuild {
    fn from(row: index_build::Model) -> Self {
        let index_build::Model { number, total, done, failed, started_at, finished_at, .. } = row;
        Self { number, total, done, failed, started_at, finished_at }
    }
}

impl KnowledgeIndex {
    fn new(site_id: SiteId, index: rebuild::Index) -> Self {
        let count = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        let rebuilds = index.build.as_ref().is_some_and(|build| build.finished_at.is_none());
        let pending = index.articles.saturating_sub(index.indexed);
        Self {
            site_id,
            model: index.model,
            dimension: index.dimension,
            articles: count(index.articles),
            indexed: count(index.indexed),
            pending: count(pending),
            running: pending > 0 || rebuilds,
            words_only: index.is_words_only,
            problems: index.problems.into_iter().map(IndexProblem::from).collect(),
            rebuild: index.build.map(IndexRebuild::from),
        }
    }
}

/// Which site's index to rebuild.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct RebuildIndexInput {
    /// The site.
    site_id: SiteId,
}

/// The rebuild that was ordered.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct RebuildIndexPayload {
    /// The rebuild, the one under way if there was one; `knowledgeIndex` shows how it comes along.
    rebuild: IndexRebuild,
}

/// Questions about a site's index and settings.
#[derive(Default)]
pub(super) struct IndexQuery;

/// Questions about a site's index and settings.
#[Object]
impl IndexQuery {
    /// What there is of the index of a site you are a member of, and how a rebuild comes along.
    async fn knowledge_index(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<KnowledgeIndex> {
        Ok(KnowledgeIndex::new(site_id, rebuild::read(ctx.cx(), site_id).await?))
    }

    /// How a site you are a member of finds and uses its knowledge.
    async fn knowledge_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
    ) -> Result<KnowledgeSettings> {
        Ok(settings::read(ctx.cx(), site_id).await?.into())
    }
}

/// Changes to a site's index and settings.
#[derive(Default)]
pub(super) struct IndexMutation;

/// Changes to a site's index and settings.
#[Object]
impl IndexMutation {
    /// Makes a site's index anew from its published articles, in the background; searches go on with what there is. Text
    /// that was embedded before costs nothing. One that is under way goes on. For the site's admins.
    async fn rebuild_index(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which site.")] input: RebuildIndexInput,
    ) -> Result<RebuildIndexPayload> {
        Ok(RebuildIndexPayload { rebuild: rebuild::order(ctx.cx(), input.site_id).await?.into() })
    }

    /// Changes how a site finds and uses its knowledge, from the next question on. For its admins.
    async fn update_knowledge_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateKnowledgeSettingsInput,
    ) -> Result<UpdateKnowledgeSettingsPayload> {
        let UpdateKnowledgeSettingsInput {
            site_id,
            fusion,
            text_weight,
            vector_weight,
            min_score,
            context_characters,
            expected_version,
        } = input;
        let changes = Changes { fusion, text_weight, vector_weight, min_score, context_characters };
        let settings = settings::update(ctx.cx(), site_id, expected_version, changes).await?;
        Ok(UpdateKnowledgeSettingsPayload { settings: settings.into() })
    }
}
