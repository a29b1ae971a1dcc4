//! What pages are spliced from: a tweet's own part, its counters, and its author's card, each ready in both formats.

use std::sync::Arc;

use prost::Message;

use crate::json::{self, Printer};
use crate::wire::{Malformed, put_number};

// Bits of a stored tweet's flags.
const SENSITIVE: u32 = 4;
const HAS_POLL: u32 = 8;
const EDIT_COUNT: u32 = 7;
const BODY: std::ops::RangeInclusive<u32> = 4..=18;
const POLL: std::ops::RangeInclusive<u32> = 1..=3;
const HEAD: std::ops::RangeInclusive<u32> = 1..=2;
const TAIL: std::ops::RangeInclusive<u32> = 30..=u32::MAX;

/// What kind of tweet; the numbers are those of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Original,
    Reply,
    Quote,
    Retweet,
}

impl Kind {
    fn of(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Original),
            1 => Some(Self::Reply),
            2 => Some(Self::Quote),
            3 => Some(Self::Retweet),
            _ => None,
        }
    }
}

/// aviary.api.tweets.v1.TweetFragment.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TweetFill {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(int64, tag = "2")]
    pub(super) author_id: i64,
    #[prost(int32, tag = "3")]
    pub(super) kind: i32,
    #[prost(int64, tag = "4")]
    pub(super) ref_id: i64,
    #[prost(int64, tag = "5")]
    pub(super) quote_id: i64,
    #[prost(uint32, tag = "6")]
    pub(super) flags: u32,
    #[prost(bool, tag = "7")]
    pub(super) deleted: bool,
    #[prost(uint32, tag = "8")]
    pub(super) edits: u32,
    #[prost(int64, tag = "9")]
    pub(super) reply_to_user_id: i64,
    #[prost(bytes = "vec", tag = "10")]
    pub(super) body: Vec<u8>,
    /// Likes, retweets, replies, quotes, bookmarks.
    #[prost(uint32, repeated, tag = "11")]
    pub(super) counts: Vec<u32>,
    /// Bits of [`super::viewer`].
    #[prost(uint32, tag = "12")]
    pub(super) stance: u32,
    #[prost(bytes = "vec", tag = "13")]
    pub(super) poll: Vec<u8>,
    #[prost(int64, tag = "14")]
    pub(super) poll_ends_ms: i64,
}

/// aviary.api.tweets.v1.PersonFragment.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PersonFill {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(bool, tag = "2")]
    pub(super) stands: bool,
    #[prost(bool, tag = "3")]
    pub(super) protected: bool,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) card: Vec<u8>,
    #[prost(uint32, tag = "5")]
    pub(super) standing: u32,
}

/// aviary.api.tweets.v1.Fragments.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Fill {
    #[prost(message, repeated, tag = "1")]
    pub(super) tweets: Vec<TweetFill>,
    #[prost(message, repeated, tag = "2")]
    pub(super) people: Vec<PersonFill>,
    #[prost(bool, tag = "3")]
    pub(super) hides_sensitive: bool,
    #[prost(bool, tag = "4")]
    pub(super) mutes_words: bool,
}

/// What is known of a tweet beside its bytes, and only an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) id: u64,
    pub(super) author: u64,
    pub(super) kind: Kind,
    pub(super) ref_id: u64,
    pub(super) quote_id: u64,
    pub(super) reply_to_user: u64,
    pub(super) is_sensitive: bool,
}

/// The part of a tweet that only an edit changes: one piece of memory, so that a page waits for it once.
///
/// Seven words of facts, then the message without what others change, then its JSON in three parts.
#[derive(Clone, Debug)]
pub(super) struct Body(Arc<[u8]>);

const WORDS: usize = 7;
const FACTS: usize = 8 * WORDS;

impl Body {
    fn new(facts: Facts, proto: &[u8], json: [&[u8]; 3]) -> Result<Self, Malformed> {
        let [head, middle, tail] = json;
        let head_end = proto.len() + head.len();
        let ends = [proto.len(), head_end, head_end + middle.len()];
        let [proto_end, head_end, middle_end] = ends.map(|end| u32::try_from(end).map_err(|_| Malformed));
        let Facts { id, author, kind, ref_id, quote_id, reply_to_user, is_sensitive } = facts;
        let bits = u64::from(proto_end?) << 32 | u64::from(is_sensitive) << 8 | kind as u64;
        let ends = u64::from(middle_end?) << 32 | u64::from(head_end?);
        let words: [u64; WORDS] = [id, author, ref_id, quote_id, reply_to_user, bits, ends];
        let words = words.map(u64::to_le_bytes);
        Ok(Self([words.as_flattened(), proto, head, middle, tail].concat().into()))
    }

    fn word(&self, place: usize) -> u64 {
        u64::from_le_bytes(self.0.as_chunks().0[place])
    }

    pub(super) fn id(&self) -> u64 {
        self.word(0)
    }

    pub(super) fn facts(&self) -> Facts {
        let [kind, is_sensitive, ..] = self.word(5).to_le_bytes();
        Facts {
            id: self.id(),
            author: self.word(1),
            kind: Kind::of(kind.into()).unwrap_or(Kind::Original),
            ref_id: self.word(2),
            quote_id: self.word(3),
            reply_to_user: self.word(4),
            is_sensitive: is_sensitive != 0,
        }
    }

    pub(super) fn proto(&self) -> &[u8] {
        &self.0[FACTS..FACTS + high(self.word(5))]
    }

    /// The JSON's fields before the author, between author and counters, and behind everything.
    pub(super) fn json(&self) -> [&[u8]; 3] {
        let (proto_end, ends) = (high(self.word(5)), self.word(6));
        let (rest, head_end, middle_end) = (&self.0[FACTS..], low(ends), high(ends));
        [&rest[proto_end..head_end], &rest[head_end..middle_end], &rest[middle_end..]]
    }

