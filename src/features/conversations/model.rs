//! The rules of conversations, without IO.

use std::time::Duration;

use ::entity::{
    conversation::{self, Attention, Status},
    ids::{ArticleId, AssistantId, ChunkId, ConversationId, VisitorId},
    message::{self, Audience, AuthorKind},
};
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use understanding::{Kind, understand};
use uuid::Uuid;

use crate::kernel::{Actor, Ctx, Error, ErrorReason, Permission, Result, text};

/// Most characters of a message.
pub(crate) const MESSAGE_MAX: usize = 10_000;
/// Most characters of a title.
pub(crate) const TITLE_MAX: usize = 200;
/// Characters of the first message that describe a conversation.
pub(crate) const DESCRIPTION: usize = 45;
/// Characters of the newest message that an inbox row shows.
pub(crate) const PREVIEW: usize = 140;
/// Most characters of a tag, and most tags of a conversation.
pub(crate) const TAG_MAX: usize = 50;
pub(crate) const TAGS_MAX: usize = 20;
/// Most characters of a typing preview.
pub(crate) const TYPING_MAX: usize = 500;

/// A source of an answer: a literal part of one version of an article.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, SimpleObject)]
pub struct Citation {
    /// What `[n]` in the answer's text refers to; 1 for the first source that was found.
    #[serde(default)]
    pub number: i32,
    /// The article.
    #[graphql(name = "articleId")]
    pub article: ArticleId,
    /// The article's version the quote is taken from.
    pub version: i32,
    /// The passage that was found.
    #[graphql(name = "chunkId")]
    pub chunk: ChunkId,
    /// The article's title.
    pub title: String,
    /// The part of the article's public address that names it.
    pub slug: String,
    /// The quoted words, exactly as they stand in that version.
    pub quote: String,
    /// Where the quote begins in the version's Markdown: Unicode characters, as everywhere.
    pub start: i32,
    /// Where it ends.
    pub end: i32,
    /// How well the passage fits the question; comparable within one answer only.
    pub score: f64,
}

/// A conversation that is not there yet.
pub(crate) fn blank(cx: &Ctx) -> conversation::Model {
    blank_at(cx.id(ConversationId), cx.clock.now())
}

/// The same, with an id and a time.
pub(crate) fn blank_at(id: ConversationId, now: DateTime<Utc>) -> conversation::Model {
    conversation::Model {
        id,
        site_id: ::entity::ids::SiteId(Uuid::nil()),
        assistant_id: None,
        visitor_id: None,
        customer_id: None,
        status: Status::Open,
        attention: Attention::Assistant,
        assistant_helps: false,
        title: None,
        version: 1,
        title_folded: String::new(),
        description: None,
        assignee_id: None,
        assigned_at: None,
        department_id: None,
        queue_outcome: None,
        queue_left_at: None,
        human_requested_at: None,
        handoff_reason: None,
        human_joined_at: None,
        reply_awaited_at: None,
        replied_at: None,
        person_offered_at: None,
        open_key: None,
        last_seq: 0,
        last_message_id: None,
        last_message_author: None,
        last_message_preview: None,
        last_activity: now.timestamp_micros(),
        unread_by_staff: 0,
        unread_by_visitor: 0,
        created_at: now,
        closed_at: None,
        opened_seq: 0,
        resumed_seq: 0,
        called_seq: 0,
        waited_seq: 0,
    }
}

/// The text that makes a visitor's open conversation with an assistant unique.
pub(crate) fn open_key(visitor: VisitorId, assistant: Option<AssistantId>) -> String {
    match assistant {
        Some(assistant) => format!("{visitor}:{assistant}"),
        None => format!("{visitor}:-"),
    }
}

/// As whom a caller speaks in a conversation.
pub(crate) fn speaker(actor: &Actor, conversation: &conversation::Model) -> Result<(AuthorKind, Uuid)> {
    match actor {
        Actor::Visitor { visitor, .. } => Ok((AuthorKind::Visitor, visitor.0)),
        // Somebody's own conversation comes first: a member may be a customer of another site.
        Actor::User(person) if conversation.customer_id == Some(person.user) => {
            Ok((AuthorKind::Visitor, person.user.0))
        }
        Actor::User(person) => Ok((AuthorKind::Agent, person.user.0)),
        Actor::Anonymous | Actor::System => Err(Error::forbidden()),
    }
}

