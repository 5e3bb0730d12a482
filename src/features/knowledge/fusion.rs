//! How the two legs of a search, words and meaning, become one score.
//!
//! Each leg is brought to 0–1 first, a leg that is missing counts 0, and the threshold is put on the fused score: one on
//! a single leg would silence the other. Words give the share of the question that a passage covers, which is on that
//! scale already; the settings that weigh "text" divide it by that of the best passage, as ranks of a text search are.

use ::entity::{
    ids::SiteId,
    knowledge_settings::{Fusion, Model as Settings},
};
use async_graphql::MaybeUndefined;
use exact_index::Query as Measured;

use crate::{
    kernel::{Error, ErrorReason, Result},
    ports::vectors::Match,
};

/// Characters of passages in a prompt.
const CONTEXT: (i32, i32) = (200, 20_000);
const CONTEXT_DEFAULT: i32 = 1_500;
/// `TEXT_70_VECTOR_30`.
const SEVENTY_THIRTY: (f32, f32) = (0.7, 0.3);

/// What a site has that was told nothing.
pub(super) fn defaults(site_id: SiteId) -> Settings {
    Settings {
        site_id,
        fusion: Fusion::Measured,
        text_weight: 0.3,
        vector_weight: 0.7,
        min_score: 0.0,
        context_characters: CONTEXT_DEFAULT,
        version: 0,
    }
}

/// What to change of the settings; what is undefined stays, null brings the default back.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) fusion: MaybeUndefined<Fusion>,
    pub(super) text_weight: MaybeUndefined<f64>,
    pub(super) vector_weight: MaybeUndefined<f64>,
    pub(super) min_score: MaybeUndefined<f64>,
    pub(super) context_characters: MaybeUndefined<i32>,
}

/// Applies changes and tells the names of the settings that differ now.
pub(super) fn change(settings: &mut Settings, changes: Changes) -> Result<Vec<String>> {
    fn set<T>(place: &mut T, value: MaybeUndefined<T>, default: T) {
        match value {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => *place = default,
            MaybeUndefined::Value(value) => *place = value,
        }
    }
    let (before, default) = (settings.clone(), defaults(settings.site_id));
    set(&mut settings.fusion, changes.fusion, default.fusion);
    set(&mut settings.text_weight, changes.text_weight, default.text_weight);
    set(&mut settings.vector_weight, changes.vector_weight, default.vector_weight);
    set(&mut settings.min_score, changes.min_score, default.min_score);
    set(&mut settings.context_characters, changes.context_characters, default.context_characters);
    for (field, value) in [
        ("input.textWeight", settings.text_weight),
        ("input.vectorWeight", settings.vector_weight),
        ("input.minScore", settings.min_score),
    ] {
        if !(0.0..=1.0).contains(&value) {
            return Err(out_of_range(field, format!("`{field}` is {value}; it must be from 0 to 1.")));
        }
    }
    if settings.text_weight + settings.vector_weight == 0.0 {
        let message = "`input.textWeight` and `input.vectorWeight` are both 0; nothing would be found.";
        return Err(out_of_range("input.textWeight", message.to_owned()));
    }
    let (low, high) = CONTEXT;
    if !(low..=high).contains(&settings.context_characters) {
        let field = "input.contextCharacters";
        let given = settings.context_characters;
        return Err(out_of_range(field, format!("`{field}` is {given}; it must be from {low} to {high}.")));
    }
    let differ = [
        ("fusion", before.fusion != settings.fusion),
        ("textWeight", before.text_weight != settings.text_weight),
        ("vectorWeight", before.vector_weight != settings.vector_weight),
        ("minScore", before.min_score != settings.min_score),
        ("contextCharacters", before.context_characters != settings.context_characters),
    ];
    Ok(differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect())
}

fn out_of_range(field: &'static str, message: String) -> Error {
    Error::bad_input(field, ErrorReason::OutOfRange, message)
}

/// A fusion with its weights, ready for one search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fuser {
    pub(super) fusion: Fusion,
    /// What the text leg is divided by.
    text_unit: f32,
    pub(super) text_weight: f32,
    pub(super) vector_weight: f32,
}

/// Both legs of a passage on one scale, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Legs {
    pub(super) text: f32,
    pub(super) vector: f32,
}

impl Fuser {
    /// For the passages that a search found.
    pub(super) fn new(settings: &Settings, found: &[Match]) -> Self {
        let best = found.iter().map(|found| found.lexical).fold(0.0, f32::max);
        let best = if best > 0.0 { best } else { 1.0 };
        let (text_unit, (text_weight, vector_weight)) = match settings.fusion {
            Fusion::Measured => (1.0, (Measured::LEXICAL_WEIGHT, 1.0)),
            Fusion::Text70Vector30 => (best, SEVENTY_THIRTY),
            Fusion::Custom => (best, (settings.text_weight as f32, settings.vector_weight as f32)),
        };
        Self { fusion: settings.fusion, text_unit, text_weight, vector_weight }
    }

