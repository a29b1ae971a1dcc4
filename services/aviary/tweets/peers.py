"""The other services as tweets ask them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aviary import ids
from aviary.api.graph.v1 import relations_pb2
from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.recent import Recent
from aviary.tweets.muting import MutedWords
from aviary.tweets.visibility import Person, Regard, Viewer

_VIEWERS_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class _Known:
    version: int
    viewer: Viewer


class Peers:
    """Users and graph: who exists, and how a viewer stands to them."""

    def __init__(self, users: UserServiceStub, relations: RelationServiceStub) -> None:
        self._users = users
        self._relations = relations
        # What viewers chose not to be shown, by version.
        self._viewers: Recent[int, _Known] = Recent(_VIEWERS_KEPT)

    async def resolve(self, usernames: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of those names that exist, by lower-case name."""
        return (await self._users.ResolveUsernames(users_pb2.ResolveUsernamesRequest(usernames=usernames))).ids

    async def users(self, user_ids: Sequence[int]) -> Sequence[users_pb2.User]:
        """Return full users in the order asked for; missing ones are skipped."""
        if not user_ids:
            return []
        return (await self._users.BatchGetUsers(users_pb2.BatchGetUsersRequest(ids=user_ids))).users

    async def regard(self, viewer_id: int, user_ids: Sequence[int]) -> Regard:
        """Return how the viewer, 0 for nobody, and those people stand; one read of users and one of graph at most."""
        if not user_ids:
            return Regard(Viewer(viewer_id), {}, {})
        others = [user_id for user_id in user_ids if user_id != viewer_id]
        if not viewer_id or not others:
            viewer, people = await self._people(viewer_id, user_ids)
            return Regard(viewer, people, {})
        # One after the other: two threads at once would fight over the interpreter for longer than either reads.
        viewer, people = await self._people(viewer_id, user_ids)
        return Regard(viewer, people, await self._standings(viewer_id, others))

    async def _people(self, viewer_id: int, user_ids: Sequence[int]) -> tuple[Viewer, Mapping[int, Person]]:
        known = self._viewers.get(viewer_id)
        request = users_pb2.BatchGetSummariesRequest(
            ids=user_ids, viewer_id=viewer_id, if_preferences_version_not=known.version if known else None
        )
        found = await self._users.BatchGetSummaries(request)
        hidden = frozenset(found.hidden_ids)
        people = {
            user.id: Person(user.protected, user.SerializeToString()) for user in found.users if user.id not in hidden
        }
        if found.HasField("preferences"):
            known = self._keep(viewer_id, found.preferences)
        return known.viewer if known else Viewer(viewer_id), people

    def _keep(self, viewer_id: int, chosen: users_pb2.ViewerPreferences) -> _Known:
        viewer = Viewer(viewer_id, hide_sensitive=chosen.hide_sensitive, muted_words=MutedWords(chosen.muted_words))
        known = _Known(chosen.version, viewer)
        self._viewers.keep(viewer_id, known)
        return known

    async def _standings(self, viewer_id: int, user_ids: Sequence[int]) -> Mapping[int, int]:
        request = relations_pb2.GetStandingsRequest(viewer_id=viewer_id, user_ids=ids.pack(user_ids))
        found = (await self._relations.GetStandings(request)).bits
        return {user_id: bits for user_id, bits in zip(user_ids, found, strict=True) if bits}
