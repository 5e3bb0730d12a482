//! Chat models behind one trait, chosen by name in an assistant's settings.
//!
//! What every model promises, proved in `tests/api/contracts/ai.rs`: an answer comes in pieces as it is made, and a
//! complete one ends with [`Piece::Done`]; an answer that was cut is an error, never a short success; dropping the
//! stream stops the work at the vendor; the error says whether trying again makes sense; nothing that is logged holds a
//! key or the text of a message.

mod anthropic;
mod azure_openai;
mod chat_completions;
mod circuit;
mod exchange;
mod gemini;
mod halves;
mod lines;
mod mistral;
mod models;
mod ollama;
mod openai;
mod openai_compatible;
mod plain;
mod prices;
mod scripted;
mod sse;
mod voice;
mod whole;

use std::{fmt, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream},
};
use rand::Rng;

pub use anthropic::Anthropic;
pub use azure_openai::AzureOpenai;
pub use circuit::{CircuitState, Circuits, FAILURES, Health, LONGEST_REST, Pass, REST};
pub use exchange::{ApiKey, Endpoint, Manners};
pub use gemini::Gemini;
pub use mistral::Mistral;
pub use models::{Models, Target};
pub use ollama::Ollama;
pub use openai::Openai;
pub use openai_compatible::OpenaiCompatible;
pub use prices::{Price, PriceError, Prices};
pub use scripted::{Call, Calls, Scripted};

/// An answer as it is made. It ends after [`Piece::Done`] or after the first error. Dropping it stops the work, at the
/// vendor as well.
pub type Reply = BoxStream<'static, Result<Piece, ModelError>>;

/// A language model that answers a conversation.
pub trait ChatModel: Send + Sync {
    /// The answer, piece by piece. Vendors are asked when the stream is polled first.
    fn reply(&self, prompt: Prompt) -> Reply;

    /// Whether the model can be reached and takes our key. Costs no tokens.
    fn health(&self) -> BoxFuture<'static, Result<(), ModelError>> {
        future::ready(Ok(())).boxed()
    }
}

/// Who says a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The person who asks.
    Visitor,
    /// The model, or whoever answered in its place.
    Assistant,
}

/// One message of the conversation so far.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who says it.
    pub speaker: Speaker,
    /// What is said.
    pub text: String,
}

/// What a model is asked.
#[derive(Clone, PartialEq)]
pub struct Prompt {
    /// Instructions and sources; left out when empty.
    pub system: String,
    /// The conversation, oldest first; the last turn is the one to answer.
    pub turns: Vec<Turn>,
    /// The vendor's name of the model; `None` takes the configured one.
    pub model: Option<String>,
    /// 0 for the likeliest words, up to 2 for the wildest.
    pub temperature: f64,
    /// Longest answer, in the model's own tokens (about 3.5 characters each).
    pub max_tokens: u32,
}

/// Why a complete answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model had said everything.
    Stop,
    /// `max_tokens` or the model's context was used up: the text breaks off.
    Length,
    /// The vendor's filter stopped it.
    ContentFilter,
}

/// What an answer cost, as counted by the vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer, including thoughts that are not shown.
    pub completion_tokens: u32,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The next words; never empty.
    Text(String),
    /// What was said so far does not count: they were the model's thoughts, as their end shows. The answer follows.
    Withdrawn,
    /// The answer is complete. Always the last piece.
    Done {
        /// Why it ended.
        finish: Finish,
        /// What it cost, where the vendor says so.
        usage: Option<Usage>,
    },
}

/// What kind of failure it is, for those who look after an assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Neither the assistant nor the server has an address, or a key, for the provider.
    NotConfigured,
    /// The assistant's base address is none that may be called.
    AddressRefused,
    /// Neither the assistant nor the server names a model.
    NoModel,
    /// The key is wrong or missing, or may not do this.
    KeyRefused,
    /// The account has no credit left.
    Unpaid,
    /// There is no such model or address.
    ModelUnknown,
    /// The vendor does not accept the request, for example because it is too long.
    Refused,
    /// The vendor's filter stopped the question.
    Filtered,
    /// Too many requests at once.
    RateLimited,
    /// No connection, or it broke.
    Unreachable,
    /// Nothing came in time.
    Silent,
    /// The vendor has trouble of its own.
    Failing,
    /// What came is not what this vendor's API sends.
    NotUnderstood,
    /// The answer ended without its end mark.
    Cut,
    /// The answer ended without a word for the reader.
    Wordless,
}

impl Cause {
    /// True where the same request may succeed later.
    pub fn may_pass(self) -> bool {
        match self {
            Self::RateLimited | Self::Unreachable | Self::Silent | Self::Failing | Self::Cut => true,
            Self::NotConfigured
            | Self::AddressRefused
            | Self::NoModel
            | Self::KeyRefused
            | Self::Unpaid
            | Self::ModelUnknown
            | Self::Refused
            | Self::Filtered
            | Self::NotUnderstood
            | Self::Wordless => false,
        }
    }
}

