"""Which outcome belongs to which prediction, and since when it is known: SQL over the log and all that labels it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput
from mlops_tui.logs.predictionlog import LABEL, PredictionLog, columns_declared, labels_of
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.columns import NULL
from store.lake import Manifest
from store.quoting import quote

WEIGHT, BESIDE, KNOWN, AT = "row weight", "beside ", "known_us", "at_us"
FAILED = 400  # the status from which on a request has no answer


@dataclass(frozen=True)
class Outcomes:
    """Where the outcomes of a model's predictions come from.

    `scan` reads the dataset that the model names, with its `columns`; `same` are its columns by which a row is that of
    a prediction, at most `tolerance` away in time where that is given. `given` reads those that came by themselves
    (`log label`), known by `by`. Either may be empty. `data` are the snapshots.
    """

    scan: str
    columns: Mapping[str, str]
    same: tuple[str, ...]
    tolerance: timedelta | None = None
    given: str = ""
    by: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


def outcomes(session: Session, log: PredictionLog, bounds: tuple[datetime, datetime]) -> Outcomes:
    """All that labels the predictions of a log; BadInput where nothing can be joined to them."""
    project, lake = session.declared(), session.data()
    model, given = project.model(log.model), session.current(labels_of(log.model))
    contract, name = project.datasets.get(model.label.dataset), model.label.dataset
    tolerance = columns_declared(session, log.model).tolerance
    of_its_own = labels_of(log.model) == name
    labels = (session.current(name) if given is not None else session.snapshot(name)) if not of_its_own else None
    same = _entity(model, log, labels) if tolerance is not None and labels is not None else log.key
    if labels is not None and not (same and set(same) <= set(labels.columns)):
        if given is None:
            raise BadInput(f"The prediction log of {log.model} is known by {', '.join(log.key)}, which its outcomes "
                           "have not.", where=name, next=f"Give the outcomes the {log.key[0]} of their prediction, or "
                           f"try: mlops-tui log label {log.model} FILE")
        labels = None
    if labels is not None and contract is not None and "day" in contract.partition_by:
        near = tolerance or timedelta(0)
        zone = project.zone
        days = [f"{each.astimezone(zone):%Y-%m-%d}" for each in (bounds[0] - near, bounds[1] + near)]
        labels = labels.within(day=(days[0], days[1]))
    by = tuple(column for column in given.columns if column not in (LABEL, "known_at")) if given is not None else ()
    found: list[Manifest] = [each for each in (labels, given) if each is not None]
    return Outcomes(lake.scan(labels) if labels is not None else "", labels.columns if labels is not None else {}, same,
                    tolerance, _last(lake.scan(given), by, session.now()) if given is not None else "", by,
                    tuple(each.id for each in found))


def _entity(model: Model, log: PredictionLog, labels: Manifest) -> tuple[str, ...]:
    """The columns that say whom a prediction is about."""
    return tuple(column for column in model.entity
                 if column in log.columns and column in labels.columns and column != log.time)


def _last(scan: str, by: Sequence[str], now: datetime) -> str:
    """Of each prediction the outcome that became known last, of those that were known by then."""
    keys = ", ".join(map(quote, by))
    return (f"(SELECT {keys}, arg_max({LABEL}, known_at) AS {LABEL}, max(known_at) AS known_at FROM {scan} "
            f"WHERE known_at <= {pointintime.moment(now)} GROUP BY {keys})")


def joined(model: Model, found: Outcomes, order: Sequence[str], answers: Sequence[str], *, failures: bool,
           beside: Sequence[str] = ()) -> str:
    """The query of a span of predictions (`scored`) with their outcomes; `$from` and `$until` are the ends of the
    span.

    In order of time and the columns of `order`. `failures`: the log says which requests failed; these are left out.
    `beside`: columns of the label's dataset, as texts.
    """
    time, ordered = quote(model.split.time), ", ".join(f"p.{quote(column)}" for column in order)
    answered = f" AND coalesce(status < {FAILED}, true)" if failures else ""
    kept = f"WHERE {time} >= $from AND {time} < $until{answered}"
    label, known, weight, joins = "NULL", "CAST(NULL AS TIMESTAMPTZ)", "CAST(1 AS DOUBLE)", ""
    if found.scan:
        label = pointintime.outcome(f"l.{quote(model.label.column)}", found.columns.get(model.label.column, ""),
                                    model.task)
        since = quote(model.label.known_at or model.split.time)
        known = f"CAST(l.{since} + {pointintime.interval(model.label.delay)} AS TIMESTAMPTZ)"
        weight = f"CAST(l.{quote(model.weight)} AS DOUBLE)"
        joins = f" LEFT JOIN {_nearest(found, time)} l ON p.\"#n\" = l.\"#n\"" if found.tolerance is not None else \
            f" LEFT JOIN {found.scan} l ON {_same('p', 'l', found.same)}"
    if found.given:
        come = pointintime.outcome(f"g.{LABEL}", "", model.task)
        label, known = f"coalesce({come}, {label})", f"CASE WHEN {come} IS NULL THEN {known} ELSE g.known_at END"
        joins += f" LEFT JOIN {found.given} g ON {_same('p', 'g', found.by)}"
    more = "".join(f", p.{quote(column)}" for column in answers) + (f", {weight} AS {quote(WEIGHT)}" if model.weight
                                                                    else "")
    for column in beside:
        value = f"CAST(l.{quote(column)} AS VARCHAR)" if column in found.columns else "NULL"
        more += f", coalesce({value}, '{NULL}') AS {quote(BESIDE + column)}"
    return (f"WITH p AS (SELECT *, row_number() OVER () AS \"#n\" FROM scored {kept}) "
            f"SELECT {label} AS label, p.score, p.day, p.version{more}, epoch_us({known}) AS {KNOWN}, "
            f"epoch_us(CAST(p.{time} AS TIMESTAMPTZ)) AS {AT} FROM p{joins} ORDER BY p.{time}, {ordered}")


def _same(one: str, other: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{one}.{quote(column)} = {other}.{quote(column)}" for column in columns)


def _nearest(found: Outcomes, time: str) -> str:
    """Of each prediction the outcome of the same entity that is nearest in time, if it is near enough; the earlier of
    two that are as near."""
    assert found.tolerance is not None
    span = pointintime.interval(found.tolerance)
    apart = f"abs(epoch_us(CAST(o.{time} AS TIMESTAMPTZ)) - epoch_us(CAST(q.{time} AS TIMESTAMPTZ)))"
    near = f"o.{time} BETWEEN q.{time} - {span} AND q.{time} + {span}"
    return (f"(SELECT q.\"#n\", o.* FROM p q JOIN {found.scan} o ON {_same('q', 'o', found.same)} AND {near} "
            f"QUALIFY row_number() OVER (PARTITION BY q.\"#n\" ORDER BY {apart}, o.{time}) = 1)")

