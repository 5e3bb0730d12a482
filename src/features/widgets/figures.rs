//! How fast people reply: what visitors are told of it.

use ::entity::ids::SiteId;
use chrono::{DateTime, TimeDelta, Utc};

use super::live;
use crate::{
    features::conversations,
    kernel::{Ctx, Result},
};

/// Replies that count.
const SINCE: TimeDelta = TimeDelta::days(30);
/// It is computed again after this.
const FRESH: TimeDelta = TimeDelta::minutes(1);

/// The median as it was last computed on this node.
#[derive(Default)]
pub(super) struct Median(Option<(DateTime<Utc>, Option<i64>)>);

/// The median time to the first reply of a person within the last 30 days, in whole seconds; nothing where there was none.
/// Computed at most once a minute on each node.
pub(super) async fn median_reply_seconds(cx: &Ctx, site: SiteId) -> Result<Option<i64>> {
    let kept = live::kept(cx, site);
    let mut place = kept.median.lock().await;
    let now = cx.clock.now();
    if let Median(Some((computed, seconds))) = *place
        && now < computed + FRESH
    {
        return Ok(seconds);
    }
    let times = conversations::reply_times(&cx.db(), site, now - SINCE).await?;
    let seconds = median(times).map(whole_seconds);
    *place = Median(Some((now, seconds)));
    Ok(seconds)
}

/// The middle one, or half-way between the two in the middle.
fn median(mut times: Vec<TimeDelta>) -> Option<TimeDelta> {
    times.sort_unstable();
    let middle = times.len() / 2;
    let upper = *times.get(middle)?;
    let lower = if times.len().is_multiple_of(2) { *times.get(middle.checked_sub(1)?)? } else { upper };
    Some(lower + (upper - lower) / 2)
}

/// Rounded to the nearest.
fn whole_seconds(time: TimeDelta) -> i64 {
    (time + TimeDelta::milliseconds(500)).num_seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let of =
            |seconds: &[i64]| median(seconds.iter().map(|it| TimeDelta::seconds(*it)).collect()).map(whole_seconds);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[45]), Some(45));
        assert_eq!(of(&[600, 30, 45]), Some(45));
        assert_eq!(of(&[30, 45]), Some(38));
        assert_eq!(of(&[1, 9, 3, 5]), Some(4));
        assert_eq!(whole_seconds(TimeDelta::milliseconds(1_499)), 1);
    }
}
