//! The arithmetic of evaluations.

use std::time::Duration;

/// Places that count: what stands further down is as good as not found.
pub(crate) const DEEP: usize = 10;

/// Where the right thing stood for each question: 1 is best, `None` is not among the first ten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranks(Vec<Option<usize>>);

impl Ranks {
    /// The share of questions whose article was among the first `k`: 0 to 1; 0 without questions.
    pub(crate) fn recall(&self, k: usize) -> f64 {
        share(self.0.iter().flatten().filter(|rank| **rank <= k).count(), self.0.len())
    }

    /// The mean of 1 / rank, 0 for what was not found.
    pub(crate) fn reciprocal(&self) -> f64 {
        let count = self.0.len().max(1);
        #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
        let mean = self.0.iter().flatten().map(|rank| 1.0 / *rank as f64).sum::<f64>() / count as f64;
        mean
    }
}

impl FromIterator<Option<usize>> for Ranks {
    fn from_iter<T: IntoIterator<Item = Option<usize>>>(ranks: T) -> Self {
        Self(ranks.into_iter().collect())
    }
}

/// Where a thing stands in a list, from 1.
pub(crate) fn rank<T: PartialEq>(list: &[T], wanted: &T) -> Option<usize> {
    list.iter().position(|found| found == wanted).map(|index| index + 1)
}

/// A part of a whole: 0 to 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The time that `percent` of the runs did not exceed (nearest rank); zero without runs.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_counts_what_is_among_the_first() {
        let ranks: Ranks = [Some(1), Some(3), None, Some(10)].into_iter().collect();
        assert_eq!((ranks.recall(1), ranks.recall(3), ranks.recall(10)), (0.25, 0.5, 0.75));
        assert!((ranks.reciprocal() - (1.0 + 1.0 / 3.0 + 0.1) / 4.0).abs() < 1e-12);
        assert_eq!((Ranks::default().recall(3), Ranks::default().reciprocal()), (0.0, 0.0));
        assert_eq!((rank(&["a", "b"], &"b"), rank(&["a"], &"b")), (Some(2), None));
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let of = |percent| percentile(&times, percent).as_millis();
        assert_eq!((of(50), of(95), of(99), of(100)), (50, 95, 99, 100));
        assert_eq!(percentile(&times[..1], 50).as_millis(), 100);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
        assert_eq!((share(1, 4), share(1, 0)), (0.25, 0.0));
    }
}
