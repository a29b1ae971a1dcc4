//! Whatever comes over the wire and whatever fills and events say: nothing panics, and what was deleted stays away.
//!
//! A second in `cargo test`; `BOLERO_RANDOM_TEST_TIME_MS` sets how long, and a failure names the seed that repeats it.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bolero::{TypeGenerator, check};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::{Builder, Runtime};

use crate::front::{Ask, Format, Front, HomeFill};
use crate::row::{MAX_ID, Row};
use crate::serve::call::{Rpc, framed, message_of};
use crate::serve::tests::server;
use crate::serve::{Server, hot};
use crate::timeline::Slot;
use crate::wire::{put_bytes, put_number, put_varint};

const NOW_MS: u64 = 1_790_000_000_000;
const SESSION: u64 = 1 << 40;
const MOST_STEPS: usize = 40;
const TWEET_CREATED: u8 = 20;
const TWEET_DELETED: u8 = 21;

/// A field of no message in particular.
#[derive(Clone, Debug, TypeGenerator)]
struct Field {
    #[generator(0..40)]
    number: u8,
    value: Any,
}

#[derive(Clone, Debug, TypeGenerator)]
enum Any {
    Small(u8),
    Number(u64),
    Bytes(Vec<u8>),
    Text(#[generator(0..4)] u8),
}

/// A byte that is not what was meant.
#[derive(Clone, Copy, Debug, TypeGenerator)]
struct Damage {
    #[generator(0..8)]
    is_done: u8,
    place: u8,
    byte: u8,
}

const NONE: Damage = Damage { is_done: 1, place: 0, byte: 0 };

/// Ids are few, so that everything meets everything.
#[derive(Clone, Debug, TypeGenerator)]
struct Tweet {
    #[generator(1..9)]
    id: u8,
    #[generator(1..5)]
    author: u8,
    #[generator(0..4)]
    kind: u8,
    #[generator(0..9)]
    ref_id: u8,
    #[generator(0..9)]
    quote: u8,
    flags: u8,
    edits: u8,
    #[generator(0..5)]
    reply_to: u8,
    body: Part,
    counts: Option<[u32; 5]>,
    stance: u8,
    poll: Part,
}

/// A message inside another: what it should be, or whatever it is.
#[derive(Clone, Debug, TypeGenerator)]
enum Part {
    Right,
    Plain,
    Wild(Vec<Field>),
}

#[derive(Clone, Debug, TypeGenerator)]
struct Person {
    #[generator(1..5)]
    id: u8,
    #[generator(0..8)]
    bits: u8,
    card: Part,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, TypeGenerator)]
enum Standing {
    None,
    Followed,
    Any(u8),
}

#[derive(Clone, Debug, TypeGenerator)]
struct Headers {
    #[generator(0..5)]
    token: u8,
    more: Vec<(u8, Vec<u8>)>,
    timeout: Option<(u32, u8)>,
}

#[derive(Clone, Debug, TypeGenerator)]
enum Body {
    Bytes(Vec<u8>),
    Fields(Vec<Field>, Damage),
    /// With the cursor of the page before, or what was made of it.
    Next(#[generator(0..9)] u8, Damage),
}

#[derive(Clone, Debug, TypeGenerator)]
enum Step {
    Call {
        #[generator(0..3)]
        rpc: u8,
        is_json: bool,
        headers: Headers,
        body: Body,
    },
    Event {
        #[generator(0..36)]
        kind: u8,
        #[generator(1..5)]
        actor: u8,
        tweet: Tweet,
        is_told: bool,
        damage: Damage,
    },
    Note,
    Delete {
        tweet: Tweet,
    },
    Fill {
        #[generator(1..5)]
        viewer: u8,
        tweets: Vec<Tweet>,
        people: Vec<Person>,
        damage: Damage,
    },
    Home {
        #[generator(1..5)]
        viewer: u8,
        sources: [bool; 4],
        pulls: bool,
        is_over: bool,
    },
    Author {
        #[generator(1..5)]
        author: u8,
        rows: Vec<(u8, u8)>,
        floor: u8,
    },
    Earliest {
        #[generator(1..5)]
        viewer: u8,
        #[generator(1..9)]
        original: u8,
        #[generator(0..9)]
        retweet: u8,
    },
    Bytes(Vec<u8>),
    Clear,
}

/// The front as it is told, and what is known beside it.
struct World<'a> {
    server: &'a Server,
    front: &'a Front,
    /// When the fills that come read their stores.
    noted: u64,
    /// Ids that are gone, and when they went by the clock of invalidations.
    gone: [Option<u64>; 9],
    cursor: String,
}

fn fields(fields: &[Field], damage: Damage) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        put(&mut out, field);
    }
    damaged(out, damage)
}

