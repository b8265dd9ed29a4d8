"""The tree of the EU AI Act: each branch with its article, its exceptions, and what is still open."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.assurance.euact import classed
from mlops_tui.assurance.tier import EU
from mlops_tui.governance._assessing import act

NO = dict.fromkeys(act().questions, False)
BRANCHES = [each for each in act().branches if not each.leaves]


def test_what_no_branch_holds_for_is_minimal() -> None:
    found = classed(act(), NO)
    assert (found.classes, found.open) == (("minimal", "minimal"), ())
    assert "95" in found.article


@pytest.mark.parametrize("branch", BRANCHES, ids=lambda each: each.id)
def test_each_branch_gives_its_class_by_its_article(branch) -> None:
    found = classed(act(), NO | {branch.id: True})
    assert (found.classes, found.article) == ((branch.class_, branch.class_), branch.article)


@pytest.mark.parametrize(("branch", "exception"), [(each, other) for each in BRANCHES for other in each.except_],
                         ids=lambda each: each.id)
def test_an_exception_takes_its_branch_away_and_is_asked_first(branch, exception) -> None:
    assert classed(act(), NO | {branch.id: True, exception.id: True}).classes == ("minimal", "minimal")
    asked = {id: said for id, said in NO.items() if id != exception.id}
    found = classed(act(), asked | {branch.id: True})
    assert (found.classes, found.open) == (("minimal", branch.class_), (exception.id,))


def test_a_narrow_task_is_no_high_risk_unless_it_profiles_people() -> None:
    narrow = NO | {"eu-credit": True, "eu-narrow": True}
    assert classed(act(), narrow).classes == ("minimal", "minimal")
    assert classed(act(), narrow | {"eu-profiles": True}).classes == ("high", "high")
    product = NO | {"eu-product-safety": True, "eu-narrow": True}
    assert classed(act(), product).classes == ("high", "high"), "Art. 6(3) is of Annex III"
    open_ = {id: said for id, said in narrow.items() if id != "eu-profiles"}
    assert (classed(act(), open_).classes, classed(act(), open_).open) == (("minimal", "high"), ("eu-profiles",))


def test_outside_the_act_nothing_else_matters() -> None:
    found = classed(act(), NO | {"eu-social-score": True, "eu-out-of-scope": True})
    assert (found.classes, "outside" in found.article) == (("minimal", "minimal"), True)
    unsure = {id: said for id, said in NO.items() if id != "eu-out-of-scope"}
    found = classed(act(), unsure | {"eu-social-score": True})
    assert (found.classes, found.open) == (("minimal", "prohibited"), ("eu-out-of-scope",))


def test_the_gravest_of_several_counts_and_only_graver_ones_are_still_asked() -> None:
    assert classed(act(), NO | {"eu-talks": True, "eu-credit": True}).classes == ("high", "high")
    unsure = {id: said for id, said in NO.items() if id != "eu-talks"}
    assert classed(act(), unsure | {"eu-credit": True}).open == ()


@given(st.dictionaries(st.sampled_from(sorted(act().questions)), st.booleans()), st.data())
@settings(max_examples=40)
def test_whatever_is_answered_later_the_class_stays_within_what_was_said(told: dict, data) -> None:
    before = classed(act(), told)
    rest = {id: data.draw(st.booleans()) for id in act().questions if id not in told}
    after = classed(act(), told | rest)
    assert after.lowest == after.highest
    assert EU.index(before.lowest) <= EU.index(after.lowest) <= EU.index(before.highest)
