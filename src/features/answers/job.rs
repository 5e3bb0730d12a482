//! The job that answers a question. Only this writes; everybody else watches.
//!
//! A writer whose lease was taken posts nothing, whatever it has written: the transaction that posts ends the job, too.

use std::time::Duration;

use ::entity::{
    ai_usage::Purpose,
    assistant, conversation,
    conversation::HandoffReason,
    ids::{AssistantId, MessageId, RunId},
    message::{AnswerAction, Audience, AuthorKind},
    run::{self, RunStatus},
};
use futures_util::{FutureExt, StreamExt};
use sea_orm::{ActiveValue::Set, IntoActiveModel};
use serde::{Deserialize, Serialize};

use super::{
    facts::{RunFact, subject},
    generate::{self, Prepared, Written},
    history,
    model::{self, FailureReason, Usage},
    offer::OfferPerson,
    progress::Writing,
    reader, store, texts,
};
use crate::{
    features::{
        assistants::{self, Account},
        conversations::{self, Author, Event, Passing, Posting, change_in},
        routing,
    },
    kernel::{
        Ctx, Error, Permission, Result, Tx,
        error::ErrorCode,
        heads::{self, Hints},
        jobs::{Due, Failure, Job, Lane, Lease},
    },
    ports::{
        ai::{Finish, ModelError, Piece, Reply},
        bus::{Heard, Topic},
    },
};

/// Answers the question of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct AnswerQuestion {
    pub(super) run: RunId,
    /// A short message waits for the next one.
    #[serde(skip)]
    pub(super) wait: Duration,
}

impl Job for AnswerQuestion {
    const KIND: &'static str = "answer_question";
    const LANE: Lane = Lane::Interactive;

    fn key(&self) -> Option<String> {
        Some(self.run.to_string())
    }

    fn due(&self) -> Due {
        Due::After(self.wait)
    }

    async fn run(self, cx: Ctx, lease: Lease) -> Result<(), Failure> {
        match Box::pin(answer(&cx, &lease, self.run)).await {
            // The conversation was deleted meanwhile, and the run with it.
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => other.map_err(Failure::from),
        }
    }

    async fn failed(self, tx: &mut Tx) -> Result<()> {
        match Box::pin(end_in(tx, self.run, Ending::without_words(FailureReason::Internal))).await {
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            other => other.map(drop),
        }
    }
}

/// How the writing ended.
enum End {
    /// The provider says that the answer is complete.
    Complete { cut: bool, usage: Option<Usage> },
    /// It broke off, or was stopped: what there is counts.
    Interrupted,
    /// Nothing can come.
    Failed(FailureReason),
}

/// What a writer leaves behind.
struct Ending {
    /// The try that wrote it; a later one makes it worthless.
    attempt: Option<i32>,
    written: Option<Written>,
    end: End,
    account: Account,
}

impl Ending {
    fn without_words(reason: FailureReason) -> Self {
        Self { attempt: None, written: None, end: End::Failed(reason), account: Account::default() }
    }
}

/// What became of a try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// The run has ended, or is somebody else's.
    Over,
    /// The question is another one by now: it is begun anew.
    Anew,
}

async fn answer(cx: &Ctx, lease: &Lease, id: RunId) -> Result<()> {
    while Box::pin(try_to_answer(cx, lease, id)).await? == Tried::Anew {}
    Ok(())
}

