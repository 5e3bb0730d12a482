//! The one error type. Clients branch on `code` and `reason`, never on the text.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use async_graphql::{Enum, ErrorExtensionValues};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Shorthand used everywhere.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is, in `extensions.code` of every error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ErrorCode {
    /// A hash was sent in place of a document. Send the document itself, now and later.
    PersistedQueryNotSupported,
    /// The document is not GraphQL. Do not retry.
    GraphqlParseFailed,
    /// The document does not fit the schema or exceeds a limit. Do not retry.
    GraphqlValidationFailed,
    /// An argument is wrong; `extensions.field` names it. Do not retry unchanged.
    BadUserInput,
    /// Sign in first, or again.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// There is no such thing within your reach.
    NotFound,
    /// The state of things does not allow it; `extensions.reason` says why.
    Conflict,
    /// Too often; retry after `extensions.retryAfter` seconds.
    RateLimited,
    /// A service this needs does not answer at the moment; retry after `extensions.retryAfter` seconds.
    Unavailable,
    /// Our fault. Retrying may help; quote `extensions.requestId` when you report it.
    InternalServerError,
}

/// Why exactly, in `extensions.reason` where there is more to say than the code. Never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ErrorReason {
    /// An id of another kind was given, for example a message's where a conversation's belongs.
    WrongIdKind,
    /// Not an id of this server.
    MalformedId,
    /// A text is shorter than allowed.
    TooShort,
    /// A text, list or page is longer than allowed. Characters are counted as readers see them: an emoji is one, of however
    /// many code points it is made, and there may be four times as many code points as characters.
    TooLong,
    /// A number is outside its limits.
    OutOfRange,
    /// A text does not have the form that is needed.
    InvalidFormat,
    /// Not a cursor of this list or stream.
    InvalidCursor,
    /// Arguments that exclude each other, or an argument that is missing.
    InvalidCombination,
    /// The document nests too deeply.
    TooDeep,
    /// The document asks for too much.
    TooComplex,
    /// The document has too many aliases, directives, fields or tokens.
    DocumentTooLarge,
    /// The request took longer than allowed.
    Timeout,
    /// The request body or frame is larger than allowed.
    BodyTooLarge,
    /// More subscriptions on one connection than allowed.
    TooManySubscriptions,
    /// More connections than allowed.
    TooManyConnections,
    /// The e-mail address or the password is wrong.
    InvalidCredentials,
    /// The token is unreadable, of another server, or was tampered with.
    InvalidToken,
    /// The token has expired; get a new one.
    TokenExpired,
    /// The sign-in was ended.
    SessionRevoked,
    /// An old refresh token was used; all tokens of that sign-in were revoked.
    RefreshTokenReused,
    /// The page's origin is not among the site's allowed origins.
    OriginNotAllowed,
    /// Somebody already has that address.
    EmailTaken,
    /// The person is a member already.
    AlreadyMember,
    /// A site needs at least one admin.
    LastAdmin,
    /// The invitation has expired or was used.
    InvitationInvalid,
    /// The same client id came with other content.
    IdempotencyMismatch,
    /// The conversation is closed.
    ConversationClosed,
    /// The conversation is open already.
    ConversationOpen,
    /// Another open conversation of this visitor stands in the way.
    OpenConversationExists,
    /// The time for editing or deleting the message is over.
    EditWindowExpired,
    /// Only its author may do that.
    NotAuthor,
    /// The message was deleted.
    MessageDeleted,
    /// No assistant wrote the message.
    NotAnAnswer,
    /// The assistant is switched off.
    AssistantDisabled,
    /// The run has ended already.
    RunEnded,
    /// The run is not a draft, or has not ended with a text yet.
    DraftNotReady,
    /// The draft was sent or discarded already.
    DraftClosed,
    /// The visitor has not said anything that could be replied to.
    NothingToAnswer,
    /// The rating cannot be changed any more.
    RatingFinal,
    /// The shortcut is taken among the responses of its scope.
    ShortcutTaken,
    /// A text has a variable that there is not.
    UnknownVariable,
    /// Nobody offers you the conversation, or not any more.
    OfferOver,
    /// You have as many conversations as you may have.
    AtCapacity,
    /// Another agent has the conversation.
    AlreadyAssigned,
    /// The agent is not there, or has no room.
    AgentNotAvailable,
    /// The site's widget does not offer it.
    FeatureOff,
    /// The site asks for more about a visitor before a conversation.
    ProfileIncomplete,
    /// Somebody else changed it since you read it.
    VersionConflict,
    /// The slug is taken in this site.
    SlugTaken,
    /// The name is taken in this site.
    NameTaken,
    /// The article is not in a state that allows it.
    ArticleState,
    /// Nobody with that id is a member of the site.
    NotMember,
    /// An evaluation of the assistant is running already.
    EvaluationRunning,
    /// The assistant has no golden questions.
    NoGoldenQuestions,
    /// The provider of the assistant's model failed.
    ProviderFailed,
    /// The provider cut the answer short.
    ProviderTruncated,
    /// No provider is configured for it.
    ProviderNotConfigured,
    /// The customer has no credit left.
    InsufficientCredit,
}

