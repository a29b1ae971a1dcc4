"""One call as its handler sees it, whether it came over the network or from the next service."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from aviary.errors import AviaryError, Forbidden, Unauthenticated
from aviary.rpc.method import Method

# The request header in which a client names itself.
CLIENT_HEADER = "x-client-name"


@dataclass(frozen=True, slots=True)
class User:
    """A signed-in person; `address` is where they call from."""

    user_id: int
    session_id: int


@dataclass(frozen=True, slots=True)
class Peer:
    """One of Aviary's own services, or an operator's command."""

    name: str
    is_operator: bool = False


Caller = User | Peer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An idempotency key in its scope, and a digest of the body it came with."""

    caller: str
    rpc: str
    key: str
    body: bytes
    # Raised instead of anything new: set when a limit is used up, which must not cost a repeat its first answer.
    refusal: AviaryError | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """What is known about a call; interceptors fill it before the handler runs."""

    method: Method
    metadata: Mapping[str, str]
    # time.monotonic() at which nobody waits for the answer any more.
    deadline: float
    # False when one of our own services calls from inside this process.
    from_network: bool
    # Whom the connection's certificate names, "" for nobody of ours; None without mutual TLS.
    certificate: str | None = None
    address: str = ""
    caller: Caller = None
    claim: Claim | None = None
    # True when the answer repeats an earlier commit, which limits don't count again.
    repeated: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def user_id(self) -> int:
        """The signed-in caller."""
        if isinstance(self.caller, User):
            return self.caller.user_id
        if self.caller is None:
            raise Unauthenticated("this call needs an access token")
        raise Forbidden(f"{self.caller.name} is a service; this call is for a signed-in user")

    @property
    def session_id(self) -> int:
        if isinstance(self.caller, User):
            return self.caller.session_id
        raise Unauthenticated("this call needs an access token")

    @property
    def client(self) -> str | None:
        """What the client calls itself; None when it doesn't say."""
        return self.metadata.get(CLIENT_HEADER)

    def remaining_s(self) -> float:
        return self.deadline - time.monotonic()


# The call being served by the current task; outgoing calls take its deadline from here.
current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)
