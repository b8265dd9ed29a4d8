"""A trigger fires once, is armed again when its reason is over, and nothing fires while things cool down."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.retraining import Evidence, Retraining, State, Trigger, decided, replayed
from mlops_tui.errors import Refusal

START = datetime(2013, 9, 1, tzinfo=UTC)
YES, NO, BETWEEN, UNKNOWN = (Evidence(True, False, "yes"), Evidence(False, True, "no"), Evidence(False, False, "near"),
                             Evidence(None, False, "?"))
ONE = Retraining({"decay": Trigger(metric="roc_auc", below=0.7, rearms=0.72)}, timedelta(days=5))


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def walk(retrain: Retraining, *evidence: Evidence, trained: datetime | None = None) -> list[str]:
    """How the one trigger stands after each daily look."""
    states: dict[str, State] = {}
    found = []
    for number, each in enumerate(evidence):
        [judged] = decided(retrain, {"decay": each}, states, trained, day(number))
        states = {judged.name: judged.state}
        found.append(judged.stands)
    return found


def test_it_fires_once_and_again_only_after_it_was_over() -> None:
    assert walk(ONE, NO, YES, YES, BETWEEN, YES, NO, NO, NO, YES) == [
        "armed", "fires", "fired", "fired", "fired", "armed", "armed", "armed", "fires"]


def test_what_holds_while_things_cool_down_waits_and_fires_then() -> None:
    assert walk(ONE, YES, NO, YES, YES, YES, YES) == ["fires", "armed", "cooling", "cooling", "cooling", "fires"]
    assert walk(ONE, YES, YES, trained=day(-4)) == ["cooling", "fires"], "a training cools down as well"


def test_what_is_not_known_neither_fires_nor_arms() -> None:
    assert walk(ONE, UNKNOWN, YES, UNKNOWN, YES) == ["unknown", "fires", "fired", "fired"]


def test_one_that_fires_cools_the_others_and_two_at_once_are_one_proposal() -> None:
    two = Retraining({"decay": ONE.when["decay"], "old": Trigger(every=timedelta(days=90))}, timedelta(days=5))
    looks = [(day(0), {"decay": YES, "old": NO}), (day(1), {"decay": YES, "old": YES}),
             (day(6), {"decay": YES, "old": YES}), (day(7), {"decay": NO, "old": YES})]
    assert [(each.at, each.names) for each in replayed(two, looks)] == [(day(0), ("decay",)), (day(6), ("old",))]
    both = [(day(0), {"decay": YES, "old": YES})]
    assert [each.names for each in replayed(two, both)] == [("decay", "old")]


def test_a_metric_is_back_at_the_level_of_rearming() -> None:
    high, low = ONE.when["decay"], Trigger(metric="brier", above=0.2)
    assert (high.back(0.71), high.back(0.72), low.back(0.21), low.back(0.2)) == (False, True, False, True)


WRITTEN = "check: triggers\nsubject: flights-delay\nretrain:\n  when:\n    one: {each}\n"


@pytest.mark.parametrize(("each", "words"), [
    ("{metric: roc_auk, below: 0.7}", "roc_auc"),
    ("{metric: roc_auc}", "below or above"),
    ("{metric: roc_auc, below: 0.7, rearms: 0.6}", "still fires"),
    ("{every: 90d, below: 1}", "of a metric"),
    ("{every: 0s}", "takes some time"),
    ("{labels: -5}", "number of outcomes"),
    ("{every: 90d, labels: 5}", "one of metric, change, every or labels"),
    ("{change: kswin}", "adwin"),
])
def test_a_trigger_that_makes_no_sense_is_refused_where_it_is_written(each: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(Monitor, WRITTEN.format(each=each), "monitors/m.yaml")
    assert words in f"{refused.value.what} {refused.value.next}"
    assert "monitors/m.yaml" in str(refused.value.where)


def test_only_a_monitor_of_triggers_says_when_to_train() -> None:
    made = parse(Monitor, WRITTEN.format(each="{labels: 500}"), "monitors/m.yaml")
    assert made.retrain is not None
    assert (made.retrain.when["one"].kind, made.retrain.then) == ("labels", "propose")
    for text in ("check: triggers\nsubject: m\n", WRITTEN.format(each="{labels: 5}").replace("triggers", "drift")):
        with pytest.raises(Refusal, match="when to train again"):
            parse(Monitor, text, "monitors/m.yaml")
