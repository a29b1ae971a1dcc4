"""The embedded profile: everything on one machine like the measured one, and where that ends."""

from __future__ import annotations

from aviary.planning.cost import UNIT
from aviary.planning.demand import pages, writes
from aviary.planning.sheet import GIGA, KILO, Sheet


def single(sheet: Sheet) -> None:
    """Add what one machine would need; `fleet` and `cost` must be on the sheet.

    Pages and writes share the machine: what share of it each takes is its rate
    over the highest rate that was measured of it alone.
    """
    busy = pages(sheet, "peak") / sheet["one.pages"] + writes(sheet, "peak") / sheet["one.posts"]
    sheet.put("one.busy", "of the machine, at the peak", busy)
    sheet.put("one.limit", "people a day", sheet["workload.dau"] * sheet["use.cpu"] / sheet["one.busy"])
    lists = sheet["workload.dau"] * sheet["size.list"] / GIGA
    sheet.put("one.memory", "GB", (sheet["memory.one"] / KILO + lists) / sheet["use.memory"])
    rows = sheet["tables.day"] * sheet["workload.retention-days"] + sheet["tables.people"]
    sheet.put("one.disk", "GB", rows / sheet["disk.tables"] / sheet["use.disk"])
    machine = sheet["one.cores"] * sheet["price.core"] + sheet["one.memory"] * sheet["price.memory"]
    others = [f"cost.{each}" for each in ("traffic-out", "media-kept", "media-out")]
    sheet.put("one.cost", UNIT, machine + sheet["one.disk"] * sheet["price.disk"] + sheet.total(others))
