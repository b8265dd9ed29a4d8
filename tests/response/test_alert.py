"""Alerts: what people do about them, and what the history then says."""

import shlex
from datetime import datetime, timedelta

import pytest

from mlops_tui.commands import perform
from mlops_tui.folds import alerts
from mlops_tui.opening import open_project
from mlops_tui.session import without_project
from mlops_tui.view import Status, Text
from store.facts import Command
from tests.doing import do


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


def alert(session, name="AL-1"):
    return alerts(session.ledger.entries())[name]


def test_nothing_to_do_is_a_good_answer(session):
    outcome = do(session("vera"), "alert list")
    assert (outcome.view.status, outcome.exit, outcome.view.table("alerts").rows) == (Status.PASS, 0, ())


def test_an_alert_says_what_it_is_about_and_what_to_do(fired):
    [row] = do(fired, "alert list").view.table("alerts").rows
    assert (row["alert"], row["state"], row["severity"], row["about"]) == ("AL-1", "firing", "high", "flights-delay")
    view = do(fired, "alert show al-1").view
    assert (view.facts()["value"], view.facts()["limit"], view.facts()["n"]) == (0.3, 0.1, 28000)
    assert ("incident", "open", "--alert", "AL-1") in [action.argv for action in view.actions]
    assert ("runbook", "show", "data-drift") in [action.argv for action in view.actions]


def test_acking_says_who_is_on_it(fired, session):
    assert do(session("bo"), "alert ack AL-1 --note 'on the train'").exit == 0
    assert (alert(fired).state, alert(fired).owner, alert(fired).note) == ("acked", "bo", "on the train")
    phases = [entry.fact.phase for entry in fired.ledger.entries("command") if isinstance(entry.fact, Command)]
    assert phases == ["attempt", "outcome"]


def test_who_is_on_it_already_changes_nothing_by_saying_so_again(fired, session, clock):
    bo = session("bo")
    do(bo, "alert ack AL-1")
    clock.advance(clock.moment + timedelta(hours=1))
    before = len(fired.ledger.entries("alert"))
    outcome = do(bo, "alert ack AL-1")
    assert (outcome.exit, outcome.view.title.split(":")[0]) == (0, "bo is on AL-1")
    assert len(fired.ledger.entries("alert")) == before
    do(session("ana"), "alert ack AL-1")
    assert alert(fired).owner == "ana", "somebody else takes it over"


def test_what_was_taken_up_can_be_given_back(fired, session):
    bo = session("bo")
    undo = do(bo, "alert ack AL-1").view.actions[0].argv
    assert bo.perform(undo).view.title == "Nobody is on AL-1: drift is fail"
    assert (alert(fired).state, alert(fired).owner, alert(fired).told) == ("firing", "", "unacked")
    assert alert(fired).acked_at is not None, "how soon somebody was on it stays known"
    assert bo.perform(undo).error["code"] == "conflict"


def test_what_was_closed_by_the_wrong_button_is_opened_again_unless_it_fired_anew(fired, session, made):
    bo = session("bo")
    undo = do(bo, "alert resolve AL-1 --noise", reason="so").view.actions[-1].argv
    assert bo.perform(undo).view.title == "AL-1 is open again: drift is fail"
    assert (alert(fired).state, alert(fired).real) == ("firing", None)
    assert bo.perform(undo).error["what"] == "AL-1 is open."
    do(bo, "alert resolve AL-1 --noise", reason="so")
    since = bo.ledger.head_seq()
    bo.ledger.append(made.finding("fail"), made.finding("fail"))
    bo.react(since)
    assert bo.perform(undo).error["what"] == "flights-drift has fired AL-2 since."


@pytest.mark.parametrize(("word", "owner"), [("bo", "bo"), ("@bo", "bo"), ("me", "ana")])
def test_it_can_be_given_to_somebody(fired, word, owner):
    assert do(fired, f"alert assign AL-1 {word}").exit == 0
    assert (alert(fired).state, alert(fired).owner) == ("firing", owner)


def test_a_stranger_cannot_be_given_anything(fired):
    outcome = do(fired, "alert assign AL-1 bob")
    assert (outcome.exit, outcome.error["next"]) == (2, "Did you mean 'bo'?")
    assert alert(fired).owner == ""


