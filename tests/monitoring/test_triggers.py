"""Triggers read the model's own outcomes and history, propose with evidence, and train only where declared."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.oversight.triggering import gathered
from mlops_tui.session import ReplayClock
from mlops_tui.view import Status
from store.facts import Finding, Promotion, Trained
from tests.lived import DAYS, FIRST, Lived

MONITOR = """\
check: triggers
subject: trip-delay
window: 7d
min_rows: 100
retrain: {{cooldown: 3d, then: {then}, when: {{{when}}}}}
"""


def serving(made: Lived, clock: ReplayClock) -> None:
    """Version 1 serves from the first day, as the ledger would say."""
    now, clock.moment = clock.moment, FIRST
    made.session.ledger.append(
        Trained(subject="trip-delay", version="1", candidate="simple", key="k", run_id="r", artifact="a", seed=1,
                training="", declaration="", window=("2013-01-01", "2013-08-17"), metrics={}, detail={"seconds": 3}),
        Promotion(subject="trip-delay", version="1", previous="", approval="", evidence=""))
    clock.moment = now


def look(made: Lived, when: str, *argv: str, then: str = "propose", person: str = "ana") -> Outcome:
    root = made.session.declared().root
    (root / "monitors" / "again.yaml").write_text(MONITOR.format(when=when, then=then), encoding="utf-8")
    opened = open_project(root, person=person, clock=made.session.clock, source="test")
    return opened.perform(["triggers", "trip-delay", *argv])


def row(outcome: Outcome, name: str) -> dict[str, object]:
    assert outcome.error is None, outcome.error
    return next(dict(each) for each in outcome.view.table("triggers").rows if each["trigger"] == name)


def test_errors_that_rose_fire_and_a_calm_month_does_not(lived: Callable[..., Lived], clock: ReplayClock) -> None:
    when = "rows: {change: adwin}, days: {change: page_hinkley}"
    made = lived(shift=0.0)
    serving(made, clock)
    calm = look(made, when)
    assert (calm.view.status, calm.exit) == (Status.PASS, 0)
    assert "no rise in 27 days" in str(row(calm, "days")["evidence"])


def test_a_planted_rise_is_seen_by_both_with_its_day(lived: Callable[..., Lived], clock: ReplayClock) -> None:
    made = lived(shift=-0.45)
    serving(made, clock)
    found = look(made, "rows: {change: adwin}, days: {change: page_hinkley}")
    assert (found.view.status, found.exit) == (Status.FAIL, 1)
    for name in ("rows", "days"):
        said = str(row(found, name)["evidence"])
        assert "errors rose from 0.1" in said
        assert any(f"about 2013-09-{day:02}" in said for day in (2, 3, 4, 5, 6)), said


def test_a_decay_fires_once_and_proposes_to_train(lived: Callable[..., Lived], clock: ReplayClock) -> None:
    made = lived()
    serving(made, clock)
    first, second = (look(made, "decay: {metric: roc_auc, below: 0.99}") for _ in range(2))
    assert (row(first, "decay")["stands"], row(second, "decay")["stands"]) == ("fires", "fired, not over")
    assert any(action.argv == ("train", "trip-delay") for action in second.view.actions)
    facts = [entry.fact for entry in made.session.ledger.entries("finding")]
    assert [fact.detail["fires"] for fact in facts if isinstance(fact, Finding)] == [["decay"], []]
    assert facts[0].status == "fail"
    assert not [entry for entry in made.session.ledger.entries("trained") if entry.fact.version != "1"]


def test_age_and_new_outcomes_are_counted_from_the_version_that_serves(lived: Callable[..., Lived],
                                                                       clock: ReplayClock) -> None:
    made = lived()
    serving(made, clock)
    known = int((made.known + 12 <= DAYS * 24).sum())
    found = look(made, f"old: {{every: 30d}}, new: {{labels: {known}}}, more: {{labels: {known + 1}}}")
    assert (row(found, "old")["stands"], row(found, "new")["stands"], row(found, "more")["stands"]) == (
        "armed", "fires", "armed")
    assert row(found, "old")["next"] == FIRST + timedelta(days=30)
    assert found.view.facts()["took_s"] == 3


def test_where_declared_it_trains_with_the_rights_of_whoever_looks(lived: Callable[..., Lived],
                                                                   clock: ReplayClock) -> None:
    made = lived()
    serving(made, clock)
    outcome = look(made, "decay: {metric: roc_auc, below: 0.99}", then="train", person="dee")
    assert "should be trained, and was not" in str(outcome.view.parts)
    assert len(made.session.ledger.entries("promotion")) == 1
    assert any(entry.fact.argv == ("train", "trip-delay") and entry.fact.status == "denied"
               for entry in made.session.ledger.entries("command"))


def test_a_preview_keeps_nothing_and_looks_at_any_time_are_the_same(lived: Callable[..., Lived],
                                                                    clock: ReplayClock) -> None:
    made = lived(shift=-0.45)
    serving(made, clock)
    when = "rows: {change: adwin}, decay: {metric: roc_auc, below: 0.7}"
    shown = look(made, when, "--preview", person="vera")
    assert made.session.ledger.entries("finding") == []
    opened = open_project(made.session.declared().root, person="ana", clock=clock, source="test")
    monitor = opened.declared().one("monitor", "again")
    earlier, now = gathered(opened, monitor, [clock() - timedelta(days=8), clock()])
    assert {name: each.said for name, each in now.items()} == {
        name: row(shown, name)["evidence"] for name in ("rows", "decay")}
    assert (earlier["rows"].fires, now["rows"].fires) == (False, True)
    assert np.isfinite(earlier["decay"].value)


@pytest.mark.parametrize(("argv", "words"), [
    (["triggers", "trip-dely"], "Did you mean 'trip-delay'?"),
    (["triggers", "trip-delay"], "Write monitors/trip-delay-triggers.yaml"),
    (["triggers", "trip-delay", "--monitor", "trip-performance"], "checks performance of trip-delay"),
])
def test_what_cannot_be_said_says_why(lived: Callable[..., Lived], argv: list[str], words: str) -> None:
    outcome = lived().session.perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)


def test_without_a_version_that_serves_it_says_what_to_run(lived: Callable[..., Lived]) -> None:
    outcome = look(lived(), "old: {every: 30d}")
    assert (outcome.exit, outcome.error and outcome.error["next"]) == (2, "Try: mlops-tui train trip-delay")
