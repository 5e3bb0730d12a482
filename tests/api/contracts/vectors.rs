//! What `ports::vectors` promises, on each of its variants: the built-in index, a Qdrant server in this process, and a
//! real one where `TEST_QDRANT_URL` is set.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail the test")]

mod server;

use std::sync::{Arc, OnceLock};

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    article_version, chunk,
    ids::{ArticleId, ChunkId, SiteId},
    index_head, site,
};
use qdrant_client::qdrant::{Modifier, payload_index_params::IndexParams, vectors_config};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;
use yanit::{
    features::knowledge,
    kernel::{clock::Clock, error::ErrorCode},
    ports::{
        db::Database,
        vectors::{EmbeddedIndex, Found, Passage, QdrantIndex, Query, Vectors},
    },
};

use self::server::{API_KEY, StubQdrant};
use crate::harness::{
    app::{Options, Storage, TestApp, setting},
    people::Site,
};

const MODEL: &str = "test";
const DIMENSION: usize = 8;

/// Rows, and an index on them.
struct World {
    database: Database,
    vectors: Vectors,
    site: SiteId,
    _storage: Storage,
}

/// A passage by its text and the vectors of the whole and of its sentences.
type Said<'a> = (&'a str, &'a [[f32; DIMENSION]]);

impl World {
    async fn new(vectors: Vectors) -> Self {
        let storage = Storage::new().await;
        let database = Database::connect(&storage.config().database(), 4).await.unwrap();
        database.migrate().await.unwrap();
        let mut world = Self { database, vectors, site: SiteId(id()), _storage: storage };
        world.site = world.new_site().await;
        world
    }

    async fn new_site(&self) -> SiteId {
        let site = SiteId(id());
        let row = site::Model {
            id: site,
            name: "Acme".into(),
            public_key: site.to_string(),
            allowed_origins: site::Origins::default(),
            locale: "tr".into(),
            mask_personal_data: false,
            time_zone: "UTC".into(),
            daily_ai_budget_micros: None,
            complexity_terms: None,
            owner_id: None,
            version: 1,
            created_at: Clock::system().now(),
        };
        site::Entity::insert(row.into_active_model()).exec_without_returning(&self.database.db()).await.unwrap();
        site
    }

