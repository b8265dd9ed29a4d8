"""What a model answered, request by request: the dataset `MODEL.predictions`, and which of its columns are there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mlops_tui.declarations import declare
from mlops_tui.declarations.datasetkeys import LogColumns
from mlops_tui.errors import NotFound
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.lake import Manifest

ID, LABEL = "prediction_id", "label"
OPTIONAL: Mapping[str, str] = {  # by its name in the log: what a person calls it
    ID: "an id of each prediction", "latency_ms": "how long each answer took", "status": "how each request ended",
    "caller": "who asked", "endpoint": "where it was asked"}
# the column of the log by role
CALLED = {"id": ID, "output": "score", "answer": "answer", "version": "version", "latency": "latency_ms",
          "status": "status", "caller": "caller", "endpoint": "endpoint", "label": LABEL}
OWN = ("day", "version", "score", "answer", LABEL, *OPTIONAL)


@dataclass(frozen=True)
class PredictionLog:
    """The log of a model as it stands.

    `key`: the columns by which a row is known, those of the label's dataset where the log has them, else the id of the
    prediction. `time` is the model's column of time. Every log has `day`, `version` and `score`; of OPTIONAL columns
    those that its server sent.
    """

    model: str
    manifest: Manifest
    key: tuple[str, ...]
    time: str

    @property
    def columns(self) -> Mapping[str, str]:
        """Type by column."""
        return self.manifest.columns

    @property
    def missing(self) -> tuple[str, ...]:
        """The optional columns that this log has not."""
        return tuple(name for name in OPTIONAL if name not in self.columns)

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns of what was answered beside the score: `answer`, and `answer:CLASS` for each class."""
        return tuple(name for name in self.columns if name == "answer" or name.startswith("answer:"))

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that were sent to the model, under their own names."""
        return tuple(name for name in self.columns
                     if name not in (*OWN, *self.key, self.time) and not name.startswith("answer:"))

    def has(self, *columns: str) -> bool:
        """Whether it has all of these columns."""
        return all(name in self.columns for name in columns)

    def lacks(self, *columns: str) -> str:
        """A sentence on what of these columns is not there; empty where all are."""
        absent = [name for name in columns if name not in self.columns]
        said = [f"{name} ({OPTIONAL[name]})" if name in OPTIONAL else name for name in absent]
        return f"The prediction log of {self.model} has no {', no '.join(said)}." if said else ""

    def within(self, bounds: tuple[datetime, datetime], session: Session) -> "PredictionLog":
        """The log less the files of other days: rows still have to be compared with the bounds."""
        zone = session.declared().zone
        first, last = (f"{each.astimezone(zone):%Y-%m-%d}" for each in bounds)
        return replace(self, manifest=self.manifest.within(day=(first, last)))


def named(model: str) -> str:
    """The dataset that is the model's prediction log."""
    return f"{model}.predictions"


def labels_of(model: str) -> str:
    """The dataset of outcomes that came by themselves: key, `label`, `known_at`; the last of a prediction counts."""
    return f"{model}.labels"


def columns_declared(session: Session, model: str) -> LogColumns:
    """What the contract of the log says that its server calls the columns; nothing where it says nothing."""
    project, name = session.declared(), named(model)
    for place, item in enumerate(project.datasets[name].customProperties if name in project.datasets else ()):
        if item.property == "predictionLog":
            return declare.part(LogColumns, project.path_of("dataset", name), "customProperties", place, "value")
    return LogColumns()


def classes_of(session: Session, model: str) -> dict[str, str]:
    """The data class of each column: as the log's own contract classifies it, else as any contract does."""
    datasets = session.declared().datasets
    own = [datasets[named(model)]] if named(model) in datasets else []
    return {item.name: item.classification for contract in (*datasets.values(), *own) for item in contract.properties
            if item.classification}


def keys_of(session: Session, model: str) -> tuple[str, ...]:
    """The columns by which rows of the model are known apart from the log; none where nothing says so.

    None where outcomes are those nearest in time: many predictions of one entity are told apart by their ids.
    """
    declared = session.declared().model(model)
    contract = session.declared().datasets.get(declared.label.dataset)
    if columns_declared(session, model).tolerance is not None or contract is None:
        return ()
    if declared.label.dataset in (named(model), labels_of(model)):
        return ()
    has = declared.entity or any(item.primaryKey for item in contract.properties)
    return pointintime.key_columns(declared, contract) if has else ()


def log_of(session: Session, model: str) -> PredictionLog | None:
    """The prediction log of a declared model as it is now; None where nothing was logged yet."""
    project = session.declared()
    declared = project.model(model)
    manifest = session.current(named(model))
    if manifest is None:
        return None
    keys = keys_of(session, model)
    known = keys if keys and all(name in manifest.columns for name in keys) else (ID,)
    return PredictionLog(model, manifest, known, declared.split.time)


def needed_log(session: Session, model: str) -> PredictionLog:
    """The prediction log of a model; NotFound says how one is filled."""
    found = log_of(session, model)
    if found is None:
        raise NotFound(f"'{model}' has predicted nothing yet, and nothing was logged for it.",
                       next=f"Try: mlops-tui score {model} --day DAY")
    return found
