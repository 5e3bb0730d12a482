//! Reading a folder of articles and questions; what is wrong with it is said by file, entry and field.

use std::{collections::HashMap, fmt, fs, path::Path};

use serde_json::Value;

/// The files of a folder.
const ARTICLES: &str = "articles.json";
const QUESTIONS: &str = "questions.json";
const UNANSWERABLE: &str = "unanswerable.json";

/// Why a folder cannot be used; for the person who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadFolder(pub(super) String);

impl fmt::Display for BadFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) articles: Vec<Article>,
    pub(super) questions: Vec<Question>,
    pub(super) unanswerable: Vec<Unanswerable>,
}

/// An article of one business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Article {
    pub(super) id: String,
    pub(super) business: String,
    pub(super) language: String,
    pub(super) title: String,
    pub(super) body: String,
}

/// A question that one article answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) business: String,
    pub(super) language: String,
    pub(super) question: String,
    /// The id of the article.
    pub(super) article: String,
    /// A literal part of its body that a right answer shows.
    pub(super) answer_contains: String,
    pub(super) cross_language: bool,
    pub(super) ascii_turkish: bool,
}

/// A question that no article answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unanswerable {
    pub(super) business: String,
    pub(super) language: String,
    pub(super) question: String,
    pub(super) kind: Kind,
}

/// How far a question is from what the articles say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No article is about it.
    Far,
    /// An article is about it, but does not say this.
    Near,
}

impl Folder {
    /// Reads a folder and checks that its parts fit together.
    pub(super) fn read(path: &Path) -> Result<Self, BadFolder> {
        let articles: Vec<Article> = entries(path, ARTICLES)?.iter().map(article).collect::<Result<_, _>>()?;
        if articles.is_empty() {
            return Err(BadFolder(format!("{ARTICLES}: there must be at least one article.")));
        }
        let by_id: HashMap<&str, &Article> = articles.iter().map(|article| (article.id.as_str(), article)).collect();
        let asked = entries(path, QUESTIONS)?;
        if asked.is_empty() {
            return Err(BadFolder(format!("{QUESTIONS}: there must be at least one question.")));
        }
        let questions = asked.iter().map(|entry| question(entry, &by_id)).collect::<Result<_, _>>()?;
        let known = |business: &str| articles.iter().any(|article| article.business == business);
        let refused = entries(path, UNANSWERABLE)?;
        let unanswerable = refused.iter().map(|entry| unanswerable(entry, known)).collect::<Result<_, _>>()?;
        Ok(Self { questions, unanswerable, articles: articles.clone() })
    }

    /// The businesses, in the order of their first articles.
    pub(super) fn businesses(&self) -> Vec<&str> {
        distinct(self.articles.iter().map(|article| article.business.as_str()))
    }

    /// The languages of questions, in the order in which they first come.
    pub(super) fn languages(&self) -> Vec<&str> {
        let unanswerable = self.unanswerable.iter().map(|question| question.language.as_str());
        distinct(self.questions.iter().map(|question| question.language.as_str()).chain(unanswerable))
    }
}

fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = vec![];
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen
}

/// An entry of a file.
struct Entry {
    file: &'static str,
    /// Its place, from 1.
    number: usize,
    value: Value,
}

impl Entry {
    fn wrong(&self, field: &str, what: impl fmt::Display) -> BadFolder {
        let id = self.value["id"].as_str().map(|id| format!(" (`{id}`)")).unwrap_or_default();
        BadFolder(format!("{}, entry {}{id}, field `{field}`: {what}", self.file, self.number))
    }

    fn text(&self, field: &str) -> Result<String, BadFolder> {
        match &self.value[field] {
            Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
            Value::String(_) => Err(self.wrong(field, "must not be empty.")),
            Value::Null => Err(self.wrong(field, "is missing; a text is needed.")),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(self.wrong(field, "must be a text."))
            }
        }
    }

    /// A mark that may be left out.
    fn flag(&self, field: &str) -> Result<bool, BadFolder> {
        match &self.value[field] {
            Value::Null => Ok(false),
            Value::Bool(mark) => Ok(*mark),
            Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(self.wrong(field, "must be true or false."))
            }
        }
    }
}

/// The entries of a file; no two share an id.
fn entries(folder: &Path, file: &'static str) -> Result<Vec<Entry>, BadFolder> {
    let path = folder.join(file);
    let text =
        fs::read_to_string(&path).map_err(|error| BadFolder(format!("{} cannot be read: {error}", path.display())))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| BadFolder(format!("{file}: not JSON: {error}")))?;
    let Value::Array(values) = value else { return Err(BadFolder(format!("{file}: must be a JSON array."))) };
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut entries = Vec::with_capacity(values.len());
    for (number, value) in (1..).zip(values) {
        let entry = Entry { file, number, value };
        if !entry.value.is_object() {
            return Err(BadFolder(format!("{file}, entry {number}: must be an object.")));
        }
        if let Some(first) = seen.insert(entry.text("id")?, number) {
            return Err(entry.wrong("id", format!("entry {first} has the same id.")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn article(entry: &Entry) -> Result<Article, BadFolder> {
    Ok(Article {
        id: entry.text("id")?,
        business: entry.text("business")?,
        language: entry.text("lang")?,
        title: entry.text("title")?,
        body: entry.text("body")?,
    })
}

fn question(entry: &Entry, articles: &HashMap<&str, &Article>) -> Result<Question, BadFolder> {
    let question = Question {
        business: entry.text("business")?,
        language: entry.text("lang")?,
        question: entry.text("question")?,
        article: entry.text("article")?,
        answer_contains: entry.text("answer_contains")?,
        cross_language: entry.flag("cross_language")?,
        ascii_turkish: entry.flag("ascii_turkish")?,
    };
    let Some(article) = articles.get(question.article.as_str()) else {
        return Err(entry.wrong("article", format!("{ARTICLES} has no article `{}`.", question.article)));
    };
    if article.business != question.business {
        let what = format!("the article `{}` is of the business `{}`.", article.id, article.business);
        return Err(entry.wrong("business", what));
    }
    if !article.body.contains(&question.answer_contains) {
        let what = format!("these words do not stand in the body of the article `{}`.", article.id);
        return Err(entry.wrong("answer_contains", what));
    }
    Ok(question)
}

fn unanswerable(entry: &Entry, is_known: impl Fn(&str) -> bool) -> Result<Unanswerable, BadFolder> {
    let kind = match entry.text("kind")?.as_str() {
        "far" => Kind::Far,
        "near" => Kind::Near,
        other => return Err(entry.wrong("kind", format!("must be `far` or `near`, not `{other}`."))),
    };
    let business = entry.text("business")?;
    if !is_known(&business) {
        return Err(entry.wrong("business", format!("{ARTICLES} has no article of the business `{business}`.")));
    }
    Ok(Unanswerable { business, language: entry.text("lang")?, question: entry.text("question")?, kind })
}
