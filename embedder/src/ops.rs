//! The steps between the matrix products, in plain Rust written in lanes so that the compiler turns them into vector code.
//! Each is an `Op`, compiled once for any processor and once for AVX2 (`Kernel::run`).

use crate::format::{BLOCK, EPSILON, HEAD, HEADS, HIDDEN};
use crate::kernel::Activations;

/// Something `Kernel::run` can run. Implementations are `#[inline(always)]`, or the AVX2 variant would be portable code.
pub(crate) trait Op {
    /// `FMA` says that fused multiply-add is one instruction here; without it is a slow library call.
    fn run<const FMA: bool>(self);
}

/// Lanes of a sum: two AVX2 registers.
const LANES: usize = 16;
/// Adding and taking away this rounds a number below 2²² to the nearest whole one, which is then in the low bits.
const ROUND: f32 = 12_582_912.0;

#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// e^x to about 2e-7 of its value, for x up to 88; at least e^-87.
/// 2^n · e^r with whole n and |r| ≤ ln 2 / 2, e^r by its Taylor series.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let shifted = fused::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, of which the first times n is exact.
    let r = fused::<FMA>(n, -0.693_359_4, x);
    let r = fused::<FMA>(n, 2.121_944_4e-4, r);
    let mut e = 1.0 / 720.0;
    for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        e = fused::<FMA>(e, r, term);
    }
    e * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
}

/// Sum of a slice whose length is a multiple of `LANES`.
#[inline(always)]
fn sum(numbers: impl Iterator<Item = [f32; LANES]>) -> f32 {
    let mut sums = [0.0; LANES];
    for chunk in numbers {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
        }
    }
    sums.iter().sum()
}

/// Fills `output` with the rows of `input` in 8 bits.
pub(crate) struct Quantise<'a> {
    pub(crate) input: &'a [f32],
    pub(crate) width: usize,
    pub(crate) output: &'a mut Activations,
}

impl Op for Quantise<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Activations { tokens, quants, scales, corrections } = self.output;
        for (token, row) in self.input.chunks_exact(self.width).enumerate() {
            for (block, numbers) in row.as_chunks::<BLOCK>().0.iter().enumerate() {
                let at = block * *tokens + token;
                let mut largest = [0.0_f32; 8];
                for part in numbers.as_chunks::<8>().0 {
                    for lane in 0..8 {
                        largest[lane] = largest[lane].max(part[lane].abs());
                    }
                }
                let largest = largest.into_iter().fold(0.0, f32::max);
                // A block of (nearly) nothing is nothing; this also keeps the division finite.
                let (scale, inverse) = if largest > 1e-30 { (largest / 127.0, 127.0 / largest) } else { (0.0, 0.0) };
                let rounded = numbers.map(|x| (x * inverse + ROUND).to_bits() as u8);
                let mut sums = [0_i32; 2];
                for four in rounded.as_chunks::<4>().0 {
                    let [a, b, c, d] = four.map(|byte| i32::from(byte as i8));
                    sums[0] += a + b;
                    sums[1] += c + d;
                }
                quants[at] = rounded;
                scales[at] = scale;
                corrections[at] = ((-8 * sums[0]) & 0xffff) | (-8 * sums[1]) << 16;
            }
        }
    }
}

/// Adds `change` to `rows`, then brings each row to mean 0 and variance 1 and applies weight and bias.
pub(crate) struct AddAndNormalise<'a> {
    pub(crate) rows: &'a mut [f32],
    pub(crate) change: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
}

impl Op for AddAndNormalise<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (row, change) in self.rows.chunks_exact_mut(HIDDEN).zip(self.change.chunks_exact(HIDDEN)) {
            for (x, change) in row.iter_mut().zip(change) {
                *x += change;
            }
            let mean = sum(row.as_chunks().0.iter().copied()) / HIDDEN as f32;
            let squares = row.as_chunks::<LANES>().0.iter().map(|chunk| chunk.map(|x| (x - mean) * (x - mean)));
            let scale = 1.0 / (sum(squares) / HIDDEN as f32 + EPSILON).sqrt();
            for ((x, weight), bias) in row.iter_mut().zip(self.weight).zip(self.bias) {
                *x = fused::<FMA>((*x - mean) * scale, *weight, *bias);
            }
        }
    }
}

