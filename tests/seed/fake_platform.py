"""A platform in a few dicts: the public API as far as a load and a check use it, with faults to order.

It keeps every rule in another way than the oracle does: a home is decided entry by entry, walking all tweets from the
newest, where the oracle builds it from the sources.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Call = Callable[[web.Request, int], Awaitable[Json]]  # with who asks
# What a fault does to an answer: given the path and the JSON that would go out, the JSON that does.
Fault = Callable[[str, Json], Json]

FIRST_ID = 7_000_000_000_000_000


class Refusal(Exception):
    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


@dataclass(slots=True)
class User:
    id: int
    body: Json


@dataclass(slots=True)
class Tweet:
    id: int
    author: int
    type: str
    content: str
    created_at: str
    of: int | None = None
    of_author: int | None = None
    deleted: bool = False
    likers: set[int] = field(default_factory=set[int])


class Platform:
    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.follows: dict[tuple[int, int], None] = {}
        self.tweets: dict[int, Tweet] = {}
        self.requests: list[tuple[str, str, str]] = []  # method, path, idempotency key
        self.tokens: dict[str, int] = {}
        self.token_s = 900
        # Before a call is done, and after: what returns True breaks the connection there.
        self.lose_request: Callable[[web.Request], bool] = lambda _: False
        self.lose_answer: Callable[[web.Request], bool] = lambda _: False
        self.refuse: Callable[[web.Request], Refusal | None] = lambda _: None
        self.fault: Fault = lambda _, body: body
        self._first_answers: dict[tuple[str, str], Json] = {}
        self._next_id = FIRST_ID

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The URL at which it answers."""
        runner = web.AppRunner(self._application())
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._around])
        api = "/api/v1"
        routes: dict[str, Call] = {
            "POST /users/{id}/follow": self.follow,
            "DELETE /users/{id}/follow": self.unfollow,
            "GET /users/{id}/follows/{other}": self.relation,
            "GET /users/{id}/following": self.following,
            "GET /users/{id}": self.user,
            "POST /tweets": self.post,
            "GET /tweets/{id}": self.tweet,
            "DELETE /tweets/{id}": self.delete,
            "POST /tweets/{id}/retweet": self.retweet,
            "DELETE /tweets/{id}/retweet": self.unretweet,
            "POST /tweets/{id}/like": self.like,
            "DELETE /tweets/{id}/like": self.unlike,
            "GET /timeline/home": self.home,
            "GET /timeline/user/{id}": self.timeline,
        }
        for route, handler in routes.items():
            method, path = route.split()
            app.router.add_route(method, api + path, self._signed_in(handler))
        app.router.add_post(f"{api}/auth/register", self._open(self.register))
        app.router.add_post(f"{api}/auth/login", self._open(self.login))
        app.router.add_post(f"{api}/auth/refresh-token", self._open(self.refresh))
        return app

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append((request.method, request.path, request.headers.get("idempotency-key", "")))
        try:
            if self.lose_request(request):
                return _hang_up(request)
            if refusal := self.refuse(request):
                raise refusal
            response = await handler(request)
        except Refusal as refusal:
            body = {"code": 0, "message": str(refusal)}
            return web.json_response(body, status=refusal.status, headers=refusal.headers)
        return _hang_up(request) if self.lose_answer(request) else response

    def _open(self, handler: Callable[[web.Request], Awaitable[Json]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return web.json_response(await handler(request))

        return handle

    def _signed_in(self, handler: Call) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            me = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
            if me is None:
                raise Refusal(401, "no such token")
            return web.json_response(self.fault(request.path, await self._once(request, me, handler)))

        return handle

    async def _once(self, request: web.Request, me: int, handler: Call) -> Json:
        key = (str(me), request.headers.get("idempotency-key", ""))
        if request.method != "POST" or not key[1]:
            return await handler(request, me)
        if key not in self._first_answers:
            self._first_answers[key] = await handler(request, me)
        return self._first_answers[key]

    # --- people

    async def register(self, request: web.Request) -> Json:
        key = ("", request.headers["idempotency-key"])
        if key not in self._first_answers:
            body = await request.json()
            if any(user.body["username"].lower() == body["username"].lower() for user in self.users.values()):
                raise Refusal(409, f"username {body['username']} is taken")
            user = User(self.new_id(), body)
            self.users[user.id] = user
            self._first_answers[key] = {"user": self._user(user.id), **self._sign_in(user.id)}
        return self._first_answers[key]

    async def login(self, request: web.Request) -> Json:
        body = await request.json()
        for user in self.users.values():
            if (user.body["username"], user.body["password"]) == (body["username"], body["password"]):
                return {"user": self._user(user.id), **self._sign_in(user.id)}
        raise Refusal(401, "wrong username or password")

    async def refresh(self, request: web.Request) -> Json:
        token = (await request.json())["refresh_token"].removeprefix("refresh ")
        if token not in self.tokens:
            raise Refusal(401, "no such refresh token")
        return self._sign_in(self.tokens[token])

    def _sign_in(self, user: int) -> Json:
        token = f"token {user} {self.new_id()}"
        self.tokens[token] = user
        return {"access_token": token, "refresh_token": f"refresh {token}", "expires_in": self.token_s}

    async def user(self, request: web.Request, me: int) -> Json:
        return self._user(self._id(request))

    def _user(self, user: int) -> Json:
        mine = [tweet for tweet in self.tweets.values() if tweet.author == user and not tweet.deleted]
        return {
            "id": str(user),
            "username": self.users[user].body["username"],
            "created_at": _time(user),
            "follower_count": sum(whom == user for _, whom in self.follows),
            "following_count": sum(who == user for who, _ in self.follows),
            "tweet_count": len(mine),
            "like_count": sum(len(tweet.likers) for tweet in mine),
        }

    # --- follows

    async def follow(self, request: web.Request, me: int) -> Json:
        self.follows[me, self._id(request)] = None
        return {"following": True, "requested": False}

    async def unfollow(self, request: web.Request, me: int) -> Json:
        self.follows.pop((me, self._id(request)), None)
        return {"following": False, "requested": False}

    async def relation(self, request: web.Request, me: int) -> Json:
        return {"following": (self._id(request), int(request.match_info["other"])) in self.follows}

    async def following(self, request: web.Request, me: int) -> Json:
        of = self._id(request)
        users = [self._user(whom) for who, whom in reversed(self.follows) if who == of]
        return _page(request, "users", users)

    # --- tweets

    async def post(self, request: web.Request, me: int) -> Json:
        body = await request.json()
        if not 0 < len(body["content"]) <= 280:
            raise Refusal(400, "content is empty or too long")
        named = body.get("reply_to_id") or body.get("quote_tweet_id")
        kind = "reply" if "reply_to_id" in body else "quote" if named else "original"
        return self._make(me, kind, body["content"], self._meant(int(named)) if named else None, viewer=me)

    async def retweet(self, request: web.Request, me: int) -> Json:
        original = self._meant(self._id(request))
        for tweet in self.tweets.values():
            if (tweet.author, tweet.type, tweet.of, tweet.deleted) == (me, "retweet", original.id, False):
                return self._shown(tweet, me)
        return self._make(me, "retweet", "", original, viewer=me)

    def _make(self, author: int, type_: str, content: str, of: Tweet | None, *, viewer: int) -> Json:
        made = self.new_id()
        tweet = Tweet(made, author, type_, content, _time(made))
        if of:
            tweet.of, tweet.of_author = of.id, of.author
        self.tweets[made] = tweet
        return self._shown(tweet, viewer)

    async def unretweet(self, request: web.Request, me: int) -> Json:
        original = self._meant(self._id(request))
        for tweet in self.tweets.values():
            if (tweet.author, tweet.type, tweet.of) == (me, "retweet", original.id):
                tweet.deleted = True
        return {}

    async def tweet(self, request: web.Request, me: int) -> Json:
        return self._shown(self._there(self._id(request)), me)

    async def delete(self, request: web.Request, me: int) -> Json:
        tweet = self._there(self._id(request))
        if tweet.author != me:
            raise Refusal(403, "not yours")
        tweet.deleted = True
        return {}

    async def like(self, request: web.Request, me: int) -> Json:
        tweet = self._meant(self._id(request))
        tweet.likers.add(me)
        return self._shown(tweet, me)

    async def unlike(self, request: web.Request, me: int) -> Json:
        tweet = self._meant(self._id(request))
        tweet.likers.discard(me)
        return self._shown(tweet, me)

    def _there(self, tweet_id: int) -> Tweet:
        tweet = self.tweets.get(tweet_id)
        if tweet is None or self.is_gone(tweet):
            raise Refusal(404, f"no tweet {tweet_id}")
        return tweet

    def is_gone(self, tweet: Tweet) -> bool:
        return tweet.deleted or (tweet.type == "retweet" and self.tweets[tweet.of or 0].deleted)

    def _meant(self, tweet_id: int) -> Tweet:
        tweet = self._there(tweet_id)
        return self._there(tweet.of) if tweet.type == "retweet" and tweet.of else tweet

    def _shown(self, tweet: Tweet, viewer: int, *, inner: bool = False) -> Json:
        about = [other for other in self.tweets.values() if other.of == tweet.id and not other.deleted]
        shown: Json = {
            "id": str(tweet.id),
            "type": tweet.type,
            "user": {"id": str(tweet.author)},
            "content": tweet.content,
            "created_at": tweet.created_at,
            "like_count": len(tweet.likers),
            "retweet_count": sum(other.type == "retweet" for other in about),
            "reply_count": sum(other.type == "reply" for other in about),
            "quote_count": sum(other.type == "quote" for other in about),
            "is_liked": viewer in tweet.likers,
            "is_retweeted": any(other.type == "retweet" and other.author == viewer for other in about),
        }
        if tweet.of and tweet.type == "reply":
            shown["reply_to_id"] = str(tweet.of)
        elif tweet.of and not inner and not self.tweets[tweet.of].deleted:
            name = "quoted_tweet" if tweet.type == "quote" else "retweeted_tweet"
            shown[name] = self._shown(self.tweets[tweet.of], viewer, inner=True)
        return shown

    # --- timelines

    async def home(self, request: web.Request, me: int) -> Json:
        return self._tweets(request, me, lambda tweet: self._is_at_home(tweet, me))

    async def timeline(self, request: web.Request, me: int) -> Json:
        author = self._id(request)
        return self._tweets(request, me, lambda tweet: tweet.author == author)

    def _tweets(self, request: web.Request, me: int, belongs: Callable[[Tweet], bool]) -> Json:
        entries = [t for t in reversed(self.tweets.values()) if not self.is_gone(t) and belongs(t)]
        page = _page(request, "tweets", entries)
        return page | {"tweets": [self._shown(tweet, me) for tweet in page["tweets"]]}

    def _is_at_home(self, tweet: Tweet, viewer: int) -> bool:
        if not self._is_source(tweet.author, viewer):
            return False
        if tweet.type == "reply":
            return self._is_source(tweet.of_author, viewer)
        if tweet.type != "retweet":
            return True
        original = self.tweets[tweet.of or 0]
        if self._is_at_home(original, viewer):
            return False
        return not any(
            other.of == original.id and other.type == "retweet" and not other.deleted
            for other in self.tweets.values()
            if other.id < tweet.id and self._is_source(other.author, viewer)
        )

    def _is_source(self, user: int | None, viewer: int) -> bool:
        return user == viewer or (viewer, user) in self.follows

    def _id(self, request: web.Request) -> int:
        return int(request.match_info["id"])


def _page(request: web.Request, name: str, items: list[Any]) -> Json:
    limit, cursor = int(request.query.get("limit", "20")), int(request.query.get("cursor", "0"))
    paging: Json = {"limit": limit, "has_more": cursor + limit < len(items), "next_cursor": ""}
    if paging["has_more"]:
        paging["next_cursor"] = str(cursor + limit)
    return {name: items[cursor : cursor + limit], "pagination": paging}


def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _time(id_: int) -> str:
    return datetime.fromtimestamp(id_ // 1_000_000_000, UTC).isoformat()
