"""How lists are cut into buckets: whoever pages by bucket must meet the rows in their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aviary import ids
from aviary.storage.scylla.tweets import listings

DAY_MS = 86_400_000
BORN_MS = ids.time_ms(0)
moments = st.integers(BORN_MS, BORN_MS + 40 * 365 * DAY_MS)


@given(st.lists(moments, min_size=2), moments)
def test_buckets_rise_with_the_ids(times: list[int], born: int) -> None:
    tweet, positions = ids.first_at(born), sorted(ids.first_at(each) for each in times)
    for bucket in (listings.month, listings.hour, listings.age):
        buckets = [bucket(tweet, each) for each in positions]
        assert buckets == sorted(buckets)


@given(moments)
def test_a_month_ends_where_the_next_begins(moment: int) -> None:
    bucket = listings.month(0, ids.first_at(moment))
    end = listings.end_of_month(bucket)
    assert (listings.month(0, end - 1), listings.month(0, end)) == (bucket, bucket + 1)


def test_a_tweets_buckets_widen_with_its_age() -> None:
    tweet = ids.first_at(BORN_MS)

    def first_in(bucket: int) -> int:
        """Return the minute in which a bucket begins."""
        minutes = range(0, 400 * 24 * 60, 10)
        return next(each for each in minutes if listings.age(tweet, ids.first_at(BORN_MS + each * 60_000)) == bucket)

    # Ten minutes each for six hours, then hours, from the third day on days, from the 61st on months.
    assert [first_in(each) for each in (0, 1, 35, 36, 37)] == [0, 10, 350, 360, 420]
    assert [first_in(each) // 60 for each in (77, 78, 79)] == [47, 48, 72]
    assert [first_in(each) // (24 * 60) for each in (135, 136, 137)] == [59, 60, 90]


def test_what_seems_older_than_its_tweet_is_in_the_first_bucket() -> None:
    tweet = ids.first_at(BORN_MS + DAY_MS)
    assert listings.age(tweet, tweet - 1) == listings.age(tweet, tweet) == 0
