"""The /docs page needs no other host and runs under a policy that lets it run nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from tests.gateway.echo import Platform
from typing_extensions import override

from aviary.gateway.docs import docs_page

VOID = {"meta", "input"}


class _Tags(HTMLParser):
    """Collects the elements and what they refer to; fails on one that is closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in {"src", "href", "action", "srcset"}]
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<path/>` opens and closes itself."""

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_names_no_other_host() -> None:
    page = docs_page()
    tags = _Tags()
    tags.feed(page.html)

    assert tags.open == []
    assert all(reference.startswith(("/", "#")) for reference in tags.references)
    assert not re.findall(r"https?://|//\w+\.\w+|@import|\burl\(", page.html)


def test_the_policy_allows_nothing_by_default_and_no_inline_but_its_own() -> None:
    policy = dict(part.split(" ", 1) for part in docs_page().security_policy.split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert all("unsafe" not in sources for sources in policy.values())
    assert docs_page().html.count("<script>") == docs_page().html.count("<style>") == 1


@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_is_served_with_its_policy(gateway: Platform) -> None:
    answer = await gateway.call("GET", "/docs", signed_in=False)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == docs_page().security_policy
    assert answer.content.decode() == docs_page().html


@pytest.mark.asyncio(loop_scope="session")
async def test_the_root_leads_to_the_page_whatever_the_host_is_called(gateway: Platform) -> None:
    answer = await gateway.call("GET", "/", signed_in=False)
    assert (answer.status, answer.headers["location"]) == (302, "/docs")
