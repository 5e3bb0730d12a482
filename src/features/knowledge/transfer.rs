//! Articles as files: Markdown with front matter, JSON, HTML, and text of PDF files. What is written here is read back.

use std::collections::HashSet;

use ::entity::article::{self, ArticleStatus, Visibility};
use exact_index::text::fold;
use htmd::HtmlToMarkdown;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{kernel::text, ports::documents::PdfText};

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

    /// Makes an article of a page of HTML: its text as Markdown, without what runs, styles or leads elsewhere. Its title
    /// is its first heading, else the page's, else its name.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub(super) fn from_html(name: &str, text: &str) -> Result<Self, String> {
        let converter = HtmlToMarkdown::builder().skip_tags(NO_TEXT.to_vec()).build();
        let body = converter.convert(text).map_err(|_| "The page cannot be read as HTML.".to_owned())?;
        let mut article = Self::from_markdown(name, body.trim())?;
        if article.title == stem(name)
            && let Some(title) = page_title(text).and_then(|title| converter.convert(&format!("<p>{title}</p>")).ok())
            && !title.trim().is_empty()
        {
            article.title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        Ok(article)
    }

    /// Without what is no text, and without marks for the ends of lines, which no reader sees and no search finds.
    pub(super) fn tidied(self) -> Self {
        let tidy = |words: String| text::kept(&words).replace(SOFT_HYPHEN, "");
        Self {
            title: tidy(self.title),
            slug: self.slug,
            language: self.language,
            status: self.status,
            visibility: self.visibility,
            description: self.description.map(tidy),
            category: self.category.map(tidy),
            tags: self.tags.into_iter().map(tidy).collect(),
            body: tidy(self.body),
        }
    }

    /// Makes articles of the text of a PDF: lines of a paragraph are joined, its first line or its name is the title. A
    /// text that is longer than an article may be becomes several.
    pub(super) fn from_pdf(name: &str, text: &PdfText, longest: usize) -> Vec<Self> {
        let compounds = compounds(text);
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
                append(&mut open, line, &compounds);
            }
        }
        paragraphs.extend((!open.is_empty()).then_some(open));
        // What is left of marks for the end of a line stands within one.
        let mut paragraphs: Vec<String> =
            paragraphs.into_iter().map(|paragraph| paragraph.replace(SOFT_HYPHEN, "")).collect();
        let is_title = |line: &String| {
            (1..=TITLE_MAX).contains(&line.chars().count())
                && !line.starts_with("- ")
                && !line.ends_with(['.', ':', ';'])
        };
        let title = match paragraphs.first().filter(|line| is_title(line) && paragraphs.len() > 1) {
            Some(_) => paragraphs.remove(0),
            None => stem(name),
        };
        let bodies = divided(paragraphs, longest);
        let count = bodies.len();
        let article = |(number, body): (usize, String)| {
            let title = if count == 1 { title.clone() } else { format!("{title} ({number}/{count})") };
            Self { title, body, ..Self::default() }
        };
        (1..).zip(bodies).map(article).collect()
    }
}

/// Elements of a page that hold no text of its own.
const NO_TEXT: [&str; 12] =
    ["head", "script", "style", "noscript", "template", "iframe", "svg", "nav", "form", "object", "canvas", "button"];
/// A place where a word may be divided, shown only where it is.
const SOFT_HYPHEN: char = '\u{ad}';

/// What stands in `<title>`.
fn page_title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower[begin..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    Some(&page[begin..end])
}

/// Paragraphs as texts of at most `longest` characters each, cut between paragraphs, and in a paragraph only where it is
/// longer than that.
fn divided(paragraphs: Vec<String>, longest: usize) -> Vec<String> {
    let (mut bodies, mut body, mut length) = (vec![], String::new(), 0);
    for paragraph in paragraphs {
        let mut rest = paragraph.as_str();
        while !rest.is_empty() {
            let part = rest.char_indices().nth(longest).map_or(rest, |(end, _)| &rest[..end]);
            rest = &rest[part.len()..];
            let more = part.chars().count() + 2;
            if length > 0 && length + more > longest {
                bodies.push(std::mem::take(&mut body));
                length = 0;
            }
            if length > 0 {
                body.push_str("\n\n");
            }
            body.push_str(part);
            length += more;
        }
    }
    if !body.is_empty() || bodies.is_empty() {
        bodies.push(body);
    }
    bodies
}

