//! The weights file: header, pieces, normalisation table, tensors.
//!
//! All numbers are little endian, nothing is aligned. In order:
//! - `E5S1`, u32 version, i32 hidden, layers, heads, ffn, vocabulary, positions, types, f32 epsilon, i32 block;
//! - i32 pieces, begin, end, pad, unknown, u64 blob length, u32 offsets (one more than pieces), f32 scores, blob;
//! - i32 entries and u32 bytes of the normalisation table, each entry u32 code point, u8 k, k × u32 replacement;
//! - i32 tensors, each u16 name length, name, u8 type, u32 count, u64 offset in the file, u64 bytes.
//!
//! Only one model is meant to be read, so its sizes are constants and anything else is refused.

use std::collections::HashMap;
use std::fmt;

/// Width of a token's vector.
pub(crate) const HIDDEN: usize = 384;
/// Transformer layers.
pub(crate) const LAYERS: usize = 12;
/// Attention heads of a layer.
pub(crate) const HEADS: usize = 12;
/// Width of one head.
pub(crate) const HEAD: usize = HIDDEN / HEADS;
/// Inner width of the feed-forward part.
pub(crate) const FFN: usize = 1536;
/// Tokens the model can take at once, `<s>` and `</s>` included.
pub(crate) const POSITIONS: usize = 512;
/// Weights that share one scale.
pub(crate) const BLOCK: usize = 32;
/// Bytes of a block: an f16 scale, then 32 weights of 4 bits.
pub(crate) const BLOCK_BYTES: usize = 2 + BLOCK / 2;
/// Added to variances before their root is taken.
pub(crate) const EPSILON: f32 = 1e-12;

