"""sql answers one SELECT over datasets and the history, and can do nothing else."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import psutil
import pytest

from mlops_tui.commands import Outcome
from mlops_tui.core.sql import MOST
from mlops_tui.opening import open_project
from mlops_tui.render.json import as_json
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status, Text
from store.console import Console
from store.facts import AlertEvent, Finding, Note
from store.refusal import Refusal
from store.statement import Asked

CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: city, required: true}
      - {name: email, classification: Confidential}
      - {name: fare, logicalType: number, logicalTypeOptions: {minimum: 0}}
customProperties:
  - {property: partitionBy, value: city}
"""


@pytest.fixture
def trips(project: Path, clock: ReplayClock) -> Session:
    """Trips of two cities in two states, one of them tagged, with a bad row set aside."""
    (project / "datasets/trips.yaml").write_text(CONTRACT)
    session = open_project(project, person="ana", clock=clock, source="terminal")
    (project / "a.csv").write_text("id,city,email,fare\n1,NYC,a@x,5\n2,BOS,b@x,7\n3,NYC,c@x,-1\n")
    assert session.perform(["ingest", "trips", "--file", str(project / "a.csv")]).exit == 1
    assert session.perform(["snapshot", "tag", "trips", "first"]).exit == 0
    clock.advance(clock() + timedelta(days=1))
    (project / "b.csv").write_text("id,city,email,fare\n4,NYC,d@x,9\n5,NYC,e@x,\n")
    assert session.perform(["ingest", "trips", "--file", str(project / "b.csv")]).exit == 0
    session.ledger.append(Note(subject="trips", text="a note", detail={"n": 3}))
    return session


def ask(session: Session, query: str, *more: str) -> Outcome:
    return session.perform(["sql", query, *more])


def rows(session: Session, query: str, *more: str) -> list[tuple]:
    outcome = ask(session, query, *more)
    assert outcome.exit == 0, outcome.error
    return [tuple(row.values()) for row in outcome.view.table("rows").rows]


def refused(session: Session, query: str, *more: str) -> dict[str, str]:
    outcome = ask(session, query, *more)
    assert outcome.error is not None, outcome.view
    return outcome.error


# -- what can be asked ------------------------------------------------------------------------------------------


def test_a_dataset_in_any_of_its_states_and_what_was_set_aside(trips: Session) -> None:
    assert rows(trips, "SELECT city, count(*) FROM trips GROUP BY ALL ORDER BY 1") == [("BOS", 1), ("NYC", 2)]
    assert rows(trips, 'SELECT id FROM "trips@first" ORDER BY id') == [(1,), (2,)]
    assert rows(trips, 'FROM TRIPS SELECT max(fare)') == [(9.0,)]
    assert rows(trips, "SELECT id, _rules FROM trips.quarantine") == [("3", '["fare:minimum"]')]
    assert rows(trips, 'SELECT count(*) FROM "trips.quarantine"') == [(1,)]
    both = 'WITH t AS (SELECT * FROM trips) SELECT count(*) FROM t, "trips@first" o WHERE t.id = o.id'
    assert rows(trips, both) == [(1,)]


def test_the_history_as_a_table_and_each_kind_with_its_fields(trips: Session) -> None:
    kinds = dict(rows(trips, "SELECT kind, count(*) FROM ledger GROUP BY ALL"))
    entries = trips.ledger.entries()
    assert kinds == {kind: sum(entry.kind == kind for entry in entries) for kind in {entry.kind for entry in entries}}
    assert rows(trips, "SELECT body->>'$.detail.n' FROM ledger WHERE kind = 'note'") == [("3",)]
    found = rows(trips, 'SELECT subject, "check", status, n, value, detail->>\'$.bad_rows\' FROM findings ORDER BY seq')
    assert found == [("trips", "ingest", "fail", 3, 1.0, "1"), ("trips", "ingest", "pass", 2, 0.0, "0")]
    assert rows(trips, "SELECT count(*) FROM alerts") == [(0,)]


def test_data_and_history_are_asked_together(trips: Session) -> None:
    query = ("SELECT s.rows, (SELECT count(*) FROM trips) FROM snapshots s WHERE s.subject = 'trips' AND tag = '' "
             "ORDER BY seq DESC LIMIT 1")
    assert rows(trips, query) == [(3, 3)]


