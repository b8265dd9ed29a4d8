"""What somebody waits for: found by number, id or command, told in lines or in a strip, ended with its own code."""

import asyncio
import io
import os
from collections.abc import Sequence

import pytest

from mlops_tui import jobs
from mlops_tui.cli import run as terminal
from mlops_tui.errors import NotFound, Unreadable
from mlops_tui.render.keep import written
from mlops_tui.session import Session
from mlops_tui.tui.inline import Strip
from mlops_tui.tui.watched import LOST, Watch, find, last_lines, plain
from mlops_tui.view import Status, View


def begun(session: Session, *argv: str) -> int:
    id = jobs.rows(session).add(argv, actor="ana", source="slack", roles=frozenset({"engineer"}))
    jobs.rows(session).claim(id, host="elsewhere", pid=os.getpid(), born=0.0)
    jobs.log_path(session, id).parent.mkdir(parents=True, exist_ok=True)
    return id


def ended(session: Session, id: int, status: str, exit: int | None, outcome: str = "") -> None:
    jobs.rows(session).end(id, status, exit=exit, outcome=outcome, title="how it went")


def test_a_job_is_found_by_number_by_its_command_or_as_the_one_that_runs(told: Session) -> None:
    first, second = begun(told, "train", "flights-delay"), begun(told, "pipeline", "run", "daily")
    for words in ((str(first),), (f"job-{first}",), (f"job/{first}",), ("train",), ("train", "flights-delay")):
        assert find(told, words)().job == first
    assert find(told, ())().job == second
    ended(told, second, "done", 0)
    assert find(told, ())().job == first
    assert find(told, ("pipeline", "run"))().exit == 0, "one that has ended is told as it ended"


@pytest.mark.parametrize(("words", "said"), [
    (("99",), "No job 99"), (("9" * 19,), "No job 999"), (("9" * 5000,), "No job does"),
    (("drift", "x"), "job start -- drift x"), (("RUN-9",), "RUN-9"), (("INC-99",), "INC-99"),
    ((), "No job is running")])
def test_what_is_not_there_is_refused_with_what_to_do(told: Session, words: Sequence[str], said: str) -> None:
    with pytest.raises(NotFound) as refused:
        find(told, words)
    assert said in f"{refused.value}"


def test_lines_are_told_as_they_change_and_the_last_one_is_how_it_ended(told: Session) -> None:
    id, stream, looks = begun(told, "train", "flights-delay"), io.StringIO(), iter(range(5))

    def wait(_: float) -> None:
        step = next(looks)
        if step == 4:
            ended(told, id, "done", 1, "fail")
        elif step >= 2:
            jobs.rows(told).progress(id, 25 * step, 100, f"fold {step}")

    seen = plain(find(told, (str(id),)), stream, wait)
    assert stream.getvalue().splitlines() == [
        f"◌  job {id}  train flights-delay  no history", f"◌  job {id}  train flights-delay  fold 2  50%",
        f"◌  job {id}  train flights-delay  fold 3  75%"]
    assert (seen.exit, seen.status) == (1, Status.FAIL)


@pytest.mark.parametrize("gone", [KeyboardInterrupt, BrokenPipeError])
def test_who_leaves_before_it_is_over_ends_nothing_and_is_told_no_success(
        told: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
        gone: type[BaseException]) -> None:
    id = begun(told, "train", "flights-delay")

    def wait(_: float) -> None:
        raise gone

    monkeypatch.setattr(plain, "__defaults__", (wait,))
    assert terminal(["watch", str(id), "--project", str(told.declared().root)]) == 130
    assert f"It goes on: job {id}  train flights-delay" in capsys.readouterr().out
    assert jobs.rows(told).one(id).open


def test_a_stage_that_stands_in_the_log_is_not_told_twice(told: Session) -> None:
    id = begun(told, "train", "flights-delay")
    jobs.log_path(told, id).write_text("◌ starting\n◌ fold 1\n", encoding="utf-8")
    jobs.rows(told).progress(id, 1, 9, "fold 1: 3 of 9")
    assert find(told, (str(id),))().said == ("◌ starting", "fold 1: 3 of 9")


