"""Splits in time: worked sets, ties, order, and an audit that knows nothing of the splitter."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, TimeSeriesSplit

from mlops_tui.analysis.split import (
    Fold,
    Layout,
    Scheme,
    Spans,
    holdout,
    overlap_count,
    roles,
    shared_groups,
    shuffled_folds,
    time_folds,
)


def spans(start: list[int], end: list[int] | None = None, group: list[int] | None = None) -> Spans:
    return Spans(np.array(start), np.array(start if end is None else end), None if group is None else np.array(group))


def sets(fold: Fold) -> dict[str, list[int]]:
    return {name: rows.tolist() for name, rows in roles(fold)}


def test_purge_and_gap_worked_by_hand() -> None:
    """Ten rows a tick apart whose labels take two ticks; two folds of walk-forward cut at 3 and 6.

    Test 1 starts at 3: rows 1 (ends 3) and 2 (ends 4) know too much. Test 2 starts at 6: rows 4 and 5 do.
    """
    table = spans(list(range(10)), [t + 2 for t in range(10)])
    first, second = time_folds(table, Layout(folds=2))
    assert sets(first) == {"train": [0], "test": [3, 4, 5], "purged": [1, 2], "embargoed": []}
    assert sets(second) == {"train": [0, 1, 2, 3], "test": [6, 7, 8, 9], "purged": [4, 5], "embargoed": []}
    _, gapped = time_folds(spans(list(range(10))), Layout(folds=2, gap=2))
    assert sets(gapped)["train"] == [0, 1, 2, 3]  # 4 + 2 is not before 6


def test_embargo_worked_by_hand() -> None:
    """Two-fold, labels take one tick, embargo two: the first block is 0–4, known at 5; 5 is purged, 6 and 7 wait."""
    table = spans(list(range(10)), [t + 1 for t in range(10)])
    first, second = time_folds(table, Layout(folds=2, scheme=Scheme.K_FOLD, embargo=2))
    assert sets(first) == {"train": [8, 9], "test": [0, 1, 2, 3, 4], "purged": [5], "embargoed": [6, 7]}
    assert sets(second) == {"train": [0, 1, 2, 3], "test": [5, 6, 7, 8, 9], "purged": [4], "embargoed": []}


def test_a_middle_block_is_trained_on_both_sides() -> None:
    table = spans(list(range(9)), [t + 1 for t in range(9)])
    middle = time_folds(table, Layout(folds=3, scheme=Scheme.K_FOLD, embargo=1))[1]
    assert sets(middle) == {"train": [0, 1, 8], "test": [3, 4, 5], "purged": [2, 6], "embargoed": [7]}


def test_rolling_forgets_the_first_block() -> None:
    fold = time_folds(spans(list(range(12))), Layout(folds=3, rolling=True))[2]
    assert sets(fold)["train"] == [6, 7, 8]


def test_plain_walk_forward_is_scikit_learns() -> None:
    theirs = TimeSeriesSplit(n_splits=4).split(np.zeros((50, 1)))
    for fold, (train, test) in zip(time_folds(spans(list(range(50))), Layout(folds=4)), theirs, strict=True):
        assert fold.train.tolist() == train.tolist()
        assert fold.test.tolist() == test.tolist()


def test_a_gap_of_one_row_is_scikit_learns() -> None:
    theirs = TimeSeriesSplit(n_splits=4, gap=3).split(np.zeros((50, 1)))
    for fold, (train, _) in zip(time_folds(spans(list(range(50))), Layout(folds=4, gap=3)), theirs, strict=True):
        assert fold.train.tolist() == train.tolist()


def test_equal_times_stay_together() -> None:
    fold = time_folds(spans([0, 0, 1, 1, 1, 1, 2, 3]), Layout(folds=1))[0]
    assert sets(fold)["test"] == [2, 3, 4, 5, 6, 7]


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    start = rng.integers(0, 500, 200)
    end = start + rng.integers(0, 20, 200)
    mixed = rng.permutation(200)
    for sorted_fold, mixed_fold in zip(*(time_folds(s, Layout(folds=3)) for s in (
            Spans(start, end), Spans(start[mixed], end[mixed]))), strict=True):
        assert set(mixed[mixed_fold.train]) == set(sorted_fold.train)


def test_a_group_is_on_one_side() -> None:
    table = spans(list(range(8)), group=[0, 1, 2, 0, 3, 4, 0, 5])
    fold = time_folds(table, Layout(folds=1))[0]
    assert sets(fold) == {"train": [1, 2], "test": [4, 5, 6, 7], "purged": [0, 3], "embargoed": []}


def test_the_holdout_is_the_last_stretch_of_time() -> None:
    fold = holdout(spans([10, 20, 30, 40, 50], [14, 24, 41, 44, 54]), test_span=20, gap=15)
    assert sets(fold) == {"train": [0, 1], "test": [3, 4], "purged": [2], "embargoed": []}
    with pytest.raises(ValueError, match="test span must be positive"):
        holdout(spans([1, 2]), 0)


def brute_overlaps(table: Spans, fold: Fold) -> int:
    """Every pair of rows: two closed intervals meet where each starts no later than the other ends."""
    return sum(any(table.start[i] <= table.end[j] and table.start[j] <= table.end[i] for j in fold.test)
               for i in fold.train)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), min_size=6, max_size=60), st.integers(1, 4),
       st.sampled_from(list(Scheme)), st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_no_fold_leaks_and_every_row_has_one_role(
    rows: list[tuple[int, int]], folds: int, scheme: Scheme, gap: int, embargo: int
) -> None:
    table = spans([t for t, _ in rows], [t + delay for t, delay in rows])
    layout = Layout(folds, scheme, gap, embargo if scheme is Scheme.K_FOLD else 0)
    try:
        found = time_folds(table, layout)
    except ValueError:
        assume(False)
        return
    tested: list[int] = []
    for fold in found:
        assert overlap_count(table, fold) == brute_overlaps(table, fold) == 0
        listed = [row for _, part in roles(fold) for row in part.tolist()]
        assert len(listed) == len(set(listed))
        if scheme is Scheme.K_FOLD:
            assert sorted(listed) == list(range(len(rows)))
        tested += fold.test.tolist()
    assert len(tested) == len(set(tested))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), min_size=2, max_size=40), st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_audit_sees_every_leak(rows: list[tuple[int, int]], chance: object) -> None:
    table = spans([t for t, _ in rows], [t + delay for t, delay in rows])
    side = np.array([chance.random() < 0.5 for _ in rows])  # type: ignore[attr-defined]
    fold = Fold(1, np.flatnonzero(side), np.flatnonzero(~side), np.array([]), np.array([]))
    assert overlap_count(table, fold) == brute_overlaps(table, fold)


def test_the_audit_sees_shared_groups() -> None:
    fold = Fold(1, np.array([0, 1]), np.array([2]), np.array([]), np.array([]))
    assert overlap_count(spans([0, 1, 9], group=[7, 8, 7]), fold) == 1


@pytest.mark.parametrize(("table", "layout", "message"), [
    (spans([3, 2], [3, 1]), Layout(folds=1), "1 rows end before they start, the first is row 1"),
    (spans([1, 1, 1, 1]), Layout(folds=2), "more distinct times than 1"),
    (spans([1, 2, 3]), Layout(folds=5), "more distinct times than 3"),
    (spans([1, 2, 3, 4]), Layout(folds=0), "at least one fold"),
    (spans([1, 2, 3, 4]), Layout(gap=-1), "not negative"),
    (spans([1, 2, 3, 4]), Layout(folds=1, embargo=1), "walk-forward trains on none"),
    (spans([1, 2, 3, 4]), Layout(folds=1, scheme=Scheme.K_FOLD), "at least two folds"),
    (spans([1, 2, 3, 4], [9, 9, 9, 9]), Layout(folds=1), "fold 1 has no training rows left"),
    (spans([]), Layout(), "0 starts"),
])
def test_what_cannot_be_split_is_refused(table: Spans, layout: Layout, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        time_folds(table, layout)


def test_training_validation_and_test_worked_by_hand() -> None:
    """Twelve rows a tick apart, labels take two ticks, gap 3; test are the last 3 ticks, validation the 4 before.

    The test starts at 9: of 5 to 8 only row 5 is known (7) and far enough (5 + 3) before it. The validation starts at
    5: of 0 to 4 row 1 is the last for which 1 + 3 < 5.
    """
    fold = holdout(spans(list(range(12)), [t + 2 for t in range(12)]), test_span=3, gap=3, validation_span=4)
    assert sets(fold) == {"train": [0, 1], "validation": [5], "test": [9, 10, 11], "purged": [2, 3, 4, 6, 7, 8],
                          "embargoed": []}


def test_a_group_is_on_one_of_three_sides() -> None:
    table = spans(list(range(9)), group=[0, 1, 2, 0, 1, 3, 0, 4, 5])
    fold = holdout(table, test_span=3, validation_span=3)
    assert sets(fold) == {"train": [2], "validation": [4, 5], "test": [6, 7, 8], "purged": [0, 1, 3], "embargoed": []}
    assert shared_groups(table, fold) == overlap_count(table, fold) == 0


def test_the_audit_counts_what_a_validation_shares_with_the_test() -> None:
    table = spans([0, 1, 2, 3], [0, 2, 3, 3], [7, 8, 9, 7])
    none = np.array([], dtype=np.int64)
    fold = Fold(1, np.array([0, 1]), np.array([3]), none, none, np.array([2]))
    assert overlap_count(table, fold) == 3  # row 0 by its group, row 1 and the validation row 2 by time
    assert shared_groups(table, fold) == 1


def test_equal_times_stay_together_in_every_side() -> None:
    table = spans([0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    fold = holdout(table, test_span=1, validation_span=1)
    assert sets(fold) == {"train": [0, 1, 2, 3, 4], "validation": [5, 6], "test": [7, 8, 9], "purged": [],
                          "embargoed": []}


def test_an_embargo_worked_by_hand_with_groups() -> None:
    """Two-fold of eight rows; the first block is 0–3, known at 4. Row 4 is purged by time, 7 by its group, 5 waits."""
    table = spans(list(range(8)), [t + 1 for t in range(8)], [0, 1, 2, 3, 4, 5, 6, 0])
    first = time_folds(table, Layout(folds=2, scheme=Scheme.K_FOLD, embargo=1))[0]
    assert sets(first) == {"train": [6], "test": [0, 1, 2, 3], "purged": [4, 7], "embargoed": [5]}


def allowed(table: Spans, test: set[int], row: int, gap: int, embargo: int) -> bool:
    """The rule read off all pairs: each test row is after the row's label and gap, or its label and embargo before."""
    def apart(other: int) -> bool:
        start, end = table.start[row], table.end[row]
        before = end < table.start[other] and start + gap < table.start[other]
        after = start > table.end[other] + embargo
        return bool((before or after) and (table.group is None or table.group[row] != table.group[other]))

    return all(apart(other) for other in test)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.integers(0, 12)), min_size=6, max_size=40),
       st.integers(1, 4), st.sampled_from(list(Scheme)), st.integers(0, 4), st.integers(0, 4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_training_rows_are_those_that_all_pairs_allow(
    rows: list[tuple[int, int, int]], folds: int, scheme: Scheme, gap: int, embargo: int, grouped: bool
) -> None:
    table = spans([t for t, *_ in rows], [t + delay for t, delay, _ in rows],
                  [g for *_, g in rows] if grouped else None)
    layout = Layout(folds, scheme, gap, embargo if scheme is Scheme.K_FOLD else 0)
    try:
        found = time_folds(table, layout)
    except ValueError:
        assume(False)
        return
    for fold in found:
        test = set(fold.test.tolist())
        last = max(table.start[row] for row in test)
        usable = [row for row in range(len(rows)) if row not in test
                  and (scheme is Scheme.K_FOLD or table.start[row] <= last)]
        wanted = [row for row in usable if allowed(table, test, row, gap, layout.embargo)]
        if scheme is Scheme.WALK_FORWARD:
            wanted = [row for row in wanted if table.start[row] < min(table.start[other] for other in test)]
        assert fold.train.tolist() == wanted
        assert overlap_count(table, fold) == shared_groups(table, fold) == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.integers(0, 12)), min_size=4, max_size=40),
       st.integers(1, 15), st.integers(1, 15), st.integers(0, 4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_three_sides_never_meet(rows: list[tuple[int, int, int]], test: int, validation: int, gap: int,
                                grouped: bool) -> None:
    table = spans([t for t, *_ in rows], [t + delay for t, delay, _ in rows],
                  [g for *_, g in rows] if grouped else None)
    try:
        fold = holdout(table, test, gap, validation)
    except ValueError:
        assume(False)
        return
    assert overlap_count(table, fold) == shared_groups(table, fold) == 0
    assert sorted(row for _, part in roles(fold) for row in part.tolist()) == list(range(len(rows)))
    first = table.start[fold.test].min()
    within = [row for row in range(len(rows)) if first - validation <= table.start[row] < first]
    assert fold.validation.tolist() == [row for row in within
                                        if allowed(table, set(fold.test.tolist()), row, gap, 0)]


@pytest.mark.parametrize(("rows", "folds", "seed"), [(150, 4, 0), (37, 5, 3), (10, 10, 1)])
def test_shuffled_folds_are_scikit_learns(rows: int, folds: int, seed: int) -> None:
    theirs = KFold(folds, shuffle=True, random_state=seed).split(np.zeros((rows, 1)))
    for fold, (train, test) in zip(shuffled_folds(rows, folds, seed), theirs, strict=True):
        assert (fold.train.tolist(), fold.test.tolist()) == (train.tolist(), test.tolist())


def test_shuffled_folds_keep_groups_whole() -> None:
    group = np.array([5, 5, 7, 8, 7, 9, 5, 3])
    for fold in shuffled_folds(8, 3, 1, group):
        assert not set(group[fold.train]) & set(group[fold.test])
    with pytest.raises(ValueError, match="no more than the 5 groups"):
        shuffled_folds(8, 6, 1, group)


def test_no_rows_are_left_to_validate_on() -> None:
    with pytest.raises(ValueError, match="no validation rows are left"):
        holdout(spans(list(range(6)), [9] * 6), 2, 0, 2)
    with pytest.raises(ValueError, match="not negative"):
        holdout(spans(list(range(6))), 2, 0, -1)
