//! Rules of articles: texts, slugs, states, and who may change what.

use ::entity::{
    article::{self, ArticleStatus, Visibility},
    ids::SiteId,
};
use async_graphql::MaybeUndefined;
use exact_index::text::fold;

use super::links;
use crate::kernel::{Actor, Error, ErrorReason, Permission, Result, entries, text};

const TITLE_MAX: usize = 500;
pub(super) const BODY_MAX: usize = 200_000;
const SLUG_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 500;
const CATEGORY_MAX: usize = 100;
/// Most characters of a tag, and most tags of an article.
const TAG_MAX: usize = 50;
const TAGS_MAX: usize = 20;
/// Most articles of a customer's own.
pub(super) const MOST_OF_CUSTOMER: u64 = 100;
/// What an article is called in addresses whose title has no letter that fits there.
const NAMELESS: &str = "article";

/// What a new article is made of, checked.
#[derive(Clone, Debug)]
pub struct NewArticle {
    pub(super) site: SiteId,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) language: String,
    /// As asked for; made from the title when absent.
    pub(super) slug: Option<String>,
    pub(super) visibility: Visibility,
    pub(super) description: Option<String>,
    pub(super) category: Option<String>,
    pub(super) tags: Vec<String>,
}

/// What an article is sorted and found by besides its title; all of it may be absent.
#[derive(Clone, Debug, Default)]
pub struct Details<'a> {
    /// What search engines and lists show, up to 500 characters.
    pub description: Option<&'a str>,
    /// Up to 100 characters.
    pub category: Option<&'a str>,
    /// Up to 20, of 50 characters each.
    pub tags: &'a [String],
}

impl NewArticle {
    /// Checks what somebody gave for a new article.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with the field that is wrong.
    pub fn check(
        site: SiteId,
        title: &str,
        body: &str,
        language: &str,
        slug: Option<&str>,
        visibility: Visibility,
    ) -> Result<Self> {
        Ok(Self {
            site,
            title: check_title(title)?,
            body: check_body(body)?,
            language: check_language(language)?,
            slug: slug.map(check_slug).transpose()?,
            visibility,
            description: None,
            category: None,
            tags: vec![],
        })
    }

    /// The same article with more details.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with the field that is wrong.
    pub fn with(self, details: &Details<'_>) -> Result<Self> {
        Ok(Self {
            description: check_description(details.description)?,
            category: check_category(details.category)?,
            tags: check_tags(details.tags)?,
            ..self
        })
    }
}

/// What to change of an article; what is undefined stays, and null clears what can be absent.
#[derive(Clone, Debug, Default)]
pub(super) struct ArticleChanges {
    pub(super) title: MaybeUndefined<String>,
    pub(super) body: MaybeUndefined<String>,
    pub(super) language: MaybeUndefined<String>,
    pub(super) slug: MaybeUndefined<String>,
    pub(super) visibility: MaybeUndefined<Visibility>,
    pub(super) description: MaybeUndefined<String>,
    pub(super) category: MaybeUndefined<String>,
    pub(super) tags: MaybeUndefined<Vec<String>>,
}

/// What came of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// Names of the fields that differ now.
    pub(super) fields: Vec<String>,
    /// Title or body differ: the passages are to be made anew.
    pub(super) content: bool,
    /// It is for other readers now.
    pub(super) visibility: bool,
}

