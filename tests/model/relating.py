"""What people do to each other."""

from __future__ import annotations

from random import Random

from google.protobuf.timestamp_pb2 import Timestamp
from tests.model.machine import Machine, act
from tests.model.records import MINUTE_MS, Account

TOUCHED = ("relationship", "user_timeline", "profile")


class Relating(Machine):
    """Acts about follows, blocks, mutes and lists."""

    @act(often=10)
    def follows(self, chance: Random) -> None:
        person, whom = self.actor(chance), self.anybody(chance)
        answer = self.do(person, "Follow", lambda _: self.world.follow(person, whom), id=whom.id)
        if answer.code == "OK":
            asked = (person, whom) in self.world.requests
            assert (answer.message.following, answer.message.requested) == (not asked, asked)
        self.look(person, *TOUCHED, "followers", "following", user=whom)

    @act(often=4)
    def unfollows(self, chance: Random) -> None:
        person, whom = self._pair(self.world.follows + self.world.requests, chance)
        self.do(person, "Unfollow", lambda _: self.world.unfollow(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "followers", "following", user=whom)

    @act(often=4)
    def answers_a_request(self, chance: Random) -> None:
        person, asking = self._pair([(whom, who) for who, whom in self.world.requests], chance)
        if chance.random() < 0.7:
            self.do(person, "AcceptFollowRequest", lambda _: self.world.accept(person, asking), id=asking.id)
        else:
            self.do(person, "DenyFollowRequest", lambda _: self.world.deny(person, asking), id=asking.id)
        self.look(person, *TOUCHED, "requests", "followers", user=asking)

    @act(often=1)
    def removes_a_follower(self, chance: Random) -> None:
        person, follower = self._pair([(whom, who) for who, whom in self.world.follows], chance)
        self.do(person, "RemoveFollower", lambda _: self.world.remove_follower(person, follower), id=follower.id)
        self.look(person, *TOUCHED, "followers", "mutuals", user=follower)

    @act(often=4)
    def blocks(self, chance: Random) -> None:
        person, whom = self.actor(chance), self.anybody(chance)
        self.do(person, "Block", lambda _: self.world.block(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "blocks", "mentions", "memberships", user=whom)

    @act(often=4)
    def unblocks(self, chance: Random) -> None:
        person, whom = self._pair(self.world.blocks, chance)
        self.do(person, "Unblock", lambda _: self.world.unblock(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "blocks", user=whom)

    @act(often=4)
    def mutes(self, chance: Random) -> None:
        person, whom = self._pair(self.world.follows, chance)
        minutes = chance.choice([None, 30, 100])
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
        self.look(person, *TOUCHED, "mutes", "mentions", "list_timeline", user=whom)

    @act()
    def unmutes(self, chance: Random) -> None:
        person, whom = self._pair([(mute.owner, mute.member) for mute in self.world.mutes], chance)
        self.do(person, "Unmute", lambda _: self.world.unmute(person, whom), id=whom.id)
        self.look(person, *TOUCHED, "mutes", user=whom)

    @act(often=4, when=lambda self: len(self.world.lists) < 6)
    def makes_a_list(self, chance: Random) -> None:
        person, name, private = self.actor(chance), f"list {len(self.world.lists)}", chance.random() < 0.3
        self.do(
            person,
            "CreateList",
            lambda made: self.world.make_list(person, name, made.id, private=private),
            name=name,
            private=private,
        )
        self.look(person, "one_list", "owned_lists")

    @act(often=8, when=Machine.has_lists)
    def fills_a_list(self, chance: Random) -> None:
        of, member = self.a_list(chance), self.anybody(chance)
        person = self._mostly(of.owner, chance)
        reference = lambda _: self.world.add_member(person, of, member)  # noqa: E731
        self.do(person, "AddListMember", reference, id=of.id, user_id=member.id)
        self.look(person, "one_list", "list_members", "list_timeline", "memberships", of=of, user=member)

    @act(when=Machine.has_lists)
    def empties_a_list(self, chance: Random) -> None:
        of, member = self.a_list(chance), self.anybody(chance)
        person = self._mostly(chance.choice([of.owner, member]), chance)
        reference = lambda _: self.world.remove_member(person, of, member)  # noqa: E731
        self.do(person, "RemoveListMember", reference, id=of.id, user_id=member.id)
        self.look(person, "one_list", "list_members", "list_timeline", "memberships", of=of, user=member)

    @act(when=Machine.has_lists)
    def follows_a_list(self, chance: Random) -> None:
        person, of = self.actor(chance), self.a_list(chance)
        self.do(person, "FollowList", lambda _: self.world.follow_list(person, of), id=of.id)
        self.look(person, "one_list", "followed_lists", "list_followers", of=of)

    @act(when=Machine.has_lists)
    def unfollows_a_list(self, chance: Random) -> None:
        person, of = self.one_of(
            [pair for pair in self.world.list_follows if pair[0].stands],
            chance,
            lambda: (self.actor(chance), self.a_list(chance)),
        )
        self.do(person, "UnfollowList", lambda _: self.world.unfollow_list(person, of), id=of.id)
        self.look(person, "one_list", "followed_lists", "list_followers", of=of)

    @act(when=Machine.has_lists)
    def changes_a_list(self, chance: Random) -> None:
        of, private = self.a_list(chance), chance.random() < 0.5
        person = self._mostly(of.owner, chance)
        reference = lambda _: self.world.change_list(person, of, private=private)  # noqa: E731
        self.do(person, "UpdateList", reference, id=of.id, private=private)
        self.look(person, "one_list", "owned_lists", "list_timeline", of=of)

    @act(often=1, when=lambda self: len(self.world.lists) > 3)
    def deletes_a_list(self, chance: Random) -> None:
        of = self.a_list(chance)
        person = self._mostly(of.owner, chance)
        self.do(person, "DeleteList", lambda _: self.world.delete_list(person, of), id=of.id)
        self.look(person, "one_list", "owned_lists", "list_timeline", of=of)

    # How.

    def _pair(self, pairs: list[tuple[Account, Account]], chance: Random) -> tuple[Account, Account]:
        """Mostly two who stand so to each other."""
        able = [pair for pair in pairs if pair[0].stands]
        return self.one_of(able, chance, lambda: (self.actor(chance), self.anybody(chance)))

    def _mostly(self, person: Account, chance: Random) -> Account:
        return self.one_of([person] if person.stands else [], chance, lambda: self.actor(chance))
