"""Home as a person uses it: every size, every state, every key, on a real project and real jobs."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from mlops_tui import jobs
from mlops_tui.errors import Unreadable
from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui.app import Dashboard
from mlops_tui.tui.cache import last, path_of
from mlops_tui.tui.feed import Feed
from mlops_tui.tui.messages import Fresh, Ticked
from mlops_tui.tui.places import place
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.ask import Ask, Why
from mlops_tui.tui.screens.home import Home
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Status, View
from store.facts import IncidentEvent, Note
from tests.screens import SIZES, Terminal, dashboard, run

# -- what is seen -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_every_size_shows_the_models_and_how_much_waits(told: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, size) as terminal:
            lines = terminal.text.splitlines()
            assert len(lines) == size[1]
            assert all(cell_len(line) == size[0] for line in lines)
            assert "flights ▸ Home" in lines[0]
            assert "■ 5 need you" in lines[0]
            assert "flights-delay" in terminal.text
            assert "perf" in terminal.text
            assert "1 Home" in lines[-1]
            assert "? all" in lines[-1]

    run(story())


def test_one_begins_at_what_waits_the_first_time_too(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            assert terminal.app.focused is terminal.app.screen.query_one("#needs")
        async with dashboard(told.declared().root, (80, 24), person="bo") as terminal:
            assert terminal.app.focused is terminal.app.screen.query_one("#models"), "it is not seen here"

    run(story())


def test_health_is_a_glyph_and_the_reason_in_words(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            row = next(line for line in terminal.text.splitlines() if "■ flights-delay" in line)
            told_there = row.split("│")[1].replace("▌", " ").split()
            assert told_there == ["■", "flights-delay", "7", "▲", "●", "●", "■", "○", "○"]
            assert "■ fail    calibration: ECE 0.081 is over 0.05" in terminal.text
            assert "▲ warn    data: 3 bad rows of 1,024" in terminal.text
            assert "○ unknown never checked: fairness, serving" in terminal.text

    run(story())


def test_what_waits_is_listed_the_most_urgent_first(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            shown = [terminal.text.index(name) for name in ("INC-3", "AL-7", "AP-5", "limits reviewed", "P-4")]
            assert shown[0] < shown[1] < shown[2] < min(shown[3:])
            assert "nobody leads" in terminal.text
            assert "0 of 2 votes · 20 h left" in terminal.text

    run(story())


def test_the_picture_is_that_of_the_model_under_the_cursor(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            assert "flights-delay · share of positives" in terminal.text
            assert "━━ seen   ┅┅ predicted" in terminal.text
            terminal.app.screen.query_one("#models").focus()
            await terminal.press("down")
            assert "Nothing has matured yet" in terminal.text
            assert "▌" in next(line for line in terminal.text.splitlines() if "odd[bold]" in line)

    run(story())


def test_what_people_wrote_is_never_read_as_markup(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, (160, 40)) as terminal:
            assert "odd[bold]" in terminal.text
            assert "late [again] in [/red]" in terminal.text
            terminal.app._say("job [/red] has begun")
            terminal.app.screen.query_one("#models").focus()
            await terminal.press("end", "enter")
            assert "odd[bold] has no champion" in terminal.text

    run(story())


def test_the_line_at_the_top_says_where_when_and_who(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            top = terminal.text.splitlines()[0]
            assert "4 Oct 2013 06:00 EDT" in top
            assert "replay" in top
            assert "ana (single user)" in top
            assert "as of" not in top

    run(story())


def test_before_anything_is_known_nothing_is_claimed(tmp_path: Path) -> None:
    async def story() -> None:
        app = Dashboard(tmp_path)
        app.desk.start = lambda: None  # type: ignore[method-assign]  # it takes its time
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            text = Terminal(app, pilot).text
            assert text.count("◌ looking") == 4
            assert "Nothing waits" not in text
            assert "No model" not in text

    run(story())


def test_an_empty_project_says_how_to_begin(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text("project: new\n", encoding="utf-8")

    async def story() -> None:
        async with dashboard(tmp_path) as terminal:
            assert "● nothing needs you" in terminal.text
            assert "No model is declared yet." in terminal.text
            assert "mlops-tui init" in terminal.text
            assert "nothing is scheduled" in terminal.text

    run(story())


def test_a_broken_project_says_where_and_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text("project: new\ntimezon: UTC\n", encoding="utf-8")

    async def story() -> None:
        async with dashboard(tmp_path) as terminal:
            assert "Unknown key 'timezon'." in terminal.text
            assert "mlops.yaml:2" in terminal.text
            assert "Did you mean 'timezone'?" in terminal.text
            assert "need" not in terminal.text.splitlines()[0]
            (tmp_path / "mlops.yaml").write_text("project: new\ntimezone: UTC\n", encoding="utf-8")
            await terminal.press("r")
            assert "No model is declared yet." in terminal.text
            for file, text in (("models/x.yaml", "tusk: binary\n"), ("boards/b.yaml", "member: {}\n")):
                (tmp_path / file).parent.mkdir()
                (tmp_path / file).write_text(text, encoding="utf-8")
            await terminal.press("r")
            assert "■ 2 need you" in terminal.text.splitlines()[0], "whatever kind of file cannot be read"
            assert "x.yaml:1: Unknown key 'tusk'." in terminal.text
            assert "models/x.yaml:1 · Did you mean 'task'?" in terminal.text
            assert "No model is declared yet." in terminal.text, "the rest is shown as ever"
            (tmp_path / "models" / "x.yaml").unlink()
            await terminal.expect(lambda: "■ 1 needs you" in terminal.text)

    run(story())


def test_no_letter_of_what_is_hidden_behind_a_mistake_does_anything(
        told: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> View:
        raise Unreadable("it is all wrong")

    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            home = terminal.app.screen
            assert isinstance(home, Home)
            home.query_one("#models").focus()
            await terminal.settle()
            letters = list(home.about.steps)
            assert letters
            monkeypatch.setattr(Feed, "home", failing)
            await terminal.press("r")
            assert "it is all wrong" in terminal.text
            for letter in letters:
                await terminal.press(letter)
                assert terminal.app.screen is home

    run(story())


def test_what_is_wrong_before_there_is_a_screen_is_shown_on_it(told: Session) -> None:
    async def story() -> None:
        app = Dashboard(told.declared().root, person="ana")
        app.desk.ask = lambda asked: None  # type: ignore[method-assign]  # the desk says it once, and too early
        app._home.fail(View("No person 'ann' in team.yaml.", Status.ERROR))
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert "No person 'ann' in team.yaml." in shown
        assert app.desk.close(10)

    run(story())


def test_a_damaged_history_or_a_missing_zone_does_not_end_the_screen(told: Session) -> None:
    folder = told.declared().root
    (folder / "monitors" / "m.yaml").write_text("check: drift\nsubject: x\nevery: never\n", encoding="utf-8")

    async def story() -> None:
        async with dashboard(folder) as terminal:
            assert "'never' is not a cron line" in terminal.text, "the rest of Home is there"
            assert "■ 5 need you" in terminal.text

    run(story())


# -- the first picture --------------------------------------------------------------------------------------------


def test_the_first_picture_is_the_last_one_and_says_so(told: Session) -> None:
    async def story() -> None:
        folder = told.declared().root
        async with dashboard(folder):
            pass
        assert path_of(folder, "").is_file()
        assert last(folder, "bo") is None, "it was not drawn for bo"
        app = Dashboard(folder)
        app.desk.ask = lambda asked: None  # type: ignore[method-assign]  # the desk never answers
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert "as of 4 Oct 2013 06:00 EDT" in shown
            assert "INC-3" in shown
        assert app.desk.close(10)

    run(story())


@pytest.mark.parametrize("changed", ["team.yaml", "access/all.yaml"])
def test_the_last_picture_is_not_shown_once_the_rules_are_others(told: Session, changed: str) -> None:
    folder = told.declared().root
    Feed(folder, "ana", read_only=False).look()
    assert last(folder, "ana") is not None
    (folder / changed).parent.mkdir(exist_ok=True)
    (folder / changed).write_text("people: {cy: {only: {origin: [JFK]}}}\n", encoding="utf-8")
    assert last(folder, "ana") is None


def test_who_one_is_by_now_is_seen_at_the_next_look(told: Session) -> None:
    folder = told.declared().root
    feed = Feed(folder, "ana", read_only=False)
    feed.look()
    assert isinstance(feed.look(), Ticked), "nothing has happened"
    (folder / "team.yaml").write_text("people: {ana: {roles: [viewer], simulated: true}}\n", encoding="utf-8")
    feed.admit()
    found = feed.look()
    assert isinstance(found, Fresh)
    assert "viewer" in str(found.view.facts())


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"is":"View"}', '{"is":"View","title":"x"}', "\x00\xff"])
def test_a_last_picture_that_cannot_be_read_is_left_out(told: Session, kept: str) -> None:
    folder = told.declared().root
    path_of(folder, "").parent.mkdir(parents=True, exist_ok=True)
    path_of(folder, "").write_text(kept, encoding="latin-1")

    async def story() -> None:
        async with dashboard(folder) as terminal:
            assert "INC-3" in terminal.text

    run(story())


FIRST = """
import asyncio, json, sys
from pathlib import Path
from mlops_tui.tui.app import Dashboard
seen = []
class First(Dashboard):
    def _begin(self):
        seen.extend(sorted({name.partition(".")[0] for name in sys.modules}
                           | {name for name in sys.modules if name.startswith("store.")}))
        self.exit()
