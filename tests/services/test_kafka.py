"""The same stream from Kafka: librdkafka brings a broker to test against."""

import json
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from mlops_tui.data._consuming import reader_of
from mlops_tui.data._microbatch import take_in
from mlops_tui.data._streamed import fact_of, fed, read_so_far
from mlops_tui.session import Session
from tests.services.test_stream import NOON, ids, opened, project, run


class Broker:
    """A broker that lives as long as this client of it."""

    def __init__(self) -> None:
        self.client = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "unused", "log_level": 0})
        [broker] = self.client.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"

    def fill(self, *bodies: str) -> None:
        producer = Producer({"bootstrap.servers": self.address})
        for number, body in enumerate(bodies):
            producer.produce("flights", body.encode(), partition=number % 2)
        assert producer.flush(30) == 0


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def session(tmp_path: Path, broker: Broker) -> Session:
    root = project(tmp_path / "p", "")
    path = root / "datasets" / "flights.yaml"
    text = path.read_text(encoding="utf-8").replace('redis: ""', "server: events")
    path.write_text(text + f'servers: [{{server: events, type: kafka, host: "{broker.address}", format: json}}]\n',
                    encoding="utf-8")
    return opened(root)


def body(number: int) -> str:
    return json.dumps({"id": number, "sched_dep": NOON.isoformat(), "delay": 1.5})


def test_a_topic_is_taken_in_once_and_read_on_from_where_the_history_says(broker: Broker, session: Session) -> None:
    broker.fill(*map(body, range(120)), "{", body(3))
    outcome = run(session)
    assert outcome.exit == 0, outcome.error
    assert ids(session) == Counter(range(120))
    facts = outcome.view.facts()
    assert (facts["dead"], facts["twice"], facts["unread"]) == (1, 1, 0)
    broker.fill(*map(body, range(120, 130)))
    assert run(session).view.facts()["events"] == 10, "only what is new is read"
    assert ids(session) == Counter(range(130))
    positions = fact_of(read_so_far(session, "flights")[-1]).positions
    assert set(positions) <= {"flights/0", "flights/1"}


def test_offsets_of_the_history_win_over_those_of_the_broker(broker: Broker, session: Session) -> None:
    """Whoever dies between the commit to the lake and the commit to the broker reads on where the lake is."""
    broker.fill(*map(body, range(20)))
    source = fed(session, "flights")
    reader = reader_of(session, source)
    events = reader.read(10)
    take_in(session, source, events, positions=reader.offsets(events))
    reader.close()  # and never told the broker
    done = run(session).view.facts()
    assert (done["events"], done["twice"]) == (20 - len(events), 0)
    assert ids(session) == Counter(range(20))


def test_without_its_offsets_an_event_is_still_known_by_its_id(broker: Broker, session: Session) -> None:
    broker.fill(*map(body, range(10)))
    source = fed(session, "flights")
    reader = reader_of(session, source)
    take_in(session, source, reader.read(10))
    reader.close()
    assert run(session).view.facts()["twice"] >= 1
    assert ids(session) == Counter(range(10))


def test_a_broker_that_is_away_is_said_to_be(session: Session) -> None:
    path = session.declared().path_of("dataset", "flights")
    path.write_text(path.read_text(encoding="utf-8").replace(fed(session, "flights").contract.servers[0].host,
                                                            "127.0.0.1:1"), encoding="utf-8")
    outcome = run(opened(session.directory), "--patience", "0s")
    assert outcome.error is not None
    assert outcome.error["code"] == "away"
