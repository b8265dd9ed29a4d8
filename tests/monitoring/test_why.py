"""Why names the kind of change that was made, says so where it cannot, and lists what went with it."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mlops_tui.monitoring import _why_changes, _why_inputs
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status, Text, View
from store.facts import AlertEvent, Finding, IncidentEvent, Promotion, Proposal
from tests.analysis.worlds import sample
from tests.conftest import History
from tests.lived import CONTRACT, DAYS, FIRST, MODEL, write

LAST, A_DAY = 10, 200
Lives = Callable[..., Session]


@pytest.fixture
def lives(project: Path, session: Callable[..., Session], clock: ReplayClock) -> Lives:
    """28 days of a model's service; the last ten are of another world. Rows have a shop, which is a slice."""

    def made(world: str, seed: int = 1, model: str = MODEL) -> Session:
        contract = CONTRACT.replace("      - {name: late,", "      - {name: shop}\n      - {name: late,")
        for name, text in (("datasets/trips.yaml", contract),
                           ("models/trip-delay.yaml", model + "slices: [shop]\n")):
            (project / name).write_text(text, encoding="utf-8")
        parts = [sample("none", DAYS - LAST, seed, A_DAY, 0.15), sample(world, LAST, seed + 1, A_DAY, 0.15)]
        score, late = (np.concatenate([getattr(each, name) for each in parts]) for name in ("scores", "labels"))
        day = np.repeat(np.arange(DAYS), A_DAY)
        leaves = day * 24.0 + np.tile(np.linspace(0, 11, A_DAY), DAYS)
        clock.advance(FIRST + timedelta(days=DAYS + 1))
        opened = session("ana")
        write(opened, day, score, late.astype(int), leaves, leaves + 2)
        connection, lake = opened.data().connect(), opened.data()
        opened.commit(lake.write("trips", "SELECT *, CASE WHEN id % 4 = 0 THEN 'north' ELSE 'south' END AS shop FROM "
                                 f"{lake.scan(opened.snapshot('trips'))}", sort=("id",), partition_by=("day",),
                                 connection=connection))
        return opened

    return made


def why(session: Session, *argv: str) -> View:
    outcome = session.perform(["why", *argv])
    assert outcome.error is None, outcome.error
    return outcome.view


def told(view: View) -> str:
    return " ".join(part.body for part in view.parts if isinstance(part, Text))


@pytest.mark.parametrize("world", ["label shift", "feature drift", "concept drift"])
def test_the_kind_of_change_that_was_made_comes_first(lives: Lives, world: str) -> None:
    view = why(lives(world), "trip-delay", "--window", "11d")
    assert view.title.startswith(f"trip-delay: {world}; ")
    assert view.status is Status.WARN
    assert told(view).startswith(world.capitalize())
    assert view.facts()["held_against"] == "what version 1 served in the 28 days before"
    found = {row["contrast"]: row["found"] for row in view.table("contrasts").rows}
    assert found[{"label shift": "odds", "feature drift": "within", "concept drift": "slope"}[world]] == "moved"


def test_the_day_it_began_is_within_the_days_that_are_said(lives: Lives) -> None:
    view = why(lives("feature drift"), "trip-delay", "--window", "11d")
    [series] = [part for part in view.parts if getattr(part, "id", "") == "onset"]
    [(_, began)] = series.marks  # type: ignore[union-attr]
    assert abs((FIRST + timedelta(days=DAYS - LAST)).date() - date.fromisoformat(str(began))) <= timedelta(days=1)


def test_no_change_is_named_where_none_was_made(lives: Lives) -> None:
    view = why(lives("none"), "trip-delay", "--window", "11d")
    assert view.title == "trip-delay: no change can be told from how 18 and 10 days differ by themselves"
    assert view.status is Status.UNKNOWN


def test_too_few_known_outcomes_are_said_not_guessed(lives: Lives) -> None:
    view = why(lives("label shift"), "trip-delay", "--window", "3d")
    assert view.status is Status.UNKNOWN
    assert "cannot be said: outcomes of 2 days now are known, 5 are needed" in view.title


def test_a_window_of_the_past_ends_where_it_is_told(lives: Lives) -> None:
    view = why(lives("label shift"), "trip-delay", "--window", "6d", "--to", "2013-09-03")
    assert view.facts()["predictions"] == 6 * A_DAY
    assert f"{view.facts()['to']:%Y-%m-%d %H:%M}" == "2013-09-03 00:00"


def test_parts_of_the_rows_add_up_to_the_excess_of_all(lives: Lives) -> None:
    rows = {str(row["slice"]): row for row in why(lives("label shift"), "trip-delay", "--window", "11d").table(
        "segments").rows}
    assert set(rows) == {"all rows", "shop=north", "shop=south"}
    parts = float(str(rows["shop=north"]["excess"])) + float(str(rows["shop=south"]["excess"]))
    assert parts == pytest.approx(float(str(rows["all rows"]["excess"])), rel=0.05)


