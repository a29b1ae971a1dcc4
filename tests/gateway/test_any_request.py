"""Whatever is sent, an error has the one shape and the gateway goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.echo import Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

_words = st.sampled_from(
    ["api", "v1", "users", "me", "tweets", "5", "timeline", "home", "auth", "login", "%2e%2e", "%ff", "{id}", "a:b", ""]
)
_paths = st.lists(_words, max_size=6).map(lambda words: "/" + "/".join(words))
_queries = st.sampled_from(
    ["", "?", "?limit=5", "?limit=x", "?ids=1&ids=2", "?user.id=1", "?%ff=1", "?a=%00", "?=", "?#"]
)
_addresses = st.tuples(_paths, _queries).map("".join)
_verbs = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
_bodies = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"{}", b"[]", b'{"content":"x"}', b'{"id":"x"}', b'{"content":"\\u0000"}', b'{"__proto__":1}']
    ),
)
_headers = st.dictionaries(
    st.sampled_from(
        ["content-type", "authorization", "x-http-method-override", "te", "expect", "accept-encoding", "range", "x-a"]
    ),
    st.sampled_from(
        ["application/json", "application/grpc-web", "text/plain", "trailers", "100-continue", "gzip", "*", ""]
    ),
    max_size=3,
)


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(verb=_verbs, path=_addresses, body=_bodies, headers=_headers, signed_in=st.booleans())
async def test_any_request_is_answered_in_shape(
    gateway: Platform, verb: str, path: str, body: bytes, headers: dict[str, str], *, signed_in: bool
) -> None:
    options: dict[str, Any] = {"data": body} if body else {}
    answer = await gateway.call(verb, path, signed_in=signed_in, headers=headers, **options)

    # `call` has checked the shape. No request of a client is the platform's fault.
    assert answer.status < 500
