"""The command: chosen by evidence, bounded, frozen, turned back."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.session import without_project
from mlops_tui.view import Status


def ran(folder: Path, *words: object) -> Outcome:
    return perform(without_project(folder, perform), tuple(map(str, words)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    pd.DataFrame({"id": range(800), "x": [*draw.normal(size=799), 1e12], "heavy": draw.standard_cauchy(800),
                  "flat": 1.0, "name": "a"}).to_csv(tmp_path / "numbers.csv", index=False)
    return tmp_path / "numbers.csv"


def test_every_number_is_scaled_by_what_it_asks_for_with_a_bound(file: Path, tmp_path: Path) -> None:
    outcome = ran(tmp_path, "scaling", "--file", file, "--columns", "x,heavy,flat", "--save", tmp_path / "s.json",
                  "--out", tmp_path / "out.csv")
    rows = {row["column"]: row for row in outcome.view.table("columns").rows}
    assert {name: row["method"] for name, row in rows.items()} == {"x": "robust", "heavy": "normal", "flat": "none"}
    assert outcome.view.status is Status.WARN
    assert "flat left unscaled" in outcome.view.title
    assert 0 < rows["x"]["moved"] < 0.1  # type: ignore[operator]
    assert outcome.view.facts()["map"] == hashlib.sha256((tmp_path / "s.json").read_bytes()).hexdigest()
    out = pd.read_csv(tmp_path / "out.csv")
    assert out["id"].tolist() == list(range(800))
    assert out["x_scaled"][:-1].abs().max() < 5


def test_frozen_parameters_scale_later_rows_and_turn_them_back(file: Path, tmp_path: Path) -> None:
    ran(tmp_path, "scaling", "--file", file, "--columns", "x", "--method", "robust", "--save", tmp_path / "s.json")
    pd.DataFrame({"x": [0.5, -1.0]}).to_csv(tmp_path / "later.csv", index=False)
    words = ("--map", tmp_path / "s.json", "--out", tmp_path / "out.csv")
    assert ran(tmp_path, "scaling", "--file", tmp_path / "later.csv", *words).exit == 0
    back = ran(tmp_path, "scaling", "--file", tmp_path / "out.csv", "--map", tmp_path / "s.json", "--inverse", "--out",
               tmp_path / "back.csv")
    assert back.exit == 0
    assert pd.read_csv(tmp_path / "back.csv")["x_unscaled"].tolist() == pytest.approx([0.5, -1.0])


def test_what_cannot_be_scaled_is_refused(file: Path, tmp_path: Path) -> None:
    for words, said in ((("--columns", "name"), "is no number"), (("--columns", "y"), "No column 'y'"),
                        (("--inverse",), "turned back"), (("--tails", "0.7"), "tails")):
        outcome = ran(tmp_path, "scaling", "--file", file, *words)
        assert outcome.exit == 2
        assert said in outcome.error["what"]  # type: ignore[index]
