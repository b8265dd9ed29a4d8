"""The terminal: options anywhere on the line, one document for scripts, and exit codes that mean something."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import mlops_tui.core
from mlops_tui import commands, jobs
from mlops_tui.cli import Options, options, run
from mlops_tui.errors import BadInput
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, login
from store.facts import AlertEvent, Note

NAPS = Path(__file__).parent / "naps"
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small project as the working directory, with one capability more: `nap`."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("MLOPS_TUI_READONLY", raising=False)
    monkeypatch.setattr(mlops_tui.core, "__path__", [*mlops_tui.core.__path__, str(NAPS / "core")])
    monkeypatch.setitem(commands.root.files, "nap", NAPS / "core" / "nap.py")
    return project


def entries(root: Path) -> int:
    return open_project(root, person="ana").ledger.head_seq()


# -- the line ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    "--json --as ana --project p alert list --limit 3", "alert list --limit 3 --project=p --as=ana --json",
    "alert --as ana list --json --limit 3 --project p"])
def test_the_terminals_options_may_stand_anywhere(line: str) -> None:
    words = ["alert", "list", "--limit", "3"]
    assert options(line.split()) == Options(json=True, person="ana", project="p", argv=words)


def test_how_it_looks_is_said_on_the_line_or_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Options(ascii=True, reduced_motion=True, argv=["status"])
    assert options(["--ascii", "status", "--reduced-motion"]) == wanted
    monkeypatch.setenv("MLOPS_TUI_ASCII", "1")
    monkeypatch.setenv("MLOPS_TUI_REDUCED_MOTION", "1")
    assert options(["status"]) == wanted
    monkeypatch.setenv("MLOPS_TUI_ASCII", "no")
    assert options(["status"]) == Options(reduced_motion=True, argv=["status"])


def test_with_reduced_motion_nothing_on_the_dashboard_moves_by_itself(here: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "full")
    assert run(["job", "list", "--reduced-motion"]) == 0
    assert os.environ["TEXTUAL_ANIMATIONS"] == "none"


def test_after_two_dashes_everything_belongs_to_the_command() -> None:
    found = options(["nap", "--yes", "--", "--json", "--as", "x"])
    assert found == Options(yes=True, argv=["nap", "--", "--json", "--as", "x"])


@pytest.mark.parametrize("name", ["--project", "--as-of", "--as"])
def test_an_option_at_the_end_of_the_line_misses_its_value(name: str) -> None:
    with pytest.raises(BadInput, match=f"{name} needs a value"):
        options(["status", name])


def test_the_environment_may_close_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, closed in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("MLOPS_TUI_READONLY", value)
        assert options(["status"]).read_only is closed


# -- the document -----------------------------------------------------------------------------------------------


def document(capsys: Printed, *argv: str) -> tuple[int, dict[str, Any]]:
    code = run(["--json", *argv])

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found: dict[str, Any] = json.loads(capsys.readouterr().out, parse_constant=refused)
    assert found["schema_version"] == 1
    return code, found


def test_a_script_gets_one_document(here: Path, capsys: Printed) -> None:
    code, found = document(capsys, "status", "--as", "ana")
    assert (code, found["command"], found["facts"]["you"]) == (0, ["status"], "ana")
    assert {"status", "title", "tables", "series", "steps", "text", "actions", "recorded"} <= set(found)
    assert "error" not in found


@pytest.mark.parametrize(("argv", "code", "error"), [
    (["alrt"], 2, "bad_input"), (["train", "flights-delay", "--as", "vera"], 4, "denied"),
    (["train", "flihgts-delay", "--as", "ana"], 2, "not_declared"), (["nap", "take", "0", "--fail"], 3, "internal"),
    (["status", "--as", "nobody"], 2, "not_declared"), (["status", "--project", "/nowhere"], 2, "not_declared"),
    (["status", "--as-of", "soon"], 2, "bad_input"), (["status", "--as"], 2, "bad_input")])
def test_an_error_is_a_document_too(here: Path, capsys: Printed, argv: list[str], code: int, error: str) -> None:
    exit_code, found = document(capsys, *argv)
    assert exit_code == code
    assert found["error"]["code"] == error
    assert found["error"]["what"] == found["title"]
    assert set(found["error"]) == {"code", "what", "where", "next"}


def test_a_broken_file_is_named_before_there_is_a_session(here: Path, capsys: Printed) -> None:
    (here / "mlops.yaml").write_text("project: p\ntimezon: UTC\n", encoding="utf-8")
    code, found = document(capsys, "status")
    assert (code, found["status"], found["recorded"]) == (2, "error", False)
    assert found["error"]["where"] == f"{here}/mlops.yaml:2"
    assert found["error"]["next"] == "Did you mean 'timezone'?"


def test_a_file_name_that_is_no_text_is_shown_all_the_same(here: Path, capsys: Printed) -> None:
    code, found = document(capsys, "validate", os.fsdecode(b"\xff.csv"), "--as", "ana")
    assert code == 2
    assert found["command"][1].encode(errors="surrogateescape") == b"\xff.csv"


# -- consent ----------------------------------------------------------------------------------------------------


def test_without_a_terminal_nothing_is_done_before_it_was_agreed_to(here: Path, capsys: Printed) -> None:
    assert run(["nap", "sell", "--as", "ana"]) == 2
    assert "Nothing has been done yet: run it again with --yes." in capsys.readouterr().out
    assert entries(here) == 0
    assert run(["nap", "sell", "--as", "ana", "--yes"]) == 0
    assert "ana sold the bed" in capsys.readouterr().out
    assert entries(here) == 2


def test_the_document_of_a_plan_says_what_consent_is_bound_to(here: Path, capsys: Printed) -> None:
    code, found = document(capsys, "nap", "sell", "--as", "ana")
    assert (code, found["status"], len(found["plan"])) == (2, "confirm", 64)
    assert entries(here) == 0


def test_a_dry_run_shows_the_plan_and_leaves_no_trace(here: Path, capsys: Printed) -> None:
    assert run(["nap", "sell", "--dry-run", "--as", "ana"]) == 0
    assert "Would sell the bed" in capsys.readouterr().out
    assert run(["nap", "sell", "--dry-run", "--yes", "--as", "ana"]) == 0
    assert entries(here) == 0
    assert run(["nap", "0", "--dry-run", "--as", "ana"]) == 2
    assert "has no dry run" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_read_only_line_shows_and_never_changes(here: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch,
                                                  by: str) -> None:
    closed = ["--read-only"] if by == "option" else []
    if by == "environment":
        monkeypatch.setenv("MLOPS_TUI_READONLY", "1")
    assert run(["status", "--as", "ana", *closed]) == 0
    for argv in (["nap", "0"], ["nap", "sell", "--yes"]):
        assert run([*argv, "--as", "ana", *closed]) == 4
    assert "read-only" in capsys.readouterr().err
    monkeypatch.delenv("MLOPS_TUI_READONLY", raising=False)
    assert entries(here) == 0


# -- time -------------------------------------------------------------------------------------------------------


def test_folds_are_shown_as_they_were_and_nothing_else_is(here: Path, capsys: Printed) -> None:
    clock = ReplayClock(datetime(2013, 9, 1, 12, tzinfo=UTC))
    ledger = open_project(here, person="ana", clock=clock).ledger
    for day in (1, 2, 3):
        clock.advance(datetime(2013, 9, day, 12, tzinfo=UTC))
        ledger.append(Note(subject="s", text=f"day {day}"))
    for at, seen in (("2013-08-31", 0), ("2013-09-02", 1), ("2013-09-02T08:00", 2), ("2013-09-02T07:59-04:00", 1),
                     ("30h ago", 1), ("2013-09-04", 3)):
        code, found = document(capsys, "audit", "log", "--as", "ana", "--as-of", at)
        assert (at, code, found["tables"]["entries"]["total"]) == (at, 0, seen)
        assert document(capsys, "status", "--as-of", at, "--as", "ana")[1]["facts"]["entries"] == seen
    for argv in (["audit", "verify"], ["nap", "0"], ["train", "flights-delay"]):
        code, found = document(capsys, *argv, "--as", "ana", "--as-of", "2013-09-02")
        assert (code, found["error"]["next"]) == (2, "Drop --as-of.")


# -- where there is a project -----------------------------------------------------------------------------------


def test_without_a_project_files_can_be_looked_at_and_nothing_is_recorded(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("x\n1\n2\n", encoding="utf-8")
    code, found = document(capsys, "profile", "a.csv")
    assert (code, found["recorded"]) == (0, False)
    code, found = document(capsys, "status")
    assert (code, found["error"]["what"], found["error"]["next"]) == (2, "There is no project here.",
                                                                    "Try: mlops-tui init")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_the_nearest_folder_upwards_is_the_project(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed,
                                                   tmp_path_factory: pytest.TempPathFactory) -> None:
    below = here / "notebooks" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert document(capsys, "status", "--as", "ana")[1]["facts"]["project"] == "flights"
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert document(capsys, "status", "--as", "ana", "--project", str(here))[1]["facts"]["project"] == "flights"


@pytest.mark.parametrize("damage", [b"no database, but long enough to be taken for one " * 40, b""])
def test_a_damaged_ledger_is_named_and_left_alone(here: Path, capsys: Printed, damage: bytes) -> None:
    path = here / ".mlops" / "ledger.db"
    path.parent.mkdir()
    path.write_bytes(damage)
    code = run(["status", "--as", "ana"])
    if damage:
        assert (code, path.read_bytes()) == (2, damage)
        assert "The ledger cannot be opened" in capsys.readouterr().err
    else:  # nothing was ever written: it begins
        assert code == 0


def test_a_ledger_torn_in_the_middle_is_named(here: Path, capsys: Printed) -> None:
    session = open_project(here, person="ana", clock=ReplayClock(datetime(2013, 9, 1, tzinfo=UTC)))
    session.ledger.append(*(Note(subject="s", text="x" * 900) for _ in range(60)))
    path = here / ".mlops" / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))
    for argv in (["status"], ["audit", "log"], ["audit", "verify"]):
        assert run([*argv, "--as", "ana"]) == 2
        assert "The ledger cannot be read" in capsys.readouterr().err


def test_a_forged_entry_that_cannot_be_read_is_still_found_by_verify(here: Path, capsys: Printed) -> None:
    ledger = open_project(here, person="ana").ledger
    ledger.append(Note(subject="s", text="a"), AlertEvent(subject="AL-1", event="acked"))
    with sqlite3.connect(here / ".mlops" / "ledger.db") as connection:
        connection.execute("DROP TRIGGER entry_no_update")
        connection.execute("UPDATE entry SET body = '{' WHERE seq = 2")
    assert run(["status", "--as", "ana"]) == 2
    assert "Entry 2 of the history cannot be read" in capsys.readouterr().err
    code, found = document(capsys, "audit", "verify", "--as", "ana")
    assert (code, found["facts"]["first_broken_entry"]) == (1, 2)


def test_a_ledger_that_can_be_nowhere_is_refused(here: Path, capsys: Printed) -> None:
    (here / ".mlops").write_text("in the way", encoding="utf-8")
    assert run(["status", "--as", "ana"]) == 2
    assert "The ledger cannot be opened" in capsys.readouterr().err
    (here / "mlops.yaml").write_text("project: p\nclock: replay\nstores: {ledger: elsewhere}\n", encoding="utf-8")
    assert run(["status", "--as", "ana"]) == 2
    assert "A ledger is a SQLite file." in capsys.readouterr().err


def test_in_single_user_mode_a_plan_says_that_roles_are_advisory(here: Path, capsys: Printed) -> None:
    run(["nap", "sell", "--as", "ana"])
    assert "roles are advisory" in capsys.readouterr().out
    assert run(["nap", "sell", "--as", "ana", "--read-only"]) == 4
    said = capsys.readouterr()
    assert "advisory" not in said.out + said.err, "what was denied is not advisory"
    (here / "team.yaml").write_text(f"people: {{me: {{login: {login()}, roles: [operator]}}}}\n", encoding="utf-8")
    run(["nap", "sell"])
    assert "roles are advisory" not in capsys.readouterr().out


# -- as a process -----------------------------------------------------------------------------------------------


@pytest.fixture
def program(here: Path) -> dict[str, str]:
    """What a process needs to be the program, with `nap` in it."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(NAPS), str(NAPS.parent.parent)])}


