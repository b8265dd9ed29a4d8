"""What Prometheus reads: held against a parser written for the test, over a real GET, without a name of anybody."""

import http.client
import math
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_tui.errors import BadInput
from mlops_tui.oversight import scrape
from mlops_tui.oversight.exposition import CONTENT_TYPE, Family, Sample, exposition
from mlops_tui.oversight.telemetry import families
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.facts import AlertEvent, Promotion
from tests.conftest import Made

Parsed = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> tuple[dict[str, str], Parsed]:
    """Types by name, and values by name and labels: read character by character, as the format's grammar has it."""
    types, values = dict[str, str](), Parsed()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
        elif not line.startswith("#"):
            name = re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", line)[0]  # type: ignore[index]
            rest, labels = line[len(name):], dict[str, str]()
            if rest.startswith("{"):
                labels, rest = _labels(rest[1:])
            assert rest.startswith(" ")
            key = name, frozenset(labels.items())
            assert key not in values
            values[key] = float(rest[1:])
            assert re.sub("_(bucket|sum|count)$", "", name) in types or name in types
    return types, values


def _labels(text: str) -> tuple[dict[str, str], str]:
    found = {}
    while not text.startswith("}"):
        name, _, text = text.lstrip(",").partition('="')
        value = ""
        while text[0] != '"':
            if text[0] == "\\":
                value, text = value + {"n": "\n", "\\": "\\", '"': '"'}[text[1]], text[2:]
            else:
                value, text = value + text[0], text[1:]
        found[name], text = value, text[1:]
    return found, text[1:]


def test_odd_labels_and_values_come_back_as_they_were() -> None:
    labels = {"a": 'quo"te', "b": "back\\slash", "c": "new\nline", "d": "ü {x=\"y\"} , ☃"}
    values = [1.0, 0.1, -3.0, 1e300, math.inf, -math.inf]
    text = exposition([Family("x", "gauge", "A\nhelp \\ text", tuple(
        Sample(value, labels | {"n": str(number)}) for number, value in enumerate(values)))])
    types, found = parsed(text)
    assert types == {"x": "gauge"}
    assert list(found.values()) == values
    assert {key[1] for key in found} == {frozenset({**labels, "n": str(number)}.items()) for number in range(6)}
    assert "x NaN\n" in exposition([Family("x", "gauge", "", (Sample(math.nan),))])


@pytest.mark.parametrize("family", [
    Family("a b", "gauge", "", (Sample(1),)), Family("a", "counter", "", (Sample(1),)),
    Family("a_total", "gauge", "", (Sample(1),)), Family("a", "gauge", "", (Sample(1, {"b-c": "d"}),)),
    Family("a", "gauge", "", (Sample(1, {"__x": "d"}),))])
def test_what_the_format_does_not_have_is_refused(family: Family) -> None:
    with pytest.raises(ValueError, match="no name of"):
        exposition([family])


@pytest.fixture
def told(project: Path, session: Callable[..., Session], made: Made) -> Session:
    """A champion, a finding, an alert that is open, and a few requests of two endpoints."""
    (project / "mlops.yaml").write_text((project / "mlops.yaml").read_text() + "metrics: {port: 0}\n")
    opened = session("ana")
    opened.ledger.append(made.trained("3"), Promotion(subject="flights-delay", version="3", previous="", approval="",
                                                      evidence=""), made.finding("fail", value=0.25))
    opened.ledger.append(AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay",
                                    severity="high", title="ana says so", who="ana"))
    at = [opened.now() - timedelta(minutes=number) for number in range(1, 9)]
    rows = pa.table({"id": list(range(8)), "sched_dep": pa.array(at, pa.timestamp("us", "UTC")),
                     "day": ["2013-09-14"] * 8, "version": ["3"] * 8, "score": [0.5] * 8,
                     "latency_ms": [1.0, 4.0, 20.0, 20.0, 300.0, 300.0, 9000.0, None],
                     "status": [200, 200, 200, 404, 500, 503, 200, None],
                     "endpoint": ['we"b'] * 6 + ["batch"] * 2})
    connection = opened.data().connect()
    connection.register("made", rows)
    opened.commit(opened.data().write("flights-delay.predictions", "SELECT * FROM made", sort=("id",),
                                      partition_by=("day",), connection=connection))
    return opened


