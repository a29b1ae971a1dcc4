"""An author with secrets, a viewer, and a third person who carries the author's tweets further."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import grpc.aio
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Value
from tests.rpc.serving import PASSWORD, Clients, Metadata, Person, Serving
from tests.rpc.waiting import until

from aviary.api.graph.v1 import graph_pb2, lists_pb2, relations_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.api.users.v1 import accounts_pb2, users_pb2
from aviary.rpc.method import Method

TAG = "leaktag"
EMAIL, BIRTH_DATE = "postbox@secret.example", "1987-06-05"


class Secret(Enum):
    """What an author may want to keep from somebody; the values are what each answer is searched for."""

    TWEETS = ("presenttext", "formertext", "warningtext", "polltext", "replytext", "quotetext", "pinned_tweet_id:")
    PROFILE = ("biotext", "placetext", "sitetext")
    LISTS = ("openlist", "listabout")
    # Nobody else ever sees these.
    OWN = ("closedlist", "drafttext", "latertext", "mutedtext", EMAIL, BIRTH_DATE)


def found_in(text: str) -> frozenset[Secret]:
    """Tell which secrets a text gives away."""
    return frozenset(secret for secret in Secret if any(marker in text for marker in secret.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Who is there, and the ids of what they made; `served` answers."""

    served: Serving
    channel: grpc.aio.Channel
    author: Person
    viewer: Person
    other: Person
    # The author's.
    tweet: int
    poll: int
    reply: int
    quote: int
    open_list: int
    closed_list: int
    draft: int
    later: int
    # The third person's: a tweet that the author answered, quoted and liked, a quote and a retweet of the author's.
    foreign: int
    carrying: int
    retweet: int
    others_list: int
    # The viewer's.
    viewers_list: int
    viewers_quote: int

    async def ask(self, method: Method, request: Message, *, by: Person | None = None) -> tuple[str, Message | None]:
        """Return all that the caller gets, as text, and the answer when there is one."""
        metadata = (by or self.viewer).signed
        try:
            if method.streams:
                return await self._stream(method, request, metadata), None
            answer: Message = await _unary(self.channel, method)(request, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return f"{error.details()} {error.trailing_metadata()}", None
        return str(answer), answer

    async def _stream(self, method: Method, request: Message, metadata: Metadata) -> str:
        call = self.channel.unary_stream(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        # The one stream of the public API is of google.api.HttpBody.
        return _unpacked(b"".join([part.data async for part in call(request, metadata=metadata)]))  # type: ignore[attr-defined]


def _unary(channel: grpc.aio.Channel, method: Method) -> grpc.aio.UnaryUnaryMultiCallable[Message, Message]:
    return channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )


def _unpacked(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


async def staged(served: Serving, channel: grpc.aio.Channel) -> Scene:
    """Let the three of them live together for a while, everything open to everybody."""
    clients = served.clients
    author = await _secretive(clients)
    viewer, other = await served.register("viewer", "other")
    await author.follow(other)
    await other.follow(author)
    await viewer.follow(other)
    foreign = await other.tweet("a word of the third person")
    made = await _writings(author, foreign.id, clients)
    kept = await _keepings(author, viewer, clients)
    await _like(author, foreign.id)
    await author.retweet(foreign.id)
    carrying = await other.tweet("listen to this", quoting=made["tweet"])
    retweet = await other.retweet(made["tweet"])
    others_list = await _list(other, "theirs", members=[author, viewer])
    await clients.lists.FollowList(lists_pb2.FollowListRequest(id=others_list), metadata=author.signed)
    viewers_list = await _list(viewer, "mine", members=[author, other])
    viewers_quote = await _engage(viewer, made, kept["open_list"])
    await _ask_to_follow(author, viewer)
    return Scene(
        served=served,
        channel=channel,
        author=author,
        viewer=viewer,
        other=other,
        foreign=foreign.id,
        carrying=carrying.id,
        retweet=retweet.id,
        others_list=others_list,
        viewers_list=viewers_list,
        viewers_quote=viewers_quote,
        **made,
        **kept,
    )


async def _secretive(clients: Clients) -> Person:
    answer = await clients.users.Register(
        users_pb2.RegisterRequest(username="author", email=EMAIL, password=PASSWORD, display_name="Author")
    )
    author = Person(id=answer.user.id, name="author", token=answer.access_token, clients=clients)
    bio, place, site = Secret.PROFILE.value
    profile = users_pb2.UpdateUserRequest(
        id=author.id, bio=bio, location=place, website=f"https://{site}.example", birth_date=BIRTH_DATE
    )
    await clients.users.UpdateUser(profile, metadata=author.signed)
    words = ListValue()
    words.append("mutedtext")
    await clients.accounts.UpdateSettings(
        accounts_pb2.UpdateSettingsRequest(muted_words=Value(list_value=words)), metadata=author.signed
    )
    return author


async def _writings(author: Person, foreign: int, clients: Clients) -> Mapping[str, int]:
    tweet = await clients.tweets.CreateTweet(
        tweets_pb2.CreateTweetRequest(content="formertext", content_warning="warningtext"), metadata=author.signed
    )
    await clients.tweets.EditTweet(
        tweets_pb2.EditTweetRequest(id=tweet.id, content=f"presenttext #{TAG} @viewer"), metadata=author.signed
    )
    poll = await clients.tweets.CreateTweet(
        tweets_pb2.CreateTweetRequest(
            content="presenttext", poll=tweets_pb2.PollInput(options=["polltext", "b"], duration_minutes=60)
        ),
        metadata=author.signed,
    )
    await clients.engagement.Pin(engagement_pb2.PinRequest(id=tweet.id), metadata=author.signed)
    reply = await author.tweet("replytext", reply_to=foreign)
    quote = await author.tweet("quotetext", quoting=foreign)
    return {"tweet": tweet.id, "poll": poll.id, "reply": reply.id, "quote": quote.id}


async def _keepings(author: Person, viewer: Person, clients: Clients) -> Mapping[str, int]:
    draft = await clients.drafts.CreateDraft(
        drafts_pb2.CreateDraftRequest(tweet=drafts_pb2.TweetInput(content="drafttext")), metadata=author.signed
    )
    request = drafts_pb2.ScheduleTweetRequest(tweet=drafts_pb2.TweetInput(content="latertext"))
    request.publish_at.GetCurrentTime()
    request.publish_at.seconds += 86_400
    later = await clients.drafts.ScheduleTweet(request, metadata=author.signed)
    return {
        "draft": draft.id,
        "later": later.id,
        "open_list": await _list(author, "openlist", members=[viewer], about="listabout"),
        "closed_list": await _list(author, "closedlist", members=[viewer], private=True),
    }


async def _list(owner: Person, name: str, *, members: Sequence[Person], about: str = "", private: bool = False) -> int:
    lists = owner.clients.lists
    request = lists_pb2.CreateListRequest(name=name, description=about, private=private)
    made = await lists.CreateList(request, metadata=owner.signed)
    for member in members:
        added = lists_pb2.ListMemberRequest(id=made.id, user_id=member.id)
        await lists.AddListMember(added, metadata=owner.signed)
    return made.id


async def _like(person: Person, tweet_id: int) -> None:
    await person.clients.tweets.LikeTweet(tweets_pb2.LikeTweetRequest(id=tweet_id), metadata=person.signed)


async def _engage(viewer: Person, made: Mapping[str, int], open_list: int) -> int:
    """The viewer reads, keeps, votes and quotes, under keys that they will repeat."""
    clients = viewer.clients
    quote = await clients.tweets.CreateTweet(keyed_quote(made["tweet"]), metadata=viewer.signed)
    await clients.tweets.CreateThread(keyed_thread(made["tweet"]), metadata=viewer.signed)
    await clients.tweets.Retweet(
        tweets_pb2.RetweetRequest(id=made["tweet"], request_id="again"), metadata=viewer.signed
    )
    await clients.engagement.Vote(
        engagement_pb2.VoteRequest(id=made["poll"], option=0, request_id="again"), metadata=viewer.signed
    )
    for each in made.values():
        like = tweets_pb2.LikeTweetRequest(id=each, request_id=f"again-{each}")
        await clients.tweets.LikeTweet(like, metadata=viewer.signed)
        await clients.engagement.Bookmark(engagement_pb2.BookmarkRequest(id=each), metadata=viewer.signed)
    await clients.lists.FollowList(lists_pb2.FollowListRequest(id=open_list), metadata=viewer.signed)
    return quote.id


def keyed_quote(tweet_id: int) -> tweets_pb2.CreateTweetRequest:
    return tweets_pb2.CreateTweetRequest(content="look", quote_tweet_id=tweet_id, request_id="again")


def keyed_thread(tweet_id: int) -> tweets_pb2.CreateThreadRequest:
    tweets = [
        tweets_pb2.CreateTweetRequest(content="first", quote_tweet_id=tweet_id),
        tweets_pb2.CreateTweetRequest(content="second"),
    ]
    return tweets_pb2.CreateThreadRequest(tweets=tweets, request_id="again")


async def _ask_to_follow(author: Person, viewer: Person) -> None:
    await protect(viewer)
    await author.follow(viewer)


async def protect(person: Person) -> None:
    request = accounts_pb2.UpdateSettingsRequest(protected=True)
    await person.clients.accounts.UpdateSettings(request, metadata=person.signed)


async def block(person: Person, other: Person) -> None:
    await person.clients.relations.Block(relations_pb2.BlockRequest(id=other.id), metadata=person.signed)


async def mute(person: Person, other: Person) -> None:
    await person.clients.relations.Mute(relations_pb2.MuteRequest(id=other.id), metadata=person.signed)


async def is_following(person: Person, other: Person) -> bool:
    request = graph_pb2.GetRelationshipRequest(id=person.id, target_id=other.id)
    return (await person.clients.graph.GetRelationship(request, metadata=person.signed)).following


async def exported(scene: Scene) -> None:
    """Return once the viewer's export can be fetched."""

    async def is_ready() -> bool:
        export = await scene.viewer.clients.accounts.GetExport(
            accounts_pb2.GetExportRequest(), metadata=scene.viewer.signed
        )
        return export.state == "ready"

    await until(is_ready, what="the export was ready")
