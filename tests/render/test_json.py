"""What scripts get: stable keys, UTC times, never NaN, the same document for the same view."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.render.json import as_json, canonical, plain
from mlops_tui.view import Action, Facts, Series, Status, Step, Steps, Table, Text, View

KEYS = ["schema_version", "command", "status", "title", "facts", "tables", "series", "steps", "text", "actions",
        "recorded"]
EAST = timezone(timedelta(hours=-4))
VIEW = View("3 of 12", Status.WARN, (
    Facts({"rows": 3, "at": datetime(2013, 9, 14, 6, tzinfo=EAST), "worst": Status.FAIL}),
    Table.of("columns", ({"column": "a", "value": math.nan, "hidden": (1, 2)}, {"column": "b", "value": math.inf}),
             "column", "value", total=9),
    Series("share", "line", (datetime(2013, 6, 1, tzinfo=UTC),), (math.nan,), names=("seen",)),
    Steps((Step("clean", Status.DONE, 1.5, "ok"),)), Text("why")), (Action("Why?", ("why", "flights")),))


def test_the_keys_are_those_that_were_promised() -> None:
    document = json.loads(as_json(VIEW, ("drift", "flights"), shapes={("why", "flights"): "look"}))
    assert list(document) == KEYS
    assert document["schema_version"] == 1
    assert document["command"] == ["drift", "flights"]
    assert document["facts"] == {"rows": 3, "at": "2013-09-14T10:00:00Z", "worst": "fail"}
    assert document["tables"]["columns"]["total"] == 9
    assert document["steps"] == [{"step": "clean", "status": "done", "seconds": 1.5, "detail": "ok"}]
    assert document["actions"] == [{"label": "Why?", "argv": ["why", "flights"], "asks": [], "shape": "look"}]


def test_a_row_keeps_every_key_and_what_is_no_number_is_null() -> None:
    rows = json.loads(as_json(VIEW, ()))["tables"]["columns"]["rows"]
    assert rows == [{"column": "a", "value": None, "hidden": [1, 2]}, {"column": "b", "value": None}]
    assert json.loads(as_json(VIEW, ()))["series"]["share"] == {
        "kind": "line", "x": ["2013-06-01T00:00:00Z"], "y": [None], "names": ["seen"]}


def test_an_error_and_a_plan_stand_beside_the_view() -> None:
    view = View("no", Status.ERROR)
    document = json.loads(as_json(view, (), error={"code": "bad_input"}, plan="abc", recorded=False))
    assert list(document) == [*KEYS, "plan", "error"]
    assert document["recorded"] is False


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(Status),
              st.builds(lambda since, zone: datetime(1950, 1, 1, tzinfo=zone) + since,
                        st.timedeltas(timedelta(0), timedelta(days=90000)), st.sampled_from([UTC, EAST]))),
    lambda inner: st.one_of(st.lists(inner).map(tuple), st.dictionaries(st.text(), inner)), max_leaves=10)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_any_value_becomes_strict_json_twice_the_same(values: dict[str, object]) -> None:
    view = View("x", parts=(Facts(values), Table.of("t", [values])))  # type: ignore[arg-type,list-item]
    text = as_json(view, ("x",))
    assert text == as_json(view, ("x",))
    document = json.loads(text, parse_constant=lambda word: (_ for _ in ()).throw(AssertionError(word)))
    assert document["tables"]["t"]["rows"] == [document["facts"]]
    assert canonical(view)["facts"] == {name: plain(value) for name, value in values.items()}
