"""What an operator can measure from outside."""

from __future__ import annotations

import time

from tests.system.client import Client, Person
from tests.system.process import Running

_PATIENCE_S = 10.0


def _metric(client: Client, name: str) -> float:
    text = client.send("GET", "//metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


def test_metrics_count_calls_and_tell_how_far_the_fan_out_is(platform: Running, ada: Person, bob: Person) -> None:
    before = _metric(ada.client, "aviary_fanout_appended_entries_total")
    assert bob.client.send("POST", f"/users/{ada.id}/follow", {}).status == 200
    assert bob.client.send("GET", "/timeline/home").status == 200
    assert ada.client.send("POST", "/tweets", {"content": "counted"}).status == 200

    deadline = time.monotonic() + _PATIENCE_S
    while _metric(ada.client, "aviary_fanout_appended_entries_total") == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _metric(ada.client, "aviary_fanout_appended_entries_total") == before + 1
    assert _metric(ada.client, "aviary_fanout_lag_events") == 0
    assert 'aviary_call_seconds_count{code="OK",method="CreateTweet"}' in ada.client.send("GET", "//metrics").text
