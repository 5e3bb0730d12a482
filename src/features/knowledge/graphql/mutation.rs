//! Changes to articles.

use ::entity::{
    article::Visibility,
    ids::{ArticleId, SiteId},
};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use uuid::Uuid;

use super::types::{Article, ItemError};
use crate::{
    features::knowledge::{
        actions,
        model::{ArticleChanges, Details, NewArticle},
    },
    kernel::{CtxExt, Error, ErrorReason, Once, Permission, Result},
};

/// Most articles that are made at once.
const MANY: usize = 100;

/// A new article.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct CreateArticleInput {
    /// The site it belongs to. Left out: an article of your own, which your own assistants answer from.
    site_id: Option<SiteId>,
    /// What it is about, in one line of up to 500 characters. Answers are found by it, too.
    title: String,
    /// The text in Markdown, up to 200,000 characters. One topic an article, a heading a section.
    body: String,
    /// The language it is written in, like `tr` or `en-GB`.
    language: String,
    /// Its name in addresses: up to 100 letters a to z, digits and single hyphens. Made from the title without it.
    slug: Option<String>,
    /// For whom it is; visitors are answered from public articles only.
    #[graphql(default_with = "Visibility::Public")]
    visibility: Visibility,
    /// What search engines and lists show, up to 500 characters in one line.
    description: Option<String>,
    /// What it is sorted under, up to 100 characters.
    category: Option<String>,
    /// Up to 20 words to find it by, of up to 50 characters each.
    #[graphql(default)]
    tags: Vec<String>,
    /// Your own id of the article, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same article and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

impl CreateArticleInput {
    fn check(self, site: SiteId) -> Result<NewArticle> {
        let Self { site_id: _, title, body, language, slug, visibility, description, category, tags, client_id: _ } =
            self;
        let details = Details { description: description.as_deref(), category: category.as_deref(), tags: &tags };
        NewArticle::check(site, &title, &body, &language, slug.as_deref(), visibility)?.with(&details)
    }
}

/// One of several new articles; see `CreateArticleInput`.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct NewArticleInput {
    /// What it is about, in one line of up to 500 characters.
    title: String,
    /// The text in Markdown, up to 200,000 characters.
    body: String,
    /// The language it is written in, like `tr` or `en-GB`.
    language: String,
    /// Its name in addresses: up to 100 letters a to z, digits and single hyphens. Made from the title without it.
    slug: Option<String>,
    /// For whom it is; visitors are answered from public articles only.
    #[graphql(default_with = "Visibility::Public")]
    visibility: Visibility,
    /// What search engines and lists show, up to 500 characters in one line.
    description: Option<String>,
    /// What it is sorted under, up to 100 characters.
    category: Option<String>,
    /// Up to 20 words to find it by, of up to 50 characters each.
    #[graphql(default)]
    tags: Vec<String>,
    /// Your own id of the article, a UUID you make: sending it again within 7 days, for example after a lost
    /// connection, gives the same article and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

impl NewArticleInput {
    fn into_input(self, site_id: Option<SiteId>) -> CreateArticleInput {
        let Self { title, body, language, slug, visibility, description, category, tags, client_id } = self;
        CreateArticleInput { site_id, title, body, language, slug, visibility, description, category, tags, client_id }
    }
}

/// Several new articles.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct CreateArticlesInput {
    /// The site they belong to. Left out: articles of your own, which your own assistants answer from.
    site_id: Option<SiteId>,
    /// The articles, 1 to 100.
    articles: Vec<NewArticleInput>,
}

/// What to change of an article. What is left out stays; null clears description, category and tags and is refused for
/// all else.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct UpdateArticleInput {
    /// The article.
    article_id: ArticleId,
    /// A new title, up to 500 characters. The slug stays.
    title: MaybeUndefined<String>,
    /// A new text in Markdown, up to 200,000 characters.
    body: MaybeUndefined<String>,
    /// The language it is written in, like `tr` or `en-GB`.
    language: MaybeUndefined<String>,
    /// A new name in addresses; the old one leads nowhere then.
    slug: MaybeUndefined<String>,
    /// For whom it is. Made internal, it is out of answers to visitors at once.
    visibility: MaybeUndefined<Visibility>,
    /// What search engines and lists show, up to 500 characters in one line; null for none.
    description: MaybeUndefined<String>,
    /// What it is sorted under, up to 100 characters; null for nothing.
    category: MaybeUndefined<String>,
    /// The whole new list of tags, up to 20 of up to 50 characters each; null or an empty list for none.
    tags: MaybeUndefined<Vec<String>>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when anything that can be changed here has changed
    /// since; without it, the last change counts.
    expected_version: Option<i32>,
}

