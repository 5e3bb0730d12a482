//! Articles as files: Markdown with front matter, JSON lines, and text of PDF files. What is written here is read back.

use std::borrow::Cow;

use ::entity::article::{self, ArticleStatus, Visibility};
use exact_index::text::fold;
use serde::{Deserialize, Serialize};

use crate::ports::documents::PdfText;

/// Longest line that is taken for the title of a PDF.
const TITLE_MAX: usize = 120;

/// An article in a file. What is absent is decided by the import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Portable {
    pub(super) title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) slug: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    /// Written for whoever reads the file; what is imported is a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<ArticleStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) visibility: Option<Visibility>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) category: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    pub(super) body: String,
}

impl Portable {
    pub(super) fn new(row: article::Model, tags: Vec<String>) -> Self {
        Self {
            title: row.title,
            slug: Some(row.slug),
            language: Some(row.language),
            status: Some(row.status),
            visibility: Some(row.visibility),
            description: row.description,
            category: row.category,
            tags,
            body: row.body,
        }
    }

    /// The article as a Markdown file. Values are JSON texts, which are YAML, too.
    pub(super) fn to_markdown(&self) -> serde_json::Result<String> {
        let mut file = String::from("---\n");
        let mut line = |key: &str, value: serde_json::Result<String>| -> serde_json::Result<()> {
            file.push_str(&format!("{key}: {}\n", value?));
            Ok(())
        };
        line("title", serde_json::to_string(&self.title))?;
        for (key, value) in [
            ("slug", &self.slug),
            ("language", &self.language),
            ("description", &self.description),
            ("category", &self.category),
        ] {
            if let Some(value) = value {
                line(key, serde_json::to_string(value))?;
            }
        }
        if let Some(status) = self.status {
            line("status", serde_json::to_string(&status))?;
        }
        if let Some(visibility) = self.visibility {
            line("visibility", serde_json::to_string(&visibility))?;
        }
        if !self.tags.is_empty() {
            line("tags", serde_json::to_string(&self.tags))?;
        }
        Ok(format!("{file}---\n\n{}", self.body))
    }

    /// Reads a Markdown file. Without a title in its front matter, its first heading or else its name is the title.
    ///
    /// # Errors
    /// What is wrong with the front matter.
    pub(super) fn from_markdown(name: &str, text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let (mut article, body) = match text.strip_prefix("---\n") {
            Some(rest) => {
                let (front, body) = split_front(rest).ok_or("The front matter has no closing line `---`.")?;
                (front_matter(front)?, body)
            }
            None => (Self::default(), text.as_str()),
        };
        let body = body.trim_start_matches('\n');
        article.body = body.to_owned();
        if article.title.is_empty() {
            let first = body.lines().next().unwrap_or_default();
            match first.strip_prefix("# ").map(str::trim).filter(|title| !title.is_empty()) {
                Some(title) => {
                    article.title = title.to_owned();
                    article.body = body[first.len()..].trim_start_matches('\n').to_owned();
                }
                None => article.title = stem(name),
            }
        }
        Ok(article)
    }

    /// Makes an article of the text of a PDF: lines of a paragraph are joined, its first line or its name is the title.
    pub(super) fn from_pdf(name: &str, text: &PdfText) -> Self {
        let lines = text.pages.iter().flat_map(|page| page.lines().chain([""]));
        let mut paragraphs: Vec<String> = vec![];
        let mut open = String::new();
        for line in lines.map(str::trim) {
            let is_item = line.starts_with(['•', '▪', '●', '‣']);
            if line.is_empty() || is_item {
                paragraphs.extend((!open.is_empty()).then(|| std::mem::take(&mut open)));
            }
            if is_item {
                open = format!("- {}", line.trim_start_matches(['•', '▪', '●', '‣']).trim_start());
            } else if !line.is_empty() {
                append(&mut open, line);
            }
        }
        paragraphs.extend((!open.is_empty()).then_some(open));
        let is_title = |line: &String| {
            (1..=TITLE_MAX).contains(&line.chars().count())
                && !line.starts_with("- ")
                && !line.ends_with(['.', ':', ';'])
        };
        let title = match paragraphs.first().filter(|line| is_title(line) && paragraphs.len() > 1) {
            Some(_) => paragraphs.remove(0),
            None => stem(name),
        };
        Self { title, body: paragraphs.join("\n\n"), ..Self::default() }
    }
}

/// Adds a line of a PDF to its paragraph; a word that was divided is whole again.
fn append(paragraph: &mut String, line: &str) {
    let divided = paragraph.ends_with('-') && line.starts_with(char::is_lowercase);
    if divided {
        paragraph.pop();
    } else if !paragraph.is_empty() {
        paragraph.push(' ');
    }
    paragraph.push_str(line);
}

/// The front matter and what stands behind its closing line.
fn split_front(rest: &str) -> Option<(&str, &str)> {
    if let Some(body) = rest.strip_prefix("---\n") {
        return Some(("", body));
    }
    rest.split_once("\n---\n").or_else(|| rest.strip_suffix("\n---").map(|front| (front, "")))
}

