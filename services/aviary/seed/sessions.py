"""Everybody's access token, renewed before it ends and whenever the platform doesn't take it any more."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

from aviary.seed.client import Client, Limited, Ok, Refused, Request, Unknown
from aviary.seed.journal import Journal, Tokens
from aviary.seed.patience import LoadStopped, Patience
from aviary.seed.people import password, person

# A token that ends while its call is on the way is refused, so it isn't used to the last second.
_MARGIN_S = 30.0


class Sessions:
    """Knows the tokens that the journal holds, and writes there the new ones."""

    def __init__(self, client: Client, journal: Journal, *, patience_s: float) -> None:
        self._client = client
        self._journal = journal
        self._patience_s = patience_s

    # An answer of register, login or refresh: JSON.
    def begin(self, who: int, answer: dict[str, Any]) -> None:
        """Take the tokens out of an answer that signs somebody in."""
        until = time.time() + float(answer["expires_in"])
        self._journal.signed_in(who, Tokens(answer["access_token"], answer["refresh_token"], until))

    async def token(self, who: int) -> str:
        """A token good for a while. Raises LoadStopped when the person can't get one."""
        tokens = self._journal.tokens.get(who)
        if tokens is None or tokens.until < time.time() + _MARGIN_S:
            await self.renew(who)
        return self._journal.tokens[who].access

    async def renew(self, who: int) -> None:
        """Refresh, or else log in, which costs the platform a password hash."""
        tokens = self._journal.tokens.get(who)
        answer = None
        if tokens is not None:
            answer = await self._ask("/auth/refresh-token", {"refresh_token": tokens.refresh})
        if not isinstance(answer, Ok):
            credentials = {"username": person(who).username, "password": password(self._journal.run, who)}
            answer = await self._ask("/auth/login", credentials)
        if isinstance(answer, Refused):
            raise LoadStopped(f"{person(who).username} can't log in: {answer.status} {answer.message}")
        self.begin(who, answer.body)

    async def _ask(self, path: str, body: dict[str, str]) -> Ok | Refused:
        request = Request("POST", path, body, key=uuid.uuid4().hex)
        patience = Patience(self._patience_s)
        while True:
            match await self._client.send(request):
                case Limited(retry_after_s):
                    await asyncio.sleep(retry_after_s)
                case Unknown(reason):
                    await patience.wait(reason)
                case answer:
                    return answer
