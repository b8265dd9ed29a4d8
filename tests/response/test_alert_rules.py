"""What is said of alert rules, their silences and better limits, through the door that people use."""

import shlex
from datetime import timedelta

import pytest

from mlops_tui import folds
from mlops_tui.opening import open_project
from mlops_tui.render.terminal import lines
from mlops_tui.response._words import loss
from mlops_tui.view import Status, Text
from store.facts import AlertEvent, Backtested, Finding, IncidentEvent
from tests.conftest import START
from tests.doing import do

HOUR = timedelta(hours=1)
DRIFT = "monitors/flights-drift.yaml"


@pytest.fixture
def fired(session, made):
    """A drift alert that has just fired (the monitor wants 2 of 3)."""
    opened = session()
    opened.ledger.append(made.finding("fail"), made.finding("fail", value=0.3, limit=0.1, n=28000))
    opened.react(0)
    return opened


def agreed(session, line):
    """A silence, with consent to what it would mute."""
    argv = shlex.split(line)
    planned = session.perform(argv)
    return session.perform(argv, consent=planned.plan) if planned.plan else planned


def prose(view):
    return " ".join(part.body for part in view.parts if isinstance(part, Text))


def declared(project, clock, text, name="flights-drift"):
    """A session on the project with another monitor in place."""
    path = project / "monitors" / f"{name}.yaml"
    path.write_text(f"check: drift\nsubject: flights-delay\n{text}")
    return open_project(project, person="ana", clock=clock, source="test")


# -- silences by matcher --------------------------------------------------------------------------------------------

BEGIN = "alert silence --match subject=flights-delay,severity<=high --for 6h --note 'the feed moves'"


def test_a_silence_hides_what_matches_and_ends_by_the_clock(fired, clock):
    view = agreed(fired, BEGIN).view
    assert view.title == "SI-1 begins now: it hides 1 open alert"
    assert view.facts()["hides"] == ("AL-1",)
    listed = do(fired, "alert list").view
    assert listed.title == "No alert needs anybody; 1 is silenced and not over"
    assert listed.table("alerts").rows[0]["why"] == (
        "silenced by SI-1 (ana (simulated): the feed moves) until 2013-09-14 12:00 EDT")
    clock.advance(START + 6 * HOUR)
    assert do(fired, "alert list").view.title == "1 alert needs somebody"
    assert do(fired, "alert silences").view.title == "Nothing is silenced"
    [row] = do(fired, "alert silences --all").view.table("silences").rows
    assert (row["state"], row["by"], row["why"]) == ("over", "ana (simulated)", "the feed moves")


def test_what_fires_later_is_silent_too(session, made):
    opened = session()
    agreed(opened, BEGIN)
    opened.ledger.append(made.finding("fail"), made.finding("fail"))
    opened.react(0)
    assert [row["state"] for row in do(opened, "alert list").view.table("alerts").rows] == ["silenced"]


def test_a_planned_silence_begins_at_its_time_and_can_be_called_off(fired, clock):
    line = "alert silence --match monitor=flights-* --from 2013-09-14T22:00 --until 2013-09-15T04:00 --note planned"
    assert agreed(fired, line).view.title == "SI-1 is planned: it hides 1 open alert"
    assert do(fired, "alert list").view.title == "1 alert needs somebody"
    assert do(fired, "alert silences").view.title == "Nothing is silenced, 1 planned"
    clock.advance(START + 17 * HOUR)
    assert "silenced" in do(fired, "alert list").view.title
    assert do(fired, "alert unsilence si-1 --note done").view.title == "SI-1 is over: 1 open alert may be heard again"
    assert do(fired, "alert list").view.title == "1 alert needs somebody"
    assert do(fired, "alert unsilence SI-1").error["code"] == "conflict"
    assert do(fired, "alert unsilence SI-9").error["next"] == "There is SI-1 only."
    [row] = do(fired, "alert silences --all").view.table("silences").rows
    assert (row["state"], row["ended_by"]) == ("ended", "ana (simulated)")


def test_one_called_off_before_it_began_never_begins(fired, clock):
    agreed(fired, "alert silence --match check=drift --from 2013-09-14T22:00 --for 4h --note x")
    do(fired, "alert unsilence SI-1")
    clock.advance(START + 17 * HOUR)
    assert do(fired, "alert list").view.title == "1 alert needs somebody"


