"""Features in Redis: the same values, whole versions only, and a clear word where the server is away."""

import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.online import Online, Served, Standing, open_shelf, together
from store.packing import Packing
from store.redis_shelf import Away, RedisShelf
from tests.services.redis_server import RedisServer, redis_server

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema: [{name: trips, properties: [{name: id, logicalType: integer, primaryKey: true}]}]
"""
VIEW = """-- entity: place
-- time: since
-- ttl: 2d
SELECT place, since, x, -x AS minus, name, x > 5 AS big, since AS at_ FROM trips
"""
START = datetime(2013, 1, 1, tzinfo=UTC)
PACKING = Packing({"x": "DOUBLE"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis"), keeping=False) as running:
        yield running


@pytest.fixture
def shelf(server: RedisServer) -> Iterator[RedisShelf]:
    with server.client() as client:
        client.flushall()
    made = open_shelf(server.url, Path(), "probe")
    assert isinstance(made, RedisShelf)
    yield made
    made.close()


def standing(as_of: int, **more: object) -> Standing:
    given: dict = {"available_after": 0, "ttl": None}
    return Standing("past", f"v{as_of}", "snap", as_of, ("place",), {"x": "DOUBLE"}, **(given | more))


def rows(value: float, *places: str) -> list[tuple[str, bytes]]:
    return [(place, together([PACKING.pack(1, (value,))])) for place in places]


def read(shelf: RedisShelf, *places: str, at: int = 1000) -> list[Served]:
    return Online(shelf).read(["past"], [{"place": place} for place in places], at)["past"]


def test_a_version_appears_whole_and_an_earlier_one_does_not_replace_it(shelf: RedisShelf) -> None:
    assert shelf.put(standing(100), rows(1.0, "a", "b"))[1]
    assert shelf.put(standing(200), rows(2.0, "a"))[1]
    assert not shelf.put(standing(150), rows(1.5, "a"))[1]
    assert read(shelf, "a", "b") == [Served("fresh", (2.0,), 1), Served("missing", None, None)]
    assert shelf.standing()["past"].entities == 1


def test_the_version_before_stays_until_the_next_and_no_rows_are_left_behind(shelf: RedisShelf) -> None:
    for as_of in range(1, 6):
        shelf.put(standing(as_of), rows(float(as_of), "a"))
    hashes = shelf.client.keys("mlops-tui:probe:view:past:*")
    assert len(hashes) == 2
    assert [shelf.client.ttl(name) for name in hashes] == [-1, -1], "what may be read does not expire"


def test_who_dies_while_filling_leaves_nothing_that_is_read_or_stays_for_ever(shelf: RedisShelf) -> None:
    shelf.put(standing(100), rows(1.0, "a"))

    def dying() -> Iterator[tuple[str, bytes]]:
        yield from rows(2.0, *[f"k{number}" for number in range(10_001)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.put(standing(200), dying())
    assert read(shelf, "a", "k1") == [Served("fresh", (1.0,), 1), Served("missing", None, None)]
    [left] = [name for name in shelf.client.keys("mlops-tui:probe:view:past:*")
              if name != shelf.client.hget("mlops-tui:probe:view:past", "rows")]
    assert 0 < shelf.client.ttl(left) <= 86_400


def test_two_that_put_at_once_are_never_read_mixed(server: RedisServer, shelf: RedisShelf) -> None:
    places = [f"k{number}" for number in range(200)]

    def write(first: int) -> None:
        mine = RedisShelf(server.url, "probe")
        for as_of in range(first, 60, 2):
            mine.put(standing(as_of), rows(float(as_of), *places))
        mine.close()

    writers = [threading.Thread(target=write, args=(first,)) for first in (1, 2)]
    for each in writers:
        each.start()
    seen = set()
    while any(each.is_alive() for each in writers):
        if shelf.standing():
            values = {each.values for each in read(shelf, *places)}
            assert len(values) == 1
            seen |= values
    assert {each.values for each in read(shelf, *places)} == {(59.0,)}
    assert len(seen) > 1


def test_rows_that_were_evicted_are_named(shelf: RedisShelf) -> None:
    shelf.put(standing(100), rows(1.0, "a"))
    shelf.client.delete(shelf.client.hget("mlops-tui:probe:view:past", "rows"))
    with pytest.raises(Away, match="lost the rows of 'past'"):
        read(shelf, "a")


# -- as commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, server: RedisServer) -> Path:
    with server.client() as client:
        client.flushall()
    settings = f"project: probe\nclock: replay\nstores: {{online: '{server.url}'}}\n"
    for path, text in {"datasets/trips.yaml": CONTRACT, "features/past.sql": VIEW, "mlops.yaml": settings}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    session = opened(tmp_path)
    values = ["'NaN'::DOUBLE", "-0.0", "0.1", "1e308", "NULL", "7.25"]
    listed = ", ".join(f"({number}, 'p{number % 4}é', TIMESTAMPTZ '2013-01-0{number + 1} 12:00+00', {value}::DOUBLE, "
                       f"'n{number}☂')" for number, value in enumerate(values))
    session.commit(session.data().write("trips", f"SELECT * FROM (VALUES {listed}) t(id, place, since, x, name)"))
    return tmp_path


def opened(root: Path) -> Session:
    return open_project(root, source="terminal", clock=ReplayClock(START + timedelta(days=5)))


def test_parity_holds_in_redis_as_in_sqlite(root: Path) -> None:
    session = opened(root)
    for turn in ("redis", "sqlite"):
        assert session.perform(["feature", "materialize", "past"]).exit == 0
        outcome = session.perform(["feature", "parity", "past"])
        assert outcome.view.status is Status.PASS, (turn, outcome.view)
        assert outcome.view.table("views").rows[0]["values"] == 4 * 5 * 2
        (root / "mlops.yaml").write_text("project: probe\nclock: replay\n", encoding="utf-8")
        session = opened(root)


def test_what_redis_holds_are_the_doubles_themselves(root: Path, shelf: RedisShelf) -> None:
    assert opened(root).perform(["feature", "materialize", "past"]).exit == 0
    held = shelf.client.hget(shelf.client.hget("mlops-tui:probe:view:past", "rows"), "p2é")
    assert struct.pack("<d", 0.1) in held
    assert struct.pack("<d", -0.1) in held


def test_redis_away_is_said_and_offline_features_need_none(tmp_path: Path, root: Path) -> None:
    (root / "mlops.yaml").write_text("project: probe\nclock: replay\nstores: {online: 'redis://:secret@127.0.0.1:1/0'}\n",
                                     encoding="utf-8")
    session = opened(root)
    for argv in (["materialize", "past"], ["get", "past", "--entity", "place=p1é"], ["parity", "past"]):
        outcome = session.perform(["feature", *argv])
        assert (outcome.exit, outcome.error is not None) == (2, True)
        assert "Redis does not answer" in outcome.error["what"]  # type: ignore[index]
        assert "secret" not in str(outcome.error)
    assert session.perform(["feature", "build", "past"]).exit == 0
    assert session.perform(["feature", "join", "trips", "past", "--time", "since"]).error is not None, "two sources"
    listed = session.perform(["feature", "list"])
    assert (listed.exit, listed.view.table("features").rows[0]["built"]) == (0, "current")


def test_an_entity_that_is_forgotten_is_in_no_version(shelf: RedisShelf) -> None:
    for as_of in (1, 2):
        shelf.put(standing(as_of), rows(float(as_of), "EWR", "JFK"))
    assert shelf.holding({"place": ["JFK"]}) == ["past"]
    assert shelf.forget({"place": ["JFK"], "person": ["EWR"]}) == {"past": 1}
    assert shelf.holding({"place": ["JFK"]}) == []
    _, blobs = shelf.fetch({"past": ["EWR", "JFK"]})["past"]
    assert [blob is not None for blob in blobs] == [True, False]
