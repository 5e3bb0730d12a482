//! A transaction: rows, journal lines and jobs that become true together, and the hints that follow.

use ::entity::{ids::SiteId, journal, journal_head};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr,
};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{
    Ctx, Error, Result,
    heads::Committed,
    jobs::{self, Job},
};
use crate::ports::{bus::Topic, db::Db};

/// A fact that a feature writes into the journal.
pub trait Fact: Serialize + Send {
    /// Its stable name: `message.posted`.
    fn kind(&self) -> &'static str;
}

/// An open transaction. Dropping it rolls back and tells nobody.
pub struct Tx {
    cx: Ctx,
    inner: DatabaseTransaction,
    lines: Vec<Line>,
    hints: Vec<Topic>,
    _writer: Option<OwnedSemaphorePermit>,
}

struct Line {
    site: SiteId,
    subject: Uuid,
    kind: &'static str,
    payload: String,
    actor: Option<String>,
}

impl Tx {
    pub(super) async fn begin(cx: &Ctx) -> Result<Self> {
        let (inner, writer) = cx.database.begin().await?;
        Ok(Self { cx: cx.clone(), inner, lines: vec![], hints: vec![], _writer: writer })
    }

    /// What queries inside the transaction run on.
    pub fn db(&self) -> Db<'_> {
        Db::from(&self.inner)
    }

    /// The context it was opened with.
    pub fn cx(&self) -> &Ctx {
        &self.cx
    }

    /// Writes a journal line at commit. `subject` is what the fact is about.
    pub fn record(&mut self, site: SiteId, subject: Uuid, fact: &impl Fact) -> Result<()> {
        let actor = self.cx.actor.id();
        self.record_by(actor, site, subject, fact)
    }

    /// The same on behalf of somebody else, when one transaction carries the work of several.
    pub fn record_by(&mut self, actor: Option<String>, site: SiteId, subject: Uuid, fact: &impl Fact) -> Result<()> {
        self.lines.push(Line { site, subject, kind: fact.kind(), payload: serde_json::to_string(fact)?, actor });
        Ok(())
    }

    /// Orders background work, to be done after the commit. A job with a key that already waits is not doubled.
    pub async fn enqueue<J: Job>(&mut self, job: &J) -> Result<()> {
        jobs::insert(self, job).await?;
        self.hint(Topic::Jobs);
        Ok(())
    }

    /// Wakes a topic after the commit.
    pub fn hint(&mut self, topic: Topic) {
        if !self.hints.contains(&topic) {
            self.hints.push(topic);
        }
    }

    /// Appends the lines, commits, then wakes whoever listens. Returns the number of the site's newest line when lines
    /// of one site were written.
    pub async fn commit(mut self) -> Result<Option<i64>> {
        let mut sites: Vec<SiteId> = self.lines.iter().map(|line| line.site).collect();
        // One order for all transactions, so that two that write lines of two sites cannot wait for each other.
        sites.sort();
        sites.dedup();
        let mut appended = Vec::with_capacity(sites.len());
        for site in &sites {
            appended.push(self.append(*site).await?);
        }
        let newest = appended.last().map(|committed| committed.last);
        for index in 0..self.lines.len() {
            let subject = Topic::Subject(self.lines[index].subject);
            self.hint(subject);
        }
        // A task of its own: whoever waits for it may go away, and what is committed is told all the same.
        let tasks = self.cx.tasks.clone();
        let told = async move {
            self.inner.commit().await?;
            self.hints.extend(sites.iter().map(|site| Topic::Site(*site)));
            self.cx.bus.wake(&self.hints);
            // After the hints: who is told of these lines has been woken.
            appended.into_iter().for_each(|committed| committed.tell(&self.cx.bus));
            Ok::<_, Error>(())
        };
        tasks.spawn(told).await.map_err(Error::internal)??;
        Ok(newest)
    }

    /// Raises the site's head and writes its lines with the next numbers. The head's row lock is held until commit, so
    /// numbers become visible in order: a reader that has seen *n* never meets a smaller one later.
    async fn append(&self, site: SiteId) -> Result<Committed> {
        let db = self.db();
        let mine: Vec<&Line> = self.lines.iter().filter(|line| line.site == site).collect();
        let count = i64::try_from(mine.len()).map_err(Error::internal)?;
        let head = journal_head::Entity::update_many()
            .col_expr(journal_head::Column::Seq, Expr::col(journal_head::Column::Seq).add(count))
            .filter(journal_head::Column::SiteId.eq(site))
            .exec_with_returning(&db)
            .await?
            .pop()
            .ok_or_else(|| Error::internal("a site without a journal"))?;
        let at = self.cx.clock.now();
        let committed = Committed { site, first: head.seq - count + 1, last: head.seq };
        let rows = mine.iter().zip(committed.first..).map(|(line, seq)| journal::ActiveModel {
            site_id: Set(site),
            seq: Set(seq),
            subject: Set(line.subject),
            kind: Set(line.kind.to_owned()),
            payload: Set(line.payload.clone()),
            actor: Set(line.actor.clone()),
            at: Set(at),
        });
        journal::Entity::insert_many(rows).exec_without_returning(&db).await?;
        Ok(committed)
    }
}
