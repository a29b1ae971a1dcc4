"""Every call of the API once more: under its key, under a key that was used, and without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.system.calls import CALLS, Example, example, over
from tests.system.client import Person, fresh_name, register
from tests.system.refusals import faults, is_refused

from aviary.gateway.bindings import Binding

KEYED = [call for call in CALLS if call.method.has_key]
# What ends the session that it was sent in; it is safe to repeat while the token is still accepted.
_ENDING = {"Logout", "LogoutAll", "Deactivate", "DeleteAccount"}


@over(*KEYED)
def test_a_repeat_under_one_key_gives_the_first_answer(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    first, again = (made.send(headers={"idempotency-key": "k"}) for _ in range(2))
    assert first.status == 200, first.text
    if call.method.name in _ENDING:
        assert is_refused(again, 401, "UNAUTHENTICATED") == ""
        return
    assert (again.status, _lasting(again.body)) == (200, _lasting(first.body))
    if not call.variables:
        assert _lasting(made.but(request_id="k").send().body) == _lasting(first.body)


def _lasting(body: Any) -> Any:
    """Without what tells how much time is left."""
    return {name: value for name, value in body.items() if name != "expires_in"}


@over(*KEYED)
def test_a_key_that_is_none_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    keys = ["a b", "x" * 129, "\x7f", "é"]
    answers = {key[:5]: made.send(headers={"idempotency-key": key}) for key in keys}
    answers |= {f"request_id {key[:5]}": made.but(request_id=key).send() for key in [*keys, " ", "\n"]}
    differing = Example(call, made.caller, made.variables, {**made.body, "request_id": "other"})
    answers["differing"] = differing.send(headers={"idempotency-key": "k"})
    assert faults(answers, 400, reason="INVALID_INPUT") == []


# Who doesn't prove who they are is told so first.
_PROVING = {"Login", "RefreshToken"}


@over(*(call for call in KEYED if call.method.name not in _ENDING | _PROVING))
def test_a_key_that_was_used_for_something_else_is_a_conflict(call: Binding, ada: Person, bob: Person) -> None:
    key = {"idempotency-key": fresh_name("key")}
    made = example(call, ada, bob)
    assert made.send(headers=key).status == 200
    # Another tweet, another person, or the same with other words.
    other = example(call, ada, register(made.caller.as_token(""))) if call.variables else made.but(**_OTHERWISE)
    assert is_refused(other.send(headers=key), 409, "CONFLICT") == ""


_OTHERWISE = {
    "email": "other@example.com",
    "content": "other",
    "name": "other",
    "tweet": {"content": "other"},
    "tweets": [{"content": "one"}, {"content": "other"}],
}


# Each of these makes something new; who repeats them uses a key.
_MAKING = {"Login", "CreateTweet", "CreateThread", "CreateList", "CreateDraft", "ScheduleTweet"}
# What a repeat is told where it is not the first answer.
_REPEATED: Mapping[str, int] = {
    **dict.fromkeys(_ENDING, 401),
    # The token is used up, the password is another one.
    **dict.fromkeys(["RefreshToken", "ChangePassword"], 401),
    **dict.fromkeys(["DeleteTweet", "DeleteList", "DeleteDraft", "CancelScheduled", "RevokeSession"], 404),
    "DenyFollowRequest": 404,
    "Register": 409,
}


@over(*(call for call in CALLS if call.method.name not in _MAKING | {"DownloadExport"}))
def test_a_repeat_changes_nothing_more(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    first, again = made.send(), made.send()
    assert first.status == 200, first.text
    expected = _REPEATED.get(call.method.name, 200)
    if expected == 200:
        assert (again.status, _settled(again.body)) == (200, _settled(first.body))
    else:
        assert is_refused(again, expected) == ""


def _settled(body: Any) -> Any:
    """Without what tells when it was last changed, or how far it is."""
    moving = {"updated_at", "state", "progress_percent", "ready_at", "size_bytes", "download_url"}
    return {name: value for name, value in body.items() if name not in moving}
