"""Drift of two files: what moved is found, what did not is left alone, and what cannot be said is said so."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from mlops_tui.analysis.verdict import Limits, rounded_up
from mlops_tui.commands import Outcome, perform
from mlops_tui.profiling import shifts
from mlops_tui.render.json import as_json
from mlops_tui.session import without_project
from mlops_tui.view import Series, Status
from store.scan import engine, scan_file
from tests.bench import drift_truth
from tests.bench.drift import DRIFTED, workload

IDS = ("column", "kind", "test", "value", "low", "high", "p_value", "p_adjusted", "effect", "psi", "drifted", "reason")


def written(path: Path, columns: Mapping[str, Any]) -> Path:
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), path)
    return path


def drift(folder: Path, reference: Mapping[str, Any], current: Mapping[str, Any], *more: str) -> Outcome:
    sides = [str(written(folder / f"{name}.parquet", columns))
             for name, columns in (("reference", reference), ("current", current))]
    return perform(without_project(folder, perform), ("drift", "--reference", sides[0], "--current", sides[1], *more))


def rows(outcome: Outcome) -> dict[str, Mapping[str, Any]]:
    assert outcome.error is None, outcome.error
    return {str(row["column"]): row for row in outcome.view.table("columns").rows}


def normal(seed: int, n: int = 4000, **how: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n, **how)


@pytest.mark.parametrize("seed", range(5))
def test_the_four_that_moved_are_found_and_nothing_else(tmp_path: Path, seed: int) -> None:
    """Fifteen numeric columns and five categories of 120,000 rows; heavy tails, 20,000 levels and offsets are traps."""
    sides = [workload(120_000, seed, drifted=drifted) for drifted in (False, True)]
    found = drift(tmp_path, *sides)
    drifted = {name for name, row in rows(found).items() if row["drifted"]}
    assert (drifted, found.exit, found.view.status) == (DRIFTED, 1, Status.FAIL)
    assert all(row["drifted"] is not None for row in rows(found).values()), "and this size can tell"
    assert found.view.facts() | {"rows_reference": 120_000, "rows_current": 120_000, "drifted_columns": 4,
                                 "unknown_columns": 0} == found.view.facts()


def test_data_without_drift_raise_no_alarm(tmp_path: Path) -> None:
    """Twenty pairs of ten columns: with false discoveries at 5 %, one pair expected at most, five with p = 0.3 %."""
    alarms = 0
    for seed in range(20):
        draw = np.random.default_rng(seed)
        sides = [{f"x{place}": draw.normal(size=3000) if place < 7 else draw.choice(["a", "b", "c"], 3000)
                  for place in range(10)} for _ in range(2)]
        alarms += any(row["drifted"] for row in rows(drift(tmp_path, *sides)).values())
    assert alarms <= 4


def test_the_ids_are_those_that_people_script_against(tmp_path: Path) -> None:
    found = drift(tmp_path, {"x": normal(1), "c": ["a", "b"] * 2000}, {"x": normal(2, loc=1), "c": ["a", "b"] * 2000})
    document = json.loads(as_json(found.view, ("drift",)))
    assert set(document["facts"]) >= {"rows_reference", "rows_current", "drifted_columns"}
    for row in document["tables"]["columns"]["rows"]:
        assert set(IDS) <= set(row)
    assert [row["column"] for row in document["tables"]["columns"]["rows"]] == ["x", "c"], "the worst first"
    bins = document["series"]["bins:x"]
    assert bins["kind"] == "bins"
    assert sum(bins["y"]) == pytest.approx(sum(bins["other"])) == pytest.approx(1)
    assert len(bins["x"]) == len(bins["y"]) == len(bins["other"])


def test_statistics_are_scipys(tmp_path: Path) -> None:
    r, c = normal(1), normal(2, 3000, loc=0.1)
    k = [np.random.default_rng(seed).choice(["a", "b", "c"], 4000, p=[share, 0.8 - share, 0.2])
         for seed, share in ((3, 0.5), (4, 0.4))]
    found = rows(drift(tmp_path, {"x": r, "k": k[0]}, {"x": c, "k": k[1][:3000]}))
    exact = stats.ks_2samp(r, c, method="asymp")
    assert found["x"]["low"] <= exact.statistic <= found["x"]["high"]
    assert found["x"]["high"] - found["x"]["low"] < 0.01
    table = [[np.sum(side == level) for level in "abc"] for side in (k[0], k[1][:3000])]
    referee = stats.chi2_contingency(table, correction=False)
    assert (found["k"]["value"], found["k"]["p_value"]) == pytest.approx((referee.statistic, referee.pvalue))
    p_values = [found[name]["p_value"] for name in ("x", "k")]
    assert [found[name]["p_adjusted"] for name in ("x", "k")] == pytest.approx(stats.false_discovery_control(p_values))


def test_a_distance_on_the_limit_is_looked_into_until_it_is_exact(tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(11)
    r, c = draw.normal(size=200_000), draw.normal(0.03, 1, 200_000)
    exact = float(stats.ks_2samp(r, c, method="asymp").statistic)
    sides = [shifts.Rows(scan_file(written(tmp_path / f"{name}.parquet", {"x": side, "y": side}), engine()))
             for name, side in (("r", r), ("c", c))]
    for limit, drifted in ((math.nextafter(exact, 0), True), (exact, True), (math.nextafter(exact, 1), False)):
        refined: list[str] = []
        original = shifts._refined

        def counted(*args: Any, seen: list[str] = refined, really: Any = original) -> shifts.Shift:
            seen.append(args[2].column)
            return really(*args)

        monkeypatch.setattr(shifts, "_refined", counted)
        [found] = shifts.compare(*sides, Limits(ks=limit), ["x"])
        monkeypatch.setattr(shifts, "_refined", original)
        assert (found.verdict.drifted, refined) == (drifted, ["x"])
        assert found.evidence.effect is not None
        assert found.evidence.effect.low == found.evidence.effect.high == exact
        assert found.figures["method"] == "exact in open cells"
    [far] = shifts.compare(*sides, Limits(ks=0.5), ["x"])
    assert far.figures["method"] == "16-bit cells", "and only then"


def test_a_small_file_says_how_little_it_sees(tmp_path: Path) -> None:
    found = drift(tmp_path, {"x": normal(1, 60)}, {"x": normal(2, 60)})
    row = rows(found)["x"]
    assert (row["drifted"], found.view.status, found.exit) == (None, Status.UNKNOWN, 1)
    assert "not enough data" in row["reason"]
    assert row["detectable"] > 0.2


def test_a_small_file_still_shows_a_large_shift(tmp_path: Path) -> None:
    assert rows(drift(tmp_path, {"x": normal(1, 60)}, {"x": normal(2, 60, loc=3)}))["x"]["drifted"] is True


NONE, MANY = pa.nulls(4000, pa.float64()), list(range(4000))
EDGES: dict[str, tuple[Any, Any, bool | None, str]] = {
    "empty on both sides": (NONE, NONE, False, "no values on either side"),
    "gone now": (normal(1), NONE, True, "missing in 0.0% of the reference, in 100.0% now"),
    "there at last": (NONE, normal(1), True, "missing in 100.0% of the reference, in 0.0% now"),
    "a third is gone": (normal(1), pa.array(normal(2), mask=np.arange(4000) % 3 == 0), True, "in 33.4% now"),
    "nan is missing too": (normal(1), np.where(np.arange(4000) % 3 == 0, np.nan, normal(2)), True, "in 33.4% now"),
    "one constant": ([5.5] * 40_000, [5.5] * 40_000, False, "no shift seen"),
    "another constant": ([5.5] * 4000, [5.75] * 4000, True, "KS 1.000"),
    "the same word": (["a"] * 4000, ["a"] * 4000, False, "the same single value on both sides"),
    "another word": (["a"] * 4000, ["b"] * 4000, True, "V 1.000"),
    "infinities": (np.where(np.arange(4000) % 2, np.inf, 0.0), np.where(np.arange(4000) % 4, np.inf, 0.0), True,
                   "KS 0.250"),
    "only infinity": ([math.inf] * 40_000, [math.inf] * 40_000, False, "no shift seen"),
    "either infinity": ([math.inf] * 4000, [-math.inf] * 4000, True, "KS 1.000"),
    "one row": ([1.0], [2.0], None, "not enough data: this size sees nothing"),
    "one row and many": (normal(1), [0.1], None, "not enough data"),
    "truth values": ([True, False] * 2000, [True] * 4000, True, "V 0."),
    "the two zeros": ([0.0] * 40_000, [-0.0] * 40_000, False, "no shift seen"),
    "identifiers": ([f"id-{i}" for i in MANY], [f"id-{i}" for i in range(4000, 8000)], None,
                    "no value is there twice"),
    "rare words": ([f"id-{i // 2}" for i in MANY], [f"id-{i // 2}" for i in range(4000, 8000)], None,
                   "occurs often enough"),
    "times": (pa.array(MANY, pa.timestamp("s")), pa.array([i + 10**6 for i in MANY], pa.timestamp("s")), None,
              "time moves on"),
    "whole numbers beyond 2^53": ([2**60 + i for i in MANY], [2**60 + i for i in MANY], None, "not enough data"),
    "whole and real": ([1, 2, 3, 4] * 10_000, [1.0, 2.0, 3.0, 4.0] * 10_000, False, "no shift seen"),
    "number, then text": (MANY, ["a"] * 4000, None, "numeric (BIGINT) in the reference, category (VARCHAR) now"),
    "nothing, then text": (NONE, ["a", "b"] * 2000, True, "missing in 100.0%"),
}


@pytest.mark.parametrize("case", EDGES)
def test_edge_cases_have_stated_answers(tmp_path: Path, case: str) -> None:
    reference, current, drifted, words = EDGES[case]
    row = rows(drift(tmp_path, {"größe [m]": reference}, {"größe [m]": current}))["größe [m]"]
    assert row["drifted"] is drifted
    assert words in row["reason"]
    assert row["test"] is not None or row["p_value"] is None


def test_a_column_of_one_side_only_is_named_in_the_title(tmp_path: Path) -> None:
    found = drift(tmp_path, {"x": normal(1, 40_000), "old": normal(1, 40_000)},
                  {"x": normal(2, 40_000), "new": normal(1, 40_000)})
    assert {name: row["reason"] for name, row in rows(found).items() if name != "x"} == {
        "old": "only in the reference", "new": "only in the current data"}
    assert (rows(found)["x"]["drifted"], found.view.status, found.exit) == (False, Status.FAIL, 1)
    assert found.view.title == "None of 1 columns moved more than it should; gone: old; new: new"
    facts = found.view.facts()
    assert [facts.get(f"{change}_columns") for change in ("gone", "retyped", "new", "id")] == [1, None, 1, None]
    fewer = drift(tmp_path, {"x": normal(1, 40_000)}, {"x": normal(2, 40_000), "new": normal(1, 40_000)})
    assert (fewer.view.status, fewer.exit) == (Status.UNKNOWN, 1)
    other = drift(tmp_path, {"x": normal(1, 40_000), "n": [1, 2] * 20_000},
                  {"x": normal(2, 40_000), "n": ["1", "2"] * 20_000})
    assert (other.view.status, other.view.title) == (
        Status.FAIL, "None of 1 columns moved more than it should; of another type: n")


def test_ids_are_not_counted_unless_they_are_named(tmp_path: Path) -> None:
    sides = [{"x": normal(1, 40_000), "id": ids, "key": [f"k{each}" for each in ids]}
             for ids in (np.arange(40_000), np.arange(40_000, 80_000))]
    found = drift(tmp_path, *sides)
    assert (found.view.title, found.exit) == ("None of 1 columns moved more than it should", 0)
    assert {name: row["change"] for name, row in rows(found).items()} == {"x": "", "id": "id", "key": "id"}
    assert rows(drift(tmp_path, *sides, "--columns", "id"))["id"]["drifted"] is True
    sides[1]["id"][7] = sides[1]["id"][8]
    assert rows(drift(tmp_path, *sides))["id"]["drifted"] is True, "a value that is there twice: no id"


def test_a_limit_of_ones_own_and_the_rows_that_one_needs(tmp_path: Path) -> None:
    sides = {"x": normal(1, 1500)}, {"x": normal(2, 1500)}
    found = drift(tmp_path, *sides)
    needed = rows(found)["x"]["rows_needed"]
    assert found.view.title == (
        f"1 of 1 columns cannot be judged, none is seen to move: {rounded_up(needed):,} rows on each side would say")
    [again] = [action.argv for action in found.view.actions]
    assert again[-2] == "--limit"
    judged = drift(tmp_path, *sides, *again[-2:])
    assert (judged.exit, rows(judged)["x"]["limit"]) == (0, float(again[-1]))
    enough = drift(tmp_path, {"x": normal(1, needed)}, {"x": normal(2, needed)})
    assert rows(enough)["x"]["drifted"] is False
    fewer = drift(tmp_path, {"x": normal(1, needed - 1)}, {"x": normal(2, needed - 1)})
    assert rows(enough)["x"]["detectable"] <= 0.02 < rows(fewer)["x"]["detectable"]
    assert drift(tmp_path, *sides, "--limit", "1.5").exit == 2


def test_time_alone_leaves_a_passing_file_passing(tmp_path: Path) -> None:
    at = pa.array(range(40_000), pa.timestamp("s"))
    found = drift(tmp_path, {"x": normal(1, 40_000), "at": at}, {"x": normal(2, 40_000), "at": at})
    assert (found.view.status, found.exit) == (Status.PASS, 0)
    assert [row["column"] for row in found.view.table("columns").rows] == ["x", "at"]
    assert found.view.title == "None of 1 columns moved more than it should"


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    sides = [{"x": normal(1), "y": normal(2), "z": normal(3)}] * 2
    found = drift(tmp_path, *sides, "--columns", " y, x,y ")
    assert sorted(rows(found)) == ["x", "y"]
    refused = drift(tmp_path, *sides, "--columns", "prce,x")
    assert (refused.exit, refused.view.status) == (2, Status.ERROR)
    assert refused.error is not None
    assert "No column 'prce'" in refused.error["what"]


def test_a_wrong_column_gets_the_nearest_name(tmp_path: Path) -> None:
    found = drift(tmp_path, {"dep_delay": [1.0]}, {"dep_delay": [1.0]}, "--columns", "dep_dely")
    assert found.error is not None
    assert found.error["next"] == "Did you mean 'dep_delay'?"


@pytest.mark.parametrize("option", ["--window", "--monitor"])
def test_a_file_has_no_window_and_no_monitor(tmp_path: Path, option: str) -> None:
    found = drift(tmp_path, {"x": [1.0]}, {"x": [1.0]}, option, "7d")
    assert found.error is not None
    assert found.error["what"] == "A file has no window and no monitor."


def test_csv_against_parquet(tmp_path: Path) -> None:
    values, empty = normal(1, 40_000).round(2), [None] * 40_000
    written(tmp_path / "r.parquet", {"x": values, "none": pa.array(empty, pa.float64())})
    (tmp_path / "c.csv").write_text("x,none\n" + "".join(f"{value},\n" for value in values.tolist()))
    found = perform(without_project(tmp_path, perform), ("drift", "--reference", str(tmp_path / "r.parquet"),
                                                         "--current", str(tmp_path / "c.csv")))
    assert (rows(found)["x"]["value"], rows(found)["none"]["reason"]) == (0.0, "no values on either side")
    assert found.view.status is Status.PASS


@pytest.mark.parametrize(("name", "content", "words"), [
    ("cut.parquet", b"PAR1 and no end", "no whole Parquet"), ("empty.csv", b"", "empty"),
    ("header.csv", b"a,b\n", "columns but no rows"), ("gone.csv", None, "No file")])
def test_bad_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    good, bad = written(tmp_path / "good.parquet", {"x": [1.0]}), tmp_path / name
    if content is not None:
        bad.write_bytes(content)
    for pair in ((good, bad), (bad, good)):
        found = perform(without_project(tmp_path, perform),
                        ("drift", "--reference", str(pair[0]), "--current", str(pair[1])))
        assert found.exit == 2
        assert found.error is not None
        assert words in found.error["what"]
        assert found.error["where"]


def test_more_levels_than_can_be_counted_are_compared_in_buckets(tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.scan.LEVELS", 1000)
    draw = np.random.default_rng(1)
    many = [[f"id{i}" for i in draw.integers(0, 5000, 40_000)] for _ in range(2)]
    moved = ["id7" if i % 4 == 0 else word for i, word in enumerate(many[1])]
    found = rows(drift(tmp_path, {"same": many[0], "moved": many[0]}, {"same": many[1], "moved": moved}))
    assert (found["same"]["drifted"], found["moved"]["drifted"]) == (None, True)
    assert "not enough data" in found["same"]["reason"], "4,096 buckets need many rows"
    assert "hash buckets" in found["same"]["method"]


def test_the_terminal_shows_the_worst_columns_as_pictures(tmp_path: Path) -> None:
    sides = [{f"x{place}": normal(place, loc=side * place) for place in range(5)} for side in (0, 1)]
    drawn = [part.title for part in drift(tmp_path, *sides).view.parts if isinstance(part, Series)]
    assert drawn == ["x4", "x3", "x2"]


def test_files_are_compared_without_scipy_stats_and_without_an_orm(tmp_path: Path) -> None:
    path = str(written(tmp_path / "a.parquet", {"x": normal(1), "c": ["a", "b"] * 2000}))
    script = ("import json, runpy, sys\n"
              "sys.argv = ['mlops-tui', 'drift', '--reference', sys.argv[1], '--current', sys.argv[1], '--json']\n"
              "try:\n    runpy.run_module('mlops_tui', run_name='__main__')\n"
              "except SystemExit:\n    pass\n"
              "sys.stderr.write(json.dumps(sorted(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert json.loads(done.stdout)["tables"]["columns"]["total"] == 2
    assert "duckdb" in loaded
    assert not {name for name in loaded if name.split(".")[0] in
                ("scipy", "sqlmodel", "sqlalchemy", "sklearn", "mlflow", "pandas", "textual", "matplotlib")}


def test_a_limit_on_another_distance_is_held_against_its_bounds(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    sides = [shifts.Rows(scan_file(written(tmp_path / f"{moved}.parquet", {
        "x": draw.normal(moved, 1, 40_000), "y": draw.normal(size=40_000),
        "k": draw.choice(["a", "b"], 40_000, p=[0.5 + moved, 0.5 - moved])}), engine())) for moved in (0.0, 0.1)]

    def judged(**limits: float) -> dict[str, shifts.Shift]:
        return {each.column: each for each in shifts.compare(*sides, Limits(ks=0.3, v=0.3, **limits))}

    plain = judged()
    assert [plain[name].verdict.drifted for name in "xyk"] == [False] * 3
    for name, said in (("psi", "PSI"), ("hellinger", "Hellinger"), ("jensen_shannon", "Jensen-Shannon"),
                       ("wasserstein", "Wasserstein")):
        low, high = (float(plain["x"].figures[f"{name}_{end}"] or 0) for end in ("low", "high"))
        assert low < high
        found = [judged(**{name: limit}) for limit in (low * 0.999, (low + high) / 2, high * 1.001)]
        assert [each["x"].verdict.drifted for each in found] == [True, None, False]
        assert [each["y"].verdict.drifted for each in found] == [False] * 3, "no significant shift"
        assert found[0]["x"].verdict.reason.startswith(f"{said} ")
    assert judged(psi=0.02)["k"].verdict.drifted is True
    with pytest.raises(ValueError, match="hellinger"):
        Limits(hellinger=1.5)


def test_columns_that_go_together_otherwise_are_caught_by_joint_alone(tmp_path: Path) -> None:
    one, other = normal(1), normal(2)
    both = ({"one": one, "two": one + 0.5 * other}, {"one": normal(3), "two": -normal(3) + 0.5 * normal(4)})
    assert drift(tmp_path, *both, "--limit", "0.1").exit == 0
    outcome = drift(tmp_path, *both, "--limit", "0.1", "--joint")
    assert outcome.exit == 1
    assert "together they are told apart" in outcome.view.title
    first, lean = outcome.view.table("joint").rows[:2]
    assert first["drifted"] is True
    assert lean["told_apart_by"] == "one × two"


def test_files_that_differ_in_nothing_are_not_told_apart_together(tmp_path: Path) -> None:
    outcome = drift(tmp_path, {"one": normal(1), "two": normal(2)}, {"one": normal(3), "two": normal(4)},
                    "--limit", "0.1", "--joint")
    assert outcome.exit == 0
    assert outcome.view.table("joint").rows[0]["drifted"] is False


def test_joint_says_so_where_nothing_can_be_compared(tmp_path: Path) -> None:
    outcome = drift(tmp_path, {"one": [[1], [2]]}, {"one": [[1], [2]]}, "--joint")
    assert "together they cannot be judged: no column is a number" in outcome.view.title


def test_the_rate_of_false_alarms_is_the_one_declared() -> None:
    """Forty sets without drift in which any effect would matter (tests/bench/drift_truth.py has five hundred): at 5 %
    two alarm, more than six with p = 0.3 %."""
    assert drift_truth.false_alarms(range(40), 1000, 8, Limits(ks=1e-6, v=1e-6)) <= 6
