"""The gate rule: the card that was published last is the one that was judged, and nothing was found since."""

from dataclasses import replace

import pytest

from mlops_tui.assurance.card import card
from mlops_tui.assurance.requirement import Case
from mlops_tui.declarations.kinds import Label, Model, Split
from mlops_tui.view import Status
from store.facts import Assessed, CardPublished, Finding, Replayed

PUBLISHED = CardPublished(subject="m", version="2", digest="d", card="c")
FOUND = Finding(check="card", subject="m", version="2", status="pass", title="published", declaration="today",
                detail={"digest": "d", "impact": ""})


def case(history, **fingerprints):
    return Case("m", "2", Model("binary", Label("flights", "late"), {}, Split("at")), "1", None,
                {"model m": "today", **fingerprints}, history.now)


def judged(history, *facts, **fingerprints):
    [found] = card(case(history, **fingerprints), history.add(*facts))
    return found


def test_no_card_is_unknown_and_says_what_to_run(history):
    found = judged(history)
    assert (found.status, found.next) == (Status.UNKNOWN, ("card", "publish", "m@2"))


@pytest.mark.parametrize("status", ["pass", "warn", "fail", "unknown"])
def test_the_judgement_on_the_published_card_counts(history, status):
    assert judged(history, PUBLISHED, replace(FOUND, status=status)).status is Status(status)


@pytest.mark.parametrize("facts", [
    (FOUND,), (PUBLISHED, FOUND, replace(PUBLISHED, digest="newer")), (replace(PUBLISHED, version="1"), FOUND),
    (PUBLISHED, replace(FOUND, version="1")), (PUBLISHED, replace(FOUND, declaration="yesterday's"))])
def test_a_judgement_on_another_card_proves_nothing(history, facts):
    assert judged(history, *facts).status is Status.UNKNOWN


BIAS = Finding(check="bias", subject="m", version="2", status="pass", title="audited")
REPLAYED = Replayed(subject="m", version="2", incident="INC-1", key="k", verdict="survives")
ASSESSED = Assessed(subject="m", levels=(1, 1), classes=("high", "high"), questions="q", answers="a")


@pytest.mark.parametrize("since", [BIAS, replace(BIAS, check="evaluate"), REPLAYED, ASSESSED])
def test_what_was_found_since_and_stands_in_the_card_asks_for_a_look(history, since):
    found = judged(history, PUBLISHED, FOUND, since)
    assert (found.status, found.next) == (Status.UNKNOWN, ("card", "check", "m@2"))


@pytest.mark.parametrize("since", [replace(BIAS, version="1"), replace(BIAS, check="drift"), replace(BIAS, subject="o"),
                                   replace(REPLAYED, version="1"), replace(ASSESSED, subject="o")])
def test_what_is_not_told_in_it_does_not(history, since):
    assert judged(history, PUBLISHED, FOUND, since).status is Status.PASS


def test_an_impact_that_is_assessed_again_to_the_same_changes_nothing(history):
    assert judged(history, ASSESSED, PUBLISHED, FOUND, ASSESSED).status is Status.PASS
    assert judged(history, replace(ASSESSED, levels=(1, 2))).status is Status.UNKNOWN


def test_words_that_were_changed_since_ask_for_a_look(history):
    assert judged(history, PUBLISHED, FOUND, **{"impact m": "new"}).status is Status.UNKNOWN
    assert judged(history, replace(FOUND, detail={"digest": "d", "impact": "new"}), **{"impact m": "new"}).status is \
        Status.PASS
