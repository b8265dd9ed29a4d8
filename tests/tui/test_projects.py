"""Several projects side by side: how each stands, and the way there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from mlops_tui.declarations import known
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.tui import neighbours
from mlops_tui.tui.feed import Feed
from mlops_tui.tui.neighbours import Neighbour, looked
from mlops_tui.tui.screens.projects import project
from mlops_tui.view import Facts, Status, Table, View
from store.facts import IncidentEvent, Note
from tests.screens import dashboard, run


@pytest.fixture(autouse=True)
def around(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project in production that has an incident, one that cannot be read, and one that is gone."""
    folder = tmp_path_factory.mktemp("around")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "own"))
    for name, text in (("prod", "project: churn\nenvironment: production\n"), ("broken", "project: x\ntimezon: UTC\n")):
        (folder / name).mkdir()
        (folder / name / "mlops.yaml").write_text(text, encoding="utf-8")
        known.add(name, folder / name)
    known.add("gone", folder / "gone")
    open_project(folder / "prod").ledger.append(
        IncidentEvent(subject="INC-8", event="opened", title="nobody [leaves]", severity="high"))
    return folder


def test_projects_stand_side_by_side_and_enter_goes_there(told: Session, around: Path) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, (110, 40), person="ana") as terminal:
            await terminal.press("at")
            await terminal.expect(lambda: "looking" not in terminal.text and "INC-8" in terminal.text)
            shown = terminal.text
            assert "flights ▸ Projects" in shown.splitlines()[0]
            for told_there in ("Projects (4)", "Its folder is gone.", "Unknown key 'timezon'.", "production",
                               "INC-8 nobody [leaves]", "5 wait", "here · …",
                               "Needs you, everywhere (6)"):
                assert told_there in shown
            assert shown.index("flights") < shown.index("gone"), "what is known to be bad before what is not known"
            await terminal.press("at", *"prod", "enter")
            await terminal.expect(lambda: "Its folder is gone." not in terminal.text)
            assert "/ @prod" in terminal.text
            assert "Needs you, everywhere (1 of 6)" in terminal.text, "both lists are of that project"
            await terminal.press("tab", "enter")
            onward = terminal.app.onward
            assert onward is not None
            assert (onward.root, str(onward.link), onward.person) == (around / "prod", "incident show INC-8", "")

    run(story())


def test_where_a_project_cannot_be_seen_nobody_is_led(told: Session, around: Path) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, (60, 16)) as terminal:
            await terminal.press("at")
            await terminal.expect(lambda: "Unknown key" in terminal.text)
            await terminal.press("slash", *"gone", "enter", "enter")
            assert terminal.app.onward is None
            await terminal.press("f")
            assert "gone is off the list" in terminal.text
            assert list(known.projects()) == ["prod", "broken", "flights"]
            await terminal.press("escape", "slash", *"flights", "enter", "enter")
            assert terminal.app.onward is None
            assert terminal.app.screen.id == "home", "it is the project one came from"
            known.place().write_text("[", encoding="utf-8")
            await terminal.press("at")
            await terminal.expect(lambda: "It is not YAML" in terminal.text)

    run(story())


def test_a_project_is_shown_as_it_was_seen_last_and_looked_at_only_where_something_happened(around: Path) -> None:
    folder = around / "prod"
    Feed(folder, "", read_only=None).look()
    before = neighbours.Lookout("", print)._before("prod", folder)
    assert (before.status, before.running, [row["id"] for row in before.needs]) == (Status.UNKNOWN, None, ["INC-8"])
    assert looked(before, "").view is before.view, "nothing has been recorded since"
    open_project(folder).ledger.append(Note(subject="s", text="x"))
    after = looked(before, "nobody of that name")
    assert after.view is not before.view
    assert (after.running, after.row["environment"]) == (0, "production")
    assert looked(after, "").view is after.view
    aged = Neighbour("prod", folder, after.view, taken=after.taken - 2 * neighbours.HOLDS)
    assert looked(aged, "").view is not after.view, "time itself makes work"
    entries = len(open_project(folder).ledger.entries())
    assert entries == 2, "a look records nothing"


@pytest.mark.parametrize("width", [56, 76, 116])
def test_a_project_fits_any_width_whatever_it_is_called(width: int) -> None:
    view = View("数据", Status.FAIL, (
        Facts({"now": datetime(2013, 9, 14, 10, tzinfo=UTC), "environment": "production", "zone": "America/New_York"}),
        Table.of("models", [{"model": "m", "status": Status.FAIL}], "model"),
        Table.of("needs", [{"id": "INC-1", "label": "INC-1", "title": "数据 [x] 🚒" * 9, "argv": ("a",)}], "label")))
    row = Neighbour("数据模型数据模型数据模型", Path("/a/long/way/to" * 9), view).row
    assert project(row, width)[1].plain.endswith("as of 14 Sep 06:00 ")
    lines = project(row | {"looked": True}, width)
    assert len(lines) == 2
    assert all(cell_len(line.plain) <= width for line in lines)
    assert "fail 1 of 1" in lines[0].plain
    assert "INC-1" in lines[1].plain, "a long folder leaves room for what is told"
