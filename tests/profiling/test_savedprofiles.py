"""A saved profile stands for its file: the same verdicts, no rows read, and nothing believed that cannot be."""

import json
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.profiling import columnprofiles
from mlops_tui.session import without_project
from mlops_tui.view import Row, Status


def asked(tmp_path: Path, *argv: str) -> Outcome:
    return perform(without_project(tmp_path, perform), argv)


def by_name(found: Outcome) -> dict[str, Row]:
    assert found.error is None, found.error
    return {str(row["column"]): row for row in found.view.table("columns").rows}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of 80,000 rows, and the profile of the first."""
    folder, draw, n = tmp_path_factory.mktemp("saved"), np.random.default_rng(3), 80_000
    for name, moved in (("may", 0.0), ("july", 0.2)):
        columns: dict[str, Any] = {
            "x": draw.normal(moved, 1, n), "far": draw.standard_cauchy(n), "seats": draw.poisson(4, n),
            "word": draw.choice(["a", "b", "c"], n, p=[0.5 - moved, 0.3 + moved, 0.2]), "late": draw.random(n) < 0.3,
            "id": np.arange(n) + int(moved * 1e7), "at": pa.array(range(n), pa.timestamp("s")), "none": pa.nulls(n),
            "some": pa.array(draw.normal(size=n), mask=draw.random(n) < 0.01 + moved)}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    saved = str(folder / "may.profile")
    done = asked(folder, "profile", str(folder / "may.parquet"), "--save", saved)
    assert done.error is None, done.error
    assert done.view.facts()["saved"] == saved
    return folder


@pytest.fixture
def files(made: Path, tmp_path: Path) -> tuple[str, str]:
    """Copies to change."""
    for path in made.iterdir():
        copyfile(path, tmp_path / path.name)
    return str(tmp_path / "may.parquet"), str(tmp_path / "july.parquet")


def test_the_verdicts_are_those_of_the_file(tmp_path: Path, files: tuple[str, str]) -> None:
    of_file = asked(tmp_path, "drift", "--reference", files[0], "--current", files[1])
    Path(files[0]).unlink()
    of_profile = asked(tmp_path, "drift", "--reference", str(tmp_path / "may.profile"), "--current", files[1])
    assert (of_profile.view.title, of_profile.exit) == (of_file.view.title, 1)
    rows = by_name(of_profile)
    for name, row in by_name(of_file).items():
        same = ("kind", "test", "drifted", "change", "missing_reference", "missing_current", "detectable")
        assert {key: rows[name][key] for key in same} == {key: row[key] for key in same}, name
        if row["test"] == "ks":
            assert row["low"] <= rows[name]["high"]
            assert rows[name]["low"] <= row["high"]
            assert rows[name]["high"] - rows[name]["low"] < 1e-3
        else:
            assert rows[name]["value"] == row["value"]
    assert {name: row["drifted"] for name, row in rows.items() if row["drifted"] is not None} == {
        "x": True, "far": False, "seats": False, "word": True, "late": False, "some": True, "none": False}
    assert rows["id"]["change"] == "id"


def test_a_limit_within_the_bounds_is_left_to_whoever_has_the_rows(tmp_path: Path, files: tuple[str, str]) -> None:
    saved = str(tmp_path / "may.profile")
    row = by_name(asked(tmp_path, "drift", "--reference", saved, "--current", files[1], "--columns", "x"))["x"]
    limit = (row["low"] + row["high"]) / 2
    found = asked(tmp_path, "drift", "--reference", saved, "--current", files[1], "--columns", "x", "--limit",
                  repr(limit))
    assert found.view.status is Status.UNKNOWN
    assert by_name(found)["x"]["drifted"] is None
    assert "only the rows of both sides decide" in by_name(found)["x"]["reason"]


def test_a_profile_is_a_reference_and_nothing_else(tmp_path: Path, files: tuple[str, str]) -> None:
    found = asked(tmp_path, "drift", "--reference", files[0], "--current", str(tmp_path / "may.profile"))
    assert found.exit == 2
    assert found.error is not None
    assert "is a saved profile" in found.error["what"]
    again = asked(tmp_path, "profile", files[0], "--save", str(tmp_path / "may.profile"))
    assert again.error is not None
    assert again.error["next"] == "Name another file, or add --overwrite."


def changed(path: Path, name: str, **head: Any) -> bytes:
    """A profile whose digest is right and whose content is not."""
    found = columnprofiles.unpacked(path.read_bytes())
    heads = {**found.heads, name: {**found.heads[name], **head}} if name else {**found.heads}
    document = {"format": 1, "rows": found.rows, "asked": list(found.asked), "columns": heads, **({} if name else head)}
    return columnprofiles.sealed(json.dumps(document).encode(), [bytes(found.body)])


HOSTILE: dict[str, tuple[str, dict[str, Any], str]] = {
    "another format": ("", {"format": 2}, "of format 2"),
    "other rows": ("", {"rows": 5}, "does not count 5 rows"),
    "no rows": ("", {"rows": -1, "columns": {}}, "no rows"),
    "no head": ("", {"columns": [1]}, "no profile"),
    "cells out of reach": ("x", {"cells": 10**9}, "no profile"),
    "fewer cells": ("x", {"cells": -4}, "no profile"),
    "another place": ("x", {"at": 40}, "no profile"),
    "another grid": ("x", {"centre": "0x1.9p3"}, "outside of their cells"),
    "no grid": ("x", {"bits": 64}, "a grid has"),
    "no number": ("x", {"minimum": "low"}, "no profile"),
    "ends the wrong way round": ("x", {"minimum": "0x1p9", "maximum": "-0x1p9"}, "smallest and largest"),
    "nulls below zero": ("x", {"nulls": -3}, "less than nothing"),
    "an odd kind": ("word", {"kind": "__import__"}, "of no known kind"),
    "texts that are cut": ("word", {"texts": 3}, "no profile"),
    "odd widths": ("word", {"width": 3}, "no profile")}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_profile_is_refused(tmp_path: Path, files: tuple[str, str], case: str) -> None:
    name, head, words = HOSTILE[case]
    path = tmp_path / "may.profile"
    path.write_bytes(changed(path, name, **head))
    found = asked(tmp_path, "drift", "--reference", str(path), "--current", files[1])
    assert found.exit == 2, found.error
    assert found.error is not None
    assert words in found.error["what"]


def test_damage_anywhere_is_refused(tmp_path: Path, files: tuple[str, str]) -> None:
    path = tmp_path / "may.profile"
    whole = path.read_bytes()
    for place in (20, 60, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1:])
        found = asked(tmp_path, "drift", "--reference", str(path), "--current", files[1])
        assert found.exit == 2
        path.write_bytes(whole[:place])
        assert asked(tmp_path, "drift", "--reference", str(path), "--current", files[1]).exit == 2
