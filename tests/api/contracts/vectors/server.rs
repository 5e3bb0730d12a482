//! A Qdrant server in the test's process: speaks the real protocol, answers from memory, and refuses what a careful
//! server must not be asked: anything that does not name the tenant, and writes that are not waited for.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
};

use qdrant_client::qdrant::{
    self as api, BatchResult, CollectionExists, CollectionExistsResponse, CollectionOperationResponse, Condition,
    Filter, HealthCheckReply, PointId, PointStruct, PointsOperationResponse, PrefetchQuery, Query, QueryBatchResponse,
    QueryPoints, ScoredPoint, UpdateResult,
    collections_server::{Collections, CollectionsServer},
    condition::ConditionOneOf,
    r#match::MatchValue,
    point_id::PointIdOptions,
    points_selector::PointsSelectorOneOf,
    points_server::{Points, PointsServer},
    qdrant_server::{Qdrant, QdrantServer},
    query::Variant,
    value::Kind,
    vector::Vector,
    vector_input,
    vectors::VectorsOptions,
};
use tokio::{net::TcpListener, sync::oneshot};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};
use yanit::kernel::task::Tasks;

pub(super) const API_KEY: &str = "test-key";
const TENANT: &str = "site_id";

/// A running server; ends when dropped.
pub(super) struct StubQdrant {
    pub(super) url: String,
    state: State,
    _stop: oneshot::Sender<()>,
}

#[derive(Clone, Default)]
struct State(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    away: bool,
    collections: BTreeMap<String, Collection>,
    /// To which collection each alias points.
    aliases: BTreeMap<String, String>,
    indexes: BTreeMap<String, api::CreateFieldIndexCollection>,
    searches: usize,
}

struct Collection {
    made: api::CreateCollection,
    points: BTreeMap<String, PointStruct>,
}

impl StubQdrant {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tonic::transport::Server::builder()
            .add_service(CollectionsServer::new(state.clone()))
            .add_service(PointsServer::new(state.clone()))
            .add_service(QdrantServer::new(state.clone()))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
                let _ = stopped.await;
            });
        Tasks::default().spawn(server);
        Self { url, state, _stop: stop }
    }

    /// Points of all collections.
    pub(super) fn points(&self) -> usize {
        self.state.lock().collections.values().map(|one| one.points.len()).sum()
    }

    pub(super) fn points_of(&self, collection: &str) -> usize {
        self.state.lock().collections.get(collection).map_or(0, |one| one.points.len())
    }

    pub(super) fn searches(&self) -> usize {
        self.state.lock().searches
    }

    /// How a collection was made.
    pub(super) fn collection(&self, name: &str) -> api::CreateCollection {
        self.state.lock().collections[name].made.clone()
    }

    /// Where an alias points.
    pub(super) fn alias(&self, name: &str) -> Option<String> {
        self.state.lock().aliases.get(name).cloned()
    }

    /// Makes a collection one of other vectors.
    pub(super) fn spoil(&self, name: &str) {
        self.state.lock().collections.get_mut(name).unwrap().made.vectors_config = None;
    }

    /// How a field was indexed.
    pub(super) fn index(&self, field: &str) -> api::CreateFieldIndexCollection {
        self.state.lock().indexes[field].clone()
    }

    /// From now on it is overloaded, or works again.
    pub(super) fn set_away(&self, away: bool) {
        self.state.lock().away = away;
    }

    /// Loses everything, as a server does that is replaced by a new one.
    pub(super) fn forget(&self) {
        *self.state.lock() = Kept::default();
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }

    fn admit<T>(&self, request: Request<T>) -> Result<T, Status> {
        if self.lock().away {
            return Err(Status::unavailable("overloaded"));
        }
        let known = request.metadata().get("api-key").is_some_and(|key| key == API_KEY);
        if known { Ok(request.into_inner()) } else { Err(Status::unauthenticated("api-key")) }
    }
}

