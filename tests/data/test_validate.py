"""validate finds exactly the rows that were planted, with every rule each broke, and loses none."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.commands import Outcome, perform
from mlops_tui.opening import open_project
from mlops_tui.session import without_project
from mlops_tui.view import Status, Text
from store.facts import Finding

CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: people
version: 1.0.0
status: active
schema:
  - name: people
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: age, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0, maximum: 120}}
      - {name: score, logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0, exclusiveMaximum: 1}}
      - {name: code, logicalType: string, logicalTypeOptions: {pattern: "^[A-Z]{3}$", minLength: 3, maxLength: 3}}
      - name: status
        logicalType: string
        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [new, old]}}]
      - {name: at, logicalType: timestamp, required: true, logicalTypeOptions: {timezone: true}}
    quality:
      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [code, status, age, score]}}
      - type: sql
        name: young and old
        mustBe: 0
        query: SELECT COUNT(*) FROM people WHERE age < 3 AND status = 'old'
"""


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "people.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    return path


def run(folder: Path, *argv: str) -> Outcome:
    return perform(without_project(folder, perform), ["validate", *argv])


def read(path: Path) -> list[dict[str, Any]]:
    found = duckdb.connect().execute(f"SELECT * FROM '{path}'")
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


# -- planted rows -----------------------------------------------------------------------------------------------


def planted(rows: int, seed: int) -> tuple[dict[str, list[Any]], dict[int, set[str]]]:
    """Good rows with bad ones among them, and the truth: which rules each bad row breaks."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    table: dict[str, list[Any]] = {
        "id": list(range(rows)), "age": rng.integers(3, 121, rows).tolist(),
        "score": rng.uniform(0.01, 0.99, rows).tolist(),
        "code": ["".join(each) for each in rng.choice(letters, (rows, 3))],
        "status": rng.choice(["new", "old"], rows).tolist(), "at": ["2013-06-01T10:00:00Z"] * rows}
    spoil = [("age", None), ("age", -1), ("age", 121), ("score", 0.0), ("score", 1.0), ("code", "abc"), ("code", "AB"),
             ("code", "ABCD"), ("status", "gone"), ("at", "2013-06-01T10:00:00"), ("at", None), ("at", "noon"),
             ("id", None), ("id", 0), ("age", 1)]
    for place, row in enumerate(rng.choice(np.arange(1, rows), rows // 15, replace=False).tolist()):
        for step in range(1 + place % 3):
            column, value = spoil[(place + 4 * step) % len(spoil)]
            table[column][row] = value
    for row in range(5, rows, 500):  # the same again, but for its id
        for column in ("code", "status", "age", "score"):
            table[column][row] = table[column][row - 5]
    truth, ids, seen = {}, set[int](), set[tuple[Any, ...]]()
    for number in range(rows):
        row = {name: values[number] for name, values in table.items()}
        key = tuple(row[name] for name in ("code", "status", "age", "score"))
        broken = broken_by(row) | ({"id:unique"} if row["id"] in ids else set())
        broken |= {"code,status,age,score:unique"} if key in seen else set()
        ids |= {row["id"]} - {None}
        seen |= {key} if None not in key else set()
        if broken:
            truth[number] = broken
    return table, truth


def broken_by(row: dict[str, Any]) -> set[str]:
    """The contract above, said again in Python."""
    age, score, code, at = row["age"], row["score"], row["code"], row["at"]
    says = {
        "id:required": row["id"] is None, "age:required": age is None, "age:minimum": age is not None and age < 0,
        "age:maximum": age is not None and age > 120, "score:exclusive_minimum": score <= 0,
        "score:exclusive_maximum": score >= 1, "code:pattern": not (len(code) == 3 and code.isupper()),
        "code:min_length": len(code) < 3, "code:max_length": len(code) > 3,
        "status:valid_values": row["status"] not in ("new", "old"), "at:required": at is None, "at:type": at == "noon",
        "at:time_zone": at == "2013-06-01T10:00:00",
        "people:young_and_old": age is not None and age < 3 and row["status"] == "old"}
    return {rule for rule, broken in says.items() if broken}


def write(table: dict[str, list[Any]], path: Path) -> Path:
    made = pa.table(table)
    if path.suffix == ".parquet":
        pq.write_table(made, path, row_group_size=700)
    elif path.suffix == ".csv":
        duckdb.connect().from_arrow(made).write_csv(str(path))
    else:
        path.write_text("\n".join(json.dumps(row) for row in made.to_pylist()), encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("out", ["parquet", "csv"])
def test_exactly_the_planted_rows_are_bad_with_every_rule_each_broke(contract: Path, tmp_path: Path, ending: str,
                                                                     out: str) -> None:
    table, truth = planted(3000, seed=7)
    file = write(table, tmp_path / f"people.{ending}")
    good, bad = tmp_path / f"good.{out}", tmp_path / f"bad.{out}"
    outcome = run(tmp_path, str(contract), str(file), "--good", str(good), "--quarantine", str(bad))
    assert outcome.exit == 1, outcome.error
    facts = outcome.view.facts()
    assert (facts["rows"], facts["good_rows"], facts["bad_rows"]) == (3000, 3000 - len(truth), len(truth))
    found = {row["_row"]: row["_rules"] if out == "parquet" else json.loads(row["_rules"]) for row in read(bad)}
    assert {row: set(rules) for row, rules in found.items()} == truth
    counts = {f"{row['column']}:{row['rule']}": row["violations"] for row in outcome.view.table("rules").rows}
    for rule in set().union(*truth.values()):
        assert counts[rule] == sum(rule in rules for rules in truth.values())
    assert sum(map(int, counts.values())) == sum(map(len, truth.values()))
    kept = [row["id"] for row in read(good)]
    assert list(map(str, kept)) == [str(table["id"][row]) for row in range(3000) if row not in truth]


def test_the_columns_of_both_halves_are_those_of_the_file(contract: Path, tmp_path: Path) -> None:
    table, truth = planted(400, seed=1)
    table["more"] = [f"m{row}" for row in range(400)]
    file = write(table, tmp_path / "people.parquet")
    run(tmp_path, str(contract), str(file), "--good", str(tmp_path / "g.parquet"), "--quarantine",
        str(tmp_path / "q.parquet"))
    rows, good, bad = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("people", "g", "q"))
    assert (good.column_names, good.schema.types) == (rows.column_names, rows.schema.types)
    assert bad.column_names == [*rows.column_names, "_row", "_rules"]
    taken = {row["_row"]: row["more"] for row in bad.to_pylist()}
    assert taken == {row: f"m{row}" for row in truth}


Value = st.one_of(st.none(), st.integers(-5, 5))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(Value, Value, st.sampled_from(["a", "b", "", None])), max_size=25))
def test_good_and_bad_rows_together_are_all_rows(tmp_path_factory: pytest.TempPathFactory,
                                                 rows: list[tuple[int | None, int | None, str | None]]) -> None:
    folder = tmp_path_factory.mktemp("split")
    (folder / "c.yaml").write_text(CONTRACT.split("schema:")[0] + """schema:
  - name: t
    properties:
      - {name: a, logicalType: integer, unique: true}
      - {name: b, logicalType: integer, required: true, logicalTypeOptions: {minimum: -2, maximum: 3}}
      - {name: c, logicalType: string, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [a]}}]}
