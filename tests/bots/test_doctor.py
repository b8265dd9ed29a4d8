"""`slack doctor` finds each thing that keeps Slack and the bot apart, and says the next thing to do about it."""

import json
import time
from pathlib import Path

import pytest

from bots.cli import main
from bots.doctor import LATE, Check, Doctor, code, told
from bots.local.state import SCOPES
from bots.local.workspace import LocalSlack
from bots.pulse import Pulse
from mlops_tui.view import Status
from store.pulses import BOT, Pulses
from tests.bots.conftest import TEAM, Office, declare
from tests.bots.desk import Desk

# Slack's own client leaves sockets that died to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def checks(desk: Desk, **environment: str) -> dict[str, Check]:
    """By their names, with the local Slack's tokens where none are given."""
    desk.born()
    given = {**desk.slack.environment, **environment}
    found = Doctor({name: value for name, value in given.items() if value}, desk.session, desk.clock).checks()
    assert told(found), "whatever it is, it can be said"
    assert all(each.next for each in found if each.status is not Status.PASS), "what is not well has a next step"
    return {each.name: each for each in found}


def alive(desk: Desk, ago: float = 1.0, **said: object) -> None:
    given = {"at_work": True, "connected": True, "came": desk.clock() - 10, "answered": desk.clock() - 10, "took": 0.01}
    Pulses(desk.ledger.engine).beat(BOT, desk.clock() - ago, **{**given, **said})


def test_where_all_is_well_it_says_so_and_exits_with_nought(desk: Desk) -> None:
    alive(desk)
    found = checks(desk)
    assert [each for each in found.values() if each.status is not Status.PASS] == []
    assert code(list(found.values())) == 0
    assert "answered in 10 ms" in found["bot"].found
    assert told(list(found.values())).startswith(f"● All {len(found)} checks pass")


@pytest.mark.parametrize(("environment", "check", "said", "next"), [
    ({"SLACK_BOT_TOKEN": ""}, "bot token", "is not set", "xoxb"),
    ({"SLACK_BOT_TOKEN": "xoxb-revoked"}, "bot token", "invalid_auth", "Copy the token again"),
    ({"SLACK_BOT_TOKEN": "xapp-local-app"}, "bot token", "not_allowed_token_type", "other kind of token"),
    ({"SLACK_APP_TOKEN": ""}, "app token", "is not set", "connections:write"),
    ({"SLACK_APP_TOKEN": "xapp-revoked"}, "app token", "invalid_auth", "SLACK_APP_TOKEN"),
    ({"SLACK_HTTP_PORT": "3000", "SLACK_SIGNING_SECRET": ""}, "signed HTTP", "no signing secret", "SIGNING_SECRET"),
    ({"SLACK_API_BASE_URL": "http://127.0.0.1:9/api/"}, "bot token", "cannot be reached", "network")])
def test_tokens_that_are_missing_wrong_or_of_no_use(desk: Desk, environment: dict[str, str], check: str, said: str,
                                                    next: str) -> None:
    found = checks(desk, **environment)
    assert (found[check].status, said in found[check].found, next in found[check].next) == (Status.FAIL, True, True)
    assert code(list(found.values())) == 1
    assert "xoxb-revoked" not in told(list(found.values()))


def test_a_scope_that_is_missing_is_named_with_what_needs_it(project: Path) -> None:
    declare(project)
    lacking = [each for each in SCOPES if each != "reactions:read"]
    with LocalSlack({"ana": "U01"}, scopes=lacking) as slack:
        found = {each.name: each for each in Doctor(slack.environment).checks()}
        assert (found["scopes"].status, found["scopes"].found) == (
            Status.FAIL, "missing for marks that become a timeline: reactions:read")
        assert "slack manifest" in found["scopes"].next
        assert "manifest" not in found
    with LocalSlack({"ana": "U01"}, scopes=[*SCOPES, "users:read.email"]) as slack:
        found = {each.name: each for each in Doctor(slack.environment).checks()}
        assert (found["scopes"].status, found["manifest"].status) == (Status.PASS, Status.WARN)
        assert "users:read.email" in found["manifest"].found


def test_channels_for_incidents_need_scopes_only_where_they_are_declared(desk: Desk) -> None:
    alive(desk)
    assert checks(desk)["scopes"].status is Status.PASS
    declare(desk.folder, 'channel: "#ml-flights", incident_channels: true')
    found = checks(desk)["scopes"]
    assert (found.status, "channels:manage" in found.found) == (Status.FAIL, True)


def test_clocks_that_differ(desk: Desk) -> None:
    assert checks(desk)["clock"].status is Status.PASS
    desk.clock.pass_(60)
    assert (checks(desk)["clock"].status, "s ahead of Slack" in checks(desk)["clock"].found) == (Status.WARN, True)
    desk.clock.pass_(-60 - LATE - 60)
    assert (checks(desk)["clock"].status, "behind" in checks(desk)["clock"].found) == (Status.FAIL, True)


