"""Traffic of a model's endpoints: what is odd is found and said in words, what is missing is not zero."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.analysis import latency
from mlops_tui.commands import perform
from mlops_tui.declarations.endpoints import Query
from mlops_tui.logs.hourly import bucket_sql
from mlops_tui.monitoring import _promql
from mlops_tui.project import Project
from mlops_tui.render import terminal
from mlops_tui.session import ReplayClock, Session, without_project
from mlops_tui.view import Status
from store.facts import Finding
from tests.analysis.planted import NEW_YORK, clock_of, weekly
from tests.lived import CONTRACT, MODEL

WEEKS, END = 12, datetime(2013, 1, 1, 5, tzinfo=UTC) + timedelta(weeks=12)
OPTIONAL = ("latency_ms", "status", "endpoint")
ENDPOINT = """\
model: trip-delay
objectives: {availability: 0.99, latency: {p: 0.99, below: 200ms}, window: 30d}
"""


@dataclass
class World:
    """Requests (n,) of 12 weeks, hour by hour, before they are written."""

    hour: np.ndarray
    status: np.ndarray
    latency: np.ndarray
    endpoint: np.ndarray

    @classmethod
    def made(cls, a_day: float = 400, seed: int = 1) -> "World":
        clock = clock_of(WEEKS * 168)
        random = np.random.default_rng(seed)
        counts = random.poisson(weekly(clock) * a_day / 24)
        hour = np.repeat(np.arange(clock.hours), counts)
        status = np.where(random.random(hour.size) < 0.005, 500, np.where(random.random(hour.size) < 0.02, 404, 200))
        return cls(hour, status, random.lognormal(3, 0.5, hour.size).round(3), np.full(hour.size, "api", dtype="U8"))

    def keep(self, use: np.ndarray) -> None:
        for name in ("hour", "status", "latency", "endpoint"):
            setattr(self, name, getattr(self, name)[use])

    def table(self, *columns: str) -> pa.Table:
        clock = clock_of(WEEKS * 168)
        days = np.array([f"{clock.at(place).astimezone(NEW_YORK):%Y-%m-%d}" for place in range(clock.hours)])
        seconds = int(clock.first.timestamp()) + 3600 * self.hour + np.arange(self.hour.size) * 7919 % 3590
        every = {"id": pa.array(np.arange(seconds.size)),
                 "leaves": pa.array(seconds * 1_000_000, pa.timestamp("us", "UTC")), "day": pa.array(days[self.hour]),
                 "version": pa.array(["1"] * seconds.size), "score": pa.array(np.full(seconds.size, 0.5)),
                 "latency_ms": pa.array(self.latency), "status": pa.array(self.status),
                 "endpoint": pa.array(self.endpoint)}
        return pa.table({name: values for name, values in every.items() if name not in OPTIONAL or name in columns})


@pytest.fixture
def served(project: Path, session: Callable[..., Session], clock: ReplayClock) -> Callable[..., Session]:
    """A project whose model was asked as the world says; these optional columns are in its log."""
    clock.moment = END

    def made(world: World, *columns: str, by_day: bool = False) -> Session:
        for name, text in (("datasets/trips.yaml", CONTRACT), ("models/trip-delay.yaml", MODEL),
                           ("endpoints/api.yaml", ENDPOINT)):
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text, encoding="utf-8")
        opened = session("ana")
        connection = opened.data().connect()
        connection.register("made", world.table(*columns))
        opened.commit(opened.data().write("trip-delay.predictions", "SELECT * FROM made", sort=("leaves",),
                                          partition_by=("day",) if by_day else (), connection=connection))
        return opened

    return made


def monitored(session: Session, text: str = "", subject: str = "api") -> Session:
    """The session with a monitor of traffic that looks at the last 24 hours."""
    root = session.declared().root
    (root / "monitors" / "api-traffic.yaml").write_text(
        f"check: traffic\nsubject: {subject}\nwindow: 24h\n"
        f"alert: {{after: 1 of 1, severity: high, route: oncall}}\n{text}", encoding="utf-8")
    return anew(session)


def anew(session: Session) -> Session:
    """The session with the project's files as they are now."""
    return replace(session, project=Project(session.declared().root))


