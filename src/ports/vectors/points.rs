//! Passages as a Qdrant server keeps them, and the filters to reach them by.

use ::entity::ids::{ArticleId, ChunkId, SiteId};
use exact_index::text::{sparse_document, sparse_query};
use qdrant_client::{
    Payload,
    qdrant::{
        Condition, Filter, NamedVectors, PointStruct, Query as Nearest, ScoredPoint, Value, Vector, VectorInput,
        point_id::PointIdOptions,
    },
};
use uuid::Uuid;

use super::Passage;

/// The vector of the passage, those of its sentences, and its words as a sparse one.
pub(super) const WHOLE: &str = "whole";
pub(super) const SENTENCES: &str = "sentences";
pub(super) const WORDS: &str = "words";
pub(super) const SITE: &str = "site_id";
pub(super) const ARTICLE: &str = "article_id";
pub(super) const PUBLIC: &str = "public";

/// Terms of a passage of usual length, which BM25 compares others with. The order that it gives only proposes: scores
/// are computed here, with the site's own average.
const USUAL_LENGTH: f32 = 300.0;

/// A filter that insists on one site. Nothing else is accepted by what asks the server, so no request can reach across.
#[derive(Clone, Debug)]
pub(super) struct Within(Filter);

impl Within {
    pub(super) fn site(site: SiteId) -> Self {
        Self(Filter::must([Condition::matches(SITE, site.to_string())]))
    }

    /// Only passages of an article.
    pub(super) fn article(mut self, article: ArticleId) -> Self {
        self.0.must.push(Condition::matches(ARTICLE, article.to_string()));
        self
    }

    /// Only what visitors may see.
    pub(super) fn public(mut self) -> Self {
        self.0.must.push(Condition::matches(PUBLIC, true));
        self
    }

    /// All but some passages.
    pub(super) fn but(mut self, chunks: impl IntoIterator<Item = ChunkId>) -> Self {
        self.0.must_not.push(Condition::has_id(chunks.into_iter().map(|chunk| chunk.0)));
        self
    }

    pub(super) fn filter(&self) -> Filter {
        self.0.clone()
    }
}

/// A passage as a point; none when its vector has no direction.
pub(super) fn point(site: SiteId, passage: Passage) -> Option<PointStruct> {
    let has_direction = |vector: &Vec<f32>| vector.iter().any(|number| *number != 0.0);
    let mut vectors = passage.vectors.into_iter();
    let whole = vectors.next().filter(has_direction)?;
    let mut sentences: Vec<Vec<f32>> = vectors.filter(has_direction).collect();
    if sentences.is_empty() {
        sentences.push(whole.clone());
    }
    let payload = [
        (SITE, Value::from(site.to_string())),
        (ARTICLE, passage.article.to_string().into()),
        (PUBLIC, passage.public.into()),
    ];
    let mut vectors =
        NamedVectors::default().add_vector(WHOLE, whole).add_vector(SENTENCES, Vector::new_multi(sentences));
    let (terms, weights): (Vec<u32>, Vec<f32>) = sparse_document(&passage.text, USUAL_LENGTH).into_iter().unzip();
    if !terms.is_empty() {
        vectors = vectors.add_vector(WORDS, Vector::new_sparse(terms, weights));
    }
    Some(PointStruct::new(passage.chunk.0, vectors, Payload::from(payload.map(|(key, value)| (key.to_owned(), value)))))
}

/// A question to one of the dense vectors.
pub(super) fn question(using: &str, vector: &[f32]) -> Nearest {
    let one = vector.to_vec();
    Nearest::new_nearest(if using == SENTENCES {
        VectorInput::new_multi(vec![one])
    } else {
        VectorInput::new_dense(one)
    })
}

/// A question to the words; none when it has no word that counts.
pub(super) fn words_of(text: &str) -> Option<Nearest> {
    let (terms, weights): (Vec<u32>, Vec<f32>) = sparse_query(text).into_iter().unzip();
    (!terms.is_empty()).then(|| Nearest::new_nearest(VectorInput::new_sparse(terms, weights)))
}

pub(super) fn scored_chunk(point: &ScoredPoint) -> Option<(ChunkId, f32)> {
    let PointIdOptions::Uuid(id) = point.id.as_ref()?.point_id_options.as_ref()? else { return None };
    Some((ChunkId(Uuid::try_parse(id).ok()?), point.score))
}
