//! What `kernel::journal` promises: one order for everybody, no hole, and no loss that is not told.

use std::{
    collections::BTreeSet,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use entity::ids::SiteId;
use futures_util::{Stream, StreamExt};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use yanit::{
    kernel::{
        Ctx, Result,
        journal::{self, Cursor, Followed, Line, Scope},
        tx::Fact,
    },
    ports::bus::Topic,
};

use crate::harness::app::{Options, Storage, TestApp};

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// After so long without an event there is none under way.
const QUIET: Duration = Duration::from_millis(100);

/// A fact that no feature knows.
#[derive(Serialize)]
struct Note {
    writer: usize,
    number: usize,
}

impl Fact for Note {
    fn kind(&self) -> &'static str {
        "test.noted"
    }
}

/// The servers on one place: two where the data can be shared, otherwise one.
async fn servers(storage: &Arc<Storage>) -> Vec<TestApp> {
    let mut servers = vec![TestApp::on(storage.clone(), Options::default()).await];
    if storage.is_shared() {
        servers.push(TestApp::on(storage.clone(), Options::default()).await);
    }
    servers
}

/// A server on the same place whose hints reach nobody else.
async fn mute(storage: &Arc<Storage>) -> TestApp {
    let configure: Box<dyn FnOnce(&mut yanit::config::Config) + Send> = Box::new(|config| config.redis_url = None);
    TestApp::on(storage.clone(), Options { configure: Some(configure), ..Options::default() }).await
}

async fn site(app: &TestApp) -> SiteId {
    app.site("acme").await.id.parse().expect("an id of a site")
}

/// Writes `count` lines in one transaction; returns the number of the last.
async fn note(cx: &Ctx, site: SiteId, subject: Uuid, count: usize) -> i64 {
    let mut tx = cx.begin().await.expect("the database answers");
    for number in 0..count {
        tx.record(site, subject, &Note { writer: 0, number }).expect("a fact");
    }
    tx.commit().await.expect("it commits").expect("lines of one site")
}

async fn head(cx: &Ctx, site: SiteId) -> i64 {
    place(cx, site).await.seq
}

/// The newest place; others of the same journal differ in their number.
async fn place(cx: &Ctx, site: SiteId) -> Cursor {
    journal::head(&cx.db(), site).await.expect("the site has a journal")
}

async fn next(followed: &mut Pin<&mut impl Stream<Item = Result<Followed>>>) -> Followed {
    timeout(DEADLINE, followed.next()).await.expect("nothing came in time").expect("it goes on").expect("no failure")
}

/// The numbers of the next lines up to `last`; anything else on the way fails the test.
async fn lines_up_to(followed: &mut Pin<&mut impl Stream<Item = Result<Followed>>>, last: i64) -> Vec<i64> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        match next(followed).await {
            Followed::Lines(lines) => numbers.extend(lines.iter().map(|line| line.seq)),
            Followed::Passed(_) | Followed::Lagged | Followed::CaughtUp => {}
            gap @ Followed::Gap { .. } => panic!("{gap:?} after {numbers:?}"),
        }
    }
    numbers
}

