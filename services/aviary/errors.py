"""Aviary's own exceptions: what went wrong, in a sentence that holds the value and the limit."""

from __future__ import annotations

from collections.abc import Mapping


class AviaryError(Exception):
    """The root of all errors that a caller may see."""

    reason = "INTERNAL"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class InvalidInput(AviaryError):
    """A value is malformed, too long or out of range; `fields` says which."""

    reason = "INVALID_INPUT"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class Unauthenticated(AviaryError):
    """Nobody is known to be calling: no token or a bad one, a wrong password."""

    reason = "UNAUTHENTICATED"


class Forbidden(AviaryError):
    """The caller is known and may not do this."""

    reason = "FORBIDDEN"


class NotFound(AviaryError):
    """It does not exist, or the caller may not see it; nobody can tell which."""

    reason = "NOT_FOUND"


class Conflict(AviaryError):
    """A unique name is taken, or an idempotency key was used with another body."""

    reason = "CONFLICT"


class FailedPrecondition(AviaryError):
    """The state of the thing forbids it."""

    reason = "FAILED_PRECONDITION"


class RateLimited(AviaryError):
    """A limit is used up or a queue is full; `retry_after_s` says when to come back."""

    reason = "RATE_LIMITED"


class Unavailable(AviaryError):
    """A store or a peer does not answer; safe to retry under the same key."""

    reason = "UNAVAILABLE"


class DeadlineExceeded(AviaryError):
    """Time ran out; whether the write happened is unknown until it is repeated under the same key."""

    reason = "DEADLINE_EXCEEDED"


def no_tweet(tweet_id: int) -> NotFound:
    """In one sentence for all that is not there for a caller, so that it cannot tell why."""
    return NotFound(f"there is no tweet {tweet_id}")


def no_user(*user_ids: int) -> NotFound:
    """As `no_tweet`; of several, also which of them stays unsaid."""
    return NotFound(f"there is no user {' or '.join(map(str, user_ids))}")