async def story():
    async with First(Path(sys.argv[1])).run_test() as pilot:
        await pilot.pause()
asyncio.run(story())
sys.stdout.write(json.dumps(seen))
"""


def test_the_first_picture_needs_no_database(told: Session) -> None:
    run(_once(told.declared().root))
    done = subprocess.run([sys.executable, "-c", FIRST, str(told.declared().root)], capture_output=True, text=True,
                          check=True)
    modules = set(json.loads(done.stdout))
    assert "textual" in modules
    assert modules & {"sqlmodel", "sqlalchemy", "duckdb", "numpy", "apscheduler", "mlflow", "pyarrow", "store.ledger",
                      "store.lake"} == set()


async def _once(folder: Path) -> None:
    async with dashboard(folder):
        pass


# -- moving about -------------------------------------------------------------------------------------------------


def test_escape_goes_back_and_never_quits(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            terminal.app.screen.query_one("#needs").focus()
            await terminal.press("enter")
            assert "INC-3" in terminal.text.splitlines()[0]
            await terminal.press("escape")
            assert terminal.app.screen is terminal.app._home
            await terminal.press("escape", "escape")
            assert terminal.app.is_running

    run(story())


def test_a_refresh_never_moves_the_cursor(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            needs = terminal.app.screen.query_one("#needs", Rows)
            needs.focus()
            await terminal.press("down", "down")
            assert needs.row is not None
            assert needs.row["id"] == "AP-5"
            told.ledger.append(IncidentEvent(subject="INC-4", event="opened", title="another", severity="critical"))
            await terminal.press("r")
            assert "■ 6 need you" in terminal.text
            assert needs.row["id"] == "AP-5"

    run(story())


def test_what_others_do_is_seen_without_asking(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            told.ledger.append(IncidentEvent(subject="INC-3", event="resolved"))
            await terminal.expect(lambda: "no post-mortem yet" in terminal.text)

    run(story())


def test_on_a_narrow_terminal_tab_turns_to_the_other_side(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, (80, 24)) as terminal:
            assert "INC-3" not in terminal.text
            await terminal.press("tab")
            assert "INC-3" in terminal.text
            assert "╭─ Models" not in terminal.text
            await terminal.press("tab")
            assert "╭─ Models" in terminal.text
            await terminal.pilot.resize_terminal(120, 40)
            await terminal.settle()
            assert "╭─ Models" in terminal.text
            assert "INC-3" in terminal.text

    run(story())


@pytest.mark.parametrize(("words", "argv"), [
    (("INC-3",), ("incident", "show", "INC-3")), (("al-7",), ("alert", "show", "al-7")),
    (("audit", "log"), ("audit", "log")), (("AP-5",), ("approve", "show", "AP-5")),
    (("flights-delay",), ("flights-delay",))])
def test_the_dashboard_opens_at_a_place(words: tuple[str, ...], argv: tuple[str, ...]) -> None:
    assert place(words) == argv


def test_open_shows_the_place_first(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, at=["INC-3"]) as terminal:
            await terminal.expect(lambda: "▸ INC-3" in terminal.text)

    run(story())


# -- commands -----------------------------------------------------------------------------------------------------


def test_keys_typed_faster_than_the_screen_land_in_the_command_line(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.type("audit log --limit 3")
            assert isinstance(terminal.app.screen, Answer)
            assert "audit log --limit 3" in terminal.text.splitlines()[0]
            await terminal.type("audit verify")
            assert "The history is whole" in terminal.text, "a command line on every screen"
            await terminal.press("escape")
            assert "audit log" in terminal.text.splitlines()[0]

    run(story())


def test_a_question_on_the_command_line_is_answered_and_a_slip_is_understood(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            await terminal.type("what's red right now?")
            assert isinstance(terminal.app.screen, Answer)
            assert "understood" in terminal.text
            assert "status" in terminal.text
            await terminal.type("alert frobnicate the lot")
            assert "Which of these is meant?" in terminal.text
            await terminal.type("alrts")
            assert "alert list" in terminal.text

    run(story())


def test_a_colon_typed_into_a_field_is_a_colon(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.press("colon", "a", "colon", "b")
            assert terminal.app.screen.query_one(CommandLine).value == "a:b"
            await terminal.press("escape")
            assert not terminal.app.screen.query_one(CommandLine).display
            assert isinstance(terminal.app.screen.focused, Rows)

    run(story())


@pytest.mark.parametrize(("typed", "offered"), [("flurb", "status"), ("audit flurb", "audit log")])
def test_what_is_no_command_is_a_question_with_what_may_be_meant(told: Session, typed: str, offered: str) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.type(typed)
            assert isinstance(terminal.app.screen, Answer)
            await terminal.expect(lambda: "Which of these is meant?" in terminal.text)
            assert f"ask {typed}" in terminal.text
            assert offered in terminal.text

    run(story())


@pytest.mark.parametrize("typed", ["drift --window", "job log 99",
                                   "drift --reference /etc/passwd"])
def test_a_command_that_cannot_be_says_why(told: Session, typed: str) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.type(typed)
            assert isinstance(terminal.app.screen, Answer)
            assert "error" in terminal.text or "denied" in terminal.text
            assert "next" in terminal.text

    run(story())


def test_an_unclosed_quote_is_told_and_nothing_happens(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.type("audit 'log")
            assert terminal.app.screen is terminal.app._home
            await terminal.expect(lambda: "No closing quotation" in terminal.text)

    run(story())


@pytest.mark.slow
@pytest.mark.usefixtures("naps")
def test_long_work_becomes_a_job_whose_answer_comes_by_itself(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.type("nap 2")
            assert terminal.app.screen is terminal.app._home, "and one can go on"
            await terminal.expect(lambda: "◌ nap 2" in terminal.text and "%" in terminal.text)
            await terminal.expect(lambda: "Slept well" in terminal.text)
            assert isinstance(terminal.app.screen, Answer)
            assert "through" in terminal.text
            await terminal.press("escape")
            await terminal.expect(lambda: "● nap 2" in terminal.text)

    run(story())


@pytest.mark.slow
@pytest.mark.usefixtures("naps")
def test_an_act_is_asked_about_and_cancel_is_what_enter_means(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            before = told.ledger.head_seq()
            for answer in (["enter"], ["escape"], ["n"]):
                await terminal.type("nap sell")
                assert isinstance(terminal.app.screen, Ask)
                assert "Would sell the bed" in terminal.text
                await terminal.press("pagedown", "pagedown")  # reads on in the plan; the answer stays where it was
                await terminal.press(*answer)
                assert terminal.app.screen is terminal.app._home
            assert told.ledger.head_seq() == before
            assert jobs.rows(told).newest() == []
            await terminal.type("nap sell")
            await terminal.press("down", "enter")
            await terminal.expect(lambda: "sold the bed" in terminal.text)
            assert [job.status for job in jobs.rows(told).newest()] == ["done"]

    run(story())


def test_a_judgement_is_asked_for_its_reason(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            before = told.ledger.head_seq()
            await terminal.type("alert resolve AL-7 --real")
            assert isinstance(terminal.app.screen, Why)
            await terminal.press("escape")
            assert told.ledger.head_seq() == before
            await terminal.type("alert resolve AL-7 --real")
            await terminal.press(*"rain", "enter")
            assert isinstance(terminal.app.screen, Answer)
            assert [entry.fact.reason for entry in told.ledger.entries("command")] == ["rain"] * 2  # type: ignore[attr-defined]

    run(story())


@pytest.mark.usefixtures("naps")
def test_a_read_only_dashboard_says_so_and_changes_nothing(told: Session) -> None:
    async def story() -> None:
        folder, before = told.declared().root, told.ledger.head_seq()
        async with dashboard(folder, read_only=True) as terminal:
            assert "read-only" in terminal.text.splitlines()[0]
            for typed in ("nap 1", "nap sell", "alert ack AL-7", "job start -- nap 1"):
                await terminal.type(typed)
                assert "read-only" in terminal.text
                assert "denied" in terminal.text
                await terminal.press("escape")
        assert told.ledger.head_seq() == before
        assert jobs.rows(told).newest() == []
        assert not path_of(folder, "").parent.parent.exists()

    run(story())


@pytest.mark.slow
@pytest.mark.usefixtures("naps")
def test_quitting_can_stop_the_jobs_first(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.type("nap 30")
            await terminal.press("q")
            await terminal.pilot.press("down", "down", "enter")
            await terminal.expect(lambda: not terminal.app.is_running or terminal.app._exit)

    run(story())
    assert [job.status for job in jobs.rows(told).newest()] == ["cancelled"]


def test_without_jobs_quitting_does_not_ask(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.pilot.press("q")
            await terminal.expect(lambda: not terminal.app.is_running or terminal.app._exit)

    run(story())


def test_time_goes_on_in_a_replay(told: Session, clock: ReplayClock) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            clock.advance(clock.moment + timedelta(days=2))
            told.ledger.append(Note(subject="replay", text="replayed"))
            await terminal.expect(lambda: "6 Oct 2013 06:00 EDT" in terminal.text)

    run(story())


# -- in a real terminal -------------------------------------------------------------------------------------------


def started(folder: Path, *argv: str) -> tuple[subprocess.Popen[bytes], int]:
    """The program in a terminal of its own, whose size is its own too: pytest's workers are told they have 80 × 24."""
    ours, theirs = pty.openpty()
    around = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    env = {**around, "TERM": "xterm-256color", "COLORFGBG": "15;0"}  # nothing here answers what a terminal is asked
    child = subprocess.Popen([sys.executable, "-P", "-m", "mlops_tui", *argv], cwd=folder, stdin=theirs, stdout=theirs,
                             stderr=theirs, env=env, start_new_session=True)
    os.close(theirs)
    return child, ours


def read_until(terminal: int, word: bytes, *, keys: bytes = b"", seconds: float = 90) -> bytes:
    """What the terminal shows until it shows the word, or ends; keys are typed again as long as it does neither."""
    seen, end = b"", time.monotonic() + seconds
    with suppress(OSError):
        while word not in seen and time.monotonic() < end:
            if keys:
                os.write(terminal, keys)
            if select.select([terminal], [], [], 2)[0]:
                more = os.read(terminal, 65536)
                if not more:
                    break
                seen += more
    return seen


def test_without_a_terminal_there_is_help_or_a_word_of_advice(told: Session) -> None:
    def said(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-P", "-m", "mlops_tui", *argv], cwd=told.declared().root,
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    assert (said().returncode, "Usage: mlops-tui" in said().stdout) == (0, True)
    assert "mlops-tui open [WHERE]" in said("open", "--help").stdout
    refused = said("open")
    assert (refused.returncode, "needs a terminal" in refused.stderr) == (2, True)
