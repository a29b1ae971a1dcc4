"""What people may do, and what becomes of it. Each act is refused whole or done whole."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TypeVar

from tests.model.records import MINUTE_MS, Account, Kept, Poll, Post, Refused, Text, UserList, Wish
from tests.model.world import Mute, World

T = TypeVar("T")
EDIT_MINUTES, EDITS = 60, 5


def put(pairs: list[T], pair: T) -> None:
    if pair not in pairs:
        pairs.append(pair)


def drop(pairs: list[T], pair: T) -> None:
    with suppress(ValueError):
        pairs.remove(pair)


class Acts(World):
    """The world, and what is done in it; ids come from the product."""

    # Tweets.

    def tweet(self, author: Account, wish: Wish, tweet_id: int) -> Post:
        quoted, parent = self.may_tweet(author, wish)
        made = Post(
            id=tweet_id,
            author=author,
            type="reply" if parent else "quote" if quoted else "original",
            made_ms=self.now_ms,
            texts=[self.read(wish.content)],
            ref=parent,
            quoted=quoted,
            sensitive=wish.sensitive,
            warning=wish.warning,
            audience=self.audience_below(parent) if parent else wish.audience or "everyone",
            poll=Poll(options=wish.options, ends_ms=self.now_ms + wish.minutes * MINUTE_MS) if wish.options else None,
        )
        self.add(made)
        return made

    def may_tweet(self, author: Account, wish: Wish) -> tuple[Post | None, Post | None]:
        """What it quotes and what it replies to, if it may."""
        quoted = self.asked_for(author, wish.quoting) if wish.quoting else None
        parent = self.asked_for(author, wish.reply_to) if wish.reply_to else None
        if parent and not self.may_reply(author, parent):
            raise Refused("PERMISSION_DENIED")
        return quoted, parent

    def read(self, content: str) -> Text:
        """A text with the people who bear the names in it now."""
        named = [self.named(name) for name in re.findall(r"@(\w+)", content)]
        return Text(
            content=content,
            mentions=tuple(each for each in named if each),
            tags=tuple(re.findall(r"#(\w+)", content)),
        )

    def may_reply(self, author: Account, parent: Post) -> bool:
        root, audience = parent.root, self.audience_below(parent)
        if audience == "everyone" or author is root.author or author in root.text.mentions:
            return True
        return audience == "followed" and (root.author, author) in self.follows

    @staticmethod
    def audience_below(parent: Post) -> str:
        """A reply has its conversation's; the first tweet of it decides while it exists."""
        return "everyone" if parent.root.deleted else parent.audience

    def add(self, made: Post) -> None:
        assert all(made.id > each.id for each in self.posts), "ids rise"
        self.posts.append(made)

    def retweet(self, who: Account, post: Post, tweet_id: int) -> Post:
        original = self.asked_for(who, post)
        if original.author.protected and original.author is not who:
            raise Refused("PERMISSION_DENIED")
        if existing := self.retweet_by(original, who):
            return existing
        made = Post(
            id=tweet_id,
            author=who,
            type="retweet",
            made_ms=self.now_ms,
            texts=[Text(content="")],
            ref=original,
        )
        self.add(made)
        return made

    def undo_retweet(self, who: Account, post: Post) -> None:
        if existing := self.retweet_by(self.asked_for(who, post), who):
            existing.deleted = True

    def must_own(self, who: Account, post: Post) -> None:
        """What one may not see is not there; what one sees may be somebody else's."""
        if post.deleted or not (post.author is who or self.sees(who, post, asked=True)):
            raise Refused("NOT_FOUND")
        if post.author is not who:
            raise Refused("PERMISSION_DENIED")

    def delete(self, who: Account, post: Post) -> None:
        self.must_own(who, post)
        self.remove(post)

    def remove(self, post: Post) -> None:
        post.deleted = True
        if post.author.pinned is post:
            post.author.pinned = None

    def edit(self, who: Account, post: Post, content: str) -> None:
        self.must_own(who, post)
        if post.type == "retweet" or post.poll:
            raise Refused("FAILED_PRECONDITION")
        if content == post.text.content:
            return
        if self.now_ms > post.made_ms + EDIT_MINUTES * MINUTE_MS or len(post.texts) > EDITS:
            raise Refused("FAILED_PRECONDITION")
        post.texts.append(self.read(content))

    def like(self, who: Account, post: Post) -> None:
        put(self.likes, (who, self.asked_for(who, post)))

    def unlike(self, who: Account, post: Post) -> None:
        drop(self.likes, (who, self.asked_for(who, post)))

    def bookmark(self, who: Account, post: Post) -> None:
        put(self.bookmarks, (who, self.asked_for(who, post)))

    def remove_bookmark(self, who: Account, post: Post) -> None:
        drop(self.bookmarks, (who, post.original))

    def pin(self, who: Account, post: Post) -> None:
        if self.asked_for(who, post) is not post:
            raise Refused("FAILED_PRECONDITION")
        self.must_own(who, post)
        who.pinned = post

    def unpin(self, who: Account, post: Post) -> None:
        if who.pinned is post:
            who.pinned = None

    def vote(self, who: Account, post: Post, option: int) -> None:
        poll = self.asked_for(who, post).poll
        if poll is None or poll.votes.get(who, None if poll.ends_ms <= self.now_ms else option) != option:
            raise Refused("FAILED_PRECONDITION")
        if option >= len(poll.options):
            raise Refused("INVALID_ARGUMENT")
        poll.votes[who] = option

    # Drafts and scheduled tweets.

    def keep(self, owner: Account, wish: Wish, kept_id: int, publish_ms: int = 0) -> None:
        self.kept.append(Kept(id=kept_id, owner=owner, wish=wish, publish_ms=publish_ms))

    def rekeep(self, owner: Account, kept: Kept, wish: Wish, publish_ms: int = 0) -> None:
        if kept.owner is not owner:
            raise Refused("NOT_FOUND")
        kept.wish, kept.publish_ms, kept.failed = wish, publish_ms, False

    def unkeep(self, owner: Account, kept: Kept) -> None:
        if kept.owner is not owner:
            raise Refused("NOT_FOUND")
        self.kept.remove(kept)

    # The graph.

    def follow(self, who: Account, whom: Account) -> None:
        self.must_be_another(who, whom)
        self.must_stand(whom)
        if self.apart(who, whom):
            raise Refused("PERMISSION_DENIED")
        if whom.protected and (who, whom) not in self.follows:
            put(self.requests, (who, whom))
        else:
            drop(self.requests, (who, whom))
            put(self.follows, (who, whom))

    def unfollow(self, who: Account, whom: Account) -> None:
        self.must_be_another(who, whom)
        drop(self.follows, (who, whom))
        drop(self.requests, (who, whom))

    def accept(self, who: Account, asking: Account) -> None:
        if (asking, who) in self.requests:
            self.requests.remove((asking, who))
            put(self.follows, (asking, who))
        elif (asking, who) not in self.follows:
            raise Refused("NOT_FOUND")

    def deny(self, who: Account, asking: Account) -> None:
        if (asking, who) not in self.requests:
            raise Refused("NOT_FOUND")
        self.requests.remove((asking, who))

    def remove_follower(self, who: Account, follower: Account) -> None:
        self.must_be_another(who, follower)
        drop(self.follows, (follower, who))

    def block(self, who: Account, whom: Account) -> None:
        self.must_be_another(who, whom)
        self.must_stand(whom)
        put(self.blocks, (who, whom))
        for one, other in ((who, whom), (whom, who)):
            drop(self.follows, (one, other))
            drop(self.requests, (one, other))
            for owned in (each for each in self.lists if each.owner is one):
                drop(self.list_members, (other, owned))
                drop(self.list_follows, (other, owned))

    def unblock(self, who: Account, whom: Account) -> None:
        self.must_be_another(who, whom)
        drop(self.blocks, (who, whom))

    def mute(self, who: Account, whom: Account, until_ms: int | None) -> None:
        self.must_be_another(who, whom)
        self.must_stand(whom)
        if whom in self.muted(who):
            standing = next(each for each in self.mutes if each.owner is who and each.member is whom)
            standing.until_ms = until_ms
        else:
            self.unmute(who, whom)
            self.mutes.append(Mute(who, whom, until_ms))

    def unmute(self, who: Account, whom: Account) -> None:
        self.must_be_another(who, whom)
        self.mutes = [each for each in self.mutes if not (each.owner is who and each.member is whom)]

    @staticmethod
    def must_be_another(who: Account, whom: Account) -> None:
        if who is whom:
            raise Refused("INVALID_ARGUMENT")
        if whom.deleted:
            raise Refused("NOT_FOUND")

    def must_stand(self, whom: Account) -> None:
        if not whom.stands:
            raise Refused("NOT_FOUND")

    # Lists that people make.

    def make_list(self, owner: Account, name: str, list_id: int, *, private: bool) -> None:
        self.lists.append(UserList(id=list_id, owner=owner, name=name, private=private))

    def must_own_list(self, who: Account, of: UserList) -> None:
        self.must_see_list(who, of)
        if of.owner is not who:
            raise Refused("PERMISSION_DENIED")

    def change_list(self, who: Account, of: UserList, *, private: bool) -> None:
        self.must_own_list(who, of)
        of.private = private

    def delete_list(self, who: Account, of: UserList) -> None:
        self.must_own_list(who, of)
        of.deleted = True
        for bonds in (self.list_members, self.list_follows):
            bonds[:] = [bond for bond in bonds if bond[1] is not of]

    def add_member(self, who: Account, of: UserList, member: Account) -> None:
        self.must_own_list(who, of)
        self.must_meet(who, member)
        put(self.list_members, (member, of))

    def remove_member(self, who: Account, of: UserList, member: Account) -> None:
        self.must_see_list(who, of)
        if who not in (of.owner, member):
            raise Refused("PERMISSION_DENIED")
        drop(self.list_members, (member, of))

    def follow_list(self, who: Account, of: UserList) -> None:
        self.must_see_list(who, of)
        put(self.list_follows, (who, of))

    def unfollow_list(self, who: Account, of: UserList) -> None:
        if (who, of) not in self.list_follows:
            self.must_see_list(who, of)
        drop(self.list_follows, (who, of))

    # Accounts.

    def erase(self, who: Account) -> None:
        """Empties every surface of the person, and every count of what they did."""
        who.deleted = True
        for post in (each for each in self.posts if who in (each.author, each.original.author)):
            self.remove(post)
            post.erased = True
        for each in self.posts:
            if each.poll:
                each.poll.votes.pop(who, None)
        for pairs in (self.follows, self.requests, self.blocks):
            pairs[:] = [pair for pair in pairs if who not in pair]
        for owned in (self.likes, self.bookmarks):
            owned[:] = [pair for pair in owned if pair[0] is not who and pair[1].author is not who]
        self.mutes = [each for each in self.mutes if who not in (each.owner, each.member)]
        self.kept = [each for each in self.kept if each.owner is not who]
        for of in (each for each in self.lists if each.owner is who):
            of.deleted = True
        for bonds in (self.list_members, self.list_follows):
            bonds[:] = [bond for bond in bonds if bond[0] is not who and not bond[1].deleted]
