//! Inverted index with exact BM25, normalised to the share of the query that is covered.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crate::text::{K1, TermCounts, saturation};

/// Bits of a posting that hold the term frequency; the rest holds the slot.
const TF_BITS: u32 = 8;
/// Slots a posting can address.
pub(crate) const SLOTS_MAX: usize = 1 << (u32::BITS - TF_BITS);

/// Terms of the entries by slot.
///
/// A posting is a slot and a term frequency in one integer (frequencies above 255 count as 255,
/// where the TF part of BM25 has long reached its limit); lists are sorted by slot.
#[derive(Debug, Default)]
pub(crate) struct Lexical {
    postings: HashMap<u32, Vec<u32>, BuildHasherDefault<SpreadId>>,
    /// `[slots]`: terms of the entry, with repetitions; 0 for a free slot.
    lengths: Vec<u32>,
    total_length: u64,
    documents: usize,
}

/// A query's terms with their share of its weight.
pub(crate) struct WeightedQuery {
    /// `(term id, idf)`, ascending by id.
    terms: Vec<(u32, f32)>,
    /// `(k1 + 1) * sum of idf`, the BM25 score that no document reaches.
    ceiling: f32,
}

impl Lexical {
    /// Indexes a text in a free slot and returns its distinct term ids, needed to remove it.
    pub(crate) fn insert(&mut self, slot: u32, text: &str) -> Box<[u32]> {
        let counts = TermCounts::of(text);
        for &(term, tf) in &counts.terms {
            let list = self.postings.entry(term).or_default();
            // Loading a site appends; searching the list would cost most of the time then.
            let is_last = list.last().is_none_or(|&posting| posting >> TF_BITS < slot);
            let at = if is_last { list.len() } else { place(list, slot) };
            list.insert(at, slot << TF_BITS | tf.min((1 << TF_BITS) - 1));
        }
        let index = slot as usize;
        if self.lengths.len() <= index {
            self.lengths.resize(index + 1, 0);
        }
        self.lengths[index] = counts.length;
        self.total_length += u64::from(counts.length);
        self.documents += 1;
        counts.terms.into_iter().map(|(term, _)| term).collect()
    }

    pub(crate) fn remove(&mut self, slot: u32, terms: &[u32]) {
        for term in terms {
            let Some(list) = self.postings.get_mut(term) else {
                continue;
            };
            let at = place(list, slot);
            if list.get(at).is_some_and(|&posting| posting >> TF_BITS == slot) {
                list.remove(at);
            }
            if list.is_empty() {
                self.postings.remove(term);
            }
        }
        if let Some(length) = self.lengths.get_mut(slot as usize) {
            self.total_length -= u64::from(*length);
            *length = 0;
            self.documents -= 1;
        }
    }

    /// Mean number of terms of the entries, 0 without entries.
    pub(crate) fn average_length(&self) -> f32 {
        if self.documents == 0 { 0.0 } else { self.total_length as f32 / self.documents as f32 }
    }

    pub(crate) fn query(&self, text: &str) -> WeightedQuery {
        let weigh = |(term, _): (u32, u32)| (term, self.idf(term));
        let terms: Vec<_> = TermCounts::of(text).terms.into_iter().map(weigh).collect();
        let ceiling = (K1 + 1.0) * terms.iter().map(|(_, idf)| idf).sum::<f32>();
        WeightedQuery { terms, ceiling }
    }

    /// `ln(1 + (N - n + 0.5) / (n + 0.5))`: never negative, largest for a term no entry has.
    fn idf(&self, term: u32) -> f32 {
        let having = self.postings.get(&term).map_or(0, Vec::len) as f32;
        ((self.documents as f32 - having + 0.5) / (having + 0.5)).ln_1p()
    }

    /// `[slots]`: the coverage of the query by each entry, 0 to 1.
    pub(crate) fn coverages(&self, query: &WeightedQuery) -> Vec<f32> {
        let mut sums = vec![0.0; self.lengths.len()];
        let per_length = self.average_length().recip();
        for (term, idf) in &query.terms {
            for &posting in self.postings.get(term).map_or(&[][..], Vec::as_slice) {
                let slot = (posting >> TF_BITS) as usize;
                let tf = (posting & ((1 << TF_BITS) - 1)) as f32;
                sums[slot] += idf * saturation(tf, self.lengths[slot] as f32 * per_length);
            }
        }
        if query.ceiling > 0.0 {
            sums.iter_mut().for_each(|sum| *sum /= query.ceiling);
        }
        sums
    }

