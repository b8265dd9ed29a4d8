"""Days on which everything goes wrong at once, some from each kind; tests/bench/chaos.py lives a thousand of them."""

import time
from pathlib import Path
from random import Random

import pytest

from bots.local.workspace import LocalSlack
from store.facts import IncidentEvent
from tests.bots.chaos import Death, Office, Taken, declared, died, judge, lived
from tests.bots.conftest import PEOPLE
from tests.bots.local.conftest import Clock

RUNS, AT_ONCE = 16, 8
STRIDE = 37  # every so many places in a quiet day at which a process may end
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("first", range(0, RUNS, AT_ONCE))
def test_whatever_goes_wrong_everything_happens_once(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + AT_ONCE):
        assert (seed, lived(tmp_path / str(seed), seed).wrong) == (seed, "")


def test_wherever_the_process_ends_everything_happens_once(tmp_path: Path) -> None:
    places = died(tmp_path / "0", 0).places
    assert places > 5 * STRIDE
    for place in range(1, places, STRIDE):
        seen = died(tmp_path / str(place), place)
        assert (place, seen.wrong, seen.deaths) == (place, "", 1)


def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    clock = Clock(time.time())
    folder = declared(tmp_path / "flights")
    with LocalSlack(PEOPLE, clock=clock, patience=0.5) as slack:
        office = Office(folder, slack, clock, Death(Random(0)))
        try:
            office.settle()
            assert judge(slack, office.session, Taken()) == ""
            assert judge(slack, office.session, Taken({"n1"}, {"bo"})) == (
                "acknowledged and lost: {'n1'}; saw no first page: {'bo'}")
            [card, _] = slack.messages()
            office.client.chat_postMessage(channel="C01", text="twice", metadata=card["metadata"])
            office.ledger.append(IncidentEvent(subject="INC-1", event="note", note="unseen"))
            seen = judge(slack, office.session, Taken())
            assert [word in seen for word in ("said twice", "INC-1 is not told to its end")] == [True, True]
        finally:
            office.close()
