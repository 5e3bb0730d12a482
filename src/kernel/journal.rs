//! What happened in a site, in order, and how to follow it.
//!
//! The bus only wakes; the journal speaks. A follower listens first, then reads what stands after its cursor, then waits
//! for a hint and reads again. Many hints are one reason to read; lost ones are found out by [`heads`].

use std::{ops::Deref, sync::Arc};

use ::entity::{ids::SiteId, journal, journal_head};
use async_stream::try_stream;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

pub use super::cursor::Cursor;
use super::{Ctx, Error, Result, heads, position::Position};
use crate::ports::{
    bus::{Heard, Topic},
    db::Db,
};

/// Lines read at once.
const BATCH: u64 = 200;
/// Lines removed at once.
const TRIMMED: u64 = 1_000;
/// How long a follower waits before it asks a database again that did not answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);
/// How often it asks before it gives up and ends the stream (the client resumes by its cursor).
const ATTEMPTS: u32 = 120;

/// A line, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    row: journal::Model,
    epoch: i64,
}

impl Line {
    /// Where it stands.
    pub fn cursor(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.row.seq }
    }
}

impl Deref for Line {
    type Target = journal::Model;

    fn deref(&self) -> &journal::Model {
        &self.row
    }
}

/// What to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything in the site.
    Site,
    /// What is about one thing.
    Subject(Uuid),
}

/// What a follower yields.
#[derive(Clone, Debug)]
pub enum Followed {
    /// Lines in order, as many as were there at once. Never empty.
    Lines(Vec<Line>),
    /// Lines between the two places are gone (or the journal was reset): refetch, then go on from `to`.
    Gap {
        /// The last place known to the follower.
        from: Cursor,
        /// Where the stream goes on.
        to: Cursor,
    },
    /// Everything that was missed has been yielded, and what happens from here on is heard. Once, before anything live.
    CaughtUp,
    /// Something passing: typing, a chunk of an answer. Only when asked for.
    Passed(Bytes),
    /// Something passing may have been lost. Only when passing payloads are asked for.
    Lagged,
}

/// The site's newest place.
pub async fn head(db: &Db<'_>, site: SiteId) -> Result<Cursor> {
    let head = head_row(db, site).await?;
    Ok(Cursor { epoch: head.epoch, seq: head.seq })
}

pub(super) async fn head_row(db: &Db<'_>, site: SiteId) -> Result<journal_head::Model> {
    journal_head::Entity::find_by_id(site).one(db).await?.ok_or_else(|| Error::not_found("site"))
}

/// Lines after a place, oldest first, at most `limit`; they are of the place's epoch.
pub async fn read(db: &Db<'_>, site: SiteId, scope: Scope, after: Cursor, limit: u64) -> Result<Vec<Line>> {
    let mut query = journal::Entity::find()
        .filter(journal::Column::SiteId.eq(site))
        .filter(journal::Column::Seq.gt(after.seq))
        .order_by_asc(journal::Column::Seq)
        .limit(limit);
    if let Scope::Subject(subject) = scope {
        query = query.filter(journal::Column::Subject.eq(subject));
    }
    let rows = query.all(db).await?;
    Ok(rows.into_iter().map(|row| Line { row, epoch: after.epoch }).collect())
}

/// Follows the journal from `after`, or from now on: first what was missed, then what happens, with no gap and no
/// double. With `passing`, passing payloads of that topic are yielded, too, in between.
///
/// A database that does not answer for a while delays the stream; it does not end it. What waits is small: reads have
/// their room on the heap only while they are under way, here and in what follows.
pub fn follow(
    cx: Ctx,
    site: SiteId,
    scope: Scope,
    after: Option<Cursor>,
    passing: Option<Topic>,
) -> impl Stream<Item = Result<Followed>> + Send + use<> {
    try_stream! {
        let wants_passing = passing.is_some();
        let mut topics = vec![match scope {
            Scope::Site => Topic::Site(site),
            Scope::Subject(subject) => Topic::Subject(subject),
        }];
        topics.extend(passing);
        // Listen first: what is committed from here on is either read below or wakes us.
        let mut hints = Box::pin(patiently(&cx, || heads::listen(&cx, site, &topics))).await?;
        let head = Box::pin(patiently(&cx, || head_row_of(&cx, site))).await?;
        let mut at = match after {
            None => Cursor { epoch: head.epoch, seq: head.seq },
            Some(Cursor::BEGINNING) => Cursor { epoch: head.epoch, seq: 0 },
            Some(after) => after,
        };
        if let Some(to) = gap(&head, at).filter(|_| after != Some(Cursor::BEGINNING)) {
            yield Followed::Gap { from: at, to };
            at = to;
        }
        let mut behind = at.seq < head.seq;
        let mut caught_up = false;
        let mut lagged = false;
        // A long replay may be overtaken by trimming, and whatever is read in several parts.
        let mut overtaken = false;
        loop {
            while behind {
                let mut lines = Box::pin(patiently(&cx, || read_of(&cx, site, scope, at))).await?;
                behind = lines.len() as u64 == BATCH;
                if std::mem::replace(&mut overtaken, behind) {
                    let head = Box::pin(patiently(&cx, || head_row_of(&cx, site))).await?;
                    if let Some(to) = gap(&head, at) {
                        yield Followed::Gap { from: at, to };
                        at = to;
                        lines.retain(|line| line.cursor() > to);
                    }
                }
                if let Some(last) = lines.last() {
                    at = last.cursor();
                    yield Followed::Lines(lines);
                }
            }
            if !std::mem::replace(&mut caught_up, true) {
                yield Followed::CaughtUp;
            }
            if std::mem::take(&mut lagged) {
                yield Followed::Lagged;
            }
            // Asked for more means that everything up to here has been told.
            if let Some(position) = &cx.position {
                position.told_to(at);
            }
            match hints.next().await {
                Heard::Woken => behind = true,
                Heard::Passed(payload) => yield Followed::Passed(payload),
                Heard::Lagged => {
                    (behind, lagged) = (true, wants_passing);
                    // So long that lines may have been trimmed before they were read, or is it another database?
                    let head = Box::pin(patiently(&cx, || head_row_of(&cx, site))).await?;
                    if let Some(to) = gap(&head, at).filter(|_| at.seq > 0) {
                        yield Followed::Gap { from: at, to };
                        at = to;
                    }
                }
            }
        }
    }
}

