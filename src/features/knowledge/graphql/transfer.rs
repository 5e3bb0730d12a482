//! Importing and exporting articles.

use ::entity::{
    article::Visibility,
    article_import_file::{self, FileStatus},
    ids::{ArticleId, ImportId, SiteId},
};
use async_graphql::{Context, Enum, InputObject, Object, SimpleObject, Upload};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::query::ArticleFilter;
use crate::{
    features::{
        knowledge::{
            import::{self, Defaults, FileError, Given, Import},
            store,
            transfer::Portable,
        },
        sites::reach_in,
    },
    kernel::{
        CtxExt, Error, ErrorReason, Once, Permission, Result,
        page::{Paging, Place},
    },
};

/// A file of articles: a PDF, Markdown with or without front matter, HTML, JSON or JSON lines. Give one of `file`, `text` and
/// `base64`.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct ImportFileInput {
    /// Its name, which tells the kind: `.pdf`, `.html`, `.json`, `.jsonl`, `.md` or `.txt`; without an ending it is Markdown. Needed but with `file`, which has one.
    name: Option<String>,
    /// The file itself, by the GraphQL multipart request specification.
    file: Option<Upload>,
    /// The content of a text file.
    text: Option<String>,
    /// The content of any file, in Base64.
    base64: Option<String>,
}

/// Files to make articles of.
#[derive(InputObject)]
pub(in crate::features::knowledge) struct ImportArticlesInput {
    /// The site.
    site_id: SiteId,
    /// The files, 1 to 10.
    files: Vec<ImportFileInput>,
    /// The language of articles whose file names none; that of the site without it.
    language: Option<String>,
    /// For whom articles are whose file does not say.
    #[graphql(default_with = "Visibility::Public")]
    visibility: Visibility,
    /// Your own id of the import, a UUID you make: sending it again within 7 days, for example after a lost connection,
    /// gives the same import and never a second one. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// The import that was ordered.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct ImportArticlesPayload {
    /// The import; `articleImport` shows how it comes along.
    article_import: ArticleImport,
}

/// An import of articles from files, done in the background. What it makes are drafts.
#[derive(Clone, Debug, SimpleObject)]
pub struct ArticleImport {
    /// Identifies the import.
    pub(crate) id: ImportId,
    /// The site.
    site_id: SiteId,
    /// When it was ordered.
    created_at: DateTime<Utc>,
    /// When its last file was read. Null while it is under way.
    finished_at: Option<DateTime<Utc>>,
    /// How many files there are.
    files_total: i32,
    /// How many of them are read, well or not.
    files_done: i32,
    /// The files, as they were given.
    files: Vec<ImportedFile>,
}

/// A file of an import.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ImportedFile {
    /// Its name.
    name: String,
    /// How far it is.
    status: FileStatus,
    /// The articles that were made of it, drafts.
    article_ids: Vec<ArticleId>,
    /// Why it, or some of its articles, could not be made.
    errors: Vec<ImportError>,
}

/// Why an article could not be made of a file.
#[derive(Clone, Debug, SimpleObject)]
pub(in crate::features::knowledge) struct ImportError {
    /// The line in a file of JSON lines, from 1. Null for other files.
    line: Option<i32>,
    /// What of the article is wrong. Null when it is the file.
    field: Option<String>,
    /// For people; says what to do.
    message: String,
}

impl From<Import> for ArticleImport {
    fn from((import, files): Import) -> Self {
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Self {
            id: import.id,
            site_id: import.site_id,
            created_at: import.created_at,
            finished_at: import.finished_at,
            files_total: count(files.len()),
            files_done: count(files.iter().filter(|file| file.status != FileStatus::Waiting).count()),
            files: files.into_iter().map(ImportedFile::from).collect(),
        }
    }
}

impl From<article_import_file::Model> for ImportedFile {
    fn from(row: article_import_file::Model) -> Self {
        let errors: Vec<FileError> = serde_json::from_value(row.errors).unwrap_or_default();
        let error = |FileError { line, field, message }| ImportError { line, field, message };
        Self {
            name: row.name,
            status: row.status,
            article_ids: serde_json::from_value(row.articles).unwrap_or_default(),
            errors: errors.into_iter().map(error).collect(),
        }
    }
}

/// How exported articles are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in crate::features::knowledge) enum ExportFormat {
    /// A Markdown file with front matter for each.
    Markdown,
    /// One file with a line of JSON for each.
    JsonLines,
}

/// A part of a site's articles as files. `importArticles` takes them back.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct ArticleExport {
    /// The files.
    files: Vec<ExportedFile>,
    /// Give it as `after` to go on. Null when there was nothing.
    end_cursor: Option<String>,
    /// True when there is more behind it.
    has_next_page: bool,
}

/// A file of exported articles.
#[derive(SimpleObject)]
pub(in crate::features::knowledge) struct ExportedFile {
    /// Its name, made of the article's slug.
    name: String,
    /// Its content.
    content: String,
}

/// Articles as files.
#[derive(Default)]
pub(super) struct TransferQuery;

