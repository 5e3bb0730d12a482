//! Finding articles that answer something.

use ::entity::{ids::SiteId, knowledge_settings::Fusion};
use async_graphql::{Context, Object, SimpleObject};

use super::{
    query::PublishedArticleFilter,
    types::{ArticleMatch, PublishedArticle},
};
use crate::{
    features::{
        knowledge::{
            Source,
            fusion::Fuser,
            retrieve::{self, RetrieveOptions, Spread},
            store::Kind,
        },
        sites::{self, reach_in},
    },
    kernel::{Ctx, CtxExt, Error, ErrorReason, Permission, Result, quotas, text},
};

/// Articles that a search shows when it is not told, and most that it shows.
const SEARCHED: (i32, i32) = (5, 20);
/// Characters that can be searched for.
const TEXT_MAX: usize = 500;
/// Closeness in meaning below which an article that shares no word is not shown.
const RELATED: f32 = 0.2;

/// Articles that are suggested for a message, and most characters of one; what counts is its beginning.
const SUGGESTED: i32 = 3;
const DRAFT_MAX: usize = 20_000;
/// Letters and digits below which a draft says nothing.
const DRAFT_MIN: usize = 3;
/// Closeness in meaning, or share of words, that a suggestion needs: it comes unasked, so it must be closer than what is
/// searched for.
const FITTING: (f32, f32) = (0.3, 0.2);

/// Why a match has its score.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct MatchExplanation {
    /// How the legs were fused: the site's setting.
    fusion: Fusion,
    /// Text leg as found: share of the words searched for, weighted by rarity (BM25), that the passage covers, 0 to 1.
    text_raw: f64,
    /// Text leg as it was weighed, 0 to 1; divided by that of the best passage where the fusion does so.
    text_normalised: f64,
    /// What it was multiplied by.
    text_weight: f64,
    /// Vector leg as found: closeness in meaning, -1 to 1; about 0.0 to 0.2 for unrelated, 0.3 to 0.7 for related texts.
    vector_raw: f64,
    /// Vector leg as it was weighed, 0 to 1.
    vector_normalised: f64,
    /// What it was multiplied by.
    vector_weight: f64,
    /// The fused score; the threshold of the site is put on it.
    fused: f64,
    /// True when only words were compared, because the embedder or the vector index did not answer or is being rebuilt.
    words_only: bool,
}

impl MatchExplanation {
    fn new(fusion: Fusion, fuser: &Fuser, source: &Source, words_only: bool) -> Self {
        let legs = fuser.legs(source.dense, source.lexical);
        Self {
            fusion,
            text_raw: text::decimal(source.lexical),
            text_normalised: text::decimal(legs.text),
            text_weight: text::decimal(fuser.text_weight),
            vector_raw: text::decimal(source.dense),
            vector_normalised: text::decimal(legs.vector),
            vector_weight: text::decimal(fuser.vector_weight),
            fused: text::decimal(source.score),
            words_only,
        }
    }
}

/// Finding articles.
#[derive(Default)]
pub(super) struct SearchQuery;

