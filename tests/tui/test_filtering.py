"""What is typed after `/`."""

import pytest

from mlops_tui.tui.filtering import Wish, keeps, wishes
from mlops_tui.view import Row, Status

ROW: Row = {"model": "flights-delay", "status": Status.FAIL, "roles": ("lead", "scribe"), "argv": ("secret",)}


@pytest.mark.parametrize(("typed", "kept"), [
    ("", True), ("delay", True), ("DELAY", True), ("rain", False), ("!rain", True), ("!delay", False),
    ("status:fail", True), ("status:pass", False), ("!status:fail", False), ("status:", True), ("!", True),
    ("flights scribe", True), ("flights rain", False), ("secret", False), ("nothing:x", False), ("none", False)])
def test_words_keep_rows_and_a_mark_of_exclamation_leaves_them_out(typed: str, kept: bool) -> None:
    assert keeps(ROW, wishes(typed)) is kept


def test_a_colon_that_names_no_field_is_part_of_the_word() -> None:
    assert wishes("06:00 a:b !c:d") == (Wish("06:00"), Wish("b", "a"), Wish("d", "c", wanted=False))
