//! Writing an answer: what is found, and the pieces in which it comes.

use ::entity::{
    assistant::{self, Provider},
    conversation,
    message::{self, AnswerAction, AuthorKind},
};
use futures_util::{StreamExt, stream};

use super::{
    clean::{Cleaner, Removed},
    model::{self, FailureReason, Usage},
    personal_data::Masks,
    phrases::{self, SmallTalk},
    polish::{Polish, Signal},
    prompt, texts,
};
use crate::{
    features::{
        assistants,
        conversations::{Citation, Verdict, handoff},
        knowledge::{self, Decision, RetrieveOptions, Retrieved, Source, language},
        sites, visitors,
    },
    kernel::{Ctx, Result},
    ports::ai::{Finish, Piece, Reply},
};

/// Passages that are looked at for one question.
const PASSAGES: usize = 8;
/// Titles offered when the answer is not certain.
const SUGGESTIONS: usize = 3;
/// Below this score of the best passage a model is not asked: nothing that was found has to do with the question.
const RELATED: f32 = 0.2;

/// An answer about to be written.
pub(super) struct Draft {
    /// What it is made from.
    pub(super) sources: Vec<Citation>,
    /// The language of what the server itself says.
    language: &'static str,
    confidence: f64,
    by: By,
}

/// Who writes.
enum By {
    /// The server, whose whole text is known: all sources are cited.
    Server(AnswerAction),
    /// A model, which chooses among the sources by `[n]`.
    Model {
        polish: Box<Polish>,
        /// A greeting needs no source.
        small_talk: bool,
    },
}

/// An answer that is complete.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) citations: Vec<Citation>,
    pub(super) verdict: Verdict,
    pub(super) removed: Removed,
}

/// Finds sources and prepares the answer; nothing is written yet.
pub(super) async fn draft(
    cx: &Ctx,
    assistant: &assistant::Model,
    conversation: &conversation::Model,
    history: &[message::Model],
) -> Result<Result<(Draft, Reply), FailureReason>> {
    let question = model::question(history);
    let language = language::detect(&question)
        .or_else(|| language::Language::of_tag(&assistant.language))
        .map_or("en", language::Language::tag);
    // In a customer's private space there is nobody else.
    let has_staff = assistant.owner_id.is_none();
    let wants_person = phrases::asks_for_person(&question) || phrases::agrees(&question) && offered_person(history);
    if has_staff && wants_person {
        return Ok(Ok(said(handoff::announcement(language), AnswerAction::Handoff, 1.0, vec![], language)));
    }
    let small_talk = phrases::small_talk(&question);
    if assistant.provider == Provider::BuiltIn
        && let Some(kind) = small_talk
    {
        let text = match kind {
            SmallTalk::Greeting => texts::hello(language),
            SmallTalk::Thanks => texts::you_are_welcome(language),
        };
        return Ok(Ok(said(text, AnswerAction::Clarify, 1.0, vec![], language)));
    }
    let options = RetrieveOptions { public_only: true, limit: PASSAGES };
    let found = knowledge::retrieve(cx, assistant.site_id, &model::search_text(history), options).await?;
    if assistant.provider == Provider::BuiltIn {
        return Ok(Ok(extractive(assistant, &found, language)));
    }
    let confidence = f64::from(knowledge::extract(&found).confidence);
    if small_talk.is_none() && beyond(assistant, &found, confidence) {
        return Ok(Ok(said(texts::no_answer(language), AnswerAction::Abstain, confidence, vec![], language)));
    }
    let chat = match assistants::target(cx, assistant).and_then(|target| cx.models.model(&target)) {
        Ok(chat) => chat,
        Err(error) => {
            tracing::warn!(assistant.id = %assistant.id, error = %error, "an assistant's provider cannot be asked");
            return Ok(Err(FailureReason::ProviderNotConfigured));
        }
    };
    let sources = within_budget(found.passages);
    let mut masks = masks(cx, assistant, conversation).await?;
    let reply = chat.reply(prompt::build(assistant, history, &sources, masks.as_mut()));
    let texts = sources.iter().map(|source| source.text.as_str());
    let texts = texts.chain([assistant.instructions.as_str(), assistant.welcome_text.as_str()]);
    let polish = Polish::new(masks.unwrap_or_default().restore(), Cleaner::new(sources.len(), texts));
    let by = By::Model { polish: Box::new(polish), small_talk: small_talk.is_some() };
    Ok(Ok((Draft { sources: numbered(&sources), language, confidence, by }, reply)))
}

