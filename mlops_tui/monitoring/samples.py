"""Requests that are kept whole for those who look closer: some of all, all that failed, and never who asked."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import pyarrow as pa

from mlops_tui import folds
from mlops_tui.capability import Plan, act, look, measure, noun
from mlops_tui.declarations import declare
from mlops_tui.declarations.datasetkeys import Samples
from mlops_tui.errors import NotFound
from mlops_tui.logs.predictionlog import (
    ID,
    LABEL,
    PredictionLog,
    classes_of,
    labels_of,
    log_of,
    named,
    needed_log,
)
from mlops_tui.logs.sampling import kept, total
from mlops_tui.privacy.redaction import PERSONAL, redacted
from mlops_tui.privacy.subjects import key_of_people
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Collected, Fact, Snapshot
from store.lake import Manifest
from store.quoting import quote

if TYPE_CHECKING:
    from store.ledger import Entry

samples = noun("samples", __doc__ or "", bare="list", subject="list")
SCHEMA = pa.schema([(ID, pa.string()), ("at", pa.timestamp("us", "UTC")), ("version", pa.string()),
                    ("why", pa.string()), ("share", pa.float64()),
                    ("weight", pa.float64()), ("row", pa.string()), ("day", pa.string())])


def samples_of(model: str) -> str:
    """The dataset of the kept requests of a model."""
    return f"{model}.samples"


def declared_samples(session: Session, model: str) -> Samples:
    """How much is kept and for how long, as the log's contract declares it; the usual where it says nothing."""
    project, name = session.declared(), named(model)
    for place, item in enumerate(project.datasets[name].customProperties if name in project.datasets else ()):
        if item.property == "samples":
            return declare.part(Samples, project.path_of("dataset", name), "customProperties", place, "value")
    return Samples()


def _cut(session: Session, declared: Samples) -> str:
    """The first day that is still kept."""
    return f"{(session.now() - declared.keep).astimezone(session.declared().zone):%Y-%m-%d}"


@measure(of=samples)
@click.argument("model")
def take(session: Session, model: str) -> View:
    """Keep the declared share of the logged requests of MODEL, with inputs and outputs, redacted by data class.

    Which ones is decided by the hash of their ids: run again, the same ones are kept. Each has the chance with which it
    was kept, so that what is estimated from them holds for all.

    \b
    Example: mlops-tui samples take flights-delay
    """
    name = session.declared().subject(model, "model").name
    declared, log = declared_samples(session, name), needed_log(session, name)
    first = _cut(session, declared)
    files = tuple(file for file in log.manifest.files if file.partition.get("day", "") >= first)
    classes = classes_of(session, name)
    key = key_of_people(session) if {each.lower() for each in classes.values()} & set(PERSONAL) else b""
    found = pa.Table.from_pylist(list(_kept(session, log, Manifest(log.manifest.dataset, log.columns, files), declared,
                                            classes, key)), schema=SCHEMA)
    changed = False
    if found.num_rows:
        lake, cursor = session.data(), session.data().connect()
        cursor.register("kept", found)
        written = lake.write(samples_of(name), "SELECT * FROM kept", sort=("at", ID), partition_by=("day",),
                             connection=cursor)
        _, changed = session.commit(written, source=f"samples {name}")
    estimate, error = total((1.0, share) for share in found["share"].to_pylist())
    rows = sum(file.rows for file in files)
    facts = Facts({"requests": rows, "kept": found.num_rows, "estimated_requests": round(estimate),
                   "standard_error": round(error), "since": first, "changed": changed})
    return View(f"{found.num_rows:,} of {rows:,} requests to {name} are kept", Status.DONE, (facts,),
                (Action("By reason", ("samples", "list", name)),))


def _kept(session: Session, log: PredictionLog, part: Manifest, declared: Samples, classes: Mapping[str, str],
          key: bytes) -> Iterator[dict[str, Any]]:
    """The rows that are kept, redacted."""
    lake, labels = session.data(), session.current(labels_of(log.model))
    joined, more = "", ""
    if labels is not None:
        by = ", ".join(quote(each) for each in labels.columns if each not in (LABEL, "known_at"))
        joined = (f" LEFT JOIN (SELECT {by}, arg_max({LABEL}, known_at) AS outcome FROM {lake.scan(labels)} GROUP BY "
                  f"{by}) USING ({by})")
        more = ", outcome"
    id = f"p.{quote(ID)}" if log.has(ID) else "NULL"
    keys = ", ".join(f"p.{quote(each)}" for each in log.key)
    query = (f"SELECT p.*{more}, coalesce({id}, concat_ws('/', {keys})) AS \"#id\" FROM {lake.scan(part)} p{joined} "
             "ORDER BY ALL")
    cursor = lake.connect().execute(query)
    names = [str(each[0]) for each in cursor.description or ()]
    while rows := cursor.fetchmany(10_000):
        for values in rows:
            row = dict(zip(names, values, strict=True))
            known = str(row.pop("#id"))
            if (found := kept(known, row, declared)) is not None:
                shown = redacted({name: value for name, value in row.items() if name not in (ID, "day")}, classes, key)
                yield {ID: known, "at": row[log.time], "version": row["version"], "why": found.why,
                       "share": found.share, "weight": found.weight, "day": row["day"],
                       "row": json.dumps(shown, ensure_ascii=False, default=str)}


