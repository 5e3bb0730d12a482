//! What people do about unanswered questions.

use ::entity::{
    ids::QuestionGroupId,
    question_group::{self, QuestionStatus},
};

use super::{facts::QuestionFact, store};
use crate::{
    features::sites::reach_to,
    kernel::{Ctx, Error, ErrorReason, Permission, Result},
};

/// Most groups that are dismissed at once.
const MANY: usize = 100;

/// Says that groups need no article.
pub(super) async fn dismiss(cx: &Ctx, ids: Vec<QuestionGroupId>) -> Result<Vec<question_group::Model>> {
    let reach = reach_to(cx, Permission::KnowledgeWrite, "group of questions")?;
    if !(1..=MANY).contains(&ids.len()) {
        let message = format!("`input.groupIds` has {} ids; give between 1 and {MANY}.", ids.len());
        return Err(Error::bad_input("input.groupIds", ErrorReason::OutOfRange, message));
    }
    let mut tx = cx.begin().await?;
    let rows = store::find_all_for_update(&tx.db(), &reach, &ids).await?;
    if let Some(place) = ids.iter().position(|id| !rows.iter().any(|row| row.id == *id)) {
        return Err(Error::not_found("group of questions").at(format!("input.groupIds[{place}]")));
    }
    let mut dismissed = Vec::with_capacity(rows.len());
    for row in rows {
        let was = row.status;
        let row = question_group::Model { status: QuestionStatus::Dismissed, ..row };
        if was != QuestionStatus::Dismissed {
            store::save_group(&tx.db(), row.clone()).await?;
            tx.record(row.site_id, row.id.0, &QuestionFact::Dismissed { group: row.id })?;
        }
        dismissed.push(row);
    }
    tx.commit().await?;
    Ok(dismissed)
}
