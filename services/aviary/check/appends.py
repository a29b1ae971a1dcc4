"""How many entries the fan-out must have appended, worked out from the journal of a load.

A new tweet of any type is appended to the list of its author and of each follower of that moment, as far as the list
is warm: its owner read home after the last time that they followed somebody new, which makes a list absent. Exact when
all authors are below the push threshold, nothing dropped the lists (no restart, no idle day), and the load ran its
stages: relations change while nobody posts, and whoever changed theirs reads home before the posting goes on.
"""

from __future__ import annotations

from aviary.check.journal import Journal, Outcome
from aviary.check.world import World


def expected_appends(journal: Journal) -> int:
    """The number of entries that the acknowledged tweets of a journal put into warm lists."""
    world, warm, appended = World(), set[int](), 0
    for call in journal.calls:
        if call.outcome is not Outcome.DONE:
            continue
        follows_anew = call.op == "follow" and int(call.args["user_id"]) not in world.following[world.ids[call.user]]
        known = len(world.tweets)
        world.play(call)
        who = world.ids[call.user]
        if call.op in {"read", "see"}:
            warm.add(who)
        elif follows_anew:
            warm.discard(who)
        elif len(world.tweets) > known:
            appended += len(warm & (world.followers[who] | {who}))
    return appended
