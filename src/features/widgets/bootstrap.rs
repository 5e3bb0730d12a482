//! Everything that a widget needs to show itself for the first time, and the version by which it is known to be the same.

use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    figures,
    live::{self, Present},
    texts::{self, Texts},
};
use crate::{
    features::{
        assistants::{self, AssistantProfile},
        sites,
    },
    kernel::{Ctx, Error, Result},
};

/// Bytes of the digest that make a version.
const VERSION: usize = 16;

/// A widget's first sight of its site.
#[derive(Clone, Debug)]
pub(super) struct Bootstrap {
    pub(super) present: Present,
    pub(super) language: String,
    pub(super) texts: Texts,
    pub(super) median_reply_seconds: Option<i64>,
    /// Who answers first, where visitors are offered an assistant.
    pub(super) assistant: Option<AssistantProfile>,
    /// The same for the same content.
    pub(super) version: String,
}

/// What a site's widget shows, for whoever knows the site's public key, in the language that was asked for where there are
/// texts in it.
///
/// # Errors
/// `NOT_FOUND` for an unknown key, `FORBIDDEN` with `ORIGIN_NOT_ALLOWED` on a page that is not the site's.
pub(super) async fn of_key(cx: &Ctx, key: &str, language: Option<&str>) -> Result<Bootstrap> {
    let site = sites::by_key(&cx.db(), key).await?;
    sites::admits_page(cx, &site)?;
    let present = live::present(cx, site.id).await?;
    let median_reply_seconds = figures::median_reply_seconds(cx, site.id).await?;
    let (locale, translations) = (&present.basis.site.locale, &present.basis.settings.translations.0);
    let language = present.basis.language(language).to_owned();
    let texts = texts::texts(translations, &language, locale);
    let offered = present.basis.settings.features.assistant;
    let assistant = if offered { assistants::on_widget(cx, site.id).await? } else { None };
    let version = version(&present, (&language, &texts, median_reply_seconds, &assistant))?;
    Ok(Bootstrap { present, language, texts, median_reply_seconds, assistant, version })
}

/// A digest of everything that is shown.
fn version(present: &Present, more: impl Serialize) -> Result<String> {
    let (basis, shown) = (&*present.basis, &*present.shown);
    let (site, hours, settings) = (&basis.site, &basis.hours, &basis.settings);
    let looks = (&settings.look, &settings.features, &settings.pre_chat, &settings.proactive, &settings.custom_css);
    let zone = hours.calendar.zone().name();
    let content = (&site.id, &site.name, &site.locale, looks, zone, &hours.week, hours.has_hours, shown, more);
    let digest = Sha256::digest(serde_json::to_vec(&content).map_err(Error::internal)?);
    Ok(digest.iter().take(VERSION).fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
