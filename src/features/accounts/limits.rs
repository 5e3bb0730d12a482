//! What an account's secrets are guarded by: failed sign-ins are counted before the password is looked at, and a document
//! may guess once.

use ::entity::ids::SessionId;
use async_graphql::{
    Context,
    parser::types::{Selection, SelectionSet},
};

use crate::kernel::{
    Ctx, Error, ErrorReason, Result,
    error::ErrorCode,
    quotas::{self, Expense},
    secret,
};

/// An attempt to sign in. It counts as a failure until it is known to be none, so that attempts at once do not slip
/// past the limit.
///
/// What a stranger can spend never keeps the owner out of a device on which they signed in before: such a device has a
/// quota of its own and is not counted by its address (which a whole office may share) or its account (which the whole
/// internet may guess at). Nothing here depends on whether there is such an account.
pub(super) struct Attempt(Vec<Expense>);

impl Attempt {
    /// Counts an attempt for an e-mail address, from a device that signed in to its account before or from any other.
    ///
    /// # Errors
    /// `RATE_LIMITED` when there were too many failures.
    pub(super) async fn begin(cx: &Ctx, email: &str, device: Option<SessionId>) -> Result<Self> {
        // Keys hold a hash of the e-mail address.
        let account: String = secret::hash(&[email.as_bytes()]).iter().take(16).map(|b| format!("{b:02x}")).collect();
        let expenses = match device {
            Some(device) => vec![quotas::SIGN_IN_FAILURES_OF_DEVICE.of(device)],
            None => vec![
                quotas::SIGN_IN_FAILURES.of(format_args!("{account}:{}", quotas::neighbourhood(&cx.request))),
                quotas::SIGN_IN_FAILURES_OF_ACCOUNT.of(&account),
                quotas::SIGN_IN_FAILURES_FROM_ADDRESS.by_address(&cx.request),
            ],
        };
        quotas::spend(cx, &expenses).await?;
        Ok(Self(expenses))
    }

    /// It was no failed attempt.
    pub(super) async fn forgive(self, cx: &Ctx) -> Result<()> {
        quotas::give_back(cx, &self.0).await
    }
}

/// Refuses a document in which a root field stands more than once, under whatever aliases: limits count requests, and
/// one request must not hold a thousand guesses.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` with `DOCUMENT_TOO_LARGE`, for each of the occurrences.
pub fn once(ctx: &Context<'_>, field: &'static str) -> Result<()> {
    let operation = &ctx.query_env.operation.node.selection_set.node;
    if occurrences(ctx, operation, field) <= 1 {
        return Ok(());
    }
    let message = format!("`{field}` may stand only once in a document; send one request for each.");
    Err(Error::new(ErrorCode::GraphqlValidationFailed, message).reason(ErrorReason::DocumentTooLarge))
}

/// How often a field stands in a set, counted up to two. (Validation has refused fragments that contain themselves.)
fn occurrences(ctx: &Context<'_>, set: &SelectionSet, field: &str) -> usize {
    let mut found = 0;
    for selection in &set.items {
        found += match &selection.node {
            Selection::Field(here) => usize::from(here.node.name.node == field),
            Selection::InlineFragment(here) => occurrences(ctx, &here.node.selection_set.node, field),
            Selection::FragmentSpread(here) => ctx
                .query_env
                .fragments
                .get(&here.node.fragment_name.node)
                .map_or(0, |fragment| occurrences(ctx, &fragment.node.selection_set.node, field)),
        };
        if found > 1 {
            break;
        }
    }
    found
}
