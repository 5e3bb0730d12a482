//! A visitor's message leads to a run, a handoff to a summary.

use std::collections::BTreeMap;

use ::entity::{
    conversation::HandoffReason,
    ids::{ConversationId, MessageId, RunId},
    message::{Audience, AuthorKind},
    run::RunStatus,
};
use chrono::TimeDelta;
use futures_util::FutureExt;
use sea_orm::{ActiveValue::Set, IntoActiveModel};

use super::{
    facts::RunFact,
    history,
    job::{AnswerQuestion, say_silent_in},
    model::{self, FailureReason},
    resume::AnswerLeftOpen,
    store::{self, Queued},
    summary::SummarizeHandoff,
};
use crate::{
    features::{
        assistants,
        conversations::{self, ConversationFact},
        routing, sites,
        widgets::WidgetFact,
    },
    kernel::{Permission, Result, Tx, journal::Line, readers::Reader},
};

/// How often an answer is begun anew because the visitor goes on writing. Then it is given, and what was said meanwhile is
/// answered after it.
const RESTARTS: u64 = 3;

/// Reacts to messages of visitors, to handoffs, and to emergencies that are over.
pub fn reader() -> Reader {
    let concerns = |line: &Line| concern(line).is_some() || lets_speak(line);
    Reader::new("answers", concerns, |tx, lines| react(tx, lines).boxed())
}

/// True where the assistants of a site may speak again, whom an emergency had silenced.
fn lets_speak(line: &Line) -> bool {
    match WidgetFact::read(line) {
        Some(WidgetFact::EmergencyEnded { .. }) => true,
        Some(WidgetFact::EmergencySet { enabled, allow_ai, .. }) => !enabled || allow_ai,
        Some(WidgetFact::SettingsUpdated { .. }) | None => false,
    }
}

/// What a line asks for.
enum Concern {
    /// An answer to the visitor's message of this number.
    Question(i64),
    /// An answer to what nobody has answered: the assistant took over.
    Pending,
    /// A look whether this message, which was edited, asks something else now.
    Edited(MessageId),
    /// A look at what the visitor said while this message was being written.
    Answered(i64),
    /// A summary for whoever takes over.
    Handoff,
}

fn concern(line: &Line) -> Option<Concern> {
    let fact = ConversationFact::read(line)?;
    if let ConversationFact::MessagePosted { seq, author: AuthorKind::Visitor, audience: Audience::Everyone, .. } = fact
    {
        return Some(Concern::Question(seq));
    }
    if let ConversationFact::MessageEdited { message, audience: Audience::Everyone } = fact {
        return Some(Concern::Edited(message));
    }
    if let ConversationFact::AssistantResumed { answers_pending: true } = fact {
        return Some(Concern::Pending);
    }
    if let ConversationFact::MessagePosted {
        seq, author: AuthorKind::Assistant, audience: Audience::Everyone, ..
    } = fact
    {
        return Some(Concern::Answered(seq));
    }
    // Where people answer first, nobody has talked to the assistant yet.
    let asked = if let ConversationFact::HumanRequested { reason, .. } = fact { Some(reason) } else { None };
    asked.filter(|reason| *reason != HandoffReason::Site).map(|_| Concern::Handoff)
}

async fn react(tx: &mut Tx, lines: &[Line]) -> Result<()> {
    if let Some(line) = lines.iter().find(|line| lets_speak(line)) {
        tx.enqueue(&AnswerLeftOpen { site: line.site_id, after: None }).await?;
    }
    // The newest question of each conversation: messages that came together are answered together.
    let mut questions: BTreeMap<ConversationId, i64> = BTreeMap::new();
    let mut pending: BTreeMap<ConversationId, i64> = BTreeMap::new();
    let mut edited: BTreeMap<ConversationId, MessageId> = BTreeMap::new();
    for line in lines {
        let id = ConversationId(line.subject);
        match concern(line) {
            Some(Concern::Question(seq)) => {
                let newest = questions.entry(id).or_default();
                *newest = (*newest).max(seq);
            }
            Some(Concern::Pending) => {
                if let Some(seq) = conversations::unanswered(&tx.db(), id).await? {
                    pending.insert(id, seq);
                }
            }
            Some(Concern::Edited(message)) => {
                edited.insert(id, message);
            }
            Some(Concern::Answered(seq)) => {
                if let Some(missed) = missed(tx, id, seq).await? {
                    let newest = questions.entry(id).or_default();
                    *newest = (*newest).max(missed);
                }
            }
            Some(Concern::Handoff) => tx.enqueue(&SummarizeHandoff { conversation: id, line: line.seq }).await?,
            None => {}
        }
    }
    for (conversation, seq) in &questions {
        if !routing::welcome_in(tx, *conversation, Some(*seq)).await? {
            ask(tx, *conversation, *seq).await?;
        }
    }
    for (conversation, seq) in pending {
        // It has waited for a person already.
        if !questions.contains_key(&conversation) {
            ask_pending(tx, conversation, seq).await?;
        }
    }
    for (conversation, message) in edited {
        // What is asked besides is answered together with it.
        if !questions.contains_key(&conversation) {
            ask_again(tx, conversation, message).await?;
        }
    }
    Ok(())
}