/// Which version to bring back.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct RestoreArticleVersionInput {
    /// The article.
    article_id: ArticleId,
    /// The version whose title and text become those of a new version.
    version: i32,
}

/// Whether an article helped.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct RateArticleInput {
    /// The article, one that anybody may read.
    article_id: ArticleId,
    /// True when it helped. Null takes an earlier rating back.
    helpful: Option<bool>,
}

/// Which article to publish.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct PublishArticleInput {
    /// The article.
    article_id: ArticleId,
}

/// Which article to put away.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct ArchiveArticleInput {
    /// The article.
    article_id: ArticleId,
}

/// Which article to delete.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct DeleteArticleInput {
    /// The article.
    article_id: ArticleId,
}

/// The article that was made.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct CreateArticlePayload {
    /// The new article, a draft.
    article: Article,
}

/// What came of several new articles.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct CreateArticlesPayload {
    /// One for each article that was given, in their order.
    results: Vec<NewArticleResult>,
    /// How many were made.
    created_count: i32,
}

/// What came of one of several new articles.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct NewArticleResult {
    /// Its place among those given, from 0.
    index: i32,
    /// The new article, a draft. Null when it was refused.
    article: Option<Article>,
    /// Why it was refused. Null when it was made.
    error: Option<ItemError>,
}

/// The article that an earlier version was brought back of.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct RestoreArticleVersionPayload {
    /// The article as it is now.
    article: Article,
}

/// What the caller says of an article.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct RateArticlePayload {
    /// The article.
    article_id: ArticleId,
    /// What is noted now. Null for nothing.
    helpful: Option<bool>,
}

/// The article that was changed.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct UpdateArticlePayload {
    /// The article as it is now.
    article: Article,
}

/// The article that was published.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct PublishArticlePayload {
    /// The article as it is now.
    article: Article,
}

/// The article that was put away.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct ArchiveArticlePayload {
    /// The article as it is now.
    article: Article,
}

/// The article that was deleted.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct DeleteArticlePayload {
    /// The id of what is gone.
    article_id: ArticleId,
}

/// Changes to the knowledge of a site, and to articles of one's own. Agents change the articles they wrote, admins all of
/// them.
#[derive(Default)]
pub(super) struct ArticlesMutation;