/// Articles as files.
#[Object]
impl TransferQuery {
    /// An import into a site you are a member of, and how it comes along.
    async fn article_import(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The import.")] import_id: ImportId,
    ) -> Result<ArticleImport> {
        Ok(import::read(ctx.cx(), import_id).await?.into())
    }

    /// Articles of a site you are a member of as files, newest first, with everything that an import takes back; of
    /// earlier versions and ratings there is nothing in them.
    #[graphql(complexity = "first.unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn export_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "How they are written.")] format: ExportFormat,
        #[graphql(desc = "Which of them; all without it.")] filter: Option<ArticleFilter>,
        #[graphql(desc = "How many articles at once, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor: the `endCursor` before.")] after: Option<String>,
    ) -> Result<ArticleExport> {
        let cx = ctx.cx();
        let reach = reach_in(cx, Permission::KnowledgeRead, site_id)?;
        let paging = Paging::new(first, after, None, None)?;
        let wanted = filter.unwrap_or_default().check()?;
        let page = store::list(&cx.db(), &reach, site_id, &wanted, &paging).await?;
        let end_cursor = page.rows.last().map(|row| Place(row.created_at.timestamp_micros(), row.id.0).encode());
        let mut tags = store::tags(&cx.db(), page.rows.iter().map(|row| row.id).collect()).await?;
        let articles = page.rows.into_iter().map(|row| {
            let tags = tags.remove(&row.id).unwrap_or_default();
            (format!("{}.md", row.slug), Portable::new(row, tags))
        });
        let files = match format {
            ExportFormat::Markdown => articles
                .map(|(name, article)| Ok(ExportedFile { name, content: article.to_markdown()? }))
                .collect::<Result<_>>()?,
            ExportFormat::JsonLines => {
                let lines = articles.map(|(_, article)| Ok(serde_json::to_string(&article)? + "\n"));
                let content = lines.collect::<Result<String>>()?;
                vec![ExportedFile { name: "articles.jsonl".into(), content }]
            }
        };
        Ok(ArticleExport { files, end_cursor, has_next_page: page.has_next })
    }
}

/// Articles from files.
#[derive(Default)]
pub(super) struct TransferMutation;

/// Articles from files.
#[Object]
impl TransferMutation {
    /// Makes drafts of files: PDF (its text; up to 500 pages, of which a long one makes several articles), Markdown with or
    /// without front matter in YAML (`title`, `slug`, `language`, `description`, `category`, `tags`, `visibility`), HTML,
    /// and JSON lines as `exportArticles` writes them, or a list of the same in JSON. Other kinds are refused by name. In
    /// the background; what is wrong with a file is told there and stops no other. A slug that is taken is numbered. For
    /// members of the site.
    async fn import_articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The files.")] input: ImportArticlesInput,
    ) -> Result<ImportArticlesPayload> {
        let mut once = Once::new(ctx.cx(), "importArticles", input.client_id, &input);
        let ImportArticlesInput { site_id, files, language, visibility, client_id: _ } = input;
        // Before anything is read: a stranger's files are not worth it.
        reach_in(ctx.cx(), Permission::KnowledgeWrite, site_id)?;
        let mut given = Vec::with_capacity(files.len());
        for (index, file) in files.into_iter().enumerate() {
            let file = file.read(ctx, index).await?;
            // Of an upload the input has no more than its place in the request.
            once = once.with(&[file.name.as_bytes(), &file.content]);
            given.push(file);
        }
        let import = import::order(ctx.cx(), site_id, given, Defaults { language, visibility }, &once).await?;
        Ok(ImportArticlesPayload { article_import: import.into() })
    }
}

impl ImportFileInput {
    async fn read(self, ctx: &Context<'_>, index: usize) -> Result<Given> {
        let wrong = |part: &str, reason, message: &'static str| {
            Error::bad_input(format!("input.files[{index}]{part}"), reason, message)
        };
        let (named, content) = match (self.file, self.text, self.base64) {
            (Some(upload), None, None) => {
                let upload = upload.value(ctx).map_err(Error::internal)?;
                let name = upload.filename.clone();
                let read = move || {
                    let mut content = Vec::new();
                    std::io::Read::read_to_end(&mut upload.into_read(), &mut content).map(|_| content)
                };
                let content = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
                (Some(name), content.map_err(Error::internal)?)
            }
            (None, Some(text), None) => (None, text.into_bytes()),
            (None, None, Some(base64)) => {
                let message = "It is no Base64 (RFC 4648, with padding).";
                let content = STANDARD.decode(base64.trim());
                (None, content.map_err(|_| wrong(".base64", ErrorReason::InvalidFormat, message))?)
            }
            _ => return Err(wrong("", ErrorReason::InvalidCombination, "Give one of `file`, `text` and `base64`.")),
        };
        let message = "A file that is given as text or Base64 needs a `name`.";
        let name = self.name.or(named).ok_or_else(|| wrong(".name", ErrorReason::InvalidCombination, message))?;
        Ok(Given { name, content })
    }
}
