//! Finding canned responses.

use ::entity::{canned_response, ids::SiteId};
use async_graphql::{Context, Object};
use futures_util::FutureExt;

use super::{
    super::{model::Search, store},
    types::CannedResponse,
};
use crate::{
    features::{accounts, sites::reach_in},
    kernel::{
        CtxExt, Permission, Result,
        page::{List, Paging, Place},
    },
};

/// Questions about canned responses.
#[derive(Default)]
pub struct CannedResponsesQuery;

#[Object]
impl CannedResponsesQuery {
    /// The canned responses you can use on a site, the site's and your own, most used first. For members of the site.
    #[expect(clippy::too_many_arguments, reason = "the four Relay arguments and a search")]
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn canned_responses(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(
            desc = "What is typed, at most 100 characters: after a slash the beginning of a shortcut (`/ia`); otherwise \
                    the beginning of a shortcut, or words of which all are in title or text. In any case and with or \
                    without accents. Without it all."
        )]
        search: Option<String>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<CannedResponse>> {
        let cx = ctx.cx().clone();
        let reach = reach_in(&cx, Permission::CannedResponsesUse, site_id)?;
        let user = accounts::signed_in(&cx.actor)?.user;
        let paging = Paging::new(first, after, last, before)?;
        let search = Search::read(search.as_deref())?;
        let page = store::list(&cx.db(), &reach, user, site_id, search.as_ref(), &paging).await?;
        let place = |row: &canned_response::Model| Place(row.uses, row.id.0);
        Ok(page.connect(place, CannedResponse::from, move || {
            let (cx, reach, search) = (cx.clone(), reach.clone(), search.clone());
            async move { store::count(&cx.db(), &reach, user, site_id, search.as_ref()).await }.boxed()
        }))
    }
}