/// A failure, cheap to clone.
#[derive(Clone)]
pub struct Error {
    /// The kind.
    pub code: ErrorCode,
    /// The exact reason, where there is one.
    pub reason: Option<ErrorReason>,
    /// For people; says what to do. Never holds internals.
    pub message: Cow<'static, str>,
    /// The argument that is wrong: `input.email`.
    pub field: Option<Cow<'static, str>>,
    /// A value that would be fine in the place of the one that is wrong.
    pub suggestion: Option<Cow<'static, str>>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// What happened inside; logged, never sent.
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with a text for people.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: None,
            message: message.into(),
            field: None,
            suggestion: None,
            retry_after: None,
            source: None,
        }
    }

    /// An argument is wrong. `field` is its path below the operation's arguments.
    pub fn bad_input(
        field: impl Into<Cow<'static, str>>,
        reason: ErrorReason,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: Some(field.into()), ..Self::new(ErrorCode::BadUserInput, message).reason(reason) }
    }

    /// There is no such thing within the caller's reach.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no such {what}, or it is not yours to see."))
    }

    /// Signed in, but not allowed.
    pub fn forbidden() -> Self {
        Self::new(ErrorCode::Forbidden, "Your role does not allow this.")
    }

    /// Nobody is signed in.
    pub fn unauthenticated() -> Self {
        Self::new(ErrorCode::Unauthenticated, "Sign in first: send `Authorization: Bearer <token>`.")
    }

    /// The state of things does not allow it.
    pub fn conflict(reason: ErrorReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Conflict, message).reason(reason)
    }

    /// Too often. `what` says of what there was too much, and how much is allowed.
    pub fn rate_limited(what: impl fmt::Display, retry_after: Duration) -> Self {
        let seconds = whole_seconds(retry_after);
        Self {
            retry_after: Some(retry_after),
            ..Self::new(ErrorCode::RateLimited, format!("{what} Try again in {seconds} s."))
        }
    }

    /// A service this needs does not answer.
    pub fn unavailable(what: &'static str) -> Self {
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(ErrorCode::Unavailable, format!("The {what} does not answer at the moment; try again."))
        }
    }

    /// Our fault; `source` goes to the log only.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: Some(Arc::from(source.into())),
            ..Self::new(ErrorCode::InternalServerError, "Something went wrong on our side.")
        }
    }

    /// Adds the exact reason.
    pub fn reason(mut self, reason: ErrorReason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Names the argument the error is about.
    pub fn at(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same about another place: whatever it says of `from` it says of `to`.
    pub fn moved(mut self, from: &str, to: &str) -> Self {
        // Names that only begin alike are others.
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[', '`']);
        if let Some(rest) = self.field.as_deref().and_then(|field| field.strip_prefix(from)).filter(|rest| ends(rest)) {
            self.field = Some(format!("{to}{rest}").into());
        }
        let named = format!("`{from}");
        if self.message.contains(&named) {
            let (mut message, mut rest) = (String::new(), self.message.as_ref());
            while let Some((before, after)) = rest.split_once(&named) {
                let name = if ends(after) { to } else { from };
                message.extend([before, "`", name]);
                rest = after;
            }
            message.push_str(rest);
            self.message = message.into();
        }
        self
    }

    /// An error about an entry of a list, which names the list, names the entry: `input.tags[2]`.
    pub fn in_entry(self, list: &str, index: usize) -> Self {
        self.moved(list, &format!("{list}[{index}]"))
    }

    /// Proposes a value that would be fine.
    pub fn suggest(mut self, value: impl Into<Cow<'static, str>>) -> Self {
        self.suggestion = Some(value.into());
        self
    }

    /// True where trying the same again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self.code, ErrorCode::Unavailable | ErrorCode::RateLimited | ErrorCode::InternalServerError)
    }

    /// The constraint that a row offended, when that is the failure.
    pub fn unique_violation(&self) -> bool {
        self.source
            .as_ref()
            .and_then(|source| source.downcast_ref::<DbErr>())
            .is_some_and(|error| matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))))
    }

    /// Replaces the error when it is a uniqueness violation: the database decides, the caller names it.
    pub fn or_taken(self, other: impl FnOnce() -> Self) -> Self {
        if self.unique_violation() { other() } else { self }
    }

    /// The extensions as clients see them, without the request id.
    pub fn extensions(&self) -> ErrorExtensionValues {
        let mut values = ErrorExtensionValues::default();
        values.set("code", async_graphql::Value::from(name_of(self.code)));
        if let Some(reason) = self.reason {
            values.set("reason", async_graphql::Value::from(name_of(reason)));
        }
        if let Some(field) = &self.field {
            values.set("field", field.as_ref());
        }
        if let Some(suggestion) = &self.suggestion {
            values.set("suggestion", suggestion.as_ref());
        }
        if let Some(after) = self.retry_after {
            values.set("retryAfter", whole_seconds(after));
        }
        values
    }
}

