"""From a source file's bytes to an answer and back: what is told is what was done, whoever tells it otherwise."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.opening import open_project
from mlops_tui.render import terminal
from mlops_tui.render.html import as_html
from mlops_tui.render.json import as_json
from mlops_tui.render.markdown import as_markdown
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Series, Status, View
from store.facts import AlertEvent, Approval, IncidentEvent, OptOut, Promotion
from tests.conftest import FILES, START, Made

DAYS = ("2013-09-11", "2013-09-12", "2013-09-13")
VIEW = """\
-- description: Half of what it is.
-- entity: id
-- time: sched_dep
-- available_after: 0m
-- lookback: 0d
-- ttl: 0h
SELECT id, sched_dep, delay / 2 AS half FROM flights WHERE fine
"""
STEP = "SELECT day, count(*) FILTER (late) AS late, sum(delay) AS delay FROM flights WHERE fine GROUP BY day\n"
HOSTILE = "<b>a</b>|[red]`x`*_\\ & {y}.parquet"


def arrive(path: Path, day: str, number: int) -> str:
    """A file of four rows of a day; how `ingest` is asked to take it."""
    at = datetime.fromisoformat(f"{day}T12:00:00Z")
    rows = [{"id": number * 10 + each, "sched_dep": at, "day": day, "late": each % 2 == 0, "delay": each, "fine": True,
             "passenger": f"person {each}"} for each in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def commit(session: Session, dataset: str, table: pa.Table, source: str) -> str:
    connection = session.data().connect()
    connection.register("made", table)
    by = ("day",) if "day" in table.column_names else ()
    written = session.data().write(dataset, "SELECT * FROM made", sort=("id",), partition_by=by, connection=connection)
    return session.commit(written, source=source)[0].id


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which three files were taken in, a version learned from two of them, was promoted and answers."""
    root = tmp_path_factory.mktemp("told") / "flights"
    files = {**FILES, "features/half.sql": VIEW, "pipelines/daily.yaml":
             "steps: [{name: days, sql: days.sql, inputs: [flights], key: [day]}]\n", "pipelines/days.sql": STEP,
             "endpoints/gate.yaml": "model: flights-delay@champion\n"}
    files["datasets/flights.yaml"] = files["datasets/flights.yaml"].replace("customProperties:", """\
      - {name: delay, logicalType: integer}
      - {name: fine, logicalType: boolean}
      - {name: passenger, logicalType: string, classification: personal, description: who sits there}
customProperties:
  - {property: dataSubject, value: passenger}""")
    files["models/flights-delay.yaml"] = files["models/flights-delay.yaml"].replace("features: []", "features: [half]")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    session = open_project(root, person="ana", clock=ReplayClock(START), source="terminal")
    made = Made(root)
    for number, day in enumerate(DAYS):
        path = arrive(root / f"{day}.parquet", day, number)
        assert session.perform(("ingest", "flights", "--file", path)).exit == 0
        features = pa.table({"id": [number * 10 + each for each in range(4)], "half": [each / 2 for each in range(4)],
                             "day": [day] * 4})
        commit(session, "flights-delay.features", features, "windows")
        if number == 1:
            rows = commit(session, "flights-delay.training", pa.table({"id": [1, 2]}), "train flights-delay")
            inputs = {"detail": {"metric": "roc_auc", "inputs": [{"name": "half"}]}}
            session.ledger.append(made.trained("1", training=rows, **inputs), made.trained("2", training=rows, seed=2),
                                  Approval(subject="AP-1", event="asked", argv=("promote", "flights-delay@1")),
                                  Promotion(subject="flights-delay", version="1", previous="", approval="AP-1",
                                            evidence=""))
        if number >= 1:
            answers = {"id": [number * 10 + each for each in range(4)], "score": [0.5] * 4, "version": ["1"] * 4,
                       "day": [day] * 4}
            commit(session, "flights-delay.predictions", pa.table(answers), "score flights-delay@1")
    found = session.ledger.append(made.finding("fail", check="performance", version="1",
                                               data=(session.current("flights-delay.predictions").id,)))
    session.ledger.append(AlertEvent(subject="AL-1", event="fired", finding=found[0].seq),
                          IncidentEvent(subject="INC-1", event="opened", alert="AL-1"))
    return root


