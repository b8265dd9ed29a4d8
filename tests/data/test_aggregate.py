"""Private answers: no person counts more than declared, nothing is told beyond the budget, whoever asks at once."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from fractions import Fraction
from math import exp, sqrt
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from mlops_tui.analysis.privacy import in_steps, quantile_scores
from mlops_tui.capability import Capability
from mlops_tui.commands import perform
from mlops_tui.data._answered import NOTHING, Answer, Question, answered, combinations, sensitivities
from mlops_tui.data._bounded import Bounded, sums
from mlops_tui.data.aggregate import aggregate
from mlops_tui.opening import open_project
from mlops_tui.privacy import noise
from mlops_tui.session import ReplayClock, Session, without_project
from mlops_tui.view import Status

ROOT = Path(__file__).parents[2]
TRIPS = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, required: true, unique: true, primaryKey: true}
      - {name: person, logicalType: integer}
      - {name: delay, logicalType: number}
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 900}}
      - {name: weight, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: carrier, logicalType: string}
      - {name: town, logicalType: string}
customProperties:
  - property: privacy
    value:
      unit: person
      contributions: 3
      bounds: {delay: [-60, 600]}
      groups: {carrier: [AA, UA, ZZ]}
      budget: {epsilon: 2, delta: 1e-5, per_role: {engineer: 2, viewer: 1}}
"""
ROWS = """SELECT i AS id, i % 700 AS person, CAST(i % 50 AS DOUBLE) AS delay, 5.0 AS price, 1.0 AS weight,
  ['AA', 'UA', 'DL'][CAST(i % 3 + 1 AS INTEGER)] AS carrier, CASE WHEN i = 0 THEN 'Hamlet' ELSE 'City' END AS town
  FROM range(2000) t(i)"""


@pytest.fixture
def asked(project: Path, session: Callable[..., Session]) -> Callable[..., Any]:
    """Ask as a person: the words after `aggregate trips --measure`."""
    (project / "datasets" / "trips.yaml").write_text(TRIPS, encoding="utf-8")
    rows = project / "rows.parquet"
    duckdb.sql(f"COPY ({ROWS}) TO '{rows}' (FORMAT parquet)")
    assert open_project(project, person="ana", clock=ReplayClock(session("ana").now()), source="terminal").perform(
        ["ingest", "trips", "--file", str(rows)]).exit == 0

    def ask(measure: str, *words: str, who: str = "ana", epsilon: float = 0.5) -> Any:
        return session(who).perform(["aggregate", "trips", "--measure", measure, "--epsilon", str(epsilon), *words])

    return ask


# -- what one person can change -----------------------------------------------------------------------------------


def made_up(chance: Random) -> list[tuple[Any, ...]]:
    """Rows of few persons: one with very many, nobody's, wild values, groups nobody declared."""
    persons = [None, 1, 2, 2, 3, *([9] * 8)]
    values = [-1e9, -60.0, -3.3, 0.0, 12.25, 600.0, 1e12, float("nan"), None]
    return [(chance.choice(persons), chance.choice(["a", "b", "c", None]), chance.choice(values), number)
            for number in range(chance.randrange(0, 40))]


def relation(cursor: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]) -> str:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    kinds = {"person": "BIGINT", "g": "VARCHAR", "x": "DOUBLE", "id": "BIGINT"}
    asked = ", ".join(f"unnest(CAST(${name} AS {kind}[])) AS {name}" for name, kind in kinds.items())
    cursor.execute(f"CREATE OR REPLACE TABLE t AS SELECT {asked}", dict(zip(kinds, columns, strict=True)))
    return "t"


MEASURES = [("count", ""), ("sum", "x"), ("mean", "x"), ("histogram", "x"), ("quantile", "x")]


@pytest.mark.parametrize(("measure", "column", "choice"), [*((*each, ("id",)) for each in MEASURES), ("mean", "x", ())])
def test_a_persons_rows_change_the_exact_numbers_by_no_more_than_the_stated_sensitivity(
        measure: str, column: str, choice: tuple[str, ...]) -> None:
    cursor, chance, largest = duckdb.connect(), Random(f"{measure}{choice}"), 0.0
    edges = in_steps(-60, 600, whole=False) if column else None
    cells = 6 if measure in ("histogram", "quantile") else 0
    known = {"g": ("a", "b", "z")}
    kept = Bounded("person", 2, ("g",), known, column, edges, cells, choice)
    question = Question(measure, kept, combinations(known, ("g",)), 1.0, 0.0, Fraction(3, 10))
    stated = sensitivities(question)
    for _ in range(8):
        rows = made_up(chance)
        whole = vectors(question, cursor, relation(cursor, rows))
        for person in {row[0] for row in rows}:
            without = vectors(question, cursor, relation(cursor, [row for row in rows if row[0] != person]))
            for part, limit in stated.items():
                differences = [abs(a - b) for a, b in zip(whole[part], without[part], strict=True)]
                moved = max(differences) if measure == "quantile" else sum(differences)
                assert moved <= limit
                largest = max(largest, moved / limit)
    assert largest > 0.5, "the bound is not only kept, it is nearly reached"


