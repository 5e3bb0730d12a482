//! Takes the language out of a vector.
//!
//! Raw vectors of this model are all alike (cosines between 0.70 and 0.92), and those of one language more so. Taking away the mean
//! and the parts along four directions leaves the meaning: cosines around 0.0 to 0.2 for unrelated and 0.3 to 0.7 for related texts,
//! across languages too. `weights/README.md` says where the constants come from.

use crate::{DIMENSION, Kind, LoadError};

const DIRECTIONS: usize = 4;
type Vector = [f32; DIMENSION];

pub(crate) struct Centre {
    mean_query: Vector,
    mean_passage: Vector,
    directions: [Vector; DIRECTIONS],
}

impl Centre {
    /// Reads the constants: two means and the directions, little-endian f32.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut vectors = [[0.0; DIMENSION]; 2 + DIRECTIONS];
        let numbers = vectors.as_flattened_mut();
        let (words, rest) = bytes.as_chunks::<4>();
        if words.len() != numbers.len() || !rest.is_empty() {
            return Err(LoadError::Unexpected("centre"));
        }
        for (number, word) in numbers.iter_mut().zip(words) {
            *number = f32::from_le_bytes(*word);
        }
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(LoadError::Unexpected("centre"));
        }
        let [mean_query, mean_passage, directions @ ..] = vectors;
        Ok(Self { mean_query, mean_passage, directions })
    }

    /// Centres a vector of length 1 and gives it length 1 again.
    pub(crate) fn apply(&self, kind: Kind, vector: &mut [f32]) {
        let mean = match kind {
            Kind::Query => &self.mean_query,
            Kind::Passage => &self.mean_passage,
        };
        vector.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
        for direction in &self.directions {
            let along: f32 = vector.iter().zip(direction).map(|(x, d)| x * d).sum();
            vector.iter_mut().zip(direction).for_each(|(x, d)| *x -= along * d);
        }
        normalise(vector);
    }
}

/// Gives a vector the length 1. One too short to have a direction becomes zero.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = if length > 1e-6 { 1.0 / length } else { 0.0 };
    vector.iter_mut().for_each(|x| *x *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_equal_the_published_ones() {
        let json: serde_json::Value = serde_json::from_str(include_str!("../weights/language-centre.json")).unwrap();
        let vector = |value: &serde_json::Value| -> Vec<f32> {
            value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
        };
        let centre = Centre::parse(crate::CENTRE).unwrap();
        assert_eq!(vector(&json["mean_query"]), centre.mean_query);
        assert_eq!(vector(&json["mean_passage"]), centre.mean_passage);
        for (at, direction) in centre.directions.iter().enumerate() {
            assert_eq!(vector(&json["directions"][at]), direction);
        }
    }

    #[test]
    fn directions_are_orthonormal() {
        let centre = Centre::parse(crate::CENTRE).unwrap();
        for (i, a) in centre.directions.iter().enumerate() {
            for (j, b) in centre.directions.iter().enumerate() {
                let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((dot - f32::from(u8::from(i == j))).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn the_mean_itself_becomes_zero_and_not_nan() {
        let centre = Centre::parse(crate::CENTRE).unwrap();
        let mut vector = centre.mean_query;
        centre.apply(Kind::Query, &mut vector);
        assert_eq!(vector, [0.0; DIMENSION]);
        assert!(Centre::parse(&crate::CENTRE[1..]).is_err());
    }
}
