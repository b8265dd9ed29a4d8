"""Private answers: which noise each measure gets, what each part of it spends, how far it may be off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import duckdb

from mlops_tui.analysis.privacy import Range, mean_interval, quantile_scores, rank_error, score_sensitivity
from mlops_tui.data._bounded import Bounded, Key, Sums, key_of, sums, text_of
from mlops_tui.view import Row

NOTHING = Sums()


@dataclass(frozen=True)
class Question:
    """What is asked privately, with everything that its answer depends on but the rows.

    `kept` says what is counted; `keys` are those that everybody knows, None where they are found with a threshold.
    """

    measure: str
    kept: Bounded
    keys: tuple[Key, ...] | None
    epsilon: float
    delta: float
    at: Fraction = Fraction(1, 2)

    @property
    def shares(self) -> dict[str, float]:
        """How ε is split: a half for finding the keys where nobody knows them; of a mean a half each for its parts."""
        own = self.epsilon if self.keys is not None or self.measure == "count" else self.epsilon / 2
        parts = {"keys": self.epsilon if self.measure == "count" else self.epsilon / 2} if self.keys is None else {}
        if self.measure == "mean":
            return {**parts, "sum": own / 2, "count": own / 2}
        return {**parts, self.measure: own} if self.keys is not None or self.measure != "count" else parts


@dataclass(frozen=True)
class Answer:
    """The noisy values, and what is known of the noise: it does not depend on any row."""

    rows: tuple[Row, ...]
    scales: Mapping[str, float]
    sensitivity: Mapping[str, int]
    threshold: int | None = None


def answered(noise: Any, cursor: duckdb.DuckDBPyConnection, relation: str, question: Question) -> Answer:
    """Draw the noise: once, after its ε was spent. `noise` is mlops_tui.privacy.noise."""
    exact = sums(cursor, relation, question.kept)
    if question.keys is not None:
        return _values(noise, question, exact, question.keys, {}, None)
    counts: dict[Key, int] = {}
    for key, found in exact.items():
        own = key[:len(question.kept.by)]
        counts[own] = counts.get(own, 0) + found.rows
    limit, scale = question.kept.contributions, question.kept.contributions / question.shares["keys"]
    threshold = noise.threshold_for(limit, scale, question.delta)
    told = noise.thresholded({text_of(key): rows for key, rows in counts.items()}, scale, threshold)
    keys = sorted((key_of(text) for text in told), key=lambda key: [(each is None, each or "") for each in key])
    if question.measure == "count":
        off = noise.within(scale)
        rows = [_row(question, key, told[text_of(key)], off) for key in keys]
        return Answer(tuple(rows), {"keys": scale}, {"keys": limit}, threshold)
    return _values(noise, question, exact, keys, {"keys": scale}, threshold)


def _values(noise: Any, question: Question, exact: Mapping[Key, Sums], keys: Sequence[Key], scales: dict[str, float],
            threshold: int | None) -> Answer:
    """The values of these keys, all of them, whether or not they have rows."""
    weights = sensitivities(question)
    scales = {**scales, **{name: (2 if name == "quantile" else 1) * weight / question.shares[name]
                           for name, weight in weights.items()}}
    made = {"count": _counts, "histogram": _histogram, "sum": _totals, "mean": _means, "quantile": _quantiles}
    rows = made[question.measure](noise, question, exact, keys, scales)
    return Answer(tuple(rows), scales, weights, threshold)


def sensitivities(question: Question) -> dict[str, int]:
    """By how much the exact numbers of two neighbours, with and without one person's rows, differ at most: over all
    keys together (L1); of a quantile's scores the largest (L∞)."""
    limit, edges = question.kept.contributions, question.kept.range
    if question.measure in ("count", "histogram"):
        return {question.measure: limit}
    assert edges is not None
    if question.measure == "sum":
        return {"sum": limit * edges.reach}
    if question.measure == "mean":
        return {"sum": limit * edges.spread, "count": limit}
    return {"quantile": score_sensitivity(question.at, limit)}


def _row(question: Question, key: Key, value: float | None, off: float | None, **more: Any) -> Row:
    named = dict(zip(question.kept.by, key, strict=False))
    low, high = (None, None) if value is None or off is None else (value - off, value + off)
    return {**named, "value": value, "low": low, "high": high, **more}


