"""What an incident cost: answers given while it lasted and the errors among them, beside the time before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from mlops_tui import pointintime
from mlops_tui.kinds import Model
from mlops_tui.session import Session
from mlops_tui.view import Row
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
    log, labels = session.current(f"{name}.predictions"), session.current(model.label.dataset)
    if log is None or labels is None:
        return Impact(reason=f"'{name if log is None else model.label.dataset}' has no "
                             f"{'predictions' if log is None else 'data'} in the lake")
    lake = session.data()
    query = _filled(session, model, lake.scan(log), lake.scan(labels))
    shown = _filled(session, model, quote(f"{name}.predictions@{log.id[:12]}"),
                    quote(f"{model.label.dataset}@{labels.id[:12]}"))
    rows = []
    for period, since, until in (("incident", start, end), ("before", start - (end - start), start)):
        values = {"from": since, "until": until, "now": session.now(), "threshold": model.threshold}
        found = lake.connect().execute(query, values).fetchone() or ()
        counted = dict(zip(COLUMNS, found, strict=True))
        rows.append({"period": period, "from": since, "until": until, **counted, **_cost(model, counted)})
    given = {"from": start.isoformat(), "until": end.isoformat(), "now": session.now().isoformat(),
             "threshold": f"{model.threshold:g}"}
    return Impact(tuple(rows), shown, given)


COLUMNS = ("predictions", "predicted", "flagged", "outcomes_known", "seen", "false_alarms", "missed")


def _filled(session: Session, model: Model, predictions: str, labels: str) -> str:
    """The query with its tables and columns: declared names, quoted."""
    key = pointintime.key_columns(model, session.declared().dataset(model.label.dataset))
    return QUERY.format(predictions=predictions, labels=labels, key=", ".join(map(quote, key)),
                        label=quote(model.label.column), time=quote(model.split.time),
                        delay=_interval(model.label.delay), known_at=quote(model.label.known_at or model.split.time))


def _interval(length: timedelta) -> str:
    return f"INTERVAL {int(length.total_seconds())} SECOND"


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
