"""Events from a real Redis, exactly once in the lake whatever dies: killed consumers, a killed server, two at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mlops_tui.data import _consuming
from mlops_tui.data._streamed import fact_of, fed, read_so_far
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Finding, Streamed
from store.streams import Away, Event, Reader
from tests.services.redis_server import RedisServer, redis_server

ROOT = Path(__file__).parents[2]
DATASET = """\
apiVersion: v3.1.0
kind: DataContract
id: flights
version: 1.0.0
status: active
schema:
  - name: flights
    properties:
      - {{name: id, logicalType: integer, required: true, unique: true, primaryKey: true}}
      - {{name: sched_dep, logicalType: timestamp, required: true, logicalTypeOptions: {{timezone: true}}}}
      - {{name: delay, logicalType: number, logicalTypeOptions: {{minimum: -60, maximum: 600}}}}
customProperties:
  - {{property: eventTime, value: sched_dep}}
  - {{property: partitionBy, value: day}}
  - property: stream
    value: {{redis: "{url}", stream: flights, lateness: 6h, batch: {batch}, every: 1s, claim: {claim}, late: {late}}}
"""
NOON = datetime(2013, 6, 1, 16, tzinfo=UTC)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as running:
        yield running


def project(folder: Path, url: str, *, batch: int = 50, claim: str = "1s", late: str = "accept") -> Path:
    (folder / "datasets").mkdir(parents=True, exist_ok=True)
    (folder / "mlops.yaml").write_text("project: flights\ntimezone: America/New_York\n", encoding="utf-8")
    (folder / "datasets" / "flights.yaml").write_text(
        DATASET.format(url=url, batch=batch, claim=claim, late=late), encoding="utf-8")
    return folder


@pytest.fixture
def root(tmp_path: Path, server: RedisServer) -> Path:
    return project(tmp_path / "project", server.url)


def opened(root: Path) -> Session:
    return open_project(root, clock=ReplayClock(datetime(2013, 9, 1, tzinfo=UTC)), source="test")


def event(number: int, *, at: datetime = NOON, delay: float = 5.5) -> dict[str, str]:
    return {"event": json.dumps({"id": number, "sched_dep": at.isoformat(), "delay": delay})}


def fill(server: RedisServer, *entries: dict[str, str]) -> list[str]:
    with server.client() as client:
        pipe = client.pipeline()
        for each in entries:
            pipe.xadd("flights", each)  # type: ignore[arg-type]
        return [place.decode() for place in pipe.execute()]


def ids(session: Session, dataset: str = "flights", column: str = "id") -> Counter[Any]:
    """How often each id is in the dataset now."""
    state = session.current(dataset)
    if state is None:
        return Counter()
    return Counter(value for value, in session.data().connect().execute(
        f"SELECT {column} FROM {session.data().scan(state)}").fetchall())


def run(session: Session, *words: str) -> Any:
    return session.perform(["stream", "run", "flights", "--once", *words])


def consumer(root: Path, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "mlops_tui", "stream", "run", "flights", *words], cwd=root,
                            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


# -- exactly once -------------------------------------------------------------------------------------------------


def test_a_consumer_killed_mid_batch_again_and_again_leaves_every_event_once(server: RedisServer, root: Path) -> None:
    total, chance = 4500, random.Random(20130914)
    fill(server, *(event(number, at=NOON + timedelta(minutes=number)) for number in range(total)),
         {"event": "{no json"}, event(7, delay=9999.0), *(event(total + bad, delay=9999.0) for bad in range(5)))
    killed, watching = 0, opened(root)
    for _ in range(8):
        before = len(read_so_far(watching, "flights"))
        process = consumer(root)
        try:
            deadline = time.monotonic() + 60
            while len(read_so_far(watching, "flights")) <= before and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.15))
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        killed += 1
    session = opened(root)
    assert len(ids(session)) < total, "the last consumer was killed before it had read all"
    time.sleep(1.1)  # what the dead ones held may be taken over now
    outcome = run(session)
    assert outcome.exit == 0, outcome.error
    assert ids(session) == Counter(range(total)), f"each event once after {killed} kills"
    assert set(ids(session, "flights.quarantine", "CAST(id AS INTEGER)").values()) == {1}
    assert len(ids(session, "flights.quarantine")) == 5, "of two events with one id the first counts, bad or not"
    assert list(ids(session, "flights.dead", "event").items()) == [("{no json", 1)]
    assert session.ledger.verify() is None


def test_a_crash_between_the_commit_and_its_acknowledgement_takes_nothing_in_twice(
        server: RedisServer, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(server, *(event(number) for number in range(120)), {"event": "[]"}, event(500, delay=9999.0))
    session = opened(root)
    made = _consuming.reader_of

    class Crash(BaseException):
        pass

    def crashing(*given: Any) -> Reader:
        reader = made(*given)

        def done(events: Sequence[Event]) -> None:
            raise Crash

        reader.done = done  # type: ignore[method-assign]
        return reader

    monkeypatch.setattr("mlops_tui.data.stream.reader_of", crashing)
    for _ in range(3):
        with pytest.raises(Crash):
            run(session)
    monkeypatch.undo()
    outcome = run(session)
    assert outcome.view.facts()["twice"] == 50, "the batch that was committed comes again, and is known"
    assert ids(session) == Counter(range(120))
    assert (len(ids(session, "flights.dead", "position")), len(ids(session, "flights.quarantine"))) == (1, 1)


def test_two_consumers_at_once_share_the_events_and_take_none_twice(server: RedisServer, root: Path) -> None:
    fill(server, *(event(number % 800, at=NOON + timedelta(minutes=number % 800)) for number in range(1600)))
    both = [consumer(root, "--once") for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    session = opened(root)
    run(session)
    assert ids(session) == Counter(range(800)), "each id once, though the producer sent it twice"
    batches = [fact_of(each) for each in read_so_far(session, "flights")]
    assert sum(fact.taken for fact in batches) == 800
    assert sum(fact.twice for fact in batches) >= 800, "more where one was so slow that the other took over"


def test_one_that_was_overtaken_looks_again(server: RedisServer, root: Path) -> None:
    """Both have read the same event; the second to commit recognises it under the lock."""
    from mlops_tui.data import _microbatch

    session, other = opened(root), opened(root)
    source, event_ = fed(session, "flights"), Event("1-0", event(1)["event"].encode(), arrived=NOON)
    _microbatch.take_in(session, source, [Event("0-1", event(0)["event"].encode(), arrived=NOON)])
    looked = _microbatch._Attempt(session, source, [event_], {}, False, "")
    original, done = looked.session.ledger.transact, []

    def late(decide: Any, **how: Any) -> Any:
        if not done:
            done.append(_microbatch.take_in(other, source, [Event("2-0", event(1)["event"].encode(), arrived=NOON)]))
        return original(decide, **how)

    session.ledger.transact = late  # type: ignore[method-assign]
    with pytest.raises(_microbatch.Overtaken):
        looked.made()
    assert _microbatch.take_in(session, source, [event_]).twice == 1
    assert ids(session) == Counter([0, 1])


# -- malformed, bad, late -----------------------------------------------------------------------------------------


MALFORMED = [
    ({"event": "{not json"}, "it is no JSON: Expecting property name"),
    ({"event": ""}, "it is no JSON: Expecting value"),
    ({"event": "[1, 2]"}, "it is no JSON object"),
    ({"event": '{"delay": 3}'}, "it has no id"),
    ({"event": '{"id": null}'}, "it has no id"),
    ({"event": '{"id": "x7"}'}, "its id is 'x7', which is no whole number"),
    ({"event": '{"id": 8, "delay": NaN}'}, "NaN is no number"),
    ({"event": '{"id": 9, "delay": {"minutes": 5}}'}, "its delay is an object, declared number"),
    ({"event": '{"id": 10, "note": "\\ud800", "delay": 1}'}, "half a character"),
    ({"event": b'{"id": "\xff"}'}, "it is no UTF-8"),
    ({"event": "[" * 100_000}, "it is no JSON"),
]


def test_each_malformed_event_is_a_dead_letter_with_its_reason(server: RedisServer, root: Path) -> None:
    places = fill(server, *(entry for entry, _ in MALFORMED), event(1))  # type: ignore[arg-type]
    session = opened(root)
    outcome = run(session)
    assert (outcome.view.status, outcome.exit) == (Status.WARN, 0)
    shown = session.perform(["stream", "dead", "flights"]).view
    reasons = {row["position"]: str(row["reason"]) for row in shown.table("dead").rows}
    for place, (_, reason) in zip(places, MALFORMED, strict=False):
        assert reason in reasons[place]
    assert ids(session) == Counter([1])
    [found] = [entry.fact for entry in session.ledger.entries("finding")]
    assert isinstance(found, Finding)
    assert (found.check, found.status) == ("ingest", "warn")


def test_dead_letters_outlive_their_redis_and_are_tried_again(server: RedisServer, root: Path) -> None:
    [bad, _] = fill(server, {"event": '{"id": "x7", "sched_dep": "2013-06-01T12:00:00Z"}'}, {"event": "{"})
    session = opened(root)
    run(session)
    server.kill()
    assert session.perform(["stream", "again", "flights", "--all"]).view.facts()["dead_letters"] == 2
    fixed = '{"id": 7, "sched_dep": "2013-06-01T12:00:00Z"}'
    done = session.perform(["stream", "again", "flights", bad, "--event", fixed])
    assert (done.view.facts()["taken"], done.view.facts()["dead_letters"]) == (1, 1)
    assert ids(session) == Counter([7])
    wrong = session.perform(["stream", "again", "flights", "1-1"])
    assert wrong.error is not None
    assert "No dead letter '1-1'" in wrong.error["what"]


def test_bad_rows_go_to_the_quarantine_with_their_rules(server: RedisServer, root: Path) -> None:
    fill(server, event(1), event(2, delay=601), {"id": "3", "sched_dep": "soon", "delay": "1"},
         {"event": '{"id": 4, "delay": "much"}'})
    session = opened(root)
    run(session)
    state = session.snapshot("flights.quarantine")
    rows = session.data().connect().execute(f"SELECT id, _rules, _batch, delay FROM {session.data().scan(state)} "
                                            "ORDER BY CAST(id AS INTEGER)").fetchall()
    assert [(row[0], row[1]) for row in rows] == [
        ("2", ["delay:maximum"]), ("3", ["sched_dep:type"]), ("4", ["sched_dep:required", "delay:type"])]
    assert rows[0][2].startswith("flights 20")
    assert ids(session) == Counter([1])


@pytest.mark.parametrize("policy", ["accept", "dead"])
def test_late_events_are_counted_and_taken_or_set_aside_as_declared(server: RedisServer, tmp_path: Path,
                                                                    policy: str) -> None:
    session = opened(project(tmp_path / "p", server.url, late=policy))
    fill(server, event(1))
    run(session)
    fill(server, event(2, at=NOON - timedelta(hours=6)), event(3, at=NOON - timedelta(hours=6, seconds=1)))
    outcome = run(session)
    assert outcome.view.facts()["late"] == 1, "the watermark is the newest event less the lateness"
    assert ids(session) == Counter([1, 2, 3] if policy == "accept" else [1, 2])
    if policy == "dead":
        assert session.perform(["stream", "again", "flights", "--all"]).view.facts()["taken"] == 1
        assert ids(session) == Counter([1, 2, 3])


def test_a_clock_that_runs_ahead_makes_nobody_late(server: RedisServer, root: Path) -> None:
    session = opened(root)
    fill(server, event(1, at=datetime(2099, 1, 1, tzinfo=UTC)))
    run(session)
    fill(server, event(2, at=session.now() - timedelta(hours=1)))
    assert run(session).view.facts()["late"] == 0
    assert ids(session) == Counter([1, 2])


def test_an_entry_trimmed_away_before_it_was_read_is_missed_aloud(server: RedisServer, root: Path) -> None:
    [place] = fill(server, event(1))
    with server.client() as client:
        client.xgroup_create("flights", "mlops", id="0")
        client.xreadgroup("mlops", "dead consumer", {"flights": ">"})
        client.xdel("flights", place)
    time.sleep(1.1)
    session = opened(root)
    run(session)
    [row] = session.perform(["stream", "dead", "flights"]).view.table("dead").rows
    assert (row["position"], row["reason"]) == (place, "it was removed from the stream before it was read")


# -- servers that go away -----------------------------------------------------------------------------------------


def test_a_redis_that_is_killed_and_comes_back_loses_nothing(server: RedisServer, root: Path) -> None:
    fill(server, *(event(number) for number in range(300)))
    session, outcome = opened(root), list[Any]()
    said: list[str] = []
    session.progress = lambda done, total, label: said.append(label)
    worker = Thread(target=lambda: outcome.append(session.perform(
        ["stream", "run", "flights", "--batches", "12", "--patience", "1m"])))
    worker.start()
    wait(lambda: len(read_so_far(opened(root), "flights")) >= 2)
    server.kill()
    wait(lambda: any("does not answer" in label for label in said))
    server.start()
    fill(server, *(event(number) for number in range(300, 600)))
    worker.join(60)
    assert not worker.is_alive()
    assert any("does not answer" in str(part) for part in outcome[0].view.parts), "and it says so"
    run(opened(root))
    assert ids(opened(root)) == Counter(range(600))


def wait(until: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def test_a_redis_that_forgot_everything_is_read_from_its_beginning_and_said_so(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis", keeping=False) as server:
        session = opened(project(tmp_path / "p", server.url))
        fill(server, *(event(number) for number in range(10)))
        run(session)
        server.kill()
        server.start()
        fill(server, *(event(number) for number in range(5, 15)))
        outcome = run(session)
    assert outcome.view.status is Status.WARN
    assert any("came back without what it had" in str(part) for part in outcome.view.parts)
    assert outcome.view.facts()["twice"] == 5
    assert ids(session) == Counter(range(15))


def test_a_server_that_stays_away_is_an_error_and_unknown(server: RedisServer, root: Path) -> None:
    server.kill()
    session = opened(root)
    outcome = run(session, "--patience", "0s")
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.exit) == ("away", 2)
    shown = session.perform(["stream", "status", "flights"])
    assert (shown.view.status, shown.exit) == (Status.UNKNOWN, 1)


def test_a_ledger_that_somebody_holds_is_waited_for(server: RedisServer, root: Path) -> None:
    fill(server, event(1))
    session, outcome = opened(root), list[Any]()
    with opened(root).ledger.locked():  # type: ignore[attr-defined]
        worker = Thread(target=lambda: outcome.append(run(session)))
        worker.start()
        time.sleep(1)
        assert worker.is_alive()
        assert ids(opened(root)) == Counter()
    worker.join(30)
    assert ids(opened(root)) == Counter([1])


def test_a_ledger_held_longer_than_it_waits_is_tried_again(server: RedisServer, root: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    from store.connections import Locked

    fill(server, event(1))
    session = opened(root)
    original, tries = session.ledger.transact, list[int]()

    def held(decide: Any, **how: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise Locked("The ledger cannot be written: database is locked.")
        return original(decide, **how)

    monkeypatch.setattr(session.ledger, "transact", held)
    assert run(session).exit == 0
    assert ids(session) == Counter([1])


# -- how it stands ------------------------------------------------------------------------------------------------


def test_the_status_tells_what_waits_how_old_it_is_and_the_watermark(server: RedisServer, root: Path) -> None:
    session = open_project(root, source="test")
    fill(server, *(event(number) for number in range(60)))
    waiting = session.perform(["stream", "status", "flights"]).view
    assert (waiting.facts()["unread"], waiting.facts()["length"]) == (60, 60)
    assert 0 <= float(str(waiting.facts()["oldest_waits_seconds"])) < 60
    session.perform(["stream", "run", "flights", "--batches", "1"])
    some = session.perform(["stream", "status", "flights"]).view.facts()
    assert (some["unread"], some["pending"], some["taken"]) == (10, 0, 50)
    assert some["watermark"] == NOON - timedelta(hours=6)
    run(session)
    done = session.perform(["stream", "status", "flights"]).view
    assert (done.status, done.facts()["unread"]) == (Status.PASS, 0)
    assert [row["dataset"] for row in session.perform(["stream"]).view.table("streams").rows] == ["flights"]


def test_what_another_consumer_holds_is_left_to_it_until_it_is_dead(server: RedisServer, tmp_path: Path) -> None:
    session = opened(project(tmp_path / "p", server.url, claim="1h"))
    fill(server, event(1))
    with server.client() as client:
        client.xgroup_create("flights", "mlops", id="0")
        client.xreadgroup("mlops", "busy", {"flights": ">"})
    outcome = run(session)
    assert outcome.view.facts()["pending"] == 1
    assert any("held by other consumers" in str(part) for part in outcome.view.parts)
    assert ids(session) == Counter()


def test_many_small_batches_leave_few_files(server: RedisServer, tmp_path: Path) -> None:
    session = opened(project(tmp_path / "p", server.url, batch=2))
    fill(server, *(event(number) for number in range(80)))
    run(session)
    state = session.snapshot("flights")
    assert (state.rows, ids(session)) == (80, Counter(range(80)))
    assert len(state.files) < 16
    assert len(read_so_far(session, "flights")) == 40
    newest = read_so_far(session, "flights")[-1].fact
    assert isinstance(newest, Streamed)


def test_a_consumer_that_ends_takes_its_name_off_the_list(server: RedisServer, root: Path) -> None:
    fill(server, event(1))
    run(opened(root))
    with server.client() as client:
        assert client.xinfo_consumers("flights", "mlops") == []


def test_a_password_is_read_from_the_variable_that_is_named(server: RedisServer, root: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    with server.client() as client:
        client.config_set("requirepass", "hush")
    path = root / "datasets" / "flights.yaml"
    session = opened(root)
    assert "does not let us in" in str(run(session).error)
    text = path.read_text(encoding="utf-8").replace("stream: flights,", "stream: flights, password_env: HUSH,")
    path.write_text(text, encoding="utf-8")
    assert "HUSH is not set" in str(run(opened(root)).error)
    monkeypatch.setenv("HUSH", "hush")
    assert run(opened(root)).exit == 0
    with pytest.raises(Away):
        _consuming.Patience(timedelta(0), lambda said: None).until(_gone)


def _gone() -> None:
    raise Away("It does not answer.")
