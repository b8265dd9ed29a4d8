"""What a monitor can see at its traffic, held against the data that it was asked of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp

from mlops_tui.analysis.verdict import Limits, detectable_ks
from mlops_tui.commands import Outcome
from mlops_tui.session import Session
from mlops_tui.view import Status
from tests.replays import A_DAY, Replays


@pytest.fixture
def session(replays: Replays, tmp_path: Path) -> Session:
    return replays.copied(tmp_path)


def ask(session: Session, *argv: str) -> Outcome:
    outcome = session.perform(("power", *argv))
    assert outcome.error is None, outcome.error
    return outcome


def test_rows_see_what_the_closed_form_says_and_the_shift_is_in_the_columns_unit(session: Session) -> None:
    view = ask(session, "trip-drift").view

    rows = {row["column"]: row for row in view.table("columns").rows}
    n, m = view.facts()["rows_in_window"], view.facts()["rows_in_reference"]
    assert (n, m) == (2 * A_DAY, 7 * A_DAY)
    assert rows["x"]["sees"] == pytest.approx(detectable_ks(n, m, 2, Limits(ks=0.25, v=0.3)))
    values = np.random.default_rng(0).normal(size=4000)
    assert rows["x"]["shift_sd"] > 0.3
    assert ks_2samp(values, values + rows["x"]["shift_sd"]).statistic == pytest.approx(rows["x"]["needed"], abs=0.08)
    assert rows["colour"]["shift"] is None


def test_a_limit_below_what_the_rows_can_see_is_told_with_what_would_do(session: Session) -> None:
    path = session.declared().path_of("monitor", "trip-drift")
    path.write_text(path.read_text(encoding="utf-8").replace("ks: 0.25", "ks: 0.02"), encoding="utf-8")
    again = replace(session, project=type(session.declared())(session.declared().root))

    view = ask(again, "trip-drift").view

    assert view.status is Status.WARN
    assert "0.02 is below what 300 rows can see of x" in view.title
    assert any("Raise the limit to" in getattr(part, "body", "") for part in view.parts)


def test_more_power_asks_for_more(session: Session) -> None:
    def sees(power: str) -> float:
        rows = ask(session, "trip-drift", "--power", power).view.table("columns").rows
        return next(row["sees"] for row in rows if row["column"] == "x")

    assert sees("0.6") < sees("0.8") < sees("0.95")


def test_the_curve_rises_from_the_false_alarms_to_what_should_be_seen(session: Session) -> None:
    view = ask(session, "trip-drift").view

    curve = next(part for part in view.parts if getattr(part, "id", "") == "power")
    assert curve.y[0] < 0.2
    assert curve.y[-1] > 0.7
    assert all(low <= y <= high for low, y, high in zip(curve.low, curve.y, curve.high, strict=True))


def test_a_metric_is_seen_beyond_its_limit_by_more_than_half_its_interval(session: Session) -> None:
    [row] = ask(session, "trip-performance").view.table("metrics").rows

    assert row["seen_at"] < row["limit"] - row["half"]
    assert row["beyond"] == pytest.approx(row["limit"] - row["seen_at"])


def test_a_batch_must_differ_by_the_spread_of_its_kind(session: Session) -> None:
    outcome = session.perform(("power", "trips-health"))

    assert outcome.exit == 2  # every batch of this project has the same size
    assert "nothing is known of how they vary" in outcome.view.title


def test_nothing_is_found_or_alarmed_by_asking(session: Session) -> None:
    before = [entry.hash for entry in session.ledger.entries("finding", "alert")]

    ask(session, "trip-drift")

    assert [entry.hash for entry in session.ledger.entries("finding", "alert")] == before


@pytest.mark.parametrize(("argv", "said"), [(("trips", "--power", "0.9"), "No monitor of drift"),
                                            (("nothing",), "No model or dataset")])
def test_what_cannot_be_asked_is_refused(argv: tuple[str, ...], said: str, session: Session) -> None:
    outcome = session.perform(("power", *argv))

    assert outcome.exit == 2
    assert said in outcome.view.title
