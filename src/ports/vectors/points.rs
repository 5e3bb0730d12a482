//! Passages as a Qdrant server keeps them, and the filters to reach them by.

use ::entity::ids::{ArticleId, ChunkId, SiteId};
use qdrant_client::{
    Payload,
    qdrant::{
        Condition, Filter, NamedVectors, PointStruct, Query as Nearest, ScoredPoint, Value, Vector, VectorInput,
        point_id::PointIdOptions,
    },
};
use uuid::Uuid;

use super::Passage;

pub(super) const WHOLE: &str = "whole";
pub(super) const SENTENCES: &str = "sentences";
pub(super) const SITE: &str = "site_id";
pub(super) const ARTICLE: &str = "article_id";
pub(super) const PUBLIC: &str = "public";

/// Every request to the server has this filter, in each of its parts.
pub(super) fn of_site(site: SiteId) -> Filter {
    Filter::must([Condition::matches(SITE, site.to_string())])
}

pub(super) fn of_article(site: SiteId, article: ArticleId) -> Filter {
    let mut filter = of_site(site);
    filter.must.push(Condition::matches(ARTICLE, article.to_string()));
    filter
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
    let vectors = NamedVectors::default().add_vector(WHOLE, whole).add_vector(SENTENCES, Vector::new_multi(sentences));
    Some(PointStruct::new(passage.chunk.0, vectors, Payload::from(payload.map(|(key, value)| (key.to_owned(), value)))))
}

pub(super) fn question(using: &str, vector: &[f32]) -> Nearest {
    let one = vector.to_vec();
    Nearest::new_nearest(if using == SENTENCES {
        VectorInput::new_multi(vec![one])
    } else {
        VectorInput::new_dense(one)
    })
}

pub(super) fn scored_chunk(point: &ScoredPoint) -> Option<(ChunkId, f32)> {
    let PointIdOptions::Uuid(id) = point.id.as_ref()?.point_id_options.as_ref()? else { return None };
    Some((ChunkId(Uuid::try_parse(id).ok()?), point.score))
}
