"""What a monitor would have found, held against what it did find."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import OutOf
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput
from mlops_tui.oversight.replaying import SWEPT, Look, World, alarms, due_times, judged_by, replayed
from store.facts import AlertEvent, Finding
from store.refusal import Refusal
from store.rehearsal import Rehearsal
from tests.replays import MONITORS, Replays

ZONE = ZoneInfo("America/New_York")


@pytest.mark.parametrize("name", list(MONITORS))
def test_a_replayed_look_finds_what_the_monitor_found(name: str, replays: Replays) -> None:
    monitor = replays.session.declared().monitors[name]
    before = replays.session.ledger.head_seq()

    looks = replayed(World(replays.session), name, monitor, due_times(monitor, ZONE, replays.times(name)[0],
                                                                    replays.times(name)[-1]))

    assert [(look.at, look.finding) for look in looks] == replays.found[name]
    assert replays.session.ledger.head_seq() == before
    assert {look.status for look in looks} >= ({"pass", "fail"} if name != "trips-health" else set())


@pytest.mark.parametrize("name", [name for name in MONITORS if name != "trips-health"])
def test_findings_judged_anew_by_their_own_limits_stand_as_they_stood(name: str, replays: Replays) -> None:
    monitor = replays.session.declared().monitors[name]

    assert [judged_by(fact, monitor).status for _, fact in replays.found[name]] == [
        fact.status for _, fact in replays.found[name]]
    assert monitor.check in SWEPT


@pytest.mark.parametrize(("name", "limits"), [("trip-drift", {"ks": 0.1}), ("trip-drift", {"ks": 0.4, "v": 0.2}),
                                              ("trip-performance", {"roc_auc": 0.78}),
                                              ("trip-calibration", {"ece": 0.08})])
def test_findings_judged_by_another_limit_stand_as_a_replay_under_it_does(
        name: str, limits: dict[str, float], replays: Replays) -> None:
    other = replace(replays.session.declared().monitors[name], limits=limits)

    looks = replayed(World(replays.session), name, other, replays.times(name))

    assert [judged_by(fact, other).status for _, fact in replays.found[name]] == [look.status for look in looks]
    assert [look.status for look in looks] != [fact.status for _, fact in replays.found[name]]


@pytest.mark.parametrize(("value", "low", "high", "status"), [
    (0.09, 0.01, 0.14, "fail"), (0.09, 0.0, 0.14, "unknown"), (0.04, 0.01, 0.07, "pass"), (-0.09, -0.2, -0.01, "fail"),
    (0.09, None, None, "unknown"), (None, None, None, "unknown")])
def test_calibration_is_judged_anew_as_it_is_judged(value: float | None, low: float | None, high: float | None,
                                                    status: str) -> None:
    """Beyond the limit and surely not 0: the interval need not lie beyond the limit as a whole."""
    monitor = Monitor(check="calibration", subject="m", limits={"in_the_large": 0.05})
    fact = Finding(check="calibration", subject="m", status="fail", title="x",
                   detail={"measures": {"in_the_large": value}, "bounds": {"in_the_large": [low, high]}})
    assert judged_by(fact, monitor).status == status


def test_a_limit_on_another_distance_is_judged_anew_as_well(replays: Replays) -> None:
    monitor = replays.session.declared().monitors["trip-drift"]
    loose, tight = (replace(monitor, limits={"ks": 0.9, "v": 0.9, "psi": psi}) for psi in (50.0, 0.1))

    looks = {each.limits["psi"]: replayed(World(replays.session), "trip-drift", each, replays.times("trip-drift")[-4:])
             for each in (loose, tight)}

    found = [judged_by(look.finding, tight).status for look in looks[50.0] if look.finding is not None]
    assert found == [look.status for look in looks[0.1]]
    assert "fail" in found
    assert "fail" not in [look.status for look in looks[50.0]]


def test_alarms_are_those_that_the_timetable_fired(replays: Replays) -> None:
    policy = replays.session.declared().monitors["trip-drift"].alert
    looks = [Look(at, fact, fact.title) for at, fact in replays.found["trip-drift"]]

    events = [entry for entry in replays.session.ledger.entries("alert") if isinstance(entry.fact, AlertEvent)]
    own = {entry.subject for entry in events if entry.fact.monitor == "trip-drift"}
    told = [entry.recorded_at for entry in events
            if entry.subject in own and entry.fact.event in ("fired", "refired")]

    assert [alarm.at for alarm in alarms(looks, policy)] == told
    assert told


def test_an_alarm_ends_when_it_recovers() -> None:
    words = ["pass", "fail", "fail", "unknown", "pass", "pass", "fail", "fail"]
    start = datetime(2013, 9, 1, 10, tzinfo=UTC)
    looks = [Look(start + timedelta(days=day), Finding(subject="m", check="drift", status=word, title=word), word)
             for day, word in enumerate(words)]

    found = alarms(looks, AlertPolicy(OutOf(2, 2)))

    assert [(each.at.day, each.event, each.until and each.until.day) for each in found] == [
        (3, "fired", 6), (8, "refired", None)]


def test_times_are_those_of_the_timetable_across_a_change_of_clocks() -> None:
    monitor = Monitor(check="drift", subject="m", every="0 6 * * *")
    start = datetime(2013, 11, 1, 10, tzinfo=UTC)

    found = due_times(monitor, ZONE, start, start + timedelta(days=3))

    assert [f"{at:%d %H}" for at in found] == ["01 10", "02 10", "03 11"]


def test_a_monitor_without_a_timetable_cannot_be_replayed_by_the_clock() -> None:
    with pytest.raises(BadInput, match="no timetable"):
        due_times(Monitor(check="drift", subject="m"), ZONE, datetime(2013, 1, 1, tzinfo=UTC),
                  datetime(2013, 2, 1, tzinfo=UTC))


def test_nothing_of_a_rehearsal_is_written_or_sent(replays: Replays) -> None:
    session = World(replays.session).at(replays.session.now(), replays.session.ledger.head_seq())
    before = replays.session.ledger.head()

    session.ledger.append(Finding(subject="trips", check="health", status="fail", title="odd", monitor="trips-health"))
    session.react()

    assert isinstance(session.ledger, Rehearsal)
    assert [entry.fact.title for entry in session.ledger.made] == ["odd"]
    assert replays.session.ledger.head() == before
    for attempt in (session.ledger.locked, session.ledger.commit, lambda: session.ledger.engine):
        with pytest.raises(Refusal):
            attempt()
