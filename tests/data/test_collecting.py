"""What nothing needs can go; what anything needs stays, whoever dies or writes in the middle."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import IncidentEvent, Snapshot
from store.lake import Manifest
from store.refusal import Conflict, NotFound
from tests.conftest import Made

ROOT = Path(__file__).parents[2]
QUERY = "SELECT i AS id, $n AS n, '2013-06-0' || (1 + i % 2) AS day FROM range($n) t(i)"
DAY = timedelta(days=1)
GC = ["snapshot", "gc", "--grace", "0s", "--all"]


@pytest.fixture
def one(project: Path, clock: ReplayClock) -> Session:
    return open_project(project, person="ana", source="test", clock=clock)


def put(session: Session, n: int, dataset: str = "flights", **how: str) -> Manifest:
    """A new state, ten days later."""
    assert isinstance(session.clock, ReplayClock)
    session.clock.advance(session.now() + 10 * DAY)
    written = session.data().write(dataset, QUERY, sort=("id",), partition_by=("day",), values={"n": n})
    return session.commit(written, source="test", **how)[0]


def collected(session: Session, *options: str) -> Outcome:
    plan = session.perform([*GC, *options])
    assert plan.view.status is Status.CONFIRM, plan.error
    done = session.perform([*GC, *options], consent=plan.plan)
    assert done.error is None, done.error
    return done


def there(session: Session, *states: Manifest) -> list[bool]:
    lake = session.data()
    return [(lake.root / state.dataset / "_snapshots" / f"{state.id}.json").exists() and lake.has(state)
            for state in states]


def whole(session: Session) -> bool:
    return session.perform(["snapshot", "verify"]).view.status is Status.PASS


# -- what goes and what stays -----------------------------------------------------------------------------------


def test_what_nothing_needs_goes_and_what_was_current_lately_stays(one: Session) -> None:
    states = [put(one, n) for n in range(1, 7)]  # the first was replaced 50 days ago, the fifth is 10 days old
    plan = one.perform(GC)
    assert [row["why"] for row in plan.view.table("why").rows] == ["current in the last 30 days", "current state"]
    done = collected(one)
    assert there(one, *states) == [False, False, True, True, True, True]  # the third until 30 days ago
    assert (done.view.facts()["states"], done.view.facts()["files"]) == (2, 3)  # the first had one row, so one file
    assert whole(one)
    facts = one.perform(["snapshot", "verify"]).view.facts()
    assert (facts["snapshots"], facts["let_go"]) == (4, 2)
    assert "0.0 MB" not in one.perform(GC).view.title, "there is nothing left to remove"


def test_a_dry_run_removes_nothing(one: Session) -> None:
    states = [put(one, n) for n in range(1, 7)]
    assert one.perform(GC, dry_run=True).view.facts()["states"] == 2
    assert all(there(one, *states))
    assert one.perform(GC).view.facts()["states"] == 2


def test_files_are_left_alone_while_they_are_young(one: Session) -> None:
    states = [put(one, n) for n in range(1, 7)]
    assert "Nothing can go" in one.perform(["snapshot", "gc"]).view.title
    lake = one.data()
    for path in lake.root.glob("flights/**/*.*"):
        os.utime(path, (0, 0))
    put(one, 1)  # the content of the first again: its file is young now
    plan = one.perform(["snapshot", "gc"])
    assert one.perform(["snapshot", "gc"], consent=plan.plan).exit == 0
    assert there(one, *states[:3]) == [True, False, False], "the first is current again"
    assert whole(one)


def trained(session: Session, made: Made) -> Manifest:
    state = put(session, 3, "flights-delay.training")
    session.ledger.append(made.trained(training=state.id))
    return state


def in_an_incident(session: Session, _: Made) -> Manifest:
    state = put(session, 3)
    start = session.now().isoformat()
    session.ledger.append(IncidentEvent(subject="INC-1", event="opened", about="flights-delay", window=(start, start)))
    session.ledger.append(IncidentEvent(subject="INC-1", event="resolved"))
    return state


def tagged(session: Session, _: Made) -> Manifest:
    state = put(session, 3)
    assert session.perform(["snapshot", "tag", "flights", "good"]).exit == 0
    return state


def kept_as_a_result(session: Session, _: Made) -> Manifest:
    state = put(session, 3)
    session.data().keep_result("k" * 64, state)
    return state


def held(session: Session, _: Made) -> Manifest:
    state = put(session, 3)
    root = session.declared().root
    legal = open_project(root, person="lex", source="test", clock=session.clock)
    said = legal.perform(["snapshot", "hold", f"flights@{state.id[:8]}"], reason="case 4711")
    assert said.exit == 0, said.error
    return state


@pytest.mark.parametrize(("needed", "why"), [
    (trained, "a version was made with it: flights-delay@1"),
    (in_an_incident, "an incident's window: INC-1"), (tagged, "tagged: good"), (held, "legal hold")])
def test_what_something_needs_stays(project: Path, clock: ReplayClock, made: Made,
                                    needed: Callable[[Session, Made], Manifest], why: str) -> None:
    (project / "team.yaml").write_text(
        "people:\n  ana: {roles: [engineer], simulated: true}\n  lex: {roles: [legal], simulated: true}\n")
    one = open_project(project, person="ana", source="test", clock=clock)
    state = needed(one, made)
    others = [put(one, n, state.dataset) for n in range(10, 16)]
    plan = one.perform(GC)
    kept = {row["snapshot"]: row["why"] for row in plan.view.table("kept").rows}
    assert why in kept[state.id]
    collected(one)
    assert there(one, state, others[0], others[-1]) == [True, False, True]
    assert whole(one)


def test_what_a_young_finding_judged_stays_and_an_old_one_keeps_nothing(one: Session, made: Made) -> None:
    states = [put(one, n) for n in range(1, 9)]
    one.ledger.append(replace(made.finding(), data=(states[0].id,)))
    collected(one)
    assert there(one, *states[:2]) == [True, False]
    one.clock.advance(one.now() + 31 * DAY)  # type: ignore[attr-defined]
    collected(one)
    assert there(one, states[0]) == [False]


def test_the_files_of_a_result_stay(one: Session, made: Made) -> None:
    state = kept_as_a_result(one, made)
    for n in range(10, 16):
        put(one, n)
    one.data().keep_document("flights", "d" * 64, b'{"figures": [1]}')
    one.data().keep_document("flights", "e" * 64, b"[1]")
    collected(one)
    assert one.data().result("flights", "k" * 64) == state
    assert one.data().document("flights", "e" * 64) == b"[1]"


def test_a_hold_on_a_dataset_keeps_all_of_it_until_it_is_released(project: Path, clock: ReplayClock) -> None:
    (project / "team.yaml").write_text(
        "people:\n  ana: {roles: [engineer], simulated: true}\n  lex: {roles: [legal], simulated: true}\n")
    ana, lex = (open_project(project, person=name, source="test", clock=clock) for name in ("ana", "lex"))
    states = [put(ana, n) for n in range(1, 7)]
    assert ana.perform(["snapshot", "hold", "flights"], reason="mine").exit == 4
    assert lex.perform(["snapshot", "hold", "flights"], reason="case 4711").exit == 0
    assert "Nothing can go" in ana.perform(GC).view.title
    assert "under no legal hold" in lex.perform(["snapshot", "release", "flights@" + states[0].id[:8]],
                                                reason="x").view.title
    assert lex.perform(["snapshot", "release", "flights"], reason="closed").exit == 0
    collected(ana)
    assert there(ana, *states)[:2] == [False, False]
    assert [(entry.fact.event, entry.fact.reason) for entry in ana.ledger.entries("hold")] == [  # type: ignore[attr-defined]
        ("held", "case 4711"), ("released", "closed")]


def test_a_state_that_was_let_go_is_named_so(one: Session) -> None:
    states = [put(one, n) for n in range(1, 7)]
    reader = open_project(one.declared().root, source="test", clock=one.clock)
    mine = reader.snapshot(f"flights@{states[1].id[:8]}")
    collected(one)
    with pytest.raises(NotFound, match="was let go by ana"):
        one.snapshot(f"flights@{states[1].id[:8]}")
    with pytest.raises(NotFound, match=r"A file of flights@.* is gone"):
        reader.data().scan(mine)
    log = {row["snapshot"]: row["gone"] for row in one.perform(["snapshot", "log", "flights"]).view.table(
        "snapshots").rows}
    assert [log[state.id] is not None for state in states] == [True, True, False, False, False, False]
    assert put(one, 2).id == states[1].id
    assert there(one, states[1]) == [True], "the same content again is there again"


def test_a_manifest_that_cannot_be_read_stops_it(one: Session) -> None:
    states = [put(one, n) for n in range(1, 7)]
    path = one.data().root / "flights" / "_snapshots" / f"{states[-1].id}.json"
    path.write_text(path.read_text().replace("BIGINT", "DOUBLE"))
    outcome = one.perform(GC)
    assert (outcome.exit, "nothing is removed" in outcome.view.title) == (2, True)


def test_strange_files_and_outside_files_are_left_alone(one: Session, tmp_path: Path) -> None:
    root = one.data().root
    state = put(one, 3)
    for place in ("flights/notes.txt", "flights/_dead/" + "a" * 64 + ".parquet", "_online/x.db"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text("mine")
    collected(one)
    assert {path.name for path in root.rglob("*") if path.is_file() and path.read_bytes() == b"mine"} == {
        "notes.txt", "a" * 64 + ".parquet", "x.db"}
    assert there(one, state) == [True]


def test_what_killed_processes_left_goes_and_what_the_living_work_on_stays(one: Session) -> None:
    put(one, 3)
    staging = one.data().root / "_staging"
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    for name in (f"work-{dead.pid}-x", f"spill-{dead.pid}", f"work-{os.getpid()}-x", "nameless"):
        (staging / name).mkdir(parents=True)
        (staging / name / "rows.parquet").write_bytes(b"x" * 1000)
    old = staging / "tmpold"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    time.sleep(0.05)
    assert one.perform(GC).view.facts()["leftovers"] == 3
    collected(one)
    assert sorted(path.name for path in staging.iterdir()) == ["nameless", f"work-{os.getpid()}-x"]


# -- several at work, and death -----------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from mlops_tui.opening import open_project
from store.refusal import Conflict
root, what = Path(sys.argv[1]), sys.argv[2]
session = open_project(root, person="ana", source="test")
removed, least = 0, int(sys.argv[3])
for number in range(least if what != "gc" else 40 * least):
    if what == "gc" and number >= least and (removed or least == 1):
        break
    if what == "gc":
        argv = ["snapshot", "gc", "--grace", "0s", "--keep", "0d"]
        plan = session.perform(argv)
        assert plan.plan, plan.error
        done = session.perform(argv, consent=plan.plan)
        assert done.exit in (0, 2), done.error
        print(done.view.facts().get("files", 0), flush=True)
        removed += done.view.facts().get("files", 0)
        continue
    query = "SELECT i AS id, $n AS n, '2013-06-' || (1 + i % 5) AS day FROM range(50) t(i)"
    written = session.data().write("flights", query, sort=("id",), partition_by=("day",), values={"n": number % 3})
    try:
        print(session.commit(written)[0].id, flush=True)
    except Conflict as problem:
        print("again", problem.what, flush=True)
"""


