"""Hot reads in a fleet come from fronts, and no front ever shows what was acknowledged otherwise."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.backends.redis import Redis
from tests.backends.toxiproxy import Links
from tests.system.client import Client, Person, register
from tests.system.cluster.conftest import cluster_settings, start
from tests.system.conditions import eventually
from tests.system.process import Launcher, Running

from aviary.api.tweets.v1.tweets_pb2 import CreateTweetRequest, Tweet
from aviary.rpc.callers import SERVICES

pytestmark = pytest.mark.cluster
ROUNDS = 25
# So long a call may take.
_CALL_S = 10.0
# Everything that writes and everything that reads in processes of their own.
TWO = "users+graph+tweets+fanout,timelines+relay+counting"


def answered(fleet: Running, how: str, method: str = "GetHomeTimeline") -> int:
    """How many hot reads the fronts of a fleet answered that way."""
    found = 0
    for member in json.loads((fleet.data_dir / "fleet.json").read_text(encoding="utf-8")).values():
        with urllib.request.urlopen(f"http://127.0.0.1:{member['metrics']}/metrics") as answer:
            text = answer.read().decode()
        pattern = rf'aviary_front_calls_total{{how="{how}",method="{method}"}} ([\d.]+)'
        found += sum(int(float(number)) for number in re.findall(pattern, text))
    return found


def home(person: Person) -> Mapping[str, Any]:
    """The tweets of a first page by id."""
    answer = person.get("/timeline/home?limit=50")
    assert answer.status == 200, answer.text
    return {tweet["id"]: tweet for tweet in answer.body["tweets"]}


def shows(person: Person, tweet: str) -> bool:
    return tweet in home(person)


def own_tweets(person: Person) -> list[str]:
    """The ids of a person's first page, newest first."""
    answer = person.get(f"/users/{person.id}/tweets?limit=50")
    assert answer.status == 200, answer.text
    return [tweet["id"] for tweet in answer.body["tweets"]]


def services_of(fleet: Running) -> str:
    """What AVIARY_SERVICES of whoever joins a fleet must say."""
    members = json.loads((fleet.data_dir / "fleet.json").read_text(encoding="utf-8"))
    places = [(part, member["grpc"]) for name, member in members.items() for part in name.split("+")]
    return ",".join(f"{part}=127.0.0.1:{port}" for part, port in places if part in SERVICES)


def created(process: Running, person: Person, content: str) -> str:
    """The id of a tweet that this very process made."""
    with grpc.insecure_channel(process.url) as channel:
        create = channel.unary_unary(
            "/aviary.api.tweets.v1.TweetService/CreateTweet",
            request_serializer=CreateTweetRequest.SerializeToString,
            response_deserializer=Tweet.FromString,
        )
        bearer = (("authorization", f"Bearer {person.client.token}"),)
        return str(create(CreateTweetRequest(content=content), metadata=bearer, timeout=_CALL_S).id)


def friends(fleet: Running, count: int) -> list[Person]:
    """People who follow each other."""
    people = [register(Client(fleet.url)) for _ in range(count)]
    for one in people:
        for other in people:
            if one is not other:
                one.follow(other)
    return people


@pytest.fixture
def fleet(servers: Mapping[str, object], tls_dir: Path, starter: Launcher, tmp_path: Path) -> Running:
    return start(starter, tmp_path / "data", {**servers, "tls_dir": tls_dir, "fleet": TWO})


def test_what_is_acknowledged_every_front_shows_at_once(fleet: Running) -> None:
    ada, bob, cyd = friends(fleet, 3)
    kept = [ada.tweet(f"number {number}")["id"] for number in range(ROUNDS)]
    eventually(lambda: set(kept) <= home(bob).keys(), within_s=20)
    held = answered(fleet, "held") + answered(fleet, "filled")

    for tweet in kept:
        # One's own are there before anybody was told of them.
        own = bob.tweet("own")["id"]
        assert own in home(bob)
        assert bob.post(f"/tweets/{tweet}/like").status == 200
        assert home(bob)[tweet]["is_liked"]
        assert not home(cyd)[tweet]["is_liked"]
        assert ada.client.put(f"/tweets/{tweet}", {"content": "edited"}).status == 200
        assert home(cyd)[tweet]["content"] == "edited"
        assert ada.delete(f"/tweets/{tweet}").status == 200
        for person in (ada, bob, cyd):
            assert tweet not in home(person)
        assert bob.delete(f"/tweets/{own}").status == 200

    assert answered(fleet, "held") + answered(fleet, "filled") - held > 6 * ROUNDS


def test_single_tweets_come_from_the_front_of_those_who_serve_them(fleet: Running) -> None:
    ada, bob = friends(fleet, 2)
    tweet = ada.tweet("hello")["id"]
    assert bob.get(f"/tweets/{tweet}").body["content"] == "hello"
    held = answered(fleet, "held", "GetTweet")
    for number in range(5):
        assert ada.client.put(f"/tweets/{tweet}", {"content": f"edited {number}"}).status == 200
        assert [bob.get(f"/tweets/{tweet}").body["content"] for _ in range(4)] == [f"edited {number}"] * 4
    assert answered(fleet, "held", "GetTweet") - held >= 5
    assert ada.delete(f"/tweets/{tweet}").status == 200
    assert bob.get(f"/tweets/{tweet}").status == 404


