//! How far one execution of a subscription has come in the journal: written by what makes its events, read by the
//! transport, which moves a subscriber from an execution of its own to a shared one without a gap or a double.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

use super::journal::Cursor;

/// One execution's position. All its methods may be called from any thread.
#[derive(Debug, Default)]
pub struct Position {
    places: Mutex<Places>,
    busy: AtomicBool,
    moved: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct Places {
    /// Everything up to here has been told, and nothing beyond it.
    told: Option<Cursor>,
    /// Where the newest event stands.
    telling: Option<Cursor>,
}

impl Position {
    /// Everything up to here has been told, and what comes after it will be heard.
    pub(super) fn told_to(&self, cursor: Cursor) {
        self.lock().told = Some(cursor);
        self.moved.notify_one();
    }

    /// The next event that is told stands here; `None` for what passes.
    pub(super) fn telling(&self, place: Option<Cursor>) {
        let mut places = self.lock();
        places.telling = place;
        if place.is_some() {
            // More than that has been told now, and how much is not known before the next [`Self::told_to`].
            places.told = None;
        }
    }

    /// Says whether something is in the middle of being told that the journal alone does not give, such as the text of
    /// an answer: nobody can come or go then.
    pub fn busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Release);
    }

    /// True in the middle of something that the journal alone does not give.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// The place up to which everything has been told, and beyond which nothing has. `None` while there is none.
    pub fn settled(&self) -> Option<Cursor> {
        if self.is_busy() { None } else { self.lock().told }
    }

    /// Where the event stands that came last.
    pub fn place(&self) -> Option<Cursor> {
        self.lock().telling
    }

    /// Returns when more has been told than at the last return.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_settled_between_an_event_and_the_place_up_to_which_all_is_told() {
        let at = |seq| Cursor { epoch: 1, seq };
        let position = Position::default();
        assert_eq!(position.settled(), None, "not caught up");
        position.told_to(at(5));
        assert_eq!(position.settled(), Some(at(5)));
        position.telling(Some(at(6)));
        assert_eq!(position.settled(), None, "6 is told, and perhaps more");
        position.told_to(at(7));
        position.telling(None);
        assert_eq!((position.settled(), position.place()), (Some(at(7)), None), "what passes moves nothing");
        position.busy(true);
        assert_eq!(position.settled(), None);
    }
}
