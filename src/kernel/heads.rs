//! What this node was told of the journals that are followed on it, and how it finds out what it was not told.
//!
//! Whoever commits lines tells all nodes their numbers ([`Committed`]). The numbers of a site have no holes, so a node that
//! was told of all of them up to the head has missed nothing. A bus may lose everything, though, a node may die between
//! its commit and telling of it, and where there is no common bus nobody is told at all. So a node looks around: one
//! query reads the heads of all sites that are followed here, and where lines stand that nobody told of, those who
//! listen to what they are about are woken. Nothing is done for a follower who has missed nothing, however many there
//! are.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::entity::{ids::SiteId, journal, journal_head};
use bytes::Bytes;
use futures_util::future::Either;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Ctx, Result, epochs, journal::head_row};
use crate::ports::bus::{Bus, Heard, Listener, Topic};

/// How often a node looks for what it was not told, where nodes tell each other.
const LOOK: Duration = Duration::from_secs(30);
/// How often it does where they cannot: on PostgreSQL without Redis.
const LOOK_ALONE: Duration = Duration::from_secs(1);
/// For so long after a sign of another process that cannot tell, whoever listens to anything looks as often, too.
const COMPANY: Duration = Duration::from_secs(300);
/// How long a task waits that could not begin to listen.
const PATIENCE: Duration = Duration::from_secs(1);
/// Sites of one query.
const SITES: usize = 1_000;

/// Lines that were committed: all from the first to the last number belong to one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) site: SiteId,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Committed {
    /// Tells all nodes.
    pub(super) fn tell(self, bus: &Bus) {
        let mut payload = Vec::with_capacity(32);
        payload.extend_from_slice(self.site.0.as_bytes());
        payload.extend_from_slice(&self.first.to_be_bytes());
        payload.extend_from_slice(&self.last.to_be_bytes());
        bus.pass(&Topic::Journal, Bytes::from(payload));
    }

    /// What a node told; nothing where it speaks another way.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (site, numbers) = payload.split_at_checked(16)?;
        let (first, last) = numbers.split_at_checked(8)?;
        Some(Self {
            site: SiteId(Uuid::from_slice(site).ok()?),
            first: i64::from_be_bytes(first.try_into().ok()?),
            last: i64::from_be_bytes(last.try_into().ok()?),
        })
    }
}

/// The sites that are followed on this node.
#[derive(Default)]
struct Heads(Mutex<HashMap<SiteId, Head>>);

#[derive(Default)]
struct Head {
    /// How many listen.
    listeners: usize,
    /// The life of the database that `known` is about.
    epoch: i64,
    known: Known,
}

/// How far this node was told of a journal.
#[derive(Debug, Default)]
struct Known {
    /// All lines up to here; nothing before somebody has read the head.
    told: Option<i64>,
    /// Lines beyond, in pieces that came before what stands in front of them: last numbers by first ones.
    beyond: BTreeMap<i64, i64>,
}

impl Known {
    fn tell(&mut self, first: i64, last: i64) {
        match self.beyond.range_mut(..=first).next_back() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            Some(_) | None => {
                self.beyond.insert(first, last);
            }
        }
        let Some(told) = &mut self.told else { return };
        while let Some(piece) = self.beyond.first_entry().filter(|piece| *piece.key() <= *told + 1) {
            *told = piece.remove().max(*told);
        }
    }

    /// True when nobody told of the line.
    fn misses(&self, seq: i64) -> bool {
        let before = self.beyond.range(..=seq).next_back();
        self.told.is_some_and(|told| seq > told) && before.is_none_or(|(_, last)| seq > *last)
    }

    /// Everything up to here is known, whoever told of it.
    fn reach(&mut self, seq: i64) {
        let from = *self.told.get_or_insert(seq);
        self.tell(from.min(seq), seq);
    }
}

