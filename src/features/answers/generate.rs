//! Writing an answer: what is found, and the pieces in which it comes.

use ::entity::{
    ai_usage::Purpose,
    assistant::{self, Provider},
    conversation,
    ids::RunId,
    message::{self, AnswerAction},
};
use futures_util::{StreamExt, stream};
use understanding::Complaint;

use super::{
    clean::{Cleaner, Removed},
    model::{self, Usage},
    personal_data::Masks,
    polish::{Polish, Signal},
    prompt, texts,
    turn::{self, Meaning, SmallTalk},
};
use crate::{
    features::{
        assistants::{self, Account, Asked, Question},
        conversations::{self, Citation, Verdict},
        knowledge::{self, Decision, RetrieveOptions, Retrieved, Source, language::Language},
        routing, sites, visitors,
    },
    kernel::{Ctx, Result, text},
    ports::ai::{Finish, Piece, Reply},
};

/// Passages that are looked at for one question.
const PASSAGES: usize = 8;
/// Titles offered when the answer is not certain.
const SUGGESTIONS: usize = 3;
/// Below this score of the best passage a model is not asked: nothing that was found has to do with the question.
const RELATED: f32 = 0.2;
/// Questions of one turn that are answered apart.
const QUESTIONS: usize = 3;
/// Questions of one turn for which a model gets sources.
const QUESTIONS_OF_MODEL: usize = 8;

/// An answer about to be written.
pub(super) struct Prepared {
    /// What it is made from.
    pub(super) sources: Vec<Citation>,
    /// The language of what the server itself says.
    pub(super) language: &'static str,
    confidence: f64,
    /// What the server says: always, or where no model answers.
    quoted: Said,
    /// Where models are asked, the way of their words.
    polish: Option<Box<Polish>>,
    /// There is a person to be had.
    has_staff: bool,
    /// What is said when a model hands over.
    handoff: &'static str,
    /// The visitor asks nothing, which needs no source.
    small_talk: bool,
    /// What the model's words alone were, before the server added its own.
    decided: Option<AnswerAction>,
    /// Names the questions for which a model got no sources.
    left: String,
    /// Who answers, and at what cost.
    pub(super) account: Account,
}

/// To whom an answer speaks.
#[derive(Clone, Copy)]
struct Setting {
    language: Language,
    /// To an agent, who decides what becomes of it.
    for_agent: bool,
    /// There is a person to be had.
    has_staff: bool,
}

/// What the server says by itself.
struct Said {
    text: String,
    action: AnswerAction,
    citations: Vec<Citation>,
}

/// An answer that is complete.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) citations: Vec<Citation>,
    pub(super) verdict: Verdict,
    pub(super) removed: Removed,
}

/// Finds sources and prepares the answer; nothing is written yet.
pub(super) async fn prepare(
    cx: &Ctx,
    purpose: Purpose,
    run: Option<RunId>,
    assistant: &assistant::Model,
    conversation: &conversation::Model,
    history: &[message::Model],
) -> Result<(Prepared, Reply)> {
    let (mut prepared, reply) = Box::pin(find(cx, purpose, run, assistant, conversation, history)).await?;
    let Prepared { sources, quoted, .. } = &mut prepared;
    in_characters(cx, sources.iter_mut().chain(&mut quoted.citations).collect()).await?;
    Ok((prepared, reply))
}

/// True where there are people to be had: in a customer's private space there is nobody else, and not every site offers its
/// people.
pub(super) async fn has_staff(cx: &Ctx, assistant: &assistant::Model) -> Result<bool> {
    Ok(assistant.owner_id.is_none() && sites::offered::features(&cx.db(), assistant.site_id).await?.live_chat)
}