    /// The coverage of the query by a text that need not be indexed, 0 to 1.
    pub(crate) fn coverage(&self, query: &WeightedQuery, text: &str) -> f32 {
        let counts = TermCounts::of(text);
        let relative = counts.length as f32 / self.average_length();
        let relative = if relative.is_finite() { relative } else { 1.0 };
        let mut sum = 0.0;
        for (term, idf) in &query.terms {
            if let Ok(at) = counts.terms.binary_search_by_key(term, |&(id, _)| id) {
                let (_, tf) = counts.terms[at];
                sum += idf * saturation(tf.min((1 << TF_BITS) - 1) as f32, relative);
            }
        }
        if query.ceiling > 0.0 { sum / query.ceiling } else { 0.0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        let lists: usize = self.postings.values().map(Vec::capacity).sum();
        // A hash table keeps one control byte per bucket.
        let bucket = size_of::<(u32, Vec<u32>)>() + 1;
        (lists + self.lengths.capacity()) * size_of::<u32>() + self.postings.capacity() * bucket
    }
}

/// Where the posting of a slot is or belongs.
fn place(list: &[u32], slot: u32) -> usize {
    list.partition_point(|&posting| posting >> TF_BITS < slot)
}

/// Hashes a term id, which is a hash already, by one multiplication that spreads it to 64 bits.
#[derive(Default)]
struct SpreadId(u64);

impl Hasher for SpreadId {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&str]) -> (Lexical, Vec<Box<[u32]>>) {
        let mut lexical = Lexical::default();
        let terms = (0..).zip(texts).map(|(slot, text)| lexical.insert(slot, text)).collect();
        (lexical, terms)
    }

    #[test]
    fn coverage_is_between_nothing_and_all() {
        let (lexical, _) = index(&["kargo ücreti", "para iadesi", ""]);
        let query = lexical.query("kargo nerede");
        let found = lexical.coverages(&query);
        assert!(found[0] > 0.2 && found[0] < 1.0);
        assert_eq!(found[1..], [0.0, 0.0]);
        assert!((lexical.coverage(&query, "kargo ücreti") - found[0]).abs() < 1e-7);
    }

    #[test]
    fn unknown_terms_lower_the_coverage() {
        let (lexical, _) = index(&["kargo", "iade"]);
        let known = lexical.coverages(&lexical.query("kargo"))[0];
        let diluted = lexical.coverages(&lexical.query("kargo zeppelin"))[0];
        assert!(diluted < known / 2.0);
    }

    #[test]
    fn removal_restores_idf_and_lengths() {
        let (mut lexical, terms) = index(&["kargo ücreti", "kargo süresi", "iade"]);
        lexical.remove(1, &terms[1]);
        let (expected, _) = index(&["kargo ücreti", "iade"]);
        let of = |lexical: &Lexical| lexical.coverages(&lexical.query("kargo"))[0];
        assert_eq!(of(&lexical), of(&expected));
        assert_eq!(lexical.average_length(), expected.average_length());
        lexical.remove(0, &terms[0]);
        lexical.remove(2, &terms[2]);
        assert!(lexical.postings.is_empty());
        assert_eq!(lexical.coverages(&lexical.query("kargo")), [0.0; 3]);
    }

    #[test]
    fn a_known_value() {
        // Two entries of one term each, so |d| = avg: BM25 = idf, and cov = 1 / (k1 + 1).
        let (lexical, _) = index(&["7", "8"]);
        let found = lexical.coverages(&lexical.query("7"));
        assert!((found[0] - 1.0 / 2.2).abs() < 1e-6);
        assert!((lexical.idf(crate::text::term_id("7")) - 2.0_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_frequency_beyond_the_posting_saturates() {
        let (lexical, _) = index(&[&"7 ".repeat(70_000), "8"]);
        let found = lexical.coverages(&lexical.query("7"));
        assert!(found[0] > 0.5 && found[0] < 1.0 && found[1] == 0.0);
    }
}
