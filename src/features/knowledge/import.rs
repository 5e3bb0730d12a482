//! Importing articles from files: a job a whole import, a transaction a file.
//!
//! A file is kept in the database until it is read, so an import goes on after a crash where it was: what came of a file
//! and its articles are written together.

use ::entity::{
    article::Visibility,
    article_import, article_import_file,
    article_import_file::FileStatus,
    ids::{ArticleId, ImportId, SiteId},
};
use serde::{Deserialize, Serialize};

use super::{
    actions,
    facts::KnowledgeFact,
    model::{BODY_MAX, Details, NewArticle},
    store,
    transfer::Portable,
};
use crate::{
    features::sites::{self, reach_in, reach_to},
    kernel::{
        Ctx, Error, ErrorReason, Once, Permission, Result, Tx,
        error::ErrorCode,
        jobs::{Failure, Job, Lane, Lease},
        once, text,
    },
    ports::documents::Unreadable,
};

/// Files of one import, and articles of one file of JSON lines.
const FILES_MAX: usize = 10;
const LINES_MAX: usize = 1_000;
const NAME_MAX: usize = 200;

/// A file that somebody gave.
pub(super) struct Given {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// What articles get whose file does not say.
pub(super) struct Defaults {
    pub(super) language: Option<String>,
    pub(super) visibility: Visibility,
}

/// Why an article of a file could not be made; kept as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FileError {
    /// The line of a file of JSON lines, or the place in a list, from 1.
    pub(super) line: Option<i32>,
    pub(super) field: Option<String>,
    pub(super) message: String,
}

impl FileError {
    fn new(message: impl Into<String>) -> Self {
        Self { line: None, field: None, message: message.into() }
    }
}

impl From<Error> for FileError {
    fn from(error: Error) -> Self {
        let field = error.field.map(|field| field.trim_start_matches("input.").to_owned());
        Self { line: None, field, message: error.message.into_owned() }
    }
}

/// An import with its files, without their content.
pub(super) type Import = (article_import::Model, Vec<article_import_file::Model>);

/// Keeps the files and orders the job that reads them.
pub(super) async fn order(
    cx: &Ctx,
    site: SiteId,
    files: Vec<Given>,
    defaults: Defaults,
    once: &Once,
) -> Result<Import> {
    let reach = reach_in(cx, Permission::KnowledgeWrite, site)?;
    if !(1..=FILES_MAX).contains(&files.len()) {
        let message = format!("`input.files` has {} files; give 1 to {FILES_MAX}.", files.len());
        return Err(Error::bad_input("input.files", ErrorReason::OutOfRange, message));
    }
    let language = match defaults.language {
        Some(language) => text::language("input.language", &language)?,
        None => sites::find(&cx.db(), &reach, site).await?.locale,
    };
    let import = article_import::Model {
        id: cx.id(ImportId),
        site_id: site,
        author_id: cx.actor.user(),
        language,
        visibility: defaults.visibility,
        created_at: cx.clock.now(),
        finished_at: None,
    };
    let file = |(ordinal, given): (i32, Given)| {
        Ok(article_import_file::Model {
            import_id: import.id,
            ordinal,
            name: text::line("input.files.name", &given.name, NAME_MAX)
                .map_err(|error| error.in_entry("input.files", usize::try_from(ordinal).unwrap_or_default()))?,
            status: FileStatus::Waiting,
            content: Some(given.content),
            articles: serde_json::json!([]),
            errors: serde_json::json!([]),
        })
    };
    let files = (0..).zip(files).map(file).collect::<Result<Vec<_>>>()?;
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, import.id.0).await? {
        let import = once::again(store::find_import(&tx.db(), &reach, ImportId(made)).await)?;
        let files = store::import_files(&tx.db(), import.id).await?;
        return Ok((import, files));
    }
    store::insert_import(&tx.db(), &import, &files).await?;
    tx.record(site, import.id.0, &KnowledgeFact::ImportStarted { files: files.len() })?;
    tx.enqueue(&ImportArticles { import: import.id }).await?;
    tx.commit().await?;
    Ok((import, files))
}

/// An import of a site that the caller is a member of.
pub(super) async fn read(cx: &Ctx, id: ImportId) -> Result<Import> {
    let reach = reach_to(cx, Permission::KnowledgeRead, "import")?;
    let import = store::find_import(&cx.db(), &reach, id).await?;
    let files = store::import_files(&cx.db(), id).await?;
    Ok((import, files))
}

/// Reads the files of an import that wait.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ImportArticles {
    import: ImportId,
}

