//! The built-in answerer: quotes the sentences that fit a question best, and knows when not to.
//!
//! It never writes a word of its own, so it cannot invent. A list is quoted as a whole or not at all: half of the steps
//! would be a wrong answer, and so would be the steps for one thing below those for another. Of a long table the row is
//! quoted, and the header that says what it means. How sure it may be is read from how well the best article
//! fits and how far it is ahead of the next one. The constants were fitted on support questions in Turkish, English and
//! German with the built-in embedder; another embedder needs its own. It cannot tell a near miss (the topic is there,
//! the fact is not), so what it says is shown as a quotation with the article's name.

use std::{collections::HashSet, ops::Range};

use ::entity::ids::{ArticleId, ChunkId};

use super::context::{is_heading, within};

/// Sentences of an answer; a list with the sentence before it counts as one.
const SENTENCES: usize = 2;
/// A further row of the same table must score so much of what the best one does.
const SAME_TABLE: f32 = 0.85;
/// Share of the question's words that code or a table must have to be joined to what fits better.
const JOINED_BLOCK: f32 = 0.15;
/// What `p` must reach to answer from word matches alone, and to suggest.
const WORDS_ONLY: (f32, f32) = (0.39, 0.30);
/// What `p` must reach to answer, and to suggest.
const HYBRID: (f32, f32) = (0.45, 0.29);
/// How far below an answer is what would be one of another thing.
const DOUBT: f32 = 0.01;
/// Share of its doubt that an answer loses when another article says the same. What is no answer does not become one by
/// being there twice.
const AGREEMENT: f32 = 0.5;
/// What the score must reach where there is no second article to compare with (a guess).
const ALONE: f32 = 0.55;

/// Other articles from which on a site has enough of its own to compare with.
pub(super) const ENOUGH: usize = 8;
/// Matters are keywords, to which questions are closer than to sentences; the fewer other articles a site has, the more
/// they count.
const LEEWAY: f32 = 0.05;
const LEEWAY_OF_EACH: f32 = 0.0125;
/// What an article that has nothing to do with a question measures.
const NOTHING: f32 = 0.05;
/// From here on it is plain what matter a question is about; from how far ahead a passage is the better answer all the
/// same, and the matter of its own.
const PLAIN: f32 = 0.45;
const CLEARLY: f32 = 0.06;
const CLOSER: f32 = 0.04;
/// What a question about another matter costs.
const ELSEWHERE: f32 = 2.0;

/// What was found for a question, best first.
#[derive(Clone, Debug, Default)]
pub struct Retrieved {
    /// Passages in the order of their scores, at most two of an article before others get a place.
    pub passages: Vec<Source>,
    /// What the best passage must be ahead of.
    pub rivals: Rivals,
    /// Articles that say the same as the first passage, perhaps in another language.
    pub agreeing: HashSet<ArticleId>,
    /// What the best passage measures and its rivals, without the names that the question and the passage share.
    pub nameless: Option<(f32, Rivals)>,
    /// True where the price or the like of a thing is asked that the best article does not have.
    pub is_of_another: bool,
    /// True when only words were compared, because the embedder or the vector index did not answer.
    pub words_only: bool,
    /// True when there were passages, but all below the site's threshold.
    pub is_too_far: bool,
    /// Characters of passages that the site lets a prompt hold.
    pub budget: usize,
}

/// What the best passage must be ahead of to be an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rivals {
    /// [`Source::measured`] of the best passage that says something else, if there is one.
    pub next: Option<f32>,
    /// What a question to any business may be about; absent where the built-in embedder did not make the vectors.
    pub matters: Option<Matters>,
    /// Other articles that were found.
    pub others: usize,
}

/// How close a question is to the matters that any business may be asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matters {
    /// The closest of those that the best passage is not about.
    pub foreign: f32,
    /// The one that the best passage is most about.
    pub own: f32,
}

