"""Train and test rows apart in time, so that no training row knows anything of a test row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import numpy as np

from mlops_tui.analysis.split import (
    Fold,
    Layout,
    Scheme,
    Spans,
    holdout,
    overlap_count,
    roles,
    shared_groups,
    time_folds,
)
from mlops_tui.capability import TargetPath, local_path, measure
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.folds import model_state
from mlops_tui.inputs.tabular import of_file
from mlops_tui.modeling._searching import part
from mlops_tui.modeling._spans import MICROSECOND, Timed, distance, timed
from mlops_tui.modeling._training import OUTCOME, Job, job_of
from mlops_tui.modeling._training import rows as training_rows
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View
from store.columns import write_columns
from store.facts import Trained
from store.lake import Manifest
from store.quoting import quote

FOLDS = 5
STRETCHES = 48  # of time in the picture


@measure(looks="preview")
@click.argument("what")
@click.option("--time", default=None, help="File: column with the time at which a row's features are known.")
@click.option("--label-end", default=None, help="File: column with the time at which a row's label is known.")
@click.option("--gap", default=None, help="File: training rows end this long before a test, such as 12h.")
@click.option("--embargo", default=None, help="File: after a test, training starts this much later; makes it k-fold.")
@click.option("--folds", type=click.IntRange(min=1), default=None, help="Number of test blocks; 5 by default.")
@click.option("--scheme", type=click.Choice([each.value for each in Scheme]), default=None,
              help="File: walk-forward trains on the past only; k-fold on both sides of a test.")
@click.option("--rolling", is_flag=True, help="Walk forward with the block before the test alone, not all the past.")
@click.option("--test", default=None, help="File: one split, whose test is this last span of time, such as 30d.")
@click.option("--validation", default=None, help="File: with --test, the span before it that candidates are chosen on.")
@click.option("--group", default=None, help="File: column whose values are never on both sides.")
@click.option("--preview", is_flag=True, help="Model: only look, at the rows it was trained on last.")
@click.option("--out", type=TargetPath(rows=True), help="File: write each row's role in each fold to this file.")
def split(session: Session, what: str, *, folds: int | None, rolling: bool, out: Path | None, preview: bool,
          **file: str | None) -> View:
    """Split the rows of a FILE in time, or show how those of MODEL are: gap, purge by label end, embargo, groups.

    Into folds, or with --test into training, validation and test. An audit that knows nothing of the splitter counts
    what still overlaps. Of MODEL: what it is trained and tested on, and the folds of `tune` within the training. Where
    times are whole numbers, so are the spans.

    \b
    Example: mlops-tui split flights.parquet --time sched_dep --label-end arrived --gap 12h --folds 4 --out folds.csv
             mlops-tui split flights.parquet --time sched_dep --test 30d --validation 14d --group tailnum
             mlops-tui split flights-delay
    """
    if of_file(what, time=file["time"]):
        return _of_file(local_path(session, what), _Given(folds=folds, rolling=rolling, out=out, **file))
    extra = [name for name, value in {**file, "out": out}.items() if value is not None]
    if extra:
        raise BadInput(f"How the rows of a model are split is declared: --{extra[0].replace('_', '-')} is of files.",
                       next="Leave it out, or name a file with --time.")
    return _of_model(session, what, folds or FOLDS, rolling, preview=preview)


@dataclass(frozen=True)
class _Given:
    """What is said of a file."""

    folds: int | None
    rolling: bool
    out: Path | None
    time: str | None
    label_end: str | None
    gap: str | None
    embargo: str | None
    scheme: str | None
    test: str | None
    validation: str | None
    group: str | None


def _of_file(path: Path, given: _Given) -> View:
    found = timed(path, str(given.time), given.label_end, given.group)
    gap = distance(given.gap or "0s", found.stamps, "--gap")
    try:
        made, scheme = _holdout(found, given, gap) if given.test else _folds(found, given, gap)
    except ValueError as problem:
        raise BadInput(f"{str(problem)[0].upper()}{str(problem)[1:]}.", where=found.where,
                       next="Check the columns, the number of folds and the spans.") from problem
    if given.out is not None:
        write_columns(given.out, _long(made))
    facts: dict[str, Cell] = {"scheme": scheme, "rows": int(found.spans.start.size), "folds": len(made),
                              "times": found.times, "rolling": given.rolling}
    return _view(f"{len(made)} folds, {scheme}" if not given.test else "One split in time",
                 {f"fold {fold.number}" if not given.test else "split": fold for fold in made}, found, facts)


def _holdout(found: Timed, given: _Given, gap: int) -> tuple[tuple[Fold, ...], str]:
    if given.folds or given.embargo or given.scheme or given.rolling:
        raise BadInput("With --test there is one split: no folds, no embargo, no scheme.", where="--test",
                       next="Leave one of them out.")
    spans = [distance(text, found.stamps, option) for option, text in
             (("--test", given.test or ""), ("--validation", given.validation or "0s"))]
    return (holdout(found.spans, spans[0], gap, spans[1]),), "train, validation, test" if spans[1] else "train, test"


def _folds(found: Timed, given: _Given, gap: int) -> tuple[tuple[Fold, ...], str]:
    if given.validation:
        raise BadInput("A validation lies before a test.", where="--validation", next="Give --test too, such as 30d.")
    scheme = Scheme(given.scheme) if given.scheme else Scheme.K_FOLD if given.embargo else Scheme.WALK_FORWARD
    embargo = distance(given.embargo or "0s", found.stamps, "--embargo")
    return time_folds(found.spans, Layout(given.folds or FOLDS, scheme, gap, embargo, given.rolling)), scheme.value


# -- a declared model -----------------------------------------------------------------------------------------------


def _of_model(session: Session, text: str, folds: int, rolling: bool, *, preview: bool) -> View:
    """The rows that `train` would take now, its split, and the folds of `tune` within the training rows."""
    job = job_of(session, text)
    lake, declared = session.data(), job.model.split
    rows, days = _taken(session, job) if preview else (training_rows(session, job).rows, tuple(map(str, job.days)))
    found = lake.connect().execute(
        f"SELECT epoch_us({quote(declared.time)}) AS starts, epoch_us({OUTCOME}) AS ends FROM {lake.scan(rows)} "
        f"ORDER BY {', '.join(map(quote, (declared.time, *job.keys)))}").fetchnumpy()
    spans = Spans(np.asarray(found["starts"]), np.asarray(found["ends"]))
    gap = declared.gap // MICROSECOND
    try:
        outer = holdout(spans, declared.test // MICROSECOND, gap)
        within = time_folds(part(spans, outer.train), Layout(folds, gap=gap, rolling=rolling))
    except ValueError as problem:
        raise BadInput(f"{job.name} cannot be split in time: {problem}.",
                       where=str(session.declared().path_of("model", job.name)),
                       next="Choose a longer window, a shorter `split: test:`, or fewer --folds.") from problem
    named = {"train": outer, **{f"tune {fold.number}": _of_all(fold, outer.train) for fold in within}}
    facts: dict[str, Cell] = {"model": job.name, "rows": int(spans.start.size), "folds": len(within),
                              "gap_hours": declared.gap / timedelta(hours=1), "test_days": declared.test /
                              timedelta(days=1), "from": days[0], "to": days[1], "training": rows.id,
                              "rolling": rolling}
    view = _view(f"{job.name}: {outer.train.size:,} rows to train on, {outer.test.size:,} to test on", named,
                 Timed(spans, True, True, job.name), facts)
    return replace(view, actions=(Action("Train it", ("train", job.name)),
                                  Action("What would tuning cost", ("tune", job.name, "--plan"))))


def _taken(session: Session, job: Job) -> tuple[Manifest, tuple[str, ...]]:
    """The rows that the newest version was made of, and their days; NotFound where there is none."""
    versions = model_state(session.ledger.entries("trained"), job.name).versions
    fact = versions[list(versions)[-1]].fact if versions else None
    if not isinstance(fact, Trained):
        raise NotFound(f"{job.name} was never trained.", next=f"Try: mlops-tui train {job.name}")
    return session.data().manifest(job.dataset, fact.training), fact.window


def _of_all(fold: Fold, rows: np.ndarray) -> Fold:
    """The fold of some rows, by their numbers among all."""
    return Fold(fold.number, *(rows[role] for role in (fold.train, fold.test, fold.purged, fold.embargoed)))


# -- the answer -----------------------------------------------------------------------------------------------------


def _long(made: tuple[Fold, ...]) -> dict[str, np.ndarray]:
    """One line for each row and fold: row from 0, fold from 1, role; in order of fold and row."""
    rows, numbers, named = [], [], []
    for fold in made:
        listed = [(name, part) for name, part in roles(fold) if part.size]
        row = np.concatenate([part for _, part in listed])
        order = np.argsort(row)
        rows.append(row[order])
        named.append(np.repeat([name for name, _ in listed], [part.size for _, part in listed])[order])
        numbers.append(np.full(row.size, fold.number))
    return {"row": np.concatenate(rows), "fold": np.concatenate(numbers), "role": np.concatenate(named)}


def _view(title: str, made: Mapping[str, Fold], found: Timed, facts: Mapping[str, Cell]) -> View:
    rows = [_row(name, fold, found) for name, fold in made.items()]
    leaks = sum(int(str(row["overlap_count"])) for row in rows)
    three = any(fold.validation.size for fold in made.values())
    table = Table.of("folds", rows, Column("name", "fold"), Column("train_rows", "train"),
                     *([Column("validation_rows", "validation")] if three else []), Column("test_rows", "test"),
                     "purged", "embargoed", Column("overlap_count", "overlap"), Column("train_end", "trained to"),
                     Column("test_start", "tested from"), title="Folds")
    said = "no training row overlaps a test row" if not leaks else f"{leaks} training rows overlap test rows"
    return View(f"{title}: {said}", Status.FAIL if leaks else Status.DONE,
                (Facts({**facts, "overlap_count": leaks}), table, _timeline(made, found)))


def _timeline(made: Mapping[str, Fold], found: Timed) -> Series:
    """What most rows of each stretch of time are to each fold: training, held back, validation, test; None unused."""
    start = found.spans.start
    edges = np.linspace(start.min(), start.max(), STRETCHES + 1).astype(np.int64)
    stretch = np.searchsorted(edges[1:-1], start, side="right")
    three = any(fold.validation.size for fold in made.values())
    shades: list[Cell] = []
    for fold in made.values():
        parts = (fold.train, np.concatenate([fold.purged, fold.embargoed]), *([fold.validation] if three else []),
                 fold.test)
        counts = np.stack([np.bincount(stretch[part], minlength=STRETCHES) for part in parts]).T.tolist()
        shades += [row.index(max(row)) + 1 if max(row) else None for row in counts]
    legend = "1 training, 2 held back, 3 validation, 4 test" if three else "1 training, 2 held back, 3 test"
    return Series("timeline", "heat", tuple(_moment(edge, found.stamps) for edge in edges[:-1]), tuple(shades),
                  names=tuple(made), low=(1,), high=(4 if three else 3,), title=f"Timeline: {legend}", x_label="time",
                  y_label="fold")


def _moment(at: np.int64, stamps: bool) -> Cell:
    return datetime.fromtimestamp(0, UTC) + int(at) * MICROSECOND if stamps else int(at)


def _row(name: str, fold: Fold, found: Timed) -> Row:
    spans, stamps = found.spans, found.stamps
    later = {"validation_start": _moment(spans.start[fold.validation].min(), stamps),
             "validation_rows": int(fold.validation.size)} if fold.validation.size else {}
    return {"fold": fold.number, "name": name, "train_rows": int(fold.train.size), **later,
            "test_rows": int(fold.test.size), "purged": int(fold.purged.size), "embargoed": int(fold.embargoed.size),
            "overlap_count": overlap_count(spans, fold), "shared_groups": shared_groups(spans, fold),
            "train_start": _moment(spans.start[fold.train].min(), stamps),
            "train_end": _moment(spans.end[fold.train].max(), stamps),
            "test_start": _moment(spans.start[fold.test].min(), stamps),
            "test_end": _moment(spans.start[fold.test].max(), stamps)}