impl Job for ImportArticles {
    const KIND: &'static str = "knowledge.import_articles";
    const LANE: Lane = Lane::Bulk;

    fn key(&self) -> Option<String> {
        Some(self.import.to_string())
    }

    async fn run(self, cx: Ctx, _: Lease) -> Result<(), Failure> {
        let reach = cx.reach(Permission::KnowledgeRead)?;
        let import = match store::find_import(&cx.db(), &reach, self.import).await {
            // The site is gone, and the import with it.
            Err(error) if error.code == ErrorCode::NotFound => return Ok(()),
            found => found?,
        };
        while let Some(file) = store::next_import_file(&cx.db(), import.id).await? {
            let articles = articles_of(&cx, &file).await?;
            finish_file(&cx, &import, &file, articles).await?;
        }
        let mut tx = cx.begin().await?;
        finish_in(&mut tx, &import).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn failed(self, tx: &mut Tx) -> Result<()> {
        let reach = tx.cx().reach(Permission::KnowledgeRead)?;
        let import = match store::find_import(&tx.db(), &reach, self.import).await {
            Err(error) if error.code == ErrorCode::NotFound => return Ok(()),
            found => found?,
        };
        while let Some(file) = store::next_import_file(&tx.db(), import.id).await? {
            let message = "The file could not be read, however often it was tried. Import it again.";
            let failed = article_import_file::Model {
                status: FileStatus::Failed,
                content: None,
                errors: serde_json::to_value([FileError::new(message)])?,
                ..file
            };
            store::save_import_file(&tx.db(), failed).await?;
        }
        finish_in(tx, &import).await
    }
}

async fn finish_in(tx: &mut Tx, import: &article_import::Model) -> Result<()> {
    let now = tx.cx().clock.now();
    if store::finish_import(&tx.db(), import.id, now).await? {
        tx.record(import.site_id, import.id.0, &KnowledgeFact::ImportFinished)?;
    }
    Ok(())
}

/// What a file holds: articles, each with its line where there are many, or why there is none.
type Read = Result<Vec<(Option<i32>, Result<Portable, String>)>, FileError>;

async fn articles_of(cx: &Ctx, file: &article_import_file::Model) -> Result<Read> {
    let content = file.content.clone().unwrap_or_default();
    let ending = ending(&file.name);
    if content.starts_with(b"%PDF-") || ending == "pdf" {
        return Ok(match cx.documents.pdf(content).await {
            Ok(text) => {
                let articles = Portable::from_pdf(&file.name, &text, BODY_MAX);
                Ok(articles.into_iter().map(|article| (None, Ok(article))).collect())
            }
            // Somebody else's reader may work; the job comes again.
            Err(Unreadable::NoReader) => return Err(Error::unavailable("reader of PDF files")),
            Err(why) => Err(FileError::new(unreadable(why))),
        });
    }
    if !READ.contains(&ending.as_str()) {
        let message = format!("`.{ending}` files are not read. Save it as Markdown, HTML, JSON, JSON lines or PDF.");
        return Ok(Err(FileError::new(message)));
    }
    let Ok(text) = String::from_utf8(content) else {
        let message = "The file is neither a PDF nor a text in UTF-8. Save it as Markdown, JSON lines or PDF.";
        return Ok(Err(FileError::new(message)));
    };
    Ok(match ending.as_str() {
        "jsonl" | "ndjson" => lines_of(&text),
        "json" => list_of(&text),
        "html" | "htm" | "xhtml" => one(Portable::from_html(&file.name, &text)),
        _ if is_page(&text) => one(Portable::from_html(&file.name, &text)),
        _ => one(Portable::from_markdown(&file.name, &text)),
    })
}

/// Endings of the names of texts that are read; without one a file is Markdown.
const READ: [&str; 12] =
    ["", "md", "markdown", "mdown", "txt", "text", "jsonl", "ndjson", "json", "html", "htm", "xhtml"];

/// The ending of a file's name in small letters; empty where it has none.
fn ending(name: &str) -> String {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let is_ending = ending.len() <= 8
        && ending.chars().all(|c| c.is_ascii_alphanumeric())
        && ending.chars().any(|c| c.is_ascii_alphabetic());
    if is_ending { ending.to_ascii_lowercase() } else { String::new() }
}

/// True for a page of HTML under whatever name.
fn is_page(text: &str) -> bool {
    let begin: String = text.trim_start_matches('\u{feff}').trim_start().chars().take(14).collect();
    let begin = begin.to_ascii_lowercase();
    begin.starts_with("<!doctype html") || begin.starts_with("<html")
}

fn one(article: Result<Portable, String>) -> Read {
    article.map(|article| vec![(None, Ok(article))]).map_err(FileError::new)
}

fn lines_of(text: &str) -> Read {
    let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines()).filter(|(_, line)| !line.trim().is_empty());
    let read = |(number, line): (i32, &str)| {
        let article = serde_json::from_str(line);
        (Some(number), article.map_err(|error| format!("The line is no article: {error}.")))
    };
    bounded(lines.map(read).take(LINES_MAX + 1).collect())
}