/// Writers of one site commit at the same time, on every node, and some give up in the middle of a commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_a_site_with_many_writers_never_meets_a_hole() {
    const WRITERS: usize = 12;
    const EACH: usize = 40;
    let storage = Arc::new(Storage::new().await);
    let servers = servers(&storage).await;
    let site = site(&servers[0]).await;
    let subject = servers[0].clock.uuid();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let cx = servers[writer % servers.len()].app.cx();
        writers.spawn(async move {
            let mut random = StdRng::seed_from_u64(writer as u64);
            let mut kept = 0;
            for number in 0..EACH {
                let mut tx = cx.begin().await.expect("the database answers");
                let lines = random.random_range(1..4);
                for _ in 0..lines {
                    tx.record(site, subject, &Note { writer, number }).expect("a fact");
                }
                match number % 5 {
                    // Rolled back: its numbers must not be missing. (It may also have been committed just in time.)
                    4 => drop(timeout(Duration::from_micros(random.random_range(0..4_000)), tx.commit()).await),
                    3 => drop(tx),
                    _ => {
                        tx.commit().await.expect("it commits");
                        kept += lines;
                    }
                }
            }
            kept
        });
    }
    let mut readers = JoinSet::new();
    let finished = CancellationToken::new();
    for server in &servers {
        let (cx, finished) = (server.app.cx(), finished.clone());
        readers.spawn(async move {
            let mut seen: Vec<Line> = Vec::new();
            loop {
                // First, so that what is read afterwards is all there is.
                let last = finished.is_cancelled();
                let at = seen.last().map_or(0, |line| line.seq);
                let lines = journal::read(&cx.db(), site, Scope::Site, Cursor { seq: at, ..Cursor::BEGINNING }, 7)
                    .await
                    .expect("it is readable");
                for (line, expected) in lines.iter().zip(at + 1..) {
                    assert_eq!(line.seq, expected, "a hole after {at}");
                }
                if lines.is_empty() && last {
                    return seen;
                }
                seen.extend(lines);
            }
        });
    }
    // A follower of each node meets the same, through hints.
    let mut followers = JoinSet::new();
    for server in &servers {
        let (cx, finished) = (server.app.cx(), finished.clone());
        followers.spawn(async move {
            let mut followed =
                pin!(journal::follow(cx.clone(), site, Scope::Subject(subject), Some(Cursor::BEGINNING), None));
            let mut numbers: Vec<i64> = Vec::new();
            let mut last = None;
            while last.is_none() || numbers.last().copied() < last {
                tokio::select! {
                    event = next(&mut followed) => if let Followed::Lines(lines) = event {
                        numbers.extend(lines.iter().map(|line| line.seq));
                    },
                    () = finished.cancelled(), if last.is_none() => last = Some(head(&cx, site).await),
                }
            }
            numbers
        });
    }
    let kept: usize = timeout(DEADLINE, writers.join_all()).await.expect("the writers are stuck").into_iter().sum();
    // Written after whatever of the given-up commits the database still finished.
    let last = note(&servers[0].app.cx(), site, subject, 1).await;
    finished.cancel();
    let seen = timeout(DEADLINE, readers.join_all()).await.expect("the readers are stuck");
    for lines in &seen {
        assert_eq!(lines.last().map(|line| line.seq), Some(last));
        assert_eq!(lines, &seen[0]);
        let notes = lines.iter().filter(|line| line.kind == "test.noted").count();
        assert!(notes >= kept, "{notes} of {kept} lines that were committed");
    }
    let mine: Vec<i64> = seen[0].iter().filter(|line| line.subject == subject).map(|line| line.seq).collect();
    for numbers in timeout(DEADLINE, followers.join_all()).await.expect("the followers are stuck") {
        assert_eq!(numbers, mine);
    }
}

/// Whoever asked for a commit has gone before it was done, as a client does that hangs up: what the database kept all the
/// same is heard of, with nothing written afterwards that would tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_nobody_waits_for_is_undone_or_heard_of() {
    let app = TestApp::start().await;
    let site = site(&app).await;
    let cx = app.app.cx();
    let subject = app.clock.uuid();
    let mut at = head(&cx, site).await;
    let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Subject(subject), None, None));
    assert!(matches!(next(&mut followed).await, Followed::CaughtUp));
    let mut random = StdRng::seed_from_u64(7);
    for number in 0..150 {
        let mut tx = cx.begin().await.expect("the database answers");
        tx.record(site, subject, &Note { writer: 0, number }).expect("a fact");
        drop(timeout(Duration::from_micros(random.random_range(0..5_000)), tx.commit()).await);
        // Writers of a site wait for each other: whatever became of that commit is certain once this one has begun.
        let tx = cx.begin().await.expect("the database answers");
        let raised = entity::journal_head::Entity::update_many()
            .col_expr(entity::journal_head::Column::Trimmed, 0.into())
            .filter(entity::journal_head::Column::SiteId.eq(site));
        raised.exec(&tx.db()).await.expect("it is the site's row");
        drop(tx);
        let last = head(&cx, site).await;
        if last > at {
            assert_eq!(lines_up_to(&mut followed, last).await, [last], "commit {number}");
            at = last;
        }
    }
}

/// Hints are lost, and the follower hears that some were: it reads what it missed, once.
#[tokio::test]
async fn what_no_hint_told_of_is_read_after_a_loss() {
    let storage = Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), Options::default()).await;
    let elsewhere = mute(&storage).await;
    let site = site(&app).await;
    let (cx, far) = (app.app.cx(), elsewhere.app.cx());
    let (subject, passing) = (app.clock.uuid(), Topic::Passing(app.clock.uuid()));
    let from = head(&cx, site).await;
    let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Subject(subject), None, Some(passing.clone())));
    assert!(matches!(next(&mut followed).await, Followed::CaughtUp));
    let mut seen = Vec::new();
    for round in 1..=3 {
        // What was dropped in the last round left a few signals behind.
        while timeout(QUIET, followed.next()).await.is_ok() {}
        // More than is read at once, and nobody on this node is told.
        let last = note(&far, site, subject, 450).await;
        note(&far, site, app.clock.uuid(), 1).await;
        assert!(timeout(QUIET, followed.next()).await.is_err(), "round {round}: it was heard of");
        // The follower does not keep up with what passes: the bus drops and says so.
        for _ in 0..2_000 {
            cx.bus.pass(&passing, Bytes::from_static(b"typing"));
        }
        seen.extend(lines_up_to(&mut followed, last).await);
    }
    let all: BTreeSet<i64> = seen.iter().copied().collect();
    assert_eq!(all.len(), seen.len(), "a line came twice");
    assert!(seen.is_sorted());
    assert_eq!(seen.len(), 3 * 450);
    assert_eq!(seen.first(), Some(&(from + 1)));
}

