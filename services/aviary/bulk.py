"""Loads a made-up world of any size straight into the stores of a platform that isn't running."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from aviary.app.bulk import BulkStores, skip_events
from aviary.errors import InvalidInput, Unavailable
from aviary.handover import hand_over, must_be_whole
from aviary.lifecycle import locked, prepare_folder
from aviary.seed.bulk import Filled, fill
from aviary.seed.multitude import Multitude, Size
from aviary.seed.progress import Bars, Lines, Progress
from aviary.settings import Settings
from aviary.users import rules
from aviary.users.passwords import Passwords, encoded

# Within the seven days that the log keeps, so that the events of the whole world are in it.
SPAN_MS = 5 * 86_400_000
_DRAFT = "loading"


@asynccontextmanager
async def loading(settings: Settings, *, password: str, span_ms: int = SPAN_MS) -> AsyncIterator[BulkStores]:
    """Stores to fill while the body runs; the data folder holds all of it afterwards, or nothing when the body fails.

    Raises Unavailable when a platform runs on the folder or has run on it.
    """
    prepare_folder(settings.data_dir)
    with locked(settings.data_dir):
        must_be_whole(settings.data_dir)
        _must_hold_nothing(settings.data_dir)
        draft = settings.data_dir / _DRAFT
        shutil.rmtree(draft, ignore_errors=True)  # of a load that was killed
        draft.mkdir(mode=0o700)
        stores = BulkStores(draft, settings, password_hash=await _hash(settings, password), span_ms=span_ms)
        try:
            yield stores
            stores.finish()
            await skip_events(replace(settings, data_dir=draft))
            hand_over(draft, settings.data_dir)
        finally:
            stores.close()
            shutil.rmtree(draft, ignore_errors=True)  # handed over, it is no more


def load(settings: Settings, size: tuple[int, int, int], *, password: str, seed: int) -> str:
    """Fill the folder with so many people, follows and tweets; returns a few lines that say what was done."""
    people, follows, tweets = size
    try:
        world = Multitude(Size(people=people, follows=follows, tweets=tweets), seed=seed)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    # One that the platform would refuse could not be logged in with.
    chosen = rules.password(password, name="", address="") if password else secrets.token_urlsafe(12)
    with Bars(sys.stderr) if sys.stderr.isatty() else nullcontext(Lines(sys.stderr)) as progress:
        filled = asyncio.run(_fill(settings, world, chosen, progress))
    lines = [f"  {part.count:>12,} {part.name} in {part.elapsed_s:,.1f} s" for part in filled.parts]
    told = [] if password else [f"everybody's password is {chosen}"]
    return "\n".join([f"loaded into {settings.data_dir}", *lines, *told])


async def _fill(settings: Settings, world: Multitude, password: str, progress: Progress) -> Filled:
    async with loading(settings, password=password) as stores:
        return await fill(world, stores, progress)


def _must_hold_nothing(data_dir: Path) -> None:
    if found := sorted(file.name for file in data_dir.glob("*.db")):
        raise Unavailable(f"the data folder {data_dir} holds {', '.join(found)}; a bulk load takes an empty one")


async def _hash(settings: Settings, password: str) -> bytes:
    """One hash for everybody: a hundred thousand of their own would take hours."""
    passwords = Passwords(cost=settings.bcrypt_cost)
    try:
        return await passwords.hash(encoded(password))
    finally:
        passwords.close()
