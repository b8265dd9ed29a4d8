"""An incident is worked on in one place: from the page to what helps, and on to what is learnt."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest
from textual.app import App

from mlops_tui.errors import Unreadable
from mlops_tui.session import Session
from mlops_tui.tui import cases
from mlops_tui.tui import cockpitlines as lines
from mlops_tui.tui.app import Dashboard
from mlops_tui.tui.screens.cockpit import Cockpit
from mlops_tui.view import Column, Facts, Status, Table, View, refused
from store.facts import IncidentEvent
from tests.doing import do
from tests.screens import Terminal, dashboard, run

BOOK = """\
---
title: Look, then choose
when: [performance]
severity: high
---
## 1. How do things stand?

Look at the whole first.

```query
incident list
```

## 2. Decide

Going back is cheap.

```manual
Choose.
as: decided
evidence: one of wait | go back
```

## 3. Take the alert up

```command
alert silence AL-7 --for 4h
undo: alert unsilence AL-7
```
"""


@pytest.fixture
def worked(told: Session) -> Session:
    """The project with a runbook of its own."""
    folder = told.declared().root / "runbooks"
    folder.mkdir(exist_ok=True)
    (folder / "choose.md").write_text(BOOK, encoding="utf-8")
    told.read_anew()
    return told


def cockpit(terminal: Terminal) -> Cockpit:
    screen = terminal.app.screen
    assert isinstance(screen, Cockpit), terminal.text
    return screen


def line_with(terminal: Terminal, words: str) -> str:
    return next(line for line in terminal.text.splitlines() if words in line and line.startswith("│"))


# -- from the page to what helps ----------------------------------------------------------------------------------


def test_from_an_alert_to_a_choice_made_in_its_runbook(worked: Session) -> None:
    """Enter opens the incident, shows a runbook, begins it; then a step asks, and one of its answers is chosen."""
    async def story() -> None:
        async with dashboard(worked.declared().root, person="ana", at=["AL-7"]) as terminal:
            await terminal.expect(lambda: "▸ AL-7" in terminal.text)
            assert "Enter open an incident" in terminal.text
            await terminal.press("c")
            assert "1 Hold 4 h" in terminal.text, "what helps at once is two keys away"
            assert "It was noise" in terminal.text
            await terminal.press("1")
            await terminal.expect(lambda: "alert silence AL-7 --for 4h" in terminal.text)
            await terminal.press("escape")
            await terminal.press("enter")
            await terminal.expect(lambda: "▸ INC-4" in terminal.text)
            assert "Which runbook?" in terminal.text, "its rule names none"
            assert "Enter look at" in terminal.text
            cockpit(terminal).steps.stand("choose")
            await terminal.press("enter")
            assert "choose · 3 steps, not begun" in terminal.text
            assert "mlops-tui incident list" in terminal.text
            await terminal.press("escape")
            assert "Which runbook?" in terminal.text
            do(worked, "runbook run choose --incident INC-4")
            await terminal.press("r")
            await terminal.expect(lambda: "choose 1/3 · RUN-1" in terminal.text)
            assert "asks you" in line_with(terminal, "2 Decide")
            assert "ana" in line_with(terminal, "1 How do things stand?")
            assert "Going back is cheap." in terminal.text, "the cursor is at the step whose turn it is"
            await terminal.press("enter")
            assert "2 Go back" in terminal.text
            await terminal.press("2")
            await terminal.expect(lambda: "choose 2/3" in terminal.text)
            assert "step 2: done (go back)" in line_with(terminal, "RUN-1 step 2"), "and nobody was asked twice"
            assert cockpit(terminal).step is not None
            assert cockpit(terminal).step["step"] == 3, "the cursor goes on with the run"
            await terminal.expect(lambda: "Enter do step 3" in terminal.text)
            await terminal.press("enter")
            await terminal.expect(lambda: "Shall this be done?" in terminal.text)
            assert "alert silence AL-7 --for 4h" in terminal.text
            await terminal.press("enter")
            assert "acts" in line_with(terminal, "3 Take the alert up"), "what acts asks, and Enter alone means no"

    run(story())
    assert [entry.fact.event for entry in worked.ledger.entries("alert")][-1] == "acked"


def test_what_a_step_has_found_is_seen_beside_it_and_a_step_out_of_turn_does_nothing(worked: Session) -> None:
    do(worked, "runbook run choose --incident INC-3")

    async def story() -> None:
        async with dashboard(worked.declared().root, person="ana", at=["RUN-1"]) as terminal:
            await terminal.expect(lambda: "▸ INC-3" in terminal.text)
            await terminal.press("down", "enter")
            assert "Step 2 comes first." in terminal.text
            await terminal.press("up", "up")
            await terminal.expect(lambda: "What it found" in terminal.text)
            assert "1 incident is open" in terminal.text
            await terminal.press("e")
            await terminal.expect(lambda: "runbook show RUN-1 --step 1" in terminal.text.splitlines()[0])
            await terminal.press("escape")
            await terminal.press("i")
            assert "incident show INC-3" in terminal.text.splitlines()[0], "all that is known, as the terminal shows it"
            await terminal.press("escape", "escape")
            assert "▸ INC-3" not in terminal.text

    run(story())


# -- what people say ----------------------------------------------------------------------------------------------


def test_people_say_how_bad_it_is_who_goes_on_and_that_it_is_over(worked: Session) -> None:
    async def story() -> None:
        async with dashboard(worked.declared().root, person="ana", at=["INC-3"]) as terminal:
            await terminal.expect(lambda: "nobody leads" in terminal.text)
            await terminal.press("a")
            await terminal.expect(lambda: "lead ana" in terminal.text)
            await terminal.press("v")
            assert "Leave it high" in terminal.text
            await terminal.press("down", "enter")
            await terminal.expect(lambda: "critical · open" in terminal.text)
            await terminal.press("h")
            assert "Who takes it over?" in terminal.text
            assert "The project has no Slack: tell them yourself." in terminal.text
            await terminal.press("down", "enter")
            await terminal.pilot.press(*"look")
            await terminal.press("enter")
            await terminal.expect(lambda: "is asked to take it over" in terminal.text)
            assert "What was tried" in terminal.text, "the answer says what is told"
            await terminal.press("o")
            await terminal.pilot.press(*"calm")
            await terminal.press("enter")
            await terminal.expect(lambda: "resolved after" in terminal.text)
            assert "post-mortem: none yet" in terminal.text
            await terminal.press("v", "h", "u")
            assert cockpit(terminal), "what is over is not made worse"

    run(story())
    assert [entry.fact.event for entry in worked.ledger.entries("incident", subject="INC-3")] == [
        "opened", "role", "severity", "handover", "resolved"]


def test_whoever_is_asked_to_takes_it_over_with_one_key(worked: Session) -> None:
    do(worked, "runbook run choose --incident INC-3")
    do(worked, "incident handover INC-3 bo --note look")
    worked.clock.advance(worked.now() + timedelta(minutes=50))

    async def story() -> None:
        async with dashboard(worked.declared().root, person="bo", at=["INC-3"]) as terminal:
            await terminal.expect(lambda: "bo is asked to take it over" in terminal.text)
            assert "a take it over" in terminal.text
            await terminal.press("a")
            await terminal.expect(lambda: "lead bo" in terminal.text)

    run(story())
    case = cases.look(worked, "INC-3")
    assert case.people == ("ana", "bo", "dee"), "it is offered to nobody who may not take it"
    step = next(row for row in case.steps if row["here"])
    assert "asks you 50 min" in lines.step(step, 60, worked.now())[0].plain, "how long it has been waiting for somebody"


def test_who_may_only_look_writes_nothing_from_the_cockpit(worked: Session) -> None:
    do(worked, "runbook run choose --incident INC-3")
    before = worked.ledger.head_seq()

    async def story() -> None:
        async with dashboard(worked.declared().root, person="ana", at=["INC-3"], read_only=True) as terminal:
            await terminal.expect(lambda: "it is read-only" in terminal.text)
            for key in "anvhm":
                await terminal.press(key)
                while not isinstance(terminal.app.screen, Cockpit):
                    await terminal.press("escape")
            await terminal.press("enter", "down", "enter")
            await terminal.settle()

    run(story())
    assert worked.ledger.head_seq() == before


def test_one_side_at_a_time_where_room_is_short(worked: Session) -> None:
    do(worked, "runbook run choose --incident INC-3")

    async def story() -> None:
        async with dashboard(worked.declared().root, (60, 16), person="ana", at=["INC-3"]) as terminal:
            await terminal.expect(lambda: "2 Decide" in terminal.text)
            assert "high · open" in terminal.text
            assert "Enter choose" in terminal.text
            await terminal.press("tab")
            assert "2 Decide" in terminal.text
            assert "Going back is cheap." in terminal.text
            await terminal.press("right_square_bracket")
            assert "RUN-1 began: runbook choose" in terminal.text
            assert "Decide" not in terminal.text
            await terminal.press("escape")
            assert "1 How do things stand?" in terminal.text
            assert all(len(line) <= 60 for line in terminal.text.splitlines())

    run(story())


# -- what is learnt -----------------------------------------------------------------------------------------------


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What an editor does is a script; the screen, which is none here, is not handed over."""
    @contextmanager
    def handed_over(app: App[None]) -> Iterator[None]:
        yield

    script = tmp_path / "editor"
    monkeypatch.setattr(App, "suspend", handed_over)
    monkeypatch.setenv("VISUAL", str(script))
    return script