async fn try_to_answer(cx: &Ctx, lease: &Lease, id: RunId) -> Result<Tried> {
    let run = store::find(&cx.db(), id).await?;
    match run.status {
        RunStatus::Queued | RunStatus::Running => {}
        // Stopped by a participant while its writer was dying: what had been saved, if anything, becomes the message.
        RunStatus::Stopped if run.finished_at.is_none() => {
            let written = (!run.text.is_empty()).then(|| Written::saved(run.text.clone()));
            let account = Account::default();
            return finish(cx, lease, id, Ending { attempt: None, written, end: End::Interrupted, account }).await;
        }
        RunStatus::Stopped | RunStatus::Finished | RunStatus::Failed | RunStatus::Cancelled => return Ok(Tried::Over),
    }
    let reach = cx.reach(Permission::ConversationsRead)?;
    let conversation = conversations::find(&cx.db(), &reach, run.conversation_id).await?;
    let Some(assistant) = usable(cx, lease, &run, &conversation).await? else { return Ok(Tried::Over) };
    let history = history::up_to(&cx.db(), conversation.id, run.question_seq).await?;
    let question = model::question(&history);
    if run.requested_by.is_none() && question.is_empty() {
        return finish(cx, lease, id, Ending::without_words(FailureReason::QuestionDeleted)).await;
    }
    let purpose = if run.requested_by.is_some() { Purpose::Draft } else { Purpose::Answer };
    let (mut prepared, mut reply) =
        generate::prepare(cx, purpose, Some(id), &assistant, &conversation, &history).await?;
    // Listens before the run shows as running: who stops it from then on is heard.
    let mut hints = heads::listen(cx, run.site_id, &[Topic::Subject(subject(&run))]).await?;
    // Nobody takes it for a person: that is said before it says anything.
    let is_first = run.requested_by.is_none() && history.iter().all(|it| it.author_kind != AuthorKind::Assistant);
    let introduction = match is_first {
        true => Some(assistants::disclosure(prepared.language, generate::has_staff(cx, &assistant).await?)),
        false => None,
    };
    let asked = (run.question_seq, model::question_hash(&question));
    let mut run = match begin(cx, lease, id, &prepared, introduction, &asked).await? {
        Begun::Running(run) => *run,
        Begun::Over => return Ok(Tried::Over),
        Begun::Anew => return give_up(cx, reply, &prepared.account).await,
    };
    let mut writing = Writing::begin(cx, id, run.attempt);
    let end = loop {
        match write(cx, &run, &mut prepared, &mut reply, &writing, &mut hints).await {
            Wrote::End(end) => break end,
            Wrote::Anew => return give_up(cx, reply, &prepared.account).await,
            Wrote::Withdrawn => {}
        }
        // What was written were the model's thoughts: whoever watches begins anew.
        prepared.withdrawn();
        drop(writing);
        let begun = begin(cx, lease, id, &prepared, None, &asked).await?;
        let is_wanted = matches!(begun, Begun::Running(_));
        if let Begun::Running(anew) = begun {
            run = *anew;
        }
        writing = Writing::begin(cx, id, run.attempt);
        if !is_wanted {
            break End::Interrupted;
        }
    };
    drop(reply);
    let text = writing.progress().text;
    let written = (!text.is_empty()).then(|| prepared.complete(text));
    let account = prepared.account.clone();
    match finish(cx, lease, id, Ending { attempt: Some(run.attempt), written, end, account }).await {
        // The conversation was deleted meanwhile; the calls were made all the same.
        Err(error) if error.code == ErrorCode::NotFound => {
            let tx = cx.begin().await?;
            prepared.account.book(&tx).await?;
            tx.commit().await.map(|_| Tried::Over)
        }
        other => other,
    }
}

/// The question is another one by now: nobody asks the provider for more, and what it has said is paid for.
async fn give_up(cx: &Ctx, reply: Reply, account: &Account) -> Result<Tried> {
    drop(reply);
    let tx = cx.begin().await?;
    account.book_alone(&tx).await?;
    tx.commit().await.map(|_| Tried::Anew)
}

/// The assistant, if it may speak; otherwise the run ends here.
async fn usable(
    cx: &Ctx,
    lease: &Lease,
    run: &run::Model,
    conversation: &conversation::Model,
) -> Result<Option<assistant::Model>> {
    let is_draft = run.requested_by.is_some();
    if !is_draft && let Some(reason) = model::silenced(conversation) {
        finish(cx, lease, run.id, Ending::without_words(reason)).await?;
        return Ok(None);
    }
    let assistant = assistants::find_any(&cx.db(), run.assistant_id).await?;
    let mut usable = assistant.filter(assistants::may_answer);
    if !is_draft && routing::is_silenced(&cx.db(), run.site_id, cx.clock.now()).await? {
        usable = None;
    }
    if usable.is_none() {
        finish(cx, lease, run.id, Ending::without_words(FailureReason::AssistantDisabled)).await?;
        return Ok(None);
    }
    Ok(usable)
}

