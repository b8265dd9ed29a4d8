"""Predictions beside the outcomes that are known by now: late labels join when they are late, never before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlops_tui import folds, pointintime
from mlops_tui.errors import NotFound
from mlops_tui.kinds import Model
from mlops_tui.moments import moment
from mlops_tui.predicting import predicted, version_of
from mlops_tui.session import Session
from store.lake import Lake, Manifest
from store.quoting import quote

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matured:
    """Predictions of a window whose outcome is known, and how many are still waited for.

    `label` (n,) 0/1, `score` (n,), `day` (n,) local dates as text, `version` (n,) who predicted. `total` counts every
    prediction of the window, `waiting` those whose outcome is not known yet, `never` those that will not get one.
    """

    label: npt.NDArray[np.int8]
    score: Floats
    day: npt.NDArray[np.str_]
    version: npt.NDArray[np.str_]
    total: int
    waiting: int
    never: int
    bounds: tuple[datetime, datetime]
    data: tuple[str, ...]

    @property
    def n(self) -> int:
        return int(self.label.size)

    @property
    def mature_share(self) -> float | None:
        """The share of the window's predictions whose outcome is in; None where there are none."""
        return (self.total - self.waiting) / self.total if self.total else None


def window(now: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """The window that ends now."""
    return now - length, now


def matured(session: Session, name: str, bounds: tuple[datetime, datetime], version: str = "",
            scored: pa.Table | None = None) -> Matured:
    """The predictions of model `name` with a time in `bounds`, joined to the outcomes known at the session's time.

    An outcome counts as known `label.delay` after `label.known_at` (or after the row's own time where that is not
    declared); a row whose outcome is null two days after its own time will never get one. `scored` stands in for the
    prediction log (another version's scores of the same rows). Rows are in order of time and key. NotFound where
    nothing was predicted yet.
    """
    project, lake = session.declared(), session.data()
    model = project.model(name)
    contract = project.dataset(model.label.dataset)
    days = _days(bounds, session)
    labels = session.snapshot(model.label.dataset)
    if "day" in contract.partition_by:
        labels = labels.within(day=days)
    query = _query(model, pointintime.key_columns(model, contract), lake.scan(labels), bool(version))
    now = session.now()
    values = (now, now, *bounds, *([version] if version else []))
    if scored is None:
        log = _predictions(session, name, days)
        return _split(_logged(lake, lake.scan(log), query, values), bounds, (log.id, labels.id))
    connection = lake.connect()
    connection.register("scored", scored)
    return _split(connection.execute(query, values).fetchnumpy(), bounds, (labels.id,))


@lru_cache(maxsize=1)
def _logged(lake: Lake, log: str, query: str, values: tuple[object, ...]) -> dict[str, Any]:
    """The rows of one question, kept until the next: several checks ask it of the same, content-addressed files."""
    connection = lake.connect()
    connection.execute(f"CREATE TEMP VIEW scored AS SELECT * FROM {log}")
    return connection.execute(query, values).fetchnumpy()


def judged_rows(session: Session, name: str, bounds: tuple[datetime, datetime], version: str = "") -> Matured:
    """The rows to judge a model by: what was served, or what the version named would have said.

    Without a version that is the champion, on its own rows alone: what another version answered says nothing of it. A
    version that does not serve is judged on rows of the window that it was not fitted on: those from the beginning of
    its test days on. NotFound where there is no such version.
    """
    if not version:
        serving = folds.model_state(session.ledger.entries("promotion"), name).champion
        return matured(session, name, bounds, serving)
    trained = version_of(session, name, version)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    if trained.version == state.champion:
        return matured(session, name, bounds, trained.version)
    unseen = str(trained.detail.get("test_from") or trained.window[1])
    first = max(bounds[0], moment(unseen, session.declared().zone))
    rows = session.snapshot(f"{name}.features").within(day=_days((first, bounds[1]), session))
    return matured(session, name, (first, bounds[1]), scored=predicted(session, trained, rows))


def _predictions(session: Session, name: str, days: tuple[str, str]) -> Manifest:
    log = session.current(f"{name}.predictions")
    if log is None:
        raise NotFound(f"'{name}' has predicted nothing yet.", next=f"Try: mlops-tui score {name} --day DAY")
    return log.within(day=days)


def _query(model: Model, key: Sequence[str], labels: str, one_version: bool) -> str:
    time = f"p.{quote(model.split.time)}"
    same = " AND ".join(f"p.{quote(column)} = l.{quote(column)}" for column in key)
    known = f"l.{quote(model.label.known_at or model.split.time)} + {pointintime.interval(model.label.delay)}"
    order = ", ".join([time, *(f"p.{quote(column)}" for column in key)])
    return (f"SELECT CAST(l.{quote(model.label.column)} AS TINYINT) AS label, p.score, p.day, p.version, "
            f"coalesce({known} <= ?, false) AS mature, "
            f"coalesce({time} + {pointintime.interval(_PATIENCE)} <= ?, false) AS over "
            f"FROM scored p LEFT JOIN {labels} l ON {same} WHERE {time} >= ? AND {time} < ?"
            f"{' AND p.version = ?' if one_version else ''} ORDER BY {order}")


def _split(found: Mapping[str, Any], bounds: tuple[datetime, datetime], data: tuple[str, ...]) -> Matured:
    label = np.ma.asarray(found["label"])
    missing = np.ma.getmaskarray(label)
    has = ~missing & np.asarray(found["mature"], dtype=bool)
    over = missing & np.asarray(found["over"], dtype=bool)
    return Matured(np.asarray(label.filled(0)[has], dtype=np.int8), np.asarray(found["score"], dtype=np.float64)[has],
                   np.asarray(found["day"], dtype=np.str_)[has], np.asarray(found["version"], dtype=np.str_)[has],
                   int(label.size), int(label.size - has.sum() - over.sum()), int(over.sum()), bounds, data)


_PATIENCE = timedelta(days=2)  # a row without an outcome for that long will not get one


def _days(bounds: tuple[datetime, datetime], session: Session) -> tuple[str, str]:
    zone = session.declared().zone
    return f"{bounds[0].astimezone(zone):%Y-%m-%d}", f"{bounds[1].astimezone(zone):%Y-%m-%d}"
