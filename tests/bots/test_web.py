"""Signed HTTP, end to end: what Slack signed lately is taken, and whatever else knocks is refused and recorded."""

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from threading import Event, Thread
from urllib.parse import urlencode

import pytest

from bots.door import Door
from bots.surface import Service, Settings, app
from bots.web import LARGEST, PATH, Web
from mlops_tui.errors import BadInput
from mlops_tui.project import Project
from store.facts import IncidentEvent
from tests.bots.desk import Desk

FORM = "application/x-www-form-urlencoded"


@dataclass
class Site:
    """The bot's address, and whoever knocks there."""

    desk: Desk
    web: Web
    now: float = 0.0  # seconds on its own clock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}{PATH}"

    def knock(self, body: str, headers: dict[str, str], path: str = PATH, method: str = "POST") -> tuple[int, str]:
        """One request as it is; the status and what is said."""
        line = HTTPConnection("127.0.0.1", self.web.port, timeout=10)
        try:
            line.request(method, path, body.encode(), {"Content-Type": FORM, **headers})
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()

    def refusals(self) -> list[str]:
        return [getattr(entry.fact, "error", "") for entry in self.desk.ledger.entries("command")
                if entry.actor == "somebody at the door"]


def settings(port: int = 0) -> Settings:
    return Settings("xoxb-local-bot", "", "local-signing-secret", port=port)


@pytest.fixture
def site(desk: Desk) -> Iterator[Site]:
    door = Door(desk.inbox, lambda: Project(desk.folder), desk.client, desk.slack.url.removesuffix("api/"),
                desk.said.append)
    made = Site(desk, Web(app(door, settings()), desk.ledger, settings(), desk.said.append, lambda: made.now))
    stop = Event()
    thread = Thread(target=made.web.serve, args=(stop,))
    thread.start()
    desk.until(lambda: made.web.port)
    yield made
    stop.set()
    thread.join()


def signed(body: str, at: float | None = None, secret: str = "local-signing-secret") -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def command(text: str, trigger: str = "t1") -> str:
    return urlencode({"command": "/mlops", "text": text, "user_id": "U02", "channel_id": "C01", "trigger_id": trigger,
                      "response_url": ""})


# -- taken --------------------------------------------------------------------------------------------------------