def test_relations_are_as_they_were_acknowledged(fleet: Running) -> None:
    ada, bob = friends(fleet, 2)
    tweet = ada.tweet("hello")["id"]
    eventually(lambda: tweet in home(bob), within_s=20)
    steps: list[tuple[Callable[[], Any], bool]] = [
        (lambda: bob.post(f"/users/{ada.id}/mute"), False),
        (lambda: bob.delete(f"/users/{ada.id}/mute"), True),
        (lambda: bob.delete(f"/users/{ada.id}/follow"), False),
        (lambda: bob.post(f"/users/{ada.id}/follow"), True),
        (lambda: ada.post(f"/users/{bob.id}/block"), False),
        (lambda: ada.delete(f"/users/{bob.id}/block"), False),
        (lambda: bob.post(f"/users/{ada.id}/follow"), True),
    ]
    for _ in range(3):
        for act, is_shown in steps:
            assert act().status == 200
            assert (tweet in home(bob)) is is_shown
            assert home(bob).keys() == home(bob).keys()


def test_people_and_what_they_chose_are_as_they_were_acknowledged(fleet: Running) -> None:
    ada, bob = friends(fleet, 2)
    tweet = ada.tweet("a word")["id"]
    warned = ada.post("/tweets", {"content": "careful", "is_sensitive": True}).body["id"]
    eventually(lambda: {tweet, warned} <= home(bob).keys(), within_s=20)
    for number in range(3):
        assert ada.put(f"/users/{ada.id}", {"display_name": f"Ada {number}"}).status == 200
        assert home(bob)[tweet]["user"]["display_name"] == f"Ada {number}"
        for settings, shown in (
            ({"muted_words": ["word"]}, {warned}),
            ({"muted_words": [], "hide_sensitive": True}, {tweet}),
            ({"hide_sensitive": False}, {tweet, warned}),
        ):
            assert bob.put("/users/me/settings", settings).status == 200
            assert home(bob).keys() == shown
        for is_protected in (True, False):
            assert ada.put("/users/me/settings", {"protected": is_protected}).status == 200
            assert home(bob)[tweet]["user"]["protected"] is is_protected


def test_readers_in_a_hurry_never_see_a_tweet_again_that_was_deleted(fleet: Running) -> None:
    ada, *readers = friends(fleet, 4)
    gone: set[str] = set()
    wrong: list[str] = []
    over = threading.Event()

    def read(person: Person) -> None:
        while not over.is_set():
            known = set(gone)
            wrong.extend(known & home(person).keys())

    threads = [threading.Thread(target=read, args=(person,)) for person in readers]
    for thread in threads:
        thread.start()
    try:
        for number in range(ROUNDS):
            tweet = ada.tweet(f"number {number}")["id"]
            eventually(partial(shows, readers[0], tweet), within_s=20)
            assert ada.delete(f"/tweets/{tweet}").status == 200
            gone.add(tweet)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert len(gone) == ROUNDS


def test_what_was_not_told_while_redis_was_away_is_not_shown_after_it(
    cassandra: str, kafka: str, starter: Launcher, tmp_path: Path
) -> None:
    with Redis(tmp_path / "redis") as own_redis:
        settings = cluster_settings(tables=cassandra, kafka=kafka, redis=own_redis.url, name="paused")
        fleet = start(starter, tmp_path / "data", {**settings, "fleet": TWO})
        ada, bob = friends(fleet, 2)
        tweets = [ada.tweet(f"number {number}")["id"] for number in range(8)]
        eventually(lambda: set(tweets) <= home(bob).keys(), within_s=20)
        for tweet in tweets:
            # It keeps its memory, and its news lacks what is deleted now.
            own_redis.pause()
            assert ada.delete(f"/tweets/{tweet}").status == 200
            assert tweet not in home(bob)
            own_redis.resume()
            for _ in range(20):
                assert tweet not in home(bob)
        held = answered(fleet, "held")
        eventually(lambda: not home(bob) and answered(fleet, "held") > held, within_s=20)


def test_what_a_writer_died_without_telling_the_relay_tells(
    servers: Mapping[str, object], toxiproxy: Links, starter: Launcher, tmp_path: Path
) -> None:
    settings = {**servers, "tables_keyspace": "test_untold", "kafka_prefix": "test-untold", "fleet": TWO}
    fleet = start(starter, tmp_path / "data", settings)
    link = toxiproxy.to(str(servers["redis"]).removeprefix("redis://"))
    apart = {**settings, "redis": f"redis://{link.address}", "services": services_of(fleet)}
    writer = starter.serve(fleet.data_dir, "tweets", **apart)
    ada = register(Client(fleet.url))
    told = ada.tweet("told")["id"]
    eventually(lambda: own_tweets(ada) == [told], within_s=20)

    held = answered(fleet, "held", "GetUserTimeline")
    eventually(lambda: own_tweets(ada) == [told] and answered(fleet, "held", "GetUserTimeline") > held, within_s=20)
    # It commits, and dies before it could tell anybody: its own link is cut, Redis is there for all the others.
    link.cut()
    untold = created(writer, ada, "untold")
    writer.kill()

    eventually(lambda: own_tweets(ada) == [untold, told], within_s=20)
