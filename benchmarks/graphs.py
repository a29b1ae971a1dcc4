"""Who follows whom in the worlds of scenarios, and what they say there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from aviary.seed.invention import invent_follows, invent_texts
from aviary.seed.texts import read_texts
from aviary.seed.world import Edge, World, read_edges
from benchmarks.crowd import DATA
from benchmarks.scenario import Place

_REED98 = DATA / "socfb-Reed98.edges"
_TEXTS = DATA / "tweets.tsv"
_DENSEST = 200
DENSE = f"the {_DENSEST} of Reed98 with most friends"
_SENTENCES = 2_000


def of(place: Place) -> tuple[World, str]:
    """The graph and texts of a place, and its name; made up, and named so, where this machine lacks the data."""
    if place.graph == "made-up" or not _REED98.exists():
        rng = Random(1)
        made = World(place.people, invent_follows(place.people, rng), invent_texts(place.people, _SENTENCES, rng))
        return made, f"made-up world of {place.people} people"
    people, follows = read_edges(_REED98)
    texts = read_texts(_TEXTS)
    if place.graph == "dense":
        return World(_DENSEST, densest(people, follows, _DENSEST), texts), DENSE
    return World(people, follows, texts), "Reed98"


def densest(people: int, follows: Sequence[Edge], most: int) -> tuple[Edge, ...]:
    """The follows among the `most` whom most follow, who are numbered anew."""
    followers = Counter(followed for _, followed in follows)
    chosen = sorted(range(people), key=lambda who: (-followers[who], who))[:most]
    number = {who: place for place, who in enumerate(chosen)}
    return tuple((number[one], number[other]) for one, other in follows if one in number and other in number)