/// Checks the entries of a list one after the other. The check names the list, the error of an entry names the entry.
pub fn entries<T, U>(
    list: &str,
    given: impl IntoIterator<Item = T>,
    mut check: impl FnMut(T) -> Result<U>,
) -> Result<Vec<U>> {
    let checked = |(index, entry): (usize, T)| check(entry).map_err(|error| error.in_entry(list, index));
    given.into_iter().enumerate().map(checked).collect()
}

/// Rounded up; at least one.
fn whole_seconds(duration: Duration) -> i64 {
    duration.as_secs_f64().ceil().max(1.0) as i64
}

/// The name a value has in the schema.
fn name_of<T: async_graphql::resolver_utils::EnumType>(value: T) -> String {
    T::items().iter().find(|item| item.value == value).map(|item| item.name.to_owned()).unwrap_or_default()
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.code)?;
        if let Some(reason) = self.reason {
            write!(f, "({reason:?})")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(source) = &self.source {
            write!(f, " caused by: {source}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        Self { message: error.message.to_string(), extensions: Some(error.extensions()), source: Some(Arc::new(error)) }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        // 40P01 deadlock_detected: ended so that another transaction, which waited for it, can go on.
        if is_connection_failure(&error) || has_code(&error, |code| code == "40P01") {
            Self { source: Some(Arc::new(error)), ..Self::unavailable("database") }
        } else {
            Self::internal(error)
        }
    }
}

/// True for failures of the connection rather than of the statement: the server went away or is starting.
pub(crate) fn is_connection_failure(error: &DbErr) -> bool {
    use sea_orm::SqlxError::{BeginFailed, Io, PoolClosed, PoolTimedOut, Protocol, WorkerCrashed};
    let broken = |error: &sea_orm::SqlxError| {
        matches!(error, Io(_) | PoolTimedOut | PoolClosed | WorkerCrashed | Protocol(_) | BeginFailed)
    };
    matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_))
        || matches!(error, DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) if broken(e))
        // 57P01 admin_shutdown, 57P02 crash_shutdown, 57P03 cannot_connect_now, 25P03 idle_in_transaction_session_timeout
        || has_code(error, |code| code.starts_with("57P") || code == "25P03")
}

/// True when the database itself refused a statement with such a code.
fn has_code(error: &DbErr, fits: impl Fn(&str) -> bool) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    error.as_database_error().and_then(|refused| refused.code()).is_some_and(|code| fits(&code))
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_entries_name_the_entry_at_every_depth() {
        let check = |words: &str| match words {
            "" => Err(Error::bad_input(
                "input.rules.tags",
                ErrorReason::TooShort,
                "`input.rules.tags` must not be empty.",
            )),
            words => Ok(words.to_owned()),
        };
        let rule = |tags: Vec<&str>| entries("input.rules.tags", tags, check);
        assert_eq!(entries("input.rules", [vec!["a"], vec!["b"]], rule).unwrap().len(), 2);
        let error = entries("input.rules", [vec!["a"], vec!["b", ""]], rule).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("input.rules[1].tags[1]"));
        assert_eq!(error.message, "`input.rules[1].tags[1]` must not be empty.");
        let other = Error::bad_input("input.rulesOfOthers", ErrorReason::TooShort, "`input.rulesOfOthers` is empty.");
        assert_eq!(other.moved("input.rules", "x").field.as_deref(), Some("input.rulesOfOthers"));
    }
}
