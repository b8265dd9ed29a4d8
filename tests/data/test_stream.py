"""What a stream is declared to be, what a micro-batch does without a server, and the advice whether to have one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlops_tui.data import _microbatch
from mlops_tui.data._events import read_events
from mlops_tui.data._streamed import Fed, fed
from mlops_tui.data._tiers import MANY, _crowded
from mlops_tui.privacy.subjects import pseudonym
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import OptOut
from store.lake import FileRef
from store.streams import Event
from tests.conftest import FILES

NOON = datetime(2013, 9, 14, 8, tzinfo=UTC)
ADVISE = ["stream", "advise", "--latency"]


@pytest.fixture
def declared(project: Path) -> Callable[[str], None]:
    """Declare a stream of the flights, in YAML."""

    def write(value: str, more: str = "") -> None:
        text = FILES["datasets/flights.yaml"].replace("      - {name: day, logicalType: string}\n", "")
        (project / "datasets" / "flights.yaml").write_text(
            f"{text}  - property: stream\n    value: {value}\n{more}", encoding="utf-8")

    return write


@pytest.fixture
def source(session: Callable[..., Session], declared: Callable[[str], None]) -> tuple[Session, Fed]:
    declared('{redis: "redis://127.0.0.1:1/0", stream: flights, lateness: 6h}')
    opened = session("ana")
    return opened, fed(opened, "flights")


def event(number: int, *, at: datetime = NOON, place: str = "", **more: object) -> Event:
    body = json.dumps({"id": number, "sched_dep": f"{at:%Y-%m-%d %H:%M:%S}", "late": True, **more}).encode()
    return Event(place or f"{number}-0", body, arrived=NOON)


def ids(session: Session) -> list[int]:
    state = session.snapshot("flights")
    return sorted(value for value, in session.data().connect().execute(
        f"SELECT id FROM {session.data().scan(state)}").fetchall())


# -- a micro-batch ------------------------------------------------------------------------------------------------


def test_rows_are_added_to_a_partition_beside_those_that_it_has(source: tuple[Session, Fed]) -> None:
    session, flights = source
    first = _microbatch.take_in(session, flights, [event(1), event(2)])
    second = _microbatch.take_in(session, flights, [event(3), event(2)])
    assert (first.taken, second.taken, second.twice) == (2, 1, 1)
    state = session.snapshot("flights")
    assert [file.partition for file in state.files] == [{"day": "2013-09-14"}] * 2
    assert ids(session) == [1, 2, 3]


def test_the_same_id_is_known_in_every_partition_within_the_lateness(source: tuple[Session, Fed]) -> None:
    session, flights = source
    _microbatch.take_in(session, flights, [event(1, at=NOON)])
    other_day = event(1, at=NOON - timedelta(hours=9), place="9-0")
    assert _microbatch.take_in(session, flights, [other_day]).twice == 1
    assert _microbatch.take_in(session, flights, [event(1, at=NOON - timedelta(days=30), place="10-0")]).twice == 1


def test_what_the_batch_changes_is_one_transaction(source: tuple[Session, Fed]) -> None:
    session, flights = source
    before = session.ledger.head_seq()
    _microbatch.take_in(session, flights, [event(1), Event("2-0", b"{"), event(3, id="x"), event(4, late="maybe")])
    kinds = [entry.kind for entry in session.ledger.entries() if entry.seq > before]
    assert kinds == ["snapshot", "snapshot", "snapshot", "streamed", "finding"]


def test_a_finding_comes_with_the_first_bad_batch_and_when_it_is_good_again(source: tuple[Session, Fed]) -> None:
    session, flights = source
    for each in (event(1), event(2, late="maybe"), event(3), event(4)):
        _microbatch.take_in(session, flights, [each])
    assert [entry.fact.status for entry in session.ledger.entries("finding")] == ["fail", "pass"]  # type: ignore[attr-defined]


def test_the_first_of_two_events_with_one_id_counts(source: tuple[Session, Fed]) -> None:
    _, flights = source
    read = read_events([event(5, place="1-0"), event(5, place="2-0", late=False)], flights.contract, "id")
    assert ([record.event.position for record in read.records], read.twice) == (["1-0"], 1)


def test_numbers_keep_their_digits_and_nested_values_their_form(source: tuple[Session, Fed]) -> None:
    _, flights = source
    body = b'{"id": 007, "late": true}'
    assert "no JSON" in read_events([Event("1-0", body)], flights.contract, "id").dead[0].reason
    found = read_events([Event("1-0", b'{"id": 12345678901234567890, "x": {"y": [1.5]}, "late": 0.10}')],
                        flights.contract, "id")
    assert found.records[0].values == {"id": "12345678901234567890", "x": '{"y": [1.5]}', "late": "0.10"}
    assert found.unnamed == ("x",), "which is left out, and said so"


def test_files_of_one_size_are_put_together_when_there_are_too_many() -> None:
    def files(rows: int, count: int) -> list[FileRef]:
        return [FileRef(f"{rows} {place}", f"{rows} {place}", rows, 1, {}) for place in range(count)]

    few, big = files(3, MANY - 1), files(5000, MANY)
    assert _crowded(few) == []
    assert _crowded(files(3, MANY)) == files(3, MANY)
    assert _crowded([*few, *big]) == [*few, *big], "what is smaller goes along"
    assert _crowded([*files(3, MANY), *big]) == files(3, MANY)


# -- what is declared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "what", "next_"), [
    ("{stream: flights}", "one of redis, kafka or server", "redis://"),
    ("{redis: a, kafka: b, stream: flights}", "one of redis, kafka or server", "redis://"),
    ('{redis: "redis://127.0.0.1", strem: flights}', "Unknown key 'strem'", "Did you mean 'stream'?"),
    ('{redis: "redis://:hush@127.0.0.1", stream: f}', "password does not belong", "password_env"),
    ('{redis: "redis://127.0.0.1?password=hush", stream: f}', "password does not belong", "password_env"),
    ("{server: told, stream: f}", "password does not belong", "password_env"),
    ('{redis: "127.0.0.1", stream: f}', "no address of a Redis", "redis://"),
    ('{redis: "redis://127.0.0.1", stream: f, event_id: idd}', "'idd'", "Did you mean 'id'?"),
    ('{redis: "redis://127.0.0.1", stream: f, batch: 0}', "at least one event", ""),
    ('{redis: "redis://127.0.0.1", stream: f, late: drop}', "'late' is 'drop'", "accept, dead"),
    ("{server: prod, stream: f}", "no server 'prod'", "Did you mean 'pord'?"),
    ("{server: pord, stream: f}", "neither a Kafka nor a Redis", "type: kafka")])
def test_a_wrong_declaration_is_refused_with_what_is_right(
        session: Callable[..., Session], declared: Callable[..., None], value: str, what: str, next_: str) -> None:
    declared(value, "servers: [{server: pord, type: postgres, host: h}, "
                    "{server: told, type: custom, location: 'redis://:hush@127.0.0.1'}]\n")
    outcome = session("ana").perform(["stream", "status", "flights"])
    assert outcome.exit == 2
    assert outcome.error is not None
    assert what in outcome.error["what"]
    assert next_ in outcome.error["next"]
    assert "flights.yaml" in outcome.error["where"] or "address" in what


def test_a_dataset_without_a_stream_says_how_to_declare_one(session: Callable[..., Session]) -> None:
    outcome = session("ana").perform(["stream", "run", "flights"])
    assert outcome.error is not None
    assert "property: stream" in outcome.error["next"]


def test_a_stream_cannot_reject_a_batch(session: Callable[..., Session], declared: Callable[..., None]) -> None:
    declared('{redis: "redis://127.0.0.1:1/0", stream: flights}\n  - {property: onViolation, value: reject}')
    outcome = session("ana").perform(["stream", "run", "flights", "--once"])
    assert outcome.error is not None
    assert "cannot give back a batch" in outcome.error["what"]


def test_an_extra_that_is_missing_is_named(session: Callable[..., Session], declared: Callable[..., None],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    declared('{redis: "redis://127.0.0.1:1/0", stream: flights}')
    monkeypatch.setattr("mlops_tui.errors.find_spec", lambda name: None)
    outcome = session("ana").perform(["stream", "run", "flights", "--once"])
    assert outcome.error is not None
    assert outcome.error["next"] == "pip install 'mlops-tui[redis]'"


# -- the advice ---------------------------------------------------------------------------------------------------


def advice(session: Session, *words: str) -> Any:
    return session.perform([*ADVISE, *words])


def test_the_advice_names_a_way_and_shows_its_arithmetic(session: Callable[..., Session]) -> None:
    view = advice(session("vera"), "5m", "--rate", "200/s", "--batch-cost", "0.40/run", "--stream-cost", "0.12/h",
                  "--late", "0.03").view
    assert (view.facts()["verdict"], view.status) == ("micro-batch, 5 s", Status.DONE)
    text = " ".join(str(part) for part in view.parts)
    assert "24 × 0.12 = 2.88" in text
    assert "Bulk would do, and cost less, if rows might be 1.01 d old." in text
    assert [row["status"] for row in view.table("alternatives").rows] == [Status.FAIL, Status.FAIL, Status.PASS,
                                                                          Status.PASS]


def test_nothing_is_as_fast_as_a_second(session: Callable[..., Session]) -> None:
    assert advice(session("vera"), "1s", "--rate", "1/s").exit == 1


def test_a_datasets_own_arrivals_are_taken_where_no_rate_is_given(source: tuple[Session, Fed]) -> None:
    session, flights = source
    assert advice(session, "1d").error is not None
    day = [event(number, at=NOON + timedelta(days=number % 2)) for number in range(864)]
    _microbatch.take_in(session, flights, day)
    assert session.perform([*ADVISE, "1d", "flights"]).view.facts()["events_per_day"] == pytest.approx(432)


@pytest.mark.parametrize("words", [("5 minutes", "--rate", "1/s"), ("5m", "--rate", "many"), ("5m", "--rate", "0/s"),
                                   ("5m", "--rate", "1/s", "--batch-cost", "3/h"), ("5m",)])
def test_what_is_no_amount_is_refused(session: Callable[..., Session], words: tuple[str, ...]) -> None:
    outcome = advice(session("vera"), *words)
    assert outcome.exit == 2
    assert outcome.error is not None
    assert outcome.error["next"]


def test_what_one_consumer_holds_to_be_late_and_another_has_taken_in_is_not_dead(
        session: Callable[..., Session], declared: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    declared('{redis: "redis://127.0.0.1:1/0", stream: flights, lateness: 6h, late: dead}')
    slow, quick = session("ana"), session("ana")
    flights = fed(slow, "flights")
    _microbatch.take_in(slow, flights, [event(1, at=NOON - timedelta(days=1))])
    old = event(2, at=NOON - timedelta(days=1))
    original = slow.ledger.transact

    def overtaken(decide: Any, **how: Any) -> Any:
        monkeypatch.undo()
        _microbatch.take_in(quick, flights, [old])
        _microbatch.take_in(quick, flights, [event(3, at=NOON)])
        return original(decide, **how)

    monkeypatch.setattr(slow.ledger, "transact", overtaken)
    assert _microbatch.take_in(slow, flights, [old]).twice == 1
    assert ids(slow) == [1, 2, 3]
    assert slow.current("flights.dead") is None


def test_a_bad_event_is_known_though_bulk_rows_came_into_the_quarantine_meanwhile(
        source: tuple[Session, Fed], tmp_path: Path) -> None:
    session, flights = source
    bad = event(2, late="maybe")
    assert _microbatch.take_in(session, flights, [bad]).bad == 1
    lake = session.data()
    session.commit(lake.write("flights.quarantine", "SELECT 'x' AS id, 'bulk' AS _batch", partition_by=("_batch",)))
    again = _microbatch.take_in(session, flights, [bad])
    assert (again.bad, again.twice) == (0, 1)
    assert session.snapshot("flights.quarantine").rows == 2


def test_what_a_stream_sets_aside_on_one_day_is_one_batch_of_several_files(source: tuple[Session, Fed],
                                                                           project: Path) -> None:
    session, flights = source
    _microbatch.take_in(session, flights, [event(1, late="maybe")])
    _microbatch.take_in(session, flights, [event(2, late="perhaps"), event(3, late="no way")])
    session.actor = replace(session.actor, source="terminal")
    [batch] = session.perform(["quarantine", "list", "flights"]).view.table("batches").rows
    assert (batch["rows"], len(session.snapshot("flights.quarantine").files)) == (3, 2)
    file = project / "bad.csv"
    assert session.perform(["quarantine", "export", "flights", "--out", str(file)]).exit == 0
    file.write_text(file.read_text().replace("maybe", "true").replace("perhaps", "false"))
    session.perform(["quarantine", "replay", "flights", "--file", str(file)])
    assert (ids(session), session.snapshot("flights.quarantine").rows) == ([1, 2], 1)


def test_events_of_who_was_erased_are_kept_nowhere_not_even_among_the_dead_letters(
        session: Callable[..., Session], declared: Callable[[str, str], None]) -> None:
    declared('{redis: "redis://127.0.0.1:1/0", stream: flights, lateness: 6h, late: dead}',
             "  - {property: dataSubject, value: id}\n")
    opened = session("ana")
    flights = fed(opened, "flights")
    opened.ledger.append(OptOut(subject="OO-1", event="received", person=pseudonym(opened, "2"), right="erasure",
                                jurisdiction="gdpr", purposes=("training",)), OptOut(subject="OO-1", event="verified"))
    _microbatch.take_in(opened, flights, [event(1), event(2), event(3)])
    _microbatch.take_in(opened, flights, [event(2, at=NOON - timedelta(days=9), place="8-0"),
                                          event(4, at=NOON - timedelta(days=9), place="9-0")])
    assert ids(opened) == [1, 3]
    letters = opened.snapshot("flights.dead")
    assert opened.data().connect().execute(f"SELECT id FROM {opened.data().scan(letters)}").fetchall() == [("4",)]
