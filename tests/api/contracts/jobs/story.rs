//! Jobs that tell what they do, and a node that does them when a test says so.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use entity::job;
use sea_orm::{EntityTrait, QueryOrder};
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};
use yanit::{
    app::{App, Overrides},
    kernel::{
        Ctx, Error, Result, Tx,
        clock::Clock,
        jobs::{self, Due, Failure, Job, Kinds, Lane, Lease},
    },
};

use crate::harness::app::Storage;

/// Longest wait for anything.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// What the jobs of one test have done.
pub(super) struct Story {
    id: u64,
    told: Mutex<Vec<String>>,
    /// What jobs that wait are waiting for.
    pub(super) gate: Semaphore,
}

static STORIES: LazyLock<Mutex<HashMap<u64, Arc<Story>>>> = LazyLock::new(Mutex::default);

impl Story {
    pub(super) fn new() -> Arc<Self> {
        let story = Arc::new(Self { id: rand::random(), told: Mutex::default(), gate: Semaphore::new(0) });
        STORIES.lock().unwrap().insert(story.id, story.clone());
        story
    }

    fn of(id: u64) -> Arc<Self> {
        STORIES.lock().unwrap()[&id].clone()
    }

    pub(super) fn tell(&self, what: impl Into<String>) {
        self.told.lock().unwrap().push(what.into());
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.told().iter().filter(|told| *told == what).count()
    }

    pub(super) async fn until(&self, what: &str, count: usize) {
        let reached = async {
            while self.count(what) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, reached).await.unwrap_or_else(|_| panic!("{what} never came: {:?}", self.told()));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Does {
    Succeed,
    Retry,
    Later,
    Fail,
    /// Waits for the gate, then ends well.
    Wait,
    /// Waits for the gate, then orders a [`Work`] that tells `child` in the transaction in which it ends itself.
    WaitAndOrder,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Work {
    story: u64,
    name: String,
    key: Option<String>,
    does: Does,
    #[serde(skip)]
    due: Due,
}

impl Work {
    pub(super) fn new(story: &Story, name: &str, does: Does) -> Self {
        Self { story: story.id, name: name.into(), key: None, does, due: Due::Now }
    }

    pub(super) fn key(self, key: &str) -> Self {
        Self { key: Some(format!("{}:{key}", self.story)), ..self }
    }

    pub(super) fn after(self, wait: Duration) -> Self {
        Self { due: Due::After(wait), ..self }
    }

    async fn perform(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        let story = Story::of(self.story);
        story.tell(&self.name);
        match self.does {
            Does::Succeed => {}
            Does::Retry => return Err(Failure::Retry(Error::internal("it did not work"))),
            Does::Later => return Err(Failure::Later(Error::unavailable("embedder"))),
            Does::Fail => return Err(Failure::Fail(Error::internal("it never will"))),
            Does::Wait => story.gate.acquire().await.unwrap().forget(),
            Does::WaitAndOrder => {
                story.gate.acquire().await.unwrap().forget();
                let mut tx = cx.begin().await?;
                tx.enqueue(&Self::new(&story, "child", Does::Succeed)).await?;
                if lease.end(&tx).await? {
                    tx.commit().await?;
                    story.tell("held");
                } else {
                    story.tell("lost");
                }
            }
        }
        Ok(())
    }
}

impl Job for Work {
    const KIND: &'static str = "test.work";
    const LANE: Lane = Lane::Interactive;

    fn key(&self) -> Option<String> {
        self.key.clone()
    }

    fn due(&self) -> Due {
        self.due
    }

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        self.perform(cx, lease).await
    }

    async fn failed(self, tx: &mut Tx) -> Result<()> {
        let story = Story::of(self.story);
        story.tell(format!("{} failed", self.name));
        tx.enqueue(&Self::new(&story, "undertaker", Does::Succeed)).await
    }
}

/// The same in the lane of what comes in thousands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BulkWork(pub(super) Work);

impl Job for BulkWork {
    const KIND: &'static str = "test.bulk";
    const LANE: Lane = Lane::Bulk;

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        self.0.perform(cx, lease).await
    }
}

/// Comes round by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Round(pub(super) Work);

impl Job for Round {
    const KIND: &'static str = "test.round";
    const LANE: Lane = Lane::Background;
    const EVERY: Option<Duration> = Some(Duration::from_secs(3_600));

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        self.0.perform(cx, lease).await
    }
}

pub(super) fn kinds() -> Kinds {
    Kinds::default().with::<Work>().with::<BulkWork>().with::<Round>()
}

/// A node without workers of its own.
pub(super) struct Node(pub(super) App);

impl Node {
    pub(super) async fn on(storage: &Storage, clock: &Clock) -> Self {
        let mut config = storage.config();
        config.workers = 16;
        let overrides = Overrides { clock: clock.clone(), ..Overrides::default() };
        Self(App::build(config, overrides).await.expect("it is wired"))
    }

    pub(super) fn cx(&self) -> Ctx {
        self.0.cx()
    }

    pub(super) async fn order(&self, job: &impl Job) {
        let mut tx = self.cx().begin().await.unwrap();
        tx.enqueue(job).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Does what is due.
    pub(super) async fn drain(&self) {
        timeout(DEADLINE, jobs::drain(&self.cx(), &kinds())).await.expect("it ends").unwrap();
    }

    /// Does what is due, in a task that can die.
    pub(super) fn begin(&self) -> JoinHandle<()> {
        let cx = self.cx();
        self.0.ports.tasks.spawn(async move { jobs::drain(&cx, &kinds()).await.unwrap() })
    }

    /// Works like a node that serves.
    pub(super) fn work(&self) -> JoinHandle<()> {
        self.0.ports.tasks.spawn(jobs::work(self.cx(), kinds()))
    }

    pub(super) async fn rows(&self) -> Vec<job::Model> {
        job::Entity::find().order_by_asc(job::Column::Id).all(&self.cx().db()).await.unwrap()
    }

    pub(super) async fn row(&self) -> job::Model {
        let mut rows = self.rows().await;
        assert_eq!(rows.len(), 1, "{rows:#?}");
        rows.remove(0)
    }
}