def test_a_silence_that_hides_a_critical_alert_says_so(fired):
    fired.ledger.append(AlertEvent(subject="AL-2", event="fired", monitor="m", about="flights", severity="critical",
                                   title="nothing comes"))
    view = agreed(fired, "alert silence --match monitor=* --for 1h --note x").view
    assert (view.status, view.title) == (Status.WARN, "SI-1 begins now: it hides 2 open alerts, AL-2 critical!")
    assert do(fired, "alert list").view.title.endswith("2 are silenced and not over (critical!)")
    assert "SI-1: a critical alert is hidden" in do(fired, "alert silences").view.title
    assert "It is critical!" in agreed(fired, "alert silence AL-2 --for 1h").view.title


@pytest.mark.parametrize(("line", "what", "next"), [
    ("--match monitor=flights-drfit --for 1h --note x", "No monitor is called", "Did you mean 'flights-drift'?"),
    ("--match subject=flihgts --for 1h --note x", "No subject is called", "Did you mean 'flights'?"),
    ("--match check=drfit --for 1h --note x", "No check is called", "Did you mean 'drift'?"),
    ("--match severty=high --for 1h --note x", "no 'severty'", "Did you mean 'severity'?"),
    ("--match monitor=* --for 15d --note x", "lasts 14d at most", "monitor's file"),
    ("AL-1 --for 15d", "lasts 14d at most", "monitor's file"),
    ("--match monitor=* --for 1h", "Why may they", "--note"), ("--match monitor=* --note x", "how long", "--for 4h"),
    ("--match monitor=* --for 0m --note x", "no time", "--for 4h"),
    ("--match monitor=* --for 99999999999d --note x", "longer than anything lasts", ""),
    ("--match monitor=* --for 99999999h --note x", "longer than anything lasts", ""),
    ("--match monitor=* --from 2013-09-13 --for 1h --note x", "has passed already", "leave out --from"),
    ("--match monitor=* --from 2013-09-16 --until 2013-09-15 --note x", "is not after", ""),
    ("AL-1 --match monitor=* --for 1h", "Which alerts?", "--match"), ("--for 1h", "Which alerts?", "--match"),
    ("AL-1 --from 2013-09-16 --for 1h", "begins now", "--match alert=AL-1"),
])
def test_a_silence_that_cannot_be_is_refused(fired, line, what, next):
    outcome = agreed(fired, f"alert silence {line}")
    assert outcome.exit == 2
    assert what in outcome.error["what"]
    assert next in outcome.error["next"]
    assert folds.alerts(fired.ledger.entries("alert"))["AL-1"].silent_until(fired.now()) is None


# -- several at once ------------------------------------------------------------------------------------------------


def fires(session, *names, about="flights-delay"):
    session.ledger.append(*(AlertEvent(subject=name, event="fired", monitor="m", about=about, severity="low",
                                       title="x") for name in names))


def states(session):
    return {each.id: (each.state, each.owner) for each in folds.alerts(session.ledger.entries("alert")).values()}


def test_several_are_acked_at_once_and_all_of_a_card(fired):
    fires(fired, "AL-2", "AL-3")
    fires(fired, "AL-4", about="weather")
    assert do(fired, "alert ack AL-2 AL-4").view.title == "ana is on 2 alerts: AL-2, AL-4"
    assert states(fired)["AL-3"] == ("firing", "")
    assert do(fired, "alert ack --group AL-1").view.title == "ana is on 2 alerts: AL-1, AL-3"
    assert {state for state, _ in states(fired).values()} == {"acked"}


def test_all_that_match_are_acked_and_named_in_one_line(fired):
    fires(fired, "AL-2", "AL-3")
    fires(fired, "AL-4", about="weather")
    view = do(fired, "alert ack --match subject=flights-delay,severity<=low").view
    assert view.title == "ana is on 2 alerts: AL-2, AL-3"
    assert view.facts()["alerts"] == ("AL-2", "AL-3")
    assert view.actions[0].argv == ("alert", "unack", "AL-2", "AL-3")
    assert {name: state for name, (state, _) in states(fired).items()} == {
        "AL-1": "firing", "AL-2": "acked", "AL-3": "acked", "AL-4": "firing"}
    assert do(fired, "alert ack --match severity=critical").error["what"] == "No alert that fires matches."
    assert do(fired, "alert ack --match subject=flihgts").error["next"] == "Did you mean 'flights'?"


