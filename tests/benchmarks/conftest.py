"""The benchmarks' own packages come with `make bench` alone: without them there is nothing here to test."""

from __future__ import annotations

import importlib.util

# The packages are an extra of this suite, as they are of the product: `make test` must pass without them.
collect_ignore_glob = [] if importlib.util.find_spec("hdrh") else ["test_latency.py", "test_records.py"]
