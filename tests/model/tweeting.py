"""What people do with tweets."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.model.machine import Machine, TextParts, page_size, place, someone, text_parts
from tests.model.records import Account, Post, Wish
from tests.model.shown import answered, expected

from aviary.api.tweets.v1 import tweets_pb2

OPTIONS = ("yes", "no", "perhaps")
MINUTES = st.sampled_from([45, 1_439])


class Tweeting(Machine):
    """Rules about tweets and what is done with them."""

    @rule(who=someone, parts=text_parts, size=page_size)
    def tweet(self, who: int, parts: TextParts, size: int) -> None:
        self._tweet(self.actor(who), Wish(content=self.text(parts)), size)

    @rule(
        who=someone,
        parts=text_parts,
        sensitive=st.booleans(),
        warning=st.sampled_from(["", "weather"]),
        audience=st.sampled_from(["everyone", "followed", "mentioned"]),
        size=page_size,
    )
    def tweet_with_care(
        self, who: int, parts: TextParts, sensitive: bool, warning: str, audience: str, size: int
    ) -> None:
        wish = Wish(content=self.text(parts), sensitive=sensitive, warning=warning, audience=audience)
        self._tweet(self.actor(who), wish, size)

    @rule(who=someone, parts=text_parts, options=st.integers(2, 3), minutes=MINUTES, size=page_size)
    def ask_for_votes(self, who: int, parts: TextParts, options: int, minutes: int, size: int) -> None:
        self._tweet(self.actor(who), Wish(content=self.text(parts), options=OPTIONS[:options], minutes=minutes), size)

    @precondition(Machine.has_posts)
    @rule(who=someone, parts=text_parts, at=place, size=page_size)
    def reply(self, who: int, parts: TextParts, at: int, size: int) -> None:
        self._tweet(self.actor(who), Wish(content=self.text(parts), reply_to=self.post(at)), size)

    @precondition(Machine.has_posts)
    @rule(who=someone, parts=text_parts, at=place, parent=st.none() | place, size=page_size)
    def quote(self, who: int, parts: TextParts, at: int, parent: int | None, size: int) -> None:
        reply_to = None if parent is None else self.post(parent)
        self._tweet(self.actor(who), Wish(content=self.text(parts), quoting=self.post(at), reply_to=reply_to), size)

    # Much of what a reader pulls is then not for that reader.
    @precondition(Machine.has_posts)
    @rule(who=st.integers(0, 1), parts=text_parts, at=place, count=st.integers(2, 4), size=page_size)
    def thread(self, who: int, parts: TextParts, at: int, count: int, size: int) -> None:
        author, parent = self.actor(who), self.post(at)
        texts = [self.text(parts) for _ in range(count)]

        def act(made: tweets_pb2.Thread) -> None:
            above = parent
            for number, text in enumerate(texts):
                made_id = made.tweets[number].id if made.tweets else 0
                above = self.world.tweet(author, Wish(content=text, reply_to=above), made_id)

        requests = [tweets_pb2.CreateTweetRequest(content=text) for text in texts]
        requests[0].reply_to_id = parent.id
        self.do(author, "CreateThread", act, tweets=requests)
        self.look(author, "conversation", "mentions", post=parent, size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, at=place, size=page_size)
    def retweet(self, who: int, at: int, size: int) -> None:
        person, post = self.actor(who), self.post(at)

        def act(made: tweets_pb2.Tweet) -> None:
            assert self.world.retweet(person, post, made.id).id == made.id

        self.do(person, "Retweet", act, id=post.id)
        self.look(person, "tweet", "retweeters", "user_timeline", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, at=place, size=page_size)
    def undo_retweet(self, who: int, at: int, size: int) -> None:
        person, post = self.actor(who), self.post(at)
        self.do(person, "UndoRetweet", lambda _: self.world.undo_retweet(person, post), id=post.id)
        self.look(person, "tweet", "retweeters", "user_timeline", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(at=place, parts=text_parts, again=st.booleans(), size=page_size, stranger=st.none() | someone)
    def edit(self, at: int, parts: TextParts, again: bool, size: int, stranger: int | None) -> None:
        post = self.post(at)
        person = self._author_or(post, stranger)
        text = post.text.content if again and post.text.content else self.text(parts)
        self.do(person, "EditTweet", lambda _: self.world.edit(person, post, text), id=post.id, content=text)
        self.look(person, "tweet", "history", "mentions", "hashtag", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(at=place, size=page_size, stranger=st.none() | someone)
    def delete(self, at: int, size: int, stranger: int | None) -> None:
        post = self.post(at)
        person = self._author_or(post, stranger)
        self.do(person, "DeleteTweet", lambda _: self.world.delete(person, post), id=post.id)
        self.look(person, "tweet", "user_timeline", "conversation", "quotes", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, at=place, again=st.booleans(), size=page_size)
    def like(self, who: int, at: int, again: bool, size: int) -> None:
        person, post = self.actor(who), self.post(at)
        if again:
            self.do(person, "UnlikeTweet", lambda _: self.world.unlike(person, post), id=post.id)
        answer = self.do(person, "LikeTweet", lambda _: self.world.like(person, post), id=post.id)
        self._same_as_read(answer.message, person, post.original)
        self.look(person, "likes", "likers", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, at=place, size=page_size)
    def unlike(self, who: int, at: int, size: int) -> None:
        person = self.actor(who)
        post = self._own(self.world.likes, person, at)
        answer = self.do(person, "UnlikeTweet", lambda _: self.world.unlike(person, post), id=post.id)
        self._same_as_read(answer.message, person, post.original)
        self.look(person, "likes", "likers", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, at=place, size=page_size)
    def bookmark(self, who: int, at: int, size: int) -> None:
        person, post = self.actor(who), self.post(at)
        self.do(person, "Bookmark", lambda _: self.world.bookmark(person, post), id=post.id)
        self.look(person, "bookmarks", "tweet", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, at=place, size=page_size)
    def remove_bookmark(self, who: int, at: int, size: int) -> None:
        person = self.actor(who)
        post = self._own(self.world.bookmarks, person, at)
        self.do(person, "RemoveBookmark", lambda _: self.world.remove_bookmark(person, post), id=post.id)
        self.look(person, "bookmarks", "tweet", post=post, size=size)

    @precondition(Machine.has_posts)
    @rule(at=place, size=page_size, off=st.booleans(), stranger=st.none() | someone)
    def pin(self, at: int, size: int, off: bool, stranger: int | None) -> None:
        post = self.post(at)
        person = self._author_or(post, stranger)
        if off:
            self.do(person, "Unpin", lambda _: self.world.unpin(person, post), id=post.id)
        else:
            self.do(person, "Pin", lambda _: self.world.pin(person, post), id=post.id)
        self.look(person, "profile", user=post.author, post=post, size=size)

    @precondition(lambda self: any(post.poll for post in self.world.posts))
    @rule(who=someone, at=place, option=st.integers(0, 1), size=page_size)
    def vote(self, who: int, at: int, option: int, size: int) -> None:
        person = self.actor(who)
        asking = [post for post in self.world.posts if post.poll]
        post = asking[at % len(asking)]
        answer = self.do(person, "Vote", lambda _: self.world.vote(person, post, option), id=post.id, option=option)
        self._same_as_read(answer.message, person, post)
        self.look(person, "tweet", post=post, size=size)

    # How.

    def _tweet(self, author: Account, wish: Wish, size: int) -> None:
        made: list[Post] = []
        answer = self.do(
            author,
            "CreateTweet",
            lambda answer: made.append(self.world.tweet(author, wish, answer.id)),
            content=wish.content,
            reply_to_id=wish.reply_to and wish.reply_to.id,
            quote_tweet_id=wish.quoting and wish.quoting.id,
            is_sensitive=wish.sensitive,
            content_warning=wish.warning,
            reply_audience=wish.audience,
            poll=tweets_pb2.PollInput(options=wish.options, duration_minutes=wish.minutes) if wish.options else None,
        )
        for post in made:
            post.made_ms = answer.message.created_at.ToMilliseconds()
            if post.poll:
                post.poll.ends_ms = answer.message.poll.ends_at.ToMilliseconds()
            self._same_as_read(answer.message, author, post)
        self.look(author, "mentions", "hashtag", "conversation", size=size)

    def _same_as_read(self, message: tweets_pb2.Tweet, viewer: Account, post: Post) -> None:
        """What a write answers is what a read would; the empty message was a refusal."""
        if message.id:
            self.tick()
            assert answered(message) == expected(self.world, post, viewer, asked=True)

    def _author_or(self, post: Post, stranger: int | None) -> Account:
        return post.author if stranger is None and post.author.stands else self.actor(stranger or 0)

    def _own(self, pairs: list[tuple[Account, Post]], person: Account, at: int) -> Post:
        """Mostly one that the person chose before."""
        own = [post for who, post in pairs if who is person]
        return own[at % len(own)] if own and at % 4 else self.post(at)