/// Implements a service: what is written out, and a refusal for each of the other methods.
macro_rules! service {
    ($service:ident { $($own:tt)* } else { $($name:ident($request:ident) -> $reply:ident;)* }) => {
        #[tonic::async_trait]
        impl $service for State {
            $($own)*
            $(async fn $name(&self, _: Request<api::$request>) -> Result<Response<api::$reply>, Status> {
                Err(Status::unimplemented(stringify!($name)))
            })*
        }
    };
}

service! { Qdrant {
    async fn health_check(&self, request: Request<api::HealthCheckRequest>) -> Result<Response<HealthCheckReply>, Status> {
        self.admit(request)?;
        Ok(Response::new(HealthCheckReply { title: "stub".into(), version: "1.20.0".into(), commit: None }))
    }
} else {} }

service! { Collections {
    async fn collection_exists(
        &self,
        request: Request<api::CollectionExistsRequest>,
    ) -> Result<Response<CollectionExistsResponse>, Status> {
        let name = self.admit(request)?.collection_name;
        let exists = self.lock().collections.contains_key(&name);
        Ok(Response::new(CollectionExistsResponse { result: Some(CollectionExists { exists }), time: 0.0 }))
    }

    async fn get(
        &self,
        request: Request<api::GetCollectionInfoRequest>,
    ) -> Result<Response<api::GetCollectionInfoResponse>, Status> {
        let name = self.admit(request)?.collection_name;
        let kept = self.lock();
        let made = &kept.existing(&name)?.made;
        let params = api::CollectionParams {
            vectors_config: made.vectors_config.clone(),
            sparse_vectors_config: made.sparse_vectors_config.clone(),
            ..Default::default()
        };
        let config = Some(api::CollectionConfig { params: Some(params), ..Default::default() });
        let result = Some(api::CollectionInfo { config, ..Default::default() });
        Ok(Response::new(api::GetCollectionInfoResponse { result, time: 0.0 }))
    }

    async fn create(&self, request: Request<api::CreateCollection>) -> Result<Response<CollectionOperationResponse>, Status> {
        let made = self.admit(request)?;
        let mut kept = self.lock();
        if kept.collections.contains_key(&made.collection_name) || kept.aliases.contains_key(&made.collection_name) {
            return Err(Status::already_exists("collection"));
        }
        kept.collections.insert(made.collection_name.clone(), Collection { made, points: BTreeMap::new() });
        Ok(Response::new(CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn delete(&self, request: Request<api::DeleteCollection>) -> Result<Response<CollectionOperationResponse>, Status> {
        let name = self.admit(request)?.collection_name;
        let mut kept = self.lock();
        let result = kept.collections.remove(&name).is_some();
        kept.aliases.retain(|_, points_to| *points_to != name);
        Ok(Response::new(CollectionOperationResponse { result, time: 0.0 }))
    }

    async fn update_aliases(&self, request: Request<api::ChangeAliases>) -> Result<Response<CollectionOperationResponse>, Status> {
        let request = self.admit(request)?;
        let mut kept = self.lock();
        for action in request.actions {
            let Some(api::alias_operations::Action::CreateAlias(alias)) = action.action else {
                return Err(Status::unimplemented("another change of aliases"));
            };
            kept.existing(&alias.collection_name)?;
            kept.aliases.insert(alias.alias_name, alias.collection_name);
        }
        Ok(Response::new(CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn list_aliases(&self, request: Request<api::ListAliasesRequest>) -> Result<Response<api::ListAliasesResponse>, Status> {
        self.admit(request)?;
        let alias = |(alias_name, collection_name): (&String, &String)| api::AliasDescription {
            alias_name: alias_name.clone(),
            collection_name: collection_name.clone(),
        };
        let aliases = self.lock().aliases.iter().map(alias).collect();
        Ok(Response::new(api::ListAliasesResponse { aliases, time: 0.0 }))
    }
} else {
    list(ListCollectionsRequest) -> ListCollectionsResponse;
    update(UpdateCollection) -> CollectionOperationResponse;
    list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
    collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
    update_collection_cluster_setup(UpdateCollectionClusterSetupRequest) -> UpdateCollectionClusterSetupResponse;
    create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
    delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
    list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
} }

service! { Points {
    async fn upsert(&self, request: Request<api::UpsertPoints>) -> Result<Response<PointsOperationResponse>, Status> {
        let request = self.admit(request)?;
        waited(request.wait)?;
        let mut kept = self.lock();
        let collection = kept.writable(&request.collection_name)?;
        for point in request.points {
            if text_of(&point, TENANT).is_none() {
                return Err(Status::invalid_argument("a point of no tenant"));
            }
            collection.points.insert(key_of(point.id.as_ref())?, point);
        }
        Ok(done())
    }

    async fn delete(&self, request: Request<api::DeletePoints>) -> Result<Response<PointsOperationResponse>, Status> {
        let request = self.admit(request)?;
        waited(request.wait)?;
        let Some(PointsSelectorOneOf::Filter(filter)) = request.points.and_then(|points| points.points_selector_one_of) else {
            return Err(Status::invalid_argument("only by filter"));
        };
        tenant_of(Some(&filter))?;
        let mut kept = self.lock();
        kept.writable(&request.collection_name)?.points.retain(|key, point| !fits(key, point, &filter));
        Ok(done())
    }

    async fn query_batch(&self, request: Request<api::QueryBatchPoints>) -> Result<Response<QueryBatchResponse>, Status> {
        let request = self.admit(request)?;
        let mut kept = self.lock();
        kept.searches += 1;
        let collection = kept.existing(&request.collection_name)?;
        let result = request.query_points.iter().map(|query| collection.query(query)).collect::<Result<_, _>>()?;
        Ok(Response::new(QueryBatchResponse { result, time: 0.0, usage: None }))
    }

    async fn create_field_index(
        &self,
        request: Request<api::CreateFieldIndexCollection>,
    ) -> Result<Response<PointsOperationResponse>, Status> {
        let request = self.admit(request)?;
        self.lock().indexes.insert(request.field_name.clone(), request);
        Ok(done())
    }
} else {
    get(GetPoints) -> GetResponse;
    count(CountPoints) -> CountResponse;
    update_vectors(UpdatePointVectors) -> PointsOperationResponse;
    delete_vectors(DeletePointVectors) -> PointsOperationResponse;
    set_payload(SetPayloadPoints) -> PointsOperationResponse;
    overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
    delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
    clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
    delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
    create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
    delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
    search(SearchPoints) -> SearchResponse;
    search_batch(SearchBatchPoints) -> SearchBatchResponse;
    search_groups(SearchPointGroups) -> SearchGroupsResponse;
    scroll(ScrollPoints) -> ScrollResponse;
    recommend(RecommendPoints) -> RecommendResponse;
    recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
    recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
    discover(DiscoverPoints) -> DiscoverResponse;
    discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
    update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
    query(QueryPoints) -> QueryResponse;
    query_groups(QueryPointGroups) -> QueryGroupsResponse;
    facet(FacetCounts) -> FacetResponse;
    search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
    search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
} }

impl Kept {
    /// A collection by its name or by an alias.
    fn existing(&self, name: &str) -> Result<&Collection, Status> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.collections.get(name).ok_or_else(|| Status::not_found("collection"))
    }

    fn writable(&mut self, name: &str) -> Result<&mut Collection, Status> {
        let name = self.aliases.get(name).cloned().unwrap_or_else(|| name.to_owned());
        self.collections.get_mut(&name).ok_or_else(|| Status::not_found("collection"))
    }
}

impl Collection {
    /// Scores the candidates of all prefetches by the main query, as Qdrant does.
    fn query(&self, request: &QueryPoints) -> Result<BatchResult, Status> {
        let filter = request.filter.as_ref();
        tenant_of(filter)?;
        let mut candidates = HashSet::new();
        for prefetch in &request.prefetch {
            candidates.extend(self.prefetch(prefetch)?.into_iter().map(|(key, _)| key));
        }
        let mut scored = self.nearest(request.query.as_ref(), request.using.as_deref(), filter)?;
        scored.retain(|(key, _)| candidates.contains(key));
        scored.truncate(request.limit.unwrap_or(10) as usize);
        let point = |(key, score): (String, f32)| ScoredPoint {
            id: Some(PointId { point_id_options: Some(PointIdOptions::Uuid(key)) }),
            score,
            ..Default::default()
        };
        Ok(BatchResult { result: scored.into_iter().map(point).collect() })
    }

    fn prefetch(&self, request: &PrefetchQuery) -> Result<Vec<(String, f32)>, Status> {
        tenant_of(request.filter.as_ref())?;
        let (query, using, filter) = (request.query.as_ref(), request.using.as_deref(), request.filter.as_ref());
        let mut found = match sparse_of(query) {
            Some(question) => {
                let corpus = request.params.as_ref().and_then(|params| params.idf.as_ref()?.corpus.as_ref());
                tenant_of(corpus)?;
                self.nearest_words(question, using, filter)?
            }
            None => self.nearest(query, using, filter)?,
        };
        found.truncate(request.limit.unwrap_or(10) as usize);
        Ok(found)
    }

    /// BM25 by the frequencies of the points that the filter lets through.
    fn nearest_words(
        &self,
        question: &api::SparseVector,
        using: Option<&str>,
        filter: Option<&Filter>,
    ) -> Result<Vec<(String, f32)>, Status> {
        let using = using.ok_or_else(|| Status::invalid_argument("which vector?"))?;
        let fitting = self.points.iter().filter(|(key, point)| filter.is_some_and(|filter| fits(key, point, filter)));
        let documents: Vec<(&String, BTreeMap<u32, f32>)> =
            fitting.map(|(key, point)| (key, words_of(point, using))).collect();
        let idf = |term: &u32| {
            let having = documents.iter().filter(|(_, words)| words.contains_key(term)).count() as f32;
            ((documents.len() as f32 - having + 0.5) / (having + 0.5)).ln_1p()
        };
        let weights: BTreeMap<u32, f32> = question.indices.iter().map(|term| (*term, idf(term))).collect();
        let score = |words: &BTreeMap<u32, f32>| {
            weights.iter().filter_map(|(term, idf)| Some(idf * words.get(term)?)).sum::<f32>()
        };
        let mut found: Vec<(String, f32)> = documents
            .iter()
            .map(|(key, words)| ((*key).clone(), score(words)))
            .filter(|(_, score)| *score > 0.0)
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(found)
    }

    fn nearest(
        &self,
        query: Option<&Query>,
        using: Option<&str>,
        filter: Option<&Filter>,
    ) -> Result<Vec<(String, f32)>, Status> {
        let question = match query.and_then(|query| query.variant.as_ref()) {
            Some(Variant::Nearest(input)) => match &input.variant {
                Some(vector_input::Variant::Dense(one)) => one.data.clone(),
                Some(vector_input::Variant::MultiDense(many)) if many.vectors.len() == 1 => {
                    many.vectors[0].data.clone()
                }
                _ => return Err(Status::unimplemented("another kind of vector")),
            },
            _ => return Err(Status::unimplemented("another kind of query")),
        };
        let using = using.ok_or_else(|| Status::invalid_argument("which vector?"))?;
        let fitting = self.points.iter().filter(|(key, point)| filter.is_some_and(|filter| fits(key, point, filter)));
        let mut found: Vec<(String, f32)> =
            fitting.map(|(key, point)| (key.clone(), score(point, using, &question))).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(found)
    }
}

fn sparse_of(query: Option<&Query>) -> Option<&api::SparseVector> {
    let Variant::Nearest(input) = query?.variant.as_ref()? else { return None };
    let vector_input::Variant::Sparse(sparse) = input.variant.as_ref()? else { return None };
    Some(sparse)
}

/// The sparse vector of a point.
fn words_of(point: &PointStruct, using: &str) -> BTreeMap<u32, f32> {
    let Some(VectorsOptions::Vectors(named)) =
        point.vectors.as_ref().and_then(|vectors| vectors.vectors_options.as_ref())
    else {
        panic!("a point without named vectors");
    };
    match named.vectors.get(using).and_then(|vector| vector.vector.as_ref()) {
        Some(Vector::Sparse(sparse)) => sparse.indices.iter().copied().zip(sparse.values.iter().copied()).collect(),
        None => BTreeMap::new(),
        other => panic!("an unexpected kind of vector: {other:?}"),
    }
}

fn score(point: &PointStruct, using: &str, question: &[f32]) -> f32 {
    let Some(VectorsOptions::Vectors(named)) =
        point.vectors.as_ref().and_then(|vectors| vectors.vectors_options.as_ref())
    else {
        panic!("a point without named vectors");
    };
    match named.vectors[using].vector.as_ref() {
        Some(Vector::Dense(one)) => cosine(&one.data, question),
        Some(Vector::MultiDense(many)) => {
            many.vectors.iter().map(|one| cosine(&one.data, question)).fold(f32::NEG_INFINITY, f32::max)
        }
        other => panic!("an unexpected kind of vector: {other:?}"),
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn fits(key: &str, point: &PointStruct, filter: &Filter) -> bool {
    assert!(filter.should.is_empty() && filter.min_should.is_none(), "not implemented here");
    let holds = |condition: &Condition| match condition.condition_one_of.as_ref() {
        Some(ConditionOneOf::HasId(ids)) => ids.has_id.iter().any(|id| key_of(Some(id)).is_ok_and(|id| id == key)),
        Some(ConditionOneOf::Field(field)) => {
            match field.r#match.as_ref().and_then(|wanted| wanted.match_value.as_ref()) {
                Some(MatchValue::Keyword(text)) => text_of(point, &field.key) == Some(text),
                Some(MatchValue::Boolean(flag)) => {
                    point.payload.get(&field.key).and_then(|value| value.kind.as_ref()) == Some(&Kind::BoolValue(*flag))
                }
                other => panic!("an unexpected match: {other:?}"),
            }
        }
        other => panic!("an unexpected condition: {other:?}"),
    };
    filter.must.iter().all(holds) && !filter.must_not.iter().any(holds)
}

/// The tenant that a filter insists on.
fn tenant_of(filter: Option<&Filter>) -> Result<(), Status> {
    let names = |condition: &Condition| matches!(condition.condition_one_of.as_ref(), Some(ConditionOneOf::Field(field)) if field.key == TENANT && field.r#match.is_some());
    match filter {
        Some(filter) if filter.must.iter().any(names) => Ok(()),
        _ => Err(Status::invalid_argument("a request across tenants")),
    }
}

fn waited(wait: Option<bool>) -> Result<(), Status> {
    if wait == Some(true) { Ok(()) } else { Err(Status::invalid_argument("a write that is not waited for")) }
}

fn done() -> Response<PointsOperationResponse> {
    let result = Some(UpdateResult { operation_id: None, status: api::UpdateStatus::Completed.into() });
    Response::new(PointsOperationResponse { result, time: 0.0, usage: None })
}

fn key_of(id: Option<&PointId>) -> Result<String, Status> {
    match id.and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Uuid(uuid)) => Ok(uuid.clone()),
        _ => Err(Status::invalid_argument("an id that is no UUID")),
    }
}

fn text_of<'a>(point: &'a PointStruct, key: &str) -> Option<&'a String> {
    let Kind::StringValue(text) = point.payload.get(key)?.kind.as_ref()? else { return None };
    Some(text)
}
