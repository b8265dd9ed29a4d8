"""Scaling: numbers brought to one scale that a wild value cannot move, by parameters that are frozen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import duckdb
import numpy as np

from mlops_tui.analysis import scaling as rules
from mlops_tui.analysis.scaling import Influence
from mlops_tui.errors import BadInput
from mlops_tui.transforms import Made, frozen, rows
from mlops_tui.transforms.frozen import Document
from store.quoting import quote

KIND = "scaling"
METHODS = ("auto", "standard", "robust", "winsorised", "uniform", "normal", "none")
REFERENCES = 1000
_TINY, _EDGE = 1e-7, 5.199337582605575  # as scikit-learn: places within 1e-7 of an end, and their normal quantile


@dataclass(frozen=True)
class Scaling:
    """How columns are scaled; `tails`: the share of values that winsorising pulls in on each side."""

    columns: tuple[str, ...]
    method: Literal["auto", "standard", "robust", "winsorised", "uniform", "normal", "none"] = "auto"
    tails: float = 0.01
    references: int = REFERENCES

    def __post_init__(self) -> None:
        if not self.columns:
            raise BadInput("No column to scale.", next="Name some: columns a,b.")
        if self.method not in METHODS:
            raise BadInput(f"No method '{self.method}'.", next=f"There are: {', '.join(METHODS)}.")
        if not 0 < self.tails < 0.5:
            raise BadInput(f"tails is a share above 0 and below a half, not {self.tails:g}.")
        if self.references < 2:
            raise BadInput(f"{self.references} references make no scale.", next="Give 2 or more.")


# -- fitting --------------------------------------------------------------------------------------------------------


def fit(cursor: duckdb.DuckDBPyConnection, relation: str, how: Scaling) -> dict[str, Any]:
    """The parameters of each column, from its finite values; BadInput for a column that is no number."""
    types = rows.types_of(cursor, relation)
    rows.need(types, how.columns)
    columns = [_fitted(cursor, relation, types, how, name) for name in how.columns]
    return {"kind": KIND, "edition": 1, "columns": columns}


def _fitted(cursor: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], how: Scaling,
            name: str) -> dict[str, Any]:
    if not rows.is_number(types[name]):
        raise BadInput(f"'{name}' is no number: the column is {types[name]}.",
                       next="Encode it instead, or leave it out.")
    x = rows.finite(name, types[name])
    plain = f"CAST({quote(name)} AS DOUBLE)"
    total, n, infinite, low, high = cursor.execute(
        f"SELECT count(*), count(x), count(*) FILTER (isinf(p)), min(x), max(x) FROM (SELECT {x} AS x, {plain} AS p "
        f"FROM {relation})").fetchall()[0]
    base: dict[str, Any] = {"column": name, "rows": n, "missing": total - n - infinite, "infinite": infinite}
    if not n:
        return {**base, "method": "none", "reason": "no finite value"}
    values = f"(SELECT {x} AS x FROM {relation} WHERE {x} IS NOT NULL)"
    ranks, step = (0.25, 0.5, 0.75), 1 / (n - 1) if n > 1 else 0.0
    places = [*ranks, *(max(0.0, p - step) for p in ranks), *(min(1.0, p + step) for p in ranks)]
    q = _quantiles(cursor, values, places)
    gaps = tuple(max(q[i] - q[i + 3], q[i + 6] - q[i]) for i in range(3))
    found = _evidence(cursor, values, n, (q[0], q[1], q[2]), (low, high))
    method, reason = rules.chosen(found) if how.method == "auto" else (how.method, "as asked")
    if q[2] <= q[0] and method in ("robust", "none"):
        method, reason = "none", "the interquartile range is 0: left unscaled"
    told = {"far_share": round(found.far_share, 6), "skew": _short(found.skew), "tail": _short(found.tail), "low": low,
            "high": high}
    params = _PARAMETERS[method](cursor, values, n, how, _Seen(q[1], found.iqr, gaps, (low, high)))  # type: ignore[arg-type]
    return {**base, "method": params.pop("method", method), "reason": params.pop("reason", reason), **told, **params}


def _evidence(cursor: duckdb.DuckDBPyConnection, values: str, n: int, quartiles: tuple[float, float, float],
              ends: tuple[float, float]) -> rules.Evidence:
    low, median, high = quartiles
    fence = rules.FAR * (high - low)
    k = int(min(max(10, n ** 0.5), 1000))
    far = cursor.execute(f"SELECT count(*) FROM {values} WHERE x < {low - fence!r} OR x > {high + fence!r}").fetchall()
    furthest = f"SELECT abs(x - {median!r}) AS d FROM {values} ORDER BY d DESC LIMIT {k + 1}"
    distances = cursor.execute(furthest).fetchnumpy()
    return rules.evidence(n, quartiles, int(far[0][0]), np.ma.getdata(distances["d"]).astype(np.float64),
                          max(median - ends[0], ends[1] - median))


@dataclass(frozen=True)
class _Seen:
    median: float
    iqr: float
    gaps: tuple[float, float, float]
    ends: tuple[float, float]


def _quantiles(cursor: duckdb.DuckDBPyConnection, values: str, places: Sequence[float]) -> list[float]:
    """Quantiles of type 7 (Hyndman & Fan 1996), as numpy's default."""
    listed = ", ".join(repr(float(place)) for place in places)
    found = cursor.execute(f"SELECT quantile_cont(x, [{listed}]) FROM {values}").fetchall()[0][0]
    return [float(each) for each in found]


