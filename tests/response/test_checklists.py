"""A checklist with one more item keeps every comment and line that people wrote."""

from datetime import timedelta

import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Checklist, Item
from mlops_tui.errors import BadInput, Unreadable
from mlops_tui.response._checklists import with_item

ITEM = Item("labels-in", finding="health", max_age=timedelta(hours=36), title='in [80 %], "all" #1: yes',
            lesson_of="INC-1")
TEXTS = {
    "block": "# c\nitems:\n  - {id: a, finding: d}  # x\n  - id: b\n    sign_off: approver\n\n  # trailing\n",
    "block at the margin": "items:\n- id: a\n  finding: d\n  title: |\n    # no comment\n    at all\n\n"
                           "# end\ndescription: hi\n",
    "flow": "items: [{id: a, finding: d}, {id: b, sign_off: approver}]  # t\ndescription: x\n",
    "flow over lines": "items: [\n  {id: a, finding: d},  # one\n  {id: b, finding: d},\n]\n",
    "flow with a last comment": "items: [\n  {id: a, finding: d}\n  # last\n]\n",
    "empty": "items: []\n",
    "no line end": "description: x\nitems:\n  - {id: a, finding: d}",
    "windows": "items:\r\n  - {id: a, finding: d}\r\n# x\r\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_item_is_added_and_nothing_else_changes(text):
    before = parse(Checklist, text, "c.yaml")
    edited = with_item(text, ITEM, "c.yaml")
    after = parse(Checklist, edited, "c.yaml")
    assert after.items == (*before.items, ITEM)
    assert after.description == before.description
    rest = edited
    for line in text.splitlines():
        for piece in line.replace("]", "").split("  #"):
            assert piece.strip() in rest
    assert edited.count("\r\n") in (0, edited.count("\n")), "one kind of line end"


def test_a_first_item_makes_the_file():
    assert parse(Checklist, with_item("", ITEM, "c.yaml"), "c.yaml").items == (ITEM,)


def test_two_items_after_each_other():
    twice = with_item(with_item(TEXTS["block"], ITEM, "c"), Item("more", sign_off="legal"), "c")
    assert [item.id for item in parse(Checklist, twice, "c").items] == ["a", "b", "labels-in", "more"]


def test_an_id_is_used_once():
    with pytest.raises(BadInput):
        with_item(with_item("", ITEM, "c.yaml"), ITEM, "c.yaml")


@pytest.mark.parametrize("text", ["description: x\n", "items: 3\n", "items: [{id: a}]\n", "items: [\n"])
def test_what_is_no_checklist_is_refused(text):
    with pytest.raises(Unreadable):
        with_item(text, ITEM, "c.yaml")


def test_an_alias_that_cannot_be_edited_is_said_so():
    with pytest.raises(Unreadable) as problem:
        with_item("items: &all\n  - {id: a, finding: d}\ndescription: |\n  x\n  - y\nitems2: *all\n", ITEM, "c.yaml")
    assert problem.value.where.startswith("c.yaml")
