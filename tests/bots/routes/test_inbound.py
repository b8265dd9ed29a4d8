"""What the outside says back, over HTTP: proven, taken in once, never sent back to where it came from."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bots.routes.inbound import listen
from bots.routes.surface import Service, start
from mlops_tui import folds
from mlops_tui.errors import BadInput
from mlops_tui.oversight.listening import Listening
from tests.bots.routes.conftest import Outside
from tests.bots.routes.doubles import PagerDuty
from tests.conftest import START

TOKEN = "a-token"
SETTINGS = "project: flights\ntimezone: America/New_York\nclock: replay\ninbound: {{port: {port}}}\n"
SERVERS = "mlops_tui.oversight.listening"


@pytest.fixture
def pager(outside: Outside) -> Iterator[PagerDuty]:
    with PagerDuty() as made:
        outside.declares("pager", f"kind: pagerduty\nurl: {made.url}/v2/enqueue\nkey_env: PD_KEY\n"
                                  "receive_env: PD_HOOK\n")
        outside.declares("prom", "kind: alertmanager\nreceive_env: AM_TOKEN\n")
        outside.environment |= {"PD_HOOK": "s3cret", "AM_TOKEN": TOKEN}
        yield made


@pytest.fixture
def door(outside: Outside, pager: PagerDuty) -> Iterator[Listening]:
    (outside.folder / "mlops.yaml").write_text(SETTINGS.format(port=0), encoding="utf-8")
    outside.session.project = type(outside.session.declared())(outside.folder)
    made = listen(outside.session, outside.environment, outside.said.append)
    assert made is not None
    yield made
    made.stop()


def say(door: Listening, route: str, body: bytes | dict[str, Any], headers: dict[str, str] | None = None,
        path: str = "/routes/{}") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=5)
    try:
        given = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path.format(route), given, headers or {"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    finally:
        connection.close()


def key(outside: Outside) -> str:
    """What PagerDuty knows the turn by that AL-1 is in."""
    return f"flights/AL-1/{folds.alerts(outside.ledger.entries('alert'))['AL-1'].turn.isoformat()}"


# -- PagerDuty ------------------------------------------------------------------------------------------------------


def test_an_ack_there_is_an_ack_here_by_whom_the_team_knows_and_is_not_sent_back(outside: Outside, pager: PagerDuty,
                                                                                 door: Listening) -> None:
    outside.fires()
    outside.turn()
    assert say(door, "pager", *pager.webhook("incident.acknowledged", key(outside))) == (
        200, "AL-1 acked")
    outside.turn(2)
    alert = folds.alerts(outside.ledger.entries("alert"))["AL-1"]
    assert (alert.state, alert.owner) == ("acked", "bo")
    assert len(pager.requests) == 1, "PagerDuty said it itself"
    assert say(door, "pager", *pager.webhook("incident.resolved", key(outside))) == (
        200, "AL-1 resolved")
    outside.turn(2)
    assert len(pager.requests) == 1
    assert outside.events == ["fired", "acked", "resolved"]
    assert {entry.actor for entry in outside.ledger.entries("alert")} == {"ana (simulated)", "route pager"}


def test_acked_there_and_resolved_here_it_is_resolved_there(outside: Outside, pager: PagerDuty,
                                                               door: Listening) -> None:
    outside.fires()
    outside.turn()
    say(door, "pager", *pager.webhook("incident.acknowledged", key(outside), user="PNOBODY"))
    assert folds.alerts(outside.ledger.entries("alert"))["AL-1"].owner == "somebody at pager"
    outside.fires(event="resolved")
    outside.turn(2)
    assert [each.status for each in pager.incidents] == ["resolved"]


def test_what_we_did_there_ourselves_does_not_come_back(outside: Outside, pager: PagerDuty, door: Listening) -> None:
    outside.fires()
    outside.turn()
    outside.fires(event="recovered")
    outside.turn()
    for agent in ("inbound_integration_reference", "service_reference", ""):
        told = pager.webhook("incident.resolved", key(outside), agent=agent)
        assert say(door, "pager", *told) == (200, "not done by a person")
    assert outside.events == ["fired", "recovered"], "whether it was real is still to be said"


@pytest.mark.parametrize(("event", "named"), [
    ("incident.triggered", "flights/AL-1/NOW"), ("incident.unacknowledged", "flights/AL-1/NOW"), ("pagey.ping", ""),
    ("incident.acknowledged", "another/AL-1/NOW"), ("incident.acknowledged", "AL-1"),
    ("incident.resolved", "flights/AL-1/2013-09-13"), ("incident.resolved", "flights/AL-9/NOW")])
def test_what_is_not_ours_changes_nothing(outside: Outside, pager: PagerDuty, door: Listening, event: str,
                                          named: str) -> None:
    outside.fires()
    code, _ = say(door, "pager", *pager.webhook(event, named.replace("NOW", START.isoformat())))
    assert (code, outside.events) == (200, ["fired"])


def test_an_old_event_that_is_replayed_does_nothing_to_what_fires_again(outside: Outside, pager: PagerDuty,
                                                                        door: Listening) -> None:
    outside.fires()
    old = pager.webhook("incident.resolved", key(outside))
    outside.passes(minutes=10)
    outside.fires(event="recovered")
    outside.passes(minutes=10)
    outside.fires(event="refired")
    for _ in range(2):
        assert say(door, "pager", *old) == (200, "nothing changed")
    assert outside.events == ["fired", "recovered", "refired"]


def test_the_same_event_twice_counts_once(outside: Outside, pager: PagerDuty, door: Listening) -> None:
    outside.fires()
    told = pager.webhook("incident.acknowledged", key(outside))
    assert [say(door, "pager", *told)[1] for _ in range(3)] == ["AL-1 acked", "nothing changed", "nothing changed"]
    assert outside.events == ["fired", "acked"]


def test_forged_is_refused_and_recorded_once_a_minute(outside: Outside, pager: PagerDuty, door: Listening) -> None:
    outside.fires()
    body, headers = pager.webhook("incident.resolved", key(outside))
    forged = [(body, {}), (body + b" ", headers), (body, {"x-pagerduty-signature": "v1=é"}),
              pager.webhook("incident.resolved", key(outside), secret="guessed")]
    for each in forged:
        assert say(door, "pager", each[0], each[1] or {"X-None": "x"}) == (401, "not proven")
    assert outside.events == ["fired"]
    assert outside.refused == ["pager: not proven"]
    del outside.environment["PD_HOOK"]
    assert say(door, "pager", body, headers)[0] == 401, "no secret, nothing proven"


def test_while_a_secret_is_changed_either_signature_counts(outside: Outside, pager: PagerDuty, door: Listening) -> None:
    outside.fires()
    body, headers = pager.webhook("incident.acknowledged", key(outside))
    both = f"v1={'0' * 64}, {headers['x-pagerduty-signature']}"
    assert say(door, "pager", body, {"X-PagerDuty-Signature": both}) == (200, "AL-1 acked")


# -- Alertmanager ---------------------------------------------------------------------------------------------------


def group(*alerts: dict[str, Any], key: str = '{}:{alertname="Lag"}', **more: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": key, "truncatedAlerts": 0, "receiver": "mlops", "status": "firing",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am",
            "alerts": list(alerts), **more}


def one(fingerprint: str, status: str = "firing", severity: str = "critical", **labels: str) -> dict[str, Any]:
    return {"status": status, "fingerprint": fingerprint, "startsAt": "2026-11-26T13:00:00.000Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prom/graph",
            "labels": {"alertname": "Lag", "severity": severity, **labels},
            "annotations": {"summary": "The feed\nlags"}}


def test_alerts_of_prometheus_become_ours_and_resolve_with_theirs(outside: Outside, door: Listening) -> None:
    told = group(one("aa11", model="flights-delay"), one("bb22", severity="info"))
    assert say(door, "prom", told) == (200, "AL-1 fired, AL-2 fired")
    first, second = folds.alerts(outside.ledger.entries("alert")).values()
    assert (first.title, first.severity, first.about, first.check, first.monitor) == (
        "The feed lags", "critical", "flights-delay", "Lag", "prom/aa11")
    assert (second.severity, second.about, second.together) == ("low", "Lag", first.together)
    assert say(door, "prom", told) == (200, "nothing changed"), "it is told again every few hours"
    assert say(door, "prom", group(one("aa11", "resolved"), one("cc33", "resolved"))) == (200, "AL-1 resolved")
    assert say(door, "prom", group(one("aa11"))) == (200, "AL-3 fired")
    assert {entry.actor for entry in outside.ledger.entries("alert")} == {"route prom"}
    shown = outside.session.perform(["alert", "show", "AL-2"])
    assert shown.view.title == "AL-2: The feed lags"
    assert outside.session.perform(["alert", "ack", "AL-2"]).exit == 0
    assert outside.session.perform(["alert", "list"]).exit == 0


def test_what_we_told_alertmanager_does_not_come_back_as_an_alert_of_its_own(outside: Outside, door: Listening) -> None:
    outside.fires()
    own = one("aa11", project="flights", alert="AL-1")
    assert say(door, "prom", group(own, one("bb22", project="flights"))) == (200, "AL-2 fired")


def test_the_same_alert_twice_in_one_message_fires_once(outside: Outside, door: Listening) -> None:
    assert say(door, "prom", group(one("aa11"), one("aa11"))) == (200, "AL-1 fired")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"\xff", b"[" * 60_000, {}, {"version": "3", "alerts": []}, group("x"),  # type: ignore[arg-type]
    group({**one("aa11"), "labels": ["x"]}), group({**one("aa11"), "status": "odd"}), group(one("../../x")),
    group({**one("aa11"), "fingerprint": 7}), {**group(), "alerts": None}])
def test_what_is_malformed_is_refused_and_recorded_and_leaves_nothing(outside: Outside, door: Listening,
                                                                      body: bytes | dict[str, Any]) -> None:
    code, _ = say(door, "prom", body)
    assert code == 400
    assert (outside.events, len(outside.refused)) == ([], 1)


def test_who_has_not_the_token_and_what_is_no_route_is_refused(outside: Outside, door: Listening) -> None:
    for headers in ({"X": "x"}, {"Authorization": "Bearer b-token"}, {"Authorization": TOKEN}):
        assert say(door, "prom", group(one("aa11")), headers)[0] == 401
    for path in ("/routes/nobody", "/routes/", "/", "/routes/../prom", "/metrics"):
        assert say(door, "", group(one("aa11")), path=path)[0] == 404
    assert outside.events == []
    assert outside.refused == ["prom: not proven", "no such route takes anything in"]
    for length in (str(1 << 21), "-1", "many"):
        assert say(door, "prom", b"", {"Content-Length": length})[0] == 413


def test_a_storm_in_one_message_is_numbered_in_one_go(outside: Outside, door: Listening,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    counted, next_id = list[str](), folds.next_id
    monkeypatch.setattr(folds, "next_id", lambda *given: counted.append("") or next_id(*given))
    outside.fires("AL-7")
    say(door, "prom", group(*[one(f"a{number}") for number in range(50)]))
    assert list(folds.alerts(outside.ledger.entries("alert"))) == [f"AL-{each}" for each in range(7, 58)]
    assert len(counted) == 1, "the history is locked meanwhile: four thousand took it more than five seconds"


def test_what_an_alert_from_outside_calls_its_check_becomes_no_command(outside: Outside, door: Listening) -> None:
    say(door, "prom", group(one("aa11", alertname="promote", model="flights-delay"), one("bb22", alertname="--help")))
    outside.session.perform(["incident", "open", "--alert", "AL-1"])
    for argv in (["alert", "show", "AL-1"], ["alert", "show", "AL-2"], ["incident", "show", "INC-1"]):
        said = [each.argv[0] for each in outside.session.perform(argv).view.actions]
        assert {"promote", "--help"}.isdisjoint(said), argv


def test_what_no_screen_and_no_mail_could_show_is_not_taken_in_as_it_is(outside: Outside, door: Listening) -> None:
    """Half a letter of UTF-16, a bell, an order to a terminal, text that runs backwards."""
    told = one("aa11", alertname="a\ud800\x07")
    told["annotations"] = {"summary": "\x1b[2J\u202eslow \ud83d"}
    assert say(door, "prom", group(told, key="\udc00"))[0] == 200
    [alert] = folds.alerts(outside.ledger.entries("alert")).values()
    for text in (alert.title, alert.about, alert.check, alert.together):
        assert text.isprintable()
        text.encode()
    assert "slow" in alert.title


def test_who_says_a_letter_now_and_then_keeps_nobody_waiting(outside: Outside, door: Listening,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{SERVERS}.SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", door.port), timeout=5) as slow:
        slow.sendall(b"POST /routes/prom HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        wait(lambda: not _takes(slow, b"x"), seconds=5)  # a letter at a time it was listened to for ever
    assert say(door, "prom", group(one("aa11")))[0] == 200


def test_no_more_are_listened_to_at_once_than_there_are_ears(outside: Outside, pager: PagerDuty,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{SERVERS}.EARS", 2)
    (outside.folder / "mlops.yaml").write_text(SETTINGS.format(port=0), encoding="utf-8")
    outside.session.project = type(outside.session.declared())(outside.folder)
    door = listen(outside.session, outside.environment, outside.said.append)
    assert door is not None
    try:
        busy = [socket.create_connection(("127.0.0.1", door.port), timeout=5) for _ in range(2)]
        with socket.create_connection(("127.0.0.1", door.port), timeout=5) as third:
            assert third.recv(1) == b"", "hung up at once"
        for each in busy:
            each.close()
        wait(lambda: _heard(door))
    finally:
        door.stop()


def _takes(line: socket.socket, letter: bytes) -> bool:
    try:
        time.sleep(0.05)
        line.sendall(letter)
    except OSError:
        return False
    return True


def _heard(door: Listening) -> bool:
    try:
        return say(door, "prom", group(one("aa11")))[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_alerts_from_outside_are_told_to_who_is_on_call_and_not_back(outside: Outside, pager: PagerDuty,
                                                                    door: Listening) -> None:
    say(door, "prom", group(one("aa11")))
    outside.turn(2)
    assert pager.requests == []
    assert outside.session.perform(["route", "why", "AL-1"]).view.facts()["reaches"] == ("bo",)


# -- the service ----------------------------------------------------------------------------------------------------


def test_nothing_listens_unless_it_is_declared_and_a_taken_port_is_said(outside: Outside, door: Listening) -> None:
    (outside.folder / "mlops.yaml").write_text(SETTINGS.format(port=door.port), encoding="utf-8")
    taken = type(outside.session.declared())(outside.folder)
    outside.session.project = taken
    with pytest.raises(BadInput, match=f"127.0.0.1:{door.port}"):
        listen(outside.session, outside.environment, outside.said.append)
    (outside.folder / "mlops.yaml").write_text("project: flights\nclock: replay\n", encoding="utf-8")
    outside.session.project = type(taken)(outside.folder)
    assert listen(outside.session, outside.environment, outside.said.append) is None
    for path in (outside.folder / "routes").iterdir():
        path.unlink()
    outside.session.project = type(taken)(outside.folder)
    assert start(outside.session, outside.said.append) is None, "no route, no threads"


def test_the_whole_of_it_goes_by_itself_and_ends_when_told(outside: Outside, pager: PagerDuty) -> None:
    (outside.folder / "mlops.yaml").write_text(SETTINGS.format(port=0), encoding="utf-8")
    outside.session.project = type(outside.session.declared())(outside.folder)
    service = Service(outside.session, outside.environment, outside.said.append, every=0.02)
    service.start()
    try:
        outside.fires()
        wait(lambda: pager.open)
        assert service.door is not None
        told = pager.webhook("incident.acknowledged", pager.open[0].key)
        assert say(service.door, "pager", *told) == (200, "AL-1 acked")
        outside.fires(event="resolved")
        wait(lambda: not pager.open)
    finally:
        service.stop()
    assert [each.status for each in pager.incidents] == ["resolved"]


def wait(holds: Any, seconds: float = 10) -> None:
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    while not holds():
        assert datetime.now(UTC) < until, "it never came to that"
        time.sleep(0.02)