def _none(_cursor: Any, _values: str, _n: int, _how: Scaling, _seen: _Seen) -> dict[str, Any]:
    return {}


def _robust(_cursor: Any, _values: str, _n: int, _how: Scaling, seen: _Seen) -> dict[str, Any]:
    return {"centre": seen.median, "scale": seen.iqr,
            "influence": _spelled(rules.robust_influence(seen.iqr, seen.gaps))}


def _moments(cursor: duckdb.DuckDBPyConnection, values: str, n: int, low: float, high: float) -> tuple[float, float]:
    """Mean and population deviation of values clipped to [low, high], by sums that depend on no order."""
    x = f"least(greatest(x, {low!r}), {high!r})"
    unit = rows.scale_for(max(abs(low), abs(high)))
    mean = float(cursor.execute(f"SELECT {rows.exact(x, unit)} FROM {values}").fetchall()[0][0]) / unit / n
    square = rows.scale_for(max(high - mean, mean - low, 0.0) ** 2 or 1.0)
    squared = rows.exact(f"({x} - {mean!r}) * ({x} - {mean!r})", square)
    total = cursor.execute(f"SELECT {squared} FROM {values}").fetchall()[0][0]
    return mean, math.sqrt(float(total) / square / n)


def _standard(cursor: duckdb.DuckDBPyConnection, values: str, n: int, _how: Scaling, seen: _Seen) -> dict[str, Any]:
    if max(map(abs, seen.ends)) > 1e150:
        return {"method": "none", "reason": "values beyond 1e150 have no variance"}
    mean, deviation = _moments(cursor, values, n, *seen.ends)
    if not deviation > 0:
        return {"method": "none", "reason": "constant: left unscaled"}
    return {"centre": mean, "scale": deviation, "influence": None}


def _winsorised(cursor: duckdb.DuckDBPyConnection, values: str, n: int, how: Scaling, seen: _Seen) -> dict[str, Any]:
    step = 1 / (n - 1) if n > 1 else 0.0
    places = [how.tails, 1 - how.tails]
    around = [*(max(0.0, p - step) for p in places), *(min(1.0, p + step) for p in places)]
    q = _quantiles(cursor, values, [*places, *around])
    mean, deviation = _moments(cursor, values, n, q[0], q[1])
    if not deviation > 0:
        return {"method": "none", "reason": "constant between its tails: left unscaled"}
    gaps = (max(q[0] - q[2], q[4] - q[0]), max(q[1] - q[3], q[5] - q[1]))
    bound = rules.winsor_influence(n, how.tails, (q[0], q[1]), gaps, deviation)
    return {"centre": mean, "scale": deviation, "limits": [q[0], q[1]], "influence": _spelled(bound)}


