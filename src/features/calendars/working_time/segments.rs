//! The hours of one day as parts in order, without overlaps.

use ::entity::business_hours::{Hours, Span};

use super::DAY;

/// A part of the hours that begin on a day, in minutes since its midnight; what is on the next day is over 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) is_break: bool,
}

/// An interval from its beginning to its end on one line.
pub(crate) fn unrolled(span: Span) -> (u16, u16) {
    (span.from, if span.to > span.from { span.to } else { span.to + DAY })
}

/// A break on the line of an interval that it is a part of, on the day itself or on the next.
pub(crate) fn within(part: Span, interval: Span) -> Option<(u16, u16)> {
    let ((from, to), (begin, end)) = (unrolled(part), unrolled(interval));
    [(from, to), (from + DAY, to + DAY)].into_iter().find(|(from, to)| begin <= *from && *to <= end)
}

/// Hours as parts: work and breaks in turn.
pub(crate) fn of(hours: &Hours) -> Vec<Segment> {
    let mut found = Vec::with_capacity(hours.intervals.len() + 2 * hours.breaks.len());
    let mut intervals = hours.intervals.clone();
    intervals.sort_by_key(|span| span.from);
    for interval in intervals {
        let (begin, end) = unrolled(interval);
        let mut breaks: Vec<_> = hours.breaks.iter().filter_map(|part| within(*part, interval)).collect();
        breaks.sort_unstable();
        let mut at = begin;
        for (from, to) in breaks {
            found.push(Segment { from: at, to: from, is_break: false });
            found.push(Segment { from: from.max(at), to, is_break: true });
            at = to.max(at);
        }
        found.push(Segment { from: at, to: end, is_break: false });
    }
    found.retain(|segment| segment.from < segment.to);
    found
}

/// The parts before a minute.
pub(crate) fn until(segments: &[Segment], minute: u16) -> Vec<Segment> {
    let before = segments.iter().filter(|segment| segment.from < minute);
    before.map(|segment| Segment { to: segment.to.min(minute), ..*segment }).collect()
}
