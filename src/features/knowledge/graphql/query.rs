//! Questions about articles.

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    ids::{ArticleId, SiteId, UserId},
};
use async_graphql::{Context, InputObject, Object};

use super::types::{Article, PublishedArticle};
use crate::{
    features::{
        knowledge::{
            actions::{self, Place},
            find,
            store::{self, Kind, Wanted},
            views,
        },
        sites,
    },
    kernel::{
        CtxExt, Permission, Result,
        page::{self, List, Paging},
        text,
    },
};

/// Characters that can be searched for.
const TEXT_MAX: usize = 500;

/// Which articles to list; all that is left out is any.
#[derive(Default, InputObject)]
pub(in crate::features::knowledge) struct ArticleFilter {
    /// In this state.
    status: Option<ArticleStatus>,
    /// Written in this language, exactly as given to the article.
    language: Option<String>,
    /// For these readers.
    visibility: Option<Visibility>,
    /// In this category, in any case and with or without accents.
    category: Option<String>,
    /// With this tag, in any case and with or without accents.
    tag: Option<String>,
    /// Written by this person.
    author_id: Option<UserId>,
    /// With this in the title, in any case and with or without accents. Use `searchArticles` to search in texts.
    text: Option<String>,
}

impl ArticleFilter {
    pub(super) fn check(self) -> Result<Wanted> {
        let Self { status, language, visibility, category, tag, author_id: author, text } = self;
        let text = text::maybe_line("filter.text", text.as_deref(), TEXT_MAX)?;
        Ok(Wanted { status, visibility, author, kind: Kind { language, category, tag }, text })
    }
}

/// Which of the articles that anybody may read; all that is left out is any.
#[derive(Default, InputObject)]
pub(in crate::features::knowledge) struct PublishedArticleFilter {
    /// Written in this language, exactly as given to the article.
    language: Option<String>,
    /// In this category, in any case and with or without accents.
    category: Option<String>,
    /// With this tag, in any case and with or without accents.
    tag: Option<String>,
}

impl From<PublishedArticleFilter> for Kind {
    fn from(filter: PublishedArticleFilter) -> Self {
        let PublishedArticleFilter { language, category, tag } = filter;
        Self { language, category, tag }
    }
}

/// Questions about the knowledge of a site.
#[derive(Default)]
pub(super) struct ArticlesQuery;

/// Questions about the knowledge of a site.
#[Object]
impl ArticlesQuery {
    /// An article of a site you are a member of, or of your own, in whatever state.
    async fn article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The article.")] article_id: ArticleId,
    ) -> Result<Article> {
        Ok(find(ctx.cx(), article_id).await?.into())
    }

    /// The articles of a site you are a member of or, without one, your own, newest first.
    #[expect(clippy::too_many_arguments, reason = "the four arguments of a Relay list")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site. Left out: articles of your own, which your own assistants answer from.")]
        site_id: Option<SiteId>,
        #[graphql(desc = "Which of them; all without it.")] filter: Option<ArticleFilter>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<Article>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let Place { site, reach, .. } = actions::place(&cx, Permission::KnowledgeRead, site_id).await?;
        let wanted = filter.unwrap_or_default().check()?;
        let page = store::list(&cx.db(), &reach, site, &wanted, &paging).await?;
        let place = |row: &article::Model| page::Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, Article::from, move || {
            let (cx, reach, wanted) = (cx.clone(), reach.clone(), wanted.clone());
            Box::pin(async move { store::count(&cx.db(), &reach, site, &wanted).await })
        }))
    }

    /// The articles of a site that anybody may read, last published first. Needs no sign-in.
    #[expect(clippy::too_many_arguments, reason = "the four arguments of a Relay list")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn public_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site's public key.")] site_key: String,
        #[graphql(desc = "Which of them; all without it.")] filter: Option<PublishedArticleFilter>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<PublishedArticle>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let site = sites::by_key(&cx.db(), &site_key).await?.id;
        let kind = Kind::from(filter.unwrap_or_default());
        let page = store::list_public(&cx.db(), site, &kind, &paging).await?;
        let place =
            |row: &article::Model| page::Place(row.published_at.map_or(0, |at| at.timestamp_micros()), row.id.0);
        Ok(page.connect(place, PublishedArticle::from, move || {
            let (cx, kind) = (cx.clone(), kind.clone());
            Box::pin(async move { store::count_public(&cx.db(), site, &kind).await })
        }))
    }

    /// One article of a site that anybody may read. Needs no sign-in. Counts as a view, once a reader and day.
    async fn public_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site's public key.")] site_key: String,
        #[graphql(desc = "The article's slug.")] slug: String,
    ) -> Result<PublishedArticle> {
        let cx = ctx.cx();
        let site = sites::by_key(&cx.db(), &site_key).await?;
        let article = store::find_public(&cx.db(), site.id, &slug).await?;
        views::opened(cx, &article).await;
        Ok(article.into())
    }
}
