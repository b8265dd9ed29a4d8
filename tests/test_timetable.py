"""Every period once, missed ones skipped but for the newest, in wall-clock time through both changes of the clock."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui import timetable
from mlops_tui.errors import BadInput
from mlops_tui.opening import open_project
from mlops_tui.running.cronlines import Cron, cron
from mlops_tui.session import ReplayClock, Session
from mlops_tui.timetable import Due, Schedule, due, schedules
from store.periods import Periods

NEW_YORK = ZoneInfo("America/New_York")
FORWARD = datetime(2013, 3, 10, 7, tzinfo=UTC)  # 02:00 EST becomes 03:00 EDT
BACK = datetime(2013, 11, 3, 6, tzinfo=UTC)     # 02:00 EDT becomes 01:00 EST
DAY = timedelta(days=1)


def local(*fields: int, fold: int = 0) -> datetime:
    return datetime(*fields, tzinfo=NEW_YORK, fold=fold)  # type: ignore[misc,arg-type]


def times(line: str, start: datetime, end: datetime, zone: ZoneInfo = NEW_YORK) -> list[datetime]:
    found, at = [], Cron(line, zone).next(start)
    while at is not None and at <= end:
        found.append(at)
        at = Cron(line, zone).next(at)
    return found


def by_hand(minutes: set[int], hours: set[int] | None, start: datetime, end: datetime,
            zone: ZoneInfo) -> list[datetime]:
    """The same, minute by minute over the wall clock."""
    found: set[datetime] = set()
    wall = start.astimezone(zone).replace(tzinfo=None) - 2 * DAY
    for _ in range(int((end - start + 4 * DAY) / timedelta(minutes=1))):
        wall += timedelta(minutes=1)
        if wall.minute in minutes and (hours is None or wall.hour in hours):
            found.add(wall.replace(tzinfo=zone, fold=0).astimezone(UTC))
            if hours is None:
                found.add(wall.replace(tzinfo=zone, fold=1).astimezone(UTC))
    return sorted(at for at in found if start < at <= end)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize(("line", "minutes", "hours"), [
    ("30 2 * * *", {30}, {2}), ("30 1 * * *", {30}, {1}), ("*/30 * * * *", {0, 30}, None),
    ("0 0-3 * * *", {0}, {0, 1, 2, 3})])
@pytest.mark.parametrize("change", [FORWARD, BACK, datetime(2013, 4, 6, 15, tzinfo=UTC),
                                    datetime(2013, 10, 5, 15, tzinfo=UTC)])
def test_both_changes_of_the_clock_are_as_counted_by_hand(line: str, minutes: set[int], hours: set[int] | None,
                                                          change: datetime, zone: str) -> None:
    start, end = change - DAY, change + DAY
    assert times(line, start, end, ZoneInfo(zone)) == by_hand(minutes, hours, start, end, ZoneInfo(zone))


def test_a_time_that_is_skipped_happens_an_hour_later_and_once() -> None:
    assert times("30 2 * * *", FORWARD - DAY, FORWARD + timedelta(hours=20)) == [
        local(2013, 3, 9, 2, 30), local(2013, 3, 10, 3, 30)]


def test_a_time_that_comes_twice_happens_the_first_time_only() -> None:
    assert times("30 1 * * *", BACK - timedelta(hours=3), BACK + timedelta(hours=30)) == [
        local(2013, 11, 3, 1, 30).astimezone(UTC), local(2013, 11, 4, 1, 30).astimezone(UTC)]


def test_a_line_that_counts_time_runs_through_the_hour_that_comes_twice() -> None:
    found = times("*/30 * * * *", BACK - timedelta(hours=1), BACK + timedelta(hours=2))
    assert [later - earlier for earlier, later in pairwise(found)] == [timedelta(minutes=30)] * 5


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["30 2 * * *", "30 1 * * *", "*/30 * * * *", "0 6 * * 1-5", "5 4 1 * *", "0 0 29 2 *",
                        "0 3 1 * 0"]),
       st.timedeltas(timedelta(0), timedelta(days=1000)))
def test_the_newest_is_followed_by_the_next_and_now_lies_between(line: str, since: timedelta) -> None:
    now = datetime(2012, 1, 1, tzinfo=UTC) + since
    newest, following = Cron(line, NEW_YORK).newest(now), Cron(line, NEW_YORK).next(now)
    assert newest is not None
    assert following is not None
    assert newest <= now < following
    assert Cron(line, NEW_YORK).next(newest) == following
    assert Cron(line, NEW_YORK).next(newest - timedelta(seconds=1)) == newest


@pytest.mark.parametrize(("field", "days"), [
    ("0", ["Sun"]), ("7", ["Sun"]), ("1", ["Mon"]), ("1-5", ["Mon", "Tue", "Wed", "Thu", "Fri"]),
    ("*/2", ["Sun", "Tue", "Thu", "Sat"]), ("5-7", ["Fri", "Sat", "Sun"]), ("fri-mon", ["Fri", "Sat", "Sun", "Mon"]),
    ("sat,SUN", ["Sat", "Sun"]), ("2/2", ["Tue", "Thu", "Sat"])])
def test_weekdays_are_counted_as_cron_counts_them(field: str, days: list[str]) -> None:
    week = times(f"0 6 * * {field}", local(2013, 6, 1), local(2013, 6, 8))
    assert {at.astimezone(NEW_YORK).strftime("%a") for at in week} == set(days)


def test_a_day_of_the_month_and_a_weekday_mean_either() -> None:
    found = times("0 6 13 * 5", local(2013, 6, 1), local(2013, 6, 30))
    assert [at.astimezone(NEW_YORK).day for at in found] == [7, 13, 14, 21, 28]


@pytest.mark.parametrize("line", ["", "0 6 * *", "0 25 * * *", "x 6 * * *", "0 6 * * 9", "0 6 * * mon-",
                                  "0 6 * * */0", "0 6 * * -"])
def test_a_line_that_is_none_is_refused_with_an_example(line: str) -> None:
    with pytest.raises(BadInput) as caught:
        Cron(line, NEW_YORK)
    assert "0 6 * * *" in caught.value.next


def test_a_day_that_never_comes_is_never_due() -> None:
    assert Cron("0 0 30 2 *", NEW_YORK).next(FORWARD) is None
    assert Cron("0 0 30 2 *", NEW_YORK).newest(FORWARD) is None
    assert Cron("@daily", NEW_YORK).next(local(2013, 6, 1, 12)) == local(2013, 6, 2)


DRIFT = Schedule("monitor/drift", ("drift", "flights"), "0 6 * * *", NEW_YORK)
HOURLY = Schedule("pipeline/daily", ("pipeline", "run", "daily"), "0 * * * *", NEW_YORK)


def test_missed_periods_are_skipped_but_for_the_newest() -> None:
    claimed = {"monitor/drift": Due(DRIFT, local(2013, 6, 1, 6)).period}
    assert due([DRIFT], claimed, local(2013, 6, 1, 23)) == []
    [late] = due([DRIFT], claimed, local(2013, 6, 9, 5))
    assert late.at == local(2013, 6, 8, 6)


def test_what_is_due_comes_in_order_and_pipelines_before_monitors_of_the_same_time() -> None:
    found = due([HOURLY, DRIFT], {}, local(2013, 6, 1, 6, 10))
    assert [each.schedule.name for each in found] == ["pipeline/daily", "monitor/drift"]
    found = due([HOURLY, DRIFT], {}, local(2013, 6, 1, 7, 10))
    assert [each.schedule.name for each in found] == ["monitor/drift", "pipeline/daily"]


def test_a_clock_that_was_set_back_repeats_nothing() -> None:
    claimed = {"monitor/drift": Due(DRIFT, local(2013, 6, 9, 6)).period}
    assert due([DRIFT], claimed, local(2013, 6, 8, 12)) == []


MONITOR = "check: drift\nsubject: flights-delay\nevery: '{every}'\n"


@pytest.fixture
def timed(project: Path) -> Path:
    """The small project with six schedules."""
    for number in range(5):
        text = MONITOR.format(every=f"{number} 6 * * *")
        (project / "monitors" / f"m{number}.yaml").write_text(text, encoding="utf-8")
    (project / "pipelines").mkdir()
    (project / "pipelines" / "daily.yaml").write_text(
        "every: 0 5 * * *\nsteps: [{name: clean, sql: clean.sql, inputs: [flights]}]\n", encoding="utf-8")
    return project


def opened(root: Path, clock: ReplayClock) -> Session:
    return open_project(root, person="dee", clock=clock, source="timetable")


def test_a_project_s_schedules_are_its_pipelines_and_monitors_with_a_time(timed: Path, clock: ReplayClock) -> None:
    found = schedules(opened(timed, clock).declared())
    assert [schedule.name for schedule in found] == ["pipeline/daily", *(f"monitor/m{number}" for number in range(5))]
    assert found[0].argv == ("pipeline", "run", "daily")
    assert found[1].argv == ("drift", "flights-delay", "--monitor", "m0")
    assert {schedule.zone for schedule in found} == {NEW_YORK}


def test_a_wrong_line_names_its_file(timed: Path, clock: ReplayClock) -> None:
    (timed / "monitors" / "m3.yaml").write_text(MONITOR.format(every="6 o'clock".replace("'", "")), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        schedules(opened(timed, clock).declared())
    assert caught.value.where.endswith("monitors/m3.yaml:3")


def test_each_period_is_performed_once_over_restarts_and_two_daemons(timed: Path) -> None:
    done: list[str] = []

    def perform(argv: tuple[str, ...]) -> str:
        done.append(argv[-1])
        return "done"

    clock = ReplayClock(datetime(2013, 9, 14, 12, tzinfo=UTC))
    first, second = opened(timed, clock), opened(timed, clock)
    assert len(timetable.run_due(first, perform)) == 6
    assert timetable.run_due(second, perform) == []
    assert timetable.run_due(opened(timed, clock), perform) == []
    clock.advance(clock.moment + DAY)
    assert next(each.schedule.name for each, _ in timetable.run_due(second, perform)) == "pipeline/daily"
    assert len(done) == 12


def test_who_loses_the_claim_does_not_perform(timed: Path, clock: ReplayClock) -> None:
    session = opened(timed, clock)
    periods = Periods(session.ledger.engine)  # type: ignore[attr-defined]
    assert periods.claim("monitor/m0", "2013-09-14T10:00+00:00", clock.moment)
    assert not periods.claim("monitor/m0", "2013-09-14T10:00+00:00", clock.moment)
    assert periods.newest(["monitor/m0", "monitor/m1"]) == {"monitor/m0": "2013-09-14T10:00+00:00"}


def test_a_new_timetable_can_begin_with_its_next_period(timed: Path, clock: ReplayClock) -> None:
    session = opened(timed, clock)
    timetable.begin_now(session)
    assert timetable.run_due(session, lambda argv: pytest.fail("nothing has come since")) == []
    assert timetable.upcoming(schedules(session.declared()), session.now())[0].at > session.now()


def test_what_is_due_is_performed_through_the_one_door(timed: Path, clock: ReplayClock) -> None:
    session = opened(timed, clock)
    outcomes = [outcome for _, outcome in timetable.run_due(session)]
    assert len(outcomes) == 6
    assert all(outcome.view.title for outcome in outcomes)


def test_a_read_only_session_claims_nothing(timed: Path, clock: ReplayClock) -> None:
    session = open_project(timed, person="dee", clock=clock, read_only=True)
    assert timetable.run_due(session, lambda argv: pytest.fail("it may not")) == []


def test_a_cron_line_is_read_once() -> None:
    assert cron("0 6 * * *", NEW_YORK) is cron("0 6 * * *", NEW_YORK)