    fn bytes(&self) -> usize {
        IN_AN_ARC + self.0.len()
    }
}

// Both fit, as they were lengths.
fn high(word: u64) -> usize {
    usize::try_from(word >> 32).unwrap_or(usize::MAX)
}

fn low(word: u64) -> usize {
    high(word << 32)
}

// Its two counts.
const IN_AN_ARC: usize = 16;

/// Likes, retweets, replies, quotes, bookmarks.
pub(super) type Counts = [u32; 5];

/// The part of a tweet that others change.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) counts: Counts,
    pub(super) poll: Option<Arc<Poll>>,
}

/// A poll but for whether it is closed and the viewer's vote.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) proto: Box<[u8]>,
    // Its first fields, without braces.
    pub(super) json: Box<[u8]>,
    pub(super) ends_ms: u64,
}

/// What is known of a tweet id.
#[derive(Clone, Debug)]
pub(super) enum Tweet {
    /// Deleted, or there never was one.
    Gone,
    /// `live` is missing when it changed since it was read.
    Here { body: Body, live: Option<Live> },
}

/// What is known of a person.
#[derive(Clone, Debug)]
pub(super) enum Person {
    /// Deleted, suspended or deactivated.
    Gone,
    Here {
        card: Card,
        protected: bool,
    },
}

/// What tweets show of their author: the message behind its length, and its JSON.
#[derive(Clone, Debug)]
pub(super) struct Card(Arc<[u8]>);

impl Card {
    fn new(proto: &[u8], json: &[u8]) -> Self {
        Self([&proto.len().to_le_bytes()[..], proto, json].concat().into())
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let (length, rest) = self.0.split_first_chunk().expect("the length that it was made with");
        rest.split_at(usize::from_le_bytes(*length))
    }

    pub(super) fn proto(&self) -> &[u8] {
        self.parts().0
    }

    pub(super) fn json(&self) -> &[u8] {
        self.parts().1
    }

    fn bytes(&self) -> usize {
        IN_AN_ARC + self.0.len()
    }
}

/// Prints the parts; one for all.
#[derive(Debug)]
pub(super) struct Printers {
    tweet: Printer,
    person: Printer,
    poll: Printer,
}

impl Printers {
    pub(super) fn new(descriptors: &[u8]) -> Result<Self, json::ShapeError> {
        Ok(Self {
            tweet: Printer::new(descriptors, "aviary.api.tweets.v1.Tweet")?,
            person: Printer::new(descriptors, "aviary.api.users.v1.UserSummary")?,
            poll: Printer::new(descriptors, "aviary.api.tweets.v1.Poll")?,
        })
    }

    pub(super) fn tweet(&self, fill: TweetFill) -> Result<Tweet, Malformed> {
        if fill.deleted {
            return Ok(Tweet::Gone);
        }
        let poll = self.poll(&fill)?.map(Arc::new);
        let live = fill.counts.try_into().ok().map(|counts| Live { counts, poll });
        let mut proto = fill.body;
        put_number(&mut proto, EDIT_COUNT, u64::from(fill.edits));
        let part = |numbers| {
            let mut out = Vec::new();
            self.tweet.print_fields(&proto, numbers, &mut out).map(|()| out)
        };
        let (head, middle, tail) = (part(HEAD)?, part(BODY)?, part(TAIL)?);
        let facts = Facts {
            id: fill.id.cast_unsigned(),
            author: fill.author_id.cast_unsigned(),
            kind: Kind::of(fill.kind).ok_or(Malformed)?,
            ref_id: fill.ref_id.cast_unsigned(),
            quote_id: fill.quote_id.cast_unsigned(),
            reply_to_user: fill.reply_to_user_id.cast_unsigned(),
            is_sensitive: fill.flags & SENSITIVE != 0,
        };
        let body = Body::new(facts, &proto, [&head, &middle, &tail])?;
        Ok(Tweet::Here { body, live })
    }

    fn poll(&self, fill: &TweetFill) -> Result<Option<Poll>, Malformed> {
        if fill.flags & HAS_POLL == 0 {
            return Ok(None);
        }
        let mut json = Vec::new();
        self.poll.print_fields(&fill.poll, POLL, &mut json)?;
        let ends_ms = fill.poll_ends_ms.cast_unsigned();
        Ok(Some(Poll { proto: fill.poll.as_slice().into(), json: json.into(), ends_ms }))
    }

    pub(super) fn person(&self, fill: &PersonFill) -> Result<Person, Malformed> {
        if !fill.stands {
            return Ok(Person::Gone);
        }
        let mut json = Vec::new();
        self.person.print(&fill.card, &mut json)?;
        Ok(Person::Here { card: Card::new(&fill.card, &json), protected: fill.protected })
    }
}

impl Tweet {
    pub(super) fn bytes(&self) -> usize {
        // The entry and its places in the map and in the order, beside what the body holds.
        const ENTRY: usize = 128;
        match self {
            Self::Gone => ENTRY,
            Self::Here { body, live } => {
                let poll = live.as_ref().and_then(|live| live.poll.as_ref());
                let poll = poll.map_or(0, |poll| size_of::<Poll>() + poll.proto.len() + poll.json.len());
                ENTRY + body.bytes() + poll
            }
        }
    }
}

impl Person {
    pub(super) fn bytes(&self) -> usize {
        const ENTRY: usize = 128;
        match self {
            Self::Gone => ENTRY,
            Self::Here { card, .. } => ENTRY + card.bytes(),
        }
    }
}