@pytest.fixture
def told(once: Path, tmp_path: Path) -> Session:
    """A session on a copy of that project."""
    copytree(once, tmp_path / "flights")
    return open_project(tmp_path / "flights", person="ana", clock=ReplayClock(START), source="terminal")


@pytest.fixture
def looked(once: Path) -> Session:
    """A session on the project itself, which may only read it."""
    return open_project(once, person="ana", clock=ReplayClock(START), source="terminal", read_only=True)


def ask(session: Session, *argv: str, exit: int = 0) -> View:
    found = session.perform(("provenance", *argv))
    assert found.exit == exit, found.view
    return found.view


def names(view: View, side: str = "") -> set[str]:
    return {f"{row['kind']} {row['name']}" for row in view.table("nodes").rows if side in str(row["side"])}


# -- where it comes from, what it led to ------------------------------------------------------------------------------


def test_an_answer_comes_from_the_bytes_of_its_file_and_the_file_leads_to_it(looked: Session, once: Path) -> None:
    view = ask(looked, "of", "prediction/21", "--all")
    facts, parts = view.facts(), view.table("parts").rows
    assert (facts["version"], facts["score"], facts["outcome"]) == ("flights-delay@1", 0.5, False)
    wanted = hashlib.sha256((once / "2013-09-13.parquet").read_bytes()).hexdigest()
    read = {row["dataset"]: row for row in parts if row["what"] == "read"}
    assert read["flights"]["part"] == "2013-09-13"
    assert read["flights"]["source"] == (f"2013-09-13.parquet@{wanted[:12]}",)
    lake = looked.data().root / f"flights/day=2013-09-13/{read['flights']['sha256']}.parquet"
    assert hashlib.sha256(lake.read_bytes()).hexdigest() == read["flights"]["sha256"]
    assert {"model flights-delay", "promotion flights-delay@1", "file 2013-09-11.parquet"} <= names(view, "from")
    assert "from 2 source files; it learned from 2" in view.title
    down = ask(looked, "of", "2013-09-13.parquet", "--down", "--all")
    assert {"state flights-delay.predictions", "incident INC-1", "alert AL-1"} <= names(down)
    assert "model flights-delay" not in names(down), "the version learned from earlier files"


def test_the_first_answers_rest_on_nothing_that_came_later(looked: Session) -> None:
    view = ask(looked, "of", "prediction/flights-delay/11", "--up", "--all")
    assert {"file 2013-09-11.parquet", "file 2013-09-12.parquet"} <= names(view)
    assert "file 2013-09-13.parquet" not in names(view)


def test_an_incident_is_led_back_as_far_as_one_asks(looked: Session) -> None:
    assert names(ask(looked, "of", "INC-1", "--up", "--depth", "2", "--all")) == {
        "alert AL-1", "finding performance of flights-delay"}
    whole = ask(looked, "of", "inc-1", "--up", "--all")
    assert "file 2013-09-12.parquet" in names(whole)
    assert not [row for row in whole.table("nodes").rows if row["side"] == "led to"]


def test_a_subject_may_stand_for_the_verb(looked: Session) -> None:
    assert ask(looked, "flights-delay@1").title == ask(looked, "of", "flights-delay").title
    assert "endpoint gate" in names(ask(looked, "of", "flights-delay", "--down", "--all"))
    assert "promotion flights-delay@1" in names(ask(looked, "of", "gate", "--all"))


