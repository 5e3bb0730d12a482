//! Changes to articles.

use ::entity::{
    article::Visibility,
    ids::{ArticleId, SiteId},
};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};

use super::types::Article;
use crate::{
    features::knowledge::{
        actions,
        model::{ArticleChanges, NewArticle},
    },
    kernel::{CtxExt, Result},
};

/// A new article.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct CreateArticleInput {
    /// The site it belongs to.
    site_id: SiteId,
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
}

/// What to change of an article. What is left out stays; nothing can be null.
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

/// Changes to the knowledge of a site. Agents change the articles they wrote, admins all of them.
#[derive(Default)]
pub struct KnowledgeMutation;

/// Changes to the knowledge of a site. Agents change the articles they wrote, admins all of them.
#[Object]
impl KnowledgeMutation {
    /// Makes an article, as a draft. For members of the site. Refused with `SLUG_TAKEN` when a slug was asked for that
    /// another article of the site has; one made from the title is numbered instead.
    async fn create_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new article.")] input: CreateArticleInput,
    ) -> Result<CreateArticlePayload> {
        let CreateArticleInput { site_id, title, body, language, slug, visibility } = input;
        let new = NewArticle::check(site_id, &title, &body, &language, slug.as_deref(), visibility)?;
        Ok(CreateArticlePayload { article: actions::create(ctx.cx(), new).await?.into() })
    }

    /// Changes an article. A published one is answered from in its new version as soon as that is indexed, until then in
    /// its previous one. Refused with `NOT_AUTHOR` for an agent who did not write it, with `SLUG_TAKEN` when another
    /// article of the site has the slug.
    async fn update_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateArticleInput,
    ) -> Result<UpdateArticlePayload> {
        let UpdateArticleInput { article_id, title, body, language, slug, visibility } = input;
        let changes = ArticleChanges { title, body, language, slug, visibility };
        Ok(UpdateArticlePayload { article: actions::update(ctx.cx(), article_id, changes).await?.into() })
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
