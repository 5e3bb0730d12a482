//! Exactly once: who asks for something to be made may give it an id of their own, the `clientId`. Asked for again under
//! it, for example after a lost connection, it is the same thing and never a second one.
//!
//! What always holds:
//! - An id is one of its caller and of one operation: nobody meets what an id of somebody else stands for.
//! - An id is claimed in the transaction that makes the thing, before anything else there. Of several at once one makes
//!   it; the others wait for that one, and find it.
//! - With other content the id is refused, and so it is when the thing is gone.
//! - An id is known for [`KNOWN`]: nobody asks again so late, and nothing is kept for ever for those who might.

use ::entity::creation;
use async_graphql::InputType;
use chrono::TimeDelta;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Ctx, Error, ErrorReason, Result, Tx,
    error::ErrorCode,
    quotas::{self, Expense},
    secret,
};
use crate::ports::db::Db;

/// Where the id stands in an input.
pub const FIELD: &str = "input.clientId";

/// How long an id is known. Every `clientId` of the schema says so.
pub const KNOWN: TimeDelta = TimeDelta::days(7);
/// Ids forgotten at once.
const FORGOTTEN: u64 = 1_000;

/// The id under which something is to be made once; without one it is made whenever it is asked for.
#[derive(Clone, Debug)]
pub struct Once(Option<Asked>);

#[derive(Clone, Debug)]
struct Asked {
    key: Uuid,
    content: Vec<u8>,
}

impl Once {
    /// What `operation` is asked for under `client`; a repetition must come with the same input.
    pub fn new(cx: &Ctx, operation: &'static str, client: Option<Uuid>, input: &impl InputType) -> Self {
        Self(client.map(|client| Asked {
            key: secret::id(&[operation.as_bytes(), cx.actor.id().unwrap_or_default().as_bytes(), client.as_bytes()]),
            content: secret::hash(&[input.to_value().to_string().as_bytes()]),
        }))
    }

    /// The same for content that the input only refers to.
    pub fn with(self, more: &[&[u8]]) -> Self {
        let content = |asked: Asked| {
            let parts: Vec<&[u8]> = std::iter::once(asked.content.as_slice()).chain(more.iter().copied()).collect();
            Asked { content: secret::hash(&parts), ..asked }
        };
        Self(self.0.map(content))
    }

    /// A name that only this caller's id for this operation has.
    pub fn key(&self) -> Option<Uuid> {
        self.0.as_ref().map(|asked| asked.key)
    }

    /// What was made under the id before.
    ///
    /// # Errors
    /// `CONFLICT` with `IDEMPOTENCY_MISMATCH` when it was asked for with other content.
    pub async fn made(&self, db: &Db<'_>) -> Result<Option<Uuid>> {
        let Some(asked) = &self.0 else { return Ok(None) };
        match creation::Entity::find_by_id(asked.key).one(db).await? {
            Some(found) if found.content_hash == asked.content => Ok(Some(found.made)),
            Some(_) => Err(mismatch()),
            None => Ok(None),
        }
    }

    /// Spends what making the thing costs. Where that is too much, the thing may have been made meanwhile, by the same
    /// request at the same moment.
    ///
    /// # Errors
    /// `RATE_LIMITED` when there is nothing left and nothing was made, and as for [`Self::made`].
    pub async fn spend(&self, cx: &Ctx, expenses: &[Expense]) -> Result<Option<Uuid>> {
        match quotas::spend(cx, expenses).await {
            Ok(()) => Ok(None),
            Err(refused) => self.made(&cx.db()).await?.map(Some).ok_or(refused),
        }
    }

    /// Takes the id for `new`, which this transaction makes; what was made under it before, if something was.
    ///
    /// # Errors
    /// As for [`Self::made`].
    pub async fn claim(&self, tx: &Tx, new: Uuid) -> Result<Option<Uuid>> {
        let Some(Asked { key, content }) = self.0.clone() else { return Ok(None) };
        let row =
            creation::Model { id: key, content_hash: content, made: new, told: None, created_at: tx.cx().clock.now() };
        let keep = OnConflict::column(creation::Column::Id).do_nothing().to_owned();
        let insert = creation::Entity::insert(row.into_active_model()).on_conflict(keep);
        if insert.exec_without_returning(&tx.db()).await? == 1 {
            return Ok(None);
        }
        let made = self.made(&tx.db()).await?;
        made.map(Some).ok_or_else(|| Error::internal("something that was made and was not"))
    }

    /// Keeps what is answered, in the transaction that has claimed the id: where a repetition cannot tell it from what was
    /// made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell(&self, tx: &Tx, told: &impl Serialize) -> Result<()> {
        let Some(asked) = &self.0 else { return Ok(()) };
        let told = serde_json::to_value(told).map_err(Error::internal)?;
        let row = creation::ActiveModel { told: Set(Some(told)), ..Default::default() };
        creation::Entity::update_many().set(row).filter(creation::Column::Id.eq(asked.key)).exec(&tx.db()).await?;
        Ok(())
    }

    /// What was answered when the thing was made.
    ///
    /// # Errors
    /// `NOT_FOUND` where that is not known.
    pub async fn told<T: DeserializeOwned>(&self, db: &Db<'_>) -> Result<T> {
        let Some(asked) = &self.0 else { return Err(gone()) };
        let found = creation::Entity::find_by_id(asked.key).one(db).await?;
        let told = found.and_then(|found| found.told).ok_or_else(gone)?;
        serde_json::from_value(told).map_err(Error::internal)
    }

    /// Gives the id back, where the transaction goes on without the thing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release(&self, tx: &Tx) -> Result<()> {
        if let Some(asked) = &self.0 {
            creation::Entity::delete_by_id(asked.key).exec(&tx.db()).await?;
        }
        Ok(())
    }
}

/// Forgets the ids that are known no longer, a few at a time.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(cx: &Ctx) -> Result<()> {
    use creation::Column;
    let before = cx.clock.now() - KNOWN;
    loop {
        let old: Vec<Uuid> = creation::Entity::find()
            .filter(Column::CreatedAt.lt(before))
            .order_by_asc(Column::CreatedAt)
            .select_only()
            .column(Column::Id)
            .limit(FORGOTTEN)
            .into_tuple()
            .all(&cx.db())
            .await?;
        if old.is_empty() {
            return Ok(());
        }
        let tx = cx.begin().await?;
        creation::Entity::delete_many().filter(Column::Id.is_in(old)).exec(&tx.db()).await?;
        tx.commit().await?;
    }
}

/// What was made before, read for a repetition.
///
/// # Errors
/// `NOT_FOUND` when it is gone or the caller may not see it any more; nothing is made in its place.
pub fn again<T>(found: Result<T>) -> Result<T> {
    found.map_err(|error| if error.code == ErrorCode::NotFound { gone() } else { error })
}

/// The error for a repetition whose thing is not there any more.
pub fn gone() -> Error {
    let message = "What was made under this `clientId` is gone, or not yours to see any more; nothing was made in its \
                   place. Take a new `clientId` to make another one.";
    Error::new(ErrorCode::NotFound, message).at(FIELD)
}

/// The error for an id that comes again with other content.
pub fn mismatch() -> Error {
    Error::conflict(
        ErrorReason::IdempotencyMismatch,
        "This `clientId` was used for other content; make a new one for each thing and keep it for retries.",
    )
    .at(FIELD)
}