#[tokio::test]
async fn who_asks_for_trimmed_lines_is_told_of_the_gap_and_goes_on_behind_it() {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = site(&app).await;
    let cx = app.app.cx();
    let subject = app.clock.uuid();
    let old = note(&cx, site, subject, 5).await;
    app.clock.advance(Duration::from_secs(3_600));
    let border = app.clock.now();
    let new = note(&cx, site, subject, 3).await;
    let removed = journal::trim(&cx, site, border).await.expect("it trims");
    assert_eq!(i64::try_from(removed), Ok(old), "everything before the border");
    assert_eq!(journal::trim(&cx, site, border).await.expect("it trims"), 0);

    let here = place(&cx, site).await;
    let at = |seq| Cursor { seq, ..here };
    let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Subject(subject), Some(at(old - 2)), None));
    let first = next(&mut followed).await;
    assert!(
        matches!(first, Followed::Gap { from, to } if from == at(old - 2) && to == at(old)),
        "{first:?} where a gap up to {old} belongs"
    );
    assert_eq!(lines_up_to(&mut followed, new).await, (old + 1..=new).collect::<Vec<_>>());
    assert!(matches!(next(&mut followed).await, Followed::CaughtUp));

    // Exactly at the border nothing is missing, and who wants what is kept is told of no gap.
    for after in [at(old), Cursor::BEGINNING] {
        let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Site, Some(after), None));
        assert_eq!(lines_up_to(&mut followed, new).await, (old + 1..=new).collect::<Vec<_>>());
    }

    // A cursor from the future, or without an epoch, is from another life of the database.
    let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Site, Some(at(new + 100)), None));
    let first = next(&mut followed).await;
    assert!(matches!(first, Followed::Gap { to, .. } if to == at(new)), "{first:?}");
    let later = note(&cx, site, subject, 1).await;
    assert_eq!(lines_up_to(&mut followed, later).await, [later]);
    let strange = Cursor { epoch: 0, seq: new };
    let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Site, Some(strange), None));
    let first = next(&mut followed).await;
    assert!(matches!(first, Followed::Gap { from, to } if from == strange && to == at(later)), "{first:?}");
}

/// Lines that a follower has not read yet are trimmed, and the hints were lost as well.
#[tokio::test]
async fn a_follower_that_missed_lines_which_were_trimmed_hears_of_the_gap() {
    let storage = Arc::new(Storage::new().await);
    let app = TestApp::on(storage.clone(), Options::default()).await;
    let elsewhere = mute(&storage).await;
    let site = site(&app).await;
    let (cx, far) = (app.app.cx(), elsewhere.app.cx());
    let (subject, passing) = (app.clock.uuid(), Topic::Passing(app.clock.uuid()));
    let known = head(&cx, site).await;
    let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Subject(subject), None, Some(passing.clone())));
    assert!(matches!(next(&mut followed).await, Followed::CaughtUp));
    let gone = note(&far, site, subject, 4).await;
    journal::trim(&far, site, app.clock.now() + Duration::from_secs(60)).await.expect("it trims");
    for _ in 0..2_000 {
        cx.bus.pass(&passing, Bytes::from_static(b"typing"));
    }
    loop {
        match next(&mut followed).await {
            Followed::Passed(_) | Followed::Lagged => {}
            Followed::Gap { from, to } => {
                assert_eq!((from.seq, to.seq), (known, gone));
                break;
            }
            other @ (Followed::Lines(_) | Followed::CaughtUp) => panic!("{other:?} where a gap belongs"),
        }
    }
    let last = note(&cx, site, subject, 2).await;
    assert_eq!(lines_up_to(&mut followed, last).await, [last - 1, last]);
}

/// A long replay, read slowly: what it has not reached is trimmed meanwhile.
#[tokio::test]
async fn a_replay_that_trimming_overtakes_tells_of_the_gap() {
    let app = TestApp::start().await;
    let site = site(&app).await;
    let cx = app.app.cx();
    let subject = app.clock.uuid();
    let from = place(&cx, site).await;
    let gone = note(&cx, site, subject, 700).await;
    let mut followed = pin!(journal::follow(cx.clone(), site, Scope::Subject(subject), Some(from), None));
    let Followed::Lines(first) = next(&mut followed).await else { panic!("lines come first") };
    let at = first.last().expect("never empty").seq;
    assert!(at < gone, "the replay is not over");
    journal::trim(&cx, site, app.clock.now() + Duration::from_secs(60)).await.expect("it trims");
    let last = note(&cx, site, subject, 2).await;
    let second = next(&mut followed).await;
    assert!(
        matches!(second, Followed::Gap { from, to } if (from.seq, to.seq) == (at, gone)),
        "{second:?} where a gap from {at} to {gone} belongs"
    );
    assert_eq!(lines_up_to(&mut followed, last).await, [last - 1, last]);
}
