"""Lists of users: made, filled, followed and read, through the gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.system.client import Person, listed
from tests.system.refusals import is_refused
from tests.system.shapes import LIST, PAGINATION, TWEET, USER, differences

_NOTHING = "4242"


@pytest.fixture
def cyd(newcomer: Callable[[], Person]) -> Person:
    return newcomer()


# A list as JSON.
def make(person: Person, name: str = "birds", **fields: object) -> dict[str, Any]:
    answer = person.post("/lists", {"name": name, **fields})
    assert answer.status == 200, answer.text
    return dict(answer.body)


def put_on(owner: Person, path: str, *people: Person) -> None:
    for person in people:
        assert owner.post(f"{path}/members/{person.id}").body == {"is_member": True}


def test_a_list_is_made_read_changed_and_deleted(ada: Person, bob: Person) -> None:
    made = make(ada, " birds ", description="that sing")
    assert differences(made, LIST) == ""
    assert (made["name"], made["description"], made["private"]) == ("birds", "that sing", False)
    assert (made["owner"]["id"], made["member_count"], made["follower_count"]) == (ada.id, 0, 0)
    path = f"/lists/{made['id']}"
    assert ada.get(path).body == bob.get(path).body == made

    changed = ada.put(path, {"name": "parrots"}).body
    assert changed == made | {"name": "parrots"}
    assert ada.put(path, {}).body == changed
    assert ada.put(path, {"description": "", "private": True}).body == changed | {"description": "", "private": True}

    deleted = ada.delete(path)
    assert (deleted.status, deleted.body) == (200, {})
    for answer in (ada.get(path), ada.delete(path), ada.put(path, {}), ada.get(f"/timeline/list/{made['id']}")):
        assert is_refused(answer, 404, "NOT_FOUND") == ""


@pytest.mark.parametrize(
    ("fields", "violated"),
    [
        ({}, {"name"}),
        ({"name": " \t"}, {"name"}),
        ({"name": "x" * 26}, {"name"}),
        ({"name": "\u200b"}, {"name"}),
        ({"name": "ok", "description": "x" * 101}, {"description"}),
        ({"name": "a\u0007", "description": "b\u202e"}, {"name", "description"}),
    ],
)
def test_a_list_that_cannot_be_called_so_is_refused_by_name(
    ada: Person, fields: dict[str, str], violated: set[str]
) -> None:
    made = make(ada, "x" * 25, description="y" * 100)
    for answer in (ada.post("/lists", fields), ada.put(f"/lists/{made['id']}", {"name": ""} | fields)):
        assert is_refused(answer, 400, "INVALID_INPUT") == ""
        assert answer.violated == violated
    assert ada.get("/lists").body["lists"] == [made]


def test_only_its_owner_changes_a_list(ada: Person, bob: Person, cyd: Person) -> None:
    path = f"/lists/{make(ada)['id']}"
    put_on(ada, path, cyd)
    refused = [
        bob.put(path, {"name": "mine"}),
        bob.delete(path),
        bob.post(f"{path}/members/{bob.id}"),
        bob.delete(f"{path}/members/{cyd.id}"),
    ]
    assert [is_refused(answer, 403, "FORBIDDEN") for answer in refused] == [""] * 4
    assert listed(ada, f"{path}/members") == [cyd.id]


def test_people_are_put_on_a_list_and_taken_off(ada: Person, bob: Person, cyd: Person) -> None:
    path = f"/lists/{make(ada)['id']}"
    put_on(ada, path, bob, cyd, cyd, ada)
    assert listed(bob, f"{path}/members") == [ada.id, cyd.id, bob.id]
    page = bob.get(f"{path}/members").body
    assert [differences(user, USER) for user in page["users"]] == [""] * 3
    assert differences(page["pagination"], PAGINATION) == ""
    assert ada.get(path).body["member_count"] == 3

    for _ in range(2):
        assert ada.delete(f"{path}/members/{cyd.id}").body == {"is_member": False}
        assert bob.delete(f"{path}/members/{bob.id}").body == {"is_member": False}
    assert listed(ada, f"{path}/members") == [ada.id]
    assert ada.get(path).body["member_count"] == 1
    assert is_refused(ada.post(f"{path}/members/{_NOTHING}"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.post(f"/lists/{_NOTHING}/members/{bob.id}"), 404, "NOT_FOUND") == ""


def test_whoever_is_blocked_leaves_the_list_and_does_not_come_on_it(ada: Person, bob: Person, cyd: Person) -> None:
    path = f"/lists/{make(ada)['id']}"
    put_on(ada, path, bob, cyd)
    ada.post(f"/users/{bob.id}/block")
    cyd.post(f"/users/{ada.id}/block")
    assert (listed(ada, f"{path}/members"), ada.get(path).body["member_count"]) == ([], 0)
    for person in (bob, cyd):
        assert is_refused(ada.post(f"{path}/members/{person.id}"), 404, "NOT_FOUND") == ""
        assert is_refused(person.get(path), 404, "NOT_FOUND") == ""


def test_a_private_list_is_its_owners_alone(ada: Person, bob: Person) -> None:
    public = make(ada, "public")["id"]
    made = make(ada, "private", private=True)["id"]
    path = f"/lists/{made}"
    put_on(ada, path, bob)
    for each in (path, f"{path}/members", f"{path}/followers", f"/timeline/list/{made}"):
        assert is_refused(bob.get(each), 404, "NOT_FOUND") == "", each
        assert ada.get(each).status == 200, each
    for answer in (bob.put(path, {}), bob.delete(path), bob.post(f"{path}/follow"), bob.delete(f"{path}/follow")):
        assert is_refused(answer, 404, "NOT_FOUND") == ""
    assert listed(bob, f"/users/{bob.id}/memberships", "lists") == []
    assert listed(bob, f"/users/{ada.id}/lists", "lists") == [public]
    assert listed(ada, f"/users/{ada.id}/lists", "lists") == listed(ada, "/lists", "lists") == [made, public]


def test_lists_are_followed_and_found_by_whom_they_hold(ada: Person, bob: Person, cyd: Person) -> None:
    lists = [make(ada, name)["id"] for name in ("a", "b", "c")]
    for each in lists:
        put_on(ada, f"/lists/{each}", cyd)
        for _ in range(2):
            assert bob.post(f"/lists/{each}/follow").body == {"following": True}
    assert listed(bob, "/lists/followed", "lists") == lists[::-1]
    assert listed(bob, f"/users/{cyd.id}/memberships", "lists") == lists[::-1]
    page = bob.get("/lists/followed").body
    assert [differences(each, LIST) for each in page["lists"]] == [""] * 3
    assert [each["is_following"] for each in page["lists"]] == [True] * 3
    assert listed(ada, f"/lists/{lists[0]}/followers") == [bob.id]
    assert [differences(user, USER) for user in ada.get(f"/lists/{lists[0]}/followers").body["users"]] == [""]
    assert (ada.get(f"/lists/{lists[0]}").body["follower_count"], listed(bob, "/lists", "lists")) == (1, [])

    for _ in range(2):
        assert bob.delete(f"/lists/{lists[0]}/follow").body == {"following": False}
    ada.put(f"/lists/{lists[1]}", {"private": True})
    assert listed(bob, "/lists/followed", "lists") == [lists[2]]
    assert bob.delete(f"/lists/{lists[1]}/follow").body == {"following": False}
    assert is_refused(bob.delete(f"/lists/{lists[1]}/follow"), 404, "NOT_FOUND") == ""


def test_the_lists_of_nobody_and_of_whoever_is_apart_are_not_found(ada: Person, bob: Person) -> None:
    made = make(bob)["id"]
    bob.post(f"/users/{ada.id}/block")
    for user_id in (_NOTHING, bob.id, "0"):
        for name in ("lists", "memberships"):
            assert is_refused(ada.get(f"/users/{user_id}/{name}"), 404, "NOT_FOUND") == "", user_id
    assert is_refused(ada.get(f"/lists/{made}"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.post(f"/lists/{made}/follow"), 404, "NOT_FOUND") == ""


def test_a_list_has_a_timeline_by_the_rule_of_homes(ada: Person, bob: Person, cyd: Person) -> None:
    made = make(ada)["id"]
    path = f"/timeline/list/{made}"
    assert ada.get(path).body == {"tweets": [], "pagination": {"limit": 20, "next_cursor": "", "has_more": False}}
    first = bob.tweet("one")["id"]
    put_on(ada, f"/lists/{made}", bob)
    outside = cyd.tweet("outside")["id"]
    bob.tweet("to an outsider", reply_to_id=outside)
    ids = [bob.tweet(str(number))["id"] for number in range(3)]
    retweet = bob.post(f"/tweets/{outside}/retweet").body["id"]
    newest_first = [retweet, *ids[::-1], first]
    assert listed(ada, path, "tweets") == listed(cyd, path, "tweets") == newest_first
    assert differences(ada.get(path).body["tweets"][1], TWEET) == ""
    assert listed(ada, f"{path}?since_id={ids[0]}", "tweets") == newest_first[:3]
    ada.post(f"/users/{bob.id}/mute")
    assert (listed(ada, path, "tweets"), listed(cyd, path, "tweets")) == ([], newest_first)


def test_a_literal_path_comes_before_an_id(ada: Person) -> None:
    assert ada.get("/lists/followed").body["lists"] == ada.get("//api/lists/followed").body["lists"] == []
    for answer in (ada.get("/lists/me"), ada.put("/lists/followed", {}), ada.get("/lists/followed/members")):
        assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert is_refused(ada.get("/lists/"), 404, "NOT_FOUND") == ""


def test_a_cursor_of_one_list_is_none_of_another(ada: Person, bob: Person) -> None:
    lists = [make(ada, name)["id"] for name in ("a", "b")]
    for each in lists:
        put_on(ada, f"/lists/{each}", ada, bob)
    cursor = ada.get(f"/lists/{lists[0]}/members?limit=1").body["pagination"]["next_cursor"]
    assert ada.get(f"/lists/{lists[0]}/members?cursor={cursor}").status == 200
    for path in (f"/lists/{lists[1]}/members", f"/lists/{lists[0]}/followers", "/lists"):
        assert is_refused(ada.get(f"{path}?cursor={cursor}"), 400, "INVALID_INPUT") == "", path
    assert is_refused(bob.get(f"/lists/{lists[0]}/members?cursor={cursor}"), 400, "INVALID_INPUT") == ""
