"""A table of a real PostgreSQL becomes a snapshot: every value, one moment, no secret told, and bounded memory."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text

from mlops_tui.commands import Outcome
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.database import BATCH, Table
from store.database import postgres as address
from tests.services.postgres_server import PASSWORD, Postgres, postgres

__all__ = ["postgres"]
ROOT = Path(__file__).parents[2]
CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: orders
version: 1.0.0
status: active
servers:
  - server: shop
    type: postgres
    host: HOST
    port: PORT
    database: postgres
    schema: shop
    customProperties:
      - {property: user, value: tester}
      - {property: passwordEnv, value: SHOP_PASSWORD}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: at, logicalType: timestamp, required: true, logicalTypeOptions: {timezone: true}}
      - {name: fare, logicalType: number, physicalType: "decimal(12,2)", logicalTypeOptions: {minimum: 0}}
      - {name: paid, logicalType: boolean}
      - {name: day, logicalType: date}
      - {name: note}
customProperties:
  - {property: onViolation, value: quarantine}
"""
ORDERS = ("DROP SCHEMA IF EXISTS shop CASCADE", "CREATE SCHEMA shop",
          "CREATE TABLE shop.orders (id bigint, at timestamptz, fare numeric(12,2), paid boolean, day date, note text)",
          "INSERT INTO shop.orders VALUES (1, '2013-06-01 12:00+02', 1234567890.12, true, '2013-06-01', ''), "
          "(2, '2013-06-01 10:00+00', -1, false, '2013-06-02', NULL), "
          "(3, '2013-06-01 10:00+00', 3, NULL, NULL, 'ü \"x\"')")


