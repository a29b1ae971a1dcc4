"""`python -m benchmarks.peers NAME`: one peer, filled with a world and served until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from aviary.seed.progress import Lines
from benchmarks import subject, worlds
from benchmarks.crowd import settle, world
from benchmarks.peers.limits import SETTINGS
from benchmarks.peers.running import PEERS, running


def main(arguments: Sequence[str] | None = None) -> None:
    """Print somebody's token, and where it answers without the gateway and with it: `direct URL`, `ready URL`."""
    options = _parser().parse_args(arguments)
    if options.world and not (options.world / "tweets.db").exists():
        sys.exit(f"{options.world} is no data folder of an Aviary: it has no tweets.db")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory(prefix="aviary-peer-") as folder:
        data = options.world or _made_up(Path(folder) / "aviary")
        (somebody,) = worlds.signed_in(data, [min(worlds.counts(data))])
        with running(options.name, data, Path(folder), port=options.port) as contender:
            print(f"token {somebody.token}")
            print(f"direct {contender.direct}")
            print(f"ready {contender.url}", flush=True)
            threading.Event().wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("--world", type=Path, help="the data folder of an Aviary; without, 200 people are made up")
    parser.add_argument("--port", type=int, default=0, help="of the gateway; 0 picks a free one")
    return parser


def _made_up(folder: Path) -> Path:
    """The data of an Aviary that was loaded with the world of quick runs."""
    place, _ = world(quick=True)
    with subject.running(folder, settings=SETTINGS) as platform:
        settle(place, platform.url, folder / "journal", Lines(sys.stderr))
    return folder / "data"


if __name__ == "__main__":
    main()