/// Passages are known by bytes; whoever shows a quote counts characters.
async fn in_characters(cx: &Ctx, citations: Vec<&mut Citation>) -> Result<()> {
    let bodies = knowledge::bodies(&cx.db(), citations.iter().map(|it| (it.article, it.version))).await?;
    for citation in citations {
        let Some(body) = bodies.get(&(citation.article, citation.version)) else { continue };
        let characters = |byte: i32| {
            let before = usize::try_from(byte).ok().and_then(|byte| body.get(..byte)).unwrap_or_default();
            i32::try_from(before.chars().count()).unwrap_or(i32::MAX)
        };
        (citation.start, citation.end) = (characters(citation.start), characters(citation.end));
    }
    Ok(())
}

async fn find(
    cx: &Ctx,
    purpose: Purpose,
    run: Option<RunId>,
    assistant: &assistant::Model,
    conversation: &conversation::Model,
    history: &[message::Model],
) -> Result<(Prepared, Reply)> {
    let question = model::question(history);
    let for_agent = purpose == Purpose::Draft;
    let spoken = spoken(cx, assistant, conversation, history, &question).await?;
    let language = spoken.tag();
    let has_staff = has_staff(cx, assistant).await?;
    let setting = Setting { language: spoken, for_agent, has_staff };
    let handoff = match has_staff && !for_agent && !routing::is_open(cx, assistant.site_id).await? {
        true => conversations::noted(language),
        false => conversations::announcement(language),
    };
    let meaning = turn::meaning(&question, history);
    let (small_talk, with_models) = match meaning {
        Meaning::Person if has_staff && !for_agent => {
            return Ok(by_server(Said::plain(handoff, AnswerAction::Handoff), 1.0, language));
        }
        Meaning::Person if !for_agent => {
            return Ok(by_server(Said::plain(texts::nobody_else(language), AnswerAction::Clarify), 1.0, language));
        }
        // The truth about it is no matter of a model.
        Meaning::Robot if !for_agent => {
            let told = texts::who_writes(language, has_staff);
            return Ok(by_server(Said::plain(told, AnswerAction::Clarify), 1.0, language));
        }
        Meaning::SmallTalk(SmallTalk::No { to_offer: true }) if !for_agent => {
            return Ok(by_server(Said::plain(texts::as_you_wish(language), AnswerAction::Clarify), 1.0, language));
        }
        // A model was no help, either, where it said what is complained of.
        Meaning::Complaint(Complaint::Unhelped) if !for_agent => {
            let told = Said::plain(texts::sorry(language, has_staff), AnswerAction::Abstain);
            return Ok(by_server(told, 0.0, language));
        }
        Meaning::Unknown if !for_agent => {
            return Ok(by_server(Said::plain(texts::what_is_it(language), AnswerAction::Clarify), 1.0, language));
        }
        Meaning::SmallTalk(said) => (Some(said), assistants::asks_models(assistant)),
        Meaning::Complaint(_)
        | Meaning::Unknown
        | Meaning::Question
        | Meaning::Person
        | Meaning::Robot
        | Meaning::RobotAndQuestion => (None, assistants::asks_models(assistant)),
    };
    let is_complaint = matches!(meaning, Meaning::Complaint(_) | Meaning::Unknown);
    let small_answer = match small_talk {
        Some(said) => Some(Said::plain(small_answer(said, language), AnswerAction::Clarify)),
        None if is_complaint && for_agent => Some(Said::plain(texts::ask_back(language), AnswerAction::Clarify)),
        None if is_complaint => Some(Said::plain(texts::what_is_unclear(language, has_staff), AnswerAction::Clarify)),
        None => None,
    };
    let small_answer = match small_answer {
        Some(said) if !with_models => return Ok(by_server(said, 1.0, language)),
        other => other,
    };
    // What was not understood is looked up again, for it to be said in other words.
    let before = model::asked_before(history).filter(|_| is_complaint);
    // Who writes is told by the server, whoever answers what is asked beside it.
    let beside = match meaning == Meaning::RobotAndQuestion && !for_agent {
        true => understanding::beside_who_writes(&question),
        false => vec![],
    };
    let asked: Vec<&str> = match beside.is_empty() {
        true => understanding::questions(before.as_ref().unwrap_or(&question)),
        false => beside.iter().flat_map(|rest| understanding::questions(rest)).collect(),
    };
    let most = if with_models { QUESTIONS_OF_MODEL } else { QUESTIONS };
    let looked = look(cx, assistant, history, &asked[..asked.len().min(most)], spoken).await?;
    let (mut quoted, confidence) = answer(assistant, &looked[..looked.len().min(QUESTIONS)], setting);
    // Nothing that was asked is passed over; an agent sees it all.
    if !for_agent {
        quoted.text.push_str(&ask_again(asked.get(QUESTIONS..), language));
    }
    let mut left = ask_again(asked.get(QUESTIONS_OF_MODEL..), language);
    let mut nothing = none_of(&looked, setting);
    if !beside.is_empty() {
        let asks = beside.iter().any(|rest| rest.contains('?'));
        quoted = beside_who_writes(quoted, asks, setting);
        nothing = beside_who_writes(nothing, asks, setting);
        left.push_str("\n\n");
        left.push_str(texts::an_assistant_writes(language));
    }
    if !with_models {
        return Ok(by_server(quoted, confidence, language));
    }
    let found = together(looked);
    if small_answer.is_none() && beyond(assistant, &found, confidence) {
        return Ok(by_server(nothing, confidence, language));
    }
    let quoted = small_answer.unwrap_or(quoted);
    let mut masks = masks(cx, assistant, conversation).await?;
    // Whatever was found may be quoted, should no model answer.
    let texts = found.passages.iter().map(|source| source.text.clone()).collect::<Vec<_>>();
    let own = [assistant.instructions.as_str(), assistant.welcome_text.as_str()];
    let passages = found.within_budget();
    let prompt = prompt::build(assistant, spoken, history, &passages, masks.as_mut(), for_agent);
    let cleaner = Cleaner::new(passages.len(), texts.iter().map(String::as_str).chain(own));
    let polish = Polish::new(masks.unwrap_or_default().restore(), cleaner);
    let asking = Question { assistant, purpose, run, text: &question };
    let Asked { reply, account } = assistants::ask(cx, asking, prompt, quoted.reply()).await?;
    let prepared = Prepared {
        sources: numbered(&passages),
        language,
        confidence,
        quoted,
        polish: Some(Box::new(polish)),
        has_staff,
        handoff,
        // A model's "yes" or "no" may go on with what it asked.
        small_talk: is_complaint
            || small_talk.is_some_and(|said| !matches!(said, SmallTalk::Yes | SmallTalk::No { .. })),
        decided: None,
        left,
        account,
    };
    Ok((prepared, reply))
}