def test_a_silence_of_one_alert_is_among_what_is_silent_until_it_ends(fired):
    do(fired, "alert ack AL-1")
    planned = do(fired, "alert silence AL-1 --for 4h --note 'we know'")
    assert planned.view.title == "Nothing that matches is firing now: AL-1 would be mute on firing again"
    agreed(fired, "alert silence AL-1 --for 4h --note 'we know'")
    view = do(fired, "alert silences").view
    [row] = view.table("silences").rows
    assert view.title == "1 silence is active"
    assert (row["silence"], row["match"], row["hides"], row["by"], row["why"]) == (
        "AL-1", "monitor=flights-drift", ("AL-1",), "ana (simulated)", "we know")
    assert do(fired, " ".join(view.actions[0].argv)).exit == 0
    assert do(fired, "alert silences").view.title == "Nothing is silenced"


def test_a_silence_shows_what_it_would_mute_and_asks(fired):
    fires(fired, "AL-2")
    do(fired, "alert ack AL-2")
    planned = do(fired, "alert silence --match subject=flights-delay --for 6h --note x")
    assert (planned.exit, planned.view.title) == (2, "This will mute 1 alert now firing: AL-1")
    assert planned.view.facts()["hides"] == ("AL-1", "AL-2"), "somebody is on the other"
    assert do(fired, "alert silences").view.title == "Nothing is silenced"


def test_all_of_a_card_can_be_given_to_somebody(fired):
    fires(fired, "AL-2")
    assert do(fired, "alert assign AL-1 bo --group").view.title == "bo has 2 alerts: AL-1, AL-2"
    assert states(fired) == {"AL-1": ("firing", "bo"), "AL-2": ("firing", "bo")}


def test_of_several_all_are_acked_or_none(fired):
    fires(fired, "AL-2")
    do(fired, "alert resolve AL-2 --noise", reason="so")
    assert do(fired, "alert ack AL-1 AL-2").error["what"] == "AL-2 is resolved already."
    assert states(fired)["AL-1"] == ("firing", "")
    assert do(fired, "alert ack").exit == 2


# -- what is said of one ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "low", "high", "said"), [
    (2312.0, 1180.0, 3390.0, "~€2,300 a day (€1,200 to €3,400) more than the 28 days before"),
    (-40.0, -910.0, 820.0, "nothing a day (−€910 to €820) more than the 28 days before"),
    (float("nan"), 1.0, 2.0, "")])
def test_what_it_costs_is_said_as_more_than_what(value, low, high, said):
    assert loss({"value": value, "low": low, "high": high, "unit": "EUR", "than": "the 28 days before"}) == said


def test_the_dearest_of_those_as_grave_comes_first_in_words(fired):
    fires(fired, "AL-2")
    loss = {"value": 2312.0, "low": 1180.0, "high": 3390.0, "unit": "EUR"}
    fired.ledger.append(
        AlertEvent(subject="AL-3", event="fired", monitor="m3", about="flights", severity="high", title="y"),
        Finding(subject="flights", check="performance", status="fail", title="z", detail={"loss_a_day": loss}))
    rows = do(fired, "alert list").view.table("alerts").rows
    assert [row["alert"] for row in rows] == ["AL-3", "AL-1", "AL-2"]
    assert (rows[0]["loss"], rows[0]["loss_a_day"]) == ("~€2,300 a day (€1,200 to €3,400)", 2312.0)
    assert do(fired, "alert show AL-3").view.facts()["loss"] == "~€2,300 a day (€1,200 to €3,400)"


def test_a_muted_alert_says_by_what_and_leads_there(fired):
    fires(fired, "AL-2", about="weather")
    fired.ledger.append(AlertEvent(subject="AL-1", event="muted", cause="AL-2", note="AL-2: weather is late"))
    listed = do(fired, "alert list").view
    assert listed.title == "1 alert needs somebody; 1 is muted by late data"
    assert [(row["alert"], row["state"]) for row in listed.table("alerts").rows] == [
        ("AL-2", "firing"), ("AL-1", "muted")], "what waits comes last, however grave"
    view = do(fired, "alert show AL-1").view
    assert (view.facts()["state"], view.facts()["why"]) == ("muted", "muted by AL-2: weather is late")
    assert view.actions[0].argv == ("alert", "show", "AL-2")
    assert view.table("timeline").rows[-1]["what"] == "AL-1 muted by AL-2: weather is late"
    assert do(fired, "status").view.title == "AL-2 needs you: x"
    fired.ledger.append(AlertEvent(subject="AL-2", event="recovered"))
    assert "that is over" in do(fired, "alert show AL-1").view.facts()["why"]


