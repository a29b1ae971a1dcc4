"""From what somebody sent to the tweet that will be kept: the people, tweets and conversation that it names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from aviary.errors import Forbidden
from aviary.standing import Standing
from aviary.tweets import encoding, rules
from aviary.tweets.store import Audience, Draft, Entities, Kind, Revision, Tweet, TweetStore
from aviary.tweets.submission import Submission
from aviary.tweets.visibility import Regard

# Gives a viewer the tweet that an id stands for. Raises NotFound.
Original = Callable[[int, int], Awaitable[Tweet]]

_WHO_MAY_REPLY = {
    Audience.FOLLOWED: "people whom its author follows or mentions",
    Audience.MENTIONED: "people whom its author mentions",
}


class People(Protocol):
    """What tweets ask of the users service."""

    async def resolve(self, usernames: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of those names that exist, by lower-case name."""

    async def regard(self, viewer_id: int, user_ids: Sequence[int]) -> Regard:
        """Return how the viewer, 0 for nobody, and those of `user_ids` whose accounts stand are to each other."""


class Composer:
    """Checks submissions and makes drafts of them; stores nothing."""

    def __init__(self, store: TweetStore, people: People, original: Original) -> None:
        self._store = store
        self._people = people
        self._original = original

    async def draft(self, author_id: int, sent: Submission, *, client: str | None) -> Draft:
        return await self._resolved(rules.draft(author_id, sent, client=client), sent)

    async def thread(self, author_id: int, sent: Sequence[Submission], *, client: str | None) -> Sequence[Draft]:
        """Return the drafts of a thread; what is wrong with one is told with its place."""
        first, *rest = rules.thread(author_id, sent, client=client)
        with rules.at("tweets[0]"):
            first = await self._resolved(first, sent[0])
        rules.one_audience(first, sent)
        resolved = [first]
        for number, draft in enumerate(rest, 1):
            with rules.at(f"tweets[{number}]"):
                resolved.append(await self._resolved(replace(draft, audience=first.audience), sent[number]))
        return resolved

    async def revision(self, content: str) -> Revision:
        revision = rules.revision(content)
        return replace(revision, entities=await self._with_people(revision.entities))

    async def _resolved(self, draft: Draft, sent: Submission) -> Draft:
        draft = replace(draft, entities=await self._with_people(draft.entities))
        if sent.quote_id is not None:
            quoted = await self._original(draft.author_id, sent.quote_id)
            draft = replace(draft, kind=Kind.QUOTE, quote_id=quoted.id)
        if sent.reply_to_id is not None:
            draft = await self._replying(draft, await self._original(draft.author_id, sent.reply_to_id))
            rules.one_audience(draft, [sent])
        return draft

    async def _replying(self, draft: Draft, parent: Tweet) -> Draft:
        return replace(
            draft,
            kind=Kind.REPLY,
            ref_id=parent.id,
            ref_author_id=parent.author_id,
            conversation_id=parent.conversation_id,
            audience=await self._audience(draft.author_id, parent),
        )

    async def _audience(self, user_id: int, parent: Tweet) -> Audience:
        """Return who may reply in the conversation of `parent`. Raises Forbidden when the user may not."""
        # Every reply has its conversation's, so where it is open nobody needs to look.
        if parent.audience is Audience.EVERYONE:
            return parent.audience
        tweets = (await self._store.load([parent.conversation_id], viewer_id=0)).tweets
        root = tweets.get(parent.conversation_id)
        if root is None or root.deleted:
            return Audience.EVERYONE
        if user_id == root.author_id or user_id in encoding.mentioned(root.body):
            return root.audience
        standings = (await self._people.regard(user_id, [root.author_id])).standings
        if root.audience is Audience.FOLLOWED and standings.get(root.author_id, 0) & Standing.FOLLOWED_BY:
            return root.audience
        raise Forbidden(f"tweet {root.id} takes replies only from {_WHO_MAY_REPLY[root.audience]}")

    async def _with_people(self, entities: Entities) -> Entities:
        if not entities.mentions:
            return entities
        ids = await self._people.resolve(sorted({mention.text for mention in entities.mentions}))
        return replace(
            entities,
            mentions=[replace(each, user_id=ids.get(each.text.lower(), 0)) for each in entities.mentions],
        )
