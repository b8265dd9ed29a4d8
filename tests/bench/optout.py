"""A thousand people erased from a hundred snapshots of a million rows each, on real files; and the chain verified.

    python -m tests.bench.optout [--rows 1000000] [--snapshots 100] [--people 1000] [--layout partitions|whole]

`partitions`: a hundred days, one of them restated from snapshot to snapshot, so that they share files by content.
`whole`: every snapshot is one file of its own, nothing is shared. Prints JSON: wall and CPU seconds, files, rows.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from mlops_tui.opening import open_project
from mlops_tui.privacy import kept
from mlops_tui.privacy.subjects import pseudonym
from mlops_tui.session import ReplayClock, Session
from store.facts import Finding, OptOut, Snapshot
from store.lake import Manifest

FILES = {
    "mlops.yaml": "project: bench\ntimezone: UTC\nclock: replay\n",
    "team.yaml": "people:\n  ana: {roles: [engineer, steward, legal], simulated: true}\n",
    "datasets/visits.yaml": """\
apiVersion: v3.1.0
kind: DataContract
id: visits
version: 1.0.0
status: active
schema:
  - name: visits
    properties:
      - {name: visit, logicalType: integer, required: true, primaryKey: true}
      - {name: person, logicalType: string, required: true}
      - {name: amount, logicalType: number}
      - {name: rate, logicalType: number}
      - {name: kind, logicalType: string}
      - {name: day, logicalType: string}
customProperties:
  - {property: dataSubject, value: person}
  - {property: partitionBy, value: day}
