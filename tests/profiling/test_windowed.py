"""Windows of time and what they are compared with."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mlops_tui.errors import BadInput, NotFound
from mlops_tui.profiling import windowed
from mlops_tui.project import Subject
from mlops_tui.session import ReplayClock, Session
from store.facts import Promotion, Trained

Opened = Callable[..., Session]
MODEL, DATASET = Subject("model", "flights-delay", ""), Subject("dataset", "flights", "")
WEEK = timedelta(days=7)
ROWS = """
SELECT i AS id, TIMESTAMPTZ '2013-08-01 00:00:00-04' + to_hours(i) AS sched_dep,
       strftime(timezone('America/New_York', TIMESTAMPTZ '2013-08-01 00:00:00-04' + to_hours(i)), '%Y-%m-%d') AS day,
       i % 5 AS delay
FROM range(1080) t(i)
"""


def filled(session: Session, dataset: str, by: tuple[str, ...] = ("day",)) -> Session:
    """Forty-five days of hourly rows, from 1 August by the clock in New York."""
    session.commit(session.data().write(dataset, ROWS, partition_by=by))
    return session


def window(clock: ReplayClock, length: timedelta = WEEK) -> windowed.Span:
    return clock() - length, clock()


def test_the_same_weekdays_are_whole_weeks_back_and_never_overlap(session: Opened, clock: ReplayClock) -> None:
    for days, step in ((1, 7), (7, 7), (8, 14), (28, 28)):
        spans = windowed.reference(session(), MODEL, {"same_weekdays": 3}, window(clock, timedelta(days=days))).spans
        assert [clock() - end for _, end in spans] == [timedelta(days=step * back) for back in (1, 2, 3)]
        assert all(end - start == timedelta(days=days) for start, end in spans)
        assert spans[0][1] <= clock() - timedelta(days=days)


def test_four_weeks_are_the_default(session: Opened, clock: ReplayClock) -> None:
    found = windowed.reference(session(), DATASET, {}, window(clock))
    assert (len(found.spans), found.words) == (4, "the same weekdays of 4 weeks before")


def test_weeks_are_counted_on_the_wall_when_clocks_change(session: Opened) -> None:
    """New York went back an hour on 3 November 2013: six in the morning is another moment, and the same time of day."""
    now = datetime(2013, 11, 5, 11, tzinfo=UTC)
    [(start, end)] = windowed.reference(session(), DATASET, {"same_weekdays": 1}, (now - timedelta(days=1), now)).spans
    assert end.astimezone(UTC) == datetime(2013, 10, 29, 10, tzinfo=UTC)
    assert (start.hour, end.hour) == (6, 6)


@pytest.mark.parametrize(("declared", "start", "end", "words"), [
    ({"before": "2w"}, "2013-08-24T10:00+00:00", "2013-09-07T10:00+00:00", "the 2w before"),
    ({"window": ["2013-01-01", "2013-06-01"]}, "2013-01-01T00:00-05:00", "2013-06-01T00:00-04:00",
     "2013-01-01 to 2013-06-01")])
def test_other_references(session: Opened, clock: ReplayClock, declared: Mapping[str, Any], start: str, end: str,
                          words: str) -> None:
    found = windowed.reference(session(), MODEL, declared, window(clock))
    assert found.spans == ((datetime.fromisoformat(start), datetime.fromisoformat(end)),)
    assert found.words == words


def trained(version: str, first: str, last: str) -> Trained:
    return Trained(subject="flights-delay", version=version, candidate="logistic", key="k", run_id="r", artifact="a",
                   training="t", declaration="d", seed=1, window=(first, last), metrics={})


def test_the_training_of_the_champion_or_of_the_version_named(session: Opened, clock: ReplayClock) -> None:
    asked = session()
    with pytest.raises(NotFound, match="no champion"):
        windowed.reference(asked, MODEL, {"training": True}, window(clock))
    asked.ledger.append(trained("1", "2013-01-01", "2013-06-01"), trained("2", "2013-03-01", "2013-08-01"),
                        Promotion(subject="flights-delay", version="1", previous="", approval="AP-1", evidence="e"))
    for version, first, number in (("", "2013-01-01T00:00-05:00", 1), ("2", "2013-03-01T00:00-05:00", 2),
                                   ("challenger", "2013-03-01T00:00-05:00", 2)):
        found = windowed.reference(asked, Subject("model", "flights-delay", version), {"training": True}, window(clock))
        assert found.spans[0][0] == datetime.fromisoformat(first)
        assert found.words == f"the training of version {number}"


@pytest.mark.parametrize(("declared", "next_"), [
    ({"same_weekday": 4}, "Did you mean 'same_weekdays'?"), ({"xyz": 1}, "One of: same_weekdays"),
    ({"same_weekdays": 0}, "Write same_weekdays: 4"), ({"before": 7}, "Write"), ({"training": False}, "Write"),
    ({"window": ["2013-01-01"]}, "Write"), ({"before": "7d", "training": True}, "")])
def test_a_reference_that_is_none_is_refused(session: Opened, clock: ReplayClock, declared: Mapping[str, Any],
                                             next_: str) -> None:
    with pytest.raises(BadInput, match="reference") as caught:
        windowed.reference(session(), MODEL, declared, window(clock))
    assert next_ in caught.value.next


def test_keys_times_and_partitions_are_no_values(session: Opened) -> None:
    for subject, dataset in ((DATASET, "flights"), (MODEL, "flights-delay.features")):
        found = windowed.source(filled(session(), dataset), subject)
        assert (found.columns, found.time, found.by_day) == (("delay",), "sched_dep", True)


def test_nothing_built_says_what_to_run(session: Opened) -> None:
    with pytest.raises(NotFound, match="no features yet") as caught:
        windowed.source(session(), MODEL)
    assert caught.value.next.startswith("Try: mlops-tui windows flights-delay")
    with pytest.raises(NotFound):
        windowed.source(session(), DATASET)


def test_a_dataset_without_a_time_is_refused(session: Opened, project: Path) -> None:
    path = project / "datasets" / "flights.yaml"
    path.write_text(path.read_text().replace("value: sched_dep", "value: departure"))
    with pytest.raises(BadInput, match="when its rows happened"):
        windowed.source(filled(session(), "flights"), DATASET)


def rows(asked: Session, source: windowed.Source, *spans: windowed.Span) -> list[int]:
    with windowed.rows_in(asked, source, spans, ("delay",)) as side:
        assert list(side.fields) == ["delay"]
        found = [value for batch in side.numbers("delay") for value in batch.values.tolist()]
        assert side.rows == len(found)
    return [int(value) for value in found]


@pytest.mark.parametrize("by", [("day",), ()])
def test_exactly_the_rows_of_the_spans_are_read(session: Opened, by: tuple[str, ...]) -> None:
    asked = filled(session(), "flights", by)
    source = windowed.source(asked, DATASET)
    start = datetime.fromisoformat("2013-08-01T00:00-04:00")
    hours = [start + timedelta(hours=hour) for hour in range(1080)]
    assert rows(asked, source, (hours[30], hours[55])) == [hour % 5 for hour in range(30, 55)]
    assert sorted(rows(asked, source, (hours[3], hours[5]), (hours[100], hours[101]))) == [0, 3, 4]
    assert rows(asked, source, (hours[9] + timedelta(seconds=1), hours[10])) == []
    assert len(rows(asked, source, (start - WEEK, start + timedelta(days=99)))) == 1080


def test_nothing_is_left_behind(session: Opened) -> None:
    asked = filled(session(), "flights")
    source = windowed.source(asked, DATASET)
    all_time = datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)
    rows(asked, source, all_time)
    with pytest.raises(duckdb.Error), windowed.rows_in(asked, source, [all_time], ["delay"]) as side:
        side._connection.execute("SELECT nonsense")
    assert asked.data().connect().execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