def _ranked(cursor: duckdb.DuckDBPyConnection, values: str, n: int, how: Scaling, seen: _Seen) -> dict[str, Any]:
    """Distinct quantiles with the first and the last place of each."""
    count = min(how.references, n)
    if not seen.ends[1] > seen.ends[0]:
        return {"method": "none", "reason": "constant: left unscaled"}
    places = np.linspace(0, 1, count)
    q = np.maximum.accumulate(_quantiles(cursor, values, places.tolist()))
    first = np.flatnonzero(np.concatenate([[True], q[1:] != q[:-1]]))
    last = np.append(first[1:] - 1, count - 1)
    return {"values": q[first].tolist(), "first": places[first].tolist(), "last": places[last].tolist(),
            "influence": _spelled(rules.rank_influence(count))}


_PARAMETERS = {"none": _none, "robust": _robust, "standard": _standard, "winsorised": _winsorised, "uniform": _ranked,
               "normal": _ranked}


def _short(value: float | None) -> float | None:
    """Evidence is kept to four digits: a logarithm's last bit is the machine's own."""
    return None if value is None else round(value, 4)


def _spelled(bound: Influence | None) -> dict[str, float] | None:
    return {"base": bound.base, "slope": bound.slope} if bound else None


# -- applying -------------------------------------------------------------------------------------------------------


def names(document: Document) -> dict[str, list[str]]:
    """The column that the parameters make of each column."""
    return {each["column"]: [f"{each['column']}_scaled"] for each in document["columns"]}


def applied(cursor: duckdb.DuckDBPyConnection, relation: str, document: Document, *, keep: bool = True) -> str:
    """SQL of the relation with the scaled columns; null and NaN stay null.

    An infinity is taken for the nearest end where the scale has ends (winsorised, uniform, normal), else it is null.
    """
    types = rows.types_of(cursor, relation)
    rows.need(types, [each["column"] for each in document["columns"]])
    joins, shown = [], []
    for place, each in enumerate(document["columns"]):
        name = names(document)[each["column"]][0]
        if name in types:
            raise BadInput(f"There is a column '{name}' already.", next="Rename it, or leave it out.")
        x = f"CAST(r.{quote(each['column'])} AS DOUBLE)"
        if each["method"] in ("uniform", "normal"):
            joins.append(f"LEFT JOIN {_references(each)} m{place} ON {x} >= m{place}.v AND {x} < m{place}.next")
            rank = (f"CASE WHEN {x} IS NULL OR isnan({x}) THEN NULL WHEN {x} <= {each['values'][0]!r} THEN 0.0 "
                    f"WHEN {x} >= {each['values'][-1]!r} THEN 1.0 WHEN {x} = m{place}.v THEN m{place}.middle "
                    f"ELSE m{place}.last + ({x} - m{place}.v) * m{place}.slope END")
            value = rank if each["method"] == "uniform" else normal_quantile(rank)
        else:
            value = _linear(each, x)
        shown.append(f"{value} AS {quote(name)}")
    gone = ", ".join(quote(each["column"]) for each in document["columns"])
    return f"SELECT r.*{'' if keep else f' EXCLUDE ({gone})'}, {', '.join(shown)} FROM {relation} r {' '.join(joins)}"


def _linear(each: Document, x: str) -> str:
    if each["method"] == "none":
        return f"CASE WHEN isfinite({x}) THEN {x} END"
    if "limits" in each:
        low, high = each["limits"]
        return (f"CASE WHEN NOT isnan({x}) THEN (least(greatest({x}, {low!r}), {high!r}) - {each['centre']!r}) / "
                f"{each['scale']!r} END")
    return f"CASE WHEN isfinite({x}) THEN ({x} - {each['centre']!r}) / {each['scale']!r} END"


def _references(each: Document) -> str:
    """One row for each distinct quantile but the last: where it stands, and the line to the next."""
    v, first, last = each["values"], each["first"], each["last"]
    listed = {"v": v[:-1], "next": v[1:], "middle": [(a + b) / 2 for a, b in zip(first, last, strict=True)][:-1],
              "last": last[:-1], "slope": [(first[i + 1] - last[i]) / (v[i + 1] - v[i]) for i in range(len(v) - 1)]}
    return frozen.table(listed, dict.fromkeys(listed, "DOUBLE"))