def test_the_numbers_are_those_of_the_project(told: Session) -> None:
    types, found = parsed(exposition(families(told)))

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    web = {"model": "flights-delay", "endpoint": 'we"b', "version": "3"}
    assert value("mlops_tui_requests_total", **web) == 6
    assert value("mlops_tui_request_failures_total", **web, fault="ours") == 2
    assert value("mlops_tui_request_failures_total", **web, fault="caller") == 1
    buckets = [value("mlops_tui_request_duration_seconds_bucket", **web, le=bound)
               for bound in ("0.005", "0.01", "0.025", "0.25", "0.5", "10", "+Inf")]
    assert buckets == [2, 2, 4, 4, 6, 6, 6]
    assert value("mlops_tui_request_duration_seconds_count", **web) == 6
    assert value("mlops_tui_request_duration_seconds_sum", **web) == pytest.approx(0.645, rel=0.01)
    assert value("mlops_tui_model_champion", model="flights-delay", version="3") == 1
    assert value("mlops_tui_alerts_open", severity="high") == 1
    assert value("mlops_tui_incidents_open", severity="high") == 0
    drift = {"monitor": "flights-drift", "check": "drift", "subject": "flights-delay"}
    assert value("mlops_tui_monitor_value", **drift) == 0.25
    assert [value("mlops_tui_monitor_status", **drift, status=each)
            for each in ("pass", "warn", "fail", "unknown")] == [0, 0, 1, 0]
    assert types["mlops_tui_request_duration_seconds"] == "histogram"
    assert all(name.startswith("mlops_tui_") for name in types)


def test_nobody_is_named_and_nothing_that_was_said(told: Session) -> None:
    text = exposition(families(told))
    for person in told.declared().team.people:
        assert not re.search(rf"\b{person}\b", text)
    assert "says so" not in text


def test_a_real_get_is_answered_and_nothing_else(told: Session) -> None:
    said: list[str] = []
    server = scrape.start(replaced(told), said.append)
    assert server is not None
    try:
        answers = {path: asked(server.port, path) for path in ("/metrics", "/metrics?x=1", "/", "/../mlops.yaml")}
        told.ledger.append(AlertEvent(subject="AL-1", event="resolved", who="ana", real=True))
        later = asked(server.port, "/metrics")[2]
        assert asked(server.port, "/metrics", "POST")[0] == 501
    finally:
        server.stop()
    assert [status for status, *_ in answers.values()] == [200, 200, 404, 404]
    assert answers["/metrics"][1] == CONTENT_TYPE
    assert parsed(answers["/metrics"][2])[1]["mlops_tui_alerts_open", frozenset({("severity", "high")})] == 1
    assert parsed(later)[1]["mlops_tui_alerts_open", frozenset({("severity", "high")})] == 0
    assert said == [f"metrics: http://127.0.0.1:{server.port}/metrics"]
    with pytest.raises(OSError, match="refused"):
        asked(server.port, "/metrics")


def replaced(session: Session) -> Session:
    """The session with its files as they are now."""
    session.project = Project(session.declared().root)
    return session


def asked(port: int, path: str, method: str = "GET") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def test_without_a_declaration_nothing_listens_and_a_taken_port_is_said(told: Session, project: Path) -> None:
    first = scrape.start(replaced(told), lambda text: None)
    assert first is not None
    try:
        settings = (project / "mlops.yaml").read_text()
        (project / "mlops.yaml").write_text(settings.replace("port: 0", f"port: {first.port}"))
        with pytest.raises(BadInput, match="Nothing can listen at"):
            scrape.start(replaced(told), lambda text: None)
    finally:
        first.stop()
    settings = (project / "mlops.yaml").read_text().partition("metrics:")[0]
    (project / "mlops.yaml").write_text(settings)
    assert scrape.start(replaced(told), lambda text: None) is None


def test_what_cannot_be_told_is_answered_as_our_fault_and_said(told: Session, project: Path) -> None:
    said: list[str] = []
    server = scrape.start(replaced(told), said.append)
    assert server is not None
    try:
        (project / "models" / "flights-delay.yaml").write_text("task: nonsense\n")
        assert asked(server.port, "/metrics")[0] == 500
    finally:
        server.stop()
    assert "metrics:" in said[-1]
