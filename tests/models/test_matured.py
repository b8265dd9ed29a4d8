"""Late outcomes join when they are late: held against the arrays that were written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import NotFound
from mlops_tui.models.matured import Matured, _answers, judged_rows, matured, window
from mlops_tui.session import ReplayClock, Session
from store.facts import Promotion, Trained
from tests.lived import DAYS, FIRST, Lived

MODEL = "trip-delay"


def at(hours: float) -> timedelta:
    return timedelta(hours=hours)


def in_window(made: Lived, first: float, last: float) -> np.ndarray:
    return (made.leaves >= first) & (made.leaves < last)


@pytest.mark.parametrize(("now", "days"), [(DAYS * 24.0, 7), (DAYS * 24.0 + 9, 1), (DAYS * 24.0 + 72, 28)])
def test_rows_counts_and_order_are_those_of_the_arrays(lived: Callable[..., Lived], clock: ReplayClock, now: float,
                                                       days: int) -> None:
    made = lived()
    clock.advance(FIRST + at(now))
    seen = matured(made.session, MODEL, window(clock(), timedelta(days=days)))
    chosen = in_window(made, now - days * 24, now)
    known = chosen & (made.late >= 0) & (made.known + 12 <= now)
    never = chosen & (made.late < 0) & (made.leaves + 48 <= now)
    order = np.lexsort((np.flatnonzero(known), made.leaves[known].round(9)))
    assert np.array_equal(seen.label, made.late[known][order])
    assert np.array_equal(seen.score, made.score[known][order])
    assert seen.total == int(chosen.sum())
    assert (seen.n, seen.never) == (int(known.sum()), int(never.sum()))
    assert seen.waiting == seen.total - seen.n - seen.never
    assert seen.mature_share == pytest.approx((seen.n + seen.never) / seen.total)
    assert set(seen.version) == {"1"}


def test_no_outcome_is_known_before_its_time_and_none_is_lost_after(lived: Callable[..., Lived],
                                                                    clock: ReplayClock) -> None:
    made = lived()
    clock.advance(FIRST + at(DAYS * 24))
    bounds = (clock() - timedelta(days=2), clock())
    counts = []
    for hours in range(0, 80, 8):
        clock.advance(bounds[1] + at(hours))
        counts.append(matured(made.session, MODEL, bounds))
    assert [seen.n for seen in counts] == sorted(seen.n for seen in counts)
    assert {seen.total for seen in counts} == {120}
    assert counts[0].waiting > 0
    assert counts[-1].waiting == 0


def test_one_versions_rows_can_be_asked_for(lived: Callable[..., Lived]) -> None:
    made = lived()
    bounds = window(made.session.now(), timedelta(days=7))
    assert matured(made.session, MODEL, bounds, "1").n == matured(made.session, MODEL, bounds).n
    other = matured(made.session, MODEL, bounds, "2")
    assert (other.n, other.total, other.mature_share) == (0, 0, None)


def test_outcomes_that_were_corrected_are_seen_by_the_next_who_asks_the_same(lived: Callable[..., Lived]) -> None:
    session = lived().session
    bounds = window(session.now(), timedelta(days=7))
    before, same = (matured(session, MODEL, bounds) for _ in range(2))
    assert np.array_equal(before.label, same.label)
    label, lake = session.declared().model(MODEL).label, session.data()
    found = session.snapshot(label.dataset)
    turned = f"CAST(1 - CAST({label.column} AS TINYINT) AS {found.columns[label.column]}) AS {label.column}"
    parts = sorted({key for file in found.files for key in file.partition})
    session.commit(lake.write(label.dataset, f"SELECT * REPLACE ({turned}) FROM {lake.scan(found)}",
                              sort=list(found.columns), partition_by=parts))
    after = matured(session, MODEL, bounds)
    assert after.n == before.n > 0
    assert after.label.sum() == before.n - before.label.sum()


def test_an_empty_window_is_empty(lived: Callable[..., Lived]) -> None:
    made = lived()
    far = FIRST - timedelta(days=400)
    seen = matured(made.session, MODEL, (far, far + timedelta(days=7)))
    assert (seen.n, seen.total, seen.waiting, seen.never, seen.mature_share) == (0, 0, 0, 0, None)


def test_what_was_never_scored_says_what_to_run(session: Callable[..., Session]) -> None:
    opened = session()
    opened.commit(opened.data().write(
        "flights", "SELECT 1 AS id, now() AS sched_dep, true AS late, '2013-09-14' AS day", partition_by=("day",)))
    with pytest.raises(NotFound, match="mlops-tui score flights-delay --day DAY"):
        matured(opened, "flights-delay", window(opened.now(), timedelta(days=7)))


def test_the_champion_is_judged_on_what_it_served(lived: Callable[..., Lived]) -> None:
    made = lived()
    ledger, bounds = made.session.ledger, window(made.session.now(), timedelta(days=7))
    with pytest.raises(NotFound, match="has no 1"):
        judged_rows(made.session, MODEL, bounds, "1")
    ledger.append(Trained(subject=MODEL, version="1", candidate="simple", key="k", run_id="r", artifact="a", seed=1,
                          training="", declaration="", window=("2013-01-01", "2013-06-01"), metrics={}),
                  Promotion(subject=MODEL, version="1", previous="", approval="", evidence=""))
    served, named = judged_rows(made.session, MODEL, bounds), judged_rows(made.session, MODEL, bounds, "1")
    assert isinstance(named, Matured)
    assert np.array_equal(served.score, named.score)


def logged_classes(**columns: list[Any]) -> dict[str, Any]:
    """Rows of a query as DuckDB gives them: None is masked."""
    return {name: np.ma.array([each if each is not None else 0 for each in values],
                              mask=[each is None for each in values],
                              dtype=float if name.startswith(("score", "answer:")) else object)
            for name, values in columns.items()}


def test_a_class_that_was_never_learnt_is_the_last_and_was_given_no_probability(trip: Model) -> None:
    rows = logged_classes(**{"label": ["a", "c", "b"], "score": [0.7, 0.6, 0.8], "answer": ["a", "a", "b"],
                             "answer:b": [0.3, 0.4, 0.8], "answer:a": [0.7, 0.6, 0.2], "answer:z": [None] * 3})
    found = _answers(trip, rows, np.array(["2013-09-01"] * len(rows["label"])))
    assert found.classes == ("b", "a", "c")
    assert found.label.tolist() == [1, 2, 0]
    assert found.given.tolist() == [[0.3, 0.7, 0], [0.4, 0.6, 0], [0.8, 0.2, 0]]


def test_classes_without_probabilities_are_answers_by_number(trip: Model) -> None:
    rows = logged_classes(label=["a", "b"], score=[None, None], answer=["b", "b"])
    found = _answers(trip, rows, np.array(["2013-09-01"] * len(rows["label"])))
    assert (found.classes, found.label.tolist(), found.given.tolist()) == (("a", "b"), [0, 1], [1, 1])


@pytest.fixture
def trip() -> Model:
    return parse(Model, "task: multiclass\nlabel: {dataset: d, column: y}\nfeatures: []\n"
                        "candidates: {a: {estimator: x.Y}}\nsplit: {time: t}\n", "m.yaml")