/// How an attempt begins.
enum Begun {
    Running(Box<run::Model>),
    /// The run was ended meanwhile, or another worker writes it.
    Over,
    /// The visitor has written more, which this run is to answer as well.
    Anew,
}

/// Marks the run as running and tells of its sources. `asked` is the number of the question and its hash, as the answer was
/// prepared for them.
async fn begin(
    cx: &Ctx,
    lease: &Lease,
    id: RunId,
    prepared: &Prepared,
    introduction: Option<&'static str>,
    (question_seq, question_hash): &(i64, Vec<u8>),
) -> Result<Begun> {
    let mut tx = cx.begin().await?;
    if let Some(words) = introduction {
        introduce(&mut tx, id, words).await?;
    }
    let run = store::find_for_update(&tx.db(), id).await?;
    if !matches!(run.status, RunStatus::Queued | RunStatus::Running) || !lease.confirm(&tx).await? {
        return Ok(Begun::Over);
    }
    if run.question_seq != *question_seq {
        return Ok(Begun::Anew);
    }
    let attempt = run.attempt + 1;
    let mut row = run.into_active_model();
    row.status = Set(RunStatus::Running);
    row.attempt = Set(attempt);
    row.question_hash = Set(Some(question_hash.clone()));
    row.started_at = Set(Some(cx.clock.now()));
    row.text = Set(String::new());
    row.chunks = Set(0);
    row.citations = Set(serde_json::to_value(&prepared.sources)?);
    let run = store::update(&tx.db(), row).await?;
    let subject = subject(&run);
    tx.record(run.site_id, subject, &RunFact::Started { run: id, attempt })?;
    if !prepared.sources.is_empty() {
        tx.record(run.site_id, subject, &RunFact::SourcesFound { run: id, sources: prepared.sources.clone() })?;
    }
    tx.commit().await?;
    Ok(Begun::Running(Box::new(run)))
}

/// Says once in a conversation that an assistant answers. Its own words or these: who was told is not told again.
async fn introduce(tx: &mut Tx, id: RunId, words: &str) -> Result<()> {
    let run = store::find(&tx.db(), id).await?;
    let reach = tx.cx().reach(Permission::ConversationsRead)?;
    let conversation = conversations::find_for_update(&tx.db(), &reach, run.conversation_id).await?;
    if !conversations::assistant_speaks(&conversation)
        || conversations::has_spoken(&tx.db(), conversation.id, run.assistant_id).await?
    {
        return Ok(());
    }
    let server = Author { kind: AuthorKind::System, id: Some(run.assistant_id.0) };
    let posting = Posting::by(server, conversation.id, Audience::Everyone, words.to_owned());
    conversations::post_in(tx, run.site_id, &posting).await.map(drop)
}

/// How the writing came to an end.
enum Wrote {
    End(End),
    /// What was written does not count, and the answer follows.
    Withdrawn,
    /// The question is another one by now.
    Anew,
}

