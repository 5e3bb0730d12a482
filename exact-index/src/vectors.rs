//! Dense vectors as 32-bit rows, with 8-bit codes to scan.

use crate::{
    error::IndexError,
    kernel::{self, CODE_BLOCK},
};

/// Largest code of a component, so that codes are symmetric.
const CODE_MAX: f32 = 127.0;
/// Rows scanned by one kernel call.
const BLOCK_ROWS: usize = 64;
/// Which vector of which entry a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) slot: u32,
    /// Position in the entry's vectors: 0 is the whole chunk, the others are sentences.
    pub(crate) nth: u32,
}

/// Rows of unit vectors, without gaps and in no particular order.
#[derive(Debug)]
pub(crate) struct Vectors {
    dimension: usize,
    /// Codes per row: the dimension rounded up to [`CODE_BLOCK`].
    stride: usize,
    /// `[rows, dimension]`
    floats: Vec<f32>,
    /// `[rows, stride]`, padded with zeros.
    codes: Vec<i8>,
    /// `[rows]`: value of one code step.
    scales: Vec<f32>,
    /// `[rows]`
    owners: Vec<Owner>,
}

/// A query in both precisions.
pub(crate) struct ScanQuery {
    floats: Vec<f32>,
    /// `[stride]`
    codes: Vec<i16>,
    scale: f32,
    /// Length of what the codes leave out.
    error: f32,
    /// Bound on the rounding of 32-bit arithmetic in one dot product.
    rounding: f32,
}

impl Vectors {
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            dimension,
            stride: dimension.next_multiple_of(CODE_BLOCK),
            floats: Vec::new(),
            codes: Vec::new(),
            scales: Vec::new(),
            owners: Vec::new(),
        }
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn rows(&self) -> usize {
        self.owners.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.floats.capacity() * size_of::<f32>()
            + self.codes.capacity()
            + self.scales.capacity() * size_of::<f32>()
            + self.owners.capacity() * size_of::<Owner>()
    }

    /// The vector scaled to length 1, or why it has no direction.
    pub(crate) fn unit(&self, vector: &[f32]) -> Result<Vec<f32>, IndexError> {
        if vector.len() != self.dimension {
            let (expected, found) = (self.dimension, vector.len());
            return Err(IndexError::Dimension { expected, found });
        }
        if !vector.iter().all(|x| x.is_finite()) {
            return Err(IndexError::NotFinite);
        }
        let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let norm = square.sqrt();
        if norm <= 0.0 {
            return Err(IndexError::ZeroVector);
        }
        Ok(vector.iter().map(|&x| (f64::from(x) / norm) as f32).collect())
    }

    /// Adds a unit vector and returns its row and the length of what its codes leave out.
    pub(crate) fn push(&mut self, unit: &[f32], owner: Owner) -> (u32, f32) {
        let row = self.rows() as u32;
        let scale = largest(unit) / CODE_MAX;
        let code = |&x: &f32| (x / scale).round().clamp(-CODE_MAX, CODE_MAX) as i8;
        self.codes.extend(unit.iter().map(code));
        self.codes.resize(self.codes.len().next_multiple_of(CODE_BLOCK), 0);
        self.floats.extend_from_slice(unit);
        self.scales.push(scale);
        self.owners.push(owner);
        let error = left_out(unit, |x| f32::from(code(x)) * scale);
        (row, error)
    }

    /// Removes a row by moving the last one into it; returns whose row that was, if it moved.
    pub(crate) fn swap_remove(&mut self, row: u32) -> Option<Owner> {
        let row = row as usize;
        self.owners.swap_remove(row);
        self.scales.swap_remove(row);
        let last = self.rows();
        self.floats.copy_within(last * self.dimension.., row * self.dimension);
        self.floats.truncate(last * self.dimension);
        self.codes.copy_within(last * self.stride.., row * self.stride);
        self.codes.truncate(last * self.stride);
        self.owners.get(row).copied()
    }

    pub(crate) fn query(&self, unit: Vec<f32>) -> ScanQuery {
        // At most this, every sum of products with codes fits an i32 at any dimension.
        let limit = i32::MAX as usize / (CODE_MAX as usize).saturating_mul(self.dimension.max(1));
        let level = limit.clamp(1, i16::MAX as usize) as f32;
        let scale = largest(&unit) / level;
        let code = |&x: &f32| (x / scale).round().clamp(-level, level) as i16;
        let mut codes: Vec<i16> = unit.iter().map(code).collect();
        codes.resize(self.stride, 0);
        let error = left_out(&unit, |x| f32::from(code(x)) * scale);
        // Each lane adds dimension/16 products of at most 1 in all, rounding by 2^-24 each time.
        let rounding = 2e-6 + self.dimension as f32 * 1e-8;
        ScanQuery { floats: unit, codes, scale, error, rounding }
    }

    /// Calls `visit(owner, approximate cosine)` for each row whose slot `wanted` accepts.
    pub(crate) fn scan(&self, query: &ScanQuery, wanted: impl Fn(u32) -> bool, mut visit: impl FnMut(Owner, f32)) {
        let mut sums = [0; BLOCK_ROWS];
        let mut row = 0;
        while row < self.rows() {
            let run = self.owners[row..].iter().take(BLOCK_ROWS);
            let run = run.take_while(|owner| wanted(owner.slot)).count();
            if run == 0 {
                row += 1;
                continue;
            }
            let codes = &self.codes[row * self.stride..(row + run) * self.stride];
            kernel::dot_codes(&query.codes, codes, &mut sums[..run]);
            let owners = self.owners[row..row + run].iter();
            let scales = &self.scales[row..row + run];
            for ((&owner, &scale), &sum) in owners.zip(scales).zip(&sums) {
                visit(owner, sum as f32 * (scale * query.scale));
            }
            row += run;
        }
    }

    /// The cosine between the query and a row.
    pub(crate) fn cosine(&self, query: &ScanQuery, row: u32) -> f32 {
        let start = row as usize * self.dimension;
        kernel::dot(&query.floats, &self.floats[start..start + self.dimension])
    }
}

