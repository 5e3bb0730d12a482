//! Watching answers and conversations.

use std::collections::HashMap;

use ::entity::{
    conversation,
    ids::{ConversationId, MessageId, RunId},
    message::{Audience, AuthorKind},
    run::{self, RunStatus},
};
use async_graphql::{Context, Subscription};
use async_stream::try_stream;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future::Either};

use super::{
    super::{
        facts::{self, RunFact},
        model::FailureReason,
        progress, store,
    },
    events::*,
    types,
    watch::Watch,
};
use crate::{
    features::conversations::{
        self, ConversationFact, Passing, Viewer, Viewing,
        graphql::{
            answer::AssistantAnswer,
            subscription::{gap, messages_of, rows_of},
            types::{Conversation, Message, Receipt, participant_id},
            viewers::ViewersChanged,
        },
    },
    kernel::{
        Ctx, CtxExt, Permission, Result, heads,
        journal::{self, Cursor, Followed, Line, Scope, placed},
    },
    ports::bus::{Heard, Topic},
};

/// Subscriptions about answers.
#[derive(Default)]
pub struct AnswersSubscription;

#[Subscription]
impl AnswersSubscription {
    /// Everything that happens in a conversation: messages, receipts, typing, changes, and answers as they are written.
    /// With `after`, first what was missed since that event, then what happens; without it, from now on. Who comes while
    /// an answer is being written gets its text so far. A member of the site who follows has the conversation open: other
    /// members see that, in `viewers` of the conversation and by `ViewersChanged`.
    async fn conversation_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which conversation.")] conversation_id: ConversationId,
        #[graphql(desc = "The `cursor` of the last event received, or of the conversation that was read.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ConversationEvent>> + use<>> {
        let cx = ctx.cx().clone();
        let reach = cx.reach(Permission::ConversationsRead)?;
        let conversation = Box::pin(conversations::find(&cx.db(), &reach, conversation_id)).await?;
        let position = cx.position.clone();
        let events = try_stream! {
            let scope = Scope::Subject(conversation_id.0);
            let passing = Some(Topic::Passing(conversation_id.0));
            let followed = journal::follow(cx.clone(), conversation.site_id, scope, after, passing);
            let mut followed = std::pin::pin!(followed);
            let mut watches: HashMap<RunId, Watch> = HashMap::new();
            let mut viewing = Viewing::open(&cx, &conversation).map(Box::new);
            loop {
                let next = tokio::select! {
                    batch = followed.next() => Either::Left(batch),
                    viewers = others(viewing.as_deref_mut()) => Either::Right(viewers),
                };
                let batch = match next {
                    Either::Left(Some(batch)) => batch?,
                    Either::Left(None) => return,
                    Either::Right(viewers) => {
                        yield ConversationEvent::ViewersChanged(ViewersChanged::new(conversation_id, viewers));
                        continue;
                    }
                };
                let events = match batch {
                    Followed::Gap { from, to } => {
                        vec![ConversationEvent::Gap(gap(from, to, "conversation(conversationId:)"))]
                    }
                    // Nobody looks for pieces of an answer that is not being written.
                    Followed::Lagged if watches.is_empty() => continue,
                    Followed::CaughtUp | Followed::Lagged => {
                        Box::pin(text_so_far(&cx, conversation_id, &mut watches)).await?.into_iter().collect()
                    }
                    Followed::Passed(payload) => {
                        Box::pin(passed(&cx, &conversation, &mut watches, &payload)).await?.into_iter().collect()
                    }
                    Followed::Lines(lines) => Box::pin(events_of(&cx, &conversation, &mut watches, &lines)).await?,
                };
                if let Some(position) = &cx.position {
                    position.busy(!watches.is_empty());
                }
                for event in events {
                    let last = matches!(event, ConversationEvent::ConversationDeleted(_));
                    yield event;
                    if last {
                        return;
                    }
                }
            }
        };
        Ok(placed(position, events))
    }

    /// One answer as it is written: that it began, its sources, its text piece by piece, and how it ended. Who comes
    /// late gets what there is and then the rest; with `after` nothing is repeated. Ends with `RunFinished`, `DraftReady`
    /// or `RunFailed`.
    async fn assistant_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which run.")] run_id: RunId,
        #[graphql(desc = "The `runCursor` of the last event received.")] after: Option<RunCursor>,
    ) -> Result<impl Stream<Item = Result<RunEvent>> + use<>> {
        let cx = ctx.cx().clone();
        let (run, conversation) = types::find(&cx, run_id).await?;
        let subject = facts::subject(&run);
        let mut watch = Watch::new(run_id);
        if let Some(after) = after {
            watch.cursor = after;
        }
        Ok(try_stream! {
            // Listens first, then reads: nothing falls in between.
            let topics = [Topic::Subject(subject), Topic::Passing(subject)];
            let mut hints = heads::listen(&cx, conversation.site_id, &topics).await?;
            let mut row = store::find(&cx.db(), run_id).await?;
            loop {
                if row.attempt > 0 && watch.attempt(row.attempt) {
                    yield RunEvent::RunStarted(RunStarted {
                        run_cursor: watch.cursor,
                        event_cursor: None,
                        run_id,
                        attempt: row.attempt,
                    });
                }
                let sources = types::sources(&row)?;
                if row.attempt > 0 && !watch.cursor.sources && !sources.is_empty() {
                    watch.cursor.sources = true;
                    yield RunEvent::SourcesFound(SourcesFound { run_cursor: watch.cursor, event_cursor: None, run_id, sources });
                }
                if let Some(chunk) = watch.text_so_far(&so_far(&cx, &row).await) {
                    yield RunEvent::Chunk(chunk);
                }
                if let Some(end) = ended(&cx, &conversation, &row).await? {
                    yield end;
                    return;
                }
                // Pieces as they pass; anything else is a reason to look at the row again.
                while let Heard::Passed(payload) = hints.next().await {
                    let Some(Passing::Chunk { run, attempt, index, text }) = conversations::passing(&payload) else { continue };
                    if run != run_id {
                        continue;
                    }
                    match watch.piece(attempt, index, &text) {
                        Ok(Some(chunk)) => yield RunEvent::Chunk(chunk),
                        Ok(None) => {}
                        Err(missed) if attempt == watch.cursor.attempt => {
                            if let Some(chunk) = watch.catch_up(&cx, &row, missed).await {
                                yield RunEvent::Chunk(chunk);
                            }
                        }
                        Err(_) => break,
                    }
                }
                row = store::find(&cx.db(), run_id).await?;
            }
        })
    }
}