def looked(session: Session, *argv: str) -> Any:
    outcome = session.perform(("traffic", *(argv or ("api",))))
    assert outcome.error is None, outcome.error
    return outcome.view


def signals(view: Any) -> dict[str, Any]:
    return {row["signal"]: row for row in view.table("signals").rows}


def test_calm_traffic_passes_with_its_figures(served: Callable[..., Session]) -> None:
    world = World.made()
    session = served(world, *OPTIONAL, by_day=True)
    view = looked(session)
    assert view.status is Status.PASS
    last = world.hour >= (WEEKS * 168 - 24)
    [row] = view.table("endpoints").rows
    assert row["requests"] == last.sum()
    assert row["errors"] == pytest.approx((world.status[last] == 500).mean())
    assert row["callers"] == pytest.approx((world.status[last] == 404).mean())
    for name, p in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        exact = np.sort(world.latency[last])[int(np.ceil(p * last.sum())) - 1]
        assert row[name] == pytest.approx(exact, rel=0.0101)
    assert row["p50_low"] < row["p50"] < row["p50_high"]
    assert [each["objective"] for each in view.table("budgets").rows] == ["availability", "p99 below 200 ms"]
    lines = [str(line) for line in terminal.lines(view, width=80)]
    assert max(map(len, lines)) <= 80
    head = session.ledger.head_seq()
    assert looked(session, "api", "--preview").title == view.title
    assert session.ledger.head_seq() == head, "and nothing recorded"


def test_what_the_log_does_not_have_is_missing_and_not_zero(served: Callable[..., Session]) -> None:
    view = looked(monitored(served(World.made()), "limits: {error_rate: 0.01, p99_ms: 200}\n"), "api", "--monitor",
                  "api-traffic")
    found = signals(view)
    assert view.status is Status.UNKNOWN
    assert found["volume"]["status"] is Status.PASS
    assert found["errors"]["status"] is found["latency"]["status"] is Status.UNKNOWN
    assert found["availability"]["status"] is Status.UNKNOWN
    assert "no status" in found["errors"]["said"]
    assert view.facts()["not_in_the_log"] == OPTIONAL
    assert "errors" not in view.table("endpoints").rows[0]


@pytest.mark.parametrize(("alter", "signal", "words"), [
    (lambda w: w.keep(w.hour < WEEKS * 168 - 9), "volume", "silent since"),
    (lambda w: w.keep((w.hour < WEEKS * 168 - 10) | (w.hour >= WEEKS * 168 - 7)), "volume", "are usual"),
    (lambda w: w.status.__setitem__(w.hour >= WEEKS * 168 - 12, np.where(
        np.arange((w.hour >= WEEKS * 168 - 12).sum()) % 4, 200, 503)), "errors", "of the requests of api failed"),
    (lambda w: w.latency.__setitem__(w.hour >= WEEKS * 168 - 12, w.latency[w.hour >= WEEKS * 168 - 12] * 3),
     "latency", "p99 of api was")])
def test_each_fault_is_found_by_the_signal_meant_for_it_and_fires(
        served: Callable[..., Session], alter: Callable[[World], None], signal: str, words: str) -> None:
    world = World.made(a_day=2400)
    alter(world)
    session = monitored(served(world, *OPTIONAL))
    view = looked(session, "api", "--monitor", "api-traffic")
    assert view.status is Status.FAIL
    assert signals(view)[signal]["status"] is Status.FAIL
    assert words in signals(view)[signal]["said"]
    fact = session.ledger.entries("finding")[-1].fact
    assert isinstance(fact, Finding)
    assert (fact.check, fact.subject, fact.monitor, fact.status) == ("traffic", "api", "api-traffic", "fail")
    assert [entry.fact.event for entry in session.ledger.entries("alert")] == ["fired"]
    models = {row["model"]: row for row in session.perform(("status",)).view.table("models").rows}
    assert models["trip-delay"]["serving"] is Status.FAIL


