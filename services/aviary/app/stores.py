"""What a profile gives the services: an adapter for every port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aviary._native import DenyList, Front
from aviary.eventlog import Consumption, Following
from aviary.fanout.store import DeadLetters, TierStore, WarmTimelines
from aviary.graph.lists.store import ListStore
from aviary.graph.relations.store import RelationStore
from aviary.graph.store import GraphStore
from aviary.graph.upkeep import RemovalStore as GraphRemovalStore
from aviary.rpc.front import Freshness
from aviary.rpc.limits import RateLimits
from aviary.timelines.filling import Copies
from aviary.timelines.store import HeldTimelines
from aviary.tweets.agenda.store import AgendaStore
from aviary.tweets.conversations.store import ConversationStore
from aviary.tweets.drafts.store import DraftStore
from aviary.tweets.engagement.store import EngagementStore, PollStore
from aviary.tweets.indices.store import IndexStore
from aviary.tweets.store import TweetStore
from aviary.tweets.upkeep.store import OwnStore, RemovalStore
from aviary.upkeep.store import CounterStore, PersonalStore
from aviary.users.accounts.store import AccountStore
from aviary.users.exports.store import ExportStore, Vault
from aviary.users.store import UserStore


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStores:
    """What the users' service keeps."""

    users: UserStore
    accounts: AccountStore
    exports: ExportStore
    vault: Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphStores:
    """What the graph's service keeps."""

    follows: GraphStore
    relations: RelationStore
    lists: ListStore
    removal: GraphRemovalStore
    personal: PersonalStore
    counters: CounterStore
    # What must follow the graph's own log to put right what met there, where writes may meet.
    repair: Consumption | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TweetStores:
    """What the tweets' service keeps."""

    tweets: TweetStore
    conversations: ConversationStore
    indices: IndexStore
    engagement: EngagementStore
    polls: PollStore
    drafts: DraftStore
    agenda: AgendaStore
    removal: RemovalStore
    own: OwnStore
    counters: CounterStore


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutStores:
    """What the fan-out keeps."""

    tiers: TierStore
    dead_letters: DeadLetters


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronting:
    """What hot reads are answered from in this process."""

    front: Front
    # Where others write as well: what is done before each answer, and where home lists are copied from.
    freshness: Freshness | None = None
    copies: Copies | None = None


class Stores(Protocol):
    """The adapters of one profile. A service's are made when it asks, and connected by `open`."""

    @property
    def held(self) -> HeldTimelines:
        """Home timelines as their readers see them."""

    @property
    def warm(self) -> WarmTimelines:
        """Home timelines as the fan-out sees them."""

    @property
    def fronting(self) -> Fronting | None:
        """What hot reads are answered from; None where every read is the handlers'. Made when it is first asked for."""

    @property
    def limits(self) -> RateLimits: ...

    @property
    def straggle_s(self) -> float:
        """How long after an account is deleted a process may still finish a write about it, begun or let in before."""

    @property
    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Whatever the profile itself must do for ever; it outlives a store that is down."""

    @property
    def told_at_once(self) -> Front | None:
        """The front that has what was just written before anybody hears that it was; None where it is told later."""

    def users(self) -> UserStores: ...

    def graph(self) -> GraphStores: ...

    def tweets(self) -> TweetStores: ...

    def fanout(self) -> FanoutStores: ...

    def consume(self, log: str, what: Consumption, *, service: str) -> Following:
        """Follow the events of one service on behalf of another."""

    def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Return `work`, which runs for ever, so that it runs in one process of the fleet at a time."""

    def worker(self, name: str) -> Sequence[Callable[[], Awaitable[None]]]:
        """What a worker of the profile does for ever. Raises InvalidInput for a name that it doesn't know."""

    async def feed_deny_list(self, denied: DenyList, loaded: asyncio.Event) -> None:
        """Refuse ended sessions and erased people for as long as the process lives; set `loaded` when all are known."""

    async def open(self) -> None:
        """Connect. Raises Unavailable in one sentence when that cannot be."""

    def checks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What must succeed for the process to be ready: a look at each store that it cannot do without."""

    async def close(self) -> None:
        """Finish accepted writes and let go of the stores."""