""")
    names = ("a", "b", "c")
    table = {name: pa.array([row[place] for row in rows], pa.string() if name == "c" else pa.int64())
             for place, name in enumerate(names)}
    pq.write_table(pa.table(table), folder / "t.parquet")
    outcome = run(folder, str(folder / "c.yaml"), str(folder / "t.parquet"), "--good", str(folder / "g.parquet"),
                  "--quarantine", str(folder / "q.parquet"))
    good, bad = read(folder / "g.parquet"), read(folder / "q.parquet")
    seen: set[int] = set()
    truth: dict[int, set[str]] = {}
    for number, (a, b, c) in enumerate(rows):
        broken = {"a:unique"} if a is not None and a in seen else set()
        broken |= {"b:required"} if b is None else {"b:minimum"} if b < -2 else {"b:maximum"} if b > 3 else set()
        broken |= {"c:valid_values"} if c not in (None, "a") else set()
        seen |= {a} if a is not None else set()
        if broken:
            truth[number] = broken
    assert {row["_row"]: set(row["_rules"]) for row in bad} == truth
    assert [tuple(row[name] for name in names) for row in good] == [
        row for number, row in enumerate(rows) if number not in truth]
    assert outcome.exit == (1 if truth else 0)


def test_nan_is_no_number_even_where_the_statistics_of_a_file_leave_it_out(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT.split("schema:")[0] + """schema:
  - {name: t, properties: [{name: a, logicalType: number, logicalTypeOptions: {maximum: 3}}]}
