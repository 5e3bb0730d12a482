//! Every write on articles.
//!
//! What takes knowledge away (archiving, deleting, making it internal) is true for answers with its commit. What adds to
//! it is true once [`IndexArticle`] has worked out the vectors.

use ::entity::{
    article::{self, ArticleStatus},
    ids::{ArticleId, SiteId, UserId},
};
use async_graphql::MaybeUndefined;
use exact_index::text::fold;

use super::{
    facts::ArticleFact,
    jobs::IndexArticle,
    model::{self, ArticleChanges, NewArticle},
    store,
};
use crate::{
    features::{
        accounts,
        sites::{self, reach_in, reach_to},
    },
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Reach, Result, Tx, once, versions},
    ports::db::Db,
};

/// How often a slug is looked for that others take at the same moment.
const ATTEMPTS: usize = 20;

/// Where articles are read or written.
pub(super) struct Place {
    pub(super) site: SiteId,
    pub(super) reach: Reach,
    /// Articles that it holds at most.
    most: Option<u64>,
}

/// A site that the caller may read or write articles of or, without one, their private space, which the assistants of their
/// own answer from.
pub(super) async fn place(cx: &Ctx, permission: Permission, site: Option<SiteId>) -> Result<Place> {
    match site {
        Some(site) => Ok(Place { site, reach: reach_in(cx, permission, site)?, most: None }),
        None => {
            let reach = cx.reach(permission)?;
            let site = sites::personal(cx, accounts::signed_in(&cx.actor)?.user).await?;
            Ok(Place { site, reach, most: Some(model::MOST_OF_CUSTOMER) })
        }
    }
}

impl Place {
    /// Refuses one more article than it holds.
    async fn room_in(&self, tx: &Tx) -> Result<()> {
        match self.most {
            Some(most) if store::count_all(&tx.db(), self.site).await? >= most => Err(model::too_many(most)),
            Some(_) | None => Ok(()),
        }
    }
}

pub(super) async fn create(cx: &Ctx, place: &Place, new: NewArticle, once: &Once) -> Result<article::Model> {
    let mut tx = cx.begin().await?;
    let article = create_in(&mut tx, place, new, once).await?;
    tx.commit().await?;
    Ok(article)
}

/// Makes an article, or finds the one that was made before.
async fn create_in(tx: &mut Tx, place: &Place, new: NewArticle, once: &Once) -> Result<article::Model> {
    let (id, author) = (tx.cx().id(ArticleId), tx.cx().actor.user());
    match once.claim(tx, id.0).await? {
        Some(made) => once::again(store::find(&tx.db(), &place.reach, ArticleId(made)).await),
        None => {
            place.room_in(tx).await?;
            insert_as(tx, id, new, author).await
        }
    }
}

/// One of several articles that came out well, or why it did not.
pub(super) type Outcome = Result<article::Model>;

/// Makes the articles that can be made, in one transaction; each gets an answer, in their order.
pub(super) async fn create_many(
    cx: &Ctx,
    place: &Place,
    news: Vec<(Result<NewArticle>, Once)>,
) -> Result<Vec<Outcome>> {
    let mut tx = cx.begin().await?;
    let mut outcomes = Vec::with_capacity(news.len());
    for (new, once) in news {
        outcomes.push(match new {
            // No statement fails in these cases, so the transaction goes on.
            Ok(new) => match create_in(&mut tx, place, new, &once).await {
                Err(error) if matches!(error.reason, Some(ErrorReason::SlugTaken | ErrorReason::TooLong)) => {
                    once.release(&tx).await?;
                    Err(error)
                }
                Err(error) if error.field.as_deref() == Some(once::FIELD) => Err(error),
                other => Ok(other?),
            },
            Err(error) => Err(error),
        });
    }
    tx.commit().await?;
    Ok(outcomes)
}

/// Inserts an article as a draft.
///
/// # Errors
/// `CONFLICT` with `SLUG_TAKEN` when a slug was asked for that another article of the site has.
pub async fn insert_in(tx: &mut Tx, new: NewArticle, author_id: Option<UserId>) -> Result<article::Model> {
    let id = tx.cx().id(ArticleId);
    insert_as(tx, id, new, author_id).await
}

