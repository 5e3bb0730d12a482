//! Typed, opaque identifiers.
//!
//! Every identifier is a UUID version 7 (time-ordered) in the database and `prefix_<32 hex digits>` everywhere else,
//! so that a log line, a URL or an API answer shows of what kind a thing is and an id of the wrong kind is noticed.

use std::{fmt, str::FromStr};

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// Why a text is not the identifier that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdError {
    /// A well-formed identifier of another kind, for example `msg_…` where `conv_…` belongs.
    WrongKind {
        /// The prefix that was expected.
        expected: &'static str,
        /// The prefix that was given.
        given: String,
    },
    /// Not an identifier of this server at all.
    Malformed {
        /// The prefix that was expected.
        expected: &'static str,
    },
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKind { expected, given } => {
                write!(
                    f,
                    "This is the id of another kind of thing (`{given}_…`); the id needed here begins with `{expected}_`."
                )
            }
            Self::Malformed { expected } => {
                write!(f, "This is not an id; the id needed here is `{expected}_` followed by 32 hexadecimal digits.")
            }
        }
    }
}

impl std::error::Error for IdError {}

/// Reads `prefix_<32 hex digits>`; leading zeros may be left out.
fn parse(expected: &'static str, text: &str) -> Result<Uuid, IdError> {
    let (prefix, rest) = text.rsplit_once('_').ok_or(IdError::Malformed { expected })?;
    let well_formed = (1..=32).contains(&rest.len()) && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = u128::from_str_radix(rest, 16)
        .ok()
        .map(Uuid::from_u128)
        .filter(|_| well_formed)
        .ok_or(IdError::Malformed { expected })?;
    if prefix == expected {
        Ok(id)
    } else if PREFIXES.contains(&prefix) {
        Err(IdError::WrongKind { expected, given: prefix.to_owned() })
    } else {
        Err(IdError::Malformed { expected })
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal),+ $(,)?) => {
        /// All prefixes in use; no two kinds share one.
        pub const PREFIXES: &[&str] = &[$($prefix),+];

        /// An identifier of any kind, as `node(id:)` takes it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AnyId { $($(#[$doc])* $name($name)),+ }

        impl FromStr for AnyId {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let prefix = text.rsplit_once('_').map_or("", |(prefix, _)| prefix);
                match prefix {
                    $($prefix => text.parse().map(Self::$name),)+
                    _ => Err(IdError::Malformed { expected: "conv" }),
                }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, DeriveValueType)]
            pub struct $name(pub Uuid);

            impl $name {
                /// What stands before the underscore.
                pub const PREFIX: &'static str = $prefix;
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}_{}", $prefix, self.0.simple())
                }
            }

            impl FromStr for $name {
                type Err = IdError;
                fn from_str(text: &str) -> Result<Self, IdError> {
                    parse($prefix, text).map(Self)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                }
            }

            impl TryFromU64 for $name {
                fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                    Err(DbErr::ConvertFromU64(stringify!($name)))
                }
            }

            #[Scalar(name = "ID")]
            impl ScalarType for $name {
                fn parse(value: Value) -> InputValueResult<Self> {
                    // By the specification an id may be a number, too; none of this server's is.
                    let text = if let Value::String(text) = &value { text.as_str() } else { "" };
                    text.parse().map_err(|error: IdError| {
                        let reason = match &error {
                            IdError::WrongKind { .. } => "WRONG_ID_KIND",
                            IdError::Malformed { .. } => "MALFORMED_ID",
                        };
                        InputValueError::custom(error)
                            .with_extension("code", "BAD_USER_INPUT")
                            .with_extension("reason", reason)
                            // By which the field is found in which it stands.
                            .with_extension("given", text)
                    })
                }

                fn to_value(&self) -> Value {
                    Value::String(self.to_string())
                }
            }
        )+
    };
}

ids! {
    /// A person with an account.
    UserId "user",
    /// A sign-in of a person on one device.
    SessionId "sess",
    /// A tenant.
    SiteId "site",
    /// A person's role in a site.
    MembershipId "member",
    /// A part of a site's staff with a subject of its own.
    DepartmentId "dept",
    /// Some of the staff who work together.
    TeamId "team",
    /// An open dashboard of an agent.
    LeaseId "lease",
    /// An invitation to become a member of a site.
    InvitationId "invite",
    /// An anonymous person on a site.
    VisitorId "visitor",
    /// An AI assistant.
    AssistantId "asst",
    /// A conversation.
    ConversationId "conv",
    /// A message of a conversation.
    MessageId "msg",
    /// A text that agents send again and again.
    CannedResponseId "canned",
    /// A wish of a visitor or customer that somebody gets in touch with them.
    ContactRequestId "contact",
    /// One attempt of an assistant to answer.
    RunId "run",
    /// A knowledge article.
    ArticleId "art",
    /// A passage of one version of an article.
    ChunkId "chunk",
    /// An import of articles from files.
    ImportId "import",
    /// Questions of one meaning that no article answers.
    QuestionGroupId "question",
    /// One of those questions.
    QuestionExampleId "asked",
    /// A question with a known answer, to measure an assistant by.
    GoldenQuestionId "golden",
    /// One time that golden questions were asked.
    EvaluationId "eval",
    /// A holiday or another day with hours of its own.
    SpecialDayId "day",
    /// A unit of background work.
    JobId "job",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_way_through_text() {
        let id = ConversationId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string(), "conv_01920000000070008000000000000001");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<AnyId>(), Ok(AnyId::ConversationId(id)));
    }

    #[test]
    fn an_id_of_another_kind_is_named_as_such() {
        let id = MessageId(Uuid::from_u128(7)).to_string();
        let expected = IdError::WrongKind { expected: "conv", given: "msg".into() };
        assert_eq!(id.parse::<ConversationId>(), Err(expected));
        for text in [
            "",
            "conv",
            "conv_",
            "conv_x",
            "other_01920000000070008000000000000001",
            "conv_0192000000007000800000000000000G",
        ] {
            assert_eq!(text.parse::<ConversationId>(), Err(IdError::Malformed { expected: "conv" }), "{text}");
        }
    }
}
