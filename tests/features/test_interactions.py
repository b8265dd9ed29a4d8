"""Interactions: an XOR and Friedman's product are found, an additive truth gives none, a reason is enough."""

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from mlops_tui.analysis.multiplicity import holm
from mlops_tui.commands import Outcome, perform
from mlops_tui.features._joint import Examples, How, Judgement, correlated, judged
from mlops_tui.session import quiet, without_project

Floats = npt.NDArray[np.float64]


def accepted(x: Floats, y: npt.NDArray[np.generic], task: str, trees: int = 60) -> set[tuple[str, str]]:
    found = all_judged(x, y, task, trees)
    return {each.pair for each, p in zip(found, holm([each.p_value for each in found]), strict=True)
            if p <= 0.05 and each.beyond > 0}


def all_judged(x: Floats, y: npt.NDArray[np.generic], task: str, trees: int = 60) -> list[Judgement]:
    features = pd.DataFrame(x, columns=[f"x{place}" for place in range(1, x.shape[1] + 1)])
    held = np.arange(len(y)) >= int(0.7 * len(y))
    return judged(Examples(features, y, held, task), list(combinations(features.columns, 2)), How(trees=trees), quiet)


def test_an_xor_is_found() -> None:
    draw = np.random.default_rng(0)
    x = draw.integers(0, 2, (1500, 3)).astype(float)
    y = ((x[:, 0] != x[:, 1]) ^ (draw.random(1500) < 0.1)).astype(int)
    assert accepted(x, y, "classes") == {("x1", "x2")}
    best = next(each for each in all_judged(x, y, "classes") if each.pair == ("x1", "x2"))
    assert best.both > sum(best.alone) + best.low > 0.1, "together they tell more than the sum of the parts"


def test_friedmans_first_function_has_one_interaction() -> None:
    """10 sin(πx₁x₂) + 20(x₃ − ½)² + 10x₄ + 5x₅ + noise (Friedman 1991, Ann. Stat. 19:1)."""
    draw = np.random.default_rng(1)
    x = draw.random((2000, 5))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    assert accepted(x, y + draw.normal(size=2000), "regression") == {("x1", "x2")}


def test_an_additive_truth_of_correlated_columns_gives_none_at_five_percent() -> None:
    """20 draws, 3 pairs each: with at most 5 % false ones, more than 4 would happen once in 390 runs."""
    false = 0
    for seed in range(20):
        draw = np.random.default_rng(100 + seed)
        x = draw.normal(size=(600, 3))
        x[:, 1] = 0.7 * x[:, 0] + 0.7 * x[:, 1]
        y = x[:, 0] + np.sin(2 * x[:, 1]) + x[:, 2] ** 2 + draw.normal(size=600)
        false += bool(accepted(x, y, "regression", trees=25))
    assert false <= 4


def test_columns_that_go_together_are_named_as_partners() -> None:
    draw = np.random.default_rng(2)
    a, b = draw.normal(size=(2, 800))
    features = pd.DataFrame({"a": a, "twin": a + 0.01 * draw.normal(size=800), "b": b})
    assert correlated(features, 0.8) == {"a": {"twin"}, "twin": {"a"}, "b": set()}
    held = np.arange(800) >= 560
    found = judged(Examples(features, a * b, held, "regression"), [("a", "b")], How(trees=20), quiet)
    assert found[0].partners == ("twin",)


def ran(folder: Path, *words: object) -> Outcome:
    return perform(without_project(folder, perform), tuple(map(str, words)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    draw = np.random.default_rng(3)
    a, b, c = draw.random((3, 900))
    pd.DataFrame({"a": a, "b": b, "c": c, "kind": draw.choice(["x", "y"], 900), "at": range(900),
                  "late": ((a > 0.5) != (b > 0.5)).astype(int)}).to_parquet(tmp_path / "f.parquet")
    return tmp_path / "f.parquet"


def test_the_command_accepts_by_evidence_or_by_reason_and_writes_the_terms(file: Path, tmp_path: Path) -> None:
    outcome = ran(tmp_path, "interactions", "--file", file, "--target", "late", "--columns", "a,b,c", "--trees", 30,
                  "--reason", "c*kind=the runway closes", "--time", "at", "--out", tmp_path / "out.parquet")
    assert outcome.exit == 0, outcome.error
    rows = {row["pair"]: row for row in outcome.view.table("pairs").rows}
    assert rows["a × b"]["accepted"] == "by evidence"
    assert (rows["c × kind"]["accepted"], rows["c × kind"]["reason"]) == ("by reason", "the runway closes")
    assert {pair for pair, row in rows.items() if row["accepted"]} == {"a × b", "c × kind"}
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert out["a_x_b"].tolist() == pytest.approx((out["a"] * out["b"]).tolist())
    assert outcome.view.facts()["held_out_by"] == "the last of at"


@pytest.mark.parametrize(("words", "said"), [
    (("--reason", "a*b="), "no pair with a reason"), (("--pairs", "a-b"), "no pair of columns"),
    (("--columns", "a"), "two columns"), (("--columns", "a,d"), "No column 'd'"),
    (("--columns", "a,b", "--time", "when"), "No column 'when'")])
def test_a_wrong_call_says_what_is_wrong(file: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    outcome = ran(tmp_path, "interactions", "--file", file, "--target", "late", *words)
    assert outcome.exit == 2
    assert said in outcome.error["what"]  # type: ignore[index]


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(20), "b": range(20), "y": [0, 1] * 10}).to_parquet(tmp_path / "s.parquet")
    outcome = ran(tmp_path, "interactions", "--file", tmp_path / "s.parquet", "--target", "y")
    assert outcome.exit == 2
    assert "too few" in outcome.error["what"]  # type: ignore[index]
