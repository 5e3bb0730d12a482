//! Dot products. The only unsafe code of the crate: AVX2 versions behind run-time detection.
//!
//! Both versions of a kernel return the same bits: the integer one is exact, and the float one sums
//! 16 lanes in one fixed order without fused multiply-add. So a score does not depend on the
//! processor.

/// Rows of codes are padded with zeros to a multiple of this many bytes.
pub(crate) const CODE_BLOCK: usize = 16;
/// Lanes the float kernel sums apart.
const LANES: usize = 16;

/// Dot products of `query` with each row of `rows`, which lie back to back.
///
/// Shapes: `query` is `[stride]`, `rows` is `[out.len() * stride]` and `stride` is a multiple of
/// [`CODE_BLOCK`]. No sum may exceed an `i32`; the caller scales the query so.
pub(crate) fn dot_codes(query: &[i16], rows: &[i8], out: &mut [i32]) {
    debug_assert_eq!(query.len() % CODE_BLOCK, 0);
    debug_assert_eq!(rows.len(), query.len() * out.len());
    #[cfg(target_arch = "x86_64")]
    if avx2::detected() {
        return avx2::dot_codes(query, rows, out);
    }
    dot_codes_portable(query, rows, out);
}

fn dot_codes_portable(query: &[i16], rows: &[i8], out: &mut [i32]) {
    if query.is_empty() {
        return out.fill(0);
    }
    for (row, sum) in rows.chunks_exact(query.len()).zip(out) {
        *sum = row.iter().zip(query).map(|(&code, &q)| i32::from(code) * i32::from(q)).sum();
    }
}

/// Dot product of two vectors of one length.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    #[cfg(target_arch = "x86_64")]
    if avx2::detected() {
        return avx2::dot(a, b);
    }
    dot_portable(a, b)
}

fn dot_portable(a: &[f32], b: &[f32]) -> f32 {
    let (blocks_a, rest_a) = a.as_chunks::<LANES>();
    let (blocks_b, rest_b) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (x, y) in blocks_a.iter().zip(blocks_b) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    finish(&lanes, rest_a, rest_b)
}

/// Sum of the lanes and of the components behind the last whole block, in a fixed order.
fn finish(lanes: &[f32; LANES], rest_a: &[f32], rest_b: &[f32]) -> f32 {
    let mut sums = *lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    rest_a.iter().zip(rest_b).fold(sums[0], |sum, (x, y)| sum + x * y)
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "AVX2 intrinsics; every call is guarded by run-time detection")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_cvtepi8_epi16, _mm256_loadu_ps,
        _mm256_loadu_si256, _mm256_madd_epi16, _mm256_mul_ps, _mm256_setzero_ps, _mm256_setzero_si256,
        _mm256_storeu_ps, _mm256_storeu_si256,
    };

    use super::{CODE_BLOCK, LANES, finish};

    pub(super) fn detected() -> bool {
        is_x86_feature_detected!("avx2")
    }

    /// See [`super::dot_codes`]; call only after [`detected`] returned true.
    pub(super) fn dot_codes(query: &[i16], rows: &[i8], out: &mut [i32]) {
        if query.is_empty() {
            return out.fill(0);
        }
        // SAFETY: the only caller has checked that the processor has AVX2.
        unsafe { dot_codes_avx2(query, rows, out) }
    }

    /// See [`super::dot`]; call only after [`detected`] returned true.
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: the only caller has checked that the processor has AVX2.
        unsafe { dot_avx2(a, b) }
    }

    #[target_feature(enable = "avx2")]
    fn dot_codes_avx2(query: &[i16], rows: &[i8], out: &mut [i32]) {
        let (query_blocks, _) = query.as_chunks::<CODE_BLOCK>();
        for (row, sum) in rows.chunks_exact(query.len()).zip(out) {
            let (row_blocks, _) = row.as_chunks::<CODE_BLOCK>();
            let mut sums = _mm256_setzero_si256();
            for (codes, q) in row_blocks.iter().zip(query_blocks) {
                // SAFETY: `codes` is 16 readable bytes and `q` 32; the loads need no alignment.
                let (codes, q) = unsafe {
                    (
                        _mm_loadu_si128(codes.as_ptr().cast::<__m128i>()),
                        _mm256_loadu_si256(q.as_ptr().cast::<__m256i>()),
                    )
                };
                let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(codes), q);
                sums = _mm256_add_epi32(sums, products);
            }
            let mut lanes = [0_i32; 8];
            // SAFETY: `lanes` is 32 writable bytes; the store needs no alignment.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast::<__m256i>(), sums) };
            *sum = lanes.iter().sum();
        }
    }

    #[target_feature(enable = "avx2")]
    fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
        let (blocks_a, rest_a) = a.as_chunks::<LANES>();
        let (blocks_b, rest_b) = b.as_chunks::<LANES>();
        let (mut low, mut high) = (_mm256_setzero_ps(), _mm256_setzero_ps());
        for (x, y) in blocks_a.iter().zip(blocks_b) {
            let (x, y) = (x.as_ptr(), y.as_ptr());
            // SAFETY: both pointers lead to 16 readable floats; the loads need no alignment.
            unsafe {
                low = _mm256_add_ps(low, _mm256_mul_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(y)));
                let (x, y) = (_mm256_loadu_ps(x.add(8)), _mm256_loadu_ps(y.add(8)));
                high = _mm256_add_ps(high, _mm256_mul_ps(x, y));
            }
        }
        let mut lanes = [0.0; LANES];
        // SAFETY: `lanes` is 16 writable floats; the stores need no alignment.
        unsafe {
            _mm256_storeu_ps(lanes.as_mut_ptr(), low);
            _mm256_storeu_ps(lanes.as_mut_ptr().add(8), high);
        }
        finish(&lanes, rest_a, rest_b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        }
    }

    #[test]
    fn detected_and_portable_kernels_return_the_same_bits() {
        let mut next = noise(7);
        for blocks in 0..9 {
            let stride = blocks * CODE_BLOCK;
            let query: Vec<i16> = (0..stride).map(|_| next() as i16).collect();
            let rows: Vec<i8> = (0..stride * 5).map(|_| next() as i8).collect();
            let (mut fast, mut plain) = ([1; 5], [2; 5]);
            dot_codes(&query, &rows, &mut fast);
            dot_codes_portable(&query, &rows, &mut plain);
            assert_eq!(fast, plain);
        }
        for length in 0..100 {
            let mut float = || next() as f32 / (1_u64 << 30) as f32 - 1.0;
            let a: Vec<f32> = (0..length).map(|_| float()).collect();
            let b: Vec<f32> = (0..length).map(|_| float()).collect();
            assert_eq!(dot(&a, &b).to_bits(), dot_portable(&a, &b).to_bits());
        }
    }

    #[test]
    fn the_extreme_codes_do_not_overflow_a_pair() {
        let (query, rows) = ([i16::MAX; 16], [-127_i8; 16]);
        let mut out = [0];
        dot_codes(&query, &rows, &mut out);
        assert_eq!(out, [-127 * 32_767 * 16]);
    }
}
