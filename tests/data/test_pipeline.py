"""A pipeline runs what changed and nothing else, whole or not at all, and always to the same bytes."""

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlops_tui.commands import Outcome
from mlops_tui.data import _steps
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Series, Status, Steps
from store.facts import Run, Snapshot
from store.lake import Manifest

ROOT = Path(__file__).parents[2]
PIPELINE = """\
steps:
  - {name: totals, sql: totals.sql, inputs: [clean], key: [g], params: {least: 0}}
  - {name: clean, sql: clean.sql, inputs: [flights], key: [id], partition_by: [day]}
  - {name: doubled, python: "steps.py:doubled", inputs: [totals, clean], key: [g], params: {factor: 2}}
"""
FILES = {
    "pipelines/daily.yaml": PIPELINE,
    "pipelines/clean.sql": "-- rows that count\nSELECT *, id % 5 AS g FROM flights\nWHERE id % 7 <> 0;\n",
    "pipelines/totals.sql": "SELECT g, count(*) AS n, sum(id * 0.1::DOUBLE) AS x FROM clean\n"
                            "WHERE id >= $least GROUP BY g\n",
    "steps.py": """\
import pyarrow as pa
import pyarrow.parquet as pq
from helpers import scaled


def doubled(inputs, params, out):
    totals, clean = pq.read_table(inputs["totals"]), pq.read_table(inputs["clean"])
    pq.write_table(pa.table({"g": totals["g"], "n": scaled(totals["n"], params["factor"]),
                             "all": [clean.num_rows] * totals.num_rows}), out)
""",
    "helpers.py": "from pyarrow.compute import multiply\n\ndef scaled(values, by):\n    return multiply(values, by)\n",
}


@pytest.fixture
def daily(project: Path) -> Path:
    """A project with a pipeline of three steps and some flights."""
    for name, text in FILES.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    put(opened(project))
    return project


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="test")


def put(session: Session, rows: int = 100, **more: object) -> None:
    query = f"SELECT i AS id, 'd' || i % 3 AS day, {more.get('v', 1)} AS v FROM range({rows}) t(i)"
    session.commit(session.data().write("flights", query, sort=("id",), partition_by=("day",)))


def run(session: Session) -> Outcome:
    return session.perform(["pipeline", "run", "daily"])


def steps(outcome: Outcome) -> dict[str, str]:
    assert outcome.error is None, outcome.error
    [part] = [part for part in outcome.view.parts if isinstance(part, Steps)]
    return {step.step: "same" if step.detail == "as before" else step.status.value for step in part.items}


def states(session: Session) -> dict[str, str]:
    return {name: session.snapshot(f"daily.{name}").id for name in ("clean", "totals", "doubled")}


def rows(session: Session, dataset: str, columns: str = "*") -> list[tuple[Any, ...]]:
    lake = session.data()
    query = f"SELECT {columns} FROM {lake.scan(session.snapshot(dataset))} ORDER BY ALL"
    return lake.connect().execute(query).fetchall()


def rewrite(project: Path, name: str, old: str, new: str) -> None:
    text = (project / name).read_text(encoding="utf-8")
    assert old in text
    (project / name).write_text(text.replace(old, new), encoding="utf-8")


def planned(session: Session) -> dict[str, Mapping[str, Any]]:
    outcome = session.perform(["pipeline", "plan", "daily"])
    assert outcome.error is None, outcome.error
    return {str(row["step"]): row for row in outcome.view.table("plan").rows}


# -- running ----------------------------------------------------------------------------------------------------


def test_steps_run_in_order_and_later_ones_read_what_earlier_ones_made(daily: Path) -> None:
    session = opened(daily)
    outcome = run(session)
    assert list(steps(outcome).items()) == [("clean", "done"), ("totals", "done"), ("doubled", "done")]
    kept = [i for i in range(100) if i % 7]
    assert rows(session, "daily.totals", "g, n") == [(g, sum(i % 5 == g for i in kept)) for g in range(5)]
    assert rows(session, "daily.doubled") == [(g, 2 * sum(i % 5 == g for i in kept), len(kept)) for g in range(5)]
    assert {file.partition["day"] for file in session.snapshot("daily.clean").files} == {"d0", "d1", "d2"}
    assert outcome.view.facts()["run"] == "daily-1"
    assert [row["dataset"] for row in outcome.view.table("outputs").rows] == [
        "daily.clean", "daily.totals", "daily.doubled"]