/// x · Φ(x) in place, Φ the normal distribution: the exact form (with erf), not the tanh one.
pub(crate) struct Gelu<'a>(pub(crate) &'a mut [f32]);

impl Op for Gelu<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for x in self.0 {
            // 1 − erf(y), y = |x| / √2, by Abramowitz & Stegun 7.1.26: wrong by 1.5e-7 at most.
            let y = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
            let t = 1.0 / fused::<FMA>(0.327_591_1, y, 1.0);
            let mut p = 1.061_405_4;
            for term in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
                p = fused::<FMA>(p, t, term);
            }
            let tail = 0.5 * p * t * exp::<FMA>(-y * y);
            *x *= if *x < 0.0 { tail } else { 1.0 - tail };
        }
    }
}

/// The keys and values of all tokens of a window, laid out for `Attend`.
pub(crate) struct Memory {
    tokens: usize,
    /// Head, then chunk of `LANES` tokens, then dimension, then token: a query meets 16 keys at once.
    keys: Vec<[f32; LANES]>,
    /// Head, then token, then dimension.
    values: Vec<[f32; HEAD]>,
}

impl Memory {
    /// Room for that many tokens.
    pub(crate) fn new(tokens: usize) -> Self {
        let chunks = tokens.div_ceil(LANES);
        Self { tokens, keys: vec![[0.0; LANES]; HEADS * chunks * HEAD], values: vec![[0.0; HEAD]; HEADS * tokens] }
    }

    /// Takes the keys and values (tokens × `HIDDEN`) of the tokens from `first` on.
    pub(crate) fn store(&mut self, first: usize, keys: &[f32], values: &[f32]) {
        let chunks = self.tokens.div_ceil(LANES);
        for (token, row) in (first..).zip(keys.chunks_exact(HIDDEN)) {
            for (head, key) in row.as_chunks::<HEAD>().0.iter().enumerate() {
                let at = (head * chunks + token / LANES) * HEAD;
                for (to, x) in self.keys[at..at + HEAD].iter_mut().zip(key) {
                    to[token % LANES] = *x;
                }
            }
        }
        for (token, row) in (first..).zip(values.chunks_exact(HIDDEN)) {
            for (head, value) in row.as_chunks::<HEAD>().0.iter().enumerate() {
                self.values[head * self.tokens + token] = *value;
            }
        }
    }
}

/// Each query (tokens × `HIDDEN`) looks at all tokens of the memory; what it sees goes to the same place in `output`.
pub(crate) struct Attend<'a> {
    pub(crate) memory: &'a Memory,
    pub(crate) queries: &'a [f32],
    pub(crate) output: &'a mut [f32],
}

