"""compare on files: the fixed ids, the chooser, the verdicts, and every kind of bad input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_rel
from sklearn.metrics import f1_score, roc_auc_score

from mlops_tui.analysis.folds import diebold_mariano
from mlops_tui.analysis.ranking import delong_test, delong_unpaired
from mlops_tui.commands import Outcome, perform
from mlops_tui.render.json import as_json
from mlops_tui.session import without_project
from mlops_tui.view import Series, Text

rng = np.random.default_rng(0)
N = 3000
LATE = rng.random(N) < 0.3
SHARED = rng.normal(size=N)
A, B = (1 / (1 + np.exp(1 - signal * LATE - 0.7 * SHARED - rng.normal(size=N))) for signal in (1.2, 1.6))
COLUMNS: dict[str, Any] = {"late": LATE.astype(np.int64), "a": A, "b": B, "twin": A, "logit": np.log(A / (1 - A)),
                           "word": np.repeat("x", N).astype(object), "fold": np.arange(N) % 5}

Compare = Callable[..., Outcome]


def written(path: Path, columns: dict[str, Any]) -> Path:
    connection = duckdb.connect()
    connection.register("rows", columns)
    connection.execute(f"COPY rows TO '{path}'")
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("scored") / "scored.parquet", COLUMNS)


def run(file: Path, *options: str, label: str = "late", scores: str = "a,b") -> Outcome:
    return perform(without_project(file.parent, perform),
                   ["compare", str(file), "--label", label, "--scores", scores, *options])


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.exit == 0, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def pair(outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = document(outcome)["tables"]["pairs"]["rows"][0]
    return row


def test_two_models_are_compared_by_delong(file: Path) -> None:
    found = document(run(file))
    row, expected = found["tables"]["pairs"]["rows"][0], delong_test(LATE, A, B)
    assert {"a", "b", "method", "estimate", "low", "high", "statistic", "p_value", "p_adjusted", "verdict"} <= set(row)
    assert (row["a"], row["b"], row["method"], row["verdict"]) == ("a", "b", "delong", "better")
    assert row["estimate"] == pytest.approx(roc_auc_score(LATE, A) - roc_auc_score(LATE, B), abs=1e-12)
    assert (row["low"], row["high"], row["statistic"], row["p_value"]) == pytest.approx(
        (expected.low, expected.high, expected.statistic, expected.p_value), rel=1e-12)
    assert row["p_adjusted"] == row["p_value"]
    models = found["tables"]["models"]["rows"]
    assert [(m["model"], m["metric"]) for m in models] == [("a", "roc_auc"), ("b", "roc_auc")]
    assert all(m["low"] < m["value"] < m["high"] for m in models)
    assert found["series"]["roc:b"]["kind"] == "line"


def test_the_title_says_how_far_the_models_lie_apart_and_in_which_way(file: Path) -> None:
    by = roc_auc_score(LATE, B) - roc_auc_score(LATE, A)
    assert document(run(file))["title"] == f"b is better than a: its roc_auc is {by:.4f} higher"
    assert document(run(file, scores="b,a"))["title"] == f"a is worse than b: its roc_auc is {by:.4f} lower"


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_the_form_of_the_file_changes_nothing(ending: str, file: Path, tmp_path: Path) -> None:
    assert pair(run(written(tmp_path / f"scored.{ending}", COLUMNS))) == pytest.approx(pair(run(file)))


def test_several_models_are_compared_pair_by_pair_with_holms_correction(file: Path) -> None:
    found = document(run(file, scores="a,b,twin"))
    rows = {(row["a"], row["b"]): row for row in found["tables"]["pairs"]["rows"]}
    assert list(rows) == [("a", "b"), ("a", "twin"), ("b", "twin")]
    assert [row["verdict"] for row in rows.values()] == ["better", "equivalent", "worse"]
    assert rows["a", "b"]["p_adjusted"] == pytest.approx(3 * rows["a", "b"]["p_value"])
    assert (rows["a", "twin"]["p_value"], rows["a", "twin"]["estimate"]) == (1, 0)
    assert found["title"] == "3 models by roc_auc: b is better than a by 0.0664 and twin by 0.0664"


@pytest.mark.parametrize(("options", "method", "metric"), [
    ((), "delong", "roc_auc"), (("--threshold", "0.4"), "mcnemar-corrected", "accuracy"),
    (("--metric", "accuracy"), "mcnemar-corrected", "accuracy"),
    (("--method", "mcnemar"), "mcnemar-corrected", "accuracy"),
    (("--metric", "f1"), "bootstrap", "f1"), (("--metric", "log_loss"), "t", "log_loss"),
    (("--method", "bootstrap"), "bootstrap", "roc_auc"),
    (("--method", "delong", "--metric", "roc_auc"), "delong", "roc_auc"),
    (("--method", "corrected-t", "--fold", "fold"), "corrected-t", "roc_auc"),
])
def test_the_method_fits_the_metric(options: tuple[str, ...], method: str, metric: str, file: Path) -> None:
    outcome = run(file, *options)
    assert pair(outcome)["method"] == method
    assert document(outcome)["facts"]["metric"] == metric
    assert document(outcome)["tables"]["models"]["rows"][0]["metric"] == metric


def test_decisions_are_compared_by_mcnemar(tmp_path: Path) -> None:
    columns = {"late": LATE, "a": A >= 0.5, "b": (B >= 0.5).astype(np.float64)}
    outcome = run(written(tmp_path / "decided.parquet", columns))
    assert pair(outcome)["method"] == "mcnemar-corrected"
    assert pair(outcome)["estimate"] == pytest.approx(np.mean((A >= 0.5) == LATE) - np.mean((B >= 0.5) == LATE))


def test_a_loss_is_better_when_lower(file: Path) -> None:
    row = pair(run(file, "--metric", "log_loss"))
    assert (row["estimate"] > 0) == (row["verdict"] == "better")


def test_the_threshold_decides_f1(file: Path) -> None:
    found = document(run(file, "--metric", "f1", "--threshold", "0.35"))
    assert found["tables"]["models"]["rows"][0]["value"] == pytest.approx(f1_score(LATE, A >= 0.35))
    assert found["facts"]["threshold"] == 0.35
    assert found["facts"]["seed"] == 0


def test_a_margin_makes_small_differences_equivalent(file: Path) -> None:
    assert pair(run(file, "--margin", "0.2"))["verdict"] == "equivalent"
    assert pair(run(file, "--margin", "0.01"))["verdict"] == "better"


def test_folds_are_tested_with_the_corrected_t(file: Path) -> None:
    row = pair(run(file, "--method", "corrected-t", "--fold", "fold"))
    differences = [roc_auc_score(LATE[f::5], A[f::5]) - roc_auc_score(LATE[f::5], B[f::5]) for f in range(5)]
    error = np.sqrt(np.var(differences, ddof=1) * (1 / 5 + 1 / 4))
    assert row["estimate"] == pytest.approx(np.mean(differences))
    assert row["statistic"] == pytest.approx(np.mean(differences) / error)


def test_rows_without_a_label_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "partly.csv"
    path.write_text("late,a,b\n1,.9,.8\n,.2,\n0,.1,.3\n1,.7,.2\n0,.3,.4\n0,.2,.1\n", encoding="utf-8")
    facts = document(run(path))["facts"]
    assert (facts["rows"], facts["without_label"], facts["positives"]) == (5, 1, 2)


def test_scores_of_any_scale_can_be_ranked_but_not_priced(file: Path) -> None:
    assert pair(run(file, scores="a,logit"))["verdict"] == "equivalent"
    assert pair(run(file, "--metric", "f1", "--threshold", "0", scores="logit,b"))["method"] == "bootstrap"
    for options, hint in ((("--metric", "brier"), "--metric roc_auc"), (("--metric", "f1"), "--threshold T")):
        expect_refusal(run(file, *options, scores="a,logit"), "scores in 'logit' lie outside [0, 1], such as", hint)


def expect_refusal(outcome: Outcome, what: str, next: str = "", where: str = "") -> None:
    assert outcome.exit == 2
    assert outcome.error is not None
    assert what in outcome.error["what"]
    assert next in outcome.error["next"]
    assert where in outcome.error["where"]
    assert outcome.error["where"] or outcome.error["next"]


SCORE = "1 labelled rows have no usable score in"
CSV = {  # what the file holds, what is said, what to do
    "one class": ("1,.1,.2 1,.3,.4", "Only one class: all 2 labels in 'late' are 1", "both outcomes"),
    "another label": ("1,.1,.2 2,.3,.4 0,.1,.2", "must be 0 or 1, or true or false; seen: 1, 2, 0",
                      "leave out the rows with 2."),
    "a label in words": ("late,.1,.2 never,.3,.4", "seen: 'late', 'never'", "SQL"),
    "NaN": ("1,.1,.2 0,nan,.4 0,.1,.2", f"{SCORE} 'a', the first is nan", "Score"),
    "null": ("1,.1,.2 0,.1, 0,.1,.2", f"{SCORE} 'b', the first is null", "Score"),
    "infinity": ("1,.1,.2 0,inf,.4 0,.1,.2", f"{SCORE} 'a', the first is inf", "Score"),
    "words": ("1,high,.2 0,low,.4", "The score 'a' is no number in 2 of 2 rows, the first is 'high'.", "numeric"),
    "a word": ("1,.3,.2 0,n/a,.4 1,,.4", "The score 'a' is no number in 1 of 3 rows, the first is 'n/a'.", "Mend"),
    "no rows": ("", "has columns but no rows", "data"),
    "no labels": (",.1,.2 ,.3,.4", "all 2 values of 'late' are null", "Join"),
    "three rows": ("1,.1,.2 0,.3,.4 0,.3,.1", "DeLong needs two rows of each class, here 1 positive", "more rows"),
}


@pytest.mark.parametrize("kind", CSV)
def test_bad_rows_are_refused_by_place_and_with_a_next_step(kind: str, tmp_path: Path) -> None:
    rows, what, next = CSV[kind]
    path = tmp_path / "scored.csv"
    path.write_text("\n".join(["late,a,b", *rows.split()]) + "\n", encoding="utf-8")
    expect_refusal(run(path), what, next, "scored.csv")


def test_the_row_of_a_bad_score_is_said(tmp_path: Path) -> None:
    path = tmp_path / "scored.csv"
    path.write_text("late,a,b\n,.1,.2\n1,.1,.2\n0,.3,nan\n", encoding="utf-8")
    expect_refusal(run(path), "score in 'b'", where="row 2 (from 0)")


def test_an_empty_file_a_missing_file_and_a_missing_column_are_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing.csv").touch()
    expect_refusal(run(tmp_path / "nothing.csv"), "is empty")
    expect_refusal(run(tmp_path / "nothin.csv"), "No file 'nothin.csv'", "Did you mean 'nothing.csv'?")
    expect_refusal(run(file, scores="a,twinn"), "No column 'twinn'", "Did you mean 'twin'?")
    expect_refusal(run(file, label="lat"), "No column 'lat'", "Did you mean 'late'?")


def test_calls_that_make_no_sense_are_refused(file: Path) -> None:
    expect_refusal(run(file, scores="a"), "One model has nothing to be compared with", "a,challenger")
    expect_refusal(run(file, scores="a,a"), "'a' is named twice")
    delong, mcnemar = (run(file, "--method", "delong", "--metric", "f1"),
                       run(file, "--method", "mcnemar", "--metric", "roc_auc"))
    expect_refusal(delong, "delong compares roc_auc, not f1", "--method bootstrap")
    expect_refusal(mcnemar, "mcnemar compares accuracy, not roc_auc", "--method delong")
    expect_refusal(run(file, "--method", "corrected-t"), "needs the folds of a cross-validation", "--fold COLUMN")
    expect_refusal(run(file, "--fold", "fold"), "Folds are for --method corrected-t")
    expect_refusal(run(file, "--method", "corrected-t", "--fold", "word"), "All rows are in fold x")
    expect_refusal(run(file, "--metric", "auc"), "'auc' is not one of")
    expect_refusal(run(file, "--margin", "-1"), "-1")


def test_constant_predictions_are_compared(tmp_path: Path) -> None:
    columns = {"late": LATE, "a": np.full(N, 0.3), "b": np.full(N, 0.4)}
    row = pair(run(written(tmp_path / "flat.parquet", columns)))
    assert (row["estimate"], row["p_value"], row["verdict"]) == (0, 1, "equivalent")
    expect_refusal(run(tmp_path / "flat.parquet", "--metric", "precision"), "Precision is undefined: no row is flagged")


def test_perfect_models_on_few_rows_stay_inconclusive(tmp_path: Path) -> None:
    path = tmp_path / "perfect.csv"
    path.write_text("late,a,b\n0,.1,.2\n0,.2,.1\n0,.3,.3\n1,.7,.9\n1,.8,.8\n1,.9,.7\n", encoding="utf-8")
    row = pair(run(path))
    assert (row["estimate"], row["verdict"]) == (0, "inconclusive")
    assert "perfectly separated" in row["reason"]


def test_what_is_offered_next_can_be_called(file: Path) -> None:
    for action in run(file).view.actions:
        assert perform(without_project(file.parent, perform), action.argv).exit == 0


# -- other tasks, weights, clusters -----------------------------------------------------------------------------------

MINUTES = rng.normal(30, 12, N)
KINDS = rng.choice(["cat", "dog", "ox"], N)
NUMBERS: dict[str, Any] = {
    "minutes": MINUTES, "old": MINUTES + rng.normal(0, 6, N), "new": MINUTES + rng.normal(0, 4, N),
    "kind": KINDS.astype(object), "one": np.where(rng.random(N) < 0.7, KINDS, "cat").astype(object),
    "two": np.where(rng.random(N) < 0.8, KINDS, "cat").astype(object), "heavy": rng.exponential(size=N),
    "flight": np.arange(N) // 3, "at": N - np.arange(N), "whole": np.rint(MINUTES).astype(np.int64),
    "zero": np.zeros(N), "negative": np.where(np.arange(N) == 7, -1.0, 1.0)}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("numbers") / "numbers.parquet", NUMBERS)


def of_numbers(numbers: Path, *options: str) -> Outcome:
    return run(numbers, *options, label="minutes", scores="old,new")


def test_numbers_are_compared_by_rmse_and_their_means_by_a_paired_t(numbers: Path) -> None:
    found = document(of_numbers(numbers))
    assert (found["facts"]["metric"], found["facts"]["better_is"]) == ("rmse", "lower")
    assert found["title"].startswith("new is better than old: its rmse is ")
    row = pair(of_numbers(numbers, "--metric", "mae"))
    theirs = ttest_rel(*(np.abs(NUMBERS[name] - MINUTES) for name in ("old", "new")))
    assert (row["method"], row["statistic"]) == ("t", pytest.approx(theirs.statistic, rel=1e-9))
    assert pair(of_numbers(numbers, "--metric", "mae", "--margin", "30"))["verdict"] == "equivalent"


def test_several_classes_are_compared_by_accuracy_and_other_metrics(numbers: Path) -> None:
    found = document(run(numbers, label="kind", scores="one,two"))
    row = found["tables"]["pairs"]["rows"][0]
    assert (found["facts"]["metric"], row["method"]) == ("accuracy", "mcnemar-corrected")
    assert found["title"].startswith("two is better than one: its accuracy is ")
    assert pair(run(numbers, "--metric", "macro_f1", label="kind", scores="one,two"))["verdict"] == "better"
    expect_refusal(run(numbers, "--metric", "roc_auc", label="kind", scores="one,two"),
                   "roc_auc is no metric of a multiclass model", "macro_f1")


def test_weights_count_and_their_effective_number_is_said(numbers: Path) -> None:
    found = document(of_numbers(numbers, "--metric", "mae", "--weight", "heavy"))
    weight = NUMBERS["heavy"]
    gap = np.abs(NUMBERS["old"] - MINUTES) - np.abs(NUMBERS["new"] - MINUTES)
    assert found["tables"]["pairs"]["rows"][0]["estimate"] == pytest.approx(np.average(gap, weights=weight))
    assert found["facts"]["effective_rows"] == pytest.approx(weight.sum() ** 2 / (weight**2).sum(), abs=0.1)
    expect_refusal(of_numbers(numbers, "--weight", "zero"), "is 0 in every labelled row")
    expect_refusal(of_numbers(numbers, "--weight", "negative"), "is negative in 1 row, the first is -1",
                   where="row 7 (from 0)")
    expect_refusal(run(numbers, "--weight", "heavy", "--method", "mcnemar", label="kind", scores="one,two"),
                   "it knows no weights and no clusters", "--method")


def test_rows_that_belong_together_are_counted_as_one(numbers: Path) -> None:
    outcome = of_numbers(numbers, "--metric", "mae", "--cluster", "flight")
    assert any("1,000 clusters" in text for text in texts(outcome))
    assert pair(outcome)["verdict"] == "better"
    expect_refusal(of_numbers(numbers, "--cluster", "zero"), "All rows are in one cluster")


def test_losses_in_time_are_compared_by_diebold_and_mariano(numbers: Path) -> None:
    options = ("--metric", "mae", "--method", "diebold-mariano")
    row = pair(of_numbers(numbers, *options, "--time", "at"))
    assert (row["method"], row["verdict"]) == ("diebold-mariano", "better")
    expect_refusal(of_numbers(numbers, *options), "needs the time of each row", "--time COLUMN")
    expect_refusal(of_numbers(numbers, "--method", "diebold-mariano", "--time", "at"), "rmse is no mean over rows")
    expect_refusal(of_numbers(numbers, "--time", "at"), "Time is for --method diebold-mariano")


@pytest.mark.parametrize("times", [np.arange(300), np.arange(300).astype("datetime64[m]")])
def test_times_are_put_in_order_as_times_and_not_as_texts(times: NDArray[Any], tmp_path: Path) -> None:
    """Of whole numbers 10 comes before 9 as a text; rows of a file come in any order, some without a label."""
    rng = np.random.default_rng(6)
    label, walk = rng.normal(size=300), np.cumsum(rng.normal(size=300))
    old, new = label + 3 + np.abs(walk), label + 3
    expected = diebold_mariano(np.abs(old - label) - np.abs(new - label))
    order = rng.permutation(300)
    rows = "\n".join(f"{times[i]},{label[i]:.17g},{old[i]:.17g},{new[i]:.17g}" for i in order)
    file = tmp_path / "in_time.csv"
    file.write_text(f"at,minutes,old,new\n{rows}\n{times[-1] + 1},,0.5,0.5\n", encoding="utf-8")
    row = pair(of_numbers(file, "--metric", "mae", "--method", "diebold-mariano", "--time", "at"))
    assert (row["statistic"], row["p_value"]) == pytest.approx((expected.statistic, expected.p_value), rel=1e-9)


@pytest.mark.parametrize(("options", "said"), [
    (("--metric", "mae", "--weight", "heavy"), "counts every row once"),
    (("--metric", "mae", "--cluster", "flight"), "counts every row once"),
    (("--metric", "median_ae"), "median_ae is no mean over rows"),
    (("--metric", "explained_variance"), "explained_variance is no mean over rows")])
def test_what_a_test_in_time_would_pass_over_is_refused(options: tuple[str, ...], said: str, numbers: Path) -> None:
    expect_refusal(of_numbers(numbers, "--method", "diebold-mariano", "--time", "at", *options), said)


def test_clusters_are_not_passed_over_by_a_test_of_folds(file: Path) -> None:
    expect_refusal(run(file, "--method", "corrected-t", "--fold", "fold", "--cluster", "fold"), "compares folds")


def test_what_could_be_classes_or_amounts_is_said_by_the_task(numbers: Path) -> None:
    expect_refusal(run(numbers, label="whole", scores="old,new"), "must be 0 or 1")
    assert pair(run(numbers, "--task", "regression", label="whole", scores="old,new"))["verdict"] == "better"
    expect_refusal(of_numbers(numbers, "--metric", "bias"), "Of bias 0 is best", "mae")


# -- which method, and what it says -----------------------------------------------------------------------------------


def texts(outcome: Outcome) -> list[str]:
    return [part.body for part in outcome.view.parts if isinstance(part, Text)]


@pytest.mark.parametrize(("options", "said"), [
    ((), "DeLong: both models rank the same rows"), (("--metric", "accuracy"), "McNemar: on the same rows"),
    (("--metric", "f1"), "Bootstrap: f1 is no mean over rows"), (("--metric", "brier"), "Paired t: each row gives"),
    (("--method", "corrected-t", "--fold", "fold"), "(anti-conservative)"),
])
def test_the_method_is_explained(options: tuple[str, ...], said: str, file: Path) -> None:
    assert any(said in text for text in texts(run(file, *options)))


@pytest.mark.parametrize("form", ["corrected", "uncorrected", "exact", "mid-p"])
def test_every_form_of_mcnemar_can_be_asked_for(form: str, file: Path) -> None:
    assert pair(run(file, "--method", f"mcnemar-{form}"))["method"] == f"mcnemar-{form}"


def test_differences_are_drawn_first_with_their_intervals(file: Path) -> None:
    outcome = run(file, scores="a,b,twin")
    series = [part for part in outcome.view.parts if isinstance(part, Series)]
    assert (series[0].id, series[0].kind, series[0].x) == ("differences", "interval", ("a − b", "a − twin", "b − twin"))
    assert series[1].id == "roc:b"
    row = document(outcome)["tables"]["pairs"]["rows"][0]
    assert (series[0].low[0], series[0].high[0]) == (row["low"], row["high"])


@pytest.mark.parametrize(("adjust", "factors"), [("holm", 3), ("bh", 3), ("none", 1)])
def test_p_of_several_pairs_is_adjusted_as_asked(adjust: str, factors: float, file: Path) -> None:
    row = document(run(file, "--adjust", adjust, scores="a,b,logit"))["tables"]["pairs"]["rows"][0]
    assert row["p_adjusted"] / row["p_value"] == pytest.approx(factors if adjust != "bh" else 1.5, rel=0.01)


def test_an_inconclusive_comparison_says_how_many_rows_it_would_take(tmp_path: Path) -> None:
    few = {name: values[:200] for name, values in COLUMNS.items()} | {"b": np.roll(A, 1)[:200] * 0.02 + A[:200] * 0.98}
    path = written(tmp_path / "few.parquet", few)
    assert pair(run(path, "--margin", "0.0001"))["verdict"] == "inconclusive"
    assert any("takes about" in text and "rows" in text for text in texts(run(path, "--margin", "0.0001")))
    assert any("would have been found in four of five" in text for text in texts(run(path)))


def test_a_stratified_bootstrap_keeps_the_classes(file: Path) -> None:
    plain, kept = (pair(run(file, "--metric", "precision", *more)) for more in ((), ("--stratified",)))
    assert plain["estimate"] == kept["estimate"]
    assert plain["low"] != kept["low"]


# -- two files --------------------------------------------------------------------------------------------------------


def two_files(tmp_path: Path, order: np.ndarray, **more: Any) -> tuple[Path, Path]:
    ids = np.array([f"f{i}" for i in range(N)], dtype=object)
    one = written(tmp_path / "old.parquet", {"id": ids, "late": COLUMNS["late"], "score": A})
    other = {"id": ids, "late": COLUMNS["late"], "score": B} | more
    return one, written(tmp_path / "new.parquet", {name: values[order] for name, values in other.items()})


def test_two_files_are_joined_by_an_id_and_give_what_one_file_would(file: Path, tmp_path: Path) -> None:
    one, other = two_files(tmp_path, rng.permutation(N))
    row = pair(run(one, "--against", str(other), "--id", "id", scores="score"))
    assert (row["a"], row["b"]) == ("old.score", "new.score")
    alone = pair(run(file))
    assert {key: row[key] for key in ("estimate", "low", "p_value", "verdict")} == pytest.approx(
        {key: alone[key] for key in ("estimate", "low", "p_value", "verdict")})


def test_ids_that_do_not_match_or_occur_twice_are_refused_with_their_number_and_the_first(tmp_path: Path) -> None:
    one, other = two_files(tmp_path, np.arange(N - 3))
    outcome = run(one, "--against", str(other), "--id", "id", scores="score")
    expect_refusal(outcome, f"3 of {N:,} ids of 'id' are not in", "--unpaired")
    expect_refusal(outcome, f"the first is 'f{N - 3}'")
    one, other = two_files(tmp_path, np.append(np.arange(N), 4))
    twice = run(one, "--against", str(other), "--id", "id", scores="score")
    expect_refusal(twice, "occur more than once, the first is 'f4'")
    one, other = two_files(tmp_path, np.arange(N), late=1 - COLUMNS["late"])
    turned = run(one, "--against", str(other), "--id", "id", scores="score")
    expect_refusal(turned, "different labels, the first has the id 'f0'")


def test_models_on_different_rows_are_compared_without_pairing(tmp_path: Path) -> None:
    one, other = two_files(tmp_path, np.arange(N - 500))
    row = pair(run(one, "--against", str(other), "--unpaired", scores="score"))
    expected = delong_unpaired((LATE, LATE[:N - 500]), (A, B[:N - 500]))
    assert (row["method"], row["statistic"]) == ("delong-unpaired", pytest.approx(expected.statistic, rel=1e-12))
    both = ("--against", str(other))
    expect_refusal(run(one, *both, scores="score"), "Do the two files hold the same rows?", "--id COLUMN")
    expect_refusal(run(one, *both, "--unpaired", "--method", "delong", scores="score"), "on the same rows")
    expect_refusal(run(one, "--unpaired"), "--id and --unpaired are for two files", "--against FILE")


# -- measurements over data sets and folds ----------------------------------------------------------------------------


def measured(path: Path, *options: str, scores: str = "a,b,c") -> Outcome:
    return perform(without_project(path.parent, perform), ["compare", str(path), "--scores", scores, *options])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = np.random.default_rng(3)
    base = draw.uniform(0.6, 0.9, 12)
    return written(tmp_path_factory.mktemp("results") / "results.csv", {
        "set": np.arange(12), "a": base, "b": base + draw.normal(0.001, 0.02, 12), "c": base + 0.05,
        "nearly": np.append(base[:11], np.nan)})


def test_many_models_on_many_data_sets_are_ranked(results: Path) -> None:
    found = document(measured(results))
    assert found["facts"]["method"] == "friedman"
    assert found["facts"]["critical_difference"] == pytest.approx(2.343 * np.sqrt(12 / 72), abs=1e-3)
    assert found["tables"]["ranks"]["rows"][0]["model"] == "c"
    verdicts = {(row["a"], row["b"]): row["verdict"] for row in found["tables"]["pairs"]["rows"]}
    assert verdicts["a", "c"] == "better"
    assert verdicts["a", "b"] == "inconclusive"
    assert found["series"]["ranks"]["kind"] == "interval"
    assert found["title"].startswith("3 models by mean_rank: c is better than a by ")
    assert document(measured(results, "--metric", "rmse"))["tables"]["ranks"]["rows"][-1]["model"] == "c"


def test_two_models_on_many_data_sets_are_compared_by_signed_ranks(results: Path) -> None:
    row = document(measured(results, scores="a,c"))["tables"]["pairs"]["rows"][0]
    assert (row["method"], row["verdict"]) == ("wilcoxon", "better")
    assert row["p_value"] == pytest.approx(2 / 2**12)


def test_measurements_by_fold_are_compared_by_the_corrected_t_and_five_by_two(results: Path, tmp_path: Path) -> None:
    outcome = measured(results, "--method", "corrected-t", "--test-share", "0.111", scores="a,b")
    assert document(outcome)["tables"]["pairs"]["rows"][0]["method"] == "corrected-t"
    assert any("anti-conservative" in text for text in texts(outcome))
    ten = written(tmp_path / "ten.csv", {"a": rng.normal(size=10), "b": rng.normal(size=10)})
    for method in ("5x2cv-t", "5x2cv-f"):
        assert document(measured(ten, "--method", method, scores="a,b"))["tables"]["pairs"]["rows"][0]["low"] is None
        expect_refusal(measured(results, "--method", method, scores="a,b"), "needs ten rows")
    expect_refusal(measured(results, "--method", "corrected-t", scores="a,b"), "how much larger", "0.111")


def test_tables_that_cannot_be_compared_are_refused(results: Path, tmp_path: Path) -> None:
    expect_refusal(measured(results, scores="a,nearly"), "no usable measurement in 'nearly'", where="row 11 (from 0)")
    expect_refusal(measured(results, "--method", "friedman", scores="a,b"), "three models or more", "wilcoxon")
    expect_refusal(measured(results, "--method", "delong", scores="a,b"), "delong needs labels", "--label COLUMN")
    single = written(tmp_path / "single.csv", {"a": np.array([0.5]), "b": np.array([0.6])})
    expect_refusal(measured(single, scores="a,b"), "has 1 rows of measurements")
    expect_refusal(run(results, "--method", "wilcoxon", label="a", scores="b,c"), "wilcoxon is for measurements")


# -- folds ------------------------------------------------------------------------------------------------------------


def test_a_fold_of_one_row_and_one_of_one_class_are_refused_by_name(tmp_path: Path) -> None:
    fold = np.where(np.arange(N) == 0, 9, np.arange(N) % 3)
    path = written(tmp_path / "folds.parquet", COLUMNS | {"fold": fold})
    expect_refusal(run(path, "--method", "corrected-t", "--fold", "fold"), "Fold 9 has no roc_auc")
    assert pair(run(path, "--method", "corrected-t", "--fold", "fold", "--metric", "brier"))["method"] == "corrected-t"


def test_a_sure_difference_that_may_lie_within_the_margin_is_said_to(file: Path) -> None:
    plain = document(run(file))["tables"]["pairs"]["rows"][0]
    middle = abs(plain["estimate"])
    assert "perhaps" not in document(run(file))["title"]
    assert document(run(file, "--margin", f"{middle:.4f}"))["title"].endswith(
        f"higher; perhaps by no more than the margin of {float(f'{middle:.4f}'):g}")
    near = min(abs(plain["margin_low"]), abs(plain["margin_high"])) / 2
    assert "perhaps" not in document(run(file, "--margin", f"{near}"))["title"]


def test_which_way_is_better_stands_where_the_verdict_does(file: Path, tmp_path: Path) -> None:
    assert "roc_auc: higher is better, and the verdict is about b" in run(file).view.table("pairs").title
    found = run(file, "--metric", "brier").view
    assert "brier: lower is better, and the verdict is about b" in found.table("pairs").title
    assert ", and lower is better" in found.title
    path = tmp_path / "results.csv"
    path.write_text("a,b\n" + "".join(f"{place / 10},{place / 10 + 1 + place / 100}\n" for place in range(12)))
    assert ": its mean is " in document(measured(path, scores="a,b"))["title"]


def test_a_row_that_weighs_nothing_is_not_said_to_be_without_a_label(tmp_path: Path) -> None:
    path = tmp_path / "weighed.csv"
    path.write_text("late,a,b,w\n1,.9,.8,1\n0,.2,.1,2\n1,.4,.6,1\n0,.3,.5,1\n1,.7,.6,0\n,.1,.1,1\n0,.6,.2,1\n")
    facts = document(run(path, "--weight", "w"))["facts"]
    assert (facts["rows"], facts["without_label"], facts["without_weight"]) == (5, 1, 1)