def test_every_kind_of_entry_has_a_table(trips: Session) -> None:
    trips.ledger.append(AlertEvent(subject="AL-1", event="fired", about="trips", real=True, finding=2),
                        Finding(check="drift", subject="trips", status="pass", title="t", n=None))
    assert rows(trips, 'SELECT event, "real", finding FROM alerts') == [("fired", True, 2)]
    assert rows(trips, "SELECT n FROM findings ORDER BY seq DESC LIMIT 1") == [(None,)]
    for name in ("commands", "runs", "training", "promotions", "approvals", "votes", "sign_offs", "incidents",
                 "runbooks", "postmortems", "proposals", "notes"):
        assert ask(trips, f"SELECT count(*) FROM {name}").exit == 0, name


def test_describe_summarize_and_explain(trips: Session) -> None:
    described = ask(trips, "DESCRIBE trips").view.table("rows").rows
    assert [row["column_name"] for row in described] == ["id", "city", "email", "fare"]
    assert len(rows(trips, "summarize SELECT id FROM trips")) == 1
    view = ask(trips, "EXPLAIN SELECT * FROM trips WHERE city = 'BOS'").view
    assert any(isinstance(part, Text) and "Read Parquet".lower() in part.body.lower() for part in view.parts)


def test_as_of_shows_the_data_and_the_history_of_then(trips: Session, clock: ReplayClock) -> None:
    then = open_project(trips.declared().root, person="ana", source="terminal", clock=clock,
                        as_of=clock() - timedelta(hours=12))
    assert rows(then, "SELECT id FROM trips ORDER BY id") == [(1,), (2,)]
    assert rows(then, "SELECT count(*) FROM findings") == [(1,)]


def test_only_so_many_rows_are_shown_and_all_are_counted(trips: Session) -> None:
    outcome = ask(trips, "SELECT range AS n FROM range(1000)", "--limit", "3")
    table = outcome.view.table("rows")
    assert ([row["n"] for row in table.rows], table.total, outcome.view.title) == ([0, 1, 2], 1000, "1,000 rows")
    [action] = outcome.view.actions
    assert action.argv[:3] == ("sql", "SELECT range AS n FROM range(1000)", "--out")


def test_two_columns_of_one_name_are_both_shown(trips: Session) -> None:
    table = ask(trips, "SELECT 1 AS a, 2 AS a").view.table("rows")
    assert ([column.id for column in table.columns], dict(table.rows[0])) == (["a", "a_2"], {"a": 1, "a_2": 2})


