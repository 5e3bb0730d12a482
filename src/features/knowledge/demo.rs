//! Articles of an invented shop for cups and plates, "Mavi Fincan", for trying the server out.

/// A published article as it is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoArticle {
    /// Its name in addresses.
    pub slug: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// `tr` or `en`.
    pub language: &'static str,
    /// The text, in Markdown.
    pub body: &'static str,
}

/// Each file: front matter with title and language, then Markdown.
const FILES: &[(&str, &str)] = &[
    ("kargo-ve-teslimat", include_str!("demo/kargo-ve-teslimat.md")),
    ("siparis-takibi", include_str!("demo/siparis-takibi.md")),
    ("iade-kosullari", include_str!("demo/iade-kosullari.md")),
    ("para-iadesi", include_str!("demo/para-iadesi.md")),
    ("odeme-secenekleri", include_str!("demo/odeme-secenekleri.md")),
    ("kirik-urun", include_str!("demo/kirik-urun.md")),
    ("hediye-paketi", include_str!("demo/hediye-paketi.md")),
    ("siparis-iptali", include_str!("demo/siparis-iptali.md")),
    ("shipping-and-delivery", include_str!("demo/shipping-and-delivery.md")),
    ("international-orders", include_str!("demo/international-orders.md")),
    ("return-policy", include_str!("demo/return-policy.md")),
    ("cup-care", include_str!("demo/cup-care.md")),
    ("gift-cards", include_str!("demo/gift-cards.md")),
    ("account-and-password", include_str!("demo/account-and-password.md")),
    ("wholesale", include_str!("demo/wholesale.md")),
];

/// All of them, Turkish ones first.
pub fn demo_articles() -> Vec<DemoArticle> {
    FILES.iter().filter_map(|(slug, text)| read(slug, text)).collect()
}

fn read(slug: &'static str, text: &'static str) -> Option<DemoArticle> {
    let (front, body) = text.strip_prefix("---\n")?.split_once("\n---\n")?;
    let value = |key: &str| front.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    Some(DemoArticle { slug, title: value("title")?, language: value("language")?, body: body.trim() })
}

#[cfg(test)]
mod tests {
    use ::entity::{article::Visibility, ids::SiteId};
    use uuid::Uuid;

    use super::*;
    use crate::features::knowledge::NewArticle;

    #[test]
    fn all_files_are_articles() {
        let articles = demo_articles();
        assert_eq!(articles.len(), FILES.len());
        for article in &articles {
            let DemoArticle { slug, title, language, body } = article;
            let site = SiteId(Uuid::nil());
            assert!(NewArticle::check(site, title, body, language, Some(slug), Visibility::Public).is_ok(), "{slug}");
        }
        for language in ["tr", "en"] {
            assert!(articles.iter().filter(|article| article.language == language).count() >= 7);
        }
    }
}