/// Words with a hyphen that stand whole in a line somewhere, in small letters: such a one is no divided word.
fn compounds(text: &PdfText) -> HashSet<String> {
    let words = text.pages.iter().flat_map(|page| page.split_whitespace());
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).replace('\u{2010}', "-"));
    words.filter(|word| word.contains('-')).map(|word| word.to_lowercase()).collect()
}

/// Adds a line of a PDF to its paragraph. A word that was divided is whole again; a hyphen that is a word's own stays:
/// `e-posta`, `24-48`.
fn append(paragraph: &mut String, line: &str, compounds: &HashSet<String>) {
    let last = paragraph.chars().next_back();
    let before = paragraph.trim_end_matches(['-', '\u{2010}', SOFT_HYPHEN]);
    match last {
        Some(SOFT_HYPHEN) => {
            paragraph.truncate(before.len());
        }
        Some('-' | '\u{2010}')
            if before.ends_with(char::is_alphanumeric) && line.starts_with(char::is_alphanumeric) =>
        {
            let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let rest = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let is_own = word.chars().count() == 1
                || word.chars().any(|c| c.is_ascii_digit())
                || !line.starts_with(char::is_lowercase)
                || compounds.contains(&format!("{word}-{rest}").to_lowercase());
            if !is_own {
                paragraph.truncate(before.len());
            }
        }
        Some(_) => paragraph.push(' '),
        None => {}
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

/// What front matter says that is of use here, under the names that other programs give it. The rest is theirs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Front {
    #[serde(alias = "Title", alias = "TITLE")]
    title: Option<String>,
    #[serde(alias = "Slug")]
    slug: Option<String>,
    #[serde(alias = "lang", alias = "locale", alias = "Language")]
    language: Option<String>,
    #[serde(alias = "summary", alias = "excerpt", alias = "Description")]
    description: Option<String>,
    #[serde(alias = "categories", alias = "Category")]
    category: Value,
    #[serde(alias = "Visibility")]
    visibility: Option<String>,
    #[serde(alias = "keywords", alias = "Tags")]
    tags: Value,
}

/// Reads front matter, which is YAML.
fn front_matter(front: &str) -> Result<Portable, String> {
    let front: Option<Front> = serde_saphyr::from_str(front).map_err(|error| {
        let what = error.to_string();
        let what = what.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let names = "it must give names their values, a line each, such as `title: Returns`";
        match serde_saphyr::from_str::<Value>(front) {
            Ok(Value::Array(_)) => format!("The front matter is a list; {names}."),
            Ok(Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
                format!("The front matter is a bare text; {names}.")
            }
            Ok(Value::Object(_) | Value::Null) => format!("A value of the front matter is of another kind: {what}."),
            Err(_) => format!("The front matter is no YAML: {what}. A value with a colon needs quotation marks."),
        }
    })?;
    let Front { title, slug, language, description, category, visibility: word, tags } = front.unwrap_or_default();
    let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(Portable {
        title: given(title).unwrap_or_default(),
        slug: given(slug),
        language: given(language),
        description: given(description),
        category: list(&category).into_iter().next(),
        visibility: given(word).map(|word| visibility(&word)).transpose()?,
        tags: list(&tags),
        ..Portable::default()
    })
}

fn visibility(word: &str) -> Result<Visibility, String> {
    match fold(word).as_str() {
        "public" => Ok(Visibility::Public),
        "internal" => Ok(Visibility::Internal),
        _ => Err(format!("`visibility: {word}` is neither PUBLIC nor INTERNAL.")),
    }
}

/// A list, or a text with commas, as texts.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(one).collect(),
        Value::String(text) => text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Into::into).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => one(value).into_iter().collect(),
    }
}

