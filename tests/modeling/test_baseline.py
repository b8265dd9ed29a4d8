"""The ladder beside a version, read back from the history."""

from collections.abc import Callable
from typing import Any

import pytest

from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Promotion, Trained

RUNGS = ("baseline_prior", "baseline_feature", "baseline_logistic", "baseline_tree")


def version(number: str, leads: tuple[float, ...]) -> Trained:
    """A version of AUC 0.8 with its lead on each rung; below 0.02 it is not sure."""
    contrasts = [{"baseline": rung, "metric": "roc_auc", "estimate": lead, "low": lead - 0.02, "high": lead + 0.02,
                  "p_value": 0.5 if lead < 0.02 else 0.001, "method": "delong", "reason": "",
                  "verdict": "better" if lead >= 0.02 else "inconclusive"}
                 for rung, lead in zip(RUNGS, leads, strict=True)]
    measured: dict[str, Any] = {"value": 0.8, "low": 0.78, "high": 0.82, "n": 900}
    return Trained(
        subject="flights-delay", version=number, candidate="boosted", key=number, run_id="", artifact="", training="",
        declaration="", seed=1, window=("2013-01-01", "2013-06-01"), metrics={"roc_auc": measured},
        detail={"metric": "roc_auc", "beats_baseline": min(leads) >= 0.02, "best_baseline": RUNGS[2],
                "contrasts": contrasts, "test_rows": 900, "descriptions": dict.fromkeys((*RUNGS, "boosted"), "Some"),
                "baselines": {rung: {"roc_auc": measured | {"value": 0.8 - lead}}
                              for rung, lead in zip(RUNGS, leads, strict=True)}})


@pytest.fixture
def trained(session: Callable[..., Session]) -> Session:
    opened = session("ana")
    opened.ledger.append(version("1", (0.3, 0.1, 0.05, 0.04)), version("2", (0.3, 0.1, 0.01, 0.04)))
    return opened


def test_a_version_that_leads_on_every_rung_passes(trained: Session) -> None:
    view = trained.perform(("baseline", "flights-delay@1")).view
    assert view.status is Status.PASS
    assert [row["baseline"] for row in view.table("baselines").rows] == list(RUNGS)
    assert view.table("baselines").rows[2]["value"] == pytest.approx(0.75)


def test_one_rung_that_is_not_surely_beaten_fails(trained: Session) -> None:
    outcome = trained.perform(("baseline", "flights-delay@2"))
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert "does not beat the baselines" in outcome.view.title


def test_without_a_version_it_is_the_champion_or_else_the_newest(trained: Session) -> None:
    assert trained.perform(("baseline", "flights-delay")).view.facts()["version"] == "2"
    trained.ledger.append(Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""))
    assert trained.perform(("baseline", "flights-delay")).view.facts()["version"] == "1"


def test_what_was_never_trained_says_what_to_run(trained: Session, session: Callable[..., Session]) -> None:
    outcome = trained.perform(("baseline", "flights-delay@9"))
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["where"]) == (2, "versions: 1, 2")
    assert outcome.error["next"] == "Try: mlops-tui train flights-delay"