_CENTRE = ((3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
            4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
           (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
            3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3))
_NEAR = ((1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
          1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
         (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
          1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9))


def normal_quantile(p: str) -> str:
    """SQL of the standard normal quantile of a place in [0, 1], cut at ±5.2 as scikit-learn does.

    Wichura 1988, Algorithm AS 241 (J. R. Stat. Soc. C 37:477), relative error about 1e-16: a ratio of polynomials in
    (p − ½)² in the middle, in √(−ln min(p, 1 − p)) outside. Its third branch lies beyond the cut.
    """
    r, q = f"(0.180625 - ({p} - 0.5) * ({p} - 0.5))", f"({p} - 0.5)"
    tail = f"(sqrt(-ln(greatest(least({p}, 1 - ({p})), {_TINY!r}))) - 1.6)"
    return (f"CASE WHEN {p} <= {_TINY!r} THEN {-_EDGE!r} WHEN {p} >= 1 - {_TINY!r} THEN {_EDGE!r} "
            f"WHEN abs({q}) <= 0.425 THEN {q} * {_ratio(_CENTRE, r)} ELSE sign({q}) * {_ratio(_NEAR, tail)} END")


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: str) -> str:
    return f"({_horner(polynomials[0], x)} / {_horner(polynomials[1], x)})"


def _horner(coefficients: Sequence[float], x: str) -> str:
    found = f"CAST({coefficients[-1]!r} AS DOUBLE)"
    for each in reversed(coefficients[:-1]):
        found = f"({found} * {x} + CAST({each!r} AS DOUBLE))"
    return found


def inverted(cursor: duckdb.DuckDBPyConnection, relation: str, document: Document) -> str:
    """SQL that gives the columns back from their scaled ones, as `{column}_unscaled`; what was pulled in stays so.

    BadInput for the normal scale, whose inverse needs the normal distribution that SQL does not have.
    """
    types = rows.types_of(cursor, relation)
    rows.need(types, [names(document)[each["column"]][0] for each in document["columns"]])
    joins, shown = [], []
    for place, each in enumerate(document["columns"]):
        z = f"CAST(r.{quote(names(document)[each['column']][0])} AS DOUBLE)"
        if each["method"] == "normal":
            raise BadInput(f"'{each['column']}' is scaled to normal quantiles, which are not turned back.",
                           next="Scale it to uniform ones.")
        value = z if each["method"] == "none" else f"{z} * {each.get('scale')!r} + {each.get('centre')!r}"
        if each["method"] == "uniform":
            joins.append(f"LEFT JOIN {_places(each)} m{place} ON {z} >= m{place}.p AND {z} < m{place}.next")
            value = (f"CASE WHEN {z} <= 0 THEN {each['values'][0]!r} WHEN {z} >= 1 THEN {each['values'][-1]!r} "
                     f"ELSE m{place}.v + ({z} - m{place}.p) * m{place}.slope END")
        shown.append(f"{value} AS {quote(each['column'] + '_unscaled')}")
    return f"SELECT r.*, {', '.join(shown)} FROM {relation} r {' '.join(joins)}"


def _places(each: Document) -> str:
    """The same line the other way: from the first to the last place of a quantile it is level."""
    points = [(p, v) for v, first, last in zip(each["values"], each["first"], each["last"], strict=True)
              for p in dict.fromkeys((first, last))]
    pairs = list(pairwise(points))
    listed = {"p": [a[0] for a, _ in pairs], "next": [b[0] for _, b in pairs], "v": [a[1] for a, _ in pairs],
              "slope": [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs]}
    return frozen.table(listed, dict.fromkeys(listed, "DOUBLE"))


def step(cursor: duckdb.DuckDBPyConnection, relations: Mapping[str, str], params: Mapping[str, Any]) -> Made:
    """A pipeline's step: fitted on the first input, applied to the last; `keep` (true): the columns stay as well."""
    how, keep = declared(params)
    given = list(relations.values())
    document = fit(cursor, given[0], how)
    return Made(applied(cursor, given[-1], document, keep=keep), document)


def declared(params: Mapping[str, Any]) -> tuple[Scaling, bool]:
    """Parameters from a declaration, and whether the columns stay; BadInput names what is not known."""
    given = rows.plain(params)
    keep = bool(given.pop("keep", True))
    return rows.parameters(Scaling, given, KIND), keep
