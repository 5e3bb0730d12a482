//! Background work that failed, in the API.

use ::entity::{
    ids::JobId,
    job::{self, Lane},
};
use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use crate::kernel::{
    Actor, Ctx, CtxExt, Error, Result, jobs,
    page::{List, Paging, Place},
};

/// Background work that was given up: it failed each time it was tried, or trying again is of no use.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct FailedJob {
    /// Identifies the job; the server's log names it, too.
    pub(crate) id: JobId,
    /// The kind of work, such as `knowledge.index_article`.
    kind: String,
    /// The lane it was in.
    lane: Lane,
    /// How often it was tried.
    attempts: i32,
    /// Why the last try failed. Details are in the server's log.
    error: Option<String>,
    /// When it was ordered.
    created_at: DateTime<Utc>,
    /// When it was given up. 30 days later it is forgotten.
    failed_at: DateTime<Utc>,
}

impl From<job::Model> for FailedJob {
    fn from(row: job::Model) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            lane: row.lane,
            attempts: row.attempts,
            error: row.last_error,
            created_at: row.created_at,
            failed_at: row.failed_at.unwrap_or(row.created_at),
        }
    }
}

/// Which failed job to try again.
#[derive(Debug, InputObject)]
struct RetryJobInput {
    /// The job.
    job_id: JobId,
}

/// The job that is tried again.
#[derive(SimpleObject)]
struct RetryJobPayload {
    /// Its id.
    job_id: JobId,
}

/// Which failed job to discard.
#[derive(Debug, InputObject)]
struct DiscardJobInput {
    /// The job.
    job_id: JobId,
}

/// The job that was discarded.
#[derive(SimpleObject)]
struct DiscardJobPayload {
    /// Its id.
    job_id: JobId,
}

/// Questions about background work.
#[derive(Default)]
pub struct UpkeepQuery;

#[Object]
impl UpkeepQuery {
    /// Background work that was given up, the most recent first. For superadmins.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn failed_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<FailedJob>> {
        let cx = ctx.cx().clone();
        check(&cx)?;
        let page = jobs::failed(&cx.db(), &Paging::new(first, after, last, before)?).await?;
        let place = |row: &job::Model| Place(row.failed_at.unwrap_or_default().timestamp_micros(), row.id.0);
        Ok(page.connect(place, FailedJob::from, move || {
            let cx = cx.clone();
            async move { jobs::count_failed(&cx.db()).await }.boxed()
        }))
    }
}

/// Changes to background work.
#[derive(Default)]
pub struct UpkeepMutation;

#[Object]
impl UpkeepMutation {
    /// Tries a failed job again at once, as often as a new one. Where the same work has been ordered since, that order
    /// takes its place. What was ended because the job failed, such as an answer, stays ended. For superadmins.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RetryJobInput,
    ) -> Result<RetryJobPayload> {
        let cx = ctx.cx();
        check(cx)?;
        let mut tx = cx.begin().await?;
        jobs::retry(&mut tx, input.job_id).await?;
        tx.commit().await?;
        Ok(RetryJobPayload { job_id: input.job_id })
    }

    /// Forgets a failed job, which is not done any more. For superadmins.
    async fn discard_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DiscardJobInput,
    ) -> Result<DiscardJobPayload> {
        let cx = ctx.cx();
        check(cx)?;
        let tx = cx.begin().await?;
        jobs::discard(&tx, input.job_id).await?;
        tx.commit().await?;
        Ok(DiscardJobPayload { job_id: input.job_id })
    }
}

/// A job that was given up, for `node(id:)`.
pub(crate) async fn node(cx: &Ctx, id: JobId) -> Result<FailedJob> {
    check(cx)?;
    Ok(jobs::find_failed(&cx.db(), id).await?.into())
}

/// # Errors
/// `UNAUTHENTICATED` when nobody is signed in, `FORBIDDEN` for everybody but superadmins.
fn check(cx: &Ctx) -> Result<()> {
    match &cx.actor {
        Actor::User(person) if person.superadmin => Ok(()),
        Actor::Anonymous => Err(Error::unauthenticated()),
        Actor::User(_) | Actor::Visitor { .. } | Actor::System => Err(Error::forbidden()),
    }
}