    /// Writes the rows of an article as indexing does; the vector server is not told.
    async fn write(&self, site: SiteId, article: ArticleId, visibility: Visibility, said: &[Said<'_>]) -> Vec<Passage> {
        self.erase(article).await;
        let (now, db) = (Clock::system().now(), self.database.db());
        let row = article::Model {
            id: article,
            site_id: site,
            author_id: None,
            title: "Title".into(),
            title_folded: "title".into(),
            description: None,
            category: None,
            category_folded: None,
            slug: article.to_string(),
            body: String::new(),
            language: "en".into(),
            status: ArticleStatus::Published,
            visibility,
            version: 1,
            indexed_version: Some(1),
            index_revision: None,
            index_problem: None,
            views: 0,
            helpful: 0,
            unhelpful: 0,
            created_at: now,
            updated_at: now,
            published_at: Some(now),
        };
        article::Entity::insert(row.into_active_model()).exec_without_returning(&db).await.unwrap();
        let (title, body) = (String::from("Title"), String::new());
        let version =
            article_version::Model { article_id: article, version: 1, site_id: site, title, body, created_at: now };
        article_version::Entity::insert(version.into_active_model()).exec_without_returning(&db).await.unwrap();
        let mut passages = vec![];
        for (ordinal, (text, vectors)) in (0..).zip(said) {
            let vectors: Vec<Vec<f32>> = vectors.iter().map(|vector| unit(vector)).collect();
            let row = chunk::Model {
                id: ChunkId(id()),
                site_id: site,
                article_id: article,
                version: 1,
                ordinal,
                text: (*text).into(),
                start_byte: 0,
                end_byte: 0,
                model: MODEL.into(),
                vectors: chunk::pack_vectors(&vectors),
                dimension: DIMENSION as i32,
            };
            let public = visibility == Visibility::Public;
            passages.push(Passage { chunk: row.id, article, text: format!("Title. {text}"), vectors, public });
            chunk::Entity::insert(row.into_active_model()).exec_without_returning(&db).await.unwrap();
        }
        self.touch(site, article, visibility).await;
        passages
    }

    /// Makes the rows of an article count, as a commit does: all at once, when the site's revision rises.
    async fn touch(&self, site: SiteId, article: ArticleId, visibility: Visibility) {
        let revision = self.revision(site).await + 1;
        let changes = article::ActiveModel {
            visibility: Set(visibility),
            index_revision: Set(Some(revision)),
            ..Default::default()
        };
        let of_article = article::Entity::update_many().set(changes).filter(article::Column::Id.eq(article));
        of_article.exec(&self.database.db()).await.unwrap();
        self.raise(site).await;
    }

    /// Writes an article and tells the vector server.
    async fn put(&self, site: SiteId, visibility: Visibility, said: &[Said<'_>]) -> ArticleId {
        let article = ArticleId(id());
        let passages = self.write(site, article, visibility, said).await;
        self.vectors.replace(site, article, passages).await.unwrap();
        self.serve().await;
        article
    }

    /// What was handed over is searched.
    async fn serve(&self) {
        if self.vectors.serves().await.is_err() {
            self.vectors.serve().await.unwrap();
        }
    }

    /// Takes the rows of an article away; the vector server is not told.
    async fn erase(&self, article: ArticleId) {
        if let Some(row) = article::Entity::find_by_id(article).one(&self.database.db()).await.unwrap() {
            article::Entity::delete_by_id(article).exec(&self.database.db()).await.unwrap();
            self.raise(row.site_id).await;
        }
    }

    async fn hide(&self, article: ArticleId) {
        self.touch(self.site, article, Visibility::Internal).await;
    }

    async fn revision(&self, site: SiteId) -> i64 {
        let head = index_head::Entity::find_by_id(site).one(&self.database.db()).await.unwrap();
        head.map_or(0, |head| head.revision)
    }

    async fn raise(&self, site: SiteId) {
        let row = index_head::ActiveModel {
            site_id: Set(site),
            revision: Set(self.revision(site).await + 1),
            model: Set(Some(MODEL.into())),
            dimension: Set(Some(DIMENSION as i32)),
        };
        index_head::Entity::delete_by_id(site).exec(&self.database.db()).await.unwrap();
        index_head::Entity::insert(row).exec_without_returning(&self.database.db()).await.unwrap();
    }

    async fn search(&self, site: SiteId, query: Query) -> Found {
        self.vectors.search(&self.database.db(), site, query).await.unwrap()
    }

    async fn articles(&self, site: SiteId, query: Query) -> Vec<ArticleId> {
        self.search(site, query).await.matches.into_iter().map(|found| found.article).collect()
    }
}

fn id() -> Uuid {
    Uuid::from_u128(rand::random())
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.iter().map(|number| number / length).collect()
}

fn axis(nth: usize) -> [f32; DIMENSION] {
    std::array::from_fn(|index| f32::from(u8::from(index == nth)))
}

fn ask(vector: Option<[f32; DIMENSION]>, text: &str) -> Query {
    Query { vector: vector.map(|vector| Arc::from(unit(&vector))), text: text.into(), limit: 10, public_only: false }
}

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-4
}

async fn scores_by_the_formula(world: &World) {
    let site = world.site;
    let whole = world.put(site, Visibility::Public, &[("kargo ücreti", &[axis(0)])]).await;
    let sentence = world.put(site, Visibility::Public, &[("iade süresi", &[axis(1), axis(2), axis(0)])]).await;
    let found = world.search(site, ask(Some(axis(0)), "iade")).await;
    assert!(!found.words_only);
    let [first, second] = found.matches[..] else { panic!("{found:?}") };
    assert_eq!((first.article, second.article), (whole, sentence));
    assert!(close(first.dense, 1.0) && close(first.lexical, 0.0) && close(first.score, 1.0), "{first:?}");
    assert!(close(second.dense, 0.5) && second.lexical > 0.1, "{second:?}");
    assert!(close(second.score, 0.5 + second.lexical * second.lexical), "{second:?}");
    let covered =
        world.vectors.coverages(&world.database.db(), site, "iade", &["Title. iade süresi", "başka"]).await.unwrap();
    assert!(close(covered[0], second.lexical) && covered[1] == 0.0);
}

async fn without_a_vector_words_decide(world: &World) {
    let site = world.site;
    world.put(site, Visibility::Public, &[("kargo ücreti", &[axis(0)])]).await;
    let wanted = world.put(site, Visibility::Public, &[("iade süresi", &[axis(1)])]).await;
    for vector in [None, Some([0.0; DIMENSION])] {
        let query = Query { vector: vector.map(|vector| Arc::from(vector.to_vec())), ..ask(None, "IADE SURESI") };
        let found = world.search(site, query).await;
        assert!(found.words_only);
        assert_eq!(found.matches.iter().map(|found| found.article).collect::<Vec<_>>(), [wanted]);
        assert!(found.matches[0].dense == 0.0 && close(found.matches[0].score, found.matches[0].lexical.powi(2)));
    }
}

async fn sites_are_apart(world: &World) {
    let other = world.new_site().await;
    let mine = world.put(world.site, Visibility::Public, &[("kargo", &[axis(0)])]).await;
    let theirs = world.put(other, Visibility::Public, &[("kargo", &[axis(0)]), ("kargo", &[axis(1)])]).await;
    assert_eq!(world.articles(world.site, ask(Some(axis(0)), "kargo")).await, [mine]);
    assert_eq!(world.articles(other, ask(Some(axis(0)), "kargo")).await, [theirs, theirs]);
    // One site cannot take away what is another's.
    world.vectors.remove(world.site, theirs).await.unwrap();
    assert_eq!(world.articles(other, ask(Some(axis(0)), "kargo")).await.len(), 2);
    assert!(world.articles(world.new_site().await, ask(Some(axis(0)), "kargo")).await.is_empty());
}

async fn internal_passages_are_for_members(world: &World) {
    let site = world.site;
    let public = world.put(site, Visibility::Public, &[("kargo", &[axis(0)])]).await;
    let internal = world.put(site, Visibility::Internal, &[("kargo", &[axis(0)])]).await;
    let visitors = || Query { public_only: true, ..ask(Some(axis(0)), "kargo") };
    let mut all = world.articles(site, ask(Some(axis(0)), "kargo")).await;
    all.sort();
    let mut both = vec![public, internal];
    both.sort();
    assert_eq!(all, both);
    assert_eq!(world.articles(site, visitors()).await, [public]);
    assert_eq!(world.articles(site, Query { vector: None, ..visitors() }).await, [public]);
    // At once, though the vector server has not been told.
    world.hide(public).await;
    assert!(world.articles(site, visitors()).await.is_empty());
    assert_eq!(world.articles(site, ask(Some(axis(0)), "kargo")).await.len(), 2);
}

async fn changes_count_with_their_commit(world: &World) {
    let site = world.site;
    let article = world.put(site, Visibility::Public, &[("eski", &[axis(0)]), ("eski", &[axis(1)])]).await;
    assert_eq!(world.articles(site, ask(Some(axis(0)), "eski")).await.len(), 2);
    let passages = world.write(site, article, Visibility::Public, &[("yeni", &[axis(2)])]).await;
    let found = world.search(site, ask(Some(axis(0)), "yeni")).await;
    assert_eq!(found.matches.iter().map(|found| found.chunk).collect::<Vec<_>>(), [passages[0].chunk]);
    assert!(world.search(site, ask(None, "eski")).await.matches.is_empty());
    world.vectors.replace(site, article, passages).await.unwrap();
    assert!(close(world.search(site, ask(Some(axis(2)), "")).await.matches[0].dense, 1.0));
    world.erase(article).await;
    assert!(world.articles(site, ask(Some(axis(2)), "yeni")).await.is_empty());
    world.vectors.remove(site, article).await.unwrap();
    world.vectors.remove(site, article).await.unwrap();
    assert!(world.articles(site, ask(Some(axis(2)), "yeni")).await.is_empty());
}

/// Whatever the variant: the same passages in the same order with the same scores as the exact index gives.
async fn ranks_exactly(world: &World) {
    let mut random = StdRng::seed_from_u64(7);
    let words = ["kargo", "iade", "ücret", "süre", "fincan", "kart", "adres", "fatura"];
    let vector = |random: &mut StdRng| -> [f32; DIMENSION] { std::array::from_fn(|_| random.random_range(-1.0..1.0)) };
    for _ in 0..20 {
        let texts: Vec<String> = (0..3)
            .map(|_| (0..4).map(|_| words[random.random_range(0..words.len())]).collect::<Vec<_>>().join(" "))
            .collect();
        let vectors: Vec<Vec<_>> =
            (0..3).map(|_| (0..random.random_range(1..5)).map(|_| vector(&mut random)).collect()).collect();
        let said: Vec<Said<'_>> =
            texts.iter().zip(&vectors).map(|(text, vectors)| (text.as_str(), vectors.as_slice())).collect();
        world.put(world.site, if random.random() { Visibility::Public } else { Visibility::Internal }, &said).await;
    }
    let exact = built_in();
    for round in 0..20 {
        let text = words[random.random_range(0..words.len())];
        let query = Query { public_only: round % 2 == 0, ..ask(Some(vector(&mut random)), text) };
        let expected = exact.search(&world.database.db(), world.site, query.clone()).await.unwrap();
        let found = world.search(world.site, query).await;
        assert_eq!(found.matches.len(), expected.matches.len());
        for (found, expected) in found.matches.iter().zip(&expected.matches) {
            assert_eq!(found.chunk, expected.chunk);
            assert!(close(found.score, expected.score) && close(found.dense, expected.dense), "{found:?} {expected:?}");
        }
    }
}

/// Searches while articles come and go see each article in whole or not at all.
async fn readers_and_writers_at_once(world: &World) {
    let write = async {
        for _ in 0..15 {
            let article =
                world.put(world.site, Visibility::Public, &[("kargo", &[axis(0)]), ("kargo", &[axis(1)])]).await;
            world.erase(article).await;
        }
    };
    let read = async {
        for _ in 0..40 {
            let found = world.articles(world.site, ask(None, "kargo")).await;
            assert!(found.len() % 2 == 0, "half an article: {found:?}");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(write, read);
    assert!(world.articles(world.site, ask(None, "kargo")).await.is_empty());
}

macro_rules! suite {
    ($($name:ident),+ $(,)?) => {
        mod built_in {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::World::new(super::built_in()).await).await;
            })+
        }

        mod qdrant {
            $(#[tokio::test]
            async fn $name() {
                let server = super::StubQdrant::start().await;
                super::$name(&super::World::new(super::on(&server)).await).await;
                if let Some(real) = super::real() {
                    super::$name(&super::World::new(real).await).await;
                }
            })+
        }
    };
}

