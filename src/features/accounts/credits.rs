//! Credits: what a customer pays for a new conversation with an assistant that charges.

use ::entity::{ids::UserId, user};
use async_graphql::SimpleObject;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};

use super::{signed_in, store};
use crate::kernel::{Ctx, Error, ErrorReason, Once, Result, Tx, once};

/// Credits everybody gets at sign-up.
pub(super) const AT_SIGN_UP: i32 = 1;
/// Most that are granted at once, and most that a person can have been granted.
const MOST: i32 = 1_000_000;

/// A person's credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct Credits {
    /// All that were ever granted.
    total_amount: i32,
    /// How many are left.
    amount: i32,
}

impl From<&user::Model> for Credits {
    fn from(row: &user::Model) -> Self {
        Self { total_amount: row.credits_granted, amount: row.credits_left }
    }
}

/// Takes one credit, in the transaction of what it pays for. The row decides: of two at once that want the last one, one
/// gets it.
///
/// # Errors
/// `CONFLICT` with `INSUFFICIENT_CREDIT`.
pub(crate) async fn spend_in(tx: &mut Tx, user: UserId) -> Result<()> {
    let paid = user::Entity::update_many()
        .col_expr(user::Column::CreditsLeft, Expr::col(user::Column::CreditsLeft).sub(1))
        .filter(user::Column::Id.eq(user))
        .filter(user::Column::CreditsLeft.gt(0))
        .exec(&tx.db())
        .await?;
    if paid.rows_affected == 1 {
        return Ok(());
    }
    Err(Error::conflict(
        ErrorReason::InsufficientCredit,
        "Your credit is insufficient: a conversation with this assistant costs one credit and you have none left.",
    ))
}

/// Gives a person more credits. For superadmins.
pub(super) async fn grant(cx: &Ctx, to: UserId, amount: i32, once: &Once) -> Result<user::Model> {
    if !signed_in(&cx.actor)?.superadmin {
        return Err(Error::forbidden());
    }
    if !(1..=MOST).contains(&amount) {
        return Err(Error::bad_input(
            "input.amount",
            ErrorReason::OutOfRange,
            format!("`input.amount` must be a whole number from 1 to {MOST}."),
        ));
    }
    let tx = cx.begin().await?;
    if once.claim(&tx, to.0).await?.is_some() {
        return once::again(store::find(&tx.db(), to).await);
    }
    let granted = user::Entity::update_many()
        .col_expr(user::Column::CreditsGranted, Expr::col(user::Column::CreditsGranted).add(amount))
        .col_expr(user::Column::CreditsLeft, Expr::col(user::Column::CreditsLeft).add(amount))
        .filter(user::Column::Id.eq(to))
        .filter(user::Column::CreditsGranted.lte(MOST - amount))
        .exec(&tx.db())
        .await?;
    let person = store::find(&tx.db(), to).await?;
    if granted.rows_affected == 0 {
        return Err(Error::bad_input(
            "input.amount",
            ErrorReason::OutOfRange,
            format!("A person can be granted {MOST} credits in all; this one has {} already.", person.credits_granted),
        ));
    }
    tx.commit().await?;
    Ok(person)
}