/// A passage that may answer the question.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its article.
    pub article: ArticleId,
    /// The version of the article it is taken from.
    pub version: i32,
    /// The passage's id, good as long as the version is the indexed one.
    pub chunk: ChunkId,
    /// The article's title in that version.
    pub title: String,
    /// The article's slug.
    pub slug: String,
    /// The article's language, BCP 47.
    pub language: String,
    /// The passage: bytes `start_byte..end_byte` of the version's body.
    pub text: String,
    /// The header of the table that it begins in the middle of; known of passages of the best article.
    pub header: Option<String>,
    /// Where it begins in the body.
    pub start_byte: i32,
    /// Where it ends in the body.
    pub end_byte: i32,
    /// What passages are ordered by: the fusion that the site has chosen.
    pub score: f32,
    /// Closeness in meaning: about 0.0–0.2 for unrelated, 0.3–0.7 for related texts.
    pub dense: f32,
    /// Share of the question's words, weighted by rarity, that the passage covers: 0–1.
    pub lexical: f32,
    /// The passage's sentences; empty but in passages of the best article.
    pub sentences: Vec<Sentence>,
}

/// A sentence of a passage and how well it fits the question.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// Bytes of the passage's text.
    pub range: Range<usize>,
    /// What is quoted for it. None where it is part of a list that cannot be quoted whole.
    pub quote: Option<Quote>,
    /// Closeness in meaning plus 0.3 · coverage.
    pub score: f32,
    /// Share of the question's words, weighted by rarity, that the code or the table covers with which it is quoted; 0
    /// where there is none.
    pub block: f32,
}

/// What is quoted for a sentence: itself, the list or the code that it is part of, or a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Bytes of the version's body.
    pub range: Range<usize>,
    /// What stands there.
    pub text: String,
    /// The header of the table of which it is a row, if that is too long to be quoted whole; bytes of the body, too.
    pub header: Option<(Range<usize>, String)>,
    /// Where the section begins in which it stands.
    pub section: usize,
    /// It is a list, code, a table, or a row of one.
    pub is_list: bool,
    /// It is one of those, but no list.
    pub is_block: bool,
}

/// What the built-in answerer has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Extract {
    /// The quoted sentences in the order of the article, one space between, before and after a list a blank line; empty
    /// without any source.
    pub text: String,
    /// Where each is from.
    pub citations: Vec<Citation>,
    /// How likely the article is the right one: 0–1.
    pub confidence: f32,
    /// What to do with it.
    pub decision: Decision,
}

/// A quoted sentence or list.
#[derive(Clone, Debug, PartialEq)]
pub struct Citation {
    /// The article.
    pub article: ArticleId,
    /// Its version.
    pub version: i32,
    /// The passage.
    pub chunk: ChunkId,
    /// The article's title.
    pub title: String,
    /// The article's slug.
    pub slug: String,
    /// What is quoted: bytes `start_byte..end_byte` of the version's body.
    pub quote: String,
    /// Where it begins in the body.
    pub start_byte: i32,
    /// Where it ends in the body.
    pub end_byte: i32,
}

/// What to do with an extract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Show it as the answer.
    Answer,
    /// Ask whether one of the articles is meant.
    Suggest,
    /// Say that nothing was found and offer a person.
    Abstain,
}

impl Source {
    /// `dense + lexical²`, whatever fusion the site has chosen: what confidence was fitted on.
    pub fn measured(&self) -> f32 {
        self.dense + exact_index::Query::LEXICAL_WEIGHT * self.lexical * self.lexical
    }
}

impl Retrieved {
    /// The passages that the site lets a prompt hold, best first.
    pub fn within_budget(&self) -> Vec<Source> {
        within(&self.passages, self.budget)
    }

    /// The first passage of each article, best first: what to suggest.
    pub fn articles(&self) -> impl Iterator<Item = &Source> {
        let earlier = |index: usize, article| self.passages[..index].iter().any(|source| source.article == article);
        self.passages
            .iter()
            .enumerate()
            .filter(move |(index, source)| !earlier(*index, source.article))
            .map(|(_, source)| source)
    }
}

