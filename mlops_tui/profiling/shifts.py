"""Two sides compared column by column, and looked into again only where a bound leaves the verdict open."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from mlops_tui.analysis import distance, radix
from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.distance import Bounds, Pair
from mlops_tui.analysis.verdict import (
    DISTANCES,
    Evidence,
    Limits,
    Verdict,
    beyond,
    detectable_ks,
    detectable_v,
    judge,
    rows_needed,
)
from mlops_tui.errors import NotFound, nearest
from store.scan import Batch, Field, Kind, Levels, Scan, added

Change = Literal["", "gone", "new", "retyped", "id"]
Progress = Callable[[int, int, str], None]
COUNTED = "exact counts"
LABELS = 20  # levels of a category that are drawn
FEW = 1 << 16  # rows whose values are cheaper sorted than counted in a table of all cells
IDS = 100  # rows from which on different whole numbers, or texts, in each of them are taken for ids
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
         "UHUGEINT")
PARTS = 3  # of a reference, from which on it is known how far they usually lie apart


class Side(Protocol):
    """One side of a comparison: the rows of a file, or profiles that stand for rows.

    It has one or several parts (weeks). `profiles` are of a numeric column, one for each part, on the grid given where
    the side is free to choose; `levels` are counts of a category's values, of each part and by hash bucket on request.
    `inside` are the values (any order) that lie in some cells, None where the rows cannot be read again.
    """

    @property
    def where(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def fields(self) -> Mapping[str, Field]: ...
    def profiles(self, name: str, grid: radix.Grid | None = None) -> list[radix.Profile]: ...
    def levels(self, name: str, *, bucketed: bool = False) -> list[Levels]: ...
    def nulls(self, name: str) -> int: ...
    def distinct(self, name: str) -> int | None: ...
    def inside(self, name: str, grid: radix.Grid, cells: radix.Codes) -> Floats | None: ...


@dataclass(frozen=True)
class Rows:
    """All rows of a relation, as one part."""

    scan: Scan

    @property
    def where(self) -> str:
        return self.scan.where

    @property
    def rows(self) -> int:
        return self.scan.rows

    @property
    def fields(self) -> Mapping[str, Field]:
        return self.scan.fields

    def profiles(self, name: str, grid: radix.Grid | None = None) -> list[radix.Profile]:
        return [profiled(self.scan, name, grid)]

    def levels(self, name: str, *, bucketed: bool = False) -> list[Levels]:
        return [self.scan.levels(name, bucketed=bucketed)]

    def nulls(self, name: str) -> int:
        return self.scan.nulls(name)

    def distinct(self, name: str) -> int | None:
        return self.scan.distinct(name)

    def inside(self, name: str, grid: radix.Grid, cells: radix.Codes) -> Floats | None:
        return inside(self.scan, name, grid, cells)


def inside(side: Scan, name: str, grid: radix.Grid, cells: radix.Codes) -> Floats:
    """The values of a column that lie in some cells of a grid: the column is read once."""
    def parts() -> Iterator[Floats]:
        for batch in side.numbers(name):
            values = batch.values[~np.isnan(batch.values)]
            yield values[np.isin(grid.ordered(grid.codes(values)), cells)]

    return np.concatenate([np.empty(0), *parts()])


@dataclass(frozen=True)
class Picture:
    """Both samples in the same bins: labels (b,) and shares (b,) of each."""

    labels: tuple[str | float, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]


@dataclass(frozen=True)
class Shift:
    """How one column differs between reference and current, and whether that is drift."""

    column: str
    kind: Kind
    evidence: Evidence
    figures: Mapping[str, float | int | str | None]
    picture: Picture | None = None
    pair: Pair | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict(None, None, "not judged yet"))
    change: Change = ""

    @property
    def judged(self) -> bool:
        """Whether the column can drift at all: time moves on by itself, ids differ, and a column may be gone or new."""
        return self.kind != "time" and not self.change

    @property
    def unit(self) -> str:
        """What the effect is called."""
        return {"ks": "KS", "chi2": "V"}.get(self.evidence.test or "", "")

    @property
    def severity(self) -> float:
        """The effect in units of its limit, for ordering."""
        effect = self.evidence.effect
        return effect.low / self.evidence.limit if effect is not None else 0.0


def compare(reference: Side | Scan, current: Side | Scan, limits: Limits, columns: Sequence[str] = (),
            progress: Progress = lambda done, total, label: None) -> list[Shift]:
    """Every column of either side (or those named) with its verdict; NotFound for a name that neither has.

    Numeric columns are compared by their profiles. Where the verdict depends on where inside its bounds a distance
    lies, the column is read again and only the values of its open cells are kept: that answer is exact.

    Where the reference has at least three parts (weeks), each is compared with the others; the largest of those
    distances is what is usual, and an effect that matters is not smaller. Rows of one day are not independent of each
    other, so that two weeks without any change differ significantly: this is what tells a change from that, though not
    at a level of 5 %. One more week like k others lies beyond the largest by chance in about 1 of k + 1, in each column
    whose limit lies below (simulated: 28, 23 and 12 % for 3, 4 and 8 weeks of days that are alike by 0.6).

    A column whose values are all different on both sides is an id, and is judged only where it is named.
    """
    reference, current = (Rows(side) if isinstance(side, Scan) else side for side in (reference, current))
    names = _chosen(reference, current, columns)
    tests = max(1, sum(_kind(reference, current, name) not in (None, "time") for name in names))
    shifts = []
    for done, name in enumerate(names):
        progress(done, len(names), f"comparing columns: {name}")
        shifts.append(_compared(reference, current, name, tests, limits, named=name in columns))
    progress(len(names), len(names), "comparing columns: done")
    shifts = _judged(shifts, limits)
    final: set[str] = set()
    while wanted := {shift.column for shift in shifts if shift.verdict.open} - final:
        final |= wanted
        shifts = [_refined(reference, current, shift) if shift.column in wanted else shift for shift in shifts]
        shifts = _judged(shifts, limits)
    shifts = [_undecided(shift) if shift.verdict.open else shift for shift in shifts]
    return [replace(shift, verdict=beyond(shift.verdict, _distances(shift), limits)) for shift in shifts]


def _distances(shift: Shift) -> dict[str, Bounds]:
    """The bounds of the other distances that are known of a column."""
    found = {name: (shift.figures.get(f"{name}_low"), shift.figures.get(f"{name}_high")) for name in DISTANCES}
    return {name: Bounds(float(low), float(high)) for name, (low, high) in found.items()
            if low is not None and high is not None}


def _undecided(shift: Shift) -> Shift:
    """Its bounds allow two answers, and the rows that would decide are not there."""
    effect = shift.evidence.effect or Bounds(0, 0)
    reason = f"{shift.unit} between {effect.low:.4f} and {effect.high:.4f}: only the rows of both sides decide"
    return replace(shift, verdict=replace(shift.verdict, drifted=None, reason=reason))


def _chosen(reference: Side, current: Side, columns: Sequence[str]) -> list[str]:
    known = dict.fromkeys([*reference.fields, *current.fields])
    for name in columns:
        if name not in known:
            raise NotFound(f"No column '{name}' on either side.", where=f"{reference.where}, {current.where}",
                           next=nearest(name, known) or f"Columns: {', '.join(list(known)[:12])}.")
    return list(dict.fromkeys(columns)) or list(known)


def _judged(shifts: Sequence[Shift], limits: Limits) -> list[Shift]:
    verdicts = judge([shift.evidence for shift in shifts], limits)
    return [replace(shift, verdict=verdict) for shift, verdict in zip(shifts, verdicts, strict=True)]


def _kind(reference: Side, current: Side, name: str) -> Kind | None:
    """How the column is compared; None where one side lacks it or its types do not go together."""
    sides = [side.fields.get(name) for side in (reference, current)]
    kinds = [side.kind for side in sides if side is not None]
    return kinds[0] if len(kinds) == 2 and kinds[0] == kinds[1] else None


def _compared(reference: Side, current: Side, name: str, tests: int, limits: Limits, *, named: bool) -> Shift:
    kind = _kind(reference, current, name) or _kind_of_the_other(reference, current, name)
    if kind is None:
        return _incomparable(reference, current, name)
    if kind == "time":
        return Shift(name, kind, Evidence(name, reason="time moves on by itself: not compared"), {})
    shift = (_numeric(reference, current, name, tests, limits) if kind == "numeric" else
             _category(reference, current, name, kind, tests, limits))
    if not named and kind != "boolean" and _identifies(reference, current, shift):
        counted = {key: shift.figures[key] for key in ("n_reference", "n_current")}
        evidence = Evidence(name, reason="an id, not judged: no value is there twice")
        return Shift(name, kind, evidence, counted, change="id")
    return shift


def _identifies(reference: Side, current: Side, shift: Shift) -> bool:
    """Whether no value is there twice, on either side: whole numbers or texts only, since most measurements differ."""
    name, figures = shift.column, shift.figures
    sizes = [int(figures.get(key) or 0) for key in ("n_reference", "n_current")]
    if min(sizes) < IDS:
        return False
    if shift.pair is not None:
        whole = all(side.fields[name].type in WHOLE for side in (reference, current))
        maybe = whole and not _repeats(shift.pair)
    else:
        maybe = figures["method"] != COUNTED or int(figures["levels"] or 0) >= max(sizes)
    return maybe and all(side.distinct(name) == size for side, size in zip((reference, current), sizes, strict=True))


def _repeats(pair: Pair) -> bool:
    """Whether a value is seen to be there twice: in a cell that holds no other."""
    return any(bool(((counts > 1) & ~np.isnan(value)).any())
               for counts, value in ((pair.r, pair.r_value), (pair.c, pair.c_value)))


def _kind_of_the_other(reference: Side, current: Side, name: str) -> Kind | None:
    """A column without a single value has whatever type the reader made up; the other side's counts then."""
    fields = [side.fields.get(name) for side in (reference, current)]
    if fields[0] is None or fields[1] is None:
        return None
    empty = [side.nulls(name) == side.rows for side in (reference, current)]
    return fields[1].kind if empty[0] else fields[0].kind if empty[1] else None


