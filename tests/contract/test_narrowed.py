"""Somebody from whom columns are kept sees none of their values, through any command and any door."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_tui import roles
from mlops_tui.errors import Denied, Forbidden
from mlops_tui.opening import open_project
from mlops_tui.render.keep import written
from mlops_tui.roles import Shape
from mlops_tui.session import Session
from mlops_tui.tui.cache import FORM, last, path_of, rules
from mlops_tui.tui.feed import Feed
from mlops_tui.view import Facts, Status, View
from store.facts import AlertEvent, Finding, IncidentEvent, Note, Run, Trained
from tests.contract.test_bound import CANARY, CONTRACT, MODEL, NUMBER, ROWS, clean, told, write
from tests.contract.test_capabilities import capabilities, each_example, runs_by_itself

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
    AlertEvent(subject="AL-1", event="fired", about="secret", check="validate", title=f"{CANARY} is no note"),
    IncidentEvent(subject="INC-1", event="declared", about="secret", severity="high", title=f"{CANARY} is no note"),
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


def kept_to(argv: tuple[str, ...]) -> bool:
    """Whether the words are of a command that reads what may be seen, instead of being refused."""
    return bool({argv[0], " ".join(argv[:2])} & (roles.BOUND | roles.NARROWED))


@pytest.mark.parametrize("source", ["terminal", "slack", "dashboard"])
def test_no_command_shows_a_value_of_a_column_that_is_kept_from_who_asks(project: Path, source: str) -> None:
    session, shown = opened(project, "eve", source), []
    for argv in lines():
        if source != "terminal" and not (argv[-1] == "flights" or '"flights"' in argv[-1]):
            continue  # the door is the same: what reads the rows themselves will do
        outcome = session.perform(argv, reason="because")
        if not clean(told(outcome)):
            shown.append(argv)
        assert outcome.exit != 3, (argv, outcome.error)
        assert outcome.view.status is Status.DENIED or outcome.error or kept_to(argv), argv
    assert shown == []
    assert not (project / "all.csv").exists() or clean((project / "all.csv").read_text())
    (project / "all.csv").unlink(missing_ok=True)


def test_the_canary_is_there_for_who_may_see_it(project: Path) -> None:
    session = opened(project, "ana")
    for argv in (("profile", "flights"), ("sql", "SELECT note FROM flights"), ("sql", "FROM secret"),
                 ("sql", "FROM findings"), ("sql", 'FROM "flights-delay.features"'), ("sql", "FROM runs"),
                 ("sql", 'FROM "flights.quarantine"'), ("sql", "FROM training"), ("sql", "FROM notes")):
        assert not clean(told(session.perform(argv))), argv


def test_what_is_left_is_seen(project: Path) -> None:
    session = opened(project, "eve")
    view = session.perform(["sql", "FROM flights ORDER BY id"]).view
    assert [dict(row) for row in view.table("rows").rows] == [
        {"id": 1, "tenant": "acme", "fare": None}, {"id": 2, "tenant": "globex", "fare": None},
        {"id": 4, "tenant": "acme", "fare": None}]
    profiled = {row["column"]: row for row in session.perform(["profile", "flights"]).view.table("columns").rows}
    assert set(profiled) == {"id", "tenant", "fare"}
    assert (profiled["fare"]["nulls"], profiled["fare"]["max"], profiled["id"]["max"]) == (3, None, 4)
    whole = {row["column"]: row for row in opened(project, "ana").perform(["profile", "flights"]).view.table(
        "columns").rows}
    assert whole["fare"]["max"] == NUMBER, "what eve was shown is kept nowhere for others"


def test_a_dataset_that_is_denied_is_refused_with_the_rule_that_says_so(project: Path) -> None:
    outcome = opened(project, "eve").perform(["sql", "FROM secret"])
    assert (outcome.exit, outcome.view.title) == (4, "eve may not read 'secret': denied by access/everybody.yaml.")
    assert outcome.error is not None
    assert outcome.error["next"] == "Try: mlops-tui access can eve read dataset/secret"


def test_who_does_not_see_a_dataset_whole_makes_nothing_of_it(project: Path) -> None:
    eve = opened(project, "eve")
    before = [entry.seq for entry in eve.ledger.entries("snapshot", "finding")]
    for argv in (["ingest", "flights", "--file", "flights.csv"], ["validate", "flights"], ["health", "flights"],
                 ["drift", "flights-delay"], ["quarantine", "export", "flights"], ["snapshot", "take", "flights"]):
        assert eve.perform(argv, reason="because").exit in (2, 4), argv
    assert [entry.seq for entry in eve.ledger.entries("snapshot", "finding")] == before
    lake = eve.data()
    state = opened(project, "ana").snapshot("flights")
    with pytest.raises(Forbidden, match="cannot be kept as a state"):
        lake.keep(lake.manifest("flights", state.id))
    with pytest.raises(Forbidden, match="cannot be read as it lies"):
        lake.bytes_of(lake.manifest("flights", state.id).files[0])
    with pytest.raises(Forbidden, match="made of all partitions and columns"):
        lake.object("0" * 64)


def test_whatever_snapshot_the_lake_is_asked_to_read_it_is_read_without_them(project: Path) -> None:
    state, lake = opened(project, "ana").snapshot("flights"), opened(project, "eve").data()
    found = lake.connect().execute(f"SELECT * FROM {lake.scan(state)} LIMIT 1")
    assert [column[0] for column in found.description] == ["id", "tenant", "fare"]
    seen = lake.manifest("flights", state.id)
    assert seen.id != state.id, "nothing that was computed of the whole is taken for it"
    assert {file.digest for file in seen.files}.isdisjoint({file.digest for file in state.files})


def test_the_dashboard_is_not_opened_for_whom_something_is_kept_from(project: Path) -> None:
    with pytest.raises(Denied, match="are kept from eve"):
        Feed(project, "eve", read_only=False)
    Feed(project, "ana", read_only=False)
    keep = path_of(project, "eve")
    keep.parent.mkdir(parents=True)
    keep.write_text(written(View("home", Status.DONE, (Facts({"form": FORM, "rules": rules(project)}),))))
    assert last(project, "eve") is None, "what she saw with a grant is not shown when it has ended"


def test_the_dashboard_that_is_open_shuts_when_something_is_kept_from_who_looks(project: Path) -> None:
    feed, rules = Feed(project, "ana", read_only=False), project / "access" / "everybody.yaml"
    before = rules.read_text()
    feed.admit()
    try:
        rules.write_text(before.replace("who: [eve]", "who: [eve, ana]"))
        with pytest.raises(Denied, match="are kept from ana"):
            feed.admit()
    finally:
        rules.write_text(before)
    feed.admit()


def test_who_acts_for_another_lets_nobody_see_more(project: Path) -> None:
    eve = opened(project, "eve")
    within = eve.entered()
    within.serve("approve show", Shape.LOOK)
    as_ana = within.acting_as(opened(project, "ana").actor)
    assert clean(told(as_ana.perform(["sql", "FROM flights"])))
    assert as_ana.perform(["sql", "FROM secret"]).exit == 4
    as_ana = eve.acting_as(opened(project, "ana").actor)
    assert not clean(told(as_ana.perform(["sql", "SELECT note FROM flights"]))), "nobody reads along"


def test_every_name_of_what_may_be_run_is_a_command() -> None:
    known = {str(words) for words in capabilities()} | {str(words).partition(" ")[0] for words in capabilities()}
    assert known >= roles.NARROWED | roles.NAMING