def vectors(question: Question, cursor: duckdb.DuckDBPyConnection, table: str) -> dict[str, list[int]]:
    """The exact numbers that get noise, by part of the measure."""
    found, keys = sums(cursor, table, question.kept), question.keys or ()
    rows = [found.get(key, NOTHING) for key in keys]
    cells = [[found.get((*key, str(cell)), NOTHING).rows for cell in range(question.kept.cells)] for key in keys]
    return {"count": [each.rows for each in rows], "histogram": [each for row in cells for each in row],
            "sum": [each.centred if question.measure == "mean" else each.total for each in rows],
            "quantile": [score for row in cells for score in quantile_scores(row, question.at)]}


def test_which_rows_of_a_person_count_does_not_depend_on_their_order() -> None:
    cursor, chance = duckdb.connect(), Random(8)
    rows = [(1, chance.choice("ab"), float(number), number) for number in range(50)]
    kept = Bounded("person", 3, ("g",), None, "x", in_steps(0, 50, whole=True), 0, ("id",))
    one = sums(cursor, relation(cursor, rows), kept)
    chance.shuffle(rows)
    assert sums(cursor, relation(cursor, rows), kept) == one
    assert sum(each.rows for each in one.values()) == 3


def test_sums_are_exact_and_clamped() -> None:
    cursor = duckdb.connect()
    table = relation(cursor, [(1, "a", 0.1, 1), (2, "a", 0.2, 2), (3, "a", 1e300, 3), (4, "a", float("nan"), 4),
                              (5, "a", None, 5)])
    found = sums(cursor, table, Bounded("person", 1, (), None, "x", in_steps(0, 1, whole=False)))
    assert (found[()].rows, found[()].total) == (3, 13_000)


# -- the noise ----------------------------------------------------------------------------------------------------


def test_the_noise_of_an_answer_has_the_scale_that_theory_says(tmp_path: Path) -> None:
    """10,000 empty cells are 10,000 draws: E|X| = 2q / (1 − q²), q = e^(−ε/contributions); a false alarm comes once in
    a million runs."""
    path = tmp_path / "one.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS person, 0.5 AS x) TO '{path}' (FORMAT parquet)")
    words = ["aggregate", "release", "--file", str(path), "--unit", "person", "--contributions", "2", "--measure",
             "histogram:x", "--cells", "10000", "--bounds", "x=0:1", "--epsilon", "0.5"]
    outcome = perform(without_project(tmp_path, perform), words)
    drawn = [int(str(row["value"])) for row in outcome.view.table("values").rows if row["start"] != 0.5]
    assert len(drawn) == 9_999
    q = exp(-0.5 / 2)
    mean, square = 2 * q / (1 - q * q), 2 * q / (1 - q) ** 2
    assert abs(sum(map(abs, drawn)) / len(drawn) - mean) < 5.5 * sqrt((square - mean * mean) / len(drawn))
    assert abs(sum(drawn)) / len(drawn) < 5.5 * sqrt(square / len(drawn)), "nor has it a side"
    assert outcome.view.status is Status.WARN
    assert any("No budget is kept" in str(part) for part in outcome.view.parts)


class Silent:
    """No noise at all, to see what it is put on."""

    def __getattr__(self, name: str) -> Any:
        return {"laplace": lambda values, scale: list(values), "within": lambda scale, alpha=0.05: 0.0,
                "least": lambda scores, scale: scores.index(min(scores)),
                "thresholded": lambda counts, scale, threshold: dict(counts),
                "threshold_for": lambda limit, scale, delta: 1}[name]


@pytest.mark.parametrize(("measure", "value"), [("count", 4), ("sum", 70.0), ("mean", 17.5), ("quantile", 20.0)])
def test_without_noise_an_answer_is_the_plain_one(measure: str, value: float) -> None:
    cursor = duckdb.connect()
    table = relation(cursor, [(number, "a", float(x), number) for number, x in enumerate((5, 15, 20, 30))])
    column, edges = ("x", in_steps(0, 40, whole=True)) if measure != "count" else ("", None)
    kept = Bounded("person", 1, ("g",), {"g": ("a", "b")}, column, edges, 8 if measure == "quantile" else 0)
    answer: Answer = answered(Silent(), cursor, table, Question(measure, kept, (("a",), ("b",)), 1.0, 0.0))
    first, second = answer.rows
    assert (first["g"], first["value"], second["g"]) == ("a", value, "b")


