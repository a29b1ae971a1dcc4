"""What every adapter of PersonalStore promises, whatever its files hold."""

from __future__ import annotations

import itertools
import json

from tests.contract.upkeep import LookedAfter

from aviary.upkeep.store import Piece


async def taken(looked_after: LookedAfter, user_id: int) -> list[Piece]:
    return [piece async for piece in looked_after.personal.of(user_id)]


async def test_the_files_come_one_after_the_other_in_their_order(looked_after: LookedAfter) -> None:
    names = [piece.file for piece in await taken(looked_after, looked_after.person)]
    assert [name for name, _ in itertools.groupby(names)] == list(looked_after.files)


async def test_whoever_has_something_in_every_file_finds_it_there_as_json_objects(looked_after: LookedAfter) -> None:
    pieces = await taken(looked_after, looked_after.person)
    assert {piece.file for piece in pieces if piece.rows} == set(looked_after.files)
    assert all(isinstance(json.loads(row), dict) for piece in pieces for row in piece.rows)


async def test_who_is_unknown_gets_every_file_empty(looked_after: LookedAfter) -> None:
    assert await taken(looked_after, 999_999) == [Piece(name, []) for name in looked_after.files]