def test_a_budget_that_burns_is_said_with_its_rate_and_its_end(served: Callable[..., Session]) -> None:
    world = World.made(a_day=4800)
    last = world.hour >= WEEKS * 168 - 2
    world.status[last] = np.where(np.arange(last.sum()) % 3, 200, 503)
    view = looked(served(world, *OPTIONAL))
    row = next(each for each in view.table("budgets").rows if each["objective"] == "availability")
    assert row["burn_1h"] == pytest.approx(33.3, abs=2)
    assert row["status"] is Status.FAIL
    assert "times too fast for 1 h" in row["said"]
    month = world.hour >= WEEKS * 168 - 30 * 24
    assert row["left"] == pytest.approx(1 - (world.status[month] == 500).mean() / 0.01
                                        - (world.status[month] == 503).mean() / 0.01)


def test_too_little_history_and_too_little_traffic_are_unknown(served: Callable[..., Session]) -> None:
    young = World.made()
    young.keep(young.hour >= (WEEKS - 2) * 168)
    view = looked(served(young), "trip-delay")
    assert view.status is Status.UNKNOWN
    assert "three weeks" in view.title


def test_too_few_requests_to_miss_any_are_unknown(served: Callable[..., Session]) -> None:
    view = looked(served(World.made(a_day=3)), "trip-delay")
    assert signals(view)["volume"]["status"] is Status.UNKNOWN
    assert "no surprise" in signals(view)["volume"]["said"]


def test_days_that_a_contract_knows_to_be_odd_are_quiet(served: Callable[..., Session]) -> None:
    world = World.made(a_day=2400)
    world.keep(world.hour < WEEKS * 168 - 24)
    session = served(world)
    assert looked(session, "trip-delay").status is Status.FAIL
    known = "  - property: knownAnomalies\n    value: [{what: moved house, from: 2013-03-25, to: 2013-03-26}]\n"
    path = session.declared().root / "datasets/trips.yaml"
    path.write_text(path.read_text(encoding="utf-8") + known, encoding="utf-8")
    view = looked(anew(session), "trip-delay")
    assert view.status is Status.UNKNOWN
    assert "moved house" in signals(view)["volume"]["said"]


def test_a_request_that_is_late_in_the_log_is_waited_for(served: Callable[..., Session]) -> None:
    world = World.made(a_day=2400)
    world.keep(world.hour < WEEKS * 168 - 6)
    session = served(world)
    assert looked(session).status is not Status.PASS
    path = session.declared().root / "endpoints/api.yaml"
    path.write_text("model: trip-delay\ndelay: 6h\n", encoding="utf-8")
    assert looked(anew(session)).status is Status.PASS


def test_a_file_is_judged_with_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.made()
    world.keep(world.hour < WEEKS * 168 - 12)
    world.endpoint[::2] = "other"
    pq.write_table(world.table(*OPTIONAL), tmp_path / "r.parquet")
    monkeypatch.chdir(tmp_path)
    session = without_project(tmp_path, perform)
    argv = ("r.parquet", "--time", "leaves", "--latency", "latency_ms", "--status", "status", "--endpoint", "endpoint")
    view = looked(session, *argv, "--version", "version")
    assert view.status is Status.PASS
    assert {row["endpoint"] for row in view.table("endpoints").rows} == {"api", "other"}
    assert not view.actions, "nothing of a file is exported"
    for wrong, words in ((("r.parquet", "--time", "score"), "not a time"),
                         (("r.parquet", "--time", "nix"), "No column"),
                         (("r.parquet", "--time", "leaves", "--status", "version"), "not a number"),
                         (("r.parquet", "--time", "leaves", "--status", "score"), "no column of HTTP statuses"),
                         (("r.parquet", "--time", "leaves", "--status", "id"), "no column of HTTP statuses"),
                         (("r.parquet", "--time", "leaves", "--window", "0h"), "Nothing happens in '0h'"),
                         (("r.parquet",), "A file needs --time")):
        refused = session.perform(("traffic", *wrong))
        assert refused.exit == 2
        assert words in refused.view.title


