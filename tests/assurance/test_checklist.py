"""Which items of a checklist are asked for: by risk, by task, until a day; and what a sign-off is given to."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import yaml

from mlops_tui.assurance import tier
from mlops_tui.assurance.checklist import _counts, applies, checklist
from mlops_tui.assurance.requirement import Case
from mlops_tui.assurance.tier import Tier
from mlops_tui.declarations import declare
from mlops_tui.declarations.applies import Applies
from mlops_tui.declarations.kinds import Checklist, Item, Label, Model, Split
from mlops_tui.declarations.scaffold import shipped
from mlops_tui.errors import Unreadable
from mlops_tui.gates import counting, verdict
from mlops_tui.view import Status
from store.facts import Assessed, Finding, SignOff, Trained

UNKNOWN, DONE, PASS = Status.UNKNOWN, Status.DONE, Status.PASS


def case(history, *items):
    return Case("m", "2", Model("binary", Label("flights", "late"), {}, Split("at")), "1", Checklist(items),
                {"model m": "today"}, history.now)


def assessed(levels=(2, 2), classes=("limited", "limited")):
    return Assessed(subject="m", questions="1", answers={}, levels=levels, classes=classes)


def test_of_every_tier_an_item_applies_where_each_that_is_possible_says_so():
    """The tier is a range of what is still possible: applies where all of it does, not where none of it does."""
    for least, eu in product((None, 1, 2, 3, 4), ("", *tier.EU)):
        if least is None and not eu:
            continue
        for low, high, below, above in product(range(1, 5), range(1, 5), range(4), range(4)):
            if low > high or below > above:
                continue
            risk = Tier(None, None, low, high, tier.EU[below], tier.EU[above])
            ends = {(least is None or level >= least) and (not eu or of_eu >= tier.EU.index(eu))
                    for level in range(low, high + 1) for of_eu in range(below, above + 1)}
            expected = ends.pop() if len(ends) == 1 else None
            assert applies(Applies(least, eu), risk, "binary") is expected, (least, eu, risk)


def test_without_an_assessment_nobody_knows_unless_the_task_says_no(history):
    item = Item("fair", sign_off="legal", applies_when=Applies(eu="high"))
    [found] = checklist(case(history, item), history.entries)
    assert (found.status, found.detail, found.next) == (
        UNKNOWN, "for EU: high or above; nobody assessed its impact", ("impact", "assess", "m@2"))
    other = replace(item, applies_when=Applies(eu="high", task="regression"))
    [found] = checklist(case(history, other), history.entries)
    assert (found.status, counting([found]), verdict([found])) == (DONE, [], UNKNOWN)


@pytest.mark.parametrize(("given", "status"), [
    (assessed(), DONE), (assessed(classes=("high", "high")), UNKNOWN),
    (assessed(classes=("limited", "high")), UNKNOWN)])
def test_an_item_for_high_risk_is_asked_of_high_risk(history, given, status):
    history.add(given)
    [found] = checklist(case(history, Item("fair", sign_off="legal", applies_when=Applies(eu="high"))), history.entries)
    assert found.status is status
    assert ("waits for a sign-off" in found.detail) == (given.classes == ("high", "high"))


def test_an_item_is_asked_for_until_its_day(history):
    day = history.now.date().isoformat()
    [over] = checklist(case(history, Item("old", sign_off="legal", expires=day)), history.entries)
    assert (over.status, over.detail) == (DONE, f"asked for until {day}")
    [asked] = checklist(case(history, Item("old", sign_off="legal", expires="2013-09-15")), history.entries)
    assert asked.status is UNKNOWN


def test_a_sign_off_is_given_to_the_files_of_the_version(history):
    def trained(artifact):
        return Trained(subject="m", version="2", candidate="c", key="k", run_id="r", artifact=artifact, training="t",
                       declaration="d", seed=1, window=("", ""), metrics={})

    item = Item("read", sign_off="approver")
    history.add(trained("one"), SignOff(subject="m@2", item="read", checklist="standard", choice="yes", reason="r",
                                        evidence="read|approver|", digest="one"))
    [found] = checklist(case(history, item), history.entries)
    assert (found.status, found.fingerprint) == (PASS, "one")
    history.add(trained("other"))
    [found] = checklist(case(history, item), history.entries)
    assert (found.status, found.detail) == (UNKNOWN, "signed for other files than the version has")


@pytest.mark.parametrize(("given", "what"), [
    ("{}", "does not say when"), ("{level_at_least: 5}", "go from 1 to 4"), ("{eu: hihg}", "'eu' is 'hihg'"),
    ("{task: forecast}", "'task' is 'forecast'")])
def test_conditions_that_are_none_are_refused(given, what):
    text = f"items: [{{id: a, sign_off: legal, applies_when: {given}}}]"
    with pytest.raises(Unreadable, match=what):
        declare.parse(Checklist, text, "checklists/c.yaml")
    with pytest.raises(Unreadable, match="expires is a day"):
        declare.parse(Checklist, "items: [{id: a, sign_off: legal, expires: soon}]", "checklists/c.yaml")


def test_the_shipped_checklist_asks_more_the_more_is_at_stake(history):
    text = dict(shipped("project"))["checklists/by-risk.yaml"].decode()
    declared = declare.parse(Checklist, text, "checklists/by-risk.yaml")
    assert len(yaml.safe_load(text)["items"]) == len(declared.items)
    asked = {}
    for classes, level in (("minimal", 1), ("limited", 2), ("high", 3)):
        history.add(assessed((level, level), (classes, classes)))
        found = checklist(case(history, *declared.items), history.entries)
        asked[classes] = {each.id for each in counting(found)}
    assert asked["minimal"] < asked["limited"] < asked["high"] == {item.id for item in declared.items}


@pytest.mark.parametrize(("found", "answers"), [
    ({"limit": 0.8, "detail": {"group": "age_group", "limits": []}}, True),
    ({"limit": 0.1, "detail": {"group": "age_group", "limits": []}}, False),
    ({"limit": 0.8, "detail": {"group": "account", "limits": []}}, False),
    ({"limit": 0.5, "detail": {"group": "age_group", "limits": [{"measure": "tpr_ratio"}]}}, False),
    ({"limit": 0.5, "detail": {"group": "age_group", "limits": [{"measure": "tpr_ratio"}]}, "monitor": "fair"}, True)])
def test_an_audit_counts_by_the_items_groups_and_by_limits_that_are_declared(
        found: dict[str, Any], answers: bool) -> None:
    item = Item("audited", finding="bias", group=("age_group",))
    fact = Finding(subject="m", check="bias", status="pass", title="t", declaration="d", **{"monitor": "", **found})
    assert _counts(item, fact) is answers
