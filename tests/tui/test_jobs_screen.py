"""All jobs and what they say, as a person reads them."""

import os
import signal

import pytest
from rich.cells import cell_len

from mlops_tui import jobs
from mlops_tui.session import Session
from mlops_tui.tui.messages import Perform
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.ask import Ask
from mlops_tui.tui.screens.jobs import JobsScreen
from mlops_tui.tui.screens.log import LogScreen, laid_out
from mlops_tui.tui.widgets.log_view import LogView
from tests.screens import SIZES, Terminal, dashboard, run


def job(session: Session, *argv: str, status: str = "", log: bytes = b"", who: str = "ana") -> int:
    """A job that somebody began elsewhere, how it ended, and what it said."""
    table = jobs.rows(session)
    id = table.add(argv, actor=who, source="dashboard", roles=frozenset({"engineer"}))
    table.claim(id, host="elsewhere", pid=os.getpid(), born=0.0)
    if status:
        table.end(id, status, title="a bad dream" if status == "failed" else "slept well")
    path = jobs.log_path(session, id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(log)
    return id


LOG = b"".join(f"{'ERROR' if line == 420 else 'INFO'} fold {line} of 3000\n".encode() for line in range(3000)) + (
    b'\xff no text\n{"loss": 0.5, "steps": [1, 2]}\n' + b"x" * 500 + b"\n")


@pytest.mark.parametrize("size", SIZES[1:])
def test_every_size_shows_all_jobs_and_the_log_of_one(told: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        job(told, "train", "flights-delay", status="failed", log=b"[bold]\xe6\x97\xa5\xe6\x9c\xac\n" + LOG, who="bo")
        job(told, "pipeline", "run", "daily")
        async with dashboard(told.declared().root, size, person="ana") as terminal:
            await terminal.press("J")
            assert isinstance(terminal.app.screen, JobsScreen)
            lines = terminal.text.splitlines()
            assert all(cell_len(line) == size[0] for line in lines)
            assert "Jobs (1 running)" in terminal.text
            assert "no history" in terminal.text, "nobody knows how long it takes"
            assert "failed in" in terminal.text
            assert "bo through dashboard" in terminal.text
            await terminal.press("down")
            await terminal.press("enter")
            assert isinstance(terminal.app.screen, LogScreen)
            await terminal.expect(lambda: '{"loss": 0.5' in terminal.text)
            assert all(cell_len(line) == size[0] for line in terminal.text.splitlines())
            await terminal.press("g")
            assert "[bold]日本" in terminal.text
            await terminal.press("escape")
            assert isinstance(terminal.app.screen, JobsScreen)
            await terminal.press("escape")
            assert terminal.app.screen is terminal.app._home

    run(story())


def at_cursor(terminal: Terminal) -> int:
    return terminal.app.screen.query_one(LogView)._line


def test_a_log_is_filtered_where_it_lies_and_what_was_found_is_seen_in_its_place(told: Session) -> None:
    async def story() -> None:
        id = job(told, "train", "flights-delay", status="failed", log=LOG)
        async with dashboard(told.declared().root, person="ana") as terminal:
            await terminal.type(f"job log {id}")
            assert isinstance(terminal.app.screen, LogScreen)
            await terminal.expect(lambda: "3,003 lines · following" in terminal.text)
            await terminal.press("slash", *"99 !1", "enter")
            found = [line for line in range(3000) if "99" in str(line) and "1" not in str(line)]
            await terminal.expect(lambda: f"{len(found)} found · ±2" in terminal.text)
            assert "INFO fold 2989 of 3000" in terminal.text, "with what stands around it"
            assert "⋯" in terminal.text
            await terminal.press("minus", "minus")
            await terminal.expect(lambda: "±0" in terminal.text and "⋯" not in terminal.text)
            assert "INFO fold 2989 of 3000" not in terminal.text
            await terminal.press("g")
            assert at_cursor(terminal) == 99
            await terminal.press("n", "n", "N")
            assert at_cursor(terminal) == 299
            await terminal.press("escape")
            assert "all shown" in terminal.text
            assert "INFO fold 301 of 3000" in terminal.text, "the rest stands around it again"
            await terminal.press("n")
            assert at_cursor(terminal) == 399
            await terminal.press("escape")
            await terminal.expect(lambda: "found" not in terminal.text)
            await terminal.press("e", "e")
            await terminal.expect(lambda: "1 found" in terminal.text and "errors" in terminal.text)
            assert "■ ERROR fold 420" in terminal.text
            await terminal.press("e", "f")
            await terminal.expect(lambda: "following" in terminal.text)
            await terminal.press("up", "enter")
            assert isinstance(terminal.app.screen, Answer)
            assert '"loss": 0.5,' in terminal.text, "JSON is laid out"
            await terminal.press("escape", "down", "right", "right", "escape")
            assert not isinstance(terminal.app.screen, LogScreen)
            await as_it_says_it(told, terminal)

    run(story())


def test_beside_the_list_a_log_is_filtered_too_where_it_has_the_focus(told: Session) -> None:
    async def story() -> None:
        found = sum("99" in str(line) for line in range(3000))
        job(told, "train", "flights-delay", status="failed", log=LOG)
        job(told, "tune", "flights-delay", status="lost")
        async with dashboard(told.declared().root, person="ana") as terminal:
            await terminal.press("J")
            await terminal.expect(lambda: "Jobs" in terminal.text and "0 lines" in terminal.text)
            await terminal.press("tab", "slash", *"99", "enter")
            await terminal.expect(lambda: "0 found · ±2" in terminal.text and "/ 99" in terminal.text)
            assert "looked through" not in terminal.text, "nothing is looked through at once"
            await terminal.press("tab", "down")
            await terminal.expect(lambda: f"{found} found · ±2" in terminal.text)
            assert "tune flights-delay" in terminal.text, "the list is whole"
            await terminal.press("slash", *"tune", "enter")
            await terminal.expect(lambda: "train flights-delay" not in terminal.text and "/ tune" in terminal.text)
            await terminal.press("escape", "escape")
            await terminal.expect(lambda: "/ 99" not in terminal.text and "/ tune" in terminal.text)
            await terminal.press("escape")
            await terminal.expect(lambda: "train flights-delay" in terminal.text)
            await terminal.press("down", "l")
            await terminal.expect(lambda: isinstance(terminal.app.screen, LogScreen))
            assert "l log" not in terminal.text.splitlines()[-1], "it is seen already"
            await terminal.press("escape", "escape")
            assert terminal.app.screen is terminal.app._home

    run(story())


async def as_it_says_it(told: Session, terminal: Terminal) -> None:
    """What a job says is seen while it says it; who reads something else is left there."""
    id = job(told, "pipeline", "run", "daily")
    path = jobs.log_path(told, id)
    path.unlink()
    await terminal.type(f"job log {id}")
    await terminal.expect(lambda: "Nothing was said yet." in terminal.text)
    path.write_text("[red]one\n" + "two\n" * 100, encoding="utf-8")
    await terminal.expect(lambda: "101 lines · following" in terminal.text)
    await terminal.press("k")
    with path.open("a", encoding="utf-8") as out:
        out.write("three\n")
    await terminal.expect(lambda: "102 lines" in terminal.text)
    assert at_cursor(terminal) == 99
    assert "running" in terminal.text.splitlines()[1]
    jobs.rows(told).end(id, "done", outcome="pass", title="4 steps")
    await terminal.press("r")
    await terminal.expect(lambda: "done" in terminal.text.splitlines()[1] and "4 steps" in terminal.text)


@pytest.mark.parametrize(("line", "shown"), [
    (b"plain", "plain"), (b"{not json", "{not json"), (b'{"a": 1}', '{\n  "a": 1\n}'),
    (b'12:00 INFO {"a": [1]}', '12:00 INFO\n{\n  "a": [\n    1\n  ]\n}'), (b'\xff{"a":1}', '\\xff\n{\n  "a": 1\n}')])
def test_a_line_is_laid_out_where_it_holds_json(line: bytes, shown: str) -> None:
    assert laid_out(line) == shown


@pytest.mark.slow
@pytest.mark.usefixtures("naps")
def test_a_job_is_found_again_by_the_next_dashboard_which_stops_it_and_waits_for_nothing(told: Session) -> None:
    async def story() -> None:
        folder = told.declared().root
        async with dashboard(folder, person="ana") as terminal:
            await terminal.type("nap 60 --deaf")
            await terminal.expect(lambda: "◌ nap 60" in terminal.text)
            await terminal.press("q")
            assert isinstance(terminal.app.screen, Ask)
            assert "You began what still runs: job 1 nap 60 --deaf." in terminal.text
            assert "Stop it, then quit" in terminal.text
            await terminal.press("enter")
            assert terminal.app.is_running, "stay is what Enter means"
            await terminal.press("q")
            await terminal.pilot.press("down", "enter")
            await terminal.expect(lambda: not terminal.app.is_running or terminal.app._exit)
        async with dashboard(folder, person="ana") as terminal:
            await terminal.expect(lambda: "job 1 you began earlier still runs: nap 60 --deaf" in terminal.text)
            await terminal.press("J")
            await terminal.expect(lambda: "◌ running nap 60" in terminal.text and "napping" in terminal.text)
            await terminal.pilot.press("x")
            terminal.app.post_message(Perform(("audit", "verify")))
            await terminal.expect(lambda: "The history is whole" in terminal.text)
            [job] = jobs.rows(told).newest()
            assert job.open, "it was asked, and does not listen: nothing waits for it"
            os.killpg(job.pid or 0, signal.SIGKILL)
            await terminal.expect(lambda: "Job 1 is cancelled" in terminal.text)
            await terminal.settle()
            await terminal.press("escape", "escape")
            await terminal.expect(lambda: "▲ cancelled nap 60" in terminal.text)
            await terminal.pilot.press("q")
            await terminal.expect(lambda: not terminal.app.is_running or terminal.app._exit)

    run(story())