/// True when the assistant's last words offered a person.
fn offered_person(history: &[message::Model]) -> bool {
    let last = history.iter().rev().find(|message| message.author_kind != AuthorKind::Visitor);
    last.is_some_and(|message| message.action == Some(AnswerAction::Abstain))
}

/// True when what was found is too far from the question for a model to be asked. Without any article a model answers
/// from its instructions.
fn beyond(assistant: &assistant::Model, found: &Retrieved, confidence: f64) -> bool {
    let Some(best) = found.passages.first() else { return false };
    match assistant.confidence_threshold {
        Some(threshold) => confidence < threshold,
        // Where only words were compared, a question in another language has no score at all.
        None => !found.words_only && best.score < RELATED,
    }
}

/// The masks of a prompt, if the site wants them for this assistant's provider.
pub(super) async fn masks(
    cx: &Ctx,
    assistant: &assistant::Model,
    conversation: &conversation::Model,
) -> Result<Option<Masks>> {
    let on_site = match assistant.provider {
        Provider::BuiltIn | Provider::Ollama => true,
        Provider::OpenaiCompatible
        | Provider::Openai
        | Provider::AzureOpenai
        | Provider::Mistral
        | Provider::Anthropic
        | Provider::Gemini => false,
    };
    if on_site || !sites::masks_personal_data(cx, assistant.site_id).await? {
        return Ok(None);
    }
    let name = match conversation.visitor_id {
        Some(id) => visitors::by_ids(cx, vec![id]).await?.remove(&id).and_then(|visitor| visitor.name),
        None => None,
    };
    Ok(Some(Masks::new(name.as_deref())))
}

/// What the server says by itself.
fn said(
    text: &str,
    action: AnswerAction,
    confidence: f64,
    sources: Vec<Citation>,
    language: &'static str,
) -> (Draft, Reply) {
    let mut pieces: Vec<_> = model::pieces(text).map(|piece| Ok(Piece::Text(piece.to_owned()))).collect();
    pieces.push(Ok(Piece::Done { finish: Finish::Stop, usage: None }));
    (Draft { sources, language, confidence, by: By::Server(action) }, stream::iter(pieces).boxed())
}