def command_line(*argv: str) -> list[str]:
    return [sys.executable, "-m", "mlops_tui", *argv]


@pytest.mark.parametrize(("argv", "code"), [
    (["nap", "0"], 0), (["nap", "take", "--", "-1"], 1), (["nap"], 0), (["napp"], 2), (["nap", "sell"], 2),
    (["nap", "0", "--fail"], 3), (["nap", "0", "--as", "vera"], 4)])
def test_exit_codes(program: dict[str, str], here: Path, argv: list[str], code: int) -> None:
    done = subprocess.run(command_line(*argv), env=program, cwd=here, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout if code in (0, 1) or argv == ["nap", "sell"] else done.stderr).strip()


def test_interrupted_it_says_so_and_keeps_what_was_recorded(program: dict[str, str], here: Path) -> None:
    before = open_project(here).ledger.append(Note(subject="s", text="before"))
    with subprocess.Popen(command_line("nap", "60"), env=program, cwd=here, text=True, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert "napping" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted; everything recorded so far is kept." in said
    assert "Traceback" not in said
    assert open_project(here).ledger.entries() == before


@pytest.mark.parametrize("argv", [["--help"], ["audit", "log", "--json"], ["audit", "log"]])
def test_a_reader_who_has_seen_enough_is_no_error(program: dict[str, str], here: Path, argv: list[str]) -> None:
    if argv[0] == "audit":  # more than a pipe holds
        open_project(here).ledger.append(*(Note(subject="s" * 100, text=f"{number}" * 400) for number in range(300)))
        argv = [*argv, "--limit", "300"]
    reading, writing = os.pipe()
    with subprocess.Popen(command_line(*argv), env=program, cwd=here, stdout=writing, stderr=subprocess.PIPE,
                          text=True) as process:
        os.close(writing)
        if argv[0] == "audit":
            assert os.read(reading, 1)
        os.close(reading)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of one: what a person sees and types, and what the program has."""
    mine, theirs = pty.openpty()
    try:
        yield mine, theirs
    finally:
        os.close(mine)
        os.close(theirs)


@pytest.mark.parametrize(("typed", "code", "kept"), [("y\n", 0, 2), ("n\n", 2, 0), ("\n", 2, 0)])
def test_at_a_terminal_it_asks(program: dict[str, str], here: Path, typed: str, code: int, kept: int) -> None:
    with terminal() as (mine, theirs), subprocess.Popen(command_line("nap", "sell"), env=program, cwd=here,
                                                        stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.write(mine, typed.encode())
        assert process.wait(timeout=30) == code
        said = os.read(mine, 65536).decode()
    assert "Do it? [y/N]" in said
    assert ("Nothing was done." in said) == (kept == 0)
    assert entries(here) == kept


def test_a_terminal_that_cannot_be_drawn_on_gets_lines_of_what_is_waited_for(program: dict[str, str],
                                                                             here: Path) -> None:
    id = jobs.rows(open_project(here)).add(["nap"], actor="ana", source="terminal", roles=frozenset())
    with terminal() as (mine, theirs), subprocess.Popen(
            command_line("watch", str(id)), env={**program, "TERM": "dumb"}, cwd=here, stdin=theirs, stdout=theirs,
            stderr=theirs) as process:
        said = os.read(mine, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        said += os.read(mine, 65536)
    assert f"job {id}  nap  waits" in said.decode()
    assert f"It goes on: job {id}" in said.decode()
    assert b"\x1b" not in said


# -- documents for people ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "begins"), [("--markdown", "# ● "), ("--html", "<!DOCTYPE html>")])
def test_an_answer_comes_as_a_document_with_the_same_exit_code(here: Path, capsys: Printed, option: str,
                                                               begins: str) -> None:
    assert run(["status", option, "--as", "ana"]) == 0
    assert capsys.readouterr().out.startswith(begins)
    assert run(["alert", "show", "AL-9", option]) == 2
    told = capsys.readouterr()
    assert "No alert 'AL-9'." in unescape(told.out)
    assert told.err == ""
    assert run([option, "audit", "log", "--project", str(here / "nowhere")]) == 2, "before there is a session"
    assert capsys.readouterr().out.startswith(begins.replace("●", "■"))


def test_a_page_says_from_which_command_when_and_from_which_history(here: Path, capsys: Printed) -> None:
    head = open_project(here, person="ana").ledger.head()
    run(["status", "--html", "--as=ana"])
    told = capsys.readouterr().out
    assert "<code>mlops-tui status</code>" in told
    assert "Made 1969-12-31 19:00 EST" in told
    assert f"History up to <code>{head}</code>" in told


def test_a_plan_in_a_document_asks_nobody(here: Path, capsys: Printed) -> None:
    before = entries(here)
    assert run(["nap", "sell", "--markdown"]) == 2
    assert "· confirm" in capsys.readouterr().out
    assert entries(here) == before


def test_the_pictures_of_an_answer_are_kept_as_files(here: Path, capsys: Printed) -> None:
    (here / "rows.csv").write_text("at\n" + "\n".join(map(str, range(30))))
    asked = ["split", "rows.csv", "--time", "at", "--folds", "2"]
    assert run([*asked, "--png", "pictures", "--svg=pictures", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["status"] == "done", "the answer is the same"
    assert told.err == "timeline.png in pictures\ntimeline.svg in pictures\n"
    assert {file.name for file in (here / "pictures").iterdir()} == {"timeline.png", "timeline.svg"}
    assert run(["audit", "log", "--png", "pictures"]) == 0
    assert capsys.readouterr().err == "There is nothing to draw in this answer.\n"
    assert run([*asked, "--png", "rows.csv"]) == 2
    assert "No picture can be written there" in capsys.readouterr().err


@pytest.mark.parametrize("two", [("--json", "--html"), ("--markdown", "--html"), ("--json", "--markdown")])
def test_two_documents_at_once_are_refused(here: Path, capsys: Printed, two: tuple[str, str]) -> None:
    assert run(["status", *two]) == 2
    assert f"{two[0]} and {two[1]} are two documents." in capsys.readouterr().err
