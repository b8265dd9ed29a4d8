"""A chart in Slack shows what the series says, and says what it leaves out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.pictures import POINTS, labels, picture, sparkline, thinned, unique
from mlops_tui.view import Series

NEW_YORK = ZoneInfo("America/New_York")
JUNE = datetime(2013, 6, 1, 10, tzinfo=UTC)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE, min_size=1, max_size=500))
def test_a_thinned_line_keeps_its_ends_and_its_extremes(values: list[float]) -> None:
    kept = thinned(values, POINTS)
    assert kept == sorted(set(kept))
    assert len(kept) <= POINTS
    assert {0, len(values) - 1} <= set(kept)
    shown = [values[place] for place in kept]
    assert (min(shown), max(shown)) == (min(values), max(values))
    assert len(values) > POINTS or shown == values


@given(st.lists(st.text(min_size=1, max_size=20), max_size=20))
def test_names_are_told_apart_within_twenty_letters(names: list[str]) -> None:
    made = unique(names)
    assert len(set(made)) == len(names)
    assert all(len(name) <= 20 for name in made)


@pytest.mark.parametrize(("step", "last"), [(timedelta(days=1), "3 Jun"), (timedelta(hours=1), "1 Jun 08:00"),
                                            (timedelta(days=365), "1 Jun 2015 06:00")])
def test_times_are_labelled_no_longer_than_tells_them_apart(step: timedelta, last: str) -> None:
    assert labels([JUNE + step * number for number in range(3)], NEW_YORK)[-1] == last


def test_a_long_line_is_drawn_by_its_extremes_and_says_so() -> None:
    days = tuple(JUNE + timedelta(days=day) for day in range(300))
    part = Series("psi", "line", days, tuple(0.9 if day == 137 else 0.1 for day in range(300)), title="PSI")
    chart, note = picture(part, zone=NEW_YORK, chart=True)
    [curve] = chart["chart"]["series"]
    assert {"label": "16 Oct", "value": 0.9} in curve["data"]
    assert note["elements"][0]["text"].endswith("of 300 points drawn: first, last, and each span's lowest and highest")
    assert chart["chart"]["axis_config"]["x_label"] == "EDT"


def test_bars_beyond_what_slack_draws_are_counted() -> None:
    part = Series("i", "bar", tuple(f"column {number}" for number in range(30)), tuple(range(30, 0, -1)))
    chart, note = picture(part, zone=NEW_YORK, chart=True)
    assert [point["value"] for point in chart["chart"]["series"][0]["data"]] == list(range(30, 10, -1))
    assert note["elements"][0]["text"] == "20 of 30 points drawn: the first"


def test_a_workspace_without_charts_reads_a_line_of_blocks() -> None:
    part = Series("late", "line", (JUNE, JUNE + timedelta(days=1), JUNE + timedelta(days=2)), (0.1, 0.5, 0.4),
                  other=(0.2, 0.2, 0.4), names=("seen", "predicted"), title="share late")
    assert sparkline(part, NEW_YORK) == ("share late ▁█▆ seen 0.1 → 0.4 (lowest 0.1, highest 0.5) · predicted 0.2 → 0.4"
                                         " · 1 Jun – 3 Jun")
    [block] = picture(part, zone=NEW_YORK, chart=False)
    assert block["type"] == "context"


def test_a_series_without_numbers_says_so() -> None:
    for chart in (True, False):
        [block] = picture(Series("late", "line", (JUNE,), (None,)), zone=NEW_YORK, chart=chart)
        assert block["elements"][0]["text"] == "late: nothing to draw yet"


def test_kinds_that_slack_has_no_chart_for_are_drawn_in_letters() -> None:
    part = Series("lineage", "graph", ("flights", "clean"), ("clean", "features"), title="lineage")
    [block] = picture(part, zone=NEW_YORK, chart=True)
    assert block["elements"][1]["elements"][0]["text"] == "  flights ──▶ clean ──▶ features"


def test_curves_of_one_name_are_told_apart() -> None:
    part = Series("s", "band", (1, 2), (1.0, 2.0), low=(0.5, 1.5), high=(1.5, 2.5), other=(1.0, 1.0),
                  names=("low", "low"))
    [chart] = picture(part, zone=NEW_YORK, chart=True)
    assert [curve["name"] for curve in chart["chart"]["series"]] == ["low", "low 2", "low 3", "high"]
