//! Finding the passages that may answer a question.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use ::entity::{
    article, chunk,
    ids::{ArticleId, ChunkId, SiteId},
    knowledge_settings::{self, Fusion},
};

use super::{
    agreement::{Compared, agreeing, cosine, without_names},
    answer::{ENOUGH, Matters, Quote, Retrieved, Rivals, Sentence, Source},
    background,
    chunk::{header_of, sentences_of},
    fusion::Fuser,
    language::Language,
    lists::{lists, quote},
    store::{self, Kind},
};
use crate::{
    kernel::{Ctx, Result, text},
    ports::vectors::{Found, Match, Query},
};

/// Passages of one article before others get a place.
const PER_ARTICLE: usize = 2;
/// Passages looked at for each one that is asked for, so that others than the best article's are among them.
const WIDTH: usize = 8;
/// Passages looked at when all of those are of one article.
pub(super) const WIDE: usize = 500;
/// What coverage counts in a sentence's score, where the article is known already.
const SENTENCE_WEIGHT: f32 = 0.3;
/// What a number adds to a sentence's score, where the question asks how much or how long.
const NUMBER: f32 = 0.1;
/// Characters of a question that count.
pub(super) const QUESTION: usize = 2_000;

/// What to look for, and how much.
#[derive(Clone, Copy, Debug)]
pub struct RetrieveOptions {
    /// Leave out internal articles: for answers to visitors, always.
    pub public_only: bool,
    /// Most passages.
    pub limit: usize,
    /// Among articles that say the same, prefer those in this language.
    pub language: Option<Language>,
    /// The language after that and English.
    pub home: Option<Language>,
}

impl RetrieveOptions {
    /// For answers to visitors.
    #[must_use]
    pub fn public(limit: usize) -> Self {
        Self { public_only: true, limit, language: None, home: None }
    }
}

/// The passages of a site's published articles that fit a question best.
///
/// The caller has checked that whoever asks may: `public_only` is all that is looked at here. Where the embedder or the
/// vector index does not answer, words alone decide and [`Retrieved::words_only`] says so.
pub async fn retrieve(cx: &Ctx, site: SiteId, question: &str, options: RetrieveOptions) -> Result<Retrieved> {
    Ok(find(cx, site, question, options, Spread::Passages, &Kind::default()).await?.retrieved)
}

/// How often is looked when what was found has changed before it could be read.
const LOOKS: u32 = 3;

/// What a list of results is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// Passages, at most two of an article before others get a place.
    Passages,
    /// Articles, each with its best passage.
    Articles,
}

/// What a search found, with what it was found by.
pub(super) struct Finding {
    pub(super) retrieved: Retrieved,
    /// The articles as they are now.
    pub(super) articles: HashMap<ArticleId, article::Model>,
    pub(super) fuser: Fuser,
}

/// As [`retrieve`], among articles of a kind.
pub(super) async fn find(
    cx: &Ctx,
    site: SiteId,
    question: &str,
    options: RetrieveOptions,
    spread: Spread,
    kind: &Kind,
) -> Result<Finding> {
    let settings = store::settings(&cx.db(), site).await?;
    let question = text::first(question.trim(), QUESTION);
    if question.is_empty() || options.limit == 0 {
        let fuser = Fuser::new(&settings, &[]);
        return Ok(Finding { retrieved: Retrieved::default(), articles: HashMap::new(), fuser });
    }
    let vector = cx.embeddings.query(question).await;
    let vector = vector.inspect_err(|error| tracing::warn!(error = ?error, "a question could not be embedded")).ok();
    let mut query =
        Query { vector, text: question.to_owned(), limit: options.limit * WIDTH, public_only: options.public_only };
    // The index ranks by the measured sum; what another order or a choice may bring up is further down.
    if settings.fusion != Fusion::Measured || !kind.is_any() {
        query.limit = query.limit.max(WIDE);
    }
    let mut looks = 1;
    let (looked, mut passages, articles) = loop {
        let looked = look(cx, site, &mut query, &settings, options, spread, kind).await?;
        let (passages, articles) = load(cx, site, &looked.picked, options.public_only).await?;
        // An article that was indexed anew between the two has other passages now: it must not be missing.
        if passages.len() == looked.picked.len() || looks == LOOKS {
            break (looked, passages, articles);
        }
        looks += 1;
    };
    let Looked { found, fuser, is_too_far, .. } = looked;
    let agreeing = agree(cx, &passages);
    if let Some(language) = options.language {
        prefer(&mut passages, &agreeing, [Some(language), Some(Language::English), options.home]);
    }
    let says_else = |article: ArticleId| {
        passages.first().is_some_and(|(best, _)| best.article != article && !agreeing.contains(&article))
    };
    let others: HashSet<ArticleId> =
        found.matches.iter().map(|found| found.article).filter(|article| says_else(*article)).collect();
    let next = found.matches.iter().find(|other| others.contains(&other.article)).map(Match::measured);
    let best = best_vector(cx, &passages).filter(|_| !found.words_only);
    let matters = |question: &[f32]| best.as_deref().and_then(|best| background::matters(question, best));
    let rivals = Rivals { next, matters: query.vector.as_deref().and_then(matters), others: others.len() };
    let nameless = match passages.first() {
        Some((first, _)) if best.is_some() => nameless(cx, question, first, &passages, &others, matters).await,
        _ => None,
    };
    let is_of_another = spread == Spread::Passages
        && best.is_some()
        && others.len() < ENOUGH
        && is_of_another(cx, site, question, &passages).await?;
    if spread == Spread::Passages {
        score_sentences(cx, site, &query, &mut passages).await?;
    }
    let passages = passages.into_iter().map(|(source, _)| source).collect();
    let budget = usize::try_from(settings.context_characters).unwrap_or_default();
    Ok(Finding {
        retrieved: Retrieved {
            passages,
            rivals,
            agreeing,
            nameless,
            is_of_another,
            words_only: found.words_only,
            is_too_far,
            budget,
        },
        articles,
        fuser,
    })
}