def _incomparable(reference: Side, current: Side, name: str) -> Shift:
    before, now = reference.fields.get(name), current.fields.get(name)
    change: Change = "retyped" if before is not None and now is not None else "gone" if now is None else "new"
    if before is not None and now is not None:
        reason = f"{before.kind} ({before.type}) in the reference, {now.kind} ({now.type}) now"
    else:
        reason = "only in the reference" if now is None else "only in the current data"
    kind = (before or now or reference.fields[name]).kind
    return Shift(name, kind, Evidence(name, reason=reason), {}, change=change)


def _numeric(reference: Side, current: Side, name: str, tests: int, limits: Limits) -> Shift:
    parts = reference.profiles(name)
    before = radix.merged(parts)
    now = radix.merged(current.profiles(name, before.grid if before.bound else None))
    before = before if before.bound else before.on(now.grid)
    now = now.on(before.grid)
    missing = (before.missing, before.rows, now.missing, now.rows)
    if not (before.n and now.n):
        return _without_values(name, "numeric", missing, before.n, now.n)
    pair = distance.paired(before, now)
    bins = distance.quantile_bins(pair)
    moved = distance.wasserstein(pair)
    held = distance.shared(pair)
    figures = {**_figures(held.r, held.c), **_bounded(held), "wasserstein_low": moved.low if moved else None,
               "wasserstein_high": moved.high if moved else None, "method": f"{pair.grid.bits}-bit cells"}
    usual, sees = _usual_distance(parts), detectable_ks(pair.n, pair.m, tests, limits)
    limit = max(limits.ks, usual or 0.0)
    evidence = _ks_evidence(Evidence(name, "ks", limit=limit, missing=missing, usual=usual, declared=limits.ks,
                                     detectable=sees, needed=rows_needed(pair.n, pair.m, sees, limit)),
                            distance.ks(pair), pair)
    picture = _picture([float(upto) for upto in bins.upto], bins.r, bins.c)
    return Shift(name, "numeric", evidence, figures | {"n_reference": pair.n, "n_current": pair.m}, picture, pair)


