"""Every call of a load, decided before the first is sent, so that a load can be repeated and gone on with.

A plan is a list of stages with a barrier between them. Two of their properties serve whoever counts the fan-out's
work: relations change only while nobody posts, and every changed viewer reads home again before the posting goes on;
and what is removed was posted in an earlier stage, hence was fanned out before it went.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from random import Random

from aviary.seed.call import Call, Op, Stage
from aviary.seed.posting import Posting
from aviary.seed.world import Edge, World

# A journal goes on only with the plan it began with: raise this when the same arguments give other calls.
PLAN_VERSION = 1

_ROUNDS = 4
_LATE_SHARE = 0.03
_UNFOLLOWED_SHARE = 0.01
_REGRETTED_SHARE = 0.1
_REPEATED_SHARE = 0.002


def plan(world: World, *, tweets_per_user: int, seed: int) -> list[Stage]:
    """The stages that load `world`: the same for the same arguments. Raises ValueError when texts are missing."""
    if tweets_per_user and not world.texts:
        raise ValueError(f"{tweets_per_user} tweets per user need texts, and there are none")
    return _Planner(world, Random(seed)).plan(tweets_per_user)


class _Planner:
    def __init__(self, world: World, rng: Random) -> None:
        self._world = world
        self._rng = rng
        self._index = count()
        self._stages: list[Stage] = []
        self._following: dict[int, set[int]] = {who: set() for who in range(world.people)}
        self._posting = Posting(world, rng, self._following, self._index)

    def plan(self, tweets_per_user: int) -> list[Stage]:
        everybody = range(self._world.people)
        early, late = self._split(self._world.follows)
        self._stage("register", [Call(next(self._index), who, Op.REGISTER) for who in everybody])
        self._stage("follow", self._follows(early))
        self._stage("read homes", self._reads(everybody))

        authors = [who for who in everybody for _ in range(tweets_per_user)]
        self._rng.shuffle(authors)
        for number in range(_ROUNDS):
            if number:
                self._change(late[number - 1 :: _ROUNDS - 1], f"{number}/{_ROUNDS - 1}")
            self._post(authors[number::_ROUNDS], f"{number + 1}/{_ROUNDS}")
        return self._stages

    def _split(self, follows: tuple[Edge, ...]) -> tuple[list[Edge], list[Edge]]:
        late = set(self._rng.sample(range(len(follows)), round(len(follows) * _LATE_SHARE)))
        early = [edge for place, edge in enumerate(follows) if place not in late]
        return early, [follows[place] for place in sorted(late)]

    def _stage(self, name: str, calls: Iterable[Call]) -> None:
        self._stages.append(Stage(name, tuple(calls)))

    def _reads(self, people: Iterable[int]) -> list[Call]:
        return [Call(next(self._index), who, Op.READ) for who in people]

    def _post(self, authors: list[int], part: str) -> None:
        calls = list(self._posting.round(authors))
        newest = {call.who: call.index for call in calls if call.op is Op.POST}
        self._stage(f"post {part}", calls)
        self._stage(f"see {part}", self._sights(newest))

    def _sights(self, newest: Mapping[int, int]) -> list[Call]:
        """Everybody looks for the newest original by any of their sources: when it shows, the fan-out is through."""
        sights: list[Call] = []
        for who, following in self._following.items():
            shown = [newest[source] for source in following | {who} if source in newest]
            if shown:
                sights.append(Call(next(self._index), who, Op.SEE, of=max(shown)))
        return sights

    def _change(self, late: list[Edge], part: str) -> None:
        """Late follows, unfollows, some of them regretted, and follows of those one follows already."""
        standing = [(who, whom) for who, following in self._following.items() for whom in sorted(following)]
        calls = self._follows(late)
        unfollowed = self._sample(standing, _UNFOLLOWED_SHARE)
        calls += self._unfollows(unfollowed)
        calls += self._follows(self._sample(unfollowed, _REGRETTED_SHARE))
        calls += self._follows(self._sample(sorted(set(standing) - set(unfollowed)), _REPEATED_SHARE))
        self._stage(f"change follows {part}", calls)
        self._stage(f"read again {part}", self._reads(sorted({call.who for call in calls})))

    def _follows(self, edges: Iterable[Edge]) -> list[Call]:
        calls: list[Call] = []
        for who, whom in edges:
            self._following[who].add(whom)
            calls.append(Call(next(self._index), who, Op.FOLLOW, whom=whom))
        return calls

    def _unfollows(self, edges: Iterable[Edge]) -> list[Call]:
        calls: list[Call] = []
        for who, whom in edges:
            self._following[who].discard(whom)
            calls.append(Call(next(self._index), who, Op.UNFOLLOW, whom=whom))
        return calls

    def _sample(self, edges: list[Edge], share: float) -> list[Edge]:
        return self._rng.sample(edges, min(len(edges), max(1, round(len(edges) * share))))