fn one(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
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
        assert!(Portable::from_markdown("x.md", "---\ntitle: a\n").is_err());
        assert!(Portable::from_markdown("x.md", "---\nvisibility: secret\n---\n").is_err());
    }

    #[test]
    fn front_matter_is_yaml() {
        let file = "---\n# yorum\ntitle: 2024\ndescription: >\n  Birinci satır\n  ikinci satır\nauthor:\n  name: Ada\n  links: [a, b]\ntags: [a, 'b, c', 7]\ncategories:\n- Sipariş\nslug: &s x\n---\nMetin.";
        let article = Portable::from_markdown("x.md", file).unwrap();
        assert_eq!((article.title.as_str(), article.slug.as_deref()), ("2024", Some("x")));
        assert_eq!(article.description.as_deref(), Some("Birinci satır ikinci satır"));
        assert_eq!(
            (article.tags, article.category.as_deref()),
            (vec!["a".into(), "b, c".into(), "7".into()], Some("Sipariş"))
        );
        let of = |front: &str| Portable::from_markdown("x.md", &format!("---\n{front}\n---\nMetin."));
        assert_eq!(of("tags: a, b").unwrap().tags, ["a", "b"]);
        assert_eq!(of("title: No").unwrap().title, "No");
        assert_eq!(of("").unwrap().title, "x");
        let error = of("title: a: b").unwrap_err();
        assert!(error.contains("line 1"), "{error}");
        for (wrong, told) in [
            ("- a\n- b", "is a list; it must give names"),
            ("[a, b]", "is a list; it must give names"),
            ("- title: a", "is a list; it must give names"),
            ("Sadece metin", "is a bare text; it must give names"),
            ("7", "is a bare text; it must give names"),
            ("title: [a, b]", "A value of the front matter is of another kind"),
            ("title: a: b", "needs quotation marks"),
        ] {
            let error = of(wrong).unwrap_err();
            assert!(
                error.contains(told) && (error.contains("quotation") == told.contains("quotation")),
                "{wrong}: {error}"
            );
        }
    }

    #[test]
    fn a_page_is_read_without_what_is_no_text() {
        let page = "<!DOCTYPE html><html><head><title>Mağaza &amp; Yardım</title><style>p{color:red}</style></head><body>\
             <nav><a href='/'>Ana sayfa</a></nav><script>alert('x')</script><h1>İade</h1><p>Süre <b>30</b> gündür.</p>\
             <ul><li>Bir</li></ul></body></html>";
        let article = Portable::from_html("iade.html", page).unwrap();
        assert_eq!(article.title, "İade");
        assert!(article.body.contains("Süre **30** gündür."), "{}", article.body);
        for noise in ["color", "alert", "Ana sayfa", "<"] {
            assert!(!article.body.contains(noise), "{}", article.body);
        }
        let article = Portable::from_html("iade.html", &page.replace("h1", "h2")).unwrap();
        assert_eq!(article.title, "Mağaza & Yardım");
    }

    #[test]
    fn hyphens_at_the_ends_of_lines_are_understood() {
        let read =
            |page: &str| Portable::from_pdf("x.pdf", &PdfText { pages: vec![page.into()] }, 1_000)[0].body.clone();
        for (page, expected) in [
            ("kargo\u{ad}\nya verilir", "kargoya verilir"),
            ("24-\n48 saat", "24-48 saat"),
            ("e-\nposta ile", "e-posta ile"),
            ("üc-\nretsizdir", "ücretsizdir"),
            ("Ankara-\nİstanbul", "Ankara-İstanbul"),
            ("ücret\u{ad}siz\u{ad}dir", "ücretsizdir"),
            ("wi-fi var, wi-\nfi hızlı", "wi-fi var, wi-fi hızlı"),
            ("bir -\niki", "bir - iki"),
            ("kargo\u{2010}\nya", "kargoya"),
        ] {
            assert_eq!(read(page), expected, "{page:?}");
        }
    }

    #[test]
    fn a_long_pdf_becomes_several_articles() {
        let pages = (0..30).map(|number| format!("Sayfa {number}. {}", "kelime ".repeat(20))).collect();
        let articles = Portable::from_pdf("el_kitabı.pdf", &PdfText { pages }, 1_000);
        assert!(articles.len() > 3);
        for (number, article) in (1..).zip(&articles) {
            assert_eq!(article.title, format!("el kitabı ({number}/{})", articles.len()));
            assert!(article.body.chars().count() <= 1_000);
        }
        let all: String = articles.iter().map(|article| article.body.as_str()).collect();
        assert!((0..30).all(|number| all.contains(&format!("Sayfa {number}."))));
        let one = PdfText { pages: vec!["x".repeat(2_500)] };
        assert_eq!(Portable::from_pdf("x.pdf", &one, 1_000).len(), 3);
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
        let text = PdfText { pages: vec![page.into(), "Son sayfa.".into()] };
        let article = Portable::from_pdf("x.pdf", &text, 1_000).remove(0);
        assert_eq!(article.title, "Kargo Koşulları");
        assert_eq!(article.body, "Kargo ücretsizdir ve iki gün sürer.\n\n- Bir\n\n- İki\n\nSon sayfa.");
    }
}