def test_what_is_as_before_is_not_run_again_and_appends_nothing(daily: Path) -> None:
    run(opened(daily))
    session = opened(daily)
    before, known = session.ledger.entries("run", "snapshot"), states(session)
    outcome = run(session)
    assert steps(outcome) == {"clean": "same", "totals": "same", "doubled": "same"}
    assert (outcome.view.facts()["steps_run"], outcome.view.title) == (0, "daily: nothing to do")
    assert session.ledger.entries("run", "snapshot") == before
    assert states(session) == known


def test_each_step_is_one_entry_of_its_key_snapshot_and_run(daily: Path) -> None:
    session = opened(daily)
    run(session)
    facts = [entry.fact for entry in session.ledger.entries("run", subject="daily") if isinstance(entry.fact, Run)]
    assert [(fact.run, fact.step, fact.status) for fact in facts] == [
        ("daily-1", "", "running"), ("daily-1", "clean", "done"), ("daily-1", "totals", "done"),
        ("daily-1", "doubled", "done"), ("daily-1", "", "done")]
    made = session.ledger.entries("snapshot", subject="daily.clean")[-1].fact
    assert isinstance(made, Snapshot)
    assert (made.run, made.key, made.snapshot) == ("daily-1", facts[1].key, facts[1].snapshot)
    assert b'"flights"' in session.data().object(made.key), "what it was made from can be read"