""")
    pq.write_table(pa.table({"a": pa.array([-2.0, float("nan")])}), tmp_path / "t.parquet")
    assert run(tmp_path, str(tmp_path / "c.yaml"), str(tmp_path / "t.parquet")).view.facts()["bad_rows"] == 0


# -- verdicts ---------------------------------------------------------------------------------------------------

SMALL = CONTRACT.split("schema:")[0]


def validated(folder: Path, properties: str, csv: str, quality: str = "") -> Outcome:
    rules = f", quality: {quality}" if quality else ""
    (folder / "c.yaml").write_text(f"{SMALL}schema: [{{name: t, properties: [{properties}]{rules}}}]\n")
    (folder / "t.csv").write_text(csv)
    return run(folder, str(folder / "c.yaml"), str(folder / "t.csv"))


def test_all_good_is_a_pass(tmp_path: Path) -> None:
    outcome = validated(tmp_path, "{name: a, required: true}", "a\nx\n")
    assert (outcome.view.status, outcome.exit) == (Status.PASS, 0)
    assert "All 1 rows" in outcome.view.title


def test_no_rows_are_no_pass(tmp_path: Path) -> None:
    outcome = validated(tmp_path, "{name: a, required: true}", "a\n")
    assert (outcome.view.status, outcome.view.facts()["rows"]) == (Status.WARN, 0)
    assert "no rows" in outcome.view.title


def test_json_without_a_record_has_no_rows_either(contract: Path, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("[]")
    outcome = run(tmp_path, str(contract), str(tmp_path / "t.json"), "--good", str(tmp_path / "g.parquet"),
                  "--quarantine", str(tmp_path / "q.parquet"))
    assert outcome.view.status is Status.WARN
    assert (read(tmp_path / "g.parquet"), read(tmp_path / "q.parquet")) == ([], [])


def test_a_rule_that_warns_counts_and_leaves_the_row_good(tmp_path: Path) -> None:
    warn = "customProperties: [{property: onViolation, value: warn}]"
    outcome = validated(tmp_path, f"{{name: a, required: true, {warn}}}, {{name: b}}", "a,b\n,1\nx,2\n")
    facts = outcome.view.facts()
    assert (outcome.view.status, facts["bad_rows"], facts["warned_rows"]) == (Status.WARN, 0, 1)
    assert outcome.view.title.endswith(" keep the contract; 1 warn: a:required"), outcome.view.title
    assert outcome.exit == 0


def test_a_bounded_rule_tolerates_up_to_its_bound(tmp_path: Path) -> None:
    column = "{name: a, quality: [{metric: nullValues, mustBeLessThan: 50, unit: percent}]}, {name: b}"
    within = validated(tmp_path, column, "a,b\n,1\nx,2\nx,3\n")
    assert (within.view.status, within.view.facts()["bad_rows"]) == (Status.PASS, 0)
    beyond = validated(tmp_path, column, "a,b\n,1\n,2\nx,3\n")
    assert (beyond.view.status, beyond.view.facts()["bad_rows"]) == (Status.FAIL, 2)


def test_too_few_rows_fail_the_file_and_no_row(tmp_path: Path) -> None:
    outcome = validated(tmp_path, "{name: a}", "a\nx\n", "[{metric: rowCount, mustBeGreaterOrEqualTo: 2}]")
    assert (outcome.exit, outcome.view.facts()["bad_rows"]) == (1, 0)
    [rule] = [row for row in outcome.view.table("rules").rows if row["rule"] == "row_count"]
    assert (rule["column"], rule["violations"]) == ("t", 1)


def test_more_rules_than_one_integer_holds(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(50)]
    columns = ", ".join(f"{{name: {name}, logicalType: integer, required: true, logicalTypeOptions: {{minimum: 0}}}}"
                        for name in names)
    bad = tmp_path / "q.csv"
    validated(tmp_path, columns, ",".join(names) + "\n" + ",".join(["1"] * 50) + "\n" + ",".join(["-1"] * 49) + ",\n")
    outcome = run(tmp_path, str(tmp_path / "c.yaml"), str(tmp_path / "t.csv"), "--quarantine", str(bad))
    assert outcome.view.facts()["bad_rows"] == 1
    assert json.loads(read(bad)[0]["_rules"]) == [f"c{n}:minimum" for n in range(49)] + ["c49:required"]


# -- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("properties", "said"), [
    ("{name: ab}", r"'t.csv' has no column 'ab'.*Did you mean 'abc'"),
    ("{name: abc, logicalTypeOptions: {pattern: '('}}", "rule abc:pattern does not run"),
    ("{name: abc, quality: [{type: sql, query: 'SELECT COUNT(*) FROM t WHERE abd > 1', mustBe: 0}]}",
     "rule abc:sql does not run.*abd"),
])
def test_what_cannot_be_checked_is_refused_with_its_place(tmp_path: Path, properties: str, said: str) -> None:
    outcome = validated(tmp_path, properties, "abc\n1\n")
    assert outcome.exit == 2
    assert outcome.error is not None
    assert re.search(said, " ".join(outcome.error.values()), re.DOTALL), outcome.error
    assert outcome.error["where"].endswith("c.yaml:6")


def test_damaged_files_and_missing_contracts_are_named(contract: Path, tmp_path: Path) -> None:
    table, _ = planted(400, seed=1)
    whole = write(table, tmp_path / "people.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:900])
    for argv, said in (([str(contract), "cut.parquet"], "end is missing"), ([str(contract), "no.parquet"], "No file"),
                       ([str(tmp_path / "peple.yaml"), "cut.parquet"], "No contract file")):
        outcome = run(tmp_path, argv[0], str(tmp_path / argv[1]))
        assert outcome.exit == 2
        assert said in outcome.view.title


def test_a_file_that_is_there_is_only_replaced_on_request(tmp_path: Path, contract: Path) -> None:
    file, kept, empty = tmp_path / "people.csv", tmp_path / "kept.csv", tmp_path / "empty.csv"
    file.write_text("id,age,score,code,status,at\n1,30,0.5,ABC,new,2013-06-01T10:00:00Z\n2,-1,0.5,ABC,new,noon\n")
    kept.write_text("mine\n1\n")
    empty.touch()
    for option in ("--good", "--quarantine"):
        other = "--quarantine" if option == "--good" else "--good"
        outcome = run(tmp_path, str(contract), str(file), option, str(kept), other, str(tmp_path / "new.csv"))
        assert (outcome.exit, kept.read_text()) == (2, "mine\n1\n")
        assert outcome.error is not None
        assert outcome.error["what"] == "'kept.csv' exists already."
        assert not (tmp_path / "new.csv").exists()
    run(tmp_path, str(contract), str(file), "--good", str(kept), "--quarantine", str(empty), "--overwrite")
    assert [row["id"] for row in read(kept)] == [1]
    assert [row["id"] for row in read(empty)] == [2]


def test_it_never_writes_over_what_it_reads(contract: Path, tmp_path: Path) -> None:
    table, _ = planted(400, seed=1)
    file = write(table, tmp_path / "people.parquet")
    before = file.read_bytes()
    outcome = run(tmp_path, str(contract), str(file), "--good", str(file))
    assert outcome.exit == 2
    assert "is the file that is read" in outcome.view.title
    assert file.read_bytes() == before
    assert run(tmp_path, str(contract), str(file), "--good", str(tmp_path / "no" / "g.parquet")).exit == 2
    assert run(tmp_path, str(contract), str(file), "--good", str(tmp_path / "g.xlsx")).exit == 2


# -- what is said of them ----------------------------------------------------------------------------------------


def test_the_first_bad_rows_are_shown_with_what_stands_there(tmp_path: Path, contract: Path) -> None:
    rows = [f"{number},{-number},0.5,ABC,new,2013-06-01T10:00:00Z" for number in range(1, 8)]
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["id,age,score,code,status,at", "9,,0.5,ABC,new,2013-06-01T10:00:00", *rows]) + "\n")
    outcome = run(tmp_path, str(contract), str(file))
    shown = outcome.view.table("bad_rows")
    assert len(shown.rows) == 5
    assert shown.title == "The first 5 of 8 bad rows, counted from 0"
    assert shown.rows[0] == {"row": 0, "rules": ("age:required", "at:time_zone"),
                             "values": ("age=(nothing)", "at=2013-06-01T10:00:00")}
    assert (shown.rows[1]["rules"], shown.rows[1]["values"]) == (("age:minimum",), ("age=-1",))
    assert [action.argv for action in outcome.view.actions] == [
        ("validate", str(contract), str(file), "--quarantine", "people-bad.csv")]
    told = [part.body for part in outcome.view.parts if isinstance(part, Text)]
    assert told == ["at: 1 times are not with a time zone. Write them so (2013-06-01T12:00:00-04:00), or declare "
                    "logicalTypeOptions: {timezone: false}."]


# -- in a project -----------------------------------------------------------------------------------------------


def test_a_declared_dataset_is_validated_by_name_and_leaves_a_finding(project: Path) -> None:
    (project / "day.csv").write_text("id,sched_dep,day,late\n1,2013-06-01 10:00:00,2013-06-01,true\n1,,2013-06-01,\n")
    session = open_project(project, person="ana")
    outcome = session.perform(["validate", "flights", str(project / "day.csv")])
    assert outcome.view.facts()["bad_rows"] == 1, outcome.error
    [entry] = session.ledger.entries("finding")
    assert isinstance(entry.fact, Finding)
    assert (entry.fact.check, entry.subject, entry.fact.status, entry.fact.n) == ("validate", "flights", "fail", 2)
    assert entry.fact.detail["rules"] == {"id:unique": 1}
    wrong = session.perform(["validate", "flihgts", str(project / "day.csv")])
    assert wrong.error is not None
    assert "Did you mean 'flights'" in wrong.error["next"]


def test_no_path_is_taken_from_slack(project: Path, contract: Path) -> None:
    session = open_project(project, person="ana", source="slack")
    outcome = session.perform(["validate", "flights", str(project / "mlops.yaml")])
    assert outcome.view.status is Status.DENIED
