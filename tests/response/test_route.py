"""Routes as people ask for them: what each was told, what was given up, and whom an alert told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_tui.alerts.routing import Outgoing, trial
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status, View
from store.facts import AlertEvent
from store.ledger import Ledger
from store.queues import ROUTE, Outbox
from tests.conftest import START

Ask = Callable[..., View]
PAGER = "kind: pagerduty\nkey_env: PAGERDUTY_ROUTING_KEY\nreceive_env: PAGERDUTY_WEBHOOK\n"


@pytest.fixture
def ask(project: Path, session: Callable[..., Session]) -> Ask:
    (project / "routes").mkdir()
    (project / "routes/pager.yaml").write_text(PAGER, encoding="utf-8")
    monitor = project / "monitors/flights-drift.yaml"
    monitor.write_text(monitor.read_text().replace("route: oncall", "route: bo, escalate: [{after: 15m, to: pager}]"))

    def asked(*argv: str, person: str = "bo", exit: int = 0, consent: str | None = None) -> View:
        outcome = session(person).perform(("route", *argv), consent=consent)
        assert outcome.exit == exit, outcome.view
        return outcome.view

    return asked


@pytest.fixture
def outbox(session: Callable[..., Session]) -> Outbox:
    ledger = session("ana").ledger
    assert isinstance(ledger, Ledger)
    return Outbox(ledger.engine)


def fires(session: Callable[..., Session]) -> None:
    session("ana").ledger.append(AlertEvent(
        subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay", check="drift", severity="high",
        title="it drifts", route="bo"))


def test_without_a_route_it_says_how_one_is_declared(session: Callable[..., Session]) -> None:
    view = session("vera").perform(("route",)).view
    assert view.status is Status.PASS
    assert "routes/pager.yaml" in str(view)


def test_a_route_says_where_it_leads_what_it_needs_and_who_uses_it(ask: Ask) -> None:
    view = ask("pager")
    assert view.title == "pager: pagerduty to https://events.pagerduty.com/v2/enqueue"
    assert view.facts()["needs"] == ("PAGERDUTY_ROUTING_KEY", "PAGERDUTY_WEBHOOK")
    assert view.facts()["used_by"] == ("flights-drift",)
    assert "No route 'pagr' in routes/." in ask("show", "pagr", exit=2).title


def test_what_waits_and_what_was_given_up_is_listed_worst_first_to_see(ask: Ask, outbox: Outbox) -> None:
    first, second = trial("flights", "pager", "ana", START)
    outbox.put(first.key, ROUTE, "pager", first.body)
    outbox.put(second.key, ROUTE, "pager", second.body)
    assert (ask().title, ask().status) == ("1 route; 2 messages wait", Status.WARN)
    outbox.dead(outbox.one(first.key).id, "HTTP 400: Invalid routing key")
    view = ask(exit=1)
    assert view.title == "1 route; 1 message was given up"
    assert view.table("routes").rows[0]["error"] == "HTTP 400: Invalid routing key"
    shown = ask("show", "pager")
    number = str(outbox.one(first.key).id)
    assert ("route", "again", number) in [action.argv for action in shown.actions]
    ask("again", number, person="vera", exit=4)
    assert ask("again", number).title == f"{number} goes to pager again when mlops-tui up is at work"
    assert "No message" in ask("again", number, exit=2).title


def test_what_slack_gave_up_is_not_sent_by_a_route(ask: Ask, outbox: Outbox) -> None:
    outbox.put("s", "chat.postMessage", "C01", {"text": "x"})
    outbox.dead(outbox.one("s").id, "channel_not_found")
    assert "No message" in ask("again", str(outbox.one("s").id), exit=2).title


def test_a_test_is_put_once_somebody_consents(ask: Ask, outbox: Outbox, session: Callable[..., Session]) -> None:
    planned = session("bo").perform(("route", "test", "pager"))
    assert (planned.exit, outbox.counts()) == (2, {})
    assert ask("test", "pager", consent=planned.plan).status is Status.DONE
    assert outbox.counts() == {"new": 2}
    ask("test", "pager", person="vera", exit=4)


def test_why_says_who_is_next_while_nobody_has_taken_it_up(ask: Ask, session: Callable[..., Session],
                                                          clock: ReplayClock) -> None:
    fires(session)
    view = ask("why", "AL-1")
    assert view.title == "AL-1 has told nobody outside yet; pager is next at 2013-09-14 06:15 EDT"
    assert view.status is Status.WARN
    assert [(row["to"], row["who"], row["why"]) for row in view.table("next").rows] == [
        ("pager", ("pagerduty route",), "escalated")]
    shown = session("bo").perform(("alert", "show", "AL-1")).view.facts()
    assert (shown["for"], shown["goes_on_to"]) == ("bo", "pager at 2013-09-14 06:15 EDT")
    session("bo").perform(("alert", "ack", "AL-1"))
    assert ask("why", "AL-1").table("next").rows == ()
    assert "No alert 'AL-9'" in ask("why", "AL-9", exit=2).title


def test_what_is_told_in_slack_is_listed_with_the_rest(ask: Ask, session: Callable[..., Session],
                                                      outbox: Outbox) -> None:
    fires(session)
    outbox.put("nudge/bo/alert/AL-1/fired/x/0", "chat.postMessage", "U02", {"text": "x"})
    outbox.sent(outbox.one("nudge/bo/alert/AL-1/fired/x/0").id, "D1/1.2")
    view = ask("why", "AL-1")
    assert [(row["to"], row["by"], row["state"]) for row in view.table("told").rows] == [("U02", "Slack", "sent")]


def test_alerts_of_a_ping_are_sent_nowhere(project: Path) -> None:
    assert Outgoing("flights", {}, {}, {}).speaking == set()


@pytest.mark.parametrize(("name", "text", "words"), [
    ("routes/x.yaml", "kind: pagerduty\n", "needs key_env"),
    ("routes/x.yaml", "kind: webhook\nurl: https://a.example/in\n", "needs key_env"),
    ("routes/x.yaml", "kind: webhook\nkey_env: K\n", "needs url or url_env"),
    ("routes/x.yaml", "kind: pagerduty\nkey_env: K\nto: [bo]\n", "to is not of pagerduty"),
    ("routes/x.yaml", "kind: pagerduty\nkey_env: R0 12\n", "name of an environment variable"),
    ("routes/x.yaml", "kind: alertmanager\nurl: http://user:pass@am:9093\n", "no address for alertmanager"),
    ("routes/x.yaml", "kind: pagerduty\nurl: http://pd.example\nkey_env: K\n", "over TLS alone"),
    ("routes/x.yaml", "kind: smtp\nurl: smtp://mail\nfrom: a@b.c\nto: [\"a@b.c\\nBcc: e@f.g\"]\n", "no mail address"),
    ("team.yaml", "people: {ana: {email: \"a@b.c\\nBcc: e@f.g\"}}\n", "no mail address"),
    ("routes/x.yaml", "kind: smtp\nurl: http://mail\nfrom: a@b.c\nto: [bo]\n", "no address for smtp"),
    ("routes/x.yaml", "kind: ping\nurl: https://a.example\nevery: 1s\n", "every 10 s"),
    ("routes/x.yaml", "kind: pager\n", "'kind' is 'pager'"),
    ("routes/x.yaml", "kind: smtp\nurl: smtp://mail:587\nfrom: a@b.c\nto: [boo]\n", "person, role or rotation 'boo'"),
    ("oncall/x.yaml", "people: [ana]\n", "people and a day"), ("oncall/x.yaml", "calendar: ../x.ics\n", "in oncall/"),
    ("oncall/x.yaml", "people: [ana]\nstarts: monday\n", "starts is not 'monday'"),
    ("oncall/x.yaml", "people: [ana]\nstarts: 2013-09-09\nhandover: '9'\n", "handover is not '9'"),
    ("oncall/x.yaml", "people: [ana]\nstarts: 2013-09-09\nevery: 12h\n", "whole days"),
    ("oncall/x.yaml", "people: [ana]\nstarts: 2013-09-09\nzone: New York\n", "not a time zone"),
    ("oncall/x.yaml", "people: [anna]\nstarts: 2013-09-09\n", "person 'anna'"),
    ("oncall/x.yaml", "calendar: gone.ics\n", "which is not there"),
    ("monitors/x.yaml", "check: drift\nsubject: flights-delay\nalert: {escalate: [{after: 15m, to: pagr}]}\n",
     "rotation or route 'pagr'"),
    ("monitors/x.yaml", "check: drift\nsubject: flights-delay\nalert: {escalate: [{after: 9m, to: bo}, "
                        "{after: 5m, to: bo}]}\n", "Each step comes later"),
    ("mlops.yaml", "project: flights\ninbound: {port: 70000}\n", "A port lies")])
def test_doctor_names_what_is_wrong_with_a_declaration(ask: Ask, project: Path, session: Callable[..., Session],
                                                      name: str, text: str, words: str) -> None:
    (project / name).parent.mkdir(exist_ok=True)
    view = session("ana")
    (project / name).write_text(text, encoding="utf-8")
    view.project = type(view.declared())(project)
    assert words in str(view.perform(("doctor",)).view)
