//! From an article to the rows of its passages, with vectors. Text that was embedded before costs nothing.

use ::entity::{article, chunk, embedding, ids::ChunkId};
use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::{
    chunk::{chunks, header_of, sentences_of},
    store,
};
use crate::{
    kernel::{Ctx, Error, Result},
    ports::embedding::Passages,
};

/// How exactly it is noted when vectors were last of use.
const TOUCH: TimeDelta = TimeDelta::days(1);

/// A passage and the texts that are embedded for it: the whole, then its sentences.
struct Piece {
    range: std::ops::Range<usize>,
    texts: Vec<String>,
    hash: String,
}

/// The article's passages with the vectors of each and of its sentences; and what the embedder did not take of them, which
/// is found by its words alone.
///
/// # Errors
/// `UNAVAILABLE` when the embedder does not answer.
pub(super) async fn rows(cx: &Ctx, article: &article::Model) -> Result<(Vec<chunk::Model>, Option<String>)> {
    let pieces: Vec<Piece> =
        chunks(&article.body).into_iter().map(|range| piece(cx.embeddings.model(), article, range)).collect();
    let now = cx.clock.now();
    let mut known = store::embeddings(&cx.db(), pieces.iter().map(|piece| piece.hash.clone()).collect()).await?;
    let missing: Vec<&Piece> = pieces.iter().filter(|piece| !known.contains_key(&piece.hash)).collect();
    let texts = missing.iter().flat_map(|piece| piece.texts.iter().cloned()).collect();
    let Passages { vectors, refused, reason } = cx.embeddings.passages_it_takes(texts).await?;
    let problem = reason.map(|reason| problem(&missing, &refused, &reason));
    let mut vectors = vectors.into_iter().enumerate();
    let is_old = |row: &embedding::Model| now - row.used_at > TOUCH;
    let mut fresh: Vec<embedding::Model> = known.values().filter(|row| is_old(row)).cloned().collect();
    fresh.iter_mut().for_each(|row| row.used_at = now);
    for piece in missing {
        let (places, own): (Vec<usize>, Vec<Vec<f32>>) = vectors.by_ref().take(piece.texts.len()).unzip();
        let is_refused = places.iter().any(|place| refused.contains(place));
        let row = embedding::Model {
            hash: piece.hash.clone(),
            model: cx.embeddings.model().to_string(),
            dimension: count(own.first().map_or(0, Vec::len))?,
            vectors: chunk::pack_vectors(&own),
            used_at: now,
        };
        // What was refused is asked for anew with the next rebuild.
        if is_refused {
            known.insert(row.hash.clone(), row);
        } else {
            fresh.push(row);
        }
    }
    if !fresh.is_empty() {
        let tx = cx.begin().await?;
        store::keep_embeddings(&tx.db(), &fresh).await?;
        tx.commit().await?;
        known.extend(fresh.into_iter().map(|row| (row.hash.clone(), row)));
    }
    let row = |(ordinal, piece): (i32, &Piece)| {
        let vectors = known.get(&piece.hash).ok_or_else(|| Error::internal("a passage without vectors"))?;
        Ok(chunk::Model {
            id: cx.id(ChunkId),
            site_id: article.site_id,
            article_id: article.id,
            version: article.version,
            ordinal,
            text: article.body[piece.range.clone()].to_owned(),
            start_byte: count(piece.range.start)?,
            end_byte: count(piece.range.end)?,
            model: vectors.model.clone(),
            dimension: vectors.dimension,
            vectors: vectors.vectors.clone(),
        })
    };
    let rows = (0..).zip(&pieces).map(row).collect::<Result<_>>()?;
    Ok((rows, problem))
}

/// What the embedder refused, for those who look after the article.
fn problem(pieces: &[&Piece], refused: &[usize], reason: &str) -> String {
    let mut first = 0;
    let of_pieces = pieces.iter().filter(|piece| {
        let own = first..first + piece.texts.len();
        first = own.end;
        refused.iter().any(|place| own.contains(place))
    });
    let count = of_pieces.count();
    format!("The embedder does not take {count} of its passages, which are found by their words only: {reason}.")
}

fn piece(model: &str, article: &article::Model, range: std::ops::Range<usize>) -> Piece {
    let text = &article.body[range.clone()];
    let sentences = sentences_of(text);
    // Rows of a table mean nothing without its header.
    let about = match header_of(&article.body, &range) {
        Some(header) => format!("{}. {header}\n", article.title),
        None => format!("{}. ", article.title),
    };
    let mut texts = vec![format!("{about}{text}")];
    // A passage of one sentence needs one vector.
    if sentences.len() > 1 {
        texts.extend(sentences.into_iter().map(|sentence| format!("{about}{}", &text[sentence])));
    }
    let mut hash = Sha256::new();
    for part in std::iter::once(model).chain(texts.iter().map(String::as_str)) {
        hash.update(part);
        hash.update([0]);
    }
    let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Piece { range, texts, hash }
}

fn count(number: usize) -> Result<i32> {
    i32::try_from(number).map_err(Error::internal)
}
