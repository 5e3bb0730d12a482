//! People and departments as a conversation shows them, and the conversations of a visitor.

use std::collections::HashMap;

use ::entity::ids::{DepartmentId, SiteId, UserId};
use async_graphql::{ComplexObject, Context, SimpleObject, dataloader::Loader};
use futures_util::FutureExt;

use super::{
    super::reading::{self, inbox},
    types::Conversation,
};
use crate::{
    features::{accounts, visitors::Visitor},
    kernel::{
        Ctx, CtxExt, Error, Permission, Result,
        loader::Batch,
        page::{List, Paging},
    },
};

/// A person with an account who asks a site something, rather than working for it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct Customer {
    /// The person's id.
    id: UserId,
    /// The name they gave.
    name: String,
    /// Their picture: an `https` address, or a path on the page that shows it. Null when there is none.
    avatar_url: Option<String>,
    #[graphql(skip)]
    address: String,
    #[graphql(skip)]
    site: SiteId,
}

#[ComplexObject]
impl Customer {
    /// The e-mail address they sign in with. Null unless you are a member of the site, or it is your own.
    async fn email(&self, ctx: &Context<'_>) -> Option<&str> {
        let actor = &ctx.cx().actor;
        (actor.is_staff_of(self.site) || actor.user() == Some(self.id)).then_some(&self.address)
    }
}

impl Customer {
    /// The customer whom a row of a site names.
    pub(crate) async fn load(cx: &Ctx, site: SiteId, id: Option<UserId>) -> Result<Option<Self>> {
        let Some(id) = id else { return Ok(None) };
        let user = cx.load(PersonKey(id)).await?;
        Ok(user.map(|user| {
            let address = user.address().to_owned();
            Self { id: user.id, name: user.name, avatar_url: user.avatar_url, address, site }
        }))
    }
}

/// A department of a site, as everybody may see it.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PublicDepartment {
    /// Identifies the department.
    id: DepartmentId,
    /// Its name.
    name: String,
}

impl PublicDepartment {
    /// The department that a row of a site names; `None` when it is gone.
    pub(crate) async fn load(cx: &Ctx, id: Option<DepartmentId>) -> Result<Option<Self>> {
        match id {
            Some(id) => cx.load(DepartmentKey(id)).await,
            None => Ok(None),
        }
    }
}

/// A person with an account. That the caller may see them is decided by the row that names them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct PersonKey(UserId);
/// A department. That the caller may see it is decided by the row that names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct DepartmentKey(DepartmentId);

impl Loader<PersonKey> for Batch {
    type Value = accounts::User;
    type Error = Error;
    async fn load(&self, keys: &[PersonKey]) -> Result<HashMap<PersonKey, accounts::User>> {
        let users = accounts::users_by_ids(&self.0, keys.iter().map(|key| key.0).collect()).await?;
        Ok(users.into_iter().map(|(id, user)| (PersonKey(id), user)).collect())
    }
}

impl Loader<DepartmentKey> for Batch {
    type Value = PublicDepartment;
    type Error = Error;
    async fn load(&self, keys: &[DepartmentKey]) -> Result<HashMap<DepartmentKey, PublicDepartment>> {
        let names = reading::department_names(&self.0.db(), keys.iter().map(|key| key.0).collect()).await?;
        Ok(names.into_iter().map(|(id, name)| (DepartmentKey(id), PublicDepartment { id, name })).collect())
    }
}

/// What conversations add to a visitor.
#[ComplexObject]
impl Visitor {
    /// Members of the site marked them as important: they come earlier in the queue. Members of the site only; null for
    /// others.
    async fn vip(&self, ctx: &Context<'_>) -> Option<bool> {
        ctx.cx().actor.is_staff_of(self.site_id).then_some(self.vip)
    }

    /// The visitor's conversations, newest activity first: for members of the site, and for the visitor.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what stands after this `cursor` of an edge.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what stands before this `cursor` of an edge.")] before: Option<String>,
    ) -> Result<List<Conversation>> {
        let cx = ctx.cx().clone();
        // As for every conversation: a site's members reach all of them, a visitor their own.
        let reach = cx.reach(Permission::ConversationsRead)?;
        let paging = Paging::new(first, after, last, before)?;
        let site = Some(self.site_id);
        let theirs = inbox::Filter { visitor: Some(self.id), ..inbox::Filter::default() };
        let page = inbox::list(&cx.db(), &reach, site, &theirs, &paging).await?;
        Ok(page.connect(
            |row| inbox::place(&row.conversation),
            Conversation::from,
            move || {
                let (cx, reach, theirs) = (cx.clone(), reach.clone(), theirs.clone());
                async move { inbox::count(&cx.db(), &reach, site, &theirs).await }.boxed()
            },
        ))
    }
}
