"""Places of the dashboard as they are written down, and what they lead to."""

import pytest

from mlops_tui.tui.links import Link, Spot, command, nearest, read, row_place, shown_by, spot
from mlops_tui.view import Row


@pytest.mark.parametrize(("typed", "link"), [
    ("INC-3", Link(("INC-3",))),
    ("flights:INC-3#runbook@2013-09-14T06:00", Link(("INC-3",), "flights", "runbook", "2013-09-14T06:00")),
    ("INC-3@2013-09-14#like-it", Link(("INC-3",), "", "like-it", "2013-09-14")),
    ("model/flights-delay@8", Link(("model/flights-delay@8",))),
    ("model/flights-delay@8@2013-09-14", Link(("model/flights-delay@8",), at="2013-09-14")),
    ("model/flights-delay@champion#cost", Link(("model/flights-delay@champion",), side="cost")),
    ("flights:", Link((), "flights")), ("@flights", Link((), "flights")), ("home", Link(("home",))),
])
def test_a_place_is_read_and_written(typed: str, link: Link) -> None:
    assert read([typed]) == link
    assert read(str(link).split()) in (link, Link(("home",), link.project))


def test_a_command_line_stays_as_it_is() -> None:
    assert read(["incident", "show", "INC-3"]) == Link(("incident", "show", "INC-3"))
    assert read(["open", "flights:INC-3"]) == Link(("INC-3",), "flights"), "what a card or y says, whole"
    assert read(["flights:incident", "show", "a#b@2013-01-01"]).words == ("incident", "show", "a#b@2013-01-01")
    shown = Link(("incident", "show", "INC-3"), "flights", at="2013-09-14T06:00:00.5+00:00")
    assert read(str(shown).split()) == shown
    assert str(Link(("sql", "SELECT 1"), "flights")) == "flights:sql 'SELECT 1'"


@pytest.mark.parametrize(("place", "found"), [
    ("INC-3", Spot("incidents", "INC-3")), ("inc-3", Spot("incidents", "INC-3")), ("AL-7", Spot("incidents", "AL-7")),
    ("AP-5", Spot("governance", "approval/AP-5")), ("monitor/flights-drift", Spot("monitoring", "flights-drift")),
    ("dataset/flights", Spot("data", "dataset/flights")), ("governance", Spot("governance")),
    ("governance/version/m@7", Spot("governance", "version/m@7")), ("home", Spot("home")),
    ("job/7", None), ("RUN-5", None), ("status", None), ("monitor/", None), ("a/b", None), ("INC-x", None)])
def test_a_place_is_a_row_of_a_mode_or_what_a_command_shows(place: str, found: Spot | None) -> None:
    assert spot(Link((place,))) == found


def test_jobs_runs_and_runbooks_are_shown_by_their_commands() -> None:
    assert command(["job/7"]) == ("job", "log", "7")
    assert command(["run-5"]) == ("runbook", "show", "RUN-5")
    assert command(["runbook/data-drift"]) == ("runbook", "show", "data-drift")
    assert command(["a/b"]) == ("a/b",)
    assert shown_by(("incident", "show", "INC-3")) == ("INC-3",)
    for words in (("runbook", "show", "data-drift"), ("incident", "list"), ()):
        assert shown_by(words) == words


@pytest.mark.parametrize(("mode", "key"), [
    ("incidents", "INC-3"), ("incidents", "AL-7"), ("governance", "approval/AP-5"), ("governance", "version/m@7"),
    ("models", "flights-delay@7"), ("monitoring", "flights-drift"), ("monitoring", "coverage/m"),
    ("data", "dataset/flights"), ("data", "model/m"), ("pipelines", "daily"), ("activity", ""), ("home", "")])
def test_every_row_can_be_written_down(mode: str, key: str) -> None:
    assert spot(read([row_place(mode, key)])) == Spot(mode, key)


ROWS: list[Row] = [{"key": "m@6", "name": "m@6", "model": "m", "role": ""},
                   {"key": "m@7", "name": "m@7", "model": "m", "role": "champion"},
                   {"key": "INC-2", "name": "INC-2"}, {"key": "dataset/flights", "name": "flights"}]


@pytest.mark.parametrize(("wanted", "found"), [
    ("m@6", ("m@6", True)), ("m", ("m@7", True)), ("inc-2", ("INC-2", True)), ("flights", ("dataset/flights", True)),
    ("INC-9", ("INC-2", False)), ("dataset/fligths", ("dataset/flights", False)), ("zzz", ("", False))])
def test_what_leads_nowhere_leads_to_the_nearest(wanted: str, found: tuple[str, bool]) -> None:
    assert nearest(ROWS, wanted) == found
