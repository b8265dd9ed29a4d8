"""Where one is in the dashboard: links that lead there, being there again, and going on to another project."""


import re

import pytest

from mlops_tui.declarations import known
from mlops_tui.session import Session
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
            await terminal.press("8", "slash", *"promote", "enter", "6", "q")
        async with dashboard(folder, person="ana", again=True) as terminal:
            assert standing_on(terminal) == "flights:AL-7#its-monitor"
            await terminal.press("8")
            assert "/ promote" in terminal.text
            assert re.search(r"Activity \(\d+ of \d+\)", terminal.text)
            await terminal.press("1")
            assert "5 need you" in terminal.text, "Home is as it stands now"
            assert "INC-3" in terminal.text
        Kept(folder, "ana").path.write_text('{"form": 1, "mode": "nowhere", "section/incidents": {"row": 3}}', "utf-8")
        async with dashboard(folder, person="ana", again=True) as terminal:
            assert standing_on(terminal) == "flights:home"
            await terminal.press("6")
            assert standing_on(terminal) == "flights:INC-3"

    run(story())


def test_a_row_that_is_gone_since_last_time_is_not_spoken_of(told: Session) -> None:
    folder = told.declared().root
    kept = Kept(folder, "")
    for name, value in (("mode", "incidents"), ("section/incidents", {"row": "INC-77", "side": "Like it"})):
        kept.put(name, value)
    kept.write()

    async def story() -> None:
        async with dashboard(folder, again=True) as terminal:
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
            terminal.app.go(read(["fligths:AP-5"]))
            await terminal.settle()
            assert "No project 'fligths' is known here." in terminal.text

    run(story())


def test_one_goes_on_to_another_project_without_leaving(told: Session, tmp_path_factory: pytest.TempPathFactory,
                                                            ) -> None:
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


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
def test_a_link_shows_what_it_is_about_where_room_is_short(told: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, size, at=["AL-7"]) as terminal:
            assert "alert show AL-7" in terminal.text
            await terminal.press("escape")
            assert standing_on(terminal) == "flights:AL-7"

    run(story())


