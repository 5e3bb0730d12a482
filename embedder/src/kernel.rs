//! Choice between the portable and the AVX2 code, and the product of 4-bit weights with 8-bit activations.
//!
//! Weights stay as they lie in the file and are unpacked for a tile of up to `TILE` tokens at a time. Unpacking them once at load
//! to bytes would cost 21 MB of memory; rearranging the nibbles for the AVX2 code would cost 12 MB and save only the shuffles,
//! which are shared by all tokens of the tile.

use crate::format::{BLOCK, Q4Matrix, half_to_f32};
use crate::ops::{Op, Quantise};

/// Tokens that go through a matrix together.
pub(crate) const TILE: usize = 64;

/// Which code runs. Both give the same numbers up to the rounding of sums.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernel {
    /// Plain Rust for any processor.
    Portable,
    /// AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2(crate::simd::Avx2),
}

impl Kernel {
    /// The fastest this processor can run.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = crate::simd::Avx2::detect() {
            return Self::Avx2(avx2);
        }
        Self::Portable
    }

    /// Runs an operation, compiled for this processor.
    pub(crate) fn run(self, op: impl Op) {
        match self {
            Self::Portable => op.run::<false>(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.run(op),
        }
    }

    /// `output[t][r] = bias[r] + Σ weights[r][c] · input[t][c]` for each token of the input; `output` is tokens × rows.
    pub(crate) fn product(self, weights: &Q4Matrix<'_>, bias: &[f32], input: &Activations, output: &mut [f32]) {
        assert_eq!(bias.len(), weights.rows);
        assert_eq!(output.len(), weights.rows * input.tokens);
        assert_eq!(input.quants.len(), weights.blocks() * input.tokens);
        match self {
            Self::Portable => portable_product(weights, bias, input, output),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.product(weights, bias, input, output),
        }
    }
}

/// The vectors of a tile of tokens, in 8 bits: blocks of 32 numbers that share a scale.
/// Block-major: block `b` of token `t` is at `b * tokens + t`, so a matrix block meets its tokens one after the other.
#[derive(Default)]
pub(crate) struct Activations {
    pub(crate) tokens: usize,
    /// 32 numbers from −127 to 127, two's complement.
    pub(crate) quants: Vec<[u8; BLOCK]>,
    /// What a step of 1 stands for.
    pub(crate) scales: Vec<f32>,
    /// Two i16: −8 × the sum of the numbers `j` with `j % 4 < 2` (low half) and of the others (high half).
    /// The AVX2 code multiplies nibbles from 0 to 15 and takes away the 8 with this; see there.
    pub(crate) corrections: Vec<i32>,
}

impl Activations {
    /// Takes the rows of `input`, each of `width` numbers, in place of what was here.
    pub(crate) fn set(&mut self, kernel: Kernel, input: &[f32], width: usize) {
        self.tokens = input.len() / width;
        let blocks = input.len() / BLOCK;
        self.quants.resize(blocks, [0; BLOCK]);
        self.scales.resize(blocks, 0.0);
        self.corrections.resize(blocks, 0);
        kernel.run(Quantise { input, width, output: self });
    }
}

fn portable_product(weights: &Q4Matrix<'_>, bias: &[f32], input: &Activations, output: &mut [f32]) {
    let tokens = input.tokens;
    // 16 bits on both sides: every vector unit can multiply those and add neighbours in one instruction.
    let quants: Vec<[i16; BLOCK]> = input.quants.iter().map(|block| block.map(|x| i16::from(x as i8))).collect();
    for (row, bias) in bias.iter().enumerate() {
        let mut sums = [0.0; TILE];
        let sums = &mut sums[..tokens];
        sums.fill(*bias);
        for block in 0..weights.blocks() {
            let (scale, nibbles) = weights.block(row, block);
            let scale = half_to_f32(scale);
            let mut unpacked = [0_i16; BLOCK];
            for (j, byte) in nibbles.iter().enumerate() {
                unpacked[j] = i16::from(byte & 15) - 8;
                unpacked[j + BLOCK / 2] = i16::from(byte >> 4) - 8;
            }
            let here = block * tokens..(block + 1) * tokens;
            let inputs = quants[here.clone()].iter().zip(&input.scales[here]);
            for (sum, (quants, step)) in sums.iter_mut().zip(inputs) {
                *sum += dot(&unpacked, quants) as f32 * (scale * step);
            }
        }
        for (sum, token) in sums.iter().zip(output.chunks_exact_mut(weights.rows)) {
            token[row] = *sum;
        }
    }
}