async fn insert_as(tx: &mut Tx, id: ArticleId, new: NewArticle, author_id: Option<UserId>) -> Result<article::Model> {
    let now = tx.cx().clock.now();
    let (asked, base) = (new.slug.is_some(), new.slug.unwrap_or_else(|| model::slug_of(&new.title)));
    let mut article = article::Model {
        id,
        site_id: new.site,
        author_id,
        title_folded: fold(&new.title),
        title: new.title,
        description: new.description,
        category_folded: new.category.as_deref().map(fold),
        category: new.category,
        slug: base.clone(),
        body: new.body,
        language: new.language,
        status: ArticleStatus::Draft,
        visibility: new.visibility,
        version: 1,
        indexed_version: None,
        index_revision: None,
        index_problem: None,
        views: 0,
        helpful: 0,
        unhelpful: 0,
        created_at: now,
        updated_at: now,
        published_at: None,
    };
    let mut attempts = 0;
    while !store::insert(&tx.db(), &article).await? {
        attempts += 1;
        let free = free_slug(&tx.db(), article.site_id, &base).await?;
        if asked || attempts > ATTEMPTS {
            return Err(model::slug_taken(&base, free));
        }
        article.slug = free;
    }
    store::insert_version(&tx.db(), &article).await?;
    store::set_tags(&tx.db(), &article, &new.tags).await?;
    tx.record(article.site_id, article.id.0, &ArticleFact::Created)?;
    Ok(article)
}

/// Changes an article.
///
/// # Errors
/// `BAD_USER_INPUT` naming the field and its limit; `CONFLICT` with `SLUG_TAKEN`, and with `VERSION_CONFLICT` when
/// somebody else was faster.
pub(super) async fn update(
    cx: &Ctx,
    id: ArticleId,
    expected: Option<i32>,
    changes: ArticleChanges,
) -> Result<article::Model> {
    let reach = writable(cx)?;
    let mut tx = cx.begin().await?;
    let mut article = find_own(&tx, &reach, id).await?;
    versions::check(article.version, expected)?;
    let before = store::tags(&tx.db(), vec![id]).await?.remove(&id).unwrap_or_default();
    let mut tags = before.clone();
    let changed = model::change(&mut article, &mut tags, changes)?;
    if changed.fields.is_empty() {
        return Ok(article);
    }
    article.updated_at = cx.clock.now();
    if changed.visibility && article.index_revision.is_some() {
        article.index_revision = Some(store::next_revision(&tx.db(), article.site_id).await?);
    }
    if let Err(error) = store::save(&tx.db(), &article).await {
        if !error.unique_violation() {
            return Err(error);
        }
        // The transaction has failed; what is free is asked outside.
        drop(tx);
        let free = free_slug(&cx.db(), article.site_id, &article.slug).await?;
        return Err(model::slug_taken(&article.slug, free));
    }
    if tags != before {
        store::set_tags(&tx.db(), &article, &tags).await?;
    }
    store::insert_version(&tx.db(), &article).await?;
    if article.status == ArticleStatus::Published && (changed.content || changed.visibility) {
        tx.enqueue(&IndexArticle::of(&article)).await?;
    }
    let fact = ArticleFact::Changed { version: article.version, fields: changed.fields };
    tx.record(article.site_id, id.0, &fact)?;
    tx.commit().await?;
    Ok(article)
}

/// Makes what an article said in an earlier version what it says now, as a new version.
pub(super) async fn restore(cx: &Ctx, id: ArticleId, version: i32) -> Result<article::Model> {
    let article = store::find(&cx.db(), &writable(cx)?, id).await?;
    model::may_change(&cx.actor, &article)?;
    let earlier = store::find_version(&cx.db(), id, version).await?;
    let (title, body) = (MaybeUndefined::Value(earlier.title), MaybeUndefined::Value(earlier.body));
    update(cx, id, None, ArticleChanges { title, body, ..ArticleChanges::default() }).await
}