def child(root: Path, what: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(root), what, str(count)], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_who_commits_what_is_being_collected_loses_nothing(project: Path) -> None:
    """Three contents take turns, so that each commit brings back files that the collector is about to remove."""
    (project / "mlops.yaml").write_text("project: flights\n")
    writer, collector = child(project, "write", 60), child(project, "gc", 25)
    (said, wrong), (removed, other) = writer.communicate(timeout=120), collector.communicate(timeout=120)
    assert (wrong, other) == ("", "")
    session = open_project(project, person="ana", source="test")
    ids = [line for line in said.splitlines() if not line.startswith("again")]
    announced = [entry.fact.snapshot for entry in session.ledger.entries("snapshot")]  # type: ignore[attr-defined]
    assert set(ids) <= set(announced)
    assert len(ids) > 30
    assert sum(map(int, removed.split())) > 0, "it never removed anything"
    assert session.data().damaged(session.snapshot("flights")) == []
    assert whole(session)


@pytest.mark.parametrize("seed", range(4))
def test_killed_in_the_middle_it_is_finished_the_next_time(project: Path, seed: int) -> None:
    (project / "mlops.yaml").write_text("project: flights\n")
    session = open_project(project, person="ana", source="test")
    for n in range(12):
        query = "SELECT i AS id, $n AS n, '2013-06-' || i AS day FROM range(30) t(i)"
        session.commit(session.data().write("flights", query, partition_by=("day",), values={"n": n}))
    with child(project, "gc", 1) as process:
        while not session.ledger.entries("collected") and process.poll() is None:
            time.sleep(0.001)
        time.sleep(random.Random(seed).random() / 50)
        process.send_signal(signal.SIGKILL)
    again = open_project(project, person="ana", source="test")
    assert whole(again)
    argv = ["snapshot", "gc", "--grace", "0s", "--keep", "0d"]
    assert again.perform(argv, consent=again.perform(argv).plan).exit == 0
    assert whole(again)
    assert len(list((again.data().root / "flights" / "_snapshots").iterdir())) == 1
    assert len(list(again.data().root.glob("flights/*/*.parquet"))) == 30
    assert again.data().damaged(again.snapshot("flights")) == []
    assert again.ledger.verify() is None


def test_a_commit_whose_files_were_collected_first_is_told_so(one: Session) -> None:
    put(one, 3)
    written = one.data().write("flights", QUERY, sort=("id",), partition_by=("day",), values={"n": 4})
    collected(one, "--keep", "0d")
    with pytest.raises(Conflict, match="was collected before it was announced"):
        one.commit(written)
    assert [type(entry.fact) for entry in one.ledger.entries("snapshot")] == [Snapshot]