/// Answers from the best article by quoting its best sentences.
pub fn extract(found: &Retrieved) -> Extract {
    let Some(best) = found.passages.first() else {
        return Extract { text: String::new(), citations: vec![], confidence: 0.0, decision: Decision::Abstain };
    };
    let (mut confidence, mut decision) = confidence(found, best);
    if found.is_of_another && decision == Decision::Answer {
        (confidence, decision) = (confidence.min(HYBRID.0 - DOUBT), Decision::Suggest);
    }
    let mut sentences: Vec<(&Source, &Sentence)> = found
        .passages
        .iter()
        .filter(|source| source.article == best.article)
        .flat_map(|source| source.sentences.iter().map(move |sentence| (source, sentence)))
        .filter(|(source, sentence)| is_prose(&source.text, &sentence.range))
        .collect();
    sentences.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
    let mut quotes = quotes(&sentences);
    quotes.sort_by_key(|(_, quote)| quote.range.start);
    let (text, citations) = joined(&quotes);
    // There is nothing short to quote, but the article is known.
    let decision = if text.is_empty() && decision == Decision::Answer { Decision::Suggest } else { decision };
    Extract { text, citations, confidence, decision }
}

/// What is quoted for the best of the sentences, best first: none twice, none that is part of another, no list of another
/// section than the first one's, of a long table no rows that fit less, and no code or table beside a better sentence that
/// has nothing of what was asked.
fn quotes<'a>(sentences: &[(&'a Source, &'a Sentence)]) -> Vec<(&'a Source, &'a Quote)> {
    let mut quotes: Vec<(&Source, &Quote)> = vec![];
    // The header of the table that a row is quoted of, and how well that fits.
    let mut table: Option<(usize, f32)> = None;
    for (source, sentence) in sentences {
        let Some(quote) = &sentence.quote else { continue };
        let holds = |a: &Quote, b: &Quote| a.range.start <= b.range.start && b.range.end <= a.range.end;
        let is_part = quotes.iter().any(|(_, known)| holds(known, quote));
        let is_elsewhere =
            quote.is_list && quotes.iter().any(|(_, known)| known.is_list && known.section != quote.section);
        let header = quote.header.as_ref().map(|(range, _)| range.start);
        let fits_less = table.is_some_and(|(known, score)| match header {
            Some(header) => header == known && sentence.score < SAME_TABLE * score,
            // Nor the whole of which a row was enough.
            None => quote.range.contains(&known),
        });
        let is_of_table = table.is_some() && header == table.map(|(known, _)| known);
        let is_unasked = quote.is_block && !quotes.is_empty() && !is_of_table && sentence.block < JOINED_BLOCK;
        let is_whole = quotes.iter().any(|(_, known)| holds(quote, known));
        if is_part || is_elsewhere || fits_less || is_unasked && !is_whole {
            continue;
        }
        quotes.retain(|(_, known)| !holds(quote, known));
        quotes.push((source, quote));
        table = table.or(header.map(|header| (header, sentence.score)));
        if quotes.len() == SENTENCES {
            break;
        }
    }
    quotes
}

/// The quotes, in the order of the article, as one text, and where each is from. What has more than one line stands apart,
/// so that a list is shown as one; rows of a table stand below its header.
fn joined(quotes: &[(&Source, &Quote)]) -> (String, Vec<Citation>) {
    let (mut text, mut citations) = (String::new(), vec![]);
    let mut after_lines = false;
    let mut table = None;
    for (source, quote) in quotes {
        let header = quote.header.as_ref();
        let is_new = header.map(|(range, _)| range.start) != table;
        table = header.map(|(range, _)| range.start);
        let parts = header.filter(|_| is_new).map(|(range, words)| (range, words, false));
        for (range, words, is_row) in parts.into_iter().chain([(&quote.range, &quote.text, header.is_some())]) {
            let Some(citation) = cite(source, range, words) else { continue };
            let has_lines = words.contains('\n') || header.is_some();
            if !text.is_empty() {
                text.push_str(match () {
                    () if is_row => "\n",
                    () if has_lines || after_lines => "\n\n",
                    () => " ",
                });
            }
            text.push_str(words);
            citations.push(citation);
            after_lines = has_lines;
        }
    }
    (text, citations)
}

