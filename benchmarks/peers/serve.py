"""A peer's process: `serve.py NAME STORE JWKS PORT`, one uvicorn worker until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from benchmarks.peers import fastapi_sqlite, sorted_sets, tables
from benchmarks.peers.access import Access, Limit, Tokens
from benchmarks.peers.limits import LIMIT, REQUESTS_WINDOW_S, TWEETS_WINDOW_S

# Envoy keeps its connections open; a server that closes them first would meet a request on its way.
_KEPT_S = 600


def main(arguments: list[str]) -> None:
    name, store, jwks, port = arguments
    access = Access(
        Tokens(Path(jwks)), Limit("requests", LIMIT, REQUESTS_WINDOW_S), Limit("tweets", LIMIT, TWEETS_WINDOW_S)
    )
    uvicorn.run(
        _app(name, store, access),
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=_KEPT_S,
    )


def _app(name: str, store: str, access: Access) -> FastAPI:
    if name == "sorted_sets":
        return sorted_sets.app(store, access)
    return fastapi_sqlite.app(tables.opened(Path(store)), access, ready=name == "fastapi_sqlite_ready")


if __name__ == "__main__":
    main(sys.argv[1:])
