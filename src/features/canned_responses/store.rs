//! Queries on canned responses. A person sees the site's and their own.

use ::entity::{
    canned_response::{self, Column, Entity},
    ids::{CannedResponseId, SiteId, UserId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    Select,
    sea_query::{Expr, LikeExpr},
};

use super::model::Search;
use crate::{
    kernel::{
        Error, Reach, Result,
        page::{Page, Paging},
    },
    ports::db::{Db, beginning, containing, for_update},
};

fn seen(reach: &Reach, user: UserId) -> Select<Entity> {
    let own_or_shared = Condition::any().add(Column::OwnerId.is_null()).add(Column::OwnerId.eq(user));
    Entity::find().filter(reach.site_rows(Column::SiteId)).filter(own_or_shared)
}

fn like(column: Column, pattern: LikeExpr) -> Expr {
    Expr::col((Entity, column)).like(pattern)
}

fn wanted(reach: &Reach, user: UserId, site: SiteId, search: Option<&Search>) -> Select<Entity> {
    let begins = |text: &str| like(Column::ShortcutFolded, beginning(text));
    let found = search.map(|search| match search {
        Search::Shortcut(text) => Condition::all().add(begins(text)),
        Search::Words { begins: text, words } => {
            let has = |word: &String| like(Column::Folded, containing(word));
            let all = words.iter().fold(Condition::all(), |all, word| all.add(has(word)));
            Condition::any().add(begins(text)).add(all)
        }
    });
    seen(reach, user).filter(Column::SiteId.eq(site)).filter(Condition::all().add_option(found))
}

/// A page of them, most used first.
pub(super) async fn list(
    db: &Db<'_>,
    reach: &Reach,
    user: UserId,
    site: SiteId,
    search: Option<&Search>,
    paging: &Paging,
) -> Result<Page<canned_response::Model>> {
    paging.read(db, wanted(reach, user, site, search), (Column::Uses, Column::Id), true, Into::into).await
}

pub(super) async fn count(
    db: &Db<'_>,
    reach: &Reach,
    user: UserId,
    site: SiteId,
    search: Option<&Search>,
) -> Result<u64> {
    Ok(wanted(reach, user, site, search).count(db).await?)
}

pub(super) async fn find(
    db: &Db<'_>,
    reach: &Reach,
    user: UserId,
    id: CannedResponseId,
) -> Result<canned_response::Model> {
    let row = seen(reach, user).filter(Column::Id.eq(id)).one(db).await?;
    row.ok_or_else(|| Error::not_found("canned response"))
}

/// The same, locked until the transaction ends.
pub(super) async fn find_for_update(
    db: &Db<'_>,
    reach: &Reach,
    user: UserId,
    id: CannedResponseId,
) -> Result<canned_response::Model> {
    let row = for_update(seen(reach, user).filter(Column::Id.eq(id))).one(db).await?;
    row.ok_or_else(|| Error::not_found("canned response"))
}

/// Inserts one; `taken` when its shortcut is.
pub(super) async fn insert(db: &Db<'_>, row: canned_response::Model, taken: fn() -> Error) -> Result<()> {
    let inserted = Entity::insert(row.into_active_model()).exec_without_returning(db).await;
    inserted.map_err(|error| Error::from(error).or_taken(taken))?;
    Ok(())
}

/// Writes everything of one; `taken` when its shortcut is.
pub(super) async fn save(db: &Db<'_>, row: canned_response::Model, taken: fn() -> Error) -> Result<()> {
    let saved = row.into_active_model().reset_all().update(db).await;
    saved.map_err(|error| Error::from(error).or_taken(taken))?;
    Ok(())
}

pub(super) async fn delete(db: &Db<'_>, id: CannedResponseId) -> Result<()> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}
