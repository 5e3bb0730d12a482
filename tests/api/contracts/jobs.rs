//! What `kernel::jobs` promises: nothing is lost, nothing is done by two at once, nothing blocks anything else.
//!
//! Most of it with a clock that tests set, so that hours pass at once. A node here is the program without its own workers,
//! so that the tests decide who works when.

mod story;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use entity::job;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use tokio::time::timeout;
use yanit::kernel::{
    clock::Clock,
    jobs::{self, Lane, MAX_ATTEMPTS},
};

use self::story::{BulkWork, DEADLINE, Does, Node, Round, Story, Work};
use crate::harness::app::Storage;

/// How long a worker may be silent.
const LEASE: Duration = Duration::from_secs(15);
const HEARTBEAT: Duration = Duration::from_secs(5);

async fn alone() -> (Storage, Clock, Node, Arc<Story>) {
    let storage = Storage::new().await;
    let clock = Clock::manual("2026-01-05T09:00:00Z".parse().unwrap());
    let node = Node::on(&storage, &clock).await;
    (storage, clock, node, Story::new())
}

#[tokio::test]
async fn a_job_is_tried_ten_times_each_time_later_and_then_frees_its_key() {
    let (_storage, clock, node, story) = alone().await;
    node.order(&Work::new(&story, "hard", Does::Retry).key("a")).await;
    let mut waits = vec![];
    node.drain().await;
    for tries in 2..=MAX_ATTEMPTS {
        let longest = Duration::from_secs(2_u64.pow(tries.unsigned_abs() - 2)).min(Duration::from_secs(300));
        clock.advance(longest.mul_f64(0.49));
        // Ordering it once more does not make it come sooner.
        node.order(&Work::new(&story, "hard", Does::Retry).key("a")).await;
        node.drain().await;
        assert_eq!(story.count("hard") + 1, tries.unsigned_abs() as usize, "too early");
        clock.advance(longest.mul_f64(0.52));
        node.drain().await;
        assert_eq!(story.count("hard"), tries.unsigned_abs() as usize, "too late");
        waits.push(longest);
    }
    assert_eq!(story.told()[9..], ["hard", "hard failed", "undertaker"]);
    let row = node.row().await;
    assert!(row.failed_at.is_some() && !row.held);
    assert_eq!(row.attempts, MAX_ATTEMPTS);
    assert_eq!(row.last_error.as_deref(), Some("Something went wrong on our side."), "and no more than that");
    clock.advance(Duration::from_secs(86_400));
    node.drain().await;
    assert_eq!(story.count("hard"), 10, "it is not taken any more");
    assert_eq!(jobs::failed_here(&node.cx()).get("test.work"), Some(&1));
    node.order(&Work::new(&story, "easy", Does::Succeed).key("a")).await;
    node.drain().await;
    assert_eq!(story.count("easy"), 1, "its key is free");
}

