//! Changes to one's account and sign-ins.

use ::entity::ids::{SessionId, UserId};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use uuid::Uuid;

use super::types::{AuthPayload, Session, User, by};
use crate::{
    features::accounts::{
        actions::{self, Looks},
        credits::{self, Credits},
        limits,
    },
    kernel::{CtxExt, Once, Result},
};

/// A new account.
#[derive(InputObject)]
pub(super) struct RegisterInput {
    /// The e-mail address to sign in with; capitals make no difference.
    email: String,
    /// 10 to 256 characters that are not all blank, and not the e-mail address.
    #[graphql(secret)]
    password: String,
    /// The name others see, up to 120 characters.
    name: String,
}

/// Who wants to sign in.
#[derive(InputObject)]
pub(super) struct LoginInput {
    /// The e-mail address of the account; capitals make no difference.
    email: String,
    /// The password of the account.
    #[graphql(secret)]
    password: String,
    /// The `deviceToken` of an earlier sign-in on this device, if there was one.
    #[graphql(secret)]
    device_token: Option<String>,
}

/// What gets the next pair of tokens.
#[derive(InputObject)]
pub(super) struct RefreshSessionInput {
    /// The refresh token of the last pair.
    #[graphql(secret)]
    refresh_token: String,
}

/// What to change of your account. What is left out stays.
#[derive(InputObject)]
pub(super) struct UpdateMeInput {
    /// Your name as others see it, at most 120 characters.
    name: Option<String>,
    /// Your picture as others see it: an `https` address, or a path on the page that shows it, at most 2,048 characters.
    /// Null takes it away.
    avatar_url: MaybeUndefined<String>,
    /// The `version` that you read. Refused with `VERSION_CONFLICT` when you have changed something elsewhere since;
    /// without it, the last change counts.
    expected_version: Option<i32>,
}

/// Your account as it is now.
#[derive(SimpleObject)]
pub(super) struct UpdateMePayload {
    /// You.
    user: User,
}

/// Your old and your new password.
#[derive(InputObject)]
pub(super) struct ChangePasswordInput {
    /// The one that counts now.
    #[graphql(secret)]
    current_password: String,
    /// The next one: 10 to 256 characters that are not all blank, neither your e-mail address nor the one that counts now.
    #[graphql(secret)]
    new_password: String,
}

/// A password that was changed.
#[derive(SimpleObject)]
pub(super) struct ChangePasswordPayload {
    /// You.
    user: User,
    /// How many other sign-ins were ended.
    ended_sessions: i32,
}

/// What to sign out of.
#[derive(InputObject)]
pub(super) struct LogoutInput {
    /// True to end all your sign-ins, on every device, and not only the one this request came with.
    #[graphql(default)]
    all_sessions: bool,
}

/// Which sign-in to end.
#[derive(InputObject)]
pub(super) struct RevokeSessionInput {
    /// One of your own sessions.
    session_id: SessionId,
}

/// Credits for somebody.
#[derive(InputObject)]
pub(super) struct GrantCreditsInput {
    /// The person.
    user_id: UserId,
    /// How many more, 1 to 1,000,000.
    amount: i32,
    /// Your own id of the grant, a UUID you make: sending it again within 7 days, for example after a lost connection,
    /// never gives the credits twice. Leave it out only if you never retry.
    client_id: Option<Uuid>,
}

/// Credits that were granted.
#[derive(SimpleObject)]
pub(super) struct GrantCreditsPayload {
    /// The person.
    user: User,
    /// What the person has now.
    credits: Credits,
}

/// The end of the sign-in the request came with.
#[derive(SimpleObject)]
pub(super) struct LogoutPayload {
    /// The session the request came with; it was ended.
    session: Session,
    /// How many sessions were ended, that one included.
    ended_sessions: i32,
}

/// The end of a sign-in.
#[derive(SimpleObject)]
pub(super) struct RevokeSessionPayload {
    /// The session that was ended.
    session: Session,
}

/// Changes to the caller's account and sign-ins.
#[derive(Default)]
pub struct AccountsMutation;

