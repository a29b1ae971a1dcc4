//! A page from its parts: bytes copied in order, a few numbers printed between them.

use crate::front::fragment::{Body, Card, Live, Poll};
use crate::front::viewer::{BOOKMARKED, LIKED, OPTION_SHIFT, RETWEETED, VOTED};
use crate::json::put_integer;
use crate::wire::{put_bytes, put_message, put_number, put_varint};

const USER: u32 = 3;
const COUNTERS: [(u32, &[u8]); 5] = [
    (19, b",\"like_count\":"),
    (20, b",\"retweet_count\":"),
    (21, b",\"reply_count\":"),
    (22, b",\"quote_count\":"),
    (23, b",\"bookmark_count\":"),
];
const FLAGS: [(u32, u8, &[u8]); 3] =
    [(25, LIKED, b",\"is_liked\":"), (26, RETWEETED, b",\"is_retweeted\":"), (27, BOOKMARKED, b",\"is_bookmarked\":")];
const QUOTED: u32 = 28;
const RETWEETED_TWEET: u32 = 29;
const POLL: u32 = 30;
const POLL_CLOSED: u32 = 4;
const POLL_VOTED: u32 = 5;
// Bytes that are had at once: few tweets take more, and a list with a few of those grows once.
const A_TWEET: usize = 1_280;
const AN_ENDING: usize = 128;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As the message itself.
    Proto,
    /// As the gateway would print it.
    Json,
}

/// A tweet as a viewer sees it, with those inside it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) body: Body,
    pub(super) live: Live,
    /// Of its poll.
    pub(super) is_closed: bool,
    pub(super) card: Card,
    pub(super) stance: u8,
    pub(super) quoted: Option<Box<Self>>,
    pub(super) original: Option<Box<Self>>,
}

impl Shown {
    fn vote(&self) -> Option<u8> {
        (self.stance & VOTED != 0).then_some(self.stance >> OPTION_SHIFT)
    }
}

/// Where a list ends.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) limit: usize,
    /// Empty on the last page.
    pub(super) next_cursor: String,
}

/// One tweet, behind `room` bytes that are zero.
pub(super) fn tweet(shown: &Shown, format: Format, room: usize) -> Vec<u8> {
    let mut out = behind(room, A_TWEET);
    match format {
        Format::Proto => put_proto(&mut out, shown),
        Format::Json => put_json(&mut out, shown),
    }
    out
}

/// A list, behind `room` bytes that are zero.
pub(super) fn list(tweets: &[Shown], ending: &Ending, format: Format, room: usize) -> Vec<u8> {
    let mut out = behind(room, A_TWEET * tweets.len() + AN_ENDING);
    match format {
        Format::Proto => put_proto_list(&mut out, tweets, ending),
        Format::Json => put_json_list(&mut out, tweets, ending),
    }
    out
}

fn behind(room: usize, about: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(room + about);
    out.resize(room, 0);
    out
}

fn put_proto_list(out: &mut Vec<u8>, tweets: &[Shown], ending: &Ending) {
    for shown in tweets {
        put_message(out, 1, |out| put_proto(out, shown));
    }
    put_message(out, 2, |out| {
        put_number(out, 1, ending.limit as u64);
        if !ending.next_cursor.is_empty() {
            put_bytes(out, 2, ending.next_cursor.as_bytes());
            put_number(out, 3, 1);
        }
    });
}

fn put_json_list(out: &mut Vec<u8>, tweets: &[Shown], ending: &Ending) {
    out.extend_from_slice(b"{\"tweets\":[");
    for (place, shown) in tweets.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        put_json(out, shown);
    }
    out.extend_from_slice(b"],\"pagination\":{\"limit\":");
    put_integer(out, i64::try_from(ending.limit).unwrap_or(i64::MAX));
    // A cursor's letters need no escape.
    out.extend_from_slice(b",\"next_cursor\":\"");
    out.extend_from_slice(ending.next_cursor.as_bytes());
    out.extend_from_slice(b"\",\"has_more\":");
    put_bool(out, !ending.next_cursor.is_empty());
    out.extend_from_slice(b"}}");
}

fn put_proto(out: &mut Vec<u8>, shown: &Shown) {
    out.extend_from_slice(shown.body.proto());
    put_bytes(out, USER, shown.card.proto());
    for ((number, _), count) in COUNTERS.iter().zip(shown.live.counts) {
        put_number(out, *number, u64::from(count));
    }
    for (number, bit, _) in FLAGS {
        put_number(out, number, u64::from(shown.stance & bit != 0));
    }
    for (number, inside) in [(QUOTED, &shown.quoted), (RETWEETED_TWEET, &shown.original)] {
        if let Some(inside) = inside {
            put_message(out, number, |out| put_proto(out, inside));
        }
    }
    if let Some(poll) = &shown.live.poll {
        put_message(out, POLL, |out| put_proto_poll(out, poll, shown));
    }
}

fn put_proto_poll(out: &mut Vec<u8>, poll: &Poll, shown: &Shown) {
    out.extend_from_slice(&poll.proto);
    put_number(out, POLL_CLOSED, u64::from(shown.is_closed));
    if let Some(option) = shown.vote() {
        put_varint(out, u64::from(POLL_VOTED) << 3);
        put_varint(out, u64::from(option));
    }
}

fn put_json(out: &mut Vec<u8>, shown: &Shown) {
    let [head, middle, tail] = shown.body.json();
    out.push(b'{');
    out.extend_from_slice(head);
    out.extend_from_slice(b",\"user\":");
    out.extend_from_slice(shown.card.json());
    out.push(b',');
    out.extend_from_slice(middle);
    for ((_, label), count) in COUNTERS.iter().zip(shown.live.counts) {
        out.extend_from_slice(label);
        put_integer(out, i64::from(count));
    }
    out.extend_from_slice(b",\"impression_count\":\"0\"");
    for (_, bit, label) in FLAGS {
        out.extend_from_slice(label);
        put_bool(out, shown.stance & bit != 0);
    }
    for (label, inside) in [(&b",\"quoted_tweet\":"[..], &shown.quoted), (b",\"retweeted_tweet\":", &shown.original)] {
        if let Some(inside) = inside {
            out.extend_from_slice(label);
            put_json(out, inside);
        }
    }
    if let Some(poll) = &shown.live.poll {
        put_json_poll(out, poll, shown);
    }
    if !tail.is_empty() {
        out.push(b',');
        out.extend_from_slice(tail);
    }
    out.push(b'}');
}

fn put_json_poll(out: &mut Vec<u8>, poll: &Poll, shown: &Shown) {
    out.extend_from_slice(b",\"poll\":{");
    out.extend_from_slice(&poll.json);
    out.extend_from_slice(b",\"closed\":");
    put_bool(out, shown.is_closed);
    if let Some(option) = shown.vote() {
        out.extend_from_slice(b",\"voted_option\":");
        put_integer(out, i64::from(option));
    }
    out.push(b'}');
}

fn put_bool(out: &mut Vec<u8>, value: bool) {
    let text: &[u8] = if value { b"true" } else { b"false" };
    out.extend_from_slice(text);
}