@pytest.mark.parametrize(("text", "says"), [
    ("prediction/nope", "No prediction 'nope'"), ("prediction/flights-delay/", "No prediction"), ("INC-9", "no INC-9"),
    ("finding/1", "no finding"), ("nothing.parquet", "No data came"), ("flights-delay@7", "no version 7"),
    ("2013-09-11.parquet@ffff", "with the digest"), ("flihgts", "Nothing is called 'flihgts'"),
    ("foreign/x", "No foreign event")])
def test_what_is_not_there_is_said_to_be(looked: Session, text: str, says: str) -> None:
    assert says in ask(looked, "of", text, exit=2).title


def test_pictures_have_no_circle_and_fit_a_narrow_screen(looked: Session) -> None:
    for subject in ("flights-delay@1", "INC-1", "prediction/21", "2013-09-12.parquet"):
        view = ask(looked, "of", subject)
        assert [part for part in view.parts if isinstance(part, Series) and part.x]
        for width in (40, 80):
            assert max(len(line.plain.rstrip()) for line in terminal.lines(view, width=width)) <= width


# -- columns, versions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "wanted"), [
    ("flights.delay", {"feature half.half", "step daily.days.delay", "model flights-delay", "version flights-delay@1",
                       "version flights-delay@2", "endpoint gate", "monitor flights-drift",
                       "prediction 8 of flights-delay"}),
    ("flights.id", set()),
    ("flights.late", {"step daily.days.late", "model flights-delay"})])
def test_a_bad_column_is_followed_to_the_answers(looked: Session, column: str, wanted: set[str]) -> None:
    found = ask(looked, "impact", column)
    rows = found.table("reached").rows if any(getattr(part, "id", "") == "reached" for part in found.parts) else ()
    assert wanted <= {f"{row['kind']} {row['name']}" for row in rows}
    if column == "flights.delay":
        assert found.facts()["predictions"] == 8


def test_a_column_that_only_chooses_rows_says_so(looked: Session) -> None:
    rows = ask(looked, "impact", "flights.fine").table("reached").rows
    assert {(row["name"], row["how"]) for row in rows if row["kind"] in ("feature", "step")} == {
        ("half.half", "decides which rows"), ("daily.days.*", "decides which rows")}


@pytest.mark.parametrize(("text", "says"), [("flights.dealy", "no column 'dealy'"), ("flights", "names no column"),
                                            ("nothing.x", "names no column")])
def test_what_is_no_column_is_refused(looked: Session, text: str, says: str) -> None:
    assert says in ask(looked, "impact", text, exit=2).title


def test_two_versions_differ_by_what_they_were_made_of(told: Session) -> None:
    rows = commit(told, "flights-delay.training", pa.table({"id": [1, 2, 3]}), "train flights-delay")
    told.ledger.append(Made(told.declared().root).trained("3", training=rows, candidate="other"))
    found = ask(told, "diff", "flights-delay@1", "flights-delay@3")
    assert {row["file"] for row in found.table("new").rows} == {"2013-09-13.parquet"}
    assert set(found.facts()["changed"]) >= {"candidate", "training data"}
    assert ask(told, "diff", "flights-delay@1", "flights-delay@1").title.endswith("the same in every way")
    ask(told, "diff", "flights-delay@1", "flights-delay@9", exit=2)


# -- whether it is whole ----------------------------------------------------------------------------------------------


def test_a_whole_chain_passes_with_every_answer_counted(told: Session) -> None:
    view = ask(told, "check")
    assert (view.facts()["share"], view.facts()["predictions"], view.facts()["predictions_whole"]) == (1.0, 8, 8)
    finding = told.ledger.entries("finding")[-1].fact
    assert (finding.check, finding.subject, finding.version) == ("lineage", "flights-delay", "1")
    assert finding.status == "pass"
    assert len(finding.detail["digest"]) == 64
    assert ask(told, "check", "flights-delay@1", "--window", "1d").facts()["predictions"] == 4