/// Streams the pieces until they end or the run is no longer wanted. Dropping the reply stops the provider.
async fn write(
    cx: &Ctx,
    run: &run::Model,
    prepared: &mut Prepared,
    reply: &mut Reply,
    writing: &Writing,
    hints: &mut Hints,
) -> Wrote {
    let (subject, is_draft) = (subject(run), run.requested_by.is_some());
    let send = |text: String| {
        if text.is_empty() {
            return;
        }
        let index = writing.add(&text);
        conversations::pass(cx, subject, &Passing::Chunk { run: run.id, attempt: run.attempt, index, text });
    };
    // What came after a text that was there at once.
    let mut next = None;
    let by_model = prepared.by_model();
    loop {
        let piece = tokio::select! {
            biased;
            heard = hints.next() => match heard {
                Heard::Woken | Heard::Lagged => match wanted(cx, run).await {
                    Ok(Wanted::AsBefore) => continue,
                    Ok(Wanted::Not(end)) => break Wrote::End(end),
                    Ok(Wanted::Anew) => break Wrote::Anew,
                    // The database is away; the end of the answer will ask again.
                    Err(_) => continue,
                },
                Heard::Passed(_) => continue,
            },
            piece = following(reply, &mut next, by_model) => piece,
        };
        match piece {
            Some(Ok(Piece::Text(text))) => send(prepared.shown(&text)),
            Some(Ok(Piece::Withdrawn)) => break Wrote::Withdrawn,
            Some(Ok(Piece::Done { finish, usage })) => {
                send(prepared.rest());
                // Half an answer that a filter stopped is no answer either.
                let cut = finish != Finish::Stop;
                if !cut
                    && !is_draft
                    && let Some(closing) = prepared.closing(&writing.progress().text)
                {
                    send(closing);
                }
                break Wrote::End(End::Complete { cut, usage: usage.map(generate::usage) });
            }
            Some(Err(error)) => {
                tracing::warn!(run.id = %run.id, error = %error, "a model did not complete its answer");
                send(prepared.rest());
                let nothing = writing.progress().text.is_empty();
                let failed = End::Failed(FailureReason::ProviderFailed);
                break Wrote::End(if nothing { failed } else { End::Interrupted });
            }
            None => {
                send(prepared.rest());
                break Wrote::End(End::Interrupted);
            }
        }
    }
}

/// What a reply says; `None` at its end.
type Said = Option<Result<Piece, ModelError>>;

/// The next piece. With `merge`, texts that are there already come as one: who is behind, because very many answers are
/// written at once, catches up thereby. The built-in answerer has its whole text at once and shows it piece by piece.
async fn following(reply: &mut Reply, next: &mut Option<Said>, merge: bool) -> Said {
    let piece = match next.take() {
        Some(piece) => piece,
        None => reply.next().await,
    };
    let Some(Ok(Piece::Text(mut text))) = piece else { return piece };
    while merge && let Some(piece) = reply.next().now_or_never() {
        match piece {
            Some(Ok(Piece::Text(more))) => text.push_str(&more),
            other => {
                *next = Some(other);
                break;
            }
        }
    }
    Some(Ok(Piece::Text(text)))
}

/// Whether a run is still wanted.
enum Wanted {
    AsBefore,
    /// It ends so.
    Not(End),
    /// The question is another one.
    Anew,
}

async fn wanted(cx: &Ctx, run: &run::Model) -> Result<Wanted> {
    let now = store::find(&cx.db(), run.id).await?;
    if now.status != RunStatus::Running || now.attempt != run.attempt {
        return Ok(Wanted::Not(End::Interrupted));
    }
    if run.requested_by.is_some() {
        return Ok(Wanted::AsBefore);
    }
    let reach = cx.reach(Permission::ConversationsRead)?;
    let conversation = conversations::find(&cx.db(), &reach, run.conversation_id).await?;
    if let Some(reason) = model::silenced(&conversation) {
        return Ok(Wanted::Not(End::Failed(reason)));
    }
    if routing::is_silenced(&cx.db(), run.site_id, cx.clock.now()).await? {
        return Ok(Wanted::Not(End::Failed(FailureReason::AssistantDisabled)));
    }
    let history = history::up_to(&cx.db(), conversation.id, run.question_seq).await?;
    Ok(match model::question(&history).as_str() {
        "" => Wanted::Not(End::Failed(FailureReason::QuestionDeleted)),
        question if model::is_another(run, question) => Wanted::Anew,
        _ => Wanted::AsBefore,
    })
}

