"""bias on weights, limits, numbers and classes, against all rows, and as a monitor of what was served."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from mlops_tui import folds
from mlops_tui.commands import Outcome
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Finding
from tests.conftest import START
from tests.governance.test_bias import document, run
from tests.lived import CONTRACT, MODEL

DECIDED = ("--label", "ok", "--prediction", "said", "--group", "team", "--favourable", "1")
HARD = 'a "b" [bold] · <i>'


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decisions, numbers and classes of three groups: c is favoured less, and its numbers are further off."""
    draw, n = np.random.default_rng(2), 3000
    team = draw.choice(["a", "b", "c"], n).astype(object)
    far = (team == "c").astype(float)
    ok = draw.random(n) < 0.5
    kind = draw.choice(["x", "y", "z"], n).astype(object)
    paid = draw.normal(20, 5, n)
    path = tmp_path_factory.mktemp("tasks") / "rows.parquet"
    connection = duckdb.connect()
    connection.register("rows", {
        "team": team, "ok": ok, "said": draw.random(n) < 0.45 + 0.2 * ok - 0.25 * far, "paid": paid,
        "told": paid + draw.normal(0, 1 + far, n), "kind": kind, "weight": draw.exponential(size=n),
        "guess": np.where(draw.random(n) < 0.8 - 0.3 * far, kind, "x").astype(object), "hard": np.where(
            team == "c", HARD, "plain").astype(object), "sex": draw.choice(["f", "m"], n).astype(object)})
    connection.execute(f"COPY rows TO '{path}'")
    return path


