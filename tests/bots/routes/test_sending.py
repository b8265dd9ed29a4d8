"""Every alert goes out once, however the other side fails; on it stands one open incident, or none once it is over."""

import pytest

from bots.routes import pagerduty
from mlops_tui.alerts.nudges import due
from mlops_tui.alerts.sources import nudges, reach
from store.queues import ROUTE
from tests.bots.routes.chaos import PAGER, Killed, dying, lived
from tests.bots.routes.conftest import Outside
from tests.bots.routes.doubles import KEY, Http, PagerDuty


@pytest.fixture
def pager(outside: Outside):
    with PagerDuty() as made:
        outside.declares("pager", PAGER.format(url=made.url))
        yield made


def standing(pager: PagerDuty) -> list[tuple[str, str]]:
    return [(each.about, each.status) for each in pager.incidents]


def test_an_alert_opens_one_incident_which_is_acknowledged_and_resolved(outside: Outside, pager: PagerDuty) -> None:
    outside.fires()
    outside.turn(3)
    assert standing(pager) == [("flights/AL-1", "triggered")]
    assert (pager.incidents[0].summary, pager.incidents[0].severity) == ("AL-1: AL-1 moved", "error")
    outside.fires(event="acked", who="bo")
    outside.turn(2)
    assert standing(pager) == [("flights/AL-1", "acknowledged")]
    outside.fires(event="recovered")
    outside.fires(event="resolved")
    outside.turn(2)
    assert standing(pager) == [("flights/AL-1", "resolved")]
    assert len(pager.requests) == 3


def test_what_fires_again_opens_it_anew_and_ends_it_anew(outside: Outside, pager: PagerDuty) -> None:
    for event in ("fired", "recovered", "refired", "recovered"):
        outside.passes(hours=1)
        outside.fires(event=event)
        outside.turn(2)
    assert [status for _, status in standing(pager)] == ["resolved", "resolved"]


@pytest.mark.parametrize("faults", [
    [503], [500, 502, 503], [(429, {"Retry-After": "7"})], [429], ["lost"], ["lost", "lost", 503], [408],
    [(429, {"Retry-After": "Thu, 26 Nov 2026 13:00:00 GMT"})]])
def test_a_fault_that_passes_leaves_one_open_incident(outside: Outside, pager: PagerDuty, faults: list) -> None:
    pager.faults = faults
    outside.fires()
    outside.rests()
    assert standing(pager) == [("flights/AL-1", "triggered")]
    assert outside.outbox.counts() == {"sent": 1}
    assert outside.said[-1] == "route pager: works again"


def test_it_waits_as_long_as_it_is_told_to(outside: Outside, pager: PagerDuty) -> None:
    pager.faults = [(429, {"Retry-After": "7"})]
    outside.fires()
    outside.turn(3, seconds=2)
    assert len(pager.requests) == 1
    outside.turn(2, seconds=2)
    assert len(pager.requests) == 2


def test_while_it_is_down_everything_waits_and_then_comes_in_its_order(outside: Outside, pager: PagerDuty) -> None:
    pager.down()
    outside.fires()
    outside.turn(3)
    outside.fires("AL-2")
    outside.turn(3)
    assert outside.outbox.counts() == {"new": 2}
    assert outside.said == ["■ route pager: it cannot be reached"], "said once"
    pager.up()
    outside.rests()
    assert standing(pager) == [("flights/AL-1", "triggered"), ("flights/AL-2", "triggered")]


def test_nobody_is_woken_by_what_is_over_or_taken_up_when_it_comes_back(outside: Outside, pager: PagerDuty) -> None:
    pager.down()
    for name in ("AL-1", "AL-2", "AL-3"):
        outside.fires(name)
    outside.turn(2)
    outside.fires("AL-1", event="recovered")
    outside.fires("AL-2", event="acked", who="bo")
    outside.turn(2)
    pager.up()
    outside.rests()
    assert standing(pager) == [("flights/AL-3", "triggered")]
    assert len(pager.requests) == 1, "nothing is ended that was never begun"


def test_a_lost_answer_and_an_alert_that_is_over_leave_nothing_open(outside: Outside, pager: PagerDuty) -> None:
    pager.faults = ["lost"]
    outside.fires()
    outside.turn(1, seconds=0.01)
    assert len(pager.open) == 1
    outside.fires(event="recovered")
    outside.rests()
    assert standing(pager) == [("flights/AL-1", "resolved")]


