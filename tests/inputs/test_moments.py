"""Times as people write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import local, moment, past, told

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2013, 9, 14, 10, tzinfo=UTC)


@pytest.mark.parametrize(("text", "found"), [
    ("2013-09-14", "2013-09-14T04:00+00:00"), ("2013-01-14", "2013-01-14T05:00+00:00"),
    ("2013-09-14 06:00", "2013-09-14T10:00+00:00"), ("2013-09-14T06:00Z", "2013-09-14T06:00+00:00"),
    ("2013-09-14T06:00+02:00", "2013-09-14T04:00+00:00")])
def test_a_time_without_a_zone_is_the_projects(text: str, found: str) -> None:
    assert moment(text, NEW_YORK) == datetime.fromisoformat(found)


@pytest.mark.parametrize(("text", "back"), [("2h ago", timedelta(hours=2)), ("3d ago", timedelta(days=3)),
                                            ("0m ago", timedelta(0))])
def test_a_time_may_be_told_from_now(text: str, back: timedelta) -> None:
    assert moment(text, NEW_YORK, NOW) == NOW - back


@pytest.mark.parametrize("text", ["", "soon", "yesterday", "2 hours ago", " ago", "-1h ago", "99999w9 ago",
                                  "999999w ago", "99999999999999w ago", "2013-02-30", "14.9.2013", "2013-09-14T25:00"])
def test_what_is_no_time_is_refused_with_how_one_is_written(text: str) -> None:
    with pytest.raises(BadInput, match="is not a time") as caught:
        moment(text, NEW_YORK, NOW)
    assert "2h ago" in caught.value.next


@pytest.mark.parametrize(("text", "found"), [
    ("14 Sep 06:00", "2013-09-14T10:00+00:00"), ("09-14 06:00", "2013-09-14T10:00+00:00"),
    ("19 Jul", "2013-07-19T04:00+00:00"), ("15 Sep", "2012-09-15T04:00+00:00"),
    ("09-14 06:01", "2012-09-14T10:01+00:00")])
def test_a_time_that_has_been_is_read_as_screens_write_it(text: str, found: str) -> None:
    assert past(text, NEW_YORK, NOW) == datetime.fromisoformat(found)


@pytest.mark.parametrize("text", ["2013-09-14", "31 Feb", "soon", "", "09-14 25:00"])
def test_what_no_screen_writes_is_read_otherwise(text: str) -> None:
    assert past(text, NEW_YORK, NOW) is None


def test_a_kept_time_is_shown_where_people_are() -> None:
    assert told("2013-09-14T06:00:00-04:00") == datetime(2013, 9, 14, 10, tzinfo=UTC)
    assert (told("2013-09-14"), told("")) == ("2013-09-14", None)
    assert local("on 2013-10-24", NEW_YORK) == "on 2013-10-24"
    assert local("until 2013-10-24T10:00:00+00:00, not a day", NEW_YORK) == "until 2013-10-24 06:00 EDT, not a day"
    assert local("at 2013-01-24T10:00Z", NEW_YORK) == "at 2013-01-24 05:00 EST"
