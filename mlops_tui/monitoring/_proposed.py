"""The files of a project for a model that was found: a beginning that works, to be looked over line by line."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_tui.declarations.limits import LESS_IS_BETTER, METRICS_OF
from mlops_tui.declarations.scaffold import shipped
from mlops_tui.monitoring._connected import Found
from mlops_tui.quality.logicaltypes import family_of
from mlops_tui.view import Cell
from store.registry import Known

LONGEST = 100  # characters of a name
ROOM = 0.02  # below what a metric was before, or above: less than that is not worth waking anybody
_LOGICAL = {"integer": "integer", "float": "number", "decimal": "number", "boolean": "boolean", "date": "date",
            "naive": "timestamp", "zoned": "timestamp"}
_SPAN = "7d"


def slug(text: str) -> str:
    """A name that a file can have.

    >>> slug("Churn [EU] 2")
    'churn-eu-2'
    """
    return re.sub(r"[^a-z0-9_]+", "-", text.lower())[:LONGEST].strip("-_") or "model"


def proposed(found: Found, model: Known, folder: Path) -> dict[str, str]:
    """Every file by its path in the project: settings, team, what is logged, the model, and the monitors on it."""
    name = slug(model.model.name)
    files = {path: content.decode().replace("NAME", slug(folder.name)) for path, content in shipped("project")}
    files["mlops.yaml"] += (f"# Models were found at {_said(found.shown)}, which is only read. To register new ones\n"
                            "# there as well, name it here: stores: {mlflow: URI}\n")
    if model.owner or model.user:
        files["mlops.yaml"] += "approvals: {quorum: 1, role: engineer}  # one person so far: raise it with the team\n"
    files["team.yaml"] = _team(files["team.yaml"], model)
    files[".gitignore"] = ".mlops/\n"
    files[f"datasets/{name}.predictions.yaml"] = _log(found, name)
    files[f"datasets/{name}.labels.yaml"] = _labels(found, name)
    files[f"models/{name}.yaml"] = _model(found, model, name)
    files[f"monitors/{name}-drift.yaml"] = _drift(found, name)
    limit = _limit(found, model)
    if limit is not None:
        files[f"monitors/{name}-performance.yaml"] = _performance(found, name, *limit)
    return dict(sorted(files.items()))


def _word(value: Any) -> str:
    """A value as YAML and JSON both read it: what YAML forbids, or folds as the end of a line, by its number."""
    return re.sub("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}",
                  json.dumps(value, ensure_ascii=False))


def _said(text: str) -> str:
    """A text that stays within its comment."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _team(text: str, model: Known) -> str:
    person = model.owner or model.user
    if not person:
        return text
    stub = f"{_word(slug(person))}: {{name: {_word(person)}, roles: [engineer]}}  # a login makes roles count"
    return text.replace("people: {}", f"people:\n  {stub}")


def _task(found: Found) -> str:
    names = {str(row["metric"]) for row in found.look.metrics} if found.look is not None else set()
    fitting = [task for task, metrics in METRICS_OF.items() if names and names <= set(metrics)]
    return fitting[0] if fitting else "binary"


def _time(found: Found) -> str:
    return found.columns.time if found.columns is not None and found.columns.time else "time"


def _columns(found: Found) -> list[str]:
    """The inputs that are logged, and else those of the signature."""
    if found.columns is not None:
        return list(found.columns.features)
    return list(found.chosen.card.inputs) if found.chosen is not None else []


def _log(found: Found, name: str) -> str:
    """The contract of the prediction log: what its server calls the columns."""
    columns, scan = found.columns, found.scan
    kinds = {each: field.type for each, field in scan.fields.items()} if scan is not None else {}
    lines = [f"  - {{name: {_word(each)}, logicalType: {_LOGICAL.get(family_of(kinds.get(each, '')), 'string')}}}"
             for each in _columns(found)]
    own = [("prediction_id", "string, primaryKey: true, required: true"), (_time(found), "timestamp"),
           ("day", "string"), ("version", "string"), ("score", "number")]
    lines = [f"  - {{name: {_word(each)}, logicalType: {kind}}}" for each, kind in own] + lines
    roles = {} if columns is None else {role: column for role, column in (
        ("id", columns.id), ("time", columns.time), ("output", columns.score), ("version", columns.version),
        ("label", columns.label)) if column}
    return "\n".join([
        "# What the model answered. Filled by: mlops-tui log add MODEL FILE",
        *_head(f"{name}.predictions"), *(f"    {line}" for line in lines), "customProperties:",
        f"  - {{property: eventTime, value: {_word(_time(found))}}}", "  - {property: partitionBy, value: [day]}",
        f"  - property: predictionLog  # what its server calls the columns\n    value: {_word(roles)}", ""])


