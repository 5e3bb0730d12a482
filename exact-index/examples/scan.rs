//! Search latency and recall on clustered synthetic vectors.
//!
//! `cargo run --release -p exact-index --example scan`

use std::{
    hint::black_box,
    io::{self, Write as _},
    time::Instant,
};

use exact_index::{Entry, Partition, Query};

const DIMENSION: usize = 384;
const QUERIES: usize = 200;
const LIMIT: usize = 10;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Roughly normal, variance 1.
    fn normal(&mut self) -> f32 {
        let uniform = |bits: u64| (bits >> 40) as f32 / (1 << 24) as f32;
        (0..12).map(|_| uniform(self.next())).sum::<f32>() - 6.0
    }

    fn unit_near(&mut self, centre: &[f32], spread: f32) -> Vec<f32> {
        let noise = spread / (DIMENSION as f32).sqrt();
        let moved: Vec<f32> = centre.iter().map(|x| x + noise * self.normal()).collect();
        let norm = dot(&moved, &moved).sqrt();
        moved.into_iter().map(|x| x / norm).collect()
    }

    fn text(&mut self, words: usize) -> String {
        // Squaring prefers small numbers, so that some words are frequent.
        let word = |n: usize| format!("{:x}", (n * n / 4_000) as u32 ^ 0x00ab_c000);
        (0..words).map(|_| word(self.below(4_000))).collect::<Vec<_>>().join(" ")
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Middle and 99th percentile in milliseconds.
fn percentiles(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn timed(partition: &Partition, queries: &[(Option<&[f32]>, &str)]) -> (f64, f64) {
    let run = |&(dense, text): &(Option<&[f32]>, &str)| {
        let start = Instant::now();
        let _ = black_box(partition.search(&Query::new(dense, text, LIMIT)));
        start.elapsed().as_secs_f64() * 1e3
    };
    percentiles(queries.iter().map(run).collect())
}

fn measure(entries: usize, out: &mut impl io::Write) -> io::Result<()> {
    let mut random = Random(42);
    let origin = [0.0; DIMENSION];
    let centres: Vec<_> = (0..(entries / 100).max(1)).map(|_| random.unit_near(&origin, 1.0)).collect();
    let vectors: Vec<_> = (0..entries)
        .map(|_| {
            let centre = random.below(centres.len());
            random.unit_near(&centres[centre], 0.7)
        })
        .collect();

    let mut partition = Partition::new(DIMENSION);
    let start = Instant::now();
    for (id, vector) in (0..).zip(&vectors) {
        let (dense, text) = (vec![vector.clone()], random.text(60));
        if let Err(error) = partition.insert(Entry { id, group: id / 4, dense, text, tags: 0 }) {
            writeln!(out, "refused: {error}")?;
        }
    }
    let load = start.elapsed().as_secs_f64();
    let memory = partition.memory_bytes() / 1_000_000;
    writeln!(out, "{entries} entries: loaded in {load:.2} s, {memory} MB")?;

    let queries: Vec<_> = (0..QUERIES)
        .map(|_| {
            let near = random.below(entries);
            (random.unit_near(&vectors[near], 0.5), random.text(8))
        })
        .collect();
    let dense: Vec<_> = queries.iter().map(|(vector, _)| (Some(vector.as_slice()), "")).collect();
    let lexical: Vec<_> = queries.iter().map(|(_, text)| (None, text.as_str())).collect();
    let hybrid: Vec<_> = queries.iter().map(|(vector, text)| (Some(vector.as_slice()), text.as_str())).collect();
    for (name, queries) in [("dense", dense), ("lexical", lexical), ("hybrid", hybrid)] {
        let (p50, p99) = timed(&partition, &queries);
        writeln!(out, "  {name:8} p50 {p50:.3} ms, p99 {p99:.3} ms")?;
    }

    let mut found = 0;
    let mut wanted = 0;
    for (query, _) in &queries {
        let mut exact: Vec<_> = (0_u128..).zip(&vectors).map(|(id, vector)| (dot(query, vector), id)).collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        let hits = partition.search(&Query::new(Some(query), "", LIMIT)).unwrap_or_default();
        wanted += LIMIT;
        found += exact[..LIMIT].iter().filter(|(_, id)| hits.iter().any(|h| h.id == *id)).count();
    }
    writeln!(out, "  recall@{LIMIT} {:.4}", found as f64 / wanted as f64)
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    measure(10_000, &mut out)?;
    measure(100_000, &mut out)?;
    out.flush()
}
