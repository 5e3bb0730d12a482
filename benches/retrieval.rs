//! How long it takes to find the passages that answer a question, how right that is, and how long indexing takes.
//!
//! `cargo bench --bench retrieval` or, with other sizes than 10,000 and 100,000 passages, `… -- 20000`.
//!
//! Everything goes the way of the server: SQLite in a temporary folder, the built-in index and embedder, the indexing
//! job and [`knowledge::retrieve`]. Embedding 100,000 passages would take hours, so only the articles of [`ARTICLES`]
//! are embedded. The large sets are made from their passages: a third of the words is replaced by made-up ones, and the
//! vectors of the whole and of each sentence are moved at random, so that they lie around the real ones at a cosine of
//! about 0.8. Such a set is denser than real knowledge, where fewer passages say nearly the same.
//!
//! What is found is compared with brute force: every passage scored in 32 bits by the same formula, one after the other.

use std::{
    collections::HashMap,
    fs,
    hint::black_box,
    io::{self, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    article_version,
    chunk::{self, pack_vectors},
    ids::{ArticleId, ChunkId, SiteId},
    index_head,
};
use exact_index::{
    Query as Weights,
    text::{K1, document_length, fold, sentences, sparse_document, sparse_query},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;
use yanit::{
    app::{App, Overrides},
    config::Config,
    features::{
        knowledge::{self, NewArticle, RetrieveOptions},
        sites::{self, NewSite},
    },
    kernel::{Ctx, Error, Result},
    ports::vectors::Query,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Articles that are really embedded, and the sentences of each.
const ARTICLES: usize = 40;
const SENTENCES: usize = 10;
/// Passages of an article of the large sets.
const PER_ARTICLE: usize = 4;
/// Articles that are inserted at once.
const BATCH: usize = 50;
/// Questions, and how often each is searched for when the search alone is timed.
const QUESTIONS: usize = 150;
const REPEATS: usize = 3;
/// Passages that are asked for.
const LIMIT: usize = 10;
/// Length of what is added to a vector of length 1.
const SPREAD: f32 = 0.75;

/// A passage with the vectors of the whole and of its sentences.
struct Piece {
    title: String,
    text: String,
    vectors: Vec<Vec<f32>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo test --benches` starts this, too, but without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000];
    }
    let real = Box::pin(indexing()).await?;
    for size in sizes {
        Box::pin(retrieval(&real, size)).await?;
    }
    Ok(())
}

fn say(line: std::fmt::Arguments<'_>) -> Result<()> {
    writeln!(io::stdout().lock(), "{line}").map_err(Error::internal)
}

/// An empty server with a site, in a folder that goes away with it.
struct Place {
    app: App,
    cx: Ctx,
    site: SiteId,
    folder: PathBuf,
}

impl Place {
    async fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("yanit-retrieval-{}", std::process::id()));
        let app = App::build(Config { data_dir: folder.clone(), ..Config::default() }, Overrides::default()).await?;
        let cx = app.cx();
        let mut tx = cx.begin().await?;
        let site = sites::insert_in(&mut tx, NewSite::check("Bench", &[], None)?).await?.id;
        tx.commit().await?;
        // Loads the model.
        cx.embeddings.query("?").await?;
        Ok(Self { app, cx, site, folder })
    }

    async fn remove(self) -> Result<()> {
        self.app.stop().await;
        fs::remove_dir_all(self.folder).map_err(Error::internal)
    }
}

/// Indexes articles of shuffled sentences of the demo's by the job that does so, and returns their passages.
async fn indexing() -> Result<Vec<Piece>> {
    let place = Place::new().await?;
    let mut random = StdRng::seed_from_u64(1);
    let demo = knowledge::demo::demo_articles();
    let all = |body: &'static str| sentences(body).into_iter().map(move |range| &body[range]);
    let mut characters = 0;
    let mut tx = place.cx.begin().await?;
    for _ in 0..ARTICLES {
        let Some(like) = demo.choose(&mut random) else { continue };
        let said: Vec<&str> =
            demo.iter().filter(|demo| demo.language == like.language).flat_map(|demo| all(demo.body)).collect();
        let body = said.choose_multiple(&mut random, SENTENCES).copied().collect::<Vec<_>>().join(" ");
        characters += body.chars().count();
        let new = NewArticle::check(place.site, like.title, &body, like.language, None, Visibility::Public)?;
        let draft = knowledge::insert_in(&mut tx, new, None).await?;
        knowledge::publish_in(&mut tx, draft).await?;
    }
    tx.commit().await?;
    let begun = Instant::now();
    place.app.drain().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let titles: HashMap<ArticleId, String> = article::Entity::find()
        .all(&place.cx.db())
        .await?
        .into_iter()
        .map(|article| (article.id, article.title))
        .collect();
    let rows = chunk::Entity::find().all(&place.cx.db()).await?;
    let pieces: Vec<Piece> = rows
        .into_iter()
        .map(|row| Piece { title: titles[&row.article_id].clone(), vectors: row.unpack_vectors(), text: row.text })
        .collect();
    let vectors: usize = pieces.iter().map(|piece| piece.vectors.len()).sum();
    say(format_args!(
        "indexing {ARTICLES} articles: {} passages, {vectors} vectors in {seconds:.1} s: {:.2} passages/s, {:.1} vectors/s, {:.0} characters/s",
        pieces.len(),
        pieces.len() as f64 / seconds,
        vectors as f64 / seconds,
        characters as f64 / seconds,
    ))?;
    place.remove().await?;
    Ok(pieces)
}

/// The `number`th passage of a large set.
fn made(real: &[Piece], number: usize) -> Piece {
    let mut random = StdRng::seed_from_u64(number as u64);
    let like = &real[random.random_range(..real.len())];
    let word = |word: &str| match random.random_ratio(1, 3) {
        // Squaring prefers small numbers, so that some made-up words are frequent.
        true => {
            let invented = format!("{:x}", random.random_range(0_u64..20_000).pow(2) / 20_000 + 0xabc_0000);
            word.find(|c: char| !c.is_alphanumeric()).map_or(invented.clone(), |end| invented.clone() + &word[end..])
        }
        false => word.to_owned(),
    };
    let text = like.text.split(' ').map(word).collect::<Vec<_>>().join(" ");
    let vectors = like.vectors.iter().map(|vector| near(vector, &mut random)).collect();
    // All passages of an article have its title.
    let title = real[number / PER_ARTICLE % real.len()].title.clone();
    Piece { title, text, vectors }
}

/// A vector of length 1 near another.
fn near(vector: &[f32], random: &mut StdRng) -> Vec<f32> {
    // Evenly spread from -a to a, a number has the variance a²/3.
    let range = SPREAD * (3.0 / vector.len() as f32).sqrt();
    let moved: Vec<f32> = vector.iter().map(|number| number + random.random_range(-range..range)).collect();
    let length = dot(&moved, &moved).sqrt();
    moved.into_iter().map(|number| number / length).collect()
}

/// A run of words of a sentence.
fn questions(real: &[Piece]) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(2);
    let mut questions: Vec<String> = vec![];
    while questions.len() < QUESTIONS {
        let text = &real[random.random_range(..real.len())].text;
        let words: Vec<&str> = text.split_whitespace().collect();
        let length = random.random_range(5..=10).min(words.len());
        let start = random.random_range(..=words.len() - length);
        let question = words[start..start + length].join(" ");
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions
}

async fn retrieval(real: &[Piece], size: usize) -> Result<()> {
    let place = Place::new().await?;
    let (cx, site) = (&place.cx, place.site);
    let begun = Instant::now();
    insert(cx, site, real, size).await?;
    let inserted = begun.elapsed();

    let search = async |question: &str| {
        let vector = Some(cx.embeddings.query(question).await?);
        let query = Query { vector, text: question.to_owned(), limit: LIMIT, public_only: true };
        let begun = Instant::now();
        let found = black_box(cx.vectors.search(&cx.db(), site, query).await?);
        Ok::<_, Error>((begun.elapsed(), found.matches))
    };
    let before = resident();
    let (loaded, _) = search("?").await?;
    let after = resident();

    let questions = questions(real);
    let mut whole = vec![];
    for question in &questions {
        let begun = Instant::now();
        black_box(knowledge::retrieve(cx, site, question, RetrieveOptions::public(LIMIT)).await?);
        whole.push(begun.elapsed());
    }
    let mut alone = vec![];
    let mut found = vec![];
    for question in &questions {
        for _ in 1..REPEATS {
            alone.push(search(question).await?.0);
        }
        let (time, matches) = search(question).await?;
        alone.push(time);
        found.push(matches);
    }

    let brute = Brute::new(real, size);
    let mut brutes = vec![];
    let (mut right, mut wanted) = (0, 0);
    for (question, matches) in questions.iter().zip(&found) {
        let vector = cx.embeddings.query(question).await?;
        let begun = Instant::now();
        let best = brute.best(&vector, question);
        brutes.push(begun.elapsed());
        right += best.iter().filter(|best| matches.iter().any(|found| found.chunk == chunk_id(**best))).count();
        wanted += best.len();
    }
    let per_second = |time: Duration| size as f64 / time.as_secs_f64();
    say(format_args!(
        "{size} passages, {} vectors: rows inserted {:.0}/s; loaded into the index {:.0}/s; resident {before:.0} MB before, {after:.0} MB after loading",
        brute.vectors,
        per_second(inserted),
        per_second(loaded),
    ))?;
    for (name, times) in [("search alone", alone), ("retrieve, question embedded", whole), ("brute force, f32", brutes)]
    {
        let (p50, p99) = percentiles(times);
        say(format_args!("  {name:<28} p50 {p50:8.3} ms  p99 {p99:8.3} ms"))?;
    }
    say(format_args!("  recall@{LIMIT} against brute force {:.4}", right as f64 / wanted as f64))?;
    place.remove().await
}

fn chunk_id(number: usize) -> ChunkId {
    ChunkId(Uuid::from_u128(1 + number as u128))
}

/// Inserts the rows of a large set as the indexing job leaves them.
async fn insert(cx: &Ctx, site: SiteId, real: &[Piece], size: usize) -> Result<()> {
    let now = cx.clock.now();
    let model = cx.embeddings.model().to_string();
    let dimension = cx.embeddings.dimension().await? as i32;
    let numbers: Vec<usize> = (0..size).collect();
    let articles: Vec<&[usize]> = numbers.chunks(PER_ARTICLE).collect();
    for batch in articles.chunks(BATCH) {
        let (mut articles, mut versions, mut chunks) = (vec![], vec![], vec![]);
        for numbers in batch {
            let first = numbers.first().copied().unwrap_or_default();
            let article_id = ArticleId(Uuid::from_u128(1 + first as u128));
            let mut body = String::new();
            let mut title = String::new();
            for (ordinal, number) in (0..).zip(*numbers) {
                let piece = made(real, *number);
                let start_byte = body.len() as i32;
                body.push_str(&piece.text);
                chunks.push(chunk::Model {
                    id: chunk_id(*number),
                    site_id: site,
                    article_id,
                    version: 1,
                    ordinal,
                    text: piece.text,
                    start_byte,
                    end_byte: body.len() as i32,
                    model: model.clone(),
                    vectors: pack_vectors(&piece.vectors),
                    dimension,
                });
                body.push_str("\n\n");
                title = piece.title;
            }
            let version = article_version::Model {
                article_id,
                version: 1,
                site_id: site,
                title: title.clone(),
                body: body.clone(),
                created_at: now,
            };
            versions.push(version.into_active_model());
            let article = article::Model {
                id: article_id,
                site_id: site,
                author_id: None,
                title_folded: fold(&title),
                title,
                description: None,
                category: None,
                category_folded: None,
                slug: format!("a{first}"),
                body,
                language: "en".into(),
                status: ArticleStatus::Published,
                visibility: Visibility::Public,
                version: 1,
                indexed_version: Some(1),
                index_revision: Some(1),
                index_problem: None,
                views: 0,
                helpful: 0,
                unhelpful: 0,
                created_at: now,
                updated_at: now,
                published_at: Some(now),
            };
            articles.push(article.into_active_model());
        }
        let chunks = chunks.into_iter().map(IntoActiveModel::into_active_model);
        let tx = cx.begin().await?;
        article::Entity::insert_many(articles).exec_without_returning(&tx.db()).await?;
        article_version::Entity::insert_many(versions).exec_without_returning(&tx.db()).await?;
        chunk::Entity::insert_many(chunks).exec_without_returning(&tx.db()).await?;
        tx.commit().await?;
    }
    let tx = cx.begin().await?;
    let head = index_head::Model { site_id: site, revision: 1, model: Some(model), dimension: Some(dimension) };
    head.into_active_model().insert(&tx.db()).await?;
    tx.commit().await?;
    Ok(())
}

/// The large set, to be looked through from the first passage to the last.
struct Brute {
    passages: Vec<Exact>,
    /// Passages that have a term.
    having: HashMap<u32, usize>,
    /// Of all passages together.
    vectors: usize,
}

struct Exact {
    /// The vectors, one after the other, the whole first.
    floats: Vec<f32>,
    /// Terms and their weights, ascending.
    words: Vec<(u32, f32)>,
}

impl Brute {
    fn new(real: &[Piece], size: usize) -> Self {
        let pieces: Vec<Piece> = (0..size).map(|number| made(real, number)).collect();
        // As the index does, words are those of title and passage.
        let text = |piece: &Piece| format!("{}. {}", piece.title, piece.text);
        let length: usize = pieces.iter().map(|piece| document_length(&text(piece))).sum();
        let mean = length as f32 / size as f32;
        let mut this = Self { passages: Vec::with_capacity(size), having: HashMap::new(), vectors: 0 };
        for piece in pieces {
            let words = sparse_document(&text(&piece), mean);
            for (term, _) in &words {
                *this.having.entry(*term).or_default() += 1;
            }
            this.vectors += piece.vectors.len();
            this.passages.push(Exact { floats: piece.vectors.concat(), words });
        }
        this
    }

    /// The numbers of the best passages.
    fn best(&self, vector: &[f32], question: &str) -> Vec<usize> {
        let count = self.passages.len() as f32;
        let idf = |term: u32| {
            let having = self.having.get(&term).copied().unwrap_or_default() as f32;
            ((count - having + 0.5) / (having + 0.5)).ln_1p()
        };
        let terms: Vec<(u32, f32)> = sparse_query(question).into_iter().map(|(term, _)| (term, idf(term))).collect();
        let ceiling = (K1 + 1.0) * terms.iter().map(|(_, idf)| idf).sum::<f32>();
        let score = |passage: &Exact| {
            let mut cosines = passage.floats.chunks_exact(vector.len()).map(|other| dot(vector, other));
            let whole = cosines.next().unwrap_or_default();
            let dense = cosines.reduce(f32::max).map_or(whole, |nearest| 0.5 * whole + 0.5 * nearest);
            let weight = |term: u32| {
                passage.words.binary_search_by_key(&term, |word| word.0).map_or(0.0, |at| passage.words[at].1)
            };
            let sum: f32 = terms.iter().map(|(term, idf)| idf * weight(*term)).sum();
            let coverage = if ceiling > 0.0 { sum / ceiling } else { 0.0 };
            dense + Weights::LEXICAL_WEIGHT * coverage * coverage
        };
        let mut scores: Vec<(f32, usize)> = self.passages.iter().map(score).zip(0..).collect();
        scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        scores.into_iter().take(LIMIT).map(|(_, number)| number).collect()
    }
}

/// In lanes, so that the compiler uses vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut lanes = [0.0; 16];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}

/// Middle and 99th percentile in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e3;
    (at(50), at(99))
}

/// Megabytes of memory that this process has; 0 where it cannot be told.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: f64 = line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or_default();
    kilobytes / 1_024.0
}
