"""`mlops-tui slack`: the manifest, and a workspace in a pipe with the bot at work in it."""

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from bots.cli import main
from bots.manifest import manifest
from mlops_tui import cli
from mlops_tui.daemon import NAME, ledger_of
from mlops_tui.errors import BadInput, NotDeclared, Refusal
from mlops_tui.opening import open_project
from store.facts import AlertEvent
from store.lease import Lease
from tests.bots.conftest import TEAM, declare
from tests.tui.test_home import read_until, started

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    declare(project)
    monkeypatch.chdir(project)
    return project


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.fixture
def local(here: Path) -> Iterator["subprocess.Popen[str]"]:
    """`slack local` in pipes; it ends with the test, whatever happens."""
    command = [sys.executable, "-m", "mlops_tui", "slack", "local", "--pace", "0.1"]
    with subprocess.Popen(command, cwd=here, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        guard = Timer(90, process.kill)
        guard.start()
        yield process
        guard.cancel()
        process.kill()


def seen(process: "subprocess.Popen[str]", pattern: str) -> re.Match[str]:
    """Read on until a line matches."""
    assert process.stdout is not None
    read: list[str] = []
    for line in process.stdout:
        read.append(line)
        if found := re.search(pattern, line):
            return found
    pytest.fail(f"{pattern!r} was never written: {''.join(read)}")


def test_a_whole_session_in_a_pipe_from_the_alert_to_its_ack(here: Path, local: "subprocess.Popen[str]") -> None:
    assert local.stdin is not None
    seen(local, "SLACK_BOT_TOKEN=xoxb-local-bot")
    seen(local, "listening")
    open_project(here, person="ana").ledger.append(AlertEvent(
        subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay", check="drift", severity="high",
        title="dep_delay moved"))
    number = seen(local, r"(\d+) \[I am on it\]")[1]
    local.stdin.write(f"bo: click {number}\n")
    local.stdin.flush()
    seen(local, r"bo \(simulated\): AL-1 acked")
    local.stdin.write("bo: click 99\nquit\n")
    local.stdin.flush()
    seen(local, r"\? no button '99'")
    assert local.wait(30) == 0
    assert local.stderr is not None
    assert "Traceback" not in local.stderr.read()
    [_, acked] = open_project(here, person="ana").ledger.entries("alert")
    assert (acked.actor, getattr(acked.fact, "event", "")) == ("bo (simulated)", "acked")


@pytest.mark.parametrize(("name", "line", "at_work"), [
    ("1f", "slack local --plain", "up"), ("local-1f", "slack local --plain", "slack local"),
    ("local-1f", "up", "slack local")])
def test_two_slacks_never_share_one_outbox(name: str, line: str, at_work: str, here: Path, capsys: Printed) -> None:
    session = open_project(here, person="ana")
    lease = Lease(ledger_of(session).engine, NAME, f"{socket.gethostname()}:{os.getpid()}:{name}")
    assert lease.take(time.time(), 60)
    assert cli.run(line.split()) == 2
    said = capsys.readouterr()
    assert f"mlops-tui {at_work} is at work on this project: process {os.getpid()}" in said.out + said.err


@pytest.mark.parametrize("held", [("here:1:1f", -1.0), (f"{socket.gethostname()}:{2**22 + 1}:1f", 60.0)])
def test_who_is_gone_keeps_no_local_slack_from_its_work(held: tuple[str, float], here: Path, capsys: Printed,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_project(here, person="ana")
    Lease(ledger_of(session).engine, NAME, held[0]).take(time.time() + held[1] - 1, 1)
    typed(monkeypatch, "quit")
    assert main(["local", "--plain"], here) == 0
    assert "SLACK_BOT_TOKEN" in capsys.readouterr().out


def test_the_manifest_is_json_and_nothing_else(here: Path, capsys: Printed) -> None:
    assert cli.run(["slack", "manifest"]) == 0
    assert json.loads(capsys.readouterr().out) == manifest()
    assert main(["manifest", "--url", "https://x.example/slack/events"], None) == 0
    assert json.loads(capsys.readouterr().out) == manifest("https://x.example/slack/events")


@pytest.mark.parametrize(("argv", "said"), [
    (["local", "--prt", "1"], "--port"), (["lcal"], "lcal"), (["local", "--port", "70000"], "65535"),
    (["local", "extra"], "extra")])
def test_wrong_words_are_refused_with_where_to_look(argv: list[str], said: str, here: Path, capsys: Printed) -> None:
    with pytest.raises(BadInput, match="slack --help") as problem:
        main(argv, here)
    assert said in str(problem.value)
    assert cli.run(["slack", *argv]) == 2
    assert said in capsys.readouterr().err


def test_without_words_it_says_what_there_is(capsys: Printed) -> None:
    assert main([], None) == 0
    out = capsys.readouterr().out
    assert ("manifest" in out, "local" in out) == (True, True)


@pytest.mark.parametrize(("argv", "said"), [
    (["--chaos", "1", "--faults", "rain"], "no fault rain"), (["--faults", "down"], "needs --chaos"),
    (["--chaos", "soon"], "integer")])
def test_faults_are_named_and_need_a_seed(argv: list[str], said: str, here: Path, capsys: Printed) -> None:
    assert cli.run(["slack", "local", *argv]) == 2
    assert said in capsys.readouterr().err


def test_what_goes_wrong_on_purpose_is_told_in_a_pipe_too(capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "down 0.05", "wait 0.3", "quit")
    assert main(["local", "--plain", "--chaos", "1"], None) == 0
    out = capsys.readouterr().out
    assert re.search(r"# \d\d:\d\d:\d\d Slack is away for 0.05 s\n", out)
    assert re.search(r"# \d\d:\d\d:\d\d Slack is back\n", out)


@pytest.mark.slow
def test_a_terminal_opens_the_client_and_what_was_said_is_there_the_next_time(here: Path) -> None:
    kept = here / ".mlops" / "slack-local.json"
    for word, keys in ((b"the bot listens", b"hello\r"), (b"hello", b"")):
        child, terminal = started(here, "slack", "local")
        assert word in read_until(terminal, word)
        os.write(terminal, keys)
        for _ in range(60):
            if kept.exists() and "hello" in kept.read_text():
                break
            read_until(terminal, b"never comes", seconds=0.5)
        assert b"Traceback" not in read_until(terminal, b"never comes", keys=b"\x11")
        assert child.wait(30) == 0
        os.close(terminal)


def test_with_no_project_there_is_a_workspace_and_no_bot(capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "ana: hello @mlops", "ana: /mlops status", "nobody: hello", "quit")
    assert main(["local"], None) == 0
    out = capsys.readouterr().out
    assert "#ml-flights" in out
    assert "ana: hello" in out
    assert "ana sees: dispatch_failed" in out, "as Slack words it that no app is listening"
    assert "? nobody called 'nobody'" in out


def test_a_project_without_slack_says_what_to_write(here: Path) -> None:
    (here / "mlops.yaml").write_text("project: flights\n", encoding="utf-8")
    with pytest.raises(NotDeclared, match=r"slack: \{channel") as problem:
        main(["local"], here)
    assert problem.value.where == str(here / "mlops.yaml")


def test_a_team_without_slack_ids_says_what_to_write(here: Path) -> None:
    (here / "team.yaml").write_text(re.sub(r"slack: \w+, ", "", TEAM), encoding="utf-8")
    with pytest.raises(NotDeclared, match="slack: U01"):
        main(["local"], here)


def test_a_port_that_is_taken_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "quit")
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(Refusal, match="Try another --port"):
        main(["local", "--port", str(other.getsockname()[1])], here)


@pytest.mark.parametrize("argv", [["--read-only", "slack", "local", "--plain"], ["slack", "local", "--plain"]])
def test_read_only_no_slack_is_tried_in_a_project(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed,
                                                  argv: list[str]) -> None:
    monkeypatch.setenv(cli.READ_ONLY, "0" if "--read-only" in argv else "yes")
    typed(monkeypatch, "bo: /mlops alert list")
    before = sorted(here.rglob("*"))
    assert cli.run(argv) == 4
    assert "without --read-only" in capsys.readouterr().err
    assert sorted(here.rglob("*")) == before
