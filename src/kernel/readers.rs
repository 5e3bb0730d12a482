//! Readers: how a feature reacts to facts of an earlier one that must not know it.
//!
//! Each reader has a cursor per site. A batch of lines, what the reader writes because of it, and the moved cursor are
//! one transaction, so a line is answered exactly once, on whichever node. Lines that a reader does not want cost it one
//! read and no write: the cursor moves over them later.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use ::entity::{ids::SiteId, journal_head, reader};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, JoinType, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use super::{
    Ctx, Result, Tx,
    heads::Committed,
    journal::{self, Cursor, Line, Scope},
};
use crate::ports::{
    bus::{Heard, Topic},
    db::for_update,
};

/// Lines handed to a reader at once.
const BATCH: u64 = 200;
/// How often all sites are looked at without a hint.
const POLL: Duration = Duration::from_secs(5);

type React = Arc<dyn for<'a> Fn(&'a mut Tx, &'a [Line]) -> BoxFuture<'a, Result<()>> + Send + Sync>;

/// A named reader.
#[derive(Clone)]
pub struct Reader {
    name: &'static str,
    /// Only batches with a line that is wanted reach `react`.
    wants: fn(&Line) -> bool,
    react: React,
}

impl Reader {
    /// A reader of lines that it wants. Other lines may stand in the batch, too.
    pub fn new(
        name: &'static str,
        wants: fn(&Line) -> bool,
        react: impl for<'a> Fn(&'a mut Tx, &'a [Line]) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static,
    ) -> Self {
        Self { name, wants, react: Arc::new(react) }
    }
}

/// Reads until shutdown.
pub async fn run(cx: Ctx, readers: Vec<Reader>) {
    let mut hints = cx.bus.listen(&[Topic::Journal]);
    let stopping = cx.tasks.stopping();
    let mut hinted: BTreeSet<SiteId> = BTreeSet::new();
    let mut seen = Seen::default();
    let mut look_around = true;
    loop {
        if std::mem::take(&mut look_around) {
            match sites_behind(&cx, &readers).await {
                Ok(sites) => {
                    for site in sites {
                        report(site, catch_up(&cx, &readers, site).await);
                    }
                }
                Err(error) => tracing::warn!(error = ?error, "readers cannot see the journal"),
            }
            seen.clear();
        }
        while let Some(site) = hinted.pop_first() {
            for reader in &readers {
                report(site, look(&cx, reader, site, &mut seen).await);
            }
            if stopping.is_cancelled() {
                return;
            }
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            heard = hints.next() => match heard {
                Heard::Passed(told) => hinted.extend(Committed::read(&told).map(|committed| committed.site)),
                Heard::Woken | Heard::Lagged => look_around = true,
            },
            () = tokio::time::sleep(POLL) => look_around = true,
        }
        while let Some(heard) = hints.try_next() {
            match heard {
                Heard::Passed(told) => hinted.extend(Committed::read(&told).map(|committed| committed.site)),
                Heard::Woken | Heard::Lagged => look_around = true,
            }
        }
    }
}

/// Brings every reader of every site up to date. For commands and tests.
pub async fn drain(cx: &Ctx, readers: &[Reader]) -> Result<()> {
    for site in sites_behind(cx, readers).await? {
        catch_up(cx, readers, site).await?;
    }
    Ok(())
}

/// True while some reader has lines before it.
pub async fn behind(cx: &Ctx, readers: &[Reader]) -> Result<bool> {
    Ok(!sites_behind(cx, readers).await?.is_empty())
}