def test_our_own_way_of_reading_code_is_no_change_of_the_code(daily: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reasons() -> dict[object, object]:
        return {row["step"]: row["why"] for row in opened(daily).perform(
            ["pipeline", "plan", "daily"]).view.table("plan").rows}

    monkeypatch.setattr(_steps, "compact", str)  # as an older build digested SQL
    assert run(opened(daily)).exit == 0
    assert set(reasons().values()) == {"as before"}
    monkeypatch.undo()
    assert reasons()["clean"] == "made by another version of mlops-tui"
    sql = daily / "pipelines/clean.sql"
    sql.write_text(sql.read_text().replace("% 7", "% 6"))
    assert reasons()["clean"] == "code changed"


@pytest.mark.parametrize(("name", "old", "new", "ran", "why"), [
    ("pipelines/clean.sql", "% 7", "% 6", {"clean", "totals", "doubled"}, ("clean", "code changed")),
    ("pipelines/clean.sql", "SELECT *,", "SELECT *, 1 AS one,", {"clean", "totals", "doubled"},
     ("clean", "code changed")),
    ("pipelines/daily.yaml", "least: 0", "least: 50", {"totals", "doubled"}, ("totals", "parameter least changed")),
    ("pipelines/daily.yaml", "factor: 2", "factor: 3", {"doubled"}, ("doubled", "parameter factor changed")),
    ("helpers.py", "multiply(values, by)", "multiply(values, 3)", {"doubled"}, ("doubled", "code changed")),
    ("pipelines/daily.yaml", "inputs: [clean], key: [g]", "inputs: [clean], key: [n, g]", {"totals"},
     ("totals", "another sort key")),
])
def test_a_change_runs_what_depends_on_it_and_the_plan_says_why(daily: Path, name: str, old: str, new: str,
                                                                ran: set[str], why: tuple[str, str]) -> None:
    run(opened(daily))
    rewrite(daily, name, old, new)
    session = opened(daily)
    row = planned(session)[why[0]]
    assert (row["runs"], row["why"]) == ("yes", why[1])
    done = steps(run(session))
    assert {step for step, how in done.items() if how == "done"} == ran


def test_new_data_runs_it_again_and_old_data_brings_back_the_old_result(daily: Path) -> None:
    session = opened(daily)
    run(session)
    first = states(session)
    put(session, rows=120)
    plan = planned(session)
    assert {step: row["runs"] for step, row in plan.items()} == {"clean": "yes", "totals": "maybe", "doubled": "maybe"}
    assert plan["clean"]["why"] == "input flights changed"
    assert set(steps(run(session)).values()) == {"done"}
    assert states(session) != first
    put(session, rows=100)
    assert set(steps(run(session)).values()) == {"same"}
    assert states(session) == first, "found by its key, and the current state again"


def test_new_data_that_a_step_leaves_out_stops_there(daily: Path) -> None:
    rewrite(daily, "pipelines/clean.sql", "SELECT *", "SELECT id, day")
    session = opened(daily)
    run(session)
    put(session, v=2)
    assert steps(run(session)) == {"clean": "done", "totals": "same", "doubled": "same"}


def test_a_result_whose_files_are_gone_is_made_again(daily: Path) -> None:
    session = opened(daily)
    run(session)
    known = states(session)
    (session.data().root / session.snapshot("daily.totals").files[0].path).unlink()
    assert planned(session)["totals"]["why"] == "its files are gone"
    assert steps(run(session)) == {"clean": "same", "totals": "done", "doubled": "same"}
    assert states(session) == known
    assert session.data().damaged(session.snapshot("daily.totals")) == []


def test_sums_of_floats_are_the_same_in_every_run(daily: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    rewrite(daily, "pipelines/totals.sql", "sum(id * 0.1::DOUBLE)", "sum(sqrt(id) / 3)")
    session = opened(daily)
    put(session, rows=300_000)
    run(session)
    other = rebuilt(daily, tmp_path_factory.mktemp("again"))
    put(other, rows=300_000)
    run(other)
    assert states(other) == states(session)


def rebuilt(project: Path, folder: Path) -> Session:
    """The same project elsewhere, with nothing but its declarations and code."""
    for path in [each for pattern in ("*.yaml", "*/*.yaml", "*/*.sql", "*.py") for each in project.glob(pattern)]:
        target = folder / path.relative_to(project)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    made = opened(folder)
    put(made)
    return made


def test_a_step_reads_the_rows_of_a_feature_view_once_they_are_built(daily: Path) -> None:
    (daily / "features").mkdir()
    (daily / "features/busy.sql").write_text("-- entity: id\n-- time: at\nSELECT id, TIMESTAMPTZ '2013-01-01' AS at, "
                                             "v + 1 AS w FROM flights\n", encoding="utf-8")
    rewrite(daily, "pipelines/daily.yaml", "inputs: [flights]", "inputs: [flights, busy.view]")
    rewrite(daily, "pipelines/clean.sql", "FROM flights", 'FROM flights JOIN "busy.view" USING (id)')
    session = opened(daily)
    refused = run(session).error or {}
    assert (refused["what"], refused["next"]) == ("The rows of feature view 'busy' are not built yet.",
                                                  "Try: mlops-tui feature build busy")
    assert session.perform(["feature", "build", "busy"]).error is None
    assert set(steps(run(session)).values()) == {"done"}
    assert {w for (w,) in rows(session, "daily.clean", "w")} == {2}
    put(session, v=5)
    session.perform(["feature", "build", "busy"])
    assert planned(session)["clean"]["why"] == "input busy.view changed, input flights changed"


# -- what cannot run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "old", "new", "said", "where"), [
    ("pipelines/daily.yaml", "inputs: [flights]", "inputs: [totals]", "wait for each other", "daily.yaml:"),
    ("pipelines/daily.yaml", "inputs: [flights]", "inputs: [fligths]", "Did you mean 'flights'", "daily.yaml:3"),
    ("pipelines/daily.yaml", "sql: clean.sql", "sql: claen.sql", "Did you mean 'clean.sql'", "daily.yaml:3"),
    ("pipelines/daily.yaml", "sql: clean.sql", "sql: ../../x.sql", "has no SQL file", "daily.yaml:3"),
    ("pipelines/daily.yaml", "steps.py:doubled", "step.py:doubled", "Did you mean 'steps.py'", "daily.yaml:4"),
    ("pipelines/clean.sql", "id % 7 <> 0", "v < random()", "random()", "clean.sql:3"),
    ("pipelines/clean.sql", "id % 7 <> 0", "v < epoch(current_timestamp)", "current_timestamp", "clean.sql:3"),
    ("pipelines/clean.sql", "FROM flights", "FROM weather", "which is not among its inputs", "clean.sql:2"),
    ("pipelines/clean.sql", "FROM flights", "FROM read_csv('/etc/passwd')", "read_csv()", "clean.sql:2"),
    ("pipelines/clean.sql", "FROM flights", "FROM '/etc/passwd.parquet'", "not among its inputs", "clean.sql:2"),
    ("pipelines/clean.sql", "FROM flights\n", "FROM flights\nWHER", "cannot be parsed", "clean.sql:3"),
    ("pipelines/totals.sql", "$least", "$most", "no parameter 'most'", "totals.sql"),
])
def test_what_is_wrong_is_named_before_anything_runs(daily: Path, name: str, old: str, new: str, said: str,
                                                     where: str) -> None:
    rewrite(daily, name, old, new)
    session = opened(daily)
    before = session.ledger.entries("run", "snapshot")
    outcome = run(session)
    assert outcome.exit == 2
    assert outcome.error is not None
    assert said in f"{outcome.error['what']} {outcome.error['next']}"
    assert where in outcome.error["where"]
    assert session.ledger.entries("run", "snapshot") == before


