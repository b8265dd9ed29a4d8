"""agreement on logs of decisions: the fixed ids, who differs, orders and scales, and what it refuses by row."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.render.json import as_json
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status
from store.facts import Finding

N = 300
draw = np.random.default_rng(8)
TRUTH = draw.integers(3, size=N)
WORDS = np.array(["low", "medium", "high"])
SURE = {"ana": 0.9, "bo": 0.85, "cy": 0.4}


def lines(sure: dict[str, float] = SURE) -> list[str]:
    made = np.random.default_rng(9)
    said = {name: np.where(made.random(N) < share, TRUTH, made.integers(3, size=N)) for name, share in sure.items()}
    return [f"{case},{name},{WORDS[codes[case]]}" for name, codes in said.items() for case in range(N)]


def written(path: Path, rows: list[str], head: str = "case,decider,decision") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return written(tmp_path / "log.csv", lines())


def run(file: Path, *options: str) -> Outcome:
    return perform(without_project(file.parent, perform), ["agreement", str(file), *options])


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.error is None, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def refused(outcome: Outcome) -> dict[str, str]:
    assert outcome.exit == 2
    assert outcome.error is not None
    return outcome.error


def test_the_coefficients_have_intervals(log: Path) -> None:
    found = document(run(log))
    for name in ("cohen_kappa", "fleiss_kappa", "krippendorff_alpha"):
        assert found["facts"][f"{name}_low"] < found["facts"][name] < found["facts"][f"{name}_high"]
    assert (found["facts"]["cases"], found["facts"]["deciders"]) == (N, 3)
    assert "Krippendorff's α 0." in found["title"]
    assert run(log).exit == 0


def test_who_differs_most_comes_first_and_the_others_agree_better_without_him(log: Path) -> None:
    found = document(run(log))
    first = found["tables"]["deciders"]["rows"][0]
    assert first["decider"] == "cy"
    assert first["high"] < found["tables"]["deciders"]["rows"][1]["agreement"]
    assert first["alpha_without"] > found["facts"]["krippendorff_alpha_high"]


def test_pairs_are_listed_from_the_lowest_and_the_two_who_differ_most_are_shown_cell_by_cell(log: Path) -> None:
    found = document(run(log))
    pairs = found["tables"]["pairs"]["rows"]
    assert [row["kappa"] for row in pairs] == sorted(row["kappa"] for row in pairs)
    assert {pairs[-1]["a"], pairs[-1]["b"]} == {"ana", "bo"}
    cells = found["tables"]["confusion"]["rows"]
    assert sum(row["cases"] for row in cells) == N
    assert sum(found["series"]["confusion"]["y"]) == N
    assert sum(row["cases"] for row in cells if row["same"]) / N == pytest.approx(pairs[0]["agreement"])
    assert len(found["series"]["kappas"]["x"]) == 3


def test_an_order_weighs_near_misses(log: Path) -> None:
    found = document(run(log, "--order", "low, medium, high"))
    assert found["facts"]["scale"] == "ordinal"
    ids = {row["id"]: row for row in found["tables"]["coefficients"]["rows"]}
    assert ids["alpha_ordinal"]["value"] == found["facts"]["krippendorff_alpha"]
    assert ids["cohen_kappa_quadratic"]["low"] < ids["cohen_kappa_quadratic"]["value"]
    assert found["tables"]["pairs"]["rows"][0]["linear"] is not None


def test_numbers_are_in_their_own_order(tmp_path: Path) -> None:
    file = written(tmp_path / "log.csv", [f"{case},{name},{value}" for case, values in enumerate(
        [(1, 2), (10, 10), (2, 2), (9, 10), (1, 1)]) for name, value in zip("ab", values, strict=True)])
    rows = document(run(file, "--scale", "interval"))["tables"]["coefficients"]["rows"]
    ids = {row["id"]: row["value"] for row in rows}
    assert ids["alpha_interval"] > 0.9 > ids["alpha_nominal"]


def test_one_decider_alone_cannot_be_judged(tmp_path: Path) -> None:
    outcome = run(written(tmp_path / "log.csv", lines({"ana": 0.9})))
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
    facts = document(outcome)["facts"]
    assert facts["reason"] == "One decider alone: agreement cannot be estimated."
    assert facts["cohen_kappa"] is facts["krippendorff_alpha_low"] is None


def test_deciders_who_share_no_case_cannot_be_judged(tmp_path: Path) -> None:
    outcome = run(written(tmp_path / "log.csv", ["1,ana,yes", "2,bo,no", "3,bo,"]))
    assert outcome.exit == 1
    assert "No case was decided by two" in outcome.view.title


def test_gaps_and_constant_decisions_have_an_answer(tmp_path: Path) -> None:
    gaps = document(run(written(tmp_path / "gaps.csv", [*lines()[:-100], "900,ana,", "901,bo,low"])))["facts"]
    assert (gaps["rows_without_decision"], gaps["cases_of_one_decider"]) == (1, 1)
    same = document(run(written(tmp_path / "same.csv", [f"{case},{name},yes" for case in range(9) for name in "ab"])))
    assert same["facts"]["cohen_kappa"] is None
    assert "chance agrees as well" in same["facts"]["cohen_kappa_reason"]
    assert same["tables"]["coefficients"]["rows"][0]["value"] == 1


def test_what_says_two_things_is_refused_by_its_row(tmp_path: Path) -> None:
    twice = refused(run(written(tmp_path / "a.csv", ["1,ana,yes", "1,bo,no", "2,ana,no", "1,ana,yes"])))
    assert twice["what"] == "ana decided case 1 twice."
    assert twice["where"].endswith("row 3 (from 0)")
    nobody = refused(run(written(tmp_path / "b.csv", ["1,ana,yes", "1,,no"])))
    assert (nobody["what"], nobody["where"][-14:]) == ("1 row has no decider.", "row 1 (from 0)")


def test_bad_calls_are_refused(log: Path, tmp_path: Path) -> None:
    assert "Did you mean 'decider'?" in refused(run(log, "--decider", "decidr"))["next"]
    assert "--order does not name 'high'" in refused(run(log, "--order", "low,medium"))["what"]
    assert "have no order" in refused(run(log, "--scale", "ordinal"))["what"]
    assert "are no numbers" in refused(run(log, "--scale", "interval"))["what"]
    assert "twice" in refused(run(log, "--order", "low,low,medium,high"))["what"]
    assert "no rows" in refused(run(written(tmp_path / "none.csv", [])))["what"]


def test_markup_in_names_is_shown_as_it_is(tmp_path: Path) -> None:
    file = written(tmp_path / "log.csv", [f"{case},[bold]{name}[/],änd[{case % 2}]" for case in range(6)
                                          for name in "ab"])
    assert document(run(file))["tables"]["pairs"]["rows"][0]["a"] == "[bold]a[/]"


def test_a_declared_log_is_judged_and_kept_as_a_finding(session: Callable[..., Session], project: Path) -> None:
    (project / "datasets" / "triage.yaml").write_text("""\
apiVersion: v3.1.0
kind: DataContract
id: triage
version: 1.0.0
status: active
schema:
  - name: triage
    properties:
      - {name: case, logicalType: integer, required: true}
      - {name: decider, logicalType: string, classification: confidential}
      - {name: decision, logicalType: string}
""", encoding="utf-8")
    ana = session("ana")
    log = written(project / "log.csv", lines())
    ana.commit(ana.data().write("triage", f"SELECT * FROM read_csv('{log}')", sort=("case", "decider")))
    outcome = ana.perform(("agreement", "triage"))
    kept = ana.ledger.entries("finding", subject="triage")[-1].fact
    assert isinstance(kept, Finding)
    assert (kept.check, kept.n) == ("agreement", N)
    assert kept.low < kept.value < kept.high
    assert document(outcome)["tables"]["deciders"]["rows"][0]["decider"].startswith("decider "), "read along, no names"
