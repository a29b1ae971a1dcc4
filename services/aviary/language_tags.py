"""Tags of languages as BCP 47 has them."""

from __future__ import annotations

import re

from aviary import texts
from aviary.errors import InvalidInput

_MAX = 35
# Language, script, region and variants of RFC 5646; extensions say nothing about what people write.
_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})(-(?P<script>[A-Za-z]{4}))?(-(?P<region>[A-Za-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*)"
)


def canonical(value: str) -> str:
    """Return a tag in the case that RFC 5646 recommends. Raises InvalidInput."""
    found = _TAG.fullmatch(value)
    if found is None or len(value) > _MAX:
        raise InvalidInput(
            f"language is {texts.shown(value)};"
            f" it must be a BCP 47 tag such as en or pt-BR of at most {_MAX} characters"
        )
    script, region = found["script"] or "", found["region"] or ""
    parts = [found["language"].lower(), script.title(), region.upper(), found["variants"].lower().removeprefix("-")]
    return "-".join(filter(None, parts))
