"""The interceptor that turns an idempotency key into the claim that the write carries."""

from __future__ import annotations

import hashlib
import re

from google.protobuf.message import Message

from aviary.errors import InvalidInput
from aviary.rpc.call import Call, Claim, User

_KEY = re.compile(r"[\x21-\x7e]{1,128}")


class IdempotencyKeys:
    """Reads `Idempotency-Key` and `request_id`; scopes the key to the caller and the RPC.

    The body is remembered as a keyed digest, because bodies hold passwords.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __call__(self, call: Call, request: Message) -> None:
        if call.method.has_key:
            call.claim = self._claim(call, request)

    def _claim(self, call: Call, request: Message) -> Claim | None:
        header, field = call.metadata.get("idempotency-key", ""), str(getattr(request, "request_id", ""))
        if header and field and header != field:
            raise InvalidInput(
                "the Idempotency-Key header and request_id differ; send one of them",
                fields={"request_id": "equal to the Idempotency-Key header, or absent"},
            )
        key = field or header
        if not key:
            return None
        if not _KEY.fullmatch(key):
            raise InvalidInput(
                f"the idempotency key has {len(key)} characters; it must be 1 to 128 visible ASCII characters",
                fields={"request_id": "1 to 128 visible ASCII characters"},
            )
        return Claim(caller=_scope(call, request), rpc=call.method.path, key=key, body=self._digest(request))

    def _digest(self, request: Message) -> bytes:
        body = type(request)()
        body.CopyFrom(request)
        body.ClearField("request_id")
        return hashlib.blake2b(body.SerializeToString(deterministic=True), key=self._secret, digest_size=32).digest()


def _scope(call: Call, request: Message) -> str:
    if isinstance(call.caller, User):
        return str(call.caller.user_id)
    # Two strangers may choose one key. Whoever repeats a refresh may have moved to another network meanwhile.
    return "" if "refresh_token" in request.DESCRIPTOR.fields_by_name else f"from {call.address}"
