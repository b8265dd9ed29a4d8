"""Calibration in service, on the outcomes that are known by now."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mlops_tui.commands import Outcome
from mlops_tui.session import ReplayClock
from mlops_tui.view import Row, Status
from store.facts import Finding
from tests.lived import DAYS, Lived

MONITOR = "check: calibration\nsubject: trip-delay\nwindow: {window}\nlimits: {{{limits}}}\nmin_rows: {least}\n"


def declare(made: Lived, limits: str, window: str = "9d", least: int = 100) -> None:
    root: Path = made.session.declared().root
    (root / "monitors" / "trip-calibration.yaml").write_text(
        MONITOR.format(window=window, limits=limits, least=least), encoding="utf-8")


def judged(made: Lived, *argv: str) -> tuple[Outcome, dict[str, Row]]:
    outcome = made.session.perform(["calibration", "trip-delay", *argv])
    assert outcome.error is None, outcome.error
    return outcome, {str(row["measure"]): row for row in outcome.view.table("measures").rows}


def known(made: Lived, days: int) -> np.ndarray:
    found: np.ndarray = (made.known + 12 <= DAYS * 24) & (made.leaves >= (DAYS - days) * 24) & (made.late >= 0)
    return found


def ece_of(label: np.ndarray, score: np.ndarray, bins: int = 10) -> float:
    """The expected calibration error, by its definition: equally filled bins, weighted by their size."""
    parts = np.array_split(np.argsort(score, kind="stable"), bins)
    return float(sum(abs(label[part].mean() - score[part].mean()) * part.size for part in parts) / label.size)


def test_an_honest_model_passes_and_a_shifted_one_fails(lived: Callable[..., Lived]) -> None:
    made = lived(shift=0.15)
    declare(made, "ece: 0.06, in_the_large: 0.5")
    outcome, rows = judged(made)
    assert (outcome.exit, outcome.view.status) == (1, Status.FAIL)
    assert {name: row["status"] for name, row in rows.items()} == {"ece": Status.FAIL, "in_the_large": Status.FAIL}
    assert {name: row["unit"] for name, row in rows.items()} == {"ece": "share", "in_the_large": "log odds"}
    assert float(str(rows["in_the_large"]["value"])) < -0.5, "it predicts too much: what is left is negative"


def test_an_honest_month_passes(lived: Callable[..., Lived]) -> None:
    made = lived()
    declare(made, "ece: 0.06, in_the_large: 0.5", "27d")
    outcome, rows = judged(made)
    assert (outcome.exit, outcome.view.status) == (0, Status.PASS)
    chosen = known(made, 27)
    assert {row["n"] for row in rows.values()} == {int(chosen.sum())}
    facts = outcome.view.facts()
    assert facts["predicted"] == pytest.approx(made.score[chosen].mean())
    assert facts["seen"] == pytest.approx(made.late[chosen].mean())


def test_the_error_is_the_one_of_the_definition(lived: Callable[..., Lived]) -> None:
    made = lived()
    _, rows = judged(made, "--window", "20d")
    chosen = known(made, 20)
    assert float(str(rows["ece"]["value"])) == pytest.approx(ece_of(made.late[chosen], made.score[chosen]), abs=0.02)


def test_too_few_outcomes_are_unknown_and_no_pass(lived: Callable[..., Lived], clock: ReplayClock) -> None:
    made = lived()
    declare(made, "ece: 0.9", "1d", least=100)
    outcome, rows = judged(made)
    assert (outcome.exit, outcome.view.status, rows["ece"]["value"]) == (1, Status.UNKNOWN, None)
    assert "needs 100 of both kinds" in str(rows["ece"]["reason"])


def test_the_finding_tells_the_whole(lived: Callable[..., Lived]) -> None:
    made = lived(shift=0.15)
    declare(made, "ece: 0.06")
    judged(made, "--monitor", "trip-calibration")
    [entry] = made.session.ledger.entries("finding")
    fact = entry.fact
    assert isinstance(fact, Finding)
    assert (fact.check, fact.subject, fact.status, fact.limit) == ("calibration", "trip-delay", "fail", 0.06)
    assert (fact.monitor, fact.n) == ("trip-calibration", int(known(made, 9).sum()))
    assert fact.declaration == made.session.declared().fingerprint("monitor", "trip-calibration")
    assert len(fact.data) == 2
    assert fact.detail["measures"]["ece"] == fact.value
    assert fact.detail["total"] == fact.n + fact.detail["waiting"] + fact.detail["never"]


def test_a_limit_that_there_is_none_of_is_refused(lived: Callable[..., Lived]) -> None:
    made = lived()
    declare(made, "ecce: 0.1")
    outcome = made.session.perform(["calibration", "trip-delay"])
    assert (outcome.exit, outcome.error and outcome.error["next"]) == (2, "Did you mean 'ece'?")
    assert made.session.ledger.entries("finding") == []


def test_days_that_vary_are_not_taken_for_a_model_that_is_off(lived: Callable[..., Lived]) -> None:
    """Beyond the limit on the whole, but by one day in three: its interval over days holds 0."""
    made = lived()
    declare(made, "in_the_large: 0.01", "3d", least=50)
    outcome, rows = judged(made)
    row = rows["in_the_large"]
    assert abs(float(str(row["value"]))) > 0.01
    assert float(str(row["low"])) < 0 < float(str(row["high"]))
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
    assert "days vary too much" in str(row["reason"])