def test_a_silence_ends_by_itself_or_by_hand(fired, clock):
    assert agreed(fired, "alert silence AL-1 --for 4h").exit == 0
    assert do(fired, "alert list").view.table("alerts").rows[0]["state"] == "silenced"
    clock.advance(clock.moment + timedelta(hours=4))
    assert do(fired, "alert list").view.table("alerts").rows[0]["state"] == "firing"
    agreed(fired, "alert silence AL-1 --until 2013-09-15T06:00")
    assert alert(fired).until == "2013-09-15T06:00:00-04:00", "a time without zone is the project's"
    done = do(fired, "alert unsilence AL-1")
    assert done.view.title.startswith("AL-1 is heard again: ")
    assert not alert(fired).silent(clock.moment)
    assert do(fired, "alert unsilence AL-1").error["code"] == "conflict"


@pytest.mark.parametrize("how", ["", "--for 0m", "--for 4h --until 2013-09-15", "--for soon",
                                 "--until 2013-09-01", "--until x"])
def test_a_silence_without_a_sound_end_is_refused(fired, how):
    outcome = agreed(fired, f"alert silence AL-1 {how}")
    assert (outcome.exit, outcome.error["code"]) == (2, "bad_input")
    assert alert(fired).until == ""


def test_a_viewer_closes_nothing(fired, session):
    assert do(session("vera"), "alert resolve AL-1 --real", reason="so").exit == 4
    assert alert(fired).open


def test_closing_measures_the_monitor(fired, session, made):
    bo = session("bo")
    assert "real or noise" in do(bo, "alert resolve AL-1", reason="so").error["what"]
    assert do(bo, "alert resolve AL-1 --noise").error["what"].endswith("needs a reason.")
    assert do(bo, "alert resolve AL-1 --noise --reason 'a holiday'").exit == 0
    assert (alert(fired).state, alert(fired).real, alert(fired).note) == ("resolved", False, "a holiday")
    since = bo.ledger.head_seq()
    bo.ledger.append(made.finding("fail"), made.finding("fail"))
    bo.react(since)
    assert do(bo, "alert resolve AL-2 --real", reason="a storm").exit == 0
    [rule] = do(bo, "alert list --all").view.table("rules").rows
    assert (rule["alerts"], rule["real"], rule["noise"], rule["precision"]) == (2, 1, 1, 0.5)


@pytest.mark.parametrize("line", ["ack AL-1", "assign AL-1 bo", "silence AL-1 --for 1h", "resolve AL-1 --real"])
def test_what_is_closed_stays_closed(fired, session, line):
    bo = session("bo")
    do(bo, "alert resolve AL-1 --real", reason="so")
    outcome = do(bo, f"alert {line}", reason="again")
    assert (outcome.exit, outcome.error["code"]) == (2, "conflict")


def test_what_recovered_needs_nobody(fired, made):
    since = fired.ledger.head_seq()
    fired.ledger.append(*(made.finding("pass") for _ in range(3)))
    fired.react(since)
    assert alert(fired).state == "recovered"
    assert do(fired, "alert ack AL-1").error["code"] == "conflict"
    assert do(fired, "alert list").view.status is Status.PASS


@pytest.mark.parametrize("line", ["show AL-7", "ack AL-7", "silence AL-7 --for 1h"])
def test_an_unknown_alert_is_told_which_there_are(fired, line):
    outcome = do(fired, f"alert {line}")
    assert (outcome.exit, outcome.error["code"], outcome.error["next"]) == (2, "not_found", "There is AL-1 only.")


def test_the_list_can_be_seen_as_it_was(fired, session, clock, project):
    from mlops_tui.opening import open_project

    before = clock.moment
    clock.advance(before + timedelta(days=1))
    do(session("bo"), "alert resolve AL-1 --real", reason="so")
    then = open_project(project, person="vera", clock=clock, as_of=before)
    assert [row["state"] for row in do(then, "alert list").view.table("alerts").rows] == ["firing"]


# -- what is known by now -----------------------------------------------------------------------------------------


def prose(view):
    return " ".join(part.body for part in view.parts if isinstance(part, Text))


