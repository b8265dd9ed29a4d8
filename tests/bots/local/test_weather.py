"""Chaos on purpose: the same for the same seed, told as it comes, over when it is stopped."""

from itertools import islice

import pytest
from slack_sdk import WebClient

from bots.local.weather import AWAY, CALM, KINDS, Weather, outages, wanted
from bots.local.workspace import LocalSlack
from mlops_tui.errors import BadInput
from tests.bots.local.test_web_api import refusal


def test_outages_are_drawn_from_the_seed() -> None:
    first = list(islice(outages(7), 20))
    assert first == list(islice(outages(7), 20))
    assert first != list(islice(outages(8), 20))
    assert all(CALM[0] <= calm <= CALM[1] and AWAY[0] <= away <= AWAY[1] for calm, away in first)


def test_which_faults_are_meant() -> None:
    assert wanted("") == KINDS
    assert wanted("down, limit") == ("down", "limit")
    with pytest.raises(BadInput, match="There is no fault rain") as caught:
        wanted("rain,down")
    assert "lose_answer" in caught.value.next


def test_what_it_does_is_told_and_ends_with_it(slack: LocalSlack, client: WebClient) -> None:
    said: list[str] = []
    slack.faults.told = said.append
    weather = Weather(slack.faults, 1, ["limit"])
    weather.chaos.rates["limit"] = 1.0
    weather.start()
    assert refusal(client.auth_test).response["error"] == "ratelimited"
    weather.stop()
    assert client.auth_test()["ok"]
    assert said == ["12:00:00 auth.test: 429, again after 5 s"]


def test_a_seed_can_take_slack_away_for_a_while(slack: LocalSlack) -> None:
    weather = Weather(slack.faults, 1, ["down"])
    weather.outages = iter([(0.0, 0.05)])
    weather.start()
    slack.until(lambda: slack.faults.mishaps)
    weather.stop()
    assert [each[9:] for each in slack.faults.mishaps] == ["Slack is away for 0.05 s", "Slack is back"]
