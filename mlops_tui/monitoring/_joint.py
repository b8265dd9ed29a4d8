"""Whether columns have drifted together: rows of both sides read as a sample, told apart by a domain classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from mlops_tui.analysis.domain import Joint, joint
from mlops_tui.profiling import windowed
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Cell, Column, Row, Status, Table, counted
from store.quoting import quote
from store.scan import Field, Scan, kind_of

LIMIT = 0.55    # an AUC below which it does not matter
LEVEL = 0.05
MOST = 5000     # rows of a side
BLOCKS = 20     # of a file's rows, which bear no day
DAY = "=day"


@dataclass(frozen=True)
class Together:
    """What the classifier found, and the AUC from which it matters."""

    found: Joint
    limit: float

    @property
    def drifted(self) -> bool | None:
        """None where it cannot be said: too few days, or days that could not have shown the limit."""
        found = self.found
        if found.auc is None or found.p_value is None:
            return None
        if found.p_value <= LEVEL and found.auc >= self.limit:
            return True
        return None if found.detectable is not None and found.detectable > self.limit else False

    @property
    def said(self) -> str:
        """In a few words; empty where nothing is seen."""
        if self.drifted:
            pair = " and ".join(self.found.leans[0].columns) if self.found.leans else "no column"
            return f"together they are told apart: AUC {self.found.auc:.2f}, most by {pair}"
        if self.found.reason:
            return f"together they cannot be judged: {self.found.reason}"
        seen = f"an AUC below {self.found.detectable:.2f} would not show among days that differ as these do"
        return f"together they cannot be judged: {seen}" if self.drifted is None else ""


def of_subject(session: Session, source: windowed.Source, names: Sequence[str], spans: tuple[Sequence[windowed.Span],
               windowed.Span], limit: float) -> Together:
    """Days of the reference's spans against those of the window, of at most 5,000 rows a side."""
    lake, time = session.data(), quote(source.time)
    connection = lake.connect()
    zone = str(session.declared().zone).replace("'", "''")
    fields = _comparable([Field(name, kind, kind_of(kind)) for name, kind in source.manifest.columns.items()
                          if name in names])
    if not fields:
        return Together(Joint(reason="no column is a number, a truth value or a text"), limit)
    sides = []
    for each in (spans[0], (spans[1],)):
        when = " OR ".join(f"({time} >= {pointintime.moment(start)} AND {time} < {pointintime.moment(end)})"
                           for start, end in each)
        sides.append(_read(connection, fields, f"{lake.scan(source.manifest)} AS rows", f"WHERE {when}",
                           f"CAST(timezone('{zone}', CAST({time} AS TIMESTAMPTZ)) AS DATE)", f"hash({time}, rows)"))
    return _told(sides, limit)


def of_scans(reference: Scan, current: Scan, chosen: Sequence[str], limit: float) -> Together:
    """Two files, whose rows in their order make up 20 blocks each in place of days."""
    names = [name for name in (chosen or reference.fields) if name in current.fields and name in reference.fields]
    fields = [each for each in _comparable([reference.field(name) for name in names])
              if current.field(each.name).kind == each.kind]
    fields = [each for each in fields if each.kind == "boolean" or not _identifies(reference, each)]
    if not fields:
        return Together(Joint(reason="no column is a number, a truth value or a text on both sides"), limit)
    sides = []
    for side in (reference, current):
        numbered = f"(SELECT *, row_number() OVER () - 1 AS {quote(DAY)} FROM {side.relation}) AS rows"
        sides.append(_read(side.cursor(), fields, numbered, "", f"{quote(DAY)} * {BLOCKS} // {max(side.rows, 1)}",
                           f"hash({quote(DAY)})"))
    return _told(sides, limit)


def _comparable(fields: Sequence[Field]) -> list[Field]:
    """Time moves on by itself; lists and records are not compared."""
    return [each for each in fields if each.kind in ("numeric", "boolean") or each.type in ("VARCHAR", "ENUM")]


def _identifies(side: Scan, field: Field) -> bool:
    """Whether nearly every row of a text or whole number has a value of its own: that tells any two samples apart."""
    fraction = field.type in ("DOUBLE", "FLOAT", "REAL") or field.type.startswith("DECIMAL")
    return not fraction and side.distinct(field.name, estimated=True) > 0.9 * side.rows > 100


def _read(connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], rows: str, where: str, day: str,
          order: str) -> Mapping[str, Any]:
    """The columns of a sample of rows, chosen by a hash: the same ones whoever asks."""
    columns = [f"CAST({quote(each.name)} AS {'VARCHAR' if each.kind == 'category' else 'DOUBLE'}) AS {quote(each.name)}"
               for each in fields]
    columns.append(f"CAST({day} AS VARCHAR) AS {quote(DAY)}")
    query = f"SELECT {', '.join(columns)} FROM {rows} {where} ORDER BY {order} LIMIT {MOST}"
    return {name: _plain(values) for name, values in connection.sql(query).fetchnumpy().items()}


def _plain(values: Any) -> Any:
    """Numbers with NaN, texts with an empty one, where there is no value."""
    kept = np.ma.asarray(values)
    if kept.dtype.kind in "fiu":
        found = np.ma.filled(kept.astype(np.float64), np.nan)
        return np.where(np.isfinite(found), found, np.where(np.isnan(found), np.nan, np.sign(found) * 1e300))
    return np.where(np.ma.getmaskarray(kept), "", kept.data).astype(np.str_)


def _told(sides: Sequence[Mapping[str, Any]], limit: float) -> Together:
    """What tells the sides apart; their days are a column of theirs."""
    before, now = ({name: values for name, values in side.items() if name != DAY} for side in sides)
    return Together(joint(before, now, (sides[0][DAY], sides[1][DAY])), limit)


def status(found: Together) -> Status:
    """How it stands."""
    return {True: Status.FAIL, None: Status.UNKNOWN, False: Status.PASS}[found.drifted]


def table(found: Together) -> Table:
    """One row of the test, then what the classifier leans on."""
    each = found.found
    row: Row = {"told_apart_by": "all columns together", "drifted": found.drifted, "auc": each.auc, "low": each.low,
                "high": each.high, "limit": found.limit, "p_value": each.p_value, "alone": each.alone,
                "detectable": each.detectable, "share": None, "reason": _evidence(found)}
    leans: list[Row] = [{"told_apart_by": " × ".join(lean.columns), "share": lean.share} for lean in each.leans]
    return Table.of("joint", (row, *(leans if found.drifted else ())), Column("told_apart_by", "told apart by"),
                    "drifted", Column("auc", "AUC", digits=3), Column("low", digits=3), Column("high", digits=3),
                    Column("limit", digits=2), Column("alone", "columns alone", digits=3),
                    Column("detectable", "days show", digits=3), Column("share", share=True),
                    Column("reason", "evidence"), title="Together")


def _evidence(found: Together) -> str:
    each = found.found
    if each.reason:
        return each.reason
    days = f"{each.days[0]} and {counted(each.days[1], 'day')} or blocks"
    return f"p = {each.p_value:.3f} by the same days cut elsewhere; {days}, {each.terms} terms"


def kept(found: Together) -> dict[str, Cell | list[dict[str, Any]]]:
    """What a finding keeps of it."""
    each = found.found
    return {"auc": each.auc, "low": each.low, "high": each.high, "p_value": each.p_value, "limit": found.limit,
            "alone": each.alone, "drifted": found.drifted, "reason": each.reason,
            "leans": [{"columns": list(lean.columns), "share": lean.share} for lean in each.leans]}
