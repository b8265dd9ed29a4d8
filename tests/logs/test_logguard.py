"""Whichever way predictions come, what is classified as personal lies nowhere in the project in clear."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.commands import perform
from mlops_tui.data import _logread, _whole
from mlops_tui.data._microbatch import take_in
from mlops_tui.data._streamed import fed
from mlops_tui.logs.logguard import guard_of
from mlops_tui.opening import open_project
from mlops_tui.privacy.redaction import HASHED
from mlops_tui.session import ReplayClock, Session
from store.lake import Lake
from store.streams import Event
from tests.conftest import START

LOG = "flights-delay.predictions"
NAME, AGE, SECRET, MAIL = "Zaphod-Clear", 86420975, "Passphrase-Clear", "zaphod.clear@example.com"
CLEAR = (NAME.encode(), SECRET.encode(), MAIL.encode(), str(AGE).encode(), AGE.to_bytes(8, "little"))
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: log
version: 1.0.0
status: active
schema:
  - name: log
    properties:
      - {name: prediction_id, logicalType: string, required: true, primaryKey: true}
      - {name: sched_dep, logicalType: timestamp, required: true, logicalTypeOptions: {timezone: true}}
      - {name: day, logicalType: string}
      - {name: version, logicalType: string}
      - {name: score, logicalType: number, required: true}
      - {name: caller, logicalType: string, classification: personal}
      - {name: passenger, logicalType: string, classification: PII, logicalTypeOptions: {minLength: 3, maxLength: 30}}
      - {name: age, logicalType: integer, classification: sensitive}
      - {name: pin, logicalType: string, classification: restricted}
      - {name: remark, logicalType: string, classification: text}
customProperties:
  - {property: eventTime, value: sched_dep}
  - {property: partitionBy, value: day}
  - {property: predictionLog, value: {caller: who}}
  - {property: stream, value: {redis: "redis://127.0.0.1:1", stream: answers, event_id: prediction_id}}
"""


@pytest.fixture
def ana(project: Path) -> Session:
    (project / f"datasets/{LOG}.yaml").write_text(CONTRACT)
    return open_project(project, person="ana", clock=ReplayClock(START), source="terminal")


def request(number: int, **more: object) -> dict[str, Any]:
    return {"prediction_id": f"r{number}", "sched_dep": "2013-09-13T16:00:00Z", "day": "2013-09-13", "version": "7",
            "score": 0.5, "passenger": NAME, "age": AGE, "pin": SECRET, "remark": f"ask {MAIL} about gate B{number}",
            "caller": NAME, **more}


def told(project: Path) -> Iterator[str]:
    """The files of the project that hold one of the clear values."""
    for path in (project / ".mlops").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += repr(pq.read_table(path).to_pylist()).encode()
            yield from (str(path) for each in CLEAR if each in content)


def rows(ana: Session) -> list[dict[str, Any]]:
    lake = ana.data()
    found: list[dict[str, Any]] = lake.connect().sql(
        f"SELECT * FROM {lake.scan(ana.snapshot(LOG))} ORDER BY prediction_id").to_arrow_table().to_pylist()
    return found


def seen(row: dict[str, Any]) -> None:
    assert all(HASHED.fullmatch(row[name]) for name in ("passenger", "age", "caller"))
    assert row["passenger"] == row["caller"] != row["age"]
    assert (row["pin"], row["remark"]) == (None, "ask [e-mail] about gate B1")