/// Changes to the caller's account and sign-ins.
#[Object]
impl AccountsMutation {
    /// Makes an account and signs in. A new account is a customer's; roles in sites come by `createSite` or an
    /// invitation. Refused with `EMAIL_TAKEN` when the address has an account. May stand once in a document; limited
    /// per address of the network.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new account.")] input: RegisterInput,
    ) -> Result<AuthPayload<by::Register>> {
        limits::once(ctx, "register")?;
        Ok(actions::register(ctx.cx(), &input.email, &input.password, &input.name).await?.into())
    }

    /// Signs in. Refused with `INVALID_CREDENTIALS` when address and password do not belong together, and with
    /// `RATE_LIMITED` after too many failures within an hour: 5 for one account from one network address, 50 for one
    /// account, 100 from one network address; a device that sends its `deviceToken` has 10 of its own instead. Sign-ins
    /// that succeed do not count. May stand once in a document.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who wants to sign in.")] input: LoginInput,
    ) -> Result<AuthPayload<by::Login>> {
        limits::once(ctx, "login")?;
        Ok(actions::login(ctx.cx(), &input.email, &input.password, input.device_token.as_deref()).await?.into())
    }

    /// Exchanges a refresh token for a new pair. For 10 seconds the same token gives the same new refresh token, so that
    /// two tabs, or a retry after a lost response, stay signed in. Used later than that, it ends the whole sign-in
    /// (`REFRESH_TOKEN_REUSED`), because then somebody has a copy. Needs no access token. May stand once in a document.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What gets the next pair.")] input: RefreshSessionInput,
    ) -> Result<AuthPayload<by::RefreshSession>> {
        limits::once(ctx, "refreshSession")?;
        Ok(actions::refresh(ctx.cx(), &input.refresh_token).await?.into())
    }

    /// Changes your name and your picture.
    async fn update_me(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateMeInput,
    ) -> Result<UpdateMePayload> {
        let UpdateMeInput { name, avatar_url, expected_version } = input;
        let looks = Looks { name, avatar_url };
        Ok(UpdateMePayload { user: User::own(actions::update_me(ctx.cx(), expected_version, looks).await?) })
    }

    /// Changes your password and ends all your other sign-ins; this one goes on. Refused with `INVALID_CREDENTIALS` when
    /// the current password is wrong, and with `RATE_LIMITED` after 10 wrong ones within an hour. May stand once in a
    /// document.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The old and the new one.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload> {
        limits::once(ctx, "changePassword")?;
        let cx = ctx.cx();
        let (user, ended_sessions) = actions::change_password(cx, &input.current_password, &input.new_password).await?;
        Ok(ChangePasswordPayload { user: User::own(user), ended_sessions })
    }

    /// Ends the sign-in this request came with, or with `allSessions` every one of yours: access and refresh tokens
    /// count no more, and streams end.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to sign out of.")] input: LogoutInput,
    ) -> Result<LogoutPayload> {
        let (session, ended_sessions) = actions::logout(ctx.cx(), input.all_sessions).await?;
        Ok(LogoutPayload { session: Session::new(session, &ctx.cx().actor), ended_sessions })
    }

    /// Gives a person more credits, with which customers pay for conversations with assistants that charge. For
    /// superadmins.
    async fn grant_credits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who gets how many.")] input: GrantCreditsInput,
    ) -> Result<GrantCreditsPayload> {
        let once = Once::new(ctx.cx(), "grantCredits", input.client_id, &input);
        let person = credits::grant(ctx.cx(), input.user_id, input.amount, &once).await?;
        Ok(GrantCreditsPayload { credits: Credits::from(&person), user: person.into() })
    }

    /// Ends one of your sign-ins, for example that of a lost device.
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RevokeSessionInput,
    ) -> Result<RevokeSessionPayload> {
        let session = actions::revoke_session(ctx.cx(), input.session_id).await?;
        Ok(RevokeSessionPayload { session: Session::new(session, &ctx.cx().actor) })
    }
}