/// Ends the run and the job in one transaction, so that only who still has the job ends the run. What was spent is booked
/// in any case.
async fn finish(cx: &Ctx, lease: &Lease, id: RunId, ending: Ending) -> Result<Tried> {
    let account = ending.account.clone();
    let mut tx = cx.begin().await?;
    let ended = Box::pin(end_in(&mut tx, id, ending)).await?;
    if ended == Ended::Yes && lease.end(&tx).await? {
        return tx.commit().await.map(|_| Tried::Over);
    }
    drop(tx);
    if ended != Ended::Anew {
        tracing::warn!(run.id = %id, "another worker answers; what was written here is not posted");
    }
    let tx = cx.begin().await?;
    account.book_alone(&tx).await?;
    tx.commit().await?;
    Ok(if ended == Ended::Anew { Tried::Anew } else { Tried::Over })
}

/// Whether a run has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Yes,
    /// A later try has begun.
    No,
    /// What was written answers what is not asked any more.
    Anew,
}

/// Ends the run: with a message, if something was written and the assistant may still speak; and books what was spent.
/// Doing it twice is the same as once.
async fn end_in(tx: &mut Tx, id: RunId, ending: Ending) -> Result<Ended> {
    let Ending { attempt, written, end, account } = ending;
    let cx = tx.cx().clone();
    // The conversation first, as everybody who posts does.
    let found = store::find(&tx.db(), id).await?;
    let reach = cx.reach(Permission::ConversationsRead)?;
    let conversation = conversations::find_for_update(&tx.db(), &reach, found.conversation_id).await?;
    let run = store::find_for_update(&tx.db(), id).await?;
    if attempt.is_some_and(|attempt| attempt != run.attempt) {
        return Ok(Ended::No);
    }
    // Nobody edits it from here on.
    if attempt.is_some() && run.status == RunStatus::Running && is_stale(tx, &conversation, &run).await? {
        return Ok(Ended::Anew);
    }
    let stopped = run.status == RunStatus::Stopped;
    account.book(tx).await?;
    if run.message_id.is_some() || !(stopped || matches!(run.status, RunStatus::Queued | RunStatus::Running)) {
        return Ok(Ended::Yes);
    }
    let (site, subject, is_draft) = (run.site_id, subject(&run), run.requested_by.is_some());
    let (question_seq, assistant) = (run.question_seq, run.assistant_id);
    let broke_off = matches!(end, End::Interrupted);
    let (interrupted, usage, failure) = match end {
        End::Complete { cut, usage } => (cut, usage, None),
        End::Interrupted => (true, None, None),
        End::Failed(reason) => (true, None, Some(reason)),
    };
    let ended = match (failure, &written) {
        (Some(reason), _) => Err(reason),
        (None, None) if stopped => Err(FailureReason::Stopped),
        (None, None) if is_draft && !broke_off => Err(FailureReason::NothingFound),
        (None, None) => Err(FailureReason::ProviderFailed),
        // Half a draft is no draft, unless the agent wanted no more of it.
        (None, Some(_)) if is_draft && broke_off && !stopped => Err(FailureReason::ProviderFailed),
        (None, Some(_)) if is_draft => Ok(None),
        (None, Some(_)) if routing::is_silenced(&tx.db(), site, cx.clock.now()).await? => {
            Err(FailureReason::AssistantDisabled)
        }
        (None, Some(written)) => {
            let posted = post(tx, &conversation, &run, written, interrupted || stopped).await?;
            posted.map(Some).ok_or_else(|| model::silenced(&conversation).unwrap_or(FailureReason::HumanTookOver))
        }
    };
    let mut row = run.into_active_model();
    row.finished_at = Set(Some(cx.clock.now()));
    if let Some(written) = &written {
        row.text = Set(written.text.clone());
        row.citations = Set(serde_json::to_value(&written.citations)?);
        row.action = Set(Some(written.verdict.action));
        row.confidence = Set(Some(written.verdict.confidence));
        row.dropped_citations = Set(i32::try_from(written.removed.citations).unwrap_or(i32::MAX));
        row.removed_links = Set(i32::try_from(written.removed.links).unwrap_or(i32::MAX));
    }
    row.usage = Set(usage.map(serde_json::to_value).transpose()?);
    if let Some(answerer) = account.answerer() {
        row.provider = Set(Some(answerer.provider));
        row.model = Set(answerer.model);
    }
    row.attempts = Set(Some(serde_json::to_value(account.attempts())?));
    row.status = Set(match ended {
        Ok(_) if stopped => RunStatus::Stopped,
        Ok(_) => RunStatus::Finished,
        Err(
            FailureReason::HumanTookOver
            | FailureReason::Superseded
            | FailureReason::ConversationClosed
            | FailureReason::QuestionDeleted,
        ) => RunStatus::Cancelled,
        Err(FailureReason::Stopped) => RunStatus::Stopped,
        Err(
            FailureReason::ProviderFailed
            | FailureReason::AssistantDisabled
            | FailureReason::NothingFound
            | FailureReason::Internal,
        ) => RunStatus::Failed,
    });
    let fact = match ended {
        Ok(Some(message)) => {
            row.message_id = Set(Some(message));
            RunFact::Finished { run: id, message }
        }
        Ok(None) => RunFact::DraftReady { run: id },
        Err(reason) => {
            row.failure = Set(Some(serde_json::to_value(reason)?.as_str().unwrap_or_default().to_owned()));
            RunFact::Failed { run: id, reason }
        }
    };
    store::update(&tx.db(), row).await?;
    tx.record(site, subject, &fact)?;
    if let Err(reason) = ended
        && !is_draft
    {
        go_on_in(tx, &conversation, (assistant, question_seq), reason).await?;
    }
    Ok(Ended::Yes)
}

