"""Reads from the platform through its public API, as any of the people in the journal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, NotRequired, Self, TypedDict, cast

import aiohttp

from aviary.check.journal import Token
from aviary.check.world import Person

_TIMEOUT_S = 30.0
_MARGIN_S = 30.0
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class ShownUser(TypedDict):
    """The part of a user that is looked at."""

    id: str


class ShownTweet(TypedDict):
    """The part of a tweet that is looked at."""

    id: str
    type: str
    user: ShownUser
    content: str
    created_at: str
    like_count: int
    retweet_count: int
    reply_count: int
    quote_count: int
    is_liked: bool
    is_retweeted: bool
    reply_to_id: NotRequired[str]
    quoted_tweet: NotRequired[ShownTweet]
    retweeted_tweet: NotRequired[ShownTweet]


class Unreadable(Exception):
    """The platform didn't give what it must: no answer, a refusal, a page that leads nowhere."""


class Answer(NamedTuple):
    """A status and its JSON, which has as many shapes as there are calls."""

    status: int
    body: Any


class Reader:
    """Reads as a person, with the token of the journal while it is good, else with one from a login."""

    def __init__(
        self, url: str, tokens: Mapping[int, Token], *, connections: int, limit: int, patience_s: float
    ) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._tokens = dict(tokens)
        self._connections = connections
        self._limit = limit
        self._patience_s = patience_s

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            headers={"accept-encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def get(self, person: Person, path: str) -> Answer:
        """Any answer but one that says to try again. Raises Unreadable when there is none."""
        answer = await self._ask("GET", path, token=await self._token(person))
        if answer.status == 401:
            del self._tokens[person.number]
            answer = await self._ask("GET", path, token=await self._token(person))
        return answer

    async def login(self, username: str, password: str) -> Answer:
        return await self._ask("POST", "/auth/login", body={"username": username, "password": password})

    async def pages(self, person: Person, path: str, items: str) -> AsyncIterator[list[Any]]:
        """Follow the cursors of a list to its end."""
        cursor, cursors = "", set[str]()
        while True:
            page = await self.get(person, f"{path}?limit={self._limit}{cursor}")
            if page.status != 200:
                raise Unreadable(f"{path}: {page.status} {page.body}")
            shown, paging = page.body[items], page.body["pagination"]
            if len(shown) > self._limit:
                raise Unreadable(f"{path}: a page of {len(shown)}, asked for {self._limit}")
            yield shown
            if not paging["has_more"]:
                break
            cursor = f"&cursor={paging.get('next_cursor', '')}"
            if cursor in cursors or cursor == "&cursor=":
                raise Unreadable(f"{path}: has_more, and the cursor {cursor[8:]!r} leads nowhere")
            cursors.add(cursor)
        if cursors and not shown:
            raise Unreadable(f"{path}: has_more, and the next page was empty and the last")

    async def tweets(self, person: Person, path: str) -> AsyncIterator[list[ShownTweet]]:
        async for page in self.pages(person, path, "tweets"):
            yield cast("list[ShownTweet]", page)

    async def _token(self, person: Person) -> str:
        token = self._tokens.get(person.number)
        if token is None or token.until < time.time() + _MARGIN_S:
            status, body = await self.login(person.username, person.password)
            if status != 200:
                raise Unreadable(f"{person.username} can't log in: {status} {body}")
            token = Token(body["access_token"], time.time() + float(body["expires_in"]))
            self._tokens[person.number] = token
        return token.access

    async def _ask(self, method: str, path: str, *, token: str = "", body: dict[str, str] | None = None) -> Answer:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        give_up, pause_s = time.monotonic() + self._patience_s, _FIRST_PAUSE_S
        while True:
            try:
                async with self._http.request(method, self._base + path, json=body, headers=headers) as response:
                    if response.status == 429:
                        await asyncio.sleep(float(response.headers.get("retry-after", 1)))
                    elif response.status < 500:
                        return Answer(response.status, json.loads(await response.read()))
                    reason = str(response.status)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                reason = type(error).__name__
            if time.monotonic() > give_up:
                raise Unreadable(f"{method} {path}: {reason} for {self._patience_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
