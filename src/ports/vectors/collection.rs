//! Which collection of a Qdrant server is used: one per embedder, filled beside the one that serves, then switched to.
//!
//! `yanit_<model>_<dimension>_live` is an alias; it points to `yanit_<model>_<dimension>_1`, `_2` …, which hold the points.
//! What is new (for another embedder, with another layout, on a server that lost everything) is filled first, and serves
//! from the moment that the alias points to it. A collection whose vectors have other names or lengths is never written
//! to or searched.

use std::collections::HashMap;

use qdrant_client::{
    Qdrant, QdrantError,
    qdrant::{
        BoolIndexParamsBuilder, CollectionParams, CreateAliasBuilder, CreateCollectionBuilder,
        CreateFieldIndexCollectionBuilder, Distance, FieldType, HnswConfigDiffBuilder, KeywordIndexParamsBuilder,
        Modifier, MultiVectorComparator, MultiVectorConfigBuilder, SparseVectorParamsBuilder,
        SparseVectorsConfigBuilder, VectorParams, VectorParamsBuilder, VectorsConfigBuilder, vectors_config::Config,
    },
};

use super::points::{ARTICLE, PUBLIC, SENTENCES, SITE, WHOLE, WORDS};

/// Collections under one alias that are looked at for a place.
const PLACES: u32 = 100;

/// Where points are, and whether searches go there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) collection: String,
    pub(super) serves: bool,
    /// What serves in its place.
    before: Option<String>,
}

/// The alias of an embedder.
pub(super) fn alias(model: &str, dimension: usize) -> String {
    let model: String = model.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("yanit_{model}_{dimension}_live")
}

/// Finds the place of an embedder's points or makes one. Several nodes may do so at once.
pub(super) async fn open(client: &Qdrant, alias: &str, dimension: usize) -> Result<Place, QdrantError> {
    let aliases = client.list_aliases().await?.aliases;
    let before = aliases.into_iter().find(|known| known.alias_name == alias).map(|known| known.collection_name);
    if let Some(collection) = &before
        && fits(client, collection, dimension).await?
    {
        return Ok(Place { collection: collection.clone(), serves: true, before });
    }
    for number in 1..=PLACES {
        let collection = format!("{}_{number}", alias.trim_end_matches("_live"));
        let exists = client.collection_exists(&collection).await?;
        if !exists {
            create(client, &collection, dimension).await?;
        }
        if before.as_ref() != Some(&collection) && (!exists || fits(client, &collection, dimension).await?) {
            index(client, &collection).await?;
            return Ok(Place { collection, serves: false, before });
        }
    }
    Err(QdrantError::ConversionError(format!("{PLACES} collections of {alias} are of another layout")))
}

/// Searches go to the place from now on; what served before is removed.
pub(super) async fn serve(client: &Qdrant, alias: &str, place: Place) -> Result<Place, QdrantError> {
    client.create_alias(CreateAliasBuilder::new(&place.collection, alias)).await?;
    if let Some(before) = place.before.as_ref().filter(|before| **before != place.collection) {
        client.delete_collection(before.as_str()).await?;
    }
    Ok(Place { serves: true, before: None, ..place })
}

/// Whether a collection holds what this program writes.
async fn fits(client: &Qdrant, collection: &str, dimension: usize) -> Result<bool, QdrantError> {
    // An alias may point to what is gone.
    if !client.collection_exists(collection).await? {
        return Ok(false);
    }
    let info = client.collection_info(collection).await?;
    let params = info.result.and_then(|info| info.config).and_then(|config| config.params);
    Ok(params.is_some_and(|params| has_layout(&params, dimension)))
}

fn has_layout(params: &CollectionParams, dimension: usize) -> bool {
    let empty = HashMap::new();
    let named = match params.vectors_config.as_ref().and_then(|vectors| vectors.config.as_ref()) {
        Some(Config::ParamsMap(named)) => &named.map,
        Some(Config::Params(_)) | None => &empty,
    };
    let is = |name: &str, many: bool| {
        named.get(name).is_some_and(|params: &VectorParams| {
            params.size == dimension as u64
                && params.distance == i32::from(Distance::Cosine)
                && params.multivector_config.is_some() == many
        })
    };
    let words = params.sparse_vectors_config.as_ref().is_some_and(|sparse| sparse.map.contains_key(WORDS));
    is(WHOLE, false) && is(SENTENCES, true) && words
}

async fn create(client: &Qdrant, collection: &str, dimension: usize) -> Result<(), QdrantError> {
    let params = || VectorParamsBuilder::new(dimension as u64, Distance::Cosine);
    let many = MultiVectorConfigBuilder::new(MultiVectorComparator::MaxSim);
    let mut vectors = VectorsConfigBuilder::default();
    vectors.add_named_vector_params(WHOLE, params());
    vectors.add_named_vector_params(SENTENCES, params().multivector_config(many));
    let mut words = SparseVectorsConfigBuilder::default();
    words.add_named_vector_params(WORDS, SparseVectorParamsBuilder::default().modifier(Modifier::Idf));
    // A graph a tenant and none over all: every search is within one.
    let graphs = HnswConfigDiffBuilder::default().m(0).payload_m(16);
    let create = CreateCollectionBuilder::new(collection)
        .vectors_config(vectors)
        .sparse_vectors_config(words)
        .hnsw_config(graphs);
    if let Err(error) = client.create_collection(create).await {
        // Another node may have been first.
        return if client.collection_exists(collection).await? { Ok(()) } else { Err(error) };
    }
    Ok(())
}

async fn index(client: &Qdrant, collection: &str) -> Result<(), QdrantError> {
    let index = |field: &str, kind| CreateFieldIndexCollectionBuilder::new(collection, field, kind).wait(true);
    let tenant = KeywordIndexParamsBuilder::default().is_tenant(true);
    let plain = KeywordIndexParamsBuilder::default().enable_hnsw(false);
    let flag = BoolIndexParamsBuilder::new().enable_hnsw(false);
    for index in [
        index(SITE, FieldType::Keyword).field_index_params(tenant),
        index(ARTICLE, FieldType::Keyword).field_index_params(plain),
        index(PUBLIC, FieldType::Bool).field_index_params(flag),
    ] {
        client.create_field_index(index).await?;
    }
    Ok(())
}