/// The language in which the question is answered.
async fn spoken(
    cx: &Ctx,
    assistant: &assistant::Model,
    conversation: &conversation::Model,
    history: &[message::Model],
    question: &str,
) -> Result<Language> {
    let visitor = match conversation.visitor_id {
        Some(id) => visitors::lookup(&cx.db(), id).await?,
        None => None,
    };
    let locale = visitor.and_then(|visitor| visitor.locale);
    Ok(turn::language(question, history, locale.as_deref(), &assistant.language))
}

/// What is said back to small talk.
fn small_answer(said: SmallTalk, language: &str) -> &'static str {
    match said {
        SmallTalk::Greeting => texts::hello(language),
        SmallTalk::Thanks => texts::you_are_welcome(language),
        SmallTalk::Acknowledgement => texts::at_your_service(language),
        SmallTalk::Yes => texts::go_ahead(language),
        SmallTalk::No { .. } => texts::as_you_wish(language),
        SmallTalk::Goodbye => texts::goodbye(language),
    }
}

/// Names questions that there was no room for.
fn ask_again(left: Option<&[&str]>, language: &str) -> String {
    let name = |question: &&str| format!("\n\n{} {}", texts::ask_again(language), named(question));
    left.unwrap_or_default().iter().map(name).collect()
}

