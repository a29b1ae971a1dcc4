"""Every surface of the product as a viewer asks for it, held against the reference."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.model.asking import Asking, Scene, all_same, same
from tests.model.drivers import Answer
from tests.model.records import Account, Kept
from tests.model.shown import answered, answered_list, answered_user, expected, expected_list, expected_user


class Surfaces(Asking):
    """Each method asks one surface and fails unless the answer is the reference's."""

    # Lists of tweets.

    async def home(self, viewer: Account, scene: Scene) -> None:
        await self.tweet_pages("GetHomeTimeline", viewer, scene, lambda: self.world.home(viewer))

    async def home_count(self, viewer: Account, scene: Scene) -> None:
        if scene.post is None:
            return
        answer = await self.ask(viewer, "CountHomeTimeline", since_id=scene.post.id)
        wanted = sum(post.id > scene.post.id for post in self.world.home(viewer))
        assert (answer.code, answer.message.count, answer.message.has_more) == ("OK", wanted, False), answer

    async def user_timeline(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self.world.user_timeline(viewer, scene.user, scene.only)  # noqa: E731
        filtered = None if scene.only == "all" else scene.only
        await self.tweet_pages("GetUserTimeline", viewer, scene, wanted, asked=True, id=scene.user.id, filter=filtered)

    async def mentions(self, viewer: Account, scene: Scene) -> None:
        await self.tweet_pages("GetMentions", viewer, scene, lambda: self.world.mentions(viewer))

    async def likes(self, viewer: Account, scene: Scene) -> None:
        await self.tweet_pages("GetLikes", viewer, scene, lambda: self.world.liked(viewer), asked=True, ordered="likes")

    async def bookmarks(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self.world.bookmarked(viewer)  # noqa: E731
        await self.tweet_pages("GetBookmarks", viewer, scene, wanted, asked=True, ordered="bookmarks")

    async def hashtag(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self.world.hashtag(viewer, scene.tag)  # noqa: E731
        await self.tweet_pages("GetHashtagTimeline", viewer, scene, wanted, tag=scene.tag)

    async def list_timeline(self, viewer: Account, scene: Scene) -> None:
        if of := scene.of:
            wanted = lambda: self.world.list_timeline(viewer, of)  # noqa: E731
            await self.tweet_pages("GetListTimeline", viewer, scene, wanted, id=of.id)

    async def replies(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            wanted = lambda: self.world.replies(viewer, post)  # noqa: E731
            await self.tweet_pages("ListReplies", viewer, scene, wanted, id=post.id)

    async def quotes(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            wanted = lambda: self.world.quotes(viewer, post)  # noqa: E731
            await self.tweet_pages("ListQuotes", viewer, scene, wanted, id=post.id)

    async def conversation(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            wanted = lambda: self.world.conversation(viewer, post)  # noqa: E731
            above = [post.original, *post.original.ancestors()]
            await self.tweet_pages(
                "GetConversation", viewer, scene, wanted, asked=lambda each: each in above, id=post.id
            )

    async def ranked_conversation(self, viewer: Account, scene: Scene) -> None:
        """The same tweets in another order: what was asked for and what it replies to come first."""
        if (post := scene.post) is None or not self.world.sees(viewer, post, asked=True):
            return
        found = await self.walk(
            viewer, "GetConversation", scene.size, lambda page: page.tweets, id=post.id, order="ranked"
        )
        wanted = [each.id for each in self.world.conversation(viewer, post)]
        above = {post.original.id, *(each.id for each in post.original.ancestors())}.intersection(wanted)
        assert sorted((each.id for each in found), reverse=True) == wanted
        assert {each.id for each in found[: len(above)]} == above

    # Single tweets.

    async def tweets(self, viewer: Account, _scene: Scene) -> None:
        """Everything there ever was, by id."""
        posts = self.world.posts[-100:]
        answer = await self.ask(viewer, "BatchGetTweets", ids=[post.id for post in posts])
        assert answer.code == "OK", answer
        wanted = [post for post in posts if self.world.sees(viewer, post, asked=True)]
        all_same(
            [answered(tweet) for tweet in answer.message.tweets],
            [expected(self.world, post, viewer, asked=True) for post in wanted],
        )

    async def tweet(self, viewer: Account, scene: Scene) -> None:
        if (post := scene.post) is None:
            return
        answer = await self.ask(viewer, "GetTweet", id=post.id)
        if not self.world.sees(viewer, post, asked=True):
            assert answer.code == "NOT_FOUND", answer
            return
        assert answer.code == "OK", answer
        same(answered(answer.message), expected(self.world, post, viewer, asked=True))

    async def history(self, viewer: Account, scene: Scene) -> None:
        if (post := scene.post) is None:
            return
        answer = await self.ask(viewer, "GetHistory", id=post.id)
        if not self.world.sees(viewer, post, asked=True):
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
            await self.user_pages("ListLikers", viewer, scene, lambda: self.world.likers(viewer, post), id=post.id)

    async def retweeters(self, viewer: Account, scene: Scene) -> None:
        if post := scene.post:
            await self.user_pages(
                "ListRetweeters", viewer, scene, lambda: self.world.retweeters(viewer, post), id=post.id
            )

    async def followers(self, viewer: Account, scene: Scene) -> None:
        user = scene.user
        await self.user_pages("ListFollowers", viewer, scene, lambda: self.world.followers(viewer, user), id=user.id)

    async def following(self, viewer: Account, scene: Scene) -> None:
        user = scene.user
        await self.user_pages("ListFollowing", viewer, scene, lambda: self.world.following(viewer, user), id=user.id)

    async def mutuals(self, viewer: Account, scene: Scene) -> None:
        user = scene.user
        await self.user_pages("ListMutuals", viewer, scene, lambda: self.world.mutuals(viewer, user), id=user.id)

    async def blocks(self, viewer: Account, scene: Scene) -> None:
        await self.user_pages("ListBlocks", viewer, scene, lambda: self.world.blocked(viewer))

    async def mutes(self, viewer: Account, scene: Scene) -> None:
        await self.user_pages("ListMutes", viewer, scene, lambda: self.world.muted_list(viewer))

    async def requests(self, viewer: Account, scene: Scene) -> None:
        await self.user_pages("ListFollowRequests", viewer, scene, lambda: self.world.asking(viewer))

    # Lists that people make.

    async def owned_lists(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self.world.owned_lists(viewer, scene.user)  # noqa: E731
        await self.list_pages("ListOwnedLists", viewer, scene, wanted, user_id=scene.user.id)

    async def followed_lists(self, viewer: Account, scene: Scene) -> None:
        await self.list_pages("ListFollowedLists", viewer, scene, lambda: self.world.followed_lists(viewer))

    async def memberships(self, viewer: Account, scene: Scene) -> None:
        wanted = lambda: self.world.memberships(viewer, scene.user)  # noqa: E731
        await self.list_pages("ListMemberships", viewer, scene, wanted, user_id=scene.user.id)

    async def one_list(self, viewer: Account, scene: Scene) -> None:
        if (of := scene.of) is None:
            return
        answer = await self.ask(viewer, "GetList", id=of.id)
        if not self.world.sees_list(viewer, of):
            assert answer.code == "NOT_FOUND", answer
            return
        assert answer.code == "OK", answer
        same(answered_list(answer.message), expected_list(self.world, of, viewer))

    async def list_members(self, viewer: Account, scene: Scene) -> None:
        if of := scene.of:
            await self.user_pages("ListListMembers", viewer, scene, lambda: self.world.members(viewer, of), id=of.id)

    async def list_followers(self, viewer: Account, scene: Scene) -> None:
        if of := scene.of:
            wanted = lambda: self.world.list_followers(viewer, of)  # noqa: E731
            await self.user_pages("ListListFollowers", viewer, scene, wanted, id=of.id)

    # Single people.

    async def profile(self, viewer: Account, scene: Scene) -> None:
        answer = await self.ask(viewer, "GetUser", id=scene.user.id)
        self._is_profile(answer, viewer, scene.user)

    async def profile_by_name(self, viewer: Account, scene: Scene) -> None:
        """Whoever bears the name now."""
        answer = await self.ask(viewer, "GetUserByUsername", username=scene.user.name.swapcase())
        self._is_profile(answer, viewer, self.world.named(scene.user.name))

    def _is_profile(self, answer: Answer, viewer: Account, user: Account | None) -> None:
        if user is None or user.deactivated or user.deleted:
            assert answer.code == "NOT_FOUND", answer
            return
        assert answer.code == "OK", answer
        same(answered_user(answer.message), expected_user(self.world, user, viewer))
        pinned = user.pinned if user.pinned and self.world.sees(viewer, user.pinned, asked=True) else None
        assert answer.message.pinned_tweet_id == (pinned.id if pinned else 0)

    async def relationship(self, viewer: Account, scene: Scene) -> None:
        user, world = scene.user, self.world
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
        found = await self.walk(viewer, "ListDrafts", scene.size, lambda page: page.drafts)
        mine = [kept for kept in self.world.kept if kept.owner is viewer and not kept.publish_ms]
        assert [(each.id, each.tweet.content) for each in found] == [
            (kept.id, kept.wish.content) for kept in sorted(mine, key=lambda kept: -kept.id)
        ]

    async def scheduled(self, viewer: Account, scene: Scene) -> None:
        found = await self.walk(viewer, "ListScheduled", scene.size, lambda page: page.scheduled)
        mine = [kept for kept in self.world.kept if kept.owner is viewer and kept.publish_ms]
        soonest_last: Callable[[Kept], tuple[int, int]] = lambda kept: (-kept.publish_ms, -kept.id)  # noqa: E731
        assert [(each.id, each.tweet.content, each.publish_at.ToMilliseconds(), each.state) for each in found] == [
            (kept.id, kept.wish.content, kept.publish_ms, "failed" if kept.failed else "waiting")
            for kept in sorted(mine, key=soonest_last)
        ]


KINDS: Mapping[str, Callable[[Surfaces, Account, Scene], Awaitable[None]]] = {
    name: look for name, look in vars(Surfaces).items() if not name.startswith("_") and callable(look)
}