def test_a_declared_group_without_rows_has_an_answer_and_others_have_none(asked: Callable[..., Any]) -> None:
    rows = asked("count", "--by", "carrier").view.table("values").rows
    assert [row["carrier"] for row in rows] == ["AA", "UA", "ZZ"], "DL is in the rows, and was not declared"
    assert rows[2]["value"] is not None
    assert all(row["low"] < row["value"] < row["high"] for row in rows)


def test_negative_counts_are_left_and_said() -> None:
    cursor = duckdb.connect()
    known = {"g": tuple(f"nobody {number}" for number in range(40))}
    kept = Bounded("person", 5, ("g",), known)
    question = Question("count", kept, combinations(known, ("g",)), 0.1, 0.0)
    rows = answered(noise, cursor, relation(cursor, []), question).rows
    assert min(int(str(row["value"])) for row in rows) < 0, "40 draws without a negative one: once in 2^40"


def test_groups_that_nobody_declared_need_a_delta_and_hide_a_single_person(asked: Callable[..., Any]) -> None:
    refused = asked("mean:delay", "--by", "town")
    assert refused.exit == 2
    assert "groups: {town: [...]}" in refused.error["next"]
    rows = asked("mean:delay", "--by", "town", "--delta", "1e-6").view.table("values").rows
    assert [row["town"] for row in rows] == ["City"], "Hamlet has one person"
    counts = asked("count", "--by", "town", "--delta", "1e-6").view.table("values").rows
    assert [row["town"] for row in counts] == ["City"]


# -- bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("measure", "says"), [
    ("mean:price", "declare privacy: {bounds: {price: [0, 900]}}"), ("sum:weight", "{weight: [0, HIGH]}"),
    ("mean:id", "{id: [LOW, HIGH]}")])
def test_an_unbounded_column_is_refused_with_the_bounds_to_declare_and_nothing_of_its_rows(
        asked: Callable[..., Any], measure: str, says: str) -> None:
    outcome = asked(measure)
    assert outcome.exit == 2
    assert says in outcome.error["next"]
    assert "1999" not in str(outcome.error), "the largest id is nobody's business"


@pytest.mark.parametrize(("measure", "words", "says"), [
    ("mean:dely", (), "Did you mean 'delay'?"), ("median:delay", (), "'mean'?"), ("mean", (), "Write count"),
    ("cuont", (), "Did you mean 'count'?"), ("quantile:delay:1.5", (), "quantile:COLUMN:0.5"),
    ("mean:carrier", (), "Ask for count"), ("count", ("--by", "person"), "other columns"),
    ("count", ("--by", "carier"), "Did you mean 'carrier'?"), ("count", ("--by", "town", "--delta", "0.5"), "1e-6"),
    ("count", ("--unit", "id"), "A dataset declares them")])
def test_what_cannot_be_asked_is_refused_with_what_can(asked: Callable[..., Any], measure: str, words: tuple[str, ...],
                                                       says: str) -> None:
    outcome = asked(measure, *words)
    assert outcome.exit == 2
    assert says in outcome.error["next"]


def test_a_budget_that_is_not_declared_is_no_budget(asked: Callable[..., Any], project: Path) -> None:
    path = project / "datasets" / "trips.yaml"
    path.write_text(TRIPS.replace("      budget: {epsilon: 2, delta: 1e-5, per_role: {engineer: 2, viewer: 1}}\n", ""),
                    encoding="utf-8")
    assert "declares no privacy budget" in asked("count").error["what"]
    path.write_text(TRIPS.replace("[-60, 600]", "[600, -60]"), encoding="utf-8")
    assert asked("count").error["where"].endswith("trips.yaml:21")


def test_bounds_too_wide_to_count_between_are_refused_before_anything_is_spent(
        asked: Callable[..., Any], project: Path, session: Callable[..., Session]) -> None:
    path = project / "datasets" / "trips.yaml"
    path.write_text(TRIPS.replace("[-60, 600]", "[0, 1.0e+19]"), encoding="utf-8")
    assert "too wide" in asked("sum:delay").error["what"]
    assert left(session("ana"))["all"] == 2


# -- the budget ---------------------------------------------------------------------------------------------------


def left(asked_by: Session) -> Mapping[str, float]:
    rows = asked_by.perform(["aggregate", "budget", "trips"]).view.table("budget").rows
    return {str(row["whose"]): float(str(row["left"])) for row in rows}