impl ScanQuery {
    /// Bound on `|cosine - approximate cosine|` for a row whose codes leave out `row_error`.
    ///
    /// With `q = q' + e`, `d = d' + f` (codes and what they leave out): `q·d - q'·d' = q·f + e·d'`,
    /// and `|q| = 1`, `|d'| <= 1 + |f|` (Cauchy–Schwarz).
    pub(crate) fn error(&self, row_error: f32) -> f32 {
        row_error + self.error * (1.0 + row_error) + self.rounding
    }
}

fn largest(vector: &[f32]) -> f32 {
    // A unit vector has a component of at least 1/sqrt(dimension), so this is never 0 for one.
    vector.iter().fold(f32::MIN_POSITIVE, |max, x| max.max(x.abs()))
}

/// Length of `vector - decode(vector)`, rounded up.
fn left_out(vector: &[f32], decode: impl Fn(&f32) -> f32) -> f32 {
    let square = vector.iter().map(|x| f64::from(x - decode(x)).powi(2)).sum::<f64>();
    (square.sqrt() * 1.0001) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(slot: u32) -> Owner {
        Owner { slot, nth: 0 }
    }

    #[test]
    fn refuses_what_has_no_direction() {
        let vectors = Vectors::new(2);
        let refused = |vector: &[f32]| vectors.unit(vector).unwrap_err();
        assert_eq!(refused(&[1.0]), IndexError::Dimension { expected: 2, found: 1 });
        assert_eq!(refused(&[f32::NAN, 1.0]), IndexError::NotFinite);
        assert_eq!(refused(&[0.0, f32::INFINITY]), IndexError::NotFinite);
        assert_eq!(refused(&[0.0, -0.0]), IndexError::ZeroVector);
        assert_eq!(vectors.unit(&[f32::MAX, 0.0]).unwrap(), [1.0, 0.0]);
        assert_eq!(vectors.unit(&[0.0, 1e-45]).unwrap(), [0.0, 1.0]);
        assert_eq!(Vectors::new(0).unit(&[]).unwrap_err(), IndexError::ZeroVector);
    }

    #[test]
    fn the_last_row_fills_the_hole() {
        let mut vectors = Vectors::new(2);
        for (slot, unit) in [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]].iter().enumerate() {
            vectors.push(unit, owner(slot as u32));
        }
        assert_eq!(vectors.swap_remove(0), Some(owner(2)));
        assert_eq!(vectors.swap_remove(1), None);
        let query = vectors.query(vec![1.0, 0.0]);
        assert_eq!(vectors.rows(), 1);
        assert!((vectors.cosine(&query, 0) - 0.6).abs() < 1e-6);
    }

    #[test]
    fn the_bound_holds_in_every_dimension() {
        for dimension in [1, 2, 15, 16, 17, 384, 5_000] {
            let mut vectors = Vectors::new(dimension);
            let wave = |seed: usize| {
                let vector: Vec<f32> =
                    (0..dimension).map(|i| ((i * i * 37 + i * seed + seed) as f32).sin() + 1e-3).collect();
                vectors.unit(&vector).unwrap()
            };
            let units: Vec<_> = (1..40).map(wave).collect();
            let errors: Vec<_> = (0..).zip(&units).map(|(slot, unit)| vectors.push(unit, owner(slot)).1).collect();
            let query = vectors.query(units[3].clone());
            vectors.scan(
                &query,
                |_| true,
                |owner, approximate| {
                    let exact = vectors.cosine(&query, owner.slot);
                    let bound = query.error(errors[owner.slot as usize]);
                    assert!((exact - approximate).abs() <= bound, "{dimension}");
                },
            );
        }
    }
}
