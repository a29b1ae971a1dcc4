"""How a surface is asked: page by page to its end, and refused where the reference refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.model.acts import Acts
from tests.model.drivers import Answer, Driver, request_of
from tests.model.records import Account, Post, Refused, UserList
from tests.model.shown import answered, answered_list, answered_user, differences, expected, expected_list

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is looked at: somebody, a tweet, a list, in pages of a size, perhaps only what is newer than a tweet."""

    user: Account
    tag: str
    post: Post | None = None
    of: UserList | None = None
    only: str = "all"
    size: int = 20
    since: Post | None = None


class Asking:
    """Asks as somebody, and fails unless the answer is the reference's."""

    def __init__(self, world: Acts, driver: Driver, tokens: Mapping[Account, str]) -> None:
        self.world = world
        self._driver = driver
        self._tokens = tokens

    # A field is whatever the RPC's request takes.
    async def ask(self, who: Account, rpc: str, **fields: Any) -> Answer:
        return await self._driver.call(self._tokens.get(who, ""), rpc, request_of(rpc, fields))

    async def tweet_pages(
        self,
        rpc: str,
        viewer: Account,
        scene: Scene,
        reference: Callable[[], list[Post]],
        *,
        asked: bool | Callable[[Post], bool] = False,
        ordered: str = "",
        **fields: Any,
    ) -> None:
        since = None if ordered else scene.since
        wanted = await self._wanted(rpc, viewer, reference, **fields)
        if wanted is None:
            return
        if since:
            wanted = [post for post in wanted if post.id > since.id]
            fields["since_id"] = since.id
        found = await self.walk(viewer, rpc, scene.size, lambda page: page.tweets, **fields)
        is_asked = asked if callable(asked) else lambda _: asked
        alike([tweet.id for tweet in found], [post.id for post in wanted])
        all_same(
            [answered(tweet) for tweet in found],
            [expected(self.world, post, viewer, asked=is_asked(post)) for post in wanted],
        )

    async def user_pages(
        self,
        rpc: str,
        viewer: Account,
        scene: Scene,
        reference: Callable[[], list[Account]],
        **fields: Any,
    ) -> None:
        wanted = await self._wanted(rpc, viewer, reference, **fields)
        if wanted is None:
            return
        found = await self.walk(viewer, rpc, scene.size, lambda page: page.users, **fields)
        alike([user.username for user in found], [user.name for user in wanted])
        alike([answered_user(user).counts for user in found], [self.world.user_counts(user) for user in wanted])

    async def list_pages(
        self,
        rpc: str,
        viewer: Account,
        scene: Scene,
        reference: Callable[[], list[UserList]],
        **fields: Any,
    ) -> None:
        wanted = await self._wanted(rpc, viewer, reference, **fields)
        if wanted is None:
            return
        found = await self.walk(viewer, rpc, scene.size, lambda page: page.lists, **fields)
        all_same([answered_list(each) for each in found], [expected_list(self.world, each, viewer) for each in wanted])

    async def _wanted(
        self,
        rpc: str,
        viewer: Account,
        reference: Callable[[], list[T]],
        **fields: Any,
    ) -> list[T] | None:
        """What the reference has; None when both refuse."""
        try:
            return reference()
        except Refused as refusal:
            code = refusal.code
        answer = await self.ask(viewer, rpc, **fields)
        assert answer.code == code, (rpc, answer)
        return None

    async def walk(
        self,
        viewer: Account,
        rpc: str,
        size: int,
        items: Callable[[Any], Sequence[Any]],
        **fields: Any,
    ) -> list[Any]:
        """The list, page by page to its end: full pages while there is more, and never in circles."""
        found: list[Any] = []
        seen: set[str] = set()
        cursor, more = "", True
        while more:
            answer = await self.ask(viewer, rpc, limit=size, cursor=cursor, **fields)
            assert answer.code == "OK", (rpc, answer)
            page = answer.message.pagination
            assert len(items(answer.message)) <= size == page.limit
            found.extend(items(answer.message))
            assert page.next_cursor not in seen, "the walk goes in circles"
            seen.add(page.next_cursor)
            cursor, more = page.next_cursor, page.has_more
            assert bool(cursor) == more
            assert not more or len(items(answer.message)) == size, f"a short page of {rpc} says that there is more"
        return found


def alike(found: Sequence[object], wanted: Sequence[object]) -> None:
    assert found == wanted, f"found {found}, not {wanted}"


def same(found: object, wanted: object) -> None:
    assert found == wanted, f"{differences(found, wanted)} of {found}"


def all_same(found: Sequence[T], wanted: Sequence[T]) -> None:
    """Fail on the first that differs, or the whole is too long to read."""
    for one, other in zip(found, wanted, strict=False):
        same(one, other)
    assert len(found) == len(wanted)
