"""Train and test rows apart in time, so that no training row knows anything of a test row."""

from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from mlops_tui.analysis.split import Fold, Layout, Scheme, Spans, overlap_count, roles, time_folds
from mlops_tui.capability import LocalPath, TargetPath, measure
from mlops_tui.errors import BadInput
from mlops_tui.modeling._spans import MICROSECOND, distance, timed
from mlops_tui.session import Session
from mlops_tui.view import Cell, Column, Facts, Row, Series, Status, Table, View
from store.columns import write_columns

STRETCHES = 48  # of time in the picture


@measure
@click.argument("file", type=LocalPath())
@click.option("--time", required=True, help="Column with the time at which a row's features are known.")
@click.option("--label-end", default=None, help="Column with the time at which a row's label is known.")
@click.option("--gap", default="0s", show_default=True, help="Training rows end this long before a test, such as 12h.")
@click.option("--embargo", default=None, help="After a test, training starts this much later; makes it k-fold.")
@click.option("--folds", type=click.IntRange(min=1), default=5, show_default=True, help="Number of test blocks.")
@click.option("--scheme", type=click.Choice([each.value for each in Scheme]), default=None,
              help="walk-forward trains on the past only; k-fold on both sides of a test.")
@click.option("--rolling", is_flag=True, help="Walk forward with the block before the test alone, not all the past.")
@click.option("--group", default=None, help="Column whose values are never on both sides.")
@click.option("--out", type=TargetPath(rows=True), help="Write each row's role in each fold to this file.")
def split(session: Session, file: Path, time: str, label_end: str | None, gap: str, embargo: str | None, folds: int,
          scheme: str | None, rolling: bool, group: str | None, out: Path | None) -> View:
    """Split the rows of FILE in time: gap, purge by label end, embargo; an audit counts what still overlaps.

    Where times are whole numbers, so are gap and embargo.

    \b
    Example: mlops-tui split flights.parquet --time sched_dep --label-end arrived --gap 12h --folds 4 --out folds.csv
    """
    found = timed(file, time, label_end, group)
    chosen = Scheme(scheme) if scheme else Scheme.K_FOLD if embargo else Scheme.WALK_FORWARD
    layout = Layout(folds, chosen, distance(gap, found.stamps, "--gap"),
                    distance(embargo or "0s", found.stamps, "--embargo"), rolling)
    try:
        made = time_folds(found.spans, layout)
    except ValueError as problem:
        raise BadInput(f"{str(problem)[0].upper()}{str(problem)[1:]}.", where=found.where,
                       next="Check the columns, --folds, --gap and --embargo.") from problem
    if out is not None:
        write_columns(out, _long(made))
    return _view(made, found.spans, layout, found.stamps)


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


def _view(made: tuple[Fold, ...], spans: Spans, layout: Layout, stamps: bool) -> View:
    rows = [_row(fold, spans, stamps) for fold in made]
    leaks = sum(int(str(row["overlap_count"])) for row in rows)
    facts = Facts({"scheme": layout.scheme.value, "rows": int(spans.start.size), "folds": len(made),
                   "overlap_count": leaks, "rolling": layout.rolling})
    table = Table.of("folds", rows, "fold", Column("train_rows", "train"), Column("test_rows", "test"), "purged",
                     "embargoed", Column("overlap_count", "overlap"), Column("train_end", "trained to"),
                     Column("test_start", "tested from"), title="Folds")
    said = "no training row overlaps a test row" if not leaks else f"{leaks} training rows overlap test rows"
    return View(f"{len(made)} folds, {layout.scheme.value}: {said}", Status.FAIL if leaks else Status.DONE,
                (facts, table, _timeline(made, spans, stamps)))


def _timeline(made: tuple[Fold, ...], spans: Spans, stamps: bool) -> Series:
    """What most rows of each stretch of time are to each fold: 1 training, 2 held back, 3 test; None not used."""
    edges = np.linspace(spans.start.min(), spans.start.max(), STRETCHES + 1).astype(np.int64)
    stretch = np.searchsorted(edges[1:-1], spans.start, side="right")
    shades: list[Cell] = []
    for fold in made:
        parts = (fold.train, np.concatenate([fold.purged, fold.embargoed]), fold.test)
        counts = np.stack([np.bincount(stretch[part], minlength=STRETCHES) for part in parts]).T.tolist()
        shades += [row.index(max(row)) + 1 if max(row) else None for row in counts]
    return Series("timeline", "heat", tuple(_moment(edge, stamps) for edge in edges[:-1]), tuple(shades),
                  names=tuple(f"fold {fold.number}" for fold in made), low=(1,), high=(3,),
                  title="Timeline: 1 training, 2 held back, 3 test", x_label="time", y_label="fold")


def _moment(at: np.int64, stamps: bool) -> Cell:
    return datetime.fromtimestamp(0, UTC) + int(at) * MICROSECOND if stamps else int(at)


def _row(fold: Fold, spans: Spans, stamps: bool) -> Row:
    return {"fold": fold.number, "train_rows": int(fold.train.size), "test_rows": int(fold.test.size),
            "purged": int(fold.purged.size), "embargoed": int(fold.embargoed.size),
            "overlap_count": overlap_count(spans, fold), "train_start": _moment(spans.start[fold.train].min(), stamps),
            "train_end": _moment(spans.end[fold.train].max(), stamps),
            "test_start": _moment(spans.start[fold.test].min(), stamps),
            "test_end": _moment(spans.start[fold.test].max(), stamps)}
