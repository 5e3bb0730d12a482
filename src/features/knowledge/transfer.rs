//! Articles as files: Markdown with front matter, JSON, HTML, and text of PDF files. What is written here is read back.

use std::{collections::HashSet, ops::Range};

use ::entity::article::{self, ArticleStatus, Visibility};
use exact_index::text::fold;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    markup::{self, Sure, Tag, tag_of},
    page,
};
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
        let text = unix(text);
        let (article, body) = with_front(&text)?;
        Ok(article.titled(name, None, &headed(&shown(body))))
    }

    /// Makes an article of a page of HTML, which may have front matter, too. Without a title there, its title is its first
    /// heading, else the page's, else its name.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub(super) fn from_html(name: &str, text: &str) -> Result<Self, String> {
        let text = unix(text);
        let (article, body) = with_front(&text)?;
        let page = page::read(body)?;
        Ok(article.titled(name, Some(page.title), &page.markdown))
    }

    /// The article with its text; where it has no title, with its first heading, else the one that is given, else the name
    /// of its file.
    fn titled(self, name: &str, title: Option<String>, body: &str) -> Self {
        let body = body.trim_start_matches('\n');
        if !self.title.is_empty() {
            return Self { body: body.to_owned(), ..self };
        }
        let first = body.lines().next().unwrap_or_default();
        match first.strip_prefix("# ").map(heading).filter(|title| !title.is_empty()) {
            Some(title) => {
                let body = body[first.len()..].trim_start_matches('\n').to_owned();
                Self { title: title.to_owned(), body, ..self }
            }
            None => {
                let title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| stem(name));
                Self { title, body: body.to_owned(), ..self }
            }
        }
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

/// A place where a word may be divided, shown only where it is.
const SOFT_HYPHEN: char = '\u{ad}';

/// A text without a mark of its encoding, and with one kind of line ends.
fn unix(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n")
}

/// What a heading says: without the marks that may close it.
fn heading(line: &str) -> &str {
    let line = line.trim();
    let open = line.trim_end_matches('#');
    if open.is_empty() || open.ends_with([' ', '\t']) { open.trim_end() } else { line }
}

/// Markdown whose headings all begin with `#`: those that are underlined do, too.
fn headed(text: &str) -> String {
    let code = markup::code(text, Sure::Enough);
    let is_block = |range: &&Range<usize>| {
        let quoted = text[range.start..range.end].trim_start();
        quoted.starts_with("```") || quoted.starts_with("~~~")
    };
    let mut code = code.iter().filter(is_block).peekable();
    let mut written = String::with_capacity(text.len());
    // Where in what is written the open paragraph begins, and how many lines it has.
    let (mut from, mut lines) = (0, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        while code.next_if(|range| range.end <= at).is_some() {}
        let quoted = code.peek().is_some_and(|range| range.start <= at);
        at += line.len();
        let words = line.trim_end();
        let level = if quoted || line.starts_with("    ") { None } else { underline(words) };
        match level {
            // One line above a rule is a heading, whatever its writer meant; several are meant for a rule.
            Some(level) if lines == 1 || lines > 1 && level == 1 => {
                let title = written[from..].split_whitespace().collect::<Vec<_>>().join(" ");
                written.truncate(from);
                written.push_str(&format!("{} {title}\n", "#".repeat(level)));
                lines = 0;
            }
            _ => {
                lines = match is_paragraph(line) && !quoted {
                    true if lines > 0 || from_here(&written) => {
                        from = if lines == 0 { written.len() } else { from };
                        lines + 1
                    }
                    _ => 0,
                };
                written.push_str(line);
            }
        }
    }
    written
}

/// The level of the heading that a line makes of the one above it.
fn underline(line: &str) -> Option<usize> {
    let line = line.trim_start();
    let all = |mark| line.len() > 1 && line.chars().all(|c| c == mark);
    if all('=') { Some(1) } else { all('-').then_some(2) }
}

/// Whether a paragraph can begin where a text ends: below a blank line or a heading.
fn from_here(written: &str) -> bool {
    let above = written.lines().next_back().unwrap_or_default().trim();
    above.is_empty() || above.starts_with('#')
}

