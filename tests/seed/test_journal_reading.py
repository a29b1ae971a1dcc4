"""What a reader of a journal knows of each call."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.seed.journals import Written

from aviary.check.appends import expected_appends
from aviary.check.journal import Outcome, read_journal


@pytest.fixture
def journal(tmp_path: Path) -> Written:
    return Written(tmp_path / "journal", people=3)


def outcome(journal: Written, index: int) -> Outcome:
    return next(call.outcome for call in journal.read().calls if call.index == index)


def test_a_call_without_an_answer_is_unknown(journal: Written) -> None:
    assert outcome(journal, journal.sent(0, "post", content="a")) is Outcome.UNKNOWN


def test_a_torn_last_line_was_never_written(journal: Written) -> None:
    index = journal.sent(0, "post", content="a")
    journal.tear()

    assert outcome(journal, index) is Outcome.UNKNOWN


def test_a_refusal_after_a_lost_answer_means_that_the_call_was_not_done(journal: Written) -> None:
    index = journal.sent(0, "reply", content="a", tweet_id=7)
    journal.answer_unknown(index)
    journal.send(0, "reply", {}, again=index)
    journal.answer_refused(index, 404)

    assert outcome(journal, index) is Outcome.NOT_DONE


@pytest.mark.parametrize("code", [401, 429])
def test_a_refusal_before_anybody_looked_leaves_a_lost_answer_unknown(journal: Written, code: int) -> None:
    index = journal.sent(0, "post", content="a")  # and the loader died
    journal.send(0, "post", {}, again=index)
    journal.answer_refused(index, code)

    assert outcome(journal, index) is Outcome.UNKNOWN


def test_nothing_to_delete_after_a_lost_answer_means_that_it_was_deleted(journal: Written) -> None:
    index = journal.sent(0, "delete", tweet_id=7)
    journal.answer_unknown(index)
    journal.send(0, "delete", {}, again=index)
    journal.answer_refused(index, 404)

    assert outcome(journal, index) is Outcome.DONE


def test_nothing_to_delete_at_once_means_that_the_tweet_is_missing(journal: Written) -> None:
    assert outcome(journal, journal.refused(0, "delete", 404, tweet_id=7)) is Outcome.NOT_DONE


def test_what_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text('{"a": 1}\n')

    with pytest.raises(ValueError, match="notes is not the journal of a load"):
        read_journal(tmp_path / "notes")


def test_a_tweet_is_appended_to_its_author_and_the_followers_who_have_read_home(journal: Written) -> None:
    journal.ok(1, "follow", user_id=100)
    journal.ok(2, "follow", user_id=100)
    journal.ok(0, "read")
    journal.ok(1, "read")
    journal.ok(0, "post", made=1, content="to 0 and 1")
    journal.refused(0, "post", 400, content="to nobody")
    journal.ok(2, "read")
    journal.ok(0, "post", made=2, content="to 0, 1 and 2")
    journal.ok(2, "retweet", made=3, tweet_id=1)

    assert expected_appends(journal.read()) == 2 + 3 + 1


def test_a_new_follow_makes_a_list_absent_until_the_next_read(journal: Written) -> None:
    journal.ok(1, "follow", user_id=100)
    journal.ok(1, "read")
    journal.ok(1, "follow", user_id=102)
    journal.ok(0, "post", made=1, content="to nobody")
    journal.ok(1, "read")
    journal.ok(1, "follow", user_id=102)  # which changes nothing
    journal.ok(0, "post", made=2, content="to 1")
    journal.ok(1, "unfollow", user_id=100)
    journal.ok(0, "post", made=3, content="to nobody")

    assert expected_appends(journal.read()) == 1


def test_a_retweet_repeated_is_appended_once(journal: Written) -> None:
    journal.ok(0, "read")
    journal.ok(0, "post", made=1, content="a")
    journal.ok(0, "retweet", made=2, tweet_id=1)
    journal.ok(0, "retweet", made=2, tweet_id=1)

    assert expected_appends(journal.read()) == 2
