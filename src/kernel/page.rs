//! Lists: Relay connections over keyset cursors, one way for all of them.
//!
//! A list is sorted by a number (a time in microseconds, a sequence number) and then by the id, so no two rows share a
//! place and a page costs the same wherever it is.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Object, OutputType, SimpleObject, TypeName};
use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::{Error, ErrorReason, Result};
use crate::ports::db::Db;

/// Items of a page when neither `first` nor `last` is given.
const DEFAULT: i32 = 20;
/// Most items of a page.
const MAX: i32 = 100;

/// A row's place in a list: sort key, then id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub i64, pub Uuid);

impl Place {
    fn decode(text: &str) -> Result<Self> {
        text.split_once('_').and_then(|(key, id)| Some(Self(key.parse().ok()?, Uuid::try_parse(id).ok()?))).ok_or_else(
            || {
                Error::bad_input(
                    "after",
                    ErrorReason::InvalidCursor,
                    "Not a cursor of this list; send an edge's `cursor` or the page's `endCursor`.",
                )
            },
        )
    }

    /// The cursor of the place.
    pub fn encode(self) -> String {
        format!("{}_{}", self.0, self.1.simple())
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Paging {
    /// Rows to show.
    pub limit: u64,
    /// True for the last rows (`last`) instead of the first.
    pub backwards: bool,
    after: Option<Place>,
    before: Option<Place>,
}

impl Paging {
    /// Checks the four Relay arguments.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for sizes outside 1–100, `first` together with `last`, and cursors of other lists.
    pub fn new(first: Option<i32>, after: Option<String>, last: Option<i32>, before: Option<String>) -> Result<Self> {
        let size = |field: &'static str, value: i32| {
            if (1..=MAX).contains(&value) {
                Ok(value.unsigned_abs().into())
            } else {
                Err(Error::bad_input(
                    field,
                    ErrorReason::OutOfRange,
                    format!("`{field}` is {value}; a page has between 1 and {MAX} items."),
                ))
            }
        };
        let (limit, backwards) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input(
                    "last",
                    ErrorReason::InvalidCombination,
                    "Give `first` or `last`, not both.",
                ));
            }
            (None, Some(last)) => (size("last", last)?, true),
            (first, None) => (size("first", first.unwrap_or(DEFAULT))?, false),
        };
        let place = |field: &'static str, text: Option<String>| {
            text.map(|text| Place::decode(&text).map_err(|error| Error { field: Some(field.into()), ..error }))
                .transpose()
        };
        Ok(Self { limit, backwards, after: place("after", after)?, before: place("before", before)? })
    }

    /// The same for a list whose end is what one wants to see: without a size, the last rows.
    ///
    /// # Errors
    /// As [`Paging::new`].
    pub fn newest(first: Option<i32>, last: Option<i32>, before: Option<String>) -> Result<Self> {
        let last = if first.is_none() { last.or(Some(DEFAULT)) } else { last };
        Self::new(first, None, last, before)
    }

    /// Reads one page of `select`, sorted by `key` and `id`; `newest_first` turns the list round.
    ///
    /// One row more than asked for is read to know whether there is a next page.
    pub async fn read<E: EntityTrait>(
        &self,
        db: &Db<'_>,
        mut select: Select<E>,
        (key, id): (E::Column, E::Column),
        newest_first: bool,
        convert: fn(i64) -> sea_orm::Value,
    ) -> Result<Page<E::Model>> {
        select = self.place(select, (key, id), newest_first, convert);
        Ok(self.finish(select.limit(self.limit + 1).all(db).await?))
    }

    /// Adds this page's bounds and order to a query.
    pub fn place<Q: QueryFilter + QueryOrder, C: ColumnTrait>(
        &self,
        mut select: Q,
        (key, id): (C, C),
        newest_first: bool,
        convert: fn(i64) -> sea_orm::Value,
    ) -> Q {
        // `after` means further down the list as it is shown.
        let past = |place: Place, up: bool| {
            let (k, i) = (convert(place.0), sea_orm::Value::from(place.1));
            let (beyond_key, beyond_id) =
                if up { (key.gt(k.clone()), id.gt(i)) } else { (key.lt(k.clone()), id.lt(i)) };
            // The first bound alone lets the index start at the right place.
            let bound = if up { key.gte(k.clone()) } else { key.lte(k.clone()) };
            Condition::all()
                .add(bound)
                .add(Condition::any().add(beyond_key).add(Condition::all().add(key.eq(k)).add(beyond_id)))
        };
        if let Some(after) = self.after {
            select = select.filter(past(after, !newest_first));
        }
        if let Some(before) = self.before {
            select = select.filter(past(before, newest_first));
        }
        let order = if newest_first == self.backwards { Order::Asc } else { Order::Desc };
        select.order_by(key, order.clone()).order_by(id, order)
    }

    /// A page of a list that is in memory and whose order may change between two pages: the one that a cursor names is
    /// looked for where it stands now; one that is gone counts as standing where it stood.
    pub fn of_list<T: Clone>(&self, all: &[T], id: impl Fn(&T) -> Uuid) -> Page<(Place, T)> {
        let stands = |place: Place| all.iter().position(|item| id(item) == place.1);
        let stood = |place: Place| usize::try_from(place.0).unwrap_or_default();
        let start =
            self.after.map_or(0, |place| stands(place).map_or_else(|| stood(place), |at| at + 1)).min(all.len());
        let end = self.before.map_or(all.len(), |place| stands(place).unwrap_or_else(|| stood(place)));
        let end = end.clamp(start, all.len());
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (start, end) = match self.backwards {
            true => (end.saturating_sub(limit).max(start), end),
            false => (start, start.saturating_add(limit).min(end)),
        };
        let placed = |(at, item): (usize, &T)| (Place(i64::try_from(at).unwrap_or(i64::MAX), id(item)), item.clone());
        let rows = all.iter().enumerate().take(end).skip(start).map(placed).collect();
        Page { rows, has_next: end < all.len(), has_previous: start > 0 }
    }

    /// Turns rows read in the page's direction, one more than asked for, into a page in the order of the list.
    pub fn finish<T>(&self, mut rows: Vec<T>) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        if self.backwards {
            rows.reverse();
        }
        Page {
            rows,
            has_next: if self.backwards { self.before.is_some() } else { more },
            has_previous: if self.backwards { more } else { self.after.is_some() },
        }
    }
}