impl Op for Attend<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let tokens = self.memory.tokens;
        let chunks = tokens.div_ceil(LANES);
        let mut scores = vec![[0.0_f32; LANES]; chunks];
        let heads = self.memory.keys.chunks_exact(chunks * HEAD).zip(self.memory.values.chunks_exact(tokens));
        for (head, (keys, values)) in heads.enumerate() {
            let rows = self.queries.as_chunks::<HEAD>().0.iter().zip(self.output.as_chunks_mut::<HEAD>().0);
            for (query, output) in rows.skip(head).step_by(HEADS) {
                let query = query.map(|x| x / (HEAD as f32).sqrt());
                let mut largest = [f32::NEG_INFINITY; LANES];
                for (at, (scores, keys)) in scores.iter_mut().zip(keys.as_chunks::<HEAD>().0).enumerate() {
                    let mut dots = [0.0; LANES];
                    for (x, key) in query.iter().zip(keys) {
                        for lane in 0..LANES {
                            dots[lane] = fused::<FMA>(*x, key[lane], dots[lane]);
                        }
                    }
                    if at + 1 == chunks {
                        // The room behind the last token must not be seen.
                        dots[tokens - at * LANES..].fill(f32::NEG_INFINITY);
                    }
                    for lane in 0..LANES {
                        largest[lane] = largest[lane].max(dots[lane]);
                    }
                    *scores = dots;
                }
                let largest = largest.into_iter().fold(f32::NEG_INFINITY, f32::max);
                for score in scores.as_flattened_mut() {
                    *score = exp::<FMA>(*score - largest);
                }
                let scale = 1.0 / sum(scores.iter().copied());
                let mut seen = [0.0; HEAD];
                for (weight, value) in scores.as_flattened().iter().zip(values) {
                    for d in 0..HEAD {
                        seen[d] = fused::<FMA>(*weight, value[d], seen[d]);
                    }
                }
                *output = seen.map(|x| x * scale);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;

    #[test]
    fn exponentials_are_close() {
        for at in -870..=880 {
            let x = at as f32 / 10.0;
            for e in [exp::<false>(x), exp::<true>(x)] {
                assert!((f64::from(e) / f64::from(x).exp() - 1.0).abs() < 5e-7, "{x}: {e}");
            }
        }
        assert!(exp::<true>(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn gelu_has_known_values() {
        let known = [
            (0.0, 0.0),
            (1.0, 0.841_344_8),
            (-1.0, -0.158_655_3),
            (3.0, 2.995_950_3),
            (-3.0, -0.004_049_69),
            (-40.0, 0.0),
            (40.0, 40.0),
        ];
        for kernel in [Kernel::Portable, Kernel::detect()] {
            let mut numbers = known.map(|pair| pair.0);
            kernel.run(Gelu(&mut numbers));
            for (got, (x, expected)) in numbers.iter().zip(known) {
                assert!((got - expected).abs() < 1e-6, "{x}: {got}");
            }
        }
    }

    #[test]
    fn attention_is_the_weighted_mean_of_values() {
        for tokens in [1, 5, 16, 37] {
            let wave =
                |scale: f32| -> Vec<f32> { (0..tokens * HIDDEN).map(|i| (i as f32 * scale).sin() * 2.0).collect() };
            let (queries, keys, values) = (wave(0.37), wave(0.11), wave(0.73));
            let mut memory = Memory::new(tokens);
            memory.store(0, &keys, &values);
            for kernel in [Kernel::Portable, Kernel::detect()] {
                let mut output = vec![0.0; tokens * HIDDEN];
                kernel.run(Attend { memory: &memory, queries: &queries, output: &mut output });
                for (token, at) in [(0, 0), (tokens - 1, HIDDEN - 1), (tokens / 2, 100)] {
                    let head = at / HEAD * HEAD;
                    let weight = |other: usize| -> f32 {
                        let dot: f32 =
                            (head..head + HEAD).map(|d| queries[token * HIDDEN + d] * keys[other * HIDDEN + d]).sum();
                        (dot / (HEAD as f32).sqrt()).exp()
                    };
                    let total: f32 = (0..tokens).map(weight).sum();
                    let expected: f32 =
                        (0..tokens).map(|other| weight(other) * values[other * HIDDEN + at]).sum::<f32>() / total;
                    assert!((output[token * HIDDEN + at] - expected).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn nothing_quantises_to_nothing() {
        for kernel in [Kernel::Portable, Kernel::detect()] {
            let mut activations = Activations::default();
            activations.set(kernel, &[0.0; 64], 64);
            assert_eq!((activations.tokens, &activations.scales[..]), (1, &[0.0; 2][..]));
            assert_eq!(activations.quants, [[0; BLOCK]; 2]);
        }
    }
}