def test_buckets_are_the_same_in_sql_and_in_numpy(session: Callable[..., Session]) -> None:
    values = np.concatenate([[0.0, latency.LEAST, 1e9], np.random.default_rng(1).lognormal(3, 4, 2000)])
    connection = session("ana").data().connect()
    connection.register("given", pa.table({"x": values}))
    found = connection.execute(f"SELECT {bucket_sql('x')} AS b FROM given").fetchnumpy()["b"]
    assert found.tolist() == latency.bucket(values).tolist()


def test_the_doctor_follows_what_traffic_names(served: Callable[..., Session]) -> None:
    session = monitored(served(World.made()), subject="apj")
    (session.declared().root / "endpoints" / "lost.yaml").write_text("model: trip-delai\n", encoding="utf-8")
    rows = anew(session).perform(("doctor",)).view.table("checks").rows
    said = {row["check"]: row["detail"] for row in rows if row["status"] is Status.FAIL}
    assert "names the model or endpoint 'apj'" in said["monitor api-traffic"]
    assert "names the model 'trip-delai'" in said["endpoint lost"]


# -- Prometheus in --------------------------------------------------------------------------------------------------


class Server:
    """A Prometheus that answers query_range from counts by hour, or as it is told."""

    def __init__(self, counts: np.ndarray, first: datetime) -> None:
        self.counts, self.first, self.answer, self.asked = counts, first, None, list[dict[str, Any]]()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place = urlparse(self.path)
                server.asked.append({**parse_qs(place.query), "path": place.path,
                                     "token": self.headers.get("Authorization")})
                code, body, headers = server.answer or (200, server.said(parse_qs(place.query)), {})
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *values: object) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def said(self, query: dict[str, list[str]]) -> bytes:
        start, end, step = (float(query[name][0]) for name in ("start", "end", "step"))
        values = []
        for stamp in np.arange(start, end + 1, step):
            hour = int((stamp - self.first.timestamp()) // 3600) - 1  # the hour before the stamp
            if 0 <= hour < len(self.counts) and np.isfinite(self.counts[hour]):
                values.append([stamp, str(self.counts[hour])])
        result = [{"metric": {"path": "/predict"}, "values": values}] if values else []
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()

    def stop(self) -> None:
        if not self.thread.is_alive():
            return
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def prometheus() -> Iterator[Server]:
    clock = clock_of(WEEKS * 168)
    server = Server(np.random.default_rng(3).poisson(weekly(clock) * 100).astype(float), clock.first)
    yield server
    server.stop()


def asking(session: Session, url: str, more: str = "") -> Session:
    query = 'sum by (path) (increase(http_requests_total[1h]))'
    return monitored(session, f"prometheus: {{url: '{url}', query: '{query}', step: 1h, timeout: 1s{more}}}\n")


def test_what_prometheus_counts_is_judged_by_the_same_seasons(served: Callable[..., Session], prometheus: Server,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    session = asking(served(World.made()), prometheus.url, ", token_env: PROM_TOKEN")
    monkeypatch.setenv("PROM_TOKEN", "s3cret")
    calm = looked(session, "api", "--monitor", "api-traffic")
    assert signals(calm)["volume"]["status"] is Status.PASS
    assert prometheus.asked[0]["path"] == "/api/v1/query_range"
    assert prometheus.asked[0]["token"] == "Bearer s3cret"
    assert "s3cret" not in repr(session.ledger.entries())
    prometheus.counts[-6:] = 0
    assert looked(session, "api", "--monitor", "api-traffic").status is Status.FAIL
    prometheus.counts[-24:] = np.nan  # it was not scraped: a gap is not a zero
    gone = looked(session, "api", "--monitor", "api-traffic")
    assert signals(gone)["volume"]["status"] is Status.UNKNOWN


@pytest.mark.parametrize(("answer", "words"), [
    ((200, b"<html>", {}), "no Prometheus"), ((200, b'{"status": "success", "data": []}', {}), "no Prometheus"),
    ((400, b'{"status": "error", "error": "parse error"}', {}), "answered 400: parse error"),
    ((200, b"[" * 100_000, {}), "no Prometheus"),
    ((200, b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": '
           b'[[Infinity, "3"]]}]}}', {}), "no Prometheus"),
    ((302, b"", {"Location": "http://127.0.0.1:9/"}), "answered 302"),
    ((200, b'{"status": "success", "data": {"resultType": "vector", "result": []}}', {}), "not a series"),
    ((200, b'{"status": "success", "data": {"resultType": "matrix", "result": []}}', {}), "no such series"),
    ((200, b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "-3"]]}]'
           b'}}', {}), "below 0")])
