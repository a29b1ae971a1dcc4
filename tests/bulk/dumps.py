"""What a store's file holds, told so that two files which hold the same are equal: ids by their rank, no times."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from aviary.api.tweets.v1.tweets_pb2 import Tweet
from aviary.events.v1.events_pb2 import Event

Names = Mapping[int, str]
# No time is that large yet, and no id that small.
_LEAST_ID = 1 << 50
_UNTOLD = ("_ms", "_s", "_at", "password_hash", "traceparent")
# A consumer's progress, and keys that the bulk path has none of.
_LEFT_OUT = ("offsets", "claims", "sqlite_sequence")


def names(folder: Path) -> Names:
    """People and tweets by when they were made."""
    return {
        each: f"{name[:-1]} {rank}"
        for name, table in (("users", "users"), ("tweets", "tweets"))
        for rank, each in enumerate(_column(folder / f"{name}.db", f"SELECT id FROM {table} ORDER BY id"))
    }


def dump(file: Path, known: Names) -> dict[str, list[Any]]:
    """Every table's rows in the order of their keys."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {
            table: [_row(table, row) for row in connection.execute(f"SELECT * FROM {table}")]
            for table in tables
            if table not in _LEFT_OUT
        }
    ids = sorted(_ids(rows) - known.keys())
    said: dict[str, list[Any]] = _told(rows, {**known, **{each: f"id {rank}" for rank, each in enumerate(ids)}})
    return said


def told(message: Message, known: Names) -> Any:
    """A message with names for ids and without times."""
    return _told(_message(message), known)


def _row(table: str, row: sqlite3.Row) -> dict[str, Any]:
    values = {name: value for name, value in dict(row).items() if not name.endswith(_UNTOLD)}
    if table == "outbox":
        values["body"] = _message(Event.FromString(row["body"]))
    elif table == "tweets":
        values["body"] = _message(Tweet.FromString(row["body"]))
    return values


def _message(message: Message) -> Any:
    return _numbers(MessageToDict(message, preserving_proto_field_name=True))


def _numbers(value: Any) -> Any:
    """The same with numbers for the strings that JSON has in place of large ones."""
    match value:
        case dict():
            return {key: _numbers(each) for key, each in value.items() if not key.endswith(_UNTOLD)}
        case list():
            return [_numbers(each) for each in value]
        case str():
            return int(value) if value.isdecimal() else value
        case _:
            return value


def _ids(value: Any) -> set[int]:
    match value:
        case dict():
            return set().union(*map(_ids, value.values()))
        case list():
            return set().union(*map(_ids, value))
        case int() if value >= _LEAST_ID:
            return {value}
        case _:
            return set()


def _told(value: Any, known: Names) -> Any:
    match value:
        case dict():
            return {key: _told(each, known) for key, each in value.items()}
        case list():
            return [_told(each, known) for each in value]
        case int():
            return known.get(value, value)
        case _:
            return value


def _column(file: Path, statement: str) -> list[int]:
    with closing(sqlite3.connect(file)) as connection:
        return [value for (value,) in connection.execute(statement)]