def profiled(side: Scan, name: str, grid: radix.Grid | None = None, *, moments: bool = False) -> radix.Profile:
    """The profile of a numeric column, on the grid given or on one centred on its first values."""
    if side.rows <= FEW and not moments:
        batches = list(side.numbers(name))
        return _profiled_few(batches, grid or (radix.grid_for(batches[0].values) if batches else radix.Grid()))
    tally: radix.Tally | None = None
    for batch in side.numbers(name):
        tally = tally or radix.Tally(grid or radix.grid_for(batch.values), moments=moments)
        tally.add(batch.values, batch.nulls)
    return (tally or radix.Tally(grid or radix.Grid())).profile()


def _profiled_few(batches: Sequence[Batch], grid: radix.Grid) -> radix.Profile:
    values = np.concatenate([np.empty(0), *(batch.values for batch in batches)])
    return radix.of_few(values, grid, sum(batch.nulls for batch in batches))


def _usual_distance(parts: Sequence[radix.Profile]) -> float | None:
    """The largest distance of one part from all others; None where there are too few."""
    there = [part for part in parts if part.n]
    if len(there) < PARTS:
        return None
    rests = [[*there[:at], *there[at + 1:]] for at in range(len(there))]
    pairs = ((radix.merged(rest), part) for rest, part in zip(rests, there, strict=True))
    return max(distance.ks(distance.paired(rest, part.on(rest.grid) if rest.bound else part)).low
               for rest, part in pairs)


def _usual_association(parts: Sequence[Mapping[str, int]]) -> float | None:
    """The largest V of one part against all others; None where there are too few."""
    if len(parts) < PARTS:
        return None
    counts = distance.tabled(parts)[1]
    total = np.sum(counts, axis=0)
    found = [distance.association(*distance.by_frequency(total - part, part)[1:]) for part in counts]
    return max((each.v for each in found if each is not None), default=None)


def _ks_evidence(evidence: Evidence, found: Bounds, pair: Pair) -> Evidence:
    p_values = Bounds(*(distance.ks_p_value(edge, pair.n, pair.m) for edge in (found.high, found.low)))
    return replace(evidence, statistic=found, effect=found, p_value=p_values)