def test_a_wrong_answer_is_unknown_with_its_reason(served: Callable[..., Session], prometheus: Server,
                                                   answer: tuple[int, bytes, dict[str, str]], words: str) -> None:
    session = asking(served(World.made(a_day=50)), prometheus.url)
    prometheus.answer = answer
    view = looked(session, "api", "--monitor", "api-traffic")
    assert view.status is Status.UNKNOWN
    assert words in view.title
    assert session.ledger.entries("finding")[-1].fact.status == "unknown"
    assert len(prometheus.asked) == 1  # a redirect is not followed


def test_a_server_that_is_away_or_has_no_token_is_unknown(served: Callable[..., Session], prometheus: Server) -> None:
    session = asking(served(World.made(a_day=50)), prometheus.url, ", token_env: NO_SUCH_TOKEN")
    assert "NO_SUCH_TOKEN is not set" in looked(session, "api", "--monitor", "api-traffic").title
    prometheus.stop()
    away = asking(session, prometheus.url)
    view = looked(away, "api", "--monitor", "api-traffic")
    assert (view.status, "cannot be reached" in view.title) == (Status.UNKNOWN, True)


def test_a_token_that_cannot_be_sent_is_not_told_and_a_server_that_drips_is_not_waited_for(
        monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()

    class Dripping(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while time.monotonic() < began + 20:
                    self.wfile.write(b" ")
                    time.sleep(0.02)

        def log_message(self, format: str, *values: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    query = Query(f"http://127.0.0.1:{http.server_address[1]}", "up", token_env="PROM_TOKEN",
                  timeout=timedelta(seconds=0.2))
    try:
        monkeypatch.setenv("PROM_TOKEN", "s3cret\nsecond")
        with pytest.raises(_promql.NotAnswered, match="is no token") as told:
            _promql._answer(query, END, END)
        assert "s3cret" not in str(told.value.__dict__)
        monkeypatch.setenv("PROM_TOKEN", "s3cret\n")
        with pytest.raises(_promql.NotAnswered, match="had not answered"):
            _promql._answer(query, END, END)
        assert time.monotonic() - began < 10
    finally:
        http.shutdown()
        http.server_close()


def test_long_ranges_are_asked_in_pieces() -> None:
    start, step = datetime(2020, 1, 1, tzinfo=UTC), timedelta(minutes=5)
    pieces = list(_promql._pieces(start, start + 25_000 * step, step))
    assert [int((end - begin) / step) + 1 for begin, end in pieces] == [10_000, 10_000, 5_001]
    assert pieces[1][0] == pieces[0][1] + step