/// True for an answer to the visitor whose question is another one by now.
async fn is_stale(tx: &Tx, conversation: &conversation::Model, run: &run::Model) -> Result<bool> {
    if run.requested_by.is_some() || !conversations::assistant_speaks(conversation) {
        return Ok(false);
    }
    let history = history::up_to(&tx.db(), conversation.id, run.question_seq).await?;
    Ok(model::is_another(run, &model::question(&history)))
}

/// A question that gets no answer is not passed over: a person gets it, or the visitor is told. What was asked besides is
/// answered.
async fn go_on_in(
    tx: &mut Tx,
    conversation: &conversation::Model,
    (assistant, question_seq): (AssistantId, i64),
    reason: FailureReason,
) -> Result<()> {
    if !conversations::assistant_speaks(conversation) {
        return Ok(());
    }
    match reason {
        // Where the site silenced it, its visitors may know already.
        FailureReason::AssistantDisabled if routing::welcome_in(tx, conversation.id, None).await? => Ok(()),
        FailureReason::ProviderFailed | FailureReason::AssistantDisabled | FailureReason::Internal => {
            if !routing::stand_in_for_assistant_in(tx, conversation.id, conversation.site_id).await? {
                say_silent_in(tx, conversation, assistant).await?;
            }
            Ok(())
        }
        // Taken back by the visitor, and perhaps not all of it.
        FailureReason::QuestionDeleted | FailureReason::Stopped => {
            match conversations::unanswered(&tx.db(), conversation.id).await?.filter(|newest| *newest > question_seq) {
                Some(newest) => reader::ask(tx, conversation.id, newest).await,
                None => Ok(()),
            }
        }
        FailureReason::HumanTookOver
        | FailureReason::Superseded
        | FailureReason::ConversationClosed
        | FailureReason::NothingFound => Ok(()),
    }
}

/// Says once, where there is nobody else to answer, that the assistant does not.
pub(super) async fn say_silent_in(
    tx: &mut Tx,
    conversation: &conversation::Model,
    assistant: AssistantId,
) -> Result<()> {
    let language = conversations::language(tx, conversation).await?;
    let words = texts::does_not_answer(&language);
    if conversations::last_told(&tx.db(), conversation.id).await?.is_some_and(|last| last == words) {
        return Ok(());
    }
    let server = Author { kind: AuthorKind::System, id: Some(assistant.0) };
    let posting = Posting::by(server, conversation.id, Audience::Everyone, words.to_owned());
    conversations::post_in(tx, conversation.site_id, &posting).await.map(drop)
}

