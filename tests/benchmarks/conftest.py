"""The benchmarks' own packages come with `make bench` alone: without them there is nothing here to test."""

from __future__ import annotations

import importlib.util

# The packages are an extra of this suite, as they are of the product: `make test` must pass without them.
_FILES = ["test_latency.py", "test_peer_parts.py", "test_peers.py", "test_records.py", "test_staging.py"]
collect_ignore_glob = [] if importlib.util.find_spec("hdrh") and importlib.util.find_spec("fastapi") else _FILES