def _labels(found: Found, name: str) -> str:
    kind = "string" if _task(found) == "multiclass" else "number"
    return "\n".join([
        "# What came true. Filled by: mlops-tui log label MODEL FILE", *_head(f"{name}.labels"),
        "      - {name: prediction_id, logicalType: string, primaryKey: true, required: true}",
        f"      - {{name: label, logicalType: {kind}}}", "      - {name: known_at, logicalType: timestamp}", ""])


def _head(name: str) -> list[str]:
    return ["kind: DataContract", "apiVersion: v3.1.0", f"id: {name}", "version: 1.0.0", "status: draft", "schema:",
            f"  - name: {name}", "    properties:"]


def _model(found: Found, model: Known, name: str) -> str:
    serving, owner = model.model.serving, model.owner or model.user
    known = f"{_said(model.model.name)}, version {serving.number if serving else '?'} in MLflow"
    told = "" if found.look is not None and found.look.metrics else "  # a guess: no outcome was seen"
    return "\n".join([
        f"task: {_task(found)}{told}",
        f"label: {{dataset: {name}.labels, column: label, known_at: known_at}}",
        f"columns: {_word(_columns(found))}", f"split: {{time: {_word(_time(found))}}}",
        "candidates: {}  # none yet: it is watched here, and trained where it was",
        *([f"owner: {_word(owner)}"] if owner else []), f"description: {_word(known)}", ""])


def _drift(found: Found, name: str) -> str:
    score = ["score"] if found.columns is None or found.columns.score else []
    return "\n".join([
        "# Compares the last week with the same weekdays of the four weeks before.", "check: drift",
        f"subject: {name}.predictions", 'every: "0 6 * * *"', f"window: {_SPAN}",
        f"columns: {_word([*_columns(found), *score])}", "reference: {same_weekdays: 4}",
        "limits: {ks: 0.02, v: 0.05}", "alert: {after: 2 of 3, severity: medium, runbook: data-drift}", ""])


def _performance(found: Found, name: str, metric: str, limit: float, why: str) -> str:
    return "\n".join([
        f"# {why}; an interval that lies wholly beyond the limit fails.", "check: performance", f"subject: {name}",
        'every: "0 7 * * *"', f"window: {_SPAN}", f"limits: {{{metric}: {limit:g}}}", "min_rows: 100",
        "alert: {severity: high, runbook: performance-decay}", ""])


def _limit(found: Found, model: Known) -> tuple[str, float, str] | None:
    """The metric to watch and its limit, a little worse than it was: in the weeks before, or when it was evaluated."""
    rows: list[Mapping[str, Cell]] = list(found.look.metrics) if found.look is not None else []
    for row in rows:
        name, edge = str(row["metric"]), row["before_high" if row["metric"] in LESS_IS_BETTER else "before_low"]
        if isinstance(edge, float):
            return name, _beyond(name, edge), f"It was {_number(row['before'])} in the time before"
    for name, value in (model.run.metrics if model.run is not None else {}).items():
        if name in METRICS_OF[_task(found)]:
            return name, _beyond(name, value), f"It was {value:.3g} when it was evaluated"
    return None


def _beyond(metric: str, value: float) -> float:
    """A little worse, in round numbers: two digits of a share, and else two of what counts."""
    if metric in LESS_IS_BETTER:
        room = value * (1 + 5 * ROOM)
        scale = 10 ** (2 - math.ceil(math.log10(room))) if room > 0 else 100.0
        return math.ceil(room * scale) / scale
    return max(0.01, math.floor((value - ROOM) * 100) / 100)


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "unknown"