def test_values_become_what_every_surface_can_show(trips: Session) -> None:
    query = """SELECT TIMESTAMP '2013-06-01 10:00' AS naive, TIMESTAMPTZ '2013-06-01 10:00+02' AS zoned,
        DATE '2013-06-01' AS day, 1.50::DECIMAL(9, 2) AS money, 'nan'::DOUBLE AS nan, [1, 2] AS list,
        {'a': 1} AS struct, 170141183460469231731687303715884105727::HUGEINT AS huge, NULL AS none"""
    row = dict(ask(trips, query).view.table("rows").rows[0])
    assert row.pop("zoned").isoformat() == "2013-06-01T08:00:00+00:00"
    assert row == {"naive": "2013-06-01T10:00:00", "day": "2013-06-01", "money": 1.5, "nan": None, "list": "[1, 2]",
                   "struct": '{"a": 1}', "huge": 2**127 - 1, "none": None}


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_all_rows_go_into_a_file_which_is_never_replaced(trips: Session, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out.{ending}"
    outcome = ask(trips, "SELECT range AS n FROM range(500)", "--limit", "2", "--out", str(out))
    assert outcome.exit == 0
    assert duckdb.connect().execute(f"SELECT count(*), sum(n) FROM '{out}'").fetchall() == [(500, 124750)]
    again = refused(trips, "SELECT 1", "--out", str(out))
    assert "exists already" in again["what"]
    assert [path.name for path in tmp_path.glob(".out*")] == []


# -- what cannot ------------------------------------------------------------------------------------------------


CHANGES = (
    "DROP TABLE trips", "INSERT INTO trips VALUES (1)", "CREATE TABLE x AS SELECT 1", "UPDATE trips SET id = 1",
    "DELETE FROM trips", "COPY trips TO 'x.csv'", "ATTACH 'x.db'", "INSTALL httpfs", "LOAD httpfs", "PRAGMA version",
    "SET memory_limit = '99GB'", "SELECT 1; DROP TABLE trips", "SELECT 1; SELECT 2", "EXPLAIN DROP TABLE trips",
    "DESCRIBE x; DROP TABLE trips", "CALL duckdb_functions()", "EXPORT DATABASE 'x'", "", "SELECT", "CHECKPOINT",
    "SUMMARIZE DROP TABLE trips", "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'")
ELSEWHERE = (
    "read_csv('SECRET')", "read_text('SECRET')", "read_blob('SECRET')", "'SECRET'", "glob('*')",
    "read_parquet('SECRET')", "read_json('SECRET')", "duckdb_settings()", "duckdb_views()", "duckdb_secrets()",
    "query('SELECT 1')",
    "query_table('x')", "parquet_metadata('SECRET')", "sniff_csv('SECRET')", "information_schema.tables",
    "pragma_table_info('trips')", "read_duckdb('SECRET')", "sqlite_master", "pg_catalog.pg_class",
    "(SELECT * FROM (SELECT * FROM read_text('SECRET')))")


def test_what_is_no_question_is_refused(trips: Session) -> None:
    before = sorted(path for path in trips.declared().root.rglob("*"))
    assert [query for query in CHANGES if ask(trips, query).exit != 2] == []
    assert sorted(path for path in trips.declared().root.rglob("*")) == before
    assert rows(trips, "SELECT count(*) FROM trips") == [(3,)]


def test_nothing_is_read_but_what_has_a_name_here(trips: Session) -> None:
    secret = trips.declared().root / "secret.csv"
    secret.write_text("a\nCANARY\n")
    for source in ELSEWHERE:
        query = f"SELECT * FROM {source.replace('SECRET', str(secret))}"
        for asked in (query, f"WITH a AS ({query}) SELECT (SELECT count(*) FROM a) FROM trips", f"DESCRIBE {query}"):
            outcome = ask(trips, asked)
            assert outcome.exit == 2, asked
            assert "CANARY" not in str(outcome), asked


def test_a_file_of_the_lake_is_not_read_under_a_name_that_is_defined_elsewhere(trips: Session) -> None:
    [file, *_] = (trips.data().root / "trips").rglob("*.parquet")
    query = f"""SELECT u.* FROM (WITH "{file}" AS (SELECT 1 AS a) FROM "{file}") t, "{file}" u"""
    assert refused(trips, query)["what"].startswith("No table '")


def test_even_what_the_parser_would_let_through_reaches_no_file(trips: Session) -> None:
    """DuckDB itself is closed: a second wall behind the first."""
    secret = trips.declared().root / "secret.csv"
    secret.write_text("a\nCANARY\n")
    for text in (f"SELECT * FROM read_csv('{secret}')", f"SELECT * FROM '{secret}'", f"COPY (SELECT 1) TO '{secret}'"):
        with Console(trips.data().root, 5) as console, pytest.raises(Refusal, match="disabled by configuration"):
            console.answer(Asked((), (), (), (), text), 10)


WRONG = (
    ("SELECT * FROM trip", "No table 'trip'.", "Did you mean 'trips'?"),
    ("SELECT * FROM events", "No table 'events'.", "Tables: flights, trips"),
    ("SELECT * FROM finding", "No table 'finding'.", "Did you mean 'findings'?"),
    ("SELECT cty FROM trips", "No column 'cty'.", "Did you mean 'city'?"),
    ("SELECT t.fair FROM trips t", "No column 'fair'.", "Did you mean 'fare'?"),
    ('SELECT * FROM "trips@frist"', "No snapshot 'frist' of 'trips'.", "Try: mlops-tui snapshot log trips"),
    ("SELECT * FROM flights", "'flights' has no data yet.", "Try: mlops-tui ingest flights --file FILE"),
    ("SELECT * FROM flights-delay.features", "The SQL cannot be parsed", "A name with a hyphen goes into double"),
    ("SELECT FROM WHERE", "The SQL cannot be parsed", "Write it as DuckDB reads it."),
    ("SELECT nosuch(id) FROM trips", "nosuch", ""))


def test_what_is_wrong_is_said_with_the_nearest_name(trips: Session) -> None:
    for query, what, hint in WRONG:
        error = refused(trips, query)
        assert (what in error["what"], hint in error["next"]) == (True, True), error


def test_it_ends_in_time(trips: Session) -> None:
    error = refused(trips, "SELECT count(*) FROM range(100000000) a, range(100000) b", "--seconds", "0.3")
    assert error["what"] == "It took longer than 0.3 s and was stopped."


def test_ctrl_c_ends_it(trips: Session) -> None:
    root = str(trips.declared().root)
    query = "SELECT count(*) FROM range(100000000) a, range(100000) b"
    running = subprocess.Popen([sys.executable, "-P", "-m", "mlops_tui", "--project", root, "sql", query], cwd=root,
                               stderr=subprocess.PIPE, text=True)
    while running.poll() is None and psutil.Process(running.pid).cpu_times().user < 2.5:  # it has long begun
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said


# -- elsewhere --------------------------------------------------------------------------------------------------


def elsewhere(session: Session, source: str = "slack") -> Session:
    return session.acting_as(replace(session.actor, source=source))


def test_in_slack_secret_columns_are_not_shown_whatever_is_asked_of_them(trips: Session) -> None:
    slack = elsewhere(trips)
    assert rows(slack, "SELECT id, email FROM trips ORDER BY id")[0] == (2, None)
    assert rows(slack, "SELECT count(email), max(email || '!'), max(lower(email)) FROM trips") == [(0, None, None)]
    assert rows(slack, "SELECT email FROM trips.quarantine") == [(None,)]
    outcome = ask(slack, "SELECT email FROM trips")
    assert any(isinstance(part, Text) and "email is not shown in slack" in part.body for part in outcome.view.parts)
    assert rows(trips, "SELECT max(email) FROM trips") == [("e@x",)]


def test_in_slack_profile_and_quarantine_show_nothing_of_secret_columns_either(
        trips: Session, project: Path, clock: ReplayClock) -> None:
    path = project / "datasets/trips.yaml"
    path.write_text(CONTRACT.replace("{name: email, ", "{name: email, logicalTypeOptions: {maxLength: 3}, "))
    session = open_project(project, person="ana", clock=clock, source="terminal")
    (project / "d.csv").write_text("id,city,email,fare\n9,LON,hush@x,6\n8,LON,z@x,6\n")
    session.perform(["ingest", "trips", "--file", str(project / "d.csv")])
    for argv, there in ((["profile", "trips"], "z@x"), (["quarantine", "show", "trips", _batch(session)], "hush@x")):
        here, slack = (as_json(asked.perform(argv).view, tuple(argv)) for asked in (session, elsewhere(session)))
        assert (there in here, there in slack) == (True, False), argv


def _batch(session: Session) -> str:
    found = session.perform(["quarantine", "list", "trips"]).view.table("batches").rows
    return next(str(row["batch"]) for row in found if "email:" in str(row["rules"]))


def test_a_column_that_the_contract_gave_up_is_not_read_from_older_files(trips: Session, project: Path,
                                                                         clock: ReplayClock) -> None:
    email = "      - {name: email, classification: Confidential}\n"
    (project / "datasets/trips.yaml").write_text(CONTRACT.replace(email, ""))
    session = open_project(project, person="ana", clock=clock, source="terminal")
    (project / "c.csv").write_text("id,city,fare\n9,LON,6\n")
    assert session.perform(["ingest", "trips", "--file", str(project / "c.csv")]).exit == 0
    found = rows(elsewhere(session), "SELECT * FROM trips ORDER BY id DESC LIMIT 2")
    assert found == [(9, "LON", 6.0), (5, "NYC", None)]


def test_in_slack_rows_are_few_and_files_and_plans_are_not_for_it(trips: Session) -> None:
    slack = elsewhere(trips)
    assert len(ask(slack, "SELECT * FROM range(1000)", "--limit", "500").view.table("rows").rows) == MOST
    assert ask(slack, "SELECT 1", "--out", "x.csv").exit == 4
    assert ask(slack, "EXPLAIN SELECT * FROM trips").exit == 4


def test_a_look_leaves_nothing_behind(trips: Session) -> None:
    before = trips.ledger.head_seq()
    files = {path for path in trips.declared().root.rglob("*") if path.is_file() and "ledger.db" not in path.name}
    assert ask(trips, "SELECT * FROM trips ORDER BY id").view.status is Status.DONE
    after = {path for path in trips.declared().root.rglob("*") if path.is_file() and "ledger.db" not in path.name}
    assert (trips.ledger.head_seq(), after) == (before, files)


def test_its_document_is_json(trips: Session) -> None:
    outcome = ask(trips, "SELECT 'nan'::DOUBLE AS x, id FROM trips ORDER BY id LIMIT 1")
    document = json.loads(as_json(outcome.view, ("sql",)))
    assert document["tables"]["rows"] == {"rows": [{"x": None, "id": 2}], "total": 1}
