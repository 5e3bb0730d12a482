use std::collections::HashMap;

use crate::{
    error::IndexError,
    lexical::{Lexical, SLOTS_MAX},
    vectors::{Owner, Vectors},
};

/// What a search can find: one chunk of an article.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Identity of the chunk; inserting the same one again replaces it.
    pub id: u128,
    /// Identity of what the chunk is a part of, an article.
    pub group: u128,
    /// `[0]` is the vector of the whole chunk, `[1..]` those of its sentences, each `[dimension]`.
    /// Empty for an entry that only words can find. Lengths are made 1 on insertion.
    pub dense: Vec<Vec<f32>>,
    /// What the lexical leg indexes: the title and the chunk.
    pub text: String,
    /// Properties a search may filter by, one bit each; the caller gives the bits their meaning.
    pub tags: u32,
}

/// The searchable knowledge of one site.
#[derive(Debug)]
pub struct Partition {
    pub(crate) vectors: Vectors,
    pub(crate) lexical: Lexical,
    /// Entries by slot; `None` is a free slot, listed in `free`.
    pub(crate) slots: Vec<Option<Slot>>,
    /// `[slots]`: what every search reads of each, apart from the rest.
    pub(crate) facts: Vec<Facts>,
    free: Vec<u32>,
    by_id: HashMap<u128, u32>,
    by_group: HashMap<u128, Vec<u32>>,
}

/// What is kept of an entry.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: u128,
    pub(crate) group: u128,
    /// Rows of the vectors, in the order of [`Entry::dense`].
    pub(crate) rows: Box<[u32]>,
    terms: Box<[u32]>,
}

/// The small part of a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) tags: u32,
    /// Largest scan error of the whole and of the sentences, weighted as in `V`.
    pub(crate) error: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Free,
    /// An entry without vectors.
    Words,
    Dense,
}

impl Facts {
    const FREE: Self = Self { kind: Kind::Free, tags: 0, error: 0.0 };
}

