//! Visitors in the API.

use ::entity::{
    ids::{SiteId, VisitorId},
    visitor,
};
use async_graphql::{Context, InputObject, Json, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use sea_orm::JsonValue;

use super::{
    actions::{self, Started},
    model::Profile,
    store,
};
use crate::{
    features::sites,
    kernel::{
        CtxExt, Error, Permission, Result,
        page::{List, Paging, Place},
    },
};

/// A person on a site without an account, known by a token in their browser. What they told about themself is their own
/// word.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Visitor {
    /// Identifies the visitor.
    pub id: VisitorId,
    /// The site they are on.
    pub site_id: SiteId,
    /// The name they gave.
    pub name: Option<String>,
    /// The e-mail address they gave, lower-cased. Not verified.
    pub email: Option<String>,
    /// The phone number they gave.
    pub phone: Option<String>,
    /// The language they prefer (BCP 47).
    pub locale: Option<String>,
    #[graphql(skip)]
    pub vip: bool,
    /// What the site's page told about them: a flat JSON object.
    pub custom_data: Json<JsonValue>,
    /// When they did something for the first time.
    pub created_at: DateTime<Utc>,
    /// When they last did something, to the minute.
    pub last_seen_at: DateTime<Utc>,
}

impl From<visitor::Model> for Visitor {
    fn from(row: visitor::Model) -> Self {
        Self {
            id: row.id,
            site_id: row.site_id,
            name: row.name,
            email: row.email,
            phone: row.phone,
            locale: row.locale,
            vip: row.vip,
            custom_data: Json(row.custom_data),
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
        }
    }
}

/// What a visitor may know of the site they are on.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct VisitorSite {
    /// Identifies the site.
    id: SiteId,
    /// The site's name.
    name: String,
    /// The language of texts that have none of their own (BCP 47).
    locale: String,
}

/// Where a session is to start.
#[derive(InputObject)]
pub(super) struct StartVisitorSessionInput {
    /// The public key of the site.
    site_key: String,
    /// The token of an earlier session in this browser, if there is one, also when it has run out. It brings the same
    /// visitor back for 180 days; one that cannot be used is ignored.
    #[graphql(secret)]
    visitor_token: Option<String>,
}

/// A visitor's session.
#[derive(SimpleObject)]
pub(super) struct StartVisitorSessionPayload {
    /// Send it as `Authorization: Bearer <token>`, and keep it in the browser for the next visit.
    token: String,
    /// When it expires: 24 hours after it was issued. Start the session again with it before or after.
    token_expires_at: DateTime<Utc>,
    /// Who the visitor is.
    visitor_id: VisitorId,
    /// True when this visitor did something here before. Who only looked is not remembered.
    returning: bool,
    /// The site.
    site: VisitorSite,
}

impl From<Started> for StartVisitorSessionPayload {
    fn from(started: Started) -> Self {
        let site = started.site;
        Self {
            token: started.token,
            token_expires_at: started.expires_at,
            visitor_id: started.visitor,
            returning: started.returning,
            site: VisitorSite { id: site.id, name: site.name, locale: site.locale },
        }
    }
}

/// What a visitor tells about themself. What is left out stays, null clears.
#[derive(InputObject)]
pub(super) struct UpdateVisitorInput {
    /// A name, up to 120 characters.
    name: MaybeUndefined<String>,
    /// An e-mail address.
    email: MaybeUndefined<String>,
    /// A phone number, up to 40 characters: digits, spaces and `+ - ( ) / .`.
    phone: MaybeUndefined<String>,
    /// A flat JSON object that takes the place of the earlier one: up to 50 keys of up to 64 characters, with texts,
    /// numbers, booleans or null, 8 KiB in all.
    custom_data: MaybeUndefined<Json<JsonValue>>,
    /// The preferred language, like `tr` or `en-GB`.
    locale: MaybeUndefined<String>,
}