def acts(editor: Path, *what: str) -> None:
    editor.write_text("\n".join(("#!/bin/sh", *what)), encoding="utf-8")
    editor.chmod(0o755)


def test_a_post_mortem_is_written_in_an_editor_and_kept_until_it_is_in_the_project(worked: Session,
                                                                                   editor: Path) -> None:
    do(worked, "incident resolve INC-3", reason="calm")
    root = worked.declared().root
    (root / "postmortems").mkdir()
    file = root / "postmortems" / "INC-3.md"
    file.write_text("# INC-3\n\n## Summary\n\nIt was late.\n", encoding="utf-8")
    kept = root / ".mlops" / "drafts" / "INC-3.ana.md"

    async def story() -> None:
        async with dashboard(root, person="ana", at=["INC-3"]) as terminal:
            await terminal.expect(lambda: "no runbook was worked through" in terminal.text)
            acts(editor, "exit 0")
            await terminal.press("m")
            await terminal.expect(lambda: "Nothing was changed." in terminal.text)
            assert not kept.exists()
            acts(editor, 'echo "The feed stopped." >> "$1"', "exit 9")
            await terminal.press("m")
            await terminal.expect(lambda: "ended with 9" in terminal.text)
            assert kept.read_text().endswith("The feed stopped.\n")
            assert "feed" not in file.read_text(), "an editor that was killed has not said that it is done"
            acts(editor, "exit 0")
            await terminal.press("m")
            await terminal.expect(lambda: "Go on with what I wrote" in terminal.text)
            await terminal.press("down", "enter")
            await terminal.expect(lambda: "+The feed stopped." in terminal.text)
            await terminal.press("down", "enter")
            await terminal.expect(lambda: "is written; review and commit it" in terminal.text)

    run(story())
    assert file.read_text() == "# INC-3\n\n## Summary\n\nIt was late.\nThe feed stopped.\n"
    assert not kept.exists()


