"""Every surface of the product as a viewer asks for it, held against the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.model.acts import Acts
from tests.model.drivers import Answer, Driver, request_of
from tests.model.records import Account, Kept, Post, Refused, UserList
from tests.model.shown import (
    answered,
    answered_list,
    answered_user,
    differences,
    expected,
    expected_list,
    expected_user,
)

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


class Surfaces:
    """Each method asks one surface and fails unless the answer is the reference's."""

    def __init__(self, world: Acts, driver: Driver, tokens: Mapping[Account, str]) -> None:
        self._world = world
        self._driver = driver
        self._tokens = tokens

    # A field is whatever the RPC's request takes.
    async def ask(self, who: Account, rpc: str, **fields: Any) -> Answer:
        return await self._driver.call(self._tokens.get(who, ""), rpc, request_of(rpc, fields))

    # Lists of tweets.

    async def home(self, viewer: Account, scene: Scene) -> None:
        await self._tweets("GetHomeTimeline", viewer, scene, lambda: self._world.home(viewer))

    async def home_count(self, viewer: Account, scene: Scene) -> None:
        if scene.post is None:
            return
        answer = await self.ask(viewer, "CountHomeTimeline", since_id=scene.post.id)
        wanted = sum(post.id > scene.post.id for post in self._world.home(viewer))
        assert (answer.code, answer.message.count, answer.message.has_more) == ("OK", wanted, False), answer

    async def user_timeline(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self._world.user_timeline(viewer, scene.user, scene.only)  # noqa: E731
        filtered = None if scene.only == "all" else scene.only
        await self._tweets("GetUserTimeline", viewer, scene, wanted, asked=True, id=scene.user.id, filter=filtered)

    async def mentions(self, viewer: Account, scene: Scene) -> None:
        await self._tweets("GetMentions", viewer, scene, lambda: self._world.mentions(viewer))

    async def likes(self, viewer: Account, scene: Scene) -> None:
        await self._tweets("GetLikes", viewer, scene, lambda: self._world.liked(viewer), asked=True, ordered="likes")

    async def bookmarks(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self._world.bookmarked(viewer)  # noqa: E731
        await self._tweets("GetBookmarks", viewer, scene, wanted, asked=True, ordered="bookmarks")

    async def hashtag(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self._world.hashtag(viewer, scene.tag)  # noqa: E731
        await self._tweets("GetHashtagTimeline", viewer, scene, wanted, tag=scene.tag)

    async def list_timeline(self, viewer: Account, scene: Scene) -> None:
        if of := scene.of:
            wanted = lambda: self._world.list_timeline(viewer, of)  # noqa: E731
            await self._tweets("GetListTimeline", viewer, scene, wanted, id=of.id)

    async def replies(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            wanted = lambda: self._world.replies(viewer, post)  # noqa: E731
            await self._tweets("ListReplies", viewer, scene, wanted, id=post.id)

    async def quotes(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            wanted = lambda: self._world.quotes(viewer, post)  # noqa: E731
            await self._tweets("ListQuotes", viewer, scene, wanted, id=post.id)

    async def conversation(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            wanted = lambda: self._world.conversation(viewer, post)  # noqa: E731
            above = [post.original, *post.original.ancestors()]
            await self._tweets("GetConversation", viewer, scene, wanted, asked=lambda each: each in above, id=post.id)

    async def ranked_conversation(self, viewer: Account, scene: Scene) -> None:
        """The same tweets in another order: what was asked for and what it replies to come first."""
        if (post := scene.post) is None or not self._world.sees(viewer, post, asked=True):
            return
        found = await self._walk(
            viewer, "GetConversation", scene.size, lambda page: page.tweets, id=post.id, order="ranked"
        )
        wanted = [each.id for each in self._world.conversation(viewer, post)]
        above = {post.original.id, *(each.id for each in post.original.ancestors())}.intersection(wanted)
        assert sorted((each.id for each in found), reverse=True) == wanted
        assert {each.id for each in found[: len(above)]} == above

    # Single tweets.

    async def tweets(self, viewer: Account, _scene: Scene) -> None:
        """Everything there ever was, by id."""
        posts = self._world.posts[-100:]
        answer = await self.ask(viewer, "BatchGetTweets", ids=[post.id for post in posts])
        assert answer.code == "OK", answer
        wanted = [post for post in posts if self._world.sees(viewer, post, asked=True)]
        _same(
            [answered(tweet) for tweet in answer.message.tweets],
            [expected(self._world, post, viewer, asked=True) for post in wanted],
        )

    async def tweet(self, viewer: Account, scene: Scene) -> None:
        if (post := scene.post) is None:
            return
        answer = await self.ask(viewer, "GetTweet", id=post.id)
        if not self._world.sees(viewer, post, asked=True):
            assert answer.code == "NOT_FOUND", answer
            return
        assert answer.code == "OK", answer
        _is(answered(answer.message), expected(self._world, post, viewer, asked=True))

    async def history(self, viewer: Account, scene: Scene) -> None:
        if (post := scene.post) is None:
            return
        answer = await self.ask(viewer, "GetHistory", id=post.id)
        if not self._world.sees(viewer, post, asked=True):
            assert answer.code == "NOT_FOUND", answer
            return
        texts = post.original.texts
        assert answer.code == "OK", answer
        assert [(each.version, each.content) for each in answer.message.versions] == [
            (version, texts[version - 1].content) for version in range(len(texts), 0, -1)
        ]

    # Lists of people.

    async def likers(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            await self._users("ListLikers", viewer, scene, lambda: self._world.likers(viewer, post), id=post.id)

    async def retweeters(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            await self._users("ListRetweeters", viewer, scene, lambda: self._world.retweeters(viewer, post), id=post.id)

    async def followers(self, viewer: Account, scene: Scene) -> None:
        user = scene.user
        await self._users("ListFollowers", viewer, scene, lambda: self._world.followers(viewer, user), id=user.id)

    async def following(self, viewer: Account, scene: Scene) -> None:
        user = scene.user
        await self._users("ListFollowing", viewer, scene, lambda: self._world.following(viewer, user), id=user.id)

    async def mutuals(self, viewer: Account, scene: Scene) -> None:
        user = scene.user
        await self._users("ListMutuals", viewer, scene, lambda: self._world.mutuals(viewer, user), id=user.id)

    async def blocks(self, viewer: Account, scene: Scene) -> None:
        await self._users("ListBlocks", viewer, scene, lambda: self._world.blocked(viewer))

    async def mutes(self, viewer: Account, scene: Scene) -> None:
        await self._users("ListMutes", viewer, scene, lambda: self._world.muted_list(viewer))

    async def requests(self, viewer: Account, scene: Scene) -> None:
        await self._users("ListFollowRequests", viewer, scene, lambda: self._world.asking(viewer))

    # Lists that people make.

    async def owned_lists(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self._world.owned_lists(viewer, scene.user)  # noqa: E731
        await self._lists("ListOwnedLists", viewer, scene, wanted, user_id=scene.user.id)

    async def followed_lists(self, viewer: Account, scene: Scene) -> None:
        await self._lists("ListFollowedLists", viewer, scene, lambda: self._world.followed_lists(viewer))

    async def memberships(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self._world.memberships(viewer, scene.user)  # noqa: E731
        await self._lists("ListMemberships", viewer, scene, wanted, user_id=scene.user.id)

    async def one_list(self, viewer: Account, scene: Scene) -> None:
        if (of := scene.of) is None:
            return
        answer = await self.ask(viewer, "GetList", id=of.id)
        if not self._world.sees_list(viewer, of):
            assert answer.code == "NOT_FOUND", answer
            return
        assert answer.code == "OK", answer
        _is(answered_list(answer.message), expected_list(self._world, of, viewer))

    async def list_members(self, viewer: Account, scene: Scene) -> None:
        if of := scene.of:
            await self._users("ListListMembers", viewer, scene, lambda: self._world.members(viewer, of), id=of.id)

    async def list_followers(self, viewer: Account, scene: Scene) -> None:
        if of := scene.of:
            wanted = lambda: self._world.list_followers(viewer, of)  # noqa: E731
            await self._users("ListListFollowers", viewer, scene, wanted, id=of.id)

    # Single people.

    async def profile(self, viewer: Account, scene: Scene) -> None:
        answer = await self.ask(viewer, "GetUser", id=scene.user.id)
        self._is_profile(answer, viewer, scene.user)

    async def profile_by_name(self, viewer: Account, scene: Scene) -> None:
        """Whoever bears the name now."""
        answer = await self.ask(viewer, "GetUserByUsername", username=scene.user.name.swapcase())
        self._is_profile(answer, viewer, self._world.named(scene.user.name))

    def _is_profile(self, answer: Answer, viewer: Account, user: Account | None) -> None:
        if user is None or user.deactivated or user.deleted:
            assert answer.code == "NOT_FOUND", answer
            return
        assert answer.code == "OK", answer
        _is(answered_user(answer.message), expected_user(self._world, user, viewer))
        pinned = user.pinned if user.pinned and self._world.sees(viewer, user.pinned, asked=True) else None
        assert answer.message.pinned_tweet_id == (pinned.id if pinned else 0)

    async def relationship(self, viewer: Account, scene: Scene) -> None:
        user, world = scene.user, self._world
        answer = await self.ask(viewer, "GetRelationship", id=viewer.id, target_id=user.id)
        if not user.stands:
            assert answer.code == "NOT_FOUND", answer
            return
        bond = answer.message
        assert (
            bond.following,
            bond.followed_by,
            bond.requested,
            bond.blocking,
            bond.blocked_by,
            bond.muting,
        ) == (
            (viewer, user) in world.follows,
            (user, viewer) in world.follows,
            (viewer, user) in world.requests,
            (viewer, user) in world.blocks,
            (user, viewer) in world.blocks,
            world.mutes_now(viewer, user),
        ), answer

    async def settings(self, viewer: Account, _scene: Scene) -> None:
        found = (await self.ask(viewer, "GetSettings")).message
        assert (found.protected, found.hide_sensitive, tuple(found.muted_words)) == (
            viewer.protected,
            viewer.hide_sensitive,
            viewer.muted_words,
        )

    # What waits.

    async def drafts(self, viewer: Account, scene: Scene) -> None:
        found = await self._walk(viewer, "ListDrafts", scene.size, lambda page: page.drafts)
        mine = [kept for kept in self._world.kept if kept.owner is viewer and not kept.publish_ms]
        assert [(each.id, each.tweet.content) for each in found] == [
            (kept.id, kept.wish.content) for kept in sorted(mine, key=lambda kept: -kept.id)
        ]

    async def scheduled(self, viewer: Account, scene: Scene) -> None:
        found = await self._walk(viewer, "ListScheduled", scene.size, lambda page: page.scheduled)
        mine = [kept for kept in self._world.kept if kept.owner is viewer and kept.publish_ms]
        soonest_last: Callable[[Kept], tuple[int, int]] = lambda kept: (-kept.publish_ms, -kept.id)  # noqa: E731
        assert [(each.id, each.tweet.content, each.publish_at.ToMilliseconds(), each.state) for each in found] == [
            (kept.id, kept.wish.content, kept.publish_ms, "failed" if kept.failed else "waiting")
            for kept in sorted(mine, key=soonest_last)
        ]

    # How lists are walked.

    async def _tweets(
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
        found = await self._walk(viewer, rpc, scene.size, lambda page: page.tweets, **fields)
        is_asked = asked if callable(asked) else lambda _: asked
        assert [tweet.id for tweet in found] == [post.id for post in wanted], rpc
        _same(
            [answered(tweet) for tweet in found],
            [expected(self._world, post, viewer, asked=is_asked(post)) for post in wanted],
        )

    async def _users(
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
        found = await self._walk(viewer, rpc, scene.size, lambda page: page.users, **fields)
        assert [user.username for user in found] == [user.name for user in wanted], rpc
        assert [answered_user(user).counts for user in found] == [self._world.user_counts(user) for user in wanted], rpc

    async def _lists(
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
        found = await self._walk(viewer, rpc, scene.size, lambda page: page.lists, **fields)
        _same([answered_list(each) for each in found], [expected_list(self._world, each, viewer) for each in wanted])

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
            answer = await self.ask(viewer, rpc, **fields)
            assert answer.code == refusal.code, (rpc, answer)
            return None

    async def _walk(
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


def _is(found: object, wanted: object) -> None:
    assert found == wanted, f"{differences(found, wanted)} of {found}"


def _same(found: Sequence[T], wanted: Sequence[T]) -> None:
    """Fail on the first that differs, or the whole is too long to read."""
    for one, other in zip(found, wanted, strict=False):
        _is(one, other)
    assert len(found) == len(wanted)


KINDS: Mapping[str, Callable[[Surfaces, Account, Scene], Any]] = {
    name: method
    for name, method in vars(Surfaces).items()
    if not name.startswith("_") and name not in {"ask"} and callable(method)
}
