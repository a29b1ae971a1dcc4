"""The same world through the public API, one call after the other."""

from __future__ import annotations

from tests.rpc.serving import PASSWORD, Person, Serving

from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import users_pb2
from aviary.seed.call import Call, Op
from aviary.seed.doings import Doings
from aviary.seed.multitude import Multitude
from aviary.seed.people import person


async def replay(world: Multitude, served: Serving) -> None:
    """Register everybody, make the follows, then do what the people do."""
    people = [await _register(served, number) for number in range(world.size.people)]
    for who, idols in zip(people, world.following, strict=True):
        await who.follow(*(people[idol] for idol in idols))
    made: list[int] = []
    for call in Doings(world):
        about = None if call.of is None else made[call.of]
        made.append(await _do(call, people[call.who], about))
    await served.settle()


async def sign_in(served: Serving, number: int) -> Person:
    """The person of that number, whom the platform knows already."""
    request = users_pb2.LoginRequest(username=person(number).username, password=PASSWORD)
    return _signed_in(served, await served.clients.users.Login(request))


async def _register(served: Serving, number: int) -> Person:
    someone = person(number)
    request = users_pb2.RegisterRequest(
        username=someone.username, email=someone.email, password=PASSWORD, display_name=someone.display_name
    )
    return _signed_in(served, await served.clients.users.Register(request))


def _signed_in(served: Serving, answer: users_pb2.AuthResponse) -> Person:
    return Person(id=answer.user.id, name=answer.user.username, token=answer.access_token, clients=served.clients)


async def _do(call: Call, who: Person, about: int | None) -> int:
    match call.op:
        case Op.LIKE:
            assert about is not None
            await who.clients.tweets.LikeTweet(tweets_pb2.LikeTweetRequest(id=about), metadata=who.signed)
            return 0
        case Op.RETWEET:
            assert about is not None
            return (await who.retweet(about)).id
        case Op.REPLY:
            return (await who.tweet(call.text, reply_to=about)).id
        case Op.QUOTE:
            return (await who.tweet(call.text, quoting=about)).id
        case _:
            return (await who.tweet(call.text)).id
