"""An oracle for a loaded platform: it derives from the journal of a load what everybody must see, and looks.

It is plain Python over the journal and the public API. It imports nothing else of the platform, so that a mistake
in the platform is not made here as well; even the journal has a reader of its own (`aviary.check.journal`).

The rule of the home timeline
-----------------------------
*Sources.* A viewer's sources are the viewer and everybody whom the viewer follows now. When they followed, and what
they had seen, doesn't matter: a follow brings the past of the followed, an unfollow takes all of it away.

*Candidates.* Every tweet by a source that is not deleted: originals, quotes, retweets, and those replies whose
parent's author is a source as well (answers to the viewer and to oneself included). The parent's author is whom the
reply was made to, also when the parent has been deleted since.

*Retweets.* A retweet is visible while its original is not deleted. An original and its retweets appear once:

1. if the original belongs to this home by itself (its author is a source and, should it be a reply, the author of
   its parent is too), it shows, and none of its retweets do;
2. else the earliest retweet of it by a source shows, that with the smallest id, and the others don't.

*Order.* By the id of the entry, descending. A retweet's entry has the retweet's own id.

*Meaning.* To act on a retweet (retweet, like, answer, quote it) is to act on its original. To delete a retweet is
to undo it. To delete a tweet removes neither the answers to it nor the quotes of it.

The rule of the user timeline
-----------------------------
All tweets by the author that are not deleted: originals, replies, quotes, and retweets whose original is not deleted;
by id, descending.

Counters
--------
Likes, retweets, replies and quotes of a tweet count what stands: not the undone, not the deleted, no repeats. A user's
`tweet_count` counts the author's tweets of all types that are not deleted, and whether it counts a retweet whose
original is deleted is left open; `like_count` counts the likes on the user's tweets that are not deleted.

What nobody knows
-----------------
A call without an answer was done or was not. Each such doubt is settled by asking the platform in one place (does the
author's timeline hold the tweet? does the liker see it liked?); from there on that answer binds, and every other place
must agree with it.
"""
