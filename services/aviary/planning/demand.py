"""What people ask of the platform: calls a second, and what the fan-out makes of them."""

from __future__ import annotations

import math

from aviary.planning.sheet import DAY, ONE, Quantity, Sheet, applied, number
from aviary.settings import Settings

# `home` is a page of a home, `other` one of any other timeline.
KINDS = ("posts", "retweets", "likes", "home", "other", "searches")


def demand(sheet: Sheet) -> None:
    """Add calls a second by kind, and deliveries to timelines."""
    _calls(sheet)
    _audience(sheet)
    for when in ("mean", "peak"):
        told = sheet[f"{when}.posts"] + sheet[f"{when}.retweets"]
        sheet.put(f"{when}.deliveries", "/s", told * sheet["audience.pushed"])


def _calls(sheet: Sheet) -> None:
    retweets = sheet["share.retweets"]
    daily = {
        "posts": sheet["workload.posts"],
        "retweets": sheet["workload.likes"] * retweets,
        "likes": sheet["workload.likes"] * (ONE - retweets),
        "home": sheet["workload.home-reads"],
        "other": sheet["workload.other-reads"],
        "searches": sheet["workload.searches"],
    }
    for kind in KINDS:
        sheet.put(f"mean.{kind}", "/s", daily[kind] / DAY)
    for kind in KINDS:
        sheet.put(f"peak.{kind}", "/s", sheet[f"mean.{kind}"] * sheet["workload.peak-factor"])


def _audience(sheet: Sheet) -> None:
    """To how many timelines a post is pushed, and how many authors a reader pulls.

    The tiers are the platform's defaults; see `followed_beyond` for their shares.
    """
    tiers = Settings()
    mid, top = number(tiers.fanout_mid_followers), number(tiers.fanout_pull_followers)
    people = (sheet["workload.accounts"], sheet["workload.follows"], sheet["popularity"])
    pulled = sheet.put("audience.pulled-share", "of follows", applied("followed_beyond", followed_beyond, mid, *people))
    topmost = sheet.put("audience.top-share", "of follows", applied("followed_beyond", followed_beyond, top, *people))
    warm = sheet.put("audience.warm", "of accounts", sheet["workload.dau"] / sheet["workload.accounts"])
    active = sheet.put("audience.active", "of accounts", warm * sheet["share.hour"])
    reached = (ONE - pulled) * warm + (pulled - topmost) * active
    sheet.put("audience.pushed", "timelines a post", sheet["workload.follows"] * reached)
    sheet.put("audience.pulled", "authors a home", sheet["workload.follows"] * pulled)


def followed_beyond(followers: float, accounts: float, follows: float, exponent: float) -> float:
    """The share of all follows whose target has more than `followers` followers.

    Zipf and Mandelbrot's law, the curve of `popularity`: the n-th most followed
    has accounts · (q / (n + q))^exponent followers, so that the first is
    followed by all, with the q at which all `accounts · follows` are there.
    """
    if followers >= accounts or not follows:
        return 0.0
    shift = _shift(accounts, follows, exponent)
    rank = shift * (math.pow(accounts / followers, 1 / exponent) - 1)
    return min(1.0, _followed(rank, shift, exponent) / follows)


def _followed(ranks: float, shift: float, exponent: float) -> float:
    """How many of the first `ranks` anybody follows on average: the law's integral, over the number of accounts."""
    rest = 1 - exponent
    return math.pow(shift, exponent) * (math.pow(ranks + shift, rest) - math.pow(shift, rest)) / rest


def _shift(accounts: float, follows: float, exponent: float) -> float:
    """The q of the law, by bisection of its logarithm: the larger it is, the more is followed."""
    least, most = -60.0, math.log(accounts) + 60.0
    for _ in range(100):
        middle = (least + most) / 2
        if _followed(accounts, math.exp(middle), exponent) < follows:
            least = middle
        else:
            most = middle
    return math.exp(most)


def writes(sheet: Sheet, when: str) -> Quantity:
    """Writes a second in posts: a like counts as much of one as it costs."""
    return sheet[f"{when}.posts"] + sheet[f"{when}.retweets"] + sheet[f"{when}.likes"] * sheet["cpu.like"]


def pages(sheet: Sheet, when: str) -> Quantity:
    """Pages a second in homes: another page counts as much of one as it costs."""
    return sheet[f"{when}.home"] + sheet[f"{when}.other"] * sheet["cpu.other"]
