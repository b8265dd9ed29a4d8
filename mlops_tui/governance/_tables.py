"""Numbers and classes of a file or dataset by group, and how consistently alike rows are decided."""

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.consistency import consistency as consistent
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.oneagainstrest import Classes
from mlops_tui.analysis.parity import Numbers
from mlops_tui.errors import BadInput
from mlops_tui.governance._audited import (
    MOST_WORDS,
    Asked,
    fetched,
    grouped,
    named,
    refuse_gaps,
    text,
    used,
    weight_of,
    word,
)
from mlops_tui.inputs.tabular import Tabular
from store.quoting import quote

MOST_COMPARED = 2000  # rows whose neighbours are looked for, drawn by a seed where there are more


def numbers(table: Tabular, asked: Asked) -> Numbers:
    """Label and prediction of each row as numbers, its group and weight."""
    for name, what in ((asked.label, "label"), (asked.prediction, "prediction"), (asked.weight, "weight")):
        if name and table.scan.field(name).kind != "numeric":
            raise BadInput(f"The {what} '{name}' is no number: the column is {table.scan.field(name).type}.",
                           where=table.scan.where, next="Name a numeric column, or say --task multiclass.")
    names, group, weight = _groups(table, asked)
    label, predicted = (_numbers(table, asked, name) for name in (asked.label, asked.prediction))
    for name, values in ((asked.label, label), (asked.prediction, predicted)):
        if not np.isfinite(values).all():
            raise BadInput(f"{int((~np.isfinite(values)).sum())} values of '{name}' are not finite.",
                           where=table.scan.where, next="Leave these rows out.")
    return Numbers(names, label, predicted, group, weight)


def classes(table: Tabular, asked: Asked) -> Classes:
    """Rows counted by group, label and answer."""
    for name in asked.columns:
        table.scan.field(name)
    scan, cursor = table.scan, table.scan.cursor()
    refuse_gaps(cursor, scan.relation, scan.where, asked)
    weighed = f", sum({weight_of(asked)}), sum({weight_of(asked)} ** 2)" if asked.weight else ""
    rows = fetched(cursor, scan.where, f"SELECT {grouped(asked)}, {text(asked.label)}, {text(asked.prediction)}, "
                                       f"count(*){weighed} FROM {scan.relation} WHERE {used(asked)} GROUP BY ALL")
    _some(table, asked, len(rows))
    names = named([row[0] for row in rows], asked, scan.where)
    known, both = {word(row[1]) for row in rows}, sorted({word(each) for row in rows for each in row[1:3]})
    if len(known) > MOST_WORDS:
        raise BadInput(f"'{asked.label}' has {len(known):,} different values: these are no classes.", where=scan.where,
                       next="Say --task regression.")
    if not known & {word(row[2]) for row in rows} or len(both) > MOST_WORDS:
        raise BadInput(f"'{asked.prediction}' says {rows[0][2]}, '{asked.label}' holds {rows[0][1]}: no answer can be "
                       "compared with a label.", where=scan.where, next="Use the same words in both.")
    place, at = ({each: number for number, each in enumerate(values)} for values in (names, both))
    sums = np.zeros((3 if asked.weight else 1, len(names), len(both), len(both)))
    for name, label, said, *n in rows:
        sums[:, place[name], at[word(label)], at[word(said)]] += n
    return Classes(names, tuple(both), sums[0].astype(np.int64), *sums[1:])


def consistency(table: Tabular, asked: Asked) -> Estimate:
    """How alike rows are decided that are alike in some numbers."""
    for name in asked.alike:
        if table.scan.field(name).kind != "numeric":
            raise BadInput(f"'{name}' is no number: rows are alike in numbers only.", where=table.scan.where,
                           next="Name numeric columns after --alike.")
    decided = f"CAST({quote(asked.score)} >= {asked.threshold!r} AS VARCHAR)" if asked.score else text(asked.prediction)
    columns = {f"x{at}": f"CAST({quote(name)} AS DOUBLE)" for at, name in enumerate(asked.alike)}
    found = _read(table, asked, {"d": decided, **columns})
    good = word(asked.favourable)
    yes = np.array([word(value) == good for value in found["d"].tolist()], dtype=np.float64)
    near = np.column_stack([np.ma.filled(found[id].astype(np.float64), np.nan) for id in columns])
    whole = np.isfinite(near).all(axis=1)
    return consistent(near[whole], yes[whole], most=MOST_COMPARED)


def _groups(table: Tabular, asked: Asked) -> tuple[tuple[str, ...], npt.NDArray[np.int64], Floats | None]:
    for name in asked.columns:
        table.scan.field(name)
    refuse_gaps(table.scan.cursor(), table.scan.relation, table.scan.where, asked)
    found = _read(table, asked, {"g": grouped(asked)} | ({"w": weight_of(asked)} if asked.weight else {}))
    texts = found["g"].astype(np.str_)
    _some(table, asked, texts.size)
    distinct, place = np.unique(texts, return_inverse=True)
    names = named(distinct.tolist(), asked, table.scan.where)
    return names, place.astype(np.int64), np.asarray(found["w"], dtype=np.float64) if asked.weight else None


def _some(table: Tabular, asked: Asked, rows: int) -> None:
    if not rows:
        raise BadInput(f"No row has a label: all {table.scan.rows} values of '{asked.label}' are null.",
                       where=table.scan.where, next="Join the outcomes first.")


def _numbers(table: Tabular, asked: Asked, name: str) -> Floats:
    found = _read(table, asked, {"v": f"CAST({quote(name)} AS DOUBLE)"})["v"]
    return np.ma.filled(np.ma.asarray(found, dtype=np.float64), np.nan)


def _read(table: Tabular, asked: Asked, columns: dict[str, str]) -> dict[str, npt.NDArray[np.generic]]:
    """Columns of the rows that are looked at, in the order of the file."""
    chosen = ", ".join(f"{value} AS {id}" for id, value in columns.items())
    scan = table.scan
    cursor = scan.cursor()
    return dict(cursor.execute(f"SELECT {chosen} FROM {scan.relation} WHERE {used(asked)}").fetchnumpy())