def test_an_alert_says_what_was_found_last_and_what_makes_it_recover(fired, made, clock):
    view = do(fired, "alert show AL-1").view
    assert "by_now" not in view.facts(), "it is what it fired by"
    assert "3 more findings of flights-drift in a row that do not fail" in prose(view)
    assert "run by hand without --monitor, does not count" in prose(view)
    assert ("drift", "flights-delay", "--monitor", "flights-drift") in [action.argv for action in view.actions]
    fired.ledger.append(made.finding("pass", value=0.01, low=0.005, high=0.02, limit=0.1))
    assert do(fired, "alert show AL-1").view.facts()["by_now"].startswith("pass 0.01 [0.005, 0.02] at 2013-")
    fired.ledger.append(made.finding("unknown"),
                        made.finding("pass", monitor=""))
    fired.react(0)
    [row] = do(fired, "alert show AL-1").view.table("newest").rows
    assert (row["status"], row["to_recover"]) == (
        Status.UNKNOWN, "2 more findings of flights-drift in a row that do not fail")
    fired.ledger.append(made.finding("pass"), made.finding("warn"))
    fired.react(0)
    assert alert(fired).state == "recovered"
    assert prose(do(fired, "alert show AL-1").view) == ""


def test_an_alert_keeps_the_figures_by_which_it_fired_and_when_closed_leads_to_its_rule(session, made):
    opened = session()
    opened.ledger.append(*(made.finding("fail", value=0.3, limit=0.1, detail={"worst": "distance"}) for _ in range(2)))
    opened.react(0)
    opened.ledger.append(*(made.finding("pass", value=0.01, limit=0.2) for _ in range(3)))
    opened.react(0)
    assert alert(opened).state == "recovered"
    view = do(opened, "alert show AL-1").view
    facts = view.facts()
    assert (facts["value"], facts["limit"], facts["column"], facts["entry"]) == (0.3, 0.1, "distance", 2)
    assert [(row["value"], row["limit"]) for row in view.table("newest").rows] == [(0.01, 0.2)]
    do(opened, "alert resolve AL-1 --real", reason="so")
    assert [each.argv for each in do(opened, "alert show AL-1").view.actions] == [
        ("alert", "rules", "flights-drift"), ("alert", "reopen", "AL-1")]


def test_a_limit_that_is_another_by_now_is_said(fired, made, project):
    assert "limit" not in prose(do(fired, "alert show AL-1").view)
    fired.ledger.append(made.finding("fail", value=0.3, limit=0.2))
    said = prose(do(fired, "alert show AL-1").view)
    assert "It fired by the limit 0.1; the newest finding is judged by 0.2." in said
    assert "changed since" not in said
    path = project / "monitors" / "flights-drift.yaml"
    path.write_text(path.read_text() + "limits: {ks: 0.3}\n")
    said = prose(open_project(project, person="ana", clock=fired.clock).perform(("alert", "show", "AL-1")).view)
    assert "monitors/flights-drift.yaml was changed since its newest finding." in said


def test_every_time_is_a_time_and_none_is_a_text(fired, session):
    agreed(session("bo"), "alert silence AL-1 --for 4h")
    view = do(fired, "alert show AL-1").view
    assert {key for key in ("since", "from", "to", "silent_until") if isinstance(view.facts()[key], datetime)} == {
        "since", "from", "to", "silent_until"}
    assert view.table("timeline").rows[-1]["what"] == "AL-1 silenced to 2013-09-14 10:00 EDT"
    [row] = do(fired, "alert list").view.table("alerts").rows
    assert isinstance(row["until"], datetime)


def test_a_silenced_alert_is_not_green(fired, session):
    agreed(session("bo"), "alert silence AL-1 --for 4h")
    assert do(fired, "alert show AL-1").view.status is Status.WARN
    view = do(fired, "alert list").view
    assert (view.status, view.title) == (Status.WARN, "No alert needs anybody; 1 is silenced and not over")


def test_one_is_not_many(fired):
    assert do(fired, "alert list").view.title == "1 alert needs somebody"


def test_without_a_project_nobody_is_told_that_all_is_well(tmp_path):
    outcome = perform(without_project(tmp_path, perform), ("alert", "list"))
    assert (outcome.exit, outcome.error["what"]) == (2, "There is no project here.")