@pytest.fixture
def shop(postgres: Postgres, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose orders are in the server."""
    postgres.execute(*ORDERS)
    declare(project, postgres)
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    return project


def declare(project: Path, postgres: Postgres, **changed: str) -> None:
    contract = CONTRACT.replace("HOST", postgres.host).replace("PORT", str(postgres.port))
    for old, new in changed.items():
        assert f"{old}: " in contract
        contract = contract.replace(f"{old}: {postgres.port if old == 'port' else ''}", f"{old}: {new} #", 1)
    (project / "datasets/orders.yaml").write_text(contract)


def more(postgres: Postgres, upto: int) -> None:
    postgres.execute("INSERT INTO shop.orders SELECT g, now(), 1, true, current_date, 'x' "
                     f"FROM generate_series(10, {upto}) g")


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="terminal")


def take(project: Path) -> Outcome:
    return opened(project).perform(["snapshot", "take", "orders"])


def test_every_value_comes_as_it_is_in_the_database(shop: Path) -> None:
    outcome = take(shop)
    assert outcome.exit == 1, outcome.error
    assert (outcome.view.facts()["rows"], outcome.view.facts()["bad_rows"]) == (3, 1)
    session = opened(shop)
    scan = session.data().scan(session.snapshot("orders"))
    found = session.data().connect().execute(
        f'SELECT id, epoch("at"), CAST(fare AS VARCHAR), paid, CAST(day AS VARCHAR), note FROM {scan} ORDER BY id'
    ).fetchall()
    assert found == [(1, 1370080800.0, "1234567890.12", True, "2013-06-01", ""),
                     (3, 1370080800.0, "3.00", None, None, 'ü "x"')]
    [entry] = session.ledger.entries("snapshot", subject="orders")
    assert entry.fact.source.startswith("shop.orders in 127.0.0.1:")
    assert "snapshot " in entry.fact.source


def test_the_same_rows_are_the_same_state_and_changed_ones_another(shop: Path, postgres: Postgres) -> None:
    first = take(shop).view.facts()["snapshot"]
    assert take(shop).view.facts()["changed"] is False
    postgres.execute("UPDATE shop.orders SET note = 'y' WHERE id = 1")
    outcome = take(shop)
    assert (outcome.view.facts()["changed"], outcome.view.facts()["snapshot"] == first) == (True, False)
    assert opened(shop).snapshot("orders.quarantine").rows == 1, "the same bad row is there once"


def test_it_is_one_moment_however_long_it_takes(shop: Path, postgres: Postgres, tmp_path: Path) -> None:
    rows = 3 * BATCH
    more(postgres, rows)
    table = Table(address(postgres.host, postgres.port, "postgres", "tester", PASSWORD), "shop", "orders")
    original, seen = Table._batch, []

    def slowly(self: Table, schema: object, batch: object) -> object:
        if not seen:
            postgres.execute("DELETE FROM shop.orders WHERE id > 5")
        seen.append(1)
        return original(self, schema, batch)

    Table._batch = slowly
    try:
        table.write(tmp_path / "o.parquet")
    finally:
        Table._batch = original
    assert (pq.read_metadata(tmp_path / "o.parquet").num_rows, len(seen)) == (rows - 9 + 3, 3)


MEMORY = """
import resource, sys
from pathlib import Path
from store.database import Table, postgres
url = postgres("127.0.0.1", int(sys.argv[1]), "postgres", "tester", sys.argv[2])
Table(url, "shop", sys.argv[3]).write(Path(sys.argv[4]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_table(postgres: Postgres, shop: Path, tmp_path: Path) -> None:
    peaks = []
    for rows in (BATCH // 2, 4 * BATCH):
        postgres.execute("DROP TABLE IF EXISTS shop.wide", "CREATE TABLE shop.wide AS SELECT g AS id, "
                         f"repeat(md5(g::text), 20) AS words FROM generate_series(1, {rows}) g")
        done = subprocess.run([sys.executable, "-c", MEMORY, str(postgres.port), PASSWORD, "wide", str(tmp_path / "w")],
                              cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
        peaks.append(int(done.stdout) / 1024)
    whole = 3.5 * BATCH * 640 / 1024 / 1024  # MB more of text alone
    assert peaks[1] - peaks[0] < whole / 2, peaks


def test_a_server_that_is_away_is_named(shop: Path, postgres: Postgres) -> None:
    declare(shop, postgres, port="1")
    outcome = take(shop)
    assert outcome.error is not None
    assert (outcome.exit, "127.0.0.1:1/postgres cannot be read" in outcome.error["what"]) == (2, True)
    assert "refused" in outcome.error["what"]
    assert "Is the server up" in outcome.error["next"]


def test_a_server_that_dies_while_it_is_read_loses_nothing(shop: Path, postgres: Postgres) -> None:
    take(shop)
    before = opened(shop).snapshot("orders").id
    more(postgres, 2 * BATCH)
    original = Table._batch

    def cut(self: Table, schema: object, batch: object) -> object:
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                         "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
        return original(self, schema, batch)

    Table._batch = cut
    try:
        outcome = take(shop)
    finally:
        Table._batch = original
    assert outcome.exit == 2, outcome.view
    assert opened(shop).snapshot("orders").id == before
    assert not list((shop / ".mlops/lake/_staging").glob("*/rows.parquet"))


def test_a_table_a_schema_and_a_column_that_are_not_there_get_the_nearest_name(shop: Path, postgres: Postgres) -> None:
    text = (shop / "datasets/orders.yaml").read_text()
    for old, new, what, hint in (("name: orders", "name: order", "No table 'order'", "Did you mean 'orders'"),
                                 ("schema: shop", "schema: shp", "No schema 'shp'", "Did you mean 'shop'"),
                                 ("{name: note}", "{name: noted}", "no column 'noted'", "Did you mean 'note'")):
        assert old in text
        (shop / "datasets/orders.yaml").write_text(text.replace(old, new))
        outcome = take(shop)
        assert outcome.error is not None
        assert (outcome.exit, what in outcome.error["what"], outcome.error["next"].startswith(hint)) == (2, True, True)


def everything_kept(project: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in project.rglob("*") if path.is_file())


def test_a_wrong_password_is_told_to_nobody(shop: Path, monkeypatch: pytest.MonkeyPatch,
                                            capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "CANARY-of-a-password")
    outcome = take(shop)
    assert outcome.error is not None
    assert (outcome.exit, "does not let us in" in outcome.error["what"]) == (2, True)
    shown = capfd.readouterr()
    assert "CANARY" not in f"{outcome}{shown.out}{shown.err}{everything_kept(shop)}"


def test_a_right_password_is_in_no_file(shop: Path) -> None:
    assert take(shop).exit == 1
    assert PASSWORD not in everything_kept(shop)


def test_a_variable_that_is_not_set_is_named(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD")
    outcome = take(shop)
    assert outcome.error is not None
    assert (outcome.exit, outcome.error["what"]) == (2, "The environment variable SHOP_PASSWORD is not set.")


KILLED = """
import os, signal, sys
from pathlib import Path
from mlops_tui.opening import open_project
from store.database import Table
original = Table._batch
def killed(*given):
    os.kill(os.getpid(), signal.SIGKILL)
Table._batch = killed
open_project(Path(sys.argv[1]), person="ana").perform(["snapshot", "take", "orders"])
"""


def test_killed_while_reading_nothing_is_taken_and_the_server_is_let_go(shop: Path, postgres: Postgres) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(shop)], cwd=ROOT, check=False, env=dict(os.environ),
                            timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert not opened(shop).ledger.entries("snapshot", subject="orders")
    assert take(shop).view.facts()["rows"] == 3


def test_with_a_column_that_only_grows_only_what_is_new_is_read(shop: Path, postgres: Postgres) -> None:
    path = shop / "datasets/orders.yaml"
    path.write_text(path.read_text().replace("customProperties:\n      -", (
        "customProperties:\n      - {property: incremental, value: at}\n      -"), 1))
    postgres.execute("UPDATE shop.orders SET fare = 2 WHERE id = 2")
    assert take(shop).exit == 0
    postgres.execute("INSERT INTO shop.orders VALUES (4, '2013-06-02 10:00+00', 8, true, NULL, 'new')",
                     "UPDATE shop.orders SET at = '2013-06-02 11:00+00', note = 'late' WHERE id = 1",
                     "UPDATE shop.orders SET note = 'unseen', at = '2013-05-01' WHERE id = 3")
    outcome = take(shop)
    assert (outcome.exit, outcome.view.facts()["rows"]) == (0, 3), outcome.error
    session = opened(shop)
    scan = session.data().scan(session.snapshot("orders"))
    assert session.data().connect().execute(f"SELECT id, note FROM {scan} ORDER BY id").fetchall() == [
        (1, "late"), (2, None), (3, 'ü "x"'), (4, "new")]
    path.write_text(path.read_text().replace("value: at}", "value: att}"))
    refused = take(shop)
    assert refused.error is not None
    assert (refused.exit, "incremental needs" in refused.error["what"]) == (2, True)


# -- any SQLAlchemy URL -----------------------------------------------------------------------------------------


ANY = "  - {server: shop, type: custom, customProperties: [{property: urlEnv, value: SHOP_URL}]}\n"


def by_url(project: Path) -> None:
    head, _, rest = CONTRACT.partition("  - server: shop\n")
    (project / "datasets/orders.yaml").write_text(head + ANY + "schema:" + rest.partition("\nschema:")[2])


def test_a_table_behind_any_url_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{project}/shop.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER, at TEXT, fare REAL, paid BOOLEAN, day DATE, "
                                "note TEXT)"))
        connection.execute(text("INSERT INTO orders VALUES (1, '2013-06-01T12:00:00Z', 1.5, 1, '2013-06-01', 'x')"))
    engine.dispose()
    by_url(project)
    monkeypatch.setenv("SHOP_URL", url)
    outcome = take(project)
    assert outcome.exit == 0, outcome.error
    assert opened(project).snapshot("orders").rows == 1


@pytest.mark.parametrize(("url", "said"), [
    ("CANARY no url", "SHOP_URL holds no database URL"), ("nosuch://u:CANARY@h/d", "There is no driver for nosuch"),
    ("postgresql+psycopg://u:CANARY@127.0.0.1:1/d", "127.0.0.1:1/d cannot be read")])
def test_an_address_that_leads_nowhere_is_not_shown(project: Path, monkeypatch: pytest.MonkeyPatch, url: str,
                                                    said: str) -> None:
    by_url(project)
    monkeypatch.setenv("SHOP_URL", url)
    outcome = take(project)
    assert outcome.error is not None
    assert (outcome.exit, said in outcome.error["what"]) == (2, True), outcome.error
    assert "CANARY" not in f"{outcome}{everything_kept(project)}"


def test_two_who_take_at_once_both_end(shop: Path) -> None:
    done: list[Outcome] = []
    both = [threading.Thread(target=lambda: done.append(take(shop))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert [outcome.exit for outcome in done] == [1, 1]
    assert len(opened(shop).ledger.entries("snapshot", subject="orders")) == 1