def _counts(noise: Any, question: Question, exact: Mapping[Key, Sums], keys: Sequence[Key],
            scales: Mapping[str, float]) -> list[Row]:
    noisy = noise.laplace([exact.get(key, NOTHING).rows for key in keys], scales["count"])
    off = noise.within(scales["count"])
    return [_row(question, key, value, off) for key, value in zip(keys, noisy, strict=True)]


def _histogram(noise: Any, question: Question, exact: Mapping[Key, Sums], keys: Sequence[Key],
               scales: Mapping[str, float]) -> list[Row]:
    edges, cells = question.kept.range, question.kept.cells
    assert edges is not None
    places = [(key, cell) for key in keys for cell in range(cells)]
    noisy = noise.laplace([exact.get((*key, str(cell)), NOTHING).rows for key, cell in places], scales["histogram"])
    off, at = noise.within(scales["histogram"]), _edges(edges, cells)
    return [_row(question, key, value, off, start=at[cell], end=at[cell + 1])
            for (key, cell), value in zip(places, noisy, strict=True)]


def _edges(edges: Range, cells: int) -> list[float]:
    """Where the cells begin and end, in the column's unit."""
    return [(edges.low + (edges.high - edges.low) * place / cells) / edges.scale for place in range(cells + 1)]


def _totals(noise: Any, question: Question, exact: Mapping[Key, Sums], keys: Sequence[Key],
            scales: Mapping[str, float]) -> list[Row]:
    assert question.kept.range is not None
    unit = question.kept.range.scale
    noisy = noise.laplace([exact.get(key, NOTHING).total for key in keys], scales["sum"])
    off = noise.within(scales["sum"]) / unit
    return [_row(question, key, value / unit, off) for key, value in zip(keys, noisy, strict=True)]


def _means(noise: Any, question: Question, exact: Mapping[Key, Sums], keys: Sequence[Key],
           scales: Mapping[str, float]) -> list[Row]:
    """Centre + noisy sum of what lies beside the centre / noisy count, within the bounds; the interval holds where both
    parts are within theirs, so each part's is of 97.5 %."""
    edges = question.kept.range
    assert edges is not None
    totals = noise.laplace([exact.get(key, NOTHING).centred for key in keys], scales["sum"])
    counts = noise.laplace([exact.get(key, NOTHING).rows for key in keys], scales["count"])
    off = [noise.within(scales[name], 0.025) for name in ("sum", "count")]
    rows: list[Row] = []
    for key, total, count in zip(keys, totals, counts, strict=True):
        low, high = mean_interval(total, count, *off)
        value, *ends = (_of_centre(each, edges) for each in (total / count if count >= 1 else None, low, high))
        why = "" if value is not None else "with its noise the count is below 1"
        why = why or ("" if low is not None else "the count may be nothing, as far as its noise tells")
        rows.append({**_row(question, key, value, None, rows=count), "low": ends[0], "high": ends[1], "reason": why})
    return rows


def _of_centre(value: float | None, edges: Range) -> float | None:
    """A distance from the centre as a value within the bounds, in the column's unit."""
    if value is None:
        return None
    return min(max(edges.centre + value, edges.low), edges.high) / edges.scale


def _quantiles(noise: Any, question: Question, exact: Mapping[Key, Sums], keys: Sequence[Key],
               scales: Mapping[str, float]) -> list[Row]:
    edges, cells = question.kept.range, question.kept.cells
    assert edges is not None
    at, off = _edges(edges, cells), rank_error(scales["quantile"], cells + 1, question.at)
    rows = []
    for key in keys:
        counts = [exact.get((*key, str(cell)), NOTHING).rows for cell in range(cells)]
        place = noise.least(quantile_scores(counts, question.at), scales["quantile"])
        rows.append(_row(question, key, at[place], None, rank_off=off,
                         reason=f"its rank is off by {off:,.0f} rows at most, in 95 % of draws"))
    return rows


def combinations(known: Mapping[str, Sequence[str]], by: Sequence[str]) -> tuple[Key, ...]:
    """All keys that the known values make."""
    return tuple(product(*(known[name] for name in by)))