#[tokio::test]
async fn failures_of_the_same_work_do_not_pile_up_and_are_forgotten() {
    let (_storage, clock, node, story) = alone().await;
    for _ in 0..5 {
        node.order(&Work::new(&story, "never", Does::Fail).key("a")).await;
        node.drain().await;
    }
    assert_eq!(story.count("never failed"), 5);
    assert_eq!(node.rows().await.len(), 1);
    clock.advance(jobs::KEPT + Duration::from_secs(1));
    let tx = node.cx().begin().await.unwrap();
    jobs::forget_failed(&tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(node.rows().await.is_empty());
}

#[tokio::test]
async fn what_waits_for_a_service_waits_however_long_and_then_is_done() {
    let (_storage, clock, node, story) = alone().await;
    node.order(&Work::new(&story, "patient", Does::Later).key("a")).await;
    for minute in 0..60 {
        clock.advance(Duration::from_secs(60));
        node.order(&Work::new(&story, "patient", Does::Later).key("a")).await;
        node.drain().await;
        assert_eq!(story.count("patient"), minute + 1);
        assert_eq!(node.row().await.attempts, 0);
    }
    assert!(jobs::failed_here(&node.cx()).is_empty());
}

#[tokio::test]
async fn a_job_that_kills_its_worker_each_time_fails_in_the_end() {
    let (_storage, clock, node, story) = alone().await;
    node.order(&Work::new(&story, "deadly", Does::Wait)).await;
    while story.count("deadly") < MAX_ATTEMPTS.unsigned_abs() as usize {
        let before = story.count("deadly");
        let worker = node.begin();
        let ended = async {
            while story.count("deadly") == before && !worker.is_finished() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(DEADLINE, ended).await.expect("it begins or waits");
        worker.abort();
        let _ = worker.await;
        clock.advance(Duration::from_secs(60));
    }
    for _ in 0..10 {
        node.drain().await;
        clock.advance(Duration::from_secs(60));
    }
    assert_eq!(story.count("deadly"), MAX_ATTEMPTS.unsigned_abs() as usize);
    assert_eq!(story.count("deadly failed"), 1);
    assert!(node.row().await.failed_at.is_some());
}

#[tokio::test]
async fn a_job_of_a_worker_that_died_is_done_by_another_once_the_lease_is_over() {
    let (storage, clock, node, story) = alone().await;
    let other = Node::on(&storage, &clock).await;
    node.order(&Work::new(&story, "work", Does::Wait)).await;
    let worker = node.begin();
    story.until("work", 1).await;
    worker.abort();
    let _ = worker.await;
    clock.advance(LEASE - Duration::from_micros(1));
    other.drain().await;
    assert_eq!(story.count("work"), 1, "the lease is not over");
    clock.advance(Duration::from_micros(1));
    story.gate.add_permits(1);
    other.drain().await;
    assert_eq!(story.count("work"), 2);
    assert!(other.rows().await.is_empty());
}

/// Waits until a lease ends so long after the present moment.
async fn extended(node: &Node, clock: &Clock) {
    let until = clock.micros() + i64::try_from(LEASE.as_micros()).unwrap();
    let reached = async {
        while node.row().await.run_at != until {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, reached).await.expect("the lease is moved on");
}

#[tokio::test]
async fn work_longer_than_a_lease_is_done_once_also_while_its_node_is_stopping() {
    let (storage, clock, node, story) = alone().await;
    let other = Node::on(&storage, &clock).await;
    node.order(&Work::new(&story, "long", Does::Wait)).await;
    let worker = node.work();
    story.until("long", 1).await;
    for round in 0..8 {
        if round == 4 {
            node.0.ports.tasks.stop();
        }
        clock.advance(HEARTBEAT);
        extended(&node, &clock).await;
        other.drain().await;
    }
    assert!(!worker.is_finished(), "it sees its job to the end");
    story.gate.add_permits(1);
    timeout(DEADLINE, worker).await.expect("then it stops").unwrap();
    assert_eq!(story.told(), ["long"]);
    assert!(other.rows().await.is_empty());
}

#[tokio::test]
async fn a_node_does_not_do_a_job_twice_because_the_database_was_away_for_longer_than_a_lease() {
    let (_storage, clock, node, story) = alone().await;
    node.order(&Work::new(&story, "long", Does::Wait)).await;
    let worker = node.begin();
    story.until("long", 1).await;
    let over = job::Entity::update_many().col_expr(job::Column::RunAt, Expr::value(0_i64));
    over.exec(&node.cx().db()).await.unwrap();
    node.drain().await;
    assert_eq!(story.count("long"), 1);
    clock.advance(HEARTBEAT);
    extended(&node, &clock).await;
    story.gate.add_permits(1);
    timeout(DEADLINE, worker).await.expect("it ends").unwrap();
    assert!(node.rows().await.is_empty());
}

#[tokio::test]
async fn who_lost_the_lease_writes_nothing() {
    let (storage, clock, node, story) = alone().await;
    let other = Node::on(&storage, &clock).await;
    node.order(&Work::new(&story, "work", Does::WaitAndOrder)).await;
    let slow = node.begin();
    story.until("work", 1).await;
    // The worker is frozen, and nobody hears from it.
    let over = job::Entity::update_many().col_expr(job::Column::RunAt, Expr::value(0_i64));
    over.exec(&node.cx().db()).await.unwrap();
    let fast = other.begin();
    story.until("work", 2).await;
    story.gate.add_permits(1);
    // Of the two that wait for the gate the first came first.
    story.until("lost", 1).await;
    timeout(DEADLINE, slow).await.expect("it ends").unwrap();
    assert_eq!(node.row().await.lease, 2, "what it could not end is still the other's");
    story.gate.add_permits(1);
    timeout(DEADLINE, fast).await.expect("it ends").unwrap();
    assert_eq!(story.told(), ["work", "work", "lost", "held", "child"]);
    assert!(other.rows().await.is_empty());
}

#[tokio::test]
async fn an_order_given_while_the_same_work_is_under_way_is_done_afterwards_and_once() {
    let (_storage, clock, node, story) = alone().await;
    let order = || Work::new(&story, "index", Does::Wait).key("a");
    node.order(&order().after(Duration::from_secs(60))).await;
    node.order(&order()).await;
    node.order(&order().after(Duration::from_secs(60))).await;
    assert_eq!(node.rows().await.len(), 1);
    let worker = node.begin();
    story.until("index", 1).await;
    for _ in 0..3 {
        node.order(&order()).await;
    }
    assert_eq!(node.rows().await.len(), 1, "there is one row for a key");
    story.gate.add_permits(1);
    story.until("index", 2).await;
    story.gate.add_permits(10);
    timeout(DEADLINE, worker).await.expect("it ends").unwrap();
    clock.advance(Duration::from_secs(3_600));
    node.drain().await;
    assert_eq!(story.count("index"), 2);
    assert!(node.rows().await.is_empty());
}

#[tokio::test]
async fn an_order_given_while_the_same_work_fails_for_good_is_not_lost() {
    let (_storage, _clock, node, story) = alone().await;
    node.order(&Work::new(&story, "work", Does::Fail).key("a")).await;
    let known = job::Entity::update_many().col_expr(job::Column::AgainAt, Expr::value(1_i64));
    known.exec(&node.cx().db()).await.unwrap();
    node.drain().await;
    assert_eq!(story.count("work"), 2);
    assert_eq!(story.count("work failed"), 2);
    assert!(node.row().await.failed_at.is_some());
}

#[tokio::test]
async fn work_that_comes_round_has_one_row_whatever_starts_and_fails() {
    let (storage, clock, node, story) = alone().await;
    let other = Node::on(&storage, &clock).await;
    for does in [Does::Succeed, Does::Fail, Does::Succeed] {
        let before = story.count("round");
        for _ in 0..6 {
            node.order(&Round(Work::new(&story, "round", Does::Succeed))).await;
        }
        let payload = serde_json::to_string(&Round(Work::new(&story, "round", does))).unwrap();
        let changed = job::Entity::update_many().col_expr(job::Column::Payload, payload.into());
        changed.exec(&node.cx().db()).await.unwrap();
        tokio::join!(node.drain(), other.drain());
        assert_eq!(story.count("round"), before + 1);
        let row = node.row().await;
        assert_eq!(row.run_at, clock.micros() + 3_600_000_000);
        assert!(row.failed_at.is_none() && !row.held);
        clock.advance(Duration::from_secs(3_599));
        tokio::join!(node.drain(), other.drain());
        assert_eq!(story.count("round"), before + 1);
        clock.advance(Duration::from_secs(1));
        tokio::join!(node.drain(), other.drain());
        assert_eq!(story.count("round"), before + 2);
    }
}

#[tokio::test]
async fn starting_again_and_again_orders_upkeep_once() {
    let storage = Storage::new().await;
    let clock = Clock::manual("2026-01-05T09:00:00Z".parse().unwrap());
    for _ in 0..6 {
        let node = Node::on(&storage, &clock).await;
        node.0.order_upkeep().await.unwrap();
        node.0.drain().await.unwrap();
        clock.advance(Duration::from_secs(7));
    }
    let node = Node::on(&storage, &clock).await;
    let mut kinds: Vec<String> = node.rows().await.into_iter().map(|row| row.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["close_idle", "knowledge.check_index", "trim_journals"]);
}

#[tokio::test]
async fn interactive_work_has_workers_that_bulk_work_cannot_take() {
    let storage = Storage::new().await;
    let node = Node::on(&storage, &Clock::system()).await;
    let story = Story::new();
    for _ in 0..100 {
        node.order(&BulkWork(Work::new(&story, "bulk", Does::Wait))).await;
    }
    let worker = node.work();
    story.until("bulk", 1).await;
    let begun = Instant::now();
    for _ in 0..10 {
        node.order(&Work::new(&story, "answer", Does::Succeed)).await;
    }
    story.until("answer", 10).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(story.count("bulk"), 1, "one of sixteen workers is for bulk work");
    let lanes = jobs::figures(&node.cx()).await.unwrap();
    assert_eq!((lanes[&Lane::Bulk].waiting, lanes[&Lane::Bulk].failed), (100, 0));
    assert!(lanes[&Lane::Bulk].oldest > Duration::ZERO);
    assert_eq!(lanes[&Lane::Interactive].oldest, Duration::ZERO);
    story.gate.add_permits(100);
    story.until("bulk", 100).await;
    node.0.ports.tasks.stop();
    timeout(DEADLINE, worker).await.expect("it stops").unwrap();
    assert!(node.rows().await.is_empty());
}

#[tokio::test]
async fn delayed_work_begins_when_it_is_due_and_not_at_the_next_look() {
    let storage = Storage::new().await;
    let node = Node::on(&storage, &Clock::system()).await;
    let story = Story::new();
    let _worker = node.work();
    for wait in [800, 300, 20] {
        let name = wait.to_string();
        let wait = Duration::from_millis(wait);
        let begun = Instant::now();
        node.order(&Work::new(&story, &name, Does::Succeed).after(wait)).await;
        story.until(&name, 1).await;
        let took = begun.elapsed();
        assert!(took >= wait && took < wait + Duration::from_millis(700), "{took:?} instead of {wait:?}");
    }
    node.0.ports.tasks.stop();
}

#[tokio::test]
async fn a_node_with_a_wrong_clock_takes_nothing_too_early_and_orders_nothing_too_late() {
    let storage = Storage::new().await;
    if !storage.is_shared() {
        eprintln!("skipped: on SQLite there is one machine (TEST_DATABASE_URL)");
        return;
    }
    let node = Node::on(&storage, &Clock::system()).await;
    let ahead = Node::on(&storage, &Clock::wrong_by(TimeDelta::seconds(3_600))).await;
    let story = Story::new();
    node.order(&Work::new(&story, "long", Does::Wait)).await;
    let worker = node.begin();
    story.until("long", 1).await;
    node.order(&Work::new(&story, "delayed", Does::Succeed).after(Duration::from_secs(1_000))).await;
    ahead.drain().await;
    assert_eq!(story.told(), ["long"]);
    ahead.order(&Work::new(&story, "ordered ahead", Does::Succeed)).await;
    node.drain().await;
    assert_eq!(story.told(), ["long", "ordered ahead"]);
    story.gate.add_permits(1);
    timeout(DEADLINE, worker).await.expect("it ends").unwrap();
    let left = job::Entity::find().filter(job::Column::FailedAt.is_null()).all(&node.cx().db()).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}
