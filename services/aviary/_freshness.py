"""Refuses an extension that was built from other sources than those beside the package."""

from __future__ import annotations

import zlib
from pathlib import Path

from aviary._native import SOURCE_DIGEST

_NATIVE = Path(__file__).parents[2] / "native"


def check() -> None:
    """Raise ImportError when the extension is older than the sources; do nothing where there are none.

    A stale extension fails in ways that look like bugs of the code that calls it.
    """
    if (_NATIVE / "build.rs").is_file() and source_digest(_NATIVE) != SOURCE_DIGEST:
        raise ImportError("aviary._native was built from other sources than those in native/: run make setup")


def source_digest(native: Path) -> str:
    """Return the CRC-32 of the sources' paths and bytes, as native/build.rs computes it."""
    sources = [path for kind in ("rs", "txt") for path in native.glob(f"src/**/*.{kind}")]
    files = ["Cargo.toml", "build.rs", *(path.relative_to(native).as_posix() for path in sources)]
    crc = 0
    for name in sorted(files):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32((native / name).read_bytes(), crc)
    return f"{crc:08x}"