def test_its_help_says_with_which_code_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal(["watch", "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Usage: mlops-tui watch [WHAT]")
    assert "Exit codes: that of the job" in said


@pytest.mark.parametrize(("status", "exit", "code"), [("done", 0, 0), ("done", 1, 1), ("failed", 3, 3),
                                                      ("cancelled", 130, 130), ("confirm", 2, 2), ("lost", None, 3)])
def test_the_terminal_ends_with_the_code_of_the_job(told: Session, capsys: pytest.CaptureFixture[str], status: str,
                                                    exit: int | None, code: int) -> None:
    id = begun(told, "train", "flights-delay")
    ended(told, id, status, exit)
    if status == "done":
        jobs.log_path(told, id).with_suffix(".json").write_text(written(View("It was trained", Status.DONE)), "utf-8")
    assert terminal(["watch", str(id), "--project", str(told.declared().root)]) == code
    said = capsys.readouterr()
    assert ("It was trained" if status == "done" else "how it went") in said.out + said.err


def test_a_run_and_an_incident_are_waited_for_too(told: Session) -> None:
    book = told.declared().root / "runbooks" / "late.md"
    book.parent.mkdir(exist_ok=True)
    book.write_text("---\ntitle: It is late\n---\n## 1. Ask\n```manual\nAsk the owner.\n```\n", encoding="utf-8")
    assert told.perform(("runbook", "run", "late", "--about", "flights-delay")).exit == 0
    look = find(told, ("run-1",))
    assert (look().exit, look().status) == (None, Status.RUNNING)
    assert told.perform(("runbook", "stop", "RUN-1")).exit == 0
    assert look().exit == 1
    look = find(told, ("INC-3",))
    assert look().exit is None
    assert "INC-3" in look().title
    assert told.perform(("incident", "resolve", "INC-3"), reason="it is over").exit == 0
    assert look().exit == 0


def test_a_strip_shows_how_far_it_is_and_goes_when_it_is_over_or_left() -> None:
    begins = Watch("job 7  train [x]", Status.RUNNING, 0.25, "no history", ("[red]one", "two"), job=7)
    ends = Watch("job 7  train [x]", Status.DONE, 1.0, "done", (), 0, View("done"), 7)

    def refuses() -> Watch:
        raise Unreadable("The ledger cannot be read.")

    async def story(key: str, last: Watch | None) -> Strip:
        strip = Strip((lambda: last) if last is not None else refuses, begins, stops=True)
        async with strip.run_test(size=(60, 6)) as pilot:
            await pilot.pause()
            text = "\n".join(line.text for line in strip.screen._compositor.render_strips())
            assert "◌ job 7  train [x]" in text
            assert "25%  no history" in text
            assert "[red]one" in text
            assert "x stops it · q leaves it running" in text
            if key:
                await pilot.press(key)
            for _ in range(400):
                if strip._exit:
                    break
                await pilot.pause(0.01)
        strip._thread.join()
        return strip

    assert asyncio.run(story("", ends)).return_value == ends
    left = asyncio.run(story("q", begins))
    assert (left.return_value, left.stopping) == (begins, False)
    assert asyncio.run(story("x", begins)).stopping
    lost = asyncio.run(story("", None)).return_value
    assert lost is not None
    assert lost.exit == LOST
    assert lost.answer is not None
    assert "cannot be read" in lost.answer.title, "nobody waits before a strip that stands still"


def test_the_last_lines_of_a_log_are_read_from_its_end(told: Session) -> None:
    path = told.declared().root / "long.log"
    assert last_lines(path, 4) == []
    path.write_bytes(b"x\n" * 100_000 + b"1 %\r2 %\n\xff\n")
    assert last_lines(path, 3) == ["x", "2 %", "\\xff"]
