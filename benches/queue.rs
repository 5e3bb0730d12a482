//! What a change in the queue of a site costs while everybody who waits watches their place.
//!
//! `cargo bench --bench queue` or, with other numbers than 100, 1,000 and 10,000 of visitors, `… -- 3000`. There is an
//! agent for every ten visitors, all of them there and full.
//!
//! Everything goes the way of the server: SQLite in a temporary folder, the reader of the journal, and the subscription
//! `queuePosition` for each visitor, in the process that is measured. A change is a visitor at the head of the queue who
//! leaves it, so that everybody behind them gets another place; it is over when each of them was told. Beside it stands,
//! in the same run, what it would cost to count the places of so many watchers one by one in the database, from a sample
//! of them.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ::entity::{
    agent_lease, agent_profile,
    conversation::{self, Attention, HandoffReason, Status},
    ids::{AssistantId, ConversationId, LeaseId, MembershipId, SiteId, UserId, VisitorId},
    membership::{self, Role},
    queue_entry::{self, Demand, Users},
    user, visitor,
};
use async_graphql::{Request, Variables};
use chrono::TimeDelta;
use futures_util::StreamExt;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter};
use serde_json::json;
use tokio::sync::Notify;
use yanit::{
    app::{App, Overrides},
    config::Config,
    features::sites::{self, NewSite},
    kernel::{Actor, Ctx, Error, Result, ctx},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of one statement.
const BATCH: usize = 500;
/// Changes that are measured.
const CHANGES: usize = 15;
/// Watchers whose places are counted one by one.
const SAMPLE: usize = 100;
const FOLLOW: &str = "subscription($c: ID!) { queuePosition(conversationId: $c) { position estimatedWaitSeconds } }";
const LEAVE: &str = "mutation($c: ID!) { cancelHumanRequest(input: { conversationId: $c }) { conversation { id } } }";

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo test --benches` starts this, too, but without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![100, 1_000, 10_000];
    }
    say(format_args!(
        "visitors agents | until all are told, ms p50 / max | CPU ms a change | CPU us a watcher | one by one, ms"
    ))?;
    for size in sizes {
        Box::pin(measure(size)).await?;
    }
    Ok(())
}

fn say(line: std::fmt::Arguments<'_>) -> Result<()> {
    writeln!(io::stdout().lock(), "{line}").map_err(Error::internal)
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec.unsigned_abs().try_into().unwrap_or_default())
}

/// A site with its queue.
struct Place {
    app: App,
    site: SiteId,
    waiting: Vec<(VisitorId, ConversationId)>,
    folder: PathBuf,
}

impl Place {
    async fn new(size: usize) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("yanit-queue-{}-{size}", std::process::id()));
        let app = App::build(Config { data_dir: folder.clone(), ..Config::default() }, Overrides::default()).await?;
        let cx = app.cx();
        let mut tx = cx.begin().await?;
        let site = sites::insert_in(&mut tx, NewSite::check("Bench", &[], None)?).await?.id;
        tx.commit().await?;
        agents(&cx, site, size / 10).await?;
        let waiting = visitors(&cx, site, size).await?;
        Ok(Self { app, site, waiting, folder })
    }

    fn request(&self, document: &str, (visitor, conversation): (VisitorId, ConversationId)) -> Request {
        let actor = Actor::Visitor { site: self.site, visitor };
        let cx = Ctx::new(self.app.ports.clone(), actor, ctx::Request::default());
        let variables = Variables::from_json(json!({ "c": conversation.to_string() }));
        Request::new(document).variables(variables).data(cx)
    }
}

/// Agents who are there and have as many conversations as they may have.
async fn agents(cx: &Ctx, site: SiteId, count: usize) -> Result<()> {
    let now = cx.clock.now();
    let numbers: Vec<usize> = (0..count).collect();
    for chunk in numbers.chunks(BATCH) {
        let (mut users, mut members, mut leases, mut profiles, mut talks) = (vec![], vec![], vec![], vec![], vec![]);
        for number in chunk {
            let id = cx.id(UserId);
            users.push(
                user::Model {
                    id,
                    email: format!("agent{number}@bench.example"),
                    name: format!("Agent {number}"),
                    avatar_url: None,
                    version: 1,
                    password_hash: String::new(),
                    superadmin: false,
                    credits_granted: 0,
                    credits_left: 0,
                    created_at: now,
                    last_login_at: None,
                }
                .into_active_model(),
            );
            let member = cx.id(MembershipId);
            members.push(
                membership::Model { id: member, site_id: site, user_id: id, role: Role::Agent, created_at: now }
                    .into_active_model(),
            );
            let expires_at = now + TimeDelta::days(1);
            leases.push(
                agent_lease::Model {
                    id: cx.id(LeaseId),
                    site_id: site,
                    user_id: id,
                    expires_at,
                    created_at: now,
                    lost_at: None,
                }
                .into_active_model(),
            );
            profiles.push(
                agent_profile::Model {
                    site_id: site,
                    user_id: id,
                    max_chats: 1,
                    priority_level: 0,
                    accepts_calls: true,
                    languages: Default::default(),
                    skills: Default::default(),
                    version: 1,
                }
                .into_active_model(),
            );
            let talk = talk(cx, site, None);
            let (assignee_id, assigned_at) = (Some(id), Some(cx.clock.now()));
            talks.push(conversation::Model { assignee_id, assigned_at, ..talk }.into_active_model());
        }
        user::Entity::insert_many(users).exec_without_returning(&cx.db()).await?;
        membership::Entity::insert_many(members).exec_without_returning(&cx.db()).await?;
        agent_lease::Entity::insert_many(leases).exec_without_returning(&cx.db()).await?;
        agent_profile::Entity::insert_many(profiles).exec_without_returning(&cx.db()).await?;
        conversation::Entity::insert_many(talks).exec_without_returning(&cx.db()).await?;
    }
    Ok(())
}

/// Visitors who wait, some of them with a head start.
async fn visitors(cx: &Ctx, site: SiteId, count: usize) -> Result<Vec<(VisitorId, ConversationId)>> {
    let now = cx.clock.now();
    let mut waiting = Vec::with_capacity(count);
    let numbers: Vec<usize> = (0..count).collect();
    for chunk in numbers.chunks(BATCH) {
        let (mut people, mut talks, mut entries) = (vec![], vec![], vec![]);
        for number in chunk {
            let id = cx.id(VisitorId);
            people.push(
                visitor::Model {
                    id,
                    site_id: site,
                    name: None,
                    email: None,
                    phone: None,
                    folded: String::new(),
                    locale: None,
                    vip: false,
                    custom_data: json!({}),
                    created_at: now,
                    last_seen_at: now,
                }
                .into_active_model(),
            );
            let entered_at = now - TimeDelta::milliseconds((count - number) as i64);
            let talk = talk(cx, site, Some(id));
            entries.push(
                queue_entry::Model {
                    conversation_id: talk.id,
                    site_id: site,
                    entered_at,
                    head_start: if number % 7 == 0 { 2 } else { 0 },
                    deadline_at: now + TimeDelta::days(1),
                    demand: Demand::default(),
                    line: None,
                    seen_until: None,
                    offered_to: None,
                    offer_expires_at: None,
                    declined: Users::default(),
                }
                .into_active_model(),
            );
            waiting.push((id, talk.id));
            talks.push(conversation::Model { human_requested_at: Some(entered_at), ..talk }.into_active_model());
        }
        visitor::Entity::insert_many(people).exec_without_returning(&cx.db()).await?;
        conversation::Entity::insert_many(talks).exec_without_returning(&cx.db()).await?;
        queue_entry::Entity::insert_many(entries).exec_without_returning(&cx.db()).await?;
    }
    // Those with a head start come first, in the order in which they came.
    let numbered = waiting.iter().enumerate();
    let first = numbered.clone().filter(|(number, _)| number % 7 == 0).map(|(_, one)| *one);
    let rest = numbered.filter(|(number, _)| number % 7 != 0).map(|(_, one)| *one);
    Ok(first.chain(rest).collect())
}

fn talk(cx: &Ctx, site: SiteId, visitor: Option<VisitorId>) -> conversation::Model {
    let (now, id) = (cx.clock.now(), cx.id(ConversationId));
    conversation::Model {
        id,
        site_id: site,
        assistant_id: None::<AssistantId>,
        visitor_id: visitor,
        customer_id: None,
        status: Status::Open,
        attention: if visitor.is_some() { Attention::Waiting } else { Attention::Person },
        assistant_helps: false,
        title: None,
        version: 1,
        title_folded: String::new(),
        description: None,
        assignee_id: None,
        assigned_at: None,
        department_id: None,
        queue_outcome: None,
        queue_left_at: None,
        human_requested_at: None,
        handoff_reason: visitor.map(|_| HandoffReason::Visitor),
        human_joined_at: None,
        reply_awaited_at: None,
        replied_at: None,
        person_offered_at: None,
        open_key: None,
        last_seq: 0,
        last_message_id: None,
        last_message_author: None,
        last_message_preview: None,
        last_activity: now.timestamp_micros(),
        unread_by_staff: 0,
        unread_by_visitor: 0,
        created_at: now,
        closed_at: None,
        opened_seq: 0,
        resumed_seq: 0,
        called_seq: 0,
        waited_seq: 0,
    }
}

async fn measure(size: usize) -> Result<()> {
    let place = Place::new(size).await?;
    place.app.start_workers();
    let (told, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    for who in &place.waiting {
        let mut events = place.app.api.stream(place.request(FOLLOW, *who));
        let (told, heard) = (told.clone(), heard.clone());
        place.app.ports.tasks.spawn_until_shutdown(async move {
            while events.next().await.is_some() {
                told.fetch_add(1, Ordering::Relaxed);
                heard.notify_one();
            }
        });
    }
    let until = async |count: usize| {
        while told.load(Ordering::Relaxed) < count {
            heard.notified().await;
        }
    };
    until(size).await;
    let (mut times, mut used) = (vec![], Duration::ZERO);
    for (change, who) in place.waiting.iter().take(CHANGES).enumerate() {
        // Whoever leaves is told so, too, and so are those behind them.
        let before = told.load(Ordering::Relaxed);
        let (begun, at) = (cpu(), Instant::now());
        let left = place.app.api.execute(place.request(LEAVE, *who)).await;
        if left.is_err() {
            return Err(Error::internal("a visitor could not leave the queue"));
        }
        until(before + size - change).await;
        times.push(at.elapsed());
        used += cpu() - begun;
    }
    times.sort_unstable();
    let each = used / CHANGES as u32;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    say(format_args!(
        "{size:8} {:6} | {:9.1} / {:9.1} | {:9.1} | {:6.1} | {:9.1}",
        size / 10,
        millis(times[times.len() / 2]),
        millis(times[times.len() - 1]),
        millis(each),
        each.as_secs_f64() * 1e6 / size as f64,
        millis(one_by_one(&place.app.cx(), place.site, size).await?),
    ))?;
    place.app.stop().await;
    fs::remove_dir_all(place.folder).map_err(Error::internal)
}

/// How long it takes to count for each watcher how many came before them, from a sample.
async fn one_by_one(cx: &Ctx, site: SiteId, size: usize) -> Result<Duration> {
    use queue_entry::Column::{EnteredAt, HeadStart, SiteId as Site};
    let entries = queue_entry::Entity::find().filter(Site.eq(site)).all(&cx.db()).await?;
    let begun = Instant::now();
    let sample = entries.iter().step_by(entries.len().div_ceil(SAMPLE).max(1));
    let count = sample.len();
    for entry in sample {
        let ahead =
            HeadStart.gt(entry.head_start).or(HeadStart.eq(entry.head_start).and(EnteredAt.lt(entry.entered_at)));
        queue_entry::Entity::find().filter(Site.eq(site)).filter(ahead).count(&cx.db()).await?;
    }
    Ok(begun.elapsed() * u32::try_from(size).unwrap_or(u32::MAX) / u32::try_from(count).unwrap_or(1))
}