/// For each reader, how many lines it has before it in the site where it has most. Lines that it does not want count
/// until it has moved over them, some seconds later.
pub async fn lag(cx: &Ctx) -> Result<HashMap<String, i64>> {
    let lines = Expr::col((journal_head::Entity, journal_head::Column::Seq))
        .sub(Expr::col((reader::Entity, reader::Column::Seq)));
    let rows: Vec<(String, i64)> = reader::Entity::find()
        .select_only()
        .column(reader::Column::Name)
        .column_as(Expr::expr(lines).max(), "lines")
        .join(
            JoinType::InnerJoin,
            reader::Entity::belongs_to(journal_head::Entity)
                .from(reader::Column::SiteId)
                .to(journal_head::Column::SiteId)
                .into(),
        )
        .group_by(reader::Column::Name)
        .into_tuple()
        .all(&cx.db())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Readers count in one life of the database: what they have read is in it.
fn place_of(seq: i64) -> Cursor {
    Cursor { seq, ..Cursor::BEGINNING }
}

/// How far each reader has looked in a site without finding a line that it wants.
type Seen = HashMap<(&'static str, SiteId), i64>;

fn report(site: SiteId, outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(error = ?error, site.id = %site, "a reader failed; it will try again");
    }
}

/// Handles what is new in a site if the reader wants any of it.
async fn look(cx: &Ctx, reader: &Reader, site: SiteId, seen: &mut Seen) -> Result<()> {
    let place = (reader.name, site);
    let after = match seen.get(&place) {
        Some(after) => *after,
        None => {
            let row = reader::Entity::find_by_id((site, reader.name.to_owned())).one(&cx.db()).await?;
            row.map_or(0, |found| found.seq)
        }
    };
    let lines = journal::read(&cx.db(), site, Scope::Site, place_of(after), BATCH).await?;
    if lines.len() as u64 == BATCH || lines.iter().any(reader.wants) {
        seen.remove(&place);
        while step(cx, reader, site).await? {}
    } else if let Some(last) = lines.last() {
        seen.insert(place, last.seq);
    }
    Ok(())
}

async fn catch_up(cx: &Ctx, readers: &[Reader], site: SiteId) -> Result<()> {
    for reader in readers {
        while step(cx, reader, site).await? {}
    }
    Ok(())
}

/// Handles one batch. True when there may be more.
async fn step(cx: &Ctx, reader: &Reader, site: SiteId) -> Result<bool> {
    let mut tx = cx.begin().await?;
    let seq = lock(&tx, reader.name, site).await?;
    let lines = journal::read(&tx.db(), site, Scope::Site, place_of(seq), BATCH).await?;
    let Some(last) = lines.last() else { return Ok(false) };
    if lines.iter().any(reader.wants) {
        (reader.react)(&mut tx, &lines).await?;
    }
    reader::Entity::update_many()
        .col_expr(reader::Column::Seq, last.seq.into())
        .filter(reader::Column::SiteId.eq(site))
        .filter(reader::Column::Name.eq(reader.name))
        .exec(&tx.db())
        .await?;
    tx.commit().await?;
    Ok(lines.len() as u64 == BATCH)
}

/// Locks the reader's row (making it at its first use) and returns how far it has come.
async fn lock(tx: &Tx, name: &'static str, site: SiteId) -> Result<i64> {
    let row = for_update(reader::Entity::find_by_id((site, name.to_owned())));
    if let Some(found) = row.clone().one(&tx.db()).await? {
        return Ok(found.seq);
    }
    let fresh = reader::ActiveModel { site_id: Set(site), name: Set(name.to_owned()), seq: Set(0) };
    reader::Entity::insert(fresh)
        .on_conflict(OnConflict::columns([reader::Column::SiteId, reader::Column::Name]).do_nothing().to_owned())
        .exec_without_returning(&tx.db())
        .await?;
    Ok(row.one(&tx.db()).await?.map_or(0, |found| found.seq))
}

/// Sites in which some reader has not come to the end of the journal.
async fn sites_behind(cx: &Ctx, readers: &[Reader]) -> Result<Vec<SiteId>> {
    let mut sites = BTreeSet::new();
    for reader in readers {
        let name = reader.name;
        let rows: Vec<SiteId> = journal_head::Entity::find()
            .select_only()
            .column(journal_head::Column::SiteId)
            .join(
                JoinType::LeftJoin,
                journal_head::Entity::belongs_to(reader::Entity)
                    .from(journal_head::Column::SiteId)
                    .to(reader::Column::SiteId)
                    .on_condition(move |_, right| {
                        Condition::all().add(Expr::col((right, reader::Column::Name)).eq(name))
                    })
                    .into(),
            )
            .filter(
                Condition::any()
                    .add(
                        Expr::col((journal_head::Entity, journal_head::Column::Seq))
                            .gt(Expr::col((reader::Entity, reader::Column::Seq))),
                    )
                    .add(Condition::all().add(reader::Column::Seq.is_null()).add(journal_head::Column::Seq.gt(0))),
            )
            .into_tuple()
            .all(&cx.db())
            .await?;
        sites.extend(rows);
    }
    Ok(sites.into_iter().collect())
}