/// A question that nobody has answered: where a person took over while its answer was being written, it is begun again.
pub(super) async fn ask_pending(tx: &mut Tx, id: ConversationId, question_seq: i64) -> Result<()> {
    let earlier = store::newest_edition(&tx.db(), id, question_seq).await?;
    let given_up = earlier.filter(|run| run.status == RunStatus::Cancelled);
    ask_edition(tx, id, question_seq, given_up.map_or(0, |run| run.edition + 1)).await
}

/// A question that was answered, and that the visitor has made another one, is answered again while nothing was said since.
/// (Where its answer is being written, the writer begins anew.)
async fn ask_again(tx: &mut Tx, id: ConversationId, edited: MessageId) -> Result<()> {
    let Some(answered) = store::answered_before(&tx.db(), id, i64::MAX).await? else { return Ok(()) };
    let said = conversations::history(&tx.db(), id, i64::MAX, model::HISTORY).await?;
    let last = said.last().and_then(|message| message.run_id);
    let newest = said.iter().rev().find(|message| message.author_kind == AuthorKind::Visitor);
    if last != Some(answered.id) || newest.is_none_or(|newest| newest.seq > answered.question_seq) {
        return Ok(());
    }
    let known = history::up_to(&tx.db(), id, answered.question_seq).await?;
    let question = model::question(&known);
    let is_of_it = history::turn(&known).iter().any(|message| message.id == edited);
    if is_of_it && !question.is_empty() && model::is_another(&answered, &question) {
        ask_edition(tx, id, answered.question_seq, answered.edition + 1).await?;
    }
    Ok(())
}

/// The visitor's newest message that an answer does not know, as it came while the answer was being written.
async fn missed(tx: &mut Tx, id: ConversationId, answer_seq: i64) -> Result<Option<i64>> {
    let history = conversations::history(&tx.db(), id, answer_seq, model::HISTORY).await?;
    let Some(run) = history.last().filter(|last| last.seq == answer_seq).and_then(|last| last.run_id) else {
        return Ok(None);
    };
    let Some(run) = store::lookup(&tx.db(), run).await? else { return Ok(None) };
    let newest = history.iter().rev().find(|message| message.author_kind == AuthorKind::Visitor);
    Ok(newest.map(|message| message.seq).filter(|seq| *seq > run.question_seq))
}

/// True where the visitor has waited long enough for an answer to all that they go on writing.
async fn is_due(tx: &Tx, id: ConversationId, question_seq: i64) -> Result<bool> {
    let history = history::up_to(&tx.db(), id, question_seq).await?;
    let begins = history::turn(&history).first().map_or(question_seq, |first| first.seq);
    Ok(store::restarts(&tx.db(), id, begins - 1).await? >= RESTARTS)
}

/// Begins a run for a visitor's message, unless one answers it already or its assistant is to be silent.
pub(super) async fn ask(tx: &mut Tx, id: ConversationId, question_seq: i64) -> Result<()> {
    ask_edition(tx, id, question_seq, 0).await
}

async fn ask_edition(tx: &mut Tx, id: ConversationId, question_seq: i64, edition: i32) -> Result<()> {
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let Some(conversation) = conversations::lookup(&tx.db(), &reach, id).await? else { return Ok(()) };
    let Some(assistant) = conversation.assistant_id else { return Ok(()) };
    let now = tx.cx().clock.now();
    if !conversations::assistant_speaks(&conversation)
        || routing::is_silenced(&tx.db(), conversation.site_id, now).await?
    {
        return Ok(());
    }
    let found = assistants::find_any(&tx.db(), assistant).await?;
    let Some(speaker) = found.filter(assistants::may_answer) else {
        // Elsewhere a person is asked for.
        if sites::find_any(&tx.db(), conversation.site_id).await?.owner_id.is_some() {
            let locked = conversations::find_for_update(&tx.db(), &reach, id).await?;
            say_silent_in(tx, &locked, assistant).await?;
        }
        return Ok(());
    };
    for older in store::active_for_update(&tx.db(), id, None).await? {
        if older.question_seq >= question_seq {
            return Ok(());
        }
        // One run at a time: the newer one answers everything that was said since the last answer.
        let run = older.id;
        if is_due(tx, id, question_seq).await? {
            // It is not begun anew; where it has not begun, it answers this as well.
            if older.status == RunStatus::Queued {
                let mut row = older.into_active_model();
                row.question_seq = Set(question_seq);
                store::update(&tx.db(), row).await?;
            }
            return Ok(());
        }
        let mut row = older.into_active_model();
        row.status = Set(RunStatus::Cancelled);
        row.finished_at = Set(Some(now));
        store::update(&tx.db(), row).await?;
        tx.record(conversation.site_id, id.0, &RunFact::Failed { run, reason: FailureReason::Superseded })?;
    }
    let run = tx.cx().id(RunId);
    let site = conversation.site_id;
    let queued = Queued { site, conversation: id, assistant, question_seq, edition, drafted_for: None };
    if store::insert(&tx.db(), queued.row(run, now)).await? {
        tx.record(conversation.site_id, id.0, &RunFact::Queued { run })?;
        let asked = conversation.last_message_preview.unwrap_or_default();
        let wait = model::patience(&asked, TimeDelta::milliseconds(speaker.debounce_ms.into()));
        tx.enqueue(&AnswerQuestion { run, wait: wait.to_std().unwrap_or_default() }).await?;
    }
    Ok(())
}