/// The vector of a row's whole passage, if the built-in embedder made it: what closeness means differs with the embedder.
fn built_in_vectors(cx: &Ctx, row: &chunk::Model) -> Option<Vec<Vec<f32>>> {
    let is_built_in = *row.model == **cx.embeddings.model() && row.model == embedder::MODEL;
    is_built_in.then(|| row.unpack_vectors()).filter(|vectors| !vectors.is_empty())
}

fn best_vector(cx: &Ctx, passages: &[(Source, chunk::Model)]) -> Option<Vec<f32>> {
    built_in_vectors(cx, &passages.first()?.1)?.into_iter().next()
}

/// The articles that say what the best passage says.
fn agree(cx: &Ctx, passages: &[(Source, chunk::Model)]) -> HashSet<ArticleId> {
    let all = passages.iter().map(|(source, row)| Compared {
        article: source.article,
        language: &source.language,
        text: &source.text,
        vector: built_in_vectors(cx, row).and_then(|vectors| vectors.into_iter().next()),
    });
    let all: Vec<Compared<'_>> = all.collect();
    agreeing(&all)
}

/// Of articles that say the same puts the one first whose language comes first, the better one of two in one language.
fn prefer(passages: &mut [(Source, chunk::Model)], agreeing: &HashSet<ArticleId>, order: [Option<Language>; 3]) {
    let Some(best) = passages.first().map(|(source, _)| source.article) else { return };
    let says_it = |source: &Source| source.article == best || agreeing.contains(&source.article);
    let place = |source: &Source| {
        let spoken = Language::of_tag(&source.language);
        order.iter().position(|wanted| wanted.is_some() && *wanted == spoken).unwrap_or(order.len())
    };
    let said = passages.iter().map(|(source, _)| source).filter(|source| says_it(source));
    let Some(article) = said.min_by_key(|source| place(source)).map(|source| source.article) else { return };
    passages.sort_by_key(|(source, _)| source.article != article);
}

/// What the best passage measures and its rivals when names that the question shares with the best are left out.
async fn nameless(
    cx: &Ctx,
    question: &str,
    best: &Source,
    passages: &[(Source, chunk::Model)],
    others: &HashSet<ArticleId>,
    matters: impl Fn(&[f32]) -> Option<Matters>,
) -> Option<(f32, Rivals)> {
    let left = without_names(question, &best.text, &best.language)?;
    let vector = cx.embeddings.query(&left).await.ok()?;
    let measured = |(source, row): &(Source, chunk::Model)| {
        Some(close(&vector, &built_in_vectors(cx, row)?)? + source.lexical * source.lexical)
    };
    let of = |fits: &dyn Fn(&Source) -> bool| {
        passages.iter().filter(|(source, _)| fits(source)).filter_map(measured).reduce(f32::max)
    };
    let next = of(&|source| others.contains(&source.article));
    let rivals = Rivals { next, matters: matters(&vector), others: others.len() };
    Some((of(&|source| source.article == best.article)?, rivals))
}

/// A word of which an article has so much is in it.
const HAD: f32 = 0.3;
/// A word that is so close to an article, or without which a question is so much farther from it, belongs to it.
const BELONGS: f32 = 0.2;
const MATTERS: f32 = 0.12;

