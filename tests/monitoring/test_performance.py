"""Performance is judged on outcomes that are known by now, and on their confidence bound."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from mlops_tui import folds
from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock
from mlops_tui.view import Status
from store.facts import Finding
from tests.lived import DAYS, FIRST, Lived

HOURS = 24.0
NOW = DAYS * HOURS


def window(lived: Lived, now: float = NOW, days: int = 7) -> np.ndarray:
    return (lived.leaves >= now - days * HOURS) & (lived.leaves < now)


def matured(lived: Lived, now: float = NOW) -> np.ndarray:
    return window(lived, now) & (lived.known + 12 <= now)


def test_the_figures_are_those_of_the_known_outcomes(lived: Callable[..., Lived]) -> None:
    made = lived()
    outcome = made.session.perform(["performance", "trip-delay", "--window", "7d"])
    rows, chosen = {row["metric"]: row for row in outcome.view.table("metrics").rows}, matured(made)
    assert rows["roc_auc"]["value"] == pytest.approx(roc_auc_score(made.late[chosen], made.score[chosen]), abs=1e-12)
    assert rows["brier"]["value"] == pytest.approx(brier_score_loss(made.late[chosen], made.score[chosen]), abs=1e-12)
    facts = outcome.view.facts()
    never = window(made) & (made.late < 0) & (made.leaves + 48 <= NOW)
    assert facts["predictions"] == int(window(made).sum())
    assert facts["labels_in"] == int(chosen.sum())
    assert facts["never"] == int(never.sum())
    assert facts["waiting"] == int(window(made).sum() - chosen.sum() - never.sum())


def test_an_outcome_counts_only_from_the_moment_it_is_known(lived: Callable[..., Lived], clock: ReplayClock) -> None:
    made = lived()
    before = made.session.perform(["performance", "trip-delay"]).view.facts()
    clock.advance(FIRST + timedelta(days=DAYS, hours=6))
    later = made.session.perform(["performance", "trip-delay"]).view.facts()
    assert before["labels_in"] == int(matured(made).sum())
    assert later["labels_in"] == int(matured(made, NOW + 6).sum())
    assert int(str(later["waiting"])) < int(str(before["waiting"]))


@pytest.mark.parametrize(("limit", "status", "exit_code"), [
    (0.55, Status.PASS, 0), (0.99, Status.FAIL, 1)])
def test_it_is_judged_on_the_bound(lived: Callable[..., Lived], limit: float, status: Status, exit_code: int) -> None:
    made = lived()
    path = made.session.declared().root / "monitors" / "trip-performance.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("0.7", str(limit)), encoding="utf-8")
    outcome = made.session.perform(["performance", "trip-delay", "--monitor", "trip-performance"])
    assert (outcome.view.status, outcome.exit) == (status, exit_code)


def test_a_limit_inside_the_interval_is_not_decided(lived: Callable[..., Lived]) -> None:
    made = lived()
    chosen = matured(made)
    auc = round(float(roc_auc_score(made.late[chosen], made.score[chosen])), 3)
    path = made.session.declared().root / "monitors" / "trip-performance.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("0.7", str(auc)), encoding="utf-8")
    outcome = made.session.perform(["performance", "trip-delay", "--monitor", "trip-performance"])
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
    assert outcome.view.title.endswith(f"] cannot be told from the limit {auc:g}")
    assert len(outcome.view.title) <= 100


def test_too_few_outcomes_are_unknown_not_a_pass(lived: Callable[..., Lived]) -> None:
    made = lived()
    path = made.session.declared().root / "monitors" / "trip-performance.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("min_rows: 100", "min_rows: 10000"), encoding="utf-8")
    outcome = made.session.perform(["performance", "trip-delay", "--monitor", "trip-performance"])
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)


def test_two_failures_fire_one_alert(lived: Callable[..., Lived]) -> None:
    made = lived()
    path = made.session.declared().root / "monitors" / "trip-performance.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("0.7", "0.99"), encoding="utf-8")
    fired = []
    for _ in range(3):
        made.session.perform(["performance", "trip-delay", "--monitor", "trip-performance"])
        fired.append(len(folds.alerts(made.session.ledger.entries("alert"))))
    assert fired == [0, 1, 1]


def test_the_finding_names_its_data_and_declaration(lived: Callable[..., Lived]) -> None:
    made = lived()
    made.session.perform(["performance", "trip-delay", "--monitor", "trip-performance"])
    finding = made.session.ledger.entries("finding")[-1].fact
    assert isinstance(finding, Finding)
    assert finding.declaration == made.session.declared().fingerprint("monitor", "trip-performance")
    assert made.session.data().object(finding.declaration)
    assert len(finding.data) == 2
    assert finding.detail["seen"] == pytest.approx(made.late[matured(made)].mean())


@pytest.mark.parametrize(("argv", "words"), [
    (["performance", "trip-dely"], "Did you mean 'trip-delay'?"),
    (["performance", "flights-delay"], "no data yet"),
    (["performance", "trip-delay", "--window", "soon"], "is not a duration"),
    (["performance", "trip-delay", "--monitor", "flights-drift"], "checks drift of flights-delay"),
])
def test_what_cannot_be_judged_says_why(lived: Callable[..., Lived], argv: list[str], words: str) -> None:
    outcome = lived().session.perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)


def test_it_says_where_the_limit_was_declared(lived: Callable[..., Lived]) -> None:
    made = lived()
    root = made.session.declared().root
    monitor, model = root / "monitors" / "trip-performance.yaml", root / "models" / "trip-delay.yaml"

    def origin() -> object:
        return open_project(root, person="ana", clock=made.session.clock, source="test").perform(
            ["performance", "trip-delay"]).view.facts()["limits_from"]

    assert origin() == "monitors/trip-performance.yaml"
    monitor.write_text(monitor.read_text().replace("subject: trip-delay", "subject: trip-dely"))
    assert origin() is None, "no criteria, no limit"
    model.write_text(model.read_text() + "criteria: [{metric: roc_auc, at_least: 0.6}]\n")
    assert origin() == "models/trip-delay.yaml, criteria"
    for name in ("a", "b"):
        (root / "monitors" / f"{name}.yaml").write_text(
            "check: performance\nsubject: trip-delay\nlimits: {roc_auc: 0.6}\n")
    assert origin() == ("models/trip-delay.yaml, criteria: 2 monitors watch it, name one with --monitor (a, b)")


def test_a_monitor_may_be_content_with_less_certainty_and_says_so(lived: Callable[..., Lived]) -> None:
    made = lived()
    root = made.session.declared().root
    path = root / "monitors" / "trip-performance.yaml"
    text = path.read_text(encoding="utf-8")

    def looked(more: str) -> Outcome:
        path.write_text(text + more, encoding="utf-8")
        return open_project(root, person="ana", clock=made.session.clock, source="test").perform(
            ["performance", "trip-delay", "--monitor", "trip-performance"])

    strict, content = (looked(more).view for more in ("", "confidence: 0.8\n"))
    wide, narrow = (float(row["high"]) - float(row["low"]) for view in (strict, content)
                    for row in view.table("metrics").rows[:1])
    assert narrow / wide == pytest.approx(1.440 / 2.447, abs=0.02), "Student's t of six degrees of freedom"
    assert content.facts()["confidence"] == 0.8
    for wrong in ("1", "0.4"):
        assert "confidence lies from 0.5 to below 1" in looked(f"confidence: {wrong}\n").view.title
