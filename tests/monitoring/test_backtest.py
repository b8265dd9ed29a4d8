"""How often a rule would have fired, held against alerts and days of which the truth is known."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from scipy.stats import chi2

from mlops_tui.analysis.interval import poisson_rate
from mlops_tui.commands import Outcome
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import AlertEvent, Backtested
from tests.replays import Replays, morning

MONITOR = "trip-drift"


@pytest.fixture
def session(replays: Replays, tmp_path: Path) -> Session:
    return replays.copied(tmp_path)


def run(session: Session, *more: str) -> Outcome:
    outcome = session.perform(("backtest", MONITOR, "--from", str(morning(12).date()), *more))
    assert outcome.error is None, outcome.error
    return outcome


def kept(session: Session) -> list[Backtested]:
    return [entry.fact for entry in session.ledger.entries("backtest") if isinstance(entry.fact, Backtested)]


def judge(session: Session, *, real: bool) -> str:
    """Somebody closes the drift alert and says what it was."""
    alert = next(entry.subject for entry in session.ledger.entries("alert") if entry.fact.monitor == MONITOR)
    session.ledger.append(AlertEvent(subject=alert, event="resolved", real=real, note="looked at"))
    return alert


def test_without_a_word_from_anybody_false_is_not_told_from_real(session: Session) -> None:
    outcome = run(session)

    facts = outcome.view.facts()
    assert facts["alerts"] == 1
    assert facts["truth"] == "cannot tell false from real: 1 alert, and nobody judged any"
    assert "nobody has said" in outcome.view.title
    assert outcome.view.table("alerts").rows[0]["judged"] == "nobody said"
    assert [(fact.truth, fact.real, fact.false, fact.missed) for fact in kept(session)] == [("", None, None, None)]


@pytest.mark.parametrize("real", [True, False])
def test_what_people_said_of_an_alert_is_the_truth_of_its_days(real: bool, session: Session) -> None:
    alert = judge(session, real=real)

    outcome = run(session)

    [row] = outcome.view.table("alerts").rows
    assert (row["judged"], row["by"]) == ("real" if real else "noise", alert)
    assert (kept(session)[-1].real, kept(session)[-1].false) == (int(real), int(not real))
    assert outcome.view.status is (Status.DONE if real else Status.WARN)


def test_a_rule_that_never_fires_misses_what_people_called_real(session: Session) -> None:
    alert = judge(session, real=True)

    outcome = run(session, "--limit", "ks=0.9", "--limit", "v=0.9")

    assert outcome.view.facts()["alerts"] == 0
    assert [row["event"] for row in outcome.view.table("missed").rows] == [alert]
    assert outcome.view.status is Status.WARN


def test_a_rule_that_fires_later_is_said_to_be_late(session: Session) -> None:
    judge(session, real=True)

    facts = run(session, "--after", "3 of 3").view.facts()

    assert (facts["real"], facts["hours_late"]) == (1, 24)


def test_only_the_declared_rule_is_evidence(session: Session) -> None:
    run(session, "--limit", "ks=0.3")
    run(session, "--after", "3 of 3")
    assert kept(session) == []

    run(session)

    assert [fact.declaration for fact in kept(session)] == [session.declaration("monitor", MONITOR)]
    assert kept(session)[0].looks == 11


def test_the_rate_has_exact_bounds(session: Session) -> None:
    facts = run(session).view.facts()

    months = (session.now() - morning(12).replace(hour=4)) / timedelta(days=30.4375)
    assert facts["alerts_a_month"] == pytest.approx(1 / months)
    assert facts["a_month_at_least"] == pytest.approx(chi2.ppf(0.025, 2) / 2 / months)
    assert facts["a_month_at_most"] == pytest.approx(chi2.ppf(0.975, 4) / 2 / months)


@pytest.mark.parametrize(("count", "exposure", "level"), [(0, 1.0, 0.95), (3, 2.5, 0.9), (40, 12.0, 0.99)])
def test_a_poisson_rate_is_scipys(count: int, exposure: float, level: float) -> None:
    found, tail = poisson_rate(count, exposure, level), (1 - level) / 2

    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    assert found.low == pytest.approx(low / exposure, rel=1e-9)
    assert found.high == pytest.approx(chi2.ppf(1 - tail, 2 * count + 2) / 2 / exposure, rel=1e-9)


def test_a_rate_over_no_time_is_none() -> None:
    with pytest.raises(ValueError, match="exposure"):
        poisson_rate(1, 0.0)


def test_a_sweep_finds_that_a_looser_limit_misses_and_a_tighter_one_fires_as_well(session: Session) -> None:
    judge(session, real=True)

    view = run(session, "--sweep").view

    rows = {(row["limit"], row["after"]): row for row in view.table("settings").rows}
    assert rows[0.25, "2 of 2"]["declared"]
    assert rows[0.25, "2 of 2"]["missed"] == 0
    assert max(rows)[0] > 0.25
    assert rows[max(limit for limit, _ in rows), "2 of 2"]["missed"] == 1
    assert len(kept(session)) == 1


def test_a_sweep_without_truth_advises_nothing(session: Session) -> None:
    view = run(session, "--sweep").view

    assert any("cannot be told" in getattr(part, "body", "") for part in view.parts)
    assert not any("--limit" in action.argv for action in view.actions)


def test_a_sweep_is_judged_as_a_replay_under_each_of_its_limits_is(session: Session) -> None:
    judge(session, real=True)
    rows = [row for row in run(session, "--sweep").view.table("settings").rows if row["after"] == "2 of 2"]

    for row in (rows[0], rows[-1]):
        facts = run(session, "--limit", f"ks={row['limit']}").view.facts()
        assert (facts["alerts"], facts["missed"]) == (row["alerts"], row["missed"])


@pytest.mark.parametrize(("argv", "said"), [
    (("--limit", "ks"), "no limit"), (("--limit", "gini=1"), "No limit 'gini'"),
    (("--limit", "ks=2"), "between 0 and 1"), (("--after", "3 of 2"), "2 of 3"),
    (("--to", "2013-08-01"), "Nothing lies between")])
def test_what_cannot_be_replayed_is_refused(argv: tuple[str, ...], said: str, session: Session) -> None:
    outcome = session.perform(("backtest", MONITOR, "--from", "2013-08-30", *argv))

    assert outcome.exit == 2
    assert said in f"{outcome.view.title} {(outcome.error or {}).get('next')}"


def test_a_check_whose_findings_say_too_little_has_no_sweep(session: Session) -> None:
    outcome = session.perform(("backtest", "trips-health", "--sweep"))

    assert outcome.exit == 2
    assert "under another limit" in outcome.view.title


def test_a_monitor_that_could_never_judge_is_unknown(session: Session) -> None:
    path = session.declared().path_of("monitor", MONITOR)
    path.write_text(path.read_text().replace("limits:", "min_rows: 100000\nlimits:"), encoding="utf-8")
    session = replace(session, project=type(session.declared())(session.declared().root))

    outcome = run(session)

    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
    assert "could not judge a single one of 11 looks" in outcome.view.title


def test_a_rule_whose_data_came_after_every_look_is_told_when_they_came(session: Session) -> None:
    root = session.declared().root
    for kind, old, new in (("datasets", "trips", "later"), ("monitors", "trip-drift", "later-drift")):
        text = (root / kind / f"{old}.yaml").read_text(encoding="utf-8")
        text = text.replace("subject: trip-delay", "subject: later")
        (root / kind / f"{new}.yaml").write_text(text, encoding="utf-8")
    session = replace(session, project=type(session.declared())(root))
    lake = session.data()
    session.commit(lake.write("later", f"SELECT * FROM {lake.scan(session.snapshot('trips'))}", sort=("id",),
                              partition_by=("day",), connection=lake.connect()))

    view = session.perform(("backtest", "later-drift", "--from", str(morning(12).date()), "--to", "2013-09-03")).view

    assert view.title == f"later-drift: its data were not known then: they came on {session.now():%Y-%m-%d}"
    assert view.actions[0].argv == ("drift", "later", "--monitor", "later-drift")


def test_faults_that_drills_planted_count_where_they_are_asked_for(session: Session) -> None:
    for size in ("0.02", "2"):
        session.perform(("drill", "trip-delay", "--fault", "shifted-column", "--size", size, "--day", "2013-08-30",
                         "--for", "3d"))
        facts = run(session, "--planted").view.facts()
        assert facts["planted"] == 1
        assert facts.get("planted_missed") == (("shifted-column",) if size == "0.02" else None)

    assert (kept(session)[-1].truth, kept(session)[-1].missed) == ("1 planted fault", 0)
    assert kept(session)[-1].delay is not None
    assert run(session).view.facts().get("planted") is None