impl Heads {
    fn lock(&self) -> MutexGuard<'_, HashMap<SiteId, Head>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal goes on in another life of the database.
    fn renew(&self, row: &journal_head::Model) {
        if let Some(head) = self.lock().get_mut(&row.site_id) {
            (head.epoch, head.known) = (row.epoch, Known { told: Some(row.seq), beyond: BTreeMap::new() });
        }
    }

    fn hear(&self, payload: &[u8]) {
        if let Some(Committed { site, first, last }) = Committed::read(payload)
            && let Some(head) = self.lock().get_mut(&site)
        {
            head.known.tell(first, last);
        }
    }
}

/// Hears what happens in a site. Whatever gets lost on the way here is found out.
pub struct Hints {
    listener: Listener,
    heads: Arc<Heads>,
    site: SiteId,
}

impl Hints {
    /// Waits for the next signal. Cancel-safe: a dropped call has taken nothing.
    pub async fn next(&mut self) -> Heard {
        self.listener.next().await
    }

    /// The next signal, if there is one already.
    pub fn try_next(&mut self) -> Option<Heard> {
        self.listener.try_next()
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        let mut heads = self.heads.lock();
        if let Some(head) = heads.get_mut(&self.site) {
            head.listeners -= 1;
            if head.listeners == 0 {
                heads.remove(&self.site);
            }
        }
    }
}

/// Begins to listen to what happens in a site: what is committed after this returns is heard, within the time that a node
/// takes to look around at the latest. Dropping the hints ends it.
pub async fn listen(cx: &Ctx, site: SiteId, topics: &[Topic]) -> Result<Hints> {
    let heads = cx.shared.get::<Heads>();
    let known = {
        let mut all = heads.lock();
        let head = all.entry(site).or_default();
        head.listeners += 1;
        head.known.told.is_some()
    };
    let hints = Hints { listener: cx.bus.listen(topics), heads, site };
    if !known {
        let row = head_row(&cx.db(), site).await?;
        if let Some(head) = hints.heads.lock().get_mut(&site) {
            head.epoch = row.epoch;
            head.known.reach(row.seq);
        }
    }
    Ok(hints)
}

