use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use crate::{
    error::IndexError,
    partition::{Kind, Partition, Slot},
    vectors::{Owner, ScanQuery},
};

/// A question to a [`Partition`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Query<'a> {
    /// The question's vector, `[dimension]`; without one only words decide.
    pub dense: Option<&'a [f32]>,
    /// The question as typed; may be empty, then only vectors decide.
    pub text: &'a str,
    /// Most hits to return.
    pub limit: usize,
    /// Entries to consider.
    pub filter: Filter,
    /// `w` of `S = V + w * cov²`; [`Query::LEXICAL_WEIGHT`] unless measured otherwise.
    pub lexical_weight: f32,
}

impl<'a> Query<'a> {
    /// Measured on support questions in three languages. The square makes most words of a question in one text mean much
    /// and a word or two mean little: weighed as it is (0.3 was best), coverage put texts with a word by chance before
    /// the right one in another language. From 0.8 to 1.5 the result hardly changes.
    pub const LEXICAL_WEIGHT: f32 = 1.0;

    /// A query over all entries with the usual weight.
    #[must_use]
    pub fn new(dense: Option<&'a [f32]>, text: &'a str, limit: usize) -> Self {
        let filter = Filter::default();
        Self { dense, text, limit, filter, lexical_weight: Self::LEXICAL_WEIGHT }
    }
}

/// Which [`Entry::tags`](crate::Entry::tags) to consider; the default takes every entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Bits that must all be set.
    pub all: u32,
    /// Bits of which one must be set; 0 asks for none.
    pub any: u32,
    /// Bits that must not be set.
    pub none: u32,
}

impl Filter {
    /// Whether an entry with these tags is considered.
    #[must_use]
    pub fn accepts(self, tags: u32) -> bool {
        tags & self.all == self.all && (self.any == 0 || tags & self.any != 0) && tags & self.none == 0
    }
}

/// An entry that answers a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// [`Entry::id`](crate::Entry::id).
    pub id: u128,
    /// [`Entry::group`](crate::Entry::group).
    pub group: u128,
    /// `V`, -1 to 1; 0 when the query or the entry has no vector.
    pub dense: f32,
    /// `cov`, 0 to 1.
    pub lexical: f32,
    /// `S = V + w * cov²`.
    pub score: f32,
}

/// An entry with what the scan says about its score.
struct Candidate {
    slot: u32,
    coverage: f32,
    lower: f32,
    upper: f32,
}

impl Partition {
    /// The `limit` best entries, best first, those of equal score by ascending id.
    ///
    /// Entries are considered when they have a vector and so has the query, or when they share a
    /// term with it. The result is that of scoring each of them in 32 bits.
    ///
    /// # Errors
    ///
    /// When the query vector has another dimension, is zero or not finite, or the weight is
    /// negative or not finite.
    pub fn search(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        let (scan, candidates) = self.candidates(query)?;
        Ok(self.best(query, query.limit, scan.as_ref(), &candidates))
    }

    /// The best entry of each of the `limit` best groups, ordered as by [`Partition::search`].
    ///
    /// # Errors
    ///
    /// As [`Partition::search`].
    pub fn search_groups(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        let (scan, candidates) = self.candidates(query)?;
        let mut count = query.limit;
        loop {
            let hits = self.best(query, count, scan.as_ref(), &candidates);
            let is_all = hits.len() < count;
            let mut groups = HashSet::new();
            let mut firsts: Vec<_> = hits.into_iter().filter(|hit| groups.insert(hit.group)).collect();
            if is_all || firsts.len() >= query.limit {
                firsts.truncate(query.limit);
                return Ok(firsts);
            }
            count = count.saturating_mul(4);
        }
    }

    /// The `cov` of a text that need not be an entry, as a sentence of one, by this partition's
    /// statistics: 0 to 1.
    #[must_use]
    pub fn coverage(&self, query: &str, text: &str) -> f32 {
        self.lexical.coverage(&self.lexical.query(query), text)
    }

