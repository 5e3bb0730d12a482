//! Ratings in figures, without IO.

use chrono::{DateTime, TimeDelta, Utc};

/// Scores go from 1 to this.
pub(super) const BEST: usize = 5;

/// How long a rating can be changed.
const EDITABLE: TimeDelta = TimeDelta::days(1);

/// Until when a rating can be changed.
pub(super) fn editable_until(rated_at: DateTime<Utc>) -> DateTime<Utc> {
    rated_at + EDITABLE
}

/// What a number of closed conversations comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Conversations that were closed.
    pub(super) closed: i64,
    /// Those rated 1, 2, 3, 4 and 5.
    pub(super) by_score: [i64; BEST],
}

impl Figures {
    /// Counts `count` conversations with this score, or without one.
    pub(super) fn add(&mut self, score: Option<i32>, count: i64) {
        self.closed += count;
        let place = score.and_then(|score| usize::try_from(score - 1).ok());
        if let Some(counted) = place.and_then(|place| self.by_score.get_mut(place)) {
            *counted += count;
        }
    }

    /// How many were rated.
    pub(super) fn rated(&self) -> i64 {
        self.by_score.iter().sum()
    }

    /// The mean score; `None` without ratings.
    pub(super) fn mean(&self) -> Option<f64> {
        let sum: i64 = self.by_score.iter().zip(1..).map(|(count, score)| count * score).sum();
        (self.rated() > 0).then(|| sum as f64 / self.rated() as f64)
    }

    /// The share that was rated, 0 to 1; `None` where none was closed.
    pub(super) fn response_rate(&self) -> Option<f64> {
        (self.closed > 0).then(|| self.rated() as f64 / self.closed as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_count_what_was_rated_and_what_was_not() {
        let mut figures = Figures::default();
        assert_eq!((figures.mean(), figures.response_rate()), (None, None));
        figures.add(None, 4);
        assert_eq!((figures.mean(), figures.response_rate()), (None, Some(0.0)));
        figures.add(Some(5), 3);
        figures.add(Some(1), 1);
        assert_eq!((figures.closed, figures.rated(), figures.by_score), (8, 4, [1, 0, 0, 0, 3]));
        assert_eq!((figures.mean(), figures.response_rate()), (Some(4.0), Some(0.5)));
    }
}
