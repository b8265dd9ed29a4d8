"""Old incidents replayed: the rows as they were, the outcomes as they are known, the rule as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from shutil import copytree

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from mlops_tui.data import _retention as retention
from mlops_tui.incidents import suite
from mlops_tui.opening import open_project
from mlops_tui.response._replaying import _verdict
from mlops_tui.session import ReplayClock
from mlops_tui.view import Status
from store.facts import Finding, Hold, Promotion, Trained
from store.tracking import Input, Record
from tests.conftest import FILES
from tests.doing import do

NAME, DAYS, A_DAY = "flights-delay", 24, 60
FIRST = datetime(2013, 8, 20, 4, tzinfo=UTC)  # midnight in New York
SINCE, UNTIL = FIRST + timedelta(days=10), FIRST + timedelta(days=22)
MONITOR = """\
check: performance
subject: flights-delay
window: 7d
limits: {roc_auc: 0.7}
min_rows: 100
alert: {after: 1 of 1, severity: high}
"""
READS = {"1": ("wind",), "2": ("wind", "gust"), "3": ("wind", "fog"), "4": ("wind", "gust"),
         "5": ("wind",), "6": ("wind", "gust")}


def rows():
    """From the incident on, what comes late is moved by gusts, of which the first version knows nothing."""
    random, n = np.random.default_rng(7), DAYS * A_DAY
    at = np.repeat(np.arange(DAYS), A_DAY)
    frame = pd.DataFrame({
        "id": np.arange(n), "wind": random.normal(size=n), "gust": random.normal(size=n),
        "sched_dep": [FIRST + timedelta(days=int(day), minutes=int(minute))
                      for day, minute in zip(at, random.integers(0, 1200, n), strict=True)],
        "day": [f"{FIRST + timedelta(days=int(day)):%Y-%m-%d}" for day in at]})
    frame["sched_dep"] = frame["sched_dep"].astype("datetime64[us, UTC]")
    moved = np.where(at >= 10, 2.5 * frame["gust"], 2.5 * frame["wind"])
    frame["late"] = random.random(n) < 1 / (1 + np.exp(-moved))
    return frame


def fitted(columns):
    """A model that adds its columns up."""
    made = LogisticRegression().fit(pd.DataFrame(np.eye(len(columns) + 1)[:, : len(columns)], columns=columns),
                                    [1] + [0] * len(columns))
    made.coef_, made.intercept_ = np.ones((1, len(columns))), np.zeros(1)
    return made


@pytest.fixture(scope="module")
def lived(tmp_path_factory, empty_store):
    """A project in which version 1 failed for twelve days, and three other versions were made."""
    root = tmp_path_factory.mktemp("replay") / "project"
    for name, text in (FILES | {"monitors/flights-performance.yaml": MONITOR}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.replace(", calibrated, checklist]", ", replays]").replace(
            "[beats_baseline, no_worse_than_champion", "[beats_baseline"), encoding="utf-8")
    (root / ".mlops").mkdir()
    (root / ".mlops" / "mlflow.db").write_bytes(empty_store.read_bytes())
    session, frame = opened(root), rows()
    lake = session.data()
    for dataset, columns in (("flights", "id, sched_dep, day, late"),
                             (f"{NAME}.features", "id, sched_dep, day, wind, gust")):
        connection = lake.connect()
        connection.register("made", frame)
        session.commit(lake.write(dataset, f"SELECT {columns} FROM made", sort=("id",), partition_by=("day",),
                                  connection=connection))
    for version, reads in READS.items():
        made = session.tracking().log_version(NAME, fitted(list(reads)), Record(
            inputs=tuple(Input(each, "double", True) for each in reads)))
        to = {"4": UNTIL, "5": UNTIL, "6": SINCE + timedelta(days=3)}.get(version, FIRST)
        session.ledger.append(Trained(
            subject=NAME, version=version, candidate="logistic", key=version, run_id=made.run_id, artifact=made.digest,
            training="", declaration="", seed=1, window=("2013-01-01", "2013-08-20"), metrics={},
            detail={"task": "binary", "inputs": [{"name": each} for each in reads], "test_from": to.isoformat(),
                    "metric": "roc_auc", "contrasts": [{"baseline": "prior", "estimate": 0.2, "low": 0.1, "high": 0.3,
                                                        "verdict": "better"}]}))
        if version == "1":
            session.ledger.append(Promotion(subject=NAME, version="1", previous="", approval="", evidence=""))
    session.ledger.append(Finding(
        subject=NAME, check="performance", status="fail", title="roc_auc is low", monitor="flights-performance",
        declaration=session.declaration("monitor", "flights-performance"), version="1",
        window=(SINCE.isoformat(), UNTIL.isoformat())))
    session.react()
    assert do(session, "incident open --alert AL-1").exit == 0
    return root


@pytest.fixture
def root(lived, tmp_path):
    return copytree(lived, tmp_path / "project")


def opened(root, person="ana", now=UNTIL + timedelta(days=1)):
    return open_project(root, person=person, clock=ReplayClock(now), source="test")


@pytest.fixture
def over(root):
    session = opened(root)
    assert do(session, f"incident resolve INC-1 --until {UNTIL.isoformat()}", reason="version 2 serves").exit == 0
    return session


def answered(session, version, **more):
    outcome = do(session, f"replay run {NAME}@{version}", **more)
    assert outcome.error is None, outcome.error
    [row] = outcome.view.table("replays").rows
    return outcome, row


def in_window(frame):
    return frame[(frame["sched_dep"] >= SINCE) & (frame["sched_dep"] < UNTIL)]


def test_a_resolved_incident_joins_the_suite_and_its_rows_are_kept(over):
    entries = over.ledger.entries()
    [case] = suite.cases(entries).values()
    assert (case.incident, case.model, case.champion, case.monitor) == ("INC-1", NAME, "1", "flights-performance")
    assert case.window == (SINCE, UNTIL)
    assert set(case.pinned) == {f"{NAME}.features", "flights"}
    far = over.now() + timedelta(days=4000)
    for snapshot in case.pinned.values():
        needed = retention.needed(entries, far, timedelta(0), lambda _: ())
        assert retention.Reason("an incident that is replayed", "INC-1") in needed[snapshot]
    assert retention.holds(entries) == {}, "nobody's legal hold"


def test_a_version_that_knows_what_moved_survives_and_the_one_that_served_fails(over):
    window = in_window(rows())
    outcome, row = answered(over, 2)
    truth = {version: roc_auc_score(window["late"], window[list(reads)].sum(axis=1))
             for version, reads in READS.items() if version in "12"}
    assert truth["1"] < 0.6, "the test's own premise"
    assert truth["2"] > 0.75
    assert (outcome.exit, outcome.view.title) == (0, f"{NAME}@2 survives INC-1")
    assert row["value"] == pytest.approx(truth["2"], abs=1e-9)
    assert row["then"] == pytest.approx(truth["1"], abs=1e-9)
    assert row["lead"] == pytest.approx(truth["2"] - truth["1"], abs=1e-9)
    assert 0.7 < row["low"] < row["value"] < row["high"]
    assert row["lead_low"] > 0
    assert row["n"] == len(window)
    outcome, row = answered(over, 1)
    assert (outcome.exit, row["verdict"], outcome.view.status) == (1, "fails", Status.FAIL)


def test_it_is_computed_once_and_by_the_rule_as_it_was(over, root):
    first, row = answered(over, 2)
    assert first.view.facts()["computed"] == 1
    path = root / "monitors" / "flights-performance.yaml"
    path.write_text(path.read_text().replace("0.7", "0.99"))
    again, same = answered(opened(root), 2)
    assert (again.view.facts()["computed"], again.view.facts()["known_before"]) == (0, 1)
    assert same == row
    assert len(over.ledger.entries("replayed")) == 1


def test_outcomes_that_came_since_are_another_question(over):
    answered(over, 2)
    lake, frame = over.data(), in_window(rows())
    frame["late"] = np.random.default_rng(1).random(len(frame)) < 0.5
    connection = lake.connect()
    connection.register("made", frame)
    over.commit(lake.write("flights", "SELECT id, sched_dep, day, late FROM made", sort=("id",), partition_by=("day",),
                           connection=connection))
    outcome, row = answered(over, 2)
    assert outcome.view.facts()["computed"] == 1
    assert (row["verdict"], outcome.exit) == ("fails", 1)


def test_what_cannot_be_answered_is_unknown_and_says_why(over):
    outcome, row = answered(over, 3)
    assert (row["verdict"], outcome.exit) == ("unknown", 1)
    assert row["reason"] == f"{NAME}@3 reads fog, which these rows do not have"


def test_too_few_outcomes_are_unknown(over):
    early = opened(over.project.root, now=SINCE + timedelta(hours=30))
    _, row = answered(early, 2)
    assert row["verdict"] == "unknown"
    assert row["reason"] == f"roc_auc: {row['n']} rows, needs 100"
    assert 0 < row["n"] < 100
    assert f"the outcomes of {row['of'] - row['n']} rows are still waited for" in str(
        do(early, f"replay show {NAME}@2").view.parts)
    _, row = answered(over, 2)
    assert (row["verdict"], row["n"]) == ("survives", row["of"]), "the same rows, whose outcomes are known by now"


def test_what_a_version_was_trained_on_is_no_proof(over):
    outcome, row = answered(over, 4)
    assert (row["verdict"], outcome.view.status, outcome.exit) == ("trained on it", Status.WARN, 0)
    assert row["reason"] == "100% of these rows were in its training"
    assert "a leak" in str(outcome.view.parts)


def test_who_fails_what_it_was_trained_on_fails(over):
    outcome, row = answered(over, 5)
    assert (row["verdict"], outcome.exit) == ("fails", 1)
    assert "was trained on 100% of these rows, and fails all the same" in str(outcome.view.parts)


def test_a_version_is_judged_on_the_rows_it_was_not_trained_on(over):
    window = in_window(rows())
    unseen = window[window["sched_dep"] >= SINCE + timedelta(days=3)]
    assert 0 < len(unseen) < len(window)
    outcome, row = answered(over, 6)
    assert (row["verdict"], row["n"], row["rows"], row["of"]) == ("survives", len(unseen), len(unseen), len(window))
    assert row["value"] == pytest.approx(roc_auc_score(unseen["late"], unseen[["wind", "gust"]].sum(axis=1)), abs=1e-9)
    assert row["then"] == pytest.approx(roc_auc_score(unseen["late"], unseen["wind"]), abs=1e-9)
    assert f"judged on the {len(unseen)} of {len(window)} rows" in str(outcome.view.parts)


def test_the_gate_asks_for_it_item_by_item(over):
    def gate(version):
        view = do(over, f"promote {NAME}@{version}").view
        return {row["item"]: (str(row["status"]), row["detail"]) for row in view.table("gate").rows}

    assert gate(2)["replay INC-1"] == ("unknown", "not replayed yet")
    for version in (2, 3, 4, 1):
        answered(over, version)
    assert gate(2)["replay INC-1"] == ("pass", "survives")
    assert gate(3)["replay INC-1"][0] == "unknown"
    assert gate(4)["replay INC-1"] == ("warn", "trained on it: 100% of these rows were in its training")


def test_a_case_that_nothing_could_live_through_is_retired_with_a_reason_and_added_again(over):
    bo = opened(over.project.root, "bo")
    assert do(over, "replay retire INC-1", reason="x").exit == 4, "an engineer does not take lessons out of the gate"
    assert do(bo, "replay retire INC-1", reason="the feed was gone").exit == 0
    assert suite.cases(over.ledger.entries()) == {}
    assert do(over, f"replay run {NAME}@2").error["code"] == "not_found"
    assert do(over, "replay add INC-1").exit == 0
    assert list(suite.cases(over.ledger.entries())) == ["INC-1"]
    assert do(over, "replay add INC-1").error["code"] == "conflict"


def test_rows_that_are_gone_are_unknown(over):
    case = suite.cases(over.ledger.entries())["INC-1"]
    over.ledger.append(*(Hold(subject=name, event="held", snapshot="0" * 64, reason="", origin="INC-1")
                         for name in case.pinned))
    _, row = answered(over, 2)
    assert (row["verdict"], row["reason"]) == ("unknown", "the rows of INC-1 are no longer in the lake")


def test_an_incident_that_is_open_is_not_replayed(root):
    session = opened(root)
    assert do(session, "replay add INC-1").error["what"] == "INC-1 is open: it joins when it is resolved."
    view = do(session, "replay list").view
    assert view.title.startswith("No incident is kept")


def test_the_list_says_how_each_version_did(over):
    answered(over, 2)
    answered(over, 1)
    [row] = do(over, "replay list").view.table("cases").rows
    assert row["versions"] == ("2 survives", "1 fails")
    show = do(over, f"replay show {NAME}@2").view
    assert show.table("replays").rows[0]["verdict"] == "survives"
    lacks = do(over, f"replay show {NAME}@3").view
    assert (lacks.status, lacks.facts()["not_replayed"]) == (Status.UNKNOWN, ("INC-1",))


def test_who_failed_is_who_served_when_it_was_found_and_only_who_is_worse_than_that_fails_by_it(over):
    """Somebody may go back first, and open the incident when that is done."""
    entries = over.ledger.entries()
    found = next(entry for entry in entries if entry.kind == "finding" and entry.fact.monitor)
    back = next(entry for entry in entries if entry.kind == "promotion")
    back = replace(back, seq=found.seq + 0.5, fact=replace(back.fact, version="3", previous="1"))
    place = entries.index(found) + 1
    [case] = suite.cases([*entries[:place], back, *entries[place:]]).values()
    assert case.champion == "1"
    trained = next(entry.fact for entry in entries if entry.kind == "trained" and entry.fact.version == "2")
    unsure = {"metric": "roc_auc", "reason": "x", "status": "unknown"}
    for check, then, verdict in (("performance", "unknown", "fails"), ("performance", "pass", "unknown"),
                                 ("drift", "unknown", "unknown"), ("drift", "fail", "fails")):
        detail = {"figures": [unsure], "then": [unsure | {"status": then}], "lead": {"verdict": "worse"}}
        assert _verdict(replace(case, check=check), trained, detail)[0] == verdict, (check, then)
