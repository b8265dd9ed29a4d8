"""Each part of the dashboard as somebody works in it: what is seen, what can be done there, at every size."""

from datetime import UTC
from pathlib import Path

import pytest
from textual.content import Content

from mlops_tui.commands import shapes
from mlops_tui.project import FOLDERS, READERS
from mlops_tui.render.cells import clean
from mlops_tui.session import Session
from mlops_tui.tui.feed import Feed
from mlops_tui.tui.messages import Answered, Wanted
from mlops_tui.tui.paint import brief
from mlops_tui.tui.panels import job_view, model_view, next_view
from mlops_tui.tui.screens.ask import Why
from mlops_tui.tui.screens.section import pictured, tabs
from mlops_tui.tui.sections import SECTIONS
from mlops_tui.tui.starts import STARTS
from mlops_tui.view import Action, Column, Facts, Row, Series, Status, Table, Text, View
from tests.conftest import START
from tests.screens import Terminal, dashboard, run


def letter(terminal: Terminal, label: str) -> str:
    """The letter that stands beside a next step."""
    return next(piece for piece in terminal.text.split("│") if label in piece).replace("▌", " ").split()[0]


def test_what_needs_you_is_told_in_full_and_done_where_it_stands(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="bo") as terminal:
            home = terminal.app.screen
            assert "I lead" in terminal.text, "one begins at what waits"
            home.query_one("#models").focus()
            await terminal.settle()
            assert "All of it" in terminal.text, "of the model, whose panel has the focus"
            home.query_one("#needs").focus()
            await terminal.settle()
            await terminal.press("down")
            assert "late [again] in [/red]" in terminal.text
            await terminal.press(letter(terminal, "I am on it"))
            assert "is on AL-7" in terminal.text
            await terminal.press("escape")
            assert terminal.app.screen is home
            assert "AL-7" not in terminal.text
            assert "not yours to settle: approver, not bo" in terminal.text
            await terminal.press("L")
            assert "locked: it is only looked at" in terminal.text
            await terminal.press("L")
            await terminal.press("down")
            await terminal.press(letter(terminal, "Sign…"))
            assert isinstance(terminal.app.screen, Why), "a judgement is given with its reason"
            await terminal.press("escape")

    run(story())
    assert told.ledger.entries("sign_off") == []


def test_on_a_small_terminal_letters_act_only_where_their_steps_are_seen(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, (60, 16), person="bo") as terminal:
            home, head = terminal.app.screen, told.ledger.head_seq()
            assert "never checked" in terminal.text, "what is wrong is told at every size"
            await terminal.press(*"abcdefhimnot")
            assert terminal.app.screen is home
            assert told.ledger.head_seq() == head
            await terminal.press("tab")
            await terminal.press(letter(terminal, "I lead"))
            assert "lead me" in terminal.text.splitlines()[0]

    run(story())


@pytest.mark.parametrize(("seen", "width", "told"), [
    ("A", 40, "A  Bcd  Efg"), ("Efg", 40, "A  Bcd  Efg"), ("Efg", 8, "‹ Efg"), ("Bcd", 8, "‹ Bcd  Efg")])
def test_the_side_that_is_seen_is_named_whatever_room_there_is(seen: str, width: int, told: str) -> None:
    assert Content.from_markup(tabs(["A", "Bcd", "Efg"], seen, width)).plain == told


@pytest.mark.parametrize(("room", "told"), [
    (60, "roc_auc of late 0.682 [0.652, 0.711], limit 0.76"), (42, "roc_auc 0.682 [0.652, 0.711], limit 0.76"),
    (30, "roc_auc 0.682, limit 0.76"), (9, "roc_auc 0.682, limit 0.76")])
def test_a_title_gives_up_what_is_known_before_its_reason(room: int, told: str) -> None:
    assert brief("roc_auc of late 0.682 [0.652, 0.711], limit 0.76", "late@6", room) == told
    assert brief("late: 2 of 7 moved", "late", 15) == "2 of 7 moved"
    assert brief("of late-ish 2 [x]", "late", 3) == "of late-ish 2 [x]"


def test_what_a_command_lacks_is_asked_for(told: Session) -> None:
    root = told.declared().root
    (root / "runbooks").mkdir()
    (root / "runbooks" / "wait.md").write_text(
        "---\ntitle: Wait\nparams: {how_long: {type: duration, help: \"How long do we wait?\"}}\n---\n## 1. Ask\n"
        "```manual\nSay who you asked.\n```\n", encoding="utf-8")
    line, head = ("runbook", "run", "wait", "--about", "flights-delay"), told.ledger.head_seq()
    feed = Feed(root, "ana", read_only=False)
    wanted = feed.perform(line)
    assert isinstance(wanted, Wanted)
    assert [(field.asked, field.help) for field in wanted.fields] == [("set:how_long", "How long do we wait?")]
    assert isinstance(Feed(root, "ana", read_only=True).perform(line), Answered), "whoever may not is not asked"

    async def story() -> None:
        async with dashboard(root) as terminal:
            await terminal.type("runbook run wait")
            assert isinstance(terminal.app.screen, Why)
            assert "How long do we wait?" in terminal.text
            await terminal.press("escape")
            assert not isinstance(terminal.app.screen, Why)

    run(story())
    assert told.ledger.head_seq() == head


