"""Somebody's MLflow and table of predictions, opened read-only, with what was found in both."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlops_tui.errors import BadInput, Denied, NotFound, nearest
from mlops_tui.monitoring._firstlook import Labels, Look, labels_of, looked, parted
from mlops_tui.monitoring._guessed import Columns, guessed
from mlops_tui.monitoring._readiness import Ready, Seen, readiness
from mlops_tui.roles import LOCAL_SOURCES
from mlops_tui.session import Session
from mlops_tui.view import counted
from store.registry import Known, Registered, Source, known, registered
from store.registry_file import File
from store.registry_server import Login, Server
from store.scan import Scan, engine, scan_file

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Asked:
    """What the command line names: where the models are, the files, and the columns that it says."""

    mlflow: str
    predictions: Path | None
    labels: Path | None
    model: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """What there is: every model, how ready each is, and what its predictions say where a table was given."""

    shown: str
    models: tuple[Known, ...]
    ready: Mapping[str, tuple[Ready, ...]]
    chosen: Known | None
    columns: Columns | None
    look: Look | None
    scan: Scan | None
    labels: Labels | None = None


def source(uri: str, environment: Mapping[str, str]) -> Source:
    """The store that a URI names; BadInput says what can be named."""
    if uri.startswith(("http://", "https://")):
        if not urlsplit(uri).hostname:
            raise BadInput(f"'{uri}' names no server.", next="Write http://127.0.0.1:5000")
        return Server(uri, Login.of(environment))
    if uri.startswith(SQLITE):
        return File(Path(uri.removeprefix(SQLITE)))
    if "://" not in uri and uri.endswith((".db", ".sqlite", ".sqlite3")):
        return File(Path(uri))
    kind = uri.partition(":")[0][:20] if ":" in uri else ""
    raise BadInput(f"{kind} is not read directly." if kind else f"'{uri}' is no MLflow server and no SQLite file.",
                   next="Name the MLflow server (http://…), or its SQLite file (sqlite:///mlflow.db).")


def find(session: Session, asked: Asked) -> Found:
    """Read everything; nothing is written anywhere. Denied to who is not at this machine: what is asked is asked from
    here, with the login of whoever keeps it going."""
    if session.actor.source not in (*LOCAL_SOURCES, "dashboard"):
        raise Denied(f"Another server cannot be asked from {session.actor.source}.", where="--mlflow",
                     next="Run mlops-tui connect in a terminal.")
    place = source(asked.mlflow, os.environ)
    session.progress(0, 3, "asking MLflow which models there are")
    models = registered(place)
    chosen = _chosen(models, asked)
    session.progress(1, 3, f"reading {counted(len(models), 'model')}")
    cards = tuple(known(place, models))
    one = next((each for each in cards if chosen is not None and each.model.name == chosen.name), None)
    columns, scan, look, labels = None, None, None, None
    if asked.predictions is not None:
        session.progress(2, 3, f"reading {asked.predictions.name}")
        columns, scan, labels, look = _first_look(session, asked, one)
    ready = {each.model.name: tuple(readiness(each, _seen(session, each, look if each is one else None, scan),
                                              session.now())) for each in cards}
    return Found(place.shown, cards, ready, one, columns, look, scan, labels)


def _chosen(models: list[Registered], asked: Asked) -> Registered | None:
    """The model that is asked about: the one named, or the only one there is."""
    names = [each.name for each in models]
    if asked.model:
        if asked.model not in names:
            raise NotFound(f"No registered model '{asked.model}'.", where=asked.mlflow.rpartition("@")[2],
                           next=nearest(asked.model, names) or f"Registered: {', '.join(names[:12]) or 'none'}.")
        return next(each for each in models if each.name == asked.model)
    if len(models) == 1:
        return models[0]
    if asked.predictions is not None and models:
        raise BadInput("Whose predictions are they?", where=str(asked.predictions),
                       next=f"Say it: --model {names[0]}. Registered: {', '.join(names[:12])}.")
    return None


def _first_look(session: Session, asked: Asked, model: Known | None) -> tuple[Columns, Scan, Labels | None, Look]:
    connection = engine()
    scan = scan_file(asked.predictions, connection) if asked.predictions is not None else None
    if scan is None or not scan.rows:
        raise BadInput("The table of predictions has no rows.", where=str(asked.predictions), next="Name another.")
    of_table = {part: name for part, name in asked.columns.items()
                if part != "label" or asked.labels is None or name in scan.fields}
    columns = guessed(scan, of_table, model.card.inputs if model is not None else ())
    labels = labels_of(connection, scan_file(asked.labels, connection), columns, asked.columns) \
        if asked.labels is not None else None
    return columns, scan, labels, looked(connection, parted(connection, scan, columns, labels), session.progress)


def _seen(session: Session, model: Known, look: Look | None, scan: Scan | None) -> Seen:
    monitors = session.project.monitors if session.project is not None else {}
    watched = tuple(name for name, each in monitors.items() if each.subject == model.model.name)
    if look is None or scan is None:
        return Seen(watched)
    return Seen(watched, tuple(scan.fields), look.parted.labelled, look.parted.rows, look.before)
