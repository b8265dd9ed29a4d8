"""An incident worked on by several people: roles, updates, hand-over, merging, moments corrected."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_tui.folds import incidents
from mlops_tui.view import Status
from store.facts import AlertEvent, Finding, IncidentEvent, Postmortem
from tests.doing import do


@pytest.fixture
def bo(session, made):
    """Somebody on call, with an incident about an alert that has just fired."""
    opened = session("bo")
    opened.ledger.append(made.finding("fail"), made.finding("fail"))
    opened.react(0)
    assert do(opened, "incident open --alert AL-1").exit == 0
    return opened


def incident(session, name="INC-1"):
    return incidents(session.ledger.entries())[name]


def whats(session, name="INC-1"):
    return [row["what"] for row in do(session, f"incident show {name}").view.table("timeline").rows]


def error(session, line, reason=None):
    return do(session, line, reason=reason).error["code"]


# -- roles and severities ---------------------------------------------------------------------------------------------


def test_a_role_says_what_it_asks_for_and_only_declared_ones_exist(bo):
    view = do(bo, "incident role INC-1 Scribe ana").view
    assert view.title == "INC-1 has ana as scribe: drift is fail"
    assert view.facts()["asks"].startswith("Write down what is seen")
    assert do(bo, "incident role INC-1 scribe ana").view.title.startswith("INC-1 has ana as scribe already")
    assert sum("ana is scribe" in each for each in whats(bo)) == 1
    refused = do(bo, "incident role INC-1 leed ana")
    assert (refused.error["code"], refused.error["next"]) == ("bad_input", "Did you mean 'lead'?")


def test_a_team_declares_its_own_roles_and_severities(project, session, made):
    (project / "mlops.yaml").write_text("""\
project: flights
timezone: America/New_York
clock: replay
incidents:
  roles: {lead: Decide., pilot: Fly.}
  severities: {high: {means: planes wait, tells: [ana], update: 45m}}
