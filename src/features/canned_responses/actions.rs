//! Every write of the feature.

use ::entity::{
    canned_response::{self, Scope},
    conversation,
    ids::{CannedResponseId, ConversationId, SiteId, UserId},
};
use exact_index::text::fold;

use super::{
    facts::CannedResponseFact,
    model::{self, Filled, Variable},
    store,
};
use crate::{
    features::{
        accounts, assistants, conversations,
        sites::{self, reach_in, reach_to},
        visitors,
    },
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Result, once, text, versions},
};

/// What a response is made of, or what of it is changed.
pub(super) struct Content {
    pub(super) shortcut: String,
    pub(super) title: String,
    pub(super) text: String,
}

impl Content {
    fn check(self) -> Result<Self> {
        let text = text::body("input.text", &self.text, model::TEXT_MAX)?;
        model::parse("input.text", &text)?;
        Ok(Self {
            shortcut: model::shortcut("input.shortcut", &self.shortcut)?,
            title: text::line("input.title", &self.title, model::TITLE_MAX)?,
            text,
        })
    }

    /// What a search looks through.
    fn folded(&self) -> String {
        format!("{}\n{}", fold(&self.title), fold(&self.text))
    }
}

/// What to change of a response; what is absent stays.
pub(super) struct Changes {
    pub(super) shortcut: Option<String>,
    pub(super) title: Option<String>,
    pub(super) text: Option<String>,
}

