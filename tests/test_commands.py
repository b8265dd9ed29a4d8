"""The one door: roles, consent, audit and errors, for every surface alike."""

import shlex
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_tui import commands
from mlops_tui.capability import Call, Plan, Shut
from mlops_tui.commands import Outcome, again, names_file, perform
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import OutOf
from mlops_tui.declarations.kinds import Label, Model, Monitor, Split
from mlops_tui.errors import BadInput
from mlops_tui.opening import open_project
from mlops_tui.project import Project
from mlops_tui.roles import Actor, Shape
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Facts, Status, Text, View
from store.facts import AlertEvent, Command, Finding
from store.lake import Lake
from store.ledger import Ledger


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "mlops.yaml").write_text("project: probe\n", encoding="utf-8")
    clock = ReplayClock(datetime(2013, 6, 1, 10, tzinfo=UTC))
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock, "ana")
    return Session(Actor("ana", frozenset({"engineer"}), "test"), Project(tmp_path), ledger, Lake(tmp_path / "lake"),
                   clock, door=perform, directory=tmp_path)


def stand_in(monkeypatch: pytest.MonkeyPatch, shape: Shape, run: Callable[..., View | Plan | Shut], *,
             confirm: bool = False, fold: bool = False, command: str = "probe") -> None:
    """Let every command line mean this call."""
    monkeypatch.setattr(commands, "parse", lambda session, argv: Call(command, shape, confirm, fold, run))


def audit(session: Session) -> list[tuple[str, str]]:
    return [(entry.fact.phase, entry.fact.error or entry.fact.status) for entry in session.ledger.entries("command")
            if isinstance(entry.fact, Command)]


def planned(session: Session, done: list[str], said: Callable[[], str]) -> Callable[[], Plan]:
    def run() -> Plan:
        def apply() -> View:
            done.append("applied")
            return View("Moved", Status.DONE)
        return Plan(View("Will move", Status.CONFIRM, (Facts({"what": said()}),)), apply)
    return run



@pytest.mark.parametrize(("words", "so"), [
    ("quarantine export flights --out bad.csv", True), ("quarantine flights", False), ("quarantine", False),
    ("scaling --file x.csv", True), ("scaling flights", False), ("sql 'SELECT 1' --out=x.csv", True),
    ("sql 'SELECT 1'", False), ("validate c.yaml x.csv", True), ("validate c.yaml", False), ("no such", False),
    ("sql", False), ("scaling --unknown", False), ("status", False)])
def test_words_that_name_a_file_are_known(words: str, so: bool) -> None:
    assert names_file(shlex.split(words)) is so


def test_a_look_leaves_no_entry(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Shape.LOOK, lambda: View("Seen", Status.PASS))
    assert perform(session, ["probe"]) == Outcome(View("Seen", Status.PASS), 0)
    assert audit(session) == []


def test_a_measurement_leaves_one_entry(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Shape.MEASURE, lambda: View("Measured", Status.FAIL))
    assert perform(session, ["probe"]).exit == 1
    assert audit(session) == [("outcome", "fail")]


