"""Requests by the hour, endpoint and version: how many, how they ended and how long they took."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import latency
from mlops_tui.analysis.budget import Counted
from mlops_tui.analysis.season import HOUR, Clock, wall_clock
from mlops_tui.errors import BadInput
from mlops_tui.logs.predictionlog import PredictionLog
from mlops_tui.session import Session
from store.lake import FileRef, Manifest
from store.quoting import literal, quote
from store.scan import Scan

Arrays = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
KEPT = 2000      # days whose sums are held in memory: files never change
LONGEST = 24 * 366 * 5  # hours that are looked at
_DAYS: dict[tuple[str, ...], tuple[Arrays, Arrays]] = {}


@dataclass(frozen=True)
class Named:
    """What the columns of some rows are called; empty where there is none."""

    time: str
    latency: str = ""
    status: str = ""
    endpoint: str = ""
    version: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """What these rows do not tell, as a person calls it."""
        told = (("latency_ms", self.latency), ("status", self.status), ("endpoint", self.endpoint))
        return tuple(name for name, column in told if not column)


@dataclass(frozen=True)
class Requests:
    """Requests by hour (h) and series (s), a version of an endpoint.

    `n` all of them, `ours` those that failed by our fault (status 5xx), `theirs` by the caller's (4xx), `unsaid` those
    without a status. `slow` are latencies: hour, series, bucket and count of each (k,). Hours without a request are 0.
    """

    clock: Clock
    series: tuple[tuple[str, str], ...]
    n: Floats
    ours: Floats
    theirs: Floats
    unsaid: Floats
    slow: Arrays
    named: Named
    zone: tzinfo

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(endpoint for endpoint, _ in self.series))

    def by_endpoint(self, values: Floats) -> Floats:
        """The sums (h, e) over the versions of each endpoint."""
        place = [self.endpoints.index(endpoint) for endpoint, _ in self.series]
        found = np.zeros((len(values), len(self.endpoints)))
        np.add.at(found.T, place, values.T)
        return found

    def latencies(self, series: Sequence[int], start: int = 0, end: int | None = None) -> npt.NDArray[np.int64]:
        """Answers by bucket of latency, of those series, from hour `start` up to `end`."""
        until = self.clock.hours if end is None else end
        use = np.isin(self.slow["series"], series) & (self.slow["hour"] >= start) & (self.slow["hour"] < until)
        return np.bincount(self.slow["bucket"][use], weights=self.slow["count"][use],
                           minlength=latency.BUCKETS).astype(np.int64)

    def slower(self, endpoint: int, limit: int) -> tuple[Floats, Floats]:
        """By hour (h,): answers of an endpoint in buckets above `limit`, and all that have a latency."""
        of = [place for place, (name, _) in enumerate(self.series) if name == self.endpoints[endpoint]]
        use = np.isin(self.slow["series"], of)
        hour, count = self.slow["hour"][use], self.slow["count"][use].astype(np.float64)
        above = self.slow["bucket"][use] > limit
        found = [np.zeros(self.clock.hours) for _ in range(2)]
        np.add.at(found[0], hour[above], count[above])
        np.add.at(found[1], hour, count)
        return found[0], found[1]


def logged(session: Session, log: PredictionLog, bounds: tuple[datetime, datetime], name: str,
           endpoint: str = "", version: str = "") -> Requests:
    """The requests of a prediction log in the whole hours of `bounds`; `name` is their endpoint where it has none.

    Sums by day are kept in memory under the digests of their files, so that looks day after day read one day each.
    """
    has = log.columns
    named = Named(log.time, *(column if column in has else "" for column in ("latency_ms", "status", "endpoint",
                                                                             "version")))
    days = log.within(bounds, session).manifest
    lake, parts = session.data(), _by_day(days, named)
    wanted = {key: files for key, files in parts.items() if key not in _DAYS}
    if wanted:
        if len(_DAYS) > KEPT:
            _DAYS.clear()
        missing = Manifest(days.dataset, days.columns, tuple(file for files in wanted.values() for file in files))
        by_day = "day" if all("day" in file.partition for file in days.files) else ""
        found = _counted(lake.connect(), lake.scan(missing), named, by_day)
        for key in wanted:
            _DAYS[key] = _of_day(found, key[2]) if by_day else found
    tables = [_DAYS[key] for key in parts]
    joined = _joined([n for n, _ in tables]), _joined([slow for _, slow in tables])
    return _requests([joined], bounds, session.declared().zone, named, _Wanted(name, endpoint, version))


def _by_day(days: Manifest, named: Named) -> dict[tuple[str, ...], list[FileRef]]:
    """The files of each day under what tells their content, and how it is read; all together where none has a day."""
    read = "|".join(asdict(named).values())
    if not all("day" in file.partition for file in days.files):
        return {(days.dataset, days.id, "", read): list(days.files)}
    found: dict[str, list[FileRef]] = {}
    for file in days.files:
        found.setdefault(file.partition["day"], []).append(file)
    return {(days.dataset, "|".join(sorted(each.digest for each in files)), day, read): files
            for day, files in found.items()}


def of_file(scan: Scan, named: Named, zone: tzinfo) -> Requests:
    """The requests of a file, from its first to its last whole hour; a time without a zone is UTC.

    BadInput for a column that is no time or no number, and where no row has a time.
    """
    kind = scan.field(named.time).type
    if scan.field(named.time).kind != "time" or kind.startswith("TIME ") or kind == "TIME":
        raise BadInput(f"'{named.time}' is {kind}, not a time.", where=scan.where, next="Name a column of times.")
    for column in (named.latency, named.status):
        if column and scan.field(column).kind != "numeric":
            raise BadInput(f"'{column}' is {scan.field(column).type}, not a number.", where=scan.where,
                           next="Name a column of numbers.")
    for column in filter(None, (named.endpoint, named.version)):
        scan.field(column)
    if named.status and (odd := _no_status(scan, named.status)):
        raise BadInput(f"'{named.status}' holds {odd}: it is no column of HTTP statuses.", where=scan.where,
                       next="Name a column of whole numbers up to 599, or leave --status out.")
    found = _counted(scan.cursor(), scan.relation, named, "")
    if not found[0]["hour"].size:
        raise BadInput(f"No row has a '{named.time}'.", where=scan.where, next="Name a column with times.")
    first, last = (datetime.fromtimestamp(int(each) * 3600, UTC) for each in
                   (found[0]["hour"].min(), found[0]["hour"].max()))
    return _requests([found], (first, last + HOUR), zone, named, _Wanted("all"))


def _number(column: str) -> str:
    """SQL of a number, NULL where it is NaN: DuckDB puts that above all others."""
    return f"nullif(CAST({quote(column)} AS DOUBLE), CAST('nan' AS DOUBLE))"


def _no_status(scan: Scan, column: str) -> str:
    """A value of the column that no HTTP status is: above 599, below 0 or not whole; empty where there is none."""
    value = _number(column)
    odd = scan.cursor().execute(f"SELECT {value} FROM {scan.relation} WHERE {value} NOT BETWEEN 0 AND 599 "
                                f"OR {value} <> floor({value}) LIMIT 1").fetchone()
    return f"{odd[0]:g}" if odd is not None else ""


def _counted(connection: Any, relation: str, named: Named, day: str) -> tuple[Arrays, Arrays]:
    """Sums by (day,) hour since 1970, endpoint and version; and the latencies of each by bucket."""
    time = f"CAST({quote(named.time)} AS TIMESTAMP WITH TIME ZONE)"
    text = {name: f"coalesce(CAST({quote(column)} AS VARCHAR), '')" if column else "''"
            for name, column in (("endpoint", named.endpoint), ("version", named.version), ("day", day))}
    by = (f"{text['day']} AS day, CAST(floor(epoch({time}) / 3600) AS BIGINT) AS hour, {text['endpoint']} AS endpoint, "
          f"{text['version']} AS version")
    status = _number(named.status) if named.status else "CAST(NULL AS DOUBLE)"
    sums = (f"SELECT {by}, count(*) AS n, count(*) FILTER ({status} >= 500) AS ours, "
            f"count(*) FILTER ({status} >= 400 AND {status} < 500) AS theirs, count(*) FILTER ({status} IS NULL) "
            f"AS unsaid FROM {relation} WHERE {quote(named.time)} IS NOT NULL GROUP BY ALL")
    counted: Arrays = connection.execute(sums).fetchnumpy()
    if not named.latency:
        return counted, {"day": np.empty(0, dtype=object), "hour": np.empty(0, dtype=np.int64)}
    value = f"CAST({quote(named.latency)} AS DOUBLE)"
    slow = (f"SELECT {by}, {bucket_sql(value)} AS bucket, count(*) AS count FROM {relation} "
            f"WHERE {quote(named.time)} IS NOT NULL AND {value} >= 0 AND isfinite({value}) GROUP BY ALL")
    return counted, connection.execute(slow).fetchnumpy()


def bucket_sql(value: str) -> str:
    """`latency.bucket` of a number of SQL."""
    least, growth = latency.LEAST, latency.GROWTH
    return (f"least(CAST(ceil(ln(greatest({value}, {least!r}) / {least!r}) / ln(CAST({growth!r} AS DOUBLE)) - 1e-9) "
            f"AS BIGINT), {latency.BUCKETS - 1})")


def _joined(tables: Sequence[Arrays]) -> Arrays:
    """Tables of some days as one: those that have rows, since only they have every column."""
    full = [table for table in tables if table["hour"].size] or list(tables[:1])
    return {name: np.concatenate([table[name] for table in full]) for name in full[0]} if full else {
        "hour": np.empty(0, dtype=np.int64)}


def _of_day(found: tuple[Arrays, Arrays], day: str) -> tuple[Arrays, Arrays]:
    return tuple({name: values[table["day"] == day] for name, values in table.items()} for table in found)  # type: ignore[return-value]


@dataclass(frozen=True)
class _Wanted:
    """What rows without an endpoint are called; the endpoint and version that are asked for, or empty for all."""

    name: str
    endpoint: str = ""
    version: str = ""

    def rows(self, table: Arrays) -> npt.NDArray[np.bool_]:
        found = np.ones(table["hour"].size, dtype=bool)
        if self.endpoint:
            found &= np.isin(table["endpoint"], (self.endpoint, ""))
        return found & (table["version"] == self.version) if self.version else found


def _requests(tables: Sequence[tuple[Arrays, Arrays]], bounds: tuple[datetime, datetime], zone: tzinfo, named: Named,
              wanted: _Wanted) -> Requests:
    start = -(-int(bounds[0].timestamp()) // 3600)
    hours = max(int(bounds[1].timestamp()) // 3600 - start, 0)
    if hours > LONGEST:
        raise BadInput(f"That are {hours:,} hours; {LONGEST:,} are looked at.", next="Is the time of every row right?")
    clock = wall_clock(datetime.fromtimestamp(start * 3600, UTC), hours, zone)
    counted = [(table, _in(table, wanted, start, hours)) for table, _ in tables]
    series = sorted({pair for table, use in counted for pair in zip(
        table["endpoint"][use].tolist(), table["version"][use].tolist(), strict=True)})
    place = {pair: number for number, pair in enumerate(series)}
    sums = {name: np.zeros((hours, len(series))) for name in ("n", "ours", "theirs", "unsaid")}
    for table, use in counted:
        of = _places(table, use, place)
        for name, values in sums.items():
            np.add.at(values, (table["hour"][use] - start, of), table[name][use])
    return Requests(clock, tuple((endpoint or wanted.name, version) for endpoint, version in series), **sums,
                    slow=_latencies([slow for _, slow in tables], wanted, start, hours, place), named=named,
                    zone=zone)


def _in(table: Arrays, wanted: _Wanted, start: int, hours: int) -> npt.NDArray[np.bool_]:
    if not table["hour"].size:
        return np.zeros(0, dtype=bool)
    return wanted.rows(table) & (table["hour"] >= start) & (table["hour"] < start + hours)


def _places(table: Arrays, use: npt.NDArray[np.bool_], place: Mapping[tuple[str, str], int]) -> npt.NDArray[np.int64]:
    pairs = zip(table["endpoint"][use].tolist(), table["version"][use].tolist(), strict=True)
    return np.array([place[pair] for pair in pairs], dtype=np.int64)


def _latencies(tables: Iterable[Arrays], wanted: _Wanted, start: int, hours: int,
               place: Mapping[tuple[str, str], int]) -> Arrays:
    parts: dict[str, list[npt.NDArray[np.int64]]] = {name: [] for name in ("hour", "series", "bucket", "count")}
    for table in tables:
        use = _in(table, wanted, start, hours)
        if use.any():
            for name, values in (("hour", table["hour"][use] - start), ("series", _places(table, use, place)),
                                 ("bucket", table["bucket"][use]), ("count", table["count"][use])):
                parts[name].append(np.asarray(values, dtype=np.int64))
    return {name: np.concatenate(each) if each else np.empty(0, dtype=np.int64) for name, each in parts.items()}


# -- for error budgets ----------------------------------------------------------------------------------------------


def over_spans(session: Session, log: PredictionLog, spans: Sequence[timedelta], now: datetime, *, endpoint: str,
               bad: str, counts: str) -> dict[timedelta, Counted]:
    """Requests of an endpoint up to now, to the second: those for which the SQL `counts` holds, and of them `bad`."""
    lake, time = session.data(), quote(log.time)
    within = log.within((now - max(spans), now), session).manifest
    of = f" AND {quote('endpoint')} = {literal(endpoint)}" if endpoint and log.has("endpoint") else ""
    asked = ", ".join(f"count(*) FILTER ({time} >= ? AND ({counts})), count(*) FILTER ({time} >= ? AND ({counts}) AND "
                      f"({bad}))" for _ in spans)
    begins = [now - span for span in spans for _ in range(2)]
    row = lake.connect().execute(f"SELECT {asked} FROM {lake.scan(within)} WHERE {time} < ?{of}",
                                 [*begins, now]).fetchone() or ()
    return {span: Counted(int(row[2 * number + 1]), int(row[2 * number])) for number, span in enumerate(spans)}
