"""The /docs page: one file that renders /openapi.json with its own script and style, and asks no other host."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files

# In the order in which they build on each other.
_SCRIPTS = ("schemas.js", "calls.js", "page.js")


@dataclass(frozen=True, slots=True)
class Page:
    """A document and the policy that lets it run exactly its own script."""

    html: str
    security_policy: str


def docs_page() -> Page:
    """Put the page's parts into one document."""
    style, script = _part("page.css"), "\n".join(_part(name) for name in _SCRIPTS)
    html = _part("page.html").replace("{{style}}", style).replace("{{script}}", script)
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
    return Page(html=html, security_policy=policy)


def _part(name: str) -> str:
    return files("aviary.gateway").joinpath("page", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