impl Partition {
    /// An empty partition for vectors of `dimension` components; 0 takes entries without vectors
    /// only.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            vectors: Vectors::new(dimension),
            lexical: Lexical::default(),
            slots: Vec::new(),
            facts: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            by_group: HashMap::new(),
        }
    }

    /// Components of the vectors it takes.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.vectors.dimension()
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is nothing to find.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether an entry with this id is held.
    #[must_use]
    pub fn contains(&self, id: u128) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Mean number of terms of the entries, the `avg_len` of [`crate::text::sparse_document`].
    #[must_use]
    pub fn average_length(&self) -> f32 {
        self.lexical.average_length()
    }

    /// Adds an entry; returns true when it replaced one with the same id.
    ///
    /// # Errors
    ///
    /// When a vector has another dimension, is zero or not finite, or the partition is full. The
    /// partition is unchanged then, including the entry that was to be replaced.
    pub fn insert(&mut self, entry: Entry) -> Result<bool, IndexError> {
        let units: Vec<_> = entry.dense.iter().map(|vector| self.vectors.unit(vector)).collect::<Result<_, _>>()?;
        let has_room = self.by_id.len() < SLOTS_MAX || self.contains(entry.id);
        if !has_room || u32::try_from(self.vectors.rows() + units.len()).is_err() {
            return Err(IndexError::Full);
        }
        let replaced = self.remove(entry.id);

        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.facts.push(Facts::FREE);
            (self.slots.len() - 1) as u32
        });
        let mut whole = 0.0;
        let mut sentences = 0.0_f32;
        let mut rows = Vec::with_capacity(units.len());
        for (nth, unit) in (0..).zip(&units) {
            let (row, error) = self.vectors.push(unit, Owner { slot, nth });
            rows.push(row);
            if nth == 0 { whole = error } else { sentences = sentences.max(error) }
        }
        let error = if units.len() > 1 { 0.5 * whole + 0.5 * sentences } else { whole };
        let terms = self.lexical.insert(slot, &entry.text);
        self.by_id.insert(entry.id, slot);
        self.by_group.entry(entry.group).or_default().push(slot);
        let kind = if rows.is_empty() { Kind::Words } else { Kind::Dense };
        self.facts[slot as usize] = Facts { kind, tags: entry.tags, error };
        self.slots[slot as usize] = Some(Slot { id: entry.id, group: entry.group, rows: rows.into(), terms });
        Ok(replaced)
    }

    /// Removes an entry; returns whether it was there.
    pub fn remove(&mut self, id: u128) -> bool {
        let Some(index) = self.by_id.remove(&id) else {
            return false;
        };
        let Some(slot) = self.slots.get_mut(index as usize).and_then(Option::take) else {
            return false;
        };
        if let Some(members) = self.by_group.get_mut(&slot.group) {
            members.retain(|&member| member != index);
            if members.is_empty() {
                self.by_group.remove(&slot.group);
            }
        }
        self.lexical.remove(index, &slot.terms);
        let mut rows = slot.rows.into_vec();
        // From the last row down, a row that moves never is one still to be removed.
        rows.sort_unstable();
        for row in rows.into_iter().rev() {
            if let Some(moved) = self.vectors.swap_remove(row)
                && let Some(Some(owner)) = self.slots.get_mut(moved.slot as usize)
                && let Some(place) = owner.rows.get_mut(moved.nth as usize)
            {
                *place = row;
            }
        }
        self.facts[index as usize] = Facts::FREE;
        self.free.push(index);
        true
    }

    /// Removes all entries of a group; returns how many there were.
    pub fn remove_group(&mut self, group: u128) -> usize {
        let members = self.by_group.get(&group).cloned().unwrap_or_default();
        let ids: Vec<_> =
            members.iter().filter_map(|&slot| Some(self.slots.get(slot as usize)?.as_ref()?.id)).collect();
        ids.iter().filter(|&&id| self.remove(id)).count()
    }

    /// Bytes held on the heap, as allocated; hash tables and allocator overhead are estimates.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let slots = self.slots.iter().flatten();
        let lists: usize = slots.map(|slot| slot.rows.len() + slot.terms.len()).sum();
        let members: usize = self.by_group.values().map(Vec::capacity).sum();
        // A hash table keeps one control byte per bucket.
        let groups = self.by_group.capacity() * (size_of::<(u128, Vec<u32>)>() + 1);
        let ids = self.by_id.capacity() * (size_of::<(u128, u32)>() + 1);
        self.vectors.bytes()
            + self.lexical.bytes()
            + self.slots.capacity() * size_of::<Option<Slot>>()
            + self.facts.capacity() * size_of::<Facts>()
            + (lists + members + self.free.capacity()) * size_of::<u32>()
            + groups
            + ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u128, group: u128, dense: &[[f32; 2]]) -> Entry {
        let dense = dense.iter().map(|vector| vector.to_vec()).collect();
        Entry { id, group, dense, text: format!("kelime{id}"), tags: 0 }
    }

    /// Every row belongs to the entry that lists it.
    fn check(partition: &Partition) {
        let listed = |index: usize| partition.slots[index].as_ref().map_or(0, |slot: &Slot| slot.rows.len());
        let total: usize = (0..partition.slots.len()).map(listed).sum();
        assert_eq!(total, partition.vectors.rows());
        let mut seen = 0;
        let query = partition.vectors.query(vec![1.0, 0.0]);
        let mut row = 0;
        partition.vectors.scan(
            &query,
            |_| true,
            |owner, _| {
                let slot = partition.slots[owner.slot as usize].as_ref().unwrap();
                seen += u32::from(slot.rows[owner.nth as usize] == row);
                row += 1;
            },
        );
        assert_eq!(seen, row);
    }

    #[test]
    fn rows_follow_their_entries() {
        let mut partition = Partition::new(2);
        let two = [[1.0, 0.0], [0.0, 1.0]];
        for id in 0..6 {
            assert!(!partition.insert(entry(id, id % 2, &two)).unwrap());
            check(&partition);
        }
        assert!(partition.remove(2) && !partition.remove(2));
        check(&partition);
        assert!(partition.insert(entry(3, 7, &[[1.0, 1.0]; 4])).unwrap());
        check(&partition);
        assert_eq!(partition.remove_group(1), 2);
        assert_eq!(partition.remove_group(1), 0);
        check(&partition);
        assert_eq!(partition.len(), 3);
        assert!(partition.contains(3) && !partition.contains(1));
        assert_eq!(partition.slots.len(), 6);
        assert_eq!(partition.insert(entry(9, 9, &[])), Ok(false));
        assert_eq!(partition.slots.len(), 6);
        for group in [0, 7, 9] {
            partition.remove_group(group);
        }
        assert!(partition.is_empty() && partition.vectors.rows() == 0);
    }

    #[test]
    fn a_refused_entry_changes_nothing() {
        let mut partition = Partition::new(2);
        partition.insert(entry(1, 1, &[[1.0, 0.0]])).unwrap();
        let mut bad = entry(1, 1, &[[0.0, 1.0], [0.0, 0.0]]);
        assert_eq!(partition.insert(bad.clone()), Err(IndexError::ZeroVector));
        bad.dense = vec![vec![1.0; 3]];
        let wrong = IndexError::Dimension { expected: 2, found: 3 };
        assert_eq!(partition.insert(bad), Err(wrong));
        assert!(partition.contains(1));
        check(&partition);
    }

    #[test]
    fn memory_grows_with_the_vectors() {
        let mut partition = Partition::new(2);
        let before = partition.memory_bytes();
        for id in 0..100 {
            partition.insert(entry(id, id, &[[1.0, 0.0]; 10])).unwrap();
        }
        assert!(partition.memory_bytes() >= before + 100 * 10 * (2 * 4 + 16));
    }
}
