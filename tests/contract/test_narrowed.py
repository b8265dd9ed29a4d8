"""Somebody from whom columns are kept sees none of their values, through any command and any door."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_tui import roles
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Finding, Note, Run, Trained
from tests.contract.test_bound import CANARY, CONTRACT, MODEL, NUMBER, ROWS, clean, told, write
from tests.contract.test_capabilities import each_example, runs_by_itself

EVERYTHING = ", ".join(roles.ROLES)
TEAM = f"""\
people:
  ana: {{roles: [{EVERYTHING}], simulated: true}}
  eve: {{roles: [{EVERYTHING}], slack: U05, simulated: true}}
"""
ACCESS = """\
rules:
  - {effect: allow, who: ["*"], actions: ["*"], resources: [dataset/*, model/*, endpoint/*]}
  - {effect: deny, who: [eve], actions: [read], resources: [dataset/flights/column/note]}
  - {effect: mask, who: [eve], actions: [read], resources: [dataset/flights/column/fare]}
  - {effect: deny, who: [eve], actions: [read], resources: [dataset/secret]}
"""
HAPPENED = (
    Finding(check="drift", subject="flights-delay", status="fail", title="note moved",
            detail={"note": {CANARY: 3}, "columns": [{"column": "note", "levels": {CANARY: 3}}, {"column": "id"}],
                    "fare": {"max": NUMBER}}),
    Finding(check="validate", subject="secret", status="fail", title=f"{CANARY} is no note", value=float(NUMBER),
            detail={"worst": CANARY}),
    Run(subject="daily", run="r1", step="clean", status="failed", detail=f"could not convert {CANARY}"),
    Note(subject="flights", text="looked at", detail={"note": CANARY}),
    Trained(subject="flights-delay", version="1", candidate="logistic", key="k", run_id="r", artifact="a", training="t",
            declaration="d", seed=1, window=("2013-01-01", "2013-06-01"), metrics={"auc": {"value": 0.7}},
            detail={"features": {"note": {"levels": [CANARY]}}}),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("narrowed")
    write(folder, "mlops.yaml", "project: flights\ntimezone: America/New_York\n")
    write(folder, "team.yaml", TEAM)
    write(folder, "access/everybody.yaml", ACCESS)
    write(folder, "models/flights-delay.yaml", MODEL)
    write(folder, "flights.csv", ROWS)
    for name in ("flights", "secret"):
        write(folder, f"datasets/{name}.yaml",
              CONTRACT.replace("NAME", name).replace("PARTITION", "tenant").replace("SERVERS\n", ""))
    session = opened(folder, "ana")
    for name in ("flights", "secret"):
        assert session.perform(["ingest", name, "--file", str(folder / "flights.csv")]).exit in (0, 1)
    lake = session.data()
    for name in ("flights-delay.features", "flights-delay.predictions"):
        session.commit(lake.write(name, f"SELECT * FROM read_csv('{folder}/flights.csv')"))
    session.ledger.append(*HAPPENED)
    return folder


def opened(folder: Path, person: str, source: str = "terminal") -> Session:
    return replace(open_project(folder, person=person, source=source), directory=folder)


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


TABLES = ("flights", "secret", "flights.quarantine", "secret.quarantine", "flights-delay.features",
          "flights-delay.predictions", "ledger", "findings", "runs", "notes", "training")


def lines() -> Iterator[tuple[str, ...]]:
    """Every example of every command, and what somebody curious would try."""
    for parameter in each_example(runs_by_itself):
        yield parameter.values[1]
    for name in TABLES:
        yield ("profile", name)
        yield ("snapshot", "diff", name, name)
        yield ("snapshot", "verify", name)
        for query in ('SELECT * FROM "{}"', 'SUMMARIZE "{}"', 'SELECT max(note) FROM "{}"', 'EXPLAIN ANALYZE FROM "{}"',
                      'SELECT max(fare) FROM "{}"', "SELECT count(*) FROM \"{}\" WHERE note LIKE 'CAN%'"):
            yield ("sql", query.format(name))
    yield from ((("audit", "show", str(number))) for number in range(1, 30))
    yield ("audit", "log", "--limit", "99")
    yield ("profile", "flights.csv")
    yield ("quarantine", "list", "flights")
    yield ("quarantine", "show", "flights")
    yield ("sql", 'SELECT * FROM "flights"', "--out", "all.csv")


@pytest.mark.parametrize(("person", "source"), [("eve", "terminal"), ("eve", "slack"), ("eve", "dashboard")])
def test_no_command_shows_a_value_of_a_column_that_is_kept_from_who_asks(project: Path, person: str,
                                                                         source: str) -> None:
    session, shown = opened(project, person, source), []
    for argv in lines():
        outcome = session.perform(argv, reason="because")
        if not clean(told(outcome)):
            shown.append(argv)
        kept_to = {argv[0], " ".join(argv[:2])} & (roles.BOUND | roles.NARROWED)
        assert outcome.exit != 3, (argv, outcome.error)
        assert outcome.view.status is Status.DENIED or outcome.error or kept_to, argv
    assert shown == []
    assert not (project / "all.csv").exists() or clean((project / "all.csv").read_text())
    (project / "all.csv").unlink(missing_ok=True)
