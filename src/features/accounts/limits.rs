//! Limits on what could be guessed or abused, and the rule that a document may do it once.

use std::{net::IpAddr, time::Duration};

use async_graphql::{
    Context,
    parser::types::{Selection, SelectionSet},
};

use crate::{
    kernel::{Ctx, Error, ErrorReason, Result, error::ErrorCode, secret},
    ports::scratch::{Allowance, Rate},
};

const HOUR: Duration = Duration::from_secs(60 * 60);
/// Failed sign-ins of one account from one address.
const PER_ACCOUNT: Rate = Rate { burst: 5, per: HOUR };
/// Failed sign-ins from one address, whichever the account.
const PER_ADDRESS: Rate = Rate { burst: 20, per: HOUR };
/// New accounts from one address. An office shares one, so it is more than a person needs.
const REGISTRATIONS: Rate = Rate { burst: 300, per: HOUR };

/// Spends units of a rate.
///
/// # Errors
/// `RATE_LIMITED` with `retryAfter` when they are not there.
pub async fn spend(cx: &Ctx, key: &str, rate: Rate, cost: u32) -> Result<()> {
    match cx.scratch.spend(key, rate, cost, cx.clock.micros()).await? {
        Allowance::Granted { .. } => Ok(()),
        Allowance::Refused { retry_after } => Err(Error::rate_limited(retry_after)),
    }
}

/// Where a request comes from, as far as limits go: IPv6 addresses count by their /64, which one customer of a
/// provider holds as a whole.
pub fn neighbourhood(cx: &Ctx) -> String {
    match cx.request.address.map(|address| address.to_canonical()) {
        None => "-".into(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The limits of sign-ins to one account. Keys hold a hash of the e-mail address.
pub(super) struct SignIns {
    account: String,
    address: String,
}

impl SignIns {
    pub(super) fn new(cx: &Ctx, email: &str) -> Self {
        let address = neighbourhood(cx);
        let account: String = secret::hash(&[email.as_bytes()]).iter().take(16).map(|b| format!("{b:02x}")).collect();
        Self { account: format!("login:{account}:{address}"), address: format!("login:{address}") }
    }

    /// Asks whether one more failure would be within the limits.
    pub(super) async fn ask(&self, cx: &Ctx) -> Result<()> {
        self.count(cx, 0).await
    }

    /// Counts a failure.
    pub(super) async fn failed(&self, cx: &Ctx) -> Result<()> {
        self.count(cx, 1).await
    }

    async fn count(&self, cx: &Ctx, cost: u32) -> Result<()> {
        spend(cx, &self.account, PER_ACCOUNT, cost).await?;
        spend(cx, &self.address, PER_ADDRESS, cost).await
    }
}

/// Counts an attempt to register.
pub(super) async fn registration(cx: &Ctx) -> Result<()> {
    spend(cx, &format!("register:{}", neighbourhood(cx)), REGISTRATIONS, 1).await
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