/// The built-in answerer: quotes, suggests, or says that it does not know.
fn extractive(assistant: &assistant::Model, found: &Retrieved, language: &'static str) -> (Draft, Reply) {
    let extract = knowledge::extract(found);
    let confidence = f64::from(extract.confidence);
    let decision = match assistant.confidence_threshold {
        Some(threshold) if extract.text.is_empty() || confidence < threshold => Decision::Abstain,
        Some(_) => Decision::Answer,
        None => extract.decision,
    };
    match decision {
        Decision::Answer => {
            let sources = (1..).zip(extract.citations).map(|(number, quoted)| Citation {
                number,
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
            said(&extract.text, AnswerAction::Answer, confidence, sources.collect(), language)
        }
        Decision::Suggest => {
            let articles: Vec<&Source> = found.articles().take(SUGGESTIONS).collect();
            let titles: String = articles.iter().map(|source| format!("\n- {}", source.title)).collect();
            let text = format!("{}\n{titles}", texts::did_you_mean(language));
            said(&text, AnswerAction::Clarify, confidence, numbered(articles), language)
        }
        Decision::Abstain => said(texts::no_answer(language), AnswerAction::Abstain, confidence, vec![], language),
    }
}

/// Passages as sources: the whole of each is the quote.
fn numbered<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Vec<Citation> {
    let citation = |(number, source): (i32, &Source)| Citation {
        number,
        article: source.article,
        version: source.version,
        chunk: source.chunk,
        title: source.title.clone(),
        slug: source.slug.clone(),
        quote: source.text.clone(),
        start: source.start_byte,
        end: source.end_byte,
        score: f64::from(source.score),
    };
    (1..).zip(sources).map(citation).collect()
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

impl Written {
    /// What had been saved of an answer whose writer is gone.
    pub(super) fn saved(text: String) -> Self {
        let verdict = Verdict { action: AnswerAction::Answer, confidence: 0.0 };
        Self { text, citations: vec![], verdict, removed: Removed::default() }
    }
}

impl Draft {
    /// True when a model writes.
    pub(super) fn by_model(&self) -> bool {
        matches!(self.by, By::Model { .. })
    }

    /// What the visitor sees of a further piece; may be empty.
    pub(super) fn shown(&mut self, piece: &str) -> String {
        match &mut self.by {
            By::Server(_) => piece.to_owned(),
            By::Model { polish, .. } => polish.push(piece),
        }
    }

    /// What was held back, when nothing follows any more.
    pub(super) fn rest(&mut self) -> String {
        match &mut self.by {
            By::Server(_) => String::new(),
            By::Model { polish, .. } => polish.finish(),
        }
    }

    /// What the server adds to a complete answer: the words for a signal, or that no source bears it out.
    pub(super) fn closing(&self, text: &str) -> Option<String> {
        let By::Model { polish, .. } = &self.by else { return None };
        match polish.signal() {
            Some(Signal::Handoff) => Some(handoff::announcement(self.language).to_owned()),
            Some(Signal::NoAnswer) => Some(texts::no_answer(self.language).to_owned()),
            None if text.trim().is_empty() => Some(texts::no_answer(self.language).to_owned()),
            None if self.action(text) == AnswerAction::Abstain => {
                Some(format!("\n\n{}", texts::unverified(self.language)))
            }
            None => None,
        }
    }

    /// The message, its citations, and what it is.
    pub(super) fn complete(&self, text: String) -> Written {
        let (action, removed) = (self.action(&text), self.removed());
        let citations = match &self.by {
            By::Server(_) => self.sources.clone(),
            By::Model { .. } => {
                let cited = model::cited(&text);
                let source = |number: &i32| self.sources.iter().find(|source| source.number == *number).cloned();
                cited.iter().filter_map(source).collect()
            }
        };
        Written { text, citations, verdict: Verdict { action, confidence: self.confidence }, removed }
    }

    fn removed(&self) -> Removed {
        match &self.by {
            By::Server(_) => Removed::default(),
            By::Model { polish, .. } => polish.removed(),
        }
    }

    fn action(&self, text: &str) -> AnswerAction {
        let (polish, small_talk) = match &self.by {
            By::Server(action) => return *action,
            By::Model { polish, small_talk } => (polish, *small_talk),
        };
        match polish.signal() {
            Some(Signal::Handoff) => AnswerAction::Handoff,
            Some(Signal::NoAnswer) => AnswerAction::Abstain,
            None if text.trim().is_empty() => AnswerAction::Abstain,
            None if small_talk => AnswerAction::Clarify,
            // What rests on no source, although there were some, is a question back or is not borne out.
            None if !self.sources.is_empty() && model::cited(text).is_empty() => {
                if text.trim_end().ends_with('?') {
                    AnswerAction::Clarify
                } else {
                    AnswerAction::Abstain
                }
            }
            None => AnswerAction::Answer,
        }
    }
}

/// The provider's count of tokens.
pub(super) fn usage(counted: crate::ports::ai::Usage) -> Usage {
    Usage { prompt_tokens: counted.prompt_tokens, completion_tokens: counted.completion_tokens }
}
