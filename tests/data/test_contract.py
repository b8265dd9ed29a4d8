"""Contracts are listed, explained, checked for mistakes with their lines, compared, and kept to the standard."""

import json
from pathlib import Path

import duckdb
import jsonschema
import open_data_contract_standard
import pytest
import yaml

from mlops_tui.commands import Outcome, perform
from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.opening import open_project
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status, Text
from store.facts import Finding
from tests.conftest import FILES
from tests.data.test_ingest import CITIES, CONTRACT, WARN

ROOT = Path(__file__).parents[2]
STANDARD = json.loads((Path(open_data_contract_standard.__path__[0]) / "schema.json").read_text())
SQL = "{minimum: 0}, quality: [{type: sql, mustBe: 0, query: 'SELECT COUNT(*) FROM %s WHERE fair > 1'}]"
TRIPS = CONTRACT.replace("WARN", WARN).replace("POLICY", "quarantine")


@pytest.fixture
def trips(project: Path) -> Path:
    """A project with trips, the cities they name, and who reads them."""
    (project / "datasets/trips.yaml").write_text(TRIPS)
    (project / "datasets/cities.yaml").write_text(CITIES)
    (project / "features").mkdir()
    (project / "features/fares.sql").write_text("-- entity: id\n-- time: at\nSELECT id, at, fare FROM trips\n")
    (project / "pipelines").mkdir()
    (project / "pipelines/daily.yaml").write_text(
        "steps: [{name: clean, sql: clean.sql, inputs: [trips]}, {name: sums, sql: sums.sql, inputs: [clean]}]\n")
    (project / "pipelines/clean.sql").write_text("SELECT id, city, fare FROM trips\n")
    (project / "pipelines/sums.sql").write_text("SELECT city, sum(fare) AS fares FROM clean GROUP BY 1\n")
    (project / "monitors/fare.yaml").write_text("check: drift\nsubject: trips\ncolumns: [fare]\n")
    (project / "trips.csv").write_text("id,at,city,fare\n1,2013-06-01T12:00:00-04:00,NYC,5\n"
                                       "2,2013-06-01T13:00:00-04:00,NYC,-1\n")
    return project


def run(session: Session, *argv: object) -> Outcome:
    return session.perform(list(map(str, argv)))


def opened(project: Path) -> Session:
    return open_project(project, person="ana", source="terminal")


def texts(outcome: Outcome) -> str:
    return "\n".join(part.body for part in outcome.view.parts if isinstance(part, Text))


# -- the standard is the referee --------------------------------------------------------------------------------------


def kept(text: str) -> None:
    document = json.loads(json.dumps(yaml.safe_load(text), default=str))
    jsonschema.Draft201909Validator(STANDARD).validate(document)


def shipped() -> list[Path]:
    return [path for folder in ("templates", "runbooks", "tests") for path in sorted((ROOT / folder).rglob("*.yaml"))
            if "kind: DataContract" in path.read_text()]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_a_contract_that_we_ship_keeps_the_standard(path: Path) -> None:
    kept(path.read_text())
    assert declare.read(Contract, path).id


