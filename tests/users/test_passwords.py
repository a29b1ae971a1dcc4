"""Hashing in a bounded pool."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest

from aviary.errors import RateLimited
from aviary.users.passwords import Passwords, encoded


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    pool = Passwords(cost=4, workers=1, queue=2)
    yield pool
    pool.close()


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every check waits until this is set."""
    release = threading.Event()
    check = bcrypt.checkpw

    def wait(password: bytes, hashed: bytes) -> bool:
        release.wait()
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", wait)
    yield release
    release.set()


async def test_a_password_verifies_against_its_own_hash_alone(passwords: Passwords) -> None:
    hashed = await passwords.hash(b"one")

    assert hashed.startswith(b"$2b$04$")
    assert await passwords.verify(b"one", hashed)
    assert not await passwords.verify(b"two", hashed)


async def test_hashes_are_salted(passwords: Passwords) -> None:
    assert await passwords.hash(b"one") != await passwords.hash(b"one")


async def test_nobody_has_no_password_and_costs_as_much(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    check = bcrypt.checkpw

    def note(password: bytes, hashed: bytes) -> bool:
        checked.append(hashed)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", note)
    hashed = await passwords.hash(b"one")

    assert not await passwords.verify(b"one", None)
    assert not await passwords.verify(b"x" * 73, hashed)
    assert not await passwords.verify(b"one\0", hashed)
    # The cost stands in the first seven bytes: each was one check of the same cost.
    assert [each[:7] for each in checked] == [hashed[:7]] * 3


async def test_a_full_queue_refuses_at_once_and_serves_again_afterwards(
    passwords: Passwords, blocked: threading.Event
) -> None:
    hashed = await passwords.hash(b"one")
    waiting = [asyncio.ensure_future(passwords.verify(b"one", hashed)) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(RateLimited, match="3 passwords") as refused:
        async with asyncio.timeout(10):
            await passwords.verify(b"one", hashed)

    assert refused.value.retry_after_s == 1
    blocked.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert await passwords.verify(b"one", hashed)


async def test_a_caller_that_leaves_gives_its_place_back(passwords: Passwords, blocked: threading.Event) -> None:
    hashed = await passwords.hash(b"one")
    waiting = [asyncio.ensure_future(passwords.verify(b"one", hashed)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    blocked.set()

    assert all([await passwords.verify(b"one", hashed) for _ in range(5)])


def test_a_letter_is_the_same_however_it_was_typed() -> None:
    assert encoded("caf\u00e9-noir") == encoded("cafe\u0301-noir")