    /// The legs as they are weighed. A meaning that points away counts as none, but in the measured sum, where it was
    /// measured as it is.
    pub(super) fn legs(&self, dense: f32, lexical: f32) -> Legs {
        let text = (lexical / self.text_unit).clamp(0.0, 1.0);
        // The measured sum takes the square, so that a word or two in common mean little.
        let text = if self.fusion == Fusion::Measured { text * text } else { text };
        Legs { text, vector: dense.clamp(0.0, 1.0) }
    }

    /// Scores the passages anew, orders them, best first, and drops those below the threshold.
    ///
    /// Where only words were compared, no score can exceed the weight of text, and the threshold is scaled down with it.
    pub(super) fn fuse(&self, settings: &Settings, found: &mut Vec<Match>, words_only: bool) {
        if settings.fusion != Fusion::Measured {
            for found in found.iter_mut() {
                let legs = self.legs(found.dense, found.lexical);
                found.score = self.text_weight * legs.text + self.vector_weight * legs.vector;
            }
            found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
        }
        let reachable = if words_only { self.text_weight / (self.text_weight + self.vector_weight) } else { 1.0 };
        let least = settings.min_score as f32 * reachable;
        if settings.min_score > 0.0 {
            found.retain(|found| found.score >= least);
        }
    }
}

#[cfg(test)]
mod tests {
    use ::entity::ids::{ArticleId, ChunkId};
    use uuid::Uuid;

    use super::*;

    fn found(number: u128, lexical: f32, dense: f32) -> Match {
        let id = Uuid::from_u128(number);
        Match { chunk: ChunkId(id), article: ArticleId(id), dense, lexical, score: dense + lexical * lexical }
    }

    fn settings(fusion: Fusion) -> Settings {
        Settings { fusion, ..defaults(SiteId(Uuid::nil())) }
    }

    fn fused(settings: &Settings, mut all: Vec<Match>, words_only: bool) -> Vec<(u128, f32)> {
        Fuser::new(settings, &all).fuse(settings, &mut all, words_only);
        all.iter().map(|found| (found.chunk.0.as_u128(), (found.score * 1_000.0).round() / 1_000.0)).collect()
    }

    #[test]
    fn seventy_thirty_divides_text_by_the_best_and_counts_a_missing_leg_as_nothing() {
        // Text of A is twice that of B; B and C have a meaning of 0.9 and 0.8.
        let all = vec![found(1, 0.4, 0.0), found(2, 0.2, 0.9), found(3, 0.0, 0.8)];
        assert_eq!(fused(&settings(Fusion::Text70Vector30), all, false), [(1, 0.7), (2, 0.62), (3, 0.24)]);
    }

    #[test]
    fn the_measured_sum_is_the_default_and_keeps_the_scores_of_the_index() {
        let all = vec![found(2, 0.2, 0.9), found(3, 0.0, 0.8), found(1, 0.4, 0.0)];
        assert_eq!(fused(&settings(Fusion::Measured), all, false), [(2, 0.94), (3, 0.8), (1, 0.16)]);
    }

    #[test]
    fn weights_of_a_site_are_its_own() {
        let own = Settings { text_weight: 0.5, vector_weight: 0.5, ..settings(Fusion::Custom) };
        let all = vec![found(1, 0.4, 0.0), found(2, 0.2, 0.9)];
        assert_eq!(fused(&own, all, false), [(2, 0.7), (1, 0.5)]);
    }

    #[test]
    fn the_threshold_is_put_on_the_fused_score_and_lets_words_alone_through() {
        let strict = Settings { min_score: 0.5, ..settings(Fusion::Text70Vector30) };
        let all = vec![found(1, 0.4, 0.0), found(2, 0.2, 0.9), found(3, 0.0, 0.8)];
        assert_eq!(fused(&strict, all, false).len(), 2);
        // Without meaning 0.7 is the most there can be, so 0.35 passes for half.
        assert_eq!(fused(&strict, vec![found(1, 0.4, 0.0), found(2, 0.1, 0.0)], true), [(1, 0.7)]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for changes in [
            Changes { min_score: MaybeUndefined::Value(1.1), ..Changes::default() },
            Changes { text_weight: MaybeUndefined::Value(f64::NAN), ..Changes::default() },
            Changes { context_characters: MaybeUndefined::Value(199), ..Changes::default() },
            Changes {
                text_weight: MaybeUndefined::Value(0.0),
                vector_weight: MaybeUndefined::Value(0.0),
                ..Changes::default()
            },
        ] {
            assert!(change(&mut settings(Fusion::Custom), changes).is_err());
        }
    }
}