@look(of=samples)
@click.argument("model", required=False)
def list_(session: Session, model: str | None) -> View:
    """How many requests of MODEL, or of every model, are kept, why, since when, and for how long.

    \b
    Example: mlops-tui samples list
    """
    project = session.declared()
    rows: list[Row] = []
    names = (project.subject(model, "model").name,) if model else tuple(project.models)
    for name in names:
        state = session.current(samples_of(name))
        if state is None or not state.files:
            continue
        found = session.data().connect().execute(
            f"SELECT why, count(*), min(\"at\"), max(\"at\"), min(share), sum(weight) FROM "
            f"{session.data().scan(state)} GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
        rows += [{"model": name, "why": why, "kept": n, "first": first, "last": last, "share": share, "stand_for":
                  weight, "keep": f"{declared_samples(session, name).keep / timedelta(days=1):g} d"}
                 for why, n, first, last, share, weight in found]
    kept_ones = sum(int(str(row["kept"])) for row in rows)
    return View(f"{counted(kept_ones, 'request is', 'requests are')} kept", parts=(Table.of(
        "samples", rows, "model", "why", "kept", Column("share", share=True),
        Column("stand_for", "stand for", digits=0), "first", "last", "keep"),),
        actions=tuple(Action(f"Keep some of {name}", ("samples", "take", name)) for name in names
                      if not kept_ones and log_of(session, name) is not None))


@look(of=samples)
@click.argument("model")
@click.argument("prediction_id")
def show(session: Session, model: str, prediction_id: str) -> View:
    """The request to MODEL that has PREDICTION_ID, as it is kept; or why there is none.

    \b
    Example: mlops-tui samples show flights-delay 2013-09-14-UA-15-EWR
    """
    name = session.declared().subject(model, "model").name
    state = session.current(samples_of(name))
    found = session.data().connect().execute(
        f"SELECT \"at\", version, why, share, \"row\" FROM {session.data().scan(state)} WHERE {ID} = $id",
        {"id": prediction_id}).fetchall() if state is not None and state.files else []
    if not found:
        declared, log = declared_samples(session, name), log_of(session, name)
        why = f"{declared.share:.1%} of requests are kept, for {declared.keep.days} days" if log is not None else \
            "nothing was logged"
        raise NotFound(f"No kept request of '{name}' has the id '{prediction_id[:60]}': {why}.",
                       next=f"Try: mlops-tui samples list {name}")
    at, version, why, share, text = found[0]
    values: dict[str, Cell] = {key: str(value) if isinstance(value, list | dict) else value
                               for key, value in json.loads(text).items()}
    return View(f"{name} was asked {prediction_id}", Status.DONE, (
        Facts({"at": at, "version": version, "kept_because": why, "share": share, "stands_for": 1 / share}),
        Table.of("row", [{"column": key, "value": value} for key, value in values.items()], "column", "value"),
        Text("Fields of a personal class are keyed hashes; those of a secret class are not kept.")))


@act(of=samples)
@click.argument("model")
def purge(session: Session, model: str) -> Plan:
    """Remove the kept requests of MODEL that are older than declared, their files too.

    \b
    Example: mlops-tui samples purge flights-delay
    """
    name = session.declared().subject(model, "model").name
    first = _cut(session, declared_samples(session, name))
    folder = session.data().root / samples_of(name)
    due = [path for path in sorted(folder.glob("day=*")) if path.name.removeprefix("day=") < first]
    files = sum(1 for path in due for _ in path.glob("*.parquet"))
    title = f"{counted(len(due), 'day')} of kept requests of {name} before {first}, in {counted(files, 'file')}"
    return Plan(View(title, Status.CONFIRM, (Facts({"days": len(due), "files": files, "before": first}),)),
                partial(_purged, session, name, first))


def _purged(session: Session, name: str, first: str) -> View:
    """The state is made anew without them before their files go: whoever is killed between is followed by the next."""
    lake, dataset = session.data(), samples_of(name)

    def decide(entries: "list[Entry]") -> Iterable[Fact]:
        parent = folds.current_snapshot(entries, dataset)
        if not parent:
            return
        state = lake.manifest(dataset, parent)
        after = Manifest(dataset, state.columns, tuple(file for file in state.files
                                                       if file.partition.get("day", "") >= first))
        if after.id != parent:
            lake.keep(after)
            yield Snapshot(subject=dataset, snapshot=after.id, parent=parent, rows=after.rows, bytes=after.bytes,
                           source="purge")

    session.ledger.transact(decide)  # type: ignore[arg-type]
    due = [path for path in (lake.root / dataset).glob("day=*") if path.name.removeprefix("day=") < first]
    files = [file for path in due for file in path.iterdir()]
    size = sum(file.stat().st_size for file in files)
    for path in due:
        shutil.rmtree(path)
    left = [path for path in due if path.exists()]
    if files:
        session.ledger.append(Collected(subject=dataset, event="ended", files=len(files), bytes=size))
    return View(f"{counted(len(files), 'file')} of kept requests of {name} before {first} "
                f"{'is' if len(files) == 1 else 'are'} gone", Status.DONE if not left else Status.FAIL,
                (Facts({"files": len(files), "bytes": size, "left": len(left), "before": first}),))


