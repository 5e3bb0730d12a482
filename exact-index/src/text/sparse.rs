use super::for_each_term;

/// BM25 term-frequency saturation; see [`sparse_document`].
pub const K1: f32 = 1.2;
/// BM25 length normalisation, 0 none to 1 full; see [`sparse_document`].
pub const B: f32 = 0.75;

/// Stable 32-bit id of a term: FNV-1a (64-bit offset basis and prime, over the UTF-8 bytes), upper
/// and lower half combined by exclusive or.
///
/// The ids are stored outside the process, so this function never changes. Two terms share an id
/// with probability 2⁻³² and then count as one term, here and in Qdrant alike.
#[must_use]
pub fn term_id(term: &str) -> u32 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = term.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    ((hash >> 32) ^ (hash & 0xffff_ffff)) as u32
}

/// Number of terms of a text, the `|d|` of BM25 whose mean over all documents is `avg_len`.
#[must_use]
pub fn document_length(text: &str) -> usize {
    let mut length = 0;
    for_each_term(text, |_| length += 1);
    length
}

/// Document side of BM25 as a sparse vector of `(term id, weight)`, ascending by id, without the
/// IDF factor, which the index applies (`Modifier::Idf` in Qdrant).
///
/// `weight = tf * (k1 + 1) / (tf + k1 * (1 - b + b * |d| / avg_len))` with [`K1`] 1.2 and [`B`]
/// 0.75 (Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009,
/// section 3.4), so `0 < weight < 2.2`. Lengths are counted in terms, see [`document_length`]; an
/// `avg_len` that is not positive is read as the document's own length.
#[must_use]
pub fn sparse_document(text: &str, avg_len: f32) -> Vec<(u32, f32)> {
    let counts = TermCounts::of(text);
    let relative = counts.length as f32 / avg_len;
    let relative = if relative.is_finite() && avg_len > 0.0 { relative } else { 1.0 };
    let weigh = |(id, tf): (u32, u32)| (id, saturation(tf as f32, relative));
    counts.terms.into_iter().map(weigh).collect()
}

/// Query side of BM25: weight 1 for each distinct term id, ascending.
#[must_use]
pub fn sparse_query(text: &str) -> Vec<(u32, f32)> {
    TermCounts::of(text).terms.into_iter().map(|(id, _)| (id, 1.0)).collect()
}

/// The TF part of BM25 for a document `relative` times as long as the average one.
pub(crate) fn saturation(tf: f32, relative: f32) -> f32 {
    tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * relative))
}

/// Bag of terms of a text.
pub(crate) struct TermCounts {
    /// `(term id, occurrences)`, ascending by id.
    pub(crate) terms: Vec<(u32, u32)>,
    /// Sum of all occurrences.
    pub(crate) length: u32,
}

impl TermCounts {
    pub(crate) fn of(text: &str) -> Self {
        let mut ids = Vec::new();
        for_each_term(text, |term| ids.push(term_id(term)));
        ids.sort_unstable();
        let terms = ids.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len() as u32))).collect();
        Self { terms, length: u32::try_from(ids.len()).unwrap_or(u32::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::terms;

    #[test]
    fn term_ids_never_change() {
        assert_eq!(term_id(""), 0xcbf2_9ce4 ^ 0x8422_2325);
        assert_eq!(term_id("kargo"), 93_923_297);
        assert_eq!(term_id("#_kar"), 4_134_914_759);
    }

    #[test]
    fn a_document_of_average_length_has_weight_one_for_single_terms() {
        let text = "kargo ücreti";
        let length = document_length(text);
        assert_eq!(length, terms(text).len());
        let sparse = sparse_document(text, length as f32);
        assert_eq!(sparse.len(), length);
        assert!(sparse.iter().all(|&(_, weight)| (weight - 1.0).abs() < 1e-6));
        assert!(sparse.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn repetition_saturates_below_k1_plus_one() {
        let sparse = sparse_document(&"kargo ".repeat(1_000), 1.0e6);
        let (_, weight) = sparse[0];
        assert!(weight > 2.19 && weight < K1 + 1.0);
    }

    #[test]
    fn an_unusable_average_is_ignored() {
        for average in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let sparse = sparse_document("kargo", average);
            assert!(sparse.iter().all(|&(_, weight)| weight.is_finite() && weight > 0.0));
        }
        assert!(sparse_document("", 0.0).is_empty());
    }

    #[test]
    fn a_query_counts_each_term_once() {
        assert_eq!(sparse_query("kargo kargo"), sparse_query("KARGO"));
    }
}