suite! {
    scores_by_the_formula, without_a_vector_words_decide, sites_are_apart, internal_passages_are_for_members,
    changes_count_with_their_commit, ranks_exactly, readers_and_writers_at_once,
}

fn built_in() -> Vectors {
    Vectors::Embedded(EmbeddedIndex::new(MODEL.into()))
}

/// A Qdrant index of an embedder.
fn qdrant(url: &str, key: Option<&str>, model: &str, dimension: usize) -> Vectors {
    let dimension = Arc::new(OnceLock::from(dimension));
    Vectors::Qdrant(Box::new(QdrantIndex::new(url, key, model.into(), dimension).unwrap()))
}

fn on(server: &StubQdrant) -> Vectors {
    qdrant(&server.url, Some(API_KEY), MODEL, DIMENSION)
}

fn real() -> Option<Vectors> {
    let url = setting("TEST_QDRANT_URL")?;
    let key = setting("TEST_QDRANT_API_KEY");
    Some(qdrant(&url, key.as_deref(), MODEL, DIMENSION))
}

#[tokio::test]
async fn a_restart_and_a_second_node_need_nothing_but_the_rows() {
    let mut world = World::new(built_in()).await;
    let article = world.put(world.site, Visibility::Public, &[("kargo", &[axis(0)])]).await;
    assert_eq!(world.articles(world.site, ask(Some(axis(0)), "")).await, [article]);
    let first = std::mem::replace(&mut world.vectors, built_in());
    assert_eq!(world.articles(world.site, ask(Some(axis(0)), "")).await, [article]);
    world.erase(article).await;
    for vectors in [&first, &world.vectors] {
        let found = vectors.search(&world.database.db(), world.site, ask(Some(axis(0)), "kargo")).await.unwrap();
        assert_eq!(found, Found { matches: vec![], words_only: false });
    }
}

