"""Collisions against simulation, and what an id looks like."""

import numpy as np
import pytest

from mlops_tui.analysis.levels import Shape, birthday, dimensions, embedding_bytes, id_like


@pytest.mark.parametrize(("levels", "buckets"), [(50, 365), (500, 100), (1000, 10_000)])
def test_expected_collisions_are_what_comes_about(levels: int, buckets: int) -> None:
    """400 draws: their means lie within 4 standard errors, and their spread within a fifth of the stated one."""
    draw, seen = np.random.default_rng(1), []
    for _ in range(400):
        counts = np.bincount(draw.integers(0, buckets, levels), minlength=buckets)
        seen.append(((counts > 0).sum(), (counts * (counts - 1) // 2).sum(), counts[counts > 1].sum()))
    occupied, pairs, sharing = np.array(seen).T
    found = birthday(levels, buckets)
    assert occupied.mean() == pytest.approx(found.occupied, abs=4 * found.occupied_sd / 20)
    assert pairs.mean() == pytest.approx(found.pairs, abs=4 * found.pairs_sd / 20)
    assert sharing.mean() == pytest.approx(found.sharing, abs=4 * sharing.std() / 20)
    assert pairs.std() == pytest.approx(found.pairs_sd, rel=0.2)
    assert occupied.std() == pytest.approx(found.occupied_sd, rel=0.2)


def test_many_buckets_keep_their_digits() -> None:
    found = birthday(1000, 1 << 31)
    assert found.occupied == pytest.approx(1000 - found.pairs, rel=1e-9)
    assert found.occupied_sd <= found.pairs_sd


def test_impossible_collisions_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be hashed"):
        birthday(3, 0)
    with pytest.raises(ValueError, match="no size"):
        dimensions(0)


def test_an_embedding_is_as_wide_as_the_rule_says() -> None:
    assert dimensions(4044) == 50
    assert dimensions(105) == round(1.6 * 105 ** 0.56)
    assert embedding_bytes(105, 22) == 105 * 22 * 4


@pytest.mark.parametrize(("shape", "is_id"), [
    (Shape(1000, 1000, True, 0, 0, True, False), True), (Shape(1000, 1000, False, 0, 0, False, True), True),
    (Shape(1000, 300, False, 1.0, 0, False, True), True), (Shape(1000, 990, False, 0, 1.0, False, True), True),
    (Shape(1000, 950, False, 0, 0, False, True), True), (Shape(1000, 1000, True, 0, 0, False, False), False),
    (Shape(1000, 400, False, 0, 0, True, False), False), (Shape(10, 10, True, 0, 0, True, False), False)])
def test_an_id_is_told_by_its_signs(shape: Shape, is_id: bool) -> None:
    assert id_like(shape)[0] is is_id
