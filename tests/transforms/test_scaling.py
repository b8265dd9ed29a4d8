"""Scaling against scikit-learn, and what one wild value may move."""

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from mlops_tui.errors import BadInput, NotFound
from mlops_tui.transforms import frozen, scaling
from mlops_tui.transforms.scaling import Scaling

Frame = pd.DataFrame
COLUMNS = ("normal", "ties", "cauchy", "skewed")
REFEREES: dict[str, Any] = {
    "robust": RobustScaler(), "standard": StandardScaler(), "uniform": QuantileTransformer(subsample=None),
    "normal": QuantileTransformer(subsample=None, output_distribution="normal")}


def numbers(n: int = 3000, seed: int = 0) -> Frame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame({"id": np.arange(n), "normal": draw.normal(3, 2, n), "ties": draw.integers(0, 30, n) * 1.0,
                         "cauchy": draw.standard_cauchy(n), "skewed": draw.lognormal(0, 1, n)})


def opened(frame: Frame) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.register("rows", frame)
    return connection


def scaled(frame: Frame, how: Scaling) -> tuple[dict[str, Any], npt.NDArray[np.float64]]:
    cursor = opened(frame)
    document = scaling.fit(cursor, "rows", how)
    table = cursor.sql(f"{scaling.applied(cursor, 'rows', document)} ORDER BY id").to_arrow_table()
    return document, np.stack([table[f"{name}_scaled"].to_numpy().astype(float) for name in how.columns], axis=1)


@pytest.mark.parametrize(("method", "digits"), [("robust", 1e-12), ("standard", 1e-12), ("uniform", 1e-12),
                                                ("normal", 1e-9)])
def test_each_method_is_scikit_learns(method: Any, digits: float) -> None:
    """The normal one within 1e-9: beyond four deviations scikit-learn's places near 1 have no more digits."""
    frame = numbers()
    _, mine = scaled(frame, Scaling(COLUMNS, method))
    assert mine == pytest.approx(REFEREES[method].fit_transform(frame[list(COLUMNS)]), rel=digits, abs=digits)


@pytest.mark.parametrize("method", ["robust", "standard", "uniform"])
def test_what_was_scaled_can_be_turned_back(method: Any) -> None:
    frame = numbers(1000)
    cursor = opened(frame)
    document = scaling.fit(cursor, "rows", Scaling(("normal", "skewed"), method))
    cursor.execute(f"CREATE TABLE scaled AS {scaling.applied(cursor, 'rows', document)}")
    table = cursor.sql(f"{scaling.inverted(cursor, 'scaled', document)} ORDER BY id").to_arrow_table()
    for name in ("normal", "skewed"):
        assert table[f"{name}_unscaled"].to_numpy() == pytest.approx(frame[name].to_numpy(), rel=1e-9, abs=1e-9)


def test_normal_quantiles_are_not_turned_back() -> None:
    cursor = opened(numbers(100))
    document = scaling.fit(cursor, "rows", Scaling(("normal",), "normal"))
    cursor.execute(f"CREATE TABLE scaled AS {scaling.applied(cursor, 'rows', document)}")
    with pytest.raises(BadInput, match="not turned back"):
        scaling.inverted(cursor, "scaled", document)


@pytest.mark.parametrize("method", ["auto", "robust", "winsorised", "uniform"])
@pytest.mark.parametrize("wild", [1e12, -1e12])
def test_one_outlier_moves_no_other_value_by_more_than_the_bound(method: Any, wild: float) -> None:
    for seed in range(3):
        frame = numbers(1000, seed)
        clean, before = scaled(frame, Scaling(("normal", "skewed"), method))
        spoilt = frame.copy()
        spoilt.loc[seed, ["normal", "skewed"]] = wild
        asked = [each["method"] for each in clean["columns"]]
        for place, name in enumerate(("normal", "skewed")):
            bound = clean["columns"][place]["influence"]
            if asked[place] == "standard":
                assert bound is None, "auto chose a scale without a bound, and says so"
                continue
            _, after = scaled(spoilt, Scaling((name,), asked[place]))
            other = np.arange(1000) != seed
            allowed = bound["base"] + bound["slope"] * np.abs(before[other, place])
            moved = np.abs(after[other, 0] - before[other, place])
            assert (moved <= allowed + 1e-12).all(), (name, asked[place], seed)
            assert np.median(allowed) < 1.5, "a bound that says something"


