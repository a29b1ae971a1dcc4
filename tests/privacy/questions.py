"""What a viewer may ask of every RPC to get at an author's secrets, and what of them each RPC may tell.

One row an RPC: the secrets that it tells whoever is on good terms with the
author, how it comes to tweets, and its requests. Rows run in this order, and
what changes how people stand to each other comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto

from google.protobuf.message import Message
from tests.privacy.scene import EMAIL, TAG, Scene, Secret, keyed_quote, keyed_thread
from tests.rpc.serving import PASSWORD

from aviary.api.graph.v1 import graph_pb2, lists_pb2, relations_pb2
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.api.users.v1 import accounts_pb2, users_pb2

TWEETS, PROFILE, LISTS = Secret.TWEETS, Secret.PROFILE, Secret.LISTS


class When(Flag):
    """Which relations an RPC says anything in, beside the rule that holds for all of them."""

    ALWAYS = auto()
    # Left out for whoever mutes the author: the platform chose what to show.
    NOT_MUTED = auto()
    # Only whom the viewer follows is on the list.
    FOLLOWING = auto()
    # Only whom the viewer mutes is on the list.
    MUTING = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """One RPC's requests, and what they bring to light when nothing is in the way."""

    tells: frozenset[Secret]
    requests: Callable[[Scene], Sequence[Message]]
    when: When = field(default=When.ALWAYS)


def _row(*tells: Secret, ask: Callable[[Scene], Sequence[Message]], when: When = When.ALWAYS) -> Question:
    return Question(frozenset(tells), ask, when)


def _tweets(scene: Scene) -> Sequence[int]:
    """Every tweet that holds something of the author's."""
    return [scene.tweet, scene.poll, scene.reply, scene.quote, scene.carrying, scene.retweet, scene.viewers_quote]


def _lists(scene: Scene) -> Sequence[int]:
    return [scene.open_list, scene.closed_list]


def _people(scene: Scene) -> Sequence[int]:
    return [scene.author.id, scene.other.id, scene.viewer.id]


def _input() -> drafts_pb2.TweetInput:
    return drafts_pb2.TweetInput(content="mine")


_USERS: Mapping[str, Question] = {
    "UserService/GetMe": _row(ask=lambda _: [users_pb2.GetMeRequest()]),
    "UserService/GetUser": _row(
        PROFILE, TWEETS, ask=lambda scene: [users_pb2.GetUserRequest(id=each) for each in _people(scene)]
    ),
    "UserService/GetUserByUsername": _row(
        PROFILE, TWEETS, ask=lambda _: [users_pb2.GetUserByUsernameRequest(username="AUTHOR")]
    ),
    "UserService/UpdateUser": _row(
        ask=lambda scene: [users_pb2.UpdateUserRequest(id=each, display_name="x") for each in _people(scene)]
    ),
    "UserService/Register": _row(
        ask=lambda _: [
            users_pb2.RegisterRequest(username="author", email="a@example.com", password=PASSWORD),
            users_pb2.RegisterRequest(username="another", email=EMAIL.upper(), password=PASSWORD),
        ]
    ),
    "UserService/Login": _row(
        ask=lambda _: [
            users_pb2.LoginRequest(username="author", password="wrong horse battery"),
            users_pb2.LoginRequest(email=EMAIL.upper(), password="wrong horse battery"),
        ]
    ),
    "UserService/RefreshToken": _row(ask=lambda _: [users_pb2.RefreshTokenRequest(refresh_token="forged")]),
    "UserService/GetJwks": _row(ask=lambda _: [users_pb2.GetJwksRequest()]),
    "AccountService/GetSettings": _row(ask=lambda _: [accounts_pb2.GetSettingsRequest()]),
    "AccountService/UpdateSettings": _row(ask=lambda _: [accounts_pb2.UpdateSettingsRequest(dm_from="nobody")]),
    "AccountService/ListSessions": _row(ask=lambda _: [accounts_pb2.ListSessionsRequest()]),
    "AccountService/RevokeSession": _row(ask=lambda scene: [accounts_pb2.RevokeSessionRequest(id=scene.author.id)]),
    "AccountService/ChangeUsername": _row(ask=lambda _: [accounts_pb2.ChangeUsernameRequest(username="author")]),
    "AccountService/ChangeEmail": _row(
        ask=lambda _: [accounts_pb2.ChangeEmailRequest(email=EMAIL.upper(), password=PASSWORD)]
    ),
    "AccountService/ChangePassword": _row(
        ask=lambda _: [accounts_pb2.ChangePasswordRequest(current_password="wrong", new_password=PASSWORD)]
    ),
    "AccountService/GetExport": _row(ask=lambda _: [accounts_pb2.GetExportRequest()]),
    "AccountService/DownloadExport": _row(ask=lambda _: [accounts_pb2.DownloadExportRequest()]),
}

