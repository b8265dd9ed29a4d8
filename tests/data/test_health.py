"""Missing and odd batches are found at the right day; known anomalies are quiet."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status

LAST = date(2013, 9, 13)
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema: [{name: trips, properties: [{name: id, logicalType: integer, primaryKey: true}]}]
customProperties:
  - {property: partitionBy, value: day}
  - {property: calendar, value: daily}
  - {property: knownAnomalies, value: [{from: 2013-09-05, to: 2013-09-06, what: strike}]}
"""


@pytest.fixture
def came(project: Path, session: Callable[..., Session], clock: ReplayClock) -> Callable[..., Session]:
    """Ninety days of batches, larger on weekdays; `sizes` overrides single days, None leaves one out."""

    def made(**sizes: int | None) -> Session:
        (project / "datasets" / "trips.yaml").write_text(CONTRACT, encoding="utf-8")
        opened = session("ana")
        lake = opened.data()
        rows = []
        for back in range(90):
            day = LAST - timedelta(days=back)
            size = sizes.get(f"d{day:%m%d}", 100 + back % 3 if day.weekday() < 5 else 40 + back % 2)
            rows += [f"SELECT range AS id, '{day}' AS day FROM range({size})"] if size is not None else []
        opened.commit(lake.write("trips", " UNION ALL ".join(rows), sort=("id",), partition_by=("day",)))
        return opened

    return made


def odd_days(session: Session) -> list[str]:
    table = session.perform(["health", "trips", "--window", "28d"]).view.table("batches")
    return [str(row["day"]) for row in table.rows if row["status"] is not Status.PASS]


def test_weekends_are_no_alarm(came: Callable[..., Session]) -> None:
    opened = came()
    outcome = opened.perform(["health", "trips"])
    assert (outcome.view.status, outcome.exit, odd_days(opened)) == (Status.PASS, 0, [])


def test_planted_gaps_and_spikes_are_found_at_their_day(came: Callable[..., Session]) -> None:
    assert odd_days(came(d0828=None, d0830=160, d0902=55)) == ["2013-08-28", "2013-08-30", "2013-09-02"]


def test_the_newest_day_decides(came: Callable[..., Session]) -> None:
    outcome = came(d0913=None).perform(["health", "trips"])
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert "2013-09-13 did not come" in outcome.view.title


def test_a_known_anomaly_is_quiet(came: Callable[..., Session]) -> None:
    assert odd_days(came(d0905=3, d0906=None)) == []


def test_no_history_is_unknown_not_a_pass(came: Callable[..., Session], session: Callable[..., Session],
                                          project: Path) -> None:
    (project / "datasets" / "trips.yaml").write_text(CONTRACT, encoding="utf-8")
    opened = session("ana")
    opened.commit(opened.data().write("trips", f"SELECT 1 AS id, '{LAST}' AS day", partition_by=("day",)))
    outcome = opened.perform(["health", "trips"])
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)


@pytest.mark.parametrize(("argv", "words"), [
    (["health", "flights"], "no calendar by day"), (["health", "trisp"], "Did you mean 'trips'?"),
    (["health", "trips", "--monitor", "flights-drift"], "checks drift")])
def test_what_cannot_be_judged_says_why(came: Callable[..., Session], argv: list[str], words: str) -> None:
    outcome = came().perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)