/// One article in JSON, or a list of them; the line of each is its place in the list.
fn list_of(text: &str) -> Read {
    let text = text.trim_start_matches('\u{feff}');
    let parsed: serde_json::Value =
        serde_json::from_str(text).map_err(|error| FileError::new(format!("The file is no JSON: {error}.")))?;
    let items = if let serde_json::Value::Array(items) = parsed { items } else { vec![parsed] };
    let read = |(number, item)| {
        let article = serde_json::from_value(item);
        (Some(number), article.map_err(|error: serde_json::Error| format!("The entry is no article: {error}.")))
    };
    bounded((1..).zip(items).map(read).take(LINES_MAX + 1).collect())
}

fn bounded(articles: Vec<(Option<i32>, Result<Portable, String>)>) -> Read {
    if articles.len() > LINES_MAX {
        return Err(FileError::new(format!("The file has more than {LINES_MAX} articles; divide it.")));
    }
    Ok(articles)
}

fn unreadable(why: Unreadable) -> &'static str {
    match why {
        Unreadable::Broken => "The file is no PDF, or it is damaged. Open it and save it anew.",
        Unreadable::Encrypted => "The PDF is protected by a password. Save it without one.",
        Unreadable::Scanned => "The PDF has no text: its pages are pictures. Run text recognition (OCR) on it first.",
        Unreadable::TooManyPages => "The PDF has more than 500 pages. Divide it.",
        Unreadable::TooLarge => "Reading the PDF takes more time or memory than there is for one file. Divide it.",
        Unreadable::NoReader => "PDF files cannot be read at the moment.",
    }
}

/// Makes the articles of a file that can be made, and notes what came of it.
async fn finish_file(
    cx: &Ctx,
    import: &article_import::Model,
    file: &article_import_file::Model,
    read: Read,
) -> Result<()> {
    let mut tx = cx.begin().await?;
    if !store::lock_import_file(&tx.db(), file).await? {
        // Another node was faster.
        return Ok(());
    }
    let (mut made, mut errors): (Vec<ArticleId>, Vec<FileError>) = (vec![], vec![]);
    match read {
        Err(error) => errors.push(error),
        Ok(articles) => {
            if articles.is_empty() {
                errors.push(FileError::new("The file is empty."));
            }
            for (line, article) in articles {
                let outcome = match article {
                    Ok(article) => make(&mut tx, import, article.tidied()).await?,
                    Err(message) => Err(FileError::new(message)),
                };
                match outcome {
                    Ok(id) => made.push(id),
                    Err(error) => errors.push(FileError { line, ..error }),
                }
            }
        }
    }
    let done = article_import_file::Model {
        status: if made.is_empty() { FileStatus::Failed } else { FileStatus::Done },
        content: None,
        articles: serde_json::to_value(&made)?,
        errors: serde_json::to_value(&errors)?,
        ..file.clone()
    };
    store::save_import_file(&tx.db(), done).await?;
    tx.commit().await?;
    Ok(())
}

/// Inserts an article as a draft. A slug that is taken is numbered.
async fn make(tx: &mut Tx, import: &article_import::Model, article: Portable) -> Result<Result<ArticleId, FileError>> {
    let check = |slug: Option<&str>| {
        let language = article.language.as_deref().unwrap_or(&import.language);
        let visibility = article.visibility.unwrap_or(import.visibility);
        let details = Details {
            description: article.description.as_deref(),
            category: article.category.as_deref(),
            tags: &article.tags,
        };
        NewArticle::check(import.site_id, &article.title, &article.body, language, slug, visibility)?.with(&details)
    };
    let mut slug = article.slug.clone();
    loop {
        let new = match check(slug.as_deref()) {
            Ok(new) => new,
            Err(error) => return Ok(Err(error.into())),
        };
        match actions::insert_in(tx, new, import.author_id).await {
            Ok(made) => return Ok(Ok(made.id)),
            Err(error)
                if error.reason == Some(ErrorReason::SlugTaken) && error.suggestion.as_deref() != slug.as_deref() =>
            {
                slug = error.suggestion.map(std::borrow::Cow::into_owned);
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => return Ok(Err(error.into())),
        }
    }
}