def test_the_budget_is_kept_and_refuses_what_is_beyond_it(asked: Callable[..., Any],
                                                          session: Callable[..., Session]) -> None:
    assert [asked("sum:delay", "--by", "carrier", epsilon=e).exit for e in (0.7, 0.6, 0.5)] == [0, 0, 0]
    outcome = asked("count", epsilon=0.3)
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert "ε 1.8 of 2 is spent on 'trips'; 0.3 more would make 2.1" in outcome.view.title
    assert left(session("ana")) == pytest.approx({"all": 0.2, "engineer": 0.2, "viewer": 1.0})
    assert asked("count", epsilon=0.2).exit == 0, "to the last bit: 1.8 + 0.2 is 2"
    assert left(session("ana"))["all"] == 0


def test_the_same_question_of_the_same_rows_is_answered_again_for_nothing(asked: Callable[..., Any]) -> None:
    first, again = asked("mean:delay", "--by", "carrier"), asked("mean:delay", "--by", "carrier")
    assert again.view.table("values") == first.view.table("values")
    assert (again.view.facts()["repeated"], again.view.facts()["cost"]) == (True, 0)
    assert again.view.facts()["epsilon_left"] == 1.5
    assert asked("mean:delay", "--by", "carrier", epsilon=0.4).view.facts()["repeated"] is False


def test_a_role_that_is_told_anothers_answer_pays_of_its_own_share(asked: Callable[..., Any],
                                                                   session: Callable[..., Session]) -> None:
    told = asked("count", epsilon=0.9, who="ana").view.table("values")
    assert asked("count", epsilon=0.9, who="vera").view.table("values") == told
    assert left(session("ana")) == pytest.approx({"all": 1.1, "engineer": 1.1, "viewer": 0.1})
    refused = asked("sum:delay", epsilon=0.2, who="vera")
    assert refused.exit == 1
    assert "of the 1 of viewer" in refused.view.title
    assert asked("count", epsilon=0.9, who="bo").exit == 4, "approvers have no share"


def test_a_crash_after_spending_has_spent(asked: Callable[..., Any], session: Callable[..., Session],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> None:
        raise OSError("the power went")

    monkeypatch.setattr("mlops_tui.data.aggregate.answered", crash)
    assert asked("count").exit == 3
    monkeypatch.undo()
    assert left(session("ana"))["all"] == 1.5, "noise may have been seen: it is spent"
    assert asked("count").view.facts()["epsilon_left"] == 1.0


def test_delta_has_a_budget_too(asked: Callable[..., Any]) -> None:
    assert asked("count", "--by", "town", "--delta", "9e-6", epsilon=0.1).exit == 0
    refused = asked("sum:delay", "--by", "town", "--delta", "2e-6", epsilon=0.1)
    assert refused.exit == 1
    assert refused.view.title.startswith("Refused: δ")


def test_within_a_period_what_is_older_counts_no_more(asked: Callable[..., Any], project: Path, clock: ReplayClock,
                                                      session: Callable[..., Session]) -> None:
    path = project / "datasets" / "trips.yaml"
    path.write_text(TRIPS.replace("budget: {epsilon: 2,", "budget: {epsilon: 2, period: 30d,"), encoding="utf-8")
    assert [asked("count", epsilon=e).exit for e in (1.5, 0.6)] == [0, 1]
    clock.advance(clock() + timedelta(days=31))
    assert asked("count", epsilon=0.6).exit == 0


RACE = """
import sys
from pathlib import Path
from mlops_tui.data import _budget
from mlops_tui.declarations.datasetkeys import Budget
from mlops_tui.opening import open_project
session = open_project(Path(sys.argv[1]), person="ana", source="test")
sys.stdin.read(1)
ask = _budget.Ask("trips", "engineer", 0.5, 0.0, "count", sys.argv[2], "s")
grant = _budget.granted(session, ask, Budget(2.0, 1e-5, {"engineer": 2.0}))
sys.exit(1 if grant.why_not else 0)
"""


def test_of_eight_processes_that_ask_for_the_rest_as_many_succeed_as_fit(asked: Callable[..., Any],
                                                                        session: Callable[..., Session]) -> None:
    root = session("ana").directory
    racing = [subprocess.Popen([sys.executable, "-c", RACE, str(root), f"key {number}"], stdin=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(ROOT)}) for number in range(8)]
    for process in racing:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.close()
    assert sorted(process.wait(timeout=120) for process in racing) == [0] * 4 + [1] * 4
    assert left(session("ana")) == {"all": 0.0, "engineer": 0.0, "viewer": 1.0}
    assert session("ana").ledger.verify() is None


def test_an_answer_is_one_document(asked: Callable[..., Any]) -> None:
    from mlops_tui.render.json import as_json

    document = json.loads(as_json(asked("quantile:delay:0.5", "--by", "carrier").view, ()))
    row = document["tables"]["values"]["rows"][0]
    assert {"carrier", "value", "low", "high", "reason"} <= set(row)
    assert row["low"] is None
    assert "rank" in row["reason"]
    assert isinstance(aggregate.commands["release"], Capability)
