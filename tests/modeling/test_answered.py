"""evaluate on files of several classes and of numbers: against scikit-learn, by slice, weighted; what is refused."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_tui.commands import Outcome, perform
from mlops_tui.render.json import as_json
from mlops_tui.render.terminal import lines
from mlops_tui.session import without_project

rng = np.random.default_rng(11)
N = 1500
CLASSES = np.array(["cat", "[bold]owl[/bold]", "a=b"], dtype=object)
KIND = rng.choice(3, N, p=[0.6, 0.3, 0.1])
DRAWN = rng.dirichlet(np.ones(3), N)
DRAWN[np.arange(N), KIND] += 0.4
P = DRAWN / DRAWN.sum(axis=1, keepdims=True)
SITE = rng.choice(["north", "south"], N).astype(object)
MINUTES = np.exp(rng.normal(3, 0.7, N))
GUESS = MINUTES * np.exp(rng.normal(0, 0.3, N)) * np.where(SITE == "south", 1.4, 1.0)
WEIGHT = rng.integers(1, 6, N).astype(np.float64)
SAID = ("--label", "kind", "--probability", "cat=p0", "--probability", "[bold]owl[/bold]=p1", "--probability", "a=b=p2")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("answers") / "rows.parquet"
    connection = duckdb.connect()
    connection.register("rows", {
        "kind": CLASSES[KIND], "given": CLASSES[P.argmax(axis=1)], "p0": P[:, 0], "p1": P[:, 1], "p2": P[:, 2],
        "half": P[:, 0] / 2, "number": KIND, "site": SITE, "minutes": MINUTES, "guess": GUESS, "weight": WEIGHT,
        "same": np.full(N, 1e12), "none": np.zeros(N), "negative": WEIGHT - 3, "flat": np.full(N, 20.0),
        "gaps": np.where(np.arange(N) == 7, np.nan, GUESS), "endless": np.where(np.arange(N) == 7, np.inf, GUESS),
        "late": KIND == 1, "score": P[:, 1],
        "heavy": np.where(np.arange(N) == 3, 1e9, 1.0), "one": np.full(N, "cat", dtype=object)})
    connection.execute(f"COPY (SELECT *, TIMESTAMP '2013-01-01' AS naive FROM rows) TO '{path}'")
    return path


def run(file: Path, *options: str) -> Outcome:
    return perform(without_project(file.parent, perform), ["evaluate", str(file), *options])


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.exit == 0, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def metrics(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in found["tables"]["metrics"]["rows"]}


def test_several_classes_are_measured_as_scikit_learn_measures_them(file: Path) -> None:
    found = document(run(file, *SAID))
    measured, given = metrics(found), P.argmax(axis=1)
    assert measured["accuracy"]["value"] == pytest.approx(sk.accuracy_score(KIND, given))
    assert measured["macro_f1"]["value"] == pytest.approx(sk.f1_score(KIND, given, average="macro"))
    assert measured["log_loss"]["value"] == pytest.approx(sk.log_loss(KIND, P))
    assert measured["roc_auc_ovr"]["value"] == pytest.approx(sk.roc_auc_score(KIND, P, multi_class="ovr"))
    assert all(row["low"] < row["value"] < row["high"] for row in measured.values())
    rows = {row["class"]: row for row in found["tables"]["classes"]["rows"]}
    recall = sk.recall_score(KIND, given, average=None)
    assert [rows[name]["recall"] for name in CLASSES] == pytest.approx(recall.tolist())
    heat = np.reshape(found["series"]["confusion"]["y"], (3, 3))
    assert heat == pytest.approx(sk.confusion_matrix(KIND, given, normalize="true"))
    assert found["facts"]["classes"] == list(CLASSES)


def test_classes_alone_have_no_metrics_of_probabilities_and_say_why(file: Path) -> None:
    measured = metrics(document(run(file, "--label", "kind", "--prediction", "given")))
    assert measured["accuracy"]["value"] == pytest.approx(sk.accuracy_score(KIND, P.argmax(axis=1)))
    assert (measured["log_loss"]["value"], measured["log_loss"]["reason"]) == (None, "the model gives no probabilities")


def test_markup_in_the_name_of_a_class_is_shown_as_it_is(file: Path) -> None:
    assert any("[bold]owl[/bold]" in line.plain for line in lines(run(file, *SAID).view))


def test_numbers_are_measured_as_scikit_learn_measures_them_with_weights(file: Path) -> None:
    found = document(run(file, "--label", "minutes", "--prediction", "guess", "--weight", "weight"))
    measured = metrics(found)
    for name, referee in (("mae", sk.mean_absolute_error), ("rmse", sk.root_mean_squared_error), ("r2", sk.r2_score)):
        assert measured[name]["value"] == pytest.approx(referee(MINUTES, GUESS, sample_weight=WEIGHT))
        assert measured[name]["low"] < measured[name]["value"] < measured[name]["high"]
    assert found["facts"]["effective_rows"] == pytest.approx(WEIGHT.sum() ** 2 / (WEIGHT**2).sum(), abs=0.1)
    assert measured["bias"]["means"] == "too high on average"
    assert set(found["series"]) == {"actual", "residuals"}


def test_a_slice_that_is_worse_than_the_rest_comes_first_and_is_named_in_the_title(file: Path) -> None:
    outcome = run(file, "--label", "minutes", "--prediction", "guess", "--group", "site")
    rows = document(outcome)["tables"]["groups"]["rows"]
    assert [(row["group"], row["verdict"]) for row in rows] == [("south", "worse"), ("north", "better")]
    assert rows[0]["rmse"] - rows[1]["rmse"] == pytest.approx(rows[0]["difference"])
    assert 0 < rows[0]["difference_low"] < rows[0]["difference"] < rows[0]["difference_high"]
    assert rows[0]["p_adjusted"] < 0.01
    assert outcome.view.title.endswith("; worse where site south")


def test_a_trillion_on_every_row_is_no_weight(file: Path) -> None:
    for options in (SAID, ("--label", "minutes", "--prediction", "guess"), ("--label", "late", "--score", "score")):
        assert document(run(file, *options, "--weight", "same")) == document(run(file, *options))


def test_one_row_that_outweighs_all_leaves_values_without_intervals(file: Path) -> None:
    for options, name in ((("--label", "minutes", "--prediction", "guess"), "rmse"),
                          (("--label", "late", "--score", "score"), "brier"), (SAID, "log_loss")):
        row = metrics(document(run(file, *options, "--weight", "heavy")))[name]
        assert (row["value"] is not None, row["low"], row["high"]) == (True, None, None)
        assert "of the weight" in row["reason"]


def test_weighted_yes_or_no_is_what_scikit_learn_says(file: Path) -> None:
    found = document(run(file, "--label", "late", "--score", "score", "--weight", "weight"))
    measured = metrics(found)
    assert measured["roc_auc"]["value"] == pytest.approx(sk.roc_auc_score(KIND == 1, P[:, 1], sample_weight=WEIGHT))
    assert measured["recall"]["value"] == pytest.approx(
        sk.recall_score(KIND == 1, P[:, 1] >= 0.5, sample_weight=WEIGHT))
    tenth = np.ceil(P[:, 1] * 10)
    off = sum(abs(WEIGHT[tenth == each] @ ((KIND == 1) - P[:, 1])[tenth == each]) for each in np.unique(tenth))
    assert found["facts"]["ece"] == pytest.approx(off / WEIGHT.sum())


def test_the_same_answer_everywhere_is_pointed_out_and_worse_than_the_mean_warns(file: Path) -> None:
    outcome = run(file, "--label", "minutes", "--prediction", "flat")
    found = document(outcome)
    assert "The model gives the same answer for every row." in found["text"]
    assert metrics(found)["spearman"]["reason"] == "all predictions are equal"
    assert metrics(found)["r2"]["value"] == pytest.approx(sk.r2_score(MINUTES, np.full(N, 20.0)))
    assert outcome.view.status == "warn"


def test_a_constant_label_has_no_r2_and_three_rows_are_measured_with_a_warning(file: Path, tmp_path: Path) -> None:
    measured = metrics(document(run(file, "--label", "flat", "--prediction", "guess")))
    assert (measured["r2"]["value"], measured["r2"]["reason"]) == (None, "all labels are equal")
    assert measured["mae"]["low"] < measured["mae"]["value"]
    few = tmp_path / "few.csv"
    few.write_text("y,p\n1.5,2\n3,2.5\n7.25,8\n", encoding="utf-8")
    found = document(run(few, "--label", "y", "--prediction", "p"))
    assert found["text"][0].startswith("Only 3 rows")
    assert metrics(found)["mae"]["value"] == pytest.approx(0.5 * 7 / 6)


@pytest.mark.parametrize(("options", "what", "step"), [
    (("--label", "kind"), "What did the model answer?", "--score S"),
    (("--label", "kind", "--prediction", "given", "--score", "p0"), "--score and --prediction say different", "One of"),
    (("--label", "kind", "--score", "p0", "--task", "regression"), "not read from --score", "--prediction P"),
    (("--label", "number", "--prediction", "number"), "may be classes or amounts", "--task multiclass"),
    (("--label", "kind", "--prediction", "given", "--task", "regression"), "The label 'kind' is no number", "numeric"),
    (("--label", "kind", "--probability", "cat=p0", "--probability", "a=b=p2"),
     "The label '[bold]owl[/bold]' in 'kind' has no probability", "Add --probability '[bold]owl[/bold]=COLUMN'"),
    (("--label", "kind", "--probability", "cat=half", *SAID[4:]), "rows do not add up to 1", "every class"),
    (("--label", "kind", "--probability", "cat=guess", *SAID[4:]), "scores in 'guess' lie outside [0, 1]", "first"),
    (("--label", "kind", "--probability", "cat=p0", *SAID[4:6], "--probability", "a=b=p0"), "'p0' is given as", "each"),
    (("--label", "kind", "--probability", "cat"), "'cat' is no CLASS=COLUMN", "--probability cat=p_cat"),
    (("--label", "one", "--prediction", "given"), "all 1500 labels in 'one' are cat", "several classes"),
    (("--label", "minutes", "--prediction", "gaps"), "1 labelled rows have no usable prediction in 'gaps'", "finite"),
    (("--label", "endless", "--prediction", "guess"), "no usable label in 'endless', the first is inf", "finite label"),
    (("--label", "minutes", "--prediction", "guess", "--weight", "negative"), "negative in", "0 or more"),
    (("--label", "minutes", "--prediction", "guess", "--weight", "none"), "is 0 in every labelled row", "--weight"),
    (("--label", "minutes", "--prediction", "naive", "--task", "regression"), "'naive' is no number", "numeric"),
    (("--label", "minutes", "--prediction", "guess", "--picture", "roc"), "no picture 'roc' of this", "actual"),
    (("--label", "minutes", "--prediction", "guss"), "No column 'guss'", "Did you mean 'guess'?"),
    ((), "A file needs --label", "A declared model needs none"),
])
def test_what_cannot_be_evaluated_is_refused_with_the_way_out(
        file: Path, options: tuple[str, ...], what: str, step: str) -> None:
    outcome = run(file, *options)
    assert outcome.exit == 2
    assert outcome.error is not None
    assert what in outcome.error["what"]
    assert step in outcome.error["next"]


def test_the_row_that_cannot_be_used_is_named(file: Path) -> None:
    outcome = run(file, "--label", "minutes", "--prediction", "gaps")
    assert outcome.error is not None
    assert outcome.error["where"].endswith("row 7 (from 0)")


def test_probabilities_that_nearly_add_up_are_used_and_said_by_how_much(tmp_path: Path) -> None:
    path = tmp_path / "near.csv"
    path.write_text("y,a,b\n" + "u,.6,.4\nv,.3,.7005\n" * 20, encoding="utf-8")
    found = document(run(path, "--label", "y", "--probability", "u=a", "--probability", "v=b"))
    assert "Probabilities add up to 1 within 0.0005." in found["text"]