    /// Scans every entry the filter accepts.
    fn candidates(&self, query: &Query<'_>) -> Result<(Option<ScanQuery>, Vec<Candidate>), IndexError> {
        let weight = query.lexical_weight;
        if !weight.is_finite() || weight < 0.0 {
            return Err(IndexError::Weight);
        }
        let unit = query.dense.map(|vector| self.vectors.unit(vector)).transpose()?;
        let scan = unit.map(|unit| self.vectors.query(unit));
        let is_accepted = |slot: u32| {
            let facts = self.facts[slot as usize];
            facts.kind != Kind::Free && query.filter.accepts(facts.tags)
        };
        let mut wholes = Vec::new();
        let mut sentences = Vec::new();
        if let Some(scan) = &scan {
            wholes.resize(self.slots.len(), 0.0_f32);
            sentences.resize(self.slots.len(), f32::NEG_INFINITY);
            self.vectors.scan(scan, is_accepted, |Owner { slot, nth }, cosine| {
                let slot = slot as usize;
                if nth == 0 {
                    wholes[slot] = cosine;
                } else {
                    sentences[slot] = cosine.max(sentences[slot]);
                }
            });
        }

        let coverages = self.lexical.coverages(&self.lexical.query(query.text));
        let mut candidates = Vec::new();
        for ((slot, facts), coverage) in (0..).zip(&self.facts).zip(coverages) {
            if !is_accepted(slot) {
                continue;
            }
            let lexical = weight * coverage * coverage;
            let index = slot as usize;
            let (lower, upper) = match &scan {
                Some(scan) if facts.kind == Kind::Dense => {
                    let score = dense_score(wholes[index], sentences[index]) + lexical;
                    // The second part is the rounding of the sum when the weight is large.
                    let error = scan.error(facts.error) + score.abs() * 4.0 * f32::EPSILON;
                    (score - error, score + error)
                }
                _ if coverage > 0.0 => (lexical, lexical),
                _ => continue,
            };
            candidates.push(Candidate { slot, coverage, lower, upper });
        }
        Ok((scan, candidates))
    }

    /// Rescores the candidates that can be among the `limit` best.
    fn best(&self, query: &Query<'_>, limit: usize, scan: Option<&ScanQuery>, candidates: &[Candidate]) -> Vec<Hit> {
        let threshold = nth_lower(candidates, limit);
        let mut hits: Vec<_> = candidates
            .iter()
            .filter(|candidate| candidate.upper >= threshold)
            .filter_map(|candidate| {
                let slot = self.slots.get(candidate.slot as usize)?.as_ref()?;
                let dense = scan.map_or(0.0, |scan| self.dense(scan, slot));
                let lexical = candidate.coverage;
                let score = dense + query.lexical_weight * lexical * lexical;
                Some(Hit { id: slot.id, group: slot.group, dense, lexical, score })
            })
            .collect();
        hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        hits.truncate(limit);
        hits
    }

    /// `V` of an entry from its 32-bit vectors.
    fn dense(&self, scan: &ScanQuery, slot: &Slot) -> f32 {
        let Some((&whole, sentences)) = slot.rows.split_first() else {
            return 0.0;
        };
        let cosines = sentences.iter().map(|&row| self.vectors.cosine(scan, row));
        let best = cosines.fold(f32::NEG_INFINITY, f32::max);
        dense_score(self.vectors.cosine(scan, whole), best)
    }
}

/// `V` from the cosine of the whole and the largest of the sentences, -inf without sentences.
fn dense_score(whole: f32, sentence: f32) -> f32 {
    if sentence == f32::NEG_INFINITY { whole } else { 0.5 * whole + 0.5 * sentence }
}

/// The `limit`-th largest lower bound: what has a smaller upper bound is not among the best.
fn nth_lower(candidates: &[Candidate], limit: usize) -> f32 {
    if candidates.len() <= limit {
        return f32::NEG_INFINITY;
    }
    let mut best = BinaryHeap::with_capacity(limit + 1);
    let mut threshold = f32::NEG_INFINITY;
    for candidate in candidates {
        if best.len() < limit || candidate.lower > threshold {
            best.push(Reverse(Ordered(candidate.lower)));
            if best.len() > limit {
                best.pop();
            }
            if best.len() == limit {
                threshold = best.peek().map_or(f32::INFINITY, |&Reverse(Ordered(least))| least);
            }
        }
    }
    threshold
}

/// A float in its total order.
struct Ordered(f32);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}