def test_an_undeclared_pipeline_and_one_without_data_are_named(daily: Path, tmp_path: Path) -> None:
    outcome = opened(daily).perform(["pipeline", "run", "dayly"])
    assert "Did you mean 'daily'" in (outcome.error or {})["next"]
    rewrite(daily, "pipelines/daily.yaml", "inputs: [flights]", "inputs: [flights, other]")
    (daily / "datasets/other.yaml").write_text((daily / "datasets/flights.yaml").read_text())
    outcome = run(opened(daily))
    assert "'other' has no data yet" in outcome.view.title


@pytest.mark.parametrize(("name", "old", "new", "said"), [
    ("pipelines/totals.sql", "count(*)", "count(nothing)", r"nothing.*totals\.sql:1"),
    ("pipelines/totals.sql", "g, count", "error('no such g') AS e, g, count", "no such g"),
    ("pipelines/daily.yaml", "inputs: [clean], key: [g]", "inputs: [clean], key: [h]", "No column 'h'"),
    ("steps.py", "totals, clean =", "raise ValueError('bad day')\n    totals, clean =", r"bad day.*steps\.py:7"),
    ("steps.py", "def doubled", "def tripled", "Did you mean|It has"),
    ("steps.py", "pq.write_table(", "(lambda *_: None)(", "wrote nothing"),
    ("steps.py", "pq.write_table(", "(lambda _, out: out.write_text('no parquet'))(", "no whole Parquet file"),
    ("steps.py", "totals, clean", "import os; os._exit(7); totals, clean", "exit code 7"),
])
def test_a_step_that_fails_stops_what_comes_after_and_the_rerun_goes_on_there(
        daily: Path, name: str, old: str, new: str, said: str) -> None:
    before = (daily / name).read_text(encoding="utf-8")
    rewrite(daily, name, old, new)
    session = opened(daily)
    outcome = run(session)
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    [failed] = [step for step, how in steps(outcome).items() if how == "fail"]
    assert failed == ("totals" if "pipelines" in name else "doubled")
    assert re.search(said, next(part for part in outcome.view.parts if isinstance(part, Steps)).items[
        1 if failed == "totals" else 2].detail, re.DOTALL), outcome.view.parts[0]
    if failed == "totals":
        assert steps(outcome)["doubled"] == "unknown"
    assert session.current(f"daily.{failed}") is None
    (daily / name).write_text(before, encoding="utf-8")
    again = steps(run(opened(daily)))
    assert (again["clean"], again["doubled"]) == ("same", "done")


# -- looks ------------------------------------------------------------------------------------------------------


def test_status_tells_how_each_step_stands(daily: Path) -> None:
    session = opened(daily)
    never = session.perform(["pipeline", "status", "daily"])
    assert {row["why"] for row in never.view.table("steps").rows} == {"never run", "waits for clean",
                                                                       "waits for totals, clean"}
    run(session)
    fresh = session.perform(["pipeline", "daily"])
    assert (fresh.view.status, {row["fresh"] for row in fresh.view.table("steps").rows}) == (Status.PASS, {True})
    put(session, rows=50)
    stale = session.perform(["pipeline", "status", "daily"])
    assert (stale.view.status, stale.view.title) == (Status.WARN, "daily: 3 of 3 stale")
    [row] = session.perform(["pipeline"]).view.table("pipelines").rows
    assert (row["pipeline"], row["status"], row["run"], row["steps"]) == ("daily", Status.DONE, "daily-1", 3)