fn put(out: &mut Vec<u8>, field: &Field) {
    let number = u32::from(field.number);
    match &field.value {
        Any::Small(value) => put_number(out, number, u64::from(*value)),
        Any::Number(value) => put_number(out, number, *value),
        Any::Bytes(value) => put_bytes(out, number, value),
        Any::Text(which) => {
            put_bytes(out, number, ["latest", "all", "media", "é\u{2028}\0"][usize::from(*which)].as_bytes());
        }
    }
}

fn damaged(mut bytes: Vec<u8>, damage: Damage) -> Vec<u8> {
    if damage.is_done == 0 && !bytes.is_empty() {
        let place = usize::from(damage.place) % bytes.len();
        bytes[place] = damage.byte;
    }
    bytes
}

impl Part {
    /// `text` stands in the field `number`.
    fn message(&self, number: u32, text: &str) -> Vec<u8> {
        match self {
            Self::Right => {
                let mut out = Vec::new();
                put_bytes(&mut out, number, text.as_bytes());
                out
            }
            Self::Plain => Vec::new(),
            Self::Wild(sent) => fields(sent, NONE),
        }
    }
}

impl Tweet {
    /// An original as a store would give it.
    fn right(id: u8) -> Self {
        Self {
            id,
            author: 1 + id % 4,
            kind: 0,
            ref_id: 0,
            quote: 0,
            flags: 0,
            edits: 0,
            reply_to: 0,
            body: Part::Right,
            counts: Some([0; 5]),
            stance: 0,
            poll: Part::Plain,
        }
    }

    fn message(&self, is_deleted: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let numbers = [(1, self.id), (2, self.author), (3, self.kind), (4, self.ref_id), (5, self.quote)];
        for (number, value) in numbers.into_iter().chain([(6, self.flags), (8, self.edits), (9, self.reply_to)]) {
            put_number(&mut out, number, u64::from(value));
        }
        put_number(&mut out, 7, u64::from(is_deleted));
        put_bytes(&mut out, 10, &self.body.message(4, "said"));
        if let Some(counts) = self.counts {
            let mut packed = Vec::new();
            for count in counts {
                put_varint(&mut packed, u64::from(count));
            }
            put_bytes(&mut out, 11, &packed);
        }
        put_number(&mut out, 12, u64::from(self.stance));
        put_bytes(&mut out, 13, &self.poll.message(1, "\n\u{3}yes"));
        out
    }

    /// aviary.events.v1.TweetEntry.
    fn entry(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let numbers = [(1, self.id), (2, self.author), (3, self.ref_id), (4, self.reply_to), (8, self.quote)];
        for (number, value) in numbers.into_iter().chain([(5, u8::from(self.kind == 3)), (7, self.flags & 1)]) {
            put_number(&mut out, number, u64::from(value));
        }
        out
    }
}

impl Person {
    fn message(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_number(&mut out, 1, u64::from(self.id));
        // Most stand.
        put_number(&mut out, 2, u64::from(self.bits != 0));
        put_number(&mut out, 3, u64::from(self.bits == 1));
        put_bytes(&mut out, 4, &self.card.message(2, "ada"));
        let standing = match self.standing {
            Standing::None => 0,
            Standing::Followed => 1,
            Standing::Any(bits) => bits,
        };
        put_number(&mut out, 5, u64::from(standing));
        out
    }
}

impl Headers {
    fn map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        if self.token > 0 {
            map.insert("authorization", format!("Bearer {}", self.token).parse().expect("a token is text"));
        }
        if let Some((count, unit)) = self.timeout {
            let text = format!("{count}{}", ["H", "M", "S", "m", "u", "n", "é"][usize::from(unit % 7)]);
            map.insert("grpc-timeout", HeaderValue::from_bytes(text.as_bytes()).expect("no controls"));
        }
        for (name, value) in &self.more {
            let name =
                HeaderName::from_static(["authorization", "grpc-timeout", "traceparent"][usize::from(*name % 3)]);
            if let Ok(value) = HeaderValue::from_bytes(value) {
                map.append(name, value);
            }
        }
        map
    }
}