def test_everything_slack_delivers_comes_through(site: Site) -> None:
    desk = site.desk
    desk.fires()
    desk.happens(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high", about="flights-delay"))
    assert desk.slack.use_http(site.url), "the challenge is answered"
    seen = desk.slack.slash("bo", "incident note INC-1 typed")
    assert (seen.ok, seen.text) == (True, "◌ `/mlops incident note INC-1 typed`")
    desk.works()
    desk.rests()
    card = next(each for each in desk.cards if "AL-1" in each["text"])
    assert desk.slack.click("bo", card, "I am on it").ok
    assert desk.slack.slash("bo", "incident resolve INC-1").modal
    assert desk.slack.submit("bo", values={"Why?": "the feed is back", }).ok
    desk.slack.mention("cy", "alert list")
    desk.works()
    assert [getattr(entry.fact, "event", "") for entry in desk.ledger.entries("incident")] == [
        "opened", "note", "resolved"]
    assert [getattr(entry.fact, "event", "") for entry in desk.ledger.entries("alert")] == ["fired", "acked"]
    assert "AL-1" in str(desk.cards[-1]["replies"])
    assert site.refusals() == []


def test_an_event_that_could_not_be_kept_comes_again(site: Site) -> None:
    desk = site.desk
    assert desk.slack.use_http(site.url)
    with desk.ledger.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert desk.slack.mention("bo", "status").undelivered == "http_error"
    desk.until(lambda: [each.attempt for each in desk.slack.wire.retries] == [2])
    with desk.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    desk.clock.pass_(61)  # Slack has tried at once; it tries after a minute, and after five
    desk.until(lambda: desk.waiting() == [("app_mention", "U02")])


def test_the_same_signed_request_has_no_second_effect(site: Site) -> None:
    body = command("status")
    headers = signed(body)
    assert [site.knock(body, headers)[0] for _ in range(3)] == [200, 401, 401]
    assert site.refusals() == ["replayed"]
    assert site.knock(body, {**headers, "X-Slack-Retry-Num": "1"})[0] == 200
    assert [each.seen for each in site.desk.inbox.waiting()] == [2]


def test_many_forms_that_wait_for_slack_keep_nobody_else_waiting(site: Site) -> None:
    desk = site.desk
    assert desk.slack.use_http(site.url)
    desk.slack.faults.slow("views.open", 1.5)
    waiting = [Thread(target=desk.slack.slash, args=("bo", "incident note INC-1")) for _ in range(16)]
    for thread in waiting:
        thread.start()
    assert desk.slack.slash("cy", "status").ok
    assert all(thread.is_alive() for thread in waiting)
    for thread in waiting:
        thread.join()


# -- refused ------------------------------------------------------------------------------------------------------


BODY = command("incident note INC-1 forged")


@pytest.mark.parametrize(("made", "why"), [  # made when the test runs: a signature holds for five minutes
    (lambda: signed(BODY, secret="guessed"), "not signed by Slack"),
    (lambda: signed("other words"), "not signed by Slack"),
    (dict[str, str], "not signed"),
    (lambda: {"X-Slack-Signature": "v0=1"}, "not signed"),
    (lambda: {**signed(BODY), "X-Slack-Request-Timestamp": "9" * 5000}, "not signed"),
    (lambda: {**signed(BODY), "X-Slack-Request-Timestamp": "-1"}, "not signed"),
    (lambda: {**signed(BODY), "X-Slack-Signature": "v0=é"}, "not signed by Slack"),
    (lambda: {**signed(BODY), "X-Slack-Signature": ""}, "not signed"),
    (lambda: signed(BODY, time.time() - 310), "too late"),
    (lambda: signed(BODY, time.time() + 900), "too late")])
def test_what_slack_has_not_signed_just_now_is_refused_and_recorded(
        site: Site, made: Callable[[], dict[str, str]], why: str) -> None:
    assert site.knock(BODY, made()) == (401, why)
    assert site.refusals() == [why]
    assert site.desk.waiting() == []


def test_who_knocks_all_day_does_not_fill_the_history(site: Site) -> None:
    late = signed(BODY, time.time() - 3600)
    threads = [Thread(target=site.knock, args=(BODY, headers)) for headers in ({}, late) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(site.refusals()) == ["not signed", "too late"]
    site.now += 61
    site.knock(BODY, {})
    site.knock(BODY, {})
    assert sorted(site.refusals()) == ["not signed", "not signed", "too late"]


def test_a_refusal_that_cannot_be_recorded_is_a_refusal_all_the_same(site: Site) -> None:
    with site.desk.ledger.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert site.knock(BODY, {}) == (401, "not signed")
    assert site.refusals() == []
    assert "could not be recorded" in site.desk.said[-1]


def test_what_is_too_large_or_elsewhere_is_not_even_read(site: Site) -> None:
    assert site.knock("x" * (LARGEST + 1), signed("x"))[0] == 413
    assert site.knock(BODY, signed(BODY), path="/")[0] == 404
    assert site.knock("", {}, method="GET")[0] == 405
    assert (site.desk.waiting(), site.refusals()) == ([], [])


def test_what_is_signed_and_no_request_of_slacks_does_nothing(site: Site) -> None:
    answers = {body: site.knock(body, signed(body))[0] for body in (
        "", "{}", "payload=x", "payload=[]", json.dumps({"payload": 1}), json.dumps({"type": 1}),
        "payload=" + json.dumps({"type": "block_actions"}))}
    assert set(answers.values()) <= {200, 400, 503}, answers
    assert site.desk.waiting() == []
    assert "KeyError" in site.desk.said[-1], "a bug is said"


# -- where it listens ---------------------------------------------------------------------------------------------


def test_it_listens_on_this_machine_alone(site: Site) -> None:
    with socket.socket() as line:
        line.settimeout(1)
        assert line.connect_ex(("127.0.0.1", site.web.port)) == 0
    with socket.socket() as line:
        line.settimeout(1)
        assert line.connect_ex(("127.0.0.2", site.web.port)) != 0, "bound to every address"
    assert f"127.0.0.1:{site.web.port}" in site.desk.said[0]


def test_a_port_that_is_taken_is_said_and_tried_again(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = Service(desk.session, replace(settings(port), base_url=desk.slack.url), "#ml-flights", desk.said.append)
        thread = Thread(target=made._listen)
        thread.start()
        desk.until(lambda: desk.said)
        assert "in use" in desk.said[0]
    try:
        desk.until(lambda: "listening on" in desk.said[-1])
    finally:
        made._stop.set()
        thread.join()


@pytest.mark.parametrize("port", ["99999", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    environment = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s", "SLACK_HTTP_PORT": port}
    with pytest.raises(BadInput, match="SLACK_HTTP_PORT"):
        Settings.of(environment)
    assert Settings.of({**environment, "SLACK_HTTP_PORT": "8080"}).port == 8080
