"""Batches held against batches of their kind: size, arrival, missing values, types, and where their values lie."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from mlops_tui.analysis import batches
from mlops_tui.analysis.multiplicity import benjamini_hochberg
from mlops_tui.analysis.sketch import Sketch
from mlops_tui.profiling.profiles import Profile
from mlops_tui.quality.calendars import Calendar, Period
from mlops_tui.view import Status, lasting, worst

PEERS = 8  # earlier batches of its kind that one is held against
RECENT = 56  # batches before it, of whatever kind, that show how far columns swing
EDITION = 2
SHOWN = (Status.FAIL, Status.WARN, Status.UNKNOWN)
KINDS = ("missing", "late", "duplicate", "volume", "schema", "missing values", "cardinality", "drift")
ENOUGH = 14  # recent batches from which on it is known how far columns swing
GROSS = 0.5  # a missing share so much above the usual one is no longer a doubt
SOME = 30  # rows from which on two batches with the same values are no accident


@dataclass(frozen=True)
class Limits:
    """From which robust z on something is odd, and how much missing values and distances must change to matter."""

    z: float = 5.0
    missing: float = 0.1
    distance: float = 0.15
    alpha: float = 0.01


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a batch, or with a column of it."""

    kind: str
    status: Status
    words: str
    column: str = ""

    @property
    def said(self) -> str:
        return f"{self.column}: {self.words}" if self.column else self.words


@dataclass(frozen=True)
class Batch:
    """One expected batch: how many rows came, how many were usual, what is wrong with it, or known of it."""

    period: Period
    rows: int | None
    expected: float | None = None
    z: float | None = None
    problems: tuple[Problem, ...] = ()
    known: str = ""
    unjudged: str = ""
    arrived: datetime | None = None

    @property
    def status(self) -> Status:
        if self.problems:
            return Status.PASS if self.known else worst([each.status for each in self.problems])
        return Status.UNKNOWN if self.unjudged else Status.PASS

    @property
    def reason(self) -> str:
        said = "; ".join(each.said for each in self.problems)
        return self.known or said or self.unjudged


@dataclass(frozen=True)
class Source:
    """How a dataset's batches are read: their rows, what is in them, and a name that changes with what is in them."""

    rows: Callable[[Period], int | None]
    profile: Callable[[Period], Profile | None]
    digest: Callable[[Period], str]
    arrived: Callable[[Period], datetime | None] = lambda period: None
    kept: Callable[[str], bytes | None] = lambda key: None
    keep: Callable[[str, bytes], None] = lambda key, content: None
    known: Callable[[Period], str] = lambda period: ""
    same: Callable[[Period, Period], bool] = lambda one, other: True
    left_out: frozenset[str] = field(default_factory=frozenset)


def judged(calendar: Calendar, periods: Sequence[Period], since: datetime, source: Source,
           limits: Limits) -> list[Batch]:
    """Every period from `since` on, judged by those before it; the earliest have too little to be judged by."""
    found: list[Batch] = []
    twins: dict[str, Period] = {}
    places = {period.start: number for number, period in enumerate(periods)}
    counted = [source.rows(period) for period in periods]
    digests = ["" if rows is None else source.digest(period) for rows, period in zip(counted, periods, strict=True)]
    for number, period in enumerate(periods):
        if period.start < since:
            continue
        rows, known = counted[number], source.known(period)
        if rows is None:
            expected = calendar.expected(period)
            gone = (Problem("missing", Status.FAIL, "missing"),) if expected else ()
            found.append(Batch(period, None, problems=gone, known=known if expected else "no batch is due"))
            continue
        peers = [each for each in _peers(calendar, periods, places, number) if digests[each]]
        size = batches.oddness(rows, [counted[each] or 0 for each in peers], limits.z)
        recent = [each for each in range(max(number - RECENT, 0), number) if digests[each]]
        said = (" ".join(digests[each] for each in held) for held in ([number], peers, recent))
        looked = _columns(period, [[periods[each] for each in held] for held in (peers, recent)], source, limits,
                          " after ".join(said))
        problems = [*_volume(size, limits), *_late(period, source), *looked.problems]
        if looked.mark and (twin := twins.setdefault(looked.mark, period)) is not period and source.same(twin, period):
            problems.append(Problem("duplicate", Status.FAIL, f"the same rows as {named(calendar, twin)}"))
        found.append(Batch(period, rows, size.expected, size.z, tuple(problems), known, size.reason,
                           source.arrived(period)))
    return found


