"""Which service may call which RPC: what a fleet's certificates are held against."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from aviary.rpc.method import SERVICE, Method

SERVICES = ("users", "graph", "tweets", "fanout", "timelines")
# What runs beside them in the cluster profile and is called by nobody; its gRPC port answers health alone.
WORKERS = ("relay", "counting")
# Who else has a certificate: the one way in for people, and whoever runs the platform.
GATEWAY = "gateway"
OPERATOR = "operator"

# For each caller, by callee. A call that is not here fails with PERMISSION_DENIED wherever the callee runs.
CALLS: Mapping[str, Mapping[str, Collection[str]]] = {
    "users": {
        "graph.v1.GraphService": {"BatchGetCounts", "StreamPersonalData"},
        "graph.v1.RelationService": {"GetStandings"},
        "tweets.v1.TweetService": {"BatchGetAuthorCounts", "BatchGetPins", "StreamPersonalData"},
    },
    "graph": {
        "users.v1.UserService": {"BatchGetSummaries", "BatchGetUsers"},
    },
    "tweets": {
        "graph.v1.RelationService": {"GetStandings"},
        "users.v1.UserService": {"BatchGetSummaries", "BatchGetUsers", "ResolveUsernames"},
    },
    "fanout": {
        "graph.v1.GraphService": {"BatchGetCounts", "BatchGetFollowers", "StreamFollowers"},
    },
    "timelines": {
        "fanout.v1.FanoutService": {"GetTiers"},
        "graph.v1.GraphService": {"GetSources"},
        "graph.v1.ListService": {"GetListSources"},
        "tweets.v1.TweetService": {
            "FindEarliestRetweets",
            "FindReadable",
            "GetFragments",
            "Hydrate",
            "ListIndexed",
            "MergeAuthors",
        },
    },
}
_PATHS = {
    caller: frozenset(f"/aviary.api.{service}/{rpc}" for service, rpcs in called.items() for rpc in rpcs)
    for caller, called in CALLS.items()
}


def may_call(caller: str, method: Method) -> bool:
    """Whether a service, the gateway or an operator may make this call; whoever is none of them may make none."""
    if caller == GATEWAY:
        return method.access != SERVICE
    if caller == OPERATOR:
        return method.access == SERVICE
    return method.path in _PATHS.get(caller, ())


def callers_of(methods: Iterable[Method]) -> set[str]:
    """Who may make each of these calls."""
    asked = list(methods)
    return {caller for caller in (*CALLS, GATEWAY, OPERATOR) if all(may_call(caller, method) for method in asked)}


def called_by(caller: str) -> set[str]:
    """The services, as operators name them, that a service calls."""
    return {service.partition(".")[0] for service in CALLS.get(caller, ())}