"""}
ROWS = """SELECT {first} + i AS visit, 'P-' || (100000 + hash(i + {seed}) % {people}) AS person,
  (hash(i * 7 + {seed}) % 100000) / 100.0 AS amount, (hash(i * 11 + {seed}) % 1000) / 1000.0 AS rate,
  'kind ' || (i % 7) AS kind, '2024-' || lpad((1 + {part} // 28)::VARCHAR, 2, '0') || '-' ||
  lpad((1 + {part} % 28)::VARCHAR, 2, '0') AS day FROM range({rows}) t(i)"""


def made(root: Path, rows: int, snapshots: int, layout: str) -> Session:
    """A project whose dataset has had so many snapshots of so many rows."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    session = open_project(root, person="ana", clock=ReplayClock(datetime(2024, 6, 1, tzinfo=UTC)), source="terminal")
    lake, state = session.data(), None
    each = rows // 100 if layout == "partitions" else rows
    for number in range(snapshots):
        parts = range(100) if layout == "partitions" and state is None else [number % 100]
        for part in parts:
            query = ROWS.format(first=part * each, seed=number * 1_000_003 + part, part=part, rows=each, people=50_000)
            new = lake.write("visits", query, sort=("visit",), partition_by=("day",) if layout == "partitions" else ())
            state = state.replacing(new) if state is not None and layout == "partitions" else new
        assert isinstance(state, Manifest)
        lake.keep(state)
        session.ledger.append(Snapshot(subject="visits", snapshot=state.id, parent="", rows=state.rows,
                                       bytes=state.bytes))
    return session


def asked(session: Session, people: int) -> None:
    """So many verified requests."""
    facts = []
    for number in range(people):
        person, id = f"P-{100000 + number * 7}", f"OO-{number + 1}"
        kept.keep(session, id, person)
        facts += [OptOut(subject=id, event="received", person=pseudonym(session, person), right="erasure",
                         jurisdiction="gdpr", purposes=("training",), via="desk"),
                  OptOut(subject=id, event="verified", reason="bench")]
    session.ledger.append(*facts)


def timed(session: Session, *argv: str) -> dict[str, object]:
    """One command's wall and CPU seconds, and its title."""
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = session.perform(argv)
    if outcome.plan is not None:
        outcome = session.perform(argv, consent=outcome.plan)
    return {"title": outcome.view.title, "status": str(outcome.view.status),
            "wall": round(time.perf_counter() - wall, 2), "cpu": round(time.process_time() - cpu, 2)}


def verified(root: Path, entries: int) -> dict[str, object]:
    """Entries of a chain checked in a second, half of them with words of people."""
    session = open_project(root, person="ana", clock=ReplayClock(datetime(2024, 6, 1, tzinfo=UTC)), source="terminal")
    finding = Finding(subject="m", check="drift", status="pass", title="one of many", data=("a" * 64,), detail={"n": 1})
    told = OptOut(subject="OO-1", event="verified", reason="seen at the desk")
    session.ledger.append(*[finding if number % 2 else told for number in range(entries)])
    wall, cpu = time.perf_counter(), time.process_time()
    assert session.ledger.verify() is None
    return {"entries": entries, "per_wall_second": round(entries / (time.perf_counter() - wall)),
            "per_cpu_second": round(entries / (time.process_time() - cpu))}


CREDIT = """\
task: binary
label: {dataset: visits, column: good, delay: 1h}
features: []
columns: [amount, rate]
candidates: {boosted: {estimator: sklearn.ensemble.HistGradientBoostingClassifier}}
split: {time: at, gap: 1h, test: 2d}
"""
LABELLED = """SELECT *, TIMESTAMP '2024-01-01' + INTERVAL (visit) MINUTE AS at, amount + hash(visit) % 500 > 700 AS good
  FROM ({rows}) WHERE person <> '{without}'"""


def retrained(folder: Path) -> dict[str, object]:
    """Whether a model trained after an erasure is, byte by byte, one of a project that never had the person."""
    person, artefacts, identical = "P-100001", [], []
    for name, without in (("erased", ""), ("never", person)):
        root = folder / name
        session = made(root, 100, 0, "whole")
        contract = root / "datasets/visits.yaml"
        more = "      - {name: at, logicalType: timestamp}\n      - {name: good, logicalType: boolean}\ncustom"
        contract.write_text(FILES["datasets/visits.yaml"].replace("      - {name: day, logicalType: string}\n", "")
                            .replace("partitionBy, value: day", "eventTime, value: at").replace("custom", more, 1))
        (root / "models").mkdir()
        (root / "models/credit.yaml").write_text(CREDIT)
        rows = f"SELECT * EXCLUDE (day) FROM ({ROWS.format(first=0, seed=7, part=0, rows=20_000, people=200)})"
        path = root / "rows.parquet"
        session.data().connect().execute(f"COPY ({LABELLED.format(rows=rows, without=without)}) TO '{path}'")
        session = open_project(root, person="ana", clock=session.clock, source="terminal")
        assert session.perform(("ingest", "visits", "--file", str(path))).exit == 0
        if not without:
            kept.keep(session, "OO-1", person)
            session.ledger.append(
                OptOut(subject="OO-1", event="received", person=pseudonym(session, person), right="erasure",
                       jurisdiction="gdpr", purposes=("training",)), OptOut(subject="OO-1", event="verified"))
            assert timed(session, "optout", "erase", "OO-1")["status"] == "done"
        trained = session.perform(("train", "credit", "--from", "2024-01-01", "--to", "2024-01-20"))
        assert trained.error is None, trained.error
        identical.append(trained.view.facts()["training"])
        artefacts.append({each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in
                          (root / ".mlops/artifacts").rglob("*") if each.suffix in (".skops", ".pkl", ".onnx")})
    return {"same_training_rows": identical[0] == identical[1], "artefacts": len(artefacts[0]),
            "same_bytes": bool(artefacts[0]) and artefacts[0] == artefacts[1]}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, usual in (("rows", 1_000_000), ("snapshots", 100), ("people", 1000), ("entries", 200_000)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--layout", choices=("partitions", "whole"), default="partitions")
    parser.add_argument("--retrain", action="store_true", help="only the proof that a retrained model has same bytes")
    given = parser.parse_args()
    if given.retrain:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(json.dumps(retrained(Path(folder))) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        session = made(Path(folder, "project"), given.rows, given.snapshots, given.layout)
        files = len(list(session.data().root.rglob("*.parquet")))
        asked(session, given.people)
        found = {"layout": given.layout, "files": files, "erase": timed(session, "optout", "erase", "--all"),
                 "attest": timed(session, "optout", "attest", "OO-1"),
                 "verify": verified(Path(folder, "project"), given.entries)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
