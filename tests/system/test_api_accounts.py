"""Settings, sessions, names, passwords, exports and leaving, through the gateway."""

from __future__ import annotations

import http.client
import io
import json
import zipfile
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from tests.system.client import PASSWORD, Answer, Client, Person, fresh_name, walk
from tests.system.conditions import eventually
from tests.system.refusals import is_refused
from tests.system.shapes import ONESELF, PAGINATION, differences, flag, moment, number, text

NEW_PASSWORD = "quite-another-9"
_SESSION = {
    "id": text,
    "created_at": moment,
    "refreshed_at": moment,
    "expires_at": moment,
    "current": flag,
    "client": text,
}
_EXPORT = {
    "state": text,
    "progress_percent": number,
    "requested_at": moment,
    "size_bytes": text,
    "download_url": text,
}


def login(person: Person, password: str = PASSWORD, *, name: str = "", client: str = "") -> Answer:
    headers = {"x-client-name": client} if client else {}
    body = {"username": name or person.username, "password": password}
    return Client(person.client.url).send("POST", "/auth/login", body, headers=headers)


def again(person: Person, password: str = PASSWORD) -> Person:
    """The same person in another session."""
    answer = login(person, password)
    assert answer.status == 200, answer.text
    token = person.client.as_token(answer.body["access_token"])
    return Person(token, person.id, person.username, person.email, answer.body["refresh_token"])


def test_settings_change_field_by_field_and_an_empty_array_clears(ada: Person) -> None:
    start = {"protected": False, "hide_sensitive": False, "dm_from": "everyone", "muted_words": []}
    assert ada.get("/users/me/settings").body == start
    changed = ada.put("/users/me/settings", {"muted_words": [" Spoiler ", "SPOILER", "two words"], "protected": True})
    assert changed.body == start | {"protected": True, "muted_words": ["Spoiler", "two words"]}
    assert ada.put("/users/me/settings", {}).body == changed.body
    assert ada.put("/users/me/settings", {"muted_words": None}).body == changed.body
    assert ada.put("/users/me/settings", {"muted_words": [], "protected": False}).body == start


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"dm_from": "friends"}, {"dm_from"}),
        ({"muted_words": ["ok", 7]}, {"muted_words[1]"}),
        ({"muted_words": {"a": 1}}, {"muted_words"}),
        ({"muted_words": "spoiler"}, {"muted_words"}),
        ({"muted_words": [{"word": "x"}, ["x"]]}, {"muted_words[0]", "muted_words[1]"}),
        ({"muted_words": [" "], "dm_from": ""}, {"muted_words[0]", "dm_from"}),
        ({"muted_words": [str(each) for each in range(201)]}, {"muted_words"}),
    ],
)
def test_bad_settings_are_named_and_nothing_changes(ada: Person, sent: dict[str, object], named: set[str]) -> None:
    answer = ada.put("/users/me/settings", {"protected": True} | sent)
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == named
    assert ada.get("/users/me/settings").body["protected"] is False


@pytest.mark.parametrize("sent", [{"muted_words": "word"}, {"muted_words": 7}, {"protected": "perhaps"}])
def test_settings_of_another_type_are_malformed(ada: Person, sent: dict[str, object]) -> None:
    assert is_refused(ada.put("/users/me/settings", sent), 400, "INVALID_INPUT") == ""


def test_a_muted_word_works_at_the_next_read(ada: Person, bob: Person) -> None:
    bob.follow(ada)
    loud, quiet = ada.tweet("the Final score")["id"], ada.tweet("nothing about it")["id"]
    eventually(lambda: bob.home() == [quiet, loud])
    bob.put("/users/me/settings", {"muted_words": ["final"]})
    assert bob.home() == [quiet]
    bob.put("/users/me/settings", {"muted_words": []})
    assert bob.home() == [quiet, loud]


def test_sessions_are_listed_and_ended_one_by_one(ada: Person) -> None:
    assert login(ada, client="Aviary for phones").status == 200
    second = again(ada)
    page = second.get("/auth/sessions").body
    assert differences(page["pagination"], PAGINATION) == ""
    assert [differences(each, _SESSION) for each in page["sessions"]] == [""] * 3
    assert [(each["client"], each["current"]) for each in page["sessions"]] == [
        ("", True),
        ("Aviary for phones", False),
        ("", False),
    ]
    newest_first = [each["id"] for each in page["sessions"]]
    assert walk(second.client, "/auth/sessions?limit=1", "sessions") == newest_first

    assert second.delete(f"/auth/sessions/{newest_first[2]}").body == {}
    assert is_refused(ada.get("/users/me"), 401, "UNAUTHENTICATED") == ""
    assert is_refused(second.delete(f"/auth/sessions/{newest_first[2]}"), 404, "NOT_FOUND") == ""
    assert second.delete(f"/auth/sessions/{newest_first[0]}").status == 200
    assert is_refused(second.get("/auth/sessions"), 401, "UNAUTHENTICATED") == ""