""", encoding="utf-8")
    bo = session("bo")
    do(bo, "incident open --title storm --about flights-delay --severity high")
    assert do(bo, "incident role INC-1 pilot cy").view.facts()["asks"] == "Fly."
    facts = do(bo, "incident severity INC-1 high").view.facts()
    assert (facts["means"], facts["tells"]) == ("planes wait", ("ana",))
    assert do(bo, "incident update INC-1 'we look'").view.facts()["next_update"] == bo.now() + timedelta(minutes=45)
    assert do(bo, "incident severity INC-1 low").view.facts()["means"] == "worth knowing; nobody is hurt"


@pytest.mark.parametrize(("text", "where"), [
    ("roles: {pilot: Fly.}", "mlops.yaml:4"), ("severities: {awful: {means: x}}", "mlops.yaml"),
    ("roles: {lead: x, Big Boss: y}", "mlops.yaml"),
])
def test_a_wrong_declaration_is_refused_where_it_stands(project, session, text, where):
    (project / "mlops.yaml").write_text(f"project: flights\ntimezone: UTC\nincidents:\n  {text}\n", encoding="utf-8")
    with pytest.raises(Exception, match=r"lead|awful|Big Boss") as problem:
        session("bo")
    assert where in f"{problem.value} {getattr(problem.value, 'where', '')}"


# -- updates ----------------------------------------------------------------------------------------------------------


def test_an_update_says_how_it_stands_and_promises_the_next(bo, clock):
    view = do(bo, "incident update INC-1 'version 2 serves' --next 30m").view
    due = bo.now() + timedelta(minutes=30)
    assert (view.facts()["next_update"], view.facts()["reminded"]) == (due, "bo")
    facts = do(bo, "incident show INC-1").view.facts()
    assert "late" not in facts
    assert (facts["update"], facts["next_update"]) == ("version 2 serves (bo (simulated))", due)
    clock.advance(due + timedelta(minutes=1))
    assert do(bo, "incident show INC-1").view.facts()["late"] == "the update is overdue"
    assert do(bo, "incident list").view.table("incidents").rows[0]["update_due"] == due


def test_an_update_without_a_time_follows_the_severity_and_none_promises_nothing(bo):
    assert do(bo, "incident update INC-1 x").view.facts()["next_update"] == bo.now() + timedelta(hours=2)
    assert do(bo, "incident update INC-1 x --next none").view.facts()["next_update"] == "none is promised"
    assert incident(bo).update.next is None


@pytest.mark.parametrize("line", ["update INC-1 ' '", "update INC-1 x --next soon", "update INC-1 x --next 1m",
                                  "update INC-1 x --next 4w"])
def test_an_update_that_promises_nonsense_is_refused(bo, line):
    assert error(bo, f"incident {line}") == "bad_input"
    assert incident(bo).update is None


# -- handed over ------------------------------------------------------------------------------------------------------


def test_an_incident_is_handed_over_and_accepted(bo, session):
    do(bo, "incident role INC-1 lead bo")
    do(bo, "incident update INC-1 'retrained'")
    view = do(bo, "incident handover INC-1 ana --note 'the gate wants a sign-off'").view
    assert view.title == "INC-1 waits for ana to accept it: drift is fail"
    assert view.facts()["next"] == "the gate wants a sign-off"
    assert view.facts()["open"] == "AL-1 must recover"
    assert [row["what"] for row in view.table("tried").rows] == ["retrained"]
    assert incident(bo).roles["lead"] == "bo", "until it is accepted"
    shown = do(bo, "incident show INC-1").view
    assert shown.facts()["handed_over"] == "by bo (simulated) to ana, who has not accepted it yet"
    assert ("incident", "accept", "INC-1") in [each.argv for each in shown.actions]
    assert error(session("cy"), "incident accept INC-1") == "denied"
    accepted = do(session("ana"), "incident accept INC-1")
    assert accepted.view.title == "ana leads INC-1 now: drift is fail"
    assert accepted.view.facts()["next"] == "the gate wants a sign-off"
    found = incident(bo)
    assert (found.roles["lead"], found.given) == ("ana", None)
    assert error(session("ana"), "incident accept INC-1") == "conflict"
    assert error(bo, "incident handover INC-1 ana --note x") == "bad_input"


@pytest.mark.parametrize("who", ["cy", "vera"])
def test_an_incident_is_handed_to_nobody_who_may_not_take_it(bo, who):
    refused = do(bo, f"incident handover INC-1 {who} --note look").error
    assert refused["code"] == "bad_input"
    assert refused["next"] == "These may: ana, bo, dee."
    assert incident(bo).given is None


# -- one after all ----------------------------------------------------------------------------------------------------


def merged(session, one="INC-2", into="INC-1"):
    line = f"incident merge {one} --into {into}"
    plan = do(session, line)
    assert plan.view.status is Status.CONFIRM
    return do(session, line, consent=plan.plan)


@pytest.fixture
def two(bo, session):
    """Two open incidents about one model; the second one was seen by somebody else."""
    dee = session("dee")
    do(dee, "incident open --title 'late labels' --about flights-delay --severity low")
    do(dee, "incident note INC-2 'the export is empty' --link p7")
    return bo


def test_two_open_ones_about_the_same_are_proposed_to_be_merged(two):
    argv = ("incident", "merge", "INC-2", "--into", "INC-1")
    assert argv in [each.argv for each in do(two, "incident list").view.actions]
    assert argv in [each.argv for each in do(two, "incident show INC-2").view.actions]
    assert argv not in [each.argv for each in do(two, "incident show INC-1").view.actions]


def test_two_that_share_nothing_or_only_the_model_are_not_proposed(two):
    do(two, "incident open --title 'feed stopped' --about flights")
    two.ledger.append(AlertEvent(subject="AL-9", event="fired", monitor="m", about="flights-delay", check="health",
                                 severity="low", title="x"))
    do(two, "incident open --alert AL-9")
    entries = [each.argv for each in do(two, "incident list").view.actions if "merge" in each.argv]
    assert entries == [("incident", "merge", "INC-2", "--into", "INC-1"),
                       ("incident", "merge", "INC-4", "--into", "INC-2")], "of INC-2 only the model is known"


def test_a_merged_one_moves_and_its_old_id_says_where(two, session):
    view = merged(two).view
    assert view.title == "INC-1 goes on for INC-2 as well: drift is fail"
    found = incident(two)
    assert (found.merged, found.people) == (("INC-2",), ("bo (simulated)", "dee (simulated)"))
    assert "INC-2 opened: late labels" in whats(two)
    assert "the export is empty" in whats(two)
    assert do(two, "incident show INC-2").view.title == "INC-2 was merged into INC-1: late labels"
    assert [row["incident"] for row in do(two, "incident list").view.table("incidents").rows] == ["INC-1"]
    for line in ("severity INC-2 high", "role INC-2 lead bo", "update INC-2 x", "resolve INC-2", "reopen INC-2"):
        assert error(two, f"incident {line}", reason="so") == "conflict"
    assert error(two, "postmortem draft INC-2") == "conflict"
    assert error(two, "runbook run data-drift --incident INC-2") in ("conflict", "not_declared")
    assert do(two, "alert show AL-1").view.facts()["incidents"] == ("INC-1",)


def test_what_is_said_about_a_merged_one_goes_where_it_went(two):
    merged(two)
    assert do(two, "incident note INC-2 'still empty' --link p8").view.title.startswith("INC-1 has a new note")
    assert do(two, "incident note INC-2 'still empty' --link p7").view.title.startswith("INC-1 has that note already")
    assert do(two, "incident strike INC-2 p7").exit == 0
    assert [each for each in whats(two) if each.startswith("[struck by")] == [
        "[struck by bo (simulated)] the export is empty"]


def test_a_merge_can_be_undone_while_the_other_is_open(two):
    merged(two)
    assert do(two, "incident unmerge INC-2").view.title == "INC-2 stands for itself again: late labels"
    assert (incident(two).merged, incident(two, "INC-2").open) == ((), True)
    assert error(two, "incident unmerge INC-2") == "conflict"
    merged(two)
    do(two, "incident resolve INC-1", reason="so")
    assert error(two, "incident unmerge INC-2") == "conflict"


def test_merged_ones_are_merged_on(two, session):
    do(two, "incident open --title third --about flights")
    merged(two, "INC-2", "INC-3")
    merged(two, "INC-3", "INC-1")
    assert set(incident(two).merged) == {"INC-2", "INC-3"}
    do(two, "incident unmerge INC-3")
    assert (incident(two).merged, incident(two, "INC-3").merged) == ((), ("INC-2",))


def test_what_cannot_be_merged_is_refused(two):
    for line in ("merge INC-1 --into INC-1", "merge INC-9 --into INC-1", "merge INC-1 --into INC-9"):
        assert error(two, f"incident {line}") in ("bad_input", "not_found")
    do(two, "incident resolve INC-2", reason="so")
    assert error(two, "incident merge INC-1 --into INC-2") == "conflict"


# -- moments ----------------------------------------------------------------------------------------------------------


def test_it_is_said_to_be_mitigated_once_and_corrected_with_a_reason(bo, clock):
    clock.advance(clock.moment + timedelta(hours=5))
    assert do(bo, "incident mitigated INC-1 --at '1h ago' --note 'rolled back'").exit == 0
    first = datetime(2013, 9, 14, 14, tzinfo=UTC)
    assert do(bo, "incident show INC-1").view.facts()["mitigated"] == first
    assert error(bo, "incident mitigated INC-1") == "conflict"
    view = do(bo, "incident correct INC-1 mitigated '2h ago'", reason="the rollback was at one").view
    assert (view.facts()["mitigated"], view.facts()["was"]) == (first - timedelta(hours=1), first)
    do(bo, "incident correct INC-1 mitigated '3h ago'", reason="no, earlier")
    assert do(bo, "incident show INC-1").view.facts()["mitigated"] == first - timedelta(hours=2)
    kept = [entry.effective_at for entry in bo.ledger.entries("incident") if entry.fact.event == "mitigated"]
    assert kept == [first], "what was known at first is never overwritten"
    assert any("mitigated was at" in each and "(no, earlier)" in each for each in whats(bo))


def test_moments_stay_in_order(bo, clock):
    clock.advance(clock.moment + timedelta(hours=5))
    do(bo, "incident resolve INC-1", reason="so")
    assert error(bo, "incident correct INC-1 resolved 2013-09-01", reason="x") == "bad_input"
    assert error(bo, "incident correct INC-1 onset 2013-10-01", reason="x") == "bad_input"
    assert error(bo, "incident correct INC-1 lunch 2013-09-14", reason="x") == "bad_input"
    assert error(bo, "incident correct INC-1 onset 2013-09-14") == "bad_input", "without a reason"


def test_an_open_one_has_no_end_not_even_a_corrected_one(bo, clock):
    assert error(bo, "incident correct INC-1 resolved '0m ago'", reason="x") == "conflict"
    clock.advance(clock.moment + timedelta(hours=5))
    do(bo, "incident resolve INC-1", reason="so")
    do(bo, "incident correct INC-1 resolved '1h ago'", reason="it was over at lunch")
    do(bo, "incident reopen INC-1", reason="late again")
    assert do(bo, "incident show INC-1").view.facts()["resolved"] is None
    assert do(bo, "incident trends").view.facts()["resolved"] == 0
    clock.advance(clock.moment + timedelta(hours=5))
    do(bo, "incident resolve INC-1", reason="so")
    assert do(bo, "incident show INC-1").view.facts()["resolved"] == clock.moment


def test_it_goes_on_after_all(bo):
    assert error(bo, "incident reopen INC-1", reason="x") == "conflict"
    do(bo, "incident resolve INC-1", reason="so")
    assert do(bo, "incident reopen INC-1", reason="late again").view.title == "INC-1 is open again: drift is fail"
    assert incident(bo).open
    assert whats(bo)[-1] == "reopened (late again)"


def test_resolving_says_what_is_still_open(bo):
    assert do(bo, "incident resolve INC-1", reason="so").view.facts()["still_open"] == "AL-1 must recover"


# -- what it looks like -----------------------------------------------------------------------------------------------


def test_the_next_one_of_its_kind_says_what_it_looks_like_and_what_is_still_owed(bo, made, clock):
    do(bo, "incident note INC-1 'thunderstorm over the coast, ground stop'")
    do(bo, "incident resolve INC-1", reason="the storm passed")
    bo.ledger.append(Postmortem(subject="INC-1", event="action", actions=(
        {"id": "INC-1/1", "title": "warn of storms", "type": "detect", "owner": "ana", "due": "2013-12-01"},)))
    clock.advance(clock.moment + timedelta(days=9))
    bo.ledger.append(Finding(subject="flights-delay", check="drift", status="fail", title="again"))
    bo.ledger.append(AlertEvent(subject="AL-8", event="fired", monitor="flights-drift", about="flights-delay",
                                check="drift", severity="high", title="again",
                                finding=bo.ledger.entries("finding")[-1].seq))
    do(bo, "incident open --alert AL-8")
    do(bo, "incident note INC-2 'another thunderstorm, ground stop at noon'")
    view = do(bo, "incident show INC-2").view
    [row] = view.table("similar").rows
    assert (row["incident"], row["ended_by"], row["still_open"]) == ("INC-1", "the storm passed", ("INC-1/1",))
    assert view.facts()["looks_like"].endswith("Of what was promised then INC-1/1 is still open")
    assert "thunderstorm" in view.facts()["looks_like"]
    assert do(bo, "incident similar INC-2").view.title == "INC-2 looks like INC-1"


def test_where_nothing_is_alike_it_says_so(bo):
    do(bo, "incident open --title 'the bill of the warehouse doubled'")
    view = do(bo, "incident similar INC-2").view
    assert view.title == "INC-2 does not look like INC-1"
    assert "looks_like" not in do(bo, "incident show INC-2").view.facts()
    assert do(bo, "incident similar INC-1").view.title == "INC-1 is the first incident"


def test_old_entries_read_back_as_they_were(history):
    history.add(IncidentEvent(subject="INC-1", event="opened", title="t", about="m", severity="low"))
    [found] = incidents(history.entries).values()
    assert (found.update, found.given, found.merged_into) == (None, None, "")
