"""Pipelines, models, monitors, incidents and the history: at every size, filtered, locked, while others write."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from mlops_tui import asking, jobs
from mlops_tui.roles import Actor
from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui.feed import Feed
from mlops_tui.tui.messages import Fresh, Perform
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.ask import Ask, Why
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.sections import SECTIONS
from mlops_tui.tui.standing import MODES
from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Action, Status, Table, View
from store.facts import AlertEvent, Finding, IncidentEvent, Note, Promotion, Run
from tests.screens import SIZES, Terminal, dashboard, run

SHOWN = {"2": ("daily", "done"), "3": ("flights-delay 7", "champion", "flights-delay 8", "challenger"),
         "4": ("flights-drift", "never run", "unknown"),
         "5": ("AP-", "flights-delay 7", "champion", "flights-delay 8", "challenger"),
         "6": ("INC-3  predicts 18 %", "AL-7", "firing"),
         "7": ("flights", "warn", "flights-delay"), "8": ("proposal", "P-4")}


@pytest.fixture
def full(told: Session) -> Session:
    """The same project with a pipeline that has run."""
    folder = told.declared().root
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "clean.sql").write_text("SELECT * FROM flights\n", encoding="utf-8")
    (folder / "pipelines" / "daily.yaml").write_text("steps: [{name: clean, sql: clean.sql, inputs: [flights]}]\n",
                                                     encoding="utf-8")
    told.ledger.append(Run(subject="daily", run="daily-1", step="clean", status="done", key="k", snapshot="s",
                           seconds=1.5), Run(subject="daily", run="daily-1", status="done", seconds=1.6))
    return told


def letter(terminal: Terminal, label: str) -> str:
    """The letter that stands beside a next step."""
    return next(piece for piece in terminal.text.split("│") if label in piece).split()[0]


async def goes(terminal: Terminal, key: str) -> SectionScreen:
    await terminal.press(key)
    screen = terminal.app.screen
    assert isinstance(screen, SectionScreen)
    return screen


def test_what_comes_before_a_screen_is_there_or_after_it_has_gone_ends_nothing(full: Session) -> None:
    trouble = View("It cannot be read.", Status.ERROR)

    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            early = SectionScreen("models", terminal.app.screen.standing)  # type: ignore[attr-defined]
            early.fail(trouble)
            early.stand(early.standing)
            assert "It cannot be read." in early.list._empty
            section, rows = await goes(terminal, "2"), terminal.app.screen.list.all  # type: ignore[attr-defined]
            await section.remove_children()  # as when somebody quits
            section.fill(rows)
            section.detail(section.wanted, trouble)
            assert section.pane.body.view.title == "It cannot be read."
            section.stand(section.standing)
            section.on_resize()
            await terminal.settle()

    run(story())


@pytest.mark.parametrize(("key", "asked"), [("3", 0), ("2", 1)])
def test_how_far_a_job_is_looks_up_nothing_but_what_shows_it(full: Session, key: str, asked: int) -> None:
    feed = Feed(full.declared().root, "ana", read_only=True)
    home = feed.home(full.ledger.head_seq())

    def far(done: float) -> Fresh:
        table = Table.of("jobs", [{"job": 1, "state": "running", "done": done, "ended_at": None, "through": "cli"}])
        return Fresh(replace(home, parts=tuple(
            table if isinstance(part, Table) and part.id == "jobs" else part for part in home.parts)))

    async def story() -> None:
        async with dashboard(full.declared().root, person="ana") as terminal:
            await goes(terminal, key)
            terminal.app._fresh(far(0.1))
            await terminal.settle()
            terminal.app._fresh(far(0.2))
            assert terminal.app.busy == asked
            await terminal.settle()

    run(story())


def test_a_row_has_sides_and_every_row_then_shows_the_same_one(full: Session) -> None:
    (full.declared().root / "pipelines" / "weekly.yaml").write_text(
        "steps: [{name: tidy, sql: clean.sql, inputs: [flights]}]\n", encoding="utf-8")

    async def story() -> None:
        async with dashboard(full.declared().root, (120, 40)) as terminal:
            await goes(terminal, "2")
            assert "pipeline status daily" in terminal.text
            await terminal.press("right")
            assert "pipeline graph daily" in terminal.text
            await terminal.press("down")
            assert "pipeline graph weekly" in terminal.text
            await terminal.press("right", "right", "right")
            assert "pipeline status weekly" in terminal.text
            await terminal.press("left")
            assert "pipeline plan weekly" in terminal.text
        async with dashboard(full.declared().root, (80, 24)) as terminal:
            await goes(terminal, "2")
            await terminal.press("enter")
            assert "Pipelines ▸ daily" in terminal.text.splitlines()[0]
            assert "Steps  Graph  Log  Plan" in terminal.text
            await terminal.press("right")
            assert "pipeline graph daily" in terminal.text
            await terminal.press("y", "y")
            assert "pipeline graph daily" in terminal.app.clipboard
            await terminal.pilot.resize_terminal(120, 40)
            await terminal.settle()
            assert "pipeline status" in terminal.text, "the list is beside it, and says what shows it elsewhere"
            await terminal.pilot.resize_terminal(80, 40)
            await terminal.settle()
            await terminal.expect(lambda: "pipeline graph daily" in terminal.text)
            assert "╭─ Pipelines" in terminal.text, "or above it, where there is room for that"
            await terminal.pilot.resize_terminal(60, 16)
            await terminal.settle()
            assert "╭─ Pipelines" not in terminal.text
            await terminal.press("escape")
            assert "╭─ Pipelines" in terminal.text

    run(story())


def test_data_are_seen_from_every_side_without_leaving_a_trace(full: Session) -> None:
    head = full.ledger.head_seq()

    async def story() -> None:
        async with dashboard(full.declared().root, (120, 40)) as terminal:
            await goes(terminal, "7")
            for command in ("contract show flights", "quarantine list flights", "health flights --preview",
                            "snapshot log flights", "provenance of flights", "catalog show flights"):
                assert command in terminal.text, (command, terminal.text)
                assert "looking" not in terminal.text
                await terminal.press("right")
            await terminal.press("down")
            assert "stability show flights-delay --preview" in terminal.text

    run(story())
    assert full.ledger.head_seq() == head


@pytest.mark.parametrize(("row", "titles"), [
    ({"kind": "incident", "name": "INC-1", "run": None, "written": None}, ["Standing", "Like it"]),
    ({"kind": "incident", "name": "INC-1", "run": "RUN-2", "written": None}, ["Standing", "Runbook", "Like it"]),
    ({"kind": "incident", "name": "INC-1", "run": None, "written": "INC-1"}, ["Standing", "Like it", "Post-mortem"]),
    ({"kind": "alert", "name": "AL-1", "monitor": "flights-drift"}, ["Alert", "Its monitor", "Its rule"])])
def test_an_incident_has_the_sides_that_something_is_on(row: dict, titles: list[str]) -> None:
    assert [side.title for side in SECTIONS["incidents"].sides_of(row)] == titles


@pytest.mark.parametrize(("row", "side"), [
    ({"quality": Status.PASS, "waiting": 0, "looked": None}, "Fields"),
    ({"quality": Status.FAIL, "waiting": 7, "looked": "ingest"}, "Quarantine"),
    ({"quality": Status.WARN, "waiting": 0, "looked": "validate"}, "Contract"),
    ({"quality": Status.FAIL, "waiting": 0, "looked": "health"}, "Calendar")])
def test_a_dataset_opens_on_what_is_wrong_with_it_unless_a_side_was_chosen(row: dict, side: str) -> None:
    data = SECTIONS["data"]
    catalog = Table.of("datasets", [{"dataset": "trips", "rows": 1, "steward": (), "newest": None, **row}])
    [made] = data.rows([View("", parts=(catalog,)), View("", parts=(Table.of("versions", []),)),
                        View("", parts=(Table.of("features", []),))])
    shown, chosen = data.seen(made, ""), data.seen(made, "Lineage")
    assert shown is not None
    assert chosen is not None
    assert (shown.title, chosen.title) == (side, "Lineage")
    assert data.detail(made, "") == shown.command(made)


@pytest.mark.parametrize("size", SIZES)
def test_every_mode_shows_its_list_at_every_size(full: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root, size) as terminal:
            for key, words in SHOWN.items():
                await goes(terminal, key)
                lines = terminal.text.splitlines()
                assert [cell_len(line) for line in lines] == [size[0]] * size[1]
                for word in words:
                    assert word in terminal.text, (key, word, terminal.text)
                assert "■ " in lines[0], "how much waits is seen from everywhere"
                await terminal.press("enter")
                assert "▸" in terminal.text.splitlines()[0]
                await terminal.press("escape")
                assert isinstance(terminal.app.screen, SectionScreen)

    run(story())


def test_beside_the_list_stands_the_detail_of_the_row_under_the_cursor(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            await goes(terminal, "3")
            assert "flights-delay 8, the challenger" in terminal.text
            await terminal.press("down")
            assert "flights-delay 7, the champion" in terminal.text
            assert "Train its candidates" in terminal.text
            await goes(terminal, "2")
            assert "pipeline status daily" in terminal.text
            assert "clean" in terminal.text
            assert "Its jobs" in terminal.text
            await goes(terminal, "8")
            assert "Entry" in terminal.text
            assert "hash" in terminal.text

    run(story())


def test_each_mode_is_left_as_it_is_and_found_so_again(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            section = await goes(terminal, "6")
            await terminal.press("down")
            row = section.list.row
            await terminal.type("audit verify")
            assert isinstance(terminal.app.screen, Answer)
            await terminal.press("1")
            assert terminal.app.screen is terminal.app._home
            await terminal.press("6")
            assert "The history is whole" in terminal.text, "a stack of its own"
            await terminal.press("escape", "escape", "escape")
            assert terminal.app.screen is section
            assert section.list.row == row
            assert terminal.app.is_running

    run(story())


def test_an_empty_project_says_in_each_mode_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text("project: new\n", encoding="utf-8")

    async def story() -> None:
        async with dashboard(tmp_path) as terminal:
            for key, word in (("2", "pipelines/NAME.yaml"), ("3", "models/NAME.yaml"), ("4", "monitors/NAME.yaml"),
                              ("6", "Nothing has ever gone wrong"), ("8", "Nothing has happened yet")):
                section = await goes(terminal, key)
                assert word in terminal.text
                assert section.lettered, "and how one begins"
                assert section.pane.steps

    run(story())


def test_what_cannot_be_read_says_why_and_is_read_again(full: Session) -> None:
    folder = full.declared().root
    good = (folder / "monitors" / "flights-drift.yaml").read_text(encoding="utf-8")

    async def story() -> None:
        async with dashboard(folder) as terminal:
            await goes(terminal, "4")
            (folder / "monitors" / "flights-drift.yaml").write_text("chick: drift\n", encoding="utf-8")
            await terminal.press("r")
            assert "Did you mean 'check'?" in terminal.text
            (folder / "monitors" / "flights-drift.yaml").write_text(good, encoding="utf-8")
            await terminal.press("r")
            assert "never run" in terminal.text

    run(story())


def test_a_filter_is_applied_while_it_is_typed_kept_by_enter_and_taken_back_by_escape(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            section = await goes(terminal, "6")
            await terminal.press("slash", "minus")
            assert (section.list.count, section.list.every) == (2, 2)
            await terminal.press("7")
            assert section.list.count == 1
            assert "(1 of 2)" in terminal.text
            await terminal.press("enter")
            assert isinstance(terminal.app.screen.focused, Rows)
            assert "/ -7" in terminal.text
            await terminal.press("escape")
            assert section.list.count == 2

    run(story())


def test_the_history_is_filtered_where_it_lies(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            section = await goes(terminal, "8")
            every = section.list.count
            assert every == full.ledger.head_seq()
            await terminal.press("slash", *"kind:finding", "space", *"status:fail")
            assert section.list.count == 1
            assert "ECE 0.081" in terminal.text
            await terminal.press("escape")
            assert section.list.count == every

    run(story())


def test_while_others_write_lists_follow_and_cursors_stand(full: Session, clock: ReplayClock) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            incidents = await goes(terminal, "6")
            history = await goes(terminal, "8")
            await terminal.press("pagedown", "down")
            assert history.list.row is not None
            row = history.list.row
            for number in range(4, 9):
                clock.advance(clock.moment + timedelta(hours=1))
                full.ledger.append(IncidentEvent(subject=f"INC-{number}", event="opened", title="x", severity="low"))
            await terminal.expect(lambda: f"({full.ledger.head_seq()})" in terminal.text)
            await terminal.settle()
            assert history.list.row == row
            assert terminal.app.screen.focused is history.list
            await terminal.press("6")
            assert incidents.list.count == 7
            assert str(incidents.list.row["key"]) == "INC-3"  # type: ignore[index]

    run(story())


def test_paused_nothing_moves_and_what_is_new_is_counted(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            section = await goes(terminal, "8")
            await terminal.press("p")
            assert "paused · 0 new" in terminal.text.splitlines()[0]
            count = section.list.count
            full.ledger.append(Note(subject="replay", text="one"), Note(subject="replay", text="two"))
            await terminal.expect(lambda: "paused · 2 new" in terminal.text)
            assert section.list.count == count
            await terminal.press("p")
            assert section.list.count == count + 2
            assert "paused" not in terminal.text

    run(story())


def test_locked_it_only_looks_until_it_is_unlocked(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            await terminal.press("L")
            assert "read-only" in terminal.text.splitlines()[0]
            before = full.ledger.head_seq()
            await terminal.type("alert ack AL-7")
            assert "denied" in terminal.text
            assert full.ledger.head_seq() == before
            await terminal.press("escape", "L")
            assert "read-only" not in terminal.text.splitlines()[0]
            await terminal.type("alert ack AL-7")
            assert "is on AL-7" in terminal.text

    run(story())


def test_what_the_command_line_locked_stays_locked(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root, read_only=True) as terminal:
            await terminal.press("L")
            await terminal.expect(lambda: "opened with --read-only" in terminal.text)
            assert "read-only" in terminal.text.splitlines()[0]

    run(story())


def test_the_letter_beside_a_next_step_does_it(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            await goes(terminal, "6")
            await terminal.press("down")
            assert "a I am on it" in terminal.text
            await terminal.press("a")
            assert isinstance(terminal.app.screen, Answer)
            assert "is on AL-7" in terminal.text
            await terminal.press("escape")
            assert "acked" in terminal.text
            assert "a I am on it" not in terminal.text
            await terminal.press("up")
            over = letter(terminal, "It is over")
            await terminal.pilot.press(over, "n")  # faster than the question opens: what lies behind it does nothing
            await terminal.settle()
            assert isinstance(terminal.app.screen, Why), "a judgement is never recorded with the example's word"
            assert terminal.app.screen_stack[-2].id == "incidents"
            await terminal.press("escape")
            assert terminal.app.screen.id == "incidents", "one question, and none behind it"
            full.ledger.append(IncidentEvent(subject="INC-3", event="role", role="lead", who="ana"))
            await terminal.press("r")
            assert letter(terminal, "It is over") == over, "whatever comes and goes beside it"

    run(story())


@pytest.mark.parametrize("size", SIZES)
def test_a_plan_is_seen_by_whoever_is_asked_to_agree_to_it(full: Session, size: tuple[int, int]) -> None:
    full.ledger.append(Promotion(subject="flights-delay", version="8", previous="7", approval="AP-5", evidence=""))

    async def story() -> None:
        async with dashboard(full.declared().root, size) as terminal:
            await terminal.type("promote --rollback flights-delay")
            assert isinstance(terminal.app.screen, Ask)
            assert "flights-delay@7 would serve again" in terminal.text
            assert "Cancel" in terminal.text
            await terminal.pilot.press("enter", "enter", "escape", "escape")  # faster than the question goes away
            await terminal.settle()
            assert terminal.app.screen is terminal.app._home

    run(story())


def test_a_row_of_an_answer_that_leads_on_is_entered(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            await terminal.type("audit log --limit 3")
            body = terminal.app.screen.query_one(Body)
            await terminal.press("down", "down")
            assert body.row is not None
            seq = body.row["seq"]
            await terminal.press("enter")
            assert f"audit show {seq}" in terminal.text.splitlines()[0]
            await terminal.press("escape")
            assert body.row["seq"] == seq

    run(story())


def test_an_answer_that_was_looked_up_follows_what_happens(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            await terminal.type("incident show INC-3")
            full.ledger.append(IncidentEvent(subject="INC-3", event="note", note="the feed is back"))
            await terminal.expect(lambda: "the feed is back" in terminal.text)

    run(story())


def test_everything_with_a_name_is_found_by_it(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            await terminal.press("ctrl+p")
            await terminal.pilot.press(*"inc-3")
            await terminal.expect(lambda: "INC-3 predicts 18 %" in terminal.text)
            await terminal.pilot.press("enter")
            await terminal.expect(lambda: "▸ INC-3" in terminal.text.splitlines()[0])

    run(story())


def test_what_names_a_file_is_copied_for_the_terminal_and_not_done(full: Session) -> None:
    line = "quarantine export flights --out bad.csv"

    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            head = full.ledger.head_seq()
            await terminal.press("6")
            screen = terminal.app.screen
            assert isinstance(screen, SectionScreen)
            screen.pane.show(View("5 rows wait", actions=(Action("Mend them by hand", tuple(line.split())),)), ())
            screen.pane.actions.focus()
            await terminal.press("enter")
            await terminal.expect(lambda: terminal.app.clipboard == f"mlops-tui {line}")
            assert terminal.app.screen is screen, "nothing was denied"
            assert full.ledger.head_seq() == head

    run(story())


def test_who_is_named_in_a_command_is_not_seen_afterwards(full: Session) -> None:
    async def story() -> None:
        async with dashboard(full.declared().root) as terminal:
            await terminal.press("8")
            await terminal.type("optout take --person C-10482 --kind erasure")
            assert "OO-1: erasure is received" in terminal.text
            assert "optout take --person … --kind erasure" in terminal.text.splitlines()[0]
            await terminal.press("y", "y")
            assert "C-10482" not in terminal.app.clipboard
            assert "optout take" in terminal.app.clipboard
            await terminal.press("escape", "colon", "up")
            assert "C-10482" not in terminal.text

    run(story())


def test_a_command_that_names_somebody_never_becomes_a_job(full: Session) -> None:
    legal = full.acting_as(Actor("di", frozenset({"legal"}), "dashboard"))
    reply = asking.ask(legal, ("provenance", "report", "--law", "gdpr-15", "--person", "C-10482"))
    assert isinstance(reply, asking.Answer)
    assert reply.view.status is not Status.DENIED
    assert jobs.newest(full, 5) == []


def test_a_board_is_answered_in_the_words_of_its_guidelines(full: Session) -> None:
    root = full.declared().root
    (root / "guidelines").mkdir()
    (root / "guidelines" / "fair.yaml").write_text(
        'version: "1"\nquestions: [{id: people, text: "Does a person decide?"}]\n', encoding="utf-8")
    (root / "boards").mkdir()
    (root / "boards" / "review.yaml").write_text(
        "members: {ana: {seat: risk, role: engineer}}\nguidelines: fair\n", encoding="utf-8")
    step = ("board", "vote", "BC-1", "yes", "--seen", "review:0123")

    async def story() -> None:
        async with dashboard(root) as terminal:
            terminal.app.post_message(Perform(step, asks=("answers:people", "reason")))
            await terminal.expect(lambda: "Does a person decide?" in terminal.text)
            assert isinstance(terminal.app.screen, Ask)
            assert "unsure" in terminal.text
            await terminal.press("down", "enter")
            assert isinstance(terminal.app.screen, Why)
            assert "--answers people=yes" in terminal.text
            await terminal.press("escape", "escape")

    run(story())


def test_a_version_opens_on_its_gate_until_it_serves_and_then_on_what_was_decided() -> None:
    section = SECTIONS["governance"]
    model = {"model": "m", "status": Status.WARN, "candidate": "c"}
    views = [View("", parts=(Table.of(id, rows),)) for id, rows in (
        ("approvals", []), ("cases", []), ("versions", [{**model, "version": "8", "role": "challenger"},
                                                        {**model, "version": "7", "role": "champion"},
                                                        {**model, "version": "6", "role": ""}]))]
    assert [(row["key"], section.detail(row, "")) for row in section.rows(views)] == [
        ("version/m@8", ("check", "m@8")), ("version/m@7", ("promote", "m", "--history"))]


def test_what_was_decided_offers_the_way_back_where_there_is_one(full: Session) -> None:
    argv = ("promote", "flights-delay", "--history")
    back = ("promote", "--rollback", "flights-delay")
    assert back not in [step.argv for step in full.perform(argv).view.actions]
    full.ledger.append(Promotion(subject="flights-delay", version="8", previous="7", approval="AP-5", evidence=""))
    assert full.perform(argv).view.actions[0].argv == back


def test_the_modes_have_keys_of_their_own() -> None:
    assert [mode.digit for mode in MODES] == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert len({mode.short for mode in MODES}) == len(MODES)


def test_a_bad_name_is_never_read_as_markup(full: Session) -> None:
    odd = "[red]x[/] [@click]"
    full.ledger.append(AlertEvent(subject="AL-8", event="fired", monitor="m", severity="low", title=odd),
                       Finding(check="drift", subject="odd[bold]", status="pass", title="[b]"))

    async def story() -> None:
        async with dashboard(full.declared().root, (160, 40)) as terminal:
            await goes(terminal, "6")
            assert odd in terminal.text
            await goes(terminal, "8")
            await terminal.press("slash", *"[b", "enter")
            assert "odd[bold]" in terminal.text
            assert "/ [b" in terminal.text

    run(story())


def test_a_watched_model_has_a_row_of_how_it_does_in_service() -> None:
    rows = [{"monitor": "m", "check": "drift", "subject": "late", "status": Status.PASS, "found": ""},
            {"monitor": "n", "check": "performance", "subject": "late", "status": Status.PASS, "found": ""},
            {"monitor": "h", "check": "health", "subject": "flights", "status": Status.PASS, "found": ""}]
    section = SECTIONS["monitoring"]
    *monitors, coverage = section.rows([View("", parts=(Table.of("monitors", rows),))])
    assert [section.detail(row, "Labels") for row in monitors] == [
        ("monitor", "show", "m"), ("maturity", "late"), ("monitor", "show", "h")]
    assert [side.command(coverage) for side in section.sides_of(coverage)] == [
        ("traffic", "show", "late", "--preview"), ("maturity", "late"),
        ("stability", "show", "late", "--preview"), ("drill", "late", "--coverage")]
