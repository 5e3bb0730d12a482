//! What the server does by itself now and then.

use std::time::Duration;

use ::entity::site;
use sea_orm::{EntityTrait, QueryOrder};
use serde::{Deserialize, Serialize};

use crate::kernel::{
    Ctx,
    jobs::{Failure, Job},
    journal,
};

/// How often journals are trimmed.
const EVERY: Duration = Duration::from_secs(3_600);

/// Removes journal lines that are older than the settings keep them, then orders itself anew.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct TrimJournals {
    /// Not before.
    due: Option<chrono::DateTime<chrono::Utc>>,
}

impl Job for TrimJournals {
    const KIND: &'static str = "trim_journals";

    fn key(&self) -> Option<String> {
        // The one under way still has its key, so the next one is named by its time.
        Some(self.due.map_or_else(|| "first".to_owned(), |due| due.timestamp().to_string()))
    }

    fn due(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.due
    }

    async fn run(self, cx: Ctx) -> Result<(), Failure> {
        let before = cx.clock.now() - Duration::from_secs(u64::from(cx.config.journal_days) * 86_400);
        let sites = site::Entity::find()
            .order_by_asc(site::Column::Id)
            .all(&cx.db())
            .await
            .map_err(crate::kernel::Error::from)?;
        for site in sites {
            journal::trim(&cx, site.id, before).await?;
        }
        let mut tx = cx.begin().await?;
        tx.enqueue(&Self { due: Some(cx.clock.now() + EVERY) }).await?;
        tx.commit().await?;
        Ok(())
    }
}