/// True where the price or the opening hours are asked of a thing that the best article does not have. To an article about
/// one price the question for any other is close, and a small site has none that would be closer.
async fn is_of_another(cx: &Ctx, site: SiteId, question: &str, passages: &[(Source, chunk::Model)]) -> Result<bool> {
    let Some(thing) = understanding::thing(question) else { return Ok(false) };
    let Some((best, _)) = passages.first() else { return Ok(false) };
    let of_best: Vec<&(Source, chunk::Model)> =
        passages.iter().filter(|(source, _)| source.article == best.article).collect();
    let texts: Vec<&str> =
        of_best.iter().flat_map(|(source, _)| [source.title.as_str(), source.text.as_str()]).collect();
    let had = cx.vectors.coverages(&cx.db(), site, thing, &texts).await?;
    if had.into_iter().any(|had| had >= HAD) {
        return Ok(false);
    }
    let left: Vec<&str> = question.split_whitespace().filter(|word| *word != thing).collect();
    let thing = thing.trim_matches(|c: char| !c.is_alphanumeric());
    let alone = closeness(cx, thing, &of_best).await;
    let whole = closeness(cx, question, &of_best).await;
    let left = closeness(cx, &left.join(" "), &of_best).await;
    let is_far = |alone: f32, whole: f32, left: f32| alone < BELONGS && whole - left < MATTERS;
    Ok(alone.zip(whole).zip(left).is_some_and(|((alone, whole), left)| is_far(alone, whole, left)))
}

/// How close a text is to the closest of some passages; absent where the built-in embedder did not make their vectors.
async fn closeness(cx: &Ctx, text: &str, passages: &[&(Source, chunk::Model)]) -> Option<f32> {
    let vector = cx.embeddings.query(text).await.ok()?;
    passages.iter().filter_map(|(_, row)| close(&vector, &built_in_vectors(cx, row)?)).reduce(f32::max)
}

/// How close a vector is to those of a passage: the whole and its sentences.
fn close(vector: &[f32], vectors: &[Vec<f32>]) -> Option<f32> {
    let (whole, sentences) = vectors.split_first()?;
    let whole = cosine(vector, whole);
    let sentence = sentences.iter().map(|sentence| cosine(vector, sentence)).reduce(f32::max).unwrap_or(whole);
    Some((whole + sentence) / 2.0)
}

fn articles_in(matches: &[Match]) -> usize {
    let mut articles: Vec<_> = matches.iter().map(|found| found.article).collect();
    articles.sort_unstable();
    articles.dedup();
    articles.len()
}

/// The best matches such that no article takes all places while others have something to say.
fn pick(matches: &[Match], limit: usize, spread: Spread) -> Vec<Match> {
    let per_article = if spread == Spread::Articles { 1 } else { PER_ARTICLE };
    let mut counts: HashMap<ArticleId, usize> = HashMap::new();
    let (mut picked, rest): (Vec<Match>, Vec<Match>) = matches.iter().partition(|found| {
        let count = counts.entry(found.article).or_default();
        *count += 1;
        *count <= per_article
    });
    picked.truncate(limit);
    if spread == Spread::Passages {
        let room = limit - picked.len();
        picked.extend(rest.into_iter().take(room));
    }
    picked.sort_by(|a, b| b.score.total_cmp(&a.score));
    picked
}

/// What the index has found.
struct Looked {
    found: Found,
    /// The matches that get a place.
    picked: Vec<Match>,
    fuser: Fuser,
    is_too_far: bool,
}

async fn look(
    cx: &Ctx,
    site: SiteId,
    query: &mut Query,
    settings: &knowledge_settings::Model,
    options: RetrieveOptions,
    spread: Spread,
    kind: &Kind,
) -> Result<Looked> {
    let mut found = cx.vectors.search(&cx.db(), site, query.clone()).await?;
    if found.matches.len() == query.limit && articles_in(&found.matches) < options.limit.min(2) {
        query.limit = query.limit.max(WIDE);
        found = cx.vectors.search(&cx.db(), site, query.clone()).await?;
    }
    if !kind.is_any() {
        let ids: Vec<ArticleId> = found.matches.iter().map(|found| found.article).collect();
        let chosen = store::published(&cx.db(), site, &ids, options.public_only, kind).await?;
        found.matches.retain(|found| chosen.contains_key(&found.article));
    }
    let fuser = Fuser::new(settings, &found.matches);
    let had_any = !found.matches.is_empty();
    fuser.fuse(settings, &mut found.matches, found.words_only);
    let is_too_far = had_any && found.matches.is_empty();
    let picked = pick(&found.matches, options.limit, spread);
    Ok(Looked { found, picked, fuser, is_too_far })
}

