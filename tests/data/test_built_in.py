"""A built-in step: its result by the SQL it gives, what it learned from the data kept, its mistakes with their line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_tui import transforms
from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status, Steps
from store.facts import Run
from store.lake import FileRef, Manifest, sha256_of

CENTRED = '''
"""A column less its mean."""

from mlops_tui.errors import BadInput
from mlops_tui.transforms import Made
from store.quoting import quote


def step(cursor, relations, params):
    [relation] = relations.values()
    unknown = [name for name in params if name != "column"]
    if unknown:
        raise BadInput(f"No parameter '{unknown[0]}'.", where=unknown[0], next="It takes column.")
    if "column" not in params:
        raise BadInput("Which column?", next="params: {column: NAME}")
    column = quote(params["column"])
    [(mean,)] = cursor.execute(f"SELECT avg({column}) FROM {relation}").fetchall()
    return Made(f"SELECT * REPLACE ({column} - {mean!r} AS {column}) FROM {relation}", {"mean": mean})
'''
PIPELINE = """\
steps:
  - name: centred
    apply: centred
    inputs: [flights]
    key: [id]
    params:
      column: x
"""


@pytest.fixture
def built_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write what is built in beside the real ones."""
    folder = tmp_path_factory.mktemp("transforms")
    monkeypatch.setattr(transforms, "__path__", [*transforms.__path__, str(folder)])

    def write(text: str) -> None:
        (folder / "centred.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, f"{transforms.__name__}.centred", raising=False)

    write(CENTRED)
    return write


@pytest.fixture
def work(project: Path, built_in: object) -> Path:
    (project / "pipelines").mkdir()
    (project / "pipelines/daily.yaml").write_text(PIPELINE, encoding="utf-8")
    put(opened(project), "i")
    return project


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="test")


def put(session: Session, x: str) -> None:
    query = f"SELECT i AS id, {x}::DOUBLE AS x FROM range(5) t(i)"
    session.commit(session.data().write("flights", query, sort=("id",)))


def run(session: Session) -> Outcome:
    return session.perform(["pipeline", "run", "daily"])


def rewrite(project: Path, old: str, new: str) -> None:
    text = (project / "pipelines/daily.yaml").read_text(encoding="utf-8")
    assert old in text
    (project / "pipelines/daily.yaml").write_text(text.replace(old, new), encoding="utf-8")


def detail(outcome: Outcome) -> str:
    assert outcome.error is None, outcome.error
    [part] = [part for part in outcome.view.parts if isinstance(part, Steps)]
    return part.items[0].detail


def test_it_makes_the_rows_of_its_sql_and_keeps_what_it_learned(work: Path) -> None:
    session = opened(work)
    outcome = run(session)
    assert detail(outcome).startswith("5 rows; never run; frozen ")
    lake, state = session.data(), session.snapshot("daily.centred")
    assert lake.connect().execute(f"SELECT x FROM {lake.scan(state)} ORDER BY id").fetchall() == [
        (-2.0,), (-1.0,), (0.0,), (1.0,), (2.0,)]
    [row] = outcome.view.table("outputs").rows
    assert json.loads(lake.object(str(row["frozen"]))) == {"mean": 2.0}
    [fact] = [entry.fact for entry in session.ledger.entries("run") if isinstance(entry.fact, Run) and entry.fact.step]
    assert fact.detail == f"frozen {row['frozen']}"
    again = run(session)
    assert detail(again) == "as before"
    assert again.view.table("outputs").rows[0]["frozen"] == row["frozen"]


def test_new_data_other_parameters_and_other_source_run_it_again(work: Path, built_in: Callable[[str], None]) -> None:
    session = opened(work)
    run(session)
    put(session, "i * 2")
    assert "input flights changed" in detail(run(session))
    rewrite(work, "column: x", "column: id")
    assert "parameter column changed" in detail(run(opened(work)))
    built_in(CENTRED + "\n# another\n")
    assert "made by another version of mlops-tui" in detail(run(opened(work)))


def test_the_graph_says_what_is_applied(work: Path) -> None:
    [row] = opened(work).perform(["pipeline", "graph", "daily"]).view.table("steps").rows
    assert (row["kind"], row["code"], row["state"]) == ("apply", "centred", "never run")


def test_an_unknown_one_is_refused_with_the_nearest_and_its_line(work: Path) -> None:
    rewrite(work, "apply: centred", "apply: centered")
    error = run(opened(work)).error or {}
    assert (error["what"], error["next"]) == ("Step 'centred' applies 'centered', which is not built in.",
                                              "Did you mean 'centred'?")
    assert error["where"].endswith("daily.yaml:2")


@pytest.mark.parametrize(("old", "new", "said", "line"), [
    ("      column: x\n", "      colunm: x\n", "No parameter 'colunm'", 7),
    ("    params:\n      column: x\n", "    params: {}\n", "Which column?", 6),
    ("column: x", "column: y", '"y" not found', 2),
    ("key: [id]", "key: [day]", "No column 'day'", None),
])
def test_a_wrong_parameter_is_named_with_its_line(work: Path, old: str, new: str, said: str, line: int | None) -> None:
    rewrite(work, old, new)
    outcome = run(opened(work))
    assert outcome.view.status is Status.FAIL
    assert said in detail(outcome)
    assert line is None or f"daily.yaml:{line})" in detail(outcome)


def test_a_step_is_one_thing(work: Path) -> None:
    rewrite(work, "apply: centred", "apply: centred\n    sql: a.sql")
    error = run(opened(work)).error or {}
    assert "either sql, python or apply" in error["what"]
    assert error["where"].endswith("daily.yaml:2")


def test_files_that_are_read_where_they_are_can_be_inputs(work: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file outside the lake, and one with rows left out, for a built-in, SQL and Python alike."""
    folder = tmp_path_factory.mktemp("elsewhere")
    session = opened(work)
    lake = session.data()
    lake.connect().execute(f"COPY (SELECT i AS id, i::DOUBLE AS x FROM range(6) t(i)) TO '{folder}/a.parquet'")
    file = FileRef("a.parquet", sha256_of(folder / "a.parquet"), 6, 1, {}, base=str(folder))
    masked = lake.without(file, "flights", "SELECT 5")
    state = Manifest("flights", {"id": "BIGINT", "x": "DOUBLE"}, (masked,))
    lake.keep(state)
    session.commit(state)
    (work / "pipelines/a.sql").write_text("SELECT count(*) AS n FROM flights")
    (work / "steps.py").write_text("import pyarrow.parquet as pq\n\n\ndef same(inputs, params, out):\n"
                                   "    pq.write_table(pq.read_table(inputs['flights']), out)\n")
    rewrite(work, "steps:\n", "steps:\n  - {name: counted, sql: a.sql, inputs: [flights]}\n"
                              "  - {name: same, python: 'steps.py:same', inputs: [flights]}\n")
    outcome = run(opened(work))
    assert outcome.view.status is Status.DONE, outcome.view.parts
    [[n]] = lake.connect().execute(f"SELECT n FROM {lake.scan(opened(work).snapshot('daily.counted'))}").fetchall()
    assert n == opened(work).snapshot("daily.centred").rows == opened(work).snapshot("daily.same").rows == 5