#[tokio::test]
async fn vectors_of_another_embedder_are_not_compared() {
    let world = World::new(Vectors::Embedded(EmbeddedIndex::new("another".into()))).await;
    let article = world.put(world.site, Visibility::Public, &[("kargo", &[axis(0)])]).await;
    for vector in [vec![1.0, 0.0, 0.0], vec![0.5; DIMENSION]] {
        let query = Query { vector: Some(Arc::from(vector)), ..ask(None, "kargo") };
        let found = world.search(world.site, query).await;
        assert!(found.words_only);
        assert_eq!((found.matches[0].article, found.matches[0].dense), (article, 0.0));
    }
}

#[tokio::test]
async fn a_qdrant_collection_is_made_for_many_tenants() {
    let server = StubQdrant::start().await;
    let world = World::new(on(&server)).await;
    assert!(world.vectors.serves().await.is_err());
    world.put(world.site, Visibility::Public, &[("kargo", &[axis(0), axis(1)])]).await;
    world.vectors.serves().await.unwrap();
    assert_eq!(server.alias("yanit_test_8_live").as_deref(), Some("yanit_test_8_1"));
    let made = server.collection("yanit_test_8_1");
    let words = &made.sparse_vectors_config.as_ref().unwrap().map["words"];
    assert_eq!(words.modifier(), Modifier::Idf);
    let graphs = made.hnsw_config.unwrap();
    assert_eq!((graphs.m, graphs.payload_m), (Some(0), Some(16)));
    let Some(vectors_config::Config::ParamsMap(named)) = made.vectors_config.unwrap().config else {
        panic!("no names")
    };
    assert!(named.map["whole"].multivector_config.is_none() && named.map["sentences"].multivector_config.is_some());
    assert!(named.map.values().all(|params| params.size == DIMENSION as u64));
    let Some(IndexParams::KeywordIndexParams(tenant)) =
        server.index("site_id").field_index_params.unwrap().index_params
    else {
        panic!("no index of the tenant");
    };
    assert_eq!(tenant.is_tenant, Some(true));
    // A second node finds it made; one that was lost is made again.
    let second = on(&server);
    let query = ask(Some(axis(0)), "");
    assert_eq!(second.search(&world.database.db(), world.site, query).await.unwrap().matches.len(), 1);
    server.forget();
    // The first request finds it gone and words answer; the next one makes it, and it is filled before it serves.
    let found = async || world.search(world.site, ask(Some(axis(0)), "kargo")).await;
    assert!(found().await.words_only);
    assert!(world.vectors.serves().await.is_err());
    assert!(found().await.words_only);
}

