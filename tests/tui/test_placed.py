"""Where one is in the dashboard: links that lead there, being there again, and going on to another project."""


import re
from pathlib import Path

import pytest

from mlops_tui import cli
from mlops_tui.declarations import known
from mlops_tui.session import Session
from mlops_tui.tui.app import Dashboard
from mlops_tui.tui.kept import Kept
from mlops_tui.tui.links import read
from tests.screens import Terminal, dashboard, run


@pytest.fixture(autouse=True)
def own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("own")))


def standing_on(terminal: Terminal) -> str:
    return str(terminal.app.place)


def test_one_is_again_where_one_was(told: Session) -> None:
    folder = told.declared().root

    async def story() -> None:
        async with dashboard(folder, person="ana") as terminal:
            await terminal.press("6", "down", "right")
            assert standing_on(terminal) == "flights:AL-7#its-monitor"
            await terminal.press("8", "slash", *"P-4", "enter", "6", "q")
        async with dashboard(folder, person="ana", again=True) as terminal:
            assert standing_on(terminal) == "flights:AL-7#its-monitor"
            await terminal.press("8")
            assert "/ P-4" in terminal.text
            assert re.search(r"Activity \(\d+ of \d+\)", terminal.text)
            await terminal.press("1")
            assert "5 need you" in terminal.text, "Home is as it stands now"
            assert "INC-3" in terminal.text

    run(story())


def test_the_first_picture_is_of_where_one_was_with_its_rows(told: Session) -> None:
    folder = told.declared().root

    async def story() -> None:
        async with dashboard(folder, person="ana") as terminal:
            await terminal.press("6", "down", "q")
        for changed in (False, True):
            if changed:
                (folder / "team.yaml").write_text((folder / "team.yaml").read_text() + "# later\n", encoding="utf-8")
            app = Dashboard(folder, person="ana")
            app.desk.ask = lambda asked: None  # type: ignore[method-assign]  # the desk never answers
            async with app.run_test(size=(120, 40)) as pilot:
                await pilot.pause()
                terminal = Terminal(app, pilot)
                assert ("AL-7" in terminal.text, "as of 4 Oct 2013" in terminal.text) == (not changed, not changed)
                if not changed:
                    assert standing_on(terminal) == "flights:AL-7"
            assert app.desk.close(10)

    run(story())


def test_what_cannot_be_remembered_is_told_once(told: Session) -> None:
    folder = told.declared().root
    Kept(folder, "").path.mkdir(parents=True)

    async def story() -> None:
        async with dashboard(folder, again=True) as terminal:
            for key in ("6", "4"):
                await terminal.press(key)
                terminal.app._remember()
                terminal.app._write()
            assert [each.message.split(":")[0] for each in terminal.app._notifications] == [
                "What you set up is forgotten when you leave"]

    run(story())


def test_what_is_gone_or_makes_no_sense_since_last_time_is_not_spoken_of(told: Session) -> None:
    folder = told.declared().root
    kept = Kept(folder, "")
    for name, value in (("mode", "nowhere"), ("section/incidents", {"row": "INC-77", "side": "Like it"}),
                        ("section/monitoring", {"row": 3, "filter": None}), ("section/data", "x")):
        kept.put(name, value)
    kept.write()

    async def story() -> None:
        async with dashboard(folder, again=True) as terminal:
            assert standing_on(terminal) == "flights:home"
            await terminal.press("4", "7", "6")
            assert standing_on(terminal) == "flights:INC-3#like-it"
            assert "There is no" not in terminal.text

    run(story())


def test_a_link_leads_to_its_row_and_side_or_to_the_nearest(told: Session) -> None:
    folder = told.declared().root

    async def story() -> None:
        async with dashboard(folder, at=["INC-3#like-it"]) as terminal:
            assert standing_on(terminal) == "flights:INC-3#like-it"
            assert "incident similar INC-3" in terminal.text
            await terminal.press("slash", *"AL-7", "enter")
            await terminal.type("inc-9")
            assert "There is no INC-9 here. The nearest is INC-3." in terminal.text
            assert standing_on(terminal) == "flights:INC-3#like-it", "past the filter that would have hidden it"
            await terminal.type("monitor/flights-drift")
            assert standing_on(terminal) == "flights:monitor/flights-drift"
            terminal.app.go(read(["model/flights-delay"]))
            await terminal.settle()
            assert standing_on(terminal) == "flights:model/flights-delay@7", "the version that serves"
            terminal.app.go(read(["job/7"]))
            await terminal.settle()
            assert "No job 7" in terminal.text
            terminal.app.go(read(["flights:AP-5"]))
            await terminal.settle()
            assert standing_on(terminal) == "flights:AP-5"
            await terminal.type("ap-55")
            assert "There is no AP-55 here. The nearest is AP-5." in terminal.text
            await terminal.type("projects fligths")
            assert "No project 'fligths' is known here." in terminal.text

    run(story())


def test_one_goes_on_to_another_project_without_leaving(told: Session,
                                                        tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "mlops.yaml").write_text("project: churn\n", encoding="utf-8")
    known.add("churn", other)

    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            await terminal.press("4")
            terminal.app.go(read(["churn:monitor/m#found"]))
            await terminal.pilot.pause()
            onward = terminal.app.onward
            assert onward is not None
            assert (onward.root, str(onward.link), onward.person) == (other, "monitor/m#found", ""), "ana is not of it"
            assert not terminal.app.is_running or terminal.app._exit
        assert Kept(told.declared().root, "ana").get("mode", "") == "monitoring"

    run(story())


@pytest.mark.parametrize("size", [(120, 40), (60, 16)])
def test_a_link_to_an_incident_or_an_alert_leads_to_where_it_is_worked_on(told: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, size, at=["al-7"]) as terminal:
            assert "Incidents ▸ AL-7" in terminal.text
            assert standing_on(terminal) == "flights:AL-7"
            await terminal.press("escape")
            assert terminal.app.screen.id == "incidents"
            await terminal.type("monitor/flights-drift")
            assert ("Monitoring ▸ flights-drift" in terminal.text.splitlines()[0]) is (size[0] < 100)
            assert standing_on(terminal) == "flights:monitor/flights-drift"

    run(story())


def test_a_terminal_opens_a_project_by_its_name_or_says_which_are_near(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known.add("churn", tmp_path / "gone")
    assert cli.run(["open", "chrun:INC-3"]) == 2
    assert "Did you mean 'churn'?" in capsys.readouterr().err
    assert cli.run(["open", "churn:INC-3"]) == 2
    assert f"The project 'churn' is no longer in {tmp_path / 'gone'}." in capsys.readouterr().err
    (tmp_path / "mlops.yaml").write_text("project: here\n", encoding="utf-8")
    assert cli.run(["open", "here:INC-3"]) == 2
    assert "needs a terminal" in capsys.readouterr().err, "a project one stands in needs no list"