def test_an_act_is_done_only_with_consent_to_its_plan(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    stand_in(monkeypatch, Shape.ACT, planned(session, done, lambda: "a to b"), confirm=True)
    asked = perform(session, ["probe"])
    assert (asked.view.status, asked.exit, done, audit(session)) == (Status.CONFIRM, 2, [], [])
    assert perform(session, ["probe"], consent="f" * 64).view.status is Status.CONFIRM
    assert perform(session, ["probe"], consent=asked.plan).view.title == "Moved"
    assert (done, audit(session)) == (["applied"], [("attempt", "running"), ("outcome", "done")])


def test_a_plan_that_changed_is_asked_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    words = iter(["a to b", "a to c", "a to c"])
    stand_in(monkeypatch, Shape.ACT, planned(session, done, lambda: next(words)), confirm=True)
    first = perform(session, ["probe"])
    again = perform(session, ["probe"], consent=first.plan)
    assert (again.view.status, again.exit, done) == (Status.CONFIRM, 2, [])
    assert again.plan != first.plan
    assert perform(session, ["probe"], consent=again.plan).exit == 0


def test_a_dry_run_shows_the_plan_and_does_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    stand_in(monkeypatch, Shape.ACT, planned(session, done, lambda: "a"), confirm=True)
    assert perform(session, ["probe"], dry_run=True).exit == 0
    assert (done, audit(session)) == ([], [])


def test_a_measurement_has_no_dry_run(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    stand_in(monkeypatch, Shape.MEASURE, lambda: (ran.append(1), View("x"))[1])
    assert perform(session, ["probe"], dry_run=True).exit == 2
    assert ran == []


def test_a_decision_needs_a_reason(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session = replace(session, actor=Actor("bo", frozenset({"approver"}), "test"))
    heard: list[str] = []
    stand_in(monkeypatch, Shape.DECIDE, lambda reason: (heard.append(reason), View("Decided"))[1])
    refused = perform(session, ["probe"])
    assert (refused.exit, heard, audit(session)) == (2, [], [("refused", "bad_input")])
    assert perform(session, ["probe"], reason="it holds").exit == 0
    assert heard == ["it holds"]


@pytest.mark.parametrize("shape", [Shape.MEASURE, Shape.ACT, Shape.DECIDE])
def test_a_viewer_is_refused_and_the_refusal_is_recorded(session: Session, monkeypatch: pytest.MonkeyPatch,
                                                         shape: Shape) -> None:
    session = replace(session, actor=Actor("vi", frozenset({"viewer"}), "test"))
    stand_in(monkeypatch, shape, lambda **_: View("x"))
    outcome = perform(session, ["probe"], reason="r")
    assert (outcome.exit, outcome.view.status, audit(session)) == (4, Status.DENIED, [("refused", "denied")])


def test_a_read_only_session_appends_nothing_at_all(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = session.ledger
    assert isinstance(ledger, Ledger)
    closed = replace(session, read_only=True, ledger=ledger.closed())
    for shape in Shape:
        stand_in(monkeypatch, shape, lambda **_: View("x", Status.PASS))
        assert perform(closed, ["probe"], reason="r").exit == (0 if shape is Shape.LOOK else 4)
    assert ledger.entries() == []


@pytest.mark.parametrize("argv", [["health", "flights"], ["stability", "flights"]])
def test_a_closed_project_says_how_to_look_all_the_same(project: Path, argv: list[str]) -> None:
    closed = open_project(project, person="ana", source="terminal", read_only=True)
    refused, shown = perform(closed, argv), perform(closed, [*argv, "--preview"])
    assert refused.error is not None
    assert refused.error["next"] == "Add --preview to see it without a record, or open it without --read-only."
    assert shown.view.status is not Status.DENIED
    train = perform(closed, ["train", "flights-delay"])
    assert train.error is not None
    assert train.error["next"] == "Open it without --read-only."


def test_only_folds_are_shown_as_of_another_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    past = replace(session, as_of=datetime(2013, 5, 1, tzinfo=UTC))
    stand_in(monkeypatch, Shape.LOOK, lambda: View("x", Status.PASS))
    assert perform(past, ["probe"]).exit == 2
    stand_in(monkeypatch, Shape.LOOK, lambda: View("x", Status.PASS), fold=True)
    assert perform(past, ["probe"]).exit == 0


def test_an_expected_error_says_what_where_and_next(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> View:
        raise BadInput("No column 'x'.", where="f.csv", next="Did you mean 'y'?")
    stand_in(monkeypatch, Shape.MEASURE, run)
    outcome = perform(session, ["probe"])
    assert outcome.exit == 2
    assert outcome.error == {"code": "bad_input", "what": "No column 'x'.", "where": "f.csv",
                             "next": "Did you mean 'y'?"}
    assert audit(session) == [("refused", "bad_input")]


def test_a_bug_of_ours_is_an_answer_with_its_traceback_in_a_file(session: Session,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> View:
        raise ZeroDivisionError("oh")
    stand_in(monkeypatch, Shape.LOOK, run)
    outcome = perform(session, ["probe"])
    assert (outcome.exit, outcome.view.status) == (3, Status.ERROR)
    assert outcome.error is not None
    assert "ZeroDivisionError" in Path(outcome.error["where"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(("argv", "hint"), [
    (["audti"], "Did you mean 'audit'?"), (["audit", "verfy"], "Did you mean 'verify'?"),
    (["audit", "log", "--limti", "3"], "--limit"), (["audit", "log", "--limit", "x"], "--limit"),
])
def test_a_wrong_word_gets_the_nearest_right_one(session: Session, argv: list[str], hint: str) -> None:
    outcome = perform(session, argv)
    assert (outcome.exit, outcome.view.status) == (2, Status.ERROR)
    assert hint in str(outcome.error)


def test_an_option_without_its_value_leads_to_the_help_of_its_own_command(session: Session) -> None:
    outcome = perform(session, ["audit", "log", "--limit"])
    assert outcome.error is not None
    assert outcome.error["next"] == "Try: mlops-tui audit log --help"


def test_help_is_a_view(session: Session) -> None:
    for argv in ([], ["--help"], ["audit", "--help"], ["audit", "log", "--help"]):
        outcome = perform(session, argv)
        assert outcome.exit == 0, argv
        assert "Usage: mlops-tui" in str(outcome.view.parts)


def test_a_path_of_the_machine_cannot_be_named_from_slack(session: Session, tmp_path: Path) -> None:
    from_slack = replace(session, actor=Actor("ana", frozenset({"engineer"}), "slack"))
    outcome = perform(from_slack, ["init", str(tmp_path / "new")])
    assert (outcome.exit, outcome.view.status) == (4, Status.DENIED)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("problem", "code", "ends"), [
    (None, "unreadable", 2), (BadInput("No."), "bad_input", 2), (ZeroDivisionError("oh"), "internal", 3)])
def test_a_ledger_that_cannot_be_written_is_an_answer(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                      problem: Exception | None, code: str, ends: int) -> None:
    def run() -> View:
        if problem is not None:
            raise problem
        return View("Measured", Status.PASS)
    stand_in(monkeypatch, Shape.MEASURE, run)
    assert isinstance(session.ledger, Ledger)
    session.ledger.close()
    session.ledger.connections.patience = 0.02
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    outcome = perform(session, ["probe"])
    other.close()
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.exit, outcome.recorded) == (code, ends, False)
    assert outcome.error["next"] or problem
    assert (perform(session, ["probe"]).recorded, len(audit(session))) == (True, 1), "and it goes on afterwards"


FAILED = Finding(subject="model", check="drift", status="fail", title="it failed", monitor="m")


def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = AlertPolicy(after=OutOf(1, 1), severity="high")
    found = {"m": Monitor(check="drift", subject="model", alert=policy)}
    monkeypatch.setattr(Project, "monitors", found)


def fired(session: Session) -> list[str]:
    return [entry.fact.event for entry in session.ledger.entries("alert") if isinstance(entry.fact, AlertEvent)]


def test_a_finding_whose_command_was_killed_fires_at_the_next_command_of_anybody(
        session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    watched(monkeypatch)
    session.ledger.append(FAILED)
    stand_in(monkeypatch, Shape.MEASURE, lambda: View("Measured", Status.PASS))
    for name in ("bo", "bo", "cy"):
        new = replace(session, ledger=Ledger(f"sqlite:///{tmp_path}/ledger.db", session.clock, name))
        assert perform(new, ["probe"]).exit == 0
        assert perform(new, ["probe"]).exit == 0
    assert fired(session) == ["fired"]


@pytest.mark.parametrize("problem", [BadInput("No."), ZeroDivisionError("oh")])
def test_what_a_command_found_before_it_failed_still_fires(session: Session, monkeypatch: pytest.MonkeyPatch,
                                                           problem: Exception) -> None:
    watched(monkeypatch)

    def run() -> View:
        session.ledger.append(FAILED)
        raise problem
    stand_in(monkeypatch, Shape.MEASURE, run)
    assert perform(session, ["probe"]).exit in (2, 3)
    assert fired(session) == ["fired"]


@pytest.mark.parametrize(("declaration", "said"), [
    ("d", "Run by hand: status counts it while m does not know."), ("", "status does not take it for an answer of m.")])
def test_a_check_run_by_hand_says_where_it_counts(session: Session, monkeypatch: pytest.MonkeyPatch,
                                                  declaration: str, said: str) -> None:
    monkeypatch.setattr(Project, "monitors", {"m": Monitor(check="drift", subject="delay")})

    def run(monitor: str) -> View:
        session.ledger.append(Finding(subject="delay", check="drift", status="pass", title="t", monitor=monitor,
                                      declaration=declaration))
        return View("t", Status.PASS)

    stand_in(monkeypatch, Shape.MEASURE, lambda: run(""))
    view = perform(session, ["probe"]).view
    assert [part.body for part in view.parts if isinstance(part, Text) and said in part.body]
    assert "Its alerts follow its own runs alone." in str(view.parts)
    assert [action.argv for action in view.actions] == [("drift", "delay", "--monitor", "m")]
    stand_in(monkeypatch, Shape.MEASURE, lambda: run("m"))
    assert perform(session, ["probe"]).view == View("t", Status.PASS)


def test_a_check_that_no_monitor_makes_says_which_light_it_turns(session: Session,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model("binary", Label("flights", "late"), {}, Split("at"))
    monkeypatch.setattr(Project, "models", {"delay": model})
    ran: dict[str, str] = {"check": "stability", "subject": "delay"}

    def run() -> View:
        session.ledger.append(Finding(subject=ran["subject"], check=ran["check"], status="warn", title="t"))
        return View("t", Status.WARN)

    stand_in(monkeypatch, Shape.MEASURE, run)
    for check, subject, light in (("stability", "delay", "features of delay"), ("health", "flights", "data of delay"),
                                  ("stability", "other", ""), ("ingest", "flights", "")):
        ran |= {"check": check, "subject": subject}
        said = [part.body for part in perform(session, ["probe"]).view.parts if isinstance(part, Text)]
        assert said == ([f"Run by hand: status counts it for {light}, since no monitor makes this check."] if light
                        else [])


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_act_that_is_answered_no_is_kept_unless_it_was_a_dry_run(session: Session, monkeypatch: pytest.MonkeyPatch,
                                                                    dry_run: bool) -> None:
    fact = Finding(subject="delay", check="gate", status="fail", title="t")
    stand_in(monkeypatch, Shape.ACT, lambda: Shut(View("No", Status.FAIL), (fact,)), confirm=True)
    outcome = perform(session, ["probe"], dry_run=dry_run)
    assert (outcome.view.title, outcome.exit, outcome.plan) == ("No", 1, None)
    assert [entry.kind for entry in session.ledger.entries()] == ([] if dry_run else ["finding", "command"])


def test_no_hint_asks_to_act_once_more() -> None:
    assert again(("runbook", "run", "data-drift", "--incident", "INC-1")) == ()
    assert again(("incident", "handover", "INC-1", "bo", "--note", "x")) == ()
    assert again(("alert", "list", "--all")) == ("alert", "list", "--all")
    assert again(("why", "flights-delay")) == ("why", "flights-delay"), "what measures may be measured again"
