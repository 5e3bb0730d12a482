//! Questions about assistants.

use ::entity::{
    assistant,
    ids::{AssistantId, SiteId},
};
use async_graphql::{Context, Object, OutputType};
use futures_util::FutureExt;

use super::{
    super::store::{self, Listing},
    types::{Assistant, AssistantProfile},
};
use crate::{
    features::sites,
    kernel::{
        Ctx, CtxExt, Error, Permission, Result,
        page::{List, Paging},
    },
};

/// Questions about assistants.
#[derive(Default)]
pub struct AssistantsQuery;

/// Questions about assistants.
#[Object]
impl AssistantsQuery {
    /// An assistant with all its settings: of a site you are a member of, or your own.
    async fn assistant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] assistant_id: AssistantId,
    ) -> Result<Assistant> {
        let cx = ctx.cx();
        let reach = cx.reach(Permission::AssistantsRead)?;
        Ok(store::find(&cx.db(), &reach, assistant_id).await?.into())
    }

    /// The assistants of a site you are a member of or, without `siteId`, your own; oldest first. The first that is on
    /// is whom visitors talk to who name none.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn assistants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site; without it, your own assistants.")] site_id: Option<SiteId>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Assistant>> {
        let cx = ctx.cx();
        let listing = match site_id {
            Some(site) => {
                let reach = sites::reach_in(cx, Permission::AssistantsRead, site)?;
                sites::find(&cx.db(), &reach, site).await?;
                Listing::of_site(&reach, site)
            }
            None => {
                let reach = cx.reach(Permission::AssistantsRead)?;
                Listing::of_customer(reach.customer().ok_or_else(Error::forbidden)?)
            }
        };
        list(cx, listing, Paging::new(first, after, last, before)?, Assistant::from).await
    }

    /// The assistants that sites have opened to registered customers and that are on, oldest first. For everybody with
    /// an account; start a conversation with one by its id.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn available_assistants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<AssistantProfile>> {
        let cx = ctx.cx();
        cx.reach(Permission::AssistantsRead)?;
        list(cx, Listing::open(), Paging::new(first, after, last, before)?, AssistantProfile::from).await
    }
}

async fn list<N: OutputType>(
    cx: &Ctx,
    listing: Listing,
    paging: Paging,
    show: fn(assistant::Model) -> N,
) -> Result<List<N>> {
    let page = listing.page(&cx.db(), &paging).await?;
    let cx = cx.clone();
    let count = move || {
        let (cx, listing) = (cx.clone(), listing.clone());
        async move { listing.count(&cx.db()).await }.boxed()
    };
    Ok(page.connect(store::place, show, count))
}
