//! Properties on random input, against independent plain implementations.

use std::collections::{HashMap, HashSet};

use exact_index::{
    Entry, Filter, IndexError, Partition, Query,
    text::{B, K1, fold, sentences, terms},
};
use proptest::prelude::*;

const DIMENSION: usize = 5;
const WORDS: &[&str] = &["kargo", "kargolar", "iade", "ücret", "Rückgabe", "refund", "fatura", "ışık", "ve", "7"];

#[derive(Debug, Clone)]
enum Change {
    Insert(Entry),
    Remove(u128),
    RemoveGroup(u128),
}

/// Coarse components, so that equal and opposite vectors and ties are frequent.
fn vector() -> impl Strategy<Value = Vec<f32>> {
    let component = prop_oneof![4 => (-2_i8..=2).prop_map(f32::from), 1 => -1.0_f32..1.0];
    prop::collection::vec(component, DIMENSION)
        .prop_filter("has a direction", |vector| vector.iter().any(|&x| x != 0.0))
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..6).prop_map(|words| words.join(" "))
}

fn entry() -> impl Strategy<Value = Entry> {
    let dense = prop::collection::vec(vector(), 0..4);
    (0_u128..12, 0_u128..4, dense, words(), 0_u32..8).prop_map(|(id, group, dense, text, tags)| Entry {
        id,
        group,
        dense,
        text,
        tags,
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => entry().prop_map(Change::Insert),
        2 => (0_u128..12).prop_map(Change::Remove),
        1 => (0_u128..4).prop_map(Change::RemoveGroup),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let masks = (0_u32..4, 0_u32..8, 0_u32..2);
    prop_oneof![Just(Filter::default()), masks.prop_map(|(all, any, none)| Filter { all, any, none }),]
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// `V` in 64 bits, straight from its definition.
fn dense_score(entry: &Entry, query: &[f32]) -> Option<f64> {
    let (whole, sentences) = entry.dense.split_first()?;
    let whole = cosine(whole, query);
    let best = sentences.iter().map(|sentence| cosine(sentence, query)).reduce(f64::max);
    Some(best.map_or(whole, |best| 0.5 * whole + 0.5 * best))
}

/// `cov` in 64 bits over the terms as strings.
fn coverage(entry: &Entry, query: &str, all: &HashMap<u128, Entry>) -> f64 {
    let bags: Vec<Vec<String>> = all.values().map(|entry| terms(&entry.text)).collect();
    let count = bags.len() as f64;
    let average = bags.iter().map(Vec::len).sum::<usize>() as f64 / count;
    let bag = terms(&entry.text);
    let (k1, b) = (f64::from(K1), f64::from(B));
    let (mut sum, mut ceiling) = (0.0, 0.0);
    for term in terms(query).into_iter().collect::<HashSet<_>>() {
        let having = bags.iter().filter(|bag| bag.contains(&term)).count() as f64;
        let idf = (1.0 + (count - having + 0.5) / (having + 0.5)).ln();
        ceiling += (k1 + 1.0) * idf;
        let tf = bag.iter().filter(|&other| *other == term).count() as f64;
        if tf > 0.0 {
            let norm = k1 * (1.0 - b + b * bag.len() as f64 / average);
            sum += idf * tf * (k1 + 1.0) / (tf + norm);
        }
    }
    if ceiling > 0.0 { sum / ceiling } else { 0.0 }
}

/// What must be found: id, group, score; best first.
fn brute_force(all: &HashMap<u128, Entry>, query: &Query<'_>) -> Vec<(u128, u128, f64)> {
    let mut found: Vec<_> = all
        .values()
        .filter(|entry| query.filter.accepts(entry.tags))
        .filter_map(|entry| {
            let dense = query.dense.and_then(|vector| dense_score(entry, vector));
            let lexical = coverage(entry, query.text, all);
            (dense.is_some() || lexical > 0.0).then(|| {
                let score = dense.unwrap_or(0.0) + f64::from(query.lexical_weight) * lexical * lexical;
                (entry.id, entry.group, score)
            })
        })
        .collect();
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    found
}

fn apply(changes: Vec<Change>) -> (Partition, HashMap<u128, Entry>) {
    let mut partition = Partition::new(DIMENSION);
    let mut all = HashMap::new();
    for change in changes {
        match change {
            Change::Insert(entry) => {
                let was_there = all.insert(entry.id, entry.clone()).is_some();
                assert_eq!(partition.insert(entry), Ok(was_there));
            }
            Change::Remove(id) => assert_eq!(partition.remove(id), all.remove(&id).is_some()),
            Change::RemoveGroup(group) => {
                let before = all.len();
                all.retain(|_, entry| entry.group != group);
                assert_eq!(partition.remove_group(group), before - all.len());
            }
        }
        assert_eq!(partition.len(), all.len());
    }
    (partition, all)
}

/// Two scores the 32-bit arithmetic may order either way.
const TOLERANCE: f64 = 2e-6;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn search_is_brute_force(
        changes in prop::collection::vec(change(), 0..40),
        vector in prop::option::of(vector()),
        text in words(),
        limit in 0_usize..8,
        filter in filter(),
        lexical_weight in prop_oneof![Just(0.3_f32), Just(0.0), 0.0_f32..2.0],
    ) {
        let (partition, all) = apply(changes);
        let query = Query { dense: vector.as_deref(), text: &text, limit, filter, lexical_weight };
        let expected = brute_force(&all, &query);
        let hits = partition.search(&query).unwrap();
        prop_assert_eq!(hits.len(), expected.len().min(limit));
        for (hit, &(id, _, score)) in hits.iter().zip(&expected) {
            let own = expected.iter().find(|found| found.0 == hit.id).unwrap();
            prop_assert!((f64::from(hit.score) - own.2).abs() < TOLERANCE);
            prop_assert!(hit.id == id || (own.2 - score).abs() < TOLERANCE);
        }
        let in_order = hits.is_sorted_by(|a, b| a.score > b.score || a.score == b.score && a.id < b.id);
        prop_assert!(in_order);

        let groups = partition.search_groups(&query).unwrap();
        let mut seen = HashSet::new();
        let firsts: Vec<_> = expected.iter().filter(|found| seen.insert(found.1)).collect();
        prop_assert_eq!(groups.len(), firsts.len().min(limit));
        for (hit, first) in groups.iter().zip(firsts) {
            prop_assert!((f64::from(hit.score) - first.2).abs() < TOLERANCE);
        }
    }

    #[test]
    fn history_leaves_no_trace(changes in prop::collection::vec(change(), 0..40), text in words()) {
        let (partition, all) = apply(changes);
        let mut entries: Vec<_> = all.into_values().collect();
        entries.sort_by_key(|entry| entry.id);
        let (fresh, _) = apply(entries.into_iter().map(Change::Insert).collect());
        let query = Query::new(Some(&[1.0, 0.5, 0.25, -1.0, 2.0]), &text, 100);
        prop_assert_eq!(partition.search(&query), fresh.search(&query));
    }

    #[test]
    fn no_vector_makes_it_panic(
        vector in prop::collection::vec(any::<f32>(), 0..8),
        weight in any::<f32>(),
    ) {
        let mut partition = Partition::new(DIMENSION);
        let unusable = vector.len() != DIMENSION
            || !vector.iter().all(|x| x.is_finite())
            || vector.iter().all(|&x| x == 0.0);
        let text = "kargo".to_owned();
        let entry = Entry { id: 1, group: 1, dense: vec![vector.clone()], text, tags: 0 };
        prop_assert_eq!(partition.insert(entry).is_err(), unusable);
        let mut query = Query::new(Some(&vector), "kargo", 3);
        prop_assert_eq!(partition.search(&query).is_err(), unusable);
        query = Query::new(None, "kargo", 3);
        query.lexical_weight = weight;
        let refused = !weight.is_finite() || weight < 0.0;
        prop_assert_eq!(partition.search(&query).err(), refused.then_some(IndexError::Weight));
    }

    #[test]
    fn fold_is_idempotent_and_blind_to_composition(text in "\\PC*") {
        let once = fold(&text);
        prop_assert_eq!(fold(&once), once);
    }

    #[test]
    fn fold_of_anything_is_idempotent(text in any::<String>()) {
        let once = fold(&text);
        prop_assert_eq!(fold(&once), once);
        let _ = terms(&text);
    }

    #[test]
    fn sentences_cover_every_letter_once(
        text in prop_oneof![
            any::<String>(),
            "([a-zA-Zığüß0-9 .!?…。\n#>|*`(\")-]|Dr\\. |z\\. B\\. |\n\n|1\\. ){0,60}",
        ],
    ) {
        let mut end = 0;
        for range in sentences(&text) {
            let between = text.get(end..range.start).unwrap();
            prop_assert!(!between.chars().any(char::is_alphanumeric));
            let part = text.get(range.clone()).unwrap();
            prop_assert!(part.chars().any(char::is_alphanumeric));
            prop_assert_eq!(part.trim(), part);
            end = range.end;
        }
        prop_assert!(!text[end..].chars().any(char::is_alphanumeric));
    }
}
