"""Where an event stands in a partition, as one number that rises: Kafka's offset and a place within its record.

Of the events in the record at offset `o`, all but the last stand at
`o * PER_RECORD + 1` and on, and the last one at `(o + 1) * PER_RECORD`. So a
position says what to read next as well: everything up to it is done, which for
a whole record is Kafka's own way of committing, and the end of a partition is
known without reading its last record.
"""

from __future__ import annotations

PER_RECORD = 4_096


def position(offset: int, index: int, count: int) -> int:
    """Return the position of an event in a record of `count` of them."""
    return (offset + 1) * PER_RECORD if index == count - 1 else offset * PER_RECORD + index + 1


def before(offset: int) -> int:
    """Return the position of all that stands before a record."""
    return offset * PER_RECORD


def offset_of(position: int) -> int:
    """Return the record with the first event above a position."""
    return position // PER_RECORD


def within(position: int) -> int:
    """Return what `before(offset_of(position))` lacks to the position."""
    return position % PER_RECORD
