"""The two commands as a user runs them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from tests.seed.fake_platform import Platform
from typer.testing import CliRunner, Result

from aviary.check.command import check
from aviary.seed.command import seed


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer()
    app.command()(seed)
    app.command()(check)
    return app


@pytest.fixture
def served(platform: Platform) -> Iterator[str]:
    """The platform in a thread of its own, for the commands run loops of theirs."""
    up, down = threading.Event(), asyncio.Event()
    urls: list[str] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with platform.serving() as url:
            urls.append(url)
            up.set()
            await down.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert up.wait(10)
    yield urls[0]
    loop.call_soon_threadsafe(down.set)
    thread.join(10)
    loop.close()


def run(cli: typer.Typer, *args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def test_what_seed_loads_check_approves_of(cli: typer.Typer, served: str, tmp_path: Path) -> None:
    (tmp_path / "edges").write_text("1 2\n2 3\n3 4\n")
    (tmp_path / "texts").write_text("one\ntwo\nthree\n")
    graph, texts, journal = tmp_path / "edges", tmp_path / "texts", tmp_path / "journal"
    loaded = run(
        *(cli, "seed", "--graph", graph, "--texts", texts, "--url", served),
        *("--journal", journal, "--tweets-per-user", 5),
    )
    checked = run(cli, "check", "--journal", journal, "--settle", 0, "--appends")

    assert loaded.exit_code == 0, loaded.output
    assert "20 post" in loaded.stdout
    assert "see 4/4: 4 of 4" in loaded.stderr
    assert checked.exit_code == 0, checked.output
    assert "4 people, 6 follows" in checked.stdout
    assert "0 differences" in checked.stdout
    assert "the fan-out must have appended" in checked.stdout


def test_check_prints_what_differs_and_fails(cli: typer.Typer, served: str, platform: Platform, tmp_path: Path) -> None:
    run(cli, "seed", "--people", 5, "--url", served, "--journal", tmp_path / "journal", "--tweets-per-user", 2)
    lost = max(tweet.id for tweet in platform.tweets.values() if tweet.type == "original")
    del platform.tweets[lost]
    checked = run(cli, "check", "--journal", tmp_path / "journal", "--settle", 0, "--sample", 2)

    assert checked.exit_code == 1
    assert f"original {lost} by" in checked.stdout
    assert "missing" in checked.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["seed", "--graph", "no-such-file"], "No such file or directory: 'no-such-file'"),
        (["seed", "--patience", "0"], "no outcome within 0 s (ClientConnectorError); run again with the same journal"),
    ],
)
def test_a_load_that_cannot_go_on_says_why_in_one_line(
    cli: typer.Typer, tmp_path: Path, args: list[str], sentence: str
) -> None:
    result = run(cli, *args, "--url", "http://127.0.0.1:1", "--journal", tmp_path / "journal")

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_check_of_no_journal_says_so(cli: typer.Typer, tmp_path: Path) -> None:
    result = run(cli, "check", "--journal", tmp_path / "absent")

    assert result.exit_code == 2
    assert "No such file" in result.stderr


@pytest.mark.parametrize("sample", ["0", "some"])
def test_a_sample_is_a_number_or_all(cli: typer.Typer, tmp_path: Path, sample: str) -> None:
    (tmp_path / "journal").write_text('{"event":"header","version":1,"run":"r","url":"u"}\n')
    result = run(cli, "check", "--journal", tmp_path / "journal", "--sample", sample)

    assert result.exit_code == 2
    assert f'--sample {sample} is neither a number of people nor "all"' in result.stderr
