"""What never changes of people and tweets, as the JSON that is kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.peers.source import Person


def summary(person: Person) -> Mapping[str, object]:
    """What tweets show of their author."""
    return {
        "id": str(person.id),
        "username": person.username,
        "display_name": person.display_name,
        "avatar_url": "",
        "verified": person.verified,
        "protected": person.protected,
    }


def original(id: int, content: str, *, created_at: str, language: str, entities: object) -> Mapping[str, object]:
    """What a new original says, in the order in which the API writes it."""
    return {
        "content": content,
        "created_at": created_at,
        "edit_count": 0,
        "language": language,
        "source": "web",
        "conversation_id": str(id),
        "reply_audience": "everyone",
        "media": [],
        "is_sensitive": False,
        "content_warning": "",
        "entities": entities,
    }
