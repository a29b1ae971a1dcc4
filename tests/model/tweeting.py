"""What people do with tweets."""

from __future__ import annotations

from random import Random

from tests.model.machine import Machine, act
from tests.model.records import Account, Post, Wish
from tests.model.shown import answered, expected

from aviary.api.tweets.v1 import tweets_pb2

OPTIONS = ("yes", "no", "perhaps")


class Tweeting(Machine):
    """Acts about tweets and what is done with them."""

    @act(often=12)
    def tweets(self, chance: Random) -> None:
        self._tweet(self.actor(chance), Wish(content=self.text(chance)))

    @act(often=4)
    def tweets_with_care(self, chance: Random) -> None:
        wish = Wish(
            content=self.text(chance),
            sensitive=chance.random() < 0.5,
            warning=chance.choice(["", "weather"]),
            audience=chance.choice(["everyone", "followed", "mentioned"]),
        )
        self._tweet(self.actor(chance), wish)

    @act()
    def asks_for_votes(self, chance: Random) -> None:
        options = OPTIONS[: chance.randint(2, 3)]
        minutes = chance.choice([45, 1_439])
        self._tweet(self.actor(chance), Wish(content=self.text(chance), options=options, minutes=minutes))

    @act(often=8, when=Machine.has_posts)
    def replies(self, chance: Random) -> None:
        author = self.actor(chance)
        self._tweet(author, Wish(content=self.text(chance), reply_to=self.sight(author, chance)))

    @act(often=6, when=Machine.has_posts)
    def quotes(self, chance: Random) -> None:
        author = self.actor(chance)
        reply_to = self.sight(author, chance) if chance.random() < 0.3 else None
        self._tweet(author, Wish(content=self.text(chance), quoting=self.sight(author, chance), reply_to=reply_to))

    # Much of what a reader pulls is then not for that reader.
    @act(when=Machine.has_posts)
    def writes_a_thread(self, chance: Random) -> None:
        author = self.one_of(
            [each for each in self.world.accounts[:2] if each.stands], chance, lambda: self.actor(chance)
        )
        parent = self.sight(author, chance)
        texts = [self.text(chance) for _ in range(chance.randint(2, 4))]

        def reference(made: tweets_pb2.Thread) -> None:
            above = parent
            for number, text in enumerate(texts):
                made_id = made.tweets[number].id if made.tweets else 0
                above = self.world.tweet(author, Wish(content=text, reply_to=above), made_id)

        requests = [tweets_pb2.CreateTweetRequest(content=text) for text in texts]
        requests[0].reply_to_id = parent.id
        self.do(author, "CreateThread", reference, tweets=requests)
        self.look(author, "conversation", "mentions", post=parent)

    @act(often=10, when=Machine.has_posts)
    def retweets(self, chance: Random) -> None:
        person = self.actor(chance)
        post = self.sight(person, chance)

        def reference(made: tweets_pb2.Tweet) -> None:
            assert self.world.retweet(person, post, made.id).id == made.id

        self.do(person, "Retweet", reference, id=post.id)
        self.look(person, "tweet", "retweeters", "user_timeline", post=post)

    @act(when=Machine.has_posts)
    def undoes_a_retweet(self, chance: Random) -> None:
        person = self.actor(chance)
        own = [post for post in self.world.posts if post.type == "retweet" and post.author is person]
        post = self.one_of(own, chance, lambda: self.sight(person, chance))
        self.do(person, "UndoRetweet", lambda _: self.world.undo_retweet(person, post), id=post.id)
        self.look(person, "tweet", "retweeters", "user_timeline", post=post)

    @act(often=4, when=Machine.has_posts)
    def edits(self, chance: Random) -> None:
        person, post = self._mostly_own(chance)
        text = post.text.content if post.text.content and chance.random() < 0.2 else self.text(chance)
        self.do(person, "EditTweet", lambda _: self.world.edit(person, post, text), id=post.id, content=text)
        self.look(person, "tweet", "history", "mentions", "hashtag", post=post)

    @act(often=4, when=Machine.has_posts)
    def deletes(self, chance: Random) -> None:
        person, post = self._mostly_own(chance)
        self.do(person, "DeleteTweet", lambda _: self.world.delete(person, post), id=post.id)
        self.look(person, "tweet", "user_timeline", "conversation", "quotes", post=post)

    @act(often=6, when=Machine.has_posts)
    def likes(self, chance: Random) -> None:
        person = self.actor(chance)
        post = self.sight(person, chance)
        if chance.random() < 0.2:
            self.do(person, "UnlikeTweet", lambda _: self.world.unlike(person, post), id=post.id)
        answer = self.do(person, "LikeTweet", lambda _: self.world.like(person, post), id=post.id)
        self._is_as_read(answer.message, person, post.original)
        self.look(person, "likes", "likers", post=post)

    @act(when=Machine.has_posts)
    def unlikes(self, chance: Random) -> None:
        person, post = self._chosen(self.world.likes, chance)
        answer = self.do(person, "UnlikeTweet", lambda _: self.world.unlike(person, post), id=post.id)
        self._is_as_read(answer.message, person, post.original)
        self.look(person, "likes", "likers", post=post)

    @act(often=4, when=Machine.has_posts)
    def bookmarks(self, chance: Random) -> None:
        person = self.actor(chance)
        post = self.sight(person, chance)
        self.do(person, "Bookmark", lambda _: self.world.bookmark(person, post), id=post.id)
        self.look(person, "bookmarks", "tweet", post=post)

    @act(when=Machine.has_posts)
    def removes_a_bookmark(self, chance: Random) -> None:
        person, post = self._chosen(self.world.bookmarks, chance)
        self.do(person, "RemoveBookmark", lambda _: self.world.remove_bookmark(person, post), id=post.id)
        self.look(person, "bookmarks", "tweet", post=post)

    @act(when=Machine.has_posts)
    def pins(self, chance: Random) -> None:
        person, post = self._mostly_own(chance)
        if chance.random() < 0.3:
            self.do(person, "Unpin", lambda _: self.world.unpin(person, post), id=post.id)
        else:
            self.do(person, "Pin", lambda _: self.world.pin(person, post), id=post.id)
        self.look(person, "profile", user=post.author, post=post)

    @act(often=4, when=lambda self: any(post.poll for post in self.world.posts))
    def votes(self, chance: Random) -> None:
        person = self.actor(chance)
        post = self.one_of([post for post in self.world.posts if post.poll], chance, lambda: self.sight(person, chance))
        option = chance.choice([0, 1, 1, 2])
        answer = self.do(person, "Vote", lambda _: self.world.vote(person, post, option), id=post.id, option=option)
        self._is_as_read(answer.message, person, post.original)
        self.look(person, "tweet", post=post)

    # How.

    def _tweet(self, author: Account, wish: Wish) -> None:
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
            self._is_as_read(answer.message, author, post)
        self.look(author, "mentions", "hashtag", "conversation")

    def _is_as_read(self, message: tweets_pb2.Tweet, viewer: Account, post: Post) -> None:
        """What a write answers is what a read would; the empty message was a refusal."""
        if message.id:
            self.tick()
            assert answered(message) == expected(self.world, post, viewer, asked=True)

    def _mostly_own(self, chance: Random) -> tuple[Account, Post]:
        post = self.post(chance)
        return self.one_of([post.author] if post.author.stands else [], chance, lambda: self.actor(chance)), post

    def _chosen(self, pairs: list[tuple[Account, Post]], chance: Random) -> tuple[Account, Post]:
        """Mostly what somebody chose before."""
        return self.one_of(
            [pair for pair in pairs if pair[0].stands], chance, lambda: (self.actor(chance), self.post(chance))
        )
