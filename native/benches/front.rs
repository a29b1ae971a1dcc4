//! A home page of twenty from what is held, its printing from a ready message, and what an event and a fill cost.

use std::sync::Arc;

use aviary_native::clock::BusinessClock;
use aviary_native::front::{Ask, Format, Front, HomeFill, Room};
use aviary_native::json::Printer;
use aviary_native::row::{MAX_ID, Row};
use aviary_native::timeline::{Limits, Slot, TimelineStore};
use aviary_native::wire::{put_bytes, put_number, put_varint};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const DESCRIPTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/aviary/api/descriptors.binpb");
const VIEWER: u64 = 1;
const AUTHORS: u64 = 50;
const HELD: u64 = 800;
const NEWEST: u64 = 10_000;
const PAGE: usize = 20;
const TWEET_LIKED: u64 = 22;
const ROOM: Room = Room { tweets: 1 << 26, people: 1 << 24, viewers: 1 << 24, authors: 1 << 24, author_rows: 200 };

/// Tweets of fifty people in turn, newest first: id and author.
fn tweets() -> impl Iterator<Item = (u64, u64)> {
    (0..HELD).map(|number| (NEWEST - number, 2 + number % AUTHORS))
}

/// aviary.api.tweets.v1.Tweet, as long as most are.
fn body(id: u64, author: u64) -> Vec<u8> {
    let text = format!("Tweet {id} of {author}: what it says is about as long as most are, with a #tag and an é.");
    let (mut tag, mut entities, mut out) = (Vec::new(), Vec::new(), Vec::new());
    put_bytes(&mut tag, 1, b"tag");
    put_number(&mut tag, 2, 72);
    put_number(&mut tag, 3, 76);
    put_bytes(&mut entities, 1, &tag);
    put_number(&mut out, 1, id);
    put_bytes(&mut out, 2, b"original");
    for (number, value) in [(4, text.as_bytes()), (8, b"en"), (9, b"web"), (14, b"everyone"), (18, &entities)] {
        put_bytes(&mut out, number, value);
    }
    out
}

/// aviary.api.tweets.v1.TweetFragment.
fn fragment(id: u64, author: u64) -> Vec<u8> {
    let (mut out, mut counts) = (Vec::new(), Vec::new());
    put_number(&mut out, 1, id);
    put_number(&mut out, 2, author);
    put_bytes(&mut out, 10, &body(id, author));
    for count in [3, 2, 1, 0, 4] {
        put_varint(&mut counts, count);
    }
    put_bytes(&mut out, 11, &counts);
    out
}

/// aviary.api.tweets.v1.PersonFragment.
fn person(id: u64) -> Vec<u8> {
    let (mut card, mut out) = (Vec::new(), Vec::new());
    put_number(&mut card, 1, id);
    put_bytes(&mut card, 2, format!("user{id}").as_bytes());
    put_bytes(&mut card, 3, format!("User {id}").as_bytes());
    put_number(&mut out, 1, id);
    put_number(&mut out, 2, 1);
    put_bytes(&mut out, 4, &card);
    put_number(&mut out, 5, 1);
    out
}

fn fill(tweets: impl Iterator<Item = (u64, u64)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (id, author) in tweets {
        put_bytes(&mut out, 1, &fragment(id, author));
    }
    for id in 2..2 + AUTHORS {
        put_bytes(&mut out, 2, &person(id));
    }
    out
}

/// All that one home needs.
fn front(described: &[u8]) -> Front {
    let lists = Arc::new(TimelineStore::new(Limits { capacity: 800, idle_ttl_ms: u64::MAX, max_bytes: 1 << 26 }));
    let slot = Slot { owner: VIEWER, upper: MAX_ID };
    let rows =
        tweets().map(|(tweet, author)| Row { tweet, author_word: author, ref_tweet_word: 0, ref_author_word: 0 });
    let token = lists.begin(slot, 1, 0);
    assert!(lists.finish(slot, token, rows.collect(), 0, 0));
    let clock = Arc::<BusinessClock>::default();
    let front =
        Front::new(lists, clock, ROOM, described, &[7; 32], false).expect("the descriptors").expect("a short key");
    let then = front.now();
    let sources = (VIEWER..2 + AUTHORS).collect();
    let home = HomeFill { sources, follow_version: 1, pulled: vec![VIEWER], valid_until_ms: 0 };
    front.put_home(VIEWER, home, then);
    let token = front.begin_author(VIEWER, 0);
    assert!(front.finish_author(VIEWER, token, Vec::new(), 0, 0));
    let asked: Vec<u64> = tweets().map(|(id, _)| id).collect();
    front.put(VIEWER, &asked, &fill(tweets()), then).expect("a fill");
    front
}

fn ask(format: Format) -> Ask {
    Ask { viewer: VIEWER, limit: PAGE, below: MAX_ID, above: 0, now_ms: 0, format, room: 0 }
}

fn pages(criterion: &mut Criterion) {
    let described = std::fs::read(DESCRIPTORS).expect("the descriptors are in the tree");
    let front = front(&described);
    let message = front.home(&ask(Format::Proto)).expect("all is held");
    let json = front.home(&ask(Format::Json)).expect("all is held");
    let printer = Printer::new(&described, "aviary.api.tweets.v1.TweetList").expect("the type");
    let mut printed = Vec::new();
    printer.print(&message, &mut printed).expect("a message");
    assert_eq!(String::from_utf8(printed), String::from_utf8(json));
    let mut group = criterion.benchmark_group("page of 20");
    group.bench_function("home, message", |bencher| bencher.iter(|| front.home(&ask(Format::Proto))));
    group.bench_function("home, JSON", |bencher| bencher.iter(|| front.home(&ask(Format::Json))));
    group.bench_function("print the message", |bencher| {
        bencher.iter_batched_ref(
            || Vec::with_capacity(1 << 15),
            |out| printer.print(&message, out),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn one(criterion: &mut Criterion) {
    let described = std::fs::read(DESCRIPTORS).expect("the descriptors are in the tree");
    let front = front(&described);
    let mut group = criterion.benchmark_group("one tweet");
    for (name, format) in [("spliced, message", Format::Proto), ("spliced, JSON", Format::Json)] {
        let ask = ask(format);
        assert!(front.tweet(&ask, NEWEST).is_ok());
        group.bench_function(name, |bencher| bencher.iter(|| front.tweet(&ask, NEWEST)));
    }
    group.finish();
}

fn changes(criterion: &mut Criterion) {
    let described = std::fs::read(DESCRIPTORS).expect("the descriptors are in the tree");
    let front = front(&described);
    let (asked, filled): (Vec<u64>, _) = (tweets().take(PAGE).map(|(id, _)| id).collect(), fill(tweets().take(PAGE)));
    let mut event = Vec::new();
    for (number, value) in [(2, TWEET_LIKED), (4, NEWEST), (7, VIEWER)] {
        put_number(&mut event, number, value);
    }
    let mut group = criterion.benchmark_group("change");
    group.bench_function("an event", |bencher| bencher.iter(|| front.apply(&event, &[], 0)));
    group.bench_function("a fill of 20 tweets and 50 people", |bencher| {
        bencher.iter(|| front.put(VIEWER, &asked, &filled, front.now()));
    });
    group.finish();
}

criterion_group!(benches, pages, one, changes);
criterion_main!(benches);