/// Notes whether a published article helped the caller; once a reader, the last word counts. Without one it is taken back.
pub(super) async fn rate(cx: &Ctx, id: ArticleId, helpful: Option<bool>) -> Result<article::Model> {
    let reach = cx.reach(Permission::KnowledgeRate)?;
    let reader = reach.visitor().map(|(_, visitor)| visitor.0).or(cx.actor.user().map(|user| user.0));
    let reader = reader.ok_or_else(Error::forbidden)?;
    let mut tx = cx.begin().await?;
    let article = store::find_public_for_update(&tx.db(), &reach, id).await?;
    let before = store::lookup_rating(&tx.db(), id, reader).await?;
    if before == helpful {
        return Ok(article);
    }
    store::rate(&tx.db(), id, reader, helpful, cx.clock.now()).await?;
    tx.record(article.site_id, id.0, &ArticleFact::Rated { helpful })?;
    tx.commit().await?;
    Ok(article)
}

pub(super) async fn publish(cx: &Ctx, id: ArticleId) -> Result<article::Model> {
    let reach = writable(cx)?;
    let mut tx = cx.begin().await?;
    let article = find_own(&tx, &reach, id).await?;
    let article = publish_in(&mut tx, article).await?;
    tx.commit().await?;
    Ok(article)
}

/// Makes an article something to answer from, as soon as it is indexed.
///
/// # Errors
/// `CONFLICT` with `ARTICLE_STATE` when it is published already.
pub async fn publish_in(tx: &mut Tx, mut article: article::Model) -> Result<article::Model> {
    article.status = model::publish(article.status)?;
    let now = tx.cx().clock.now();
    (article.updated_at, article.published_at) = (now, Some(now));
    store::save(&tx.db(), &article).await?;
    tx.enqueue(&IndexArticle::of(&article)).await?;
    tx.record(article.site_id, article.id.0, &ArticleFact::Published { version: article.version })?;
    Ok(article)
}

pub(super) async fn archive(cx: &Ctx, id: ArticleId) -> Result<article::Model> {
    let reach = writable(cx)?;
    let mut tx = cx.begin().await?;
    let mut article = find_own(&tx, &reach, id).await?;
    article.status = model::archive(article.status)?;
    article.updated_at = cx.clock.now();
    forget(&mut tx, &mut article).await?;
    store::save(&tx.db(), &article).await?;
    tx.record(article.site_id, id.0, &ArticleFact::Archived)?;
    tx.commit().await?;
    Ok(article)
}

pub(super) async fn delete(cx: &Ctx, id: ArticleId) -> Result<article::Model> {
    let reach = writable(cx)?;
    let mut tx = cx.begin().await?;
    let mut article = find_own(&tx, &reach, id).await?;
    forget(&mut tx, &mut article).await?;
    store::delete(&tx.db(), id).await?;
    tx.record(article.site_id, id.0, &ArticleFact::Deleted)?;
    tx.commit().await?;
    Ok(article)
}

/// Takes an article out of the index; also out of a job's hands that is working on it.
async fn forget(tx: &mut Tx, article: &mut article::Model) -> Result<()> {
    if article.index_revision.is_none() {
        return Ok(());
    }
    store::delete_chunks(&tx.db(), article.id).await?;
    store::next_revision(&tx.db(), article.site_id).await?;
    (article.indexed_version, article.index_revision) = (None, None);
    tx.enqueue(&IndexArticle::of(article)).await
}

fn writable(cx: &Ctx) -> Result<Reach> {
    reach_to(cx, Permission::KnowledgeWrite, "article")
}

/// A slug like `base` that no article of the site has.
async fn free_slug(db: &Db<'_>, site: SiteId, base: &str) -> Result<String> {
    Ok(model::free_slug(base, &store::slugs_like(db, site, base).await?))
}

/// The article, locked, when the caller may change it.
async fn find_own(tx: &Tx, reach: &Reach, id: ArticleId) -> Result<article::Model, Error> {
    let article = store::find_for_update(&tx.db(), reach, id).await?;
    model::may_change(&tx.cx().actor, &article)?;
    Ok(article)
}
