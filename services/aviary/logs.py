"""Structured logs: one JSON object a line, facts in snake_case, the trace id in each, nobody's text or token."""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import sys
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry import trace

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "trace_id", "taskName"}
_MAX_BYTES = 64 * 1024 * 1024
_QUEUE = 10_000


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
        return json.dumps(line, default=str)


class _LogFile(logging.handlers.RotatingFileHandler):
    """Looks at its size once in a thousand lines: a look costs more than a line."""

    _lines = 0

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - logging's own name
        self._lines += 1
        return self._lines % 1_000 == 0 and bool(super().shouldRollover(record))


class _Enqueue(logging.handlers.QueueHandler):
    """Takes the trace id where the record was made; drops rather than blocks when the disk is slower than the load."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        span = trace.get_current_span().get_span_context()
        record.trace_id = f"{span.trace_id:032x}" if span.is_valid else ""
        return record

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        if not isinstance(sys.exception(), queue.Full):
            super().handleError(record)


def start(level: str, file: Path | None) -> logging.handlers.QueueListener:
    """Log to `file` (rotated), warnings also to standard error; the listener writes, no caller waits for a disk."""
    formatter = JsonFormatter()
    errors = logging.StreamHandler(sys.stderr)
    errors.setLevel(logging.WARNING if file else level.upper())
    handlers: list[logging.Handler] = [errors]
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(_LogFile(file, maxBytes=_MAX_BYTES, backupCount=3))
    for handler in handlers:
        handler.setFormatter(formatter)
    records: queue.Queue[logging.LogRecord] = queue.Queue(_QUEUE)
    listener = logging.handlers.QueueListener(records, *handlers, respect_handler_level=True)
    root = logging.getLogger("aviary")
    root.handlers = [_Enqueue(records)]
    root.setLevel(level.upper())
    root.propagate = False
    listener.start()
    return listener