_TIMELINES: Mapping[str, Question] = {
    "TimelineService/GetHomeTimeline": _row(
        TWEETS, ask=lambda _: [timelines_pb2.GetHomeTimelineRequest()], when=When.NOT_MUTED
    ),
    "TimelineService/CountHomeTimeline": _row(ask=lambda _: [timelines_pb2.CountHomeTimelineRequest()]),
    "TimelineService/GetUserTimeline": _row(
        TWEETS, ask=lambda scene: [timelines_pb2.GetUserTimelineRequest(id=each) for each in _people(scene)]
    ),
    "TimelineService/GetMentions": _row(
        TWEETS, ask=lambda _: [timelines_pb2.GetCollectionRequest()], when=When.NOT_MUTED
    ),
    "TimelineService/GetLikes": _row(TWEETS, ask=lambda _: [timelines_pb2.GetCollectionRequest()]),
    "TimelineService/GetBookmarks": _row(TWEETS, ask=lambda _: [timelines_pb2.GetCollectionRequest()]),
    "TimelineService/GetListTimeline": _row(
        TWEETS,
        ask=lambda scene: [
            timelines_pb2.GetListTimelineRequest(id=each)
            for each in (scene.viewers_list, scene.others_list, *_lists(scene))
        ],
        when=When.NOT_MUTED,
    ),
    "TimelineService/GetHashtagTimeline": _row(
        TWEETS, ask=lambda _: [timelines_pb2.GetHashtagTimelineRequest(tag=TAG)], when=When.NOT_MUTED
    ),
}

_TWEETS: Mapping[str, Question] = {
    "TweetService/GetTweet": _row(
        TWEETS, ask=lambda scene: [tweets_pb2.GetTweetRequest(id=each) for each in _tweets(scene)]
    ),
    "TweetService/BatchGetTweets": _row(
        TWEETS, ask=lambda scene: [tweets_pb2.BatchGetTweetsRequest(ids=_tweets(scene))]
    ),
    "TweetService/GetHistory": _row(
        TWEETS, ask=lambda scene: [tweets_pb2.GetHistoryRequest(id=each) for each in _tweets(scene)]
    ),
    "TweetService/GetConversation": _row(
        TWEETS,
        ask=lambda scene: [
            tweets_pb2.GetConversationRequest(id=each, order=order)
            for each in (*_tweets(scene), scene.foreign)
            for order in ("latest", "ranked")
        ],
    ),
    "TweetService/ListReplies": _row(
        TWEETS, ask=lambda scene: [tweets_pb2.ListRepliesRequest(id=scene.foreign)], when=When.NOT_MUTED
    ),
    "TweetService/ListQuotes": _row(
        TWEETS,
        ask=lambda scene: [tweets_pb2.ListQuotesRequest(id=each) for each in (scene.foreign, *_tweets(scene))],
        when=When.NOT_MUTED,
    ),
    "TweetService/CreateTweet": _row(
        TWEETS,
        ask=lambda scene: [
            keyed_quote(scene.tweet),
            *(tweets_pb2.CreateTweetRequest(content="x", quote_tweet_id=each) for each in _tweets(scene)),
            *(tweets_pb2.CreateTweetRequest(content="x", reply_to_id=each) for each in _tweets(scene)),
        ],
    ),
    "TweetService/CreateThread": _row(TWEETS, ask=lambda scene: [keyed_thread(scene.tweet)]),
    "TweetService/EditTweet": _row(
        TWEETS,
        ask=lambda scene: [
            tweets_pb2.EditTweetRequest(id=each, content="look again") for each in (*_tweets(scene), scene.foreign)
        ],
    ),
    "TweetService/DeleteTweet": _row(
        ask=lambda scene: [
            tweets_pb2.DeleteTweetRequest(id=each) for each in (scene.tweet, scene.poll, scene.reply, scene.retweet)
        ]
    ),
    "TweetService/LikeTweet": _row(
        TWEETS,
        ask=lambda scene: [
            tweets_pb2.LikeTweetRequest(id=scene.tweet, request_id=f"again-{scene.tweet}"),
            *(tweets_pb2.LikeTweetRequest(id=each) for each in _tweets(scene)),
        ],
    ),
    "TweetService/UnlikeTweet": _row(
        TWEETS, ask=lambda scene: [tweets_pb2.UnlikeTweetRequest(id=each) for each in _tweets(scene)]
    ),
    "TweetService/Retweet": _row(
        TWEETS,
        ask=lambda scene: [
            tweets_pb2.RetweetRequest(id=scene.tweet, request_id="again"),
            *(tweets_pb2.RetweetRequest(id=each) for each in _tweets(scene)),
        ],
    ),
    "TweetService/UndoRetweet": _row(
        ask=lambda scene: [tweets_pb2.UndoRetweetRequest(id=each) for each in _tweets(scene)]
    ),
    "EngagementService/Vote": _row(
        TWEETS,
        ask=lambda scene: [
            engagement_pb2.VoteRequest(id=scene.poll, option=0, request_id="again"),
            *(engagement_pb2.VoteRequest(id=scene.poll, option=option) for option in (0, 1, 9)),
        ],
    ),
    "EngagementService/Bookmark": _row(
        ask=lambda scene: [engagement_pb2.BookmarkRequest(id=each) for each in _tweets(scene)]
    ),
    "EngagementService/RemoveBookmark": _row(
        ask=lambda scene: [engagement_pb2.RemoveBookmarkRequest(id=each) for each in _tweets(scene)]
    ),
    "EngagementService/Pin": _row(ask=lambda scene: [engagement_pb2.PinRequest(id=each) for each in _tweets(scene)]),
    "EngagementService/Unpin": _row(
        ask=lambda scene: [engagement_pb2.UnpinRequest(id=each) for each in _tweets(scene)]
    ),
    "EngagementService/ListLikers": _row(
        PROFILE,
        ask=lambda scene: [engagement_pb2.ListEngagedRequest(id=each) for each in (scene.foreign, *_tweets(scene))],
    ),
    "EngagementService/ListRetweeters": _row(
        PROFILE,
        ask=lambda scene: [engagement_pb2.ListEngagedRequest(id=each) for each in (scene.foreign, *_tweets(scene))],
    ),
}

