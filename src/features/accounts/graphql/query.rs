//! Questions about oneself.

use async_graphql::{Context, Object};

use super::types::{Session, TokenVerification, User};
use crate::{
    features::accounts::{limits, signed_in, store, token, verify},
    kernel::{
        CtxExt, Result,
        page::{List, Paging, Place},
    },
};

/// Questions about the caller's account and tokens.
#[derive(Default)]
pub struct AccountsQuery;

/// Questions about the caller's account and tokens.
#[Object]
impl AccountsQuery {
    /// The person who is signed in. Refused with `UNAUTHENTICATED` without a token, and with `FORBIDDEN` for visitors.
    async fn me(&self, ctx: &Context<'_>) -> Result<User> {
        let cx = ctx.cx();
        Ok(User::own(store::find(&cx.db(), signed_in(&cx.actor)?.user).await?))
    }

    /// Where you are signed in, newest first: sessions that neither were ended nor have run out.
    #[graphql(complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * (1 + child_complexity)")]
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many to show from the start, 1 to 100; 20 without it.")] first: Option<i32>,
        #[graphql(desc = "Show those after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many to show from the end, 1 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Show those before this cursor.")] before: Option<String>,
    ) -> Result<List<Session>> {
        let cx = ctx.cx().clone();
        let (user, now) = (signed_in(&cx.actor)?.user, cx.clock.now());
        let page = store::list_sessions(&cx.db(), user, now, &Paging::new(first, after, last, before)?).await?;
        let actor = cx.actor.clone();
        Ok(page.connect(
            |row| Place(row.created_at.timestamp_micros(), row.id.0),
            |row| Session::new(row, &actor),
            move || {
                let cx = cx.clone();
                Box::pin(async move { store::count_sessions(&cx.db(), user, now).await })
            },
        ))
    }

    /// Tells whether an access token or a visitor's token would be accepted. Works without signing in. May stand once
    /// in a document. A refresh token is not such a token: it is `INVALID_TOKEN` here.
    async fn verify_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token, without `Bearer`.", secret)] token: String,
    ) -> Result<TokenVerification> {
        limits::once(ctx, "verifyToken")?;
        let cx = ctx.cx();
        let claims = token::read(&cx.secrets, &token);
        let refused = match &claims {
            Ok(claims) => verify(cx, claims).await,
            Err(error) => Err(error.clone()),
        };
        match refused.err() {
            Some(error) if error.is_transient() => Err(error),
            refused => Ok(TokenVerification::new(claims.as_ref().ok(), refused.as_ref())),
        }
    }
}