def test_a_flapping_alert_says_that_it_is_held(project, clock):
    opened = declared(project, clock, "alert: {flap: 2 in 2d, severity: low}\n")
    for status in ("fail", "pass", "fail", "pass", "fail"):
        clock.advance(clock.moment + HOUR)
        opened.ledger.append(Finding(subject="flights-delay", check="drift", status=status, title="it moved",
                                     monitor="flights-drift"))
        opened.react(0)
    events = [entry.fact.event for entry in opened.ledger.entries("alert")]
    assert events == ["fired", "recovered", "flapping"], "told once, and held"
    view = do(opened, "alert show AL-1").view
    assert view.facts()["state"] == "flapping"
    assert view.facts()["why"] == "flapping: it fired 2 times, told once and held until it is calm for 2d"
    assert do(opened, "alert list").view.title == "1 alert needs somebody"


def test_an_alert_says_when_it_is_told_again_and_what_keeps_it_from_paging(project, clock):
    opened = declared(project, clock, "alert: {repeat: 12h, severity: critical, page: true}\n")
    opened.ledger.append(Finding(subject="flights-delay", check="drift", status="fail", title="it moved",
                                 monitor="flights-drift"))
    opened.react(0)
    facts = do(opened, "alert show AL-1").view.facts()
    assert facts["told_again"] == START + 12 * HOUR
    assert (facts["severity"], facts["lowered"]) == (
        "high", "fires at high, not critical and paging: it was never back-tested and it names no runbook")


# -- rules ------------------------------------------------------------------------------------------------------------


def test_a_rule_is_told_by_what_people_said_of_it(fired, session, clock):
    fired.ledger.append(IncidentEvent(subject="INC-1", event="opened", about="flights-delay", title="seen by hand"))
    clock.advance(START + timedelta(days=30))
    do(session("bo"), "alert resolve AL-1 --real", reason="a storm")
    view = do(fired, "alert rules").view
    [row] = view.table("rules").rows
    assert (row["monitor"], row["alerts"], row["real"], row["noise"], row["precision"]) == ("flights-drift", 1, 1, 0, 1)
    assert row["low"] == pytest.approx(0.2065, abs=1e-4), "Wilson, 1 of 1: 1/(1 + 1.96²)"
    assert (row["a_month"], row["end_n"], row["ack_n"], row["told"]) == (1.0, 1, 0, "never")
    assert row["no_better"] == "1 judged real and 0 noise; a limit is proposed from 3 and 2 on"
    assert (row["missed"], row["lacks"]) == (1, ()), "high pages nobody: it lacks nothing"
    assert "INC-1" in prose(view)
    assert view.title == "1 alert rule, right 1 of 1 time"
    assert do(fired, "alert rules nothing").exit == 2


CRITICAL = "alert: {severity: critical, page: true, runbook: data-drift}\n"


def test_what_keeps_a_rule_from_paging_is_told_with_what_mends_it(project, clock):
    opened = declared(project, clock, CRITICAL)
    view = do(opened, "alert rules").view
    [row] = view.table("rules").rows
    assert (view.status, row["lacks"], row["severity"]) == (Status.WARN, ("it was never back-tested",), "high")
    assert ("backtest", "flights-drift") in [action.argv for action in view.actions]
    [check] = [row for row in do(opened, "doctor").view.table("checks").rows if row["check"].startswith("alert of")]
    assert (check["status"], check["fix"]) == (Status.WARN, "mlops-tui backtest flights-drift")
    assert check["detail"] == "fires at high, not critical and paging: it was never back-tested"
    opened.ledger.append(Backtested(
        subject="flights-drift", declaration=opened.declaration("monitor", "flights-drift"), looks=90, judged=90,
        window=("2013-01-01T00:00:00+00:00", "2013-04-01T00:00:00+00:00"), alerts=3, false=1, missed=0))
    view = do(opened, "alert rules").view
    [row] = view.table("rules").rows
    assert (view.status, row["lacks"], row["severity"], row["page"]) == (Status.DONE, (), "critical", True)
    assert row["told"] == "3 alerts in 90 d, 1 false"
    assert not [row for row in do(opened, "doctor").view.table("checks").rows if row["check"].startswith("alert of")]
    changed = declared(project, clock, CRITICAL + "limits: {ks: 0.3}\n")
    [row] = do(changed, "alert rules").view.table("rules").rows
    assert (row["lacks"], row["told"]) == (("it was changed since its back-test",),
                                           "3 alerts in 90 d, 1 false (of an older rule)")


