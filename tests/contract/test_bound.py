"""Somebody bound to some partitions sees no other's rows, through any command and any door."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_tui import asking, cli, jobs, roles
from mlops_tui.capability import Noun
from mlops_tui.commands import Outcome, root
from mlops_tui.errors import Denied
from mlops_tui.opening import open_project
from mlops_tui.render.json import as_json
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from mlops_tui.tui import cache
from mlops_tui.tui.feed import Feed
from mlops_tui.view import Status, View
from store.facts import (
    AlertEvent,
    Finding,
    IncidentEvent,
    Note,
    Postmortem,
    Proposal,
    Run,
    RunbookEvent,
    Trained,
)
from tests.contract.test_capabilities import each_example, runs_by_itself

CANARY, NUMBER = "CANARY", 987654321
TEAM = f"""\
people:
  ana: {{roles: [{", ".join(roles.ROLES)}], simulated: true}}
  eve: {{roles: [viewer], only: {{tenant: [acme]}}, slack: U05, simulated: true}}
  eng: {{roles: [{", ".join(roles.ROLES)}], only: {{tenant: [acme]}}, simulated: true}}
"""
CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: NAME
version: 1.0.0
status: active
SERVERS
schema:
  - name: NAME
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: tenant, required: true}
      - {name: note}
      - {name: fare, logicalType: number, logicalTypeOptions: {minimum: 0}}
customProperties:
  - {property: partitionBy, value: [PARTITION]}
"""
ROWS = f"id,tenant,note,fare\n1,acme,fine,5\n2,globex,{CANARY},{NUMBER}\n3,globex,{CANARY}2,-{NUMBER}\n4,acme,good,6\n"
MODEL = """\
task: binary
label: {dataset: flights, column: late}
features: []
columns: [note]
candidates: {logistic: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: at}
"""
HAPPENED = (
    Finding(check="drift", subject="flights-delay", status="fail", title=f"{CANARY} moved", value=float(NUMBER),
            detail={"levels": {CANARY: 3}}),
    AlertEvent(subject="AL-1", event="fired", monitor="m", about="flights", check="drift", severity="high",
               title=f"{CANARY} moved"),
    *(IncidentEvent(subject=f"INC-{number}", event="opened", title=f"{CANARY} late", severity="high", about="flights")
      for number in range(1, 4)),
    Proposal(subject="P-1", event="proposed", path="monitors/new.yaml", content=f"# {CANARY}", why=CANARY),
    RunbookEvent(subject="RUN-1", event="started", runbook="data-drift", about="flights", note=CANARY),
    Postmortem(subject="INC-1", event="drafted", document=CANARY),
    Note(subject="flights", text=CANARY, detail={"what": CANARY}),
    Run(subject="daily", run="r1", step="clean", status="failed", detail=f"could not convert {CANARY}"),
    Trained(subject="flights-delay", version="1", candidate="logistic", key="k", run_id="r", artifact="a", training="t",
            declaration="d", seed=1, window=("2013-01-01", "2013-06-01"), metrics={"auc": {"value": float(NUMBER)}},
            detail={"worst": CANARY}),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tenants' rows: partitioned, in place, unpartitioned and shared, with all that was made of them."""
    folder = tmp_path_factory.mktemp("bound")
    write(folder, "mlops.yaml", "project: flights\ntimezone: America/New_York\n")
    write(folder, "team.yaml", TEAM)
    write(folder, "models/flights-delay.yaml", MODEL)
    write(folder, "flights.csv", ROWS)
    write(folder, "cities.csv", "id,tenant,note,fare\n1,globex,Paris,1\n")
    server = "servers: [{server: lake, type: local, format: parquet, path: data}]"
    declared = (("flights", "tenant", ""), ("placed", "tenant", server), ("whole", "", ""), ("cities", "", ""))
    for name, partition, servers in declared:
        text = CONTRACT.replace("NAME", name).replace("PARTITION", partition).replace("SERVERS\n", f"{servers}\n")
        write(folder, f"datasets/{name}.yaml", text)
    contract = folder / "datasets/cities.yaml"
    contract.write_text(contract.read_text() + "  - {property: shared, value: true}\n")
    session = opened(folder, "ana")
    for name, file in (("flights", "flights.csv"), ("whole", "flights.csv"), ("cities", "cities.csv")):
        assert session.perform(["ingest", name, "--file", str(folder / file)]).exit in (0, 1)
    lake = session.data()
    for tenant in ("acme", "globex"):
        target = folder / f"data/tenant={tenant}/a.parquet"
        target.parent.mkdir(parents=True)
        lake.connect().execute(f"COPY (SELECT * EXCLUDE (tenant) FROM read_csv('{folder}/flights.csv') "
                               f"WHERE tenant = '{tenant}') TO '{target}' (FORMAT parquet)")
    assert session.perform(["snapshot", "take", "placed"]).exit == 1
    for name in ("flights-delay.features", "flights-delay.predictions"):
        session.commit(lake.write(name, f"SELECT * FROM read_csv('{folder}/flights.csv')"), source=CANARY)
    session.ledger.append(*HAPPENED)
    job = jobs.put(session, ("profile", CANARY))
    jobs.rows(session).end(job, "failed", exit=3, title=CANARY)
    path = jobs.log_path(session, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CANARY)
    return folder


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def opened(folder: Path, person: str, source: str = "terminal") -> Session:
    session = open_project(folder, person=person, source=source)
    return replace(session, directory=folder)


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def told(outcome: Outcome | View) -> str:
    """Everything that any surface could show of an answer."""
    view = outcome if isinstance(outcome, View) else outcome.view
    error = None if isinstance(outcome, View) else outcome.error
    return f"{outcome} {as_json(view, (), error=error)}"


def clean(text: str) -> bool:
    return CANARY not in text and str(NUMBER) not in text


TABLES = ("flights", "placed", "whole", "cities", "flights.quarantine", "placed.quarantine", "whole.quarantine",
          "flights-delay.features", "flights-delay.predictions", "ledger", "findings", "alerts", "runs", "incidents",
          "notes", "commands", "snapshots", "training")


def lines() -> Iterator[tuple[str, ...]]:
    """Every example of every command, and what somebody curious would try."""
    for parameter in each_example(runs_by_itself):
        yield parameter.values[1]
    for name in TABLES:
        yield ("profile", name)
        yield ("snapshot", "diff", name, name)
        yield ("snapshot", "verify", name)
        for query in ('SELECT * FROM "{}"', 'SUMMARIZE "{}"', 'SELECT max(note) FROM "{}"', 'EXPLAIN ANALYZE FROM "{}"',
                      "SELECT count(*) FROM \"{}\" WHERE note LIKE 'CAN%'"):
            yield ("sql", query.format(name))
    yield ("snapshot", "verify")
    yield ("profile", "flights.csv")
    yield ("profile", ".mlops/lake/flights")
    yield ("profile", "data/tenant=globex/a.parquet")
    yield ("validate", "flights", "flights.csv")
    yield ("validate", "datasets/flights.yaml", "flights.csv", "--quarantine", "q.csv")
    yield ("ingest", "flights", "--file", "flights.csv")
    yield ("sql", 'SELECT * FROM "flights"', "--out", "all.csv")
    yield ("sql", "SELECT CAST(note AS INTEGER) FROM flights")
    yield ("job", "log", "1")
    yield ("job", "list")
    yield ("audit", "show", "5")
    yield ("incident", "show", "INC-1")
    yield ("alert", "show", "AL-1")


@pytest.mark.parametrize(("person", "source"), [("eve", "terminal"), ("eve", "slack"), ("eng", "dashboard")])
def test_no_command_shows_a_row_of_somebody_else(project: Path, person: str, source: str) -> None:
    session = opened(project, person, source)
    shown, before = [], session.ledger.head_seq()
    for argv in lines():
        outcome = session.perform(argv, reason="because")
        if not clean(told(outcome)):
            shown.append(argv)
        assert outcome.exit != 3, (argv, outcome.error)
        kept_to = {argv[0], " ".join(argv[:2])} & roles.BOUND
        assert outcome.view.status is Status.DENIED or outcome.error or kept_to, argv
    assert shown == []
    assert not (project / "all.csv").exists() or clean((project / "all.csv").read_text())
    (project / "all.csv").unlink(missing_ok=True)
    assert not list(project.glob("q.csv"))
    assert {entry.actor for entry in opened(project, "ana").ledger.entries() if entry.seq > before} <= {
        f"{person} (simulated)"}


def test_the_canary_is_there_for_who_may_see_it(project: Path) -> None:
    session = opened(project, "ana")
    for argv in (("profile", "flights"), ("sql", "FROM flights"), ("sql", "FROM placed"), ("sql", "FROM ledger"),
                 ("sql", 'FROM "flights-delay.features"'), ("incident", "show", "INC-1"),
                 ("audit", "log", "--limit", "999")):
        assert not clean(told(session.perform(argv))), argv


def test_what_somebody_is_bound_to_he_sees(project: Path) -> None:
    session = opened(project, "eve")
    for name in ("flights", "placed"):
        view = session.perform(["sql", f"SELECT id, tenant FROM {name} ORDER BY id"]).view
        assert [tuple(row.values()) for row in view.table("rows").rows] == [(1, "acme"), (4, "acme")]
        assert session.perform(["profile", name]).view.facts()["rows"] == 2
    assert session.perform(["sql", "FROM cities"]).view.table("rows").total == 1, "it is for everybody"
    denied = session.perform(["sql", "FROM whole"])
    assert (denied.exit, denied.view.title) == (4, "'whole' is not partitioned by tenant, to which you are bound.")
    plan = session.perform(["sql", "EXPLAIN ANALYZE FROM flights"]).view
    assert "tenant=acme" in str(plan)
    assert "globex" not in str(plan)


def test_every_other_command_is_refused_and_the_refusal_says_what_may_be_run(project: Path) -> None:
    outcome = opened(project, "eve").perform(["status"])
    assert outcome.exit == 4
    assert outcome.error is not None
    assert "eve is bound to tenant=acme" in outcome.error["what"]
    assert "sql" in outcome.error["next"]


def test_what_may_be_run_exists() -> None:
    known = {str(name) if not isinstance(made, Noun) else f"{name} {verb}"
             for name in root.files for made in [root.get_command(None, name)]  # type: ignore[arg-type]
             for verb in (made.commands if isinstance(made, Noun) else [""])}
    assert known >= roles.BOUND


def test_a_job_is_done_with_the_bounds_of_who_asked(project: Path) -> None:
    base = opened(project, "ana")
    eve = base.acting_as(Actor("eve", frozenset(roles.ROLES), "slack"))
    assert eve.only == {"tenant": ("acme",)}
    assert eve.perform(["snapshot", "take", "placed"]).exit == 4
    assert isinstance(asking.ask(eve, ("snapshot", "take", "placed")), asking.Answer), "no job is begun"
    again = eve.acting_as(Actor("ana", frozenset(roles.ROLES), "slack"))
    assert {entry.kind for entry in again.ledger.entries()} <= {"snapshot", "command"}, "nobody is let out of it"


def test_the_history_of_somebody_bound_has_the_states_and_his_own_commands(project: Path) -> None:
    eve, ana = opened(project, "eve"), opened(project, "ana")
    head = ana.ledger.head_seq()
    own = [entry for entry in ana.ledger.entries() if entry.kind == "snapshot"
           or (entry.kind == "command" and entry.actor == "eve (simulated)")]
    assert [entry.seq for entry in eve.ledger.entries()] == [entry.seq for entry in own]
    assert eve.ledger.numbers(upto=head) == [entry.seq for entry in own]
    assert eve.ledger.at(range(1, head + 1)) == own
    assert [entry.seq for entry in eve.ledger.page(0, 3, upto=head)] == [entry.seq for entry in own[::-1][:3]]
    assert [entry.seq for entry in eve.ledger.page(2, 3, upto=head)] == [entry.seq for entry in own[::-1][2:5]]


def test_the_lake_itself_gives_no_other_partition_whatever_manifest_is_asked_for(project: Path) -> None:
    eve, ana = opened(project, "eve"), opened(project, "ana")
    whole = ana.snapshot("flights")
    lake = eve.data()
    assert lake.connect().execute(f"SELECT DISTINCT tenant FROM {lake.scan(whole)}").fetchall() == [("acme",)]
    assert {file.partition["tenant"] for file in lake.stored("flights", whole.id).files} == {"acme"}
    digest = ana.declaration("dataset", "flights")
    with pytest.raises(Exception, match="made of all partitions"):
        lake.object(digest)


def test_the_dashboard_is_not_opened_for_somebody_bound_and_its_last_picture_is_not_shown(project: Path) -> None:
    with pytest.raises(Denied, match="bound to tenant=acme"):
        Feed(project, "eve", read_only=False)
    feed = Feed(project, "ana", read_only=False)
    feed.look()
    assert cache.last(project, "ana") is not None
    assert cache.last(project, "eve") is None


def test_a_state_that_has_no_such_partition_reads_as_no_rows(project: Path) -> None:
    write(project, "team.yaml", TEAM.replace("only: {tenant: [acme]}, slack", "only: {tenant: [nobody]}, slack"))
    try:
        assert opened(project, "eve").perform(["sql", "FROM flights"]).view.table("rows").total == 0
    finally:
        write(project, "team.yaml", TEAM)


def test_verify_looks_at_what_may_be_seen_and_counts_the_rest(project: Path) -> None:
    view = opened(project, "eve").perform(["snapshot", "verify"]).view
    everything = opened(project, "ana").perform(["snapshot", "verify"]).view.facts()["snapshots"]
    seen, hidden = (view.facts()[name] for name in ("snapshots", "not_yours"))
    assert (view.status, isinstance(hidden, int) and hidden > 0, seen + hidden) == (Status.PASS, True, everything)
    assert "not yours to see" in view.title
    assert "whole" not in str(view.parts), "no dataset that is not hers is named"


def test_verify_of_what_may_not_be_seen_knows_nothing_of_it(project: Path) -> None:
    view = opened(project, "eve").perform(["snapshot", "verify", "whole"]).view
    assert (view.status, view.facts()["files"]) == (Status.UNKNOWN, 0)


def test_a_state_whose_manifest_is_damaged_is_not_named_to_who_may_not_see_it(project: Path) -> None:
    state = opened(project, "ana").snapshot("whole")
    path = next((project / ".mlops/lake/whole").rglob(f"{state.id}.json"))
    kept = path.read_text()
    path.write_text("{")
    try:
        view = opened(project, "eve").perform(["snapshot", "verify"]).view
        assert (view.status, "whole" in str(view.parts)) == (Status.PASS, False)
        assert opened(project, "ana").perform(["snapshot", "verify"]).view.status is Status.FAIL
    finally:
        path.write_text(kept)


@pytest.mark.parametrize("argv", [
    ["init", "--from", "flights.csv"], ["init", "other", "--nested"], ["demo"], ["contract", "infer", "flights.csv"],
    ["contract", "check", "flights", "--file", "flights.csv"], ["profile", "flights.csv"],
    ["snapshot", "diff", "flights.csv", "flights"], ["snapshot", "diff", "flights", "flights.csv"]])
def test_somebody_bound_names_no_path_in_any_command_line(project: Path, argv: list[str],
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    session = cli.open_session(cli.Options(person="eve", argv=argv))
    outcome = session.perform(argv)
    assert (outcome.exit, outcome.view.status) == (4, Status.DENIED), outcome.view.title
    assert not (project / "other").exists()


def test_a_file_and_a_state_are_not_compared_and_no_ingest_is_proposed(project: Path) -> None:
    outcome = opened(project, "ana").perform(["snapshot", "diff", str(project / "flights.csv"), "flights"])
    assert (outcome.exit, outcome.view.actions) == (2, ())
    assert "is a file, and the other side is a state" in outcome.view.title
