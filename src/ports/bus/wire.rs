//! Signals as bytes: how one node tells the others.
//!
//! A frame is a version byte, the sender's node id (16 bytes) and any number of signals. A signal is a tag byte, the 16
//! bytes of the topic's id where it has one, and for payloads their length (`u32`, big-endian) and bytes.

use bytes::{Buf, BufMut, Bytes, TryGetError};
use entity::ids::SiteId;
use uuid::Uuid;

use super::Topic;

const VERSION: u8 = 1;

/// Added to the tag of a topic when a payload follows.
const WITH_PAYLOAD: u8 = 0x40;

/// The tag of [`Signal::Everything`].
const EVERYTHING: u8 = 0x7f;

/// Which node sent a frame; made anew with every start.
pub(super) type NodeId = [u8; 16];

/// What one node tells the others.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Signal {
    Wake(Topic),
    Pass(Topic, Bytes),
    /// Signals were lost on the way: whoever listens to anything has to look again.
    Everything,
}

/// A frame without signals; it says that the sender lives.
pub(super) fn frame(sender: &NodeId) -> Vec<u8> {
    let mut frame = Vec::with_capacity(256);
    frame.put_u8(VERSION);
    frame.put_slice(sender);
    frame
}

/// Adds a signal to a frame.
pub(super) fn put(frame: &mut Vec<u8>, signal: &Signal) {
    match signal {
        Signal::Wake(topic) => put_topic(frame, topic, 0),
        Signal::Pass(topic, payload) => match u32::try_from(payload.len()) {
            Ok(length) => {
                put_topic(frame, topic, WITH_PAYLOAD);
                frame.put_u32(length);
                frame.put_slice(payload);
            }
            // Redis takes no value of that size either.
            Err(_) => frame.put_u8(EVERYTHING),
        },
        Signal::Everything => frame.put_u8(EVERYTHING),
    }
}

/// The sender of a frame and the signals to read with [`take`]; nothing if this is not a frame of this version.
pub(super) fn open(mut frame: &[u8]) -> Option<(NodeId, &[u8])> {
    let mut sender = NodeId::default();
    let known = frame.try_get_u8() == Ok(VERSION) && frame.try_copy_to_slice(&mut sender).is_ok();
    known.then_some((sender, frame))
}

/// Takes the first signal off a frame that is not empty. What cannot be read is [`Signal::Everything`], and the end.
pub(super) fn take(frame: &mut &[u8]) -> Signal {
    read(frame).ok().flatten().unwrap_or_else(|| {
        *frame = &[];
        Signal::Everything
    })
}

fn put_topic(frame: &mut Vec<u8>, topic: &Topic, flag: u8) {
    let (tag, id) = match topic {
        Topic::Subject(id) => (1, Some(id)),
        Topic::Site(SiteId(id)) => (2, Some(id)),
        Topic::Access(id) => (3, Some(id)),
        Topic::Jobs => (4, None),
        Topic::Journal => (5, None),
        Topic::Passing(id) => (6, Some(id)),
        Topic::Viewers => (7, None),
    };
    frame.put_u8(tag | flag);
    if let Some(id) = id {
        frame.put_slice(id.as_bytes());
    }
}

fn read(frame: &mut &[u8]) -> Result<Option<Signal>, TryGetError> {
    let tag = frame.try_get_u8()?;
    if tag == EVERYTHING {
        return Ok(Some(Signal::Everything));
    }
    let topic = match tag & !WITH_PAYLOAD {
        1 => Topic::Subject(read_id(frame)?),
        2 => Topic::Site(SiteId(read_id(frame)?)),
        3 => Topic::Access(read_id(frame)?),
        4 => Topic::Jobs,
        5 => Topic::Journal,
        6 => Topic::Passing(read_id(frame)?),
        7 => Topic::Viewers,
        _ => return Ok(None),
    };
    if tag & WITH_PAYLOAD == 0 {
        return Ok(Some(Signal::Wake(topic)));
    }
    let length = frame.try_get_u32()? as usize;
    // Copied, so that a small payload in a mailbox does not hold the whole frame in memory.
    let payload = frame.split_off(..length).map(Bytes::copy_from_slice);
    Ok(payload.map(|payload| Signal::Pass(topic, payload)))
}

fn read_id(frame: &mut &[u8]) -> Result<Uuid, TryGetError> {
    frame.try_get_u128().map(Uuid::from_u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut frame: &[u8]) -> Vec<Signal> {
        let mut signals = Vec::new();
        while !frame.is_empty() {
            signals.push(take(&mut frame));
        }
        signals
    }

    fn samples() -> Vec<Signal> {
        let id = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
        let topics = [
            Topic::Subject(id),
            Topic::Site(SiteId(id)),
            Topic::Access(id),
            Topic::Jobs,
            Topic::Journal,
            Topic::Passing(id),
        ];
        let mut signals = vec![Signal::Everything, Signal::Pass(Topic::Journal, Bytes::new())];
        for topic in topics {
            signals.push(Signal::Wake(topic.clone()));
            signals.push(Signal::Pass(topic, Bytes::from_static(b"payload")));
        }
        signals
    }

    #[test]
    fn every_signal_survives_the_way() {
        let mut bytes = frame(&[7; 16]);
        samples().iter().for_each(|signal| put(&mut bytes, signal));
        let (sender, signals) = open(&bytes).unwrap();
        assert_eq!(sender, [7; 16]);
        assert_eq!(all(signals), samples());
    }

    #[test]
    fn what_cannot_be_read_counts_as_a_loss() {
        for signal in samples() {
            let mut bytes = frame(&[7; 16]);
            let header = bytes.len();
            put(&mut bytes, &signal);
            for end in header + 1..bytes.len() {
                assert_eq!(all(&bytes[header..end]), [Signal::Everything], "{signal:?} cut at {end}");
            }
        }
        assert_eq!(all(&[0x3f, 1, 2]), [Signal::Everything]);
        assert_eq!(open(&[]), None);
        assert_eq!(open(&[2; 17]), None);
    }
}
