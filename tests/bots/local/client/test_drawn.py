"""Blocks as a person reads them in a terminal."""

from typing import Any

import pytest
from rich.text import Text

from bots.local.client.drawn import Controls, head, marked, of_block, pieces, sparks
from bots.local.state import State

STATE = State({"ana": "U01"}, {"ml": "C01"}, (), lambda: 1_379_160_000.0)


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def lines(block: dict[str, Any]) -> list[str]:
    return [each.plain if isinstance(each, Text) else f"<{len(each.elements)}>" for each in of_block(STATE, block)]


@pytest.mark.parametrize(("text", "read", "styled"), [
    ("*bold* and _it_ and `code`", "bold and it and code", {"bold": "bold", "it": "italic", "code": "reverse"}),
    ("a*b*c 2 * 3 * 4 snake_case_name", "a*b*c 2 * 3 * 4 snake_case_name", {}),
    ("<@U01> <https://x.y|here> &lt;b&gt;", "@ana here <b>", {}),
    ("\\*\u2060joint*\u2060 [b]x[/b]", "\\*joint* [b]x[/b]", {}),
    ("```a\nb```", "a\nb", {"a\nb": "reverse"}),
])
def test_slacks_markup_is_style_and_everything_else_is_as_it_was_typed(
        text: str, read: str, styled: dict[str, str]) -> None:
    found = marked(STATE, text)
    assert found.plain == read
    assert {found.plain[each.start:each.end]: each.style for each in found.spans if each.style} == styled


def test_a_table_keeps_its_columns_below_each_other_whatever_the_width_of_letters() -> None:
    cells = [["name", "n"], ["日本", "1"], ["x" * 40, "2"]]
    block = {"type": "table", "rows": [[{"type": "raw_text", "text": each} for each in row] for row in cells]}
    assert lines(block) == [f"name{' ' * 26}n", f"日本{' ' * 26}1", f"{'x' * 27}…  2"]


def test_a_chart_is_bars_between_its_least_and_greatest() -> None:
    series = {"name": "PSI", "data": [{"label": day, "value": value} for day, value in (("Mon", 0.1), ("Tue", 0.3))]}
    block = {"type": "data_visualization", "title": "Drift", "chart": {
        "type": "line", "series": [series], "axis_config": {"categories": ["Mon", "Tue"]}}}
    assert lines(block) == ["Drift", "PSI  ▁█  0.1 to 0.3", "     Mon … Tue"]
    limit = {"name": "limit", "data": [{"label": day, "value": 0.2} for day in ("Mon", "Tue")]}
    block["chart"]["series"].append(limit)
    assert lines(block)[1:3] == ["PSI    ▁█  0.1 to 0.3", "limit  ▅▅  0.2 to 0.2"], "all on one scale"
    pie = {"type": "data_visualization", "title": "Who", "chart": {"type": "pie", "segments": [
        {"label": "UA", "value": 3}, {"label": "B6", "value": 1}]}}
    assert lines(pie) == ["Who", f"{'█' * 15} 75% UA", f"{'█' * 5} 25% B6"]
    assert sparks([2.0, 2.0], 2.0, 2.0) == "▁▁"


def test_pictures_are_their_words_and_what_can_be_pressed_stands_in_its_place() -> None:
    press = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}}
    image = {"type": "image", "image_url": "https://x.y/z.png", "alt_text": "PSI by [day]"}
    assert lines(image) == ["▣ PSI by [day]"]
    assert lines({"type": "section", "text": mrkdwn("*AL-7*"), "fields": [mrkdwn("since\n9 Sep")], "accessory": press}
                 ) == ["AL-7", "since  9 Sep", "<1>"]
    assert lines({"type": "section", "text": mrkdwn("x"), "accessory": image}) == ["x", "▣ PSI by [day]"]
    assert lines({"type": "context", "elements": [mrkdwn("a"), image]}) == ["a  ▣ PSI by [day]"]
    assert lines({"type": "actions", "elements": [press, press]}) == ["<2>"]


def test_rich_text_has_styles_but_no_markup() -> None:
    runs = [{"type": "text", "text": "*not bold* "}, {"type": "text", "text": "bold", "style": {"bold": True}},
            {"type": "user", "user_id": "U01"}, {"type": "emoji", "name": "eyes"},
            {"type": "link", "url": "https://x.y"}]
    block = {"type": "rich_text", "elements": [
        {"type": "rich_text_section", "elements": runs},
        {"type": "rich_text_list", "elements": [{"type": "rich_text_section", "elements": [runs[1]]}]},
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a\nb"}]}]}
    assert lines(block) == ["*not bold* bold@ana👀https://x.y", "• bold", "a", "b"]


def test_what_a_person_said_is_its_text_and_what_the_app_said_its_blocks() -> None:
    block = {"type": "actions", "block_id": "b", "elements": []}
    said = {"ts": "1379160000.000001", "user": "U01", "text": "a *b*\nc", "blocks": [block]}
    assert [each.plain for each in pieces(STATE, said) if isinstance(each, Text)] == ["a b", "c"]
    assert pieces(STATE, said | {"bot_id": "B0LOCAL"}) == [Controls(block, ())]
    assert head(STATE, said | {"is_ephemeral": True, "edited": {}}).plain == (
        f"ana  {head(STATE, said).plain[5:13]}  edited  only you see this")
