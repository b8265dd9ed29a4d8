"""A first contract parses, and the file that it was read off keeps it."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.data._inferred import name_for
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.odcs import Contract
from mlops_tui.session import Session, without_project
from mlops_tui.view import Text

ROWS = """SELECT i AS customer_id, 'K' || i AS "key", i AS visits, i / 7 AS "größe [m]", (i % 2 = 0) AS "yes",
    DATE '2024-01-01' + i::INTEGER AS day, TIMESTAMP '2024-01-01 08:00:00' + i * INTERVAL 1 HOUR AS at,
    (TIMESTAMP '2024-01-01 08:00:00' + i * INTERVAL 1 HOUR) AT TIME ZONE 'UTC' AS seen_at,
    CASE WHEN i > 5 THEN 'x' || i % 3 END AS note, NULL::VARCHAR AS nothing FROM range(40) t(i)"""


def run(folder: Path, *argv: object) -> Outcome:
    return perform(without_project(folder, perform), tuple(map(str, argv)))


def text_of(outcome: Outcome) -> str:
    assert outcome.error is None, outcome.error
    return next(part.body for part in outcome.view.parts if isinstance(part, Text))


def inferred(file: Path) -> tuple[str, Contract]:
    text = text_of(run(file.parent, "profile", file, "--contract"))
    return text, parse(Contract, text, "c.yaml")


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_the_file_keeps_its_own_contract(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"Visits 2024.{ending}"
    duckdb.connect().execute(f"SET TimeZone = 'UTC'; COPY ({ROWS}) TO '{file}'")
    text, contract = inferred(file)
    (tmp_path / "c.yaml").write_text(text)
    outcome = run(tmp_path, "validate", tmp_path / "c.yaml", file)
    assert outcome.exit == 0, outcome.view
    properties = {item.name: item for item in contract.properties}
    assert (contract.id, contract.schema[0].name) == ("visits-2024", "visits-2024")
    assert list(properties) == ["customer_id", "key", "visits", "größe [m]", "yes", "day", "at", "seen_at", "note",
                                "nothing"]
    assert [name for name, item in properties.items() if item.unique] == ["customer_id", "key"]
    assert [name for name, item in properties.items() if not item.required] == ["note", "nothing"]
    if ending == "parquet":
        assert {name: item.logicalType for name, item in properties.items()} == {
            "customer_id": "integer", "key": "string", "visits": "integer", "größe [m]": "number", "yes": "boolean",
            "day": "date", "at": "timestamp", "seen_at": "timestamp", "note": "string", "nothing": "string"}
        assert properties["seen_at"].logicalTypeOptions.timezone is True
    assert properties["at"].logicalTypeOptions.timezone is False
    assert "# 0 to 39" in text
    assert max(map(len, text.splitlines())) <= 80, "a longer line would break in a terminal"
    own = text.replace("# customProperties", "customProperties").replace("#   - {", "  - {")
    assert parse(Contract, own, "c.yaml").partition_by == ("day",), "what is commented out is right as it stands"


def test_dates_that_only_people_read_stay_texts(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,on,amount\n1,31/01/2024,\"1,5\"\n2,28/02/2024,\"2,5\"\n")
    _, contract = inferred(file)
    assert [item.logicalType for item in contract.properties] == ["integer", "string", "string"]
    said = [part.body for part in run(tmp_path, "profile", file).view.parts if isinstance(part, Text)]
    assert said == ["amount: numbers with a decimal comma are read as texts; write them with a point."]


def test_a_column_that_tells_every_row_apart_is_put_forward_as_the_key(tmp_path: Path) -> None:
    rows = "".join(f"C{i},{i % 7},{i // 2}\n" for i in range(40))
    (tmp_path / "a.csv").write_text("customer,visits,plan_id\n" + rows)
    text, contract = inferred(tmp_path / "a.csv")
    assert [item.name for item in contract.properties if item.primaryKey] == ["customer"]
    assert "# 40 different values; the key of a row?" in text
    (tmp_path / "b.csv").write_text("customer,visits,plan_id\n" + rows * 2)
    text, contract = inferred(tmp_path / "b.csv")
    assert not [item.name for item in contract.properties if item.primaryKey]
    assert "# No column tells every row apart. Mark the one(s) that identify a row:" in text


def test_a_row_alone_says_nothing_about_ids(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    assert not inferred(tmp_path / "a.csv")[1].properties[0].unique


def test_a_dataset_has_its_contract_already(session: Callable[..., Session]) -> None:
    asked = session()
    asked.commit(asked.data().write("flights", "SELECT i AS id, '2013-09-01' AS day FROM range(40) t(i)"))
    found = asked.perform(["profile", "flights", "--contract"])
    assert found.exit == 2
    assert "'flights' has a contract" in str(found.error)


@pytest.mark.parametrize(("file", "name"), [("Sales 2024.csv", "sales-2024"), ("a.b.csv.gz", "a-b"), ("ä.csv", "data"),
                                            ("order_items.parquet", "order_items")])
def test_a_dataset_is_named_after_its_file(file: str, name: str) -> None:
    assert name_for(Path(file)) == name