/// Who has the conversation open, once that has changed; never for those who are not to know.
async fn others(viewing: Option<&mut Viewing>) -> Vec<Viewer> {
    match viewing {
        Some(viewing) => viewing.changed().await,
        None => std::future::pending().await,
    }
}

fn watch(watches: &mut HashMap<RunId, Watch>, run: RunId) -> &mut Watch {
    watches.entry(run).or_insert_with(|| Watch::new(run))
}

/// What there is of the answer that is being written.
async fn text_so_far(
    cx: &Ctx,
    conversation: ConversationId,
    watches: &mut HashMap<RunId, Watch>,
) -> Result<Option<ConversationEvent>> {
    let Some(run) = store::running(&cx.db(), conversation).await? else { return Ok(None) };
    let so_far = progress::snapshot(cx, &run).await;
    Ok(watch(watches, run.id).text_so_far(&so_far).map(ConversationEvent::Chunk))
}

/// A run's text: from the node that writes it, or from its row once it has ended.
async fn so_far(cx: &Ctx, row: &run::Model) -> progress::Progress {
    match row.status {
        RunStatus::Running => progress::snapshot(cx, row).await,
        // All of it, whatever was counted: the index only has to be beyond what a watcher has.
        RunStatus::Finished | RunStatus::Stopped if !row.text.is_empty() => {
            progress::Progress { attempt: row.attempt, index: i32::MAX, text: row.text.clone() }
        }
        RunStatus::Queued | RunStatus::Failed | RunStatus::Cancelled | RunStatus::Finished | RunStatus::Stopped => {
            progress::Progress { attempt: row.attempt, index: -1, text: String::new() }
        }
    }
}

/// The last event of a run that has ended.
async fn ended(cx: &Ctx, conversation: &conversation::Model, row: &run::Model) -> Result<Option<RunEvent>> {
    match (row.status, row.message_id) {
        (RunStatus::Queued | RunStatus::Running, _) => Ok(None),
        (RunStatus::Finished | RunStatus::Stopped, _)
            if row.requested_by.is_some() && row.finished_at.is_some() && row.failure.is_none() =>
        {
            Ok(Some(RunEvent::DraftReady(DraftReady { run_id: row.id, run: types::Run(row.clone()) })))
        }
        (_, Some(message)) => {
            let finished = finished(cx, conversation, row, message, None).await?;
            Ok(finished.map(RunEvent::RunFinished))
        }
        // Stopped a moment ago; its writer still has to post what there is.
        (RunStatus::Stopped, None) if row.finished_at.is_none() => Ok(None),
        (_, None) => {
            let reason = types::failure(row).unwrap_or(FailureReason::Superseded);
            Ok(Some(RunEvent::RunFailed(RunFailed { event_cursor: None, run_id: row.id, reason })))
        }
    }
}

