//! Every write on what models cost.

use uuid::Uuid;

use super::{
    model::{self, Call, Outcome},
    store,
};
use crate::{
    kernel::{Ctx, Result, Tx},
    ports::ai::Usage,
};

/// Whether money was set aside for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// There is no limit, or the call costs nothing: nothing is to be given back.
    Nothing,
    /// The most that it can cost is set aside.
    Money,
    /// The day's budget does not allow the call.
    OverBudget,
}

/// Sets aside the most that a call can cost, with these tokens, from a budget in millionths of a US dollar.
///
/// Opens a transaction of its own: never call it inside one.
pub(crate) async fn reserve(cx: &Ctx, call: &Call, budget: Option<i64>, most: Usage) -> Result<Reserved> {
    let free = call.price.is_some_and(|price| price.cost(most) == 0);
    let Some(budget) = budget.filter(|_| !free) else { return Ok(Reserved::Nothing) };
    let now = cx.clock.now();
    let tx = cx.begin().await?;
    let db = tx.db();
    let mut committed = store::spent_for_update(&db, call.site, call.day).await?;
    for row in store::expired(&db, call.site, now).await? {
        if store::delete_reservation(&db, row.id).await? {
            committed += if row.day == call.day { row.cost_micros } else { 0 };
            store::insert(&db, model::abandoned(row, now)).await?;
        }
    }
    committed += store::reserved(&db, call.site, call.day).await?;
    let reservation = call.reservation(most, now);
    let fits = model::fits(budget, committed, reservation.cost_micros);
    if fits {
        store::insert_reservation(&db, reservation).await?;
    }
    tx.commit().await?;
    Ok(if fits { Reserved::Money } else { Reserved::OverBudget })
}

/// Gives back what was set aside for a call that came to nothing. Booking it later is fine.
///
/// Opens a transaction of its own: never call it inside one.
pub(crate) async fn release(cx: &Ctx, call: Uuid) -> Result<()> {
    let tx = cx.begin().await?;
    store::delete_reservation(&tx.db(), call).await?;
    tx.commit().await?;
    Ok(())
}

/// Books calls of an attempt that came to nothing, because another one has taken its place and is under way.
pub(crate) async fn book_alone(tx: &Tx, calls: &[(Call, Outcome)]) -> Result<()> {
    let (db, now) = (tx.db(), tx.cx().clock.now());
    for (call, outcome) in calls {
        store::delete_reservation(&db, call.id).await?;
        store::insert(&db, call.line(outcome, now)).await?;
    }
    Ok(())
}

/// Books the calls that were made for one thing, and what earlier attempts of its run have left.
pub(crate) async fn book(tx: &Tx, calls: &[(Call, Outcome)]) -> Result<()> {
    book_alone(tx, calls).await?;
    let (db, now) = (tx.db(), tx.cx().clock.now());
    let Some((site, run)) = calls.first().and_then(|(call, _)| Some((call.site, call.run?))) else { return Ok(()) };
    // Those of this attempt are gone by now.
    for row in store::left_by(&db, site, run).await? {
        if store::delete_reservation(&db, row.id).await? {
            store::insert(&db, model::abandoned(row, now)).await?;
        }
    }
    Ok(())
}