def test_the_contracts_of_the_tests_keep_it_and_a_wrong_one_does_not() -> None:
    for text in (TRIPS, CITIES, FILES["datasets/flights.yaml"]):
        kept(text)
    with pytest.raises(jsonschema.ValidationError):
        kept(TRIPS.replace("logicalType: integer", "logicalType: whole"))


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_an_inferred_contract_keeps_the_standard_and_is_kept_by_its_file(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"Some visits.{ending}"
    rows = """SELECT i AS visit_id, i / 7 AS "größe [m]", i % 2 = 0 AS "yes", [i, i] AS list, {'a': i} AS thing,
        TIMESTAMP '2024-01-01' + i * INTERVAL 1 HOUR AS at, NULL::VARCHAR AS nothing FROM range(40) t(i)"""
    duckdb.connect().execute(f"COPY ({rows}) TO '{file}'")
    session = without_project(tmp_path, perform)
    text = texts(run(session, "contract", "infer", file))
    assert text == texts(run(session, "profile", file, "--contract")), "there is one way of doing it"
    kept(text)
    (tmp_path / "c.yaml").write_text(text)
    assert run(session, "contract", "lint", tmp_path / "c.yaml").exit == 0
    assert run(session, "validate", tmp_path / "c.yaml", file).exit == 0


def test_every_key_of_the_standard_can_be_read() -> None:
    full = TRIPS.replace("properties:\n", """\
physicalName: t
    businessName: Trips
    dataGranularityDescription: One row is a trip.
    authoritativeDefinitions: [{url: 'https://example.org', type: definition}]
    properties:
      - name: extra
        physicalName: x
        businessName: X
        encryptedName: y
        partitioned: false
        partitionKeyPosition: -1
        transformSourceObjects: [a]
        transformLogic: a
        transformDescription: b
        logicalType: array
        items: {logicalType: string}
        logicalTypeOptions: {minItems: 1, maxItems: 3, uniqueItems: true}
        quality: [{metric: nullValues, mustNotBe: 3, businessImpact: none, method: m, schedule: '0 1 * * *',
                   scheduler: cron, tags: [a], severity: error, dimension: completeness}]
""", 1) + "slaDefaultElement: trips.at\nslaProperties: [{property: latency, value: 2, unit: d, driver: analytics}]\n"
    kept(full)
    assert declare.parse(Contract, full, "c.yaml").slaProperties[0].value == 2


# -- listed and explained ---------------------------------------------------------------------------------------------


def test_the_list_says_how_the_data_of_each_contract_stand(trips: Path) -> None:
    session = opened(trips)
    run(session, "ingest", "trips", "--file", trips / "trips.csv")
    rows = {row["dataset"]: row for row in run(session, "contract").view.table("contracts").rows}
    assert (rows["trips"]["status"], rows["trips"]["rows"], rows["trips"]["waiting"]) == (Status.FAIL, 1, 1)
    assert (rows["cities"]["status"], rows["cities"]["rows"]) == (Status.UNKNOWN, None)


def test_a_contract_is_told_in_plain_words(trips: Path) -> None:
    session = opened(trips)
    run(session, "ingest", "trips", "--file", trips / "trips.csv")
    outcome = run(session, "contract", "trips")
    asks = {row["column"]: row["asks"] for row in outcome.view.table("columns").rows}
    assert asks == {"id": ("a value", "no value twice"), "at": ("a value", "with a time zone"),
                    "city": ("a value", "is in cities.code (warns)"), "fare": ("at least 0",)}
    facts = outcome.view.facts()
    assert (facts["waiting"], facts["last_verdict"]) == (1, "1 of 2 rows of trips.csv break the contract")
    assert ("quarantine", "list", "trips") in [action.argv for action in outcome.view.actions]


# -- mistakes ---------------------------------------------------------------------------------------------------------


def line_of(text: str, word: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if word in line)


@pytest.mark.parametrize(("right", "wrong", "said"), [
    ("required: true, rel", "requird: true, rel", "Unknown key 'requird' in properties. Did you mean 'required'?"),
    ("logicalType: number", "logicalType: numbr", "'logicalType' is 'numbr'."),
    ("minimum: 0", "minimum: 0, maximum: -3", "No value of 'fare' can keep minimum 0 and maximum -3."),
    ("minimum: 0", "pattern: x", "'fare' is declared number, so it has no pattern."),
    ("cities.code", "citis.code", "No dataset 'citis' in datasets/. Did you mean 'cities'?"),
    ("cities.code", "cities.cod", "'cities' has no such column. Did you mean 'code'?"),
    ("value: at", "value: att", "eventTime names 'att', which the contract does not declare. Did you mean 'at'?"),
    ("{minimum: 0}", SQL % "elsewhere", "only SELECT COUNT(*) FROM {object}"),
    ("{minimum: 0}", SQL % "trips", "The rule fare:sql does not run"),
])
def test_a_mistake_is_shown_with_its_line_and_the_nearest_word(trips: Path, right: str, wrong: str, said: str) -> None:
    text = TRIPS.replace(right, wrong)
    assert text != TRIPS
    place = trips / "datasets/trips.yaml"
    place.write_text(text)
    outcome = run(opened(trips), "contract", "lint", "trips")
    assert outcome.error is None, outcome.error
    if "only SELECT" in said:
        assert (outcome.exit, said in str(outcome.view.table("unchecked").rows[0])) == (0, True)
        return
    [row] = outcome.view.table("mistakes").rows
    assert said in f"{row['what']} {row['next']}"
    assert (outcome.exit, row["where"]) == (1, f"{place}:{line_of(text, wrong.split(',')[0])}") or "citis" in said


def test_all_mistakes_of_a_file_are_listed_at_once(trips: Path) -> None:
    (trips / "c.yaml").write_text(TRIPS.replace("required: true", "requird: true").replace("minimum", "minimun"))
    rows = run(opened(trips), "contract", "lint", trips / "c.yaml").view.table("mistakes").rows
    assert [str(row["what"]).split("'")[1] for row in rows] == ["requird", "requird", "minimun"]
    assert run(opened(trips), "contract", "lint", "c.yml").exit == 2


# -- changes ----------------------------------------------------------------------------------------------------------


def test_a_dataset_is_compared_with_the_contract_by_which_its_data_came(trips: Path) -> None:
    session = opened(trips)
    assert run(session, "contract", "diff", "trips").exit == 2, "no data yet"
    run(session, "ingest", "trips", "--file", trips / "trips.csv")
    assert run(session, "contract", "diff", "trips").view.title == "Nothing changed in trips since its newest data came"
    (trips / "datasets/trips.yaml").write_text(TRIPS.replace("name: fare", "name: price"))
    outcome = run(opened(trips), "contract", "diff", "trips")
    rows = {row["kind"]: row for row in outcome.view.table("changes").rows}
    assert (outcome.exit, outcome.view.facts()["breaking"]) == (1, 1)
    assert (rows["dropped"]["column"], rows["added"]["column"]) == ("fare", "price")
    assert rows["dropped"]["readers"] == (
        "pipeline daily.clean", "pipeline daily.sums", "feature fares", "monitor fare")


def test_two_files_are_compared_without_a_project(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TRIPS)
    (tmp_path / "b.yaml").write_text(TRIPS.replace("minimum: 0", "minimum: 1"))
    outcome = run(without_project(tmp_path, perform), "contract", "diff", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert (outcome.exit, outcome.view.status) == (0, Status.PASS), outcome.error
    [row] = outcome.view.table("changes").rows
    assert (row["kind"], row["was"], row["now"]) == ("tightened", "minimum 0", "minimum 1")
    assert run(without_project(tmp_path, perform), "contract", "diff", tmp_path / "a.yaml").exit == 2


def test_a_file_is_checked_before_it_comes_and_a_renamed_column_is_found_by_its_values(trips: Path) -> None:
    session = opened(trips)
    run(session, "ingest", "trips", "--file", trips / "trips.csv")
    (trips / "new.csv").write_text("id,at,town,fare,tip\n3,2013-06-01T12:00:00-04:00,NYC,2.5,1\n")
    outcome = run(session, "contract", "check", "trips", "--file", trips / "new.csv")
    rows = [(row["kind"], row["column"], row["now"], row["guess"]) for row in outcome.view.table("changes").rows]
    assert rows == [("renamed", "city", "town", True), ("added", "tip", "BIGINT", False)]
    assert "100% of the values are the same" in str(outcome.view.table("changes").rows[0]["why"])
    assert outcome.exit == 1
    assert run(session, "contract", "check", "trips", "--file", trips / "trips.csv").exit == 0


def test_a_new_column_and_a_widened_type_are_said_when_a_file_is_taken_in(trips: Path) -> None:
    session = opened(trips)
    query = ("SELECT 3.0::DOUBLE AS id, TIMESTAMPTZ '2013-06-01 12:00+00' AS at, 'NYC' AS city, 5.0 AS fare, 1 AS tip")
    duckdb.connect().execute(f"COPY ({query}) TO '{trips / 'new.parquet'}'")
    outcome = run(session, "ingest", "trips", "--file", trips / "new.parquet")
    assert "widened: id is DOUBLE in the file where the contract says integer" in texts(outcome)
    [finding] = [entry.fact for entry in session.ledger.entries("finding", subject="trips")
                 if isinstance(entry.fact, Finding) and entry.fact.check == "ingest"]
    assert [(each["kind"], each["column"]) for each in finding.detail["evolution"]] == [
        ("added", "tip"), ("widened", "id")]


TYPED = """\
kind: DataContract
apiVersion: v3.1.0
id: typed
version: 1.0.0
status: active
schema:
  - name: typed
    properties:
      - {name: a, DECLARED}
"""


@pytest.mark.parametrize(("declared", "values", "kind"), [
    ("logicalType: integer", "VALUES ('x'), ('2')", "retyped"),
    ("logicalType: integer", "VALUES ('1'), ('2')", None),
    ("logicalType: integer", "VALUES (1.0::DOUBLE), (2.0)", "widened"),
    ("logicalType: integer", "VALUES (1.5::DOUBLE), (2.0)", "widened"),
    ("logicalType: integer", "VALUES (DATE '2013-06-01')", "retyped"),
    ("logicalType: string", "VALUES (1), (2)", None),
    ("logicalType: number", "VALUES (1), (2)", None),
    ("logicalType: number", "VALUES ('nan'), ('1e3')", None),
    ("logicalType: timestamp, logicalTypeOptions: {timezone: false}", "VALUES (TIMESTAMPTZ '2013-06-01 12:00:00Z')",
     "retyped"),
    ("logicalType: timestamp, logicalTypeOptions: {timezone: true}", "VALUES (TIMESTAMP '2013-06-01 12:00:00')",
     "retyped"),
    ("logicalType: timestamp", "VALUES (TIMESTAMPTZ '2013-06-01 12:00:00Z')", None),
    ("logicalType: timestamp", "VALUES ('2013-06-01T12:00:00Z')", "retyped"),
    ("logicalType: date", "VALUES (TIMESTAMP '2013-06-01 00:00:00')", "widened"),
    ("logicalType: date", "VALUES (TIMESTAMP '2013-06-01 07:00:00')", "widened"),
    ("logicalType: boolean", "VALUES (1), (0)", "narrowed"),
    ("logicalType: boolean", "VALUES (1), (7)", "retyped"),
    ("logicalType: object", "VALUES ('no json')", None)])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_check_of_the_types_agrees_with_what_validate_does(project: Path, declared: str, values: str,
                                                             kind: str | None, ending: str) -> None:
    (project / "datasets/typed.yaml").write_text(TYPED.replace("DECLARED", declared))
    file = project / f"new.{ending}"
    duckdb.sql(f"COPY (SELECT a FROM ({values}) t(a)) TO '{file}'")
    session = opened(project)
    changed, judged = (run(session, *argv) for argv in (("contract", "check", "typed", "--file", file),
                                                        ("validate", "typed", file)))
    assert judged.error is None, judged.error
    assert changed.exit == judged.exit, (changed.view.title, judged.view.title)
    if ending == "parquet" and "object" not in declared:
        kinds = [row["kind"] for row in changed.view.table("changes").rows] if changed.view.facts()["changes"] else []
        assert kinds == ([kind] if kind else [])
