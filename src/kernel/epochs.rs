//! Lives of the database: a backup that is put back begins another one.
//!
//! The journals then give out numbers again that they gave out before, to other lines. Who resumed with a cursor from before
//! would miss events without learning of it, so each journal has an epoch, which is part of every cursor: one of another
//! epoch leads to a gap. A new epoch begins by the command `yanit restored`, and by itself where the server sees
//! that the database is another one (its fingerprint) or that a journal went back.

use std::collections::HashMap;

use ::entity::{ids::SiteId, installation, journal_head, reader};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use super::{Ctx, Result, Tx};

/// The epoch of a journal that begins now.
pub fn at(now: DateTime<Utc>) -> i64 {
    now.timestamp()
}

/// Begins a new epoch when the database is not the one it was when a server last worked on it. The first server only
/// remembers which one it is.
pub async fn check(cx: &Ctx) -> Result<()> {
    let Some(now) = cx.database.fingerprint().await? else { return Ok(()) };
    let known = installation::Entity::find_by_id(installation::ONLY).one(&cx.db()).await?;
    match known {
        Some(known) if known.fingerprint == now => Ok(()),
        Some(_) => {
            tracing::warn!("the database was restored or moved: whoever follows events is told to fetch again");
            restored(cx).await
        }
        None => {
            let tx = cx.begin().await?;
            remember(&tx, now).await?;
            tx.commit().await?;
            Ok(())
        }
    }
}

/// A backup was put back: begins a new epoch of all journals.
pub async fn restored(cx: &Ctx) -> Result<()> {
    let fingerprint = cx.database.fingerprint().await?;
    let tx = cx.begin().await?;
    let next = Expr::col(journal_head::Column::Epoch).add(1);
    let now = Expr::value(at(cx.clock.now()));
    // Later than any before, whatever the clock says.
    let later = Expr::case(next.clone().gt(now.clone()), next).finally(now);
    journal_head::Entity::update_many().col_expr(journal_head::Column::Epoch, later.into()).exec(&tx.db()).await?;
    // A reader that has read more than there is would pass over what is written next.
    let heads = journal_head::Entity::find().all(&tx.db()).await?;
    let heads: HashMap<SiteId, i64> = heads.into_iter().map(|head| (head.site_id, head.seq)).collect();
    for row in reader::Entity::find().all(&tx.db()).await? {
        let head = heads.get(&row.site_id).copied().unwrap_or_default();
        if row.seq > head {
            reader::Entity::update_many()
                .col_expr(reader::Column::Seq, head.into())
                .filter(reader::Column::SiteId.eq(row.site_id))
                .filter(reader::Column::Name.eq(row.name))
                .exec(&tx.db())
                .await?;
        }
    }
    if let Some(fingerprint) = fingerprint {
        remember(&tx, fingerprint).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn remember(tx: &Tx, fingerprint: String) -> Result<()> {
    let row = installation::ActiveModel { id: Set(installation::ONLY), fingerprint: Set(fingerprint) };
    installation::Entity::insert(row)
        .on_conflict(
            OnConflict::column(installation::Column::Id).update_column(installation::Column::Fingerprint).to_owned(),
        )
        .exec_without_returning(&tx.db())
        .await?;
    Ok(())
}