/// What of a conversation a caller may see.
pub(crate) fn audiences(actor: &Actor, conversation: &conversation::Model) -> &'static [Audience] {
    match actor {
        Actor::User(person) if conversation.customer_id == Some(person.user) => &[Audience::Everyone],
        Actor::Anonymous | Actor::User(_) | Actor::Visitor { .. } | Actor::System => {
            if actor.is_staff_of(conversation.site_id) {
                &[Audience::Everyone, Audience::Staff]
            } else {
                &[Audience::Everyone]
            }
        }
    }
}

/// May a caller do this with a conversation that they may read? Whoever may not read it was told that there is none.
pub(crate) fn may(actor: &Actor, permission: Permission, conversation: &conversation::Model) -> Result<()> {
    let reach = actor.reach(permission)?;
    let within = reach.covers(conversation.site_id, conversation.visitor_id, conversation.customer_id);
    if within { Ok(()) } else { Err(Error::forbidden()) }
}

/// True when the caller is staff where this conversation is.
pub(crate) fn sees_internals(actor: &Actor, conversation: &conversation::Model) -> bool {
    audiences(actor, conversation).contains(&Audience::Staff)
}

/// May this author still change this message?
pub(crate) fn may_change(
    message: &message::Model,
    author: (AuthorKind, Uuid),
    window: Duration,
    now: DateTime<Utc>,
) -> Result<()> {
    if (message.author_kind, message.author_id) != (author.0, Some(author.1)) {
        return Err(Error::new(crate::kernel::error::ErrorCode::Forbidden, "Only its author may change a message.")
            .reason(ErrorReason::NotAuthor));
    }
    if message.deleted_at.is_some() {
        return Err(Error::conflict(ErrorReason::MessageDeleted, "The message was deleted."));
    }
    if (now - message.created_at).to_std().unwrap_or_default() > window {
        return Err(Error::conflict(
            ErrorReason::EditWindowExpired,
            if window.is_zero() {
                "Messages cannot be edited or deleted on this server.".to_owned()
            } else {
                format!("A message can be edited or deleted for {} after it was sent.", in_words(window))
            },
        ));
    }
    Ok(())
}