def test_a_wrong_key_is_a_dead_letter_that_a_person_sends_again(outside: Outside, pager: PagerDuty) -> None:
    outside.environment["PD_KEY"] = "wrong"
    outside.fires()
    outside.rests()
    [dead] = outside.letters("dead")
    assert "HTTP 400" in dead.error
    assert "Invalid routing key" in dead.error
    assert dead.body["alert"] == "AL-1"
    view = outside.session.perform(["route", "list"]).view
    assert (view.status, view.title) == ("fail", "1 route; 1 message was given up")
    outside.environment["PD_KEY"] = "R0123456789abcdef0123456789abcde"
    assert outside.session.perform(["route", "again", str(dead.id)]).exit == 0
    outside.rests()
    assert standing(pager) == [("flights/AL-1", "triggered")]
    assert outside.session.perform(["route", "again", str(dead.id)]).exit == 2, "it is sent"


def test_what_was_given_up_and_is_over_is_not_sent_by_a_second_try(outside: Outside, pager: PagerDuty) -> None:
    outside.environment["PD_KEY"] = "wrong"
    outside.fires()
    outside.rests()
    [dead] = outside.letters("dead")
    outside.fires(event="recovered")
    outside.environment["PD_KEY"] = "R0123456789abcdef0123456789abcde"
    outside.session.perform(["route", "again", str(dead.id)])
    outside.rests()
    assert pager.open == []


def test_a_variable_that_is_not_set_is_named_and_what_waits_goes_out_once_it_is(outside: Outside,
                                                                               pager: PagerDuty) -> None:
    del outside.environment["PD_KEY"]
    outside.fires()
    outside.turn(2)
    assert outside.said == ["■ route pager: PD_KEY is not set where mlops-tui up runs"]
    outside.environment["PD_KEY"] = "R0123456789abcdef0123456789abcde"
    outside.rests()
    assert len(pager.open) == 1


def test_no_secret_is_kept_said_or_shown(outside: Outside, pager: PagerDuty) -> None:
    for held in ("two\nwords-of-secret", "R0123456789abcdef0123456789abcde"):
        outside.environment["PD_KEY"] = held
        outside.fires(f"AL-{len(held)}")
        pager.faults = [400]
        outside.turn(3, seconds=70)
    rows = outside.ledger.engine.connect()
    kept = str([tuple(row) for table in ("outbox", "entry") for row in rows.exec_driver_sql(f"SELECT * FROM {table}")])
    rows.close()
    shown = str([outside.session.perform(argv).view for argv in (["route", "list"], ["route", "show", "pager"],
                                                                 ["route", "why", "AL-32"])])
    for text in (kept, shown, str(outside.said)):
        assert "words-of-secret" not in text
        assert "0123456789abcdef" not in text


def test_silenced_by_a_person_stops_the_pages_there_and_what_was_put_before_is_not_sent(outside: Outside,
                                                                                        pager: PagerDuty) -> None:
    outside.fires()
    outside.turn()
    until = outside.world().replace(year=2014).isoformat()
    outside.fires(event="silenced", until=until)
    outside.turn()
    assert standing(pager) == [("flights/AL-1", "acknowledged")]
    outside.fires("AL-2")
    outside.turn(2)
    assert len(pager.incidents) == 1, "its monitor is silent too"


# -- whoever is next ------------------------------------------------------------------------------------------------


def test_unacknowledged_it_goes_to_the_next_route_and_acknowledged_it_does_not(outside: Outside,
                                                                              pager: PagerDuty) -> None:
    outside.alerts_go_to("bo", ", escalate: [{after: 15m, to: pager}]")
    outside.fires(route="bo")
    outside.fires("AL-2", route="bo")
    outside.turn()
    outside.passes(minutes=14)
    outside.turn()
    assert pager.incidents == []
    outside.fires("AL-2", event="acked", who="bo")
    outside.passes(minutes=2)
    outside.turn(3)
    assert standing(pager) == [("flights/AL-1", "triggered")]
    assert pager.incidents[0].summary == "nobody is on it: AL-1: AL-1 moved"
    outside.passes(hours=9)
    outside.turn(3)
    assert len(pager.requests) == 1