/// Posts the answer and what follows from it. `None` when the assistant must stay silent.
async fn post(
    tx: &mut Tx,
    conversation: &conversation::Model,
    run: &run::Model,
    written: &Written,
    interrupted: bool,
) -> Result<Option<MessageId>> {
    let posting = Posting {
        conversation: conversation.id,
        author: Author { kind: AuthorKind::Assistant, id: Some(run.assistant_id.0) },
        audience: Audience::Everyone,
        body: written.text.clone(),
        // A second attempt to finish meets the message of the first.
        mentions: vec![],
        client_id: Some(run.id.0),
        run: Some(run.id),
        citations: written.citations.clone(),
        verdict: Some(written.verdict),
        interrupted,
        actor: Some(run.assistant_id.to_string()),
    };
    let Some(message) = conversations::insert_answer(tx, conversation, &posting).await? else { return Ok(None) };
    if written.verdict.action == AnswerAction::Handoff {
        let reach = tx.cx().reach(Permission::ConversationsRead)?;
        let told = conversations::find_for_update(&tx.db(), &reach, conversation.id).await?;
        let asked = Event::Requested { reason: HandoffReason::Assistant, since: None };
        change_in(tx, told, asked, Some(run.assistant_id.to_string())).await?;
    } else {
        offer_person(tx, conversation).await?;
    }
    Ok(Some(message.id))
}

/// Two answers, and the visitor is offered a person; not in a customer's private space, where there is none.
async fn offer_person(tx: &mut Tx, conversation: &conversation::Model) -> Result<()> {
    if conversation.person_offered_at.is_some() || !conversations::answered_twice(&tx.db(), conversation.id).await? {
        return Ok(());
    }
    let assistant = match conversation.assistant_id {
        Some(id) => assistants::find_any(&tx.db(), id).await?,
        None => None,
    };
    if assistant.is_some_and(|assistant| assistant.owner_id.is_none()) {
        tx.enqueue(&OfferPerson { conversation: conversation.id }).await?;
    }
    Ok(())
}

/// Stops a run on a participant's wish. What was written becomes a message marked as interrupted, or stays as a draft.
pub(super) async fn stop(cx: &Ctx, id: RunId) -> Result<run::Model> {
    let reach = cx.reach(Permission::ConversationsWrite)?;
    let mut tx = cx.begin().await?;
    let found = store::find(&tx.db(), id).await?;
    if !model::is_for(&cx.actor, &found) {
        return Err(Error::not_found("run"));
    }
    let gone = |error: Error| if error.code == ErrorCode::NotFound { Error::not_found("run") } else { error };
    conversations::find_for_update(&tx.db(), &reach, found.conversation_id).await.map_err(gone)?;
    let run = store::find_for_update(&tx.db(), id).await?;
    let (site, subject) = (run.site_id, subject(&run));
    let running = match run.status {
        RunStatus::Running => true,
        RunStatus::Queued => false,
        RunStatus::Stopped => return Ok(run),
        RunStatus::Finished | RunStatus::Failed | RunStatus::Cancelled => {
            return Err(Error::conflict(crate::kernel::ErrorReason::RunEnded, "The run has ended already."));
        }
    };
    let mut row = run.into_active_model();
    row.status = Set(RunStatus::Stopped);
    if !running {
        row.finished_at = Set(Some(cx.clock.now()));
        row.failure = Set(Some("STOPPED".to_owned()));
    }
    let stopped = store::update(&tx.db(), row).await?;
    tx.record(site, subject, &RunFact::StopRequested { run: id })?;
    if !running {
        tx.record(site, subject, &RunFact::Failed { run: id, reason: FailureReason::Stopped })?;
    }
    tx.commit().await?;
    Ok(stopped)
}
