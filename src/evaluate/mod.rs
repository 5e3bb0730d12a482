//! `yanit evaluate FOLDER`: how well a folder's questions are answered from its articles.
//!
//! The articles are indexed into a database that is thrown away, a site for each business, and the questions are asked
//! through the same chunking, embedder, index, retrieval and answerer as those of visitors.

mod folder;
mod table;

use std::{collections::HashMap, path::PathBuf, time::Duration};

use ::entity::{
    article::Visibility,
    assistant::{self, Provider},
    ids::ArticleId,
    message::AnswerAction,
};

use self::folder::{BadFolder, Folder, Kind, Question, Unanswerable};
use crate::{
    app::{App, Overrides},
    config::Config,
    features::{
        assistants::{self, New},
        evaluation::{self, Expected, Measured, Throwaway},
        knowledge::{self, Leg, NewArticle},
        sites::{self, NewSite},
    },
    kernel::{Ctx, Error, Result},
};

/// What to measure, and what is good enough.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// A folder with `articles.json`, `questions.json` and `unanswerable.json`.
    pub folder: PathBuf,
    /// What makes the vectors: `built-in`, the address of an OpenAI-compatible server, or that of an Ollama server after
    /// `ollama=`; as the settings say without it.
    pub embedder: Option<String>,
    /// The server's name of the embedding model; as the settings say without it.
    pub embedder_model: Option<String>,
    /// Who writes the answers.
    pub provider: Provider,
    /// Least recall@3 of the fused order over all answerable questions, in percent.
    pub min_recall3: Option<f64>,
    /// Largest share of the unanswerable questions that may get an answer, in percent.
    pub max_false: Option<f64>,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Tables, and a summary in the last line.
    pub text: String,
    /// True when nothing is worse than was wanted.
    pub is_good_enough: bool,
}

/// Why nothing was measured.
#[derive(Debug)]
pub enum Trouble {
    /// The folder or an option cannot be used: file, entry and field, and what is wrong.
    Usage(String),
    /// Something else failed.
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<BadFolder> for Trouble {
    fn from(bad: BadFolder) -> Self {
        Self::Usage(bad.to_string())
    }
}

/// An answerable question and what came of it.
struct Asked<'a> {
    question: &'a Question,
    measured: Measured,
    /// The place of its article by each of [`LEGS`].
    places: [Option<usize>; 3],
}

/// An unanswerable question and what came of it.
struct Refused<'a> {
    question: &'a Unanswerable,
    measured: Measured,
}

/// What orders articles, in the order of the table.
const LEGS: [Leg; 3] = [Leg::Lexical, Leg::Dense, Leg::Fused];

/// Everything that was measured.
struct Run<'a> {
    folder: &'a Folder,
    embedder: String,
    provider: Provider,
    asked: Vec<Asked<'a>>,
    refused: Vec<Refused<'a>>,
    /// How long indexing took, and how many passages it made.
    indexing: (Duration, usize),
}

/// Reads the folder, indexes its articles and asks its questions.
///
/// # Errors
/// [`Trouble::Usage`] names what is wrong with the folder or an option.
pub async fn run(config: Config, wanted: &Wanted) -> Result<Report, Trouble> {
    let folder = Folder::read(&wanted.folder)?;
    let place = Throwaway::new().await?;
    let config = with_embedder(config, wanted)?;
    let config =
        Config { data_dir: place.path().clone(), database_url: None, redis_url: None, qdrant_url: None, ..config };
    let app = App::build(config, Overrides::default()).await?;
    let measured = measure(&app, &folder, wanted.provider).await;
    app.stop().await;
    Ok(table::report(&measured?, wanted))
}

/// The settings with the embedder that is wanted.
fn with_embedder(config: Config, wanted: &Wanted) -> Result<Config, Trouble> {
    let model = wanted.embedder_model.clone().or_else(|| config.embedder_model.clone());
    let (embedder, url) = match wanted.embedder.as_deref() {
        None => return Ok(Config { embedder_model: model, ..config }),
        Some("built-in") => return Ok(Config { embedder: "built-in".into(), ..config }),
        Some(address) => match address.strip_prefix("ollama=") {
            Some(address) => ("ollama", address),
            None => ("openai", address),
        },
    };
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let known = "`built-in`, an address like http://127.0.0.1:8080/v1, or ollama=http://127.0.0.1:11434";
        return Err(Trouble::Usage(format!("--embedder: `{url}` is none; give {known}.")));
    }
    if model.is_none() {
        return Err(Trouble::Usage("--embedder: name the model with --embedder-model.".into()));
    }
    Ok(Config { embedder: embedder.into(), embedder_url: Some(url.to_owned()), embedder_model: model, ..config })
}

