//! What publishing an article would do to golden questions, tried in a database that is thrown away.
//!
//! The site's searchable articles are copied there with their vectors, so only the article in question is embedded. The
//! copies are searched by the same code with an index of their own: nothing of the preview can be found on the site.

use std::sync::Arc;

use ::entity::{
    article, assistant,
    evaluation_gate::Gate,
    golden_question,
    ids::{ArticleId, SiteId},
};

use super::{folder::Throwaway, measure, measure::Expected, outcome, store};
use crate::{
    features::{
        assistants,
        knowledge::{self, Leg},
        sites::{self, NewSite, reach_to},
    },
    kernel::{Ctx, Error, Permission, Result, ctx::Ports, shared::Shared},
    ports::{
        bus::Bus,
        db::Database,
        scratch::Scratch,
        vectors::{EmbeddedIndex, Vectors},
    },
};

/// Golden questions of an assistant that are asked: the newest.
const ASKED: u64 = 300;
/// An expected article further down is not given to a model, or not shown.
const NEAR: usize = 3;

/// A golden question that is treated otherwise once the article is published.
pub(super) struct Change {
    pub(super) assistant: assistant::Model,
    pub(super) golden: golden_question::Model,
    /// It is treated rightly then, and is not now.
    pub(super) better: bool,
}

/// What publishing would do.
pub(super) struct Preview {
    /// How many golden questions were asked.
    pub(super) asked: usize,
    pub(super) changes: Vec<Change>,
}

/// Asks the golden questions of the site's assistants that have the gate, without the article and with it.
pub(super) async fn preview(cx: &Ctx, id: ArticleId) -> Result<Preview> {
    let reach = reach_to(cx, Permission::EvaluationsManage, "article")?;
    let article = knowledge::by_ids(&cx.db(), &reach, vec![id]).await?.remove(&id);
    let article = article.ok_or_else(|| Error::not_found("article"))?;
    let mut asked = vec![];
    for assistant in assistants::of_site(&cx.db(), article.site_id).await? {
        if store::gate(&cx.db(), &assistant).await?.gate == Gate::Warn {
            let golden = store::all_golden(&cx.db(), assistant.id, Some(ASKED)).await?;
            asked.extend(golden.into_iter().map(|golden| (assistant.clone(), golden)));
        }
    }
    if asked.is_empty() {
        return Ok(Preview { asked: 0, changes: vec![] });
    }
    let sandbox = Sandbox::new(cx, article.site_id).await?;
    let before = sandbox.ask(&asked).await?;
    sandbox.publish(article).await?;
    let after = sandbox.ask(&asked).await?;
    let count = asked.len();
    let changes = asked.into_iter().zip(before.into_iter().zip(after)).filter(|(_, (before, after))| before != after);
    let changes = changes.map(|((assistant, golden), (_, better))| Change { assistant, golden, better }).collect();
    Ok(Preview { asked: count, changes })
}

/// A copy of what is searchable of a site.
struct Sandbox {
    cx: Ctx,
    site: SiteId,
    _folder: Throwaway,
}

impl Sandbox {
    async fn new(cx: &Ctx, site: SiteId) -> Result<Self> {
        let folder = Throwaway::new().await?;
        let file = folder.path().join("preview.sqlite");
        let database = Database::connect(&format!("sqlite://{}?mode=rwc", file.display()), 2).await?;
        database.migrate().await?;
        let ports = Ports {
            config: cx.config.clone(),
            clock: cx.clock.clone(),
            database,
            bus: Bus::memory(),
            scratch: Scratch::memory(),
            vectors: Vectors::Embedded(EmbeddedIndex::new(cx.embeddings.model().clone())),
            embeddings: cx.embeddings.clone(),
            documents: cx.documents.clone(),
            models: cx.models.clone(),
            secrets: cx.secrets.clone(),
            tasks: cx.tasks.clone(),
            shared: Shared::default(),
        };
        let own = Ctx::system(Arc::new(ports));
        let mut tx = own.begin().await?;
        let copy = sites::insert_in(&mut tx, NewSite::check("Preview", &[], None)?).await?;
        knowledge::copy_searchable(&cx.db(), &tx.db(), (site, copy.id), cx.embeddings.model()).await?;
        tx.commit().await?;
        Ok(Self { cx: own, site: copy.id, _folder: folder })
    }

    /// Whether each question is treated rightly. Of an assistant whose answers a model writes only retrieval is measured:
    /// asking the model would cost money and say something else each time.
    async fn ask(&self, asked: &[(assistant::Model, golden_question::Model)]) -> Result<Vec<bool>> {
        let mut right = Vec::with_capacity(asked.len());
        for (assistant, golden) in asked {
            let assistant = assistant::Model { site_id: self.site, ..assistant.clone() };
            let passed = match (assistants::asks_models(&assistant), golden.expected_article_id) {
                (false, article) => {
                    let expected = Expected { article, contains: golden.answer_contains.clone() };
                    let measured = measure::measure(&self.cx, &assistant, &golden.question, &expected).await?;
                    outcome::passed(golden, &measured)
                }
                (true, Some(article)) => {
                    let place = measure::place(&self.cx, &assistant, &golden.question, article, Leg::Fused).await?;
                    place.is_some_and(|place| place <= NEAR)
                }
                (true, None) => true,
            };
            right.push(passed);
        }
        Ok(right)
    }

    async fn publish(&self, article: article::Model) -> Result<()> {
        knowledge::index_copy(&self.cx, article::Model { site_id: self.site, ..article }).await
    }
}
