"""What a fleet costs a month, by item."""

from __future__ import annotations

from aviary.planning.fleet import SERVERS
from aviary.planning.sheet import BITS, DAY, KILO, MONTH, Quantity, Sheet

ITEMS = (
    *(f"cost.{part}" for part in ("apps", *SERVERS)),
    "cost.disks",
    "cost.traffic-out",
    "cost.traffic-zones",
    "cost.media-kept",
    "cost.media-out",
)
UNIT = "money a month"


def cost(sheet: Sheet) -> None:
    """Add each item, their sum and what it is for a thousand people; `fleet` must be on the sheet."""
    for part in ("apps", *SERVERS):
        each = sheet[f"node.{part}.cores"] * sheet["price.core"] + sheet[f"node.{part}.memory"] * sheet["price.memory"]
        sheet.put(f"cost.{part}", UNIT, sheet[f"{part}.full"] * each)
    sheet.put("cost.disks", UNIT, sheet["fleet.disk"] * sheet["price.disk"])
    sheet.put("cost.traffic-out", UNIT, _monthly(sheet["traffic.out.mean"]) * sheet["price.egress"])
    sheet.put("cost.traffic-zones", UNIT, _monthly(sheet["traffic.zones.mean"]) * sheet["price.zones"])
    sheet.put("cost.media-kept", UNIT, sheet["media.disk"] * sheet["price.objects"])
    # The edge is paid for all pictures, and fetches some of them from the objects.
    a_gb = sheet["price.edge"] + sheet["media.missed"] * sheet["price.egress"]
    sheet.put("cost.media-out", UNIT, _monthly(sheet["media.mean"]) * a_gb)
    sheet.put("cost.total", UNIT, sheet.total(ITEMS))
    thousand = sheet["cost.total"] / sheet["workload.dau"] * KILO
    sheet.put("cost.thousand", f"{UNIT} per 1,000", thousand)


def _monthly(gbits: Quantity) -> Quantity:
    """Gbit/s as GB a month."""
    return gbits / BITS * DAY * MONTH