/// Applies changes to an article and its tags, and makes it the next version where something differs. What is searchable
/// of it stays so where title and body are the same. Only description, category and tags can be cleared.
pub(super) fn change(article: &mut article::Model, tags: &mut Vec<String>, changes: ArticleChanges) -> Result<Changed> {
    let (before, tags_before) = (article.clone(), tags.clone());
    if let Some(title) = given("input.title", changes.title)? {
        article.title = check_title(&title)?;
        article.title_folded = fold(&article.title);
    }
    if let Some(body) = given("input.body", changes.body)? {
        article.body = check_body(&body)?;
    }
    if let Some(language) = given("input.language", changes.language)? {
        article.language = check_language(&language)?;
    }
    if let Some(slug) = given("input.slug", changes.slug)? {
        article.slug = check_slug(&slug)?;
    }
    if let Some(visibility) = given("input.visibility", changes.visibility)? {
        article.visibility = visibility;
    }
    if !changes.description.is_undefined() {
        article.description = check_description(changes.description.value().map(String::as_str))?;
    }
    if !changes.category.is_undefined() {
        article.category = check_category(changes.category.value().map(String::as_str))?;
        article.category_folded = article.category.as_deref().map(fold);
    }
    if !changes.tags.is_undefined() {
        *tags = check_tags(&changes.tags.take().unwrap_or_default())?;
    }
    let differ = [
        ("title", before.title != article.title),
        ("body", before.body != article.body),
        ("language", before.language != article.language),
        ("slug", before.slug != article.slug),
        ("visibility", before.visibility != article.visibility),
        ("description", before.description != article.description),
        ("category", before.category != article.category),
        ("tags", tags_before != *tags),
    ];
    let content = differ[0].1 || differ[1].1;
    let fields: Vec<String> =
        differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect();
    article.version += i32::from(!fields.is_empty());
    if !content && article.indexed_version == Some(before.version) {
        article.indexed_version = Some(article.version);
    }
    Ok(Changed { fields, content, visibility: differ[4].1 })
}

/// Publishing makes an article an answer, whether it was a draft or put away.
pub(super) fn publish(from: ArticleStatus) -> Result<ArticleStatus> {
    match from {
        ArticleStatus::Draft | ArticleStatus::Archived => Ok(ArticleStatus::Published),
        ArticleStatus::Published => Err(wrong_state("The article is published already.")),
    }
}

/// Archiving takes an article out of use.
pub(super) fn archive(from: ArticleStatus) -> Result<ArticleStatus> {
    match from {
        ArticleStatus::Draft | ArticleStatus::Published => Ok(ArticleStatus::Archived),
        ArticleStatus::Archived => Err(wrong_state("The article is archived already.")),
    }
}

/// Agents change what they wrote; admins change everything.
pub(super) fn may_change(actor: &Actor, article: &article::Model) -> Result<()> {
    let manages = actor.reach(Permission::KnowledgeManage).is_ok_and(|reach| reach.site(article.site_id).is_ok());
    let wrote = article.author_id.is_some() && article.author_id == actor.user();
    if manages || wrote { Ok(()) } else { Err(Error::forbidden().reason(ErrorReason::NotAuthor)) }
}

/// There is no room for one more article.
pub(super) fn too_many(most: u64) -> Error {
    let message = format!("You have {most} articles of your own, which is as many as there may be; delete one first.");
    Error::bad_input("input", ErrorReason::TooLong, message)
}

/// Somebody asked for a slug that another article of the site has; `free` is one that none has.
pub(super) fn slug_taken(slug: &str, free: String) -> Error {
    let message = format!("Another article of this site has the slug `{slug}`; `{free}` is free.");
    Error::conflict(ErrorReason::SlugTaken, message).at("input.slug").suggest(free)
}

/// A title as the part of an address: `İade Süresi & Şartları` is `iade-suresi-sartlari`.
pub(super) fn slug_of(title: &str) -> String {
    let mut slug = String::new();
    for c in fold(title).chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') && !is_apostrophe(c) {
            slug.push('-');
        }
    }
    // Room for a number behind it.
    let slug = text::first(&slug, SLUG_MAX - 10).trim_matches('-');
    if slug.is_empty() { NAMELESS.to_owned() } else { slug.to_owned() }
}

/// The first of `base`, `base-2`, `base-3` … that is not taken.
pub(super) fn free_slug(base: &str, taken: &[String]) -> String {
    let is_free = |slug: &String| !taken.contains(slug);
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    std::iter::once(base.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| base.to_owned())
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘')
}

fn check_title(title: &str) -> Result<String> {
    text::line("input.title", title, TITLE_MAX)
}

