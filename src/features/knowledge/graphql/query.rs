//! Questions about articles.

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    ids::{ArticleId, SiteId},
};
use async_graphql::{Context, InputObject, Object};

use super::types::{Article, ArticleMatch, PublishedArticle};
use crate::{
    features::{
        knowledge::{
            find,
            retrieve::{self, RetrieveOptions, Spread},
            store::{self, Wanted},
        },
        sites::{self, reach_in},
    },
    kernel::{
        Ctx, CtxExt, Error, ErrorReason, Permission, Result,
        page::{List, Paging, Place},
        text,
    },
};

/// Articles that a search shows when it is not told.
const DEFAULT: i32 = 5;
/// Most articles that a search shows.
const MAX: i32 = 20;
/// Characters that can be searched for.
const TEXT_MAX: usize = 500;
/// Closeness in meaning below which an article that shares no word is not shown.
const RELATED: f32 = 0.2;

/// Which articles to list; all that is left out is any.
#[derive(Default, InputObject)]
pub(in crate::features::knowledge) struct ArticleFilter {
    /// In this state.
    status: Option<ArticleStatus>,
    /// Written in this language, exactly as given to the article.
    language: Option<String>,
    /// For these readers.
    visibility: Option<Visibility>,
    /// With this in the title, in any case and with or without accents. Use `searchArticles` to search in texts.
    text: Option<String>,
}

/// Questions about the knowledge of a site.
#[derive(Default)]
pub struct KnowledgeQuery;

/// Questions about the knowledge of a site.
#[Object]
impl KnowledgeQuery {
    /// An article of a site you are a member of, in whatever state.
    async fn article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The article.")] article_id: ArticleId,
    ) -> Result<Article> {
        Ok(find(ctx.cx(), article_id).await?.into())
    }

    /// The articles of a site you are a member of, newest first.
    #[expect(clippy::too_many_arguments, reason = "the four arguments of a Relay list")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "Which of them; all without it.")] filter: Option<ArticleFilter>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<Article>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::KnowledgeRead, site_id)?;
        let filter = filter.unwrap_or_default();
        let text = text::maybe_line("filter.text", filter.text.as_deref(), TEXT_MAX)?;
        let ArticleFilter { status, language, visibility, .. } = filter;
        let wanted = Wanted { status, language, visibility, text };
        let page = store::list(&cx.db(), &reach, site_id, &wanted, &paging).await?;
        let place = |row: &article::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, Article::from, move || {
            let (cx, reach, wanted) = (cx.clone(), reach.clone(), wanted.clone());
            Box::pin(async move { store::count(&cx.db(), &reach, site_id, &wanted).await })
        }))
    }

    /// The articles of a site that anybody may read, last published first. Needs no sign-in.
    #[expect(clippy::too_many_arguments, reason = "the four arguments of a Relay list")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn public_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site's public key.")] site_key: String,
        #[graphql(desc = "Only those in this language, exactly as given to the article.")] language: Option<String>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<PublishedArticle>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let site = sites::by_key(&cx.db(), &site_key).await?.id;
        let page = store::list_public(&cx.db(), site, language.as_deref(), &paging).await?;
        let place = |row: &article::Model| Place(row.published_at.map_or(0, |at| at.timestamp_micros()), row.id.0);
        Ok(page.connect(place, PublishedArticle::from, move || {
            let (cx, language) = (cx.clone(), language.clone());
            Box::pin(async move { store::count_public(&cx.db(), site, language.as_deref()).await })
        }))
    }

    /// One article of a site that anybody may read. Needs no sign-in.
    async fn public_article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site's public key.")] site_key: String,
        #[graphql(desc = "The article's slug.")] slug: String,
    ) -> Result<PublishedArticle> {
        let cx = ctx.cx();
        let site = sites::by_key(&cx.db(), &site_key).await?;
        Ok(store::find_public(&cx.db(), site.id, &slug).await?.into())
    }

    /// Searches published articles by meaning and by words, across languages, best first. Give `siteId` as a member of
    /// the site to search internal ones, too, and to see scores; give `siteKey` to search, without signing in, what
    /// anybody may read. A just published article is found once it is indexed, seconds later.
    #[graphql(complexity = "50 + first.unwrap_or(5).clamp(1, 20) as usize * child_complexity")]
    async fn search_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site, for its members. Not together with `siteKey`.")] site_id: Option<SiteId>,
        #[graphql(desc = "The site's public key, for everybody. Not together with `siteId`.")] site_key: Option<String>,
        #[graphql(desc = "What to look for: a question or words, up to 500 characters.")] text: String,
        #[graphql(desc = "How many to show, 1 to 20; 5 without it.")] first: Option<i32>,
    ) -> Result<Vec<ArticleMatch>> {
        let cx = ctx.cx();
        let text = text::body("text", &text, TEXT_MAX)?;
        let limit = check_first(first)?;
        let (site, is_staff) = searched(cx, site_id, site_key.as_deref()).await?;
        let options = RetrieveOptions { public_only: !is_staff, limit };
        let (found, mut articles) = retrieve::find(cx, site, &text, options, Spread::Articles).await?;
        let related = found.passages.into_iter().filter(|source| source.dense >= RELATED || source.lexical > 0.0);
        let shown =
            related.filter_map(|source| Some(ArticleMatch::new(articles.remove(&source.article)?, source, is_staff)));
        Ok(shown.collect())
    }
}

/// The site to search, and whether the caller searches it as a member.
async fn searched(cx: &Ctx, id: Option<SiteId>, key: Option<&str>) -> Result<(SiteId, bool)> {
    match (id, key) {
        (Some(id), None) => {
            reach_in(cx, Permission::KnowledgeRead, id)?;
            Ok((id, true))
        }
        (None, Some(key)) => Ok((sites::by_key(&cx.db(), key).await?.id, false)),
        (Some(_), Some(_)) | (None, None) => {
            Err(Error::bad_input("siteId", ErrorReason::InvalidCombination, "Give either `siteId` or `siteKey`."))
        }
    }
}

fn check_first(first: Option<i32>) -> Result<usize> {
    let first = first.unwrap_or(DEFAULT);
    usize::try_from(first).ok().filter(|_| (1..=MAX).contains(&first)).ok_or_else(|| {
        let message = format!("`first` is {first}; a search shows between 1 and {MAX} articles.");
        Error::bad_input("first", ErrorReason::OutOfRange, message)
    })
}