/// The folder's businesses as sites.
struct World {
    assistants: HashMap<String, assistant::Model>,
    articles: HashMap<String, ArticleId>,
}

async fn measure<'a>(app: &App, folder: &'a Folder, provider: Provider) -> Result<Run<'a>, Trouble> {
    let cx = app.cx();
    // Without vectors words alone would be measured.
    if let Err(error) = cx.embeddings.query("?").await {
        return Err(Trouble::Usage(format!("The embedder {} does not answer: {error:?}", cx.embeddings.model())));
    }
    let world = fill(&cx, folder, provider).await?;
    let begun = std::time::Instant::now();
    app.drain().await?;
    let indexing = (begun.elapsed(), knowledge::passages(&cx.db()).await?);
    let mut run =
        Run { folder, embedder: cx.embeddings.model().to_string(), provider, asked: vec![], refused: vec![], indexing };
    // The first question also loads the model and the index; it is asked for nothing.
    if let Some(first) = folder.questions.first() {
        let nothing = Expected { article: None, contains: None };
        evaluation::measure(&cx, &world.assistants[&first.business], &first.article, &nothing).await?;
    }
    for question in &folder.questions {
        let assistant = &world.assistants[&question.business];
        let article = world.articles[&question.article];
        let expected = Expected { article: Some(article), contains: Some(question.answer_contains.clone()) };
        // Answered first: a question that was embedded before would seem faster than it is.
        let measured = evaluation::measure(&cx, assistant, &question.question, &expected).await?;
        let mut places = [None; 3];
        for (place, leg) in places.iter_mut().zip(LEGS) {
            *place = evaluation::place(&cx, assistant, &question.question, article, leg).await?;
        }
        run.asked.push(Asked { question, measured, places });
    }
    for question in &folder.unanswerable {
        let nothing = Expected { article: None, contains: None };
        let assistant = &world.assistants[&question.business];
        let measured = evaluation::measure(&cx, assistant, &question.question, &nothing).await?;
        run.refused.push(Refused { question, measured });
    }
    Ok(run)
}

/// Makes a site with an assistant and the published articles of each business.
async fn fill(cx: &Ctx, folder: &Folder, provider: Provider) -> Result<World, Trouble> {
    let mut world = World { assistants: HashMap::new(), articles: HashMap::new() };
    for business in folder.businesses() {
        let site = NewSite::check(business, &[], None)
            .map_err(|error| Trouble::Usage(format!("articles.json, business `{business}`: {}", error.message)))?;
        let mut tx = cx.begin().await?;
        let site = sites::insert_in(&mut tx, site).await?;
        let new = New { name: "Evaluation".into(), provider, ..New::default() };
        let assistant = assistants::insert_in(&mut tx, site.id, None, new).await?;
        for article in folder.articles.iter().filter(|article| article.business == business) {
            let folder::Article { id, title, body, language, .. } = article;
            let new = NewArticle::check(site.id, title, body, language, None, Visibility::Public)
                .map_err(|error| Trouble::Usage(format!("articles.json, entry `{id}`: {}", error.message)))?;
            let draft = knowledge::insert_in(&mut tx, new, None).await?;
            let published = knowledge::publish_in(&mut tx, draft).await?;
            world.articles.insert(id.clone(), published.id);
        }
        tx.commit().await?;
        world.assistants.insert(business.to_owned(), assistant);
    }
    Ok(world)
}

impl Asked<'_> {
    fn is_answered(&self) -> bool {
        self.measured.trial.action == Some(AnswerAction::Answer)
    }
}

impl Refused<'_> {
    fn is_answered(&self) -> bool {
        self.measured.trial.action == Some(AnswerAction::Answer)
    }

    fn is(&self, kind: Kind) -> bool {
        self.question.kind == kind
    }
}