/// A question as it is named in an answer.
fn named(question: &str) -> String {
    format!("**{}**", question.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A question and what was found for it.
struct Looked {
    question: String,
    found: Retrieved,
}

/// Looks each question up. One that goes on is looked up with the question before it, where it finds nothing alone.
async fn look(
    cx: &Ctx,
    assistant: &assistant::Model,
    history: &[message::Model],
    questions: &[&str],
    language: Language,
) -> Result<Vec<Looked>> {
    let home = Language::of_tag(&assistant.language);
    let options = RetrieveOptions { language: Some(language), home, ..RetrieveOptions::public(PASSAGES) };
    let mut looked = vec![];
    for question in questions.iter().copied() {
        let mut found = knowledge::retrieve(cx, assistant.site_id, question, options).await?;
        // A greeting or thanks beside a question draws away from what is asked.
        let core = understanding::core(question);
        if core != question && knowledge::extract(&found).decision != Decision::Answer {
            let asked = knowledge::retrieve(cx, assistant.site_id, core, options).await?;
            if knowledge::extract(&asked).confidence > knowledge::extract(&found).confidence {
                found = asked;
            }
        }
        if let Some(earlier) = model::earlier(history, core)
            && knowledge::extract(&found).decision != Decision::Answer
        {
            let both = format!("{earlier}\n{core}");
            let joined = knowledge::retrieve(cx, assistant.site_id, &both, options).await?;
            if understanding::goes_on_plainly(core) || adds(history, &found, &joined) {
                found = joined;
            }
        }
        // A complaint with a question in it: what is told besides draws away from what is asked.
        if let Some(part) = understanding::asking_part(question)
            && knowledge::extract(&found).decision != Decision::Answer
        {
            let asked = knowledge::retrieve(cx, assistant.site_id, understanding::core(part), options).await?;
            if knowledge::extract(&asked).decision == Decision::Answer {
                found = asked;
            }
        }
        if understanding::is_nonsense(question) && found.passages.iter().all(|source| source.lexical == 0.0) {
            found = Retrieved { is_too_far: true, ..Retrieved::default() };
        }
        looked.push(Looked { question: question.to_owned(), found });
    }
    Ok(looked)
}

/// True where a few words that need not go on with the question before them do: the articles have them, and what is found
/// with them is not what was answered already.
fn adds(history: &[message::Model], alone: &Retrieved, joined: &Retrieved) -> bool {
    let is_known = alone.passages.iter().any(|source| source.lexical > 0.0);
    let extract = knowledge::extract(joined);
    let quotes: Vec<&str> = extract.citations.iter().map(|citation| citation.quote.as_str()).collect();
    is_known && !model::is_repeated(history, &quotes)
}

/// What was found for all questions, taking turns.
fn together(looked: Vec<Looked>) -> Retrieved {
    let mut all = looked.into_iter().map(|looked| looked.found);
    let Some(mut first) = all.next() else { return Retrieved::default() };
    for other in all {
        first.is_too_far &= other.is_too_far;
        for (at, source) in other.passages.into_iter().enumerate() {
            if first.passages.iter().all(|known| known.chunk != source.chunk) {
                first.passages.insert((2 * at + 1).min(first.passages.len()), source);
            }
        }
        first.is_too_far &= first.passages.is_empty();
    }
    first
}

/// The built-in answer to one question, or to each of several.
fn answer(assistant: &assistant::Model, looked: &[Looked], setting: Setting) -> (Said, f64) {
    let each: Vec<(Said, f64)> = looked.iter().map(|looked| extractive(assistant, &looked.found, setting)).collect();
    let is_answered = |(said, _): &(Said, f64)| said.action == AnswerAction::Answer;
    if each.len() < 2 || setting.for_agent && !each.iter().any(is_answered) {
        let best = each.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        return best.unwrap_or_else(|| (Said::nothing(setting), 0.0));
    }
    if !each.iter().any(is_answered) {
        return unanswered(looked, each, setting);
    }
    let (mut parts, mut citations, mut confidence) = (vec![], vec![], 1.0_f64);
    for (looked, (said, sure)) in looked.iter().zip(each) {
        if said.action == AnswerAction::Answer {
            parts.push(format!("{}\n\n{}", named(&looked.question), said.text));
            for citation in said.citations {
                let number = i32::try_from(citations.len() + 1).unwrap_or(i32::MAX);
                citations.push(Citation { number, ..citation });
            }
            confidence = confidence.min(sure);
        } else {
            parts.push(no_answer_to(looked, setting));
        }
    }
    (Said { text: parts.join("\n\n"), action: AnswerAction::Answer, citations }, confidence)
}

fn no_answer_to(looked: &Looked, setting: Setting) -> String {
    format!("{} {}", texts::no_answer_to(setting.language.tag()), named(&looked.question))
}

/// What is said to several questions of which none is answered: each is named, and what may be meant comes last.
fn unanswered(looked: &[Looked], each: Vec<(Said, f64)>, setting: Setting) -> (Said, f64) {
    let confidence = each.iter().map(|(_, sure)| *sure).fold(0.0, f64::max);
    let likely = each.iter().enumerate().filter(|(_, (said, _))| said.action == AnswerAction::Clarify);
    let likely = likely.max_by(|(_, (_, a)), (_, (_, b))| a.total_cmp(b)).map(|(at, _)| at);
    let others = looked.iter().enumerate().filter(|(at, _)| Some(*at) != likely);
    let mut parts: Vec<String> = others.map(|(_, looked)| no_answer_to(looked, setting)).collect();
    match likely.and_then(|at| Some((looked.get(at)?, each.into_iter().nth(at)?.0))) {
        Some((looked, said)) => {
            parts.push(format!("{}\n\n{}", named(&looked.question), said.text));
            (Said { text: parts.join("\n\n"), ..said }, confidence)
        }
        None => (none_of(looked, setting), confidence),
    }
}

/// That nothing was found for any of these.
fn none_of(looked: &[Looked], setting: Setting) -> Said {
    if looked.len() < 2 || setting.for_agent {
        return Said::nothing(setting);
    }
    let mut parts: Vec<String> = looked.iter().map(|looked| no_answer_to(looked, setting)).collect();
    parts.push(texts::instead(setting.language.tag(), setting.has_staff).to_owned());
    Said::plain(&parts.join("\n\n"), AnswerAction::Abstain)
}

/// What is said to a question beside the one who writes. What only tells something, and has no answer, needs none.
fn beside_who_writes(said: Said, asks: bool, setting: Setting) -> Said {
    let language = setting.language.tag();
    if !asks && said.action != AnswerAction::Answer {
        return Said::plain(texts::who_writes(language, setting.has_staff), AnswerAction::Clarify);
    }
    Said { text: format!("{}\n\n{}", texts::an_assistant_writes(language), said.text), ..said }
}

/// An answer of the server's own, without asking anybody.
fn by_server(quoted: Said, confidence: f64, language: &'static str) -> (Prepared, Reply) {
    let (reply, sources, account) = (quoted.reply(), quoted.citations.clone(), Account::default());
    account.answers_built_in();
    let handoff = conversations::announcement(language);
    let (polish, small_talk, decided, has_staff, left) = (None, false, None, false, String::new());
    let prepared = Prepared {
        sources,
        language,
        confidence,
        quoted,
        polish,
        has_staff,
        handoff,
        small_talk,
        decided,
        left,
        account,
    };
    (prepared, reply)
}

impl Said {
    fn plain(text: &str, action: AnswerAction) -> Self {
        Self { text: text.to_owned(), action, citations: vec![] }
    }

    /// That nothing was found. In an agent's name it is asked back.
    fn nothing(setting: Setting) -> Self {
        let language = setting.language.tag();
        match setting.for_agent {
            true => Self::plain(texts::ask_back(language), AnswerAction::Clarify),
            false => Self::plain(texts::no_answer(language, setting.has_staff), AnswerAction::Abstain),
        }
    }

    /// The text, piece by piece.
    fn reply(&self) -> Reply {
        let mut pieces: Vec<_> = model::pieces(&self.text).map(|piece| Ok(Piece::Text(piece.to_owned()))).collect();
        pieces.push(Ok(Piece::Done { finish: Finish::Stop, usage: None }));
        stream::iter(pieces).boxed()
    }
}

/// True when what was found is too far from the question for a model to be asked. Without any article a model answers
/// from its instructions.
fn beyond(assistant: &assistant::Model, found: &Retrieved, confidence: f64) -> bool {
    let Some(best) = found.passages.first() else { return found.is_too_far };
    match assistant.confidence_threshold {
        Some(threshold) => confidence < threshold,
        // Where only words were compared, a question in another language has no score at all.
        None => !found.words_only && best.measured() < RELATED,
    }
}

/// The masks of a prompt, if the site wants them and the assistant may ask a cloud provider.
pub(super) async fn masks(
    cx: &Ctx,
    assistant: &assistant::Model,
    conversation: &conversation::Model,
) -> Result<Option<Masks>> {
    if !assistants::may_ask_cloud(cx, assistant)
        || !sites::find_any(&cx.db(), assistant.site_id).await?.mask_personal_data
    {
        return Ok(None);
    }
    let name = match conversation.visitor_id {
        Some(id) => visitors::by_ids(cx, vec![id]).await?.remove(&id).and_then(|visitor| visitor.name),
        None => None,
    };
    Ok(Some(Masks::new(name.as_deref())))
}

/// The built-in answerer: quotes, suggests, or says that it does not know; and how sure it is. For an agent, who decides,
/// what is likely is quoted, too.
fn extractive(assistant: &assistant::Model, found: &Retrieved, setting: Setting) -> (Said, f64) {
    let Setting { language: spoken, for_agent, has_staff } = setting;
    let extract = knowledge::extract(found);
    let confidence = text::decimal(extract.confidence);
    let decision = match assistant.confidence_threshold {
        _ if for_agent && extract.text.is_empty() => Decision::Abstain,
        None if for_agent && extract.decision == Decision::Suggest => Decision::Answer,
        Some(threshold) if extract.text.is_empty() || confidence < threshold => Decision::Abstain,
        Some(_) => Decision::Answer,
        None => extract.decision,
    };
    let said = match decision {
        Decision::Answer => {
            let citation = |(number, quoted): (i32, knowledge::Citation)| Citation {
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
            };
            let citations = (1..).zip(extract.citations).map(citation).collect();
            Said { text: extract.text, action: AnswerAction::Answer, citations }
        }
        Decision::Suggest => {
            let articles = suggested(found, spoken);
            let titles: String = articles.iter().map(|source| format!("\n- {}", source.title)).collect();
            let (before, after) = texts::did_you_mean(spoken.tag(), has_staff);
            let text = format!("{before}\n{titles}\n\n{after}").trim_end().to_owned();
            Said { text, action: AnswerAction::Clarify, citations: numbered(articles) }
        }
        Decision::Abstain => Said::nothing(setting),
    };
    (said, confidence)
}

/// The articles that may be meant, in one language: the visitor's, else that of the best.
fn suggested(found: &Retrieved, language: Language) -> Vec<&Source> {
    let language_of = |source: &Source| Language::of_tag(&source.language);
    let is_there = found.articles().any(|source| language_of(source) == Some(language));
    let shown = if is_there { Some(language) } else { found.articles().next().and_then(language_of) };
    found.articles().filter(|source| language_of(source) == shown).take(SUGGESTIONS).collect()
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
        score: text::decimal(source.score),
    };
    (1..).zip(sources).map(citation).collect()
}

impl Written {
    /// What had been saved of an answer whose writer is gone.
    pub(super) fn saved(text: String) -> Self {
        let verdict = Verdict { action: AnswerAction::Answer, confidence: 0.0 };
        Self { text, citations: vec![], verdict, removed: Removed::default() }
    }
}

impl Prepared {
    /// True when models are asked.
    pub(super) fn by_model(&self) -> bool {
        self.polish.is_some()
    }

    /// What the visitor sees of a further piece; may be empty.
    pub(super) fn shown(&mut self, piece: &str) -> String {
        match &mut self.polish {
            None => piece.to_owned(),
            Some(polish) => polish.push(piece),
        }
    }

    /// What was said so far does not count.
    pub(super) fn withdrawn(&mut self) {
        if let Some(polish) = &mut self.polish {
            polish.restart();
        }
    }

    /// What was held back, when nothing follows any more.
    pub(super) fn rest(&mut self) -> String {
        self.polish.as_mut().map(|polish| polish.finish()).unwrap_or_default()
    }

    /// What the server adds to a complete answer: the words for a signal, or that no source bears it out, and what was
    /// asked besides.
    pub(super) fn closing(&mut self, text: &str) -> Option<String> {
        let signal = self.of_model()?.signal();
        self.decided = Some(self.action(text));
        let added = self.added(signal, text);
        if signal == Some(Signal::Handoff) || self.left.is_empty() {
            return added;
        }
        Some(added.unwrap_or_default() + &self.left)
    }

    fn added(&self, signal: Option<Signal>, text: &str) -> Option<String> {
        match signal {
            Some(Signal::Handoff) => Some(self.handoff.to_owned()),
            Some(Signal::NoAnswer) => Some(texts::no_answer(self.language, self.has_staff).to_owned()),
            None if text.trim().is_empty() => Some(texts::no_answer(self.language, self.has_staff).to_owned()),
            None if self.action(text) == AnswerAction::Abstain => {
                // Some models end with empty lines.
                let ends = text.len() - text.trim_end_matches('\n').len();
                let gap = "\n".repeat(2_usize.saturating_sub(ends));
                Some(format!("{gap}{}", texts::unverified(self.language, self.has_staff)))
            }
            None => None,
        }
    }

    /// The message, its citations, and what it is.
    pub(super) fn complete(&self, text: String) -> Written {
        let verdict = Verdict { action: self.action(&text), confidence: self.confidence };
        let Some(polish) = self.of_model() else {
            return Written { text, citations: self.quoted.citations.clone(), verdict, removed: Removed::default() };
        };
        let source = |number: &i32| self.sources.iter().find(|source| source.number == *number).cloned();
        let citations = model::cited(&text).iter().filter_map(source).collect();
        Written { text, citations, verdict, removed: polish.removed() }
    }

    /// The words' way, if a model spoke them and not the built-in answerer in its place.
    fn of_model(&self) -> Option<&Polish> {
        let built_in = self.account.answerer().is_none_or(|answerer| answerer.provider == Provider::BuiltIn);
        self.polish.as_deref().filter(|_| !built_in)
    }

    fn action(&self, text: &str) -> AnswerAction {
        let Some(polish) = self.of_model() else { return self.quoted.action };
        if let Some(decided) = self.decided {
            return decided;
        }
        match polish.signal() {
            Some(Signal::Handoff) => AnswerAction::Handoff,
            Some(Signal::NoAnswer) => AnswerAction::Abstain,
            None if text.trim().is_empty() => AnswerAction::Abstain,
            None if self.small_talk && model::cited(text).is_empty() => AnswerAction::Clarify,
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
