"""metric on files and models: the advice, the thresholds, the warnings, the proposal that serving then follows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.project import Project
from mlops_tui.render.json import as_json
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status
from store.facts import Finding

N = 3000
draw = np.random.default_rng(12)
SCORE = draw.beta(1, 3, N)
BAD = draw.random(N) < SCORE
AMOUNT = draw.lognormal(3, 1, N)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scored") / "scored.parquet"
    connection = duckdb.connect()
    connection.register("rows", {"bad": BAD, "p": SCORE, "logit": np.log(SCORE / (1 - SCORE)), "amount": AMOUNT,
                                 "flat": np.full(N, 0.25), "half": SCORE / 3, "gap": np.where(BAD, AMOUNT, np.nan),
                                 "grade": np.where(BAD, "c", np.where(SCORE > 0.1, "b", "a")).astype(object)})
    connection.execute(f"COPY rows TO '{path}'")
    return path


def run(file: Path, *options: str, score: str = "p") -> Outcome:
    return perform(without_project(file.parent, perform),
                   ["metric", str(file), "--label", "bad", "--score", score, *options])


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.error is None, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def refused(outcome: Outcome) -> dict[str, str]:
    assert outcome.exit == 2
    assert outcome.error is not None
    return outcome.error


def thresholds(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in document(outcome)["tables"]["thresholds"]["rows"]}


def advice(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in document(outcome)["tables"]["advice"]["rows"]}


CHOSEN = "chosen here, judged on other rows"
GERMAN = ("--false-positive", "1", "--false-negative", "5")


def test_the_threshold_of_german_credit_costs_is_a_sixth_and_saves(file: Path) -> None:
    outcome = run(file, *GERMAN)
    facts, rows = document(outcome)["facts"], thresholds(outcome)
    assert facts["threshold_theory"] == pytest.approx(1 / 6)
    assert facts["threshold_best_low"] <= 1 / 6 <= facts["threshold_best_high"]
    assert facts["beta"] == pytest.approx(5**0.5)
    assert rows["theory"]["taken"]
    assert 0 < rows["theory"]["saves_low"] < rows["theory"]["saves"] < rows["theory"]["saves_high"]
    cost = 1000 * np.where(SCORE >= 0.5, np.where(BAD, 0, 1), np.where(BAD, 5, 0)).mean()
    assert rows["now"]["cost"] == pytest.approx(cost)
    assert outcome.view.status is Status.WARN
    assert outcome.view.title.startswith("p: judge by expected cost; threshold 0.167 saves")


def test_the_curve_has_the_thresholds_marked(file: Path) -> None:
    series = document(run(file, *GERMAN))["series"]
    assert [name for name, _ in series["cost"]["marks"]] == ["now", "in theory", CHOSEN]
    assert min(series["cost"]["y"]) <= series["choices"]["y"][1]
    assert series["choices"]["x"] == ["now", "in theory", CHOSEN]


def test_accuracy_below_the_majority_share_warns(file: Path) -> None:
    outcome = run(file, "--threshold", "0.1")
    facts = document(outcome)["facts"]
    assert outcome.view.status is Status.WARN
    assert facts["accuracy"] < facts["majority_share"] == pytest.approx(1 - BAD.mean())
    assert facts["accuracy_gain_high"] < 0
    assert "Always saying no is right in" in document(outcome)["text"][0]
    assert run(file).view.status is Status.DONE


def test_without_costs_the_ranking_is_judged(file: Path) -> None:
    found = document(run(file))
    assert found["facts"]["judge_by"] == "roc_auc"
    assert "thresholds" not in found["tables"]
    rare = advice(run(file, "--capacity", "100", "--probabilities"))
    assert next(iter(rare)) == "recall_at_capacity"
    assert rare["recall_at_capacity"]["value"] == pytest.approx(BAD[np.argsort(-SCORE)[:100]].sum() / BAD.sum())
    assert rare["log_loss"]["low"] < rare["log_loss"]["value"] < rare["log_loss"]["high"]
    assert rare["balanced_accuracy"]["baseline"] == 0.5


def test_amounts_of_each_row_give_a_threshold_of_its_own(file: Path) -> None:
    rows = thresholds(run(file, "--false-positive", "5", "--false-negative", "amount"))
    assert rows["theory"]["threshold"] == pytest.approx(float(np.median(5 / (5 + AMOUNT))))
    own = np.where(SCORE >= 5 / (5 + AMOUNT), np.where(BAD, 0, 5), np.where(BAD, AMOUNT, 0)).mean()
    assert rows["each"]["cost"] == pytest.approx(1000 * own)
    assert rows["each"]["cost"] < rows["best"]["cost"]


def test_scores_that_are_not_calibrated_are_decided_where_these_rows_say(file: Path) -> None:
    outcome = run(file, *GERMAN, score="half")
    assert thresholds(outcome)["best"]["taken"]
    assert "if the scores were calibrated: they are not" in " ".join(document(outcome)["text"])
    assert document(outcome)["facts"]["threshold_best"] < 0.1


def test_scores_that_are_no_probabilities_have_no_theory(file: Path) -> None:
    outcome = run(file, *GERMAN, score="logit")
    assert set(thresholds(outcome)) == {"best"}
    assert document(outcome)["facts"]["threshold_now"] is None
    assert advice(outcome)["mcc"]["reason"].startswith("no threshold is given")
    assert "the cheapest" in outcome.view.title


def test_a_capacity_cuts_the_threshold_off(file: Path) -> None:
    outcome = run(file, *GERMAN, "--capacity", "0.02")
    rows = thresholds(outcome)
    assert rows["capacity"]["taken"]
    assert rows["capacity"]["flagged"] == pytest.approx(0.02, abs=1e-3)
    assert "that 60 rows allow" in outcome.view.title


def test_where_nothing_is_cheaper_the_present_threshold_stays(file: Path) -> None:
    outcome = run(file, *GERMAN, "--threshold", "0.16666666666666666")
    assert "no threshold is surely cheaper than 0.166667" in outcome.view.title
    assert outcome.exit == 0


def test_rewards_that_make_yes_always_best_say_so(file: Path) -> None:
    outcome = run(file, "--false-positive", "-1", "--false-negative", "5")
    assert "yes is best whatever the score" in outcome.view.title
    assert thresholds(outcome)["always"]["flagged"] == 1
    assert advice(outcome)["f_beta"]["reason"] == "one of the errors costs nothing"
    no = run(file, "--false-positive", "1", "--false-negative", "0")
    assert "no is best whatever the score" in no.view.title
    assert document(no)["facts"]["threshold_advised"] is None


def test_constant_scores_and_three_rows_are_answered(file: Path, tmp_path: Path) -> None:
    flat = run(file, *GERMAN, score="flat")
    assert flat.error is None
    assert advice(flat)["roc_auc"]["value"] == 0.5
    few = tmp_path / "few.csv"
    few.write_text("bad,p\n1,.9\n0,.2\n0,.4\n", encoding="utf-8")
    assert "only" in thresholds(run(few, *GERMAN))["theory"]["reason"]


def test_several_classes_and_numbers_get_advice(file: Path) -> None:
    session = without_project(file.parent, perform)
    classes = document(perform(session, ["metric", str(file), "--label", "grade", "--task", "multiclass"]))
    assert classes["facts"]["classes"] == 3
    numbers = document(perform(session, ["metric", str(file), "--label", "amount", "--task", "regression", "--too-low",
                                         "3"]))
    assert (numbers["facts"]["judge_by"], numbers["facts"]["quantile"]) == ("pinball", 0.75)


def test_bad_calls_are_refused(file: Path, tmp_path: Path) -> None:
    assert "Both errors have a cost" in refused(run(file, "--false-positive", "1"))["what"]
    assert "Did you mean 'amount'?" in refused(run(file, "--false-positive", "1", "--false-negative", "amont"))["next"]
    assert "nothing can be decided" in refused(run(file, "--false-positive", "0", "--false-negative", "0"))["what"]
    assert "look at the signs" in refused(run(file, "--false-positive", "-1", "--false-negative", "-5"))["next"]
    assert "no usable score in 'gap'" in refused(run(file, "--false-positive", "1", "--false-negative", "gap"))["what"]
    assert "nan is no amount" in refused(run(file, "--false-positive", "nan", "--false-negative", "1"))["what"]
    assert "is no capacity" in refused(run(file, "--capacity", "0"))["what"]
    assert "is no capacity" in refused(run(file, "--capacity", "2.5"))["what"]
    assert "Only a declared model" in refused(run(file, "--propose"))["what"]
    assert "is no threshold" in refused(run(file, "--threshold", "nan"))["what"]
    one = tmp_path / "one.csv"
    one.write_text("bad,p\n1,.9\n1,.2\n", encoding="utf-8")
    assert "Only one class" in refused(run(one))["what"]
    session = without_project(file.parent, perform)
    assert "needs --label" in refused(perform(session, ["metric", str(file)]))["what"]
    assert "needs --score" in refused(perform(session, ["metric", str(file), "--label", "bad"]))["what"]
    assert "is no number" in refused(perform(session, ["metric", str(file), "--label", "grade", "--task",
                                                       "regression"]))["what"]


# -- models ---------------------------------------------------------------------------------------------------------

MODEL = "flights-delay"


@pytest.fixture
def ana(session: Callable[..., Session], made: Any) -> Session:
    """A version with calibrated scores on its test rows."""
    opened = session("ana")
    lake = opened.data()
    connection = lake.connect()
    connection.register("made", {"id": np.arange(N), "late": BAD, "logistic": SCORE})
    scores = lake.write(f"{MODEL}.scores", "SELECT *, TIMESTAMPTZ '2013-05-01' + to_minutes(CAST(id AS INT)) AS "
                        "sched_dep FROM made", sort=("id",), connection=connection)
    opened.ledger.append(made.trained("1", scores=scores.id))
    return opened


def declare(session: Session, text: str) -> None:
    path = session.declared().path_of("model", MODEL)
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    session.project = Project(session.declared().root)


def test_a_model_is_asked_by_its_declared_costs_and_kept_as_a_finding(ana: Session) -> None:
    declare(ana, "costs: {false_positive: 1, false_negative: 5}\n")
    outcome = ana.perform(("metric", MODEL))
    kept = ana.ledger.entries("finding", subject=MODEL)[-1].fact
    assert isinstance(kept, Finding)
    assert (kept.check, kept.version, kept.status) == ("metric", "1", "warn")
    assert 0 < kept.low < kept.value < kept.high
    assert kept.detail["threshold_advised"] == pytest.approx(1 / 6)
    assert outcome.view.actions[0].argv == ("metric", f"{MODEL}@1", "--propose")


def test_the_worth_of_a_model_is_its_cost(ana: Session) -> None:
    declare(ana, "value: {kpi: connections, per: true positive, worth: 40 EUR, false_alarm: 20 EUR}\n")
    found = document(ana.perform(("metric", f"{MODEL}@1")))
    assert found["facts"]["threshold_theory"] == pytest.approx(1 / 3)
    assert "EUR per 1,000 rows" in found["title"]


def test_a_cheaper_threshold_is_put_forward_and_adopted_into_the_file(ana: Session) -> None:
    declare(ana, "costs: {false_positive: 1, false_negative: 5}\nthreshold: 0.5  # as it was\nowner: ana\n")
    outcome = ana.perform(("metric", MODEL, "--propose"))
    assert document(outcome)["facts"]["proposal"] == "P-1"
    assert document(ana.perform(("metric", MODEL, "--propose")))["facts"]["proposal"] == "P-1", "once is enough"
    plan = ana.perform(("adopt", "P-1"))
    assert ana.perform(("adopt", "P-1"), consent=plan.plan).error is None
    text = ana.declared().path_of("model", MODEL).read_text(encoding="utf-8")
    assert "threshold: 0.1667  # as it was\nowner: ana\n" in text
    assert ana.declared().model(MODEL).threshold == 0.1667
    after = ana.perform(("metric", MODEL, "--propose"))
    assert "No threshold is surely cheaper" in refused(after)["what"]


def test_a_file_without_a_threshold_gets_one_at_its_end(ana: Session) -> None:
    declare(ana, "costs: {false_positive: 1, false_negative: 5}")
    ana.perform(("metric", MODEL, "--propose"))
    plan = ana.perform(("adopt", "P-1"))
    ana.perform(("adopt", "P-1"), consent=plan.plan)
    assert ana.declared().path_of("model", MODEL).read_text(encoding="utf-8").endswith("\nthreshold: 0.1667\n")


def test_a_model_without_costs_gets_the_metrics_alone(ana: Session) -> None:
    found = document(ana.perform(("metric", MODEL)))
    assert found["facts"]["judge_by"] == "roc_auc"
    assert "thresholds" not in found["tables"]
    assert "declares its label" in refused(ana.perform(("metric", MODEL, "--false-positive", "1")))["what"]
    assert "never trained" in refused(perform_unknown(ana))["what"]


def perform_unknown(ana: Session) -> Outcome:
    path = ana.declared().path_of("model", MODEL)
    path.with_name("other.yaml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    ana.project = Project(ana.declared().root)
    return ana.perform(("metric", "other"))


def test_weights_count_as_many_rows(file: Path, tmp_path: Path) -> None:
    """A row of weight 3 is as three rows; 10^12 on all is as none; and there are fewer effective rows than rows."""
    first = np.arange(N) % 10 == 0
    connection = duckdb.connect()
    connection.register("rows", {"bad": BAD, "p": SCORE, "times": np.where(first, 3, 1), "huge": np.full(N, 1e12)})
    connection.execute(f"COPY rows TO '{tmp_path}/once.parquet'")
    connection.execute(f"COPY (SELECT * FROM rows, range(times)) TO '{tmp_path}/often.parquet'")
    weighted, often = (document(run(tmp_path / name, *GERMAN, *options)) for name, options in (
        ("once.parquet", ("--weight", "times")), ("often.parquet", ())))
    for name in ("prevalence", "accuracy", "accuracy_gain", "threshold_best"):
        assert weighted["facts"][name] == pytest.approx(often["facts"][name])
    values = [{row["metric"]: row["value"] for row in each["tables"]["advice"]["rows"]} for each in (weighted, often)]
    assert values[0] == pytest.approx(values[1])
    costs = [[row["cost"] for row in each["tables"]["thresholds"]["rows"][:2]] for each in (weighted, often)]
    assert costs[0] == pytest.approx(costs[1])
    assert weighted["facts"]["effective_rows"] < N
    huge = document(run(tmp_path / "once.parquet", *GERMAN, "--weight", "huge"))
    assert huge["tables"] == document(run(tmp_path / "once.parquet", *GERMAN))["tables"]