def test_a_rule_that_was_never_back_tested_leads_to_it_where_it_has_a_timetable(project, clock):
    for every, offered in (("", False), ('every: "0 6 * * *"\n', True)):
        view = do(declared(project, clock, f"{every}alert: {{after: 1 of 1}}\n"), "alert rules").view
        assert view.table("rules").rows[0]["told"] == "never"
        assert (("backtest", "flights-drift") in [action.argv for action in view.actions]) is offered


def test_in_a_narrow_terminal_a_silence_still_says_until_when(fired):
    agreed(fired, BEGIN)
    shown = [str(row) for row in lines(do(fired, "alert silences").view, width=60)]
    assert any("09-14 16:00" in text for text in shown), "the end of the silence, in UTC"


def lived(opened, clock, episodes):
    """Each (value, real) fails once, is closed, and is calm a day later."""
    for number, (value, real) in enumerate(episodes, 1):
        for status, found in (("fail", value), ("pass", 0.01)):
            clock.advance(clock.moment + timedelta(days=1))
            opened.ledger.append(Finding(subject="flights-delay", check="drift", status=status, value=found, limit=0.1,
                                         unit="KS", title="it moved", monitor="flights-drift"))
            opened.react(0)
        opened.ledger.append(AlertEvent(subject=f"AL-{number}", event="resolved", real=real))


def test_a_better_limit_is_proposed_and_adopted_and_never_written_by_itself(project, clock):
    text = "# keep me\nlimits: {ks: 0.1}  # tight\nalert: {after: 1 of 1}\n"
    opened = declared(project, clock, text)
    lived(opened, clock, [(0.5, True), (0.15, False), (0.4, True), (0.18, False), (0.45, True)])
    before = (project / DRIFT).read_text()
    [row] = do(opened, "alert rules").view.table("rules").rows
    assert row["next"] == "alert propose flights-drift"
    view = do(opened, "alert propose flights-drift").view
    assert view.title == ("P-1: ks 0.1 → 0.2 would have kept 3 of 3 real alerts and dropped 2 of 2 noise; "
                          "3 in place of 5")
    assert (project / DRIFT).read_text() == before
    assert do(opened, "alert propose flights-drift").view.title == view.title, "asked twice, proposed once"
    assert len(folds.proposals(opened.ledger.entries("proposal"))) == 1
    assert do(opened, "alert rules").view.table("rules").rows[0]["next"] == "adopt P-1"
    planned = do(opened, "adopt P-1")
    opened.perform(("adopt", "P-1"), consent=planned.plan)
    assert (project / DRIFT).read_text() == before.replace("{ks: 0.1}  # tight", "{ks: 0.2}  # tight")


def test_without_enough_verdicts_no_limit_is_proposed(project, clock):
    opened = declared(project, clock, "limits: {ks: 0.1}\nalert: {after: 1 of 1}\n")
    outcome = do(opened, "alert propose flights-drift")
    assert (outcome.exit, outcome.view.title) == (1, "No better limit for flights-drift")
    assert "0 judged real and 0 noise" in prose(outcome.view)
    assert not opened.ledger.entries("proposal")
    quiet = declared(project, clock, "limits: {ks: 0.1}\n")
    assert "has no alert rule" in do(quiet, "alert propose flights-drift").error["what"]


@pytest.mark.parametrize(("text", "what"), [
    ("alert: {flap: 1 in 2d}\n", "What fires once does not flap."), ("alert: {flap: often}\n", "not a rule such as"),
    ("alert: {repeat: 1m}\n", "every five minutes at most"), ("alert: {group: subjct}\n", "'group' is 'subjct'."),
    ("alert: {paige: true}\n", "Unknown key 'paige'"), ("alert: {flap: 3 in 0d}\n", "no time is too short"),
])
def test_a_rule_that_makes_no_sense_is_told_where(project, clock, text, what):
    outcome = do(declared(project, clock, text), "alert rules")
    assert outcome.exit == 2
    assert what in outcome.error["what"]
    assert outcome.error["where"].endswith("flights-drift.yaml:3")


def test_alerts_of_one_key_share_a_card_whatever_they_are_about(project, clock):
    opened = declared(project, clock, "alert: {group: project}\n")
    declared(project, clock, "alert: {group: project}\n", "second")
    opened = open_project(project, person="ana", clock=clock, source="test")
    opened.ledger.append(*(Finding(subject="flights-delay", check="drift", status="fail", title="x", monitor=name)
                           for name in ("flights-drift", "second")))
    opened.react(0)
    assert do(opened, "alert show AL-1").view.facts()["on_the_same_card"] == "1 other, AL-2 first"
