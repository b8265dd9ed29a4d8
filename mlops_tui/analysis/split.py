"""Train and test rows apart in time: gap, purge by label end, embargo, and an independent audit of overlap."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from mlops_tui.analysis.arrays import Bools, Counts

Times = Counts  # whole numbers of one unit, such as microseconds
Rows = Counts


class Scheme(StrEnum):
    """How test blocks are laid: trained on what lies before them, or on both sides."""

    WALK_FORWARD = "walk-forward"
    K_FOLD = "k-fold"


@dataclass(frozen=True)
class Spans:
    """Of each row (n,) when its features are known and when its label is, in one unit; and its group, if any."""

    start: Times
    end: Times
    group: Counts | None = None


@dataclass(frozen=True)
class Layout:
    """Number of folds, and distances in the unit of the times; `rolling` trains on the block before only."""

    folds: int = 5
    scheme: Scheme = Scheme.WALK_FORWARD
    gap: int = 0
    embargo: int = 0
    rolling: bool = False


NONE: Rows = np.array([], dtype=np.int64)


@dataclass(frozen=True)
class Fold:
    """Row numbers from 0 by role; rows in no role are not used by this fold (its future)."""

    number: int
    train: Rows
    test: Rows
    purged: Rows
    embargoed: Rows
    validation: Rows = field(default_factory=lambda: NONE)


def time_folds(spans: Spans, layout: Layout) -> tuple[Fold, ...]:
    """Folds whose training rows know nothing of their test rows (López de Prado 2018, Advances in Financial ML, §7.4).

    Test blocks hold equal numbers of rows in order of `start`; rows of the same start stay together. A training row
    before the block is kept iff its end < the block's first start and its start + gap < that start; after the block
    (k-fold) iff its start > the block's last end, else it is purged, and start > last end + embargo, else embargoed.
    Rows of a group that is in the test block are purged. Any order of rows. ValueError: end before start, negative
    distances, an embargo in walk-forward, too few distinct times, a fold without training rows.
    """
    _check(spans, layout)
    walk = layout.scheme is Scheme.WALK_FORWARD
    borders = _borders(spans.start, layout.folds + walk)
    return tuple(_fold(spans, layout, number, borders) for number in range(1, layout.folds + 1))


def shuffled_folds(rows: int, folds: int, seed: int = 0, group: Counts | None = None) -> tuple[Fold, ...]:
    """Folds of rows in random order, for rows that no time orders; a group is whole in one of them.

    Without groups the test rows are those of scikit-learn's `KFold(folds, shuffle=True, random_state=seed)`. ValueError
    for fewer than two folds, or fewer rows or groups than folds.
    """
    named, member = np.unique(group, return_inverse=True) if group is not None else (np.arange(rows), np.arange(rows))
    if not 2 <= folds <= named.size:
        raise ValueError(f"{folds} folds need at least two, and no more than the {named.size} "
                         f"{'rows' if group is None else 'groups'}")
    order = np.random.RandomState(seed).permutation(named.size)
    sizes = np.full(folds, named.size // folds)
    sizes[:named.size % folds] += 1
    made = []
    for number, part in enumerate(np.split(order, np.cumsum(sizes)[:-1]), start=1):
        test = np.isin(member, part)
        made.append(Fold(number, np.flatnonzero(~test), np.flatnonzero(test), NONE, NONE))
    return tuple(made)


def holdout(spans: Spans, test_span: int, gap: int = 0, validation_span: int = 0) -> Fold:
    """One split: the last `test_span` of time is the test, what lies before it (purged, with gap) is the training.

    With `validation_span` that much time before the test is the validation, purged of what knows of the test; training
    is then what lies before, purged of what knows of either. Test rows start after the last start − test_span,
    validation rows at the first test start − validation_span or later. ValueError as `time_folds`.
    """
    layout = Layout(folds=1, gap=gap)
    _check(spans, layout)
    if test_span <= 0 or validation_span < 0:
        raise ValueError(f"the test span must be positive, not {test_span}" if test_span <= 0 else
                         f"the validation span is not negative: {validation_span}")
    test = spans.start > spans.start.max() - test_span
    if not validation_span:
        return _roles(spans, layout, 1, test, ~test)
    later = spans.start >= spans.start[test].min() - validation_span
    try:
        within = _roles(spans, layout, 1, test, later & ~test)
    except ValueError as problem:
        raise ValueError("no validation rows are left: a longer validation or a shorter gap is needed") from problem
    before = _roles(spans, layout, 1, later, ~later)
    purged = np.sort(np.concatenate([before.purged, within.purged]))
    return Fold(1, before.train, within.test, purged, NONE, within.train)


def overlap_count(spans: Spans, fold: Fold) -> int:
    """Training rows that meet a test or validation row, and validation rows that meet a test row; 0 is right.

    Two rows meet where their [start, end] do, or where they are of one group. Knows nothing of how the fold was made:
    sorts the later rows and compares each row with the latest end among those that start no later than it ends.
    O(n log n).
    """
    return (_meeting(spans, fold.train, np.concatenate([fold.test, fold.validation]))
            + _meeting(spans, fold.validation, fold.test))


def _meeting(spans: Spans, rows: Rows, others: Rows) -> int:
    """How many of the rows meet any of the others."""
    if rows.size == 0 or others.size == 0:
        return 0
    order = np.argsort(spans.start[others], kind="stable")
    starts, latest = spans.start[others][order], np.maximum.accumulate(spans.end[others][order])
    begun = np.searchsorted(starts, spans.end[rows], side="right")  # others begun by the end of the row
    meets = (begun > 0) & (latest[np.maximum(begun - 1, 0)] >= spans.start[rows])
    if spans.group is not None:
        meets |= np.isin(spans.group[rows], spans.group[others])
    return int(meets.sum())


def shared_groups(spans: Spans, fold: Fold) -> int:
    """Groups with rows on two sides of the fold; 0 is right, and where there are no groups."""
    if spans.group is None:
        return 0
    sides = [np.unique(spans.group[side]) for side in (fold.train, fold.validation, fold.test)]
    return int((np.unique(np.concatenate(sides), return_counts=True)[1] > 1).sum())


def _check(spans: Spans, layout: Layout) -> None:
    if spans.start.size != spans.end.size or spans.start.size == 0:
        raise ValueError(f"{spans.start.size} starts and {spans.end.size} ends")
    wrong = spans.end < spans.start
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(f"{int(wrong.sum())} rows end before they start, the first is row {first}")
    if layout.folds < 1 or layout.gap < 0 or layout.embargo < 0:
        raise ValueError("needs at least one fold, and a gap and an embargo that are not negative")
    if layout.scheme is Scheme.K_FOLD and layout.folds < 2:
        raise ValueError("k-fold needs at least two folds")
    if layout.embargo and layout.scheme is Scheme.WALK_FORWARD:
        raise ValueError("an embargo holds back training rows after a test block, and walk-forward trains on none")


def _borders(start: Times, blocks: int) -> Times:
    """The first start of each block: cut by row count, moved down to the first row of equal start."""
    ordered = np.sort(start)
    borders = np.unique(ordered[(np.arange(blocks) * ordered.size) // blocks])
    if borders.size < blocks:
        raise ValueError(f"{blocks} blocks need more distinct times than {np.unique(ordered).size}, or fewer ties")
    return borders


def _fold(spans: Spans, layout: Layout, number: int, borders: Times) -> Fold:
    walk = layout.scheme is Scheme.WALK_FORWARD
    block = number if walk else number - 1
    test = spans.start >= borders[block]
    if block + 1 < borders.size:
        test &= spans.start < borders[block + 1]
    candidates = ~test & (spans.start < borders[block]) if walk else ~test
    if walk and layout.rolling:
        candidates &= spans.start >= borders[block - 1]
    return _roles(spans, layout, number, test, candidates)


def _roles(spans: Spans, layout: Layout, number: int, test: Bools, candidates: Bools) -> Fold:
    if not test.any():
        raise ValueError(f"fold {number} has no test rows")
    first, last = spans.start[test].min(), spans.end[test].max()
    before = spans.start < first
    near = np.where(before, (spans.end >= first) | (spans.start + layout.gap >= first), spans.start <= last)
    if spans.group is not None:
        near |= np.isin(spans.group, spans.group[test])
    held_back = ~before & ~near & (spans.start <= last + layout.embargo)
    train = candidates & ~near & ~held_back
    if not train.any():
        raise ValueError(f"fold {number} has no training rows left: fewer folds, a shorter gap or more rows are needed")
    return Fold(number, *(np.flatnonzero(role) for role in (train, test, candidates & near, candidates & held_back)))


def roles(fold: Fold) -> Iterator[tuple[str, Rows]]:
    """The fold's rows by the name of their role."""
    yield from (("train", fold.train), ("test", fold.test), ("purged", fold.purged), ("embargoed", fold.embargoed))
    if fold.validation.size:
        yield "validation", fold.validation
