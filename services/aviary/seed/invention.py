"""A small world made up on the spot, for when no graph or no texts are given."""

from __future__ import annotations

from random import Random

from aviary.seed.people import person
from aviary.seed.texts import clean
from aviary.seed.world import Edge, World

_FOLLOWS_EACH = 8
_FOLLOWS_BACK = 0.5

_LINES = (
    "{time} {place}: {count} {birds}, and not one of them in a hurry {tag}",
    "Does anybody else hear {birds} {time}, or is it only {place}? {tag}",
    "@{friend} you were right about {thing}. I owe you {treat}.",
    "Finished {thing} with @{friend}. Next: {treat}. {tag}",
    "Unpopular opinion: {thing} goes best with {treat}",
    "{count} {birds} {place} {time} 🐦 {tag}",
    "Today's lesson: never leave {treat} near {birds}.",
    "Caf\u00e9 {place}, {treat}, {birds} on the railing. That is all.",
    "@{friend} meet me {place} {time}? Bring {treat} {tag}",
    "I could write a thesis on {thing}. Instead I fed {birds} {time}.",
    "おはよう {place}! {count} {birds} so far {tag}",
    "If {thing} were easy, {birds} would do it. {tag} #patience",
)
_WORDS = {
    "time": ("before dawn", "at noon", "at dusk", "after the rain", "on a Sunday", "all week"),
    "place": ("by the harbour", "on the roof", "in the old park", "along the canal", "up the hill", "near the mill"),
    "birds": ("swifts", "herons", "sparrows", "gulls", "starlings", "geese", "wagtails", "jackdaws"),
    "thing": ("the night shift", "my second novel", "sourdough", "the attic", "chess openings", "the tax return"),
    "treat": ("black coffee", "a cinnamon bun", "cold soup", "fresh figs", "rye bread", "ginger tea"),
    "tag": ("#birding", "#morning", "#citylife", "#smalljoys", "#migration", "#slowdown"),
}


def invent(people: int, *, seed: int = 1, texts: int = 2_000) -> World:
    """A world of `people` with a scale-free graph and `texts` sentences. Raises ValueError below two people."""
    rng = Random(seed)
    return World(people, invent_follows(people, rng), invent_texts(people, texts, rng))


def invent_follows(people: int, rng: Random) -> tuple[Edge, ...]:
    """Preferential attachment: who comes later follows whom many follow, and is often followed back.

    Source: Barabási and Albert, "Emergence of scaling in random networks", Science 286 (1999).
    """
    if people < 2:
        raise ValueError(f"a world of {people} people has nobody to follow; it needs 2")
    follows: dict[Edge, None] = {}
    urn = [0]  # everybody once, and once more for each follower
    for newcomer in range(1, people):
        for idol in sorted({rng.choice(urn) for _ in range(_FOLLOWS_EACH)}):
            follows[newcomer, idol] = None
            urn.append(idol)
            if rng.random() < _FOLLOWS_BACK:
                follows[idol, newcomer] = None
        urn.append(newcomer)
    return tuple(follows)


def invent_texts(people: int, count: int, rng: Random) -> tuple[str, ...]:
    """Sentences with the hashtags and mentions that people use; the mentioned exist."""
    return tuple(_sentence(people, rng) for _ in range(count))


def _sentence(people: int, rng: Random) -> str:
    words = {slot: rng.choice(choices) for slot, choices in _WORDS.items()}
    friend = person(rng.randrange(people)).username
    line = rng.choice(_LINES).format(**words, friend=friend, count=rng.randint(2, 40))
    return clean(line[0].upper() + line[1:])
