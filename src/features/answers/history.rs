//! A conversation as an answer knows it: each answer stands after the turn that it answers, and not after what the visitor
//! wrote while it was being written.

use ::entity::{
    ids::ConversationId,
    message::{self, AuthorKind},
};

use super::{model, store};
use crate::{features::conversations, kernel::Result, ports::db::Db};

/// Most messages of one turn that are looked at, beside what was said before it.
const LONGEST_TURN: u64 = 60;

/// What an answer to everything up to a message is made from, oldest first: the turn, and what was said before it.
pub(super) async fn up_to(db: &Db<'_>, id: ConversationId, seq: i64) -> Result<Vec<message::Model>> {
    let answered = store::answered_before(db, id, seq).await?;
    let since = answered.as_ref().map_or(0, |run| run.question_seq);
    let turn = u64::try_from(seq.saturating_sub(since)).unwrap_or_default().min(LONGEST_TURN);
    let mut said = conversations::history(db, id, seq, model::HISTORY + turn).await?;
    // The answer to what was asked before may have come after this was asked.
    if let Some(answer) = answered.and_then(|run| run.message_id)
        && said.iter().all(|message| message.id != answer)
    {
        let answer = conversations::message(db, id, answer).await?;
        said.extend((answer.seq > seq).then_some(answer));
    }
    let questions = store::questions(db, said.iter().filter_map(|message| message.run_id).collect()).await?;
    said.sort_by_key(|message| match message.run_id.and_then(|run| questions.get(&run)) {
        Some(question) => (*question, 1, message.seq),
        None => (message.seq, 0, message.seq),
    });
    Ok(said)
}

/// The messages of the last turn of a history: what the visitor said since anybody answered.
pub(super) fn turn(history: &[message::Model]) -> &[message::Model] {
    let length = history.iter().rev().take_while(|message| message.author_kind == AuthorKind::Visitor).count();
    &history[history.len() - length..]
}
