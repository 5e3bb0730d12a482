//! A passage of one version of an article, with its vectors: the built-in index is made from these rows.

use sea_orm::entity::prelude::*;

use crate::ids::{ArticleId, ChunkId, SiteId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chunk")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChunkId,
    pub site_id: SiteId,
    pub article_id: ArticleId,
    pub version: i32,
    /// 0, 1, 2 … within the version.
    pub ordinal: i32,
    /// The passage, a literal part of the version's body.
    #[sea_orm(column_type = "Text")]
    pub text: String,
    /// Where it stands in the body: byte offsets.
    pub start_byte: i32,
    pub end_byte: i32,
    /// Name of the embedder that made `vectors`.
    pub model: String,
    /// Little-endian f32: the passage's vector, then those of its sentences, `dimension` numbers each.
    pub vectors: Vec<u8>,
    pub dimension: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What `vectors` holds, one by one.
    pub fn unpack_vectors(&self) -> Vec<Vec<f32>> {
        let size = usize::try_from(self.dimension).unwrap_or_default().max(1);
        let (numbers, _) = self.vectors.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        numbers.chunks_exact(size).map(<[f32]>::to_vec).collect()
    }
}

/// The bytes of `vectors`.
pub fn pack_vectors(vectors: &[Vec<f32>]) -> Vec<u8> {
    vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect()
}
