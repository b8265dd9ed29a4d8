"""How ready a registered model is to be watched: what is there, what is missing, and what would make it so."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.view import Status, counted
from store.registry import Known

OLD = timedelta(days=180)  # an evaluation of that age says little of today


@dataclass(frozen=True)
class Ready:
    """One thing that a watched model has: how it stands, why, and what would make it green."""

    check: str
    status: Status
    why: str
    next: str = ""


@dataclass(frozen=True)
class Seen:
    """What else is known of a model: the monitors on it, the columns of its predictions (None: no table was given), how
    many of them have a label, and how many rows came before the ones that are looked at."""

    monitors: tuple[str, ...] = ()
    columns: Collection[str] | None = None
    labelled: int = 0
    rows: int = 0
    before: int = 0


def readiness(model: Known, seen: Seen, now: datetime) -> list[Ready]:
    """Every check of a model. What cannot be known is unknown, never a pass."""
    return [_owner(model), _monitor(seen), _labels(seen), _rollback(model), _evaluated(model, now), _signature(model),
            _schema(model, seen), _reference(model, seen)]


def score(found: Collection[Ready]) -> str:
    """How many are good, of how many."""
    return f"{sum(each.status is Status.PASS for each in found)} of {len(found)}"


def _owner(model: Known) -> Ready:
    if model.owner:
        return Ready("owner", Status.PASS, f"{model.owner}, by its tag")
    name = model.model.name
    if model.user:
        return Ready("owner", Status.WARN, f"{model.user} trained it; nobody is named as its owner",
                     f"Tag {name} in MLflow: owner.")
    return Ready("owner", Status.UNKNOWN, "neither a tag nor a run says who", f"Tag {name} in MLflow: owner.")


def _monitor(seen: Seen) -> Ready:
    if seen.monitors:
        return Ready("monitor", Status.PASS, ", ".join(seen.monitors))
    return Ready("monitor", Status.WARN, "nothing watches it", "connect write DIR proposes monitors.")


def _labels(seen: Seen) -> Ready:
    if seen.columns is None:
        return Ready("labels", Status.UNKNOWN, "no predictions were given", "Name them: --predictions FILE")
    if not seen.labelled:
        return Ready("labels", Status.WARN, "no prediction has an outcome",
                     "Name them: --labels FILE, or --label COLUMN")
    return Ready("labels", Status.PASS, f"{seen.labelled / seen.rows:.0%} of {seen.rows:,} predictions have an outcome")


def _rollback(model: Known) -> Ready:
    found, before = model.model.serving, model.model.before
    if found is None:
        return Ready("rollback", Status.UNKNOWN, "no version is registered")
    if before is None:
        return Ready("rollback", Status.WARN, f"version {found.number} has none before it to go back to",
                     "Keep the version before the one that serves.")
    if model.before is None or model.before.problem:
        why = model.before.problem if model.before is not None else "nobody looked"
        return Ready("rollback", Status.UNKNOWN, f"version {before.number}: {why}", "See that its files can be read.")
    return Ready("rollback", Status.PASS, f"version {before.number}, whose files are there")


def _evaluated(model: Known, now: datetime) -> Ready:
    if model.run is None:
        return Ready("evaluation", Status.UNKNOWN, "its run is not there", "Log metrics with the run that trains it.")
    if not model.run.metrics:
        return Ready("evaluation", Status.WARN, "its run has no metric", "Log metrics with the run that trains it.")
    said = ", ".join(f"{name} {value:.3g}" for name, value in list(model.run.metrics.items())[:2])
    at = model.run.measured or model.run.ended
    if at is None:
        return Ready("evaluation", Status.UNKNOWN, f"{said}, nobody knows when", "Evaluate it on recent outcomes.")
    ago = f"{counted((now - at).days, 'day')} ago" if now - at >= timedelta(days=1) else "today"
    if now - at > OLD:
        return Ready("evaluation", Status.WARN, f"{said}, {ago}", "Evaluate it on recent outcomes.")
    return Ready("evaluation", Status.PASS, f"{said}, {ago}")


def _signature(model: Known) -> Ready:
    if model.card.problem:
        return Ready("signature", Status.UNKNOWN, model.card.problem, "See that its files can be read.")
    if not model.card.signed:
        return Ready("signature", Status.WARN, "its MLmodel has none",
                     "Log the model with signature=infer_signature(…).")
    return Ready("signature", Status.PASS, counted(len(model.card.inputs), "input"))


def _schema(model: Known, seen: Seen) -> Ready:
    inputs = model.card.inputs
    if not inputs:
        return Ready("input schema", Status.UNKNOWN, "no signature names its inputs", "Log the model with a signature.")
    if any(kind.startswith("tensor") for kind in inputs.values()):
        return Ready("input schema", Status.WARN, "its inputs are tensors: columns have no names",
                     "Infer the signature from a data frame.")
    if seen.columns is None:
        return Ready("input schema", Status.UNKNOWN, f"{len(inputs)} named inputs, no predictions to compare with",
                     "Name them: --predictions FILE")
    missing = [name for name in inputs if name not in seen.columns]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return Ready("input schema", Status.WARN, f"not logged: {', '.join(missing[:3])}{more}",
                     "Log every input with the prediction.")
    return Ready("input schema", Status.PASS, f"all {len(inputs)} inputs are logged with the predictions")


def _reference(model: Known, seen: Seen) -> Ready:
    if seen.before:
        return Ready("reference", Status.PASS, f"{seen.before:,} earlier predictions to compare with")
    if model.run is not None and model.run.data:
        return Ready("reference", Status.WARN, f"known by name only: {model.run.data[0]}",
                     "Name the rows: --predictions FILE")
    return Ready("reference", Status.UNKNOWN, "neither earlier predictions nor a logged data set",
                 "Log the training data: mlflow.log_input(…).")
