//! Following the text of a run without losing or repeating a character.

use std::time::Duration;

use ::entity::{ids::RunId, run};

use super::{
    super::progress,
    events::{Chunk, RunCursor},
};
use crate::kernel::Ctx;

/// How often, and how long apart, a watcher looks for a text that another node shares four times a second.
const LOOKS: u32 = 8;
const APART: Duration = Duration::from_millis(150);

/// How much of a run's text a watcher has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    pub(super) run: RunId,
    pub(super) cursor: RunCursor,
    early: Option<Early>,
}

/// The beginning of an attempt whose pieces came before the watcher was told that it has begun: pieces and the journal
/// come by different ways.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Early {
    attempt: i32,
    index: i32,
    text: String,
}

impl Watch {
    pub(super) fn new(run: RunId) -> Self {
        Self { run, cursor: RunCursor { index: -1, ..RunCursor::default() }, early: None }
    }

    /// The watcher is told that an attempt has begun, and begins with an empty text, whatever it has seen. Returns
    /// whether it had seen some of this very attempt.
    pub(super) fn begin(&mut self, attempt: i32) -> bool {
        let had_some = self.cursor.attempt >= attempt && self.cursor.characters > 0;
        self.cursor = RunCursor { attempt, index: -1, ..RunCursor::default() };
        had_some
    }

    /// Keeps a piece of an attempt that the watcher was not told of yet.
    pub(super) fn keep(&mut self, attempt: i32, index: i32, text: &str) {
        match &mut self.early {
            Some(early) if early.attempt == attempt && early.index + 1 == index => {
                early.index = index;
                early.text.push_str(text);
            }
            _ if index == 0 => self.early = Some(Early { attempt, index, text: text.to_owned() }),
            // With a hole it is of no use; what comes next finds out that something is missing.
            _ => {}
        }
    }

    /// What was kept of the attempt that the watcher has been told of by now.
    pub(super) fn kept(&mut self) -> Option<Chunk> {
        let early = self.early.take_if(|early| early.attempt <= self.cursor.attempt)?;
        if early.attempt == self.cursor.attempt { self.take(early.index, &early.text) } else { None }
    }

    /// Takes a new attempt into account: what was seen of an earlier one is void.
    pub(super) fn attempt(&mut self, attempt: i32) -> bool {
        let newer = attempt > self.cursor.attempt;
        if newer {
            self.cursor = RunCursor { attempt, index: -1, ..RunCursor::default() };
        }
        newer
    }

    /// A piece that passed by. `None` when the watcher has it already; `Err` when pieces before it are missing.
    pub(super) fn piece(&mut self, attempt: i32, index: i32, text: &str) -> Result<Option<Chunk>, Missed> {
        if attempt < self.cursor.attempt || (attempt == self.cursor.attempt && index <= self.cursor.index) {
            return Ok(None);
        }
        if attempt > self.cursor.attempt || index > self.cursor.index + 1 {
            return Err(Missed { attempt, index });
        }
        Ok(self.take(index, text))
    }

    /// The part of the text so far that the watcher does not have.
    pub(super) fn text_so_far(&mut self, progress: &progress::Progress) -> Option<Chunk> {
        self.attempt(progress.attempt);
        if progress.attempt != self.cursor.attempt || progress.index <= self.cursor.index {
            return None;
        }
        let seen = usize::try_from(self.cursor.characters).unwrap_or_default();
        let rest: String = progress.text.chars().skip(seen).collect();
        self.take(progress.index, &rest)
    }

    /// What is missing of the text of an attempt that has ended, whatever pieces it came in.
    pub(super) fn rest(&mut self, attempt: i32, text: &str) -> Option<Chunk> {
        self.attempt(attempt);
        let seen = usize::try_from(self.cursor.characters).unwrap_or_default();
        let rest: String = text.chars().skip(seen).collect();
        self.take(self.cursor.index + 1, &rest)
    }