/// How likely the best article is the right one, and what that is enough for.
fn confidence(found: &Retrieved, best: &Source) -> (f32, Decision) {
    let decide = |p: f32, (answer, suggest): (f32, f32)| match p {
        p if p >= answer => Decision::Answer,
        p if p >= suggest => Decision::Suggest,
        _ => Decision::Abstain,
    };
    // The one that is quoted is in the visitor's language; another that says the same may measure more.
    let says_it = |source: &&Source| source.article == best.article || found.agreeing.contains(&source.article);
    let measured = found.passages.iter().filter(says_it).map(Source::measured).fold(best.measured(), f32::max);
    let agreed = |p: f32, least: f32| match found.agreeing.is_empty() || p < least {
        true => p,
        false => p + AGREEMENT * (1.0 - p),
    };
    match found.rivals {
        Rivals { next: Some(second), .. } if found.words_only => {
            // Scores hold the weighted square of coverage only; the constants were fitted on the coverage itself.
            let ahead = best.lexical - (second / exact_index::Query::LEXICAL_WEIGHT).max(0.0).sqrt();
            let p = agreed(sigmoid(-2.25 + 8.8 * best.lexical + 6.9 * ahead), WORDS_ONLY.0);
            (p, decide(p, WORDS_ONLY))
        }
        Rivals { next: None, matters: None, .. } => {
            let p = measured.clamp(0.0, 1.0);
            (p, if p >= ALONE { Decision::Answer } else { decide(p, (2.0, HYBRID.1)) })
        }
        rivals => {
            let nameless = found.nameless.map_or(1.0, |(first, rivals)| likelihood(first, rivals));
            let likely = likelihood(measured, rivals);
            let p = agreed(likely.min(nameless), HYBRID.0);
            // A title may be offered for its name alone, but nothing is answered for it.
            let decision = if p >= HYBRID.0 { Decision::Answer } else { decide(likely, (f32::INFINITY, HYBRID.1)) };
            (p, decision)
        }
    }
}

/// How likely a passage of that measure is the right one.
///
/// On a large site the closest other article tells that best. A small one has none that would be close, so there a
/// passage must be ahead of the matters that it is not about as well; in between both views are mixed.
fn likelihood(first: f32, rivals: Rivals) -> f32 {
    let others = rivals.others.min(ENOUGH) as f32;
    let foreign = rivals.matters.map(|matters| matters.foreign - LEEWAY - LEEWAY_OF_EACH * others);
    let second = rivals.next.into_iter().chain(foreign).reduce(f32::max).unwrap_or_default();
    let on_large = -1.41 + 0.96 * first + 10.9 * (first - second);
    let Some(matters) = rivals.matters else { return sigmoid(on_large) };
    let next = rivals.next.unwrap_or(NOTHING).max(NOTHING);
    let on_small = -1.6 + 14.0 * (first - matters.foreign) + 8.7 * (first - next);
    let on_small = if is_elsewhere(first, matters) { on_small - ELSEWHERE } else { on_small };
    let share = others / ENOUGH as f32;
    sigmoid(share * on_large + (1.0 - share) * on_small)
}

