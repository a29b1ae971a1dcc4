"""The port that removes people from the graph."""

from __future__ import annotations

from typing import Protocol


class RemovalStore(Protocol):
    """Removes a person whose account is gone."""

    async def erase(self, user_id: int) -> None:
        """Remove every row that names the user, in bounded steps, with the counts, versions and events of others.

        Nothing about the user is written afterwards, whoever was let in before.
        Safe to repeat, and to begin anew where a process stopped.
        """