/// The collection of another embedder, or of another layout, is filled beside the one that serves.
#[tokio::test]
async fn a_new_collection_is_filled_beside_the_old_one_and_switched_to() {
    let server = StubQdrant::start().await;
    let world = World::new(on(&server)).await;
    let article = world.put(world.site, Visibility::Public, &[("kargo", &[axis(0)])]).await;
    let another = qdrant(&server.url, Some(API_KEY), "another", 3);
    let passage = |number: f32| Passage {
        chunk: ChunkId(id()),
        article,
        text: "Title. kargo".into(),
        vectors: vec![vec![number, 1.0, 0.0]],
        public: true,
    };
    another.replace(world.site, article, vec![passage(1.0)]).await.unwrap();
    assert_eq!((server.points_of("yanit_test_8_1"), server.points_of("yanit_another_3_1")), (1, 1));
    assert_eq!(server.alias("yanit_another_3_live"), None);
    assert!(!world.search(world.site, ask(Some(axis(0)), "kargo")).await.words_only);
    another.serve().await.unwrap();
    assert_eq!(server.alias("yanit_another_3_live").as_deref(), Some("yanit_another_3_1"));
    another.serves().await.unwrap();

    // Somebody made a collection of other vectors under the name.
    server.spoil("yanit_another_3_1");
    let again = qdrant(&server.url, Some(API_KEY), "another", 3);
    assert!(again.serves().await.is_err());
    again.replace(world.site, article, vec![passage(2.0)]).await.unwrap();
    assert_eq!((server.points_of("yanit_another_3_1"), server.points_of("yanit_another_3_2")), (1, 1));
    again.serve().await.unwrap();
    assert_eq!(server.alias("yanit_another_3_live").as_deref(), Some("yanit_another_3_2"));
    assert_eq!(server.points_of("yanit_another_3_1"), 0);
}

