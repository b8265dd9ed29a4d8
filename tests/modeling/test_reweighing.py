"""Training rows that are reweighed by group: the weights of Kamiran & Calders, and that a fit goes by them alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_tui.declarations.kinds import Candidate, Label, Mitigation, Model, Split
from mlops_tui.modeling._reweighing import FIT, GROUP, reweighed
from mlops_tui.models.candidates import piped, weighing
from mlops_tui.models.fitting import fit

PLAIN = Candidate(estimator="sklearn.linear_model.LogisticRegression")


def model(*groups: str) -> Model:
    return Model("binary", Label("people", "good"), {"plain": PLAIN}, Split("at"),
                 mitigation=Mitigation(groups) if groups else None)


def frame(n: int = 400) -> pa.Table:
    """Old people are good more often; x tells a little of both."""
    draw = np.random.default_rng(3)
    old, sex = draw.random(n) < 0.6, draw.choice(["f", "m"], n)
    good = draw.random(n) < np.where(old, 0.8, 0.4)
    return pa.table({"id": np.arange(n), "good": good, "x": draw.normal(size=n) + good + old,
                     GROUP + "age": np.where(old, "old", "young"), GROUP + "sex": sex,
                     "row_weight": draw.exponential(size=n)})


@pytest.mark.parametrize("weight", ["", "row_weight"])
def test_no_group_says_anything_of_the_label_in_reweighed_training_rows(weight: str) -> None:
    table, train = frame(), np.arange(300)
    made, told = reweighed(model("age", "sex"), weight, table, train)
    assert not [name for name in made.column_names if name.startswith(GROUP)]
    counted, good = made[FIT].to_numpy()[:300], np.asarray(table["good"])[:300]
    both = np.char.add(np.asarray(table[GROUP + "age"].to_pylist()), np.asarray(table[GROUP + "sex"].to_pylist()))[:300]
    shares = [np.average(good[both == each], weights=counted[both == each]) for each in np.unique(both)]
    own = np.asarray(table["row_weight"])[:300] if weight else np.ones(300)
    assert shares == pytest.approx([np.average(good, weights=own)] * 4)
    assert counted.sum() == pytest.approx(own.sum())
    assert (0.3 if weight else 0.7) < told["mitigation"]["worth"] < 1
    assert set(told["mitigation"]["weights"]) == {"old · f", "old · m", "young · f", "young · m"}


def test_without_mitigation_rows_are_as_they_were() -> None:
    table = frame()
    assert reweighed(model(), "", table, np.arange(300)) == (table, {})


def test_a_fit_goes_by_these_weights_and_its_test_does_not(tmp_path: Path) -> None:
    made, _ = reweighed(model("age"), "", frame(), np.arange(300))
    made = made.drop_columns([GROUP + "sex", "row_weight"]) if GROUP + "sex" in made.column_names else \
        made.drop_columns(["row_weight"])
    for name, rows in (("train", made.slice(0, 300)), ("test", made.slice(300))):
        pq.write_table(rows, tmp_path / f"{name}.parquet")
    request = {"kind": "fit", "train": tmp_path / "train.parquet", "test": tmp_path / "test.parquet", "label": "good",
               "keys": ["id"], "features": ["x"], "task": "binary", "classes": [], "weight": "", "fit_weight": FIT,
               "candidates": {"plain": {"estimator": PLAIN.estimator, "params": {}}}, "ladder": False,
               "metric": "roc_auc", "seed": 1, "out": tmp_path, "prepare": {}, "stopping": {}}
    found = fit(request, lambda name: None, lambda *_: None)
    x, y = pd.DataFrame({"x": np.asarray(made["x"])}), np.asarray(made["good"])
    weight = made[FIT].to_numpy()[:300]

    def said(weight: np.ndarray) -> np.ndarray:
        theirs = piped(LogisticRegression(), x)
        return theirs.fit(x[:300], y[:300], **weighing(theirs, weight, "")).predict_proba(x[300:])[:, 1]

    scores = pq.read_table(found["scores"])
    assert scores.column_names == ["id", "good", "plain"]
    assert scores["plain"].to_numpy() == pytest.approx(said(weight / weight.mean()))
    assert np.abs(scores["plain"].to_numpy() - said(np.ones(300))).max() > 0.02
    assert found["reads"] == [{"name": "x", "type": "double", "required": True}]
