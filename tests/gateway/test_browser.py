"""The /docs page as people use it, in a real browser against a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.gateway.browser import Tab, browser
from tests.gateway.echo import Platform

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]


@pytest_asyncio.fixture(loop_scope="session")
async def page(gateway: Platform, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page, loaded; whatever a test does there must leave the console without a complaint."""
    async with browser(tmp_path) as tab:
        await tab.open(f"{gateway.url}/docs#CreateTweet")
        await tab.until("document.querySelectorAll('.call').length > 0")
        yield tab
        await tab.run("0")
        assert tab.complaints == []
        assert [url for url in tab.requested if not url.startswith(gateway.url)] == []


async def test_every_call_is_listed_under_its_service(page: Tab, gateway: Platform) -> None:
    document = (await gateway.call("GET", "/openapi.json")).json
    operations = [operation for verbs in document["paths"].values() for operation in verbs.values()]

    assert await page.run("[...document.querySelectorAll('.call')].map(call => call.id).sort()") == sorted(
        operation["operationId"] for operation in operations
    )
    assert await page.run("[...document.querySelectorAll('nav h2')].map(title => title.textContent)") == [
        tag["name"] for tag in document["tags"]
    ]


async def test_a_link_to_a_call_opens_it_with_its_limits_errors_and_curl(page: Tab) -> None:
    await page.until("document.getElementById('CreateTweet').open")
    shown = await page.run("document.querySelector('#CreateTweet .inside').textContent")

    assert "Acknowledged when durable." in shown
    assert "ALREADY_EXISTS" in shown
    command = await page.run("document.querySelector('#CreateTweet [data-curl]').textContent")
    assert "curl -X POST 'http://127.0.0.1:" in command
    assert "Authorization: Bearer $TOKEN" in command


async def test_a_tweet_in_a_tweet_unfolds(page: Tab) -> None:
    await page.until("document.querySelector('#CreateTweet .inside')")
    quoted = """[...document.querySelectorAll('#CreateTweet li')]
        .find(item => item.querySelector('.name').textContent === 'quoted_tweet')"""
    await page.run(f"{quoted}.querySelector('details').open = true")

    await page.until(f"{quoted}.querySelectorAll('li').length > 20")


async def test_search_leaves_what_matches_and_says_when_nothing_does(page: Tab) -> None:
    search = """(text => {
        const box = document.getElementById('search');
        box.value = text;
        box.dispatchEvent(new Event('input'));
        return [...document.querySelectorAll('.call')].filter(call => !call.hidden).map(call => call.id);
    })"""

    assert sorted(await page.run(f"{search}('timeline home newer')")) == ["CountHomeTimeline"]
    assert "GetHomeTimeline" in await page.run(f"{search}('timeline home')")
    assert "RefreshToken" in await page.run(f"{search}('refresh_token')")
    assert await page.run(f"{search}('no such thing anywhere')") == []
    assert await page.run("!document.getElementById('nothing').hidden")


async def test_a_call_can_be_tried_with_a_token_and_without(page: Tab, gateway: Platform) -> None:
    await page.run("document.getElementById('GetUser').open = true")
    await page.until("document.querySelector('#GetUser form')")
    send = """(token => {
        document.getElementById('token').value = token;
        const form = document.querySelector('#GetUser form');
        form.querySelector('input[name=id]').value = '42';
        form.requestSubmit();
    })"""
    outcome = "document.querySelector('#GetUser .outcome').textContent"

    await page.run(f"{send}('{gateway.token}')")
    await page.until(f"{outcome}.includes('200 OK')")
    assert '"id": "42"' in await page.run(outcome)

    await page.run(f"{send}('')")
    await page.until(f"{outcome}.includes('401')")
    assert "UNAUTHENTICATED" in await page.run(outcome)
    # The browser reports the refusal as an error of the page, which it is not.
    page.complaints = [text for text in page.complaints if "401" not in text]


async def test_whoever_logs_in_there_goes_on_as_that_user(page: Tab) -> None:
    await page.run("document.getElementById('Login').open = true")
    await page.until("document.querySelector('#Login form')")
    await page.run("document.querySelector('#Login form').requestSubmit()")

    await page.until("document.getElementById('token').value === 'None'")