async fn finished(
    cx: &Ctx,
    conversation: &conversation::Model,
    run: &run::Model,
    message: MessageId,
    event_cursor: Option<Cursor>,
) -> Result<Option<RunFinished>> {
    let row = rows_of(cx, conversation, vec![message]).await?.remove(&message);
    let Some(row) = row else { return Ok(None) };
    Ok(Some(RunFinished {
        event_cursor,
        answer: AssistantAnswer::of(&row)?,
        run_id: run.id,
        citations: types::sources(run).unwrap_or_default(),
        usage: types::usage(run),
        message: Message { row, conversation: conversation.clone() },
    }))
}

async fn passed(
    cx: &Ctx,
    conversation: &conversation::Model,
    watches: &mut HashMap<RunId, Watch>,
    payload: &Bytes,
) -> Result<Option<ConversationEvent>> {
    Ok(match conversations::passing(payload) {
        None => None,
        Some(Passing::Typing { kind, author, name, audience, is_typing, preview }) => {
            let is_member = conversations::sees_internals(&cx.actor, conversation);
            if audience == Audience::Staff && !is_member {
                return Ok(None);
            }
            // What an agent has not sent is for their colleagues at most: it may become a note.
            let shows = kind != AuthorKind::Agent || is_member;
            Some(ConversationEvent::TypingChanged(TypingChanged {
                conversation_id: conversation.id,
                author_kind: kind,
                author_id: participant_id(conversation, kind, author),
                author_name: name,
                audience,
                is_typing,
                preview: preview.filter(|_| shows),
            }))
        }
        Some(Passing::Chunk { run, attempt, index, text }) => {
            // Of a run that is not watched, either the first piece overtook the line that says that it has started, or
            // the end, which brings the whole text, overtook this one.
            if !watches.contains_key(&run) && store::find(&cx.db(), run).await?.status != RunStatus::Running {
                return Ok(None);
            }
            let watch = watch(watches, run);
            let chunk = match watch.piece(attempt, index, &text) {
                Ok(chunk) => chunk,
                // The line that says that this attempt has begun is on its way.
                Err(_) if attempt > watch.cursor.attempt => {
                    watch.keep(attempt, index, &text);
                    None
                }
                Err(missed) => {
                    let row = store::find(&cx.db(), run).await?;
                    if row.status != RunStatus::Running {
                        return Ok(None);
                    }
                    watch.catch_up(cx, &row, missed).await
                }
            };
            chunk.map(ConversationEvent::Chunk)
        }
    })
}

/// The events of a batch of lines that this caller may see.
async fn events_of(
    cx: &Ctx,
    conversation: &conversation::Model,
    watches: &mut HashMap<RunId, Watch>,
    lines: &[Line],
) -> Result<Vec<ConversationEvent>> {
    let staff = conversations::audiences(&cx.actor, conversation).len() > 1;
    let mut messages: HashMap<Cursor, _> =
        messages_of(cx, conversation, lines).await?.into_iter().map(|changed| (changed.cursor, changed)).collect();
    let reach = cx.reach(Permission::ConversationsRead)?;
    let now = conversations::lookup(&cx.db(), &reach, conversation.id).await?;
    let mut events = Vec::new();
    for line in lines {
        let cursor = line.cursor();
        if let Some(changed) = messages.remove(&cursor) {
            events.push(ConversationEvent::MessageChanged(changed));
        } else if let Some(fact) = ConversationFact::read(line) {
            if fact.is_internal() && !staff {
                continue;
            }
            events.extend(conversation_event(cursor, fact, conversation.id, now.as_ref(), staff));
        } else if let Some(fact) = RunFact::read(line) {
            run_event(cx, conversation, watches, cursor, fact, &mut events).await?;
        }
    }
    Ok(events)
}

