"""A zip of JSON files, written row by row as the rows come."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO, BinaryIO

from aviary.errors import Unavailable

_BEGIN, _BETWEEN, _END = b"[\n", b",\n", b"\n]\n"


class Archive:
    """Each file one JSON array of objects, or one object; its methods block."""

    def __init__(self, stream: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
        self._file = ""
        self._out: IO[bytes] | None = None
        self._rows = 0

    def put(self, file: str, value: Mapping[str, object]) -> None:
        """Write a file that is one object."""
        self._end_file()
        with self._open(file) as out:
            out.write(json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")

    def add(self, file: str, rows: Sequence[str]) -> None:
        """Write some rows of a file, each a JSON object; another file than before ends that one."""
        if self._out is None or file != self._file:
            self._end_file()
            self._file, self._rows, self._out = file, 0, self._open(file)
            self._out.write(_BEGIN)
        for row in rows:
            self._out.write((_BETWEEN if self._rows else b"") + row.encode())
            self._rows += 1

    def close(self) -> None:
        self._end_file()
        self._zip.close()

    def _open(self, file: str) -> IO[bytes]:
        name = f"{file}.json"
        if name in self._zip.NameToInfo:
            # A reader would find one of two entries of one name, and miss the other.
            raise Unavailable(f"the file {name} came twice")
        info = zipfile.ZipInfo(name, time.gmtime()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        # Whose folder it is unpacked into may read it, nobody else.
        info.external_attr = 0o600 << 16
        # How large a file becomes isn't known when it begins.
        return self._zip.open(info, "w", force_zip64=True)

    def _end_file(self) -> None:
        if self._out is not None:
            self._out.write(_END)
            self._out.close()
            self._out = None
