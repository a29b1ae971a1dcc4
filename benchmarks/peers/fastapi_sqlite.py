"""FastAPI and SQLAlchemy on SQLite, as a good team writes it; `ready` answers with spliced bytes in place of models."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from sqlalchemy import Engine

from benchmarks.peers import cursors, models, splicing, text
from benchmarks.peers.access import Access, signed_in
from benchmarks.peers.feed import Draft, Feed, KeyReused, Stretch
from benchmarks.peers.moments import now
from benchmarks.peers.shape import NewTweet, Page, Tweet

User = Annotated[int, Depends(signed_in)]
Key = Annotated[str, Header(alias="idempotency-key", max_length=128)]
_JSON = "application/json"


def app(engine: Engine, access: Access, *, ready: bool) -> FastAPI:
    """The app on a file that has its tables."""
    made = FastAPI(title="A feed on SQLite")
    made.state.access = access
    made.state.feed = (
        Feed(engine, splicing.COLUMNS, splicing.encoded) if ready else Feed(engine, models.COLUMNS, models.unencoded)
    )
    made.include_router(_splicing if ready else _modelled, prefix="/api/v1")
    made.add_api_route("/healthz", _health)
    return made


async def _health() -> dict[str, str]:
    return {"status": "ok"}


async def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.feed
    return feed


TheFeed = Annotated[Feed, Depends(_feed)]


async def _stretch(
    user: User,
    feed: TheFeed,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str = "",
    since_id: Annotated[int, Query(ge=0)] = 0,
) -> tuple[Stretch, int]:
    """What a page shows, read where it is asked for: a thread would cost more than the two queries take."""
    return feed.page(user, below=cursors.decode(cursor), above=since_id, limit=limit), limit


async def _allowed(user: User, request: Request, response: Response) -> int:
    """Whoever may post once more."""
    access: Access = request.app.state.access
    access.tweets.spend(user, response)
    return user


async def _posted(new: NewTweet, user: Annotated[int, Depends(_allowed)], feed: TheFeed, key: Key = "") -> int:
    """The id of the tweet."""
    content = text.read(new.content)
    known = feed.known(text.names(content))
    found = text.entities(content, known)
    draft = Draft(
        author_id=user,
        content=content,
        created_at=now(),
        language=text.language(content),
        entities=found.model_dump_json(),
        tags=sorted({each.tag.lower() for each in found.hashtags}),
        mentioned=sorted(set(known.values())),
        key=key,
        body=hashlib.blake2b(new.content.encode(), digest_size=32).digest(),
    )
    try:
        return await feed.post(draft)
    except KeyReused:
        raise HTTPException(409, "the idempotency key was used with another body") from None


Read = Annotated[tuple[Stretch, int], Depends(_stretch)]
Posted = Annotated[int, Depends(_posted)]
_modelled, _splicing = APIRouter(), APIRouter()


@_modelled.get("/timeline/home", response_model_exclude_none=True)
async def _home(read: Read) -> Page:
    return models.page(*read)


@_modelled.post("/tweets", response_model_exclude_none=True)
async def _post(user: User, feed: TheFeed, posted: Posted) -> Tweet:
    return models.tweet(feed.own(user, posted))


@_splicing.get("/timeline/home")
async def _ready_home(read: Read, response: Response) -> Response:
    return Response(splicing.page(*read), media_type=_JSON, headers=response.headers)


@_splicing.post("/tweets")
async def _ready_post(user: User, feed: TheFeed, posted: Posted, response: Response) -> Response:
    return Response(splicing.tweet(feed.own(user, posted)), media_type=_JSON, headers=response.headers)
