"""What scenario files may say, and that they say it."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import graphs, scenario
from benchmarks.scenario import InvalidScenario, Rate

WHOLE = """
about = "a test"
rates = ["50%", 200]
[world]
graph = "made-up"
tweets = 3
[operations.home]
weight = 2
[operations.compose]
mentions = [1, 6]
[quick]
seconds = 1
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "tried.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("quick", [False, True])
def test_every_scenario_of_the_suite_can_be_read(*, quick: bool) -> None:
    found = {name: scenario.named(name, quick=quick) for name in scenario.names()}

    assert {"compose", "home", "user", "mix", "celebrity", "cold", "day", "dense"} <= set(found)
    for each in found.values():
        assert each.about
        # Whatever writes is looked for.
        assert each.probe or "compose" not in each.operations.chosen
        # A page that begins after a hundred tweets of one person has to be full.
        user = each.operations.user
        assert user is None or each.world.tweets >= user.start[1] + user.page


def test_the_mix_is_deathstarbenchs() -> None:
    mix = scenario.named("mix", quick=False)
    home, user, compose = (mix.operations.chosen[name] for name in ("home", "user", "compose"))

    assert (home.weight, user.weight, compose.weight) == (60, 30, 10)
    assert mix.operations.home == scenario.Reading(weight=60, page=10, start=(0, 100))
    assert mix.operations.compose == scenario.Composing(weight=10, characters=256, mentions=(1, 6), urls=(1, 6))
    assert mix.world.graph == "reed98"


def test_what_is_quick_takes_the_place_of_the_rest(tmp_path: Path) -> None:
    file = written(tmp_path, WHOLE)
    whole, quick = (scenario.read(file, quick=each) for each in (False, True))

    assert (whole.name, whole.seconds, quick.seconds) == ("tried", 8.0, 1.0)
    assert whole.rates == quick.rates == (Rate(50, is_share=True), Rate(200, is_share=False))
    assert [each.name for each in whole.rates] == ["load50", "rate200"]
    assert [each.per_s(1_000) for each in whole.rates] == [500, 200]
    assert set(whole.operations.chosen) == {"home", "compose"}
    assert set(whole.operations.only("compose").chosen) == {"compose"}


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('about = "a test"', "", "tried.toml: about is missing"),
        ('about = "a test"', "about = 5", "tried.toml: about is 5; it must be a text"),
        ('about = "a test"', 'abuot = "x"', "tried.toml: abuot is unknown; it takes about, alone,"),
        ('graph = "made-up"', 'graph = "moon"', "tried.toml: world.graph is 'moon'; it must be reed98 or dense or"),
        ("tweets = 3", "", "tried.toml: world.tweets is missing"),
        ("tweets = 3", "tweets = true", "tried.toml: world.tweets is True; it must be a whole number"),
        ("weight = 2", "weight = 0", "tried.toml: operations.home.weight is 0; it must be above 0"),
        ("weight = 2", "start = [100, 0]", r"tried.toml: operations.home.start is \[100, 0\]; it must rise from 0"),
        ("weight = 2", "start = [1]", "tried.toml: operations.home.start has 1 values; it must have 2"),
        ("weight = 2", "page = 101", "tried.toml: operations.home.page is 101; it must be from 1 to 100"),
        ("mentions = [1, 6]", "mentions = [1, 7]", r"operations.compose.mentions is \[1, 7\]"),
        ("mentions = [1, 6]", "characters = 281", "operations.compose.characters is 281; it must be from 1 to 280"),
        ('["50%", 200]', '["fast"]', "tried.toml: 'fast' is no rate; 500 is a second, \"75%\" of the maximum"),
        ('["50%", 200]', "[0]", "tried.toml: 0 is no rate"),
        ('["50%", 200]', "5", "tried.toml: rates is 5; it must be a list"),
        ('["50%", 200]', "[1]\nday = [0, 0]", "tried.toml: day holds no share above 0"),
        ('["50%", 200]', "[1]\ncold = true", "tried.toml: cold is about homes and nothing else"),
        ('["50%", 200]', "[1]\nburst = {posts = 1, every_s = 1}", "tried.toml: burst needs followers in the world"),
        (
            "tweets = 3",
            "tweets = 3\nfollowers = 9\n[burst]\nposts = 9\nevery_s = 1",
            "tried.toml: burst ends after 8 s; a load ends after 8",
        ),
        ('["50%", 200]', "[1]\nprobe = {per_s = -1}", "tried.toml: probe.per_s is -1; it must be above 0"),
        ("[quick]", "[quick", "tried.toml cannot be read"),
    ],
)
def test_a_wrong_file_gets_one_sentence(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    assert before in WHOLE
    with pytest.raises(InvalidScenario, match=sentence) as told:
        scenario.read(written(tmp_path, WHOLE.replace(before, after)), quick=False)
    assert "\n" not in str(told.value)


def test_operations_there_must_be(tmp_path: Path) -> None:
    file = written(tmp_path, 'about = "x"\n[world]\ngraph = "made-up"\ntweets = 1\n[operations]\n')
    with pytest.raises(InvalidScenario, match="operations are missing: at least one of home, user, compose"):
        scenario.read(file, quick=False)


def test_an_unknown_name_is_told_those_that_there_are() -> None:
    with pytest.raises(InvalidScenario, match="there is no scenario 'nope'; choose from celebrity, cold"):
        scenario.named("nope", quick=False)


def test_the_densest_part_is_that_of_those_with_most_friends() -> None:
    # 0 is everybody's friend, 1 and 2 are each other's; 3 and 4 know only 0.
    friends = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2)]
    follows = [pair for one, other in friends for pair in ((one, other), (other, one))]

    assert sorted(graphs.densest(5, follows, 3)) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


def test_the_world_of_the_comparison_is_the_one_that_others_were_measured_on() -> None:
    place = scenario.named("dense", quick=False).world
    world, name = graphs.of(place)
    if name != graphs.DENSE:
        # Made up for want of the data: as many people, and no ratio to anybody is computed.
        assert world.people == 200
        return
    assert (world.people, len(world.follows), place.tweets) == (200, 10_156, 20)
