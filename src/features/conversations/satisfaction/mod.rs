//! How content visitors and customers were with a conversation that was closed: one rating a closing, which can be
//! changed for a day.

pub(crate) mod graphql;
mod model;
mod store;

use ::entity::{
    conversation::{self, Status},
    conversation_closing,
    ids::ConversationId,
};

use super::{closing::store as closings, facts::ConversationFact, handoff, store as conversations};
use crate::{
    features::sites,
    kernel::{Ctx, Error, ErrorReason, Permission, Result, text},
};

/// Most characters of a comment.
const COMMENT_MAX: usize = 1_000;

/// Rates a closed conversation as the one who asked; the same again changes nothing.
async fn rate(cx: &Ctx, id: ConversationId, score: i32, comment: Option<&str>) -> Result<conversation::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let comment = match comment.map(str::trim) {
        None | Some("") => None,
        Some(comment) => Some(text::longer("input.comment", comment, COMMENT_MAX)?),
    };
    let seen = conversations::find(&cx.db(), &reach, id).await?;
    sites::offered::check(cx, seen.site_id, |features| features.ratings, "ratings").await?;
    let mut tx = cx.begin().await?;
    let found = conversations::find_for_update(&tx.db(), &reach, id).await?;
    handoff::own(cx, &found)?;
    if !usize::try_from(score).is_ok_and(|score| (1..=model::BEST).contains(&score)) {
        let message = format!("`input.score` is {score}; give 1 (not content at all) to 5 (very content).");
        return Err(Error::bad_input("input.score", ErrorReason::OutOfRange, message));
    }
    let closing = match found.status {
        Status::Closed => closings::newest_for_update(&tx.db(), id).await?,
        Status::Open => None,
    };
    let closing = closing.ok_or_else(|| {
        Error::conflict(ErrorReason::ConversationOpen, "The conversation goes on; rate it when it is closed.")
    })?;
    if closing.score == Some(score) && closing.comment == comment {
        return Ok(found);
    }
    let now = cx.clock.now();
    if closing.rated_at.is_some_and(|at| now > model::editable_until(at)) {
        let message = "A rating can be changed for a day after it was given; this one stays as it is.";
        return Err(Error::conflict(ErrorReason::RatingFinal, message));
    }
    let rated_at = closing.rated_at.or(Some(now));
    let rated = conversation_closing::Model { score: Some(score), comment, rated_at, ..closing };
    closings::save(&tx.db(), rated).await?;
    tx.record(found.site_id, id.0, &ConversationFact::Rated { score })?;
    tx.commit().await?;
    Ok(found)
}