/// Markdown without links that run something, wherever an article comes from.
fn check_body(body: &str) -> Result<String> {
    let body = text::body("input.body", body, BODY_MAX)?;
    text::body("input.body", &links::without_active(&body), BODY_MAX)
}

fn check_language(language: &str) -> Result<String> {
    text::language("input.language", language)
}

fn check_description(description: Option<&str>) -> Result<Option<String>> {
    text::maybe_line("input.description", description, DESCRIPTION_MAX)
}

fn check_category(category: Option<&str>) -> Result<Option<String>> {
    text::maybe_line("input.category", category, CATEGORY_MAX)
}

/// The tags as written, sorted, none twice however it is typed.
fn check_tags(tags: &[String]) -> Result<Vec<String>> {
    if tags.len() > TAGS_MAX {
        let message = format!("`input.tags` has {} tags; an article has at most {TAGS_MAX}.", tags.len());
        return Err(Error::bad_input("input.tags", ErrorReason::TooLong, message));
    }
    let mut checked = entries("input.tags", tags, |tag| text::line("input.tags", tag, TAG_MAX))?;
    checked.sort_by_cached_key(|tag| fold(tag));
    checked.dedup_by_key(|tag| fold(tag));
    Ok(checked)
}

fn check_slug(slug: &str) -> Result<String> {
    let slug = text::line("input.slug", slug, SLUG_MAX)?;
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if slug.split('-').all(is_part) {
        return Ok(slug);
    }
    let form = "`input.slug` must consist of lower-case letters a to z and digits, with single hyphens between.";
    Err(Error::bad_input("input.slug", ErrorReason::InvalidFormat, form))
}

fn given<T>(field: &'static str, value: MaybeUndefined<T>) -> Result<Option<T>> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Value(value) => Ok(Some(value)),
        MaybeUndefined::Null => Err(Error::bad_input(
            field,
            ErrorReason::TooShort,
            format!("`{field}` cannot be cleared; leave it out to keep it."),
        )),
    }
}

fn wrong_state(message: &'static str) -> Error {
    Error::conflict(ErrorReason::ArticleState, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_made_of_folded_letters() {
        assert_eq!(slug_of("İade Süresi & Şartları"), "iade-suresi-sartlari");
        assert_eq!(slug_of("  What's new?  "), "whats-new");
        assert_eq!(slug_of("Größe wählen"), "grosse-wahlen");
        assert_eq!(slug_of("доставка"), NAMELESS);
        assert!(slug_of(&"çok uzun ".repeat(50)).len() <= SLUG_MAX - 10);
        assert!(check_slug(&slug_of(&"ab ".repeat(90))).is_ok());
    }

    #[test]
    fn taken_slugs_are_numbered() {
        let taken = ["iade", "iade-2", "iade-4"].map(str::to_owned);
        assert_eq!(free_slug("iade", &taken), "iade-3");
        assert_eq!(free_slug("kargo", &taken), "kargo");
    }

    #[test]
    fn a_tag_counts_once_however_it_is_typed() {
        let tags = ["Kargo", "iade", "KARGO", "İade"].map(str::to_owned);
        assert_eq!(check_tags(&tags).unwrap(), ["iade", "Kargo"]);
        assert!(check_tags(&vec!["x".to_owned(); 21]).is_err());
    }

    #[test]
    fn slugs_that_are_given_have_a_form() {
        for bad in ["", "İade", "a--b", "-a", "a-", "a b", "a/b", "ABC"] {
            assert!(check_slug(bad).is_err(), "{bad}");
        }
        assert_eq!(check_slug("iade-2024").unwrap(), "iade-2024");
    }

    #[test]
    fn states_change_forth_and_back() {
        use ArticleStatus::*;
        for (from, published, archived) in [(Draft, true, true), (Published, false, true), (Archived, true, false)] {
            assert_eq!(publish(from).is_ok(), published);
            assert_eq!(archive(from).is_ok(), archived);
        }
    }
}