/// The rows of matches, in their order. The rows have the last word: what is gone or not to be seen is left out.
async fn load(
    cx: &Ctx,
    site: SiteId,
    matches: &[Match],
    public_only: bool,
) -> Result<(Vec<(Source, chunk::Model)>, HashMap<ArticleId, article::Model>)> {
    let ids: Vec<ArticleId> = matches.iter().map(|found| found.article).collect();
    let articles = store::published(&cx.db(), site, &ids, public_only, &Kind::default()).await?;
    let mut rows: HashMap<ChunkId, chunk::Model> =
        store::chunks(&cx.db(), site, matches.iter().map(|found| found.chunk)).await?;
    let titles = store::titles(&cx.db(), rows.values().map(|row| (row.article_id, row.version))).await?;
    let source = |found: &Match| {
        let row = rows.remove(&found.chunk)?;
        let article = articles.get(&row.article_id)?;
        let source = Source {
            article: article.id,
            version: row.version,
            chunk: row.id,
            title: titles.get(&(row.article_id, row.version))?.clone(),
            slug: article.slug.clone(),
            language: article.language.clone(),
            text: row.text.clone(),
            header: None,
            start_byte: row.start_byte,
            end_byte: row.end_byte,
            score: found.score,
            dense: found.dense,
            lexical: found.lexical,
            sentences: vec![],
        };
        Some((source, row))
    };
    Ok((matches.iter().filter_map(source).collect(), articles))
}

/// Scores the sentences of the best article's passages, as passages are scored.
async fn score_sentences(cx: &Ctx, site: SiteId, query: &Query, passages: &mut [(Source, chunk::Model)]) -> Result<()> {
    let Some((best, version)) = passages.first().map(|(source, _)| (source.article, source.version)) else {
        return Ok(());
    };
    let Some(body) = store::lookup_body(&cx.db(), best, version).await? else { return Ok(()) };
    let lists = lists(&body);
    let wants_number = understanding::asks_how_much(&query.text);
    for (source, row) in passages.iter_mut().filter(|(source, _)| source.article == best) {
        let start = usize::try_from(source.start_byte).unwrap_or_default();
        let passage = start..start + source.text.len();
        source.header = header_of(&body, &passage).map(ToOwned::to_owned);
        let ranges = sentences_of(&source.text);
        let texts: Vec<&str> = ranges.iter().map(|range| &source.text[range.clone()]).collect();
        let coverages = cx.vectors.coverages(&cx.db(), site, &query.text, &texts).await?;
        let vectors = if *row.model == **cx.embeddings.model() { row.unpack_vectors() } else { vec![] };
        let dense = |nth: usize| {
            // A passage of one sentence has one vector for both.
            let vector = if vectors.len() == 1 { vectors.first() } else { vectors.get(nth + 1) };
            query.vector.as_deref().zip(vector).map_or(0.0, |(question, sentence)| cosine(question, sentence))
        };
        let number = |range: &Range<usize>| match wants_number && has_number(&source.text[range.clone()]) {
            true => NUMBER,
            false => 0.0,
        };
        let quoted = |range: &Range<usize>| quote(&body, &lists, &passage, &(start + range.start..start + range.end));
        let quotes: Vec<Option<Quote>> = ranges.iter().map(quoted).collect();
        let block =
            |quote: &Option<Quote>| quote.as_ref().filter(|quote| quote.is_block).map(|quote| quote.text.clone());
        let blocks: Vec<String> = quotes.iter().map(|quote| block(quote).unwrap_or_default()).collect();
        let blocks: Vec<&str> = blocks.iter().map(String::as_str).collect();
        let blocks = cx.vectors.coverages(&cx.db(), site, &query.text, &blocks).await?;
        let score = |(nth, (range, coverage)): (usize, (&Range<usize>, f32))| {
            dense(nth) + SENTENCE_WEIGHT * coverage + number(range)
        };
        let scores: Vec<f32> = ranges.iter().zip(coverages).enumerate().map(score).collect();
        let sentences = ranges.into_iter().zip(quotes).zip(scores).zip(blocks);
        let sentences =
            sentences.map(|(((range, quote), score), block)| Sentence { range, quote, score, block }).collect();
        source.sentences = sentences;
    }
    Ok(())
}

fn has_number(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn two_passages_of_an_article_leave_room_for_others() {
        let found = |article: u128, chunk: u128, score: f32| Match {
            chunk: ChunkId(Uuid::from_u128(chunk)),
            article: ArticleId(Uuid::from_u128(article)),
            dense: score,
            lexical: 0.0,
            score,
        };
        let matches = [found(1, 1, 0.9), found(1, 2, 0.8), found(1, 3, 0.7), found(2, 4, 0.6), found(1, 5, 0.5)];
        let chunks = |limit, spread| {
            pick(&matches, limit, spread).iter().map(|found| found.chunk.0.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(chunks(3, Spread::Passages), [1, 2, 4]);
        assert_eq!(chunks(4, Spread::Passages), [1, 2, 3, 4]);
        assert_eq!(chunks(9, Spread::Passages), [1, 2, 3, 4, 5]);
        assert_eq!(chunks(9, Spread::Articles), [1, 4]);
        assert_eq!(articles_in(&matches), 2);
    }
}
