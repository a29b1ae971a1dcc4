"""Structured logs: one JSON object a line, facts in snake_case, the trace id in each, nobody's text or token."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry import trace

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "trace_id", "taskName"}
_MAX_BYTES = 64 * 1024 * 1024
_WAITING = 10_000
# Lines are written together: what wakes a thread and flushes a file for each costs more than all else about it.
_TOGETHER_S = 0.05
_encode = json.JSONEncoder(default=str).encode


class JsonFormatter(logging.Formatter):
    """Prints a record's event, its extra fields and its trace id."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if trace_id := getattr(record, "trace_id", ""):
            line["trace_id"] = trace_id
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line)


class _LogFile(logging.handlers.RotatingFileHandler):
    """Takes many records at once, and looks at its size after them."""

    def write(self, records: Sequence[logging.LogRecord]) -> None:
        try:
            if self.stream is None:
                self.stream = self._open()
            self.stream.write("".join([f"{self.format(record)}\n" for record in records]))
            self.flush()
            if self.stream.tell() >= self.maxBytes:
                self.doRollover()
        except Exception:  # noqa: BLE001 - as logging has it: said on standard error, and nobody's call fails
            self.handleError(records[-1])


class _Collect(logging.Handler):
    """Takes the trace id where the record was made; drops rather than blocks when the disk is slower than the load."""

    def __init__(self, pen: Pen) -> None:
        super().__init__()
        self._pen = pen

    def handle(self, record: logging.LogRecord) -> bool:
        # Without the handler's lock: what it does is one step for the interpreter.
        span = trace.get_current_span().get_span_context()
        record.trace_id = f"{span.trace_id:032x}" if span.is_valid else ""
        self._pen.take(record)
        return True


class Pen:
    """Writes what is logged, in a thread of its own: no caller waits for a disk."""

    def __init__(self, errors: logging.Handler, file: _LogFile | None) -> None:
        self._errors = errors
        self._file = file
        self._waiting: deque[logging.LogRecord] = deque()
        self._woken = threading.Event()
        self._urgent = threading.Event()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def take(self, record: logging.LogRecord) -> None:
        if len(self._waiting) >= _WAITING:
            return
        self._waiting.append(record)
        if record.levelno >= logging.WARNING:
            self._urgent.set()
        if not self._woken.is_set():
            self._woken.set()

    def stop(self) -> None:
        """Write what was logged so far, and end the thread."""
        self._is_stopped = True
        self._urgent.set()
        self._woken.set()
        self._thread.join()
        if self._file:
            self._file.close()

    def _run(self) -> None:
        while not self._is_stopped:
            self._woken.wait()
            self._urgent.wait(_TOGETHER_S)
            # Before they are looked for: whoever comes after that wakes it again.
            self._woken.clear()
            self._urgent.clear()
            self._write()
        self._write()

    def _write(self) -> None:
        records = [self._waiting.popleft() for _ in range(len(self._waiting))]
        for record in records:
            if record.levelno >= self._errors.level:
                self._errors.handle(record)
        if records and self._file:
            self._file.write(records)


def start(level: str, file: Path | None) -> Pen:
    """Log to `file` (rotated), warnings also to standard error; `stop` what is returned at the end."""
    # Nobody reads them, and each costs every record a look.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    formatter = JsonFormatter()
    errors = logging.StreamHandler(sys.stderr)
    errors.setLevel(logging.WARNING if file else level.upper())
    errors.setFormatter(formatter)
    kept: _LogFile | None = None
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = _LogFile(file, maxBytes=_MAX_BYTES, backupCount=3)
        kept.setFormatter(formatter)
    pen = Pen(errors, kept)
    root = logging.getLogger("aviary")
    root.handlers = [_Collect(pen)]
    root.setLevel(level.upper())
    root.propagate = False
    return pen