@pytest.mark.parametrize(("team", "said", "status"), [
    (TEAM.replace("slack: U05, ", ""), "no Slack id in team.yaml: vera", Status.WARN),
    (TEAM.replace("U05", "U03"), "U03 is two people's", Status.FAIL),
    (TEAM.replace("U05", "U77"), "not in this workspace: vera (U77)", Status.WARN)])
def test_people_who_cannot_be_known_by_their_slack_id(desk: Desk, team: str, said: str, status: Status) -> None:
    (desk.folder / "team.yaml").write_text(team, encoding="utf-8")
    found = checks(desk)["people"]
    assert (found.status, said in found.found) == (status, True)


@pytest.mark.parametrize(("sign", "said", "status"), [
    (None, "not at work", Status.WARN), ({"at_work": False}, "was stopped", Status.WARN),
    ({"ago": 600.0}, "10 min ago", Status.FAIL), ({"connected": False}, "does not reach it", Status.FAIL),
    ({"answered": 0.0}, "was not answered", Status.WARN)])
def test_a_bot_that_is_not_there_hangs_or_hears_nothing(desk: Desk, sign: dict[str, float] | None, said: str,
                                                        status: Status) -> None:
    if sign is not None:
        alive(desk, **sign)  # type: ignore[arg-type]
    found = checks(desk)["bot"]
    assert (found.status, said in found.found) == (status, True)


def test_what_waits_too_long_and_what_was_given_up(desk: Desk) -> None:
    alive(desk)
    desk.says("a")
    desk.outbox.later(desk.outbox.one("a").id, desk.clock() + 60, "not_in_channel: somebody has to mend that",
                      said=False)
    desk.inbox.put("k", "command", "U02", {"argv": ["status"]})
    desk.clock.pass_(400)
    found = checks(desk)
    assert (found["queue to Slack"].status, found["queue from Slack"].status) == (Status.FAIL, Status.FAIL)
    assert "/invite @mlops" in found["queue to Slack"].next
    desk.outbox.dead(desk.outbox.one("a").id, "channel_not_found")
    dead = checks(desk)["dead letters"]
    assert (dead.status, "1 message and 0 requests" in dead.found, "letter list" in dead.next) == (
        Status.WARN, True, True)


def test_without_a_project_the_tokens_are_looked_at(desk: Desk) -> None:
    found = {each.name: each for each in Doctor(desk.slack.environment).checks()}
    assert {"project", "bot token", "app token", "scopes", "clock"} == set(found)
    assert [each for each in found.values() if each.status is not Status.PASS] == [found["project"]]


def test_in_the_terminal_its_exit_code_is_the_worst(desk: Desk, monkeypatch: pytest.MonkeyPatch,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in desk.slack.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor"], desk.folder) == 0
    out = capsys.readouterr().out
    assert "▲ 1 of " in out
    assert "→ Start it: mlops-tui up" in out
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-no")
    assert main(["doctor"], desk.folder) == 1
    assert "xapp-no" not in capsys.readouterr().out


def test_the_manifest_of_a_project_asks_for_what_the_project_uses(desk: Desk,
                                                                  capsys: pytest.CaptureFixture[str]) -> None:
    declare(desk.folder, 'channel: "#ml-flights", incident_channels: true')
    assert main(["manifest"], desk.folder) == 0
    assert "channels:manage" in json.loads(capsys.readouterr().out)["oauth_config"]["scopes"]["bot"]
    assert main(["manifest"], None) == 0
    assert "channels:manage" not in capsys.readouterr().out


def test_a_bot_at_work_gives_its_signs_and_takes_its_leave(office: Office) -> None:
    began = time.time()
    service = office.begin()
    pulses = Pulses(office.ledger.engine)
    service.pulse._beaten = 0.0
    assert office.slack.slash("vera", "status").ok
    office.until(lambda: (seen := pulses.seen(BOT)) and seen.detail["connected"] and seen.detail["came"])
    seen = pulses.seen(BOT)
    assert seen
    assert seen.at >= began
    assert seen.detail["answered"] >= seen.detail["came"]
    office.end()
    seen = pulses.seen(BOT)
    assert seen
    assert seen.detail["at_work"] is False


def test_old_letters_are_let_go_once_an_hour(desk: Desk) -> None:
    said = desk.says("old")
    desk.outbox.sent(said.id, "C01/1.2")
    pulse = Pulse(desk.session, desk.signs, lambda: True, desk.said.append, desk.clock)
    pulse.round()
    assert desk.outbox.one("old").body
    desk.clock.pass_(31 * 24 * 3600)
    pulse.round()
    assert desk.outbox.one("old").body == {}