def _refined(reference: Side, current: Side, shift: Shift) -> Shift:
    """The exact distance: one more reading, of which only the values in open cells are kept."""
    if shift.pair is None:
        raise RuntimeError(f"the bounds of '{shift.column}' are open, but there is nothing to look into")
    pair, name = shift.pair, shift.column
    cells = distance.open_cells(pair)
    sides = [side.inside(name, pair.grid, pair.cells[cells]) for side in (reference, current)]
    if sides[0] is None or sides[1] is None:
        return shift
    exact = distance.ks_refined(pair, cells, sides[0], sides[1])
    return replace(shift, evidence=_ks_evidence(shift.evidence, exact, pair),
                   figures={**shift.figures, "method": "exact in open cells"})


def _category(reference: Side, current: Side, name: str, kind: Kind, tests: int, limits: Limits) -> Shift:
    parts, rest = reference.levels(name), current.levels(name)
    if parts[0].bucketed != rest[0].bucketed:
        parts, rest = reference.levels(name, bucketed=True), current.levels(name, bucketed=True)
    before, now = _counted(parts), _counted(rest)
    labels, r, c = distance.aligned(before.counts, now.counts)
    n, m = int(r.sum()), int(c.sum())
    missing = (before.nulls, before.nulls + n, now.nulls, now.nulls + m)
    if not (n and m):
        return _without_values(name, kind, missing, n, m)
    exact = _figures(r, c)
    both = {f"{name}_{end}": value for name, value in exact.items() for end in ("low", "high")}
    figures = {**exact, **both, "n_reference": n, "n_current": m, "levels": len(labels),
               "method": f"{len(labels)} hash buckets" if before.bucketed else COUNTED}
    picture = _picture(labels[:LABELS], r, c)
    found = distance.association(r, c)
    if found is None:
        return Shift(name, kind, _untested(name, missing, r, c), figures, picture)
    effect, p_value = Bounds(found.v, found.v), Bounds(found.p_value, found.p_value)
    usual = _usual_association([part.counts for part in parts if part.counts]) if not before.bucketed else None
    sees, limit = detectable_v(n, m, found.df, tests, limits), max(limits.v, usual or 0.0)
    evidence = Evidence(name, "chi2", Bounds(found.chi2, found.chi2), p_value, effect, sees, limit, missing,
                        usual=usual, declared=limits.v, needed=rows_needed(n, m, sees, limit))
    return Shift(name, kind, evidence, figures | {"df": found.df, "pooled": found.pooled}, picture)


def _counted(parts: Sequence[Levels]) -> Levels:
    """All parts of a side together."""
    if len(parts) == 1:
        return parts[0]
    return Levels(added(part.counts for part in parts), sum(part.nulls for part in parts), parts[0].bucketed)


def _untested(name: str, missing: tuple[int, int, int, int], r: Counts, c: Counts) -> Evidence:
    """One level on both sides is no change; levels too rare to be counted are no evidence."""
    if r.size == 1:
        return Evidence(name, missing=missing, reason="the same single value on both sides", same=True)
    return Evidence(name, missing=missing, reason=f"not enough data: none of {r.size} values occurs often enough")


def _without_values(name: str, kind: Kind, missing: tuple[int, int, int, int], n: int, m: int) -> Shift:
    where = "on either side" if not n and not m else "in the reference" if not n else "in the current data"
    evidence = Evidence(name, missing=missing, reason=f"no values {where}", same=not n and not m)
    return Shift(name, kind, evidence, {"n_reference": n, "n_current": m})


def _figures(r: Counts, c: Counts) -> dict[str, float | int | str | None]:
    return {"psi": distance.psi(r, c), "hellinger": distance.hellinger(r, c),
            "jensen_shannon": distance.jensen_shannon(r, c)}


def _bounded(held: distance.Shared) -> dict[str, float]:
    """Between what the distances provably lie: by the quantiles of the reference, wherever they are in their cells."""
    found = {"psi": distance.psi_within(held), "hellinger": distance.hellinger_within(held),
             "jensen_shannon": distance.jensen_shannon_within(held)}
    return {f"{name}_{end}": getattr(each, end) for name, each in found.items() for end in ("low", "high")}


def _picture(labels: Sequence[str | float], r: Counts, c: Counts) -> Picture:
    """Shares in each bin; what lies beyond the labels given is added to the last of them, named so."""
    shares = [tuple((side / side.sum()).tolist()) for side in (r, c)]
    if len(labels) < r.size:
        shares = [(*side[:len(labels)], sum(side[len(labels):])) for side in shares]
        labels = [*labels, f"{r.size - len(labels)} more"]
    return Picture(tuple(labels), shares[0], shares[1])