/// Never inlined: within the loop above the compiler uses what it knows about the weights, and takes twice the time.
#[inline(never)]
fn dot(a: &[i16; BLOCK], b: &[i16; BLOCK]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{BLOCK_BYTES, FFN, HIDDEN};

    /// Pseudo-random numbers in −1..1.
    fn noise(seed: u32, count: usize) -> Vec<f32> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    /// Blocks with scales of 0.5 to 1 in half precision and random nibbles.
    fn matrix_bytes(rows: usize, columns: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            noise(7, rows * columns / BLOCK * BLOCK_BYTES).iter().map(|x| (x * 128.0) as i8 as u8).collect();
        bytes.chunks_exact_mut(BLOCK_BYTES).for_each(|block| block[1] = 0x38 | (block[1] & 0x83));
        bytes
    }

    #[test]
    fn products_agree_with_plain_arithmetic_on_both_paths() {
        for (rows, columns, tokens) in [(HIDDEN, HIDDEN, 1), (16, FFN, 7), (HIDDEN, FFN, TILE)] {
            let bytes = matrix_bytes(rows, columns);
            let weights = Q4Matrix { data: &bytes, rows, columns };
            let (bias, rough) = (noise(3, rows), noise(5, tokens * columns));
            let mut input = Activations::default();
            input.set(Kernel::Portable, &rough, columns);
            let run = |kernel: Kernel| {
                let mut output = vec![0.0; rows * tokens];
                kernel.product(&weights, &bias, &input, &mut output);
                output
            };
            let (portable, fast) = (run(Kernel::Portable), run(Kernel::detect()));
            for (at, (a, b)) in portable.iter().zip(&fast).enumerate() {
                assert!((a - b).abs() < 1e-3, "{at}: {a} {b}");
            }
            for (t, r) in [(0, 0), (tokens - 1, rows - 1), (tokens / 2, rows / 3)] {
                let exact: f64 = (0..columns)
                    .map(|c| {
                        let (scale, nibbles) = weights.block(r, c / BLOCK);
                        let byte = nibbles[c % 16];
                        let nibble = if c % BLOCK < 16 { byte & 15 } else { byte >> 4 };
                        f64::from(half_to_f32(scale)) * (f64::from(nibble) - 8.0) * f64::from(rough[t * columns + c])
                    })
                    .sum();
                let got = f64::from(portable[t * rows + r] - bias[r]);
                // Half a step of 1/127 per number, of either sign: the error grows with the root of the width.
                assert!((got - exact).abs() < 0.02 * (columns as f64).sqrt() + 0.05, "{got} {exact}");
            }
        }
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let mut bytes = vec![0x00; 8 * BLOCK_BYTES];
        bytes.chunks_exact_mut(BLOCK_BYTES).for_each(|block| block[1] = 0x3c);
        for (nibbles, input) in [(0x00, 1.0), (0x00, -1.0), (0xff, 1.0), (0xff, -1.0)] {
            bytes.chunks_exact_mut(BLOCK_BYTES).for_each(|block| block[2..].fill(nibbles));
            let weights = Q4Matrix { data: &bytes, rows: 8, columns: BLOCK };
            let mut activations = Activations::default();
            activations.set(Kernel::detect(), &[input; BLOCK], BLOCK);
            let mut output = [0.0; 8];
            Kernel::detect().product(&weights, &[0.0; 8], &activations, &mut output);
            let expected = if nibbles == 0 { -8.0 } else { 7.0 } * input * BLOCK as f32;
            assert!(output.iter().all(|x| (x - expected).abs() < 1e-3), "{output:?} {expected}");
        }
    }
}