/// Finding articles.
#[Object]
impl SearchQuery {
    /// Searches published articles by meaning and by words, across languages, best first. Give `siteId` as a member of
    /// the site to search internal ones, too, and to see scores; give `siteKey` to search, without signing in, what
    /// anybody may read. A just published article is found once it is indexed, seconds later. With `explain` admins of
    /// the site see how each score came about.
    #[expect(clippy::too_many_arguments, reason = "each says another thing of the search")]
    #[graphql(complexity = "50 + first.unwrap_or(5).clamp(1, 20) as usize * child_complexity")]
    async fn search_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site, for its members. Not together with `siteKey`.")] site_id: Option<SiteId>,
        #[graphql(desc = "The site's public key, for everybody. Not together with `siteId`.")] site_key: Option<String>,
        #[graphql(desc = "What to look for: a question or words, up to 500 characters.")] text: String,
        #[graphql(desc = "Which of them; all without it.")] filter: Option<PublishedArticleFilter>,
        #[graphql(desc = "How many to show, 1 to 20; 5 without it.")] first: Option<i32>,
        #[graphql(default, desc = "Fill `explanation`. With `siteId`, for admins of the site.")] explain: bool,
    ) -> Result<Vec<ArticleMatch>> {
        let cx = ctx.cx();
        let text = text::body("text", &text, TEXT_MAX)?;
        let limit = check_first(first, SEARCHED)?;
        let (site, is_staff) = searched(cx, site_id, site_key.as_deref(), explain).await?;
        let expense = match cx.actor.user() {
            Some(person) if is_staff => quotas::SEARCHES_OF_PERSON.of(person),
            Some(_) | None => quotas::SEARCHES_FROM_ADDRESS.at(site, &cx.request),
        };
        quotas::spend(cx, &[expense]).await?;
        let options = RetrieveOptions { public_only: !is_staff, limit, language: None, home: None };
        let kind = Kind::from(filter.unwrap_or_default());
        let found = retrieve::find(cx, site, &text, options, Spread::Articles, &kind).await?;
        let (fuser, mut articles, words_only) = (found.fuser, found.articles, found.retrieved.words_only);
        let related = |source: &Source| source.dense >= RELATED || source.lexical > 0.0;
        let shown = found.retrieved.passages.into_iter().filter(related).filter_map(|source| {
            let explanation = explain.then(|| MatchExplanation::new(fuser.fusion, &fuser, &source, words_only));
            Some(ArticleMatch::new(articles.remove(&source.article)?, source, is_staff, explanation))
        });
        Ok(shown.collect())
    }

    /// Public articles that may answer what a visitor is writing, best first, at most 3; none is no failure. For
    /// visitors, of their own site. Ask after a pause in typing: 30 times a minute are answered.
    #[graphql(complexity = "50 + first.unwrap_or(3).clamp(1, 3) as usize * child_complexity")]
    async fn suggest_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft as it stands; the first 2,000 characters count.")] text: String,
        #[graphql(desc = "How many to show, 1 to 3; 3 without it.")] first: Option<i32>,
    ) -> Result<Vec<PublishedArticle>> {
        let cx = ctx.cx();
        let (site, visitor) = cx.reach(Permission::KnowledgeSuggest)?.visitor().ok_or_else(Error::forbidden)?;
        let text = text::longer("text", &text, DRAFT_MAX)?;
        let limit = check_first(first, (SUGGESTED, SUGGESTED))?;
        if text.chars().filter(|c| c.is_alphanumeric()).take(DRAFT_MIN).count() < DRAFT_MIN {
            return Ok(vec![]);
        }
        let expenses =
            [quotas::SUGGESTIONS_OF_VISITOR.of(visitor), quotas::SEARCHES_FROM_ADDRESS.at(site, &cx.request)];
        quotas::spend(cx, &expenses).await?;
        let options = RetrieveOptions::public(limit);
        let mut found = retrieve::find(cx, site, &text, options, Spread::Articles, &Kind::default()).await?;
        let (close, worded) = FITTING;
        let fitting = |source: &Source| source.dense >= close || source.lexical >= worded;
        let shown = found.retrieved.passages.iter().filter(|source| fitting(source));
        Ok(shown.filter_map(|source| Some(found.articles.remove(&source.article)?.into())).collect())
    }
}

/// The site to search, and whether the caller searches it as a member.
async fn searched(cx: &Ctx, id: Option<SiteId>, key: Option<&str>, explain: bool) -> Result<(SiteId, bool)> {
    match (id, key) {
        (Some(id), None) => {
            let needed = if explain { Permission::KnowledgeManage } else { Permission::KnowledgeRead };
            reach_in(cx, needed, id)?;
            Ok((id, true))
        }
        (None, Some(_)) if explain => {
            let message = "Scores are explained to admins of a site: give `siteId` with `explain`.";
            Err(Error::bad_input("explain", ErrorReason::InvalidCombination, message))
        }
        (None, Some(key)) => Ok((sites::by_key(&cx.db(), key).await?.id, false)),
        (Some(_), Some(_)) | (None, None) => {
            Err(Error::bad_input("siteId", ErrorReason::InvalidCombination, "Give either `siteId` or `siteKey`."))
        }
    }
}

fn check_first(first: Option<i32>, (usual, most): (i32, i32)) -> Result<usize> {
    let first = first.unwrap_or(usual);
    usize::try_from(first).ok().filter(|_| (1..=most).contains(&first)).ok_or_else(|| {
        let message = format!("`first` is {first}; between 1 and {most} articles can be shown.");
        Error::bad_input("first", ErrorReason::OutOfRange, message)
    })
}