def test_graph_shows_what_leads_to_what(daily: Path) -> None:
    view = opened(daily).perform(["pipeline", "graph", "daily"]).view
    [series] = [part for part in view.parts if isinstance(part, Series)]
    assert set(zip(series.x, series.y, strict=True)) == {
        ("flights", "clean"), ("clean", "totals"), ("totals", "doubled"), ("clean", "doubled")}


def marks(session: Session) -> dict[str, object]:
    [series] = [part for part in session.perform(["pipeline", "graph", "daily"]).view.parts if isinstance(part, Series)]
    return dict(zip(series.names, series.other, strict=True))


def test_graph_shows_how_each_step_stands(daily: Path) -> None:
    session = opened(daily)
    assert marks(session) == {"flights": None, "clean": Status.UNKNOWN, "totals": Status.UNKNOWN,
                              "doubled": Status.UNKNOWN}
    run(session)
    assert set(marks(session).values()) == {None, Status.DONE}
    rewrite(daily, "pipelines/daily.yaml", "least: 0", "least: 9")
    assert marks(opened(daily)) == {"flights": None, "clean": Status.DONE, "totals": Status.WARN,
                                    "doubled": Status.WARN}


def test_sql_reaches_nothing_outside_the_lake(daily: Path) -> None:
    from mlops_tui.data._workshop import Bench

    with closing(Bench(opened(daily), 0, ())) as bench:
        sandbox = bench.sandbox()
        for query in ("SELECT * FROM read_text('/etc/hostname')", "COPY (SELECT 1) TO '/tmp/out.csv'",
                      "SET enable_external_access = true", "ATTACH '/tmp/x.db'", "INSTALL httpfs"):
            with pytest.raises(Exception, match=r"(?i)permission|locked|disabled|cannot"):
                sandbox.execute(query)


# -- death ------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from pathlib import Path
from mlops_tui.opening import open_project
outcome = open_project(Path(sys.argv[1]), person="ana", source="test").perform(["pipeline", "run", "daily"])
print(outcome.view.title, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_the_rerun_makes_the_same_snapshots(daily: Path, tmp_path_factory: pytest.TempPathFactory,
                                                                 seed: int) -> None:
    calm = rebuilt(daily, tmp_path_factory.mktemp("calm"))
    began = time.monotonic()
    run(calm)
    took = time.monotonic() - began
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(daily)], cwd=ROOT, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (daily / ".mlops/lake/_staging").is_dir() and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(random.Random(seed).random() * took)
        process.send_signal(signal.SIGKILL)
    session = opened(daily)
    for entry in session.ledger.entries("snapshot"):
        assert isinstance(entry.fact, Snapshot)
        state: Manifest = session.data().stored(entry.subject, entry.fact.snapshot)
        assert session.data().damaged(state) == [], "nothing half"
    done = {entry.fact.step for entry in session.ledger.entries("run") if isinstance(entry.fact, Run)
            and entry.fact.status == "done"}
    assert {step for step, how in steps(run(session)).items() if how == "same"} == done - {""}
    assert states(session) == states(calm)
    assert session.ledger.verify() is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["", " ;\n", "-- to be written\n"])
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_an_empty_sql_file_is_named_before_anything_runs(daily: Path, text: str, verb: str) -> None:
    (daily / "pipelines/clean.sql").write_text(text)
    session = opened(daily)
    outcome = session.perform(["pipeline", verb, "daily"])
    assert (outcome.exit, outcome.view.title) == (2, "Step 'clean' has no SQL: clean.sql is empty.")
    assert outcome.error is not None
    assert outcome.error["where"].endswith("clean.sql")
    assert not session.ledger.entries("run")


def test_a_step_of_a_run_that_died_does_not_tell_an_earlier_runs_error(daily: Path) -> None:
    rewrite(daily, "pipelines/clean.sql", "id % 5", "id % 'x'")
    session = opened(daily)
    assert run(session).exit == 1
    session.ledger.append(Run(subject="daily", run="daily-9"))
    folder = daily / ".mlops/runs/daily-9"
    folder.mkdir()
    (folder / "clean.log").touch()
    [row] = [row for row in session.perform(["pipeline", "status", "daily"]).view.table("steps").rows
             if row["step"] == "clean"]
    assert (row["state"], row["detail"]) == ("interrupted", "")
    [row] = session.perform(["pipeline", "log", "daily", "clean"]).view.table("steps").rows
    assert (row["state"], row["detail"]) == ("interrupted", "")