/// A length of time in whole minutes where it has them, else in seconds.
fn in_words(time: Duration) -> String {
    let (count, unit) = match time.as_secs() {
        seconds if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// May somebody of this kind post to it as it is? `Ok(true)` when posting reopens it.
///
/// Thanks, a no and a goodbye after the end reopen nothing: they take nobody's time, and the rating stays open.
pub(crate) fn may_post(status: Status, author: AuthorKind, audience: Audience, body: &str) -> Result<bool> {
    match (status, audience, author) {
        (Status::Open, _, _) | (Status::Closed, Audience::Staff, _) => Ok(false),
        // What a visitor sends is never refused: it brings the conversation back.
        (Status::Closed, Audience::Everyone, AuthorKind::Visitor) => {
            // "No, that's all": nothing was asked any more.
            Ok(!is_farewell(body) && understand(body).kind != Kind::No)
        }
        (Status::Closed, Audience::Everyone, AuthorKind::Agent | AuthorKind::Assistant | AuthorKind::System) => {
            Err(Error::conflict(ErrorReason::ConversationClosed, "The conversation is closed; reopen it first."))
        }
    }
}

/// Words after which nobody waits for an answer.
pub(crate) fn is_farewell(body: &str) -> bool {
    let understood = understand(body);
    match understood.kind {
        Kind::Thanks | Kind::Acknowledgement | Kind::Goodbye => true,
        // "Good day", which is said at the end as well.
        Kind::Greeting => understood.is_open,
        Kind::Yes | Kind::No | Kind::Robot | Kind::Person | Kind::Question => false,
    }
}

/// Words that ask for a person and for nothing else.
pub(crate) fn only_asks_for_a_person(body: &str) -> bool {
    let asks = |part: &str| understand(part).kind == Kind::Question && !understanding::asks_for_a_person(part);
    let mut parts = body.split_inclusive(['.', '?', '!', '\n']).filter(|part| !part.trim().is_empty());
    understanding::asks_for_a_person(body) && !parts.any(asks)
}

/// A tag: lower-case, one line.
pub(crate) fn tag(field: &'static str, value: &str) -> Result<String> {
    Ok(text::line(field, value, TAG_MAX)?.to_lowercase())
}

/// One emoji of Unicode's list, written in its one way: with or without a variation selector is the same.
pub(crate) fn emoji(field: &'static str, value: &str) -> Result<String> {
    let value = value.trim();
    let found = emojis::get(value).or_else(|| emojis::get(&value.replace(['\u{fe0e}', '\u{fe0f}'], "")));
    let none = || Error::bad_input(field, ErrorReason::InvalidFormat, format!("`{field}` must be one emoji."));
    Ok(found.ok_or_else(none)?.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::entity::ids::{MessageId, SiteId};

    fn message(author: Uuid, created_at: DateTime<Utc>) -> message::Model {
        message::Model {
            id: MessageId(Uuid::nil()),
            site_id: SiteId(Uuid::nil()),
            conversation_id: ConversationId(Uuid::nil()),
            seq: 1,
            author_kind: AuthorKind::Visitor,
            author_id: Some(author),
            audience: Audience::Everyone,
            body: String::new(),
            folded: String::new(),
            client_id: None,
            content_hash: None,
            run_id: None,
            citations: None,
            action: None,
            confidence: None,
            interrupted: false,
            created_at,
            edited_at: None,
            deleted_at: None,
        }
    }

    #[test]
    fn small_talk_after_the_end_reopens_nothing() {
        let reopens = |body| may_post(Status::Closed, AuthorKind::Visitor, Audience::Everyone, body).unwrap();
        for body in [
            "Teşekkürler Deniz Hanım",
            "teşekkürler Ayşe Bey iyi günler",
            "hayır teşekkürler",
            "size de",
            "hayırlı cumalar",
            "Danke, das war’s",
            "Danke, das war's",
            "ok danke Frau Meier",
            "merci vielmals",
            "no",
            "Thanks Anna!",
            "you too",
        ] {
            assert!(!reopens(body), "{body}");
        }
        for body in ["Merci Şekerleri var mı?", "anlamadım", "evet", "temsilci", "Danke, Paket nicht da", "???"] {
            assert!(reopens(body), "{body}");
        }
    }

    #[test]
    fn the_edit_window_ends_after_exactly_five_minutes() {
        let me = Uuid::from_u128(1);
        let sent = DateTime::UNIX_EPOCH;
        let window = Duration::from_secs(300);
        let at = |millis| {
            may_change(&message(me, sent), (AuthorKind::Visitor, me), window, sent + Duration::from_millis(millis))
        };
        assert!(at(300_000).is_ok());
        assert_eq!(at(300_001).unwrap_err().reason, Some(ErrorReason::EditWindowExpired));
        let other = may_change(&message(me, sent), (AuthorKind::Visitor, Uuid::from_u128(2)), window, sent);
        assert_eq!(other.unwrap_err().reason, Some(ErrorReason::NotAuthor));
    }

    #[test]
    fn the_edit_window_is_told_as_it_is_set() {
        let told = |seconds| {
            let (me, sent) = (Uuid::from_u128(1), DateTime::UNIX_EPOCH);
            let late = sent + Duration::from_secs(10_000);
            may_change(&message(me, sent), (AuthorKind::Visitor, me), Duration::from_secs(seconds), late)
                .unwrap_err()
                .message
        };
        assert!(
            told(300).contains(" 5 minutes ") && told(60).contains(" 1 minute ") && told(90).contains(" 90 seconds ")
        );
        assert_eq!(told(0), "Messages cannot be edited or deleted on this server.");
    }

    #[test]
    fn reactions_are_emoji() {
        for good in ["👍", "❤️", "👩‍🚀", "🇹🇷", "1️⃣"] {
            assert!(emoji("emoji", good).is_ok(), "{good}");
        }
        for bad in ["", "ok", "a", "<b>", "1", "👍 👍", "ş", "👍👍", "\u{200d}", "🇹", "\u{fe0f}", "👩\u{200d}"]
        {
            assert!(emoji("emoji", bad).is_err(), "{bad}");
        }
        for (one, other) in
            [("❤", "❤\u{fe0f}"), ("👍", "👍\u{fe0f}"), ("❤\u{fe0e}", "❤"), ("1\u{20e3}", "1\u{fe0f}\u{20e3}")]
        {
            assert_eq!(emoji("emoji", one).unwrap(), emoji("emoji", other).unwrap());
        }
    }
}
