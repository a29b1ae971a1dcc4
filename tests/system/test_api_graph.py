"""Follow requests, blocks, mutes, mutuals, and how two people stand, through the gateway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.system.client import Person, listed
from tests.system.conditions import eventually
from tests.system.refusals import is_refused
from tests.system.shapes import PAGINATION, USER, differences

_NOBODY = "4242"
_APART = {"following": False, "followed_by": False}
_STRANGERS = _APART | {"requested": False, "blocking": False, "blocked_by": False, "muting": False}


@pytest.fixture
def cyd(newcomer: Callable[[], Person]) -> Person:
    return newcomer()


def protect(person: Person, *, protected: bool = True) -> None:
    assert person.put("/users/me/settings", {"protected": protected}).status == 200


# An answer as JSON.
def follow(person: Person, whom: Person) -> Any:
    return person.post(f"/users/{whom.id}/follow").body


def stands(person: Person, to: Person) -> Any:
    """How a person stands to another, as they themselves see it."""
    return person.get(f"/users/{person.id}/follows/{to.id}").body


def in_s(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_protected_account_is_asked_and_accepts(ada: Person, bob: Person, cyd: Person) -> None:
    protect(ada)
    tweet = ada.tweet()["id"]
    for person in (bob, cyd):
        for _ in range(2):
            assert follow(person, ada) == {"following": False, "requested": True}
    assert stands(bob, ada) == _STRANGERS | {"requested": True}
    page = ada.get("/users/me/follow-requests").body
    assert [differences(user, USER) for user in page["users"]] == ["", ""]
    assert differences(page["pagination"], PAGINATION) == ""
    assert listed(ada, "/users/me/follow-requests") == [cyd.id, bob.id]
    assert is_refused(bob.get(f"/tweets/{tweet}"), 404, "NOT_FOUND") == ""

    for _ in range(2):
        accepted = ada.post(f"/follow-requests/{bob.id}/accept")
        assert (accepted.status, accepted.body) == (200, {})

    assert stands(bob, ada) == _STRANGERS | {"following": True}
    assert follow(bob, ada) == {"following": True, "requested": False}
    assert listed(ada, "/users/me/follow-requests") == [cyd.id]
    assert listed(bob, f"/users/{ada.id}/followers") == [bob.id]
    assert bob.home() == [tweet]
    assert cyd.home() == []


def test_a_request_is_denied_and_may_be_made_again(ada: Person, bob: Person) -> None:
    protect(ada)
    follow(bob, ada)
    denied = ada.post(f"/follow-requests/{bob.id}/deny")
    assert (denied.status, denied.body) == (200, {})
    for answer in ("deny", "accept"):
        assert is_refused(ada.post(f"/follow-requests/{bob.id}/{answer}"), 404, "NOT_FOUND") == ""
    assert stands(bob, ada) == _STRANGERS
    assert follow(bob, ada) == {"following": False, "requested": True}
    assert bob.delete(f"/users/{ada.id}/follow").body == {"following": False, "requested": False}
    assert listed(ada, "/users/me/follow-requests") == []


def test_nobody_answers_a_request_that_is_anothers_or_none(ada: Person, bob: Person, cyd: Person) -> None:
    protect(ada)
    follow(bob, ada)
    for answer in ("accept", "deny"):
        for person, asks in ((cyd, bob), (bob, bob), (bob, ada), (ada, cyd)):
            assert is_refused(person.post(f"/follow-requests/{asks.id}/{answer}"), 404, "NOT_FOUND") == ""
    assert stands(bob, ada)["requested"] is True


def test_a_request_stays_while_an_account_is_public_again_and_the_next_follow_follows(ada: Person, bob: Person) -> None:
    protect(ada)
    follow(bob, ada)
    protect(ada, protected=False)
    assert listed(ada, "/users/me/follow-requests") == [bob.id]
    assert follow(bob, ada) == {"following": True, "requested": False}
    assert listed(ada, "/users/me/follow-requests") == []


def test_a_protected_accounts_people_and_tweets_are_its_followers_alone(ada: Person, bob: Person, cyd: Person) -> None:
    cyd.follow(ada)
    ada.follow(bob)
    protect(ada)
    for name in ("followers", "following", "mutuals", "tweets"):
        assert is_refused(bob.get(f"/users/{ada.id}/{name}"), 404, "NOT_FOUND") == "", name
        assert cyd.get(f"/users/{ada.id}/{name}").status == ada.get(f"/users/{ada.id}/{name}").status == 200, name
    assert bob.get(f"/users/{ada.id}").body["protected"] is True
    protected = cyd.post(f"/tweets/{ada.tweet()['id']}/retweet")
    assert is_refused(protected, 403, "FORBIDDEN") == ""


def test_a_block_parts_two_people_until_it_is_lifted(ada: Person, bob: Person) -> None:
    ada.follow(bob)
    bob.follow(ada)
    tweet, other = ada.tweet()["id"], bob.tweet()["id"]
    for _ in range(2):
        assert ada.post(f"/users/{bob.id}/block").body == {"blocking": True}

    assert stands(ada, bob) == _STRANGERS | {"blocking": True}
    assert stands(bob, ada) == _STRANGERS | {"blocked_by": True}
    assert (ada.home(), bob.home()) == ([tweet], [other])
    page = ada.get("/users/me/blocks").body
    assert [differences(user, USER) for user in page["users"]] == [""]
    assert listed(ada, "/users/me/blocks") == [bob.id]
    assert listed(bob, "/users/me/blocks") == []
    for person, whom, theirs in ((ada, bob, other), (bob, ada, tweet)):
        assert is_refused(person.post(f"/users/{whom.id}/follow"), 403, "FORBIDDEN") == ""
        for path in (f"/tweets/{theirs}", f"/timeline/user/{whom.id}", f"/users/{whom.id}/followers"):
            assert is_refused(person.get(path), 404, "NOT_FOUND") == "", path
        for deed in ("like", "retweet", "bookmark"):
            assert is_refused(person.post(f"/tweets/{theirs}/{deed}"), 404, "NOT_FOUND") == "", deed
        assert is_refused(person.post(f"/tweets/{theirs}/reply", {"content": "x"}), 404, "NOT_FOUND") == ""
        profile = person.get(f"/users/{whom.id}").body
        assert differences(profile, USER) == ""
        assert (profile["username"], profile["bio"]) == (whom.username, "")

    for _ in range(2):
        assert ada.delete(f"/users/{bob.id}/block").body == {"blocking": False}
    assert stands(ada, bob) == _STRANGERS
    assert follow(bob, ada)["following"] is True
    assert bob.home() == [other, tweet]


def test_a_block_ends_a_request(ada: Person, bob: Person) -> None:
    protect(ada)
    follow(bob, ada)
    ada.post(f"/users/{bob.id}/block")
    assert listed(ada, "/users/me/follow-requests") == []
    ada.delete(f"/users/{bob.id}/block")
    assert stands(bob, ada) == _STRANGERS


def test_a_mute_hides_from_lists_and_is_not_told(ada: Person, bob: Person) -> None:
    ada.follow(bob)
    tweet = bob.tweet(f"hello @{ada.username}")["id"]
    for _ in range(2):
        assert ada.post(f"/users/{bob.id}/mute").body == {"muting": True}
    assert stands(ada, bob) == _STRANGERS | {"following": True, "muting": True}
    assert stands(bob, ada) == _STRANGERS | {"followed_by": True}
    assert [differences(user, USER) for user in ada.get("/users/me/mutes").body["users"]] == [""]
    assert listed(ada, "/users/me/mutes") == [bob.id]
    assert ada.home() == listed(ada, "/timeline/mentions", "tweets") == []
    assert listed(ada, f"/timeline/user/{bob.id}", "tweets") == [tweet]
    assert ada.get(f"/tweets/{tweet}").status == 200
    for _ in range(2):
        assert ada.delete(f"/users/{bob.id}/mute").body == {"muting": False}
    assert ada.home() == listed(ada, "/timeline/mentions", "tweets") == [tweet]


def test_a_mute_ends_at_its_time_which_a_repeat_may_move(ada: Person, bob: Person) -> None:
    ada.follow(bob)
    tweet = bob.tweet()["id"]
    ada.post(f"/users/{bob.id}/mute", {"expires_at": in_s(3_600)})
    assert ada.home() == []
    assert ada.post(f"/users/{bob.id}/mute", {"expires_at": in_s(2)}).body == {"muting": True}
    eventually(lambda: ada.home() == [tweet])
    assert stands(ada, bob)["muting"] is False
    assert listed(ada, "/users/me/mutes") == []


@pytest.mark.parametrize("when", ["2020-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_mute_that_has_ended_already_is_refused_by_name(ada: Person, bob: Person, when: str) -> None:
    answer = ada.post(f"/users/{bob.id}/mute", {"expires_at": when})
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == {"expires_at"}
    assert stands(ada, bob)["muting"] is False


@pytest.mark.parametrize("deed", ["follow", "block", "mute"])
def test_nobody_does_it_to_oneself_or_to_nobody(ada: Person, deed: str) -> None:
    for verb in (ada.post, ada.delete):
        assert is_refused(verb(f"/users/{ada.id}/{deed}"), 400, "INVALID_INPUT") == ""
        assert is_refused(verb(f"/users/{_NOBODY}/{deed}"), 404, "NOT_FOUND") == ""


def test_a_follower_is_removed_and_not_told(ada: Person, bob: Person) -> None:
    bob.follow(ada)
    ada.tweet()
    for _ in range(2):
        removed = ada.delete(f"/users/me/followers/{bob.id}")
        assert (removed.status, removed.body) == (200, {})
    assert stands(bob, ada) == _STRANGERS
    assert bob.home() == []
    assert ada.get("/users/me").body["follower_count"] == bob.get("/users/me").body["following_count"] == 0
    assert is_refused(ada.delete(f"/users/me/followers/{ada.id}"), 400, "INVALID_INPUT") == ""
    assert is_refused(ada.delete(f"/users/me/followers/{_NOBODY}"), 404, "NOT_FOUND") == ""
    assert follow(bob, ada)["following"] is True


def test_mutuals_are_whom_one_follows_among_the_followers(newcomer: Callable[[], Person], ada: Person) -> None:
    bob, *people = (newcomer() for _ in range(6))
    for number, person in enumerate(people):
        if number != 0:
            ada.follow(person)
        if number != 1:
            person.follow(bob)
    assert listed(ada, f"/users/{bob.id}/mutuals") == [person.id for person in reversed(people[2:])]
    page = ada.get(f"/users/{bob.id}/mutuals").body
    assert [differences(user, USER) for user in page["users"]] == [""] * 3
    assert page["pagination"] == {"limit": 20, "next_cursor": "", "has_more": False}
    people[4].post(f"/users/{ada.id}/block")
    assert listed(ada, f"/users/{bob.id}/mutuals") == [people[3].id, people[2].id]


def test_how_others_stand_is_told_where_one_of_them_is_open(ada: Person, bob: Person, cyd: Person) -> None:
    bob.follow(cyd)
    path, back = f"/users/{bob.id}/follows/{cyd.id}", f"/users/{cyd.id}/follows/{bob.id}"
    assert ada.get(path).body == {"following": True, "followed_by": False}
    assert ada.get(back).body == {"following": False, "followed_by": True}
    protect(bob)
    assert ada.get(path).status == 200
    protect(cyd)
    for each in (path, back):
        assert is_refused(ada.get(each), 404, "NOT_FOUND") == ""
    assert stands(bob, cyd) == _STRANGERS | {"following": True}
    for path in (f"/users/{ada.id}/follows/{_NOBODY}", f"/users/{_NOBODY}/follows/{ada.id}"):
        assert is_refused(ada.get(path), 404, "NOT_FOUND") == ""


def test_the_people_of_a_page_are_those_whom_one_may_meet(ada: Person, bob: Person, cyd: Person) -> None:
    path = f"/users/{cyd.id}/followers"
    ada.follow(cyd)
    bob.follow(cyd)
    assert listed(ada, path) == [bob.id, ada.id]
    bob.post(f"/users/{ada.id}/block")
    assert (listed(ada, path), listed(bob, path)) == ([ada.id], [bob.id])
    assert listed(cyd, path) == [bob.id, ada.id]
    bob.post("/users/me/deactivate")
    assert listed(cyd, path) == [ada.id]


@pytest.mark.parametrize("name", ["followers", "following", "tweets", "lists", "memberships", "mutuals", "follow"])
def test_me_is_no_id_where_a_path_wants_one(ada: Person, name: str) -> None:
    verb = "POST" if name == "follow" else "GET"
    answer = ada.client.send(verb, f"/users/me/{name}", {} if verb == "POST" else None)
    assert is_refused(answer, 400, "INVALID_INPUT") == ""


@pytest.mark.parametrize("name", ["blocks", "mutes", "follow-requests", "settings"])
def test_a_word_of_ones_own_is_no_path_of_somebody_else(ada: Person, bob: Person, name: str) -> None:
    assert ada.get(f"/users/me/{name}").status == 200
    assert ada.get(f"//api/users/me/{name}").status == 200
    assert is_refused(ada.get(f"/users/{bob.id}/{name}"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.get(f"/users/me/{name}/"), 404, "NOT_FOUND") == ""
