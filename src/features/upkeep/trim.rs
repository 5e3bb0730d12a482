//! What the server tidies up by itself now and then.

use std::time::Duration;

use ::entity::site;
use sea_orm::{EntityTrait, QueryOrder};
use serde::{Deserialize, Serialize};

use crate::{
    features::assistants,
    kernel::{
        Ctx,
        jobs::{self, Failure, Job, Lane, Lease},
        journal, once,
    },
};

/// How often journals are trimmed.
const EVERY: Duration = Duration::from_secs(3_600);

/// Removes journal lines that are older than the settings keep them, jobs that failed long ago, and the ids under which
/// things were made long ago.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct TrimJournals {}

impl Job for TrimJournals {
    const KIND: &'static str = "trim_journals";
    const LANE: Lane = Lane::Background;
    const EVERY: Option<Duration> = Some(EVERY);

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        let before = cx.clock.now() - Duration::from_secs(u64::from(cx.config.journal_days) * 86_400);
        let sites = site::Entity::find()
            .order_by_asc(site::Column::Id)
            .all(&cx.db())
            .await
            .map_err(crate::kernel::Error::from)?;
        for site in sites {
            journal::trim(&cx, site.id, before).await?;
        }
        once::forget(&cx).await?;
        assistants::forget_troubles(&cx).await?;
        let tx = cx.begin().await?;
        jobs::forget_failed(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
