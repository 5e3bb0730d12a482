//! The demo site: an invented shop for cups and plates, with an assistant that knows its articles.

use ::entity::{
    article::Visibility,
    ids::{AssistantId, SiteId},
    membership::Role,
};

use super::has_no_site;
use crate::{
    app::App,
    features::{
        accounts::{self, NewPerson},
        assistants::{self, New},
        knowledge::{
            self, NewArticle,
            demo::{DemoArticle, demo_articles},
        },
        sites::{self, NewSite},
    },
    kernel::{Ctx, ErrorReason, Result, secret},
};

const SITE: &str = "Mavi Fincan";
const LOCALE: &str = "tr";
const ASSISTANT: &str = "Fincan";
const WELCOME: &str = "Merhaba, ben Fincan! Siparişler, kargo, iade ve ürünlerimiz hakkında sorularınızı yanıtlarım.";
const QUESTION: &str = "Aldığım ürünü kaç gün içinde iade edebilirim?";
const SUGGESTED: [&str; 3] = [QUESTION, "Kargo ücreti ne kadar?", "Can I put the cups in the dishwasher?"];
const ADMIN: (&str, &str) = ("admin@mavifincan.example", "Deniz Aksoy");
const AGENT: (&str, &str) = (DEMO_AGENT, "Ece Yıldız");

/// The e-mail address of the demo site's agent.
pub const DEMO_AGENT: &str = "temsilci@mavifincan.example";

/// What was made, to be shown once: the passwords stand nowhere else.
pub struct Demo {
    /// The site's public key.
    pub site_key: String,
    /// The site.
    pub site_id: SiteId,
    /// Its assistant.
    pub assistant_id: AssistantId,
    /// E-mail address and password of the site's admin.
    pub admin: (String, String),
    /// E-mail address and password of an agent.
    pub agent: (String, String),
    /// Something a visitor could ask that the assistant knows.
    pub question: &'static str,
}

/// Makes the demo site when there is no site at all. Its articles are indexed in the background, once there is any: whoever
/// starts a server gets to see the passwords also when what makes the index does not answer. Of several processes that
/// start together one makes the site.
///
/// # Errors
/// When the database does not answer.
pub async fn demo(app: &App) -> Result<Option<Demo>> {
    let cx = app.cx();
    if !has_no_site(&cx.db()).await? {
        return Ok(None);
    }
    let (admin, agent) = (person(ADMIN)?, person(AGENT)?);
    let admin_hash = accounts::hash_password(&cx, &admin).await?;
    let agent_hash = accounts::hash_password(&cx, &agent).await?;
    let signs_in = |person: &NewPerson| (person.email.clone(), person.password.clone());
    let (admin_shown, agent_shown) = (signs_in(&admin), signs_in(&agent));

    let mut tx = cx.begin().await?;
    // Others that began at the same time wait here for the address, and then find it taken.
    let admin = match accounts::insert_in(&mut tx, admin, admin_hash, false).await {
        Err(error) if error.reason == Some(ErrorReason::EmailTaken) => return Ok(None),
        inserted => inserted?,
    };
    let agent = accounts::insert_in(&mut tx, agent, agent_hash, false).await?;
    let site = sites::insert_in(&mut tx, NewSite::check(SITE, &[], Some(LOCALE))?).await?;
    sites::join_in(&mut tx, site.id, admin.id, Role::Admin).await?;
    sites::join_in(&mut tx, site.id, agent.id, Role::Agent).await?;
    let new = New {
        name: ASSISTANT.into(),
        language: LOCALE.into(),
        welcome_text: WELCOME.into(),
        suggested_questions: SUGGESTED.map(Into::into).into(),
        ..New::default()
    };
    let assistant = assistants::insert_in(&mut tx, site.id, None, new).await?;
    for article in demo_articles() {
        let DemoArticle { slug, title, language, body } = article;
        let new = NewArticle::check(site.id, title, body, language, Some(slug), Visibility::Public)?;
        let draft = knowledge::insert_in(&mut tx, new, Some(admin.id)).await?;
        knowledge::publish_in(&mut tx, draft).await?;
    }
    tx.commit().await?;
    Ok(Some(Demo {
        site_key: site.public_key,
        site_id: site.id,
        assistant_id: assistant.id,
        admin: admin_shown,
        agent: agent_shown,
        question: QUESTION,
    }))
}

/// The public key of the demo site, where there is one.
///
/// # Errors
/// When the database does not answer.
pub async fn demo_key(cx: &Ctx) -> Result<Option<String>> {
    let Some(admin) = accounts::lookup_by_email(&cx.db(), ADMIN.0).await? else { return Ok(None) };
    let roles = sites::roles_of(&cx.db(), admin.id).await?;
    let Some(site) = roles.first().map(|(site, _)| *site) else { return Ok(None) };
    Ok(Some(sites::find_any(&cx.db(), site).await?.public_key))
}

/// A person with a new random password.
fn person((email, name): (&str, &str)) -> Result<NewPerson> {
    NewPerson::check(email, &secret::password(), name)
}
