//! Questions about sites.

use ::entity::ids::SiteId;
use async_graphql::{Context, Object};

use super::types::{Invitation, Site, SiteMember};
use crate::{
    features::sites::{reach_in, reach_of_sites, store},
    kernel::{
        CtxExt, Permission, Result,
        page::{List, Page, Paging, Place},
    },
};

/// Questions about sites, their members and invitations.
#[derive(Default)]
pub struct SitesQuery;

/// Questions about sites, their members and invitations.
#[Object]
impl SitesQuery {
    /// A site you are a member of.
    async fn site(&self, ctx: &Context<'_>, #[graphql(desc = "The site.")] site_id: SiteId) -> Result<Site> {
        let cx = ctx.cx();
        let reach = reach_in(cx, Permission::SitesRead, site_id)?;
        Ok(store::find(&cx.db(), &reach, site_id).await?.into())
    }

    /// The sites you are a member of, newest first; all of them for a superadmin, none for a customer.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn sites(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<Site>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_of_sites(&cx)?;
        let page = match &reach {
            Some(reach) => store::list(&cx.db(), reach, &paging).await?,
            None => paging.finish(vec![]),
        };
        let place = |row: &::entity::site::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(place, Site::from, move || {
            let (cx, reach) = (cx.clone(), reach.clone());
            Box::pin(async move {
                match reach {
                    Some(reach) => store::count(&cx.db(), &reach).await,
                    None => Ok(0),
                }
            })
        }))
    }

    /// The members of a site you are a member of, those who joined first first.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn site_members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<SiteMember>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::SitesRead, site_id)?;
        store::find(&cx.db(), &reach, site_id).await?;
        let page = store::list_members(&cx.db(), &reach, site_id, &paging).await?;
        let page = Page {
            rows: SiteMember::load_all(ctx, page.rows).await?,
            has_next: page.has_next,
            has_previous: page.has_previous,
        };
        let place = |row: &SiteMember| Place(row.joined_at.timestamp_micros(), row.id.0);
        Ok(page.connect(
            place,
            |row| row,
            move || {
                let (cx, reach) = (cx.clone(), reach.clone());
                Box::pin(async move { store::count_members(&cx.db(), &reach, site_id).await })
            },
        ))
    }

    /// The invitations to a site that were not accepted yet, newest first. For admins.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn invitations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] site_id: SiteId,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<Invitation>> {
        let cx = ctx.cx().clone();
        let paging = Paging::new(first, after, last, before)?;
        let reach = reach_in(&cx, Permission::MembersManage, site_id)?;
        store::find(&cx.db(), &reach, site_id).await?;
        let page = store::list_invitations(&cx.db(), &reach, site_id, &paging).await?;
        let now = cx.clock.now();
        let place = |row: &::entity::invitation::Model| Place(row.created_at.timestamp_micros(), row.id.0);
        Ok(page.connect(
            place,
            |row| Invitation::new(row, now),
            move || {
                let (cx, reach) = (cx.clone(), reach.clone());
                Box::pin(async move { store::count_invitations(&cx.db(), &reach, site_id).await })
            },
        ))
    }
}