/// Why the built-in weights could not be read. Happens only when the file in the repository was damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file ends before the part named here.
    Truncated(&'static str),
    /// The part named here holds something else than this engine is written for.
    Unexpected(&'static str),
    /// The tensor named here is missing or has another type or size.
    Tensor(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(part) => write!(f, "embedding weights end inside the {part}"),
            Self::Unexpected(part) => write!(f, "embedding weights have an unexpected {part}"),
            Self::Tensor(name) => write!(f, "embedding weights lack a usable tensor {name}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// The parsed file. Everything still lies in the bytes it was read from.
pub(crate) struct File {
    pub(crate) pieces: Pieces,
    /// Entries of the normalisation table, raw.
    pub(crate) normalisation: &'static [u8],
    tensors: HashMap<&'static str, Tensor>,
}

/// Vocabulary tables, raw.
pub(crate) struct Pieces {
    /// u32 start of each piece in `blob`, and the end of the last.
    pub(crate) offsets: &'static [[u8; 4]],
    /// f32 log probability of each piece.
    pub(crate) scores: &'static [[u8; 4]],
    /// The pieces' UTF-8, one after the other.
    pub(crate) blob: &'static [u8],
}

struct Tensor {
    quantised: bool,
    count: usize,
    data: &'static [u8],
}

/// A matrix of 4-bit weights, row by row, used where it lies in the file.
///
/// A row is `columns / 32` blocks; weight `j` of a block is (low nibble of byte `j` − 8) × scale, weight `j + 16` the same with the high nibble.
#[derive(Clone, Copy)]
pub(crate) struct Q4Matrix<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl<'a> Q4Matrix<'a> {
    /// Blocks of one row.
    pub(crate) fn blocks(&self) -> usize {
        self.columns / BLOCK
    }

    /// The scale (f16 bits) and nibbles of one block.
    #[inline(always)]
    pub(crate) fn block(&self, row: usize, block: usize) -> (u16, &'a [u8; BLOCK / 2]) {
        let (blocks, _) = self.data.as_chunks::<BLOCK_BYTES>();
        let [low, high, nibbles @ ..] = &blocks[row * self.blocks() + block];
        (u16::from_le_bytes([*low, *high]), nibbles)
    }
}

/// Value of a finite half-precision number.
pub(crate) fn half_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    // Exponent and mantissa in place, then the exponent's bias put right by a power of two; good for subnormal numbers too.
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
    f32::from_bits(magnitude.to_bits() | sign)
}

impl File {
    /// Reads the tables and checks them against the sizes above.
    pub(crate) fn parse(bytes: &'static [u8]) -> Result<Self, LoadError> {
        let mut r = Reader { rest: bytes, part: "header" };
        let head = r.take(4 + 4 + 7 * 4)?;
        let sizes = [1, HIDDEN, LAYERS, HEADS, FFN, VOCABULARY, POSITIONS, 2];
        let (words, _) = head[4..].as_chunks::<4>();
        let same = words.iter().zip(sizes).all(|(word, size)| u32::from_le_bytes(*word) as usize == size);
        if &head[..4] != b"E5S1" || !same || f32::from_bits(r.u32()?) != EPSILON || r.u32()? as usize != BLOCK {
            return Err(LoadError::Unexpected("header"));
        }

        r.part = "vocabulary";
        let ids = [VOCABULARY as u32, BEGIN, END, PAD, UNKNOWN];
        for id in ids {
            if r.u32()? != id {
                return Err(LoadError::Unexpected("vocabulary"));
            }
        }
        let blob = r.u64()?;
        let offsets = r.take(4 * (VOCABULARY + 1))?.as_chunks().0;
        let scores = r.take(4 * VOCABULARY)?.as_chunks().0;
        let pieces = Pieces { offsets, scores, blob: r.take(blob)? };

        r.part = "normalisation table";
        r.u32()?;
        let size = r.u32()? as usize;
        let normalisation = r.take(size)?;

        r.part = "tensors";
        let mut tensors = HashMap::new();
        for _ in 0..r.u32()? {
            let length = u16::from_le_bytes(r.array()?) as usize;
            let name = std::str::from_utf8(r.take(length)?).map_err(|_| LoadError::Unexpected("tensor name"))?;
            let [kind] = r.array()?;
            let (count, offset, size) = (r.u32()? as usize, r.u64()?, r.u64()?);
            let end = offset.checked_add(size).ok_or(LoadError::Truncated("tensors"))?;
            let data = bytes.get(offset..end).ok_or(LoadError::Truncated("tensors"))?;
            tensors.insert(name, Tensor { quantised: kind == 1, count, data });
        }
        Ok(Self { pieces, normalisation, tensors })
    }

    /// The quantised matrix of that name.
    pub(crate) fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Q4Matrix<'static>, LoadError> {
        let data = self.tensor(name, true, rows * columns, rows * columns / BLOCK * BLOCK_BYTES)?;
        Ok(Q4Matrix { data, rows, columns })
    }

    /// The numbers of that name, copied.
    pub(crate) fn numbers(&self, name: &str, count: usize) -> Result<Vec<f32>, LoadError> {
        let (words, _) = self.tensor(name, false, count, count * 4)?.as_chunks::<4>();
        let numbers: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        if numbers.iter().all(|x| x.is_finite()) { Ok(numbers) } else { Err(LoadError::Tensor(name.to_owned())) }
    }

    fn tensor(&self, name: &str, quantised: bool, count: usize, size: usize) -> Result<&'static [u8], LoadError> {
        match self.tensors.get(name) {
            Some(t) if t.quantised == quantised && t.count == count && t.data.len() == size => Ok(t.data),
            _ => Err(LoadError::Tensor(name.to_owned())),
        }
    }
}

/// Pieces of the vocabulary.
pub(crate) const VOCABULARY: usize = 50_122;
/// Id of `<s>`.
pub(crate) const BEGIN: u32 = 0;
/// Id of `<pad>`, never used: texts are not padded.
const PAD: u32 = 1;
/// Id of `</s>`.
pub(crate) const END: u32 = 2;
/// Id of `<unk>`, the last of the ids that stand for no text.
pub(crate) const UNKNOWN: u32 = 3;

struct Reader {
    rest: &'static [u8],
    part: &'static str,
}

impl Reader {
    fn take(&mut self, count: usize) -> Result<&'static [u8], LoadError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(LoadError::Truncated(self.part))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(LoadError::Truncated(self.part))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, LoadError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<usize, LoadError> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| LoadError::Truncated(self.part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_have_their_value() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0000, 0.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8)]
        {
            assert_eq!(half_to_f32(bits), value, "{bits:#x}");
        }
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let whole = crate::WEIGHTS;
        for cut in [0, 3, 40, 60, 250_000, 500_000, 780_000, 805_000, 811_000, whole.len() - 1000] {
            assert!(File::parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
        let mut other = whole[..100].to_vec();
        other[8] = 1;
        assert_eq!(File::parse(other.leak()).err(), Some(LoadError::Unexpected("header")));
        let file = File::parse(whole).unwrap();
        assert_eq!(file.numbers("emb.word", HIDDEN).err(), Some(LoadError::Tensor("emb.word".into())));
    }
}
