"""Online is what was put there: whole or not at all, whoever else writes, reads or dies."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.online import Online, Served, SqliteShelf, Standing, key_of, key_sql, names_one, open_shelf, together
from store.packing import Packing
from store.refusal import Refusal, Unreadable

COLUMNS = {"delay": "DOUBLE", "name": "VARCHAR"}
PACKING = Packing(COLUMNS)


def standing(as_of: int = 100, view: str = "past", version: str = "v1", **more: object) -> Standing:
    given: dict = {"available_after": 0, "ttl": None}
    return Standing(view, version, "snap", as_of, ("place",), COLUMNS, **(given | more))


def rows(*each: tuple[str, int, float]) -> list[tuple[str, bytes]]:
    keys = dict.fromkeys(key for key, _, _ in each)
    return [(key, together([PACKING.pack(at, (value, key)) for name, at, value in each if name == key]))
            for key in keys]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[SqliteShelf]:
    made = SqliteShelf(tmp_path / "online.db")
    yield made
    made.close()


def read(shelf: SqliteShelf, at: int, *places: str) -> list[Served]:
    return Online(shelf).read(["past"], [{"place": place} for place in places], at)["past"]


def test_what_is_known_at_the_moment_is_served_and_nothing_later(shelf: SqliteShelf) -> None:
    shelf.put(standing(available_after=10), rows(("a", 50, 1.0), ("a", 120, 2.0), ("b", 95, 3.0)))
    assert [each.values for each in read(shelf, 100, "a", "b", "c")] == [(1.0, "a"), None, None]
    assert [each.state for each in read(shelf, 100, "a", "b", "c")] == ["fresh", "missing", "missing"]
    assert read(shelf, 129, "a")[0].values == (1.0, "a")
    assert read(shelf, 130, "a", "b") == [Served("fresh", (2.0, "a"), 120), Served("fresh", (3.0, "b"), 95)]


def test_a_stale_key_says_stale_from_the_moment_after_its_ttl(shelf: SqliteShelf) -> None:
    shelf.put(standing(ttl=30), rows(("a", 70, 1.0)))
    assert read(shelf, 100, "a") == [Served("fresh", (1.0, "a"), 70)]
    assert read(shelf, 101, "a") == [Served("stale", None, 70)]


def test_a_newer_version_takes_the_place_and_the_one_before_stays_until_the_next(
        shelf: SqliteShelf, tmp_path: Path) -> None:
    for number in range(4):
        shelf.put(standing(as_of=100 + number, version=f"v{number}"), rows(("a", 1, float(number))))
        assert read(shelf, 200, "a")[0].values == (float(number), "a")
    with sqlite3.connect(tmp_path / "online.db") as connection:
        assert connection.execute("SELECT state FROM generation ORDER BY id").fetchall() == [("before",), ("current",)]
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'g_'").fetchone()
    assert tables == (2,)
    connection.close()


def test_values_of_earlier_data_do_not_replace_later_ones(shelf: SqliteShelf) -> None:
    assert shelf.put(standing(as_of=200), rows(("a", 1, 2.0)))[1]
    assert not shelf.put(standing(as_of=100), rows(("a", 1, 1.0)))[1]
    assert read(shelf, 300, "a")[0].values == (2.0, "a")


def test_an_error_on_the_way_leaves_what_was_there(shelf: SqliteShelf) -> None:
    shelf.put(standing(), rows(("a", 1, 1.0)))

    def broken() -> Iterator[tuple[str, bytes]]:
        yield from rows(("a", 1, 2.0))
        raise ValueError

    with pytest.raises(ValueError):
        shelf.put(standing(as_of=200), broken())
    assert read(shelf, 300, "a")[0].values == (1.0, "a")


def test_a_view_that_is_not_there_gives_nothing(shelf: SqliteShelf) -> None:
    assert Online(shelf).read(["past"], [{"place": "a"}], 1) == {"past": []}
    assert shelf.standing() == {}


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "online.db").write_bytes(b"no database" * 100)
    with pytest.raises(Unreadable, match="online store"):
        SqliteShelf(tmp_path / "online.db").standing()


def test_an_unknown_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no online store"):
        open_shelf("memcached://x", tmp_path, "p")


def test_keys_of_several_columns_are_never_taken_for_each_other() -> None:
    entity = ("a", "b")
    pairs = [("1", "23"), ("12", "3"), ("1:2", "3"), ("", "123"), ("é", "x")]
    keys = {key_of(entity, dict(zip(entity, pair, strict=True))) for pair in pairs}
    assert len(keys) == len(pairs)
    assert key_of(("a",), {"a": True}) == "true"
    assert key_of(("a", "b"), {"a": 1}) == key_of(("a",), {"a": None})


def test_the_key_in_sql_is_the_key_in_python() -> None:
    import duckdb

    for pair in (("1", "23"), ("é☂", ""), ("x", "1:2")):
        found = duckdb.execute(f"SELECT {key_sql(['a', 'b'])} FROM (SELECT ? AS a, ? AS b)", list(pair)).fetchall()
        assert found[0][0] == key_of(("a", "b"), {"a": pair[0], "b": pair[1]})
    assert duckdb.execute(f"SELECT {key_sql(['a'])} FROM (SELECT 7::BIGINT AS a)").fetchall()[0][0] == key_of(
        ("a",), {"a": 7})


PLACES = [f"k{place}" for place in range(300)]


def put_many(path: str, number: int) -> None:
    shelf = SqliteShelf(Path(path))
    for turn in range(5):
        value = float(number * 100 + turn)
        shelf.put(standing(as_of=number * 100 + turn, version=f"{value}"),
                  rows(*[(place, 1, value) for place in PLACES]))


def test_two_processes_that_put_at_once_leave_one_whole_version_and_the_later(
        shelf: SqliteShelf, tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put_many, args=(str(path), number)) for number in (1, 2)]
    for each in writers:
        each.start()
    seen: set[float] = set()
    while any(each.is_alive() for each in writers):
        if shelf.standing():
            values = {each.values[0] for each in read(shelf, 10**6, *PLACES) if each.values}
            assert len(values) == 1, "rows of two versions were read together"
            seen |= values
    assert [each.exitcode for each in writers] == [0, 0]
    [last] = {each.values[0] for each in read(shelf, 10**6, *PLACES) if each.values}
    assert last == 204.0
    assert seen
    assert seen <= {float(number * 100 + turn) for number in (1, 2) for turn in range(5)}


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from store.online import SqliteShelf, Standing, together
from store.packing import Packing
packing = Packing({{"delay": "DOUBLE", "name": "VARCHAR"}})
def rows():
    for number in range(10**6):
        if number == 25_000:
            print("filling", flush=True)
        if number > 25_000:
            time.sleep(0.01)
        yield f"k{{number}}", together([packing.pack(1, (2.0, "x"))])
SqliteShelf(Path({path!r})).put(Standing("past", "v2", "s", 200, ("place",), packing.columns, 0, None), rows())
"""