_DRAFTS: Mapping[str, Question] = {
    "DraftService/CreateDraft": _row(ask=lambda _: [drafts_pb2.CreateDraftRequest(tweet=_input())]),
    "DraftService/ListDrafts": _row(ask=lambda _: [drafts_pb2.ListDraftsRequest()]),
    "DraftService/GetDraft": _row(
        ask=lambda scene: [drafts_pb2.GetDraftRequest(id=each) for each in (scene.draft, scene.later)]
    ),
    "DraftService/UpdateDraft": _row(
        ask=lambda scene: [
            drafts_pb2.UpdateDraftRequest(id=scene.draft),
            drafts_pb2.UpdateDraftRequest(id=scene.draft, tweet=_input()),
        ]
    ),
    "DraftService/DeleteDraft": _row(ask=lambda scene: [drafts_pb2.DeleteDraftRequest(id=scene.draft)]),
    "DraftService/ScheduleTweet": _row(ask=lambda _: [drafts_pb2.ScheduleTweetRequest(tweet=_input())]),
    "DraftService/ListScheduled": _row(ask=lambda _: [drafts_pb2.ListDraftsRequest()]),
    "DraftService/GetScheduled": _row(
        ask=lambda scene: [drafts_pb2.GetDraftRequest(id=each) for each in (scene.draft, scene.later)]
    ),
    "DraftService/UpdateScheduled": _row(
        ask=lambda scene: [
            drafts_pb2.UpdateScheduledRequest(id=scene.later),
            drafts_pb2.UpdateScheduledRequest(id=scene.later, tweet=_input()),
        ]
    ),
    "DraftService/CancelScheduled": _row(ask=lambda scene: [drafts_pb2.DeleteDraftRequest(id=scene.later)]),
}

