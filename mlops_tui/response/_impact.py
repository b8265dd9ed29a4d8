"""What an incident cost: answers given while it lasted and the errors among them, beside the time before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput
from mlops_tui.logs.outcomes import joined, outcomes
from mlops_tui.logs.predictionlog import labels_of, log_of
from mlops_tui.session import Session
from mlops_tui.view import Row
from store.lake import Manifest
from store.quoting import quote

QUERY = files("mlops_tui.response").joinpath("impact.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Impact:
    """The figures, one row for the incident and one for as long a time before it; or why there are none."""

    rows: tuple[Row, ...] = ()
    query: str = ""
    values: Mapping[str, str] | None = None
    reason: str = ""


def impact(session: Session, name: str, start: datetime, end: datetime) -> Impact:
    """The answers of model `name` from start to end, with what is known of them now, and the query that counts them."""
    project = session.declared()
    if name not in project.models:
        return Impact(reason=f"'{name}' is no model, so no answers can be counted")
    model = project.models[name]
    if model.task != "binary":
        return Impact(reason=f"'{name}' is a {model.task} model, whose answers are no right or wrong alarms")
    log, labels, given = log_of(session, name), session.current(model.label.dataset), session.current(labels_of(name))
    if log is None or (labels is None and given is None):
        return Impact(reason=f"'{name if log is None else model.label.dataset}' has no "
                             f"{'predictions' if log is None else 'data'} in the lake")
    lake, bounds = session.data(), (start - (end - start), end)
    scored = lake.scan(log.within(bounds, session).manifest)
    try:
        found = outcomes(session, log, bounds)
    except BadInput as problem:
        return Impact(reason=problem.what)
    query = QUERY.format(predictions=scored, joined=joined(model, found, log.key, (), failures=log.has("status")))
    read = {scored: log.manifest, found.scan: labels, lake.scan(given) if given is not None else "": given}
    shown = _named(query, {scan: manifest for scan, manifest in read.items() if scan and manifest is not None})
    rows = []
    for period, since, until in (("incident", start, end), ("before", start - (end - start), start)):
        values = {"from": since, "until": until, "now": session.now(), "threshold": model.threshold}
        counted = dict(zip(COLUMNS, lake.connect().execute(query, values).fetchone() or (), strict=True))
        rows.append({"period": period, "from": since, "until": until, **counted, **_cost(model, counted)})
    asked = {"from": start.isoformat(), "until": end.isoformat(), "now": session.now().isoformat(),
             "threshold": f"{model.threshold:g}"}
    return Impact(tuple(rows), shown, asked)


COLUMNS = ("predictions", "predicted", "flagged", "outcomes_known", "seen", "false_alarms", "missed")


def _named(query: str, read: Mapping[str, Manifest]) -> str:
    """The query with the snapshots that it reads instead of the places of their files."""
    for scan, manifest in read.items():
        query = query.replace(scan, quote(f"{manifest.dataset}@{manifest.id[:12]}"))
    return query


def _cost(model: Model, counted: Mapping[str, Any]) -> dict[str, Any]:
    """What the known errors cost by the model's declared value; nothing where it is not declared in one currency."""
    if model.value is None or not model.value.false_alarm:
        return {}
    worth, _, unit = model.value.worth.strip().partition(" ")
    alarm, _, other = model.value.false_alarm.strip().partition(" ")
    if unit != other:
        return {}
    try:
        return {"cost": counted["false_alarms"] * float(alarm) + counted["missed"] * float(worth), "currency": unit}
    except ValueError:
        return {}
