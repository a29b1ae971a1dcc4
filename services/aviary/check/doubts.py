"""Settles what nobody knows: asks the platform, once a doubt, and makes the answer part of the world."""

from __future__ import annotations

from collections.abc import Iterable

from aviary.check.client import Reader, ShownTweet, Unreadable
from aviary.check.journal import Call
from aviary.check.world import Tweet, World


async def settle(world: World, doubts: Iterable[Call], reader: Reader) -> None:
    """Ask in the order of the calls, so that people exist before what they did."""
    for call in doubts:
        match call.op:
            case "register":
                await _settle_registration(world, call, reader)
            case "follow" | "unfollow":
                await _settle_follow(world, call, reader)
            case "like" | "unlike":
                await _settle_like(world, call, reader)
            case "unretweet" | "delete":
                await _settle_removal(world, call, reader)
            case "post" | "reply" | "quote" | "retweet":
                await _settle_creation(world, call, reader)
            case _:
                pass


async def _settle_registration(world: World, call: Call, reader: Reader) -> None:
    status, body = await reader.login(call.args["username"], call.args["password"])
    if status == 200:
        world.register(call, int(body["user"]["id"]))


async def _settle_follow(world: World, call: Call, reader: Reader) -> None:
    who, whom = world.ids[call.user], int(call.args["user_id"])
    path = f"/users/{who}/follows/{whom}"
    status, body = await reader.get(world.people[who], path)
    if status != 200:
        raise Unreadable(f"{path}: {status} {body}")
    world.set_follow(who, whom, follows=body["following"])


async def _settle_like(world: World, call: Call, reader: Reader) -> None:
    tweet = world.meant(call)
    if tweet is not None and (shown := await _shown(world, call, tweet, reader)) is not None:
        world.set_like(world.ids[call.user], tweet, likes=shown["is_liked"])


async def _settle_removal(world: World, call: Call, reader: Reader) -> None:
    tweet = world.removed(call)
    # What went with its original looks removed either way, and nobody can tell the difference.
    if tweet is not None and tweet.stands:
        tweet.deleted = await _shown(world, call, tweet, reader) is None


async def _shown(world: World, call: Call, tweet: Tweet, reader: Reader) -> ShownTweet | None:
    path = f"/tweets/{tweet.id}"
    status, body = await reader.get(world.people[world.ids[call.user]], path)
    if status not in {200, 404}:
        raise Unreadable(f"{path}: {status} {body}")
    shown: ShownTweet | None = body if status == 200 else None
    return shown


async def _settle_creation(world: World, call: Call, reader: Reader) -> None:
    """Look for it in its author's timeline, among what no acknowledged call has made."""
    author = world.ids[call.user]
    of = world.meant(call)
    async for page in reader.tweets(world.people[author], f"/timeline/user/{author}"):
        for shown in page:
            if int(shown["id"]) not in world.tweets and _is_made_by(call, shown, of):
                world.create(call, int(shown["id"]), shown["created_at"])
                return


def _is_made_by(call: Call, shown: ShownTweet, of: Tweet | None) -> bool:
    type_ = {"post": "original"}.get(call.op, call.op)
    if shown["type"] != type_ or shown["content"] != call.args.get("content", ""):
        return False
    return of is None or of.deleted or reference(shown) == of.id


def reference(shown: ShownTweet) -> int | None:
    """What a shown tweet answers, quotes or retweets, as far as it says so."""
    if "reply_to_id" in shown:
        return int(shown["reply_to_id"])
    referred = shown.get("retweeted_tweet") or shown.get("quoted_tweet")
    return int(referred["id"]) if referred else None