def rows_of(outcome: Outcome, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(outcome)["tables"][table]["rows"]
    return found


def refused(outcome: Outcome) -> str:
    assert outcome.exit == 2
    assert outcome.error is not None
    return outcome.error["what"]


def test_rows_count_by_their_weight(table: Path) -> None:
    found = document(run(table, *DECIDED, "--weight", "weight"))
    by = {row["group"]: row for row in found["tables"]["groups"]["rows"]}
    query = f"SELECT team, sum(weight * CAST(said AS INT)) / sum(weight) FROM '{table}' GROUP BY ALL"
    for team, share in duckdb.sql(query).fetchall():
        assert by[team]["selection_rate"] == pytest.approx(share, abs=1e-12)
        assert by[team]["effective_n"] < by[team]["n"] * 0.7
    assert found["facts"]["weight"] == "weight"
    every = [row for row in found["tables"]["metrics"]["rows"] if row["value"] is not None and row["low"] is not None]
    assert all(row["low"] <= row["value"] <= row["high"] for row in every)
    assert {row["method"] for row in every if row["metric"] == "tpr_difference"} == {"newcombe, effective rows"}


def test_a_weight_that_is_none_is_refused_by_row(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("team,ok,said,w\na,1,1,1\nb,0,1,-2\n", encoding="utf-8")
    outcome = run(file, *DECIDED, "--weight", "w")
    assert refused(outcome) == "1 labelled row has no usable weight in 'w'."
    assert outcome.error["where"].endswith("row 1 (from 0)")
    assert "'team' is no number" in refused(run(file, *DECIDED, "--weight", "team"))


@pytest.mark.parametrize(("limit", "status", "verdict"), [
    ("0.01", Status.FAIL, "surely beyond"), ("0.9", Status.PASS, "surely within")])
def test_a_limit_is_held_against_the_whole_interval(table: Path, limit: str, status: Status, verdict: str) -> None:
    outcome = run(table, *DECIDED, "--limit", f"equalized_odds_difference={limit}")
    assert outcome.view.status in (status, Status.WARN if status is Status.PASS else status)
    [row] = rows_of(outcome, "limits")
    assert (row["verdict"], row["limit"]) == (verdict, float(limit))
    assert outcome.view.title.startswith("equalized_odds_difference by team ")


def test_limits_that_are_none_are_refused(table: Path) -> None:
    assert "is no limit" in refused(run(table, *DECIDED, "--limit", "0.8"))
    assert "No limit 'equal_odds'" in refused(run(table, *DECIDED, "--limit", "equal_odds=0.1"))
    assert "A limit on four_fifths lies between 0 and 1" in refused(run(table, *DECIDED, "--limit", "four_fifths=8"))
    assert "mae is not measured of binary answers" in refused(run(table, *DECIDED, "--limit", "mae=8"))


def test_each_group_is_held_against_all_rows(table: Path) -> None:
    found = document(run(table, *DECIDED, "--method", "to_overall"))
    pairs = {(row["group"], row["reference"]) for row in found["tables"]["metrics"]["rows"]
             if row["metric"] == "tpr_difference"}
    assert pairs == {(team, "(all)") for team in "abc"}
    assert found["facts"]["method"] == "to_overall"
    assert {row["reference"] for row in found["tables"]["four_fifths"]["rows"]} == {found["facts"]["reference"]}


def test_a_reference_that_is_itself_far_less_favoured_breaks_the_rule(table: Path) -> None:
    outcome = run(table, *DECIDED, "--privileged", "c")
    assert outcome.view.status is Status.FAIL
    assert outcome.view.title.startswith("c is decided '1' 0.57 times as often as b; surely below four fifths")
    assert any("b is the most favoured group, of which the rule is, though c" in text
               for text in document(outcome)["text"])


def decided(tmp_path: Path, groups: dict[str, tuple[int, int]]) -> Path:
    """Groups of so many rows, of which so many are decided for, each as its label says."""
    lines = [f"{name},{int(at < yes)},{int(at < yes)}" for name, (n, yes) in groups.items() for at in range(n)]
    file = tmp_path / "decided.csv"
    file.write_text("\n".join(["team,ok,said", *lines]), encoding="utf-8")
    return file


def test_two_groups_are_held_against_each_other_though_a_third_between_them_is_the_reference(tmp_path: Path) -> None:
    file = decided(tmp_path, {"high": (20000, 9600), "mid": (20000, 8000), "low": (20000, 6800)})
    outcome = run(file, *DECIDED, "--privileged", "mid")
    assert outcome.view.status is Status.FAIL
    assert outcome.view.title.startswith("low is decided '1' 0.71 times as often as high; surely below four fifths")
    assert [(row["group"], row["reference"], row["status"]) for row in rows_of(outcome, "four_fifths")] == [
        ("low", "high", "fail"), ("low", "mid", "pass"), ("high", "mid", "pass")]


def test_a_group_that_is_too_small_does_not_pass_in_silence(tmp_path: Path) -> None:
    groups = {"a": (20000, 9600), "b": (20000, 9600)}
    assert run(decided(tmp_path, groups), *DECIDED).view.status is Status.PASS
    small = run(decided(tmp_path, {**groups, "few": (9, 0)}), *DECIDED)
    assert small.view.status is Status.WARN
    assert small.view.title.endswith("; 1 group too small to judge")


def test_the_group_that_breaks_the_rule_is_told_before_one_that_perhaps_does(tmp_path: Path) -> None:
    outcome = run(decided(tmp_path, {"a": (20000, 10000), "b": (20000, 7400), "c": (60, 21)}), *DECIDED)
    assert outcome.view.status is Status.FAIL
    assert outcome.view.title.startswith("b is decided '1' 0.74 times as often as a; surely below")


def test_codes_that_differ_in_their_last_digit_are_other_classes(tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    rows = [f"{'ab'[at % 2]},{30000001 + at % 4 // 2},30000001" for at in range(400)]
    file.write_text("\n".join(["team,ok,said", *rows]), encoding="utf-8")
    found = rows_of(run(file, "--task", "multiclass", *DECIDED[:6]), "groups")
    assert [row["accuracy"] for row in found] == [0.5, 0.5]


def test_all_combinations_are_those_of_a_loop_by_hand(table: Path) -> None:
    found = {row["group"]: row for row in rows_of(run(table, *DECIDED[:5], "team,sex,hard", *DECIDED[6:]), "groups")}
    assert len(found) == 6
    query = "SELECT avg(CAST(said AS INT)), count(*) FROM '{}' WHERE team = ? AND sex = ? AND ok"
    for name, row in found.items():
        team, sex, *_ = name.split(" · ")
        share, n = duckdb.execute(query.format(table), [team, sex]).fetchone() or (0, 0)
        assert row["tpr"] == pytest.approx(share)
        assert row["true_favourable"] + row["false_other"] == n


def test_names_of_groups_with_markup_are_shown_as_they_are(table: Path) -> None:
    found = document(run(table, *DECIDED[:5], "hard", *DECIDED[6:]))
    assert found["tables"]["four_fifths"]["rows"][0]["group"] == HARD
    assert HARD in found["title"]


def test_alike_rows_are_looked_at_together(table: Path) -> None:
    found = {row["metric"]: row for row in rows_of(run(table, *DECIDED, "--alike", "paid,told"), "metrics")}
    assert 0.4 < found["consistency"]["value"] < 0.7
    assert found["consistency"]["n"] == 2000
    assert "rows are alike in numbers only" in str(run(table, *DECIDED, "--alike", "kind").error)


# -- numbers and classes --------------------------------------------------------------------------------------------

NUMBERS = ("--task", "regression", "--label", "paid", "--prediction", "told", "--group", "team")
CLASSES = ("--task", "multiclass", "--label", "kind", "--prediction", "guess", "--group", "team")


def test_numbers_are_judged_by_a_bound_on_each_groups_loss(table: Path) -> None:
    outcome = run(table, *NUMBERS, "--limit", "mae=1.2", "--privileged", "a")
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert outcome.view.title.startswith("mae of c 1.")
    found = document(outcome)
    assert [row["status"] for row in found["tables"]["limits"]["rows"]] == ["fail", "pass", "pass"]
    by = {(row["metric"], row["group"]): row for row in found["tables"]["metrics"]["rows"]}
    assert by["mae_ratio", "c"]["low"] > 1.5
    assert by["mae_ratio", "b"]["low"] < 1 < by["mae_ratio", "b"]["high"]
    assert by["mean_prediction_difference", "c"]["definition"] == "mean of told: c − a"
    assert by["wasserstein", "c"]["low"] <= by["wasserstein", "c"]["value"]
    assert found["series"]["mae"]["x"] == ["a", "b", "c"]


def test_without_a_limit_numbers_and_classes_are_unknown(table: Path) -> None:
    for call in (NUMBERS, CLASSES):
        outcome = run(table, *call)
        assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
        assert "no limit is given" in outcome.view.title


def test_classes_are_held_against_the_rest(table: Path) -> None:
    outcome = run(table, *CLASSES, "--limit", "accuracy_difference=0.1", "--privileged", "a", "--weight", "weight")
    assert outcome.view.status is Status.FAIL
    by = {(row["metric"], row["group"]): row for row in rows_of(outcome, "metrics")}
    assert by["tpr:y_difference", "c"]["high"] < 0
    assert by["tpr:y_difference", "c"]["definition"] == "answered y where kind is y: c − a"
    assert by["selection_rate:x_ratio", "c"]["low"] > 1
    assert {row["group"]: row["accuracy"] > 0.7 for row in rows_of(outcome, "groups")} == {"a": True, "b": True,
                                                                                          "c": False}


def test_tasks_refuse_what_they_do_not_have(table: Path) -> None:
    assert "--favourable is for decisions" in refused(run(table, *NUMBERS, "--favourable", "1"))
    assert "needs --prediction" in refused(run(table, *NUMBERS[:4], *NUMBERS[6:]))
    assert "The prediction 'guess' is no number" in refused(run(table, *NUMBERS[:5], "guess", *NUMBERS[6:]))
    assert "these are no classes" in refused(run(table, *CLASSES[:3], "paid", *CLASSES[4:]))
    assert "Use the same words" in str(run(table, *CLASSES[:5], "team", *CLASSES[6:]).error)
    assert "is called d" in refused(run(table, *NUMBERS, "--privileged", "d"))
    assert "for models" in refused(run(table, *NUMBERS, "--window", "7d"))


# -- what was served ------------------------------------------------------------------------------------------------

MONITOR = """\
check: bias
subject: trip-delay
window: 10d
columns: [depot]
limits: {four_fifths: 0.8, equalized_odds_difference: 0.1}
reference: {group: south}
min_rows: 100
alert: {after: 1 of 1, severity: medium}
"""


@pytest.fixture
def ana(session: Any, project: Path) -> Session:
    """Ten days of predictions, whose outcomes came; the north is favoured less often than the south."""
    contract = CONTRACT.replace("customProperties", "      - {name: depot, logicalType: string}\ncustomProperties")
    for name, text in (("datasets/trips.yaml", contract), ("models/trip-delay.yaml", MODEL + "favourable: 0\n"),
                       ("monitors/trip-bias.yaml", MONITOR)):
        (project / name).write_text(text, encoding="utf-8")
    draw, n = np.random.default_rng(1), 900
    opened = session("ana")
    lake = opened.data()
    late = draw.random(n) < 0.3
    depot = draw.choice(["north", "south"], n).astype(object)
    made = {"id": np.arange(n), "late": late, "depot": depot, "after": np.sort(draw.random(n)) * 9 * 24,
            "score": np.clip(0.2 + 0.2 * late + 0.15 * (depot == "north") + draw.normal(0, 0.1, n), 0, 1)}
    time = f"TIMESTAMPTZ '{(START - timedelta(days=10)).isoformat()}' + to_minutes(CAST(after * 60 AS INT))"
    shared = f"id, {time} AS leaves, strftime({time}, '%Y-%m-%d') AS day"
    for dataset, more in (("trips", f"late, depot, {time} + INTERVAL 1 HOUR AS known_at"),
                          ("trip-delay.predictions", "'1' AS version, score")):
        connection = lake.connect()
        connection.register("made", made)
        opened.commit(lake.write(dataset, f"SELECT {shared}, {more} FROM made", sort=("id",), partition_by=("day",),
                                 connection=connection))
    return opened


def test_a_monitor_judges_what_was_served_and_keeps_its_finding(ana: Session) -> None:
    outcome = ana.perform(("bias", "trip-delay", "--monitor", "trip-bias"))
    found = document(outcome)
    assert (found["facts"]["rows_are"], found["facts"]["reference"]) == ("predictions whose outcome is known", "south")
    assert found["facts"]["rows"] <= found["facts"]["predictions"] == 900
    assert found["facts"]["favourable"] == "0"
    assert outcome.view.status is Status.FAIL
    kept = ana.ledger.entries("finding", subject="trip-delay")[-1].fact
    assert isinstance(kept, Finding)
    assert (kept.check, kept.monitor, kept.status) == ("bias", "trip-bias", "fail")
    assert kept.window == ((START - timedelta(days=10)).isoformat(), START.isoformat())
    assert {each["measure"] for each in kept.detail["limits"]} == {"equalized_odds_difference"}
    assert kept.detail["groups"]["north"]["ratio"] < 1
    assert kept.declaration == ana.declaration("monitor", "trip-bias")
    assert len(folds.alerts(ana.ledger.entries("alert"))) == 1


def test_too_few_outcomes_are_unknown(ana: Session) -> None:
    path = ana.declared().root / "monitors" / "trip-bias.yaml"
    path.write_text(MONITOR.replace("min_rows: 100", "min_rows: 5000"), encoding="utf-8")
    outcome = ana.perform(("bias", "trip-delay", "--monitor", "trip-bias"))
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
    assert outcome.view.title.endswith("needs 5,000")
    assert ana.ledger.entries("finding", subject="trip-delay")[-1].fact.status == "unknown"


def test_a_preview_keeps_nothing_and_a_wrong_column_is_refused(ana: Session) -> None:
    assert document(ana.perform(("bias", "trip-delay", "--window", "5d", "--group", "depot", "--preview")))
    assert ana.ledger.entries("finding") == []
    wrong = ana.perform(("bias", "trip-delay", "--window", "5d", "--group", "depo"))
    assert refused(wrong) == "'trips' has no column 'depo' to group predictions by."
    assert "Which groups" in refused(ana.perform(("bias", "trip-delay", "--window", "5d")))
    assert "A model declares its task" in refused(ana.perform(("bias", "trip-delay", "--task", "binary", "--group",
                                                               "depot")))


def test_a_classified_group_is_for_the_terminal_or_a_declared_monitor(ana: Session) -> None:
    path = ana.declared().root / "datasets" / "trips.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("{name: depot, logicalType: string}", "{name: depot, "
                    "logicalType: string, classification: restricted}"), encoding="utf-8")
    call = ("bias", "trip-delay", "--window", "5d", "--group", "depot")
    assert "'depot' is classified" in refused(ana.perform(call))
    assert document(ana.acting_as(replace(ana.actor, source="terminal")).perform(call))["facts"]["groups"] == 2
    assert document(ana.perform(("bias", "trip-delay", "--monitor", "trip-bias")))["facts"]["groups"] == 2


@pytest.mark.parametrize(("kind", "more", "wrong"), [
    ("monitor", MONITOR.replace("columns: [depot]\n", ""), "names the columns of groups"),
    ("monitor", MONITOR.replace("four_fifths: 0.8", "four_fifth: 0.8"), "No limit 'four_fifth' for bias."),
    ("model", MODEL + "favourable: maybe\n", "A binary model answers 0 or 1, never 'maybe'."),
    ("model", MODEL + "mitigation: {reweigh: []}\n", "reweigh names the columns of groups"),
    ("model", MODEL + "mitigation: {reweigh: [late]}\n", "The label is no group."),
    ("model", MODEL.replace("binary", "regression").replace("threshold: 0.25\n", "").partition("value:")[0] +
     "mitigation: {reweigh: [depot]}\n", "Reweighing is of classes")])
def test_declarations_that_mean_nothing_are_refused(ana: Session, kind: str, more: str, wrong: str) -> None:
    name = "trip-bias" if kind == "monitor" else "trip-delay"
    (ana.declared().root / f"{kind}s" / f"{name}.yaml").write_text(more, encoding="utf-8")
    outcome = ana.perform(("bias", "trip-delay", "--monitor", "trip-bias"))
    assert outcome.error is not None
    assert wrong in str(outcome.error)


def test_of_many_groups_that_are_alike_none_is_surely_beyond_a_limit(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    lines = [f"g{at % 40},{at % 3},{at % 3 if draw.random() < 0.7 else (at + 1) % 3}" for at in range(40 * 120)]
    file = tmp_path / "alike.csv"
    file.write_text("\n".join(["team,ok,said", *lines]), encoding="utf-8")
    limit = ("--limit", "balanced_accuracy_difference=0.001")
    [row] = rows_of(run(file, "--task", "multiclass", *DECIDED[:6], *limit), "limits")
    assert row["verdict"] == "perhaps beyond"
    assert row["low"] == 0


@pytest.mark.parametrize("worse", ["a", "b"])
def test_a_ratio_of_errors_is_judged_whichever_group_is_worse(tmp_path: Path, worse: str) -> None:
    draw = np.random.default_rng(1)
    lines = [f"{team},0,{draw.normal(0, 2 if team == worse else 1):.4f}"
             for team, n in (("a", 900), ("b", 700)) for _ in range(n)]
    file = tmp_path / "errors.csv"
    file.write_text("\n".join(["team,paid,told", *lines]), encoding="utf-8")
    [row] = rows_of(run(file, *NUMBERS, "--limit", "mae_ratio=1.25"), "limits")
    assert (row["verdict"], row["status"]) == ("surely beyond", "fail")
    assert row["value"] == pytest.approx(2, rel=0.1)


def test_beside_a_reference_of_few_rows_nothing_is_judged(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    lines = [f"{team},0,{draw.normal():.4f}" for team, n in (("a", 900), ("b", 9)) for _ in range(n)]
    file = tmp_path / "few.csv"
    file.write_text("\n".join(["team,paid,told", *lines]), encoding="utf-8")
    outcome = run(file, *NUMBERS, "--limit", "mae_difference=9", "--privileged", "b")
    assert outcome.view.status is Status.UNKNOWN


def test_all_may_be_refused_though_all_would_have_repaid(tmp_path: Path) -> None:
    lines = [f"{'ab'[at % 2]},1,0" for at in range(200)]
    file = tmp_path / "refused.csv"
    file.write_text("\n".join(["team,ok,said", *lines]), encoding="utf-8")
    outcome = run(file, *DECIDED)
    assert [row["selection_rate"] for row in rows_of(outcome, "groups")] == [0, 0]
    assert outcome.view.status is Status.UNKNOWN


def test_exactly_four_fifths_are_not_perhaps_below_them(tmp_path: Path) -> None:
    outcome = run(decided(tmp_path, {"a": (30, 20), "b": (30, 25)}), *DECIDED)
    [row] = rows_of(outcome, "four_fifths")
    assert row["verdict"] == "not surely 0.8"
    assert not any("more such decision" in text for text in document(outcome)["text"])
