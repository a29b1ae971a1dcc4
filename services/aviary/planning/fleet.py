"""The fleet that carries a demand: cores, pods, nodes, memory and disk of each part, and the traffic between them."""

from __future__ import annotations

from aviary.planning.demand import pages, writes
from aviary.planning.sheet import BITS, DAY, GIGA, KILO, MEGA, ONE, Quantity, Sheet, applied, most, whole

# What runs as pods on nodes of one kind, and what has nodes of its own.
PODS = ("gateway", "services", "fanout")
SERVERS = ("tables", "cache", "log", "search")


def fleet(sheet: Sheet) -> None:
    """Add every part; `demand` must be on the sheet."""
    # What is left when zones are lost carries everything.
    sheet.put("spare", "times", sheet["zones.all"] / (sheet["zones.all"] - sheet["zones.lost"]))
    _gateway(sheet)
    _services(sheet)
    _fan_out(sheet)
    _apps(sheet)
    _tables(sheet)
    _cache(sheet)
    _log(sheet)
    _search(sheet)
    _media(sheet)
    _traffic(sheet)
    for what in ("cores", "memory"):
        sheet.put(f"fleet.{what}", "cores" if what == "cores" else "GB", _of_nodes(sheet, what))
    sheet.put("fleet.nodes", "nodes", sheet.total([f"{part}.nodes" for part in ("apps", *SERVERS)]))
    sheet.put("fleet.disk", "GB", sheet.total(["tables.disk", "log.disk", "search.disk"]))


def _of_nodes(sheet: Sheet, what: str) -> Quantity:
    first, *rest = (sheet[f"{part}.full"] * sheet[f"node.{part}.{what}"] for part in ("apps", *SERVERS))
    for each in rest:
        first += each
    return first


def _cores(sheet: Sheet, part: str) -> Quantity:
    """Cores to have, from the busy ones."""
    return sheet.put(f"{part}.cores", "cores", sheet[f"{part}.busy"] / sheet["use.cpu"] * sheet["spare"])


def _pods(sheet: Sheet, part: str, size: str) -> None:
    of_cores = whole(_cores(sheet, part) / sheet[f"pod.{size}.cores"])
    sheet.put(f"{part}.pods", "pods", most(of_cores, sheet["least.pods"]))


def _gateway(sheet: Sheet) -> None:
    busy = pages(sheet, "peak") * sheet["cpu.home.gateway"] + writes(sheet, "peak") * sheet["cpu.post.gateway"]
    # A search is answered with a page, and is as much work to a gateway as another.
    sheet.put("gateway.busy", "cores", (busy + sheet["peak.searches"] * sheet["cpu.home.gateway"]) / MEGA)
    _pods(sheet, "gateway", "gateway")


def _services(sheet: Sheet) -> None:
    """Users, graph, tweets and timelines, with relay and counting: the record tells what they take together."""
    sheet.put("services.busy.pages", "cores", pages(sheet, "peak") * sheet["cpu.home.services"] / MEGA)
    pulled = sheet["peak.home"] * sheet["audience.pulled"]
    sheet.put("services.busy.pulls", "cores", pulled * sheet["cpu.pull.services"] / MEGA)
    sheet.put("services.busy.writes", "cores", writes(sheet, "peak") * sheet["cpu.post.services"] / MEGA)
    sheet.put("services.busy", "cores", sheet.total([f"services.busy.{what}" for what in ("pages", "pulls", "writes")]))
    _pods(sheet, "services", "services")


def _fan_out(sheet: Sheet) -> None:
    """The appends alone; the few that the record's posts brought are in `cpu.post.services` once more."""
    sheet.put("fanout.busy", "cores", sheet["peak.deliveries"] * sheet["cpu.append.worker"] / MEGA)
    _pods(sheet, "fanout", "services")


def _apps(sheet: Sheet) -> None:
    """The nodes that all pods share."""
    python = sheet["services.pods"] + sheet["fanout.pods"]
    gateways = sheet["gateway.pods"]
    sheet.put("apps.cores", "cores", python * sheet["pod.services.cores"] + gateways * sheet["pod.gateway.cores"])
    used = python * sheet["memory.services"] + gateways * sheet["memory.gateway"]
    sheet.put("apps.memory", "GB", used / KILO / sheet["use.memory"])
    _nodes(sheet, "apps", "cores", "memory", full=sheet["use.node"])


def _tables(sheet: Sheet) -> None:
    """All that the record's servers took is charged to the tables: it counts them together."""
    reads = sheet["cpu.home.servers"] * sheet["copies.read"]
    sheet.put("tables.busy.pages", "cores", pages(sheet, "peak") * reads / MEGA)
    pulled = sheet["peak.home"] * sheet["audience.pulled"] * sheet["cpu.pull.tables"] * sheet["copies.read"]
    sheet.put("tables.busy.pulls", "cores", pulled / MEGA)
    written = writes(sheet, "peak") * sheet["cpu.post.servers"] * sheet["copies.tables"]
    sheet.put("tables.busy.writes", "cores", written / MEGA)
    sheet.put("tables.busy", "cores", sheet.total([f"tables.busy.{what}" for what in ("pages", "pulls", "writes")]))
    _cores(sheet, "tables")
    rows = (sheet["mean.posts"] + sheet["mean.retweets"] + sheet["mean.likes"]) * DAY
    tables = sheet["disk.tables"] / GIGA
    sheet.put("tables.day", "GB a day", rows * sheet["disk.write"] * tables)
    people = sheet["disk.user"] + sheet["workload.follows"] * sheet["disk.follow"]
    sheet.put("tables.people", "GB", sheet["workload.accounts"] * people * tables)
    held = sheet["tables.people"] + sheet["tables.day"] * sheet["workload.retention-days"]
    sheet.put("tables.disk", "GB", held * sheet["copies.tables"] / sheet["use.disk"])
    _nodes(sheet, "tables", "cores", "disk")


