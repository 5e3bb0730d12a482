//! Queries on closings.

use std::collections::HashMap;

use ::entity::{
    conversation_closing::{self, Column, Entity},
    ids::ConversationId,
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use crate::{
    kernel::Result,
    ports::db::{Db, for_update},
};

/// The newest closing of a conversation, rated or not. Its conversation must be locked.
pub(in crate::features::conversations) async fn newest_for_update(
    db: &Db<'_>,
    id: ConversationId,
) -> Result<Option<conversation_closing::Model>> {
    let of_conversation = Entity::find().filter(Column::ConversationId.eq(id)).order_by_desc(Column::Number);
    Ok(for_update(of_conversation).one(db).await?)
}

pub(super) async fn insert(db: &Db<'_>, row: conversation_closing::Model) -> Result<()> {
    Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// Writes everything of a closing.
pub(in crate::features::conversations) async fn save(db: &Db<'_>, row: conversation_closing::Model) -> Result<()> {
    row.into_active_model().reset_all().update(db).await?;
    Ok(())
}

/// Forgets the closing of a conversation that goes on; what was rated stays.
pub(super) async fn forget_unrated(db: &Db<'_>, id: ConversationId) -> Result<()> {
    let unrated = Entity::delete_many().filter(Column::ConversationId.eq(id)).filter(Column::Score.is_null());
    unrated.exec(db).await?;
    Ok(())
}

/// Closings by conversation, oldest first.
pub(super) async fn by_conversations(
    db: &Db<'_>,
    ids: Vec<ConversationId>,
) -> Result<HashMap<ConversationId, Vec<conversation_closing::Model>>> {
    let mut found: HashMap<_, Vec<conversation_closing::Model>> = HashMap::new();
    let rows = Entity::find().filter(Column::ConversationId.is_in(ids)).order_by_asc(Column::Number).all(db).await?;
    for row in rows {
        found.entry(row.conversation_id).or_default().push(row);
    }
    Ok(found)
}