/// Rows of one page, in the order of the list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// There is more after it.
    pub has_next: bool,
    /// There is more before it.
    pub has_previous: bool,
}

/// Counts a list when somebody asks for it.
type Count = Arc<dyn Fn() -> BoxFuture<'static, Result<u64>> + Send + Sync>;

/// Where a page begins and ends, and whether there is more of the list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// True when the list goes on before this page: ask with `last` and `before: startCursor`.
    has_previous_page: bool,
    /// True when the list goes on after this page: ask with `first` and `after: endCursor`.
    has_next_page: bool,
    /// The place of the page's first item. Null when the page is empty.
    start_cursor: Option<String>,
    /// The place of the page's last item. Null when the page is empty.
    end_cursor: Option<String>,
}

/// An item of a list with its place.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name_type)]
pub struct Edge<N: OutputType> {
    /// Its place in the list: the page after or before it is asked for with `after` or `before`. Opaque; do not take it
    /// apart.
    cursor: String,
    /// The item.
    node: N,
}

impl<N: OutputType> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::type_name()).into()
    }
}

/// A Relay connection. Of our own, because that of async-graphql has no description.
pub struct List<N: OutputType> {
    edges: Vec<Edge<N>>,
    has_previous: bool,
    has_next: bool,
    count: Count,
}

impl<N: OutputType> TypeName for List<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::type_name()).into()
    }
}

/// One page of a list: a Relay connection. Which page is said by `first` and `after`, or by `last` and `before`.
#[Object(name_type)]
impl<N: OutputType> List<N> {
    /// The page's items, each with its place.
    async fn edges(&self) -> &[Edge<N>] {
        &self.edges
    }

    /// The page's items without their places.
    async fn nodes(&self) -> Vec<&N> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where the page begins and ends, and whether there is more.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    /// How many items the whole list has. Counted only when asked for; leave it out of frequent queries.
    async fn total_count(&self) -> Result<u64> {
        (self.count)().await
    }
}

impl<T> Page<T> {
    /// The same page with each row read as something else.
    pub fn try_map<U>(self, read: impl FnMut(T) -> Result<U>) -> Result<Page<U>> {
        let Self { rows, has_next, has_previous } = self;
        Ok(Page { rows: rows.into_iter().map(read).collect::<Result<_>>()?, has_next, has_previous })
    }

    /// Makes the connection: `place` tells a row's place, `show` turns it into what the API shows.
    pub fn connect<N: OutputType>(
        self,
        place: impl Fn(&T) -> Place,
        show: impl Fn(T) -> N,
        count: impl Fn() -> BoxFuture<'static, Result<u64>> + Send + Sync + 'static,
    ) -> List<N> {
        let edge = |row| Edge { cursor: place(&row).encode(), node: show(row) };
        List {
            edges: self.rows.into_iter().map(edge).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
            count: Arc::new(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(
        list: &[u128],
        paging: (Option<i32>, Option<Place>, Option<i32>, Option<Place>),
    ) -> (Vec<u128>, bool, bool) {
        let (first, after, last, before) = paging;
        let cursor = |place: Option<Place>| place.map(Place::encode);
        let page = Paging::new(first, cursor(after), last, cursor(before)).unwrap();
        let Page { rows, has_next, has_previous } = page.of_list(list, |id| Uuid::from_u128(*id));
        (rows.into_iter().map(|(_, id)| id).collect(), has_previous, has_next)
    }

    #[test]
    fn a_list_in_memory_goes_on_where_its_items_stand_now() {
        let at = |place: i64, id: u128| Some(Place(place, Uuid::from_u128(id)));
        let list = [1, 2, 3, 4, 5];
        assert_eq!(shown(&list, (Some(2), None, None, None)), (vec![1, 2], false, true));
        assert_eq!(shown(&list, (Some(2), at(1, 2), None, None)), (vec![3, 4], true, true));
        assert_eq!(shown(&list, (None, None, Some(2), None)), (vec![4, 5], true, false));
        assert_eq!(shown(&list, (None, None, Some(2), at(3, 4))), (vec![2, 3], true, true));
        assert_eq!(shown(&list, (Some(9), at(4, 5), None, None)), (vec![], true, false));
        // It moved back, and it went.
        assert_eq!(shown(&[1, 3, 2, 4, 5], (Some(2), at(1, 2), None, None)), (vec![4, 5], true, false));
        assert_eq!(shown(&[1, 3, 4, 5], (Some(2), at(1, 2), None, None)), (vec![3, 4], true, true));
        assert_eq!(shown(&[], (Some(2), at(1, 2), None, at(0, 1))), (vec![], false, false));
        assert_eq!(shown(&list, (Some(2), at(4, 5), None, at(0, 1))).0, [0; 0], "after the end of it");
    }
}
