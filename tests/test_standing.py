"""What a monitor would have found at any time is what it did find then: looks that share one join are single looks."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from mlops_tui.errors import BadInput
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock
from mlops_tui.standing import judged_at
from store.facts import Finding, Promotion
from tests.lived import DAYS, FIRST, Lived

AGES = (8, 15, 20.5, 24, DAYS)  # days after the first row; on the third the window has an hour of a further day
CALIBRATION = "check: calibration\nsubject: trip-delay\nwindow: 7d\nmin_rows: 100\nconfidence: 0.9\n" \
              "limits: {ece: 0.05, in_the_large: 0.3}\n"
COMMANDS = {"trip-performance": ("performance", "trip-delay", "--monitor", "trip-performance"),
            "trip-calibration": ("calibration", "trip-delay", "--monitor", "trip-calibration")}


@pytest.mark.parametrize("name", COMMANDS)
def test_many_moments_at_once_are_what_single_looks_find(name: str, lived: Callable[..., Lived],
                                                         clock: ReplayClock) -> None:
    made, end = lived(shift=0.3), clock.moment
    (made.session.declared().root / "monitors" / "trip-calibration.yaml").write_text(CALIBRATION, encoding="utf-8")
    session = open_project(made.session.declared().root, person="ana", clock=clock, source="test")
    session.ledger.append(Promotion(subject="trip-delay", version="1", previous="", approval="", evidence=""))
    times = [end + timedelta(days=age - DAYS) for age in AGES]

    looks = judged_at(session, session.declared().monitors[name], times)

    for look, at in zip(looks, times, strict=True):
        clock.moment = at
        outcome = session.perform(COMMANDS[name])
        assert outcome.error is None, outcome.error
        found = session.ledger.entries("finding")[-1].fact
        assert isinstance(found, Finding)
        assert (look.at, look.status, look.n, look.version) == (at, outcome.view.status, found.n, found.version)
        assert [look.value, look.low, look.high, look.limit] == [found.value, found.low, found.high, found.limit]
    assert len({look.status for look in looks}) > 1
    assert np.isfinite([look.value for look in looks if look.value is not None]).all()


def test_no_moment_has_no_look_and_another_check_is_refused(lived: Callable[..., Lived]) -> None:
    session = lived().session
    monitor = session.declared().monitors["trip-performance"]
    assert judged_at(session, monitor, []) == []
    with pytest.raises(BadInput, match="does not wait for outcomes"):
        judged_at(session, type(monitor)(check="drift", subject="trip-delay"), [FIRST])