/// True for a question that is plainly about another matter than the passage: `when do you close` where an address is
/// all there is.
fn is_elsewhere(first: f32, matters: Matters) -> bool {
    matters.foreign >= PLAIN && first - matters.foreign < CLEARLY && matters.own - matters.foreign < CLOSER
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn cite(source: &Source, range: &Range<usize>, quote: &str) -> Option<Citation> {
    Some(Citation {
        article: source.article,
        version: source.version,
        chunk: source.chunk,
        title: source.title.clone(),
        slug: source.slug.clone(),
        quote: quote.to_owned(),
        start_byte: i32::try_from(range.start).ok()?,
        end_byte: i32::try_from(range.end).ok()?,
    })
}

/// False for a heading: it helps to find the passage, but says nothing.
fn is_prose(text: &str, range: &Range<usize>) -> bool {
    let line_start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[range.start..].find('\n').map_or(text.len(), |at| range.start + at);
    !is_heading(text[line_start..line_end].trim())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{
        super::lists::{lists, quote},
        *,
    };

    fn source(article: u128, text: &str, start: i32, score: f32, sentences: &[(&str, f32)]) -> Source {
        let place = |part: &str| text.find(part).map(|at| at..at + part.len()).unwrap();
        Source {
            article: ArticleId(Uuid::from_u128(article)),
            version: 3,
            chunk: ChunkId(Uuid::from_u128(article * 100 + start.unsigned_abs() as u128)),
            title: "İade".into(),
            slug: "iade".into(),
            language: "tr".into(),
            text: text.into(),
            header: None,
            start_byte: start,
            end_byte: start + text.len() as i32,
            score,
            dense: score,
            lexical: 0.0,
            sentences: sentences
                .iter()
                .map(|(part, score)| Sentence {
                    range: place(part),
                    quote: quote(&body(text, start), &lists(&body(text, start)), &range(text, start), &{
                        let part = place(part);
                        part.start + range(text, start).start..part.end + range(text, start).start
                    }),
                    score: *score,
                    block: 0.0,
                })
                .collect(),
        }
    }

    /// A body in which a passage begins at a place.
    fn body(text: &str, start: i32) -> String {
        format!("{}{text}", " ".repeat(start.unsigned_abs() as usize))
    }

    fn range(text: &str, start: i32) -> Range<usize> {
        start.unsigned_abs() as usize..start.unsigned_abs() as usize + text.len()
    }

    #[test]
    fn the_two_best_sentences_are_quoted_in_the_order_of_the_text() {
        let text = "## Süre\nİade süresi 14 gündür. Kutu gerekir. Ücret alınmaz.";
        let sentences =
            [("Süre", 0.9), ("İade süresi 14 gündür.", 0.5), ("Kutu gerekir.", 0.1), ("Ücret alınmaz.", 0.6)];
        let found = Retrieved {
            passages: vec![source(1, text, 10, 0.7, &sentences)],
            rivals: Rivals { next: Some(0.4), ..Rivals::default() },
            words_only: false,
            is_too_far: false,
            budget: 1_500,
            ..Retrieved::default()
        };
        let extract = extract(&found);
        assert_eq!(extract.text, "İade süresi 14 gündür. Ücret alınmaz.");
        assert_eq!(extract.decision, Decision::Answer);
        let body = format!("{}{text}", " ".repeat(10));
        for citation in &extract.citations {
            assert_eq!(&body[citation.start_byte as usize..citation.end_byte as usize], citation.quote);
        }
    }

    /// What is answered from one passage, and its quotes, which are literal.
    fn answered(text: &str, sentences: &[(&str, f32)]) -> (String, Vec<String>) {
        let found = Retrieved {
            passages: vec![source(1, text, 0, 0.7, sentences)],
            rivals: Rivals { next: Some(0.4), ..Rivals::default() },
            words_only: false,
            is_too_far: false,
            budget: 1_500,
            ..Retrieved::default()
        };
        let extract = extract(&found);
        for citation in &extract.citations {
            assert_eq!(&text[citation.start_byte as usize..citation.end_byte as usize], citation.quote);
        }
        (extract.text, extract.citations.into_iter().map(|citation| citation.quote).collect())
    }

    #[test]
    fn a_list_is_quoted_whole_with_the_sentence_before_it() {
        let list = "Siparişinizi şöyle iptal edebilirsiniz.\n\n1. **Hesabım** sayfasını açın.\n2. İptal'e basın.";
        let text = format!("Ücretsizdir. {list}\n\nPara iki günde gelir.");
        let sentences = [
            ("Ücretsizdir.", 0.1),
            ("Siparişinizi şöyle iptal edebilirsiniz.", 0.8),
            ("1. **Hesabım** sayfasını açın.", 0.6),
            ("2. İptal'e basın.", 0.5),
            ("Para iki günde gelir.", 0.4),
        ];
        let (answer, quotes) = answered(&text, &sentences);
        assert_eq!(quotes, [list, "Para iki günde gelir."]);
        assert_eq!(answer, format!("{list}\n\nPara iki günde gelir."));
    }

    #[test]
    fn a_sentence_that_only_announces_a_list_brings_it_along() {
        let text = "Returns are free. To return something:\n- print the label\n- send the box";
        let sentences = [
            ("Returns are free.", 0.5),
            ("To return something:", 0.9),
            ("print the label", 0.3),
            ("send the box", 0.2),
        ];
        let (answer, _) = answered(text, &sentences);
        assert_eq!(answer, "Returns are free.\n\nTo return something:\n- print the label\n- send the box");
    }

    #[test]
    fn a_list_that_goes_on_elsewhere_is_not_quoted() {
        let text = "Opening it is easy. Do this:\n1. Press the left button.\n2. Turn the lid.";
        let cut = "Opening it is easy. Do this:\n1. Press the left button.";
        let mut source = source(1, cut, 0, 0.7, &[("Opening it is easy.", 0.2), ("Do this:", 0.8), ("1. Press", 0.9)]);
        for sentence in &mut source.sentences {
            sentence.quote = quote(text, &lists(text), &(0..cut.len()), &sentence.range);
        }
        let mut found = Retrieved {
            passages: vec![source],
            rivals: Rivals { next: Some(0.4), ..Rivals::default() },
            words_only: false,
            is_too_far: false,
            budget: 1_500,
            ..Retrieved::default()
        };
        assert_eq!(
            (extract(&found).text.as_str(), extract(&found).decision),
            ("Opening it is easy.", Decision::Answer)
        );
        found.passages[0].sentences.remove(0);
        assert_eq!((extract(&found).text.as_str(), extract(&found).decision), ("", Decision::Suggest));
    }

    #[test]
    fn steps_of_another_section_are_left_out() {
        let text = "## iOS\nAyarlardan silinir.\n1. Ayarları açın.\n2. Silin.\n\n## Android\nMenüden silinir.\n1. Menüyü açın.\n2. Kaldırın.";
        let sentences = [("2. Silin.", 0.8), ("2. Kaldırın.", 0.7), ("Menüden silinir.", 0.6)];
        let (answer, _) = answered(text, &sentences);
        assert_eq!(answer, "Ayarlardan silinir.\n1. Ayarları açın.\n2. Silin.\n\nMenüden silinir.");
    }

    #[test]
    fn rows_of_a_long_table_stand_below_its_header_and_bring_no_neighbours() {
        let rows: String = (0..60).map(|n| format!("| Şehir {n} | {n} gün |\n")).collect();
        let text = format!("Süreler şöyledir.\n\n| Şehir | Süre |\n| --- | --- |\n{rows}\nSon.");
        let row = |n: usize| format!("| Şehir {n} | {n} gün |");
        let from = text.find(&row(40)).unwrap();
        let passage = from..text.find(&row(50)).unwrap();
        let sentence = |part: &str, score| {
            let at = text.find(part).unwrap();
            let quote = quote(&text, &lists(&text), &passage, &(at..at + part.len()));
            Sentence { range: 0..1, quote, score, block: 0.0 }
        };
        let answered = |sentences: Vec<Sentence>| {
            let mut source = source(1, "| x | y |", 0, 0.7, &[]);
            source.sentences = sentences;
            let found = Retrieved {
                passages: vec![source],
                rivals: Rivals { next: Some(0.4), ..Rivals::default() },
                ..Retrieved::default()
            };
            let extract = extract(&found);
            for citation in &extract.citations {
                assert_eq!(&text[citation.start_byte as usize..citation.end_byte as usize], citation.quote);
            }
            extract.text
        };
        let head = "| Şehir | Süre |\n| --- | --- |\n";
        let best = || sentence(&row(47), 0.9);
        assert_eq!(answered(vec![best(), sentence(&row(46), 0.5)]), format!("{head}{}", row(47)));
        assert_eq!(answered(vec![best(), sentence("Süreler şöyledir.", 0.8)]), format!("{head}{}", row(47)));
        assert_eq!(answered(vec![best(), sentence(&row(41), 0.85)]), format!("{head}{}\n{}", row(41), row(47)));
        assert_eq!(answered(vec![best(), sentence("Son.", 0.8)]), format!("{head}{}\n\nSon.", row(47)));
    }

    #[test]
    fn a_block_is_joined_to_a_better_sentence_only_where_something_of_it_was_asked() {
        let table = "Fiyatlar şöyledir:\n\n| Ürün | Fiyat |\n| --- | --- |\n| Fincan | 90 TL |";
        let code = "Bir komut vardır:\n\n```sh\nacme init\n```";
        for block in [table, code] {
            let text = format!("İade süresi 14 gündür.\n\n{block}");
            let lead = block.lines().next().unwrap();
            for part in [lead, block.lines().nth(3).unwrap()] {
                let answer = |block: f32| {
                    let mut source = source(1, &text, 0, 0.7, &[("İade süresi 14 gündür.", 0.6), (part, 0.4)]);
                    source.sentences[1].block = block;
                    let found = Retrieved {
                        passages: vec![source],
                        rivals: Rivals { next: Some(0.4), ..Rivals::default() },
                        ..Retrieved::default()
                    };
                    extract(&found).text
                };
                assert_eq!(answer(0.0), "İade süresi 14 gündür.", "{part}");
                assert_eq!(answer(0.5), text, "{part}");
            }
            // What is asked is answered by the block itself.
            let (answer, _) = answered(&text, &[("İade süresi 14 gündür.", 0.4), (lead, 0.6)]);
            assert!(answer.contains(block), "{answer}");
        }
    }

    #[test]
    fn sentences_of_other_articles_are_left_out() {
        let first = source(1, "Bir.", 0, 0.6, &[("Bir.", 0.2)]);
        let other = source(2, "İki.", 0, 0.5, &[("İki.", 0.9)]);
        let found = Retrieved {
            passages: vec![first, other],
            rivals: Rivals { next: Some(0.5), ..Rivals::default() },
            words_only: false,
            is_too_far: false,
            budget: 1_500,
            ..Retrieved::default()
        };
        assert_eq!(extract(&found).text, "Bir.");
        assert_eq!(found.articles().count(), 2);
    }

    #[test]
    fn the_lead_over_the_next_article_decides() {
        let decide = |score: f32, next: Option<f32>| {
            let found = Retrieved {
                passages: vec![source(1, "Bir.", 0, score, &[("Bir.", 0.2)])],
                rivals: Rivals { next, ..Rivals::default() },
                words_only: false,
                is_too_far: false,
                budget: 1_500,
                ..Retrieved::default()
            };
            extract(&found).decision
        };
        assert_eq!(decide(0.5, Some(0.40)), Decision::Answer);
        assert_eq!(decide(0.5, Some(0.45)), Decision::Suggest);
        assert_eq!(decide(0.3, Some(0.29)), Decision::Abstain);
        assert_eq!(decide(0.56, None), Decision::Answer);
        assert_eq!(decide(0.5, None), Decision::Suggest);
        assert_eq!(decide(0.2, None), Decision::Abstain);
    }

    #[test]
    fn on_a_small_site_matters_that_are_not_there_count() {
        let decide = |score: f32, foreign: f32, own: f32| {
            let matters = Some(Matters { foreign, own });
            let found = Retrieved {
                passages: vec![source(1, "Bir.", 0, score, &[("Bir.", 0.2)])],
                rivals: Rivals { next: Some(0.25), matters, others: 2 },
                budget: 1_500,
                ..Retrieved::default()
            };
            extract(&found).decision
        };
        assert_eq!(decide(0.45, 0.3, 0.5), Decision::Answer);
        assert_eq!(decide(0.3, 0.55, 0.1), Decision::Abstain);
        // "When do you close?", where there is but an address.
        assert_eq!(decide(0.49, 0.48, 0.49), Decision::Abstain);
        assert_eq!(decide(0.49, 0.48, 0.6), Decision::Answer);
    }

    #[test]
    fn a_large_site_is_judged_by_its_own_articles() {
        let rivals = |matters| Rivals { next: Some(0.4), matters, others: ENOUGH };
        let (near, far) = (Matters { foreign: 0.3, own: 0.5 }, Matters { foreign: 0.35, own: 0.1 });
        assert_eq!(likelihood(0.5, rivals(Some(near))), likelihood(0.5, rivals(None)));
        assert_eq!(likelihood(0.5, rivals(Some(far))), likelihood(0.5, rivals(None)));
    }

    #[test]
    fn without_a_source_there_is_nothing_to_say() {
        let extract = extract(&Retrieved::default());
        assert_eq!((extract.text.as_str(), extract.decision), ("", Decision::Abstain));
    }
}