def test_an_alert_and_its_incident_bring_model_and_window(lives: Lives) -> None:
    session = lives("label shift")
    window = ("2013-09-03T10:00:00+00:00", "2013-09-14T10:00:00+00:00")
    [cause] = session.ledger.append(Finding(subject="trip-delay", check="calibration", status="fail", title="off",
                                            window=window))
    session.ledger.append(
        AlertEvent(subject="AL-1", event="fired", monitor="m", about="trip-delay", check="calibration",
                   severity="high", title="off", finding=cause.seq),
        IncidentEvent(subject="INC-1", event="opened", about="trip-delay", title="off", alert="AL-1", severity="high"))
    for id in ("AL-1", "inc-1"):
        view = why(session, id)
        assert view.title.startswith("trip-delay: label shift")
        assert view.facts()["asked"] == f"{id.upper()}: off"
        assert view.actions[-1].argv[1:] == ("show", id.upper())


REFUSED = (
    (("trip-dlay",), "Did you mean 'trip-delay'"), (("AL-7",), "No alert 'AL-7'"), (("AL-1",), "AL-1 is about trips"),
    (("trip-delay@1",), "Why explains what was served"), (("trip-delay", "--to", "2014-01-01"), "is yet to come"),
    (("trip-delay", "--to", "2013-01-01"), "predicted nothing"), (("trip-delay", "--window", "soon"), "not a duration"),
    (("AL-1", "--window", "3d"), "a window of its own"))


def test_what_cannot_be_explained_is_refused(lives: Lives) -> None:
    session = lives("none")
    session.ledger.append(AlertEvent(subject="AL-1", event="fired", monitor="m", about="trips", check="health",
                                     title="late"))
    for argv, words in REFUSED:
        outcome = session.perform(["why", *argv])
        assert outcome.exit == 2
        assert words in str(outcome.error)


def test_as_of_shows_what_was_known_then(lives: Lives) -> None:
    session = lives("label shift")
    session.as_of = FIRST + timedelta(days=DAYS - 8)
    view = why(session, "trip-delay")
    assert view.facts()["to"] == session.as_of


def test_an_input_is_weighed_by_what_the_score_makes_of_its_change() -> None:
    draw, n = np.random.default_rng(1), 400
    then: Mapping[str, np.ndarray] = {"read": draw.normal(size=n), "moved": draw.normal(size=n),
                                      "ignored": draw.normal(size=n)}
    now = pa.table({"read": then["read"], "moved": then["moved"] + 1.0, "ignored": then["ignored"] + 5.0})
    found = _why_inputs.moves(lambda rows: 0.1 * rows.column("read").to_numpy() + 0.2 * rows.column("moved").to_numpy(),
                              now, pa.table(dict(then)), np.arange(n) // 50)
    assert found["moved"]["moves"] == pytest.approx(0.2)
    assert found["read"]["moves"] == pytest.approx(0.0, abs=1e-12)
    assert found["ignored"] == {"moves": 0.0, "moves_low": 0.0, "moves_high": 0.0, "weight": 0.0}
    assert float(str(found["moved"]["weight"])) > float(str(found["read"]["weight"])) > 0


def test_texts_and_missing_values_are_replaced_as_well() -> None:
    now, then = pa.table({"word": ["a", None, "a", "a"]}), pa.table({"word": ["b", "b", "b", None]})
    found = _why_inputs.moves(lambda rows: np.array([each.as_py() == "b" for each in rows.column("word")], dtype=float),
                              now, then, np.array([0, 0, 1, 1]))
    assert found["word"]["moves"] == pytest.approx(-0.75)


def test_changes_are_told_with_their_entry_the_nearest_to_the_onset_first(history: History) -> None:
    def bad(declaration: str, status: str = "pass") -> Finding:
        return Finding(subject="flights", check="health", status=status, title="short batch", monitor="m",
                       declaration=declaration)

    history.add(Promotion(subject="flights-delay", version="2", previous="1", approval="", evidence=""))
    history.add(Proposal(subject="P-1", event="proposed", path="models/flights-delay.yaml"), bad("one"))
    history.add(Proposal(subject="P-1", event="adopted"), bad("two", "fail"), bad("two", "fail"))
    history.add(Promotion(subject="other", version="9", previous="8", approval="", evidence=""))
    found = _why_changes.changes(history.entries, "flights-delay", history.now, history.now)
    assert [(row["kind"], row["what"], row["times"], row["entry"]) for row in found] == [
        ("data", "short batch", 1, 6), ("declaration", "m is declared otherwise", 1, 5),
        ("declaration", "P-1 adopted: models/flights-delay.yaml", 1, 4),
        ("deployment", "flights-delay is served by version 2", 1, 1)]
    last = _why_changes.deployment(history.entries, "flights-delay", "2", history.now)
    assert last is not None
    assert last.seq == 1
    assert _why_changes.deployment(history.entries, "flights-delay", "9", history.now) is None