_LISTS: Mapping[str, Question] = {
    "ListService/GetList": _row(LISTS, ask=lambda scene: [lists_pb2.GetListRequest(id=each) for each in _lists(scene)]),
    "ListService/CreateList": _row(ask=lambda _: [lists_pb2.CreateListRequest(name="new")]),
    "ListService/UpdateList": _row(
        ask=lambda scene: [
            request
            for each in _lists(scene)
            for request in (lists_pb2.UpdateListRequest(id=each), lists_pb2.UpdateListRequest(id=each, name="x"))
        ]
    ),
    "ListService/ListOwnedLists": _row(
        LISTS,
        ask=lambda scene: [
            lists_pb2.ListListsRequest(),
            *(lists_pb2.ListListsRequest(user_id=each) for each in _people(scene)),
        ],
    ),
    "ListService/ListFollowedLists": _row(LISTS, ask=lambda _: [lists_pb2.ListFollowedListsRequest()]),
    "ListService/ListMemberships": _row(
        LISTS, ask=lambda scene: [lists_pb2.ListMembershipsRequest(user_id=each) for each in _people(scene)]
    ),
    "ListService/ListListMembers": _row(
        PROFILE,
        ask=lambda scene: [
            lists_pb2.ListListUsersRequest(id=each) for each in (scene.viewers_list, scene.others_list, *_lists(scene))
        ],
    ),
    "ListService/ListListFollowers": _row(
        PROFILE,
        ask=lambda scene: [lists_pb2.ListListUsersRequest(id=each) for each in (scene.others_list, *_lists(scene))],
    ),
    "ListService/FollowList": _row(ask=lambda scene: [lists_pb2.FollowListRequest(id=each) for each in _lists(scene)]),
    "ListService/UnfollowList": _row(
        ask=lambda scene: [lists_pb2.UnfollowListRequest(id=each) for each in _lists(scene)]
    ),
    "ListService/AddListMember": _row(
        ask=lambda scene: [
            lists_pb2.ListMemberRequest(id=each, user_id=scene.author.id)
            for each in (scene.viewers_list, *_lists(scene))
        ]
    ),
    "ListService/RemoveListMember": _row(
        ask=lambda scene: [
            lists_pb2.RemoveListMemberRequest(id=each, user_id=who)
            for each in (scene.viewers_list, *_lists(scene))
            for who in (scene.author.id, scene.viewer.id)
        ]
    ),
    "ListService/DeleteList": _row(ask=lambda scene: [lists_pb2.DeleteListRequest(id=each) for each in _lists(scene)]),
}

_GRAPH: Mapping[str, Question] = {
    "GraphService/ListFollowers": _row(
        PROFILE, ask=lambda scene: [graph_pb2.ListFollowsRequest(id=each) for each in _people(scene)]
    ),
    "GraphService/ListFollowing": _row(
        PROFILE, ask=lambda scene: [graph_pb2.ListFollowsRequest(id=each) for each in _people(scene)]
    ),
    "RelationService/ListMutuals": _row(
        PROFILE,
        ask=lambda scene: [graph_pb2.ListFollowsRequest(id=each) for each in _people(scene)],
        when=When.FOLLOWING,
    ),
    "GraphService/GetRelationship": _row(
        ask=lambda scene: [
            graph_pb2.GetRelationshipRequest(id=one, target_id=two) for one in _people(scene) for two in _people(scene)
        ]
    ),
    "RelationService/ListBlocks": _row(ask=lambda _: [relations_pb2.ListOwnRequest()]),
    "RelationService/ListMutes": _row(PROFILE, ask=lambda _: [relations_pb2.ListOwnRequest()], when=When.MUTING),
    "RelationService/ListFollowRequests": _row(PROFILE, ask=lambda _: [relations_pb2.ListOwnRequest()]),
    "RelationService/RemoveFollower": _row(ask=lambda scene: [relations_pb2.RemoveFollowerRequest(id=scene.author.id)]),
    "RelationService/AcceptFollowRequest": _row(
        ask=lambda scene: [relations_pb2.AnswerFollowRequestRequest(id=scene.author.id)]
    ),
    "RelationService/DenyFollowRequest": _row(
        ask=lambda scene: [relations_pb2.AnswerFollowRequestRequest(id=scene.author.id)]
    ),
    "GraphService/Follow": _row(ask=lambda scene: [graph_pb2.FollowRequest(id=scene.author.id)]),
    "GraphService/Unfollow": _row(ask=lambda scene: [graph_pb2.UnfollowRequest(id=scene.author.id)]),
    "RelationService/Mute": _row(ask=lambda scene: [relations_pb2.MuteRequest(id=scene.author.id)]),
    "RelationService/Unmute": _row(ask=lambda scene: [relations_pb2.UnmuteRequest(id=scene.author.id)]),
    "RelationService/Block": _row(ask=lambda scene: [relations_pb2.BlockRequest(id=scene.author.id)]),
    "RelationService/Unblock": _row(ask=lambda scene: [relations_pb2.UnblockRequest(id=scene.author.id)]),
}

_LEAVING: Mapping[str, Question] = {
    "UserService/Logout": _row(ask=lambda _: [users_pb2.LogoutRequest()]),
    "UserService/LogoutAll": _row(ask=lambda _: [users_pb2.LogoutAllRequest()]),
    "AccountService/Deactivate": _row(ask=lambda _: [accounts_pb2.DeactivateRequest()]),
    "AccountService/DeleteAccount": _row(ask=lambda _: [accounts_pb2.DeleteAccountRequest(password=PASSWORD)]),
}

QUESTIONS: Mapping[str, Question] = {
    **_USERS,
    **_TIMELINES,
    **_TWEETS,
    **_DRAFTS,
    **_LISTS,
    **_GRAPH,
    **_LEAVING,
}
