//! Who stands where in the queue of a site, worked out once for all on a node who watch.
//!
//! While somebody watches a site's queue, one task of the node reads it after each change, and when waiting itself moves
//! somebody up, and passes the result on. Changes during one reading are one reading together.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::entity::{
    agent_profile::Skill,
    ids::{ConversationId, DepartmentId, SiteId},
    queue_entry::{self, Strategy},
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::watch, time::Instant};

use super::{
    agents as loaded,
    choice::Agent,
    priority::{self, Waiting},
    store,
};
use crate::{
    features::agents::Whom,
    kernel::{Ctx, Result, heads},
    ports::bus::{Heard, Topic},
};

/// How long agents have a conversation, where nothing is known yet.
const HANDLING: Duration = Duration::from_secs(600);
/// Waiting moves somebody up at most so often.
const SOONEST: TimeDelta = TimeDelta::seconds(1);
/// A board that nobody watches is kept for so long, for those who ask again and again.
const LINGER: Duration = Duration::from_secs(10);

/// A place in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) entry: Arc<queue_entry::Model>,
    /// From 1, among those who wait for the same agents.
    pub(super) position: u32,
    pub(super) priority: i64,
    /// How long it will take; none when nobody is there.
    pub(super) wait: Option<Duration>,
}

/// Those who wait for the same agents: a department's, or everybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) department: Option<DepartmentId>,
    pub(super) waiting: u32,
    pub(super) longest_since: Option<DateTime<Utc>>,
    /// Agents who get conversations of it, and what room they have in all and at the moment.
    pub(super) agents: u32,
    pub(super) slots: u32,
    pub(super) free: u32,
}

/// The queue of a site at a moment.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) at: DateTime<Utc>,
    /// In the order in which they come.
    pub(super) order: Vec<ConversationId>,
    pub(super) spots: HashMap<ConversationId, Spot>,
    /// By department; that of everybody is always there and comes first.
    pub(super) lines: BTreeMap<Option<DepartmentId>, Line>,
    /// Agents with an open dashboard.
    pub(super) online: u32,
    /// How long agents had the last conversations: the median.
    pub(super) handling: Duration,
    /// When the order changes by waiting alone.
    next: Option<DateTime<Utc>>,
}

impl Board {
    /// Works it out.
    pub(super) fn new(entries: Vec<queue_entry::Model>, agents: &[Agent], handled: &[i64], now: DateTime<Utc>) -> Self {
        let handling = median(handled).unwrap_or(HANDLING);
        let mut lines: BTreeMap<Option<DepartmentId>, Line> = BTreeMap::new();
        lines.entry(None).or_default();
        for entry in &entries {
            lines.entry(entry.line).or_insert_with(|| Line { department: entry.line, ..Line::default() });
        }
        for line in lines.values_mut() {
            let inside = |agent: &&Agent| line.department.is_none_or(|it| agent.departments.contains(&it));
            for agent in agents.iter().filter(|agent| agent.online && agent.willing && agent.max > 0).filter(inside) {
                line.agents += 1;
                line.slots += agent.max;
                line.free += agent.max.saturating_sub(agent.active + agent.offered);
            }
        }
        let mut able = Able { agents, slots: vec![] };
        let next = overtaking(&entries, now);
        let mut sorted: Vec<(Waiting, queue_entry::Model)> =
            entries.into_iter().map(|entry| (Waiting::from(&entry), entry)).collect();
        sorted.sort_by(|(a, _), (b, _)| a.before(b, now));
        let mut board = Self { at: now, handling, next, ..Self::default() };
        board.online = agents.iter().filter(|agent| agent.online).count().try_into().unwrap_or(u32::MAX);
        board.order.reserve(sorted.len());
        board.spots.reserve(sorted.len());
        for (waiting, entry) in sorted {
            let Some(line) = lines.get_mut(&entry.line) else { continue };
            line.waiting += 1;
            line.longest_since = line.longest_since.into_iter().chain([entry.entered_at]).min();
            let position = line.waiting;
            let wait = priority::estimate(position, handling, able.slots(&entry).unwrap_or(line.slots));
            board.order.push(entry.conversation_id);
            let spot = Spot { position, priority: waiting.priority(now), wait, entry: Arc::new(entry) };
            board.spots.insert(spot.entry.conversation_id, spot);
        }
        Self { lines, ..board }
    }
}

/// What somebody needs: skills, and perhaps somebody of a department.
type Need = (Option<DepartmentId>, Vec<Skill>);

/// What room there is for those who need skills, worked out once for each need.
struct Able<'a> {
    agents: &'a [Agent],
    slots: Vec<(Need, u32)>,
}