/// The same for a task that nobody can be told of a failure: it waits until the database answers.
pub async fn listen_patiently(cx: &Ctx, site: SiteId, topics: &[Topic]) -> Hints {
    loop {
        match listen(cx, site, topics).await {
            Ok(hints) => return hints,
            Err(error) => {
                tracing::warn!(error = ?error, site.id = %site, "a site cannot be followed yet; trying again");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}

/// Looks around until shutdown.
pub async fn keep(cx: Ctx) {
    let heads = cx.shared.get::<Heads>();
    let stopping = cx.tasks.stopping();
    let mut told = cx.bus.listen(&[Topic::Journal]);
    let is_alone = matches!(cx.bus, Bus::Memory(_)) && cx.database.is_postgres();
    let mut company: Option<Instant> = None;
    let mut checked = Instant::now();
    loop {
        let mut pause = pin!(match is_alone {
            // The machine's time, also in tests: it stands for a bus.
            true => Either::Left(tokio::time::sleep(LOOK_ALONE)),
            false => Either::Right(cx.clock.sleep(LOOK)),
        });
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                heard = told.next() => if let Heard::Passed(payload) = heard { heads.hear(&payload) },
                () = &mut pause => break,
            }
        }
        while let Some(heard) = told.try_next() {
            if let Heard::Passed(payload) = heard {
                heads.hear(&payload);
            }
        }
        match look(&cx, &heads).await {
            Ok(false) => {}
            Ok(true) if is_alone => company = Some(Instant::now()),
            Ok(true) => tracing::info!("lines of which this node was not told were found"),
            Err(error) => {
                tracing::warn!(error = ?error, "the journals could not be looked at; the next round tries again")
            }
        }
        if checked.elapsed() >= LOOK {
            checked = Instant::now();
            if let Err(error) = epochs::check(&cx).await {
                tracing::warn!(error = ?error, "the database could not be looked at; the next round tries again");
            }
        }
        if company.is_some_and(|since| since.elapsed() < COMPANY) {
            cx.bus.lag_here();
        }
    }
}

/// Wakes those who were not told of something. True when there was anything.
async fn look(cx: &Ctx, heads: &Heads) -> Result<bool> {
    let sites: Vec<SiteId> = heads.lock().keys().copied().collect();
    let (mut missed, mut renewed) = (false, false);
    for sites in sites.chunks(SITES) {
        let rows = journal_head::Entity::find().filter(journal_head::Column::SiteId.is_in(sites.iter().copied()));
        for row in rows.all(&cx.db()).await? {
            let known = heads.lock().get(&row.site_id).and_then(|head| Some((head.epoch, head.known.told?)));
            match known {
                Some((epoch, _)) if epoch != row.epoch => {
                    heads.renew(&row);
                    renewed = true;
                }
                Some((_, told)) if told < row.seq => missed |= wake(cx, heads, row, told).await?,
                // Read again: what was told meanwhile is not more than there is.
                Some((_, told)) if told > row.seq && told > head_row(&cx.db(), row.site_id).await?.seq => {
                    tracing::warn!(site.id = %row.site_id, "a journal went back: the database was restored");
                    epochs::restored(cx).await?;
                    return Box::pin(look(cx, heads)).await;
                }
                Some(_) | None => {}
            }
        }
    }
    if renewed {
        // Whoever follows anything learns that it goes on elsewhere.
        cx.bus.lag_here();
    }
    Ok(missed)
}

/// Wakes those who listen to what happened in a site after a place and was not told.
async fn wake(cx: &Ctx, heads: &Heads, row: journal_head::Model, told: i64) -> Result<bool> {
    let newest: Vec<(Uuid, i64)> = journal::Entity::find()
        .select_only()
        .column(journal::Column::Subject)
        .column_as(journal::Column::Seq.max(), "newest")
        .filter(journal::Column::SiteId.eq(row.site_id))
        .filter(journal::Column::Seq.gt(told))
        .filter(journal::Column::Seq.lte(row.seq))
        .group_by(journal::Column::Subject)
        .into_tuple()
        .all(&cx.db())
        .await?;
    let site = row.site_id;
    let mut topics = Vec::new();
    if let Some(head) = heads.lock().get_mut(&site) {
        // What was told meanwhile is not missed.
        topics.extend(newest.iter().filter(|(_, seq)| head.known.misses(*seq)).map(|(id, _)| Topic::Subject(*id)));
        head.known.reach(row.seq);
    }
    if topics.is_empty() {
        return Ok(false);
    }
    topics.extend([Topic::Site(site), Topic::Subject(site.0)]);
    cx.bus.wake_here(&topics);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_survives_the_way() {
        let committed = Committed { site: SiteId(Uuid::from_u128(7)), first: 5, last: 9 };
        let bus = Bus::memory();
        let mut listener = bus.listen(&[Topic::Journal]);
        committed.tell(&bus);
        let Some(Heard::Passed(payload)) = listener.try_next() else { panic!("nothing was told") };
        assert_eq!(Committed::read(&payload), Some(committed));
        assert_eq!(Committed::read(&payload[..20]), None);
    }

    #[test]
    fn lines_that_are_told_in_another_order_are_known_once_the_hole_is_filled() {
        let mut known = Known::default();
        known.tell(1, 2);
        known.tell(3, 3);
        assert_eq!(known.told, None, "nobody has read the head");
        known.reach(2);
        assert_eq!(known.told, Some(3));
        known.reach(4);
        known.tell(6, 7);
        assert!(known.misses(5) && !known.misses(6) && !known.misses(7) && known.misses(8));
        assert_eq!(known.told, Some(4));
        known.tell(5, 5);
        assert_eq!((known.told, known.beyond.len()), (Some(7), 0));
        known.tell(2, 3);
        assert_eq!(known.told, Some(7), "old news");
        known.tell(10, 11);
        known.reach(9);
        assert_eq!((known.told, known.beyond.len()), (Some(11), 0));
    }
}