/// True for a line of plain text: no heading, item, quotation, row, tag or code.
fn is_paragraph(line: &str) -> bool {
    let words = line.trim();
    let numbered = words.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_item = words.starts_with(['-', '*', '+']) && words[1..].starts_with([' ', '\t'])
        || numbered.len() < words.len() && numbered.starts_with(['.', ')']);
    !(words.is_empty()
        || is_item
        || words.starts_with(['#', '>', '|', '<', '=', '`', '~'])
        || words.chars().all(|c| "-*_ ".contains(c))
        || line.starts_with("    ")
        || line.starts_with('\t'))
}

/// Markdown without what no reader sees: comments, and elements of HTML that run, style or are hidden. What is code stays.
fn shown(text: &str) -> String {
    let code = markup::code(text, Sure::Enough);
    let mut cuts: Vec<Range<usize>> = vec![];
    let (mut at, mut unclosed) = (0, 0);
    while let Some(found) = text[at..].find('<') {
        at += found;
        if let Some(range) = code.get(code.partition_point(|range| range.end <= at)).filter(|range| range.start <= at) {
            at = range.end;
            continue;
        }
        let rest = &text[at..];
        let end = match rest.strip_prefix("<!--") {
            Some(comment) => Some(comment.find("-->").map_or(text.len(), |end| at + end + 7)),
            None if unclosed > UNCLOSED => None,
            None => {
                let tag = tag_of(rest);
                unclosed += usize::from(tag.is_none() && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()));
                let length = tag.as_ref().map_or(1, |tag| tag.length);
                let hidden = tag.and_then(|tag| hidden(rest, &tag));
                if hidden.is_none() {
                    at += length;
                    continue;
                }
                hidden.map(|length| at + length)
            }
        };
        match end {
            Some(end) => {
                cuts.push(at..end);
                at = end;
            }
            None => at += 1,
        }
    }
    if cuts.is_empty() { text.to_owned() } else { markup::without(text, &cuts) }
}

/// How long the element is that a text begins with by this tag, where it is hidden.
fn hidden(text: &str, tag: &Tag<'_>) -> Option<usize> {
    let is_hidden = HIDDEN.contains(&tag.name.as_str())
        || markup::is_hidden(&tag.name, tag.attributes.iter().map(|(name, value)| (name.as_str(), *value)));
    if tag.closes || !is_hidden {
        return None;
    }
    let mut at = tag.length;
    if VOID.contains(&tag.name.as_str()) {
        return Some(at);
    }
    let (mut depth, mut unclosed) = (1, 0);
    while let Some(found) = text[at..].find('<') {
        at += found;
        let Some(inner) = tag_of(&text[at..]) else {
            at += 1;
            unclosed += 1;
            if unclosed > UNCLOSED {
                break;
            }
            continue;
        };
        at += inner.length;
        if inner.name == tag.name {
            depth = if inner.closes { depth - 1 } else { depth + 1 };
            if depth == 0 {
                return Some(at);
            }
        }
    }
    Some(text.len())
}

/// After so many tags without an end no more are looked for.
const UNCLOSED: usize = 20;
/// Elements that hold nothing to read.
const HIDDEN: [&str; 4] = ["script", "style", "template", "noscript"];
/// Elements that hold nothing.
const VOID: [&str; 7] = ["img", "br", "hr", "input", "wbr", "source", "link"];

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

/// What a text's front matter says, and what stands behind it: YAML between lines of hyphens, TOML between lines of plus
/// signs, or an object of JSON.
fn with_front(text: &str) -> Result<(Portable, &str), String> {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    let (rest, mark) = (&text[first.len()..], first.trim_end());
    match mark {
        "---" => {
            let (front, body) =
                split_front(rest, &["---", "..."]).ok_or("The front matter has no closing line `---`.")?;
            Ok((front_matter(front)?, body))
        }
        "+++" => {
            let (front, body) = split_front(rest, &["+++"]).ok_or("The front matter has no closing line `+++`.")?;
            Ok((front_toml(front)?, body))
        }
        "{" => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            match values.next() {
                Some(Ok(Value::Object(front))) if front.contains_key("title") => {
                    let front = serde_json::from_value::<Front>(Value::Object(front));
                    let front =
                        front.map_err(|error| format!("A value of the front matter is of another kind: {error}."))?;
                    Ok((front.portable()?, &text[values.byte_offset()..]))
                }
                _ => Ok((Portable::default(), text)),
            }
        }
        _ => Ok((Portable::default(), text)),
    }
}

