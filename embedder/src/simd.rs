//! The AVX2 code, the only unsafe code of the crate.
#![expect(
    unsafe_code,
    reason = "processor-specific instructions: detected at run time, and loads and stores through checked slices"
)]

use std::arch::x86_64::*;

use crate::format::{BLOCK, Q4Matrix};
use crate::kernel::{Activations, TILE};
use crate::ops::Op;

/// Rows of a matrix that are computed together, one in each lane.
const GROUP: usize = 8;

/// Proof that this processor has AVX2, FMA and F16C: only `detect` makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        let all =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        all.then_some(Self(()))
    }

    pub(crate) fn run(self, op: impl Op) {
        // SAFETY: `self` proves that the processor has the features `run` is compiled for.
        unsafe { run(op) }
    }

    pub(crate) fn product(self, weights: &Q4Matrix<'_>, bias: &[f32], input: &Activations, output: &mut [f32]) {
        assert!(weights.rows.is_multiple_of(GROUP) && input.tokens <= TILE);
        // SAFETY: `self` proves that the processor has the features `product` is compiled for.
        unsafe { product(weights, bias, input, output) }
    }
}

/// Plain Rust, inlined here so that the compiler may use the wide registers.
#[target_feature(enable = "avx2,fma,f16c")]
fn run(op: impl Op) {
    op.run::<true>();
}

/// Eight rows at a time, a row in each 32-bit lane, so that sums need no adding across lanes.
///
/// Nibbles are multiplied as they are, from 0 to 15. Each 16-bit lane adds 16 products and starts at −8 × the sum of its 16 inputs,
/// so it ends at Σ (nibble − 8) · input, at most 16 · 8 · 127 = 16,256: it may wrap on the way but is right in the end.
#[target_feature(enable = "avx2,fma,f16c")]
fn product(weights: &Q4Matrix<'_>, bias: &[f32], input: &Activations, output: &mut [f32]) {
    let tokens = input.tokens;
    let ones = _mm256_set1_epi16(1);
    for (group, bias) in bias.as_chunks::<GROUP>().0.iter().enumerate() {
        let mut sums = [load(bias); TILE];
        for block in 0..weights.blocks() {
            let (nibbles, scales) = unpack(weights, group * GROUP, block);
            let here = block * tokens..(block + 1) * tokens;
            let corrections = &input.corrections[here.clone()];
            let steps = &input.scales[here.clone()];
            for (((sum, quants), correction), step) in
                sums.iter_mut().zip(&input.quants[here]).zip(corrections).zip(steps)
            {
                let mut total = _mm256_set1_epi32(*correction);
                for (nibbles, quants) in nibbles.iter().zip(quants.as_chunks().0) {
                    let four = _mm256_set1_epi32(i32::from_le_bytes(*quants));
                    total = _mm256_add_epi16(total, _mm256_maddubs_epi16(*nibbles, four));
                }
                let total = _mm256_cvtepi32_ps(_mm256_madd_epi16(total, ones));
                *sum = _mm256_fmadd_ps(total, _mm256_mul_ps(scales, _mm256_set1_ps(*step)), *sum);
            }
        }
        for (sum, token) in sums.iter().zip(output.chunks_exact_mut(weights.rows)) {
            store(*sum, &mut token.as_chunks_mut().0[group]);
        }
    }
}

/// Block `block` of eight rows: lane `r` of vector `s` holds weights `4 s` to `4 s + 3` of row `r`, as nibbles in bytes; and the rows' scales.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn unpack(weights: &Q4Matrix<'_>, row: usize, block: usize) -> ([__m256i; BLOCK / 4], __m256) {
    let mut halves = [0; GROUP];
    let mut rows = [_mm_setzero_si128(); GROUP];
    for r in 0..GROUP {
        let (scale, nibbles) = weights.block(row + r, block);
        halves[r] = scale as i16;
        // SAFETY: the reference is to 16 readable bytes, and the load needs no alignment.
        rows[r] = unsafe { _mm_loadu_si128(nibbles.as_ptr().cast()) };
    }
    let [h0, h1, h2, h3, h4, h5, h6, h7] = halves;
    let scales = _mm256_cvtph_ps(_mm_setr_epi16(h0, h1, h2, h3, h4, h5, h6, h7));
    // Rows 0 to 3 in the low halves, 4 to 7 in the high ones; then the 4 × 4 words of each half are transposed.
    let [a, b, c, d] = std::array::from_fn(|r| _mm256_set_m128i(rows[r + 4], rows[r]));
    let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    let packed = [
        _mm256_unpacklo_epi64(ab_low, cd_low),
        _mm256_unpackhi_epi64(ab_low, cd_low),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ];
    let mask = _mm256_set1_epi8(15);
    let low = packed.map(|words| _mm256_and_si256(words, mask));
    let high = packed.map(|words| _mm256_and_si256(_mm256_srli_epi16::<4>(words), mask));
    let ([l0, l1, l2, l3], [h0, h1, h2, h3]) = (low, high);
    ([l0, l1, l2, l3, h0, h1, h2, h3], scales)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load(from: &[f32; GROUP]) -> __m256 {
    // SAFETY: the reference is to 8 readable numbers, and the load needs no alignment.
    unsafe { _mm256_loadu_ps(from.as_ptr()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn store(vector: __m256, to: &mut [f32; GROUP]) {
    // SAFETY: the reference is to 8 writable numbers, and the store needs no alignment.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), vector) }
}
