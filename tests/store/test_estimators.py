from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from store.estimators import dump, load
from store.refusal import Refusal

ROWS = np.random.default_rng(1).normal(size=(200, 3))


def fitted() -> object:
    model = make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=3, random_state=1))
    return model.fit(ROWS, ROWS[:, 0] > 0)


def test_the_same_fit_gives_the_same_bytes_and_reads_back_as_it_answered(tmp_path: Path) -> None:
    kept, model = [], None
    for name in ("a.skops", "b.skops"):
        model = fitted()
        kept.append(list(range(10_000)))  # so that the next one lies elsewhere in memory
        dump(model, tmp_path / name)
    assert (tmp_path / "a.skops").read_bytes() == (tmp_path / "b.skops").read_bytes()
    again = load(tmp_path / "a.skops")
    assert np.array_equal(again.predict_proba(ROWS), model.predict_proba(ROWS))  # type: ignore[union-attr]


def test_a_type_of_ones_own_is_not_stored(tmp_path: Path) -> None:
    class Own:
        pass

    with pytest.raises(Refusal, match="cannot be stored safely"):
        dump(Own(), tmp_path / "own.skops")
    assert not (tmp_path / "own.skops").exists()