def test_an_editor_that_is_not_there_leaves_the_screen_as_it_was(worked: Session,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    taken_back = []

    @contextmanager
    def as_the_library_does(app: App[None]) -> Iterator[None]:
        yield
        taken_back.append(app)

    monkeypatch.setattr(App, "suspend", as_the_library_does)
    monkeypatch.setenv("VISUAL", "no-such-editor")
    do(worked, "incident resolve INC-3", reason="calm")
    root = worked.declared().root
    (root / "postmortems").mkdir()
    (root / "postmortems" / "INC-3.md").write_text("# INC-3\n\n## Summary\n\nIt was late.\n", encoding="utf-8")

    async def story() -> None:
        async with dashboard(root, person="ana", at=["INC-3"]) as terminal:
            await terminal.expect(lambda: "no runbook was worked through" in terminal.text)
            await terminal.press("m")
            await terminal.expect(lambda: "no-such-editor cannot be run" in terminal.text)
            assert taken_back == [terminal.app]

    run(story())


# -- how it is put ------------------------------------------------------------------------------------------------


def test_the_cheapest_remedy_is_pointed_at_and_one_that_cannot_be_judged_says_why() -> None:
    rows = [{"remedy": "do nothing", "cost_a_day": 16400, "low": 15900, "high": 16900, "detail": ""},
            {"remedy": "correct the prior", "cost_a_day": 14100, "low": 13700, "high": 14600, "detail": ""},
            {"remedy": "retrain", "cost_a_day": None, "low": None, "high": None, "detail": "no challenger is trained"}]
    table = Table.of("remedies", rows, "remedy", Column("cost_a_day", "cost a day", "EUR", 0), "low", "high", "detail")
    shown = lines.found(View("the cheapest", Status.DONE, (Facts({"days": 6}), table)))
    assert isinstance(shown.parts[-1], Facts), "what one looks at comes first"
    assert [row["best"] for row in shown.table("remedies").rows] == ["", "◀", ""]
    assert [row["interval"] for row in shown.table("remedies").rows] == [
        "15,900 – 16,900", "13,700 – 14,600", "no challenger is trained"]


def test_the_headline_says_first_what_is_late(worked: Session) -> None:
    do(worked, "incident update INC-3 looking --next 30m")
    now = worked.now() + timedelta(hours=2)
    worked.clock.advance(now)
    case = cases.look(worked, "INC-3")
    first, second = lines.headline(case, now, 120)
    assert first.plain.rstrip().endswith("nobody leads")
    assert "the update is overdue" in second.plain
    assert len(lines.headline(case, now, 60)[0].plain) <= 60


def test_an_incident_that_goes_on_as_another_says_so(worked: Session) -> None:
    worked.ledger.append(IncidentEvent(subject="INC-4", event="opened", title="the same", severity="low"),
                         IncidentEvent(subject="INC-4", event="merged", reference="INC-3"))
    case = cases.look(worked, "INC-4")
    assert case.steps == ()
    assert "It goes on as INC-3." in str(lines.text_of(case, None).parts[0])
    assert cases.look(worked, "INC-99").shown.status is Status.ERROR


def test_parts_of_the_dashboard_do_not_take_names_from_each_other() -> None:
    """They are one object: what two parts call alike, only one of them has."""
    parts = [each for each in Dashboard.__mro__ if each.__module__.startswith("mlops_tui.tui.parts")]
    both = {(name, one.__name__, other.__name__) for one, other in combinations(parts, 2)
            if not issubclass(one, other) for name in set(vars(one)) & set(vars(other)) - set(dir(App))}
    assert both == set()


def test_an_editor_that_goes_wrong_leaves_a_dashboard_and_no_unfinished_text(
        worked: Session, editor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    do(worked, "incident resolve INC-3", reason="calm")
    root = worked.declared().root
    (root / "postmortems").mkdir()
    (root / "postmortems" / "INC-3.md").write_text("# INC-3\n\n## Summary\n\nIt was late.\n", encoding="utf-8")
    drafts = root / ".mlops" / "drafts"

    async def story() -> None:
        async with dashboard(root, person="ana", at=["INC-3"]) as terminal:
            await terminal.expect(lambda: "no runbook was worked through" in terminal.text)
            for does, named, said in (
                    ('rm "$1"', str(editor), "left no text behind"), ("", f"{editor} '", "No closing quotation"),
                    ("", f" {editor}/none ", "cannot be run"), ("kill -9 $$", str(editor), "ended with -9")):
                acts(editor, does)
                monkeypatch.setenv("VISUAL", named)
                terminal.app.clear_notifications()
                await terminal.press("m")
                await terminal.expect(lambda said=said: said in terminal.text)  # type: ignore[misc]
                assert not list(drafts.iterdir())
            (drafts / "INC-3.ana.md").write_bytes(b"\xff\xfe")
            await terminal.press("m")
            await terminal.expect(lambda: "is not written in UTF-8" in terminal.text)
            await terminal.press("escape")
            await terminal.expect(lambda: "no runbook was worked through" in terminal.text)

    run(story())


def test_an_incident_whose_runbook_cannot_be_looked_up_is_seen_all_the_same(worked: Session) -> None:
    """As on a disk that is full: a runbook and the list of them are refused, the incident is not."""
    whole = cases.look(worked, "INC-3")
    case = replace(whole, book=refused(Unreadable("No space left on device.")))
    assert case.steps == ()
    assert case.begins(None) is None
    assert "predicts" in lines.headline(case, None, 120)[0].plain
    assert lines.steps_title(case) == "Runbook"
    assert "No space left on device" in lines.text_of(case, None).title