#[tokio::test]
async fn words_answer_while_qdrant_does_not() {
    let server = StubQdrant::start().await;
    let world = World::new(on(&server)).await;
    let article = world.put(world.site, Visibility::Public, &[("kargo ücreti", &[axis(0)])]).await;
    assert_eq!((server.points(), server.searches()), (1, 0));
    server.set_away(true);
    let found = world.search(world.site, ask(Some(axis(0)), "kargo")).await;
    assert!(found.words_only);
    assert_eq!(found.matches[0].article, article);
    assert_eq!(world.vectors.health().await.unwrap_err().code, ErrorCode::Unavailable);
    let refused = world.vectors.replace(world.site, article, vec![]).await.unwrap_err();
    assert!(refused.code == ErrorCode::Unavailable && refused.is_transient());
    // Whoever finds it well again tells everybody.
    server.set_away(false);
    world.vectors.health().await.unwrap();
    assert!(!world.search(world.site, ask(Some(axis(0)), "kargo")).await.words_only);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_waited_for() {
    let world = World::new(qdrant("http://127.0.0.1:9", None, MODEL, DIMENSION)).await;
    let article = ArticleId(id());
    world.write(world.site, article, Visibility::Public, &[("kargo ücreti", &[axis(0)])]).await;
    let found = world.search(world.site, ask(Some(axis(0)), "kargo")).await;
    assert!(found.words_only && found.matches[0].article == article);
}

#[tokio::test]
async fn a_wrong_key_is_no_access() {
    let server = StubQdrant::start().await;
    let index = qdrant(&server.url, Some("another key"), MODEL, DIMENSION);
    assert_eq!(index.health().await.unwrap_err().code, ErrorCode::Unavailable);
}

/// The whole server: what is published is handed over, what is archived is taken back, what was lost is given again.
#[tokio::test]
async fn a_server_keeps_its_qdrant_up_to_date() {
    let server = StubQdrant::start().await;
    let url = server.url.clone();
    let configure = move |config: &mut yanit::config::Config| {
        config.qdrant_url = Some(url);
        config.qdrant_api_key = Some(API_KEY.into());
    };
    let options = Options { configure: Some(Box::new(configure)), manual_clock: true, ..Options::default() };
    let app = TestApp::with(options).await;
    let site = app.site("acme").await;
    server.set_away(true);
    let article = app.article(&site, "Kargo", "Kargo ücreti 59 TL.\n\n# Süre\n\nİki gün sürer.").await;
    server.set_away(false);
    app.app.ports.vectors.health().await.unwrap();
    // The article was published while the server was away, so its job comes again later.
    app.clock.advance(std::time::Duration::from_secs(30));
    points(&server, 2).await;
    let index = "query I($s: ID!) { knowledgeIndex(siteId: $s) { wordsOnly articles indexed pending } }";
    let of_site = serde_json::json!({ "s": site.id });
    let shown = app.run(Some(&site.admin.token), index, of_site.clone()).await["knowledgeIndex"].clone();
    assert_eq!(shown, serde_json::json!({ "wordsOnly": true, "articles": 1, "indexed": 1, "pending": 0 }));
    assert_eq!(knowledge::catch_up(&app.app.cx()).await.unwrap(), 1);
    app.app.drain().await.unwrap();
    serves(&app, &site, true).await;
    let search = "query S($k: String!) { searchArticles(siteKey: $k, text: \"kargo kaç gün sürer\") { passage } }";
    let found = app.run(None, search, serde_json::json!({ "k": site.key })).await;
    assert_eq!(found["searchArticles"][0]["passage"], "# Süre\n\nİki gün sürer.");
    assert!(server.searches() > 0);

    server.forget();
    // The first search finds the collection gone, and words answer until it is filled anew.
    let found = app.run(None, search, serde_json::json!({ "k": site.key })).await;
    assert_eq!(found["searchArticles"].as_array().unwrap().len(), 1);
    serves(&app, &site, false).await;
    assert_eq!(knowledge::catch_up(&app.app.cx()).await.unwrap(), 1);
    app.app.drain().await.unwrap();
    serves(&app, &site, true).await;
    points(&server, 2).await;

    let archive = "mutation A($i: ArchiveArticleInput!) { archiveArticle(input: $i) { article { id } } }";
    app.run(Some(&site.admin.token), archive, serde_json::json!({ "i": { "articleId": article } })).await;
    points(&server, 0).await;
}

/// Waits until vectors are compared in the site, or are not.
async fn serves(app: &TestApp, site: &Site, wanted: bool) {
    let index = "query I($s: ID!) { knowledgeIndex(siteId: $s) { wordsOnly } }";
    for _ in 0..1_000 {
        let shown = app.run(Some(&site.admin.token), index, serde_json::json!({ "s": site.id })).await;
        if shown["knowledgeIndex"]["wordsOnly"] == !wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("vectors are compared: {}", !wanted);
}

/// Waits until the server keeps so many.
async fn points(server: &StubQdrant, count: usize) {
    for _ in 0..1_000 {
        if server.points() == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{} points instead of {count}", server.points());
}
