"""The home rule case by case, worked out by hand from its text."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.seed.journals import Written

from aviary.check.rules import home, profile, timeline
from aviary.check.world import World, rebuild

VIEWER, FRIEND, OTHER, STRANGER = 0, 1, 2, 3


@pytest.fixture
def journal(tmp_path: Path) -> Written:
    """Four people; the viewer follows the friend and the other, and nobody follows the stranger."""
    written = Written(tmp_path / "journal", people=4)
    written.ok(VIEWER, "follow", user_id=100 + FRIEND)
    written.ok(VIEWER, "follow", user_id=100 + OTHER)
    return written


def world(journal: Written) -> World:
    return rebuild(journal.read())[0]


def viewers_home(journal: Written) -> list[int]:
    return home(world(journal), 100 + VIEWER)


def test_home_holds_ones_own_tweets_and_those_of_whom_one_follows_newest_first(journal: Written) -> None:
    journal.ok(FRIEND, "post", made=1, content="a")
    journal.ok(STRANGER, "post", made=2, content="b")
    journal.ok(VIEWER, "post", made=3, content="c")

    assert viewers_home(journal) == [3, 1]


def test_a_follow_brings_the_past_and_an_unfollow_takes_it_away(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(FRIEND, "post", made=2, content="b")
    journal.ok(VIEWER, "follow", user_id=100 + STRANGER)
    journal.ok(VIEWER, "unfollow", user_id=100 + FRIEND)

    assert viewers_home(journal) == [1]


def test_a_reply_shows_only_when_the_answered_person_is_a_source(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(OTHER, "post", made=2, content="b")
    journal.ok(VIEWER, "post", made=3, content="c")
    journal.ok(FRIEND, "reply", made=4, content="to a stranger", tweet_id=1)
    journal.ok(FRIEND, "reply", made=5, content="to the other", tweet_id=2)
    journal.ok(FRIEND, "reply", made=6, content="to the viewer", tweet_id=3)
    journal.ok(FRIEND, "reply", made=7, content="to oneself", tweet_id=4)

    assert viewers_home(journal) == [7, 6, 5, 3, 2]


def test_a_reply_stays_when_its_parent_is_deleted(journal: Written) -> None:
    journal.ok(OTHER, "post", made=1, content="a")
    journal.ok(FRIEND, "reply", made=2, content="b", tweet_id=1)
    journal.ok(OTHER, "delete", tweet_id=1)

    assert viewers_home(journal) == [2]


def test_a_quote_shows_whoever_is_quoted(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(FRIEND, "quote", made=2, content="b", tweet_id=1)

    assert viewers_home(journal) == [2]


def test_an_original_that_belongs_hides_its_retweets(journal: Written) -> None:
    journal.ok(OTHER, "post", made=1, content="a")
    journal.ok(FRIEND, "retweet", made=2, tweet_id=1)

    assert viewers_home(journal) == [1]


def test_of_several_retweets_of_a_strangers_tweet_the_earliest_shows(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(STRANGER, "retweet", made=2, tweet_id=1)
    journal.ok(FRIEND, "retweet", made=3, tweet_id=1)
    journal.ok(OTHER, "retweet", made=4, tweet_id=1)

    assert viewers_home(journal) == [3]


def test_undoing_the_earliest_retweet_lets_the_next_show(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(FRIEND, "retweet", made=3, tweet_id=1)
    journal.ok(OTHER, "retweet", made=4, tweet_id=1)
    journal.ok(FRIEND, "unretweet", tweet_id=1)

    assert viewers_home(journal) == [4]


def test_deleting_a_retweet_is_undoing_it(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(FRIEND, "retweet", made=3, tweet_id=1)
    journal.ok(FRIEND, "delete", tweet_id=3)
    journal.ok(FRIEND, "retweet", made=5, tweet_id=1)

    assert viewers_home(journal) == [5]


def test_a_retweet_goes_with_its_original(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(FRIEND, "retweet", made=2, tweet_id=1)
    journal.ok(STRANGER, "delete", tweet_id=1)

    assert viewers_home(journal) == []


def test_a_reply_that_does_not_belong_shows_through_a_retweet(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(OTHER, "reply", made=2, content="b", tweet_id=1)
    journal.ok(FRIEND, "retweet", made=3, tweet_id=2)

    assert viewers_home(journal) == [3]


def test_acting_on_a_retweet_is_acting_on_its_original(journal: Written) -> None:
    journal.ok(OTHER, "post", made=1, content="a")
    journal.ok(STRANGER, "retweet", made=2, tweet_id=1)
    journal.ok(FRIEND, "reply", made=3, content="b", tweet_id=2)
    journal.ok(FRIEND, "retweet", made=4, tweet_id=2)
    journal.ok(FRIEND, "like", tweet_id=2)

    played = world(journal)
    assert home(played, 100 + VIEWER) == [3, 1]
    assert [tweet.id for tweet in played.tweets[1].standing("retweet")] == [2, 4]
    assert played.tweets[1].likers == {100 + FRIEND}


def test_the_user_timeline_holds_everything_that_stands(journal: Written) -> None:
    journal.ok(STRANGER, "post", made=1, content="a")
    journal.ok(STRANGER, "post", made=2, content="b")
    journal.ok(FRIEND, "reply", made=3, content="c", tweet_id=1)
    journal.ok(FRIEND, "retweet", made=4, tweet_id=1)
    journal.ok(FRIEND, "retweet", made=5, tweet_id=2)
    journal.ok(FRIEND, "quote", made=6, content="d", tweet_id=2)
    journal.ok(STRANGER, "delete", tweet_id=2)

    assert timeline(world(journal), 100 + FRIEND) == [6, 4, 3]


def test_a_profile_counts_what_stands_and_leaves_orphaned_retweets_open(journal: Written) -> None:
    journal.ok(FRIEND, "post", made=1, content="a")
    journal.ok(FRIEND, "post", made=2, content="b")
    journal.ok(STRANGER, "post", made=3, content="c")
    journal.ok(FRIEND, "retweet", made=4, tweet_id=3)
    for who, tweet in ((VIEWER, 1), (OTHER, 1), (OTHER, 2), (VIEWER, 4)):
        journal.ok(who, "like", tweet_id=tweet)
    journal.ok(VIEWER, "unlike", tweet_id=1)
    journal.ok(FRIEND, "delete", tweet_id=2)
    journal.ok(STRANGER, "delete", tweet_id=3)

    assert profile(world(journal), 100 + FRIEND) == (1, 0, range(1, 3), 1)