def test_a_gap_is_named_and_no_foreign_event_closes_it(told: Session, tmp_path: Path) -> None:
    made = Made(told.declared().root)
    commit(told, "flights", pa.table({"id": [99], "day": ["2013-09-14"]}), "")
    commit(told, "flights-delay.features", pa.table({"id": [99], "half": [0.0], "day": ["2013-09-14"]}), "windows")
    rows = commit(told, "flights-delay.training", pa.table({"id": [99]}), "train flights-delay")
    told.ledger.append(made.trained("3", training=rows), made.trained("4", training="gone"),
                       made.trained("5", training=""))
    state = told.current("flights").id
    whys = {version: ask(told, "check", f"flights-delay@{version}", exit=1).table("breaks").rows for version in "345"}
    assert "nothing says where" in whys["3"][0]["why"]
    assert whys["4"][0]["where"] == "flights-delay.training@gone"
    assert "trained elsewhere" in whys["5"][0]["why"]
    lie = event("COMPLETE", "1", "forger", outputs=[{"namespace": "mlops-tui://flights", "name": "flights", "facets": {
        "version": {"datasetVersion": state}}}, {"namespace": "s3", "name": "flights-delay.training@gone"}])
    (tmp_path / "lie.json").write_text(json.dumps(lie), encoding="utf-8")
    assert ask(told, "take", str(tmp_path / "lie.json")).facts()["events"] == 1
    for version in "345":
        ask(told, "check", f"flights-delay@{version}", exit=1)


def test_nobody_serves_is_unknown(session: Callable[..., Session]) -> None:
    assert ask(session(), "check", exit=1).title == "No model serves yet"


# -- events of others -------------------------------------------------------------------------------------------------


def event(kind: str, run: str, job: str, **more: object) -> dict[str, object]:
    return {"eventType": kind, "eventTime": "2013-09-10T00:00:00Z", "run": {"runId": run}, "producer": "urn:them",
            "job": {"namespace": "them", "name": job}, **more}


def test_foreign_events_lead_on_above_our_files(told: Session, tmp_path: Path) -> None:
    lines = [event("COMPLETE", "r", "land", inputs=[{"namespace": "db", "name": "tower"}],
                   outputs=[{"namespace": "s3://in", "name": "raw/2013-09-11.parquet"}]), event("START", "r", "land")]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, [*lines, lines[0]])), encoding="utf-8")
    first = ask(told, "take", str(tmp_path / "e.jsonl"))
    assert (first.facts()["events"], first.facts()["known_before"]) == (2, 1)
    assert "foreign db tower" in names(ask(told, "of", "flights-delay@1", "--up", "--all"))
    head = told.ledger.head_seq()
    assert ask(told, "take", str(tmp_path / "e.jsonl")).title == "Nothing new in e.jsonl"
    assert not [entry for entry in told.ledger.entries("foreign") if entry.seq > head]


def test_what_is_no_event_is_named_by_its_line_and_kept(told: Session, tmp_path: Path) -> None:
    text = json.dumps(event("START", "r", HOSTILE, mystery={"a": [1]})) + "\nnothing\n[]\n"
    (tmp_path / "e.jsonl").write_text(text, encoding="utf-8")
    view = ask(told, "take", str(tmp_path / "e.jsonl"))
    assert [row["where"] for row in view.table("wrong").rows] == ["line 2", "line 3"]
    fact = told.ledger.entries("foreign")[-1].fact
    assert told.data().object(fact.document).decode() == text
    harmless(view)
    (tmp_path / "none.jsonl").write_text("nothing\n", encoding="utf-8")
    assert "no OpenLineage event" in ask(told, "take", str(tmp_path / "none.jsonl"), exit=2).title
    ask(told, "take", str(tmp_path / "absent.jsonl"), exit=2)


