"""Worlds for benchmarks: who is in them, and that the platform takes the tokens that were made for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks import worlds
from benchmarks.inhabitants import Inhabitants
from tests.rpc.serving import Person, serving

from aviary.seed.multitude import Multitude, Size
from aviary.settings import Settings

SIZE = Size(people=40, follows=300, tweets=80)


@pytest.fixture
async def loaded(settings: Settings) -> worlds.Loaded:
    return await worlds.filled(SIZE, settings, phantoms=7)


async def test_phantoms_follow_the_first_person_and_are_nobody(loaded: worlds.Loaded, settings: Settings) -> None:
    counts = worlds.counts(settings.data_dir)
    following = Multitude(SIZE).following

    assert len(counts) == SIZE.people
    assert sum(each.following for each in counts.values()) == SIZE.follows
    assert counts[loaded.celebrity].followers == sum(0 in idols for idols in following) + 7


async def test_parts_of_a_load_are_told_with_their_counts(loaded: worlds.Loaded) -> None:
    told = {part.name: part.count for part in loaded.parts}

    assert (told["people"], told["follows"]) == (SIZE.people, SIZE.follows)
    assert SIZE.tweets < told["tweets and likes"] <= 3 * SIZE.tweets


async def test_the_platform_takes_the_tokens_of_a_loaded_world(loaded: worlds.Loaded, settings: Settings) -> None:
    [usual, *_] = Inhabitants.of(settings.data_dir).usual(3).people
    async with serving(settings) as served:
        reader = Person(id=int(usual.id), name="", token=usual.token, clients=served.clients)

        assert (await reader.home_page()).tweets


async def test_the_audience_is_everybody_real_who_follows_one_of_the_authors(
    loaded: worlds.Loaded, settings: Settings
) -> None:
    people = Inhabitants.of(settings.data_dir)
    audience = people.audience(people.only(loaded.celebrity))

    assert len(audience) == sum(0 in idols for idols in Multitude(SIZE).following)


async def test_readers_are_of_the_kind_that_was_asked_for(loaded: worlds.Loaded, settings: Settings) -> None:
    people = Inhabitants.of(settings.data_dir)
    mean, most = SIZE.follows / SIZE.people, max(each.following for each in people.counts.values())

    assert 0.8 * mean <= people.followed(people.usual(5))[0] <= people.followed(people.usual(5))[1] <= 1.2 * mean
    assert people.followed(people.keenest(5)) == (most, most)
    assert len(people.busiest(4).people) == 4


async def test_a_world_is_loaded_in_a_process_of_its_own(tmp_path: Path, settings: Settings) -> None:
    loaded = worlds.load(replace(SIZE, tweets=5), tmp_path / "data")

    assert loaded.peak_mb > 0
    assert len(worlds.counts(tmp_path / "data")) == SIZE.people


async def test_readers_follow_exactly_as_many_as_was_asked_for(settings: Settings) -> None:
    asked = [0, 3, 39]
    loaded = await worlds.filled(SIZE, settings, phantoms=0, follow=asked)
    counts = worlds.counts(settings.data_dir)

    assert [counts[reader].following for reader in loaded.readers] == asked