/// Where a follower goes on that cannot from its place: lines after it are gone, or it is of another epoch.
fn gap(head: &journal_head::Model, at: Cursor) -> Option<Cursor> {
    let place = |seq| Cursor { epoch: head.epoch, seq };
    match () {
        () if at.epoch != head.epoch || at.seq > head.seq => Some(place(head.seq)),
        () if at.seq < head.trimmed => Some(place(head.trimmed)),
        () => None,
    }
}

/// An event that stands at a place in the journal, or passes by.
pub trait Placed {
    /// Its place; `None` for what passes.
    fn place(&self) -> Option<Cursor>;
}

/// Notes the place of each event in the execution's position: the last step of every subscription that can be shared.
pub fn placed<E: Placed>(
    position: Option<Arc<Position>>,
    events: impl Stream<Item = Result<E>> + Send,
) -> impl Stream<Item = Result<E>> + Send {
    placed_at(position, events.map_ok(|event| (event.place(), event)))
}

/// The same for events whose own cursor is not their place, because several of them come of one line.
pub fn placed_at<E>(
    position: Option<Arc<Position>>,
    events: impl Stream<Item = Result<(Option<Cursor>, E)>> + Send,
) -> impl Stream<Item = Result<E>> + Send {
    events.map_ok(move |(place, event)| {
        if let Some(position) = &position {
            position.telling(place);
        }
        event
    })
}

/// Of several events that come of one line only the last has its cursor, the others that of the place before it: whoever
/// resumes after one of those is told all of the line's again, and misses none. Takes the cursors in order.
pub fn part_cursors<'a>(cursors: impl Iterator<Item = &'a mut Cursor>) {
    let mut cursors = cursors.peekable();
    while let Some(cursor) = cursors.next() {
        if cursors.peek().is_some_and(|next| **next == *cursor) {
            cursor.seq -= 1;
        }
    }
}

async fn head_row_of(cx: &Ctx, site: SiteId) -> Result<journal_head::Model> {
    head_row(&cx.db(), site).await
}

async fn read_of(cx: &Ctx, site: SiteId, scope: Scope, after: Cursor) -> Result<Vec<Line>> {
    read(&cx.db(), site, scope, after, BATCH).await
}

/// Repeats a read while the database does not answer.
async fn patiently<T, F: Future<Output = Result<T>>>(cx: &Ctx, read: impl Fn() -> F) -> Result<T> {
    let mut tries = 0;
    loop {
        match read().await {
            Err(error) if error.is_transient() && tries < ATTEMPTS => {
                tries += 1;
                if tries == 1 {
                    tracing::warn!(error = ?error, "a follower waits for the database");
                }
                // The machine's time, also in tests: this is about an outage, not about a rule.
                let _ = cx;
                tokio::time::sleep(PATIENCE).await;
            }
            other => return other,
        }
    }
}

/// Removes lines older than `before` and remembers how far, so that a follower with an older cursor is told of the gap.
/// Returns how many went.
pub async fn trim(cx: &Ctx, site: SiteId, before: chrono::DateTime<chrono::Utc>) -> Result<u64> {
    let mut gone = 0;
    // From the beginning, along the primary key, and in parts: nobody waits for a long transaction.
    loop {
        let oldest: Vec<(i64, chrono::DateTime<chrono::Utc>)> = journal::Entity::find()
            .select_only()
            .columns([journal::Column::Seq, journal::Column::At])
            .filter(journal::Column::SiteId.eq(site))
            .order_by_asc(journal::Column::Seq)
            .limit(TRIMMED)
            .into_tuple()
            .all(&cx.db())
            .await?;
        let old = oldest.iter().take_while(|(_, at)| *at < before).count();
        let Some((last, _)) = old.checked_sub(1).and_then(|last| oldest.get(last)) else { return Ok(gone) };
        let tx = cx.begin().await?;
        let deleted = journal::Entity::delete_many()
            .filter(journal::Column::SiteId.eq(site))
            .filter(journal::Column::Seq.lte(*last))
            .exec(&tx.db())
            .await?;
        journal_head::Entity::update_many()
            .col_expr(journal_head::Column::Trimmed, (*last).into())
            .filter(journal_head::Column::SiteId.eq(site))
            .exec(&tx.db())
            .await?;
        tx.commit().await?;
        gone += deleted.rows_affected;
        if old < oldest.len() || oldest.len() as u64 != TRIMMED {
            return Ok(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_event_of_a_line_stands_at_it() {
        let mut cursors: Vec<Cursor> = [4, 5, 5, 5, 7, 7].map(|seq| Cursor { epoch: 1, seq }).to_vec();
        part_cursors(cursors.iter_mut());
        assert_eq!(cursors.iter().map(|cursor| cursor.seq).collect::<Vec<_>>(), [4, 4, 4, 5, 6, 7]);
    }
}