fn conversation_event(
    cursor: Cursor,
    fact: ConversationFact,
    id: ConversationId,
    now: Option<&conversation::Model>,
    staff: bool,
) -> Option<ConversationEvent> {
    let close_reason =
        if let ConversationFact::Closed { reason, .. } = &fact { reason.filter(|_| staff) } else { None };
    let change = match fact {
        ConversationFact::Started { .. } => ConversationChange::Started,
        ConversationFact::Closed { .. } => ConversationChange::Closed,
        ConversationFact::Reopened { .. } => ConversationChange::Reopened,
        ConversationFact::Assigned { .. } => ConversationChange::Assigned,
        ConversationFact::TagsChanged { .. } => ConversationChange::TagsChanged,
        ConversationFact::HumanRequested { .. } => ConversationChange::HumanRequested,
        ConversationFact::HumanRequestCancelled { .. } => ConversationChange::HumanRequestCancelled,
        ConversationFact::HumanJoined { .. } => ConversationChange::HumanJoined,
        ConversationFact::QueueEntered => ConversationChange::QueueEntered,
        ConversationFact::QueueLeft { .. } => ConversationChange::QueueLeft,
        ConversationFact::AgentReconnecting => ConversationChange::AgentReconnecting,
        ConversationFact::AgentBack => ConversationChange::AgentBack,
        ConversationFact::AgentGone { .. } => ConversationChange::AgentGone,
        ConversationFact::Transferred { .. } => ConversationChange::Transferred,
        ConversationFact::PersonOffered => ConversationChange::PersonOffered,
        ConversationFact::AssistantPaused => ConversationChange::AssistantPaused,
        ConversationFact::AssistantResumed { .. } => ConversationChange::AssistantResumed,
        ConversationFact::Renamed => ConversationChange::Renamed,
        ConversationFact::Rated { .. } => ConversationChange::Rated,
        ConversationFact::ReceiptMoved { kind, actor, delivered_seq, read_seq } => {
            let receipt = Receipt { kind, actor, delivered_seq, read_seq };
            return Some(ConversationEvent::ReceiptMoved(ReceiptMoved { cursor, receipt }));
        }
        ConversationFact::Deleted { .. } => {
            return Some(ConversationEvent::ConversationDeleted(ConversationDeleted { cursor, conversation_id: id }));
        }
        ConversationFact::MessagePosted { .. }
        | ConversationFact::MessageEdited { .. }
        | ConversationFact::MessageDeleted { .. }
        | ConversationFact::ReactionsChanged { .. }
        | ConversationFact::AnswerRated { .. } => return None,
    };
    let conversation = Conversation::from(now?.clone());
    Some(ConversationEvent::ConversationChanged(ConversationChanged {
        cursor,
        conversation_change: change,
        close_reason,
        conversation,
    }))
}

async fn run_event(
    cx: &Ctx,
    conversation: &conversation::Model,
    watches: &mut HashMap<RunId, Watch>,
    cursor: Cursor,
    fact: RunFact,
    events: &mut Vec<ConversationEvent>,
) -> Result<()> {
    let run_id = fact.run();
    let watch = watch(watches, run_id);
    match fact {
        RunFact::Queued { .. }
        | RunFact::StopRequested { .. }
        | RunFact::DraftReady { .. }
        | RunFact::DraftClosed { .. } => {}
        RunFact::Started { attempt, .. } => {
            let had_some = watch.begin(attempt);
            let started = RunStarted { run_cursor: watch.cursor, event_cursor: Some(cursor), run_id, attempt };
            events.push(ConversationEvent::RunStarted(started));
            events.extend(watch.kept().map(ConversationEvent::Chunk));
            if had_some {
                // It was looked for as the watcher came, a moment after the run began.
                let run = store::find(&cx.db(), run_id).await?;
                if run.status == RunStatus::Running && run.attempt == attempt {
                    let so_far = progress::snapshot(cx, &run).await;
                    events.extend(watch.text_so_far(&so_far).map(ConversationEvent::Chunk));
                }
            }
        }
        RunFact::SourcesFound { sources, .. } => {
            watch.cursor.sources = true;
            let found = SourcesFound { run_cursor: watch.cursor, event_cursor: Some(cursor), run_id, sources };
            events.push(ConversationEvent::SourcesFound(found));
        }
        RunFact::Finished { message, .. } => {
            let run = store::find(&cx.db(), run_id).await?;
            // The end comes by another way than the pieces and may overtake the last of them.
            events.extend(watch.rest(run.attempt, &run.text).map(ConversationEvent::Chunk));
            watches.remove(&run_id);
            let finished = finished(cx, conversation, &run, message, Some(cursor)).await?;
            events.extend(finished.map(ConversationEvent::RunFinished));
        }
        RunFact::Failed { reason, .. } => {
            watches.remove(&run_id);
            events.push(ConversationEvent::RunFailed(RunFailed { event_cursor: Some(cursor), run_id, reason }));
        }
    }
    Ok(())
}
