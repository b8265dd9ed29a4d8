"""Requests that are kept: the declared share, nobody's name on the disk, gone when they are due, found by their id."""

import json
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from mlops_tui.commands import perform
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import View
from tests.conftest import START

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: log
version: 1.0.0
status: active
schema:
  - name: log
    properties:
      - {name: prediction_id, logicalType: string, primaryKey: true}
      - {name: passenger, classification: personal}
      - {name: salary, logicalType: number, classification: confidential}
customProperties:
  - {property: samples, value: {share: 0.2, errors: 1, by: {origin: {JFK: 0.5}}, keep: 10d}}
"""
CLEAR = (b"Ana Almeida", b"ana@mail.example.org", b"4539578763621486", b"54321.25")


@pytest.fixture
def ana(project: Path, clock: ReplayClock) -> Session:
    (project / "datasets/flights-delay.predictions.yaml").write_text(CONTRACT, encoding="utf-8")
    return open_project(project, person="ana", clock=clock, source="terminal")


def done(session: Session, *argv: str) -> View:
    outcome = perform(session, argv)
    if outcome.plan is not None:
        outcome = perform(session, argv, consent=outcome.plan)
    assert outcome.exit == 0, outcome.view
    return outcome.view


def fill(session: Session, tmp_path: Path, rows: int = 400) -> None:
    made = [{"request_id": f"r{n}", "ts": (START - timedelta(days=n % 8, hours=2)).isoformat(), "score": 0.5,
             "code": 500 if n % 40 == 0 else 200, "origin": "JFK" if n % 4 == 1 else "LGA", "passenger": "Ana Almeida",
             "salary": 54321.25, "note": "ask ana@mail.example.org, card 4539578763621486"} for n in range(rows)]
    path = tmp_path / "outside" / "p.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*map(json.dumps, made), '{"passenger": "Ana Almeida", "note": "ana@mail.example.org"']),
                    encoding="utf-8")
    assert perform(session, ("log", "add", "flights-delay", str(path))).exit == 0


def on_disk(folder: Path) -> dict[str, list[bytes]]:
    """What is found in the clear, by file; Parquet files are unpacked as JSON first."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                rows = duckdb.connect().execute(f"SELECT * FROM read_parquet('{path}')").fetchall()
                content += str(rows).encode()
            if hits := [each for each in CLEAR if each in content]:
                found[str(path)] = hits
    return found


def test_where_none_is_kept_the_next_step_keeps_some(ana: Session, tmp_path: Path) -> None:
    assert not done(ana, "samples", "list").actions, "there is no log to keep any of"
    fill(ana, tmp_path, rows=40)
    [step] = done(ana, "samples", "list").actions
    assert step.argv == ("samples", "take", "flights-delay")
    done(ana, *step.argv)
    assert not done(ana, "samples", "list", "flights-delay").actions


def test_who_asked_is_nowhere_on_the_disk_in_the_clear_not_even_of_lines_that_could_not_be_read(
        ana: Session, project: Path, tmp_path: Path) -> None:
    fill(ana, tmp_path)
    done(ana, "samples", "take", "flights-delay")
    found = on_disk(project / ".mlops")
    notes = {path: hits for path, hits in found.items() if "flights-delay.samples" not in path}
    assert not [path for path in found if "flights-delay.samples" in path]
    assert {hit for hits in notes.values() for hit in hits} <= set(CLEAR[1:3]), "the log itself keeps free text as sent"
    names = ana.data().connect().execute(
        f"SELECT DISTINCT passenger FROM {ana.data().scan(ana.snapshot('flights-delay.predictions'))}").fetchall()
    assert len(names) == 1
    assert names[0][0].startswith("h:")
    assert (project / ".mlops/keys/people.key").stat().st_mode & 0o777 == 0o600


def test_the_declared_share_is_kept_the_same_one_each_time_and_stands_for_all(ana: Session, tmp_path: Path) -> None:
    fill(ana, tmp_path)
    facts = done(ana, "samples", "take", "flights-delay").facts()
    assert facts["requests"] == 400
    assert abs(float(str(facts["estimated_requests"])) - 400) < 3 * float(str(facts["standard_error"]))
    by = {str(row["why"]): row for row in done(ana, "samples", "list", "flights-delay").table("samples").rows}
    assert by["error"]["kept"] == 10
    assert by["error"]["share"] == 1.0
    assert by["origin JFK"]["share"] == 0.5
    before = ana.snapshot("flights-delay.samples").id
    assert done(ana, "samples", "take", "flights-delay").facts()["changed"] is False
    assert ana.snapshot("flights-delay.samples").id == before


def test_a_kept_request_is_found_by_its_id_and_one_that_is_not_says_why(ana: Session, tmp_path: Path) -> None:
    fill(ana, tmp_path)
    done(ana, "samples", "take", "flights-delay")
    view = done(ana, "samples", "show", "flights-delay", "r40")
    row = {str(each["column"]): each["value"] for each in view.table("row").rows}
    assert view.facts()["kept_because"] == "error"
    assert row["note"] == "ask [e-mail], card [card]"
    assert "salary" not in row
    assert str(row["passenger"]).startswith("h:")
    gone = perform(ana, ("samples", "show", "flights-delay", "nobody"))
    assert gone.exit == 2
    assert "20.0% of requests are kept, for 10 days" in gone.view.title


def test_what_is_due_is_gone_from_the_disk_and_what_is_not_stays(
        ana: Session, tmp_path: Path, clock: ReplayClock) -> None:
    fill(ana, tmp_path)
    done(ana, "samples", "take", "flights-delay")
    folder = ana.data().root / "flights-delay.samples"
    before = {path.name for path in folder.glob("day=*")}
    assert "0 days" in done(ana, "samples", "purge", "flights-delay").title or len(before) == 8
    clock.advance(START + timedelta(days=5))
    cut = f"day={START - timedelta(days=5):%Y-%m-%d}"
    facts = done(ana, "samples", "purge", "flights-delay").facts()
    left = {path.name for path in folder.glob("day=*")}
    assert left == {each for each in before if each >= cut}
    assert 0 < len(left) < len(before)
    assert facts["files"] == len(before) - len(left)
    assert {file.partition["day"] for file in ana.snapshot("flights-delay.samples").files} == {
        each.removeprefix("day=") for each in left}
    done(ana, "samples", "take", "flights-delay")
    assert {path.name for path in folder.glob("day=*")} == left, "they do not come back from the log"
    assert done(ana, "samples", "purge", "flights-delay").facts()["files"] == 0
