"""Profiles and who follows whom, through the gateway."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.system.client import Client, Person, fresh_name, walk
from tests.system.refusals import is_refused
from tests.system.shapes import ONESELF, PAGINATION, USER, differences

_NOBODY = "4242"


def test_an_account_shows_its_email_to_oneself_alone(ada: Person, bob: Person) -> None:
    assert differences(ada.get("/users/me").body, ONESELF) == ""
    assert differences(ada.get(f"/users/{ada.id}").body, ONESELF) == ""
    assert differences(bob.get(f"/users/{ada.id}").body, USER) == ""
    assert differences(bob.get(f"/users/by/username/{ada.username}").body, USER) == ""


def test_the_birth_date_is_shown_to_oneself_alone(ada: Person, bob: Person) -> None:
    ada.put(f"/users/{ada.id}", {"birth_date": "1990-02-28"})
    assert ada.get("/users/me").body["birth_date"] == "1990-02-28"
    assert "birth_date" not in bob.get(f"/users/{ada.id}").body


def test_a_username_is_found_in_any_case(ada: Person) -> None:
    assert ada.get(f"/users/by/username/{ada.username.upper()}").body["id"] == ada.id


@pytest.mark.parametrize("path", [f"/users/{_NOBODY}", "/users/by/username/nobody_at_all", "/users/-1", "/users/0"])
def test_nobody_is_not_found(ada: Person, path: str) -> None:
    assert is_refused(ada.get(path), 404, "NOT_FOUND") == ""


@pytest.mark.parametrize("path", ["/users/abc", "/users/99999999999999999999", "/users/1.5"])
def test_what_is_no_id_is_malformed(ada: Person, path: str) -> None:
    assert is_refused(ada.get(path), 400, "INVALID_INPUT") == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", "Ada Lovelace"),
        ("bio", "x" * 160),
        ("bio", ""),
        ("location", "London"),
        ("website", "https://example.com/ada"),
        ("language", "pt-BR"),
        ("timezone", "Europe/Paris"),
        ("birth_date", "1915-12-10"),
    ],
)
def test_putting_a_profile_changes_the_field_that_was_sent_and_no_other(ada: Person, field: str, value: str) -> None:
    before = ada.get("/users/me").body
    answer = ada.put(f"/users/{ada.id}", {field: value})
    assert answer.status == 200
    assert answer.body == ada.get("/users/me").body == before | {field: value}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", ""),
        ("display_name", "x" * 51),
        ("bio", "x" * 161),
        ("location", "x" * 31),
        ("website", "javascript:alert(1)"),
        ("website", "https://example.com/" + "x" * 100),
        ("language", "not a language"),
        ("timezone", "Mars/Olympus"),
        ("birth_date", "1990-02-30"),
        ("birth_date", "2999-01-01"),
        ("avatar_media_id", "5"),
        ("banner_media_id", "5"),
    ],
)
def test_a_bad_profile_field_is_named_and_nothing_changes(ada: Person, field: str, value: str) -> None:
    before = ada.get("/users/me").body
    answer = ada.put(f"/users/{ada.id}", {"bio": "new", field: value})
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == {field}
    assert ada.get("/users/me").body == before


def test_somebody_elses_profile_cannot_be_changed(ada: Person, bob: Person) -> None:
    assert is_refused(bob.put(f"/users/{ada.id}", {"bio": "mine"}), 403, "FORBIDDEN") == ""
    assert ada.get("/users/me").body["bio"] == ""


def test_a_follow_is_counted_on_both_sides_however_often_it_is_made(ada: Person, bob: Person) -> None:
    for _ in range(2):
        answer = ada.post(f"/users/{bob.id}/follow")
        assert (answer.status, answer.body) == (200, {"following": True, "requested": False})
    assert ada.get("/users/me").body["following_count"] == 1
    assert bob.get("/users/me").body["follower_count"] == 1
    for _ in range(2):
        answer = ada.delete(f"/users/{bob.id}/follow")
        assert (answer.status, answer.body) == (200, {"following": False, "requested": False})
    assert ada.get("/users/me").body["following_count"] == 0
    assert bob.get("/users/me").body["follower_count"] == 0


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
def test_nobody_and_oneself_cannot_be_followed(ada: Person, verb: str) -> None:
    assert is_refused(ada.client.send(verb, f"/users/{ada.id}/follow"), 400, "INVALID_INPUT") == ""
    assert is_refused(ada.client.send(verb, f"/users/{_NOBODY}/follow"), 404, "NOT_FOUND") == ""


def test_the_relationship_tells_more_about_oneself_than_about_others(ada: Person, bob: Person) -> None:
    ada.follow(bob)
    own = {"requested": False, "blocking": False, "blocked_by": False, "muting": False}
    assert ada.get(f"/users/{ada.id}/follows/{bob.id}").body == {"following": True, "followed_by": False, **own}
    assert bob.get(f"/users/{bob.id}/follows/{ada.id}").body == {"following": False, "followed_by": True, **own}
    assert bob.get(f"/users/{ada.id}/follows/{bob.id}").body == {"following": True, "followed_by": False}
    assert is_refused(ada.get(f"/users/{ada.id}/follows/{_NOBODY}"), 404, "NOT_FOUND") == ""


def test_followers_and_following_are_listed_newest_first(newcomer: Callable[[], Person], ada: Person) -> None:
    people = [newcomer() for _ in range(5)]
    for person in people:
        person.follow(ada)
        ada.follow(person)
    newest_first = [person.id for person in reversed(people)]
    for name in ("followers", "following"):
        page = ada.get(f"/users/{ada.id}/{name}").body
        assert differences(page["pagination"], PAGINATION) == ""
        assert [differences(user, USER) for user in page["users"]] == [""] * 5
        assert page["pagination"] == {"limit": 20, "next_cursor": "", "has_more": False}
        assert walk(ada.client, f"/users/{ada.id}/{name}?limit=2", "users") == newest_first
    assert is_refused(ada.get(f"/users/{_NOBODY}/followers"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.get(f"/users/{_NOBODY}/following"), 404, "NOT_FOUND") == ""


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/me"),
        ("GET", f"/users/{_NOBODY}"),
        ("PUT", f"/users/{_NOBODY}"),
        ("POST", "/tweets"),
        ("GET", "/tweets/1"),
        ("GET", "/tweets?ids=1"),
        ("DELETE", "/tweets/1"),
        ("POST", "/tweets/1/like"),
        ("GET", "/timeline/home"),
        ("GET", f"/timeline/user/{_NOBODY}"),
        ("POST", f"/users/{_NOBODY}/follow"),
        ("GET", f"/users/{_NOBODY}/followers"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/logout-all"),
    ],
)
def test_every_call_but_the_public_ones_wants_a_token(anybody: Client, method: str, path: str) -> None:
    answer = anybody.send(method, path, {} if method in {"POST", "PUT"} else None)
    assert is_refused(answer, 401, "UNAUTHENTICATED") == ""


def test_tweets_and_received_likes_are_counted_on_the_profile(ada: Person, bob: Person) -> None:
    tweet, other = ada.tweet(), ada.tweet()
    bob.post(f"/tweets/{tweet['id']}/like")
    profile = bob.get(f"/users/{ada.id}").body
    assert (profile["tweet_count"], profile["like_count"]) == (2, 1)
    ada.delete(f"/tweets/{tweet['id']}")
    ada.delete(f"/tweets/{other['id']}")
    profile = bob.get(f"/users/{ada.id}").body
    assert (profile["tweet_count"], profile["like_count"]) == (0, 0)


def test_a_name_that_could_be_a_path_is_no_way_around(ada: Person) -> None:
    assert ada.get(f"/users/by/username/{fresh_name()}%2F..%2Fme").status in {400, 404}