def test_our_own_events_come_back_as_nothing_new(told: Session, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    ask(told, "export", "--openlineage", str(out))
    view = ask(told, "take", str(out))
    assert view.facts()["events"] == 0
    assert view.facts()["our_own"] == len(out.read_text(encoding="utf-8").splitlines()) > 10


def harmless(view: View) -> None:
    """Nothing of the hostile name is markup anywhere."""
    assert "<b>a</b>" not in as_html(view, zone=START.tzinfo)
    assert "<b>a</b>" not in as_markdown(view, zone=START.tzinfo)
    assert list(terminal.lines(view, width=80))


def test_a_hostile_name_of_a_file_is_only_a_name(told: Session, tmp_path: Path) -> None:
    path = tmp_path / HOSTILE.replace("/", "")
    assert told.perform(("ingest", "flights", "--file", arrive(path, "2013-09-14", 5))).exit == 0
    for argv in (("of", "flights", "--all"), ("of", path.name), ("diff", "flights-delay@1", "flights-delay@2")):
        harmless(ask(told, *argv))
    out = tmp_path / "p.json"
    ask(told, "export", "flights", "--prov", str(out))
    assert "%3Cb%3E" in out.read_text(encoding="utf-8")


# -- what the law asks to be told ------------------------------------------------------------------------------------

ORGANISATION = """\
organisation:
  controller: {name: Air <b>Line</b>, contact: privacy@air.example}
  authority: the state's commissioner
  security: [disks are encrypted]
  opt_out: https://air.example/privacy
  processing:
    - purpose: warn passengers
      models: [flights-delay]
      basis: contract, Art. 6(1)(b)
      subjects: [passengers]
      recipients: [gate staff]
      transfers: [none]
      retention: 13 months
      sources: [booking]
      sold: neither
      automated: true
      review: write to privacy@air.example
"""


@pytest.fixture
def said(once: Path, tmp_path: Path) -> Callable[..., Session]:
    """The project with everything said that only people know; sessions of whoever is named."""
    copytree(once, tmp_path / "flights")
    settings = tmp_path / "flights" / "mlops.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + ORGANISATION, encoding="utf-8")
    team = tmp_path / "flights" / "team.yaml"
    team.write_text(team.read_text(encoding="utf-8") + "  leo: {roles: [legal], simulated: true}\n", encoding="utf-8")
    return lambda person="leo": open_project(tmp_path / "flights", person=person, clock=ReplayClock(START),
                                             source="terminal")


@pytest.mark.parametrize("law", ["gdpr-30", "ccpa"])
def test_a_record_is_done_where_all_is_said_and_unknown_where_not(said: Callable[..., Session], law: str) -> None:
    session = said()
    view = ask(session, "report", "--law", law)
    assert view.facts()["unknown"] == 0
    rows = view.table("data").rows
    assert [(row["column"], row["class"], row["rows"]) for row in rows] == [("passenger", "personal", 12)]
    harmless(view)
    settings = session.declared().root / "mlops.yaml"
    for line in ("retention", "recipients"):
        text = settings.read_text(encoding="utf-8")
        settings.write_text("\n".join(each for each in text.splitlines() if line not in each), encoding="utf-8")
        lacking = ask(said(), "report", "--law", law, exit=1)
        assert f"{line} of: warn passengers" in {row["what"] for row in lacking.table("unknown").rows}


def test_who_is_asked_about_is_told_everything_and_stands_nowhere(said: Callable[..., Session], tmp_path: Path) -> None:
    session, rows, out = said(), tmp_path / "rows.json", tmp_path / "report.html"
    view = ask(session, "report", "--law", "gdpr-15", "--person", "person 3", "--rows", str(rows), "--out", str(out))
    held = {row["dataset"]: (row["rows_now"], row["rows"]) for row in view.table("held").rows}
    assert held["flights"] == (3, 3)
    assert held["flights-delay.features"] == (3, 3), "by the key of the person's rows"
    assert held["flights-delay.predictions"] == (2, 2)
    found = json.loads(rows.read_text(encoding="utf-8"))
    assert {row["passenger"] for row in found["flights"]} == {"person 3"}
    assert {row["id"] for row in found["flights-delay.features"]} == {3, 13, 23}
    assert rows.stat().st_mode & 0o077 == out.stat().st_mode & 0o077 == 0
    assert "person 3" not in out.read_text(encoding="utf-8")
    kept = b"".join(path.read_bytes() for path in (session.declared().root / ".mlops").glob("ledger.db*"))
    assert b"person 3" not in kept
    assert ask(session, "report", "--law", "gdpr-15", "--person", "nobody").title.startswith("Nothing is held")


def test_only_who_answers_for_it_opens_the_file_of_a_person(said: Callable[..., Session]) -> None:
    for person in ("vera", "dee"):
        argv = ("provenance", "report", "--law", "gdpr-15", "--person", "person 3")
        assert said(person).perform(argv).exit == 4


def test_what_was_erased_is_told_by_request(said: Callable[..., Session]) -> None:
    session = said()
    assert ask(session, "report", "--law", "gdpr-17").title == "Nobody has asked to be erased yet"
    session.ledger.append(
        OptOut(subject="OO-1", event="received", person="p" * 32, right="erasure", jurisdiction="gdpr"),
        OptOut(subject="OO-1", event="actioned", detail={"rows": {"flights": 3}, "models": ["flights-delay@1"]}))
    view = ask(session, "report", "OO-1", "--law", "gdpr-17")
    assert (view.facts()["rows"], view.facts()["models_trained_on_them"]) == (3, ("flights-delay@1",))
    ask(session, "report", "OO-9", "--law", "gdpr-17", exit=2)


def test_a_decision_is_explained_as_far_as_it_can_be(said: Callable[..., Session]) -> None:
    view = ask(said(), "report", "prediction/21", "--law", "gdpr-22", exit=1)
    facts = view.facts()
    assert (facts["decided"], facts["human_review"]) == (True, "write to privacy@air.example")
    assert [row["what"] for row in view.table("unknown").rows] == ["what mattered most"], "there is no such artefact"


@pytest.mark.parametrize(("argv", "says"), [
    (("--law", "gdpr-15"), "Of whom?"), (("--law", "gdpr-22"), "Which decision?"), (("--law", "gdpr-99"), "gdpr-99"),
    (("--law", "gdpr-30", "--person", "x"), "is for gdpr-15"), (("--law", "ccpa", "--out", "x.pdf"), "neither .md"),
    (("x", "--law", "ccpa"), "'x'")])
def test_a_report_that_cannot_be_is_refused(said: Callable[..., Session], argv: tuple[str, ...], says: str) -> None:
    assert says in ask(said(), "report", *argv, exit=2).title


def test_a_purpose_that_names_what_is_not_there_is_found_by_doctor(said: Callable[..., Session]) -> None:
    settings = said().declared().root / "mlops.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("[flights-delay]", "[flights-dely]"))
    document = as_json(said().perform(("doctor",)).view, ())
    assert "names the model 'flights-dely', which is not declared" in document
    assert "Did you mean 'flights-delay'?" in document


def test_the_list_says_what_was_checked_and_forgets_it_after_a_month(told: Session) -> None:
    assert ask(told, "list", exit=1).title == "0 of 1 model in service known to their source files"
    ask(told, "check")
    row = ask(told).table("models").rows[0]
    assert (row["status"], row["files"], row["share"]) == (Status.PASS, 2, 1.0)
    told.clock.advance(START + timedelta(days=31))
    assert ask(told, "list", exit=1).table("models").rows[0]["status"] is Status.UNKNOWN


def test_two_who_take_the_same_events_at_once_take_them_once(told: Session, tmp_path: Path) -> None:
    path, root = tmp_path / "e.jsonl", told.declared().root
    path.write_text("\n".join(json.dumps(event("START", str(each), "j")) for each in range(50)), encoding="utf-8")

    def take(_: int) -> int:
        session = open_project(root, person="ana", clock=ReplayClock(START), source="terminal")
        return int(str(ask(session, "take", str(path)).facts()["events"]))

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(take, range(3))) == [0, 0, 50]
    assert len(told.ledger.entries("foreign")) == 50
