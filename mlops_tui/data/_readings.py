"""What people and schedules have read of a dataset, and what a way of partitioning would have spared them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from mlops_tui.declarations.declare import duration
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.project import Project
from mlops_tui.tracing import pointintime
from store.facts import Command, Run

if TYPE_CHECKING:
    from store.ledger import Entry

FILE_COST = 100_000  # bytes whose reading takes as long as opening one more file
SMALL, MANY, SKEWED = 1_000_000, 10_000, 10.0  # bytes of a file, values of a key, largest over median
WINDOWED = ("drift", "performance", "calibration", "bias", "remedy")


@dataclass(frozen=True)
class Reading:
    """Rows of a dataset that something needs: those of so many days, or of one value of a column; all otherwise."""

    who: str
    days: float | None = None
    columns: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        if self.days is not None:
            return f"{self.days:g} day{'' if self.days == 1 else 's'}"
        return f"one {' and one '.join(self.columns)}" if self.columns else "all of it"


@dataclass(frozen=True)
class Layout:
    """A way of partitioning, and the rows of each partition it makes; `values` is how many each key has."""

    keys: tuple[str, ...]
    rows: tuple[int, ...]
    values: Mapping[str, int]


@dataclass(frozen=True)
class Cost:
    """What a layout costs: bytes of a file, how unequal they are, what share of a reading is spared, bytes in all."""

    files: int
    median_bytes: float
    skew: float
    pruned: float
    read_bytes: float
    rewritten_bytes: float

    @property
    def total(self) -> float:
        return self.read_bytes + self.rewritten_bytes

    @property
    def warnings(self) -> tuple[str, ...]:
        found = []
        if self.files > 1 and self.median_bytes < SMALL:
            found.append("small files")
        if self.skew > SKEWED:
            found.append(f"skew: the largest is {self.skew:.0f} times the median")
        return tuple(found)


def priced(layout: Layout, size: int, days: float, readings: Mapping[Reading, int], commits: int) -> Cost:
    """The arithmetic, for a dataset of `size` bytes over so many days.

    A reading of w days of D reads w/D of the files of a layout by day, one of a value of a column with V values 1/V of
    a layout by that column; whatever is read costs its bytes and FILE_COST for each file. A commit of one day rewrites
    one D-th of a layout by day, and all of any other.
    """
    total, files = sum(layout.rows) or 1, len(layout.rows)
    sizes = sorted(size * rows / total for rows in layout.rows) or [0.0]
    median = (sizes[(len(sizes) - 1) // 2] + sizes[len(sizes) // 2]) / 2
    shares = {reading: _share(layout, reading, days) for reading in readings}
    count = sum(readings.values())
    spared = sum(times * (1 - shares[reading]) for reading, times in readings.items()) / count if count else 0.0
    read = sum(times * shares[reading] * (size + files * FILE_COST) for reading, times in readings.items())
    return Cost(files, median, sizes[-1] / median if median else 1.0, spared, read,
                commits * size * (1 / max(days, 1) if "day" in layout.keys else 1.0))


def _share(layout: Layout, reading: Reading, days: float) -> float:
    share = 1.0
    if reading.days is not None and "day" in layout.keys:
        share *= min(1.0, reading.days / max(days, 1))
    for column in reading.columns:
        if column in layout.keys:
            share /= max(layout.values.get(column, 1), 1)
    return share


# -- what was read ------------------------------------------------------------------------------------------------


def readings(entries: "Sequence[Entry]", project: Project, dataset: str,
             filters: Mapping[str, tuple[str, ...]]) -> Counter[Reading]:
    """How often what was read: commands of the history, and runs of pipelines by what their SQL filters by.

    `filters`: by pipeline step (`daily.clean`) that reads the dataset, the columns its SQL holds against a value.
    """
    found: Counter[Reading] = Counter()
    for entry in entries:
        if isinstance(fact := entry.fact, Command) and fact.phase == "outcome" and not fact.error:
            for reading in _of_command(fact.argv, project, dataset):
                found[reading] += 1
        elif isinstance(fact, Run) and fact.step and fact.status == "done":
            name = f"{entry.subject}.{fact.step}"
            if name in filters:
                found[Reading(f"pipeline {entry.subject}", columns=filters[name])] += 1
    return found


def _of_command(argv: Sequence[str], project: Project, dataset: str) -> Iterator[Reading]:
    """What a command read of the dataset, by itself or as what a model is made from."""
    noun, subject = argv[0], argv[1].partition("@")[0] if len(argv) > 1 else ""
    options = dict(zip(argv[2::2], argv[3::2], strict=False))
    if (noun in WINDOWED and subject in (dataset, _model_of(dataset))) or (noun in WINDOWED and _reads(
            project, subject, dataset) is not None and noun != "drift"):
        yield Reading(noun, days=_window(noun, options, project, subject))
    elif noun == "score" and dataset == f"{subject}.features":
        yield Reading(noun, days=1)
    elif noun in ("windows", "train") and (back := _reads(project, subject, dataset)) is not None:
        span = _span(options)
        yield Reading(noun, days=None if span is None or back == timedelta.max else span + back / timedelta(days=1))
    elif noun == "profile" and subject == dataset:
        yield Reading(noun)


def _model_of(dataset: str) -> str:
    """The model whose features or predictions a dataset has; nothing where it is another one."""
    name, _, part = dataset.rpartition(".")
    return name if part in ("features", "predictions") else ""


def _reads(project: Project, model: str, dataset: str) -> timedelta | None:
    """How far back the features of a model read the dataset (`max`: all of it); None where they do not."""
    if model not in project.models:
        return None
    declared = project.models[model]
    views = [project.features[name] for name in declared.features if name in project.features]
    for reading in pointintime.readings(declared, views, list(project.datasets)):
        if reading.dataset == dataset:
            return reading.back if reading.back is not None else timedelta.max
    return None


def _window(noun: str, options: Mapping[str, str], project: Project, subject: str) -> float:
    """The days that a check looks at, with those of its reference."""
    named = project.monitors.get(options.get("--monitor", ""))
    monitor = named or Monitor(check="drift", subject=subject)
    length = duration(options["--window"]) if "--window" in options else monitor.window
    weeks = monitor.reference.get("same_weekdays", 0 if monitor.reference else 4) if noun == "drift" else 0
    return length / timedelta(days=1) * (1 + int(weeks))


def _span(options: Mapping[str, str]) -> float | None:
    """The days that `--day`, or `--from` and `--to`, name."""
    if "--day" in options:
        return 1.0
    if "--from" in options and "--to" in options:
        try:
            return float((date.fromisoformat(options["--to"][:10]) - date.fromisoformat(options["--from"][:10])).days)
        except ValueError:
            return None
    return None