impl Able<'_> {
    /// The conversations that agents who are there and can help may have; none where whoever is there will do.
    fn slots(&mut self, entry: &queue_entry::Model) -> Option<u32> {
        let skills = &entry.demand.skills;
        if entry.demand.strategy != Strategy::SkillBased || skills.is_empty() {
            return None;
        }
        let need = (entry.line, skills.clone());
        if let Some((_, slots)) = self.slots.iter().find(|(known, _)| *known == need) {
            return Some(*slots);
        }
        let helps = |agent: &&Agent| {
            let inside = entry.line.is_none_or(|line| agent.departments.contains(&line));
            agent.online && agent.willing && inside && agent.fit(skills) > 0.0
        };
        let slots = self.agents.iter().filter(helps).map(|agent| agent.max).sum();
        self.slots.push((need, slots));
        Some(slots)
    }
}

/// When somebody moves up by waiting, where that can bring them past somebody else.
fn overtaking(entries: &[queue_entry::Model], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let first = entries.first()?.head_start;
    if entries.iter().all(|entry| entry.head_start == first) {
        return None;
    }
    let rises = entries.iter().filter_map(|entry| Waiting::from(entry).rises_at(now)).min()?;
    Some(rises.max(now + SOONEST))
}

fn median(sorted: &[i64]) -> Option<Duration> {
    let middle = sorted.get(sorted.len() / 2)?;
    Some(Duration::from_secs((*middle).max(1).unsigned_abs()))
}

/// Reads the queue of a site.
pub(super) async fn read(cx: &Ctx, site: SiteId) -> Result<Board> {
    let db = cx.db();
    let entries = store::waiting(&db, site).await?;
    let agents = loaded::load(cx, &db, site, Whom::Online, &entries).await?;
    let handled = store::handled(&db, site).await?;
    Ok(Board::new(entries, &agents, &handled, cx.clock.now()))
}

/// A board that is kept up to date; empty until it is read for the first time.
pub(super) type Kept = watch::Receiver<Option<Arc<Board>>>;

/// The boards of this node.
#[derive(Default)]
struct Boards(Mutex<HashMap<SiteId, watch::Sender<Option<Arc<Board>>>>>);

/// The board of a site, kept up to date as long as somebody watches.
pub(super) fn watch(cx: &Ctx, site: SiteId) -> Kept {
    let boards = cx.shared.get::<Boards>();
    let mut senders = boards.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = senders.get(&site) {
        return sender.subscribe();
    }
    let (sender, receiver) = watch::channel(None);
    senders.insert(site, sender.clone());
    drop(senders);
    let (cx, tasks) = (cx.as_system(), cx.tasks.clone());
    tasks.spawn(keep(cx, site, sender, boards));
    receiver
}

/// The board as it is now.
pub(super) async fn current(cx: &Ctx, site: SiteId) -> Result<Arc<Board>> {
    let mut kept = watch(cx, site);
    let known = kept.wait_for(Option::is_some).await.ok().and_then(|board| board.clone());
    match known {
        Some(board) => Ok(board),
        // The node is stopping.
        None => Ok(Arc::new(read(cx, site).await?)),
    }
}

async fn keep(cx: Ctx, site: SiteId, sender: watch::Sender<Option<Arc<Board>>>, boards: Arc<Boards>) {
    let mut hints = heads::listen_patiently(&cx, site, &[Topic::Subject(site.0)]).await;
    let stopping = cx.tasks.stopping();
    // Since when nobody watches.
    let mut alone: Option<Instant> = None;
    loop {
        let next = match read(&cx, site).await {
            Ok(board) => {
                let next = board.next;
                sender.send_replace(Some(Arc::new(board)));
                next
            }
            Err(error) => {
                // What was known is shown until it can be read again.
                tracing::warn!(error = ?error, site.id = %site, "the queue could not be read; trying again");
                Some(cx.clock.now() + SOONEST)
            }
        };
        loop {
            let watched = sender.receiver_count() > 0;
            let since = if watched { None } else { alone.or_else(|| Some(Instant::now())) };
            alone = since;
            let rising = async {
                match next {
                    Some(at) => cx.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let lingers = async {
                match since {
                    Some(since) => tokio::time::sleep_until(since + LINGER).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stopping.cancelled() => return,
                () = lingers => {
                    let mut senders = boards.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if sender.receiver_count() == 0 {
                        senders.remove(&site);
                        return;
                    }
                }
                heard = hints.next() => match heard {
                    Heard::Woken | Heard::Lagged => break,
                    Heard::Passed(_) => {}
                },
                () = rising => break,
                () = sender.closed(), if watched => {}
            }
        }
        while hints.try_next().is_some() {}
    }
}