def test_a_reminder_joins_the_incident_that_is_open(outside: Outside, pager: PagerDuty) -> None:
    outside.alerts_go_to("pager", ", repeat: 1h")
    outside.fires()
    for _ in range(3):
        outside.turn(2)
        outside.passes(minutes=61)
    outside.turn()
    assert len(pager.incidents) == 1
    assert pager.incidents[0].log == [f"again ({number}): AL-1: AL-1 moved" for number in (1, 2, 3)]


def test_a_clock_that_is_set_back_holds_nobody_up(outside: Outside, pager: PagerDuty) -> None:
    outside.alerts_go_to("bo", ", escalate: [{after: 15m, to: pager}]")
    outside.fires(route="bo")
    outside.turn()
    outside.clock.now -= 3600
    outside.passes(minutes=16)
    outside.turn(2)
    assert len(pager.open) == 1


def test_why_says_whom_it_told_and_who_is_next(outside: Outside, pager: PagerDuty) -> None:
    outside.alerts_go_to("pager", ", escalate: [{after: 15m, to: bo}]")
    outside.fires()
    outside.turn(2)
    view = outside.session.perform(["route", "why", "AL-1"]).view
    assert view.title == "AL-1 told pager; bo is next at 2013-09-14 06:15 EDT"
    [told] = view.table("told").rows
    assert (told["to"], told["by"], told["event"], told["why"], told["state"]) == (
        "pager", "pagerduty", "trigger", "fired", "sent")
    assert [row["who"] for row in view.table("next").rows] == [("bo",)]


def test_given_back_it_wakes_somebody_again(outside: Outside, pager: PagerDuty) -> None:
    for event in ("fired", "acked", "unacked"):
        outside.passes(minutes=1)
        outside.fires(event=event)
        outside.turn(2)
    assert [status for _, status in standing(pager)] == ["resolved", "triggered"]


def test_what_a_route_gives_up_goes_to_the_next_at_once_and_at_last_to_who_is_on_call(outside: Outside,
                                                                                     pager: PagerDuty) -> None:
    with PagerDuty() as other:
        outside.declares("other", PAGER.format(url=other.url))
        outside.alerts_go_to("other", ", escalate: [{after: 8h, to: pager}]")
        other.faults = [400]
        outside.fires(route="other")
        outside.turn(3)
        assert standing(pager) == [("flights/AL-1", "triggered")]
        assert outside.events == ["fired", "undelivered"]
        pager.faults, other.faults = [400], [400]
        outside.passes(minutes=1)
        outside.fires("AL-2", route="other")
        outside.turn(4)
        around = outside.session.declared(), outside.ledger.entries(), outside.world()
        told = due(nudges(*around), reach(*around), {}, outside.world())
        assert [each.person for each in told if each.nudge.key == "alert/AL-2"] == ["bo"]
        assert "AL-2 did not get out by pager" in str(outside.session.perform(["alert", "show", "AL-2"]).view)
        assert outside.session.perform(["route", "why", "AL-2"]).view.title == (
            "AL-2 has told nobody outside yet; other, pager failed")


# -- one route and the others ---------------------------------------------------------------------------------------


def test_a_route_that_hangs_slows_no_other(outside: Outside, pager: PagerDuty) -> None:
    with PagerDuty() as other:
        outside.declares("other", PAGER.format(url=other.url))
        other.faults = ["lost"] * 1000
        outside.alerts_go_to("pager", ", escalate: [{after: 1m, to: other}]")
        for number in range(1, 21):
            outside.fires(f"AL-{number}")
        outside.passes(minutes=2)
        outside.turn(2)
        assert len(pager.open) == 20
        waits = [said for said in outside.letters("new") + outside.letters("sending") if said.channel == "other"]
        assert len(waits) == 20
        assert len(other.requests) == 2, "what waits behind it is not tried"


def test_a_route_that_is_declared_no_longer_gives_up_what_waits(outside: Outside, pager: PagerDuty) -> None:
    pager.down()
    outside.fires()
    outside.turn()
    (outside.folder / "routes/pager.yaml").unlink()
    outside.rests()
    [dead] = outside.letters("dead")
    assert dead.error == "no route 'pager' is declared any more"
    assert "not declared any more" in str(outside.session.perform(["route", "list"]).view)


