"""What people do to each other."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tests.model.machine import Machine, page_size, place, someone
from tests.model.records import MINUTE_MS

TOUCHED = ("relationship", "user_timeline", "profile")


class Relating(Machine):
    """Rules about follows, blocks, mutes and lists."""

    @rule(who=someone, other=someone, size=page_size)
    def follow(self, who: int, other: int, size: int) -> None:
        person, whom = self.actor(who), self.anybody(other)
        answer = self.do(person, "Follow", lambda _: self.world.follow(person, whom), id=whom.id)
        if answer.code == "OK":
            asked = (person, whom) in self.world.requests
            assert (answer.message.following, answer.message.requested) == (not asked, asked)
        self.look(person, *TOUCHED, "followers", "following", user=whom, size=size)

    @rule(who=someone, other=someone, size=page_size)
    def unfollow(self, who: int, other: int, size: int) -> None:
        person, whom = self.actor(who), self.anybody(other)
        self.do(person, "Unfollow", lambda _: self.world.unfollow(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "followers", "following", user=whom, size=size)

    @rule(who=someone, other=someone, accept=st.booleans(), size=page_size)
    def answer_a_request(self, who: int, other: int, accept: bool, size: int) -> None:
        person, asking = self.actor(who), self.anybody(other)
        waiting = [(one, whom) for one, whom in self.world.requests if whom.stands]
        if waiting and other % 4:
            asking, person = waiting[other % len(waiting)]
        if accept:
            self.do(person, "AcceptFollowRequest", lambda _: self.world.accept(person, asking), id=asking.id)
        else:
            self.do(person, "DenyFollowRequest", lambda _: self.world.deny(person, asking), id=asking.id)
        self.look(person, *TOUCHED, "requests", "followers", user=asking, size=size)

    @rule(who=someone, other=someone, size=page_size)
    def remove_follower(self, who: int, other: int, size: int) -> None:
        person, follower = self.actor(who), self.anybody(other)
        self.do(person, "RemoveFollower", lambda _: self.world.remove_follower(person, follower), id=follower.id)
        self.look(person, *TOUCHED, "followers", "mutuals", user=follower, size=size)

    @rule(who=someone, other=someone, size=page_size)
    def block(self, who: int, other: int, size: int) -> None:
        person, whom = self.actor(who), self.anybody(other)
        self.do(person, "Block", lambda _: self.world.block(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "blocks", "mentions", "memberships", user=whom, size=size)

    @rule(who=someone, other=someone, size=page_size)
    def unblock(self, who: int, other: int, size: int) -> None:
        blocking = [(person, whom) for person, whom in self.world.blocks if person.stands]
        person, whom = blocking[other % len(blocking)] if blocking else (self.actor(who), self.anybody(other))
        self.do(person, "Unblock", lambda _: self.world.unblock(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "blocks", user=whom, size=size)

    @rule(who=someone, other=someone, minutes=st.sampled_from([None, 30, 100]), size=page_size)
    def mute(self, who: int, other: int, minutes: int | None, size: int) -> None:
        person, whom = self.actor(who), self.anybody(other)
        until_ms = minutes and self.deployment.clock.now_ms() + minutes * MINUTE_MS
        expires_at = Timestamp()
        expires_at.FromMilliseconds(until_ms or 0)
        self.do(
            person,
            "Mute",
            lambda _: self.world.mute(person, whom, until_ms),
            id=whom.id,
            expires_at=expires_at if until_ms else None,
        )
        self.look(person, *TOUCHED, "mutes", "mentions", "list_timeline", user=whom, size=size)

    @rule(who=someone, other=someone, size=page_size)
    def unmute(self, who: int, other: int, size: int) -> None:
        muting = [(mute.owner, mute.member) for mute in self.world.mutes if mute.owner.stands]
        person, whom = muting[other % len(muting)] if muting else (self.actor(who), self.anybody(other))
        self.do(person, "Unmute", lambda _: self.world.unmute(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "mutes", user=whom, size=size)

    @precondition(lambda self: len(self.world.lists) < 6)
    @rule(who=someone, private=st.booleans(), size=page_size)
    def make_a_list(self, who: int, private: bool, size: int) -> None:
        person, name = self.actor(who), f"list {len(self.world.lists)}"
        self.do(
            person,
            "CreateList",
            lambda made: self.world.make_list(person, name, made.id, private=private),
            name=name,
            private=private,
        )
        self.look(person, "one_list", "owned_lists", size=size)

    @precondition(Machine.has_lists)
    @rule(at=place, other=someone, leave=st.booleans(), size=page_size, stranger=st.none() | someone)
    def change_members(self, at: int, other: int, leave: bool, size: int, stranger: int | None) -> None:
        of, member = self.list_at(at), self.anybody(other)
        person = of.owner if stranger is None and of.owner.stands else self.actor(stranger or 0)
        if leave:
            act = lambda _: self.world.remove_member(person, of, member)  # noqa: E731
            self.do(person, "RemoveListMember", act, id=of.id, user_id=member.id)
        else:
            act = lambda _: self.world.add_member(person, of, member)  # noqa: E731
            self.do(person, "AddListMember", act, id=of.id, user_id=member.id)
        self.look(person, "one_list", "list_members", "list_timeline", "memberships", of=of, user=member, size=size)

    @precondition(Machine.has_lists)
    @rule(who=someone, at=place, leave=st.booleans(), size=page_size)
    def follow_a_list(self, who: int, at: int, leave: bool, size: int) -> None:
        person, of = self.actor(who), self.list_at(at)
        if leave:
            self.do(person, "UnfollowList", lambda _: self.world.unfollow_list(person, of), id=of.id)
        else:
            self.do(person, "FollowList", lambda _: self.world.follow_list(person, of), id=of.id)
        self.look(person, "one_list", "followed_lists", "list_followers", of=of, size=size)

    @precondition(Machine.has_lists)
    @rule(who=someone, at=place, private=st.booleans() | st.none(), size=page_size)
    def change_a_list(self, who: int, at: int, private: bool | None, size: int) -> None:
        """None deletes it."""
        of = self.list_at(at)
        person = of.owner if at % 3 and of.owner.stands else self.actor(who)
        if private is None:
            self.do(person, "DeleteList", lambda _: self.world.delete_list(person, of), id=of.id)
        else:
            act = lambda _: self.world.change_list(person, of, private=private)  # noqa: E731
            self.do(person, "UpdateList", act, id=of.id, private=private)
        self.look(person, "one_list", "owned_lists", "list_timeline", of=of, size=size)