def test_killed_in_the_middle_nothing_of_it_is_read_and_the_next_cleans_up(
        shelf: SqliteShelf, tmp_path: Path) -> None:
    path = tmp_path / "online.db"
    shelf.put(standing(), rows(("k1", 1, 1.0)))
    code = KILLED.format(root=str(Path(__file__).parents[2]), path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "filling\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert read(shelf, 300, "k1", "k2") == [Served("fresh", (1.0, "k1"), 1), Served("missing", None, None)]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM generation WHERE state = 'filling'").fetchone() == (1,)
        assert shelf.put(standing(as_of=300), rows(("k1", 1, 3.0)))[1]
        assert connection.execute("SELECT count(*) FROM generation WHERE state = 'filling'").fetchone() == (0,)
    connection.close()
    assert read(shelf, 400, "k1")[0].values == (3.0, "k1")


def test_an_entity_that_is_forgotten_is_in_no_version_and_on_no_page(shelf: SqliteShelf, tmp_path: Path) -> None:
    for as_of in (100, 200):
        shelf.put(standing(as_of=as_of), rows(("planted", 1, 1.0), ("k2", 1, 2.0)))
    assert shelf.holding({"place": ["planted"]}) == ["past"]
    assert shelf.forget({"place": ["planted"]}) == {"past": 1}
    assert shelf.holding({"place": ["planted"]}) == []
    assert [each.state for each in read(shelf, 300, "planted", "k2")] == ["missing", "fresh"]
    shelf.close()
    assert not [path for path in tmp_path.glob("online.db*") if b"planted" in path.read_bytes()]


def test_a_person_among_several_columns_of_an_entity_is_found_by_column() -> None:
    key = key_of(("place", "person"), {"place": "2:x", "person": "a:1"})
    assert names_one(("place", "person"), key, {"person": ["a:1"]})
    assert not names_one(("place", "person"), key, {"place": ["a:1"], "person": ["2:x"]})