def test_slacks_sender_leaves_them_alone(outside: Outside) -> None:
    outside.outbox.put("k", ROUTE, "pager", {})
    outside.outbox.put("s", "chat.postMessage", "C01", {})
    now = outside.clock()
    assert [said.key for said in outside.outbox.due(now)] == ["s"]
    assert [said.key for said in outside.outbox.due(now, routes=True)] == ["k"]


def test_a_test_is_marked_sent_by_the_real_way_and_ended(outside: Outside, pager: PagerDuty) -> None:
    plan = outside.session.perform(["route", "test", "pager"])
    assert plan.exit == 2, "it asks first"
    done = outside.session.perform(["route", "test", "pager"], consent=plan.plan)
    assert done.view.title == "A test is on its way to pager; mlops-tui up sends it"
    outside.turn(2)
    [incident] = pager.incidents
    assert incident.summary.startswith("TEST: ana tries the route pager")
    assert (incident.severity, incident.status) == ("info", "resolved")
    assert outside.session.perform(["route", "list"]).view.title == "1 route; everything was sent"


# -- killed anywhere ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_whatever_fails_and_dies_one_incident_is_open_while_it_fires_and_none_after(outside: Outside, pager: PagerDuty,
                                                                                   seed: int) -> None:
    verdict = lived(outside, pager, seed)
    assert verdict.clean, verdict
    assert verdict.kills > 3


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", ["put", "sending", "sent"])
def test_killed_before_or_after_any_write_it_is_told_once(outside: Outside, pager: PagerDuty, write: str,
                                                          after: bool) -> None:
    for event in ("fired", "recovered"):
        outside.passes(minutes=1)
        outside.fires(event=event)
        dying(outside, write, after=after)
        with pytest.raises(Killed):
            outside.turn()
        outside.born()
        outside.turn(2)
        assert [status for _, status in standing(pager)] == ["triggered" if event == "fired" else "resolved"]
    assert outside.outbox.counts() == {"sent": 2}


# -- what goes wrong tells no secret ----------------------------------------------------------------------------------


class Echo(Http):
    """A server that tells in its error what it was asked, as some do."""

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        return 404, f"not found: {path} {headers.get('authorization')} {body.decode()}"


@pytest.mark.parametrize(("declared", "secrets"), [
    ("kind: pagerduty\nurl: {url}/v2/enqueue\nkey_env: PD_KEY\n", (KEY,)),
    ("kind: webhook\nurl_env: HOOK_URL\nkey_env: PD_KEY\n", ("T0K3N", "s3cr3t")),
    ("kind: alertmanager\nurl: {url}\nkey_env: PD_KEY\n", (KEY,))])
def test_an_answer_that_repeats_a_secret_is_kept_and_shown_without_it(outside: Outside, declared: str,
                                                                      secrets: tuple[str, ...]) -> None:
    with Echo() as other:
        outside.environment["HOOK_URL"] = f"{other.url}/in/T0K3N?key=s3cr3t"
        outside.declares("pager", declared.format(url=other.url))
        outside.fires()
        outside.turn(2)
    [dead] = outside.letters("dead")
    told = dead.error + "".join(outside.said)
    assert "HTTP 404: not found: /" in told
    assert not [each for each in secrets if each in told]


def test_an_address_in_a_variable_is_not_told_in_the_open(outside: Outside) -> None:
    outside.environment["HOOK_URL"] = "http://hooks.example.org/in/T0K3N"
    outside.declares("pager", "kind: webhook\nurl_env: HOOK_URL\nkey_env: PD_KEY\n")
    outside.fires()
    outside.turn()
    assert outside.said == ["■ route pager: what HOOK_URL holds begins with http:, and a secret goes over TLS alone"]


def test_a_route_that_breaks_is_said_and_left_alone_for_a_while(outside: Outside,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise ValueError("secret")

    monkeypatch.setattr(pagerduty, "send", broken)
    outside.declares("pager", "kind: pagerduty\nkey_env: PD_KEY\n")
    outside.fires()
    outside.turn(3)
    assert outside.said == ["■ route pager: ValueError"]