impl World<'_> {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Call { rpc, is_json, headers, body } => {
                self.call(Rpc::ALL[usize::from(*rpc)], *is_json, &headers.map(), body);
            }
            Step::Event { kind, actor, tweet, is_told, damage } => self.event(*kind, *actor, tweet, *is_told, *damage),
            Step::Delete { tweet } => self.event(TWEET_DELETED, tweet.author, tweet, false, NONE),
            Step::Note => self.noted = self.front.now(),
            Step::Fill { viewer, tweets, people, damage } => self.fill(*viewer, tweets, people, *damage),
            Step::Home { viewer, sources, pulls, is_over } => self.home(*viewer, *sources, *pulls, *is_over),
            Step::Author { author, rows, floor } => {
                let (author, floor) = (u64::from(*author), u64::from(*floor % 9));
                let token = self.front.begin_author(author, NOW_MS);
                let row = |(tweet, ref_id): &(u8, u8)| Row {
                    tweet: u64::from(*tweet % 9),
                    author_word: author,
                    ref_tweet_word: u64::from(*ref_id % 9),
                    ref_author_word: 0,
                };
                self.front.finish_author(author, token, rows.iter().map(row).collect(), floor, NOW_MS);
            }
            Step::Earliest { viewer, original, retweet } => {
                let (original, retweet) = ([u64::from(*original)], [u64::from(*retweet)]);
                self.front.put_earliest(u64::from(*viewer), &original, &retweet, self.noted);
            }
            Step::Bytes(bytes) => {
                // Whoever tells of what is none is told so, and nothing else comes of it.
                let _ = (self.front.apply(bytes, &[], NOW_MS), self.front.put(1, &[1], bytes, 0));
                let _ = message_of(&bytes.clone().into());
            }
            Step::Clear => {
                self.front.clear();
                self.gone = [None; 9];
                self.noted = self.front.now();
            }
        }
    }

    fn call(&mut self, rpc: Rpc, is_json: bool, headers: &HeaderMap, body: &Body) {
        let body = match body {
            Body::Bytes(bytes) => bytes.clone().into(),
            Body::Fields(sent, damage) => framed(&fields(sent, *damage)),
            Body::Next(limit, damage) => {
                let mut message = Vec::new();
                let (limit_field, cursor_field) = if rpc == Rpc::User { (2, 3) } else { (1, 2) };
                put_number(&mut message, 1, 2);
                put_number(&mut message, limit_field, u64::from(*limit));
                put_bytes(&mut message, cursor_field, self.cursor.as_bytes());
                framed(&damaged(message, *damage))
            }
        };
        self.answer(rpc, is_json, headers, &body);
        // The one that only says how it stands with whoever is known.
        let ask = Ask { viewer: 1, limit: 2, below: MAX_ID, above: 0, now_ms: NOW_MS, format: Format::Json, room: 0 };
        if let Ok(page) = self.front.home(&ask) {
            let text = String::from_utf8_lossy(&page);
            let cursor = text.rsplit("\"next_cursor\":\"").next().and_then(|rest| rest.split('"').next());
            self.cursor = cursor.unwrap_or_default().to_owned();
        }
    }

    /// As `serve` does, but that nobody fills what is missing.
    fn answer(&self, rpc: Rpc, is_json: bool, headers: &HeaderMap, body: &Bytes) {
        let mut answer = pin!(hot::answer(&self.server.shared, rpc, is_json, headers, body));
        let mut context = Context::from_waker(Waker::noop());
        for turn in 0..20 {
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
                assert!(answer.is_none_or(|(_, outcome)| outcome != crate::serve::stats::Outcome::Panicked));
                return;
            }
            for (ticket, ..) in self.server.take_misses() {
                self.server.filled(ticket, turn == 0);
            }
        }
        panic!("an answer that waits for nothing");
    }

    fn event(&mut self, kind: u8, actor: u8, tweet: &Tweet, is_told: bool, damage: Damage) {
        // A deleted tweet is not made again.
        if self.gone[usize::from(tweet.id)].is_some() && (is_told || kind == TWEET_CREATED) {
            return;
        }
        let mut event = Vec::new();
        for (number, value) in [(2, kind), (3, tweet.author), (4, tweet.id), (7, actor), (9, tweet.reply_to)] {
            put_number(&mut event, number, u64::from(value));
        }
        put_bytes(&mut event, 10, &tweet.entry());
        let damage = if kind == TWEET_DELETED { NONE } else { damage };
        let made = if is_told && kind != TWEET_DELETED { damaged(tweet.message(false), damage) } else { Vec::new() };
        let told = self.front.apply(&event, &made, NOW_MS);
        if kind == TWEET_DELETED {
            assert_eq!(told, Ok(()));
            self.gone[usize::from(tweet.id)] = Some(self.front.now());
        }
    }

    /// What a store said when the clock stood where it was noted: of what was gone by then, that it is.
    fn fill(&self, viewer: u8, tweets: &[Tweet], people: &[Person], damage: Damage) {
        let mut fill = Vec::new();
        for tweet in tweets {
            let is_deleted = self.gone[usize::from(tweet.id)].is_some_and(|at| at <= self.noted);
            put_bytes(&mut fill, 1, &tweet.message(is_deleted));
        }
        // Everybody first, or there would be no authors.
        let known = (1..5).map(|id| Person { id, bits: 2, card: Part::Right, standing: Standing::Followed });
        for person in known.chain(people.iter().cloned()) {
            put_bytes(&mut fill, 2, &person.message());
        }
        // Damage could say of another id that it is there.
        let fill = if self.gone.iter().any(Option::is_some) { fill } else { damaged(fill, damage) };
        let asked: Vec<u64> = tweets.iter().map(|tweet| u64::from(tweet.id)).collect();
        let _ = self.front.put(u64::from(viewer), &asked, &fill, self.noted);
    }

    fn home(&self, viewer: u8, sources: [bool; 4], pulls: bool, is_over: bool) {
        let viewer = u64::from(viewer);
        let followed = (1..).zip(sources).filter(|(_, is_one)| *is_one).map(|(id, _)| id).chain([viewer]);
        let pulled = if pulls { followed.clone().collect() } else { vec![viewer] };
        let valid_until_ms = u64::from(is_over);
        let fill = HomeFill { sources: followed.collect(), follow_version: 1, pulled, valid_until_ms };
        self.front.put_home(viewer, fill, self.noted);
        let slot = Slot { owner: viewer, upper: MAX_ID };
        let token = self.front.lists().begin(slot, 1, NOW_MS);
        let row = |id| Row { tweet: id, author_word: 1 + id % 4, ref_tweet_word: 0, ref_author_word: 0 };
        assert!(self.front.lists().finish(slot, token, (1..9).map(row).collect(), 0, NOW_MS));
    }

    /// Begins with what is as it should be, or nearly nothing would ever be shown.
    fn furnish(&mut self) {
        self.take(&Step::Clear);
        let tweets: Vec<Tweet> = (1..9).map(Tweet::right).collect();
        for viewer in 1..5 {
            self.fill(viewer, &tweets, &[], NONE);
            self.home(viewer, [true; 4], false, false);
            let token = self.front.begin_author(u64::from(viewer), NOW_MS);
            assert!(self.front.finish_author(u64::from(viewer), token, Vec::new(), 0, NOW_MS));
        }
    }

    /// How many tweets are shown; none of those that are gone may be.
    fn shown(&self) -> usize {
        let mut shown = 0;
        for (id, gone) in (0..).zip(self.gone) {
            for viewer in 1..3 {
                let ask =
                    Ask { viewer, limit: 1, below: MAX_ID, above: 0, now_ms: NOW_MS, format: Format::Json, room: 0 };
                let is_shown = self.front.tweet(&ask, id).is_ok();
                assert!(!is_shown || gone.is_none(), "{id} was deleted");
                shown += usize::from(is_shown);
            }
        }
        shown
    }
}