/// Reads the few forms of YAML that front matter has: `key: value`, quoted or not, `[a, b]`, and lines of `- a`.
fn front_matter(front: &str) -> Result<Portable, String> {
    let mut article = Portable::default();
    let mut in_tags = false;
    for line in front.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(item) = line.trim().strip_prefix("- ").filter(|_| in_tags) {
            article.tags.push(unquoted(item)?);
            continue;
        }
        let (key, value) =
            line.split_once(':').ok_or_else(|| format!("The line `{line}` of the front matter is no `key: value`."))?;
        let (key, value) = (key.trim().to_lowercase(), value.trim());
        in_tags = matches!(key.as_str(), "tags" | "keywords") && value.is_empty();
        if value.is_empty() {
            continue;
        }
        match key.as_str() {
            "title" => article.title = unquoted(value)?,
            "slug" => article.slug = Some(unquoted(value)?),
            "language" | "lang" | "locale" => article.language = Some(unquoted(value)?),
            "description" => article.description = Some(unquoted(value)?),
            "category" => article.category = Some(unquoted(value)?),
            "visibility" => article.visibility = Some(visibility(&unquoted(value)?)?),
            "tags" | "keywords" => article.tags = list(value)?,
            // Other programs keep more there.
            _ => {}
        }
    }
    Ok(article)
}

fn visibility(word: &str) -> Result<Visibility, String> {
    match fold(word).as_str() {
        "public" => Ok(Visibility::Public),
        "internal" => Ok(Visibility::Internal),
        _ => Err(format!("`visibility: {word}` is neither PUBLIC nor INTERNAL.")),
    }
}

fn list(value: &str) -> Result<Vec<String>, String> {
    if let Ok(list) = serde_json::from_str(value) {
        return Ok(list);
    }
    let inside = value.strip_prefix('[').map_or(value, |rest| rest.strip_suffix(']').unwrap_or(rest));
    inside.split(',').map(str::trim).filter(|item| !item.is_empty()).map(unquoted).collect()
}

fn unquoted(value: &str) -> Result<String, String> {
    let value = value.trim();
    if value.starts_with('"') {
        return serde_json::from_str(value).map_err(|_| format!("The quoted value {value} does not end as it begins."));
    }
    let single = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    Ok(single.map_or(Cow::Borrowed(value), |inside| inside.replace("''", "'").into()).into_owned())
}

/// A file's name as a title.
fn stem(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.replace(['_', '-'], " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let article = Portable {
            title: "\"İade\": ne zaman? \\o/".into(),
            slug: Some("iade".into()),
            language: Some("tr".into()),
            status: None,
            visibility: Some(Visibility::Internal),
            description: Some("Satır 1 # değil yorum".into()),
            category: Some("Sipariş".into()),
            tags: vec!["a, b".into(), "c".into()],
            body: "# Başlık\n\n---\n\nMetin.\n".into(),
        };
        let file = article.to_markdown().unwrap();
        assert_eq!(Portable::from_markdown("x.md", &file).unwrap(), article);
        let line = serde_json::to_string(&article).unwrap();
        assert_eq!(serde_json::from_str::<Portable>(&line).unwrap(), article);
    }

    #[test]
    fn front_matter_of_other_programs_is_understood() {
        let file = "\u{feff}---\r\ntitle: 'It''s: free'\r\nlayout: page\r\ntags:\r\n  - one\r\n  - \"two\"\r\nlang: en\r\n---\r\nText.";
        let article = Portable::from_markdown("x.md", file).unwrap();
        assert_eq!((article.title.as_str(), article.language.as_deref()), ("It's: free", Some("en")));
        assert_eq!((article.tags, article.body.as_str()), (vec!["one".to_owned(), "two".to_owned()], "Text."));
        assert_eq!(list("[a, 'b']").unwrap(), ["a", "b"]);
        assert!(Portable::from_markdown("x.md", "---\ntitle: a\n").is_err());
        assert!(Portable::from_markdown("x.md", "---\nvisibility: secret\n---\n").is_err());
    }

    #[test]
    fn a_title_is_the_first_heading_or_the_name() {
        let article = Portable::from_markdown("kargo_ücreti.md", "# Kargo\n\nMetin.").unwrap();
        assert_eq!((article.title.as_str(), article.body.as_str()), ("Kargo", "Metin."));
        assert_eq!(Portable::from_markdown("kargo_ücreti.md", "Metin.").unwrap().title, "kargo ücreti");
    }

    #[test]
    fn lines_of_a_pdf_become_paragraphs() {
        let page = "Kargo Koşulları\n\nKargo üc-\nretsizdir ve\niki gün sürer.\n• Bir\n• İki\n";
        let article = Portable::from_pdf("x.pdf", &PdfText { pages: vec![page.into(), "Son sayfa.".into()] });
        assert_eq!(article.title, "Kargo Koşulları");
        assert_eq!(article.body, "Kargo ücretsizdir ve iki gün sürer.\n\n- Bir\n\n- İki\n\nSon sayfa.");
    }
}