/// Why there is no (complete) answer. `what` is for the log: it holds neither keys nor texts of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelError {
    /// Nothing was said, and the same request may succeed later.
    Retry {
        /// What kind of failure it is.
        cause: Cause,
        /// How long the vendor asks to wait, where it does.
        after: Option<Duration>,
        /// What happened.
        what: String,
    },
    /// The same request would fail again: a wrong key, an unknown model, a request that is refused.
    GiveUp {
        /// What kind of failure it is.
        cause: Cause,
        /// What happened.
        what: String,
    },
    /// The model has worked, which is to be paid, and said nothing to the reader.
    Wordless {
        /// What happened.
        what: String,
        /// What it cost.
        usage: Usage,
        /// The vendor did not count it, and the prompt's part is missing.
        estimated: bool,
    },
    /// The answer broke off. Keep what was said, marked as incomplete.
    Truncated {
        /// What kind of failure it is.
        cause: Cause,
        /// What happened.
        what: String,
    },
}

impl ModelError {
    /// A failure that would come again.
    pub fn give_up(cause: Cause, what: impl Into<String>) -> Self {
        Self::GiveUp { cause, what: what.into() }
    }

    /// An answer that broke off.
    pub fn truncated(cause: Cause, what: impl Into<String>) -> Self {
        Self::Truncated { cause, what: what.into() }
    }

    /// What kind of failure it is.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Retry { cause, .. } | Self::GiveUp { cause, .. } | Self::Truncated { cause, .. } => *cause,
            Self::Wordless { .. } => Cause::Wordless,
        }
    }

    /// What happened, for the log.
    pub fn what(&self) -> &str {
        match self {
            Self::Retry { what, .. }
            | Self::GiveUp { what, .. }
            | Self::Truncated { what, .. }
            | Self::Wordless { what, .. } => what,
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Retry { .. } => "the model cannot answer now",
            Self::GiveUp { .. } => "the model refuses the request",
            Self::Truncated { .. } => "the model's answer broke off",
            Self::Wordless { .. } => "the model says nothing",
        };
        write!(f, "{kind}: {}", self.what())
    }
}

impl std::error::Error for ModelError {}

impl fmt::Debug for Turn {
    /// The text is left out: it is a visitor's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} bytes)", self.speaker, self.text.len())
    }
}

impl fmt::Debug for Prompt {
    /// The texts are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("turns", &self.turns)
            .field("model", &self.model)
            .field("temperature", &self.temperature)
            .field("max_tokens", &self.max_tokens)
            .finish_non_exhaustive()
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the request to the first byte of the body. A local server may load the model in that time.
    pub first_byte: Duration,
    /// From one read to the next; comments that keep the connection alive count.
    pub gap: Duration,
    /// Before the second try, where the vendor names no time; a random half of it is added.
    pub backoff: Duration,
    /// The second try is left to the caller where the vendor asks to wait longer than this.
    pub longest_wait: Duration,
    /// How long the first words of a model that is not known yet are held back: they may be thoughts.
    pub moment: Duration,
    /// For the whole answer to "are you there?".
    pub health: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(30),
            gap: Duration::from_secs(20),
            backoff: Duration::from_millis(500),
            longest_wait: Duration::from_secs(5),
            moment: Duration::from_secs(1),
            health: Duration::from_secs(5),
        }
    }
}

impl Patience {
    /// How long to wait before the second try, or `None` where that is too long.
    fn pause(&self, asked: Option<Duration>) -> Option<Duration> {
        match asked {
            Some(asked) => (asked <= self.longest_wait).then_some(asked),
            None => Some(self.backoff.mul_f64(rand::rng().random_range(1.0..1.5))),
        }
    }
}

/// Plays `attempt`, and once more if it can be retried before anything was said, unless all the time was spent in
/// silence. What fails then is left to the caller.
fn tried_twice(patience: Patience, attempt: impl Fn() -> Reply + Send + 'static) -> Reply {
    let tries = async move {
        let mut answer = attempt();
        let mut first = answer.next().await;
        if let Some(Err(ModelError::Retry { cause, after, what })) = &first
            && *cause != Cause::Silent
            && let Some(pause) = patience.pause(*after)
        {
            tracing::debug!(pause_ms = pause.as_millis(), what, "The model is asked a second time");
            drop(answer);
            tokio::time::sleep(pause).await;
            answer = attempt();
            first = answer.next().await;
        }
        stream::iter(first).chain(answer)
    };
    tries.flatten_stream().boxed()
}