/// Makes a response: one of the whole site as its admin, one of one's own as any member.
pub(super) async fn create(
    cx: &Ctx,
    site: SiteId,
    scope: Scope,
    content: Content,
    once: &Once,
) -> Result<canned_response::Model> {
    let reach = reach_in(cx, Permission::CannedResponsesUse, site)?;
    let author = accounts::signed_in(&cx.actor)?.user;
    let owner = match scope {
        Scope::Site => {
            reach_in(cx, Permission::CannedResponsesManage, site)?;
            None
        }
        Scope::Own => Some(author),
    };
    let content = content.check()?;
    let now = cx.clock.now();
    let row = canned_response::Model {
        id: cx.id(CannedResponseId),
        site_id: site,
        scope,
        owner_id: owner,
        author_id: author,
        shortcut_folded: model::key(&content.shortcut),
        folded: content.folded(),
        shortcut: content.shortcut,
        title: content.title,
        text: content.text,
        uses: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let mut tx = cx.begin().await?;
    if let Some(made) = once.claim(&tx, row.id.0).await? {
        return once::again(store::find(&tx.db(), &reach, author, CannedResponseId(made)).await);
    }
    store::insert(&tx.db(), row.clone(), taken).await?;
    tx.record(site, row.id.0, &CannedResponseFact::Created { scope })?;
    tx.commit().await?;
    Ok(row)
}

/// Changes a response; the same again changes nothing.
///
/// # Errors
/// `BAD_USER_INPUT` for what is wrong with it, `CONFLICT` for a shortcut that is taken and with `VERSION_CONFLICT` when
/// somebody else was faster.
pub(super) async fn update(
    cx: &Ctx,
    id: CannedResponseId,
    expected: Option<i32>,
    changes: Changes,
) -> Result<canned_response::Model> {
    let reach = reach_to(cx, Permission::CannedResponsesUse, "canned response")?;
    let user = accounts::signed_in(&cx.actor)?.user;
    let mut tx = cx.begin().await?;
    let row = store::find_for_update(&tx.db(), &reach, user, id).await?;
    may_change(cx, &row)?;
    versions::check(row.version, expected)?;
    let Changes { shortcut, title, text } = changes;
    let content = Content {
        shortcut: shortcut.unwrap_or_else(|| row.shortcut.clone()),
        title: title.unwrap_or_else(|| row.title.clone()),
        text: text.unwrap_or_else(|| row.text.clone()),
    };
    let content = content.check()?;
    let changed = canned_response::Model {
        shortcut_folded: model::key(&content.shortcut),
        folded: content.folded(),
        shortcut: content.shortcut,
        title: content.title,
        text: content.text,
        ..row.clone()
    };
    if changed == row {
        return Ok(row);
    }
    let changed = canned_response::Model { version: row.version + 1, updated_at: cx.clock.now(), ..changed };
    store::save(&tx.db(), changed.clone(), taken).await?;
    tx.record(row.site_id, id.0, &CannedResponseFact::Changed)?;
    tx.commit().await?;
    Ok(changed)
}

/// Takes a response away.
pub(super) async fn delete(cx: &Ctx, id: CannedResponseId) -> Result<CannedResponseId> {
    let reach = reach_to(cx, Permission::CannedResponsesUse, "canned response")?;
    let user = accounts::signed_in(&cx.actor)?.user;
    let mut tx = cx.begin().await?;
    let row = store::find_for_update(&tx.db(), &reach, user, id).await?;
    may_change(cx, &row)?;
    store::delete(&tx.db(), id).await?;
    tx.record(row.site_id, id.0, &CannedResponseFact::Deleted)?;
    tx.commit().await?;
    Ok(id)
}

/// Fills a response's variables for a conversation, and counts the use.
pub(super) async fn render(
    cx: &Ctx,
    id: CannedResponseId,
    conversation: ConversationId,
) -> Result<(canned_response::Model, Filled)> {
    let reach = reach_to(cx, Permission::CannedResponsesUse, "canned response")?;
    let user = accounts::signed_in(&cx.actor)?.user;
    let response = store::find(&cx.db(), &reach, user, id).await?;
    let read = cx.reach(Permission::ConversationsRead)?;
    let conversation = conversations::find(&cx.db(), &read, conversation).await?;
    conversations::may(&cx.actor, Permission::ConversationsWork, &conversation)?;
    if conversation.site_id != response.site_id {
        let message = "The response and the conversation are of different sites; take a response of that site.";
        return Err(Error::bad_input("input.cannedResponseId", ErrorReason::InvalidCombination, message));
    }
    let values = Values::of(cx, &conversation, user).await?;
    let mut tx = cx.begin().await?;
    let response = store::find_for_update(&tx.db(), &reach, user, id).await?;
    let filled = model::fill(&model::parse("text", &response.text)?, |variable| values.get(variable));
    let used = canned_response::Model { uses: response.uses + 1, ..response };
    store::save(&tx.db(), used.clone(), taken).await?;
    tx.record(used.site_id, id.0, &CannedResponseFact::Used { conversation: conversation.id })?;
    tx.commit().await?;
    Ok((used, filled))
}

/// What there is to fill variables with.
struct Values {
    conversation: ConversationId,
    site: String,
    agent: Option<String>,
    assistant: Option<String>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

impl Values {
    async fn of(cx: &Ctx, conversation: &conversation::Model, agent: UserId) -> Result<Self> {
        let customer = conversation.customer_id;
        let people = accounts::users_by_ids(cx, customer.into_iter().chain([agent]).collect()).await?;
        let name_of = |id: UserId| people.get(&id).map(|user| user.name.clone());
        let visitor = match conversation.visitor_id {
            Some(id) => visitors::by_ids(cx, vec![id]).await?.remove(&id),
            None => None,
        };
        let assistant = match conversation.assistant_id {
            Some(id) => assistants::find_any(&cx.db(), id).await?,
            None => None,
        };
        let (name, email, phone) = match visitor {
            Some(visitor) => (visitor.name, visitor.email, visitor.phone),
            None => (customer.and_then(name_of), None, None),
        };
        Ok(Self {
            conversation: conversation.id,
            site: sites::find_any(&cx.db(), conversation.site_id).await?.name,
            agent: name_of(agent),
            assistant: assistant.map(|assistant| assistant.name),
            name,
            email,
            phone,
        })
    }

    fn get(&self, variable: Variable) -> Option<String> {
        match variable {
            Variable::VisitorName => self.name.clone(),
            Variable::VisitorEmail => self.email.clone(),
            Variable::VisitorPhone => self.phone.clone(),
            Variable::AgentName => self.agent.clone(),
            Variable::AssistantName => self.assistant.clone(),
            Variable::SiteName => Some(self.site.clone()),
            Variable::ConversationId => Some(self.conversation.to_string()),
        }
    }
}

/// One of the whole site is changed by its admins. Nobody finds another's own one.
fn may_change(cx: &Ctx, row: &canned_response::Model) -> Result<()> {
    match row.scope {
        Scope::Own => Ok(()),
        Scope::Site => reach_in(cx, Permission::CannedResponsesManage, row.site_id).map(|_| ()),
    }
}

fn taken() -> Error {
    Error::conflict(ErrorReason::ShortcutTaken, "There is already a response with this shortcut; choose another one.")
        .at("input.shortcut")
}