    /// Looks until pieces up to the missed one are there: the node that writes shares them with a little delay.
    pub(super) async fn catch_up(&mut self, cx: &Ctx, run: &run::Model, missed: Missed) -> Option<Chunk> {
        let mut found = progress::Progress::default();
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(APART).await;
            }
            let mut run = run.clone();
            run.attempt = run.attempt.max(missed.attempt);
            found = progress::snapshot(cx, &run).await;
            if found.attempt == missed.attempt && found.index >= missed.index {
                break;
            }
        }
        self.text_so_far(&found)
    }

    fn take(&mut self, index: i32, text: &str) -> Option<Chunk> {
        if text.is_empty() {
            return None;
        }
        let start = self.cursor.characters;
        self.cursor.index = index;
        self.cursor.characters += i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
        Some(Chunk { run_cursor: self.cursor, run_id: self.run, index, start, text: text.to_owned() })
    }
}

/// Pieces before this one did not come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    attempt: i32,
    index: i32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::answers::progress::Progress;

    fn progress(index: i32, text: &str) -> Progress {
        Progress { attempt: 1, index, text: text.into() }
    }

    #[test]
    fn a_late_watcher_gets_the_text_so_far_and_then_the_rest_once() {
        let mut watch = Watch::new(RunId(uuid::Uuid::nil()));
        let first = watch.text_so_far(&progress(2, "İade ")).unwrap();
        assert_eq!((first.start, first.text.as_str(), first.index), (0, "İade ", 2));
        assert!(watch.piece(1, 2, "x").unwrap().is_none(), "already had");
        let next = watch.piece(1, 3, "14").unwrap().unwrap();
        assert_eq!((next.start, next.text.as_str()), (5, "14"));
        assert!(watch.piece(1, 5, "gün").is_err(), "piece 4 is missing");
        let rest = watch.text_so_far(&progress(5, "İade 14 gün")).unwrap();
        assert_eq!((rest.start, rest.text.as_str()), (7, " gün"));
    }

    #[test]
    fn an_end_that_overtakes_pieces_brings_the_rest_once() {
        let mut watch = Watch::new(RunId(uuid::Uuid::nil()));
        watch.text_so_far(&progress(1, "İade "));
        let rest = watch.rest(1, "İade 14 gün").unwrap();
        assert_eq!((rest.start, rest.text.as_str(), rest.index), (5, "14 gün", 2));
        assert!(watch.rest(1, "İade 14 gün").is_none());
    }

    #[test]
    fn pieces_that_overtake_the_beginning_come_after_it() {
        let mut watch = Watch::new(RunId(uuid::Uuid::nil()));
        watch.text_so_far(&progress(2, "old"));
        for (index, text) in ["İade ", "14 "].into_iter().enumerate() {
            let index = i32::try_from(index).unwrap();
            assert!(watch.piece(2, index, text).is_err(), "its beginning is not known");
            watch.keep(2, index, text);
        }
        assert!(watch.kept().is_none());
        assert!(!watch.begin(2));
        let kept = watch.kept().unwrap();
        assert_eq!((kept.start, kept.text.as_str(), kept.index), (0, "İade 14 ", 1));
        let next = watch.piece(2, 2, "gün").unwrap().unwrap();
        assert_eq!((next.start, next.text.as_str()), (8, "gün"));
    }

    #[test]
    fn who_is_told_late_that_an_attempt_has_begun_begins_anew() {
        let mut watch = Watch::new(RunId(uuid::Uuid::nil()));
        watch.text_so_far(&progress(2, "old"));
        assert!(watch.begin(1));
        let anew = watch.text_so_far(&progress(3, "older")).unwrap();
        assert_eq!((anew.start, anew.text.as_str()), (0, "older"));
    }

    #[test]
    fn a_new_attempt_begins_at_the_first_character() {
        let mut watch = Watch::new(RunId(uuid::Uuid::nil()));
        watch.text_so_far(&progress(2, "old"));
        let anew = watch.text_so_far(&Progress { attempt: 2, index: 0, text: "new".into() }).unwrap();
        assert_eq!((anew.start, anew.text.as_str(), anew.run_cursor.attempt), (0, "new", 2));
    }
}
