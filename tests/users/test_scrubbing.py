"""What was erased is not in the files either: SQLite keeps old pages until somebody sees to it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.rpc.serving import PASSWORD, Serving, serving
from tests.rpc.waiting import until
from tests.users.world import database

from aviary.api.users.v1 import accounts_pb2, users_pb2
from aviary.settings import Settings
from aviary.storage.sqlite.checkpoint import truncate_log
from aviary.storage.sqlite.users.accounts import SqliteAccountStore
from aviary.storage.sqlite.users.users import SqliteUserStore
from aviary.users.store import Lifetime, ProfileChanges, Registration

AT = Lifetime(now_s=1_800_000_000, ttl_s=604_800)


def held(folder: Path, *words: str) -> set[str]:
    """Which of the words are in any file under `folder`, in any case."""
    found: set[str] = set()
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes().lower()
            found |= {word for word in words if word.lower().encode() in content}
    return found


def registration(name: str) -> Registration:
    return Registration(
        username=name,
        username_key=name,
        email=f"{name}@example.com",
        email_key=f"{name}@example.com",
        display_name=f"display-{name}",
        password_hash=b"h" * 60,
    )


async def test_of_many_accounts_the_deleted_half_leaves_no_byte_behind(tmp_path: Path) -> None:
    file = database(tmp_path)
    users, accounts = SqliteUserStore(file), SqliteAccountStore(file)
    names = [f"person{number:04}x" for number in range(300)]
    opened = await asyncio.gather(*(users.register(registration(name), AT, claim=None) for name in names))
    ids = {name: each.session.user_id for name, each in zip(names, opened, strict=True)}
    for bio in ("old-bio-{} " * 8, "bio-{} " * 9):
        # Rows that grow move to other pages.
        changes = {name: ProfileChanges(bio=bio.replace("{}", name)) for name in names}
        await asyncio.gather(*(users.update(ids[name], each) for name, each in changes.items()))
    gone = random.Random(7).sample(names, 150)
    assert held(tmp_path, *names) == set(names)

    for name in gone:
        whose = await accounts.proven(ids[name])
        assert whose is not None
        await accounts.delete(whose, now_s=AT.now_s)
    await truncate_log(file)

    assert held(tmp_path, *gone) == set()
    assert held(tmp_path, *names) == set(names) - set(gone)
    assert held(tmp_path, *(f"old-bio-{name}" for name in names)) == set()
    file.close()


async def told(served: Serving, name: str, bio: str) -> accounts_pb2.DeleteAccountRequest:
    (person,) = await served.register(name)
    changes = users_pb2.UpdateUserRequest(id=person.id, bio=bio)
    await served.clients.users.UpdateUser(changes, metadata=person.signed)
    await person.tweet(f"written by {name}")
    request = accounts_pb2.DeleteAccountRequest(password=PASSWORD)
    await served.clients.accounts.DeleteAccount(request, metadata=person.signed)
    return request


async def test_the_logs_of_every_store_are_emptied_after_a_deletion(settings: Settings) -> None:
    async with serving(settings) as served:
        await told(served, "vanishing", "a bio to forget")

        await until(lambda: not held(settings.data_dir, "vanishing", "a bio to forget"), what="the files forgot")


async def test_what_a_crash_left_in_the_logs_is_emptied_at_the_next_start(settings: Settings) -> None:
    async with serving(settings, workers=False) as served:
        await told(served, "vanishing", "a bio to forget")
        assert held(settings.data_dir, "vanishing")
        # As a power cut leaves it: what follows starts on these very files.
        crashed = Settings(data_dir=settings.data_dir.with_name("crashed"), bcrypt_cost=4, limits="off")
        copy(settings.data_dir, crashed.data_dir)

    async with serving(crashed):
        await until(lambda: not held(crashed.data_dir, "vanishing", "a bio to forget"), what="the files forgot")


def copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file() and not file.name.endswith("-shm"):
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
            place.chmod(0o600)
