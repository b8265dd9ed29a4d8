"""What Slack accepts, checked at each limit: the largest legal value passes, one more is refused where it stands."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bots import rules

Json = dict[str, Any]


def plain(text: str = "x") -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "x") -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(), "action_id": "a", **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def options(number: int, value: str = "v", text: str = "t") -> list[Json]:
    return [{"text": plain(f"{text}{each}"), "value": f"{value}{each}"} for each in range(number)]


def select(number: int = 2, **more: Any) -> Json:
    return {"type": "static_select", "action_id": "s", "options": options(number), **more}


def entry(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain(), "element": element, **more}


def typed(**more: Any) -> Json:
    return {"type": "plain_text_input", "action_id": "t", **more}


def confirm(**more: Any) -> Json:
    return {"title": plain(), "text": plain(), "confirm": plain(), "deny": plain(), **more}


def chart(kind: str = "line", series: int = 1, points: int = 2, **more: Any) -> Json:
    labels = [f"d{each}" for each in range(points)]
    data = [{"label": label, "value": 1.5} for label in labels]
    return {"type": "data_visualization", "title": "PSI", "chart": {
        "type": kind, "series": [{"name": f"s{each}", "data": data} for each in range(series)],
        "axis_config": {"categories": labels}}, **more}


def pie(segments: int = 2, value: float = 1) -> Json:
    parts = [{"label": f"p{each}", "value": value} for each in range(segments)]
    return {"type": "data_visualization", "title": "Share", "chart": {"type": "pie", "segments": parts}}


def table(rows: int = 2, columns: int = 2, kind: str = "table") -> Json:
    return {"type": kind, "rows": [[{"type": "raw_text", "text": "x"}] * columns for _ in range(rows)]}


def message(*blocks: Json, text: str = "x") -> Json:
    return {"text": text, "blocks": list(blocks)}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("Why?"), "submit": plain("Send"), "blocks": list(blocks or [section()]),
            **more}


def home(*blocks: Json, **more: Any) -> Json:
    return {"type": "home", "blocks": list(blocks or [section()]), **more}


# what is limited, how to make it of a size, the largest legal size, and where the problem is
LIMITS: list[tuple[str, Callable[[int], Json], int, str]] = [
    ("text", lambda n: message(text="x" * n), 40_000, "/text"),
    ("blocks", lambda n: message(*[{"type": "divider"}] * n), 50, "/blocks"),
    ("section", lambda n: message(section("x" * n)), 3000, "/blocks/0/text/text"),
    ("fields", lambda n: message({"type": "section", "fields": [mrkdwn()] * n}), 10, "/blocks/0/fields"),
    ("field", lambda n: message({"type": "section", "fields": [mrkdwn("x" * n)]}), 2000, "/blocks/0/fields/0/text"),
    ("header", lambda n: message({"type": "header", "text": plain("x" * n)}), 150, "/blocks/0/text/text"),
    ("context", lambda n: message({"type": "context", "elements": [mrkdwn()] * n}), 10, "/blocks/0/elements"),
    ("actions", lambda n: message(actions(*(button(action_id=f"a{each}") for each in range(n)))), 25,
     "/blocks/0/elements"),
    ("block_id", lambda n: message(section(block_id="x" * n)), 255, "/blocks/0/block_id"),
    ("action_id", lambda n: message(actions(button(action_id="x" * n))), 255, "/blocks/0/elements/0/action_id"),
    ("button text", lambda n: message(actions(button(text=plain("x" * n)))), 75, "/blocks/0/elements/0/text/text"),
    ("button value", lambda n: message(actions(button(value="x" * n))), 2000, "/blocks/0/elements/0/value"),
    ("button url", lambda n: message(actions(button(url="x" * n))), 3000, "/blocks/0/elements/0/url"),
    ("confirm text", lambda n: message(actions(button(confirm=confirm(text=plain("x" * n))))), 300,
     "/blocks/0/elements/0/confirm/text/text"),
    ("confirm title", lambda n: message(actions(button(confirm=confirm(title=plain("x" * n))))), 100,
     "/blocks/0/elements/0/confirm/title/text"),
    ("confirm button", lambda n: message(actions(button(confirm=confirm(deny=plain("x" * n))))), 30,
     "/blocks/0/elements/0/confirm/deny/text"),
    ("select", lambda n: message(actions(select(n))), 100, "/blocks/0/elements/0/options"),
    ("overflow", lambda n: message(section(accessory=select(n, type="overflow"))), 5, "/blocks/0/accessory/options"),
    ("checkboxes", lambda n: message(actions(select(n, type="checkboxes"))), 10, "/blocks/0/elements/0/options"),
    ("radio", lambda n: message(actions(select(n, type="radio_buttons"))), 10, "/blocks/0/elements/0/options"),
    ("option text", lambda n: message(actions(select(options=options(1, text="x" * (n - 1))))), 75,
     "/blocks/0/elements/0/options/0/text/text"),
    ("option value", lambda n: message(actions(select(options=options(1, value="x" * (n - 1))))), 150,
     "/blocks/0/elements/0/options/0/value"),
    ("placeholder", lambda n: message(actions(select(placeholder=plain("x" * n)))), 150,
     "/blocks/0/elements/0/placeholder/text"),
    ("markdown", lambda n: message({"type": "markdown", "text": "x" * n}), 12_000, "/blocks/0/text"),
    ("table rows", lambda n: message(table(rows=n)), 100, "/blocks/0/rows"),
    ("table columns", lambda n: message(table(columns=n)), 20, "/blocks/0/rows/0"),
    ("data table rows", lambda n: message(table(rows=n, kind="data_table")), 201, "/blocks/0/rows"),
    ("chart title", lambda n: message(chart(title="x" * n)), 50, "/blocks/0/title"),
    ("chart series", lambda n: message(chart(series=n)), 12, "/blocks/0/chart/series"),
    ("chart points", lambda n: message(chart(points=n)), 20, "/blocks/0/chart/series/0/data"),
    ("pie", lambda n: message(pie(n)), 12, "/blocks/0/chart/segments"),
    ("modal blocks", lambda n: modal(*[{"type": "divider"}] * n), 100, "/blocks"),
    ("home blocks", lambda n: home(*[{"type": "divider"}] * n), 100, "/blocks"),
    ("title", lambda n: modal(title=plain("x" * n)), 24, "/title/text"),
    ("submit", lambda n: modal(submit=plain("x" * n)), 24, "/submit/text"),
    ("close", lambda n: modal(close=plain("x" * n)), 24, "/close/text"),
    ("private_metadata", lambda n: modal(private_metadata="x" * n), 3000, "/private_metadata"),
    ("callback_id", lambda n: modal(callback_id="x" * n), 255, "/callback_id"),
    ("label", lambda n: modal(entry(typed(), label=plain("x" * n))), 2000, "/blocks/0/label/text"),
    ("hint", lambda n: modal(entry(typed(), hint=plain("x" * n))), 2000, "/blocks/0/hint/text"),
    ("alert", lambda n: modal({"type": "alert", "text": plain("x" * n)}), 200, "/blocks/0/text/text"),
]


def surface(payload: Json) -> rules.Surface:
    kind: rules.Surface = payload.get("type", "message")
    return kind


@pytest.mark.parametrize(("make", "most", "where"), [each[1:] for each in LIMITS], ids=[each[0] for each in LIMITS])
def test_the_largest_passes_and_one_more_is_refused_where_it_stands(
        make: Callable[[int], Json], most: int, where: str) -> None:
    assert rules.problems(surface(make(most)), make(most)) == []
    found = rules.problems(surface(make(most + 1)), make(most + 1))
    assert any(f"[json-pointer:{where}]" in each for each in found), found


REFUSED: dict[str, tuple[Json, str]] = {
    "an unknown block": (message({"type": "sparkline"}), "unsupported type: sparkline"),
    "a block without a type": (message({"text": plain()}), "unsupported type"),
    "no object": (message("hello"), "must be an object"),  # type: ignore[arg-type]
    "blocks that are no list": ({"text": "x", "blocks": {}}, "must be a list"),
    "a section of nothing": (message({"type": "section"}), "missing one of: text, fields"),
    "an unknown field": (message(section(colour="red")), "invalid additional property: colour"),
    "an empty text": (message(section("")), "more than 0 characters"),
    "markup in a header": (message({"type": "header", "text": mrkdwn()}), "text object of type plain_text"),
    "markup on a button": (message(actions(button(text=mrkdwn()))), "text object of type plain_text"),
    "a bare string as text": (message({"type": "section", "text": "x"}), "text object"),
    "a style of one's own": (message(actions(button(style="warning"))), "must be primary or danger"),
    "an empty row of buttons": (message(actions()), "no fewer than 1"),
    "a picture among buttons": (message(actions({"type": "image", "alt_text": "x", "image_url": "x"})),
                                "unsupported type here: image"),
    "a button in a context": (message({"type": "context", "elements": [button()]}), "unsupported type here: button"),
    "a button in an input": (modal(entry(button())), "unsupported type here: button"),
    "the same block id twice": (message(section(block_id="a"), section(block_id="a")), "block_id 'a' is used 2 times"),
    "the same action id twice in a block": (message(actions(button(), button())), "action_id 'a' is used 2 times"),
    "two tables": (message(table(), table()), "at most 1 table"),
    "three charts": (message(chart(), chart(), chart()), "at most 2 data_visualization"),
    "a chart without a point for each day": (
        message({**chart(), "chart": {**chart()["chart"], "axis_config": {"categories": ["d0", "d1", "d2"]}}}),
        "one data point for each category"),
    "two series of one name": (
        message({**chart(), "chart": {**chart()["chart"], "series": chart()["chart"]["series"] * 2}}),
        "series names must differ"),
    "a chart of an unknown kind": (message(chart("radar")), "unsupported type here: radar"),
    "a slice of nothing": (message(pie(value=0)), "must be a number"),
    "a number that is text": (
        message({**pie(), "chart": {"type": "pie", "segments": [{"label": "a", "value": "1"}]}}), "must be a number"),
    "a ragged data table": (message({"type": "data_table", "rows": [*table(1, 2)["rows"], *table(1, 3)["rows"]]}),
                            "as many cells as the first"),
    "an unknown cell": (message({"type": "table", "rows": [[{"type": "button"}]]}), "unsupported cell"),
    "two long markdown blocks": (message(*[{"type": "markdown", "text": "x" * 6001}] * 2), "12,000 characters"),
    "too much in all": (message(*[section("x" * 2999)] * 5), "characters over all blocks"),
    "a modal without a title": ({"type": "modal", "blocks": [section()]}, "missing required field: title"),
    "inputs without a submit": (modal(entry(typed()), submit=None), "missing required field: submit"),
    "an empty modal": ({"type": "modal", "title": plain(), "blocks": []}, "no fewer than 1"),
    "an initial option that is not offered": (
        message(actions(select(initial_option=options(9)[8]))), "not among the options"),
    "a view that is no modal": ({**home(), "title": plain()}, "invalid additional property: title"),
    "a larger view than Slack takes": (modal(*[entry(typed(), hint=plain("x" * 2000), label=plain("x" * 2000))] * 70),
                                       "250,000 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_slack_refuses_is_refused(name: str) -> None:
    payload, told = REFUSED[name]
    found = rules.problems(surface(payload), payload)
    assert any(told in each for each in found), found


@pytest.mark.parametrize(("block", "allowed"), [
    ({"type": "markdown", "text": "x"}, {"message"}),
    (table(), {"message"}),
    (chart(), {"message"}),
    ({"type": "alert", "text": plain()}, {"modal"}),
    ({"type": "context_actions", "elements": [{"type": "feedback_buttons", "positive_button": {
        "text": plain(), "value": "1"}, "negative_button": {"text": plain(), "value": "0"}}]}, {"message"}),
    (entry({"type": "file_input", "action_id": "f"}), {"modal"}),
    (section(), {"message", "modal", "home"}),
    (entry(typed()), {"message", "modal", "home"}),
], ids=lambda each: each["type"] if isinstance(each, dict) else "")
def test_a_block_is_legal_only_on_its_surfaces(block: Json, allowed: set[str]) -> None:
    on: dict[rules.Surface, Json] = {"message": message(block), "modal": modal(block), "home": home(block)}
    assert {name for name, payload in on.items() if not rules.problems(name, payload)} == allowed


LEGAL = message(
    {"type": "header", "text": plain("flights-delay")}, section(accessory=button(style="danger", confirm=confirm())),
    {"type": "section", "fields": [mrkdwn(), plain()]}, {"type": "divider"},
    {"type": "context", "elements": [mrkdwn(), {"type": "image", "image_url": "https://x", "alt_text": "x"}]},
    actions(button(value="AL-7"), select(initial_option=options(2)[1]), {"type": "datepicker", "action_id": "d"},
            {"type": "users_select", "action_id": "u", "initial_user": "U01"}),
    {"type": "image", "image_url": "https://x", "alt_text": "x", "title": plain()},
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]},
    chart("bar", 3, 14), pie(), table(),
)


def test_a_card_with_everything_is_legal() -> None:
    assert rules.problems("message", LEGAL) == []
    assert rules.problems("message", {"text": "only text"}) == []


def test_what_the_sdk_refuses_is_refused_here_too() -> None:
    """slack_sdk's models are the second opinion: nothing they refuse may pass here."""
    judged = 0
    for _, make, most, _ in LIMITS:
        payload = make(most + 1)
        try:
            if surface(payload) == "message":
                for block in payload["blocks"]:
                    parsed = Block.parse(block)
                    parsed.to_dict() if parsed else None
            else:
                View(**payload).to_dict()
        except SlackObjectFormationError:
            judged += 1
            assert rules.problems(surface(payload), payload)
    assert judged > 20, "the second opinion says nothing"


JUNK = [None, [], {}, 1.5, [[]], {"type": []}, {"text": {}}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*path, name)
        yield from places(each, (*path, name))


def test_whatever_stands_in_the_place_of_anything_gets_a_verdict_and_no_traceback() -> None:
    judged = 0
    for payload in (*map(message, LEGAL["blocks"]), modal(entry(select()), entry(typed()))):
        for *way, last in places(payload):
            for junk in JUNK:
                broken = copy.deepcopy(payload)
                holder = broken
                for each in way:
                    holder = holder[each]
                holder[last] = junk
                judged += len(rules.problems(surface(payload), broken)) > 0
    assert judged > 1000, "nearly all of these are illegal"