def written(folder: Path, form: str) -> Path:
    path = folder / f"p.{form}"
    found = [{**{name: value for name, value in request(each).items() if name != "caller"}, "who": NAME}
             for each in (1, 2)]
    if form == "jsonl":
        path.write_text("\n".join([*map(json.dumps, found), json.dumps(request(3, score="high")), f"{{{NAME}"]))
    elif form == "csv":
        path.write_text("\n".join(",".join(map(str, each)) for each in (found[0], *(row.values() for row in found))))
    else:
        pq.write_table(pa.Table.from_pylist(found), path)
    return path


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_predictions_from_a_file_are_hidden_before_they_are_written(
        ana: Session, project: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened, looked = written(tmp_path, form), _logread.open_file, list[str]()

    def open_file(*given: Any) -> Any:
        looked.extend(map(str, (project / ".mlops/lake/_staging").rglob("*.ndjson")))
        assert not list(told(project))
        return opened(*given)

    monkeypatch.setattr(_logread, "open_file", open_file)
    assert perform(ana, ("log", "add", "flights-delay", str(path))).exit == 0
    assert bool(looked) is (form == "jsonl")
    assert not list(told(project))
    first, _ = rows(ana)
    seen(first)


def test_who_is_killed_while_adding_leaves_nothing_clear(ana: Session, project: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "jsonl")
    child = os.fork()
    if child == 0:
        _logread.open_file = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        perform(ana, ("log", "add", "flights-delay", str(path)))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    [left] = (project / ".mlops/lake/_staging").rglob("*.ndjson")
    assert left.stat().st_size
    assert left.parent.stat().st_mode & 0o077 == 0
    assert not list(told(project))


def test_a_stream_hides_what_it_takes_in_what_breaks_the_contract_and_its_dead_letters(
        ana: Session, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, placed = list[str](), Lake.place

    def place(lake: Lake, dataset: str, staged: Path, *given: Any) -> Any:
        taken.append(dataset)
        assert not list(told(project))
        return placed(lake, dataset, staged, *given)

    monkeypatch.setattr(Lake, "place", place)
    bodies = [json.dumps(request(1)), json.dumps(request(2, passenger=f"{NAME} {'x' * 40}")),
              json.dumps(request(3, prediction_id="", who=NAME, remark={"more": [{"Age": AGE}]})), f"{{{NAME} {MAIL}",
              f'"{NAME}"']
    events = [Event(f"{place}-0", body=each.encode(), arrived=datetime(2013, 9, 14, tzinfo=UTC))
              for place, each in enumerate(bodies)]
    fact = take_in(ana, fed(ana, LOG), events)
    assert (fact.taken, fact.bad, fact.dead) == (1, 1, 3)
    assert {LOG, f"{LOG}.quarantine", f"{LOG}.dead"} == set(taken)
    assert not list(told(project))
    [row] = rows(ana)
    seen(row)


def test_ingest_hides_what_it_takes_in_and_sets_aside(ana: Session, project: Path, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_whole, "LARGE", 1)
    path = tmp_path / "p.parquet"
    pq.write_table(pa.Table.from_pylist([request(1), request(2, passenger="X" * 40)]), path)
    outcome = perform(ana, ("ingest", LOG, "--file", str(path)))
    assert outcome.view.facts()["good_rows"] == 1
    assert not list(told(project))
    [row] = rows(ana)
    seen(row)
    [batch] = {file.partition["_batch"] for file in ana.snapshot(f"{LOG}.quarantine").files}
    mended = tmp_path / "mended.csv"
    head = ["_file", "_row", *request(2)]
    mended.write_text("\n".join([",".join(head), ",".join(map(str, ["p.parquet", 1, *request(2).values()]))]))
    replayed = perform(ana, ("quarantine", "replay", LOG, batch, "--file", str(mended)))
    assert len(rows(ana)) == 2, replayed.view
    assert not list(told(project))


def test_a_file_that_comes_again_is_the_same_state(ana: Session, tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.Table.from_pylist([request(1), request(2, passenger="X" * 40)]), path)
    outcome = perform(ana, ("ingest", LOG, "--file", str(path)))
    again = perform(ana, ("ingest", LOG, "--file", str(path))).view.facts()
    assert (again["snapshot"], again["quarantine"]) == tuple(
        outcome.view.facts()[name] for name in ("snapshot", "quarantine"))


def test_what_lies_elsewhere_is_not_taken_as_it_is(ana: Session) -> None:
    outcome = perform(ana, ("snapshot", "take", LOG))
    assert (outcome.exit, "classified columns" in outcome.view.title) == (2, True)


def test_only_prediction_logs_are_guarded(ana: Session) -> None:
    assert not guard_of(ana, "flights")
    assert guard_of(ana, LOG).hides("Age")
    assert not guard_of(ana, LOG).hides("prediction_id")
