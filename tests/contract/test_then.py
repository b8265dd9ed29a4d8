"""What a command says as of another time is what it said at that time, and nothing is changed there."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mlops_tui import asking
from mlops_tui.opening import open_project
from mlops_tui.render.json import canonical
from mlops_tui.roles import Shape
from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui.times import Times
from mlops_tui.view import Status, Table, View
from store.facts import (
    AlertEvent,
    Approval,
    Finding,
    IncidentEvent,
    Note,
    Promotion,
    Proposal,
    RunbookEvent,
    Trained,
    Vote,
)
from tests.contract.test_capabilities import capabilities, examples
from tests.contract.test_read_only import traces

PIPELINE = "steps: [{name: clean, sql: clean.sql, inputs: [flights], key: [id]}]\n"
CLEAN = "SELECT * FROM flights\n"


@pytest.fixture
def past(project: Path, clock: ReplayClock) -> tuple[Session, Mapping[str, Any]]:
    """A project in which much has happened on two days, and what its commands answered at the end of the first."""
    (project / "pipelines").mkdir(exist_ok=True)
    (project / "pipelines" / "daily.yaml").write_text(PIPELINE, encoding="utf-8")
    (project / "pipelines" / "clean.sql").write_text(CLEAN, encoding="utf-8")
    ana = open_project(project, person="ana", clock=clock)
    _day(ana, project, 1)
    said = _said(ana)
    clock.advance(clock.moment + timedelta(days=1))
    _day(ana, project, 2)
    return ana, said


def _day(ana: Session, project: Path, day: int) -> None:
    """A day's data, and something of each kind."""
    file = project / f"{day}.csv"
    file.write_text("id,sched_dep,day,late\n" + "".join(
        f"{day * 100 + row},2013-09-{day:02} 0{row}:00:00,2013-09-{day:02},{str(row == 1).lower()}\n"
        for row in range(5)), encoding="utf-8")
    for argv in (("ingest", "flights", "--file", str(file)), ("pipeline", "run", "daily")):
        done = ana.perform(argv)
        assert done.exit == 0, done.view
    late = (ana.now() + timedelta(days=3)).isoformat()
    ana.ledger.append(
        Trained(subject="flights-delay", version=str(day), candidate="c", key="k", run_id="r", artifact="a",
                training="t", declaration="d", seed=1, window=("", ""), metrics={"roc_auc": 0.7 + day / 100}),
        Promotion(subject="flights-delay", version=str(day), previous="", approval="", evidence=""),
        Finding(check="drift", subject="flights-delay", status=("pass", "fail")[day - 1], title=f"day {day}",
                monitor="m"),
        IncidentEvent(subject=f"INC-{day}", event="opened", title=f"day {day}", severity="high", about="flights"),
        AlertEvent(subject=f"AL-{day}", event="fired", monitor="m", severity="high", title=f"day {day}"),
        RunbookEvent(subject=f"RUN-{day}", event="started", runbook="data-drift", about="flights"),
        Approval(subject=f"AP-{day}", event="asked", argv=("promote", "flights-delay@1"), quorum=2, role="approver",
                 requester="ana", expires_at=late, title=f"promote {day}"),
        Proposal(subject=f"P-{day}", event="proposed", path=f"monitors/{day}.yaml", content="check: drift\n", why="?"),
        Note(subject="INC-1", text=f"day {day}"))
    if day == 2:
        ana.ledger.append(IncidentEvent(subject="INC-1", event="resolved", note="over"),
                          AlertEvent(subject="AL-1", event="resolved", real=True),
                          Vote(subject="AP-1", voter="bo", choice="yes", plan="", reason="", roles=("approver",)),
                          RunbookEvent(subject="RUN-1", event="finished"),
                          Proposal(subject="P-1", event="declined", reason="no"))


def _said(session: Session) -> dict[str, Any]:
    """What every command answers that can be shown as of another time: its title, its status and its tables."""
    argvs = {argv for words, made in capabilities().items() for argv in examples(made)
             if "--out" not in argv and (made.fold or (made.looks and f"--{made.looks}" in argv))}
    found: dict[str, Any] = {}
    for argv in sorted(argvs):
        view = session.perform(argv).view
        if view.status not in (Status.ERROR, Status.DENIED):
            tables = tuple(part for part in view.parts if isinstance(part, Table))
            found[" ".join(argv)] = canonical(View(view.title, view.status, tables))
    return found


# These say less of then: whether a plan would still be the same, or a step fresh, depends on files of now.
LESS = {"approve show AP-1": "AP-1: promote 1 had 0 of 2 votes", "pipeline status daily": "daily: daily-1 ended well"}


def test_it_says_what_it_said(past: tuple[Session, Mapping[str, Any]], project: Path) -> None:
    ana, before = past
    moment = ana.now() - timedelta(days=1)
    then = _said(open_project(project, person="ana", as_of=moment, clock=ana.clock))
    assert {words: said["title"] for words, said in then.items() if said != before.get(words)} == LESS
    assert {"status", "incident show INC-1", "catalog", "quarantine list flights", "snapshot log flights"} <= set(then)
    changed = [words for words, said in _said(ana).items() if said != before.get(words)]
    assert len(changed) > 25, "so it would have been seen"


def test_nothing_is_changed_at_another_time_whatever_is_asked(
        past: tuple[Session, Mapping[str, Any]], project: Path, tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("own"))  # for what an example writes with --out
    ana, _ = past
    times, before = Times(ana, ana.now() - timedelta(days=1)), traces(project)
    for words, made in capabilities().items():
        for argv in examples(made):
            shown = times.perform(argv)
            if made.shape is not Shape.LOOK and f"--{made.looks}" not in argv:
                assert shown.status is Status.DENIED, words
                assert isinstance(asking.ask(times.session, argv, "0" * 64, "because"), asking.Answer), words
    assert traces(project) == before