def _cache(sheet: Sheet) -> None:
    """The warm timelines. A page is read from them once."""
    busy = sheet["peak.deliveries"] * sheet["cpu.append.cache"] + sheet["peak.home"] * sheet["cpu.read.cache"]
    sheet.put("cache.busy", "cores", busy / MEGA)
    _cores(sheet, "cache")
    lists = sheet["workload.dau"] * sheet["size.list"] * sheet["copies.cache"] / GIGA
    sheet.put("cache.memory", "GB", lists / sheet["use.memory"] * sheet["spare"])
    _nodes(sheet, "cache", "cores", "memory")


def _log(sheet: Sheet) -> None:
    for when in ("mean", "peak"):
        records = (sheet[f"{when}.posts"] + sheet[f"{when}.retweets"] + sheet[f"{when}.likes"]) * sheet["log.records"]
        sheet.put(f"log.written.{when}", "MB/s", records * sheet["size.event"] * sheet["copies.log"] / MEGA)
    sheet.put("log.rate", "MB/s", sheet["log.written.peak"] * sheet["spare"])
    kept = sheet["log.written.mean"] * DAY * sheet["log.days"] / KILO
    sheet.put("log.disk", "GB", kept / sheet["use.disk"])
    _nodes(sheet, "log", "rate", "disk")


def _search(sheet: Sheet) -> None:
    sheet.put("search.busy", "cores", sheet["peak.searches"] * sheet["cpu.search"] / MEGA)
    _cores(sheet, "search")
    indexed = sheet["workload.posts"] * sheet["workload.retention-days"] * sheet["size.indexed"] / GIGA
    sheet.put("search.disk", "GB", indexed * sheet["copies.search"] / sheet["use.disk"])
    is_used = applied("any", _any, sheet["peak.searches"])
    _nodes(sheet, "search", "cores", "disk", used=is_used)


def _any(of: float) -> float:
    return float(of > 0)


def _nodes(sheet: Sheet, part: str, *limits: str, full: Quantity = ONE, used: Quantity = ONE) -> None:
    """How many nodes by whatever is scarcest, and how large each is: a small fleet has as many, but smaller ones.

    `full` is what of a node may be taken, `used` 0 when the part is not needed.
    """
    needed = [sheet[f"{part}.{limit}"] / full / sheet[f"node.{part}.{limit}"] for limit in limits]
    least = sheet["least.nodes"] * used
    sheet.put(f"{part}.full", "full nodes", most(*needed, least * sheet["least.size"]))
    sheet.put(f"{part}.nodes", "nodes", most(whole(sheet[f"{part}.full"]), least))


def _media(sheet: Sheet) -> None:
    uploaded = sheet["workload.posts"] * sheet["workload.media-share"] * sheet["workload.media-mb"]
    sheet.put("media.day", "GB a day", uploaded / KILO)
    kept = sheet["media.day"] * sheet["media.sizes"] * sheet["workload.retention-days"]
    sheet.put("media.disk", "GB", kept)
    pictures = (sheet["mean.home"] + sheet["mean.other"]) * sheet["media.pictures"]
    sheet.put("media.mean", "Gbit/s", pictures * sheet["media.picture"] * KILO * BITS / GIGA)


def _traffic(sheet: Sheet) -> None:
    """Bandwidth of each border; deliveries are the fan-out's amplification."""
    for when in ("mean", "peak"):
        reads = sheet[f"{when}.home"] + sheet[f"{when}.other"] + sheet[f"{when}.searches"]
        wrote = sheet[f"{when}.posts"] + sheet[f"{when}.retweets"] + sheet[f"{when}.likes"]
        _border(sheet, f"traffic.in.{when}", (reads + wrote) * sheet["size.request"] * KILO)
        _border(sheet, f"traffic.out.{when}", reads * sheet["size.page"] * KILO)
        _border(sheet, f"traffic.stores.{when}", reads * sheet["size.page"] * KILO * sheet["size.internal"])
        _border(sheet, f"traffic.fanout.{when}", sheet[f"{when}.deliveries"] * sheet["size.append"])
    sheet.put("traffic.log.mean", "Gbit/s", sheet["log.written.mean"] * BITS / KILO)
    sheet.put("traffic.log.peak", "Gbit/s", sheet["log.written.peak"] * BITS / KILO)
    peak = sheet["workload.peak-factor"]
    sheet.put("traffic.media-in.mean", "Gbit/s", sheet["media.day"] / DAY * BITS)
    sheet.put("traffic.media-in.peak", "Gbit/s", sheet["traffic.media-in.mean"] * peak)
    sheet.put("traffic.media-out.mean", "Gbit/s", sheet["media.mean"])
    sheet.put("traffic.media-out.peak", "Gbit/s", sheet["media.mean"] * peak)
    # From gateway to service a page goes once more, and two of three calls meet a replica in another zone.
    inside = sheet.total([f"traffic.{border}.mean" for border in ("in", "out", "stores", "fanout", "log")])
    sheet.put("traffic.zones.mean", "Gbit/s", inside * (sheet["zones.all"] - ONE) / sheet["zones.all"])


def _border(sheet: Sheet, name: str, octets: Quantity) -> None:
    sheet.put(name, "Gbit/s", octets * BITS / GIGA)
