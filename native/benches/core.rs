//! Ids, the merge of many authors' lists, and reading a text.

use aviary_native::row::{MAX_ID, Row};
use aviary_native::snowflake::Generator;
use aviary_native::text::{Rules, parse};
use aviary_native::timeline::{Limits, Page, Slot, Sources, TimelineStore};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const NOW_MS: u64 = 1_790_000_000_000;
const HEADS: u64 = 40;
const PAGE: usize = 20;
const TEXT: &str =
    "Good morning from the marsh: three herons, a #kingfisher and @ada counting them, see example.org/birds 😀";

fn ids(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ids");
    for count in [1, 1_000] {
        let mint = Generator::new(1).expect("a worker's number");
        // A clock that goes on, or the mint would have to wait for it.
        let mut now_ms = NOW_MS;
        group.throughput(Throughput::Elements(count));
        group.bench_with_input(BenchmarkId::from_parameter(count), &count, |bencher, &count| {
            bencher.iter(|| {
                now_ms += 1;
                mint.mint(count, now_ms).expect("neither leased nor late").ids().collect::<Vec<_>>()
            });
        });
    }
    group.finish();
}

fn row(tweet: u64, author: u64) -> Row {
    Row { tweet, author_word: author, ref_tweet_word: 0, ref_author_word: 0 }
}

/// A store in which so many people have written in turn.
fn written(people: u64) -> TimelineStore {
    let store = TimelineStore::new(Limits { capacity: 800, idle_ttl_ms: u64::MAX, max_bytes: 1 << 30 });
    for owner in 1..=people {
        let slot = Slot { owner, upper: MAX_ID };
        let token = store.begin(slot, 0, 0);
        assert!(store.finish(slot, token, (1..=HEADS).map(|turn| row(turn * people + owner, owner)).collect(), 0, 0));
    }
    store
}

fn merges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("the newest 20 of so many lists");
    for people in [200, 5_000] {
        let (store, owners) = (written(people), (1..=people).collect::<Vec<_>>());
        assert_eq!(store.merge(&owners, 0, MAX_ID, PAGE, 0).rows.len(), PAGE);
        group.bench_with_input(BenchmarkId::from_parameter(people), &owners, |bencher, owners| {
            bencher.iter(|| store.merge(owners, 0, MAX_ID, PAGE, 0));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("a held list's newest 20, beside so many sources");
    for people in [200, 5_000] {
        let store = written(1);
        let sources = Sources::new((1..=people).collect());
        let page = Page { version: 0, sources: &sources, beside: &[], below: MAX_ID, above: 0, limit: PAGE };
        group.bench_with_input(BenchmarkId::from_parameter(people), &page, |bencher, page| {
            bencher.iter(|| store.page(Slot { owner: 1, upper: MAX_ID }, page, 0));
        });
    }
    group.finish();
}

fn texts(criterion: &mut Criterion) {
    assert_eq!(parse(TEXT, Rules::V3).hashtags.len(), 1);
    criterion.bench_function("a text of 100 characters", |bencher| bencher.iter(|| parse(TEXT, Rules::V3)));
    let hostile = "a.".repeat(5_000);
    criterion.bench_function("a hostile text of 10,000", |bencher| bencher.iter(|| parse(&hostile, Rules::V3)));
}

criterion_group!(benches, ids, merges, texts);
criterion_main!(benches);
