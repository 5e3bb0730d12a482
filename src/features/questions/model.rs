//! Rules of grouping, without IO.

use ::entity::{ids::QuestionGroupId, question_group::QuestionStatus};

/// Cosine of two questions from which on they count as one. Measured with the built-in embedder on questions in Turkish,
/// English and German: of 74 pairs of one meaning, across languages, too, 39 are as near as this, of 3,624 pairs of
/// different meaning (within one business and topic) 10. At 0.5 it would be 44 and 26, at 0.6 it is 29 and 3. A group
/// too many is sooner put right by people than two questions in one.
pub(super) const SAME: f32 = 0.55;
/// Questions of a group whose words are kept: the first, which represents it, and the newest.
pub(super) const KEPT: usize = 20;
/// Examples of a group that are shown.
pub(super) const SHOWN: usize = 5;
/// Groups that a question is compared with: those asked last.
pub(super) const COMPARED: u64 = 2_000;
/// Characters of a question that are kept.
pub(super) const QUESTION_MAX: usize = 500;

/// The group whose question means the same, if one does: the nearest.
pub(super) fn same<'a>(
    question: &[f32],
    groups: impl IntoIterator<Item = (QuestionGroupId, &'a [f32])>,
) -> Option<QuestionGroupId> {
    let cosine = |other: &[f32]| question.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    let near = groups.into_iter().map(|(id, vector)| (id, cosine(vector))).filter(|(_, cosine)| *cosine >= SAME);
    near.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(id, _)| id)
}

/// What becomes of a group that is asked again: what was resolved is not, what was dismissed stays.
pub(super) fn asked_again(status: QuestionStatus) -> QuestionStatus {
    match status {
        QuestionStatus::Open | QuestionStatus::Resolved => QuestionStatus::Open,
        QuestionStatus::Dismissed => QuestionStatus::Dismissed,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_question_joins_the_nearest_group_that_is_near_enough() {
        let group = |id: u128| QuestionGroupId(Uuid::from_u128(id));
        let (near, nearer, far) = ([0.8_f32, 0.6], [0.96_f32, 0.28], [0.0_f32, 1.0]);
        let groups = [(group(1), near.as_slice()), (group(2), nearer.as_slice()), (group(3), far.as_slice())];
        assert_eq!(same(&[1.0, 0.0], groups), Some(group(2)));
        assert_eq!(same(&[1.0, 0.0], [(group(3), far.as_slice())]), None);
        // Another embedder's vectors, or none at all.
        assert_eq!(same(&[], groups), None);
    }

    #[test]
    fn what_was_dismissed_stays_so() {
        assert_eq!(asked_again(QuestionStatus::Resolved), QuestionStatus::Open);
        assert_eq!(asked_again(QuestionStatus::Dismissed), QuestionStatus::Dismissed);
    }
}