def test_a_picture_of_the_whole_comes_before_its_numbers() -> None:
    facts, table = Facts({"n": 1}), Table.of("t", [{"a": 1}], "a")
    curve, bins = Series("c", "band", (1, 2), (1.0, 2.0)), Series("b", "bins", ("x",), (1.0,))
    assert pictured(View("", parts=(facts, table, curve, bins))).parts == (curve, facts, table, bins)
    assert pictured(View("", parts=(facts, table, bins))).parts == (facts, table, bins)


def test_a_champion_has_no_rival_and_a_monitor_shows_its_last_verdicts() -> None:
    versions = [{"model": "m", "version": "2", "role": "champion"}, {"model": "m", "version": "1", "role": ""}]
    models, watch = SECTIONS["models"], SECTIONS["monitoring"]
    one, other = models.rows([View("", parts=(Table.of("versions", versions),))])
    assert "Rival" not in [side.title for side in models.sides_of(one)]
    assert models.detail(other, "Rival") == ("compare", "m@1", "--preview")
    row: Row = {"monitor": "late-drift", "status": Status.FAIL, "found": "moved", "recent": ("pass", "warn", "fail")}
    upper, _ = watch.lines(row, 50, UTC)
    assert "●▲■  fail" in upper.plain


@pytest.mark.parametrize("mode", ["pipelines", "models", "monitoring"])
def test_what_an_empty_mode_shows_can_be_declared_as_it_stands(mode: str, tmp_path: Path) -> None:
    [example] = [part.body for part in STARTS[mode].parts if isinstance(part, Text) and part.kind == "code"]
    path = tmp_path / example.splitlines()[0].removeprefix("# ")
    path.parent.mkdir()
    path.write_text(example, encoding="utf-8")
    kind = next(kind for kind, folder in FOLDERS.items() if folder == path.parent.name)
    assert READERS[kind][1](path)


def test_whatever_is_shown_only_looks() -> None:
    shown = [Action(side.title, tuple("m" if word.startswith("{") else word for word in side.words))
             for section in SECTIONS.values() for sides in section.sides.values() for side in sides]
    lists = [Action("", argv) for section in SECTIONS.values() for argv in section.looks]
    first = [step for start in STARTS.values() for step in start.actions]
    kinds = shapes([*shown, *lists, *(step for step in first if "--help" not in step.argv)])
    assert len(shown) > 40
    assert {argv: kind for argv, kind in kinds.items() if kind != "look"} == {}
    assert {step.argv for step in (*shown, *lists)} <= set(kinds), "and is a command"


def test_a_job_and_what_comes_next_are_told_with_what_can_be_done() -> None:
    job: Row = {"job": 7, "command": "train late", "who": "ana", "state": "running", "status": Status.RUNNING}
    assert "x: stop it" in str(job_view(job).parts)
    comes: Row = {"at": START, "what": "monitor/late-drift", "argv": ("drift", "late")}
    assert next_view(comes, UTC).actions == (Action("Run it now", ("drift", "late")),)
    assert next_view({"at": None, "what": "'never' is not a cron line", "argv": ()}, UTC).status is Status.FAIL


def test_what_is_sick_of_a_model_is_looked_into_before_anything_else() -> None:
    facets = [Column("features"), Column("performance"), Column("fairness")]
    row: Row = {"model": "late", "version": "6", "versions": 6, "status": Status.FAIL, "features": Status.PASS,
                "performance": Status.FAIL, "performance_by": "late-auc", "fairness": Status.UNKNOWN}
    steps = [step.argv for step in model_view(row, facets, None).actions]
    assert steps[:4] == [("monitor", "show", "late-auc"), ("why", "late"), ("remedy", "late"), ("performance", "late")]
    assert ("bias", "late") in steps


@pytest.mark.parametrize("name", ["e\x1b[31mX", "\u202eevil", "[$error]x", "[@click=app.quit]x"])
def test_what_things_are_called_is_obeyed_by_no_frame_and_no_terminal(told: Session, name: str) -> None:
    models = told.declared().root / "models"
    (models / f"{name}.yaml").write_text((models / "flights-delay.yaml").read_text("utf-8"), "utf-8")

    async def story() -> None:
        async with dashboard(told.declared().root, at=("model", "show", name)) as terminal:
            await terminal.settle()
            terminal.app.notify(f"{name} is read\nas it stands", timeout=60)
            await terminal.expect(lambda: f"{clean(name)} is read" in terminal.text)
            assert f"model show {clean(name)}" in terminal.text
            assert not {"\x1b", "\u202e"} & set(terminal.text)

    run(story())