def named(calendar: Calendar, period: Period) -> str:
    """The day of a batch, and its time of day where there may be several."""
    return f"{period.start:%Y-%m-%d %H:%M}" if calendar.by_hour else str(period.day)


def _peers(calendar: Calendar, periods: Sequence[Period], places: Mapping[datetime, int], number: int) -> list[int]:
    """The periods that it is like: the same weekday (and hour) of the weeks before; of longer ones, those before."""
    if calendar.every in ("daily", "weekdays", "hourly"):
        starts = [periods[number].start - timedelta(weeks=back) for back in range(1, PEERS + 1)]
        return [places[start] for start in starts if start in places]
    return list(range(number - 1, max(number - PEERS, 0) - 1, -1))


def _volume(size: batches.Oddness, limits: Limits) -> Iterator[Problem]:
    if size.z is not None and abs(size.z) > limits.z:
        side = "more" if size.z > 0 else "fewer"
        yield Problem("volume", Status.FAIL, f"{side} than usual, {size.low:,.0f} to {size.high:,.0f}")


def _late(period: Period, source: Source) -> Iterator[Problem]:
    at = source.arrived(period)
    if at is not None and period.due is not None and at > period.due:
        yield Problem("late", Status.WARN, f"came {lasting(at - period.due)} late")


# -- columns --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Looked:
    """What is wrong with a batch's columns, and a mark that two batches with the same values share."""

    problems: tuple[Problem, ...]
    mark: str


def _columns(period: Period, before: Sequence[Sequence[Period]], source: Source, limits: Limits,
             digests: str) -> _Looked:
    """Judged once for the same rows, peers, recent batches (all by their digests) and limits."""
    said = f"health {EDITION} {limits} {sorted(source.left_out)} {digests}"
    key = hashlib.sha256(said.encode()).hexdigest()
    box = _box(key)
    if not box:
        held = source.kept(key)
        box.append(_read(held) if held is not None else _looked(period, before, source, limits))
        if held is None:
            source.keep(key, json.dumps({"problems": [[each.kind, each.status.value, each.words, each.column]
                                                      for each in box[0].problems], "mark": box[0].mark}).encode())
    return box[0]


@lru_cache(maxsize=1024)
def _box(key: str) -> list[_Looked]:
    """Where this process keeps what it judged."""
    return []


def _read(held: bytes) -> _Looked:
    document = json.loads(held)
    return _Looked(tuple(Problem(kind, Status(status), words, column)
                         for kind, status, words, column in document["problems"]), document["mark"])


def _looked(period: Period, before: Sequence[Sequence[Period]], source: Source, limits: Limits) -> _Looked:
    profile = source.profile(period)
    if profile is None:
        return _Looked((), "")
    peers, recent = ([each for one in held if (each := source.profile(one)) is not None] for held in before)
    return _Looked(tuple(_problems(profile, Before(peers, recent), source.left_out, limits)),
                   _mark(profile, source.left_out))