/// The visitor as they are known now.
#[derive(SimpleObject)]
pub(super) struct UpdateVisitorPayload {
    /// The visitor.
    visitor: Visitor,
}

/// How important a visitor is.
#[derive(InputObject)]
pub(super) struct SetVisitorVipInput {
    /// The visitor.
    visitor_id: VisitorId,
    /// Whether they come earlier in the queue than others.
    vip: bool,
}

/// The visitor who was marked.
#[derive(SimpleObject)]
pub(super) struct SetVisitorVipPayload {
    /// The visitor as they are known now.
    visitor: Visitor,
}

/// Questions about visitors.
#[derive(Default)]
pub struct VisitorsQuery;

/// Questions about visitors.
#[Object]
impl VisitorsQuery {
    /// A visitor of a site you are a member of.
    async fn visitor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The visitor.")] visitor_id: VisitorId,
    ) -> Result<Visitor> {
        let cx = ctx.cx();
        let reach = sites::reach_to(cx, Permission::VisitorsRead, "visitor")?;
        Ok(store::find(&cx.db(), &reach, visitor_id).await?.into())
    }

    /// The visitors of a site you are a member of who did anything yet, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn visitors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<Visitor>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = sites::reach_in(&cx, Permission::VisitorsRead, site_id)?;
        sites::find(&cx.db(), &reach, site_id).await?;
        let page = store::list(&cx.db(), &reach, site_id, &paging).await?;
        let place = |row: &visitor::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, Visitor::from, move || {
            let (cx, reach) = (cx.clone(), reach.clone());
            Box::pin(async move { store::count(&cx.db(), &reach, site_id).await })
        }))
    }

    /// What is known about you as a visitor. Null before you did anything. Refused with `FORBIDDEN` for persons with an
    /// account.
    async fn current_visitor(&self, ctx: &Context<'_>) -> Result<Option<Visitor>> {
        let cx = ctx.cx();
        let (site, id) = cx.reach(Permission::VisitorsWrite)?.visitor().ok_or_else(Error::forbidden)?;
        Ok(store::lookup_own(&cx.db(), site, id).await?.map(Visitor::from))
    }
}

/// Changes by visitors.
#[derive(Default)]
pub struct VisitorsMutation;

/// Changes by visitors.
#[Object]
impl VisitorsMutation {
    /// Starts a visitor's session on a site, or renews one. Nothing is stored until the visitor does something. Refused
    /// with `NOT_FOUND` for an unknown key, and with `ORIGIN_NOT_ALLOWED` when the site has a list of origins and the
    /// page is from none of them. Needs no token.
    async fn start_visitor_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where it is to start.")] input: StartVisitorSessionInput,
    ) -> Result<StartVisitorSessionPayload> {
        Ok(actions::start(ctx.cx(), &input.site_key, input.visitor_token.as_deref()).await?.into())
    }

    /// Writes down what you tell about yourself as a visitor. With a visitor's token only.
    async fn update_visitor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write down.")] input: UpdateVisitorInput,
    ) -> Result<UpdateVisitorPayload> {
        Ok(UpdateVisitorPayload { visitor: actions::update(ctx.cx(), input.into()).await?.into() })
    }

    /// Marks a visitor as important, or no longer: from the next time that they wait they come earlier in the queue, and
    /// the rules of routing know. For members of the site.
    async fn set_visitor_vip(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and how.")] input: SetVisitorVipInput,
    ) -> Result<SetVisitorVipPayload> {
        let visitor = actions::set_vip(ctx.cx(), input.visitor_id, input.vip).await?;
        Ok(SetVisitorVipPayload { visitor: visitor.into() })
    }
}

impl From<UpdateVisitorInput> for Profile {
    fn from(input: UpdateVisitorInput) -> Self {
        let UpdateVisitorInput { name, email, phone, custom_data, locale } = input;
        Self { name, email, phone, locale, custom_data: custom_data.map_value(|Json(data)| data) }
    }
}