def test_with_an_outlier_there_auto_does_not_choose_the_standard_scale() -> None:
    frame = numbers(5000)
    assert scaled(frame, Scaling(("normal",)))[0]["columns"][0]["method"] == "standard"
    frame.loc[0, "normal"] = 1e12
    document, values = scaled(frame, Scaling(("normal",)))
    assert document["columns"][0]["method"] == "robust"
    assert np.abs(np.delete(values, 0)).max() < 5


@pytest.mark.parametrize(("name", "method"), [("normal", "standard"), ("cauchy", "normal"), ("skewed", "winsorised")])
def test_auto_chooses_by_outliers_tail_and_skew(name: str, method: str) -> None:
    document, _ = scaled(numbers(), Scaling((name,)))
    assert document["columns"][0]["method"] == method
    assert document["columns"][0]["reason"]


def test_without_an_interquartile_range_a_column_stays_as_it_is() -> None:
    frame = pd.DataFrame({"id": range(100), "flat": [0.0] * 90 + [5.0] * 10})
    for method in ("auto", "robust"):
        document, values = scaled(frame, Scaling(("flat",), method))  # type: ignore[arg-type]
        assert document["columns"][0]["method"] == "none"
        assert "interquartile range is 0" in document["columns"][0]["reason"]
        assert values[:, 0].tolist() == frame["flat"].tolist()


@pytest.mark.parametrize("method", ["standard", "winsorised", "uniform", "normal"])
def test_a_constant_column_stays_as_it_is(method: Any) -> None:
    document, values = scaled(pd.DataFrame({"id": range(60), "same": [7.0] * 60}), Scaling(("same",), method))
    assert "constant" in document["columns"][0]["reason"]
    assert set(values[:, 0]) == {7.0}


@pytest.mark.parametrize(("method", "ends"), [("robust", (None, None)), ("standard", (None, None)), ("uniform", (0, 1)),
                                              ("normal", (-5.2, 5.2)), ("winsorised", (-3, 3))])
def test_nothing_nan_and_the_infinite_are_handled_as_said(method: Any, ends: tuple[float | None, float | None]) -> None:
    cursor = opened(numbers())
    document = scaling.fit(cursor, "rows", Scaling(("normal",), method))
    cursor.execute("CREATE TABLE odd(id INTEGER, normal DOUBLE)")
    cursor.execute("INSERT INTO odd VALUES (0, NULL), (1, 'nan'), (2, '-inf'), (3, 'inf')")
    found = [row[-1] for row in cursor.execute(f"{scaling.applied(cursor, 'odd', document)} ORDER BY id").fetchall()]
    assert found[:2] == [None, None]
    for value, end in zip(found[2:], ends, strict=True):
        assert value is None if end is None else value == pytest.approx(end, abs=0.9)


def test_the_infinite_do_not_enter_the_parameters_and_are_counted() -> None:
    frame = numbers(500)
    spoilt = pd.concat([frame, pd.DataFrame({"id": [500, 501, 502], "normal": [np.inf, -np.inf, np.nan]})])
    one, other = (scaled(each, Scaling(("normal",), "robust"))[0]["columns"][0] for each in (frame, spoilt))
    assert (one["centre"], one["scale"]) == (other["centre"], other["scale"])
    assert (other["infinite"], other["missing"]) == (2, 1)


def test_the_same_rows_give_the_same_bytes_in_any_order() -> None:
    frame = numbers()
    digests = {frozen.digest_of(scaling.fit(opened(each), "rows", Scaling(COLUMNS)))
               for each in (frame, frame.sample(frac=1, random_state=1))}
    assert len(digests) == 1


def test_what_cannot_be_scaled_is_refused() -> None:
    cursor = opened(numbers(50).assign(text="a"))
    with pytest.raises(BadInput, match="is no number"):
        scaling.fit(cursor, "rows", Scaling(("text",)))
    with pytest.raises(NotFound, match="Did you mean 'normal'"):
        scaling.fit(cursor, "rows", Scaling(("norml",)))
    with pytest.raises(BadInput, match="No method"):
        Scaling(("normal",), "minmax")  # type: ignore[arg-type]


def test_a_pipelines_step_is_fitted_on_the_first_input_and_applied_to_the_last() -> None:
    cursor = opened(numbers(200))
    cursor.execute("CREATE TABLE later AS SELECT 0 AS id, 3.0 AS normal")
    made = scaling.step(cursor, {"train": "rows", "later": "later"},
                        {"columns": "normal", "method": "robust", "keep": False})
    centre, scale = (made.frozen["columns"][0][key] for key in ("centre", "scale"))  # type: ignore[index]
    assert cursor.execute(made.sql).fetchall() == [(0, (3.0 - centre) / scale)]
