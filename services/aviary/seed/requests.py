"""From a planned call to what goes over the wire, and from its answer to what the journal keeps."""

from __future__ import annotations

from typing import Any

from aviary.seed.call import Call, Op
from aviary.seed.client import Request
from aviary.seed.journal import Journal
from aviary.seed.people import password, person

_HOME = "/timeline/home?limit=40"
_ROUTES = {
    Op.REGISTER: ("POST", "/auth/register"),
    Op.FOLLOW: ("POST", "/users/{user_id}/follow"),
    Op.UNFOLLOW: ("DELETE", "/users/{user_id}/follow"),
    Op.READ: ("GET", _HOME),
    Op.SEE: ("GET", _HOME),
    Op.POST: ("POST", "/tweets"),
    Op.REPLY: ("POST", "/tweets"),
    Op.QUOTE: ("POST", "/tweets"),
    Op.RETWEET: ("POST", "/tweets/{tweet_id}/retweet"),
    Op.UNRETWEET: ("DELETE", "/tweets/{tweet_id}/retweet"),
    Op.LIKE: ("POST", "/tweets/{tweet_id}/like"),
    Op.UNLIKE: ("DELETE", "/tweets/{tweet_id}/like"),
    Op.DELETE: ("DELETE", "/tweets/{tweet_id}"),
}


def arguments(call: Call, journal: Journal) -> dict[str, str] | None:
    """The call's arguments with the platform's ids in them; None when what it is about was never made."""
    made = journal.made
    if call.op is Op.REGISTER:
        someone = person(call.who)
        names = {"username": someone.username, "email": someone.email, "display_name": someone.display_name}
        return {**names, "password": password(journal.run, call.who)}
    # Person n is registered by call n.
    if call.who not in made or (call.whom is not None and call.whom not in made):
        return None
    if call.of is not None and call.of not in made:
        return None
    args = {"content": call.text} if call.text else {}
    if call.whom is not None:
        args["user_id"] = made[call.whom]
    if call.of is not None:
        args["tweet_id"] = made[call.of]
    return args


def request(call: Call, args: dict[str, str], *, key: str, token: str | None) -> Request:
    """The one HTTP request that the call is."""
    method, path = _ROUTES[call.op]
    return Request(
        method, path.format_map(args), _body(call.op, args), key=None if method == "GET" else key, token=token
    )


def _body(op: Op, args: dict[str, str]) -> dict[str, str] | None:
    match op:
        case Op.REGISTER:
            return args
        case Op.POST:
            return {"content": args["content"]}
        case Op.REPLY:
            return {"content": args["content"], "reply_to_id": args["tweet_id"]}
        case Op.QUOTE:
            return {"content": args["content"], "quote_tweet_id": args["tweet_id"]}
        case _:
            return None


# JSON, of as many shapes as there are calls.
def facts(op: Op, answer: dict[str, Any]) -> dict[str, str]:
    """What an acknowledgement says that only the platform knows: the id that it gave, and its time."""
    match op:
        case Op.REGISTER:
            return {"id": str(answer["user"]["id"]), "at": str(answer["user"]["created_at"])}
        case Op.POST | Op.REPLY | Op.QUOTE | Op.RETWEET:
            return {"id": str(answer["id"]), "at": str(answer["created_at"])}
        case _:
            return {}