/// Changes to the knowledge of a site, and to articles of one's own. Agents change the articles they wrote, admins all of
/// them.
#[Object]
impl ArticlesMutation {
    /// Makes an article, as a draft: for members of the site or, without one, for yourself; an account has at most 100
    /// articles of its own. Refused with `SLUG_TAKEN` when a slug was asked for that
    /// another article of the site has; one made from the title is numbered instead.
    async fn create_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new article.")] input: CreateArticleInput,
    ) -> Result<CreateArticlePayload> {
        let once = Once::new(ctx.cx(), "createArticle", input.client_id, &input);
        let place = actions::place(ctx.cx(), Permission::KnowledgeWrite, input.site_id).await?;
        let new = input.check(place.site)?;
        Ok(CreateArticlePayload { article: actions::create(ctx.cx(), &place, new, &once).await?.into() })
    }

    /// Makes up to 100 articles at once, as drafts: for members of the site or, without one, for yourself. Those that are fine are made; each of the
    /// others comes with its error, whose `field` names the item: `input.articles.3.title`.
    #[graphql(complexity = "100 + child_complexity")]
    async fn create_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new articles.")] input: CreateArticlesInput,
    ) -> Result<CreateArticlesPayload> {
        let CreateArticlesInput { site_id, articles } = input;
        if !(1..=MANY).contains(&articles.len()) {
            let message = format!("`input.articles` has {} articles; give 1 to {MANY}.", articles.len());
            return Err(Error::bad_input("input.articles", ErrorReason::OutOfRange, message));
        }
        let place = actions::place(ctx.cx(), Permission::KnowledgeWrite, site_id).await?;
        let news = articles.into_iter().map(|article| {
            let input = article.into_input(site_id);
            let once = Once::new(ctx.cx(), "createArticles", input.client_id, &input);
            (input.check(place.site), once)
        });
        let outcomes = actions::create_many(ctx.cx(), &place, news.collect()).await?;
        let results: Vec<NewArticleResult> = (0..).zip(outcomes).map(NewArticleResult::from).collect();
        let created_count = results.iter().map(|result| i32::from(result.article.is_some())).sum();
        Ok(CreateArticlesPayload { results, created_count })
    }

    /// Changes an article. A published one is answered from in its new version as soon as that is indexed, until then in
    /// its previous one. Refused with `NOT_AUTHOR` for an agent who did not write it, with `SLUG_TAKEN` when another
    /// article of the site has the slug.
    async fn update_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateArticleInput,
    ) -> Result<UpdateArticlePayload> {
        let UpdateArticleInput {
            article_id,
            title,
            body,
            language,
            slug,
            visibility,
            description,
            category,
            tags,
            expected_version,
        } = input;
        let changes = ArticleChanges { title, body, language, slug, visibility, description, category, tags };
        let article = actions::update(ctx.cx(), article_id, expected_version, changes).await?;
        Ok(UpdateArticlePayload { article: article.into() })
    }

    /// Brings the title and the text of an earlier version back, as a new version; versions are never lost. Refused with
    /// `NOT_AUTHOR` for an agent who did not write the article.
    async fn restore_article_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which version.")] input: RestoreArticleVersionInput,
    ) -> Result<RestoreArticleVersionPayload> {
        let article = actions::restore(ctx.cx(), input.article_id, input.version).await?;
        Ok(RestoreArticleVersionPayload { article: article.into() })
    }

    /// Says whether an article helped. For visitors, of their site's public articles, and for everybody with an account.
    /// Each reader counts once; the last word counts.
    async fn rate_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The rating.")] input: RateArticleInput,
    ) -> Result<RateArticlePayload> {
        let RateArticleInput { article_id, helpful } = input;
        actions::rate(ctx.cx(), article_id, helpful).await?;
        Ok(RateArticlePayload { article_id, helpful })
    }

    /// Publishes a draft or an archived article. Answers are made from it as soon as it is indexed, seconds later:
    /// `indexedVersion` tells. Refused with `ARTICLE_STATE` when it is published already, with `NOT_AUTHOR` for an agent
    /// who did not write it.
    async fn publish_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which article.")] input: PublishArticleInput,
    ) -> Result<PublishArticlePayload> {
        Ok(PublishArticlePayload { article: actions::publish(ctx.cx(), input.article_id).await?.into() })
    }

    /// Puts an article away: it is kept, but no longer shown or answered from, at once. Refused with `ARTICLE_STATE`
    /// when it is archived already, with `NOT_AUTHOR` for an agent who did not write it.
    async fn archive_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which article.")] input: ArchiveArticleInput,
    ) -> Result<ArchiveArticlePayload> {
        Ok(ArchiveArticlePayload { article: actions::archive(ctx.cx(), input.article_id).await?.into() })
    }

    /// Deletes an article with all its versions; citations of it lead nowhere then. To keep it, archive it instead.
    /// Refused with `NOT_AUTHOR` for an agent who did not write it.
    async fn delete_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which article.")] input: DeleteArticleInput,
    ) -> Result<DeleteArticlePayload> {
        actions::delete(ctx.cx(), input.article_id).await?;
        Ok(DeleteArticlePayload { article_id: input.article_id })
    }
}

impl From<(i32, actions::Outcome)> for NewArticleResult {
    fn from((index, outcome): (i32, actions::Outcome)) -> Self {
        match outcome {
            Ok(article) => Self { index, article: Some(article.into()), error: None },
            Err(error) => {
                let error = error.moved("input", &format!("input.articles[{index}]"));
                Self { index, article: None, error: Some(error.into()) }
            }
        }
    }
}
