"""The same audit by Fairlearn and AIF360: one View, their values, agreement where they define a metric as we do."""

import importlib.util
from typing import Any

import numpy as np
import pytest

from mlops_tui.analysis.fairness import Cells, gaps
from mlops_tui.errors import MissingExtra
from mlops_tui.governance import _engine_aif360, _engine_fairlearn, _engines
from mlops_tui.governance._audited import Asked, Audited
from mlops_tui.governance._decided import Wish, view

ASKED = Asked("label", ("team",), "1", "decided")


def cells(seed: int, groups: int, *, weighted: bool = False) -> Cells:
    draw = np.random.default_rng(seed)
    counts = draw.multinomial(900, draw.dirichlet(np.full(groups * 4, 4.0))).reshape(groups, 2, 2)
    if not weighted:
        return Cells(tuple("abcde"[:groups]), counts)
    weights = counts * draw.uniform(0.5, 2, counts.shape)
    return Cells(tuple("abcde"[:groups]), counts, weights, weights**2 / np.maximum(counts, 1) * 1.2)


def audit(found: Cells, engine: str = "", *, overall: bool = False) -> Any:
    return view(Audited(found, None, (), 0), ASKED, Wish("b", overall, engine=engine))


@pytest.mark.parametrize("engine", ["fairlearn", "aif360"])
@pytest.mark.parametrize(("seed", "groups", "weighted"), [(1, 2, False), (2, 3, False), (3, 4, True)])
def test_an_engine_gives_the_same_view_with_its_own_values(engine: str, seed: int, groups: int,
                                                           weighted: bool) -> None:
    found = cells(seed, groups, weighted=weighted)
    ours, theirs = audit(found), audit(found, engine)
    assert "engine_differs" not in theirs.facts()
    assert theirs.facts()["engine"].startswith(f"{engine} ")
    assert (theirs.title, theirs.status) == (ours.title, ours.status)
    rows = list(zip(ours.table("metrics").rows, theirs.table("metrics").rows, strict=True))
    known = [(one, other) for one, other in rows if other["engine"] == engine]
    assert len(known) == theirs.facts()["values_of_the_engine"]
    assert len(known) >= (20 if engine == "fairlearn" else 18)
    for one, other in known:
        assert other["value"] == pytest.approx(one["value"], rel=1e-12, abs=1e-12), one["metric"]
        assert {**one, "value": 0, "engine": ""} == {**other, "value": 0, "engine": ""}


def test_fairlearn_holds_groups_against_all_rows_too() -> None:
    found = cells(4, 3)
    theirs = audit(found, "fairlearn", overall=True)
    assert "engine_differs" not in theirs.facts()
    rows = [row for row in theirs.table("metrics").rows if row["engine"] == "fairlearn"]
    assert {row["reference"] for row in rows} == {"(all)", ""}
    assert len(rows) >= 60


def test_what_each_engine_knows() -> None:
    names = {name for name, _ in _engine_aif360.values(cells(1, 2), 1, overall=False)}
    assert {"selection_rate_ratio", "average_odds_difference", "average_predictive_value_difference",
            "generalized_entropy_index", "coefficient_of_variation", "between_group_theil_index",
            "differential_fairness", "bias_amplification", "equalized_odds_difference"} <= names
    aggregates = {name for name, group in _engine_fairlearn.values(cells(1, 3), 1, overall=False) if not group}
    assert {"equalized_odds_difference_mean", "demographic_parity_ratio", "equal_opportunity_difference"} <= aggregates


def test_an_undefined_rate_stays_undefined_whatever_the_engine_says() -> None:
    """Fairlearn calls a true positive rate without positives 0."""
    none = Cells(("a", "b"), np.array([[[40, 9], [0, 0]], [[20, 15], [15, 20]]]))
    row = next(row for row in audit(none, "fairlearn").table("metrics").rows if row["metric"] == "tpr_difference")
    assert (row["value"], row["reason"]) == (None, "no row of a has the favourable label")


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = importlib.util.find_spec
    monkeypatch.setattr("mlops_tui.errors.find_spec", lambda name: None if name == "aif360" else seen(name))
    with pytest.raises(MissingExtra, match="needs the extra 'fairness'"):
        audit(cells(1, 2), "aif360")


def test_a_difference_between_libraries_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine_fairlearn, "values", lambda *_, **__: {("tpr_difference", "a"): 0.9})
    theirs = audit(cells(1, 2), "fairlearn")
    assert theirs.facts()["engine_differs"] == ("tpr_difference a",)
    assert _engines.ENGINES == ("fairlearn", "aif360")


def test_german_credit_is_as_aif360s_tutorial_says() -> None:
    """AIF360's credit scoring tutorial: −0.169905 with age from 25 on as the privileged group. The counts are those of
    its 700 training rows of Statlog's german.data (bad, good; drawn by NumPy's generator with seed 0); of all 1,000
    rows by age from 26 on, Kamiran & Calders' cut, it is −0.149447."""
    for rows, value in ((((50, 63), (160, 427)), -0.169905), (((80, 110), (220, 590)), -0.149447)):
        counts = np.zeros((2, 2, 2), dtype=np.int64)
        counts[:, 0, 0], counts[:, 1, 1] = np.array(rows).T
        found = Cells(("young", "old"), counts)
        theirs = _engine_aif360.values(found, 1, overall=False)["selection_rate_difference", "young"]
        assert theirs == pytest.approx(value, abs=1e-6)
        assert gaps(found, 1)[0].difference.value == pytest.approx(theirs, abs=1e-12)
