//! Writing an answer: what is found, and the pieces in which it comes.

use ::entity::{
    assistant::{self, Provider},
    message,
};
use futures_util::{StreamExt, stream};

use super::{
    model::{self, FailureReason, NO_ANSWER, Usage},
    prompt,
};
use crate::{
    features::{
        assistants,
        conversations::Citation,
        knowledge::{self, Decision, RetrieveOptions, Source, language},
    },
    kernel::{Ctx, Result},
    ports::ai::{Finish, ModelError, Piece, Reply},
};

/// Passages that are looked at for one question.
const PASSAGES: usize = 8;
/// Titles offered when the answer is not certain.
const SUGGESTIONS: usize = 3;

/// An answer about to be written.
pub(super) struct Draft {
    /// What it is made from.
    pub(super) sources: Vec<Citation>,
    /// The language of what the server itself says.
    language: &'static str,
    /// True when a model writes, and chooses among the sources by `[n]`; otherwise all of them are cited.
    pub(super) by_model: bool,
}

/// An answer that is complete.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) citations: Vec<Citation>,
}

/// Finds sources and prepares the answer; nothing is written yet.
pub(super) async fn draft(
    cx: &Ctx,
    assistant: &assistant::Model,
    history: &[message::Model],
) -> Result<Result<(Draft, Reply), FailureReason>> {
    let question = model::question(history);
    let options = RetrieveOptions { public_only: true, limit: PASSAGES };
    let found = knowledge::retrieve(cx, assistant.site_id, &question, options).await?;
    let language = language::detect(&question)
        .or_else(|| language::Language::of_tag(&assistant.language))
        .map_or("en", language::Language::tag);
    Ok(match assistant.provider {
        Provider::BuiltIn => Ok(extractive(&found, language)),
        Provider::OpenaiCompatible
        | Provider::Openai
        | Provider::AzureOpenai
        | Provider::Mistral
        | Provider::Ollama
        | Provider::Anthropic
        | Provider::Gemini => match assistants::target(cx, assistant).and_then(|target| cx.models.model(&target)) {
            Err(error) => {
                tracing::warn!(assistant.id = %assistant.id, error = %error, "an assistant's provider cannot be asked");
                Err(FailureReason::ProviderNotConfigured)
            }
            Ok(chat) => {
                let sources = within_budget(found.passages);
                let reply = chat.reply(prompt::build(assistant, history, &sources));
                let reply = hold_back(reply);
                Ok((Draft { sources: sources.iter().map(citation).collect(), language, by_model: true }, reply))
            }
        },
    })
}

/// The built-in answerer: quotes, suggests, or says that it does not know.
fn extractive(found: &knowledge::Retrieved, language: &'static str) -> (Draft, Reply) {
    let extract = knowledge::extract(found);
    let (text, sources) = match extract.decision {
        Decision::Answer => {
            let confidence = f64::from(extract.confidence);
            let sources = extract.citations.into_iter().map(|quoted| Citation {
                article: quoted.article,
                version: quoted.version,
                chunk: quoted.chunk,
                title: quoted.title,
                slug: quoted.slug,
                quote: quoted.quote,
                start: quoted.start_byte,
                end: quoted.end_byte,
                score: confidence,
            });
            (extract.text, sources.collect())
        }
        Decision::Suggest => {
            let sources: Vec<Citation> = found.articles().take(SUGGESTIONS).map(citation).collect();
            let titles: String = sources.iter().map(|source| format!("\n- {}", source.title)).collect();
            (format!("{}\n{titles}", model::did_you_mean(language)), sources)
        }
        Decision::Abstain => (model::no_answer(language).to_owned(), vec![]),
    };
    let mut pieces: Vec<_> = model::pieces(&text).map(|piece| Ok(Piece::Text(piece.to_owned()))).collect();
    pieces.push(Ok(Piece::Done { finish: Finish::Stop, usage: None }));
    (Draft { sources, language, by_model: false }, stream::iter(pieces).boxed())
}

/// A passage as a source: the whole of it is the quote.
fn citation(source: &Source) -> Citation {
    Citation {
        article: source.article,
        version: source.version,
        chunk: source.chunk,
        title: source.title.clone(),
        slug: source.slug.clone(),
        quote: source.text.clone(),
        start: source.start_byte,
        end: source.end_byte,
        score: f64::from(source.score),
    }
}

/// The best passages that fit into a prompt; at least one.
fn within_budget(passages: Vec<Source>) -> Vec<Source> {
    let mut room = model::CONTEXT_CHARACTERS;
    let mut first = true;
    passages
        .into_iter()
        .take_while(|source| {
            let length = source.text.chars().count();
            let fits = length <= room || std::mem::take(&mut first);
            first = false;
            room = room.saturating_sub(length);
            fits
        })
        .collect()
}

/// Holds the first words back until it is clear that they are not `NO_ANSWER`, which must not flash up.
fn hold_back(reply: Reply) -> Reply {
    let mut held = Some(String::new());
    reply
        .flat_map(move |piece| {
            let pieces: Vec<Result<Piece, ModelError>> = match (piece, held.take()) {
                (Ok(Piece::Text(text)), Some(before)) => {
                    let all = before + &text;
                    if NO_ANSWER.starts_with(all.trim()) {
                        held = Some(all);
                        vec![]
                    } else {
                        vec![Ok(Piece::Text(all))]
                    }
                }
                (end, Some(before)) if !before.is_empty() && before.trim() != NO_ANSWER => {
                    vec![Ok(Piece::Text(before)), end]
                }
                (piece, _) => vec![piece],
            };
            stream::iter(pieces)
        })
        .boxed()
}

impl Draft {
    /// What to say when the model wrote nothing but `NO_ANSWER`, or nothing at all.
    pub(super) fn nothing_said(&self) -> &'static str {
        model::no_answer(self.language)
    }

    /// The message and its citations: what the model cites, or everything that was quoted.
    pub(super) fn complete(&self, text: String) -> Written {
        let citations = if self.by_model {
            model::cited(&text, self.sources.len()).into_iter().map(|number| self.sources[number - 1].clone()).collect()
        } else {
            self.sources.clone()
        };
        Written { text, citations }
    }
}

/// The provider's count of tokens.
pub(super) fn usage(counted: crate::ports::ai::Usage) -> Usage {
    Usage { prompt_tokens: counted.prompt_tokens, completion_tokens: counted.completion_tokens }
}