def test_anothers_session_and_no_session_are_not_found(ada: Person, bob: Person) -> None:
    (session,) = bob.get("/auth/sessions").body["sessions"]
    assert is_refused(ada.delete(f"/auth/sessions/{session['id']}"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.delete("/auth/sessions/4242"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.delete("/auth/sessions/abc"), 400, "INVALID_INPUT") == ""
    assert is_refused(ada.get("/auth/sessions?limit=0"), 400, "INVALID_INPUT") == ""
    assert bob.get("/users/me").status == 200


def test_a_client_that_says_too_much_of_itself_is_refused(ada: Person) -> None:
    answer = login(ada, client="x" * 51)
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == {"x-client-name"}


def test_a_username_changes_and_the_old_one_is_free(ada: Person, bob: Person) -> None:
    wanted = fresh_name("New")
    changed = ada.put("/users/me/username", {"username": wanted})
    assert differences(changed.body, ONESELF) == ""
    assert changed.body["username"] == wanted
    assert ada.put("/users/me/username", {"username": wanted.lower()}).body["username"] == wanted.lower()
    assert is_refused(bob.put("/users/me/username", {"username": wanted.upper()}), 409, "CONFLICT") == ""
    assert bob.put("/users/me/username", {"username": ada.username}).status == 200
    assert bob.get(f"/users/by/username/{ada.username}").body["id"] == bob.id
    refused = ada.put("/users/me/username", {"username": "no spaces"})
    assert is_refused(refused, 400, "INVALID_INPUT") == ""
    assert refused.violated == {"username"}


def test_an_email_changes_with_the_password(ada: Person, bob: Person) -> None:
    email = f"{fresh_name('mail')}@example.com"
    wrong = ada.put("/users/me/email", {"email": email, "password": "wrong-password"})
    assert is_refused(wrong, 401, "UNAUTHENTICATED") == ""
    taken = ada.put("/users/me/email", {"email": bob.email.upper(), "password": PASSWORD})
    assert is_refused(taken, 409, "CONFLICT") == ""
    bad = ada.put("/users/me/email", {"email": "nobody", "password": ""})
    assert is_refused(bad, 400, "INVALID_INPUT") == ""
    assert bad.violated == {"email", "password"}
    assert ada.put("/users/me/email", {"email": email, "password": PASSWORD}).body["email"] == email
    assert login(ada, name=email).status == 200
    assert is_refused(login(ada, name=ada.email), 401, "UNAUTHENTICATED") == ""


def test_a_password_changes_and_ends_every_other_session(ada: Person) -> None:
    other = again(ada)
    weak = ada.put("/users/me/password", {"current_password": PASSWORD, "new_password": "password1"})
    assert is_refused(weak, 400, "INVALID_INPUT") == ""
    assert weak.violated == {"new_password"}
    wrong = ada.put("/users/me/password", {"current_password": "wrong-password", "new_password": NEW_PASSWORD})
    assert is_refused(wrong, 401, "UNAUTHENTICATED") == ""
    assert other.get("/users/me").status == 200

    changed = ada.put("/users/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})

    assert (changed.status, changed.body) == (200, {})
    assert ada.get("/users/me").status == 200
    assert is_refused(other.get("/users/me"), 401, "UNAUTHENTICATED") == ""
    refresh = ada.client.post("/auth/refresh-token", {"refresh_token": other.refresh_token})
    assert is_refused(refresh, 401, "UNAUTHENTICATED") == ""
    assert is_refused(login(ada), 401, "UNAUTHENTICATED") == ""
    assert login(ada, NEW_PASSWORD).status == 200


def test_wrong_passwords_run_out_whatever_they_are_for(ada: Person) -> None:
    for number_ in range(5):
        wrong = ada.post("/users/me/delete", {"password": f"wrong-password-{number_}"})
        assert is_refused(wrong, 401, "UNAUTHENTICATED") == ""
    refused = ada.put("/users/me/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert is_refused(refused, 429, "RATE_LIMITED") == ""
    assert int(refused.headers["retry-after"]) > 0
    assert is_refused(login(ada), 429, "RATE_LIMITED") == ""
    assert ada.get("/users/me").status == 200


def test_a_deactivated_account_is_nowhere_until_its_login(ada: Person, bob: Person) -> None:
    bob.follow(ada)
    tweet = ada.tweet("hello")["id"]
    eventually(lambda: bob.home() == [tweet])

    assert ada.post("/users/me/deactivate").body == {}

    assert is_refused(ada.get("/users/me"), 401, "UNAUTHENTICATED") == ""
    for path in (f"/users/{ada.id}", f"/users/by/username/{ada.username}", f"/tweets/{tweet}"):
        assert is_refused(bob.get(path), 404, "NOT_FOUND") == ""
    assert bob.home() == []
    back = again(ada)
    assert bob.get(f"/users/{ada.id}").body["username"] == ada.username
    assert bob.home() == [tweet]
    assert back.get("/users/me").status == 200


def download(client: Client, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc, timeout=30)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {client.token}"})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def test_an_export_is_made_fetched_and_complete(ada: Person, bob: Person) -> None:
    bob.follow(ada)
    ada.follow(bob)
    own = [ada.tweet(f"tweet {each} é")["content"] for each in range(3)]
    early = ada.get("/users/me/export/download")
    assert is_refused(early, 400, "FAILED_PRECONDITION") == ""
    first = ada.get("/users/me/export")
    assert set(first.body) - {"ready_at"} == set(_EXPORT)
    eventually(lambda: ada.get("/users/me/export").body["state"] == "ready")
    export = ada.get("/users/me/export").body
    assert differences(export, _EXPORT | {"ready_at": moment}) == ""
    assert (export["progress_percent"], export["requested_at"]) == (100, first.body["requested_at"])

    status, headers, content = download(ada.client, export["download_url"])

    assert (status, headers["content-type"]) == (200, "application/zip")
    assert headers["content-disposition"] == 'attachment; filename="aviary-export.zip"'
    assert len(content) == int(export["size_bytes"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        files = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    assert files["profile.json"]["email"] == ada.email
    assert {tweet["content"] for tweet in files["tweets.json"]} == set(own)
    assert [row["user_id"] for row in files["followers.json"]] == [bob.id]
    assert {"settings.json", "sessions.json", "likes.json", "bookmarks.json", "drafts.json"} <= set(files)
    assert [row["user_id"] for row in files["following.json"]] == [bob.id]
    assert is_refused(bob.get("/users/me/export/download"), 400, "FAILED_PRECONDITION") == ""


def test_a_deleted_account_is_gone_and_its_names_are_free(
    ada: Person, bob: Person, anybody: Client, newcomer: Callable[[], Person]
) -> None:
    cy = newcomer()
    cy.follow(ada)
    ada.follow(cy)
    tweet = ada.tweet("hello")["id"]
    session = again(ada)
    missing = ada.post("/users/me/delete", {})
    assert is_refused(missing, 400, "INVALID_INPUT") == ""
    assert missing.violated == {"password"}

    assert ada.post("/users/me/delete", {"password": PASSWORD}).body == {}

    for person in (ada, session):
        assert is_refused(person.get("/users/me"), 401, "UNAUTHENTICATED") == ""
    refresh = anybody.post("/auth/refresh-token", {"refresh_token": session.refresh_token})
    assert is_refused(refresh, 401, "UNAUTHENTICATED") == ""
    assert is_refused(login(ada), 401, "UNAUTHENTICATED") == ""
    for path in (f"/users/{ada.id}", f"/users/by/username/{ada.username}", f"/tweets/{tweet}"):
        assert is_refused(bob.get(path), 404, "NOT_FOUND") == ""
    taken = {"username": ada.username, "email": ada.email, "password": PASSWORD}
    assert anybody.post("/auth/register", taken).status == 200
    eventually(lambda: cy.get("/users/me").body["follower_count"] == 0)
    eventually(lambda: cy.get("/users/me").body["following_count"] == 0)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/me/settings"),
        ("PUT", "/users/me/settings"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/1"),
        ("PUT", "/users/me/username"),
        ("PUT", "/users/me/email"),
        ("PUT", "/users/me/password"),
        ("POST", "/users/me/deactivate"),
        ("POST", "/users/me/delete"),
        ("GET", "/users/me/export"),
        ("GET", "/users/me/export/download"),
    ],
)
def test_every_call_wants_a_token(anybody: Client, method: str, path: str) -> None:
    answer = anybody.send(method, path, {} if method in {"POST", "PUT"} else None)
    assert is_refused(answer, 401, "UNAUTHENTICATED") == ""