/// The front matter and what stands behind its closing line.
fn split_front<'a>(rest: &'a str, closing: &[&str]) -> Option<(&'a str, &'a str)> {
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if closing.contains(&line.trim_end()) {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
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
    /// Where some programs keep categories and tags.
    taxonomies: Option<Taxonomies>,
}

/// Categories and tags.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Taxonomies {
    #[serde(alias = "category")]
    categories: Value,
    tags: Value,
}

impl Front {
    fn portable(self) -> Result<Portable, String> {
        let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        // Both are one line, however many they were written in.
        let line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut tags = list(&self.tags);
        let mut categories = list(&self.category);
        if let Some(more) = self.taxonomies {
            tags.extend(list(&more.tags));
            categories.extend(list(&more.categories));
        }
        Ok(Portable {
            title: given(self.title).map(line).unwrap_or_default(),
            slug: given(self.slug),
            language: given(self.language),
            description: given(self.description).map(line),
            category: categories.into_iter().next(),
            visibility: given(self.visibility).map(|word| visibility(&word)).transpose()?,
            tags,
            ..Portable::default()
        })
    }
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
    front.unwrap_or_default().portable()
}

/// Reads front matter that is TOML.
fn front_toml(front: &str) -> Result<Portable, String> {
    let front: Front = toml::from_str(front).map_err(|error| match toml::from_str::<toml::Table>(front) {
        Ok(_) => format!("A value of the front matter is of another kind: {}.", error.message()),
        Err(error) => format!("The front matter is no TOML: {}.", error.message()),
    })?;
    front.portable()
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
    fn front_matter_may_be_toml_or_json_or_have_blocks() {
        for (front, description) in [
            ("description: |\n  Birinci satır\n  ikinci satır", "Birinci satır ikinci satır"),
            ("description: >\n  Birinci satır\n  ikinci satır", "Birinci satır ikinci satır"),
            ("description: |-\n  Bir: iki\n\n  # üç", "Bir: iki # üç"),
            ("description: >+\n\n  Bir\n\n  ---\n\n", "Bir ---"),
            ("description: |2\n   Bir\n  iki", "Bir iki"),
            ("description: \"Bir\\n  iki\"", "Bir iki"),
        ] {
            for end in ["---", "...", "--- ", "---\n..."] {
                let file = format!("---\ntitle: A\n{front}\ntags: [x]\n{end}\nMetin.");
                let article = Portable::from_markdown("x.md", &file).unwrap_or_else(|error| panic!("{file}: {error}"));
                assert_eq!(
                    (article.title.as_str(), article.description.as_deref()),
                    ("A", Some(description)),
                    "{file}"
                );
                assert_eq!(article.tags, ["x"], "{file}");
                assert!(article.body.ends_with("Metin."), "{file}");
                let last = format!("---\ntitle: A\n{front}\n{end}\nMetin.");
                let article = Portable::from_markdown("x.md", &last).unwrap_or_else(|error| panic!("{last}: {error}"));
                assert_eq!(article.description.as_deref(), Some(description), "{last}");
            }
        }
        let toml = "+++\ntitle = \"İade: süre\"\ndate = 2026-01-02T03:04:05Z\ndraft = true\nweight = 3\nslug = 'iade'\ntags = [\"a\", \"b\"]\ndescription = \"\"\"\nBir\niki\"\"\"\n[extra]\nx = 1\n+++\n\nMetin.\n";
        let article = Portable::from_markdown("x.md", toml).unwrap();
        assert_eq!((article.title.as_str(), article.slug.as_deref()), ("İade: süre", Some("iade")));
        assert_eq!((article.tags, article.description.as_deref()), (vec!["a".into(), "b".into()], Some("Bir iki")));
        assert_eq!(article.body, "Metin.\n");
        let zola = "+++\r\n[taxonomies]\r\ntags = [\"a\"]\r\ncategories = [\"Sipariş\"]\r\n+++\r\n# Başlık\r\nMetin.";
        let article = Portable::from_markdown("x.md", zola).unwrap();
        assert_eq!((article.title.as_str(), article.category.as_deref()), ("Başlık", Some("Sipariş")));
        let json = "{\n  \"title\": \"A\",\n  \"draft\": false, \"tags\": \"a, b\"\n}\n\nMetin {x}.";
        let article = Portable::from_markdown("x.md", json).unwrap();
        assert_eq!((article.title.as_str(), article.body.as_str()), ("A", "Metin {x}."));
        assert_eq!(article.tags, ["a", "b"]);
        let page = "---\nlayout: page\ntitle: A\n---\n<p>Metin</p>";
        let article = Portable::from_html("x.html", page).unwrap();
        assert_eq!((article.title.as_str(), article.body.as_str()), ("A", "Metin"));
        for (wrong, told) in [
            ("+++\ntitle = a\n+++\nMetin", "no TOML"),
            ("+++\ntitle = [1]\n+++\nMetin", "of another kind"),
            ("+++\ntitle = 'a'\nMetin", "closing line `+++`"),
            ("---\ntitle: a\nMetin", "closing line `---`"),
        ] {
            let error = Portable::from_markdown("x.md", wrong).unwrap_err();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }

    #[test]
    fn underlined_lines_are_headings() {
        for (text, title, body) in [
            ("Başlık\n=====\n\nMetin.", "Başlık", "Metin."),
            ("Başlık\n=====\nMetin.", "Başlık", "Metin."),
            ("Uzun\nbaşlık\n===\n\nMetin.", "Uzun başlık", "Metin."),
            ("Başlık\n===\n\nAlt\n---\n\nMetin.", "Başlık", "## Alt\n\nMetin."),
            ("Alt\n---\nMetin.", "x", "## Alt\nMetin."),
            ("# Başlık ##\nMetin.", "Başlık", "Metin."),
            ("# C#\nMetin.", "C#", "Metin."),
            ("Bir\niki\n---\nüç", "x", "Bir\niki\n---\nüç"),
            ("- Bir\n---\niki", "x", "- Bir\n---\niki"),
            ("| a |\n|---|\n| b |", "x", "| a |\n|---|\n| b |"),
            ("```\nBir\n===\n```\nİki", "x", "```\nBir\n===\n```\nİki"),
            ("    Bir\n===", "x", "    Bir\n==="),
            ("\n---\n\nBir", "x", "---\n\nBir"),
            ("> Bir\n===", "x", "> Bir\n==="),
            ("Bir\n\n===\n", "x", "Bir\n\n===\n"),
        ] {
            let article = Portable::from_markdown("x.md", text).unwrap();
            assert_eq!((article.title.as_str(), article.body.as_str()), (title, body), "{text}");
        }
    }

    #[test]
    fn what_markdown_hides_is_not_read() {
        for (text, left) in [
            ("Bir <!-- gizli --> iki", "Bir  iki"),
            ("<!--\ngizli\n\n# gizli\n-->\nBir", "Bir"),
            ("<div hidden>\n\ngizli <div>gizli</div>\n\n</div>\nBir", "Bir"),
            ("<style>gizli</style>Bir<script>gizli</script>", "Bir"),
            ("Bir<span style=\"display:none\">gizli</span> iki", "Bir iki"),
            (
                "`<!-- a -->` ve\n```html\n<!-- b -->\n<p hidden>c</p>\n```",
                "`<!-- a -->` ve\n```html\n<!-- b -->\n<p hidden>c</p>\n```",
            ),
            ("<b>Bir</b> 1 < 2 <!-- gizli", "<b>Bir</b> 1 < 2 "),
            ("<img hidden src=x>Bir", "Bir"),
        ] {
            assert_eq!(Portable::from_markdown("x.md", text).unwrap().body, left, "{text}");
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