#[test]
fn nothing_that_comes_makes_it_panic_or_show_what_was_deleted() {
    static MADE: OnceLock<(Server, Runtime)> = OnceLock::new();
    let (server, runtime) = MADE.get_or_init(|| {
        let server = server();
        for user in 1..5 {
            server.know_token(&user.to_string(), user, SESSION, f64::MAX, 0.0);
        }
        (server, Builder::new_current_thread().enable_time().build().expect("a runtime without threads"))
    });
    let (shown, pages) = (AtomicUsize::new(0), AtomicUsize::new(0));
    check!().with_type::<Vec<Step>>().with_shrink_time(Duration::ZERO).for_each(|steps| {
        let _entered = runtime.enter();
        let front = &server.shared.options.front;
        let mut world = World { server, front, noted: 0, gone: [None; 9], cursor: String::new() };
        world.furnish();
        for step in steps.iter().take(MOST_STEPS) {
            world.take(step);
            shown.fetch_add(world.shown(), Ordering::Relaxed);
            pages.fetch_add(usize::from(!world.cursor.is_empty()), Ordering::Relaxed);
        }
    });
    // A walk that never comes to see anything says nothing.
    assert!(shown.into_inner() > 0 && pages.into_inner() > 0);
}

#[test]
fn tweets_that_hold_each_other_without_end_are_left_to_the_handlers() {
    let server = server();
    let front = &server.shared.options.front;
    let mut world = World { server: &server, front, noted: 0, gone: [None; 9], cursor: String::new() };
    let held = |id, kind, ref_id, quote| Tweet { kind, ref_id, quote, ..Tweet::right(id) };
    // Retweets of each other, and a quote of its own retweet.
    let tweets = [held(1, 3, 2, 0), held(2, 3, 1, 0), held(3, 2, 0, 4), held(4, 3, 3, 0)];
    world.take(&Step::Note);
    world.fill(2, &tweets, &[], NONE);
    for id in 1..5 {
        let ask = Ask { viewer: 2, limit: 1, below: MAX_ID, above: 0, now_ms: NOW_MS, format: Format::Proto, room: 0 };
        assert!(front.tweet(&ask, id).is_err_and(|miss| miss.is_declined));
    }
}
