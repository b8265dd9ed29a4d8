"""Who is reminded of what, and when: rules on values."""

from datetime import timedelta

import pytest

from mlops_tui.alerts.nudges import Nudge, due, snoozes, waiting
from mlops_tui.view import View
from store.facts import Snoozed
from tests.conftest import START, History

HOUR = timedelta(hours=1)


def reach(to: str) -> tuple[str, ...]:
    return {"oncall": ("bo", "cy"), "approver": ("cy",)}.get(to, (to,))


NUDGE = Nudge("approval/AP-1", "approver", View("AP-1 waits"), START)


@pytest.mark.parametrize(("turn", "until", "now", "keys"), [
    ("", None, 0, ["nudge/cy/approval/AP-1"]),
    ("", None, -1, []),
    ("repeat/2", None, 0, ["nudge/cy/approval/AP-1/repeat/2"]),
    ("", 2, 1.9, []),
    ("", 2, 2, [f"nudge/cy/approval/AP-1/after {(START + 2 * HOUR).isoformat()}"]),
])
def test_it_has_one_key_until_it_is_another_turn_or_was_put_off(turn: str, until: float | None, now: float,
                                                                keys: list[str]) -> None:
    nudge = Nudge(NUDGE.key, NUDGE.to, NUDGE.view, NUDGE.since, turn=turn)
    off = {} if until is None else {("cy", NUDGE.key): START + until * HOUR, ("bo", NUDGE.key): START + 99 * HOUR}
    assert [each.key for each in due([nudge], reach, off, START + now * HOUR)] == keys


def test_the_last_word_counts_and_the_oldest_comes_first(history: History) -> None:
    later, sooner = ((START + hours * HOUR).isoformat() for hours in (9, 3))
    entries = history.add(Snoozed(subject="a", who="bo", until=later), Snoozed(subject="a", who="bo", until=sooner),
                          Snoozed(subject="a", who="cy", until=later))
    assert snoozes(entries) == {("bo", "a"): START + 3 * HOUR, ("cy", "a"): START + 9 * HOUR}
    young = Nudge("b", "cy", View("young"), START + HOUR)
    assert [each.key for each in waiting([young, NUDGE], reach, "cy", START + HOUR)] == ["approval/AP-1", "b"]
    assert waiting([young, NUDGE], reach, "vera", START + HOUR) == []


def test_who_sleeps_is_told_only_what_pages() -> None:
    loud = Nudge("alert/AL-1", "oncall", View("AL-1"), START, page=True)
    assert [(each.person, each.nudge.key) for each in due([NUDGE, loud], reach, {}, START, {"cy"})] == [
        ("bo", "alert/AL-1"), ("cy", "alert/AL-1")]
    assert [each.person for each in due([NUDGE], reach, {}, START, {"bo"})] == ["cy"]