def _mark(profile: Profile, left_out: frozenset[str]) -> str:
    """A digest of every column's values but keys, times and what is the same in all rows, such as the batch's day.

    Empty where there is too little to tell batches apart.
    """
    columns = {name: each for name, each in sorted(profile.columns.items())
               if name not in left_out and each.kind != "time" and each.distinct > 1}
    if profile.rows < SOME or len(columns) < 2:
        return ""
    digest = hashlib.sha256(str(profile.rows).encode())
    for name, each in columns.items():
        digest.update(f"{name} {each.missing} {each.other} {sorted(each.levels.items())}".encode())
        digest.update(each.points.tobytes() + each.weights.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Before:
    """What a batch is held against: those of its kind, the newest first, and all recent ones, the newest last."""

    peers: Sequence[Profile]
    recent: Sequence[Profile]

    def of(self, name: str, kind: str) -> tuple[list[Sketch], list[Sketch]]:
        """A column in both, as far as it was of that kind."""
        peers, recent = ([each.columns[name] for each in held if name in each.columns
                          and each.columns[name].kind == kind] for held in (self.peers, self.recent))
        return peers, recent


def _problems(now: Profile, before: Before, left_out: frozenset[str], limits: Limits) -> Iterator[Problem]:
    if not before.recent:
        return
    yield from _schema(now, before.recent[-1])
    moved: list[tuple[str, batches.Apart]] = []
    for name, column in now.columns.items():
        peers, recent = before.of(name, column.kind)
        if len(recent) < ENOUGH:
            continue
        missing = list(_missing(name, column, recent, limits))
        yield from missing
        if name in left_out or column.kind == "time" or missing:
            continue
        yield from _cardinality(name, column, recent, limits)
        if (far := batches.apart(column, peers, recent, limits.distance)) is not None:
            moved.append((name, far))
    yield from _moved(moved, len(now.columns), limits)


def _schema(now: Profile, last: Profile) -> Iterator[Problem]:
    for name in last.types.keys() - now.types.keys():
        yield Problem("schema", Status.FAIL, "the column is gone", name)
    for name in now.types.keys() - last.types.keys():
        yield Problem("schema", Status.WARN, "a new column", name)
    for name in now.types.keys() & last.types.keys():
        if now.types[name] != last.types[name]:
            yield Problem("schema", Status.FAIL, f"{last.types[name]} became {now.types[name]}", name)


def _missing(name: str, now: Sketch, recent: Sequence[Sketch], limits: Limits) -> Iterator[Problem]:
    """A share that is odd, and lies beyond every recent one by as much as matters."""
    found = batches.oddness_of_share(now.missing, now.rows, [(each.missing, each.rows) for each in recent])
    if found.z is None or found.expected is None or now.missing_share is None or abs(found.z) <= limits.z:
        return
    low, high = batches.usually([each.missing_share for each in recent if each.missing_share is not None])
    if not low - limits.missing < now.missing_share < high + limits.missing:
        gross = now.missing_share - high >= GROSS
        yield Problem("missing values", Status.FAIL if gross else Status.WARN,
                      f"missing in {now.missing_share:.0%}, usually in {found.expected:.0%}", name)


def _cardinality(name: str, now: Sketch, recent: Sequence[Sketch], limits: Limits) -> Iterator[Problem]:
    """A category with more or fewer values than it ever had, or numbers that do not change any more."""
    known = [each.distinct for each in recent if each.n]
    names_rows = now.kind == "category" and any(each.distinct > max(each.n // 4, 2) for each in recent)
    if not known or now.n < SOME or names_rows:
        return
    low, high = batches.usually(known)
    stuck = now.distinct == 1 and low >= 3
    usual = sorted(known)[len(known) // 2]
    least = max(1.0, 0.2 * usual)
    odd = now.kind == "category" and not low - least < now.distinct < high + least
    if stuck or odd:
        values = "value" if now.distinct == 1 else "different values"
        yield Problem("cardinality", Status.WARN, f"{now.distinct:,} {values}, usually {usual:,}", name)


def _moved(moved: Sequence[tuple[str, batches.Apart]], tests: int, limits: Limits) -> Iterator[Problem]:
    """Columns that lie farther from the earlier batches than these from each other, significant among all columns."""
    if not moved:
        return
    padded = [far.p for _, far in moved] + [1.0] * (tests - len(moved))
    for (name, far), p in zip(moved, benjamini_hochberg(padded), strict=False):
        if p <= limits.alpha and far.z > limits.z:
            yield Problem("drift", Status.WARN, f"moved by {far.distance:.2f}, usually {far.usual:.2f}", name)


def rates(found: Sequence[Batch]) -> dict[str, int]:
    """How many batches have each kind of problem, those that are known left out."""
    return {kind: sum(any(each.kind == kind for each in batch.problems) for batch in found if not batch.known)
            for kind in KINDS}


def by_week(found: Sequence[Batch]) -> Mapping[date, list[Batch | None]]:
    """The daily batches by the Monday of their week, Monday to Sunday."""
    weeks: dict[date, list[Batch | None]] = {}
    for batch in found:
        monday = batch.period.day - timedelta(days=batch.period.day.weekday())
        weeks.setdefault(monday, [None] * 7)[batch.period.day.weekday()] = batch
    return weeks
